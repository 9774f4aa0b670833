//! `kill -9` at any moment of first logins, of ends, of changed groups and of revocations, while the target loses answers,
//! repeats them, lies, throttles and dawdles: afterwards everybody has one account that was asked for once, it is ours, it
//! is as the last word on its person has it, no change is missing in the record, and nothing is left to do.
//!
//! `GUESTPASS_LONG=1` plays more rounds, `GUESTPASS_SEED` those of an earlier run: the same but for time.

use crate::harness::{CARLA, Mood, Process, Site, next, soon};
use guestpass::clock::Clock;
use guestpass::demo::browser::Browser;
use guestpass::demo::provider::Person;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

const ROUNDS: u64 = 8;
const LONG: u64 = 200;
/// How many rounds are played at a time.
const AT_ONCE: usize = 4;
/// How often it is killed in a round: the first times about the logins, then about what comes after them.
const KILLS: u64 = 4;
/// Before which kill operators and the provider change their minds.
const TURN: u64 = 2;

const POLICY: &str = "version: 1
roles:
  guest:
    who: { provider: demo, groups: { any: [guests] } }
    gets: { notes: { groups: [readers] } }
    for: { ttl: 3s }
  writer:
    who: { provider: demo, groups: { any: [staff] } }
    gets: { notes: { groups: [writers] } }
  editor:
    who: { provider: demo, groups: { any: [board] } }
    gets: { notes: { groups: [editors] } }
";

/// What becomes of somebody.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    /// They are guests, for three seconds.
    Ends,
    /// They are writers, for good.
    Stays,
    /// They are writers, and from the turn on editors.
    Rises,
    /// They are writers, until an operator revokes them: as soon as they are known, or at the turn.
    Revoked,
}

/// Who comes at the same time: `sub`, and what becomes of them.
const PEOPLE: [(&str, Fate); 9] = [
    ("g-0", Fate::Ends),
    ("g-1", Fate::Ends),
    ("g-2", Fate::Ends),
    ("s-0", Fate::Stays),
    ("s-1", Fate::Stays),
    ("e-0", Fate::Rises),
    ("e-1", Fate::Rises),
    ("r-0", Fate::Revoked),
    ("r-1", Fate::Revoked),
];

#[tokio::test]
async fn killed_at_any_moment_it_leaves_everybody_one_account_and_that_as_it_should_be() {
    let variable = |name| std::env::var(name).ok();
    let rounds = if variable("GUESTPASS_LONG").is_some() { LONG } else { ROUNDS };
    let drawn = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0);
    let mut seed = variable("GUESTPASS_SEED").map_or(drawn, |seed| seed.parse().unwrap());
    println!("GUESTPASS_SEED={seed}");
    let mut running = JoinSet::new();
    for _ in 0..rounds {
        if running.len() == AT_ONCE {
            running.join_next().await.unwrap().unwrap();
        }
        running.spawn(round(next(&mut seed)));
    }
    running.join_all().await;
}

async fn round(mut seed: u64) {
    let began = seed;
    let site = Site::new(Clock::system()).await;
    site.write("policies/notes.yaml", POLICY);
    site.people(known(false));
    site.scim.is(Mood::Fitful(next(&mut seed)));
    let turn = watch::Sender::new(false);
    let come =
        |(sub, fate)| comes(site.notes_url.clone(), site.provider_url.clone(), sub, fate, turn.subscribe());
    let mut coming: JoinSet<()> = PEOPLE.into_iter().map(come).collect();
    let mut process = Process::serve(&site).await;
    // Before the first kill that would mean that it never comes before a login.
    let early = next(&mut seed) % 2;
    for kill in 0..KILLS {
        match kill {
            kill if kill == early => revokes(&site, "r-0").await,
            TURN => {
                site.people(known(true));
                turn.send_replace(true);
                revokes(&site, "r-1").await;
            }
            _ => {}
        }
        tokio::time::sleep(Duration::from_millis(next(&mut seed) % 1_800)).await;
        process.kill().await;
        process = Process::serve(&site).await;
    }
    site.scim.is(Mood::Well);
    let operator = site.operator();
    // What has failed often would wait for long, and nobody here wants to. What is lost is due no more, and is left so.
    let retries = async {
        loop {
            for row in operator.asks("/accounts").await.as_array().unwrap() {
                if row["due"].is_string() {
                    let id = row["id"].as_str().unwrap();
                    operator.orders(&format!("/accounts/{id}/retry"), json!({})).await;
                }
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    let rests = |row: &Value| row["due"].is_null() && row["state"] == state(row);
    let all = async {
        while let Some(came) = coming.join_next().await {
            came.unwrap();
        }
        soon(|| async {
            let accounts = operator.asks("/accounts").await;
            accounts.as_array().unwrap().iter().all(rests).then_some(accounts)
        })
        .await
    };
    let kept = tokio::select! { kept = all => kept, () = retries => unreachable!("it has no end") };
    let rows = kept.as_array().unwrap();
    let theirs = site.notes.accounts().await.unwrap();
    let record = operator.asks("/audit").await;
    let about = || format!("round {began}: {theirs:?}\n{kept}\n{}", process.log());
    assert_eq!(rows.len(), PEOPLE.len(), "{}", about());
    assert_eq!(made_again(&site), [], "{}", about());
    let is_ours = |id: &str| rows.iter().any(|row| row["external_id"] == id);
    let marks = theirs.iter().map(|account| account.external_id.as_deref().unwrap_or_default());
    assert!({ marks }.all(is_ours), "an orphan: {}", about());
    for row in rows {
        let fate = fate(row);
        let account = theirs.iter().find(|one| one.external_id.as_deref() == row["external_id"].as_str());
        let is_open = account.is_some_and(|account| account.active);
        assert_eq!(is_open, matches!(fate, Fate::Stays | Fate::Rises), "{fate:?}: {}", about());
        let groups = account.map(|account| account.groups.iter().cloned().collect());
        if is_open {
            assert_eq!(groups, Some(given(fate)), "{fate:?}: {}", about());
        }
        // Nobody looks at the groups of an account that is to be closed. Of some there is none, where the end came before
        // the target let itself be told.
        let told = told(&record, &row["id"]).map(|(open, groups)| (open, groups.filter(|_| open)));
        assert_eq!(told, account.map(|_| (is_open, groups.filter(|_| is_open))), "{record}\n{}", about());
    }
    process.kill().await;
}

/// The people as the provider knows them before the turn, or after it.
fn known(turned: bool) -> Vec<Person> {
    let like = Person::cast().into_iter().find(|person| person.sub == CARLA).unwrap();
    let named = |(sub, fate): (&str, Fate)| {
        let group = match fate {
            Fate::Ends => "guests",
            Fate::Rises if turned => "board",
            Fate::Stays | Fate::Rises | Fate::Revoked => "staff",
        };
        let email = format!("{sub}@example.com");
        Person { sub: sub.to_owned(), email, groups: vec![group.to_owned()], ..like.clone() }
    };
    PEOPLE.into_iter().map(named).collect()
}

/// Tries to get in until there was an answer for good; after the turn once more, where it gives something else.
async fn comes(notes: String, provider: String, sub: &str, fate: Fate, mut turn: watch::Receiver<bool>) {
    gets_in(&notes, &provider, sub, fate).await;
    if fate == Fate::Rises {
        turn.wait_for(|turned| *turned).await.unwrap();
        gets_in(&notes, &provider, sub, fate).await;
    }
}

/// Tries to get in until there was the page, or, to those of whom it may be true, the word that it is over.
async fn gets_in(notes: &str, provider: &str, sub: &str, fate: Fate) {
    let browser = Browser::new(Clock::system()).unwrap();
    soon(|| async {
        let asked = browser.get(notes).await.ok()?;
        let answer = if asked.url.as_str().starts_with(provider) {
            browser.post_form(asked.url.as_str(), &[("person", sub)]).await.ok()?
        } else {
            asked
        };
        let over = match fate {
            Fate::Ends => "ended on",
            Fate::Revoked => "revoked",
            Fate::Stays | Fate::Rises => return (answer.status == StatusCode::OK).then_some(()),
        };
        let is_over = answer.status == StatusCode::FORBIDDEN && answer.text.contains(over);
        (answer.status == StatusCode::OK || is_over).then_some(())
    })
    .await;
}

/// Revokes somebody as soon as they are known: their account may be in the making.
async fn revokes(site: &Site, sub: &str) {
    let operator = site.operator();
    let path = format!("/people/{sub}@demo/revoke");
    soon(|| async { (operator.tries(&path, json!({})).await.0 == 200).then_some(()) }).await;
}

/// What becomes of whoever has this account.
fn fate(row: &Value) -> Fate {
    PEOPLE.into_iter().find(|(sub, _)| row["person"] == format!("{sub}@demo")).unwrap().1
}

/// The state in which this account is to end.
fn state(row: &Value) -> &'static str {
    if matches!(fate(row), Fate::Ends | Fate::Revoked) { "disabled" } else { "active" }
}

/// The groups of an account that stays open.
fn given(fate: Fate) -> BTreeSet<String> {
    [if fate == Fate::Rises { "editors" } else { "writers" }.to_owned()].into()
}

/// The calls that asked for an account that was there. Notes keeps names and marks unique, and so refuses them; another target
/// would have made a second one.
fn made_again(site: &Site) -> Vec<(Method, String, StatusCode)> {
    let mut done = site.scim.done();
    done.retain(|(method, path, status)| {
        *method == Method::POST && path.ends_with("/Users") && *status == StatusCode::CONFLICT
    });
    done
}

/// What an account is by all that the record tells of it, in order: whether it is open, and its groups. Nothing is told
/// twice.
fn told(record: &Value, id: &Value) -> Option<(bool, Option<BTreeSet<String>>)> {
    let mut rows: Vec<&Value> = record.as_array().unwrap().iter().map(|row| &row["leaf"]["what"]).collect();
    rows.retain(|what| what["account"] == *id);
    let (mut open, mut groups) = (None, BTreeSet::new());
    for change in rows.iter().flat_map(|what| what["changes"].as_array()).flatten() {
        let group = change["group"].as_str().unwrap_or_default().to_owned();
        let is_news = match (change["change"].as_str().unwrap(), open) {
            ("created", None) | ("enabled", Some(false)) => open.replace(true) != Some(true),
            ("disabled", Some(true)) => open.replace(false) == Some(true),
            ("joined", Some(_)) => groups.insert(group),
            ("left", Some(_)) => groups.remove(&group),
            ("updated", Some(_)) => true,
            _ => false,
        };
        assert!(is_news, "{change} was so already: {rows:?}");
    }
    open.map(|open| (open, Some(groups)))
}
