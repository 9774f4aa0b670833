//! Which access tokens an app takes, and a token that was shown to it.

use crate::names::{AppName, ProviderName};
use crate::seal::sha256;
use crate::store::TokenHash;
use secrecy::SecretString;
use std::sync::Arc;

/// Which access tokens an app takes.
#[derive(Debug)]
pub struct Accepts {
    /// The names of the app as an API: a token has to be for one of them.
    pub audiences: Vec<String>,
    /// What a token has to be good for: all of these.
    pub scopes: Vec<String>,
    /// Whose tokens they are; anybody's that are believed, if there are none.
    pub providers: Vec<ProviderName>,
    /// Whether the app is sent the token.
    pub pass_on: bool,
    /// Tells these terms from others: what was verified by one app's is not good by another's, or by later ones.
    terms: [u8; 32],
}

impl Accepts {
    /// What `app` takes.
    pub fn new(
        app: &AppName,
        audiences: Vec<String>,
        scopes: Vec<String>,
        providers: Vec<ProviderName>,
        pass_on: bool,
    ) -> Self {
        let list = |items: &mut dyn Iterator<Item = &[u8]>| sha256(&items.collect::<Vec<_>>());
        let terms = sha256(&[
            app.as_str().as_bytes(),
            &list(&mut audiences.iter().map(String::as_bytes)),
            &list(&mut scopes.iter().map(String::as_bytes)),
            &list(&mut providers.iter().map(|provider| provider.as_str().as_bytes())),
        ]);
        Self { audiences, scopes, providers, pass_on, terms }
    }
}

/// A token that was shown to an app on one of its hosts; nobody has looked at it yet.
pub struct Claimed {
    pub(super) accepts: Arc<Accepts>,
    pub(super) app: AppName,
    pub(super) host: Arc<str>,
    pub(super) token: SecretString,
    key: TokenHash,
}

impl Claimed {
    /// The hash under which the session of `token` on `host` is found, if it was let in there by these terms.
    pub fn key_of(accepts: &Accepts, host: &str, token: &str) -> TokenHash {
        sha256(&[b"access token on a host", &accepts.terms, host.as_bytes(), token.as_bytes()])
    }

    /// `token` as it was shown to `app`, which accepts what `accepts` says, on `host`.
    pub fn new(accepts: Arc<Accepts>, app: AppName, host: Arc<str>, token: &str) -> Self {
        let key = Self::key_of(&accepts, &host, token);
        Self { accepts, app, host, token: token.to_owned().into(), key }
    }

    /// The same for this one.
    pub fn key(&self) -> &TokenHash {
        &self.key
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    fn key(app: &str, audience: &[&str], scopes: &[&str], providers: &[&str], host: &str) -> TokenHash {
        let texts = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        let providers = providers.iter().map(|name| name.parse().unwrap()).collect();
        let accepts = Accepts::new(&app.parse().unwrap(), texts(audience), texts(scopes), providers, false);
        Claimed::key_of(&accepts, host, "a-token")
    }

    #[test]
    fn what_was_verified_by_other_terms_or_elsewhere_is_verified_anew() {
        let one = key("api", &["a", "b"], &["read"], &["staff"], "api.example.com");
        assert_eq!(one, key("api", &["a", "b"], &["read"], &["staff"], "api.example.com"));
        for other in [
            key("other", &["a", "b"], &["read"], &["staff"], "api.example.com"),
            key("api", &["ab"], &["read"], &["staff"], "api.example.com"),
            key("api", &["a"], &["b", "read"], &["staff"], "api.example.com"),
            key("api", &["a", "b"], &[], &["staff"], "api.example.com"),
            key("api", &["a", "b"], &["read"], &[], "api.example.com"),
            key("api", &["a", "b"], &["read"], &["staff"], "api.example.org"),
        ] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn a_token_is_not_printed() {
        let accepts = Accepts::new(&"api".parse().unwrap(), Vec::new(), Vec::new(), Vec::new(), false);
        let claimed = Claimed::new(accepts.into(), "api".parse().unwrap(), "h".into(), "s3cr3t");
        assert_eq!(claimed.token.expose_secret(), "s3cr3t");
        assert!(!format!("{:?}", claimed.token).contains("s3cr3t"));
    }
}
