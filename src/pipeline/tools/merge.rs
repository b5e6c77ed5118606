//! Bringing together what developers did side by side: merged one at a time, tested after each.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::build::short;
use super::code::{Ended, stopped};
use super::{Context, Output, Tool, ToolError, WorldEffect};
use crate::domain::approval::Reason;
use crate::domain::state::{Change, EngineeringStatus};
use crate::domain::task::{MOST_ATTEMPTS, Task, TaskStatus};
use crate::graph::recorder::Effect;
use crate::ops::{projects, worktrees};
use crate::pipeline::coding::attempt::Work;
use crate::pipeline::coding::merge::Joined;

/// Takes no arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// The tools of this file.
#[must_use]
pub fn tools() -> Vec<Tool> {
    vec![Tool::new(
        "merge_work",
        "Merge every finished task into the project, one at a time: the linter and the tests run after each merge, and \
         a conflict or a failing test gives the task back to a developer with the files and the reason.",
        WorldEffect::Changes,
        |context, args| Box::pin(merge_work(context, args)),
    )]
}

async fn merge_work(context: &Context<'_>, _: Nothing) -> Result<Output, ToolError> {
    let spec = context.state.project_spec.as_ref().ok_or_else(|| ToolError::refused("there is no spec yet"))?;
    let of = |error| ToolError::of(&error);
    let project = projects::by_id(context.ops, &context.project()?.id).await.map_err(of)?;
    let work = Work::new(context.visit, &project, Some(spec), context.cancel).map_err(of)?;
    let ready: Vec<&Task> = context.state.tasks.iter().filter(|task| task.status == TaskStatus::Ready).collect();
    if ready.is_empty() {
        return Err(ToolError::refused("there is nothing to merge"));
    }
    let mut said = Vec::new();
    let mut given_up = Vec::new();
    for task in ready {
        let Some(commit) = &task.commit else { continue };
        let args = json!({ "folder": project.folder, "task": task.id, "commit": commit });
        let joined = context
            .visit
            .recorder
            .effect(
                context.place,
                Effect::new("git_merge", &args),
                async |_| work.joined(commit).await.map_err(Ended),
                async |key| work.join(&task.id, &task.title, commit, key, context.notes).await.map_err(Ended),
            )
            .await
            .map_err(stopped)?;
        let mut task = task.clone();
        match joined {
            Joined::At(head) => {
                (context.notes)(&format!("`{}` is merged at {}", task.title, short(&head)));
                said.push(json!({ "task": task.id, "merged": head }));
                context.change(Change::RepoCommit(head));
                task.status = TaskStatus::Merged;
            }
            Joined::Back(feedback) => {
                (context.notes)(&format!(
                    "`{}` goes back: {}",
                    task.title,
                    feedback.lines().next().unwrap_or_default()
                ));
                said.push(json!({ "task": task.id, "back": feedback.lines().next() }));
                let more = task.attempts < MOST_ATTEMPTS;
                task.status = if more { TaskStatus::Open } else { TaskStatus::Blocked };
                if !more {
                    given_up.push(format!("`{}`: {}", task.title, feedback.lines().next().unwrap_or_default()));
                }
                task.commit = None;
                task.feedback = Some(feedback);
            }
        }
        context.change(Change::Tasks(task));
    }
    if !given_up.is_empty() {
        context.change(Change::EngineeringStatus(EngineeringStatus::Blocked));
        let reason = Reason::GivenUp(&given_up).words(context.state.language());
        context.change(Change::NeedsHumanApproval(Some(reason)));
    }
    let left = context.state.tasks.iter().any(|task| task.status == TaskStatus::Open)
        || said.iter().any(|one| one.get("back").is_some());
    if !left {
        context
            .repeat("clear_worktrees", json!({ "folder": project.folder }), async |_| {
                worktrees::clear(context.ops, &project, &context.run.id, context.cancel).await
            })
            .await?;
    }
    Ok(json!({ "merged": said }).into())
}
