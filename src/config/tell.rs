//! What is wrong with a setting, told at its place; nothing about settings that could not be read.

use crate::document::{Document, Mistake, Mistakes, Segment};

/// Where mistakes go.
pub(super) struct Tell<'a> {
    pub(super) document: &'a Document,
    pub(super) mistakes: &'a mut Mistakes,
}

impl Tell<'_> {
    /// Says what is wrong with the setting at `path`.
    pub(super) fn wrong(&mut self, path: &[&str], message: impl Into<String>) {
        self.push(path, message, |mistake| mistake);
    }

    /// Says what is wrong with the setting at `path`, and what would be right.
    pub(super) fn hint(&mut self, path: &[&str], message: impl Into<String>, hint: &str) {
        self.push(path, message, |mistake| mistake.hint(hint));
    }

    /// Says what an operator should know about the setting at `path`.
    pub(super) fn warn(&mut self, path: &[&str], message: impl Into<String>, hint: &str) {
        self.push(path, message, |mistake| mistake.hint(hint).warning());
    }

    fn push(&mut self, path: &[&str], message: impl Into<String>, finish: impl FnOnce(Mistake) -> Mistake) {
        let path: Vec<Segment<'_>> = path.iter().copied().map(Segment::from).collect();
        if !self.document.is_lost(&path) {
            self.mistakes.push(finish(self.document.mistake(&path, message)));
        }
    }

    /// The keys of the mapping at `key`, also of those entries that could not be read.
    pub(super) fn names<T: std::str::FromStr>(&self, key: &str) -> impl Iterator<Item = T> {
        self.document.keys(&[key.into()]).filter_map(|name| name.parse().ok())
    }
}
