//! The table of cases names tests that are there.

use std::fs;
use std::path::{Path, PathBuf};

fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("node_modules") {
            files(&path, ending, found);
        } else if path.extension().is_some_and(|is| is == ending) {
            found.push(path);
        }
    }
}

#[test]
fn the_tests_that_the_table_of_cases_names_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    files(&root.join("src"), "rs", &mut sources);
    files(&root.join("tests"), "rs", &mut sources);
    let texts: Vec<(PathBuf, String)> =
        sources.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect();
    let mut rows = 0;
    for page in ["docs/security-cases.md", "docs/conformance.md"] {
        let table = fs::read_to_string(root.join(page)).unwrap();
        for row in table.lines().filter(|line| line.starts_with("| ") && line.contains("` |")) {
            let tests = row.trim_end_matches('|').rsplit_once("| ").unwrap().1;
            let mut named = 0;
            for name in tests.split('`').skip(1).step_by(2).filter(|name| name.contains('_')) {
                let (place, name) = name.rsplit_once("::").unwrap_or(("", name));
                let is_there = texts.iter().any(|(path, text)| {
                    let path = path.display().to_string();
                    let at = place.split("::").all(|part| part.is_empty() || path.contains(part));
                    at && text.contains(&format!("fn {name}("))
                });
                assert!(is_there, "{page}: there is no test {place}::{name}");
                named += 1;
            }
            assert!(named > 0, "{page}: no test is named for {row}");
            rows += 1;
        }
    }
    assert!(rows > 40, "{rows}");
}
