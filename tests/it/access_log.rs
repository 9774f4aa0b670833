//! The line that each request leaves, and the secrets that no line anywhere holds.

use crate::harness::{CARLA, Hand, Process, Site, soon};
use guestpass::clock::Clock;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeSet;

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn log(site: &Site) -> String {
    std::fs::read_to_string(site.folder().join("access.log")).unwrap_or_default()
}

/// The line about the last request for `path`.
async fn line(site: &Site, path: &str) -> Value {
    soon(|| async {
        let lines: Vec<Value> =
            log(site).lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        lines.into_iter().rev().find(|line| line["path"] == path)
    })
    .await
}

fn keys(line: &Value) -> Vec<&str> {
    line.as_object().unwrap().keys().map(String::as_str).collect()
}

/// What the echo was told under `name`.
fn told<'a>(told: &'a Value, name: &str) -> Vec<&'a str> {
    let headers = told["headers"].as_array().unwrap().iter();
    headers.filter(|pair| pair[0] == name).map(|pair| pair[1].as_str().unwrap()).collect()
}

/// Carla, who has signed in, and all that was to stay between her browser and those it spoke to.
async fn carla(site: &Site) -> (Hand, BTreeSet<String>) {
    let (mut hand, mut secrets) = (Hand::new(), BTreeSet::new());
    let mut url = site.echo_url.clone();
    loop {
        let reply = hand.get(&url).await;
        secrets.extend(hand.secrets());
        let Some(next) = reply.next else { break };
        url = if next.starts_with(&site.provider_url) { hand.choose(&next, CARLA).await } else { next };
        let parsed = url::Url::parse(&url).unwrap();
        let hidden = parsed.query_pairs().filter(|(name, _)| matches!(&**name, "code" | "state" | "nonce"));
        secrets.extend(hidden.map(|(_, value)| value.into_owned()));
    }
    assert!(secrets.len() >= 5, "{secrets:?}");
    (hand, secrets)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_leaves_a_line_and_no_line_holds_a_secret() {
    let site = Site::new(Clock::system()).await;
    let process = Process::serve_with(&site, "trace").await;
    let (mut carla, mut secrets) = carla(&site).await;
    carla.say("traceparent", PARENT);
    carla.say("x-request-id", "forged");
    carla.say("x-forwarded-for", "198.51.100.1");
    let reply = carla.get(&format!("{}/page?hush=qwertzuiop", site.echo_url)).await;
    let seen: Value = serde_json::from_str(&reply.text).unwrap();
    secrets.insert("qwertzuiop".to_owned());
    secrets.insert(told(&seen, "guestpass-assertion")[0].to_owned());
    secrets.extend([site.client_secret.clone(), site.scim_token.clone()]);
    secrets.insert(std::fs::read_to_string(site.folder().join("key")).unwrap());

    let permitted = line(&site, "/page").await;
    let expected = [
        "at",
        "request_id",
        "client",
        "method",
        "host",
        "path",
        "status",
        "decision",
        "reason",
        "app",
        "person",
        "session",
        "traceparent",
        "took_us",
    ];
    assert_eq!(keys(&permitted), expected);
    permitted["at"].as_str().unwrap().parse::<Timestamp>().unwrap();
    assert!(permitted["took_us"].as_i64().unwrap() >= 0);
    let host = site.echo_url.strip_prefix("http://").unwrap();
    for (key, value) in [
        ("client", "127.0.0.1"),
        ("method", "GET"),
        ("host", host),
        ("decision", "permitted"),
        ("reason", "role"),
        ("app", "echo"),
        ("person", "c-17@demo"),
        ("traceparent", PARENT),
    ] {
        assert_eq!(permitted[key], value, "{permitted}");
    }
    assert_eq!(permitted["status"], 200);
    // Nobody here is trusted to name requests or clients.
    assert_eq!(told(&seen, "x-request-id"), [permitted["request_id"].as_str().unwrap()]);
    assert_ne!(permitted["request_id"], "forged");
    assert_eq!(
        (told(&seen, "traceparent"), told(&seen, "x-forwarded-for")),
        (vec![PARENT], vec!["127.0.0.1"])
    );
    let sessions = site.operator().asks("/sessions").await;
    assert_eq!(permitted["session"], sessions[0]["id"]);

    let page = carla.get(&format!("{}/staff", site.echo_url)).await;
    let refused = line(&site, "/staff").await;
    assert_eq!(
        (&refused["decision"], &refused["reason"]),
        (&"refused".into(), &"no_role".into()),
        "{refused}"
    );
    assert_eq!((&refused["status"], &refused["person"]), (&403.into(), &"c-17@demo".into()), "{refused}");
    assert!(page.text.contains(refused["reference"].as_str().unwrap()), "{refused}");
    assert!(process.log().contains(refused["request_id"].as_str().unwrap()), "the log names it, too");
    carla.get(&format!("{}/public", site.echo_url)).await;
    let public = line(&site, "/public").await;
    assert_eq!((&public["decision"], &public["reason"]), (&"permitted".into(), &"public".into()), "{public}");
    assert_eq!((public.get("person"), public.get("session")), (None, None));
    let ours = line(&site, "/callback").await;
    assert_eq!((&ours["decision"], &ours["status"]), (&"ours".into(), &303.into()), "{ours}");

    assert_eq!(process.stop().await, 0);
    let logs = std::fs::read_to_string(site.folder().join("guestpass.log")).unwrap();
    assert!(logs.contains("TRACE"), "it told less than it could");
    for (name, text) in [("access.log", log(&site)), ("log", logs)] {
        for secret in &secrets {
            let found = text.lines().find(|line| line.contains(&**secret));
            assert_eq!(found, None, "{secret} is in {name}");
        }
        assert!(name == "log" || text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn trusted_proxies_name_requests_and_clients() {
    let site = Site::new(Clock::system()).await;
    site.change("guestpass.yaml", "operations:", "trusted-proxies: [127.0.0.1/32]\noperations:");
    let process = Process::serve(&site).await;
    let mut proxy = Hand::new();
    proxy.say("x-request-id", "named-by-the-proxy");
    proxy.say("x-forwarded-for", "203.0.113.9, 198.51.100.1");
    let reply = proxy.get(&format!("{}/public", site.echo_url)).await;
    let seen: Value = serde_json::from_str(&reply.text).unwrap();
    assert_eq!(told(&seen, "x-request-id"), ["named-by-the-proxy"]);
    assert_eq!(told(&seen, "x-forwarded-for"), ["198.51.100.1"]);
    let line = line(&site, "/public").await;
    assert_eq!(line["request_id"], "named-by-the-proxy");
    assert_eq!(line["client"], "198.51.100.1");
    process.kill().await;
}
