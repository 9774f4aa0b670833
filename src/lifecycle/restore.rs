//! A person who was shut out may come in again, with what they still hold.

use super::{Error, Lifecycle, Order};
use crate::names::UserId;

impl Lifecycle {
    /// Lets a person in again whom [`Lifecycle::revoke`] shut out. Grants whose time ran out meanwhile stay ended.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is no such person, [`Error::Invalid`] where they are not shut out.
    pub async fn restore(&self, user: UserId, order: &Order) -> Result<(), Error> {
        self.set_revoked(user, false, order).await
    }
}
