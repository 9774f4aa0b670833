use super::*;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::SignedDuration;

impl Stand {
    async fn home(&self, assertions: &[&str]) -> (u16, String) {
        let mut request = self.request(Method::GET, "/");
        for assertion in assertions {
            request = request.header("Guestpass-Assertion", *assertion);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }
}

#[tokio::test]
async fn an_account_opens_its_notes() {
    let stand = stand().await;
    let id = stand.carla().await;
    let token = sign(&header(), &stand.claims(&id), &stand.key);
    let (status, page) = stand.home(&[&token]).await;
    assert_eq!(status, 200, "{page}");
    assert!(page.contains(&id) && page.contains("2 March 2026, 09:02:00 UTC"), "{page}");

    let whoami = stand.request(Method::GET, "/hook/whoami").header("Guestpass-Assertion", &token);
    let whoami: Value = whoami.send().await.unwrap().json().await.unwrap();
    assert_eq!((&whoami["account"]["id"], &whoami["roles"]), (&json!(id), &json!(["guest"])));

    for (site, status) in [("cross-site", 403), ("same-origin", 200)] {
        let note = stand.request(Method::POST, "/notes").header("Guestpass-Assertion", &token);
        let note = note.header("Sec-Fetch-Site", site).form(&[("text", "<b>milk</b>")]);
        assert_eq!(note.send().await.unwrap().status(), status, "{site}");
    }
    assert!(stand.home(&[&token]).await.1.contains("&lt;b&gt;milk"));
    assert_eq!(stand.asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn without_an_active_account_nobody_enters() {
    let stand = stand().await;
    let id = stand.carla().await;
    let absent = sign(&header(), &stand.claims("nobody"), &stand.key);
    assert_eq!(stand.home(&[&absent]).await.0, 403);
    let disable = json!({ "Operations": [{ "op": "replace", "path": "active", "value": false }] });
    assert_eq!(stand.scim(Method::PATCH, &format!("/Users/{id}"), disable).await.0, 200);
    assert_eq!(stand.home(&[&sign(&header(), &stand.claims(&id), &stand.key)]).await.0, 403);
    assert!(!stand.notes.accounts().await.unwrap()[0].active);
}

#[tokio::test]
async fn only_the_gateways_word_for_this_app_and_moment_counts() {
    let stand = stand().await;
    let id = stand.carla().await;
    let good = sign(&header(), &stand.claims(&id), &stand.key);
    let with = |name: &str, value: Value| {
        let mut claims = stand.claims(&id);
        claims[name] = value;
        sign(&header(), &claims, &stand.key)
    };
    let without = |name: &str| {
        let mut claims = stand.claims(&id);
        claims.as_object_mut().unwrap().remove(name);
        sign(&header(), &claims, &stand.key)
    };
    let headed = |header: Header| sign(&header, &stand.claims(&id), &stand.key);
    let (_, payload) = good.split_once('.').unwrap();
    let none =
        URL_SAFE_NO_PAD.encode(json!({ "alg": "none", "typ": "guestpass+jwt", "kid": "k1" }).to_string());
    let shared = EncodingKey::from_secret(b"k1");
    let cases = [
        ("wrong audience", with("aud", json!("wiki"))),
        ("no audience", without("aud")),
        ("wrong issuer", with("iss", json!("http://evil.localhost"))),
        ("no issuer", without("iss")),
        ("no expiry", without("exp")),
        ("expired", with("exp", json!(stand.clock.now().as_second()))),
        ("another type", headed(Header { typ: Some("JWT".into()), ..header() })),
        ("unknown key", headed(Header { kid: Some("k2".into()), ..header() })),
        ("no key id", headed(Header { kid: None, ..header() })),
        ("critical extension", headed(Header { crit: Some(vec!["b64".into()]), ..header() })),
        ("foreign key", sign(&header(), &stand.claims(&id), &new_key("k1").0)),
        ("shared secret", sign(&Header { alg: Algorithm::HS256, ..header() }, &stand.claims(&id), &shared)),
        ("no signature", format!("{none}.{}.", payload.split_once('.').unwrap().0)),
        ("alg none, signed", format!("{none}.{payload}")),
        ("garbage", "a.b.c".into()),
    ];
    assert_eq!(stand.home(&[&good]).await.0, 200, "a refusal alone shows nothing");
    for (name, token) in cases {
        let (status, page) = stand.home(&[&token]).await;
        assert_eq!(status, 401, "{name}");
        assert!(page.contains("Notes only opens through its gateway"), "{name}");
    }
    assert_eq!(stand.home(&[]).await.0, 401);
    assert_eq!(stand.home(&[&good, &good]).await.0, 401);
    stand.clock.advance(SignedDuration::from_secs(59));
    assert_eq!(stand.home(&[&good]).await.0, 200);
    stand.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(stand.home(&[&good]).await.0, 401);
    assert_eq!(stand.asked.load(Ordering::Relaxed), 1, "an unknown key is not asked for again at once");
}
