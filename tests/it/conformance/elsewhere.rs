//! Claims that the provider refers to: aggregated, distributed, and the groups that do not fit into Entra's tokens.

use crate::harness::{Play, Stage};
use serde_json::{Value, json};

/// Claims apart from the ID token that are so.
fn elsewhere(elsewhere: fn(&mut Value)) -> Play {
    Play { elsewhere, ..Play::default() }
}

/// Without groups, neither in the token nor at userinfo.
fn without_groups(claims: fn(&mut Value)) -> Play {
    let userinfo: fn(&mut Value) = |userinfo| {
        userinfo.as_object_mut().unwrap().remove("groups");
    };
    Play { claims, userinfo, ..Play::default() }
}

#[tokio::test]
async fn distributed_claims_are_fetched_from_the_provider_and_nobody_else() {
    let stage = Stage::open().await;
    let distributed = without_groups(|claims| {
        claims.as_object_mut().unwrap().remove("groups");
        claims["_claim_names"] = json!({ "groups": "there", "sub": "there" });
        let endpoint = format!("{}/claims", claims["iss"].as_str().unwrap());
        claims["_claim_sources"] = json!({ "there": { "endpoint": endpoint, "access_token": "for-there" } });
    });
    stage.passes("distributed-claims", distributed.clone()).await;
    let heard = stage.provider.heard("/claims");
    assert_eq!(heard.len(), 1);
    assert_eq!(heard[0].headers["authorization"], "Bearer for-there", "never the token for userinfo");

    // A source that cannot be believed leaves groups unknown: nothing is granted, and the page says so.
    for (what, play) in [
        ("of another issuer", elsewhere(|claims| claims["iss"] = "https://evil.example".into())),
        ("about another person", elsewhere(|claims| claims["sub"] = "s-4".into())),
    ] {
        let lost = Play { elsewhere: play.elsewhere, ..distributed.clone() };
        refused_as_unknown(&stage, what, lost).await;
    }
    let away = without_groups(|claims| {
        claims.as_object_mut().unwrap().remove("groups");
        claims["_claim_names"] = json!({ "groups": "there" });
        claims["_claim_sources"] = json!({ "there": { "endpoint": "http://169.254.169.254/claims" } });
    });
    refused_as_unknown(&stage, "somewhere else", away).await;
    stage.close().await;
}

#[tokio::test]
async fn aggregated_claims_are_believed_by_their_signature() {
    let stage = Stage::open().await;
    let aggregated = Play { aggregates: true, ..without_groups(without) };
    stage.passes("aggregated-claims", aggregated.clone()).await;
    for (what, play) in [
        ("of another issuer", elsewhere(|claims| claims["iss"] = "https://evil.example".into())),
        ("for another client", elsewhere(|claims| claims["aud"] = "another".into())),
        ("over", elsewhere(|claims| claims["exp"] = 1.into())),
    ] {
        let lost = Play { elsewhere: play.elsewhere, ..aggregated.clone() };
        refused_as_unknown(&stage, what, lost).await;
    }
    stage.close().await;
}

fn without(claims: &mut Value) {
    claims.as_object_mut().unwrap().remove("groups");
}

/// Somebody whom nobody knows yet is not let in, since their groups are not known.
async fn refused_as_unknown(stage: &Stage, what: &str, play: Play) {
    stage.refuses(what, "claims_unknown", Play { person: "n-1", ..play }).await;
}

#[tokio::test]
async fn groups_that_do_not_fit_are_asked_of_graph_where_that_is_configured() {
    let overage: fn(&mut Value) = |claims| {
        claims.as_object_mut().unwrap().remove("groups");
        claims["oid"] = "carla-in-entra".into();
        claims["_claim_names"] = json!({ "groups": "src1" });
        let endpoint = "https://graph.windows.net/x/users/carla-in-entra/getMemberObjects";
        claims["_claim_sources"] = json!({ "src1": { "endpoint": endpoint } });
    };
    let stage = Stage::open().await;
    refused_as_unknown(&stage, "without Graph", without_groups(overage)).await;
    assert!(stage.provider.heard("/v1.0/users/carla-in-entra/getMemberGroups").is_empty());
    let graph = format!("groups: {{ claim: groups, graph: {} }}", stage.house.provider_url);
    stage.house.change("guestpass.yaml", "groups: { claim: groups }", &graph);
    stage.house.operator().orders("/reload", json!({})).await;
    stage.passes("with Graph", without_groups(overage)).await;
    let token = stage.provider.heard("/token").pop().unwrap();
    assert_eq!(token.form["grant_type"], "client_credentials");
    assert_eq!(token.form["scope"], format!("{}/.default", stage.house.provider_url));
    // The other way in which Entra says it.
    let flagged = without_groups(|claims| {
        claims.as_object_mut().unwrap().remove("groups");
        claims["oid"] = "carla-in-entra".into();
        claims["hasgroups"] = json!("true");
    });
    stage.passes("hasgroups", flagged).await;
    // Graph does not know them.
    let nobody = without_groups(|claims| {
        claims.as_object_mut().unwrap().remove("groups");
        claims["oid"] = "nobody/../x".into();
        claims["hasgroups"] = json!(true);
    });
    refused_as_unknown(&stage, "unknown to Graph", nobody).await;
    stage.close().await;
}
