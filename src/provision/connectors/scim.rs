//! SCIM 2.0 (RFC 7643, 7644) as a client. An account is ours if its `externalId` says so; whoever else has the name
//! keeps it.

mod calls;
#[cfg(test)]
mod fake;
mod groups;
mod http;
#[cfg(test)]
mod tests;
mod wire;

pub use calls::Call;

use self::http::Http;
use crate::account::{Actual, Desired, Profile, Seen, Step};
use crate::provision::connector::{Connector, Fault, Key, Refusal};
use futures_util::future::BoxFuture;
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use url::Url;

/// Where a SCIM server is and what opens it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// The server's base URL, to which `/Users` is added.
    pub scim: Url,
    /// The bearer token.
    #[serde(deserialize_with = "secret")]
    pub token: SecretString,
}

impl PartialEq for Settings {
    /// Whether both lead to the same server with the same token.
    fn eq(&self, other: &Self) -> bool {
        let Self { scim, token } = self;
        *scim == other.scim && token.expose_secret() == other.token.expose_secret()
    }
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}

/// A SCIM server's accounts.
pub struct Scim {
    http: Http,
    /// Held while a group is looked up and created: `displayName` need not be unique (RFC 7643, section 4.2), so two
    /// first members at once would make two groups.
    creating_group: Mutex<()>,
}

impl Scim {
    /// A client for the server of `settings`. Connects to nothing yet.
    ///
    /// # Errors
    /// When no HTTP client can be made, as without any root certificates.
    pub fn new(settings: &Settings) -> Result<Self, reqwest::Error> {
        Ok(Self { http: Http::new(settings)?, creating_group: Mutex::default() })
    }

    /// Our account, by the target's own id where that is known, else by our external id.
    async fn find(&self, key: &Key) -> Result<Option<Value>, Fault> {
        let mut stranger = None;
        if let Some(id) = &key.native_id {
            let reply = self.http.get(&["Users", id]).await?;
            if reply.status != StatusCode::NOT_FOUND {
                let user = reply.resource()?;
                if wire::text(&user, "externalId") == Some(&key.external_id) {
                    return Ok(Some(user));
                }
                stranger = Some(id);
            }
        }
        match (self.search("Users", "externalId", &key.external_id).await?, stranger) {
            (None, Some(id)) => {
                let said = format!("account {id} no longer carries our external id, so we leave it alone");
                Err(Fault::refused(Refusal::Conflict, said))
            }
            (found, _) => Ok(found),
        }
    }

    /// The one resource whose `attribute` is `value`.
    async fn search(&self, kind: &str, attribute: &str, value: &str) -> Result<Option<Value>, Fault> {
        let found = self.http.search(kind, attribute, value).await?.resources()?;
        // External ids are case-exact, names are not; a server that ignores filters would hand us anybody.
        let same = |found: &str| match attribute {
            "externalId" => found == value,
            _ => found.to_lowercase() == value.to_lowercase(),
        };
        if !found.iter().all(|resource| wire::text(resource, attribute).is_some_and(same)) {
            return Err(Fault::refused(Refusal::Invalid, format!("does not filter {kind} by {attribute}")));
        }
        match <[Value; 1]>::try_from(found) {
            Ok([resource]) => Ok(Some(resource)),
            Err(none) if none.is_empty() => Ok(None),
            Err(many) => {
                let said = format!("{} of {kind} have {attribute} \"{value}\"", many.len());
                Err(Fault::refused(Refusal::Conflict, said))
            }
        }
    }

    async fn create(&self, key: &Key, profile: &Profile) -> Result<Option<String>, Fault> {
        let reply = self.http.write(Method::POST, &["Users"], &wire::user(&key.external_id, profile)).await?;
        if reply.status != StatusCode::CONFLICT {
            // Where the body was lost, the next look finds the id.
            return Ok(reply.done()?.and_then(|user| wire::id(&user)));
        }
        // Made by a call whose answer was lost, or by another worker: then it is ours.
        if let Some(user) = self.search("Users", "externalId", &key.external_id).await? {
            return Ok(wire::id(&user));
        }
        let name = &profile.user_name;
        match self.search("Users", "userName", name).await? {
            Some(user) if wire::text(&user, "externalId") == Some(&key.external_id) => Ok(wire::id(&user)),
            Some(_) => {
                let said = format!(
                    "an account \"{name}\" exists that does not carry our external id; it is not taken over"
                );
                Err(Fault::refused(Refusal::Conflict, said))
            }
            // Somebody has it whom a search does not show (yet).
            None => Err(Fault::transient(reply.fault().to_string())),
        }
    }

    async fn patch_user(&self, id: &str, operations: Value) -> Result<(), Fault> {
        let reply = self.http.write(Method::PATCH, &["Users", id], &wire::patch(operations)).await?;
        // Gone meanwhile: the next look sees that, and what follows from it.
        if reply.status == StatusCode::NOT_FOUND { Ok(()) } else { reply.done().map(drop) }
    }
}

impl Connector for Scim {
    fn observe<'a>(&'a self, key: &'a Key, wanted: &'a Desired) -> BoxFuture<'a, Result<Actual, Fault>> {
        Box::pin(async move {
            let Some(user) = self.find(key).await? else { return Ok(Actual::Absent) };
            let Some(native_id) = wire::id(&user) else {
                return Err(Fault::transient("an account without id"));
            };
            let blank = Profile::default();
            let profile = if let Desired::Active(profile) = wanted { profile } else { &blank };
            let attribute = |name: &String| Some((name.clone(), wire::attribute(&user, name)?));
            let owned = |name| wire::text(&user, name).map(str::to_owned);
            Ok(Actual::Present(Seen {
                active: wire::is_active(&user),
                user_name: owned("userName").unwrap_or_default(),
                display_name: owned("displayName"),
                email: wire::email(&user),
                groups: self.groups_of(&user, &native_id, profile).await?,
                attributes: profile.attributes.keys().filter_map(attribute).collect(),
                native_id,
            }))
        })
    }

    fn apply<'a>(&'a self, key: &'a Key, step: &'a Step) -> BoxFuture<'a, Result<Option<String>, Fault>> {
        let activate = |on: bool| json!([{ "op": "replace", "path": "active", "value": on }]);
        Box::pin(async move {
            match step {
                Step::Create(profile) => {
                    wire::check(profile)?;
                    return self.create(key, profile).await;
                }
                Step::Enable { native_id } => self.patch_user(native_id, activate(true)).await?,
                Step::Disable { native_id } => self.patch_user(native_id, activate(false)).await?,
                Step::Update { native_id, profile } => {
                    wire::check(profile)?;
                    self.patch_user(native_id, wire::replace(profile)).await?;
                }
                Step::Join { native_id, group } => self.join(native_id, group).await?,
                Step::Leave { native_id, group } => self.leave(native_id, group).await?,
            }
            Ok(None)
        })
    }
}
