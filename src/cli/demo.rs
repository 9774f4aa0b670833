//! stub
use super::Done;
use clap::Args;
#[derive(Args)]
pub(super) struct Demo {}
impl Demo {
    pub(super) fn run(self) -> Done {
        anyhow::bail!("soon")
    }
}
