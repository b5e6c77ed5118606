//! What models have cost.

use super::{Context, Error, projects, runs};
use crate::domain::ledger::{Dimension, Total};
use crate::domain::names::ProjectName;
use crate::domain::time::Timestamp;
use crate::store::{CallFilter, Calls as _};

/// Which calls are meant; all where nothing is said.
#[derive(Debug, Clone, Default)]
pub struct Of {
    /// Of this project.
    pub project: Option<ProjectName>,
    /// Of this run, by its id or its beginning.
    pub run: Option<String>,
    /// Of the last so many days, today included.
    pub days: Option<u32>,
}

/// Adds up what calls of models have cost.
///
/// # Errors
/// When the project or the run is not there.
pub async fn totals(context: &Context, by: Dimension, of: Of) -> Result<Vec<Total>, Error> {
    const DAY_MS: i64 = 86_400_000;
    let project = match &of.project {
        Some(name) => Some(projects::by_name(context, name).await?.id),
        None => None,
    };
    let run = match &of.run {
        Some(text) => Some(runs::find(context, text).await?.id),
        None => None,
    };
    let today = context.now().0.div_euclid(DAY_MS);
    let since = of.days.map(|days| Timestamp((today + 1 - i64::from(days)) * DAY_MS));
    Ok(context.store.totals(by, &CallFilter { project, run, since }).await?)
}
