//! What cgo itself sees to while a program runs: time, output, folders, and whatever the kernel does not count.

use std::convert::Infallible;
use std::path::Path;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::cgroup::{self, Group};
use super::{Limits, OnBytes, Stopped};
use crate::exec::capture::Captured;
use crate::exec::identity::{self, Identity, PidFd, Stat};
use crate::exec::{Stream, Watch, descendants};

/// Between two looks at the processes.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Between two looks where nothing else holds a fork bomb.
const LOOK_CLOSELY: Duration = Duration::from_millis(25);
/// At least this between two looks at the folders, and at least [`DISK_SHARE`] times as long as the last one took.
const DISK_EVERY: Duration = Duration::from_millis(500);
const DISK_SHARE: u32 = 20;
/// How long processes that were killed have to be gone.
const SWEEP: Duration = Duration::from_secs(10);

/// Ends a run and remembers why; the first reason stays.
pub(super) struct Stop {
    token: CancellationToken,
    reason: OnceLock<Stopped>,
    pid: AtomicU32,
}

impl Stop {
    pub(super) fn new(cancel: &CancellationToken) -> Self {
        Self { token: cancel.child_token(), reason: OnceLock::new(), pid: AtomicU32::new(0) }
    }

    pub(super) fn because(&self, reason: Stopped) {
        if !self.token.is_cancelled() {
            let _ = self.reason.set(reason);
            self.token.cancel();
            // What eats the machine gets no time to go on with it.
            if matches!(reason, Stopped::Processes | Stopped::Memory | Stopped::Disk)
                && let Some(pid) = identity::raw(self.pid.load(Ordering::Relaxed))
            {
                let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
            }
        }
    }

    /// The process whose group it is; none yet is 0.
    pub(super) fn pid(&self) -> u32 {
        self.pid.load(Ordering::Relaxed)
    }

    pub(super) fn token(&self) -> &CancellationToken {
        &self.token
    }

    pub(super) fn reason(&self) -> Option<Stopped> {
        self.reason.get().copied()
    }
}

/// Sees the output.
pub(super) struct Observer<'a> {
    begun: Instant,
    /// When something was last written, in milliseconds from the beginning.
    stirred: Arc<AtomicU64>,
    kept: [Captured; 2],
    written: u64,
    limit: u64,
    stop: &'a Stop,
    on_bytes: OnBytes<'a>,
}

impl<'a> Observer<'a> {
    pub(super) fn new(limits: &Limits, stop: &'a Stop, on_bytes: OnBytes<'a>) -> Self {
        Self {
            begun: Instant::now(),
            stirred: Arc::default(),
            kept: [Captured::new(limits.keep), Captured::new(limits.keep)],
            written: 0,
            limit: limits.output,
            stop,
            on_bytes,
        }
    }

    pub(super) fn stirred(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.stirred)
    }

    pub(super) fn kept(self) -> (Captured, Captured, u64) {
        let [stdout, stderr] = self.kept;
        (stdout, stderr, self.written)
    }
}

impl Watch for Observer<'_> {
    fn started(&mut self, pid: u32) {
        self.stop.pid.store(pid, Ordering::Relaxed);
    }

    fn bytes(&mut self, stream: Stream, bytes: &[u8]) {
        self.written += bytes.len() as u64;
        if self.written > self.limit {
            // What comes while it is being stopped is read and forgotten.
            self.stop.because(Stopped::Output);
            return;
        }
        self.stirred.store(millis(self.begun.elapsed()), Ordering::Relaxed);
        self.kept[stream as usize].push(bytes);
        (self.on_bytes)(stream, bytes);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// What is looked at.
pub(super) struct Watched<'a> {
    pub(super) mark: &'a str,
    /// Processes may have left the tree: they are known by their mark.
    pub(super) marked: bool,
    pub(super) group: &'a Group,
    pub(super) folders: [&'a Path; 3],
    pub(super) limits: &'a Limits,
    pub(super) stirred: Arc<AtomicU64>,
}

/// Looks for ever; ends with its future.
pub(super) async fn watch(watched: &Watched<'_>, stop: &Stop) -> Infallible {
    tokio::join!(clocks(watched, stop), processes(watched, stop), disk(watched, stop)).0
}

async fn clocks(watched: &Watched<'_>, stop: &Stop) -> Infallible {
    let begun = tokio::time::Instant::now();
    let limits = watched.limits;
    loop {
        let stirred = Duration::from_millis(watched.stirred.load(Ordering::Relaxed));
        let idle_at = limits.idle.map(|idle| stirred + idle);
        let next = idle_at.map_or(limits.wall, |idle| idle.min(limits.wall));
        tokio::time::sleep_until(begun + next).await;
        if begun.elapsed() >= limits.wall {
            stop.because(Stopped::Wall);
            std::future::pending::<()>().await;
        }
        if idle_at.is_some() && Duration::from_millis(watched.stirred.load(Ordering::Relaxed)) == stirred {
            stop.because(Stopped::Idle);
            std::future::pending::<()>().await;
        }
    }
}

async fn processes(watched: &Watched<'_>, stop: &Stop) {
    let held = watched.group.holds_processes() && watched.group.holds_memory();
    let every = if held { LOOK_EVERY } else { LOOK_CLOSELY };
    loop {
        tokio::time::sleep(every).await;
        if watched.group.memory_ran_out() {
            stop.because(Stopped::Memory);
        }
        if watched.group.processes_ran_out() {
            stop.because(Stopped::Processes);
        }
        if held {
            continue;
        }
        let mut members = descendants(stop.pid());
        if watched.marked {
            members.extend(cgroup::marked(watched.mark));
            members.sort_unstable();
            members.dedup();
        }
        let threads: u64 = members.iter().filter_map(|pid| Stat::of(*pid)).map(|stat| u64::from(stat.threads)).sum();
        if !watched.group.holds_processes() && threads >= u64::from(watched.limits.processes) {
            stop.because(Stopped::Processes);
        }
        if !watched.group.holds_memory()
            && members.iter().map(|pid| resident(*pid)).sum::<u64>() > watched.limits.memory
        {
            stop.because(Stopped::Memory);
        }
    }
}

/// Bytes of memory a process has to itself, or shares with none but its children.
fn resident(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
    let mut pages = text.split_ascii_whitespace().skip(1).map(|word| word.parse::<u64>().unwrap_or(0));
    let (all, of_files) = (pages.next().unwrap_or(0), pages.next().unwrap_or(0));
    all.saturating_sub(of_files) * rustix::param::page_size() as u64
}

async fn disk(watched: &Watched<'_>, stop: &Stop) {
    let folders = watched.folders.map(Path::to_owned);
    let look = move || {
        let begun = Instant::now();
        let used: u64 = folders.iter().map(|folder| used_below(folder)).sum();
        (used, begun.elapsed())
    };
    let Ok((before, mut took)) = tokio::task::spawn_blocking(look.clone()).await else { return };
    loop {
        tokio::time::sleep(DISK_EVERY.max(took * DISK_SHARE)).await;
        let Ok((used, last)) = tokio::task::spawn_blocking(look.clone()).await else { return };
        took = last;
        if used.saturating_sub(before) > watched.limits.disk {
            stop.because(Stopped::Disk);
        }
    }
}

/// Bytes on the disk below a folder; links are not followed.
fn used_below(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let mut used = 0;
    let mut next = vec![folder.to_owned()];
    while let Some(folder) = next.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let Ok(about) = entry.metadata() else { continue };
            used += about.blocks() * 512;
            if about.is_dir() {
                next.push(entry.path());
            }
        }
    }
    used
}

/// Kills what still bears the mark or is in the group, and waits until it is gone.
pub(super) async fn sweep(mark: &str, group: &Group) {
    let until = Instant::now() + SWEEP;
    loop {
        let mut left = cgroup::marked(mark);
        left.extend(group.members());
        let left: Vec<Identity> = left.into_iter().filter_map(Identity::of).collect();
        if left.is_empty() || Instant::now() > until {
            return;
        }
        let ends = left.iter().filter_map(|process| PidFd::open(identity::raw(process.pid)?).ok());
        let ends: Vec<PidFd> = ends.collect();
        for process in &left {
            let _ = process.signal(rustix::process::Signal::KILL);
        }
        for ended in ends {
            let _ = tokio::time::timeout(Duration::from_secs(1), ended.exited()).await;
        }
    }
}
