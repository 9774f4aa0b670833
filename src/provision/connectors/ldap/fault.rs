//! What a directory's result codes mean (RFC 4511, appendix A).

use crate::provision::connector::{Fault, Refusal, words};
use ldap3::{LdapError, LdapResult};

pub(super) const NO_SUCH_ATTRIBUTE: u32 = 16;
pub(super) const CONSTRAINT_VIOLATION: u32 = 19;
pub(super) const ATTRIBUTE_OR_VALUE_EXISTS: u32 = 20;
pub(super) const NO_SUCH_OBJECT: u32 = 32;
pub(super) const UNWILLING: u32 = 53;
pub(super) const OBJECT_CLASS_VIOLATION: u32 = 65;
pub(super) const ENTRY_ALREADY_EXISTS: u32 = 68;

/// What an answer means that is no success.
pub(super) fn answered(result: &LdapResult) -> Fault {
    let LdapResult { rc, text, refs, .. } = result;
    let said = format!("answers {rc} ({}): {text}", word(*rc));
    let said = said.trim_end_matches(": ");
    match *rc {
        10 => {
            let to = refs.join(", ");
            Fault::refused(Refusal::Invalid, format!("sends us to another server, where we do not go: {to}"))
        }
        // Which way of signing in, or how well secured, is as much a matter of credentials as the password.
        7 | 8 | 13 | 14 | 48 | 49 => Fault::AuthFailed(words(said)),
        50 => Fault::refused(Refusal::Forbidden, said),
        CONSTRAINT_VIOLATION | ENTRY_ALREADY_EXISTS | 66 => Fault::refused(Refusal::Conflict, said),
        // operationsError, timeLimitExceeded, busy, unavailable, other.
        1 | 3 | 51 | 52 | 80 => Fault::transient(said),
        _ => Fault::refused(Refusal::Invalid, said),
    }
}

/// What it means that no answer came. A change that never left did nothing; one that did may have.
pub(super) fn unanswered(error: &LdapError, change: bool) -> Fault {
    let said = error.to_string();
    match error {
        LdapError::LdapResult { result } => answered(result),
        LdapError::OpSend { .. } => Fault::transient(said),
        LdapError::AddNoValues | LdapError::FilterParsing => Fault::refused(Refusal::Invalid, said),
        _ if change => Fault::Unknown(words(&said)),
        _ => Fault::transient(said),
    }
}

/// The code's name, for those that operators meet.
fn word(code: u32) -> &'static str {
    match code {
        1 => "operationsError",
        3 => "timeLimitExceeded",
        4 => "sizeLimitExceeded",
        8 => "strongerAuthRequired",
        11 => "adminLimitExceeded",
        13 => "confidentialityRequired",
        16 => "noSuchAttribute",
        17 => "undefinedAttributeType",
        19 => "constraintViolation",
        20 => "attributeOrValueExists",
        21 => "invalidAttributeSyntax",
        32 => "noSuchObject",
        34 => "invalidDNSyntax",
        48 => "inappropriateAuthentication",
        49 => "invalidCredentials",
        50 => "insufficientAccessRights",
        51 => "busy",
        52 => "unavailable",
        53 => "unwillingToPerform",
        64 => "namingViolation",
        65 => "objectClassViolation",
        66 => "notAllowedOnNonLeaf",
        67 => "notAllowedOnRDN",
        68 => "entryAlreadyExists",
        _ => "see RFC 4511",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rc: u32) -> Fault {
        let refs = vec!["ldap://other.example.com".to_owned()];
        answered(&LdapResult { rc, matched: String::new(), text: "no".into(), refs, ctrls: vec![] })
    }

    #[test]
    fn each_code_has_its_meaning() {
        for code in [48, 49, 8, 13] {
            assert!(matches!(of(code), Fault::AuthFailed(_)), "{code}");
        }
        for code in [1, 3, 51, 52, 80] {
            assert!(matches!(of(code), Fault::Transient { .. }), "{code}");
        }
        for (code, expected) in [
            (50, Refusal::Forbidden),
            (68, Refusal::Conflict),
            (19, Refusal::Conflict),
            (53, Refusal::Invalid),
            (65, Refusal::Invalid),
            (4, Refusal::Invalid),
            (11, Refusal::Invalid),
        ] {
            assert!(matches!(of(code), Fault::Refused { why, .. } if why == expected), "{code}");
        }
        assert_eq!(of(50).to_string(), "refused: answers 50 (insufficientAccessRights): no");
        assert!(of(10).to_string().ends_with("where we do not go: ldap://other.example.com"));
    }

    #[test]
    fn a_change_without_an_answer_may_have_been_made() {
        let lost = || LdapError::from(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
        assert!(matches!(unanswered(&lost(), true), Fault::Unknown(_)));
        assert!(matches!(unanswered(&lost(), false), Fault::Transient { .. }));
    }
}
