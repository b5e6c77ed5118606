//! Why a deployment on a host came to nothing, and what became of what served before.

use super::Held;
use crate::domain::diagnose::{Advice, Diagnose, Kind};
use crate::remote::host;

/// Why a phase did not end well. What served before serves, unless it says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The host did not do as it was told, or cannot be reached.
    #[error(transparent)]
    Host(#[from] host::Error),
    /// Somebody else has the application.
    #[error("`{host}` is taken: {} ({}){}", held.owner, held.purpose, left(held))]
    Held {
        /// The server.
        host: String,
        /// By whom.
        held: Held,
    },
    /// Somebody took the application over while this operation was away.
    #[error("{} has taken the application on `{host}` over{}", if by.owner.is_empty() { "somebody" } else { &by.owner }, purpose(by))]
    Superseded {
        /// The server.
        host: String,
        /// By whom.
        by: Held,
    },
    /// The release cannot be built there.
    #[error("the release cannot be built on `{host}`: {cause}")]
    Build {
        /// The server.
        host: String,
        /// Why.
        cause: String,
        /// The last lines.
        evidence: Vec<String>,
    },
    /// The migration failed; nothing was started.
    #[error("on `{host}` {cause}")]
    Migration {
        /// The server.
        host: String,
        /// Why.
        cause: String,
        /// The last lines.
        evidence: Vec<String>,
    },
    /// Something of the host stands in the way.
    #[error("`{host}` cannot take the release: {cause}")]
    Preflight {
        /// The server.
        host: String,
        /// What.
        cause: String,
        /// What mends it.
        mend: Option<Advice>,
    },
    /// The release is not fit to serve.
    #[error("the release did not pass its health gate on `{host}`: {cause}")]
    Gate {
        /// The server.
        host: String,
        /// The sort of cause: `crashed`, `oom`, `port`, `address`, `host`, `redirect`, `status`, …
        sort: String,
        /// Why, in words.
        cause: String,
        /// The last lines the release wrote.
        evidence: Vec<String>,
    },
    /// Visitors were sent to the release, and back.
    #[error("the release on `{host}` was not well after the switch, and the one before serves again: {cause}")]
    Reverted {
        /// The server.
        host: String,
        /// Somebody asked for it; else it was not well.
        recalled: bool,
        /// Why, in words.
        cause: String,
        /// The last lines the release wrote.
        evidence: Vec<String>,
    },
    /// Visitors were sent to the release, and what follows could not be done.
    #[error("the release serves on `{host}`, and its deployment is not finished: {cause}")]
    Unfinished {
        /// The server.
        host: String,
        /// Why, in words.
        cause: String,
    },
    /// It was interrupted before visitors were sent to the release.
    #[error("the deployment on `{host}` was interrupted")]
    Interrupted {
        /// The server.
        host: String,
    },
    /// It is not known how far it came.
    #[error("it is not known how the deployment on `{host}` ended{}", step.as_ref().map(|step| format!(": the last step begun was `{step}`")).unwrap_or_default())]
    Unknown {
        /// The server.
        host: String,
        /// The step that was begun last.
        step: Option<String>,
        /// The last lines.
        evidence: Vec<String>,
    },
}

/// What it was taken over for; nothing when that is over.
fn purpose(by: &Held) -> String {
    if by.purpose.is_empty() { String::new() } else { format!(" ({})", by.purpose) }
}

fn left(held: &Held) -> String {
    match held.seconds_left {
        Some(left) => format!("; free in {left} s unless it goes on"),
        None => ", until it is released".to_owned(),
    }
}

impl Error {
    /// A newer cgo has to do it.
    pub(super) fn newer(host: &str, cause: String) -> Self {
        Self::Preflight {
            host: host.to_owned(),
            cause,
            mend: Some(Advice::Do("install the newest cgo here".to_owned())),
        }
    }

    /// The last lines of what went wrong.
    #[must_use]
    pub fn evidence(&self) -> &[String] {
        match self {
            Self::Host(error) => error.evidence(),
            Self::Build { evidence, .. }
            | Self::Migration { evidence, .. }
            | Self::Gate { evidence, .. }
            | Self::Reverted { evidence, .. }
            | Self::Unknown { evidence, .. } => evidence,
            Self::Held { .. }
            | Self::Superseded { .. }
            | Self::Preflight { .. }
            | Self::Unfinished { .. }
            | Self::Interrupted { .. } => &[],
        }
    }

    /// The host it happened on.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::Host(error) => error.host(),
            Self::Held { host, .. }
            | Self::Superseded { host, .. }
            | Self::Build { host, .. }
            | Self::Migration { host, .. }
            | Self::Preflight { host, .. }
            | Self::Gate { host, .. }
            | Self::Reverted { host, .. }
            | Self::Unfinished { host, .. }
            | Self::Interrupted { host }
            | Self::Unknown { host, .. } => Some(host),
        }
    }
}

impl Diagnose for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Host(error) => error.kind(),
            Self::Held { .. } | Self::Superseded { .. } => Kind::Locked,
            Self::Build { .. } | Self::Migration { .. } => Kind::User,
            Self::Preflight { .. } => Kind::Preflight,
            Self::Gate { .. } => Kind::Gate,
            Self::Reverted { .. } => Kind::Reverted,
            Self::Interrupted { .. } => Kind::Interrupted,
            Self::Unfinished { .. } | Self::Unknown { .. } => Kind::Unknown,
        }
    }

    fn advice(&self) -> Option<Advice> {
        match self {
            Self::Host(error) => error.advice(),
            Self::Held { held, .. } if held.seconds_left.is_none() => Some(Advice::Do(
                "ask its owner to run `cgo lock release PROJECT`; with `--force` others end it, too".to_owned(),
            )),
            Self::Preflight { mend, .. } => mend.clone(),
            Self::Build { .. } | Self::Migration { .. } | Self::Gate { .. } | Self::Reverted { .. } => {
                Some(Advice::Do("mend the cause in the project, commit, and deploy again".to_owned()))
            }
            Self::Superseded { .. } => Some(Advice::Do("deploy again".to_owned())),
            Self::Unfinished { .. } => Some(Advice::Do("mend that, and run `cgo run resume`".to_owned())),
            Self::Unknown { .. } => Some(Advice::Run("cgo run resume".to_owned())),
            _ => None,
        }
    }
}
