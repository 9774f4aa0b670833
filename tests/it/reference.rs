//! What is made of the configuration's own types: the reference of every setting, and the part of the chart's schema that
//! is our configuration. `UPDATE_SNAPSHOTS=1` renews both.

use crate::harness::Site;
use guestpass::clock::Clock;
use guestpass::config::schema;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Settings that have a chapter of their own, and are only named where they stand.
const CHAPTERS: [&str; 5] = ["providers", "apps", "targets", "routes", "accounts"];

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Whether what is committed is what is made now.
fn is_fresh(name: &str, made: &str) {
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(file(name), made).unwrap();
    }
    let committed = std::fs::read_to_string(file(name)).unwrap_or_default();
    assert!(committed == made, "{name} is not what the settings say: renew it with UPDATE_SNAPSHOTS=1");
}

#[test]
fn the_reference_tells_of_every_setting() {
    let schema = schema().to_value();
    let told = Reference { schema: &schema };
    let page = told.page();
    for key in ["`session.length`", "`client.secret`", "`upstream.health.path`", "`guard.share`", "`ldap`"] {
        assert!(page.contains(key), "{key} is missing");
    }
    assert!(!page.contains("|  |"), "a setting without a word");
    is_fresh("docs/reference.md", &page);
}

#[tokio::test]
async fn what_may_be_written_is_what_the_schema_takes() {
    let check = jsonschema::validator_for(&schema().to_value()).unwrap();
    let written = |text: &str| serde_json::to_value(read(text)).unwrap();
    let site = Site::new(Clock::system()).await;
    let text = std::fs::read_to_string(site.config()).unwrap();
    let begun = std::fs::read_to_string(file("src/cli/init/guestpass.yaml")).unwrap();
    for text in [&text, &begun] {
        let wrong: Vec<_> = check.iter_errors(&written(text)).map(|error| error.to_string()).collect();
        assert_eq!(wrong, Vec::<String>::new());
    }
    for (from, to) in
        [("lapse: 30d", "lapse: a-month"), ("workers: 2", "worker: 2"), ("title: Notes", "titel: Notes")]
    {
        assert!(!check.is_valid(&written(&text.replace(from, to))), "{to} is taken");
    }
}

/// What the chart takes as configuration is what guestpass takes, but for what the chart writes itself; and words that
/// somebody forgot to replace are refused.
#[test]
fn the_chart_takes_what_guestpass_takes() {
    let name = "helm/guestpass/values.schema.json";
    let text = std::fs::read_to_string(file(name)).unwrap();
    let mut chart: Value = serde_json::from_str(&text).unwrap();
    let own =
        ["name", "objectName", "maybeName", "host", "issuer", "clientId", "span", "secretText", "appHost"];
    let before = chart["definitions"].as_object().unwrap();
    let kept = own.iter().map(|name| ((*name).to_owned(), before[*name].clone()));
    let mut definitions: Map<String, Value> = kept.collect();

    let text = schema().to_value().to_string().replace("#/$defs/", "#/definitions/");
    let text = text.replace("/Provider\"", "/provider\"").replace("/App\"", "/app\"");
    let mut config = without_formats(serde_json::from_str(&text).unwrap());
    let parts = config.as_object_mut().unwrap().remove("$defs").unwrap();
    definitions.insert("config".to_owned(), config);
    let chart_says =
        |name: &str| if matches!(name, "Provider" | "App") { name.to_lowercase() } else { name.to_owned() };
    definitions
        .extend(parts.as_object().unwrap().iter().map(|(name, part)| (chart_says(name), part.clone())));
    let refer = |name: &str| json!({ "$ref": format!("#/definitions/{name}") });
    for (definition, key, to) in [
        ("config", "key", "secretText"),
        ("config", "store-password", "secretText"),
        ("provider", "issuer", "issuer"),
        ("ClientSettings", "id", "clientId"),
        ("ClientSettings", "secret", "secretText"),
        ("ClientSettings", "key", "secretText"),
        ("SignalsSettings", "issuer", "issuer"),
        ("SignalsSettings", "token", "secretText"),
        ("PollSettings", "at", "issuer"),
        ("PollSettings", "token", "secretText"),
    ] {
        definitions[definition]["properties"][key] = refer(to);
    }
    let host = refer("appHost");
    definitions["app"]["properties"]["host"] =
        json!({ "anyOf": [host, { "type": "array", "minItems": 1, "items": host }] });
    definitions["Traces"]["properties"]["headers"] =
        json!({ "type": "object", "additionalProperties": refer("secretText") });
    definitions["config"]["properties"]["url"] = json!({ "type": "string", "pattern": "^https://" });
    // The chart writes the rest of them.
    for name in ["config", "provider", "ClientSettings"] {
        definitions[name].as_object_mut().unwrap().remove("required");
    }
    for name in ["$schema", "title"] {
        definitions["config"].as_object_mut().unwrap().remove(name);
    }
    chart["definitions"] = Value::Object(definitions);
    is_fresh(name, &format!("{chart:#}\n"));
}

/// What is a URL in the end may be a reference to a secret here.
fn without_formats(mut schema: Value) -> Value {
    match &mut schema {
        Value::Object(members) => {
            members.shift_remove("format");
            members.values_mut().for_each(|member| *member = without_formats(member.take()));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = without_formats(item.take())),
        _ => {}
    }
    schema
}

/// What a YAML text says, as JSON.
fn read(text: &str) -> Value {
    guestpass::document::Document::parse("guestpass.yaml", text).unwrap().value().clone()
}

/// The page, made of the schema.
struct Reference<'a> {
    schema: &'a Value,
}

impl Reference<'_> {
    fn page(&self) -> String {
        let mut page = HEAD.to_owned();
        let chapter = |title: &str, words: &str, rows: Vec<String>| {
            format!(
                "\n## {title}\n\n{words}\n\n| key | | what it says |\n|---|---|---|\n{}\n",
                rows.join("\n")
            )
        };
        let root = self.schema;
        page += &chapter("The file", "", self.rows("", root)).replace("\n\n\n\n", "\n\n");
        let of = |path: &str| self.value_of(root.pointer(path).unwrap());
        let app = of("/properties/apps");
        page += &chapter(
            "A provider",
            "Below `providers:`, by its name.",
            self.rows("", of("/properties/providers")),
        );
        page += &chapter("An app", "Below `apps:`, by its name.", self.rows("", app));
        let route = self.value_of(&app["properties"]["routes"]);
        page += &chapter("A route", "Below `routes:` of an app, by its path.", self.rows("", route));

        let kinds = self.objects(of("/properties/targets"));
        let keys =
            |kind: &&Value| kind["properties"].as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        let common = kinds.iter().map(keys).reduce(|all, kind| &all & &kind).unwrap();
        let words = "Below `targets:` by its name, or as `accounts:` of an app, whatever it speaks.";
        page += &chapter("Every target", words, self.rows_of("", kinds[0], |key| common.contains(key)));
        for kind in kinds {
            let name = kind["required"][0].as_str().unwrap();
            let words =
                format!("{} What may be said of [every target](#every-target) besides.", words_of(kind));
            let rows = self.rows_of("", kind, |key| !common.contains(key));
            page += &chapter(&format!("A target that speaks {name}"), &words, rows);
        }
        page
    }

    fn rows(&self, before: &str, object: &Value) -> Vec<String> {
        self.rows_of(before, object, |_| true)
    }

    /// A row for each key that is `wanted`, and for those below it.
    fn rows_of(&self, before: &str, object: &Value, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let mut rows = Vec::new();
        for objects in self.objects(object) {
            let required = objects["required"].as_array().cloned().unwrap_or_default();
            for (name, setting) in objects["properties"].as_object().into_iter().flatten() {
                if !wanted(name) {
                    continue;
                }
                let key = format!("{before}{name}");
                let needed = if required.contains(&json!(name)) { "required: " } else { "" };
                let mut told = self.told(setting);
                if told.is_empty() {
                    told = words_of(objects);
                }
                rows.push(format!("| `{key}` | {needed}{} | {told} |", self.form(setting)));
                if CHAPTERS.contains(&name.as_str()) {
                    continue;
                }
                for below in self.objects(setting) {
                    rows.extend(self.rows(&format!("{key}."), below));
                }
                for below in self.listed(setting) {
                    rows.extend(self.rows(&format!("{key}[]."), below));
                }
            }
        }
        rows
    }

    fn resolved<'a>(&'a self, node: &'a Value) -> &'a Value {
        match node["$ref"].as_str() {
            Some(name) => self.schema.pointer(&name[1..]).unwrap(),
            None => node,
        }
    }

    /// What it may be, one by one, each by itself.
    fn forms<'a>(&'a self, node: &'a Value) -> Vec<&'a Value> {
        let node = self.resolved(node);
        match node["anyOf"].as_array() {
            Some(forms) => forms.iter().flat_map(|form| self.forms(form)).collect(),
            None if node["type"] == "null" => Vec::new(),
            None => vec![node],
        }
    }

    /// Those of them that have keys of their own.
    fn objects<'a>(&'a self, node: &'a Value) -> Vec<&'a Value> {
        self.forms(node)
            .into_iter()
            .filter(|form| form["properties"].is_object() || form["oneOf"].is_array())
            .flat_map(|form| match form["oneOf"].as_array() {
                Some(variants) => {
                    variants.iter().filter(|variant| variant["properties"].is_object()).collect()
                }
                None => vec![form],
            })
            .collect()
    }

    /// The same of what a list holds, where it may not stand alone.
    fn listed<'a>(&'a self, node: &'a Value) -> Vec<&'a Value> {
        let alone = self.objects(node);
        let lists = self.forms(node).into_iter().filter(|form| form["items"].is_object());
        let inside = lists.flat_map(|list| self.objects(&list["items"]));
        inside.filter(|object| !alone.contains(object)).collect()
    }

    /// What stands under each name of a mapping.
    fn value_of<'a>(&'a self, node: &'a Value) -> &'a Value {
        let map = self.resolved(node);
        let values = &map["additionalProperties"];
        if values.is_object() {
            return self.resolved(values);
        }
        self.resolved(map["patternProperties"].as_object().unwrap().values().next().unwrap())
    }

    /// What is written, in a few words.
    fn form(&self, node: &Value) -> String {
        let mut words = Vec::new();
        for form in self.forms(node) {
            let word = self.word(form);
            if !words.contains(&word) {
                words.push(word);
            }
        }
        words.join(" or ")
    }

    fn word(&self, form: &Value) -> String {
        let named = [
            ("Span", "a time, as `30d`"),
            ("Pause", "a time, as `0s`"),
            ("Size", "a size, as `10MB`"),
            ("Percent", "a share, as `10%`"),
        ];
        let same = |name: &str| self.schema["$defs"].get(name) == Some(form);
        if let Some((_, example)) = named.iter().find(|(name, _)| same(name)) {
            return (*example).to_owned();
        }
        let consts =
            form["oneOf"].as_array().into_iter().flatten().filter_map(|variant| variant["const"].as_str());
        let listed = form["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let values: Vec<String> = consts.chain(listed).map(|value| format!("`{value}`")).collect();
        if !values.is_empty() {
            return values.join(", ");
        }
        let types = form["type"].as_array().cloned().unwrap_or_else(|| vec![form["type"].clone()]);
        let kind = types.iter().find_map(|kind| kind.as_str().filter(|kind| *kind != "null"));
        match kind {
            Some("boolean") => "`true`, `false`".to_owned(),
            Some("integer") => "a number".to_owned(),
            Some("string") if form["format"] == "uri" => "a URL".to_owned(),
            Some("string") => "a text".to_owned(),
            Some("array") => format!("a list: {}", self.form(&form["items"])),
            Some("object") => "a mapping".to_owned(),
            _ if form["oneOf"].is_array() => "a mapping".to_owned(),
            _ => "anything".to_owned(),
        }
    }

    /// What it means, and what each of its words does.
    fn told(&self, node: &Value) -> String {
        let mut told = words_of(node);
        if told.is_empty() {
            told = words_of(self.resolved(node));
        }
        if let (false, Some(usual)) = (told.contains("unless said"), usual(&node["default"])) {
            told += &format!(" `{usual}` unless said.");
        }
        for form in self.forms(node) {
            for variant in form["oneOf"].as_array().into_iter().flatten() {
                if let Some(name) = variant["const"].as_str().filter(|_| variant["description"].is_string()) {
                    told += &format!(" `{name}`: {}", words_of(variant));
                }
            }
        }
        told
    }
}

/// What holds where nothing is said, if that is worth a word.
fn usual(default: &Value) -> Option<String> {
    match default {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn words_of(node: &Value) -> String {
    let words = node["description"].as_str().unwrap_or_default().replace('\n', " ").replace('|', "\\|");
    words.replace("[`", "`").replace("`]", "`")
}

const HEAD: &str = "# Every setting

Made of the program's own types: what [the guide](configuration.md) explains is listed here, all of it. `guestpass schema` writes the same
as a JSON Schema, which editors read: `# yaml-language-server: $schema=guestpass.schema.json` as the first line of the file.
Policies have [a page](policies.md) and a schema of their own.
";
