//! Where servers stand: read under a lock, moved by [`ServerStatus::next`] only, in the transaction of what moves them.

use std::collections::BTreeSet;

use super::Error;
use super::engine::{Row, Tx, args, locking};
use crate::domain::ids::{ProjectId, ServerId};
use crate::domain::server::{Footing, ServerEvent, ServerStatus};
use crate::domain::time::Timestamp;

/// A server that nobody else moves until the transaction ends.
pub(super) struct LockedServer {
    /// The server.
    pub server: ServerId,
    /// Its handle.
    pub name: String,
    /// Where it stands.
    pub status: ServerStatus,
    set_up: bool,
}

pub(super) fn status(text: &str) -> Option<ServerStatus> {
    ServerStatus::ALL.into_iter().find(|status| status.as_str() == text)
}

fn projects(row: Option<Row>) -> Result<u32, Error> {
    row.map_or(Ok(0), |row| row.of("placement").number(0))
}

impl LockedServer {
    /// Locks a server; none when there is none of that id.
    pub async fn find(tx: &mut Tx, server: &ServerId) -> Result<Option<Self>, Error> {
        let text = locking!("select handle, status, set_up from server where id = $1");
        let Some(row) = tx.row(text, args![server.as_str()]).await? else { return Ok(None) };
        let row = row.of("server");
        let (name, status, set_up) = (row.text(0)?, row.parsed(1, status)?, row.bool(2)?);
        Ok(Some(Self { server: server.clone(), name, status, set_up }))
    }

    /// The same of a server that has to be there.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn of(tx: &mut Tx, server: &ServerId) -> Result<Self, Error> {
        let found = Self::find(tx, server).await?;
        found.ok_or_else(|| Error::NotFound { what: "server", id: server.to_string() })
    }

    /// How many projects have a place or ports there.
    pub async fn projects(&self, tx: &mut Tx) -> Result<u32, Error> {
        let row = tx
            .row(
                "select count(*) from (select project_id from port_reservation where server_id = $1 \
                 union select project_id from placement where server_id = $1) as carried",
                args![self.server.as_str()],
            )
            .await?;
        projects(row)
    }

    /// What decides where it goes when it comes back.
    pub async fn footing(&self, tx: &mut Tx) -> Result<Footing, Error> {
        Ok(Footing { set_up: self.set_up, carries: self.projects(tx).await? > 0 })
    }

    /// Where it would stand after an event.
    ///
    /// # Errors
    /// [`Error::ServerMove`].
    pub fn after(&self, event: ServerEvent) -> Result<ServerStatus, Error> {
        self.status.next(event).map_err(|source| Error::ServerMove { name: self.name.clone(), source })
    }

    /// Moves it there.
    pub async fn move_to(&mut self, tx: &mut Tx, status: ServerStatus, at: Timestamp) -> Result<(), Error> {
        self.set_up = status.takes_projects() || (status.keeps_set_up() && self.set_up);
        self.status = status;
        tx.execute(
            "update server set status = $2, set_up = $3, updated_at = $4 where id = $1",
            args![self.server.as_str(), status.as_str(), self.set_up, at],
        )
        .await?;
        if status != ServerStatus::Unreachable {
            // Looks that were not answered before say nothing of where it stands now.
            tx.execute(
                "update server_check set silences = 0, silent_since = null where server_id = $1",
                args![self.server.as_str()],
            )
            .await?;
        }
        Ok(())
    }

    /// Has it stand where its projects say: in use by the first, ready again without the last. One that is out of use, or
    /// set up at the moment, is told when it comes back.
    pub async fn settle(&mut self, tx: &mut Tx, at: Timestamp) -> Result<(), Error> {
        let event = if self.projects(tx).await? > 0 { ServerEvent::Filled } else { ServerEvent::Emptied };
        match self.status.next(event) {
            Ok(status) => self.move_to(tx, status, at).await,
            Err(_) => Ok(()),
        }
    }
}

/// Locks a project, some servers, and those that it has a place or ports on: first the project, then the servers by their
/// ids, so that nobody waits for somebody who waits. None without that project.
pub(super) async fn lock_with_project(
    tx: &mut Tx,
    project: &ProjectId,
    servers: &[ServerId],
) -> Result<Option<Vec<LockedServer>>, Error> {
    if tx.row(locking!("select id from project where id = $1"), args![project.as_str()]).await?.is_none() {
        return Ok(None);
    }
    let rows = tx
        .rows(
            "select server_id from placement where project_id = $1 \
             union select server_id from port_reservation where project_id = $1 order by server_id",
            args![project.as_str()],
        )
        .await?;
    let of_project = rows.iter().map(|row| row.of("placement").parsed(0, |text| ServerId::parse(text).ok()));
    let all = servers.iter().cloned().map(Ok).chain(of_project).collect::<Result<BTreeSet<ServerId>, Error>>()?;
    let mut locked = Vec::new();
    for server in all {
        locked.extend(LockedServer::find(tx, &server).await?);
    }
    Ok(Some(locked))
}
