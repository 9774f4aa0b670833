//! The guestpass binary: parse, run, exit code.

use clap::Parser;
use guestpass::cli::Command;
use std::process::ExitCode;

fn main() -> ExitCode {
    Command::parse().run()
}
