//! `guestpass init`

use super::Done;
use crate::seal::random_text;
use anyhow::{Context, bail};
use clap::Args;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Writes guestpass.yaml, a policy and a key into a folder. Nothing that is there is overwritten.
#[derive(Args)]
pub(super) struct Init {
    /// The folder
    #[arg(default_value = ".")]
    folder: PathBuf,
}

impl Init {
    pub(super) fn run(self) -> Done {
        let folder = &self.folder;
        let files = [
            ("guestpass.yaml", include_str!("init/guestpass.yaml").to_owned(), 0o644),
            ("policies/contractors.yaml", include_str!("init/contractors.yaml").to_owned(), 0o644),
            ("secrets/key", random_text(), 0o600),
            ("secrets/oidc", String::new(), 0o600),
            ("secrets/wiki", String::new(), 0o600),
        ];
        if let Some((taken, ..)) = files.iter().find(|(name, ..)| folder.join(name).exists()) {
            bail!("{} is there already; nothing was changed", folder.join(taken).display());
        }
        for (name, text, mode) in &files {
            write(&folder.join(name), text, *mode)?;
        }
        println!(
            "Wrote {0}/guestpass.yaml, a policy and a key.\n\n\
             Next:\n  \
             1. Put your provider, your app and its host into guestpass.yaml.\n  \
             2. Put the client secret into secrets/oidc and the app's SCIM token into secrets/wiki.\n  \
             3. guestpass check --config {0}/guestpass.yaml\n  \
             4. guestpass serve --config {0}/guestpass.yaml",
            folder.display()
        );
        Ok(ExitCode::SUCCESS)
    }
}

fn write(path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    let said = || format!("cannot write {}", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(said)?;
    }
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(mode).open(path).with_context(said)?;
    file.write_all(text.as_bytes()).with_context(said)
}
