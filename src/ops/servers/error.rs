//! What the use cases of servers can fail with, and what to do about it.

use super::provision;
use crate::domain::diagnose::{Advice, Diagnose, Kind};
use crate::domain::host::{Destination, Fingerprint};
use crate::ops;
use crate::ops::deploy::remote::Left;
use crate::remote::{caddy, engine, host, image};

/// Why a server was not added, changed or removed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The host, or the way to it.
    #[error(transparent)]
    Host(#[from] host::Error),
    /// Setting one up.
    #[error(transparent)]
    Provision(#[from] provision::Error),
    /// A project's domain.
    #[error(transparent)]
    Domain(#[from] caddy::dns::Error),
    /// Its Caddy.
    #[error(transparent)]
    Caddy(#[from] caddy::Error),
    /// Its container engine.
    #[error(transparent)]
    Image(#[from] image::Error),
    /// Deploying to one.
    #[error(transparent)]
    Deploy(#[from] engine::Error),
    /// A deployment to several servers that came to nothing on one of them.
    #[error("{cause}; {}", became(back, differ))]
    Fleet {
        /// What happened there.
        #[source]
        cause: Box<ops::Error>,
        /// Servers on which what served before serves.
        back: Vec<String>,
        /// Servers of which that is not known, or not so.
        differ: Vec<Left>,
    },
    /// A release that serves on a part of its servers.
    #[error("{release} serves on {}, not on {}", if serves.is_empty() { "no server".to_owned() } else { serves.join(", ") }, told(left))]
    Partial {
        /// The release.
        release: String,
        /// The servers it serves on.
        serves: Vec<String>,
        /// Those it does not serve on.
        left: Vec<Left>,
    },
    /// `local` is this machine, always.
    #[error("`local` is this machine: it can be neither added nor removed")]
    Local,
    /// Nobody said that the host key is the right one.
    #[error("the host key of `{destination}` is not known: {fingerprint}")]
    UnknownKey {
        /// The server's name.
        name: String,
        /// Where it is.
        destination: Destination,
        /// What it offers.
        fingerprint: Fingerprint,
        /// The command that pins it.
        command: String,
    },
    /// The host proves itself with another key than the one that was named.
    #[error("`{destination}` offers the host key {offered}, not {wanted}")]
    OtherKey {
        /// Where it is.
        destination: Destination,
        /// What was named.
        wanted: Fingerprint,
        /// What it offers.
        offered: Fingerprint,
    },
    /// The account is neither root nor may use sudo.
    #[error("`{user}` may not become root on `{name}`: it is not root, and `sudo -n` is refused")]
    NoSudo {
        /// The server's name.
        name: String,
        /// The account.
        user: String,
    },
    /// Nothing can be written where projects are to live.
    #[error("nothing can be written to `{path}` on `{name}`: {reason}")]
    Unwritable {
        /// The server's name.
        name: String,
        /// The folder.
        path: String,
        /// Why.
        reason: String,
    },
}

fn told(left: &[Left]) -> String {
    left.iter().map(|left| format!("{} ({})", left.server, left.why)).collect::<Vec<_>>().join(", ")
}

fn became(back: &[String], differ: &[Left]) -> String {
    let mut parts = Vec::new();
    if !back.is_empty() {
        parts.push(format!("what served before serves on {}", back.join(", ")));
    }
    if !differ.is_empty() {
        parts.push(format!("it is not known what serves on {}", told(differ)));
    }
    parts.join("; ")
}

impl Error {
    /// A release was gone back from after visitors had been sent to it, and nobody had asked for that.
    #[must_use]
    pub fn was_unwell(&self) -> bool {
        match self {
            Self::Deploy(engine::Error::Reverted { recalled, .. }) => !recalled,
            Self::Fleet { cause, .. } => matches!(&**cause, ops::Error::Server(cause) if cause.was_unwell()),
            _ => false,
        }
    }

    /// The last lines of the program that failed.
    #[must_use]
    pub fn evidence(&self) -> &[String] {
        match self {
            Self::Host(error) => error.evidence(),
            Self::Provision(error) => error.evidence(),
            Self::Deploy(error) => error.evidence(),
            Self::Image(error) => error.evidence(),
            Self::Caddy(error) => error.evidence(),
            Self::Fleet { cause, .. } => cause.evidence(),
            _ => &[],
        }
    }
}

impl Error {
    /// The server it is about.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::Host(error) => error.host(),
            Self::Provision(error) => error.host(),
            Self::Deploy(error) => error.host(),
            Self::UnknownKey { name, .. } | Self::NoSudo { name, .. } | Self::Unwritable { name, .. } => Some(name),
            Self::Fleet { cause, .. } => cause.host(),
            Self::Local
            | Self::OtherKey { .. }
            | Self::Caddy(_)
            | Self::Domain(_)
            | Self::Image(_)
            | Self::Partial { .. } => None,
        }
    }
}

impl Diagnose for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Host(error) => error.kind(),
            Self::Provision(error) => error.kind(),
            Self::Deploy(error) => error.kind(),
            Self::Image(error) => error.kind(),
            Self::Caddy(error) => error.kind(),
            Self::Domain(error) => error.kind(),
            Self::Fleet { cause, differ, .. } if differ.is_empty() => cause.kind(),
            Self::Partial { serves, .. } if serves.is_empty() => Kind::Preflight,
            // Of one that is alone nobody knows what serves there.
            Self::Fleet { back, .. } if back.is_empty() => Kind::Unknown,
            Self::Fleet { .. } | Self::Partial { .. } => Kind::Partial,
            Self::Local => Kind::Usage,
            Self::UnknownKey { .. } => Kind::Person,
            Self::OtherKey { .. } => Kind::User,
            Self::NoSudo { .. } | Self::Unwritable { .. } => Kind::Preflight,
        }
    }

    fn advice(&self) -> Option<Advice> {
        Some(match self {
            Self::Host(error) => return error.advice(),
            Self::Provision(error) => return error.advice(),
            Self::Deploy(error) => return error.advice(),
            Self::Image(error) => return error.advice(),
            Self::Caddy(error) => return error.advice(),
            Self::Domain(error) => return error.advice(),
            Self::Fleet { cause, differ, .. } if differ.is_empty() => return cause.advice(),
            Self::Fleet { .. } | Self::Partial { .. } => {
                Advice::Do("run `cgo servers check`, and `cgo deploy` again when all of them answer".to_owned())
            }
            Self::Local => Advice::Run("cgo servers list".to_owned()),
            Self::UnknownKey { command, .. } => {
                Advice::Do(format!("compare it with `ssh-keygen -lf` on the server, then run `{command}`"))
            }
            Self::OtherKey { .. } => {
                Advice::Do("ask whoever runs the server which key is its own before you go on".to_owned())
            }
            Self::NoSudo { user, .. } => Advice::Do(format!(
                "let it (a line `{user} ALL=(ALL) NOPASSWD: ALL` in /etc/sudoers.d/cgo there), or add the server with \
                 --rootless, for projects that need no root"
            )),
            Self::Unwritable { .. } => Advice::Do("free some room there or mend the disk, and do it again".to_owned()),
        })
    }
}
