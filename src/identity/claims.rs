//! What a provider says of a person.

use crate::names::ProviderName;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use url::Url;

/// The identity of a person at one provider (OpenID Connect Core, section 2: `iss` and `sub`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Subject {
    /// The issuer, as its ID tokens name it: compared to the letter.
    pub issuer: String,
    /// The subject: compared to the letter.
    pub sub: String,
}

/// By what a provider vouches for somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Voucher {
    /// By an ID token: they have signed in.
    IdToken,
    /// By an access token that they have given to a program.
    AccessToken,
    /// By an access token that a program got for itself: there is no person.
    Machine,
}

impl Voucher {
    const ALL: [(Self, &str); 3] =
        [(Self::IdToken, "id_token"), (Self::AccessToken, "access_token"), (Self::Machine, "machine")];
}

impl fmt::Display for Voucher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Self::ALL.iter().filter(|(one, _)| one == self).try_for_each(|(_, word)| f.write_str(word))
    }
}

impl FromStr for Voucher {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(_, word)| *word == text);
        found.map(|(one, _)| *one).ok_or_else(|| format!("nobody vouches by \"{text}\""))
    }
}

/// How one provider tells groups.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct GroupsSettings {
    /// Path of the claim that lists the groups: `groups`, or nested as in `realm_access.roles`.
    #[serde(default = "default_claim")]
    pub claim: String,
    /// What it means when the claim is absent.
    #[serde(default)]
    pub absent: WhenAbsent,
    /// Microsoft Graph, where it is to be asked for the groups of people who are in more than fit into a token.
    pub graph: Option<Url>,
}

fn default_claim() -> String {
    "groups".to_owned()
}

impl Default for GroupsSettings {
    fn default() -> Self {
        Self { claim: default_claim(), absent: WhenAbsent::default(), graph: None }
    }
}

/// What an absent groups claim means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WhenAbsent {
    /// The provider did not say: nothing new is granted, nothing is taken away before its end.
    #[default]
    Unknown,
    /// The person is in no group.
    Empty,
}

/// The groups of a person, or that they are not known. Unknown is neither empty nor unchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Groups {
    /// All groups the provider lists.
    Known(BTreeSet<String>),
    /// The provider did not list them; why, in words.
    Unknown(String),
}

/// Claims about a person, verified or supposed: what a policy looks at. Only [`Claims`] let anybody in.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimSet {
    provider: ProviderName,
    values: Map<String, Value>,
    groups: Groups,
}

impl ClaimSet {
    /// The claims `values` as `provider` sends them.
    pub fn new(provider: ProviderName, mut values: Map<String, Value>, settings: &GroupsSettings) -> Self {
        // Some providers write these as texts, at userinfo above all.
        for name in ["email_verified", "phone_number_verified"] {
            if let Some(told) = values.get_mut(name) {
                match told.as_str() {
                    Some("true") => *told = Value::Bool(true),
                    Some("false") => *told = Value::Bool(false),
                    _ => {}
                }
            }
        }
        let groups = groups(&values, settings);
        Self { provider, values, groups }
    }

    /// The provider that said so.
    pub fn provider(&self) -> &ProviderName {
        &self.provider
    }

    /// The groups of the person.
    pub fn groups(&self) -> &Groups {
        &self.groups
    }

    /// Whether the provider has left out groups, since there are too many, and says so.
    pub fn lacks_groups(&self, settings: &GroupsSettings) -> bool {
        self.get(&settings.claim).is_none() && overage(&self.values, &settings.claim)
    }

    /// All claims.
    pub fn values(&self) -> &Map<String, Value> {
        &self.values
    }

    /// The claim at `path`: a claim of that very name (`https://example.com/groups`, where names hold dots),
    /// else one nested at each dot (`address.country`). `None` where it is absent or null.
    pub fn get(&self, path: &str) -> Option<&Value> {
        lookup(&self.values, path)
    }

    /// The claim at `path` if it is a text.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.get(path).and_then(Value::as_str)
    }

    /// The e-mail address, where the provider says that it is verified. One that others might read otherwise is none.
    pub fn verified_email(&self) -> Option<&str> {
        let verified = self.get("email_verified") == Some(&Value::Bool(true));
        verified.then(|| self.text("email")).flatten().filter(|address| is_plain(address))
    }
}

/// Whether an address has one `@`, nothing quoted before it, and after it a domain in ASCII (CVE-2026-40574).
fn is_plain(address: &str) -> bool {
    let plain =
        |letter: char| !letter.is_control() && !letter.is_whitespace() && !"@\"()<>,;:\\[]".contains(letter);
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    address.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && local.chars().all(plain) && domain.split('.').all(label)
    })
}

fn lookup<'a>(values: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    let found = values.get(path).or_else(|| {
        let (head, rest) = path.split_once('.')?;
        lookup(values.get(head)?.as_object()?, rest)
    });
    found.filter(|value| !value.is_null())
}

fn groups(values: &Map<String, Value>, settings: &GroupsSettings) -> Groups {
    let claim = &settings.claim;
    match lookup(values, claim) {
        Some(Value::Array(items)) => {
            let named: Option<BTreeSet<String>> =
                items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
            named.map_or_else(
                || Groups::Unknown(format!("claim {claim} holds more than names")),
                Groups::Known,
            )
        }
        Some(Value::String(one)) => Groups::Known(BTreeSet::from([one.clone()])),
        Some(_) => Groups::Unknown(format!("claim {claim} is not a list of names")),
        // Entra sends these instead of the list above 200 groups.
        None if overage(values, claim) => Groups::Unknown(format!("too many groups for claim {claim}")),
        None if settings.absent == WhenAbsent::Empty => Groups::Known(BTreeSet::new()),
        None => Groups::Unknown(format!("claim {claim} is absent")),
    }
}

/// A moment as tokens tell it (NumericDate: RFC 7519, section 2), which may have a fraction; that is left out.
pub fn date(value: Option<&Value>) -> Option<Timestamp> {
    let value = value?;
    let whole = value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds.floor() as i64));
    Timestamp::from_second(whole?).ok()
}

/// Whether an audience (`aud`: one text, or several; RFC 7519, section 4.1.3) names somebody of whom `ours` holds.
pub(super) fn is_for(audience: Option<&Value>, ours: impl Fn(&str) -> bool) -> bool {
    let ours = |one: &Value| one.as_str().is_some_and(&ours);
    match audience {
        Some(Value::Array(many)) => many.iter().any(ours),
        Some(one) => ours(one),
        None => false,
    }
}

fn overage(values: &Map<String, Value>, claim: &str) -> bool {
    let elsewhere =
        values.get("_claim_names").and_then(Value::as_object).is_some_and(|names| names.contains_key(claim));
    let flagged = matches!(values.get("hasgroups"), Some(Value::Bool(true)))
        || values.get("hasgroups").and_then(Value::as_str) == Some("true");
    elsewhere || flagged
}

/// Claims that a provider has vouched for. Only verification makes them, so whoever holds some need not ask
/// whether they are genuine.
#[derive(Debug, Clone)]
pub struct Claims {
    subject: Subject,
    set: ClaimSet,
    voucher: Voucher,
}

impl Claims {
    /// For those alone that verify.
    pub(super) fn vouched(subject: Subject, set: ClaimSet, voucher: Voucher) -> Self {
        Self { subject, set, voucher }
    }

    /// Claims that nobody vouched for, for tests of what comes after.
    #[cfg(test)]
    pub(crate) fn supposed(set: ClaimSet) -> Self {
        let sub = set.text("sub").unwrap_or_default().to_owned();
        let subject = Subject { issuer: format!("https://{}.example", set.provider()), sub };
        Self::vouched(subject, set, Voucher::IdToken)
    }

    /// The same with what else the provider says of the person. What it has said already stands.
    pub fn with(self, more: Map<String, Value>, groups: &GroupsSettings) -> Self {
        let Self { subject, set, voucher } = self;
        let mut values = more;
        values.extend(set.values);
        Self { subject, set: ClaimSet::new(set.provider, values, groups), voucher }
    }

    /// Who it is.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// What is said of them.
    pub fn set(&self) -> &ClaimSet {
        &self.set
    }

    /// By what the provider vouches for it.
    pub fn voucher(&self) -> Voucher {
        self.voucher
    }

    /// The provider's own session (`sid`), where it names one.
    pub fn sid(&self) -> Option<&str> {
        self.set.text("sid")
    }
}
