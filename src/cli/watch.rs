//! `cgo run watch`: a run's events as they come, and an exit code that says how it ended.

use std::time::Duration;

use super::Session;
use super::outcome::{Failure, Outcome};
use super::run::{event_view, gist, kind_of, resume, waits_for};
use crate::app::App;
use crate::domain::diagnose::Kind;
use crate::domain::run::{EventRow, Run, RunStatus};
use crate::ops::runs::{self, RunView};

/// How often is looked for new events.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Follows a run until it is over or waits, its process is gone, or the person has seen enough. It ends as the run's
/// own command does; a run that nobody works on ends it too.
///
/// # Errors
/// [`Failure`] when the run did not succeed. With `--json` only the exit code tells: the events are the answer.
pub async fn watch(session: &Session<'_>, app: &App, run: &Run) -> Result<Outcome, Failure> {
    let mut seen = 0;
    let mut failed = None;
    let mut rested = false;
    let ended = loop {
        let view = runs::view(&app.context, runs::find(&app.context, run.id.as_str()).await?).await?;
        for row in runs::events(&app.context, &run.id, seen).await? {
            seen = row.seq;
            failed = failure_in(&row).or(failed);
            show(session, row);
        }
        if session.cancel.is_cancelled() {
            let message = format!("stopped watching run `{}`; the run itself was not stopped", run.id);
            let hint = format!("run `cgo run watch {}` to go on, or `cgo run cancel {0}` to end the run", run.id);
            break Some(Failure::new(Kind::Interrupted, message, Some(hint)));
        }
        let rests = view.run.status.is_terminal() || view.run.status.is_waiting() || view.worked_on_by.is_none();
        // Status and holder are read one after the other: what looks left may just have ended.
        if rests && rested {
            break end(view, failed);
        }
        rested = rests;
        if !rests {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = session.cancel.cancelled() => {}
            }
        }
    };
    match ended {
        None => {
            if !session.ui.json {
                session.ui.say(&format!("run {} succeeded", run.id));
            }
            Ok(Outcome::streamed(0))
        }
        Some(failure) if session.ui.json => Ok(Outcome::streamed(failure.exit_code())),
        Some(failure) => Err(failure),
    }
}

fn show(session: &Session<'_>, row: EventRow) {
    let event = event_view(row);
    session.ui.answer(&if session.ui.json {
        serde_json::to_string(&event).expect("an event has text keys only")
    } else {
        format!("{:>5}  {:<14} {}", event.seq, event.kind, gist(&event.event))
    });
}

/// Why the run failed, where the event says that it did.
fn failure_in(row: &EventRow) -> Option<crate::pipeline::Failure> {
    let event: serde_json::Value = serde_json::from_str(&row.body).ok()?;
    serde_json::from_value(event.get("failed")?.clone()).ok()
}

/// What the end of a run means for who watched it; nothing when it succeeded.
fn end(view: RunView, failed: Option<crate::pipeline::Failure>) -> Option<Failure> {
    let run = view.run;
    Some(match (run.status, failed) {
        (RunStatus::Succeeded, _) => return None,
        (RunStatus::Failed, Some(failed)) => {
            let hint = failed.hint.unwrap_or_else(|| format!("run `cgo run show {}`", run.id));
            let mut failure = Failure::new(kind_of(failed.exit), failed.reason, Some(hint));
            failure.exit = Some(failed.exit);
            failure.evidence = failed.evidence;
            failure
        }
        (RunStatus::Failed | RunStatus::Cancelled, _) => {
            let reason = run.reason.unwrap_or_else(|| run.status.as_str().to_owned());
            Failure::new(
                Kind::User,
                format!("run `{}` is over: {reason}", run.id),
                Some(format!("run `cgo run show {}`", run.id)),
            )
        }
        (RunStatus::Queued, _) => {
            let why = run.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
            Failure::new(Kind::User, format!("nobody works on run `{}`{why}", run.id), Some(resume(&run.id)))
        }
        (RunStatus::Running, _) => Failure::new(
            Kind::Unknown,
            format!("the process that worked on run `{}` is gone", run.id),
            Some(resume(&run.id)),
        ),
        (
            RunStatus::WaitingInput
            | RunStatus::WaitingApproval
            | RunStatus::WaitingSecret
            | RunStatus::WaitingCapacity,
            _,
        ) => match view.ask {
            Some(ask) => waits_for(&run.id, ask.wait, &ask.questions),
            None => Failure::new(Kind::Person, format!("run `{}` waits for a person", run.id), Some(resume(&run.id))),
        },
    })
}
