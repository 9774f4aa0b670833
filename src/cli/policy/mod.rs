//! `guestpass policy`

mod diff;
mod explain;
mod explanation;
mod fmt;
mod schema;
mod test;

use crate::config::report;
use crate::document::Mistakes;
use clap::{Args, Subcommand};
use std::process::ExitCode;

/// Works on policies; needs no secret and changes nothing but, by `fmt`, how they are written.
#[derive(Args)]
pub(super) struct Policy {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Run the examples that the policy files carry
    Test(test::Test),
    /// Tell why somebody gets what they get: every rule, condition by condition
    Explain(explain::Explain),
    /// Tell who would gain, lose or have something else by another policy
    Diff(diff::Diff),
    /// Write policy files in the one way to write them
    Fmt(fmt::Fmt),
    /// Print the JSON Schema of policy files, for editors
    Schema,
}

impl Policy {
    pub(super) fn run(self) -> super::Done {
        match self.verb {
            Verb::Test(command) => Ok(command.run()),
            Verb::Explain(command) => command.run(),
            Verb::Diff(command) => Ok(command.run()),
            Verb::Fmt(command) => command.run(),
            Verb::Schema => schema::run(),
        }
    }
}

/// What `read` reads; where that is nothing, its mistakes have been told. What is no error is for `check` to tell.
fn told<T>(read: impl FnOnce(&mut Mistakes) -> Option<T>) -> Result<T, ExitCode> {
    let mut mistakes = Mistakes::default();
    read(&mut mistakes).ok_or_else(|| {
        eprint!("{}", report(&mistakes));
        ExitCode::FAILURE
    })
}
