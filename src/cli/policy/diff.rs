//! `guestpass policy diff`

use super::told;
use crate::cli::client::Client;
use crate::cli::comparison::render;
use crate::cli::{Reach, wait_for};
use crate::clock::Clock;
use crate::config::{Policies, whereabouts};
use crate::lifecycle::compare::{Comparison, Known, Side};
use crate::store::{Holder, Place, Reading};
use clap::Args;
use jiff::Timestamp;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// How many people are read at a time from a store that no gateway has open.
const PEOPLE: u32 = 500;

/// Nobody can say.
const CANNOT_SAY: u8 = 2;

/// Tells, of everybody who is known, who would gain, lose or have something else if NEW came to hold where OLD held: in
/// which app, when, and what. People are those of the running gateway, or of its store if none runs. Exit code 0 where
/// nothing changes, 1 where something does, 2 where nobody can say.
#[derive(Args)]
pub(super) struct Diff {
    /// The policy as it is: a folder or a file
    old: PathBuf,
    /// The policy as it would be: a folder or a file
    new: PathBuf,
    /// At this moment, like 2026-03-02T09:00:00Z; now if none is named
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// Write the result as one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

impl Diff {
    pub(super) fn run(self) -> ExitCode {
        let read = |path: &Path| told(|mistakes| Policies::load_other(&self.reach.at.config, path, mistakes));
        let (Ok(old), Ok(new)) = (read(&self.old), read(&self.new)) else { return CANNOT_SAY.into() };
        let known = match wait_for(known(&self.reach)) {
            Ok(known) => known,
            Err(error) => {
                eprintln!("error: {error:#}");
                return CANNOT_SAY.into();
            }
        };
        let now = self.at.unwrap_or_else(|| Clock::system().now());
        let comparison = Comparison::of(&known, side(&old), side(&new), now);
        if self.json {
            let versions = [&old, &new].map(|policies| policies.policy.version().to_string());
            let mut told = json!(comparison);
            (told["old"], told["new"], told["at"]) = (json!(versions[0]), json!(versions[1]), json!(now));
            println!("{told}");
        } else {
            print!("{}", render(&comparison));
        }
        if comparison.differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

fn side(policies: &Policies) -> Side<'_> {
    Side { policy: &policies.policy, groups: &policies.groups, lapse: policies.lapse }
}

/// Everybody who is known, by the gateway that is named or runs here, or by its store.
async fn known(reach: &Reach) -> anyhow::Result<Vec<Known>> {
    let client = Client::new(reach)?;
    let mut known: Vec<Known> = Vec::new();
    if client.is_there().await {
        client.pages("/known", |page| known.extend(page)).await?;
        return Ok(known);
    }
    let store = whereabouts(&reach.at.config)?.store;
    if let Place::Sqlite(path) = &store
        && !path.exists()
    {
        anyhow::bail!("no gateway runs, and there is no store at {store}; who is known?");
    }
    let (reading, mut after) = (Reading::open(&store).await?, None);
    loop {
        let people = reading.known(after, PEOPLE).await?;
        let Some(last) = people.last() else { return Ok(known) };
        after = Some(last.user);
        known.extend(people.into_iter().flat_map(Holder::known));
    }
}
