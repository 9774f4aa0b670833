//! Another policy reaches people who are signed in: it takes at once, gives at the next sign-in, and asks before it takes
//! from many.

use crate::harness::{ADA, CARLA, House, OTTO, Process, Site, guestpass, soon};
use guestpass::clock::Clock;
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Value, json};

const CONFIG: &str = "guestpass.yaml";
const POLICY: &str = "policies/notes.yaml";
const NOBODY: &str = "policy-guard: { people: 0%, at-least: 1 }\n\nproviders:";

/// Loads the files as they are now; what came of it.
async fn reload(site: &Site, confirm: Option<&str>) -> Value {
    let (status, reloaded) = site.operator().tries("/reload", json!({ "confirm": confirm })).await;
    assert_eq!(status, 200, "{reloaded}");
    reloaded
}

async fn applied(site: &Site) {
    let reloaded = reload(site, None).await;
    assert_eq!(reloaded["applied"], true, "{}", reloaded["report"]);
}

/// Waits until a script of this browser gets this reason.
async fn knocks_at(house: &House, browser: &guestpass::demo::browser::Browser, reason: &str) {
    soon(|| async { (house.knock(browser).await.1 == reason).then_some(()) }).await;
}

/// The version that a refused reload names.
fn version(report: &Value) -> String {
    let report = report["report"].as_str().unwrap();
    report
        .split("--confirm ")
        .nth(1)
        .unwrap_or_else(|| panic!("{report}"))
        .split_whitespace()
        .next()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn what_is_no_longer_given_goes_at_once_and_what_is_new_waits_for_a_sign_in() {
    let house = House::open().await;
    let carla = house.guest(CARLA).await;
    carla.get(&house.echo_url).await.unwrap();
    house.settled().await;
    house.change(POLICY, "groups: [readers]", "groups: [visitors]");
    house.change(POLICY, "visitors] }, echo: {}", "visitors] }");
    applied(&house).await;
    house.account_becomes(|account| account.groups == ["visitors"]).await;
    let gone = || async {
        (carla.xhr(&house.echo_url).await.unwrap().status == StatusCode::FORBIDDEN).then_some(())
    };
    soon(gone).await;
    assert_eq!(house.knock(&carla).await, (200, String::new()), "what is still given goes on");
    assert!(house.record().await.contains(&"access_revised".to_owned()));
    let row = house.app().store().audit(0, 1000).await.unwrap();
    let row = row.iter().find(|row| row.leaf["what"]["event"] == "access_revised").unwrap();
    assert_eq!((&row.leaf["actor"], row.leaf["policy"].is_string()), (&json!("policy"), true));

    house.change(POLICY, "visitors] }", "visitors] }, echo: {}");
    applied(&house).await;
    house.settled().await;
    assert_eq!(carla.xhr(&house.echo_url).await.unwrap().status, StatusCode::FORBIDDEN);
    let again = house.guest(CARLA).await;
    assert_eq!(again.get(&house.echo_url).await.unwrap().status, StatusCode::OK);
    house.finish().await;
}

#[tokio::test]
async fn another_policy_vouches_for_nobody_and_leaves_alone_what_it_cannot_tell() {
    let house = House::open().await;
    let (ada, carla) = (house.guest(ADA).await, house.guest(CARLA).await);
    let ends = |person| {
        let house = &house;
        async move { house.grants(person).await.iter().map(|grant| grant.until).collect::<Vec<_>>() }
    };
    let before = ends(ADA).await;
    house.turn(SignedDuration::from_hours(24 * 10));
    house.change(POLICY, "groups: [writers]", "groups: [authors]");
    // An attribute that her claims do not fill: nobody can say what it gives.
    house.change(
        POLICY,
        "groups: [readers]",
        "groups: [readers], attributes: { title: \"${claims.sponsor}\" }",
    );
    applied(&house).await;
    soon(|| async {
        let accounts = house.accounts().await;
        accounts.iter().any(|account| account.groups == ["authors"]).then_some(())
    })
    .await;
    house.settled().await;
    assert_eq!(ends(ADA).await, before, "what rests on her sign-in was put off");
    assert_eq!((house.knock(&ada).await.0, house.knock(&carla).await.0), (200, 200));
    house.finish().await;
}

#[tokio::test]
async fn a_policy_that_takes_from_too_many_is_refused_until_it_is_confirmed_by_its_version() {
    let house = House::open().await;
    house.change(CONFIG, "providers:", NOBODY);
    applied(&house).await;
    let (ada, carla) = (house.guest(ADA).await, house.guest(CARLA).await);
    house.settled().await;
    let refused = || house.counted("guestpass_config_reloads_total{outcome=\"refused\"}");
    let before = refused().await.unwrap();
    house.change(POLICY, "any: [guests]", "any: [friends]");
    soon(|| async { (refused().await.unwrap() > before).then_some(()) }).await;
    assert_eq!(house.counted("guestpass_config_valid").await, Some(0.0));

    let report = reload(&house, None).await;
    assert_eq!(report["applied"], false);
    let told = report["report"].as_str().unwrap();
    assert!(
        told.contains("takes access from 1 of 2 people: c-17@demo") && told.contains("Nothing was changed."),
        "{told}"
    );
    let version = version(&report);
    assert_eq!(reload(&house, Some("another")).await["applied"], false);
    assert_eq!(house.knock(&carla).await.0, 200);
    house.guest(CARLA).await;
    assert_eq!(reload(&house, Some(&version)).await["applied"], true);
    knocks_at(&house, &carla, "ended").await;
    assert_eq!(house.knock(&ada).await.0, 200);
    // It has been let pass, and is not asked about again.
    applied(&house).await;
    house.finish().await;
}

#[tokio::test]
async fn at_a_start_what_was_changed_meanwhile_is_carried_out_or_waits_to_be_confirmed() {
    let mut house = House::open().await;
    house.change(CONFIG, "providers:", NOBODY);
    applied(&house).await;
    let carla = house.guest(CARLA).await;
    house.settled().await;
    house.stop().await;
    house.change(POLICY, "any: [guests]", "any: [friends]");
    house.start().await;
    assert_eq!(house.knock(&carla).await.0, 200, "a start took access from everybody");
    // Sign-ins go by the new policy all the same.
    let outsider = house.sign_in(&house.browser(), &house.notes_url, OTTO).await;
    assert_eq!(outsider.status, StatusCode::FORBIDDEN);
    let report = reload(&house, None).await;
    assert_eq!((&report["applied"], house.knock(&carla).await.0), (&json!(false), 200));
    assert_eq!(reload(&house, Some(&version(&report))).await["applied"], true);
    knocks_at(&house, &carla, "ended").await;

    // Fewer than the guard minds: carried out at the start.
    house.change(POLICY, "any: [friends]", "any: [guests]");
    house.change(CONFIG, NOBODY, "providers:");
    applied(&house).await;
    let carla = house.guest(CARLA).await;
    house.settled().await;
    house.stop().await;
    house.change(POLICY, "any: [guests]", "any: [friends]");
    house.start().await;
    knocks_at(&house, &carla, "ended").await;
    house.finish().await;
}

#[tokio::test]
async fn operators_are_told_how_to_confirm() {
    let site = Site::new(Clock::system()).await;
    site.change(CONFIG, "providers:", NOBODY);
    let process = Process::serve(&site).await;
    let browser = guestpass::demo::browser::Browser::new(Clock::system()).unwrap();
    let asked = browser.get(&site.notes_url).await.unwrap();
    browser.post_form(asked.url.as_str(), &[("person", CARLA)]).await.unwrap();
    site.change(POLICY, "any: [guests]", "any: [friends]");
    let config = site.config().display().to_string();
    let said = guestpass(&["reload", "--config", &config]).await;
    assert_eq!((said.code, &*said.out), (1, ""));
    let confirm = said.err.split("guestpass reload --confirm ").nth(1).unwrap_or_else(|| panic!("{said:?}"));
    let version = confirm.split_whitespace().next().unwrap();
    let said = guestpass(&["reload", "--config", &config, "--confirm", version]).await;
    assert_eq!(said.code, 0, "{said:?}");
    let log = || process.log();
    soon(|| async { log().contains(&format!("policy {version} has reached everybody")).then_some(()) }).await;
    assert_eq!(process.stop().await, 0);
}
