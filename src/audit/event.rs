//! All that can happen, one enum, and how it is written down.

use super::role::OperatorRole;
use crate::account::Change;
use crate::names::{
    AccountId, AppName, EventId, GrantId, IdentityId, ProviderName, RoleName, SignInId, TargetName,
    TokenName, VaultId,
};
use crate::seal::{random_bytes, sha256_text};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The version of the leaf's form.
const VERSION: u32 = 1;

/// What happened. Holds nothing personal: that goes into [`Entry::personal`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are ids and names that say themselves")]
pub enum Event {
    /// Somebody signed in; policy was asked, and what they should have was written.
    SignedIn { provider: ProviderName, sign_in: SignInId, first: bool },
    /// The provider was asked again about somebody who is signed in, and what they should have was written.
    SignInConfirmed { provider: ProviderName, sign_in: SignInId },
    /// Somebody whom the provider vouched for was not let in.
    SignInRefused { provider: ProviderName, app: Option<AppName>, reason: String, reference: String },
    /// A sign-in was carried over to an app's host.
    SessionOpened { app: AppName, sign_in: SignInId },
    /// A person signed out.
    SignedOut { sign_in: SignInId },
    /// A sign-in was ended by somebody else.
    SessionRevoked { sign_in: SignInId },
    /// A provider said that something is over, or else happened, there: these sign-ins ended for it, and these grants.
    ProviderSignalled {
        provider: ProviderName,
        signal: String,
        sign_ins: Vec<SignInId>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        grants: Vec<GrantId>,
    },
    /// Time ran out for these grants.
    AccessEnded { grants: Vec<GrantId> },
    /// The time for which these accounts are kept after the end is over: they are to be deleted.
    RetentionEnded { accounts: Vec<AccountId> },
    /// These grants were used, and so end later.
    AccessProlonged { grants: Vec<GrantId> },
    /// Another policy holds: these grants ended, or their terms are others now.
    AccessRevised { grants: Vec<GrantId> },
    /// A grant was ended before its time.
    GrantEnded { grant: GrantId, app: AppName, role: RoleName },
    /// A grant got another end, and is open until then.
    GrantExtended { grant: GrantId, app: AppName, role: RoleName, until: Timestamp },
    /// A person was shut out: sessions revoked, every account to be disabled.
    PersonRevoked,
    /// A person who was shut out may come in again, if policy says so.
    PersonRestored,
    /// Nothing was seen of a person for as long as people are kept: names, claims and the key of their part of the record
    /// are gone.
    PersonForgotten,
    /// These many sign-ins were over for so long that nothing is kept of them.
    SignInsForgotten { sign_ins: u64 },
    /// The store is an earlier state of itself that somebody has put back: whoever was signed in then has to sign in again,
    /// and tokens for the admin API that were good then are not any more.
    StoreRestored { sign_ins: u64, tokens: u64 },
    /// Events were kept for as long as events are: so many are gone now, `size` of them in all, over which the record
    /// had this `root`.
    RecordPruned { events: u64, size: u64, root: String },
    /// An operator said that two people are one: these identities joined the others.
    PeopleLinked { identities: Vec<IdentityId> },
    /// A look at a target found what was not known, or that nothing is left to do. What changed after a step of
    /// ours we `made`; the rest we found.
    AccountChanged { account: AccountId, target: TargetName, changes: Vec<Change>, made: bool, settled: bool },
    /// The target refuses or has failed for long, and an operator is needed; or it no longer is.
    AccountStuck { account: AccountId, target: TargetName, stuck: bool },
    /// An operator asked to try again now.
    AccountRetried { account: AccountId, target: TargetName },
    /// An operator said whose account it is: one that is there, which is to be `adopted`, or a new one.
    AccountDecided { account: AccountId, target: TargetName, adopted: bool },
    /// An operator had a key drawn that signs assertions from then on.
    SigningKeyAdded { kid: String, from: Timestamp },
    /// An operator confirmed all that a target was to take until then.
    TargetConfirmed { target: TargetName },
    /// A token for the admin API was made.
    TokenIssued { token: TokenName, role: OperatorRole, until: Timestamp },
    /// A token for the admin API was ended before its time.
    TokenRevoked { token: TokenName },
    /// The admin API was called so many times, and why that was refused, if it was. Of a call that changes something
    /// this is before it is carried out.
    ApiCalled { call: String, refused: Option<String>, times: u32 },
}

impl Event {
    /// The event's name in the record, such as `signed_in`.
    pub fn name(&self) -> String {
        let value = serde_json::to_value(self).unwrap_or_default();
        value["event"].as_str().unwrap_or_default().to_owned()
    }
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// The person whom it is about.
    Person,
    /// An operator, by the name of their account on the machine; as `subject@provider`, if they signed in.
    Operator(String),
    /// Whoever holds this token for the admin API.
    Token(TokenName),
    /// Somebody of whom nothing is known.
    Nobody,
    /// The provider that vouched for them.
    Provider,
    /// The clock: an end that was written down came.
    Clock,
    /// A policy that came to hold.
    Policy,
    /// The worker that brings targets to what should be.
    Provisioner,
}

/// One event with everything that is recorded beside it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What happened.
    pub event: Event,
    /// Who did it.
    pub actor: Actor,
    /// Why: `first_login`, `login`, `deadline`, an operator's words.
    pub cause: String,
    /// About whom; `None` only where no person is known.
    pub person: Option<VaultId>,
    /// The policy that decided, where one did.
    pub policy: Option<String>,
    /// Claims, names, before and after: an object that is sealed for the person.
    pub personal: Value,
}

#[cfg(test)]
impl Entry {
    /// Something that happened, for tests of what is written beside it.
    pub(crate) fn for_tests() -> Self {
        Self {
            event: Event::PersonRestored,
            actor: Actor::Clock,
            cause: "a test".to_owned(),
            person: None,
            policy: None,
            personal: Value::Object(serde_json::Map::new()),
        }
    }
}

/// What is kept of an entry for ever: this text, to the byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// Which event.
    pub id: EventId,
    /// The leaf itself, JSON with its members in a fixed order.
    pub text: String,
    /// What is to be sealed beside it: `{"salt", "sealed"}`, with actor, cause and personal values as the text
    /// that the commitment is over.
    pub opening: String,
}

impl Entry {
    /// The entry as it is written at `at`.
    pub fn leaf(&self, at: Timestamp) -> Leaf {
        let id = EventId::random();
        let salt = sha256_text(&[&random_bytes()]);
        // Who the operator was and why is about people too, so it is committed to and sealed with the rest.
        let sealed =
            json!({ "actor": self.actor, "cause": self.cause, "personal": self.personal }).to_string();
        let commitment = commitment(&salt, &sealed);
        let leaf = json!({
            "v": VERSION,
            "id": id,
            "at": at,
            "actor": self.actor.kind(),
            "person": self.person,
            "policy": self.policy,
            "what": self.event,
            "commitment": commitment,
        });
        let opening = json!({ "salt": salt, "sealed": sealed }).to_string();
        Leaf { id, text: leaf.to_string(), opening }
    }
}

/// Whether `opening` is what the leaf of this text was committed to.
pub fn commits_to(leaf: &Value, opening: &Value) -> bool {
    let text = |name: &str| opening[name].as_str();
    let found = text("salt").zip(text("sealed")).map(|(salt, sealed)| commitment(salt, sealed));
    found.is_some() && leaf["commitment"].as_str() == found.as_deref()
}

fn commitment(salt: &str, sealed: &str) -> String {
    sha256_text(&[b"guestpass commitment", salt.as_bytes(), sealed.as_bytes()])
}

impl Actor {
    /// What operators call them: their name, else what they are.
    pub fn name(&self) -> &str {
        match self {
            Self::Operator(name) => name,
            Self::Token(name) => name.as_str(),
            _ => self.kind(),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Operator(_) => "operator",
            Self::Token(_) => "token",
            Self::Nobody => "nobody",
            Self::Provider => "provider",
            Self::Clock => "clock",
            Self::Policy => "policy",
            Self::Provisioner => "provisioner",
        }
    }
}
