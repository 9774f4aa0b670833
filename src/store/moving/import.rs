//! Into a store that nobody has used: all of it, or nothing.

use super::super::dialect::Dialect;
use super::super::lead::lead_of;
use super::super::prune::pruned;
use super::super::restored::NOWHERE;
use super::super::{Place, connect, tables};
use super::layout::{EVENTS, Kind, TABLES, Table};
use super::lines::Lines;
use super::{End, FORMAT, Header, MoveError, Moved, Part, shown};
use crate::audit::Head;
use crate::seal::{KeyId, Sealer};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::TryStreamExt;
use serde::Deserialize;
use serde_json::Value;
use sqlx::{AnyConnection, AssertSqlSafe, Row, query};
use std::collections::BTreeMap;
use std::io::BufRead;

/// How many values are written by one statement; SQLite takes 32,766.
const AT_ONCE: usize = 10_000;

/// A line below the header.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Row(Vec<Value>),
    Part(Part),
    End(End),
}

/// A value of a row.
enum Cell {
    Text(Option<String>),
    Number(Option<i64>),
    Bytes(Option<Vec<u8>>),
}

/// Puts what `from` holds into the store at `place`, which is made if it is not there, and looks whether it arrived.
///
/// # Errors
/// See [`MoveError`]; whatever it is, nothing was put there.
pub async fn import(place: Place, sealer: &Sealer, from: impl BufRead) -> Result<Moved, MoveError> {
    let mut lines = Lines::new(from);
    let header: Header = lines.next("this is no export of guestpass")?;
    check_header(&header, sealer, &lines)?;
    let (dialect, lock) = (Dialect::of(&place), place.take()?);
    let pool = connect(&place, false).await?;
    tables::migrator(dialect).run(&pool).await.map_err(super::Error::from)?;
    let mut tx = pool.begin_with(dialect.begin()).await?;
    make_room(&mut tx, dialect).await?;
    let end = take(&mut tx, &mut lines, sealer, dialect).await?;
    if end.sum != lines.sum_before() {
        return Err(lines.wrong("something was changed in this file since it was exported"));
    }
    if dialect == Dialect::Postgres {
        query("SELECT setval(pg_get_serial_sequence('events', 'seq'), max(seq)) FROM events")
            .execute(&mut *tx)
            .await?;
    }
    let moved = look(&mut tx, header.runs).await?;
    compare(&end, &moved)?;
    // A store that was taken elsewhere goes on there; a backup is known for one when it is opened.
    query("UPDATE instance SET lives = $1").bind(header.runs.then_some(NOWHERE)).execute(&mut *tx).await?;
    let last = query("SELECT coalesce(max(seq), 0) AS last FROM events").fetch_one(&mut *tx).await?;
    tx.commit().await?;
    pool.close().await;
    if let Some(lock) = lock {
        lock.begin_at(last.try_get("last")?);
    }
    Ok(moved)
}

fn check_header<R: BufRead>(header: &Header, sealer: &Sealer, lines: &Lines<R>) -> Result<(), MoveError> {
    if header.format != FORMAT {
        let (theirs, version) = (header.format, &header.guestpass);
        return Err(lines.wrong(format!(
            "guestpass {version} has exported in form {theirs}, and this one reads form {FORMAT}; import with that version"
        )));
    }
    if header.tables != tables::newest() {
        return Err(MoveError::OtherTables {
            whose: "the export",
            found: header.tables,
            ours: tables::newest(),
            hint: "import with the guestpass that exported, and upgrade afterwards",
        });
    }
    check_key(&header.key, sealer)
}

fn check_key(sealed: &str, sealer: &Sealer) -> Result<(), MoveError> {
    let ours: Vec<String> =
        std::iter::once(sealer.key_id()).chain(sealer.earlier()).map(|id| shown(&id)).collect();
    if ours.iter().any(|id| id == sealed) {
        return Ok(());
    }
    Err(MoveError::OtherKey { sealed: sealed.to_owned(), ours: ours.join(", ") })
}

/// Makes sure that nobody has used the store, and that nobody begins to until this is over.
async fn make_room(tx: &mut AnyConnection, dialect: Dialect) -> Result<(), MoveError> {
    if dialect == Dialect::Postgres {
        // The first that a gateway reads at its start: one that starts now waits.
        query("LOCK TABLE instance IN ACCESS EXCLUSIVE MODE").execute(&mut *tx).await?;
        if let Some(row) = query("SELECT id FROM instance").fetch_optional(&mut *tx).await? {
            let lead = lead_of(row.try_get("id")?);
            let free = query("SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS free").bind(lead);
            if !free.fetch_one(&mut *tx).await?.try_get::<bool, _>("free")? {
                return Err(MoveError::Runs);
            }
        }
    }
    for Table { name, .. } in &TABLES {
        // What a gateway writes at its start, before anybody comes.
        if matches!(*name, "instance" | "targets") {
            query(AssertSqlSafe(format!("DELETE FROM {name}"))).execute(&mut *tx).await?;
        } else if query(AssertSqlSafe(format!("SELECT 1 FROM {name} LIMIT 1")))
            .fetch_optional(&mut *tx)
            .await?
            .is_some()
        {
            return Err(MoveError::NotEmpty(name));
        }
    }
    Ok(())
}

/// Writes all rows; returns what the end says of them.
async fn take<R: BufRead>(
    tx: &mut AnyConnection,
    lines: &mut Lines<R>,
    sealer: &Sealer,
    dialect: Dialect,
) -> Result<End, MoveError> {
    let mut next = lines.next("a table or the end was expected")?;
    loop {
        let part = match next {
            Line::End(end) => return Ok(end),
            Line::Part(part) => part,
            Line::Row(_) => return Err(lines.wrong("a row without a table")),
        };
        let known = TABLES.iter().find(|table| table.name == part.table);
        let columns = known.map(Table::columns).unwrap_or_default();
        let (Some(table), true) = (known, columns.iter().map(|(name, _)| *name).eq(&part.columns)) else {
            return Err(lines.wrong(format!("no table \"{}\" of these columns is known here", part.table)));
        };
        let most = AT_ONCE / columns.len();
        let mut waiting: Vec<Cell> = Vec::new();
        loop {
            next = lines.next("a row, a table or the end was expected")?;
            let Line::Row(row) = next else { break };
            if row.len() != columns.len() {
                return Err(lines.wrong(format!("a row of {} has {} values", table.name, columns.len())));
            }
            for (value, (name, kind)) in row.into_iter().zip(&columns) {
                let cell = cell(value, *kind).ok_or_else(|| lines.wrong(format!("{name} cannot be read")))?;
                if let (Kind::Sealed, Cell::Bytes(Some(sealed))) = (kind, &cell) {
                    check_key(&shown(sealed.get(..size_of::<KeyId>()).unwrap_or_default()), sealer)?;
                }
                waiting.push(cell);
            }
            if waiting.len() == most * columns.len() {
                write(tx, table, std::mem::take(&mut waiting), dialect).await?;
            }
        }
        write(tx, table, waiting, dialect).await?;
    }
}

fn cell(value: Value, kind: Kind) -> Option<Cell> {
    Some(match (kind, value) {
        (Kind::Text, Value::Null) => Cell::Text(None),
        (Kind::Text, Value::String(text)) => Cell::Text(Some(text)),
        (Kind::Number, Value::Null) => Cell::Number(None),
        (Kind::Number, Value::Number(number)) => Cell::Number(Some(number.as_i64()?)),
        (Kind::Bytes | Kind::Sealed, Value::Null) => Cell::Bytes(None),
        (Kind::Bytes | Kind::Sealed, Value::String(text)) => {
            Cell::Bytes(Some(URL_SAFE_NO_PAD.decode(text).ok()?))
        }
        _ => return None,
    })
}

async fn write(
    tx: &mut AnyConnection,
    table: &Table,
    cells: Vec<Cell>,
    dialect: Dialect,
) -> Result<(), MoveError> {
    let rows = cells.len() / table.columns().len();
    if rows == 0 {
        return Ok(());
    }
    let mut insert = query(AssertSqlSafe(table.insert(rows, dialect)));
    for cell in cells {
        insert = match cell {
            Cell::Text(text) => insert.bind(text),
            Cell::Number(number) => insert.bind(number),
            Cell::Bytes(bytes) => insert.bind(bytes),
        };
    }
    insert.execute(tx).await?;
    Ok(())
}

/// What is there now.
async fn look(tx: &mut AnyConnection, is_backup: bool) -> Result<Moved, MoveError> {
    let mut rows = BTreeMap::new();
    for Table { name, .. } in &TABLES {
        let row =
            query(AssertSqlSafe(format!("SELECT count(*) AS count FROM {name}"))).fetch_one(&mut *tx).await?;
        let count: i64 = row.try_get("count")?;
        rows.insert((*name).to_owned(), count.unsigned_abs());
    }
    let mut record = pruned(tx).await?;
    let mut events = query("SELECT leaf FROM events ORDER BY seq").fetch(&mut *tx);
    while let Some(row) = events.try_next().await? {
        record.add(row.try_get::<&str, _>("leaf")?.as_bytes());
    }
    Ok(Moved { rows, record: record.head(), is_backup })
}

fn compare(end: &End, moved: &Moved) -> Result<(), MoveError> {
    let differ = |what: &str, exported: String, imported: String| {
        Err(MoveError::Differs { what: what.to_owned(), exported, imported })
    };
    for (table, imported) in &moved.rows {
        let exported = end.rows.get(table).copied().unwrap_or_default();
        if exported != *imported {
            return differ(&format!("rows of {table}"), exported.to_string(), imported.to_string());
        }
    }
    if end.record.parse::<Head>() != Ok(moved.record) {
        return differ(
            &format!("the heads of the record ({EVENTS})"),
            end.record.clone(),
            moved.record.to_string(),
        );
    }
    Ok(())
}
