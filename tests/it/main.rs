//! The whole app through its front door: real sockets, a provider and a target we control, a clock we turn.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access_log;
mod access_tokens;
mod admin_api;
mod admin_people;
mod backup;
mod balancer;
mod bound;
mod browsers;
mod burst;
mod certificates;
mod circles;
mod cli;
mod conditions;
mod conformance;
mod crash;
mod doctor;
mod effects;
mod ends;
mod forward_auth;
mod harness;
mod house;
mod keys;
mod listeners;
mod moving;
mod observe;
mod operations;
mod operators;
mod outage;
mod policy;
mod policy_change;
mod providers;
mod provisioning;
mod raw;
mod record;
mod refresh;
mod reload;
mod replicas;
mod security;
mod sign_in;
mod signals;
mod sockets;
mod step_up;
mod traces;
mod wildcard;
