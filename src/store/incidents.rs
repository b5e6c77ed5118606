//! Incidents in the store. A cause has one open incident at most.

use super::engine::{Row, Tx, args, locking, transaction};
use super::{Error, Store, notices};
use crate::domain::ids::{IncidentId, ProjectId, RunId, ServerId};
use crate::domain::incident::{Incident, IncidentEvent, IncidentEventKind, IncidentKind, IncidentStatus};
use crate::domain::notice::{Notice, NoticeKind};
use crate::domain::time::Timestamp;

/// What can be done with the incidents of a store.
pub trait Incidents {
    /// Opens an incident, or counts the report up at the one that is open for its cause: that one keeps its id, and
    /// takes the new title, details, run and moment. Returns what is stored.
    ///
    /// # Errors
    /// [`Error::IdTaken`]; [`Error::NotFound`] without its project, server or run.
    fn open_incident(&self, incident: &Incident) -> impl Future<Output = Result<Incident, Error>> + Send;
    /// The incident with that id.
    fn incident(&self, id: &IncidentId) -> impl Future<Output = Result<Option<Incident>, Error>> + Send;
    /// The open incident of a cause.
    fn open_incident_of(&self, cause: &str) -> impl Future<Output = Result<Option<Incident>, Error>> + Send;
    /// Every open incident, oldest first.
    fn open_incidents(&self) -> impl Future<Output = Result<Vec<Incident>, Error>> + Send;
    /// The newest incidents, resolved ones too, newest first.
    fn incidents(&self, limit: u32) -> impl Future<Output = Result<Vec<Incident>, Error>> + Send;
    /// Writes down what was seen or tried. With a bound, only while fewer of that kind were written for the incident's
    /// cause since a moment, in this incident and earlier ones; false when the bound is reached.
    ///
    /// # Errors
    /// [`Error::NotFound`] without that incident.
    fn note_incident(
        &self,
        id: &IncidentId,
        event: &IncidentEvent,
        bound: Option<(u32, Timestamp)>,
    ) -> impl Future<Output = Result<bool, Error>> + Send;
    /// What was seen and tried, in order.
    fn incident_events(&self, id: &IncidentId) -> impl Future<Output = Result<Vec<IncidentEvent>, Error>> + Send;
    /// Ends an open incident. The first to do so wins.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] when it is resolved already.
    fn resolve_incident(
        &self,
        id: &IncidentId,
        resolution: &str,
        at: Timestamp,
    ) -> impl Future<Output = Result<(), Error>> + Send;
}

fn decode(row: &Row) -> Result<Incident, Error> {
    let row = row.of("incident");
    Ok(Incident {
        id: row.parsed(0, |text| IncidentId::parse(text).ok())?,
        cause: row.text(1)?,
        kind: row.parsed(2, |text| IncidentKind::ALL.into_iter().find(|kind| kind.as_str() == text))?,
        project: row.maybe_parsed(3, |text| ProjectId::parse(text).ok())?,
        server: row.maybe_parsed(4, |text| ServerId::parse(text).ok())?,
        service: row.maybe_text(5)?,
        title: row.text(6)?,
        details: row.text(7)?,
        status: row.parsed(8, |text| IncidentStatus::ALL.into_iter().find(|status| status.as_str() == text))?,
        reports: row.number(9)?,
        run: row.maybe_parsed(10, |text| RunId::parse(text).ok())?,
        resolution: row.maybe_text(11)?,
        created_at: row.time(12)?,
        updated_at: row.time(13)?,
    })
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select id, cause, kind, project_id, server_id, service, title, details, status, reports, run_id, \
             resolution, created_at, updated_at from incident ",
            $rest
        )
    };
}

async fn owe(tx: &mut Tx, kind: NoticeKind, of: &Incident, at: Timestamp) -> Result<(), Error> {
    notices::owe(tx, &Notice::of_incident(kind, &of.id, &of.cause, of.project.clone(), at)).await
}

/// Checks that what the incident refers to is there.
async fn check_references(tx: &mut Tx, incident: &Incident) -> Result<(), Error> {
    let references = [
        ("project", "select 1 from project where id = $1", incident.project.as_ref().map(ProjectId::as_str)),
        ("server", "select 1 from server where id = $1", incident.server.as_ref().map(ServerId::as_str)),
        ("run", "select 1 from run where id = $1", incident.run.as_ref().map(RunId::as_str)),
    ];
    for (what, sql, id) in references {
        if let Some(id) = id
            && tx.row(sql, args![id]).await?.is_none()
        {
            return Err(Error::NotFound { what, id: id.to_owned() });
        }
    }
    Ok(())
}

impl Incidents for Store {
    async fn open_incident(&self, incident: &Incident) -> Result<Incident, Error> {
        transaction!(self, |tx| {
            check_references(tx, incident).await?;
            let row = tx
                .row(
                    "insert into incident (id, cause, kind, project_id, server_id, service, title, details, status, \
                     reports, run_id, resolution, created_at, updated_at) \
                     values ($1, $2, $3, $4, $5, $6, $7, $8, 'open', 1, $9, null, $10, $10) \
                     on conflict (cause) where status = 'open' do update set reports = incident.reports + 1, \
                     title = excluded.title, details = excluded.details, run_id = excluded.run_id, \
                     updated_at = excluded.updated_at \
                     returning id, cause, kind, project_id, server_id, service, title, details, status, reports, \
                     run_id, resolution, created_at, updated_at",
                    args![
                        incident.id.as_str(),
                        &incident.cause,
                        incident.kind.as_str(),
                        incident.project.as_ref().map(ProjectId::as_str),
                        incident.server.as_ref().map(ServerId::as_str),
                        incident.service.as_deref(),
                        &incident.title,
                        &incident.details,
                        incident.run.as_ref().map(RunId::as_str),
                        incident.created_at,
                    ],
                )
                .await?;
            let stored = decode(&row.expect("an insert that returns gives a row"))?;
            if stored.reports == 1 {
                owe(tx, NoticeKind::IncidentOpened, &stored, stored.created_at).await?;
            }
            Ok(stored)
        })
        .map_err(|error| {
            // The cause is settled by the statement: only the id is left.
            let taken = || Error::IdTaken { what: "incident", id: incident.id.to_string() };
            if error.breaks_unique() { taken() } else { error }
        })
    }

    async fn incident(&self, id: &IncidentId) -> Result<Option<Incident>, Error> {
        self.find(select!("where id = $1"), args![id.as_str()], decode).await
    }

    async fn open_incident_of(&self, cause: &str) -> Result<Option<Incident>, Error> {
        self.find(select!("where cause = $1 and status = 'open'"), args![cause], decode).await
    }

    async fn open_incidents(&self) -> Result<Vec<Incident>, Error> {
        self.list(select!("where status = 'open' order by created_at, id"), args![], decode).await
    }

    async fn incidents(&self, limit: u32) -> Result<Vec<Incident>, Error> {
        self.list(select!("order by created_at desc, id desc limit $1"), args![limit], decode).await
    }

    async fn note_incident(
        &self,
        id: &IncidentId,
        event: &IncidentEvent,
        bound: Option<(u32, Timestamp)>,
    ) -> Result<bool, Error> {
        transaction!(self, |tx| {
            // One at a time for an incident: a number is given once, and a bound is counted once.
            let row = tx.row(locking!("select cause from incident where id = $1"), args![id.as_str()]).await?;
            let Some(row) = row else {
                return Err(Error::NotFound { what: "incident", id: id.to_string() });
            };
            if let Some((most, since)) = bound {
                let cause = row.of("incident").text(0)?;
                let row = tx
                    .row(
                        "select count(*) from incident_event, incident where incident.id = incident_event.incident_id \
                         and incident.cause = $1 and incident_event.kind = $2 and incident_event.at >= $3",
                        args![&cause, event.kind.as_str(), since],
                    )
                    .await?;
                if row.map_or(Ok(0), |row| row.of("incident_event").number::<u32>(0))? >= most {
                    return Ok(false);
                }
            }
            tx.execute(
                "insert into incident_event (incident_id, seq, at, kind, words) select $1, coalesce(max(seq), 0) + 1, \
                 $2, $3, $4 from incident_event where incident_id = $1",
                args![id.as_str(), event.at, event.kind.as_str(), &event.words],
            )
            .await?;
            Ok(true)
        })
    }

    async fn incident_events(&self, id: &IncidentId) -> Result<Vec<IncidentEvent>, Error> {
        let sql = "select at, kind, words from incident_event where incident_id = $1 order by seq";
        self.list(sql, args![id.as_str()], |row| {
            let row = row.of("incident_event");
            Ok(IncidentEvent {
                at: row.time(0)?,
                kind: row.parsed(1, |text| IncidentEventKind::ALL.into_iter().find(|kind| kind.as_str() == text))?,
                words: row.text(2)?,
            })
        })
        .await
    }

    async fn resolve_incident(&self, id: &IncidentId, resolution: &str, at: Timestamp) -> Result<(), Error> {
        transaction!(self, |tx| {
            let changed = tx
                .execute(
                    "update incident set status = 'resolved', resolution = $2, updated_at = $3 \
                     where id = $1 and status = 'open'",
                    args![id.as_str(), resolution, at],
                )
                .await?;
            if changed > 0 {
                if let Some(row) = tx.row(select!("where id = $1"), args![id.as_str()]).await? {
                    owe(tx, NoticeKind::IncidentClosed, &decode(&row)?, at).await?;
                }
                return Ok(());
            }
            match tx.row("select 1 from incident where id = $1", args![id.as_str()]).await? {
                None => Err(Error::NotFound { what: "incident", id: id.to_string() }),
                Some(_) => Err(Error::Conflict {
                    what: format!("incident `{id}`"),
                    expected: IncidentStatus::Open.as_str().to_owned(),
                    found: IncidentStatus::Resolved.as_str().to_owned(),
                }),
            }
        })
    }
}
