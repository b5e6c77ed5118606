//! `cgo lock`: who may change a project on its server.

use schemars::JsonSchema;
use serde::Serialize;

use super::Session;
use super::args::Lock as Args;
use super::outcome::{Answer, Failure, Outcome};
use super::ui::{Tone, Ui};
use crate::ops::locks::{self, Lock};
use crate::ops::projects;

/// `cgo lock …`.
///
/// # Errors
/// [`Failure`].
pub async fn run(session: &Session<'_>, args: Args) -> Result<Outcome, Failure> {
    let app = session.app().await?;
    let (context, cancel) = (&app.context, &session.cancel);
    let (lock, changed) = match args {
        Args::Status { project } => {
            let project = projects::by_name(context, &project).await?;
            (locks::status(context, &project, cancel).await?, false)
        }
        Args::Hold { project, message } => {
            let project = projects::by_name(context, &project).await?;
            (locks::hold(context, &project, &message, cancel).await?, true)
        }
        Args::Release { project } => {
            let project = projects::by_name(context, &project).await?;
            locks::release(context, &project, cancel).await?
        }
    };
    Ok(Outcome::of(session.ui, &LockState { lock, changed }))
}

/// What `cgo lock` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LockState {
    #[serde(flatten)]
    lock: Lock,
    /// The command changed who has it.
    changed: bool,
}

impl Answer for LockState {
    const NAME: &'static str = "lock";

    fn text(&self, ui: &Ui) -> String {
        let project = ui.tone(Tone::Strong, self.lock.project.as_str());
        let server = &self.lock.server;
        match &self.lock.held {
            None if self.changed => format!("{project} on {server} is free again\n"),
            None => format!("{project} on {server} is free\n"),
            Some(held) => {
                let until = held.seconds_left.map_or_else(
                    || "until it is released".to_owned(),
                    |left| format!("for {left} s more unless it goes on"),
                );
                format!(
                    "{project} on {server} is taken: {} ({}), since {}, {until}\n",
                    held.owner, held.purpose, held.since
                )
            }
        }
    }
}
