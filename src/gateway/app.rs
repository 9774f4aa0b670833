//! An app as the gate knows it: where it is, and which rule holds where in it.

use super::route::origin_form;
use super::settings::Unauthenticated;
use super::upstream::{Timeouts, Upstream};
use crate::account::Limits;
use crate::bearer::Accepts;
use crate::host::Pattern;
use crate::names::{AppName, ProviderName, RoleName};
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method, Uri};
use schemars::JsonSchema;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Who may go somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// Everybody, signed in or not; the app learns of nobody.
    Public,
    /// Whoever is signed in, with or without a role.
    SignedIn,
    /// Whoever holds any role of the app: where no rule is written.
    AnyRole,
    /// Whoever holds one of these roles.
    Roles(BTreeSet<RoleName>),
}

/// What a plain identity header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Field {
    /// The provider's subject.
    Subject,
    /// The verified e-mail address.
    Email,
    /// What people call them.
    Name,
    /// Their live roles in the app, with commas between.
    Roles,
    /// The id of their account in the app's target.
    Account,
}

/// One app.
#[derive(Debug)]
pub struct App {
    /// Its name.
    pub name: AppName,
    /// What people call it.
    pub title: String,
    /// The hosts people reach it at.
    pub hosts: Vec<Pattern>,
    /// The providers that its people come from; any of them if there are none.
    pub providers: Vec<ProviderName>,
    /// The plain identity headers it asks for.
    pub headers: Vec<(HeaderName, Field)>,
    /// Whether it is guarded; if not, it is observed, and every request goes on.
    pub enforce: bool,
    /// Whether a client must have shown a certificate.
    pub client_certificate: bool,
    /// Which access tokens it takes in place of a session, if it takes any.
    pub access_tokens: Option<Arc<Accepts>>,
    pub(super) routes: HashMap<Box<str>, Arc<Route>>,
    /// The same, with prefixes in lower case.
    pub(super) folded: HashMap<Box<str>, Arc<Route>>,
    /// Whether that makes a difference.
    pub(super) has_upper: bool,
    pub(super) elsewhere: Arc<Route>,
    /// Length of the longest prefix: beyond it nothing of a path decides.
    pub(super) longest: usize,
}

/// One part of an app: who may go there, and what becomes of a request.
#[derive(Debug)]
pub struct Route {
    pub(super) rule: Arc<Rule>,
    /// How its visitors must have signed in, whatever their roles ask.
    pub(super) limits: Option<Box<Limits>>,
    /// Methods with a rule of their own.
    pub(super) methods: Vec<(Method, Arc<Rule>)>,
    /// What takes the place of the prefix on the way to the app.
    pub(super) rewrite: Option<Rewrite>,
    pub(super) common: Common,
}

/// What an app says for all its routes, and a route may say for itself.
#[derive(Debug, Clone)]
pub(super) struct Common {
    /// Where requests go; nowhere where another proxy carries them.
    pub(super) upstream: Option<Arc<Upstream>>,
    pub(super) timeouts: Timeouts,
    pub(super) unauthenticated: Unauthenticated,
    /// In bytes.
    pub(super) body_limit: Option<u64>,
    pub(super) request: Edits,
    pub(super) response: Edits,
}

/// Headers to set and to remove.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Edits {
    pub(super) set: Vec<(HeaderName, HeaderValue)>,
    pub(super) remove: Vec<HeaderName>,
}

/// A prefix that is taken off a path, and what is put in its place. Neither ends with a slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rewrite {
    pub(super) prefix: Box<str>,
    pub(super) to: Box<str>,
}

impl Rule {
    /// The words that logs and metrics have for rules.
    pub(super) const WORDS: [&'static str; 3] = ["public", "signed_in", "role"];

    /// The place of its word among them.
    pub(super) fn place(&self) -> usize {
        match self {
            Self::Public => 0,
            Self::SignedIn => 1,
            Self::AnyRole | Self::Roles(_) => 2,
        }
    }

    /// The rule in a word.
    pub(super) fn word(&self) -> &'static str {
        Self::WORDS[self.place()]
    }
}

impl App {
    /// The route for a canonical path: that of the longest prefix on a segment boundary.
    pub fn route(&self, path: &str) -> &Arc<Route> {
        self.longest_in(&self.routes, path)
    }

    /// Whether it does not get the access tokens that are shown here. While it is observed it gets what it got before.
    pub(super) fn keeps_tokens_back(&self) -> bool {
        self.enforce && self.access_tokens.as_ref().is_some_and(|taken| !taken.pass_on)
    }

    /// Whether a part of it asks how its visitors have signed in.
    pub fn asks_strength(&self) -> bool {
        self.routes.values().any(|route| route.limits.is_some())
    }

    /// Whether an app that does not tell upper from lower case would find the same route for `path`.
    pub fn case_is_clear(&self, path: &str) -> bool {
        if !self.has_upper && !path.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return true;
        }
        let lower = path.to_ascii_lowercase();
        Arc::ptr_eq(self.longest_in(&self.folded, &lower), self.route(path))
    }

    fn longest_in<'a>(&'a self, routes: &'a HashMap<Box<str>, Arc<Route>>, path: &str) -> &'a Arc<Route> {
        let mut rest = without_slash(path);
        // One byte more tells whether the longest prefix ends at a boundary.
        if let Some(end) = rest.as_bytes().iter().skip(self.longest).position(|&byte| byte == b'/') {
            rest = &rest[..self.longest + end];
        }
        while !routes.is_empty() {
            if let Some(route) = routes.get(rest) {
                return route;
            }
            let Some(boundary) = rest.rfind('/') else { break };
            rest = &rest[..boundary];
        }
        &self.elsewhere
    }

    /// Whether the path decides who may go there, or what becomes of the request.
    pub fn path_decides(&self) -> bool {
        !self.routes.is_empty()
    }

    /// Every rule of its routes, with the prefix, and the method where the rule is for one.
    pub fn rules(&self) -> impl Iterator<Item = (&str, Option<&Method>, &Rule)> {
        self.routes.iter().flat_map(|(prefix, route)| {
            let methods = route.methods.iter().map(|(method, rule)| (&**prefix, Some(method), &**rule));
            std::iter::once((&**prefix, None, &*route.rule)).chain(methods)
        })
    }
}

impl Common {
    /// Whether requests go to the same place.
    pub(super) fn goes_where(&self, other: &Self) -> bool {
        let addresses = |common: &Self| common.upstream.as_ref().map(ToString::to_string);
        addresses(self) == addresses(other)
    }
}

impl Route {
    /// The rule for requests with `method`. What holds for GET holds for HEAD, unless HEAD has its own.
    pub fn rule(&self, method: &Method) -> &Arc<Rule> {
        let of = |method: &Method| self.methods.iter().find(|(named, _)| named == method);
        let found = of(method).or_else(|| if method == Method::HEAD { of(&Method::GET) } else { None });
        found.map_or(&self.rule, |(_, rule)| rule)
    }

    /// Whether the method decides who may go there.
    pub fn method_decides(&self) -> bool {
        !self.methods.is_empty()
    }

    /// The path and query of `uri` as they go on to the app: as they came, but for the prefix.
    pub(super) fn onward(&self, uri: Uri) -> Uri {
        match &self.rewrite {
            Some(rewrite) => rewrite.apply(&uri).map_or_else(Uri::default, Uri::from),
            None if uri.authority().is_none() => uri,
            None => origin_form(uri),
        }
    }
}

impl Rewrite {
    fn apply(&self, uri: &Uri) -> Option<PathAndQuery> {
        let rest = uri.path().strip_prefix(&*self.prefix).unwrap_or(uri.path());
        let slash = if self.to.is_empty() && rest.is_empty() { "/" } else { "" };
        let (mark, query) = uri.query().map_or(("", ""), |query| ("?", query));
        format!("{}{slash}{rest}{mark}{query}", self.to).parse().ok()
    }
}

/// `/` itself becomes the empty text, which every path begins with.
pub(super) fn without_slash(prefix: &str) -> &str {
    prefix.strip_suffix('/').unwrap_or(prefix)
}

/// Whether a path on an app's host is one of our own pages.
pub(super) fn is_ours(path: &str) -> bool {
    path.strip_prefix("/.guestpass").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
