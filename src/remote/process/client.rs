//! The command's side of the process driver: writing down what should run, having a supervisor, waiting for the result.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};
use rustix::process::Signal;

use super::ProcessRuntime;
use super::layout::{Desired, Layout, Status, Variables};
use super::logs;
use crate::domain::deployment::Slot;
use crate::exec::identity::Identity;
use crate::exec::inherited_env;
use crate::remote::error::Error;
use crate::remote::files::{self, Durable};
use crate::remote::ports;

/// How often a result that is waited for is looked for.
pub const POLL: Duration = Duration::from_millis(10);
/// How long to wait for another command to finish its change.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);
/// How long a supervisor has to begin.
const BEGIN_PATIENCE: Duration = Duration::from_secs(10);
/// How often a supervisor that ended is started again while its work is waited for.
const MAX_REVIVALS: u32 = 3;

/// What is waited for.
#[derive(Debug, Clone, Copy)]
pub struct Goal {
    /// In words, for the error.
    pub action: &'static str,
    /// At most that long.
    pub limit: Duration,
}

impl ProcessRuntime {
    /// Takes the right to change what should run, until the file is dropped.
    pub async fn lock(&self) -> Result<File, Error> {
        // Without the folder nothing is deployed; only a start makes it.
        if !self.layout.root.is_dir() {
            return Err(Error::Nothing { app: self.layout.root.clone() });
        }
        let until = Instant::now() + LOCK_PATIENCE;
        loop {
            match files::try_lock(&self.layout.lock())? {
                Some(lock) => return Ok(lock),
                None if Instant::now() >= until => {
                    return Err(Error::Busy { app: self.layout.root.clone(), after: LOCK_PATIENCE });
                }
                None => tokio::time::sleep(POLL).await,
            }
        }
    }

    /// What should run.
    pub fn desired(&self) -> Result<Desired, Error> {
        Desired::read(&self.layout)?.ok_or_else(|| Error::Nothing { app: self.layout.root.clone() })
    }

    /// Writes down what should run, when that changed.
    pub fn write(&self, before: &Desired, desired: &mut Desired) -> Result<(), Error> {
        if *desired == *before && before.revision > 0 {
            return Ok(());
        }
        desired.revision += 1;
        files::replace_json(&self.layout.desired(), desired, Durable::Yes)
    }

    /// Removes the variables of launches that are not wanted any more.
    pub fn forget_variables(&self, slot: Slot, desired: &Desired) {
        let present = desired.slots.get(slot).as_ref().map(|known| self.layout.env(slot, known.generation));
        let Ok(entries) = fs::read_dir(self.layout.slot(slot)) else { return };
        for path in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
            let is_variables = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("env-"));
            if is_variables && Some(&path) != present.as_ref() {
                // What stays is removed with the next start.
                let _ = fs::remove_file(path);
            }
        }
    }

    /// The supervisor that runs.
    pub fn supervisor(&self) -> Result<Option<Identity>, Error> {
        let path = self.layout.supervisor_lock();
        if !files::is_locked(&path)? {
            return Ok(None);
        }
        // Between taking the lock and signing it, the file holds the name of the one before.
        let signed = files::read_json::<Identity>(&path).ok().flatten();
        Ok(signed.filter(Identity::is_alive))
    }

    /// Whether a supervisor or a release runs.
    pub fn anything_lives(&self) -> Result<bool, Error> {
        let locks =
            [self.layout.supervisor_lock(), self.layout.slot_lock(Slot::Blue), self.layout.slot_lock(Slot::Green)];
        for lock in locks {
            if files::is_locked(&lock)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Has the supervisor look at what should run; starts one when there is none. The caller holds [`Self::lock`].
    pub async fn ensure_supervisor(&self) -> Result<(), Error> {
        let until = Instant::now() + BEGIN_PATIENCE;
        let mut child = None;
        loop {
            if let Some(supervisor) = self.supervisor()? {
                let nudged = supervisor.signal(Signal::HUP);
                nudged.map_err(|source| Error::System { action: "signal the supervisor", source })?;
                return Ok(());
            }
            let ended = match &mut child {
                None if files::is_locked(&self.layout.supervisor_lock())? => false,
                None => {
                    child = Some(self.spawn_supervisor()?);
                    false
                }
                Some(child) => tokio::process::Child::try_wait(child).is_ok_and(|status| status.is_some()),
            };
            if ended || Instant::now() >= until {
                return Err(self.supervisor_is_gone());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn supervisor_is_gone(&self) -> Error {
        let words = logs::tail(&self.layout.supervisor_log(), 3).unwrap_or_default();
        let reason = if words.is_empty() { "it left no word".to_owned() } else { words.join("; ") };
        Error::Supervisor { app: self.layout.root.clone(), reason }
    }

    /// Starts a supervisor that lives on when this process has ended.
    fn spawn_supervisor(&self) -> Result<tokio::process::Child, Error> {
        let system = |source| Error::System { action: "start the supervisor", source };
        let words = if let Some(words) = &self.supervisor {
            words.clone()
        } else {
            let me = std::env::current_exe().map_err(system)?;
            // A program that was replaced or removed since it began can still be started under its other name.
            let me = if me.is_file() { me } else { PathBuf::from("/proc/self/exe") };
            vec![me.into(), OsString::from("supervise")]
        };
        let (program, args) = words.split_first().ok_or_else(|| system(io::ErrorKind::InvalidInput.into()))?;
        let log = self.layout.supervisor_log();
        let output = logs::open(&log).map_err(files::failed("open", &log))?;
        let errors = output.try_clone().map_err(files::failed("open", &log))?;
        keep_descriptors();
        tokio::process::Command::new(program)
            .args(args)
            .arg(&self.layout.root)
            .current_dir("/")
            .env_clear()
            .envs(inherited_env())
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            // A Ctrl-C is for the command; the supervisor's own session follows at its beginning.
            .kill_on_drop(false)
            .spawn()
            .map_err(system)
    }

    /// Waits until the supervisor has acted upon a revision and reports what is waited for. Starts it again when it ends
    /// meanwhile.
    pub async fn settle(
        &self,
        revision: u64,
        goal: Goal,
        reached: &(dyn Fn(&Status) -> bool + Sync),
    ) -> Result<Status, Error> {
        let until = Instant::now() + goal.limit;
        let mut revivals = 0;
        loop {
            let supervisor = self.supervisor()?;
            if supervisor.is_none() && !files::is_locked(&self.layout.supervisor_lock())? {
                revivals += 1;
                if revivals > MAX_REVIVALS {
                    return Err(self.supervisor_is_gone());
                }
                let _lock = self.lock().await?;
                self.ensure_supervisor().await?;
            }
            let status = files::read_json::<Status>(&self.layout.status()).ok().flatten();
            let status =
                status.filter(|status| status.seen >= revision && Some(&status.supervisor) == supervisor.as_ref());
            if let Some(status) = status.filter(|status| reached(status)) {
                return Ok(status);
            }
            if Instant::now() >= until {
                return Err(Error::Slow { app: self.layout.root.clone(), action: goal.action, after: goal.limit });
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

/// The variables of a launch.
pub fn variables(layout: &Layout, slot: Slot, generation: u64) -> Result<Variables, Error> {
    let path = layout.env(slot, generation);
    let read = files::read_json(&path)?;
    read.ok_or_else(|| Error::Damaged { path, reason: "it is missing".to_owned() })
}

/// Turns a report that the public address cannot be listened on into the error it is.
pub fn refuse_taken(status: &Status) -> Result<(), Error> {
    let Some(refused) = &status.cannot_listen else { return Ok(()) };
    if refused.taken {
        let port = refused.address.port();
        return Err(Error::PortTaken { port, by: ports::holder(port)? });
    }
    Err(Error::CannotListen { address: refused.address, reason: refused.reason.clone() })
}

/// Removes a folder so that a reader sees all of it or nothing, also when this process is killed meanwhile.
pub fn remove_folder(root: &Path) -> Result<(), Error> {
    let mut name = root.as_os_str().to_owned();
    name.push(".removed");
    let aside = PathBuf::from(name);
    let missing = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let empty = || match fs::remove_dir_all(&aside) {
        Err(error) if !missing(&error) => Err(files::failed("remove", &aside)(error)),
        _ => Ok(()),
    };
    empty()?;
    match fs::rename(root, &aside) {
        Err(error) if !missing(&error) => Err(files::failed("remove", root)(error)),
        _ => empty(),
    }
}

/// Sees that the programs this process starts inherit none of the descriptors it was itself started with: a pipe that
/// a supervisor held would keep its reader waiting for ever.
#[expect(unsafe_code, reason = "descriptors that were inherited have no owner to borrow them from")]
fn keep_descriptors() {
    let Ok(entries) = fs::read_dir("/proc/self/fd") else { return };
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    for number in numbers.filter(|number| *number > 2).collect::<Vec<_>>() {
        // SAFETY: the borrow ends with this iteration and only sets a flag. The number was open a moment ago; should it
        // name nothing by now the calls fail, and should it name a new descriptor, std has set that flag on it already.
        let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
        if let Ok(flags) = fcntl_getfd(descriptor) {
            let _ = fcntl_setfd(descriptor, flags | FdFlags::CLOEXEC);
        }
    }
}
