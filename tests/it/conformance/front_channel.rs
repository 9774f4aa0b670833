//! The provider has the browser say in a frame that somebody has signed out there.

use crate::harness::{Answered as Reply, Hand, Play, Stage};

fn here() -> Play {
    Play { claims: |claims| claims["sid"] = "there-1".into(), ..Play::default() }
}

/// The frame of the provider's page in `hand`'s browser, where it is on our own site and so has our cookies.
async fn frame(stage: &Stage, hand: &mut Hand, query: &str) -> Reply {
    let kept = std::mem::take(&mut hand.headers);
    hand.say("sec-fetch-mode", "navigate");
    hand.say("sec-fetch-dest", "iframe");
    let reply = hand.get(&format!("{}/sign-out/front-channel/demo?{query}", stage.house.access_url)).await;
    assert_eq!(reply.header("cache-control"), "no-store");
    hand.headers = kept;
    reply
}

#[tokio::test]
async fn a_frame_ends_the_session_of_its_own_browser_that_it_names_and_nothing_else() {
    let stage = Stage::open().await;
    let (mut carla, other) = (stage.guest(here()).await, stage.guest(here()).await);
    let named = format!("iss={}&sid=there-1", stage.house.provider_url);
    for query in [
        "",
        "sid=there-1",
        &format!("iss={}", stage.house.provider_url),
        &format!("iss={}&sid=there-2", stage.house.provider_url),
        &format!("iss={}&sid=", stage.house.provider_url),
        "iss=https://evil.example&sid=there-1",
        &format!("{named}&sid=there-1"),
    ] {
        assert_eq!(frame(&stage, &mut carla, query).await.status, 400, "{query}");
    }
    // A browser in which nobody is, as is that of a frame of another site: there is nothing to end.
    assert_eq!(frame(&stage, &mut Hand::new(), &named).await.status, 200);
    assert_eq!((stage.knocks(&carla).await, stage.knocks(&other).await), (200, 200));

    let before = carla.cookies.clone();
    let done = frame(&stage, &mut carla, &named).await;
    assert_eq!(done.status, 200);
    let policy = format!("default-src 'none'; frame-ancestors {}", stage.house.provider_url);
    assert_eq!(done.header("content-security-policy"), policy);
    assert!(!carla.cookies_at(&stage.house.access_url).contains_key("guestpass"));
    carla.cookies = before;
    assert_eq!((stage.knocks(&carla).await, stage.knocks(&other).await), (401, 200));
    assert_eq!(stage.last().await, "provider_signalled front-channel-logout");
    stage.house.settled().await;
    assert!(stage.house.account().await.active, "it ends a session, and takes nothing");
    stage.close().await;
}
