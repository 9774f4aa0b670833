mod dialects;
mod real;

use super::super::counterpart;
use super::fake::{Fake, Mishap, State};
use super::*;
use crate::provision::connector::RetryAfter;
use crate::provision::probe::{Wishes, probe};
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::json;
use std::collections::BTreeSet;

const DEPARTMENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department";

fn key() -> Key {
    Key { external_id: "gp \"1\"+".into(), native_id: None }
}

fn profile(groups: &[&str], withdrawn: &[&str]) -> Profile {
    let attributes = [("name.givenName", "Ada"), (DEPARTMENT, "Risk"), ("title", "Guest")];
    Profile {
        user_name: "ada@x.example".into(),
        display_name: Some("Ada L".into()),
        email: Some("ada@x.example".into()),
        entitlements: Entitlement::groups(groups),
        withdrawn: Entitlement::groups(withdrawn),
        attributes: attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        expires: None,
    }
}

/// Looks and steps until no step is left; returns the steps by name.
async fn settle(scim: &Scim, key: &Key, desired: &Desired) -> Vec<String> {
    counterpart::settle(scim, key, desired).await.iter().map(counterpart::in_words).collect()
}

async fn live(as_server: fn(&mut State)) {
    let fake = Fake::start().await;
    as_server(&mut fake.state());
    let scim = fake.client();
    let desired = Desired::Active(profile(&["readers", "a \"b\""], &[]));
    assert_eq!(settle(&scim, &key(), &desired).await, ["create", "give a \"b\"", "give readers"]);
    assert_eq!(settle(&scim, &key(), &Desired::closed()).await, ["disable"]);

    let Actual::Present(seen) = scim.observe(&key(), &desired).await.unwrap() else { panic!("it is gone") };
    let known = Key { native_id: Some(seen.native_id), ..key() };
    let mut changed = profile(&["writers"], &["readers", "never"]);
    changed.attributes.insert(DEPARTMENT.into(), "Law".into());
    let steps = settle(&scim, &known, &Desired::Active(changed)).await;
    assert_eq!(steps, ["take readers", "update", "give writers", "enable"]);
    let state = fake.state();
    assert_eq!(state.users.len(), 1);
    assert_eq!(state.users[0]["active"], true);
    assert_eq!(state.users[0]["name"]["givenName"], "Ada");
    assert_eq!(state.groups.len(), 3);
}

#[tokio::test]
async fn an_account_lives_on_servers_of_every_kind() {
    live(|_| {}).await;
    live(|state| state.tells_groups = true).await;
    live(|state| state.lists_no_members = true).await;
    live(|state| (state.tells_groups, state.nameless_groups) = (true, true)).await;
    live(|state| (state.terse, state.wordy) = (true, true)).await;
}

#[tokio::test]
async fn a_lost_answer_makes_no_second_account() {
    let fake = Fake::start().await;
    let (scim, desired) = (fake.client(), Desired::Active(profile(&[], &[])));
    fake.next(Method::POST, Mishap::LoseAnswer);
    let lost = scim.apply(&key(), &Step::Create(profile(&[], &[]))).await;
    assert!(matches!(lost, Err(Fault::Unknown(_))), "{lost:?}");
    assert_eq!(settle(&scim, &key(), &desired).await, [""; 0]);
    // And a worker that looked before, and creates after.
    let again = scim.apply(&key(), &Step::Create(profile(&[], &[]))).await;
    assert_eq!(again, Ok(Some("id/1".into())));
    assert_eq!(fake.state().users.len(), 1);
}

#[tokio::test]
async fn many_at_once_make_one_account_and_one_group() {
    let fake = Fake::start().await;
    let scim = fake.client();
    let (key, desired) = (key(), Desired::Active(profile(&["readers"], &[])));
    tokio::join!(settle(&scim, &key, &desired), settle(&scim, &key, &desired), settle(&scim, &key, &desired));
    assert_eq!(fake.state().users.len(), 1);
    assert_eq!(fake.state().groups.len(), 1);
}

#[tokio::test]
async fn whoever_has_the_name_keeps_it() {
    let fake = Fake::start().await;
    let scim = fake.client();
    let stranger = json!({ "id": "7", "userName": "ada@x.example", "externalId": "theirs", "active": true });
    fake.state().users.push(stranger.clone());
    assert_eq!(scim.observe(&key(), &Desired::closed()).await, Ok(Actual::Absent));
    let refused = scim.apply(&key(), &Step::Create(profile(&[], &[]))).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "refused: an account \"ada@x.example\" exists that does not carry our external id; it is not taken over"
    );
    // An account that somebody took from us is not ours any more.
    let known = Key { native_id: Some("7".into()), ..key() };
    let refused = scim.observe(&known, &Desired::closed()).await;
    assert!(matches!(refused, Err(Fault::Refused { why: Refusal::Conflict, .. })), "{refused:?}");
    assert_eq!(fake.state().users, [stranger]);
}

#[tokio::test]
async fn what_cannot_be_told_apart_is_not_touched() {
    let fake = Fake::start().await;
    let scim = fake.client();
    for id in ["1", "2"] {
        fake.state().users.push(json!({ "id": id, "userName": id, "externalId": key().external_id }));
    }
    let twice = scim.observe(&key(), &Desired::closed()).await;
    assert!(matches!(twice, Err(Fault::Refused { why: Refusal::Conflict, .. })), "{twice:?}");
    fake.state().users[0]["externalId"] = json!("theirs");
    fake.state().deaf = true;
    let anybody = scim.observe(&key(), &Desired::closed()).await;
    assert!(matches!(anybody, Err(Fault::Refused { why: Refusal::Invalid, .. })), "{anybody:?}");
}

#[tokio::test]
async fn a_lie_is_seen_by_the_next_look() {
    let fake = Fake::start().await;
    let (scim, desired) = (fake.client(), Desired::Active(profile(&[], &[])));
    settle(&scim, &key(), &desired).await;
    fake.next(Method::PATCH, Mishap::Answer(200, &[], "{}".into()));
    scim.apply(&key(), &Step::Disable { native_id: "id/1".into() }).await.unwrap();
    assert_eq!(settle(&scim, &key(), &Desired::closed()).await, ["disable"]);
}

#[tokio::test]
async fn a_step_on_what_is_gone_is_left_to_the_next_look() {
    let fake = Fake::start().await;
    let native_id = || "gone".to_owned();
    let take = Step::Take { native_id: native_id(), entitlement: Entitlement::Group("none".into()) };
    for step in [Step::Disable { native_id: native_id() }, take, Step::Delete { native_id: native_id() }] {
        assert_eq!(fake.client().apply(&key(), &step).await, Ok(None));
    }
}

async fn fault(method: Method, status: u16, headers: &'static [(&'static str, &'static str)]) -> Fault {
    let fake = Fake::start().await;
    let error = json!({ "detail": "the s3cret\n reason" }).to_string();
    fake.next(method.clone(), Mishap::Answer(status, headers, error));
    let scim = fake.client();
    if method == Method::GET {
        scim.observe(&key(), &Desired::closed()).await.unwrap_err()
    } else {
        scim.apply(&key(), &Step::Create(profile(&[], &[]))).await.unwrap_err()
    }
}

#[tokio::test]
async fn every_refusal_has_its_meaning() {
    let said = |status: u16| format!("answers {status}: the [token] reason");
    let transient = |status| Fault::Transient { words: said(status), after: None };
    let refused = |why, status| Fault::Refused { why, words: said(status) };
    for method in [Method::GET, Method::POST] {
        assert_eq!(fault(method.clone(), 302, &[("location", "/x")]).await, refused(Refusal::Invalid, 302));
        assert_eq!(fault(method.clone(), 404, &[]).await, refused(Refusal::Invalid, 404));
        assert_eq!(fault(method.clone(), 401, &[]).await, Fault::AuthFailed(said(401)));
        assert_eq!(fault(method.clone(), 403, &[]).await, refused(Refusal::Forbidden, 403));
        assert_eq!(fault(method.clone(), 500, &[]).await, transient(500));
        assert_eq!(fault(method.clone(), 503, &[]).await, transient(503));
        assert_eq!(fault(method.clone(), 429, &[]).await, Fault::Throttled(None));
    }
    // A search that is refused is no answer: all are read instead.
    assert_eq!(fault(Method::POST, 400, &[]).await, refused(Refusal::Invalid, 400));
    assert_eq!(fault(Method::GET, 502, &[]).await, transient(502));
    assert_eq!(fault(Method::POST, 502, &[]).await, Fault::Unknown(said(502)));
    // Nobody is seen to have the name: it may be seen soon.
    assert!(matches!(fault(Method::POST, 409, &[]).await, Fault::Transient { .. }));
}

#[tokio::test]
async fn retry_after_is_read_in_both_forms() {
    let span = |secs| Fault::Throttled(Some(RetryAfter::In(SignedDuration::from_secs(secs))));
    assert_eq!(fault(Method::GET, 429, &[("retry-after", "17")]).await, span(17));
    const DATES: [(&str, &str); 2] =
        [("retry-after", "Fri, 06 Mar 2026 09:00:30 GMT"), ("date", "Fri, 06 Mar 2026 09:00:00 GMT")];
    assert_eq!(fault(Method::GET, 429, &DATES).await, span(30));
    assert_eq!(fault(Method::GET, 429, &[("retry-after", "soon")]).await, Fault::Throttled(None));
}

#[tokio::test]
async fn what_is_not_scim_is_not_believed() {
    let fake = Fake::start().await;
    let endless = format!("{{\"totalResults\": 0, \"x\": \"{}\"}}", "x".repeat(2 << 20));
    for body in [String::new(), "<html>".into(), "[]".into(), "{}".into(), endless] {
        fake.next(Method::GET, Mishap::Answer(200, &[], body));
        let seen = fake.client().observe(&key(), &Desired::closed()).await;
        assert!(matches!(seen, Err(Fault::Transient { .. })), "{seen:?}");
    }
}

#[tokio::test]
async fn a_server_is_opened_by_a_token_or_by_one_that_is_asked_for() {
    let fake = Fake::start().await;
    let oauth = json!({ "token-url": fake.token_url(), "client-id": "gp", "client-secret": "hush" });
    let written = |more: Value| {
        let mut settings = json!({ "scim": fake.token_url().join("/scim/v2").unwrap() });
        settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value::<Settings>(settings)
    };
    let settings = written(json!({ "oauth": oauth })).unwrap();
    assert!(!format!("{settings:?}").contains("hush"));
    let scim = Scim::new(&settings, Pace::default()).unwrap();
    assert_eq!(settle(&scim, &key(), &Desired::Active(profile(&["readers"], &[]))).await.len(), 2);
    for (more, wrong) in
        [(json!({}), "nothing opens the server"), (json!({ "oauth": oauth, "token": "s3cret" }), "not both")]
    {
        assert!(written(more).unwrap_err().to_string().contains(wrong));
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_has_done_nothing() {
    let settings: Settings =
        serde_json::from_value(json!({ "scim": "http://localhost:1/scim", "token": "s3cret" })).unwrap();
    assert!(!format!("{settings:?}").contains("s3cret"));
    let scim = Scim::new(&settings, Pace::default()).unwrap();
    let fault = scim.apply(&key(), &Step::Create(profile(&[], &[]))).await;
    assert!(matches!(fault, Err(Fault::Transient { .. })), "{fault:?}");
}

#[tokio::test]
async fn nobody_reads_who_else_is_in_a_group_without_need() {
    let fake = Fake::start().await;
    fake.state().tells_groups = true;
    fake.state()
        .groups
        .push(json!({ "id": "9", "displayName": "readers", "members": [{ "value": "id/0" }] }));
    let scim = fake.client();
    for (given, taken) in [(&["readers"][..], &[][..]), (&[], &["readers"])] {
        for nameless in [false, true] {
            fake.state().nameless_groups = nameless;
            settle(&scim, &key(), &Desired::Active(profile(given, taken))).await;
        }
    }
    let state = fake.state();
    assert_eq!(state.groups[0]["members"], json!([{ "value": "id/0" }]));
    assert_eq!(state.members_shown, 0);
}

#[tokio::test]
async fn groups_that_are_not_ours_stay() {
    let fake = Fake::start().await;
    fake.state().tells_groups = true;
    let scim = fake.client();
    settle(&scim, &key(), &Desired::Active(profile(&["readers"], &[]))).await;
    fake.state().groups.push(json!({ "id": "9", "displayName": "theirs", "members": [{ "value": "id/1" }] }));
    let desired = Desired::Active(profile(&["Readers"], &["writers"]));
    assert_eq!(settle(&scim, &key(), &desired).await, [""; 0]);
    let Ok(Actual::Present(seen)) = scim.observe(&key(), &desired).await else { panic!("it is gone") };
    assert_eq!(seen.entitlements, Entitlement::groups(&["Readers", "theirs"]));
}

#[tokio::test]
async fn roles_are_given_and_taken_at_the_user() {
    let fake = Fake::start().await;
    let scim = fake.client();
    let role = |name: &str| BTreeSet::from([Entitlement::Role(name.to_owned())]);
    let editor = Profile { entitlements: role("editor"), ..profile(&[], &[]) };
    assert_eq!(settle(&scim, &key(), &Desired::Active(editor)).await, ["create", "give editor"]);
    let viewer = Profile { entitlements: role("viewer"), withdrawn: role("editor"), ..profile(&[], &[]) };
    let steps = settle(&scim, &key(), &Desired::Active(viewer)).await;
    assert_eq!(steps, ["take editor", "give viewer"]);
    assert_eq!(fake.state().users[0]["roles"], json!([{ "value": "viewer" }]));
}

#[tokio::test]
async fn what_was_ours_is_deleted_once_it_is_closed() {
    let fake = Fake::start().await;
    let scim = fake.client();
    settle(&scim, &key(), &Desired::Active(profile(&["readers"], &[]))).await;
    assert_eq!(settle(&scim, &key(), &Desired::Absent).await, ["disable", "delete"]);
    assert!(fake.state().users.is_empty());
}

#[tokio::test]
async fn an_account_of_before_is_found_and_adopted() {
    let fake = Fake::start().await;
    let scim = fake.client();
    let mut old = wire::user("", &profile(&[], &[]), &Dialect::Generic.manner());
    old["id"] = json!("7");
    old.as_object_mut().unwrap().remove("externalId");
    fake.state().users.extend([old, json!({ "id": "8", "userName": "bob" })]);
    let searches = [
        By::UserName("ada@x.example".into()),
        By::Email("ada@x.example".into()),
        By::Attribute(DEPARTMENT.into(), "Risk".into()),
    ];
    for by in &searches[..2] {
        let found = scim.matching(by).await.unwrap();
        assert_eq!(found.iter().map(|one| one.native_id.as_str()).collect::<Vec<_>>(), ["7"], "{by:?}");
        assert_eq!(found[0].external_id, None);
    }
    assert_eq!(scim.matching(&searches[2]).await, Ok(vec![]));
    scim.apply(&key(), &Step::Adopt { native_id: "7".into() }).await.unwrap();
    assert!(
        matches!(scim.observe(&key(), &Desired::closed()).await, Ok(Actual::Present(seen)) if seen.native_id == "7")
    );
}

#[tokio::test]
async fn all_accounts_are_listed_page_by_page() {
    let fake = Fake::start().await;
    let user = |number: usize| json!({ "id": number.to_string(), "userName": format!("u-{number}") });
    fake.state().users.extend((0..5).map(user));
    let (scim, mut names, mut after) = (fake.client(), Vec::new(), None);
    loop {
        let page = scim.list(after.as_deref()).await.unwrap();
        names.extend(page.accounts.into_iter().map(|account| account.user_name));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(names, ["u-0", "u-1", "u-2", "u-3", "u-4"]);
}

#[tokio::test]
async fn it_passes_the_probe() {
    let (fake, mut found) = (Fake::start().await, Vec::new());
    let wishes = Wishes {
        entitlements: [Entitlement::Group("readers".into()), Entitlement::Role("editor".into())].into(),
        attributes: [(DEPARTMENT.to_owned(), "Risk".to_owned())].into(),
    };
    let now = "2026-03-02T09:00:00Z".parse().unwrap();
    assert!(probe(&fake.client(), &wishes, now, &mut |finding| found.push(finding)).await, "{found:#?}");
    assert!(found.len() > 12 && fake.state().users.is_empty());
}
