//! Resources: what projects have, and a place for a service to be deployed to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::projects::named;
use super::{Context, Output, Tool, ToolError, WorldEffect};
use crate::domain::names::{Identifier, ProjectName};
use crate::domain::server::PortPurpose;
use crate::domain::spec::Module;
use crate::domain::state::Change;
use crate::ops::{self, deploy, projects, secrets, servers};

/// Names a project.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Which {
    /// The project; absent for all of them.
    #[serde(default)]
    project: Option<ProjectName>,
}

/// Makes a place for a service.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Place {
    /// The service, as `cgo.yaml` names it.
    service: Identifier,
}

/// The tools of this file.
#[must_use]
pub fn tools() -> Vec<Tool> {
    vec![
        Tool::looking(
            "list_resource_inventory",
            "List what projects have: ports by service, and the names of secrets with whether each is set. Values are never told.",
            |ops, args, _| Box::pin(list_resource_inventory(ops, args)),
        ),
        Tool::new(
            "create_service_deployment",
            "Make the place a service of this run's project is deployed to: a server, its public port, and the two inner ports releases take turns on. Deploying is a step of its own.",
            WorldEffect::Changes,
            |context, args| Box::pin(create_service_deployment(context, args)),
        ),
    ]
}

async fn list_resource_inventory(ops: &ops::Context, args: Which) -> Result<Value, ops::Error> {
    let only = match &args.project {
        Some(name) => Some(projects::by_name(ops, name).await?.id),
        None => None,
    };
    let mut rows: Vec<Value> = Vec::new();
    for project in projects::list(ops).await? {
        if only.as_ref().is_some_and(|id| *id != project.id) {
            continue;
        }
        let ports: Vec<Value> = servers::ports_of(ops, &project.id)
            .await?
            .iter()
            .map(|port| json!({ "service": port.service, "port": port.port, "purpose": port.purpose }))
            .collect();
        let folder = std::path::Path::new(&project.folder);
        let variables = match secrets::variables(ops, &project.name, folder).await {
            Ok(variables) => json!(variables),
            Err(error) => json!({ "not_known": ops::explain(&error) }),
        };
        rows.push(json!({ "project": project.name, "ports": ports, "variables": variables }));
    }
    Ok(json!({
        "projects": rows,
        "not_kept_yet": ["domains", "bots and other accounts"],
    }))
}

async fn create_service_deployment(context: &Context<'_>, args: Place) -> Result<Output, ToolError> {
    let project = named(context, None).await?;
    let service = args.service.as_str();
    // Before the code is generated there is no `cgo.yaml`: then the spec's modules are the services to come.
    let names: Vec<String> = match deploy::manifest(std::path::Path::new(&project.folder)) {
        Ok(manifest) => manifest.services.keys().map(ToString::to_string).collect(),
        Err(ops::Error::Path { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            let modules = context.state.project_spec.iter().flat_map(|spec| &spec.modules);
            modules.copied().map(Module::as_str).map(str::to_owned).collect()
        }
        Err(error) => return Err(ToolError::told(&error)),
    };
    if !names.iter().any(|name| name == service) {
        let reason = format!("`{}` has no service `{service}`; it has {}", project.name, names.join(", "));
        return Err(ToolError::refused(reason));
    }
    let purposes = [PortPurpose::Public, PortPurpose::Blue, PortPurpose::Green];
    let allocation = match super::ports::reserve(context, service, &purposes).await? {
        super::ports::Reserved::Place(allocation) => allocation,
        super::ports::Reserved::Full { no_room } => return Ok(super::servers::wait_for_room(context, &no_room)),
    };
    let content = json!({
        "service": service, "server": allocation.server_handle, "address": allocation.server_ip,
        "port": allocation.port, "deployed": false,
    });
    context.change(Change::AllocatedResources { key: service.to_owned(), allocation });
    Ok(content.into())
}
