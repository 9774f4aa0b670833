//! What somebody changes in an app by hand: each kind of it is told, with the calls that would mend it; those are made if
//! that is asked for, and no others.

use crate::harness::{Process, Site, guestpass, soon};
use guestpass::clock::Clock;
use http::Method;
use serde_json::{Value, json};

/// What is done by hand to the account of `c-0`, `c-1` and so on, and what is told of each.
const TOLD: [&[&str]; 6] = [
    &["it is gone"],
    &["it lacks group readers", "it has group admins besides"],
    &["it was disabled"],
    &["it was enabled"],
    &["it is gone"],
    &["it has group readers"],
];
/// Those who may not have an account.
const REVOKED: [usize; 2] = [3, 4];
/// The one that was a guest, and is a writer by now.
const WRITER: usize = 5;

#[tokio::test]
async fn every_kind_of_drift_is_told_and_mended_where_that_is_asked_for() {
    let site = Site::new(Clock::system()).await;
    let process = Process::serve(&site).await;
    let config = site.config().display().to_string();
    let drift = async |more: &[&str]| guestpass(&[&["drift", "--config", &config][..], more].concat()).await;
    let ids = peopled(&site).await;
    let said = drift(&[]).await;
    assert_eq!((said.code, &*said.out), (0, "Every account is as it should be.\n"), "{said:?}");

    meddle(&site, &ids).await;
    let before = site.scim.seen().len();
    let told: Vec<Value> =
        drift(&["--json"]).await.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (number, found) in TOLD.iter().enumerate() {
        let person = format!("c-{number}@demo");
        let one = told.iter().find(|one| one["person"] == person).unwrap();
        assert_eq!(one["found"], json!(found), "{one}");
    }
    let said = drift(&[]).await;
    assert_eq!(said.code, 1, "{said:?}");
    for lines in [
        "c-0@demo in notes\n  ! it is gone\n  → POST /Users: userName c-0@example.com\n  → PATCH /Groups (readers): add the account\n",
        "c-1@demo in notes\n  ! it lacks group readers\n  ! it has group admins besides\n  → PATCH /Groups (readers): add the account\n",
        &format!("c-2@demo in notes\n  ! it was disabled\n  → PATCH /Users/{}: active true\n", ids[2]),
        &format!("c-3@demo in notes\n  ! it was enabled\n  → PATCH /Users/{}: active false\n", ids[3]),
        "c-4@demo in notes\n  ! it is gone\n",
        "c-5@demo in notes\n  ! it has group readers\n  → PATCH /Groups (readers): remove the account\n",
        "\n6 accounts not as it should be; 5 can be mended.\n",
    ] {
        assert!(format!("\n{}", said.out).contains(lines), "{lines}{}", said.out);
    }
    assert_eq!(site.writes(before).await, [""; 0], "what is only told is left as it is");

    assert_eq!(drift(&["--mend"]).await.code, 1);
    // What is under way is not told, so that nothing may be.
    settled(&site).await;
    let said = drift(&[]).await;
    assert!(said.out.ends_with("2 accounts not as it should be; 0 can be mended.\n"), "{said:?}");
    let mut made = site.writes(before).await;
    let mut planned: Vec<String> = told.iter().flat_map(Site::calls).collect();
    made.sort_unstable();
    planned.sort_unstable();
    assert_eq!(made, planned);
    for account in site.notes.accounts().await.unwrap() {
        let number: usize = account.user_name["c-".len()..][..1].parse().unwrap();
        let groups: &[&str] = match number {
            1 => &["admins", "readers"],
            WRITER => &["writers"],
            _ => &["readers"],
        };
        assert_eq!(account.groups, groups, "{account:?}");
        assert_eq!(account.active, !REVOKED.contains(&number), "{account:?}");
    }
    // That an account that should not be open is gone, a look records; then it is as it should be.
    let gone = told.iter().find(|one| one["person"] == "c-4@demo").unwrap();
    site.operator().orders(&format!("/accounts/{}/retry", gone["id"].as_str().unwrap()), json!({})).await;
    soon(|| async {
        drift(&[]).await.out.ends_with("1 account not as it should be; 0 can be mended.\n").then_some(())
    })
    .await;
    assert_eq!(process.stop().await, 0);
    assert_eq!(drift(&[]).await.code, 2, "nobody can say");
}

/// Everybody has an account that is as it should be. Their ids in Notes.
async fn peopled(site: &Site) -> Vec<String> {
    site.crowd(TOLD.len());
    for number in 0..TOLD.len() {
        site.signs_in(&format!("c-{number}")).await;
    }
    settled(site).await;
    site.crowd_but(TOLD.len(), WRITER, &["staff"]);
    site.signs_in(&format!("c-{WRITER}")).await;
    for number in REVOKED {
        site.operator().orders(&format!("/people/c-{number}@demo/revoke"), json!({})).await;
    }
    settled(site).await;
    let accounts = site.notes.accounts().await.unwrap();
    let id = |number| {
        let named = format!("c-{number}@example.com");
        accounts.iter().find(|account| account.user_name == named).unwrap().id.clone()
    };
    (0..TOLD.len()).map(id).collect()
}

/// Waits until there is no work left.
async fn settled(site: &Site) {
    soon(|| async {
        let accounts = site.operator().asks("/accounts").await;
        let accounts = accounts.as_array().unwrap();
        let rests = accounts.iter().all(|row| row["due"].is_null());
        (rests && accounts.len() == TOLD.len()).then_some(())
    })
    .await;
}

/// Does by hand what is to be told.
async fn meddle(site: &Site, ids: &[String]) {
    let patch = |operation: Value| json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation] });
    for number in [0, 4] {
        site.by_hand(Method::DELETE, &format!("/Users/{}", ids[number]), json!({})).await;
    }
    for (number, active) in [(2, false), (3, true)] {
        let change = patch(json!({ "op": "replace", "path": "active", "value": active }));
        site.by_hand(Method::PATCH, &format!("/Users/{}", ids[number]), change).await;
    }
    let groups = site.by_hand(Method::GET, "/Groups", json!({})).await;
    let groups = groups["Resources"].as_array().unwrap();
    let readers = groups.iter().find(|group| group["displayName"] == "readers").unwrap();
    let readers = format!("/Groups/{}", readers["id"].as_str().unwrap());
    let leave = format!("members[value eq \"{}\"]", ids[1]);
    site.by_hand(Method::PATCH, &readers, patch(json!({ "op": "remove", "path": leave }))).await;
    let join = json!({ "op": "add", "path": "members", "value": [{ "value": ids[WRITER] }] });
    site.by_hand(Method::PATCH, &readers, patch(join)).await;
    let admins = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "displayName": "admins", "members": [{ "value": ids[1] }] });
    site.by_hand(Method::POST, "/Groups", admins).await;
}
