//! What servers serve, where a deployment was cut off after visitors were sent to its release and before that was noted.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use super::super::super::servers::place::{self, Place};
use super::super::super::{Context, Error};
use super::super::releases;
use crate::domain::deployment::DeploymentStatus;
use crate::domain::ids::{ReleaseId, ServerId};
use crate::domain::project::Project;
use crate::remote::engine::survey::Survey;
use crate::store::Deployments as _;

/// Notes the release that all of these servers serve, where another one is noted. Nothing while somebody works on one of
/// them, and where they serve different releases.
///
/// # Errors
/// When the store fails.
pub(super) async fn note(context: &Context, project: &Project, seen: &[(&Place, Survey)]) -> Result<(), Error> {
    if seen.iter().any(|(_, survey)| survey.held.is_some()) {
        return Ok(());
    }
    let serving = |survey: &Survey| survey.serving.as_ref().and_then(|(_, release)| ReleaseId::parse(release).ok());
    let serving: BTreeSet<Option<ReleaseId>> = seen.iter().map(|(_, survey)| serving(survey)).collect();
    let mut serving = serving.into_iter();
    let (Some(Some(release)), None) = (serving.next(), serving.next()) else { return Ok(()) };
    let noted = context.store.deployment(&release).await?.filter(|noted| noted.project == project.id);
    let has_served = |status| matches!(status, DeploymentStatus::Pending | DeploymentStatus::Retired);
    if noted.is_some_and(|noted| has_served(noted.status)) {
        let servers: Vec<ServerId> = seen.iter().map(|(place, _)| place.server.id.clone()).collect();
        context.store.activate_deployment(&release, &servers, context.now()).await?;
    }
    Ok(())
}

/// Asks a project's servers, where the end of a deployment that was begun after the release that is noted to serve is not
/// known, and notes what they say. One that cannot be asked is asked again when something is planned for it.
///
/// # Errors
/// When the store fails, or a server was never looked at and cannot be reached.
pub async fn ask(context: &Context, project: &Project) -> Result<(), Error> {
    let releases = releases(context, project).await?;
    let mut later = releases.iter().take_while(|release| release.status != DeploymentStatus::Active);
    if !later.any(|release| release.status == DeploymentStatus::Pending) {
        return Ok(());
    }
    let cancel = CancellationToken::new();
    let places = place::of_project(context, project, &cancel).await?;
    let asked = places.iter().map(async |place| {
        let survey = place.app(&project.name, None).survey("none", &cancel).await;
        survey.ok().map(|survey| (place, survey))
    });
    match join_all(asked).await.into_iter().collect::<Option<Vec<_>>>() {
        Some(seen) => note(context, project, &seen).await,
        None => Ok(()),
    }
}
