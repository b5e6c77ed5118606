//! Whether a deployed service answers, asked as its visitors would.

use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::deploy::Address;
use super::live::live;
use super::{Context, Error, deploy, explain};
use crate::domain::deployment::Deployment;
use crate::domain::project::Project;
use crate::domain::standing::Standing;
use crate::exec;
use crate::remote::probe;

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(5);
/// How long a service that was started has to answer, as a release has at its gate.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long is waited between two questions to one that was started.
const BETWEEN: Duration = Duration::from_millis(250);

/// Asks a service whether it can work; what it came to where it cannot.
pub(super) async fn answers(
    context: &Context,
    project: &Project,
    active: &Deployment,
    cancel: &CancellationToken,
) -> Result<(), String> {
    match deploy::addresses(context, project, active, cancel).await {
        Ok(addresses) => ask(&addresses).await,
        Err(error) => Err(explain(&error)),
    }
}

async fn ask(addresses: &[Address]) -> Result<(), String> {
    if addresses.is_empty() {
        return Err("it has no public port".to_owned());
    }
    let asked = addresses.iter().map(async |address| match probe::get(&address.ready, LIMIT).await {
        Ok(seen) if seen.is_good() => Ok(()),
        Ok(seen) => Err(format!("{} answered with status {}", address.ready, seen.status)),
        Err(error) => Err(explain(&error)),
    });
    try_join_all(asked).await.map(drop)
}

/// Waits until a service that was started answers.
///
/// # Errors
/// When it does not within a minute, ends by itself too often, or `cancel` comes first; when the store fails.
pub(super) async fn until_it_answers(
    context: &Context,
    project: &Project,
    cancel: &CancellationToken,
) -> Result<(), Error> {
    // What never served is not expected to answer.
    let Some(active) = deploy::active(context, project).await? else { return Ok(()) };
    // Where the project's files are not at hand, nobody knows by which path it says so; that it runs has to do.
    let Ok(addresses) = deploy::addresses(context, project, &active, cancel).await else { return Ok(()) };
    let until = Instant::now() + PATIENCE;
    loop {
        let Err(seen) = ask(&addresses).await else { return Ok(()) };
        if cancel.is_cancelled() {
            let program = format!("the start of {}", project.name);
            return Err(exec::Error::Cancelled { program }.into());
        }
        // Left alone by who watches over it, it does not come back.
        let failed = live(context, project).await?.standing == Some(Standing::Failed);
        if failed || Instant::now() >= until {
            return Err(Error::NotAnswering { project: project.name.clone(), seen });
        }
        tokio::select! {
            () = cancel.cancelled() => {}
            () = tokio::time::sleep(BETWEEN) => {}
        }
    }
}
