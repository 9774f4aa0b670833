//! The table of what provisioning promises names tests that are there.

use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn the_tests_that_hold_provisioning_to_its_promises_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = [sources(&root.join("src")), sources(&root.join("tests/it"))].concat();
    let table = fs::read_to_string(root.join("docs/invariants.md")).unwrap();
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() > 15, "{rows:?}");
    for row in rows {
        let names: Vec<_> =
            row.split('`').skip(1).step_by(2).filter_map(|name| name.split_once("::")).collect();
        assert!(!names.is_empty(), "no test is named for {row}");
        for (module, test) in names {
            let is_there = |(path, text): &(PathBuf, String)| {
                let module = Path::new(module);
                let at =
                    path.with_extension("").ends_with(module) || path.parent().unwrap().ends_with(module);
                at && text.contains(&format!("fn {test}("))
            };
            assert!(sources.iter().any(is_there), "there is no test {module}::{test}");
        }
    }
}

/// The files of Rust below `folder`, and what they say.
fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|is| is == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}
