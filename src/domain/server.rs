//! Servers and the ports reserved on them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::{ProjectId, ServerId};
use super::time::Timestamp;

/// A machine projects are placed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Server {
    /// Its id.
    pub id: ServerId,
    /// Its handle, unique in the store: `local` for this machine.
    pub handle: String,
    /// The address its services are reached at.
    pub address: String,
    /// Where it stands.
    pub status: ServerStatus,
    /// When it was added.
    pub created_at: Timestamp,
    /// When its record last changed.
    pub updated_at: Timestamp,
}

/// The handle of the machine cgo runs on.
pub const LOCAL: &str = "local";

/// Where a server stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServerStatus {
    /// Seen at a provider, not ours yet.
    Discovered,
    /// To be provisioned.
    PendingSetup,
    /// Being provisioned.
    Provisioning,
    /// Ready for its first project.
    Ready,
    /// Carries projects.
    InUse,
    /// Provisioning or a check failed.
    Error,
    /// Does not answer.
    Unreachable,
    /// Out of use for a while, on purpose.
    Maintenance,
    /// Kept free, on purpose.
    Reserved,
    /// Gone.
    Decommissioned,
}

impl ServerStatus {
    /// Every status.
    pub const ALL: [Self; 10] = [
        Self::Discovered,
        Self::PendingSetup,
        Self::Provisioning,
        Self::Ready,
        Self::InUse,
        Self::Error,
        Self::Unreachable,
        Self::Maintenance,
        Self::Reserved,
        Self::Decommissioned,
    ];

    /// The status as the store and JSON spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Discovered => "discovered",
            Self::PendingSetup => "pending_setup",
            Self::Provisioning => "provisioning",
            Self::Ready => "ready",
            Self::InUse => "in_use",
            Self::Error => "error",
            Self::Unreachable => "unreachable",
            Self::Maintenance => "maintenance",
            Self::Reserved => "reserved",
            Self::Decommissioned => "decommissioned",
        }
    }

    /// Whether a new project may be placed there.
    #[must_use]
    pub fn takes_projects(self) -> bool {
        matches!(self, Self::Ready | Self::InUse)
    }
}

/// What a port is reserved for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PortPurpose {
    /// The address people open.
    Public,
    /// The first of the two places a release runs in.
    Blue,
    /// The second.
    Green,
}

impl PortPurpose {
    /// Every purpose.
    pub const ALL: [Self; 3] = [Self::Public, Self::Blue, Self::Green];

    /// The purpose as the store spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Blue => "blue",
            Self::Green => "green",
        }
    }

    /// The ports it is taken from, first gap first. Public ports begin at 8000; the inner ones stand
    /// apart, below the range from which systems hand out ports to outgoing connections.
    #[must_use]
    pub fn range(self) -> std::ops::RangeInclusive<u16> {
        match self {
            Self::Public => 8000..=9999,
            Self::Blue | Self::Green => 21_000..=28_999,
        }
    }
}

/// A port reserved on a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PortReservation {
    /// The server.
    pub server: ServerId,
    /// The port, unique on the server.
    pub port: u16,
    /// Whose it is.
    pub project: ProjectId,
    /// The service of the project.
    pub service: String,
    /// What it is for.
    pub purpose: PortPurpose,
    /// When it was reserved.
    pub created_at: Timestamp,
}
