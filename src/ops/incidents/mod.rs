//! Incidents: reported once for one cause, listed, resolved. [`check`] finds and ends them, [`recover`] mends what can be
//! mended.

pub mod check;
mod front;
pub mod recover;
pub(super) mod release;

use super::{Context, Error, projects, random, servers, users};
use crate::domain::ids::{IncidentId, RunId};
use crate::domain::incident::{self, Incident, IncidentEvent, IncidentEventKind, IncidentKind, IncidentStatus};
use crate::domain::names::ProjectName;
use crate::domain::user::{Right, Role};
use crate::store::{self, Incidents as _};

/// The part of a project that its certificate is.
pub const CERTIFICATE: &str = "certificate";

/// What is reported.
#[derive(Debug, Clone)]
pub struct Report {
    /// What sort of thing broke.
    pub kind: IncidentKind,
    /// The project it is about.
    pub project: Option<ProjectName>,
    /// The handle of the server it is about.
    pub server: Option<String>,
    /// The service of the project.
    pub service: Option<String>,
    /// In one line.
    pub title: String,
    /// What is known.
    pub details: String,
    /// The run that reports it.
    pub run: Option<RunId>,
}

/// The incident a report is about, as it would be opened.
///
/// # Errors
/// When the project or the server is not there.
pub async fn prepare(context: &Context, report: Report) -> Result<Incident, Error> {
    let project = match &report.project {
        Some(name) => Some(projects::by_name(context, name).await?.id),
        None => None,
    };
    let server = match &report.server {
        Some(handle) => Some(servers::by_handle(context, handle).await?.id),
        None => None,
    };
    let now = context.now();
    let service = report.service.as_deref();
    Ok(Incident {
        id: IncidentId::new(now, random()),
        cause: incident::cause(report.kind, project.as_ref(), server.as_ref(), service, &report.title),
        kind: report.kind,
        project,
        server,
        service: report.service,
        title: report.title,
        details: report.details,
        status: IncidentStatus::Open,
        reports: 1,
        run: report.run,
        resolution: None,
        created_at: now,
        updated_at: now,
    })
}

/// Opens an incident, or counts the report up at the one that is open for its cause.
///
/// # Errors
/// When the store fails.
pub async fn open(context: &Context, incident: &Incident) -> Result<Incident, Error> {
    Ok(context.store.open_incident(incident).await?)
}

/// The incident that this very report has opened or counted up, if it did.
///
/// # Errors
/// When the store fails.
pub async fn opened(context: &Context, report: &Incident) -> Result<Option<Incident>, Error> {
    let open = context.store.open_incident_of(&report.cause).await?;
    Ok(open.filter(|open| open.updated_at == report.created_at && open.run == report.run))
}

/// Every open incident, oldest first.
///
/// # Errors
/// When the store fails.
pub async fn active(context: &Context) -> Result<Vec<Incident>, Error> {
    let all = context.store.open_incidents().await?;
    seen(context, all).await
}

/// The newest incidents, resolved ones too, newest first.
///
/// # Errors
/// When the store fails.
pub async fn newest(context: &Context, limit: u32) -> Result<Vec<Incident>, Error> {
    let all = context.store.incidents(limit).await?;
    seen(context, all).await
}

/// Those incidents that whoever is worked for may see: of their projects; an admin all of them.
async fn seen(context: &Context, all: Vec<Incident>) -> Result<Vec<Incident>, Error> {
    let mut seen = Vec::with_capacity(all.len());
    for incident in all {
        match permit(context, Right::See, &incident).await {
            Ok(()) => seen.push(incident),
            Err(Error::User(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(seen)
}

/// Refuses what whoever is worked for may not do with an incident: it is whose its project is, or everybody's.
async fn permit(context: &Context, right: Right, incident: &Incident) -> Result<(), Error> {
    if context.person.role == Role::Admin {
        return Ok(());
    }
    let project = match &incident.project {
        Some(id) => projects::find(context, id).await?,
        None => None,
    };
    match project {
        Some(project) => users::require(context, right, Some(&project)),
        None => users::require(context, Right::Administer, None),
    }
}

/// An incident, with what was seen and tried.
///
/// # Errors
/// When there is none of that id.
pub async fn show(context: &Context, id: &IncidentId) -> Result<(Incident, Vec<IncidentEvent>), Error> {
    let missing = || store::Error::NotFound { what: "incident", id: id.to_string() };
    let incident = context.store.incident(id).await?.ok_or_else(missing)?;
    permit(context, Right::See, &incident).await.map_err(|_| missing())?;
    Ok((incident, context.store.incident_events(id).await?))
}

/// Writes down what was seen or tried.
async fn note(context: &Context, id: &IncidentId, kind: IncidentEventKind, words: &str) -> Result<(), Error> {
    let event = IncidentEvent { at: context.now(), kind, words: words.to_owned() };
    context.store.note_incident(id, &event, None).await?;
    Ok(())
}

/// Ends an incident whose cause was seen to be gone; one that somebody else has ended stays as it is.
async fn close(context: &Context, id: &IncidentId, resolution: &str) -> Result<Incident, Error> {
    match context.store.resolve_incident(id, resolution, context.now()).await {
        Ok(()) => note(context, id, IncidentEventKind::Closed, resolution).await?,
        Err(store::Error::Conflict { .. }) => {}
        Err(other) => return Err(other.into()),
    }
    Ok(show(context, id).await?.0)
}

/// Ends an incident; returns it. One that this resolution has ended already stays as it is.
///
/// # Errors
/// When there is none of that id, or somebody else resolved it.
pub async fn resolve(context: &Context, id: &IncidentId, resolution: &str) -> Result<Incident, Error> {
    if let Some(incident) = context.store.incident(id).await? {
        permit(context, Right::Operate, &incident).await?;
    }
    match context.store.resolve_incident(id, resolution, context.now()).await {
        Ok(()) => {}
        Err(conflict @ store::Error::Conflict { .. }) => {
            let present = context.store.incident(id).await?;
            if present.as_ref().and_then(|incident| incident.resolution.as_deref()) != Some(resolution) {
                return Err(conflict.into());
            }
        }
        Err(other) => return Err(other.into()),
    }
    let missing = || store::Error::NotFound { what: "incident", id: id.to_string() };
    Ok(context.store.incident(id).await?.ok_or_else(missing)?)
}
