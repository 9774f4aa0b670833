//! Each dialect against the fake that speaks it, with its oddities; none of the vendors' servers can run here.

use super::*;
use crate::provision::probe::{Finding, Outcome, Wishes, probe};
use serde_json::Value;

const DIALECTS: [Dialect; 7] = [
    Dialect::Generic,
    Dialect::Slack,
    Dialect::Atlassian,
    Dialect::Github,
    Dialect::Gitlab,
    Dialect::Aws,
    Dialect::Zitadel,
];
const GUEST: &str = "urn:ietf:params:scim:schemas:extension:slack:guest:2.0:User:type";

fn word(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Generic => "generic",
        Dialect::Slack => "slack",
        Dialect::Atlassian => "atlassian",
        Dialect::Github => "github",
        Dialect::Gitlab => "gitlab",
        Dialect::Aws => "aws",
        Dialect::Zitadel => "zitadel",
    }
}

async fn speaking(dialect: Dialect) -> (Fake, Scim) {
    let fake = Fake::start().await;
    fake.state().dialect = dialect;
    let scim = fake.client_of(json!({ "dialect": word(dialect) }));
    (fake, scim)
}

/// The walk of the probe, with a group and an attribute; what failed, and what the target cannot.
pub(super) async fn walked(scim: &Scim, groups: bool, attribute: &str) -> (Vec<Finding>, Vec<String>) {
    let group = Entitlement::Group("guestpass-probe".into());
    let entitlements = groups.then_some(group).into_iter().collect();
    let attributes = [(attribute.to_owned(), "Guest".to_owned())].into();
    let (mut failed, mut cannot) = (Vec::new(), Vec::new());
    let mut tell = |finding: Finding| match finding.outcome {
        Outcome::Works => {}
        Outcome::Cannot => cannot.push(finding.what),
        Outcome::Fails(_) => failed.push(finding),
    };
    let now = "2026-03-02T09:00:00Z".parse().unwrap();
    probe(scim, &Wishes { entitlements, attributes }, now, &mut tell).await;
    (failed, cannot)
}

#[tokio::test]
async fn every_dialect_passes_the_walk() {
    let walks = DIALECTS.map(async |dialect| {
        let (fake, scim) = speaking(dialect).await;
        fake.state().users.push(json!({ "id": "0", "userName": "somebody", "active": true }));
        let (failed, _) = walked(&scim, scim.server.known().groups, "title").await;
        assert!(failed.is_empty(), "{dialect:?}: {failed:?}");
        let left = fake.state().users.len();
        assert_eq!(left, if scim.abilities().delete { 1 } else { 2 }, "{dialect:?}");
    });
    futures_util::future::join_all(walks).await;
}

#[tokio::test]
async fn a_server_is_spoken_to_as_it_says_of_itself() {
    let no = json!({ "supported": false });
    let cursors = json!({ "cursor": true, "index": false });
    for (config, puts, deaf, paged) in [
        (json!({ "patch": no }), true, false, false),
        (json!({ "filter": no }), false, true, false),
        (json!({ "pagination": cursors }), false, false, true),
        (json!({ "patch": no, "filter": no, "pagination": cursors }), true, true, true),
    ] {
        let fake = Fake::start().await;
        {
            let mut state = fake.state();
            (state.puts, state.deaf, state.cursors) = (puts, deaf, paged);
            state.config = Some(config.clone());
            let others =
                (0..5).map(|number| json!({ "id": number.to_string(), "userName": format!("u-{number}") }));
            state.users.extend(others);
        }
        let (failed, _) = walked(&fake.client(), true, "title").await;
        assert!(failed.is_empty(), "{config}: {failed:?}");
        assert_eq!(fake.state().users.len(), 5);
    }
}

#[tokio::test]
async fn a_server_that_cannot_speak_of_itself_is_taken_for_able_and_asked_again() {
    let fake = Fake::start().await;
    let scim = fake.client();
    for status in [503, 401] {
        fake.next(Method::GET, Mishap::Answer(status, &[], String::new()));
        assert_eq!(scim.server.manner().await, Ok(Dialect::Generic.manner()), "{status}");
    }
    fake.state().config = Some(json!({ "patch": { "supported": false } }));
    assert_eq!(scim.server.manner().await.map(|manner| manner.update), Ok(dialect::Update::Put));
}

#[tokio::test]
async fn what_is_put_back_is_what_was_there() {
    let fake = Fake::start().await;
    fake.state().puts = true;
    let scim = fake.client_of(json!({ "capabilities": { "update": "put" } }));
    let desired = Desired::Active(profile(&["readers"], &[]));
    settle(&scim, &key(), &desired).await;
    fake.state().users[0]["nickName"] = json!("Countess");
    fake.state().users[0]["phoneNumbers"] = json!([{ "value": "1" }]);
    fake.state().groups[0]["members"].as_array_mut().unwrap().push(json!({ "value": "9", "type": "Group" }));
    assert_eq!(settle(&scim, &key(), &Desired::closed()).await, ["disable"]);
    let changed = Desired::Active(Profile { display_name: Some("Ada".into()), ..profile(&[], &["readers"]) });
    assert_eq!(settle(&scim, &key(), &changed).await, ["take readers", "update", "enable"]);
    let state = fake.state();
    assert_eq!(
        (&state.users[0]["nickName"], &state.users[0]["phoneNumbers"]),
        (&json!("Countess"), &json!([{ "value": "1" }]))
    );
    assert_eq!(state.groups[0]["members"], json!([{ "value": "9", "type": "Group" }]));
}

#[tokio::test]
async fn whoever_was_quicker_is_not_overwritten() {
    let fake = Fake::start().await;
    fake.state().puts = true;
    let scim = fake.client_of(json!({ "capabilities": { "update": "put" } }));
    settle(&scim, &key(), &Desired::Active(profile(&[], &[]))).await;
    fake.next(Method::PUT, Mishap::Answer(412, &[], String::new()));
    let lost = scim.apply(&key(), &Step::Disable { native_id: "id/1".into() }).await;
    assert!(matches!(&lost, Err(Fault::Transient { words, .. }) if words.contains("meanwhile")), "{lost:?}");
    assert_eq!(settle(&scim, &key(), &Desired::closed()).await, ["disable"]);
}

#[tokio::test]
async fn what_an_operator_says_of_a_server_holds() {
    for capabilities in [
        json!({ "update": "patch-without-path", "booleans": "text" }),
        json!({ "removal": "replace", "one-at-a-time": true }),
        json!({ "removal": "value-list", "filters": "names" }),
        json!({ "membership": "asked", "full-names": true, "page": 1 }),
        json!({ "filters": "none" }),
    ] {
        let fake = Fake::start().await;
        let scim = fake.client_of(json!({ "capabilities": capabilities.clone() }));
        let (failed, _) = walked(&scim, true, "title").await;
        assert!(failed.is_empty(), "{capabilities}: {failed:?}");
    }
}

#[tokio::test]
async fn slack_ends_guests_by_itself_and_nobody_else() {
    let (fake, scim) = speaking(Dialect::Slack).await;
    let end: jiff::Timestamp = "2026-06-30T22:00:00Z".parse().unwrap();
    let mut guest = Profile { expires: Some(end), ..profile(&[], &[]) };
    guest.attributes.insert(GUEST.into(), "multi".into());
    assert_eq!(settle(&scim, &key(), &Desired::Active(guest.clone())).await, ["create"]);
    let (schema, _) = GUEST.rsplit_once(':').unwrap();
    let expected = json!({ "type": "multi", "expiration": "2026-06-30T22:00:01+00:00" });
    assert_eq!(fake.state().users[0][schema], expected);
    let later = Profile { expires: Some(end + SignedDuration::from_hours(24)), ..guest };
    assert_eq!(settle(&scim, &key(), &Desired::Active(later)).await, ["update"]);
    assert_eq!(fake.state().users[0][schema]["expiration"], "2026-07-01T22:00:01+00:00");

    let member = Key { external_id: "gp-2".into(), native_id: None };
    let bob = Profile { user_name: "bob".into(), expires: Some(end), ..profile(&[], &[]) };
    settle(&scim, &member, &Desired::Active(bob)).await;
    assert_eq!(fake.state().users[1].get(schema), None);
}

#[tokio::test]
async fn an_error_is_read_in_the_words_of_whoever_says_it() {
    let (fake, scim) = speaking(Dialect::Slack).await;
    let errors = json!({ "Errors": { "description": "invalid_authentication", "code": 401 } });
    fake.next(Method::POST, Mishap::Answer(401, &[], errors.to_string()));
    let refused = scim.apply(&key(), &Step::Create(profile(&[], &[]))).await;
    assert_eq!(refused, Err(Fault::AuthFailed("answers 401: invalid_authentication".into())));
    let (fake, scim) = speaking(Dialect::Github).await;
    const HASTE: &[(&str, &str)] = &[("retry-after", "60")];
    fake.next(Method::POST, Mishap::Answer(403, HASTE, String::new()));
    let haste = scim.apply(&key(), &Step::Create(profile(&[], &[]))).await;
    let minute = RetryAfter::In(SignedDuration::from_secs(60));
    assert_eq!(haste, Err(Fault::Throttled(Some(minute))));
}

#[tokio::test]
async fn gitlab_opens_again_what_it_closed_for_good() {
    let (fake, scim) = speaking(Dialect::Gitlab).await;
    let desired = Desired::Active(profile(&[], &[]));
    settle(&scim, &key(), &desired).await;
    scim.delete("id/1").await.unwrap();
    let again = scim.apply(&key(), &Step::Create(profile(&[], &[]))).await;
    assert_eq!((again, fake.state().users.len()), (Ok(Some("id/1".into())), 1));
    assert_eq!(settle(&scim, &key(), &desired).await, ["enable"]);
    let group = Step::Give { native_id: "id/1".into(), entitlement: Entitlement::Group("readers".into()) };
    let refused = scim.apply(&key(), &group).await;
    assert!(matches!(refused, Err(Fault::Refused { why: Refusal::Invalid, .. })), "{refused:?}");
}

#[test]
fn a_name_is_known_by_what_was_made_of_it() {
    for (found, name, made) in [
        ("mira-lund_corp", "mira.lund@x.example", true),
        ("mira.lund.with.a.lon", "Mira.Lund.With.A.Long.Name", true),
        ("otto", "mira@x.example", false),
        ("_", "mira", false),
        ("mira", "@x.example", false),
    ] {
        assert_eq!(is_made_of(found, name), made, "{found} of {name}");
    }
}

#[tokio::test]
async fn a_cursor_that_is_over_is_begun_anew() {
    let fake = Fake::start().await;
    fake.state().config = Some(json!({ "pagination": { "cursor": true } }));
    let users = (0..3).map(|number| json!({ "id": number.to_string(), "userName": format!("u-{number}") }));
    fake.state().users.extend(users.collect::<Vec<Value>>());
    let scim = fake.client();
    let first = scim.list(None).await.unwrap();
    let second = scim.list(first.next.as_deref()).await.unwrap();
    assert_eq!((first.accounts.len(), second.accounts.len(), second.next), (2, 1, None));
    let over = scim.list(Some("old")).await;
    assert!(matches!(over, Err(Fault::Transient { .. })), "{over:?}");
}
