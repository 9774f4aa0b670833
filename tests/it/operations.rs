//! The door for machines that watch over us, and that people do not find it.

use crate::harness::{ADA, Authority, CARLA, Deed, Hand, House, Mood, Process, Site, soon};
use guestpass::clock::Clock;
use http::StatusCode;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

#[tokio::test]
async fn probes_and_metrics_are_told_where_only_machines_ask() {
    let house = House::open().await;
    house.guest(CARLA).await;
    house.settled().await;
    assert_eq!(house.watched("/livez").await, (200, "alive\n".to_owned()));
    assert_eq!(house.watched("/readyz").await, (200, "ready\n".to_owned()));
    let (status, text) = house.watched("/metrics").await;
    assert!(status == 200 && text.ends_with("# EOF\n"), "{text}");
    assert_eq!(house.counted("guestpass_config_valid").await, Some(1.0));
    assert_eq!(
        house.counted("guestpass_config_last_reload_timestamp_seconds").await,
        Some(house.clock.now().as_second() as f64)
    );
    assert_eq!(house.counted(r#"guestpass_accounts{app="notes",state="active"}"#).await, Some(1.0));
    assert!(text.contains("guestpass_build_info{version="), "{text}");
    let notes = format!("guestpass_endpoint_healthy{{address=\"{}\"}}", house.pages.address);
    assert_eq!(house.counted(&notes).await, Some(1.0), "{text}");
    assert!(text.contains("guestpass_connections{worker=\"1\"}"), "{text}");
    for (name, number) in [
        ("guestpass_sessions", 1.0),
        ("guestpass_ends_overdue_seconds", 0.0),
        (r#"guestpass_sign_ins_total{provider="demo",outcome="signed_in"}"#, 1.0),
        (r#"guestpass_provider_failures{provider="demo"}"#, 0.0),
        (r#"guestpass_target_due{target="notes"}"#, 0.0),
        (r#"guestpass_target_oldest_due_seconds{target="notes"}"#, 0.0),
        (r#"guestpass_provisioning_total{target="notes",outcome="settled"}"#, 1.0),
        (r#"guestpass_requests_total{app="notes",decision="permitted",reason="role"}"#, 1.0),
        (r#"guestpass_request_duration_seconds_count{app="notes"}"#, 1.0),
        (r#"guestpass_connections_closed_total{reason="too_many"}"#, 0.0),
    ] {
        assert_eq!(house.counted(name).await, Some(number), "{name} in {text}");
    }
    assert!(text.contains("guestpass_policy_info{version="), "{text}");
    for secret in ["c-17", "carla", &house.client_secret, &house.scim_token] {
        assert!(!text.contains(secret), "{text}");
    }
    house.finish().await;
}

#[tokio::test]
async fn what_people_reach_tells_machines_nothing() {
    let house = House::open().await;
    let carla = house.guest(CARLA).await;
    for path in
        ["/metrics", "/readyz", "/livez", "/healthz", "/debug", "/debug/pprof/", "/reload", "/accounts"]
    {
        let own = Hand::new().get(&format!("{}{path}", house.access_url)).await;
        assert_eq!(own.status, 404, "{path}");
        let stranger = Hand::new().get(&format!("{}{path}", house.echo_url)).await;
        assert_eq!(stranger.status, 303, "{path}: an app's path like any other");
        // What is below an app's host is the app's.
        let app = carla.get(&format!("{}{path}", house.echo_url)).await.unwrap();
        assert_eq!(app.status, StatusCode::OK, "{path}");
        assert!(app.text.contains("headers") && !app.text.contains("guestpass_config"), "{}", app.text);
        let below = Hand::new().get(&format!("{}/.guestpass{path}", house.echo_url)).await;
        assert_eq!(below.status, 404, "{path}");
    }
    house.finish().await;
}

#[tokio::test]
async fn who_cannot_read_the_store_is_not_ready() {
    let house = House::open().await;
    house.database.suffers(Deed::HIDE).await;
    let (status, why) = house.watched("/readyz").await;
    assert!(status == 503 && why.starts_with("not ready: the store failed"), "{why}");
    assert_eq!(house.watched("/livez").await.0, 200, "a restart would not help");
    house.database.suffers(Deed::SHOW).await;
    assert_eq!(house.watched("/readyz").await.0, 200);
    house.finish().await;
}

#[tokio::test]
async fn what_waits_who_is_away_and_what_ends_is_told() {
    let house = House::open().await;
    house.scim.down().await;
    let browser = house.browser();
    let page = house.sign_in(&browser, &house.notes_url, CARLA).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE, "{}", page.text);
    let failed = r#"guestpass_provisioning_total{target="notes",outcome="failed"}"#;
    soon(|| async { house.counted(failed).await.filter(|failures| *failures > 0.0) }).await;
    house.turn(jiff::SignedDuration::from_mins(10));
    soon(|| async {
        house.counted("guestpass_target_failures{target=\"notes\"}").await.filter(|it| *it > 1.0)
    })
    .await;
    house.scim.up();

    house.provider.down().await;
    let away = r#"guestpass_provider_failures{provider="demo"}"#;
    for failures in [1.0, 2.0] {
        Hand::new().follow(&house.echo_url, "nowhere").await;
        assert_eq!(house.counted(away).await, Some(failures));
    }
    house.provider.up();
    house.turn(jiff::SignedDuration::from_mins(10));
    house.guest(ADA).await;
    assert_eq!(house.counted(away).await, Some(0.0));

    let until = house.clock.now() + jiff::SignedDuration::from_hours(24);
    let words = serde_json::json!({ "name": "ci", "role": "auditor", "by": "PT24H" });
    house.operator().orders("/tokens", words).await;
    let ends = house.counted(r#"guestpass_token_expires_timestamp_seconds{token="ci"}"#).await;
    assert_eq!(ends, Some(until.as_second() as f64));
    house.finish().await;
}

#[tokio::test]
async fn the_ends_of_what_providers_and_apps_know_us_by_are_told() {
    let site = Site::new(Clock::system()).await;
    let (authority, ends) = (Authority::new("apps"), "2390-05-01T00:00:00Z".parse().unwrap());
    let ours = authority.certify_until(&["guestpass"], ends);
    for (name, text) in [("ca.crt", authority.pem()), ("ours.crt", ours.certificate), ("ours.key", ours.key)]
    {
        site.write(name, &text);
    }
    let at = format!("https://{}", site.echo.address);
    site.change(
        "guestpass.yaml",
        &format!("upstream: http://{}", site.echo.address),
        &format!("upstream: {{ at: \"{at}\", ca: ca.crt, certificate: ours.crt, key: ours.key }}"),
    );
    site.change("guestpass.yaml", "client: {", "client: { expires: 2390-06-01,");
    let house = House::of(site).await;
    let address = house.echo.address;
    let of_app = format!("guestpass_certificate_expires_timestamp_seconds{{certificate=\"{address}\"}}");
    let (_, text) = house.watched("/metrics").await;
    assert_eq!(house.counted(&of_app).await, Some(ends.as_second() as f64), "{text}");
    let of_provider = r#"guestpass_client_secret_expires_timestamp_seconds{provider="demo"}"#;
    let day: jiff::Timestamp = "2390-06-01T00:00:00Z".parse().unwrap();
    assert_eq!(house.counted(of_provider).await, Some(day.as_second() as f64), "{text}");
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_ready_tells_all_that_it_counts() {
    let site = Site::new(Clock::system()).await;
    let process = Process::serve(&site).await;
    let told = soon(|| async {
        let ready = site.watched("/readyz").await.0 == 200;
        let told = site.watched("/metrics").await.1;
        ready.then_some(told)
    })
    .await;
    assert!(told.contains("guestpass_connections{worker=") && told.contains("guestpass_requests"), "{told}");
    process.kill().await;
}

#[tokio::test]
async fn who_stops_says_so_while_requests_finish() {
    let site = Site::new(Clock::system()).await;
    let process = Process::serve(&site).await;
    site.echo.is(Mood::Slow(Duration::from_secs(3)));
    let url = format!("{}/public", site.echo_url);
    let asked = tokio::spawn(async move { Hand::new().get(&url).await.status });
    soon(|| async { (!site.echo.seen().is_empty()).then_some(()) }).await;
    process.signal("TERM").await;
    soon(|| async { (site.watched("/readyz").await.0 == 503).then_some(()) }).await;
    let (_, why) = site.watched("/readyz").await;
    assert!(why.contains("stopping"), "{why}");
    assert_eq!(site.watched("/livez").await.0, 200);
    assert_eq!(asked.await.unwrap(), 200);
    assert_eq!(process.ended().await, 0);
}

#[tokio::test]
async fn the_files_of_the_store_are_their_owners_alone() {
    let mut house = House::open().await;
    house.guest(CARLA).await;
    if house.database.file().is_none() {
        return house.finish().await;
    }
    let files = ["guestpass.db", "guestpass.db-wal", "guestpass.db-shm", "guestpass.lock"];
    for name in files {
        assert_eq!(mode(&house, name), 0o600, "{name}");
    }
    // As an earlier version left them.
    for name in ["guestpass.db", "guestpass.lock"] {
        let open = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(house.folder().join(name), open).unwrap();
    }
    house.restart().await;
    house.guest(CARLA).await;
    for name in files {
        assert_eq!(mode(&house, name), 0o600, "{name}");
    }
    house.finish().await;
}

fn mode(house: &House, name: &str) -> u32 {
    house.folder().join(name).metadata().unwrap().permissions().mode() & 0o777
}
