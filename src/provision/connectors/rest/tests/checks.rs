//! Mistakes in descriptions and in what targets say of themselves: all at once, each at its place.

use super::*;

fn told(text: &str) -> Vec<String> {
    let mut mistakes = Mistakes::default();
    let checked = check("wiki.yaml", text, &mut mistakes);
    assert_eq!(checked.is_none(), mistakes.errors() > 0);
    let one = |mistake: &crate::document::Mistake| match &mistake.hint {
        Some(hint) => format!("{mistake} ({hint})"),
        None => mistake.to_string(),
    };
    mistakes.sorted().into_iter().map(one).collect()
}

/// The scaffold, with one line in place of another.
fn with(line: &str, instead: &str) -> Vec<String> {
    let text = scaffold("Wiki");
    assert_eq!(text.matches(line).count(), 1, "{line}");
    told(&text.replace(line, instead))
}

#[test]
fn the_scaffold_is_right() {
    assert_eq!(told(&scaffold("Wiki")), [""; 0]);
}

#[test]
fn all_mistakes_are_told_at_once_each_with_its_place_and_a_hint() {
    let text = r#"version: 2
title: Wiki
needs: { auth: [token], settings: { team: { about: a team, default: [] } } }
account: { id: /id, active: not account.suspended, mark: /mark, user-nme: /login }
find:
  by-id:
    - call: GET /users/{{ id }
  by-mark:
    - call: GET /users
      query: { mark: "{{ settings.taem }}" }
create:
  - call: PUT /users?x=1
    json: { a: [{ b: "{{ 1 + }}" }] }
enable:
  - call: PATCH /users/{{ user_name }}
disable: []
"#;
    assert_eq!(
        told(text),
        [
            "wiki.yaml:1:10: version 2 is not known, write version: 1",
            "wiki.yaml:3:17: unknown value \"token\" (use bearer, basic, header, oauth)",
            "wiki.yaml:3:69: a setting is a text, a number, true or false (give several settings)",
            "wiki.yaml:4:65: unknown key \"user-nme\" (did you mean \"user-name\"?)",
            "wiki.yaml:7:13: \"{{ id }\" has no end",
            "wiki.yaml:9:7: nothing says where the accounts are in the answer (items: / if it is a list itself)",
            "wiki.yaml:10:22: nothing here is called \"settings.taem\" (did you mean \"team\"?)",
            "wiki.yaml:12:11: \"PUT /users?x=1\" is no plain path: parameters are put into `query`",
            "wiki.yaml:13:22: \"1 +\" is no expression: syntax error: unexpected end of input, expected expression (in <expression>:1)",
            "wiki.yaml:15:11: nothing here is called \"user_name\" (here there are external_id, id, settings)",
            "wiki.yaml:16:10: there is no call (begin one with - call: GET /path)",
        ]
    );
}

#[test]
fn what_would_go_wrong_later_is_told_before() {
    let cases = [
        ("  mark: /external_id", "  # none", "an account has no mark to be found by"),
        (
            "  mark: /external_id",
            "  mark: /external_id\n  birth-mark: /name",
            "a mark that stays needs none of birth",
        ),
        (
            "      items: /users\n\n# Accounts",
            "\n# Accounts",
            "nothing says where the accounts are in the answer",
        ),
        (
            "    keep: { id: /id }",
            "    keep: { external_id: /id }",
            "\"external_id\" is the name of something else",
        ),
        (
            "    keep: { id: /id }",
            "    keep: { team-id: /id }",
            "\"team-id\" cannot be said in an expression",
        ),
        ("    pages: { number: 1 }", "    pages: { numbr: 1 }", "unknown value \"numbr\""),
        ("    query: { page: \"{{ page }}\" }", "    query: { size: 50 }", "every page would be the first"),
        ("  groups: /groups/*/name", "  # none", "a group that is given has to be read and taken as well"),
        ("      when: found\n", "      when: fuond\n", "nothing here is called \"fuond\""),
        ("    title: /title", "    tittle: /title", "nothing here is called \"attributes.title\""),
        ("/sessions\n", "/sessions\n    json: {}\n    form: {}\n", "a call has one body"),
        (
            "    - call: GET /users/{{ id }}",
            "    - call: PUT /users/{{ id }}",
            "PUT changes something, and a look must not",
        ),
        ("    - call: GET /users/{{ id }}", "    - call: GET /users/{{ id[:8] }}", "takes a slice"),
        ("{ status: 403, says", "{ status: 43, says", "43 is no status of HTTP"),
        ("is: throttled }", "is: slow }", "unknown value \"slow\""),
    ];
    for (line, instead, message) in cases {
        let told = with(line, instead);
        assert!(told.iter().any(|mistake| mistake.contains(message)), "{line}: {told:#?}");
    }
}

#[test]
fn the_only_way_to_an_account_is_told_last() {
    let text = "version: 1\ntitle: Desk\nneeds: { auth: [bearer] }\naccount: { id: /id, active: /active }\n\
        find: { by-id: [{ call: \"GET /users/{{ id }}\" }] }\ncreate:\n  - { call: POST /users, keep: { id: /id } }\n  \
        - { call: \"POST /users/{{ id }}/welcome\" }\nenable: [{ call: \"POST /users/{{ id }}/open\" }]\n\
        disable: [{ call: \"POST /users/{{ id }}/close\" }]\n";
    let accounts = "rest: desk.yaml\nurl: https://x.example\nauth: { bearer: x }\n";
    let mistakes = connector_with(accounts, text).unwrap_err();
    let [mistake] = mistakes.sorted()[..] else { panic!("{mistakes}") };
    assert!(
        mistake.to_string().ends_with("is lost where a call fails after the one that tells its id"),
        "{mistake}"
    );
    let last = text.replace("  - { call: \"POST /users/{{ id }}/welcome\" }\n", "");
    assert!(connector_with(accounts, &last).is_ok());
}

fn wrong(accounts: &str) -> Vec<String> {
    let Err(mistakes) = connector(accounts) else { panic!("it is right: {accounts}") };
    let one = |mistake: &crate::document::Mistake| {
        format!("{mistake} ({})", mistake.hint.as_deref().unwrap_or_default())
    };
    mistakes.sorted().into_iter().map(one).collect()
}

#[test]
fn a_target_says_what_its_description_wants_to_know() {
    let url = "url: https://x.example\n";
    assert_eq!(
        wrong(&format!(
            "rest: jira-cloud\n{url}auth: {{ bearer: x }}\nsettings: {{ acces-group: a, product: [] }}\n"
        )),
        [
            "guestpass.yaml:3:7: Jira Cloud is not opened by bearer (it wants basic or oauth)",
            "guestpass.yaml:4:11: Jira Cloud wants the setting \"access-group\" (the group that gives access to the product, such as jira-users-example)",
            "guestpass.yaml:4:26: Jira Cloud has no setting \"acces-group\" (did you mean \"access-group\"?)",
            "guestpass.yaml:4:38: \"product\" is to be a text, a number, true or false ()",
        ]
    );
    assert_eq!(
        wrong(&format!("rest: synaps\n{url}")),
        [
            "guestpass.yaml:1:7: no description called \"synaps\" comes with guestpass (did you mean \"synapse\"?)"
        ]
    );
    assert_eq!(
        wrong(&format!("rest: jupyterhub\n{url}")),
        ["guestpass.yaml:1:1: nothing opens JupyterHub (auth: bearer)"]
    );
    assert_eq!(
        wrong(&format!(
            "rest: gitea\n{url}settings: {{ org: a }}\nauth: {{ header: {{ name: \"X Key\", value: x }} }}\n"
        )),
        ["guestpass.yaml:4:7: \"X Key\" is no name of a header (as in X-Api-Key)"]
    );
}

#[test]
fn what_is_wrong_with_a_description_is_told_in_its_own_file() {
    let accounts = "rest: connectors/wiki.yaml\nurl: https://x.example\nauth: { bearer: x }\n";
    let text = scaffold("Wiki").replace("  id: /id\n", "  id: idd\n");
    let mistakes = connector_with(accounts, &text).unwrap_err();
    let [mistake] = mistakes.sorted()[..] else { panic!("{mistakes}") };
    assert_eq!(mistake.to_string(), "connectors/wiki.yaml:23:7: nothing here is called \"idd\"");
    assert_eq!(mistake.source, "  id: idd");
}

#[test]
fn another_text_another_secret_or_another_setting_is_another_target() {
    let accounts = |secret: &str, team: &str| {
        format!(
            "rest: wiki.yaml\nurl: https://x.example\nauth: {{ bearer: {secret} }}\nsettings: {{ team: {team} }}\n"
        )
    };
    let text = scaffold("Wiki");
    let settings =
        |secret: &str, team: &str, text: &str| connector_with(&accounts(secret, team), text).unwrap();
    let one = settings("s3cret", "a", &text);
    assert_eq!(one, settings("s3cret", "a", &text));
    assert_ne!(one, settings("s4cret", "a", &text));
    assert_ne!(one, settings("s3cret", "b", &text));
    assert_ne!(one, settings("s3cret", "a", &(text.clone() + "# a comment\n")));
    assert!(!format!("{one:?}").contains("s3cret"));
    assert_eq!(one.values(), serde_json::json!({ "team": "a" }));
}
