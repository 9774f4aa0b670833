//! Sealing: bytes that only we can read and nobody can change or move elsewhere (AES-256-GCM, random nonce).
//!
//! Whatever is sealed names its purpose, which is authenticated but not stored: a login state cannot be passed off
//! as an ID token, nor one row's secret as another's. In front stands the id of the key, so that a new key can
//! come while old bytes stay readable.

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::{hkdf, rand};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

const KEY_BYTES: usize = 32;
const KEY_ID_BYTES: usize = 4;
const NONCE_BYTES: usize = 12;

/// What tells a key from others; it does not tell the key.
pub type KeyId = [u8; KEY_ID_BYTES];

/// Seals with one key, and opens with that and with earlier ones. Does not print them.
pub struct Sealer {
    key: Key,
    earlier: Vec<Key>,
}

struct Key {
    key: RandomizedNonceKey,
    id: KeyId,
}

/// Why something could not be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The key is not 32 bytes in base64url.
    #[error("the key is not 32 bytes in base64url without padding")]
    BadKey,
    /// Not sealed by this key for this purpose, or changed since.
    #[error("not sealed by us, or changed since")]
    NotOurs,
}

impl Sealer {
    /// A sealer from a master key as the configuration holds it: 32 bytes in base64url without padding.
    pub fn from_master(text: &str) -> Result<Self, Error> {
        Ok(Self { key: Key::from_master(text)?, earlier: Vec::new() })
    }

    /// A sealer with exactly this key of 32 bytes.
    pub fn new(key: &[u8]) -> Result<Self, Error> {
        Ok(Self { key: Key::new(key)?, earlier: Vec::new() })
    }

    /// The same, which also opens what was sealed under this master key.
    pub fn and_earlier(mut self, text: &str) -> Result<Self, Error> {
        self.earlier.push(Key::from_master(text)?);
        Ok(self)
    }

    /// The key that it seals with.
    pub fn key_id(&self) -> KeyId {
        self.key.id
    }

    /// The other keys that it opens with.
    pub fn earlier(&self) -> impl Iterator<Item = KeyId> {
        self.earlier.iter().map(|key| key.id)
    }

    /// Seals `plain` for `purpose`.
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Result<Vec<u8>, Error> {
        let mut bytes = plain.to_vec();
        let sealed = self.key.key.seal_in_place_append_tag(Aad::from(purpose), &mut bytes);
        let nonce = sealed.map_err(|_| Error::NotOurs)?;
        Ok([&self.key.id[..], nonce.as_ref(), &bytes].concat())
    }

    /// Opens what [`Sealer::seal`] made for the same purpose.
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Vec<u8>, Error> {
        let (id, rest) = sealed.split_at_checked(KEY_ID_BYTES).ok_or(Error::NotOurs)?;
        let mut keys = [&self.key].into_iter().chain(&self.earlier);
        let key = keys.find(|key| key.id == id).ok_or(Error::NotOurs)?;
        let (nonce, bytes) = rest.split_at_checked(NONCE_BYTES).ok_or(Error::NotOurs)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Error::NotOurs)?;
        let mut bytes = bytes.to_vec();
        let plain =
            key.key.open_in_place(nonce, Aad::from(purpose), &mut bytes).map_err(|_| Error::NotOurs)?;
        let length = plain.len();
        bytes.truncate(length);
        Ok(bytes)
    }

    /// Seals `plain` for `purpose` as text for a cookie or an address.
    pub fn seal_text(&self, purpose: &str, plain: &[u8]) -> Result<String, Error> {
        self.seal(purpose, plain).map(|bytes| URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Opens what [`Sealer::seal_text`] made for the same purpose.
    pub fn open_text(&self, purpose: &str, sealed: &str) -> Result<Vec<u8>, Error> {
        self.open(purpose, &URL_SAFE_NO_PAD.decode(sealed).map_err(|_| Error::NotOurs)?)
    }
}

impl Key {
    fn from_master(text: &str) -> Result<Self, Error> {
        let bytes = URL_SAFE_NO_PAD.decode(text.trim()).map_err(|_| Error::BadKey)?;
        if bytes.len() != KEY_BYTES {
            return Err(Error::BadKey);
        }
        // The master key itself seals nothing: other uses of it get derivations of their own.
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"guestpass").extract(&bytes);
        let mut derived = [0; KEY_BYTES];
        prk.expand(&[b"seal v1"], hkdf::HKDF_SHA256)
            .and_then(|okm| okm.fill(&mut derived))
            .map_err(|_| Error::BadKey)?;
        Self::new(&derived)
    }

    fn new(key: &[u8]) -> Result<Self, Error> {
        let mut id = [0; KEY_ID_BYTES];
        id.copy_from_slice(&sha256(&[b"guestpass key id", key])[..KEY_ID_BYTES]);
        let key = RandomizedNonceKey::new(&AES_256_GCM, key).map_err(|_| Error::BadKey)?;
        Ok(Self { key, id })
    }
}

/// A fresh key of 32 bytes, or any other 32 random bytes.
pub fn random_bytes() -> [u8; KEY_BYTES] {
    let mut bytes = [0; KEY_BYTES];
    // The library documents that filling fails only where the machine has no randomness at all; then nothing
    // here may go on, and zeroes would be worse than an end.
    if rand::fill(&mut bytes).is_err() {
        std::process::abort();
    }
    bytes
}

/// 32 random bytes as text (43 characters of base64url): a token, a nonce, a master key.
pub fn random_text() -> String {
    URL_SAFE_NO_PAD.encode(random_bytes())
}

/// SHA-256 over `parts`, each preceded by its length, so that no byte can move from one part to another.
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut message = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
    for part in parts {
        message.extend((part.len() as u64).to_be_bytes());
        message.extend(*part);
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, &message).as_ref());
    hash
}

/// The same as text in base64url.
pub fn sha256_text(parts: &[&[u8]]) -> String {
    URL_SAFE_NO_PAD.encode(sha256(parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_what_it_sealed_for_the_same_purpose() {
        let sealer = Sealer::from_master(&random_text()).unwrap();
        let sealed = sealer.seal("login", b"secret").unwrap();
        assert_eq!(sealer.open("login", &sealed).as_deref(), Ok(&b"secret"[..]));
        assert_eq!(sealer.open("vault", &sealed), Err(Error::NotOurs));
        for position in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[position] ^= 1;
            assert_eq!(sealer.open("login", &changed), Err(Error::NotOurs), "byte {position}");
        }
        assert_eq!(sealer.open("login", &[]), Err(Error::NotOurs));
        let other = Sealer::from_master(&random_text()).unwrap();
        assert_eq!(other.open("login", &sealed), Err(Error::NotOurs));
    }

    #[test]
    fn no_nonce_is_used_twice() {
        let sealer = Sealer::from_master(&random_text()).unwrap();
        let mut nonces = std::collections::HashSet::new();
        for _ in 0..10_000 {
            let sealed = sealer.seal("login", b"secret").unwrap();
            assert!(
                nonces.insert(sealed[size_of::<KeyId>()..][..NONCE_BYTES].to_vec()),
                "a nonce was used twice"
            );
        }
    }

    #[test]
    fn what_was_sealed_under_an_earlier_key_is_still_opened() {
        let (first, second) = (random_text(), random_text());
        let sealed = Sealer::from_master(&first).unwrap().seal("login", b"secret").unwrap();
        let both = Sealer::from_master(&second).unwrap().and_earlier(&first).unwrap();
        assert_eq!(both.open("login", &sealed).as_deref(), Ok(&b"secret"[..]));
        let newer = both.seal("login", b"secret").unwrap();
        assert_eq!(Sealer::from_master(&first).unwrap().open("login", &newer), Err(Error::NotOurs));
    }

    #[test]
    fn a_master_key_is_32_bytes() {
        for bad in ["", "changeme", &URL_SAFE_NO_PAD.encode([0; 31]), &URL_SAFE_NO_PAD.encode([0; 33])] {
            assert!(Sealer::from_master(bad).is_err(), "{bad:?} passed for a key");
        }
    }

    #[test]
    fn bytes_cannot_move_between_hashed_parts() {
        assert_ne!(sha256(&[b"ab", b"c"]), sha256(&[b"a", b"bc"]));
    }
}
