//! What a provider is asked directly, not through a browser: tokens, and to keep a request for us.

use super::http::{Reply, send};
use super::known::Known;
use super::{Error, Issuer};
use http::header::AUTHORIZATION;
use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

/// What the token endpoint gives (RFC 6749, section 5.1; OpenID Connect Core, section 3.1.3.3).
#[derive(Deserialize)]
pub(super) struct Tokens {
    pub(super) access_token: SecretString,
    token_type: String,
    pub(super) id_token: Option<SecretString>,
    pub(super) refresh_token: Option<SecretString>,
}

/// Why it gives nothing (RFC 6749, section 5.2).
#[derive(Deserialize)]
struct Refusal {
    error: String,
    error_description: Option<String>,
}

impl Issuer {
    /// Asks the token endpoint by this grant.
    pub(super) async fn tokens(&self, known: &Known, grant: &[(&str, &str)]) -> Result<Tokens, Error> {
        let url = &known.metadata.token_endpoint;
        let reply = self.post(known, url, grant).await?;
        let tokens: Tokens = serde_json::from_slice(&reply.body).map_err(|error| self.unavailable(error))?;
        if tokens.token_type.eq_ignore_ascii_case("bearer") {
            self.is_there();
            return Ok(tokens);
        }
        let why = format!("it gives access tokens of type \"{}\", which we cannot use", tokens.token_type);
        Err(Error::Refused(self.name.clone(), why))
    }

    /// Has the provider keep a request for authorization; returns the name under which it does (RFC 9126, section 2).
    pub(super) async fn push(&self, known: &Known, request: &[(&str, &str)]) -> Result<String, Error> {
        #[derive(Deserialize)]
        struct Pushed {
            request_uri: String,
        }
        let Some(url) = &known.metadata.pushed_authorization_request_endpoint else {
            let why = "requests are to be pushed, and it has no place for that".to_owned();
            return Err(Error::Refused(self.name.clone(), why));
        };
        let reply = self.post(known, url, request).await?;
        let pushed: Pushed = serde_json::from_slice(&reply.body).map_err(|error| self.unavailable(error))?;
        Ok(pushed.request_uri)
    }

    /// Asks `url` as the client that we are.
    ///
    /// # Errors
    /// [`Error::Grant`] and [`Error::Refused`] where it says that it does not accept what was sent, or us.
    pub(super) async fn post(
        &self,
        known: &Known,
        url: &Url,
        fields: &[(&str, &str)],
    ) -> Result<Reply, Error> {
        let proof = self.credential.prove(&self.settings.client.id, &known.metadata, self.clock.now());
        let proof =
            proof.ok_or_else(|| Error::Refused(self.name.clone(), "our key does not sign".to_owned()))?;
        let mut form: Vec<(&str, &str)> = fields.to_vec();
        // A request for authorization names us by itself.
        let more = proof.fields.iter().filter(|(name, _)| fields.iter().all(|(said, _)| said != name));
        form.extend(more.map(|(name, value)| (*name, value.as_str())));
        let mut request = self.http.post(url).header("accept", "application/json").form(&form);
        if let Some(authorization) = proof.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let reply = send(request).await.map_err(|error| self.unavailable(error))?;
        if reply.status.is_client_error()
            && let Ok(refusal) = serde_json::from_slice::<Refusal>(&reply.body)
        {
            let said = refusal.error_description.map(|said| format!(": {said}")).unwrap_or_default();
            let why = readable(&format!("{}{said}", refusal.error));
            let refused = if refusal.error == "invalid_grant" { Error::Grant } else { Error::Refused };
            return Err(refused(self.name.clone(), why));
        }
        reply.success(url).map_err(|error| self.unavailable(error))
    }
}

/// What others say, so that it can stand in a line of ours.
pub(super) fn readable(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(300).collect()
}
