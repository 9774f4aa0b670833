//! How we prove to a provider that we are its client (RFC 6749, section 2.3; RFC 7523; RFC 8705).

use super::metadata::Metadata;
use super::settings::{Audience, ClientSettings, Method, Wrong};
use crate::identity::ClientKey;
use crate::seal::random_text;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use jiff::{SignedDuration, Timestamp};
use reqwest::Identity;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use std::sync::Arc;
use url::form_urlencoded::byte_serialize;

/// How long what our key signed for one request is good.
const ASSERTION: SignedDuration = SignedDuration::from_secs(60);

/// What proves who we are.
#[derive(Clone)]
pub(super) enum Credential {
    /// A secret, sent as the provider likes it unless it is said how.
    Secret { secret: SecretString, method: Option<Method> },
    /// A key that signs.
    Key { key: Arc<ClientKey>, id: Option<String>, audience: Audience },
    /// A certificate that is shown in the handshake.
    Certificate(Identity),
}

/// What goes with one request.
#[derive(Default)]
pub(super) struct Proof {
    pub(super) authorization: Option<HeaderValue>,
    pub(super) fields: Vec<(&'static str, String)>,
}

const METHODS: &str = "give client.secret, or client.key, or client.key and client.certificate";

impl Credential {
    /// The one that `client` describes.
    ///
    /// # Errors
    /// Where it describes none, or several, or one that cannot be used.
    pub(super) fn of(client: &ClientSettings) -> Result<Self, Wrong> {
        let ClientSettings { secret, key, key_id, certificate, method, audience, .. } = client;
        if let (Some(_), Some(_)) = (secret, key) {
            return Err(Wrong::new(&["client"], "both a secret and a key would prove who we are", METHODS));
        }
        let fits = |wanted: &[Method]| match method {
            Some(method) if !wanted.contains(method) => {
                Err(Wrong::new(&["client", "method"], "what this method needs is not given", METHODS))
            }
            _ => Ok(()),
        };
        match (secret, key, certificate) {
            (Some(secret), None, None) => {
                fits(&[Method::ClientSecretBasic, Method::ClientSecretPost])?;
                Ok(Self::Secret { secret: secret.clone(), method: *method })
            }
            (None, Some(key), None) => {
                fits(&[Method::PrivateKeyJwt])?;
                let hint = "write it like \"${file:secrets/client.pem}\"";
                let read = ClientKey::from_pem(key.expose_secret());
                let key = read.map_err(|error| Wrong::new(&["client", "key"], error.to_string(), hint))?;
                Ok(Self::Key { key: Arc::new(key), id: key_id.clone(), audience: *audience })
            }
            (None, Some(key), Some(certificate)) => {
                fits(&[Method::TlsClientAuth])?;
                let hint = "write it like \"${file:tls/client.crt}\", its key in client.key";
                let pem = SecretString::from(format!("{certificate}\n{}", key.expose_secret()));
                let identity = Identity::from_pem(pem.expose_secret().as_bytes());
                let identity = identity.map_err(|error| {
                    let message = format!("certificate and key cannot be used: {error}");
                    Wrong::new(&["client", "certificate"], message, hint)
                })?;
                Ok(Self::Certificate(identity))
            }
            (_, None, Some(_)) => {
                let hint = "give its key in client.key, and no secret";
                Err(Wrong::new(
                    &["client", "certificate"],
                    "a certificate proves nothing without its key",
                    hint,
                ))
            }
            _ => Err(Wrong::new(&["client"], "nothing proves who we are", METHODS)),
        }
    }

    /// The certificate that is to be shown.
    pub(super) fn identity(&self) -> Option<&Identity> {
        match self {
            Self::Certificate(identity) => Some(identity),
            Self::Secret { .. } | Self::Key { .. } => None,
        }
    }

    /// What goes with a request of the client `id` at `now`; `None` where a signature cannot be made.
    pub(super) fn prove(&self, id: &str, metadata: &Metadata, now: Timestamp) -> Option<Proof> {
        match self {
            Self::Secret { secret, method } => {
                let method = method.unwrap_or_else(|| preferred(metadata));
                Some(if method == Method::ClientSecretPost {
                    in_body(id, secret)
                } else {
                    in_header(id, secret)?
                })
            }
            Self::Key { key, id: kid, audience } => {
                let algorithm = key.algorithm(&metadata.token_endpoint_auth_signing_alg_values_supported);
                let audience = match audience {
                    Audience::Issuer => metadata.issuer.as_str(),
                    Audience::TokenEndpoint => metadata.token_endpoint.as_str(),
                };
                // RFC 7523, section 3.
                let claims = json!({
                    "iss": id,
                    "sub": id,
                    "aud": audience,
                    "jti": random_text(),
                    "iat": now.as_second(),
                    "exp": (now + ASSERTION).as_second(),
                });
                let assertion = key.sign(algorithm, kid.as_deref(), &claims)?;
                let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".to_owned();
                let fields = vec![
                    ("client_id", id.to_owned()),
                    ("client_assertion_type", kind),
                    ("client_assertion", assertion),
                ];
                Some(Proof { fields, ..Proof::default() })
            }
            // RFC 8705, section 2: the handshake proves it, and this says whose certificate it is.
            Self::Certificate(_) => {
                Some(Proof { fields: vec![("client_id", id.to_owned())], ..Proof::default() })
            }
        }
    }
}

/// In a header, unless the provider takes the other way alone.
fn preferred(metadata: &Metadata) -> Method {
    let takes = |method: &str| {
        metadata.token_endpoint_auth_methods_supported.as_ref().map(|all| all.iter().any(|one| one == method))
    };
    match (takes("client_secret_basic"), takes("client_secret_post")) {
        (Some(false), Some(true)) => Method::ClientSecretPost,
        _ => Method::ClientSecretBasic,
    }
}

/// RFC 6749, section 2.3.1: each part form-encoded.
fn in_header(id: &str, secret: &SecretString) -> Option<Proof> {
    let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let both = format!("{}:{}", encode(id), encode(secret.expose_secret()));
    let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(both))).ok()?;
    value.set_sensitive(true);
    Some(Proof { authorization: Some(value), ..Proof::default() })
}

fn in_body(id: &str, secret: &SecretString) -> Proof {
    let fields = vec![("client_id", id.to_owned()), ("client_secret", secret.expose_secret().to_owned())];
    Proof { fields, ..Proof::default() }
}
