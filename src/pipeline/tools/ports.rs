//! Ports: the next free one, and reserving it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::servers::{or_no_room, wait_for_room};
use super::{Context, Nothing, Output, Tool, ToolError, WorldEffect};
use crate::domain::names::Identifier;
use crate::domain::server::PortPurpose;
use crate::domain::state::{Allocation, Change};
use crate::ops::{deploy, placement, projects, servers};

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
    let project = context.state.current_project.as_ref().map(|project| project.id.clone());
    let told = context.look("get_next_available_port", json!({}), async || {
        let placed = match &project {
            Some(project) => placement::of_project(context.ops, &projects::by_id(context.ops, project).await?).await?,
            None => Vec::new(),
        };
        let server = match placed.into_iter().next() {
            Some(server) => server,
            None => servers::local(context.ops).await?,
        };
        let port = servers::likely_port(context.ops, &server, context.cancel).await?;
        Ok(json!({ "server": server.handle, "port": port, "reserved": false }))
    });
    Ok(told.await?.into())
}

async fn allocate_port(context: &Context<'_>, args: AllocatePort) -> Result<Output, ToolError> {
    let allocation = match reserve(context, args.service.as_str(), &[PortPurpose::Public]).await? {
        Reserved::Place(allocation) => allocation,
        Reserved::Full { no_room } => return Ok(wait_for_room(context, &no_room)),
    };
    let (service, server) = (&allocation.service_name, &allocation.server_handle);
    let content = json!({ "service": service, "server": server, "port": allocation.port });
    context.change(Change::AllocatedResources { key: allocation.service_name.clone(), allocation });
    Ok(content.into())
}

/// What reserving came to, as it is remembered.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Reserved {
    /// A place.
    Place(Allocation),
    /// No server has room now; each refusal is named.
    Full {
        /// They.
        no_room: Vec<String>,
    },
}

/// Places the project on the server that takes it, or on those that were named, and reserves ports of a service there; the
/// first is the one people open. Of several servers the first is told.
pub(super) async fn reserve(
    context: &Context<'_>,
    service: &str,
    purposes: &[PortPurpose],
) -> Result<Reserved, ToolError> {
    let project = context.project()?.id.clone();
    // Choice and reservation are one transaction of the store, and the same project gets the same port again.
    let allocation = context
        .remember("allocate_port", json!({ "service": service, "ports": purposes.len() }), async || {
            let placed = projects::by_id(context.ops, &project).await?;
            // A deployment looks for the ports by the service's own name.
            let service = deploy::service_meant(&placed, service);
            let placed = placement::place(context.ops, &placed, context.run.request.wish(), context.cancel).await;
            let placed = match or_no_room(placed)? {
                Ok(placed) => placed,
                Err(no_room) => return Ok(Reserved::Full { no_room }),
            };
            let mut first = None;
            for server in placed {
                let mut public = None;
                for purpose in purposes {
                    let port = servers::reserve_port(context.ops, &server, &project, &service, *purpose).await?;
                    public.get_or_insert(port.port);
                }
                first.get_or_insert(Allocation {
                    server_handle: server.handle,
                    server_ip: server.address,
                    port: public.unwrap_or_default(),
                    service_name: service.clone(),
                });
            }
            Ok(Reserved::Place(first.expect("a project is placed on one server at least")))
        })
        .await?;
    if let Reserved::Place(allocation) = &allocation {
        (context.notes)(&format!("port {} on {}", allocation.port, allocation.server_handle));
    }
    Ok(allocation)
}
