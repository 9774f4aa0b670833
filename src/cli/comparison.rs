//! What another policy would do, as it is told to a person: counts first, then people.

use crate::lifecycle::compare::{Comparison, Detail, Difference, Turn, When};

/// How many people lose, gain, or have something else; then each of them.
pub(super) fn render(comparison: &Comparison) -> String {
    let Comparison { people, gaining, losing, changing, differences } = comparison;
    let known = match people {
        1 => "1 person is known".to_owned(),
        people => format!("{people} people are known"),
    };
    if differences.is_empty() {
        return format!("{known}; nothing changes for anybody.\n");
    }
    let counts = [(losing, "something"), (gaining, "something"), (changing, "something on other terms")];
    let verbs = [["loses", "lose"], ["gains", "gain"], ["has", "have"]];
    let counts = counts.iter().zip(verbs).filter(|((number, _), _)| **number > 0);
    let counts = counts.map(|((number, what), [one, many])| {
        format!("{number} {} {what}", if **number == 1 { one } else { many })
    });
    let mut text = format!("{known}: {}.\n", counts.collect::<Vec<_>>().join(", "));
    for person in differences.chunk_by(|one, other| one.person == other.person) {
        text += &format!("\n{}\n", person[0].person);
        text.extend(person.iter().map(line));
    }
    text
}

fn line(difference: &Difference) -> String {
    let Difference { app, role, turn, when, details, .. } = difference;
    let sign = match turn {
        Turn::Gains => '+',
        Turn::Loses => '-',
        Turn::Changes => '~',
    };
    let when = match when {
        When::AtOnce => "at once",
        When::AtSignIn => "with the next sign-in",
    };
    let details: Vec<_> = details.iter().map(detail).collect();
    let details = if details.is_empty() { String::new() } else { format!(": {}", details.join("; ")) };
    format!("  {sign} {app} as {role}, {when}{details}\n")
}

fn detail(Detail { what, before, after }: &Detail) -> String {
    match (before, after) {
        (Some(before), Some(after)) => format!("{what} {before} → {after}"),
        (Some(one), None) => format!("{what} {one} → none"),
        (None, Some(one)) => format!("{what} {one}"),
        (None, None) => what.clone(),
    }
}
