mod scim;
mod trust;

use super::{Notes, NotesSettings};
use crate::clock::Clock;
use crate::loopback::Resolver;
use axum::routing::get;
use axum::{Json, Router};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::net::TcpListener;

const GATEWAY: &str = "http://access.localhost";

/// Notes on a free port, and the keys of a gateway beside it.
struct Stand {
    url: String,
    notes: Notes,
    clock: Clock,
    http: Client,
    key: EncodingKey,
    /// How often the gateway was asked for its keys.
    asked: Arc<AtomicU32>,
    _folder: tempfile::TempDir,
}

async fn serve(router: impl FnOnce(&str) -> Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://notes.localhost:{}", listener.local_addr().unwrap().port());
    let router = router(&url);
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

fn new_key(kid: &str) -> (EncodingKey, Jwk) {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let key = EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref());
    let mut jwk = Jwk::from_encoding_key(&key, Algorithm::ES256).unwrap();
    jwk.common.key_id = Some(kid.to_owned());
    (key, jwk)
}

async fn stand() -> Stand {
    let (key, jwk) = new_key("k1");
    let asked = Arc::<AtomicU32>::default();
    let keys = JwkSet { keys: vec![jwk] };
    let counter = asked.clone();
    let answer = async move || {
        counter.fetch_add(1, Ordering::Relaxed);
        Json(keys)
    };
    let jwks = serve(|_| Router::new().route("/", get(answer))).await.parse().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::turned("2026-03-02T09:00:00Z".parse().unwrap());
    let settings = NotesSettings {
        database: folder.path().join("notes.db"),
        scim_url: "http://notes.localhost/scim/v2".into(),
        scim_token: "t0ken".into(),
        gateway: GATEWAY.into(),
        jwks,
    };
    let notes = Notes::open(settings, clock.clone()).await.unwrap();
    let url = serve(|_| notes.router()).await;
    let http = Client::builder().dns_resolver(Resolver).build().unwrap();
    Stand { url, notes, clock, http, key, asked, _folder: folder }
}

impl Stand {
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    /// A SCIM request; its status and body.
    async fn scim(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let request = self.request(method, &format!("/scim/v2{path}")).bearer_auth("t0ken");
        let request = if body.is_null() { request } else { request.json(&body) };
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or_default())
    }

    async fn carla(&self) -> String {
        let carla =
            json!({ "userName": "carla", "externalId": "x1", "active": true, "displayName": "Carla" });
        let (status, user) = self.scim(Method::POST, "/Users", carla).await;
        assert_eq!(status, 201, "{user}");
        user["id"].as_str().unwrap().to_owned()
    }

    fn claims(&self, account: &str) -> Value {
        let now = self.clock.now().as_second();
        json!({
            "iss": GATEWAY, "aud": "notes", "sub": "c-17", "iat": now, "exp": now + 60,
            "account": account, "roles": ["guest"], "access_until": now + 120, "name": "Carla",
        })
    }
}

fn header() -> Header {
    Header { typ: Some("guestpass+jwt".into()), kid: Some("k1".into()), ..Header::new(Algorithm::ES256) }
}

fn sign(header: &Header, claims: &Value, key: &EncodingKey) -> String {
    encode(header, claims, key).unwrap()
}
