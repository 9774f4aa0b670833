//! Of whom somebody speaks who vouches for people, when it says that something is over.

/// A person, as their provider names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// By the subject of its ID tokens.
    Sub(String),
    /// By an e-mail address, which the provider has said is verified.
    Email(String),
}

/// What is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// All that a person has.
    Person(Named),
    /// One session at the provider (`sid`), and all that hangs on it here. Where it says whose, it has to be theirs.
    Session {
        /// Which.
        sid: String,
        /// Whose.
        of: Option<Named>,
    },
}

/// What follows from that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Nothing.
    Nothing,
    /// Sessions are over.
    EndsSessions,
    /// The person has no account at the provider any more: sessions are over, and so is what rests on its word.
    ClosesAccount,
}
