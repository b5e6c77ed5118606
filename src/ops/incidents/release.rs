//! Incidents about a release that visitors had been sent to, and that was gone back from: one for a project, until
//! another release serves.

use super::{Report, close, note, open, prepare};
use crate::domain::ids::RunId;
use crate::domain::incident::{IncidentEventKind, IncidentKind};
use crate::domain::project::Project;
use crate::ops::{Context, Error};
use crate::store::Incidents as _;

/// Opens the incident about a project's release that was gone back from, or counts it up.
///
/// # Errors
/// When the store fails.
pub(in crate::ops) async fn gone_back(
    context: &Context,
    project: &Project,
    run: &RunId,
    why: &Error,
) -> Result<(), Error> {
    let title = format!("a release of `{}` was gone back from", project.name);
    let mut details = crate::ops::explain(why);
    for line in why.evidence() {
        details.push('\n');
        details.push_str(line);
    }
    let report = Report {
        kind: IncidentKind::DeploymentFailed,
        project: Some(project.name.clone()),
        server: None,
        service: None,
        title,
        details,
        run: Some(run.clone()),
    };
    let report = prepare(context, report).await?;
    let stored = open(context, &report).await?;
    note(context, &stored.id, IncidentEventKind::Seen, &report.title).await
}

/// Ends it: a release serves.
///
/// # Errors
/// When the store fails.
pub(in crate::ops) async fn serves(context: &Context, project: &Project) -> Result<(), Error> {
    for one in context.store.open_incidents().await? {
        if one.kind == IncidentKind::DeploymentFailed && one.project.as_ref() == Some(&project.id) {
            close(context, &one.id, "a later release serves").await?;
        }
    }
    Ok(())
}
