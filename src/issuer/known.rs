//! What somebody has published who signs things, read when somebody needs it, once for all who need it at the same time.

use super::http::{Http, SendError};
use super::metadata::{Doubt, Metadata};
use crate::identity::KeySet;
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use std::sync::Arc;
use tokio::sync::Mutex;
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

/// The shelf for it. Shared with those that come after it at the same address; whoever comes while it is being read
/// waits for the same answer.
pub(super) struct Published<M = Metadata>(Arc<Mutex<Option<Known<M>>>>);

impl<M> Default for Published<M> {
    fn default() -> Self {
        Self(Arc::default())
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
    pub(super) async fn known(&self, source: &Source<'_>, now: Timestamp) -> Result<Known<M>, Unread> {
        let mut known = self.0.lock().await;
        match &*known {
            Some(known) => Ok(known.clone()),
            None => source.read(&mut known, now).await,
        }
    }

    /// The same, from a provider that has just answered: nobody is sent to one that does not.
    pub(super) async fn awake(&self, source: &Source<'_>, now: Timestamp) -> Result<Known<M>, Unread> {
        let mut known = self.0.lock().await;
        match &*known {
            Some(known) if now < known.read + AWAKE => Ok(known.clone()),
            _ => source.read(&mut known, now).await,
        }
    }

    /// Keys that are newer than `known`, if it is time to read them again; else those that we have.
    pub(super) async fn newer_keys(
        &self,
        known: &Arc<KeySet>,
        source: &Source<'_>,
        now: Timestamp,
    ) -> Result<Arc<KeySet>, Unread> {
        let mut cell = self.0.lock().await;
        let Some(held) = cell.as_mut() else { return Ok(known.clone()) };
        if Arc::ptr_eq(&held.keys, known) && held.reread.is_none_or(|last| now >= last + REREAD) {
            held.reread = Some(now);
            held.keys = source.keys(held.metadata.keys_at()).await?;
        }
        Ok(held.keys.clone())
    }
}

impl<M> Clone for Known<M> {
    fn clone(&self) -> Self {
        Self { metadata: self.metadata.clone(), keys: self.keys.clone(), ..*self }
    }
}

impl Source<'_> {
    async fn read<M: Publication>(
        &self,
        known: &mut Option<Known<M>>,
        now: Timestamp,
    ) -> Result<Known<M>, Unread> {
        let address = M::address(self.issuer);
        let address = Url::parse(&address).map_err(|error| Unread::Address(address, error))?;
        let metadata: M = self.http.json(&address, |json| serde_json::from_slice(json)).await?;
        let metadata = metadata.of(self)?;
        let keys = self.keys(metadata.keys_at()).await?;
        let reread = known.as_ref().and_then(|known| known.reread);
        let read = Known { metadata: Arc::new(metadata), keys, read: now, reread };
        Ok(known.insert(read).clone())
    }

    async fn keys(&self, at: &Url) -> Result<Arc<KeySet>, Unread> {
        Ok(Arc::new(self.http.json(at, KeySet::parse).await?))
    }
}
