//! What an account is called in a target that has no room for a name such as `ada@example.com`.

use schemars::JsonSchema;
use serde::Deserialize;

/// How the name in the target is made of the name to sign in with: a text with one of `{local}`, the part before the
/// last `@`, and `{name}`, all of it. Names are in lower case, as people write them who sign in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub(super) struct Naming {
    before: String,
    part: Part,
    after: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Local,
    Name,
}

const PARTS: [(&str, Part); 2] = [("{local}", Part::Local), ("{name}", Part::Name)];

impl Default for Naming {
    fn default() -> Self {
        Self { before: String::new(), part: Part::Local, after: String::new() }
    }
}

impl TryFrom<String> for Naming {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let is_plain = |text: &str| !text.contains(['{', '}']);
        let split = PARTS.iter().find_map(|(word, part)| Some((text.split_once(word)?, *part)));
        match split {
            Some(((before, after), part)) if is_plain(before) && is_plain(after) => {
                Ok(Self { before: before.to_owned(), part, after: after.to_owned() })
            }
            _ => Err(format!("\"{text}\" is to have one of {{local}} and {{name}}, once")),
        }
    }
}

impl Naming {
    /// The name in the target of who signs in as `user_name`.
    pub(super) fn name(&self, user_name: &str) -> String {
        let local = || user_name.rsplit_once('@').map_or(user_name, |(local, _)| local);
        let part = match self.part {
            Part::Local => local(),
            Part::Name => user_name,
        };
        format!("{}{}{}", self.before, part, self.after).to_lowercase()
    }

    /// What a look is to say that found an account `named` so: the name that is wanted, where that is what it comes to.
    pub(super) fn seen(&self, named: &str, wanted: Option<&str>) -> String {
        let same = wanted.filter(|wanted| self.name(wanted) == named.to_lowercase());
        same.unwrap_or(named).to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_made_of_the_name_to_sign_in_with() {
        for (naming, name) in
            [("{local}", "ada.l"), ("{name}", "ada.l@x.example"), ("guest_{local}-x", "guest_ada.l-x")]
        {
            let naming = Naming::try_from(naming.to_owned()).unwrap();
            assert_eq!(naming.name("Ada.L@x.example"), name);
            assert_eq!(naming.seen(name, Some("Ada.L@x.example")), "Ada.L@x.example");
            assert_eq!(naming.seen(name, Some("bob@x.example")), name);
        }
        assert_eq!(Naming::default().name("ada"), "ada");
        for wrong in ["", "ada", "{local}{name}", "{local}{local}", "{user}", "{local}}"] {
            assert!(Naming::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
