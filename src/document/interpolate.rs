//! References like `${env:NAME}` in a document's texts.

use super::{Children, Document, Mistake, Mistakes, Node, Segment};
use serde_json::Value;

impl Document {
    /// Puts the value of every `${kind:name}` in its place, in texts that are values; `$${` stands for `${`.
    /// What `resolve` refuses is a mistake at that text. The values are never shown in a mistake.
    pub fn interpolate(
        &mut self,
        mut resolve: impl FnMut(&str, &str) -> Result<String, String>,
        mistakes: &mut Mistakes,
    ) {
        let (file, lines) = (&self.file, &self.lines);
        fill(&mut self.value, &mut self.node, &mut |text, node| match expand(text, &mut resolve) {
            Ok(expanded) => Some(expanded),
            Err(message) => {
                mistakes.push(Mistake::new(file, lines, node.place, message));
                None
            }
        });
    }

    /// `message` with the values of references at or below `path` as they were written.
    pub(super) fn conceal(&self, path: &[Segment<'_>], mut message: String) -> String {
        let mut value = Some(&self.value);
        for segment in path {
            value = value.and_then(|value| match segment {
                Segment::Key(key) => value.get(key),
                Segment::Index(index) => value.get(index),
            });
        }
        if let Some(value) = value {
            each_secret(value, self.node.walk(path).1, &mut |secret, written| {
                let debug = format!("{secret:?}");
                message = message.replace(secret, written).replace(debug.trim_matches('"'), written);
            });
        }
        message
    }
}

fn fill(value: &mut Value, node: &mut Node, expand: &mut dyn FnMut(&str, &Node) -> Option<String>) {
    match (value, &mut node.children) {
        (Value::String(text), _) if text.contains("${") => {
            if let Some(expanded) = expand(text, node) {
                node.written = Some(std::mem::replace(text, expanded));
            }
        }
        (Value::Array(values), Children::List(nodes)) => {
            values.iter_mut().zip(nodes).for_each(|(value, node)| fill(value, node, expand));
        }
        (Value::Object(values), Children::Mapping(nodes)) => {
            for (key, value) in values {
                if let Some((_, node)) = nodes.get_mut(key) {
                    fill(value, node, expand);
                }
            }
        }
        _ => {}
    }
}

fn each_secret(value: &Value, node: &Node, found: &mut dyn FnMut(&str, &str)) {
    match (value, &node.written, &node.children) {
        (Value::String(secret), Some(written), _) if !secret.is_empty() => found(secret, written),
        (Value::Array(values), _, Children::List(nodes)) => {
            values.iter().zip(nodes).for_each(|(value, node)| each_secret(value, node, found));
        }
        (Value::Object(values), _, Children::Mapping(nodes)) => {
            for (key, value) in values {
                if let Some((_, node)) = nodes.get(key) {
                    each_secret(value, node, found);
                }
            }
        }
        _ => {}
    }
}

fn expand(
    text: &str,
    resolve: &mut dyn FnMut(&str, &str) -> Result<String, String>,
) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, reference) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('$') {
            out += before;
            out += "${";
            rest = &reference[2..];
            continue;
        }
        out += before;
        let (inner, after) =
            reference[2..].split_once('}').ok_or_else(|| format!("\"{reference}\" has no end"))?;
        let (kind, name) = inner.split_once(':').ok_or_else(|| {
            format!("\"${{{inner}}}\" is not a reference like ${{env:NAME}} or ${{file:PATH}}")
        })?;
        out += &resolve(kind, name)?;
        rest = after;
    }
    Ok(out + rest)
}
