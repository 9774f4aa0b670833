//! `guestpass restored`

use crate::cli::{At, Done, wait_for};
use crate::clock::Clock;
use crate::config::Config;
use crate::store::{self, Store};
use anyhow::Context;
use clap::Args;
use std::process::ExitCode;

/// Says that the store was put back as it was once, by means that do not show: a snapshot of its volume, or of a whole
/// database server. Who was signed out since would be signed in again, so everybody has to sign in anew, and tokens for
/// the admin API have to be made anew. A store of SQLite must not be in use meanwhile.
#[derive(Args)]
pub(in crate::cli) struct Restored {
    #[command(flatten)]
    at: At,
}

impl Restored {
    pub(in crate::cli) fn run(self) -> Done {
        let Some(Config { store: place, sealer, .. }) = self.at.load() else { return Ok(ExitCode::FAILURE) };
        let name = place.to_string();
        let ended = wait_for(async {
            let done = Store::restored(place, sealer, Clock::system().now()).await;
            done.with_context(|| format!("cannot end what {name} knows of"))
        })?;
        let store::Restored { sign_ins, tokens } = ended;
        println!("Everybody has to sign in again: {sign_ins} sign-ins and {tokens} tokens have ended.");
        Ok(ExitCode::SUCCESS)
    }
}
