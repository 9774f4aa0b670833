//! Every call that operators can make, and who may.

use super::caller::Guard;
use super::failure::Failure;
use super::route::{Route, unkept};
use super::{Deps, explain, openapi, orders, plan, reads, reload, targets, tokens};
use crate::audit::OperatorRole::{Admin, Auditor, Helpdesk};
use axum::Router;
use axum::extract::Request;
use axum::response::IntoResponse;

/// All of them.
pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::list("/people", Auditor, "Everybody who was ever let in", reads::people),
        Route::get("/people/{person}/claims", Auditor, "What was last said of somebody", reads::claims),
        Route::post("/people/{person}/revoke", Admin, "Shut somebody out at once", orders::revoke),
        Route::post("/people/{person}/restore", Admin, "Let somebody in again", orders::restore),
        Route::post("/people/{person}/link", Admin, "Say that two people are one", orders::link),
        Route::list("/known", Auditor, "Everybody with claims and grants", reads::known),
        Route::list("/sessions", Auditor, "Who is signed in", reads::sessions),
        Route::post("/sessions/{id}/revoke", Helpdesk, "End a session on every host", orders::revoke_session),
        Route::list("/grants", Auditor, "Who holds and held which role, until when", reads::grants),
        Route::post("/grants/{id}/end", Admin, "End a grant now", orders::end_grant),
        Route::post("/grants/{id}/extend", Admin, "Give a grant another end", orders::extend),
        Route::list("/accounts", Auditor, "Accounts in apps", reads::accounts),
        Route::post("/accounts/{id}/retry", Helpdesk, "Have an account worked on now", orders::retry),
        Route::post("/accounts/{id}/decide", Helpdesk, "Say whose an account is", orders::decide),
        Route::get("/targets", Auditor, "Where accounts live, and how that is doing", targets::targets),
        Route::post("/targets/{target}/confirm", Admin, "Let a target take much", orders::confirm_target),
        Route::get("/targets/{target}/import", Auditor, "Whose a target's accounts are", targets::import),
        Route::list("/drift", Auditor, "What in apps is not as it should be", targets::drift),
        Route::get("/seats", Auditor, "Who needs the seats that are taken", targets::seats),
        Route::list("/audit", Auditor, "What happened, oldest first", reads::audit),
        Route::get("/keys", Auditor, "The keys that sign what apps are told", reads::keys),
        Route::post("/keys/rotate", Admin, "Draw another key that signs", orders::rotate),
        Route::post("/policy/explain", Auditor, "Why somebody gets what they get", explain::explain),
        Route::post("/plan", Auditor, "What a reload would do", plan::plan),
        Route::post("/reload", Admin, "Let the files as they are now hold", reload::reload),
        Route::get("/tokens", Auditor, "All tokens that were ever made", tokens::tokens),
        Route::post("/tokens", Admin, "Make a token", tokens::issue),
        Route::post("/tokens/{name}/revoke", Admin, "End a token now", tokens::revoke),
        Route::get("/openapi.json", Auditor, "This description", openapi::told),
    ]
}

/// All of them, for whom `guard` lets in. What is none of them is told to nobody else.
pub(super) fn router(deps: &Deps, guard: &Guard) -> Router {
    let (asked_by, asked) = (guard.clone(), deps.clone());
    let nothing = async move |request: Request| {
        let admitted = asked_by.admit(&asked, &request.into_parts().0, "no such call", Auditor).await;
        unkept(admitted.err().unwrap_or(Failure::NoSuchCall).into_response())
    };
    let router = Router::new().fallback(nothing.clone());
    let router = routes().into_iter().fold(router, |router, route| {
        let (path, served) = route.served(deps, guard);
        router.route(path, served)
    });
    // Of what is there by then.
    router.method_not_allowed_fallback(nothing)
}
