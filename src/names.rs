//! Names that operators choose and ids that we draw. Each has a type, so that none stands in for another.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;
use std::sync::Arc;

/// A name that is not one: what was written, and what a name may be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a name: use 1 to 63 of a-z, 0-9, \"-\", \"_\" and \".\", a letter or digit first")]
pub struct NotAName(String);

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// 1 to 63 of `a-z 0-9 - _ .`, a letter or digit first. Cheap to clone.
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NotAName;

            fn from_str(text: &str) -> Result<Self, NotAName> {
                let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
                let first = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
                let fits = text.len() <= 63 && text.bytes().all(inner) && text.as_bytes().first().is_some_and(first);
                if fits { Ok(Self(text.into())) } else { Err(NotAName(text.to_owned())) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = NotAName;

            fn try_from(text: String) -> Result<Self, NotAName> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0.as_ref().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": "^[a-z0-9][a-z0-9._-]{0,62}$" })
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )*};
}

names! {
    /// An app: what is protected.
    AppName;
    /// A target: where accounts live. `accounts:` inside an app defines a target of the app's name.
    TargetName;
    /// An identity provider, as the configuration calls it.
    ProviderName;
    /// A role of the policy.
    RoleName;
    /// A rule of the policy that takes away: a denial, or a separation of duties.
    RuleName;
    /// A token for the admin API. Given once: the record speaks of it by this name.
    TokenName;
}

/// A random id (UUID version 7: sortable by the time it was drawn) of one kind of thing.
pub struct Id<Of> {
    uuid: uuid::Uuid,
    of: PhantomData<fn() -> Of>,
}

impl<Of> Id<Of> {
    /// Draws a new id.
    pub fn random() -> Self {
        Self::from(uuid::Uuid::now_v7())
    }
}

impl<Of> From<uuid::Uuid> for Id<Of> {
    fn from(uuid: uuid::Uuid) -> Self {
        Self { uuid, of: PhantomData }
    }
}

impl<Of> Clone for Id<Of> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Of> Copy for Id<Of> {}

impl<Of> PartialEq for Id<Of> {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid
    }
}

impl<Of> Eq for Id<Of> {}

impl<Of> PartialOrd for Id<Of> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<Of> Ord for Id<Of> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.uuid.cmp(&other.uuid)
    }
}

impl<Of> std::hash::Hash for Id<Of> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.uuid.hash(state);
    }
}

impl<Of> fmt::Display for Id<Of> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uuid.fmt(f)
    }
}

impl<Of> fmt::Debug for Id<Of> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uuid.fmt(f)
    }
}

impl<Of> FromStr for Id<Of> {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse::<uuid::Uuid>().map(Self::from)
    }
}

impl<Of> Serialize for Id<Of> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<Of> JsonSchema for Id<Of> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Id".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "uuid" })
    }
}

impl<'de, Of> Deserialize<'de> for Id<Of> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        uuid::Uuid::deserialize(deserializer).map(Self::from)
    }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $marker:ident;)*) => {$(
        #[doc(hidden)]
        pub enum $marker {}
        $(#[$doc])*
        pub type $name = Id<$marker>;
    )*};
}

ids! {
    /// A person.
    UserId = User;
    /// One identity of a person: issuer and subject.
    IdentityId = Identity;
    /// A role in an app, until a moment.
    GrantId = Grant;
    /// An account in a target, as we know it (the target's own id is its native id).
    AccountId = Account;
    /// A sign-in: the parent of the host-bound sessions of one browser.
    SignInId = SignIn;
    /// A session on one host.
    SessionId = Session;
    /// An event of the audit log.
    EventId = Event;
    /// The key under which one person's personal values are sealed in the audit log.
    VaultId = Vault;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_narrow() {
        for good in ["wiki", "a", "0", "on-call", "guestpass.admin", "read_only"] {
            assert_eq!(good.parse::<AppName>().map(String::from).as_deref(), Ok(good));
        }
        for bad in ["", "Wiki", "-wiki", ".x", "wi ki", "wiki/", "ä", &"a".repeat(64)] {
            assert!(bad.parse::<AppName>().is_err(), "{bad:?} passed for a name");
        }
    }
}
