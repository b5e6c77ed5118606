//! Who may change a project on its server. The lease of a deployment is kept on the server itself, so that everybody
//! sees the same, whichever machine and store they work from.

use schemars::JsonSchema;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::servers::place::{self, Place};
use super::{Context, Error, servers, users};
use crate::domain::names::ProjectName;
use crate::domain::project::Project;
use crate::domain::server::LOCAL;
use crate::domain::user::Right;
use crate::remote::engine::operate::Work;
use crate::remote::engine::{Error as Engine, Held};

/// Who has a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Lock {
    /// The project.
    pub project: ProjectName,
    /// The server it is on.
    pub server: String,
    /// Who has it; none when it is free.
    pub held: Option<Held>,
}

async fn place_of(context: &Context, project: &Project, cancel: &CancellationToken) -> Result<Place, Error> {
    match place::server_of(context, project).await? {
        Some(server) if server.handle != LOCAL => place::of_server(context, server, cancel).await,
        Some(_) => Err(Error::Usage {
            what: format!(
                "`{}` is on this machine, where a command that changes it waits for the one before",
                project.name
            ),
            hint: format!("run `cgo project show {}`", project.name),
        }),
        None => Err(Error::Usage {
            what: format!("project `{}` is not deployed", project.name),
            hint: format!("run `cgo deploy {}`", project.name),
        }),
    }
}

fn lock(project: &Project, place: &Place, held: Option<Held>) -> Lock {
    Lock { project: project.name.clone(), server: place.server.handle.clone(), held }
}

/// Who has a project now.
///
/// # Errors
/// When its server cannot be asked.
pub async fn status(context: &Context, project: &Project, cancel: &CancellationToken) -> Result<Lock, Error> {
    let place = place_of(context, project, cancel).await?;
    let seen = place.app(&project.name, None).survey("none", cancel).await.map_err(servers::Error::from)?;
    Ok(lock(project, &place, seen.held))
}

/// Lets nobody change a project until it is released.
///
/// # Errors
/// [`Engine::Held`] while a deployment goes on.
pub async fn hold(context: &Context, project: &Project, why: &str, cancel: &CancellationToken) -> Result<Lock, Error> {
    users::require(context, Right::Operate, Some(project))?;
    let place = place_of(context, project, cancel).await?;
    let app = place.app(&project.name, None);
    app.operate(Work::Hold, &context.owner(), why, cancel).await.map_err(servers::Error::from)?;
    status(context, project, cancel).await
}

/// Ends a hold. False when there was none.
///
/// # Errors
/// When its server cannot be told.
pub async fn release(context: &Context, project: &Project, cancel: &CancellationToken) -> Result<(Lock, bool), Error> {
    users::require(context, Right::Operate, Some(project))?;
    let place = place_of(context, project, cancel).await?;
    let app = place.app(&project.name, None);
    let done = app.operate(Work::Unhold, &context.owner(), "", cancel).await;
    let released = match done {
        Ok(released) => released,
        Err(Engine::Held { held, .. }) => return Ok((lock(project, &place, Some(held)), false)),
        Err(other) => return Err(servers::Error::from(other).into()),
    };
    Ok((status(context, project, cancel).await?, released))
}
