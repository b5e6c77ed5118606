//! Projects: made, listed, asked how they stand, taken into maintenance.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Context, Nothing, Output, Tool, ToolError, WorldEffect};
use crate::domain::names::ProjectName;
use crate::domain::project::Project;
use crate::domain::run::Request;
use crate::domain::spec::{Module, ProjectMeta, Spec};
use crate::domain::state::{Change, CurrentProject};
use crate::ops::{self, deploy, incidents, live, projects, runs, secrets};

/// The most releases that are told.
const RELEASES: usize = 5;

/// Makes a project.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CreateProject {
    /// The name used for folders and hosts; numbered when it is taken.
    name: ProjectName,
    /// The name people read.
    title: String,
    /// What it is for.
    description: String,
}

/// Names a project.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Which {
    /// The project; absent for the one this run works on.
    #[serde(default)]
    project: Option<ProjectName>,
}

/// Takes a project into maintenance, or out of it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SetMaintenance {
    /// The project; absent for the one this run works on.
    #[serde(default)]
    project: Option<ProjectName>,
    /// True to begin, false to end.
    on: bool,
    /// Why, in one line.
    reason: String,
}

/// The tools of this file.
#[must_use]
pub fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "create_project",
            "Put a new project on record and choose its folder, before its spec is known. `propose_spec` does the same with the spec; use this only when the spec comes much later.",
            WorldEffect::Changes,
            |context, args| Box::pin(create_project(context, args)),
        ),
        Tool::looking("list_projects", "List all projects: name, title, where each stands.", |ops, args, _| {
            Box::pin(list_projects(ops, args))
        }),
        Tool::new(
            "get_project_status",
            "Tell how a project stands, asked of it now: whether it serves and where, its releases, unfinished runs, open incidents, missing secrets.",
            WorldEffect::Reads,
            |context, args| Box::pin(get_project_status(context, args)),
        ),
        Tool::new(
            "set_project_maintenance",
            "Mark a project as being changed on purpose, or end that. What serves goes on serving; its next release ends it, too.",
            WorldEffect::Changes,
            |context, args| Box::pin(set_project_maintenance(context, args)),
        ),
    ]
}

/// The project a call names, or the run's own.
pub(super) async fn named(context: &Context<'_>, name: Option<&ProjectName>) -> Result<Project, ToolError> {
    let found = match name {
        Some(name) => projects::by_name(context.ops, name).await,
        None => projects::by_id(context.ops, &context.project()?.id).await,
    };
    found.map_err(|error| ToolError::told(&error))
}

/// Chooses name and folder of the run's project and puts it on record, once; a later spec only describes it anew.
/// Returns a remark when the name had to be changed.
pub(super) async fn establish(
    context: &Context<'_>,
    spec: &Spec,
) -> Result<(CurrentProject, Option<String>), ToolError> {
    if let Some(present) = &context.state.current_project {
        let named =
            Spec { project: ProjectMeta { name: present.name.clone(), ..spec.project.clone() }, ..spec.clone() };
        context
            .repeat("describe_project", json!({ "project": present.id }), async |_| {
                projects::describe(context.ops, &present.id, &named).await
            })
            .await?;
        return Ok((present.clone(), None));
    }
    let Request::NewProject(new) = &context.run.request else {
        return Err(ToolError::refused("this run does not make a new project"));
    };
    let wanted = &spec.project.name;
    let (project, note) = context
        .remember("choose_name", json!({ "name": wanted }), async || projects::choose(context.ops, new, spec).await)
        .await?;
    take(context, &project, "create_project").await?;
    Ok((current(&project), note))
}

/// Puts a project in the store, unless it is there, and makes it the run's own.
pub(super) async fn take(context: &Context<'_>, project: &Project, effect: &str) -> Result<(), ToolError> {
    let find = async || Ok(projects::find(context.ops, &project.id).await?.map(|_| project.id.clone()));
    let taken = context
        .effect(
            effect,
            json!({ "project": project.id }),
            async |_| find().await,
            async |_| {
                if let Some(id) = find().await? {
                    return Ok(id);
                }
                let owned = Project { owner: context.run.asked_by.clone(), ..project.clone() };
                projects::create(context.ops, &owned).await.map(|()| project.id.clone())
            },
        )
        .await?;
    context.recorder.set_project(taken);
    let lease = context.leases.take_project(&project.name, context.run.id.as_str()).await;
    lease.map_err(|error| ToolError::of(&error))
}

/// The project as the state names it.
pub(super) fn current(project: &Project) -> CurrentProject {
    CurrentProject { id: project.id.clone(), name: project.name.clone(), folder: project.folder.clone() }
}

async fn create_project(context: &Context<'_>, args: CreateProject) -> Result<Output, ToolError> {
    if let Some(present) = &context.state.current_project {
        return Err(ToolError::refused(format!("this run works on project `{}` already", present.name)));
    }
    let language = context.state.language();
    let project = ProjectMeta { name: args.name, title: args.title, description: args.description, language };
    let (models, domains, features) = (Vec::new(), Vec::new(), Vec::new());
    let spec = Spec { project, modules: vec![Module::Backend], models, domains, features };
    let (project, note) = establish(context, &spec).await?;
    (context.notes)(&format!("{} in {}", project.name, project.folder));
    let content = json!({ "project": project.name, "folder": project.folder, "note": note });
    context.change(Change::CurrentProject(project));
    Ok(content.into())
}

async fn list_projects(ops: &ops::Context, _: Nothing) -> Result<Value, ops::Error> {
    let projects = projects::list(ops).await?;
    let rows: Vec<Value> = projects
        .iter()
        .map(|project| json!({ "name": project.name, "title": project.title, "status": project.status, "folder": project.folder }))
        .collect();
    Ok(json!({ "projects": rows }))
}

async fn get_project_status(context: &Context<'_>, args: Which) -> Result<Output, ToolError> {
    let project = named(context, args.project.as_ref()).await?;
    let told = context.look("get_project_status", json!({ "project": project.id }), async || {
        let live = live::live(context.ops, &project).await?;
        let releases: Vec<Value> = deploy::releases(context.ops, &project)
            .await?
            .iter()
            .take(RELEASES)
            .map(|release| json!({ "release": release.release, "commit": release.commit, "status": release.status, "reason": release.reason }))
            .collect();
        let unfinished: Vec<Value> = runs::unfinished(context.ops, &project.id)
            .await?
            .iter()
            .filter(|run| run.id != context.run.id)
            .map(|run| json!({ "run": run.id, "status": run.status, "reason": run.reason }))
            .collect();
        let open: Vec<Value> = incidents::active(context.ops)
            .await?
            .iter()
            .filter(|incident| incident.project.as_ref() == Some(&project.id))
            .map(|incident| json!({ "incident": incident.id, "kind": incident.kind, "title": incident.title }))
            .collect();
        // A contract that cannot be read is said to be so: it is not "nothing missing".
        let missing = match secrets::missing(context.ops, &project).await {
            Ok(missing) => json!(missing.into_iter().map(|variable| variable.name).collect::<Vec<_>>()),
            Err(error) => json!({ "not_known": ops::explain(&error) }),
        };
        Ok(json!({
            "name": project.name, "title": project.title, "status": project.status, "folder": project.folder,
            "serves": live.serves, "stands": live.words, "url": live.url, "problem": live.problem,
            "releases": releases, "unfinished_runs": unfinished, "incidents": open, "missing_secrets": missing,
        }))
    });
    Ok(told.await?.into())
}

async fn set_project_maintenance(context: &Context<'_>, args: SetMaintenance) -> Result<Output, ToolError> {
    let project = named(context, args.project.as_ref()).await?;
    // The status is set to what it would be set to again.
    let status = context
        .repeat(
            "set_project_maintenance",
            json!({ "project": project.id, "on": args.on, "reason": args.reason }),
            async |_| projects::set_maintenance(context.ops, &project, args.on).await,
        )
        .await?;
    (context.notes)(&format!("{} is {}: {}", project.name, status.as_str(), args.reason));
    Ok(json!({ "project": project.name, "status": status }).into())
}
