//! Who somebody is, on the word of their identity provider: issuer and subject, and the claims beside them.
//! Nothing else identifies a person; an e-mail address is an attribute.

mod access_token;
mod algorithm;
mod claims;
mod client_key;
mod jws;
mod key_set;
mod keys;
mod logout_token;
mod security_event;
mod signing;
mod verify;
mod whose;

#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;

pub use access_token::{Access, Typ, issuer_of, scopes};
pub use algorithm::Algorithm;
pub use claims::{ClaimSet, Claims, Groups, GroupsSettings, Subject, Voucher, WhenAbsent, date};
pub use client_key::{ClientKey, NotAKey};
pub use key_set::KeySet;
pub use keys::{KeyError, SigningKey};
pub use logout_token::LogoutToken;
pub use security_event::{Doubt, SecurityEvent, Stream};
pub use signing::{PUBLISHED, SigningKeys, Stand, Turn};
pub use verify::{Expected, LEEWAY, Occasion, Unverified, verify_claims};
pub use whose::{Effect, Named, Whose};
