//! Out of a store, as it was at one moment, whether or not a gateway runs on it.

use super::super::lead::lead_of;
use super::super::prune::pruned;
use super::super::{Error, Place, Reading, tables};
use super::layout::{EVENTS, Kind, TABLES};
use super::lines::Written;
use super::{End, FORMAT, Header, MoveError, Moved, Part, shown};
use crate::seal::KeyId;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::TryStreamExt;
use jiff::Timestamp;
use serde_json::Value;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row, query};
use std::collections::BTreeMap;
use std::io::Write;

/// Writes all of the store at `place` to `to`. Nothing is opened that is sealed, so no key is needed.
///
/// # Errors
/// [`MoveError::OtherTables`] where another version has brought the store to where it is.
pub async fn export(place: &Place, now: Timestamp, to: impl Write) -> Result<Moved, MoveError> {
    let mut snapshot = Reading::open(place).await?.snapshot().await?;
    let mut written = Written::new(to);
    let is_backup = runs(place, &mut snapshot).await?;
    written.line(&header(&mut snapshot, now, is_backup).await?)?;
    let (mut rows, mut record) = (BTreeMap::new(), pruned(&mut snapshot).await?);
    for table in &TABLES {
        let columns = table.columns();
        let names = columns.iter().map(|(name, _)| (*name).to_owned()).collect();
        written.line(&Part { table: table.name.to_owned(), columns: names })?;
        let mut count = 0_u64;
        let mut found = query(AssertSqlSafe(table.select())).fetch(&mut *snapshot);
        while let Some(row) = found.try_next().await? {
            if table.name == EVENTS {
                record.add(row.try_get::<&str, _>("leaf")?.as_bytes());
            }
            let cells = columns.iter().enumerate().map(|(index, (_, kind))| cell(&row, index, *kind));
            written.line(&cells.collect::<Result<Vec<Value>, _>>()?)?;
            count += 1;
        }
        drop(found);
        rows.insert(table.name.to_owned(), count);
    }
    let (record, sum) = (record.head(), written.sum());
    written.line(&End { rows: rows.clone(), record: record.to_string(), sum })?;
    written.finish()?;
    Ok(Moved { rows, record, is_backup })
}

/// Whether a gateway runs on the store at `place`.
async fn runs(place: &Place, snapshot: &mut AnyConnection) -> Result<bool, MoveError> {
    if let Place::Sqlite(_) = place {
        return match place.take() {
            Ok(_) => Ok(false),
            Err(Error::InUse(_)) => Ok(true),
            Err(error) => Err(error.into()),
        };
    }
    let row = query("SELECT id FROM instance").fetch_one(&mut *snapshot).await?;
    let lead = lead_of(row.try_get("id")?);
    let free = query("SELECT pg_try_advisory_xact_lock_shared(hashtextextended($1, 0)) AS free").bind(lead);
    Ok(!free.fetch_one(snapshot).await?.try_get::<bool, _>("free")?)
}

async fn header(snapshot: &mut AnyConnection, exported: Timestamp, runs: bool) -> Result<Header, MoveError> {
    let found = tables::version(snapshot).await?.unwrap_or_default();
    if found != tables::newest() {
        return Err(MoveError::OtherTables {
            whose: "the store",
            found,
            ours: tables::newest(),
            hint: "export with the guestpass that runs on it",
        });
    }
    let row = query("SELECT signing_key FROM instance").fetch_one(snapshot).await?;
    let sealed: &[u8] = row.try_get("signing_key")?;
    let key = sealed.get(..size_of::<KeyId>()).unwrap_or_default();
    let guestpass = env!("CARGO_PKG_VERSION").to_owned();
    Ok(Header { guestpass, format: FORMAT, tables: found, key: shown(key), exported, runs })
}

fn cell(row: &AnyRow, index: usize, kind: Kind) -> Result<Value, sqlx::Error> {
    Ok(match kind {
        Kind::Text => row.try_get::<Option<&str>, _>(index)?.into(),
        Kind::Number => row.try_get::<Option<i64>, _>(index)?.into(),
        Kind::Bytes | Kind::Sealed => {
            row.try_get::<Option<&[u8]>, _>(index)?.map(|bytes| URL_SAFE_NO_PAD.encode(bytes)).into()
        }
    })
}
