//! guestpass with everything around it, in one test: `House::open`, what is to be shown, `finish`.

mod counterpart;
mod database;
mod frames;
mod hand;
mod hostile;
mod operator;
mod process;
mod raw;
mod site;
mod stage;
mod standby;
mod tls;
mod valve;

pub(crate) use counterpart::{Counterpart, Mood, next, reserve};
pub(crate) use database::{Database, Deed};
pub(crate) use frames::{Frames, Outcome};
pub(crate) use hand::{Hand, Reply as Answered};
pub(crate) use hostile::{AUDIENCE, Change, Heard, Hostile, Play, Signs};
pub(crate) use process::{Process, guestpass, guestpass_with};
pub(crate) use raw::{Recorder, Reply, Sent, Told, Wire};
pub(crate) use site::Site;
pub(crate) use stage::Stage;
pub(crate) use standby::{Server, url};
pub(crate) use tls::{Authority, Pair};
pub(crate) use valve::{Flow, Valve};

use guestpass::app::App;
use guestpass::clock::Clock;
use guestpass::config::Config;
use guestpass::demo::browser::{Answer, Browser};
use guestpass::demo::notes::Account;
use guestpass::document::Mistakes;
use guestpass::gateway::listen::{Drain, Listener};
use guestpass::store::{AccountRow, GrantRow};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::net::SocketAddr;
use std::ops::Deref;
use std::path::Path;
use std::time::Duration;
use tokio::net::TcpSocket;

/// How long background work may take, in real time.
const SOON: Duration = Duration::from_secs(60);

/// How often files are looked at here.
const LOOK_EVERY: Duration = Duration::from_millis(80);

/// The employee, in group staff: role `writer`, as long as the provider confirms it.
pub(crate) const ADA: &str = "s-4";
/// The contractor, in group guests: role `guest` for 30 days.
pub(crate) const CARLA: &str = "c-17";
/// The outsider, in no group.
pub(crate) const OTTO: &str = "x-9";

/// A gateway beside that of the house.
pub(crate) struct Beside {
    app: App,
    pub(crate) front: SocketAddr,
    _reserved: [TcpSocket; 2],
}

impl Beside {
    pub(crate) async fn stop(self) {
        self.app.stop().await;
    }
}

/// guestpass, running in this process, and its surroundings.
pub(crate) struct House {
    site: Site,
    app: Option<App>,
    finished: bool,
}

impl Deref for House {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.site
    }
}

impl House {
    /// Everything started, on 2 March 2026 at nine.
    pub(crate) async fn open() -> Self {
        Self::of(Site::new(Clock::turned("2026-03-02T09:00:00Z".parse().unwrap())).await).await
    }

    /// guestpass started in the surroundings of `site`.
    pub(crate) async fn of(site: Site) -> Self {
        let mut house = Self { site, app: None, finished: false };
        house.start().await;
        house
    }

    pub(crate) async fn start(&mut self) {
        self.app = Some(self.run(&self.site.config()).await);
    }

    async fn run(&self, config: &Path) -> App {
        let mut mistakes = Mistakes::default();
        let config = Config::load(config, &mut mistakes);
        let mut config = config.unwrap_or_else(|| panic!("{mistakes}"));
        config.look_every = LOOK_EVERY;
        let bind = |entry| Listener::bind(entry, config.tls.as_ref()).unwrap();
        let listeners = config.listen.iter().map(bind).collect();
        App::start(config, listeners, self.site.clock.clone()).await.unwrap()
    }

    /// Another gateway on the same store, by the same clock, in this process, too.
    pub(crate) async fn beside(&self) -> Beside {
        let (front, reserved) = self.site.configure_replica();
        let app = self.run(&self.site.folder().join("replica.yaml")).await;
        Beside { app, front, _reserved: reserved }
    }

    pub(crate) async fn stop(&mut self) {
        self.app.take().unwrap().stop().await;
    }

    /// Stops guestpass as SIGTERM does: announced.
    pub(crate) async fn leave(&mut self) {
        self.app().announce().await;
        self.stop().await;
    }

    /// How far it is on its way out.
    pub(crate) fn drain(&self) -> Drain {
        self.app().drain().clone()
    }

    /// Stops guestpass and starts it again, with the same store and the files as they are now.
    pub(crate) async fn restart(&mut self) {
        self.stop().await;
        self.start().await;
    }

    /// A restart on a machine whose clock has been set to `now`.
    pub(crate) async fn restart_at(&mut self, now: Timestamp) {
        self.stop().await;
        self.site.clock = Clock::turned(now);
        self.start().await;
    }

    pub(crate) fn app(&self) -> &App {
        self.app.as_ref().unwrap()
    }

    pub(crate) fn turn(&self, by: SignedDuration) {
        self.clock.advance(by);
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser::new(self.clock.clone()).unwrap()
    }

    /// Opens `url` in `browser` and signs in as `person`, who is asked at the provider.
    pub(crate) async fn sign_in(&self, browser: &Browser, url: &str, person: &str) -> Answer {
        let asked = browser.get(url).await.unwrap();
        assert!(
            asked.url.as_str().starts_with(&self.provider_url),
            "not asked to sign in: {} {}",
            asked.url,
            asked.text
        );
        browser.post_form(asked.url.as_str(), &[("person", person)]).await.unwrap()
    }

    /// A browser in which `person` has signed in and sees Notes.
    pub(crate) async fn guest(&self, person: &str) -> Browser {
        let browser = self.browser();
        let answer = self.sign_in(&browser, &self.notes_url, person).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        browser
    }

    /// What a script on a page of Notes gets: status, and the reason if it is refused.
    pub(crate) async fn knock(&self, browser: &Browser) -> (u16, String) {
        let answer = browser.xhr(&self.notes_url).await.unwrap();
        let problem: Value = serde_json::from_str(&answer.text).unwrap_or_default();
        (answer.status.as_u16(), problem["reason"].as_str().unwrap_or_default().to_owned())
    }

    /// The accounts that Notes has.
    pub(crate) async fn accounts(&self) -> Vec<Account> {
        self.notes.accounts().await.unwrap()
    }

    /// The one account that Notes has.
    pub(crate) async fn account(&self) -> Account {
        let accounts = self.accounts().await;
        <[Account; 1]>::try_from(accounts).unwrap_or_else(|accounts| panic!("{accounts:?}"))[0].clone()
    }

    /// Waits until Notes has one account, and that is as `so` says.
    pub(crate) async fn account_becomes(&self, so: impl Fn(&Account) -> bool) -> Account {
        soon(|| async {
            let accounts = self.accounts().await;
            assert!(accounts.len() < 2, "{accounts:?}");
            accounts.into_iter().find(&so)
        })
        .await
    }

    /// The accounts that guestpass keeps.
    pub(crate) async fn kept(&self) -> Vec<AccountRow> {
        self.app().store().account_rows(None, None, 1000).await.unwrap()
    }

    /// The grants that `person` holds or held.
    pub(crate) async fn grants(&self, person: &str) -> Vec<GrantRow> {
        let grants = self.app().store().grant_rows(None, 1000).await.unwrap();
        grants.into_iter().filter(|grant| grant.person == format!("{person}@demo")).collect()
    }

    /// Waits until nothing is due in any target.
    pub(crate) async fn settled(&self) {
        soon(|| async { self.kept().await.iter().all(|account| account.due.is_none()).then_some(()) }).await;
    }

    /// The record from the beginning, one line an event: its name, then what it names.
    pub(crate) async fn record(&self) -> Vec<String> {
        let rows = self.app().store().audit(0, 1000).await.unwrap();
        rows.iter().map(|row| in_a_line(&row.leaf["what"])).collect()
    }

    /// Ends the test: nothing may be left to do.
    pub(crate) async fn finish(mut self) {
        self.settled().await;
        self.end().await;
    }

    /// Ends a test that shows accounts which cannot be settled.
    pub(crate) async fn end(&mut self) {
        self.finished = true;
        if let Some(app) = self.app.take() {
            app.stop().await;
        }
    }
}

impl Drop for House {
    fn drop(&mut self) {
        assert!(self.finished || std::thread::panicking(), "a test must finish its house");
    }
}

/// What an event says that stays the same from run to run.
fn in_a_line(what: &Value) -> String {
    let mut words = vec![what["event"].as_str().unwrap().to_owned()];
    for change in what["changes"].as_array().into_iter().flatten() {
        let group = change["group"].as_str().map(|group| format!(":{group}")).unwrap_or_default();
        words.push(format!("{}{group}", change["change"].as_str().unwrap()));
    }
    words.extend(
        ["app", "role", "reason", "signal"].iter().filter_map(|name| what[*name].as_str().map(str::to_owned)),
    );
    words
        .extend(["first", "stuck"].iter().filter(|name| what[**name] == true).map(|name| (*name).to_owned()));
    words.join(" ")
}

/// Asks `look` until it finds something.
pub(crate) async fn soon<T, F: Future<Output = Option<T>>>(look: impl Fn() -> F) -> T {
    let wait = async {
        loop {
            match look().await {
                Some(found) => return found,
                None => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    };
    tokio::time::timeout(SOON, wait).await.expect("it did not become so")
}
