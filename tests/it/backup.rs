//! A store is backed up while the gateway runs, by the database's own means, and restored: what was made since is found
//! again, and nobody gets a second account.

use crate::harness::{ADA, CARLA, Database, Hand, Process, Site, guestpass, soon};
use guestpass::clock::Clock;
use http::Method;
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, raw_sql};
use std::path::{Path, PathBuf};
use tokio::process::Command;

/// As operators are told to.
async fn back_up(database: &Database, to: &Path) {
    match database {
        Database::File(path) => {
            let mut file = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
            let words = format!("VACUUM INTO '{}'", to.display());
            raw_sql(AssertSqlSafe(words)).execute(&mut file).await.unwrap();
            file.close().await.unwrap();
        }
        Database::Schema(_) => {
            let (url, schema) = named(database);
            runs("pg_dump", &["-Fc", "-n", &schema, "-f", to.to_str().unwrap(), &url]).await;
        }
    }
}

async fn restore(database: &Database, from: &Path) {
    match database {
        Database::File(path) => {
            for ending in ["db-wal", "db-shm"] {
                let _ = std::fs::remove_file(path.with_extension(ending));
            }
            std::fs::copy(from, path).unwrap();
        }
        Database::Schema(_) => {
            let (url, schema) = named(database);
            database.says(&format!("DROP SCHEMA {schema} CASCADE")).await;
            runs("pg_restore", &["--exit-on-error", "-d", &url, from.to_str().unwrap()]).await;
        }
    }
}

/// The URL of a PostgreSQL database, and the schema.
fn named(database: &Database) -> (String, String) {
    let setting = database.setting();
    let (url, options) = setting.trim_matches('"').split_once('?').unwrap();
    (url.to_owned(), options.split_once('=').unwrap().1.to_owned())
}

/// A program that comes with PostgreSQL.
async fn runs(program: &str, words: &[&str]) {
    let installed = || {
        let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
        versions.map(|version| version.unwrap().path().join("bin")).max()
    };
    let folder = std::env::var("POSTGRES_BIN").map(PathBuf::from).ok().or_else(installed).unwrap();
    let done = Command::new(folder.join(program)).args(words).output().await.unwrap();
    assert!(done.status.success(), "{program}: {}", String::from_utf8_lossy(&done.stderr));
}

async fn has_accounts(site: &Site, number: usize) {
    soon(|| async {
        let accounts = site.operator().asks("/accounts").await;
        let accounts = accounts.as_array().unwrap();
        let settled = accounts.iter().all(|account| account["state"] == "active" && account["due"].is_null());
        (accounts.len() == number && settled).then_some(())
    })
    .await;
}

/// The last line of what it says, and whether it is content.
async fn verified(site: &Site, noted: Option<&str>) -> (bool, String) {
    let config = site.config();
    let mut words = vec!["audit", "verify", "--config", config.to_str().unwrap()];
    words.extend(noted.into_iter().flat_map(|noted| ["--noted", noted]));
    let said = guestpass(&words).await;
    (said.code == 0, if said.code == 0 { said.out.trim().to_owned() } else { said.err })
}

#[tokio::test]
async fn a_restored_store_finds_the_accounts_that_were_made_since() {
    let site = Site::new(Clock::system()).await;
    let process = Process::serve(&site).await;
    let mut ada = Hand::signed_in(&site, ADA).await;
    has_accounts(&site, 1).await;
    let backup = site.folder().join("backup");
    back_up(&site.database, &backup).await;
    let (_, early) = verified(&site, None).await;
    let mut carla = Hand::signed_in(&site, CARLA).await;
    has_accounts(&site, 2).await;
    assert_eq!(carla.get(&site.notes_url).await.status, 200);
    let before = site.notes.accounts().await.unwrap();
    let (_, late) = verified(&site, None).await;
    assert_eq!(process.stop().await, 0);

    restore(&site.database, &backup).await;
    let process = Process::serve(&site).await;
    has_accounts(&site, 1).await;
    assert!(ada.get(&site.notes_url).await.next.is_some(), "who was signed in then is signed in now");
    let asked = carla.get(&site.notes_url).await;
    assert!(asked.next.is_some(), "a session that the store does not know: {}", asked.text);
    assert!(verified(&site, Some(&early)).await.0);
    let (fits, said) = verified(&site, Some(&late)).await;
    assert!(!fits && said.contains("missing"), "{said}");

    let created = |site: &Site| {
        let calls = site.scim.seen().into_iter();
        calls.filter(|(method, path)| *method == Method::POST && path.ends_with("/Users")).count()
    };
    let made = created(&site);
    let mut again = Hand::signed_in(&site, CARLA).await;
    has_accounts(&site, 2).await;
    assert_eq!(again.get(&site.notes_url).await.status, 200);
    let ids = |accounts: &[guestpass::demo::notes::Account]| {
        let mut ids: Vec<_> = accounts.iter().map(|account| account.external_id.clone()).collect();
        ids.sort();
        ids
    };
    assert_eq!(ids(&site.notes.accounts().await.unwrap()), ids(&before));
    assert_eq!(created(&site), made, "a second account was made");
    assert_eq!(process.stop().await, 0);
}

#[tokio::test]
async fn what_was_ended_since_a_backup_does_not_begin_again() {
    let site = Site::new(Clock::system()).await;
    site.change("guestpass.yaml", "workers: 2", "workers: 2\nadmin: guestpass.sock");
    let process = Process::serve(&site).await;
    let (mut ada, mut carla) = (Hand::signed_in(&site, ADA).await, Hand::signed_in(&site, CARLA).await);
    let operator = site.operator();
    for name in ["lost", "kept"] {
        operator.orders("/tokens", json!({ "name": name, "role": "auditor", "by": "PT24H" })).await;
    }
    has_accounts(&site, 2).await;
    let backup = site.folder().join("backup");
    back_up(&site.database, &backup).await;
    let sessions = operator.asks("/sessions").await;
    let hers = sessions.as_array().unwrap().iter().find(|row| row["person"] == "c-17@demo").unwrap();
    operator.orders(&format!("/sessions/{}/revoke", hers["id"].as_str().unwrap()), json!({})).await;
    operator.orders("/tokens/lost/revoke", json!({})).await;
    assert!(carla.get(&site.notes_url).await.next.is_some());
    process.kill().await;

    restore(&site.database, &backup).await;
    let process = Process::serve(&site).await;
    for hand in [&mut carla, &mut ada] {
        assert!(hand.get(&site.notes_url).await.next.is_some(), "signed in again by a backup");
    }
    let tokens = operator.asks("/tokens").await;
    assert!(tokens.as_array().unwrap().iter().all(|token| !token["revoked"].is_null()), "{tokens}");
    let told = async || {
        let record = operator.asks("/audit?after=0").await;
        let told = |event: &&Value| event["leaf"]["what"]["event"] == "store_restored";
        record.as_array().unwrap().iter().filter(told).map(|event| event["leaf"]["what"].clone()).collect()
    };
    let once: Vec<Value> = told().await;
    assert_eq!(once, [json!({ "event": "store_restored", "sign_ins": 2, "tokens": 2 })]);
    assert_eq!(Hand::signed_in(&site, CARLA).await.get(&site.notes_url).await.status, 200);
    assert_eq!(process.stop().await, 0);

    // It is found once, and a database that was put back by means that do not show is told of by hand.
    let process = Process::serve(&site).await;
    assert_eq!(told().await, once);
    let config = site.config();
    let words = ["restored", "--config", config.to_str().unwrap()];
    let said = guestpass(&words).await;
    if site.database.file().is_some() {
        assert!(said.code == 1 && said.err.contains("in use by another guestpass"), "{said:?}");
        assert_eq!(process.stop().await, 0);
        let said = guestpass(&words).await;
        assert!(said.code == 0 && said.out.contains("1 sign-ins and 0 tokens have ended"), "{said:?}");
        let process = Process::serve(&site).await;
        assert_eq!(told().await.len(), 2);
        assert_eq!(process.stop().await, 0);
    } else {
        assert!(said.code == 0 && said.out.contains("1 sign-ins and 0 tokens have ended"), "{said:?}");
        assert_eq!(told().await.len(), 2);
        assert_eq!(process.stop().await, 0);
    }
}

#[tokio::test]
async fn an_export_of_a_store_in_use_is_a_backup() {
    let site = Site::new(Clock::system()).await;
    site.change("guestpass.yaml", "workers: 2", "workers: 2\nadmin: guestpass.sock");
    let process = Process::serve(&site).await;
    let mut carla = Hand::signed_in(&site, CARLA).await;
    has_accounts(&site, 1).await;
    let config = site.config();
    let config = config.to_str().unwrap();
    let export = site.folder().join("export");
    let said = guestpass(&["export", export.to_str().unwrap(), "--config", config]).await;
    assert!(said.code == 0 && said.err.contains("this is a backup"), "{said:?}");
    assert_eq!(process.stop().await, 0);

    let elsewhere = Database::new(site.folder(), "elsewhere.db").await;
    site.change("guestpass.yaml", &site.database.setting(), &elsewhere.setting());
    let said = guestpass(&["import", export.to_str().unwrap(), "--config", config]).await;
    assert!(said.code == 0 && said.out.contains("everybody has to sign in again"), "{said:?}");
    let process = Process::serve(&site).await;
    assert!(carla.get(&site.notes_url).await.next.is_some());
    assert_eq!(process.stop().await, 0);
}
