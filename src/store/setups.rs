//! Attempts to set up servers, counted and bounded.

use super::engine::{Row, Tx, args, transaction};
use super::standing::LockedServer;
use super::{Error, Store};
use crate::domain::host::Destination;
use crate::domain::ids::{ServerId, SetupId};
use crate::domain::server::{ServerEvent, ServerStatus};
use crate::domain::time::Timestamp;

/// What can be done with attempts to set up servers.
pub trait Setups {
    /// Begins an attempt, and moves the server on. One that was never ended is gone on with and counts once. Returns
    /// which attempt of how many it is.
    ///
    /// # Errors
    /// [`Error::ServerMove`]; [`Error::AttemptsUsed`] after `most` that failed, unless `again`, which begins to count
    /// anew; [`Error::NotFound`].
    fn begin_setup(
        &self,
        server: &ServerId,
        setup: &SetupId,
        most: u32,
        again: bool,
        at: Timestamp,
    ) -> impl Future<Output = Result<u32, Error>> + Send;
    /// Ends an attempt; returns where the server stands then.
    ///
    /// # Errors
    /// [`Error::Superseded`] when a later attempt was begun: then nothing is changed. [`Error::ServerMove`],
    /// [`Error::NotFound`].
    fn end_setup(
        &self,
        server: &ServerId,
        setup: &SetupId,
        end: &SetupEnd,
        at: Timestamp,
    ) -> impl Future<Output = Result<ServerStatus, Error>> + Send;
    /// The newest attempt.
    fn setup_of(&self, server: &ServerId) -> impl Future<Output = Result<Option<Setup>, Error>> + Send;
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetupEnd {
    /// All is there.
    Done {
        /// How the server is reached from now on, where that has changed.
        access: Option<Destination>,
    },
    /// Some of it was left out on purpose.
    Left,
    /// It failed, for this reason.
    Failed(String),
}

/// An attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// Its id.
    pub id: SetupId,
    /// Attempts in a row that did not end well, this one included.
    pub attempts: u32,
    /// It has ended, one way or the other.
    pub ended: bool,
    /// Why it failed, when it did.
    pub problem: Option<String>,
}

fn decode(row: &Row) -> Result<Setup, Error> {
    let row = row.of("server_setup");
    Ok(Setup {
        id: row.parsed(0, |text| SetupId::parse(text).ok())?,
        attempts: row.number(1)?,
        ended: row.bool(2)?,
        problem: row.maybe_text(3)?,
    })
}

async fn newest(tx: &mut Tx, server: &ServerId) -> Result<Option<Setup>, Error> {
    let row = tx
        .row("select setup_id, attempts, ended, problem from server_setup where server_id = $1", args![server.as_str()])
        .await?;
    row.as_ref().map(decode).transpose()
}

impl Setups for Store {
    async fn begin_setup(
        &self,
        server: &ServerId,
        setup: &SetupId,
        most: u32,
        again: bool,
        at: Timestamp,
    ) -> Result<u32, Error> {
        transaction!(self, |tx| {
            let mut locked = LockedServer::of(tx, server).await?;
            let status = locked.after(ServerEvent::SetupBegun)?;
            let before = newest(tx, server).await?;
            let attempts = match &before {
                _ if again => 1,
                None => 1,
                Some(before) if !before.ended => before.attempts,
                Some(before) => before.attempts + 1,
            };
            if attempts > most {
                let problem = before.and_then(|before| before.problem).unwrap_or_default();
                return Err(Error::AttemptsUsed { name: locked.name, attempts: most, problem });
            }
            tx.execute(
                "insert into server_setup (server_id, setup_id, attempts, ended, problem, created_at, updated_at) \
                 values ($1, $2, $3, false, null, $4, $4) on conflict (server_id) do update set \
                 setup_id = excluded.setup_id, attempts = excluded.attempts, ended = false, problem = null, \
                 updated_at = excluded.updated_at",
                args![server.as_str(), setup.as_str(), attempts, at],
            )
            .await?;
            locked.move_to(tx, status, at).await?;
            Ok(attempts)
        })
    }

    async fn end_setup(
        &self,
        server: &ServerId,
        setup: &SetupId,
        end: &SetupEnd,
        at: Timestamp,
    ) -> Result<ServerStatus, Error> {
        let (failed, problem, access) = match end {
            SetupEnd::Done { access } => (false, None, access.as_ref().map(Destination::to_string)),
            SetupEnd::Left => (false, None, None),
            SetupEnd::Failed(problem) => (true, Some(problem.as_str()), None),
        };
        transaction!(self, |tx| {
            let mut locked = LockedServer::of(tx, server).await?;
            let current = newest(tx, server).await?;
            if current.is_none_or(|current| current.id != *setup || current.ended) {
                return Err(Error::Superseded { name: locked.name });
            }
            let event = match end {
                SetupEnd::Done { .. } => ServerEvent::SetupEnded { carries: locked.projects(tx).await? > 0 },
                SetupEnd::Left => ServerEvent::SetupLeft(locked.footing(tx).await?),
                SetupEnd::Failed(_) => ServerEvent::SetupFailed,
            };
            let status = locked.after(event)?;
            tx.execute(
                "update server_setup set ended = true, problem = $2, updated_at = $4, \
                 attempts = case when $3 then attempts else 0 end where server_id = $1",
                args![server.as_str(), problem, failed, at],
            )
            .await?;
            if let Some(access) = &access {
                tx.execute(
                    "update server_access set destination = $2, updated_at = $3 where server_id = $1",
                    args![server.as_str(), access, at],
                )
                .await?;
            }
            locked.move_to(tx, status, at).await?;
            Ok(status)
        })
    }

    async fn setup_of(&self, server: &ServerId) -> Result<Option<Setup>, Error> {
        self.find(
            "select setup_id, attempts, ended, problem from server_setup where server_id = $1",
            args![server.as_str()],
            decode,
        )
        .await
    }
}
