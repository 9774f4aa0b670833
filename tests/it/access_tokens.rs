//! Programs show an access token in place of a session: what is let in, what is not, and how it ends.

mod asked;
mod ends;
mod people;
mod refused;

use crate::harness::{AUDIENCE, Hand, Hostile, Play, Site, Stage, guestpass};
use serde_json::{Value, json};

/// What machines get.
const MACHINES: &str = "
  deploy:
    who: { provider: demo, claims: { client_id: ci } }
    gets: { notes: { groups: [readers] }, echo: {} }
";

/// The app that echoes takes access tokens with the scope `read`, by these terms of the provider and these of its own.
fn takes_tokens(site: &Site, provider: &str, app: &str) {
    let before = "groups: { claim: groups }";
    site.change("guestpass.yaml", before, &format!("{before}\n    access-tokens: {provider}"));
    let before = "headers: { X-User: subject";
    let terms = format!("access-tokens: {{ audience: \"{AUDIENCE}\", scopes: [read]{app} }}");
    site.change("guestpass.yaml", before, &format!("{terms}\n    {before}"));
    let policy = std::fs::read_to_string(site.folder().join("policies/notes.yaml")).unwrap();
    site.write("policies/notes.yaml", &format!("{}{}", policy.trim_end(), MACHINES));
}

/// The house where it does, and its provider, which is asked about tokens that are no JWT.
async fn stage() -> Stage {
    Stage::after(|site| takes_tokens(site, "{ introspect: true }", "")).await
}

/// A program that shows `token`.
fn program(token: &str) -> Hand {
    let mut hand = Hand::new();
    hand.headers.clear();
    hand.say("authorization", &format!("Bearer {token}"));
    hand
}

/// What the app was sent under this name.
fn told(text: &str, name: &str) -> Vec<String> {
    let told: Value = serde_json::from_str(text).unwrap_or_else(|_| panic!("{text}"));
    let pairs = told["headers"].as_array().unwrap().iter();
    pairs.filter(|pair| pair[0] == name).map(|pair| pair[1].as_str().unwrap().to_owned()).collect()
}

/// Who comes with `token` gets in.
async fn passes(stage: &Stage, what: &str, token: &str) {
    let reply = program(token).get(&stage.house.echo_url).await;
    assert_eq!(reply.status, 200, "{what}: {}", reply.text);
}

/// Who comes with `token` does not, and is told so in the words of RFC 6750.
async fn fails(stage: &Stage, what: &str, token: &str, status: u16, error: &str, reason: &str) {
    let before = stage.house.echo.seen().len();
    let mut program = program(token);
    // As a browser would: even so it is not sent anywhere.
    program.say("accept", "text/html");
    program.say("sec-fetch-mode", "navigate");
    let reply = program.get(&stage.house.echo_url).await;
    assert_eq!((reply.status, &reply.next), (status, &None), "{what}: {}", reply.text);
    let challenge = reply.header("www-authenticate");
    assert!(challenge.starts_with("Bearer realm=\"echo\""), "{what}: {challenge}");
    assert!(challenge.contains(&format!("error=\"{error}\"")), "{what}: {challenge}");
    program.headers.remove("accept");
    program.headers.remove("sec-fetch-mode");
    let reply = program.get(&stage.house.echo_url).await;
    assert!(reply.text.contains(reason), "{what}: {}", reply.text);
    assert_eq!(stage.house.echo.seen().len(), before, "{what}: the app was asked");
}

#[tokio::test]
async fn a_program_gets_in_by_its_token_and_the_app_is_told_by_us_who_it_is() {
    let stage = stage().await;
    let token = stage.provider.access_token(json!({}));
    let mut program = program(&token);
    for round in 0..3 {
        let reply = program.get(&format!("{}/jobs?x=1", stage.house.echo_url)).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        assert_eq!(told(&reply.text, "x-user"), ["ci"], "{round}");
        assert_eq!(told(&reply.text, "x-roles"), ["deploy"], "{round}");
        assert_eq!(told(&reply.text, "guestpass-assertion").len(), 1);
        assert!(!reply.text.contains(&token), "the app has the token: {}", reply.text);
    }
    // Where nobody is looked at, it is not for the app either.
    let reply = program.get(&format!("{}/public/x", stage.house.echo_url)).await;
    assert!(reply.status == 200 && told(&reply.text, "authorization").is_empty(), "{}", reply.text);
    // A sign-in, once; and no account, though the role gives one to people.
    let record = stage.house.record().await;
    assert_eq!(record, ["signed_in first"], "{record:?}");
    assert!(stage.house.kept().await.is_empty());
    let grants = stage.house.grants("ci").await;
    assert_eq!(grants.len(), 2, "{grants:?}");
    // What is Basic is none of ours, and goes on to the app of whoever is signed in.
    let mut hand = Hand::new();
    hand.follow(&stage.house.echo_url, "nowhere").await;
    hand.say("authorization", "Basic YTpi");
    let reply = hand.get(&stage.house.echo_url).await;
    assert_eq!(told(&reply.text, "authorization"), ["Basic YTpi"]);
    stage.close().await;
}

#[tokio::test]
async fn an_app_that_takes_none_and_one_with_another_name_are_not_opened_by_it() {
    let stage = Stage::after(|site| {
        takes_tokens(site, "{}", "");
        let other = format!("  other:\n    host: other.localhost\n    upstream: http://{}\n    access-tokens: {{ audience: other }}\n\npolicies:", site.echo.address);
        site.change("guestpass.yaml", "\npolicies:", &other);
        site.change("policies/notes.yaml", "echo: {} }\n", "echo: {}, other: {} }\n");
    })
    .await;
    let other = stage.house.echo_url.replace("echo.", "other.");
    let token = stage.provider.access_token(json!({}));
    passes(&stage, "where it is for", &token).await;
    let reply = program(&token).get(&other).await;
    assert!(reply.status == 401 && reply.text.contains("aud"), "{}", reply.text);
    let both = stage.provider.access_token(json!({ "aud": [AUDIENCE, "other"] }));
    passes(&stage, "one for both", &both).await;
    assert_eq!(program(&both).get(&other).await.status, 200);
    // The sign-in is one, and was carried over.
    assert_eq!(stage.house.record().await.last().unwrap(), "session_opened other");
    let mut plain = program(&token);
    plain.headers.remove("sec-fetch-mode");
    let reply = plain.get(&stage.house.notes_url).await;
    assert_eq!((reply.status, reply.header("www-authenticate")), (401, "Bearer realm=\"guestpass\""));
    stage.close().await;
}

#[tokio::test]
async fn a_program_that_gets_no_account_is_given_none_by_a_start_either() {
    let mut stage = stage().await;
    let token = stage.provider.access_token(json!({}));
    assert_eq!(program(&token).get(&stage.house.echo_url).await.status, 200);
    stage.house.restart().await;
    assert_eq!(program(&token).get(&stage.house.echo_url).await.status, 200);
    // The policy reaches everybody meanwhile.
    for _ in 0..20 {
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        assert_eq!(stage.house.record().await, ["signed_in first"]);
    }
    assert!(stage.house.kept().await.is_empty());
    stage.close().await;
}

#[tokio::test]
async fn an_account_and_the_token_itself_are_had_where_that_is_asked_for() {
    let stage =
        Stage::after(|site| takes_tokens(site, "{ machine-accounts: true }", ", pass-on: true")).await;
    let token = stage.provider.access_token(json!({}));
    let reply = program(&token).get(&stage.house.echo_url).await;
    assert_eq!(told(&reply.text, "authorization"), [format!("Bearer {token}")]);
    stage.house.settled().await;
    let account = stage.house.account().await;
    assert!(account.active && account.groups == ["readers"]);
    stage.close().await;
}

#[tokio::test]
async fn an_app_that_is_observed_gets_every_token_and_hears_whose_only_the_good_ones_are() {
    let stage = Stage::after(|site| {
        takes_tokens(site, "{}", "");
        let host = "    host: echo.localhost\n";
        site.change("guestpass.yaml", host, &format!("{host}    enforce: false\n"));
    })
    .await;
    let good = stage.provider.access_token(json!({}));
    for (token, is_good) in [(&*good, true), ("not.a.token", false)] {
        let reply = program(token).get(&stage.house.echo_url).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        assert_eq!(told(&reply.text, "authorization"), [format!("Bearer {token}")]);
        assert_eq!(told(&reply.text, "guestpass-assertion").len(), usize::from(is_good), "{}", reply.text);
    }
    stage.close().await;
}

#[tokio::test]
async fn another_proxy_is_told_the_same_and_that_the_app_is_not_to_have_the_token() {
    let stage = Stage::after(|site| {
        takes_tokens(site, "{}", "");
        let listen = format!("listen: {}", site.front);
        let both = format!(
            "listen: [\"{}\", {{ at: \"unix:asked.sock\", forward-auth: true }}]\ntrusted-proxies: [unix]",
            site.front
        );
        site.change("guestpass.yaml", &listen, &both);
    })
    .await;
    let token = stage.provider.access_token(json!({}));
    let asks = async |token: &str, path: &str| {
        let socket = stage.house.folder().join("asked.sock");
        let client = reqwest::Client::builder().unix_socket(socket).build().unwrap();
        let host = stage.house.echo_url.trim_start_matches("http://");
        let asked = client
            .get("http://guestpass/.guestpass/auth")
            .header("x-forwarded-method", "GET")
            .header("x-forwarded-host", host)
            .header("x-forwarded-uri", path)
            .header("authorization", format!("Bearer {token}"));
        asked.send().await.unwrap()
    };
    let yes = asks(&token, "/jobs").await;
    assert_eq!(yes.status(), 200);
    assert_eq!(
        (&yes.headers()["x-user"], &yes.headers()["authorization"]),
        (&"ci".parse().unwrap(), &"".parse().unwrap())
    );
    let no = asks("nonsense", "/jobs").await;
    assert_eq!(no.status(), 401);
    assert_eq!(no.headers()["www-authenticate"], "Bearer realm=\"echo\", error=\"invalid_token\"");
    assert_eq!(asks(&token, "/staff").await.status(), 403);
    stage.close().await;
}

#[tokio::test]
async fn what_cannot_be_meant_is_a_mistake() {
    let site = Site::new(guestpass::clock::Clock::system()).await;
    takes_tokens(&site, "{ introspect: true }", "");
    let config = site.config().display().to_string();
    let said = async || guestpass(&["check", "--config", &config]).await;
    assert_eq!(said().await.code, 0, "{:?}", said().await);
    let text = std::fs::read_to_string(site.config()).unwrap();
    for (from, to, words) in [
        ("access-tokens: { introspect: true }", "refresh: 10m", "say `access-tokens: {}` below a provider"),
        (AUDIENCE, "", "names no API"),
        ("scopes: [read]", "scopes: [\"read write\"]", "\"read write\" is not one scope"),
        ("introspect: true", "algorithms: []", "no access token could be believed"),
        ("introspect: true", "algorithms: [HS256]", "HS256"),
        ("introspect: true", "typ: jwt", "at+jwt"),
        ("introspect: true", "max-lifetime: long", "long"),
    ] {
        assert!(text.contains(from), "{from}");
        site.write("guestpass.yaml", &text.replacen(from, to, 1));
        let said = said().await;
        assert!(said.code == 1 && said.err.contains(words), "{to}: {}", said.err);
    }
    site.write(
        "guestpass.yaml",
        &text.replace("introspect: true", "typ: any").replace(AUDIENCE, "guestpass"),
    );
    let said = said().await;
    assert!(
        said.code == 1 && said.err.contains("ID tokens of demo are for this audience, too"),
        "{}",
        said.err
    );
}
