//! One call, as a description writes it.

use super::answers::Answer;
use super::expression::Expression;
use super::template::Template;
use super::tree::Tree;
use reqwest::Method;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// One request: what is sent, what its answers mean, and what is kept of them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Call {
    /// The method, and the path below the target's address: `GET /users/{{ id }}`. What an expression comes to is one
    /// piece of a segment, whatever is in it; a path that would lead elsewhere is not called.
    pub(super) call: Request,
    /// The call is made only where this holds.
    pub(super) when: Option<Expression>,
    /// The call is made for each of these, which is `item`.
    pub(super) each: Option<Expression>,
    /// The query's parameters; one that comes to nothing is left out.
    #[serde(default)]
    pub(super) query: BTreeMap<String, Template>,
    /// Headers besides those of every call; one that comes to nothing is left out.
    #[serde(default)]
    pub(super) headers: BTreeMap<String, Template>,
    /// The body, as JSON; a member whose text comes to nothing is left out.
    pub(super) json: Option<Tree>,
    /// The body, as a form; a field that comes to nothing is left out.
    pub(super) form: Option<BTreeMap<String, Template>>,
    /// What answers mean, where that is not what HTTP says. The first that fits counts; those of the whole description
    /// come after.
    #[serde(default)]
    pub(super) answers: Vec<Answer>,
    /// Where the answer holds a list; it is `items` from then on. With `each`, all that their answers hold.
    pub(super) items: Option<Expression>,
    /// How the rest of the list is asked for.
    pub(super) pages: Option<Pages>,
    /// What is kept of the answer, by the name that it has from then on. Nothing, where the call was not made; with `each`,
    /// a list of what every one of them gave.
    #[serde(default)]
    pub(super) keep: BTreeMap<String, Expression>,
}

/// A method and a path.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String", extend("pattern" = "^(GET|POST|PUT|PATCH|DELETE) /"))]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) segments: Vec<Template>,
}

/// How the next page of a list is asked for. Lists end with a page that is empty, or names no next one.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Pages {
    /// By its number, which is `page`, counted from this.
    Number(u64),
    /// By how many items were before it, which is `page`, counted from this.
    Offset(u64),
    /// By a word that the page before it holds here: it is `page`, and nothing for the first.
    Cursor(Expression),
    /// By the address that the page before it holds here, on the same server.
    Next(Expression),
    /// By the address in the `Link` header of the page before it (RFC 8288), on the same server.
    Link,
}

impl Request {
    /// Whether it changes nothing.
    pub(super) fn reads(&self) -> bool {
        self.method == Method::GET
    }
}

impl TryFrom<String> for Request {
    type Error = String;

    fn try_from(written: String) -> Result<Self, String> {
        let (method, path) = written.split_once(' ').unwrap_or_default();
        let known = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
        let method = known.into_iter().find(|known| known.as_str() == method);
        let (Some(method), Some(path)) = (method, path.strip_prefix('/')) else {
            return Err(format!("\"{written}\" is no call: write it like GET /users/{{{{ id }}}}"));
        };
        let segments = Template::try_from(path.to_owned())?.split();
        let literal = path.split("{{").enumerate().map(|(number, piece)| match number {
            0 => piece,
            _ => piece.split_once("}}").map_or("", |(_, after)| after),
        });
        if literal.clone().any(|text| text.contains(['?', '#', '%'])) {
            return Err(format!("\"{written}\" is no plain path: parameters are put into `query`"));
        }
        if segments.iter().any(Template::is_empty) {
            return Err(format!("\"{written}\" has an empty part between two slashes, or at its end"));
        }
        Ok(Self { method, segments })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_a_method_and_a_plain_path() {
        let request = |text: &str| Request::try_from(text.to_owned());
        assert_eq!(request("GET /a/{{ b / 2 }}/c").unwrap().segments.len(), 3);
        assert!(request("GET /api").unwrap().reads() && !request("POST /api").unwrap().reads());
        for wrong in
            ["/a", "get /a", "HEAD /a", "GET a", "GET /a?b=1", "GET /a//b", "GET /a/", "GET /", "GET /{{ a"]
        {
            assert!(request(wrong).is_err(), "{wrong}");
        }
    }
}
