//! Why a program was not run.

use std::io;
use std::path::PathBuf;

use crate::domain::diagnose::{Advice, Diagnose, Kind};
use crate::exec;

/// Why there is no outcome of a program.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This machine has no sandbox.
    #[error("no sandbox for coding agents: {reason}")]
    Refused {
        /// What is missing or forbidden.
        reason: String,
        /// What gives the machine one.
        mend: String,
    },
    /// A folder of the job cannot be let in.
    #[error("`{}` cannot be let into the sandbox: {reason}", path.display())]
    Path {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        reason: &'static str,
    },
    /// The system refused.
    #[error("cannot {action}")]
    System {
        /// What.
        action: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The program could not be run.
    #[error(transparent)]
    Exec(exec::Error),
}

impl Diagnose for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Refused { .. } => Kind::Preflight,
            Self::Path { .. } | Self::System { .. } => Kind::User,
            Self::Exec(error) => error.kind(),
        }
    }

    fn advice(&self) -> Option<Advice> {
        match self {
            Self::Refused { mend, .. } => Some(Advice::Do(format!(
                "{mend}, or pass `--sandbox off` to let the agent and its code do on this machine whatever you can (a run that \
                 has begun goes on so with CGO_SANDBOX=off)"
            ))),
            Self::Path { .. } | Self::System { .. } => None,
            Self::Exec(error) => error.advice(),
        }
    }
}
