//! The command line. One file a command; what changes something goes through the running gateway.

mod accounts;
mod afar;
mod audit;
mod calls;
mod check;
mod client;
mod comparison;
mod connector;
mod demo;
mod doctor;
mod drift;
mod grants;
mod import;
mod init;
mod keys;
mod list;
mod people;
mod plan;
mod policy;
mod reload;
mod schema;
mod seats;
mod serve;
mod sessions;
mod store;
mod table;
mod targets;
mod tokens;

use crate::config::{self, Config};
use crate::document::Mistakes;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Lets people in on the word of your identity provider, makes the account they need, and takes it away in time.
#[derive(Parser)]
#[command(version, about, max_term_width = 100, subcommand_required = true, arg_required_else_help = true)]
pub struct Command {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Show all of it on this machine: a provider, an app with accounts, and guestpass in front of it
    Demo(demo::Demo),
    /// Write a configuration to start from, with a key of its own
    Init(init::Init),
    /// Tell every mistake in the configuration and the policies; change nothing
    Check(check::Check),
    /// Look at all that the configuration names, and say what is wrong and what to do; change nothing
    Doctor(doctor::Doctor),
    /// Write the JSON Schema of the configuration, for editors
    Schema(schema::Schema),
    /// Run the gateway
    Serve(serve::Serve),
    /// Let the running gateway go by the files as they are now
    Reload(reload::Reload),
    /// Tell what a reload would do: to people, and to accounts in apps; change nothing
    Plan(plan::Plan),
    /// Work on policies
    Policy(policy::Policy),
    /// Accounts in apps: list, try again, say whose they are
    Accounts(accounts::Accounts),
    /// Where accounts live, and how that is doing: list, confirm
    Targets(targets::Targets),
    /// Prove a target before people depend on it
    Connector(connector::Connector),
    /// Tell, and mend, what in apps is not as it should be
    Drift(drift::Drift),
    /// The keys that sign what apps are told: list, rotate
    Keys(keys::Keys),
    /// Who needs the seats that are taken
    Seats(seats::Seats),
    /// Who holds which role until when: list, end, extend
    Grants(grants::Grants),
    /// Who is signed in: list, revoke
    Sessions(sessions::Sessions),
    /// Everybody who was ever let in: list, revoke, restore
    People(people::People),
    /// What happened, and who did it: list, verify
    Audit(audit::Audit),
    /// Tokens for the admin API: list, make, revoke
    Tokens(tokens::Tokens),
    /// Write all that is kept, to be put into another store
    Export(store::Export),
    /// Put what was exported into a store that nobody has used
    Import(store::Import),
    /// Say that the store was put back as it was once: everybody signs in again
    Restored(store::Restored),
}

impl Command {
    /// Does it. Exit code 0 means that it was done, 1 that it was not, 2 that the words were not understood.
    pub fn run(self) -> ExitCode {
        let done = match self.verb {
            Verb::Demo(command) => command.run(),
            Verb::Init(command) => command.run(),
            Verb::Check(command) => return command.run(),
            Verb::Doctor(command) => return command.run(),
            Verb::Serve(command) => return command.run(),
            Verb::Schema(command) => command.run(),
            Verb::Policy(command) => command.run(),
            Verb::Reload(command) => command.run(),
            Verb::Plan(command) => command.run(),
            Verb::Accounts(command) => command.run(),
            Verb::Targets(command) => command.run(),
            Verb::Connector(command) => command.run(),
            Verb::Drift(command) => command.run(),
            Verb::Keys(command) => command.run(),
            Verb::Seats(command) => command.run(),
            Verb::Grants(command) => command.run(),
            Verb::Sessions(command) => command.run(),
            Verb::People(command) => command.run(),
            Verb::Audit(command) => command.run(),
            Verb::Tokens(command) => command.run(),
            Verb::Export(command) => command.run(),
            Verb::Import(command) => command.run(),
            Verb::Restored(command) => command.run(),
        };
        match done {
            Ok(code) => code,
            Err(error) => {
                eprintln!("error: {error:#}");
                ExitCode::FAILURE
            }
        }
    }
}

type Done = anyhow::Result<ExitCode>;

/// Where the configuration is.
#[derive(Args)]
struct At {
    /// The configuration
    #[arg(long, short, env = "GUESTPASS_CONFIG", default_value = "guestpass.yaml", value_name = "FILE")]
    config: PathBuf,
}

impl At {
    /// The configuration, if it is right. What is to be said of it is said.
    fn load(&self) -> Option<Config> {
        let mut mistakes = Mistakes::default();
        let config = Config::load(&self.config, &mut mistakes);
        eprint!("{}", config::report(&mistakes));
        config
    }
}

/// Which gateway is asked: the one that runs here, or one elsewhere.
#[derive(Args)]
struct Reach {
    #[command(flatten)]
    at: At,
    #[command(flatten)]
    afar: afar::Afar,
}

/// How a list is written.
#[derive(Args)]
struct Form {
    #[command(flatten)]
    reach: Reach,
    /// Write JSON, one object a line
    #[arg(long)]
    json: bool,
}

/// Who orders something, and why.
#[derive(Args)]
struct Why {
    #[command(flatten)]
    reach: Reach,
    /// Why: goes into the record
    #[arg(long, default_value = "", value_name = "WORDS")]
    why: String,
}

/// A runtime for commands that only ask and wait.
fn wait_for<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}
