//! How a program can end, and why it may not have run to its end.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::diagnose::{Advice, Diagnose, Kind};

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// It exited by itself.
    Code(i32),
    /// A signal ended it.
    Signal(i32),
}

impl Exit {
    /// Exit code 0.
    #[must_use]
    pub fn success(self) -> bool {
        self == Self::Code(0)
    }
}

impl From<std::process::ExitStatus> for Exit {
    fn from(status: std::process::ExitStatus) -> Self {
        use std::os::unix::process::ExitStatusExt as _;
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(code),
            (None, signal) => Self::Signal(signal.unwrap_or(0)),
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Code(code) => return write!(f, "exit code {code}"),
            Self::Signal(4) => "SIGILL",
            Self::Signal(6) => "SIGABRT",
            Self::Signal(7) => "SIGBUS",
            Self::Signal(9) => "SIGKILL",
            Self::Signal(11) => "SIGSEGV",
            Self::Signal(15) => "SIGTERM",
            Self::Signal(number) => return write!(f, "signal {number}"),
        };
        f.write_str(name)
    }
}

/// Why a program has no [`Output`](super::Output), or, from [`run_ok`](super::run_ok), no good one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such program.
    #[error("cannot find the program `{program}`")]
    NotFound {
        /// The program.
        program: String,
    },
    /// The folder to run it in is missing.
    #[error("cannot run `{program}` in `{}`: there is no such folder", directory.display())]
    NoDirectory {
        /// The program.
        program: String,
        /// The folder.
        directory: PathBuf,
    },
    /// It could not be started.
    #[error("cannot start `{program}`")]
    Start {
        /// The program.
        program: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It was running when the system refused to say more about it.
    #[error("lost track of `{program}`")]
    Lost {
        /// The program.
        program: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It took too long and was stopped.
    #[error("`{program}` did not end within {} s", after.as_secs_f32())]
    Deadline {
        /// The program.
        program: String,
        /// Its deadline.
        after: Duration,
        /// The last lines it wrote.
        evidence: Vec<String>,
    },
    /// cgo was asked to stop, and stopped it.
    #[error("`{program}` was interrupted")]
    Cancelled {
        /// The program.
        program: String,
    },
    /// It ended, and not well.
    #[error("`{program}` failed: {exit}")]
    Failed {
        /// The program.
        program: String,
        /// How it ended.
        exit: Exit,
        /// The last lines it wrote.
        evidence: Vec<String>,
    },
}

impl Diagnose for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NotFound { .. } => Kind::Preflight,
            Self::Cancelled { .. } => Kind::Interrupted,
            Self::Lost { .. } => Kind::Unknown,
            Self::NoDirectory { .. } | Self::Start { .. } | Self::Deadline { .. } | Self::Failed { .. } => Kind::User,
        }
    }

    fn advice(&self) -> Option<Advice> {
        match self {
            Self::NotFound { program } => Some(Advice::Do(format!("install `{program}` and see that PATH names it"))),
            _ => None,
        }
    }
}
