//! Why an app gave no answer.

use crate::causes::Causes;
use std::io;
use std::time::Duration;

/// Why an app gave no answer. In words for the log: a client gets a page that says nothing of it.
#[derive(Debug, thiserror::Error)]
pub(in crate::gateway) enum Failure {
    /// Nobody is there, or the other side is not who it should be.
    #[error("cannot connect: {0}")]
    Connect(#[from] io::Error),
    /// Nobody said whether anybody is there.
    #[error("no connection within {0:?}")]
    NoConnection(Duration),
    /// It has the whole request, and is silent.
    #[error("no answer within {0:?}")]
    NoAnswer(Duration),
    /// It hung up, or what it said is not HTTP.
    #[error("broke off: {}", Causes(.0))]
    Broken(#[from] hyper::Error),
    /// It became another protocol though nobody had asked for that.
    #[error("switched protocols without being asked")]
    Switched,
    /// It took a WebSocket for an ordinary request, or did not prove that it had read the request.
    #[error("did not become a WebSocket")]
    NotSwitched,
    /// The request's body is longer than it may be. The client's doing.
    #[error("the request's body is too long")]
    TooLarge,
    /// The client did not send all of it.
    #[error("the client broke off")]
    ClientGone,
    /// The permit ended first. Nobody's doing.
    #[error("access ended before there was an answer")]
    AccessEnded,
}

impl Failure {
    /// It in a word, for those who count.
    pub(in crate::gateway) fn word(&self) -> &'static str {
        match self {
            Self::Connect(_) => "connect",
            Self::NoConnection(_) | Self::NoAnswer(_) => "timeout",
            Self::Broken(_) => "broken",
            Self::Switched | Self::NotSwitched => "protocol",
            Self::TooLarge => "too_large",
            Self::ClientGone => "client_gone",
            Self::AccessEnded => "ended",
        }
    }

    /// Whether it is the client's doing, and says nothing of the app.
    pub(in crate::gateway) fn is_clients(&self) -> bool {
        matches!(self, Self::TooLarge | Self::ClientGone | Self::AccessEnded)
    }

    /// Whether nobody was there at all, so that nothing of the request was read by anybody.
    pub(super) fn is_unconnected(&self) -> bool {
        matches!(self, Self::Connect(_) | Self::NoConnection(_))
    }
}
