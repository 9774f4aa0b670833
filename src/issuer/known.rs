//! What somebody has published who signs things, read when somebody needs it, once for all who need it at the same time.

use super::http::{Http, SendError};
use super::metadata::{Doubt, Metadata};
use crate::identity::KeySet;
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::sync::{Mutex as AsyncMutex, OnceCell};
use url::Url;

/// How long an answer shows that a provider is there.
const AWAKE: SignedDuration = SignedDuration::from_secs(2);

/// Keys are not read again sooner than this, whoever asks.
const REREAD: SignedDuration = SignedDuration::from_secs(10);

/// What is published of somebody who signs, and says where keys are.
pub(super) trait Publication: DeserializeOwned {
    /// Where it is.
    fn address(issuer: &Url) -> String;
    /// The same, if it is that of whom `source` asks for.
    fn of(self, source: &Source<'_>) -> Result<Self, Doubt>;
    /// Where keys are.
    fn keys_at(&self) -> &Url;
}

/// What somebody has published: a provider, unless said.
pub(super) struct Known<M = Metadata> {
    pub(super) metadata: Arc<M>,
    pub(super) keys: Arc<KeySet>,
    /// When it was read.
    read: Timestamp,
    /// When keys were last read again for the sake of one that was not among them.
    reread: Option<Timestamp>,
}

/// Why nothing is known.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unread {
    #[error(transparent)]
    Send(#[from] SendError),
    #[error(transparent)]
    Doubt(#[from] Doubt),
    #[error("{0} is no address: {1}")]
    Address(String, url::ParseError),
}

/// The shelf for it. Shared with those that come after it at the same address. What is there is read at once, whoever waits
/// for the provider; whoever comes while it is being read waits for the same answer, and for the same failure.
pub(super) struct Published<M = Metadata>(Arc<Shelf<M>>);

struct Shelf<M> {
    held: Mutex<Option<Known<M>>>,
    reading: Mutex<Weak<Reading<M>>>,
    /// Held by whoever reads keys again.
    rereading: AsyncMutex<()>,
}

/// One reading, for all who wait for it.
type Reading<M> = OnceCell<Result<Known<M>, Arc<Unread>>>;

impl<M> Default for Published<M> {
    fn default() -> Self {
        Self(Arc::new(Shelf {
            held: Mutex::default(),
            reading: Mutex::default(),
            rereading: AsyncMutex::default(),
        }))
    }
}

impl<M> Clone for Published<M> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// Where and how to read.
pub(super) struct Source<'a> {
    pub(super) http: &'a Http,
    pub(super) issuer: &'a Url,
    /// Whether we show a certificate.
    pub(super) certificate: bool,
}

impl<M: Publication> Published<M> {
    /// What is published, read on first use.
    pub(super) async fn known(&self, source: &Source<'_>, now: Timestamp) -> Result<Known<M>, Arc<Unread>> {
        match self.held() {
            Some(known) => Ok(known),
            None => self.read(source, now).await,
        }
    }

    /// The same, from a provider that has just answered: nobody is sent to one that does not.
    pub(super) async fn awake(&self, source: &Source<'_>, now: Timestamp) -> Result<Known<M>, Arc<Unread>> {
        match self.held() {
            Some(known) if now < known.read + AWAKE => Ok(known),
            _ => self.read(source, now).await,
        }
    }

    /// Keys that are newer than `known`, if it is time to read them again; else those that we have.
    pub(super) async fn newer_keys(
        &self,
        known: &Arc<KeySet>,
        source: &Source<'_>,
        now: Timestamp,
    ) -> Result<Arc<KeySet>, Unread> {
        let _turn = self.0.rereading.lock().await;
        let Some(mut held) = self.held() else { return Ok(known.clone()) };
        if Arc::ptr_eq(&held.keys, known) && held.reread.is_none_or(|last| now >= last + REREAD) {
            self.with_held(|held| held.reread = Some(now));
            held.keys = source.keys(held.metadata.keys_at()).await?;
            self.with_held(|known| known.keys = held.keys.clone());
        }
        Ok(held.keys)
    }

    async fn read(&self, source: &Source<'_>, now: Timestamp) -> Result<Known<M>, Arc<Unread>> {
        let reading = {
            let mut under_way = locked(&self.0.reading);
            // One that is over tells how it was then.
            match under_way.upgrade().filter(|reading| !reading.initialized()) {
                Some(reading) => reading,
                None => {
                    let reading = Arc::default();
                    *under_way = Arc::downgrade(&reading);
                    reading
                }
            }
        };
        let read = async {
            let mut known = source.read(now).await?;
            let mut held = locked(&self.0.held);
            known.reread = held.as_ref().and_then(|held| held.reread);
            *held = Some(known.clone());
            Ok(known)
        };
        reading.get_or_init(|| read).await.clone()
    }

    fn held(&self) -> Option<Known<M>> {
        locked(&self.0.held).clone()
    }

    fn with_held(&self, change: impl FnOnce(&mut Known<M>)) {
        locked(&self.0.held).as_mut().map(change);
    }
}

/// Nothing is left half-done under these locks, so a panic elsewhere does not spoil them.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<M> Clone for Known<M> {
    fn clone(&self) -> Self {
        Self { metadata: self.metadata.clone(), keys: self.keys.clone(), ..*self }
    }
}

impl Source<'_> {
    async fn read<M: Publication>(&self, now: Timestamp) -> Result<Known<M>, Unread> {
        let address = M::address(self.issuer);
        let address = Url::parse(&address).map_err(|error| Unread::Address(address, error))?;
        let metadata: M = self.http.json(&address, |json| serde_json::from_slice(json)).await?;
        let metadata = metadata.of(self)?;
        let keys = self.keys(metadata.keys_at()).await?;
        Ok(Known { metadata: Arc::new(metadata), keys, read: now, reread: None })
    }

    async fn keys(&self, at: &Url) -> Result<Arc<KeySet>, Unread> {
        Ok(Arc::new(self.http.json(at, KeySet::parse).await?))
    }
}
