//! What `cgo project` takes.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::run::Tape;
use crate::domain::coder::{Coder, CoderChoice, Walls};
use crate::domain::money::Usd;
use crate::domain::names::{AgentName, ProjectName};
use crate::domain::placement::Wish;
use crate::domain::provider::ModelChoice;
use crate::domain::sharing::Place;

/// Make, list and operate projects
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub enum Project {
    /// Make a running project from a description
    New(Box<ProjectNew>),
    /// Change a project that exists: say what should be different
    Update(Box<ProjectUpdate>),
    /// List the projects
    List,
    /// Show one project: where it is, what runs, its releases
    Show {
        /// The project
        project: ProjectName,
    },
    /// Print what the project's service wrote
    Logs {
        /// The project
        project: ProjectName,
        /// Go on as new lines come
        #[arg(long, short)]
        follow: bool,
        /// How many lines from the end
        #[arg(long, short = 'n', default_value_t = 100, value_name = "N")]
        lines: usize,
    },
    /// Stop the project's service; its data stays
    Stop {
        /// The project
        project: ProjectName,
    },
    /// Start the project's service again, and see that it answers
    Start {
        /// The project
        project: ProjectName,
    },
    /// Run a command where the project's service runs: its folder and variables, or its container
    ///
    /// Its streams are passed on as they are, and so is its exit code; put `--` before a command with options.
    Exec {
        /// The project
        project: ProjectName,
        /// The command and its arguments
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
        command: Vec<String>,
    },
    /// Tell the visitors of a project on a server to come back later, or let them in again
    Maintenance {
        /// The project
        project: ProjectName,
        /// What is wanted
        #[arg(value_enum, default_value_t = Maintenance::Status)]
        wanted: Maintenance,
    },
    /// Take the project off its server, with its data there
    Remove {
        /// The project
        project: ProjectName,
        /// Remove the project's folder too
        #[arg(long)]
        folder: bool,
        /// Show what would be removed, and end
        #[arg(long)]
        dry_run: bool,
    },
    /// Write the generated code of a project again from its spec
    Generate {
        /// The project's name or folder; the current folder if none is given
        project: Option<String>,
        /// Overwrite generated files that were edited by hand
        #[arg(long)]
        force: bool,
        /// Show what would change, and end
        #[arg(long)]
        dry_run: bool,
        /// Exit with 3 when there are changes (with --dry-run)
        #[arg(long, requires = "dry_run")]
        detailed_exit_code: bool,
    },
}

/// What is wanted of the maintenance mode
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Maintenance {
    /// Visitors are told to come back later
    On,
    /// Visitors are let in
    Off,
    /// Show how it stands
    Status,
}

/// Choose who decides for the agents and who writes code
#[derive(Debug, Args)]
pub struct Team {
    /// Who answers for the agents: `offline`, `openai`, `anthropic`, `ollama`, … or one of the settings
    #[arg(long, value_name = "NAME")]
    pub provider: Option<String>,
    /// The model that is asked, by its name at the provider
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,
    /// US dollars the run may spend on models before a person is asked
    #[arg(long, value_name = "USD")]
    pub budget: Option<Usd>,
    /// Ask models whose price nobody knows, too
    #[arg(long)]
    pub allow_unpriced: bool,
    /// Who writes code that is not generated: native, claude, codex, opencode, aider, goose, droid, none
    #[arg(long, value_name = "NAME")]
    pub coder: Option<Coder>,
    /// What keeps that coder from the rest of the machine: bubblewrap, off
    #[arg(long, value_name = "KIND")]
    pub sandbox: Option<Walls>,
}

impl Team {
    /// Who answers for the agents.
    #[must_use]
    pub fn models(&self) -> ModelChoice {
        ModelChoice {
            provider: self.provider.clone(),
            model: self.model.clone(),
            budget: self.budget,
            allow_unpriced: self.allow_unpriced,
        }
    }

    /// Who writes code.
    #[must_use]
    pub fn coders(&self) -> CoderChoice {
        CoderChoice { coder: self.coder, sandbox: self.sandbox }
    }
}

/// Make a running project from a description
#[derive(Debug, Args)]
pub struct ProjectNew {
    /// What the project is: "a notes API with title and body"; `-` reads standard input
    #[arg(conflicts_with_all = ["file", "spec"])]
    pub text: Option<String>,
    /// Read the description from a file
    #[arg(long, value_name = "FILE", conflicts_with = "spec")]
    pub file: Option<PathBuf>,
    /// Take the spec from a file or folder instead of a description
    #[arg(long, value_name = "PATH")]
    pub spec: Option<PathBuf>,
    /// The project's name; chosen from the description if not given
    #[arg(long)]
    pub name: Option<ProjectName>,
    /// The folder to make; the project's name in the current folder if not given
    #[arg(long, value_name = "FOLDER")]
    pub dir: Option<PathBuf>,
    /// Who decides and who writes
    #[command(flatten)]
    pub team: Team,
    /// Stop after this node of the pipeline, for instance `tester`
    #[arg(long, value_name = "NODE")]
    pub until: Option<AgentName>,
    /// Deploy it to this server, or to the one with the most room: `auto`; to this machine if not given
    #[arg(long, value_name = "NAME", conflicts_with_all = ["no_deploy", "until"])]
    pub server: Option<Wish>,
    /// Which cassette, if any
    #[command(flatten)]
    pub tape: Tape,
    /// Stop when the project is built and tested
    #[arg(long, conflicts_with = "until")]
    pub no_deploy: bool,
    /// Where it is shared, if anywhere
    #[command(flatten)]
    pub share: Share,
    /// Show what would be made, and end
    #[arg(long)]
    pub dry_run: bool,
}

/// Change a project that exists
#[derive(Debug, Args)]
pub struct ProjectUpdate {
    /// The project
    pub project: ProjectName,
    /// What should be different: "add a due date to tasks"; `-` reads standard input
    #[arg(conflicts_with = "file")]
    pub text: Option<String>,
    /// Read it from a file
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Who decides and who writes
    #[command(flatten)]
    pub team: Team,
    /// Which cassette, if any
    #[command(flatten)]
    pub tape: Tape,
    /// Stop when the change is built and tested
    #[arg(long)]
    pub no_deploy: bool,
    /// Show what would change, and end
    #[arg(long)]
    pub dry_run: bool,
}

/// Share the project with others
#[derive(Debug, Args)]
pub struct Share {
    /// Put the project on GitHub, too; under the token's account and the project's name if not given
    #[arg(
        long,
        value_name = "OWNER/NAME",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "",
        conflicts_with = "replay"
    )]
    pub github: Option<Place>,
    /// Let everybody see it there (with --github)
    #[arg(long, requires = "github")]
    pub public: bool,
}
