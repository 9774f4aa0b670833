//! An identity provider as we use it: where it is, which keys it signs with, and from a code to claims.
//!
//! Nothing is asked of it before somebody wants to sign in, so we start and go on without it. Whoever is sent there
//! is sent to a provider that has just answered, for a browser's own error page helps nobody. What it published is
//! kept for those who come back; keys are read again when a token names one that we do not know, at most once in ten seconds, whoever asks.

use crate::causes::Causes;
use crate::clock::Clock;
use crate::identity::{Claims, Expected, GroupsSettings, Unverified};
use crate::loopback::Resolver;
use crate::names::ProviderName;
use jiff::{SignedDuration, Timestamp};
use openidconnect::core::{CoreAuthPrompt, CoreAuthenticationFlow, CoreClient, CoreJsonWebKeySet};
use openidconnect::{
    AsyncHttpClient, AuthorizationCode, ClientId, ClientSecret, CsrfToken, HttpRequest, HttpResponse,
    IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, ProviderMetadataWithLogout,
    RedirectUrl, RequestTokenError, Scope,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use url::Url;

/// How long we wait for a provider before a person is told that it cannot be reached.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The largest reply that is read, in bytes.
const LARGEST_REPLY: usize = 1 << 20;

/// How long an answer shows that a provider is there.
const AWAKE: SignedDuration = SignedDuration::from_secs(2);

/// Keys are not read again sooner than this.
const REREAD: SignedDuration = SignedDuration::from_secs(10);

/// One provider, as the configuration describes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// The issuer: `https`, or `http` on loopback. Discovery is at `/.well-known/openid-configuration` below it.
    pub issuer: Url,
    /// Who we are there.
    pub client: ClientSettings,
    /// Scopes asked for beside `openid`.
    #[serde(default = "default_scopes")]
    pub scopes: Vec<String>,
    /// How it tells groups.
    #[serde(default)]
    pub groups: GroupsSettings,
}

/// Our registration at a provider.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ClientSettings {
    /// The client id.
    pub id: String,
    /// The client secret.
    pub secret: SecretString,
}

fn default_scopes() -> Vec<String> {
    ["profile", "email"].map(str::to_owned).to_vec()
}

/// Why nobody can be vouched for.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The provider does not answer, or not sensibly: it may later.
    #[error("provider {0} cannot be reached: {1}")]
    Unavailable(ProviderName, String),
    /// The provider answers that it does not accept the code, or us.
    #[error("provider {0} refuses: {1}")]
    Refused(ProviderName, String),
    /// What it vouches for cannot be believed.
    #[error("provider {0}: {1}")]
    Unverified(ProviderName, Unverified),
}

/// A person vouched for.
pub struct Vouched {
    /// Who they are.
    pub claims: Claims,
    /// The ID token itself: a hint for signing out at the provider.
    pub id_token: SecretString,
}

/// What one attempt to sign in must not share with any other.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Comes back with the answer.
    pub state: String,
    /// Comes back in the ID token.
    pub nonce: String,
    /// Proves that who brings the code is who asked (RFC 7636).
    pub verifier: String,
}

/// A provider.
pub struct Issuer {
    name: ProviderName,
    settings: Settings,
    redirect: RedirectUrl,
    http: Http,
    clock: Clock,
    /// Shared with those that come after it at the same address.
    known: Arc<Mutex<Option<Known>>>,
}

/// What the provider has published.
#[derive(Clone)]
struct Known {
    metadata: Arc<ProviderMetadataWithLogout>,
    keys: Arc<CoreJsonWebKeySet>,
    /// When it was read.
    read: Timestamp,
    /// When keys were last read again for the sake of one that was not among them.
    reread: Option<Timestamp>,
}

impl Issuer {
    /// The provider `name`, which sends people back to `redirect`.
    ///
    /// # Errors
    /// Where the HTTP client cannot be made or the issuer or `redirect` are not addresses.
    pub fn new(name: ProviderName, settings: Settings, redirect: &Url, clock: Clock) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .dns_resolver(Resolver)
            .timeout(TIMEOUT)
            // A provider that moves is configured anew: what it redirects to has not been vouched for by anybody.
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let redirect = RedirectUrl::new(redirect.to_string())?;
        Ok(Self { name, settings, redirect, http: Http(http), clock, known: Arc::default() })
    }

    /// The same provider with other `settings`. While its address stays, so does what it has published; who is on
    /// the way there with the old settings comes back to the new ones.
    pub fn renew(&self, settings: Settings) -> Self {
        let stays = settings.issuer == self.settings.issuer;
        let (name, redirect, clock) = (self.name.clone(), self.redirect.clone(), self.clock.clone());
        let known = if stays { self.known.clone() } else { Arc::default() };
        Self { name, settings, redirect, http: self.http.clone(), clock, known }
    }

    /// The provider's name.
    pub fn name(&self) -> &ProviderName {
        &self.name
    }

    /// Where to send a person who is to sign in, and what to remember of the attempt. With `again` the provider is
    /// to ask who they are even if it knows.
    pub async fn authorize(&self, again: bool) -> Result<(Url, Attempt), Error> {
        let known = self.awake().await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let client = CoreClient::from_provider_metadata((*known.metadata).clone(), self.client_id(), None)
            .set_redirect_uri(self.redirect.clone());
        let mut request = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scopes(self.settings.scopes.iter().cloned().map(Scope::new))
            .set_pkce_challenge(challenge);
        if again {
            request = request.add_prompt(CoreAuthPrompt::Login);
        }
        let (url, state, nonce) = request.url();
        let attempt = Attempt {
            state: state.into_secret(),
            nonce: nonce.secret().clone(),
            verifier: verifier.into_secret(),
        };
        Ok((url, attempt))
    }

    /// From a code to claims: the token request, the verified ID token, and userinfo where there is one.
    pub async fn vouch(&self, code: String, attempt: &Attempt) -> Result<Vouched, Error> {
        let known = self.known().await?;
        let secret = ClientSecret::new(self.settings.client.secret.expose_secret().to_owned());
        let client =
            CoreClient::from_provider_metadata((*known.metadata).clone(), self.client_id(), Some(secret))
                .set_redirect_uri(self.redirect.clone());
        let tokens = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|error| self.unavailable(error))?
            .set_pkce_verifier(PkceCodeVerifier::new(attempt.verifier.clone()))
            .request_async(&self.http)
            .await
            .map_err(|error| match error {
                RequestTokenError::ServerResponse(answer) => {
                    Error::Refused(self.name.clone(), answer.to_string())
                }
                other => self.unavailable(other),
            })?;
        let id_token = tokens
            .extra_fields()
            .id_token()
            .ok_or_else(|| Error::Refused(self.name.clone(), "it sent no ID token".to_owned()))?
            .to_string();
        let access_token = tokens.access_token().secret();
        let expected = Expected {
            provider: &self.name,
            issuer: known.metadata.issuer().as_str(),
            client_id: &self.settings.client.id,
            nonce: &attempt.nonce,
            access_token,
            groups: &self.settings.groups,
        };
        let now = self.clock.now();
        let claims = match Claims::verify(&id_token, &known.keys, &expected, now) {
            Err(Unverified::UnknownKey) => {
                Claims::verify(&id_token, &*self.newer_keys(&known.keys).await?, &expected, now)
            }
            other => other,
        };
        let claims = claims.map_err(|error| self.unverified(error))?;
        let claims = match known.metadata.userinfo_endpoint() {
            Some(endpoint) => {
                let userinfo = self.userinfo(endpoint.url(), access_token).await?;
                claims
                    .with_userinfo(userinfo, &self.settings.groups)
                    .map_err(|error| self.unverified(error))?
            }
            None => claims,
        };
        Ok(Vouched { claims, id_token: id_token.into() })
    }

    /// Where to send a person who signs out here, so that they sign out there, too; `None` where the provider has
    /// no such place or cannot be asked (RP-Initiated Logout 1.0).
    pub async fn sign_out(&self, id_token: Option<&SecretString>, back: &Url) -> Option<Url> {
        let known = self.known().await.ok()?;
        let mut url = known.metadata.additional_metadata().end_session_endpoint.as_ref()?.url().clone();
        url.query_pairs_mut()
            .append_pair("client_id", &self.settings.client.id)
            .append_pair("post_logout_redirect_uri", back.as_str());
        if let Some(id_token) = id_token {
            url.query_pairs_mut().append_pair("id_token_hint", id_token.expose_secret());
        }
        Some(url)
    }

    fn client_id(&self) -> ClientId {
        ClientId::new(self.settings.client.id.clone())
    }

    fn unavailable(&self, error: impl std::error::Error) -> Error {
        Error::Unavailable(self.name.clone(), Causes(&error).to_string())
    }

    fn unverified(&self, error: Unverified) -> Error {
        Error::Unverified(self.name.clone(), error)
    }

    /// What the provider has published, read on first use. Whoever comes meanwhile waits for the same answer.
    async fn known(&self) -> Result<Known, Error> {
        let mut known = self.known.lock().await;
        match &*known {
            Some(known) => Ok(known.clone()),
            None => self.read(&mut known).await,
        }
    }

    /// The same, from a provider that has just answered: nobody is sent to one that does not.
    async fn awake(&self) -> Result<Known, Error> {
        let mut known = self.known.lock().await;
        match &*known {
            Some(known) if self.clock.now() < known.read + AWAKE => Ok(known.clone()),
            _ => self.read(&mut known).await,
        }
    }

    async fn read(&self, known: &mut Option<Known>) -> Result<Known, Error> {
        let issuer = self.settings.issuer.as_str();
        // Issuers are compared to the letter, and most are written without the slash that the URL type adds.
        let issuer = if self.settings.issuer.path() == "/" { issuer.trim_end_matches('/') } else { issuer };
        let metadata = match self.discover(issuer).await {
            Err(first) => self.discover(&format!("{issuer}/")).await.map_err(|_| first)?,
            Ok(metadata) => metadata,
        };
        let keys = Arc::new(metadata.jwks().clone());
        let reread = known.as_ref().and_then(|known| known.reread);
        let read = Known { metadata: Arc::new(metadata), keys, read: self.clock.now(), reread };
        Ok(known.insert(read).clone())
    }

    async fn discover(&self, issuer: &str) -> Result<ProviderMetadataWithLogout, Error> {
        let issuer = IssuerUrl::new(issuer.to_owned()).map_err(|error| self.unavailable(error))?;
        ProviderMetadataWithLogout::discover_async(issuer, &self.http)
            .await
            .map_err(|error| self.unavailable(error))
    }

    /// Keys that are newer than `known`, if it is time to read them again; else those that we have.
    async fn newer_keys(&self, known: &Arc<CoreJsonWebKeySet>) -> Result<Arc<CoreJsonWebKeySet>, Error> {
        let mut cell = self.known.lock().await;
        let now = self.clock.now();
        let Some(held) = cell.as_mut() else { return Ok(known.clone()) };
        if Arc::ptr_eq(&held.keys, known) && held.reread.is_none_or(|last| now >= last + REREAD) {
            held.reread = Some(now);
            let keys = CoreJsonWebKeySet::fetch_async(held.metadata.jwks_uri(), &self.http).await;
            held.keys = Arc::new(keys.map_err(|error| self.unavailable(error))?);
        }
        Ok(held.keys.clone())
    }

    async fn userinfo(
        &self,
        endpoint: &Url,
        access_token: &str,
    ) -> Result<serde_json::Map<String, serde_json::Value>, Error> {
        let request = self.http.0.get(endpoint.clone()).bearer_auth(access_token).build();
        let request = request.map_err(|error| self.unavailable(error))?;
        let reply = self.http.send(request).await.map_err(|error| self.unavailable(error))?;
        if !reply.status().is_success() {
            return Err(Error::Unavailable(
                self.name.clone(),
                format!("userinfo answers {}", reply.status()),
            ));
        }
        serde_json::from_slice(reply.body())
            .map_err(|error| Error::Unavailable(self.name.clone(), format!("userinfo is not JSON: {error}")))
    }
}

/// Reads replies up to a size, and follows nothing.
#[derive(Clone)]
struct Http(reqwest::Client);

impl Http {
    async fn send(&self, request: reqwest::Request) -> Result<HttpResponse, SendError> {
        let mut reply = self.0.execute(request).await?;
        let mut body = Vec::new();
        while let Some(chunk) = reply.chunk().await? {
            if body.len() + chunk.len() > LARGEST_REPLY {
                return Err(SendError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        let mut response = HttpResponse::new(body);
        *response.status_mut() = reply.status();
        *response.headers_mut() = std::mem::take(reply.headers_mut());
        Ok(response)
    }
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = SendError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, SendError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move { self.send(request.try_into()?).await })
    }
}

#[derive(Debug, thiserror::Error)]
enum SendError {
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    #[error("the reply is larger than {LARGEST_REPLY} bytes")]
    TooLarge,
}
