//! What can go wrong between cgo and a host, and what to do about it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::domain::diagnose::{Advice, Diagnose, Kind};
use crate::domain::host::{Destination, Fingerprint};
use crate::exec;

/// Why a host did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no SSH client on this machine.
    #[error("there is no SSH client on this machine: the program `{program}` is missing")]
    NoClient {
        /// The program.
        program: &'static str,
    },
    /// The connection did not come to be.
    #[error("cannot reach `{host}` at {to}")]
    Connect {
        /// The server's name.
        host: String,
        /// Where it is.
        to: Destination,
        /// Why.
        #[source]
        cause: Refusal,
    },
    /// The host proves itself with another key than the one that is pinned.
    #[error("the host key of `{host}` has changed: {offered} is offered, {pinned} is pinned")]
    HostKeyChanged {
        /// The server's name.
        host: String,
        /// The key that was pinned.
        pinned: Fingerprint,
        /// The key the host has now.
        offered: Fingerprint,
    },
    /// The key file cannot be used.
    #[error("the key `{}` cannot be used: {reason}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
        /// What mends it.
        mend: Advice,
    },
    /// The login shell does not run commands.
    #[error("`{host}` runs no command for `{user}`: its login shell ended instead")]
    NoShell {
        /// The server's name.
        host: String,
        /// The account.
        user: String,
        /// What was printed instead.
        evidence: Vec<String>,
    },
    /// The connection ended while a script ran.
    #[error("the connection to `{host}` was lost; whether it could {what} is not known")]
    Lost {
        /// The server's name.
        host: String,
        /// What the script does.
        what: &'static str,
    },
    /// A script took too long.
    #[error("`{host}` could not {what} within {} s", after.as_secs_f32())]
    Deadline {
        /// The server's name.
        host: String,
        /// What the script does.
        what: &'static str,
        /// How long was waited.
        after: Duration,
    },
    /// A script ended badly.
    #[error("`{host}` cannot {what}: exit code {code}")]
    Failed {
        /// The server's name.
        host: String,
        /// What the script does.
        what: &'static str,
        /// Its exit code.
        code: i32,
        /// The last lines it wrote.
        evidence: Vec<String>,
    },
    /// The disk of the host has no room.
    #[error("`{host}` cannot {what}: its disk is full")]
    Full {
        /// The server's name.
        host: String,
        /// What the script does.
        what: &'static str,
        /// The last lines it wrote.
        evidence: Vec<String>,
    },
    /// The disk of the host takes no writes.
    #[error("`{host}` cannot {what}: its disk is read-only")]
    ReadOnly {
        /// The server's name.
        host: String,
        /// What the script does.
        what: &'static str,
        /// The last lines it wrote.
        evidence: Vec<String>,
    },
    /// There is no such file on the host.
    #[error("there is no file `{path}` on `{host}`")]
    NoFile {
        /// The server's name.
        host: String,
        /// The file.
        path: String,
    },
    /// A file arrived otherwise than it was sent, more than once.
    #[error("`{path}` does not arrive whole: its checksum is another each time")]
    Mismatch {
        /// The file on the host.
        path: String,
    },
    /// Another process has been sending the same file.
    #[error("another process is sending `{path}` to `{host}`")]
    Busy {
        /// The server's name.
        host: String,
        /// The file on the host.
        path: String,
    },
    /// What the host answered makes no sense.
    #[error("`{host}` answers something strange when asked to {what}: {reason}")]
    Strange {
        /// The server's name.
        host: String,
        /// What the script does.
        what: &'static str,
        /// What is strange.
        reason: String,
    },
    /// An argument that no shell can pass on.
    #[error("cannot {what}: an argument holds a NUL character")]
    Argument {
        /// What the script does.
        what: &'static str,
    },
    /// A file of this machine could not be used.
    #[error("cannot {action} `{}`", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The folder for connections belongs to another account, or others may write to it.
    #[error("the folder `{}` for connections is not ours alone", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// cgo was asked to stop.
    #[error("interrupted while `{host}` was asked to {what}")]
    Cancelled {
        /// The server's name.
        host: String,
        /// What the script does.
        what: &'static str,
    },
    /// A program of this machine.
    #[error(transparent)]
    Exec(#[from] exec::Error),
}

/// Why a connection did not come to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The name means no address.
    #[error("the name cannot be resolved: {0}")]
    Name(String),
    /// Nothing listens on the port.
    #[error("connection refused: nothing listens on that port")]
    Port,
    /// No answer.
    #[error("no answer: {0}")]
    Silence(String),
    /// No way there.
    #[error("no route: {0}")]
    Route(String),
    /// Something listens, and does not speak SSH or closes at once.
    #[error("the connection was closed before a login: {0}")]
    Closed(String),
    /// The account or the key is not accepted.
    #[error("the login of `{user}` was refused{}: {said}", key.as_ref().map(|key| format!(" with the key `{}`", key.display())).unwrap_or_default())]
    Login {
        /// The account.
        user: String,
        /// The key, where one was named.
        key: Option<PathBuf>,
        /// The port that was named.
        port: Option<u16>,
        /// What the client says.
        said: String,
    },
    /// The key is encrypted and no agent has it.
    #[error("the key `{}` is encrypted, and no SSH agent holds it", .0.display())]
    Locked(PathBuf),
    /// Anything else the client says.
    #[error("{0}")]
    Other(String),
}

impl Refusal {
    /// It may be different in a moment: worth another try at once.
    #[must_use]
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Port | Self::Closed(_) => true,
            Self::Name(said) => said.contains("emporary failure"),
            Self::Silence(_) | Self::Route(_) | Self::Login { .. } | Self::Locked(_) | Self::Other(_) => false,
        }
    }

    fn advice(&self, to: &Destination) -> Advice {
        match self {
            Self::Name(_) => Advice::Do(format!("check the name `{}`, or give the address instead", to.host)),
            Self::Port => {
                Advice::Do(format!("see that sshd listens there, or give its port: {}@{}:PORT", to.user, to.host))
            }
            Self::Silence(_) | Self::Route(_) => {
                Advice::Do(format!("see that `{}` is up and that no firewall stands between", to.host))
            }
            Self::Closed(_) => Advice::Do("see that the port is sshd's, and read its log there".to_owned()),
            Self::Login { user, key, port, .. } => {
                let port = port.map(|port| format!("-p {port} ")).unwrap_or_default();
                let key = key.as_ref().map(|key| format!("-i {} ", key.display())).unwrap_or_default();
                Advice::Do(format!(
                    "check the user and the key; `ssh-copy-id {key}{port}{user}@{}` gives the account the key",
                    to.host
                ))
            }
            Self::Locked(key) => Advice::Run(format!("ssh-add {}", key.display())),
            Self::Other(_) => {
                let port = to.port.map(|port| format!("-p {port} ")).unwrap_or_default();
                Advice::Run(format!("ssh -v {port}{}@{}", to.user, to.host))
            }
        }
    }
}

impl Error {
    /// The last lines of the program that failed.
    #[must_use]
    pub fn evidence(&self) -> &[String] {
        match self {
            Self::NoShell { evidence, .. }
            | Self::Failed { evidence, .. }
            | Self::Full { evidence, .. }
            | Self::ReadOnly { evidence, .. } => evidence,
            _ => &[],
        }
    }

    /// The server it is about.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::Connect { host, .. }
            | Self::HostKeyChanged { host, .. }
            | Self::NoShell { host, .. }
            | Self::Lost { host, .. }
            | Self::Deadline { host, .. }
            | Self::Failed { host, .. }
            | Self::Full { host, .. }
            | Self::ReadOnly { host, .. }
            | Self::NoFile { host, .. }
            | Self::Busy { host, .. }
            | Self::Strange { host, .. }
            | Self::Cancelled { host, .. } => Some(host),
            Self::NoClient { .. }
            | Self::Key { .. }
            | Self::Mismatch { .. }
            | Self::Argument { .. }
            | Self::File { .. }
            | Self::Folder { .. }
            | Self::Exec(_) => None,
        }
    }

    /// The connection is at fault: the same may work over a new one.
    #[must_use]
    pub fn is_connection(&self) -> bool {
        matches!(self, Self::Lost { .. } | Self::Deadline { .. })
            || matches!(self, Self::Connect { cause, .. } if !matches!(cause, Refusal::Login { .. } | Refusal::Locked(_)))
    }
}

impl Diagnose for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NoClient { .. } | Self::Full { .. } | Self::ReadOnly { .. } => Kind::Preflight,
            Self::HostKeyChanged { .. } => Kind::Person,
            Self::Connect { .. }
            | Self::Key { .. }
            | Self::NoShell { .. }
            | Self::Failed { .. }
            | Self::NoFile { .. }
            | Self::Mismatch { .. }
            | Self::Strange { .. }
            | Self::File { .. }
            | Self::Folder { .. } => Kind::User,
            Self::Lost { .. } | Self::Deadline { .. } => Kind::Unknown,
            Self::Busy { .. } => Kind::Locked,
            Self::Argument { .. } => Kind::Internal,
            Self::Cancelled { .. } => Kind::Interrupted,
            Self::Exec(error) => error.kind(),
        }
    }

    fn advice(&self) -> Option<Advice> {
        Some(match self {
            Self::NoClient { .. } => {
                Advice::Do("install the OpenSSH client (Debian: apt-get install openssh-client)".to_owned())
            }
            Self::Connect { to, cause, .. } => cause.advice(to),
            Self::HostKeyChanged { host, offered, .. } => Advice::Do(format!(
                "ask whoever runs the server; if it was set up anew, run `cgo servers trust {host} --fingerprint {offered}`"
            )),
            Self::Key { mend, .. } => mend.clone(),
            Self::NoShell { user, .. } => {
                Advice::Do(format!("give `{user}` a login shell that runs commands, or name another user"))
            }
            Self::Lost { host, .. } | Self::Deadline { host, .. } => Advice::Run(format!("cgo servers check {host}")),
            Self::Full { .. } => Advice::Do("free some room there, and do it again".to_owned()),
            Self::ReadOnly { .. } => {
                Advice::Do("see why it is mounted read-only (`dmesg` there often tells), and do it again".to_owned())
            }
            Self::Folder { path } => Advice::Do(format!("remove `{}`, and do it again", path.display())),
            Self::Exec(error) => return error.advice(),
            Self::Failed { .. }
            | Self::NoFile { .. }
            | Self::Mismatch { .. }
            | Self::Busy { .. }
            | Self::Strange { .. }
            | Self::Argument { .. }
            | Self::File { .. }
            | Self::Cancelled { .. } => return None,
        })
    }
}
