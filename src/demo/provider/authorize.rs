//! The authorization endpoint: checks the request, asks who one is, sends a code back (OpenID Connect Core, 3.1.2).

use super::{Person, Provider, SignedIn, keep, random, with_query};
use crate::demo::look;
use axum::extract::{Form, Query, RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use jiff::SignedDuration;
use minijinja::{context, value::Value};
use serde::Deserialize;

const CODE_LIVES: SignedDuration = SignedDuration::from_secs(60);

/// What the client asks for. All is optional here, so that what is missing is told in the protocol's words.
#[derive(Debug, Deserialize)]
pub(super) struct Request {
    #[serde(default)]
    client_id: String,
    #[serde(default)]
    redirect_uri: String,
    #[serde(default)]
    response_type: String,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    code_challenge: String,
    #[serde(default)]
    code_challenge_method: String,
    #[serde(default)]
    prompt: String,
    state: Option<String>,
    nonce: Option<String>,
}

/// Who one chose to be; nobody, to cancel.
#[derive(Debug, Deserialize)]
pub(super) struct Choice {
    person: String,
}

/// GET: the page that asks.
pub(super) async fn ask(
    State(provider): State<Provider>,
    RawQuery(query): RawQuery,
    Query(request): Query<Request>,
) -> Response {
    if let Err(refusal) = request.check(&provider) {
        return refusal;
    }
    let people: Vec<Value> = provider.settings().people.iter().map(shown).collect();
    // The form carries the request in its address, and answering checks it again.
    let action = format!("/authorize?{}", query.unwrap_or_default());
    look::page(
        StatusCode::OK,
        "sign_in.html",
        context! { brand => "Identity provider", title => "Sign in", action, people },
    )
}

/// POST: the person has chosen.
pub(super) async fn answer(
    State(provider): State<Provider>,
    Query(request): Query<Request>,
    Form(choice): Form<Choice>,
) -> Response {
    if let Err(refusal) = request.check(&provider) {
        return refusal;
    }
    let Some(person) = provider.settings().people.iter().find(|person| person.sub == choice.person) else {
        return request.error(&provider, "access_denied");
    };
    match code(&provider, &request, person) {
        Ok(code) => request.back(&provider, ("code", &code)),
        Err(_) => request.error(&provider, "server_error"),
    }
}

fn code(
    provider: &Provider,
    request: &Request,
    person: &Person,
) -> Result<String, aws_lc_rs::error::Unspecified> {
    let now = provider.0.clock.now();
    let signed_in = SignedIn {
        person: person.clone(),
        redirect_uri: request.redirect_uri.clone(),
        code_challenge: request.code_challenge.clone(),
        nonce: request.nonce.clone(),
        scope: request.scope.clone(),
        sid: random()?,
        at: now,
        expires: now + CODE_LIVES,
    };
    keep(&provider.0.codes, signed_in, now)
}

fn shown(person: &Person) -> Value {
    let Person { sub, name, given_name, about, .. } = person;
    context! { sub, name, given_name, about }
}

impl Request {
    /// Refuses with a page where nobody is known to send the refusal to, else with a redirect that says why.
    #[expect(clippy::result_large_err, reason = "the refusal is the answer")]
    fn check(&self, provider: &Provider) -> Result<(), Response> {
        let settings = provider.settings();
        if self.client_id != settings.client_id || !settings.redirect_uris.contains(&self.redirect_uri) {
            return Err(look::message(
                StatusCode::BAD_REQUEST,
                "Identity provider",
                "This sign-in request is not ours to answer.",
                "Its client or its redirect URI is not registered here.",
            ));
        }
        let error = if self.response_type != "code" {
            "unsupported_response_type"
        } else if !self.scope.split(' ').any(|scope| scope == "openid") {
            "invalid_scope"
        } else if self.code_challenge_method != "S256" || self.code_challenge.len() != 43 {
            "invalid_request"
        } else if self.prompt == "none" {
            "login_required"
        } else {
            return Ok(());
        };
        Err(self.error(provider, error))
    }

    fn error(&self, provider: &Provider, error: &str) -> Response {
        self.back(provider, ("error", error))
    }

    /// Back to the client, with `what`, its state, and our name (RFC 9207).
    fn back(&self, provider: &Provider, what: (&str, &str)) -> Response {
        let parameters = [
            (what.0, Some(what.1)),
            ("state", self.state.as_deref()),
            ("iss", Some(provider.settings().issuer.as_str())),
        ];
        match with_query(&self.redirect_uri, &parameters) {
            Some(url) => Redirect::to(url.as_str()).into_response(),
            None => StatusCode::BAD_REQUEST.into_response(),
        }
    }
}
