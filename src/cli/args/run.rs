//! What `cgo run` takes, and every command that can be recorded.

use std::path::PathBuf;

use clap::{Args, Subcommand};

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
