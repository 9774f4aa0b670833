//! The keys that seal and that sign are changed while guestpass runs, and nobody notices.

use crate::browsers::verified;
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

#[tokio::test]
async fn another_key_signs_once_apps_know_it_and_the_one_before_is_known_as_long_as_it_matters() {
    let house = House::open().await;
    let carla = house.guest(CARLA).await;
    let published = async || {
        let keys = house.browser().get(&format!("{}/.well-known/jwks.json", house.access_url)).await.unwrap();
        let keys: serde_json::Value = serde_json::from_str(&keys.text).unwrap();
        let kids = keys["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned());
        kids.collect::<Vec<_>>()
    };
    let [first] = published().await.try_into().unwrap();
    house.operator().orders("/keys/rotate", serde_json::json!({})).await;
    let both = published().await;
    assert_eq!((both.len(), &both[0]), (2, &first));
    assert_eq!(house.operator().tries("/keys/rotate", serde_json::json!({})).await.0, 422);
    let signs = async || {
        let keys = house.operator().asks("/keys").await;
        let signs =
            keys.as_array().unwrap().iter().find(|key| key["state"] == "signs").unwrap()["kid"].clone();
        signs.as_str().unwrap().to_owned()
    };
    assert_eq!(signs().await, first);
    for minutes in [0, 29, 2, 28, 2] {
        house.turn(jiff::SignedDuration::from_mins(minutes));
        let told = carla.get(&house.echo_url).await.unwrap().text;
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        let headers = told["headers"].as_array().unwrap();
        let assertion = headers.iter().find(|pair| pair[0] == "guestpass-assertion").unwrap();
        verified(&house, assertion[1].as_str().unwrap(), "echo").await.unwrap();
    }
    assert_eq!((signs().await, published().await), (both[1].clone(), vec![both[1].clone()]));
    assert!(house.record().await.contains(&"signing_key_added".to_owned()));
    house.finish().await;
}
