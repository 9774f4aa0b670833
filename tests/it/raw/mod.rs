//! The front door on raw bytes: what a client library would tidy, what an app should never see, and what an app
//! should never have said. What counts is what left the gateway, byte for byte.

mod answers;
mod h2;
mod identity;
mod limits;
mod order;
mod refused;
mod routes;
mod smuggling;
mod target;

use crate::harness::{CARLA, Hand, House, Recorder, Site, Told, Wire};
use guestpass::clock::Clock;

/// guestpass in front of an app that keeps what it is sent. `/public` is for everybody, `/staff` for writers.
struct Front {
    house: House,
    app: Recorder,
    /// As it is named in `Host`.
    host: String,
}

impl Front {
    async fn open() -> Self {
        Self::with(|_| {}).await
    }

    /// The same, with other files.
    async fn with(change: impl FnOnce(&Site)) -> Self {
        let site = Site::new(Clock::turned("2026-03-02T09:00:00Z".parse().unwrap())).await;
        let app = Recorder::open().await;
        let upstream = |at| format!("upstream: http://{at}");
        site.change("guestpass.yaml", &upstream(site.echo.address), &upstream(app.address));
        change(&site);
        let host = site.echo_url.strip_prefix("http://").unwrap().to_owned();
        Self { house: House::of(site).await, app, host }
    }

    /// Signs in as `person`; the `Cookie` header line of their browser. What the app has seen is forgotten.
    async fn cookie(&self, person: &str) -> String {
        let mut hand = Hand::new();
        let asked = hand.follow(&self.house.echo_url, &self.house.provider_url).await.0;
        let back = hand.choose(&asked, person).await;
        let (_, last) = hand.follow(&back, "never").await;
        assert_eq!(last.status, 200, "{}", last.text);
        self.app.forget();
        let value = &hand.cookies_at(&self.house.echo_url)["guestpass"];
        format!("cookie: guestpass={value}\r\n")
    }

    /// That of the contractor, who may go everywhere but below `/staff`.
    async fn carla(&self) -> String {
        self.cookie(CARLA).await
    }

    async fn wire(&self) -> Wire {
        Wire::to(self.house.front).await
    }

    /// The head of a request to the app, with `lines` among its headers.
    fn head(&self, line: &str, lines: &str) -> String {
        format!("{line} HTTP/1.1\r\nhost: {}\r\n{lines}\r\n", self.host)
    }

    /// The one answer to `bytes` on a connection of their own.
    async fn tell(&self, bytes: impl AsRef<[u8]>) -> Told {
        let mut wire = self.wire().await;
        wire.send(bytes).await;
        wire.told().await.expect("closed without an answer")
    }

    /// The answer to a request for `target`.
    async fn get(&self, target: &str, lines: &str) -> Told {
        self.tell(self.head(&format!("GET {target}"), lines)).await
    }
}
