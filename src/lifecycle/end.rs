//! An operator ends a grant before its time.

use super::{Error, Lifecycle, Order};
use crate::account::{Because, Grant};
use crate::audit::Event;
use crate::names::GrantId;

impl Lifecycle {
    /// Ends a grant now.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is no such grant, [`Error::Invalid`] where it has ended already.
    pub async fn end_grant(&self, id: GrantId, order: &Order) -> Result<(), Error> {
        self.change_grant(id, order, |grant, now, _| {
            if !grant.is_live(now) {
                return Err(Error::Invalid(format!("grant {id} has ended already, at {}", grant.end.at)));
            }
            let event =
                Event::GrantEnded { grant: id, app: grant.terms.app.clone(), role: grant.terms.role.clone() };
            Ok((Grant::finish(grant, Because::Operator, now), event))
        })
        .await
    }
}
