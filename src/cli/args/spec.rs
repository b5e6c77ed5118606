//! What `cgo spec` takes.

use std::path::PathBuf;

use clap::Subcommand;

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
