//! Releases in the store and their way onto a server.

use super::engine::{Row, Tx, args, locking, transaction};
use super::{Error, Store};
use crate::domain::deployment::{Deployment, DeploymentStatus, Slot};
use crate::domain::ids::{ProjectId, ReleaseId, RunId, ServerId};
use crate::domain::time::Timestamp;

/// What can be done with the deployments of a store.
pub trait Deployments {
    /// Adds a deployment. One of the same release that is there already stays as it is.
    ///
    /// # Errors
    /// [`Error::NotFound`] without its project, server or run.
    fn create_deployment(&self, deployment: &Deployment) -> impl Future<Output = Result<(), Error>> + Send;
    /// The deployment of a release.
    fn deployment(&self, release: &ReleaseId) -> impl Future<Output = Result<Option<Deployment>, Error>> + Send;
    /// Every deployment of a project, newest first.
    fn deployments(&self, project: &ProjectId) -> impl Future<Output = Result<Vec<Deployment>, Error>> + Send;
    /// Moves a deployment to a status other than active; see [`Deployments::activate_deployment`] for that.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] when it would be a second active one.
    fn set_deployment_status(
        &self,
        release: &ReleaseId,
        status: DeploymentStatus,
        reason: Option<&str>,
        at: Timestamp,
    ) -> impl Future<Output = Result<(), Error>> + Send;
    /// The release becomes active on these servers, and the one of its project that was active retires, at once.
    /// Activating the active one changes nothing of its record.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] when the release failed.
    fn activate_deployment(
        &self,
        release: &ReleaseId,
        servers: &[ServerId],
        at: Timestamp,
    ) -> impl Future<Output = Result<(), Error>> + Send;
    /// The deployment of a project that serves.
    fn active_deployment(&self, project: &ProjectId) -> impl Future<Output = Result<Option<Deployment>, Error>> + Send;
}

fn decode(row: &Row) -> Result<Deployment, Error> {
    let row = row.of("deployment");
    Ok(Deployment {
        release: row.parsed(0, |text| ReleaseId::parse(text).ok())?,
        project: row.parsed(1, |text| ProjectId::parse(text).ok())?,
        server: row.parsed(2, |text| ServerId::parse(text).ok())?,
        run: row.parsed(3, |text| RunId::parse(text).ok())?,
        commit: row.text(4)?,
        slot: row.parsed(5, |text| Slot::ALL.into_iter().find(|slot| slot.as_str() == text))?,
        status: row.parsed(6, status)?,
        reason: row.maybe_text(7)?,
        created_at: row.time(8)?,
        updated_at: row.time(9)?,
    })
}

fn status(text: &str) -> Option<DeploymentStatus> {
    DeploymentStatus::ALL.into_iter().find(|status| status.as_str() == text)
}

fn missing(release: &ReleaseId) -> Error {
    Error::NotFound { what: "release", id: release.to_string() }
}

/// Names the one rule of uniqueness that is left after the release's own key.
fn one_active(error: Error, release: &ReleaseId) -> Error {
    if error.breaks_unique() {
        Error::Conflict {
            what: format!("release `{release}`"),
            expected: "no other active release".to_owned(),
            found: "one".to_owned(),
        }
    } else {
        error
    }
}

/// Whether a row is there that the deployment refers to.
async fn check_reference(tx: &mut Tx, sql: &'static str, what: &'static str, id: &str) -> Result<(), Error> {
    match tx.row(sql, args![id]).await? {
        Some(_) => Ok(()),
        None => Err(Error::NotFound { what, id: id.to_owned() }),
    }
}

impl Deployments for Store {
    async fn create_deployment(&self, deployment: &Deployment) -> Result<(), Error> {
        transaction!(self, |tx| {
            let (project, server, run) = (&deployment.project, &deployment.server, &deployment.run);
            check_reference(tx, "select 1 from project where id = $1", "project", project.as_str()).await?;
            check_reference(tx, "select 1 from server where id = $1", "server", server.as_str()).await?;
            check_reference(tx, "select 1 from run where id = $1", "run", run.as_str()).await?;
            tx.execute(
                "insert into deployment (release, project_id, server_id, run_id, commit_sha, slot, status, reason, \
                 created_at, updated_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
                 on conflict (release) do nothing",
                args![
                    deployment.release.as_str(),
                    project.as_str(),
                    server.as_str(),
                    run.as_str(),
                    &deployment.commit,
                    deployment.slot.as_str(),
                    deployment.status.as_str(),
                    deployment.reason.as_deref(),
                    deployment.created_at,
                    deployment.updated_at,
                ],
            )
            .await?;
            Ok(())
        })
        .map_err(|error| one_active(error, &deployment.release))
    }

    async fn deployment(&self, release: &ReleaseId) -> Result<Option<Deployment>, Error> {
        self.find(
            "select release, project_id, server_id, run_id, commit_sha, slot, status, reason, created_at, updated_at \
             from deployment where release = $1",
            args![release.as_str()],
            decode,
        )
        .await
    }

    async fn deployments(&self, project: &ProjectId) -> Result<Vec<Deployment>, Error> {
        self.list(
            "select release, project_id, server_id, run_id, commit_sha, slot, status, reason, created_at, updated_at \
             from deployment where project_id = $1 order by created_at desc, release desc",
            args![project.as_str()],
            decode,
        )
        .await
    }

    async fn set_deployment_status(
        &self,
        release: &ReleaseId,
        status: DeploymentStatus,
        reason: Option<&str>,
        at: Timestamp,
    ) -> Result<(), Error> {
        transaction!(self, |tx| {
            let changed = tx
                .execute(
                    "update deployment set status = $2, reason = $3, updated_at = $4 where release = $1",
                    args![release.as_str(), status.as_str(), reason, at],
                )
                .await?;
            if changed == 0 { Err(missing(release)) } else { Ok(()) }
        })
        .map_err(|error| one_active(error, release))
    }

    async fn activate_deployment(&self, release: &ReleaseId, servers: &[ServerId], at: Timestamp) -> Result<(), Error> {
        transaction!(self, |tx| {
            let row = tx.row("select project_id from deployment where release = $1", args![release.as_str()]).await?;
            let Some(row) = row else { return Err(missing(release)) };
            let project = row.of("deployment").text(0)?;
            // One activation at a time in a project; what stands is read after the lock.
            tx.row(locking!("select id from project where id = $1"), args![&project]).await?;
            let row = tx.row("select status from deployment where release = $1", args![release.as_str()]).await?;
            let Some(row) = row else { return Err(missing(release)) };
            for server in servers {
                tx.execute(
                    "update placement set serves_since = coalesce(serves_since, $3) \
                     where project_id = $1 and server_id = $2",
                    args![&project, server.as_str(), at],
                )
                .await?;
            }
            match row.of("deployment").parsed(0, status)? {
                DeploymentStatus::Active => return Ok(()),
                DeploymentStatus::Pending | DeploymentStatus::Retired => {}
                DeploymentStatus::Failed => {
                    return Err(Error::Conflict {
                        what: format!("release `{release}`"),
                        expected: "pending or retired".to_owned(),
                        found: DeploymentStatus::Failed.as_str().to_owned(),
                    });
                }
            }
            tx.execute(
                "update deployment set status = 'retired', updated_at = $2 \
                 where project_id = $1 and status = 'active'",
                args![&project, at],
            )
            .await?;
            tx.execute(
                "update deployment set status = 'active', reason = null, updated_at = $2 where release = $1",
                args![release.as_str(), at],
            )
            .await?;
            Ok(())
        })
    }

    async fn active_deployment(&self, project: &ProjectId) -> Result<Option<Deployment>, Error> {
        self.find(
            "select release, project_id, server_id, run_id, commit_sha, slot, status, reason, created_at, updated_at \
             from deployment where project_id = $1 and status = 'active' \
             order by updated_at desc, release desc limit 1",
            args![project.as_str()],
            decode,
        )
        .await
    }
}
