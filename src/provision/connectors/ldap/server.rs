//! A connection to a directory, and what is asked over it. Operations share one; pages have their own, as a directory
//! remembers by the connection which page comes next.

use super::entry::Entry;
use super::fault;
use super::settings::Settings;
use crate::provision::authorities::authorities;
use crate::provision::connector::Fault;
use crate::provision::pace::Pace;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ldap3::controls::{Control, ControlType, PagedResults, RawControl};
use ldap3::{
    Ldap, LdapConnAsync, LdapConnSettings, LdapError, LdapResult, Mod, Scope, SearchEntry, SearchResult,
};
use rustls::{ClientConfig, RootCertStore};
use secrecy::{ExposeSecret, SecretString};
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use url::Url;

const CONNECT: Duration = Duration::from_secs(3);
/// How long an operation may take.
const ANSWER: Duration = Duration::from_secs(5);
/// How many entries a page holds: fewer than the thousand that Active Directory gives.
const PAGE: i32 = 500;
const CONTEXTS: &str = "namingContexts";

/// Values that an entry is to have, by attribute.
pub(super) type Attributes = Vec<(String, HashSet<Vec<u8>>)>;

pub(super) struct Server {
    url: Url,
    bind: String,
    password: SecretString,
    ca: Option<PathBuf>,
    is_secured: bool,
    is_upgraded: bool,
    pace: Pace,
    shared: Mutex<Option<Ldap>>,
    /// The connection over which pages are read, and what names the next.
    pages: Mutex<Option<(Ldap, String)>>,
}

/// What a directory said to a change.
pub(super) struct Answer(LdapResult);

impl Answer {
    pub(super) fn code(&self) -> u32 {
        self.0.rc
    }

    /// Done, also where the answer is one of these `codes`.
    pub(super) fn done_or(self, codes: &[u32]) -> Result<(), Fault> {
        if self.0.rc == 0 || codes.contains(&self.0.rc) { Ok(()) } else { Err(fault::answered(&self.0)) }
    }
}

impl Server {
    pub(super) fn new(settings: &Settings, pace: Pace) -> Self {
        Self {
            url: settings.ldap.url.clone(),
            bind: settings.bind.clone(),
            password: settings.password.clone(),
            ca: settings.ca.clone(),
            is_secured: settings.is_secured(),
            is_upgraded: settings.is_upgraded(),
            pace,
            shared: Mutex::default(),
            pages: Mutex::default(),
        }
    }

    /// Whether nobody in between reads what is said.
    pub(super) fn is_secured(&self) -> bool {
        self.is_secured
    }

    /// The entry that we are.
    pub(super) fn bind(&self) -> &str {
        &self.bind
    }

    /// The entries at and below `base` that `filter` finds. References to other servers are left out.
    pub(super) async fn search(
        &self,
        base: &str,
        filter: &str,
        wanted: &[&str],
    ) -> Result<Vec<Entry>, Fault> {
        self.search_within(base, Scope::Subtree, filter, wanted).await
    }

    /// The entries below which everything is that the directory holds, as it says itself (RFC 4512, section 5.1).
    pub(super) async fn contexts(&self) -> Result<Vec<String>, Fault> {
        let root = self.search_within("", Scope::Base, "(objectClass=*)", &[CONTEXTS]).await?;
        Ok(root.iter().flat_map(|root| root.values(CONTEXTS)).map(str::to_owned).collect())
    }

    async fn search_within(
        &self,
        base: &str,
        scope: Scope,
        filter: &str,
        wanted: &[&str],
    ) -> Result<Vec<Entry>, Fault> {
        let mut ldap = self.connection().await?;
        let answer = ldap.with_timeout(ANSWER).search(base, scope, filter, wanted).await;
        let SearchResult(found, result) = self.answered(answer, false).await?;
        Answer(result).done_or(&[])?;
        Ok(entries(found))
    }

    /// One page of the same: the first, or the one that `after` names. Returns what names the next.
    pub(super) async fn page(
        &self,
        base: &str,
        filter: &str,
        wanted: &[&str],
        after: Option<&str>,
    ) -> Result<(Vec<Entry>, Option<String>), Fault> {
        self.pace.turn().await?;
        let lost = || Fault::transient("lost the page");
        let mut pages = self.pages.lock().await;
        let (mut ldap, cookie) = match (after, pages.take()) {
            (None, _) => (self.dial().await?, Vec::new()),
            (Some(after), Some((ldap, next))) if next == after => {
                (ldap, URL_SAFE_NO_PAD.decode(after).map_err(|_| lost())?)
            }
            (Some(_), _) => return Err(lost()),
        };
        let mut asked: RawControl = PagedResults { size: PAGE, cookie }.into();
        asked.crit = true;
        let search =
            ldap.with_timeout(ANSWER).with_controls(asked).search(base, Scope::Subtree, filter, wanted);
        let answer = search.await.map_err(|error| fault::unanswered(&error, false));
        let SearchResult(found, result) = answer?;
        let cookie = result.ctrls.iter().find_map(|control| match control {
            Control(Some(ControlType::PagedResults), raw) => Some(raw.parse::<PagedResults>().cookie),
            _ => None,
        });
        Answer(result).done_or(&[])?;
        let next = cookie.filter(|cookie| !cookie.is_empty()).map(|cookie| URL_SAFE_NO_PAD.encode(cookie));
        *pages = next.clone().map(|next| (ldap, next));
        Ok((entries(found), next))
    }

    pub(super) async fn add(&self, dn: &str, attributes: Attributes) -> Result<Answer, Fault> {
        let attributes = attributes.into_iter().map(|(name, values)| (name.into_bytes(), values)).collect();
        let mut ldap = self.connection().await?;
        let answer = ldap.with_timeout(ANSWER).add(dn, attributes).await;
        self.answered(answer, true).await.map(Answer)
    }

    pub(super) async fn modify(&self, dn: &str, changes: Vec<Mod<Vec<u8>>>) -> Result<Answer, Fault> {
        let mut ldap = self.connection().await?;
        let answer = ldap.with_timeout(ANSWER).modify(dn, changes).await;
        self.answered(answer, true).await.map(Answer)
    }

    /// Gives an entry another name in the same place.
    pub(super) async fn rename(&self, dn: &str, rdn: &str) -> Result<Answer, Fault> {
        let mut ldap = self.connection().await?;
        let answer = ldap.with_timeout(ANSWER).modifydn(dn, rdn, true, None).await;
        self.answered(answer, true).await.map(Answer)
    }

    pub(super) async fn delete(&self, dn: &str) -> Result<Answer, Fault> {
        let mut ldap = self.connection().await?;
        let answer = ldap.with_timeout(ANSWER).delete(dn).await;
        self.answered(answer, true).await.map(Answer)
    }

    /// The shared connection, made anew where it ended.
    async fn connection(&self) -> Result<Ldap, Fault> {
        self.pace.turn().await?;
        let mut shared = self.shared.lock().await;
        if let Some(ldap) = shared.as_mut()
            && !ldap.is_closed()
        {
            return Ok(ldap.clone());
        }
        let ldap = self.dial().await?;
        *shared = Some(ldap.clone());
        Ok(ldap)
    }

    /// A connection over which nothing was answered is not used again.
    async fn answered<T>(&self, answer: Result<T, LdapError>, change: bool) -> Result<T, Fault> {
        match answer {
            Ok(answer) => Ok(answer),
            Err(error) => {
                *self.shared.lock().await = None;
                Err(fault::unanswered(&error, change))
            }
        }
    }

    /// A new connection, over which we have said who we are.
    async fn dial(&self) -> Result<Ldap, Fault> {
        let mut settings = LdapConnSettings::new().set_conn_timeout(CONNECT).set_starttls(self.is_upgraded);
        if self.is_secured {
            settings = settings.set_config(Arc::new(self.tls().await?));
        }
        let failed = |error: LdapError| fault::unanswered(&error, false);
        let (connection, mut ldap) =
            LdapConnAsync::from_url_with_settings(settings, &self.url).await.map_err(failed)?;
        // Ends with the last handle to it.
        tokio::spawn(async move {
            if let Err(error) = connection.drive().await {
                tracing::debug!(%error, "a connection to a directory ended");
            }
        });
        let bound = ldap.with_timeout(ANSWER).simple_bind(&self.bind, self.password.expose_secret()).await;
        Answer(bound.map_err(failed)?).done_or(&[])?;
        Ok(ldap)
    }

    async fn tls(&self) -> Result<ClientConfig, Fault> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(authorities(self.ca.as_deref()).await?);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| Fault::transient(error.to_string()))?;
        Ok(builder.with_root_certificates(roots).with_no_client_auth())
    }
}

fn entries(found: Vec<ldap3::ResultEntry>) -> Vec<Entry> {
    let here = found.into_iter().filter(|one| !one.is_ref() && !one.is_intermediate());
    here.map(SearchEntry::construct).map(Entry::from).collect()
}
