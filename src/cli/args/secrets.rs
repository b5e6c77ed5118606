//! What `cgo secrets` takes.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Subcommand;

use crate::domain::manifest::EnvName;
use crate::domain::names::ProjectName;

fn name(text: &str) -> Result<EnvName, crate::domain::manifest::Invalid> {
    EnvName::try_from(text.to_owned())
}

/// Set, list and remove the secrets of projects
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub enum Secrets {
    /// Set a secret: its value is asked for without showing it, or comes from standard input or a file
    #[command(after_help = "Of standard input one newline at the end is left out; a file is taken to the byte.")]
    Set {
        /// The project
        project: ProjectName,
        /// The variable, as the environment contract names it
        #[arg(value_parser = name)]
        name: EnvName,
        /// Take the value from this file, to the byte
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// What does not belong here
        #[arg(hide = true, num_args = 0..)]
        value: Vec<OsString>,
    },
    /// List secrets by name, those that are missing too; never values
    List {
        /// The project; all of them if none is given
        project: Option<ProjectName>,
    },
    /// Say whether a secret is set, when, and for which key it is encrypted
    Get {
        /// The project
        project: ProjectName,
        /// The variable
        #[arg(value_parser = name)]
        name: EnvName,
        /// Print the value
        #[arg(long)]
        reveal: bool,
    },
    /// Remove a secret
    Rm {
        /// The project
        project: ProjectName,
        /// The variable
        #[arg(value_parser = name)]
        name: EnvName,
    },
    /// Make up a new value for a generated secret; the next deployment brings it to the service
    Rotate {
        /// The project
        project: ProjectName,
        /// The variable
        #[arg(value_parser = name)]
        name: EnvName,
    },
}
