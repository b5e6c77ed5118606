//! Opening a PostgreSQL store.
//!
//! One connection of its own looks at the schema, so that an unreachable server or a refused password is told at
//! once (a pool would go on trying); then a small pool takes over. TLS is as the URL says (`sslmode`). The
//! migrator holds an advisory lock.

use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, Executor, Row};

use super::engine::Pools;
use super::place::Place;
use super::{Error, migrations};

/// How long is waited for a connection.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections of one process: the work of a process is one run, a few reads beside it.
const CONNECTIONS: u32 = 5;
/// How long a statement waits for another's locks, as long as SQLite's busy timeout.
const LOCK_TIMEOUT: &str = "set lock_timeout = '10s'";

/// Opens the store at `url`, migrating it where needed.
pub(super) async fn open(url: &str, place: &Place) -> Result<Pools, Error> {
    let options = PgConnectOptions::from_str(url).map_err(|error| Error::InvalidUrl {
        url: place.to_string(),
        reason: match error {
            // The parsers' texts name the rule, never the URL.
            sqlx::Error::Configuration(reason) => reason.to_string(),
            _ => "it cannot be read".to_owned(),
        },
    })?;
    let options = match options.get_application_name() {
        Some(_) => options,
        None => options.application_name("cgo"),
    }
    .disable_statement_logging();
    check(&options, place).await?;
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(PATIENCE)
        .after_connect(|connection, _| Box::pin(async move { connection.execute(LOCK_TIMEOUT).await.map(drop) }))
        .connect_lazy_with(options);
    Ok(Pools::Postgres(pool))
}

async fn check(options: &PgConnectOptions, place: &Place) -> Result<(), Error> {
    let connected = tokio::time::timeout(PATIENCE, options.connect()).await;
    let connected = connected.unwrap_or_else(|_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())));
    let mut connection = connected.map_err(|error| Error::engine(place, error))?;
    match version(&mut connection).await.map_err(|error| Error::engine(place, error))? {
        Some(migrations::NEWEST) => {}
        Some(found) if found > migrations::NEWEST => {
            return Err(Error::Newer { store: place.to_string(), found, known: migrations::NEWEST });
        }
        Some(_) | None => {
            // The half of `run` whose future is `Send`; it holds the advisory lock.
            migrations::postgres()
                .run_direct(None, &mut connection, false)
                .await
                .map_err(|error| migration(place, error))?;
        }
    }
    connection.close().await.map_err(|error| Error::engine(place, error))
}

/// The newest migration that was applied, if any was.
async fn version(connection: &mut PgConnection) -> Result<Option<i64>, sqlx::Error> {
    let known: bool = connection.fetch_one("select to_regclass('_cgo_migrations') is not null").await?.try_get(0)?;
    if !known {
        return Ok(None);
    }
    connection.fetch_one("select max(version) from _cgo_migrations").await?.try_get(0)
}

/// What a failed migration means: often something about the place, not about the migration.
fn migration(place: &Place, error: MigrateError) -> Error {
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
