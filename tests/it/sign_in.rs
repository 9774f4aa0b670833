//! A guest gets in, gets an account, or is told why not.

use crate::harness::{ADA, CARLA, House, OTTO};
use guestpass::demo::browser::Browser;
use http::StatusCode;
use std::sync::Arc;
use tokio::task::JoinSet;

#[tokio::test]
async fn people_are_sent_to_sign_in_and_programs_get_401() {
    let house = House::open().await;
    let asked = house.browser().get(&house.notes_url).await.unwrap();
    assert!(asked.url.as_str().starts_with(&format!("{}/authorize?", house.provider_url)), "{}", asked.url);

    let answer = house.browser().xhr(&house.notes_url).await.unwrap();
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(answer.hops.is_empty());
    assert!(answer.header("www-authenticate").is_some());
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(house.pages.seen(), []);
    assert_eq!(house.record().await, [""; 0]);
    house.finish().await;
}

#[tokio::test]
async fn the_first_login_makes_one_account_before_the_first_page() {
    let house = House::open().await;
    let browser = house.browser();
    let page = house.sign_in(&browser, &format!("{}/?from=mail", house.notes_url), CARLA).await;
    assert_eq!((page.status, page.url.query()), (StatusCode::OK, Some("from=mail")), "{}", page.text);

    let account = house.account().await;
    assert!(page.text.contains(&account.id), "{}", page.text);
    assert!(account.active);
    assert_eq!(account.groups, ["readers"]);
    assert_eq!(account.external_id.as_ref(), Some(&house.kept().await[0].external_id));
    let record = [
        "signed_in first",
        "session_opened notes",
        "account_changed created",
        "account_changed joined:readers",
    ];
    let mut told = house.record().await;
    // The browser is on its way to the app while the account is being made.
    told[1..].sort_by_key(|event| event.starts_with("account"));
    assert_eq!(told, record);
    house.finish().await;
}

#[tokio::test]
async fn a_second_browser_leads_to_the_same_account() {
    let house = House::open().await;
    house.guest(CARLA).await;
    let first = house.account().await;
    let other = house.guest(CARLA).await;
    let seen = other.xhr(&format!("{}/hook/whoami", house.notes_url)).await.unwrap();
    assert!(seen.text.contains(&first.id), "{}", seen.text);
    assert_eq!(house.account().await, first);
    house.finish().await;
}

#[tokio::test]
async fn fifty_first_requests_at_once_make_one_account() {
    let house = Arc::new(House::open().await);
    let mut browsers = JoinSet::new();
    for _ in 0..50 {
        let house = house.clone();
        browsers.spawn(async move {
            let browser = house.browser();
            let mut answer = house.sign_in(&browser, &house.notes_url, CARLA).await;
            while answer.status == StatusCode::SERVICE_UNAVAILABLE {
                answer = browser.get(&house.notes_url).await.unwrap();
            }
            answer.status
        });
    }
    let answers = browsers.join_all().await;
    assert!(answers.iter().all(|status| *status == StatusCode::OK), "{answers:?}");
    house.account().await;
    let created = house.record().await.iter().filter(|event| event.contains("created")).count();
    assert_eq!(created, 1);
    Arc::into_inner(house).unwrap().finish().await;
}

#[tokio::test]
async fn an_outsider_is_refused_and_leaves_one_event_alone() {
    let house = House::open().await;
    let page = house.sign_in(&house.browser(), &house.notes_url, OTTO).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.text.contains("no_role") && page.text.contains("x-9 from demo"), "{}", page.text);
    assert_eq!(house.record().await, ["sign_in_refused notes no_role"]);
    assert_eq!(house.accounts().await, []);
    assert_eq!(house.operator().asks("/people").await, serde_json::json!([]));
    assert_eq!((house.scim.seen(), house.pages.seen()), (vec![], vec![]));
    house.finish().await;
}

#[tokio::test]
async fn groups_that_were_not_told_grant_nothing_and_take_nothing() {
    let mut house = House::open().await;
    let known = house.guest(ADA).await;
    let before = house.grants(ADA).await;
    house.change("guestpass.yaml", "claim: groups", "claim: teams");
    house.restart().await;

    let page = house.sign_in(&house.browser(), &house.notes_url, CARLA).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.text.contains("claims_unknown"), "{}", page.text);
    assert_eq!(house.grants(CARLA).await.len(), 0);

    house.turn(jiff::SignedDuration::from_hours(24));
    let again: Browser = house.guest(ADA).await;
    assert_eq!(house.knock(&again).await.0, 200);
    assert_eq!(house.knock(&known).await.0, 200);
    let ends =
        |grants: &[guestpass::store::GrantRow]| grants.iter().map(|grant| grant.until).collect::<Vec<_>>();
    assert_eq!(ends(&house.grants(ADA).await), ends(&before), "unconfirmed, so its end stays");
    assert_eq!(house.account().await.groups, ["writers"]);
    house.finish().await;
}
