//! Which of our keys signs when. A new one is published before it signs, so that apps know it by then, and one that signed
//! is published until nothing that it signed is good any more.

use super::keys::SigningKey;
use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;

/// How long a key is published before it signs and after it has. Apps may keep our keys for five minutes, and an assertion
/// is good for one; the rest is for those that keep them longer than that, and for replicas that learn of a key late.
pub const PUBLISHED: SignedDuration = SignedDuration::from_mins(30);

/// Our keys. Cheap to clone; all who hold it see the same.
#[derive(Debug, Clone)]
pub struct SigningKeys(Arc<ArcSwap<Vec<Turn>>>);

/// A key that signs from a moment on, until the next one does.
#[derive(Debug, Clone)]
pub struct Turn {
    /// The key.
    pub key: Arc<SigningKey>,
    /// When it begins to sign.
    pub from: Timestamp,
}

/// How a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Stand {
    /// It is published, and signs later.
    Next,
    /// It signs.
    Signs,
    /// It has signed, and is still published.
    Published,
    /// Nothing that it signed is good any more.
    Gone,
}

impl SigningKeys {
    /// Puts `turns` in place of those that are after the first.
    pub fn then(&self, turns: impl IntoIterator<Item = Turn>) {
        let mut all: Vec<Turn> = self.0.load().first().cloned().into_iter().chain(turns).collect();
        all.sort_by_key(|turn| turn.from);
        self.0.store(Arc::new(all));
    }

    /// Every turn with how it stands at `now`, by when it begins.
    pub fn turns(&self, now: Timestamp) -> Vec<(Turn, Stand)> {
        let turns = self.0.load();
        let ends = turns.iter().skip(1).map(|next| Some(next.from)).chain([None]);
        let stand = |(turn, end): (&Turn, Option<Timestamp>)| {
            let stand = match end {
                _ if now < turn.from => Stand::Next,
                Some(end) if end + PUBLISHED <= now => Stand::Gone,
                Some(end) if end <= now => Stand::Published,
                _ => Stand::Signs,
            };
            (turn.clone(), stand)
        };
        turns.iter().zip(ends).map(stand).collect()
    }

    /// The key that signs at `now`.
    pub fn at(&self, now: Timestamp) -> Option<Arc<SigningKey>> {
        let turns = self.0.load();
        turns.iter().rfind(|turn| turn.from <= now).map(|turn| turn.key.clone())
    }

    /// The public keys that apps may need at `now` (RFC 7517), by when they begin to sign.
    pub fn published(&self, now: Timestamp) -> Vec<Value> {
        let known = self.turns(now).into_iter().filter(|(_, stand)| *stand != Stand::Gone);
        known.map(|(turn, _)| turn.key.public_jwk()).collect()
    }
}

impl From<SigningKey> for SigningKeys {
    /// One key, which signs from the beginning.
    fn from(first: SigningKey) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(vec![Turn { key: first.into(), from: Timestamp::MIN }])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_published_before_it_signs_and_as_long_as_what_it_signed_is_good() {
        let now: Timestamp = "2026-03-02T09:00:00Z".parse().unwrap();
        let (first, second) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let (one, two) = (first.kid().to_owned(), second.kid().to_owned());
        let keys = SigningKeys::from(first);
        keys.then([Turn { key: second.into(), from: now + PUBLISHED }]);
        let told = |at| {
            let published = keys.published(at).into_iter().map(|jwk| jwk["kid"].as_str().unwrap().to_owned());
            (keys.at(at).unwrap().kid().to_owned(), published.collect::<Vec<_>>())
        };
        let both = vec![one.clone(), two.clone()];
        assert_eq!(told(now), (one.clone(), both.clone()));
        assert_eq!(told(now + PUBLISHED), (two.clone(), both));
        assert_eq!(told(now + PUBLISHED * 2), (two.clone(), vec![two]));
    }
}
