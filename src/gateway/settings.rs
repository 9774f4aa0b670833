//! What the configuration says of one app, and the app that it makes.

use super::headers;
use super::route::Host;
use super::upstream::{self, Loader, Upstream};
use crate::names::{AppName, RoleName};
use http::HeaderName;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor, value::MapAccessDeserializer};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

/// One app, as it is written.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// The host people reach it at: `wiki.example.com`; a port is compared only where one is named.
    pub host: String,
    /// Where it really is.
    pub upstream: upstream::Settings,
    /// What people call it; its name unless said.
    #[serde(default)]
    pub title: Option<String>,
    /// Path prefix to who may go there. The longest prefix wins; elsewhere any role of the app will do.
    #[serde(default)]
    pub routes: BTreeMap<String, Rule>,
    /// Plain identity headers it asks for. They prove nothing where the app can be reached past us.
    #[serde(default)]
    pub headers: BTreeMap<String, Field>,
}

/// Who may go somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// Everybody, signed in or not; the app learns of nobody.
    Public,
    /// Whoever holds one of these roles.
    Roles(BTreeSet<RoleName>),
    /// Whoever holds any role of the app: where no rule is written.
    AnyRole,
}

/// What a plain identity header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
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

/// One app, checked.
#[derive(Debug)]
pub struct App {
    /// Its name.
    pub name: AppName,
    /// What people call it.
    pub title: String,
    /// The host people reach it at; a session's host is compared with its text.
    pub host: Host,
    /// Where it really is.
    pub upstream: Upstream,
    /// The plain identity headers it asks for.
    pub headers: Vec<(HeaderName, Field)>,
    rules: HashMap<Box<str>, Arc<Rule>>,
    elsewhere: Arc<Rule>,
    /// Length of the longest prefix: beyond it nothing of a path decides.
    longest: usize,
}

/// A mistake in the settings of an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The keys that lead to the setting.
    pub at: Vec<String>,
    /// What is wrong with it.
    pub message: String,
}

impl Settings {
    /// The app called `name`, or every mistake there is.
    pub fn check(self, name: AppName, loader: Loader<'_>) -> Result<App, Vec<Mistake>> {
        let mut mistakes = Vec::new();
        let mut note = |at: &[&str], message: String| {
            mistakes.push(Mistake { at: at.iter().map(|&key| key.to_owned()).collect(), message });
        };
        let host = self.host.parse::<Host>().map_err(|error| note(&["host"], error.to_string())).ok();
        let upstream = loader.load(&self.upstream).map_err(|wrong| {
            for Mistake { at, message } in wrong {
                let below: Vec<&str> = at.iter().map(String::as_str).collect();
                note(&[&["upstream"], &below[..]].concat(), message);
            }
        });
        let upstream = upstream.ok();
        for (prefix, rule) in &self.routes {
            if let Err(message) = check_prefix(prefix) {
                note(&["routes", prefix], message);
            }
            if matches!(rule, Rule::Roles(roles) if roles.is_empty()) {
                note(&["routes", prefix, "roles"], "names no role, so nobody could go there".to_owned());
            }
        }
        let mut plain = Vec::new();
        for (text, field) in self.headers {
            match HeaderName::try_from(&text) {
                Ok(header) if headers::may_be_asked_for(&header) => plain.push((header, field)),
                Ok(_) => note(&["headers", &text], format!("\"{text}\" cannot carry identity")),
                Err(_) => note(&["headers", &text], format!("\"{text}\" is not the name of a header")),
            }
        }
        let (Some(host), Some(upstream), true) = (host, upstream, mistakes.is_empty()) else {
            return Err(mistakes);
        };
        let title = self.title.unwrap_or_else(|| name.to_string());
        let shared = |(prefix, rule): (String, Rule)| (without_slash(&prefix).into(), Arc::new(rule));
        let rules: HashMap<Box<str>, _> = self.routes.into_iter().map(shared).collect();
        let elsewhere = Arc::new(Rule::AnyRole);
        let longest = rules.keys().map(|prefix| prefix.len()).max().unwrap_or(0);
        Ok(App { name, title, host, upstream, headers: plain, rules, elsewhere, longest })
    }
}

impl App {
    /// The rule for a canonical path: that of the longest prefix on a segment boundary.
    pub fn rule(&self, path: &str) -> &Arc<Rule> {
        let mut rest = without_slash(path);
        // One byte more tells whether the longest prefix ends at a boundary.
        if let Some(end) = rest.as_bytes().iter().skip(self.longest).position(|&byte| byte == b'/') {
            rest = &rest[..self.longest + end];
        }
        while !self.rules.is_empty() {
            if let Some(rule) = self.rules.get(rest) {
                return rule;
            }
            let Some(boundary) = rest.rfind('/') else { break };
            rest = &rest[..boundary];
        }
        &self.elsewhere
    }

    /// Whether the path decides who may go there.
    pub fn path_decides(&self) -> bool {
        !self.rules.is_empty()
    }
}

/// `/` itself becomes the empty text, which every path begins with.
fn without_slash(prefix: &str) -> &str {
    prefix.strip_suffix('/').unwrap_or(prefix)
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
        Err(format!("\"{prefix}\" is ours: paths below /.guestpass never reach an app"))
    } else {
        Ok(())
    }
}

/// Whether a path on an app's host is one of our own pages.
pub(super) fn is_ours(path: &str) -> bool {
    path.strip_prefix("/.guestpass").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl<'de> Deserialize<'de> for Rule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RuleVisitor)
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Roles {
    roles: BTreeSet<RoleName>,
}

struct RuleVisitor;

impl<'de> Visitor<'de> for RuleVisitor {
    type Value = Rule;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`public` or `{ roles: [..] }`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Rule, E> {
        match text {
            "public" => Ok(Rule::Public),
            other => Err(E::invalid_value(de::Unexpected::Str(other), &self)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Rule, A::Error> {
        Roles::deserialize(MapAccessDeserializer::new(map)).map(|Roles { roles }| Rule::Roles(roles))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::testing::check;
    use serde_json::json;

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
            assert_eq!(**wiki.rule(path), rule, "{path}");
        }
        assert_eq!(wiki.upstream.to_string(), "[::1]:8080");
        let open = app(json!({ "host": "w", "upstream": "http://w", "routes": { "/": "public" } })).unwrap();
        assert_eq!((&**open.rule("/"), &**open.rule("/a/b")), (&Rule::Public, &Rule::Public));
        assert_eq!((open.title.as_str(), open.upstream.to_string()), ("wiki", "w:80".to_owned()));
    }

    #[test]
    fn every_mistake_is_told_with_its_place() {
        let mistakes = app(json!({
            "host": "wiki example", "upstream": ["http://wiki", "ftp://wiki"],
            "routes": { "admin": "public", "/a%2fb": "public", "/x/": "public", "/b": { "roles": [] },
                        "/.guestpass/x": "public" },
            "headers": { "Cookie": "email", "Guestpass-Assertion": "name", "X User": "name", "X-User": "name" },
        }))
        .unwrap_err();
        let places: Vec<String> = mistakes.iter().map(|mistake| mistake.at.join(" ")).collect();
        let expected = [
            "host",
            "upstream 1",
            "routes /.guestpass/x",
            "routes /a%2fb",
            "routes /b roles",
            "routes /x/",
            "routes admin",
            "headers Cookie",
            "headers Guestpass-Assertion",
            "headers X User",
        ];
        assert_eq!(places, expected);
    }

    #[test]
    fn a_rule_says_what_it_may_be() {
        let rule = |value| serde_json::from_value::<Rule>(value).map_err(|error| error.to_string());
        assert_eq!(rule(json!("public")), Ok(Rule::Public));
        let error = rule(json!("pubic")).unwrap_err();
        assert_eq!(error, "invalid value: string \"pubic\", expected `public` or `{ roles: [..] }`");
        assert!(rule(json!({ "role": ["editor"] })).unwrap_err().starts_with("unknown field `role`"));
        assert!(rule(json!(7)).unwrap_err().contains("expected `public` or"));
    }
}
