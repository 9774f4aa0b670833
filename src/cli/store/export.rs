//! `guestpass export`

use super::told;
use crate::cli::{At, Done, wait_for};
use crate::clock::Clock;
use crate::config;
use crate::store;
use anyhow::Context;
use clap::Args;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write, stdout};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Writes all that is kept, as it is at one moment, as lines that `guestpass import` puts into another store. What is
/// sealed stays so: they are worth nothing without the key, and hold names and addresses all the same.
#[derive(Args)]
pub(in crate::cli) struct Export {
    #[command(flatten)]
    at: At,
    /// Where to; nothing is overwritten. Standard output if none is named
    file: Option<PathBuf>,
}

impl Export {
    pub(in crate::cli) fn run(self) -> Done {
        let place = config::whereabouts(&self.at.config)?.store;
        let now = Clock::system().now();
        let moved = wait_for(async {
            let to: Box<dyn Write> = match &self.file {
                None => Box::new(stdout().lock()),
                Some(path) => Box::new(created(path)?),
            };
            let done = store::export(&place, now, BufWriter::new(to)).await;
            if let (Err(_), Some(path)) = (&done, &self.file) {
                // Half of it is nothing.
                let _ = std::fs::remove_file(path);
            }
            done.with_context(|| format!("cannot export {place}"))
        })?;
        eprintln!("Exported {place}: {}.", told(&moved));
        if moved.is_backup {
            eprintln!(
                "warning: a gateway runs on this store, so this is a backup: what happens from now on is not in it, and where it is imported everybody has to sign in again"
            );
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A new file for its owner alone.
fn created(path: &Path) -> anyhow::Result<File> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.with_context(|| format!("cannot make {}", path.display()))
}
