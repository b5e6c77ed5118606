//! Commits that several writers share: each has its own part of one transaction, and one `fsync` makes all of them
//! durable.
//!
//! A part is taken back alone when it fails: beside others it is a savepoint, and the only one is the transaction itself,
//! which saves SQLite a copy of every page it changes. Statements run in the task that asks for them, and so does a commit
//! for as long as commits are quick and nobody else writes ([`Pace`]); what may take long, waiting for another process's
//! lock and any other commit, runs on a thread. While that is under way the next parts wait for their turn, and then go
//! into the next transaction together.
//!
//! Nobody who is not polled holds anybody up: a turn is taken by whoever looks first, never handed over, and is over with
//! the poll it was taken in, unless it is a task's of its own.

use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::{Mutex, Notify, OwnedMutexGuard, oneshot};

use super::engine::{Arg, Lasting};
use super::lite::{self, Row, Use};

/// The one connection of a process that writes.
#[derive(Clone)]
pub(super) struct Group {
    shared: Arc<Shared>,
}

struct Shared {
    inner: Arc<Mutex<Inner>>,
    /// A turn is over.
    free: Notify,
}

/// The use of the connection, which one has at a time.
struct Turn {
    /// There until it is dropped.
    inner: Option<OwnedMutexGuard<Inner>>,
    shared: Arc<Shared>,
}

impl Shared {
    async fn turn(self: &Arc<Self>) -> Turn {
        let mut free = pin!(self.free.notified());
        loop {
            // Before it is tried, or the end of another's turn would be missed.
            free.as_mut().enable();
            if let Ok(inner) = Arc::clone(&self.inner).try_lock_owned() {
                return Turn { inner: Some(inner), shared: Arc::clone(self) };
            }
            free.as_mut().await;
            free.set(self.free.notified());
        }
    }
}

impl Deref for Turn {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        self.inner.as_ref().expect("it is there until it is dropped")
    }
}

impl DerefMut for Turn {
    fn deref_mut(&mut self) -> &mut Inner {
        self.inner.as_mut().expect("it is there until it is dropped")
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        drop(self.inner.take());
        self.shared.free.notify_waiters();
    }
}

struct Inner {
    /// None for a store in memory, which has nothing to be opened again.
    path: Option<PathBuf>,
    patience: Duration,
    connection: Option<Connection>,
    /// Those whose parts are in the transaction that is open, if one is.
    waiting: Vec<oneshot::Sender<Result<(), sqlx::Error>>>,
    open: bool,
    /// What the commit of the open transaction, or of the last one, survives.
    lasting: Lasting,
    /// A task is on its way to commit.
    due: bool,
    pace: Pace,
}

/// A commit that nobody else's work waits for is made where it is: a thread costs more than a quick disk does.
#[derive(Debug, Default)]
struct Pace {
    /// How many of the next commits are made on a thread.
    apart: u8,
}

impl Pace {
    /// What a commit may take without the other tasks noticing.
    const QUICK: Duration = Duration::from_millis(1);
    /// How many commits it takes to forget a slow one, or one that several shared.
    const MEMORY: u8 = 8;

    fn is_quick(&self) -> bool {
        self.apart == 0
    }

    /// What a commit of so many parts teaches.
    fn learn(&mut self, parts: usize, took: Duration) {
        self.apart = if parts > 1 || took > Self::QUICK { Self::MEMORY } else { self.apart.saturating_sub(1) };
    }
}

/// A part under way; nobody else writes meanwhile. Dropped, it is taken back.
pub(super) struct Part {
    turn: Turn,
    /// Nobody else's part is in the transaction.
    alone: bool,
    over: bool,
}

fn crashed() -> sqlx::Error {
    sqlx::Error::WorkerCrashed
}

/// Runs something that may take long with the connection on a thread. A connection whose thread died is gone, and the
/// transaction with it.
async fn apart<T: Send + 'static>(
    inner: &mut Inner,
    work: impl FnOnce(&Connection) -> T + Send + 'static,
) -> Result<T, sqlx::Error> {
    let connection = inner.connection.take().ok_or_else(crashed)?;
    let done = tokio::task::spawn_blocking(move || {
        let value = work(&connection);
        (connection, value)
    });
    let (connection, value) = done.await.map_err(|_| crashed())?;
    inner.connection = Some(connection);
    Ok(value)
}

impl Inner {
    fn connection(&self) -> Result<&Connection, sqlx::Error> {
        self.connection.as_ref().ok_or_else(crashed)
    }

    /// Opens a transaction whose commit survives as much, or more, unless one is open. False while another process writes.
    fn ready(&mut self, lasting: Lasting) -> Result<bool, sqlx::Error> {
        if self.connection.is_none() {
            let path = self.path.as_ref().ok_or_else(crashed)?;
            self.connection = Some(lite::open(path, Use::Writes, Duration::ZERO)?);
            self.lasting = Lasting::Power;
            self.fail(&crashed());
        }
        if self.open {
            // Others are waiting for its commit to be on disk: one that survives less ends with its only part.
            return Ok(true);
        }
        if self.lasting != lasting {
            let synchronous = match lasting {
                Lasting::Power => "pragma synchronous = full",
                Lasting::Process => "pragma synchronous = normal",
            };
            lite::batch(self.connection()?, synchronous)?;
            self.lasting = lasting;
        }
        match lite::step(self.connection()?, "begin immediate") {
            Err(error) if lite::is_busy(&error) => return Ok(false),
            begun => begun?,
        }
        self.open = true;
        Ok(true)
    }

    /// Waits for other processes and opens a transaction.
    async fn outwait(&mut self) -> Result<(), sqlx::Error> {
        let patience = self.patience;
        apart(self, move |connection| {
            connection.busy_timeout(patience).map_err(lite::failure)?;
            let begun = lite::step(connection, "begin immediate");
            connection.busy_timeout(Duration::ZERO).map_err(lite::failure)?;
            begun
        })
        .await??;
        self.open = true;
        self.due = true;
        Ok(())
    }

    /// Tells everybody whose part is in the transaction that it is lost.
    fn fail(&mut self, error: &sqlx::Error) {
        self.open = false;
        for waiting in self.waiting.drain(..) {
            // One that was dropped needs no answer.
            let _ = waiting.send(Err(lite::again(error)));
        }
    }

    async fn commit(&mut self) {
        self.due = false;
        if !self.open {
            return;
        }
        let (parts, begun) = (self.waiting.len(), Instant::now());
        let committed = if parts <= 1 && self.pace.is_quick() {
            self.connection().and_then(committed)
        } else {
            apart(self, committed).await.and_then(|committed| committed)
        };
        self.pace.learn(parts, begun.elapsed());
        self.tell(committed);
    }

    /// Commits where it is called: what need not survive the power waits for no disk.
    fn commit_at_once(&mut self) {
        self.due = false;
        let committed = self.connection().and_then(committed);
        self.tell(committed);
    }

    fn tell(&mut self, committed: Result<(), sqlx::Error>) {
        match committed {
            Ok(()) => {
                self.open = false;
                for waiting in self.waiting.drain(..) {
                    let _ = waiting.send(Ok(()));
                }
            }
            Err(error) => self.fail(&error),
        }
    }
}

fn committed(connection: &Connection) -> Result<(), sqlx::Error> {
    let committed = lite::step(connection, "commit");
    if committed.is_err() && !connection.is_autocommit() {
        // The failure of the commit is what is told; without this the next transaction could not begin.
        let _ = lite::batch(connection, "rollback");
    }
    committed
}

impl Group {
    /// A group that opens its connection with its first part. `patience` is how long is waited for other processes.
    pub(super) fn of_file(path: PathBuf, patience: Duration) -> Self {
        Self::new(Some(path), None, patience)
    }

    /// A group on a store in memory.
    pub(super) fn of_memory(connection: Connection) -> Self {
        Self::new(None, Some(connection), Duration::ZERO)
    }

    fn new(path: Option<PathBuf>, connection: Option<Connection>, patience: Duration) -> Self {
        let waiting = Vec::new();
        let lasting = Lasting::Power;
        let pace = Pace::default();
        let inner = Inner { path, patience, connection, waiting, open: false, lasting, due: false, pace };
        Self { shared: Arc::new(Shared { inner: Arc::new(Mutex::new(inner)), free: Notify::new() }) }
    }

    /// Begins a part. Its commit survives as much, or more.
    pub(super) async fn begin(&self, lasting: Lasting) -> Result<Part, sqlx::Error> {
        loop {
            let mut turn = self.shared.turn().await;
            if turn.ready(lasting)? {
                let alone = turn.waiting.is_empty() && !turn.due;
                if !alone {
                    lite::step(turn.connection()?, "savepoint part")?;
                }
                return Ok(Part { turn, alone, over: false });
            }
            self.outwait(turn).await?;
        }
    }

    /// Waits for other processes; the transaction that is open then is committed soon, whoever has a part in it.
    async fn outwait(&self, mut turn: Turn) -> Result<(), sqlx::Error> {
        let (tell, told) = oneshot::channel();
        let shared = Arc::clone(&self.shared);
        // A task of its own: whoever waits may be dropped, or not polled, while nobody else can write.
        tokio::spawn(async move {
            let opened = turn.outwait().await;
            drop(turn);
            let is_open = opened.is_ok();
            // One that was dropped needs no answer.
            let _ = tell.send(opened);
            if is_open {
                tokio::task::yield_now().await;
                shared.turn().await.commit().await;
            }
        });
        told.await.unwrap_or_else(|_| Err(crashed()))
    }

    /// Reads outside any part.
    pub(super) async fn read(&self, sql: &str, args: &[Arg<'_>]) -> Result<Vec<Row>, sqlx::Error> {
        lite::rows(self.shared.turn().await.connection()?, sql, args)
    }

    /// Commits what is open and closes the connection.
    pub(super) async fn close(&self) {
        let mut turn = self.shared.turn().await;
        turn.commit().await;
        if let Some(connection) = turn.connection.take() {
            // The last connection folds the log into the file, which takes a while. What fails here fails harmlessly:
            // everything that was promised is in the log.
            let _ = tokio::task::spawn_blocking(move || drop(connection)).await;
        }
    }

    /// Does something with the connection itself.
    #[cfg(test)]
    pub(super) async fn with<T>(&self, look: impl FnOnce(&Connection) -> T) -> T {
        let mut turn = self.shared.turn().await;
        if turn.connection.is_none() {
            assert!(turn.ready(Lasting::Power).unwrap(), "another process writes");
            turn.commit().await;
        }
        look(turn.connection().unwrap())
    }
}

impl Part {
    pub(super) fn execute(&self, sql: &str, args: &[Arg<'_>]) -> Result<u64, sqlx::Error> {
        lite::execute(self.turn.connection()?, sql, args)
    }

    pub(super) fn rows(&self, sql: &str, args: &[Arg<'_>]) -> Result<Vec<Row>, sqlx::Error> {
        lite::rows(self.turn.connection()?, sql, args)
    }

    /// Returns after the part is as safe as it was begun. Dropped before, it gets there all the same.
    pub(super) async fn commit(mut self) -> Result<(), sqlx::Error> {
        if !self.alone {
            lite::step(self.turn.connection()?, "release part")?;
        }
        self.over = true;
        let (tell, told) = oneshot::channel();
        self.turn.waiting.push(tell);
        if self.turn.lasting == Lasting::Process {
            self.turn.commit_at_once();
        } else if !std::mem::replace(&mut self.turn.due, true) {
            let shared = Arc::clone(&self.turn.shared);
            // A task of its own: others add their parts until its turn comes, and whoever waits may be dropped.
            tokio::spawn(async move { shared.turn().await.commit().await });
        }
        drop(self);
        told.await.unwrap_or_else(|_| Err(crashed()))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        let Some(connection) = &self.turn.connection else { return };
        if self.alone {
            // The lock is given back to other processes. SQLite may have given up the transaction by itself, for want of
            // room for instance.
            let given_up = connection.is_autocommit() || lite::batch(connection, "rollback").is_ok();
            if !given_up {
                self.turn.connection = None;
            }
            self.turn.open = false;
            return;
        }
        let taken_back = lite::batch(connection, "rollback to part; release part");
        if connection.is_autocommit() {
            self.turn.fail(&taken_back.err().unwrap_or_else(crashed));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_that_others_notice_sends_the_next_ones_to_a_thread() {
        let slow = Pace::QUICK + Duration::from_micros(1);
        for (parts, took) in [(1, slow), (2, Duration::ZERO)] {
            let mut pace = Pace::default();
            pace.learn(1, Pace::QUICK);
            assert!(pace.is_quick(), "one is made where it is called until there is a reason");
            pace.learn(parts, took);
            for _ in 0..Pace::MEMORY {
                assert!(!pace.is_quick());
                pace.learn(1, Duration::ZERO);
            }
            assert!(pace.is_quick(), "and is so again after as many quick ones");
        }
    }

    #[test]
    fn a_slow_disk_holds_nobody_up() {
        let mut pace = Pace::default();
        let slow = Pace::QUICK * 10;
        let held_up = (0..100).filter(|_| {
            let is_quick = pace.is_quick();
            pace.learn(1, slow);
            is_quick
        });
        assert_eq!(held_up.count(), 1, "only the first");
    }
}
