//! What there is to take along, table by table: those that others refer to first.

use super::super::dialect::Dialect;

/// A table, by the columns that somebody wrote. Those that the database works out itself are not among them.
pub(super) struct Table {
    pub(super) name: &'static str,
    /// By what its rows are put in order.
    pub(super) key: &'static str,
    text: &'static [&'static str],
    numbers: &'static [&'static str],
    bytes: &'static [&'static str],
    /// Bytes that are sealed under the configuration's key.
    sealed: &'static [&'static str],
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Number,
    Bytes,
    Sealed,
}

/// The table of the record, whose rows are the leaves of its tree.
pub(super) const EVENTS: &str = "events";

/// All of them.
pub(super) const TABLES: [Table; 17] = [
    Table {
        name: "instance",
        key: "one",
        text: &["id", "policy"],
        numbers: &["one", "high_water", "policy_followed", "restored"],
        bytes: &[],
        sealed: &["signing_key"],
    },
    Table {
        name: "targets",
        key: "name",
        text: &["name"],
        numbers: &["confirmed", "held", "day_ends", "spent"],
        bytes: &[],
        sealed: &[],
    },
    Table { name: "vaults", key: "id", text: &["id"], numbers: &[], bytes: &["lookup"], sealed: &["key"] },
    Table {
        name: "users",
        key: "id",
        text: &["id", "vault"],
        numbers: &["created", "revoked"],
        bytes: &[],
        sealed: &[],
    },
    Table {
        name: "identities",
        key: "id",
        text: &["id", "owner", "provider", "issuer", "subject", "display_name", "email", "claims", "voucher"],
        numbers: &["confirmed", "forgotten"],
        bytes: &[],
        sealed: &[],
    },
    Table {
        name: "grants",
        key: "id",
        text: &["id", "identity", "role", "app", "terms", "policy", "because"],
        numbers: &[
            "first_granted",
            "renewed",
            "opened",
            "last_used",
            "confirmed",
            "extended_until",
            "until",
            "ended",
        ],
        bytes: &[],
        sealed: &[],
    },
    Table {
        name: "accounts",
        key: "id",
        text: &[
            "id",
            "owner",
            "target",
            "external_id",
            "origin",
            "desired",
            "given",
            "seen",
            "failure",
            "link",
            "candidates",
            "adopting",
        ],
        numbers: &[
            "version",
            "settled",
            "open",
            "looked",
            "due",
            "lease",
            "epoch",
            "attempts",
            "unsure",
            "failing",
            "stuck",
            "delete_at",
            "narrowed",
            "rank",
        ],
        bytes: &[],
        sealed: &[],
    },
    Table {
        name: "promises",
        key: "account, native_id",
        text: &["account", "target", "native_id"],
        numbers: &[],
        bytes: &[],
        sealed: &[],
    },
    Table {
        name: "sign_ins",
        key: "id",
        text: &["id", "identity", "sid", "acr", "amr"],
        numbers: &["created", "until", "revoked", "auth_time"],
        bytes: &["token"],
        sealed: &["id_token"],
    },
    Table {
        name: "refreshes",
        key: "sign_in",
        text: &["sign_in"],
        numbers: &["serial", "due", "lease"],
        bytes: &[],
        sealed: &["token"],
    },
    Table {
        name: "sessions",
        key: "id",
        text: &["id", "sign_in", "host"],
        numbers: &["created"],
        bytes: &["token"],
        sealed: &[],
    },
    Table {
        name: "handovers",
        key: "code",
        text: &["sign_in", "host", "path"],
        numbers: &["until"],
        bytes: &["code", "browser"],
        sealed: &[],
    },
    Table { name: "heard", key: "token", text: &[], numbers: &["until"], bytes: &["token"], sealed: &[] },
    Table {
        name: "signing_keys",
        key: "id",
        text: &["id"],
        numbers: &["signs_from"],
        bytes: &[],
        sealed: &["key"],
    },
    Table {
        name: "tokens",
        key: "name",
        text: &["name", "role"],
        numbers: &["created", "until", "revoked"],
        bytes: &["hash"],
        sealed: &[],
    },
    Table {
        name: "pruned",
        key: "one",
        text: &[],
        numbers: &["one", "size"],
        bytes: &["peaks"],
        sealed: &[],
    },
    Table {
        name: EVENTS,
        key: "seq",
        text: &["id", "vault", "leaf"],
        numbers: &["seq", "at"],
        // Of most it is the key of a person that seals them.
        bytes: &["opening"],
        sealed: &[],
    },
];

impl Table {
    /// Its columns, in the order of the file.
    pub(super) fn columns(&self) -> Vec<(&'static str, Kind)> {
        let of = |names: &'static [&'static str], kind| names.iter().map(move |&name| (name, kind));
        of(self.text, Kind::Text)
            .chain(of(self.numbers, Kind::Number))
            .chain(of(self.bytes, Kind::Bytes))
            .chain(of(self.sealed, Kind::Sealed))
            .collect()
    }

    fn named(&self) -> String {
        self.columns().iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }

    /// Reads all of its rows.
    pub(super) fn select(&self) -> String {
        format!("SELECT {} FROM {} ORDER BY {}", self.named(), self.name, self.key)
    }

    /// Writes so many rows.
    pub(super) fn insert(&self, rows: usize, dialect: Dialect) -> String {
        let width = self.columns().len();
        let row = |row: usize| {
            let values: Vec<String> =
                (1..=width).map(|column| format!("${}", row * width + column)).collect();
            format!("({})", values.join(", "))
        };
        let rows: Vec<String> = (0..rows).map(row).collect();
        // The numbers of events stay what they were.
        let whose = dialect.choose("", " OVERRIDING SYSTEM VALUE");
        format!("INSERT INTO {} ({}){whose} VALUES {}", self.name, self.named(), rows.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Place, connect, tables, testing};
    use super::*;
    use sqlx::{Row, query};
    use std::collections::BTreeSet;

    const IN_SQLITE: &str = "
        SELECT tables.name AS of, columns.name FROM sqlite_schema AS tables, pragma_table_xinfo(tables.name) AS columns
        WHERE tables.type = 'table' AND columns.hidden = 0 AND tables.name NOT LIKE 'sqlite_%'";
    const IN_POSTGRES: &str = "
        SELECT table_name::text AS of, column_name::text AS name FROM information_schema.columns
        WHERE table_schema = current_schema() AND is_generated = 'NEVER'";

    #[tokio::test]
    async fn nothing_that_is_kept_is_left_behind() {
        let place = testing::place().await;
        let dialect = Dialect::of(&place);
        let pool = connect(&place, false).await.unwrap();
        tables::migrator(dialect).run(&pool).await.unwrap();
        let rows = query(dialect.choose(IN_SQLITE, IN_POSTGRES)).fetch_all(&pool).await.unwrap();
        let kept = rows.iter().map(|row| (row.get::<String, _>("of"), row.get::<String, _>("name")));
        // Where it lives is another matter there.
        let stays =
            |table: &str, name: &str| table == "_sqlx_migrations" || (table, name) == ("instance", "lives");
        let kept: BTreeSet<_> = kept.filter(|(table, name)| !stays(table, name)).collect();
        let taken: BTreeSet<_> = TABLES
            .iter()
            .flat_map(|table| {
                table.columns().into_iter().map(|(name, _)| (table.name.to_owned(), name.to_owned()))
            })
            .collect();
        assert_eq!(taken, kept, "the tables of {}", matches!(place, Place::Sqlite(_)));
    }
}
