//! What stands between one browser and another: cookies, states, nonces, hand-overs.

use crate::harness::{CARLA, Hand, House};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::SignedDuration;
use serde_json::Value;
use url::Url;

/// Goes from Notes to the provider's page.
async fn asked(house: &House, hand: &mut Hand) -> String {
    hand.follow(&house.notes_url, &house.provider_url).await.0
}

/// Signs in as Carla as far as the link that opens Notes, and does not open it.
async fn hand_over(house: &House, hand: &mut Hand) -> String {
    let asked = asked(house, hand).await;
    let back = hand.choose(&asked, CARLA).await;
    let reply = hand.get(&back).await;
    let link = reply.next.unwrap_or_else(|| panic!("{}", reply.text));
    assert!(link.starts_with(&format!("{}/.guestpass/enter?code=", house.notes_url)), "{link}");
    assert_eq!(
        (&reply.headers["referrer-policy"], &reply.headers["cache-control"]),
        (&"no-referrer".parse().unwrap(), &"no-store".parse().unwrap())
    );
    link
}

/// `url` with another value for a parameter of its query.
fn with(url: &str, name: &str, value: &str) -> String {
    let mut url = Url::parse(url).unwrap();
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    assert!(pairs.iter().any(|(found, _)| found == name), "{url} has no {name}");
    let pairs = pairs.iter().map(|(found, old)| (found, if found == name { value } else { old }));
    url.query_pairs_mut().clear().extend_pairs(pairs.collect::<Vec<_>>());
    url.into()
}

fn parameter(url: &str, name: &str) -> String {
    let url = Url::parse(url).unwrap();
    url.query_pairs().find(|(found, _)| found == name).unwrap().1.into_owned()
}

#[tokio::test]
async fn a_hand_over_opens_once_in_one_browser_on_one_host_within_a_minute() {
    let house = House::open().await;
    // Another browser cannot use it, and it is gone then for the one it was for.
    let (mut carla, mut thief) = (Hand::new(), Hand::new());
    asked(&house, &mut thief).await;
    let link = hand_over(&house, &mut carla).await;
    assert_eq!(thief.get(&link).await.status, 400);
    assert_eq!(carla.get(&link).await.status, 400);
    assert_eq!(Hand::new().get(&link).await.status, 400);

    // Whoever is in goes on, and gets nothing new.
    let link = hand_over(&house, &mut Hand::new()).await;
    assert_eq!(Hand::new().get(&link).await.status, 400);
    let mut carla = Hand::new();
    let link = hand_over(&house, &mut carla).await;
    assert_eq!(carla.get(&link).await.status, 303);
    let again = carla.get(&link).await;
    assert_eq!((again.status, again.next), (303, Some(format!("{}/", house.notes_url))));
    assert!(again.headers.get("set-cookie").is_none());

    // Not on another host.
    let mut carla = Hand::new();
    let link = hand_over(&house, &mut carla).await;
    carla.follow(&house.echo_url, &house.access_url).await;
    assert_eq!(carla.get(&link.replace(&house.notes_url, &house.echo_url)).await.status, 400);

    // Not after a minute.
    let mut carla = Hand::new();
    let link = hand_over(&house, &mut carla).await;
    house.turn(SignedDuration::from_secs(60));
    assert_eq!(carla.get(&link).await.status, 400);
    house.finish().await;
}

#[tokio::test]
async fn an_answer_of_the_provider_counts_once_and_in_the_browser_that_asked() {
    let house = House::open().await;
    let (mut carla, mut mallory) = (Hand::new(), Hand::new());
    let asked_mallory = asked(&house, &mut mallory).await;
    let back = mallory.choose(&asked_mallory, CARLA).await;
    // Login CSRF: somebody else's answer in Carla's browser.
    let reply = carla.get(&back).await;
    assert_eq!(reply.status, 400, "{}", reply.text);
    assert!(carla.cookies_at(&house.access_url).is_empty());
    // A state that we never gave, and one of another attempt.
    let asked_carla = asked(&house, &mut carla).await;
    for state in ["", "made-up", &parameter(&asked_mallory, "state")] {
        assert_eq!(carla.get(&with(&back, "state", state)).await.status, 400, "{state}");
    }
    // Twice: who is in goes to their own page; who is not learns nothing.
    let back = carla.choose(&asked_carla, CARLA).await;
    assert_eq!(carla.get(&back).await.status, 303);
    assert_eq!(carla.get(&back).await.next, Some(format!("{}/", house.access_url)));
    carla.cookies_at(&house.access_url).clear();
    assert_eq!(carla.get(&back).await.status, 400);
    let signed_in = house.record().await.iter().filter(|event| event.starts_with("signed_in")).count();
    assert_eq!(signed_in, 1);
    // Too late.
    let asked_again = asked(&house, &mut mallory).await;
    house.turn(SignedDuration::from_mins(10));
    let back = mallory.choose(&asked_again, CARLA).await;
    assert_eq!(mallory.get(&back).await.status, 400);
    house.finish().await;
}

#[tokio::test]
async fn a_wrong_nonce_verifier_or_code_vouches_for_nobody() {
    let house = House::open().await;
    let challenge = URL_SAFE_NO_PAD.encode([7; 32]);
    for (name, value, reason) in
        [("nonce", "another", "not_verified"), ("code_challenge", &*challenge, "provider_refused")]
    {
        let mut hand = Hand::new();
        let asked = with(&asked(&house, &mut hand).await, name, value);
        let back = hand.choose(&asked, CARLA).await;
        let reply = hand.get(&back).await;
        assert_eq!(reply.status, 403, "{}", reply.text);
        assert!(reply.text.contains(reason), "{}", reply.text);
        assert_eq!(house.record().await.last().unwrap(), &format!("sign_in_refused notes {reason}"));
        // It was used up.
        assert_eq!(hand.get(&back).await.status, 400);
    }
    let mut hand = Hand::new();
    let asked = asked(&house, &mut hand).await;
    let back = hand.choose(&asked, CARLA).await;
    assert_eq!(hand.get(&with(&back, "code", "made-up")).await.status, 403);
    assert_eq!(house.record().await.len(), 3);
    assert!(house.grants(CARLA).await.is_empty());
    house.finish().await;
}

#[tokio::test]
async fn the_authorization_request_says_what_it_must() {
    let house = House::open().await;
    let (first, second) = (asked(&house, &mut Hand::new()).await, asked(&house, &mut Hand::new()).await);
    assert_eq!(parameter(&first, "response_type"), "code");
    assert_eq!(parameter(&first, "code_challenge_method"), "S256");
    assert_eq!(parameter(&first, "redirect_uri"), format!("{}/callback", house.access_url));
    for name in ["state", "nonce", "code_challenge"] {
        assert_ne!(parameter(&first, name), parameter(&second, name), "{name}");
        assert!(parameter(&first, name).len() >= 22, "{name}");
    }
    house.finish().await;
}

#[tokio::test]
async fn a_cookie_that_somebody_planted_is_not_adopted() {
    let house = House::open().await;
    let mut carla = Hand::new();
    let planted = URL_SAFE_NO_PAD.encode([1; 32]);
    for url in [&house.access_url, &house.notes_url] {
        carla.cookies_at(url).insert("guestpass".to_owned(), planted.clone());
    }
    let link = hand_over(&house, &mut carla).await;
    assert_eq!(carla.get(&link).await.status, 303);
    assert_eq!(carla.get(&house.notes_url).await.status, 200);
    for url in [&house.access_url, &house.notes_url] {
        let mut mallory = Hand::new();
        mallory.cookies_at(url).insert("guestpass".to_owned(), planted.clone());
        assert_eq!(mallory.get(url).await.status, 303, "{url}");
        assert_ne!(carla.cookies_at(url)["guestpass"], planted);
    }
    // One host's cookie opens no other.
    let at_access = carla.cookies_at(&house.access_url)["guestpass"].clone();
    let mut moved = Hand::new();
    moved.cookies_at(&house.notes_url).insert("guestpass".to_owned(), at_access);
    assert_eq!(moved.get(&house.notes_url).await.status, 303);
    house.finish().await;
}

#[tokio::test]
async fn behind_https_cookies_are_bound_to_host_and_https() {
    let mut house = House::open().await;
    let access = house.access_url.clone();
    house.change("guestpass.yaml", &format!("url: {access}"), "url: https://access.localhost");
    house.restart().await;
    let mut carla = Hand::through(house.front);
    let start = carla.get("https://echo.localhost/x").await;
    let (asked, to_provider) = carla.follow(&start.next.unwrap(), &house.provider_url).await;
    let back = carla.choose(&asked, CARLA).await;
    let vouched = carla.get(&back).await;
    let entered = carla.get(&vouched.next.unwrap()).await;
    assert_eq!(entered.next.as_deref(), Some("https://echo.localhost/x"));
    for headers in [&start.headers, &to_provider.headers, &vouched.headers, &entered.headers] {
        let set: Vec<&str> =
            headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap()).collect();
        assert!(!set.is_empty());
        for line in set {
            assert!(
                line.starts_with("__Host-guestpass") && line.contains("; Path=/; HttpOnly; SameSite=Lax; "),
                "{line}"
            );
            assert!(line.contains("; Secure") && !line.contains("Domain"), "{line}");
        }
    }
    for url in ["https://access.localhost/", "https://echo.localhost/"] {
        let cookies = carla.cookies_at(url);
        assert!(cookies["__Host-guestpass"].len() <= 128);
    }
    // Only its hash is kept.
    let token = carla.cookies_at("https://echo.localhost/")["__Host-guestpass"].clone();
    house.settled().await;
    house.stop().await;
    if let Some(file) = house.database.file() {
        let bytes = std::fs::read(file).unwrap();
        assert!(!bytes.windows(token.len()).any(|window| window == token.as_bytes()));
    }
    house.end().await;
}

#[tokio::test]
async fn the_way_back_never_leaves_the_host() {
    let house = House::open().await;
    let mut carla = Hand::new();
    let link = hand_over(&house, &mut carla).await;
    carla.get(&link).await;
    let elsewhere = [
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/%09/evil.example",
        "https://evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "/..//evil.example",
        "/.//evil.example",
        "///evil.example",
        "/\n/evil.example",
        "http:///evil.example",
        "@evil.example",
        "/@evil.example",
        "//evil.example%2f@notes.localhost",
        "data:text/html,x",
        "//notes.localhost.evil.example",
        " //evil.example",
        "/\u{2028}/evil.example",
        "/%5cevil.example",
        "/%2f/evil.example",
    ];
    for to in elsewhere {
        let mut url = Url::parse(&format!("{}/.guestpass/start", house.notes_url)).unwrap();
        url.query_pairs_mut().append_pair("to", to);
        let (sign_in, _) = carla.follow(url.as_str(), &house.access_url).await;
        let (enter, _) = carla.follow(&sign_in, &format!("{}/.guestpass/enter", house.notes_url)).await;
        let entered = carla.get(&enter).await;
        let location = entered.header("location");
        assert!(
            location.starts_with('/')
                && !location.starts_with("//")
                && !location.contains(['\\', '\t', '\n']),
            "{to:?}: {location}"
        );
        assert_eq!(Url::parse(&entered.next.unwrap()).unwrap().host_str(), Some("notes.localhost"), "{to:?}");
        // The same, said to our own host itself.
        let direct = with(&sign_in, "to", to);
        assert!(carla.get(&direct).await.next.unwrap().starts_with(&house.notes_url), "{to:?}");
    }
    house.finish().await;
}

#[tokio::test]
async fn signing_out_ends_every_cookie_here_and_goes_on_to_the_provider() {
    let house = House::open().await;
    let mut carla = Hand::new();
    let link = hand_over(&house, &mut carla).await;
    carla.get(&link).await;
    carla.follow(&house.echo_url, "nowhere").await;
    let before = carla.cookies.clone();

    let sign_out = format!("{}/sign-out", house.access_url);
    assert_eq!(carla.get(&sign_out).await.status, 200);
    assert_eq!(carla.get(&house.notes_url).await.status, 200, "a link signs nobody out");
    carla.say("sec-fetch-site", "cross-site");
    assert_eq!(carla.post(&sign_out, &[]).await.status, 403, "nor does another site");
    carla.headers.remove("sec-fetch-site");
    let done = carla.post(&sign_out, &[]).await;
    assert!(
        done.header("set-cookie").starts_with("guestpass=; ")
            && done.header("set-cookie").contains("Max-Age=0")
    );
    let there = done.header("refresh").strip_prefix("0; url=").unwrap().to_owned();
    assert!(there.starts_with(&format!("{}/end-session?", house.provider_url)), "{there}");
    let (back, _) = carla.follow(&there, &house.access_url).await;
    assert!(back.starts_with(&format!("{}/signed-out", house.access_url)), "{back}");

    carla.cookies = before;
    for url in [&house.notes_url, &house.echo_url] {
        let reply = carla.get(url).await;
        assert_eq!(reply.status, 303, "the old cookie is dead on {url}");
    }
    assert_eq!(carla.get(&house.access_url).await.next, Some(format!("{}/sign-in", house.access_url)));
    assert_eq!(house.record().await.iter().filter(|event| *event == "signed_out").count(), 1);
    house.finish().await;
}

#[tokio::test]
async fn apps_are_told_who_it_is_by_us_alone() {
    let house = House::open().await;
    let mut carla = Hand::new();
    let link = hand_over(&house, &mut carla).await;
    carla.get(&link).await;
    carla.follow(&house.echo_url, "nowhere").await;
    carla.cookies_at(&house.echo_url).insert("theirs".to_owned(), "1".to_owned());
    let forged = [
        "x-user",
        "X_User",
        "x-roles",
        "X_ROLES",
        "x-mail",
        "guestpass-assertion",
        "Guestpass_Assertion",
        "x-guestpass-user",
        "x-forwarded-host",
        "forwarded",
    ];
    for name in forged {
        carla.say(name, "forged");
    }
    carla.say("connection", "close, guestpass-assertion, X-User");
    let reply = carla.get(&format!("{}/some/path?q=%7E1", house.echo_url)).await;
    let told: Value = serde_json::from_str(&reply.text).unwrap_or_else(|_| panic!("{reply:?}"));
    assert_eq!(told["path"], "/some/path?q=%7E1");
    assert!(!reply.text.contains("forged"), "{}", reply.text);
    let sent = |name: &str| {
        let same = |found: &str| found.replace('_', "-") == name;
        let all = told["headers"].as_array().unwrap().iter().filter(|pair| same(pair[0].as_str().unwrap()));
        all.map(|pair| pair[1].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        (sent("x-user"), sent("x-roles"), sent("x-mail")),
        (vec![CARLA.to_owned()], vec!["guest".to_owned()], vec!["carla@example.com".to_owned()])
    );
    assert_eq!((sent("cookie"), sent("guestpass-assertion").len()), (vec!["theirs=1".to_owned()], 1));

    // Where anybody may go, nobody is named.
    let public: Value =
        serde_json::from_str(&carla.get(&format!("{}/public", house.echo_url)).await.text).unwrap();
    assert!(
        !public.to_string().contains("guestpass-assertion") && !public.to_string().contains(CARLA),
        "{public}"
    );
    // A role that she does not have.
    assert_eq!(carla.get(&format!("{}/staff", house.echo_url)).await.status, 403);

    let claims = verified(&house, &sent("guestpass-assertion")[0], "echo").await.unwrap();
    assert_eq!((&claims["sub"], &claims["roles"]), (&CARLA.into(), &serde_json::json!(["guest"])));
    assert!(claims["exp"].as_i64().unwrap() <= house.clock.now().as_second() + 60);
    assert!(verified(&house, &sent("guestpass-assertion")[0], "notes").await.is_err(), "it is for one app");
    house.finish().await;
}

/// The assertion's claims, if the keys that we publish and `app` as its audience verify it.
/// What an app reads in `token`, by the keys that are published now.
pub(crate) async fn verified(
    house: &House,
    token: &str,
    app: &str,
) -> Result<Value, jsonwebtoken::errors::Error> {
    let keys = Hand::new().get(&format!("{}/.well-known/jwks.json", house.access_url)).await.text;
    let keys: jsonwebtoken::jwk::JwkSet = serde_json::from_str(&keys).unwrap();
    let header = jsonwebtoken::decode_header(token)?;
    assert_eq!(header.typ.as_deref(), Some("guestpass+jwt"));
    let key = jsonwebtoken::DecodingKey::from_jwk(keys.find(&header.kid.unwrap()).unwrap())?;
    let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::ES256);
    rules.set_audience(&[app]);
    rules.set_issuer(&[&format!("{}/", house.access_url), &house.access_url]);
    rules.validate_exp = false;
    Ok(jsonwebtoken::decode::<Value>(token, &key, &rules)?.claims)
}

#[tokio::test]
async fn what_a_page_shows_of_a_request_is_escaped() {
    let house = House::open().await;
    let script = "<script>alert(1)</script>";
    let mut hand = Hand::new();
    for (base, name) in [(&house.notes_url, "x"), (&house.access_url, "error"), (&house.access_url, "state")]
    {
        for path in ["/", "/callback", "/sign-in", "/no-such-page", "/.guestpass/enter"] {
            let mut url = Url::parse(&format!("{base}{path}")).unwrap();
            url.query_pairs_mut()
                .append_pair(name, script)
                .append_pair("app", script)
                .append_pair("code", script);
            let reply = hand.get(url.as_str()).await;
            assert!(!reply.text.contains("<script"), "{url}: {}", reply.text);
            if !reply.text.is_empty() {
                assert!(reply.header("content-security-policy").contains("default-src 'none'"), "{url}");
            }
        }
    }
    house.finish().await;
}
