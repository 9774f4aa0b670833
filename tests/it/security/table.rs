//! The tables of cases name tests that are there, and leave out no case.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// How many ways to fail the table of security cases tells of.
const CASES: usize = 48;

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

/// All that is a test or could be: file and text.
fn sources(root: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for folder in ["src", "tests"] {
        files(&root.join(folder), "rs", &mut found);
    }
    found.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

/// The rows of a page's table: the first cell, and the tests that the last one names, as module and name.
fn rows(page: &Path) -> Vec<(String, Vec<(String, String)>)> {
    let text = fs::read_to_string(page).unwrap();
    let lines = text.lines().filter(|line| line.starts_with("| ") && line.contains("` |"));
    lines
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split(" |").collect();
            let last = cells.iter().rev().find(|cell| !cell.trim().is_empty()).unwrap();
            let names = last.split('`').skip(1).step_by(2).filter(|name| name.contains('_'));
            let split = |name: &str| {
                let (place, name) = name.rsplit_once("::").unwrap_or(("", name));
                (place.to_owned(), name.to_owned())
            };
            (cells[0].trim().to_owned(), names.map(split).collect())
        })
        .collect()
}

/// Whether there is a test of that name in a module of that one.
fn is_there(sources: &[(PathBuf, String)], place: &str, name: &str) -> bool {
    let test = format!("fn {name}(");
    sources.iter().any(|(path, text)| {
        let within = |part: &str| path.with_extension("").iter().any(|is| is == part);
        place.split("::").all(|part| part.is_empty() || within(part))
            && text.split_once(&test).is_some_and(|(before, _)| {
                let attribute = before.rfind("#[").map(|at| &before[at..]).unwrap_or_default();
                attribute.contains("test") && attribute.lines().count() <= 3
            })
    })
}

#[test]
fn the_tests_that_the_tables_of_cases_name_are_there_and_no_case_is_left_out() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = sources(root);
    let mut numbers = BTreeMap::new();
    for page in ["docs/security-cases.md", "docs/conformance.md"] {
        for (first, tests) in rows(&root.join(page)) {
            assert!(!tests.is_empty(), "{page}: no test is named for {first}");
            for (place, name) in tests {
                assert!(is_there(&sources, &place, &name), "{page}: there is no test {place}::{name}");
            }
            if page == "docs/security-cases.md" {
                *numbers.entry(first.parse::<usize>().unwrap()).or_insert(0) += 1;
            }
        }
    }
    assert_eq!(numbers, (1..=CASES).map(|number| (number, 1)).collect());
    assert!(!is_there(&sources, "table", "files"), "it is no test");
    assert!(!is_there(
        &sources,
        "tabl",
        "the_tests_that_the_tables_of_cases_name_are_there_and_no_case_is_left_out"
    ));
}
