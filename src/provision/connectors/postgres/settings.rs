//! Where a PostgreSQL server is, who we are there, and how its roles are to be treated.

use super::super::Facts;
use super::super::naming::Naming;
use crate::loopback::is_here;
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::path::PathBuf;
use url::Url;

/// A PostgreSQL server whose roles are accounts.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// The server, our role and the database in which we work: `postgres://guestpass@db.example.com/postgres`, or
    /// `postgres://guestpass@%2Frun%2Fpostgresql/postgres` for a unix socket.
    pub(super) postgres: Address,
    /// The password of our role; none where it signs in by itself, as over a unix socket.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) password: Option<SecretString>,
    /// A file with the certificates of the only authorities that are believed, in PEM; the system's unless said. Where
    /// it is named, TLS is spoken on loopback, too.
    #[serde(default)]
    pub(in super::super) ca: Option<PathBuf>,
    /// How a role is named: `{local}` unless said.
    #[serde(default)]
    pub(super) name: Naming,
    /// Who takes what a deleted role owned. Without one, roles are closed and never deleted.
    #[serde(default)]
    pub(super) owner: Option<String>,
    /// The databases in which a role may own or have been granted something; that of the address unless said.
    #[serde(default)]
    databases: Vec<String>,
}

impl Settings {
    pub(in super::super) fn facts(&self) -> Facts<'_> {
        Facts {
            secrets: self.password.iter().map(|password| (&["password"][..], password)).collect(),
            ..Facts::default()
        }
    }

    pub(super) fn databases(&self) -> Vec<String> {
        if self.databases.is_empty() { vec![self.postgres.database.clone()] } else { self.databases.clone() }
    }
}

impl PartialEq for Settings {
    /// Whether both lead to the same roles in the same way.
    fn eq(&self, other: &Self) -> bool {
        let Self { postgres, password, ca, name, owner, databases } = self;
        let exposed = |password: &Option<SecretString>| {
            password.as_ref().map(|password| password.expose_secret().to_owned())
        };
        *postgres == other.postgres
            && exposed(password) == exposed(&other.password)
            && (ca, name, owner) == (&other.ca, &other.name, &other.owner)
            && *databases == other.databases
    }
}

/// Where a server is and who we are there.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "Url")]
#[schemars(with = "Url")]
pub(super) struct Address {
    /// A host, or the folder of a unix socket, which begins with `/`.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: String,
    pub(super) database: String,
}

impl Address {
    /// Whether nobody is between us and the server.
    pub(super) fn is_loopback(&self) -> bool {
        self.host.starts_with('/') || is_here(&self.host)
    }
}

impl TryFrom<Url> for Address {
    type Error = String;

    fn try_from(url: Url) -> Result<Self, String> {
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(format!("\"{}\" is not postgres", url.scheme()));
        }
        if url.password().is_some() {
            return Err("an address holds no password: there is a setting for it".to_owned());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("an address is a host, a role and a database, without options".to_owned());
        }
        let part = |what: &str, text: &str| {
            let text = decoded(text);
            if text.is_empty() { Err(format!("the address does not name a {what}")) } else { Ok(text) }
        };
        Ok(Self {
            host: part("host", url.host_str().unwrap_or_default())?,
            port: url.port().unwrap_or(5432),
            user: part("role", url.username())?,
            database: part("database", url.path().trim_start_matches('/'))?,
        })
    }
}

/// A part of a URL without its percent-encoding (RFC 3986, section 2.1).
fn decoded(text: &str) -> String {
    // A form says the same, but for what it makes of a plus.
    let form = text.replace('+', "%2B");
    url::form_urlencoded::parse(form.as_bytes()).map(|(name, _)| name.into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(address: &str) -> Result<Address, String> {
        serde_json::from_value(json!(address)).map_err(|error| error.to_string())
    }

    #[test]
    fn an_address_says_host_role_and_database_and_no_more() {
        let address = read("postgres://guest%20pass@db.example.com:6432/a%2Bb+c").unwrap();
        assert_eq!((address.host.as_str(), address.port), ("db.example.com", 6432));
        assert_eq!((address.user.as_str(), address.database.as_str()), ("guest pass", "a+b+c"));
        assert!(!address.is_loopback());
        let socket = read("postgresql://gp@%2Frun%2Fpostgresql/postgres").unwrap();
        assert_eq!((socket.host.as_str(), socket.port), ("/run/postgresql", 5432));
        for loopback in ["%2Frun", "127.0.0.1", "[::1]", "localhost", "db.localhost"] {
            assert!(read(&format!("postgres://gp@{loopback}/x")).unwrap().is_loopback(), "{loopback}");
        }
        for wrong in [
            "http://gp@db/x",
            "postgres://gp:s3cret@db/x",
            "postgres://gp@db/x?sslmode=disable",
            "postgres://gp@db",
            "postgres://db/x",
            "postgres:///x",
        ] {
            let error = read(wrong).unwrap_err();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn settings_are_the_same_only_with_the_same_password_and_do_not_print_it() {
        let read = |password: &str| -> Settings {
            serde_json::from_value(json!({ "postgres": "postgres://gp@db/x", "password": password })).unwrap()
        };
        assert_eq!(read("s3cret"), read("s3cret"));
        assert_ne!(read("s3cret"), read("other"));
        assert!(!format!("{:?}", read("s3cret")).contains("s3cret"));
        assert_eq!(read("s3cret").databases(), ["x"]);
    }
}
