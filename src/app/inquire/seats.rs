//! Who needs the seats that are taken. The gateway saw every request, so it knows.

use super::Inquire;
use crate::admin::Seats;
use crate::names::{TargetName, UserId};
use crate::provision::target::Seat;
use crate::store;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

impl Inquire {
    /// The seats of every target. What was not used for `unused` is idle.
    pub(super) async fn seats(&self, unused: SignedDuration) -> Result<Vec<Seats>, store::Error> {
        let since = self.clock.now().checked_sub(unused).unwrap_or(Timestamp::MIN);
        let (targets, apps) = (self.targets.borrow().clone(), self.apps.borrow().clone());
        let mut last: BTreeMap<(TargetName, UserId), Option<Timestamp>> = BTreeMap::new();
        for (target, app, user, used) in self.store.last_uses().await? {
            if apps.get(&app) == Some(&target) {
                let known = last.entry((target, user)).or_default();
                *known = (*known).max(used);
            }
        }
        let mut seats = Vec::new();
        for (name, open) in self.store.open_accounts().await? {
            let Some(target) = targets.get(&name) else { continue };
            let uses = last.iter().filter(|((of, _), _)| *of == name).filter_map(|(_, used)| *used);
            let (used, idle) =
                uses.fold(
                    (0, 0),
                    |(used, idle), at| {
                        if at >= since { (used + 1, idle) } else { (used, idle + 1) }
                    },
                );
            let never = open.saturating_sub(used + idle);
            let seat = target.treatment.seat.clone();
            let price = |seat: &Seat| {
                let hundredths = seat.hundredths.saturating_mul(idle + never);
                String::from(Seat { hundredths, ..seat.clone() })
            };
            seats.push(Seats {
                target: name,
                open,
                used,
                idle,
                never,
                reclaimable: seat.as_ref().map(price),
                seat: seat.map(String::from),
            });
        }
        Ok(seats)
    }
}
