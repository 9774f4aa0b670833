//! `guestpass policy schema`

use crate::cli::Done;
use crate::policy::schema;
use std::process::ExitCode;

pub(super) fn run() -> Done {
    println!("{}", serde_json::to_string_pretty(&schema())?);
    Ok(ExitCode::SUCCESS)
}
