//! Access ends on time, and an end is an end.

use crate::harness::{ADA, CARLA, House, soon};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

const TTL: SignedDuration = SignedDuration::from_hours(30 * 24);
const SECOND: SignedDuration = SignedDuration::from_secs(1);

#[tokio::test]
async fn at_the_very_second_the_next_request_is_refused_and_the_account_is_disabled() {
    let house = House::open().await;
    let carla = house.guest(CARLA).await;
    house.settled().await;
    house.turn(TTL - SECOND);
    assert_eq!(house.knock(&carla).await, (200, String::new()));
    house.turn(SECOND);
    assert_eq!(house.knock(&carla).await, (403, "ended".to_owned()));
    house.account_becomes(|account| !account.active).await;
    house.settled().await;

    let page = house.sign_in(&house.browser(), &house.notes_url, CARLA).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    for words in ["Your access to Notes ended on 1 April, 09:00 UTC.", "It was given for 30 days."] {
        assert!(page.text.contains(words), "{}", page.text);
    }
    assert!(!house.account().await.active);
    let record = house.record().await;
    let told =
        ["access_ended", "account_changed disabled", "sign_in_refused notes ended", "session_opened notes"];
    assert_eq!(record[4..], told, "{record:?}");
    house.finish().await;
}

#[tokio::test]
async fn what_has_lapsed_is_opened_by_a_sign_in() {
    let house = House::open().await;
    let ada = house.guest(ADA).await;
    house.settled().await;
    house.turn(TTL);
    assert_eq!(house.knock(&ada).await, (403, "ended".to_owned()));
    house.account_becomes(|account| !account.active).await;
    let again = house.guest(ADA).await;
    assert_eq!(house.knock(&again).await.0, 200);
    assert_eq!(house.knock(&ada).await.0, 200, "the older session is the same person's");
    let account = house.account().await;
    assert!(account.active && account.groups == ["writers"]);
    house.finish().await;
}

#[tokio::test]
async fn an_extension_opens_again_and_enables_the_same_account() {
    let house = House::open().await;
    let carla = house.guest(CARLA).await;
    let before = house.account().await;
    house.turn(TTL);
    house.account_becomes(|account| !account.active).await;
    house.settled().await;

    let grant = house.grants(CARLA).await.into_iter().find(|grant| grant.app.as_str() == "notes").unwrap();
    let until: Timestamp = house.clock.now() + SignedDuration::from_hours(1);
    house.operator().orders(&format!("/grants/{}/extend", grant.id), json!({ "until": until })).await;
    let account = house.account_becomes(|account| account.active && account.groups == ["readers"]).await;
    assert_eq!(account.id, before.id);
    house.settled().await;
    assert_eq!(house.knock(&carla).await.0, 200);
    assert_eq!(
        house
            .operator()
            .tries(&format!("/grants/{}/extend", grant.id), json!({ "until": "2026-03-02T09:00:00Z" }))
            .await
            .0,
        422
    );
    house.turn(SignedDuration::from_hours(1));
    assert_eq!(house.knock(&carla).await, (403, "ended".to_owned()));
    house.account_becomes(|account| !account.active).await;
    house.finish().await;
}

#[tokio::test]
async fn an_operator_ends_a_grant_and_a_sign_in_does_not_bring_it_back() {
    let house = House::open().await;
    let ada = house.guest(ADA).await;
    let grant = house.grants(ADA).await.into_iter().find(|grant| grant.app.as_str() == "notes").unwrap();
    house.operator().orders(&format!("/grants/{}/end", grant.id), json!({})).await;
    assert_eq!(house.knock(&ada).await, (403, "ended".to_owned()));
    assert_eq!(
        ada.xhr(&house.echo_url).await.unwrap().status,
        StatusCode::UNAUTHORIZED,
        "never opened there"
    );
    house.account_becomes(|account| !account.active).await;
    // Her role in the other app lives, so she signs in; Notes stays shut.
    let page = house.sign_in(&house.browser(), &house.notes_url, ADA).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN, "{}", page.text);
    assert!(house.record().await.contains(&"grant_ended notes writer".to_owned()));
    house.finish().await;
}

#[tokio::test]
async fn a_role_that_the_provider_takes_goes_at_the_next_login_and_another_comes() {
    let house = House::open().await;
    let before = house.guest(ADA).await;
    assert_eq!(house.account().await.groups, ["writers"]);
    house.put_in_groups(ADA, &["guests"]);
    // Keys of a provider are read again after ten seconds at the earliest.
    house.turn(SignedDuration::from_secs(10));
    house.guest(ADA).await;
    let account = house.account_becomes(|account| account.groups == ["readers"]).await;
    assert!(account.active);
    let seen = before.xhr(&format!("{}/hook/whoami", house.notes_url)).await.unwrap();
    assert!(seen.text.contains("\"roles\":[\"guest\"]"), "{}", seen.text);

    house.put_in_groups(ADA, &[]);
    house.turn(SignedDuration::from_secs(10));
    let page = house.sign_in(&house.browser(), &house.notes_url, ADA).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert_eq!(house.knock(&before).await, (403, "ended".to_owned()));
    house.account_becomes(|account| !account.active).await;
    house.finish().await;
}

#[tokio::test]
async fn an_end_holds_while_every_background_task_is_held_up() {
    let house = House::open().await;
    let carla = house.guest(CARLA).await;
    house.settled().await;
    house.scim.down().await;
    house.turn(TTL);
    assert_eq!(house.knock(&carla).await, (403, "ended".to_owned()));
    assert!(house.account().await.active, "the target was not reached");
    // What a target refuses stays due, and is tried again and again. A look at what was settled may have failed before.
    for attempts in 1..4 {
        soon(|| async {
            let account = &house.kept().await[0];
            let tried = account.state == "disabling" && account.attempts >= attempts;
            (account.due.is_some() && tried).then_some(())
        })
        .await;
        house.turn(SignedDuration::from_hours(24));
    }
    house.scim.up();
    house.turn(SignedDuration::from_hours(1));
    house.account_becomes(|account| !account.active).await;
    house.finish().await;
}

#[tokio::test]
async fn a_clock_that_is_set_back_revives_nothing() {
    let mut house = House::open().await;
    let carla = house.guest(CARLA).await;
    let start = house.clock.now();
    house.turn(TTL);
    assert_eq!(house.knock(&carla).await.0, 403);
    house.account_becomes(|account| !account.active).await;
    house.settled().await;
    house.turn(-TTL);
    assert_eq!(house.knock(&carla).await, (403, "ended".to_owned()));
    house.restart_at(start).await;
    assert_eq!(house.knock(&carla).await, (403, "ended".to_owned()));
    assert_eq!(house.clock.now(), start + TTL);
    assert!(!house.account().await.active);
    house.finish().await;
}
