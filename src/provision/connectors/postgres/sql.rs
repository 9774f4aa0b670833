//! Names and values as PostgreSQL reads them. Statements that define roles take no parameters, so what comes from outside
//! is quoted here, and nowhere else.

use crate::provision::connector::{Fault, Refusal};

/// The longest name, in bytes. The server would cut off the rest, and so might give one person another's role.
const LONGEST: usize = 63;

/// `name` as a quoted identifier.
///
/// # Errors
/// [`Refusal::Invalid`] for a name that no role can have.
pub(super) fn identifier(name: &str) -> Result<String, Fault> {
    let wrong = |why: &str| Fault::refused(Refusal::Invalid, format!("\"{name}\" cannot name a role: {why}"));
    match name {
        "" => Err(wrong("it is empty")),
        _ if name.len() > LONGEST => Err(wrong("it is longer than 63 bytes")),
        _ if name.contains('\0') => Err(wrong("it has a zero byte")),
        _ => Ok(format!("\"{}\"", name.replace('"', "\"\""))),
    }
}

/// `text` as a literal, which is read alike whatever `standard_conforming_strings` is.
///
/// # Errors
/// [`Refusal::Invalid`] for a text with a zero byte.
pub(super) fn literal(text: &str) -> Result<String, Fault> {
    if text.contains('\0') {
        return Err(Fault::refused(Refusal::Invalid, "a text cannot have a zero byte"));
    }
    Ok(format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_no_role_can_be_called_is_refused() {
        for name in ["", "a\0b", &"ä".repeat(32)] {
            assert!(identifier(name).is_err(), "{name}");
        }
        assert_eq!(identifier(&"ä".repeat(31)).unwrap().len(), 64);
    }

    proptest! {
        #[test]
        fn nothing_ends_what_is_quoted_but_its_end(text in "[a\"'\\\\\n ;-]{1,20}") {
            let quoted = identifier(&text).unwrap();
            let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap();
            prop_assert!(!inner.replace("\"\"", "").contains('"'));
            prop_assert_eq!(inner.replace("\"\"", "\""), text.clone());
            let literal = literal(&text).unwrap();
            let inner = literal.strip_prefix("E'").and_then(|rest| rest.strip_suffix('\'')).unwrap();
            let rest = inner.replace("\\\\", "").replace("''", "");
            prop_assert!(!rest.contains(['\'', '\\']));
        }
    }
}
