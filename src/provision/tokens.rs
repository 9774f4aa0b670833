//! Access tokens for a target, by client credentials (RFC 6749, section 4.4): fetched when needed, and kept until shortly
//! before they end.

use super::connector::{Fault, words};
use super::http::{body, lost, retry_after};
use crate::trace;
use reqwest::{Client, StatusCode};
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;
use url::form_urlencoded::byte_serialize;

/// How long a token is taken to last that does not say, in seconds.
const UNSAID: u64 = 300;
/// How long a token is kept at the most, in seconds, whatever it says.
const LONGEST_LIFE: u64 = 86_400;
/// The longest answer that is read, in bytes.
const LONGEST: usize = 64 << 10;

/// Where tokens come from, and what they are asked for with.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Credentials {
    /// The token endpoint.
    pub token_url: Url,
    /// Our name there.
    pub client_id: String,
    /// Our secret there.
    #[schemars(with = "String")]
    pub client_secret: SecretString,
    /// What the token is to be good for, if that is to be said.
    pub scope: Option<String>,
}

impl PartialEq for Credentials {
    fn eq(&self, other: &Self) -> bool {
        let Self { token_url, client_id, client_secret, scope } = self;
        (token_url, client_id, scope) == (&other.token_url, &other.client_id, &other.scope)
            && client_secret.expose_secret() == other.client_secret.expose_secret()
    }
}

/// The token that is good now. Whoever needs another waits for whoever fetches it.
#[derive(Debug)]
pub(super) struct Tokens {
    credentials: Credentials,
    kept: Mutex<Option<(SecretString, Instant)>>,
}

#[derive(Deserialize)]
struct Granted {
    access_token: SecretString,
    expires_in: Option<u64>,
}

impl Tokens {
    pub(super) fn new(credentials: Credentials) -> Self {
        Self { credentials, kept: Mutex::default() }
    }

    /// The token, a fresh one where the last is about to end.
    pub(super) async fn current(&self, client: &Client) -> Result<SecretString, Fault> {
        let mut kept = self.kept.lock().await;
        match &*kept {
            Some((token, until)) if Instant::now() < *until => Ok(token.clone()),
            _ => self.fetch(client, &mut kept).await,
        }
    }

    /// Another token than `refused`, unless somebody has fetched one already.
    pub(super) async fn instead_of(
        &self,
        refused: &SecretString,
        client: &Client,
    ) -> Result<SecretString, Fault> {
        let mut kept = self.kept.lock().await;
        match &*kept {
            Some((token, _)) if token.expose_secret() != refused.expose_secret() => Ok(token.clone()),
            _ => self.fetch(client, &mut kept).await,
        }
    }

    async fn fetch(
        &self,
        client: &Client,
        kept: &mut Option<(SecretString, Instant)>,
    ) -> Result<SecretString, Fault> {
        *kept = None;
        let Credentials { token_url, client_id, client_secret, scope } = &self.credentials;
        let mut form = vec![("grant_type", "client_credentials")];
        form.extend(scope.as_deref().map(|scope| ("scope", scope)));
        // Encoded once before they are joined (RFC 6749, section 2.3.1).
        let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        let request = client
            .post(token_url.clone())
            .basic_auth(encoded(client_id), Some(encoded(client_secret.expose_secret())))
            .form(&form);
        // Whether a token was made of which we do not hear matters to nobody.
        let response = trace::send(request).await.map_err(|error| lost(error, false))?;
        let status = response.status();
        if !status.is_success() {
            let said = format!("the token endpoint answers {}", status.as_u16());
            return Err(match status {
                StatusCode::TOO_MANY_REQUESTS => Fault::Throttled(retry_after(response.headers())),
                _ if status.is_client_error() => Fault::AuthFailed(words(&said)),
                _ => Fault::transient(said),
            });
        }
        let Ok(granted) = serde_json::from_slice::<Granted>(&body(response, LONGEST).await) else {
            return Err(Fault::transient("the token endpoint answers with something that is no token"));
        };
        let life = Duration::from_secs(granted.expires_in.unwrap_or(UNSAID).min(LONGEST_LIFE));
        // A tenth of its life, and half a minute at the most, for what is under way.
        let until = Instant::now() + life - (life / 10).min(Duration::from_secs(30));
        *kept = Some((granted.access_token.clone(), until));
        Ok(granted.access_token)
    }
}
