//! What a provider publishes about itself (OpenID Connect Discovery 1.0, section 3), as far as we use it.

use super::known::{Publication, Source};
use serde::Deserialize;
use url::Url;

/// The provider's word on itself.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Metadata {
    pub(super) issuer: String,
    pub(super) authorization_endpoint: Url,
    pub(super) token_endpoint: Url,
    pub(super) jwks_uri: Url,
    pub(super) userinfo_endpoint: Option<Url>,
    /// RFC 8414, section 2.
    pub(super) introspection_endpoint: Option<Url>,
    pub(super) end_session_endpoint: Option<Url>,
    /// RFC 9126, section 5.
    pub(super) pushed_authorization_request_endpoint: Option<Url>,
    #[serde(default)]
    pub(super) require_pushed_authorization_requests: bool,
    /// `client_secret_basic` alone where it is left out.
    pub(super) token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    pub(super) token_endpoint_auth_signing_alg_values_supported: Vec<String>,
    /// RFC 9207, section 3.
    #[serde(default)]
    pub(super) authorization_response_iss_parameter_supported: bool,
    /// RFC 8705, section 5.
    #[serde(default)]
    mtls_endpoint_aliases: Aliases,
}

/// Where to go instead with a certificate of ours.
#[derive(Debug, Clone, Default, Deserialize)]
struct Aliases {
    token_endpoint: Option<Url>,
    userinfo_endpoint: Option<Url>,
    introspection_endpoint: Option<Url>,
    pushed_authorization_request_endpoint: Option<Url>,
}

/// Why what a provider publishes is not believed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Doubt {
    #[error("what is published below {0} is of another issuer, \"{1}\"")]
    OtherIssuer(Url, String),
    #[error("it names an endpoint that is not encrypted, {0}")]
    Unencrypted(Url),
}

impl Publication for Metadata {
    fn address(issuer: &Url) -> String {
        format!("{}/.well-known/openid-configuration", issuer.as_str().trim_end_matches('/'))
    }

    fn of(self, source: &Source<'_>) -> Result<Self, Doubt> {
        let metadata = self.of_issuer(source.issuer)?;
        Ok(if source.certificate { metadata.with_certificate() } else { metadata })
    }

    fn keys_at(&self) -> &Url {
        &self.jwks_uri
    }
}

/// Checks that what is published by `published` is that of `issuer`, and names no endpoint to which we would speak in the
/// clear.
pub(super) fn is_of<'a>(
    published: &str,
    issuer: &Url,
    mut endpoints: impl Iterator<Item = &'a Url>,
) -> Result<(), Doubt> {
    // Issuers are compared to the letter from here on; but a slash at the end is one that the URL type adds.
    if published.trim_end_matches('/') != issuer.as_str().trim_end_matches('/') {
        return Err(Doubt::OtherIssuer(issuer.clone(), published.to_owned()));
    }
    let clear = endpoints.find(|url| url.scheme() != "https" && url.scheme() != issuer.scheme());
    clear.map_or(Ok(()), |url| Err(Doubt::Unencrypted(url.clone())))
}

impl Metadata {
    fn of_issuer(self, issuer: &Url) -> Result<Self, Doubt> {
        is_of(&self.issuer, issuer, self.endpoints())?;
        Ok(self)
    }

    fn endpoints(&self) -> impl Iterator<Item = &Url> {
        let aliases = &self.mtls_endpoint_aliases;
        let optional = [
            &self.userinfo_endpoint,
            &self.introspection_endpoint,
            &self.end_session_endpoint,
            &self.pushed_authorization_request_endpoint,
            &aliases.token_endpoint,
            &aliases.userinfo_endpoint,
            &aliases.introspection_endpoint,
            &aliases.pushed_authorization_request_endpoint,
        ];
        [&self.authorization_endpoint, &self.token_endpoint, &self.jwks_uri]
            .into_iter()
            .chain(optional.into_iter().flatten())
    }

    /// The same for a client that shows a certificate: its endpoints are the aliases, where there are some.
    fn with_certificate(mut self) -> Self {
        let aliases = std::mem::take(&mut self.mtls_endpoint_aliases);
        self.token_endpoint = aliases.token_endpoint.unwrap_or(self.token_endpoint);
        self.userinfo_endpoint = aliases.userinfo_endpoint.or(self.userinfo_endpoint);
        self.introspection_endpoint = aliases.introspection_endpoint.or(self.introspection_endpoint);
        self.pushed_authorization_request_endpoint =
            aliases.pushed_authorization_request_endpoint.or(self.pushed_authorization_request_endpoint);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn metadata(more: Value) -> Metadata {
        let mut all = json!({
            "issuer": "https://login.example.com",
            "authorization_endpoint": "https://login.example.com/authorize",
            "token_endpoint": "https://login.example.com/token",
            "jwks_uri": "https://keys.example.net/jwks",
        });
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(all).unwrap()
    }

    #[test]
    fn another_issuer_or_an_endpoint_in_the_clear_is_not_believed() {
        let of = |more, issuer: &str| metadata(more).of_issuer(&issuer.parse().unwrap());
        assert!(of(json!({}), "https://login.example.com").is_ok());
        assert!(of(json!({ "issuer": "https://login.example.com/" }), "https://login.example.com").is_ok());
        for other in
            ["https://login.example.com/realms/x", "https://login.example.org", "http://login.example.com"]
        {
            assert!(matches!(of(json!({}), other), Err(Doubt::OtherIssuer(..))), "{other}");
        }
        for name in [
            "token_endpoint",
            "jwks_uri",
            "userinfo_endpoint",
            "introspection_endpoint",
            "end_session_endpoint",
        ] {
            let clear = of(json!({ name: "http://login.example.com/x" }), "https://login.example.com");
            assert!(matches!(clear, Err(Doubt::Unencrypted(_))), "{name}");
        }
        let local =
            json!({ "issuer": "http://login.localhost", "token_endpoint": "http://login.localhost/t" });
        assert!(of(local, "http://login.localhost").is_ok());
    }

    #[test]
    fn with_a_certificate_the_aliases_are_gone_to() {
        let aliases = json!({ "token_endpoint": "https://mtls.example.com/token" });
        let metadata = metadata(json!({ "mtls_endpoint_aliases": aliases })).with_certificate();
        assert_eq!(metadata.token_endpoint.as_str(), "https://mtls.example.com/token");
        assert_eq!(metadata.userinfo_endpoint, None);
        assert_eq!(metadata.authorization_endpoint.as_str(), "https://login.example.com/authorize");
    }
}
