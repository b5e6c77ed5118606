//! What runs a release on a host: shell functions of the same names for each sort of program that keeps processes.
//!
//! Each has `driver_check`, `driver_install`, `driver_build`, `driver_once`, `driver_start`, `driver_state`,
//! `driver_stop`, `driver_log`, `driver_listeners` and `driver_forget`; the engine's scripts call nothing else. To start
//! what runs and to stop what does not are no errors.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What keeps the processes of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Driver {
    /// A shell of its own for each slot.
    Process,
}

impl Driver {
    /// Its shell functions.
    pub(super) fn functions(self) -> &'static str {
        match self {
            Self::Process => include_str!("process.sh"),
        }
    }

    /// What it leaves on the host to keep processes; empty where something of the host does.
    pub(super) fn keeper(self) -> &'static str {
        match self {
            Self::Process => include_str!("keep.sh"),
        }
    }

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Process => "process",
        }
    }
}
