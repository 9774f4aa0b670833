//! Groups and who is in them.

use super::{Store, new_id};
use crate::clock::from_micros;
use jiff::Timestamp;

#[derive(Debug)]
pub(in crate::demo::notes) struct Group {
    pub(in crate::demo::notes) id: String,
    pub(in crate::demo::notes) display_name: String,
    pub(in crate::demo::notes) external_id: Option<String>,
    pub(in crate::demo::notes) created: Timestamp,
}

/// A change of who is in a group.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::demo::notes) enum Member {
    Add(String),
    Remove(String),
    RemoveAll,
}

type GroupRow = (String, String, Option<String>, i64);

impl Store {
    /// Makes a group with `members`, all or nothing.
    pub(in crate::demo::notes) async fn create_group(
        &self,
        display_name: &str,
        external_id: Option<&str>,
        members: &[Member],
    ) -> sqlx::Result<Group> {
        let group = Group {
            id: new_id(),
            display_name: display_name.to_owned(),
            external_id: external_id.map(str::to_owned),
            created: self.clock.now(),
        };
        let mut tx = self.pool.begin().await?;
        sqlx::query("insert into groups (id, display_name, external_id, created) values ($1, $2, $3, $4)")
            .bind(&group.id)
            .bind(display_name)
            .bind(external_id)
            .bind(group.created.as_microsecond())
            .execute(&mut *tx)
            .await?;
        apply(&mut tx, &group.id, members).await?;
        tx.commit().await?;
        Ok(group)
    }

    pub(in crate::demo::notes) async fn group(&self, id: &str) -> sqlx::Result<Option<Group>> {
        let row = sqlx::query_as("select id, display_name, external_id, created from groups where id = $1");
        Ok(row.bind(id).fetch_optional(&self.pool).await?.map(group))
    }

    /// All groups, or the one called `display_name`.
    pub(in crate::demo::notes) async fn groups(
        &self,
        display_name: Option<&str>,
    ) -> sqlx::Result<Vec<Group>> {
        let rows = sqlx::query_as(
            "select id, display_name, external_id, created from groups
             where $1 is null or display_name = $1 order by created, id",
        );
        Ok(rows.bind(display_name).fetch_all(&self.pool).await?.into_iter().map(group).collect())
    }

    /// The groups that a user is in.
    pub(in crate::demo::notes) async fn groups_of(&self, user: &str) -> sqlx::Result<Vec<Group>> {
        let rows = sqlx::query_as(
            "select id, display_name, external_id, created from groups join members on group_id = id
             where user_id = $1 order by display_name",
        );
        Ok(rows.bind(user).fetch_all(&self.pool).await?.into_iter().map(group).collect())
    }

    /// Those in a group: their ids and user names.
    pub(in crate::demo::notes) async fn members(&self, group: &str) -> sqlx::Result<Vec<(String, String)>> {
        let rows = sqlx::query_as(
            "select id, user_name from users join members on user_id = id where group_id = $1 order by user_name",
        );
        rows.bind(group).fetch_all(&self.pool).await
    }

    /// Renames a group and changes who is in it, all or nothing.
    pub(in crate::demo::notes) async fn change_group(
        &self,
        id: &str,
        display_name: Option<&str>,
        members: &[Member],
    ) -> sqlx::Result<()> {
        let mut tx = self.pool.begin().await?;
        if let Some(name) = display_name {
            let update = sqlx::query("update groups set display_name = $2 where id = $1");
            update.bind(id).bind(name).execute(&mut *tx).await?;
        }
        apply(&mut tx, id, members).await?;
        tx.commit().await
    }

    /// Deletes a group; whether there was one.
    pub(in crate::demo::notes) async fn delete_group(&self, id: &str) -> sqlx::Result<bool> {
        let done = sqlx::query("delete from groups where id = $1").bind(id).execute(&self.pool).await?;
        Ok(done.rows_affected() > 0)
    }
}

/// Adding who is there and removing who is not change nothing; adding a user that does not exist fails.
async fn apply(tx: &mut sqlx::SqliteConnection, group: &str, members: &[Member]) -> sqlx::Result<()> {
    for member in members {
        let (sql, user) = match member {
            Member::Add(user) => {
                ("insert into members (group_id, user_id) values ($1, $2) on conflict do nothing", user)
            }
            Member::Remove(user) => ("delete from members where group_id = $1 and user_id = $2", user),
            Member::RemoveAll => {
                sqlx::query("delete from members where group_id = $1").bind(group).execute(&mut *tx).await?;
                continue;
            }
        };
        sqlx::query(sql).bind(group).bind(user).execute(&mut *tx).await?;
    }
    Ok(())
}

fn group((id, display_name, external_id, created): GroupRow) -> Group {
    Group { id, display_name, external_id, created: from_micros(created) }
}
