//! One-time links to the page that takes secrets.

use super::engine::{Row, args, transaction};
use super::{Error, Store};
use crate::domain::ids::{ProjectId, RunId, UserId};
use crate::domain::manifest::EnvName;
use crate::domain::time::Timestamp;

/// Links that ended so long ago are forgotten, in milliseconds: a day, in which it can still be said that they ended.
const FORGOTTEN_MS: i64 = 24 * 60 * 60 * 1000;

/// A link, without its token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretLink {
    /// The hash of its token.
    pub token_hash: String,
    /// Whose secrets it takes.
    pub project: ProjectId,
    /// The run that waits for them.
    pub run: Option<RunId>,
    /// Who was given it; none for the operator.
    pub person: Option<UserId>,
    /// The variables it takes.
    pub names: Vec<EnvName>,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was used.
    pub used_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What can be done with the links of a store.
pub trait SecretLinks {
    /// Adds a link. Those that ended long ago are forgotten.
    ///
    /// # Errors
    /// [`Error::NotFound`] without its project or run.
    fn put_link(&self, link: &SecretLink) -> impl Future<Output = Result<(), Error>> + Send;
    /// The link with that hash.
    fn secret_link(&self, token_hash: &str) -> impl Future<Output = Result<Option<SecretLink>, Error>> + Send;
    /// Uses a link up, when it has not ended and nobody has used it: the first wins.
    fn use_link(&self, token_hash: &str, now: Timestamp) -> impl Future<Output = Result<bool, Error>> + Send;
    /// Makes a link good again whose use came to nothing.
    fn free_link(&self, token_hash: &str, now: Timestamp) -> impl Future<Output = Result<(), Error>> + Send;
}

fn decode(row: &Row) -> Result<SecretLink, Error> {
    let row = row.of("secret_link");
    Ok(SecretLink {
        token_hash: row.text(0)?,
        project: row.parsed(1, |text| ProjectId::parse(text).ok())?,
        run: row.maybe_parsed(2, |text| RunId::parse(text).ok())?,
        person: row.maybe_parsed(3, |text| UserId::parse(text).ok())?,
        names: row.parsed(4, |text| serde_json::from_str(text).ok())?,
        expires_at: row.time(5)?,
        used_at: row.maybe_int(6)?.map(Timestamp),
        created_at: row.time(7)?,
    })
}

impl SecretLinks for Store {
    async fn put_link(&self, link: &SecretLink) -> Result<(), Error> {
        let names = serde_json::to_string(&link.names).expect("names are JSON");
        transaction!(self, |tx| {
            tx.execute("delete from secret_link where expires_at < $1", args![link.created_at.plus_ms(-FORGOTTEN_MS)])
                .await?;
            tx.execute(
                "insert into secret_link (token_hash, project_id, run_id, person_id, names, expires_at, used_at, \
                 created_at, updated_at) values ($1, $2, $3, $4, $5, $6, null, $7, $7)",
                args![
                    &link.token_hash,
                    link.project.as_str(),
                    link.run.as_ref().map(RunId::as_str),
                    link.person.as_ref().map(UserId::as_str),
                    &names,
                    link.expires_at,
                    link.created_at,
                ],
            )
            .await?;
            Ok(())
        })
        .map_err(|error: Error| {
            let gone = || Error::NotFound { what: "project", id: link.project.to_string() };
            if error.breaks_reference() { gone() } else { error }
        })
    }

    async fn secret_link(&self, token_hash: &str) -> Result<Option<SecretLink>, Error> {
        self.find(
            "select token_hash, project_id, run_id, person_id, names, expires_at, used_at, created_at \
             from secret_link where token_hash = $1",
            args![token_hash],
            decode,
        )
        .await
    }

    async fn use_link(&self, token_hash: &str, now: Timestamp) -> Result<bool, Error> {
        transaction!(self, |tx| {
            let used = tx
                .execute(
                    "update secret_link set used_at = $2, updated_at = $2 \
                     where token_hash = $1 and used_at is null and expires_at > $2",
                    args![token_hash, now],
                )
                .await?;
            Ok(used > 0)
        })
    }

    async fn free_link(&self, token_hash: &str, now: Timestamp) -> Result<(), Error> {
        transaction!(self, |tx| {
            tx.execute(
                "update secret_link set used_at = null, updated_at = $2 where token_hash = $1",
                args![token_hash, now],
            )
            .await?;
            Ok(())
        })
    }
}
