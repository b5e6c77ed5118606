//! `cgo run watch`: a run's events as they come, with the calls of models and tools between them, and an exit code that
//! says how it ended.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize as _;
use serde_json::{Value, json};

use super::Session;
use super::outcome::{Failure, Outcome};
use super::run::{kind_of, resume, waits_for};
use super::run_answers::{event_view, gist};
use crate::app::App;
use crate::domain::diagnose::Kind;
use crate::domain::ids::RunId;
use crate::domain::ledger::Standing;
use crate::domain::money::Usd;
use crate::domain::run::{EffectRow, EventRow, Run, RunStatus};
use crate::domain::time::Timestamp;
use crate::ops::runs::{self, RunView};
use crate::pipeline::activity::Bill;
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
        // What was done in the moment of an event came before it.
        lines.sort_by_key(|(at, event, _)| (*at, *event));
        for (_, _, line) in lines {
            session.ui.answer(&line);
        }
        Ok(())
    }
}

/// A line of the answer: when, whether it is an event, and the text.
type Line = (Timestamp, bool, String);

fn line(session: &Session<'_>, row: EventRow) -> Line {
    let event = event_view(row);
    let text = if session.ui.json {
        serde_json::to_string(&event).expect("an event has text keys only")
    } else {
        format!("{:>5}  {:<14} {}", event.seq, event.kind, gist(&event.event))
    };
    (event.at, true, text)
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
            lines.push((call.at, false, text));
        }
        for effect in effects {
            self.since = self.since.max(effect.at);
            let mark = effect.mark.as_str();
            if self.shown.insert(effect.key.clone(), mark) == Some(mark) {
                continue;
            }
            lines.push((effect.at, false, effect_line(session, &effect)));
        }
        Ok(lines)
    }
}

/// An effect, or the turn of an agent, which is kept as one.
fn effect_line(session: &Session<'_>, effect: &EffectRow) -> String {
    let (at, mark) = (effect.at, effect.mark.as_str());
    if effect.kind != MODEL_CALL {
        return if session.ui.json {
            let told = json!({ "key": effect.key, "kind": effect.kind, "mark": mark });
            json!({ "at": at, "kind": "effect", "effect": told }).to_string()
        } else {
            plain("effect", &format!("{}  {mark}", effect.kind))
        };
    }
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or(Value::Null);
    let asked = read(&effect.args);
    let answer = read(effect.result.as_deref().unwrap_or("null"));
    let calls = answer["tool_calls"].as_array().map(Vec::as_slice).unwrap_or_default();
    let tools: Vec<&str> = calls.iter().filter_map(|call| call["name"].as_str()).collect();
    let turn = asked["turn"].as_u64().unwrap_or_default() + 1;
    if session.ui.json {
        let told = json!({ "agent": asked["agent"], "turn": turn, "tool_calls": tools });
        return json!({ "at": at, "kind": "turn", "turn": told }).to_string();
    }
    let agent = asked["agent"].as_str().unwrap_or_default();
    let what = if tools.is_empty() { "says it is done".to_owned() } else { format!("calls {}", tools.join(", ")) };
    // The names come from a model.
    let what: String = what.chars().filter(|c| !c.is_control()).collect();
    plain("turn", &format!("{agent}  turn {turn}: {what}"))
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
            Some(ask) => waits_for(&run.id, ask.wait, &ask.questions),
            None => Failure::new(Kind::Person, format!("run `{}` waits for a person", run.id), Some(resume(&run.id))),
        },
    })
}
