//! A project cgo made or took over.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::{ProjectId, UserId};
use super::names::ProjectName;
use super::spec::{Language, Module};
use super::time::Timestamp;
use super::user::Owner;

/// A project in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// Its name, unique in the store.
    pub name: ProjectName,
    /// The name people read.
    pub title: String,
    /// What it is for.
    pub description: String,
    /// The absolute path of its folder on this machine.
    pub folder: String,
    /// The modules it is made of.
    pub modules: Vec<Module>,
    /// Where it stands.
    pub status: ProjectStatus,
    /// Whose it is; none for the operator's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<UserId>,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When its record last changed.
    pub updated_at: Timestamp,
}

impl Project {
    /// Whose it is.
    #[must_use]
    pub fn owner(&self) -> Owner<'_> {
        Owner::of(self.owner.as_ref())
    }
}

/// Where a project stands. What runs on a server is asked of the server, not kept here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProjectStatus {
    /// Its first run is not done.
    Building,
    /// Its code is there and tested.
    Built,
    /// A release of it was deployed.
    Deployed,
    /// It is being changed on purpose; its next release or start ends that.
    Maintenance,
    /// Its services were stopped on purpose.
    Stopped,
    /// It was taken off its server; its folder stays.
    Removed,
}

impl ProjectStatus {
    /// Every status.
    pub const ALL: [Self; 6] =
        [Self::Building, Self::Built, Self::Deployed, Self::Maintenance, Self::Stopped, Self::Removed];

    /// The status as the store and JSON spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Building => "building",
            Self::Built => "built",
            Self::Deployed => "deployed",
            Self::Maintenance => "maintenance",
            Self::Stopped => "stopped",
            Self::Removed => "removed",
        }
    }

    /// The status as people read it.
    #[must_use]
    pub fn words(self, language: Language) -> &'static str {
        match (language, self) {
            (Language::En, Self::Maintenance) => "in maintenance",
            (Language::En, other) => other.as_str(),
            (Language::Ru, Self::Building) => "создаётся",
            (Language::Ru, Self::Built) => "собран",
            (Language::Ru, Self::Deployed) => "развёрнут",
            (Language::Ru, Self::Maintenance) => "на обслуживании",
            (Language::Ru, Self::Stopped) => "остановлен",
            (Language::Ru, Self::Removed) => "удалён",
        }
    }
}
