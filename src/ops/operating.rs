//! What an operator does with a project as it runs: a command in its place, the maintenance mode, and the record of all
//! that was done to it.

use schemars::JsonSchema;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::servers::place::{self, Place};
use super::{Context, Error, placement, projects, servers, services, users};
use crate::domain::names::ProjectName;
use crate::domain::project::Project;
use crate::domain::user::Right;
pub use crate::exec::Stream;
use crate::exec::{self, Exit};
pub use crate::remote::engine::audit::{Broken, Entry, Trail};
use crate::remote::engine::operate::Work;
use crate::remote::host::Payload;

/// The servers a project lives on as places; none when it lives on this machine.
async fn places(context: &Context, project: &Project, cancel: &CancellationToken) -> Result<Vec<Place>, Error> {
    let places = place::of_project(context, project, cancel).await?;
    if places.is_empty() && placement::of_project(context, project).await?.is_empty() {
        return Err(not_deployed(project));
    }
    Ok(places)
}

pub(super) fn not_deployed(project: &Project) -> Error {
    Error::Usage {
        what: format!("project `{}` is not deployed", project.name),
        hint: format!("run `cgo deploy {}`", project.name),
    }
}

fn never_served(project: &Project, place: &Place) -> Error {
    Error::Usage {
        what: format!("no release of `{}` ever served on `{}`", project.name, place.server.handle),
        hint: format!("run `cgo deploy {}`", project.name),
    }
}

/// Runs a command where the release that serves runs: in its folder with its variables, or in its container; of several
/// servers, on the first. It reads what this process is given. On this machine its streams are this process's own;
/// elsewhere `pass` sees what it writes. Its exit code; 128 and the signal for one that was killed.
///
/// # Errors
/// When the project is not deployed, the command cannot be started, or its end was not seen.
pub async fn exec(
    context: &Context,
    project: &Project,
    command: &[String],
    pass: &mut (dyn FnMut(Stream, &[u8]) + Send),
    cancel: &CancellationToken,
) -> Result<i32, Error> {
    users::require(context, Right::Operate, Some(project))?;
    if let Some(place) = places(context, project, cancel).await?.first() {
        let app = place.app(&project.name, None);
        let ended = app.exec(command, Payload::Input, pass, cancel).await.map_err(servers::Error::from)?;
        return ended.ok_or_else(|| never_served(project, place));
    }
    let runtime = services::runtime(context, project).await?.ok_or_else(|| not_deployed(project))?;
    Ok(match exec::run_attached(&runtime.command(command)?, cancel).await? {
        Exit::Code(code) => code,
        Exit::Signal(signal) => 128 + signal,
    })
}

/// Whether visitors are told to come back later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Maintenance {
    /// The project.
    pub project: ProjectName,
    /// They are, on every server it is on.
    pub on: bool,
    /// The command changed that.
    pub changed: bool,
}

/// Has visitors of a project told to come back later, or lets them in again; says how that stands where nothing is
/// wanted. The paths that say how it does are answered either way, and a deployment leaves it as it is.
///
/// # Errors
/// For a project on this machine, in front of which no Caddy stands; when a server cannot be told.
pub async fn maintenance(
    context: &Context,
    project: &Project,
    wanted: Option<bool>,
    cancel: &CancellationToken,
) -> Result<Maintenance, Error> {
    users::require(context, if wanted.is_some() { Right::Operate } else { Right::See }, Some(project))?;
    let places = places(context, project, cancel).await?;
    if places.is_empty() {
        let what = format!(
            "`{}` is on this machine: without Caddy in front of it, nobody can tell its visitors",
            project.name
        );
        return Err(Error::Usage { what, hint: format!("run `cgo project stop {}`", project.name) });
    }
    let mut before = Vec::new();
    for place in &places {
        let seen = place.app(&project.name, None).survey("none", cancel).await.map_err(servers::Error::from)?;
        if seen.serving.is_none() {
            return Err(never_served(project, place));
        }
        before.push(seen.maintenance);
    }
    let on = wanted.unwrap_or_else(|| before.iter().all(|on| *on));
    if wanted.is_some() {
        let work = if on { Work::Maintain } else { Work::Admit };
        for place in &places {
            let app = place.app(&project.name, None);
            app.operate(work, &context.owner(), "", cancel).await.map_err(servers::Error::from)?;
        }
        // Nobody is called to it meanwhile.
        projects::set_maintenance(context, project, on).await?;
    }
    let changed = wanted.is_some() && before.iter().any(|was| *was != on);
    Ok(Maintenance { project: project.name.clone(), on, changed })
}

/// What one server wrote down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Audit {
    /// The server.
    pub server: String,
    /// What it wrote down, and whether that hangs together.
    #[serde(flatten)]
    pub trail: Trail,
}

/// Reads what a project's servers wrote down, and checks that nobody changed it.
///
/// # Errors
/// When a server cannot be asked; for a project on this machine, where its runs are what is written down.
pub async fn audit(context: &Context, project: &Project, cancel: &CancellationToken) -> Result<Vec<Audit>, Error> {
    users::require(context, Right::See, Some(project))?;
    let places = places(context, project, cancel).await?;
    if places.is_empty() {
        return Err(Error::Usage {
            what: format!("`{}` is on this machine, where its runs are what is written down", project.name),
            hint: "run `cgo run list`".to_owned(),
        });
    }
    let mut audits = Vec::new();
    for place in places {
        let trail = place.app(&project.name, None).audit(cancel).await.map_err(servers::Error::from)?;
        audits.push(Audit { server: place.server.handle, trail });
    }
    Ok(audits)
}
