//! What a use case can fail with, and what to do about it.

mod advice;

use std::io::ErrorKind;
use std::path::PathBuf;

use super::{servers, users};
use crate::domain::diagnose::{Advice, Diagnose, Kind};
use crate::domain::ids::{ReleaseId, RunId};
use crate::domain::last_words::tell_full_disk;
use crate::domain::names::{AgentName, InvalidName, ProjectName};
use crate::domain::run::{Question, RunStatus, Wait};
use crate::domain::time::Timestamp;
use crate::workspace::git::push::Refusal;
use crate::workspace::{checks, git, python};
use crate::{exec, github, remote, scaffold, store, vault};

/// Why a use case came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Git.
    #[error(transparent)]
    Git(#[from] git::Error),
    /// GitHub.
    #[error(transparent)]
    GitHub(#[from] github::Error),
    /// Python and its packages.
    #[error(transparent)]
    Python(#[from] python::Error),
    /// The project's own checks.
    #[error(transparent)]
    Checks(#[from] checks::Error),
    /// A program.
    #[error(transparent)]
    Exec(#[from] exec::Error),
    /// A health gate that could not be asked; see [`Error::Gate`] for one that did not open.
    #[error(transparent)]
    GateUnknown(#[from] remote::gate::Error),
    /// A live probe that got no answer.
    #[error(transparent)]
    NoAnswer(#[from] remote::probe::Error),
    /// A live probe that got a bad answer.
    #[error("{url} answered with status {status}: {body}")]
    Probe {
        /// The address.
        url: String,
        /// The status.
        status: u16,
        /// The beginning of the body.
        body: String,
    },
    /// Another release answers than the one that was deployed.
    #[error("{url} answers as release `{says}`, not as `{wanted}`")]
    OtherRelease {
        /// The address.
        url: String,
        /// The release that was deployed.
        wanted: ReleaseId,
        /// What the service says.
        says: String,
    },
    /// `cgo.yaml` is wrong.
    #[error("`{}` is wrong: {reason}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// Why, with line and column.
        reason: String,
    },
    /// The generated code does not follow from the spec.
    #[error("the generated code of `{project}` does not follow from its spec: {changes} files would change")]
    NotGenerated {
        /// The project.
        project: ProjectName,
        /// How many files.
        changes: usize,
    },
    /// A newer release has come to serve while this one was being deployed.
    #[error("release `{release}` was overtaken by `{by}`, which serves now")]
    Superseded {
        /// The release.
        release: ReleaseId,
        /// The newer one.
        by: ReleaseId,
    },
    /// The folder was not made by cgo for this project.
    #[error("the folder `{}` was not made by cgo for this project", folder.display())]
    FolderNotOurs {
        /// The folder.
        folder: PathBuf,
    },
    /// A server that is reached over SSH.
    #[error(transparent)]
    Server(#[from] servers::Error),
    /// People and their rights.
    #[error(transparent)]
    User(#[from] users::Error),
    /// The processes on a server.
    #[error(transparent)]
    Remote(#[from] remote::error::Error),
    /// Rendering a project.
    #[error(transparent)]
    Render(#[from] scaffold::render::Error),
    /// A name breaks its rule.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// The command was given something that makes no sense.
    #[error("{what}")]
    Usage {
        /// What.
        what: String,
        /// What would make sense.
        hint: String,
    },
    /// The spec has problems; each is shown.
    #[error("the spec has {} problem{}", problems.len(), if problems.len() == 1 { "" } else { "s" })]
    Spec {
        /// They, with file, line and column.
        problems: Vec<String>,
    },
    /// No project has that name.
    #[error("there is no project `{name}`")]
    NoSuchProject {
        /// The name.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// The folder for a new project holds something.
    #[error("the folder `{}` is not empty", folder.display())]
    FolderNotEmpty {
        /// The folder.
        folder: PathBuf,
    },
    /// A folder or file cannot be used.
    #[error("cannot {action} `{}`", path.display())]
    Path {
        /// What was tried: `write to`, `create`.
        action: &'static str,
        /// The path.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// There is not enough room on the disk.
    #[error("the disk of `{}` has {available_mb} MB left; {needed_mb} MB are needed", path.display())]
    NoRoom {
        /// The folder.
        path: PathBuf,
        /// What is left.
        available_mb: u64,
        /// What is needed.
        needed_mb: u64,
    },
    /// The project's folder has changes that no commit holds.
    #[error("`{}` has changes that are not committed: {}", folder.display(), files.join(", "))]
    Uncommitted {
        /// The folder.
        folder: PathBuf,
        /// The first few files.
        files: Vec<String>,
    },
    /// The project has no release to go back to.
    #[error("project `{project}` has no release to go back to")]
    NoRelease {
        /// The project.
        project: ProjectName,
    },
    /// The release does not exist, or cannot be gone back to.
    #[error("cannot go back to release `{release}`: {reason}")]
    BadRelease {
        /// The release.
        release: ReleaseId,
        /// Why.
        reason: String,
        /// The releases one can go back to.
        good: Vec<ReleaseId>,
    },
    /// Between the releases lies a migration that cannot be undone.
    #[error("cannot go back to release `{release}` across what cannot be undone: {}", crossed.join("; "))]
    Irreversible {
        /// The release.
        release: ReleaseId,
        /// Each migration with its reason.
        crossed: Vec<String>,
    },
    /// A release did not pass its gate; what served before still serves.
    #[error("release `{release}` did not pass its health gate: {cause}")]
    Gate {
        /// The release.
        release: ReleaseId,
        /// Why, in one line.
        cause: String,
        /// The last log lines.
        evidence: Vec<String>,
        /// An older release goes on serving.
        old_serves: bool,
    },
    /// A service was started, and nobody who asks it gets an answer.
    #[error("`{project}` was started and does not answer: {seen}")]
    NotAnswering {
        /// The project.
        project: ProjectName,
        /// What asking it came to.
        seen: String,
    },
    /// A release's migration failed; nothing of it was started.
    #[error("the migration of release `{release}` {outcome}")]
    Migration {
        /// The release.
        release: ReleaseId,
        /// What it did: `failed`, or that it did not end in its time.
        outcome: String,
        /// The last lines.
        evidence: Vec<String>,
    },
    /// No server takes the project.
    #[error("no server takes the project: {}", refusals.join("; "))]
    NoServer {
        /// Each server's reason.
        refusals: Vec<String>,
    },
    /// No server has room for the project now.
    #[error("no server has room for `{project}` now: {}", refusals.join("; "))]
    NoCapacity {
        /// The project.
        project: ProjectName,
        /// Each server's reason.
        refusals: Vec<String>,
    },
    /// The project is to be, or lives, on a server that is out of use for a while: there it is not deployed, and not taken
    /// back.
    #[error("`{server}` is in maintenance: no release of `{project}` is put in place there, new or old")]
    InMaintenance {
        /// The project.
        project: ProjectName,
        /// The server.
        server: String,
    },
    /// The project serves on another server.
    #[error("project `{project}` lives on `{server}` and is not moved to `{wanted}`")]
    LivesElsewhere {
        /// The project.
        project: ProjectName,
        /// Where it is.
        server: String,
        /// Where it is wanted.
        wanted: String,
    },
    /// No run has that id.
    #[error("there is no run `{0}`")]
    NoSuchRun(String),
    /// Several runs fit.
    #[error("{} runs {}: {}", ids.len(), if text.is_empty() { "can go on".to_owned() } else { format!("fit `{text}`") }, ids.iter().map(RunId::as_str).collect::<Vec<_>>().join(", "))]
    AmbiguousRun {
        /// What was given; empty where any run was meant that can go on.
        text: String,
        /// The runs.
        ids: Vec<RunId>,
    },
    /// There is no run yet.
    #[error("there are no runs yet")]
    NoRuns,
    /// No run can go on.
    #[error("no run can be resumed")]
    NothingToResume,
    /// The run has no such event.
    #[error("run `{run}` has no event {at}; its events are 1 to {newest}")]
    NoSuchEvent {
        /// The run.
        run: RunId,
        /// The event.
        at: u64,
        /// The newest event.
        newest: u64,
    },
    /// The run does not wait for that.
    #[error("run `{run}` is {}, it does not wait for {}", status.as_str(), words(*wanted))]
    NotWaiting {
        /// The run.
        run: RunId,
        /// Where it stands.
        status: RunStatus,
        /// What was to be given.
        wanted: Wait,
    },
    /// Nobody answered before the deadline.
    #[error("the question of run `{run}` was open until {} (UTC)", deadline.utc())]
    TooLate {
        /// The run.
        run: RunId,
        /// The deadline.
        deadline: Timestamp,
    },
    /// The answers do not fit the questions.
    #[error("run `{run}` asks {} question{}, and {given} answer{} given", questions.len(), if questions.len() == 1 { "" } else { "s" }, if *given == 1 { " was" } else { "s were" })]
    WrongAnswers {
        /// The run.
        run: RunId,
        /// The questions.
        questions: Vec<Question>,
        /// How many answers were given.
        given: usize,
    },
    /// There is no such agent.
    #[error("there is no agent `{name}`")]
    NoSuchAgent {
        /// The name.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// The agent has no such version.
    #[error("agent `{name}` has no version {number}; its versions are 1 to {newest}")]
    NoSuchVersion {
        /// The agent.
        name: AgentName,
        /// The version.
        number: u32,
        /// Its newest.
        newest: u32,
    },
    /// The agent's file is wrong.
    #[error("the file of agent `{name}` is wrong{}: {problem}", place(problem.at))]
    BrokenAgent {
        /// The agent.
        name: AgentName,
        /// What is wrong.
        problem: super::agents::Problem,
    },
    /// Values that persons have to give are not set.
    #[error("project `{project}` needs {} set", names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))]
    MissingSecrets {
        /// The project.
        project: ProjectName,
        /// Their names.
        names: Vec<String>,
    },
    /// The project has no such secret.
    #[error("project `{project}` has no secret `{name}`")]
    NoSuchSecret {
        /// The project.
        project: ProjectName,
        /// The name.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// The text cannot be the value of a secret.
    #[error("the value of `{name}` cannot be taken")]
    UnfitSecret {
        /// The variable.
        name: String,
        /// Why.
        #[source]
        source: crate::domain::secret::Unfit,
    },
    /// Secrets cannot be encrypted or decrypted.
    #[error(transparent)]
    Vault(#[from] vault::Error),
    /// The environment of a service cannot be made.
    #[error(transparent)]
    Environment(#[from] super::environment::Error),
    /// An answer that belongs elsewhere.
    #[error("a secret's value does not belong in an answer")]
    SecretInAnswer {
        /// The run.
        run: RunId,
        /// The project.
        project: ProjectName,
        /// The names of what is asked for.
        names: Vec<String>,
    },
    /// The question is not open any more, or never was.
    #[error("there is no question `{0}`")]
    NoSuchAsk(String),
    /// The account may not decide.
    #[error("`{user}` may not approve or reject; {} may", approvers.join(", "))]
    NotAllowed {
        /// The account.
        user: String,
        /// Who may.
        approvers: Vec<String>,
    },
    /// There is no such server.
    #[error("there is no server `{handle}`")]
    NoSuchServer {
        /// The handle.
        handle: String,
        /// The handles there are.
        known: Vec<String>,
    },
    /// A server did not answer when something had to be known of it.
    #[error("`{server}` could not be looked at: {problem}")]
    NotLookedAt {
        /// The server.
        server: String,
        /// Why.
        problem: String,
    },
    /// What a service outside said when the run was recorded.
    #[error(transparent)]
    Recorded(#[from] super::recorded::Recorded),
    /// Something that cannot happen did.
    #[error("a bug in cgo: {0}")]
    Internal(String),
}

fn words(wait: Wait) -> &'static str {
    match wait {
        Wait::Input => "an answer",
        Wait::Approval => "an approval",
        Wait::Secret => "a secret",
        Wait::Capacity => "room on a server",
    }
}

fn place(at: Option<(u64, u64)>) -> String {
    at.map_or_else(String::new, |(line, column)| format!(" at line {line}, column {column}"))
}

impl Error {
    /// What is in the way lies outside cgo and the project: the work is kept and goes on once that is put right.
    #[must_use]
    pub fn is_outside(&self) -> bool {
        match self {
            Self::Python(error) if error.is_outside() => true,
            Self::GitHub(error) => error.may_pass(),
            Self::Recorded(recorded) => recorded.outside,
            Self::Git(git::Error::Remote { why: Refusal::Unreachable, .. })
            | Self::Store(store::Error::PortsExhausted { .. })
            | Self::NotLookedAt { .. }
            | Self::InMaintenance { .. } => true,
            _ => self.is_full_disk(),
        }
    }

    /// A service was asked and refused: whoever asked may ask for something else, or go on without.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::GitHub(error) => !matches!(error.kind(), Kind::Interrupted | Kind::Unknown) && !error.may_pass(),
            Self::Recorded(recorded) => recorded.refusal,
            Self::Git(git::Error::Remote { why, .. }) => !matches!(why, Refusal::Unknown | Refusal::Unreachable),
            _ => false,
        }
    }

    /// The same may do well a little later, without anything being changed.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Store(error) | Self::User(users::Error::Lookup { source: error, .. }) if error.may_pass())
    }

    /// Somebody else has answered that question first.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        matches!(self, Self::Store(store::Error::AlreadyAnswered { .. }))
    }

    /// There was no room left on a disk in the middle of the work, whoever noticed it.
    #[must_use]
    pub fn is_full_disk(&self) -> bool {
        let noticed_here = match self {
            Self::Store(store::Error::DiskFull { .. })
            | Self::Git(git::Error::DiskFull { .. })
            | Self::Python(python::Error::DiskFull { .. }) => true,
            Self::Exec(_) | Self::Migration { .. } => tell_full_disk(self.evidence()),
            _ => false,
        };
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let kind = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
            if matches!(kind, Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded)) {
                return true;
            }
            cause = error.source();
        }
        noticed_here
    }

    /// Another process has taken over what this one was working on.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Store(store::Error::FenceLost { .. }))
    }

    /// The lines that show what happened, where there are some.
    #[must_use]
    pub fn evidence(&self) -> &[String] {
        match self {
            Self::Gate { evidence, .. }
            | Self::Migration { evidence, .. }
            | Self::Exec(exec::Error::Failed { evidence, .. } | exec::Error::Deadline { evidence, .. }) => evidence,
            Self::Spec { problems } => problems,
            Self::BrokenAgent { problem, .. } => &problem.lines,
            Self::Recorded(recorded) => &recorded.evidence,
            Self::Server(error) => error.evidence(),
            _ => &[],
        }
    }

    /// The server it is about, where it is about one.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::Server(error) => error.host(),
            Self::NotLookedAt { server, .. } => Some(server),
            _ => None,
        }
    }

    /// The step it happened at, where it has one.
    #[must_use]
    pub fn step(&self) -> Option<&str> {
        match self {
            Self::Server(servers::Error::Provision(error)) => error.step(),
            _ => None,
        }
    }
}

impl Diagnose for Error {
    fn kind(&self) -> Kind {
        match self {
            full if full.is_full_disk() => Kind::Preflight,
            Self::Store(error) => error.kind(),
            Self::Git(error) => error.kind(),
            Self::GitHub(error) => error.kind(),
            Self::Python(error) => error.kind(),
            Self::Checks(error) => error.kind(),
            Self::Exec(error) => error.kind(),
            Self::GateUnknown(error) => error.kind(),
            Self::NoAnswer(error) => error.kind(),
            Self::Server(error) => error.kind(),
            Self::User(error) => error.kind(),
            Self::Remote(error) => error.kind(),
            Self::Render(error) => error.kind(),
            Self::Vault(error) => error.kind(),
            Self::Environment(error) => error.kind(),
            Self::Name(_) | Self::Usage { .. } | Self::SecretInAnswer { .. } | Self::UnfitSecret { .. } => Kind::Usage,
            Self::Gate { .. } | Self::NotAnswering { .. } => Kind::Gate,
            Self::NoRoom { .. } | Self::NoServer { .. } | Self::NotLookedAt { .. } | Self::InMaintenance { .. } => {
                Kind::Preflight
            }
            Self::Internal(_) => Kind::Internal,
            Self::Recorded(recorded) => recorded.kind(),
            Self::MissingSecrets { .. } | Self::NoCapacity { .. } => Kind::Person,
            Self::NoSuchSecret { .. }
            | Self::LivesElsewhere { .. }
            | Self::NoSuchServer { .. }
            | Self::NoSuchAsk(_)
            | Self::NotAllowed { .. }
            | Self::Spec { .. }
            | Self::NoSuchProject { .. }
            | Self::FolderNotEmpty { .. }
            | Self::Path { .. }
            | Self::Uncommitted { .. }
            | Self::Probe { .. }
            | Self::OtherRelease { .. }
            | Self::Manifest { .. }
            | Self::NotGenerated { .. }
            | Self::Superseded { .. }
            | Self::FolderNotOurs { .. }
            | Self::NoRelease { .. }
            | Self::BadRelease { .. }
            | Self::Irreversible { .. }
            | Self::Migration { .. }
            | Self::NoSuchRun(_)
            | Self::AmbiguousRun { .. }
            | Self::NothingToResume
            | Self::NoRuns
            | Self::NoSuchEvent { .. }
            | Self::NotWaiting { .. }
            | Self::TooLate { .. }
            | Self::WrongAnswers { .. }
            | Self::NoSuchAgent { .. }
            | Self::NoSuchVersion { .. }
            | Self::BrokenAgent { .. } => Kind::User,
        }
    }

    fn advice(&self) -> Option<Advice> {
        advice::of(self)
    }
}

pub use crate::domain::diagnose::told as explain;
