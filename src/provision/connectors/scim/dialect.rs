//! In what SCIM servers differ, as data. A dialect is a row; what an operator knows better is said beside it.

use schemars::JsonSchema;
use serde::Deserialize;

/// Whose SCIM it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Dialect {
    /// What RFC 7644 says, and what the server says of itself in its `ServiceProviderConfig`.
    #[default]
    Generic,
    /// Slack.
    Slack,
    /// An Atlassian organisation.
    Atlassian,
    /// GitHub with managed users.
    Github,
    /// A group on GitLab.com.
    Gitlab,
    /// AWS IAM Identity Center.
    Aws,
    /// Zitadel.
    Zitadel,
}

/// What a server can do, and how it wants it said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Manner {
    pub(super) update: Update,
    /// Each PATCH changes one attribute.
    pub(super) one_at_a_time: bool,
    pub(super) booleans: Booleans,
    pub(super) removal: Removal,
    pub(super) delete: Deletion,
    pub(super) filters: Filters,
    /// How many resources a page holds.
    pub(super) page: usize,
    /// Whether there are groups.
    pub(super) groups: bool,
    pub(super) membership: Membership,
    pub(super) names: Names,
    /// Whether people need a given and a family name.
    pub(super) full_names: bool,
    pub(super) display_names: DisplayNames,
    /// Whether it knows guests whose end it keeps.
    pub(super) guests: bool,
    /// Whether pages are named by cursors (RFC 9865).
    pub(super) cursors: bool,
}

/// How a resource is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Update {
    /// PATCH; each operation names the attribute by a path.
    Patch,
    /// PATCH; the attributes are members of the operation's value.
    PatchWithoutPath,
    /// PUT of what was read, with the changes.
    Put,
}

/// How true and false are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Booleans {
    /// As JSON has them.
    Json,
    /// As `"True"` and `"False"`.
    Text,
}

/// How one value is taken out of several, such as a member out of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Removal {
    /// By a path that finds it.
    ValuePath,
    /// By its value.
    ValueList,
    /// By writing all others.
    Replace,
}

/// What DELETE does to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Deletion {
    /// It is gone, and the next of that name is another.
    Removes,
    /// It is closed, which we do ourselves.
    Deactivates,
}

/// What can be searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Filters {
    /// Whatever there is.
    Any,
    /// `userName`, `externalId` and a group's `displayName`. For the rest all are read.
    Names,
    /// Nothing: all are read.
    None,
}

/// How it is found out who is in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Membership {
    /// The user lists its groups, or the group its members.
    Listed,
    /// By a search for the group that has the member.
    Asked,
}

/// What becomes of the name that an account is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Names {
    /// It is kept, but for case.
    Kept,
    /// The server makes another of it: what it answers is not compared with what was sent.
    Rewritten,
}

/// Whose the display name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum DisplayNames {
    /// It is kept as it is given.
    Kept,
    /// The server makes it of the given and the family name, which are given in its place.
    Made,
}

/// What an operator says of a server that its dialect does not say, or says otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct Capabilities {
    /// How a resource is changed.
    pub(super) update: Option<Update>,
    /// Whether each PATCH changes one attribute.
    one_at_a_time: Option<bool>,
    /// How true and false are written.
    booleans: Option<Booleans>,
    /// How one value is taken out of several, such as a member out of a group.
    removal: Option<Removal>,
    /// What DELETE does to an account.
    delete: Option<Deletion>,
    /// What can be searched for.
    pub(super) filters: Option<Filters>,
    /// How many resources a page holds.
    page: Option<PageSize>,
    /// Whether there are groups.
    groups: Option<bool>,
    /// How it is found out who is in a group.
    membership: Option<Membership>,
    /// What becomes of the name that an account is given.
    names: Option<Names>,
    /// Whether people need a given and a family name.
    full_names: Option<bool>,
    /// Whose the display name is.
    display_names: Option<DisplayNames>,
}

/// A number of resources, from 1 to 1000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "u64")]
#[schemars(with = "u64", extend("minimum" = 1, "maximum" = 1000))]
struct PageSize(usize);

impl TryFrom<u64> for PageSize {
    type Error = String;

    fn try_from(number: u64) -> Result<Self, String> {
        let number = usize::try_from(number).ok().filter(|number| (1..=1_000).contains(number));
        number.map(Self).ok_or_else(|| "a number from 1 to 1000 is wanted".to_owned())
    }
}

/// What RFC 7644 has a server do.
const GENERIC: Manner = Manner {
    update: Update::Patch,
    one_at_a_time: false,
    booleans: Booleans::Json,
    removal: Removal::ValuePath,
    delete: Deletion::Removes,
    filters: Filters::Any,
    page: 100,
    groups: true,
    membership: Membership::Listed,
    names: Names::Kept,
    full_names: false,
    display_names: DisplayNames::Kept,
    guests: false,
    cursors: false,
};

impl Dialect {
    /// How such a server is.
    pub(super) fn manner(self) -> Manner {
        match self {
            Self::Generic => GENERIC,
            Self::Slack => Manner {
                removal: Removal::ValueList,
                delete: Deletion::Deactivates,
                names: Names::Rewritten,
                guests: true,
                ..GENERIC
            },
            // DELETE unlinks as well: the account is closed and no longer ours, and the next one has another id.
            Self::Atlassian => Manner { filters: Filters::Names, ..GENERIC },
            Self::Github => Manner { removal: Removal::ValueList, names: Names::Rewritten, ..GENERIC },
            Self::Gitlab => Manner { delete: Deletion::Deactivates, groups: false, ..GENERIC },
            Self::Aws => Manner {
                one_at_a_time: true,
                removal: Removal::ValueList,
                page: 50,
                membership: Membership::Asked,
                full_names: true,
                ..GENERIC
            },
            Self::Zitadel => Manner { groups: false, ..GENERIC },
        }
    }
}

impl Capabilities {
    /// `usual`, but for what is said.
    pub(super) fn over(self, usual: Manner) -> Manner {
        Manner {
            update: self.update.unwrap_or(usual.update),
            one_at_a_time: self.one_at_a_time.unwrap_or(usual.one_at_a_time),
            booleans: self.booleans.unwrap_or(usual.booleans),
            removal: self.removal.unwrap_or(usual.removal),
            delete: self.delete.unwrap_or(usual.delete),
            filters: self.filters.unwrap_or(usual.filters),
            page: self.page.map_or(usual.page, |PageSize(page)| page),
            groups: self.groups.unwrap_or(usual.groups),
            membership: self.membership.unwrap_or(usual.membership),
            names: self.names.unwrap_or(usual.names),
            full_names: self.full_names.unwrap_or(usual.full_names),
            display_names: self.display_names.unwrap_or(usual.display_names),
            ..usual
        }
    }
}

impl Manner {
    /// Whether resources can be searched for by this attribute.
    pub(super) fn finds_by(&self, attribute: &str) -> bool {
        match self.filters {
            Filters::Any => true,
            Filters::Names => ["userName", "externalId", "displayName"].contains(&attribute),
            Filters::None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_an_operator_says_stands_in_place_of_what_is_usual() {
        let said: Capabilities = serde_json::from_value(
            json!({ "update": "patch-without-path", "page": 200, "full-names": false }),
        )
        .unwrap();
        let manner = said.over(Dialect::Aws.manner());
        assert_eq!((manner.update, manner.page, manner.full_names), (Update::PatchWithoutPath, 200, false));
        assert!(manner.one_at_a_time, "the rest is as usual");
        for wrong in [json!({ "page": 0 }), json!({ "update": "post" }), json!({ "cursors": true })] {
            assert!(serde_json::from_value::<Capabilities>(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
