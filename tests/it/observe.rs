//! Apps that are observed: everything is decided and told, nothing is refused, and nothing is provisioned.

use crate::harness::{ADA, CARLA, Hand, House, Site, Wire, guestpass, soon};
use guestpass::clock::Clock;
use jiff::SignedDuration;
use serde_json::{Value, json};

const CONFIG: &str = "guestpass.yaml";
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// A site where this app is observed.
async fn site(app: &str) -> Site {
    let site = Site::new(Clock::turned("2026-03-02T09:00:00Z".parse().unwrap())).await;
    observe(&site, app);
    site
}

fn observe(site: &Site, app: &str) {
    let host = format!("    host: {app}.localhost\n");
    site.change(CONFIG, &host, &format!("{host}    enforce: false\n"));
}

async fn enforce(site: &Site) {
    site.change(CONFIG, "    enforce: false\n", "");
    site.operator().orders("/reload", json!({})).await;
}

/// Signs in at an app that asks nobody to.
async fn sign_in(site: &Site, url: &str, person: &str) -> Hand {
    let mut hand = Hand::new();
    let (asked, _) = hand.follow(&format!("{url}/.guestpass/start?to=/"), &site.provider_url).await;
    let back = hand.choose(&asked, person).await;
    hand.follow(&back, "never").await;
    hand
}

/// What the echo was told under `name`.
fn told<'a>(seen: &'a Value, name: &str) -> Vec<&'a str> {
    let headers = seen["headers"].as_array().unwrap().iter();
    headers.filter(|pair| pair[0] == name).map(|pair| pair[1].as_str().unwrap()).collect()
}

/// The decision and reason of the last request for `path`, and whose it was.
async fn line(site: &Site, path: &str) -> (String, String, String) {
    let line: Value = soon(|| async {
        let text = std::fs::read_to_string(site.folder().join("access.log")).unwrap_or_default();
        let lines = text.lines().rev().filter_map(|line| serde_json::from_str(line).ok());
        lines.into_iter().find(|line: &Value| line["path"] == path)
    })
    .await;
    let word = |key: &str| line[key].as_str().unwrap_or("-").to_owned();
    (word("decision"), word("reason"), word("person"))
}

fn observed(reason: &str, person: &str) -> (String, String, String) {
    ("observed".to_owned(), reason.to_owned(), person.to_owned())
}

async fn counted(house: &House, decision: &str, reason: &str) -> Option<f64> {
    let labels = format!("app=\"echo\",decision=\"{decision}\",reason=\"{reason}\"");
    house.counted(&format!("guestpass_requests_total{{{labels}}}")).await
}

#[tokio::test]
async fn nobody_is_refused_and_the_app_learns_only_of_those_who_would_be_let_in() {
    let house = House::of(site("echo").await).await;
    let mut nobody = Hand::new();
    for name in ["guestpass-assertion", "guestpass_assertion", "x-user", "x_user", "x-forwarded-host"] {
        nobody.say(name, "forged");
    }
    let page = nobody.get(&format!("{}/page", house.echo_url)).await;
    assert_eq!(page.status, 200);
    assert!(!page.text.contains("forged"), "{}", page.text);
    assert_eq!(line(&house, "/page").await, observed("sent_to_sign_in", "-"));
    assert_eq!(nobody.post(&format!("{}/form", house.echo_url), &[("a", "b")]).await.status, 200);
    assert_eq!(line(&house, "/form").await, observed("sign_in_needed", "-"));

    let mut carla = sign_in(&house, &house.echo_url, CARLA).await;
    let page = carla.get(&format!("{}/hers", house.echo_url)).await;
    let seen: Value = serde_json::from_str(&page.text).unwrap();
    assert!(told(&seen, "guestpass-assertion")[0].starts_with("ey") && told(&seen, "x-user") == [CARLA]);
    assert_eq!(line(&house, "/hers").await, ("permitted".into(), "role".into(), "c-17@demo".into()));
    carla.say("x-user", "ada");
    let page = carla.get(&format!("{}/staff", house.echo_url)).await;
    let seen: Value = serde_json::from_str(&page.text).unwrap_or_else(|_| panic!("{}", page.text));
    assert!(told(&seen, "guestpass-assertion").is_empty() && told(&seen, "x-user").is_empty(), "{seen}");
    assert_eq!(line(&house, "/staff").await, observed("no_role", "c-17@demo"));

    // Whose time is up, too; and who is let in again is let in properly, on the same connection.
    house.turn(DAY * 30);
    assert_eq!(carla.get(&format!("{}/later", house.echo_url)).await.status, 200);
    assert_eq!(line(&house, "/later").await, observed("ended", "c-17@demo"));
    let grants = house.grants(CARLA).await;
    let grant = grants.iter().find(|grant| grant.app.as_str() == "echo").unwrap().id;
    house
        .operator()
        .orders(&format!("/grants/{grant}/extend"), json!({ "until": "2026-04-10T09:00:00Z" }))
        .await;
    assert_eq!(carla.get(&format!("{}/again", house.echo_url)).await.status, 200);
    assert_eq!(line(&house, "/again").await.0, "permitted");

    assert_eq!(counted(&house, "observed", "no_role").await, Some(1.0));
    assert_eq!(counted(&house, "observed", "sent_to_sign_in").await, Some(1.0));
    assert_eq!(house.counted("guestpass_app_enforced{app=\"echo\"}").await, Some(0.0));
    assert_eq!(house.counted("guestpass_app_enforced{app=\"notes\"}").await, Some(1.0));
    enforce(&house).await;
    assert_eq!(house.counted("guestpass_app_enforced{app=\"echo\"}").await, Some(1.0));
    assert_eq!(carla.get(&format!("{}/staff", house.echo_url)).await.status, 403);
    assert_eq!(nobody.get(&format!("{}/page", house.echo_url)).await.status, 303);
    assert_eq!(counted(&house, "refused", "no_role").await, Some(1.0));
    assert_eq!(counted(&house, "sent_to_sign_in", "sign_in_needed").await, Some(1.0));
    house.finish().await;
}

#[tokio::test]
async fn a_path_with_two_readings_goes_on_and_one_of_ours_does_not() {
    let house = House::of(site("echo").await).await;
    for (target, status) in [
        ("/public/../staff", 200),
        ("/public//x;y", 200),
        ("/%73taff", 200),
        ("/.guestpass/../staff", 400),
        ("/.guestpass/start?to=/../x", 303),
    ] {
        let mut wire = Wire::to(house.front).await;
        wire.send(format!("GET {target} HTTP/1.1\r\nhost: echo.localhost\r\naccept: text/html\r\n\r\n"))
            .await;
        assert_eq!(wire.told().await.unwrap().status, status, "{target}");
    }
    assert_eq!(line(&house, "/public/../staff").await, observed("bad_request", "-"));
    let mut wire = Wire::to(house.front).await;
    wire.send("GET /page HTTP/1.1\r\nhost: echo.localhost\r\nhost: notes.localhost\r\n\r\n").await;
    assert_eq!(wire.told().await.unwrap().status, 400, "which app is asked for is not overlooked");
    house.finish().await;
}

#[tokio::test]
async fn a_store_that_is_away_keeps_nobody_from_an_observed_app() {
    let house = House::of(site("echo").await).await;
    let mut carla = sign_in(&house, &house.echo_url, CARLA).await;
    carla.cookies_at(&house.echo_url).insert("guestpass".to_owned(), "A".repeat(43));
    house.database.suffers(crate::harness::Deed::HIDE).await;
    assert_eq!(carla.get(&format!("{}/page", house.echo_url)).await.status, 200);
    assert_eq!(line(&house, "/page").await, observed("store_unavailable", "-"));
    house.database.suffers(crate::harness::Deed::SHOW).await;
    house.finish().await;
}

#[tokio::test]
async fn no_account_is_made_until_the_app_is_enforced_and_an_end_is_an_end() {
    let house = House::of(site("notes").await).await;
    let mut carla = sign_in(&house, &house.notes_url, CARLA).await;
    sign_in(&house, &house.echo_url, ADA).await;
    let page = carla.get(&house.notes_url).await;
    assert!(page.text.contains("Notes only opens"), "it is Notes itself that has no account: {}", page.text);
    assert_eq!((house.kept().await.len(), house.accounts().await.len()), (0, 0));
    assert_eq!(house.grants(CARLA).await.len(), 2, "what she would have is written down");

    enforce(&house).await;
    let made = soon(|| async { (house.accounts().await.len() == 2).then_some(()) });
    made.await;
    house.settled().await;
    let account = house.accounts().await.into_iter().find(|account| account.user_name.starts_with("carla"));
    assert_eq!(account.unwrap().groups, ["readers"]);
    assert_eq!(carla.get(&house.notes_url).await.status, 200, "in the same session");

    // What was opened is closed in time, also where nothing is opened any more.
    observe(&house, "notes");
    house.put_in_groups(CARLA, &["guests", "staff"]);
    house.operator().orders("/reload", json!({})).await;
    sign_in(&house, &house.notes_url, CARLA).await;
    house.settled().await;
    let of_carla = async || {
        let accounts = house.accounts().await;
        accounts.into_iter().find(|account| account.user_name.starts_with("carla")).unwrap()
    };
    assert_eq!(of_carla().await.groups, ["readers"], "nothing more is given");
    house.turn(DAY * 31);
    soon(|| async { (!of_carla().await.active).then_some(()) }).await;
    house.finish().await;
}

#[tokio::test]
async fn whoever_looks_is_told_what_is_not_enforced() {
    let site = site("echo").await;
    let config = site.config();
    let checked = guestpass(&["check", "--config", config.to_str().unwrap()]).await;
    assert_eq!(checked.code, 0, "{}", checked.err);
    assert!(
        checked.err.contains("warning: echo is observed, not enforced: whoever asks gets in"),
        "{}",
        checked.err
    );
    assert!(checked.out.contains("2 apps (not enforced: echo)"), "{}", checked.out);
    let house = House::of(site).await;
    let (_, reloaded) = house.operator().tries("/reload", json!({})).await;
    assert!(reloaded["report"].as_str().unwrap().contains("not enforced"), "{reloaded}");
    let (_, planned) = house.operator().tries("/plan", json!({})).await;
    assert!(planned["report"].as_str().unwrap().contains("not enforced"), "{planned}");
    house.finish().await;
}
