//! Ports: the next free one, and reserving it.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{Context, Nothing, Output, Tool, ToolError, WorldEffect};
use crate::domain::names::Identifier;
use crate::domain::server::{LOCAL, PortPurpose};
use crate::domain::state::{Allocation, Change};
use crate::ops::{servers, services};

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
            "get_next_available_port",
            "Tell which public port would be given out next. Nothing is reserved: another run may get it first.",
            WorldEffect::Reads,
            |context, args| Box::pin(get_next_available_port(context, args)),
        ),
        Tool::new(
            "allocate_port",
            "Reserve a public port for a service; the one it has already, if it has one.",
            WorldEffect::Changes,
            |context, args| Box::pin(allocate_port(context, args)),
        ),
    ]
}

async fn get_next_available_port(context: &Context<'_>, _: Nothing) -> Result<Output, ToolError> {
    let told = context.look("get_next_available_port", json!({}), async || {
        let port = services::likely_port(context.ops).await?;
        Ok(json!({ "server": LOCAL, "port": port, "reserved": false }))
    });
    Ok(told.await?.into())
}

async fn allocate_port(context: &Context<'_>, args: AllocatePort) -> Result<Output, ToolError> {
    let allocation = reserve(context, args.service.as_str(), &[PortPurpose::Public]).await?;
    let content = json!({ "server": allocation.server_handle, "port": allocation.port });
    context.change(Change::AllocatedResources { key: args.service.to_string(), allocation });
    Ok(content.into())
}

/// Reserves ports of a service on the server that takes it; the first is the one people open.
pub(super) async fn reserve(
    context: &Context<'_>,
    service: &str,
    purposes: &[PortPurpose],
) -> Result<Allocation, ToolError> {
    let project = context.project()?.id.clone();
    // Choice and reservation are one transaction of the store, and the same project gets the same port again.
    let allocation = context
        .remember("allocate_port", json!({ "service": service, "ports": purposes.len() }), async || {
            let server = servers::find_suitable(context.ops).await?;
            let mut public = None;
            for purpose in purposes {
                let port = servers::reserve_port(context.ops, &server, &project, service, *purpose).await?;
                public.get_or_insert(port.port);
            }
            Ok(Allocation {
                server_handle: server.handle,
                server_ip: server.address,
                port: public.unwrap_or_default(),
                service_name: service.to_owned(),
            })
        })
        .await?;
    (context.notes)(&format!("port {} on {}", allocation.port, allocation.server_handle));
    Ok(allocation)
}
