//! The encrypted secrets of cgo itself, and for whom anything in the store is encrypted. What is in it is none of the
//! store's business.

use super::engine::{args, transaction};
use super::{Error, Store};
use crate::domain::time::Timestamp;

/// What can be done with the secrets of cgo itself.
pub trait OperatorSecrets {
    /// Puts a value in its place, over one that is there.
    fn put_operator_secret(
        &self,
        name: &str,
        key: &str,
        sealed: &str,
        at: Timestamp,
    ) -> impl Future<Output = Result<(), Error>> + Send;
    /// One secret: the key it is encrypted for, and the encrypted text.
    fn operator_secret(&self, name: &str) -> impl Future<Output = Result<Option<(String, String)>, Error>> + Send;
    /// A key that something in the store is encrypted for: a secret of cgo or of a project, or what was said and waits to
    /// be dealt with. None when nothing is.
    fn sealed_for(&self) -> impl Future<Output = Result<Option<String>, Error>> + Send;
}

impl OperatorSecrets for Store {
    async fn put_operator_secret(&self, name: &str, key: &str, sealed: &str, at: Timestamp) -> Result<(), Error> {
        transaction!(self, |tx| {
            tx.execute(
                "insert into operator_secret (name, key_id, sealed, created_at, updated_at) \
                 values ($1, $2, $3, $4, $4) on conflict (name) do update set key_id = excluded.key_id, \
                 sealed = excluded.sealed, updated_at = excluded.updated_at",
                args![name, key, sealed, at],
            )
            .await
            .map(drop)
        })
    }

    async fn operator_secret(&self, name: &str) -> Result<Option<(String, String)>, Error> {
        self.find("select key_id, sealed from operator_secret where name = $1", args![name], |row| {
            let row = row.of("operator_secret");
            Ok((row.text(0)?, row.text(1)?))
        })
        .await
    }

    async fn sealed_for(&self) -> Result<Option<String>, Error> {
        // What was said begins with the key, on a line of its own.
        let sql = "select key_id from operator_secret union all select key_id from project_secret union all \
                   select body from telegram_update where state = 'queued' and body like 'age1%' order by 1 limit 1";
        let first = self.find(sql, args![], |row| row.of("operator_secret").text(0)).await?;
        Ok(first.map(|text| text.lines().next().unwrap_or_default().to_owned()))
    }
}
