//! Mending what can be mended without a person: restarts, of which there are few, and the release before a new one.
//!
//! Nothing here changes a server. What is tried is written down before it is tried, so that the bounds hold whoever tries,
//! and whatever becomes of it.

use tokio_util::sync::CancellationToken;

use super::super::answering::answers;
use super::super::{Context, Error, deploy, explain, projects, services};
use super::{close, note, show};
use crate::domain::ids::{IncidentId, ReleaseId};
use crate::domain::incident::{Incident, IncidentEvent, IncidentEventKind, IncidentKind, IncidentStatus};
use crate::domain::names::ProjectName;
use crate::domain::project::{Project, ProjectStatus};
use crate::domain::server::ServerStatus;
use crate::domain::user::Right;
use crate::store::Incidents as _;

/// Restarts of one service within [`RESTARTS_WITHIN_MS`].
pub const RESTARTS: u32 = 3;
/// Ten minutes, in milliseconds.
pub const RESTARTS_WITHIN_MS: i64 = 10 * 60 * 1000;
/// How long after a deployment its release is held to be the cause, in milliseconds.
pub const NEW_MS: i64 = 24 * 60 * 60 * 1000;
/// What there was to do about an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recovery {
    /// Nothing: its cause is gone, or somebody has ended it.
    Over(Incident),
    /// The service was restarted.
    Restarted {
        /// The incident; over when the service answers.
        incident: Incident,
        /// Why the service still does not work.
        problem: Option<String>,
    },
    /// The project is to go back to the release before: that is a run of its own, after which [`reverted`] is told.
    Revert {
        /// The incident.
        incident: Incident,
        /// The project.
        project: ProjectName,
        /// The release to go back to.
        release: ReleaseId,
    },
    /// A person has to do something.
    Person {
        /// The incident.
        incident: Incident,
        /// What.
        what: String,
    },
}

/// Tries to mend an incident: the next thing there is to try.
///
/// # Errors
/// When there is no such incident, the store fails, or another process works on the project.
pub async fn recover(context: &Context, id: &IncidentId, cancel: &CancellationToken) -> Result<Recovery, Error> {
    let (incident, _) = show(context, id).await?;
    super::permit(context, Right::Operate, &incident).await?;
    if incident.status != IncidentStatus::Open {
        return Ok(Recovery::Over(incident));
    }
    let person = |what: String| Recovery::Person { incident: incident.clone(), what };
    let project = match (&incident.kind, &incident.project) {
        (IncidentKind::ServiceDown, Some(project)) => projects::by_id(context, project).await?,
        _ => return Ok(person(advice(incident.kind))),
    };
    if matches!(project.status, ProjectStatus::Stopped | ProjectStatus::Maintenance) {
        return Ok(person(format!("it is stopped on purpose; run `cgo project start {}`", project.name)));
    }
    let Some(active) = deploy::active(context, &project).await? else {
        return Ok(person(format!("no release serves; run `cgo deploy {}`", project.name)));
    };
    if answers(context, &project, &active, cancel).await.is_ok() {
        return Ok(Recovery::Over(close(context, id, "it works again").await?));
    }
    let now = context.now();
    let tried = |kind, words: String| IncidentEvent { at: now, kind, words };
    let restart = tried(IncidentEventKind::Restart, format!("restart of `{}`", project.name));
    if context.store.note_incident(id, &restart, Some((RESTARTS, now.plus_ms(-RESTARTS_WITHIN_MS)))).await? {
        return restarted(context, incident, &project, cancel).await;
    }
    let is_new = now.since(active.updated_at) <= NEW_MS;
    let before = if is_new { Some(deploy::check_rollback_of(context, &project, None, false).await) } else { None };
    match &before {
        Some(Err(error @ Error::Irreversible { .. })) => {
            return Ok(person(format!("{error}; mend it and run `cgo deploy {}`", project.name)));
        }
        Some(Err(error @ Error::InMaintenance { server, .. })) => {
            return Ok(person(format!("{error}; run `{}`", ServerStatus::Maintenance.next_command(server))));
        }
        _ => {}
    }
    if let Some(Ok(before)) = before {
        let revert = tried(IncidentEventKind::Revert, format!("back to release {}", before.release));
        if context.store.note_incident(id, &revert, Some((1, now.plus_ms(-NEW_MS)))).await? {
            return Ok(Recovery::Revert { incident, project: project.name, release: before.release });
        }
    }
    Ok(person(format!(
        "{RESTARTS} restarts in ten minutes did not help; see `cgo project logs {0}`, mend it and run `cgo deploy {0}`",
        project.name
    )))
}

/// What a person does about what nothing here may touch.
fn advice(kind: IncidentKind) -> String {
    match kind {
        IncidentKind::ServerUnreachable => {
            "look at the server at its provider; when it answers again, run `cgo incidents check`"
        }
        IncidentKind::NoRoom => "make room on the server: remove projects with `cgo project remove`, or give it more",
        IncidentKind::ServiceDown => "look at the service on its server, and run `cgo incidents check`",
        IncidentKind::DeploymentFailed => "mend what `cgo explain` says about the run, and deploy again",
        IncidentKind::Certificate => "see that the domain points to the server and its ports 80 and 443 are open",
        IncidentKind::Provider => "wait until the provider works again, and run `cgo run resume`",
        IncidentKind::Other => "see to it, and run `cgo incidents resolve`",
    }
    .to_owned()
}

async fn restarted(
    context: &Context,
    incident: Incident,
    project: &Project,
    cancel: &CancellationToken,
) -> Result<Recovery, Error> {
    if let Err(error) = services::restart(context, project, cancel).await {
        let problem = explain(&error);
        note(context, &incident.id, IncidentEventKind::Outcome, &format!("the restart failed: {problem}")).await?;
        return Ok(Recovery::Restarted { incident, problem: Some(problem) });
    }
    let incident = close(context, &incident.id, "it was restarted, and works").await?;
    Ok(Recovery::Restarted { incident, problem: None })
}

/// After a project went back to the release before: ends the incident when that works.
///
/// # Errors
/// When the store fails.
pub async fn reverted(context: &Context, id: &IncidentId, cancel: &CancellationToken) -> Result<Recovery, Error> {
    let (incident, _) = show(context, id).await?;
    let project = match &incident.project {
        Some(project) => projects::by_id(context, project).await?,
        None => return Ok(Recovery::Over(incident)),
    };
    let problem = match deploy::active(context, &project).await? {
        Some(active) => answers(context, &project, &active, cancel).await.err(),
        None => Some("no release serves".to_owned()),
    };
    match problem {
        None => Ok(Recovery::Over(close(context, id, "the release before it serves, and works").await?)),
        Some(problem) => {
            note(context, id, IncidentEventKind::Outcome, &format!("after going back: {problem}")).await?;
            let what = format!("the release before does not work either; see `cgo project logs {}`", project.name);
            Ok(Recovery::Person { incident, what })
        }
    }
}
