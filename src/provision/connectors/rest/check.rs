//! What can be wrong with a description: all of it at once, each with its place and a hint.

use super::call::{Call, Pages};
use super::description::{Description, Setting};
use super::scope::{ACCOUNT, ALWAYS, PROFILE, Scope};
use crate::document::{Document, Mistakes, Segment};
use reqwest::Method;
use schemars::{Schema, schema_for};

/// The JSON Schema (draft 2020-12) of a description. It knows the form alone: what names mean is told by [`check`].
pub fn schema() -> Schema {
    schema_for!(Description)
}

/// Reads a description; nothing is returned where it holds an error.
pub fn check(file: &str, text: &str, mistakes: &mut Mistakes) -> Option<Description> {
    let before = mistakes.errors();
    let document = Document::parse(file, text).map_err(|mistake| mistakes.push(*mistake)).ok()?;
    let (description, document) = document.salvage::<Description>(mistakes)?;
    let mut check = Check { document: &document, mistakes, description: &description };
    check.names();
    check.account();
    check.looks();
    check.steps();
    check.whole();
    (mistakes.errors() == before).then_some(description)
}

/// A description under the eyes of its reader.
pub(super) struct Check<'a> {
    document: &'a Document,
    mistakes: &'a mut Mistakes,
    pub(super) description: &'a Description,
}

impl<'a> Check<'a> {
    /// Tells what is wrong at `at`, and what would be right.
    pub(super) fn wrong(&mut self, at: &[Segment<'_>], message: impl Into<String>, hint: &str) {
        if !self.document.is_lost(at) {
            self.mistakes.push(self.document.mistake(at, message).hint(hint));
        }
    }

    fn names(&mut self) {
        let everything =
            Scope::of(self.description, &[ALWAYS, PROFILE, &["id", "group", "role", "heir", "value"]]);
        for (name, expression) in &self.description.names {
            let at = ["names".into(), name.as_str().into()];
            self.new_name(&at, name);
            self.known(&at, &expression.names(), &everything);
        }
        for (name, Setting { default, .. }) in &self.description.needs.settings {
            if default.as_ref().is_some_and(|value| value.is_array() || value.is_object()) {
                let at = ["needs".into(), "settings".into(), name.as_str().into(), "default".into()];
                self.wrong(&at, "a setting is a text, a number, true or false", "give several settings");
            }
        }
    }

    fn account(&mut self) {
        let account = &self.description.account;
        let mut scope = Scope::of(self.description, &[ALWAYS, &["account"]]);
        self.description.find.by_id.iter().flat_map(|call| call.keep.keys()).for_each(|name| scope.add(name));
        let read = [
            ("id", Some(&account.id)),
            ("active", Some(&account.active)),
            ("mark", account.mark.as_ref()),
            ("birth-mark", account.birth_mark.as_ref()),
            ("user-name", account.user_name.as_ref()),
            ("display-name", account.display_name.as_ref()),
            ("email", account.email.as_ref()),
            ("groups", account.groups.as_ref()),
            ("roles", account.roles.as_ref()),
        ];
        for (name, expression) in read {
            let names = expression.map(|expression| expression.names()).unwrap_or_default();
            self.known(&["account".into(), name.into()], &names, &scope);
        }
        for (name, expression) in &account.attributes {
            self.known(
                &["account".into(), "attributes".into(), name.as_str().into()],
                &expression.names(),
                &scope,
            );
        }
        if let Some(expires) = &account.expires {
            self.known(&["account".into(), "expires".into(), "at".into()], &expires.at.names(), &scope);
        }
    }

    fn looks(&mut self) {
        let description = self.description;
        let always = Scope::of(description, &[ALWAYS]);
        let id = Scope::of(description, &[ALWAYS, &["id", "account", "groups"]]);
        self.calls(&["find".into(), "by-id".into()], &description.find.by_id, &id, Kind::Look);
        if let Some(calls) = &description.find.by_mark {
            let scope = Scope::of(description, &[ALWAYS, PROFILE]);
            self.calls(&["find".into(), "by-mark".into()], calls, &scope, Kind::Search);
        }
        let value = Scope::of(description, &[&["settings", "value"]]);
        let matching = &description.matching;
        for (name, calls) in [("user-name", &matching.user_name), ("email", &matching.email)] {
            let calls = calls.as_deref();
            calls
                .into_iter()
                .for_each(|calls| self.calls(&["match".into(), name.into()], calls, &value, Kind::Search));
        }
        for (name, calls) in &matching.attributes {
            let at = ["match".into(), "attributes".into(), name.as_str().into()];
            self.calls(&at, calls, &value, Kind::Search);
            if !description.account.attributes.contains_key(name) {
                self.wrong(
                    &at,
                    format!("attribute \"{name}\" is not read"),
                    "say where below account: attributes:",
                );
            }
        }
        if let Some(calls) = &description.list {
            let always = always.without("external_id");
            self.calls(&["list".into()], calls, &always, Kind::Search);
        }
    }

    fn steps(&mut self) {
        let d = self.description;
        let (id, profile) = (Scope::of(d, &[ACCOUNT]), Scope::of(d, &[ACCOUNT, PROFILE]));
        let new = Scope::of(d, &[ALWAYS, PROFILE]);
        let heir = Scope::of(d, &[ACCOUNT, &["heir"]]);
        let steps = [
            ("create", Some(&d.create), &new, Kind::Create),
            ("adopt", d.adopt.as_ref(), &id, Kind::Step),
            ("update", d.update.as_ref(), &profile, Kind::Step),
            ("enable", Some(&d.enable), &id, Kind::Step),
            ("disable", Some(&d.disable), &id, Kind::Step),
            ("delete", d.delete.as_ref(), &id, Kind::Step),
            ("sessions", d.sessions.as_ref(), &id, Kind::Step),
            ("hand-over", d.hand_over.as_ref(), &heir, Kind::Step),
        ];
        for (name, calls, scope, kind) in steps {
            calls.into_iter().for_each(|calls| self.calls(&[name.into()], calls, scope, kind));
        }
        for (step, how) in [("give", &d.give), ("take", &d.take)] {
            for (what, calls) in [("group", &how.group), ("role", &how.role)] {
                let scope = Scope::of(d, &[ACCOUNT, &[what]]);
                let calls = calls.as_deref();
                calls
                    .into_iter()
                    .for_each(|calls| self.calls(&[step.into(), what.into()], calls, &scope, Kind::Step));
            }
        }
    }

    /// What only the whole can tell.
    fn whole(&mut self) {
        let (d, account) = (self.description, &self.description.account);
        let marked = account.mark.is_some() || account.birth_mark.is_some();
        let mut want = |wrong: bool, at: &[&str], message: &str, hint: &str| {
            let at: Vec<Segment<'_>> = at.iter().copied().map(Segment::from).collect();
            if wrong {
                self.wrong(&at, message, hint);
            }
        };
        want(
            account.mark.is_some() && account.birth_mark.is_some(),
            &["account", "birth-mark"],
            "a mark that stays needs none of birth",
            "leave one of them out",
        );
        want(
            marked && d.find.by_mark.is_none(),
            &["find"],
            "nothing finds an account by our mark",
            "add by-mark: else an account whose creation was not answered would be made twice",
        );
        want(
            !marked && d.find.by_mark.is_some(),
            &["find", "by-mark"],
            "an account has no mark to be found by",
            "say below account: where the mark is",
        );
        want(
            !marked && !d.create.iter().any(|call| call.keep.contains_key("id")),
            &["create"],
            "an account without a mark is known by its id alone, and nothing keeps that",
            "keep: { id: /id }",
        );
        let last = d.create.last().is_some_and(|call| call.keep.contains_key("id"));
        want(
            !marked && !last && d.create.iter().any(|call| call.keep.contains_key("id")),
            &["create"],
            "an account without a mark is lost where a call fails after the one that tells its id",
            "let that be the last; what else is to be set is for update, enable and give",
        );
        let matches =
            d.matching.user_name.is_some() || d.matching.email.is_some() || !d.matching.attributes.is_empty();
        want(
            matches && account.mark.is_some() && d.adopt.is_none(),
            &["match"],
            "an account that is found cannot be marked as ours",
            "say in adopt: how it is",
        );
        want(
            (account.expires.is_some() || !account.attributes.is_empty()) && d.update.is_none(),
            &["account"],
            "attributes or an end that are read and differ could not be set",
            "say in update: how they are, or leave them out",
        );
        for (what, read, give, take) in [
            ("group", &account.groups, &d.give.group, &d.take.group),
            ("role", &account.roles, &d.give.role, &d.take.role),
        ] {
            let all = [read.is_some(), give.is_some(), take.is_some()];
            want(
                all.contains(&true) && all.contains(&false),
                &["give", what],
                &format!("a {what} that is given has to be read and taken as well"),
                &format!("account: {what}s, give: {what} and take: {what} go together"),
            );
        }
    }

    fn calls(&mut self, at: &[Segment<'_>], calls: &[Call], scope: &Scope, kind: Kind) {
        let mut scope = scope.clone();
        if calls.is_empty() {
            self.wrong(at, "there is no call", "begin one with - call: GET /path");
        }
        for (number, call) in calls.iter().enumerate() {
            let at = [at, &[Segment::Index(number)]].concat();
            self.form(&at, call, kind);
            self.call_names(&at, call, &mut scope, kind == Kind::Create);
        }
        if let Some(last) = calls.last()
            && kind == Kind::Search
            && last.items.is_none()
        {
            let at = [at, &[Segment::Index(calls.len() - 1)]].concat();
            self.wrong(
                &at,
                "nothing says where the accounts are in the answer",
                "items: / if it is a list itself",
            );
        }
    }

    /// What is wrong with a call whatever its names mean.
    fn form(&mut self, at: &[Segment<'_>], call: &Call, kind: Kind) {
        let below = |key: &'static str| [at, &[key.into()]].concat();
        let method = &call.call.method;
        if call.json.is_some() && call.form.is_some() {
            self.wrong(&below("form"), "a call has one body", "leave out json or form");
        }
        if *method == Method::GET && (call.json.is_some() || call.form.is_some()) {
            self.wrong(&below("call"), "a GET has no body", "parameters are put into `query`");
        }
        // Some searches are POST.
        if matches!(kind, Kind::Look | Kind::Search) && ![Method::GET, Method::POST].contains(method) {
            self.wrong(
                &below("call"),
                format!("{method} changes something, and a look must not"),
                "look with GET",
            );
        }
        if call.headers.keys().any(|name| ["authorization", "host"].contains(&name.to_lowercase().as_str())) {
            self.wrong(
                &below("headers"),
                "who we are is said by the target's `auth`",
                "leave this header out",
            );
        }
        let Some(pages) = &call.pages else { return };
        if call.items.is_none() {
            self.wrong(&below("pages"), "pages of what is not said", "say in items: where the list is");
        }
        let elsewhere = matches!(pages, Pages::Next(_) | Pages::Link);
        if !elsewhere && !super::scope::sent(call).contains("page") {
            self.wrong(&below("pages"), "every page would be the first", "send {{ page }} somewhere");
        }
    }
}

/// What calls are for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Look,
    Search,
    Create,
    Step,
}
