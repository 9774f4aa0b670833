//! Makes what is into what should be, target by target: claim what is due, look, take one step, look again,
//! record. It takes no orders and keeps no queue: it compares, and whatever it may have forgotten it finds again
//! by looking. It decides nothing about who should have what.

mod authorities;
mod budget;
pub mod connector;
pub mod connectors;
mod converge;
mod http;
#[cfg(test)]
mod ledger;
mod link;
#[cfg(test)]
mod model;
pub mod pace;
pub mod probe;
pub mod retry;
pub mod target;
mod tokens;
mod worker;

pub use budget::Budget;
pub use connector::{Abilities, By, Call, Connector, Fault, Key, Page, Refusal, RetryAfter};
pub use converge::wanted;
pub use link::Link;
pub use target::{Target, Targets, Treatment};
pub use worker::{run, sweep};
