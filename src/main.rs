//! The guestpass binary: parse, run, exit code.

use clap::Parser;
use guestpass::cli::Command;
use std::process::ExitCode;

/// A few percent less CPU for each request than with the system's, as `scripts/bench` measures it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    Command::parse().run()
}
