//! What every driver does with the two slots of an application, and what it says about them.
//!
//! Every change is idempotent: asked for twice, it happens once, and one that is already so costs a look. A driver
//! holds no state of its own; what it says comes from the machine that runs the application.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::error::Error;
use crate::domain::deployment::Slot;
use crate::domain::ids::ReleaseId;
use crate::domain::time::Timestamp;
use crate::exec::Exit;
use crate::exec::identity::Identity;

/// One application in one environment on one machine.
pub trait Runtime: Sync {
    /// Has a release run in a slot, beside whatever runs in the other. Returns when its process was started or could
    /// not be; whether it is any good is for [`super::gate`] to say. A release that gave up is tried anew.
    ///
    /// # Errors
    /// Refused for the slot that serves, unless it is the same launch.
    fn start(&self, slot: Slot, launch: &Launch) -> impl Future<Output = Result<SlotStatus, Error>> + Send;

    /// How the application stands now; `None` where nothing was ever started, or all was removed. Changes nothing.
    ///
    /// # Errors
    /// When that cannot be found out.
    fn inspect(&self) -> impl Future<Output = Result<Option<AppStatus>, Error>> + Send;

    /// Sends every new request to a slot. Requests that are being answered stay where they are.
    ///
    /// # Errors
    /// Refused when the slot does not run.
    fn flip(&self, slot: Slot) -> impl Future<Output = Result<(), Error>> + Send;

    /// Waits until a slot that no longer serves has finished its requests, at most `limit`. Changes nothing.
    ///
    /// # Errors
    /// When that cannot be found out, or the slot serves.
    fn drain(&self, slot: Slot, limit: Duration) -> impl Future<Output = Result<Drained, Error>> + Send;

    /// Stops what runs in a slot: what is left of its draining time, SIGTERM, the launch's stop time, SIGKILL.
    ///
    /// # Errors
    /// Refused for the slot that serves.
    fn stop(&self, slot: Slot) -> impl Future<Output = Result<(), Error>> + Send;

    /// Stops serving and everything that runs; what should run is remembered.
    ///
    /// # Errors
    /// When something still runs.
    fn stop_all(&self) -> impl Future<Output = Result<(), Error>> + Send;

    /// Has what should run, run again: after [`Runtime::stop_all`], a crash of the supervisor, or a reboot.
    ///
    /// # Errors
    /// When nothing was ever started, or the public port is taken.
    fn start_all(&self) -> impl Future<Output = Result<(), Error>> + Send;

    /// Stops everything and removes all of the application: its releases, its logs and its data.
    ///
    /// # Errors
    /// When something still runs; then nothing is removed.
    fn remove(&self) -> impl Future<Output = Result<(), Error>> + Send;

    /// The last lines a slot's release wrote, oldest first, without control characters.
    ///
    /// # Errors
    /// When they cannot be read.
    fn tail(&self, which: Which, lines: usize) -> impl Future<Output = Result<Vec<String>, Error>> + Send;

    /// Passes on the last lines and then each new one until `cancel`; with [`Which::Active`] it moves with the traffic.
    ///
    /// # Errors
    /// When they cannot be read.
    fn follow(
        &self,
        which: Which,
        lines: usize,
        cancel: &CancellationToken,
        on_line: &mut (dyn FnMut(&str) + Send),
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// The addresses the processes of a slot listen on.
    ///
    /// # Errors
    /// When that cannot be found out.
    fn listeners(&self, slot: Slot) -> impl Future<Output = Result<Vec<SocketAddr>, Error>> + Send;
}

/// Whose log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// That slot's.
    Slot(Slot),
    /// The slot's that serves; before the first release serves, the first slot's that has one.
    Active,
}

/// What is to run in a slot.
#[derive(Clone, PartialEq, Eq)]
pub struct Launch {
    /// The release.
    pub release: ReleaseId,
    /// The absolute path of the folder it runs in.
    pub directory: PathBuf,
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// What its environment has beside PATH, HOME, LANG, LC_*, TZ and TMPDIR. May hold secrets; kept in a file
    /// only the owner can read.
    pub env: BTreeMap<String, String>,
    /// The port it is to listen on, at 127.0.0.1.
    pub port: u16,
    /// How long it has between SIGTERM and SIGKILL.
    pub stop_timeout: Duration,
}

impl fmt::Debug for Launch {
    /// Names the variables, not their values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Launch")
            .field("release", &self.release)
            .field("directory", &self.directory)
            .field("argv", &self.argv)
            .field("env", &self.env.keys().collect::<Vec<_>>())
            .field("port", &self.port)
            .field("stop_timeout", &self.stop_timeout)
            .finish()
    }
}

/// One of something for each slot.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PerSlot<T> {
    /// Blue's.
    pub blue: T,
    /// Green's.
    pub green: T,
}

impl<T> PerSlot<T> {
    /// That slot's.
    pub fn get(&self, slot: Slot) -> &T {
        match slot {
            Slot::Blue => &self.blue,
            Slot::Green => &self.green,
        }
    }

    /// That slot's, to be changed.
    pub fn get_mut(&mut self, slot: Slot) -> &mut T {
        match slot {
            Slot::Blue => &mut self.blue,
            Slot::Green => &mut self.green,
        }
    }
}

/// How an application stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AppStatus {
    /// Whether it should run at all; false after `stop_all`.
    pub up: bool,
    /// The address visitors reach it at.
    pub public: SocketAddr,
    /// Whether that address is listened on.
    pub listening: bool,
    /// What stands in the way, in one line, when something does.
    pub problem: Option<String>,
    /// Whether somebody watches over it.
    pub supervisor: Supervision,
    /// The slot that serves.
    pub active: Option<Slot>,
    /// The slots.
    pub slots: PerSlot<SlotStatus>,
}

impl AppStatus {
    /// Visitors reach a release that runs.
    #[must_use]
    pub fn serves(&self) -> bool {
        self.listening && self.active.is_some_and(|slot| self.slots.get(slot).state == SlotState::Running)
    }
}

/// Whether an application is watched over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Supervision {
    /// By this process.
    Running(Identity),
    /// By none, as it should be: it is stopped.
    Stopped,
    /// By none, although it should run. `start_all` puts it right.
    Dead,
}

/// How a slot stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlotStatus {
    /// In one word.
    pub state: SlotState,
    /// The release that runs there, or is to.
    pub release: Option<ReleaseId>,
    /// Tells one launch from the next, also of the same release.
    pub generation: u64,
    /// The port it was given.
    pub port: Option<u16>,
    /// Its process.
    pub process: Option<Identity>,
    /// Since when it is in that state.
    pub since: Timestamp,
    /// When it was restarted after it ended by itself, within the last ten minutes.
    pub restarted_at: Vec<Timestamp>,
    /// How its process last ended.
    pub last_exit: Option<LastExit>,
    /// Why it could not be started, in one line.
    pub problem: Option<String>,
    /// Requests being answered.
    pub in_flight: u64,
    /// Upgraded connections (websockets) that are open.
    pub tunnels: u64,
}

impl Default for SlotStatus {
    fn default() -> Self {
        Self {
            state: SlotState::Stopped,
            release: None,
            generation: 0,
            port: None,
            process: None,
            since: Timestamp(0),
            restarted_at: Vec::new(),
            last_exit: None,
            problem: None,
            in_flight: 0,
            tunnels: 0,
        }
    }
}

/// A slot's state in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlotState {
    /// Nothing runs and nothing should.
    Stopped,
    /// About to be started.
    Starting,
    /// Its process runs.
    Running,
    /// Finishes its requests before it is stopped.
    Draining,
    /// Was asked to end.
    Stopping,
    /// Ended by itself and is started again in a moment.
    BackingOff,
    /// Ended by itself too often, and is left alone.
    Failed,
    /// Its process runs, but nobody watches over it.
    Unsupervised,
}

impl SlotState {
    /// The state as JSON spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Draining => "draining",
            Self::Stopping => "stopping",
            Self::BackingOff => "backing_off",
            Self::Failed => "failed",
            Self::Unsupervised => "unsupervised",
        }
    }
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LastExit {
    /// Its exit code or signal; unknown when its supervisor had ended before it.
    pub exit: Option<Exit>,
    /// When.
    pub at: Timestamp,
    /// Whether it was asked to.
    pub asked: bool,
    /// The launch it belonged to.
    pub generation: u64,
}

/// What a drain came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Drained {
    /// Requests still being answered at the limit.
    pub in_flight: u64,
    /// Upgraded connections still open at the limit.
    pub tunnels: u64,
}
