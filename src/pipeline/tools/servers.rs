//! Servers: listed, looked at, chosen: this machine and those that are reached over SSH.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{Context, Nothing, Output, Tool, ToolError, WorldEffect};
use crate::domain::run::{Question, Wait};
use crate::domain::server::Server;
use crate::domain::spec::Language;
use crate::ops::{self, placement, projects, servers};

/// Why no server has room, in what is remembered.
const NO_ROOM: &str = "no_room";

/// Names a server.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Which {
    /// Its handle, such as `local`.
    server: String,
}

/// That there is no room now is an answer, for which the run waits: every refusal. All else that is in the way is an error.
pub(super) fn or_no_room(
    found: Result<Vec<Server>, ops::Error>,
) -> Result<Result<Vec<Server>, Vec<String>>, ops::Error> {
    match found {
        Ok(servers) => Ok(Ok(servers)),
        Err(ops::Error::NoCapacity { refusals, .. }) => Ok(Err(refusals)),
        Err(other) => Err(other),
    }
}

/// Makes the run wait for room.
pub(super) fn wait_for_room(context: &Context<'_>, refusals: &[String]) -> Output {
    let (command, reasons) = (format!("cgo run resume {}", context.run.id), refusals.join("; "));
    let text = match context.state.language() {
        Language::En => format!("No server has room now: {reasons}. When there is some, go on with `{command}`"),
        Language::Ru => format!("Сейчас ни на одном сервере нет места: {reasons}. Когда оно появится: `{command}`"),
    };
    let question = Question { id: "room".to_owned(), text, choices: Vec::new(), assumption: None };
    Output { ask: Some((Wait::Capacity, vec![question])), ..Output::default() }
}

/// The tools of this file.
#[must_use]
pub fn tools() -> Vec<Tool> {
    vec![
        Tool::looking(
            "list_managed_servers",
            "List the servers projects are placed on: handle, address, status, how many projects, public ports in use.",
            |ops, args, _| Box::pin(list_managed_servers(ops, args)),
        ),
        Tool::new(
            "find_suitable_server",
            "Find a server that takes the project; each refusal is named.",
            WorldEffect::Reads,
            |context, args| Box::pin(find_suitable_server(context, args)),
        ),
        Tool::looking(
            "get_server_info",
            "Tell what a server has, measured now: memory, room on the disk, ports; and whether it takes projects.",
            |ops, args, cancel| Box::pin(get_server_info(ops, args, cancel)),
        ),
    ]
}

async fn list_managed_servers(ops: &ops::Context, _: Nothing) -> Result<Value, ops::Error> {
    let rows: Vec<Value> = servers::list(ops)
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
}

async fn find_suitable_server(context: &Context<'_>, _: Nothing) -> Result<Output, ToolError> {
    let project = context.project()?.id.clone();
    let found = context
        .remember("find_suitable_server", json!({}), async || {
            let project = projects::by_id(context.ops, &project).await?;
            let found = placement::find(context.ops, &project, context.run.request.wish(), context.cancel).await;
            Ok(match or_no_room(found)? {
                Ok(servers) => {
                    let mut told: Vec<Value> = servers
                        .iter()
                        .map(|server| json!({ "server": server.handle, "address": server.address }))
                        .collect();
                    // One is told as itself.
                    if told.len() == 1 { told.remove(0) } else { json!({ "servers": told }) }
                }
                Err(refusals) => json!({ NO_ROOM: refusals }),
            })
        })
        .await?;
    match found.get(NO_ROOM).and_then(|refusals| Vec::<String>::deserialize(refusals).ok()) {
        Some(refusals) => Ok(wait_for_room(context, &refusals)),
        None => Ok(found.into()),
    }
}

async fn get_server_info(ops: &ops::Context, args: Which, cancel: &CancellationToken) -> Result<Value, ops::Error> {
    let server = servers::by_handle(ops, &args.server).await?;
    let measured = match servers::measure(ops, &server, cancel).await {
        Ok(measured) => json!(measured),
        // Not known is not nothing.
        Err(error) => json!({ "not_known": ops::explain(&error) }),
    };
    Ok(json!({
        "server": server.handle, "address": server.address, "status": server.status,
        "takes_projects": server.status.takes_projects(), "measured": measured,
    }))
}
