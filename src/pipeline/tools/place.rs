//! Finding a project its place: a server, and ports on it.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{Context, Output, Tool, ToolError, WorldEffect};
use crate::domain::names::Identifier;
use crate::domain::server::PortPurpose;
use crate::domain::state::{Allocation, Change};
use crate::ops::servers;

/// Takes no arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Reserves a port.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AllocatePort {
    /// The service people open.
    service: Identifier,
}

/// The tools of this file.
#[must_use]
pub fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "find_suitable_server",
            "Find a server that takes the project.",
            WorldEffect::Reads,
            |context, args| Box::pin(find_suitable_server(context, args)),
        ),
        Tool::new(
            "allocate_port",
            "Reserve a public port for a service; the one it has already, if it has one.",
            WorldEffect::Changes,
            |context, args| Box::pin(allocate_port(context, args)),
        ),
    ]
}

async fn find_suitable_server(context: &Context<'_>, _: Nothing) -> Result<Output, ToolError> {
    let server = servers::find_suitable(context.ops).await.map_err(|error| ToolError::of(&error))?;
    Ok(json!({ "server": server.handle, "address": server.address }).into())
}

async fn allocate_port(context: &Context<'_>, args: AllocatePort) -> Result<Output, ToolError> {
    let project = context.project()?.id.clone();
    let service = args.service.as_str();
    // Choice and reservation are one transaction of the store, and the same project gets the same port again.
    let allocation = context
        .remember("allocate_port", json!({ "service": service }), async || {
            let server = servers::find_suitable(context.ops).await?;
            let port = servers::reserve_port(context.ops, &server, &project, service, PortPurpose::Public).await?;
            Ok(Allocation {
                server_handle: server.handle,
                server_ip: server.address,
                port: port.port,
                service_name: service.to_owned(),
            })
        })
        .await?;
    (context.notes)(&format!("port {} on {}", allocation.port, allocation.server_handle));
    let content = json!({ "server": allocation.server_handle, "port": allocation.port });
    context.change(Change::AllocatedResources { key: service.to_owned(), allocation });
    Ok(content.into())
}
