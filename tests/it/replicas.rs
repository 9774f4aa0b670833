//! Several gateways on one PostgreSQL database: what one ends all end, and none is missed. Played where
//! `GUESTPASS_TEST_STORE` names one: `./scripts/with-postgres cargo test --test it`.

use crate::harness::{ADA, CARLA, Flow, Hand, Hostile, Play, Process, Server, Site, Valve, soon, url};
use futures_util::future::join_all;
use guestpass::clock::Clock;
use http::Method;
use serde_json::json;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How soon what one replica ends is over at another: a third of `session.recheck`, after which nobody has to hear of it.
/// How soon it is in truth, `./scripts/bench revocation` tells.
const AT_ONCE: Duration = Duration::from_secs(10);

/// A place with a database that replicas share, or `None` where there is none.
async fn shared() -> Option<Site> {
    shared_by(Clock::system()).await
}

/// The same by this clock.
pub(crate) async fn shared_by(clock: Clock) -> Option<Site> {
    let site = Site::new(clock).await;
    let is_shared = site.database.file().is_none();
    if !is_shared {
        eprintln!("left out: replicas share a PostgreSQL database, and GUESTPASS_TEST_STORE names none");
    }
    is_shared.then_some(site)
}

/// Somebody signs in to Notes at the first replica; what their browser shows the app from then on.
async fn signed_in(site: &Site, person: &str) -> String {
    let mut hand = Hand::signed_in(site, person).await;
    let cookies = hand.cookies_at(&site.notes_url).iter().map(|(name, value)| format!("{name}={value}"));
    cookies.collect::<Vec<_>>().join("; ")
}

/// What a script with these cookies gets from Notes at the replica that listens at `address`.
pub(crate) async fn knocks(site: &Site, address: SocketAddr, cookies: &str) -> (u16, String) {
    let host = site.notes_url.strip_prefix("http://").unwrap();
    let asked = reqwest::Client::new()
        .get(format!("http://{address}/"))
        .header("host", host)
        .header("cookie", cookies)
        .header("accept", "application/json");
    let answer = asked.send().await.unwrap();
    let status = answer.status().as_u16();
    let problem: serde_json::Value = answer.json().await.unwrap_or_default();
    (status, problem["reason"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn what_one_replica_ends_is_over_at_the_other_at_once() {
    let Some(site) = shared().await else { return };
    let (first, second) = (Process::serve(&site).await, site.replica().await);
    for operator in [site.operator(), second.operator()] {
        let cookies = signed_in(&site, CARLA).await;
        for front in [site.front, second.front] {
            assert_eq!(knocks(&site, front, &cookies).await.0, 200);
        }
        operator.orders("/people/c-17@demo/revoke", json!({})).await;
        let ended = Instant::now();
        for front in [site.front, second.front] {
            while knocks(&site, front, &cookies).await.0 == 200 {
                assert!(ended.elapsed() < AT_ONCE, "still in at {front}");
            }
        }
        operator.orders("/people/c-17@demo/restore", json!({})).await;
        assert_eq!(knocks(&site, second.front, &cookies).await.0, 401, "a session that was ended stays so");
    }
    let heard = site.counted("guestpass_revocation_delay_seconds_count").await;
    assert!(heard.is_some_and(|times| times > 0.0), "{heard:?}");
    assert_eq!((first.stop().await, second.process.stop().await), (0, 0));
}

#[tokio::test]
async fn what_a_provider_says_to_one_replica_counts_at_both_and_once() {
    let Some(site) = shared().await else { return };
    let provider = Hostile::new(&site.provider_url, &site.client_secret, site.clock.clone());
    site.provider.becomes(provider.router());
    provider.plays(Play { claims: |claims| claims["sid"] = "there".into(), ..Play::default() });
    let (first, second) = (Process::serve(&site).await, site.replica().await);
    let mut hand = Hand::new();
    hand.follow(&site.notes_url, "nowhere").await;
    let cookies = hand.cookies_at(&site.notes_url).iter().map(|(name, value)| format!("{name}={value}"));
    let cookies = cookies.collect::<Vec<_>>().join("; ");
    for front in [site.front, second.front] {
        soon(|| async { (knocks(&site, front, &cookies).await.0 == 200).then_some(()) }).await;
    }
    let now = site.clock.now().as_second();
    let claims = json!({
        "iss": site.provider_url, "aud": "guestpass", "iat": now, "exp": now + 120, "jti": "once", "sid": "there",
        "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
    });
    let token = provider.says(Some("logout+jwt"), &claims);
    let says = async |front: SocketAddr| {
        let host = site.access_url.strip_prefix("http://").unwrap();
        let address = format!("http://{front}/sign-out/back-channel/demo");
        let request = reqwest::Client::new().post(address).header("host", host);
        request.form(&[("logout_token", &token)]).send().await.unwrap().status().as_u16()
    };
    assert_eq!(says(second.front).await, 200);
    let ended = Instant::now();
    for front in [site.front, second.front] {
        while knocks(&site, front, &cookies).await.0 == 200 {
            assert!(ended.elapsed() < AT_ONCE, "still in at {front}");
        }
    }
    assert_eq!(says(site.front).await, 400, "the other has heard it");
    assert_eq!((first.stop().await, second.process.stop().await), (0, 0));
}

#[tokio::test]
async fn somebody_who_comes_to_all_replicas_at_once_is_one_person_with_one_account() {
    let Some(site) = shared().await else { return };
    let (first, second) = (Process::serve(&site).await, site.replica().await);
    join_all((0..8).map(|_| signed_in(&site, ADA))).await;
    let accounts = second.operator().asks("/accounts").await;
    assert_eq!(accounts.as_array().unwrap().len(), 1, "{accounts}");
    let people = second.operator().asks("/people").await;
    assert_eq!(people.as_array().unwrap().len(), 1, "{people}");
    let made = site.scim.seen().into_iter();
    let made = made.filter(|(method, path)| *method == Method::POST && path.ends_with("/Users"));
    assert_eq!(made.count(), 1);
    first.kill().await;
    second.process.kill().await;
}

#[tokio::test]
async fn a_replica_that_is_killed_takes_no_session_and_no_work_with_it() {
    let Some(site) = shared().await else { return };
    let first = Process::serve(&site).await;
    soon(|| async { first.log().contains("this replica leads").then_some(()) }).await;
    let second = site.replica().await;
    let cookies = signed_in(&site, CARLA).await;
    // The one that leads is in the middle of it.
    site.scim.down().await;
    site.operator().orders("/people/c-17@demo/revoke", json!({})).await;
    let kept = signed_in(&site, ADA).await;
    first.kill().await;
    site.scim.up();
    soon(|| async {
        let accounts = site.notes.accounts().await.unwrap();
        let open = accounts.iter().filter(|account| account.active).count();
        ((accounts.len(), open) == (2, 1)).then_some(())
    })
    .await;
    assert_eq!(
        knocks(&site, second.front, &cookies).await.0,
        401,
        "a session that was ended is over everywhere"
    );
    soon(|| async { (knocks(&site, second.front, &kept).await.0 == 200).then_some(()) }).await;
    second.process.kill().await;
}

#[tokio::test]
async fn a_database_that_is_away_logs_nobody_out_and_lets_nobody_in() {
    let Some(site) = shared().await else { return };
    let valve = site.behind_a_valve();
    site.change("guestpass.yaml", "session: { length: 400d }", "session: { length: 400d, recheck: 6s }");
    let process = Process::serve(&site).await;
    let warm = signed_in(&site, CARLA).await;
    let cold = signed_in(&site, ADA).await;
    for flow in [Flow::Shut, Flow::Stopped] {
        assert_eq!(knocks(&site, site.front, &warm).await.0, 200);
        valve.is(flow);
        // For as long as it is believed what is in memory.
        assert_eq!(knocks(&site, site.front, &warm).await.0, 200, "{flow:?}");
        soon(|| async { (knocks(&site, site.front, &warm).await.0 != 200).then_some(()) }).await;
        for cookies in [&warm, &cold] {
            let asked = Instant::now();
            assert_eq!(
                knocks(&site, site.front, cookies).await,
                (503, "store_unavailable".to_owned()),
                "{flow:?}"
            );
            assert!(asked.elapsed() < Duration::from_secs(30), "{flow:?}: {:?}", asked.elapsed());
        }
        assert_eq!(site.watched("/readyz").await.0, 503, "{flow:?}");
        assert_eq!(site.watched("/livez").await.0, 200, "{flow:?}");
        valve.is(Flow::Open);
        for cookies in [&warm, &cold] {
            soon(|| async { (knocks(&site, site.front, cookies).await.0 == 200).then_some(()) }).await;
        }
    }
    // What was written meanwhile is heard of: nothing stays believed.
    site.operator().orders("/people/c-17@demo/revoke", json!({})).await;
    soon(|| async { (knocks(&site, site.front, &warm).await.0 == 401).then_some(()) }).await;
    process.kill().await;
}

#[tokio::test]
async fn a_database_that_is_slow_makes_sign_ins_slow_and_nothing_else() {
    let Some(site) = shared().await else { return };
    let valve = site.behind_a_valve();
    let process = Process::serve(&site).await;
    let warm = signed_in(&site, CARLA).await;
    // What is in memory does not wait for it.
    let (slow, requests) = (Duration::from_secs(1), 60);
    valve.is(Flow::Slow(slow));
    let asked = Instant::now();
    for _ in 0..requests {
        assert_eq!(knocks(&site, site.front, &warm).await.0, 200);
    }
    assert!(asked.elapsed() < slow * requests, "each waited for it: {:?}", asked.elapsed());
    valve.is(Flow::Slow(Duration::from_millis(50)));
    let comes = signed_in(&site, ADA).await;
    assert_eq!(knocks(&site, site.front, &comes).await.0, 200);
    assert_eq!(site.watched("/readyz").await.0, 200);
    site.operator().orders("/people/c-17@demo/revoke", json!({})).await;
    assert_eq!(knocks(&site, site.front, &warm).await.0, 401);
    soon(|| async {
        let accounts = site.notes.accounts().await.unwrap();
        let open = accounts.iter().filter(|account| account.active).count();
        ((accounts.len(), open) == (2, 1)).then_some(())
    })
    .await;
    assert_eq!(process.stop().await, 0);
}

#[tokio::test]
async fn a_standby_that_takes_over_knows_all_that_was_said() {
    let Some(primary) = Server::start() else {
        assert!(std::env::var_os("CI").is_none(), "PostgreSQL is not installed");
        eprintln!("left out: PostgreSQL is not installed");
        return;
    };
    let standby = primary.standby().await;
    let site = Site::new(Clock::system()).await;
    let valve = Valve::before(primary.address);
    site.change("guestpass.yaml", &site.database.setting(), &format!("{:?}", url(valve.address)));
    let first = Process::serve(&site).await;
    let second = site.replica().await;
    let fronts = [site.front, second.front];
    let (stays, leaves) = (signed_in(&site, ADA).await, signed_in(&site, CARLA).await);
    for front in fronts {
        assert_eq!(knocks(&site, front, &stays).await.0, 200);
    }
    // The last thing that the one that is lost was told.
    site.operator().orders("/people/c-17@demo/revoke", json!({})).await;
    primary.is_lost();
    valve.is(Flow::Shut);
    valve.leads_to(standby.address);
    valve.is(Flow::Open);
    // It can be read, and not be written: who is signed in may work, and nobody gets in or out half.
    for front in fronts {
        soon(|| async { (knocks(&site, front, &stays).await.0 == 200).then_some(()) }).await;
        soon(|| async { (knocks(&site, front, &leaves).await.0 == 401).then_some(()) }).await;
    }
    assert_eq!(second.operator().tries("/people/s-4@demo/revoke", json!({})).await.0, 503);

    standby.takes_over();
    let [at_first, at_second] = [site.operator(), second.operator()];
    for (operator, order) in [(&at_first, "restore"), (&at_second, "revoke"), (&at_first, "restore")] {
        let tries = async || operator.tries(&format!("/people/c-17@demo/{order}"), json!({})).await.0;
        soon(|| async { (tries().await == 200).then_some(()) }).await;
    }
    let comes = signed_in(&site, CARLA).await;
    for (cookies, status) in [(&stays, 200), (&leaves, 401), (&comes, 200)] {
        for front in fronts {
            assert_eq!(knocks(&site, front, cookies).await.0, status);
        }
    }
    // They hear each other again, and one of them leads.
    soon(|| async { (site.watched("/readyz").await.0 == 200).then_some(()) }).await;
    second.operator().orders("/people/s-4@demo/revoke", json!({})).await;
    let ended = Instant::now();
    for front in fronts {
        while knocks(&site, front, &stays).await.0 == 200 {
            assert!(ended.elapsed() < AT_ONCE, "still in at {front}");
        }
    }
    soon(|| async {
        let accounts = site.notes.accounts().await.unwrap();
        (accounts.iter().filter(|account| !account.active).count() == 1).then_some(())
    })
    .await;
    first.kill().await;
    second.process.kill().await;
}

/// `GUESTPASS_BEFORE` is the program of the version before.
#[tokio::test]
async fn the_program_of_the_version_before_goes_on_beside_this_one_and_after_it() {
    let Ok(before) = std::env::var("GUESTPASS_BEFORE") else {
        eprintln!("left out: GUESTPASS_BEFORE names no program");
        return;
    };
    let Some(site) = shared().await else { return };
    let old = Process::serve_by(&site, &before).await;
    let carla = signed_in(&site, CARLA).await;
    let new = site.replica().await;
    // Written by the old one in tables of the new one.
    let ada = signed_in(&site, ADA).await;
    for front in [site.front, new.front] {
        assert_eq!(knocks(&site, front, &carla).await.0, 200);
        assert_eq!(knocks(&site, front, &ada).await.0, 200);
    }
    for (operator, person, cookies) in [(new.operator(), "c-17", &carla), (site.operator(), "s-4", &ada)] {
        operator.orders(&format!("/people/{person}@demo/revoke"), json!({})).await;
        let ended = Instant::now();
        for front in [site.front, new.front] {
            while knocks(&site, front, cookies).await.0 == 200 {
                assert!(ended.elapsed() < AT_ONCE, "{person} is still in at {front}");
            }
        }
    }
    new.operator().orders("/people/s-4@demo/restore", json!({})).await;
    assert_eq!(old.stop().await, 0);
    // The new one leads, and closes what is to be closed.
    soon(|| async {
        let accounts = site.notes.accounts().await.unwrap();
        (accounts.len() == 2 && accounts.iter().all(|account| !account.active)).then_some(())
    })
    .await;
    assert_eq!(new.process.stop().await, 0);
    // Nobody likes the new one: back.
    let old = Process::serve_by(&site, &before).await;
    let ada = signed_in(&site, ADA).await;
    assert_eq!(knocks(&site, site.front, &ada).await.0, 200);
    assert_eq!(old.stop().await, 0);
}

#[tokio::test]
async fn the_password_of_the_database_is_changed_without_a_restart() {
    let Some(site) = shared().await else { return };
    let role = format!("r_{}", site.front.port());
    site.database.says(&format!("CREATE ROLE {role} LOGIN SUPERUSER PASSWORD 'the first'")).await;
    let mut url: url::Url = site.database.setting().trim_matches('"').parse().unwrap();
    url.set_username(&role).unwrap();
    url.set_password(None).unwrap();
    let setting = format!("\"{url}\"\nstore-password: \"${{file:db-password}}\"");
    site.change("guestpass.yaml", &site.database.setting(), &setting);
    site.write("db-password", "the first");
    let process = Process::serve(&site).await;
    let cookies = signed_in(&site, CARLA).await;
    site.database.says(&format!("ALTER ROLE {role} PASSWORD 'the second'")).await;
    site.write("db-password", "the second");
    soon(|| async { process.log().contains("configuration reloaded").then_some(()) }).await;
    let end = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'");
    site.database.says(&end).await;
    soon(|| async { (knocks(&site, site.front, &cookies).await.0 == 200).then_some(()) }).await;
    soon(|| async { process.log().contains("are heard again").then_some(()) }).await;
    assert!(!signed_in(&site, ADA).await.is_empty());
    assert!(!process.log().contains("the first") && !process.log().contains("the second"));
    process.kill().await;
}
