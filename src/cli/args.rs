//! The command line: nouns with verbs. What they do is in the file of the same name.
//!
//! What a command takes is built when the command is met (`defer`): all of it costs as much as a short command.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::exit;
use crate::domain::coder::{Coder, Walls};
use crate::domain::host::{Destination, Fingerprint};
use crate::domain::ids::ReleaseId;
use crate::domain::money::Usd;
use crate::domain::names::{AgentName, ProjectName, ServerName};
use crate::domain::sharing::Place;

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

/// Make, list and operate projects
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub enum Project {
    /// Make a running project from a description
    New(Box<ProjectNew>),
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
    /// Start the project's service again
    Start {
        /// The project
        project: ProjectName,
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
    /// Stop after this node of the pipeline, for instance `tester`
    #[arg(long, value_name = "NODE")]
    pub until: Option<AgentName>,
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

/// Record a run on a cassette, or replay it from one
#[derive(Debug, Args)]
pub struct Tape {
    /// Record everything the run is told on a new cassette
    #[arg(long, value_name = "FILE", conflicts_with_all = ["replay", "dry_run"])]
    pub record: Option<PathBuf>,
    /// Replay a cassette: no network, no key, no cost, the same result
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    pub replay: Option<PathBuf>,
    /// A question that is not on the cassette gets the agent's next answer (with --replay)
    #[arg(long, requires = "replay")]
    pub loose: bool,
}

/// What `cgo cost` takes
#[derive(Debug, Args)]
pub struct Cost {
    /// What the cost is added up by
    #[arg(long, value_enum, default_value_t = CostBy::Project)]
    pub by: CostBy,
    /// Only of this project
    #[arg(long)]
    pub project: Option<ProjectName>,
    /// Only of this run: its id or its beginning
    #[arg(long)]
    pub run: Option<String>,
    /// Only of the last so many days, today included
    #[arg(long, value_name = "N")]
    pub days: Option<u32>,
}

/// What cost is added up by
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum CostBy {
    /// The project
    Project,
    /// The run
    Run,
    /// The agent
    Agent,
    /// The model
    Model,
    /// The day, in UTC
    Day,
}

/// Look at, resume and answer runs of the pipeline
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub enum Run {
    /// List the newest runs
    List {
        /// How many
        #[arg(long, short = 'n', default_value_t = 20, value_name = "N")]
        limit: u32,
    },
    /// Show a run: its steps, effects and state
    Show {
        /// The run's id or its beginning; the newest if not given
        run: Option<String>,
    },
    /// Follow a run as it goes
    ///
    /// Ends with the run, and with the exit code of the run's own command: 0 when it succeeded, 4 when it waits for a
    /// person, 10 when its process is gone. Ctrl-C ends the watching only.
    Watch {
        /// The run's id or its beginning; the newest if not given
        run: Option<String>,
    },
    /// Go on with a run that was stopped or killed
    Resume {
        /// The run's id or its beginning; the only one that can go on if not given
        run: Option<String>,
    },
    /// Answer the questions of a run, and go on with it
    Answer {
        /// The run's id or its beginning, or the question's id
        run: String,
        /// One answer for each question, in order
        #[arg(required = true)]
        answers: Vec<String>,
        /// Only note the answer
        #[arg(long)]
        no_resume: bool,
    },
    /// Approve what a run waits for, and go on with it
    Approve {
        /// The run's id or its beginning, or the question's id
        run: String,
        /// Only note the approval
        #[arg(long)]
        no_resume: bool,
    },
    /// Refuse what a run waits for; the run ends
    Reject {
        /// The run's id or its beginning, or the question's id
        run: String,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
    /// End a run
    Cancel {
        /// The run's id or its beginning
        run: String,
    },
    /// Replay a cassette from its beginning to its end
    ///
    /// Asks no model and nobody else: what was recorded is told again, also what a person answered. Ends with the exit
    /// code of the recorded command.
    Replay {
        /// The cassette, or a run that was recorded: its id or its beginning
        cassette: String,
        /// The folder to make the project in; the project's name in the current folder if not given
        #[arg(long, value_name = "FOLDER")]
        dir: Option<PathBuf>,
        /// A question that is not on the cassette gets the agent's next answer
        #[arg(long)]
        loose: bool,
    },
    /// Make a new run that goes on from one of another run's events
    Fork {
        /// The run's id or its beginning
        run: String,
        /// The event, as `cgo run show` numbers them
        #[arg(long, value_name = "EVENT")]
        at: u64,
    },
}

/// Deploy a new release of a project, or go back to an older one
#[derive(Debug, Args)]
pub struct Deploy {
    /// The project; the one of the current folder if not given
    pub project: Option<ProjectName>,
    /// Go back to the release before, or to this one
    #[arg(long, value_name = "RELEASE", num_args = 0..=1, conflicts_with_all = ["record", "replay"])]
    pub rollback: Option<Option<ReleaseId>>,
    /// Show how the deployment stands, and end
    #[arg(long, conflicts_with_all = ["rollback", "dry_run"])]
    pub status: bool,
    /// What keeps code that a coder wrote from the rest of the machine while it is tested: bubblewrap, off
    #[arg(long, value_name = "KIND")]
    pub sandbox: Option<Walls>,
    /// Which cassette, if any
    #[command(flatten)]
    pub tape: Tape,
    /// Show the steps, and end
    #[arg(long)]
    pub dry_run: bool,
}

/// Add, list and check the servers projects run on
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub enum Servers {
    /// List the servers
    List,
    /// Add a server that is reached over SSH
    Add(Box<ServersAdd>),
    /// Show one server: how it is reached, what was found on it
    Show {
        /// The server
        name: ServerName,
    },
    /// Look at servers now, at all of them side by side when none is named
    Check {
        /// The servers
        names: Vec<ServerName>,
    },
    /// Pin the host key a server has now, after it was set up anew
    Trust {
        /// The server
        name: ServerName,
        /// The fingerprint it must have, instead of asking
        #[arg(long, value_name = "SHA256:…")]
        fingerprint: Option<Fingerprint>,
    },
    /// Remove a server that carries no project; nothing changes on it
    Remove {
        /// The server
        name: ServerName,
    },
}

/// Add a server that is reached over SSH
#[derive(Debug, Args)]
pub struct ServersAdd {
    /// Its name for cgo, like `web-1`
    pub name: ServerName,
    /// Who logs in where; without a port at the one the SSH configuration says, or 22
    #[arg(value_name = "USER@HOST[:PORT]")]
    pub destination: Destination,
    /// Log in with this private key; without it with those of the SSH agent and configuration
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// The fingerprint its host key must have, instead of asking
    #[arg(long, value_name = "SHA256:…")]
    pub fingerprint: Option<Fingerprint>,
    /// Take an account that can become root by no means, for projects that need no root
    #[arg(long)]
    pub rootless: bool,
}

/// Look at and change agents
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub enum Agent {
    /// List the agents
    List,
    /// Print an agent's file
    Show {
        /// The agent
        agent: AgentName,
        /// An older version
        #[arg(long, value_name = "N")]
        version: Option<u32>,
    },
    /// Edit an agent's file in $VISUAL or $EDITOR
    Edit {
        /// The agent
        agent: AgentName,
    },
    /// Set one key of an agent's file
    Set {
        /// The agent
        agent: AgentName,
        /// The key, for instance `max_turns`
        key: String,
        /// The value
        value: String,
    },
    /// Compare two versions of an agent's file
    Diff {
        /// The agent
        agent: AgentName,
        /// The older version; the one before the newest if not given
        from: Option<u32>,
        /// The newer version; the newest if not given
        to: Option<u32>,
    },
    /// List the versions of an agent's file
    History {
        /// The agent
        agent: AgentName,
    },
    /// Store an older version again as the newest
    Rollback {
        /// The agent
        agent: AgentName,
        /// The version; the one before the newest if not given
        version: Option<u32>,
    },
    /// Write agents' files to a folder
    Export {
        /// The folder
        folder: PathBuf,
        /// The agents; all if none is given
        agents: Vec<AgentName>,
    },
    /// Read agents' files from files or folders
    Import {
        /// Files or folders
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        /// Show what would change, and end
        #[arg(long)]
        dry_run: bool,
    },
    /// Let one agent work on one input, without a run
    Test {
        /// The agent
        agent: AgentName,
        /// What it is told; `-` reads standard input
        #[arg(long, value_name = "TEXT")]
        input: String,
        /// Who is asked instead of the one its file or the settings name
        #[arg(long, value_name = "NAME")]
        provider: Option<String>,
        /// The model that is asked, by its name at the provider
        #[arg(long, value_name = "MODEL")]
        model: Option<String>,
        /// US dollars it may cost at most
        #[arg(long, value_name = "USD")]
        budget: Option<Usd>,
        /// Ask a model whose price nobody knows, too
        #[arg(long)]
        allow_unpriced: bool,
    },
    /// Draw the graph of the agents
    Graph {
        /// How
        #[arg(long, value_enum, default_value_t = GraphFormat::Mermaid)]
        format: GraphFormat,
    },
}

/// How a graph is drawn
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GraphFormat {
    /// For Markdown
    Mermaid,
    /// For Graphviz
    Dot,
    /// A picture
    Svg,
}

/// Check and format the spec of a project
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub enum Spec {
    /// Check the spec of a project, or a spec in one file
    Check {
        /// The project's folder or a file; the current folder if not given
        path: Option<PathBuf>,
    },
    /// Write the spec's files in their standard form
    Fmt {
        /// The project's folder; the current folder if not given
        path: Option<PathBuf>,
        /// Only say which files would change; exit with 3 if any
        #[arg(long)]
        check: bool,
    },
    /// Show what the spec says
    Show {
        /// The project's folder or a file; the current folder if not given
        path: Option<PathBuf>,
    },
}
