//! An app with many hosts, `*.echo.localhost`: a session is for one of them.

use crate::harness::{CARLA, Hand, House, Site};
use guestpass::clock::Clock;
use serde_json::Value;

async fn house() -> (House, impl Fn(&str) -> String) {
    let site = Site::new(Clock::turned("2026-03-02T09:00:00Z".parse().unwrap())).await;
    site.change("guestpass.yaml", "host: echo.localhost", "host: \"*.echo.localhost\"");
    let port = site.front.port();
    (House::of(site).await, move |host: &str| format!("http://{host}:{port}"))
}

#[tokio::test]
async fn a_session_is_for_the_very_host_that_was_opened() {
    let (house, url) = house().await;
    let (a, b) = (url("a.echo.localhost"), url("b.echo.localhost"));
    let mut carla = Hand::new();
    let (asked, _) = carla.follow(&format!("{a}/page?x=1"), &house.provider_url).await;
    let back = carla.choose(&asked, CARLA).await;
    let (at, page) = carla.follow(&back, "never").await;
    assert_eq!((at, page.status), (format!("{a}/page?x=1"), 200), "{}", page.text);
    let told: Value = serde_json::from_str(&page.text).unwrap();
    let host = told["headers"].as_array().unwrap().iter().find(|pair| pair[0] == "host").unwrap();
    assert_eq!(host[1], a.strip_prefix("http://").unwrap());

    // What opened one host is nothing on another, which has a hand-over of its own.
    let stolen = carla.cookies_at(&a).clone();
    let mut thief = Hand::new();
    thief.headers.clear();
    *thief.cookies_at(&b) = stolen;
    assert_eq!(thief.get(&b).await.status, 401);
    let (at, page) = carla.follow(&b, &house.provider_url).await;
    assert_eq!((at, page.status), (format!("{b}/"), 200), "known to us, so nobody is asked: {}", page.text);
    assert_ne!(carla.cookies_at(&a)["guestpass"].clone(), carla.cookies_at(&b)["guestpass"]);
    let sessions = house.operator().asks("/sessions").await;
    let hosts = sessions[0]["hosts"].as_array().unwrap();
    for host in ["a.echo.localhost", "b.echo.localhost"] {
        assert!(hosts.iter().any(|found| found == host), "{sessions}");
    }
    house.finish().await;
}

#[tokio::test]
async fn a_hand_over_for_one_host_opens_no_other() {
    let (house, url) = house().await;
    let (a, b) = (url("a.echo.localhost"), url("b.echo.localhost"));
    let mut carla = Hand::new();
    let (asked, _) = carla.follow(&a, &house.provider_url).await;
    let back = carla.choose(&asked, CARLA).await;
    let (link, _) = carla.follow(&back, &format!("{a}/.guestpass/enter")).await;
    *carla.cookies_at(&b) = carla.cookies_at(&a).clone();
    let reply = carla.get(&link.replace(&a, &b)).await;
    assert!(reply.status == 400 && reply.text.contains("hand_over_expired"), "{}", reply.text);
    assert!(!carla.cookies_at(&b).contains_key("guestpass"));
    house.finish().await;
}

#[tokio::test]
async fn nobody_is_sent_to_a_host_that_is_not_the_apps() {
    let (house, _) = house().await;
    // Whoever is signed in would be handed over at once.
    let mut carla = Hand::new();
    let (asked, _) = carla.follow(&house.notes_url, &house.provider_url).await;
    let back = carla.choose(&asked, CARLA).await;
    carla.follow(&back, "never").await;
    let mut ask = async |host: &str| carla.get(&format!("{}/sign-in?app=echo{host}", house.access_url)).await;
    let reply = ask("&host=a.echo.localhost").await;
    assert!(reply.status == 303 && reply.next.unwrap().starts_with("http://a.echo.localhost:"));
    for host in [
        "",
        "&host=",
        "&host=evil.localhost",
        "&host=evil",
        "&host=echo.localhost",
        "&host=a.b.echo.localhost",
        "&host=a.echo.localhost.evil.localhost",
        "&host=a.echo.localhost:1",
        "&host=evil.localhost/.echo.localhost",
        "&host=evil.localhost%23.echo.localhost",
        "&host=x@a.echo.localhost",
        "&host=A.echo.localhost",
        "&host=notes.localhost",
    ] {
        let reply = ask(host).await;
        assert_eq!((reply.status, reply.next), (400, None), "{host}: {}", reply.text);
    }
    house.finish().await;
}
