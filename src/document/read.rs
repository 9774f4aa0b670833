//! A document into a type of serde, every mistake told.

use super::words::{self, Told, closest};
use super::{Children, Document, Mistake, Mistakes, Node, Segment};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use serde_path_to_error::{Path, Segment as Step};
use std::collections::BTreeMap;

impl Document {
    /// The document as a `T`, or nothing, with every mistake added to `mistakes`.
    pub fn read<T: DeserializeOwned>(&self, mistakes: &mut Mistakes) -> Option<T> {
        let before = mistakes.errors();
        self.salvage(mistakes).filter(|_| mistakes.errors() == before).map(|(read, _)| read)
    }

    /// What can be read of the document as a `T` in spite of mistakes, and the document as it was read: so that what
    /// is wrong with the rest can be told, too. Nothing where too little is left.
    ///
    /// serde stops at the first mistake. So what is wrong is taken out, and the rest is read again, until all
    /// is told; what goes wrong only because something was taken out is not told.
    pub fn salvage<T: DeserializeOwned>(&self, mistakes: &mut Mistakes) -> Option<(T, Self)> {
        let (mut value, mut node) = (self.value.clone(), self.node.clone());
        loop {
            let error = match serde_path_to_error::deserialize::<_, T>(&value) {
                Ok(read) => {
                    let (file, lines) = (self.file.clone(), self.lines.clone());
                    return Some((read, Self { file, lines, value, node }));
                }
                Err(error) => error,
            };
            let message = error.inner().to_string();
            let told = words::understand(&message);
            let mut path = existing(&node, error.path());
            if let Told::UnknownKey(key, _) = told
                && path.last() != Some(&Segment::Key(key))
            {
                path.push(Segment::Key(key));
            }
            let wrong = node.walk(&path).1;
            if !follows(wrong, &told) {
                mistakes.push(self.tell(&node, &path, &told));
            }
            let went_on = match &told {
                Told::Missing(key) => stand_in::<T>(&mut value, &mut node, &path, key),
                // A misspelt key takes the right one's place, which is not missing then.
                Told::UnknownKey(key, known) => {
                    take_out(&mut value, &mut node, &path, closest(key, known.iter().copied()))
                }
                _ => take_out(&mut value, &mut node, &path, None),
            };
            if !went_on {
                return None;
            }
        }
    }

    fn tell(&self, root: &Node, path: &[Segment<'_>], told: &Told<'_>) -> Mistake {
        let new = |place, message| Mistake::new(&self.file, &self.lines, place, message);
        let (key, node) = root.walk(path);
        let at_key = key.unwrap_or(node.place);
        match told {
            Told::UnknownKey(name, known) => {
                new(at_key, format!("unknown key \"{name}\"")).hint(words::hint(name, known))
            }
            Told::Missing(name) => new(at_key, format!("\"{name}\" is missing")),
            Told::UnknownWord(word, known) => {
                let word = node.secret().unwrap_or(word);
                new(node.place, format!("unknown value \"{word}\"")).hint(words::hint(word, known))
            }
            Told::Mismatch(found, expected) => {
                let found = match node.secret() {
                    Some(written) => format!("\"{written}\""),
                    None => words::found(found),
                };
                new(node.place, format!("expected {}, found {found}", words::expected(expected)))
            }
            Told::Own(message) => match node.secret() {
                // A type's own words may hold any part of the value.
                Some(written) => {
                    new(node.place, format!("\"{written}\" gives a value that is not valid here"))
                }
                None if names_key(message, path) => new(at_key, (*message).to_owned()),
                None => new(node.place, (*message).to_owned()),
            },
        }
    }
}

/// The part of `path` that leads through keys and items of the document.
fn existing<'a>(root: &Node, path: &'a Path) -> Vec<Segment<'a>> {
    let mut here = root;
    let mut found = Vec::new();
    for step in path {
        let segment = match step {
            Step::Seq { index } => Segment::Index(*index),
            Step::Map { key } => Segment::Key(key),
            // A variant is a key of the mapping, or the text itself.
            Step::Enum { variant } => Segment::Key(variant),
            Step::Unknown => break,
        };
        if let Some((_, child)) = here.child(segment) {
            here = child;
            found.push(segment);
        }
    }
    found
}

/// Whether a type's own words are about the key, not about its value.
fn names_key(message: &str, path: &[Segment<'_>]) -> bool {
    matches!(path.last(), Some(Segment::Key(key)) if message.starts_with(&format!("\"{key}\"")))
}

/// Whether it went wrong because of what was taken out.
fn follows(node: &Node, told: &Told<'_>) -> bool {
    match told {
        Told::Missing(key) => node.lost.iter().any(|lost| lost == key),
        Told::Own(_) | Told::Mismatch(..) => node.damaged(),
        Told::UnknownKey(..) | Told::UnknownWord(..) => false,
    }
}

/// The value at `path`, and where it is.
fn reach<'a>(
    value: &'a mut Value,
    node: &'a mut Node,
    path: &[Segment<'_>],
) -> Option<(&'a mut Value, &'a mut Node)> {
    let (mut value, mut node) = (value, node);
    for segment in path {
        (value, node) = match (segment, value, &mut node.children) {
            (Segment::Index(index), Value::Array(values), Children::List(nodes)) => {
                (values.get_mut(*index)?, nodes.get_mut(*index)?)
            }
            (Segment::Key(key), Value::Object(values), Children::Mapping(nodes)) => {
                (values.get_mut(*key)?, &mut nodes.get_mut(*key)?.1)
            }
            _ => return None,
        };
    }
    Some((value, node))
}

/// Takes what is at `path` out of the value and the places alike; `false` for the root, which has to stay.
/// `meant` is the key that the one taken out stood for.
fn take_out(value: &mut Value, node: &mut Node, path: &[Segment<'_>], meant: Option<&str>) -> bool {
    let Some((last, parents)) = path.split_last() else { return false };
    let Some((value, node)) = reach(value, node, parents) else { return false };
    match (last, value, &mut node.children) {
        (Segment::Index(index), Value::Array(values), Children::List(nodes)) if *index < values.len() => {
            values.remove(*index);
            nodes.remove(*index);
            node.lost.push(index.to_string());
            true
        }
        (Segment::Key(key), Value::Object(values), Children::Mapping(nodes)) => {
            nodes.remove(*key);
            node.lost.extend([*key].into_iter().chain(meant).map(str::to_owned));
            values.shift_remove(*key).is_some()
        }
        _ => false,
    }
}

/// Puts something that fits where `key` is missing in the mapping at `path`, so that what else is missing there is
/// told too. Where nothing fits the mapping is taken out; `false` if that cannot be.
fn stand_in<T: DeserializeOwned>(
    value: &mut Value,
    node: &mut Node,
    path: &[Segment<'_>],
    key: &str,
) -> bool {
    let missing: Vec<_> = path.iter().copied().chain([Segment::Key(key)]).collect();
    for candidate in [json!("a"), json!(1), json!(true), json!([]), json!({}), json!("https://a")] {
        let Some((Value::Object(values), place)) = reach(value, node, path) else { return false };
        let Children::Mapping(nodes) = &mut place.children else { return false };
        let entry = (place.place, Node::new(place.place, children_of(&candidate)));
        nodes.insert(key.to_owned(), entry);
        values.insert(key.to_owned(), candidate);
        let fits = match serde_path_to_error::deserialize::<_, T>(&*value) {
            Ok(_) => true,
            Err(error) => !existing(node, error.path()).starts_with(&missing),
        };
        if fits {
            reach(value, node, path).into_iter().for_each(|(_, node)| node.lost.push(key.to_owned()));
            return true;
        }
    }
    take_out(value, node, path, None)
}

fn children_of(empty: &Value) -> Children {
    match empty {
        Value::Array(_) => Children::List(Vec::new()),
        Value::Object(_) => Children::Mapping(BTreeMap::new()),
        _ => Children::None,
    }
}

impl Node {
    /// Whether anything was taken out of it, or below.
    pub(super) fn damaged(&self) -> bool {
        !self.lost.is_empty() || self.children().any(Node::damaged)
    }

    /// The first text with references in it, or below, as written.
    fn secret(&self) -> Option<&str> {
        self.written.as_deref().or_else(|| self.children().find_map(Node::secret))
    }
}
