//! A SQLite connection as the store uses it: statements with `$1` placeholders, rows that own their values, errors
//! that tell their code. Statements are kept prepared; they run where they are called, which takes microseconds.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, OpenFlags, ToSql};
use sqlx::error::{DatabaseError, ErrorKind};

use super::engine::Arg;

/// Statements that are kept prepared; there are about as many.
const PREPARED: usize = 96;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Reads,
    Writes,
}

/// Opens a file that is there. `patience` is how long a statement waits for other processes.
pub(super) fn open(path: &Path, purpose: Use, patience: Duration) -> Result<Connection, sqlx::Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    set_up(Connection::open_with_flags(path, flags).map_err(failure)?, purpose, patience)
}

/// Opens a store that is gone with its connection.
pub(super) fn open_in_memory() -> Result<Connection, sqlx::Error> {
    set_up(Connection::open_in_memory().map_err(failure)?, Use::Writes, Duration::ZERO)
}

fn set_up(connection: Connection, purpose: Use, patience: Duration) -> Result<Connection, sqlx::Error> {
    connection.set_prepared_statement_cache_capacity(PREPARED);
    // One plan whatever the arguments are: otherwise those that a plan could look at are planned for anew each time.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(failure)?;
    connection.busy_timeout(patience).map_err(failure)?;
    connection
        .execute_batch(match purpose {
            Use::Reads => "pragma query_only = on",
            // Pages as they were before a part are kept in memory: written to a file, they cost more than the part.
            // What is deleted is overwritten: a message may have held a secret. Half a megabyte of pages is more than a
            // part needs.
            Use::Writes => {
                "pragma foreign_keys = on; pragma synchronous = full; pragma temp_store = memory; \
                 pragma secure_delete = on; pragma cache_size = -512"
            }
        })
        .map_err(failure)?;
    Ok(connection)
}

/// A statement without arguments or rows that is run again and again.
pub(super) fn step(connection: &Connection, sql: &str) -> Result<(), sqlx::Error> {
    connection.prepare_cached(sql).and_then(|mut statement| statement.raw_execute()).map(drop).map_err(failure)
}

/// Statements without arguments or rows.
pub(super) fn batch(connection: &Connection, sql: &str) -> Result<(), sqlx::Error> {
    connection.execute_batch(sql).map_err(failure)
}

/// Runs a statement; returns how many rows it changed.
pub(super) fn execute(connection: &Connection, sql: &str, args: &[Arg<'_>]) -> Result<u64, sqlx::Error> {
    let mut statement = connection.prepare_cached(sql).map_err(failure)?;
    bind(&mut statement, args)?;
    statement.raw_execute().map(|changed| changed as u64).map_err(failure)
}

/// Every row of a query.
pub(super) fn rows(connection: &Connection, sql: &str, args: &[Arg<'_>]) -> Result<Vec<Row>, sqlx::Error> {
    let mut statement = connection.prepare_cached(sql).map_err(failure)?;
    bind(&mut statement, args)?;
    let columns = statement.column_count();
    let mut names: Option<Arc<[String]>> = None;
    let mut found = Vec::new();
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next().map_err(failure)? {
        let names = names.get_or_insert_with(|| {
            let statement: &rusqlite::Statement<'_> = row.as_ref();
            statement.column_names().into_iter().map(str::to_owned).collect()
        });
        let values = (0..columns).map(|at| row.get_ref(at).map(Value::try_from));
        let values: Result<Vec<Value>, rusqlite::Error> = values
            .map(|value| {
                value.and_then(|value| value.map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into())))
            })
            .collect();
        found.push(Row { values: values.map_err(failure)?, names: Arc::clone(names) });
    }
    Ok(found)
}

/// `$2` is the second argument wherever it stands; SQLite itself counts names in the order they come.
fn bind(statement: &mut rusqlite::CachedStatement<'_>, args: &[Arg<'_>]) -> Result<(), sqlx::Error> {
    for at in 1..=statement.parameter_count() {
        let number = statement.parameter_name(at).and_then(|name| match name.as_bytes() {
            [b'$', digit @ b'1'..=b'9'] => Some(usize::from(digit - b'0')),
            _ => name.strip_prefix('$')?.parse().ok(),
        });
        let Some(arg) = number.and_then(|number| args.get(number.checked_sub(1)?)) else {
            return Err(sqlx::Error::Protocol(format!("placeholder {at} has no argument")));
        };
        statement.raw_bind_parameter(at, arg).map_err(failure)?;
    }
    Ok(())
}

impl ToSql for Arg<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Self::Int(value) | Self::MaybeInt(Some(value)) => ValueRef::Integer(value),
            Self::Bool(value) => ValueRef::Integer(value.into()),
            Self::Text(text) | Self::MaybeText(Some(text)) => ValueRef::Text(text.as_bytes()),
            Self::MaybeInt(None) | Self::MaybeText(None) => ValueRef::Null,
        }))
    }
}

/// A row that owns its values.
pub(super) struct Row {
    values: Vec<Value>,
    names: Arc<[String]>,
}

/// A value of a sort the store does not write there; holds the value as text.
pub(super) struct Strange(pub(super) String);

impl Row {
    pub(super) fn name(&self, at: usize) -> Option<&str> {
        self.names.get(at).map(String::as_str)
    }

    fn value(&self, at: usize) -> Result<&Value, Strange> {
        self.values.get(at).ok_or_else(|| Strange("nothing".to_owned()))
    }

    pub(super) fn maybe_text(&self, at: usize) -> Result<Option<String>, Strange> {
        match self.value(at)? {
            Value::Null => Ok(None),
            Value::Text(text) => Ok(Some(text.clone())),
            other => Err(strange(other)),
        }
    }

    pub(super) fn text(&self, at: usize) -> Result<String, Strange> {
        self.maybe_text(at)?.ok_or_else(|| strange(&Value::Null))
    }

    pub(super) fn maybe_int(&self, at: usize) -> Result<Option<i64>, Strange> {
        match self.value(at)? {
            Value::Null => Ok(None),
            Value::Integer(value) => Ok(Some(*value)),
            other => Err(strange(other)),
        }
    }

    pub(super) fn int(&self, at: usize) -> Result<i64, Strange> {
        match self.value(at)? {
            Value::Integer(value) => Ok(*value),
            other => Err(strange(other)),
        }
    }
}

fn strange(value: &Value) -> Strange {
    Strange(match value {
        Value::Null => "null".to_owned(),
        Value::Integer(value) => value.to_string(),
        Value::Real(value) => value.to_string(),
        Value::Text(text) => text.clone(),
        Value::Blob(bytes) => format!("{} bytes", bytes.len()),
    })
}

/// What SQLite says of a failure. The code is the extended one.
#[derive(Debug, Clone)]
struct Failure {
    code: i32,
    message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "(code: {}) {}", self.code, self.message)
    }
}

impl std::error::Error for Failure {}

impl DatabaseError for Failure {
    fn message(&self) -> &str {
        &self.message
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        Some(self.code.to_string().into())
    }

    fn as_error(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
        self
    }

    fn as_error_mut(&mut self) -> &mut (dyn std::error::Error + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn std::error::Error + Send + Sync + 'static> {
        self
    }

    /// <https://www.sqlite.org/rescode.html>
    fn kind(&self) -> ErrorKind {
        const PRIMARY_KEY: i32 = 1555;
        const UNIQUE: i32 = 2067;
        const ROWID: i32 = 2579;
        const FOREIGN_KEY: i32 = 787;
        match self.code {
            PRIMARY_KEY | UNIQUE | ROWID => ErrorKind::UniqueViolation,
            FOREIGN_KEY => ErrorKind::ForeignKeyViolation,
            _ => ErrorKind::Other,
        }
    }
}

/// A failure of SQLite as both engines tell theirs.
pub(super) fn failure(error: rusqlite::Error) -> sqlx::Error {
    let told = |code: rusqlite::ffi::Error, message: Option<String>| {
        let message = message.unwrap_or_else(|| code.to_string());
        sqlx::Error::Database(Box::new(Failure { code: code.extended_code, message }))
    };
    match error {
        rusqlite::Error::SqliteFailure(code, message) => told(code, message),
        rusqlite::Error::SqlInputError { error, msg, .. } => told(error, Some(msg)),
        other => sqlx::Error::Protocol(other.to_string()),
    }
}

/// The same failure once more, for another who waited for the same commit.
pub(super) fn again(error: &sqlx::Error) -> sqlx::Error {
    let database = error.as_database_error().and_then(|error| error.try_downcast_ref::<Failure>());
    match database {
        Some(failure) => sqlx::Error::Database(Box::new(failure.clone())),
        None => sqlx::Error::Protocol(error.to_string()),
    }
}

/// Another process has the lock.
pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    let database = error.as_database_error().and_then(|error| error.try_downcast_ref::<Failure>());
    database.is_some_and(|failure| failure.code & 0xff == 5)
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    #[test]
    fn a_statement_is_planned_once_whatever_its_arguments_are() {
        let connection = open_in_memory().unwrap();
        batch(&connection, "create table t (id integer primary key, a text); insert into t values (1, 'x'), (2, 'y')")
            .unwrap();
        let sql = "select id from t where id > $1 and a like $2 order by id limit $3";
        for (above, like, limit) in [(0, "x%", 1), (1, "%y", 2), (0, "z", 3)] {
            rows(&connection, sql, &[Arg::Int(above), Arg::Text(like), Arg::Int(limit)]).unwrap();
        }
        let statement = connection.prepare_cached(sql).unwrap();
        assert_eq!(
            (statement.get_status(StatementStatus::Run), statement.get_status(StatementStatus::RePrepare)),
            (3, 0)
        );
    }
}
