//! An operator says what nobody else can know or answer for: whose an account is, and that much is meant to be taken.

use super::{Error, Lifecycle, Order};
use crate::audit::{Entry, Event};
use crate::names::{AccountId, TargetName};
use crate::store::Verdict;
use serde_json::json;

impl Lifecycle {
    /// Says which account in its target is to be a person's account, or that a new one is to be made; `among_shown`: only
    /// where somebody has to say so, and one of those that were found.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is no such account; [`Error::Invalid`] where it is not among those.
    pub async fn decide(
        &self,
        id: AccountId,
        verdict: &Verdict,
        among_shown: bool,
        order: &Order,
    ) -> Result<(), Error> {
        let mut tx = self.inner().begin().await?;
        let missing = || Error::NotFound("account", id.to_string());
        if among_shown {
            let shown = tx.undecided(id).await?.ok_or_else(|| {
                Error::Invalid(format!("account {id} is not undecided; an admin may say whose it is"))
            })?;
            let is_shown = |id: &String| shown.iter().any(|candidate| candidate.native_id == *id);
            if let Verdict::Adopt(native_id) = verdict
                && !is_shown(native_id)
            {
                let words = format!("\"{native_id}\" is none of those that were found; an admin may say so");
                return Err(Error::Invalid(words));
            }
        }
        let (vault, target) = tx.decide(id, verdict).await?.ok_or_else(missing)?;
        let native_id = match verdict {
            Verdict::Create => None,
            Verdict::Adopt(native_id) => Some(native_id),
        };
        let entry = Entry {
            event: Event::AccountDecided { account: id, target, adopted: native_id.is_some() },
            actor: order.actor(),
            cause: order.why.clone(),
            person: Some(vault),
            policy: None,
            personal: json!({ "native_id": native_id }),
        };
        tx.commit(&entry).await?;
        Ok(())
    }

    /// Lets a target take what it was to take until now, however many lose by it.
    ///
    /// # Errors
    /// [`Error::NotFound`] where no app has its accounts there.
    pub async fn confirm_target(&self, target: &TargetName, order: &Order) -> Result<(), Error> {
        let inner = self.inner();
        if !inner.rules.targets.values().any(|known| known == target) {
            return Err(Error::NotFound("target", target.to_string()));
        }
        let mut tx = inner.begin().await?;
        tx.confirm_target(target).await?;
        let entry = Entry {
            event: Event::TargetConfirmed { target: target.clone() },
            actor: order.actor(),
            cause: order.why.clone(),
            person: None,
            policy: None,
            personal: json!({}),
        };
        tx.commit(&entry).await?;
        Ok(())
    }
}
