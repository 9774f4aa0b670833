//! What people see, and the same for scripts.

use super::assertion::Assertion;
use super::store::User;
use super::{Account, Notes};
use crate::demo::look;
use axum::Json;
use axum::extract::{Form, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use minijinja::{context, value::Value};
use serde::Deserialize;
use serde_json::json;

/// A note as the form sends it.
#[derive(Debug, Deserialize)]
pub(super) struct Draft {
    text: String,
}

/// Why somebody stays out.
enum Out {
    NotThroughTheGateway,
    NoAccount,
    Broken,
}

impl From<sqlx::Error> for Out {
    fn from(error: sqlx::Error) -> Self {
        tracing::error!(%error, "database of notes does not answer");
        Self::Broken
    }
}

/// The one page: the account, and its notes.
pub(super) async fn home(State(notes): State<Notes>, headers: HeaderMap) -> Response {
    show(&notes, &headers).await.unwrap_or_else(Out::page)
}

/// Keeps a note.
pub(super) async fn keep(
    State(notes): State<Notes>,
    headers: HeaderMap,
    Form(draft): Form<Draft>,
) -> Response {
    let kept = async {
        let (_, user) = admit(&notes, &headers).await?;
        let text = draft.text.trim();
        if !text.is_empty() {
            notes.store().add_note(&user.id, text).await?;
        }
        Ok(Redirect::to("/").into_response())
    };
    kept.await.unwrap_or_else(Out::page)
}

/// The same account as JSON.
pub(super) async fn whoami(State(notes): State<Notes>, headers: HeaderMap) -> Response {
    let told = async {
        let (assertion, user) = admit(&notes, &headers).await?;
        let account = account(&notes, &user).await?;
        let until = Timestamp::from_second(assertion.access_until).ok();
        let Assertion { sub, roles, .. } = assertion;
        Ok(Json(json!({ "account": account, "sub": sub, "roles": roles, "access_until": until }))
            .into_response())
    };
    told.await.unwrap_or_else(Out::json)
}

async fn show(notes: &Notes, headers: &HeaderMap) -> Result<Response, Out> {
    let (assertion, user) = admit(notes, headers).await?;
    let Account { id, user_name, groups, created, .. } = account(notes, &user).await?;
    let until = Timestamp::from_second(assertion.access_until).map(shown).unwrap_or_default();
    let kept: Vec<Value> = notes
        .store()
        .notes(&user.id)
        .await?
        .into_iter()
        .map(|note| {
            context! { text => note.text, created => shown(note.created) }
        })
        .collect();
    let facts = context! {
        brand => "Notes", title => "Your notes", id, user_name, groups,
        created => shown(created), access_until => until, notes => kept,
    };
    Ok(look::page(StatusCode::OK, "notes.html", facts))
}

/// Who comes through the gateway and has an account here that may be used.
async fn admit(notes: &Notes, headers: &HeaderMap) -> Result<(Assertion, User), Out> {
    let assertion = notes.0.verifier.verify(headers).await.map_err(|disbelief| {
        tracing::info!(%disbelief, "request to notes refused");
        Out::NotThroughTheGateway
    })?;
    match notes.store().user(&assertion.account).await? {
        Some(user) if user.is_active() => Ok((assertion, user)),
        _ => Err(Out::NoAccount),
    }
}

async fn account(notes: &Notes, user: &User) -> Result<Account, Out> {
    Ok(user.account(notes.store().groups_of(&user.id).await?))
}

fn shown(time: Timestamp) -> String {
    time.strftime("%-d %B %Y, %H:%M:%S UTC").to_string()
}

impl Out {
    fn words(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::NotThroughTheGateway => (
                StatusCode::UNAUTHORIZED,
                "Notes only opens through its gateway.",
                "This request carries no word of the gateway that Notes could believe.",
            ),
            Self::NoAccount => (
                StatusCode::FORBIDDEN,
                "You have no active account in Notes.",
                "The gateway let you pass, but here the account is missing or disabled.",
            ),
            Self::Broken => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Notes can't read its notes right now.",
                "Its database does not answer.",
            ),
        }
    }

    fn page(self) -> Response {
        let (status, title, detail) = self.words();
        look::message(status, "Notes", title, detail)
    }

    fn json(self) -> Response {
        let (status, title, detail) = self.words();
        (status, Json(json!({ "title": title, "detail": detail }))).into_response()
    }
}
