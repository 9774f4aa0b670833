//! Why a call was not carried out, for an operator or a program to read (RFC 9457).

use crate::audit::OperatorRole;
use crate::lifecycle::Error;
use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use jiff::Timestamp;
use serde_json::json;

/// Why a call was not carried out.
pub(super) enum Failure {
    /// Whoever calls may not.
    Refused(Refusal),
    /// The call cannot be read.
    Malformed(String),
    /// There is nothing of this name to call.
    NoSuchCall,
    /// The store cannot say who is there.
    Unavailable,
    /// It cannot be done.
    Order(Error),
}

/// Why somebody may not call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("show a token: Authorization: Bearer guestpass_..")]
    NoToken,
    #[error("this token is none of ours")]
    Unknown,
    #[error("this token ended at {0}")]
    Ended(Timestamp),
    #[error("this token was revoked at {0}")]
    Revoked(Timestamp),
    #[error("this needs a token with role {needs}, and this one has role {has}")]
    Role { needs: OperatorRole, has: OperatorRole },
    #[error("sign in first")]
    NotSignedIn,
    #[error("this needs role guestpass.{0}, or one that may more")]
    NoRole(OperatorRole),
    #[error("only pages of ours may order something for whoever is signed in; programs show a token")]
    Elsewhere,
}

impl Refusal {
    /// One word, for programs and the record.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::NoToken => "token_needed",
            Self::Unknown => "token_unknown",
            Self::Ended(_) => "token_ended",
            Self::Revoked(_) => "token_revoked",
            Self::Role { .. } | Self::NoRole(_) => "role_needed",
            Self::NotSignedIn => "sign_in_needed",
            Self::Elsewhere => "other_origin",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::Role { .. } | Self::NoRole(_) | Self::Elsewhere => StatusCode::FORBIDDEN,
            _ => StatusCode::UNAUTHORIZED,
        }
    }

    /// What a client may make of it, where it showed a token or could (RFC 6750, section 3).
    fn challenge(self) -> Option<HeaderValue> {
        Some(HeaderValue::from_static(match self {
            Self::NotSignedIn | Self::NoRole(_) | Self::Elsewhere => return None,
            Self::NoToken => r#"Bearer realm="guestpass""#,
            Self::Role { .. } => r#"Bearer realm="guestpass", error="insufficient_scope""#,
            _ => r#"Bearer realm="guestpass", error="invalid_token""#,
        }))
    }
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Order(error.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, reason, detail) = match &self {
            Self::Refused(refusal) => (refusal.status(), refusal.reason(), refusal.to_string()),
            Self::Malformed(why) => (StatusCode::BAD_REQUEST, "malformed", why.clone()),
            Self::NoSuchCall => {
                (StatusCode::NOT_FOUND, "no_such_call", "there is nothing to call of this name".to_owned())
            }
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "store_unavailable",
                "nobody can say who you are".to_owned(),
            ),
            Self::Order(error @ Error::NotFound(..)) => {
                (StatusCode::NOT_FOUND, "not_found", error.to_string())
            }
            Self::Order(error @ Error::Invalid(_)) => {
                (StatusCode::UNPROCESSABLE_ENTITY, "invalid", error.to_string())
            }
            Self::Order(error @ Error::Store(_)) => {
                tracing::error!(%error, "order not carried out");
                (StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", error.to_string())
            }
        };
        let problem = json!({ "status": status.as_u16(), "reason": reason, "detail": detail });
        let mut response = (status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Self::Refused(refusal) = self
            && let Some(challenge) = refusal.challenge()
        {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
