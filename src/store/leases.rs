//! Leases: the right to work on something for a while, with a fence that outlives its holders.
//!
//! On SQLite they need not survive the machine: every holder is a process of it, and a commit of the journal takes
//! what was written before it along.

use super::engine::{Lasting, Row, Tx, args, locking, transaction};
use super::{Error, Store};
use crate::domain::run::{Holder, Lease};
use crate::domain::time::Timestamp;

/// What can be done with the leases of a store.
pub trait Leases {
    /// Takes a lease that is free, expired or held by a dead process (`is_dead` is asked about its holder), with the
    /// next fence. A holder that has the lease renews it and keeps its fence.
    ///
    /// # Errors
    /// [`Error::LeaseHeld`].
    fn acquire(
        &self,
        resource: &str,
        holder: &Holder,
        purpose: &str,
        ttl_ms: i64,
        now: Timestamp,
        is_dead: &(dyn Fn(&Holder) -> bool + Sync),
    ) -> impl Future<Output = Result<Lease, Error>> + Send;
    /// Holds a lease for longer. One that expired is still good while nobody took it.
    ///
    /// # Errors
    /// [`Error::FenceLost`].
    fn renew(&self, lease: &Lease, ttl_ms: i64, now: Timestamp) -> impl Future<Output = Result<Lease, Error>> + Send;
    /// Gives a lease up. Only its holder's is given up; having lost it is no error.
    fn release(&self, lease: &Lease) -> impl Future<Output = Result<(), Error>> + Send;
    /// The lease on a resource, if it is held; it may have expired.
    fn lease(&self, resource: &str) -> impl Future<Output = Result<Option<Lease>, Error>> + Send;
    /// Every lease that is held, by resource; some may have expired.
    fn leases(&self) -> impl Future<Output = Result<Vec<Lease>, Error>> + Send;
}

fn decode(row: &Row) -> Result<Lease, Error> {
    let row = row.of("lease");
    Ok(Lease {
        resource: row.text(0)?,
        holder: Holder { host: row.text(1)?, boot_id: row.text(2)?, pid: row.number(3)?, started: row.number(4)? },
        fence: row.number(5)?,
        purpose: row.text(6)?,
        expires_at: row.time(7)?,
    })
}

/// The lease as it is held now, for as long as the transaction lasts.
async fn held(tx: &mut Tx, resource: &str) -> Result<Option<Lease>, Error> {
    let row = tx
        .row(
            locking!(
                "select resource, host, boot_id, pid, started, fence, purpose, expires_at from lease \
                 where resource = $1 and held"
            ),
            args![resource],
        )
        .await?;
    row.as_ref().map(decode).transpose()
}

/// Refuses to go on for a holder who lost the lease. Nobody can take it before the transaction ends.
pub(super) async fn check(tx: &mut Tx, lease: &Lease) -> Result<(), Error> {
    let Holder { host, boot_id, pid, started } = &lease.holder;
    let ours = tx
        .row(
            locking!(
                "select fence from lease where resource = $1 and held and fence = $2 and host = $3 and boot_id = $4 \
                 and pid = $5 and started = $6"
            ),
            args![&lease.resource, lease.fence, host, boot_id, *pid, *started],
        )
        .await?;
    if ours.is_some() {
        return Ok(());
    }
    let holder = held(tx, &lease.resource).await?.map(|present| Box::new(present.holder));
    Err(Error::FenceLost { resource: lease.resource.clone(), holder })
}

impl Leases for Store {
    async fn acquire(
        &self,
        resource: &str,
        holder: &Holder,
        purpose: &str,
        ttl_ms: i64,
        now: Timestamp,
        is_dead: &(dyn Fn(&Holder) -> bool + Sync),
    ) -> Result<Lease, Error> {
        transaction!(self, Lasting::Process, |tx| {
            // The row has to be there before it can be locked; a fence of 0 was never held.
            tx.execute(
                "insert into lease (resource, held, fence, host, boot_id, pid, started, purpose, expires_at, \
                 created_at, updated_at) values ($1, false, 0, '', '', 0, 0, '', 0, $2, $2) \
                 on conflict (resource) do nothing",
                args![resource, now],
            )
            .await?;
            let present = held(tx, resource).await?;
            let same = present.as_ref().is_some_and(|present| present.holder == *holder);
            if let Some(present) = present
                && !same
                && present.expires_at > now
                && !is_dead(&present.holder)
            {
                return Err(Error::LeaseHeld { lease: Box::new(present) });
            }
            let expires_at = now.plus_ms(ttl_ms);
            let row = tx
                .row(
                    "update lease set held = true, fence = case when $2 then fence else fence + 1 end, host = $3, \
                     boot_id = $4, pid = $5, started = $6, purpose = $7, expires_at = $8, updated_at = $9 \
                     where resource = $1 \
                     returning resource, host, boot_id, pid, started, fence, purpose, expires_at",
                    args![
                        resource,
                        same,
                        &holder.host,
                        &holder.boot_id,
                        holder.pid,
                        holder.started,
                        purpose,
                        expires_at,
                        now,
                    ],
                )
                .await?;
            decode(&row.expect("the row was made above and leases are never deleted"))
        })
    }

    async fn renew(&self, lease: &Lease, ttl_ms: i64, now: Timestamp) -> Result<Lease, Error> {
        let expires_at = now.plus_ms(ttl_ms);
        transaction!(self, Lasting::Process, |tx| {
            check(tx, lease).await?;
            tx.execute(
                "update lease set expires_at = $2, updated_at = $3 where resource = $1",
                args![&lease.resource, expires_at, now],
            )
            .await?;
            Ok(())
        })?;
        Ok(Lease { expires_at, ..lease.clone() })
    }

    async fn release(&self, lease: &Lease) -> Result<(), Error> {
        let Holder { host, boot_id, pid, started } = &lease.holder;
        transaction!(self, Lasting::Process, |tx| {
            // One that somebody else has taken stays as it is.
            tx.execute(
                "update lease set held = false where resource = $1 and held and fence = $2 and host = $3 \
                 and boot_id = $4 and pid = $5 and started = $6",
                args![&lease.resource, lease.fence, host, boot_id, *pid, *started],
            )
            .await
            .map(drop)
        })
    }

    async fn lease(&self, resource: &str) -> Result<Option<Lease>, Error> {
        self.find(
            "select resource, host, boot_id, pid, started, fence, purpose, expires_at from lease \
             where resource = $1 and held",
            args![resource],
            decode,
        )
        .await
    }

    async fn leases(&self) -> Result<Vec<Lease>, Error> {
        self.list(
            "select resource, host, boot_id, pid, started, fence, purpose, expires_at from lease \
             where held order by resource",
            args![],
            decode,
        )
        .await
    }
}
