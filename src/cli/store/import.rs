//! `guestpass import`

use super::told;
use crate::cli::{At, Done, wait_for};
use crate::config::Config;
use crate::store;
use anyhow::Context;
use clap::Args;
use std::fs::File;
use std::io::{BufRead, BufReader, stdin};
use std::path::PathBuf;
use std::process::ExitCode;

/// Puts what `guestpass export` wrote into the store of the configuration, which nobody has used yet: all of it, or
/// nothing. The `key` has to be the one of before.
#[derive(Args)]
pub(in crate::cli) struct Import {
    #[command(flatten)]
    at: At,
    /// Where from; standard input if none is named
    file: Option<PathBuf>,
}

impl Import {
    pub(in crate::cli) fn run(self) -> Done {
        let Some(Config { store: place, sealer, .. }) = self.at.load() else { return Ok(ExitCode::FAILURE) };
        let from: Box<dyn BufRead> = match &self.file {
            None => Box::new(stdin().lock()),
            Some(path) => {
                let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
                Box::new(BufReader::new(file))
            }
        };
        let name = place.to_string();
        let moved = wait_for(async {
            let done = store::import(place, &sealer, from).await;
            done.with_context(|| format!("cannot import into {name}"))
        })?;
        println!("Imported into {name}: {}.", told(&moved));
        if moved.is_backup {
            println!(
                "A gateway ran when it was exported, so it is a backup: everybody has to sign in again."
            );
        }
        Ok(ExitCode::SUCCESS)
    }
}
