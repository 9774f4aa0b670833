//! What becomes of accounts beside their making and closing: deleted in time, found where they were before us, kept from
//! being taken by mistake.

use crate::harness::{ADA, CARLA, House, OTTO, Process, Site, guestpass, soon};
use guestpass::clock::Clock;
use guestpass::demo::provider::Person;
use http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};

const CONFIG: &str = "guestpass.yaml";
const POLICY: &str = "policies/notes.yaml";
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The surroundings, with more said of the target of Notes.
async fn site(more: &str) -> Site {
    let site = Site::new(Clock::turned("2026-03-02T09:00:00Z".parse().unwrap())).await;
    site.change(CONFIG, "${file:scim-token}\" }", &format!("${{file:scim-token}}\", {more} }}"));
    site
}

/// An account of Carla's that somebody made before us, marked as another system's or not at all.
async fn made_before(site: &Site, name: &str, external_id: Option<&str>) -> String {
    let email = Person::cast().into_iter().find(|person| person.sub == CARLA).unwrap().email;
    let mut user = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": name, "active": true, "emails": [{ "value": email, "primary": true }],
    });
    if let Some(external_id) = external_id {
        user["externalId"] = json!(external_id);
    }
    let made = site.by_hand(Method::POST, "/Users", user).await;
    made["id"].as_str().unwrap().to_owned()
}

/// Waits until the only account that guestpass keeps is in this state.
async fn state(house: &House, wanted: &str) {
    soon(|| async { (house.kept().await.first()?.state == wanted).then_some(()) }).await;
}

#[tokio::test]
async fn an_account_is_deleted_when_its_time_after_the_end_is_over_and_made_anew_if_wanted() {
    let site = site("guard: { share: 0%, at-least: 1 }").await;
    site.change(POLICY, "for: { ttl: 30d }", "for: { ttl: 30d, delete-after: 90d }");
    let house = House::of(site).await;
    house.guest(CARLA).await;
    house.settled().await;
    house.turn(DAY * 30);
    state(&house, "disabled").await;
    house.turn(DAY * 90 - SignedDuration::from_secs(1));
    assert_eq!(house.accounts().await.len(), 1, "not a second early");
    house.turn(SignedDuration::from_secs(1));
    state(&house, "deleted").await;
    assert!(house.accounts().await.is_empty());
    let record = house.record().await;
    assert!(record.ends_with(&["retention_ended".into(), "account_changed gone".into()]), "{record:?}");

    // An operator opens it again: a new account, under the same external id.
    let grants = house.grants(CARLA).await;
    let notes = grants.iter().find(|grant| grant.app.as_str() == "notes").unwrap();
    house.operator().orders(&format!("/grants/{}/extend", notes.id), json!({ "by": "PT24H" })).await;
    state(&house, "active").await;
    assert!(house.account().await.active);
    house.finish().await;
}

#[tokio::test]
async fn one_that_was_there_before_us_is_found_by_its_address_keeps_its_name_and_is_never_deleted() {
    let site = site("link: { email: [example.com] }").await;
    site.change(POLICY, "for: { ttl: 30d }", "for: { ttl: 30d, delete-after: 1d }");
    let id = made_before(&site, "carla.old", None).await;
    let house = House::of(site).await;
    house.guest(CARLA).await;
    house.settled().await;
    let account = house.account().await;
    assert_eq!((account.id, account.user_name.as_str()), (id, "carla.old"));
    assert_eq!(account.external_id, Some(house.kept().await[0].external_id.clone()));
    assert_eq!(account.groups, ["readers"]);
    assert_eq!(house.operator().asks("/drift").await, json!([]), "its name is its own");
    house.turn(DAY * 40);
    state(&house, "disabled").await;
    assert!(!house.account().await.active);
    assert_eq!(house.kept().await[0].delete_at, None);
    house.finish().await;
}

#[tokio::test]
async fn an_address_in_a_domain_that_is_not_ours_proves_nothing() {
    let site = site("link: { email: [partner.example] }").await;
    made_before(&site, "carla.old", None).await;
    let house = House::of(site).await;
    house.guest(CARLA).await;
    house.settled().await;
    let accounts = house.accounts().await;
    assert_eq!(accounts.len(), 2);
    assert_eq!(accounts.iter().filter(|account| account.external_id.is_none()).count(), 1);
    house.finish().await;
}

#[tokio::test]
async fn what_could_be_several_peoples_waits_for_an_operator_to_decide() {
    let site = site("link: { email: [example.com] }").await;
    let id = made_before(&site, "carla.old", None).await;
    made_before(&site, "carla.other", Some("okta-7")).await;
    let house = House::of(site).await;
    house.signs_in(CARLA).await;
    state(&house, "undecided").await;
    let kept = house.kept().await.remove(0);
    assert_eq!(kept.candidates.len(), 2);
    assert!(kept.failure.unwrap().contains("carla.other"), "an operator reads which");
    assert_eq!(house.accounts().await.len(), 2, "nothing was made meanwhile");
    house.operator().orders(&format!("/accounts/{}/decide", kept.id), json!({ "adopt": id })).await;
    state(&house, "active").await;
    let ours = house.accounts().await.into_iter().find(|account| account.id == id).unwrap();
    assert_eq!(ours.external_id, Some(kept.external_id));
    let record = house.record().await;
    assert!(record.contains(&"account_decided".to_owned()), "{record:?}");

    // An operator's word is for once: where that account is gone, rules are asked again.
    for account in house.accounts().await {
        house.by_hand(Method::DELETE, &format!("/Users/{}", account.id), json!({})).await;
    }
    house.operator().orders(&format!("/accounts/{}/retry", kept.id), json!({})).await;
    let anew = || async { (house.accounts().await.first()?.id != id).then_some(()) };
    soon(anew).await;
    house.finish().await;
}

#[tokio::test]
async fn where_a_name_is_taken_an_operator_is_told_by_whom() {
    let site = site("link: {}").await;
    let email = Person::cast().into_iter().find(|person| person.sub == CARLA).unwrap().email;
    made_before(&site, &email, None).await;
    let mut house = House::of(site).await;
    house.signs_in(CARLA).await;
    state(&house, "undecided").await;
    assert_eq!(house.kept().await[0].candidates[0].user_name, email);
    house.end().await;
}

#[tokio::test]
async fn more_is_not_taken_than_may_be_until_somebody_confirms_it() {
    let site = site("guard: { share: 0%, at-least: 1, within: 1h }").await;
    let house = House::of(site).await;
    let (ada, carla) = (house.guest(ADA).await, house.guest(CARLA).await);
    house.settled().await;
    let operator = house.operator();
    for person in ["s-4@demo", "c-17@demo"] {
        operator.orders(&format!("/people/{person}/revoke"), json!({})).await;
    }
    // Nobody gets in, whatever the target is told.
    for browser in [&ada, &carla] {
        assert_eq!(house.knock(browser).await.0, 401);
    }
    let held = || async { (operator.asks("/targets").await[0]["held"] == true).then_some(()) };
    soon(held).await;
    // What is given is not held up.
    house.put_in_groups(OTTO, &["guests"]);
    house.guest(OTTO).await;
    let active = async || house.accounts().await.iter().filter(|account| account.active).count();
    // Whoever waits is shown, and nobody else.
    let waits = async || {
        let rows = operator.asks("/accounts").await;
        rows.as_array().unwrap().iter().filter(|row| row["held"] == true).count()
    };
    // One may be taken, which may be under way, or none: never both.
    let rests = || async { (waits().await + 1 == active().await).then_some(()) };
    soon(rests).await;
    let open = active().await;
    assert!(open >= 2, "both were taken");
    let config = house.config().display().to_string();
    let shown = async || guestpass(&["accounts", "--held", "--config", &config]).await;
    let said = shown().await;
    assert!(said.code == 1 && said.out.contains("`guestpass targets confirm notes` lets it"), "{said:?}");
    house.turn(DAY * 2);
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert_eq!(active().await, open, "time does not let it through");
    operator.orders("/targets/notes/confirm", json!({})).await;
    soon(|| async { (active().await == 1).then_some(()) }).await;
    assert_eq!((waits().await, shown().await.code), (0, 0));
    assert!(house.record().await.contains(&"target_confirmed".to_owned()));
    house.finish().await;
}

#[tokio::test]
async fn what_ends_by_the_calendar_is_not_held_up() {
    let house = House::of(site("guard: { share: 0%, at-least: 1 }").await).await;
    house.put_in_groups(OTTO, &["guests"]);
    for person in [CARLA, OTTO] {
        house.guest(person).await;
    }
    house.settled().await;
    house.turn(DAY * 30);
    let closed = || async { house.accounts().await.iter().all(|account| !account.active).then_some(()) };
    soon(closed).await;
    house.finish().await;
}

#[tokio::test]
async fn a_target_gets_no_more_requests_in_a_day_however_often_we_start() {
    const PER_DAY: usize = 30;
    const PEOPLE: usize = 8;
    let mut house = House::of(site(&format!("pace: {{ per-day: {PER_DAY} }}")).await).await;
    house.crowd(PEOPLE);
    for number in 0..PEOPLE {
        house.restart().await;
        house.signs_in(&format!("c-{number}")).await;
    }
    let asked = || house.scim.seen().len();
    // What waits for a moment gets it.
    let paused = || async {
        house.turn(SignedDuration::from_secs(1));
        house.operator().asks("/targets").await[0]["paused_until"].is_string().then_some(())
    };
    soon(paused).await;
    // What was counted may be on its way yet.
    soon(|| async { (asked() >= PER_DAY).then_some(()) }).await;
    assert_eq!(asked(), PER_DAY);
    while house.accounts().await.len() < PEOPLE {
        let before = asked();
        house.turn(DAY);
        let done = || async { house.accounts().await.len() == PEOPLE };
        soon(|| async {
            house.turn(SignedDuration::from_secs(1));
            (done().await || asked() == before + PER_DAY).then_some(())
        })
        .await;
    }
    assert!(asked() > PER_DAY, "there was enough for everybody");
    // What is still to be done, and a look at everybody, may be more than a day has.
    house.change(CONFIG, &format!("per-day: {PER_DAY}"), "per-day: 3000");
    house.operator().orders("/reload", json!({})).await;
    house.turn(DAY);
    house.finish().await;
}

#[tokio::test]
async fn an_operator_reads_whose_accounts_there_are() {
    let site = Site::new(Clock::system()).await;
    site.change(CONFIG, "${file:scim-token}\" }", "${file:scim-token}\", link: { email: [example.com] } }");
    let process = Process::serve(&site).await;
    let config = site.config().display().to_string();
    site.signs_in(ADA).await;
    let made = || async { (site.notes.accounts().await.unwrap().len() == 1).then_some(()) };
    soon(made).await;
    made_before(&site, "carla.old", None).await;
    made_before(&site, "somebody", Some("okta-7")).await;
    let import = async || guestpass(&["accounts", "import", "notes", "--config", &config]).await;
    let said = import().await;
    assert!(
        said.out.starts_with("3 accounts in notes: 1 ours, 0 of people we know, 2 of nobody we know.\n"),
        "{said:?}"
    );
    assert!(said.out.contains("carla.old") && said.out.contains("okta-7"), "{}", said.out);

    // Somebody whom we know by now, and to whom policy gives nothing in Notes.
    site.change(POLICY, "gets: { notes: { groups: [readers] }, echo: {} }", "gets: { echo: {} }");
    guestpass(&["reload", "--config", &config]).await;
    site.signs_in(CARLA).await;
    let said = import().await;
    assert!(said.out.contains("c-17@demo: not to be taken for theirs"), "{said:?}");
    // Policy gives it again, and nobody is at work yet.
    guestpass(&["targets", "pause", "notes", "--why", "first look", "--config", &config]).await;
    site.change(POLICY, "gets: { echo: {} }", "gets: { notes: { groups: [readers] }, echo: {} }");
    guestpass(&["reload", "--config", &config]).await;
    site.signs_in(CARLA).await;
    let said = import().await;
    assert!(said.out.contains("c-17@demo: taken for theirs"), "{said:?}");
    assert!(
        said.out.contains(" becomes that of c-17@demo, where it does not have it already:\n  → PATCH"),
        "{said:?}"
    );
    assert!(
        said.out.contains(": externalId\n") && said.out.contains("(readers): add the account\n"),
        "{said:?}"
    );
    let missing = guestpass(&["accounts", "import", "nots", "--config", &config]).await;
    assert!(missing.code == 1 && missing.err.contains("there is no target nots"), "{missing:?}");
    assert_eq!(process.stop().await, 0);
}

#[tokio::test]
async fn seats_are_counted_by_their_use() {
    let house = House::of(site("seat: 12.50 EUR").await).await;
    let carla = house.guest(CARLA).await;
    house.signs_in(ADA).await;
    house.settled().await;
    assert_eq!(house.knock(&carla).await.0, 200);
    house.turn(SignedDuration::from_mins(2));
    let counted = || async {
        let seats = house.operator().asks("/seats?unused_days=20").await;
        (seats[0]["used"].as_u64()? >= 1 && seats[0]["open"] == 2).then_some(seats)
    };
    let row = soon(counted).await[0].clone();
    assert_eq!((row["target"].as_str(), row["seat"].as_str()), (Some("notes"), Some("12.50 EUR")));
    house.turn(DAY * 21);
    let idle: Value = house.operator().asks("/seats?unused_days=20").await[0].clone();
    assert_eq!((&idle["used"], &idle["reclaimable"]), (&json!(0), &json!("25.00 EUR")), "{idle}");
    house.finish().await;
}

#[tokio::test]
async fn a_target_is_proved_before_people_depend_on_it() {
    let site = Site::new(Clock::system()).await;
    let config = site.config().display().to_string();
    let test = async |more: &[&str]| {
        guestpass(&[&["connector", "test", "notes", "--config", &config][..], more].concat()).await
    };
    let said = test(&["--group", "readers", "--attribute", "title=Guest"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    for line in [
        "✓ it gives group readers",
        "✓ it deletes an account",
        "- it ends sessions and tokens: not with this target",
    ] {
        assert!(said.out.contains(line), "{}", said.out);
    }
    assert!(
        said.out.ends_with("notes does all that it can.\n")
            && site.notes.accounts().await.unwrap().is_empty()
    );

    site.write("scim-token", "not-the-one");
    let said = test(&[]).await;
    assert_eq!(said.code, 1, "{said:?}");
    assert!(
        said.out.starts_with("✗ it answers, and knows us: does not accept our credentials"),
        "{}",
        said.out
    );
    assert!(!format!("{said:?}").contains("not-the-one"));
    let missing = guestpass(&["connector", "test", "nots", "--config", &config]).await;
    assert_eq!(missing.err, "error: there is no target nots; there are: notes\n");
}

#[tokio::test]
async fn settings_of_targets_are_told_where_they_stand() {
    let site = Site::new(Clock::system()).await;
    let config = site.config().display().to_string();
    let address = format!("http://{}/scim/v2", site.scim.address);
    let original = std::fs::read_to_string(site.config()).unwrap();
    for (accounts, told) in [
        (
            r#"{ scim: https://169.254.169.254/scim, token: abcdefgh }"#,
            "\"https://169.254.169.254/scim\" is link-local",
        ),
        (r#"{ scin: https://wiki.example.com, token: abcdefgh }"#, "nothing says what the target speaks"),
        (r#"{ scim: https://wiki.example.com, tokn: abcdefgh }"#, "unknown key \"tokn\""),
        (r#"{ scim: https://wiki.example.com, token: abcdefgh, guard: { share: 10 } }"#, "expected"),
        (
            r#"{ scim: https://wiki.example.com, token: abcdefgh, seat: free }"#,
            "\"free\" is no price: write it like 12.50 EUR",
        ),
        (r#"{ scim: https://wiki.example.com, postgres: x }"#, "a target speaks one language"),
        (r#"notez"#, "there is no target \"notez\""),
    ] {
        let written = format!("{{ scim: \"{address}\", token: \"${{file:scim-token}}\" }}");
        assert!(original.contains(&written));
        site.write(CONFIG, &original.replace(&written, accounts));
        let said = guestpass(&["check", "--config", &config]).await;
        assert_eq!(said.code, 1, "{accounts}: {said:?}");
        assert!(said.err.contains(told) && said.err.contains("guestpass.yaml:"), "{accounts}: {}", said.err);
    }
    // One that several apps share, by its name.
    let shared = original.replace(
        &format!("    accounts: {{ scim: \"{address}\", token: \"${{file:scim-token}}\" }}\n"),
        "    accounts: directory\n",
    );
    let targets = format!(
        "targets: {{ directory: {{ scim: \"{address}\", token: \"${{file:scim-token}}\" }} }}\n\napps:"
    );
    site.write(CONFIG, &shared.replace("apps:", &targets));
    let said = guestpass(&["check", "--config", &config]).await;
    assert_eq!(said.code, 0, "{said:?}");
}

#[tokio::test]
async fn a_new_description_is_right_as_it_is_and_no_other_is_written_over() {
    let site = Site::new(Clock::system()).await;
    let file = site.folder().join("connectors/my-wiki.yaml");
    let path = file.display().to_string();
    let said = guestpass(&["connector", "new", "My Wiki", &path]).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert!(std::fs::read_to_string(&file).unwrap().contains("title: \"My Wiki\""));
    let again = guestpass(&["connector", "new", "My Wiki", &path]).await;
    assert!(again.code == 1 && again.err.contains("cannot write"), "{again:?}");

    let config = site.config().display().to_string();
    let accounts = "accounts: { rest: connectors/my-wiki.yaml, url: https://wiki.example.com, auth: { bearer: abcdefgh }";
    let text = std::fs::read_to_string(site.config()).unwrap();
    let (before, after) = text.split_once("accounts: {").unwrap();
    let after = after.split_once('}').unwrap().1.split_once('}').unwrap().1;
    site.write(CONFIG, &format!("{before}{accounts} }}{after}"));
    let said = guestpass(&["check", "--config", &config]).await;
    assert_eq!(said.code, 0, "{said:?}");
    // And what is wrong in it is told in it.
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("version: 1", "version: 2")).unwrap();
    let said = guestpass(&["check", "--config", &config]).await;
    assert!(said.code == 1 && said.err.contains("my-wiki.yaml:"), "{said:?}");
}

#[tokio::test]
async fn a_plan_leaves_the_name_of_an_account_of_before_alone() {
    let site = Site::new(Clock::system()).await;
    let link = "${file:scim-token}\", link: { email: [example.com] } }";
    site.change(CONFIG, "${file:scim-token}\" }", link);
    made_before(&site, "carla.old", None).await;
    let process = Process::serve(&site).await;
    site.signs_in(CARLA).await;
    let joined = || async { (site.notes.accounts().await.unwrap()[0].groups == ["readers"]).then_some(()) };
    soon(joined).await;
    site.change(POLICY, "groups: [readers]", "groups: [visitors]");
    let config = site.config().display().to_string();
    let planned: Value =
        serde_json::from_str(&guestpass(&["plan", "--json", "--config", &config]).await.out).unwrap();
    let calls = planned["accounts"][0]["calls"].as_array().unwrap();
    let paths: Vec<_> = calls.iter().map(|call| call["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["/Groups (readers)", "/Groups (visitors)"], "{planned}");
    assert_eq!(process.stop().await, 0);
}
