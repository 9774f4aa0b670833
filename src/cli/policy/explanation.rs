//! How an explanation is told to a person: the rules, then what comes of them in a sentence for each app.

use crate::names::AppName;
use crate::policy::{
    Answer, Comes, Explanation, Judged, OfDenial, OfRole, OfSeparation, Outcome, PossibleEnd, Spot,
};
use crate::span::in_words;
use jiff::Timestamp;
use std::collections::BTreeSet;

/// How many rules that do not match are shown, those that lack the least.
const NEARLY: usize = 5;

/// How far apart the words of a condition and what was seen may be.
const WIDEST: usize = 60;

/// How much of what was seen is shown, in characters.
const LONGEST: usize = 72;

/// What is said of who is excepted.
const UNLESS: &str = "unless all of this holds:";

/// The explanation, with all rules or only those that match or nearly do.
pub(super) fn render(explanation: &Explanation, app: Option<&AppName>, all: bool) -> String {
    let Explanation { roles, deny, separate, at, .. } = explanation;
    let (roles, other_roles) = shown(roles, OfRole::is_near, all);
    let (deny, other_denials) = shown(deny, OfDenial::is_near, all);
    let blocks = roles.iter().map(|role| of_role(role, *at));
    let blocks = blocks.chain(deny.iter().map(of_denial)).chain(separate.iter().map(of_separation));
    let mut text: String = blocks.map(|block| block + "\n").collect();
    let left_out =
        [(other_roles, "role"), (other_denials, "denial")].into_iter().filter(|(number, _)| *number > 0);
    for (number, what) in left_out {
        let (many, verb) = if number == 1 { ("", "does") } else { ("s", "do") };
        text += &format!("{number} more {what}{many} {verb} not match; --all shows them.\n");
    }
    text + &conclusion(explanation, app)
}

/// The rules that are near, and of the others the nearest; how many are left out.
fn shown<T>(rules: &[T], is_near: impl Fn(&T) -> bool, all: bool) -> (&[T], usize) {
    let near = rules.iter().filter(|rule| is_near(rule)).count();
    let number = if all { rules.len() } else { rules.len().min(near.max(NEARLY)) };
    (&rules[..number], rules.len() - number)
}

fn heading(what: &str, spot: &Spot) -> String {
    format!("{what}   {}:{}:{}\n", spot.file, spot.line, spot.column)
}

fn of_role(role: &OfRole, at: Timestamp) -> String {
    let mut text = heading(role.role.as_str(), &role.spot);
    if role.who.is_empty() {
        text += "  only another role brings it\n";
    }
    text += &conditions(&[
        ("", &role.who),
        (UNLESS, &role.unless),
        ("idle spares whoever all of this holds for:", &role.idle_unless),
    ]);
    for by in &role.by {
        text += &format!("  + comes with {by}\n");
    }
    if !role.brings.is_empty() {
        text += &format!("  + brings {}\n", listed(&role.brings));
    }
    role.comes.iter().for_each(|comes| text += &of_app(comes, at));
    text
}

fn of_denial(denial: &OfDenial) -> String {
    let mut text = heading(&format!("deny {}", denial.rule), &denial.spot);
    text += &conditions(&[("", &denial.who), (UNLESS, &denial.unless)]);
    text.extend(denial.because.iter().map(|because| format!("  because: {because}\n")));
    if !denial.takes.is_empty() {
        text += &format!("  → takes {}\n", listed(&denial.takes));
    }
    text
}

fn of_separation(separation: &OfSeparation) -> String {
    let mut text = heading(&format!("separate {}", separation.rule), &separation.spot);
    text += &format!("  nobody may hold two of {}\n", listed(&separation.roles));
    text.extend(separation.because.iter().map(|because| format!("  because: {because}\n")));
    if !separation.takes.is_empty() {
        text += &format!("  → takes {}\n", listed(&separation.takes));
    }
    text
}

/// The conditions of a rule, a line each, their places and words in columns; those that stand apart, below what is said
/// of them.
fn conditions(parts: &[(&str, &[Judged])]) -> String {
    let place = |one: &Judged| format!("{}:{}", one.line, one.column);
    let all = || parts.iter().flat_map(|(_, conditions)| *conditions);
    let width = |of: &dyn Fn(&Judged) -> usize| all().map(of).max().unwrap_or(0);
    let places = width(&|one| place(one).len());
    let words = width(&|one| one.condition.chars().count()).min(WIDEST);
    let line = |one: &Judged, indent: &str, words: usize| {
        let mark = match one.answer {
            Answer::Holds => '✓',
            Answer::Fails => '✗',
            Answer::Unknown { .. } | Answer::Failed { .. } => '?',
        };
        let line =
            format!("{indent}{mark} {:places$}  {:words$}  {}", place(one), one.condition, remark(one));
        format!("{}\n", line.trim_end())
    };
    let mut text = String::new();
    for (said, conditions) in parts.iter().filter(|(_, conditions)| !conditions.is_empty()) {
        let (indent, words) = if said.is_empty() { ("  ", words) } else { ("    ", words.saturating_sub(2)) };
        if !said.is_empty() {
            text += &format!("  {said}\n");
        }
        text.extend(conditions.iter().map(|one| line(one, indent, words)));
    }
    text
}

/// What was seen, where the condition does not say it already, and what looking took.
fn remark(one: &Judged) -> String {
    let seen = match &one.answer {
        Answer::Unknown { why } | Answer::Failed { why } => why,
        Answer::Holds | Answer::Fails => &one.seen,
    };
    let said = one.condition.strip_prefix("claims.").unwrap_or(&one.condition);
    let seen = Some(shortened(seen)).filter(|seen| !seen.is_empty() && *seen != said);
    let took = one.ns.map(|ns| if ns < 1_000 { format!("{ns} ns") } else { format!("{} µs", ns / 1_000) });
    let parts: Vec<_> = seen.into_iter().chain(took).collect();
    if parts.is_empty() { String::new() } else { format!("({})", parts.join("; ")) }
}

/// So much of a text that a line can be read at a glance.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// What comes of a role in an app.
fn of_app(comes: &Comes, at: Timestamp) -> String {
    let Comes { found, ends, asks } = comes;
    let Some(terms) = found.terms() else {
        return format!("  → {}: not granted: {}\n", found.app, found.outcome);
    };
    let attributes = terms.attributes.iter().map(|(name, value)| format!("{name} \"{value}\""));
    let some = |what: &str, items: &BTreeSet<String>| {
        (!items.is_empty()).then(|| format!("{what} {}", listed(items)))
    };
    let gives: Vec<_> = some("groups", &terms.groups)
        .into_iter()
        .chain(some("roles", &terms.roles))
        .chain(attributes)
        .chain(some("only below", &terms.routes))
        .chain(terms.sponsor.iter().map(|sponsor| format!("sponsor {sponsor}")))
        .chain(terms.heir.iter().map(|heir| format!("its work goes to {heir}")))
        .collect();
    let gives = if gives.is_empty() { "a place in it".to_owned() } else { gives.join("; ") };
    let mut text = format!("  → {}: {gives}\n", found.app);
    let end = |end: &PossibleEnd| match &end.span {
        Some(span) => format!("{} by {} {span}", end.at, end.because),
        None => format!("{} by {}", end.at, end.because),
    };
    text += &match ends.split_first() {
        None => "      lasts as long as the provider confirms it\n".to_owned(),
        Some((first, _)) if first.at <= at => format!("      is over: it ended {}\n", end(first)),
        Some((first, later)) => {
            let later: String = later.iter().map(|one| format!("; else {}", end(one))).collect();
            format!("      ends {}{later}\n", end(first))
        }
    };
    if let Some(span) = terms.delete_after {
        text += &format!("      its account is deleted {} after the end\n", in_words(span));
    }
    if !asks.is_empty() {
        text += &format!("      each request: {}\n", asks.join("; "));
    }
    text
}

/// What all of it comes to, a sentence for each app.
fn conclusion(explanation: &Explanation, app: Option<&AppName>) -> String {
    let comes = || explanation.roles.iter().flat_map(|role| &role.comes);
    let apps: BTreeSet<_> = comes().map(|comes| &comes.found.app).chain(app).collect();
    if apps.is_empty() {
        return "No role matches, so no access to anything.\n".to_owned();
    }
    let sentence = |app: &AppName| {
        let here: Vec<_> = comes().filter(|comes| comes.found.app == *app).collect();
        let open = |comes: &&&Comes| {
            comes.found.terms().is_some() && comes.ends.first().is_none_or(|end| explanation.at < end.at)
        };
        let given: Vec<_> = here.iter().filter(open).map(|comes| given(comes)).collect();
        let refused = |comes: &&Comes| match &comes.found.outcome {
            Outcome::Granted(_) => format!("{} is over already", comes.found.role),
            outcome => format!("{}: {outcome}", comes.found.role),
        };
        match (given.is_empty(), here.is_empty()) {
            (false, _) => format!("Access to {app} {}.\n", given.join(", and ")),
            (true, true) => format!("No role matches, so no access to {app}.\n"),
            (true, false) => {
                format!("No access to {app}: {}.\n", here.iter().map(refused).collect::<Vec<_>>().join("; "))
            }
        }
    };
    apps.into_iter().map(sentence).collect()
}

fn given(comes: &Comes) -> String {
    let role = &comes.found.role;
    let asks = if comes.asks.is_empty() { "" } else { ", where each request meets its conditions" };
    match comes.ends.first() {
        Some(end) => format!("as {role} until {} ({}){asks}", end.at, end.because),
        None => format!("as {role} as long as the provider confirms it{asks}"),
    }
}

fn listed<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}
