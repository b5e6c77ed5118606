//! Servers and the places on them. In this version there is one: `local`, this machine.

use serde::Serialize;

use super::{Context, Error, random};
use crate::domain::ids::{ProjectId, ServerId};
use crate::domain::server::{LOCAL, PortPurpose, PortReservation, Server, ServerStatus};
use crate::remote::ports;
use crate::store::{Ports as _, Servers as _};

/// The address services of the `local` server are reached at.
pub const LOCAL_ADDRESS: &str = "127.0.0.1";

/// The `local` server, put in the store on first use.
///
/// # Errors
/// When the store fails.
pub async fn local(context: &Context) -> Result<Server, Error> {
    if let Some(server) = context.store.server_by_handle(LOCAL).await? {
        return Ok(server);
    }
    let now = context.now();
    let server = Server {
        id: ServerId::new(now, random()),
        handle: LOCAL.to_owned(),
        address: LOCAL_ADDRESS.to_owned(),
        status: ServerStatus::Ready,
        created_at: now,
        updated_at: now,
    };
    Ok(context.store.ensure_server(&server).await?)
}

/// A server with what is on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct ServerView {
    /// The server.
    #[serde(flatten)]
    pub server: Server,
    /// How many projects are on it.
    pub projects: u32,
    /// Its public ports, reserved by projects.
    pub ports: Vec<u16>,
}

/// Every server, `local` first.
///
/// # Errors
/// When the store fails.
pub async fn list(context: &Context) -> Result<Vec<ServerView>, Error> {
    local(context).await?;
    let mut views = Vec::new();
    for server in context.store.servers().await? {
        let reserved = context.store.ports(&server.id).await?;
        let projects: std::collections::BTreeSet<_> = reserved.iter().map(|port| port.project.clone()).collect();
        let ports = reserved.iter().filter(|port| port.purpose == PortPurpose::Public).map(|port| port.port).collect();
        views.push(ServerView { server, projects: u32::try_from(projects.len()).unwrap_or(u32::MAX), ports });
    }
    views.sort_by_key(|view| (view.server.handle != LOCAL, view.server.handle.clone()));
    Ok(views)
}

/// Finds the server a project is put on, with the reason.
///
/// # Errors
/// [`Error::NoServer`] with every refusal, named.
pub async fn find_suitable(context: &Context) -> Result<Server, Error> {
    let server = local(context).await?;
    if server.status.takes_projects() {
        Ok(server)
    } else {
        Err(Error::NoServer { refusals: vec![format!("`{LOCAL}` is {}", server.status.as_str())] })
    }
}

/// Reserves a port, or returns the one the project has there already. The choice looks at sockets that listen now.
///
/// # Errors
/// [`crate::store::Error::PortsExhausted`] when the range has none left.
pub async fn reserve_port(
    context: &Context,
    server: &Server,
    project: &ProjectId,
    service: &str,
    purpose: PortPurpose,
) -> Result<PortReservation, Error> {
    let listening = ports::listening()?;
    Ok(context.store.reserve_port(&server.id, project, service, purpose, &listening, context.now()).await?)
}
