//! Servers in the store, how they are reached, and what was found on them.

use super::engine::{Row, Tx, args, transaction};
use super::standing::{self, LockedServer};
use super::{Error, Store};
use crate::domain::host::{Access, Checked, Destination, Facts, HostKey};
use crate::domain::ids::ServerId;
use crate::domain::server::{Footing, SILENT_AFTER, SILENT_FOR_MS, Server, ServerEvent, ServerStatus};
use crate::domain::time::Timestamp;

/// What can be done with the servers of a store.
pub trait Servers {
    /// Adds a server, or returns the one that has its handle, as it is.
    ///
    /// # Errors
    /// [`Error::IdTaken`] when a server of another handle has the id.
    fn ensure_server(&self, server: &Server) -> impl Future<Output = Result<Server, Error>> + Send;
    /// The server with that id.
    fn server(&self, id: &ServerId) -> impl Future<Output = Result<Option<Server>, Error>> + Send;
    /// The server with that handle.
    fn server_by_handle(&self, handle: &str) -> impl Future<Output = Result<Option<Server>, Error>> + Send;
    /// Every server, by handle.
    fn servers(&self) -> impl Future<Output = Result<Vec<Server>, Error>> + Send;
    /// Moves a server on by an event, told what it was and carries; returns where it stands then.
    ///
    /// # Errors
    /// [`Error::ServerMove`], [`Error::NotFound`]; nothing is changed then.
    fn move_server(
        &self,
        id: &ServerId,
        event: fn(Footing) -> ServerEvent,
        at: Timestamp,
    ) -> impl Future<Output = Result<ServerStatus, Error>> + Send;
    /// Adds a server that is reached over SSH, with what the first look found.
    ///
    /// # Errors
    /// [`Error::ServerTaken`], [`Error::IdTaken`].
    fn add_server(
        &self,
        server: &Server,
        access: &Access,
        facts: &Facts,
    ) -> impl Future<Output = Result<(), Error>> + Send;
    /// How every server that has one is reached, by server.
    fn accesses(&self) -> impl Future<Output = Result<Vec<Access>, Error>> + Send;
    /// Pins another host key.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    fn pin_host_key(
        &self,
        server: &ServerId,
        key: &HostKey,
        at: Timestamp,
    ) -> impl Future<Output = Result<(), Error>> + Send;
    /// Writes down how looks at servers ended, all or none: failures in a row are counted, and what was found before
    /// stays where nothing was found. A server is unreachable from the [`SILENT_AFTER`]th look in a row on that found
    /// nothing, if the first of them was at least [`SILENT_FOR_MS`] before, until one finds something.
    fn note_checks(&self, seen: &[Seen]) -> impl Future<Output = Result<(), Error>> + Send;
    /// How the last look at each server ended, by server.
    fn checks(&self) -> impl Future<Output = Result<Vec<(ServerId, Checked)>, Error>> + Send;
    /// Removes a server that carries no project. One that releases or incidents remember stays, decommissioned and
    /// without its name.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::ServerInUse`].
    fn remove_server(&self, id: &ServerId, at: Timestamp) -> impl Future<Output = Result<(), Error>> + Send;
}

/// How a look at a server ended.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The server.
    pub server: ServerId,
    /// When it was looked at.
    pub at: Timestamp,
    /// Why it failed; none when it did not.
    pub problem: Option<String>,
    /// What was found.
    pub facts: Option<Facts>,
}

fn decode_access(row: &Row) -> Result<Access, Error> {
    let row = row.of("server_access");
    Ok(Access {
        server: row.parsed(0, |text| ServerId::parse(text).ok())?,
        destination: row.parsed(1, |text| Destination::parse(text).ok())?,
        key: row.maybe_text(2)?.map(Into::into),
        host_key: row.parsed(3, HostKey::parse)?,
        rootless: row.bool(4)?,
    })
}

fn decode_check(row: &Row) -> Result<(ServerId, Checked), Error> {
    let row = row.of("server_check");
    let checked = Checked {
        at: row.time(1)?,
        failures: row.number(2)?,
        problem: row.maybe_text(3)?,
        facts: row.maybe_parsed(4, |text| serde_json::from_str(text).ok())?,
    };
    Ok((row.parsed(0, |text| ServerId::parse(text).ok())?, checked))
}

/// Facts as they are stored.
fn encode(facts: &Facts) -> String {
    serde_json::to_string(facts).expect("facts have text keys only")
}

fn decode(row: &Row) -> Result<Server, Error> {
    let row = row.of("server");
    Ok(Server {
        id: row.parsed(0, |text| ServerId::parse(text).ok())?,
        handle: row.text(1)?,
        address: row.text(2)?,
        status: row.parsed(3, standing::status)?,
        created_at: row.time(4)?,
        updated_at: row.time(5)?,
    })
}

/// Writes a server down unless its id or its handle is taken; how many were.
async fn insert(tx: &mut Tx, server: &Server) -> Result<u64, Error> {
    tx.execute(
        "insert into server (id, handle, address, status, set_up, created_at, updated_at) \
         values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing",
        args![
            server.id.as_str(),
            &server.handle,
            &server.address,
            server.status.as_str(),
            server.status.takes_projects(),
            server.created_at,
            server.updated_at,
        ],
    )
    .await
}

async fn note(tx: &mut Tx, seen: &Seen, facts: Option<&str>) -> Result<(), Error> {
    // A server that was removed meanwhile has no look to remember.
    let Some(mut server) = LockedServer::find(tx, &seen.server).await? else { return Ok(()) };
    let silent_since = facts.is_none().then_some(seen.at);
    tx.execute(
        "insert into server_check (server_id, checked_at, failures, silences, silent_since, problem, facts, created_at, \
         updated_at) values ($1, $2, $3, $4, $5, $6, $7, $2, $2) on conflict (server_id) do update set \
         checked_at = excluded.checked_at, \
         failures = case when excluded.failures = 0 then 0 else server_check.failures + 1 end, \
         silences = case when excluded.silences = 0 then 0 else server_check.silences + 1 end, \
         silent_since = case when excluded.silences = 0 then null \
         else coalesce(server_check.silent_since, excluded.silent_since) end, \
         problem = excluded.problem, facts = coalesce(excluded.facts, server_check.facts), \
         updated_at = excluded.updated_at",
        args![
            seen.server.as_str(),
            seen.at,
            u32::from(seen.problem.is_some()),
            u32::from(facts.is_none()),
            silent_since.map(|at| at.0),
            seen.problem.as_deref(),
            facts,
        ],
    )
    .await?;
    let row = tx
        .row(
            "select silences, coalesce(silent_since, checked_at) from server_check where server_id = $1",
            args![seen.server.as_str()],
        )
        .await?;
    let (silences, since): (u32, _) = row.map_or(Ok((0, seen.at)), |row| {
        let row = row.of("server_check");
        Ok::<_, Error>((row.number(0)?, row.time(1)?))
    })?;
    let event = match silences {
        0 => ServerEvent::Answered(server.footing(tx).await?),
        SILENT_AFTER.. if seen.at.since(since) >= SILENT_FOR_MS => ServerEvent::Silent,
        _ => return Ok(()),
    };
    match server.status.next(event) {
        Ok(status) => server.move_to(tx, status, seen.at).await,
        // It stands where looks do not move it.
        Err(_) => Ok(()),
    }
}

impl Servers for Store {
    async fn ensure_server(&self, server: &Server) -> Result<Server, Error> {
        if let Some(present) = self.server_by_handle(&server.handle).await? {
            return Ok(present);
        }
        transaction!(self, |tx| {
            insert(tx, server).await?;
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

    async fn server(&self, id: &ServerId) -> Result<Option<Server>, Error> {
        self.find(
            "select id, handle, address, status, created_at, updated_at from server where id = $1",
            args![id.as_str()],
            decode,
        )
        .await
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

    async fn move_server(
        &self,
        id: &ServerId,
        event: fn(Footing) -> ServerEvent,
        at: Timestamp,
    ) -> Result<ServerStatus, Error> {
        transaction!(self, |tx| {
            let mut server = LockedServer::of(tx, id).await?;
            let status = server.after(event(server.footing(tx).await?))?;
            server.move_to(tx, status, at).await?;
            Ok(status)
        })
    }

    async fn add_server(&self, server: &Server, access: &Access, facts: &Facts) -> Result<(), Error> {
        let destination = access.destination.to_string();
        let key = access.key.as_ref().map(|key| key.to_string_lossy().into_owned());
        let host_key = access.host_key.to_string();
        let facts = encode(facts);
        transaction!(self, |tx| {
            let taken = tx.row("select id from server where handle = $1", args![&server.handle]).await?;
            if taken.is_some() {
                return Err(Error::ServerTaken { name: server.handle.clone() });
            }
            let added = insert(tx, server).await?;
            if added == 0 {
                let taken = tx.row("select id from server where id = $1", args![server.id.as_str()]).await?;
                return Err(match taken {
                    Some(_) => Error::IdTaken { what: "server", id: server.id.to_string() },
                    None => Error::ServerTaken { name: server.handle.clone() },
                });
            }
            tx.execute(
                "insert into server_access (server_id, destination, key_path, host_key, rootless, created_at, updated_at) \
                 values ($1, $2, $3, $4, $5, $6, $6)",
                args![
                    server.id.as_str(),
                    &destination,
                    key.as_deref(),
                    &host_key,
                    access.rootless,
                    server.created_at,
                ],
            )
            .await?;
            tx.execute(
                "insert into server_check (server_id, checked_at, failures, problem, facts, created_at, updated_at) \
                 values ($1, $2, 0, null, $3, $2, $2)",
                args![server.id.as_str(), server.created_at, &facts],
            )
            .await?;
            Ok(())
        })
    }

    async fn accesses(&self) -> Result<Vec<Access>, Error> {
        self.list(
            "select server_id, destination, key_path, host_key, rootless from server_access order by server_id",
            args![],
            decode_access,
        )
        .await
    }

    async fn pin_host_key(&self, server: &ServerId, key: &HostKey, at: Timestamp) -> Result<(), Error> {
        let line = key.to_string();
        transaction!(self, |tx| {
            let changed = tx
                .execute(
                    "update server_access set host_key = $2, updated_at = $3 where server_id = $1",
                    args![server.as_str(), &line, at],
                )
                .await?;
            if changed == 0 {
                return Err(Error::NotFound { what: "server", id: server.to_string() });
            }
            Ok(())
        })
    }

    async fn note_checks(&self, seen: &[Seen]) -> Result<(), Error> {
        let mut seen: Vec<(&Seen, Option<String>)> =
            seen.iter().map(|seen| (seen, seen.facts.as_ref().map(encode))).collect();
        // In one order everywhere, so that nobody waits for somebody who waits.
        seen.sort_unstable_by_key(|(seen, _)| seen.server.as_str());
        transaction!(self, |tx| {
            for (seen, facts) in &seen {
                note(tx, seen, facts.as_deref()).await?;
            }
            Ok(())
        })
    }

    async fn checks(&self) -> Result<Vec<(ServerId, Checked)>, Error> {
        self.list(
            "select server_id, checked_at, failures, problem, facts from server_check order by server_id",
            args![],
            decode_check,
        )
        .await
    }

    async fn remove_server(&self, id: &ServerId, at: Timestamp) -> Result<(), Error> {
        transaction!(self, |tx| {
            let mut server = LockedServer::of(tx, id).await?;
            let projects = server.projects(tx).await?;
            if projects > 0 {
                return Err(Error::ServerInUse { name: server.name, projects });
            }
            // A store before this one did not tell that its last project was gone.
            server.settle(tx, at).await?;
            server.after(ServerEvent::GivenUp)?;
            tx.execute("delete from server_access where server_id = $1", args![id.as_str()]).await?;
            tx.execute("delete from server_check where server_id = $1", args![id.as_str()]).await?;
            tx.execute("delete from server_setup where server_id = $1", args![id.as_str()]).await?;
            let kept = tx
                .execute(
                    "update server set status = 'decommissioned', handle = id, updated_at = $2 where id = $1 \
                     and (exists (select 1 from deployment where server_id = $1) \
                     or exists (select 1 from incident where server_id = $1))",
                    args![id.as_str(), at],
                )
                .await?;
            if kept == 0 {
                tx.execute("delete from server where id = $1", args![id.as_str()]).await?;
            }
            Ok(())
        })
    }
}
