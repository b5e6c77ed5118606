//! The one transactional store: projects, servers, ports, runs with their journal, leases, agents, deployments.
//!
//! [`Store`] is SQLite or PostgreSQL, chosen by URL; each aggregate is one trait in a file of its own, with its SQL
//! beside the method that runs it. The store keeps what it is told and enforces what concurrent processes could
//! break (uniqueness, fences, order, the first answer); it decides nothing about runs or deployments and reads no
//! clock. Begin with [`Runs`] for the journal; `engine` runs every statement on either engine.

mod agents;
mod calls;
mod conversations;
mod deployments;
mod engine;
mod error;
mod fault;
mod group;
mod incidents;
mod leases;
mod links;
mod lite;
mod migrations;
mod notices;
mod operator;
mod place;
mod placements;
mod ports;
mod postgres;
mod projects;
mod queue;
mod runs;
mod secrets;
mod servers;
mod setups;
mod sqlite;
mod standing;
mod updates;
mod users;

use std::fmt;
use std::sync::Arc;

use crate::domain::redact::Secrets;
use engine::Pools;
use place::Place;

pub use agents::Agents;
pub use calls::{CallFilter, Calls};
pub use conversations::Conversations;
pub use deployments::Deployments;
pub use error::Error;
pub use incidents::Incidents;
pub use leases::Leases;
pub use links::{SecretLink, SecretLinks};
pub use notices::{Delivery, DeliveryStatus, Notices, Recipient};
pub use operator::OperatorSecrets;
pub use placements::Placements;
pub use ports::Ports;
pub use projects::Projects;
pub use queue::{Queue, Queued};
pub use runs::{Appended, RunFilter, Runs};
pub use secrets::ProjectSecrets;
pub use servers::{Seen, Servers};
pub use setups::{Setup, SetupEnd, Setups};
pub use updates::Updates;
pub use users::{Invited, Users};

/// An open store. Clones share its connections.
#[derive(Clone)]
pub struct Store {
    pools: Pools,
    place: Arc<Place>,
    secrets: Secrets,
}

impl Store {
    /// Opens the store at `url`: `sqlite:/path/cgo.db` or a bare path, `sqlite::memory:`, `postgres://…`. A SQLite
    /// file that is not there is made (for this user alone), and an older schema is brought up to date; both wait
    /// up to ten seconds for other processes that do the same.
    ///
    /// # Errors
    /// [`Error`]: the URL is wrong, the place cannot be reached or written, or holds something else, something
    /// damaged or something newer; then nothing was changed.
    pub async fn open(url: &str) -> Result<Self, Error> {
        let place = Place::parse(url)?;
        let pools = match &place {
            Place::File(path) => sqlite::open(path, &place).await?,
            Place::Memory => sqlite::open_in_memory(&place)?,
            Place::Server { url, .. } => postgres::open(url, &place).await?,
        };
        Ok(Self { pools, place: Arc::new(place), secrets: Secrets::default() })
    }

    /// The same store, which writes handles in the place of these secrets, whatever it is told.
    #[must_use]
    pub fn without(mut self, secrets: Secrets) -> Self {
        self.secrets = secrets;
        self
    }

    /// Closes the connections of this store and of its clones; waits for what they are doing.
    pub async fn close(self) {
        match self.pools {
            Pools::Sqlite(lite) => lite.close().await,
            Pools::Postgres(pool) => pool.close().await,
        }
    }

    /// Where the store is, without the password.
    #[must_use]
    pub fn url(&self) -> String {
        self.place.to_string()
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.url()).finish()
    }
}
