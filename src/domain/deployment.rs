//! Releases of a project and their way onto a server.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::{ProjectId, ReleaseId, RunId, ServerId};
use super::time::Timestamp;

/// One release of a project on one server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Deployment {
    /// The release.
    pub release: ReleaseId,
    /// The project.
    pub project: ProjectId,
    /// The server.
    pub server: ServerId,
    /// The run that deployed it.
    pub run: RunId,
    /// The commit it was built from, in full.
    pub commit: String,
    /// The place it runs or ran in.
    pub slot: Slot,
    /// Where it stands.
    pub status: DeploymentStatus,
    /// Why it failed, in one line, when it did.
    pub reason: Option<String>,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When its record last changed.
    pub updated_at: Timestamp,
}

/// One of the two places a release runs in, so that the next can start beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Slot {
    /// The first.
    Blue,
    /// The second.
    Green,
}

impl Slot {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Blue, Self::Green];

    /// The slot's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Blue => "blue",
            Self::Green => "green",
        }
    }

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Blue => Self::Green,
            Self::Green => Self::Blue,
        }
    }
}

/// What keeps the processes of a release on a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Driver {
    /// A shell of its own for each slot: no container engine, no systemd, no root.
    Process,
    /// A hardened service of systemd for each slot.
    Systemd,
    /// A container for each slot, of Docker or Podman.
    Container,
}

impl Driver {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Process, Self::Systemd, Self::Container];

    /// The driver as JSON spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Systemd => "systemd",
            Self::Container => "container",
        }
    }
}

/// Where a deployment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentStatus {
    /// Being built, started or probed; the release before it serves.
    Pending,
    /// Serves.
    Active,
    /// Served, and was replaced; can be gone back to.
    Retired,
    /// Did not pass its gate; never served.
    Failed,
}

impl DeploymentStatus {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Active, Self::Retired, Self::Failed];

    /// The status as the store and JSON spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Retired => "retired",
            Self::Failed => "failed",
        }
    }
}
