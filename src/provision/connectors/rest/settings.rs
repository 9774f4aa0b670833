//! A target that a description is for: where it is, what opens it, and what the description wants to know.

use super::check::check;
use super::description::{AuthKind, Description};
use super::library;
use crate::document::{Document, Mistake, Mistakes, Segment, closest};
use crate::provision::connectors::{Facts, Open};
use crate::provision::http::Auth;
use crate::provision::tokens::{Credentials, Tokens};
use reqwest::header::HeaderName;
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use url::Url;

/// As it is written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in super::super) struct Written {
    /// The path of a description, or the name of one that comes with the program.
    rest: String,
    /// The address to which the paths of the description are added.
    url: Url,
    /// What opens it.
    auth: Option<Shown>,
    /// What the description wants to know.
    #[serde(default)]
    settings: BTreeMap<String, Value>,
}

/// How we show who we are.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Shown {
    /// A bearer token (RFC 6750).
    Bearer(#[schemars(with = "String")] SecretString),
    /// A name and a password (RFC 7617).
    Basic(NamePassword),
    /// A header of the target's own.
    Header(NameValue),
    /// Client credentials (RFC 6749, section 4.4).
    Oauth(Credentials),
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NamePassword {
    /// The name.
    user: String,
    /// The password.
    #[schemars(with = "String")]
    password: SecretString,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NameValue {
    /// Of the header.
    name: String,
    /// Its value.
    #[schemars(with = "String")]
    value: SecretString,
}

/// A target that a description is for.
#[derive(Debug, Clone)]
pub struct Settings {
    pub(super) url: Url,
    auth: Option<Shown>,
    settings: BTreeMap<String, Value>,
    pub(super) description: Arc<Description>,
    /// The text of the description: another text is another target.
    text: String,
}

impl Settings {
    /// Reads the settings, and the description that they name. What is wrong with either is told where it stands.
    pub(in super::super) fn read(own: &Document, open: Open<'_>, mistakes: &mut Mistakes) -> Option<Self> {
        let written: Written = own.read(mistakes)?;
        let at = |path: &[&str], message: String| {
            own.mistake(&path.iter().copied().map(Segment::from).collect::<Vec<_>>(), message)
        };
        let (description, text) = if library::is_name(&written.rest) {
            let found = library::find(&written.rest);
            let found = found.map_err(|(message, hint)| mistakes.push(at(&["rest"], message).hint(hint)));
            (found.ok()??, written.rest.clone())
        } else {
            let (path, text) = open(Path::new(&written.rest));
            let name = path.display().to_string();
            let text = text.map_err(|error| {
                mistakes.push(at(&["rest"], format!("{name} cannot be read: {error}")));
            });
            let text = text.ok()?;
            (check(&name, &text, mistakes)?, text)
        };
        let before = mistakes.errors();
        mistakes.extend(
            wrong_auth(&written, &description).map(|(message, hint)| at(&["auth"], message).hint(hint)),
        );
        mistakes.extend(wrong_settings(&written, &description, &at));
        let Written { url, auth, settings, .. } = written;
        (mistakes.errors() == before).then(|| Self {
            url,
            auth,
            settings,
            description: description.into(),
            text,
        })
    }

    pub(in super::super) fn facts(&self) -> Facts<'_> {
        let mut facts = Facts { addresses: vec![(&["url"], &self.url)], ..Facts::default() };
        match &self.auth {
            None => {}
            Some(Shown::Bearer(token)) => facts.secrets.push((&["auth", "bearer"], token)),
            Some(Shown::Basic(basic)) => {
                facts.secrets.push((&["auth", "basic", "password"], &basic.password))
            }
            Some(Shown::Header(header)) => facts.secrets.push((&["auth", "header", "value"], &header.value)),
            Some(Shown::Oauth(credentials)) => {
                facts.secrets.push((&["auth", "oauth", "client-secret"], &credentials.client_secret));
                facts.addresses.push((&["auth", "oauth", "token-url"], &credentials.token_url));
            }
        }
        facts
    }

    /// What opens the target, as requests show it.
    pub(super) fn auth(&self) -> Auth {
        match &self.auth {
            None => Auth::None,
            Some(Shown::Bearer(token)) => Auth::Bearer(token.clone()),
            Some(Shown::Basic(basic)) => Auth::Basic(basic.user.clone(), basic.password.clone()),
            // The name was checked when it was read.
            Some(Shown::Header(header)) => match HeaderName::try_from(&header.name) {
                Ok(name) => Auth::Header(name, header.value.clone()),
                Err(_) => Auth::None,
            },
            Some(Shown::Oauth(credentials)) => Auth::Tokens(Tokens::new(credentials.clone())),
        }
    }

    /// The settings and the defaults of the others, as expressions name them.
    pub(super) fn values(&self) -> Value {
        let declared = self.description.needs.settings.iter();
        let value = |(name, setting): (&String, &super::description::Setting)| {
            let value = self.settings.get(name).or(setting.default.as_ref()).cloned();
            (name.replace('-', "_"), value.unwrap_or(Value::Null))
        };
        Value::Object(declared.map(value).collect::<Map<_, _>>())
    }
}

impl PartialEq for Settings {
    /// Whether both lead to the same place, in the same way, with the same credentials.
    fn eq(&self, other: &Self) -> bool {
        let Self { url, auth, settings, description: _, text } = self;
        let secret = SecretString::expose_secret;
        let same_auth = match (auth, &other.auth) {
            (None, None) => true,
            (Some(Shown::Bearer(one)), Some(Shown::Bearer(two))) => secret(one) == secret(two),
            (Some(Shown::Basic(one)), Some(Shown::Basic(two))) => {
                one.user == two.user && secret(&one.password) == secret(&two.password)
            }
            (Some(Shown::Header(one)), Some(Shown::Header(two))) => {
                one.name == two.name && secret(&one.value) == secret(&two.value)
            }
            (Some(Shown::Oauth(one)), Some(Shown::Oauth(two))) => one == two,
            _ => false,
        };
        (url, settings, text) == (&other.url, &other.settings, &other.text) && same_auth
    }
}

/// What is wrong with how the target says who we are, and what would be right.
fn wrong_auth(written: &Written, description: &Description) -> Option<(String, String)> {
    let wanted = &description.needs.auth;
    let names = wanted.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(" or ");
    let said = match &written.auth {
        None => None,
        Some(Shown::Bearer(_)) => Some(AuthKind::Bearer),
        Some(Shown::Basic(_)) => Some(AuthKind::Basic),
        Some(Shown::Header(header)) => {
            if HeaderName::try_from(&header.name).is_err() {
                return Some((
                    format!("\"{}\" is no name of a header", header.name),
                    "as in X-Api-Key".into(),
                ));
            }
            Some(AuthKind::Header)
        }
        Some(Shown::Oauth(_)) => Some(AuthKind::Oauth),
    };
    let title = &description.title;
    match said {
        Some(kind) if wanted.is_empty() => {
            Some((format!("{title} is not opened by {}", kind.name()), "leave `auth` out".into()))
        }
        Some(kind) if !wanted.contains(&kind) => {
            Some((format!("{title} is not opened by {}", kind.name()), format!("it wants {names}")))
        }
        None if !wanted.is_empty() => Some((format!("nothing opens {title}"), format!("auth: {names}"))),
        _ => None,
    }
}

fn wrong_settings(
    written: &Written,
    description: &Description,
    at: &impl Fn(&[&str], String) -> Mistake,
) -> Vec<Mistake> {
    let declared = &description.needs.settings;
    let unknown = written.settings.keys().filter(|name| !declared.contains_key(*name)).map(|name| {
        let hint = match closest(name, declared.keys().map(String::as_str)) {
            Some(meant) => format!("did you mean \"{meant}\"?"),
            None if declared.is_empty() => "it has none".to_owned(),
            None => format!("it has {}", declared.keys().cloned().collect::<Vec<_>>().join(", ")),
        };
        let message = format!("{} has no setting \"{name}\"", description.title);
        at(&["settings", name], message).hint(hint)
    });
    let odd = written.settings.iter().filter(|(_, value)| super::expression::text(value).is_none());
    let odd = odd.map(|(name, _)| {
        at(&["settings", name], format!("\"{name}\" is to be a text, a number, true or false"))
    });
    let missing = declared
        .iter()
        .filter(|(name, setting)| setting.default.is_none() && !written.settings.contains_key(name.as_str()));
    let missing = missing.map(|(name, setting)| {
        at(&["settings"], format!("{} wants the setting \"{name}\"", description.title)).hint(&*setting.about)
    });
    unknown.chain(odd).chain(missing).collect()
}

impl AuthKind {
    fn name(self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::Basic => "basic",
            Self::Header => "header",
            Self::Oauth => "oauth",
        }
    }
}
