//! Several providers: who is asked, and that one's word on a name is not the other's.

use crate::harness::{Counterpart, Hand, Hostile, House, Play, Site, guestpass};
use guestpass::clock::Clock;
use serde_json::{Value, json};
use url::Url;

/// Staff and partners; `more` is said of the partners, and `echo` of the app.
struct Two {
    house: House,
    staff: Hostile,
    partners: Hostile,
    partners_url: String,
    _partners: Counterpart,
}

async fn two(more: &str, echo: &str) -> Two {
    let (site, staff, partners, partners_url, counterpart) = surroundings(more, echo).await;
    Two { house: House::of(site).await, staff, partners, partners_url, _partners: counterpart }
}

async fn surroundings(more: &str, echo: &str) -> (Site, Hostile, Hostile, String, Counterpart) {
    let site = Site::new(Clock::turned("2026-03-02T09:00:00Z".parse().unwrap())).await;
    let staff = Hostile::new(&site.provider_url, &site.client_secret, site.clock.clone());
    site.provider.becomes(staff.router());
    let counterpart = Counterpart::new();
    let url = format!("http://partners.localhost:{}", counterpart.address.port());
    let partners = Hostile::new(&url, &site.client_secret, site.clock.clone());
    counterpart.becomes(partners.router());
    counterpart.up();
    let second = format!(
        "groups: {{ claim: groups }}\n  partners:\n    issuer: {url}\n    client: {{ id: guestpass, secret: \"${{file:client-secret}}\" }}\n{more}"
    );
    site.change("guestpass.yaml", "groups: { claim: groups }", &second);
    site.change("guestpass.yaml", "    host: echo.localhost\n", &format!("    host: echo.localhost\n{echo}"));
    site.change(
        "policies/notes.yaml",
        "{ provider: demo, groups: { any: [guests] } }",
        "{ groups: { any: [guests] } }",
    );
    (site, staff, partners, url, counterpart)
}

/// Where the link that says `label` leads.
fn link(page: &str, label: &str) -> String {
    let end = page.find(&format!("\">{label}</a>")).unwrap_or_else(|| panic!("no {label}: {page}"));
    let start = page[..end].rfind("href=\"").unwrap() + 6;
    page[start..end].replace("&amp;", "&").replace("&#x2f;", "/")
}

#[tokio::test]
async fn people_choose_who_vouches_for_them_and_one_subject_at_two_providers_is_two_people() {
    let two = two("    title: Our partners\n", "").await;
    // One address would make accounts of one name, which is another story.
    two.partners.plays(Play {
        userinfo: |claims| claims["email"] = "paul@partner.example".into(),
        ..Play::default()
    });
    for (label, url) in [("demo", &two.house.provider_url), ("Our partners", &two.partners_url)] {
        let mut hand = Hand::new();
        let (_, page) = hand.follow(&format!("{}/a", two.house.echo_url), "nowhere").await;
        assert_eq!(page.status, 200);
        let (asked, _) = hand.follow(&link(&page.text, label), url).await;
        assert!(asked.starts_with(url), "{asked}");
        let (_, reply) = hand.follow(&asked, "nowhere").await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        assert!(reply.text.contains("\"path\":\"/a\""), "{}", reply.text);
    }
    let people = two.house.operator().asks("/people").await;
    let people: Vec<(&Value, &Value)> =
        people.as_array().unwrap().iter().map(|row| (&row["sub"], &row["provider"])).collect();
    assert_eq!(people, [(&json!("c-17"), &json!("demo")), (&json!("c-17"), &json!("partners"))]);
    let users = two.house.operator().asks("/people").await;
    assert_ne!(users[0]["user"], users[1]["user"]);
    two.house.finish().await;
}

#[tokio::test]
async fn an_answer_of_one_provider_is_not_taken_for_the_others() {
    let two = two("", "").await;
    // A code of the partners, brought to where staff come back (mix-up): neither state nor issuer fit.
    let mut hand = Hand::new();
    let (_, page) = hand.follow(&two.house.echo_url, "nowhere").await;
    let (asked, _) = hand.follow(&link(&page.text, "demo"), &two.house.provider_url).await;
    let (back, _) = hand.follow(&asked, &two.house.access_url).await;
    let mut mixed = Url::parse(&back).unwrap();
    let pairs: Vec<(String, String)> = mixed.query_pairs().into_owned().collect();
    let other = |name: &str, value: String| if name == "iss" { two.partners_url.clone() } else { value };
    let pairs: Vec<(String, String)> =
        pairs.into_iter().map(|(name, value)| (name.clone(), other(&name, value))).collect();
    mixed.query_pairs_mut().clear().extend_pairs(pairs);
    let reply = hand.get(mixed.as_str()).await;
    assert_eq!(reply.status, 403, "{}", reply.text);
    assert!(two.staff.heard("/token").is_empty(), "the code stays where it is");
    // Partners cannot say that they are staff.
    two.partners
        .plays(Play { claims: |claims| claims["iss"] = "http://login.localhost".into(), ..Play::default() });
    let mut hand = Hand::new();
    let (_, page) = hand.follow(&two.house.echo_url, "nowhere").await;
    let (_, reply) = hand.follow(&link(&page.text, "partners"), "nowhere").await;
    assert_eq!(reply.status, 403);
    assert!(reply.text.contains("not_verified"), "{}", reply.text);
    two.house.finish().await;
}

#[tokio::test]
async fn an_app_may_name_who_its_people_come_from() {
    let two = two("", "    providers: [partners]\n").await;
    let mut hand = Hand::new();
    let (asked, _) = hand.follow(&two.house.echo_url, &two.partners_url).await;
    assert!(asked.starts_with(&two.partners_url), "{asked}");
    let (sign_in, _) = Hand::new().follow(&two.house.echo_url, &two.house.access_url).await;
    let other = Hand::new().get(&format!("{sign_in}&provider=demo")).await;
    assert_eq!(other.status, 400, "{}", other.text);
    two.house.finish().await;
}

#[tokio::test]
async fn an_email_address_finds_a_provider_that_others_do_not_see() {
    let two = two("    domains: [partner.example]\n", "").await;
    let mut hand = Hand::new();
    let (_, page) = hand.follow(&two.house.echo_url, "nowhere").await;
    assert!(page.text.contains("type=\"email\"") && !page.text.contains("partners"), "{}", page.text);
    let (sign_in, _) = Hand::new().follow(&two.house.echo_url, &two.house.access_url).await;
    for nobody in
        ["carla", "carla@example.com", "carla@partner.example.evil", "carla@partner.example@evil", ""]
    {
        let mut url = Url::parse(&sign_in).unwrap();
        url.query_pairs_mut().append_pair("email", nobody);
        let page = hand.get(url.as_str()).await;
        assert!(page.headers.get("refresh").is_none() && page.text.contains("no organisation"), "{nobody}");
    }
    let mut url = Url::parse(&sign_in).unwrap();
    url.query_pairs_mut().append_pair("email", " carla@PARTNER.example ");
    let found = hand.get(url.as_str()).await;
    let next = found.header("refresh").strip_prefix("0; url=").unwrap().to_owned();
    assert!(next.starts_with(&two.house.access_url), "{next}");
    let (asked, _) = hand.follow(&next, &two.partners_url).await;
    assert!(asked.contains("login_hint=carla%40PARTNER.example"), "{asked}");
    two.house.finish().await;
}

#[tokio::test]
async fn a_sign_in_may_begin_at_the_provider_and_leads_to_our_apps_alone() {
    let two = two("", "").await;
    let start = |iss: &str, target: &str| {
        let mut url = Url::parse(&format!("{}/sign-in/initiate", two.house.access_url)).unwrap();
        url.query_pairs_mut()
            .append_pair("iss", iss)
            .append_pair("login_hint", "carla")
            .append_pair("target_link_uri", target);
        url.to_string()
    };
    // 3rd-party-init-login
    let mut hand = Hand::new();
    let url = start(&two.partners_url, &format!("{}/reports?x=1", two.house.echo_url));
    let (asked, _) = hand.follow(&url, &two.partners_url).await;
    assert!(asked.contains("login_hint=carla"), "{asked}");
    let (_, reply) = hand.follow(&asked, "nowhere").await;
    assert!(reply.text.contains("\"path\":\"/reports?x=1\""), "{}", reply.text);

    assert_eq!(Hand::new().get(&start("https://evil.example", &two.house.echo_url)).await.status, 400);
    for elsewhere in
        ["https://evil.example/", "//evil.example", "javascript:alert(1)", "http://x@evil.example/", ""]
    {
        let mut hand = Hand::new();
        let reply = hand.get(&start(&two.partners_url, elsewhere)).await;
        assert!(reply.next.unwrap().starts_with(&two.house.access_url), "{elsewhere}");
    }
    two.house.finish().await;
}

#[tokio::test]
async fn what_is_wrong_with_providers_is_told_with_its_place() {
    let (site, ..) = surroundings(
        "    domains: [\"@partner.example\"]\n    id-token-algorithms: []\n    claim-sources: [\"https://a.example/b\"]\n",
        "    providers: [partner]\n",
    )
    .await;
    site.change(
        "guestpass.yaml",
        "secret: \"${file:client-secret}\" }\n    groups",
        "key: \"none\" }\n    groups",
    );
    let said = guestpass(&["check", "--config", site.config().to_str().unwrap()]).await;
    for expected in [
        "this is no private key in PEM",
        "\"@partner.example\" is not a domain",
        "no ID token could be believed",
        "\"https://a.example/b\" is more than an origin",
        "there is no provider \"partner\"",
        "did you mean \"partners\"?",
    ] {
        assert!(
            said.err.contains(expected) || said.out.contains(expected),
            "{expected}: {} {}",
            said.out,
            said.err
        );
    }
}

#[tokio::test]
async fn two_people_are_one_by_an_operators_word_alone() {
    let mut two = two("", "").await;
    let sign_in = async |label: &str, app: &str| {
        let mut hand = Hand::new();
        let (_, page) = hand.follow(app, "nowhere").await;
        let (_, reply) = hand.follow(&link(&page.text, label), "nowhere").await;
        (hand, reply.status)
    };
    let app = two.house.notes_url.clone();
    // Accounts of one name would wait for an operator; that is another story.
    two.partners.plays(Play {
        userinfo: |claims| claims["email"] = "paul@partner.example".into(),
        ..Play::default()
    });
    let (mut staff, status) = sign_in("demo", &app).await;
    assert_eq!(status, 200);
    let (mut partner, _) = sign_in("partners", &two.house.echo_url).await;
    let operator = two.house.operator();
    let users = async || {
        let people = operator.asks("/people").await;
        people.as_array().unwrap().iter().map(|row| row["user"].clone()).collect::<Vec<_>>()
    };
    let before = users().await;
    assert_ne!(before[0], before[1]);

    for (other, status) in [("c-17@demo", 422), ("nobody@demo", 404), ("c-17@elsewhere", 404)] {
        let (found, why) = operator.tries("/people/c-17@demo/link", json!({ "other": other })).await;
        assert_eq!(found, status, "{why}");
    }
    operator.orders("/people/c-17@partners/revoke", json!({})).await;
    let out = operator.tries("/people/c-17@demo/link", json!({ "other": "c-17@partners" })).await;
    assert_eq!(out.0, 422, "{}", out.1);
    operator.orders("/people/c-17@partners/restore", json!({})).await;

    // Who was here first stays, in whichever order they are named.
    let first = users().await[0].clone();
    operator.orders("/people/c-17@partners/link", json!({ "other": "c-17@demo" })).await;
    assert_eq!(users().await, [first.clone(), first]);
    assert_eq!(two.house.record().await.iter().filter(|event| *event == "people_linked").count(), 1);
    two.house.settled().await;
    assert_eq!(two.house.kept().await.len(), 2, "the account of the other is not forgotten");
    // Each goes on with what that identity was given, and shutting one out shuts out both.
    assert_eq!(staff.get(&two.house.echo_url).await.status, 303);
    let (mut partner_again, _) = sign_in("partners", &two.house.echo_url).await;
    assert_eq!(partner_again.get(&two.house.echo_url).await.status, 200);
    operator.orders("/people/c-17@demo/revoke", json!({})).await;
    for hand in [&mut staff, &mut partner, &mut partner_again] {
        assert_ne!(hand.get(&app).await.status, 200);
    }
    two.house.end().await;
}
