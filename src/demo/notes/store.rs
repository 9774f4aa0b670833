//! The app's own database: users as SCIM sends them, their groups, their notes.

mod groups;

pub(super) use groups::{Group, Member};

use super::Account;
use crate::clock::{Clock, from_micros};
use jiff::Timestamp;
use serde_json::{Map, Value};
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};
use std::path::Path;

/// What is looked up or compared is taken out of the resource by the database, so that the two cannot differ.
const SCHEMA: &str = "
create table if not exists users (
    id text not null primary key,
    resource text not null,
    created integer not null,
    modified integer not null,
    user_name text not null collate nocase unique generated always as (resource ->> 'userName') stored,
    external_id text unique generated always as (resource ->> 'externalId') stored
) strict;
create table if not exists groups (
    id text not null primary key,
    display_name text not null collate nocase unique,
    external_id text,
    created integer not null
) strict;
create table if not exists members (
    group_id text not null references groups on delete cascade,
    user_id text not null references users on delete cascade,
    primary key (group_id, user_id)
) strict, without rowid;
create table if not exists notes (
    id integer primary key,
    user_id text not null references users on delete cascade,
    created integer not null,
    text text not null
) strict;
";

pub(super) struct Store {
    /// One connection: whoever holds it is alone.
    pool: SqlitePool,
    clock: Clock,
}

/// A user: what SCIM clients set, and what we know beside it.
#[derive(Debug)]
pub(super) struct User {
    pub(super) id: String,
    /// The attributes, without `id`, `meta`, `groups` and `schemas`.
    pub(super) resource: Map<String, Value>,
    pub(super) created: Timestamp,
    pub(super) modified: Timestamp,
}

/// Which users are asked for.
#[derive(Debug)]
pub(super) enum Which {
    All,
    ExternalId(String),
    UserName(String),
    Email(String),
}

pub(super) struct Note {
    pub(super) text: String,
    pub(super) created: Timestamp,
}

type UserRow = (String, String, i64, i64);

impl Store {
    pub(super) async fn open(file: &Path, clock: Clock) -> sqlx::Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal);
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
        sqlx::raw_sql(SCHEMA).execute(&pool).await?;
        Ok(Self { pool, clock })
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }

    pub(super) async fn create(&self, resource: Map<String, Value>) -> sqlx::Result<User> {
        let now = self.clock.now();
        let user = User { id: new_id(), resource, created: now, modified: now };
        sqlx::query("insert into users (id, resource, created, modified) values ($1, $2, $3, $3)")
            .bind(&user.id)
            .bind(Value::Object(user.resource.clone()).to_string())
            .bind(now.as_microsecond())
            .execute(&self.pool)
            .await?;
        Ok(user)
    }

    pub(super) async fn user(&self, id: &str) -> sqlx::Result<Option<User>> {
        let row =
            sqlx::query_as::<_, UserRow>("select id, resource, created, modified from users where id = $1");
        row.bind(id).fetch_optional(&self.pool).await?.map(user).transpose()
    }

    pub(super) async fn users(&self, which: &Which) -> sqlx::Result<Vec<User>> {
        let (by_external_id, by_user_name, by_email) = match which {
            Which::All => (None, None, None),
            Which::ExternalId(id) => (Some(id), None, None),
            Which::UserName(name) => (None, Some(name), None),
            Which::Email(email) => (None, None, Some(email)),
        };
        let rows = sqlx::query_as::<_, UserRow>(
            "select id, resource, created, modified from users
             where ($1 is null or external_id = $1) and ($2 is null or user_name = $2)
                and ($3 is null or exists (select 1 from json_each(resource, '$.emails') as emails
                    where emails.value ->> 'value' = $3 collate nocase))
             order by created, id",
        );
        let rows = rows.bind(by_external_id).bind(by_user_name).bind(by_email).fetch_all(&self.pool).await?;
        rows.into_iter().map(user).collect()
    }

    /// Changes a user by `change`, alone; `None` where there is none. A change that changes nothing leaves
    /// `modified` as it is.
    pub(super) async fn change<E: From<sqlx::Error>>(
        &self,
        id: &str,
        change: impl FnOnce(&mut Map<String, Value>) -> Result<(), E>,
    ) -> Result<Option<User>, E> {
        let mut tx = self.pool.begin().await?;
        let row =
            sqlx::query_as::<_, UserRow>("select id, resource, created, modified from users where id = $1");
        let Some(row) = row.bind(id).fetch_optional(&mut *tx).await? else { return Ok(None) };
        let mut user = user(row)?;
        let before = user.resource.clone();
        change(&mut user.resource)?;
        if user.resource != before {
            user.modified = self.clock.now();
            sqlx::query("update users set resource = $2, modified = $3 where id = $1")
                .bind(id)
                .bind(Value::Object(user.resource.clone()).to_string())
                .bind(user.modified.as_microsecond())
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(Some(user))
    }

    /// Deletes a user with their notes; whether there was one.
    pub(super) async fn delete(&self, id: &str) -> sqlx::Result<bool> {
        let done = sqlx::query("delete from users where id = $1").bind(id).execute(&self.pool).await?;
        Ok(done.rows_affected() > 0)
    }

    pub(super) async fn add_note(&self, user: &str, text: &str) -> sqlx::Result<()> {
        let insert = sqlx::query("insert into notes (user_id, created, text) values ($1, $2, $3)");
        let now = self.clock.now().as_microsecond();
        insert.bind(user).bind(now).bind(text).execute(&self.pool).await?;
        Ok(())
    }

    /// A user's notes, newest first.
    pub(super) async fn notes(&self, user: &str) -> sqlx::Result<Vec<Note>> {
        let rows =
            sqlx::query_as("select text, created from notes where user_id = $1 order by id desc limit 100");
        let rows: Vec<(String, i64)> = rows.bind(user).fetch_all(&self.pool).await?;
        Ok(rows.into_iter().map(|(text, created)| Note { text, created: from_micros(created) }).collect())
    }
}

impl User {
    pub(super) fn is_active(&self) -> bool {
        self.resource.get("active") == Some(&Value::Bool(true))
    }

    pub(super) fn text(&self, attribute: &str) -> Option<&str> {
        self.resource.get(attribute).and_then(Value::as_str)
    }

    pub(super) fn account(&self, groups: Vec<Group>) -> Account {
        Account {
            id: self.id.clone(),
            external_id: self.text("externalId").map(str::to_owned),
            user_name: self.text("userName").unwrap_or_default().to_owned(),
            active: self.is_active(),
            groups: groups.into_iter().map(|group| group.display_name).collect(),
            created: self.created,
        }
    }
}

fn user((id, resource, created, modified): UserRow) -> sqlx::Result<User> {
    let resource = serde_json::from_str(&resource).map_err(|error| sqlx::Error::Decode(error.into()))?;
    Ok(User { id, resource, created: from_micros(created), modified: from_micros(modified) })
}

fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}
