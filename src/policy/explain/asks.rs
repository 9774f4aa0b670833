//! What `only` asks of each request, in words.

use crate::account::{Limits, Terms};
use crate::span::in_words;
use jiff::civil::Weekday;

/// All that a request is asked where the role has these terms; nothing where it opens whatever the circumstances are.
pub fn asks(terms: &Terms) -> Vec<String> {
    terms.only.iter().flat_map(of_limits).collect()
}

fn of_limits(limits: &Limits) -> Vec<String> {
    let Limits { days, hours, zone, networks, acr, amr, max_age } = limits;
    let zone = zone.as_ref().map_or("UTC".to_owned(), |zone| String::from(zone.clone()));
    let days = (!days.is_empty()).then(|| days.iter().map(|day| short(*day)).collect::<Vec<_>>().join(", "));
    let hours = hours.map(|(from, to)| format!("{} to {}", from.strftime("%H:%M"), to.strftime("%H:%M")));
    let when = match (days, hours) {
        (Some(days), Some(hours)) => Some(format!("{days}, {hours} {zone}")),
        (Some(one), None) | (None, Some(one)) => Some(format!("{one} {zone}")),
        (None, None) => None,
    };
    let listed = |words: &str, items: Vec<String>, joint: &str| {
        (!items.is_empty()).then(|| format!("{words} {}", items.join(joint)))
    };
    [
        when,
        listed("from", networks.iter().map(ToString::to_string).collect(), " or "),
        listed("acr", acr.clone(), " or "),
        listed("amr", amr.clone(), " and "),
        max_age.map(|age| format!("signed in at the provider at most {} ago", in_words(age))),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn short(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "mon",
        Weekday::Tuesday => "tue",
        Weekday::Wednesday => "wed",
        Weekday::Thursday => "thu",
        Weekday::Friday => "fri",
        Weekday::Saturday => "sat",
        Weekday::Sunday => "sun",
    }
}
