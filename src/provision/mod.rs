//! Makes what is into what should be, target by target: claim what is due, look, take one step, look again,
//! record. It takes no orders and keeps no queue: it compares, and whatever it may have forgotten it finds again
//! by looking. It decides nothing about who should have what.

pub mod connector;
pub mod connectors;
mod converge;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod model;
pub mod retry;
mod worker;

pub use connector::{Connector, Fault, Key, Refusal, RetryAfter};
pub use worker::{Targets, run, sweep};
