//! Logs: one line each, readable alone, the same facts as fields.

use std::io::{IsTerminal, stderr};
use tracing_subscriber::EnvFilter;

/// Starts logging to standard error, as text or JSON. `RUST_LOG` says how much; `level` unless it does.
pub fn start(json: bool, level: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    // Colours are for people: in a file they stand between the words that one searches for.
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal())
        .with_target(false);
    // A second start, as in tests, changes nothing.
    let _ = if json { logs.json().flatten_event(true).try_init() } else { logs.try_init() };
}
