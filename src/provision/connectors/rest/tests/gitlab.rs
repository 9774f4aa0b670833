//! A fake of GitLab, as connectors know it: names are unique whatever their case, states have ways between them and no
//! others, a membership has an end that is a date, and groups are asked for by their number or their whole path.

use super::*;
use crate::account::{Expiry, Seen};
use crate::provision::connector::Refusal;
use crate::provision::connectors::rest::fake::{Answered, App, Asked, Fake, Mishap};
use serde_json::json;
use std::collections::BTreeMap;

#[derive(Default)]
struct GitLab {
    users: Vec<Value>,
    /// Number, whole path, and who is in it as what, until when.
    groups: Vec<(u64, &'static str, BTreeMap<u64, Value>)>,
    tokens: Vec<Value>,
    made: u64,
}

fn said(status: u16, message: &str) -> Answered {
    Answered::new(status, json!({ "message": message }))
}

fn nothing() -> Answered {
    Answered::new(204, Value::Null)
}

impl GitLab {
    fn group(&mut self, id: &str) -> Option<&mut (u64, &'static str, BTreeMap<u64, Value>)> {
        self.groups.iter_mut().find(|(number, path, _)| number.to_string() == id || *path == id)
    }

    fn create(&mut self, body: &Value) -> Answered {
        let name = body["username"].as_str().unwrap_or_default();
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        if name.is_empty() || !name.chars().all(plain) || name.starts_with('-') || name.ends_with(".git") {
            return said(400, "username can contain only letters, digits, '_', '-' and '.'");
        }
        if body["email"].as_str().is_none_or(str::is_empty) || body["name"].is_null() {
            return Answered::new(400, json!({ "error": "email is missing, name is missing" }));
        }
        let taken = |key: &str, value: &str| {
            self.users.iter().any(|user| user[key].as_str().unwrap().eq_ignore_ascii_case(value))
        };
        if taken("username", name) {
            return said(409, "Username has already been taken");
        }
        if taken("email", body["email"].as_str().unwrap()) {
            return said(409, "Email has already been taken");
        }
        self.made += 1;
        let mut user = json!({ "id": 40 + self.made, "state": "active", "identities": [] });
        for key in ["username", "email", "name", "external"] {
            user[key] = body[key].clone();
        }
        // Only of who is confirmed an address counts.
        user["confirmed"] = body["skip_confirmation"].clone();
        identify(&mut user, body);
        self.users.push(user.clone());
        Answered::new(201, user)
    }

    fn member(&mut self, method: &str, group: &str, id: Option<u64>, body: &Value) -> Answered {
        let Some(id) = id.filter(|id| self.users.iter().any(|user| user["id"] == *id)) else {
            return said(404, "404 User Not Found");
        };
        let Some((_, _, members)) = self.group(group) else { return said(404, "404 Group Not Found") };
        let is_date = |end: &Value| {
            end.is_null() || end.as_str().is_some_and(|end| end.parse::<jiff::civil::Date>().is_ok())
        };
        let member =
            || json!({ "id": id, "access_level": body["access_level"], "expires_at": body["expires_at"] });
        match method {
            "POST" | "PUT" if body["access_level"].as_u64().is_none() => {
                Answered::new(400, json!({ "error": "access_level is missing" }))
            }
            "POST" | "PUT" if !is_date(&body["expires_at"]) => {
                Answered::new(400, json!({ "error": "expires_at is invalid" }))
            }
            "POST" if members.contains_key(&id) => said(409, "Member already exists"),
            "POST" => {
                members.insert(id, member());
                Answered::new(201, member())
            }
            _ if !members.contains_key(&id) => said(404, "404 Not found"),
            "PUT" => {
                members.insert(id, member());
                Answered::new(200, member())
            }
            "DELETE" => {
                members.remove(&id);
                nothing()
            }
            _ => Answered::new(200, members[&id].clone()),
        }
    }

    /// Goes another step through the states of an account.
    fn turn(&mut self, at: usize, verb: &str) -> Answered {
        let state = self.users[at]["state"].as_str().unwrap();
        let next = match (verb, state) {
            ("block", "active" | "deactivated") => "blocked",
            ("unblock", "blocked") | ("unban", "banned") | ("approve", "blocked_pending_approval") => {
                "active"
            }
            ("unblock", "ldap_blocked") => {
                return said(403, "403 Forbidden - LDAP blocked users cannot be modified by the API");
            }
            _ => return said(403, "403 Forbidden"),
        };
        self.users[at]["state"] = json!(next);
        Answered::new(201, json!(true))
    }
}

/// An identity is one of each provider.
fn identify(user: &mut Value, body: &Value) {
    if body["extern_uid"].is_string() {
        let identities = user["identities"].as_array_mut().unwrap();
        identities.retain(|one| one["provider"] != body["provider"]);
        identities.push(json!({ "provider": body["provider"], "extern_uid": body["extern_uid"] }));
    }
}

impl App for GitLab {
    fn answer(&mut self, asked: &Asked) -> Answered {
        if asked.headers.get("private-token").is_none_or(|token| token != "t0ken") {
            return said(401, "401 Unauthorized");
        }
        let (method, path) = asked.line();
        let number = |id: &str| id.parse::<u64>().ok();
        let user =
            |id: &str| self.users.iter().position(|user| Some(user["id"].as_u64().unwrap()) == number(id));
        match (method, &path[2..]) {
            ("GET", ["users"]) => {
                let found = |user: &&Value| {
                    let has = |name: &str, fits: &dyn Fn(&str) -> bool| {
                        let value = asked.parameter(name);
                        value.is_empty() || fits(value)
                    };
                    let identity =
                        |uid: &str| json!({ "provider": asked.parameter("provider"), "extern_uid": uid });
                    let says = |key: &str| user[key].as_str().unwrap().to_lowercase();
                    has("search", &|text| {
                        says("email") == text.to_lowercase() || says("name").contains(&text.to_lowercase())
                    }) && has("extern_uid", &|uid| {
                        user["identities"].as_array().unwrap().contains(&identity(uid))
                    })
                };
                Answered::new(200, self.users.iter().filter(found).cloned().collect())
            }
            ("POST", ["users"]) => self.create(&asked.body),
            ("GET", ["users", id]) => match user(id) {
                Some(at) => Answered::new(200, self.users[at].clone()),
                None => said(404, "404 User Not Found"),
            },
            ("PUT", ["users", id]) => {
                let Some(at) = user(id) else { return said(404, "404 User Not Found") };
                for key in ["email", "name"] {
                    if !asked.body[key].is_null() {
                        self.users[at][key] = asked.body[key].clone();
                    }
                }
                identify(&mut self.users[at], &asked.body);
                Answered::new(200, self.users[at].clone())
            }
            ("DELETE", ["users", id]) => match user(id) {
                Some(at) => {
                    self.users.remove(at);
                    nothing()
                }
                None => said(404, "404 User Not Found"),
            },
            ("GET", ["users", id, "memberships"]) => {
                let has =
                    |members: &BTreeMap<u64, Value>| number(id).is_some_and(|id| members.contains_key(&id));
                let row = |(number, path, _): &(u64, &str, BTreeMap<u64, Value>)| {
                    let name = path.rsplit('/').next();
                    json!({ "source_id": number, "source_name": name, "source_type": "Namespace", "access_level": 30 })
                };
                let rows = self.groups.iter().filter(|(_, _, members)| has(members)).map(row);
                Answered::new(200, rows.collect())
            }
            ("POST", ["users", id, verb]) => match user(id) {
                Some(at) => self.turn(at, verb),
                None => said(404, "404 User Not Found"),
            },
            ("GET", ["groups", id]) => match self.group(id) {
                Some((number, path, _)) => Answered::new(200, json!({ "id": number, "full_path": path })),
                None => said(404, "404 Group Not Found"),
            },
            ("POST", ["groups", group, "members"]) => {
                self.member(method, group, asked.body["user_id"].as_u64(), &asked.body)
            }
            (_, ["groups", group, "members", id]) => self.member(method, group, number(id), &asked.body),
            ("GET", ["personal_access_tokens"]) => {
                let of = |token: &&Value| {
                    Some(token["user_id"].as_u64().unwrap()) == number(asked.parameter("user_id"))
                };
                Answered::new(200, self.tokens.iter().filter(of).cloned().collect())
            }
            ("DELETE", ["personal_access_tokens", id]) => {
                let token =
                    self.tokens.iter_mut().find(|token| token["id"] == number(id).unwrap_or_default());
                match token {
                    Some(token) if token["active"] == true => {
                        token["active"] = json!(false);
                        nothing()
                    }
                    Some(_) => said(400, "400 Bad request - Not Revoked"),
                    None => said(404, "404 Not Found"),
                }
            }
            _ => said(404, "404 Not Found"),
        }
    }
}

const ACCOUNTS: &str = "\
rest: gitlab
auth: { header: { name: Private-Token, value: t0ken } }
";

async fn start() -> (Fake<GitLab>, Rest) {
    let groups = vec![(7, "docs", BTreeMap::new()), (8, "platform/tools", BTreeMap::new())];
    let mut fake = Fake::start(GitLab { groups, ..GitLab::default() }).await;
    fake.url += "/api/v4";
    let rest = fake.connector(ACCOUNTS);
    (fake, rest)
}

fn ends(at: &str, entitlements: &[Entitlement]) -> Desired {
    Desired::Active(Profile { expires: at.parse().ok(), ..profile(entitlements) })
}

/// When the memberships of the only account end.
fn written(fake: &Fake<GitLab>) -> Vec<Value> {
    let end = |(_, _, members): &(u64, &str, BTreeMap<u64, Value>)| {
        members.values().next().map(|member| member["expires_at"].clone())
    };
    fake.app(|gitlab| gitlab.groups.iter().filter_map(end).collect())
}

#[tokio::test]
async fn it_does_all_that_gitlab_can() {
    let (fake, rest) = start().await;
    proves(&rest, &[group("platform/tools")]).await;
    assert!(fake.app(|gitlab| gitlab.users.is_empty()));
}

#[tokio::test]
async fn what_was_given_ends_by_itself_after_we_would_have_ended_it() {
    let (fake, rest) = start().await;
    let wanted = ends("2026-03-02T09:00:00Z", &[group("docs"), group("platform/tools")]);
    let (steps, known) = settle(&rest, &key(), &wanted).await;
    assert_eq!(steps, ["create", "give docs", "update", "give platform/tools", "update"]);
    assert_eq!(written(&fake), ["2026-03-04", "2026-03-04"]);
    // Put off, and taken away by hand from one of them: both are told.
    let wanted = ends("2026-04-01T09:00:00Z", &[group("docs"), group("platform/tools")]);
    assert_eq!(settle(&rest, &known, &wanted).await.0, ["update"]);
    assert_eq!(written(&fake), ["2026-04-03", "2026-04-03"]);
    fake.app(|gitlab| gitlab.groups[0].2.values_mut().for_each(|member| member["expires_at"] = Value::Null));
    assert_eq!(settle(&rest, &known, &wanted).await.0, ["update"]);
    assert_eq!(written(&fake), ["2026-04-03", "2026-04-03"]);
    // It has done what it was told, before we came to it.
    fake.app(|gitlab| gitlab.groups[1].2.clear());
    assert_eq!(settle(&rest, &known, &wanted).await.0, ["give platform/tools", "update"]);
}

#[tokio::test]
async fn an_account_in_no_group_of_ours_has_no_end_that_could_be_missing() {
    let (fake, rest) = start().await;
    let wanted = ends("2026-03-02T09:00:00Z", &[]);
    let (steps, known) = settle(&rest, &key(), &wanted).await;
    assert_eq!(steps, ["create"]);
    let id = known.native_id.as_ref().unwrap().parse().unwrap();
    let by_hand = json!({ "id": id, "access_level": 10, "expires_at": null });
    fake.app(|gitlab| gitlab.groups[0].2.insert(id, by_hand.clone()));
    let seen = rest.observe(&known, &wanted).await.unwrap();
    assert!(matches!(&seen, Actual::Present(Seen { expires: Expiry::NotKept, .. })), "{seen:?}");
    assert_eq!(settle(&rest, &known, &wanted).await.0, Vec::<String>::new());
    assert_eq!(fake.app(|gitlab| gitlab.groups[0].2[&id].clone()), by_hand);
}

#[tokio::test]
async fn who_may_activate_themselves_is_open_and_closed_means_blocked() {
    let (fake, rest) = start().await;
    let wanted = Desired::Active(profile(&[]));
    let (_, known) = settle(&rest, &key(), &wanted).await;
    let becomes = |state: &str| fake.app(|gitlab| gitlab.users[0]["state"] = json!(state));
    let state = || fake.app(|gitlab| gitlab.users[0]["state"].clone());
    becomes("deactivated");
    assert_eq!(settle(&rest, &known, &Desired::closed()).await.0, ["disable"]);
    assert_eq!(state(), "blocked");
    for other in ["blocked", "banned", "blocked_pending_approval"] {
        becomes(other);
        assert_eq!(settle(&rest, &known, &Desired::closed()).await.0, Vec::<String>::new());
        assert_eq!(settle(&rest, &known, &wanted).await.0, ["enable"]);
        assert_eq!(state(), "active");
    }
    becomes("ldap_blocked");
    let enable = Step::Enable { native_id: known.native_id.clone().unwrap() };
    let refused = rest.apply(&known, &enable).await.unwrap_err().to_string();
    assert!(refused.contains("LDAP blocked users cannot be modified by the API"), "{refused}");
}

#[tokio::test]
async fn tokens_end_with_the_sessions_and_those_of_others_stay() {
    let (fake, rest) = start().await;
    let (_, known) = settle(&rest, &key(), &Desired::Active(profile(&[]))).await;
    let id: u64 = known.native_id.as_ref().unwrap().parse().unwrap();
    let token =
        |number: u64, user: u64, active: bool| json!({ "id": number, "user_id": user, "active": active });
    fake.app(|gitlab| {
        gitlab.tokens = vec![token(1, id, true), token(2, id, false), token(3, id, true), token(4, 1, true)]
    });
    rest.apply(&known, &Step::EndSessions { native_id: id.to_string() }).await.unwrap();
    let active: Vec<_> =
        fake.app(|gitlab| gitlab.tokens.iter().map(|token| token["active"] == true).collect());
    assert_eq!(active, [false, false, false, true]);
}

#[tokio::test]
async fn a_name_that_is_taken_is_not_taken_over_and_an_answer_that_was_lost_is_found() {
    let (fake, rest) = start().await;
    let other = json!({ "id": 1, "username": "ADA-x.example", "email": "ada@elsewhere.example", "name": "Ada", "state": "active", "identities": [] });
    fake.app(|gitlab| gitlab.users.push(other.clone()));
    let taken = rest.apply(&key(), &Step::Create(profile(&[]))).await.unwrap_err();
    assert!(matches!(taken, Fault::Refused { why: Refusal::Conflict, .. }), "{taken}");
    assert_eq!(fake.app(|gitlab| gitlab.users.clone()), [other]);
    fake.app(|gitlab| gitlab.users.clear());
    fake.next("POST /api/v4/users", Mishap::LoseAnswer);
    assert!(matches!(rest.apply(&key(), &Step::Create(profile(&[]))).await, Err(Fault::Unknown(_))));
    assert_eq!(rest.apply(&key(), &Step::Create(profile(&[]))).await, Ok(Some("41".into())));
    assert_eq!(fake.app(|gitlab| gitlab.users.len()), 1);
    assert_eq!(fake.count("POST /api/v4/users"), 3);
    // It tells when it wants to be asked again.
    let later = Mishap::Answer(429, &[("retry-after", "37")], "Retry later");
    fake.next("GET /api/v4/users/41", later);
    let throttled = rest.observe(&knows("41"), &Desired::closed()).await.unwrap_err();
    assert!(matches!(throttled, Fault::Throttled(Some(_))), "{throttled:?}");
}

#[tokio::test]
async fn an_account_of_before_gets_our_mark_and_keeps_its_other_identities() {
    let (fake, rest) = start().await;
    fake.app(|gitlab| {
        gitlab.users.push(
            json!({ "id": 1, "username": "ada", "email": "ada@x.example", "name": "Ada", "state": "active",
            "identities": [{ "provider": "openid_connect", "extern_uid": "s-4" }] }),
        );
    });
    let found = rest.matching(&By::Email("Ada@x.example".into())).await.unwrap();
    assert_eq!((found.len(), &found[0].external_id), (1, &None));
    rest.apply(&key(), &Step::Adopt { native_id: "1".into() }).await.unwrap();
    let identities = fake.app(|gitlab| gitlab.users[0]["identities"].clone());
    assert_eq!(
        identities,
        json!([{ "provider": "openid_connect", "extern_uid": "s-4" }, { "provider": "guestpass", "extern_uid": key().external_id }])
    );
    assert!(rest.observe(&key(), &Desired::closed()).await.unwrap() != Actual::Absent);
}
