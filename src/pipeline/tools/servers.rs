//! Servers: listed, looked at, chosen. In this version there is `local`, the machine cgo runs on.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Context, Nothing, Output, Tool, ToolError, WorldEffect};
use crate::ops::servers;

/// Names a server.
#[derive(Deserialize, JsonSchema)]
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
            "list_managed_servers",
            "List the servers projects are placed on: handle, address, status, how many projects, public ports in use.",
            WorldEffect::Reads,
            |context, args| Box::pin(list_managed_servers(context, args)),
        ),
        Tool::new(
            "find_suitable_server",
            "Find a server that takes the project; each refusal is named.",
            WorldEffect::Reads,
            |context, args| Box::pin(find_suitable_server(context, args)),
        ),
        Tool::new(
            "get_server_info",
            "Tell what a server has, measured now: memory, room on the disk, ports; and whether it takes projects.",
            WorldEffect::Reads,
            |context, args| Box::pin(get_server_info(context, args)),
        ),
    ]
}

async fn list_managed_servers(context: &Context<'_>, _: Nothing) -> Result<Output, ToolError> {
    let listed = context.look("list_managed_servers", json!({}), async || {
        let rows: Vec<Value> = servers::list(context.ops)
            .await?
            .iter()
            .map(|view| {
                json!({
                    "server": view.server.handle, "address": view.server.address, "status": view.server.status,
                    "projects": view.projects, "ports": view.ports,
                })
            })
            .collect();
        Ok(json!({ "servers": rows }))
    });
    Ok(listed.await?.into())
}

async fn find_suitable_server(context: &Context<'_>, _: Nothing) -> Result<Output, ToolError> {
    let found = context
        .remember("find_suitable_server", json!({}), async || {
            let server = servers::find_suitable(context.ops).await?;
            Ok(json!({ "server": server.handle, "address": server.address }))
        })
        .await?;
    Ok(found.into())
}

async fn get_server_info(context: &Context<'_>, args: Which) -> Result<Output, ToolError> {
    let told = context.look("get_server_info", json!({ "server": args.server }), async || {
        let server = servers::by_handle(context.ops, &args.server).await?;
        let measured = match servers::measure(context.ops, &server)? {
            Some(measured) => json!(measured),
            None => json!("not measured: this version asks only the machine it runs on"),
        };
        Ok(json!({
            "server": server.handle, "address": server.address, "status": server.status,
            "takes_projects": server.status.takes_projects(), "measured": measured,
        }))
    });
    Ok(told.await?.into())
}
