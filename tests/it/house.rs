//! Imports go down the stairs only.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms of each floor, from the ground up; the walls are below all of them.
const FLOORS: [(&str, &[&str]); 6] = [
    (
        "the walls",
        &[
            "causes",
            "certificate",
            "clock",
            "document",
            "host",
            "loopback",
            "metrics",
            "names",
            "page",
            "percent",
            "reach",
            "seal",
            "size",
            "socket",
            "span",
            "telemetry",
            "trace",
        ],
    ),
    ("the ground floor", &["identity", "policy", "account", "audit"]),
    ("the first floor", &["store", "issuer"]),
    ("the second floor", &["bearer", "lifecycle", "session"]),
    ("the third floor", &["gateway", "oidc", "portal", "admin", "operations", "provision", "signals"]),
    ("the roof", &["config", "app", "cli", "demo"]),
];
const WALLS: usize = 0;
const GROUND: usize = 1;
const DOORS: usize = 4;

#[test]
fn imports_go_down_the_stairs() {
    let steps: Vec<String> = sources()
        .iter()
        .flat_map(|(file, text)| {
            let room = room_of(file);
            let rules =
                imports(text).into_iter().filter_map(move |to| Some((to.clone(), forbidden(&room, &to)?)));
            rules.map(|(to, rule)| format!("{}: crate::{to}: {rule}", file.display())).collect::<Vec<_>>()
        })
        .collect();
    assert!(steps.is_empty(), "\n{}", steps.join("\n"));
}

#[test]
fn facts_wait_for_nobody() {
    for (file, text) in sources() {
        let on_the_ground = FLOORS[GROUND].1.contains(&room_of(&file).as_str());
        let waits = text.lines().position(|line| {
            let code = line.split("//").next().unwrap_or_default();
            code.split(|letter: char| !letter.is_alphanumeric()).any(|word| matches!(word, "async" | "tokio"))
        });
        if let Some(line) = waits.filter(|_| on_the_ground) {
            panic!("{}:{}: the ground floor holds facts, which wait for nobody", file.display(), line + 1);
        }
    }
}

#[test]
fn every_room_is_drawn() {
    let drawn: BTreeSet<&str> = FLOORS.iter().flat_map(|(_, rooms)| *rooms).copied().collect();
    let built: BTreeSet<String> = sources()
        .iter()
        .map(|(file, _)| room_of(file))
        .filter(|room| !matches!(&**room, "lib" | "main"))
        .collect();
    assert_eq!(drawn, built.iter().map(String::as_str).collect());
}

#[test]
fn a_step_up_is_seen() {
    assert_eq!(
        imports("use crate::{admin, oidc::Deps, seal};\n// crate::app\nlet x = crate::cli::y;"),
        ["admin", "cli", "oidc", "seal"]
    );
    let step = |from: &str, to: &str| forbidden(from, to).is_some();
    for (from, to) in [
        ("store", "session"),
        ("gateway", "oidc"),
        ("names", "account"),
        ("oidc", "config"),
        ("demo", "store"),
    ] {
        assert!(step(from, to), "{from} -> {to}");
    }
    for (from, to) in [
        ("names", "seal"),
        ("audit", "account"),
        ("session", "store"),
        ("cli", "demo"),
        ("demo", "clock"),
        ("app", "config"),
    ] {
        assert!(!step(from, to), "{from} -> {to}");
    }
}

/// Why `from` must not import `to`, if so.
fn forbidden(from: &str, to: &str) -> Option<String> {
    let (here, there) = (floor(from)?, floor(to)?);
    if from == to {
        return None;
    }
    let name = |floor: usize| FLOORS[floor].0;
    if from == "demo" && there != WALLS {
        return Some("the demo is a stranger to the house and knows the walls alone".to_owned());
    }
    if there > here {
        return Some(format!("a step up, from {} to {}", name(here), name(there)));
    }
    if here == there && here == DOORS {
        return Some("doors are strangers to one another".to_owned());
    }
    None
}

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|(_, rooms)| rooms.contains(&room))
}

/// The rooms that `text` names after `crate::`, in code; once each, in order.
fn imports(text: &str) -> Vec<String> {
    let code: Vec<&str> = text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let code = code.join("\n");
    let mut rooms = BTreeSet::new();
    for after in code.split("crate::").skip(1) {
        let listed = match after.strip_prefix('{') {
            // In a list every name that begins an element is a room.
            Some(list) => top_level(list),
            None => vec![after],
        };
        rooms.extend(listed.iter().map(|path| first_word(path)));
    }
    rooms.into_iter().filter(|room| floor(room).is_some()).collect()
}

/// The elements of a list in braces, to the brace that closes it.
fn top_level(list: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (at, letter) in list.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => {
                found.push(&list[start..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found
}

fn first_word(path: &str) -> String {
    path.trim_start().chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
}

/// The room of a file: `src/room.rs`, or anything below `src/room/`.
fn room_of(file: &Path) -> String {
    let inside = file.strip_prefix("src").unwrap();
    inside.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned()
}

/// Every source file by its path from the root, with its text.
fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("src")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                files.push((path.strip_prefix(root).unwrap().to_owned(), text));
            }
        }
    }
    files
}
