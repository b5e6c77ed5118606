//! Commits that several writers share: each has its own part of one transaction, and one `fsync` makes all of them
//! durable.
//!
//! A part is taken back alone when it fails: beside others it is a savepoint, and the only one is the transaction itself,
//! which saves SQLite a copy of every page it changes. Statements run in the task that asks for them; what
//! may take long, waiting for another process's lock and the commit itself, runs on a thread. While a commit is under
//! way the next parts wait for their turn, and then go into the next transaction together.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};

use super::engine::{Arg, Lasting};
use super::lite::{self, Row, Use};

/// The one connection of a process that writes.
#[derive(Clone)]
pub(super) struct Group {
    inner: Arc<Mutex<Inner>>,
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
}

/// A part under way; nobody else writes meanwhile. Dropped, it is taken back.
pub(super) struct Part {
    inner: OwnedMutexGuard<Inner>,
    shared: Arc<Mutex<Inner>>,
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

    /// Sees to it that a transaction is open whose commit survives as much, or more.
    async fn ready(&mut self, lasting: Lasting) -> Result<(), sqlx::Error> {
        if self.connection.is_none() {
            let path = self.path.as_ref().ok_or_else(crashed)?;
            self.connection = Some(lite::open(path, Use::Writes, Duration::ZERO)?);
            self.lasting = Lasting::Power;
            self.fail(&crashed());
        }
        if self.open {
            // Others are waiting for its commit to be on disk: one that survives less ends with its only part.
            return Ok(());
        }
        if self.lasting != lasting {
            let synchronous = match lasting {
                Lasting::Power => "pragma synchronous = full",
                Lasting::Process => "pragma synchronous = normal",
            };
            lite::batch(self.connection()?, synchronous)?;
            self.lasting = lasting;
        }
        let begun = lite::step(self.connection()?, "begin immediate");
        match begun {
            Err(error) if lite::is_busy(&error) => {
                let patience = self.patience;
                apart(self, move |connection| {
                    connection.busy_timeout(patience).map_err(lite::failure)?;
                    let begun = lite::step(connection, "begin immediate");
                    connection.busy_timeout(Duration::ZERO).map_err(lite::failure)?;
                    begun
                })
                .await??;
            }
            begun => begun?,
        }
        self.open = true;
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
        let committed = apart(self, committed).await.and_then(|committed| committed);
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
        let inner = Inner { path, patience, connection, waiting, open: false, lasting, due: false };
        Self { inner: Arc::new(Mutex::new(inner)) }
    }

    /// Begins a part. Its commit survives as much, or more.
    pub(super) async fn begin(&self, lasting: Lasting) -> Result<Part, sqlx::Error> {
        let mut inner = Arc::clone(&self.inner).lock_owned().await;
        inner.ready(lasting).await?;
        let alone = inner.waiting.is_empty() && !inner.due;
        if !alone {
            lite::step(inner.connection()?, "savepoint part")?;
        }
        Ok(Part { inner, shared: Arc::clone(&self.inner), alone, over: false })
    }

    /// Reads outside any part.
    pub(super) async fn read(&self, sql: &str, args: &[Arg<'_>]) -> Result<Vec<Row>, sqlx::Error> {
        let mut inner = self.inner.lock().await;
        if inner.connection.is_none() {
            inner.ready(Lasting::Power).await?;
        }
        lite::rows(inner.connection()?, sql, args)
    }

    /// Commits what is open and closes the connection.
    pub(super) async fn close(&self) {
        let mut inner = self.inner.lock().await;
        inner.commit().await;
        if let Some(connection) = inner.connection.take() {
            // The last connection folds the log into the file, which takes a while. What fails here fails harmlessly:
            // everything that was promised is in the log.
            let _ = tokio::task::spawn_blocking(move || drop(connection)).await;
        }
    }

    /// Does something with the connection itself.
    #[cfg(test)]
    pub(super) async fn with<T>(&self, look: impl FnOnce(&Connection) -> T) -> T {
        let mut inner = self.inner.lock().await;
        if inner.connection.is_none() {
            inner.ready(Lasting::Power).await.unwrap();
            inner.commit().await;
        }
        look(inner.connection().unwrap())
    }
}

impl Part {
    pub(super) fn execute(&self, sql: &str, args: &[Arg<'_>]) -> Result<u64, sqlx::Error> {
        lite::execute(self.inner.connection()?, sql, args)
    }

    pub(super) fn rows(&self, sql: &str, args: &[Arg<'_>]) -> Result<Vec<Row>, sqlx::Error> {
        lite::rows(self.inner.connection()?, sql, args)
    }

    /// Returns after the part is as safe as it was begun. Dropped before, it gets there all the same.
    pub(super) async fn commit(mut self) -> Result<(), sqlx::Error> {
        if !self.alone {
            lite::step(self.inner.connection()?, "release part")?;
        }
        self.over = true;
        let (tell, told) = oneshot::channel();
        self.inner.waiting.push(tell);
        if self.inner.lasting == Lasting::Process {
            self.inner.commit_at_once();
        } else if !std::mem::replace(&mut self.inner.due, true) {
            let shared = Arc::clone(&self.shared);
            // A task of its own: others add their parts until its turn comes, and whoever waits may be dropped.
            tokio::spawn(async move { shared.lock_owned().await.commit().await });
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
        let Some(connection) = &self.inner.connection else { return };
        if self.alone {
            // The lock is given back to other processes. SQLite may have given up the transaction by itself, for want of
            // room for instance.
            let given_up = connection.is_autocommit() || lite::batch(connection, "rollback").is_ok();
            if !given_up {
                self.inner.connection = None;
            }
            self.inner.open = false;
            return;
        }
        let taken_back = lite::batch(connection, "rollback to part; release part");
        if connection.is_autocommit() {
            self.inner.fail(&taken_back.err().unwrap_or_else(crashed));
        }
    }
}
