//! Opening a SQLite store: one file, or memory.
//!
//! A store that is there and current costs one connection and one `select`. Everything else (making the file,
//! switching it to WAL, migrating) happens under a lock file beside it, because neither SQLite's switch to WAL nor
//! the migrator waits for other processes. What is not a store of this cgo is named and left as it is.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Executor, Row, Sqlite, SqlitePool};
use tokio::time::Instant;

use super::engine::Pools;
use super::place::Place;
use super::{Error, migrations};

/// How long is waited for other processes.
const PATIENCE: Duration = Duration::from_secs(10);
/// Reads at the same time in one process; each is a thread of its own.
const READERS: u32 = 4;
/// Marks a SQLite file as a store of cgo: "cgo" and a zero.
const APPLICATION: i64 = 0x6367_6f00;

fn base(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(PATIENCE)
        .foreign_keys(true)
        .synchronous(SqliteSynchronous::Full)
        .disable_statement_logging()
}

fn pool(connections: u32, options: SqliteConnectOptions) -> SqlitePool {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(PATIENCE)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_lazy_with(options)
}

/// How a file stands to this cgo.
enum Standing {
    Current,
    /// Ours and older, or empty.
    Behind,
}

/// Opens the store in `path`, making and migrating it where needed.
pub(super) async fn open(path: &Path, place: &Place) -> Result<Pools, Error> {
    let readers = pool(READERS, base(path).pragma("query_only", "on"));
    let pools = Pools::Sqlite { readers: readers.clone(), writer: pool(1, base(path)) };
    if is_file(path)? {
        let mut connection = readers.acquire().await.map_err(|error| unopened(path, place, error))?;
        let standing = standing(&mut connection, path, place).await?;
        connection.return_to_pool().await;
        if matches!(standing, Standing::Current) {
            return Ok(pools);
        }
    } else {
        make_folder(path)?;
    }
    let _lock = lock(path, place).await?;
    make_file(path)?;
    let mut connection = base(path).connect().await.map_err(|error| unopened(path, place, error))?;
    if matches!(standing(&mut connection, path, place).await?, Standing::Behind) {
        switch_to_wal(&mut connection, place).await?;
        migrate(&mut connection, place).await?;
    }
    connection.close().await.map_err(|error| Error::engine(place, error))?;
    Ok(pools)
}

/// A store that is gone when it is closed. Its one connection serves reads and writes.
pub(super) async fn open_in_memory(place: &Place) -> Result<Pools, Error> {
    let only = pool(1, base(Path::new(":memory:")).in_memory(true));
    let mut connection = only.acquire().await.map_err(|error| Error::engine(place, error))?;
    migrate(&mut connection, place).await?;
    connection.return_to_pool().await;
    Ok(Pools::Sqlite { readers: only.clone(), writer: only })
}

async fn standing(connection: &mut SqliteConnection, path: &Path, place: &Place) -> Result<Standing, Error> {
    let failed = |error| Error::engine(place, error);
    let row = connection
        .fetch_one("select v.user_version, a.application_id from pragma_user_version v, pragma_application_id a")
        .await
        .map_err(failed)?;
    let version: i64 = row.try_get(0).map_err(failed)?;
    let application: i64 = row.try_get(1).map_err(failed)?;
    match (application, version) {
        (APPLICATION, migrations::NEWEST) => Ok(Standing::Current),
        (APPLICATION, found) if found > migrations::NEWEST => {
            Err(Error::Newer { store: place.to_string(), found, known: migrations::NEWEST })
        }
        (APPLICATION, _) => Ok(Standing::Behind),
        _ => {
            // Without our mark: empty, or someone else's.
            let tables = connection.fetch_one("select exists (select 1 from sqlite_master)").await;
            let foreign: bool = tables.and_then(|row| row.try_get(0)).map_err(failed)?;
            if foreign { Err(Error::Foreign { path: path.to_owned() }) } else { Ok(Standing::Behind) }
        }
    }
}

/// SQLite does not wait for readers here, and other processes may be looking at the file right now.
async fn switch_to_wal(connection: &mut SqliteConnection, place: &Place) -> Result<(), Error> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match connection.execute("pragma journal_mode = wal").await.map_err(|error| Error::engine(place, error)) {
            Err(Error::Busy { .. }) if Instant::now() < deadline => tokio::time::sleep(Duration::from_millis(5)).await,
            done => return done.map(drop),
        }
    }
}

/// Everything that is missing, and the marks, in one transaction: a process killed here leaves what was there before,
/// and a new store costs one commit instead of one for each migration.
async fn migrate(connection: &mut SqliteConnection, place: &Place) -> Result<(), Error> {
    let failed = |error| Error::engine(place, error);
    let mut tx = connection.begin_with("begin immediate").await.map_err(failed)?;
    // `run` takes any source of connections and is therefore not `Send` for any; this is the half of it that is.
    migrations::sqlite().run_direct(None, &mut *tx, false).await.map_err(|error| migration(place, error))?;
    let marks = format!("pragma application_id = {APPLICATION}; pragma user_version = {}", migrations::NEWEST);
    tx.execute(sqlx::AssertSqlSafe(marks)).await.map_err(failed)?;
    tx.commit().await.map_err(failed)
}

/// What a failed migration means: often something about the place, not about the migration.
pub(super) fn migration(place: &Place, error: sqlx::migrate::MigrateError) -> Error {
    use sqlx::migrate::MigrateError;
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)
            if !matches!(error, sqlx::Error::Migrate(_)) =>
        {
            Error::engine(place, error)
        }
        MigrateError::VersionMissing(found) if found > migrations::NEWEST => {
            Error::Newer { store: place.to_string(), found, known: migrations::NEWEST }
        }
        source => Error::Migration { store: place.to_string(), source },
    }
}

fn cannot_open(path: &Path, error: &std::io::Error) -> Error {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            Error::DiskFull { store: Place::File(path.to_owned()).to_string() }
        }
        _ => Error::CannotOpen { path: path.to_owned(), reason: error.to_string() },
    }
}

/// SQLite says only that it cannot; the file system says why.
fn unopened(path: &Path, place: &Place, error: sqlx::Error) -> Error {
    match Error::engine(place, error) {
        error @ Error::CannotOpen { .. } => match OpenOptions::new().read(true).write(true).open(path) {
            Err(why) => cannot_open(path, &why),
            Ok(_) => error,
        },
        other => other,
    }
}

fn is_file(path: &Path) -> Result<bool, Error> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(true),
        Ok(_) => Err(Error::CannotOpen { path: path.to_owned(), reason: "it is not a file".to_owned() }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(cannot_open(path, &error)),
    }
}

/// Folders that are missing are made for this user alone; those that are there keep their mode.
fn make_folder(path: &Path) -> Result<(), Error> {
    let Some(folder) = path.parent() else { return Ok(()) };
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| cannot_open(path, &error))
}

fn make_file(path: &Path) -> Result<(), Error> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(cannot_open(path, &error)),
    }
}

/// The lock is on a file of its own: closing any handle of the store's file would drop SQLite's own locks on it.
async fn lock(path: &Path, place: &Place) -> Result<File, Error> {
    let mut name = PathBuf::from(path).into_os_string();
    name.push(".lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&name)
        .map_err(|error| cannot_open(path, &error))?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Err(TryLockError::WouldBlock) => return Err(Error::Busy { store: place.to_string() }),
            Err(TryLockError::Error(error)) => return Err(cannot_open(path, &error)),
        }
    }
}

/// Closes what `open` made; the last process out folds the write-ahead log into the file.
pub(super) async fn close(readers: sqlx::Pool<Sqlite>, writer: sqlx::Pool<Sqlite>) {
    readers.close().await;
    writer.close().await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::names::AgentName;
    use crate::domain::time::Timestamp;
    use crate::store::{Agents, Store};

    #[tokio::test]
    async fn a_full_disk_is_named_and_what_was_stored_stays() {
        let folder = tempfile::tempdir().unwrap();
        let url = folder.path().join("cgo.db").display().to_string();
        let store = Store::open(&url).await.unwrap();
        let Pools::Sqlite { writer, .. } = &store.pools else { panic!("not SQLite") };
        writer.acquire().await.unwrap().execute("pragma max_page_count = 50").await.unwrap();
        let agent = AgentName::parse("tester").unwrap();
        let mut newest = None;
        let error = loop {
            match store.add_agent_version(&agent, newest, &"x".repeat(9000), "edit", Timestamp(0)).await {
                Ok(added) => newest = Some(added.version),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, Error::DiskFull { .. }), "{error}");
        assert_eq!(error.to_string(), format!("no room is left for the store `sqlite:{url}`"));
        assert_eq!(store.agent(&agent).await.unwrap().map(|stored| stored.version), newest);
        writer.acquire().await.unwrap().execute("pragma max_page_count = 500").await.unwrap();
        store.add_agent_version(&agent, newest, "x", "edit", Timestamp(0)).await.unwrap();
    }

    #[tokio::test]
    async fn a_store_that_others_keep_locked_is_told_as_busy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cgo.db");
        let place = Place::File(path.clone());
        open(&path, &place).await.unwrap();
        let mut other = base(&path).connect().await.unwrap();
        other.execute("begin immediate").await.unwrap();
        let mut ours = base(&path).busy_timeout(Duration::from_millis(1)).connect().await.unwrap();
        let error = ours.execute("begin immediate").await.unwrap_err();
        assert!(matches!(Error::engine(&place, error), Error::Busy { .. }));
    }

    #[tokio::test]
    async fn a_store_is_made_by_one_process_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cgo.db");
        let place = Place::File(path.clone());
        let other = lock(&path, &place).await.unwrap();
        let mut opening = std::pin::pin!(open(&path, &place));
        assert!(tokio::time::timeout(Duration::from_millis(100), &mut opening).await.is_err());
        assert!(!path.exists(), "the file was made while another process held the lock");
        drop(other);
        opening.await.unwrap();
    }

    #[tokio::test]
    async fn the_writer_waits_for_the_disk_and_readers_cannot_write() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cgo.db");
        let pools = open(&path, &Place::File(path.clone())).await.unwrap();
        let Pools::Sqlite { readers, writer } = pools else { panic!("not SQLite") };
        let mut connection = writer.acquire().await.unwrap();
        for (pragma, value) in [("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 10_000)] {
            let sql = sqlx::AssertSqlSafe(format!("pragma {pragma}"));
            let found: i64 = connection.fetch_one(sql).await.unwrap().try_get(0).unwrap();
            assert_eq!(found, value, "{pragma}");
        }
        let refused = readers.acquire().await.unwrap().execute("delete from project").await.unwrap_err();
        assert!(refused.to_string().contains("readonly"), "{refused}");
    }

    #[tokio::test]
    async fn a_current_store_costs_one_connection_however_often_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let url = folder.path().join("cgo.db").display().to_string();
        Store::open(&url).await.unwrap().close().await;
        let store = Store::open(&url).await.unwrap();
        for _ in 0..10 {
            store.agents().await.unwrap();
        }
        let Pools::Sqlite { readers, writer } = &store.pools else { panic!("not SQLite") };
        assert_eq!((readers.size(), writer.size()), (1, 0));
    }
}
