//! What `cgo lock` takes.

use clap::Subcommand;

use crate::domain::names::ProjectName;

/// See, hold and release who may change a project on its server
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub enum Lock {
    /// Show who has a project, and since when
    Status {
        /// The project
        project: ProjectName,
    },
    /// Let nobody deploy a project until it is released
    Hold {
        /// The project
        project: ProjectName,
        /// Why, for those who are refused
        #[arg(long, short, value_name = "TEXT")]
        message: String,
        /// While somebody else has it, wait: so many seconds, or until it is free
        #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true)]
        wait: Option<Option<u32>>,
    },
    /// End a hold of yours
    Release {
        /// The project
        project: ProjectName,
        /// End it though somebody else holds the project
        #[arg(long)]
        force: bool,
    },
}
