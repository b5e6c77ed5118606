//! What setting up a server can fail with, and what to do about it.

use std::path::PathBuf;

use crate::domain::diagnose::{Advice, Diagnose, Kind};
use crate::domain::setup::{ACCOUNT, SetupStep};
use crate::remote::host;

/// Why a server was not set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `local` is this machine.
    #[error("`local` is this machine: it is used as it is, and never set up")]
    Local,
    /// A system that the steps are not written for.
    #[error("`{name}` runs {os}; servers are set up with Debian or Ubuntu on them")]
    Unsupported {
        /// The server.
        name: String,
        /// Its system.
        os: String,
    },
    /// A step cannot be brought about there.
    #[error("`{step}` cannot be set up on `{name}`: {why}")]
    Blocked {
        /// The server.
        name: String,
        /// The step.
        step: SetupStep,
        /// Why.
        why: String,
    },
    /// The SSH server is not changed before the deploy account is there.
    #[error("`ssh` needs the account of the step `user`, which is not there")]
    NeedsUser {
        /// The server.
        name: String,
    },
    /// The public half of the key is not known.
    #[error("the public half of the key for `{name}` is not known: {reason}")]
    NoPublicKey {
        /// The server.
        name: String,
        /// Why.
        reason: String,
        /// What mends it.
        mend: String,
    },
    /// A step failed.
    #[error("`{step}` failed on `{name}`: {}", code.map_or("its process is gone".to_owned(), |code| format!("exit code {code}")))]
    Step {
        /// The server.
        name: String,
        /// The step.
        step: SetupStep,
        /// Its exit code; none when its process is gone without one.
        code: Option<i32>,
        /// The last lines it wrote.
        evidence: Vec<String>,
    },
    /// A change after which nobody got in was taken back.
    #[error("`{step}` was taken back on `{name}`: with it, `{user}` could not log in anew")]
    LockedOut {
        /// The server.
        name: String,
        /// The step.
        step: SetupStep,
        /// Who was to log in.
        user: String,
        /// Why that failed.
        #[source]
        cause: Box<host::Error>,
    },
    /// A change that may lock everybody out stands, and it is not known whether it was taken back.
    #[error("it is not known whether `{step}` was taken back on `{name}`; its guard does so by itself")]
    Unguarded {
        /// The server.
        name: String,
        /// The step.
        step: SetupStep,
    },
    /// The account that deploys does not get in.
    #[error("`{ACCOUNT}` cannot log in to `{name}`")]
    Account {
        /// The server.
        name: String,
        /// Why.
        #[source]
        cause: Box<host::Error>,
    },
    /// Ansible is not there.
    #[error("the program `ansible-playbook` is missing")]
    NoAnsible,
    /// A playbook, or its variables, cannot be used.
    #[error("`{}` cannot be used: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A playbook failed.
    #[error("the playbook failed on `{host}` at `{task}`: {message}")]
    Playbook {
        /// The server.
        name: String,
        /// The host as Ansible calls it.
        host: String,
        /// The task.
        task: String,
        /// What it says.
        message: String,
        /// The last lines.
        evidence: Vec<String>,
    },
    /// A playbook did not come to its end.
    #[error("ansible-playbook did not run to its end: {how}")]
    Ansible {
        /// The server.
        name: String,
        /// How it ended.
        how: String,
        /// The last lines.
        evidence: Vec<String>,
    },
}

impl Error {
    /// The last lines of what failed.
    #[must_use]
    pub fn evidence(&self) -> &[String] {
        match self {
            Self::Step { evidence, .. } | Self::Playbook { evidence, .. } | Self::Ansible { evidence, .. } => evidence,
            Self::LockedOut { cause, .. } | Self::Account { cause, .. } => cause.evidence(),
            _ => &[],
        }
    }

    /// The server it is about.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::Unsupported { name, .. }
            | Self::Blocked { name, .. }
            | Self::NeedsUser { name }
            | Self::NoPublicKey { name, .. }
            | Self::Step { name, .. }
            | Self::LockedOut { name, .. }
            | Self::Unguarded { name, .. }
            | Self::Account { name, .. }
            | Self::Playbook { name, .. }
            | Self::Ansible { name, .. } => Some(name),
            Self::Local | Self::NoAnsible | Self::File { .. } => None,
        }
    }

    /// The step it happened at.
    #[must_use]
    pub fn step(&self) -> Option<&str> {
        match self {
            Self::Blocked { step, .. }
            | Self::Step { step, .. }
            | Self::LockedOut { step, .. }
            | Self::Unguarded { step, .. } => Some(step.as_str()),
            Self::NeedsUser { .. } => Some(SetupStep::Ssh.as_str()),
            Self::Account { .. } => Some("access"),
            Self::Playbook { task, .. } => Some(task),
            _ => None,
        }
    }
}

impl Diagnose for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Local | Self::NeedsUser { .. } => Kind::Usage,
            Self::Unsupported { .. } | Self::Blocked { .. } | Self::NoAnsible => Kind::Preflight,
            Self::Unguarded { .. } => Kind::Unknown,
            Self::NoPublicKey { .. }
            | Self::Step { .. }
            | Self::LockedOut { .. }
            | Self::Account { .. }
            | Self::File { .. }
            | Self::Playbook { .. }
            | Self::Ansible { .. } => Kind::User,
        }
    }

    fn advice(&self) -> Option<Advice> {
        let again = |name: &str| Advice::Do(format!("put it right, and run `cgo servers provision {name}` again"));
        Some(match self {
            Self::Local => Advice::Run("cgo servers list".to_owned()),
            Self::Unsupported { name, .. } => {
                Advice::Do(format!("set it up with Ansible: `cgo servers provision {name} --playbook PLAYBOOK`"))
            }
            Self::Blocked { name, .. }
            | Self::Step { name, .. }
            | Self::Playbook { name, .. }
            | Self::Ansible { name, .. } => again(name),
            Self::NeedsUser { name } => {
                Advice::Run(format!("cgo servers provision {name} --step packages --step user --step ssh"))
            }
            Self::NoPublicKey { mend, .. } => Advice::Do(mend.clone()),
            Self::LockedOut { name, .. } | Self::Account { name, .. } => Advice::Do(format!(
                "see there why sshd refuses `{ACCOUNT}` (rights of its home and keys, AllowUsers, AuthorizedKeysFile), \
                 and run `cgo servers provision {name}` again"
            )),
            Self::Unguarded { name, .. } => Advice::Run(format!("cgo servers check {name}")),
            Self::NoAnsible => Advice::Do("install Ansible (Debian: apt-get install ansible-core)".to_owned()),
            Self::File { .. } => return None,
        })
    }
}
