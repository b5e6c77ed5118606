//! Runs: rows, the journal they append to, and the questions they wait for.
//!
//! Whoever holds the lease appends ([`Runs::append`]); a run that waits or is queued is moved without one
//! ([`Runs::move_run`], [`Runs::answer`]). Every write happens in one transaction that first looks at what stands,
//! so two processes cannot both win, and a run that is over stays as it is. The journal's statements are in
//! `journal`, moves and answers in `moves`.

mod journal;
mod moves;

use super::engine::{Lasting, Row, Tx, args, locking, transaction};
use super::{Error, Store, leases};
use crate::domain::ids::{AskId, ProjectId, RunId, UserId};
use crate::domain::run::{Answer, Ask, Batch, EffectRow, EventRow, Holder, IllegalMove, Lease, Run, RunStatus};
use crate::domain::time::Timestamp;

/// Which runs to list; what is absent or empty does not restrict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFilter {
    /// Runs of this project.
    pub project: Option<ProjectId>,
    /// Runs that stand at one of these.
    pub statuses: Vec<RunStatus>,
    /// Runs whose id begins so.
    pub id_prefix: Option<String>,
    /// Runs that are this user's: of their projects, and of no project yet when they asked for them.
    pub owner: Option<UserId>,
    /// Those after so many.
    pub skip: u32,
    /// At most so many.
    pub limit: u32,
}

impl Default for RunFilter {
    fn default() -> Self {
        Self { project: None, statuses: Vec::new(), id_prefix: None, owner: None, skip: 0, limit: u32::MAX }
    }
}

impl RunFilter {
    /// The statuses as `,queued,running,`: a list in one argument, which both engines can search.
    fn spelled_statuses(&self) -> String {
        let mut statuses = String::new();
        for status in &self.statuses {
            statuses.push_str(if statuses.is_empty() { "," } else { "" });
            statuses.push_str(status.as_str());
            statuses.push(',');
        }
        statuses
    }
}

/// What came of an append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// Who asked for the run to end, if somebody did.
    pub cancel_wanted_by: Option<String>,
}

/// What can be done with the runs of a store.
pub trait Runs {
    /// Adds a run.
    ///
    /// # Errors
    /// [`Error::IdTaken`]; [`Error::NotFound`] without its project.
    fn create_run(&self, run: &Run) -> impl Future<Output = Result<(), Error>> + Send;
    /// Adds a run with its first event; `run.seq` is 1.
    ///
    /// # Errors
    /// As [`Runs::create_run`].
    fn begin_run(&self, run: &Run, first: &EventRow) -> impl Future<Output = Result<(), Error>> + Send;
    /// The same for a run that this process goes on with at once: it survives the process, and the machine from the
    /// next write on that is waited for, which nothing outside happens before.
    ///
    /// # Errors
    /// As [`Runs::create_run`].
    fn start_run(&self, run: &Run, first: &EventRow) -> impl Future<Output = Result<(), Error>> + Send;
    /// The run with that id.
    fn run(&self, id: &RunId) -> impl Future<Output = Result<Option<Run>, Error>> + Send;
    /// The runs a filter lets through, newest first.
    fn runs(&self, filter: &RunFilter) -> impl Future<Output = Result<Vec<Run>, Error>> + Send;
    /// How many runs a filter lets through, however many of them it skips and lists.
    fn count_runs(&self, filter: &RunFilter) -> impl Future<Output = Result<u64, Error>> + Send;
    /// Writes a batch, all of it or nothing; it is on disk when this returns. An empty batch only asks.
    ///
    /// # Errors
    /// [`Error::FenceLost`] unless the lease is still its holder's (expired is good enough while nobody took it);
    /// [`Error::OutOfOrder`] when the events do not follow the newest one; [`Error::IllegalMove`] when the run is
    /// over; [`Error::Conflict`] when an effect is done already; [`Error::NotFound`].
    fn append(
        &self,
        lease: &Lease,
        run: &RunId,
        batch: &Batch,
        at: Timestamp,
    ) -> impl Future<Output = Result<Appended, Error>> + Send;
    /// The events of a run after a number, in order; none for a run that is not there.
    fn events(&self, run: &RunId, after: u64, limit: u32) -> impl Future<Output = Result<Vec<EventRow>, Error>> + Send;
    /// The newest snapshot of a run, with the number of the event it was taken after.
    fn snapshot(&self, run: &RunId) -> impl Future<Output = Result<Option<(u64, String)>, Error>> + Send;
    /// The effect with that key; where forks share it, the one of the run they came from.
    fn effect(&self, key: &str) -> impl Future<Output = Result<Option<EffectRow>, Error>> + Send;
    /// The effects of a run, in the order of their first mark.
    fn effects(&self, run: &RunId) -> impl Future<Output = Result<Vec<EffectRow>, Error>> + Send;
    /// The effects of a run that were marked at a moment or later, in the order of their first mark.
    fn effects_since(
        &self,
        run: &RunId,
        since: Timestamp,
    ) -> impl Future<Output = Result<Vec<EffectRow>, Error>> + Send;
    /// Leaves a note for the holder of a run that it should end.
    ///
    /// # Errors
    /// [`Error::IllegalMove`] when the run is over; [`Error::NotFound`].
    fn request_cancel(&self, run: &RunId, by: &str, at: Timestamp) -> impl Future<Output = Result<(), Error>> + Send;
    /// Who left that note, if somebody did. One small read.
    fn cancel_wanted_by(&self, run: &RunId) -> impl Future<Output = Result<Option<String>, Error>> + Send;
    /// Moves a run that nobody holds, with the event that says so.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the run is not at `expected` any more or has newer events; [`Error::IllegalMove`]
    /// when `expected` is the end; [`Error::NotFound`].
    fn move_run(
        &self,
        run: &RunId,
        expected: RunStatus,
        to: RunStatus,
        reason: Option<&str>,
        event: &EventRow,
        at: Timestamp,
    ) -> impl Future<Output = Result<(), Error>> + Send;
    /// The ask with that id.
    fn ask(&self, id: &AskId) -> impl Future<Output = Result<Option<Ask>, Error>> + Send;
    /// The number on the buttons of an ask, this one from the first time on; none for an ask that is not there.
    fn ask_nonce(&self, id: &AskId, fresh: &str) -> impl Future<Output = Result<Option<String>, Error>> + Send;
    /// The number on the buttons of an ask, if it has buttons.
    fn nonce_of(&self, id: &AskId) -> impl Future<Output = Result<Option<String>, Error>> + Send;
    /// What a run waits for now: its newest ask without an answer, while the run waits.
    fn open_ask(&self, run: &RunId) -> impl Future<Output = Result<Option<Ask>, Error>> + Send;
    /// The questions and approvals that runs wait for and whose deadline is no later than `now`, the oldest first.
    fn overdue_asks(&self, now: Timestamp) -> impl Future<Output = Result<Vec<Ask>, Error>> + Send;
    /// Stores the first answer to an ask and queues the run, with the event that says so.
    ///
    /// # Errors
    /// [`Error::AlreadyAnswered`]; [`Error::IllegalMove`] or [`Error::Conflict`] when the run no longer waits for
    /// it or has newer events; [`Error::NotFound`].
    fn answer(&self, ask: &AskId, answer: &Answer, event: &EventRow) -> impl Future<Output = Result<(), Error>> + Send;
    /// Copies a run's journal up to event `at` into a new run: the events, the snapshot when it is not newer, the
    /// effects done by then. `new` gives the id, the request, the status and the project; its origin and number
    /// are set here. The old run is untouched.
    ///
    /// # Errors
    /// [`Error::NotFound`] without the run or that event; [`Error::IdTaken`].
    fn fork_run(&self, from: &RunId, at: u64, new: &Run) -> impl Future<Output = Result<(), Error>> + Send;
}

fn status(text: &str) -> Option<RunStatus> {
    RunStatus::ALL.into_iter().find(|status| status.as_str() == text)
}

pub(super) fn decode(row: &Row) -> Result<Run, Error> {
    let row = row.of("run");
    let forked_from = row.maybe_parsed(5, |text| RunId::parse(text).ok())?;
    Ok(Run {
        id: row.parsed(0, |text| RunId::parse(text).ok())?,
        project: row.maybe_parsed(1, |text| ProjectId::parse(text).ok())?,
        request: row.parsed(2, |text| serde_json::from_str(text).ok())?,
        status: row.parsed(3, status)?,
        reason: row.maybe_text(4)?,
        forked_from: match forked_from {
            Some(run) => Some((run, row.number(6)?)),
            None => None,
        },
        seq: row.number(7)?,
        asked_by: row.maybe_parsed(8, |text| UserId::parse(text).ok())?,
        created_at: row.time(9)?,
        updated_at: row.time(10)?,
    })
}

/// What a transaction has to know of a run before it writes.
struct Standing {
    number: i64,
    seq: u64,
    status: RunStatus,
    cancel_wanted_by: Option<String>,
}

impl Standing {
    /// Looks at a run and keeps it as it is until the transaction ends.
    async fn of(tx: &mut Tx, run: &RunId) -> Result<Self, Error> {
        let row = tx
            .row(
                locking!("select number, seq, status, cancel_requested, cancel_by from run where id = $1"),
                args![run.as_str()],
            )
            .await?;
        row.as_ref().map_or_else(|| Err(missing(run)), Self::read)
    }

    /// The same for the holder of a lease, in one statement; refuses one who lost it.
    async fn held(tx: &mut Tx, run: &RunId, lease: &Lease) -> Result<Self, Error> {
        let Holder { host, boot_id, pid, started } = &lease.holder;
        let row = tx
            .row(
                locking!(
                    "select r.number, r.seq, r.status, r.cancel_requested, r.cancel_by from lease l, run r \
                     where l.resource = $1 and l.held and l.fence = $2 and l.host = $3 and l.boot_id = $4 \
                     and l.pid = $5 and l.started = $6 and r.id = $7"
                ),
                args![&lease.resource, lease.fence, host, boot_id, *pid, *started, run.as_str()],
            )
            .await?;
        if let Some(row) = row {
            return Self::read(&row);
        }
        // One of the two is not there, and each says so itself.
        leases::check(tx, lease).await?;
        Self::of(tx, run).await
    }

    fn read(row: &Row) -> Result<Self, Error> {
        let row = row.of("run");
        Ok(Self {
            number: row.int(0)?,
            seq: row.number(1)?,
            status: row.parsed(2, status)?,
            cancel_wanted_by: wanted_by(row.bool(3)?, row.maybe_text(4)?),
        })
    }

    /// The first terminal outcome wins: nothing is written to a run that is over.
    fn check_live(&self) -> Result<(), Error> {
        if self.status.is_terminal() {
            return Err(Error::IllegalMove(IllegalMove {
                status: self.status,
                action: "be written to",
                allowed: "only be read: it is over".to_owned(),
            }));
        }
        Ok(())
    }

    /// A single event that someone without the lease appends has to be the next one.
    fn check_next(&self, run: &RunId, event: &EventRow) -> Result<(), Error> {
        if event.seq == self.seq + 1 {
            return Ok(());
        }
        Err(Error::Conflict {
            what: format!("run `{run}`"),
            expected: format!("event {} to be its newest", event.seq.saturating_sub(1)),
            found: format!("event {}", self.seq),
        })
    }
}

/// Who wants a run to end. A store from before names were kept does not say.
fn wanted_by(wanted: bool, by: Option<String>) -> Option<String> {
    wanted.then(|| by.unwrap_or_else(|| "a person".to_owned()))
}

fn missing(run: &RunId) -> Error {
    Error::NotFound { what: "run", id: run.to_string() }
}

async fn insert(tx: &mut Tx, run: &Run) -> Result<(), Error> {
    let request = serde_json::to_string(&run.request).expect("a request is JSON");
    let (forked_from, forked_at) = run.forked_from.as_ref().map(|(id, at)| (id.as_str(), *at)).unzip();
    // Without whoever asked for it, it would go on with the operator's rights.
    if let Some(person) = &run.asked_by
        && tx.row(locking!("select 1 from person where id = $1"), args![person.as_str()]).await?.is_none()
    {
        return Err(Error::NotFound { what: "user", id: person.to_string() });
    }
    let inserted = tx
        .execute(
            "insert into run (id, project_id, request, status, reason, forked_from, forked_at, seq, \
             cancel_requested, asked_by, created_at, updated_at) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, false, $9, $10, $11)",
            args![
                run.id.as_str(),
                run.project.as_ref().map(ProjectId::as_str),
                &request,
                run.status.as_str(),
                run.reason.as_deref(),
                forked_from,
                forked_at,
                run.seq,
                run.asked_by.as_ref().map(UserId::as_str),
                run.created_at,
                run.updated_at,
            ],
        )
        .await;
    match (inserted, &run.project) {
        (Ok(_), _) => Ok(()),
        (Err(error), _) if error.breaks_unique() => Err(Error::IdTaken { what: "run", id: run.id.to_string() }),
        (Err(error), Some(project)) if error.breaks_reference() => {
            Err(Error::NotFound { what: "project", id: project.to_string() })
        }
        (Err(error), _) => Err(error),
    }
}

/// A statement about the runs that a filter lets through: what stands before and after the conditions, which take the
/// project, the statuses, the beginning of the id and the owner as `$1` to `$4`.
macro_rules! filtered {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            " where (cast($1 as text) is null or project_id = $1) and ($2 = '' or $2 like '%,' || status || ',%') \
             and substr(id, 1, length(cast($3 as text))) = $3 and (cast($4 as text) is null \
             or exists (select 1 from project where project.id = run.project_id and project.owner_id = $4) \
             or (asked_by = $4 and not exists (select 1 from project where project.id = run.project_id)))",
            $after
        )
    };
}

/// Adds a run with its first event.
pub(super) async fn begin(tx: &mut Tx, run: &Run, first: &EventRow) -> Result<(), Error> {
    insert(tx, run).await?;
    let standing = Standing::of(tx, &run.id).await?;
    journal::append_event(tx, &run.id, &standing, first).await
}

impl Runs for Store {
    async fn create_run(&self, run: &Run) -> Result<(), Error> {
        transaction!(self, |tx| { insert(tx, run).await })
    }

    async fn begin_run(&self, run: &Run, first: &EventRow) -> Result<(), Error> {
        transaction!(self, |tx| { begin(tx, run, first).await })
    }

    async fn start_run(&self, run: &Run, first: &EventRow) -> Result<(), Error> {
        transaction!(self, Lasting::Process, |tx| { begin(tx, run, first).await })
    }

    async fn run(&self, id: &RunId) -> Result<Option<Run>, Error> {
        self.find(
            "select id, project_id, request, status, reason, forked_from, forked_at, seq, asked_by, created_at, updated_at \
             from run where id = $1",
            args![id.as_str()],
            decode,
        )
        .await
    }

    async fn runs(&self, filter: &RunFilter) -> Result<Vec<Run>, Error> {
        self.list(
            filtered!(
                "select id, project_id, request, status, reason, forked_from, forked_at, seq, asked_by, created_at, \
                 updated_at from run",
                " order by created_at desc, number desc limit $5 offset $6"
            ),
            args![
                filter.project.as_ref().map(ProjectId::as_str),
                &filter.spelled_statuses(),
                filter.id_prefix.as_deref().unwrap_or(""),
                filter.owner.as_ref().map(UserId::as_str),
                filter.limit,
                filter.skip,
            ],
            decode,
        )
        .await
    }

    async fn count_runs(&self, filter: &RunFilter) -> Result<u64, Error> {
        let statuses = filter.spelled_statuses();
        let args = args![
            filter.project.as_ref().map(ProjectId::as_str),
            &statuses,
            filter.id_prefix.as_deref().unwrap_or(""),
            filter.owner.as_ref().map(UserId::as_str),
        ];
        let count = self.find(filtered!("select count(*) from run", ""), args, |row| row.of("run").number(0));
        Ok(count.await?.unwrap_or(0))
    }

    async fn append(&self, lease: &Lease, run: &RunId, batch: &Batch, at: Timestamp) -> Result<Appended, Error> {
        journal::append(self, lease, run, batch, at).await
    }

    async fn events(&self, run: &RunId, after: u64, limit: u32) -> Result<Vec<EventRow>, Error> {
        journal::events(self, run, after, limit).await
    }

    async fn snapshot(&self, run: &RunId) -> Result<Option<(u64, String)>, Error> {
        self.find(
            "select s.seq, s.body from run_snapshot s join run r on r.number = s.run_number where r.id = $1",
            args![run.as_str()],
            |row| {
                let row = row.of("run_snapshot");
                Ok((row.number(0)?, row.text(1)?))
            },
        )
        .await
    }

    async fn effect(&self, key: &str) -> Result<Option<EffectRow>, Error> {
        self.find(
            "select e.key, r.id, e.kind, e.mark, e.args, e.result, e.updated_at \
             from effect e join run r on r.number = e.run_number where e.key = $1 order by e.number limit 1",
            args![key],
            journal::effect,
        )
        .await
    }

    async fn effects(&self, run: &RunId) -> Result<Vec<EffectRow>, Error> {
        self.list(
            "select e.key, r.id, e.kind, e.mark, e.args, e.result, e.updated_at \
             from effect e join run r on r.number = e.run_number where r.id = $1 order by e.number",
            args![run.as_str()],
            journal::effect,
        )
        .await
    }

    async fn effects_since(&self, run: &RunId, since: Timestamp) -> Result<Vec<EffectRow>, Error> {
        self.list(
            "select e.key, r.id, e.kind, e.mark, e.args, e.result, e.updated_at \
             from effect e join run r on r.number = e.run_number where r.id = $1 and e.updated_at >= $2 \
             order by e.number",
            args![run.as_str(), since],
            journal::effect,
        )
        .await
    }

    async fn request_cancel(&self, run: &RunId, by: &str, at: Timestamp) -> Result<(), Error> {
        moves::request_cancel(self, run, by, at).await
    }

    async fn cancel_wanted_by(&self, run: &RunId) -> Result<Option<String>, Error> {
        let sql = "select cancel_requested, cancel_by from run where id = $1";
        let wanted = |row: &Row| Ok(wanted_by(row.of("run").bool(0)?, row.of("run").maybe_text(1)?));
        Ok(self.find(sql, args![run.as_str()], wanted).await?.flatten())
    }

    async fn move_run(
        &self,
        run: &RunId,
        expected: RunStatus,
        to: RunStatus,
        reason: Option<&str>,
        event: &EventRow,
        at: Timestamp,
    ) -> Result<(), Error> {
        moves::move_run(self, run, expected, to, reason, event, at).await
    }

    async fn ask(&self, id: &AskId) -> Result<Option<Ask>, Error> {
        self.find(
            "select id, run_id, wait, questions, answer, created_at, deadline from ask where id = $1",
            args![id.as_str()],
            moves::decode_ask,
        )
        .await
    }

    async fn ask_nonce(&self, id: &AskId, fresh: &str) -> Result<Option<String>, Error> {
        transaction!(self, |tx| {
            let sql = "update ask set nonce = coalesce(nonce, $2) where id = $1 returning nonce";
            let row = tx.row(sql, args![id.as_str(), fresh]).await?;
            row.map(|row| row.of("ask").text(0)).transpose()
        })
    }

    async fn nonce_of(&self, id: &AskId) -> Result<Option<String>, Error> {
        let sql = "select nonce from ask where id = $1";
        Ok(self.find(sql, args![id.as_str()], |row| row.of("ask").maybe_text(0)).await?.flatten())
    }

    async fn open_ask(&self, run: &RunId) -> Result<Option<Ask>, Error> {
        self.find(
            "select a.id, a.run_id, a.wait, a.questions, a.answer, a.created_at, a.deadline \
             from ask a join run r on r.id = a.run_id where a.run_id = $1 and a.answer is null \
             and r.status in ('waiting_input', 'waiting_approval', 'waiting_secret', 'waiting_capacity') \
             order by a.created_at desc, a.id desc limit 1",
            args![run.as_str()],
            moves::decode_ask,
        )
        .await
    }

    async fn overdue_asks(&self, now: Timestamp) -> Result<Vec<Ask>, Error> {
        self.list(
            "select a.id, a.run_id, a.wait, a.questions, a.answer, a.created_at, a.deadline \
             from ask a join run r on r.id = a.run_id where a.deadline <= $1 and a.deadline is not null \
             and a.answer is null and r.status in ('waiting_input', 'waiting_approval') order by a.deadline, a.id",
            args![now],
            moves::decode_ask,
        )
        .await
    }

    async fn answer(&self, ask: &AskId, answer: &Answer, event: &EventRow) -> Result<(), Error> {
        moves::answer(self, ask, answer, event).await
    }

    async fn fork_run(&self, from: &RunId, at: u64, new: &Run) -> Result<(), Error> {
        journal::fork(self, from, at, new).await
    }
}
