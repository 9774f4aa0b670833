//! What a provider has published, read when somebody needs it, once for all who need it at the same time.

use super::http::{Http, SendError};
use super::metadata::{Doubt, Metadata};
use crate::identity::KeySet;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use tokio::sync::Mutex;
use url::Url;

/// How long an answer shows that a provider is there.
const AWAKE: SignedDuration = SignedDuration::from_secs(2);

/// Keys are not read again sooner than this, whoever asks.
const REREAD: SignedDuration = SignedDuration::from_secs(10);

/// What the provider has published.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) metadata: Arc<Metadata>,
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
#[derive(Clone, Default)]
pub(super) struct Published(Arc<Mutex<Option<Known>>>);

/// Where and how to read.
pub(super) struct Source<'a> {
    pub(super) http: &'a Http,
    pub(super) issuer: &'a Url,
    /// Whether we show a certificate.
    pub(super) certificate: bool,
}

impl Published {
    /// What the provider has published, read on first use.
    pub(super) async fn known(&self, source: &Source<'_>, now: Timestamp) -> Result<Known, Unread> {
        let mut known = self.0.lock().await;
        match &*known {
            Some(known) => Ok(known.clone()),
            None => source.read(&mut known, now).await,
        }
    }

    /// The same, from a provider that has just answered: nobody is sent to one that does not.
    pub(super) async fn awake(&self, source: &Source<'_>, now: Timestamp) -> Result<Known, Unread> {
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
            held.keys = source.keys(&held.metadata).await?;
        }
        Ok(held.keys.clone())
    }
}

impl Source<'_> {
    async fn read(&self, known: &mut Option<Known>, now: Timestamp) -> Result<Known, Unread> {
        let address = Metadata::address(self.issuer);
        let address = Url::parse(&address).map_err(|error| Unread::Address(address, error))?;
        let metadata: Metadata = self.http.json(&address, |json| serde_json::from_slice(json)).await?;
        let metadata = metadata.of(self.issuer)?;
        let metadata = if self.certificate { metadata.with_certificate() } else { metadata };
        let keys = self.keys(&metadata).await?;
        let reread = known.as_ref().and_then(|known| known.reread);
        let read = Known { metadata: Arc::new(metadata), keys, read: now, reread };
        Ok(known.insert(read).clone())
    }

    async fn keys(&self, metadata: &Metadata) -> Result<Arc<KeySet>, Unread> {
        Ok(Arc::new(self.http.json(&metadata.jwks_uri, KeySet::parse).await?))
    }
}
