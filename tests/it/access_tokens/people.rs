//! Tokens that people have given to programs: the same people as sign in.

use super::{Hand, Stage, fails, passes, program, stage, told};
use crate::harness::CARLA;
use serde_json::json;

#[tokio::test]
async fn a_token_of_somebody_who_signs_in_is_theirs_and_takes_and_gives_nothing() {
    let stage = stage().await;
    let mut hand = Hand::new();
    assert_eq!(hand.follow(&stage.house.notes_url, "nowhere").await.1.status, 200);
    let account = stage.house.account_becomes(|account| account.active).await;
    // It says nothing of groups, by which she has her role, and claims a role of others.
    let token = stage.provider.access_token(json!({ "sub": CARLA, "client_id": "cli", "groups": ["staff"] }));
    let reply = program(&token).get(&stage.house.echo_url).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(
        (told(&reply.text, "x-user"), told(&reply.text, "x-roles")),
        (vec![CARLA.to_owned()], vec!["guest".to_owned()])
    );
    let plain = stage.provider.access_token(json!({ "sub": CARLA, "client_id": "cli" }));
    passes(&stage, "without groups", &plain).await;
    assert!(stage.house.grants(CARLA).await.iter().all(|grant| !grant.ended));
    assert_eq!(stage.house.account().await.id, account.id);
    assert_eq!(hand.get(&stage.house.notes_url).await.status, 200);
    // Shut out she is, by either way.
    stage.house.operator().orders(&format!("/people/{CARLA}@demo/revoke"), json!({})).await;
    fails(&stage, "shut out", &plain, 401, "invalid_token", "token_ended").await;
    stage.close().await;
}

#[tokio::test]
async fn somebody_of_whom_tokens_tell_first_is_let_in_by_policy_and_is_the_same_when_they_sign_in() {
    let stage = stage().await;
    let token =
        |groups| stage.provider.access_token(json!({ "sub": CARLA, "client_id": "cli", "groups": groups }));
    fails(&stage, "no group", &token(json!([])), 403, "insufficient_scope", "no_role").await;
    passes(&stage, "guests", &token(json!(["guests"]))).await;
    // A person, so there is an account.
    stage.house.settled().await;
    let account = stage.house.account().await;
    // What the token says of them is all that is known, and it takes as it gives.
    stage.later();
    fails(&stage, "no group any more", &token(json!([])), 403, "insufficient_scope", "ended").await;
    stage.later();
    let mut hand = Hand::new();
    hand.follow(&stage.house.notes_url, "nowhere").await;
    assert_eq!(stage.house.accounts().await.len(), 1);
    assert_eq!(stage.house.accounts().await[0].id, account.id);
    stage.close().await;
}

#[tokio::test]
async fn a_client_that_is_called_like_a_person_is_not_let_in_as_them() {
    let stage = stage().await;
    Hand::new().follow(&stage.house.echo_url, "nowhere").await;
    let token = stage.provider.access_token(json!({ "sub": CARLA, "client_id": CARLA }));
    fails(&stage, "a client called c-17", &token, 403, "insufficient_scope", "other_kind").await;
    let record = stage.house.record().await;
    assert!(record.contains(&"sign_in_refused echo other_kind".to_owned()), "{record:?}");
    stage.close().await;
}

#[tokio::test]
async fn how_they_signed_in_counts_and_what_is_asked_for_is_told() {
    let stage = Stage::after(|site| {
        super::takes_tokens(site, "{}", "");
        site.change(
            "guestpass.yaml",
            "/staff: {",
            "/vault: { acr: [gold] }, /money: { max-age: 10m }, /staff: {",
        );
    })
    .await;
    let now = stage.house.clock.now().as_second();
    let plain = stage.provider.access_token(json!({}));
    for (path, asked) in [("/vault", "acr_values=\"gold\""), ("/money", "max_age=599")] {
        let reply = program(&plain).get(&format!("{}{path}", stage.house.echo_url)).await;
        assert_eq!((reply.status, &reply.next), (401, &None), "{path}: {}", reply.text);
        let challenge = reply.header("www-authenticate");
        assert_eq!(
            challenge,
            format!("Bearer realm=\"echo\", error=\"insufficient_user_authentication\", {asked}")
        );
    }
    let strong = stage.provider.access_token(json!({ "acr": "gold", "auth_time": now - 60 }));
    for path in ["/vault", "/money"] {
        assert_eq!(
            program(&strong).get(&format!("{}{path}", stage.house.echo_url)).await.status,
            200,
            "{path}"
        );
    }
    stage.close().await;
}
