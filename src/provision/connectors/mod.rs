//! The targets we can talk to, one file each.

pub mod scim;
