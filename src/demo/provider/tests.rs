use super::*;
use crate::demo::browser::{Answer, Browser};
use http::StatusCode;
use openidconnect::core::{CoreIdTokenVerifier, CoreProviderMetadata};
use tokio::net::TcpListener;

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// RFC 7636, appendix B.
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const CALLBACK: &str = "http://access.localhost:1/callback";

struct Stand {
    clock: Clock,
    browser: Browser,
    issuer: String,
}

async fn stand() -> Stand {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://id.localhost:{}", listener.local_addr().unwrap().port());
    // The other client asks the machine what time it is.
    let clock = Clock::turned(Clock::system().now());
    let settings = ProviderSettings {
        issuer: issuer.clone(),
        client_id: "guestpass".into(),
        client_secret: "s3cret/+".into(),
        redirect_uris: vec![CALLBACK.into()],
        post_logout_redirect_uris: vec![format!("{issuer}/bye")],
        people: Person::cast(),
    };
    let router = Provider::new(settings, clock.clone()).unwrap().router();
    tokio::spawn(async move { axum::serve(listener, router).await });
    Stand { browser: Browser::new(clock.clone()).unwrap(), clock, issuer }
}

impl Stand {
    fn authorize(&self, more: &str) -> String {
        format!(
            "{}/authorize?client_id=guestpass&redirect_uri={CALLBACK}&response_type=code&scope=openid%20email\
             &state=st&nonce=no&code_challenge={CHALLENGE}&code_challenge_method=S256{more}",
            self.issuer
        )
    }

    /// Signs in and returns what the callback would be told. Nobody listens there, so the redirect is not followed.
    async fn sign_in(&self, person: &str) -> HashMap<String, String> {
        let url = self.authorize("");
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        let client = client.dns_resolver(crate::loopback::Resolver).build().unwrap();
        let answer = client.post(url).form(&[("person", person)]).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        let url: Url = answer.headers()["location"].to_str().unwrap().parse().unwrap();
        url.query_pairs().into_owned().collect()
    }

    async fn exchange(&self, code: &str, verifier: &str) -> Answer {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", verifier),
            ("client_id", "guestpass"),
            ("client_secret", "s3cret/+"),
        ];
        self.browser.post_form(&format!("{}/token", self.issuer), &fields).await.unwrap()
    }
}

fn json(answer: &Answer) -> Value {
    serde_json::from_str(&answer.text).unwrap()
}

#[tokio::test]
async fn a_client_that_others_wrote_believes_the_id_token() {
    let stand = stand().await;
    let page = stand.browser.get(&stand.authorize("")).await.unwrap();
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("Sign in as Carla"), "{}", page.text);

    let told = stand.sign_in("c-17").await;
    assert_eq!((told["state"].as_str(), &told["iss"]), ("st", &stand.issuer));
    let answer = stand.exchange(&told["code"], VERIFIER).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let tokens = json(&answer);

    let discovered =
        stand.browser.xhr(&format!("{}/.well-known/openid-configuration", stand.issuer)).await.unwrap();
    let metadata: CoreProviderMetadata = serde_json::from_str(&discovered.text).unwrap();
    let keys = stand.browser.xhr(metadata.jwks_uri().url().as_str()).await.unwrap();
    let verifier = CoreIdTokenVerifier::new_public_client(
        openidconnect::ClientId::new("guestpass".into()),
        metadata.issuer().clone(),
        serde_json::from_str(&keys.text).unwrap(),
    )
    .set_allowed_algs(metadata.id_token_signing_alg_values_supported().clone());
    let token: openidconnect::core::CoreIdToken = serde_json::from_value(tokens["id_token"].clone()).unwrap();
    let claims = token.claims(&verifier, &openidconnect::Nonce::new("no".into())).unwrap();
    assert_eq!(claims.subject().as_str(), "c-17");
    assert_eq!(claims.email().unwrap().as_str(), "carla@example.com");

    let userinfo = reqwest::Client::builder().dns_resolver(crate::loopback::Resolver).build().unwrap();
    let userinfo = userinfo.get(format!("{}/userinfo", stand.issuer));
    let userinfo = userinfo.bearer_auth(tokens["access_token"].as_str().unwrap()).send().await.unwrap();
    let userinfo: Value = userinfo.json().await.unwrap();
    assert_eq!((&userinfo["sub"], &userinfo["groups"]), (&json!("c-17"), &json!(["guests"])));

    let bye = format!("{0}/end-session?state=x&post_logout_redirect_uri={0}/bye", stand.issuer);
    let stays = stand.browser.get(&bye).await.unwrap();
    assert!(stays.hops.is_empty() && stays.text.contains("signed out"));
    stand.clock.advance(jiff::SignedDuration::from_hours(24));
    let hinted = format!("{bye}&id_token_hint={}", tokens["id_token"].as_str().unwrap());
    let back = stand.browser.get(&hinted).await.unwrap();
    assert_eq!((back.url.path(), back.url.query()), ("/bye", Some("state=x")));
}

#[tokio::test]
async fn a_code_works_once_in_time_and_with_its_verifier() {
    let stand = stand().await;
    let refused = |answer: Answer, why: &str| {
        assert_eq!((answer.status, json(&answer)), (StatusCode::BAD_REQUEST, json!({ "error": why })));
    };

    let code = &stand.sign_in("s-4").await["code"];
    refused(stand.exchange(code, &VERIFIER.replace('d', "e")).await, "invalid_grant");
    refused(stand.exchange(code, VERIFIER).await, "invalid_grant");

    let code = &stand.sign_in("s-4").await["code"];
    assert_eq!(stand.exchange(code, VERIFIER).await.status, StatusCode::OK);
    refused(stand.exchange(code, VERIFIER).await, "invalid_grant");

    let code = &stand.sign_in("s-4").await["code"];
    stand.clock.advance(jiff::SignedDuration::from_secs(60));
    refused(stand.exchange(code, VERIFIER).await, "invalid_grant");
}

#[tokio::test]
async fn only_the_registered_client_is_served() {
    let stand = stand().await;
    for bad in ["redirect_uri", "client_id"] {
        let url = stand.authorize("").replacen(&format!("{bad}="), &format!("{bad}=x"), 1);
        assert_eq!(stand.browser.get(&url).await.unwrap().status, StatusCode::BAD_REQUEST, "{bad}");
    }
    let token = format!("{}/token", stand.issuer);
    let plain = reqwest::Client::builder().dns_resolver(crate::loopback::Resolver).build().unwrap();
    for (secret, status) in [("s3cret%2F%2B", 400), ("wrong", 401)] {
        let body = "grant_type=authorization_code&code=none";
        let request = plain.post(&token).basic_auth("guestpass", Some(secret)).body(body);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        assert_eq!(request.send().await.unwrap().status(), status, "{secret}");
    }
    assert_eq!(stand.sign_in("").await["error"], "access_denied");
}
