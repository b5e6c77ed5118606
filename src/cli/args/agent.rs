//! What `cgo agent` takes.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use crate::domain::money::Usd;
use crate::domain::names::AgentName;

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
