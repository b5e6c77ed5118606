//! Servers in the store.

use super::engine::{Row, args, transaction};
use super::{Error, Store};
use crate::domain::ids::ServerId;
use crate::domain::server::{Server, ServerStatus};
use crate::domain::time::Timestamp;

/// What can be done with the servers of a store.
pub trait Servers {
    /// Adds a server, or returns the one that has its handle, as it is.
    ///
    /// # Errors
    /// [`Error::IdTaken`] when a server of another handle has the id.
    fn ensure_server(&self, server: &Server) -> impl Future<Output = Result<Server, Error>> + Send;
    /// The server with that handle.
    fn server_by_handle(&self, handle: &str) -> impl Future<Output = Result<Option<Server>, Error>> + Send;
    /// Every server, by handle.
    fn servers(&self) -> impl Future<Output = Result<Vec<Server>, Error>> + Send;
    /// Moves a server to a status.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    fn set_server_status(
        &self,
        id: &ServerId,
        status: ServerStatus,
        at: Timestamp,
    ) -> impl Future<Output = Result<(), Error>> + Send;
    /// How many projects have ports on a server.
    fn project_count(&self, server: &ServerId) -> impl Future<Output = Result<u32, Error>> + Send;
}

fn decode(row: &Row) -> Result<Server, Error> {
    let row = row.of("server");
    Ok(Server {
        id: row.parsed(0, |text| ServerId::parse(text).ok())?,
        handle: row.text(1)?,
        address: row.text(2)?,
        status: row.parsed(3, |text| ServerStatus::ALL.into_iter().find(|status| status.as_str() == text))?,
        created_at: row.time(4)?,
        updated_at: row.time(5)?,
    })
}

impl Servers for Store {
    async fn ensure_server(&self, server: &Server) -> Result<Server, Error> {
        if let Some(present) = self.server_by_handle(&server.handle).await? {
            return Ok(present);
        }
        transaction!(self, |tx| {
            tx.execute(
                "insert into server (id, handle, address, status, created_at, updated_at) \
                 values ($1, $2, $3, $4, $5, $6) on conflict do nothing",
                args![
                    server.id.as_str(),
                    &server.handle,
                    &server.address,
                    server.status.as_str(),
                    server.created_at,
                    server.updated_at,
                ],
            )
            .await?;
            let present = tx
                .row(
                    "select id, handle, address, status, created_at, updated_at from server where handle = $1",
                    args![&server.handle],
                )
                .await?;
            match present {
                Some(row) => decode(&row),
                None => Err(Error::IdTaken { what: "server", id: server.id.to_string() }),
            }
        })
    }

    async fn server_by_handle(&self, handle: &str) -> Result<Option<Server>, Error> {
        self.find(
            "select id, handle, address, status, created_at, updated_at from server where handle = $1",
            args![handle],
            decode,
        )
        .await
    }

    async fn servers(&self) -> Result<Vec<Server>, Error> {
        self.list(
            "select id, handle, address, status, created_at, updated_at from server order by handle",
            args![],
            decode,
        )
        .await
    }

    async fn set_server_status(&self, id: &ServerId, status: ServerStatus, at: Timestamp) -> Result<(), Error> {
        transaction!(self, |tx| {
            let changed = tx
                .execute(
                    "update server set status = $2, updated_at = $3 where id = $1",
                    args![id.as_str(), status.as_str(), at],
                )
                .await?;
            if changed == 0 {
                return Err(Error::NotFound { what: "server", id: id.to_string() });
            }
            Ok(())
        })
    }

    async fn project_count(&self, server: &ServerId) -> Result<u32, Error> {
        let count = self
            .find(
                "select count(distinct project_id) from port_reservation where server_id = $1",
                args![server.as_str()],
                |row| row.of("port_reservation").number(0),
            )
            .await?;
        Ok(count.unwrap_or(0))
    }
}
