//! The gate in front of every app.

pub mod assertion;
pub mod authorize;
pub mod headers;
pub mod route;
pub mod settings;
#[cfg(test)]
mod testing;
