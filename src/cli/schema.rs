//! `guestpass schema`

use super::Done;
use crate::config;
use clap::Args;
use std::process::ExitCode;

/// Writes the JSON Schema of the configuration, for editors.
#[derive(Args)]
pub(super) struct Schema {}

impl Schema {
    pub(super) fn run(self) -> Done {
        println!("{:#}", config::schema().to_value());
        Ok(ExitCode::SUCCESS)
    }
}
