//! The process that stays: listens for visitors, keeps the wanted releases running, and says how they do.
//!
//! It is driven by levels, not by events: whatever woke it, it compares `desired.json` with what runs and takes the
//! next step. SIGHUP makes it look at once, SIGTERM makes it stop everything and leave. It may be killed at any moment:
//! the releases live on, and the next supervisor finds them by the locks they hold.

use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit, setsid};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::decide::{Step, decide};
use super::layout::{CannotListen, Desired, FORMAT, Layout, Status};
use super::logs;
use super::proxy::Proxy;
use super::slot::Runner;
use crate::domain::deployment::Slot;
use crate::exec::identity::Identity;
use crate::remote::error::Error;
use crate::remote::files::{self, Durable};
use crate::remote::runtime::PerSlot;

/// How often it looks without being told to: for a nudge that was lost, a port that became free, a log that grew.
const TICK: Duration = Duration::from_secs(2);
/// How long a start waits for an earlier supervisor's end, or for a look at the lock.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
/// How long the last answers may take to reach their clients.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Descriptors it asks for: two for each connection and some.
const DESCRIPTORS: u64 = 8192;

/// Supervises the application in a folder until it is told to stop, or nothing is to run any more.
///
/// To be called on a thread of a process of its own that runs no tokio runtime; it becomes the leader of a session.
/// Returns at once, and well, when another process supervises that application.
///
/// # Errors
/// When the folder cannot be used, or holds a `desired.json` that cannot be read.
pub fn supervise(app: &Path) -> Result<(), Error> {
    // Refused only for a process that leads a group already, as one started by hand may.
    let _ = setsid();
    let limit = raise_limits();
    let system = |source| Error::System { action: "begin to supervise", source };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(system)?;
    let outcome = runtime.block_on(run(app, limit));
    if let Err(error) = &outcome {
        Log(Layout::new(app)).say(&format!("cannot go on: {error}"));
    }
    outcome
}

/// Asks for more descriptors; says how many connections there is room for.
fn raise_limits() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(DESCRIPTORS).min(DESCRIPTORS);
    let present = limit.current.unwrap_or(DESCRIPTORS);
    let granted = if present < most {
        let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: limit.maximum });
        raised.map_or(present, |()| most)
    } else {
        present
    };
    usize::try_from(granted.saturating_sub(64) / 2).unwrap_or(usize::MAX).clamp(16, 4096)
}

/// The supervisor's own log.
struct Log(Layout);

impl Log {
    fn say(&self, line: &str) {
        if let Ok(mut file) = logs::open(&self.0.supervisor_log()) {
            let at = jiff::Timestamp::now().round(jiff::Unit::Millisecond).unwrap_or_default();
            // A full disk must not stop the supervisor.
            let _ = writeln!(file, "{at} {line}");
        }
    }
}

struct Listening {
    address: SocketAddr,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

struct Supervisor {
    layout: Layout,
    me: Identity,
    log: Log,
    proxy: Arc<Proxy>,
    connections: usize,
    desired: Desired,
    desired_problem: Option<String>,
    slots: PerSlot<Runner>,
    /// Since when a slot does not serve.
    inactive_since: PerSlot<Instant>,
    listening: Option<Listening>,
    cannot_listen: Option<CannotListen>,
    leaving: bool,
    written: Option<Status>,
}

async fn run(app: &Path, connections: usize) -> Result<(), Error> {
    let layout = Layout::new(app);
    let system = |source| Error::System { action: "wait for signals", source };
    // Before the lock names this process: a nudge without a handler would kill it.
    let mut hangup = signal(SignalKind::hangup()).map_err(system)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(system)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(system)?;
    let Some(mut lock) = lock(&layout).await? else { return Ok(()) };
    let me = Identity::me();
    sign(&mut lock, &me).map_err(files::failed("write", &layout.supervisor_lock()))?;

    let Some(desired) = Desired::read(&layout)? else { return Err(Error::Nothing { app: app.to_owned() }) };
    let mut supervisor = Supervisor::begin(layout, me, connections, desired)?;
    let mut force = true;
    loop {
        let wake = supervisor.converge().await;
        supervisor.report(force);
        if supervisor.leaving && supervisor.is_empty()? {
            supervisor.proxy.finish(LAST_WORDS).await;
            supervisor.log.say("everything is stopped");
            return Ok(());
        }
        let proxy = Arc::clone(&supervisor.proxy);
        force = tokio::select! {
            _ = hangup.recv() => true,
            _ = terminate.recv() => supervisor.leave("SIGTERM"),
            _ = interrupt.recv() => supervisor.leave("SIGINT"),
            () = supervisor.slots.blue.exited() => false,
            () = supervisor.slots.green.exited() => false,
            () = proxy.idle.notified() => false,
            () = tokio::time::sleep_until(wake.into()) => false,
        };
    }
}

async fn lock(layout: &Layout) -> Result<Option<File>, Error> {
    let until = Instant::now() + LOCK_PATIENCE;
    loop {
        match files::try_lock(&layout.supervisor_lock())? {
            None if Instant::now() < until => tokio::time::sleep(Duration::from_millis(20)).await,
            taken => return Ok(taken),
        }
    }
}

/// Writes into the lock who holds it.
fn sign(lock: &mut File, me: &Identity) -> std::io::Result<()> {
    lock.set_len(0)?;
    lock.write_all(&serde_json::to_vec(me)?)
}

impl Supervisor {
    fn begin(layout: Layout, me: Identity, connections: usize, desired: Desired) -> Result<Self, Error> {
        let log = Log(layout.clone());
        log.say(&format!("process {} supervises", me.pid));
        // A damaged report is no reason to stop: what runs is found by the locks.
        let known = files::read_json::<Status>(&layout.status()).ok().flatten();
        let known = known.map(|status| status.slots).unwrap_or_default();
        let mut supervisor = Self {
            slots: PerSlot {
                blue: Runner::adopt(Slot::Blue, &layout, known.blue)?,
                green: Runner::adopt(Slot::Green, &layout, known.green)?,
            },
            inactive_since: PerSlot { blue: Instant::now(), green: Instant::now() },
            layout,
            me,
            log,
            proxy: Arc::new(Proxy::default()),
            connections,
            desired_problem: None,
            listening: None,
            cannot_listen: None,
            leaving: !desired.up,
            desired,
            written: None,
        };
        supervisor.proxy.set_active(supervisor.desired.active);
        for slot in Slot::ALL {
            let found = supervisor.slots.get_mut(slot).found();
            if let Some(found) = found {
                supervisor.log.say(&format!("{}: found {found}", slot.as_str()));
            }
        }
        Ok(supervisor)
    }

    fn leave(&mut self, why: &str) -> bool {
        if !self.leaving {
            self.log.say(&format!("stops everything: {why}"));
            self.begin_to_leave();
        }
        true
    }

    fn begin_to_leave(&mut self) {
        self.leaving = true;
        self.inactive_since = PerSlot { blue: Instant::now(), green: Instant::now() };
        self.proxy.set_active(None);
    }

    /// Takes every step that is due; says when the next one may be.
    async fn converge(&mut self) -> Instant {
        self.read_desired();
        self.listen().await;
        self.flip();
        let mut wake = Instant::now() + TICK;
        for slot in Slot::ALL {
            wake = wake.min(self.converge_slot(slot));
            if let Err(error) = logs::rotate(&self.layout.log(slot), logs::LIMIT) {
                self.log.say(&format!("{}: cannot put its log aside: {error}", slot.as_str()));
            }
        }
        let _ = logs::rotate(&self.layout.supervisor_log(), logs::LIMIT / 8);
        wake
    }

    fn read_desired(&mut self) {
        match Desired::read(&self.layout) {
            Ok(Some(desired)) => {
                self.desired_problem = None;
                if !desired.up {
                    self.leave("nothing is to run");
                }
                self.desired = desired;
            }
            // Somebody removed the application.
            Ok(None) => {
                self.leave("desired.json is gone");
            }
            // What was wanted before is still the best guess.
            Err(error) => {
                let problem = error.to_string();
                if self.desired_problem.as_ref() != Some(&problem) {
                    self.log.say(&problem);
                    self.desired_problem = Some(problem);
                }
            }
        }
    }

    async fn listen(&mut self) {
        let wanted = (!self.leaving).then_some(self.desired.public);
        if self.listening.as_ref().map(|listening| listening.address) == wanted {
            return;
        }
        if let Some(listening) = self.listening.take() {
            listening.stop.cancel();
            // The socket is closed when the task has ended.
            let _ = listening.task.await;
        }
        let Some(address) = wanted else { return };
        self.cannot_listen = match TcpListener::bind(address).await {
            Ok(listener) => {
                self.log.say(&format!("listens on {address}"));
                let stop = CancellationToken::new();
                let accepting = Arc::clone(&self.proxy).listen(listener, self.connections, stop.clone());
                self.listening = Some(Listening { address, stop, task: tokio::spawn(accepting) });
                None
            }
            Err(error) => {
                let taken = error.kind() == std::io::ErrorKind::AddrInUse;
                Some(CannotListen { address, taken, reason: error.to_string() })
            }
        };
    }

    fn flip(&mut self) {
        let before = self.written.as_ref().and_then(|status| status.active);
        if before == self.desired.active || self.leaving {
            return;
        }
        self.proxy.set_active(self.desired.active);
        if let Some(before) = before {
            *self.inactive_since.get_mut(before) = Instant::now();
        }
        if let Some(slot) = self.desired.active {
            let release = self.slots.get(slot).release().map_or("nothing", |release| release.as_str());
            self.log.say(&format!("{} serves: {release}", slot.as_str()));
        }
    }

    /// Takes the steps that are due for a slot; says when the next one is.
    fn converge_slot(&mut self, slot: Slot) -> Instant {
        let wanted = if self.leaving { None } else { self.desired.wants(slot) };
        let generation = wanted.map(|wanted| wanted.generation);
        let runner = self.slots.get_mut(slot);
        if let Some(line) = runner.bury(generation) {
            self.log.say(&format!("{}: {line}", slot.as_str()));
        }
        let limit = Duration::from_millis(self.desired.drain_limit_ms);
        let drain_until = *self.inactive_since.get(slot) + limit;
        let busy = self.proxy.open(slot) != (0, 0);
        let timeout = self.desired.slots.get(slot).as_ref().map_or(10_000, |known| known.stop_timeout_ms);
        let now = Instant::now();
        let wake = match (decide(&runner.view(busy, drain_until), generation, now), wanted) {
            (Step::Start, Some(wanted)) => {
                let line = runner.start(wanted);
                self.log.say(&format!("{}: {line}", slot.as_str()));
                // Looks again at once: whether there is a process or a pause now.
                now
            }
            (Step::Ask, _) => {
                runner.ask(Duration::from_millis(timeout));
                now
            }
            (Step::Kill, _) => {
                self.log.say(&format!("{}: did not end when asked to, and is killed", slot.as_str()));
                runner.kill();
                now + Duration::from_millis(100)
            }
            (Step::Wait(at), _) => at,
            (Step::Rest | Step::Start, _) => now + TICK,
        };
        if generation.is_none() && !runner.has_process() && !runner.is_empty().unwrap_or(true) {
            let line = runner.kill_leftovers();
            self.log.say(&format!("{}: {line}", slot.as_str()));
        }
        let port = wanted.map(|wanted| wanted.port);
        self.proxy.set_target(slot, port.or(runner.port()).unwrap_or(0), runner.is_expected(generation));
        wake
    }

    fn is_empty(&self) -> Result<bool, Error> {
        Ok(self.slots.blue.is_empty()? && self.slots.green.is_empty()?)
    }

    /// Writes how everything stands, when that changed or the reader may have lost it.
    fn report(&mut self, force: bool) {
        let mut slots = PerSlot::default();
        for slot in Slot::ALL {
            let wanted = if self.leaving { None } else { self.desired.wants(slot) };
            let generation = wanted.map(|wanted| wanted.generation);
            *slots.get_mut(slot) = self.slots.get_mut(slot).status(generation, self.proxy.open(slot));
        }
        let status = Status {
            format: FORMAT,
            supervisor: self.me.clone(),
            seen: self.desired.revision,
            listening: self.listening.as_ref().map(|listening| listening.address),
            cannot_listen: self.cannot_listen.clone(),
            problem: self.desired_problem.clone(),
            active: self.desired.active,
            slots,
        };
        if !force && self.written.as_ref() == Some(&status) {
            return;
        }
        // The folder may be gone; then nobody reads it either.
        if let Err(error) = files::replace_json(&self.layout.status(), &status, Durable::No) {
            self.log.say(&error.to_string());
        }
        self.written = Some(status);
    }
}
