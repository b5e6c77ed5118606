//! Where projects live. Choice and reservation are one transaction.

use super::engine::{Row, args, transaction};
use super::standing::lock_with_project;
use super::{Error, Store};
use crate::domain::ids::{ProjectId, ServerId};
use crate::domain::placement::{Reason, Refusal, Reservation};
use crate::domain::time::Timestamp;

/// Chooses among servers by what is reserved on them: at least one.
pub type Choice<'a> = &'a (dyn Fn(&[Reservation]) -> Result<Vec<ServerId>, Vec<Refusal>> + Sync);

/// What can be done with the places of a store.
pub trait Placements {
    /// Reserves room for a project on the servers that `choice` names of what is reserved everywhere: nothing is reserved
    /// on these servers between the choice and its being written. Other places it had are given up, with its ports
    /// there. A chosen server that was taken out of use meanwhile is a refusal. Refusals change nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`] without that project, or when a chosen server is gone.
    fn place(
        &self,
        project: &ProjectId,
        servers: &[ServerId],
        memory_mb: u64,
        disk_mb: u64,
        choice: Choice<'_>,
        at: Timestamp,
    ) -> impl Future<Output = Result<Result<Vec<Reservation>, Vec<Refusal>>, Error>> + Send;
    /// Where a project lives, by the handles of the servers.
    fn placements_of(&self, project: &ProjectId) -> impl Future<Output = Result<Vec<Reservation>, Error>> + Send;
    /// Every place, by project and the handle of its server.
    fn placements(&self) -> impl Future<Output = Result<Vec<Reservation>, Error>> + Send;
}

fn decode(row: &Row) -> Result<Reservation, Error> {
    let row = row.of("placement");
    Ok(Reservation {
        project: row.parsed(0, |text| ProjectId::parse(text).ok())?,
        server: row.parsed(1, |text| ServerId::parse(text).ok())?,
        memory_mb: row.number(2)?,
        disk_mb: row.number(3)?,
        is_serving: row.number::<u32>(4)? > 0,
        created_at: row.time(5)?,
    })
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select project_id, server_id, memory_mb, disk_mb, \
             cast(case when serves_since is null then 0 else 1 end as bigint), placement.created_at \
             from placement join server on server.id = server_id ",
            $rest
        )
    };
}

impl Placements for Store {
    async fn place(
        &self,
        project: &ProjectId,
        servers: &[ServerId],
        memory_mb: u64,
        disk_mb: u64,
        choice: Choice<'_>,
        at: Timestamp,
    ) -> Result<Result<Vec<Reservation>, Vec<Refusal>>, Error> {
        transaction!(self, |tx| {
            let Some(mut locked) = lock_with_project(tx, project, servers).await? else {
                return Err(Error::NotFound { what: "project", id: project.to_string() });
            };
            let rows = tx.rows(select!("order by project_id, handle"), args![]).await?;
            let reserved = rows.iter().map(decode).collect::<Result<Vec<_>, Error>>()?;
            let chosen = match choice(&reserved) {
                Ok(chosen) => chosen,
                Err(refusals) => return Ok(Err(refusals)),
            };
            let out = locked.iter().filter(|it| chosen.contains(&it.server) && !it.status.takes_projects());
            let out: Vec<Refusal> = out
                .map(|it| Refusal { server: it.name.clone(), reason: Reason::NotReady { status: it.status } })
                .collect();
            if !out.is_empty() {
                return Ok(Err(out));
            }
            let left = reserved.iter().filter(|own| own.project == *project && !chosen.contains(&own.server));
            for left in left {
                for giving_up in [
                    "delete from port_reservation where project_id = $1 and server_id = $2",
                    "delete from placement where project_id = $1 and server_id = $2",
                ] {
                    tx.execute(giving_up, args![project.as_str(), left.server.as_str()]).await?;
                }
            }
            for server in &chosen {
                if !locked.iter().any(|locked| locked.server == *server) {
                    return Err(Error::NotFound { what: "server", id: server.to_string() });
                }
                tx.execute(
                    "insert into placement (project_id, server_id, memory_mb, disk_mb, created_at, updated_at) \
                     values ($1, $2, $3, $4, $5, $5) on conflict (project_id, server_id) do update set \
                     memory_mb = excluded.memory_mb, disk_mb = excluded.disk_mb, updated_at = excluded.updated_at",
                    args![project.as_str(), server.as_str(), memory_mb, disk_mb, at],
                )
                .await?;
            }
            for server in &mut locked {
                server.settle(tx, at).await?;
            }
            let rows = tx.rows(select!("where project_id = $1 order by handle"), args![project.as_str()]).await?;
            rows.iter().map(decode).collect::<Result<Vec<_>, Error>>().map(Ok)
        })
    }

    async fn placements_of(&self, project: &ProjectId) -> Result<Vec<Reservation>, Error> {
        self.list(select!("where project_id = $1 order by handle"), args![project.as_str()], decode).await
    }

    async fn placements(&self) -> Result<Vec<Reservation>, Error> {
        self.list(select!("order by project_id, handle"), args![], decode).await
    }
}
