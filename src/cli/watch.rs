//! `cgo run watch`: a run's events as they come, with the calls of models and tools between them, what came of them and
//! what they cost, and an exit code that says how it ended.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize as _;
use serde_json::{Value, json};

use super::Session;
use super::outcome::{Failure, Outcome};
use super::run::{kind_of, resume, waits_for};
use super::run_answers::{event_view, gist};
use super::ui::Tone;
use crate::app::App;
use crate::domain::diagnose::Kind;
use crate::domain::ids::RunId;
use crate::domain::ledger::Standing;
use crate::domain::money::Usd;
use crate::domain::run::{EffectRow, EventRow, Run, RunStatus};
use crate::domain::time::Timestamp;
use crate::ops::runs::{self, RunView};
use crate::pipeline::activity::Bill;
use crate::pipeline::call::TOOL_CALL;
use crate::pipeline::executor::MODEL_CALL;

/// How often is looked for new events.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Follows a run until it is over or waits, its process is gone, or the person has seen enough. It ends as the run's
/// own command does; a run that nobody works on ends it too.
///
/// # Errors
/// [`Failure`] when the run did not succeed. With `--json` only the exit code tells: the events are the answer.
pub async fn watch(session: &Session<'_>, app: &App, run: &Run) -> Result<Outcome, Failure> {
    let mut feed = Feed::default();
    let mut rested = false;
    let ended = loop {
        let view = runs::view(&app.context, runs::find(&app.context, run.id.as_str()).await?).await?;
        feed.show(session, app, &run.id).await?;
        if session.cancel.is_cancelled() {
            let message = format!("stopped watching run `{}`; the run itself was not stopped", run.id);
            let hint = format!("run `cgo run watch {}` to go on, or `cgo run cancel {0}` to end the run", run.id);
            break Some(Failure::new(Kind::Interrupted, message, Some(hint)));
        }
        let rests = view.run.status.is_terminal() || view.run.status.is_waiting() || view.worked_on_by.is_none();
        // Status and holder are read one after the other: what looks left may just have ended.
        if rests && rested {
            break end(view, feed.failed);
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

/// Shows a run as [`watch`] does while this process works on it; nothing without `--json`, where progress is shown.
///
/// # Errors
/// What the work fails with.
pub(super) async fn along<T>(
    session: &Session<'_>,
    app: &App,
    run: &RunId,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    if !session.ui.json {
        return work.await;
    }
    let mut feed = Feed::default();
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => {
                feed.show(session, app, run).await?;
                return done;
            }
            () = tokio::time::sleep(LOOK_EVERY) => feed.show(session, app, run).await?,
        }
    }
}

/// What was shown of a run.
#[derive(Default)]
struct Feed {
    seen: u64,
    work: Work,
    /// Why it failed, once an event says so.
    failed: Option<crate::pipeline::Failure>,
}

impl Feed {
    /// Shows what is new.
    async fn show(&mut self, session: &Session<'_>, app: &App, run: &RunId) -> Result<(), Failure> {
        let mut lines = Vec::new();
        for row in runs::events(&app.context, run, self.seen).await? {
            self.seen = row.seq;
            self.failed = failure_in(&row).or(self.failed.take());
            lines.push(line(session, row));
        }
        lines.extend(self.work.look(session, app, run).await?);
        lines.sort_by_key(|(at, order, _)| (*at, *order));
        for (_, _, line) in lines {
            session.ui.answer(&line);
        }
        Ok(())
    }
}

/// A line of the answer: when, its place among those of the same moment, and the text.
type Line = (Timestamp, Order, String);

/// What happened first of what happened in one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    /// A model has answered.
    Answered,
    /// Something was done.
    Done,
    /// An event says so.
    Event,
    /// A model is asked.
    Asked,
}

fn line(session: &Session<'_>, row: EventRow) -> Line {
    let event = event_view(row);
    let text = if session.ui.json {
        serde_json::to_string(&event).expect("an event has text keys only")
    } else {
        format!("{:>5}  {:<14} {}", event.seq, event.kind, gist(&event.event))
    };
    (event.at, Order::Event, text)
}

/// What is known of the work between events: calls of models and of tools, effects.
#[derive(Default)]
struct Work {
    since: Timestamp,
    /// How far each call and effect was when it was shown.
    shown: BTreeMap<String, &'static str>,
    costs: BTreeMap<String, Usd>,
}

impl Work {
    /// What is new.
    async fn look(&mut self, session: &Session<'_>, app: &App, run: &RunId) -> Result<Vec<Line>, Failure> {
        let (effects, calls) = runs::since(&app.context, run, self.since).await?;
        let mut lines = Vec::new();
        for call in calls {
            self.since = self.since.max(call.at);
            self.costs.insert(call.key.clone(), call.cost);
            let standing = call.standing.as_str();
            if self.shown.insert(format!("call {}", call.key), standing) == Some(standing) {
                continue;
            }
            let spent: Usd = self.costs.values().copied().sum();
            let text = if session.ui.json {
                let told = json!({
                    "key": call.key, "visit": call.visit, "agent": call.agent, "provider": call.provider,
                    "model": call.model, "input_tokens": call.input_tokens, "output_tokens": call.output_tokens,
                    "cached_tokens": call.cached_tokens, "cost": call.cost, "standing": standing,
                });
                json!({ "at": call.at, "kind": "model_call", "model_call": told, "spent": spent }).to_string()
            } else {
                let bill = Bill { input: call.input_tokens, output: call.output_tokens, cost: call.cost };
                let what = match call.standing {
                    Standing::Reserved => format!("asks {} at {}", call.model, call.provider),
                    Standing::Replayed => format!("{} was replayed: {bill}", call.model),
                    Standing::Settled | Standing::Estimated | Standing::Unpriced => {
                        format!("{} answered: {bill}; the run {spent}", call.model)
                    }
                };
                plain("model_call", &format!("{}  {what}", call.agent))
            };
            let order = if call.standing == Standing::Reserved { Order::Asked } else { Order::Answered };
            lines.push((call.at, order, text));
        }
        for effect in effects {
            self.since = self.since.max(effect.at);
            let mark = effect.mark.as_str();
            if self.shown.insert(effect.key.clone(), mark) == Some(mark) {
                continue;
            }
            lines.push((effect.at, Order::Done, effect_line(session, &effect)));
        }
        Ok(lines)
    }
}

/// An effect, or the turn of an agent or the end of one of its calls, which are kept as such.
fn effect_line(session: &Session<'_>, effect: &EffectRow) -> String {
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or(Value::Null);
    let (asked, answer) = (read(&effect.args), read(effect.result.as_deref().unwrap_or("null")));
    match effect.kind.as_str() {
        MODEL_CALL => turn_line(session, effect.at, &asked, &answer),
        TOOL_CALL => call_line(session, effect.at, &asked, &answer),
        kind => {
            let mark = effect.mark.as_str();
            if session.ui.json {
                let told = json!({ "key": effect.key, "kind": kind, "mark": mark });
                return json!({ "at": effect.at, "kind": "effect", "effect": told }).to_string();
            }
            plain("effect", &format!("{kind}  {mark}"))
        }
    }
}

/// What an agent wants done.
fn turn_line(session: &Session<'_>, at: Timestamp, asked: &Value, answer: &Value) -> String {
    let calls = answer["tool_calls"].as_array().map(Vec::as_slice).unwrap_or_default();
    let tools: Vec<&str> = calls.iter().filter_map(|call| call["name"].as_str()).collect();
    let turn = asked["turn"].as_u64().unwrap_or_default() + 1;
    if session.ui.json {
        let told = json!({ "agent": asked["agent"], "turn": turn, "tool_calls": tools });
        return json!({ "at": at, "kind": "turn", "turn": told }).to_string();
    }
    let agent = asked["agent"].as_str().unwrap_or_default();
    let what = if tools.is_empty() { "says it is done".to_owned() } else { format!("calls {}", tools.join(", ")) };
    plain("turn", &visible(&format!("{agent}  turn {turn}: {what}")))
}

/// What came of a call, and on a line of its own why it came to nothing.
fn call_line(session: &Session<'_>, at: Timestamp, call: &Value, end: &Value) -> String {
    if session.ui.json {
        let told = json!({
            "agent": call["agent"], "tool": call["tool"], "outcome": end["outcome"], "reason": end["reason"],
        });
        return json!({ "at": at, "kind": "tool_call", "tool_call": told }).to_string();
    }
    let text = |value: &Value| visible(value.as_str().unwrap_or_default());
    let (agent, tool, outcome) = (text(&call["agent"]), text(&call["tool"]), text(&end["outcome"]).replace('_', " "));
    let line = |tone, mark| plain("tool_call", &format!("{agent}  {} {tool}: {outcome}", session.ui.tone(tone, mark)));
    match end["reason"].as_str() {
        None => line(Tone::Good, "✓"),
        Some(reason) => format!("{}\n{}", line(Tone::Bad, "✗"), plain("", &visible(reason))),
    }
}

/// What a model wrote, without what a terminal would heed.
fn visible(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

fn plain(kind: &str, text: &str) -> String {
    format!("{:>5}  {kind:<14} {text}", "")
}

/// Why the run failed, where the event says that it did.
fn failure_in(row: &EventRow) -> Option<crate::pipeline::Failure> {
    let event: serde_json::Value = serde_json::from_str(&row.body).ok()?;
    crate::pipeline::Failure::deserialize(event.get("failed")?).ok()
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
            Some(ask) => waits_for(&ask),
            None => Failure::new(Kind::Person, format!("run `{}` waits for a person", run.id), Some(resume(&run.id))),
        },
    })
}
