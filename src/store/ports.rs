//! Ports reserved on servers. Choice and reservation are one transaction.

use std::collections::BTreeSet;

use super::engine::{Row, args, transaction};
use super::standing::LockedServer;
use super::{Error, Store};
use crate::domain::ids::{ProjectId, ServerId};
use crate::domain::server::{PortPurpose, PortReservation, PortWish};
use crate::domain::time::Timestamp;

/// What can be done with the ports of a store.
pub trait Ports {
    /// Reserves the first port of the purpose's range that is neither reserved on the server nor in `listening`.
    /// The same server, project, service and purpose get the port they have, whatever listens on it.
    ///
    /// # Errors
    /// [`Error::PortsExhausted`]; [`Error::NotFound`] without that server or project.
    fn reserve_port(
        &self,
        server: &ServerId,
        project: &ProjectId,
        service: &str,
        wish: PortWish,
        listening: &BTreeSet<u16>,
        at: Timestamp,
    ) -> impl Future<Output = Result<PortReservation, Error>> + Send;
    /// Every reservation on a server, by port.
    fn ports(&self, server: &ServerId) -> impl Future<Output = Result<Vec<PortReservation>, Error>> + Send;
    /// Every reservation of a project, by server and port.
    fn project_ports(&self, project: &ProjectId) -> impl Future<Output = Result<Vec<PortReservation>, Error>> + Send;
}

fn decode(row: &Row) -> Result<PortReservation, Error> {
    let row = row.of("port_reservation");
    Ok(PortReservation {
        server: row.parsed(0, |text| ServerId::parse(text).ok())?,
        port: row.number(1)?,
        project: row.parsed(2, |text| ProjectId::parse(text).ok())?,
        service: row.text(3)?,
        purpose: row.parsed(4, |text| PortPurpose::ALL.into_iter().find(|purpose| purpose.as_str() == text))?,
        created_at: row.time(5)?,
    })
}

fn count(number: usize) -> u32 {
    u32::try_from(number).expect("there are 65,536 ports")
}

impl Ports for Store {
    async fn reserve_port(
        &self,
        server: &ServerId,
        project: &ProjectId,
        service: &str,
        wish: PortWish,
        listening: &BTreeSet<u16>,
        at: Timestamp,
    ) -> Result<PortReservation, Error> {
        let purpose = wish.purpose;
        transaction!(self, |tx| {
            // One choice at a time on a server.
            let mut locked = LockedServer::of(tx, server).await?;
            let present = tx
                .row(
                    "select server_id, port, project_id, service, purpose, created_at from port_reservation \
                     where server_id = $1 and project_id = $2 and service = $3 and purpose = $4",
                    args![server.as_str(), project.as_str(), service, purpose.as_str()],
                )
                .await?;
            if let Some(row) = present {
                return decode(&row);
            }
            let range = wish.range.of(purpose);
            let reserved = tx
                .rows(
                    "select port from port_reservation where server_id = $1 and port between $2 and $3 order by port",
                    args![server.as_str(), *range.start(), *range.end()],
                )
                .await?
                .iter()
                .map(|row| row.of("port_reservation").number(0))
                .collect::<Result<BTreeSet<u16>, Error>>()?;
            let Some(port) = range.clone().find(|port| !reserved.contains(port) && !listening.contains(port)) else {
                return Err(Error::PortsExhausted {
                    server: locked.name,
                    first: *range.start(),
                    last: *range.end(),
                    reserved: count(reserved.len()),
                    listening: count(range.filter(|port| !reserved.contains(port)).count()),
                });
            };
            tx.execute(
                "insert into port_reservation (server_id, port, project_id, service, purpose, created_at) \
                 values ($1, $2, $3, $4, $5, $6)",
                args![server.as_str(), port, project.as_str(), service, purpose.as_str(), at],
            )
            .await?;
            locked.settle(tx, at).await?;
            Ok(PortReservation {
                server: server.clone(),
                port,
                project: project.clone(),
                service: service.to_owned(),
                purpose,
                created_at: at,
            })
        })
        .map_err(|error| {
            // The server is there and locked: only the project can be missing.
            if error.breaks_reference() { Error::NotFound { what: "project", id: project.to_string() } } else { error }
        })
    }

    async fn ports(&self, server: &ServerId) -> Result<Vec<PortReservation>, Error> {
        self.list(
            "select server_id, port, project_id, service, purpose, created_at from port_reservation \
             where server_id = $1 order by port",
            args![server.as_str()],
            decode,
        )
        .await
    }

    async fn project_ports(&self, project: &ProjectId) -> Result<Vec<PortReservation>, Error> {
        self.list(
            "select server_id, port, project_id, service, purpose, created_at from port_reservation \
             where project_id = $1 order by server_id, port",
            args![project.as_str()],
            decode,
        )
        .await
    }
}
