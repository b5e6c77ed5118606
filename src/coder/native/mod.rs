//! cgo's own coding agent: a loop that lets any model look around in a workspace, change it, run it and check it.
//!
//! The caller brings the model ([`Ask`]) and the project's own lint and tests ([`Checks`]); the loop brings the tools,
//! the walls and the bookkeeping. What the model changes becomes a commit only when the checks pass; whatever else
//! happens, the branch ends at a commit and the tree is clean. The outcome is judged by [`super::verdict`] like that
//! of every other agent. Nothing here talks to a provider, records a call or counts money.
//!
//! `session` holds the conversation, `steps` what a call comes to, `verify` what makes work a commit; `calls` are the
//! tools as the model sees them, `spoken` finds calls in its text, `look`, `change` and `shell` what they do; [`matching`] finds the place an edit means,
//! `map` tells the repository; `root`, `rules` and `secrets` say what is out of bounds, `progress` when to give up, and
//! `tree` is all of git.

mod calls;
mod change;
mod glob;
mod look;
mod map;
pub mod matching;
mod outline;
mod progress;
mod prompt;
pub(super) mod root;
pub(super) mod rules;
pub(super) mod secrets;
mod session;
mod shell;
mod spoken;
mod steps;
mod tree;
mod verify;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Debug;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::fault;
use super::runner::OnEvent;
use super::sandbox::{self, Sandbox};
use super::verdict::{Evidence, Verdict};
use crate::domain::diagnose::{Advice, Diagnose, Kind};
use crate::domain::names::AgentName;
use crate::llm::{Reply, Request};

/// What is to be done, where and with what.
#[derive(Debug, Clone)]
pub struct Task {
    /// A git worktree or clone on the branch. What is not committed in it when the attempt begins is lost.
    pub workspace: PathBuf,
    /// The branch, like `cgo/RUN/TASK`. The attempt goes on from its tip.
    pub branch: String,
    /// The commit that the work is compared with; the branch descends from it.
    pub base: String,
    /// What is to be done and when it is done. Its first line becomes the subject of the commits.
    pub text: String,
    /// The spec of the project, as text.
    pub spec: Option<String>,
    /// Failing tests, a review, a conflict: what came of the work before.
    pub feedback: Option<String>,
    /// The agent in whose name the model is asked.
    pub agent: AgentName,
    /// The model's name at the provider; empty for its default.
    pub model: String,
    /// How freely it chooses, 0 to 2.
    pub temperature: f64,
    /// The most tokens of one answer.
    pub max_tokens: u32,
    /// The most answers.
    pub max_turns: u32,
    /// The task may be done without a change.
    pub may_change_nothing: bool,
    /// Stands as `Cgo-Effect` in the commits, so that they can be found again.
    pub effect: Option<String>,
    /// The moment its commits carry, in seconds since 1970; the present one when absent.
    pub at: Option<i64>,
    /// A folder, outside the workspace, for the home of what is run and for what cgo needs; made where it is missing.
    /// One that was used before does.
    pub folder: PathBuf,
    /// What the project's programs need beside the system, such as its Python environment; read-only.
    pub read_only: Vec<PathBuf>,
    /// What of the workspace commands may read and not write.
    pub sealed: Vec<PathBuf>,
    /// What of it is empty to them.
    pub hidden: sandbox::Hidden,
    /// Folders that are searched for programs before the system's.
    pub path: Vec<PathBuf>,
    /// Variables for what is run.
    pub env: BTreeMap<OsString, OsString>,
    /// What one command may use; its time is at most the wall of this.
    pub limits: sandbox::Limits,
}

/// Why there is no answer to go on with.
#[derive(Debug)]
pub enum AskError<E> {
    /// The model takes no conversation as long: it is made shorter and asked again, once in a row.
    TooLong {
        /// In words.
        reason: String,
    },
    /// The answer broke off and nothing of it counts: the model is told so and asked again, bounded.
    CutOff {
        /// In words.
        reason: String,
    },
    /// The attempt is over; the caller gets this back in [`Error::Stopped`].
    Stop(E),
}

/// An answer under way.
pub type AskFuture<'a, E> = Pin<Box<dyn Future<Output = Result<Reply, AskError<E>>> + 'a>>;

/// Asks a model. Whoever implements it records, meters and tries again, and sees to it that a cancelled attempt gets
/// an answer soon.
pub trait Ask<E> {
    /// Asks; `turn` counts every request of the attempt from 0.
    fn ask<'a>(&'a self, turn: u32, request: &'a Request) -> AskFuture<'a, E>;
}

/// What the project's own checks came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckResult {
    /// All of them passed.
    pub passed: bool,
    /// In one line, like `2 of 35 tests failed`.
    pub summary: String,
    /// What they wrote, as far as it helps to mend the code.
    pub output: String,
}

/// Checks under way.
pub type CheckFuture<'a, E> = Pin<Box<dyn Future<Output = Result<CheckResult, E>> + 'a>>;

/// cgo's own lint and tests on the workspace as it is. An error ends the attempt; checks that could not run are one.
pub trait Checks<E> {
    /// Runs them.
    fn check(&self) -> CheckFuture<'_, E>;
}

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finished {
    /// What is known.
    pub evidence: Evidence,
    /// What follows from it.
    pub verdict: Verdict,
    /// The model's own words at the end: its summary, or why it is blocked.
    pub last_words: String,
    /// How many requests there were.
    pub turns: u32,
    /// The commits that were made, oldest first.
    pub commits: Vec<String>,
    /// The last checks.
    pub checks: Option<CheckResult>,
}

/// Why there was no attempt, or no end of it.
#[derive(Debug, thiserror::Error)]
pub enum Error<E: Debug> {
    /// The caller's model or checks ended it. The tree is clean.
    #[error("the attempt was ended from outside")]
    Stopped(E),
    /// The branch cannot be worked on.
    #[error("cannot work on branch `{branch}` in `{}`: {reason}", workspace.display())]
    Branch {
        /// The branch.
        branch: String,
        /// The workspace.
        workspace: PathBuf,
        /// Why.
        reason: String,
    },
    /// The attempt has nothing to stand on.
    #[error(transparent)]
    Fault(fault::Error),
}

impl<E: Debug, T: Into<fault::Error>> From<T> for Error<E> {
    fn from(error: T) -> Self {
        Self::Fault(error.into())
    }
}

impl<E: Debug> Diagnose for Error<E> {
    fn kind(&self) -> Kind {
        match self {
            Self::Stopped(_) => Kind::Interrupted,
            Self::Branch { .. } => Kind::User,
            Self::Fault(error) => error.kind(),
        }
    }

    fn advice(&self) -> Option<Advice> {
        match self {
            Self::Stopped(_) | Self::Branch { .. } => None,
            Self::Fault(error) => error.advice(),
        }
    }
}

/// Makes one attempt at a task.
///
/// May be cancelled, which is a verdict. Dropped, it may leave changes that are not committed; the next attempt in the
/// same workspace removes them.
///
/// # Errors
/// [`Error`].
pub async fn run<E: Debug>(
    task: &Task,
    ask: &dyn Ask<E>,
    checks: &dyn Checks<E>,
    sandbox: &Sandbox,
    cancel: &CancellationToken,
    on_event: OnEvent<'_>,
) -> Result<Finished, Error<E>> {
    session::Session::begin(task, ask, checks, sandbox, cancel, on_event).await?.work().await
}
