//! What the configuration says of one app, and the app that it makes.

mod access_tokens;
mod edits;
mod route;

pub use access_tokens::AccessTokenSettings;
pub use edits::EditSettings;
pub use route::{Allow, RouteSettings, Unauthenticated};

use super::app::{App, Common, Edits, Field, Rewrite, Route, Rule, is_ours, without_slash};
use super::headers;
use super::upstream::{self, Loader, Timeouts, Upstream};
use crate::document::{Either, OneOrMore};
use crate::host::Pattern;
use crate::names::{AppName, ProviderName};
use crate::size::Size;
use http::HeaderName;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// One app, as it is written. What `accounts:` says is not for this room; `A` is whoever reads it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", bound(deserialize = "A: Deserialize<'de>"))]
#[schemars(rename = "App")]
pub struct Settings<A> {
    /// The hosts people reach it at: `wiki.example.com`, `*.example.com`; a port is compared only where one is named.
    pub host: OneOrMore<Pattern>,
    /// Where it really is. Without it guestpass judges for other proxies only.
    #[serde(default)]
    pub upstream: Option<upstream::Settings>,
    /// How long it may take; a route may say otherwise.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// What people call it; its name unless said.
    #[serde(default)]
    pub title: Option<String>,
    /// The providers that its people come from; any of them unless said.
    #[serde(default)]
    pub providers: Vec<ProviderName>,
    /// Where its accounts live.
    pub accounts: Option<A>,
    /// Path prefix to who may go there, and how. The longest prefix wins; elsewhere any role of the app will do.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Either<Allow, RouteSettings>>")]
    pub routes: BTreeMap<String, RouteSettings>,
    /// Plain identity headers it asks for. They prove nothing where the app can be reached past us.
    #[serde(default)]
    pub headers: BTreeMap<String, Field>,
    /// Whether it is guarded. If not, it is observed: what would be done is told, and nothing is refused or provisioned.
    #[serde(default = "yes")]
    pub enforce: bool,
    /// Whether a client must have shown a certificate of `tls.client-ca`.
    #[serde(default)]
    pub client_certificate: bool,
    /// Which access tokens programs may show in place of a session; none unless said.
    #[serde(default)]
    pub access_tokens: Option<AccessTokenSettings>,
    /// What somebody gets who is not signed in; a route may say otherwise.
    #[serde(default)]
    pub unauthenticated: Unauthenticated,
    /// How large the body of a request may be; a route may say otherwise.
    #[serde(default)]
    pub body_limit: Option<Size>,
    /// Headers of requests to set and to remove; a route may say otherwise.
    #[serde(default)]
    pub request_headers: EditSettings,
    /// Headers of responses to set and to remove; a route may say otherwise.
    #[serde(default)]
    pub response_headers: EditSettings,
}

fn yes() -> bool {
    true
}

/// A mistake in the settings of an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The keys that lead to the setting.
    pub at: Vec<String>,
    /// What is wrong with it.
    pub message: String,
}

/// Collects mistakes.
struct Notes(Vec<Mistake>);

impl Notes {
    fn note(&mut self, at: &[&str], message: impl Into<String>) {
        self.0.push(Mistake { at: at.iter().map(|&key| key.to_owned()).collect(), message: message.into() });
    }
}

impl<A> Settings<A> {
    /// Where it is, and where its routes are.
    pub fn upstreams(&self) -> impl Iterator<Item = &upstream::Settings> {
        self.upstream.iter().chain(self.routes.values().filter_map(|route| route.upstream.as_ref()))
    }

    /// The app called `name`, or every mistake there is.
    pub fn check(self, name: AppName, loader: Loader<'_>) -> Result<App, Vec<Mistake>> {
        let mut notes = Notes(Vec::new());
        if self.host.0.is_empty() {
            notes.note(&["host"], "names no host");
        }
        let common = Common {
            upstream: self.upstream.and_then(|upstream| load(&upstream, &["upstream"], loader, &mut notes)),
            timeouts: self.timeouts,
            unauthenticated: self.unauthenticated,
            body_limit: self.body_limit.map(Size::bytes),
            request: self.request_headers.check(&["request-headers"], &mut notes),
            response: self.response_headers.check(&["response-headers"], &mut notes),
        };
        let mut plain = Vec::new();
        for (text, field) in self.headers {
            let at = ["headers", &text];
            match HeaderName::try_from(&text) {
                Ok(header) if headers::may_be_asked_for(&header) => plain.push((header, field)),
                Ok(_) => notes.note(&at, format!("\"{text}\" cannot carry identity")),
                Err(_) => notes.note(&at, format!("\"{text}\" is not the name of a header")),
            }
        }
        let access_tokens = self.access_tokens.map(|taken| taken.check(&name, &self.providers, &mut notes));
        let mut routes = HashMap::new();
        for (prefix, route) in self.routes {
            let route = Arc::new(route.check(&prefix, &common, loader, &mut notes));
            routes.insert(Box::from(without_slash(&prefix)), route);
        }
        past_their_rule(&routes, &mut notes);
        let mut folded: HashMap<Box<str>, Arc<Route>> = HashMap::new();
        for (prefix, route) in &routes {
            if folded.insert(prefix.to_ascii_lowercase().into(), route.clone()).is_some() {
                let message = "another prefix differs from it by case alone, which many apps do not mind";
                notes.note(&["routes", prefix], message);
            }
        }
        if !notes.0.is_empty() {
            return Err(notes.0);
        }
        let elsewhere = Arc::new(Route {
            rule: Rule::AnyRole.into(),
            limits: None,
            methods: Vec::new(),
            rewrite: None,
            common,
        });
        Ok(App {
            title: self.title.unwrap_or_else(|| name.to_string()),
            name,
            hosts: self.host.0,
            providers: self.providers,
            headers: plain,
            enforce: self.enforce,
            client_certificate: self.client_certificate,
            access_tokens: access_tokens.map(Arc::new),
            longest: routes.keys().map(|prefix| prefix.len()).max().unwrap_or(0),
            has_upper: routes.keys().any(|prefix| prefix.bytes().any(|byte| byte.is_ascii_uppercase())),
            routes,
            folded,
            elsewhere,
        })
    }
}

/// A route that rewrites must not lead past the rule of another: what leaves for a path that has a route of its own
/// is to be allowed by that route's rules, or by a route that was written for just this way in.
fn past_their_rule(routes: &HashMap<Box<str>, Arc<Route>>, notes: &mut Notes) {
    let covers = |above: &str, path: &str| {
        path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    for (prefix, route) in routes {
        let Some(rewrite) = &route.rewrite else { continue };
        for (other, there) in routes {
            let same = |one: &Route, other: &Route| {
                one.rule == other.rule && one.methods == other.methods && one.limits == other.limits
            };
            let alike = same(there, route);
            let elsewhere = !there.common.goes_where(&route.common) || there.rewrite.is_some();
            if other == prefix || other.is_empty() || alike || elsewhere {
                continue;
            }
            let way_in = other.strip_prefix(&*rewrite.to).map(|rest| format!("{prefix}{rest}"));
            let reaches = covers(&rewrite.to, other)
                && !way_in.as_ref().is_some_and(|way_in| routes.contains_key(way_in.as_str()));
            if reaches || covers(other, &rewrite.to) {
                let through = way_in.filter(|_| reaches).unwrap_or_else(|| prefix.to_string());
                let message =
                    format!("\"{through}\" would reach \"{other}\" past its rule: write a route for it");
                notes.note(&["routes", prefix, "rewrite"], message);
            }
        }
    }
}

/// A prefix has one spelling only: its characters are those that RFC 3986, section 2.3, calls unreserved, and
/// paths that encode them are refused where paths decide.
fn check_prefix(prefix: &str) -> Result<(), String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let dots = prefix.split('/').any(|segment| segment == "." || segment == "..");
    if !prefix.starts_with('/') {
        Err(format!("\"{prefix}\" is not a path: begin with \"/\""))
    } else if !prefix.bytes().all(plain) || dots || prefix.contains("//") {
        Err(format!("\"{prefix}\" could be spelled in several ways: use letters, digits, - . _ ~ and /"))
    } else if prefix.len() > 1 && prefix.ends_with('/') {
        Err(format!("\"{prefix}\" covers what is below it anyway: leave out the last /"))
    } else if is_ours(prefix) {
        Err(format!("\"{prefix}\" is ours: what is asked for below /.guestpass is answered here"))
    } else {
        Ok(())
    }
}

fn load(
    settings: &upstream::Settings,
    at: &[&str],
    loader: Loader<'_>,
    notes: &mut Notes,
) -> Option<Arc<Upstream>> {
    let told = |wrong: Vec<Mistake>| {
        for Mistake { at: below, message } in wrong {
            let below: Vec<&str> = below.iter().map(String::as_str).collect();
            notes.note(&[at, &below].concat(), message);
        }
    };
    loader.load(settings).map(Arc::new).map_err(told).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::settings::route::Allow;
    use crate::gateway::testing::check;
    use http::Method;
    use serde_json::json;
    use std::collections::BTreeSet;

    fn app(value: serde_json::Value) -> Result<App, Vec<Mistake>> {
        check(serde_json::from_value(value).unwrap(), "wiki")
    }

    #[test]
    fn the_longest_prefix_on_a_segment_boundary_rules() {
        let wiki = app(json!({
            "host": "wiki.example.com", "upstream": "http://[::1]:8080",
            "routes": { "/health": "public", "/admin": { "roles": ["editor"] }, "/admin/help": "public" },
        }))
        .unwrap();
        let editor = Rule::Roles(BTreeSet::from(["editor".parse().unwrap()]));
        let cases = [
            ("/", Rule::AnyRole),
            ("/health", Rule::Public),
            ("/health/", Rule::Public),
            ("/health/db/x/y", Rule::Public),
            ("/healthy", Rule::AnyRole),
            ("/x/health", Rule::AnyRole),
            ("/admin", editor.clone()),
            ("/admin/help", Rule::Public),
            ("/admin/help/me", Rule::Public),
            ("/admin/helpers", editor.clone()),
            ("/admin/helpers/x", editor),
            ("/Admin", Rule::AnyRole),
        ];
        for (path, rule) in cases {
            assert_eq!(*wiki.route(path).rule, rule, "{path}");
        }
        let open = app(json!({ "host": "w", "upstream": "http://w", "routes": { "/": "public" } })).unwrap();
        assert_eq!((&*open.route("/").rule, &*open.route("/a/b").rule), (&Rule::Public, &Rule::Public));
        assert_eq!(open.title, "wiki");
    }

    #[test]
    fn every_mistake_is_told_with_its_place() {
        let mistakes = app(json!({
            "host": "wiki.example.com", "upstream": "ftp://wiki",
            "routes": { "admin": "public", "/a%2fb": "public", "/x/": "public", "/b": { "roles": [] },
                        "/.guestpass/x": "public" },
            "headers": { "Cookie": "email", "Guestpass-Assertion": "name", "X User": "name", "X-User": "name" },
        }))
        .unwrap_err();
        let places: Vec<String> = mistakes.iter().map(|mistake| mistake.at.join(" ")).collect();
        let expected = [
            "upstream",
            "headers Cookie",
            "headers Guestpass-Assertion",
            "headers X User",
            "routes /.guestpass/x",
            "routes /a%2fb",
            "routes /b roles",
            "routes /x/",
            "routes admin",
        ];
        assert_eq!(places, expected);
        for bad in ["ftp://wiki", "http://wiki/path", "http://u@wiki", "wiki:80"] {
            assert!(app(json!({ "host": "w", "upstream": bad })).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_route_says_what_it_may_be() {
        let route = |value| serde_json::from_value::<RouteSettings>(value).map_err(|error| error.to_string());
        assert_eq!(route(json!("public")).unwrap().allow, Some(Allow::Public));
        assert_eq!(route(json!({ "allow": "signed-in" })).unwrap().allow, Some(Allow::SignedIn));
        let error = route(json!("pubic")).unwrap_err();
        assert!(
            error.contains("string \"pubic\", expected `public`, `signed-in`, `any-role` or a mapping"),
            "{error}"
        );
        let error = route(json!({ "role": ["editor"] })).unwrap_err();
        assert!(error.starts_with("unknown field `role`, expected one of `allow`, `roles`"), "{error}");
        assert!(route(json!({ "methods": { "POST": "all" } })).unwrap_err().contains("expected `public`"));
        assert!(route(json!(7)).unwrap_err().contains("expected `public`, `signed-in`"));
    }

    #[test]
    fn a_path_that_case_would_lead_elsewhere_is_not_clear() {
        let with =
            |routes: serde_json::Value| app(json!({ "host": "w", "upstream": "http://w", "routes": routes }));
        let admin = json!({ "roles": ["editor"] });
        let wiki = with(json!({ "/admin": admin, "/Pub": "public" })).unwrap();
        for (path, clear) in [
            ("/admin/Users", true),
            ("/Admin", false),
            ("/ADMIN/x", false),
            ("/Administer", true),
            ("/Pub/x", true),
            ("/pub/x", false),
            ("/Other", true),
        ] {
            assert_eq!(wiki.case_is_clear(path), clear, "{path}");
        }
        let mistakes = with(json!({ "/admin": admin, "/Admin": "public" })).unwrap_err();
        assert!(mistakes[0].message.contains("by case alone"), "{mistakes:?}");
    }

    #[test]
    fn a_method_may_have_a_rule_of_its_own() {
        let wiki = app(json!({
            "host": "w", "upstream": "http://w",
            "routes": { "/api": { "allow": "any-role", "methods": { "POST": { "roles": ["editor"] }, "GET": "public" } } },
        }))
        .unwrap();
        let editor = Rule::Roles(BTreeSet::from(["editor".parse().unwrap()]));
        for (method, rule) in [
            (Method::GET, Rule::Public),
            (Method::HEAD, Rule::Public),
            (Method::POST, editor),
            (Method::PUT, Rule::AnyRole),
        ] {
            assert_eq!(**wiki.route("/api/x").rule(&method), rule, "{method}");
        }
    }

    #[test]
    fn a_rewrite_takes_the_prefix_off_and_leads_past_no_rule() {
        let with =
            |routes: serde_json::Value| app(json!({ "host": "w", "upstream": "http://w", "routes": routes }));
        let wiki = with(json!({ "/api": { "rewrite": "/v2" }, "/old": { "rewrite": "/" } })).unwrap();
        for (asked, leaves) in [
            ("/api", "/v2"),
            ("/api/", "/v2/"),
            ("/api/x?y=/old", "/v2/x?y=/old"),
            ("http://w/api/x", "/v2/x"),
            ("/old", "/"),
            ("/old?a", "/?a"),
            ("/old/x/", "/x/"),
            ("/other?b", "/other?b"),
            ("http://w/other?b", "/other?b"),
            ("http://w?b", "/?b"),
            ("http://w#/api", "/"),
        ] {
            let uri: http::Uri = asked.parse().unwrap();
            let route = wiki.route(uri.path()).clone();
            assert_eq!(route.onward(uri).to_string(), leaves, "{asked}");
        }
        let admin = json!({ "roles": ["editor"] });
        for (routes, at) in [
            (json!({ "/pub": { "allow": "public", "rewrite": "/" }, "/admin": admin }), "/pub/admin"),
            (json!({ "/pub": { "allow": "public", "rewrite": "/admin/x" }, "/admin": admin }), "/pub"),
            (json!({ "/pub": { "allow": "public", "rewrite": "/admin" }, "/admin": admin }), "/pub"),
        ] {
            let mistakes = with(routes.clone()).unwrap_err();
            assert_eq!(mistakes[0].at, ["routes", "/pub", "rewrite"]);
            assert!(
                mistakes[0].message.starts_with(&format!("\"{at}\" would reach \"/admin\"")),
                "{mistakes:?}"
            );
        }
        for routes in [
            json!({ "/pub": { "allow": "public", "rewrite": "/" }, "/admin": admin,
                    "/pub/admin": { "roles": ["editor"], "rewrite": "/admin" } }),
            json!({ "/pub": { "allow": "public", "rewrite": "/", "upstream": "http://other" }, "/admin": admin }),
            json!({ "/pub": { "allow": "public", "rewrite": "/open" }, "/admin": admin }),
        ] {
            assert!(with(routes.clone()).is_ok(), "{routes}");
        }
    }

    #[test]
    fn rules_for_headers_leave_ours_alone() {
        let with = |edits: serde_json::Value| {
            app(json!({ "host": "w", "upstream": "http://w", "request-headers": edits }))
        };
        assert!(with(json!({ "set": { "X-Env": "prod" }, "remove": ["Accept-Encoding"] })).is_ok());
        for name in [
            "Guestpass-Assertion",
            "x-forwarded-for",
            "Host",
            "Connection",
            "Content-Length",
            "Cookie",
            "a b",
        ] {
            let mistakes = with(json!({ "set": { name: "x" }, "remove": [name] })).unwrap_err();
            assert_eq!(mistakes[0].at, ["request-headers", "set", name]);
            assert_eq!(mistakes[1].at, ["request-headers", "remove", "0"]);
        }
        assert!(with(json!({ "set": { "X-Env": "a\nb" } })).is_err());
    }
}
