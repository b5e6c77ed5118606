//! The leases one process holds while it works: on its run, and on the project the run changes.

use std::sync::Mutex;
use std::time::Duration;

use super::{Context, Error};
use crate::domain::ids::RunId;
use crate::domain::names::ProjectName;
use crate::domain::run::{Holder, Lease};
use crate::exec::identity;
use crate::store::{self, Leases as _};

/// How long a lease lasts without being renewed, in milliseconds. A process on this machine that died gives way at
/// once; the time only matters for holders on other machines.
const TTL_MS: i64 = 60_000;
/// How often a lease is renewed.
pub const RENEW_EVERY: Duration = Duration::from_secs(15);

/// The resource name of the right to serve a store.
pub const SERVE: &str = "serve";

/// The resource name of a run.
#[must_use]
pub fn run_resource(run: &RunId) -> String {
    format!("run:{run}")
}

/// The resource name of a project.
#[must_use]
pub fn project_resource(project: &ProjectName) -> String {
    format!("project:{project}")
}

/// The resource name of a server.
#[must_use]
pub fn server_resource(server: &str) -> String {
    format!("server:{server}")
}

/// The leases held by this process for one run.
pub struct Leases<'a> {
    context: &'a Context,
    held: Mutex<Vec<Lease>>,
}

impl<'a> Leases<'a> {
    /// None yet.
    #[must_use]
    pub fn new(context: &'a Context) -> Self {
        Self { context, held: Mutex::new(Vec::new()) }
    }

    /// Takes the lease of a run.
    ///
    /// # Errors
    /// [`store::Error::LeaseHeld`] when another live process works on it.
    pub async fn take_run(&self, run: &RunId) -> Result<(), Error> {
        self.take(run_resource(run), run.as_str()).await
    }

    /// Takes the lease of a project. The purpose is the id of a run, or what a command does, such as `a stop`.
    ///
    /// # Errors
    /// [`store::Error::LeaseHeld`] when another process changes it.
    pub async fn take_project(&self, project: &ProjectName, purpose: &str) -> Result<(), Error> {
        self.take(project_resource(project), purpose).await
    }

    /// Takes the lease of a server. The purpose is what a command does, such as `a set-up`.
    ///
    /// # Errors
    /// [`store::Error::LeaseHeld`] when another process changes it.
    pub async fn take_server(&self, server: &str, purpose: &str) -> Result<(), Error> {
        self.take(server_resource(server), purpose).await
    }

    /// Takes the lease of whoever serves the store. The purpose says since when.
    ///
    /// # Errors
    /// [`store::Error::LeaseHeld`] when another live process serves it.
    pub async fn take_serve(&self, purpose: &str) -> Result<(), Error> {
        self.take(SERVE.to_owned(), purpose).await
    }

    /// Renews every lease for as long as it is awaited; ends only with the error of one that was lost.
    pub async fn keep(&self) -> Error {
        loop {
            tokio::time::sleep(RENEW_EVERY).await;
            if let Err(error) = self.renew().await {
                return error;
            }
        }
    }

    async fn take(&self, resource: String, purpose: &str) -> Result<(), Error> {
        if self.find(&resource).is_some() {
            return Ok(());
        }
        let lease = self
            .context
            .store
            .acquire(&resource, &self.context.holder, purpose, TTL_MS, self.context.now(), &is_dead)
            .await?;
        self.held.lock().expect("no holder of this lock panics").push(lease);
        Ok(())
    }

    /// The lease on a resource, if this process holds it.
    #[must_use]
    pub fn find(&self, resource: &str) -> Option<Lease> {
        self.held
            .lock()
            .expect("no holder of this lock panics")
            .iter()
            .find(|lease| lease.resource == resource)
            .cloned()
    }

    /// Renews every lease.
    ///
    /// # Errors
    /// [`store::Error::FenceLost`] when another process took one.
    pub async fn renew(&self) -> Result<(), Error> {
        let held = self.held.lock().expect("no holder of this lock panics").clone();
        for lease in held {
            let renewed = self.context.store.renew(&lease, TTL_MS, self.context.now()).await?;
            let mut held = self.held.lock().expect("no holder of this lock panics");
            if let Some(place) = held.iter_mut().find(|other| other.resource == renewed.resource) {
                *place = renewed;
            }
        }
        Ok(())
    }

    /// Gives every lease back. Losing one before is no error.
    ///
    /// # Errors
    /// When the store fails; the leases then end by themselves.
    pub async fn release(&self) -> Result<(), Error> {
        let held = std::mem::take(&mut *self.held.lock().expect("no holder of this lock panics"));
        for lease in held.iter().rev() {
            self.context.store.release(lease).await?;
        }
        Ok(())
    }
}

/// The lease that stood in the way, where that is what an error says.
#[must_use]
pub fn in_the_way(error: &Error) -> Option<&Lease> {
    match error {
        Error::Store(store::Error::LeaseHeld { lease }) => Some(lease),
        _ => None,
    }
}

/// A holder on this machine that runs no more. Of one on another machine nothing is known.
#[must_use]
pub fn is_dead(holder: &Holder) -> bool {
    identity::is_alive(holder) == Some(false)
}

/// Who holds a resource now, if a live process does.
///
/// # Errors
/// When the store fails.
pub async fn holder(context: &Context, resource: &str) -> Result<Option<Lease>, store::Error> {
    let lease = context.store.lease(resource).await?;
    let now = context.now();
    Ok(lease.filter(|lease| lease.expires_at > now && !is_dead(&lease.holder)))
}
