//! What `cgo incidents` takes.

use clap::Subcommand;

use crate::domain::ids::IncidentId;

fn id(text: &str) -> Result<IncidentId, String> {
    IncidentId::parse(text).map_err(|error| error.to_string())
}

/// See what is broken, and mend it
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub enum Incidents {
    /// List the incidents that are open
    List {
        /// Those that are over, too, the newest first
        #[arg(long)]
        all: bool,
        /// How many (with --all)
        #[arg(long, short = 'n', default_value_t = 20, value_name = "N", requires = "all")]
        limit: u32,
    },
    /// Show an incident: what was seen, and what was tried
    Show {
        /// The incident
        #[arg(value_parser = id)]
        incident: IncidentId,
    },
    /// Look at every server and every deployed service; open and end incidents by what is found
    #[command(after_help = "Ends with 0 when nothing is broken, with 8 when something is. For cron: add --quiet.")]
    Check,
    /// Try to mend an incident: a restart, or the release before a new one; else say what a person has to do
    Recover {
        /// The incident
        #[arg(value_parser = id)]
        incident: IncidentId,
    },
    /// End an incident whose cause is gone
    Resolve {
        /// The incident
        #[arg(value_parser = id)]
        incident: IncidentId,
        /// How it was resolved, in one line
        resolution: String,
    },
}
