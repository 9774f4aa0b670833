//! What answers mean: what HTTP says they do, but for what a description knows better.

use super::expression::Expression;
use super::known::Known;
use super::run::misfit;
use crate::provision::connector::{Fault, Refusal};
use crate::provision::http::Reply;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;

/// One line of the table: answers like this mean that.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Answer {
    /// The status, or several. Any, if it is not said.
    pub(super) status: Option<Statuses>,
    /// This text is in it, whatever the case.
    pub(super) says: Option<String>,
    /// This holds of it; it is `answer`, and paths lead into it.
    pub(super) when: Option<Expression>,
    /// What it means.
    pub(super) is: Meaning,
}

/// What an answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Meaning {
    /// It was done, and the answer says what came of it.
    Ok,
    /// It was so already: the answer says nothing more.
    Already,
    /// What it was to be done to is not there: no further call is made.
    NotFound,
    /// Somebody else's account or group is in the way.
    Conflict,
    /// Too fast.
    Throttled,
    /// Not now; trying again may help.
    Transient,
    /// Nobody can say whether it was done.
    Unknown,
    /// The target does not know us.
    AuthFailed,
    /// We may not.
    Forbidden,
    /// It does not understand, or does not like a value.
    Invalid,
    /// There is no seat or licence left.
    Capacity,
}

/// What comes of an answer that is no fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// It was done, and the answer can be read.
    Done,
    /// It was so already.
    Already,
    /// It is not there.
    NotFound,
}

impl Answer {
    fn fits(&self, reply: &Reply, known: &Known) -> Result<bool, String> {
        let status = self.status.as_ref().is_none_or(|statuses| statuses.0.contains(&reply.status.as_u16()));
        let heard = |said: &String| reply.body.to_lowercase().contains(&said.to_lowercase());
        if !status || !self.says.as_ref().is_none_or(heard) {
            return Ok(false);
        }
        let Some(when) = &self.when else { return Ok(true) };
        let mut known = known.clone();
        known.hear(reply.json().unwrap_or_default());
        when.holds(&known)
    }
}

/// What `reply` means by these tables, of which the first line that fits counts. Whether 404 may mean by itself that something
/// is not there, is `may_miss`.
///
/// # Errors
/// What went wrong.
pub(super) fn judge<'a>(
    reply: &Reply,
    tables: impl Iterator<Item = &'a Answer>,
    known: &Known,
    may_miss: bool,
) -> Result<Came, Fault> {
    let mut fitting = None;
    for answer in tables {
        if answer.fits(reply, known).map_err(misfit)? {
            fitting = Some(answer);
            break;
        }
    }
    let Some(answer) = fitting else {
        return match reply.status.as_u16() {
            404 if may_miss && is_their_own(reply) => Ok(Came::NotFound),
            404 => Err(Fault::Transient { words: reply.said(), after: reply.after() }),
            _ if reply.status.is_success() => Ok(Came::Done),
            _ => Err(reply.fault()),
        };
    };
    let (said, after) = (reply.said(), reply.after());
    Err(match answer.is {
        Meaning::Ok => return Ok(Came::Done),
        Meaning::Already => return Ok(Came::Already),
        Meaning::NotFound => return Ok(Came::NotFound),
        Meaning::Throttled => Fault::Throttled(after),
        Meaning::Transient => Fault::Transient { words: said, after },
        Meaning::Unknown => Fault::Unknown(said),
        Meaning::AuthFailed => Fault::AuthFailed(said),
        Meaning::Conflict => Fault::refused(Refusal::Conflict, said),
        Meaning::Forbidden => Fault::refused(Refusal::Forbidden, said),
        Meaning::Invalid => Fault::refused(Refusal::Invalid, said),
        Meaning::Capacity => Fault::refused(Refusal::Capacity, said),
    })
}

/// Whether it was the application that answered, and not what stands in front of it: that knows no account.
fn is_their_own(reply: &Reply) -> bool {
    matches!(reply.json(), Some(Value::Object(_) | Value::Array(_) | Value::String(_)))
}

/// One status of HTTP, or several.
#[derive(Debug, Clone)]
pub(super) struct Statuses(Vec<u16>);

impl<'de> Deserialize<'de> for Statuses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;

        impl<'de> Visitor<'de> for Written {
            type Value = Statuses;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a status of HTTP, or a list of them")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Statuses, E> {
                let status = u16::try_from(number).ok().filter(|status| (100..600).contains(status));
                let status = status.ok_or_else(|| E::custom(format!("{number} is no status of HTTP")))?;
                Ok(Statuses(vec![status]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Statuses, A::Error> {
                let mut all = Vec::new();
                while let Some(Statuses(one)) = list.next_element()? {
                    all.extend(one);
                }
                Ok(Statuses(all))
            }
        }

        deserializer.deserialize_any(Written)
    }
}

impl JsonSchema for Statuses {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Statuses".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let status = json_schema!({ "type": "integer", "minimum": 100, "maximum": 599 });
        json_schema!({ "anyOf": [status, { "type": "array", "items": status }] })
    }
}
