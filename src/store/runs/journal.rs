//! The journal's statements: append, read, fork.
//!
//! An event's key is its run's number and its own in one integer, see [`event_id`] and the migration that makes
//! the table. An append is one transaction with as few statements as the checks allow: it is what a run waits for
//! before every effect.

use super::{Appended, Standing, insert, missing};
use crate::domain::ids::RunId;
use crate::domain::notice::{Notice, NoticeKind};
use crate::domain::run::{Ask, Batch, EffectMark, EffectRow, EventRow, Lease, Run};
use crate::domain::time::Timestamp;
use crate::store::engine::{Row, Tx, args, transaction};
use crate::store::{Error, Store, calls, notices};

/// Bits of an event's key that number it in its run.
const SEQ_BITS: u32 = 24;
const SEQ_END: u64 = 1 << SEQ_BITS;

/// The key of a run's event; key 0 of a run is before its first event.
fn event_id(number: i64, seq: u64) -> i64 {
    (number << SEQ_BITS) + seq.min(SEQ_END - 1).cast_signed()
}

pub(super) async fn append_event(tx: &mut Tx, run: &RunId, standing: &Standing, event: &EventRow) -> Result<(), Error> {
    if event.seq >= SEQ_END {
        return Err(Error::JournalFull { run: run.clone() });
    }
    tx.execute(
        "insert into run_event (id, at, kind, body) values ($1, $2, $3, $4)",
        args![event_id(standing.number, event.seq), event.at, &event.kind, &event.body],
    )
    .await
    .map(drop)
}

pub(super) async fn append(
    store: &Store,
    lease: &Lease,
    run: &RunId,
    batch: &Batch,
    at: Timestamp,
) -> Result<Appended, Error> {
    transaction!(store, |tx| {
        let standing = Standing::held(tx, run, lease).await?;
        let appended = Appended { cancel_wanted_by: standing.cancel_wanted_by.clone() };
        if batch.is_empty() {
            return Ok(appended);
        }
        standing.check_live()?;
        let mut seq = standing.seq;
        for event in &batch.events {
            if event.seq != seq + 1 {
                return Err(Error::OutOfOrder { run: run.clone(), newest: seq, found: event.seq });
            }
            seq = event.seq;
            append_event(tx, run, &standing, event).await?;
        }
        for effect in &batch.effects {
            mark(tx, &standing, effect, seq).await?;
        }
        for call in &batch.calls {
            calls::put(tx, standing.number, call).await?;
        }
        if let Some((after, body)) = &batch.snapshot {
            tx.execute(
                "insert into run_snapshot (run_number, seq, body, created_at, updated_at) \
                 values ($1, $2, $3, $4, $4) on conflict (run_number) \
                 do update set seq = excluded.seq, body = excluded.body, updated_at = excluded.updated_at",
                args![standing.number, *after, body, at],
            )
            .await?;
        }
        if let Some(ask) = &batch.ask {
            insert_ask(tx, ask, at).await?;
        }
        let status = batch.status.as_ref();
        if let Some(kind) = status.and_then(|(status, _)| NoticeKind::of_status(*status)) {
            let ask = batch.ask.as_ref().map(|ask| ask.id.clone());
            notices::owe(tx, &Notice { ask, ..Notice::of_run(kind, run, seq, at) }).await?;
        }
        if let Some(project) = &batch.project {
            // Apart from what every batch sets: a column of an index costs a page of it.
            let sql = "update run set project_id = $2 where number = $1";
            match tx.execute(sql, args![standing.number, project.as_str()]).await {
                Err(error) if error.breaks_reference() => {
                    return Err(Error::NotFound { what: "project", id: project.to_string() });
                }
                set => set?,
            };
        }
        tx.execute(
            "update run set seq = $2, status = coalesce($3, status), reason = case when $4 then $5 else reason end, \
             updated_at = $6 where number = $1",
            args![
                standing.number,
                seq,
                status.map(|(status, _)| status.as_str()),
                status.is_some(),
                status.and_then(|(_, reason)| reason.as_deref()),
                at,
            ],
        )
        .await?;
        Ok(appended)
    })
}

/// Sets an effect's mark. Done is the end: an effect that happened is never marked otherwise.
async fn mark(tx: &mut Tx, standing: &Standing, effect: &EffectRow, seq: u64) -> Result<(), Error> {
    let marked = tx
        .execute(
            "insert into effect (key, run_number, kind, mark, args, result, seq, created_at, updated_at) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, $8) on conflict (run_number, key) \
             do update set mark = excluded.mark, args = excluded.args, result = excluded.result, \
             seq = excluded.seq, updated_at = excluded.updated_at where effect.mark <> 'done'",
            args![
                &effect.key,
                standing.number,
                &effect.kind,
                effect.mark.as_str(),
                &effect.args,
                effect.result.as_deref(),
                seq,
                effect.at,
            ],
        )
        .await?;
    if marked == 0 {
        return Err(Error::Conflict {
            what: format!("effect `{}`", effect.key),
            expected: "not done".to_owned(),
            found: EffectMark::Done.as_str().to_owned(),
        });
    }
    Ok(())
}

async fn insert_ask(tx: &mut Tx, ask: &Ask, at: Timestamp) -> Result<(), Error> {
    let questions = serde_json::to_string(&ask.questions).expect("questions are JSON");
    let answer = ask.answer.as_ref().map(|answer| serde_json::to_string(answer).expect("an answer is JSON"));
    let inserted = tx
        .execute(
            "insert into ask (id, run_id, wait, questions, answer, created_at, updated_at, deadline) \
             values ($1, $2, $3, $4, $5, $6, $7, $8)",
            args![
                ask.id.as_str(),
                ask.run.as_str(),
                super::moves::wait_name(ask.wait),
                &questions,
                answer.as_deref(),
                ask.created_at,
                at,
                ask.deadline,
            ],
        )
        .await;
    match inserted {
        Err(error) if error.breaks_unique() => Err(Error::IdTaken { what: "question", id: ask.id.to_string() }),
        Err(error) if error.breaks_reference() => Err(missing(&ask.run)),
        inserted => inserted.map(drop),
    }
}

pub(super) async fn events(store: &Store, run: &RunId, after: u64, limit: u32) -> Result<Vec<EventRow>, Error> {
    store
        .list(
            "select e.id, e.at, e.kind, e.body from run_event e \
             where e.id > (select number * 16777216 from run where id = $1) + $2 \
             and e.id < (select (number + 1) * 16777216 from run where id = $1) order by e.id limit $3",
            args![run.as_str(), after.min(SEQ_END), limit],
            |row| {
                let row = row.of("run_event");
                let id: u64 = row.number(0)?;
                Ok(EventRow { seq: id % SEQ_END, at: row.time(1)?, kind: row.text(2)?, body: row.text(3)? })
            },
        )
        .await
}

pub(super) fn effect(row: &Row) -> Result<EffectRow, Error> {
    let row = row.of("effect");
    Ok(EffectRow {
        key: row.text(0)?,
        run: row.parsed(1, |text| RunId::parse(text).ok())?,
        kind: row.text(2)?,
        mark: row.parsed(3, |text| EffectMark::ALL.into_iter().find(|mark| mark.as_str() == text))?,
        args: row.text(4)?,
        result: row.maybe_text(5)?,
        at: row.time(6)?,
    })
}

pub(super) async fn fork(store: &Store, from: &RunId, at: u64, new: &Run) -> Result<(), Error> {
    let new = Run { seq: at, forked_from: Some((from.clone(), at)), ..new.clone() };
    transaction!(store, |tx| {
        let source = Standing::of(tx, from).await?;
        if at > source.seq {
            return Err(Error::NotFound { what: "event", id: format!("{from}:{at}") });
        }
        insert(tx, &new).await?;
        let copy = Standing::of(tx, &new.id).await?;
        tx.execute(
            "insert into run_event (id, at, kind, body) select id + $3, at, kind, body from run_event \
             where id > $1 and id <= $2",
            args![
                event_id(source.number, 0),
                event_id(source.number, at),
                event_id(copy.number, 0) - event_id(source.number, 0),
            ],
        )
        .await?;
        tx.execute(
            "insert into run_snapshot (run_number, seq, body, created_at, updated_at) \
             select $2, seq, body, $4, $4 from run_snapshot where run_number = $1 and seq <= $3",
            args![source.number, copy.number, at, new.created_at],
        )
        .await?;
        tx.execute(
            "insert into effect (key, run_number, kind, mark, args, result, seq, created_at, updated_at) \
             select key, $2, kind, mark, args, result, seq, created_at, updated_at from effect \
             where run_number = $1 and mark = 'done' and seq <= $3 order by number",
            args![source.number, copy.number, at],
        )
        .await?;
        Ok(())
    })
}
