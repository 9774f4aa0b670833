//! The key that seals what is kept is changed while guestpass runs, and nobody notices.

use crate::harness::{ADA, CARLA, House, Process, Site, guestpass, soon};
use guestpass::clock::Clock;
use guestpass::seal::random_text;

/// The line of the configuration that names the key.
const KEY: &str = "key: \"${file:key}\"";

#[tokio::test]
async fn another_key_logs_nobody_out_and_the_earlier_one_can_go() {
    let mut house = House::open().await;
    let carla = house.guest(CARLA).await;
    house.settled().await;
    let before = house.record().await;
    house.write("newer", &random_text());
    let both = "key: \"${file:newer}\"\nearlier-keys: [\"${file:key}\"]";
    house.change("guestpass.yaml", KEY, both);
    house.operator().orders("/reload", serde_json::json!({})).await;
    assert_eq!(house.knock(&carla).await.0, 200);
    house.guest(ADA).await;
    let earlier = std::fs::read_to_string(house.folder().join("key")).unwrap();
    assert_eq!(house.record().await[..before.len()], before, "the record can be read as before");

    soon(|| async { (house.app().store().sealed_earlier().await.unwrap() == 0).then_some(()) }).await;
    house.change("guestpass.yaml", both, "key: \"${file:newer}\"");
    house.write("key", &random_text());
    assert_ne!(std::fs::read_to_string(house.folder().join("key")).unwrap(), earlier);
    house.restart().await;
    assert_eq!(house.knock(&carla).await.0, 200);
    assert_eq!(house.record().await[..before.len()], before);
    house.finish().await;
}

#[tokio::test]
async fn a_key_that_does_not_open_what_is_sealed_is_refused() {
    let site = Site::new(Clock::system()).await;
    let process = Process::serve(&site).await;
    site.write("newer", &random_text());
    site.change("guestpass.yaml", KEY, "key: \"${file:newer}\"");
    let config = site.config().display().to_string();
    let said = guestpass(&["reload", "--config", &config]).await;
    assert!(said.code == 1 && said.err.contains("earlier-keys"), "{said:?}");
    process.kill().await;
    let said = guestpass(&["serve", "--config", &config]).await;
    assert!(said.code == 1 && said.err.contains("sealed under another key"), "{said:?}");
}
