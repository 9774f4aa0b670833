//! `guestpass doctor` says what is not as it should be, one thing at a time; each case begins where all is well.

use crate::harness::{Authority, Hostile, Play, Process, Site, guestpass};
use guestpass::clock::Clock;
use guestpass::seal::random_text;
use jiff::SignedDuration;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;

/// Everything around a gateway that does not run.
struct Patient {
    site: Site,
    provider: Hostile,
    clock: Clock,
}

impl Patient {
    async fn new() -> Self {
        let (site, clock) = (Site::new(Clock::system()).await, Clock::system());
        let provider = Hostile::new(&site.provider_url, &site.client_secret, clock.clone());
        site.provider.becomes(provider.router());
        for name in ["key", "client-secret", "scim-token"] {
            private(&site, name, 0o600);
        }
        Self { site, provider, clock }
    }

    /// The findings, and the exit code.
    async fn examined(&self) -> (Vec<Value>, i32) {
        let config = self.site.config().display().to_string();
        let said = guestpass(&["doctor", "--json", "--config", &config]).await;
        let findings = said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        (findings, said.code)
    }

    /// Everything is as it should be, but that nobody answers at our address.
    async fn is_well(&self, what: &str) {
        let (findings, code) = self.examined().await;
        let ill: Vec<_> =
            findings.iter().filter(|it| it["state"] != "ok" && it["check"] != "address").collect();
        assert!(code == 0 && ill.is_empty(), "{what}: {ill:?}");
    }

    /// `check` finds that something is `state`, and says `word`.
    async fn has(&self, check: &str, state: &str, word: &str) {
        let (findings, code) = self.examined().await;
        let of = |it: &&Value| it["check"] == check && it["state"] == state;
        let found = findings.iter().find(|it| of(it) && it.to_string().contains(word));
        let found = found.unwrap_or_else(|| panic!("no {state} {check} says {word}: {findings:#?}"));
        assert!(found["mend"].as_str().is_some_and(|mend| !mend.is_empty()), "{found}");
        assert_eq!(code, i32::from(findings.iter().any(|it| it["state"] == "wrong")), "{findings:#?}");
    }
}

fn private(site: &Site, name: &str, mode: u32) {
    std::fs::set_permissions(site.folder().join(name), std::fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn where_all_is_well_it_says_so_and_changes_nothing() {
    let patient = Patient::new().await;
    patient.is_well("at first").await;
    let there: Vec<_> =
        std::fs::read_dir(patient.site.folder()).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert!(there.iter().all(|name| !name.to_string_lossy().starts_with("guestpass.db")), "{there:?}");
    let process = Process::serve(&patient.site).await;
    let (findings, code) = patient.examined().await;
    let all_ok = findings.iter().all(|it| it["state"] == "ok");
    assert!(code == 0 && all_ok, "{findings:#?}");
    let checks =
        ["store", "files", "cookies", "address", "issuer", "keys", "client", "redirect", "clock", "target"];
    for check in checks {
        assert!(findings.iter().any(|it| it["check"] == check), "{check}");
    }
    let config = patient.site.config().display().to_string();
    let said = guestpass(&["doctor", "--config", &config]).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.ends_with("0 things are wrong, 0 warnings.\n"), "{}", said.out);
    assert!(!said.out.contains(&patient.site.client_secret) && !said.out.contains(&patient.site.scim_token));
    assert!(patient.site.notes.accounts().await.unwrap().is_empty());
    assert_eq!(process.stop().await, 0);
}

#[tokio::test]
async fn a_provider_that_would_let_nobody_in_is_found() {
    let patient = Patient::new().await;
    let plays = |play: Play| patient.provider.plays(play);
    let plain = Play::default;
    for (check, state, word, play) in [
        (
            "issuer",
            "wrong",
            "another issuer",
            Play { metadata: |it| it["issuer"] = "https://x.example".into(), ..plain() },
        ),
        (
            "issuer",
            "wrong",
            "signs by HS256",
            Play {
                metadata: |it| it["id_token_signing_alg_values_supported"] = serde_json::json!(["HS256"]),
                ..plain()
            },
        ),
        (
            "issuer",
            "wrong",
            "no code flow",
            Play {
                metadata: |it| it["response_types_supported"] = serde_json::json!(["id_token"]),
                ..plain()
            },
        ),
        (
            "issuer",
            "warning",
            "scope \\\"email\\\"",
            Play {
                metadata: |it| it["scopes_supported"] = serde_json::json!(["openid", "profile"]),
                ..plain()
            },
        ),
        (
            "keys",
            "wrong",
            "none of the keys",
            Play { keys: |it| it["keys"] = serde_json::json!([]), ..plain() },
        ),
        (
            "redirect",
            "warning",
            "answers 404",
            Play {
                metadata: |it| {
                    let gone = format!("{}/gone", it["issuer"].as_str().unwrap());
                    it["authorization_endpoint"] = gone.into();
                },
                ..plain()
            },
        ),
    ] {
        patient.is_well(word).await;
        plays(play);
        patient.has(check, state, word).await;
        plays(plain());
    }
    patient.site.provider.down().await;
    patient.has("issuer", "wrong", "openid-configuration").await;
}

#[tokio::test]
async fn a_provider_that_does_not_know_us_or_the_time_is_found() {
    let patient = Patient::new().await;
    // The provider of the demo looks at secrets, and says no.
    patient.site.provider_expects(&patient.site.client_secret);
    patient.is_well("with our secret").await;
    patient.site.provider_expects("another");
    patient.has("client", "wrong", "invalid_client").await;
    patient.site.provider.becomes(patient.provider.router());
    patient.is_well("again").await;
    for (ahead, state) in [(3600, "wrong"), (-3600, "wrong"), (20, "warning")] {
        let clock = Clock::turned(patient.clock.now() + SignedDuration::from_secs(ahead));
        patient.provider.tells_time(clock);
        patient.has("clock", state, if ahead > 0 { "ahead of" } else { "behind" }).await;
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_used_is_found() {
    let patient = Patient::new().await;
    let process = Process::serve(&patient.site).await;
    assert_eq!(process.stop().await, 0);
    patient.is_well("a store that was used").await;
    let key = std::fs::read_to_string(patient.site.folder().join("key")).unwrap();
    patient.site.write("key", &random_text());
    patient.has("store", "wrong", "another key").await;
    patient.site.write("key", &key);
    patient.is_well("its own key").await;
    let text = std::fs::read_to_string(patient.site.config()).unwrap();
    let store = text.lines().find(|line| line.starts_with("store:")).unwrap().to_owned();
    patient.site.write("rubbish.db", &"This is no database. ".repeat(100));
    for (place, word) in [
        ("sqlite:rubbish.db", "not a database"),
        ("sqlite:client-secret/guestpass.db", "client-secret"),
        ("postgres://guestpass@127.0.0.1:1/nothing", "127.0.0.1:1"),
    ] {
        patient.site.write("guestpass.yaml", &text.replace(&store, &format!("store: {place}")));
        patient.has("store", "wrong", word).await;
    }
}

#[tokio::test]
async fn files_that_others_may_read_or_change_are_found() {
    let patient = Patient::new().await;
    for (name, mode, state) in [
        ("client-secret", 0o644, "warning"),
        ("client-secret", 0o602, "wrong"),
        ("guestpass.yaml", 0o646, "wrong"),
        ("policies/notes.yaml", 0o666, "wrong"),
    ] {
        patient.is_well(name).await;
        private(&patient.site, name, mode);
        patient.has("files", state, name).await;
        private(&patient.site, name, 0o600);
    }
}

#[tokio::test]
async fn hosts_that_share_cookies_or_lead_nowhere_are_found() {
    let patient = Patient::new().await;
    patient.is_well("at first").await;
    let text = std::fs::read_to_string(patient.site.config()).unwrap();
    let with = |from: &str, to: &str| {
        assert!(text.contains(from));
        patient.site.write("guestpass.yaml", &text.replacen(from, to, 1));
    };
    with("host: echo.localhost", "host: notes.localhost:9999");
    patient.has("cookies", "wrong", "by their port alone").await;
    with("host: echo.localhost", "host: echo.nowhere.invalid");
    patient.has("address", "wrong", "echo.nowhere.invalid").await;
    with(&format!("url: {}", patient.site.access_url), "url: https://access.localhost");
    patient.has("cookies", "warning", "nobody here speaks it").await;
    // Somebody else is where we should be.
    with(
        &format!("url: {}", patient.site.access_url),
        &format!("url: http://access.localhost:{}", patient.site.echo.address.port()),
    );
    patient.has("address", "wrong", "somebody else").await;
}

#[tokio::test]
async fn a_target_that_is_away_or_does_not_know_us_is_found() {
    let patient = Patient::new().await;
    patient.is_well("at first").await;
    patient.site.write("scim-token", "another-token-than-theirs");
    private(&patient.site, "scim-token", 0o600);
    patient.has("target", "wrong", "credentials").await;
    patient.site.write("scim-token", &patient.site.scim_token);
    patient.is_well("again").await;
    patient.site.scim.down().await;
    patient.has("target", "wrong", "notes").await;
}

#[tokio::test]
async fn certificates_that_end_or_are_for_others_are_found() {
    let patient = Patient::new().await;
    let authority = Authority::new("doctor");
    let text = std::fs::read_to_string(patient.site.config()).unwrap();
    let own = ["access.localhost", "notes.localhost", "echo.localhost"];
    for (names, days, expected) in [
        (&own[..], 90, None),
        (&own[..], 10, Some(("warning", "ends on"))),
        (&own[..], -1, Some(("wrong", "ended on"))),
        (&own[..2], 90, Some(("wrong", "echo.localhost"))),
    ] {
        let ends = patient.clock.now() + SignedDuration::from_hours(24 * days);
        let pair = authority.certify_until(names, ends);
        patient.site.write("tls.crt", &pair.certificate);
        patient.site.write("tls.key", &pair.key);
        private(&patient.site, "tls.key", 0o600);
        let tls = "tls: { certificate: tls.crt, key: tls.key }";
        patient.site.write("guestpass.yaml", &text.replacen("\nstore:", &format!("\n{tls}\nstore:"), 1));
        match expected {
            None => patient.is_well("certificates").await,
            Some((state, word)) => patient.has("certificate", state, word).await,
        }
    }
}

#[tokio::test]
async fn secrets_that_end_soon_are_found() {
    let patient = Patient::new().await;
    let text = std::fs::read_to_string(patient.site.config()).unwrap();
    for (days, expected) in
        [(90, None), (10, Some(("warning", "ends on"))), (-1, Some(("wrong", "ended on")))]
    {
        let day = patient.clock.now() + SignedDuration::from_hours(24 * days);
        let client = format!("client: {{ expires: {},", day.strftime("%F"));
        patient.site.write("guestpass.yaml", &text.replacen("client: {", &client, 1));
        match expected {
            None => patient.is_well("secret").await,
            Some((state, word)) => patient.has("secret", state, word).await,
        }
    }
}

#[tokio::test]
async fn what_check_finds_it_finds_first() {
    let patient = Patient::new().await;
    patient.site.change("guestpass.yaml", "url: http", "uri: http");
    let config = patient.site.config().display().to_string();
    let said = guestpass(&["doctor", "--config", &config]).await;
    assert!(said.code == 1 && said.err.contains("uri"), "{said:?}");
    assert_eq!(said.out, "");
}
