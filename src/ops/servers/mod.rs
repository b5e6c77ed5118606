//! Servers and the places on them: `local`, this machine, and others that are reached over SSH.
//!
//! [`add`] and [`check`] know the others, [`provision`] sets them up, [`standing`] takes them out of use and back,
//! [`inventory`] tells Ansible of them;
//! [`super::placement`] chooses among them.

pub mod add;
pub mod check;
mod error;
pub mod inventory;
pub mod place;
pub mod provision;
pub mod standing;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::live::{self, Live};
use super::{Context, projects, random, users};
use crate::domain::host::{Checked, Facts, Fingerprint};
use crate::domain::ids::{ProjectId, ServerId};
use crate::domain::names::{ProjectName, ServerName};
use crate::domain::server::{LOCAL, PortPurpose, PortReservation, Server, ServerStatus};
use crate::domain::user::Right;
use crate::ops;
use crate::remote::ports;
use crate::store::{Placements as _, Ports as _, Servers as _};
pub use error::Error;

/// The address services of the `local` server are reached at.
pub const LOCAL_ADDRESS: &str = "127.0.0.1";

/// The `local` server, put in the store on first use.
///
/// # Errors
/// When the store fails.
pub async fn local(context: &Context) -> Result<Server, ops::Error> {
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ServerView {
    /// The server.
    #[serde(flatten)]
    pub server: Server,
    /// How many projects are on it.
    pub projects: u32,
    /// Its public ports, reserved by projects.
    pub ports: Vec<u16>,
    /// How it is reached; none for `local`.
    pub access: Option<AccessView>,
    /// How the last look at it ended; none where it was never looked at.
    pub check: Option<Checked>,
}

/// How a server is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AccessView {
    /// Who logs in where: `user@host[:port]`.
    pub destination: String,
    /// The file of the private key; none for those of the agent and the SSH configuration.
    pub key: Option<String>,
    /// The fingerprint of the host key that is pinned.
    pub fingerprint: Fingerprint,
    /// It takes projects without root's rights only.
    pub rootless: bool,
}

/// Every server that is in use or may be, `local` first. Who does not look after them sees where their own projects are,
/// and neither those of others nor how a server is reached.
///
/// # Errors
/// When the store fails.
pub async fn list(context: &Context) -> Result<Vec<ServerView>, ops::Error> {
    local(context).await?;
    let own = match users::require(context, Right::Administer, None) {
        Ok(()) => None,
        Err(_) => Some(projects::list(context).await?.into_iter().map(|project| project.id).collect::<BTreeSet<_>>()),
    };
    let is_seen = |project: &ProjectId| own.as_ref().is_none_or(|own| own.contains(project));
    let (accesses, mut checks) = (context.store.accesses().await?, context.store.checks().await?);
    let placements = context.store.placements().await?;
    let mut views = Vec::new();
    for server in context.store.servers().await? {
        if server.status == ServerStatus::Decommissioned {
            continue;
        }
        let mut reserved = context.store.ports(&server.id).await?;
        reserved.retain(|port| is_seen(&port.project));
        let mut projects: BTreeSet<_> = reserved.iter().map(|port| port.project.clone()).collect();
        let here = placements.iter().filter(|placed| placed.server == server.id && is_seen(&placed.project));
        projects.extend(here.map(|placed| placed.project.clone()));
        let ports = reserved.iter().filter(|port| port.purpose == PortPurpose::Public).map(|port| port.port).collect();
        let access = accesses.iter().find(|access| access.server == server.id && own.is_none());
        let access = access.map(|access| AccessView {
            destination: access.destination.to_string(),
            key: access.key.as_ref().map(|key| key.display().to_string()),
            fingerprint: access.host_key.fingerprint(),
            rootless: access.rootless,
        });
        let check = checks.iter().position(|(id, _)| *id == server.id).map(|at| checks.swap_remove(at).1);
        let projects = u32::try_from(projects.len()).unwrap_or(u32::MAX);
        views.push(ServerView { server, projects, ports, access, check });
    }
    views.sort_by_key(|view| (view.server.handle != LOCAL, view.server.handle.clone()));
    Ok(views)
}

/// The server with that handle.
///
/// # Errors
/// [`ops::Error::NoSuchServer`] with the handles there are.
pub async fn by_handle(context: &Context, handle: &str) -> Result<Server, ops::Error> {
    Ok(view(context, handle).await?.server)
}

/// The server with that handle, and what is on it.
///
/// # Errors
/// [`ops::Error::NoSuchServer`] with the handles there are.
pub async fn view(context: &Context, handle: &str) -> Result<ServerView, ops::Error> {
    let mut known = list(context).await?;
    match known.iter().position(|view| view.server.handle == handle) {
        Some(at) => Ok(known.swap_remove(at)),
        None => Err(ops::Error::NoSuchServer {
            handle: handle.chars().take(60).flat_map(char::escape_debug).collect(),
            known: known.into_iter().map(|view| view.server.handle).collect(),
        }),
    }
}

/// What a server has, measured now; nothing is guessed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Measured {
    /// Memory in all, in megabytes.
    pub memory_mb: Option<u64>,
    /// Memory that programs can still get, in megabytes; what the system only keeps as cache counts.
    pub memory_available_mb: Option<u64>,
    /// The size of the disk releases live on, in megabytes.
    pub disk_mb: Option<u64>,
    /// Room left there, in megabytes.
    pub disk_available_mb: Option<u64>,
    /// How many TCP ports are listened on.
    pub listening_ports: usize,
}

/// Measures a server: this machine now, another by what a look of the last minutes found, or one now.
///
/// # Errors
/// When the store fails, or the server does not answer.
pub async fn measure(context: &Context, server: &Server, cancel: &CancellationToken) -> Result<Measured, ops::Error> {
    if server.handle == LOCAL {
        return Ok(Measured { listening_ports: ports::listening()?.len(), ..measure_here(context) });
    }
    let facts = facts(context, server, cancel).await?;
    Ok(Measured {
        memory_mb: Some(facts.memory_mb),
        memory_available_mb: Some(facts.memory_available_mb),
        disk_mb: Some(facts.disk_mb),
        disk_available_mb: Some(facts.disk_available_mb),
        listening_ports: facts.listening.len(),
    })
}

/// Memory and disk of this machine; nothing of its ports.
pub(super) fn measure_here(context: &Context) -> Measured {
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let megabytes = |key: &str| {
        let line = memory.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        line.trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kilobytes| kilobytes / 1024)
    };
    let folder = context.data.ancestors().find(|path| path.exists());
    let disk = folder.and_then(|folder| rustix::fs::statvfs(folder).ok());
    let disk_mb = |blocks: u64, size: u64| blocks.saturating_mul(size) / 1_000_000;
    Measured {
        memory_mb: megabytes("MemTotal"),
        memory_available_mb: megabytes("MemAvailable"),
        disk_mb: disk.as_ref().map(|disk| disk_mb(disk.f_blocks, disk.f_frsize)),
        disk_available_mb: disk.as_ref().map(|disk| disk_mb(disk.f_bavail, disk.f_frsize)),
        listening_ports: 0,
    }
}

/// What is on another machine now: looked at again, whatever an earlier look found.
async fn facts(context: &Context, server: &Server, cancel: &CancellationToken) -> Result<Facts, ops::Error> {
    let name = ServerName::parse(&server.handle)?;
    let looked = check::check(context, &[name], cancel).await?.into_iter().next();
    let (facts, problem) = looked.map_or((None, None), |looked| (looked.facts, looked.problem));
    facts.ok_or_else(|| ops::Error::NotLookedAt {
        server: server.handle.clone(),
        problem: problem.unwrap_or_else(|| "nothing was found".to_owned()),
    })
}

/// A service on a server.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Placed {
    /// The project.
    pub project: ProjectName,
    /// The service.
    pub service: String,
    /// Its public port.
    pub port: u16,
    /// How it stands, asked of it now.
    pub live: Live,
}

/// The services that have a place on a server, by port.
///
/// # Errors
/// When a service cannot be asked: that is not "there is none".
pub async fn services_on(context: &Context, server: &Server) -> Result<Vec<Placed>, ops::Error> {
    let mut placed = Vec::new();
    for port in context.store.ports(&server.id).await?.into_iter().filter(|port| port.purpose == PortPurpose::Public) {
        let project = projects::by_id(context, &port.project).await?;
        let live = live::live(context, &project).await?;
        placed.push(Placed { project: project.name, service: port.service, port: port.port, live });
    }
    Ok(placed)
}

/// The ports reserved by a project, by port.
///
/// # Errors
/// When the store fails.
pub async fn ports_of(context: &Context, project: &ProjectId) -> Result<Vec<PortReservation>, ops::Error> {
    Ok(context.store.project_ports(project).await?)
}

/// The TCP ports that are listened on at a server now.
///
/// # Errors
/// When it cannot be asked: that is not "none".
pub async fn listening(
    context: &Context,
    server: &Server,
    cancel: &CancellationToken,
) -> Result<BTreeSet<u16>, ops::Error> {
    if server.handle == LOCAL {
        return Ok(ports::listening()?);
    }
    Ok(facts(context, server, cancel).await?.listening.into_iter().collect())
}

/// The port that would be given out next on a server; none when all are taken.
///
/// # Errors
/// When the server cannot be asked.
pub async fn likely_port(
    context: &Context,
    server: &Server,
    cancel: &CancellationToken,
) -> Result<Option<u16>, ops::Error> {
    let listening = listening(context, server, cancel).await?;
    let reserved: BTreeSet<u16> = context.store.ports(&server.id).await?.into_iter().map(|port| port.port).collect();
    Ok(context.ports.of(PortPurpose::Public).find(|port| !listening.contains(port) && !reserved.contains(port)))
}

/// Reserves a port, or returns the one the project has there already, for which the server is not asked. The choice looks
/// at the sockets that listen there now.
///
/// # Errors
/// [`crate::store::Error::PortsExhausted`] when the range has none left; when the server cannot be asked.
pub async fn reserve_port(
    context: &Context,
    server: &Server,
    project: &ProjectId,
    service: &str,
    purpose: PortPurpose,
) -> Result<PortReservation, ops::Error> {
    let present = context
        .store
        .project_ports(project)
        .await?
        .into_iter()
        .find(|port| port.server == server.id && port.service == service && port.purpose == purpose);
    if let Some(present) = present {
        return Ok(present);
    }
    let listening = listening(context, server, &CancellationToken::new()).await?;
    Ok(context
        .store
        .reserve_port(&server.id, project, service, context.wish(purpose), &listening, context.now())
        .await?)
}
