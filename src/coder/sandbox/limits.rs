//! How much a program may use.
//!
//! What one process may use is held by the kernel (`setrlimit`): memory it may write, size of a file, open files,
//! seconds of processor. What all processes of a run may use together is held
//! - by a control group where cgo may make one (version 2 with `pids` and `memory` delegated, or version 1): always
//!   for root on an ordinary machine, for others where systemd delegated one to them;
//! - else, for the number of processes and not for root, by `RLIMIT_NPROC`, set inside the sandbox's own user
//!   namespace so that it counts only what runs there (without walls: with room for what else the operator runs). Linux
//!   exempts root from it, also in a namespace of its own;
//! - else by looking: cgo counts processes and memory several times a second and ends the run that has too much.
//!
//! Time, output and the size of the folders are always cgo's to watch. Reaching a limit of the whole ends the run.

use std::ffi::OsString;
use std::time::Duration;

use super::check::Holder;
use super::{Mode, cgroup};
use crate::exec::identity::{self, Stat};

/// The limits of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Processes and threads at once.
    pub processes: u32,
    /// Bytes of memory of all of them.
    pub memory: u64,
    /// Bytes of one file.
    pub file_size: u64,
    /// Bytes that may be added to the workspace, the home and what git writes beside them.
    pub disk: u64,
    /// Bytes of `/tmp` and of shared memory inside.
    pub scratch: u64,
    /// Open files of one process.
    pub open_files: u64,
    /// Processor time of one process.
    pub cpu: Duration,
    /// From start to end.
    pub wall: Duration,
    /// The longest silence on both outputs.
    pub idle: Option<Duration>,
    /// Bytes on both outputs.
    pub output: u64,
    /// How many bytes of each output are kept.
    pub keep: usize,
    /// From SIGTERM to SIGKILL.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            processes: 1024,
            memory: 4 << 30,
            file_size: 1 << 30,
            disk: 4 << 30,
            scratch: 512 << 20,
            open_files: 4096,
            cpu: Duration::from_hours(1),
            wall: Duration::from_mins(30),
            idle: Some(Duration::from_mins(10)),
            output: 64 << 20,
            keep: 1 << 20,
            grace: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// What the helper sets for the program and what it starts.
    pub(super) fn of_a_process(&self, mode: Mode) -> Vec<OsString> {
        let mut limits = vec![
            ("data", self.memory),
            ("fsize", self.file_size),
            ("nofile", self.open_files),
            ("cpu", self.cpu.as_secs().max(1)),
            ("core", 0),
        ];
        let processes = u64::from(self.processes);
        let processes = match mode {
            Mode::Bubblewrap => processes,
            // Without a namespace of their own they are counted together with all that the operator runs, now and
            // later: there is room for that, and whoever looks ends the run at its own number.
            Mode::Off => threads_of_this_user() + 2 * processes,
        };
        limits.push(("nproc", processes));
        limits.into_iter().flat_map(|(name, value)| ["--limit".into(), format!("{name}={value}").into()]).collect()
    }
}

fn threads_of_this_user() -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let me = rustix::process::getuid().as_raw();
    let mine = |pid: &u32| std::fs::metadata(format!("/proc/{pid}")).is_ok_and(|about| about.uid() == me);
    let threads = identity::pids().into_iter().filter(mine).filter_map(Stat::of).map(|stat| u64::from(stat.threads));
    threads.sum()
}

/// What holds the number of processes, and memory, of a run.
pub(super) fn holders(group: &cgroup::Group) -> (Holder, Holder) {
    let processes = if group.holds_processes() {
        Holder::Cgroup
    } else if rustix::process::geteuid().is_root() {
        Holder::Watched
    } else {
        Holder::Rlimit
    };
    (processes, if group.holds_memory() { Holder::Cgroup } else { Holder::Watched })
}
