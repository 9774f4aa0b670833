//! Uses and other policies, over a store of their own: what the front door cannot show is looked at here.

use super::follow::after_reload;
use super::*;
use crate::account::{Because, Desired, Grant, Renew, Strength, Terms};
use crate::audit::Entry;
use crate::document::Mistakes;
use crate::identity::{ClaimSet, Claims};
use crate::issuer::Refreshable;
use crate::names::{GrantId, IdentityId, UserId};
use crate::policy::Known;
use crate::session::Session;
use crate::store::{Refresh, SignIn, token_hash};
use jiff::Timestamp;
use proptest::prelude::*;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

pub(super) const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);
pub(super) const LAPSE: SignedDuration = SignedDuration::from_hours(30 * 24);
const TOKEN: &str = "a-token";

fn start() -> Timestamp {
    "2026-03-02T09:00:00Z".parse().unwrap()
}

/// `guests` and `staff` get a role of that name in the wiki, for so long; without a word, as long as it is confirmed.
pub(super) fn policy(roles: &[(&str, &str)]) -> Policy {
    let role = |(name, ttl): &(&str, &str)| {
        let length = if ttl.is_empty() { String::new() } else { format!(", for: {{ ttl: {ttl} }}") };
        format!(
            "  {name}: {{ who: {{ provider: staff, groups: {{ any: [{name}] }} }}, gets: {{ wiki: {{}} }}{length} }}\n"
        )
    };
    let text = format!("version: 1\nroles:\n{}", roles.iter().map(role).collect::<String>());
    let known = Known {
        providers: [("staff".parse().unwrap())].into_iter().collect(),
        apps: [("wiki".parse().unwrap())].into_iter().collect(),
    };
    let mut mistakes = Mistakes::default();
    Policy::parse(&[("policy.yaml".to_owned(), text)], &known, &mut mistakes)
        .unwrap_or_else(|| panic!("{mistakes}"))
}

pub(super) fn rules(policy: Policy) -> Rules {
    let settings = Settings {
        lapse: LAPSE,
        session: HOUR * 12,
        guard: Guard::default(),
        retention: Retention::default(),
    };
    Rules {
        policy: policy.into(),
        groups: BTreeMap::new(),
        targets: BTreeMap::new(),
        machine_accounts: BTreeSet::new(),
        token_life: DAY,
        observed: BTreeSet::new(),
        privileged: BTreeMap::new(),
        settings,
    }
}

fn claims(sub: &str, groups: Value) -> Claims {
    let values = json!({ "sub": sub, "groups": groups });
    let values = values.as_object().unwrap().clone();
    Claims::supposed(ClaimSet::new("staff".parse().unwrap(), values, &GroupsSettings::default()))
}

/// People who are known, and the verbs.
struct Place {
    store: Store,
    clock: Clock,
    lifecycle: Lifecycle,
}

impl Place {
    async fn new(policy: Policy) -> Self {
        let clock = Clock::turned(start());
        let store = Store::for_tests(clock.now()).await;
        let lifecycle =
            Lifecycle::new(store.clone(), rules(policy), "access.example.com".to_owned(), clock.clone());
        Self { store, clock, lifecycle }
    }

    /// Somebody who is signed in and holds this.
    async fn guest(&self, terms: Terms) -> (UserId, GrantId) {
        let claims = claims("c-17", json!(["guests"]));
        let mut tx = self.store.begin(self.clock.now()).await.unwrap();
        let vault = tx.vault(&claims.subject().issuer, &claims.subject().sub).await.unwrap();
        let user = tx.add_user(vault).await.unwrap();
        let identity = tx.save_identity(user, &claims).await.unwrap();
        let grant = Grant::first(identity, terms, tx.now(), LAPSE).unwrap();
        tx.save_grant(user, &grant, Some("a policy")).await.unwrap();
        let id = crate::names::SignInId::random();
        let until = tx.now() + DAY * 400;
        let sign_in = SignIn {
            id,
            identity,
            sid: None,
            id_token: None,
            access_token: None,
            strength: Default::default(),
            until,
        };
        tx.add_sign_in(user, &sign_in).await.unwrap();
        tx.add_session(id, "wiki.example.com", &token_hash(TOKEN)).await.unwrap();
        tx.commit(&Entry::for_tests()).await.unwrap();
        (user, grant.id)
    }

    async fn session(&self) -> Arc<Session> {
        self.store.session(&token_hash(TOKEN)).await.unwrap().unwrap()
    }

    /// A request by whoever has the session.
    async fn uses(&self) {
        self.store.note_use(&*self.session().await, &"wiki".parse().unwrap(), self.clock.now());
    }

    async fn grant(&self, id: GrantId) -> Grant {
        self.store.begin(self.clock.now()).await.unwrap().grant(id).await.unwrap().unwrap().1
    }

    async fn record(&self) -> Vec<String> {
        let rows = self.store.audit(1, 1000).await.unwrap();
        rows.iter().map(|row| row.leaf["what"]["event"].as_str().unwrap().to_owned()).collect()
    }
}

fn terms() -> Terms {
    Terms::plain("guests".parse().unwrap(), "wiki".parse().unwrap())
}

#[tokio::test]
async fn a_use_of_what_hangs_on_none_is_a_date_and_no_more() {
    let place = Place::new(policy(&[("guests", "30d")])).await;
    let (_, grant) = place.guest(terms()).await;
    let session = place.session().await;
    place.uses().await;
    place.lifecycle.count_uses().await.unwrap();
    let used = place.grant(grant).await;
    assert_eq!((used.last_used, used.end.at), (Some(start()), start() + LAPSE));
    assert!(session.is_current() && place.record().await.is_empty());

    // Within the hour it is not noted again.
    place.clock.advance(HOUR - SignedDuration::from_secs(1));
    place.uses().await;
    assert_eq!(place.store.take_uses(), []);
    place.clock.advance(SignedDuration::from_secs(1));
    place.uses().await;
    place.lifecycle.count_uses().await.unwrap();
    assert_eq!(place.grant(grant).await.last_used, Some(start() + HOUR));
}

#[tokio::test]
async fn a_use_puts_off_the_ends_that_hang_on_it_and_is_recorded_once_for_each_step() {
    let place = Place::new(policy(&[("guests", "30d")])).await;
    let by_request = Terms { ttl: Some(DAY * 2), renew: Renew::Request, idle: Some(DAY), ..terms() };
    let (_, grant) = place.guest(by_request).await;
    let session = place.session().await;
    place.clock.advance(HOUR * 20);
    place.uses().await;
    place.lifecycle.count_uses().await.unwrap();
    assert!(!session.is_current(), "the gate goes by the old end");
    assert_eq!(place.grant(grant).await.end.at, start() + HOUR * 44);
    // A session that was read anew notes a use anew; too soon to be written.
    place.clock.advance(SignedDuration::from_mins(59));
    place.uses().await;
    place.lifecycle.count_uses().await.unwrap();
    assert_eq!(place.record().await, ["access_prolonged"]);
    assert_eq!(place.grant(grant).await.end.because, Because::Idle(DAY));
}

#[tokio::test]
async fn what_is_in_memory_is_counted_before_an_end_is_written_down() {
    let place = Place::new(policy(&[("guests", "30d")])).await;
    let (_, grant) = place.guest(Terms { idle: Some(DAY), ..terms() }).await;
    place.clock.advance(DAY - SignedDuration::from_secs(1));
    place.uses().await;
    place.clock.advance(SignedDuration::from_secs(2));
    let stop = CancellationToken::new();
    let expiry = tokio::spawn(super::expire(place.lifecycle.clone(), stop.clone()));
    let mut bell = place.store.bell();
    bell.changed().await.unwrap();
    let last = start() + DAY - SignedDuration::from_secs(1);
    assert_eq!((place.grant(grant).await.end.at, place.grant(grant).await.ended), (last + DAY, false));
    // Nobody comes, and it ends.
    place.clock.advance(DAY);
    while !place.grant(grant).await.ended {
        bell.changed().await.unwrap();
    }
    assert_eq!(place.record().await, ["access_prolonged", "access_ended"]);
    stop.cancel();
    expiry.await.unwrap();
}

#[tokio::test]
async fn at_the_stop_uses_are_written_down_too() {
    let place = Place::new(policy(&[("guests", "30d")])).await;
    let (_, grant) = place.guest(terms()).await;
    place.uses().await;
    let stop = CancellationToken::new();
    stop.cancel();
    super::count_uses(place.lifecycle.clone(), stop).await;
    assert_eq!(place.grant(grant).await.last_used, Some(start()));
}

#[tokio::test]
async fn what_was_let_pass_and_cut_short_is_carried_on_at_the_next_start() {
    let place = Place::new(policy(&[("guests", "30d")])).await;
    let (_, grant) = place.guest(Terms { ttl: Some(DAY * 30), ..terms() }).await;
    let mut strict = rules(policy(&[("staff", "30d")]));
    strict.settings.guard = serde_json::from_value(json!({ "people": "0%", "at-least": 1 })).unwrap();
    let effect = place.lifecycle.effect_of(&strict).await.unwrap().unwrap();
    assert_eq!(
        (effect.people, effect.losing.into_iter().collect::<Vec<_>>()),
        (1, vec!["c-17@staff".to_owned()])
    );

    // A start with files that were changed meanwhile is held back.
    let (store, clock) = (place.store.clone(), place.clock.clone());
    let started = Lifecycle::new(store, strict, "access.example.com".to_owned(), clock).inner();
    started.reach_everybody().await.unwrap();
    assert!(place.grant(grant).await.is_live(start()));
    // Confirmed, and killed before anybody was reached; the guard is not asked twice.
    let version = started.rules.policy.version().to_string();
    place.store.bookkeep().allow_policy(&version).await.unwrap();
    for _ in 0..2 {
        started.reach_everybody().await.unwrap();
        let ended = place.grant(grant).await;
        assert_eq!((ended.ended, ended.end.because), (true, Because::Policy));
        assert_eq!(place.record().await, ["access_revised"]);
        assert_eq!(place.store.policy().await.unwrap(), (Some(version.clone()), true));
    }
}

#[tokio::test]
async fn a_session_lasts_no_longer_than_the_strictest_role_allows() {
    let place = Place::new(policy(&[("guests", "30d")])).await;
    let inner = place.lifecycle.inner();
    let grant = |session: Option<i64>, ended| {
        let session = session.map(SignedDuration::from_secs);
        let terms = Terms { session, ..terms() };
        Grant { ended, ..Grant::first(IdentityId::random(), terms, start(), LAPSE).unwrap() }
    };
    let length = |grants: &[Grant]| inner.session_for(grants.iter(), start()).as_secs();
    assert_eq!(length(&[grant(None, false)]), 12 * 3600);
    assert_eq!(length(&[grant(Some(900), false), grant(Some(1800), false), grant(Some(60), true)]), 900);
    assert_eq!(length(&[grant(Some(1_000_000), false)]), 12 * 3600);
}

#[tokio::test]
async fn how_somebody_signed_in_is_known_where_a_role_asks_for_it() {
    let place = Place::new(policy(&[("guests", "30d")])).await;
    let values = json!({ "sub": "c-17", "groups": ["guests"], "acr": "gold", "amr": "otp", "auth_time": 1_772_000_000 });
    let values = values.as_object().unwrap().clone();
    let claims =
        Claims::supposed(ClaimSet::new("staff".parse().unwrap(), values, &GroupsSettings::default()));
    let admission = place.lifecycle.login(&claims, None, None, None).await.unwrap();
    let Admission::Admitted { token, .. } = admission else { panic!("{admission:?}") };
    let session = async || place.store.session(&token_hash(&token)).await.unwrap().unwrap();
    let user = session().await.user;
    assert!(session().await.strength.is_none(), "nothing asks for it");

    let mut tx = place.store.begin(start()).await.unwrap();
    let mut grant = tx.grants(user).await.unwrap().remove(0);
    grant.terms.only = vec![serde_json::from_value(json!({ "acr": ["gold"] })).unwrap()];
    tx.save_grant(user, &grant, None).await.unwrap();
    tx.commit(&Entry::for_tests()).await.unwrap();
    let auth_time = Timestamp::from_second(1_772_000_000).ok();
    let expected = Strength { acr: Some("gold".to_owned()), amr: vec!["otp".to_owned()], auth_time };
    assert_eq!(session().await.strength(), &expected);
}

#[tokio::test]
async fn who_is_due_is_asked_about_once_and_who_has_gone_is_not_and_forgotten() {
    let place = Place::new(policy(&[("guests", "30d")])).await;
    place.guest(terms()).await;
    let session = place.session().await;
    let mut tx = place.store.begin(place.clock.now()).await.unwrap();
    tx.add_refresh(session.sign_in, &"a token".to_owned().into(), start() + HOUR).await.unwrap();
    tx.commit(&Entry::for_tests()).await.unwrap();
    let claim = async |now| place.store.bookkeep().claim_refreshes(now, HOUR, 16).await.unwrap();
    assert!(claim(start()).await.is_empty(), "nobody is due yet");
    let due = claim(start() + HOUR).await;
    assert_eq!(due.iter().map(|refresh| refresh.sign_in).collect::<Vec<_>>(), [session.sign_in]);
    assert!(claim(start() + HOUR).await.is_empty(), "somebody asks already");
    // Whoever asked is killed, and the person signs out.
    place.lifecycle.logout(session.sign_in).await.unwrap();
    assert!(claim(start() + HOUR * 2).await.is_empty(), "they have gone");
    place.store.bookkeep().refreshed(&due[0], None, start()).await.unwrap();
    assert!(claim(start() + HOUR * 4).await.is_empty(), "their token is still there");
}

#[tokio::test]
async fn access_that_is_confirmed_again_and_again_does_not_lapse() {
    let Place { store, clock, .. } = Place::new(policy(&[("guests", "30d")])).await;
    let mut brief = rules(policy(&[("guests", "")]));
    brief.settings.lapse = HOUR;
    let lifecycle = Lifecycle::new(store.clone(), brief, "access.example.com".to_owned(), clock.clone());
    let (often, claims) = (SignedDuration::from_mins(15), claims("c-17", json!(["guests"])));
    let refresh = Refreshable { token: "a token".to_owned().into(), every: often };
    lifecycle.login(&claims, None, Some(&refresh), None).await.unwrap();
    for _ in 0..9 {
        clock.advance(often);
        let due = store.bookkeep().claim_refreshes(clock.now(), HOUR, 1).await.unwrap().remove(0);
        store.bookkeep().refreshed(&due, None, clock.now() + often).await.unwrap();
        lifecycle.refresh(&due, &claims).await.unwrap();
        let mut tx = store.begin(clock.now()).await.unwrap();
        let user = tx.identity_of(claims.subject()).await.unwrap().unwrap().user;
        let grants = tx.grants(user).await.unwrap();
        assert!(grants[0].is_live(clock.now()), "{:?}", grants[0].end);
    }
}

#[tokio::test]
async fn an_account_that_was_left_behind_is_deleted_once_its_time_is_over() {
    let place = Place::new(policy(&[("guests", "30d")])).await;
    let (target, mut both) = ("wiki".parse().unwrap(), Vec::new());
    let mut tx = place.store.begin(start()).await.unwrap();
    for sub in ["s-1", "c-17"] {
        let claims = claims(sub, json!([]));
        let vault = tx.vault(&claims.subject().issuer, sub).await.unwrap();
        let user = tx.add_user(vault).await.unwrap();
        tx.save_identity(user, &claims).await.unwrap();
        tx.add_account(user, &target, sub, &Desired::closed()).await.unwrap();
        both.push(user);
    }
    let left = tx.standing_accounts(both[1]).await.unwrap().remove(0);
    tx.keep_until(&left, Some(start() + DAY)).await.unwrap();
    tx.commit(&Entry::for_tests()).await.unwrap();
    let order = Order { by: Actor::Operator("olga".to_owned()), why: "the same".to_owned() };
    place.lifecycle.link(both[0], both[1], &order).await.unwrap();

    place.clock.advance(DAY);
    let (stop, mut bell) = (CancellationToken::new(), place.store.bell());
    let expiry = tokio::spawn(super::expire(place.lifecycle.clone(), stop.clone()));
    bell.changed().await.unwrap();
    stop.cancel();
    expiry.await.unwrap();
    assert_eq!(place.record().await, ["people_linked", "retention_ended"]);
    let left = place.store.begin(start()).await.unwrap().standing_accounts(both[1]).await.unwrap().remove(0);
    assert_eq!((left.desired, left.delete_at), (Desired::Absent, None));
}

#[tokio::test]
async fn replicas_that_look_in_the_same_microsecond_ask_about_different_people() {
    let place = Place::new(policy(&[("guests", "30d")])).await;
    for sub in ["c-1", "c-2", "c-3"] {
        let refresh = Refreshable { token: format!("that of {sub}").into(), every: HOUR };
        let claims = claims(sub, json!(["guests"]));
        place.lifecycle.login(&claims, None, Some(&refresh), None).await.unwrap();
    }
    let now = start() + HOUR;
    let claim = async || place.store.bookkeep().claim_refreshes(now, HOUR, 2).await.unwrap();
    let (first, second) = (claim().await, claim().await);
    assert_eq!((first.len(), second.len()), (2, 1), "one is asked about twice");
    let mut asked = BTreeSet::new();
    for refresh in first.iter().chain(&second) {
        assert_eq!(refresh.token.expose_secret(), format!("that of {}", refresh.subject.sub));
        assert!(asked.insert(refresh.subject.sub.clone()), "{} is asked about twice", refresh.subject.sub);
    }
    assert!(claim().await.is_empty());
}

#[tokio::test]
async fn a_token_that_was_moved_from_another_sign_in_opens_nothing_and_holds_up_nobody() {
    let place = Place::new(policy(&[("guests", "30d")])).await;
    for sub in ["c-1", "c-2", "c-3"] {
        let refresh = Refreshable { token: format!("that of {sub}").into(), every: HOUR };
        place.lifecycle.login(&claims(sub, json!(["guests"])), None, Some(&refresh), None).await.unwrap();
    }
    let claim = async |now| place.store.bookkeep().claim_refreshes(now, HOUR, 16).await.unwrap();
    let who = |due: &[Refresh]| due.iter().map(|one| one.subject.sub.clone()).collect::<BTreeSet<_>>();
    let all = claim(start() + HOUR).await;
    let of = |sub: &str| all.iter().find(|one| one.subject.sub == sub).unwrap().sign_in;
    place.store.puts_refresh_token_of(of("c-1"), of("c-2")).await;
    assert_eq!(who(&claim(start() + HOUR * 3).await), BTreeSet::from(["c-1".to_owned(), "c-3".to_owned()]));
}

#[tokio::test]
async fn what_a_provider_says_of_a_token_that_was_replaced_meanwhile_changes_nothing() {
    let place = Place::new(policy(&[("guests", "30d")])).await;
    let (_, grant) = place.guest(terms()).await;
    let session = place.session().await;
    let mut tx = place.store.begin(start()).await.unwrap();
    tx.add_refresh(session.sign_in, &"the first".to_owned().into(), start()).await.unwrap();
    tx.commit(&Entry::for_tests()).await.unwrap();
    let books = place.store.bookkeep();
    let claim = async |now| books.claim_refreshes(now, HOUR, 1).await.unwrap().remove(0);
    // Whoever asks is slow: somebody else asks, too, and is given another token.
    let (slow, quick) = (claim(start()).await, claim(start() + HOUR).await);
    books.refreshed(&quick, Some(&"the second".to_owned().into()), start() + HOUR * 2).await.unwrap();
    assert!(!place.lifecycle.unconfirmed(&slow, "invalid_grant").await.unwrap());
    place.lifecycle.refresh(&slow, &claims("c-17", json!([]))).await.unwrap();
    books.refreshed(&slow, Some(&"a third".to_owned().into()), start()).await.unwrap();
    assert_eq!(place.session().await.sign_in, session.sign_in);
    assert!(place.grant(grant).await.is_live(start()));
    // Said of the one that is kept, it counts.
    let latest = claim(start() + HOUR * 2).await;
    assert_eq!(latest.token.expose_secret(), "the second");
    assert!(place.lifecycle.unconfirmed(&latest, "invalid_grant").await.unwrap());
    assert!(place.store.session(&token_hash(TOKEN)).await.unwrap().is_none());
}

#[tokio::test]
async fn no_operator_extends_beyond_the_longest_life() {
    let place = Place::new(policy(&[("guests", "30d")])).await;
    let (_, grant) = place.guest(Terms { ttl: Some(DAY), at_most: Some(DAY * 3), ..terms() }).await;
    let order = Order { by: Actor::Operator("olga".to_owned()), why: "a test".to_owned() };
    let refused = place.lifecycle.extend(grant, start() + DAY * 4, &order).await.unwrap_err();
    assert_eq!(refused.to_string(), "role guests lasts for 3d at the most, until 2026-03-05T09:00:00Z");
    place.lifecycle.extend(grant, start() + DAY * 2, &order).await.unwrap();
    assert_eq!(place.grant(grant).await.end.at, start() + DAY * 2);
}

proptest! {
    /// Whatever another policy says, it opens nothing, confirms nothing, and done twice is done once.
    #[test]
    fn another_policy_opens_nothing_and_vouches_for_nobody(
        held in prop::collection::vec((prop::sample::select(vec!["guests", "staff"]), 1_i64..40, any::<bool>()), 0..4),
        roles in prop::collection::vec((prop::sample::select(vec!["guests", "staff"]), 1_u8..40), 0..3),
        groups in prop::option::of(prop::collection::vec(prop::sample::select(vec!["guests", "staff"]), 0..2)),
        now in 0_i64..40,
    ) {
        let mut named: BTreeMap<&str, String> = BTreeMap::new();
        named.insert("nobody", "1d".to_owned());
        named.extend(roles.into_iter().map(|(role, days)| (role, format!("{days}d"))));
        let named: Vec<_> = named.iter().map(|(role, ttl)| (*role, ttl.as_str())).collect();
        let policy = policy(&named);
        let now = start() + DAY * i32::try_from(now).unwrap();
        let before: Vec<Grant> = held.into_iter().map(|(role, ttl, ended)| {
            let ttl = Some(DAY * i32::try_from(ttl).unwrap());
            let terms = Terms { role: role.parse().unwrap(), ttl, ..terms() };
            Grant { ended, ..Grant::first(IdentityId::random(), terms, start(), LAPSE).unwrap() }
        }).collect();
        let claims = claims("c-17", groups.map_or(Value::Null, |groups| json!(groups)));
        let after = after_reload(claims.set(), &before, &policy, now, LAPSE);
        prop_assert_eq!(after.len(), before.len());
        for (old, new) in before.iter().zip(&after) {
            prop_assert!(old.is_live(now) || new == old, "what had ended was touched");
            prop_assert_eq!((old.confirmed, old.first_granted, old.renewed), (new.confirmed, new.first_granted, new.renewed));
            let told = claims.set().get("groups").is_some();
            let named = policy.roles().any(|role| *role == old.terms.role);
            prop_assert!(told || !named || new == old, "unknown is not empty");
        }
        prop_assert_eq!(after_reload(claims.set(), &after, &policy, now, LAPSE), after);
    }
}
