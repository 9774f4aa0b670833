//! An operator wants the files as they are now to hold.

use super::{Deps, Failure, Planned, wish};
use crate::document::Mistakes;
use axum::Json;
use axum::extract::State;
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
#[derive(Deserialize)]
pub(super) struct Words {
    confirm: Option<String>,
}

/// What came of loading the configuration.
#[derive(Debug, Clone, Default, Serialize)]
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

pub(super) async fn reload(
    State(deps): State<Deps>,
    Json(Words { confirm }): Json<Words>,
) -> Result<Json<Reloaded>, Failure> {
    Ok(Json(wish(&deps.reloads, |answer| Wish::Reload { confirm, answer }).await?))
}
