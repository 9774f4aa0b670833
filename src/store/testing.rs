//! Stores for tests: a file each, or where `GUESTPASS_TEST_STORE` is the URL of a PostgreSQL database, a schema each.

use super::place::Place;
use crate::names::UserId;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, query};

/// A place that nobody else has.
pub(super) async fn place() -> Place {
    let Ok(url) = std::env::var("GUESTPASS_TEST_STORE") else {
        let folder = tempfile::tempdir().unwrap().keep();
        return Place::Sqlite(folder.join("guestpass.db"));
    };
    let schema = format!("test_{}", UserId::random()).replace('-', "_");
    let mut connection = PgConnection::connect(&url).await.unwrap();
    query(AssertSqlSafe(format!("CREATE SCHEMA {schema}"))).execute(&mut connection).await.unwrap();
    Place::new(&format!("{url}?options[search_path]={schema}").into(), None).unwrap()
}
