//! One slot as its supervisor sees it: the process in it, how it is started, found again, asked to end and buried.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process_group};

use super::decide::{self, View};
use super::layout::{DesiredSlot, Layout, Variables};
use super::logs;
use crate::domain::deployment::Slot;
use crate::domain::ids::ReleaseId;
use crate::domain::time::Timestamp;
use crate::exec::identity::{self, Identity, PidFd, Stat};
use crate::exec::{Exit, inherited_env};
use crate::remote::error::Error;
use crate::remote::files;
use crate::remote::runtime::{LastExit, SlotState, SlotStatus};

/// Names the launch in the environment of its process.
const MARK: &str = "CGO_LAUNCH";
/// The pause before looking again whether a slot's lock is free.
const LOCK_PAUSE: Duration = Duration::from_millis(50);
/// The pause between two SIGKILLs, should the first have missed a process that was just being born.
const KILL_PAUSE: Duration = Duration::from_secs(1);

/// A process that occupies a slot.
#[derive(Debug)]
struct Process {
    identity: Identity,
    pidfd: PidFd,
    /// Absent for one that was found, not started, by this supervisor.
    child: Option<Child>,
    generation: u64,
}

/// A slot.
#[derive(Debug)]
pub struct Runner {
    slot: Slot,
    layout: Layout,
    process: Option<Process>,
    kill_at: Option<Instant>,
    failed: Option<u64>,
    not_before: Option<Instant>,
    /// What is shown; the fields above are what is acted upon.
    status: SlotStatus,
    /// The launch whose log is being written.
    logged: Option<u64>,
}

impl Runner {
    /// Finds what an earlier supervisor left in the slot. `known` is what that one last wrote about it.
    pub fn adopt(slot: Slot, layout: &Layout, known: SlotStatus) -> Result<Self, Error> {
        files::make_folder(&layout.slot(slot))?;
        let process = match known.process.clone().filter(Identity::is_alive) {
            Some(identity) => Some((identity, known.generation)),
            None => leader(&layout.slot_lock(slot)),
        };
        let process = process.and_then(|(identity, generation)| {
            let pidfd = PidFd::open(identity::raw(identity.pid)?).ok()?;
            // Only now is it certain that the descriptor is that process's.
            identity.is_alive().then_some(Process { identity, pidfd, child: None, generation })
        });
        let gone = known.process.is_some() && process.is_none();
        let mut runner = Self {
            slot,
            layout: layout.clone(),
            process,
            kill_at: None,
            failed: (known.state == SlotState::Failed).then_some(known.generation),
            not_before: None,
            logged: Some(known.generation),
            status: known,
        };
        if gone {
            // It ended unseen. Whether by itself cannot be known, so it does not count as a restart.
            let generation = runner.status.generation;
            runner.status.last_exit = Some(LastExit { exit: None, at: now(), asked: false, generation });
        }
        Ok(runner)
    }

    /// What is known, for [`decide::decide`].
    pub fn view(&self, busy: bool, drain_until: Instant) -> View {
        View {
            running: self.process.as_ref().map(|process| process.generation),
            kill_at: self.kill_at,
            busy,
            drain_until,
            failed: self.failed,
            not_before: self.not_before,
        }
    }

    /// Whether requests may be kept waiting for it.
    pub fn is_expected(&self, wanted: Option<u64>) -> bool {
        self.process.is_some() || (wanted.is_some() && self.failed != wanted)
    }

    /// Whether nothing of it runs any more.
    pub fn is_empty(&self) -> Result<bool, Error> {
        Ok(self.process.is_none() && !files::is_locked(&self.layout.slot_lock(self.slot))?)
    }

    /// Waits for the end of its process; for ever when it has none.
    pub async fn exited(&self) {
        match &self.process {
            // A descriptor that cannot be polled is looked at with the next tick.
            Some(process) if process.pidfd.exited().await.is_ok() => {}
            _ => std::future::pending().await,
        }
    }

    /// Starts a launch. Says in a line what came of it, for the log.
    pub fn start(&mut self, wanted: &DesiredSlot) -> String {
        if self.status.generation != wanted.generation {
            self.status.restarted_at.clear();
            self.status.last_exit = None;
        }
        self.status.generation = wanted.generation;
        self.status.release = Some(wanted.release.clone());
        self.status.port = Some(wanted.port);
        self.status.problem = None;
        match self.try_start(wanted) {
            Ok(Some(process)) => {
                let line = format!("started {} as process {}", wanted.release, process.identity.pid);
                self.not_before = None;
                self.failed = None;
                self.process = Some(process);
                line
            }
            Ok(None) => {
                self.not_before = Some(Instant::now() + LOCK_PAUSE);
                self.kill_leftovers()
            }
            Err(reason) => {
                let line = format!("cannot start {}: {reason}", wanted.release);
                self.status.problem = Some(reason);
                self.back_off(wanted.generation);
                line
            }
        }
    }

    /// `None` when something still occupies the slot.
    fn try_start(&mut self, wanted: &DesiredSlot) -> Result<Option<Process>, String> {
        let Some(lock) = files::try_lock(&self.layout.slot_lock(self.slot)).map_err(text)? else { return Ok(None) };
        let path = self.layout.env(self.slot, wanted.generation);
        let variables: Variables = files::read_json(&path).map_err(text)?.ok_or("its variables are missing")?;
        let log = self.layout.log(self.slot);
        if self.logged != Some(wanted.generation) {
            logs::begin(&log).map_err(|error| format!("cannot begin its log: {error}"))?;
            self.logged = Some(wanted.generation);
        }
        let stdout = logs::open(&log).map_err(|error| format!("cannot open its log: {error}"))?;
        let stderr = stdout.try_clone().map_err(|error| format!("cannot open its log: {error}"))?;
        let (program, args) = wanted.argv.split_first().ok_or("it names no program")?;
        let mut child = Command::new(program)
            .args(args)
            .current_dir(&wanted.directory)
            .env_clear()
            .envs(inherited_env())
            .envs(&variables)
            .env(MARK, wanted.generation.to_string())
            .process_group(0)
            // The lock is the process's standard input: it is free again when the last heir of it has ended.
            .stdin(lock)
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .map_err(|error| match error.kind() {
                _ if !wanted.directory.is_dir() => format!("there is no folder `{}`", wanted.directory.display()),
                std::io::ErrorKind::NotFound => format!("there is no program `{program}`"),
                _ => format!("`{program}`: {error}"),
            })?;
        let pid = child.id();
        let pidfd = identity::raw(pid).map(PidFd::open);
        let (Some(Ok(pidfd)), Some(stat)) = (pidfd, Stat::of(pid)) else {
            let _ = child.kill().and_then(|()| child.wait());
            return Err(format!("process {pid} cannot be watched"));
        };
        let identity = Identity { pid, started: stat.started, boot_id: identity::boot_id().to_owned() };
        Ok(Some(Process { identity, pidfd, child: Some(child), generation: wanted.generation }))
    }

    /// Kills what holds the slot's lock although its process is gone: descendants that left its group.
    pub fn kill_leftovers(&mut self) -> String {
        let mut killed = Vec::new();
        for identity in holders(&self.layout.slot_lock(self.slot)) {
            if matches!(identity.signal(Signal::KILL), Ok(true)) {
                killed.push(identity.pid.to_string());
            }
        }
        if killed.is_empty() {
            self.status.problem = Some("something that cannot be seen still occupies the slot".to_owned());
            return "the slot is occupied by something that cannot be seen".to_owned();
        }
        format!("killed what was left in the slot: process {}", killed.join(", "))
    }

    /// Asks the process group to end, and sets the time it is killed at.
    pub fn ask(&mut self, stop_timeout: Duration) {
        self.signal(Signal::TERM);
        self.kill_at = Some(Instant::now() + stop_timeout);
    }

    /// Kills the process group.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.kill_at = Some(Instant::now() + KILL_PAUSE);
    }

    fn signal(&self, signal: Signal) {
        let Some(process) = &self.process else { return };
        // A child that was not waited for keeps its number. One that was found is compared once more.
        let ours = process.child.is_some() || process.identity.is_alive();
        if let (true, Some(group)) = (ours, identity::raw(process.identity.pid)) {
            // It fails only for a group that is gone.
            let _ = kill_process_group(group, signal);
        }
    }

    /// Takes note of the end of the process, if it has ended. `wanted` is the generation that should run.
    pub fn bury(&mut self, wanted: Option<u64>) -> Option<String> {
        let process = self.process.as_mut()?;
        if !process.pidfd.has_exited() {
            return None;
        }
        let exit = process.child.as_mut().map(|child| {
            // Still a zombie, so the number means this group: whoever is left in it ends with its leader.
            if let Some(group) = identity::raw(process.identity.pid) {
                let _ = kill_process_group(group, Signal::KILL);
            }
            child.wait().map(Exit::from)
        });
        let exit = exit.and_then(Result::ok);
        let (pid, generation) = (process.identity.pid, process.generation);
        let asked = self.kill_at.is_some();
        self.process = None;
        self.kill_at = None;
        self.status.last_exit = Some(LastExit { exit, at: now(), asked, generation });
        if !asked && wanted == Some(generation) {
            self.back_off(generation);
        }
        let how = exit.map_or_else(|| "an unknown exit code".to_owned(), |exit| exit.to_string());
        let by = if asked { "as asked" } else { "by itself" };
        Some(format!("process {pid} ended {by}: {how}"))
    }

    fn back_off(&mut self, generation: u64) {
        let now = now();
        let window = i64::try_from(decide::WINDOW.as_millis()).unwrap_or(i64::MAX);
        self.status.restarted_at.retain(|at| now.since(*at) < window);
        let restarts = self.status.restarted_at.len();
        if restarts >= decide::MAX_RESTARTS {
            self.failed = Some(generation);
        } else {
            self.status.restarted_at.push(now);
            self.not_before = Some(Instant::now() + decide::backoff(restarts));
        }
    }

    /// What is shown about the slot.
    pub fn status(&mut self, wanted: Option<u64>, (in_flight, tunnels): (u64, u64)) -> SlotStatus {
        let state = match &self.process {
            Some(_) if self.kill_at.is_some() => SlotState::Stopping,
            Some(process) if wanted == Some(process.generation) => SlotState::Running,
            Some(_) => SlotState::Draining,
            None if wanted.is_none() => SlotState::Stopped,
            None if self.failed == wanted => SlotState::Failed,
            None if self.status.generation == wanted.unwrap_or(0) && self.not_before.is_some() => SlotState::BackingOff,
            None => SlotState::Starting,
        };
        let process = self.process.as_ref().map(|process| process.identity.clone());
        if state != self.status.state || process != self.status.process {
            self.status.since = now();
        }
        self.status.state = state;
        self.status.process = process;
        if let Some(process) = &self.process {
            self.status.generation = process.generation;
        }
        SlotStatus { in_flight, tunnels, ..self.status.clone() }
    }

    /// Whether its process runs.
    pub fn has_process(&self) -> bool {
        self.process.is_some()
    }

    /// What was found running, for the log.
    pub fn found(&self) -> Option<String> {
        let process = self.process.as_ref()?;
        Some(format!("process {} of launch {}", process.identity.pid, process.generation))
    }

    /// The port its process was given.
    pub fn port(&self) -> Option<u16> {
        self.status.port
    }

    /// The release whose process runs or ran last.
    pub fn release(&self) -> Option<&ReleaseId> {
        self.status.release.as_ref()
    }
}

fn text(error: Error) -> String {
    match error {
        Error::File { action, path, source } => format!("cannot {action} `{}`: {source}", path.display()),
        other => other.to_string(),
    }
}

/// The wall clock.
fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}

/// The process that leads those who hold a slot's lock, and the launch it says it belongs to.
pub fn leader(lock: &Path) -> Option<(Identity, u64)> {
    let leads = |identity: &Identity| Stat::of(identity.pid).is_some_and(|stat| stat.group == identity.pid);
    let identity = holders(lock).into_iter().find(leads)?;
    let environment = std::fs::read(format!("/proc/{}/environ", identity.pid)).unwrap_or_default();
    let mark = format!("{MARK}=");
    let mut marks = environment.split(|byte| *byte == 0).filter_map(|entry| entry.strip_prefix(mark.as_bytes()));
    let generation = marks.next().and_then(|mark| std::str::from_utf8(mark).ok()?.parse().ok());
    // A launch that cannot be told is none that is wanted: it is replaced.
    Some((identity, generation.unwrap_or(0)))
}

/// The processes that have a slot's lock as their standard input.
pub fn holders(lock: &Path) -> Vec<Identity> {
    let Ok(lock) = File::open(lock).and_then(|file| file.metadata()) else { return Vec::new() };
    let pids = identity::pids().into_iter();
    let theirs = pids.filter(|pid| {
        let stdin = std::fs::metadata(format!("/proc/{pid}/fd/0"));
        stdin.is_ok_and(|stdin| (stdin.dev(), stdin.ino()) == (lock.dev(), lock.ino()))
    });
    theirs.filter_map(Identity::of).collect()
}
