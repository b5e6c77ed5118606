//! Making the project: its operations, its repository, its plan, its code.

use schemars::JsonSchema;
use std::future::ready;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Context, Output, Tool, ToolError, WorldEffect};
use crate::domain::approval::Reason;
use crate::domain::names::AgentName;
use crate::domain::project::ProjectStatus;
use crate::domain::spec::{Domain, Spec};
use crate::domain::state::{Change, Complexity, EngineeringStatus};
use crate::domain::task::{self, Task, TaskStatus};
use crate::ops::{self, projects, repository};

/// The kind of effect that a commit of the spec, or of what is generated from it, is.
pub const COMMIT: &str = "git_commit";

/// Writes the operations.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WriteDomains {
    /// The operations by domain; absent for the standard ones of every model and ability.
    #[serde(default)]
    domains: Option<Vec<Domain>>,
}

/// Takes no arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Plans the work.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Plan {
    /// Simple when generated code does it all.
    complexity: Complexity,
    /// What is to be done, in order. Of complex work: only what has to be written beside the generated code.
    tasks: Vec<Planned>,
}

/// One task.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Planned {
    /// What, in one line.
    title: String,
    /// The check that says it is done.
    done_when: String,
    /// A short name in snake_case, needed where another task comes after this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<AgentName>,
    /// Everything a developer has to know who sees only the spec and the files.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    detail: String,
    /// The names of the tasks this one builds on. Tasks that build on nothing are done side by side.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    after: Vec<AgentName>,
}

/// Gives the work back.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ReportBlocked {
    /// Why, in one line.
    reason: String,
}

/// The tools of this file.
#[must_use]
pub fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "write_domains",
            "Write the operations of the spec. Without arguments: the standard ones of every model and ability.",
            WorldEffect::Changes,
            |context, args| Box::pin(ready(write_domains(context, args))),
        ),
        Tool::new(
            "create_repository",
            "Make the project's folder and repository, and commit the spec.",
            WorldEffect::Changes,
            |context, args| Box::pin(create_repository(context, args)),
        ),
        Tool::new(
            "plan",
            "Say how big the work is and list its tasks. Ends the architect's part.",
            WorldEffect::Changes,
            |context, args| Box::pin(ready(plan(context, &args))),
        ),
        Tool::new(
            "generate_project",
            "Generate the project's code from its spec and commit it.",
            WorldEffect::Changes,
            |context, args| Box::pin(generate_project(context, args)),
        ),
        Tool::new(
            "report_blocked",
            "Say that the work cannot go on without a person, and why.",
            WorldEffect::Changes,
            |context, args| Box::pin(ready(Ok(report_blocked(context, &args)))),
        ),
    ]
}

fn spec<'a>(context: &'a Context<'_>) -> Result<&'a Spec, ToolError> {
    context.state.project_spec.as_ref().ok_or_else(|| ToolError::refused("there is no spec yet"))
}

fn write_domains(context: &Context<'_>, args: WriteDomains) -> Result<Output, ToolError> {
    let spec = spec(context)?;
    let domains = match args.domains {
        Some(domains) => domains,
        None if !spec.domains.is_empty() => spec.domains.clone(),
        None => spec.standard_domains().map_err(|error| ToolError::refused(error.to_string()))?,
    };
    let whole = Spec { domains: domains.clone(), ..spec.clone() };
    super::check_spec(&whole)?;
    let operations: usize = domains.iter().map(|domain| domain.operations.len()).sum();
    (context.notes)(&format!("{operations} operations"));
    context.change(Change::ProjectSpecDomains(domains));
    Ok(json!({ "operations": operations }).into())
}

async fn create_repository(context: &Context<'_>, _: Nothing) -> Result<Output, ToolError> {
    let spec = spec(context)?;
    let project = projects::by_id(context.ops, &context.project()?.id).await.map_err(|error| ToolError::of(&error))?;
    context
        .effect(
            "create_folder",
            json!({ "folder": project.folder }),
            async |_| Ok(repository::is_begun(&project)?.then_some(())),
            async |_| context.in_peace(async |cancel| repository::begin(&project, cancel).await).await,
        )
        .await?;
    let commit = context
        .effect(
            COMMIT,
            json!({ "folder": project.folder, "what": "spec" }),
            async |key| repository::commit_of(&project, key, context.cancel).await,
            async |key| {
                let commit = async |cancel: &_| repository::commit_spec(context.ops, &project, spec, key, cancel).await;
                context.in_peace(commit).await
            },
        )
        .await?;
    (context.notes)(&format!("{} in {}", short(&commit), project.folder));
    let info = repository::info(&project);
    context.change(Change::RepoInfo(info));
    context.change(Change::RepoCommit(commit.clone()));
    Ok(json!({ "folder": project.folder, "commit": commit }).into())
}

/// The beginning of a commit id, for people.
pub(super) fn short(commit: &str) -> &str {
    &commit[..commit.len().min(10)]
}

fn plan(context: &Context<'_>, args: &Plan) -> Result<Output, ToolError> {
    if args.tasks.is_empty() {
        return Err(ToolError::refused("a plan has at least one task"));
    }
    if args.complexity == Complexity::Complex {
        let tasks = numbered(&args.tasks);
        if let Some(fault) = task::fault(&tasks) {
            return Err(ToolError::refused(fault));
        }
        for task in tasks {
            context.change(Change::Tasks(task));
        }
    }
    context.change(Change::ProjectComplexity(args.complexity));
    context.change(Change::ArchitectComplete(true));
    (context.notes)(&format!("{} task{}", args.tasks.len(), if args.tasks.len() == 1 { "" } else { "s" }));
    Ok(json!({ "tasks": args.tasks }).into())
}

/// The tasks with names: those the architect gave, else `task_N`.
fn numbered(planned: &[Planned]) -> Vec<Task> {
    let name = |number: usize| AgentName::parse(&format!("task_{number}")).expect("a number makes a name");
    let task = |(number, task): (usize, &Planned)| Task {
        id: task.id.clone().unwrap_or_else(|| name(number + 1)),
        title: task.title.clone(),
        detail: task.detail.clone(),
        done_when: task.done_when.clone(),
        after: task.after.clone(),
        status: TaskStatus::Open,
        attempts: 0,
        commit: None,
        feedback: None,
    };
    planned.iter().enumerate().map(task).collect()
}

async fn generate_project(context: &Context<'_>, _: Nothing) -> Result<Output, ToolError> {
    let spec = spec(context)?;
    let project = projects::by_id(context.ops, &context.project()?.id).await.map_err(|error| ToolError::of(&error))?;
    let commit = context
        .effect(
            COMMIT,
            json!({ "folder": project.folder, "what": "generated" }),
            async |key| repository::commit_of(&project, key, context.cancel).await,
            async |key| {
                let commit =
                    async |cancel: &_| repository::commit_generated(context.ops, &project, spec, key, cancel).await;
                let (commit, files) = context.in_peace(commit).await?;
                (context.notes)(&format!("{files} files, {}", short(&commit)));
                Ok::<_, ops::Error>(commit)
            },
        )
        .await?;
    context
        .remember("project_built", json!({ "project": project.id }), async || {
            projects::set_status(context.ops, &project.id, ProjectStatus::Built).await
        })
        .await?;
    context.change(Change::RepoCommit(commit.clone()));
    context.change(Change::EngineeringStatus(EngineeringStatus::Working));
    Ok(json!({ "commit": commit }).into())
}

fn report_blocked(context: &Context<'_>, args: &ReportBlocked) -> Output {
    context.change(Change::EngineeringStatus(EngineeringStatus::Blocked));
    let reason = Reason::Stuck(&args.reason).words(context.state.language());
    context.change(Change::NeedsHumanApproval(Some(reason)));
    json!({ "ok": true }).into()
}
