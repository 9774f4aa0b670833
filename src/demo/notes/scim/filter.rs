//! The one comparison that is understood: `attribute eq value` (RFC 7644, section 3.4.2.2).

use super::refusal::Refusal;
use serde_json::Value;

/// `attribute eq value`, with the attribute as it was written.
#[derive(Debug, PartialEq)]
pub(super) struct Equals {
    pub(super) attribute: String,
    pub(super) value: Value,
}

impl Equals {
    /// Reads a filter.
    ///
    /// # Errors
    /// It is any other filter, or none.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let parts: Vec<&str> = text.trim().splitn(3, ' ').collect();
        match parts[..] {
            [attribute, operator, value] if operator.eq_ignore_ascii_case("eq") => {
                let value = serde_json::from_str(value.trim()).map_err(|_| unsupported(text))?;
                Ok(Self { attribute: attribute.to_owned(), value })
            }
            _ => Err(unsupported(text)),
        }
    }

    /// The value, if it is a text and the attribute is called `name` (case does not count).
    pub(super) fn text_of(&self, name: &str) -> Option<&str> {
        self.value.as_str().filter(|_| self.attribute.eq_ignore_ascii_case(name))
    }
}

pub(super) fn unsupported(text: &str) -> Refusal {
    Refusal::invalid("invalidFilter", format!("the filter \"{text}\" is not supported"))
}
