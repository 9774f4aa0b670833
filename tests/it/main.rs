//! The whole app through its front door: real sockets, a provider and a target we control, a clock we turn.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod crash;
mod harness;
mod house;
mod sign_in;
