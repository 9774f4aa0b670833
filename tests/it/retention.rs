//! What is not kept for ever: people who are gone, and events that are old.

use crate::harness::{ADA, CARLA, Database, House, OTTO, Site, guestpass, soon};
use guestpass::clock::Clock;
use http::StatusCode;
use jiff::SignedDuration;

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// A role whose accounts are deleted in the end.
const DELETED: &str = "ttl: 30d, delete-after: 10d";

/// A house that keeps things for so long, in which a sign-in lasts a day and guests have `role`.
async fn forgetful(retention: &str, role: &str) -> House {
    let site = Site::new(Clock::turned("2026-03-02T09:00:00Z".parse().unwrap())).await;
    let settings = format!("session: {{ length: 1d }}\nretention: {retention}");
    site.change("guestpass.yaml", "session: { length: 400d }", &settings);
    site.change("policies/notes.yaml", "ttl: 30d", role);
    House::of(site).await
}

/// Turns the clock, and waits until what follows from that is done.
async fn later(house: &House, days: i32, event: &str) {
    house.turn(DAY * days);
    soon(|| async { house.record().await.iter().any(|line| line.starts_with(event)).then_some(()) }).await;
    house.settled().await;
}

/// Waits until so many people are.
async fn forgotten(house: &House, number: usize) {
    soon(|| async {
        let record = house.record().await;
        (record.iter().filter(|line| *line == "person_forgotten").count() == number).then_some(())
    })
    .await;
}

async fn exported(house: &House, name: &str) -> String {
    let (config, file) = (house.config(), house.folder().join(name));
    let words = ["export", file.to_str().unwrap(), "--config", config.to_str().unwrap()];
    let said = guestpass(&words).await;
    assert_eq!(said.code, 0, "{}", said.err);
    std::fs::read_to_string(file).unwrap()
}

/// Whether a text names somebody: as a word, since what is random may hold a few letters of anything.
fn knows(text: &str, name: &str) -> bool {
    text.split(|letter: char| !letter.is_alphanumeric() && !"-_".contains(letter)).any(|word| word == name)
}

/// The head of the record, and that it goes on from what was `noted`.
async fn verified(house: &House, noted: Option<&str>) -> Result<String, String> {
    let config = house.config();
    let mut words = vec!["audit", "verify", "--config", config.to_str().unwrap()];
    words.extend(noted.into_iter().flat_map(|noted| ["--noted", noted]));
    let said = guestpass(&words).await;
    if said.code == 0 { Ok(said.out.trim().to_owned()) } else { Err(said.err) }
}

#[tokio::test]
async fn who_is_gone_for_long_is_forgotten_and_begins_no_new_life() {
    let house = forgetful("{ people: 90d }", DELETED).await;
    house.guest(CARLA).await;
    house.sign_in(&house.browser(), &house.notes_url, OTTO).await;
    let told = exported(&house, "before").await;
    assert!(knows(&told, CARLA) && knows(&told, "carla"), "nothing to forget");
    later(&house, 31, "access_ended").await;
    later(&house, 11, "account_changed gone").await;
    assert!(house.accounts().await.is_empty());
    // Ninety days after her end, not after she was last here: he is forgotten before.
    house.turn(DAY * 77);
    forgotten(&house, 1).await;
    assert_eq!(house.app().store().people(None, 10).await.unwrap().len(), 1);
    house.turn(DAY * 2);
    forgotten(&house, 2).await;

    let told = exported(&house, "after").await;
    for name in [CARLA, OTTO, "carla", "Carla"] {
        assert!(!knows(&told, name), "{name} is still known");
    }
    let store = house.app().store();
    assert!(store.people(None, 10).await.unwrap().is_empty());
    let record = store.audit(0, 1000).await.unwrap();
    assert!(record.iter().all(|event| event.person.is_none()));
    assert!(
        record.iter().filter(|event| event.leaf["person"].is_string()).all(|event| event.sealed.is_none())
    );
    let noted = verified(&house, None).await.unwrap();

    // Her thirty days are over, whoever remembers her.
    let answer = house.sign_in(&house.browser(), &house.notes_url, CARLA).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.text.contains("ended on"), "{}", answer.text);
    assert_eq!(house.grants(CARLA).await.len(), 2);
    assert_eq!(house.app().store().people(None, 10).await.unwrap().len(), 1);
    assert!(house.accounts().await.is_empty());
    let record = house.app().store().audit(0, 1000).await.unwrap();
    let came = record.iter().rfind(|event| event.leaf["what"]["event"] == "sign_in_refused").unwrap();
    assert_eq!(came.person.as_deref(), Some("c-17@demo"));
    assert_eq!(came.sealed.as_ref().unwrap()["personal"]["subject"]["sub"], CARLA);
    verified(&house, Some(&noted)).await.unwrap();
    house.finish().await;
}

#[tokio::test]
async fn who_was_shut_out_stays_out_however_long_ago_that_was() {
    let house = forgetful("{ people: 90d }", DELETED).await;
    house.guest(CARLA).await;
    let person = house.app().store().find_identities("demo", CARLA).await.unwrap().remove(0);
    house.operator().orders("/people/c-17@demo/revoke", serde_json::json!({})).await;
    later(&house, 11, "account_changed disabled").await;
    later(&house, 40, "account_changed gone").await;
    later(&house, 100, "person_forgotten").await;
    let answer = house.sign_in(&house.browser(), &house.notes_url, CARLA).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let again = house.app().store().find_identities("demo", CARLA).await.unwrap().remove(0);
    assert_eq!((again.id, again.user, again.revoked), (person.id, person.user, again.revoked));
    assert!(again.revoked.is_some());
    house.finish().await;
}

#[tokio::test]
async fn who_has_access_or_an_account_is_remembered() {
    let house = forgetful("{ people: 90d }", "ttl: 30d").await;
    house.guest(CARLA).await;
    later(&house, 31, "account_changed disabled").await;
    house.turn(DAY * 200);
    house.settled().await;
    assert_eq!(house.app().store().people(None, 10).await.unwrap().len(), 1);
    assert!(!house.record().await.contains(&"person_forgotten".to_owned()));
    house.finish().await;
}

#[tokio::test]
async fn nothing_is_kept_of_sign_ins_that_are_over_for_long() {
    let house = forgetful("{}", "ttl: 300d").await;
    house.guest(CARLA).await;
    house.settled().await;
    house.turn(DAY);
    assert_eq!(house.operator().asks("/sessions").await.as_array().unwrap().len(), 1, "seen for a day");
    later(&house, 2, "sign_ins_forgotten").await;
    let record = house.app().store().audit(0, 1000).await.unwrap();
    let told = record.iter().find(|event| event.leaf["what"]["event"] == "sign_ins_forgotten").unwrap();
    assert_eq!(told.leaf["what"]["sign_ins"], 1);
    assert_eq!(house.knock(&house.guest(CARLA).await).await.0, 200);
    house.finish().await;
}

#[tokio::test]
async fn what_is_left_of_the_record_proves_itself() {
    let mut house = forgetful("{ audit: 400d }", DELETED).await;
    house.guest(ADA).await;
    house.settled().await;
    let noted = verified(&house, None).await.unwrap();
    let before = house.record().await.len();
    later(&house, 402, "record_pruned").await;
    let kept = house.app().store().audit(0, 1000).await.unwrap();
    assert!(kept.iter().all(|event| event.at > "2027-01-01T00:00:00Z".parse().unwrap()));
    let pruned =
        &kept.iter().find(|event| event.leaf["what"]["event"] == "record_pruned").unwrap().leaf["what"];
    assert_eq!(format!("{before}:{}", pruned["root"].as_str().unwrap()), noted);
    assert_eq!((&pruned["events"], &pruned["size"]), (&before.into(), &before.into()));

    let early = noted.replacen(&before.to_string(), &(before - 1).to_string(), 1);
    assert!(verified(&house, Some(&early)).await.unwrap_err().contains("were pruned since"));
    house.settled().await;
    house.end().await;
    let later_noted = verified(&house, Some(&noted)).await.unwrap();

    // It goes along wherever the store goes.
    exported(&house, "export").await;
    let elsewhere = Database::new(house.folder(), "elsewhere.db").await;
    house.change("guestpass.yaml", &house.database.setting(), &elsewhere.setting());
    let (config, file) = (house.config(), house.folder().join("export"));
    let words = ["import", file.to_str().unwrap(), "--config", config.to_str().unwrap()];
    assert_eq!(guestpass(&words).await.code, 0);
    assert_eq!(verified(&house, Some(&noted)).await, Ok(later_noted.clone()));
    house.start().await;
    house.guest(ADA).await;
    assert_ne!(verified(&house, Some(&later_noted)).await.unwrap(), later_noted);
    house.finish().await;
}

#[tokio::test]
async fn nothing_is_let_go_of_by_a_slip_of_the_pen() {
    let site = Site::new(Clock::system()).await;
    site.change("guestpass.yaml", "workers: 2", "workers: 2\nretention: { audit: 40m, people: 90d }");
    let said = guestpass(&["check", "--config", site.config().to_str().unwrap()]).await;
    assert_eq!(said.code, 1);
    assert!(
        said.err.contains("that is less than a day") && said.err.contains("guestpass.yaml:"),
        "{}",
        said.err
    );
}
