//! A YAML file, what is wrong with it, and where.
//!
//! A [`Document`] knows the place of every key and value. The types of serde stay the only description of a
//! format: [`Document::read`] tells every mistake of a file at once, each in our own words.

mod either;
mod interpolate;
mod mistake;
mod one_or_more;
mod read;
#[cfg(test)]
mod tests;
mod version;
mod words;
mod yaml;

pub use either::Either;
pub use mistake::{Mistake, Mistakes, Place, Severity};
pub use one_or_more::OneOrMore;
pub use version::Version;
pub use words::closest;

use serde_json::Value;
use std::collections::BTreeMap;

/// A parsed file.
#[derive(Debug, Clone)]
pub struct Document {
    file: String,
    lines: Vec<String>,
    value: Value,
    node: Node,
}

/// One step of a path into a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Segment<'a> {
    /// The entry of a mapping.
    Key(&'a str),
    /// The item of a list, from 0.
    Index(usize),
}

impl<'a> From<&'a str> for Segment<'a> {
    fn from(key: &'a str) -> Self {
        Self::Key(key)
    }
}

impl From<usize> for Segment<'_> {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// Where a value is, in the shape of the value.
#[derive(Debug, Clone)]
struct Node {
    place: Place,
    children: Children,
    /// For a text that holds references: the text as written. Only this may be shown.
    written: Option<String>,
    /// Keys taken out while reading; what is missing only because of that is no mistake of the file.
    lost: Vec<String>,
}

#[derive(Debug, Clone)]
enum Children {
    None,
    List(Vec<Node>),
    Mapping(BTreeMap<String, (Place, Node)>),
}

impl Node {
    fn new(place: Place, children: Children) -> Self {
        Self { place, children, written: None, lost: Vec::new() }
    }

    fn child(&self, segment: Segment<'_>) -> Option<(Option<Place>, &Self)> {
        match (&self.children, segment) {
            (Children::List(items), Segment::Index(index)) => items.get(index).map(|node| (None, node)),
            // A list has no keys: whoever knows the way as texts alone means the item of that number.
            (Children::List(items), Segment::Key(key)) => {
                items.get(key.parse::<usize>().ok()?).map(|node| (None, node))
            }
            (Children::Mapping(entries), Segment::Key(key)) => {
                entries.get(key).map(|(place, node)| (Some(*place), node))
            }
            _ => None,
        }
    }

    fn children(&self) -> Box<dyn Iterator<Item = &Self> + '_> {
        match &self.children {
            Children::None => Box::new(std::iter::empty()),
            Children::List(items) => Box::new(items.iter()),
            Children::Mapping(entries) => Box::new(entries.values().map(|(_, node)| node)),
        }
    }

    /// Walks down `path` as far as it exists: the last node, and its key's place where it has one.
    fn walk(&self, path: &[Segment<'_>]) -> (Option<Place>, &Self) {
        let mut here = (None, self);
        for segment in path {
            match here.1.child(*segment) {
                Some(child) => here = child,
                None => break,
            }
        }
        here
    }
}

impl Document {
    /// Reads `text` as YAML; `file` is its name in mistakes.
    ///
    /// # Errors
    /// The first place that is not YAML, or YAML that we refuse: duplicate keys, anchors and aliases, tags of
    /// its own, several documents in a file, more than 64 levels.
    pub fn parse(file: &str, text: &str) -> Result<Self, Box<Mistake>> {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        match yaml::parse(text) {
            Ok((value, node)) => Ok(Self { file: file.to_owned(), lines, value, node }),
            Err((place, message)) => Err(Box::new(Mistake::new(file, &lines, place, message))),
        }
    }

    /// The file's name.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// What it says.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The mapping at `path` as two documents, whose mistakes are told at their places in this one: the entries under
    /// `keys`, and the others. `None` where there is no mapping.
    pub fn split(&self, path: &[Segment<'_>], keys: &[&str]) -> Option<(Self, Self)> {
        let (mut value, mut node) = (&self.value, &self.node);
        for segment in path {
            node = node.child(*segment)?.1;
            value = match segment {
                Segment::Key(key) => value.get(*key)?,
                Segment::Index(index) => value.get(*index)?,
            };
        }
        let (Value::Object(values), Children::Mapping(nodes)) = (value, &node.children) else { return None };
        let part = |wanted: bool| {
            let is_in = |key: &str| keys.contains(&key) == wanted;
            let values = values.iter().filter(|(key, _)| is_in(key));
            let nodes = nodes.iter().filter(|(key, _)| is_in(key));
            let mut node = Node::new(
                node.place,
                Children::Mapping(nodes.map(|(k, n)| (k.clone(), n.clone())).collect()),
            );
            node.lost = self.node.lost.clone();
            let value = values.map(|(key, value)| (key.clone(), value.clone())).collect();
            Self { file: self.file.clone(), lines: self.lines.clone(), value: Value::Object(value), node }
        };
        Some((part(true), part(false)))
    }

    /// The keys of the mapping at `path`, in order; none where there is no mapping.
    pub fn keys<'a>(&'a self, path: &[Segment<'_>]) -> impl Iterator<Item = &'a str> + use<'a> {
        let here =
            path.iter().try_fold(&self.node, |node, segment| node.child(*segment).map(|(_, child)| child));
        let entries = here.and_then(|node| match &node.children {
            Children::Mapping(entries) => Some(entries.keys().map(String::as_str)),
            _ => None,
        });
        entries.into_iter().flatten()
    }

    /// Whether what stands at `path` is not what was written: it was taken out, or put in, by [`Document::salvage`].
    pub fn is_lost(&self, path: &[Segment<'_>]) -> bool {
        let mut here = &self.node;
        for segment in path {
            let lost = match segment {
                Segment::Key(key) => here.lost.iter().any(|lost| lost == key),
                Segment::Index(_) => !here.lost.is_empty(),
            };
            match here.child(*segment) {
                _ if lost => return true,
                Some((_, child)) => here = child,
                None => return false,
            }
        }
        here.damaged()
    }

    /// The place of the value at `path`, or of the closest thing around it that exists.
    pub fn at(&self, path: &[Segment<'_>]) -> Place {
        self.node.walk(path).1.place
    }

    /// The place of the key at `path`; an item of a list has none, and its own place stands for it.
    pub fn at_key(&self, path: &[Segment<'_>]) -> Place {
        let (key, node) = self.node.walk(path);
        key.unwrap_or(node.place)
    }

    /// A mistake in the value at `path`. What a reference like `${env:NAME}` stood for is never shown.
    pub fn mistake(&self, path: &[Segment<'_>], message: impl Into<String>) -> Mistake {
        let message = self.conceal(path, message.into());
        Mistake::new(&self.file, &self.lines, self.at(path), message)
    }

    /// A mistake in the key at `path`.
    pub fn mistake_at_key(&self, path: &[Segment<'_>], message: impl Into<String>) -> Mistake {
        let message = self.conceal(path, message.into());
        Mistake::new(&self.file, &self.lines, self.at_key(path), message)
    }
}
