//! What models have cost.

use std::collections::BTreeSet;

use super::{Context, Error, projects, runs, users};
use crate::domain::ids::{ProjectId, RunId, TrialId};
use crate::domain::ledger::{Dimension, Entry, Total};
use crate::domain::money::Usd;
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
    let since = of.days.map(|days| first_of(context.now(), days));
    Ok(context.store.totals(by, &CallFilter { project, whose, since }).await?)
}

/// When the last so many days in UTC began, today included.
fn first_of(now: Timestamp, days: u32) -> Timestamp {
    const DAY_MS: i64 = 86_400_000;
    Timestamp((now.0.div_euclid(DAY_MS) + 1 - i64::from(days)) * DAY_MS)
}

/// The calls of models of a run, reservations included.
///
/// # Errors
/// When the store fails.
pub async fn of_run(context: &Context, run: &RunId) -> Result<Vec<Entry>, Error> {
    Ok(context.store.entries(run, Timestamp(0)).await?)
}

/// What models have cost a project in all its runs, reservations included, but for one run: it knows its own cost
/// before the store does. Whoever is worked for, all of it counts.
///
/// # Errors
/// When the store fails.
pub async fn project_without(context: &Context, project: &ProjectId, run: &str) -> Result<Usd, Error> {
    without(context, run, CallFilter { project: Some(project.clone()), ..CallFilter::default() }).await
}

/// The same for all runs and trials, on the day of a moment in UTC and since; but for one run or trial.
///
/// # Errors
/// When the store fails.
pub async fn day_without(context: &Context, now: Timestamp, whose: &str) -> Result<Usd, Error> {
    without(context, whose, CallFilter { since: Some(first_of(now, 1)), ..CallFilter::default() }).await
}

async fn without(context: &Context, whose: &str, filter: CallFilter) -> Result<Usd, Error> {
    let totals = context.store.totals(Dimension::Run, &filter).await?;
    Ok(totals.iter().filter(|total| total.of != whose).map(|total| total.cost).sum())
}

/// What was spent for no project in the last so many days: all of it for admins, for others what those of their runs
/// have cost that have none.
///
/// # Errors
/// When the store fails.
pub async fn of_no_project(context: &Context, days: u32) -> Result<Usd, Error> {
    let filter = CallFilter { since: Some(first_of(context.now(), days)), ..CallFilter::default() };
    if users::require(context, Right::Administer, None).is_ok() {
        let totals = context.store.totals(Dimension::Project, &filter).await?;
        return Ok(totals.iter().filter(|total| total.of.is_empty()).map(|total| total.cost).sum());
    }
    let seen = runs::seen(context, 0, u32::MAX).await?;
    let own: BTreeSet<&str> = seen.iter().filter(|run| run.project.is_none()).map(|run| run.id.as_str()).collect();
    let totals = context.store.totals(Dimension::Run, &filter).await?;
    Ok(totals.iter().filter(|total| own.contains(total.of.as_str())).map(|total| total.cost).sum())
}

/// Writes what calls of an agent that is tried alone may cost, or did cost. May be repeated.
///
/// # Errors
/// When the store fails.
pub async fn charge_trial(context: &Context, trial: &TrialId, calls: &[Entry]) -> Result<(), Error> {
    Ok(context.store.charge_trial(trial, calls).await?)
}
