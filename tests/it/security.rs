//! Ways in which gateways of this kind have failed, through the front door; `docs/security-cases.md` names the case for each.

mod kinds;
mod table;

use crate::harness::{Hand, Play, Process, Site, Stage};
use axum::Router;
use axum::response::Redirect;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use guestpass::clock::Clock;
use serde_json::Value;

/// Whom the app was told of.
fn user(text: &str) -> String {
    let told: Value = serde_json::from_str(text).unwrap_or_else(|_| panic!("{text}"));
    let headers = told["headers"].as_array().unwrap();
    headers.iter().find(|pair| pair[0] == "x-user").unwrap()[1].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_address_that_can_be_read_in_two_ways_opens_nothing() {
    let stage = Stage::after(|site| {
        let who = "groups: { any: [guests] }";
        site.change("policies/notes.yaml", who, "email-domain: corp.example");
    })
    .await;
    macro_rules! with {
        ($email:literal) => {
            Play {
                claims: |claims| {
                    claims["email"] = $email.into();
                    claims["email_verified"] = true.into();
                },
                userinfo: |claims| claims["email"] = $email.into(),
                ..Play::default()
            }
        };
    }
    stage.passes("a plain one", with!("carla@corp.example")).await;
    for (person, play) in [
        ("two-1", with!("carla@evil.example@corp.example")),
        ("two-2", with!("\"carla@evil.example\"@corp.example")),
        ("two-3", with!("carla@evil.example\u{0}@corp.example")),
        ("two-4", with!("carla@evil.example,@corp.example")),
        ("two-5", with!("carla@ｃorp.example")),
    ] {
        stage.provider.plays(Play { person, ..play });
        let reply = stage.signs_in().await;
        assert!(reply.status == 403 && reply.text.contains("no_role"), "{person}: {}", reply.text);
        stage.later();
    }
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_who_come_at_once_are_never_one_another() {
    const MANY: usize = 24;
    let site = Site::new(Clock::system()).await;
    site.crowd(MANY);
    let process = Process::serve(&site).await;
    let (url, provider) = (site.echo_url.clone(), site.provider_url.clone());
    let people: Vec<_> = (0..MANY)
        .map(|number| {
            let (url, provider) = (url.clone(), provider.clone());
            tokio::spawn(async move {
                let person = format!("c-{number}");
                let mut hand = Hand::new();
                let (asked, _) = hand.follow(&url, &provider).await;
                let back = hand.choose(&asked, &person).await;
                let (_, reply) = hand.follow(&back, "nowhere").await;
                assert_eq!(user(&reply.text), person);
                for _ in 0..20 {
                    assert_eq!(user(&hand.get(&url).await.text), person);
                }
            })
        })
        .collect();
    for person in people {
        person.await.unwrap();
    }
    assert_eq!(process.stop().await, 0);
}

#[tokio::test]
async fn subjects_that_look_alike_are_different_people() {
    let stage = Stage::open().await;
    let alike = ["alice", "Alice", "alice ", "ａlice", "al\u{200b}ice"];
    for person in alike {
        stage.provider.plays(Play {
            person,
            userinfo: |claims| claims["email"] = "alice@example.com".into(),
            ..Play::default()
        });
        assert_eq!(stage.signs_in().await.status, 200, "{person:?}");
        stage.later();
    }
    let people = stage.house.operator().asks("/people").await;
    assert_eq!(people.as_array().unwrap().len(), alike.len(), "{people}");
    // One of them gets the account of that name; nobody gets somebody else's, and a second one is not made.
    crate::harness::soon(|| async {
        let kept = stage.house.kept().await;
        kept.iter().all(|account| account.due.is_none() || account.failure.is_some()).then_some(())
    })
    .await;
    assert_eq!(stage.house.accounts().await.len(), 1);
    let mut house = stage.house;
    house.end().await;
}

#[tokio::test]
async fn sign_ins_that_are_begun_leave_nothing_here() {
    let site = Site::new(Clock::system()).await;
    let process = Process::serve(&site).await;
    let begin = async |often: usize| {
        for _ in 0..often {
            assert_eq!(Hand::new().get(&site.echo_url).await.status, 303);
        }
    };
    begin(200).await;
    let before = process.resident();
    begin(2_000).await;
    let grown = process.resident().saturating_sub(before);
    assert!(grown < 4 << 20, "{grown} bytes for 2,000 sign-ins that nobody went on with");
    assert_eq!(site.operator().asks("/audit").await.as_array().unwrap().len(), 0);
    assert_eq!(process.stop().await, 0);
}

/// What a provider says may be a mebibyte, as it comes: nothing is unpacked.
#[tokio::test]
async fn a_claim_that_is_inflated_is_not_read() {
    let stage = Stage::open().await;
    let groups: fn(&mut Value) = |claims| claims["groups"] = (0..200_000).map(|n| format!("g-{n}")).collect();
    let long: fn(&mut Value) = |claims| claims["sponsor"] = "a".repeat(2 << 20).into();
    for (what, play) in [
        ("many groups in an ID token", Play { claims: groups, ..Play::default() }),
        ("a long text in an ID token", Play { claims: long, ..Play::default() }),
        ("many groups at userinfo", Play { userinfo: groups, ..Play::default() }),
        ("a long text at userinfo", Play { userinfo: long, ..Play::default() }),
    ] {
        is_not_read(&stage, what, play).await;
    }
    let packed = || async {
        let body = STANDARD.decode(PACKED).unwrap();
        ([("content-encoding", "gzip"), ("content-type", "application/json")], body)
    };
    let packs = Router::new().route("/userinfo", axum::routing::get(packed));
    stage.house.provider.becomes(packs.fallback_service(stage.provider.router()));
    is_not_read(&stage, "packed userinfo", Play::default()).await;
    stage.house.provider.becomes(stage.provider.router());
    stage.passes("as it should be", Play::default()).await;
    for heard in stage.provider.heard("/userinfo").into_iter().chain(stage.provider.heard("/token")) {
        assert_eq!(heard.headers.get("accept-encoding"), None, "{}", heard.path);
    }
    stage.close().await;
}

/// `{"sub":"c-17","groups":["guests"]}`, packed by gzip, in base64.
const PACKED: &str = "H4sIAAAAAAACA6tWKi5NUrJSStY1NFfSUUovyi8tKFayilZKL00tLilWiq0FABV9g9oiAAAA";

/// Nobody is let in, and nothing is recorded, for what the provider says is too much.
async fn is_not_read(stage: &Stage, what: &str, play: Play) {
    let before = stage.house.record().await.len();
    stage.provider.plays(play);
    let reply = stage.signs_in().await;
    assert!(reply.status == 503 && reply.text.contains("provider_unavailable"), "{what}: {}", reply.text);
    assert_eq!(stage.house.record().await.len(), before, "{what}");
    stage.provider.plays(Play::default());
    stage.later();
}

#[tokio::test]
async fn a_provider_that_sends_us_elsewhere_is_not_followed() {
    let stage = Stage::open().await;
    stage.passes("as it should be", Play::default()).await;
    for path in ["/.well-known/openid-configuration", "/jwks"] {
        stage.later();
        let elsewhere = format!("http://{}/stolen", stage.house.echo.address);
        let away =
            Router::new().route(path, axum::routing::get(move || async move { Redirect::to(&elsewhere) }));
        stage.house.provider.becomes(away.fallback_service(stage.provider.router()));
        let reply = stage.signs_in().await;
        assert!(reply.status == 503 && reply.text.contains("provider_unavailable"), "{path}: {}", reply.text);
        assert!(stage.house.echo.seen().iter().all(|(_, path)| path != "/stolen"), "{path}");
        stage.house.provider.becomes(stage.provider.router());
    }
    stage.later();
    stage.passes("as it should be again", Play::default()).await;
    stage.close().await;
}

#[tokio::test]
async fn no_page_of_ours_tells_a_token() {
    let stage = Stage::open().await;
    let mut hand = Hand::new();
    hand.follow(&stage.house.echo_url, "nowhere").await;
    let all = hand.cookies.values().flat_map(|kept| kept.iter());
    let cookies: Vec<String> =
        all.filter(|(name, _)| *name == "guestpass").map(|(_, value)| value.clone()).collect();
    let (echo, own) = (stage.house.echo_url.clone(), stage.house.access_url.clone());
    for url in [
        format!("{own}/"),
        format!("{own}/.well-known/jwks.json"),
        format!("{echo}/.guestpass"),
        format!("{echo}/.guestpass/me"),
        format!("{echo}/.guestpass/userinfo"),
        format!("{echo}/.guestpass/auth"),
    ] {
        let text = hand.get(&url).await.text;
        assert!(!text.contains("eyJ"), "{url}: {text}");
        assert!(cookies.iter().all(|cookie| !text.contains(cookie.as_str())), "{url}: {text}");
    }
    assert!(hand.get(&own).await.text.contains("Carla Reyes"), "it is not her own page");
    stage.close().await;
}
