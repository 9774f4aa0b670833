//! Pages as bytes: HTML under a strict content security policy, or problem+json (RFC 9457). Never cached.

use super::portal::Portal;
use super::{Page, Question, Reader};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
    RETRY_AFTER, VARY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::{Response, StatusCode};
use minijinja::value::{Serde, Value};
use minijinja::{Environment, Error, UndefinedBehavior, context};
use serde_json::json;
use std::sync::LazyLock;

const CSS: &str = include_str!("style.css");

/// Names end in `.html`, which is what turns escaping on.
static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut templates = Environment::new();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    templates.add_global("css", Value::from_safe_string(CSS.to_owned()));
    for (name, source) in [
        ("layout.html", include_str!("layout.html")),
        ("page.html", include_str!("page.html")),
        ("portal.html", include_str!("portal.html")),
    ] {
        if let Err(error) = templates.add_template(name, source) {
            tracing::error!(template = name, %error, "template cannot be read");
        }
    }
    templates
});

/// Nothing loads, nothing runs, nobody frames; the one style sheet is known by its hash.
static CONTENT_POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = STANDARD.encode(digest(&SHA256, CSS.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
});

impl Page {
    /// The answer for `reader`: HTML for a person, which asks again by itself where there is a `retry_after`;
    /// problem+json for a program.
    pub fn respond(&self, reader: Reader) -> Response<Bytes> {
        let mut response = match reader {
            Reader::Person => self.html().unwrap_or_else(|error| self.instead_of_html(&error)),
            Reader::Program => self.problem(),
        };
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(VARY, HeaderValue::from_static("Accept, Sec-Fetch-Mode"));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"guestpass\""));
        }
        response
    }

    fn html(&self) -> Result<Response<Bytes>, Error> {
        let actions: Vec<Value> = self
            .actions
            .iter()
            .map(|action| context! { label => &action.label, href => &action.href, posts => action.posts })
            .collect();
        let question = self.question.as_ref().map(|question| {
            let Question { label, name, action, besides, button } = question;
            let besides: Vec<Value> =
                besides.iter().map(|(name, value)| context! { name => *name, value }).collect();
            context! { label, name => *name, action, besides, button }
        });
        let facts = context! {
            question,
            title => &self.title,
            detail => &self.detail,
            // A code is for asking about what went wrong.
            code => (!self.status.is_success()).then_some(self.reason),
            reference => self.reference.as_deref(),
            signed_in_as => self.signed_in_as.as_deref(),
            retry_after => self.retry_after,
            actions,
        };
        Ok(html(TEMPLATES.get_template("page.html")?.render(facts)?))
    }

    fn problem(&self) -> Response<Bytes> {
        let problem = json!({
            "type": format!("urn:guestpass:reason:{}", self.reason),
            "title": self.title,
            "status": self.status.as_u16(),
            "detail": self.detail,
            "reason": self.reason,
            "reference": self.reference,
        });
        answer("application/problem+json", problem.to_string())
    }

    /// The templates are part of the program and tested, so this is for the day they are not.
    fn instead_of_html(&self, error: &Error) -> Response<Bytes> {
        tracing::error!(%error, reason = self.reason, "page cannot be rendered");
        self.problem()
    }
}

impl Portal {
    /// The page, for a person.
    pub fn respond(&self) -> Response<Bytes> {
        let rendered = TEMPLATES.get_template("portal.html").and_then(|page| page.render(Serde(self)));
        rendered.map(html).unwrap_or_else(|error| {
            let page = Page::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "page_failed",
                "This page can't be shown.",
                "The mistake is ours. Your access is not affected.",
            );
            let mut response = page.instead_of_html(&error);
            *response.status_mut() = page.status;
            response
        })
    }
}

fn html(body: String) -> Response<Bytes> {
    answer("text/html; charset=utf-8", body)
}

fn answer(content_type: &'static str, body: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    let headers = response.headers_mut();
    let fixed: [(HeaderName, &str); 4] = [
        (CONTENT_TYPE, content_type),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Base64 and ASCII words, so it is always a header value.
    if let Ok(policy) = HeaderValue::from_str(&CONTENT_POLICY) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::super::{Action, PortalRow, PortalState};
    use super::*;
    use serde_json::Value as Json;

    const HOSTILE: &str = "<script>alert('x')</script>\"&{{ 7*7 }}";

    fn text(response: &Response<Bytes>) -> &str {
        str::from_utf8(response.body()).unwrap()
    }

    fn header<'a>(response: &'a Response<Bytes>, name: &str) -> Option<&'a str> {
        response.headers().get(name).map(|value| value.to_str().unwrap())
    }

    #[track_caller]
    fn assert_tame(body: &str, times: usize) {
        assert!(!body.contains("<script") && !body.contains("alert('") && !body.contains("49"), "{body}");
        assert_eq!(body.matches("&lt;script&gt;alert(&#x27;x").count(), times, "{body}");
    }

    #[test]
    fn a_hostile_value_stays_text() {
        let mut page = Page::new(StatusCode::FORBIDDEN, "no_role", HOSTILE, HOSTILE)
            .signed_in_as(HOSTILE)
            .link(HOSTILE, HOSTILE)
            .reference(HOSTILE);
        page.actions.push(Action { label: HOSTILE.into(), href: HOSTILE.into(), posts: true });
        assert_tame(text(&page.respond(Reader::Person)), 9);

        let row = |state| PortalRow {
            app: HOSTILE.into(),
            href: HOSTILE.into(),
            role: HOSTILE.into(),
            state,
            until: HOSTILE.into(),
            why: HOSTILE.into(),
            ends_soon: true,
        };
        let portal = Portal {
            person: HOSTILE.into(),
            provider: HOSTILE.into(),
            rows: vec![row(PortalState::Active), row(PortalState::Stuck)],
            sign_out: HOSTILE.into(),
        };
        assert_tame(text(&portal.respond()), 13);
    }

    #[test]
    fn every_answer_is_locked_down() {
        for reader in [Reader::Person, Reader::Program] {
            let response = Page::sign_in_needed().respond(reader);
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
            assert_eq!(header(&response, "www-authenticate"), Some("Bearer realm=\"guestpass\""));
            assert_eq!(header(&response, "cache-control"), Some("no-store"));
            assert_eq!(header(&response, "x-content-type-options"), Some("nosniff"));
            assert_eq!(header(&response, "referrer-policy"), Some("no-referrer"));
            assert_eq!(header(&response, "vary"), Some("Accept, Sec-Fetch-Mode"));
            let policy = header(&response, "content-security-policy").unwrap();
            assert!(
                policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe")
            );
        }
        assert_eq!(header(&Page::no_role("Wiki").respond(Reader::Program), "www-authenticate"), None);
    }

    #[test]
    fn the_hash_is_that_of_the_style_sheet_as_sent() {
        let response = Page::no_role("Wiki").respond(Reader::Person);
        let body = text(&response);
        let (_, rest) = body.split_once("<style>").unwrap();
        let (sent, _) = rest.split_once("</style>").unwrap();
        let hash = STANDARD.encode(digest(&SHA256, sent.as_bytes()));
        assert!(header(&response, "content-security-policy").unwrap().contains(&hash));
    }

    #[test]
    fn a_page_that_waits_moves_on_by_itself() {
        let response = Page::preparing("Wiki").respond(Reader::Person);
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(header(&response, "retry-after"), Some("1"));
        assert!(text(&response).contains("<meta http-equiv=\"refresh\" content=\"1\">"));
        assert!(!text(&Page::no_role("Wiki").respond(Reader::Person)).contains("http-equiv"));
    }

    #[test]
    fn a_program_reads_the_same_facts() {
        let response = Page::no_role("Wiki").reference("7F3K-2M").respond(Reader::Program);
        assert_eq!(header(&response, "content-type"), Some("application/problem+json"));
        let problem: Json = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(
            problem,
            json!({
                "type": "urn:guestpass:reason:no_role",
                "title": "You don't have access to Wiki.",
                "status": 403,
                "detail": "No role matches. Ask whoever invited you, or sign in with another account.",
                "reason": "no_role",
                "reference": "7F3K-2M",
            })
        );
    }
}
