//! What `cgo run` answers: lists, one run with its events and effects, and where a run was moved to.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::outcome::{Answer, Failure};
use super::ui::{Tone, Ui, table};
use crate::app::App;
use crate::domain::ids::RunId;
use crate::domain::names::AgentName;
use crate::domain::run::{Ask, EffectMark, Run, RunStatus};
use crate::domain::time::Timestamp;
use crate::ops::runs::{self, RunView};
use crate::pipeline::call::TOOL_CALL;
use crate::pipeline::executor::MODEL_CALL;
use crate::pipeline::runner;

/// What `cgo run list` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Runs {
    /// Newest first.
    #[schemars(with = "Vec<Run>")]
    pub runs: Vec<RunView>,
}

/// The columns of everything in a line of the list but what the run is about.
const OTHERS: usize = 74;

impl Answer for Runs {
    const NAME: &'static str = "run.list";

    fn text(&self, ui: &Ui) -> String {
        if self.runs.is_empty() {
            return "no runs yet; begin with `cgo project new`".to_owned();
        }
        let rows = self
            .runs
            .iter()
            .map(|view| {
                let about = view.run.reason.as_deref().unwrap_or_default();
                vec![
                    view.run.request.kind().as_str().replace('_', " "),
                    status(ui, view),
                    when(view.run.created_at),
                    Ui::fitted(about, OTHERS),
                    view.run.id.to_string(),
                ]
            })
            .collect();
        table(&["request", "status", "begun", "about", "run"], rows)
    }
}

/// A run's status in words: a running one without a process says so.
#[must_use]
pub fn status(ui: &Ui, view: &RunView) -> String {
    match (view.run.status, &view.worked_on_by) {
        (RunStatus::Running, None) => ui.tone(Tone::Notice, "left by its process"),
        (RunStatus::Succeeded, _) => ui.tone(Tone::Good, "succeeded"),
        (RunStatus::Failed, _) => ui.tone(Tone::Bad, "failed"),
        (status, _) => status.as_str().replace('_', " "),
    }
}

/// Until when a person may answer, and what happens then; none where it is waited for as long as an answer takes.
pub(super) fn open_until(ask: &Ask) -> Option<String> {
    let then = match ask.assumed() {
        Some(texts) => format!("{} is taken", texts.join(", ")),
        None => "the run ends".to_owned(),
    };
    Some(format!("open until {}; then {then}", when(ask.deadline?)))
}

/// A moment for people: the local date and minute.
#[must_use]
pub fn when(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.0).map_or_else(
        |_| at.0.to_string(),
        |moment| moment.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string(),
    )
}

/// One event of a run, for people and scripts.
#[derive(Debug, Serialize, JsonSchema)]
pub struct EventView {
    /// Its number.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// The sort of event.
    pub kind: String,
    /// The event.
    pub event: Value,
}

/// One effect of a run.
#[derive(Debug, Serialize, JsonSchema)]
pub struct EffectView {
    /// Its idempotency key.
    pub key: String,
    /// The kind.
    pub kind: String,
    /// How far it got.
    pub mark: EffectMark,
}

/// What `cgo run show` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Shown {
    /// The run.
    #[schemars(with = "Run")]
    pub run: RunView,
    /// Its events, oldest first.
    pub events: Vec<EventView>,
    /// Its effects.
    pub effects: Vec<EffectView>,
    /// The nodes it was at work on when it was left or ended; those that are at work now, while it runs.
    pub unfinished: Vec<AgentName>,
    /// What it knows.
    pub state: crate::domain::state::ProjectState,
}

/// A run with all that is known of it.
pub(super) async fn shown(app: &App, run: Run) -> Result<Shown, Failure> {
    let context = &app.context;
    let events = runs::events(context, &run.id, 0).await?;
    let effects = runs::effects(context, &run.id).await?;
    let progress = runner::progress(context, &run.id).await?;
    Ok(Shown {
        unfinished: progress.active.into_values().map(|visit| visit.node).collect(),
        run: runs::view(context, run).await?,
        events: events.into_iter().map(event_view).collect(),
        effects: effects
            .into_iter()
            .map(|effect| EffectView { key: effect.key, kind: effect.kind, mark: effect.mark })
            .collect(),
        state: progress.state,
    })
}

pub(super) fn event_view(row: crate::domain::run::EventRow) -> EventView {
    let event = serde_json::from_str(&row.body).unwrap_or(Value::Null);
    EventView { seq: row.seq, at: row.at, kind: row.kind, event }
}

impl Answer for Shown {
    const NAME: &'static str = "run.show";

    fn text(&self, ui: &Ui) -> String {
        let view = &self.run;
        let mut out = format!("run {}  {}  {}\n", view.run.id, view.run.request.kind().as_str(), status(ui, view));
        if let Some(reason) = &view.run.reason {
            out.push_str(&format!("  {reason}\n"));
        }
        if let Some(by) = &view.worked_on_by {
            out.push_str(&format!("  worked on by {by}\n"));
        }
        if let Some(ask) = &view.ask {
            for question in &ask.questions {
                out.push_str(&format!("  asks: {}\n", question.text));
            }
            out.push_str(&format!("  question {}\n", ask.id));
            if let Some(until) = open_until(ask) {
                out.push_str(&format!("  {until}\n"));
            }
        }
        if !self.unfinished.is_empty() {
            let nodes: Vec<&str> = self.unfinished.iter().map(AgentName::as_str).collect();
            let when = if view.worked_on_by.is_some() { "at work on" } else { "left unfinished:" };
            out.push_str(&format!("  {when} {}\n", nodes.join(", ")));
        }
        if let Some(project) = &self.state.current_project {
            out.push_str(&format!("  project {} in {}\n", project.name, project.folder));
        }
        out.push_str("\nEvents:\n");
        let began = self.events.first().map_or(0, |event| event.at.0);
        for event in &self.events {
            out.push_str(&format!(
                "{:>5}  {:>9}  {:<14} {}\n",
                event.seq,
                format!("+{} ms", event.at.0 - began),
                event.kind,
                gist(&event.event)
            ));
        }
        out.push_str(&format!("\nEffects: {}\n", self.effects.len()));
        for effect in self.effects.iter().filter(|effect| ![MODEL_CALL, TOOL_CALL].contains(&effect.kind.as_str())) {
            let stands = match effect.mark {
                EffectMark::Intended | EffectMark::Repeatable if view.worked_on_by.is_none() => {
                    "begun, and nobody knows whether it was done"
                }
                mark => mark.as_str(),
            };
            out.push_str(&format!("  {:<22} {stands}\n", effect.kind));
        }
        out
    }
}

/// The part of an event people want to see.
pub(super) fn gist(event: &Value) -> String {
    let Some(inner) = event.as_object().and_then(|map| map.values().next()) else {
        return String::new();
    };
    let text = |key: &str| inner.get(key).and_then(Value::as_str).map(str::to_owned);
    let list = |key: &str| {
        inner
            .get(key)
            .and_then(Value::as_array)
            .map(|items| items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "))
    };
    // Of a guard's question, what happened; the ways to go on are told where they are asked for.
    let guarded = inner.get("guard").and_then(|_| inner["questions"][0]["text"].as_str());
    let guarded = guarded.map(|text| text.split(';').next().unwrap_or_default().to_owned());
    let parts: Vec<String> = [
        guarded,
        text("node"),
        text("agent"),
        list("to").filter(|to| !to.is_empty()).map(|to| format!("→ {to}")),
        text("reason"),
        text("tool"),
        text("by").map(|by| format!("by {by}")),
        text("why"),
    ]
    .into_iter()
    .flatten()
    .collect();
    parts.join("  ")
}

/// What a command that only moves a run answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Moved {
    /// The run.
    pub run: RunId,
    /// Where it stands now.
    pub status: RunStatus,
}

impl Answer for Moved {
    const NAME: &'static str = "run.moved";

    fn text(&self, _: &Ui) -> String {
        match self.status {
            RunStatus::Running => format!("run {} is being cancelled: what is under way is stopped", self.run),
            status => format!("run {} is {}", self.run, status.as_str().replace('_', " ")),
        }
    }
}

/// What `cgo run fork` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Forked {
    /// The run it was forked from.
    pub from: RunId,
    /// The event.
    pub at: u64,
    /// The new run.
    pub run: RunId,
}

impl Answer for Forked {
    const NAME: &'static str = "run.fork";

    fn text(&self, _: &Ui) -> String {
        format!("run {} goes on from event {} of {}\nrun `cgo run resume {0}`", self.run, self.at, self.from)
    }
}
