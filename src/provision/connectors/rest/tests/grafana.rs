//! A fake of Grafana, as connectors know it: what it refuses, it refuses in its own words.

use super::*;
use crate::provision::connector::Refusal;
use crate::provision::connectors::rest::fake::{Answered, App, Asked, Fake, Mishap};
use serde_json::json;

#[derive(Default)]
struct Grafana {
    users: Vec<Value>,
    teams: Vec<(String, Vec<u64>)>,
    drawn: u64,
    logged_out: Vec<u64>,
}

fn said(status: u16, message: &str) -> Answered {
    Answered::new(status, json!({ "message": message }))
}

impl App for Grafana {
    fn answer(&mut self, asked: &Asked) -> Answered {
        if asked.headers.get("authorization").is_none_or(|basic| basic != "Basic YWRtaW46aHVudGVyMg==") {
            return said(401, "Invalid username or password");
        }
        let (method, path) = asked.line();
        let number = |text: &str| text.parse::<u64>().unwrap();
        let user = |id: &str| self.users.iter().position(|user| user["id"].as_u64() == id.parse().ok());
        match (method, &path[1..]) {
            ("GET", ["users", "lookup"]) => {
                let name = asked.parameter("loginOrEmail");
                let found = self.users.iter().find(|user| user["login"] == name || user["email"] == name);
                found.map_or(said(404, "user not found"), |user| Answered::new(200, user.clone()))
            }
            ("GET", ["users", "search"]) => {
                let query = asked.parameter("query").to_lowercase();
                let (page, size): (usize, usize) =
                    (asked.parameter("page").parse().unwrap(), asked.parameter("perpage").parse().unwrap());
                // Pages of two, whatever was asked for.
                let size = size.min(2);
                let has = |user: &&Value| {
                    ["name", "login", "email"]
                        .iter()
                        .any(|key| user[key].to_string().to_lowercase().contains(&query))
                };
                let found: Vec<&Value> = self.users.iter().filter(has).collect();
                let users: Vec<_> = found.iter().skip((page - 1) * size).take(size).collect();
                Answered::new(200, json!({ "totalCount": found.len(), "users": users, "page": page }))
            }
            ("GET", ["users", id]) => match user(id) {
                Some(at) => Answered::new(200, self.users[at].clone()),
                None => said(404, "user not found"),
            },
            ("GET", ["users", id, "teams"]) => {
                let is_in = |(_, members): &&(String, Vec<u64>)| members.contains(&number(id));
                Answered::new(
                    200,
                    self.teams.iter().filter(is_in).map(|(name, _)| json!({ "name": name })).collect(),
                )
            }
            ("GET", ["users", id, "orgs"]) => {
                let role = &self.users[user(id).unwrap()]["role"];
                Answered::new(200, json!([{ "orgId": 1, "name": "Main Org.", "role": role }]))
            }
            ("PUT", ["users", id]) => {
                let at = user(id).unwrap();
                for (name, value) in asked.body.as_object().unwrap() {
                    self.users[at][name] = value.clone();
                }
                said(200, "User updated")
            }
            ("POST", ["admin", "users"]) => {
                let taken = |user: &Value| ["login", "email"].iter().any(|key| user[key] == asked.body[key]);
                if self.users.iter().any(taken) {
                    return said(412, "user already exists");
                }
                if asked.body["password"].as_str().unwrap_or_default().len() < 4 {
                    return said(400, "password is missing or too short");
                }
                self.drawn += 1;
                let mut user = asked.body.clone();
                user.as_object_mut().unwrap().remove("password");
                (user["id"], user["isDisabled"], user["role"]) =
                    (json!(self.drawn), json!(false), json!("Viewer"));
                self.users.push(user);
                Answered::new(200, json!({ "id": self.drawn, "message": "User created" }))
            }
            ("POST", ["admin", "users", id, verb]) => {
                let Some(at) = user(id) else { return said(404, "user not found") };
                if *verb == "logout" {
                    self.logged_out.push(number(id));
                    return said(200, "User logged out");
                }
                if !self.users[at]["authLabels"].is_null() {
                    return said(500, "Could not disable external user");
                }
                self.users[at]["isDisabled"] = json!(*verb == "disable");
                said(200, "User disabled")
            }
            ("DELETE", ["admin", "users", id]) => match user(id) {
                Some(at) => {
                    self.users.remove(at);
                    said(200, "User deleted")
                }
                None => said(404, "user not found"),
            },
            ("PATCH", ["orgs", "1", "users", id]) => {
                let at = user(id).unwrap();
                self.users[at]["role"] = asked.body["role"].clone();
                said(200, "Organization user updated")
            }
            ("GET", ["teams", "search"]) => {
                let named = |(name, _): &&(String, Vec<u64>)| name == asked.parameter("name");
                let place = |name: &str| self.teams.iter().position(|(known, _)| known == name).unwrap() + 1;
                let found = self
                    .teams
                    .iter()
                    .filter(named)
                    .map(|(name, _)| json!({ "id": place(name), "name": name }));
                Answered::new(200, json!({ "teams": found.collect::<Value>() }))
            }
            ("POST", ["teams"]) => {
                self.teams.push((asked.body["name"].as_str().unwrap().to_owned(), Vec::new()));
                Answered::new(200, json!({ "teamId": self.teams.len(), "message": "Team created" }))
            }
            ("POST", ["teams", team, "members"]) => {
                let members = &mut self.teams[number(team) as usize - 1].1;
                let id = asked.body["userId"].as_u64().expect("a number");
                if members.contains(&id) {
                    return said(400, "User is already added to this team");
                }
                members.push(id);
                said(200, "Member added to Team")
            }
            ("DELETE", ["teams", team, "members", id]) => {
                let members = &mut self.teams[number(team) as usize - 1].1;
                let before = members.len();
                members.retain(|member| *member != number(id));
                if members.len() < before {
                    said(200, "Team Member removed")
                } else {
                    said(404, "not a member")
                }
            }
            _ => said(404, "Not found"),
        }
    }
}

const ACCOUNTS: &str = "rest: grafana\nauth: { basic: { user: admin, password: hunter2 } }\n";

#[tokio::test]
async fn it_does_all_that_grafana_can() {
    let fake = Fake::start(Grafana::default()).await;
    proves(&fake.connector(ACCOUNTS), &[group("readers"), group("a/b \"c\""), role("Editor")]).await;
    assert!(fake.app(|grafana| grafana.users.is_empty()));
}

#[tokio::test]
async fn a_lost_answer_makes_no_second_account_though_there_is_no_room_for_a_mark() {
    let fake = Fake::start(Grafana::default()).await;
    let rest = fake.connector(ACCOUNTS);
    fake.next("POST /api/admin/users", Mishap::LoseAnswer);
    let lost = rest.apply(&key(), &Step::Create(profile(&[]))).await;
    assert!(matches!(lost, Err(Fault::Unknown(_))), "{lost:?}");
    // Their time is over before anybody looked again: even so, it is found, and closed.
    assert_eq!(settle(&rest, &key(), &Desired::closed()).await.0, ["disable"]);
    let (steps, known) = settle(&rest, &key(), &Desired::Active(profile(&[]))).await;
    assert_eq!(steps, ["update", "enable"]);
    assert_eq!(fake.app(|grafana| grafana.users[0]["name"].clone()), "Ada L");
    // By then its name is clean, and it is known by its number.
    assert_eq!(settle(&rest, &known, &Desired::Active(profile(&[]))).await.0, [""; 0]);
    assert_eq!(fake.app(|grafana| grafana.users.len()), 1);
}

#[tokio::test]
async fn an_account_that_grafana_may_not_disable_is_said_to_be_so() {
    let fake = Fake::start(Grafana::default()).await;
    let rest = fake.connector(ACCOUNTS);
    let (_, known) = settle(&rest, &key(), &Desired::Active(profile(&[]))).await;
    fake.app(|grafana| grafana.users[0]["authLabels"] = json!(["OAuth"]));
    let step = Step::Disable { native_id: known.native_id.clone().unwrap() };
    let refused = rest.apply(&known, &step).await.unwrap_err();
    assert_eq!(refused, Fault::refused(Refusal::Forbidden, "answers 500: Could not disable external user"));
    // Any other 500 may pass.
    fake.next(
        "POST /api/admin/users/1/disable",
        Mishap::Answer(500, &[], "{\"message\": \"database is locked\"}"),
    );
    assert!(matches!(rest.apply(&known, &step).await, Err(Fault::Transient { .. })));
}

#[tokio::test]
async fn whoever_has_the_name_keeps_it() {
    let fake = Fake::start(Grafana::default()).await;
    let rest = fake.connector(ACCOUNTS);
    let theirs = json!({ "id": 70, "login": "ada@x.example", "name": "Somebody", "email": null, "isDisabled": false, "role": "Admin" });
    fake.app(|grafana| grafana.users.push(theirs.clone()));
    assert_eq!(rest.observe(&key(), &Desired::Active(profile(&[]))).await, Ok(Actual::Absent));
    let refused = rest.apply(&key(), &Step::Create(profile(&[]))).await;
    assert_eq!(refused, Err(Fault::refused(Refusal::Conflict, "answers 412: user already exists")));
    // An operator says that it is theirs: it is known by its number from then on, and keeps what it has.
    let by = By::UserName("Ada@X.example".to_lowercase());
    let found = rest.matching(&by).await.unwrap();
    assert_eq!((&*found[0].native_id, &found[0].external_id), ("70", &None));
    let adopted = rest.apply(&key(), &Step::Adopt { native_id: "70".into() }).await;
    assert_eq!(adopted, Ok(Some("70".into())));
    assert!(
        matches!(rest.observe(&knows("70"), &Desired::closed()).await, Ok(Actual::Present(seen)) if seen.active)
    );
    assert_eq!(fake.app(|grafana| grafana.users.clone()), [theirs]);
}

#[tokio::test]
async fn all_accounts_are_listed_page_by_page() {
    let fake = Fake::start(Grafana::default()).await;
    let user = |id: u64| json!({ "id": id, "login": format!("u-{id}"), "name": "", "email": "", "isDisabled": id == 3 });
    fake.app(|grafana| grafana.users.extend((1..=5).map(user)));
    let rest = fake.connector(ACCOUNTS);
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = rest.list(after.as_deref()).await.unwrap();
        found.extend(page.accounts.into_iter().map(|one| (one.user_name, one.active)));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let all: Vec<_> = (1..=5).map(|id| (format!("u-{id}"), id != 3)).collect();
    assert_eq!(found, all);
}

#[tokio::test]
async fn calls_are_told_before_they_are_made() {
    let fake = Fake::start(Grafana::default()).await;
    let rest = fake.connector(ACCOUNTS);
    let told = |step: &Step| {
        let one = |call: &Call| format!("{} {}: {}", call.method, call.path, call.what);
        rest.calls(step).iter().map(one).collect::<Vec<_>>()
    };
    assert_eq!(told(&Step::Create(profile(&[]))), ["POST /api/admin/users: make ada@x.example"]);
    assert_eq!(
        told(&Step::Disable { native_id: "7".into() }),
        ["POST /api/admin/users/7/disable: disable it"]
    );
    let give = Step::Give { native_id: "7".into(), entitlement: group("readers") };
    assert_eq!(
        told(&give),
        [
            "POST /api/teams: give group readers, where not team",
            "POST /api/teams/(team or made)/members: give group readers"
        ]
    );
    assert_eq!(fake.count(""), 0);
}
