//! Where a store is: a SQLite file, or a PostgreSQL database that several replicas share.

use secrecy::{ExposeSecret, SecretString};
use sqlx::any::AnyConnectOptions;
use sqlx::postgres::PgConnectOptions;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use url::Url;

/// Where a store is. Shown without what opens it.
#[derive(Debug, Clone)]
pub enum Place {
    /// A file, for one process.
    Sqlite(PathBuf),
    /// A database, for as many replicas as there are; its URL may hold a password.
    Postgres(SecretString),
}

/// A text that says no place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoPlace {
    /// Neither of the two.
    #[error("\"{0}\" is not a store that we know")]
    Unknown(String),
    /// A password for a file.
    #[error("the store is a file, which has no password")]
    Password,
    /// A URL of PostgreSQL that cannot be read; it is not shown, as it may hold a password.
    #[error("the URL of the PostgreSQL store cannot be read: {0}")]
    Postgres(String),
}

impl Place {
    /// The place that `text` names, `sqlite:` and a path or the URL of a PostgreSQL database, which is opened with
    /// `password`, or the one that is in the URL.
    ///
    /// # Errors
    /// Where it names neither, or a file that is to have a password.
    pub fn new(text: &SecretString, password: Option<&SecretString>) -> Result<Self, NoPlace> {
        let text = text.expose_secret();
        let (scheme, rest) = text.split_once(':').unwrap_or((text, ""));
        match (scheme, password) {
            ("sqlite", None) if !rest.is_empty() => Ok(Self::Sqlite(rest.into())),
            ("sqlite", Some(_)) if !rest.is_empty() => Err(NoPlace::Password),
            ("postgres" | "postgresql", _) => {
                let unreadable = |error: &dyn fmt::Display| NoPlace::Postgres(error.to_string());
                let mut url = Url::parse(text).map_err(|error| unreadable(&error))?;
                if let Some(password) = password {
                    // Else what looks encoded would be decoded.
                    let encoded = password.expose_secret().replace('%', "%25");
                    let set = url.set_password(Some(&encoded));
                    set.map_err(|()| unreadable(&"it names no host"))?;
                }
                PgConnectOptions::from_str(url.as_str()).map_err(|error| unreadable(&error))?;
                Ok(Self::Postgres(String::from(url).into()))
            }
            _ => Err(NoPlace::Unknown(text.to_owned())),
        }
    }

    /// The place as the configuration in `folder` writes it: paths are relative to that.
    #[must_use]
    pub fn below(self, folder: &Path) -> Self {
        match self {
            Self::Sqlite(path) => Self::Sqlite(folder.join(path)),
            Self::Postgres(_) => self,
        }
    }

    /// What a database is connected to by; empty for a file.
    pub(super) fn url(&self) -> &str {
        match self {
            Self::Sqlite(_) => "",
            Self::Postgres(url) => url.expose_secret(),
        }
    }

    /// How it is connected to.
    ///
    /// # Errors
    /// Where a path is not UTF-8.
    pub(super) fn options(&self, read_only: bool) -> Result<AnyConnectOptions, sqlx::Error> {
        let url = match self {
            Self::Sqlite(path) => {
                let path = path.to_str().ok_or_else(|| {
                    sqlx::Error::Configuration(format!("{} is not UTF-8", path.display()).into())
                })?;
                let path = path.replace('%', "%25").replace('?', "%3F").replace('#', "%23");
                format!("sqlite:{path}?mode={}", if read_only { "ro" } else { "rwc" })
            }
            Self::Postgres(url) => url.expose_secret().to_owned(),
        };
        url.parse()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => path.display().fmt(f),
            Self::Postgres(url) => {
                let options = PgConnectOptions::from_str(url.expose_secret()).unwrap_or_default();
                let database = options.get_database().unwrap_or(options.get_username());
                write!(f, "{database} at {}:{}", options.get_host(), options.get_port())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::ConnectOptions;
    use sqlx::sqlite::SqliteConnectOptions;

    fn place(text: &str, password: Option<&str>) -> Result<Place, NoPlace> {
        Place::new(&text.into(), password.map(SecretString::from).as_ref())
    }

    #[test]
    fn what_opens_a_database_is_never_shown() {
        let url = "postgres://guestpass:s3cret@db.example.com/access?sslmode=verify-full";
        let shown = place(url, None).unwrap();
        assert_eq!(shown.to_string(), "access at db.example.com:5432");
        assert!(!format!("{shown:?}").contains("s3cret"));
        let wrong = place(&url.replace("com/", "com:port/"), None).unwrap_err();
        assert!(!wrong.to_string().contains("s3cret"), "{wrong}");
    }

    #[test]
    fn a_password_may_hold_anything() {
        let place = place("postgres://guestpass@db.example.com/access", Some("a:b@c/d?e#f%20 g")).unwrap();
        let url = Url::parse(place.url()).unwrap();
        assert_eq!((url.username(), url.host_str()), ("guestpass", Some("db.example.com")));
        let options = format!("{:?}", PgConnectOptions::from_str(place.url()).unwrap());
        assert!(options.contains("a:b@c/d?e#f%20 g"), "{options}");
    }

    #[test]
    fn a_path_may_hold_anything() {
        for name in ["guestpass.db", "a b?c#d%20e.db", "/data/über.db", "./x.db"] {
            let url = place(&format!("sqlite:{name}"), None).unwrap().options(false).unwrap().database_url;
            let found = SqliteConnectOptions::from_url(&url).unwrap();
            assert_eq!(found.get_filename(), std::path::Path::new(name), "{url}");
        }
    }

    #[test]
    fn what_is_no_place_is_told() {
        for text in ["", "sqlite:", "mysql:x", "guestpass.db"] {
            assert_eq!(place(text, None).unwrap_err(), NoPlace::Unknown(text.to_owned()));
        }
        assert_eq!(place("sqlite:x.db", Some("s3cret")).unwrap_err(), NoPlace::Password);
    }
}
