//! How every door speaks: a quiet page to a person, `application/problem+json` (RFC 9457) to everything else,
//! with the same facts in both. A page says what is, why, and what one can do now.

mod portal;
mod render;

pub use portal::{Portal, PortalRow, PortalState};

use crate::seal::random_bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use jiff::Timestamp;

/// What browsers say of a request (Fetch Metadata).
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Who asks, and so what they can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// A person who navigates: gets HTML, and may be sent elsewhere.
    Person,
    /// A script or a program: gets problem+json and a status that says it.
    Program,
}

impl Reader {
    /// Tells a top-level navigation from everything else: GET or HEAD with `Sec-Fetch-Mode: navigate`, or, from
    /// browsers that do not say, `Accept: text/html`. Only such a request may start a sign-in.
    pub fn of(method: &Method, headers: &HeaderMap) -> Self {
        if method != Method::GET && method != Method::HEAD {
            return Self::Program;
        }
        let text = |name: &HeaderName| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let navigates = match text(&FETCH_MODE) {
            Some(mode) => mode == "navigate" && matches!(text(&FETCH_DEST), None | Some("document")),
            None => text(&header::ACCEPT).is_some_and(|accept| accept.contains("text/html")),
        };
        if navigates && !headers.contains_key(header::UPGRADE) { Self::Person } else { Self::Program }
    }
}

/// One thing to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The status of the answer.
    pub status: StatusCode,
    /// A stable code that programs and support may rely on, such as `no_role`.
    pub reason: &'static str,
    /// What is, in one sentence.
    pub title: String,
    /// Why, and what follows.
    pub detail: String,
    /// Who is signed in, as shown to them.
    pub signed_in_as: Option<String>,
    /// What one can do now: links, most useful first.
    pub actions: Vec<Action>,
    /// What one can say.
    pub question: Option<Question>,
    /// After how many seconds to ask again: a person's page does so by itself.
    pub retry_after: Option<u32>,
    /// Names this very answer in our log, so that support can find it, such as `7F3K-2M`.
    pub reference: Option<String>,
}

/// A link or a button on a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// What it says.
    pub label: String,
    /// Where it leads.
    pub href: String,
    /// Whether it changes something, and so is a button that posts.
    pub posts: bool,
}

/// An e-mail address that is asked for, by a form that changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What it asks.
    pub label: String,
    /// The name of the answer in the address that it leads to.
    pub name: &'static str,
    /// Where it leads.
    pub action: String,
    /// What else is said there.
    pub besides: Vec<(&'static str, String)>,
    /// What the button says.
    pub button: String,
}

impl Page {
    /// A page that says `title` and `detail`, with the code `reason`.
    pub fn new(
        status: StatusCode,
        reason: &'static str,
        title: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            status,
            reason,
            title: title.into(),
            detail: detail.into(),
            signed_in_as: None,
            actions: Vec::new(),
            question: None,
            retry_after: None,
            reference: None,
        }
    }

    /// Says who is signed in.
    pub fn signed_in_as(mut self, who: impl Into<String>) -> Self {
        self.signed_in_as = Some(who.into());
        self
    }

    /// Offers a link.
    pub fn link(mut self, label: impl Into<String>, href: impl Into<String>) -> Self {
        self.actions.push(Action { label: label.into(), href: href.into(), posts: false });
        self
    }

    /// Asks something.
    pub fn question(mut self, question: Question) -> Self {
        self.question = Some(question);
        self
    }

    /// Asks to come again after so many seconds.
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Names the answer, so that support can find it in the log.
    pub fn reference(mut self, reference: impl Into<String>) -> Self {
        self.reference = Some(reference.into());
        self
    }

    /// The account in the app called `app` is not ready yet.
    pub fn preparing(app: &str) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "preparing",
            format!("Preparing your account in {app}."),
            "This takes a few seconds the first time. The page moves on by itself.",
        )
        .retry_after(1)
    }

    /// Nobody is signed in, and the request is not one that could be sent to sign in.
    pub fn sign_in_needed() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "sign_in_needed",
            "Sign in first.",
            "This needs a signed-in person. Open the address in a browser to sign in.",
        )
    }

    /// Signed in, but no role opens the app called `app`.
    pub fn no_role(app: &str) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "no_role",
            format!("You don't have access to {app}."),
            "No role matches. Ask whoever invited you, or sign in with another account.",
        )
    }

    /// The access to the app called `app` is over.
    pub fn ended(app: &str, at: Timestamp, why: &str) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "ended",
            format!("Your access to {app} ended on {}.", moment(at)),
            why,
        )
    }

    /// The store cannot be asked, so nobody can be let in.
    pub fn store_unavailable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "store_unavailable",
            "We can't check your access right now.",
            "Our own records can't be read or written. Nothing is lost; we try again every few seconds.",
        )
        .retry_after(5)
    }

    /// The identity provider does not answer.
    pub fn provider_unavailable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "provider_unavailable",
            "We can't reach the sign-in service.",
            "People who are signed in can go on working. We try again every few seconds.",
        )
        .retry_after(5)
    }
}

/// A short name for one answer, easy to read out and hard to guess: `7F3K-2M`.
pub fn reference() -> String {
    // Without 0 and O, 1 and I, which people mix up on the telephone.
    const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let letters = random_bytes().map(|byte| char::from(LETTERS[usize::from(byte % 32)]));
    format!("{}-{}", letters[..4].iter().collect::<String>(), letters[4..6].iter().collect::<String>())
}

/// A moment as a person reads it: `10 March, 00:00 UTC`. Seconds are shown where they tell something.
pub fn moment(at: Timestamp) -> String {
    let form = if at.as_second() % 60 == 0 { "%-d %B, %H:%M UTC" } else { "%-d %B, %H:%M:%S UTC" };
    at.strftime(form).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_can_be_read_out() {
        let reference = reference();
        assert!(reference.len() == 7 && reference.as_bytes()[4] == b'-', "{reference}");
    }

    #[test]
    fn only_top_level_navigations_are_persons() {
        let of = |method: &Method, headers: &[(&'static str, &str)]| {
            let headers = headers.iter().map(|(name, value)| {
                (http::HeaderName::from_static(name), http::HeaderValue::from_str(value).unwrap())
            });
            Reader::of(method, &headers.collect())
        };
        let navigates = ("sec-fetch-mode", "navigate");
        assert_eq!(of(&Method::GET, &[navigates, ("sec-fetch-dest", "document")]), Reader::Person);
        assert_eq!(of(&Method::GET, &[("accept", "text/html,*/*")]), Reader::Person);
        for program in [
            of(&Method::POST, &[navigates]),
            of(&Method::GET, &[navigates, ("sec-fetch-dest", "iframe")]),
            of(&Method::GET, &[("sec-fetch-mode", "cors"), ("accept", "text/html")]),
            of(&Method::GET, &[("accept", "text/html"), ("upgrade", "websocket")]),
            of(&Method::GET, &[("accept", "*/*")]),
            of(&Method::GET, &[]),
        ] {
            assert_eq!(program, Reader::Program);
        }
    }

    #[test]
    fn a_moment_shows_seconds_only_where_they_tell_something() {
        assert_eq!(moment("2026-03-10T00:00:00Z".parse().unwrap()), "10 March, 00:00 UTC");
        assert_eq!(moment("2026-03-10T00:00:07Z".parse().unwrap()), "10 March, 00:00:07 UTC");
    }
}
