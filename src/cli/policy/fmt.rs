//! `guestpass policy fmt`

use super::told;
use crate::cli::{At, Done};
use crate::config::{count, policy_files};
use crate::policy::format;
use anyhow::Context;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Writes policy files in the one way to write them. Comments, order and meaning stay; a file of which that cannot be
/// said is left alone.
#[derive(Args)]
pub(super) struct Fmt {
    /// The files; all policies of the configuration if none are named
    files: Vec<PathBuf>,
    /// Write nothing; name the files that are written otherwise, with exit code 1 if there are any
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    at: At,
}

impl Fmt {
    pub(super) fn run(self) -> Done {
        let named = !self.files.is_empty();
        let files = match told(
            |mistakes| if named { Some(self.files) } else { policy_files(&self.at.config, mistakes) },
        ) {
            Ok(files) => files,
            Err(code) => return Ok(code),
        };
        let (mut others, mut refused) = (0, 0);
        for path in &files {
            let text =
                std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            match format(&path.display().to_string(), &text) {
                Ok(formatted) if formatted == text => {}
                Ok(formatted) => {
                    others += 1;
                    println!("{}", path.display());
                    if !self.check {
                        std::fs::write(path, formatted)
                            .with_context(|| format!("cannot write {}", path.display()))?;
                    }
                }
                Err(mistake) => {
                    refused += 1;
                    eprintln!("{}", mistake.render());
                }
            }
        }
        let right = refused == 0 && (others == 0 || !self.check);
        match (self.check, others) {
            (true, 1..) => {
                eprintln!("{} to be formatted: `guestpass policy fmt` does it.", count(others, "file"))
            }
            (false, 1..) => eprintln!("{} formatted.", count(others, "file")),
            _ => {}
        }
        Ok(if right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
