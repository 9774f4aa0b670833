//! Against the receiver that the documentation shows, which is a program of its own.

use super::*;
use crate::provision::connectors::counterpart::{left_out, logged, reserve, says_nothing_of};
use crate::provision::probe::{Outcome, Wishes, probe};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream};

const RECEIVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/targets/webhook-receiver.py");
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A receiver that ends with the test.
struct Receiver {
    child: Child,
    url: String,
    _reserved: TcpSocket,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Receiver {
    /// Nothing where there is no Python, which is told.
    async fn start() -> Option<Self> {
        let (reserved, port) = reserve();
        let child = Command::new("python3")
            .args([RECEIVER, &port.to_string()])
            .env("WEBHOOK_SECRET", SECRET)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(child) = child else {
            left_out("python3 is missing");
            return None;
        };
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Some(Self { child, url: format!("http://localhost:{port}/accounts"), _reserved: reserved })
    }

    fn webhook(&self, secret: &str) -> Webhook {
        let settings = json!({ "webhook": self.url, "secret": secret, "can": ["delete", "end-sessions"] });
        Webhook::new(&serde_json::from_value(settings).unwrap(), Pace::default()).unwrap()
    }
}

fn key() -> Key {
    Key { external_id: "gp-1".into(), native_id: None }
}

#[tokio::test]
async fn the_receiver_of_the_documentation_does_all_that_it_can() {
    let Some(receiver) = Receiver::start().await else { return };
    let wishes = Wishes {
        entitlements: [Entitlement::Group("readers".into()), Entitlement::Role("editor".into())].into(),
        attributes: [("title".to_owned(), "Guest".to_owned())].into(),
    };
    let mut findings = Vec::new();
    let now = "2026-03-02T09:00:00Z".parse().unwrap();
    let good = probe(&receiver.webhook(SECRET), &wishes, now, &mut |finding| findings.push(finding)).await;
    let failed: Vec<_> = findings.iter().filter(|one| matches!(one.outcome, Outcome::Fails(_))).collect();
    assert!(good, "{failed:#?}");
    let ended = findings.iter().find(|one| one.what == "it keeps an end of its own").unwrap();
    assert_eq!(ended.outcome, Outcome::Works);
}

#[tokio::test]
async fn who_does_not_sign_as_we_do_is_told_nothing() {
    let Some(receiver) = Receiver::start().await else { return };
    let stranger = receiver.webhook("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    let refused = stranger.observe(&key(), &Desired::closed()).await;
    assert!(matches!(refused, Err(Fault::AuthFailed(_))), "{refused:?}");
}

#[tokio::test]
async fn its_secret_is_never_said_however_much_is_logged() {
    let Some(receiver) = Receiver::start().await else { return };
    const WRONG: &str = "whsec_Zm9yYmlkZGVuIGZvcmJpZGRlbiBmb3Jl";
    let said = logged(async {
        assert_eq!(receiver.webhook(SECRET).observe(&key(), &Desired::closed()).await, Ok(Actual::Absent));
        let refused = receiver.webhook(WRONG).observe(&key(), &Desired::closed()).await.unwrap_err();
        tracing::info!("{refused} {refused:?}");
    })
    .await;
    let bytes = |secret: &'static str| secret.trim_start_matches("whsec_");
    says_nothing_of(&said, &[bytes(SECRET), bytes(WRONG)]);
}

#[test]
fn what_comes_twice_has_one_id() {
    let profile = Profile { user_name: "ada".into(), ..Profile::default() };
    let id = |step: &Step| {
        let (kind, data) = told(&key(), step);
        sign::id(&[kind, &data.to_string()])
    };
    assert_eq!(id(&Step::Create(profile.clone())), id(&Step::Create(profile.clone())));
    let (enable, disable) = (Step::Enable { native_id: "7".into() }, Step::Disable { native_id: "7".into() });
    assert_ne!(id(&enable), id(&disable));
}

#[test]
fn an_account_that_says_nothing_of_its_end_keeps_none() {
    let told = |more: Value| {
        let mut account = json!({ "id": "7", "external_id": "gp-1", "active": true, "user_name": "ada" });
        account.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Told::deserialize(&account).unwrap().seen(&Desired::Absent).expires
    };
    assert_eq!(told(json!({})), Expiry::NotKept);
    assert_eq!(told(json!({ "expires": null })), Expiry::Never);
    assert!(matches!(told(json!({ "expires": "2026-03-02T09:00:01Z" })), Expiry::At(_)));
}
