//! `kill -9` at any moment of first logins and of expiries, while the target loses answers, repeats them, lies, throttles
//! and dawdles: afterwards everybody has one account that was asked for once, it is ours, it is disabled, no change is missing
//! in the record, and nothing is left to do.
//!
//! `GUESTPASS_LONG=1` plays more rounds, `GUESTPASS_SEED` those of an earlier run: the same but for time.

use crate::harness::{Mood, Process, Site, next, soon};
use guestpass::clock::Clock;
use guestpass::demo::browser::Browser;
use http::{Method, StatusCode};
use serde_json::Value;
use std::time::Duration;
use tokio::task::JoinSet;

const ROUNDS: u64 = 8;
const LONG: u64 = 200;
/// How many rounds are played at a time.
const AT_ONCE: usize = 4;
/// How often it is killed in a round: the first times about the login, then about the end.
const KILLS: u64 = 4;
/// How many people come at the same time.
const PEOPLE: usize = 5;

#[tokio::test]
async fn killed_at_any_moment_it_leaves_everybody_one_account_and_that_disabled() {
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
    site.change("policies/notes.yaml", "ttl: 30d", "ttl: 3s");
    site.crowd(PEOPLE);
    site.scim.is(Mood::Fitful(next(&mut seed)));
    let mut coming: JoinSet<()> = (0..PEOPLE)
        .map(|number| comes(site.notes_url.clone(), site.provider_url.clone(), format!("c-{number}")))
        .collect();
    let mut process = Process::serve(&site).await;
    for _ in 0..KILLS {
        tokio::time::sleep(Duration::from_millis(next(&mut seed) % 1_800)).await;
        process.kill().await;
        process = Process::serve(&site).await;
    }
    while let Some(came) = coming.join_next().await {
        came.unwrap();
    }
    site.scim.is(Mood::Well);

    let operator = site.operator();
    let kept = soon(|| async {
        let accounts = operator.asks("/accounts").await;
        let over = |row: &Value| row["state"] == "disabled" && row["due"].is_null();
        accounts.as_array().unwrap().iter().all(over).then_some(accounts)
    });
    let kept = kept.await;
    let theirs = site.notes.accounts().await.unwrap();
    let about = || format!("round {began}: {theirs:?}\n{kept}\n{}", process.log());
    let kept_ids: Vec<&str> =
        kept.as_array().unwrap().iter().map(|row| row["external_id"].as_str().unwrap()).collect();
    assert_eq!(kept_ids.len(), PEOPLE, "{}", about());
    // Of some none, where the end came before the target let itself be told.
    assert!(theirs.iter().all(|account| !account.active), "{}", about());
    let mut marks = theirs.iter().map(|account| account.external_id.as_deref().unwrap_or_default());
    assert!(marks.all(|id| kept_ids.contains(&id)), "an orphan: {}", about());
    assert_eq!(made_again(&site), [], "{}", about());

    let record = operator.asks("/audit").await;
    let changes = record.as_array().unwrap().iter().flat_map(|row| row["leaf"]["what"]["changes"].as_array());
    let changes: Vec<&Value> = changes.flatten().map(|change| &change["change"]).collect();
    let count = |name: &str| changes.iter().filter(|change| **change == name).count();
    let (made, ended) = (count("created"), count("disabled"));
    assert_eq!((made, ended, count("gone")), (theirs.len(), theirs.len(), 0), "{}", about());
    process.kill().await;
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

/// Tries to get in until there was an answer for good: the page, or that it is over by now.
async fn comes(notes: String, provider: String, person: String) {
    let browser = Browser::new(Clock::system()).unwrap();
    soon(|| async {
        let asked = browser.get(&notes).await.ok()?;
        let answer = if asked.url.as_str().starts_with(&provider) {
            browser.post_form(asked.url.as_str(), &[("person", &person)]).await.ok()?
        } else {
            asked
        };
        let ended = answer.status == StatusCode::FORBIDDEN && answer.text.contains("ended on");
        (answer.status == StatusCode::OK || ended).then_some(())
    })
    .await;
}
