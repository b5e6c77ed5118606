//! The process driver: releases as plain processes of this machine, without containers, systemd or root.
//!
//! Each application has a folder (`layout`) and one supervisor, a detached process of cgo itself
//! ([`supervise`]), which listens for visitors, passes their requests on and keeps the releases running. A command
//! never starts or kills a release: it writes down what should run and waits until that is so, which makes every
//! command repeatable, whoever was killed in its midst. Whether a release is any good is for `super::gate` to say.

mod client;
mod decide;
mod headers;
mod layout;
mod logs;
mod proxy;
mod slot;
mod supervisor;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

pub use supervisor::supervise;

use super::error::Error;
use super::files;
use super::ports;
use super::runtime::{AppStatus, Drained, Launch, PerSlot, Runtime, SlotState, SlotStatus, Supervision, Which};
use crate::domain::deployment::Slot;
use crate::domain::ids::ReleaseId;
use crate::exec::Command;
use crate::exec::identity::{self, Identity, Stat};
use client::{Goal, POLL};
use layout::{Desired, DesiredSlot, FORMAT, Layout, Status};

/// How long a slot that no longer serves may finish its requests.
const DRAIN_LIMIT: Duration = Duration::from_secs(30);
/// How often a followed log is looked at.
const FOLLOW_EVERY: Duration = Duration::from_millis(150);

/// One application on this machine.
#[derive(Debug, Clone)]
pub struct ProcessRuntime {
    layout: Layout,
    public: SocketAddr,
    supervisor: Option<Vec<OsString>>,
    drain_limit: Duration,
}

impl ProcessRuntime {
    /// The application in the folder `root` (absolute; made when first needed), reached by visitors at `public`.
    #[must_use]
    pub fn new(root: &Path, public: SocketAddr) -> Self {
        Self { layout: Layout::new(root), public, supervisor: None, drain_limit: DRAIN_LIMIT }
    }

    /// The program that supervises, and its arguments before the folder. Without this: the running program, `supervise`.
    #[must_use]
    pub fn supervised_by<A: Into<OsString>>(mut self, argv: impl IntoIterator<Item = A>) -> Self {
        self.supervisor = Some(argv.into_iter().map(Into::into).collect());
        self
    }

    /// How long a slot that no longer serves may finish its requests; 30 s without this.
    #[must_use]
    pub fn draining_for(mut self, limit: Duration) -> Self {
        self.drain_limit = limit;
        self
    }

    /// The folder that holds what all releases share, such as a database.
    #[must_use]
    pub fn shared(&self) -> PathBuf {
        self.layout.root.join("shared")
    }

    /// A command in the place of the release that serves: in its folder, with its variables, and programs of its
    /// environment before others.
    ///
    /// # Errors
    /// When nothing was ever started, or what it was started with cannot be read.
    pub fn command(&self, argv: &[String]) -> Result<Command, Error> {
        let slot = self.resolve(Which::Active)?;
        let desired = self.desired()?;
        let nothing = || Error::Nothing { app: self.layout.root.clone() };
        let known = desired.slots.get(slot).as_ref().ok_or_else(nothing)?;
        let (program, arguments) = argv.split_first().ok_or_else(nothing)?;
        let own = self.release(&known.release).join("environment/bin");
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(own.clone()).chain(std::env::split_paths(&path)));
        let at = own.join(program);
        let program = if !program.contains('/') && at.exists() { at.into_os_string() } else { program.into() };
        let mut command = Command::new(program).args(arguments).directory(&known.directory);
        for (name, value) in client::variables(&self.layout, slot, known.generation)? {
            command = command.env(name, value);
        }
        Ok(match path {
            Ok(path) => command.env("PATH", path),
            // A folder whose name holds a colon cannot be searched.
            Err(_) => command,
        })
    }

    /// The folder of a release.
    #[must_use]
    pub fn release(&self, release: &ReleaseId) -> PathBuf {
        self.layout.root.join("releases").join(release.as_str())
    }

    fn fresh(&self) -> Desired {
        Desired {
            format: FORMAT,
            revision: 0,
            up: true,
            public: self.public,
            drain_limit_ms: milliseconds(self.drain_limit),
            active: None,
            slots: PerSlot::default(),
        }
    }

    /// Refuses a launch that cannot work, before anything is written.
    fn check(&self, desired: &Desired, slot: Slot, launch: &Launch) -> Result<(), Error> {
        let refuse = |reason: String| Err(Error::Launch { reason });
        let other = desired.slots.get(slot.other()).as_ref().filter(|other| other.run);
        if launch.argv.first().is_none_or(String::is_empty) {
            return refuse("it names no program".to_owned());
        }
        if launch.argv.iter().chain(launch.env.values()).any(|text| text.contains('\0')) {
            return refuse("an argument or a variable contains a NUL".to_owned());
        }
        if let Some(name) = launch.env.keys().find(|name| name.is_empty() || name.contains(['=', '\0'])) {
            return refuse(format!("`{}` is no name of a variable", name.escape_debug()));
        }
        if !launch.directory.is_absolute() || !launch.directory.is_dir() {
            return refuse(format!("there is no folder `{}`", launch.directory.display()));
        }
        if launch.port == 0 || launch.port == self.public.port() || other.is_some_and(|it| it.port == launch.port) {
            return refuse(format!("port {} is used by the application already", launch.port));
        }
        Ok(())
    }

    /// Refuses ports that belong to somebody else.
    fn check_ports(&self, status: Option<&AppStatus>, slot: Slot, launch: &Launch) -> Result<(), Error> {
        let listening = ports::listening()?;
        let public_is_ours = status.is_some_and(|status| status.listening);
        let slot_is_ours = status.is_some_and(|status| status.slots.get(slot).process.is_some());
        for (port, ours) in [(self.public.port(), public_is_ours), (launch.port, slot_is_ours)] {
            if !ours && listening.contains(&port) {
                return Err(Error::PortTaken { port, by: ports::holder(port)? });
            }
        }
        Ok(())
    }

    /// The slot whose log is meant.
    fn resolve(&self, which: Which) -> Result<Slot, Error> {
        let desired = match which {
            Which::Slot(slot) => return Ok(slot),
            Which::Active => Desired::read(&self.layout)?,
        };
        let desired = desired.ok_or_else(|| Error::Nothing { app: self.layout.root.clone() })?;
        let known = Slot::ALL.into_iter().find(|slot| desired.slots.get(*slot).is_some());
        Ok(desired.active.or(known).unwrap_or(Slot::Blue))
    }

    /// A slot of an application whose supervisor is gone: what the last report says, corrected by what lives.
    fn unsupervised(&self, slot: Slot, mut status: SlotStatus) -> Result<SlotStatus, Error> {
        status.process = status.process.filter(Identity::is_alive);
        if status.process.is_none() && files::is_locked(&self.layout.slot_lock(slot))? {
            status.process = slot::leader(&self.layout.slot_lock(slot)).map(|(leader, _)| leader);
        }
        status.state = if status.process.is_some() { SlotState::Unsupervised } else { SlotState::Stopped };
        status.in_flight = 0;
        status.tunnels = 0;
        Ok(status)
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Runtime for ProcessRuntime {
    async fn start(&self, slot: Slot, launch: &Launch) -> Result<SlotStatus, Error> {
        files::make_folder(&self.layout.slot(slot))?;
        let lock = self.lock().await?;
        let mut desired = Desired::read(&self.layout)?.unwrap_or_else(|| self.fresh());
        let before = desired.clone();
        desired.public = self.public;
        desired.drain_limit_ms = milliseconds(self.drain_limit);
        desired.up = true;
        let status = self.inspect().await?;
        let present = status.as_ref().map(|status| status.slots.get(slot));
        let gave_up = present.is_some_and(|present| present.state == SlotState::Failed);
        let same = desired.slots.get(slot).as_ref().is_some_and(|known| {
            known.is(launch) && client::variables(&self.layout, slot, known.generation).is_ok_and(|it| it == launch.env)
        });
        if !same || gave_up {
            // What was not gated must never be reached by visitors.
            if !same && desired.active == Some(slot) {
                return Err(Error::Serves { slot });
            }
            self.check(&desired, slot, launch)?;
            self.check_ports(status.as_ref(), slot, launch)?;
            let generation = desired.revision + 1;
            files::replace_json(&self.layout.env(slot, generation), &launch.env, files::Durable::Yes)?;
            *desired.slots.get_mut(slot) = Some(DesiredSlot {
                release: launch.release.clone(),
                generation,
                directory: launch.directory.clone(),
                argv: launch.argv.clone(),
                port: launch.port,
                run: true,
                stop_timeout_ms: milliseconds(launch.stop_timeout),
            });
        } else if let Some(known) = desired.slots.get_mut(slot) {
            known.run = true;
        }
        self.write(&before, &mut desired)?;
        self.forget_variables(slot, &desired);
        self.ensure_supervisor().await?;
        drop(lock);

        let generation = desired.slots.get(slot).as_ref().map_or(0, |known| known.generation);
        let limit = self.drain_limit + launch.stop_timeout + Duration::from_secs(30);
        let tried = |status: &Status| {
            let present = status.slots.get(slot);
            let ran = present.last_exit.as_ref().is_some_and(|exit| exit.generation == generation);
            let spawned = present.process.is_some() && present.state == SlotState::Running;
            let settled = status.listening.is_some() || status.cannot_listen.is_some();
            settled && present.generation == generation && (spawned || ran || present.problem.is_some())
        };
        let status = self.settle(desired.revision, Goal { action: "start the release", limit }, &tried).await?;
        client::refuse_taken(&status)?;
        Ok(status.slots.get(slot).clone())
    }

    async fn inspect(&self) -> Result<Option<AppStatus>, Error> {
        let Some(desired) = Desired::read(&self.layout)? else { return Ok(None) };
        let supervisor = self.supervisor()?;
        // A damaged report is written anew by the supervisor; until then nothing is known but what the locks tell.
        let reported = files::read_json::<Status>(&self.layout.status()).ok().flatten();
        let status = match (supervisor, reported) {
            (Some(supervisor), reported) => {
                let reported = reported.filter(|status| status.supervisor == supervisor);
                let problem = match &reported {
                    None => Some("its supervisor has not reported yet".to_owned()),
                    Some(status) => {
                        let refused = status.cannot_listen.as_ref().map(|it| format!("{}: {}", it.address, it.reason));
                        refused.or_else(|| status.problem.clone())
                    }
                };
                let (listening, active, slots) = reported.map_or((false, desired.active, PerSlot::default()), |it| {
                    (it.listening.is_some(), it.active, it.slots)
                });
                let supervisor = Supervision::Running(supervisor);
                AppStatus { up: desired.up, public: desired.public, listening, problem, supervisor, active, slots }
            }
            (None, reported) => {
                let slots = reported.map(|status| status.slots).unwrap_or_default();
                let slots = PerSlot {
                    blue: self.unsupervised(Slot::Blue, slots.blue)?,
                    green: self.unsupervised(Slot::Green, slots.green)?,
                };
                let (supervisor, problem) = if desired.up {
                    (Supervision::Dead, Some("its supervisor does not run".to_owned()))
                } else {
                    (Supervision::Stopped, None)
                };
                let (up, public, active) = (desired.up, desired.public, desired.active);
                AppStatus { up, public, listening: false, problem, supervisor, active, slots }
            }
        };
        Ok(Some(status))
    }

    async fn flip(&self, slot: Slot) -> Result<(), Error> {
        let lock = self.lock().await?;
        let mut desired = self.desired()?;
        let before = desired.clone();
        if desired.active != Some(slot) {
            let state = self.inspect().await?.map_or(SlotState::Stopped, |status| status.slots.get(slot).state);
            if state != SlotState::Running {
                return Err(Error::NotRunning { slot, state });
            }
            desired.active = Some(slot);
        }
        self.write(&before, &mut desired)?;
        self.ensure_supervisor().await?;
        drop(lock);
        let goal = Goal { action: "switch", limit: Duration::from_secs(15) };
        self.settle(desired.revision, goal, &|status| status.active == Some(slot)).await.map(drop)
    }

    async fn drain(&self, slot: Slot, limit: Duration) -> Result<Drained, Error> {
        let until = Instant::now() + limit;
        loop {
            let Some(status) = self.inspect().await? else { return Ok(Drained { in_flight: 0, tunnels: 0 }) };
            if status.active == Some(slot) {
                return Err(Error::Serves { slot });
            }
            let SlotStatus { in_flight, tunnels, .. } = *status.slots.get(slot);
            if (in_flight == 0 && tunnels == 0) || Instant::now() >= until {
                return Ok(Drained { in_flight, tunnels });
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn stop(&self, slot: Slot) -> Result<(), Error> {
        if Desired::read(&self.layout)?.is_none() {
            return Ok(());
        }
        let lock = self.lock().await?;
        let mut desired = self.desired()?;
        let before = desired.clone();
        if desired.active == Some(slot) && desired.up {
            return Err(Error::Serves { slot });
        }
        let mut timeout = Duration::ZERO;
        if let Some(known) = desired.slots.get_mut(slot) {
            known.run = false;
            timeout = Duration::from_millis(known.stop_timeout_ms);
        }
        self.write(&before, &mut desired)?;
        if !desired.up {
            drop(lock);
            return self.stop_all().await;
        }
        self.ensure_supervisor().await?;
        drop(lock);
        let goal = Goal { action: "stop the release", limit: self.drain_limit + timeout + Duration::from_secs(10) };
        let gone = |status: &Status| {
            status.slots.get(slot).process.is_none()
                && files::is_locked(&self.layout.slot_lock(slot)).is_ok_and(|locked| !locked)
        };
        self.settle(desired.revision, goal, &gone).await.map(drop)
    }

    async fn stop_all(&self) -> Result<(), Error> {
        if Desired::read(&self.layout)?.is_none() && !self.anything_lives()? {
            return Ok(());
        }
        let lock = self.lock().await?;
        let mut desired = self.desired()?;
        let before = desired.clone();
        desired.up = false;
        self.write(&before, &mut desired)?;
        if self.anything_lives()? {
            self.ensure_supervisor().await?;
        }
        drop(lock);
        let timeouts = Slot::ALL.map(|slot| desired.slots.get(slot).as_ref().map_or(0, |known| known.stop_timeout_ms));
        let longest = Duration::from_millis(timeouts.into_iter().max().unwrap_or(0));
        let limit = self.drain_limit + longest + Duration::from_secs(10);
        let until = Instant::now() + limit;
        while self.anything_lives()? {
            if Instant::now() >= until {
                let app = self.layout.root.clone();
                return Err(Error::Slow { app, action: "stop everything", after: limit });
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    async fn start_all(&self) -> Result<(), Error> {
        let lock = self.lock().await?;
        let mut desired = self.desired()?;
        let before = desired.clone();
        desired.up = true;
        let status = self.inspect().await?;
        for slot in Slot::ALL {
            let gave_up = status.as_ref().is_some_and(|status| status.slots.get(slot).state == SlotState::Failed);
            let generation = desired.revision + 1;
            if let (true, Some(known)) = (gave_up, desired.slots.get_mut(slot)) {
                let variables = client::variables(&self.layout, slot, known.generation)?;
                files::replace_json(&self.layout.env(slot, generation), &variables, files::Durable::Yes)?;
                known.generation = generation;
            }
        }
        self.write(&before, &mut desired)?;
        self.ensure_supervisor().await?;
        drop(lock);
        let goal = Goal { action: "start", limit: self.drain_limit + Duration::from_mins(1) };
        let tried = |status: &Status| {
            let settled = status.listening.is_some() || status.cannot_listen.is_some();
            let slots = Slot::ALL.into_iter().all(|slot| {
                let present = status.slots.get(slot);
                desired.wants(slot).is_none()
                    || present.process.is_some()
                    || present.problem.is_some()
                    || matches!(present.state, SlotState::BackingOff | SlotState::Failed)
            });
            settled && slots
        };
        let status = self.settle(desired.revision, goal, &tried).await?;
        client::refuse_taken(&status)
    }

    async fn remove(&self) -> Result<(), Error> {
        self.stop_all().await?;
        client::remove_folder(&self.layout.root)
    }

    async fn tail(&self, which: Which, lines: usize) -> Result<Vec<String>, Error> {
        let log = self.layout.log(self.resolve(which)?);
        logs::tail(&log, lines).map_err(files::failed("read", &log))
    }

    async fn follow(
        &self,
        which: Which,
        lines: usize,
        cancel: &CancellationToken,
        on_line: &mut (dyn FnMut(&str) + Send),
    ) -> Result<(), Error> {
        let open = |slot| {
            let log = self.layout.log(slot);
            logs::Follower::from_end(log.clone()).map_err(files::failed("read", &log))
        };
        let mut followers = PerSlot { blue: open(Slot::Blue)?, green: open(Slot::Green)? };
        for line in self.tail(which, lines).await? {
            on_line(&line);
        }
        while !cancel.is_cancelled() {
            let shown = self.resolve(which)?;
            for slot in Slot::ALL {
                let follower = followers.get_mut(slot);
                let read = follower.read(&mut |line| {
                    if slot == shown {
                        on_line(line);
                    }
                });
                read.map_err(files::failed("read", follower.log()))?;
            }
            tokio::select! {
                () = cancel.cancelled() => {}
                () = tokio::time::sleep(FOLLOW_EVERY) => {}
            }
        }
        Ok(())
    }

    async fn listeners(&self, slot: Slot) -> Result<Vec<SocketAddr>, Error> {
        let mut pids: Vec<u32> = slot::holders(&self.layout.slot_lock(slot)).iter().map(|holder| holder.pid).collect();
        let process = self.inspect().await?.and_then(|status| status.slots.get(slot).process.clone());
        if let Some(leader) = process {
            let group = |pid: &u32| Stat::of(*pid).is_some_and(|stat| stat.group == leader.pid);
            pids.extend(identity::pids().into_iter().filter(group));
        }
        ports::listened_by(&pids)
    }
}
