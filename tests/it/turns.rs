//! Whose turn it is in a target: who may do much loses it before others; and one that never answers costs nobody elsewhere a
//! moment.

use crate::harness::{ADA, CARLA, Counterpart, House, Mood, Site, soon};
use guestpass::clock::Clock;
use http::Method;
use jiff::SignedDuration;
use serde_json::json;
use std::time::{Duration, Instant};

const CONFIG: &str = "guestpass.yaml";
/// More than a target is asked for at a time, and fewer than its guard minds losing all.
const PEOPLE: usize = 9;

async fn site() -> Site {
    Site::new(Clock::turned("2026-03-02T09:00:00Z".parse().unwrap())).await
}

#[tokio::test]
async fn who_may_do_much_loses_it_before_others_though_it_was_refused_before() {
    for (more, order) in [("privileged: [writers]", [ADA, CARLA]), ("privileged: []", [CARLA, ADA])] {
        let site = site().await;
        let token = "${file:scim-token}\"";
        site.change(CONFIG, token, &format!("{token}, parallel: 1, {more}"));
        let house = House::of(site).await;
        for person in [ADA, CARLA] {
            house.guest(person).await;
        }
        house.settled().await;
        let operator = house.operator();
        let revokes = async |person| {
            operator.orders(&format!("/people/{person}@demo/revoke"), json!({})).await;
        };
        // The target asks to be left alone, so that both wait until that is over: Carla for longer, since Ada's next try is
        // then.
        house.scim.is(Mood::Throttles);
        revokes(ADA).await;
        let paused =
            || async { operator.asks("/targets").await[0]["paused_until"].is_string().then_some(()) };
        soon(paused).await;
        revokes(CARLA).await;
        house.scim.is(Mood::Well);
        let before = house.scim.seen().len();
        house.turn(SignedDuration::from_secs(10));
        house.settled().await;

        let accounts = house.accounts().await;
        let of = |person| {
            let group = if person == ADA { "writers" } else { "readers" };
            let account = accounts.iter().find(|account| account.groups == [group]).unwrap();
            (Method::PATCH, format!("/scim/v2/Users/{}", account.id))
        };
        let mut calls = house.scim.seen().split_off(before);
        calls.retain(|(method, _)| *method != Method::GET);
        assert_eq!(calls, order.map(of), "{more}");
        house.finish().await;
    }
}

#[tokio::test]
async fn a_target_that_never_answers_costs_nobody_elsewhere_a_moment() {
    let house = House::of(site().await).await;
    let alone = slowest(&house).await;
    house.finish().await;

    let (site, deaf) = (site().await, Counterpart::new());
    deaf.is(Mood::Slow(Duration::from_hours(1)));
    deaf.up();
    let echo = "    host: echo.localhost\n";
    let accounts = format!("accounts: {{ scim: \"http://{}/scim/v2\", token: abcdefgh }}", deaf.address);
    site.change(CONFIG, echo, &format!("{echo}    {accounts}\n"));
    let mut house = House::of(site).await;
    let beside = slowest(&house).await;
    let waits = house.kept().await.iter().filter(|account| account.target.as_str() == "echo").count();
    assert!(waits == PEOPLE && deaf.seen().len() >= 8, "everybody waits for it: {:?}", deaf.seen());
    // A call of ours lasts ten seconds at the most: who waited for one would take longer than this. Our clock stands, so
    // nobody waited for that either.
    assert!(beside < alone * 3 + Duration::from_secs(4), "{beside:?}, and without it {alone:?}");
    deaf.down().await;
    house.end().await;
}

/// How long it takes, for the slowest of many people, until they are in and, revoked, their account is closed.
async fn slowest(house: &House) -> Duration {
    house.crowd(PEOPLE);
    let mut slowest = Duration::ZERO;
    for number in 0..PEOPLE {
        let (person, began) = (format!("c-{number}"), Instant::now());
        house.guest(&person).await;
        house.operator().orders(&format!("/people/{person}@demo/revoke"), json!({})).await;
        let closed = || async { house.accounts().await.iter().all(|one| !one.active).then_some(()) };
        soon(closed).await;
        slowest = slowest.max(began.elapsed());
    }
    slowest
}
