//! A fake: an OpenID provider that does what no honest one does, one thing at a time. It asks nobody who they are:
//! whoever comes is Carla, unless the play says otherwise.

mod access_tokens;
mod held;

pub(crate) use access_tokens::AUDIENCE;

use super::CARLA;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use guestpass::clock::Clock;
use guestpass::seal::random_text;
use http::{HeaderMap, StatusCode};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;

/// What is made of something before it is sent.
pub(crate) type Change = fn(&mut Value);

/// How it behaves. What is not said is as it should be.
#[derive(Clone)]
pub(crate) struct Play {
    /// Who comes.
    pub(crate) person: &'static str,
    /// What it publishes of itself.
    pub(crate) metadata: Change,
    /// Its key set.
    pub(crate) keys: Change,
    /// What signs its ID tokens.
    pub(crate) signs: Signs,
    /// The header of an ID token.
    pub(crate) header: Change,
    /// The claims of an ID token.
    pub(crate) claims: Change,
    /// The answer of the token endpoint.
    pub(crate) tokens: Change,
    /// The claims at userinfo.
    pub(crate) userinfo: Change,
    /// Whether those are signed.
    pub(crate) userinfo_is_signed: bool,
    /// The claims at `/claims`.
    pub(crate) elsewhere: Change,
    /// Whether those come with the ID token.
    pub(crate) aggregates: bool,
    /// What the browser brings back.
    pub(crate) answer: Change,
    /// The same from signing out.
    pub(crate) goodbye: Change,
    /// Whether it has another key by the time it signs.
    pub(crate) rotates: bool,
}

/// What an ID token is signed with.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Signs {
    Es256,
    Rs256,
    /// ES256, by a key that is not published, under the name of the one that is.
    Stranger,
    /// Its own key, and then the signature is spoilt.
    Spoilt(Algorithm),
    /// HS256, by our own secret.
    Secret,
    /// HS256, by what is published of the RSA key.
    Published,
    /// Nothing.
    Nobody,
}

impl Default for Play {
    fn default() -> Self {
        let as_it_is: Change = |_| {};
        Self {
            person: CARLA,
            metadata: as_it_is,
            keys: as_it_is,
            signs: Signs::Es256,
            header: as_it_is,
            claims: as_it_is,
            tokens: as_it_is,
            userinfo: as_it_is,
            userinfo_is_signed: false,
            elsewhere: as_it_is,
            aggregates: false,
            answer: as_it_is,
            goodbye: as_it_is,
            rotates: false,
        }
    }
}

/// A request that did not come through a browser.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) form: HashMap<String, String>,
    pub(crate) body: String,
}

/// The provider. Clones are the same.
#[derive(Clone)]
pub(crate) struct Hostile(Arc<Inner>);

struct Inner {
    issuer: String,
    secret: String,
    clock: Clock,
    state: Mutex<State>,
}

struct State {
    play: Play,
    es256: (EncodingKey, Value),
    rs256: (EncodingKey, Value),
    /// Requests for authorization, by code or by the name under which they were pushed.
    asked: HashMap<String, HashMap<String, String>>,
    /// The one refresh token that is good; one that is shown twice makes none good.
    refresh: Option<String>,
    heard: Vec<Heard>,
    /// When its person last proved who they are.
    since: i64,
    /// Where it speaks to clients that show a certificate.
    alias: Option<String>,
    /// Security events that wait to be asked for, by `jti`.
    waiting: BTreeMap<String, String>,
    /// What it says that the time is.
    time: Option<Clock>,
    /// What it says of access tokens that say nothing by themselves.
    opaque: HashMap<String, Value>,
    /// Until when the next answer to a refresh token is held back.
    held: Option<oneshot::Receiver<()>>,
}

impl Hostile {
    pub(crate) fn new(issuer: &str, secret: &str, clock: Clock) -> Self {
        let state = State {
            play: Play::default(),
            es256: es256("e1"),
            rs256: rs256(),
            asked: HashMap::new(),
            refresh: None,
            heard: Vec::new(),
            since: clock.now().as_second(),
            alias: None,
            waiting: BTreeMap::new(),
            time: None,
            opaque: HashMap::new(),
            held: None,
        };
        let (issuer, secret) = (issuer.to_owned(), secret.to_owned());
        Self(Arc::new(Inner { issuer, secret, clock, state: Mutex::new(state) }))
    }

    pub(crate) fn router(&self) -> Router {
        let provider = self.clone();
        Router::new().fallback(move |request: Request| {
            let provider = provider.clone();
            async move {
                let mut response = provider.answer(request).await;
                let time = provider.0.state.lock().unwrap().time.as_ref().map(Clock::now);
                if let Some(time) = time {
                    let date = time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
                    response.headers_mut().insert(http::header::DATE, date.parse().unwrap());
                }
                response
            }
        })
    }

    /// Behaves so from now on.
    pub(crate) fn plays(&self, play: Play) {
        self.0.state.lock().unwrap().play = play;
    }

    /// Signs with another key from now on, and publishes no other of its kind.
    pub(crate) fn rotates(&self) {
        self.0.state.lock().unwrap().es256 = es256(&random_text());
    }

    /// Tells the time of this clock.
    pub(crate) fn tells_time(&self, clock: Clock) {
        self.0.state.lock().unwrap().time = Some(clock);
    }

    /// Tells clients that show a certificate to come to `address`.
    pub(crate) fn speaks_at(&self, address: &str) {
        self.0.state.lock().unwrap().alias = Some(address.to_owned());
    }

    /// `claims` as a token of this type, signed as the play has it.
    pub(crate) fn says(&self, typ: Option<&str>, claims: &Value) -> String {
        let state = self.0.state.lock().unwrap();
        let kid = state.es256.1["kid"].clone();
        sign(&state, &self.0.secret, json!({ "kid": kid, "typ": typ }), claims)
    }

    /// Keeps a token for whoever asks for security events.
    pub(crate) fn keeps(&self, jti: &str, token: String) {
        self.0.state.lock().unwrap().waiting.insert(jti.to_owned(), token);
    }

    /// The security events that nobody has taken yet, by `jti`.
    pub(crate) fn waiting(&self) -> Vec<String> {
        self.0.state.lock().unwrap().waiting.keys().cloned().collect()
    }

    /// What was asked of it directly at `path`, oldest first.
    pub(crate) fn heard(&self, path: &str) -> Vec<Heard> {
        let state = self.0.state.lock().unwrap();
        state.heard.iter().filter(|heard| heard.path == path).cloned().collect()
    }

    async fn answer(&self, request: Request) -> Response {
        let (head, body) = request.into_parts();
        let body: Bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        let read = |text: &[u8]| url::form_urlencoded::parse(text).into_owned().collect::<HashMap<_, _>>();
        let (query, form) = (read(head.uri.query().unwrap_or_default().as_bytes()), read(&body));
        let path = head.uri.path().to_owned();
        let body = String::from_utf8_lossy(&body).into_owned();
        let proved = head.headers.contains_key(http::header::AUTHORIZATION);
        let heard = Heard { path: path.clone(), headers: head.headers, form: form.clone(), body };
        if let Some(answer) = self.held_back(&heard) {
            return answer.await;
        }
        let mut state = self.0.state.lock().unwrap();
        state.heard.push(heard);
        match path.as_str() {
            "/.well-known/openid-configuration" => {
                let mut metadata = self.metadata();
                if let Some(alias) = &state.alias {
                    let at = |path: &str| format!("{alias}/mtls/{path}");
                    metadata["mtls_endpoint_aliases"] =
                        json!({ "token_endpoint": at("token"), "userinfo_endpoint": at("userinfo") });
                }
                (state.play.metadata)(&mut metadata);
                axum::Json(metadata).into_response()
            }
            "/jwks" => {
                let mut keys = json!({ "keys": [state.es256.1, state.rs256.1] });
                (state.play.keys)(&mut keys);
                axum::Json(keys).into_response()
            }
            "/par" => {
                let name = format!("urn:example:{}", random_text());
                state.asked.insert(name.clone(), form);
                let answer = json!({ "request_uri": name, "expires_in": 60 });
                (StatusCode::CREATED, axum::Json(answer)).into_response()
            }
            "/authorize" => self.authorize(&mut state, query),
            "/token" | "/mtls/token" => self.token(&mut state, &form),
            "/userinfo" | "/mtls/userinfo" => {
                let mut claims = json!({ "sub": state.play.person, "groups": ["guests"], "email": "carla@example.com",
                    "email_verified": "true" });
                (state.play.userinfo)(&mut claims);
                if state.play.userinfo_is_signed {
                    let token = sign(&state, &self.0.secret, json!({ "kid": "e1" }), &claims);
                    return ([("content-type", "application/jwt")], token).into_response();
                }
                axum::Json(claims).into_response()
            }
            "/end-session" => goodbye(&state, &query),
            "/.well-known/ssf-configuration" => {
                let issuer = &self.0.issuer;
                axum::Json(json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/jwks") })).into_response()
            }
            "/poll" => polled(&mut state),
            "/introspect" => access_tokens::introspect(&state.opaque, &form, proved),
            "/claims" => self.elsewhere(&state).into_response(),
            "/v1.0/users/carla-in-entra/getMemberGroups" => {
                axum::Json(json!({ "value": ["other", "guests"] })).into_response()
            }
            _ => StatusCode::NOT_FOUND.into_response(),
        }
    }

    fn metadata(&self) -> Value {
        let issuer = &self.0.issuer;
        json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "userinfo_endpoint": format!("{issuer}/userinfo"),
            "jwks_uri": format!("{issuer}/jwks"),
            "introspection_endpoint": format!("{issuer}/introspect"),
            "pushed_authorization_request_endpoint": format!("{issuer}/par"),
            "response_types_supported": ["code"],
            "authorization_response_iss_parameter_supported": true,
        })
    }

    /// Claims apart from the ID token, signed.
    fn elsewhere(&self, state: &State) -> String {
        let mut claims = json!({ "iss": self.0.issuer, "groups": ["guests"] });
        (state.play.elsewhere)(&mut claims);
        sign(state, &self.0.secret, json!({ "kid": "e1" }), &claims)
    }

    fn authorize(&self, state: &mut State, mut query: HashMap<String, String>) -> Response {
        if let Some(pushed) = query.get("request_uri").and_then(|name| state.asked.remove(name)) {
            query = pushed;
        }
        let code = random_text();
        let mut answer = json!({ "code": code, "state": query["state"], "iss": self.0.issuer });
        (state.play.answer)(&mut answer);
        let posts = query.get("response_mode").is_some_and(|mode| mode == "form_post");
        let mut back = url::Url::parse(&query["redirect_uri"]).unwrap();
        state.asked.insert(code, query);
        if posts {
            // Where a browser would be given a page that posts these, a test posts them.
            return axum::Json(answer).into_response();
        }
        for (name, value) in answer.as_object().unwrap() {
            back.query_pairs_mut().append_pair(name, value.as_str().unwrap());
        }
        Redirect::to(back.as_str()).into_response()
    }

    fn token(&self, state: &mut State, form: &HashMap<String, String>) -> Response {
        let access_token = random_text();
        let mut tokens = json!({ "access_token": access_token, "token_type": "Bearer", "expires_in": 60 });
        let invalid = held::invalid_grant;
        if form["grant_type"] == "refresh_token" && state.refresh.take().as_ref() != form.get("refresh_token")
        {
            return invalid();
        }
        if form["grant_type"] != "client_credentials" {
            let empty = String::new();
            let code = form.get("code").unwrap_or(&empty);
            let asked = if form["grant_type"] == "refresh_token" {
                HashMap::from([("nonce".to_owned(), "of a sign-in that was".to_owned())])
            } else {
                let Some(asked) = state.asked.remove(code) else { return invalid() };
                asked
            };
            state.refresh = Some(random_text());
            tokens["refresh_token"] = json!(state.refresh);
            if state.play.rotates {
                state.es256 = es256("e2");
            }
            let hash = |text: &str| {
                let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
                URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16])
            };
            let now = self.0.clock.now().as_second();
            let too_old = |age: &String| now - state.since > age.parse::<i64>().unwrap();
            if asked.contains_key("prompt") || asked.get("max_age").is_some_and(too_old) {
                state.since = now;
            }
            let mut claims = json!({
                "iss": self.0.issuer, "sub": state.play.person, "aud": "guestpass", "iat": now, "exp": now + 3600,
                "nonce": asked["nonce"], "auth_time": state.since, "acr": asked.get("acr_values"), "at_hash": hash(&access_token),
                "c_hash": hash(code), "groups": ["guests"], "name": "Carla Reyes",
            });
            if state.play.aggregates {
                claims["_claim_names"] = json!({ "groups": "here" });
                claims["_claim_sources"] = json!({ "here": { "JWT": self.elsewhere(state) } });
            }
            (state.play.claims)(&mut claims);
            let kid = state.es256.1["kid"].clone();
            tokens["id_token"] = sign(state, &self.0.secret, json!({ "kid": kid }), &claims).into();
        }
        (state.play.tokens)(&mut tokens);
        axum::Json(tokens).into_response()
    }
}

/// Sends somebody who has signed out back.
fn goodbye(state: &State, query: &HashMap<String, String>) -> Response {
    let mut answer = json!({ "state": query.get("state") });
    (state.play.goodbye)(&mut answer);
    let mut back = url::Url::parse(&query["post_logout_redirect_uri"]).unwrap();
    if let Some(state) = answer["state"].as_str() {
        back.query_pairs_mut().append_pair("state", state);
    }
    Redirect::to(back.as_str()).into_response()
}

/// Forgets events that were taken, and those that are said to be wrong; tells the rest.
fn polled(state: &mut State) -> Response {
    let asked: Value = serde_json::from_str(&state.heard.last().unwrap().body).unwrap();
    let taken = asked["ack"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let wrong = asked["setErrs"].as_object().into_iter().flat_map(|wrong| wrong.keys().map(String::as_str));
    for jti in taken.chain(wrong) {
        state.waiting.remove(jti);
    }
    axum::Json(json!({ "sets": state.waiting, "moreAvailable": false })).into_response()
}

fn es256(kid: &str) -> (EncodingKey, Value) {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    published(EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref()), Algorithm::ES256, kid)
}

fn rs256() -> (EncodingKey, Value) {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        base64::engine::general_purpose::STANDARD.encode(der.as_ref())
    );
    published(EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap(), Algorithm::RS256, "r1")
}

fn published(key: EncodingKey, algorithm: Algorithm, kid: &str) -> (EncodingKey, Value) {
    let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&key, algorithm).unwrap()).unwrap();
    jwk["kid"] = kid.into();
    (key, jwk)
}

/// `claims` as a token, signed as the play has it.
fn sign(state: &State, secret: &str, mut header: Value, claims: &Value) -> String {
    let signs = state.play.signs;
    let (algorithm, kid) = match signs {
        Signs::Es256 | Signs::Stranger => ("ES256", None),
        Signs::Rs256 => ("RS256", Some("r1")),
        Signs::Spoilt(Algorithm::RS256) => ("RS256", Some("r1")),
        Signs::Spoilt(_) => ("ES256", None),
        Signs::Secret => ("HS256", None),
        Signs::Published => ("HS256", Some("r1")),
        Signs::Nobody => ("none", None),
    };
    header["alg"] = algorithm.into();
    if let Some(kid) = kid {
        header["kid"] = kid.into();
    }
    (state.play.header)(&mut header);
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", encode(&header), encode(claims));
    let by = |key: &EncodingKey, algorithm| {
        jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).unwrap()
    };
    let hs256 = |key: &[u8]| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        URL_SAFE_NO_PAD.encode(hmac::sign(&key, message.as_bytes()))
    };
    let spoilt = |signature: String| {
        let first = if signature.starts_with('A') { "B" } else { "A" };
        format!("{first}{}", &signature[1..])
    };
    let signature = match signs {
        Signs::Es256 => by(&state.es256.0, Algorithm::ES256),
        Signs::Stranger => by(&es256("e1").0, Algorithm::ES256),
        Signs::Rs256 => by(&state.rs256.0, Algorithm::RS256),
        Signs::Spoilt(Algorithm::RS256) => spoilt(by(&state.rs256.0, Algorithm::RS256)),
        Signs::Spoilt(_) => spoilt(by(&state.es256.0, Algorithm::ES256)),
        Signs::Secret => hs256(secret.as_bytes()),
        Signs::Published => hs256(state.rs256.1.to_string().as_bytes()),
        Signs::Nobody => String::new(),
    };
    format!("{message}.{signature}")
}
