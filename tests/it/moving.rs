//! A store is taken elsewhere, and nobody notices. Where `GUESTPASS_TEST_STORE` names a PostgreSQL database it goes from
//! there to a file and on to another schema, else from file to file.

use crate::harness::{ADA, CARLA, Database, Hand, Process, Site, guestpass, soon};
use guestpass::clock::Clock;
use guestpass::seal::random_text;
use serde_json::{Value, json};
use std::path::PathBuf;

/// A house in which much has happened, and nothing is left to do.
async fn lived_in() -> (Site, Hand) {
    let site = Site::new(Clock::system()).await;
    site.change("guestpass.yaml", "workers: 2", "workers: 2\nadmin: guestpass.sock");
    let process = Process::serve(&site).await;
    let (mut carla, operator) = (Hand::signed_in(&site, CARLA).await, site.operator());
    Hand::signed_in(&site, ADA).await;
    operator.orders("/people/s-4@demo/revoke", json!({})).await;
    operator.orders("/tokens", json!({ "name": "backup", "role": "auditor", "by": "PT24H" })).await;
    operator.orders("/keys/rotate", json!({})).await;
    soon(|| async { all_settled(&operator.asks("/accounts").await).then_some(()) }).await;
    assert_eq!(carla.get(&site.notes_url).await.status, 200);
    assert_eq!(process.stop().await, 0);
    (site, carla)
}

fn all_settled(accounts: &Value) -> bool {
    let accounts = accounts.as_array().unwrap();
    accounts.len() == 2 && accounts.iter().all(|account| account["due"].is_null())
}

/// `guestpass` with these words about the configuration of `site`: exit code and all that was said.
async fn says(site: &Site, words: &[&str]) -> (i32, String) {
    let config = site.config();
    let said = guestpass(&[words, &["--config", config.to_str().unwrap()]].concat()).await;
    (said.code, said.out + &said.err)
}

/// What operators are shown.
async fn shown(site: &Site) -> Vec<Value> {
    let operator = site.operator();
    let mut shown = Vec::new();
    for path in ["/people", "/grants", "/sessions", "/tokens", "/keys", "/audit?after=0", "/accounts"] {
        let mut rows = operator.asks(path).await;
        // A use is written down when there is time for it.
        let uses = rows.as_array_mut().unwrap().iter_mut().filter_map(Value::as_object_mut);
        uses.for_each(|row| drop(row.shift_remove("last_used")));
        shown.push(rows);
    }
    shown
}

async fn exported(site: &Site, name: &str) -> (PathBuf, Vec<String>) {
    let path = site.folder().join(name);
    let (code, said) = says(site, &["export", path.to_str().unwrap()]).await;
    assert_eq!(code, 0, "{said}");
    let text = std::fs::read_to_string(&path).unwrap();
    (path, text.lines().map(str::to_owned).collect())
}

async fn head(site: &Site) -> String {
    let (code, said) = says(site, &["audit", "verify"]).await;
    assert_eq!(code, 0, "{said}");
    said.lines().next().unwrap().to_owned()
}

#[tokio::test]
async fn a_store_is_taken_elsewhere_without_a_session_or_an_event_lost() {
    let (site, mut carla) = lived_in().await;
    let process = Process::serve(&site).await;
    let before = shown(&site).await;
    assert_eq!(process.stop().await, 0);

    let mut here = site.database.setting();
    let places =
        [Database::file_of(site.folder(), "elsewhere.db"), Database::new(site.folder(), "again.db").await];
    for (round, place) in places.iter().enumerate() {
        let (export, lines) = exported(&site, &format!("export-{round}")).await;
        let noted = head(&site).await;
        site.change("guestpass.yaml", &here, &place.setting());
        here = place.setting();
        let import = ["import", export.to_str().unwrap()];
        let (code, said) = says(&site, &import).await;
        assert_eq!(code, 0, "{said}");
        let (code, said) = says(&site, &["audit", "verify", "--noted", &noted]).await;
        assert!(code == 0 && said.starts_with(&noted), "{said}");
        let (_, again) = exported(&site, &format!("again-{round}")).await;
        // The first line tells when that was, and the last one sums up over it.
        assert_eq!(lines[1..lines.len() - 1], again[1..again.len() - 1]);

        let process = Process::serve(&site).await;
        assert_eq!(carla.get(&site.notes_url).await.status, 200, "her session is worth nothing there");
        assert_eq!(shown(&site).await, before);
        let (code, said) = says(&site, &import).await;
        assert!(code == 1 && (said.contains("in use by") || said.contains("a gateway runs")), "{said}");
        let (code, said) = says(&site, &["export"]).await;
        assert!(code == 0 && said.contains("warning: a gateway runs"), "{said}");
        assert_eq!(process.stop().await, 0);
        let (code, said) = says(&site, &import).await;
        assert!(code == 1 && said.contains("the store is not empty"), "{said}");
    }
}

#[tokio::test]
async fn what_is_not_whole_is_not_imported_at_all() {
    let (site, mut carla) = lived_in().await;
    let (export, lines) = exported(&site, "export").await;
    let elsewhere = Database::new(site.folder(), "elsewhere.db").await;
    site.change("guestpass.yaml", &site.database.setting(), &elsewhere.setting());

    let without = |number: usize| {
        let kept = lines.iter().enumerate().filter(|(line, _)| *line != number);
        kept.map(|(_, line)| format!("{line}\n")).collect::<String>()
    };
    let whole: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let last = lines.len() - 1;
    let other_tables = lines[0].replace("\"tables\":", "\"tables\":1");
    let broken = [
        ("the file breaks off", without(last)),
        ("the file breaks off", whole[..whole.len() / 2].to_owned()),
        ("the file breaks off", String::new()),
        ("no export", "version: 1\n".to_owned()),
        ("changed in this file", without(last - 1)),
        ("changed in this file", whole.replace("@example.com", "@example.org")),
        ("no table", whole.replace("\"display_name\",", "")),
        ("upgrade afterwards", whole.replace(&lines[0], &other_tables)),
    ];
    for (wrong, text) in broken {
        site.write("broken", &text);
        let (code, said) = says(&site, &["import", site.folder().join("broken").to_str().unwrap()]).await;
        assert!(code == 1 && said.contains(wrong), "{wrong}: {said}");
    }
    let import = ["import", export.to_str().unwrap()];
    let key = std::fs::read_to_string(site.folder().join("key")).unwrap();
    site.write("key", &random_text());
    let (code, said) = says(&site, &import).await;
    assert!(code == 1 && said.contains("is sealed under key"), "{said}");

    // An instance that has never met anybody is in nobody's way.
    let process = Process::serve(&site).await;
    assert_eq!(process.stop().await, 0);
    site.write("key", &key);
    let (code, said) = says(&site, &import).await;
    assert_eq!(code, 0, "{said}");
    let process = Process::serve(&site).await;
    assert_eq!(carla.get(&site.notes_url).await.status, 200);
    assert_eq!(process.stop().await, 0);
}
