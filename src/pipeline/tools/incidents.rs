//! Incidents: reported, listed, resolved; and what stands on a server that has one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Context, Nothing, Output, Tool, ToolError, WorldEffect};
use crate::domain::ids::IncidentId;
use crate::domain::incident::{Incident, IncidentKind};
use crate::domain::names::{Identifier, ProjectName};
use crate::ops::{self, incidents, servers};

/// Reports something that broke.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CreateIncident {
    /// What sort of thing broke.
    kind: IncidentKind,
    /// The project it is about.
    #[serde(default)]
    project: Option<ProjectName>,
    /// The handle of the server it is about.
    #[serde(default)]
    server: Option<String>,
    /// The service of the project.
    #[serde(default)]
    service: Option<Identifier>,
    /// In one line.
    title: String,
    /// What is known: what was seen, when, what was tried. No secrets.
    #[serde(default)]
    details: String,
}

/// Ends an incident.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ResolveIncident {
    /// The incident.
    incident: IncidentId,
    /// How it was resolved, in one line.
    resolution: String,
}

/// Names a server.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Which {
    /// Its handle, such as `local`.
    server: String,
}

/// The tools of this file.
#[must_use]
pub fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "create_incident",
            "Report something that broke. One cause (the kind and what it is about) has one open incident: reporting it again counts up and keeps the newest details.",
            WorldEffect::Changes,
            |context, args| Box::pin(create_incident(context, args)),
        ),
        Tool::looking("list_active_incidents", "List the incidents that are open, oldest first.", |ops, args, _| {
            Box::pin(list_active_incidents(ops, args))
        }),
        Tool::new(
            "resolve_incident",
            "End an incident whose cause is seen to be gone. Look first; a wish is no resolution.",
            WorldEffect::Changes,
            |context, args| Box::pin(resolve_incident(context, args)),
        ),
        Tool::looking(
            "get_services_on_server",
            "List the services that have a place on a server, and how each stands, asked of it now.",
            |ops, args, _| Box::pin(get_services_on_server(ops, args)),
        ),
    ]
}

fn view(incident: &Incident) -> Value {
    json!({
        "incident": incident.id, "kind": incident.kind, "about": incident.cause, "title": incident.title,
        "details": incident.details, "status": incident.status, "reports": incident.reports,
    })
}

async fn create_incident(context: &Context<'_>, args: CreateIncident) -> Result<Output, ToolError> {
    if args.title.trim().is_empty() {
        return Err(ToolError::refused("an incident has a title"));
    }
    let server = args.server.clone();
    let report = incidents::Report {
        kind: args.kind,
        project: args.project,
        server: args.server,
        service: args.service.map(|service| service.to_string()),
        title: args.title,
        details: args.details,
        run: Some(context.run.id.clone()),
    };
    let asked = json!({ "kind": report.kind, "title": report.title });
    let prepared = context.look("prepare_incident", asked, async || {
        let incident = incidents::prepare(context.ops, report).await?;
        Ok(serde_json::to_value(incident).expect("an incident has text keys only"))
    });
    let mut incident = Incident::deserialize(&prepared.await?)
        .map_err(|error| ToolError::refused(format!("the incident cannot be read back: {error}")))?;
    if let Some(handle) = server.filter(|_| context.recorder.source().replays()) {
        // The cassette names the server of the machine it was recorded on.
        let here = servers::by_handle(context.ops, &handle).await.map_err(|error| ToolError::told(&error))?;
        incident.server = Some(here.id);
    }
    let stored = context
        .effect(
            "create_incident",
            json!({ "cause": incident.cause }),
            async |_| incidents::opened(context.ops, &incident).await,
            async |_| incidents::open(context.ops, &incident).await,
        )
        .await?;
    (context.notes)(&format!("incident {}: {}", stored.id, stored.title));
    Ok(view(&stored).into())
}

async fn list_active_incidents(ops: &ops::Context, _: Nothing) -> Result<Value, ops::Error> {
    let rows: Vec<Value> = incidents::active(ops).await?.iter().map(view).collect();
    Ok(json!({ "incidents": rows }))
}

async fn resolve_incident(context: &Context<'_>, args: ResolveIncident) -> Result<Output, ToolError> {
    let ResolveIncident { incident, resolution } = args;
    // Resolving it again in the same words changes nothing.
    let resolved = context.repeating("resolve_incident", json!({ "incident": incident }), async |_| {
        incidents::resolve(context.ops, &incident, &resolution).await
    });
    let resolved = resolved.await?;
    (context.notes)(&format!("incident {} is resolved: {resolution}", resolved.id));
    Ok(view(&resolved).into())
}

async fn get_services_on_server(ops: &ops::Context, args: Which) -> Result<Value, ops::Error> {
    let server = servers::by_handle(ops, &args.server).await?;
    let placed = servers::services_on(ops, &server).await?;
    Ok(json!({ "server": server.handle, "services": placed }))
}
