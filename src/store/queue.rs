//! The runs that `cgo serve` works on.

use super::engine::{Row, Tx, args, transaction};
use super::notices;
use super::runs::{begin, decode as decode_run};
use super::{Error, Store};
use crate::domain::ids::RunId;
use crate::domain::notice::Notice;
use crate::domain::run::{EventRow, Run};
use crate::domain::time::Timestamp;

/// A run in the queue.
#[derive(Debug, Clone, PartialEq)]
pub struct Queued {
    /// The run.
    pub run: Run,
    /// How often it was taken up since it last made progress.
    pub attempts: u32,
    /// When it may be taken up next.
    pub due_at: Timestamp,
    /// Why the last attempt came to nothing.
    pub problem: Option<String>,
    /// When it was last put into the queue or taken up.
    pub updated_at: Timestamp,
}

/// What can be done with the queue of a store.
pub trait Queue {
    /// Adds a run with its first event and puts it into the queue; `run.seq` is 1. With a key that was used before
    /// nothing is added: the run of that time comes back.
    ///
    /// # Errors
    /// As [`super::Runs::begin_run`].
    fn begin_queued_run(
        &self,
        run: &Run,
        first: &EventRow,
        key: Option<&str>,
    ) -> impl Future<Output = Result<Run, Error>> + Send;
    /// The run that was begun with a key, if one was.
    fn run_of_key(&self, key: &str) -> impl Future<Output = Result<Option<RunId>, Error>> + Send;
    /// Puts a run into the queue, due at once and with all attempts before it.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    fn queue_run(&self, run: &RunId, now: Timestamp) -> impl Future<Output = Result<(), Error>> + Send;
    /// The runs in the queue that are not over, in the order in which they are due. Those that are over leave it.
    fn queued_runs(&self) -> impl Future<Output = Result<Vec<Queued>, Error>> + Send;
    /// Writes attempts, when a run is due and what was in the way; a notice is owed with that.
    fn put_queued(&self, queued: &Queued, owed: Option<&Notice>) -> impl Future<Output = Result<(), Error>> + Send;
}

fn decode(row: &Row) -> Result<Queued, Error> {
    let run = decode_run(row)?;
    let row = row.of("run_queue");
    Ok(Queued {
        run,
        attempts: row.number(11)?,
        due_at: row.time(12)?,
        problem: row.maybe_text(13)?,
        updated_at: row.time(14)?,
    })
}

async fn insert(tx: &mut Tx, run: &RunId, key: Option<&str>, now: Timestamp) -> Result<(), Error> {
    let inserted = tx
        .execute(
            "insert into run_queue (run_id, key, attempts, due_at, problem, done, created_at, updated_at) \
             values ($1, $2, 0, $3, null, false, $3, $3) on conflict (run_id) do update set attempts = 0, \
             due_at = excluded.due_at, problem = null, done = false, updated_at = excluded.updated_at",
            args![run.as_str(), key, now],
        )
        .await;
    match inserted {
        Err(error) if error.breaks_reference() => Err(Error::NotFound { what: "run", id: run.to_string() }),
        inserted => inserted.map(drop),
    }
}

impl Queue for Store {
    async fn begin_queued_run(&self, run: &Run, first: &EventRow, key: Option<&str>) -> Result<Run, Error> {
        let begun = transaction!(self, |tx| {
            if let Some(key) = key
                && let Some(row) = tx.row("select run_id from run_queue where key = $1", args![key]).await?
            {
                return row.of("run_queue").parsed(0, |text| RunId::parse(text).ok()).map(Some);
            }
            begin(tx, run, first).await?;
            insert(tx, &run.id, key, run.created_at).await?;
            Ok(None)
        });
        let before = match (begun, key) {
            (Ok(None), _) => return Ok(run.clone()),
            (Ok(Some(before)), _) => before,
            // Another process has used the key at this moment.
            (Err(error), Some(key)) if error.breaks_unique() => self.run_of_key(key).await?.ok_or(error)?,
            (Err(error), _) => return Err(error),
        };
        let found = super::Runs::run(self, &before).await?;
        found.ok_or_else(|| Error::NotFound { what: "run", id: before.to_string() })
    }

    async fn run_of_key(&self, key: &str) -> Result<Option<RunId>, Error> {
        let id = |row: &Row| row.of("run_queue").parsed(0, |text| RunId::parse(text).ok());
        self.find("select run_id from run_queue where key = $1", args![key], id).await
    }

    async fn queue_run(&self, run: &RunId, now: Timestamp) -> Result<(), Error> {
        transaction!(self, |tx| { insert(tx, run, None, now).await })
    }

    async fn queued_runs(&self) -> Result<Vec<Queued>, Error> {
        let all = self
            .list(
                "select r.id, r.project_id, r.request, r.status, r.reason, r.forked_from, r.forked_at, r.seq, \
                 r.asked_by, r.created_at, r.updated_at, q.attempts, q.due_at, q.problem, q.updated_at \
                 from run_queue q join run r on r.id = q.run_id where q.done = false order by q.due_at, q.created_at, r.id",
                args![],
                decode,
            )
            .await?;
        let (over, open): (Vec<Queued>, Vec<Queued>) =
            all.into_iter().partition(|queued| queued.run.status.is_terminal());
        for queued in over {
            transaction!(self, |tx| {
                tx.execute("update run_queue set done = true where run_id = $1", args![queued.run.id.as_str()]).await?;
                Ok(())
            })?;
        }
        Ok(open)
    }

    async fn put_queued(&self, queued: &Queued, owed: Option<&Notice>) -> Result<(), Error> {
        transaction!(self, |tx| {
            if let Some(notice) = owed {
                notices::owe(tx, notice).await?;
            }
            tx.execute(
                "update run_queue set attempts = $2, due_at = $3, problem = $4, updated_at = $5 where run_id = $1",
                args![
                    queued.run.id.as_str(),
                    queued.attempts,
                    queued.due_at,
                    queued.problem.as_deref(),
                    queued.updated_at,
                ],
            )
            .await?;
            Ok(())
        })
    }
}
