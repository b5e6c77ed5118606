//! The ledger of calls of models. Those of a run are written with its journal's batches, those of an agent that is
//! tried alone by themselves; here all of them are added up.

use super::engine::{Tx, args, transaction};
use super::{Error, Store};
use crate::domain::ids::{ProjectId, RunId, TrialId};
use crate::domain::ledger::{Dimension, Entry, Standing, Total};
use crate::domain::money::Usd;
use crate::domain::names::AgentName;
use crate::domain::time::Timestamp;

/// Which calls are meant.
#[derive(Debug, Clone, Default)]
pub struct CallFilter {
    /// Calls for this project.
    pub project: Option<ProjectId>,
    /// Calls of the run, or of the trial, with this id.
    pub whose: Option<String>,
    /// Calls since that moment.
    pub since: Option<Timestamp>,
}

/// What can be asked of the ledger of a store.
pub trait Calls {
    /// The calls a filter lets through, added up; the dearest first, days in their order.
    fn totals(&self, by: Dimension, filter: &CallFilter) -> impl Future<Output = Result<Vec<Total>, Error>> + Send;
    /// Writes calls of an agent that is tried alone: reserved, or settled now. What is settled stays as it is.
    fn charge_trial(&self, trial: &TrialId, calls: &[Entry]) -> impl Future<Output = Result<(), Error>> + Send;
    /// The calls of a run that were written at a moment or later, oldest first.
    fn entries(&self, run: &RunId, since: Timestamp) -> impl Future<Output = Result<Vec<Entry>, Error>> + Send;
}

macro_rules! totals {
    ($of:literal, $order:literal) => {
        concat!(
            "select ",
            $of,
            ", count(*), cast(sum(c.input_tokens) as bigint), cast(sum(c.output_tokens) as bigint), \
             cast(sum(c.cached_tokens) as bigint), cast(sum(c.cost) as bigint), \
             cast(sum(case when c.standing in ('estimated', 'reserved') then 1 else 0 end) as bigint), \
             cast(sum(case when c.standing = 'unpriced' then 1 else 0 end) as bigint), \
             cast(sum(case when c.standing = 'replayed' then 1 else 0 end) as bigint) \
             from (select r.id as whose, r.project_id, m.agent, m.provider, m.model, m.input_tokens, m.output_tokens, \
             m.cached_tokens, m.cost, m.standing, m.created_at from model_call m join run r on r.number = m.run_number \
             union all select trial, cast(null as text), agent, provider, model, input_tokens, output_tokens, \
             cached_tokens, cost, standing, created_at from trial_call) c left join project p on p.id = c.project_id \
             where (cast($1 as text) is null or c.project_id = $1) \
             and (cast($2 as text) is null or c.whose = $2) and c.created_at >= $3 group by ",
            $of,
            " order by ",
            $order
        )
    };
}

impl Calls for Store {
    async fn totals(&self, by: Dimension, filter: &CallFilter) -> Result<Vec<Total>, Error> {
        let sql = match by {
            Dimension::Project => totals!("coalesce(p.name, '')", "6 desc, 1"),
            Dimension::Run => totals!("c.whose", "6 desc, 1"),
            Dimension::Agent => totals!("c.agent", "6 desc, 1"),
            Dimension::Model => totals!("c.provider || '/' || c.model", "6 desc, 1"),
            // Milliseconds of a day.
            Dimension::Day => totals!("cast(c.created_at / 86400000 as text)", "min(c.created_at)"),
        };
        let since = filter.since.unwrap_or(Timestamp(0));
        let project = filter.project.as_ref().map(ProjectId::as_str);
        self.list(sql, args![project, filter.whose.as_deref(), since], |row| {
            let row = row.of("model_call");
            let of = row.text(0)?;
            Ok(Total {
                of: if by == Dimension::Day { day(&of) } else { of },
                calls: row.number(1)?,
                input_tokens: row.number(2)?,
                output_tokens: row.number(3)?,
                cached_tokens: row.number(4)?,
                cost: Usd::from_billionths(row.number(5)?),
                estimated: row.number(6)?,
                unpriced: row.number(7)?,
                replayed: row.number(8)?,
            })
        })
        .await
    }

    async fn charge_trial(&self, trial: &TrialId, calls: &[Entry]) -> Result<(), Error> {
        transaction!(self, |tx| {
            for call in calls {
                tx.execute(
                    "insert into trial_call (trial, key, agent, provider, model, input_tokens, output_tokens, \
                     cached_tokens, cost, standing, created_at, updated_at) \
                     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11) on conflict (trial, key) \
                     do update set provider = excluded.provider, model = excluded.model, \
                     input_tokens = excluded.input_tokens, output_tokens = excluded.output_tokens, \
                     cached_tokens = excluded.cached_tokens, cost = excluded.cost, standing = excluded.standing, \
                     updated_at = excluded.updated_at where trial_call.standing = 'reserved'",
                    args![
                        trial.as_str(),
                        &call.key,
                        call.agent.as_str(),
                        &call.provider,
                        &call.model,
                        call.input_tokens,
                        call.output_tokens,
                        call.cached_tokens,
                        call.cost.billionths(),
                        call.standing.as_str(),
                        call.at,
                    ],
                )
                .await?;
            }
            Ok(())
        })
    }

    async fn entries(&self, run: &RunId, since: Timestamp) -> Result<Vec<Entry>, Error> {
        self.list(
            "select c.key, r.id, c.visit, c.agent, c.provider, c.model, c.input_tokens, c.output_tokens, \
             c.cached_tokens, c.cost, c.standing, c.updated_at from model_call c join run r on r.number = c.run_number \
             where r.id = $1 and c.updated_at >= $2 order by c.updated_at, c.key",
            args![run.as_str(), since],
            |row| {
                let row = row.of("model_call");
                Ok(Entry {
                    key: row.text(0)?,
                    run: row.parsed(1, |text| RunId::parse(text).ok())?,
                    visit: row.number(2)?,
                    agent: row.parsed(3, |text| AgentName::parse(text).ok())?,
                    provider: row.text(4)?,
                    model: row.text(5)?,
                    input_tokens: row.number(6)?,
                    output_tokens: row.number(7)?,
                    cached_tokens: row.number(8)?,
                    cost: Usd::from_billionths(row.number(9)?),
                    standing: row.parsed(10, |text| Standing::ALL.into_iter().find(|one| one.as_str() == text))?,
                    at: row.time(11)?,
                })
            },
        )
        .await
    }
}

/// A number of days since 1970 as a date.
fn day(number: &str) -> String {
    let days: i64 = number.parse().unwrap_or_default();
    jiff::Timestamp::from_second(days.saturating_mul(86_400))
        .map_or_else(|_| number.to_owned(), |moment| moment.strftime("%Y-%m-%d").to_string())
}

pub(super) async fn put(tx: &mut Tx, run: i64, call: &Entry) -> Result<(), Error> {
    tx.execute(
        "insert into model_call (run_number, key, visit, agent, provider, model, input_tokens, output_tokens, \
         cached_tokens, cost, standing, created_at, updated_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12) on conflict (run_number, key) \
         do update set provider = excluded.provider, model = excluded.model, input_tokens = excluded.input_tokens, \
         output_tokens = excluded.output_tokens, cached_tokens = excluded.cached_tokens, cost = excluded.cost, \
         standing = excluded.standing, updated_at = excluded.updated_at where model_call.standing = 'reserved'",
        args![
            run,
            &call.key,
            u64::from(call.visit),
            call.agent.as_str(),
            &call.provider,
            &call.model,
            call.input_tokens,
            call.output_tokens,
            call.cached_tokens,
            call.cost.billionths(),
            call.standing.as_str(),
            call.at,
        ],
    )
    .await
    .map(drop)
}
