//! What can go wrong between cgo and a machine that runs projects.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::ports::PortHolder;
use super::runtime::SlotState;
use crate::domain::deployment::Slot;
use crate::domain::diagnose::{Advice, Diagnose, Kind};

/// Why something could not be started, stopped or found out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be used.
    #[error("cannot {action} `{}`", path.display())]
    File {
        /// What was tried: `read`, `write`, …
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file of ours does not hold what we write there.
    #[error("`{}` is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The system refused something that has no file.
    #[error("cannot {action}")]
    System {
        /// What was tried.
        action: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another cgo changes the same application.
    #[error("another cgo has been changing `{}` for {} s", app.display(), after.as_secs())]
    Busy {
        /// The application's folder.
        app: PathBuf,
        /// How long was waited.
        after: Duration,
    },
    /// A port the application needs belongs to somebody else.
    #[error("port {port} is taken{}", by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default())]
    PortTaken {
        /// The port.
        port: u16,
        /// By whom, where that can be seen.
        by: Option<PortHolder>,
    },
    /// The public address cannot be listened on for another reason.
    #[error("cannot listen on {address}: {reason}")]
    CannotListen {
        /// The address.
        address: std::net::SocketAddr,
        /// Why.
        reason: String,
    },
    /// A launch that makes no sense.
    #[error("cannot launch a release: {reason}")]
    Launch {
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing was ever started there.
    #[error("nothing is deployed in `{}`", app.display())]
    Nothing {
        /// The application's folder.
        app: PathBuf,
    },
    /// The slot serves, so it can be neither replaced nor stopped by itself.
    #[error("slot {} serves visitors", slot.as_str())]
    Serves {
        /// The slot.
        slot: Slot,
    },
    /// The slot does not run, so it cannot serve.
    #[error("slot {} cannot serve: it is {}", slot.as_str(), state.as_str())]
    NotRunning {
        /// The slot.
        slot: Slot,
        /// What it does instead.
        state: SlotState,
    },
    /// The supervisor could not be started, or ended at once.
    #[error("the supervisor of `{}` does not run: {reason}", app.display())]
    Supervisor {
        /// The application's folder.
        app: PathBuf,
        /// Its last words.
        reason: String,
    },
    /// The supervisor runs, and did not do what it was asked to in time.
    #[error("the supervisor of `{}` did not {action} within {} s", app.display(), after.as_secs())]
    Slow {
        /// The application's folder.
        app: PathBuf,
        /// What it was asked to do.
        action: &'static str,
        /// How long was waited.
        after: Duration,
    },
}

impl Diagnose for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::File { .. }
            | Self::Damaged { .. }
            | Self::System { .. }
            | Self::Nothing { .. }
            | Self::NotRunning { .. } => Kind::User,
            Self::Busy { .. } => Kind::Locked,
            Self::PortTaken { .. } | Self::CannotListen { .. } => Kind::Preflight,
            Self::Launch { .. } | Self::Serves { .. } => Kind::Internal,
            Self::Supervisor { .. } | Self::Slow { .. } => Kind::Unknown,
        }
    }

    fn advice(&self) -> Option<Advice> {
        match self {
            Self::PortTaken { port, .. } => Some(Advice::Do(format!("free port {port} and do it again"))),
            Self::Damaged { path, .. } => {
                Some(Advice::Do(format!("move `{}` away and deploy the project again", path.display())))
            }
            Self::Supervisor { app, .. } | Self::Slow { app, .. } => {
                Some(Advice::Do(format!("read `{}`", app.join("supervisor.log").display())))
            }
            _ => None,
        }
    }
}
