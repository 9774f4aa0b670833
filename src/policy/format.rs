//! One way to write a policy file: the same indents and spaces, and on one line what fits on it. Nothing is sorted and
//! no comment is touched: what comes first, and what is said about it, is the author's.

use crate::document::{Document, Mistake};
use pretty_yaml::config::{FormatOptions, LanguageOptions, LayoutOptions, Quotes};

/// How many characters a line may have before what is in braces or brackets is broken up.
const WIDTH: usize = 120;

/// How deep braces and brackets may lie in one another. What is deeper, and not closed, takes the library for ever.
const DEPTH: usize = 12;

/// `text` in the one way to write it. `file` is its name in mistakes.
///
/// # Errors
/// Where `text` is not YAML that we read, or cannot be written differently without saying something else.
pub fn format(file: &str, text: &str) -> Result<String, Box<Mistake>> {
    let before = Document::parse(file, text)?;
    let refused = |why: &str| {
        let mistake = before.mistake(&[], format!("cannot be formatted: {why}"));
        Box::new(mistake.hint("nothing was written; format this file by hand"))
    };
    if depth(text) > DEPTH {
        return Err(refused("braces and brackets lie too deep in one another"));
    }
    let once =
        |text: &str| pretty_yaml::format_text(text, &options()).map_err(|error| refused(&error.to_string()));
    // Now and then it takes a second look: what was broken up changes what is around it.
    let formatted = once(&once(text)?)?;
    let after = Document::parse(file, &formatted).map_err(|_| refused("it would no longer be YAML"))?;
    if after.value() != before.value() {
        return Err(refused("it would say something else"));
    }
    if letters(&formatted) != letters(text) {
        return Err(refused("a comment would be lost"));
    }
    Ok(formatted)
}

fn options() -> FormatOptions {
    FormatOptions {
        layout: LayoutOptions { print_width: WIDTH, ..LayoutOptions::default() },
        language: LanguageOptions {
            quotes: Quotes::PreferDouble,
            trailing_comma: false,
            prefer_single_line: true,
            ..LanguageOptions::default()
        },
    }
}

/// How many braces and brackets are open at once, at the most; those in texts and comments, too.
fn depth(text: &str) -> usize {
    let mut open = 0_usize;
    let depth = |letter| {
        open = match letter {
            '{' | '[' => open + 1,
            '}' | ']' => open.saturating_sub(1),
            _ => open,
        };
        open
    };
    text.chars().map(depth).max().unwrap_or_default()
}

/// All that formatting leaves as it is: everything but spaces, line breaks, commas and quotes.
fn letters(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_whitespace() && !",'\"".contains(*letter)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn formatted(text: &str) -> String {
        format("p.yaml", text).unwrap_or_else(|mistake| panic!("{mistake}\n{text}"))
    }

    #[test]
    fn there_is_one_way_to_write_it() {
        let text = "\
# Guests.
version:   1
roles:
    guest:   # Nobody else.
        who: {provider: partners,
              groups: {any: ['a',  \"b\"]}}


        gets:
            wiki: {  }
examples:
- when: {provider: partners, claims: {}}
  expect: {roles: []}
";
        let expected = "\
# Guests.
version: 1
roles:
  guest: # Nobody else.
    who: { provider: partners, groups: { any: [\"a\", \"b\"] } }

    gets:
      wiki: {}
examples:
  - when: { provider: partners, claims: {} }
    expect: { roles: [] }
";
        assert_eq!(formatted(text), expected);
        assert_eq!(formatted(expected), expected);
    }

    #[test]
    fn what_lies_too_deep_is_refused_at_once() {
        let deep = |closed: &str| format!("roles: {}1{closed}\n", "[".repeat(60));
        assert!(format("p.yaml", &deep(&"]".repeat(60))).is_err());
        assert!(format("p.yaml", &format!("a: 1 # {}\n", deep(""))).is_err());
    }

    #[test]
    fn what_does_not_fit_on_a_line_is_broken_up() {
        let names: Vec<_> = (0..40).map(|number| format!("group-{number}")).collect();
        let text = formatted(&format!("who: {{ groups: {{ any: [{}] }} }}\n", names.join(", ")));
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH) && text.lines().count() > 1, "{text}");
    }

    #[test]
    fn the_committed_policies_are_formatted() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/examples");
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            assert_eq!(formatted(&text), text, "{}", path.display());
        }
    }

    #[test]
    fn what_is_not_yaml_is_told_with_its_place() {
        let told = format("p.yaml", "a: [\n").unwrap_err().to_string();
        assert!(told.starts_with("p.yaml:"), "{told}");
        assert!(format("p.yaml", "a: 1\na: 2\n").is_err());
    }

    fn any_text() -> impl Strategy<Value = String> {
        let word =
            prop_oneof!["[a-z]{1,8}", "\"[a-z ,'#:]{0,9}\"", "'[a-z ,#:\\\\]{0,9}'", "[0-9]{1,4}", "true"];
        let flow = word.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(|all| format!("[{}]", all.join(",  "))),
                prop::collection::vec(inner, 0..4).prop_map(|all| {
                    let entries: Vec<_> =
                        all.iter().enumerate().map(|(key, value)| format!("k{key}: {value}")).collect();
                    format!("{{{}}}", entries.join(" ,"))
                }),
            ]
        });
        let line = (flow, prop::option::of("# ?[a-z,' ]{0,12}"), 0..3_usize, 1..5_usize);
        prop::collection::vec(line, 1..8).prop_map(|lines| {
            let mut text = String::from("first: 1\n");
            for (number, (value, comment, gap, indent)) in lines.into_iter().enumerate() {
                text += &"\n".repeat(gap);
                if let Some(comment) = &comment {
                    text += &format!("{comment}\n");
                }
                let after = comment.map_or(String::new(), |comment| format!("   {comment}"));
                text += &match number % 3 {
                    0 => format!("key{number}:   {value}{after}\n"),
                    1 => format!("key{number}:{after}\n{}inner: {value}\n", " ".repeat(indent)),
                    _ => format!("key{number}:\n{0}- {value}{after}\n{0}- x: {value}\n", " ".repeat(indent)),
                };
            }
            text
        })
    }

    proptest! {
        #[test]
        fn twice_is_once_and_nothing_is_said_differently(text in any_text()) {
            let read = |text: &str| Document::parse("p", text).unwrap().value().clone();
            // Whoever writes what cannot be read is told so; here only what can be is of interest.
            prop_assume!(Document::parse("p", &text).is_ok());
            let formatted = formatted(&text);
            prop_assert_eq!(super::format("p", &formatted).unwrap(), formatted.clone());
            prop_assert_eq!(read(&formatted), read(&text));
        }
    }
}
