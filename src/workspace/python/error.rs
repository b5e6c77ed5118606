//! What can go wrong between a lock file and an environment.

use std::fmt::{self, Write as _};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::Version;
use crate::domain::diagnose::{Advice, Diagnose, Kind};
use crate::exec::{self, Exit};
use crate::workspace::install_advice;

/// Why there is no environment.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no Python at all.
    #[error("cannot find a Python (3.10 or newer is needed)")]
    NoInterpreter,
    /// There are only old ones.
    #[error("Python 3.10 or newer is needed, found only {}", list(found))]
    TooOld {
        /// Where, and how old.
        found: Vec<(PathBuf, Version)>,
    },
    /// The interpreter lacks the modules that make environments, and `uv` is not there either.
    #[error("Python {version} (`{}`) lacks the modules `venv` and `ensurepip`", executable.display())]
    NoVenv {
        /// The interpreter.
        executable: PathBuf,
        /// Its version.
        version: Version,
    },
    /// The interpreter the user chose cannot be used.
    #[error("cannot use the Python `{chosen}`: {reason}")]
    Chosen {
        /// As the user spelled it.
        chosen: String,
        /// Why not.
        reason: String,
    },
    /// The package index cannot be reached; it was tried several times.
    #[error("cannot reach the package index: {cause} (tried {})", times(*tries))]
    NoNetwork {
        /// What is in the way.
        cause: Network,
        /// How often it was tried.
        tries: u32,
    },
    /// The package index, or the proxy before it, does not let us in.
    #[error("the package index refused to answer (HTTP {status})")]
    IndexRefused {
        /// 401, 403 or 407.
        status: u16,
    },
    /// The configured index is plain HTTP, and pip takes nothing from it.
    #[error("pip ignores the configured package index, because it is not reached by https")]
    InsecureIndex,
    /// What the index has is not what the lock file pins.
    #[error("the downloaded `{package}` is not the one the lock file pins (its hash differs)")]
    HashMismatch {
        /// The package.
        package: String,
    },
    /// The lock file pins a package without a hash.
    #[error("the lock file pins `{package}` without a hash")]
    NoHash {
        /// The package.
        package: String,
    },
    /// The index has no such version for this Python and this machine.
    #[error("the package index has no `{package}` for Python {version} on {platform}")]
    NoMatch {
        /// The package, as pinned.
        package: String,
        /// The interpreter's version.
        version: Version,
        /// The machine.
        platform: String,
    },
    /// The lock file cannot be understood.
    #[error("the lock file cannot be read: {line}")]
    BadLock {
        /// What the installer said about it.
        line: String,
    },
    /// No room.
    #[error("the disk of `{}` is full", folder.display())]
    DiskFull {
        /// Where the room was needed.
        folder: PathBuf,
    },
    /// It took too long.
    #[error("the installation did not end within {} s", after.as_secs())]
    TimedOut {
        /// The limit.
        after: Duration,
    },
    /// cgo was asked to stop.
    #[error("the installation was interrupted")]
    Interrupted,
    /// The installer failed in another way.
    #[error("{installer} failed: {exit}{}", quoted(evidence))]
    Installer {
        /// `pip`, `uv` or `venv`.
        installer: &'static str,
        /// How it ended.
        exit: Exit,
        /// The last lines it wrote, without credentials.
        evidence: Vec<String>,
    },
    /// The program could not be run.
    #[error("cannot run {program}")]
    Exec {
        /// The program.
        program: &'static str,
        /// Why.
        #[source]
        source: exec::Error,
    },
    /// A file or folder could not be read or written.
    #[error("cannot {doing} `{}`", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The place for the environment holds something that is no environment.
    #[error("`{}` exists and is no Python environment", target.display())]
    Occupied {
        /// The place.
        target: PathBuf,
    },
}

/// What is in the way of the package index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// Its name cannot be resolved.
    Dns,
    /// Nobody answers there.
    Refused,
    /// It does not answer in time.
    Slow,
    /// Its certificate is not trusted.
    Tls,
    /// The proxy cannot be reached.
    Proxy,
    /// The connection broke.
    Broken,
    /// It answers with this HTTP status.
    Status(u16),
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Dns => "its name cannot be resolved",
            Self::Refused => "the connection was refused",
            Self::Slow => "it does not answer in time",
            Self::Tls => "its certificate is not trusted",
            Self::Proxy => "the proxy cannot be reached",
            Self::Broken => "the connection broke",
            Self::Status(status) => return write!(f, "it answers with HTTP {status}"),
        };
        f.write_str(text)
    }
}

fn list(found: &[(PathBuf, Version)]) -> String {
    let mut text = String::new();
    for (index, (path, version)) in found.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        let _ = write!(text, "{comma}{version} (`{}`)", path.display());
    }
    text
}

fn times(tries: u32) -> String {
    if tries == 1 { "once".to_owned() } else { format!("{tries} times") }
}

fn quoted(evidence: &[String]) -> String {
    evidence.last().map(|line| format!(": {line}")).unwrap_or_default()
}

impl Error {
    /// Whether the same attempt may succeed a moment later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::NoNetwork { cause, .. } => match cause {
                Network::Dns | Network::Refused | Network::Slow | Network::Proxy | Network::Broken => true,
                Network::Status(status) => *status == 429 || *status >= 500,
                Network::Tls => false,
            },
            _ => false,
        }
    }

    /// What is in the way is the network or the index, not the project: once it is put right, the same goes through.
    #[must_use]
    pub fn is_outside(&self) -> bool {
        matches!(self, Self::NoNetwork { .. } | Self::IndexRefused { .. } | Self::InsecureIndex)
    }

    /// From a failed operation on a file; a full disk has its own error.
    pub(super) fn io(doing: &'static str, path: &std::path::Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { folder: path.to_owned() },
            _ => Self::Io { doing, path: path.to_owned(), source },
        }
    }
}

impl Diagnose for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NoInterpreter
            | Self::TooOld { .. }
            | Self::NoVenv { .. }
            | Self::NoNetwork { .. }
            | Self::IndexRefused { .. }
            | Self::InsecureIndex
            | Self::DiskFull { .. } => Kind::Preflight,
            Self::Chosen { .. } => Kind::Usage,
            Self::Interrupted => Kind::Interrupted,
            Self::HashMismatch { .. }
            | Self::NoHash { .. }
            | Self::NoMatch { .. }
            | Self::BadLock { .. }
            | Self::TimedOut { .. }
            | Self::Installer { .. }
            | Self::Occupied { .. }
            | Self::Io { .. } => Kind::User,
            Self::Exec { source, .. } => source.kind(),
        }
    }

    fn advice(&self) -> Option<Advice> {
        let advice = match self {
            Self::NoInterpreter | Self::TooOld { .. } => {
                return Some(install_advice("python3 python3-venv", "python3", "python3"));
            }
            Self::NoVenv { .. } => return Some(install_advice("python3-venv", "python3-pip", "python3")),
            Self::Chosen { .. } => "set CGO_PYTHON to a Python of 3.10 or newer, or unset it".to_owned(),
            Self::NoNetwork { cause: Network::Tls, .. } => {
                "see that SSL_CERT_FILE or PIP_CERT names the certificates of your proxy or index".to_owned()
            }
            Self::NoNetwork { cause: Network::Proxy, .. } => {
                "see that HTTPS_PROXY names a proxy that is reachable, or unset it".to_owned()
            }
            Self::NoNetwork { .. } => {
                "see that this machine is online, or name a mirror in PIP_INDEX_URL (UV_INDEX_URL for uv)".to_owned()
            }
            Self::IndexRefused { .. } => "see that the credentials of your package index are right".to_owned(),
            Self::InsecureIndex => "name the index by https, or name its host in PIP_TRUSTED_HOST".to_owned(),
            Self::HashMismatch { .. } => {
                "do not install it: see whether your mirror changes packages, else lock the dependencies again"
                    .to_owned()
            }
            Self::NoHash { .. } | Self::BadLock { .. } => "lock the dependencies again, with hashes".to_owned(),
            Self::NoMatch { .. } => "use another Python (CGO_PYTHON), or lock a version that has one".to_owned(),
            Self::DiskFull { .. } => "free some room there".to_owned(),
            Self::TimedOut { .. } => "try again: what was downloaded is kept".to_owned(),
            Self::Occupied { target } => format!("move `{}` away", target.display()),
            Self::Exec { source, .. } => return source.advice(),
            Self::Interrupted | Self::Installer { .. } | Self::Io { .. } => return None,
        };
        Some(Advice::Do(advice))
    }
}
