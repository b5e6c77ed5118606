//! What the engines' error codes mean for the store, whichever engine it is.
//!
//! The one place that reads codes; everything else decides on [`Error`]'s variants.

use sqlx::postgres::PgDatabaseError;

use super::Error;
use super::place::Place;

/// What an engine's error code means, whichever engine it is.
enum Fault {
    Busy,
    Full,
    ReadOnly,
    Damaged,
    CannotOpen,
    Refused,
    Lost,
    Other,
}

fn fault(error: &sqlx::Error) -> Fault {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::WorkerCrashed | sqlx::Error::PoolClosed => Fault::Lost,
        sqlx::Error::PoolTimedOut => Fault::Busy,
        sqlx::Error::Database(database) => {
            let code = database.code().unwrap_or_default();
            if database.try_downcast_ref::<PgDatabaseError>().is_some() {
                postgres_fault(&code)
            } else {
                sqlite_fault(code.parse().unwrap_or_default())
            }
        }
        _ => Fault::Other,
    }
}

/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
fn postgres_fault(code: &str) -> Fault {
    match code {
        "55P03" => Fault::Busy,
        "53100" => Fault::Full,
        "25006" | "42501" => Fault::ReadOnly,
        "28000" | "28P01" | "3D000" => Fault::Refused,
        "57P01" | "57P02" | "57P03" | "53300" => Fault::Lost,
        _ if code.starts_with("08") => Fault::Lost,
        _ => Fault::Other,
    }
}

/// <https://www.sqlite.org/rescode.html>: the low byte is the primary code, the rest says more.
fn sqlite_fault(code: u32) -> Fault {
    const IOERR_WRITE: u32 = 778;
    const IOERR_SHMSIZE: u32 = 4874;
    match code {
        IOERR_WRITE | IOERR_SHMSIZE => return Fault::Full,
        _ => {}
    }
    match code & 0xff {
        5 | 6 => Fault::Busy,
        13 => Fault::Full,
        3 | 8 | 23 => Fault::ReadOnly,
        11 | 26 => Fault::Damaged,
        14 => Fault::CannotOpen,
        _ => Fault::Other,
    }
}

impl Error {
    /// An engine's error, told by what it means for the store at `place`.
    pub(super) fn engine(place: &Place, source: sqlx::Error) -> Self {
        let store = place.to_string();
        let says = || match &source {
            sqlx::Error::Database(database) => database.message().to_owned(),
            other => other.to_string(),
        };
        match (fault(&source), place.file()) {
            (Fault::Busy, _) => Self::Busy { store },
            (Fault::Full, _) => Self::DiskFull { store },
            (Fault::ReadOnly, _) => Self::ReadOnly { store, reason: says() },
            (Fault::Refused, _) => Self::Refused { store, reason: says() },
            (Fault::Lost, None) => Self::Unreachable { store, source },
            (Fault::Damaged, Some(path)) => Self::Damaged { path: path.to_owned(), reason: says() },
            (Fault::CannotOpen, Some(path)) => Self::CannotOpen { path: path.to_owned(), reason: says() },
            (Fault::Damaged | Fault::CannotOpen | Fault::Lost | Fault::Other, _) => Self::Engine { store, source },
        }
    }

    /// The same for an error of `commit`: a connection lost there leaves the outcome open.
    pub(super) fn commit(place: &Place, source: sqlx::Error) -> Self {
        match Self::engine(place, source) {
            Self::Unreachable { store, source } => Self::OutcomeUnknown { store, source },
            other => other,
        }
    }

    fn database(&self) -> Option<&dyn sqlx::error::DatabaseError> {
        match self {
            Self::Engine { source, .. } => source.as_database_error(),
            _ => None,
        }
    }

    pub(super) fn breaks_unique(&self) -> bool {
        self.database().is_some_and(sqlx::error::DatabaseError::is_unique_violation)
    }

    pub(super) fn breaks_reference(&self) -> bool {
        self.database().is_some_and(sqlx::error::DatabaseError::is_foreign_key_violation)
    }

    /// PostgreSQL gave the transaction up because of another one; the same again will do.
    pub(super) fn is_passing(&self) -> bool {
        self.database().is_some_and(|error| error.code().is_some_and(|code| matches!(code.as_ref(), "40001" | "40P01")))
    }

    /// The same may do well a little later, without anything being changed.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        self.is_passing() || matches!(self, Self::Busy { .. } | Self::Unreachable { .. } | Self::OutcomeUnknown { .. })
    }
}
