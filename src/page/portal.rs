//! A person's own page: what access they have, until when and why.

use serde::Serialize;

/// All that one person's own page shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Portal {
    /// What people call them.
    pub person: String,
    /// The provider they signed in at.
    pub provider: String,
    /// What they have and had, one row for each role in an app.
    pub rows: Vec<PortalRow>,
    /// Where the sign-out button posts.
    pub sign_out: String,
}

/// One role in one app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PortalRow {
    /// The app's title.
    pub app: String,
    /// Where the app is; a link while the access is active.
    pub href: String,
    /// The role.
    pub role: String,
    /// How it stands.
    pub state: PortalState,
    /// When it ends or ended, such as `until 10 March, 00:00 UTC`: it follows "As reader, ".
    pub until: String,
    /// Why it ends or ended then, a sentence.
    pub why: String,
    /// Whether to warn that the end is near.
    pub ends_soon: bool,
}

/// How one role in one app stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PortalState {
    /// It opens the app.
    Active,
    /// It is over.
    Ended,
    /// The account is being made.
    Preparing,
    /// The account cannot be made; an operator knows why.
    Stuck,
}
