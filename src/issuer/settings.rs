//! A provider, as the configuration describes it.

use super::access_tokens::AccessTokens;
use super::credential::Credential;
use crate::identity::{Algorithm, GroupsSettings};
use crate::span::Span;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use reqwest::Certificate;
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

/// One provider, as the configuration describes it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Provider")]
pub struct Settings {
    /// The issuer: `https`, or `http` on loopback. Discovery is at `/.well-known/openid-configuration` below it.
    pub issuer: Url,
    /// What people call it; its name unless said.
    pub title: Option<String>,
    /// The domains of its people's e-mail addresses: who names one of them is sent there, and others do not see it.
    #[serde(default)]
    pub domains: Vec<String>,
    /// Who we are there.
    pub client: ClientSettings,
    /// Scopes asked for beside `openid`.
    #[serde(default = "default_scopes")]
    pub scopes: Vec<String>,
    /// How it tells groups.
    #[serde(default)]
    pub groups: GroupsSettings,
    /// By which algorithms its tokens may be signed.
    #[serde(default = "default_algorithms")]
    pub id_token_algorithms: Vec<Algorithm>,
    /// Audiences that its ID tokens may have beside us.
    #[serde(default)]
    pub audiences: Vec<String>,
    /// How its answer comes back with the browser.
    #[serde(default)]
    pub response_mode: ResponseMode,
    /// Whether what we ask for is told to the provider itself, and not through the browser. Where the provider demands
    /// it, it is done anyway.
    #[serde(default)]
    pub pushed_requests: bool,
    /// Whether who signs out here is sent on to sign out there, too, where it has a place for that.
    #[serde(default = "yes")]
    pub end_session: bool,
    /// Who signals what happens to its people, and how we hear of it; nobody unless said.
    pub signals: Option<SignalsSettings>,
    /// How often it is asked again about those who are signed in, where it gives a refresh token; never unless said.
    pub refresh: Option<Span>,
    /// Where claims may be fetched that the provider refers to, beside the provider itself: origins.
    #[serde(default)]
    pub claim_sources: Vec<Url>,
    /// How access tokens of its are believed that programs show to apps; none are unless said.
    pub access_tokens: Option<AccessTokens>,
    /// Whose certificates are believed there beside those that the system trusts: PEM.
    pub ca: Option<String>,
}

/// Our registration at a provider.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ClientSettings {
    /// The client id.
    pub id: String,
    /// The client secret.
    #[schemars(with = "Option<String>")]
    pub secret: Option<SecretString>,
    /// A private key: PEM.
    #[schemars(with = "Option<String>")]
    pub key: Option<SecretString>,
    /// The name under which the provider knows that key.
    pub key_id: Option<String>,
    /// The certificate of that key: PEM.
    pub certificate: Option<String>,
    /// The day on which the secret or the key ends at the provider, as its administrator was told: `2027-03-01`.
    #[schemars(with = "Option<String>")]
    pub expires: Option<Date>,
    /// How we prove who we are, where what is given leaves it open.
    pub method: Option<Method>,
    /// For whom what that key signs is.
    #[serde(default)]
    pub audience: Audience,
}

impl ClientSettings {
    /// When the secret or the key ends, if that is said: as the day begins, by UTC.
    pub fn ends(&self) -> Option<Timestamp> {
        Some(self.expires?.to_zoned(TimeZone::UTC).ok()?.timestamp())
    }
}

/// A transmitter of signals (OpenID Shared Signals 1.0), and our stream there.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SignalsSettings {
    /// Its issuer; the provider's unless said. What it publishes is at `/.well-known/ssf-configuration`.
    pub issuer: Option<Url>,
    /// Who we are there, as its events say it.
    pub audience: String,
    /// What it shows us when it pushes events (RFC 8935); it may not unless said.
    #[schemars(with = "Option<String>")]
    pub token: Option<SecretString>,
    /// How it is asked for events (RFC 8936); not at all unless said.
    pub poll: Option<PollSettings>,
    /// Whether people may be named by their e-mail addresses.
    #[serde(default)]
    pub emails: bool,
}

/// How a transmitter is asked.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PollSettings {
    /// Where.
    pub at: Url,
    /// What we show it.
    #[schemars(with = "String")]
    pub token: SecretString,
    /// How often.
    #[serde(default = "often")]
    pub every: Span,
}

/// How a client proves who it is (OpenID Connect Core, section 9; RFC 8705, section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The secret, in a header.
    ClientSecretBasic,
    /// The secret, in the body.
    ClientSecretPost,
    /// What the key signs.
    PrivateKeyJwt,
    /// The certificate, shown in the TLS handshake.
    TlsClientAuth,
}

impl Method {
    /// Its name, as providers offer it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::TlsClientAuth => "tls_client_auth",
        }
    }
}

/// For whom an assertion of ours is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// The provider, by its issuer: no other endpoint can make use of it.
    #[default]
    Issuer,
    /// Its token endpoint, as older providers ask.
    TokenEndpoint,
}

/// How an answer comes back (OAuth 2.0 Multiple Response Types, section 2.1; Form Post Response Mode).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    /// In the address.
    #[default]
    Query,
    /// In a form that the browser posts.
    FormPost,
}

/// The shortest token that is believed to be one, in bytes.
const SHORTEST_TOKEN: usize = 32;

impl SignalsSettings {
    fn mistakes(&self) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        if self.token.is_none() && self.poll.is_none() {
            let hint = "give signals.token, which it shows us, or signals.poll, where we ask";
            wrong.push(Wrong::new(&["signals"], "no signal would ever be heard", hint));
        }
        if self.token.as_ref().is_some_and(|token| token.expose_secret().len() < SHORTEST_TOKEN) {
            let hint = "32 random bytes or more, as `openssl rand -base64 32` writes them";
            wrong.push(Wrong::new(&["signals", "token"], "it is short enough to be guessed", hint));
        }
        if self.audience.is_empty() {
            let hint = "the `aud` of the stream, as the transmitter tells it";
            wrong.push(Wrong::new(&["signals", "audience"], "it is empty", hint));
        }
        wrong
    }
}

/// What is wrong with a setting, where, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The keys that lead there.
    pub at: &'static [&'static str],
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub hint: &'static str,
}

impl Wrong {
    pub(super) fn new(at: &'static [&'static str], message: impl Into<String>, hint: &'static str) -> Self {
        Self { at, message: message.into(), hint }
    }
}

fn yes() -> bool {
    true
}

fn often() -> Span {
    Span::seconds(15)
}

fn default_scopes() -> Vec<String> {
    ["profile", "email"].map(str::to_owned).to_vec()
}

fn default_algorithms() -> Vec<Algorithm> {
    Algorithm::ALL.to_vec()
}

fn is_domain(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    text.contains('.') && text.split('.').all(|label| !label.is_empty() && label.bytes().all(inner))
}

impl Settings {
    /// All that is wrong with it.
    pub fn mistakes(&self) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        wrong.extend(Credential::of(&self.client).err());
        wrong.extend(self.authorities().err());
        if self.id_token_algorithms.is_empty() {
            wrong.push(Wrong::new(
                &["id-token-algorithms"],
                "no ID token could be believed",
                "leave it out, or name one",
            ));
        }
        wrong.extend(self.access_tokens.as_ref().and_then(AccessTokens::mistake));
        if let Some(domain) = self.domains.iter().find(|domain| !is_domain(domain)) {
            let message = format!("\"{domain}\" is not a domain");
            wrong.push(Wrong::new(&["domains"], message, "write it like example.com, without the @"));
        }
        if let Some(source) = self.claim_sources.iter().find(|url| url.path() != "/" || url.query().is_some())
        {
            let message = format!("\"{source}\" is more than an origin");
            wrong.push(Wrong::new(&["claim-sources"], message, "write it like https://claims.example.com"));
        }
        wrong.extend(self.signals.iter().flat_map(SignalsSettings::mistakes));
        if self.groups.graph.is_some() && self.groups.claim.contains('.') {
            let hint = "leave out groups.claim, or groups.graph";
            wrong.push(Wrong::new(
                &["groups", "graph"],
                "Microsoft Graph stands in for the claim \"groups\"",
                hint,
            ));
        }
        wrong
    }

    /// Whose signals are heard: their issuer.
    pub(super) fn signals_issuer<'a>(&'a self, signals: &'a SignalsSettings) -> &'a Url {
        signals.issuer.as_ref().unwrap_or(&self.issuer)
    }

    /// The authorities that `ca` names.
    pub(super) fn authorities(&self) -> Result<Vec<Certificate>, Wrong> {
        let Some(pem) = &self.ca else { return Ok(Vec::new()) };
        let wrong = |message| Wrong::new(&["ca"], message, "write it like \"${file:tls/ca.pem}\"");
        match Certificate::from_pem_bundle(pem.as_bytes()) {
            Ok(found) if found.is_empty() => Err(wrong("this holds no certificate in PEM".to_owned())),
            Ok(found) => Ok(found),
            Err(error) => Err(wrong(format!("this holds no certificate in PEM: {error}"))),
        }
    }

    /// Whether claims may be fetched from `url`.
    pub(super) fn may_fetch(&self, url: &Url) -> bool {
        let origins = self.claim_sources.iter().chain([&self.issuer]);
        origins.into_iter().any(|origin| origin.origin() == url.origin())
    }
}
