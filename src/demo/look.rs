//! How the demo's pages look: as the product's, by sharing its style sheet.

use aws_lc_rs::digest::{SHA256, digest};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use http::{HeaderValue, StatusCode};
use minijinja::value::Value;
use minijinja::{Environment, UndefinedBehavior, context};
use std::sync::LazyLock;

const CSS: &str = concat!(include_str!("../page/style.css"), include_str!("html/stage.css"));
const SCRIPT: &str = include_str!("html/stage.js");

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut templates = Environment::new();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    templates.add_global("css", Value::from_safe_string(CSS.to_owned()));
    templates.add_global("script", Value::from_safe_string(SCRIPT.to_owned()));
    for (name, source) in [
        ("layout.html", include_str!("html/layout.html")),
        ("message.html", include_str!("html/message.html")),
        ("notes.html", include_str!("html/notes.html")),
        ("sign_in.html", include_str!("html/sign_in.html")),
        ("stage.html", include_str!("html/stage.html")),
    ] {
        if let Err(error) = templates.add_template(name, source) {
            tracing::error!(template = name, %error, "template cannot be read");
        }
    }
    templates
});

/// No `form-action`: signing in is a form whose answer leads back to the client, and browsers judge that too.
static CONTENT_POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = |text: &str| STANDARD.encode(digest(&SHA256, text.as_bytes()));
    let (style, script) = (hash(CSS), hash(SCRIPT));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; connect-src 'self'; \
         frame-ancestors 'none'; base-uri 'none'"
    )
});

/// The page made of `template` and `facts`.
pub(super) fn page(status: StatusCode, template: &str, facts: Value) -> Response {
    match TEMPLATES.get_template(template).and_then(|page| page.render(facts)) {
        Ok(body) => {
            let mut response = (status, Html(body)).into_response();
            let headers = response.headers_mut();
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
            if let Ok(policy) = HeaderValue::from_str(&CONTENT_POLICY) {
                headers.insert(CONTENT_SECURITY_POLICY, policy);
            }
            response
        }
        Err(error) => {
            tracing::error!(template, %error, "page cannot be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A page that says one thing, under the name of who says it.
pub(super) fn message(status: StatusCode, brand: &str, title: &str, detail: &str) -> Response {
    page(status, "message.html", context! { brand, title, detail })
}
