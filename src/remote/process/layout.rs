//! The folder of an application: where its files lie and what is in them.
//!
//! `desired.json` says what should run and is written by the command line only, under the lock `lock`.
//! `status.json` says what runs and is written by the supervisor only, which holds the lock on `supervisor.lock` for
//! as long as it lives. Each slot's process holds the lock on its slot's `lock`, as its standard input, so the kernel
//! itself knows whether a slot is occupied, whoever crashed.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::domain::deployment::Slot;
use crate::domain::ids::ReleaseId;
use crate::exec::identity::Identity;
use crate::remote::error::Error;
use crate::remote::files;
use crate::remote::runtime::{Launch, PerSlot, SlotStatus};

/// The version of the files; another one is refused.
pub const FORMAT: u32 = 1;

/// The paths in an application's folder.
#[derive(Debug, Clone)]
pub struct Layout {
    /// The folder itself.
    pub root: PathBuf,
}

impl Layout {
    /// The paths below `root`.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// What should run.
    pub fn desired(&self) -> PathBuf {
        self.root.join("desired.json")
    }

    /// What runs.
    pub fn status(&self) -> PathBuf {
        self.root.join("status.json")
    }

    /// Held by the command that changes `desired.json` or starts the supervisor.
    pub fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// Held by the supervisor; its content is the supervisor's [`Identity`].
    pub fn supervisor_lock(&self) -> PathBuf {
        self.root.join("supervisor.lock")
    }

    /// What the supervisor has to say.
    pub fn supervisor_log(&self) -> PathBuf {
        self.root.join("supervisor.log")
    }

    /// A slot's folder.
    pub fn slot(&self, slot: Slot) -> PathBuf {
        self.root.join("slots").join(slot.as_str())
    }

    /// Held by the process of a slot.
    pub fn slot_lock(&self, slot: Slot) -> PathBuf {
        self.slot(slot).join("lock")
    }

    /// What the release in a slot wrote.
    pub fn log(&self, slot: Slot) -> PathBuf {
        self.slot(slot).join("log")
    }

    /// The environment of one launch.
    pub fn env(&self, slot: Slot, generation: u64) -> PathBuf {
        self.slot(slot).join(format!("env-{generation}"))
    }
}

/// What should run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Desired {
    /// [`FORMAT`].
    pub format: u32,
    /// Grows with every change.
    pub revision: u64,
    /// Whether anything should run at all.
    pub up: bool,
    /// Where visitors are listened to.
    pub public: SocketAddr,
    /// How long a slot that no longer serves may finish its requests, in milliseconds.
    pub drain_limit_ms: u64,
    /// The slot that serves.
    pub active: Option<Slot>,
    /// What is to run in each slot.
    pub slots: PerSlot<Option<DesiredSlot>>,
}

/// What is to run in a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DesiredSlot {
    /// The release.
    pub release: ReleaseId,
    /// Tells this launch from every other of the application, and names its file of variables.
    pub generation: u64,
    /// The folder it runs in.
    pub directory: PathBuf,
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// The port it is to listen on.
    pub port: u16,
    /// Whether it is to run; else it is only remembered.
    pub run: bool,
    /// How long it has between SIGTERM and SIGKILL, in milliseconds.
    pub stop_timeout_ms: u64,
}

impl DesiredSlot {
    /// Whether this is the same launch, as far as its environment is not concerned.
    pub fn is(&self, launch: &Launch) -> bool {
        self.release == launch.release
            && self.directory == launch.directory
            && self.argv == launch.argv
            && self.port == launch.port
            && u128::from(self.stop_timeout_ms) == launch.stop_timeout.as_millis()
    }
}

impl Desired {
    /// Reads it; `None` when there is none.
    pub fn read(layout: &Layout) -> Result<Option<Self>, Error> {
        let path = layout.desired();
        let desired: Option<Self> = files::read_json(&path)?;
        match desired {
            Some(desired) if desired.format != FORMAT => {
                let reason = format!("it has format {}, this cgo reads {FORMAT}", desired.format);
                Err(Error::Damaged { path, reason })
            }
            other => Ok(other),
        }
    }

    /// The generation that should run in a slot.
    pub fn wants(&self, slot: Slot) -> Option<&DesiredSlot> {
        self.slots.get(slot).as_ref().filter(|wanted| self.up && wanted.run)
    }
}

/// What runs, as the supervisor sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Status {
    /// [`FORMAT`].
    pub format: u32,
    /// Who wrote it.
    pub supervisor: Identity,
    /// The revision of `desired.json` that was last acted upon.
    pub seen: u64,
    /// The address that is listened on.
    pub listening: Option<SocketAddr>,
    /// Why the public address is not listened on.
    pub cannot_listen: Option<CannotListen>,
    /// What else stands in the way, in one line.
    pub problem: Option<String>,
    /// The slot that gets the requests.
    pub active: Option<Slot>,
    /// The slots.
    pub slots: PerSlot<SlotStatus>,
}

/// Why the public address is not listened on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CannotListen {
    /// The address.
    pub address: SocketAddr,
    /// Whether somebody else listens there.
    pub taken: bool,
    /// The system's reason.
    pub reason: String,
}

/// The variables of one launch. They may hold secrets: values are strings, so that no parse error can echo one.
pub type Variables = BTreeMap<String, String>;
