//! YAML events into a value and the places of its parts.

use super::{Children, Node, Place};
use saphyr::{Scalar, ScalarStyle};
use saphyr_parser::{Event, Parser, Span, Tag};
use serde_json::{Map, Number, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;

const MAX_DEPTH: usize = 64;

type Wrong = (Place, String);

/// What is being read: a list, or a mapping with the key whose value comes next.
enum Open {
    List(Place, Vec<Value>, Vec<Node>),
    Mapping(Place, Map<String, Value>, BTreeMap<String, (Place, Node)>, Option<(String, Place)>),
}

/// Reads one document; an empty text is null.
pub(super) fn parse(text: &str) -> Result<(Value, Node), Wrong> {
    let mut open: Vec<Open> = Vec::new();
    let mut root = None;
    // Events rather than saphyr's own tree: that one recurses without bound and lets duplicate keys pass.
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let (line, column) = (error.marker().line(), error.marker().col() + 1);
            (Place { line, column, width: 1 }, format!("not YAML: {}", error.info()))
        })?;
        let here = place(span);
        let done = match event {
            Event::DocumentStart(_) if root.is_some() => {
                return Err((here, "a file holds one document, this starts another".to_owned()));
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => continue,
            Event::Alias(_) => return Err((here, "aliases are not supported".to_owned())),
            Event::SequenceStart(anchor, tag) => {
                plain(anchor, tag.as_ref(), here)?;
                open.push(Open::List(here, Vec::new(), Vec::new()));
                bounded(&open, here)?;
                continue;
            }
            Event::MappingStart(anchor, tag) => {
                plain(anchor, tag.as_ref(), here)?;
                open.push(Open::Mapping(here, Map::new(), BTreeMap::new(), None));
                bounded(&open, here)?;
                continue;
            }
            Event::Scalar(written, style, anchor, tag) => {
                plain(anchor, None, here)?;
                if let Some(Open::Mapping(_, entries, _, key @ None)) = open.last_mut() {
                    if entries.contains_key(&*written) {
                        return Err((here, format!("\"{written}\" is given twice")));
                    }
                    *key = Some((written.into_owned(), here));
                    continue;
                }
                (scalar(written, style, tag.as_ref(), here)?, Node::new(here, Children::None))
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(start, values, nodes)) => {
                    (Value::Array(values), Node::new(until(start, span), Children::List(nodes)))
                }
                Some(Open::Mapping(start, values, nodes, _)) => {
                    (Value::Object(values), Node::new(until(start, span), Children::Mapping(nodes)))
                }
                None => continue,
            },
        };
        attach(&mut open, &mut root, done)?;
    }
    Ok(root.unwrap_or((Value::Null, Node::new(Place { line: 1, column: 1, width: 1 }, Children::None))))
}

fn attach(open: &mut [Open], root: &mut Option<(Value, Node)>, done: (Value, Node)) -> Result<(), Wrong> {
    let (value, node) = done;
    match open.last_mut() {
        None => *root = Some((value, node)),
        Some(Open::List(_, values, nodes)) => {
            values.push(value);
            nodes.push(node);
        }
        Some(Open::Mapping(_, values, nodes, key)) => {
            let Some((key, place)) = key.take() else {
                return Err((node.place, "a key is a plain text".to_owned()));
            };
            values.insert(key.clone(), value);
            nodes.insert(key, (place, node));
        }
    }
    Ok(())
}

fn bounded(open: &[Open], place: Place) -> Result<(), Wrong> {
    if open.len() <= MAX_DEPTH { Ok(()) } else { Err((place, format!("more than {MAX_DEPTH} levels"))) }
}

fn plain(anchor: usize, tag: Option<&Cow<'_, Tag>>, place: Place) -> Result<(), Wrong> {
    match tag {
        _ if anchor > 0 => Err((place, "anchors are not supported".to_owned())),
        Some(tag) => Err((place, format!("the tag {tag} is not supported"))),
        None => Ok(()),
    }
}

fn scalar(
    written: Cow<'_, str>,
    style: ScalarStyle,
    tag: Option<&Cow<'_, Tag>>,
    place: Place,
) -> Result<Value, Wrong> {
    let refused = (place, format!("\"{written}\" is not supported"));
    match Scalar::parse_from_cow_and_metadata(written, style, tag) {
        Some(Scalar::Null) => Ok(Value::Null),
        Some(Scalar::Boolean(value)) => Ok(value.into()),
        Some(Scalar::Integer(value)) => Ok(value.into()),
        Some(Scalar::FloatingPoint(value)) => Number::from_f64(*value).map(Value::Number).ok_or(refused),
        Some(Scalar::String(value)) => Ok(value.into()),
        None => Err(refused),
    }
}

/// Where a span starts, and how far it goes on that line; across lines only its start is marked.
fn place(span: Span) -> Place {
    let start = Place { line: span.start.line(), column: span.start.col() + 1, width: 1 };
    until(start, span)
}

/// `start`, widened to the end of `span` if that is on the same line.
fn until(start: Place, span: Span) -> Place {
    let end = span.end.col() + 1;
    let width = if span.end.line() == start.line { end.saturating_sub(start.column).max(1) } else { 1 };
    Place { width, ..start }
}
