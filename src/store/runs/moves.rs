//! Moves of runs that nobody holds: a request to end, a move of the status, an answer.

use super::Standing;
use super::journal::append_event;
use crate::domain::ids::{AskId, RunId};
use crate::domain::notice::{Notice, NoticeKind};
use crate::domain::run::{Answer, Ask, EventRow, RunMove, RunStatus, Wait};
use crate::domain::time::Timestamp;
use crate::store::engine::{Row, Tx, args, locking, transaction};
use crate::store::{Error, Store, notices};

const WAITS: [Wait; 4] = [Wait::Input, Wait::Approval, Wait::Secret, Wait::Capacity];

/// A wait as the store spells it.
pub(super) fn wait_name(wait: Wait) -> &'static str {
    match wait {
        Wait::Input => "input",
        Wait::Approval => "approval",
        Wait::Secret => "secret",
        Wait::Capacity => "capacity",
    }
}

/// The status of a run that waits for it.
fn waiting(wait: Wait) -> RunStatus {
    match wait {
        Wait::Input => RunStatus::WaitingInput,
        Wait::Approval => RunStatus::WaitingApproval,
        Wait::Secret => RunStatus::WaitingSecret,
        Wait::Capacity => RunStatus::WaitingCapacity,
    }
}

pub(super) fn decode_ask(row: &Row) -> Result<Ask, Error> {
    let row = row.of("ask");
    Ok(Ask {
        id: row.parsed(0, |text| AskId::parse(text).ok())?,
        run: row.parsed(1, |text| RunId::parse(text).ok())?,
        wait: row.parsed(2, |text| WAITS.into_iter().find(|wait| wait_name(*wait) == text))?,
        questions: row.parsed(3, |text| serde_json::from_str(text).ok())?,
        answer: row.maybe_parsed(4, |text| serde_json::from_str(text).ok())?,
        created_at: row.time(5)?,
        deadline: row.maybe_int(6)?.map(Timestamp),
    })
}

/// Writes a status with the event that explains it.
async fn set(
    tx: &mut Tx,
    run: &RunId,
    standing: &Standing,
    to: RunStatus,
    reason: Option<&str>,
    event: &EventRow,
    at: Timestamp,
) -> Result<(), Error> {
    append_event(tx, run, standing, event).await?;
    if let Some(kind) = NoticeKind::of_status(to) {
        notices::owe(tx, &Notice::of_run(kind, run, event.seq, at)).await?;
    }
    tx.execute(
        "update run set seq = $2, status = $3, reason = $4, updated_at = $5 where number = $1",
        args![standing.number, event.seq, to.as_str(), reason, at],
    )
    .await
    .map(drop)
}

fn moved(run: &RunId, expected: RunStatus, found: RunStatus) -> Error {
    Error::Conflict {
        what: format!("run `{run}`"),
        expected: expected.as_str().to_owned(),
        found: found.as_str().to_owned(),
    }
}

pub(super) async fn request_cancel(store: &Store, run: &RunId, by: &str, at: Timestamp) -> Result<(), Error> {
    transaction!(store, |tx| {
        Standing::of(tx, run).await?.status.next(RunMove::Cancel)?;
        // The first one who asks is told of.
        tx.execute(
            "update run set cancel_requested = true, cancel_by = coalesce(cancel_by, $3), updated_at = $2 where id = $1",
            args![run.as_str(), at, by],
        )
        .await?;
        Ok(())
    })
}

pub(super) async fn move_run(
    store: &Store,
    run: &RunId,
    expected: RunStatus,
    to: RunStatus,
    reason: Option<&str>,
    event: &EventRow,
    at: Timestamp,
) -> Result<(), Error> {
    transaction!(store, |tx| {
        let standing = Standing::of(tx, run).await?;
        if standing.status != expected {
            return Err(moved(run, expected, standing.status));
        }
        standing.check_live()?;
        standing.check_next(run, event)?;
        set(tx, run, &standing, to, reason, event, at).await
    })
}

pub(super) async fn answer(store: &Store, id: &AskId, answer: &Answer, event: &EventRow) -> Result<(), Error> {
    let text = serde_json::to_string(answer).expect("an answer is JSON");
    transaction!(store, |tx| {
        let row = tx
            .row(
                locking!("select id, run_id, wait, questions, answer, created_at, deadline from ask where id = $1"),
                args![id.as_str()],
            )
            .await?;
        let Some(row) = row else { return Err(Error::NotFound { what: "question", id: id.to_string() }) };
        let ask = decode_ask(&row)?;
        if let Some(first) = ask.answer {
            return Err(Error::AlreadyAnswered { by: first.by, at: first.at });
        }
        let standing = Standing::of(tx, &ask.run).await?;
        let to = standing.status.next(RunMove::Continue)?;
        if standing.status != waiting(ask.wait) {
            return Err(moved(&ask.run, waiting(ask.wait), standing.status));
        }
        standing.check_next(&ask.run, event)?;
        tx.execute("update ask set answer = $2, updated_at = $3 where id = $1", args![id.as_str(), &text, answer.at])
            .await?;
        set(tx, &ask.run, &standing, to, None, event, answer.at).await
    })
}
