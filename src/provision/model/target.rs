//! A target that does the worst: it loses answers, takes effect late, throttles and lies.

use crate::account::{Actual, Candidate, Desired, Profile, Seen, Step};
use crate::clock::Clock;
use crate::provision::connector::{Abilities, By, Call, Connector, Fault, Key, Refusal, RetryAfter};
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::task::Poll;

/// For how long it asks to be left alone.
const ABSENCE: SignedDuration = SignedDuration::from_secs(9);

/// The name of an account that is somebody else's.
pub(super) const STRANGER: &str = "stranger";

pub(super) const ABILITIES: Abilities = Abilities {
    delete: true,
    sessions: true,
    hand_over: false,
    link: true,
    list: false,
    unmarked: false,
    only_by_id: false,
};

#[derive(Debug, Clone, Copy)]
pub(super) enum Mishap {
    None,
    /// A write takes effect; its answer is lost.
    LostAfter,
    /// A write's answer is lost; it takes effect later, or never.
    LostBefore,
    Transient,
    /// It is away, and says until when.
    Away,
    Throttled,
    AuthFailed,
    /// "Done", it says, and did nothing.
    Lie,
}

/// The accounts of a target by external id, and what became of calls.
#[derive(Default)]
pub(super) struct Accounts {
    pub(super) ours: BTreeMap<String, Actual>,
    /// Whose account was to be created while it was there: a target that keeps no external ids unique would have made two.
    pub(super) again: BTreeSet<String>,
    /// Who is signed in there, since we let them.
    pub(super) sessions: BTreeSet<String>,
    /// Those that somebody made before us, by their ids, each with its address. They carry nobody's mark.
    pub(super) before: BTreeMap<String, String>,
    /// Whose mark was ever put on each of them.
    pub(super) adopted: BTreeMap<String, BTreeSet<String>>,
    /// Which accounts we ever deleted.
    pub(super) deleted: BTreeSet<String>,
    /// Whether marks are nowhere to be seen: an account is found by its id alone.
    pub(super) only_by_id: bool,
    pub(super) late: Vec<(Key, Step)>,
    pub(super) mishap: Option<Mishap>,
    /// How many calls have begun.
    pub(super) begun: usize,
    /// Until when it has asked to be left alone, as far as anybody heard it.
    not_before: Timestamp,
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
        if matches!(step, Step::Create(_)) && before != Actual::Absent {
            self.again.insert(key.external_id.clone());
        }
        if name == Some(STRANGER) {
            return Err(Fault::refused(Refusal::Conflict, "that name is taken"));
        }
        if let Step::Create(profile) = step {
            if self.only_by_id && before != Actual::Absent {
                return Err(Fault::refused(Refusal::Conflict, "that name is taken"));
            }
            if before == Actual::Absent {
                self.marked(key, format!("of {}", key.external_id), profile);
                self.sessions.insert(key.external_id.clone());
            }
        } else if let Step::Adopt { native_id } = step {
            return self.adopt(key, native_id);
        } else if before != Actual::Absent {
            self.ours.insert(key.external_id.clone(), before.after(step));
        }
        match step {
            Step::Enable { .. } => drop(self.sessions.insert(key.external_id.clone())),
            Step::EndSessions { .. } => drop(self.sessions.remove(&key.external_id)),
            Step::Delete { native_id } => {
                self.deleted.insert(native_id.clone());
                self.sessions.remove(&key.external_id);
            }
            _ => {}
        }
        Ok(self.told(key))
    }

    /// The id of the account of `key`, where there is no other way to it.
    fn told(&self, key: &Key) -> Option<String> {
        self.actual(&key.external_id).native_id().filter(|_| self.only_by_id).map(str::to_owned)
    }

    /// The account of `native_id`, which looks like `profile`, carries the mark of `key`.
    fn marked(&mut self, key: &Key, native_id: String, profile: &Profile) {
        if let Actual::Present(seen) = Actual::Absent.after(&Step::Create(profile.clone())) {
            self.ours.insert(key.external_id.clone(), Actual::Present(Seen { native_id, ..seen }));
        }
    }

    /// Puts the mark of `key` on an account, whosesoever it carries: a server does as it is told, but for a mark that is on
    /// another account already.
    fn adopt(&mut self, key: &Key, native_id: &str) -> Result<Option<String>, Fault> {
        if self.actual(&key.external_id) != Actual::Absent {
            return Err(Fault::refused(Refusal::Conflict, "another account carries that mark"));
        }
        let theirs = |(_, actual): &(&String, &Actual)| actual.native_id() == Some(native_id);
        if let Some(other) = self.ours.iter().find(theirs).map(|(other, _)| other.clone()) {
            let account = self.ours.remove(&other).unwrap_or(Actual::Absent);
            self.ours.insert(key.external_id.clone(), account);
        } else if let Some(email) = self.before.remove(native_id) {
            let user_name = format!("old {native_id}");
            self.marked(
                key,
                native_id.to_owned(),
                &Profile { user_name, email: Some(email), ..Profile::default() },
            );
        } else {
            return Err(Fault::transient("there is no such account"));
        }
        self.adopted.entry(native_id.to_owned()).or_default().insert(key.external_id.clone());
        Ok(self.told(key))
    }

    /// The accounts with this address.
    pub(super) fn with(&self, email: &str) -> Vec<Candidate> {
        let candidate = |native_id: &str, external_id: Option<&String>| Candidate {
            native_id: native_id.to_owned(),
            user_name: String::new(),
            email: Some(email.to_owned()),
            active: true,
            external_id: external_id.filter(|_| !self.only_by_id).cloned(),
        };
        let ours = self.ours.iter().filter_map(|(external_id, actual)| match actual {
            Actual::Present(seen) if seen.email.as_deref() == Some(email) => {
                Some(candidate(&seen.native_id, Some(external_id)))
            }
            _ => None,
        });
        let before = self.before.iter().filter(|(_, address)| *address == email);
        ours.chain(before.map(|(native_id, _)| candidate(native_id, None))).collect()
    }

    /// What goes wrong with a call. Whoever made it hears it at once.
    fn fault(&mut self, now: Timestamp) -> Result<Option<Mishap>, Fault> {
        let mut asks = || {
            self.not_before = now + ABSENCE;
            Some(RetryAfter::In(ABSENCE))
        };
        match self.mishap.take() {
            Some(Mishap::Transient) => Err(Fault::transient("500")),
            Some(Mishap::Away) => Err(Fault::Transient { words: "503".into(), after: asks() }),
            Some(Mishap::Throttled) => Err(Fault::Throttled(asks())),
            Some(Mishap::AuthFailed) => Err(Fault::AuthFailed("401".into())),
            other => Ok(other),
        }
    }
}

pub(super) struct Target(pub(super) Arc<Mutex<Accounts>>, pub(super) Clock);

impl Target {
    /// A call begins, and comes to where others may go first.
    async fn begins(&self) {
        {
            let mut accounts = self.0.lock().unwrap();
            accounts.begun += 1;
            assert!(self.1.now() >= accounts.not_before, "asked before the time that it had said");
        }
        pause().await;
    }
}

impl Connector for Target {
    fn abilities(&self) -> Abilities {
        let only_by_id = self.0.lock().unwrap().only_by_id;
        Abilities { unmarked: only_by_id, only_by_id, ..ABILITIES }
    }

    fn matching<'a>(&'a self, by: &'a By) -> BoxFuture<'a, Result<Vec<Candidate>, Fault>> {
        Box::pin(async {
            self.begins().await;
            let found = {
                let mut accounts = self.0.lock().unwrap();
                accounts.fault(self.1.now())?;
                match by {
                    By::Email(email) => accounts.with(email),
                    By::UserName(_) | By::Attribute(..) => Vec::new(),
                }
            };
            pause().await;
            Ok(found)
        })
    }

    fn calls(&self, _: &Step) -> Vec<Call> {
        Vec::new()
    }

    fn observe<'a>(&'a self, key: &'a Key, _: &'a Desired) -> BoxFuture<'a, Result<Actual, Fault>> {
        Box::pin(async {
            self.begins().await;
            let seen = {
                let mut accounts = self.0.lock().unwrap();
                accounts.fault(self.1.now())?;
                let actual = accounts.actual(&key.external_id);
                let known = !accounts.only_by_id || actual.native_id() == key.native_id.as_deref();
                if known { actual } else { Actual::Absent }
            };
            pause().await;
            Ok(seen)
        })
    }

    fn apply<'a>(&'a self, key: &'a Key, step: &'a Step) -> BoxFuture<'a, Result<Option<String>, Fault>> {
        Box::pin(async {
            self.begins().await;
            let answer = {
                let mut accounts = self.0.lock().unwrap();
                match accounts.fault(self.1.now())? {
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
