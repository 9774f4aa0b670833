//! Where a directory is, who we are there, and how it keeps its people.

use super::super::Facts;
use super::super::naming::Naming;
use super::directory::{Directory, End, Kind, Lock};
use crate::loopback::is_here;
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::path::PathBuf;
use url::Url;

/// A directory whose people are accounts.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// The server: `ldaps://ldap.example.com`, `ldap://…` for StartTLS, `ldapi://%2Frun%2Fslapd%2Fldapi` for a socket.
    pub(super) ldap: Address,
    /// The name of the entry that we are.
    pub(super) bind: String,
    /// Its password.
    #[schemars(with = "String")]
    pub(super) password: SecretString,
    /// A file with the certificates of the only authorities that are believed, in PEM; the system's unless said. Where
    /// it is named, TLS is spoken on loopback, too.
    #[serde(default)]
    pub(in super::super) ca: Option<PathBuf>,
    /// What kind of directory it is.
    #[serde(default)]
    directory: Kind,
    /// The entry below which people are made.
    pub(super) people: String,
    /// The entry below which they are looked for, wherever they were moved; `people` unless said.
    #[serde(default)]
    base: Option<String>,
    /// The entry below which groups are looked for; `base` unless said.
    #[serde(default)]
    pub(super) groups: Option<String>,
    /// How a person is named: `{local}` unless said.
    #[serde(default)]
    pub(super) name: Naming,
    /// The object classes of a person.
    #[serde(default)]
    object_classes: Vec<String>,
    /// The attribute in which our mark is put.
    #[serde(default)]
    mark: Option<String>,
    /// The attribute with the directory's own, immutable id.
    #[serde(default)]
    id: Option<String>,
    /// What shuts an account.
    #[serde(default)]
    lock: Option<Lock>,
    /// Where the end of an account is kept.
    #[serde(default)]
    expiry: Option<End>,
    /// Who stays in a group that must not be empty.
    #[serde(default)]
    placeholder: Option<String>,
}

impl Settings {
    pub(in super::super) fn facts(&self) -> Facts<'_> {
        Facts { secrets: vec![(&["password"], &self.password)], ..Facts::default() }
    }

    pub(super) fn base(&self) -> &str {
        self.base.as_ref().unwrap_or(&self.people)
    }

    /// An entry that need not be there, and as which nobody signs in.
    pub(super) fn placeholder(&self) -> String {
        self.placeholder.clone().unwrap_or_else(|| format!("cn=nobody,{}", self.people))
    }

    /// The kind of directory, and what is said otherwise.
    pub(super) fn directory(&self) -> Directory {
        let usual = self.directory.usual();
        let classes = self.object_classes.clone();
        Directory {
            classes: if classes.is_empty() { usual.classes } else { classes },
            mark: self.mark.clone().unwrap_or(usual.mark),
            id: self.id.clone().unwrap_or(usual.id),
            lock: self.lock.clone().unwrap_or(usual.lock),
            end: self.expiry.unwrap_or(usual.end),
            ..usual
        }
    }

    /// Whether what is said can be read and changed by nobody in between.
    pub(super) fn is_secured(&self) -> bool {
        self.ldap.scheme == Scheme::Ldaps || self.is_upgraded()
    }

    /// Whether TLS is begun by StartTLS.
    pub(super) fn is_upgraded(&self) -> bool {
        self.ldap.scheme == Scheme::Ldap && (self.ca.is_some() || !self.ldap.is_loopback)
    }
}

impl PartialEq for Settings {
    /// Whether both lead to the same people in the same way.
    fn eq(&self, other: &Self) -> bool {
        let places = |all: &Self| {
            let Self { ldap, bind, ca, people, groups, name, .. } = all.clone();
            (ldap, bind, ca, people, groups, name, all.base().to_owned(), all.placeholder())
        };
        places(self) == places(other)
            && self.directory() == other.directory()
            && self.password.expose_secret() == other.password.expose_secret()
    }
}

/// Where a directory is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "Url")]
#[schemars(with = "Url")]
pub(super) struct Address {
    pub(super) url: Url,
    scheme: Scheme,
    is_loopback: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Ldap,
    Ldaps,
    Ldapi,
}

impl TryFrom<Url> for Address {
    type Error = String;

    fn try_from(url: Url) -> Result<Self, String> {
        let scheme = match url.scheme() {
            "ldap" => Scheme::Ldap,
            "ldaps" => Scheme::Ldaps,
            "ldapi" => Scheme::Ldapi,
            other => return Err(format!("\"{other}\" is none of ldaps, ldap and ldapi")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err("an address holds no name or password: there is a setting for each".to_owned());
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(
                "an address is a server and no more: there is a setting for each place in it".to_owned()
            );
        }
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| "the address names no server".to_owned())?;
        let is_loopback = is_here(host);
        Ok(Self { scheme, is_loopback, url })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(further: Value) -> Result<Settings, String> {
        let mut settings = json!({
            "ldap": "ldaps://ldap.example.com",
            "bind": "cn=gp,dc=x", "password": "s3cret", "people": "ou=people,dc=x",
        });
        settings.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
        serde_json::from_value(settings).map_err(|error| error.to_string())
    }

    #[test]
    fn whoever_is_not_on_loopback_is_spoken_to_by_tls() {
        for (url, ca, secured, upgraded) in [
            ("ldaps://ldap.example.com", false, true, false),
            ("ldap://ldap.example.com", false, true, true),
            ("ldap://127.0.0.1", false, false, false),
            ("ldap://localhost:3890", true, true, true),
            ("ldapi://%2Frun%2Fldapi", false, false, false),
        ] {
            let ca = if ca { json!("ca.pem") } else { Value::Null };
            let settings = read(json!({ "ldap": url, "ca": ca })).unwrap();
            assert_eq!((settings.is_secured(), settings.is_upgraded()), (secured, upgraded), "{url}");
        }
        for wrong in ["http://x", "ldap://gp:s3cret@x", "ldap://x/dc=x", "ldap://x?uid", "ldap:///"] {
            let error = read(json!({ "ldap": wrong })).unwrap_err();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn what_is_not_said_is_as_the_kind_of_directory_has_it() {
        let plain = read(json!({})).unwrap();
        assert_eq!(
            (plain.base(), plain.placeholder().as_str()),
            ("ou=people,dc=x", "cn=nobody,ou=people,dc=x")
        );
        let windows = read(json!({ "directory": "active-directory", "mark": "info" })).unwrap().directory();
        assert_eq!((windows.mark.as_str(), windows.id.as_str()), ("info", "objectGUID"));
        assert_ne!(plain.directory(), windows);
        assert_eq!(plain, read(json!({ "directory": "openldap", "base": "ou=people,dc=x" })).unwrap());
        assert_ne!(plain, read(json!({ "password": "other" })).unwrap());
        assert!(!format!("{plain:?}").contains("s3cret"));
        assert!(read(json!({ "lock": "employeeType" })).unwrap_err().contains("employeeType=VALUE"));
    }
}
