//! What can go wrong with a project's repository.

use std::io;
use std::path::PathBuf;

use super::push::Refusal;
use crate::domain::diagnose::{Advice, Diagnose, Kind};
use crate::exec;
use crate::workspace::install_advice;

/// Why a repository could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no `git` program.
    #[error("cannot find the program `git`")]
    NoGit,
    /// The `git` program is too old to begin a repository on a branch of a given name.
    #[error("git {found} is too old: 2.28 or newer is needed")]
    GitTooOld {
        /// What `git --version` said.
        found: String,
    },
    /// The folder holds no repository of its own.
    #[error("`{}` is not a git repository", folder.display())]
    NotARepository {
        /// The folder.
        folder: PathBuf,
    },
    /// An effect key that cannot stand in a trailer.
    #[error("`{key}` cannot be an effect key: one line without spaces around it, at most 200 characters")]
    BadKey {
        /// The key, escaped.
        key: String,
    },
    /// A text that is no commit id.
    #[error("`{text}` is not a full commit id")]
    BadSha {
        /// The text, escaped and cut.
        text: String,
    },
    /// The repository has no such commit.
    #[error("`{}` has no commit {sha}", folder.display())]
    NoCommit {
        /// The repository's folder.
        folder: PathBuf,
        /// The commit.
        sha: String,
    },
    /// Another git works in the repository and did not finish.
    #[error("another git process works in `{}` (pid {pid})", folder.display())]
    Busy {
        /// The repository's folder.
        folder: PathBuf,
        /// The process.
        pid: u32,
    },
    /// A lock file that cgo did not make was left behind.
    #[error("`{}` was left behind by another program", lock.display())]
    ForeignLock {
        /// The lock file.
        lock: PathBuf,
    },
    /// A symbolic link in the commit leads out of the exported folder.
    #[error("the link `{link}` leads out of the project, to `{target}`")]
    LinkLeaves {
        /// The link, relative to the project.
        link: String,
        /// Where it leads.
        target: String,
    },
    /// The folder to export into is there and holds something else than the commit.
    #[error("`{}` exists and does not hold commit {sha}", into.display())]
    ExportExists {
        /// The folder.
        into: PathBuf,
        /// The commit.
        sha: String,
    },
    /// `git` said something nobody understands.
    #[error("git {command} gave an answer that cannot be read: {what}")]
    Answer {
        /// The git command.
        command: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// No room.
    #[error("the disk of `{}` is full", folder.display())]
    DiskFull {
        /// The repository's folder.
        folder: PathBuf,
    },
    /// An address that a key may not be sent to.
    #[error("`{url}` is no address a commit can be brought to: it begins with https:// and holds no name or key")]
    BadRemote {
        /// The address, without the key.
        url: String,
    },
    /// A remote did not take a commit, or could not be asked.
    #[error("git {command} with branch `{branch}` of {url} came to nothing: {}: {said}", why.words())]
    Remote {
        /// The git command.
        command: &'static str,
        /// The remote's address.
        url: String,
        /// The branch.
        branch: String,
        /// Why.
        why: Refusal,
        /// What was said, without the key.
        said: String,
    },
    /// `git` failed.
    #[error("git {command} failed in `{}`{}", folder.display(), said(source))]
    Git {
        /// The git command.
        command: &'static str,
        /// The repository's folder.
        folder: PathBuf,
        /// How, with the last lines of its output.
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
}

/// The line in which git says why.
fn said(source: &exec::Error) -> String {
    let exec::Error::Failed { evidence, .. } = source else { return String::new() };
    let fatal = evidence.iter().find(|line| line.starts_with("fatal: ") || line.starts_with("error: "));
    fatal.or(evidence.last()).map(|line| format!(": {line}")).unwrap_or_default()
}

impl Diagnose for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NoGit | Self::GitTooOld { .. } | Self::DiskFull { .. } => Kind::Preflight,
            Self::BadKey { .. } | Self::Answer { .. } => Kind::Internal,
            Self::BadSha { .. } | Self::BadRemote { .. } => Kind::Usage,
            Self::Remote { why: Refusal::Unknown, .. } => Kind::Unknown,
            Self::NotARepository { .. }
            | Self::NoCommit { .. }
            | Self::Busy { .. }
            | Self::ForeignLock { .. }
            | Self::LinkLeaves { .. }
            | Self::ExportExists { .. }
            | Self::Remote { .. }
            | Self::Io { .. } => Kind::User,
            Self::Git { source, .. } => source.kind(),
        }
    }

    fn advice(&self) -> Option<Advice> {
        match self {
            Self::NoGit | Self::GitTooOld { .. } => Some(install_advice("git", "git", "git")),
            Self::NotARepository { folder } => Some(Advice::Run(format!("git -C '{}' init", folder.display()))),
            Self::Busy { .. } => Some(Advice::Do("let the other git finish".to_owned())),
            Self::ForeignLock { lock } => Some(Advice::Do(format!(
                "see that no editor or other git works there, then remove `{}`",
                lock.display()
            ))),
            Self::LinkLeaves { link, .. } => {
                Some(Advice::Do(format!("make `{link}` a relative link inside the project, or a file")))
            }
            Self::ExportExists { into, .. } => Some(Advice::Do(format!("move `{}` away", into.display()))),
            Self::Git { source, .. } => source.advice(),
            Self::Remote { why, .. } => remote_advice(*why),
            Self::DiskFull { .. } => Some(Advice::Do("free some room there".to_owned())),
            Self::BadKey { .. }
            | Self::Answer { .. }
            | Self::BadSha { .. }
            | Self::BadRemote { .. }
            | Self::NoCommit { .. }
            | Self::Io { .. } => None,
        }
    }
}

fn remote_advice(why: Refusal) -> Option<Advice> {
    let say = |text: &str| Some(Advice::Do(text.to_owned()));
    match why {
        Refusal::NotFastForward => say("bring its commits into the project's folder with git, then push again"),
        Refusal::Protected => say("push to another branch and open a pull request, or change the rule"),
        Refusal::WorkflowScope => say("give the token the scope `workflow` (fine-grained: Workflows, read and write)"),
        Refusal::Secret => say("take the secret out of the commits, and make a new one: it is known now"),
        Refusal::TooLarge => say("take the large file out of the commits"),
        Refusal::Key | Refusal::Forbidden | Refusal::NotFound => {
            say("see with `cgo doctor` whose token it is and what it may do: pushing needs `repo`, or Contents: write")
        }
        Refusal::Moved => say("push to its new address"),
        Refusal::Unreachable | Refusal::Unknown => say("run `cgo run resume` when it can be reached"),
        Refusal::Declined => None,
    }
}
