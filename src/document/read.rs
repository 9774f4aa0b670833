//! A document into a type of serde, every mistake told.

use super::words::{self, Told, closest};
use super::{Children, Document, Mistake, Mistakes, Node, Segment};
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::{Path, Segment as Step};

impl Document {
    /// The document as a `T`, or nothing, with every mistake added to `mistakes`.
    ///
    /// serde stops at the first mistake. So what is wrong is taken out, and the rest is read again, until all
    /// is told; what goes wrong only because something was taken out is not told.
    pub fn read<T: DeserializeOwned>(&self, mistakes: &mut Mistakes) -> Option<T> {
        let (mut value, mut node) = (self.value.clone(), self.node.clone());
        let mut whole = true;
        loop {
            let error = match serde_path_to_error::deserialize::<_, T>(&value) {
                Ok(read) => return whole.then_some(read),
                Err(error) => error,
            };
            whole = false;
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
            // A misspelt key takes the right one's place, which is not missing then.
            let meant = match &told {
                Told::UnknownKey(key, known) => closest(key, known.iter().copied()),
                _ => None,
            };
            if !take_out(&mut value, &mut node, &path, meant) {
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
                let word = node.written.as_deref().unwrap_or(word);
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

/// Takes what is at `path` out of the value and the places alike; `false` for the root, which has to stay.
/// `meant` is the key that the one taken out stood for.
fn take_out(value: &mut Value, node: &mut Node, path: &[Segment<'_>], meant: Option<&str>) -> bool {
    let Some((last, parents)) = path.split_last() else { return false };
    let (mut value, mut node) = (value, node);
    for segment in parents {
        let next = match (segment, value, &mut node.children) {
            (Segment::Index(index), Value::Array(values), Children::List(nodes)) => {
                values.get_mut(*index).zip(nodes.get_mut(*index))
            }
            (Segment::Key(key), Value::Object(values), Children::Mapping(nodes)) => {
                values.get_mut(*key).zip(nodes.get_mut(*key).map(|(_, node)| node))
            }
            _ => None,
        };
        let Some(next) = next else { return false };
        (value, node) = next;
    }
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

impl Node {
    /// Whether anything was taken out of it, or below.
    fn damaged(&self) -> bool {
        !self.lost.is_empty() || self.children().any(Node::damaged)
    }

    /// The first text with references in it, or below, as written.
    fn secret(&self) -> Option<&str> {
        self.written.as_deref().or_else(|| self.children().find_map(Node::secret))
    }
}
