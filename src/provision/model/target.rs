//! A target that does the worst: it loses answers, takes effect late, throttles and lies.

use crate::account::{Actual, Desired, Step};
use crate::provision::connector::{Abilities, Call, Connector, Fault, Key, Refusal, RetryAfter};
use futures_util::future::BoxFuture;
use jiff::SignedDuration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::task::Poll;

/// The name of an account that is somebody else's.
pub(super) const STRANGER: &str = "stranger";

#[derive(Debug, Clone, Copy)]
pub(super) enum Mishap {
    None,
    /// A write takes effect; its answer is lost.
    LostAfter,
    /// A write's answer is lost; it takes effect later, or never.
    LostBefore,
    Transient,
    Throttled,
    AuthFailed,
    /// "Done", it says, and did nothing.
    Lie,
}

/// The accounts of a target by external id, and what became of calls.
#[derive(Default)]
pub(super) struct Accounts {
    pub(super) ours: BTreeMap<String, Actual>,
    /// How often each was created since it was last deleted.
    pub(super) created: BTreeMap<String, usize>,
    /// Who is signed in there, since we let them.
    pub(super) sessions: BTreeSet<String>,
    pub(super) late: Vec<(Key, Step)>,
    pub(super) mishap: Option<Mishap>,
}

impl Accounts {
    pub(super) fn actual(&self, external_id: &str) -> Actual {
        self.ours.get(external_id).cloned().unwrap_or(Actual::Absent)
    }

    /// Takes effect, as a server does that keeps names and external ids unique.
    pub(super) fn apply(&mut self, key: &Key, step: &Step) -> Result<Option<String>, Fault> {
        let before = self.actual(&key.external_id);
        let name = match step {
            Step::Create(profile) | Step::Update { profile, .. } => Some(profile.user_name.as_str()),
            _ => None,
        };
        if name == Some(STRANGER) {
            return Err(Fault::refused(Refusal::Conflict, "that name is taken"));
        }
        if let Step::Create(_) = step {
            if before == Actual::Absent {
                *self.created.entry(key.external_id.clone()).or_default() += 1;
                self.ours.insert(key.external_id.clone(), before.after(step));
                self.sessions.insert(key.external_id.clone());
            }
        } else if before != Actual::Absent {
            self.ours.insert(key.external_id.clone(), before.after(step));
        }
        match step {
            Step::Enable { .. } => drop(self.sessions.insert(key.external_id.clone())),
            Step::EndSessions { .. } => drop(self.sessions.remove(&key.external_id)),
            Step::Delete { .. } => {
                self.sessions.remove(&key.external_id);
                self.created.remove(&key.external_id);
            }
            _ => {}
        }
        Ok(None)
    }

    fn fault(&mut self) -> Result<Option<Mishap>, Fault> {
        match self.mishap.take() {
            Some(Mishap::Transient) => Err(Fault::transient("503")),
            Some(Mishap::Throttled) => {
                Err(Fault::Throttled(Some(RetryAfter::In(SignedDuration::from_secs(9)))))
            }
            Some(Mishap::AuthFailed) => Err(Fault::AuthFailed("401".into())),
            other => Ok(other),
        }
    }
}

pub(super) struct Target(pub(super) Arc<Mutex<Accounts>>);

impl Connector for Target {
    fn abilities(&self) -> Abilities {
        Abilities { delete: true, sessions: true, ..Abilities::default() }
    }

    fn calls(&self, _: &Step) -> Vec<Call> {
        Vec::new()
    }

    fn observe<'a>(&'a self, key: &'a Key, _: &'a Desired) -> BoxFuture<'a, Result<Actual, Fault>> {
        Box::pin(async {
            pause().await;
            let seen = {
                let mut accounts = self.0.lock().unwrap();
                accounts.fault()?;
                accounts.actual(&key.external_id)
            };
            pause().await;
            Ok(seen)
        })
    }

    fn apply<'a>(&'a self, key: &'a Key, step: &'a Step) -> BoxFuture<'a, Result<Option<String>, Fault>> {
        Box::pin(async {
            pause().await;
            let answer = {
                let mut accounts = self.0.lock().unwrap();
                match accounts.fault()? {
                    Some(Mishap::LostAfter) => {
                        // Whatever it answered, nobody hears it.
                        let _ = accounts.apply(key, step);
                        Err(Fault::Unknown("reset".into()))
                    }
                    Some(Mishap::LostBefore) => {
                        accounts.late.push((key.clone(), step.clone()));
                        Err(Fault::Unknown("reset".into()))
                    }
                    // That one cannot be seen, so it has to be believed.
                    Some(Mishap::Lie) if !matches!(step, Step::EndSessions { .. }) => Ok(None),
                    _ => accounts.apply(key, step),
                }
            };
            pause().await;
            answer
        })
    }
}

/// One `await`: here others may go first, and here a crash can come.
pub(super) async fn pause() {
    let mut went = false;
    std::future::poll_fn(
        |_| if std::mem::replace(&mut went, true) { Poll::Ready(()) } else { Poll::Pending },
    )
    .await;
}
