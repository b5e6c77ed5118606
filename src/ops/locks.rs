//! Who may change a project on its servers. The lease of a deployment is kept on each server itself, so that everybody
//! sees the same, whichever machine and store they work from. Who comes second is refused, or waits.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use schemars::JsonSchema;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::operating::not_deployed;
use super::servers::place::{self, Place};
use super::{Context, Error, leases, placement, servers, users};
use crate::domain::project::Project;
use crate::domain::user::Right;
use crate::remote::engine::operate::Work;
use crate::remote::engine::{Error as Engine, Held};
use crate::store;

/// How often it is asked whether a project is free.
const EVERY: Duration = Duration::from_secs(2);

/// How long somebody waits who comes second.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    until: Option<Instant>,
}

impl Patience {
    /// For so long from now on; without a limit until it is free.
    #[must_use]
    pub fn of(limit: Option<Duration>) -> Self {
        Self { until: limit.map(|limit| Instant::now() + limit) }
    }

    /// What is left of the time until the next question; none when it is over.
    fn pause(self) -> Option<Duration> {
        let left = self.until.map_or(EVERY, |until| until.saturating_duration_since(Instant::now()));
        (!left.is_zero()).then_some(left.min(EVERY))
    }
}

/// What came of waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waited {
    /// Nobody had it.
    Free,
    /// Somebody had it, and gave it free.
    Freed,
    /// Whoever waited was told to end.
    Interrupted,
}

/// Who has a project on one of its servers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Lock {
    /// The server.
    pub server: String,
    /// Who has it there; none when it is free.
    pub held: Option<Held>,
}

async fn places_of(context: &Context, project: &Project, cancel: &CancellationToken) -> Result<Vec<Place>, Error> {
    let places = place::of_project(context, project, cancel).await?;
    if !places.is_empty() {
        return Ok(places);
    }
    if placement::of_project(context, project).await?.is_empty() {
        return Err(not_deployed(project));
    }
    Err(Error::Usage {
        what: format!(
            "`{}` is on this machine, where a command that changes it waits for the one before",
            project.name
        ),
        hint: format!("run `cgo project show {}`", project.name),
    })
}

async fn standing(project: &Project, places: &[Place], cancel: &CancellationToken) -> Result<Vec<Lock>, Error> {
    let seen = places.iter().map(async |place| {
        let seen = place.app(&project.name, None).survey("none", cancel).await.map_err(servers::Error::from)?;
        Ok(Lock { server: place.server.handle.clone(), held: seen.held })
    });
    try_join_all(seen).await
}

/// Who stands in the way of changing a project: what it is told by, and the error.
async fn in_the_way(
    context: &Context,
    project: &Project,
    cancel: &CancellationToken,
) -> Result<Option<(String, Error)>, Error> {
    if let Some(lease) = leases::holder(context, &leases::project_resource(&project.name)).await? {
        let error = store::Error::LeaseHeld { lease: Box::new(lease) };
        return Ok(Some((error.to_string(), error.into())));
    }
    let places = place::of_project(context, project, cancel).await?;
    let held = standing(project, &places, cancel).await?.into_iter().find_map(|lock| Some((lock.server, lock.held?)));
    Ok(held.map(|(host, held)| {
        let words = format!("`{host}` is taken: {} ({})", held.owner, held.purpose);
        (words, servers::Error::from(Engine::Held { host, held }).into())
    }))
}

/// Waits until nobody has a project, on this machine and on its servers. Each who has it is told once.
///
/// # Errors
/// That of whoever still has it when the patience is over; when a server cannot be asked.
pub async fn wait(
    context: &Context,
    project: &Project,
    patience: Patience,
    say: &(dyn Fn(&str) + Sync),
    cancel: &CancellationToken,
) -> Result<Waited, Error> {
    let mut told = None;
    loop {
        let Some((words, error)) = in_the_way(context, project, cancel).await? else {
            return Ok(if told.is_some() { Waited::Freed } else { Waited::Free });
        };
        let Some(pause) = patience.pause() else { return Err(error) };
        if told.as_ref() != Some(&words) {
            say(&format!("waiting: {words}"));
            told = Some(words);
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = cancel.cancelled() => return Ok(Waited::Interrupted),
        }
    }
}

/// Who has a project now, on each of its servers.
///
/// # Errors
/// When a server cannot be asked.
pub async fn status(context: &Context, project: &Project, cancel: &CancellationToken) -> Result<Vec<Lock>, Error> {
    users::require(context, Right::See, Some(project))?;
    standing(project, &places_of(context, project, cancel).await?, cancel).await
}

/// Lets nobody change a project until it is released: on all of its servers, or on none.
///
/// # Errors
/// [`Engine::Held`] while a deployment goes on, or somebody else holds it.
pub async fn hold(
    context: &Context,
    project: &Project,
    why: &str,
    cancel: &CancellationToken,
) -> Result<Vec<Lock>, Error> {
    users::require(context, Right::Operate, Some(project))?;
    let places = places_of(context, project, cancel).await?;
    // In one order everywhere, so that of two who come at once one gets all of them.
    for (number, place) in places.iter().enumerate() {
        let held = place.app(&project.name, None).operate(Work::Hold, &context.owner(), why, cancel).await;
        if let Err(error) = held {
            for place in &places[..number] {
                let app = place.app(&project.name, None);
                app.operate(Work::Unhold, &context.owner(), "", cancel).await.map_err(servers::Error::from)?;
            }
            return Err(servers::Error::from(error).into());
        }
    }
    standing(project, &places, cancel).await
}

/// Ends a hold; one of somebody else only when it is forced. False when there was none.
///
/// # Errors
/// [`Engine::Held`] when somebody else holds it; when a server cannot be told.
pub async fn release(
    context: &Context,
    project: &Project,
    force: bool,
    cancel: &CancellationToken,
) -> Result<(Vec<Lock>, bool), Error> {
    users::require(context, Right::Operate, Some(project))?;
    let places = places_of(context, project, cancel).await?;
    let mut released = false;
    for place in &places {
        let work = if force { Work::Break } else { Work::Unhold };
        let done = place.app(&project.name, None).operate(work, &context.owner(), "", cancel).await;
        released |= done.map_err(servers::Error::from)?;
    }
    Ok((standing(project, &places, cancel).await?, released))
}
