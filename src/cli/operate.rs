//! `cgo project exec` and `maintenance`: what an operator does with a service as it runs.

use std::io::{ErrorKind, Write as _};

use schemars::JsonSchema;
use serde::Serialize;

use super::Session;
use super::args::Maintenance as Wanted;
use super::outcome::{Answer, Failure, Outcome};
use super::ui::{Tone, Ui};
use crate::app::App;
use crate::domain::names::ProjectName;
use crate::ops::operating::{self, Maintenance, Stream};
use crate::ops::projects;

/// What a shell calls a program that wrote for a reader that went away.
const NOBODY_READS: u8 = 141;

/// `cgo project exec`. What the command writes is passed on byte for byte, with `--json` too.
///
/// # Errors
/// [`Failure`].
pub async fn exec(
    session: &Session<'_>,
    app: &App,
    project: &ProjectName,
    command: &[String],
) -> Result<Outcome, Failure> {
    let project = projects::by_name(&app.context, project).await?;
    let (ended, mut unread) = (session.cancel.child_token(), false);
    let mut pass = |stream: Stream, bytes: &[u8]| {
        let write = |mut to: Box<dyn std::io::Write>| to.write_all(bytes).and_then(|()| to.flush());
        let wrote = match stream {
            Stream::Stdout => write(Box::new(std::io::stdout().lock())),
            Stream::Stderr => write(Box::new(std::io::stderr().lock())),
        };
        if wrote.is_err_and(|error| error.kind() == ErrorKind::BrokenPipe) {
            unread = true;
            ended.cancel();
        }
    };
    let code = operating::exec(&app.context, &project, command, &mut pass, &ended).await;
    if unread {
        return Ok(Outcome::streamed(NOBODY_READS));
    }
    Ok(Outcome::streamed(u8::try_from(code?).unwrap_or(u8::MAX)))
}

/// `cgo project maintenance`.
///
/// # Errors
/// [`Failure`].
pub async fn maintenance(
    session: &Session<'_>,
    app: &App,
    project: &ProjectName,
    wanted: Wanted,
) -> Result<Outcome, Failure> {
    let project = projects::by_name(&app.context, project).await?;
    let wanted = match wanted {
        Wanted::On => Some(true),
        Wanted::Off => Some(false),
        Wanted::Status => None,
    };
    let state = operating::maintenance(&app.context, &project, wanted, &session.cancel).await?;
    Ok(Outcome::of(session.ui, &MaintenanceState { state }))
}

/// What `cgo project maintenance` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct MaintenanceState {
    #[serde(flatten)]
    state: Maintenance,
}

impl Answer for MaintenanceState {
    const NAME: &'static str = "project.maintenance";

    fn text(&self, ui: &Ui) -> String {
        let Maintenance { project, on, changed } = &self.state;
        let project = ui.tone(Tone::Strong, project.as_str());
        let now = if *changed { " now" } else { "" };
        if *on {
            format!("visitors of {project} are{now} told to come back later\n")
        } else {
            format!("visitors of {project} are{now} let in\n")
        }
    }
}
