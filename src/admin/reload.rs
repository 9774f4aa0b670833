//! An operator wants the files as they are now to hold.

use super::route::{Answer, Call};
use super::{Planned, wish};
use crate::document::Mistakes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

/// Takes wishes that need the configuration.
pub type Reloads = mpsc::Sender<Wish>;

/// What somebody wants of the configuration.
pub enum Wish {
    /// That it is loaded, and holds.
    Reload {
        /// The version of a policy that may hold whoever loses access by it.
        confirm: Option<String>,
        /// Where to say what came of it.
        answer: oneshot::Sender<Reloaded>,
    },
    /// To know what it would do.
    Plan {
        /// Where to say it, or why nobody can.
        answer: oneshot::Sender<Result<Planned, String>>,
    },
}

/// What is said with a wish.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    /// The version of a policy that may hold although it takes access from many.
    confirm: Option<String>,
}

/// What came of loading the configuration.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct Reloaded {
    /// Whether what the files say holds now; if not, all is as it was.
    pub applied: bool,
    /// What they hold, in a few words.
    pub holds: String,
    /// Settings that were changed and wait for a restart.
    pub restart: Vec<&'static str>,
    /// What is wrong with the files.
    pub mistakes: Mistakes,
    /// The same for a person, as `guestpass check` tells it, with the examples that do not hold.
    pub report: String,
}

pub(super) async fn reload(call: Call<(), Words>) -> Answer<Reloaded> {
    let confirm = call.words.confirm;
    wish(&call.deps.reloads, |answer| Wish::Reload { confirm, answer }).await
}
