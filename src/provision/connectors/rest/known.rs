//! What expressions can name: values by name, and the answer that paths lead into.

use super::expression::Expression;
use minijinja::value::{Serde, Value as Word};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is known at some point of a step.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    words: BTreeMap<String, Word>,
    answer: Arc<Value>,
}

impl Known {
    /// The same, where `name` is `value`.
    pub(super) fn with(mut self, name: &str, value: Value) -> Self {
        self.learn(name, value);
        self
    }

    /// The same, where paths lead into `answer`.
    pub(super) fn answered(mut self, answer: Value) -> Self {
        self.answer = answer.into();
        self
    }

    /// From now on `name` is `value`.
    pub(super) fn learn(&mut self, name: &str, value: Value) {
        self.words.insert(name.to_owned(), Word::from(Serde(value)));
    }

    /// From now on paths lead into `answer`, which also has that name.
    pub(super) fn hear(&mut self, answer: Value) {
        self.learn("answer", answer.clone());
        self.answer = answer.into();
    }

    /// Works out those of `names` whose own words are all known.
    pub(super) fn name(&mut self, names: &BTreeMap<String, Expression>) -> Result<(), String> {
        for (name, expression) in names {
            if self.has_all(expression.names().iter().map(String::as_str)) {
                let value = expression.value(self)?;
                self.learn(name, value);
            }
        }
        Ok(())
    }

    /// Whether something has each of these names; of `a.b`, `a`.
    pub(super) fn has_all<'a>(&self, mut names: impl Iterator<Item = &'a str>) -> bool {
        names.all(|name| self.words.contains_key(name.split('.').next().unwrap_or_default()))
    }

    /// What has this name, if anything has.
    pub(super) fn get(&self, name: &str) -> Option<Value> {
        self.words.get(name).and_then(|word| serde_json::to_value(word).ok())
    }

    pub(super) fn answer(&self) -> &Value {
        &self.answer
    }

    pub(super) fn context(&self) -> Word {
        Word::from_object(self.words.clone())
    }
}
