//! The files change, and what runs goes by them: without a connection or a session lost, and never by half of them.

use crate::harness::{ADA, CARLA, Hand, House, Mood, Process, Site, guestpass, soon};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::get;
use futures_util::{SinkExt, StreamExt, stream};
use guestpass::clock::Clock;
use guestpass::seal::random_text;
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};
use tokio_tungstenite::{WebSocketStream, accept_async, client_async};

const CONFIG: &str = "guestpass.yaml";
const POLICY: &str = "policies/notes.yaml";

/// Loads the files as they are now; what came of it.
async fn reload(site: &Site) -> Value {
    let (status, reloaded) = site.operator().tries("/reload", json!({})).await;
    assert_eq!(status, 200, "{reloaded}");
    reloaded
}

/// Loads the files as they are now, which are right.
async fn applied(site: &Site) {
    let reloaded = reload(site).await;
    assert_eq!(reloaded["applied"], true, "{}", reloaded["report"]);
}

/// Waits until the files, as they are now, are what holds (1) or not (0), by themselves.
async fn valid_becomes(site: &Site, valid: f64) {
    soon(|| async { (site.counted("guestpass_config_valid").await == Some(valid)).then_some(()) }).await;
}

async fn reloads(site: &Site, outcome: &str) -> f64 {
    let name = format!("guestpass_config_reloads_total{{outcome=\"{outcome}\"}}");
    site.counted(&name).await.unwrap()
}

/// A site with a further app `chat`, whose WebSockets echo; `echo` has downloads that wait for `go_on`.
async fn site_that_streams(go_on: &Arc<Notify>) -> Site {
    let site = Site::new(Clock::turned("2026-03-02T09:00:00Z".parse().unwrap())).await;
    let chat = echo_sockets().await;
    let app = format!("apps:\n  chat: {{ host: chat.localhost, upstream: \"http://{chat}\" }}\n");
    site.change(CONFIG, "apps:\n", &app);
    site.change(POLICY, "echo: {}", "echo: {}, chat: {}");
    let go_on = go_on.clone();
    let download = move || {
        let go_on = go_on.clone();
        let steps = stream::iter(["one\n", "two\n"]).then(move |step| {
            let go_on = go_on.clone();
            async move {
                if step == "two\n" {
                    go_on.notified().await;
                }
                Ok::<_, std::io::Error>(Bytes::from(step))
            }
        });
        async move { Body::from_stream(steps) }
    };
    let router =
        Router::new().route("/download", get(download.clone())).route("/public/download", get(download));
    site.echo.becomes(router.fallback(|| async { "echo" }));
    site
}

async fn echo_sockets() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut socket = accept_async(stream).await.unwrap();
                while let Some(Ok(message)) = socket.next().await {
                    if message.is_text() && socket.send(message).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// Signs `person` in at `url`; the cookie of the session there.
async fn cookie(site: &Site, url: &str, person: &str) -> String {
    let mut hand = Hand::new();
    let (asked, _) = hand.follow(url, &site.provider_url).await;
    let back = hand.choose(&asked, person).await;
    hand.follow(&back, "nowhere").await;
    format!("guestpass={}", hand.cookies_at(url)["guestpass"])
}

/// One connection that is kept alive.
struct Line(BufReader<TcpStream>);

impl Line {
    async fn to(site: &Site) -> Self {
        Self(BufReader::new(TcpStream::connect(site.front).await.unwrap()))
    }

    /// Sends a request and reads the head of its answer.
    async fn begins(&mut self, host: &str, path: &str, cookie: &str) -> (u16, usize) {
        let cookie = if cookie.is_empty() { String::new() } else { format!("cookie: {cookie}\r\n") };
        let request = format!("GET {path} HTTP/1.1\r\nhost: {host}.localhost\r\n{cookie}\r\n");
        self.0.write_all(request.as_bytes()).await.unwrap();
        let (mut status, mut length) = (0, 0);
        loop {
            let mut line = String::new();
            assert!(self.0.read_line(&mut line).await.unwrap() > 0, "the connection was closed");
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                return (status, length);
            }
            if let Some(said) = line.strip_prefix("http/1.1 ") {
                status = said[..3].parse().unwrap();
            } else if let Some(said) = line.strip_prefix("content-length: ") {
                length = said.parse().unwrap();
            }
        }
    }

    /// Sends a request and reads the whole answer, which says how long it is.
    async fn asks(&mut self, host: &str, path: &str, cookie: &str) -> u16 {
        let (status, length) = self.begins(host, path, cookie).await;
        self.0.read_exact(&mut vec![0; length]).await.unwrap();
        status
    }

    /// Reads until `text` has come.
    async fn hears(&mut self, text: &str) {
        let mut line = String::new();
        while !line.ends_with(text) {
            assert!(self.0.read_line(&mut line).await.unwrap() > 0, "{line:?} came before the end");
        }
    }

    /// Reads until the connection ends, and says what came.
    async fn rest(mut self) -> String {
        let mut rest = Vec::new();
        // A reset is an end, too.
        let _ = self.0.read_to_end(&mut rest).await;
        String::from_utf8(rest).unwrap()
    }
}

/// A WebSocket that `cookie` opens in chat.
async fn socket(site: &Site, cookie: &str) -> WebSocketStream<TcpStream> {
    let mut request = format!("ws://chat.localhost:{}/", site.front.port()).into_client_request().unwrap();
    request.headers_mut().insert("cookie", cookie.parse().unwrap());
    client_async(request, TcpStream::connect(site.front).await.unwrap()).await.unwrap().0
}

async fn echoes(socket: &mut WebSocketStream<TcpStream>, text: &str) -> bool {
    socket.send(Message::text(text)).await.is_ok()
        && matches!(socket.next().await, Some(Ok(Message::Text(heard))) if heard.as_str() == text)
}

/// Waits until a WebSocket has ended.
async fn is_closed(mut socket: WebSocketStream<TcpStream>) {
    let ends = async { while let Some(Ok(_)) = socket.next().await {} };
    timeout(Duration::from_secs(10), ends).await.expect("it goes on");
}

#[tokio::test]
async fn what_is_under_way_goes_on_and_the_next_request_sees_what_is_new() {
    let go_on = Arc::new(Notify::new());
    let house = House::of(site_that_streams(&go_on).await).await;
    let (in_echo, in_chat) =
        (cookie(&house, &house.echo_url, CARLA).await, cookie(&house, &chat(&house), CARLA).await);
    let (mut line, mut download) = (Line::to(&house).await, Line::to(&house).await);
    assert_eq!(line.asks("echo", "/open", "").await, 401);
    assert_eq!(line.asks("echo", "/", &in_echo).await, 200);
    assert_eq!(download.begins("echo", "/download", &in_echo).await.0, 200);
    download.hears("one\n").await;
    let mut chatting = socket(&house, &in_chat).await;
    assert!(echoes(&mut chatting, "before").await);

    let before = reloads(&house, "applied").await;
    house.change(CONFIG, "/public: public", "/public: public, /open: public");
    house.change(CONFIG, "title: Notes", "title: Notebook");
    soon(|| async { (reloads(&house, "applied").await > before).then_some(()) }).await;

    soon(|| async { (Line::to(&house).await.asks("echo", "/open", "").await == 200).then_some(()) }).await;
    assert_eq!(line.asks("echo", "/open", "").await, 200, "the same connection");
    assert_eq!(line.asks("echo", "/", &in_echo).await, 200, "the same session");
    assert!(echoes(&mut chatting, "after").await);
    go_on.notify_waiters();
    download.hears("two\n").await;
    let page = house.guest(CARLA).await.get(&house.access_url).await.unwrap();
    assert!(page.text.contains("Notebook"), "{}", page.text);
    house.finish().await;
}

fn chat(site: &Site) -> String {
    site.echo_url.replace("echo", "chat")
}

#[tokio::test]
async fn a_stricter_rule_holds_at_once_for_connections_streams_and_tunnels_that_are_open() {
    let go_on = Arc::new(Notify::new());
    let house = House::of(site_that_streams(&go_on).await).await;
    let (in_echo, in_chat) =
        (cookie(&house, &house.echo_url, CARLA).await, cookie(&house, &chat(&house), CARLA).await);
    let adas = cookie(&house, &chat(&house), ADA).await;
    let (mut line, mut download, mut public) =
        (Line::to(&house).await, Line::to(&house).await, Line::to(&house).await);
    assert_eq!(line.asks("echo", "/", &in_echo).await, 200);
    assert_eq!(download.begins("echo", "/download", &in_echo).await.0, 200);
    download.hears("one\n").await;
    assert_eq!(public.begins("echo", "/public/download", "").await.0, 200);
    public.hears("one\n").await;
    let (carlas, mut adas) = (socket(&house, &in_chat).await, socket(&house, &adas).await);

    house.change(CONFIG, "routes: { /public: public, ", "routes: { /: { roles: [writer] }, ");
    house.change(
        CONFIG,
        "host: chat.localhost,",
        "host: chat.localhost, routes: { /: { roles: [writer] } },",
    );
    applied(&house).await;
    assert_eq!(line.asks("echo", "/", &in_echo).await, 403);
    assert!(!download.rest().await.contains("two"));
    assert!(!public.rest().await.contains("two"));
    is_closed(carlas).await;
    assert!(echoes(&mut adas, "she is a writer").await);
    house.finish().await;
}

#[tokio::test]
async fn what_is_open_ends_where_its_host_leads_to_another_app() {
    let house = House::of(site_that_streams(&Arc::default()).await).await;
    let in_chat = cookie(&house, &chat(&house), CARLA).await;
    let mut chatting = socket(&house, &in_chat).await;
    assert!(echoes(&mut chatting, "before").await);
    let other = format!("  other: {{ host: chat.localhost, upstream: \"http://{}\" }}\n", house.echo.address);
    house.change(CONFIG, "apps:\n", &format!("apps:\n{other}"));
    house.change(CONFIG, "chat: { host: chat.localhost,", "chat: { host: talk.localhost,");
    applied(&house).await;
    is_closed(chatting).await;
    house.finish().await;
}

#[tokio::test]
async fn what_is_open_ends_where_a_certificate_is_asked_for_that_its_client_has_not_shown() {
    let house = House::of(site_that_streams(&Arc::default()).await).await;
    let in_echo = cookie(&house, &house.echo_url, CARLA).await;
    let (mut download, mut public) = (Line::to(&house).await, Line::to(&house).await);
    assert_eq!(download.begins("echo", "/download", &in_echo).await.0, 200);
    assert_eq!(public.begins("echo", "/public/download", "").await.0, 200);
    download.hears("one\n").await;
    public.hears("one\n").await;
    house.change(CONFIG, "host: echo.localhost", "host: echo.localhost\n    client-certificate: true");
    applied(&house).await;
    for line in [download, public] {
        let rest = timeout(Duration::from_secs(10), line.rest()).await.expect("it goes on");
        assert!(!rest.contains("two"), "{rest}");
    }
    house.finish().await;
}

#[tokio::test]
async fn what_an_observed_app_lets_pass_ends_when_it_is_enforced_and_not_before() {
    let house = House::of(site_that_streams(&Arc::default()).await).await;
    let (observed, enforced) = ("chat.localhost, enforce: false,", "chat.localhost,");
    house.change(CONFIG, enforced, observed);
    applied(&house).await;
    let mut nobodys = socket(&house, "nothing=here").await;
    assert!(echoes(&mut nobodys, "who is there?").await);
    let in_chat = {
        let url = format!("{}/.guestpass/start?to=/", chat(&house));
        cookie(&house, &url, CARLA).await
    };
    let mut carlas = socket(&house, &in_chat).await;
    house.turn(SignedDuration::from_hours(24 * 31));
    house.change(CONFIG, "title: Notes", "title: Notebook");
    applied(&house).await;
    assert!(echoes(&mut nobodys, "still here").await);
    assert!(echoes(&mut carlas, "mine has ended, and goes on").await);
    house.change(CONFIG, observed, enforced);
    applied(&house).await;
    is_closed(nobodys).await;
    is_closed(carlas).await;
    house.finish().await;
}

#[tokio::test]
async fn an_app_that_is_taken_out_is_unknown_and_its_tunnels_end() {
    let house = House::of(site_that_streams(&Arc::default()).await).await;
    let (in_echo, in_chat) =
        (cookie(&house, &house.echo_url, CARLA).await, cookie(&house, &chat(&house), CARLA).await);
    let mut line = Line::to(&house).await;
    assert_eq!(line.asks("echo", "/", &in_echo).await, 200);
    let mut chatting = socket(&house, &in_chat).await;
    assert!(echoes(&mut chatting, "before").await);

    house.change(CONFIG, "  chat:", "  gone:");
    house.change(CONFIG, "chat.localhost", "gone.localhost");
    house.change(POLICY, ", chat: {}", "");
    applied(&house).await;
    is_closed(chatting).await;
    assert_eq!(line.asks("chat", "/", &in_chat).await, 421);
    assert_eq!(line.asks("echo", "/", &in_echo).await, 200);
    house.finish().await;
}

#[tokio::test]
async fn a_mistake_keeps_what_held_and_is_told_until_it_is_mended() {
    let house = House::open().await;
    let carla = house.guest(CARLA).await;
    carla.get(&house.echo_url).await.unwrap();
    let example = "examples:
  - when: { provider: demo, claims: { sub: c-17, groups: [guests] } }
    expect: { roles: [writer] }
";
    let policy = std::fs::read_to_string(house.folder().join(POLICY)).unwrap();
    let mistakes = [
        (CONFIG, "host: echo.localhost", "host: echo.localhost\n    colour: red", "unknown key \"colour\""),
        (CONFIG, "apps:", "apps: [", "guestpass.yaml"),
        (CONFIG, "host: echo.localhost", "host: notes.localhost", "is taken by"),
        (CONFIG, "${file:client-secret}", "${file:elsewhere}", "elsewhere cannot be read"),
        (POLICY, "echo: {}", "ekho: {}", "unknown app \"ekho\""),
        (POLICY, policy.as_str(), &format!("{policy}{example}"), "roles: expected writer, got guest"),
    ];
    for (file, from, to, told) in mistakes {
        let right = std::fs::read_to_string(house.folder().join(file)).unwrap();
        let (applied, refused) = (reloads(&house, "applied").await, reloads(&house, "refused").await);
        house.change(file, from, to);
        valid_becomes(&house, 0.0).await;
        assert!(reloads(&house, "refused").await > refused, "{told}");
        let report = reload(&house).await;
        assert_eq!(report["applied"], false);
        assert!(report["report"].as_str().unwrap().contains(told), "{}", report["report"]);
        assert_eq!(house.knock(&carla).await.0, 200, "{told}");
        assert_eq!(carla.xhr(&house.echo_url).await.unwrap().status, StatusCode::OK, "{told}");
        assert_eq!(house.guest(CARLA).await.xhr(&house.notes_url).await.unwrap().status, StatusCode::OK);

        house.write(file, &right);
        valid_becomes(&house, 1.0).await;
        assert!(reloads(&house, "applied").await > applied, "{told}");
    }
    house.finish().await;
}

#[tokio::test]
async fn whatever_file_is_taken_away_nothing_opens() {
    let house = House::open().await;
    let carla = house.guest(CARLA).await;
    carla.get(&house.echo_url).await.unwrap();
    house.settled().await;
    for file in [CONFIG, POLICY, "key", "client-secret", "scim-token"] {
        let (path, aside) = (house.folder().join(file), house.folder().join("aside"));
        std::fs::rename(&path, &aside).unwrap();
        valid_becomes(&house, 0.0).await;
        assert_eq!(house.knock(&carla).await.0, 200, "{file}");
        assert_eq!(house.knock(&house.browser()).await, (401, "sign_in_needed".to_owned()), "{file}");
        let staff = carla.xhr(&format!("{}/staff", house.echo_url)).await.unwrap();
        assert_eq!(staff.status, StatusCode::FORBIDDEN, "{file}");
        let outsider = house.sign_in(&house.browser(), &house.notes_url, crate::harness::OTTO).await;
        assert_eq!(outsider.status, StatusCode::FORBIDDEN, "{file}");
        std::fs::rename(&aside, &path).unwrap();
        valid_becomes(&house, 1.0).await;
    }
    house.finish().await;
}

#[tokio::test]
async fn a_client_secret_is_changed_while_people_are_signing_in() {
    let house = House::open().await;
    house.guest(CARLA).await;
    let browser = house.browser();
    let asked = browser.get(&house.notes_url).await.unwrap();
    let secret = random_text();
    house.provider_expects(&secret);
    let refused = house.sign_in(&house.browser(), &house.notes_url, CARLA).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.text.contains("provider_refused"), "{}", refused.text);

    house.write("client-secret", &secret);
    applied(&house).await;
    let answer = browser.post_form(asked.url.as_str(), &[("person", CARLA)]).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK, "who was on the way comes back: {}", answer.text);
    house.finish().await;
}

#[tokio::test]
async fn a_new_token_is_tried_at_once_where_the_old_one_was_rejected() {
    let house = House::open().await;
    house.write("scim-token", &random_text());
    applied(&house).await;
    let browser = house.browser();
    house.sign_in(&browser, &house.notes_url, CARLA).await;
    soon(|| async { house.kept().await.iter().any(|account| account.state == "stuck").then_some(()) }).await;
    assert_eq!(house.counted(r#"guestpass_accounts{app="notes",state="stuck"}"#).await, Some(1.0));
    assert_eq!(house.accounts().await, []);

    // The clock stands still: no retry would come by itself.
    house.write("scim-token", &house.scim_token);
    house.settled().await;
    assert_eq!(house.knock(&browser).await.0, 200);
    assert!(house.account().await.active);
    house.finish().await;
}

#[tokio::test]
async fn a_target_that_did_not_change_is_not_disturbed() {
    let house = House::open().await;
    house.scim.is(Mood::Answers(503));
    let browser = house.browser();
    house.sign_in(&browser, &house.notes_url, CARLA).await;
    let asked = house.scim.seen().len();
    assert!(asked > 0);
    house.change(CONFIG, "/public: public", "/public: public, /open: public");
    applied(&house).await;
    // Its retry waits for the clock, which stands still.
    assert_eq!(house.scim.seen().len(), asked);
    house.scim.is(Mood::Well);
    house.turn(SignedDuration::from_secs(10));
    house.settled().await;
    house.finish().await;
}

#[tokio::test]
async fn files_behind_links_are_followed_as_the_links_turn() {
    let site = Site::new(Clock::turned("2026-03-02T09:00:00Z".parse().unwrap())).await;
    // As Kubernetes mounts a ConfigMap: files link to a folder that is replaced as a whole.
    let at = |name: &str| site.folder().join(name);
    let policy = std::fs::read_to_string(at(POLICY)).unwrap();
    site.write("policies/..first/notes.yaml", &policy);
    site.write(
        "policies/..second/notes.yaml",
        &policy.replace("echo: {}", "echo: { groups: [] }").replace("guests", "staff, guests"),
    );
    symlink("..first", at("policies/..data")).unwrap();
    std::fs::remove_file(at(POLICY)).unwrap();
    symlink("..data/notes.yaml", at(POLICY)).unwrap();
    let house = House::of(site).await;
    let at = |name: &str| house.folder().join(name);
    let before = reloads(&house, "applied").await;
    symlink("..second", at("policies/..next")).unwrap();
    std::fs::rename(at("policies/..next"), at("policies/..data")).unwrap();
    soon(|| async { (reloads(&house, "applied").await > before).then_some(()) }).await;
    house.guest(ADA).await;
    let roles: Vec<_> = house.grants(ADA).await.iter().map(|grant| grant.role.to_string()).collect();
    assert!(roles.contains(&"guest".to_owned()), "{roles:?}");
    house.finish().await;
}

#[tokio::test]
async fn operators_hear_what_holds_what_is_wrong_and_what_waits_for_a_restart() {
    let site = Site::new(Clock::system()).await;
    let process = Process::serve(&site).await;
    let config = site.config().display().to_string();
    let said = guestpass(&["reload", "--config", &config]).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(said.err, guestpass(&["check", "--config", &config]).await.err, "warnings alone");
    assert!(said.out.contains("holds now: 1 provider, 2 apps, policy "), "{}", said.out);

    site.change(CONFIG, "workers: 2", "workers: 3");
    site.change(CONFIG, "lapse: 30d", "lapse: 31d");
    let said = guestpass(&["reload", "--config", &config]).await;
    assert_eq!(said.code, 0);
    assert!(said.out.contains("`workers` was changed, too; that takes a restart."), "{}", said.out);

    site.change(CONFIG, "lapse: 31d", "lapse: soon");
    site.change(POLICY, "echo: {}", "ekho: {}");
    let (checked, said) =
        (guestpass(&["check", "--config", &config]).await, guestpass(&["reload", "--config", &config]).await);
    assert_eq!((said.code, &*said.out), (1, ""));
    assert_eq!(said.err, checked.err);
    assert!(
        said.err.contains("did you mean \"echo\"?") && said.err.contains("Nothing was changed."),
        "{}",
        said.err
    );
    let json = guestpass(&["reload", "--json", "--config", &config]).await;
    let told: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((json.code, &told["applied"]), (1, &Value::Bool(false)));
    assert_eq!(
        (&told["mistakes"][0]["line"], &told["mistakes"][0]["severity"]),
        (&7.into(), &"error".into())
    );
    let logged = process.log();
    for words in ["guestpass.yaml:7:8: ", "unknown app \"ekho\"", "did you mean", "what held goes on"] {
        assert!(logged.contains(words), "{logged}");
    }
    assert!(logged.contains("`workers` was changed, too, and waits for a restart"), "{logged}");
    assert_eq!(process.stop().await, 0);
}

#[tokio::test]
async fn a_hangup_means_now() {
    let site = Site::new(Clock::system()).await;
    let process = Process::serve(&site).await;
    let (valid, before) = (1.0, reloads(&site, "applied").await);
    process.signal("HUP").await;
    soon(|| async { (reloads(&site, "applied").await > before).then_some(()) }).await;
    valid_becomes(&site, valid).await;
    assert!(process.log().contains("configuration reloaded"));
    assert_eq!(process.stop().await, 0);
}

#[tokio::test]
async fn accounts_of_an_app_that_is_taken_out_are_not_forgotten_in_silence() {
    let site = Site::new(Clock::system()).await;
    let process = Process::serve(&site).await;
    let browser = guestpass::demo::browser::Browser::new(Clock::system()).unwrap();
    let asked = browser.get(&site.notes_url).await.unwrap();
    browser.post_form(asked.url.as_str(), &[("person", CARLA)]).await.unwrap();
    let active = r#"guestpass_accounts{app="notes",state="active"}"#;
    soon(|| async { (site.counted(active).await == Some(1.0)).then_some(()) }).await;
    assert!(!process.log().contains("nobody looks after"));

    let notes = "  notes:\n    title: Notes\n    host: notes.localhost";
    site.change(CONFIG, notes, &notes.replace("notes:", "pages:"));
    site.change(POLICY, "notes: ", "pages: ");
    applied(&site).await;
    let told = "nobody looks after 1 account in notes, not disabled";
    assert_eq!(process.log().matches(told).count(), 1, "{}", process.log());
    assert_eq!(process.stop().await, 0);
    let process = Process::serve(&site).await;
    assert_eq!(process.log().matches(told).count(), 2, "{}", process.log());
    process.kill().await;
}
