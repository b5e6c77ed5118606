//! Telling a process from another one that later got its number.
//!
//! A pid means something only together with the moment the process began and the boot it began in. Reads
//! `/proc`; knows nothing of what the processes do.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::OnceLock;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, Signal};
use serde::{Deserialize, Serialize};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::domain::run::Holder;

/// A process on this machine that no other process, past or future, can be taken for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Its number.
    pub pid: u32,
    /// When it began, in clock ticks since boot.
    pub started: u64,
    /// The boot.
    pub boot_id: String,
}

impl Identity {
    /// The process that has this number now; `None` when there is none, or only its remains.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        let stat = Stat::of(pid).filter(Stat::lives)?;
        Some(Self { pid, started: stat.started, boot_id: boot_id().to_owned() })
    }

    /// This process.
    #[must_use]
    pub fn me() -> Self {
        let pid = std::process::id();
        Self { pid, started: Stat::of(pid).map_or(0, |stat| stat.started), boot_id: boot_id().to_owned() }
    }

    /// Whether this very process still runs. A zombie does not.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.boot_id == boot_id() && Stat::of(self.pid).is_some_and(|stat| stat.started == self.started && stat.lives())
    }

    /// Sends a signal to this very process; says whether it was there to get it.
    ///
    /// # Errors
    /// When the system refuses, for instance because the process is another user's.
    pub fn signal(&self, signal: Signal) -> io::Result<bool> {
        let Some(pid) = raw(self.pid) else { return Ok(false) };
        // The descriptor pins the process; only then is its beginning compared.
        let pinned = match rustix::process::pidfd_open(pid, PidfdFlags::empty()) {
            Ok(pinned) => pinned,
            Err(rustix::io::Errno::SRCH) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        if !self.is_alive() {
            return Ok(false);
        }
        match rustix::process::pidfd_send_signal(&pinned, signal) {
            Ok(()) => Ok(true),
            Err(rustix::io::Errno::SRCH) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// This process, as the holder of a lease.
#[must_use]
pub fn me() -> Holder {
    let me = Identity::me();
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = match host.trim() {
        "" => "localhost".to_owned(),
        name => name.to_owned(),
    };
    Holder { host, boot_id: me.boot_id, pid: me.pid, started: me.started }
}

/// Whether a lease's holder still runs. `None` when this machine cannot know: the holder began on another machine or
/// before this machine's last start.
#[must_use]
pub fn is_alive(holder: &Holder) -> Option<bool> {
    let known = holder.boot_id == boot_id();
    known.then(|| Identity { pid: holder.pid, started: holder.started, boot_id: holder.boot_id.clone() }.is_alive())
}

/// Names this boot of this machine.
#[must_use]
pub fn boot_id() -> &'static str {
    static BOOT: OnceLock<String> = OnceLock::new();
    BOOT.get_or_init(|| {
        let read = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        read.trim().to_owned()
    })
}

/// A number as the kernel takes it.
#[must_use]
pub fn raw(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

/// The numbers of all processes that can be seen.
#[must_use]
pub fn pids() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

/// What `/proc/PID/stat` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// One letter: R, S, Z, …
    pub state: char,
    /// Its parent.
    pub parent: u32,
    /// The process group.
    pub group: u32,
    /// How many threads it has.
    pub threads: u32,
    /// When it began, in clock ticks since boot.
    pub started: u64,
}

impl Stat {
    /// Reads it; `None` when there is no such process.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).ok()?)
    }

    /// The name in the second field may hold blanks and parentheses, so the fields count from its last parenthesis.
    fn parse(text: &str) -> Option<Self> {
        let mut fields = text[text.rfind(')')? + 1..].split_ascii_whitespace();
        let state = fields.next()?.chars().next()?;
        let parent = fields.next()?.parse().ok()?;
        let group = fields.next()?.parse().ok()?;
        let threads = fields.nth(14)?.parse().ok()?;
        let started = fields.nth(1)?.parse().ok()?;
        Some(Self { state, parent, group, threads, started })
    }

    /// It is neither a zombie nor gone.
    #[must_use]
    pub fn lives(&self) -> bool {
        !matches!(self.state, 'Z' | 'X' | 'x')
    }
}

/// A descriptor of one process: tells its end, also of a process that is not our child.
#[derive(Debug)]
pub struct PidFd(AsyncFd<OwnedFd>);

impl PidFd {
    /// Opens the process that has this number now. Needs a tokio runtime.
    ///
    /// # Errors
    /// When there is none.
    #[expect(unsafe_code, reason = "tokio cannot see that an owned descriptor keeps its number")]
    pub fn open(pid: Pid) -> io::Result<Self> {
        let fd = rustix::process::pidfd_open(pid, PidfdFlags::empty())?;
        // SAFETY: an `OwnedFd` names the same open descriptor until it is dropped, which the `AsyncFd` does.
        let registered = unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) };
        registered.map(Self).map_err(Into::into)
    }

    /// Whether the process has ended, with all its threads.
    #[must_use]
    pub fn has_exited(&self) -> bool {
        let mut polled = [PollFd::new(self.0.get_ref(), PollFlags::IN)];
        matches!(rustix::event::poll(&mut polled, Some(&Timespec::default())), Ok(1..))
    }

    /// Waits until the process has ended. A child stays a zombie until it is waited for. Can be dropped and repeated.
    ///
    /// # Errors
    /// When the descriptor cannot be polled.
    pub async fn exited(&self) -> io::Result<()> {
        self.0.readable().await?.retain_ready();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_found_after_a_hostile_name() {
        let text = "42 (a) R (b)) S 1 77 77 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 3 0 987654 1 2";
        assert_eq!(Stat::parse(text), Some(Stat { state: 'S', parent: 1, group: 77, threads: 3, started: 987_654 }));
        assert_eq!(Stat::parse(""), None);
    }

    #[test]
    fn this_process_lives_and_its_number_with_another_beginning_does_not() {
        let me = Identity::me();
        assert!(me.is_alive());
        assert_eq!(Identity::of(me.pid), Some(me.clone()));
        let other = Identity { started: me.started + 1, ..me.clone() };
        assert!(!other.is_alive());
        assert!(!other.signal(Signal::KILL).unwrap(), "a foreign process was signalled");
        assert!(!Identity { boot_id: "another".to_owned(), ..me }.is_alive());
    }

    #[test]
    fn a_holder_of_another_boot_is_unknown() {
        let mut holder = super::me();
        assert_eq!(is_alive(&holder), Some(true));
        holder.started += 1;
        assert_eq!(is_alive(&holder), Some(false));
        holder.boot_id = "elsewhere".to_owned();
        assert_eq!(is_alive(&holder), None);
    }

    #[test]
    fn a_zombie_does_not_live() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let until = std::time::Instant::now() + std::time::Duration::from_secs(5);
        while Stat::of(child.id()).is_some_and(|stat| stat.lives()) {
            assert!(std::time::Instant::now() < until, "`true` did not end");
            std::thread::yield_now();
        }
        assert_eq!(Identity::of(child.id()), None);
        child.wait().unwrap();
    }
}
