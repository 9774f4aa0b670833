//! Many at once: everybody gets one account, and nobody two.
//!
//! `GUESTPASS_LONG=1` lets ten thousand people come at once.

use crate::harness::{CARLA, Hand, House, Site};
use futures_util::future::join_all;
use guestpass::clock::Clock;
use http::{Method, StatusCode};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// How many sockets the people of this test have open at a time: descriptors are not endless.
const AT_ONCE: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn everybody_who_comes_for_the_first_time_at_once_gets_one_account() {
    let people: usize = if std::env::var_os("GUESTPASS_LONG").is_some() { 10_000 } else { 200 };
    let site = Site::new(Clock::system()).await;
    site.crowd(people);
    let house = House::of(site).await;
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let comes = |number: usize| {
        let (room, access, provider) = (room.clone(), house.access_url.clone(), house.provider_url.clone());
        tokio::spawn(async move {
            let _place = room.acquire_owned().await.unwrap();
            let mut hand = Hand::new();
            // Without a look at the provider's page, which shows everybody: that grows with their square.
            let (asked, _) = hand.follow(&access, &provider).await;
            let back = hand.choose(&asked, &format!("c-{number}")).await;
            let (_, answer) = hand.follow(&back, "nowhere").await;
            assert_eq!(answer.status, 200, "{}", answer.text);
        })
    };
    for came in join_all((0..people).map(comes)).await {
        came.unwrap();
    }
    // To look at ten thousand takes a while, and so do they.
    let kept = async || house.app().store().account_rows(None, None, u32::MAX).await.unwrap();
    let (begun, mut found) = (Instant::now(), kept().await);
    while found.iter().any(|account| account.state != "active") {
        assert!(begun.elapsed() < Duration::from_mins(10), "not everybody has an account");
        tokio::time::sleep(Duration::from_millis(people as u64 / 10)).await;
        found = kept().await;
    }
    assert_eq!(found.len(), people);
    let accounts = house.accounts().await;
    let marks: BTreeSet<_> = accounts.iter().map(|account| account.external_id.clone()).collect();
    assert_eq!((accounts.len(), marks.len()), (people, people));
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_requests_of_one_new_person_make_one_account() {
    let house = House::open().await;
    house.scim.down().await;
    let browser = house.browser();
    let page = house.sign_in(&browser, &house.notes_url, CARLA).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    house.scim.up();
    let turn = async {
        for _ in 0..50 {
            house.turn(jiff::SignedDuration::from_secs(1));
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let knocks = join_all((0..200).map(|_| house.knock(&browser)));
    let (_, answers) = tokio::join!(turn, knocks);
    // Who came before the account was there is told to come again; nobody is refused.
    assert!(answers.iter().all(|(status, _)| [200, 503].contains(status)), "{answers:?}");
    house.settled().await;
    house.account().await;
    assert_eq!(house.knock(&browser).await.0, 200);
    let made = house
        .scim
        .seen()
        .into_iter()
        .filter(|(method, path)| *method == Method::POST && path.ends_with("/Users"));
    assert_eq!(made.count(), 1);
    house.finish().await;
}
