//! guestpass with a provider that may be made to misbehave.

use super::hand::{Hand, Reply};
use super::hostile::{Hostile, Play};
use super::{House, Site};
use guestpass::clock::Clock;
use jiff::SignedDuration;
use serde_json::{Map, Value};

/// The house, and its provider.
pub(crate) struct Stage {
    pub(crate) house: House,
    pub(crate) provider: Hostile,
    /// Whether the browser is to post what the provider answers.
    posts: bool,
}

impl Stage {
    pub(crate) async fn open() -> Self {
        Self::with("", "").await
    }

    /// The same, with `to` in place of `from` in the configuration; in it PROVIDER is the provider's address.
    pub(crate) async fn with(from: &str, to: &str) -> Self {
        let change = |site: &Site| {
            if !from.is_empty() {
                site.change("guestpass.yaml", from, &to.replace("PROVIDER", &site.provider_url));
            }
        };
        Self::after(change).await
    }

    /// The same after a `change` of its files.
    pub(crate) async fn after(change: impl FnOnce(&Site)) -> Self {
        let site = Site::new(Clock::turned("2026-03-02T09:00:00Z".parse().unwrap())).await;
        change(&site);
        Self::of(site).await
    }

    /// The same in the surroundings of `site`.
    pub(crate) async fn of(site: Site) -> Self {
        let provider = Hostile::new(&site.provider_url, &site.client_secret, site.clock.clone());
        site.provider.becomes(provider.router());
        Self { house: House::of(site).await, provider, posts: false }
    }

    /// One stage for each way in which an answer comes back: in an address, and as a form that the browser posts.
    pub(crate) async fn each_way() -> [Self; 2] {
        [Self::open().await, Self::posting().await]
    }

    /// The provider's answer comes as a form that the browser posts.
    pub(crate) async fn posting() -> Self {
        let from = "groups: { claim: groups }";
        let stage = Self::with(from, &format!("{from}\n    response-mode: form_post")).await;
        Self { posts: true, ..stage }
    }

    /// Somebody goes to an app in a browser of their own, and on as far as it goes.
    pub(crate) async fn signs_in(&self) -> Reply {
        let mut hand = Hand::new();
        if !self.posts {
            return hand.follow(&self.house.echo_url, "nowhere").await.1;
        }
        let (to, fields) = self.form(&mut hand).await;
        let reply = hand.post_across(&to, &fields).await;
        assert_eq!(reply.status, 303, "{}", reply.text);
        assert!(reply.headers.get("set-cookie").is_none());
        let next = reply.next.unwrap();
        let code = fields.iter().find(|(name, _)| name == "code");
        assert!(code.is_none_or(|(_, code)| !next.contains(code)), "the code stands in {next}");
        hand.follow(&next, "nowhere").await.1
    }

    /// What the provider has the browser post of somebody who goes to an app, and where.
    pub(crate) async fn form(&self, hand: &mut Hand) -> (String, Vec<(String, String)>) {
        let (asked, _) = hand.follow(&self.house.echo_url, &self.house.provider_url).await;
        assert!(asked.contains("response_mode=form_post"), "{asked}");
        let fields: Map<String, Value> = serde_json::from_str(&hand.get(&asked).await.text).unwrap();
        let text = |value: Value| value.as_str().unwrap().to_owned();
        let fields = fields.into_iter().map(|(name, value)| (name, text(value)));
        (format!("{}/callback", self.house.access_url), fields.collect())
    }

    /// A browser that is signed in with `play` and sees the app.
    pub(crate) async fn guest(&self, play: Play) -> Hand {
        self.provider.plays(play);
        let mut hand = Hand::new();
        let (_, reply) = hand.follow(&self.house.echo_url, "nowhere").await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        self.provider.plays(Play::default());
        hand
    }

    /// What a script in that browser gets from the app: 200, or 401 if nobody is signed in there any more.
    pub(crate) async fn knocks(&self, like: &Hand) -> u16 {
        let mut hand = Hand::new();
        hand.cookies = like.cookies.clone();
        hand.headers.clear();
        hand.get(&self.house.echo_url).await.status
    }

    /// The sign-in passes, with `play`.
    pub(crate) async fn passes(&self, what: &str, play: Play) {
        self.provider.plays(play);
        let reply = self.signs_in().await;
        assert_eq!(reply.status, 200, "{what}: {}", reply.text);
        assert!(reply.text.contains("guestpass-assertion"), "{what}: {}", reply.text);
        self.later();
    }

    /// The plain sign-in passes, and with `play` it is refused for `reason` and recorded.
    pub(crate) async fn refuses(&self, what: &str, reason: &str, play: Play) {
        self.passes(what, Play::default()).await;
        self.provider.plays(play);
        let reply = self.signs_in().await;
        assert_eq!(reply.status, 403, "{what} passes: {}", reply.text);
        assert!(reply.text.contains(reason), "{what}: {}", reply.text);
        assert_eq!(self.last().await, format!("sign_in_refused echo {reason}"), "{what}");
        self.later();
    }

    /// What was recorded last, but for what becomes of accounts: that is recorded when it is seen.
    pub(crate) async fn last(&self) -> String {
        let mut record = self.house.record().await;
        record.retain(|event| !event.starts_with("account"));
        record.pop().unwrap()
    }

    /// So much later that what the provider publishes is read anew.
    pub(crate) fn later(&self) {
        self.house.turn(SignedDuration::from_secs(11));
    }

    pub(crate) async fn close(self) {
        self.house.finish().await;
    }
}
