//! That the admin API was called goes into the record by itself: what a call changes is recorded with the change.

use super::Lifecycle;
use crate::audit::{Actor, Entry, Event};
use crate::store::Error;
use serde_json::json;

impl Lifecycle {
    /// Records that `by` made this `call` so many `times`, and why it was refused, if it was.
    pub async fn called(
        &self,
        by: Actor,
        call: &str,
        refused: Option<&str>,
        times: u32,
    ) -> Result<(), Error> {
        let tx = self.inner().begin().await?;
        let (call, refused) = (call.to_owned(), refused.map(str::to_owned));
        tx.commit(&Entry {
            event: Event::ApiCalled { call, refused, times },
            actor: by,
            cause: String::new(),
            person: None,
            policy: None,
            personal: json!({}),
        })
        .await
    }
}
