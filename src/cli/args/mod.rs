//! The command line: nouns with verbs. What a noun takes is in the file of its name here, what it does in the one above.
//!
//! What a command takes is built when the command is met (`defer`): all of it costs as much as a short command.

mod agent;
mod cost;
mod deploy;
mod incidents;
mod lock;
mod project;
mod run;
mod secrets;
mod serve;
mod servers;
mod spec;
mod users;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::exit;
use crate::domain::names::ProjectName;
pub use agent::{Agent, GraphFormat};
pub use cost::{Cost, CostBy};
pub use deploy::{Deploy, Goal};
pub use incidents::Incidents;
pub use lock::Lock;
pub use project::{Maintenance, Project, ProjectNew, ProjectUpdate};
pub use run::{Run, Tape};
pub use secrets::Secrets;
pub use serve::{Listen, Serve};
pub use servers::{Servers, ServersAdd, ServersProvision, Switch};
pub use spec::Spec;
pub use users::Users;

/// Turn the description of a project into a running project, and operate it
#[derive(Debug, Parser)]
#[command(name = "cgo", version, about, propagate_version = false, arg_required_else_help = true, max_term_width = 100)]
#[command(
    after_help = "Begin with: cgo project new \"a notes API with title and body\"\nExit codes: cgo help exit-codes"
)]
pub struct Cli {
    /// What every command takes
    #[command(flatten)]
    pub global: Global,
    /// What to do
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What every command takes
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct Global {
    /// Print the answer as JSON
    #[arg(long, global = true, help_heading = "Global options")]
    pub json: bool,
    /// Print the answer only, no progress
    #[arg(long, short, global = true, help_heading = "Global options")]
    pub quiet: bool,
    /// Use no colours
    #[arg(long, global = true, help_heading = "Global options")]
    pub no_color: bool,
    /// Take the stated assumptions and confirmations instead of asking
    #[arg(long, short, global = true, help_heading = "Global options")]
    pub yes: bool,
    /// Read settings from this file
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub config: Option<PathBuf>,
    /// Use this store: a file, sqlite:PATH or postgres://…
    #[arg(long, global = true, value_name = "URL", help_heading = "Global options")]
    pub store: Option<String>,
    /// Print every setting with its source, and end
    #[arg(long, global = true, help_heading = "Global options")]
    pub show_settings: bool,
}

/// What to do
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub enum Command {
    /// Set cgo up: folders, store and agents
    Init,
    /// Check what cgo needs on this machine
    Doctor,
    /// Make, list and operate projects
    #[command(subcommand)]
    Project(Project),
    /// Look at, resume and answer runs of the pipeline
    #[command(subcommand)]
    Run(Run),
    /// Deploy a new release of a project, or go back to an older one
    Deploy(Deploy),
    /// Show what models have cost
    Cost(Cost),
    /// Add, list and check the servers projects run on
    #[command(subcommand)]
    Servers(Servers),
    /// See what is broken, and mend it
    #[command(subcommand)]
    Incidents(Incidents),
    /// Set, list and remove the secrets of projects
    #[command(subcommand)]
    Secrets(Secrets),
    /// Add, invite and remove people beside the operator, and say what they may do
    #[command(subcommand)]
    Users(Users),
    /// Stay, and work on what front ends ask for
    Serve(Serve),
    /// See, hold and release who may change a project on its server
    #[command(subcommand)]
    Lock(Lock),
    /// Show what was done to a project on its server, by whom, and that nobody changed what is written there
    Audit {
        /// The project
        project: ProjectName,
    },
    /// Look at and change agents
    #[command(subcommand)]
    Agent(Agent),
    /// Check and format the spec of a project
    #[command(subcommand)]
    Spec(Spec),
    /// Say why a run waits or failed, or how a project stands
    Explain {
        /// A run's id or its beginning, a release's id, or a project's name
        id: String,
    },
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man {
        /// The command, for instance `project new`; none for cgo itself
        command: Vec<String>,
    },
    /// List the exit codes
    #[command(name = "exit-codes", hide = true, long_about = exit_codes_help())]
    ExitCodes,
    /// Work on one run until it is over, waits or stops (started by cgo itself)
    #[command(hide = true)]
    Work {
        /// The run
        run: String,
    },
    /// Keep one application running (started by cgo itself)
    #[command(hide = true)]
    Supervise {
        /// The application's folder
        folder: PathBuf,
    },
}

fn exit_codes_help() -> String {
    format!("The exit codes of every command:\n\n{}", exit::listing())
}
