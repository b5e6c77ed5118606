//! What a run begins with: the state before its first node, and whether the project is still as that says it is.
//!
//! A change of a project is made from a spec that was read before the run had the project to itself: when it was asked
//! for, or before it waited for an answer. What others changed meanwhile would be undone, so such a run ends instead.

use tokio_util::sync::CancellationToken;

use super::tools::build::COMMIT;
use crate::domain::diagnose::Kind;
use crate::domain::ids::ProjectId;
use crate::domain::project::Project;
use crate::domain::run::{Request, Run};
use crate::domain::sharing::{Place, Sharing};
use crate::domain::spec::Spec;
use crate::domain::state::{Change, CurrentProject, Intent, Message, ProjectState, RepoInfo, Role};
use crate::graph::engine::{self, Ended};
use crate::graph::loaded::Loaded;
use crate::graph::progress::{Event, Failure};
use crate::graph::recorder::{Journal, Recorder};
use crate::ops::{self, Context, changes, github, projects, repository, runs, specs};

/// The state a run begins with, and the project it is about.
///
/// # Errors
/// When the project is not there or cannot be changed.
pub(super) async fn first_state(
    context: &Context,
    request: &Request,
) -> Result<(ProjectState, Option<ProjectId>), ops::Error> {
    let mut state = ProjectState::default();
    match request {
        Request::NewProject(new) => {
            state.sharing = new.github.clone().map(|place| Sharing { place, outcome: None });
            if let Some(text) = request.text() {
                state.messages.push(Message { role: Role::User, agent: None, content: text.to_owned() });
            }
            Ok((state, None))
        }
        Request::Update(update) => {
            let (project, spec) = changes::changeable(context, &update.project, &CancellationToken::new()).await?;
            state.po_intent = Some(Intent::UpdateProject);
            state.messages.push(Message { role: Role::User, agent: None, content: update.text.clone() });
            state.project_spec = Some(spec);
            let info = repository::info(&project);
            // What was shared once is kept up to date there.
            state.sharing = github::place_of(&info).map(|at| {
                let place = Place { owner: Some(at.owner), name: Some(at.name), ..Place::default() };
                Sharing { place, outcome: None }
            });
            Ok(of_project(state, info, &project))
        }
        Request::Deploy { project, .. } | Request::Rollback { project, .. } => {
            let project = projects::by_name(context, project).await?;
            state.po_intent = Some(Intent::Deploy);
            state.project_spec = specs::of_project(&project).ok();
            Ok(of_project(state, repository::info(&project), &project))
        }
    }
}

/// A state that begins with a project that exists.
fn of_project(mut state: ProjectState, info: RepoInfo, project: &Project) -> (ProjectState, Option<ProjectId>) {
    state.repo_info = Some(info);
    state.current_project =
        Some(CurrentProject { id: project.id.clone(), name: project.name.clone(), folder: project.folder.clone() });
    (state, Some(project.id.clone()))
}

/// Why a run that changes a project may not go on: its spec is none that the run has seen. None as soon as the run has
/// begun to write its own. A fork goes on from how things were on purpose.
///
/// Nobody may change the project while it is asked: the caller holds its lease.
///
/// # Errors
/// When the store fails.
pub(super) async fn overtaken(context: &Context, run: &Run, loaded: &Loaded) -> Result<Option<Failure>, ops::Error> {
    let state = &loaded.progress.state;
    let edits = matches!(state.po_intent, Some(Intent::UpdateProject | Intent::Maintenance));
    let has_begun = loaded.effects.iter().any(|effect| effect.kind == COMMIT);
    let ends = loaded.progress.stopped_by.is_some();
    if !edits || has_begun || ends || run.forked_from.is_some() {
        return Ok(None);
    }
    let Some(current) = &state.current_project else { return Ok(None) };
    let project = projects::find(context, &current.id).await?;
    let Some(project) = project.filter(|project| specs::is_here(project.folder.as_ref())) else { return Ok(None) };
    // One that cannot be read was changed, too: what the run has seen could be.
    let now = specs::of_project(&project).ok();
    let events = runs::events(context, &run.id, 0).await?;
    let seen = events.iter().filter_map(|row| serde_json::from_str(&row.body).ok()).flat_map(specs_in);
    if seen.map(Some).any(|seen| seen == now) {
        return Ok(None);
    }
    let reason = format!("`{}` has been changed since this was asked for, and going on would undo that", project.name);
    let hint = Some("ask for it once more: it is then done to the project as it is now".to_owned());
    Ok(Some(Failure { hint, ..Failure::new(reason, Kind::User.exit_code()) }))
}

/// The specs an event puts into the state.
fn specs_in(event: Event) -> Vec<Spec> {
    match event {
        Event::Created { state } => state.project_spec.into_iter().collect(),
        Event::NodeFinished { patch, .. } | Event::Asked { patch, .. } => {
            let spec = |change: Change| match change {
                Change::ProjectSpec(spec) => Some(*spec),
                _ => None,
            };
            patch.into_iter().filter_map(spec).collect()
        }
        _ => Vec::new(),
    }
}

/// Ends a run before anything more of it is done.
///
/// # Errors
/// When the journal fails.
pub(super) async fn refuse<J: Journal>(
    recorder: &Recorder<J>,
    by: &str,
    failure: Failure,
) -> Result<Ended, engine::Error> {
    recorder.record(&Event::TakenUp { by: by.to_owned() })?;
    recorder.record(&Event::Failed(failure.clone()))?;
    recorder.flush().await?;
    Ok(Ended::Failed(failure))
}
