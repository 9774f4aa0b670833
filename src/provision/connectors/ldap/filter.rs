//! Search filters (RFC 4515) and names (RFC 4514) out of values from elsewhere.

use crate::provision::connector::{Fault, Refusal};
use ldap3::{dn_escape, ldap_escape};

/// Whose `attribute` has this value.
pub(super) fn equals(attribute: &str, value: &str) -> String {
    format!("({attribute}={})", ldap_escape(value))
}

/// The name of the entry below `parent` whose `attribute` has this value.
pub(super) fn below(parent: &str, attribute: &str, value: &str) -> String {
    format!("{},{parent}", rdn(attribute, value))
}

/// The first part of such a name.
pub(super) fn rdn(attribute: &str, value: &str) -> String {
    format!("{attribute}={}", dn_escape(value))
}

/// `name`, if it can be that of an attribute (RFC 4512, section 2.5).
///
/// # Errors
/// [`Refusal::Invalid`], as the rest of a filter could be in it.
pub(super) fn attribute(name: &str) -> Result<&str, Fault> {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ';'));
    if plain && !name.is_empty() {
        return Ok(name);
    }
    Err(Fault::refused(Refusal::Invalid, format!("\"{name}\" is not the name of an attribute")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Values as a server reads them out of a filter: `\` and two digits are a byte.
    fn read(escaped: &str) -> Vec<u8> {
        let (mut bytes, mut rest) = (Vec::new(), escaped.as_bytes());
        while let [first, tail @ ..] = rest {
            rest = tail;
            if *first == b'\\' {
                bytes.push(u8::from_str_radix(std::str::from_utf8(&tail[..2]).unwrap(), 16).unwrap());
                rest = &tail[2..];
            } else {
                bytes.push(*first);
            }
        }
        bytes
    }

    proptest! {
        #[test]
        fn a_value_never_ends_its_filter(value in "[a*()\\\\\0=,ä ]{0,20}") {
            let filter = equals("uid", &value);
            let inner = filter.strip_prefix("(uid=").and_then(|rest| rest.strip_suffix(')')).unwrap();
            prop_assert!(!inner.contains(['(', ')', '*', '\0']));
            prop_assert_eq!(read(inner), value.as_bytes());
        }

        #[test]
        fn a_value_never_ends_its_part_of_a_name(value in "[a,+\"\\\\<>;=#\0ä ]{1,20}") {
            let name = below("dc=x", "uid", &value);
            let inner = name.strip_prefix("uid=").and_then(|rest| rest.strip_suffix(",dc=x")).unwrap();
            prop_assert!(!inner.contains([',', '+', '"', '<', '>', ';', '=', '\0']));
            prop_assert!(!inner.starts_with([' ', '#']) && !inner.ends_with(' '));
            prop_assert_eq!(read(inner), value.as_bytes());
        }
    }

    #[test]
    fn an_attribute_is_a_word() {
        for name in ["uid", "x-y", "1.2.3", "cn;lang-de"] {
            assert!(attribute(name).is_ok(), "{name}");
        }
        for name in ["", "a=b)(uid", "a b", "ü"] {
            assert!(attribute(name).is_err(), "{name}");
        }
    }
}
