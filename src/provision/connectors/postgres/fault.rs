//! What PostgreSQL's errors mean (SQLSTATE, appendix A of its manual).

use crate::causes::Causes;
use crate::provision::connector::{Fault, Refusal, words};
use sqlx::Error;
use sqlx::postgres::{PgDatabaseError, PgSeverity};

/// Of a look, or of what was sent to nobody yet: nothing was changed.
pub(super) fn before(error: &Error) -> Fault {
    match database(error) {
        Some(error) => said(error),
        None => Fault::transient(Causes(error).to_string()),
    }
}

/// Of a change. A server that says an error has done nothing, unless it says that it goes down; one that says nothing may
/// have.
pub(super) fn after(error: &Error) -> Fault {
    match database(error) {
        Some(error) if !is_leaving(error.code()) => said(error),
        _ => Fault::Unknown(words(&Causes(error).to_string())),
    }
}

/// Whether the session goes on after it.
pub(super) fn is_survived(error: &Error) -> bool {
    let ends = |error: &PgDatabaseError| matches!(error.severity(), PgSeverity::Fatal | PgSeverity::Panic);
    database(error).is_some_and(|error| !ends(error))
}

fn database(error: &Error) -> Option<&PgDatabaseError> {
    error.as_database_error()?.try_downcast_ref()
}

/// admin_shutdown, crash_shutdown, and the connection exceptions.
fn is_leaving(code: &str) -> bool {
    matches!(code, "57P01" | "57P02") || code.starts_with("08")
}

fn said(error: &PgDatabaseError) -> Fault {
    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    fault(error.code(), format!("{} ({}){detail}", error.message(), error.code()))
}

fn fault(code: &str, said: String) -> Fault {
    match code {
        // Our role, its password, or what pg_hba.conf says of it.
        code if code.starts_with("28") => Fault::AuthFailed(words(&said)),
        "42501" => Fault::refused(Refusal::Forbidden, said),
        // duplicate_object; unique_violation, where two create at once; dependent_objects_still_exist.
        "42710" | "23505" | "2BP01" => Fault::refused(Refusal::Conflict, said),
        // lock_not_available, query_canceled by our own limits, object_in_use, read_only_sql_transaction while a standby
        // is not yet a primary, and "tuple concurrently updated", which has no code of its own.
        "55P03" | "57014" | "55006" | "25006" | "XX000" => Fault::transient(said),
        // Connections, resources (too_many_connections), serialization and deadlocks, the server starting or stopping, the
        // disk.
        code if ["08", "53", "40", "57P", "58"].iter().any(|class| code.starts_with(class)) => {
            Fault::transient(said)
        }
        _ => Fault::refused(Refusal::Invalid, said),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_has_its_meaning() {
        let of = |code: &str| fault(code, "no".into());
        for code in ["28P01", "28000"] {
            assert!(matches!(of(code), Fault::AuthFailed(_)), "{code}");
        }
        for code in ["08006", "53300", "40001", "40P01", "57P03", "55006", "57014", "25006", "58030"] {
            assert!(matches!(of(code), Fault::Transient { .. }), "{code}");
        }
        for (code, why) in [
            ("42501", Refusal::Forbidden),
            ("42710", Refusal::Conflict),
            ("2BP01", Refusal::Conflict),
            ("42704", Refusal::Invalid),
            ("42939", Refusal::Invalid),
            ("3D000", Refusal::Invalid),
            ("0LP01", Refusal::Invalid),
        ] {
            assert_eq!(of(code), Fault::refused(why, "no"), "{code}");
        }
        assert!(is_leaving("57P01") && is_leaving("08003") && !is_leaving("57014"));
    }

    #[test]
    fn a_change_without_an_answer_may_have_been_made() {
        let lost = Error::Io(std::io::ErrorKind::ConnectionReset.into());
        assert!(matches!(after(&lost), Fault::Unknown(_)));
        assert!(matches!(before(&lost), Fault::Transient { .. }));
    }
}
