//! Expressions: what a description asks of what is known. The only file that knows the interpreter, minijinja.

use super::known::Known;
use super::path::Path;
use crate::seal;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use minijinja::{Environment, UndefinedBehavior};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, LazyLock};

/// How much work one expression may be, in the interpreter's own units: some thousand times what any needs.
const FUEL: u64 = 1_000_000;

static WORDS: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut words = Environment::new();
    // A name that is not there is a mistake, and not an empty text in an address.
    words.set_undefined_behavior(UndefinedBehavior::Strict);
    words.set_fuel(Some(FUEL));
    words.add_function("random_password", || URL_SAFE_NO_PAD.encode(seal::random_bytes()));
    words.add_filter("cut", |text: String, most: usize| text.chars().take(most).collect::<String>());
    words.add_filter("quoted", |text: String| Value::from(text).to_string());
    words.add_filter("slug", |text: String| slug(&text));
    words.add_filter("without", |text: String, start: String| {
        text.strip_prefix(start.as_str()).unwrap_or(&text).to_owned()
    });
    words
});

/// An expression (minijinja), or a path into the answer where it begins with `/`.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub(super) struct Expression {
    written: Arc<str>,
    means: Means,
}

#[derive(Clone)]
enum Means {
    Path(Arc<Path>),
    Words(Arc<minijinja::Expression<'static, 'static>>),
}

impl Expression {
    /// What it comes to; nothing is `null`.
    ///
    /// # Errors
    /// Where it names what is not there, or cannot be worked out otherwise: the reason, in words.
    pub(super) fn value(&self, known: &Known) -> Result<Value, String> {
        let failed = |why: &dyn fmt::Display| format!("\"{}\" cannot be worked out: {why}", self.written);
        match &self.means {
            Means::Path(path) => path.value(known).map_err(|why| failed(&why)),
            Means::Words(words) => {
                let value = words.eval(known.context()).map_err(|error| failed(&error))?;
                if value.is_undefined() {
                    return Ok(Value::Null);
                }
                serde_json::to_value(value).map_err(|error| failed(&error))
            }
        }
    }

    /// Whether what it comes to counts as true: not nothing, not false, not empty, not 0.
    pub(super) fn holds(&self, known: &Known) -> Result<bool, String> {
        Ok(match self.value(known)? {
            Value::Null => false,
            Value::Bool(holds) => holds,
            Value::Number(number) => number.as_f64() != Some(0.0),
            Value::String(text) => !text.is_empty(),
            Value::Array(list) => !list.is_empty(),
            Value::Object(members) => !members.is_empty(),
        })
    }

    /// What it names, members and all: `settings.team` is `settings.team`.
    pub(super) fn names(&self) -> BTreeSet<String> {
        match &self.means {
            Means::Path(path) => path.names(),
            // What the interpreter itself has is declared nowhere.
            Means::Words(words) => words
                .undeclared_variables(true)
                .into_iter()
                .filter(|name| !["random_password", "range", "dict"].contains(&name.as_str()))
                .collect(),
        }
    }
}

impl TryFrom<String> for Expression {
    type Error = String;

    fn try_from(written: String) -> Result<Self, String> {
        let means = if written.starts_with('/') {
            Means::Path(Path::parse(&written)?.into())
        } else {
            // The interpreter does not tell what they name, so nothing could be checked.
            if has_slice(&written) {
                return Err(format!("\"{written}\" takes a slice: write | cut(8), or | without(\"start\")"));
            }
            let words = WORDS.compile_expression_owned(written.clone());
            let words = words.map_err(|error| format!("\"{written}\" is no expression: {error}"))?;
            Means::Words(words.into())
        };
        Ok(Self { written: written.into(), means })
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.written)
    }
}

/// A value as text; nothing, a list and a mapping are none.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Whether a colon stands directly between square brackets, as in `name[:8]`.
fn has_slice(text: &str) -> bool {
    let (mut open, mut quote) = (Vec::new(), None);
    for letter in text.chars() {
        match letter {
            _ if quote == Some(letter) => quote = None,
            _ if quote.is_some() => {}
            '"' | '\'' => quote = Some(letter),
            '[' | '{' | '(' => open.push(letter),
            ']' | '}' | ')' => drop(open.pop()),
            ':' if open.last() == Some(&'[') => return true,
            _ => {}
        }
    }
    false
}

/// What is left of a text where a name may hold lower-case letters, digits, `.`, `_` and `-` alone.
fn slug(text: &str) -> String {
    let plain = |letter: char| match letter.to_ascii_lowercase() {
        letter if letter.is_ascii_alphanumeric() || "._-".contains(letter) => letter,
        _ => '-',
    };
    text.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn value(expression: &str, known: &Known) -> Result<Value, String> {
        Expression::try_from(expression.to_owned())?.value(known)
    }

    #[test]
    fn what_is_not_there_is_a_mistake_and_not_an_empty_text() {
        let known = Known::default().with("account", json!({ "locked": true }));
        assert_eq!(value("not account.locked", &known), Ok(json!(false)));
        assert_eq!(value("account.name", &known), Ok(Value::Null));
        for wrong in
            ["not account.loked", "acount.locked", "account.a.b", "1 +", "'a' | upper_case", "'abc'[:1]"]
        {
            assert!(value(wrong, &known).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_expression_has_an_end() {
        let endless = "range(100000) | map('string') | join(range(100000) | join('x'))";
        assert!(value(endless, &Known::default()).unwrap_err().contains("fuel"));
    }

    #[test]
    fn names_are_told_with_their_members() {
        let names = |text: &str| Expression::try_from(text.to_owned()).unwrap().names();
        assert_eq!(
            names("settings.team in account.groups"),
            ["settings.team", "account.groups"].map(str::to_owned).into()
        );
        assert_eq!(names("/teams/[name={{ group }}]/id"), ["group"].map(str::to_owned).into());
        assert!(names("random_password()").is_empty());
    }

    #[test]
    fn a_slice_is_told_from_a_mapping() {
        for slice in ["a[:1]", "(a | b)[1:]", "a[b[0]:c]", "{'x': a[1:2]}"] {
            assert!(has_slice(slice), "{slice}");
        }
        for none in ["[{'a': b}]", "a['b:c']", "{'a': [b]}", "a[0]", "'[:]'"] {
            assert!(!has_slice(none), "{none}");
        }
    }

    #[test]
    fn names_are_made_plain() {
        assert_eq!(slug("Ada.L+x@Ä.example"), "ada.l-x--.example");
        let value = |text: &str| value(text, &Known::default());
        assert_eq!(value("'a\"b' | quoted"), Ok(json!("\"a\\\"b\"")));
        assert_eq!(value("'äbc' | cut(2)"), Ok(json!("äb")));
        assert_eq!(value("'gp:1' | without('gp:') ~ ('x' | without('gp:'))"), Ok(json!("1x")));
    }
}
