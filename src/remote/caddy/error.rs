//! What can go wrong between cgo and the Caddy of a host.

use super::snippet;
use crate::domain::diagnose::{Advice, Diagnose, Kind};
use crate::domain::names::ProjectName;
use crate::remote::host;

/// Why Caddy was not told something, or did not do it. Whatever it served before, it serves still.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no Caddy.
    #[error("there is no Caddy on `{host}`")]
    NoCaddy {
        /// The server's name.
        host: String,
        /// Its account cannot install one.
        rootless: bool,
    },
    /// Caddy was never told to run by our configuration.
    #[error("Caddy on `{host}` is not set up for projects")]
    NotSetUp {
        /// The server's name.
        host: String,
    },
    /// Caddy serves something that is not ours.
    #[error("Caddy on `{host}` already serves other sites, by /etc/caddy/Caddyfile")]
    Foreign {
        /// The server's name.
        host: String,
    },
    /// Caddy does not answer.
    #[error("Caddy on `{host}` does not run, or its admin socket is gone")]
    NotRunning {
        /// The server's name.
        host: String,
    },
    /// Another program, or another Caddy, listens where visitors come.
    #[error("what listens on port 80 of `{host}` is not the Caddy that cgo set up")]
    Taken {
        /// The server's name.
        host: String,
    },
    /// Caddy does not come up.
    #[error("Caddy on `{host}` does not come up")]
    NoStart {
        /// The server's name.
        host: String,
        /// Its last words.
        evidence: Vec<String>,
    },
    /// What the project adds cannot be part of its site.
    #[error("what `{app}` adds to its site is refused")]
    Snippet {
        /// The application.
        app: ProjectName,
        /// Where, and why.
        #[source]
        cause: snippet::Refused,
    },
    /// Caddy does not take a configuration.
    #[error("Caddy on `{host}` refuses the configuration of `{subject}`: {reason}")]
    Refused {
        /// The server's name.
        host: String,
        /// The application, or `all sites`.
        subject: String,
        /// Why, in Caddy's own words.
        reason: String,
    },
    /// A configuration was loaded, and sites did not answer as they should; the last good one is loaded again.
    #[error("with the new configuration of `{subject}` a site on `{host}` did not answer: {reason}")]
    Unanswered {
        /// The server's name.
        host: String,
        /// The application, or `all sites`.
        subject: String,
        /// Which, and what came instead.
        reason: String,
    },
    /// Another process changes the configuration.
    #[error("another process has been changing the configuration of Caddy on `{host}` for a minute")]
    Busy {
        /// The server's name.
        host: String,
    },
    /// A folder that cannot stand in a configuration.
    #[error("projects cannot live in `{root}`: its path holds a character that Caddy would not take as it is")]
    Root {
        /// The folder.
        root: String,
    },
    /// The host, or the way to it.
    #[error(transparent)]
    Host(#[from] host::Error),
}

impl Error {
    /// The last lines of the program that failed.
    #[must_use]
    pub fn evidence(&self) -> &[String] {
        match self {
            Self::NoStart { evidence, .. } => evidence,
            Self::Host(error) => error.evidence(),
            _ => &[],
        }
    }
}

impl Diagnose for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NoCaddy { .. }
            | Self::NotSetUp { .. }
            | Self::Foreign { .. }
            | Self::NotRunning { .. }
            | Self::Taken { .. }
            | Self::NoStart { .. }
            | Self::Root { .. } => Kind::Preflight,
            Self::Snippet { .. } | Self::Refused { .. } | Self::Unanswered { .. } => Kind::User,
            Self::Busy { .. } => Kind::Locked,
            Self::Host(error) => error.kind(),
        }
    }

    fn advice(&self) -> Option<Advice> {
        Some(match self {
            Self::NoCaddy { rootless: true, .. } => {
                Advice::Do("have somebody who is root there install Caddy, and do it again".to_owned())
            }
            Self::NoCaddy { host, .. } | Self::NotSetUp { host } | Self::NotRunning { host } | Self::Taken { host } => {
                Advice::Run(format!("cgo servers provision {host}"))
            }
            Self::Foreign { .. } => Advice::Do(
                "move those sites to another server, or restore the file Debian's package came with, and do it again"
                    .to_owned(),
            ),
            Self::NoStart { .. } => Advice::Do("see which program holds its ports there: `ss -ltnp`".to_owned()),
            Self::Snippet { .. } => Advice::Do("mend that line, and deploy again".to_owned()),
            Self::Root { .. } => Advice::Do("have projects live in a folder of plain letters and digits".to_owned()),
            Self::Host(error) => return error.advice(),
            Self::Refused { .. } | Self::Unanswered { .. } | Self::Busy { .. } => return None,
        })
    }
}
