//! Who somebody is, on the word of their identity provider: issuer and subject, and the claims beside them.
//! Nothing else identifies a person; an e-mail address is an attribute.

mod claims;
mod keys;
mod signing;
mod verify;

pub use claims::{ClaimSet, Claims, Groups, GroupsSettings, Subject, WhenAbsent};
pub use keys::{KeyError, SigningKey};
pub use signing::{PUBLISHED, SigningKeys, Stand, Turn};
pub use verify::{Expected, Unverified};
