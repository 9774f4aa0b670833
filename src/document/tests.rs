use super::*;
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "read, and looked at through Debug")]
struct Config {
    #[serde(default)]
    apps: BTreeMap<String, App>,
    mode: Option<Mode>,
    #[serde(default)]
    ports: Vec<u16>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "read, and looked at through Debug")]
struct App {
    host: String,
    #[serde(default)]
    port: u16,
    #[serde(default)]
    admin: Option<crate::names::RoleName>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    Open,
    Closed,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "read, and looked at through Debug")]
struct Strict {
    list: Vec<Item>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "read, and looked at through Debug")]
struct Item {
    a: crate::names::AppName,
    b: u16,
    c: Mode,
}

fn read(text: &str) -> Vec<String> {
    let mut mistakes = Mistakes::default();
    let read: Option<Config> = Document::parse("g.yaml", text).unwrap().read(&mut mistakes);
    assert_eq!(read.is_some(), mistakes.is_empty(), "{read:?}");
    mistakes.sorted().iter().map(ToString::to_string).collect()
}

fn refused(text: &str) -> String {
    Document::parse("g.yaml", text).unwrap_err().to_string()
}

#[test]
fn five_mistakes_are_five_messages() {
    let text = "\
apps:
  wiki: { host: a, prot: 80 }
  notes:
    port: http
  mail:
    host: [x]
    port: 80
mode: opne
ports: [80, 70000, 81, x]
";
    assert_eq!(
        read(text),
        [
            "g.yaml:2:20: unknown key \"prot\"",
            "g.yaml:3:3: \"host\" is missing",
            "g.yaml:4:11: expected a whole number from 0 to 65535, found \"http\"",
            "g.yaml:6:11: expected a text, found a list",
            "g.yaml:8:7: unknown value \"opne\"",
            "g.yaml:9:13: expected a whole number from 0 to 65535, found 70000",
            "g.yaml:9:24: expected a whole number from 0 to 65535, found \"x\"",
        ]
    );
}

#[test]
fn what_is_missing_is_told_at_the_key_of_what_lacks_it() {
    assert_eq!(read("apps:\n  wiki: { port: 80 }\n  notes: {}\n").len(), 2);
    assert_eq!(read("apps:\n  wiki: { port: 80 }\n"), ["g.yaml:2:3: \"host\" is missing"]);
    let mut mistakes = Mistakes::default();
    let doc = Document::parse("g.yaml", "list:\n  - { b: x }\n  - {}\n").unwrap();
    assert!(doc.read::<Strict>(&mut mistakes).is_none());
    let told: Vec<_> = mistakes.sorted().iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "g.yaml:2:5: \"a\" is missing",
            "g.yaml:2:5: \"c\" is missing",
            "g.yaml:2:10: expected a whole number from 0 to 65535, found \"x\"",
            "g.yaml:3:5: \"a\" is missing",
            "g.yaml:3:5: \"b\" is missing",
            "g.yaml:3:5: \"c\" is missing",
        ]
    );
}

#[test]
fn a_misspelt_key_is_told_once() {
    assert_eq!(read("apps:\n  wiki: { hots: a }\n"), ["g.yaml:2:11: unknown key \"hots\""]);
}

#[test]
fn own_words_of_a_type_are_kept() {
    let told = read("apps:\n  wiki:\n    host: a\n    admin: Ad min\n");
    assert!(told[0].starts_with("g.yaml:4:12: \"Ad min\" is not a name"), "{told:?}");
}

#[test]
fn a_mistake_looks_like_this() {
    let doc = Document::parse("p.yaml", "gets:\n  wikki: { groups: [ä] }\n").unwrap();
    let mut mistakes = Mistakes::default();
    let path = ["gets".into(), "wikki".into()];
    mistakes.push(doc.mistake(&["gets".into(), "wikki".into(), "nowhere".into()], "odd").warning());
    let unknown = doc.mistake_at_key(&path, "unknown app \"wikki\"").label("no app of this name");
    mistakes.push(unknown.hint("did you mean \"wiki\"?"));
    assert_eq!(
        mistakes.to_string(),
        "\
error: unknown app \"wikki\"
   ┌─ p.yaml:2:3
 2 │   wikki: { groups: [ä] }
   │   ^^^^^ no app of this name
   = hint: did you mean \"wiki\"?

warning: odd
   ┌─ p.yaml:2:10
 2 │   wikki: { groups: [ä] }
   │          ^^^^^^^^^^^^^^^

1 error, 1 warning."
    );
}

#[test]
fn an_item_is_found_by_its_number_however_that_is_written() {
    let doc = Document::parse("a.yaml", "upstream:\n  at: [one, two]\n").unwrap();
    let place = |path: &[Segment<'_>]| (doc.at(path).line, doc.at(path).column);
    assert_eq!(place(&["upstream".into(), "at".into(), "1".into()]), (2, 13));
    assert_eq!(place(&["upstream".into(), "at".into(), 1.into()]), (2, 13));
    assert_eq!(place(&["upstream".into(), "at".into(), "2".into()]), (2, 7));
}

#[test]
fn scalars_are_what_they_look_like() {
    let doc =
        Document::parse("g.yaml", "[2026-03-02, 2026-03-02T09:00Z, 1, 1.5, true, ~, '1', no, 30d, 007x]")
            .unwrap();
    let seen =
        serde_json::json!(["2026-03-02", "2026-03-02T09:00Z", 1, 1.5, true, null, "1", "no", "30d", "007x"]);
    assert_eq!(doc.value, seen);
}

#[test]
fn yaml_that_surprises_is_refused() {
    assert_eq!(refused("a: 1\nb: 2\na: 3\n"), "g.yaml:3:1: \"a\" is given twice");
    assert_eq!(refused("a: &x 1\nb: *x\n"), "g.yaml:1:7: anchors are not supported");
    assert!(refused("a: !!map {}\n").contains("is not supported"));
    assert!(refused("a: 1\n---\nb: 1\n").starts_with("g.yaml:2:1: a file holds one document"));
    assert!(refused("? [a]\n: 1\n").ends_with("a key is a plain text"));
    assert!(refused("a: .nan").ends_with("\".nan\" is not supported"));
    assert!(refused("a: [1\nb: 2").contains("not YAML"));
    assert!(refused(&"[".repeat(65)).ends_with("more than 64 levels"));
    assert!(refused(&"- ".repeat(100_000)).ends_with("more than 64 levels"));
    assert!(refused(&"[".repeat(100_000)).contains("not YAML"));
    assert_eq!(read("[]"), ["g.yaml:1:1: expected a mapping, found a list"]);
    assert_eq!(read(""), ["g.yaml:1:1: expected a mapping, found nothing"]);
}

#[test]
fn references_are_filled_in_and_never_shown() {
    let text =
        "apps:\n  wiki: { host: \"${env:HOST}/$${x}\", port: \"${env:PORT}\", admin: \"${env:PORT}\" }\n";
    let mut doc = Document::parse("g.yaml", text).unwrap();
    let mut mistakes = Mistakes::default();
    doc.interpolate(|kind, name| Ok(format!("se\"{kind}-{name}")), &mut mistakes);
    let host = ["apps".into(), "wiki".into(), "host".into()];
    assert_eq!(doc.value["apps"]["wiki"]["host"], "se\"env-HOST/${x}");
    mistakes.push(doc.mistake(&host, format!("{:?} is no host", "se\"env-HOST/${x}")));
    assert!(doc.read::<Config>(&mut mistakes).is_none());
    assert_eq!(mistakes.errors(), 3);
    let told = mistakes.to_string();
    assert!(!told.contains("se\"") && !told.contains("se\\\""), "{told}");
    assert!(told.contains("expected a whole number from 0 to 65535, found \"${env:PORT}\""), "{told}");
}

#[test]
fn a_reference_that_fails_is_a_mistake_at_its_place() {
    let mut doc =
        Document::parse("g.yaml", "mode: \"${env:M\"\nports: [\"${vault}\", \"${env:P}\"]\n").unwrap();
    let mut mistakes = Mistakes::default();
    doc.interpolate(|_, name| Err(format!("{name} is not set")), &mut mistakes);
    let told: Vec<_> = mistakes.sorted().iter().map(ToString::to_string).collect();
    assert_eq!(told[0], "g.yaml:1:7: \"${env:M\" has no end");
    assert!(told[1].starts_with("g.yaml:2:9: \"${vault}\" is not a reference"));
    assert_eq!(told[2], "g.yaml:2:21: P is not set");
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "([-:?,{}\\[\\]#&*!|>'\"%@` \n\ta-c0$]|ports|apps|host|: |\n  |\n- ){0,40}") {
        if let Ok(mut doc) = Document::parse("g.yaml", &text) {
            let mut mistakes = Mistakes::default();
            doc.interpolate(|_, name| Err(name.to_owned()), &mut mistakes);
            let read = doc.read::<Config>(&mut mistakes);
            prop_assert_eq!(read.is_some(), mistakes.is_empty());
            mistakes.to_string();
        }
    }
}

#[test]
fn a_part_tells_its_mistakes_at_their_places() {
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Port {
        #[expect(dead_code, reason = "read for its mistakes alone")]
        port: u16,
    }
    let document = Document::parse("f.yaml", "app:\n  accounts:\n    port: many\n    guard: 1\n").unwrap();
    let path = [Segment::from("app"), Segment::from("accounts")];
    let (common, own) = document.split(&path, &["guard"]).unwrap();
    assert_eq!(common.keys(&[]).collect::<Vec<_>>(), ["guard"]);
    let mut mistakes = Mistakes::default();
    assert!(own.read::<Port>(&mut mistakes).is_none());
    let told = mistakes.to_string();
    assert!(told.contains(":3:11") && !told.contains("guard"), "{told}");
    assert!(document.split(&[Segment::from("app"), "none".into()], &[]).is_none());
}
