//! The policy's tools, through the real binary.

use crate::harness::{CARLA, Process, Site, guestpass};
use guestpass::clock::Clock;
use serde_json::Value;
use std::path::Path;
use tempfile::TempDir;

const POLICY: &str = "version: 1
roles:
  contractor:
    who:
      provider: partners
      groups: { any: [wiki-guests] }
      claims: { email_verified: true }
    gets: { wiki: { groups: [readers] } }
    for: { ttl: 30d, until: claims.contract_end }
  coder: { who: { provider: partners, claims: { team: { regex: \"code-.*\" } } }, gets: { wiki: {} } }
examples:
  - when:
      provider: partners
      at: 2026-03-02T09:00Z
      claims: { groups: [wiki-guests], email_verified: true, contract_end: 2026-03-09 }
    expect: { roles: [contractor] }
";

/// A configuration with one app, and this policy.
fn folder(policy: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let provider = |name: &str| {
        format!("  {name}: {{ issuer: https://{name}.example.com/, client: {{ id: g, secret: s }} }}\n")
    };
    let config = format!(
        "url: https://access.example.com\nstore: sqlite:guestpass.db\nkey: k\nproviders:\n{}{}apps:\n  wiki: {{ host: wiki.example.com, upstream: http://127.0.0.1:1 }}\npolicies: policies/\n",
        provider("staff"),
        provider("partners")
    );
    std::fs::write(folder.path().join("guestpass.yaml"), config).unwrap();
    std::fs::create_dir(folder.path().join("policies")).unwrap();
    std::fs::write(folder.path().join("policies/contractors.yaml"), policy).unwrap();
    folder
}

fn at(folder: &Path, name: &str) -> String {
    folder.join(name).display().to_string()
}

#[tokio::test]
async fn explain_tells_each_condition_what_was_seen_where_and_what_comes_of_it() {
    let folder = folder(POLICY);
    let (config, carla) = (at(folder.path(), "guestpass.yaml"), at(folder.path(), "carla.json"));
    let explain = async |claims: &str, more: &[&str]| {
        std::fs::write(&carla, claims).unwrap();
        guestpass(&[&["policy", "explain", "--config", &config, "--claims", &carla][..], more].concat()).await
    };
    let claims = r#"{ "groups": ["wiki-guests", "all"], "email_verified": false }"#;
    let said = explain(claims, &["--provider", "partners", "--app", "wiki"]).await;
    assert_eq!((said.code, &*said.err), (0, ""), "{said:?}");
    for line in [
        "policies/contractors.yaml:3:3\n",
        "  ✓ 5:7   provider is partners\n",
        "  ✓ 6:17  groups has any of wiki-guests  (groups are wiki-guests, all)\n",
        "  ✗ 7:17  claims.email_verified is true  (email_verified is false)\n",
        "\nNo role matches, so no access to wiki.\n",
    ] {
        assert!(said.out.contains(line), "{line}{}", said.out);
    }

    let claims = "provider: partners\nclaims: { groups: [wiki-guests], email_verified: true, contract_end: 2026-03-09 }\n";
    let said = explain(claims, &["--at", "2026-03-02T09:00:00Z"]).await;
    for line in [
        "  → wiki: groups readers\n      ends 2026-03-10T00:00:00Z by contract_end; else 2026-04-01T09:00:00Z by ttl 30d\n",
        "\nAccess to wiki as contractor until 2026-03-10T00:00:00Z (contract_end).\n",
    ] {
        assert!(said.out.contains(line), "{line}{}", said.out);
    }
    let said = explain(claims, &["--json"]).await;
    let told: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(
        (&told["roles"][0]["role"], &told["roles"][0]["who"][0]["answer"]),
        (&"contractor".into(), &"holds".into())
    );
    let costly = &told["roles"][1]["who"][1];
    assert!(costly["ns"].as_u64().is_some_and(|ns| ns > 0), "{costly}");

    // Whose claims they are has to be said, and what is no mapping is none.
    for (claims, words) in [("{}", "--provider"), ("[]", "claims are a mapping"), ("{", "not YAML")] {
        let said = explain(claims, &[]).await;
        assert!(said.code == 1 && said.err.contains(words), "{claims}: {said:?}");
    }
    assert!(
        explain("{}", &["--provider", "staff", "--app", "wikki"]).await.err.contains("there is no app wikki")
    );
}

#[tokio::test]
async fn explain_knows_whom_the_running_gateway_knows() {
    let site = Site::new(Clock::system()).await;
    let process = Process::serve(&site).await;
    site.signs_in(CARLA).await;
    let config = site.config().display().to_string();
    let explain = async |user: &str| {
        guestpass(&["policy", "explain", "--config", &config, "--user", user, "--app", "notes"]).await
    };
    let said = explain("c-17@demo").await;
    assert_eq!(said.code, 0, "{said:?}");
    assert!(
        said.out.contains("guest   ") && said.out.contains("\nAccess to notes as guest until "),
        "{}",
        said.out
    );
    let said = explain("c-18@demo").await;
    assert!(said.code == 1 && said.err.contains("there is no person c-18@demo"), "{said:?}");
    process.kill().await;
}

#[tokio::test]
async fn test_names_the_rules_that_no_example_touches() {
    let folder = folder(POLICY);
    let config = at(folder.path(), "guestpass.yaml");
    let said = guestpass(&["policy", "test", "--config", &config]).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert!(
        said.out.contains("1 example passed")
            && said.out.contains("1 of 2 rules is touched by no example:\n"),
        "{}",
        said.out
    );
    assert!(said.out.contains("policies/contractors.yaml:10: role coder\n"), "{}", said.out);
    let strict = guestpass(&["policy", "test", "--coverage", "--json", "--config", &config]).await;
    assert_eq!(strict.code, 1);
    let told: Value = serde_json::from_str(&strict.out).unwrap();
    assert_eq!((&told["passed"], &told["failed"], &told["rules"]), (&1.into(), &0.into(), &2.into()));
    assert_eq!(told["untouched"][0]["rule"], "role coder");
}

#[tokio::test]
async fn fmt_writes_what_is_written_otherwise_and_check_only_names_it() {
    let folder = folder(
        &POLICY.replace("provider: partners\n      groups", "provider:   partners # theirs\n      groups"),
    );
    let (config, file) =
        (at(folder.path(), "guestpass.yaml"), folder.path().join("policies/contractors.yaml"));
    let before = std::fs::read_to_string(&file).unwrap();
    let check = guestpass(&["policy", "fmt", "--check", "--config", &config]).await;
    assert_eq!(check.code, 1, "{check:?}");
    assert!(check.out.contains("contractors.yaml"), "{check:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), before);

    assert_eq!(guestpass(&["policy", "fmt", "--config", &config]).await.code, 0);
    let after = std::fs::read_to_string(&file).unwrap();
    assert!(after.contains("provider: partners # theirs\n"), "{after}");
    let named = file.display().to_string();
    let again = guestpass(&["policy", "fmt", "--check", &named]).await;
    assert_eq!((again.code, &*again.out), (0, ""), "{again:?}");

    std::fs::write(&file, "version: 1\nversion: 1\n").unwrap();
    let refused = guestpass(&["policy", "fmt", &named]).await;
    assert!(refused.code == 1 && refused.err.contains("contractors.yaml:2:1"), "{refused:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "version: 1\nversion: 1\n");
}

#[tokio::test]
async fn schema_prints_what_editors_go_by() {
    let said = guestpass(&["policy", "schema"]).await;
    let committed =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/policies/schema.json")).unwrap();
    assert_eq!((said.code, said.out), (0, committed));
}
