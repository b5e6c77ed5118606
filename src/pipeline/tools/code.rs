//! Having the planned tasks done: each by a coder in a worktree of its own, several at once.

use futures_util::stream::{self, StreamExt as _};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{Context, Output, Tool, ToolError, WorldEffect};
use crate::domain::approval::Reason;
use crate::domain::coder::Coder;
use crate::domain::names::AgentName;
use crate::domain::project::Project;
use crate::domain::state::{Change, EngineeringStatus};
use crate::domain::task::{self, MOST_ATTEMPTS, Task, TaskStatus};
use crate::graph::engine::NodeError;
use crate::graph::recorder::{Effect, Failed, Outcome};
use crate::ops::{self, projects, repository};
use crate::pipeline::coding::attempt::{Came, Work};

/// Lines of the checks' output a person is shown when they have to decide.
const LINES_SHOWN: usize = 20;

/// Has tasks done.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WriteCode {
    /// What the coder should know beside the task, the spec and the files; none when there is nothing.
    #[serde(default)]
    advice: Option<String>,
}

/// The tools of this file.
#[must_use]
pub fn tools() -> Vec<Tool> {
    vec![Tool::new(
        "write_code",
        "Have every open task done whose predecessors are merged, or, without open tasks, what the review or the tests \
         ask for: a coder works on each in a worktree of its own, and a task is done when its commit passes the \
         project's linter and tests. Generate the project first.",
        WorldEffect::Changes,
        |context, args| Box::pin(write_code(context, args)),
    )]
}

async fn write_code(context: &Context<'_>, args: WriteCode) -> Result<Output, ToolError> {
    let spec = context.state.project_spec.as_ref().ok_or_else(|| ToolError::refused("there is no spec yet"))?;
    let of = |error: ops::Error| ToolError::of(&error);
    let project = projects::by_id(context.ops, &context.project()?.id).await.map_err(of)?;
    let work = Work::new(context.visit, &project, Some(spec), context.cancel).map_err(of)?;
    let wired = context.visit.chosen.tariff.is_some();
    if work.coder == Coder::None || !wired {
        let why = if wired { "the run has --coder none" } else { "no model answers in this run" };
        return Err(ToolError::refused(format!("nobody writes code here: {why}")));
    }
    let tasks = due(context);
    if tasks.is_empty() {
        return Ok(json!({ "tasks": [], "note": "there is no open task, and nothing to mend" }).into());
    }
    let base = context
        .remember("head", json!({ "folder": project.folder }), async || {
            repository::head(&project, context.cancel).await.map(|head| head.as_str().to_owned())
        })
        .await?;
    let many = tasks.len() > 1;
    work.begin(tasks.len());
    // On a cassette the same has to happen in the same order again.
    let at_once = if context.recorder.source().is_taped() { 1 } else { context.visit.coders.at_once };
    let ended: Vec<(Task, Result<(), ToolError>)> = stream::iter(tasks)
        .map(|task| one(context, &work, &project, &base, task, args.advice.as_deref(), many))
        .buffer_unordered(at_once)
        .collect()
        .await;
    let mut said = Vec::new();
    let mut stopped = None;
    let mut blocked = Vec::new();
    for (task, result) in ended {
        // What was reached is in the journal, also when another task stops the visit.
        stopped = result.err().or(stopped);
        said.push(json!({ "task": task.id, "status": task.status, "commit": task.commit, "feedback": task.feedback }));
        if task.status == TaskStatus::Blocked {
            blocked.push(format!("`{}`: {}", task.title, shown(task.feedback.as_deref().unwrap_or_default())));
        }
        context.change(Change::Tasks(task));
    }
    if let Some(error) = stopped {
        return Err(error);
    }
    context.change(Change::ReviewFeedback(None));
    if blocked.is_empty() {
        context.change(Change::EngineeringStatus(EngineeringStatus::Working));
    } else {
        context.change(Change::EngineeringStatus(EngineeringStatus::Blocked));
        let reason = Reason::GivenUp(&blocked).words(context.state.language());
        context.change(Change::NeedsHumanApproval(Some(reason)));
    }
    Ok(json!({ "tasks": said }).into())
}

/// The tasks that can begin, or one for what the review or the tests ask for.
fn due(context: &Context<'_>) -> Vec<Task> {
    let tasks = &context.state.tasks;
    let due: Vec<Task> = task::next(tasks).cloned().collect();
    if !due.is_empty() {
        return due;
    }
    let number = tasks.iter().filter(|task| task.id.as_str().starts_with("mend_")).count() + 1;
    let mend = context.state.review_feedback.iter().map(|feedback| Task {
        id: AgentName::parse(&format!("mend_{number}")).expect("a number makes a name"),
        title: "Mend what the tests found".to_owned(),
        detail: String::new(),
        done_when: "the project's linter and tests pass".to_owned(),
        after: Vec::new(),
        status: TaskStatus::Open,
        attempts: 0,
        commit: None,
        feedback: Some(feedback.clone()),
    });
    mend.collect()
}

/// Works on one task until it holds or its attempts are used up. Each attempt is in the journal.
async fn one(
    context: &Context<'_>,
    work: &Work<'_>,
    project: &Project,
    base: &str,
    mut task: Task,
    advice: Option<&str>,
    many: bool,
) -> (Task, Result<(), ToolError>) {
    let place = context.place.beside(task.id.as_str());
    let named = format!("{}: ", task.id);
    let note = |text: &str| (context.notes)(&format!("{}{text}", if many { &named } else { "" }));
    let asked = task.detail.clone();
    if let Some(advice) = advice.filter(|advice| !advice.trim().is_empty()) {
        format!("{asked}\n\n{advice}").trim().clone_into(&mut task.detail);
    }
    let result = loop {
        task.attempts += 1;
        note(&format!("`{}`, attempt {} by {}", task.title, task.attempts, work.coder));
        let came = context
            .visit
            .recorder
            .repeat(
                &place,
                Effect::new(
                    "write_code",
                    &json!({ "folder": project.folder, "task": task.id, "attempt": task.attempts, "base": base }),
                ),
                async |key| {
                    work.attempt(&task, base, &place.beside(&task.attempts.to_string()), key, &note)
                        .await
                        .map_err(Ended)
                },
            )
            .await;
        match came {
            Ok(Came { commit: Some(commit), line, .. }) => {
                note(&line);
                task.commit = Some(commit);
                task.status = TaskStatus::Ready;
                task.feedback = None;
                break Ok(());
            }
            Ok(Came { feedback, over, line, .. }) => {
                note(&line);
                task.feedback = feedback;
                if over || task.attempts >= MOST_ATTEMPTS {
                    task.status = TaskStatus::Blocked;
                    break Ok(());
                }
            }
            Err(failed) => {
                task.attempts -= 1;
                break Err(stopped(failed));
            }
        }
    };
    work.end_one();
    task.detail = asked;
    (task, result)
}

/// A visit's end, as an effect's error: an attempt that ended so can be made again.
pub(super) struct Ended(pub(super) NodeError);

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the attempt was not finished")
    }
}

impl Outcome for Ended {
    fn nothing_happened(&self) -> bool {
        false
    }
}

pub(super) fn stopped(failed: Failed<Ended>) -> ToolError {
    ToolError::Node(match failed {
        Failed::Journal(error) => NodeError::Journal(error),
        Failed::Effect(Ended(error)) => error,
    })
}

/// The last lines, which say the most.
fn shown(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES_SHOWN)..].join("\n")
}
