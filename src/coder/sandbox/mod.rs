//! Runs a program that is not trusted: bubblewrap around it, limits on it, nothing of it left.
//!
//! Inside there is the workspace, a home of its own, the system's programs read-only and nothing else of this machine:
//! no home of the operator, no other process, no socket, no network unless it is asked for. What a limit stops is a
//! typed outcome, see [`Stopped`]. [`Mode::Off`] is for machines without bubblewrap: the same limits and environment,
//! and no walls. The sandbox does not judge what the program did and keeps no secrets: whatever is put into
//! [`Job::env`] can be read inside.
//!
//! Which mechanism holds a limit depends on who runs cgo, see [`limits`].

mod cgroup;
mod check;
mod error;
pub mod git;
mod hidden;
pub mod inside;
mod intake;
pub mod limits;
mod link;
mod walls;
mod watch;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

pub use check::{Found, Holder, check};
pub use error::Error;
pub use hidden::Hidden;
pub use intake::Taken;
pub use limits::Limits;

use crate::exec::capture::Captured;
use crate::exec::{self, Command, Exit, Reach, Stream};
use watch::{Observer, Stop};

/// The variable that marks every process of one run.
const MARK: &str = "CGO_SANDBOX";
/// The home of the program, as it sees it.
pub const HOME: &str = "/home/agent";
/// Where programs are looked for inside.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Whether there are walls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Bubblewrap, or a refusal.
    Bubblewrap,
    /// None: the program can read and write what the operator can.
    Off,
}

/// What of the network a program reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// Nothing; a loopback interface of its own.
    None,
    /// One address on this machine's loopback, under the same address.
    Only(SocketAddr),
    /// The machine's own network, its loopback and its abstract sockets included.
    Full,
}

/// A program to run in the sandbox.
#[derive(Debug, Clone)]
pub struct Job {
    /// The program, by name or path.
    pub program: OsString,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// The folder it works in and may write; seen under its own path.
    pub workspace: PathBuf,
    /// A folder of the attempt that becomes its home, see [`HOME`].
    pub home: PathBuf,
    /// A folder, out of its reach, for what git writes in a linked worktree; made where it is missing, and found again
    /// by further jobs and [`Sandbox::take_in`]. Without one all of that is gone with the program, but for
    /// [`Ran::strayed`].
    pub git: Option<PathBuf>,
    /// Further files and folders it may read, seen under their own paths.
    pub read_only: Vec<PathBuf>,
    /// Files and folders below the workspace that it may read and not write; what is not there needs no wall.
    pub sealed: Vec<PathBuf>,
    /// Files below the workspace that are empty to it.
    pub hidden: Hidden,
    /// Folders that are searched for programs before the system's.
    pub path: Vec<PathBuf>,
    /// Its variables, beside PATH, HOME, LANG, TMPDIR, TERM and USER; nothing else of cgo's own environment.
    pub env: BTreeMap<OsString, OsString>,
    /// What it reaches.
    pub network: Network,
    /// How much of everything.
    pub limits: Limits,
}

/// Why a program was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stopped {
    /// Someone asked for it.
    Cancelled,
    /// It took too long.
    Wall,
    /// It wrote nothing for too long.
    Idle,
    /// It wrote too much.
    Output,
    /// It had too many processes and threads.
    Processes,
    /// It used too much memory.
    Memory,
    /// It put too much on the disk.
    Disk,
}

impl Stopped {
    /// In words: `it took too long`.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Cancelled => "somebody asked for it",
            Self::Wall => "it took too long",
            Self::Idle => "it wrote nothing for too long",
            Self::Output => "it wrote too much",
            Self::Processes => "it had too many processes",
            Self::Memory => "it used too much memory",
            Self::Disk => "it put too much on the disk",
        }
    }
}

/// What a program that ran left behind.
#[derive(Debug, Clone)]
pub struct Ran {
    /// How it ended; none when it was stopped.
    pub exit: Option<Exit>,
    /// Why it was stopped, if it was.
    pub stopped: Option<Stopped>,
    /// What it wrote on standard output, as far as it is kept.
    pub stdout: Captured,
    /// What it wrote on standard error, as far as it is kept.
    pub stderr: Captured,
    /// How many bytes it wrote on both.
    pub written: u64,
    /// How long it took.
    pub took: Duration,
    /// It moved the branch of the worktree or checked out another one, which the repository does not know.
    pub strayed: bool,
}

/// Sees output as it comes.
pub type OnBytes<'a> = &'a mut (dyn FnMut(Stream, &[u8]) + Send);

/// A place to run programs that are not trusted.
#[derive(Debug, Clone)]
pub struct Sandbox {
    mode: Mode,
    helper: PathBuf,
    disable_userns: bool,
}

impl Sandbox {
    /// A sandbox that works on this machine.
    ///
    /// # Errors
    /// [`Error::Refused`] when there is to be bubblewrap and it is missing or not allowed to work.
    pub async fn open(mode: Mode, cancel: &CancellationToken) -> Result<Self, Error> {
        let me =
            std::env::current_exe().map_err(|source| Error::System { action: "find cgo's own program", source })?;
        Self::with_helper(mode, me, cancel).await
    }

    /// Like [`Self::open`], with the path of the `cgo` program, which runs inside first.
    ///
    /// # Errors
    /// See [`Self::open`].
    pub async fn with_helper(mode: Mode, helper: PathBuf, cancel: &CancellationToken) -> Result<Self, Error> {
        let disable_userns = match mode {
            Mode::Off => false,
            Mode::Bubblewrap => check(cancel).await?.disables_namespaces,
        };
        // A program that was replaced or removed since it began can still be started under its other name.
        let helper = if helper.is_file() { helper } else { PathBuf::from("/proc/self/exe") };
        Ok(Self { mode, helper, disable_userns })
    }

    /// Whether there are walls.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The home as the program sees it.
    #[must_use]
    pub fn home_of<'a>(&self, job_home: &'a Path) -> &'a Path {
        match self.mode {
            Mode::Bubblewrap => Path::new(HOME),
            Mode::Off => job_home,
        }
    }

    /// Runs a program to its end or to a limit. Nothing of it is left running when this returns.
    ///
    /// May be cancelled (SIGTERM to every process, the limits' grace, SIGKILL) or dropped (SIGKILL at once); too many
    /// processes, too much memory and a disk too full are answered with SIGKILL at once. The
    /// thread that calls this must outlive the program.
    ///
    /// # Errors
    /// When the job makes no sense here, or the program cannot be started.
    pub async fn run(&self, job: &Job, cancel: &CancellationToken, on_bytes: OnBytes<'_>) -> Result<Ran, Error> {
        let job = walls::checked(job)?;
        let scratch = walls::Scratch::new()?;
        let apart = job.git.clone().unwrap_or_else(|| scratch.git());
        let (git, hidden) = match self.mode {
            Mode::Bubblewrap => (git::Access::of(&job.workspace, &apart)?, job.hidden.find(&job.workspace)?),
            Mode::Off => (None, Vec::new()),
        };
        let link = match (self.mode, job.network) {
            (Mode::Bubblewrap, Network::Only(address)) => Some(link::Link::open(&scratch, address)?),
            (Mode::Bubblewrap | Mode::Off, _) => None,
        };
        let group = cgroup::Group::make(scratch.name(), &job.limits);
        let command = self.command(&job, git.as_ref(), &hidden, &scratch, link.is_some(), &group);

        let stop = Stop::new(cancel);
        let mut observer = Observer::new(&job.limits, &stop, on_bytes);
        let watched = watch::Watched {
            mark: scratch.name(),
            marked: self.mode == Mode::Off,
            group: &group,
            folders: [&job.workspace, &job.home, &apart],
            limits: &job.limits,
            stirred: observer.stirred(),
        };
        let begun = std::time::Instant::now();
        let ended = tokio::select! {
            biased;
            ended = exec::run_watched(&command, stop.token(), &mut observer) => ended,
            never = watch::watch(&watched, &stop) => match never {},
            never = link::serve(link.as_ref()) => match never {},
        };
        // A program may have ended itself on what the last look at its group would have told.
        if group.memory_ran_out() {
            stop.because(Stopped::Memory);
        }
        watch::sweep(scratch.name(), &group).await;
        drop(watched);
        let (stdout, stderr, written) = observer.kept();
        let strayed = git.as_ref().is_some_and(git::Access::strayed);
        let (exit, stopped) = match (ended, stop.reason()) {
            (Ok(_) | Err(exec::Error::Cancelled { .. }), Some(reason)) => (None, Some(reason)),
            (Ok(output), None) => (Some(output.exit), None),
            (Err(exec::Error::Cancelled { .. }), None) => (None, Some(Stopped::Cancelled)),
            (Err(other), _) => return Err(Error::Exec(other)),
        };
        Ok(Ran { exit, stopped, stdout, stderr, written, took: begun.elapsed(), strayed })
    }

    fn command(
        &self,
        job: &Job,
        git: Option<&git::Access>,
        hidden: &[PathBuf],
        scratch: &walls::Scratch,
        linked: bool,
        group: &cgroup::Group,
    ) -> Command {
        let mut command = Command::new(&self.helper).bare().arg(inside::NAME);
        for file in group.entrances() {
            command = command.arg("--join").arg(file);
        }
        let rlimits = job.limits.of_a_process(self.mode);
        command = match self.mode {
            Mode::Off => command.args(rlimits).arg("--").arg(&job.program).args(&job.args).directory(&job.workspace),
            Mode::Bubblewrap => {
                command = command.arg("--").arg(check::PROGRAM).args(walls::arguments(
                    job,
                    git,
                    scratch,
                    &walls::Inside { helper: &self.helper, hidden, linked, disable_userns: self.disable_userns },
                ));
                command = command.arg("--").arg(walls::HELPER).arg(inside::NAME).args(rlimits);
                if let (true, Network::Only(address)) = (linked, job.network) {
                    command = command.arg("--forward").arg(address.to_string()).arg(walls::SOCKET);
                }
                command.arg("--").arg(&job.program).args(&job.args)
            }
        };
        for (name, value) in self.environment(job) {
            command = command.env(name, value);
        }
        let reach = match self.mode {
            Mode::Off => Reach::Group,
            Mode::Bubblewrap => Reach::Descendants,
        };
        command.env(MARK, scratch.name()).reach(reach).grace(job.limits.grace).deadline(Duration::MAX).keep(0)
    }

    fn environment(&self, job: &Job) -> BTreeMap<OsString, OsString> {
        let system = match self.mode {
            Mode::Bubblewrap => OsString::from(PATH),
            Mode::Off => std::env::var_os("PATH").unwrap_or_else(|| PATH.into()),
        };
        let mut path = OsString::new();
        for folder in &job.path {
            path.push(folder);
            path.push(":");
        }
        path.push(system);
        let mut env: BTreeMap<OsString, OsString> = [
            (OsStr::new("PATH"), path.as_os_str()),
            (OsStr::new("HOME"), self.home_of(&job.home).as_os_str()),
            (OsStr::new("LANG"), OsStr::new("C.UTF-8")),
            (OsStr::new("TMPDIR"), OsStr::new("/tmp")),
            (OsStr::new("TERM"), OsStr::new("dumb")),
            (OsStr::new("USER"), OsStr::new("agent")),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        env.extend(job.env.iter().map(|(name, value)| (name.clone(), value.clone())));
        env
    }
}
