//! What becomes of a security event, however it came.

use super::counts::{Counts, Way};
use crate::identity::{Effect, SecurityEvent};
use crate::issuer::{Issuer, NotReceived, Transmitter};
use crate::lifecycle::{Heard, Lifecycle, Signal};
use crate::store;
use jiff::SignedDuration;

/// For how long a copy of an event is known for one. Later it could do no harm either: it ends nothing that began after it.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Why an event was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotTaken {
    #[error(transparent)]
    NotReceived(#[from] NotReceived),
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Takes an event: what follows from it has happened when this returns.
pub(super) async fn take(
    lifecycle: &Lifecycle,
    counts: &Counts,
    way: Way,
    issuer: &Issuer,
    transmitter: &Transmitter,
    token: &str,
) -> Result<(), NotTaken> {
    let event = match transmitter.receive(token).await {
        Ok(event) => event,
        Err(error) => {
            let provider = issuer.name();
            tracing::warn!(%provider, %error, "security event not taken");
            if matches!(error, NotReceived::Doubt(_)) {
                counts.refused(way);
            }
            return Err(error.into());
        }
    };
    let SecurityEvent { id, issued, whose, said, effect } = &event;
    if *effect != Effect::Nothing && whose.is_none() {
        tracing::warn!(provider = %issuer.name(), said, "nobody can be found by what this event says");
    }
    let signal = Signal {
        provider: issuer.name(),
        issuer: issuer.issuer(),
        said,
        effect: *effect,
        whose: whose.as_ref(),
        id: *id,
        issued: *issued,
        remember: issued.checked_add(REMEMBERED).unwrap_or(*issued),
    };
    let heard: Heard = lifecycle.signal(&signal).await?;
    counts.heard(way, heard);
    Ok(())
}
