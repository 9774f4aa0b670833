//! The admin API: who may call what, that it answers as the socket does, and that every call is in the record.

use crate::harness::{
    ADA, Authority, CARLA, Deed, House, Process, Site, guestpass, guestpass_with, reserve, soon,
};
use guestpass::clock::Clock;
use guestpass::demo::provider::Person;
use http::{HeaderMap, Method};
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::net::SocketAddr;
use tokio::net::TcpSocket;

/// An API on an address that nobody else takes.
struct Api {
    at: SocketAddr,
    _reserved: TcpSocket,
}

impl Api {
    /// Said in the configuration of `site`, which is not started yet.
    fn of(site: &Site) -> Self {
        let (reserved, at) = reserve();
        site.change(
            "guestpass.yaml",
            "workers: 2\n",
            &format!("workers: 2\nadmin-api: {{ listen: {at} }}\n"),
        );
        Self { at, _reserved: reserved }
    }

    fn url(&self) -> String {
        format!("http://{}", self.at)
    }

    async fn call(
        &self,
        method: &Method,
        path: &str,
        token: Option<&str>,
        words: &Value,
    ) -> (u16, HeaderMap, Value) {
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        let request = client.request(method.clone(), format!("{}{path}", self.url()));
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let reply = request.body(words.to_string()).send().await.unwrap();
        let (status, headers) = (reply.status().as_u16(), reply.headers().clone());
        (status, headers, serde_json::from_str(&reply.text().await.unwrap()).unwrap_or_default())
    }

    async fn asks(&self, path: &str, token: &str) -> (u16, Value) {
        let (status, _, value) = self.call(&Method::GET, path, Some(token), &Value::Null).await;
        (status, value)
    }

    async fn orders(&self, path: &str, token: &str, words: Value) -> (u16, Value) {
        let (status, _, value) = self.call(&Method::POST, path, Some(token), &words).await;
        (status, value)
    }
}

async fn open() -> (House, Api) {
    let site = Site::new(Clock::turned("2026-03-02T09:00:00Z".parse().unwrap())).await;
    let api = Api::of(&site);
    (House::of(site).await, api)
}

/// A token of this name and role for an hour, made at the socket.
async fn token(house: &House, name: &str, role: &str) -> String {
    let words = json!({ "name": name, "role": role, "by": "PT1H" });
    let (status, made) = house.operator().tries("/tokens", words).await;
    assert_eq!(status, 200, "{made}");
    let token = made["token"].as_str().unwrap().to_owned();
    assert!(token.starts_with("guestpass_") && token.len() == 53, "{token}");
    token
}

fn description() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Every call that is described: its method, its path with something in it that does not exist, and its role.
fn calls() -> Vec<(Method, String, String)> {
    let nothing = "00000000-0000-7000-8000-000000000000";
    let description = description();
    let paths = description["paths"].as_object().unwrap();
    let calls = paths.iter().flat_map(|(path, methods)| {
        let parts = path.split('/').map(|part| if part.starts_with('{') { nothing } else { part });
        let path = parts.collect::<Vec<_>>().join("/");
        methods.as_object().unwrap().iter().map(move |(method, call)| {
            let method = method.to_uppercase().parse().unwrap();
            (method, path.clone(), call["x-guestpass-role"].as_str().unwrap().to_owned())
        })
    });
    calls.collect()
}

#[tokio::test]
async fn no_call_is_for_anybody_without_a_token_that_is_good_for_it() {
    let (house, api) = open().await;
    let mut tokens = Vec::new();
    for role in ["auditor", "helpdesk", "admin"] {
        tokens.push((role, token(&house, role, role).await));
    }
    let revoked = token(&house, "revoked", "admin").await;
    house.operator().orders("/tokens/revoked/revoke", json!({})).await;
    let forged = format!("guestpass_{}", guestpass::seal::random_text());
    let calls = calls();
    assert!(calls.len() >= 28, "{calls:?}");
    for (method, path, needs) in &calls {
        for (shown, reason) in
            [(None, "token_needed"), (Some(&forged), "token_unknown"), (Some(&revoked), "token_revoked")]
        {
            let (status, headers, told) = api.call(method, path, shown.map(String::as_str), &json!({})).await;
            assert_eq!((status, told["reason"].as_str().unwrap()), (401, reason), "{method} {path}");
            assert!(headers["www-authenticate"].to_str().unwrap().starts_with("Bearer"), "{headers:?}");
            assert_eq!(headers["content-type"], "application/problem+json");
        }
        let may = ["auditor", "helpdesk", "admin"].iter().position(|role| role == needs).unwrap();
        for (index, (role, token)) in tokens.iter().enumerate() {
            // Whoever may is told that it does not exist, or what it is.
            let (status, headers, told) = api.call(method, path, Some(token), &json!({})).await;
            let refused = status == 403 && told["reason"] == "role_needed";
            assert_eq!(refused, index < may, "{method} {path} as {role}: {status} {told}");
            assert_ne!(status, 401, "{method} {path} as {role}: {told}");
            assert_eq!(headers["cache-control"], "no-store", "{method} {path}");
        }
    }
    for path in ["/", "/metrics", "/nothing"] {
        assert_eq!(api.call(&Method::GET, path, None, &Value::Null).await.0, 401, "{path}");
        assert_eq!(api.asks(path, &tokens[0].1).await.0, 404, "{path}");
    }
    assert_eq!(api.call(&Method::DELETE, "/people", None, &Value::Null).await.0, 401);

    let (_, admin) = &tokens[2];
    house.turn(SignedDuration::from_mins(59));
    assert_eq!(api.asks("/people", admin).await.0, 200);
    house.turn(SignedDuration::from_mins(1));
    for (method, path, _) in &calls {
        let (status, _, told) = api.call(method, path, Some(admin), &json!({})).await;
        assert_eq!((status, &told["reason"]), (401, &json!("token_ended")), "{method} {path}");
    }
    house.finish().await;
}

#[tokio::test]
async fn it_answers_what_the_socket_answers_and_as_it_is_described() {
    let (house, api) = open().await;
    house.guest(CARLA).await;
    house.guest(ADA).await;
    house.settled().await;
    let auditor = token(&house, "auditor", "auditor").await;
    let description = description();
    let mut compared = 0;
    let paths =
        ["/people/c-17@demo/claims", "/targets/notes/import"].map(|path| (Method::GET, path.to_owned()));
    let calls = calls().into_iter().filter(|(_, path, _)| !path.contains("00000000"));
    let calls = calls.map(|(method, path, _)| (method, path)).chain(paths);
    for (method, path) in calls.filter(|(method, path)| *method == Method::GET || path == "/plan") {
        let over_socket = match method {
            Method::GET => house.operator().asks(&path).await,
            _ => house.operator().tries(&path, json!({})).await.1,
        };
        let (status, _, mut told) = api.call(&method, &path, Some(&auditor), &json!({})).await;
        assert_eq!(status, 200, "{path}: {told}");
        if path == "/audit" {
            // That it was called is in it by now.
            told.as_array_mut().unwrap().truncate(over_socket.as_array().unwrap().len());
        }
        assert_eq!(told, over_socket, "{path}");
        let known = path.replace("c-17@demo", "{person}").replace("/notes/", "/{target}/");
        let answer = &description["paths"][known][method.as_str().to_lowercase()]["responses"]["200"];
        let mut schema = answer["content"]["application/json"]["schema"].clone();
        schema["components"] = description["components"].clone();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let mistakes: Vec<_> = validator.iter_errors(&told).map(|error| error.to_string()).collect();
        assert!(mistakes.is_empty(), "{path}: {mistakes:?} in {told}");
        compared += 1;
    }
    assert!(compared >= 14, "{compared}");

    let (_, headers, page) = api.call(&Method::GET, "/people?limit=1", Some(&auditor), &Value::Null).await;
    let next = headers["link"].to_str().unwrap();
    let next = next.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap();
    assert_eq!(json!([page[0], api.asks(next, &auditor).await.1[0]]), house.operator().asks("/people").await);

    let whose = json!({ "person": "c-17@demo", "app": "notes" });
    let (status, explained) = api.orders("/policy/explain", &auditor, whose).await;
    assert_eq!(status, 200, "{explained}");
    assert_eq!(explained[0]["roles"][0]["role"], "guest", "{explained}");
    assert_eq!(explained[0]["roles"][0]["comes"][0]["outcome"], "granted", "{explained}");
    let whose = json!({ "provider": "demo", "claims": { "sub": "z", "groups": ["staff"] } });
    let (_, explained) = api.orders("/policy/explain", &auditor, whose).await;
    assert_eq!(explained[0]["roles"][0]["role"], "writer", "{explained}");
    for (wrong, status) in [
        (json!({}), 422),
        (json!({ "person": "c-17@demo", "provider": "demo", "claims": {} }), 422),
        (json!({ "provider": "other", "claims": {} }), 404),
        (json!({ "perso": "c-17@demo" }), 400),
        (json!([]), 400),
    ] {
        assert_eq!(api.orders("/policy/explain", &auditor, wrong.clone()).await.0, status, "{wrong}");
    }
    house.finish().await;
}

/// What the record says of calls: who, what, why refused, how often.
async fn called(house: &House) -> Vec<(String, String, String, u64)> {
    let rows = house.app().store().audit(0, 1000).await.unwrap();
    let calls = rows.iter().filter(|row| row.leaf["what"]["event"] == "api_called").map(|row| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (what, actor) = (&row.leaf["what"], &row.sealed.as_ref().unwrap()["actor"]);
        let by = actor["token"].as_str().or(actor.as_str()).unwrap();
        (by.to_owned(), text(&what["call"]), text(&what["refused"]), what["times"].as_u64().unwrap())
    });
    calls.collect()
}

#[tokio::test]
async fn who_gives_no_access_chooses_among_the_accounts_that_were_found() {
    let site = Site::new(Clock::turned("2026-03-02T09:00:00Z".parse().unwrap())).await;
    let link = "${file:scim-token}\", link: { email: [example.com] } }";
    site.change("guestpass.yaml", "${file:scim-token}\" }", link);
    let email = Person::cast().into_iter().find(|person| person.sub == CARLA).unwrap().email;
    let mut made = Vec::new();
    for name in ["carla.old", "carla.other", "root"] {
        let address = if name == "root" { "root@example.com" } else { &email };
        let user = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": name, "active": true, "emails": [{ "value": address, "primary": true }],
        });
        made.push(site.by_hand(Method::POST, "/Users", user).await["id"].as_str().unwrap().to_owned());
    }
    let api = Api::of(&site);
    let house = House::of(site).await;
    let (helpdesk, admin) = (token(&house, "desk", "helpdesk").await, token(&house, "ops", "admin").await);
    house.signs_in(CARLA).await;
    let becomes = async |state: &str| {
        soon(|| async { house.kept().await.into_iter().find(|kept| kept.state == state) }).await
    };
    let path = format!("/accounts/{}/decide", becomes("undecided").await.id);
    let (status, told) = api.orders(&path, &helpdesk, json!({ "adopt": made[2] })).await;
    assert!(status == 422 && told.to_string().contains("none of those that were found"), "{told}");
    assert_eq!(api.orders(&path, &helpdesk, json!({ "adopt": made[0] })).await.0, 200);
    assert_eq!(becomes("active").await.seen.native_id(), Some(&*made[0]));
    for words in [json!({ "adopt": made[2] }), json!({ "adopt": made[0] }), json!({})] {
        let (status, told) = api.orders(&path, &helpdesk, words).await;
        assert!(status == 422 && told.to_string().contains("is not undecided"), "{told}");
    }
    assert_eq!(api.orders(&path, &admin, json!({ "adopt": made[0] })).await.0, 200);
    house.finish().await;
}

#[tokio::test]
async fn who_called_is_in_the_record_and_many_equal_calls_are_few_events() {
    let (mut house, api) = open().await;
    house.guest(CARLA).await;
    house.settled().await;
    let (auditor, helpdesk) =
        (token(&house, "audit-2026", "auditor").await, token(&house, "desk", "helpdesk").await);
    let told = |by: &str, call: &str, refused: &str, times: u64| {
        (by.to_owned(), call.to_owned(), refused.to_owned(), times)
    };
    for _ in 0..5 {
        assert_eq!(api.asks("/people", &auditor).await.0, 200);
        assert_eq!(api.call(&Method::GET, "/people", None, &Value::Null).await.0, 401);
        let path = "/people/c-17@demo/revoke";
        assert_eq!(api.orders(path, &auditor, json!({})).await.0, 403);
    }
    let account = house.kept().await[0].id;
    for _ in 0..2 {
        let path = format!("/accounts/{account}/retry");
        assert_eq!(api.orders(&path, &helpdesk, json!({ "why": "asked" })).await.0, 200);
    }
    let mut expected = vec![
        told("audit-2026", "GET /people", "", 1),
        told("nobody", "GET /people", "token_needed", 1),
        told("audit-2026", "POST /people/{person}/revoke", "role_needed", 1),
        told("desk", "POST /accounts/{id}/retry", "", 1),
        told("desk", "POST /accounts/{id}/retry", "", 1),
    ];
    assert_eq!(called(&house).await, expected);
    let rows = house.app().store().audit(0, 1000).await.unwrap();
    let retried = rows.iter().rev().find(|row| row.leaf["what"]["event"] == "account_retried").unwrap();
    let sealed = retried.sealed.as_ref().unwrap();
    assert_eq!((&sealed["actor"]["token"], &sealed["cause"]), (&json!("desk"), &json!("asked")));
    let made = rows.iter().find(|row| row.leaf["what"]["event"] == "token_issued").unwrap();
    assert_eq!(made.sealed.as_ref().unwrap()["actor"]["operator"], "olga");

    house.turn(SignedDuration::from_mins(1));
    assert_eq!(api.asks("/people", &auditor).await.0, 200);
    expected.push(told("audit-2026", "GET /people", "", 5));
    assert_eq!(called(&house).await, expected);
    // What was only counted is told at the end.
    house.settled().await;
    house.restart().await;
    let counted = called(&house).await.split_off(expected.len());
    let mut rest = vec![
        told("audit-2026", "POST /people/{person}/revoke", "role_needed", 4),
        told("nobody", "GET /people", "token_needed", 4),
    ];
    rest.retain(|call| counted.contains(call));
    assert_eq!((rest.len(), counted.len()), (2, 2), "{counted:?}");
    house.finish().await;
}

#[tokio::test]
async fn what_cannot_be_recorded_is_neither_done_nor_told() {
    let (house, api) = open().await;
    house.guest(CARLA).await;
    house.settled().await;
    let admin = token(&house, "admin", "admin").await;
    house.database.suffers(Deed::FILL).await;
    let (status, told) = api.asks("/people", &admin).await;
    assert!(status == 503 && !told.to_string().contains("c-17"), "{told}");
    assert_eq!(api.orders("/people/c-17@demo/revoke", &admin, json!({})).await.0, 503);
    assert_eq!(
        api.orders("/tokens", &admin, json!({ "name": "more", "role": "admin", "by": "PT1M" })).await.0,
        503
    );
    house.database.suffers(Deed::CLEAR).await;
    assert_eq!(api.asks("/people", &admin).await.1[0]["revoked"], Value::Null);
    assert_eq!(api.asks("/tokens", &admin).await.1.as_array().unwrap().len(), 1);
    // The call that was refused for want of a record is in it by now, and was made twice.
    let people = called(&house).await.into_iter().find(|(_, call, ..)| call == "GET /people").unwrap();
    assert_eq!(people.3, 2);
    house.finish().await;
}

#[tokio::test]
async fn a_token_makes_none_that_outlives_it_and_a_name_is_given_once() {
    let (house, api) = open().await;
    let admin = token(&house, "admin", "admin").await;
    let wants = |name: &str, by: &str| json!({ "name": name, "role": "auditor", "by": by });
    let (status, told) = api.orders("/tokens", &admin, wants("longer", "PT61M")).await;
    assert!(status == 422 && told["detail"].as_str().unwrap().contains("outlives"), "{told}");
    let (status, made) = api.orders("/tokens", &admin, wants("shorter", "PT30M")).await;
    assert_eq!(status, 200, "{made}");
    assert_eq!(api.asks("/people", made["token"].as_str().unwrap()).await.0, 200);
    assert_eq!(api.orders("/tokens/shorter/revoke", &admin, json!({})).await.0, 200);
    assert_eq!(api.asks("/people", made["token"].as_str().unwrap()).await.0, 401);
    let operator = house.operator();
    for (words, status, why) in [
        (wants("shorter", "PT1M"), 422, "names are given once"),
        (wants("new", "PT8785H"), 422, "366 days at the most"),
        (wants("new", "-PT1S"), 422, "not in the future"),
        (json!({ "name": "new", "role": "auditor" }), 422, "either until when"),
        (json!({ "name": "new", "role": "root", "by": "PT1M" }), 400, "root"),
        (json!({ "name": "New", "role": "auditor", "by": "PT1M" }), 400, "is not a name"),
    ] {
        let (is, told) = operator.tries("/tokens", words.clone()).await;
        assert!(is == status && told["detail"].as_str().unwrap().contains(why), "{words}: {is} {told}");
    }
    assert_eq!(operator.tries("/tokens/shorter/revoke", json!({})).await.0, 404);
    house.finish().await;
}

#[tokio::test]
async fn the_command_line_does_from_afar_what_it_does_here_and_never_says_the_token() {
    let site = Site::new(Clock::system()).await;
    let api = Api::of(&site);
    let process = Process::serve_with(&site, "trace").await;
    site.signs_in(CARLA).await;
    let config = site.config().display().to_string();
    let here = async |words: &str| {
        let words: Vec<&str> = words.split_whitespace().chain(["--config", &config]).collect();
        guestpass(&words).await
    };
    soon(|| async { here("accounts").await.out.contains("active").then_some(()) }).await;
    let made = here("tokens new laptop --role admin --for 90d --why travel").await;
    assert_eq!(made.code, 0, "{made:?}");
    let token = made.out.trim().to_owned();
    assert!(token.starts_with("guestpass_") && !made.err.contains(&token), "{made:?}");
    site.write("token", &made.out);
    let (url, file) = (api.url(), site.folder().join("token").display().to_string());
    let afar = async |words: &str| {
        let reach = ["--gateway", &url, "--token-file", &file];
        guestpass(&words.split_whitespace().chain(reach).collect::<Vec<_>>()).await
    };
    let mut said = String::new();
    for words in [
        "accounts",
        "grants",
        "sessions",
        "people",
        "targets",
        "seats",
        "drift",
        "tokens",
        "accounts import notes",
    ] {
        let (near, far) = (here(&format!("{words} --json")).await, afar(&format!("{words} --json")).await);
        assert_eq!((far.code, &*far.err), (near.code, ""), "{words}");
        assert_eq!(far.out, near.out, "{words}");
        said += &far.out;
    }
    assert_eq!(afar("plan").await.code, 0);
    let reloaded = afar("reload").await;
    assert!(reloaded.code == 0 && reloaded.out.contains(&url), "{reloaded:?}");
    let explained = afar(&format!("policy explain --user c-17@demo --config {config}")).await;
    assert!(explained.out.contains("guest"), "{explained:?}");
    let policies = site.folder().join("policies").display().to_string();
    let compared = afar(&format!("policy diff {policies} {policies} --config {config}")).await;
    assert!(compared.out.contains("1 person is known; nothing changes"), "{compared:?}");
    let session: Value =
        serde_json::from_str(afar("sessions --json").await.out.lines().next().unwrap()).unwrap();
    let id = session["id"].as_str().unwrap();
    let revoked = afar(&format!("sessions revoke {id} --why lost")).await;
    assert_eq!((revoked.code, &*revoked.out), (0, &*format!("Session {id} has ended.\n")), "{revoked:?}");
    let record = afar("audit").await;
    assert!(record.out.contains("laptop") && record.out.contains("lost"), "{}", record.out);
    said += &(record.out + &afar("audit --json").await.out);

    // By the environment; and what a smaller role may not.
    let made = here("tokens new watcher --role auditor --for 1h").await;
    let variables = [("GUESTPASS_GATEWAY", &*url), ("GUESTPASS_TOKEN", made.out.trim())];
    assert_eq!(guestpass_with(&["people"], &variables).await.code, 0);
    let refused = guestpass_with(&["people", "revoke", "c-17@demo"], &variables).await;
    assert!(refused.code == 1 && refused.err.contains("needs a token with role admin"), "{refused:?}");

    assert_eq!(here("tokens revoke laptop").await.code, 0);
    let refused = afar("people").await;
    assert!(refused.code == 1 && refused.err.contains("was revoked"), "{refused:?}");
    let clear = guestpass(&["people", "--gateway", "http://192.0.2.7:8444", "--token-file", &file]).await;
    assert!(clear.code == 1 && clear.err.contains("use https"), "{clear:?}");
    let without = guestpass(&["people", "--gateway", &url]).await;
    assert!(without.code == 1 && without.err.contains("there is no token"), "{without:?}");

    said += &process.log();
    assert!(said.contains("TRACE"), "nothing was traced");
    process.kill().await;
    for token in [token, made.out.trim().to_owned()] {
        let line = said.lines().find(|line| line.contains(&token));
        assert!(line.is_none(), "{line:?}");
        for name in ["guestpass.db", "guestpass.db-wal"] {
            let bytes = std::fs::read(site.folder().join(name)).unwrap_or_default();
            assert!(!bytes.windows(token.len()).any(|bytes| bytes == token.as_bytes()), "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_read_by_nobody_else_on_its_way() {
    let site = Site::new(Clock::system()).await;
    let (_reserved, at) = reserve();
    let authority = Authority::new("ours");
    let pair = authority.certify(&["admin.localhost"]);
    site.write("admin.crt", &pair.certificate);
    site.write("admin.key", &pair.key);
    site.write("ca.crt", &authority.pem());
    let config = site.config().display().to_string();
    let mut before = "workers: 2\n".to_owned();
    for (setting, place, told, hint) in [
        ("{ listen: \"0.0.0.0:8444\" }", "guestpass.yaml:", "tokens could be read", "admin-api.tls"),
        ("{ listen: localhost }", "guestpass.yaml:", "is not an address", "0.0.0.0:8443"),
        ("{ tls: { certificate: admin.crt, key: admin.key } }", "guestpass.yaml:", "listen", ""),
        (
            "{ listen: 127.0.0.1:1, tls: { certificate: admin.crt, key: no.key } }",
            "guestpass.yaml:",
            "no.key",
            "",
        ),
        (
            "{ listen: 127.0.0.1:1, tls: { certificate: admin.crt, key: admin.key, client-ca: ca.crt } }",
            "guestpass.yaml:",
            "no client shows a certificate",
            "shows a token",
        ),
    ] {
        let now = format!("workers: 2\nadmin-api: {setting}\n");
        site.change("guestpass.yaml", &before, &now);
        before = now;
        let said = guestpass(&["check", "--config", &config]).await;
        assert!(said.code == 1 && said.err.matches("error: ").count() == 1, "{setting}: {}", said.err);
        assert!([place, told, hint].iter().all(|words| said.err.contains(words)), "{setting}: {}", said.err);
    }
    let now = format!(
        "workers: 2\nadmin-api:\n  listen: {at}\n  tls: {{ certificate: admin.crt, key: admin.key }}\n"
    );
    site.change("guestpass.yaml", &before, &now);
    let process = Process::serve(&site).await;
    let made =
        guestpass(&["tokens", "new", "ci", "--role", "auditor", "--for", "1h", "--config", &config]).await;
    let url = format!("https://admin.localhost:{}", at.port());
    let authorities = site.folder().join("ca.crt").display().to_string();
    let variables = [("GUESTPASS_TOKEN", made.out.trim()), ("SSL_CERT_FILE", &*authorities)];
    let asked = guestpass_with(&["people", "--gateway", &url], &variables).await;
    assert_eq!((asked.code, &*asked.out), (0, "Nobody was let in yet.\n"), "{asked:?}");
    let variables = [("GUESTPASS_TOKEN", made.out.trim())];
    assert_eq!(guestpass_with(&["people", "--gateway", &url], &variables).await.code, 1, "not by a stranger");

    // Another certificate holds without a restart, like all that is named in the files.
    let other = Authority::new("theirs");
    let pair = other.certify(&["admin.localhost"]);
    site.write("admin.crt", &pair.certificate);
    site.write("admin.key", &pair.key);
    site.write("ca.crt", &other.pem());
    assert_eq!(guestpass(&["reload", "--config", &config]).await.code, 0);
    let variables = [("GUESTPASS_TOKEN", made.out.trim()), ("SSL_CERT_FILE", &*authorities)];
    let asked = guestpass_with(&["people", "--gateway", &url], &variables).await;
    assert_eq!(asked.code, 0, "{asked:?}");
    assert_eq!(process.stop().await, 0);
}
