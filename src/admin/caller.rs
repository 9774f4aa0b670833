//! Who calls, and whether they may. No match, no access: a call that nobody may make is not carried out, and one that is not
//! in the record neither.

use super::failure::{Failure, Refusal};
use super::people::{PEOPLE_AT, SignedIn};
use super::{Calls, Deps, People};
use crate::audit::{Actor, OperatorRole};
use crate::store::{Error, TokenRow, api_token_hash};
use http::request::Parts;
use http::{HeaderMap, Uri, header};
use jiff::Timestamp;
use std::sync::Arc;

/// Who comes in at a door.
#[derive(Clone)]
pub(super) enum Guard {
    /// Whoever can open the socket, which is the owner of the process.
    Socket,
    /// Whoever shows a token that is good for what they call.
    Tokens(Calls),
    /// Whoever is signed in, and has a role that is.
    People(Calls, Arc<People>),
}

/// Who calls.
#[derive(Debug, Clone)]
pub(super) enum Caller {
    /// The owner of the process; by which name, their client says.
    Owner,
    /// Whoever holds this token.
    Holder(TokenRow),
    /// Somebody who is signed in, as `subject@provider`, and what they may.
    Person(String, OperatorRole),
}

impl Caller {
    /// What they may.
    pub(super) fn role(&self) -> OperatorRole {
        match self {
            Self::Owner => OperatorRole::Admin,
            Self::Holder(token) => token.role,
            Self::Person(_, role) => *role,
        }
    }
}

impl Guard {
    /// An address as whoever calls sees it, of whom we may only see what is below our own pages.
    pub(super) fn address(&self, seen: &Uri) -> Uri {
        let below = if matches!(self, Self::People(..)) { PEOPLE_AT } else { "" };
        format!("{below}{seen}").parse().unwrap_or_else(|_| seen.clone())
    }

    /// Who calls `call`, which is for `needs` and whoever may more. Anything is done only once this is recorded.
    ///
    /// # Errors
    /// [`Failure::Refused`] where they may not; others where nobody can say, or it cannot be recorded.
    pub(super) async fn admit(
        &self,
        deps: &Deps,
        parts: &Parts,
        call: &str,
        needs: OperatorRole,
    ) -> Result<Caller, Failure> {
        let now = deps.clock.now();
        let (calls, by, admitted) = match self {
            Self::Socket => return Ok(Caller::Owner),
            Self::Tokens(calls) => {
                let shown = shown(deps, &parts.headers).await?;
                let by = match &shown {
                    Ok(token) => Actor::Token(token.name.clone()),
                    Err(_) => Actor::Nobody,
                };
                (calls, by, shown.and_then(|token| judge(token, needs, now)).map(Caller::Holder))
            }
            Self::People(calls, people) => {
                // Who is nobody yet leaves no trace, like everywhere that anybody can reach.
                let SignedIn { person, role } = people.find(parts, now).await?;
                let admitted = match role {
                    Some(role) if role < needs => Err(Refusal::NoRole(needs)),
                    None => Err(Refusal::NoRole(needs)),
                    Some(_) if !people.is_ours(&parts.method, &parts.headers) => Err(Refusal::Elsewhere),
                    Some(role) => Ok(Caller::Person(person.clone(), role)),
                };
                (calls, Actor::Operator(person), admitted)
            }
        };
        let refused = admitted.as_ref().err().map(|refusal| refusal.reason());
        // What only sees is many calls and little to tell.
        if refused.is_none() && needs > OperatorRole::Auditor {
            calls.note_each(by, call).await?;
        } else {
            calls.note(by, call, refused, now).await?;
        }
        admitted.map_err(Failure::Refused)
    }
}

/// The token that is shown (RFC 6750, section 2.1), whether or not it is good for anything.
async fn shown(deps: &Deps, headers: &HeaderMap) -> Result<Result<TokenRow, Refusal>, Error> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let token = match (values.next(), values.next()) {
        (None, _) => return Ok(Err(Refusal::NoToken)),
        (Some(value), None) => value.to_str().ok().and_then(bearer),
        _ => None,
    };
    let Some(token) = token else { return Ok(Err(Refusal::Unknown)) };
    Ok(deps.store.token(&api_token_hash(token)).await?.ok_or(Refusal::Unknown))
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn judge(token: TokenRow, needs: OperatorRole, now: Timestamp) -> Result<TokenRow, Refusal> {
    match token.revoked {
        Some(at) => Err(Refusal::Revoked(at)),
        None if now >= token.until => Err(Refusal::Ended(token.until)),
        None if token.role < needs => Err(Refusal::Role { needs, has: token.role }),
        None => Ok(token),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_until_its_end_and_for_its_role() {
        let second = |second| Timestamp::from_second(second).unwrap();
        let token = |role| TokenRow {
            name: "ci".parse().unwrap(),
            role,
            created: second(0),
            until: second(10),
            revoked: None,
        };
        use OperatorRole::{Admin, Auditor, Helpdesk};
        for (has, needs, may) in [
            (Auditor, Auditor, true),
            (Auditor, Helpdesk, false),
            (Auditor, Admin, false),
            (Helpdesk, Auditor, true),
            (Helpdesk, Helpdesk, true),
            (Helpdesk, Admin, false),
            (Admin, Admin, true),
        ] {
            assert_eq!(judge(token(has), needs, second(9)).is_ok(), may, "{has} for {needs}");
            assert_eq!(judge(token(has), needs, second(10)), Err(Refusal::Ended(second(10))));
        }
        let revoked = TokenRow { revoked: Some(second(3)), ..token(Admin) };
        assert_eq!(judge(revoked, Auditor, second(4)), Err(Refusal::Revoked(second(3))));
    }

    #[test]
    fn a_token_is_shown_in_one_way() {
        assert_eq!(bearer("Bearer guestpass_x"), Some("guestpass_x"));
        assert_eq!(bearer("bearer  guestpass_x"), Some("guestpass_x"));
        for other in ["guestpass_x", "Basic guestpass_x", "Bearerguestpass_x", ""] {
            assert_eq!(bearer(other), None, "{other}");
        }
    }
}
