//! Our mark, where a target has room for a text: by it an account is ours, and by nothing else.

use crate::provision::connector::{Fault, Refusal};

/// What a mark begins with.
pub(super) const PREFIX: &str = "guestpass:";

/// The mark of the account with this external id.
pub(super) fn mark(external_id: &str) -> String {
    format!("{PREFIX}{external_id}")
}

/// The one of `found` that is ours; `found` is what has our mark, or the id by which our store remembers it. `told` names
/// one, as in `role "ada"`.
///
/// # Errors
/// [`Refusal::Conflict`] where several carry the mark, or the one that we remember does not carry it any more.
pub(super) fn ours<T>(
    found: Vec<T>,
    is_ours: impl Fn(&T) -> bool,
    told: impl Fn(&T) -> String,
) -> Result<Option<T>, Fault> {
    let (mut ours, others): (Vec<T>, Vec<T>) = found.into_iter().partition(is_ours);
    let said = match (ours.pop(), others.first()) {
        (Some(found), _) if ours.is_empty() => return Ok(Some(found)),
        (Some(_), _) => format!("{} accounts carry the same mark", ours.len() + 1),
        (None, Some(other)) => format!("{} no longer carries our mark, so we leave it alone", told(other)),
        (None, None) => return Ok(None),
    };
    Err(Fault::refused(Refusal::Conflict, said))
}
