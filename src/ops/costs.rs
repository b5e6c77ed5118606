//! What models have cost.

use super::{Context, Error, projects, runs, users};
use crate::domain::ids::TrialId;
use crate::domain::ledger::{Dimension, Entry, Total};
use crate::domain::names::ProjectName;
use crate::domain::time::Timestamp;
use crate::domain::user::Right;
use crate::store::{CallFilter, Calls as _};

/// Which calls are meant; all where nothing is said.
#[derive(Debug, Clone, Default)]
pub struct Of {
    /// Of this project.
    pub project: Option<ProjectName>,
    /// Of this run, by its id or its beginning, or of this trial.
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
    if of.project.is_none() && of.run.as_ref().is_none_or(|text| TrialId::parse(text).is_ok()) {
        users::require(context, Right::Administer, None)?;
    }
    let project = match &of.project {
        Some(name) => Some(projects::by_name(context, name).await?.id),
        None => None,
    };
    let whose = match &of.run {
        Some(text) if TrialId::parse(text).is_ok() => Some(text.clone()),
        Some(text) => Some(runs::find(context, text).await?.id.to_string()),
        None => None,
    };
    let today = context.now().0.div_euclid(DAY_MS);
    let since = of.days.map(|days| Timestamp((today + 1 - i64::from(days)) * DAY_MS));
    Ok(context.store.totals(by, &CallFilter { project, whose, since }).await?)
}

/// Writes what calls of an agent that is tried alone may cost, or did cost. May be repeated.
///
/// # Errors
/// When the store fails.
pub async fn charge_trial(context: &Context, trial: &TrialId, calls: &[Entry]) -> Result<(), Error> {
    Ok(context.store.charge_trial(trial, calls).await?)
}
