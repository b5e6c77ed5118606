//! `cgo work RUN`: one run worked on for `cgo serve`, in a process of its own. What happens is told as JSON lines; nobody
//! is asked anything. SIGTERM stops it between two steps.

use serde_json::{Value, json};

use super::Session;
use super::outcome::{Failure, Outcome};
use super::ui::Ui;
use crate::domain::diagnose::told;
use crate::domain::names::AgentName;
use crate::ops::runs;
use crate::pipeline::runner::Watch;
use crate::pipeline::{Ended, NodeEnd, Observer};

/// Works on a run until it is over, waits or stops; then it has done its part, whatever the run came to.
///
/// # Errors
/// [`Failure`] when the run cannot be taken up.
pub async fn run(session: &Session<'_>, run: &str) -> Result<Outcome, Failure> {
    let app = session.app().await?;
    let run = runs::find(&app.context, run).await?.id;
    let lines = Lines { ui: session.ui };
    let (ended, lost) = app.drive(&run, &lines, &session.cancel).await;
    if let Some(lost) = lost {
        lines.write(&json!({ "event": "warning", "text": lost }));
    }
    let (outcome, why) = match ended {
        Ok(Ended::Succeeded) => ("succeeded", None),
        Ok(Ended::Waiting(ask)) => ("waiting", ask.questions.into_iter().next().map(|question| question.text)),
        Ok(Ended::Failed(failure)) => ("failed", Some(failure.reason)),
        Ok(Ended::Blocked(failure)) => ("blocked", Some(failure.reason)),
        Ok(Ended::Interrupted) => ("interrupted", None),
        Ok(Ended::Cancelled { by }) => ("cancelled", Some(by)),
        Err(error) => {
            lines.write(&json!({ "event": "ended", "outcome": "error", "text": told(&error) }));
            return Err(error.into());
        }
    };
    lines.write(&json!({ "event": "ended", "outcome": outcome, "text": why }));
    Ok(Outcome::streamed(0))
}

struct Lines<'a> {
    ui: &'a Ui,
}

impl Lines<'_> {
    fn write(&self, line: &Value) {
        self.ui.answer(&line.to_string());
    }
}

impl Observer for Lines<'_> {
    fn node_started(&self, visit: u32, node: &AgentName, label: &str) {
        self.write(&json!({ "event": "node_started", "visit": visit, "node": node, "label": label }));
    }

    fn node_finished(&self, visit: u32, node: &AgentName, ended: NodeEnd) {
        let how = match ended {
            NodeEnd::Done => "done",
            NodeEnd::Asks => "asks",
            NodeEnd::Failed => "failed",
        };
        self.write(&json!({ "event": "node_finished", "visit": visit, "node": node, "outcome": how }));
    }
}

impl Watch for Lines<'_> {
    fn note(&self, node: &AgentName, text: &str) {
        self.write(&json!({ "event": "note", "node": node, "text": text }));
    }
}
