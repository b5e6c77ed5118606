//! `cgo lock`: who may change a project on its servers.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use super::Session;
use super::args::Lock as Args;
use super::outcome::{Answer, Failure, Outcome};
use super::ui::{Tone, Ui};
use crate::domain::diagnose::Kind;
use crate::domain::names::ProjectName;
use crate::domain::project::Project;
use crate::ops::locks::{self, Lock, Patience, Waited};
use crate::ops::{Context, projects};

/// `cgo lock …`.
///
/// # Errors
/// [`Failure`].
pub async fn run(session: &Session<'_>, args: Args) -> Result<Outcome, Failure> {
    let app = session.app().await?;
    let (context, cancel) = (&app.context, &session.cancel);
    let (name, (servers, changed)) = match args {
        Args::Status { project } => {
            let project = projects::by_name(context, &project).await?;
            let servers = locks::status(context, &project, cancel).await?;
            (project.name, (servers, false))
        }
        Args::Hold { project, message, wait } => {
            let project = projects::by_name(context, &project).await?;
            let hold = async || Ok(locks::hold(context, &project, &message, cancel).await?);
            let servers = patiently(session, context, &project, wait.map(patience), hold).await?;
            (project.name, (servers, true))
        }
        Args::Release { project, force } => {
            let project = projects::by_name(context, &project).await?;
            let released = locks::release(context, &project, force, cancel).await?;
            (project.name, released)
        }
    };
    Ok(Outcome::of(session.ui, &LockState { project: name, servers, changed }))
}

/// How long a `--wait` is meant.
pub(super) fn patience(seconds: Option<u32>) -> Patience {
    Patience::of(seconds.map(|seconds| Duration::from_secs(seconds.into())))
}

/// Tries what wants a project for itself, and again when somebody else has it and a `--wait` says for how long. What is
/// refused twice though nobody is found to have the project is not to be waited for.
///
/// # Errors
/// As the last try's, and as [`until_free`].
pub(super) async fn patiently<T>(
    session: &Session<'_>,
    context: &Context,
    project: &Project,
    patience: Option<Patience>,
    mut attempt: impl AsyncFnMut() -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut found_free = 0;
    loop {
        match (attempt().await, patience) {
            (Err(failure), Some(patience)) if failure.kind == Kind::Locked => {
                found_free = if until_free(session, context, project, patience).await? { 0 } else { found_free + 1 };
                if found_free == 2 {
                    return Err(failure);
                }
            }
            (tried, _) => return tried,
        }
    }
}

/// Waits until nobody has a project. Whether somebody had it.
///
/// # Errors
/// [`Failure`] that names who has it, when they keep it for longer; when it was interrupted.
pub(super) async fn until_free(
    session: &Session<'_>,
    context: &Context,
    project: &Project,
    patience: Patience,
) -> Result<bool, Failure> {
    match locks::wait(context, project, patience, &|words| session.ui.say(words), &session.cancel).await? {
        Waited::Free => Ok(false),
        Waited::Freed => Ok(true),
        Waited::Interrupted => {
            let message = format!("interrupted while waiting for `{}`", project.name);
            let hint = format!("run `cgo lock status {}` to see who has it", project.name);
            Err(Failure::new(Kind::Interrupted, message, Some(hint)))
        }
    }
}

/// What `cgo lock` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LockState {
    /// The project.
    project: ProjectName,
    /// Who has it, on each of its servers.
    servers: Vec<Lock>,
    /// The command changed who has it.
    changed: bool,
}

impl Answer for LockState {
    const NAME: &'static str = "lock";

    fn text(&self, ui: &Ui) -> String {
        let project = ui.tone(Tone::Strong, self.project.as_str());
        let mut out = String::new();
        for Lock { server, held } in &self.servers {
            match held {
                None if self.changed => out.push_str(&format!("{project} on {server} is free again\n")),
                None => out.push_str(&format!("{project} on {server} is free\n")),
                Some(held) => {
                    let until = held.seconds_left.map_or_else(
                        || "until it is released".to_owned(),
                        |left| format!("for {left} s more unless it goes on"),
                    );
                    out.push_str(&format!(
                        "{project} on {server} is taken: {} ({}), since {}, {until}\n",
                        held.owner, held.purpose, held.since
                    ));
                }
            }
        }
        out
    }
}
