//! The running side of a project on its server: its log, stopping, starting.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use futures_util::future::{join_all, try_join_all};
use tokio_util::sync::CancellationToken;

use super::answering::until_it_answers;
use super::deploy::front;
use super::operating::not_deployed;
use super::projects::set_status;
use super::servers::place::{self, Place};
use super::{Context, Error, leases, servers, users};
use crate::domain::deployment::Slot;
use crate::domain::ids::ServerId;
use crate::domain::project::{Project, ProjectStatus};
use crate::domain::server::PortPurpose;
use crate::domain::user::Right;
use crate::remote::engine::operate::Work;
use crate::remote::ports;
use crate::remote::process::ProcessRuntime;
use crate::remote::runtime::{AppStatus, Runtime, Which};
use crate::store::{Ports as _, Servers as _};

/// The port people open, once it is reserved; of several servers, on the first.
///
/// # Errors
/// When the store fails.
pub async fn public_port(context: &Context, project: &Project) -> Result<Option<u16>, Error> {
    let ports = context.store.project_ports(&project.id).await?;
    Ok(ports.iter().find(|port| port.purpose == PortPurpose::Public).map(|port| port.port))
}

/// The port people open on a server, once it is reserved.
///
/// # Errors
/// When the store fails.
pub async fn public_port_on(context: &Context, project: &Project, server: &ServerId) -> Result<Option<u16>, Error> {
    let ports = context.store.project_ports(&project.id).await?;
    let public = ports.iter().find(|port| port.server == *server && port.purpose == PortPurpose::Public);
    Ok(public.map(|port| port.port))
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

/// A project's service, where it runs.
enum At {
    /// On this machine.
    Here(ProcessRuntime),
    /// On servers that are reached over SSH, by their handles.
    There(Vec<Place>),
}

/// Where a project's service runs, or is to; none before it has a place.
async fn at(context: &Context, project: &Project, cancel: &CancellationToken) -> Result<Option<At>, Error> {
    let places = place::of_project(context, project, cancel).await?;
    if !places.is_empty() {
        return Ok(Some(At::There(places)));
    }
    Ok(runtime(context, project).await?.map(At::Here))
}

/// The slot that serves, asked of the server, of several the first; none before a release serves.
///
/// # Errors
/// When that cannot be found out.
pub async fn standing(context: &Context, project: &Project, cancel: &CancellationToken) -> Result<Option<Slot>, Error> {
    Ok(match at(context, project, cancel).await? {
        None => None,
        Some(At::Here(runtime)) => runtime.inspect().await?.and_then(|status| status.active),
        Some(At::There(places)) => {
            let app = places[0].app(&project.name, None);
            app.survey("none", cancel).await.map_err(servers::Error::from)?.serving.map(|(slot, _)| slot)
        }
    })
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
    Ok(context.ports.of(PortPurpose::Public).find(|port| !listening.contains(port) && !reserved.contains(port)))
}

async fn deployed(context: &Context, project: &Project, cancel: &CancellationToken) -> Result<At, Error> {
    at(context, project, cancel).await?.ok_or_else(|| not_deployed(project))
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
pub async fn stop(context: &Context, project: &Project, cancel: &CancellationToken) -> Result<(), Error> {
    users::require(context, Right::Operate, Some(project))?;
    let at = deployed(context, project, cancel).await?;
    locked(context, project, "a stop", async || {
        match &at {
            At::Here(runtime) => runtime.stop_all().await?,
            At::There(places) => operate(context, project, places, Work::Stop, cancel).await?,
        }
        set_status(context, &project.id, ProjectStatus::Stopped).await
    })
    .await
}

/// Starts a project's service again: after a stop, a crash or a reboot. It is done when the service answers.
///
/// # Errors
/// When it was never deployed, its port is taken, or it does not answer within a minute.
pub async fn start(context: &Context, project: &Project, cancel: &CancellationToken) -> Result<(), Error> {
    users::require(context, Right::Operate, Some(project))?;
    let at = deployed(context, project, cancel).await?;
    locked(context, project, "a start", async || {
        match &at {
            At::Here(runtime) => runtime.start_all().await?,
            At::There(places) => operate(context, project, places, Work::Start, cancel).await?,
        }
        set_status(context, &project.id, ProjectStatus::Deployed).await
    })
    .await?;
    until_it_answers(context, project, cancel).await
}

/// Ends a project's service and starts it anew. It is meant to run all the while: nobody who is killed in the midst of it
/// leaves a project that seems to be stopped on purpose. It is done when the service answers.
///
/// # Errors
/// Those of [`start`]; when what runs does not end.
pub async fn restart(context: &Context, project: &Project, cancel: &CancellationToken) -> Result<(), Error> {
    users::require(context, Right::Operate, Some(project))?;
    let at = deployed(context, project, cancel).await?;
    locked(context, project, "a restart", async || match &at {
        At::Here(runtime) => {
            let stopped = runtime.stop_all().await;
            // It is to run again, whatever came of that.
            runtime.start_all().await?;
            Ok(stopped?)
        }
        At::There(places) => operate(context, project, places, Work::Restart, cancel).await,
    })
    .await?;
    until_it_answers(context, project, cancel).await
}

async fn operate(
    context: &Context,
    project: &Project,
    places: &[Place],
    work: Work,
    cancel: &CancellationToken,
) -> Result<(), Error> {
    let mut done = false;
    for place in places {
        if matches!(work, Work::Start | Work::Restart) {
            // What is started is to be reached, too.
            front::wake(context, place, cancel).await?;
        }
        let worked = place.app(&project.name, None).operate(work, &context.owner(), "", cancel).await;
        done |= worked.map_err(servers::Error::from)?;
    }
    if done || work == Work::Remove {
        return Ok(());
    }
    Err(Error::Usage {
        what: format!("no release of `{}` ever served on {}", project.name, handles(places)),
        hint: format!("run `cgo deploy {}`", project.name),
    })
}

/// Places by name.
pub(super) fn handles(places: &[Place]) -> String {
    places.iter().map(|place| format!("`{}`", place.server.handle)).collect::<Vec<_>>().join(", ")
}

/// Takes a project off its servers, with all it has there.
///
/// # Errors
/// When something still runs; then nothing is removed.
pub(super) async fn remove(context: &Context, project: &Project, cancel: &CancellationToken) -> Result<(), Error> {
    match at(context, project, cancel).await? {
        None => Ok(()),
        Some(At::Here(runtime)) => Ok(runtime.remove().await?),
        Some(At::There(places)) => {
            operate(context, project, &places, Work::Remove, cancel).await?;
            try_join_all(places.iter().map(|place| front::withdraw(place, &project.name, cancel))).await?;
            Ok(())
        }
    }
}

/// The last lines of a project's service.
///
/// # Errors
/// When it is not deployed.
pub async fn logs(
    context: &Context,
    project: &Project,
    lines: usize,
    cancel: &CancellationToken,
) -> Result<Vec<String>, Error> {
    users::require(context, Right::See, Some(project))?;
    match deployed(context, project, cancel).await? {
        At::Here(runtime) => Ok(runtime.tail(Which::Active, lines).await?),
        At::There(places) => {
            let logs = join_all(places.iter().map(async |place| {
                let lines = place.app(&project.name, None).log(lines, cancel).await;
                Ok::<_, Error>((place, lines.map_err(servers::Error::from)?))
            }));
            let logs = logs.await.into_iter().collect::<Result<Vec<_>, _>>()?;
            let marked = logs.into_iter().flat_map(|(place, lines)| {
                let mark = mark(&places, place);
                lines.into_iter().map(move |line| mark.clone() + &line)
            });
            Ok(marked.collect())
        }
    }
}

/// What a line of the log begins with, so that of several servers one sees whose it is.
fn mark(places: &[Place], place: &Place) -> String {
    if places.len() == 1 { String::new() } else { format!("{} | ", place.server.handle) }
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
    match deployed(context, project, cancel).await? {
        At::Here(runtime) => Ok(runtime.follow(Which::Active, lines, cancel, on_line).await?),
        At::There(places) => {
            let on_line = Mutex::new(on_line);
            let followed = places.iter().map(async |place| {
                let mark = mark(&places, place);
                let mut pass = |line: &str| {
                    let mut on_line = on_line.lock().unwrap_or_else(PoisonError::into_inner);
                    (*on_line)(&format!("{mark}{line}"));
                };
                let app = place.app(&project.name, None);
                app.follow(lines, cancel, &mut pass).await.map_err(|error| Error::from(servers::Error::from(error)))
            });
            try_join_all(followed).await.map(drop)
        }
    }
}

/// The slot a new release goes to: the one that does not serve.
#[must_use]
pub fn idle_slot(status: Option<&AppStatus>) -> Slot {
    status.and_then(|status| status.active).map_or(Slot::Blue, Slot::other)
}
