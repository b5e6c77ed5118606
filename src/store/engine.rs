//! The one place that knows there are two engines: statements, arguments, rows and transactions.
//!
//! A statement is one text with `$1` placeholders for both; [`Sql`] carries two where they differ. Rows come
//! back as [`Row`] and are decoded by column number, strictly: a value that cgo never writes is
//! [`Error::Corrupt`]. What the statements say stands in the files of the aggregates.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgRow;
use sqlx::{Column, Executor, PgPool, Postgres, Row as _, ValueRef};

use super::group::Part;
use super::lite::{self, Strange};
use super::place::Place;
use super::sqlite::Lite;
use super::{Error, Store};
use crate::domain::redact::Secrets;
use crate::domain::time::Timestamp;

/// The connections of an open store.
#[derive(Clone)]
pub(super) enum Pools {
    Sqlite(Arc<Lite>),
    Postgres(PgPool),
}

/// One statement, in the words of each engine.
#[derive(Clone, Copy)]
pub(super) struct Sql {
    pub(super) sqlite: &'static str,
    pub(super) postgres: &'static str,
}

impl From<&'static str> for Sql {
    fn from(text: &'static str) -> Self {
        Self { sqlite: text, postgres: text }
    }
}

/// A `select` inside a writing transaction whose rows decide what is written. SQLite's transactions have the
/// whole store to themselves; PostgreSQL has to lock the rows, though not against rows that only refer to them.
macro_rules! locking {
    ($text:literal) => {
        $crate::store::engine::Sql { sqlite: $text, postgres: concat!($text, " for no key update") }
    };
}
pub(super) use locking;

/// What the commit of a transaction survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lasting {
    /// The end of the machine: it is on disk.
    Power,
    /// The end of this process. Enough for what means nothing once the machine is gone; PostgreSQL makes no
    /// difference, whose clients live on other machines.
    Process,
}

/// A value for a placeholder.
#[derive(Clone, Copy)]
pub(super) enum Arg<'a> {
    Int(i64),
    Bool(bool),
    Text(&'a str),
    MaybeInt(Option<i64>),
    MaybeText(Option<&'a str>),
}

macro_rules! from {
    ($($type:ty => |$value:ident| $arg:expr),* $(,)?) => {
        $(impl<'a> From<$type> for Arg<'a> {
            fn from($value: $type) -> Self {
                $arg
            }
        })*
    };
}

from! {
    i64 => |value| Arg::Int(value),
    u16 => |value| Arg::Int(i64::from(value)),
    u32 => |value| Arg::Int(i64::from(value)),
    // Sequence numbers, fences and clock ticks: 63 bits are enough for each, and a wrapped one reads as corrupt.
    u64 => |value| Arg::Int(value.cast_signed()),
    Option<u64> => |value| Arg::MaybeInt(value.map(u64::cast_signed)),
    Option<i64> => |value| Arg::MaybeInt(value),
    bool => |value| Arg::Bool(value),
    Timestamp => |value| Arg::Int(value.0),
    Option<Timestamp> => |value| Arg::MaybeInt(value.map(|at| at.0)),
    &'a str => |value| Arg::Text(value),
    &'a String => |value| Arg::Text(value),
    Option<&'a str> => |value| Arg::MaybeText(value),
}

/// The arguments of a statement, each by its `From`.
macro_rules! args {
    ($($value:expr),* $(,)?) => { &[$($crate::store::engine::Arg::from($value)),*] };
}
pub(super) use args;

/// Refuses texts that only one of the engines would take.
fn check(args: &[Arg<'_>]) -> Result<(), Error> {
    for arg in args {
        if let Arg::Text(text) | Arg::MaybeText(Some(text)) = arg
            && let Some((before, after)) = text.split_once('\0')
        {
            let from = before.char_indices().rev().nth(20).map_or(0, |(at, _)| at);
            let around = before[from..].chars().chain(['\0']).chain(after.chars().take(20));
            return Err(Error::NulCharacter { shown: around.flat_map(char::escape_debug).collect() });
        }
    }
    Ok(())
}

/// A statement of PostgreSQL with its arguments.
fn bound<'q>(text: &'static str, args: &'q [Arg<'q>]) -> sqlx::query::Query<'q, Postgres, sqlx::postgres::PgArguments> {
    let mut query = sqlx::query::<Postgres>(text);
    for arg in args {
        query = match *arg {
            Arg::Int(value) => query.bind(value),
            Arg::Bool(value) => query.bind(value),
            Arg::Text(value) => query.bind(value),
            Arg::MaybeInt(value) => query.bind(value),
            Arg::MaybeText(value) => query.bind(value),
        };
    }
    query
}

/// The arguments without secrets; none when there are none in them.
fn clean(secrets: &Secrets, args: &[Arg<'_>]) -> Option<Vec<Option<String>>> {
    let redactor = secrets.redactor();
    if redactor.is_empty() {
        return None;
    }
    let cleaned = args.iter().map(|arg| match arg {
        Arg::Text(text) | Arg::MaybeText(Some(text)) => match redactor.text(text) {
            Cow::Borrowed(_) => None,
            Cow::Owned(clean) => Some(clean),
        },
        Arg::Int(_) | Arg::Bool(_) | Arg::MaybeInt(_) | Arg::MaybeText(None) => None,
    });
    let cleaned: Vec<Option<String>> = cleaned.collect();
    cleaned.iter().any(Option::is_some).then_some(cleaned)
}

/// The arguments with the cleaned texts in their places.
fn with<'a>(args: &'a [Arg<'a>], cleaned: &'a [Option<String>]) -> Vec<Arg<'a>> {
    let text = |(arg, clean): (&Arg<'a>, &'a Option<String>)| clean.as_deref().map_or(*arg, Arg::Text);
    args.iter().zip(cleaned).map(text).collect()
}

/// A row of either engine.
pub(super) enum Row {
    Sqlite(lite::Row),
    Postgres(PgRow),
}

impl Row {
    /// The row's columns, which come from `table` (named by [`Error::Corrupt`]).
    pub(super) fn of(&self, table: &'static str) -> Record<'_> {
        Record { row: self, table }
    }
}

/// A row whose values are read strictly.
#[derive(Clone, Copy)]
pub(super) struct Record<'r> {
    row: &'r Row,
    table: &'static str,
}

impl Record<'_> {
    pub(super) fn text(self, at: usize) -> Result<String, Error> {
        match self.row {
            Row::Sqlite(row) => row.text(at).map_err(|Strange(value)| self.corrupt(at, &value)),
            Row::Postgres(row) => row.try_get(at).map_err(|error| self.foreign(row, at, &error)),
        }
    }

    pub(super) fn maybe_text(self, at: usize) -> Result<Option<String>, Error> {
        match self.row {
            Row::Sqlite(row) => row.maybe_text(at).map_err(|Strange(value)| self.corrupt(at, &value)),
            Row::Postgres(row) => row.try_get(at).map_err(|error| self.foreign(row, at, &error)),
        }
    }

    pub(super) fn int(self, at: usize) -> Result<i64, Error> {
        match self.row {
            Row::Sqlite(row) => row.int(at).map_err(|Strange(value)| self.corrupt(at, &value)),
            Row::Postgres(row) => row.try_get(at).map_err(|error| self.foreign(row, at, &error)),
        }
    }

    pub(super) fn maybe_int(self, at: usize) -> Result<Option<i64>, Error> {
        match self.row {
            Row::Sqlite(row) => row.maybe_int(at).map_err(|Strange(value)| self.corrupt(at, &value)),
            Row::Postgres(row) => row.try_get(at).map_err(|error| self.foreign(row, at, &error)),
        }
    }

    pub(super) fn bool(self, at: usize) -> Result<bool, Error> {
        match self.row {
            Row::Sqlite(row) => row.int(at).map(|value| value != 0).map_err(|Strange(value)| self.corrupt(at, &value)),
            Row::Postgres(row) => row.try_get(at).map_err(|error| self.foreign(row, at, &error)),
        }
    }

    pub(super) fn time(self, at: usize) -> Result<Timestamp, Error> {
        self.int(at).map(Timestamp)
    }

    /// A number that is never negative and fits its type.
    pub(super) fn number<T: TryFrom<i64>>(self, at: usize) -> Result<T, Error> {
        let value = self.int(at)?;
        T::try_from(value).map_err(|_| self.corrupt(at, &value.to_string()))
    }

    /// A text that stands for a value: a status, an id, a name.
    pub(super) fn parsed<T>(self, at: usize, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, Error> {
        let text = self.text(at)?;
        parse(&text).ok_or_else(|| self.corrupt(at, &text))
    }

    /// The same where nothing may be stored.
    pub(super) fn maybe_parsed<T>(self, at: usize, parse: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, Error> {
        let Some(text) = self.maybe_text(at)? else { return Ok(None) };
        parse(&text).map(Some).ok_or_else(|| self.corrupt(at, &text))
    }

    fn corrupt(self, at: usize, value: &str) -> Error {
        let column = match self.row {
            Row::Sqlite(row) => row.name(at).map(str::to_owned),
            Row::Postgres(row) => row.columns().get(at).map(|column| column.name().to_owned()),
        };
        let mut shown: String = value.chars().take(60).flat_map(char::escape_debug).collect();
        if value.chars().count() > 60 {
            shown.push('…');
        }
        Error::Corrupt { table: self.table, column: column.unwrap_or_else(|| at.to_string()), value: shown }
    }

    /// A value of a foreign type has no text of its own to show.
    fn foreign(self, row: &PgRow, at: usize, error: &sqlx::Error) -> Error {
        let null = row.try_get_raw(at).is_ok_and(|value| value.is_null());
        self.corrupt(at, &if null { "null".to_owned() } else { error.to_string() })
    }
}

/// What a transaction runs on.
enum Link {
    Sqlite(Part),
    Postgres(Taken),
}

/// A connection in the middle of a transaction. Dropped there, it is closed, and the server rolls back.
struct Taken(Option<PoolConnection<Postgres>>);

impl Taken {
    fn link(&mut self) -> &mut sqlx::PgConnection {
        self.0.as_mut().expect("it is taken out only at the end")
    }

    /// Ends the transaction. Dropping a connection returns it too, but in a task of its own: the next statement would
    /// not find it and would open another one.
    async fn end(mut self, how: &'static str) -> Result<(), sqlx::Error> {
        self.link().execute(how).await?;
        if let Some(mut link) = self.0.take() {
            link.return_to_pool().await;
        }
        Ok(())
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some(link) = &mut self.0 {
            link.close_on_drop();
        }
    }
}

/// A connection at the beginning of a transaction.
async fn taken(pool: &PgPool) -> Result<Taken, sqlx::Error> {
    let mut taken = Taken(Some(pool.acquire().await?));
    taken.link().execute("begin").await?;
    Ok(taken)
}

/// A writing transaction. Dropped before its end, nothing of it happens.
pub(super) struct Tx {
    link: Link,
    place: Arc<Place>,
    secrets: Secrets,
}

impl Tx {
    /// Runs a statement; returns how many rows it changed.
    pub(super) async fn execute(&mut self, sql: impl Into<Sql>, args: &[Arg<'_>]) -> Result<u64, Error> {
        check(args)?;
        let cleaned = clean(&self.secrets, args);
        let held;
        let args = match &cleaned {
            None => args,
            Some(cleaned) => {
                held = with(args, cleaned);
                &held
            }
        };
        let sql = sql.into();
        let done = match &mut self.link {
            Link::Sqlite(part) => part.execute(sql.sqlite, args),
            Link::Postgres(link) => {
                Box::pin(bound(sql.postgres, args).execute(link.link())).await.map(|done| done.rows_affected())
            }
        };
        done.map_err(|error| Error::engine(&self.place, error))
    }

    /// Every row of a query.
    pub(super) async fn rows(&mut self, sql: impl Into<Sql>, args: &[Arg<'_>]) -> Result<Vec<Row>, Error> {
        check(args)?;
        let sql = sql.into();
        let rows = match &mut self.link {
            Link::Sqlite(part) => part.rows(sql.sqlite, args).map(|rows| rows.into_iter().map(Row::Sqlite).collect()),
            Link::Postgres(link) => Box::pin(bound(sql.postgres, args).fetch_all(link.link()))
                .await
                .map(|rows| rows.into_iter().map(Row::Postgres).collect()),
        };
        rows.map_err(|error| Error::engine(&self.place, error))
    }

    /// The only row of a query, if there is one.
    pub(super) async fn row(&mut self, sql: impl Into<Sql>, args: &[Arg<'_>]) -> Result<Option<Row>, Error> {
        Ok(self.rows(sql, args).await?.into_iter().next())
    }

    pub(super) async fn commit(self) -> Result<(), Error> {
        let committed = match self.link {
            Link::Sqlite(part) => part.commit().await,
            Link::Postgres(link) => Box::pin(link.end("commit")).await,
        };
        committed.map_err(|error| Error::commit(&self.place, error))
    }

    /// Ends the transaction without a trace. The reason for it is what the caller hears about, not a failure here:
    /// then the connection is closed, and the transaction with it.
    pub(super) async fn abandon(self) {
        match self.link {
            Link::Sqlite(part) => drop(part),
            Link::Postgres(link) => drop(Box::pin(link.end("rollback")).await),
        }
    }
}

impl Store {
    /// Begins a writing transaction; on SQLite as the only writer.
    pub(super) async fn begin(&self, lasting: Lasting) -> Result<Tx, Error> {
        let link = match &self.pools {
            Pools::Sqlite(lite) => lite.group.begin(lasting).await.map(Link::Sqlite),
            Pools::Postgres(pool) => Box::pin(taken(pool)).await.map(Link::Postgres),
        };
        let link = link.map_err(|error| Error::engine(&self.place, error))?;
        Ok(Tx { link, place: Arc::clone(&self.place), secrets: self.secrets.clone() })
    }

    /// Every row of a query outside a transaction.
    async fn rows(&self, sql: Sql, args: &[Arg<'_>]) -> Result<Vec<Row>, Error> {
        check(args)?;
        let rows = match &self.pools {
            Pools::Sqlite(lite) => {
                lite.read(sql.sqlite, args).await.map(|rows| rows.into_iter().map(Row::Sqlite).collect())
            }
            Pools::Postgres(pool) => Box::pin(bound(sql.postgres, args).fetch_all(pool))
                .await
                .map(|rows| rows.into_iter().map(Row::Postgres).collect()),
        };
        rows.map_err(|error| Error::engine(&self.place, error))
    }

    /// Every row of a query outside a transaction, decoded.
    pub(super) async fn list<T>(
        &self,
        sql: impl Into<Sql>,
        args: &[Arg<'_>],
        decode: impl Fn(&Row) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        self.rows(sql.into(), args).await?.iter().map(decode).collect()
    }

    /// The only row of a query outside a transaction, decoded.
    pub(super) async fn find<T>(
        &self,
        sql: impl Into<Sql>,
        args: &[Arg<'_>],
        decode: impl Fn(&Row) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        Ok(self.list(sql, args, decode).await?.into_iter().next())
    }
}

/// How often a transaction that PostgreSQL gave up is tried.
const TRIES: u32 = 6;

/// Whether to try once more, after a pause that differs between processes.
pub(super) async fn once_more(error: &Error, tried: &mut u32) -> bool {
    *tried += 1;
    if *tried >= TRIES || !error.is_passing() {
        return false;
    }
    let pause = rand::random_range(1..=10_u64 << *tried);
    tokio::time::sleep(Duration::from_millis(pause)).await;
    true
}

/// Runs a block as one writing transaction: committed when it gives `Ok`, without a trace when it gives `Err`, and
/// from the start once more when PostgreSQL gave it up for another's sake (deadlock, serialization). It is on disk
/// then, unless less is asked for.
macro_rules! transaction {
    ($store:expr, |$tx:ident| $body:block) => {
        $crate::store::engine::transaction!($store, $crate::store::engine::Lasting::Power, |$tx| $body)
    };
    ($store:expr, $lasting:expr, |$tx:ident| $body:block) => {{
        let mut tried = 0;
        loop {
            let mut transaction = $store.begin($lasting).await?;
            let outcome: Result<_, $crate::store::Error> = {
                let $tx = &mut transaction;
                // On the heap for as long as it runs: whoever waits for the commit, or for its turn, is small.
                Box::pin(async { $body }).await
            };
            let outcome = match outcome {
                Ok(value) => transaction.commit().await.map(|()| value),
                Err(error) => {
                    transaction.abandon().await;
                    Err(error)
                }
            };
            match outcome {
                Err(error) if $crate::store::engine::once_more(&error, &mut tried).await => {}
                outcome => break outcome,
            }
        }
    }};
}
pub(super) use transaction;
