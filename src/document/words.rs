//! The words of serde, turned into ours.

/// A mistake as serde tells it, understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told<'a> {
    /// A key that does not belong, and those that do.
    UnknownKey(&'a str, Vec<&'a str>),
    /// A key that should be there.
    Missing(&'a str),
    /// One of a fixed set of words is expected.
    UnknownWord(&'a str, Vec<&'a str>),
    /// What was found, and what was expected.
    Mismatch(&'a str, &'a str),
    /// What a type of ours says.
    Own(&'a str),
}

/// Reads what serde says.
pub(super) fn understand(message: &str) -> Told<'_> {
    let named = |start: &str| {
        let (name, rest) = message.strip_prefix(start)?.strip_prefix('`')?.split_once('`')?;
        Some((name, rest.split('`').skip(1).step_by(2).collect()))
    };
    if let Some((key, known)) = named("unknown field ") {
        return Told::UnknownKey(key, known);
    }
    if let Some((word, known)) = named("unknown variant ") {
        return Told::UnknownWord(word, known);
    }
    if let Some((key, _)) = named("missing field ") {
        return Told::Missing(key);
    }
    let mismatch = ["invalid type: ", "invalid value: ", "invalid "].iter().find_map(|start| {
        // The found value may itself hold ", expected ".
        message.strip_prefix(start)?.rsplit_once(", expected ")
    });
    mismatch.map_or(Told::Own(message), |(found, expected)| Told::Mismatch(found, expected))
}

/// What was found, as one would say it: serde's ``integer `5` `` is 5.
pub(super) fn found(unexpected: &str) -> String {
    match unexpected {
        "null" | "unit value" => return "nothing".to_owned(),
        "map" => return "a mapping".to_owned(),
        "sequence" => return "a list".to_owned(),
        // A derived struct also reads lists, and counts.
        _ if unexpected.starts_with("length ") => return "a list".to_owned(),
        _ => {}
    }
    let quoted = unexpected.strip_prefix("string ");
    let ticked = unexpected.split_once('`').and_then(|(_, rest)| rest.strip_suffix('`'));
    quoted.or(ticked).unwrap_or(unexpected).to_owned()
}

/// What was expected, as one would say it.
pub(super) fn expected(words: &str) -> &str {
    match words {
        "a string" | "a borrowed string" | "a string key" => "a text",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "a mapping",
        "unit" => "nothing",
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "usize" => "a whole number, not negative",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        _ if words.starts_with("struct ") => "a mapping",
        _ if words.starts_with("a nonzero ") => "a whole number above 0",
        _ => words,
    }
}

/// The one of `known` that `word` was probably meant to be.
pub fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = |candidate: &&str| strsim::osa_distance(word, candidate);
    let most = (word.chars().count() / 3).max(1);
    known.into_iter().min_by_key(near).filter(|candidate| near(candidate) <= most)
}

/// A hint towards the right word: the closest one, else all.
pub(super) fn hint(word: &str, known: &[&str]) -> String {
    match closest(word, known.iter().copied()) {
        Some(close) => format!("did you mean \"{close}\"?"),
        None if known.is_empty() => "nothing may stand here".to_owned(),
        None => format!("use {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serde_is_understood() {
        assert_eq!(
            understand("unknown field `hots`, expected one of `host`, `upstream`, `routes`"),
            Told::UnknownKey("hots", vec!["host", "upstream", "routes"])
        );
        assert_eq!(understand("unknown field `x`, there are no fields"), Told::UnknownKey("x", vec![]));
        assert_eq!(understand("missing field `host`"), Told::Missing("host"));
        assert_eq!(
            understand("invalid type: string \"a, expected b\", expected u16"),
            Told::Mismatch("string \"a, expected b\"", "u16")
        );
        assert_eq!(found("string \"a\""), "\"a\"");
        assert_eq!(found("integer `5`"), "5");
        assert_eq!(closest("wikki", ["wiki", "notes"]), Some("wiki"));
        assert_eq!(closest("mail", ["wiki", "notes"]), None);
    }
}
