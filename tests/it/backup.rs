//! A store is backed up while the gateway runs, by the database's own means, and restored: what was made since is found
//! again, and nobody gets a second account.

use crate::harness::{ADA, CARLA, Database, Hand, Process, Site, guestpass, soon};
use guestpass::clock::Clock;
use http::Method;
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
    assert_eq!(ada.get(&site.notes_url).await.status, 200, "who was signed in then is not any more");
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
