//! What another policy would do, told before it does: `policy diff` and `plan`, through the real binary.

use crate::harness::{ADA, CARLA, Process, Site, guestpass, soon};
use guestpass::clock::Clock;
use http::Method;
use serde_json::{Value, json};

const POLICY: &str = "policies/notes.yaml";

/// Keeps a policy that takes anything from anybody from being put in place by itself.
const NOBODY: &str = "policy-guard: { people: 0%, at-least: 1 }\n\nproviders:";

/// A gateway that runs, with Ada the writer and Carla the guest, whose accounts are made.
async fn peopled() -> (Site, Process) {
    let site = Site::new(Clock::system()).await;
    site.change("guestpass.yaml", "providers:", NOBODY);
    let process = Process::serve(&site).await;
    for person in [ADA, CARLA] {
        site.signs_in(person).await;
    }
    let config = site.config().display().to_string();
    soon(|| async { (active(&config).await == 2).then_some(()) }).await;
    (site, process)
}

/// How many accounts are what they should be, and may be used.
async fn active(config: &str) -> usize {
    let said = guestpass(&["accounts", "--json", "--config", config]).await;
    let rows = said.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.filter(|row| row["state"] == "active").count()
}

/// The policy of the site, changed, in a file of its own.
fn changed(site: &Site, changes: &[(&str, &str)]) -> String {
    let text = std::fs::read_to_string(site.folder().join(POLICY)).unwrap();
    let text = changes.iter().fold(text, |text, (from, to)| {
        assert!(text.contains(from), "{text}");
        text.replace(from, to)
    });
    site.write("next.yaml", &text);
    site.folder().join("next.yaml").display().to_string()
}

#[tokio::test]
async fn diff_tells_of_everybody_who_loses_gains_or_has_something_else_and_when() {
    let (site, process) = peopled().await;
    let (config, old) =
        (site.config().display().to_string(), site.folder().join("policies").display().to_string());
    let diff = async |new: &str, more: &[&str]| {
        guestpass(&[&["policy", "diff", &old, new, "--config", &config][..], more].concat()).await
    };
    let same = diff(&changed(&site, &[]), &[]).await;
    assert_eq!(
        (same.code, &*same.out),
        (0, "2 people are known; nothing changes for anybody.\n"),
        "{same:?}"
    );

    let taken = changed(&site, &[("groups: { any: [staff] }", "groups: { any: [board] }")]);
    let said = diff(&taken, &[]).await;
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.out.starts_with("2 people are known: 1 loses something.\n\ns-4@demo\n"), "{}", said.out);
    assert!(said.out.contains("  - notes as writer, at once: groups writers → none\n"), "{}", said.out);

    let other = changed(
        &site,
        &[
            ("ttl: 30d", "ttl: 10d"),
            ("groups: [readers]", "groups: [visitors]"),
            ("  guest:", "  all: { who: { provider: demo }, gets: { echo: {} } }\n  guest:"),
        ],
    );
    let said = diff(&other, &[]).await;
    assert!(
        said.out.starts_with("2 people are known: 2 gain something, 1 has something on other terms.\n"),
        "{}",
        said.out
    );
    assert!(said.out.contains("  + echo as all, with the next sign-in\n"), "{}", said.out);
    assert!(
        said.out.contains("  ~ notes as guest, at once: ends ")
            && said.out.contains("groups readers → visitors; ttl 30d → 10d\n"),
        "{}",
        said.out
    );
    // Seen from the other side, and from a time at which the grant is over.
    let back = guestpass(&["policy", "diff", &other, &old, "--config", &config]).await;
    assert!(back.out.contains("  - echo as all, with the next sign-in\n"), "{}", back.out);

    // Without a gateway its store tells the same.
    let with = diff(&other, &["--json", "--at", "2126-03-02T09:00:00Z"]).await;
    process.kill().await;
    let without = diff(&other, &["--json", "--at", "2126-03-02T09:00:00Z"]).await;
    assert_eq!((with.code, &with.out), (without.code, &without.out));
    let told: Value = serde_json::from_str(&diff(&other, &["--json"]).await.out).unwrap();
    assert_eq!(
        (&told["people"], &told["gaining"], &told["losing"], &told["changing"]),
        (&2.into(), &2.into(), &0.into(), &1.into())
    );
    let change = told["differences"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["turn"] == "changes" && one["app"] == "notes");
    assert_eq!(change.unwrap()["details"].as_array().unwrap().len(), 3, "{told}");

    if let Some(file) = site.database.file() {
        std::fs::remove_file(file).unwrap();
        let nobody = diff(&other, &[]).await;
        assert!(nobody.code == 2 && nobody.err.contains("who is known?"), "{nobody:?}");
    }
    site.write("next.yaml", "version: 2\n");
    assert_eq!(diff(&site.folder().join("next.yaml").display().to_string(), &[]).await.code, 2);
}

#[tokio::test]
async fn plan_tells_the_calls_that_targets_would_get_and_does_none_of_it() {
    let (site, process) = peopled().await;
    let config = site.config().display().to_string();
    let plan = async |more: &[&str]| guestpass(&[&["plan", "--config", &config][..], more].concat()).await;
    let nothing = plan(&[]).await;
    assert_eq!(nothing.code, 0, "{nothing:?}");

    site.change(POLICY, "groups: [readers]", "groups: [visitors]");
    site.change(POLICY, "groups: { any: [staff] }", "groups: { any: [board] }");
    let said = plan(&[]).await;
    assert_eq!(said.code, 1, "{said:?}");
    assert!(
        said.out.starts_with("2 people are known: 1 loses something, 1 has something on other terms.\n"),
        "{}",
        said.out
    );
    for line in [
        "\nc-17@demo in notes\n  → PATCH /Groups (readers): remove the account\n  → PATCH /Groups (visitors): add the account\n",
        ": active false\n",
        "\n3 calls in 2 accounts at once.\n",
    ] {
        assert!(said.out.contains(line), "{line}{}", said.out);
    }
    let json: Value = serde_json::from_str(&plan(&["--json"]).await.out).unwrap();
    let ada =
        json["accounts"].as_array().unwrap().iter().find(|account| account["person"] == "s-4@demo").unwrap();
    assert_eq!((&ada["calls"][0]["method"], ada["calls"].as_array().unwrap().len()), (&"PATCH".into(), 1));
    assert_eq!(active(&config).await, 2);

    site.write(POLICY, "version: 2\n");
    let wrong = plan(&[]).await;
    assert!(wrong.code == 2 && wrong.err.contains("version 2 is not known"), "{wrong:?}");
    process.kill().await;
    assert_eq!(plan(&[]).await.code, 2);
}

#[tokio::test]
async fn a_plan_names_the_very_calls_that_the_target_then_gets() {
    let (site, process) = peopled().await;
    let config = site.config().display().to_string();
    let group =
        |name| json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": name });
    site.by_hand(Method::POST, "/Groups", group("visitors")).await;
    site.change(POLICY, "groups: [readers]", "groups: [visitors]");
    site.change(POLICY, "groups: { any: [staff] }", "groups: { any: [board] }");
    let (planned, made) = done_as_planned(&site, &config).await;
    assert_eq!((planned.len(), made), (2, planned.concat()));

    // One that a plan cannot know of: a group that is not there yet is made for its first member.
    site.change(POLICY, "groups: [visitors]", "groups: [newcomers]");
    let (planned, mut made) = done_as_planned(&site, &config).await;
    assert!(made.contains(&"POST /Groups".to_owned()), "{made:?}");
    made.retain(|call| call != "POST /Groups");
    assert_eq!(made, planned.concat());
    process.kill().await;
}

/// Plans what the files say now, puts it in place as an operator confirms it, and waits until it is done. What was planned, by
/// account, and what the target was asked; of several accounts in the order of the plan, if each had its calls in its order.
async fn done_as_planned(site: &Site, config: &str) -> (Vec<Vec<String>>, Vec<String>) {
    let planned = guestpass(&["plan", "--json", "--config", config]).await;
    let planned: Value = serde_json::from_str(&planned.out).unwrap();
    let planned: Vec<Vec<String>> = planned["accounts"].as_array().unwrap().iter().map(Site::calls).collect();
    let before = site.scim.seen().len();
    let refused = guestpass(&["reload", "--config", config]).await;
    if let Some((_, confirm)) = refused.err.split_once("guestpass reload --confirm ") {
        let version = confirm.split_whitespace().next().unwrap();
        let done = guestpass(&["reload", "--config", config, "--confirm", version]).await;
        assert_eq!(done.code, 0, "{done:?}");
    }
    let expected = planned.concat().len();
    let rests = || async {
        let accounts = site.operator().asks("/accounts").await;
        let rests = accounts.as_array().unwrap().iter().all(|account| account["due"].is_null());
        (rests && site.writes(before).await.len() >= expected).then_some(())
    };
    soon(rests).await;
    let mut made = site.writes(before).await;
    let place = |call: &String| planned.iter().position(|calls| calls.contains(call));
    made.sort_by_key(place);
    (planned, made)
}
