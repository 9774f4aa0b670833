//! A fake of Jira Cloud, as connectors know it: addresses are hidden, what changes nothing is refused, and lists have no
//! end that they would tell beforehand.

use super::*;
use crate::provision::connector::Refusal;
use crate::provision::connector::RetryAfter;
use crate::provision::connectors::rest::fake::{Answered, App, Asked, Fake, Mishap};
use jiff::SignedDuration;
use serde_json::json;

struct Jira {
    users: Vec<Value>,
    /// Names of groups, and who is in them; their ids are `g-` and the name.
    groups: Vec<(String, BTreeSet<String>)>,
    /// Key and assignee of open issues.
    issues: Vec<(String, Value)>,
    seats: usize,
}

impl Default for Jira {
    fn default() -> Self {
        let groups = vec![("jira-users".to_owned(), BTreeSet::new())];
        Self { users: Vec::new(), groups, issues: Vec::new(), seats: 10 }
    }
}

fn refused(status: u16, message: &str) -> Answered {
    Answered::new(status, json!({ "errorMessages": [message], "errors": {} }))
}

impl Jira {
    fn user(&self, id: &str) -> Option<&Value> {
        self.users.iter().find(|user| user["accountId"] == id)
    }

    fn group(&mut self, asked: &Asked) -> &mut BTreeSet<String> {
        let id = asked.parameter("groupId");
        &mut self.groups.iter_mut().find(|(name, _)| format!("g-{name}") == id).expect("a group of this id").1
    }

    /// As others see them: whoever hides their address has none.
    fn shown(&self, user: &Value) -> Value {
        let mut shown = user.clone();
        if user["hides"] == true {
            shown.as_object_mut().unwrap().remove("emailAddress");
        }
        shown
    }
}

impl App for Jira {
    fn answer(&mut self, asked: &Asked) -> Answered {
        let (method, path) = asked.line();
        let near = vec![("x-ratelimit-nearlimit", "true".to_owned())];
        match (method, &path[3..]) {
            ("GET", ["user", "search"]) => {
                let query = asked.parameter("query").to_lowercase();
                // It looks at names, too, and at what people do not hide.
                let has = |user: &&Value| {
                    let user = self.shown(user);
                    ["emailAddress", "displayName"].iter().any(|key| {
                        user[key].as_str().is_some_and(|text| text.to_lowercase().starts_with(&query))
                    })
                };
                let found = self.users.iter().filter(has).map(|user| self.shown(user)).collect();
                Answered(200, found, near)
            }
            ("GET", ["user"]) => {
                let id = asked.parameter("accountId");
                let Some(user) = self.user(id) else { return refused(404, "Specified user does not exist") };
                let mut shown = self.shown(user);
                if asked.parameter("expand") == "groups" {
                    let mine = self.groups.iter().filter(|(_, members)| members.contains(id));
                    let items: Value = mine.map(|(name, _)| json!({ "name": name })).collect();
                    shown["groups"] = json!({ "size": items.as_array().unwrap().len(), "items": items });
                }
                Answered::new(200, shown)
            }
            ("GET", ["users", "search"]) => {
                let start: usize = asked.parameter("startAt").parse().unwrap();
                // Pages of two, whatever was asked for.
                let page = self.users.iter().skip(start).take(2).map(|user| self.shown(user)).collect();
                Answered::new(200, page)
            }
            ("POST", ["user"]) => {
                let email = &asked.body["emailAddress"];
                if self.users.iter().any(|user| user["emailAddress"] == *email) {
                    return refused(400, "A user with this email already exists and has no access.");
                }
                if self.users.len() >= self.seats {
                    return refused(400, "Your licence does not allow more users.");
                }
                let id = format!("712020:{}", self.users.len());
                let user = json!({ "accountId": id, "displayName": "Atlassian's own", "emailAddress": email, "active": true });
                self.users.push(user.clone());
                self.groups[0].1.insert(id);
                Answered::new(201, user)
            }
            ("DELETE", ["user"]) => {
                let id = asked.parameter("accountId");
                if self.user(id).is_none() {
                    return refused(404, "Specified user does not exist");
                }
                self.users.retain(|user| user["accountId"] != id);
                Answered::new(204, Value::Null)
            }
            ("GET", ["group", "bulk"]) => {
                let named = self.groups.iter().filter(|(name, _)| name == asked.parameter("groupName"));
                let values: Value =
                    named.map(|(name, _)| json!({ "name": name, "groupId": format!("g-{name}") })).collect();
                Answered::new(200, json!({ "isLast": true, "values": values }))
            }
            ("POST", ["group"]) => {
                let name = asked.body["name"].as_str().unwrap().to_owned();
                self.groups.push((name.clone(), BTreeSet::new()));
                Answered::new(201, json!({ "name": name, "groupId": format!("g-{name}") }))
            }
            ("POST", ["group", "user"]) => {
                let id = asked.body["accountId"].as_str().unwrap().to_owned();
                match self.group(asked).insert(id) {
                    true => Answered::new(201, json!({})),
                    false => refused(400, "Cannot add user. User is already a member of the group."),
                }
            }
            ("DELETE", ["group", "user"]) => match self.group(asked).remove(asked.parameter("accountId")) {
                true => Answered::new(200, Value::Null),
                false => refused(400, "Cannot remove user, user is not a member of the group."),
            },
            ("POST", ["search", "jql"]) => {
                let jql = asked.body["jql"].as_str().unwrap();
                let who = jql
                    .strip_prefix("assignee = \"")
                    .and_then(|rest| rest.split_once("\" AND statusCategory"))
                    .unwrap()
                    .0;
                let start: usize =
                    asked.body["nextPageToken"].as_str().map_or(0, |token| token.parse().unwrap());
                let open: Vec<_> = self.issues.iter().filter(|(_, assignee)| assignee == who).collect();
                let page: Value =
                    open.iter().skip(start).take(2).map(|(key, _)| json!({ "key": key })).collect();
                let mut answer = json!({ "issues": page });
                if open.len() > start + 2 {
                    answer["nextPageToken"] = json!((start + 2).to_string());
                }
                Answered(200, answer, near)
            }
            ("PUT", ["issue", key, "assignee"]) => {
                if asked.body["accountId"] == "nobody" || key.starts_with("SECRET-") {
                    let errors = json!({ "assignee": "User cannot be assigned issues." });
                    return Answered::new(400, json!({ "errorMessages": [], "errors": errors }));
                }
                let issue = self.issues.iter_mut().find(|(known, _)| known == key).unwrap();
                issue.1 = asked.body["accountId"].clone();
                Answered::new(204, Value::Null)
            }
            _ => refused(404, "no such resource"),
        }
    }
}

const ACCOUNTS: &str = "\
rest: jira-cloud
auth: { basic: { user: bot@x.example, password: hunter2 } }
settings: { access-group: jira-users }
";

#[tokio::test]
async fn it_does_all_that_jira_can() {
    let fake = Fake::start(Jira::default()).await;
    proves(&fake.connector(ACCOUNTS), &[group("developers")]).await;
    assert!(fake.app(|jira| jira.users.is_empty() && jira.groups[1].0 == "developers"));
}

#[tokio::test]
async fn what_changes_nothing_is_no_failure() {
    let fake = Fake::start(Jira::default()).await;
    let rest = fake.connector(ACCOUNTS);
    let (steps, known) = settle(&rest, &key(), &Desired::Active(profile(&[group("developers")]))).await;
    assert_eq!(steps, ["create", "give developers"]);
    let id = || known.native_id.clone().unwrap();
    for step in [
        Step::Enable { native_id: id() },
        Step::Give { native_id: id(), entitlement: group("developers") },
        Step::Take { native_id: id(), entitlement: group("others") },
        Step::Disable { native_id: id() },
        Step::Disable { native_id: id() },
        Step::Delete { native_id: id() },
        Step::Delete { native_id: id() },
    ] {
        assert_eq!(rest.apply(&known, &step).await, Ok(None), "{step:?}");
    }
}

#[tokio::test]
async fn who_hides_their_address_is_nobodys_guess() {
    let fake = Fake::start(Jira::default()).await;
    let rest = fake.connector(ACCOUNTS);
    let hidden = json!({ "accountId": "712020:h", "displayName": "ada@x.example", "emailAddress": "ada@x.example", "hides": true, "active": true });
    fake.app(|jira| jira.users.push(hidden));
    // The search finds them, by a name that looks like the address; it does not show that it is theirs.
    assert_eq!(rest.matching(&By::Email("ada@x.example".into())).await, Ok(vec![]));
    let conflict = rest.apply(&key(), &Step::Create(profile(&[]))).await.unwrap_err();
    assert!(matches!(conflict, Fault::Refused { why: Refusal::Conflict, .. }), "{conflict}");
    // Who shows it is found before anything is made.
    fake.app(|jira| jira.users[0]["hides"] = json!(false));
    let found = rest.matching(&By::Email("ADA@x.example".to_lowercase())).await.unwrap();
    assert_eq!(found[0].native_id, "712020:h");
    let conflict = rest.apply(&key(), &Step::Create(profile(&[]))).await.unwrap_err();
    assert!(matches!(conflict, Fault::Refused { why: Refusal::Conflict, .. }), "{conflict}");
    assert_eq!(fake.count("POST /rest/api/3/user"), 1);
}

#[tokio::test]
async fn a_full_licence_is_told_as_one() {
    let fake = Fake::start(Jira { seats: 0, ..Jira::default() }).await;
    let full = fake.connector(ACCOUNTS).apply(&key(), &Step::Create(profile(&[]))).await.unwrap_err();
    assert!(matches!(full, Fault::Refused { why: Refusal::Capacity, .. }), "{full}");
}

#[tokio::test]
async fn open_work_goes_to_the_heir_page_by_page() {
    let fake = Fake::start(Jira::default()).await;
    let rest = fake.connector(ACCOUNTS);
    let issue = |key: &str| (key.to_owned(), json!("712020:ab-1"));
    let keys = ["OPS-1", "OPS-2", "SECRET-3", "OPS-4", "OPS-5"];
    fake.app(|jira| {
        jira.issues = keys.map(issue).into();
        jira.users.push(json!({ "accountId": "712020:cd-2", "displayName": "Bo", "emailAddress": "bo@x.example", "active": true }));
    });
    let step = |heir: &str| Step::HandOver { native_id: "712020:ab-1".into(), heir: heir.into() };
    // What is refused for one issue keeps none of the others.
    let refused = rest.apply(&key(), &step("bo@x.example")).await.unwrap_err();
    assert!(matches!(refused, Fault::Refused { why: Refusal::Forbidden, .. }), "{refused}");
    let left = |jira: &mut Jira| {
        jira.issues
            .iter()
            .filter(|(_, who)| who == "712020:ab-1")
            .map(|(key, _)| key.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(fake.app(left), ["SECRET-3"]);
    assert_eq!(fake.count("POST /rest/api/3/search/jql"), 3);
    fake.app(|jira| jira.issues.retain(|(key, _)| !key.starts_with("SECRET-")));
    assert_eq!(rest.apply(&key(), &step("712020:cd-2")).await, Ok(None));
    fake.app(|jira| jira.issues[0].1 = json!("712020:ab-1"));
    assert!(rest.apply(&key(), &step("nobody")).await.is_err());
}

#[tokio::test]
async fn lists_end_with_an_empty_page() {
    let fake = Fake::start(Jira::default()).await;
    let rest = fake.connector(ACCOUNTS);
    let user =
        |number: usize| json!({ "accountId": format!("a-{number}"), "active": number != 2, "hides": true });
    fake.app(|jira| jira.users.extend((0..4).map(user)));
    let (mut found, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = rest.list(after.as_deref()).await.unwrap();
        found.extend(page.accounts.into_iter().map(|one| (one.native_id, one.active)));
        (after, pages) = (page.next, pages + 1);
        if after.is_none() {
            break;
        }
    }
    let all: Vec<_> = (0..4).map(|number| (format!("a-{number}"), number != 2)).collect();
    assert_eq!((found, pages), (all, 3));
    fake.next("GET /rest/api/3/users/search", Mishap::Answer(409, &[], "{}"));
    assert!(matches!(rest.list(None).await, Err(Fault::Transient { .. })));
}

#[tokio::test]
async fn what_jira_still_allows_is_never_exceeded() {
    let fake = Fake::start(Jira::default()).await;
    let rest = fake.connector(ACCOUNTS);
    const LIMITS: [(&str, &str); 4] = [
        ("date", "Mon, 02 Mar 2026 08:29:00 GMT"),
        ("x-ratelimit-remaining", "0"),
        ("x-ratelimit-nearlimit", "true"),
        ("x-ratelimit-reset", "2026-03-02T08:30Z"),
    ];
    fake.next("GET /rest/api/3/user", Mishap::Answer(404, &LIMITS, "{}"));
    assert_eq!(rest.observe(&knows("712020:ab-1"), &Desired::closed()).await, Ok(Actual::Absent));
    // Nothing is left for a minute, so nothing is sent.
    let throttled = rest.observe(&knows("712020:ab-1"), &Desired::closed()).await;
    let Err(Fault::Throttled(Some(RetryAfter::In(span)))) = throttled else { panic!("{throttled:?}") };
    assert!(span > SignedDuration::from_secs(55) && span <= SignedDuration::from_secs(60), "{span}");
    assert_eq!(fake.count("GET"), 1);
}
