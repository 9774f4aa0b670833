//! What the language promises, whatever the application: against one that answers what it is told to.

use super::*;
use crate::account::Expiry;
use crate::provision::connector::Refusal;
use crate::provision::connectors::rest::fake::{Answered, App, Asked, Fake, Mishap};
use serde_json::json;
use std::collections::BTreeMap;

/// Answers by method and path; what it does not know it does not have.
#[derive(Default)]
struct Script {
    answers: BTreeMap<String, Value>,
    /// Bodies that were sent, as they came.
    sent: Vec<String>,
}

impl App for Script {
    fn answer(&mut self, asked: &Asked) -> Answered {
        let line = format!("{} /{}", asked.method, asked.path.join("/"));
        let query: String = asked.query.iter().map(|(name, value)| format!(" {name}={value}")).collect();
        if !asked.text.is_empty() {
            self.sent.push(asked.text.clone());
        }
        match self.answers.get(&format!("{line}{query}")).or_else(|| self.answers.get(&line)) {
            Some(answer) => Answered::new(200, answer.clone()),
            None => Answered::new(404, json!({ "message": "no such thing" })),
        }
    }
}

/// The least that a description has to say.
const LEAST: &str = r#"
version: 1
title: Desk
needs: { auth: [bearer] }
account: { id: /id, active: /active, mark: /ours }
find:
  by-id: [{ call: "GET /users/{{ id }}" }]
  by-mark: [{ call: "GET /users", query: { mark: "{{ external_id }}" }, items: /users }]
create: [{ call: POST /users, json: { ours: "{{ external_id }}" }, keep: { id: /id } }]
enable: [{ call: "POST /users/{{ id }}/open" }]
disable: [{ call: "POST /users/{{ id }}/close" }]
"#;

async fn desk(further: &str, answers: &[(&str, Value)]) -> (Fake<Script>, Rest) {
    described(&format!("{LEAST}{further}"), answers).await
}

async fn described(description: &str, answers: &[(&str, Value)]) -> (Fake<Script>, Rest) {
    let answers = answers.iter().map(|(line, answer)| ((*line).to_owned(), answer.clone())).collect();
    let fake = Fake::start(Script { answers, ..Script::default() }).await;
    let accounts = format!("rest: desk.yaml\nurl: {}\nauth: {{ bearer: t0ken }}\n", fake.url);
    let settings = connector_with(&accounts, description).unwrap_or_else(|wrong| panic!("{wrong}"));
    (fake, Rest::new(&settings, Pace::default()).unwrap())
}

fn ours(id: &str) -> Value {
    json!({ "id": id, "active": true, "ours": key().external_id })
}

#[tokio::test]
async fn only_what_carries_our_mark_is_ours() {
    let (fake, rest) = desk(
        "",
        &[
            ("GET /users", json!({ "users": [{ "id": "7" }, { "id": "8" }] })),
            ("GET /users/7", json!({ "id": "7", "active": true, "ours": "somebody's" })),
            ("GET /users/8", ours("8")),
        ],
    )
    .await;
    // A search that does not filter shows others as well.
    assert!(
        matches!(rest.observe(&key(), &Desired::closed()).await, Ok(Actual::Present(seen)) if seen.native_id == "8")
    );
    assert!(
        matches!(rest.observe(&knows("7"), &Desired::closed()).await, Ok(Actual::Present(seen)) if seen.native_id == "8")
    );
    fake.app(|desk| desk.answers.remove("GET /users/8"));
    let refused = rest.observe(&knows("7"), &Desired::closed()).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "refused: account 7 no longer carries our external id, so we leave it alone"
    );
    fake.app(|desk| {
        desk.answers.extend([("GET /users/7".into(), ours("7")), ("GET /users/8".into(), ours("8"))])
    });
    let refused = rest.observe(&key(), &Desired::closed()).await.unwrap_err();
    assert_eq!(refused.to_string(), "refused: 2 accounts carry our external id");
    // One that lists everybody is not asked about each.
    let everybody: Value = (0..100).map(|id| json!({ "id": id })).collect();
    fake.app(|desk| desk.answers.insert("GET /users".into(), json!({ "users": everybody })));
    assert!(matches!(rest.observe(&key(), &Desired::closed()).await, Err(Fault::Refused { .. })));
}

#[tokio::test]
async fn what_is_found_by_more_than_our_mark_is_found_by_its_id_alone_once_it_is_to_be_closed() {
    let by_email = LEAST.replace("mark: \"{{ external_id }}\"", "mail: \"{{ email }}\"");
    let unmarked = LEAST.replace(", mark: /ours", "").replace("  by-mark", "  # by-mark");
    for (description, expected) in [(LEAST, false), (&by_email, true), (&unmarked, true)] {
        let (_fake, rest) = described(description, &[]).await;
        assert_eq!(rest.abilities().only_by_id, expected, "{description}");
    }
}

#[tokio::test]
async fn a_name_stands_for_what_it_is_made_of_wherever_that_is_known() {
    let text = LEAST.replace("/users/{{ id }}", "/users/{{ full }}") + "names: { full: \"'@' ~ id\" }\n";
    let answers = [("GET /users", json!({ "users": [{ "id": "7" }] })), ("GET /users/@7", ours("7"))];
    let (fake, rest) = described(&text, &answers).await;
    for key in [key(), knows("7")] {
        assert!(matches!(rest.observe(&key, &Desired::closed()).await, Ok(Actual::Present(_))));
    }
    assert_eq!(rest.apply(&key(), &Step::Disable { native_id: "8".into() }).await, Ok(None));
    assert_eq!(fake.count("POST /users/@8/close"), 1);
}

#[tokio::test]
async fn what_is_no_list_is_not_taken_for_an_empty_one() {
    let (fake, rest) = desk("", &[]).await;
    for answer in [json!({}), json!([]), json!({ "users": null }), json!("no")] {
        fake.app(|desk| desk.answers.insert("GET /users".into(), answer));
        assert!(matches!(rest.observe(&key(), &Desired::closed()).await, Err(Fault::Transient { .. })));
    }
    fake.next("GET /users", Mishap::Answer(200, &[], "<html>Please sign in</html>"));
    assert!(matches!(rest.observe(&key(), &Desired::closed()).await, Err(Fault::Transient { .. })));
    fake.app(|desk| desk.answers.insert("GET /users".into(), json!({ "users": [] })));
    assert_eq!(rest.observe(&key(), &Desired::closed()).await, Ok(Actual::Absent));
}

#[tokio::test]
async fn answers_mean_what_http_says() {
    let (fake, rest) = desk("", &[]).await;
    let fault = async |status, body| {
        fake.next("POST /users/7/close", Mishap::Answer(status, &[("retry-after", "7")], body));
        rest.apply(&key(), &Step::Disable { native_id: "7".into() }).await
    };
    // It is not there: the next look sees that.
    assert_eq!(fault(404, "{}").await, Ok(None));
    assert_eq!(fault(204, "").await, Ok(None));
    assert!(
        matches!(fault(401, "your t0ken").await, Err(Fault::AuthFailed(said)) if said.contains("[token]"))
    );
    // Who says when to come again means that we are too fast.
    assert!(matches!(fault(403, "").await, Err(Fault::Throttled(Some(_)))));
    assert!(matches!(fault(409, "").await, Err(Fault::Refused { why: Refusal::Conflict, .. })));
    assert!(matches!(fault(422, "").await, Err(Fault::Refused { why: Refusal::Invalid, .. })));
    assert!(matches!(fault(500, "").await, Err(Fault::Transient { after: Some(_), .. })));
    assert!(matches!(fault(504, "").await, Err(Fault::Unknown(_))));
    assert!(matches!(fault(429, "").await, Err(Fault::Throttled(Some(_)))));
}

#[tokio::test]
async fn what_nobody_said_is_not_there_is_not_taken_for_gone() {
    let more = LEAST
        .replace("\"GET /users/{{ id }}\" }", "\"GET /users/{{ id }}\" }, { call: \"GET /teams\" }")
        + "list: [{ call: GET /users, items: /users }]\n";
    let (fake, rest) = described(&more, &[("GET /users", json!({ "users": [] }))]).await;
    let look = async || rest.observe(&knows("7"), &Desired::closed()).await;
    assert_eq!(look().await, Ok(Actual::Absent));
    // What stands in front of an application knows no accounts.
    for page in ["404 page not found", "<html>", "", "404"] {
        fake.next("GET /users/7", Mishap::Answer(404, &[], page));
        assert!(matches!(look().await, Err(Fault::Transient { .. })), "{page}");
        fake.next("POST /users/7/close", Mishap::Answer(404, &[], page));
        let closed = rest.apply(&key(), &Step::Disable { native_id: "7".into() }).await;
        assert!(matches!(closed, Err(Fault::Transient { .. })), "{page}");
    }
    // A list is always there, and so is what belongs to an account.
    for list in ["GET /users?", "GET /users"] {
        fake.next(list, Mishap::Answer(404, &[], r#"{ "message": "no route" }"#));
        let fault =
            if list.ends_with('?') { look().await.map(drop) } else { rest.list(None).await.map(drop) };
        assert!(matches!(fault, Err(Fault::Transient { .. })), "{list}");
    }
    fake.app(|desk| desk.answers.insert("GET /users/7".into(), ours("7")));
    assert!(matches!(look().await, Err(Fault::Transient { .. })));
    // Unless the description says so, of an application that answers like that.
    let says =
        more.replace("items: /users }]\nc", "items: /users, answers: [{ status: 404, is: not-found }] }]\nc");
    let (_fake, rest) = described(&says, &[]).await;
    assert_eq!(rest.observe(&key(), &Desired::closed()).await, Ok(Actual::Absent));
}

#[tokio::test]
async fn a_table_says_what_is_otherwise_and_its_first_line_counts() {
    let table = r#"
answers:
  - { status: 400, when: /errors/full, is: capacity }
  - { status: [400, 403], says: SLOW DOWN, is: throttled }
  - { status: 400, is: unknown }
  - { status: 503, when: answer.readOnly, is: forbidden }
"#;
    let (fake, rest) = desk(table, &[]).await;
    let fault = async |status, body| {
        fake.next("POST /users/7/close", Mishap::Answer(status, &[("retry-after", "7")], body));
        rest.apply(&key(), &Step::Disable { native_id: "7".into() }).await.unwrap_err()
    };
    let full = fault(400, r#"{"errors": {"full": "no seat: slow down"}}"#).await;
    assert!(matches!(full, Fault::Refused { why: Refusal::Capacity, .. }));
    assert!(matches!(fault(403, "Please slow down.").await, Fault::Throttled(Some(_))));
    assert!(matches!(fault(400, "{}").await, Fault::Unknown(_)));
    assert!(matches!(fault(422, "no").await, Fault::Refused { why: Refusal::Invalid, .. }));
    assert!(matches!(fault(503, r#"{"readOnly": true}"#).await, Fault::Refused { .. }));
    // What does not fit means what HTTP says.
    assert!(matches!(fault(503, "<html>").await, Fault::Transient { .. }));
}

#[tokio::test]
async fn an_id_leads_to_no_other_path() {
    let (fake, rest) = desk(r#"delete: [{ call: "DELETE /users/{{ id }}" }]"#, &[]).await;
    for id in ["", "..", "."] {
        let refused = rest.apply(&key(), &Step::Delete { native_id: id.into() }).await;
        assert!(matches!(refused, Err(Fault::Refused { .. })), "{id}");
    }
    assert_eq!(rest.apply(&key(), &Step::Delete { native_id: "a/../b?c".into() }).await, Ok(None));
    assert_eq!((fake.count(""), fake.count("DELETE /users/a%2F..%2Fb%3Fc")), (1, 1));
}

#[tokio::test]
async fn pages_are_named_by_a_word_or_an_address() {
    for (pages, second) in [("cursor: /more", "p=%2Fusers%3Fp%3D2"), ("next: /more", "p=2")] {
        let list = format!(
            "list: [{{ call: GET /people, query: {{ p: \"{{{{ page }}}}\" }}, items: /users, pages: {{ {pages} }} }}]"
        );
        let (fake, rest) = desk(
            &list.replace("/people", "/users"),
            &[
                ("GET /users", json!({ "users": [ours("1")], "more": "/users?p=2" })),
                ("GET /users p=2", json!({ "users": [ours("2")], "more": null })),
                ("GET /users p=/users?p=2", json!({ "users": [ours("2")], "more": "" })),
            ],
        )
        .await;
        let first = rest.list(None).await.unwrap();
        let last = rest.list(first.next.as_deref()).await.unwrap();
        assert_eq!((&*first.accounts[0].native_id, &*last.accounts[0].native_id), ("1", "2"));
        assert_eq!((last.next, fake.count(&format!("GET /users?{second}"))), (None, 1), "{pages}");
    }
}

#[tokio::test]
async fn a_list_without_end_ends() {
    let list =
        "list: [{ call: GET /users, query: { p: \"{{ page }}\" }, items: /users, pages: { cursor: /more } }]";
    let same = json!({ "users": [ours("1")], "more": "again" });
    let (_fake, rest) = desk(list, &[("GET /users", same.clone())]).await;
    let first = rest.list(None).await.unwrap();
    assert_eq!(rest.list(first.next.as_deref()).await.unwrap().next, None);
    let sessions = r#"
sessions:
  - { call: "GET /tokens", query: { p: "{{ page }}" }, items: /users, pages: { number: 1 } }
"#;
    let (fake, rest) = desk(sessions, &[("GET /tokens", same)]).await;
    let refused = rest.apply(&key(), &Step::EndSessions { native_id: "7".into() }).await.unwrap_err();
    assert_eq!(
        (refused.to_string().as_str(), fake.count("GET /tokens")),
        ("refused: lists more than 50 pages", 50)
    );
}

#[tokio::test]
async fn what_each_item_gave_is_kept_and_what_one_refuses_stops_no_other() {
    let sessions = r#"
sessions:
  - { call: "GET /users/{{ id }}/tokens", items: / }
  - { call: "GET /tokens/{{ item }}", each: items, keep: { names: /name } }
  - { call: "DELETE /tokens/{{ item }}", each: items, answers: [{ status: 409, is: already }] }
  - { call: POST /told, form: { names: "{{ names | join(',') }}", none: "{{ answer.none }}" } }
"#;
    let (fake, rest) = desk(
        sessions,
        &[
            ("GET /users/7/tokens", json!([1, 2, 3])),
            ("GET /tokens/1", json!({ "name": "a b" })),
            ("GET /tokens/3", json!({ "name": "c&d", "other": 1 })),
            ("DELETE /tokens/3", json!({})),
            ("POST /told", json!({})),
        ],
    )
    .await;
    let step = Step::EndSessions { native_id: "7".into() };
    fake.next("DELETE /tokens/1", Mishap::Answer(409, &[], ""));
    assert_eq!(rest.apply(&key(), &step).await, Ok(None));
    assert_eq!(fake.app(|desk| desk.sent.clone()), ["names=a+b%2Cc%26d"]);
    fake.next("DELETE /tokens/1", Mishap::Answer(403, &[], "not this one"));
    let refused = rest.apply(&key(), &step).await.unwrap_err();
    assert_eq!(refused.to_string(), "refused: answers 403: not this one");
    assert_eq!(fake.count("DELETE /tokens/3"), 2);
}

#[tokio::test]
async fn attributes_and_an_end_are_kept_where_they_are_described() {
    let further = r#"
update: [{ call: "PATCH /users/{{ id }}", json: { title: "{{ attributes.title }}", until: "{{ expires }}" } }]
"#;
    let account = r#"{ id: /id, active: /active, mark: /ours, attributes: { title: /title }, expires: { at: /until, written: date } }"#;
    let text = LEAST.replace("{ id: /id, active: /active, mark: /ours }", account) + further;
    let (fake, rest) = described(&text, &[("GET /users/7", ours("7")), ("PATCH /users/7", json!({}))]).await;
    let guest = Profile {
        attributes: [("title".to_owned(), "Guest".to_owned())].into(),
        expires: Some("2026-03-02T09:00:00Z".parse().unwrap()),
        ..profile(&[])
    };
    let desired = Desired::Active(guest.clone());
    let Ok(Actual::Present(seen)) = rest.observe(&knows("7"), &desired).await else { panic!("it is there") };
    assert_eq!((seen.attributes.len(), seen.expires), (0, Expiry::Never));
    let Some(update) = next_step(&desired, &Actual::Present(seen)) else { panic!("it differs") };
    rest.apply(&knows("7"), &update).await.unwrap();
    let sent = fake.app(|desk| desk.sent.pop().unwrap());
    assert_eq!(sent, r#"{"title":"Guest","until":"2026-03-04"}"#);
    let written = json!({ "id": "7", "active": true, "ours": key().external_id, "title": "Guest", "until": "2026-03-04" });
    fake.app(|desk| desk.answers.insert("GET /users/7".into(), written));
    assert_eq!(settle(&rest, &knows("7"), &desired).await.0, [""; 0]);
    // What nobody described is not quietly left out.
    let odd = Profile { attributes: [("tittle".to_owned(), "x".to_owned())].into(), ..guest };
    let refused = rest.observe(&knows("7"), &Desired::Active(odd)).await.unwrap_err();
    assert_eq!(refused.to_string(), "refused: keeps no attribute \"tittle\", but these: title");
    let give = Step::Give { native_id: "7".into(), entitlement: group("readers") };
    let refused = rest.apply(&knows("7"), &give).await.unwrap_err();
    assert_eq!(refused.to_string(), "refused: Desk has no groups that we give");
}

#[tokio::test]
async fn two_first_members_make_one_group() {
    let further = r#"
give:
  group:
    - { call: GET /groups, keep: { found: "/[name={{ group }}]/id" } }
    - { call: POST /groups, when: not found, json: { name: "{{ group }}" }, keep: { made: /id } }
    - { call: "PUT /groups/{{ found or made }}/members/{{ id }}" }
take: { group: [{ call: "DELETE /groups/{{ group }}/members/{{ id }}" }] }
"#;
    /// A group is there once it was made.
    struct Groups(Vec<Value>);
    impl App for Groups {
        fn answer(&mut self, asked: &Asked) -> Answered {
            match asked.method.as_str() {
                "POST" => {
                    self.0.push(json!({ "id": self.0.len() + 1, "name": asked.body["name"] }));
                    Answered::new(200, json!({ "id": self.0.len() }))
                }
                "GET" => Answered::new(200, json!(self.0)),
                _ => Answered::new(204, Value::Null),
            }
        }
    }
    let fake = Fake::start(Groups(Vec::new())).await;
    let accounts = format!("rest: desk.yaml\nurl: {}\nauth: {{ bearer: t0ken }}\n", fake.url);
    let text = LEAST.replace("mark: /ours }", "mark: /ours, groups: /groups }") + further;
    let settings = connector_with(&accounts, &text).unwrap_or_else(|wrong| panic!("{wrong}"));
    let rest = Rest::new(&settings, Pace::default()).unwrap();
    let give = Step::Give { native_id: "7".into(), entitlement: group("readers") };
    let (key, give) = (key(), &give);
    let (one, two, three) =
        tokio::join!(rest.apply(&key, give), rest.apply(&key, give), rest.apply(&key, give));
    assert!(one.is_ok() && two.is_ok() && three.is_ok());
    assert_eq!(fake.app(|groups| groups.0.len()), 1);
}
