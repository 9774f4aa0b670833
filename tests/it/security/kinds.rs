//! A token that was made for one purpose is good for no other.

use crate::harness::{AUDIENCE, Hand, Hostile, Process, Site, guestpass, reserve};
use guestpass::clock::Clock;
use serde_json::{Value, json};

/// The status that whoever brings `credential` in the header `name` gets at `url`.
async fn tries(url: &str, name: &str, credential: &str) -> u16 {
    let mut hand = Hand::new();
    hand.headers.clear();
    hand.say(name, credential);
    hand.get(url).await.status
}

#[tokio::test]
async fn no_token_of_one_kind_is_good_for_another() {
    let site = Site::new(Clock::system()).await;
    let provider = Hostile::new(&site.provider_url, &site.client_secret, Clock::system());
    site.provider.becomes(provider.router());
    let (_reserved, at) = reserve();
    site.change("guestpass.yaml", "workers: 2\n", &format!("workers: 2\nadmin-api: {{ listen: {at} }}\n"));
    let groups = "groups: { claim: groups }";
    site.change("guestpass.yaml", groups, &format!("{groups}\n    access-tokens: {{ typ: any }}"));
    let headers = "headers: { X-User";
    site.change(
        "guestpass.yaml",
        headers,
        &format!("access-tokens: {{ audience: \"{AUDIENCE}\" }}\n    {headers}"),
    );
    let process = Process::serve(&site).await;
    let config = site.config().display().to_string();
    let made =
        guestpass(&["tokens", "new", "robot", "--role", "admin", "--for", "30d", "--config", &config]).await;
    assert_eq!(made.code, 0, "{made:?}");

    let mut hand = Hand::new();
    let (_, reply) = hand.follow(&site.echo_url, "nowhere").await;
    let told: Value = serde_json::from_str(&reply.text).unwrap();
    let headers = told["headers"].as_array().unwrap();
    let assertion =
        headers.iter().find(|pair| pair[0] == "guestpass-assertion").unwrap()[1].as_str().unwrap();
    let cookie = hand.cookies_at(&site.echo_url)["guestpass"].clone();
    let who = |more: Value| {
        let mut claims = json!({ "sub": "c-17", "client_id": "cli", "groups": ["guests"] });
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        claims
    };
    let id_token = json!({ "aud": "guestpass", "nonce": "n" });
    let logout = json!({ "events": { "http://schemas.openid.net/event/backchannel-logout": {} } });
    let jwt = || json!({ "typ": "JWT", "kid": "e1" });
    let kinds = [
        ("access token", provider.access_token(who(json!({})))),
        ("ID token", provider.access_token_with(jwt(), who(id_token), crate::harness::Play::default())),
        ("logout token", provider.access_token_with(jwt(), who(logout), crate::harness::Play::default())),
        ("assertion", assertion.to_owned()),
        ("session", cookie),
        ("admin token", made.out.trim().to_owned()),
    ];
    let (app, api) = (site.echo_url.clone(), format!("http://{at}/people"));
    for (kind, token) in &kinds {
        let as_bearer = tries(&app, "authorization", &format!("Bearer {token}")).await;
        assert_eq!(as_bearer == 200, *kind == "access token", "{kind} as a bearer token: {as_bearer}");
        let as_cookie = tries(&app, "cookie", &format!("guestpass={token}")).await;
        assert_eq!(as_cookie == 200, *kind == "session", "{kind} as a cookie: {as_cookie}");
        let at_api = tries(&api, "authorization", &format!("Bearer {token}")).await;
        assert_eq!(at_api == 200, *kind == "admin token", "{kind} at the admin API: {at_api}");
        let as_assertion = tries(&app, "guestpass-assertion", token).await;
        assert_eq!(as_assertion, 401, "{kind} as an assertion");
    }
    // Nor is a session that of another host, or of our own pages.
    let (_, session) = &kinds[4];
    for url in [&site.notes_url, &site.access_url] {
        assert_ne!(tries(url, "cookie", &format!("guestpass={session}")).await, 200, "{url}");
    }
    assert_eq!(process.stop().await, 0);
}
