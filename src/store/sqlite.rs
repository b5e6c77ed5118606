//! Opening a SQLite store: one file, or memory.
//!
//! A store that is there and current costs one connection and one `select`. Everything else (making the file,
//! switching it to WAL, migrating) happens under a lock file beside it, because SQLite's switch to WAL does not wait
//! for other processes. What is not a store of this cgo is named and left as it is.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use rusqlite::Connection;
use sqlx::migrate::MigrateError;
use tokio::time::Instant;

use super::engine::{Arg, Pools};
use super::group::Group;
use super::lite::{self, Row, Use};
use super::place::Place;
use super::{Error, migrations};

/// How long is waited for other processes.
const PATIENCE: Duration = Duration::from_secs(10);
/// Marks a SQLite file as a store of cgo: "cgo" and a zero.
const APPLICATION: i64 = 0x6367_6f00;

/// An open SQLite store: one connection writes, one reads; a store in memory has one for both.
pub(super) struct Lite {
    pub(super) group: Group,
    reader: Option<Mutex<Option<Connection>>>,
}

impl Lite {
    /// Every row of a query outside a transaction. Readers wait for nobody, so it runs where it is called.
    pub(super) async fn read(&self, sql: &str, args: &[Arg<'_>]) -> Result<Vec<Row>, sqlx::Error> {
        let Some(reader) = &self.reader else { return self.group.read(sql, args).await };
        let reader = reader.lock().expect("no holder of this lock panics");
        lite::rows(reader.as_ref().ok_or(sqlx::Error::PoolClosed)?, sql, args)
    }

    /// Closes what `open` made; the last process out folds the write-ahead log into the file.
    pub(super) async fn close(&self) {
        if let Some(reader) = &self.reader {
            drop(reader.lock().expect("no holder of this lock panics").take());
        }
        self.group.close().await;
    }
}

/// How a file stands to this cgo.
enum Standing {
    Current,
    /// Ours and older, or empty.
    Behind,
}

/// Opens the store in `path`, making and migrating it where needed.
pub(super) async fn open(path: &Path, place: &Place) -> Result<Pools, Error> {
    let current = if is_file(path)? {
        let reader = lite::open(path, Use::Reads, PATIENCE).map_err(|error| unopened(path, place, error))?;
        let standing = standing(&reader, path, place)?;
        Some(reader).filter(|_| matches!(standing, Standing::Current))
    } else {
        make_folder(path)?;
        None
    };
    let reader = if let Some(reader) = current {
        reader
    } else {
        make(path, place).await?;
        lite::open(path, Use::Reads, PATIENCE).map_err(|error| unopened(path, place, error))?
    };
    let group = Group::of_file(path.to_owned(), PATIENCE);
    Ok(Pools::Sqlite(Lite { group, reader: Some(Mutex::new(Some(reader))) }.into()))
}

/// Makes the file where there is none, and brings its schema up to date.
async fn make(path: &Path, place: &Place) -> Result<(), Error> {
    let _lock = lock(path, place).await?;
    make_file(path)?;
    let connection = lite::open(path, Use::Writes, PATIENCE).map_err(|error| unopened(path, place, error))?;
    if matches!(standing(&connection, path, place)?, Standing::Behind) {
        let connection = switch_to_wal(connection, place).await?;
        migrate(&connection, place)?;
    }
    Ok(())
}

/// A store that is gone when it is closed. Its one connection serves reads and writes.
pub(super) fn open_in_memory(place: &Place) -> Result<Pools, Error> {
    let only = lite::open_in_memory().map_err(|error| Error::engine(place, error))?;
    migrate(&only, place)?;
    Ok(Pools::Sqlite(Lite { group: Group::of_memory(only), reader: None }.into()))
}

fn standing(connection: &Connection, path: &Path, place: &Place) -> Result<Standing, Error> {
    let one = |sql: &str| -> Result<Row, Error> {
        let rows = lite::rows(connection, sql, &[]).map_err(|error| unopened(path, place, error))?;
        Ok(rows.into_iter().next().expect("these queries always have a row"))
    };
    let number = |row: &Row, at: usize| row.int(at).unwrap_or_default();
    let row = one("select v.user_version, a.application_id from pragma_user_version v, pragma_application_id a")?;
    match (number(&row, 1), number(&row, 0)) {
        (APPLICATION, migrations::NEWEST) => Ok(Standing::Current),
        (APPLICATION, found) if found > migrations::NEWEST => {
            Err(Error::Newer { store: place.to_string(), found, known: migrations::NEWEST })
        }
        (APPLICATION, _) => Ok(Standing::Behind),
        _ => {
            // Without our mark: empty, or someone else's.
            let foreign = number(&one("select exists (select 1 from sqlite_master)")?, 0) != 0;
            if foreign { Err(Error::Foreign { path: path.to_owned() }) } else { Ok(Standing::Behind) }
        }
    }
}

/// SQLite does not wait for readers here, and other processes may be looking at the file right now.
async fn switch_to_wal(connection: Connection, place: &Place) -> Result<Connection, Error> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let switched = lite::batch(&connection, "pragma journal_mode = wal");
        match switched.map_err(|error| Error::engine(place, error)) {
            Err(Error::Busy { .. }) if Instant::now() < deadline => tokio::time::sleep(Duration::from_millis(5)).await,
            done => return done.map(|()| connection),
        }
    }
}

/// Everything that is missing, and the marks, in one transaction: a process killed here leaves what was there before,
/// and a new store costs one commit instead of one for each migration. The table of what was done is the one that
/// sqlx's migrator keeps on PostgreSQL.
fn migrate(connection: &Connection, place: &Place) -> Result<(), Error> {
    let failed = |error| Error::engine(place, error);
    let told = |source| Error::Migration { store: place.to_string(), source };
    lite::batch(connection, "begin immediate").map_err(failed)?;
    let table = format!(
        "create table if not exists {} (version bigint primary key, description text not null, installed_on timestamp \
         not null default current_timestamp, success boolean not null, checksum blob not null, \
         execution_time bigint not null)",
        migrations::TABLE
    );
    lite::batch(connection, &table).map_err(failed)?;
    let applied = format!("select version, hex(checksum) from {} order by version", migrations::TABLE);
    let mut applied: std::collections::BTreeMap<i64, String> = lite::rows(connection, &applied, &[])
        .map_err(failed)?
        .iter()
        .filter_map(|row| Some((row.int(0).ok()?, row.text(1).ok()?)))
        .collect();
    for migration in migrations::sqlite().iter() {
        let checksum = hex(&migration.checksum);
        match applied.remove(&migration.version) {
            Some(found) if found == checksum => continue,
            Some(_) => return Err(told(MigrateError::VersionMismatch(migration.version))),
            None => {}
        }
        lite::batch(connection, migration.sql.as_str()).map_err(|error| match Error::engine(place, error) {
            Error::Engine { source, .. } => told(MigrateError::ExecuteMigration(source, migration.version)),
            other => other,
        })?;
        let done = format!(
            "insert into {} (version, description, success, checksum, execution_time) values ($1, $2, true, x'{checksum}', 0)",
            migrations::TABLE
        );
        lite::execute(connection, &done, &[Arg::Int(migration.version), Arg::Text(&migration.description)])
            .map_err(failed)?;
    }
    if let Some((stranger, _)) = applied.pop_first() {
        return Err(told(MigrateError::VersionMissing(stranger)));
    }
    let marks = format!("pragma application_id = {APPLICATION}; pragma user_version = {}; commit", migrations::NEWEST);
    lite::batch(connection, &marks).map_err(failed)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02X}").expect("a string takes any text");
        text
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::names::AgentName;
    use crate::domain::time::Timestamp;
    use crate::store::engine::Lasting;
    use crate::store::{Agents, Store};

    fn lite(store: &Store) -> &Lite {
        let Pools::Sqlite(lite) = &store.pools else { panic!("not SQLite") };
        lite
    }

    #[tokio::test]
    async fn a_full_disk_is_named_and_what_was_stored_stays() {
        let folder = tempfile::tempdir().unwrap();
        let url = folder.path().join("cgo.db").display().to_string();
        let store = Store::open(&url).await.unwrap();
        let pages = async |limit: &str| lite(&store).group.with(|writer| lite::batch(writer, limit)).await.unwrap();
        pages("pragma max_page_count = 50").await;
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
        pages("pragma max_page_count = 500").await;
        store.add_agent_version(&agent, newest, "x", "edit", Timestamp(0)).await.unwrap();
    }

    #[tokio::test]
    async fn a_store_that_others_keep_locked_is_told_as_busy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cgo.db");
        let place = Place::File(path.clone());
        open(&path, &place).await.unwrap();
        let other = lite::open(&path, Use::Writes, Duration::ZERO).unwrap();
        lite::batch(&other, "begin immediate").unwrap();
        let ours = Group::of_file(path, Duration::from_millis(1));
        let error = ours.begin(Lasting::Power).await.err().unwrap();
        assert!(matches!(Error::engine(&place, error), Error::Busy { .. }));
        lite::batch(&other, "rollback").unwrap();
        ours.begin(Lasting::Power).await.unwrap();
    }

    #[tokio::test]
    async fn a_writer_waits_for_another_process_without_stopping_this_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cgo.db");
        open(&path, &Place::File(path.clone())).await.unwrap();
        let other = lite::open(&path, Use::Writes, Duration::ZERO).unwrap();
        lite::batch(&other, "begin immediate").unwrap();
        let ours = Group::of_file(path, PATIENCE);
        let (begun, ()) = tokio::join!(ours.begin(Lasting::Power), async {
            // The task that waits was polled first, and this one has its turn all the same.
            lite::batch(&other, "rollback").unwrap();
        });
        begun.unwrap().commit().await.unwrap();
    }

    #[tokio::test]
    async fn one_that_is_not_polled_while_it_waits_keeps_nobody_from_writing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cgo.db");
        open(&path, &Place::File(path.clone())).await.unwrap();
        let ours = Group::of_file(path.clone(), PATIENCE);
        let writes = async || ours.begin(Lasting::Power).await.unwrap().commit().await.unwrap();
        let in_time = async |what: &str| {
            let done = tokio::time::timeout(PATIENCE, writes()).await;
            done.unwrap_or_else(|_| panic!("{what}: nobody can write"));
        };
        let held = ours.begin(Lasting::Power).await.unwrap();
        let mut asleep = std::pin::pin!(writes());
        assert!(futures_util::poll!(&mut asleep).is_pending());
        held.commit().await.unwrap();
        in_time("behind a part").await;
        asleep.await;
        // Nor does it keep other processes from it, whose turn it waited for.
        let other = lite::open(&path, Use::Writes, PATIENCE).unwrap();
        lite::batch(&other, "begin immediate").unwrap();
        let mut asleep = std::pin::pin!(writes());
        assert!(futures_util::poll!(&mut asleep).is_pending());
        lite::batch(&other, "rollback").unwrap();
        in_time("behind another process").await;
        tokio::task::spawn_blocking(move || lite::batch(&other, "begin immediate; rollback")).await.unwrap().unwrap();
        asleep.await;
    }

    #[tokio::test]
    async fn writers_at_the_same_moment_share_a_commit_and_one_that_fails_takes_nobody_along() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cgo.db");
        open(&path, &Place::File(path.clone())).await.unwrap();
        let ours = Group::of_file(path.clone(), PATIENCE);
        let insert = "insert into lease (resource, held, fence, host, boot_id, pid, started, purpose, expires_at, \
                      created_at, updated_at) values ($1, false, 0, '', '', 0, 0, '', 0, 0, 0)";
        let write = async |name: &str, fails: bool| {
            let part = ours.begin(Lasting::Power).await.unwrap();
            part.execute(insert, &[Arg::Text(name)]).unwrap();
            if fails {
                assert!(part.execute(insert, &[Arg::Text(name)]).is_err(), "the name is taken");
                drop(part);
                return;
            }
            part.commit().await.unwrap();
        };
        let frames = || std::fs::metadata(path.with_extension("db-wal")).map_or(0, |log| log.len());
        write("first", false).await;
        let one = frames();
        write("second", false).await;
        let alone = frames() - one;
        let before = frames();
        tokio::join!(write("a", false), write("b", true), write("c", false), write("d", false));
        assert!(frames() - before < 2 * alone, "three commits instead of one");
        let there = lite::open(&path, Use::Reads, PATIENCE).unwrap();
        let rows = lite::rows(&there, "select resource from lease order by resource", &[]).unwrap();
        let names: Vec<String> = rows.iter().map(|row| row.text(0).ok().unwrap()).collect();
        assert_eq!(names, ["a", "c", "d", "first", "second"]);
        // The first of several is no savepoint, but the transaction itself.
        tokio::join!(write("e", true), write("f", false), write("g", true), write("h", false));
        let rows =
            lite::rows(&there, "select resource from lease where resource > 'd' and resource < 'f!'", &[]).unwrap();
        let names: Vec<String> = rows.iter().map(|row| row.text(0).ok().unwrap()).collect();
        assert_eq!(names, ["f"]);
        assert_eq!(lite::rows(&there, "select 1 from lease", &[]).unwrap().len(), 7);
    }

    #[tokio::test]
    async fn what_need_not_survive_the_machine_waits_for_no_disk_and_what_follows_does() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cgo.db");
        open(&path, &Place::File(path.clone())).await.unwrap();
        let ours = Group::of_file(path.clone(), PATIENCE);
        let there = lite::open(&path, Use::Reads, PATIENCE).unwrap();
        let write = async |name: &str, lasting: Lasting| {
            let part = ours.begin(lasting).await.unwrap();
            let waits = part.rows("pragma synchronous", &[]).unwrap()[0].int(0).ok().unwrap();
            let insert =
                "insert into agent_version (agent, version, body, origin, created_at) values ($1, 1, '', '', 0)";
            part.execute(insert, &[Arg::Text(name)]).unwrap();
            part.commit().await.unwrap();
            let seen = lite::rows(&there, "select 1 from agent_version where agent = $1", &[Arg::Text(name)]).unwrap();
            assert_eq!(seen.len(), 1, "another process sees `{name}`");
            waits
        };
        for round in ["1", "2"] {
            assert_eq!(write(&format!("process{round}"), Lasting::Process).await, 1);
            assert_eq!(write(&format!("power{round}"), Lasting::Power).await, 2);
        }
        let dropped = ours.begin(Lasting::Process).await.unwrap();
        drop(dropped);
        assert_eq!(write("after", Lasting::Power).await, 2);
        let (power, process) = tokio::join!(write("first", Lasting::Power), write("second", Lasting::Process));
        assert_eq!((power, process), (2, 2), "what is written beside it waits with it");
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
        let store = Store::open(&path.display().to_string()).await.unwrap();
        for (pragma, value) in [("synchronous", 2), ("foreign_keys", 1)] {
            let sql = format!("pragma {pragma}");
            let found = lite(&store).group.with(|writer| lite::rows(writer, &sql, &[]).unwrap()[0].int(0).ok()).await;
            assert_eq!(found, Some(value), "{pragma}");
        }
        let refused = lite(&store).read("delete from project", &[]).await.err().unwrap();
        assert!(refused.to_string().contains("readonly"), "{refused}");
    }
}
