//! An attempt to sign in, sealed in a cookie of its own: several tabs may try at once, and we remember nothing.

use super::{ATTEMPT, Deps};
use crate::issuer;
use crate::names::{AppName, ProviderName};
use crate::seal::sha256_text;
use http::{HeaderMap, HeaderValue, header};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// How many attempts one browser may have under way; starting another gives up the oldest.
const AT_ONCE: usize = 5;

/// What is remembered of an attempt until the provider answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Attempt {
    pub(super) provider: ProviderName,
    pub(super) state: String,
    nonce: String,
    verifier: String,
    #[serde(default)]
    max_age: Option<SignedDuration>,
    /// Where the person was going.
    pub(super) way: Way,
    started: Timestamp,
}

/// Where somebody is going: an app and a path in it, or our own pages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Way {
    pub(super) app: Option<AppName>,
    /// The host of the app; its first where none is named.
    #[serde(default)]
    pub(super) host: Option<String>,
    pub(super) path: String,
    /// Hash of the browser's nonce on the app's host.
    pub(super) browser: String,
}

impl Attempt {
    pub(super) fn new(provider: ProviderName, secrets: issuer::Attempt, way: Way, now: Timestamp) -> Self {
        let issuer::Attempt { state, nonce, verifier, max_age } = secrets;
        Self { provider, state, nonce, verifier, max_age, way, started: now }
    }

    /// What the provider's answer is checked against.
    pub(super) fn secrets(&self) -> issuer::Attempt {
        issuer::Attempt {
            state: self.state.clone(),
            nonce: self.nonce.clone(),
            verifier: self.verifier.clone(),
            max_age: self.max_age,
        }
    }

    /// The attempt that `state` belongs to, if this browser made it and has not taken too long.
    pub(super) fn find(deps: &Deps, headers: &HeaderMap, state: &str, now: Timestamp) -> Option<Self> {
        let name = name(deps, state);
        let (_, value) = cookies(headers).find(|(found, _)| *found == name)?;
        open(deps, &name, value).filter(|attempt| attempt.state == state && now < attempt.started + ATTEMPT)
    }

    /// The cookies that remember it, and that forget what is too much.
    pub(super) fn remember(&self, deps: &Deps, headers: &HeaderMap) -> Vec<HeaderValue> {
        let name = name(deps, &self.state);
        let Ok(plain) = serde_json::to_vec(self) else { return Vec::new() };
        let Ok(sealed) = deps.store.sealer().seal_text(&name, &plain) else { return Vec::new() };
        let mut others: Vec<_> = cookies(headers)
            .filter(|(name, _)| name.starts_with(prefix(deps)))
            .map(|(name, value)| (open(deps, name, value).map(|attempt| attempt.started), name))
            .collect();
        others.sort();
        let too_many = (others.len() + 1).saturating_sub(AT_ONCE);
        let forget = others.iter().take(too_many).map(|(_, name)| cookie(deps, name, "", 0));
        forget.chain([cookie(deps, &name, &sealed, ATTEMPT.as_secs())]).flatten().collect()
    }

    /// The cookie that forgets it: an answer is taken once.
    pub(super) fn forget(&self, deps: &Deps) -> Option<HeaderValue> {
        cookie(deps, &name(deps, &self.state), "", 0)
    }
}

fn prefix(deps: &Deps) -> &'static str {
    if deps.is_secure() { "__Host-guestpass-login-" } else { "guestpass-login-" }
}

fn name(deps: &Deps, state: &str) -> String {
    format!("{}{}", prefix(deps), &sha256_text(&[b"state", state.as_bytes()])[..8])
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='))
}

fn open(deps: &Deps, name: &str, value: &str) -> Option<Attempt> {
    serde_json::from_slice(&deps.store.sealer().open_text(name, value).ok()?).ok()
}

fn cookie(deps: &Deps, name: &str, value: &str, seconds: i64) -> Option<HeaderValue> {
    let secure = if deps.is_secure() { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
    HeaderValue::try_from(text).ok()
}
