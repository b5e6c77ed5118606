//! The use cases, shared by every front end and by the agents' tools.
//!
//! A function here takes the [`Context`], decides with plain code, and acts through the drivers. It prints nothing
//! and asks nobody: what a person has to know comes back as data or as an [`Error`].

pub mod activation;
pub mod agents;
mod answering;
pub mod approvals;
pub mod changes;
pub mod chats;
pub mod checks;
pub mod costs;
pub mod deploy;
pub mod doctor;
pub mod environment;
pub mod error;
pub mod github;
pub mod incidents;
pub mod known_secrets;
pub mod leases;
pub mod live;
pub mod locks;
pub mod notify;
pub mod operating;
pub mod operator;
pub mod placement;
pub mod projects;
pub mod queue;
pub mod recorded;
pub mod removal;
pub mod repository;
pub mod runs;
pub mod secrets;
pub mod servers;
pub mod services;
pub mod specs;
pub mod users;
pub mod worktrees;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::domain::redact::Secrets;
use crate::domain::run::Holder;
use crate::domain::server::{PortPurpose, PortRange, PortWish};
use crate::domain::source::{Real, Source};
use crate::domain::time::{Span, Timestamp};
use crate::domain::user::Person;
use crate::store::Store;
use crate::vault::Vault;
pub use error::{Error, explain};

/// What every use case works with; made once by the composition root.
#[derive(Debug, Clone)]
pub struct Context {
    /// The store.
    pub store: Store,
    /// Where releases, logs and applications live.
    pub data: PathBuf,
    /// Where dependencies are kept.
    pub cache: PathBuf,
    /// This process.
    pub holder: Holder,
    /// The command that starts the program which keeps a project running; the application's folder is added.
    pub supervisor: Vec<OsString>,
    /// Who works here: the system account.
    pub user: String,
    /// Whom this is done for: whose rights count, and who stands in journals.
    pub person: Person,
    /// Where GitHub is, and the token for it.
    pub github: crate::github::Access,
    /// Who may approve and reject; empty: whoever may open the store.
    pub approvers: Vec<String>,
    /// How long a question or an approval stays open; none for as long as an answer takes.
    pub answer_within: Option<Span>,
    /// The time and chance of the run that is worked on.
    pub source: std::sync::Arc<dyn Source>,
    /// The secrets this process knows.
    pub secrets: Secrets,
    /// Where projects' secrets are encrypted and decrypted.
    pub vault: Vault,
    /// Of whom the certificates of projects' domains are asked.
    pub acme: crate::domain::acme::Authorities,
    /// The ports that services get.
    pub ports: PortRange,
    /// Agents kept in memory.
    pub agents: std::sync::Arc<agents::Cache>,
}

impl Context {
    /// The present moment, for leases and for when a row was last touched. What a run makes carries the time of its
    /// [`Source`].
    #[must_use]
    pub fn now(&self) -> Timestamp {
        now()
    }

    /// A port for a purpose, out of those that services get.
    #[must_use]
    pub fn wish(&self, purpose: PortPurpose) -> PortWish {
        PortWish { purpose, range: self.ports }
    }

    /// Who works here, for those on other machines who have to wait.
    #[must_use]
    pub fn owner(&self) -> String {
        format!("{} on {}", self.user, self.holder.host)
    }

    /// The folder of a project's application on the `local` server.
    #[must_use]
    pub fn app_folder(&self, project: &crate::domain::names::ProjectName) -> PathBuf {
        self.data
            .join("servers")
            .join(crate::domain::server::LOCAL)
            .join("apps")
            .join(project.as_str())
            .join("production")
    }

    /// The folder all applications of the `local` server are in.
    #[must_use]
    pub fn data_folder(&self) -> &Path {
        &self.data
    }
}

/// The present moment by the system's clock.
#[must_use]
pub fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}

/// The system's clock and chance.
#[must_use]
pub fn real() -> std::sync::Arc<dyn Source> {
    std::sync::Arc::new(Real { clock: now, chance: random })
}

/// A random number for an id.
#[must_use]
pub fn random() -> u32 {
    rand::random()
}
