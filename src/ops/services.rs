//! The running side of a project on its server: how it stands, its log, stopping, starting.

use std::net::SocketAddr;

use schemars::JsonSchema;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::projects::set_status;
use super::{Context, Error, leases, servers};
use crate::domain::deployment::Slot;
use crate::domain::project::{Project, ProjectStatus};
use crate::domain::server::PortPurpose;
use crate::remote::ports;
use crate::remote::process::ProcessRuntime;
use crate::remote::runtime::{AppStatus, Runtime, SlotState, Supervision, Which};
use crate::store::{Ports as _, Servers as _};

/// How a project stands on its server, asked of the server.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Live {
    /// Visitors reach a release.
    pub serves: bool,
    /// In words.
    pub words: String,
    /// The address, once a port is reserved.
    pub url: Option<String>,
    /// What stands in the way.
    pub problem: Option<String>,
}

/// The port people open, once it is reserved.
///
/// # Errors
/// When the store fails.
pub async fn public_port(context: &Context, project: &Project) -> Result<Option<u16>, Error> {
    let ports = context.store.project_ports(&project.id).await?;
    Ok(ports.iter().find(|port| port.purpose == PortPurpose::Public).map(|port| port.port))
}

/// The application of a project on the `local` server; none before a port is reserved.
///
/// # Errors
/// When the store fails.
pub async fn runtime(context: &Context, project: &Project) -> Result<Option<ProcessRuntime>, Error> {
    let port = public_port(context, project).await?;
    Ok(port.map(|port| runtime_at(context, project, port)))
}

/// The application of a project, reached at a port of this machine.
#[must_use]
pub fn runtime_at(context: &Context, project: &Project, port: u16) -> ProcessRuntime {
    let address = SocketAddr::new(servers::LOCAL_ADDRESS.parse().expect("a constant address"), port);
    ProcessRuntime::new(&context.app_folder(&project.name), address).supervised_by(context.supervisor.iter().cloned())
}

/// The address people open.
#[must_use]
pub fn url(port: u16) -> String {
    format!("http://{}:{port}", servers::LOCAL_ADDRESS)
}

/// How a project stands, asked of its processes.
///
/// # Errors
/// When that cannot be found out.
pub async fn live(context: &Context, project: &Project) -> Result<Live, Error> {
    let public = public_port(context, project).await?;
    let status = match public {
        Some(port) => runtime_at(context, project, port).inspect().await?,
        None => None,
    };
    let url = public.map(url);
    Ok(match status {
        None => Live {
            serves: false,
            words: match project.status {
                ProjectStatus::Building => "not finished".to_owned(),
                _ => "not deployed".to_owned(),
            },
            url: None,
            problem: None,
        },
        Some(status) => Live { serves: status.serves(), words: words(&status), url, problem: problem(&status) },
    })
}

fn words(status: &AppStatus) -> String {
    let slot = status.active.map(|slot| status.slots.get(slot));
    match (&status.supervisor, slot) {
        _ if status.serves() => "running".to_owned(),
        (Supervision::Stopped, _) => "stopped".to_owned(),
        (Supervision::Dead, Some(slot)) if slot.state == SlotState::Unsupervised => {
            "not reachable: its supervisor has died".to_owned()
        }
        (Supervision::Dead, _) => "died".to_owned(),
        (Supervision::Running(_), Some(slot)) => match slot.state {
            SlotState::Failed => "failed: its process ended too often".to_owned(),
            SlotState::BackingOff => "restarting".to_owned(),
            state => state.as_str().replace('_', " "),
        },
        (Supervision::Running(_), None) => "no release serves".to_owned(),
    }
}

fn problem(status: &AppStatus) -> Option<String> {
    let slot = status.active.and_then(|slot| status.slots.get(slot).problem.clone());
    status.problem.clone().or(slot)
}

/// The port a project placed now would most likely get.
///
/// # Errors
/// When the store fails.
pub async fn likely_port(context: &Context) -> Result<Option<u16>, Error> {
    let listening = ports::listening()?;
    let reserved = match context.store.server_by_handle(crate::domain::server::LOCAL).await? {
        Some(server) => context.store.ports(&server.id).await?.into_iter().map(|port| port.port).collect(),
        None => Vec::new(),
    };
    Ok(PortPurpose::Public.range().find(|port| !listening.contains(port) && !reserved.contains(port)))
}

async fn deployed(context: &Context, project: &Project) -> Result<ProcessRuntime, Error> {
    runtime(context, project).await?.ok_or_else(|| Error::Usage {
        what: format!("project `{}` is not deployed", project.name),
        hint: format!("run `cgo deploy {}`", project.name),
    })
}

/// Keeps other commands off the project while this one works; they are told what for.
pub(super) async fn locked<T>(
    context: &Context,
    project: &Project,
    purpose: &str,
    work: impl AsyncFnOnce() -> Result<T, Error>,
) -> Result<T, Error> {
    let leases = leases::Leases::new(context);
    leases.take_project(&project.name, purpose).await?;
    let done = work().await;
    leases.release().await?;
    done
}

/// Stops a project's service. Its data stays, and it can be started again.
///
/// # Errors
/// When it is not deployed, or something still runs.
pub async fn stop(context: &Context, project: &Project) -> Result<(), Error> {
    let runtime = deployed(context, project).await?;
    locked(context, project, "a stop", async || {
        runtime.stop_all().await?;
        set_status(context, &project.id, ProjectStatus::Stopped).await
    })
    .await
}

/// Starts a project's service again: after a stop, a crash or a reboot.
///
/// # Errors
/// When it was never deployed, or its port is taken.
pub async fn start(context: &Context, project: &Project) -> Result<(), Error> {
    let runtime = deployed(context, project).await?;
    locked(context, project, "a start", async || {
        runtime.start_all().await?;
        set_status(context, &project.id, ProjectStatus::Deployed).await
    })
    .await
}

/// The last lines of a project's service.
///
/// # Errors
/// When it is not deployed.
pub async fn logs(context: &Context, project: &Project, lines: usize) -> Result<Vec<String>, Error> {
    Ok(deployed(context, project).await?.tail(Which::Active, lines).await?)
}

/// Passes on the lines of a project's service as they come, until cancelled.
///
/// # Errors
/// When it is not deployed.
pub async fn follow_logs(
    context: &Context,
    project: &Project,
    lines: usize,
    cancel: &CancellationToken,
    on_line: &mut (dyn FnMut(&str) + Send),
) -> Result<(), Error> {
    Ok(deployed(context, project).await?.follow(Which::Active, lines, cancel, on_line).await?)
}

/// The slot a new release goes to: the one that does not serve.
#[must_use]
pub fn idle_slot(status: Option<&AppStatus>) -> Slot {
    status.and_then(|status| status.active).map_or(Slot::Blue, Slot::other)
}
