//! The tables, as one version after the other made them.

use super::dialect::Dialect;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, Row, SqlStr, query};

/// What a version did, in SQLite and in PostgreSQL: its number, its name, and its statements.
type Version = (i64, &'static str, &'static str);

/// What each version did, in order. What is there once stays as it is: stores remember what they were brought to.
const SQLITE: &[Version] = &[
    (1, "first", include_str!("migrations/0001_first.sqlite.sql")),
    (2, "terms", include_str!("migrations/0002_terms.sqlite.sql")),
    (3, "provisioning", include_str!("migrations/0003_provisioning.sqlite.sql")),
    (4, "replicas", include_str!("migrations/0004_replicas.sqlite.sql")),
    (5, "budget", include_str!("migrations/0005_budget.sqlite.sql")),
    (6, "adopting", include_str!("migrations/0006_adopting.sqlite.sql")),
    (7, "signing", include_str!("migrations/0007_signing.sqlite.sql")),
    (8, "tokens", include_str!("migrations/0008_tokens.sqlite.sql")),
    (9, "refreshes", include_str!("migrations/0009_refreshes.sqlite.sql")),
    (10, "signals", include_str!("migrations/0010_signals.sqlite.sql")),
    (11, "retention", include_str!("migrations/0011_retention.sqlite.sql")),
    (12, "bearers", include_str!("migrations/0012_bearers.sqlite.sql")),
    (13, "promises", include_str!("migrations/0013_promises.sqlite.sql")),
    (14, "ended", include_str!("migrations/0014_ended.sqlite.sql")),
    (15, "restores", include_str!("migrations/0015_restores.sqlite.sql")),
];

/// The same; it begins with the version that made replicas possible.
const POSTGRES: &[Version] = &[
    (4, "replicas", include_str!("migrations/0004_replicas.postgres.sql")),
    (5, "budget", include_str!("migrations/0005_budget.postgres.sql")),
    (6, "adopting", include_str!("migrations/0006_adopting.postgres.sql")),
    (7, "signing", include_str!("migrations/0007_signing.postgres.sql")),
    (8, "tokens", include_str!("migrations/0008_tokens.postgres.sql")),
    (9, "refreshes", include_str!("migrations/0009_refreshes.postgres.sql")),
    (10, "signals", include_str!("migrations/0010_signals.postgres.sql")),
    (11, "retention", include_str!("migrations/0011_retention.postgres.sql")),
    (12, "bearers", include_str!("migrations/0012_bearers.postgres.sql")),
    (13, "promises", include_str!("migrations/0013_promises.postgres.sql")),
    (14, "ended", include_str!("migrations/0014_ended.postgres.sql")),
    (15, "restores", include_str!("migrations/0015_restores.postgres.sql")),
];

/// Brings a store up to date.
pub(super) fn migrator(dialect: Dialect) -> Migrator {
    match dialect {
        Dialect::Sqlite => of(SQLITE),
        Dialect::Postgres => of(POSTGRES),
    }
}

/// The version that a store is brought to.
pub(super) fn newest() -> i64 {
    SQLITE.iter().map(|(number, ..)| *number).max().unwrap_or_default()
}

/// The version that the store on `connection` was brought to; none where that was never done.
pub(super) async fn version(connection: &mut AnyConnection) -> Result<Option<i64>, sqlx::Error> {
    let row = query("SELECT max(version) AS version FROM _sqlx_migrations").fetch_one(connection).await?;
    row.try_get("version")
}

fn of(versions: &[Version]) -> Migrator {
    let migration = |(number, name, sql): &Version| {
        Migration::new(*number, (*name).into(), MigrationType::Simple, SqlStr::from_static(sql), false)
    };
    let mut migrator = Migrator::with_migrations(versions.iter().map(migration).collect());
    // During an upgrade, replicas of the version before may start beside newer ones.
    migrator.set_ignore_missing(true);
    migrator
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::{Renew, Strength};
    use crate::seal::{Sealer, random_text};
    use crate::store::{Place, Store, connect, testing, token_hash};
    use jiff::Timestamp;
    use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
    use std::collections::BTreeMap;

    /// What the first version wrote of somebody who is signed in and holds a role.
    const BEFORE: &str = r#"
        INSERT INTO vaults VALUES ('0198f0e0-0000-7000-8000-000000000001', x'01', NULL);
        INSERT INTO users VALUES ('0198f0e0-0000-7000-8000-000000000002', '0198f0e0-0000-7000-8000-000000000001', 0, NULL);
        INSERT INTO identities VALUES ('0198f0e0-0000-7000-8000-000000000003', '0198f0e0-0000-7000-8000-000000000002',
            'staff', 'https://login.example.com', 'c-17', NULL, NULL, '{}', 5);
        INSERT INTO grants VALUES ('0198f0e0-0000-7000-8000-000000000004', '0198f0e0-0000-7000-8000-000000000003',
            'reader', 'wiki', '{"role":"reader","app":"wiki","groups":[],"attributes":{},"ttl":"PT720H","until":null}',
            '000000000000', 3000000, 5000000, NULL, 9000000, '{"ttl":"PT720H"}', 0);
        INSERT INTO sign_ins VALUES ('0198f0e0-0000-7000-8000-000000000005', '0198f0e0-0000-7000-8000-000000000003',
            NULL, NULL, 0, 9000000, NULL);
    "#;

    /// Each column that somebody writes: whether one that does not know it may leave it out.
    const IN_SQLITE: &str = "
        SELECT tables.name || '.' || columns.name AS name,
            columns.\"notnull\" = 0 OR columns.dflt_value IS NOT NULL AS may_be_left_out
        FROM sqlite_schema AS tables, pragma_table_xinfo(tables.name) AS columns
        WHERE tables.type = 'table' AND columns.hidden = 0 AND tables.name NOT LIKE 'sqlite_%'";
    const IN_POSTGRES: &str = "
        SELECT table_name || '.' || column_name AS name,
            CASE WHEN is_nullable = 'YES' OR column_default IS NOT NULL THEN 1::bigint ELSE 0 END AS may_be_left_out
        FROM information_schema.columns WHERE table_schema = current_schema() AND is_generated = 'NEVER'";

    /// The columns of a store that these versions made.
    async fn columns(versions: &[Version]) -> BTreeMap<String, bool> {
        let place = testing::place().await;
        let dialect = Dialect::of(&place);
        let pool = connect(&place, false).await.unwrap();
        of(versions).run(&pool).await.unwrap();
        let rows = query(dialect.choose(IN_SQLITE, IN_POSTGRES)).fetch_all(&pool).await.unwrap();
        rows.iter().map(|row| (row.get("name"), row.get::<i64, _>("may_be_left_out") != 0)).collect()
    }

    #[tokio::test]
    async fn a_replica_of_the_version_before_goes_on_beside_a_newer_one() {
        let postgres = std::env::var_os("GUESTPASS_TEST_STORE").is_some();
        let versions = if postgres { POSTGRES } else { SQLITE };
        // Replicas began with the fourth.
        let begun = versions.iter().position(|(number, ..)| *number == 4).unwrap() + 1;
        let mut before = columns(&versions[..begun]).await;
        for end in begun + 1..=versions.len() {
            let after = columns(&versions[..end]).await;
            let name = versions[end - 1].1;
            for column in before.keys() {
                assert!(after.contains_key(column), "{name} takes {column} away");
            }
            for (column, may_be_left_out) in &after {
                let table = format!("{}.", column.split('.').next().unwrap());
                let was_there = before.keys().any(|column| column.starts_with(&table));
                let written = before.contains_key(column) || !was_there || *may_be_left_out;
                assert!(written, "{name}: the version before cannot write a row without {column}");
            }
            before = after;
        }
    }

    #[tokio::test]
    async fn what_an_earlier_version_wrote_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("guestpass.db");
        let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
        let pool = SqlitePool::connect_with(options).await.unwrap();
        of(&SQLITE[..1]).run(&pool).await.unwrap();
        sqlx::raw_sql(BEFORE).execute(&pool).await.unwrap();
        query(
            "INSERT INTO sessions VALUES ('0198f0e0-0000-7000-8000-000000000006',
                '0198f0e0-0000-7000-8000-000000000005', 'wiki.example.com', $1, 0)",
        )
        .bind(&token_hash("a-token")[..])
        .execute(&pool)
        .await
        .unwrap();
        pool.close().await;

        let sealer = Sealer::from_master(&random_text()).unwrap();
        let store = Store::open(Place::Sqlite(path), sealer, Timestamp::UNIX_EPOCH).await.unwrap();
        let session = store.session(&token_hash("a-token")).await.unwrap().unwrap();
        let held = &session.access[0].held[0];
        assert_eq!((held.role().as_str(), held.until), ("reader", Timestamp::from_second(9).unwrap()));
        assert!(!held.opening.is_partial() && held.opening.only.is_empty());
        assert_eq!(session.strength(), &Strength::default());
        let mut tx = store.begin(Timestamp::UNIX_EPOCH).await.unwrap();
        let grant = tx.grants(session.user).await.unwrap().remove(0);
        let second = |second| Timestamp::from_second(second).unwrap();
        assert_eq!((grant.first_granted, grant.renewed, grant.opened), (second(3), second(3), second(5)));
        assert_eq!((grant.last_used, grant.terms.renew), (None, Renew::Never));
        assert_eq!(store.policy().await.unwrap(), (None, false));
    }
}
