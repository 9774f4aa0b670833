//! Which names mean something where, in a description.

use super::call::{Call, Pages};
use super::check::Check;
use super::description::Description;
use super::expression::Expression;
use crate::document::{Segment, closest};
use std::collections::BTreeSet;

/// In every call about one account.
pub(super) const ALWAYS: &[&str] = &["settings", "external_id"];
/// In a step for an account that is there.
pub(super) const ACCOUNT: &[&str] = &["settings", "external_id", "id"];
/// Where it is known what the account is to be.
pub(super) const PROFILE: &[&str] =
    &["user_name", "display_name", "email", "attributes", "expires", "groups"];
/// Of a call itself.
const OWN: [&str; 5] = ["answer", "items", "item", "page", "account"];

/// The names that mean something at some place.
#[derive(Clone)]
pub(super) struct Scope(BTreeSet<String>);

impl Scope {
    /// These names, and those that the description makes of them.
    pub(super) fn of(description: &Description, names: &[&[&str]]) -> Self {
        let mut scope = Self(names.concat().into_iter().map(str::to_owned).collect());
        let made = description.names.iter().filter(|(_, how)| how.names().iter().all(|name| scope.has(name)));
        let made: Vec<String> = made.map(|(name, _)| name.clone()).collect();
        scope.0.extend(made);
        scope
    }

    pub(super) fn add(&mut self, name: &str) {
        self.0.insert(name.to_owned());
    }

    pub(super) fn without(mut self, name: &str) -> Self {
        self.0.remove(name);
        self
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains(name.split('.').next().unwrap_or_default())
    }
}

impl Description {
    /// Whether an account of ours is found by our mark also where nobody knows any more what it was to be.
    pub(super) fn finds_by_mark(&self) -> bool {
        let scope = Scope::of(self, &[ALWAYS]);
        self.find.by_mark.as_ref().is_some_and(|calls| needed(calls).iter().all(|name| scope.has(name)))
    }
}

/// Whether `name` is one that we ourselves give.
fn is_ours(name: &str) -> bool {
    let known = [ACCOUNT, PROFILE, &OWN, &["group", "role", "heir", "value"]];
    known.iter().any(|names| names.contains(&name))
}

impl Check<'_> {
    /// Tells which of `names` mean nothing at `at`.
    pub(super) fn known(&mut self, at: &[Segment<'_>], names: &BTreeSet<String>, scope: &Scope) {
        for name in names {
            let mut parts = name.splitn(3, '.');
            let (root, member) = (parts.next().unwrap_or_default(), parts.next());
            let among: Vec<String> = match root {
                _ if !scope.has(root) => scope.0.iter().cloned().collect(),
                "settings" => {
                    self.description.needs.settings.keys().map(|name| name.replace('-', "_")).collect()
                }
                "attributes" => self.description.account.attributes.keys().cloned().collect(),
                _ => continue,
            };
            let (what, meant) = match member {
                Some(member) if scope.has(root) => (format!("{root}.{member}"), member),
                None if scope.has(root) => continue,
                _ => (root.to_owned(), root),
            };
            if among.iter().any(|known| known == meant) {
                continue;
            }
            let hint = match closest(meant, among.iter().map(String::as_str)) {
                Some(close) => format!("did you mean \"{close}\"?"),
                None if among.is_empty() => "there is none".to_owned(),
                None => format!("here there are {}", among.join(", ")),
            };
            self.wrong(at, format!("nothing here is called \"{what}\""), &hint);
        }
    }

    /// Tells what is wrong with `name` as a name of the description's own.
    pub(super) fn new_name(&mut self, at: &[Segment<'_>], name: &str) {
        let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
        if is_ours(name) {
            self.wrong(at, format!("\"{name}\" is the name of something else"), "choose another name");
        } else if !name.chars().all(plain) || name.starts_with(|letter: char| letter.is_ascii_digit()) {
            let message = format!("\"{name}\" cannot be said in an expression");
            self.wrong(at, message, "a name has lower-case letters, digits and _, as in team_id");
        }
    }

    /// Tells which names in `call` mean nothing, and adds to `scope` what it keeps.
    pub(super) fn call_names(&mut self, at: &[Segment<'_>], call: &Call, scope: &mut Scope, creates: bool) {
        let names =
            |expression: &Option<Expression>| expression.as_ref().map(Expression::names).unwrap_or_default();
        self.known(&below(at, &["when"]), &names(&call.when), scope);
        self.known(&below(at, &["each"]), &names(&call.each), scope);
        let mut sending = scope.clone();
        call.each.iter().for_each(|_| sending.add("item"));
        call.pages.iter().for_each(|_| sending.add("page"));
        let path = call.call.segments.iter().flat_map(|segment| segment.names()).collect();
        self.known(&below(at, &["call"]), &path, &sending);
        for (name, template) in &call.query {
            self.known(&below(at, &["query", name]), &template.names(), &sending);
        }
        for (name, template) in &call.headers {
            self.known(&below(at, &["headers", name]), &template.names(), &sending);
        }
        for (name, template) in call.form.iter().flatten() {
            self.known(&below(at, &["form", name]), &template.names(), &sending);
        }
        if let Some(tree) = &call.json {
            self.known(&below(at, &["json"]), &tree.names(), &sending);
        }
        let mut heard = sending.clone();
        heard.add("answer");
        for (number, answer) in call.answers.iter().enumerate() {
            let number = number.to_string();
            self.known(&below(at, &["answers", &number, "when"]), &names(&answer.when), &heard);
        }
        self.known(&below(at, &["items"]), &names(&call.items), &heard);
        if let Some(Pages::Cursor(next) | Pages::Next(next)) = &call.pages {
            self.known(&below(at, &["pages"]), &next.names(), &heard);
        }
        let mut keeping = heard;
        call.items.iter().for_each(|_| keeping.add("items"));
        for (name, expression) in &call.keep {
            self.known(&below(at, &["keep", name]), &expression.names(), &keeping);
            if !(creates && name == "id") {
                self.new_name(&below(at, &["keep", name]), name);
            }
            scope.add(name);
        }
        scope.add("answer");
        call.items.iter().for_each(|_| scope.add("items"));
    }
}

fn below<'a>(at: &[Segment<'a>], keys: &[&'a str]) -> Vec<Segment<'a>> {
    at.iter().copied().chain(keys.iter().copied().map(Segment::Key)).collect()
}

/// The names in what `call` sends.
pub(super) fn sent(call: &Call) -> BTreeSet<String> {
    let path = call.call.segments.iter().flat_map(|segment| segment.names());
    let templates = call
        .query
        .values()
        .chain(call.headers.values())
        .chain(call.form.iter().flat_map(|form| form.values()));
    let templates = templates.flat_map(|template| template.names());
    let body = call.json.iter().flat_map(|tree| tree.names());
    path.chain(templates).chain(body).collect()
}

/// The names that `calls` need to be made at all: what one keeps, those after it have.
pub(super) fn needed(calls: &[Call]) -> BTreeSet<String> {
    let (mut needed, mut kept) = (BTreeSet::new(), BTreeSet::from(OWN.map(str::to_owned)));
    for call in calls {
        let asked = [&call.when, &call.each].into_iter().flatten().flat_map(|asked| asked.names());
        let names = asked.chain(sent(call)).map(|name| name.split('.').next().unwrap_or_default().to_owned());
        needed.extend(names.filter(|name| !kept.contains(name)));
        kept.extend(call.keep.keys().cloned());
    }
    needed
}
