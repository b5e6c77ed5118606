//! What `cgo deploy` takes.

use std::str::FromStr;

use clap::Args;

use super::run::Tape;
use crate::domain::coder::Walls;
use crate::domain::host::Destination;
use crate::domain::ids::ReleaseId;
use crate::domain::names::{InvalidName, ProjectName};
use crate::domain::placement::Wish;

/// Where a deployment goes.
#[derive(Debug, Clone)]
pub enum Goal {
    /// To servers by their names.
    Wish(Wish),
    /// To this machine, which has no name.
    At(Destination),
}

impl Goal {
    /// The machine.
    #[must_use]
    pub fn at(&self) -> Option<&Destination> {
        match self {
            Self::At(destination) => Some(destination),
            Self::Wish(_) => None,
        }
    }

    /// The names.
    #[must_use]
    pub fn wish(&self) -> Option<&Wish> {
        match self {
            Self::Wish(wish) => Some(wish),
            Self::At(_) => None,
        }
    }
}

impl FromStr for Goal {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        if text.contains('@') { Destination::parse(text).map(Self::At) } else { text.parse().map(Self::Wish) }
    }
}

/// Deploy a new release of a project, or go back to an older one
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
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
    /// Deploy to this server, to several (`web-1,web-2`), or to the one with the most room: `auto`; where the project is
    /// if not given; with --ci `user@host[:port]`
    #[arg(long, value_name = "NAME", conflicts_with_all = ["rollback", "status"])]
    pub server: Option<Goal>,
    /// Take nothing but the current folder's cgo.yaml, the SSH key in CGO_SSH_KEY and secrets in variables of their names
    ///
    /// For a job of continuous integration: nothing is asked, and nothing is kept on this machine. CGO_SSH_HOST_KEY says
    /// which host key is the server's. With --json the events of the run come as lines, the answer last.
    #[arg(long, conflicts_with_all = ["rollback", "status", "record", "replay"])]
    pub ci: bool,
    /// Keep the old release running for so many seconds after the switch, to go back to at once; 60 if not given
    #[arg(long, value_name = "SECONDS", conflicts_with = "status")]
    pub bake: Option<u16>,
    /// Of several servers, switch so many at once after the first; 4 if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), conflicts_with = "status")]
    pub parallel: Option<u16>,
    /// Of several servers, leave one as it is that cannot take the release, instead of going back on all of them
    #[arg(long, conflicts_with = "status")]
    pub allow_partial: bool,
    /// While somebody else changes the project, wait: so many seconds, or until it is free
    #[arg(
        long,
        value_name = "SECONDS",
        num_args = 0..=1,
        require_equals = true,
        conflicts_with_all = ["status", "dry_run", "record", "replay"]
    )]
    pub wait: Option<Option<u32>>,
    /// Go back although a migration since that release cannot be undone
    #[arg(long, requires = "rollback")]
    pub force: bool,
    /// Which cassette, if any
    #[command(flatten)]
    pub tape: Tape,
    /// Show the steps and what would stop them, and end
    #[arg(long)]
    pub dry_run: bool,
}
