//! What policies ask beside who somebody is, from the file to the front door: hours, networks, parts of an app, use, and
//! rules that take away.

use crate::harness::{CARLA, House, Site, soon};
use guestpass::clock::Clock;
use http::StatusCode;
use jiff::SignedDuration;

const POLICY: &str = "policies/notes.yaml";
const GUEST: &str = "    for: { ttl: 30d }\n";
const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// A house on 2 March 2026 at nine, where guests have `rest` instead of their thirty days.
async fn house(rest: &str) -> House {
    let site = Site::new(Clock::turned("2026-03-02T09:00:00Z".parse().unwrap())).await;
    site.change(POLICY, GUEST, rest);
    House::of(site).await
}

#[tokio::test]
async fn a_role_opens_within_its_hours_and_is_held_in_between() {
    let house = house("    only: { days: [mon, tue], hours: 08:00-18:00 }\n").await;
    let carla = house.guest(CARLA).await;
    assert_eq!(house.knock(&carla).await, (200, String::new()));
    house.turn(HOUR * 9);
    assert_eq!(house.knock(&carla).await, (403, "outside_hours".to_owned()));
    let page = carla.get(&house.notes_url).await.unwrap();
    assert!(page.text.contains("3 March, 08:00"), "{}", page.text);
    house.settled().await;
    assert!(house.account().await.active, "the account is theirs all the same");
    // The session was for twelve hours; the role is still there for another.
    house.turn(HOUR * 14);
    let again = house.guest(CARLA).await;
    assert_eq!(house.knock(&again).await.0, 200);
    house.finish().await;
}

#[tokio::test]
async fn a_role_opens_from_its_networks_alone() {
    let house = house("    only: { networks: [10.0.0.0/8] }\n").await;
    let carla = house.browser();
    let page = house.sign_in(&carla, &house.notes_url, CARLA).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN, "{}", page.text);
    assert_eq!(house.knock(&carla).await, (403, "wrong_network".to_owned()));
    house.finish().await;
}

#[tokio::test]
async fn a_role_opens_its_part_of_an_app_alone() {
    let house = house("").await;
    house.change(
        POLICY,
        "groups: [readers] }, echo: {}",
        "groups: [readers] }, echo: { routes: [/reports] }",
    );
    house.operator().orders("/reload", serde_json::json!({})).await;
    let carla = house.guest(CARLA).await;
    let asks =
        async |path: &str| carla.xhr(&format!("{}{path}", house.echo_url)).await.unwrap().status.as_u16();
    carla.get(&format!("{}/reports", house.echo_url)).await.unwrap();
    assert_eq!(asks("/reports/2026").await, 200);
    assert_eq!(asks("/reports").await, 200);
    for elsewhere in
        ["/", "/reportsx", "/Reports", "/x/reports", "/reports/../admin", "/reports%2f..%2fadmin"]
    {
        assert!([400, 403].contains(&asks(elsewhere).await), "{elsewhere}");
    }
    house.finish().await;
}

#[tokio::test]
async fn use_puts_an_end_off_and_idleness_does_not() {
    let house = house("    for: { idle: 7d }\n").await;
    let carla = house.guest(CARLA).await;
    house.settled().await;
    house.turn(DAY * 5);
    let used = house.guest(CARLA).await;
    house.turn(SignedDuration::from_mins(2));
    soon(|| async { house.grants("c-17").await.iter().any(|grant| grant.last_used.is_some()).then_some(()) })
        .await;
    house.turn(DAY * 5);
    let still = house.guest(CARLA).await;
    assert_eq!(house.knock(&still).await.0, 200, "it was used five days ago");
    house.turn(DAY * 8);
    house.account_becomes(|account| !account.active).await;
    drop((carla, used));
    let back = house.guest(CARLA).await;
    assert_eq!(house.knock(&back).await.0, 200, "who comes back has it again");
    house.finish().await;
}

#[tokio::test]
async fn what_stands_in_the_way_is_named_and_recorded() {
    let denied = "deny:\n  outsiders: { who: { provider: demo, groups: { any: [guests] } } }\n";
    let separated = "separate:\n  duties: { roles: [guest, other] }\n";
    let other = "  other:\n    who: { provider: demo, groups: { any: [guests] } }\n    gets: { notes: {} }\n";
    for (reason, rest) in [
        ("denied", denied.to_owned()),
        ("separated", format!("{other}{separated}")),
        ("needs_approval", "    approval: { by: writer }\n".to_owned()),
        ("not_yet", "    for: { from: 2026-03-03 }\n".to_owned()),
        ("policy_failed", "    for: { ttl: 1d }\n    guest: { sponsor: claims.nobody }\n".to_owned()),
    ] {
        let house = house(&rest).await;
        let page = house.sign_in(&house.browser(), &house.notes_url, CARLA).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{reason}: {}", page.text);
        assert!(page.text.contains(reason), "{reason}: {}", page.text);
        assert_eq!(house.record().await, [format!("sign_in_refused notes {reason}")]);
        assert!(house.accounts().await.is_empty());
        house.finish().await;
    }
}
