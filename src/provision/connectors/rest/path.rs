//! Paths into an answer: JSON Pointer (RFC 6901), and two steps more. `*` is every item of a list, `[name=x]` the item
//! whose `name` is `x`. `/` alone is the whole answer.

use super::expression::text;
use super::known::Known;
use super::template::Template;
use serde_json::Value;
use std::collections::BTreeSet;

/// A path; what is not there is `null`.
pub(super) struct Path(Vec<Step>);

enum Step {
    Member(String),
    Every,
    Where(String, Template),
}

impl Path {
    /// Reads a path, which begins with `/`.
    pub(super) fn parse(written: &str) -> Result<Self, String> {
        let steps = split(written.strip_prefix('/').unwrap_or(written));
        let steps = steps.into_iter().filter(|_| written != "/").map(|step| match step {
            "*" => Ok(Step::Every),
            _ => match step.strip_prefix('[').and_then(|step| step.strip_suffix(']')) {
                Some(inner) => {
                    let (member, value) = inner
                        .split_once('=')
                        .ok_or_else(|| format!("\"{step}\" in a path is written like [name=value]"))?;
                    Ok(Step::Where(member.to_owned(), Template::try_from(value.to_owned())?))
                }
                None => Ok(Step::Member(step.replace("~1", "/").replace("~0", "~"))),
            },
        });
        steps.collect::<Result<_, String>>().map(Self)
    }

    /// What lies there in the answer.
    ///
    /// # Errors
    /// Where a value to compare with cannot be worked out.
    pub(super) fn value(&self, known: &Known) -> Result<Value, String> {
        walk(&self.0, known.answer(), known)
    }

    pub(super) fn names(&self) -> BTreeSet<String> {
        let named =
            |step: &Step| if let Step::Where(_, value) = step { value.names() } else { BTreeSet::new() };
        self.0.iter().flat_map(named).collect()
    }
}

fn walk(steps: &[Step], here: &Value, known: &Known) -> Result<Value, String> {
    let Some((step, rest)) = steps.split_first() else { return Ok(here.clone()) };
    let items = || here.as_array().map(Vec::as_slice).unwrap_or_default().iter();
    let next = match step {
        Step::Member(name) => match here {
            Value::Array(items) => name.parse::<usize>().ok().and_then(|index| items.get(index)),
            _ => here.get(name),
        },
        Step::Where(member, value) => {
            let wanted = value.text(known)?;
            items().find(|item| item.get(member).and_then(text).as_ref() == Some(&wanted))
        }
        Step::Every => {
            let found: Vec<Value> = items().map(|item| walk(rest, item, known)).collect::<Result<_, _>>()?;
            return Ok(found.into_iter().filter(|value| !value.is_null()).collect());
        }
    };
    next.map_or(Ok(Value::Null), |next| walk(rest, next, known))
}

/// The steps of a path: what stands in brackets may hold a slash.
fn split(path: &str) -> Vec<&str> {
    let (mut steps, mut from, mut inside) = (Vec::new(), 0, false);
    for (at, letter) in path.char_indices() {
        match letter {
            '[' if at == from => inside = true,
            ']' => inside = false,
            '/' if !inside => {
                steps.push(&path[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    steps.push(&path[from..]);
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_there_is_found_and_what_is_not_is_nothing() {
        let answer = json!({ "teams": [{ "name": "a/b", "id": 7 }, { "name": "c", "id": 8 }, { "id": 9 }], "x/y": true });
        let known = Known::default().with("group", json!("a/b")).answered(answer.clone());
        let at = |path: &str| Path::parse(path).unwrap().value(&known).unwrap();
        assert_eq!(at("/"), answer);
        assert_eq!(at("/teams/1/id"), json!(8));
        assert_eq!(at("/teams/*/name"), json!(["a/b", "c"]));
        assert_eq!(at("/teams/[name={{ group }}]/id"), json!(7));
        assert_eq!(at("/teams/[id=8]/name"), json!("c"));
        assert_eq!(at("/x~1y"), json!(true));
        for nothing in ["/teams/3", "/teams/[name=d]/id", "/team", "/teams/name", "/x~1y/z"] {
            assert_eq!(at(nothing), Value::Null, "{nothing}");
        }
        assert!(Path::parse("/teams/[name]").is_err());
    }
}
