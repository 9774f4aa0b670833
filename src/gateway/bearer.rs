//! A request that shows an access token: where its session is found, and what is said where there is none. Whoever shows a
//! token is a program, and is told what is wrong in the words of RFC 6750 (section 3), never sent to sign in.

use super::app::{App, Rule};
use super::authorize::Refusal;
use super::denied::{Denied, Why};
use super::gate::Gate;
use super::grant::Going;
use crate::account::Limit;
use crate::bearer::{Claimed, Refusal as TokenRefusal, presented};
use crate::page::Page;
use crate::session::TokenHash;
use crate::trace;
use http::{HeaderMap, HeaderValue, StatusCode};

/// Whether a request shows an access token.
pub(super) fn is_shown(sent: &HeaderMap) -> bool {
    presented(sent).is_some()
}

/// Whether what `before` let in by an access token would be let in by one `now`: on the same terms, since the token itself is
/// not kept.
pub(super) fn takes_the_same(before: &App, now: &App) -> bool {
    let [before, now] = [before, now].map(|app| {
        let taken = app.access_tokens.as_deref()?;
        Some((&taken.audiences, &taken.scopes, &taken.providers))
    });
    before == now
}

impl Gate {
    /// Where the session is found of the token that a request shows. When that comes for the first time it is judged, elsewhere:
    /// providers and the store are asked from the main runtime. Public places look at nobody's.
    pub(super) async fn key_of_token(
        &self,
        going: &Going<'_>,
        sent: &HeaderMap,
    ) -> Result<Option<TokenHash>, Denied> {
        let app = going.app;
        let (Some(accepts), Some(token)) = (&app.access_tokens, presented(sent)) else { return Ok(None) };
        if **app.route(going.uri.path()).rule(going.method) == Rule::Public {
            return Ok(None);
        }
        let key = Claimed::key_of(accepts, going.host, token);
        if self.gateway.sessions.cached(&key).is_some_and(|session| session.is_current()) {
            return Ok(Some(key));
        }
        let Some(bearers) = going.plan.bearers.clone().filter(|_| !token.is_empty()) else {
            return Err(Why::Token(TokenRefusal::Invalid("it cannot be read".to_owned())).into());
        };
        let claimed = Claimed::new(accepts.clone(), app.name.clone(), going.host.clone(), token);
        // To its end, also where the client goes away.
        match self.gateway.main.spawn(trace::carry(async move { bearers.admit(&claimed).await })).await {
            Ok(Ok(())) => Ok(Some(key)),
            Ok(Err(refusal)) => Err(Why::Token(refusal).into()),
            Err(error) => {
                tracing::error!(app = %app.name, %error, "an access token could not be judged: {error}");
                Err(Why::Internal.into())
            }
        }
    }
}

/// What is said of a token that opens nothing.
pub(super) fn refused(refusal: &TokenRefusal, app: &App) -> Page {
    let title = &app.title;
    match refusal {
        TokenRefusal::Invalid(why) => invalid(format!("It was not let in: {why}.")),
        TokenRefusal::NotAdmitted(reason @ ("revoked" | "token_ended")) => {
            Page { reason, ..invalid("An operator or its provider has ended it, or its time is over.") }
        }
        TokenRefusal::NotAdmitted(reason) => {
            let detail = "Its provider vouches for it, and no rule gives its holder anything here.";
            let title = format!("This access token does not open {title}.");
            Page::new(StatusCode::FORBIDDEN, reason, title, detail)
        }
        TokenRefusal::Scope => {
            let title = format!("This access token is not good for {title}.");
            let detail = "It lacks a scope that is asked for. Get one with all of them.";
            Page::new(StatusCode::FORBIDDEN, "insufficient_scope", title, detail)
        }
        TokenRefusal::ProviderAway => {
            let detail = "Whoever gave it can't be asked about it. We try again with the next request.";
            let title = "We can't judge this access token right now.";
            Page::new(StatusCode::SERVICE_UNAVAILABLE, "provider_unavailable", title, detail).retry_after(5)
        }
        TokenRefusal::StoreAway => Page::store_unavailable(),
    }
}

/// The session of a token is over.
pub(super) fn over() -> Page {
    Page { reason: "token_ended", ..invalid("Its time is over, or somebody has ended it.") }
}

fn invalid(why: impl Into<String>) -> Page {
    Page::new(StatusCode::UNAUTHORIZED, "invalid_token", "This access token is not valid.", why)
}

/// `page`, which says why `denied`, and the challenge that goes with it where `app` takes access tokens.
pub(super) fn challenged(denied: &Denied, page: Page, app: &App) -> (Page, Option<HeaderValue>) {
    let Some(accepts) = &app.access_tokens else { return (page, None) };
    let stronger = matches!(denied.why, Why::Refused(Refusal::Limited(Limit::Acr | Limit::TooLongAgo)));
    let (page, error) = match page.status {
        StatusCode::FORBIDDEN if denied.by_token && stronger => {
            let asked = denied.step_up.as_ref().map(|step_up| step_up.challenge()).unwrap_or_default();
            let page = Page { status: StatusCode::UNAUTHORIZED, actions: Vec::new(), ..page };
            (page, format!(", error=\"insufficient_user_authentication\"{asked}"))
        }
        StatusCode::FORBIDDEN if denied.by_token => {
            let scope = accepts.scopes.join(" ");
            let scope = if scope.is_empty() { scope } else { format!(", scope=\"{scope}\"") };
            (page, format!(", error=\"insufficient_scope\"{scope}"))
        }
        StatusCode::UNAUTHORIZED if denied.by_token => (page, ", error=\"invalid_token\"".to_owned()),
        StatusCode::UNAUTHORIZED => (page, String::new()),
        _ => return (page, None),
    };
    (page, HeaderValue::try_from(format!("Bearer realm=\"{}\"{error}", app.name)).ok())
}
