//! The graph's journal, kept in the store.

use crate::domain::ids::RunId;
use crate::domain::run::Batch;
use crate::graph::recorder::{Journal, JournalError, Written};
use crate::ops::leases::Leases;
use crate::ops::{self, Context, runs};

/// Writes a run's batches under the lease of that run.
pub struct StoreJournal<'a> {
    context: &'a Context,
    leases: &'a Leases<'a>,
    run: RunId,
}

impl<'a> StoreJournal<'a> {
    /// The journal of a run whose lease is among `leases`.
    #[must_use]
    pub fn new(context: &'a Context, leases: &'a Leases<'a>, run: RunId) -> Self {
        Self { context, leases, run }
    }
}

impl Journal for StoreJournal<'_> {
    async fn write(&self, batch: &Batch) -> Result<Written, JournalError> {
        match runs::append(self.context, self.leases, &self.run, batch).await {
            Ok(cancel_wanted_by) => Ok(Written { cancel_wanted_by }),
            Err(runs::AppendError::Lost(who)) => Err(JournalError::Lost(who)),
            Err(runs::AppendError::Store(error)) => Err(JournalError::Store(Box::new(ops::Error::from(error)))),
        }
    }
}
