//! Makes a run durable: events in a buffer, everything on disk before the world is touched, effects done once.
//!
//! An event is only buffered. Before an effect acts, the buffer and the effect's intent go to disk in one
//! transaction ([`Recorder::effect`]); what is recorded between two effects shares that commit. After a crash the
//! newest commit tells which effects may have happened, and those are probed before they are repeated.
//!
//! That barrier and the end of a passage are all that anybody waits for. What should be on disk soon without being
//! waited for, such as what a model's answer cost, is written beside the work ([`Recorder::write_soon`]).

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::io::Write as _;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use jiff::civil::Date;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::crash::crash_point;
use super::limit::{self, Whose};
use super::loaded::Loaded;
use super::progress::{self, Event, Progress};
use crate::domain::ids::{ProjectId, RunId};
use crate::domain::ledger::{Entry, Standing};
use crate::domain::money::Usd;
use crate::domain::names::AgentName;
use crate::domain::run::{Ask, Batch, EffectMark, EffectRow, EventRow};
use crate::domain::source::Source;

/// A snapshot of the whole progress is kept every so many events, so that a long run is taken up quickly.
const SNAPSHOT_EVERY: u64 = 200;

/// How long a write that nobody waits for is put off, so that what follows at once shares it: a model that thinks for
/// less costs no commit of its own, and little that was paid for is lost with the power.
const LINGER: Duration = Duration::from_millis(50);
/// The longest it is put off while the store is slow.
const LONGEST_LINGER: Duration = Duration::from_millis(500);

/// Where batches become durable. A write is all or nothing.
pub trait Journal {
    /// Writes a batch and returns after it is on disk.
    fn write(&self, batch: &Batch) -> impl Future<Output = Result<Written, JournalError>>;
}

/// What the journal says back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Who asked for the run to be cancelled, if somebody did.
    pub cancel_wanted_by: Option<String>,
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another process has taken the run over.
    #[error("another process has taken over: {0}")]
    Lost(String),
    /// The store failed.
    #[error("the journal cannot be written")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An event does not fit where the run stands.
    #[error("an event does not fit the run")]
    Event(#[from] progress::Error),
    /// A stored result cannot be read back.
    #[error("the recorded result of effect `{kind}` cannot be read")]
    Result {
        /// The effect's kind.
        kind: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

/// An effect on the world: its kind and what it is done with. Both must be the same whenever the same place in the
/// same run is reached again.
#[derive(Debug)]
pub struct Effect<'a> {
    kind: &'a str,
    args: String,
}

impl<'a> Effect<'a> {
    /// An effect of that kind, such as `git_commit`, and what it is done with.
    #[must_use]
    pub fn new(kind: &'a str, args: &impl Serialize) -> Self {
        Self { kind, args: body(args) }
    }
}

/// The place in a run an effect belongs to: a visit, or a part of one, and how many effects it has had before.
#[derive(Debug)]
pub struct Place {
    visit: u32,
    beside: String,
    first: u32,
    ordinal: Cell<u32>,
    last: RefCell<Option<String>>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}:{}", self.visit, self.beside, self.ordinal.get())
    }
}

/// The most effects of one part of a visit.
const PART: u32 = 1 << 16;

impl Place {
    /// The beginning of a visit.
    #[must_use]
    pub fn new(visit: u32) -> Self {
        Self { visit, beside: String::new(), first: 0, ordinal: Cell::new(0), last: RefCell::default() }
    }

    /// The next part of the visit, with effects of its own: what follows it has the same place however many they are.
    #[must_use]
    pub fn part(&self) -> Self {
        let first = (self.next() + 1).saturating_mul(PART);
        Self {
            visit: self.visit,
            beside: self.beside.clone(),
            first,
            ordinal: Cell::new(first),
            last: RefCell::default(),
        }
    }

    /// A part that is worked on beside others of this place: each counts its own effects.
    #[must_use]
    pub fn beside(&self, name: &str) -> Self {
        let beside = format!("{}/{}/{name}", self.beside, self.first);
        Self { visit: self.visit, beside, first: 0, ordinal: Cell::new(0), last: RefCell::default() }
    }

    fn next(&self) -> u32 {
        let ordinal = self.ordinal.get();
        self.ordinal.set(ordinal + 1);
        ordinal
    }
}

/// An error of an effect that can tell whether the world is as it was.
pub trait Outcome: std::fmt::Display {
    /// The effect is known not to have happened.
    fn nothing_happened(&self) -> bool;
}

/// Why an effect has no result.
#[derive(Debug)]
pub enum Failed<E> {
    /// It was not tried, or its outcome could not be recorded.
    Journal(JournalError),
    /// It was tried.
    Effect(E),
}

/// What is known of an effect while its place may be reached again.
struct Known {
    /// The visit it belongs to; none for what an earlier process did.
    visit: Option<u32>,
    mark: EffectMark,
    result: Option<String>,
}

/// What a call of a model costs.
struct Charge {
    agent: AgentName,
    /// The day it was begun on.
    day: Date,
    cost: Usd,
    /// Whether that is only put aside, because the call is under way.
    aside: bool,
}

impl Charge {
    fn of(entry: &Entry) -> Self {
        let aside = entry.standing == Standing::Reserved;
        Self { agent: entry.agent.clone(), day: limit::day_of(entry.at), cost: entry.cost, aside }
    }
}

struct Inner {
    seq: u64,
    snapshot_at: u64,
    progress: Progress,
    pending: Batch,
    effects: HashMap<String, Known>,
    /// What calls of models cost, by key.
    calls: HashMap<String, Charge>,
    cancel_wanted_by: Option<String>,
}

/// The durable side of one run in this process.
///
/// The nodes of a run, its engine and [`Recorder::keep_up`] share it and are polled by one task: nobody may wait for a
/// lock while somebody who is not polled holds it. So `inner` is never held over an await, and `writing`, which is, is
/// only waited for by nodes and `keep_up`, which are polled together, and by the engine when no node is at work.
pub struct Recorder<J> {
    run: RunId,
    journal: J,
    source: Arc<dyn Source>,
    inner: Mutex<Inner>,
    writing: tokio::sync::Mutex<()>,
    wanted: tokio::sync::Notify,
}

impl<J: Journal> Recorder<J> {
    /// Takes up a run where its journal ends.
    pub fn new(run: RunId, journal: J, source: Arc<dyn Source>, loaded: Loaded) -> Self {
        let known = |effect: EffectRow| (effect.key, Known { visit: None, mark: effect.mark, result: effect.result });
        let effects = loaded.effects.into_iter().map(known).collect();
        // Nothing is under way yet: what was put aside may have been spent.
        let charge = |entry: Entry| (entry.key.clone(), Charge { aside: false, ..Charge::of(&entry) });
        Self {
            run,
            journal,
            source,
            inner: Mutex::new(Inner {
                seq: loaded.seq,
                snapshot_at: loaded.snapshot_at,
                progress: loaded.progress,
                pending: Batch::default(),
                effects,
                calls: loaded.calls.into_iter().map(charge).collect(),
                cancel_wanted_by: None,
            }),
            writing: tokio::sync::Mutex::new(()),
            wanted: tokio::sync::Notify::new(),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no holder of this lock panics")
    }

    /// The run.
    #[must_use]
    pub fn run(&self) -> &RunId {
        &self.run
    }

    /// The run's time and chance.
    #[must_use]
    pub fn source(&self) -> &dyn Source {
        &*self.source
    }

    /// The number of the newest event.
    pub fn seq(&self) -> u64 {
        self.inner().seq
    }

    /// Where the run stands, events that are not on disk yet included.
    pub fn progress(&self) -> Progress {
        self.look(Progress::clone)
    }

    /// Looks at where the run stands. `look` must not call the recorder.
    pub fn look<T>(&self, look: impl FnOnce(&Progress) -> T) -> T {
        look(&self.inner().progress)
    }

    /// Who asked for the run to be cancelled, if somebody did.
    pub fn cancel_wanted_by(&self) -> Option<String> {
        self.inner().cancel_wanted_by.clone()
    }

    /// Notes who asked for the run to be cancelled; the first one counts.
    pub fn request_cancel(&self, by: String) {
        self.inner().cancel_wanted_by.get_or_insert(by);
    }

    /// Records an event; it is on disk after the next [`Recorder::flush`] or effect.
    ///
    /// # Errors
    /// [`JournalError::Event`] when it does not fit.
    pub fn record(&self, event: &Event) -> Result<(), JournalError> {
        let mut inner = self.inner();
        let before = inner.progress.status;
        inner.progress.apply(event)?;
        if let Event::NodeFinished { visit, .. } | Event::Asked { visit, .. } = event {
            // Nobody comes to its places again; the journal has what was done there.
            inner.effects.retain(|_, effect| effect.visit != Some(*visit));
        }
        inner.seq += 1;
        let at = self.source.moment(format_args!("event {}", inner.seq));
        let row = EventRow { seq: inner.seq, at, kind: event.kind().to_owned(), body: body(event) };
        inner.pending.events.push(row);
        let after = inner.progress.status;
        if after != before || inner.pending.status.is_some() {
            let reason = inner.progress.reason.clone();
            inner.pending.status = Some((after, reason));
        }
        Ok(())
    }

    /// Adds what the run begins to wait for, and flushes it with its event.
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn record_ask(&self, event: &Event, ask: Ask) -> Result<(), JournalError> {
        self.record(event)?;
        self.inner().pending.ask = Some(ask);
        self.flush().await
    }

    /// Notes the project the run works on.
    pub fn set_project(&self, project: ProjectId) {
        self.inner().pending.project = Some(project);
    }

    /// A key that no call of a model of this run has yet.
    pub fn fresh_call(&self, visit: u32) -> String {
        // Each key ends with a number above that of every key before it.
        format!("{visit}-{}", self.inner().calls.len() + 1)
    }

    /// Writes what a call of a model may cost, or what it did cost, with the next flush.
    pub fn charge(&self, entry: Entry) {
        let mut inner = self.inner();
        let charge = Charge::of(&entry);
        let begun = inner.calls.get(&entry.key).map_or(charge.day, |begun| begun.day);
        inner.calls.insert(entry.key.clone(), Charge { day: begun, ..charge });
        inner.pending.calls.retain(|pending| pending.key != entry.key);
        inner.pending.calls.push(entry);
    }

    /// What the run's calls of models have cost so far, and what is put aside for those under way: those a limit counts.
    pub fn spent(&self, whose: &Whose) -> (Usd, Usd) {
        let counts = |charge: &Charge| match whose {
            Whose::Run | Whose::Project => true,
            Whose::Agent(agent) => charge.agent == *agent,
            Whose::Day(day) => charge.day == *day,
        };
        let inner = self.inner();
        let of = |aside| {
            let counted = inner.calls.values().filter(|charge| charge.aside == aside && counts(charge));
            counted.map(|charge| charge.cost).sum()
        };
        (of(false), of(true))
    }

    /// Has everything recorded so far written soon, while the caller goes on: [`Recorder::keep_up`] does it.
    pub fn write_soon(&self) {
        self.wanted.notify_one();
    }

    /// Writes what [`Recorder::write_soon`] asked for, for as long as it is polled beside the work. It ends only when
    /// the journal fails; the work has to end with it.
    pub async fn keep_up(&self) -> JournalError {
        let mut linger = LINGER;
        loop {
            self.wanted.notified().await;
            tokio::time::sleep(linger).await;
            let begun = Instant::now();
            if let Err(error) = self.flush().await {
                return error;
            }
            // A store that many write to has more of it at a time.
            linger = begun.elapsed().saturating_mul(4).clamp(LINGER, LONGEST_LINGER);
        }
    }

    /// Puts everything recorded so far on disk.
    ///
    /// # Errors
    /// [`JournalError`]; what was not written stays in the buffer.
    pub async fn flush(&self) -> Result<(), JournalError> {
        let _turn = self.writing.lock().await;
        let batch = {
            let mut inner = self.inner();
            if inner.pending.is_empty() {
                return Ok(());
            }
            if inner.seq - inner.snapshot_at >= SNAPSHOT_EVERY {
                inner.pending.snapshot = Some((inner.seq, body(&inner.progress)));
                inner.snapshot_at = inner.seq;
            }
            std::mem::take(&mut inner.pending)
        };
        crash_point();
        // On the heap: a store's write is large, and would be part of every effect and of every visit.
        match Box::pin(self.journal.write(&batch)).await {
            Ok(written) => {
                crash_point();
                if let Some(by) = written.cancel_wanted_by {
                    self.request_cancel(by);
                }
                Ok(())
            }
            Err(error) => {
                let mut inner = self.inner();
                let later = std::mem::replace(&mut inner.pending, batch);
                inner.pending.add(later);
                Err(error)
            }
        }
    }

    /// Computes something once and keeps it: read from the journal when the same place is reached again. It has no
    /// effect on the world, so it needs no commit of its own.
    ///
    /// # Errors
    /// [`Failed`].
    pub async fn remember<T, E>(
        &self,
        place: &Place,
        what: Effect<'_>,
        compute: impl AsyncFnOnce() -> Result<T, E>,
    ) -> Result<T, Failed<E>>
    where
        T: Serialize + DeserializeOwned,
    {
        let key = self.key(place, &what);
        if let Some(done) = self.done(&key, &what).map_err(Failed::Journal)? {
            return Ok(done);
        }
        let value = compute().await.map_err(Failed::Effect)?;
        self.mark(place, &key, &what, EffectMark::Done, Some(body(&value)));
        Ok(value)
    }

    /// Changes the world once. The intent is on disk before `act` runs; when a crash left it unknown whether it
    /// happened, `probe` is asked first and its finding taken as the result.
    ///
    /// # Errors
    /// [`Failed`].
    pub async fn effect<T, E>(
        &self,
        place: &Place,
        effect: Effect<'_>,
        probe: impl AsyncFnOnce(&str) -> Result<Option<T>, E>,
        act: impl AsyncFnOnce(&str) -> Result<T, E>,
    ) -> Result<T, Failed<E>>
    where
        T: Serialize + DeserializeOwned,
        E: Outcome,
    {
        let key = self.key(place, &effect);
        if let Some(done) = self.done(&key, &effect).map_err(Failed::Journal)? {
            return Ok(done);
        }
        if self.mark_of(&key) == Some(EffectMark::Intended) {
            if let Some(found) = probe(&key).await.map_err(Failed::Effect)? {
                self.mark(place, &key, &effect, EffectMark::Done, Some(body(&found)));
                return Ok(found);
            }
        } else {
            self.mark(place, &key, &effect, EffectMark::Intended, None);
        }
        self.act(place, &key, &effect, act).await
    }

    /// Changes the world in a way that may be repeated: doing it again changes nothing that was done already. The
    /// intent is on disk before `act` runs; when a crash left it unknown whether it happened, it is done again.
    ///
    /// # Errors
    /// [`Failed`].
    pub async fn repeat<T, E>(
        &self,
        place: &Place,
        effect: Effect<'_>,
        act: impl AsyncFnOnce(&str) -> Result<T, E>,
    ) -> Result<T, Failed<E>>
    where
        T: Serialize + DeserializeOwned,
        E: Outcome,
    {
        let key = self.key(place, &effect);
        if let Some(done) = self.done(&key, &effect).map_err(Failed::Journal)? {
            return Ok(done);
        }
        if self.mark_of(&key) != Some(EffectMark::Repeatable) {
            self.mark(place, &key, &effect, EffectMark::Repeatable, None);
        }
        self.act(place, &key, &effect, act).await
    }

    /// Acts once the intent is on disk, and marks what came of it.
    async fn act<T, E>(
        &self,
        place: &Place,
        key: &str,
        effect: &Effect<'_>,
        act: impl AsyncFnOnce(&str) -> Result<T, E>,
    ) -> Result<T, Failed<E>>
    where
        T: Serialize,
        E: Outcome,
    {
        self.flush().await.map_err(Failed::Journal)?;
        match act(key).await {
            Ok(value) => {
                crash_point();
                self.mark(place, key, effect, EffectMark::Done, Some(body(&value)));
                Ok(value)
            }
            Err(error) => {
                if error.nothing_happened() {
                    self.mark(place, key, effect, EffectMark::Failed, Some(error.to_string()));
                }
                Err(Failed::Effect(error))
            }
        }
    }

    /// What [`Recorder::keep`] kept at the beginning of a part of a visit.
    ///
    /// # Errors
    /// [`JournalError::Result`].
    pub fn kept<T: DeserializeOwned>(&self, place: &Place, what: &Effect<'_>) -> Result<Option<T>, JournalError> {
        self.done(&self.key_at(place, place.first, what), what)
    }

    /// Keeps something at the beginning of a part of a visit, whatever was done in it. The first one counts: a visit that
    /// goes on comes to its parts again.
    pub fn keep<T: Serialize>(&self, place: &Place, what: &Effect<'_>, value: &T) {
        let key = self.key_at(place, place.first, what);
        if self.mark_of(&key) != Some(EffectMark::Done) {
            self.mark(place, &key, what, EffectMark::Done, Some(body(value)));
        }
    }

    /// Whether the last effect of a part of a visit was begun and nobody knows whether it happened.
    #[must_use]
    pub fn is_open(&self, place: &Place) -> bool {
        place.last.borrow().as_ref().is_some_and(|key| self.mark_of(key) == Some(EffectMark::Intended))
    }

    fn key(&self, place: &Place, effect: &Effect<'_>) -> String {
        let key = self.key_at(place, place.next(), effect);
        *place.last.borrow_mut() = Some(key.clone());
        key
    }

    fn key_at(&self, place: &Place, ordinal: u32, effect: &Effect<'_>) -> String {
        let mut hash = Sha256::new();
        write!(hash, "{}\0{}\0{ordinal}{}\0{}\0", self.run, place.visit, place.beside, effect.kind)
            .expect("a hash takes everything");
        hash.update(self.source.portable(&effect.args).as_bytes());
        let mut key = String::with_capacity(32);
        for byte in &hash.finalize()[..16] {
            let digit = |half: u8| char::from_digit(half.into(), 16).expect("four bits are one digit");
            key.extend([digit(byte >> 4), digit(byte & 15)]);
        }
        key
    }

    fn mark_of(&self, key: &str) -> Option<EffectMark> {
        self.inner().effects.get(key).map(|effect| effect.mark)
    }

    fn done<T: DeserializeOwned>(&self, key: &str, what: &Effect<'_>) -> Result<Option<T>, JournalError> {
        let inner = self.inner();
        let Some(effect) = inner.effects.get(key).filter(|effect| effect.mark == EffectMark::Done) else {
            return Ok(None);
        };
        serde_json::from_str(effect.result.as_deref().unwrap_or("null"))
            .map(Some)
            .map_err(|source| JournalError::Result { kind: what.kind.to_owned(), source })
    }

    fn mark(&self, place: &Place, key: &str, effect: &Effect<'_>, mark: EffectMark, result: Option<String>) {
        let row = EffectRow {
            key: key.to_owned(),
            run: self.run.clone(),
            kind: effect.kind.to_owned(),
            mark,
            args: effect.args.clone(),
            result,
            at: self.source.moment(format_args!("effect {key} {}", mark.as_str())),
        };
        let mut inner = self.inner();
        let known = Known { visit: Some(place.visit), mark, result: row.result.clone() };
        inner.effects.insert(row.key.clone(), known);
        inner.pending.effects.retain(|pending| pending.key != row.key);
        inner.pending.effects.push(row);
    }
}

fn body(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("events, progress and results have text keys only")
}
