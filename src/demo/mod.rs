//! Everything the demo needs around the gateway: an identity provider, an app with accounts of its own, a stage
//! to watch both, and a scripted browser. They know nothing of guestpass but what any provider, app or browser
//! would: they are its counterparts, and speak to it over sockets alone.
//!
//! Nothing here binds an address: each part gives a router, and whoever assembles them decides where it listens.

pub mod browser;
mod look;
pub mod notes;
pub mod provider;
pub mod stage;
