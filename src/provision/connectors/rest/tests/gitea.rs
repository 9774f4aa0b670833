//! A fake of Gitea, as connectors know it: what a PATCH leaves out is cleared, and a team is asked for each member.

use super::*;
use crate::provision::connectors::rest::fake::{Answered, App, Asked, Fake, Mishap};
use serde_json::json;

#[derive(Default)]
struct Gitea {
    users: Vec<Value>,
    teams: Vec<(u64, &'static str, BTreeSet<String>)>,
    owns_repositories: bool,
    url: String,
}

fn said(status: u16, message: &str) -> Answered {
    Answered::new(status, json!({ "message": message, "url": "/api/swagger" }))
}

impl App for Gitea {
    fn answer(&mut self, asked: &Asked) -> Answered {
        if asked.headers.get("authorization").is_none_or(|token| token != "token t0ken") {
            return said(401, "token is required");
        }
        let (method, path) = asked.line();
        let user = |name: &str| self.users.iter().position(|user| user["login"] == name);
        match (method, &path[2..]) {
            ("GET", ["users", name]) => match user(name) {
                Some(at) => Answered::new(200, self.users[at].clone()),
                None => said(404, "user redirect does not exist"),
            },
            ("GET", ["admin", "users"]) => {
                let login_name = asked.parameter("login_name");
                let has = |user: &&Value| login_name.is_empty() || user["login_name"] == login_name;
                let found: Vec<_> = self.users.iter().filter(has).cloned().collect();
                let page: usize = asked.parameter("page").parse().unwrap_or(1);
                let next = format!(
                    "<{}/api/v1/admin/users?page={}&limit=2>; rel=\"next\",<x>; rel=\"last\"",
                    self.url,
                    page + 1
                );
                let more = found.len() > page * 2;
                let page = found.into_iter().skip((page - 1) * 2).take(2).collect();
                Answered(200, page, more.then_some(("link", next)).into_iter().collect())
            }
            ("POST", ["admin", "users"]) => {
                let body = &asked.body;
                let name = body["username"].as_str().unwrap();
                if name.len() > 40
                    || !name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter))
                {
                    return said(422, "user name is invalid");
                }
                if self.users.iter().any(|known| known["login"] == name) {
                    return said(422, &format!("user already exists [name: {name}]"));
                }
                if self.users.iter().any(|known| known["email"] == body["email"]) {
                    return said(422, "e-mail already in use");
                }
                let mut user =
                    json!({ "id": self.users.len(), "login": name, "active": true, "prohibit_login": false });
                for key in ["email", "full_name", "login_name", "restricted"] {
                    user[key] = body[key].clone();
                }
                self.users.push(user.clone());
                Answered::new(201, user)
            }
            ("PATCH", ["admin", "users", name]) => {
                let Some(at) = user(name) else { return said(404, "no such user") };
                if asked.body["email"].is_null() {
                    return said(422, "[Email]: Required");
                }
                for key in ["email", "full_name", "active", "prohibit_login"] {
                    if !asked.body[key].is_null() {
                        self.users[at][key] = asked.body[key].clone();
                    }
                }
                // Always written.
                self.users[at]["login_name"] = json!(asked.body["login_name"].as_str().unwrap_or_default());
                Answered::new(200, self.users[at].clone())
            }
            ("DELETE", ["admin", "users", name]) => match user(name) {
                Some(_) if self.owns_repositories => said(422, "user owns 2 repositories"),
                Some(at) => {
                    self.users.remove(at);
                    Answered::new(204, Value::Null)
                }
                None => said(404, "no such user"),
            },
            ("GET", ["orgs", "acme", "teams"]) => {
                let page: usize = asked.parameter("page").parse().unwrap();
                let page = self.teams.iter().skip(page - 1).take(1);
                Answered::new(200, page.map(|(id, name, _)| json!({ "id": id, "name": name })).collect())
            }
            (_, ["teams", id, "members", name]) => {
                let team = self.teams.iter_mut().find(|(team, ..)| team.to_string() == *id).unwrap();
                match method {
                    "PUT" => drop(team.2.insert((*name).to_owned())),
                    "DELETE" => drop(team.2.remove(*name)),
                    _ if team.2.contains(*name) => return Answered::new(200, json!({ "login": name })),
                    _ => return said(404, "no member"),
                }
                Answered::new(204, Value::Null)
            }
            _ => said(404, "no such page"),
        }
    }
}

const ACCOUNTS: &str = "\
rest: gitea
auth: { header: { name: Authorization, value: token t0ken } }
settings: { org: acme }
";

async fn start() -> (Fake<Gitea>, Rest) {
    let teams = vec![(3, "owners", BTreeSet::new()), (4, "readers", BTreeSet::new())];
    let mut fake = Fake::start(Gitea { teams, ..Gitea::default() }).await;
    let url = fake.url.clone();
    fake.app(|gitea| gitea.url.clone_from(&url));
    fake.url += "/api/v1";
    let rest = fake.connector(ACCOUNTS);
    (fake, rest)
}

#[tokio::test]
async fn it_does_all_that_gitea_can() {
    let (fake, rest) = start().await;
    proves(&rest, &[group("readers")]).await;
    assert!(fake.app(|gitea| gitea.users.is_empty()));
}

#[tokio::test]
async fn our_mark_outlives_every_change_and_a_lost_answer() {
    let (fake, rest) = start().await;
    fake.next("POST /api/v1/admin/users", Mishap::LoseAnswer);
    assert!(matches!(rest.apply(&key(), &Step::Create(profile(&[]))).await, Err(Fault::Unknown(_))));
    // Again, as a worker does that had looked before: it is the same one.
    assert_eq!(rest.apply(&key(), &Step::Create(profile(&[]))).await, Ok(Some("ada-x.example".into())));
    settle(&rest, &key(), &Desired::closed()).await;
    let renamed = Profile { display_name: Some("Ada K".into()), ..profile(&[group("readers")]) };
    assert_eq!(
        settle(&rest, &key(), &Desired::Active(renamed)).await.0,
        ["update", "give readers", "enable"]
    );
    let user = fake.app(|gitea| gitea.users.clone());
    let [user] = &user[..] else { panic!("{user:?}") };
    assert_eq!(
        (&user["login_name"], &user["full_name"], &user["restricted"]),
        (&json!(key().external_id), &json!("Ada K"), &json!(true))
    );
}

#[tokio::test]
async fn who_owns_repositories_stays_until_somebody_takes_them_over() {
    let (fake, rest) = start().await;
    let (_, known) = settle(&rest, &key(), &Desired::Active(profile(&[]))).await;
    fake.app(|gitea| gitea.owns_repositories = true);
    let refused = rest.apply(&known, &Step::Delete { native_id: "ada-x.example".into() }).await.unwrap_err();
    assert_eq!(refused.to_string(), "refused: answers 422: user owns 2 repositories");
}

#[tokio::test]
async fn a_team_that_is_not_there_is_not_made_up() {
    let (_fake, rest) = start().await;
    let give = Step::Give { native_id: "ada".into(), entitlement: group("nobody's") };
    let refused = rest.apply(&key(), &give).await.unwrap_err();
    assert!(matches!(refused, Fault::Refused { .. }), "{refused}");
}

#[tokio::test]
async fn lists_go_on_where_the_header_says() {
    let (fake, rest) = start().await;
    let user = |number: usize| json!({ "login": format!("u-{number}"), "email": "", "active": true, "prohibit_login": false });
    fake.app(|gitea| gitea.users.extend((0..5).map(user)));
    let (mut names, mut after) = (Vec::new(), None);
    loop {
        let page = rest.list(after.as_deref()).await.unwrap();
        names.extend(page.accounts.into_iter().map(|one| one.user_name));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(names, ["u-0", "u-1", "u-2", "u-3", "u-4"]);
    // Whatever it says: our token goes nowhere else.
    fake.app(|gitea| gitea.url = "https://elsewhere.example".into());
    let page = rest.list(None).await.unwrap();
    let refused = rest.list(page.next.as_deref()).await.unwrap_err();
    assert_eq!(refused.to_string(), "refused: sends us to another server: https://elsewhere.example");
}
