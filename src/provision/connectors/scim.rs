//! SCIM 2.0 (RFC 7643, 7644) as a client. An account is ours if its `externalId` says so; whoever else has the name
//! keeps it.

mod calls;
mod dialect;
mod edit;
#[cfg(test)]
mod fake;
mod features;
mod groups;
mod guests;
mod server;
#[cfg(test)]
mod tests;
mod wire;

use self::dialect::{Capabilities, Deletion, Dialect, Manner, Names};
use self::edit::Edit;
use self::server::Server;
use super::Facts;
use crate::account::{Actual, Candidate, Desired, Entitlement, Expiry, Profile, Seen, Step};
use crate::provision::connector::{Abilities, By, Call, Connector, Fault, Key, Page, Refusal};
use crate::provision::http::Auth;
use crate::provision::pace::Pace;
use crate::provision::tokens::{Credentials, Tokens};
use futures_util::future::BoxFuture;
use reqwest::StatusCode;
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;
use url::Url;

/// Where a SCIM server is and what opens it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(try_from = "Written")]
#[schemars(with = "Written")]
pub struct Settings {
    scim: Url,
    opened_by: Opener,
    dialect: Dialect,
    capabilities: Capabilities,
}

/// What opens the server.
#[derive(Debug, Clone)]
enum Opener {
    Token(SecretString),
    Oauth(Credentials),
}

/// As they are written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    /// The server's base URL, to which `/Users` is added.
    scim: Url,
    /// The bearer token (RFC 6750); or else `oauth`.
    #[schemars(with = "Option<String>")]
    token: Option<SecretString>,
    /// What access tokens are asked for with (RFC 6749, section 4.4), where the server wants such.
    oauth: Option<Credentials>,
    /// Whose SCIM it is.
    #[serde(default)]
    dialect: Dialect,
    /// What the server can do otherwise than its dialect says.
    #[serde(default)]
    capabilities: Capabilities,
}

impl TryFrom<Written> for Settings {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        let Written { scim, token, oauth, dialect, capabilities } = written;
        let opened_by = match (token, oauth) {
            (Some(token), None) => Opener::Token(token),
            (None, Some(credentials)) => Opener::Oauth(credentials),
            (None, None) => return Err("nothing opens the server: give `token`, or `oauth`"),
            (Some(_), Some(_)) => return Err("either `token` opens the server or `oauth`, not both"),
        };
        Ok(Self { scim, opened_by, dialect, capabilities })
    }
}

impl Settings {
    pub(super) fn facts(&self) -> Facts<'_> {
        let mut facts = Facts { addresses: vec![(&["scim"], &self.scim)], secrets: Vec::new() };
        match &self.opened_by {
            Opener::Token(token) => facts.secrets.push((&["token"], token)),
            Opener::Oauth(credentials) => {
                facts.addresses.push((&["oauth", "token-url"], &credentials.token_url));
                facts.secrets.push((&["oauth", "client-secret"], &credentials.client_secret));
            }
        }
        facts
    }

    fn auth(&self) -> Auth {
        match &self.opened_by {
            Opener::Token(token) => Auth::Bearer(token.clone()),
            Opener::Oauth(credentials) => Auth::Tokens(Tokens::new(credentials.clone())),
        }
    }
}

impl PartialEq for Settings {
    /// Whether both lead to the same server, opened by the same, and speak alike.
    fn eq(&self, other: &Self) -> bool {
        let Self { scim, opened_by, dialect, capabilities } = self;
        let same_opener = match (opened_by, &other.opened_by) {
            (Opener::Token(one), Opener::Token(two)) => one.expose_secret() == two.expose_secret(),
            (Opener::Oauth(one), Opener::Oauth(two)) => one == two,
            _ => false,
        };
        (scim, dialect, capabilities) == (&other.scim, &other.dialect, &other.capabilities) && same_opener
    }
}

/// A SCIM server's accounts.
pub struct Scim {
    server: Server,
    /// Held while a group is looked up and created: `displayName` need not be unique (RFC 7643, section 4.2), so two
    /// first members at once would make two groups.
    creating_group: Mutex<()>,
}

impl Scim {
    /// A client for the server of `settings`. Connects to nothing yet.
    ///
    /// # Errors
    /// When no HTTP client can be made, as without any root certificates.
    pub fn new(settings: &Settings, pace: Pace) -> Result<Self, reqwest::Error> {
        Ok(Self { server: Server::new(settings, pace)?, creating_group: Mutex::default() })
    }

    /// Our account, by the target's own id where that is known, else by our external id.
    async fn find(&self, key: &Key) -> Result<Option<Value>, Fault> {
        let mut stranger = None;
        if let Some(id) = &key.native_id {
            let reply = self.server.get(&["Users", id]).await?;
            if reply.status != StatusCode::NOT_FOUND {
                let user = server::resource(reply)?;
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
        // External ids are case-exact, names are not.
        let same = |resource: &Value| {
            wire::text(resource, attribute).is_some_and(|found| match attribute {
                "externalId" => found == value,
                _ => found.to_lowercase() == value.to_lowercase(),
            })
        };
        match <[Value; 1]>::try_from(self.server.search(kind, (attribute, value), &same).await?) {
            Ok([resource]) => Ok(Some(resource)),
            Err(none) if none.is_empty() => Ok(None),
            Err(many) => {
                let said = format!("{} of {kind} have {attribute} \"{value}\"", many.len());
                Err(Fault::refused(Refusal::Conflict, said))
            }
        }
    }

    async fn create(&self, key: &Key, profile: &Profile) -> Result<Option<String>, Fault> {
        let manner = self.server.manner().await?;
        let reply = self.server.post(&["Users"], &wire::user(&key.external_id, profile, &manner)).await?;
        // A name that is taken is a conflict, a condition that fails, or just wrong.
        if !matches!(
            reply.status,
            StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED | StatusCode::BAD_REQUEST
        ) {
            // Where the body was lost, the next look finds the id.
            return Ok(reply.done()?.and_then(|user| wire::id(&user)));
        }
        // Made by a call whose answer was lost, or by another worker, or kept by what should have deleted it: then it is
        // ours, and if it is closed, the next look says so.
        if let Some(user) = self.search("Users", "externalId", &key.external_id).await? {
            return Ok(wire::id(&user));
        }
        if reply.status == StatusCode::BAD_REQUEST {
            return Err(reply.fault());
        }
        let name = &profile.user_name;
        let taken = || {
            let said = format!(
                "an account \"{name}\" exists that does not carry our external id; it is not taken over"
            );
            Err(Fault::refused(Refusal::Conflict, said))
        };
        if manner.names == Names::Rewritten {
            return taken();
        }
        match self.search("Users", "userName", name).await? {
            Some(user) if wire::text(&user, "externalId") == Some(&key.external_id) => Ok(wire::id(&user)),
            Some(_) => taken(),
            // Somebody has it whom a search does not show (yet).
            None => Err(Fault::transient(reply.fault().to_string())),
        }
    }

    async fn delete(&self, id: &str) -> Result<(), Fault> {
        let reply = self.server.delete(&["Users", id]).await?;
        if reply.status == StatusCode::NOT_FOUND { Ok(()) } else { reply.done().map(drop) }
    }

    async fn edit(&self, id: &str, edits: &[Edit]) -> Result<(), Fault> {
        let reply = self.server.edit("Users", id, edits).await?;
        // Gone meanwhile: the next look sees that, and what follows from it.
        if reply.status == StatusCode::NOT_FOUND { Ok(()) } else { reply.done().map(drop) }
    }

    async fn update(&self, id: &str, profile: &Profile) -> Result<(), Fault> {
        let manner = self.server.manner().await?;
        self.edit(id, &wire::edits(profile, &manner)).await
    }
}

/// The name of an account, as a look says it.
fn name(user: &Value, wanted: &Desired, manner: &Manner) -> String {
    match wanted {
        Desired::Active(profile) if manner.names == Names::Rewritten => profile.user_name.clone(),
        _ => wire::text(user, "userName").unwrap_or_default().to_owned(),
    }
}

/// Whether a server that makes other names of those it is given may have made `found` of `name`: letters and digits are
/// the same, from the beginning to where it shortens one or adds to it.
fn is_made_of(found: &str, name: &str) -> bool {
    let local = name.split('@').next().unwrap_or_default();
    let [found, local] = [found, local]
        .map(|text| text.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect::<String>());
    !found.is_empty() && !local.is_empty() && (found.starts_with(&local) || local.starts_with(&found))
}

/// A user that somebody else made.
fn candidate(user: &Value) -> Option<Candidate> {
    let owned = |name| wire::text(user, name).map(str::to_owned);
    Some(Candidate {
        native_id: wire::id(user)?,
        user_name: owned("userName").unwrap_or_default(),
        email: wire::email(user),
        active: wire::is_active(user),
        external_id: owned("externalId").filter(|id| !id.is_empty()),
    })
}

impl Connector for Scim {
    fn abilities(&self) -> Abilities {
        let delete = self.server.known().delete == Deletion::Removes;
        Abilities { delete, link: true, list: true, ..Abilities::default() }
    }

    fn calls(&self, step: &Step) -> Vec<Call> {
        calls::calls(step, &self.server.known())
    }

    fn matching<'a>(&'a self, by: &'a By) -> BoxFuture<'a, Result<Vec<Candidate>, Fault>> {
        let (attribute, value) = match by {
            By::Attribute(name, value) => (name.as_str(), value),
            By::UserName(name) => ("userName", name),
            By::Email(email) => ("emails.value", email),
        };
        let kept = self.server.known().names == Names::Kept;
        Box::pin(async move {
            let same = |user: &Value| match by {
                By::Attribute(name, value) => wire::attribute(user, name).as_ref() == Some(value),
                By::UserName(name) => wire::text(user, "userName").is_some_and(|found| {
                    found.to_lowercase() == name.to_lowercase() || !kept && is_made_of(found, name)
                }),
                By::Email(email) => wire::has_email(user, email),
            };
            let found = self.server.search("Users", (attribute, value), &same).await?;
            Ok(found.iter().filter_map(candidate).collect())
        })
    }

    fn list<'a>(&'a self, after: Option<&'a str>) -> BoxFuture<'a, Result<Page, Fault>> {
        Box::pin(async move {
            let (users, next) = self.server.page("Users", after).await?;
            Ok(Page { accounts: users.iter().filter_map(candidate).collect(), next })
        })
    }

    fn observe<'a>(&'a self, key: &'a Key, wanted: &'a Desired) -> BoxFuture<'a, Result<Actual, Fault>> {
        Box::pin(async move {
            let Some(user) = self.find(key).await? else { return Ok(Actual::Absent) };
            let Some(native_id) = wire::id(&user) else {
                return Err(Fault::transient("an account without id"));
            };
            let blank = Profile::default();
            let profile = if let Desired::Active(profile) = wanted { profile } else { &blank };
            let attribute = |name: &String| Some((name.clone(), wire::attribute(&user, name)?));
            let manner = self.server.known();
            Ok(Actual::Present(Seen {
                active: wire::is_active(&user),
                user_name: name(&user, wanted, &manner),
                display_name: wire::display_name(&user, profile, &manner),
                email: wire::email(&user),
                entitlements: self.entitlements_of(&user, &native_id, profile).await?,
                expires: if manner.guests { guests::expiry(&user, profile) } else { Expiry::NotKept },
                attributes: profile.attributes.keys().filter_map(attribute).collect(),
                native_id,
            }))
        })
    }

    fn apply<'a>(&'a self, key: &'a Key, step: &'a Step) -> BoxFuture<'a, Result<Option<String>, Fault>> {
        Box::pin(async move {
            match step {
                Step::Create(profile) => {
                    wire::check(profile)?;
                    return self.create(key, profile).await;
                }
                Step::Enable { native_id } => self.edit(native_id, &[Edit::active(true)]).await?,
                Step::Disable { native_id } => self.edit(native_id, &[Edit::active(false)]).await?,
                Step::Update { native_id, profile } => {
                    wire::check(profile)?;
                    self.update(native_id, profile).await?;
                }
                Step::Give { native_id, entitlement: Entitlement::Group(name) } => {
                    self.join(native_id, name).await?;
                }
                Step::Take { native_id, entitlement: Entitlement::Group(name) } => {
                    self.leave(native_id, name).await?;
                }
                Step::Give { native_id, entitlement: Entitlement::Role(name) } => {
                    self.edit(native_id, &[Edit::Add("roles", name.clone())]).await?;
                }
                Step::Take { native_id, entitlement: Entitlement::Role(name) } => {
                    self.edit(native_id, &[Edit::Remove("roles", name.clone())]).await?;
                }
                Step::Adopt { native_id } => {
                    let mark = Edit::Set("externalId".to_owned(), key.external_id.clone().into());
                    self.edit(native_id, &[mark]).await?;
                }
                Step::Delete { native_id } => self.delete(native_id).await?,
                Step::EndSessions { .. } | Step::HandOver { .. } => {}
            }
            Ok(None)
        })
    }
}
