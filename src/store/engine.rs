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
use sqlx::sqlite::SqliteRow;
use sqlx::{Column, Executor, PgPool, Postgres, Row as _, Sqlite, SqlitePool, ValueRef};

use super::place::Place;
use super::{Error, Store};
use crate::domain::redact::Secrets;
use crate::domain::time::Timestamp;

/// The connections of an open store.
#[derive(Clone)]
pub(super) enum Pools {
    /// One connection writes, a few read; a store in memory has one for both.
    Sqlite {
        readers: SqlitePool,
        writer: SqlitePool,
    },
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
/// whole store to themselves; PostgreSQL has to lock the rows.
macro_rules! locking {
    ($text:literal) => {
        $crate::store::engine::Sql { sqlite: $text, postgres: concat!($text, " for update") }
    };
}
pub(super) use locking;

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
    bool => |value| Arg::Bool(value),
    Timestamp => |value| Arg::Int(value.0),
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

macro_rules! bound {
    ($engine:ty, $text:expr, $args:expr) => {{
        let mut query = sqlx::query::<$engine>($text);
        for arg in $args {
            query = match *arg {
                Arg::Int(value) => query.bind(value),
                Arg::Bool(value) => query.bind(value),
                Arg::Text(value) => query.bind(value),
                Arg::MaybeInt(value) => query.bind(value),
                Arg::MaybeText(value) => query.bind(value),
            };
        }
        query
    }};
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
    Sqlite(SqliteRow),
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

macro_rules! get {
    ($self:expr, $at:expr, $type:ty) => {
        match $self.row {
            Row::Sqlite(row) => row.try_get::<$type, _>($at),
            Row::Postgres(row) => row.try_get::<$type, _>($at),
        }
        .map_err(|error| $self.corrupt($at, &$self.describe($at, &error)))
    };
}

impl Record<'_> {
    pub(super) fn text(self, at: usize) -> Result<String, Error> {
        get!(self, at, String)
    }

    pub(super) fn maybe_text(self, at: usize) -> Result<Option<String>, Error> {
        get!(self, at, Option<String>)
    }

    pub(super) fn int(self, at: usize) -> Result<i64, Error> {
        get!(self, at, i64)
    }

    pub(super) fn bool(self, at: usize) -> Result<bool, Error> {
        get!(self, at, bool)
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
            Row::Sqlite(row) => row.columns().get(at).map(|column| column.name().to_owned()),
            Row::Postgres(row) => row.columns().get(at).map(|column| column.name().to_owned()),
        };
        let mut shown: String = value.chars().take(60).flat_map(char::escape_debug).collect();
        if value.chars().count() > 60 {
            shown.push('…');
        }
        Error::Corrupt { table: self.table, column: column.unwrap_or_else(|| at.to_string()), value: shown }
    }

    /// A value of a foreign type has no text of its own to show.
    fn describe(self, at: usize, error: &sqlx::Error) -> String {
        let null = match self.row {
            Row::Sqlite(row) => row.try_get_raw(at).is_ok_and(|value| value.is_null()),
            Row::Postgres(row) => row.try_get_raw(at).is_ok_and(|value| value.is_null()),
        };
        if null { "null".to_owned() } else { error.to_string() }
    }
}

/// One connection, taken from its pool.
enum Link {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
}

impl Link {
    async fn rows(&mut self, sql: Sql, args: &[Arg<'_>]) -> Result<Vec<Row>, sqlx::Error> {
        match self {
            Self::Sqlite(link) => bound!(Sqlite, sql.sqlite, args)
                .fetch_all(&mut **link)
                .await
                .map(|rows| rows.into_iter().map(Row::Sqlite).collect()),
            Self::Postgres(link) => bound!(Postgres, sql.postgres, args)
                .fetch_all(&mut **link)
                .await
                .map(|rows| rows.into_iter().map(Row::Postgres).collect()),
        }
    }

    async fn execute(&mut self, sql: Sql, args: &[Arg<'_>]) -> Result<u64, sqlx::Error> {
        match self {
            Self::Sqlite(link) => {
                bound!(Sqlite, sql.sqlite, args).execute(&mut **link).await.map(|done| done.rows_affected())
            }
            Self::Postgres(link) => {
                bound!(Postgres, sql.postgres, args).execute(&mut **link).await.map(|done| done.rows_affected())
            }
        }
    }

    /// Begins, commits or rolls back.
    async fn control(&mut self, sql: Sql) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(link) => link.execute(sql.sqlite).await.map(drop),
            Self::Postgres(link) => link.execute(sql.postgres).await.map(drop),
        }
    }

    /// Dropping a connection returns it too, but in a task of its own: the next statement would not find it and
    /// would open another one.
    async fn give_back(&mut self) {
        match self {
            Self::Sqlite(link) => link.return_to_pool().await,
            Self::Postgres(link) => link.return_to_pool().await,
        }
    }
}

/// A writing transaction. Dropped before its end, it takes its connection with it, and the engine rolls it back.
pub(super) struct Tx {
    link: Link,
    open: bool,
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
        self.link.execute(sql.into(), args).await.map_err(|error| Error::engine(&self.place, error))
    }

    /// Every row of a query.
    pub(super) async fn rows(&mut self, sql: impl Into<Sql>, args: &[Arg<'_>]) -> Result<Vec<Row>, Error> {
        check(args)?;
        self.link.rows(sql.into(), args).await.map_err(|error| Error::engine(&self.place, error))
    }

    /// The only row of a query, if there is one.
    pub(super) async fn row(&mut self, sql: impl Into<Sql>, args: &[Arg<'_>]) -> Result<Option<Row>, Error> {
        Ok(self.rows(sql, args).await?.into_iter().next())
    }

    pub(super) async fn commit(mut self) -> Result<(), Error> {
        self.link.control("commit".into()).await.map_err(|error| Error::commit(&self.place, error))?;
        self.open = false;
        self.link.give_back().await;
        Ok(())
    }

    /// Ends the transaction without a trace. The reason for it is what the caller hears about, not a failure here:
    /// then the connection is closed, and the transaction with it.
    pub(super) async fn abandon(mut self) {
        if self.link.control("rollback".into()).await.is_ok() {
            self.open = false;
            self.link.give_back().await;
        }
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        if self.open {
            match &mut self.link {
                Link::Sqlite(link) => link.close_on_drop(),
                Link::Postgres(link) => link.close_on_drop(),
            }
        }
    }
}

impl Store {
    /// Begins a writing transaction; on SQLite as the only writer.
    pub(super) async fn begin(&self) -> Result<Tx, Error> {
        let link = match &self.pools {
            Pools::Sqlite { writer, .. } => writer.acquire().await.map(Link::Sqlite),
            Pools::Postgres(pool) => pool.acquire().await.map(Link::Postgres),
        };
        let link = link.map_err(|error| Error::engine(&self.place, error))?;
        let mut tx = Tx { link, open: true, place: Arc::clone(&self.place), secrets: self.secrets.clone() };
        // Immediate: a transaction that reads first and then wants to write could lose to another one.
        let begin = Sql { sqlite: "begin immediate", postgres: "begin" };
        tx.link.control(begin).await.map_err(|error| Error::engine(&self.place, error))?;
        Ok(tx)
    }

    /// Every row of a query outside a transaction, decoded.
    pub(super) async fn list<T>(
        &self,
        sql: impl Into<Sql>,
        args: &[Arg<'_>],
        decode: impl Fn(&Row) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        check(args)?;
        let link = match &self.pools {
            Pools::Sqlite { readers, .. } => readers.acquire().await.map(Link::Sqlite),
            Pools::Postgres(pool) => pool.acquire().await.map(Link::Postgres),
        };
        let mut link = link.map_err(|error| Error::engine(&self.place, error))?;
        let rows = link.rows(sql.into(), args).await;
        link.give_back().await;
        rows.map_err(|error| Error::engine(&self.place, error))?.iter().map(decode).collect()
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
/// from the start once more when PostgreSQL gave it up for another's sake (deadlock, serialization).
macro_rules! transaction {
    ($store:expr, |$tx:ident| $body:block) => {{
        let mut tried = 0;
        loop {
            let mut transaction = $store.begin().await?;
            let outcome: Result<_, $crate::store::Error> = {
                let $tx = &mut transaction;
                async { $body }.await
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
