//! Errors as SCIM tells them (RFC 7644, section 3.12).

use super::resource;
use axum::response::{IntoResponse, Response};
use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, StatusCode};
use serde_json::json;

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the bearer token is missing or wrong")]
    Unauthorized,
    #[error("there is no such resource")]
    NotFound,
    #[error("{0} is already in use")]
    Taken(&'static str),
    #[error("{detail}")]
    Invalid { scim_type: &'static str, detail: String },
    #[error("the database does not answer")]
    Broken(sqlx::Error),
}

impl Refusal {
    pub(super) fn invalid(scim_type: &'static str, detail: impl Into<String>) -> Self {
        Self::Invalid { scim_type, detail: detail.into() }
    }

    pub(super) fn value(detail: impl Into<String>) -> Self {
        Self::invalid("invalidValue", detail)
    }
}

impl From<sqlx::Error> for Refusal {
    fn from(error: sqlx::Error) -> Self {
        let Some(told) = error.as_database_error() else { return Self::Broken(error) };
        if told.is_unique_violation() {
            let of = |column| told.message().contains(column);
            Self::Taken(if of("external_id") {
                "externalId"
            } else if of("user_name") {
                "userName"
            } else {
                "displayName"
            })
        } else if told.is_foreign_key_violation() {
            Self::value("a member does not exist")
        } else {
            Self::Broken(error)
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, scim_type) = match &self {
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, None),
            Self::NotFound => (StatusCode::NOT_FOUND, None),
            Self::Taken(_) => (StatusCode::CONFLICT, Some("uniqueness")),
            Self::Invalid { scim_type, .. } => (StatusCode::BAD_REQUEST, Some(*scim_type)),
            Self::Broken(error) => {
                tracing::error!(%error, "database of notes does not answer");
                (StatusCode::SERVICE_UNAVAILABLE, None)
            }
        };
        let mut error = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
            "status": status.as_str(),
            "detail": self.to_string(),
        });
        if let Some(scim_type) = scim_type {
            error["scimType"] = scim_type.into();
        }
        let mut response = resource(status, &error);
        if status == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"notes\""));
        }
        response
    }
}
