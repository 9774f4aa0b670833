//! Proves a target with an account of our own: made, changed, closed, opened and deleted, every step looked at
//! afterwards. What operators run before they trust a target, and what every connector has to pass.

use super::connector::{By, Connector, Fault, Key, Refusal, RetryAfter};
use crate::account::{Actual, Candidate, Desired, Entitlement, Expiry, Profile, Seen, Step, next_step};
use crate::seal::random_text;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::sleep;

/// How often a look is repeated that does not show a step yet, and how long lies between two.
const LOOKS: u32 = 20;
const BETWEEN: Duration = Duration::from_millis(250);
/// The longest that a target may ask us to wait.
const LONGEST: SignedDuration = SignedDuration::from_secs(30);
/// How many pages are read to find the account among all others.
const PAGES: usize = 1_000;

/// How one thing went that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was tried, as in "it creates an account".
    pub what: String,
    /// How it went.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// How something went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", content = "why", rename_all = "kebab-case")]
pub enum Outcome {
    /// As it should.
    Works,
    /// The target, or what we know of it, has no way to do it; nothing was tried.
    Cannot,
    /// Not as it should: what it said, or did.
    Fails(String),
}

/// What the account is to have while it is proved.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// What it is given, and loses again.
    pub entitlements: BTreeSet<Entitlement>,
    /// Attributes, by their name in the target's words.
    pub attributes: BTreeMap<String, String>,
}

/// Tries all that a target can be asked, with an account named `guestpass-probe-` and four letters, which is deleted at the
/// end, or closed where it cannot be deleted. Everything that was tried goes to `tell` at once. Ends early where going on
/// makes no sense. `now` is what expiry is counted from.
///
/// Returns whether everything worked that the target can.
pub async fn probe(
    connector: &dyn Connector,
    wishes: &Wishes,
    now: Timestamp,
    tell: &mut (dyn FnMut(Finding) + Send),
) -> bool {
    let mark: String = random_text().chars().filter(char::is_ascii_alphanumeric).take(4).collect();
    let name = format!("guestpass-probe-{}", mark.to_ascii_lowercase());
    let profile = Profile {
        email: Some(format!("{name}@example.com")),
        display_name: Some("guestpass probe".to_owned()),
        attributes: wishes.attributes.clone(),
        expires: now.checked_add(SignedDuration::from_hours(24)).ok(),
        user_name: name,
        ..Profile::default()
    };
    let key = Key { external_id: format!("guestpass-probe-{}", random_text()), native_id: None };
    let mut probe = Probe { connector, key, profile, tell, good: true };
    if probe.reach().await && probe.create().await {
        probe.change().await;
        probe.entitlements(&wishes.entitlements).await;
        probe.close_and_open().await;
        probe.find().await;
        probe.leave().await;
    }
    probe.good
}

struct Probe<'a> {
    connector: &'a dyn Connector,
    key: Key,
    profile: Profile,
    tell: &'a mut (dyn FnMut(Finding) + Send),
    good: bool,
}

/// What a try comes to: words where it failed.
type Tried = Result<(), String>;

impl Probe<'_> {
    fn found(&mut self, what: &str, tried: Tried) -> bool {
        let outcome = match tried {
            Ok(()) => Outcome::Works,
            Err(why) => Outcome::Fails(why),
        };
        let works = outcome == Outcome::Works;
        self.good &= works;
        (self.tell)(Finding { what: what.to_owned(), outcome });
        works
    }

    fn cannot(&mut self, what: &str) {
        (self.tell)(Finding { what: what.to_owned(), outcome: Outcome::Cannot });
    }

    async fn reach(&mut self) -> bool {
        let seen = self.observe(&Desired::closed()).await;
        let tried = match seen {
            Ok(Actual::Absent) => Ok(()),
            Ok(Actual::Present(seen)) => {
                Err(format!("account {} is there, though nobody made it", seen.native_id))
            }
            Err(fault) => Err(fault.to_string()),
        };
        self.found("it answers, and knows us", tried)
    }

    async fn create(&mut self) -> bool {
        let tried = self.settle(&self.active()).await;
        if !self.found("it creates an account", tried) {
            self.leave().await;
            return false;
        }
        let again = self.create_again().await;
        self.found("it creates the same account once", again);
        let kept = match self.seen(&self.active()).await {
            Ok(Seen { expires: Expiry::NotKept, .. }) => None,
            Ok(seen) if seen.expires == self.profile.expires.map_or(Expiry::Never, Expiry::At) => {
                Some(Ok(()))
            }
            Ok(seen) => Some(Err(format!("it keeps {:?}", seen.expires))),
            Err(why) => Some(Err(why)),
        };
        match kept {
            Some(tried) => drop(self.found("it keeps an end of its own", tried)),
            None => self.cannot("it keeps an end of its own"),
        }
        true
    }

    /// As after a lost answer: whoever asks twice gets the first, or is refused.
    async fn create_again(&self) -> Tried {
        let before = self.seen(&self.active()).await?;
        let unknown = Key { native_id: None, ..self.key.clone() };
        match self.connector.apply(&unknown, &Step::Create(self.profile.clone())).await {
            Ok(Some(id)) if id != before.native_id => {
                return Err(format!("there are two: {} and {id}", before.native_id));
            }
            Ok(_) | Err(Fault::Refused { why: Refusal::Conflict | Refusal::Invalid, .. }) => {}
            Err(fault) => return Err(fault.to_string()),
        }
        // By then it is known by its id alone.
        if self.connector.abilities().unmarked {
            return Ok(());
        }
        let found =
            self.connector.observe(&unknown, &self.active()).await.map_err(|fault| fault.to_string())?;
        match found {
            Actual::Present(seen) if seen.native_id == before.native_id => Ok(()),
            Actual::Present(seen) => {
                Err(format!("there are two: {} and {}", before.native_id, seen.native_id))
            }
            Actual::Absent => Err("it is not found by our external id".to_owned()),
        }
    }

    async fn change(&mut self) {
        self.profile.display_name = Some("guestpass probe, changed".to_owned());
        let changed = self.settle(&self.active()).await;
        self.found("it changes a name", changed);
    }

    async fn entitlements(&mut self, wanted: &BTreeSet<Entitlement>) {
        for one in wanted {
            self.profile.entitlements = [one.clone()].into();
            let given = self.settle(&self.active()).await;
            self.found(&format!("it gives {one}"), given);
            self.profile.entitlements.clear();
            self.profile.withdrawn = [one.clone()].into();
            let taken = self.settle(&self.active()).await;
            self.found(&format!("it takes {one} away"), taken);
            self.profile.withdrawn.clear();
        }
    }

    async fn close_and_open(&mut self) {
        let disabled = self.settle(&Desired::closed()).await;
        if self.found("it disables an account", disabled) {
            let again = self.repeat(|native_id| Step::Disable { native_id }).await;
            self.found("it disables what is disabled", again);
        }
        if self.connector.abilities().sessions {
            let ended = self.repeat(|native_id| Step::EndSessions { native_id }).await;
            self.found("it ends sessions and tokens", ended);
        } else {
            self.cannot("it ends sessions and tokens");
        }
        let enabled = self.settle(&self.active()).await;
        if self.found("it enables an account", enabled) {
            let again = self.repeat(|native_id| Step::Enable { native_id }).await;
            self.found("it enables what is enabled", again);
        }
    }

    /// Takes a step that leaves the account as it is.
    async fn repeat(&self, step: impl FnOnce(String) -> Step) -> Tried {
        let before = self.seen(&self.active()).await?;
        let step = step(before.native_id.clone());
        self.connector.apply(&self.key, &step).await.map_err(|fault| fault.to_string())?;
        let after = self.seen(&self.active()).await?;
        if after == before { Ok(()) } else { Err(format!("it was {before:?}, and is {after:?}")) }
    }

    async fn find(&mut self) {
        let abilities = self.connector.abilities();
        if abilities.link {
            let mut found = self.connector.matching(&By::UserName(self.profile.user_name.clone())).await;
            // Some know people by their address alone.
            if let (Err(Fault::Refused { .. }), Some(email)) = (&found, &self.profile.email) {
                found = self.connector.matching(&By::Email(email.clone())).await;
            }
            let found = found.map_err(|fault| fault.to_string());
            let found = found.and_then(|found| match &found[..] {
                [one] if self.is_ours(one) => Ok(()),
                [one] => Err(format!("it does not tell whose {} is", one.native_id)),
                found => Err(format!("it finds {} where there is one", found.len())),
            });
            self.found("it finds accounts by name", found);
        } else {
            self.cannot("it finds accounts by name");
        }
        if abilities.list {
            let listed = self.listed().await;
            self.found("it lists accounts", listed);
        } else {
            self.cannot("it lists accounts");
        }
    }

    /// Whether it is our account: by our mark, or where there is none by its id.
    fn is_ours(&self, one: &Candidate) -> bool {
        match self.connector.abilities().unmarked {
            true => Some(&one.native_id) == self.key.native_id.as_ref(),
            false => one.external_id.as_ref() == Some(&self.key.external_id),
        }
    }

    async fn listed(&self) -> Tried {
        let mut after = None;
        for _ in 0..PAGES {
            let page = self.connector.list(after.as_deref()).await.map_err(|fault| fault.to_string())?;
            if page.accounts.iter().any(|one| self.is_ours(one)) {
                return Ok(());
            }
            match page.next {
                Some(next) if after.as_ref() != Some(&next) => after = Some(next),
                Some(_) => return Err("the next page is this page".to_owned()),
                None => return Err("the account is on no page".to_owned()),
            }
        }
        Err(format!("the account is on none of the first {PAGES} pages"))
    }

    /// Leaves the target as it was, as far as it lets us.
    async fn leave(&mut self) {
        let what = "it deletes an account";
        if !self.connector.abilities().delete {
            self.cannot(what);
            let closed = self.settle(&Desired::closed()).await;
            if let Err(why) = closed {
                self.found("it is left with the account closed", Err(why));
            }
            return;
        }
        let deleted = self.settle(&Desired::Absent).await;
        if self.found(what, deleted) {
            let again = match self.settle(&self.active()).await {
                Ok(()) => self.settle(&Desired::Absent).await,
                Err(why) => Err(why),
            };
            self.found("it creates an account again of a name that was deleted", again);
        }
    }

    fn active(&self) -> Desired {
        Desired::Active(self.profile.clone())
    }

    /// Steps until a look finds none left. A look may be behind for a while; a step that shows no effect is taken again
    /// once that is over.
    async fn settle(&mut self, desired: &Desired) -> Tried {
        let (mut last, mut looks) = (None, 0);
        loop {
            let seen = self.observe(desired).await.map_err(|fault| fault.to_string())?;
            if self.connector.abilities().unmarked {
                self.key.native_id = match &seen {
                    Actual::Present(seen) => Some(seen.native_id.clone()),
                    Actual::Absent => None,
                };
            }
            let Some(step) = next_step(desired, &seen) else { return Ok(()) };
            if last.as_ref() == Some(&step) {
                looks += 1;
                if looks > LOOKS {
                    return Err(format!("it says that it is done, and nothing shows it: {step:?}"));
                }
                sleep(BETWEEN).await;
                continue;
            }
            let made = self.apply(&step).await?;
            if self.connector.abilities().unmarked {
                self.key.native_id = made.or(self.key.native_id.take());
            }
            (last, looks) = (Some(step), 0);
        }
    }

    async fn seen(&self, desired: &Desired) -> Result<Seen, String> {
        match self.observe(desired).await {
            Ok(Actual::Present(seen)) => Ok(seen),
            Ok(Actual::Absent) => Err("it is gone".to_owned()),
            Err(fault) => Err(fault.to_string()),
        }
    }

    async fn observe(&self, desired: &Desired) -> Result<Actual, Fault> {
        let mut waited = false;
        loop {
            match self.connector.observe(&self.key, desired).await {
                Err(Fault::Throttled(after)) if !waited => wait(after).await,
                seen => return seen,
            }
            waited = true;
        }
    }

    async fn apply(&self, step: &Step) -> Result<Option<String>, String> {
        let mut waited = false;
        loop {
            match self.connector.apply(&self.key, step).await {
                Ok(made) => return Ok(made),
                Err(Fault::Throttled(after)) if !waited => wait(after).await,
                Err(fault) => return Err(fault.to_string()),
            }
            waited = true;
        }
    }
}

async fn wait(after: Option<RetryAfter>) {
    let span = match after {
        Some(RetryAfter::In(span)) => span.clamp(SignedDuration::ZERO, LONGEST),
        _ => SignedDuration::from_secs(1),
    };
    sleep(span.unsigned_abs()).await;
}
