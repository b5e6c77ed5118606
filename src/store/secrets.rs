//! The encrypted secrets of projects. What is in them is none of the store's business.

use super::engine::{Row, args, transaction};
use super::{Error, Store};
use crate::domain::ids::ProjectId;
use crate::domain::manifest::EnvName;
use crate::domain::secret::{Exposure, Kept, Leak, Origin};
use crate::domain::time::Timestamp;

/// What can be done with the secrets of a store.
pub trait ProjectSecrets {
    /// Puts a value in its place, over one that is there, whose first moment is kept. True when there was none.
    ///
    /// # Errors
    /// [`Error::NotFound`] without that project.
    fn put_secret(&self, secret: &Kept) -> impl Future<Output = Result<bool, Error>> + Send;
    /// Puts a value in its place unless there is one, and returns the one that is there then.
    ///
    /// # Errors
    /// [`Error::NotFound`] without that project.
    fn keep_secret(&self, secret: &Kept) -> impl Future<Output = Result<Kept, Error>> + Send;
    /// One secret.
    fn secret(&self, project: &ProjectId, name: &EnvName) -> impl Future<Output = Result<Option<Kept>, Error>> + Send;
    /// Every secret of a project, by name.
    fn secrets(&self, project: &ProjectId) -> impl Future<Output = Result<Vec<Kept>, Error>> + Send;
    /// Takes a secret out. False when there was none.
    fn remove_secret(&self, project: &ProjectId, name: &EnvName) -> impl Future<Output = Result<bool, Error>> + Send;
}

fn decode(row: &Row) -> Result<Kept, Error> {
    let row = row.of("project_secret");
    let how = row.maybe_parsed(8, |text| Leak::ALL.into_iter().find(|leak| leak.as_str() == text))?;
    let at = row.maybe_int(7)?.map(Timestamp);
    Ok(Kept {
        project: row.parsed(0, |text| ProjectId::parse(text).ok())?,
        name: row.parsed(1, |text| EnvName::try_from(text.to_owned()).ok())?,
        origin: row.parsed(2, |text| Origin::ALL.into_iter().find(|origin| origin.as_str() == text))?,
        key: row.text(3)?,
        sealed: row.text(4)?,
        exposed: at.zip(how).map(|(at, how)| Exposure { at, how }),
        created_at: row.time(5)?,
        updated_at: row.time(6)?,
    })
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select project_id, name, origin, key_id, sealed, created_at, updated_at, exposed_at, exposed_how ",
            "from project_secret ",
            $rest
        )
    };
}

macro_rules! insert {
    ($secret:expr) => {
        args![
            $secret.project.as_str(),
            $secret.name.as_str(),
            $secret.origin.as_str(),
            &$secret.key,
            &$secret.sealed,
            $secret.created_at,
            $secret.updated_at,
            $secret.exposed.map(|exposed| exposed.at.0),
            $secret.exposed.map(|exposed| exposed.how.as_str()),
        ]
    };
}

impl ProjectSecrets for Store {
    async fn put_secret(&self, secret: &Kept) -> Result<bool, Error> {
        transaction!(self, |tx| {
            let id = secret.project.as_str();
            if tx.row("select 1 from project where id = $1", args![id]).await?.is_none() {
                return Err(Error::NotFound { what: "project", id: id.to_owned() });
            }
            let present = tx
                .row(
                    "select 1 from project_secret where project_id = $1 and name = $2",
                    args![id, secret.name.as_str()],
                )
                .await?;
            tx.execute(
                "insert into project_secret (project_id, name, origin, key_id, sealed, created_at, updated_at, \
                 exposed_at, exposed_how) values ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
                 on conflict (project_id, name) do update set origin = excluded.origin, key_id = excluded.key_id, \
                 sealed = excluded.sealed, updated_at = excluded.updated_at, exposed_at = excluded.exposed_at, \
                 exposed_how = excluded.exposed_how",
                insert!(secret),
            )
            .await?;
            Ok(present.is_none())
        })
    }

    async fn keep_secret(&self, secret: &Kept) -> Result<Kept, Error> {
        transaction!(self, |tx| {
            let id = secret.project.as_str();
            if tx.row("select 1 from project where id = $1", args![id]).await?.is_none() {
                return Err(Error::NotFound { what: "project", id: id.to_owned() });
            }
            tx.execute(
                "insert into project_secret (project_id, name, origin, key_id, sealed, created_at, updated_at, \
                 exposed_at, exposed_how) values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (project_id, name) do nothing",
                insert!(secret),
            )
            .await?;
            let row = tx.row(select!("where project_id = $1 and name = $2"), args![id, secret.name.as_str()]).await?;
            decode(&row.expect("it was there, or was just put there"))
        })
    }

    async fn secret(&self, project: &ProjectId, name: &EnvName) -> Result<Option<Kept>, Error> {
        let sql = select!("where project_id = $1 and name = $2");
        self.find(sql, args![project.as_str(), name.as_str()], decode).await
    }

    async fn secrets(&self, project: &ProjectId) -> Result<Vec<Kept>, Error> {
        self.list(select!("where project_id = $1 order by name"), args![project.as_str()], decode).await
    }

    async fn remove_secret(&self, project: &ProjectId, name: &EnvName) -> Result<bool, Error> {
        transaction!(self, |tx| {
            let removed = tx
                .execute(
                    "delete from project_secret where project_id = $1 and name = $2",
                    args![project.as_str(), name.as_str()],
                )
                .await?;
            Ok(removed > 0)
        })
    }
}
