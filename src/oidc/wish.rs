//! How somebody is to sign in, as addresses of ours say it. They can be written by anybody, and so ask for more than
//! needs be, but never for less: what a sign-in was good for is judged by what the provider says of it.

use super::Deps;
use crate::issuer::{Ask, Issuer};
use crate::names::AppName;
use jiff::SignedDuration;
use serde::Deserialize;
use url::form_urlencoded::Serializer;

/// The longest value that is passed on, in bytes.
const LONGEST: usize = 200;

/// What is wished of a sign-in beside where it leads. What is empty is not wished.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wish {
    /// `true`: whether the provider is to ask who it is, even if it or we know.
    pub(super) again: String,
    /// Which provider.
    pub(super) provider: String,
    /// Who they probably are, for the provider's form.
    pub(super) hint: String,
    /// Classes of authentication, with spaces between.
    pub(super) acr: String,
    /// How many seconds ago they may have proved who they are.
    pub(super) max_age: String,
}

impl Wish {
    /// That the provider asks, whoever it knows.
    pub(super) fn asking_again() -> Self {
        Self { again: "true".to_owned(), ..Self::default() }
    }

    /// What is asked of the provider for it.
    pub(super) fn ask(&self) -> Ask {
        let max_age = self.max_age.parse::<u32>().ok();
        Ask {
            again: self.again == "true",
            acr: short(&self.acr).split_ascii_whitespace().map(str::to_owned).collect(),
            max_age: max_age.map(|seconds| SignedDuration::from_secs(seconds.into())),
            hint: Some(short(&self.hint)).filter(|hint| !hint.is_empty()).map(str::to_owned),
        }
    }

    /// Whether a sign-in that is there already will do.
    pub(super) fn takes_any(&self) -> bool {
        let Ask { again, acr, max_age, .. } = self.ask();
        !again && acr.is_empty() && max_age.is_none()
    }

    /// Whether it asks for more than who somebody is.
    pub(super) fn steps_up(&self) -> bool {
        let Ask { acr, max_age, .. } = self.ask();
        !acr.is_empty() || max_age.is_some()
    }

    /// Says the same in another address.
    pub(super) fn write<'a>(&self, query: &mut Serializer<'a, String>) {
        let Self { again, provider, hint, acr, max_age } = self;
        let all =
            [("again", again), ("provider", provider), ("hint", hint), ("acr", acr), ("max_age", max_age)];
        for (name, value) in all.into_iter().filter(|(_, value)| !value.is_empty()) {
            query.append_pair(name, short(value));
        }
    }
}

fn short(text: &str) -> &str {
    let fits =
        text.char_indices().map(|(at, letter)| at + letter.len_utf8()).take_while(|end| *end <= LONGEST);
    &text[..fits.last().unwrap_or(0)]
}

/// Who can vouch for somebody on the way to `app`, or to our own pages.
pub(super) fn providers<'a>(
    deps: &'a Deps,
    app: Option<&AppName>,
) -> impl Iterator<Item = &'a Issuer> + use<'a> {
    let named = app.and_then(|app| deps.apps.get(app)).map_or(&[][..], |app| &app.providers[..]);
    let issuers = deps.issuers.iter();
    issuers.filter(|(name, _)| named.is_empty() || named.contains(name)).map(|(_, issuer)| &**issuer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_readable_or_too_long_is_not_wished() {
        let wish = |text: &str| serde_json::from_str::<Wish>(text).unwrap();
        assert!(wish("{}").takes_any());
        assert!(wish(r#"{"again":"yes","max_age":"-1","hint":"carla"}"#).takes_any());
        for asking in [r#"{"again":"true"}"#, r#"{"acr":"gold"}"#, r#"{"max_age":"0"}"#] {
            assert!(!wish(asking).takes_any(), "{asking}");
        }
        let long = Wish { hint: "ä".repeat(LONGEST), ..Wish::default() };
        assert_eq!(long.ask().hint.map(|hint| hint.len()), Some(LONGEST));
        let both = wish(r#"{"acr":" gold  silver ","max_age":"600"}"#).ask();
        assert_eq!(
            (both.acr, both.max_age),
            (vec!["gold".to_owned(), "silver".to_owned()], Some(SignedDuration::from_mins(10)))
        );
    }
}
