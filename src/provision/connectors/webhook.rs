//! Our own protocol, for what speaks nothing else: every look and every step is one signed POST (Standard Webhooks) to a
//! receiver that an operator writes. docs/targets/webhook.md has one.
//!
//! The receiver answers a look with the account as it is, which is ours if it carries our external id. Steps say absolute
//! values, so one that comes twice is one that comes once; it comes with the same id then, too.

mod sign;
#[cfg(test)]
mod tests;

use self::sign::Key as Secret;
use super::{Facts, expiry};
use crate::account::{Actual, Desired, Entitlement, Expiry, Profile, Seen, Step};
use crate::clock::Clock;
use crate::provision::connector::{Abilities, Call, Connector, Fault, Key, Refusal};
use crate::provision::http::{Ask, Auth, Http, Reply};
use crate::provision::pace::Pace;
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, StatusCode};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use url::Url;

const JSON: &str = "application/json";
/// In what units the receiver is told when to close an account by itself.
const UNIT: SignedDuration = SignedDuration::from_secs(1);

/// Where the receiver is and what it knows us by.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// The receiver's address.
    pub webhook: Url,
    /// The key that requests are signed with: `whsec_` and 24 to 64 bytes in base64.
    pub secret: Secret,
    /// What the receiver can do besides: making, changing, closing and opening accounts is asked of every one.
    #[serde(default)]
    pub can: BTreeSet<Ability>,
}

/// What not every receiver can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ability {
    /// `account.delete`.
    Delete,
    /// `account.end-sessions`.
    EndSessions,
    /// `account.hand-over`.
    HandOver,
}

impl Settings {
    pub(super) fn facts(&self) -> Facts<'_> {
        Facts { addresses: vec![(&["webhook"], &self.webhook)], ..Facts::default() }
    }
}

/// A receiver's accounts.
pub struct Webhook {
    http: Http,
    settings: Settings,
    clock: Clock,
}

impl Webhook {
    /// A client for the receiver of `settings`. Connects to nothing yet.
    ///
    /// # Errors
    /// When no HTTP client can be made, as without any root certificates.
    pub fn new(settings: &Settings, pace: Pace) -> Result<Self, reqwest::Error> {
        let http = Http::new(settings.webhook.clone(), Auth::None, JSON, pace)?;
        Ok(Self { http, settings: settings.clone(), clock: Clock::system() })
    }

    /// Posts `data` as something of this `kind`. The id is the same for what is the same.
    async fn post(&self, kind: &str, key: &Key, data: Value, write: bool) -> Result<Reply, Fault> {
        let now = self.clock.wall();
        let id = match write {
            true => sign::id(&[kind, &key.external_id, &data.to_string()]),
            // Two looks are never the same look.
            false => sign::id(&[kind, &key.external_id, &now.to_string()]),
        };
        let body = json!({ "type": kind, "timestamp": now, "data": data }).to_string();
        let headers = self.settings.secret.headers(&id, now, &body);
        let (method, url) = (Method::POST, self.settings.webhook.clone());
        self.http.ask(Ask { method, url, headers, body: Some((JSON.into(), body)), write }).await
    }
}

/// The account as a receiver tells it.
#[derive(Deserialize)]
struct Told {
    id: String,
    external_id: String,
    active: bool,
    user_name: String,
    display_name: Option<String>,
    email: Option<String>,
    #[serde(default)]
    groups: BTreeSet<String>,
    #[serde(default)]
    roles: BTreeSet<String>,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    #[serde(default, with = "end")]
    expires: Option<Option<Timestamp>>,
}

/// `null`, and not saying anything, are two things.
mod end {
    use super::{Deserialize, Timestamp};
    use serde::Deserializer;

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Option<Timestamp>>, D::Error> {
        Option::deserialize(deserializer).map(Some)
    }
}

impl Told {
    fn seen(self, wanted: &Desired) -> Seen {
        let wanted = if let Desired::Active(profile) = wanted { profile.expires } else { None };
        let groups = self.groups.into_iter().map(Entitlement::Group);
        Seen {
            native_id: self.id,
            active: self.active,
            user_name: self.user_name,
            display_name: self.display_name,
            email: self.email,
            entitlements: groups.chain(self.roles.into_iter().map(Entitlement::Role)).collect(),
            attributes: self.attributes,
            expires: match self.expires {
                None => Expiry::NotKept,
                Some(held) => expiry::seen(held, wanted, UNIT),
            },
        }
    }
}

/// What is asked of the receiver to take `step`: its type, and what it is told.
fn told(key: &Key, step: &Step) -> (&'static str, Value) {
    let to = |id: &String| json!({ "external_id": key.external_id, "id": id });
    let with = |id: &String, name: &str, value: Value| {
        let mut data = to(id);
        data[name] = value;
        data
    };
    match step {
        Step::Create(profile) => {
            ("account.create", json!({ "external_id": key.external_id, "account": account(profile) }))
        }
        Step::Adopt { native_id } => ("account.adopt", to(native_id)),
        Step::Enable { native_id } => ("account.enable", to(native_id)),
        Step::Disable { native_id } => ("account.disable", to(native_id)),
        Step::EndSessions { native_id } => ("account.end-sessions", to(native_id)),
        Step::HandOver { native_id, heir } => ("account.hand-over", with(native_id, "heir", json!(heir))),
        Step::Delete { native_id } => ("account.delete", to(native_id)),
        Step::Update { native_id, profile } => {
            ("account.update", with(native_id, "account", account(profile)))
        }
        Step::Give { native_id, entitlement } => {
            ("account.give", with(native_id, "entitlement", json!(entitlement)))
        }
        Step::Take { native_id, entitlement } => {
            ("account.take", with(native_id, "entitlement", json!(entitlement)))
        }
    }
}

/// What an account is to look like; what is not named stays as it is.
fn account(profile: &Profile) -> Value {
    json!({
        "user_name": profile.user_name,
        "display_name": profile.display_name,
        "email": profile.email,
        "attributes": profile.attributes,
        "expires": profile.expires.map(|end| expiry::second_lock(end, UNIT)),
    })
}

impl Connector for Webhook {
    fn abilities(&self) -> Abilities {
        let can = |ability| self.settings.can.contains(&ability);
        Abilities {
            delete: can(Ability::Delete),
            sessions: can(Ability::EndSessions),
            hand_over: can(Ability::HandOver),
            ..Abilities::default()
        }
    }

    fn observe<'a>(&'a self, key: &'a Key, wanted: &'a Desired) -> BoxFuture<'a, Result<Actual, Fault>> {
        Box::pin(async move {
            let data = json!({ "external_id": key.external_id, "id": key.native_id });
            let reply = self.post("account.look", key, data, false).await?;
            if !reply.status.is_success() {
                return Err(reply.fault());
            }
            // "There is none" is said, and not left out: a receiver that forgot to answer has not lost an account.
            let answer = reply.json().unwrap_or_default();
            let told = match answer.get("account") {
                Some(Value::Null) => return Ok(Actual::Absent),
                Some(account) => Told::deserialize(account).map_err(|error| error.to_string()),
                None => return Err(Fault::transient("answers a look without \"account\"")),
            };
            let told = told.map_err(|error| {
                Fault::refused(
                    Refusal::Invalid,
                    format!("answers with an account that cannot be read: {error}"),
                )
            })?;
            if told.external_id != key.external_id {
                let said =
                    format!("account {} does not carry our external id, so we leave it alone", told.id);
                return Err(Fault::refused(Refusal::Conflict, said));
            }
            Ok(Actual::Present(told.seen(wanted)))
        })
    }

    fn apply<'a>(&'a self, key: &'a Key, step: &'a Step) -> BoxFuture<'a, Result<Option<String>, Fault>> {
        Box::pin(async move {
            let (kind, data) = told(key, step);
            let reply = self.post(kind, key, data, true).await?;
            // Gone meanwhile: the next look sees that, and what follows from it.
            if reply.status == StatusCode::NOT_FOUND && !matches!(step, Step::Create(_)) {
                return Ok(None);
            }
            let answer = reply.done()?.unwrap_or_default();
            Ok(answer.get("id").and_then(Value::as_str).map(str::to_owned))
        })
    }

    fn calls(&self, step: &Step) -> Vec<Call> {
        let key = Key { external_id: "(external id)".into(), native_id: None };
        let (kind, data) = told(&key, step);
        let what = ["account", "entitlement", "heir"].iter().find_map(|name| data.get(*name));
        vec![Call::new("POST", kind, what.map_or_else(|| "the account".to_owned(), Value::to_string))]
    }
}
