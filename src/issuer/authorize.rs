//! What is asked of a provider: the authorization request (OpenID Connect Core, section 3.1.2.1), with a proof key
//! (RFC 7636) always. It goes through the browser, or is pushed to the provider itself (RFC 9126).

use super::settings::ResponseMode;
use super::{Error, Issuer};
use jiff::SignedDuration;
use openidconnect::core::{CoreAuthPrompt, CoreAuthenticationFlow, CoreClient, CoreJsonWebKeySet};
use openidconnect::{
    AuthUrl, AuthenticationContextClass, ClientId, CsrfToken, IssuerUrl, LoginHint, Nonce, PkceCodeChallenge,
    RedirectUrl, Scope,
};
use std::borrow::Cow;
use url::Url;

/// What is asked of a provider beside who somebody is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ask {
    /// To ask the person even if it knows them.
    pub again: bool,
    /// One of these classes of authentication, the first rather than the last.
    pub acr: Vec<String>,
    /// How long ago the person may have proved who they are.
    pub max_age: Option<SignedDuration>,
    /// Who the person probably is, for its form.
    pub hint: Option<String>,
}

/// What one attempt to sign in must not share with any other, and what it asked for.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Comes back with the answer.
    pub state: String,
    /// Comes back in the ID token.
    pub nonce: String,
    /// Proves that who brings the code is who asked (RFC 7636).
    pub verifier: String,
    /// How long ago the person may have proved who they are.
    pub max_age: Option<SignedDuration>,
}

impl Issuer {
    /// Where to send a person who is to sign in, and what to remember of the attempt.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the provider does not answer now; [`Error::Refused`] where it does not keep what is
    /// pushed.
    pub async fn authorize(&self, ask: &Ask) -> Result<(Url, Attempt), Error> {
        let known = self.published.awake(&self.source(), self.clock.now()).await;
        let known = known.map_err(|error| self.unavailable(error))?;
        let mut endpoint = known.metadata.authorization_endpoint.clone();
        let pushes = self.settings.pushed_requests || known.metadata.require_pushed_authorization_requests;
        if !pushes {
            return Ok(self.request(endpoint, ask));
        }
        let mut bare = endpoint.clone();
        // What the endpoint's own address says is not ours to push.
        bare.set_query(None);
        let (url, attempt) = self.request(bare, ask);
        let request: Vec<(Cow<'_, str>, Cow<'_, str>)> = url.query_pairs().collect();
        let request: Vec<(&str, &str)> = request.iter().map(|(name, value)| (&**name, &**value)).collect();
        let kept = self.push(&known, &request).await?;
        endpoint
            .query_pairs_mut()
            .append_pair("client_id", &self.settings.client.id)
            .append_pair("request_uri", &kept);
        Ok((endpoint, attempt))
    }

    fn request(&self, endpoint: Url, ask: &Ask) -> (Url, Attempt) {
        let id = ClientId::new(self.settings.client.id.clone());
        let issuer = IssuerUrl::from_url(self.settings.issuer.clone());
        let client = CoreClient::new(id, issuer, CoreJsonWebKeySet::default())
            .set_auth_uri(AuthUrl::from_url(endpoint))
            .set_redirect_uri(RedirectUrl::from_url(self.redirect.clone()));
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let flow = CoreAuthenticationFlow::AuthorizationCode;
        let classes = ask.acr.iter().cloned().map(AuthenticationContextClass::new);
        let mut request = client
            .authorize_url(flow, CsrfToken::new_random, Nonce::new_random)
            .add_scopes(self.settings.scopes.iter().cloned().map(Scope::new))
            .set_pkce_challenge(challenge);
        if self.settings.response_mode == ResponseMode::FormPost {
            request = request.add_extra_param("response_mode", "form_post");
        }
        if ask.again {
            request = request.add_prompt(CoreAuthPrompt::Login);
        }
        if let Some(age) = ask.max_age {
            request = request.set_max_age(age.unsigned_abs());
        }
        if let Some(hint) = &ask.hint {
            request = request.set_login_hint(LoginHint::new(hint.clone()));
        }
        let (url, state, nonce) =
            classes.fold(request, |request, acr| request.add_auth_context_value(acr)).url();
        let attempt = Attempt {
            state: state.into_secret(),
            nonce: nonce.secret().clone(),
            verifier: verifier.into_secret(),
            max_age: ask.max_age,
        };
        (url, attempt)
    }
}
