//! What is found of a store without opening it: nothing is made, migrated or locked.

use super::instance::SIGNING_KEY;
use super::{Error, Place, tables};
use crate::seal::Sealer;
use sqlx::{AnyConnection, Connection, Row, query};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was found.
#[derive(Debug)]
pub enum Examined {
    /// Nothing yet: it is made at the first start.
    Absent,
    /// A store.
    Present {
        /// The version that its tables were brought to; none where they were never made.
        version: Option<i64>,
        /// The version that this program brings them to.
        newest: i64,
        /// Whether it is sealed under a key that we have.
        opens: bool,
        /// Whether it only reads, as a standby does.
        reads_only: bool,
        /// How long it took to answer.
        took: Duration,
    },
}

/// Looks at the store at `place`.
///
/// # Errors
/// Where it cannot be reached or read, or not written.
pub async fn examine(place: &Place, sealer: &Sealer) -> Result<Examined, Error> {
    if let Place::Sqlite(path) = place {
        match File::options().read(true).append(true).open(path) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return can_be_made(path)
                    .map(|()| Examined::Absent)
                    .map_err(|(at, error)| Error::File(at, error));
            }
            Err(error) => return Err(Error::File(path.clone(), error)),
        }
    }
    timeout(PATIENCE, ask(place, sealer)).await.unwrap_or(Err(sqlx::Error::PoolTimedOut.into()))
}

/// Whether a file can be made at `path`, also where its folder has to be made first.
fn can_be_made(path: &Path) -> Result<(), (PathBuf, io::Error)> {
    let there = path.ancestors().skip(1).find(|folder| folder.as_os_str().is_empty() || folder.exists());
    let folder = there.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let tried = folder.join(format!(".guestpass-doctor-{}", std::process::id()));
    let made = File::create_new(&tried).and_then(|_| std::fs::remove_file(&tried));
    made.map_err(|error| (folder.to_owned(), error))
}

async fn ask(place: &Place, sealer: &Sealer) -> Result<Examined, Error> {
    sqlx::any::install_default_drivers();
    let mut store = AnyConnection::connect_with(&place.options(true)?).await?;
    let begun = Instant::now();
    let asked = match place {
        Place::Sqlite(_) => "SELECT count(*) AS tables FROM sqlite_master WHERE name = '_sqlx_migrations'",
        Place::Postgres(_) => {
            "SELECT count(*) AS tables FROM pg_tables
             WHERE tablename = '_sqlx_migrations' AND schemaname = current_schema()"
        }
    };
    let made: i64 = query(asked).fetch_one(&mut store).await?.try_get("tables")?;
    let took = begun.elapsed();
    let reads_only = match place {
        Place::Sqlite(_) => false,
        Place::Postgres(_) => {
            let told = query("SELECT CASE WHEN pg_is_in_recovery() THEN 1 ELSE 0 END AS standby");
            told.fetch_one(&mut store).await?.try_get::<i32, _>("standby")? != 0
        }
    };
    let (mut version, mut opens) = (None, true);
    if made > 0 {
        version = tables::version(&mut store).await?;
        if let Some(row) = query("SELECT signing_key FROM instance").fetch_optional(&mut store).await? {
            opens = sealer.open(SIGNING_KEY, row.try_get("signing_key")?).is_ok();
        }
    }
    Ok(Examined::Present { version, newest: tables::newest(), opens, reads_only, took })
}
