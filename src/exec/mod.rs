//! Running a program: argv in, bounded output and a typed outcome out.
//!
//! Every program cgo starts and waits for goes through [`run`]: no shell, an allow-listed environment, its
//! own process group, a deadline, a cancel token. When cgo itself is killed, the program is killed with it.
//! Programs that are to outlive cgo are not started here but by `crate::remote::process`.
//! [`capture`] bounds what is kept of the output; [`identity`] tells one process from another that got its pid.

pub mod capture;
mod command;
mod error;
pub mod identity;

use std::collections::BTreeMap;
use std::io;
use std::process::Stdio;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use capture::{Captured, Lines};
pub use command::{Command, Reach, inherited_env};
pub use error::{Error, Exit};
use identity::{Identity, PidFd, Stat};

/// How long a program has between SIGTERM and SIGKILL.
pub const GRACE: Duration = Duration::from_secs(5);
/// How long output is still read after the program ended, when something outside its group holds the pipe.
const LINGER: Duration = Duration::from_millis(500);
/// Lines of output an error carries.
const EVIDENCE_LINES: usize = 20;
/// Which of the two streams a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Sees each line of output as it comes.
pub type OnLine<'a> = &'a mut (dyn FnMut(Stream, &str) + Send);

/// Sees a program from its start on, and its output byte by byte.
pub trait Watch: Send {
    /// It runs under this number.
    fn started(&mut self, pid: u32) {
        let _ = pid;
    }
    /// It wrote this.
    fn bytes(&mut self, stream: Stream, bytes: &[u8]);
}

/// Cuts both streams into lines for a function.
struct ByLine<'a> {
    lines: [Lines; 2],
    on_line: OnLine<'a>,
}

impl Watch for ByLine<'_> {
    fn bytes(&mut self, stream: Stream, bytes: &[u8]) {
        let Self { lines, on_line } = self;
        lines[stream as usize].push(bytes, &mut |line| on_line(stream, line));
    }
}

impl ByLine<'_> {
    fn finish(&mut self) {
        let Self { lines, on_line } = self;
        for (stream, lines) in [Stream::Stdout, Stream::Stderr].into_iter().zip(lines) {
            lines.finish(&mut |line| on_line(stream, line));
        }
    }
}

/// What a program that ran to its end left behind.
#[derive(Debug, Clone)]
pub struct Output {
    /// How it ended.
    pub exit: Exit,
    /// What it wrote on standard output.
    pub stdout: Captured,
    /// What it wrote on standard error.
    pub stderr: Captured,
    /// How long it took.
    pub took: Duration,
}

impl Output {
    /// The last lines for a message: of standard error, or of standard output when that is empty. Control characters
    /// are removed.
    #[must_use]
    pub fn evidence(&self) -> Vec<String> {
        evidence(&self.stdout, &self.stderr)
    }
}

fn evidence(stdout: &Captured, stderr: &Captured) -> Vec<String> {
    let lines = stderr.last_lines(EVIDENCE_LINES);
    if lines.is_empty() { stdout.last_lines(EVIDENCE_LINES) } else { lines }
}

/// Runs a program to its end, whatever its exit code.
///
/// Its whole process group ends with it: what it left in the background is killed, unless the command says otherwise. May be cancelled through
/// `cancel` (SIGTERM to the group, [`GRACE`] or what the command says, SIGKILL) or by dropping the future (SIGKILL at once). The thread that
/// calls this must outlive the program, because the kernel kills the program when that thread ends.
///
/// # Errors
/// Every [`Error`] but [`Error::Failed`].
pub async fn run(command: &Command, cancel: &CancellationToken) -> Result<Output, Error> {
    run_with(command, cancel, &mut |_, _| ()).await
}

/// Like [`run`]; an exit code other than 0 is an error.
///
/// # Errors
/// Every [`Error`].
pub async fn run_ok(command: &Command, cancel: &CancellationToken) -> Result<Output, Error> {
    let output = run(command, cancel).await?;
    if output.exit.success() {
        return Ok(output);
    }
    Err(Error::Failed { program: command.name(), exit: output.exit, evidence: output.evidence() })
}

/// Like [`run`]; `on_line` sees each line as it comes, without its end, cut at [`capture::MAX_LINE`] bytes.
///
/// # Errors
/// Every [`Error`] but [`Error::Failed`].
pub async fn run_with(command: &Command, cancel: &CancellationToken, on_line: OnLine<'_>) -> Result<Output, Error> {
    let mut by_line = ByLine { lines: [Lines::default(), Lines::default()], on_line };
    let ended = run_watched(command, cancel, &mut by_line).await;
    by_line.finish();
    ended
}

/// Like [`run`]; `watch` sees the start and every byte as it comes.
///
/// # Errors
/// Every [`Error`] but [`Error::Failed`].
pub async fn run_watched(
    command: &Command,
    cancel: &CancellationToken,
    watch: &mut dyn Watch,
) -> Result<Output, Error> {
    enum Ended {
        ByItself,
        Deadline,
        Cancelled,
    }
    let program = command.name();
    if cancel.is_cancelled() {
        return Err(Error::Cancelled { program });
    }
    let begun = Instant::now();
    let mut child = spawn(command)?;
    let lost = |source: io::Error| Error::Lost { program: command.name(), source };
    let group = Group::of(&child).map_err(lost)?;
    let pidfd = PidFd::open(group.leader).map_err(lost)?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());

    watch.started(group.leader.as_raw_nonzero().get().unsigned_abs());
    let watch = Mutex::new(watch);
    let mut kept_out = Captured::new(command.keep);
    let mut kept_err = Captured::new(command.keep);
    let ended = {
        let io = async {
            tokio::join!(
                feed(stdin, command),
                pump(stdout, &mut kept_out, Stream::Stdout, &watch),
                pump(stderr, &mut kept_err, Stream::Stderr, &watch),
            )
        };
        tokio::pin!(io);
        let mut io_done = false;
        let deadline = tokio::time::sleep(command.deadline);
        tokio::pin!(deadline);
        let mut ended = Ended::ByItself;
        let mut asked = None;
        loop {
            let kill = async {
                match asked {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                exited = pidfd.exited() => { exited.map_err(lost)?; break; }
                _ = &mut io, if !io_done => io_done = true,
                () = &mut deadline, if asked.is_none() => {
                    ended = Ended::Deadline;
                    group.terminate(command.reach);
                    asked = Some(tokio::time::Instant::now() + command.grace);
                }
                () = cancel.cancelled(), if asked.is_none() => {
                    ended = Ended::Cancelled;
                    group.terminate(command.reach);
                    asked = Some(tokio::time::Instant::now() + command.grace);
                }
                () = kill => {
                    group.signal(Signal::KILL);
                    asked = Some(tokio::time::Instant::now() + GRACE);
                }
            }
        }
        // A daemon is still of the group for a moment after the leader ended.
        if !(command.leaves_daemon && matches!(ended, Ended::ByItself)) {
            // The leader is a zombie until it is waited for, so its number still means this group and no other.
            group.signal(Signal::KILL);
        }
        if !io_done {
            // Whoever left the group may hold the pipe for as long as it likes.
            let _ = tokio::time::timeout(LINGER, io).await;
        }
        ended
    };
    let exit = Exit::from(child.wait().await.map_err(lost)?);
    group.over();
    match ended {
        Ended::ByItself => Ok(Output { exit, stdout: kept_out, stderr: kept_err, took: begun.elapsed() }),
        Ended::Deadline => {
            Err(Error::Deadline { program, after: command.deadline, evidence: evidence(&kept_out, &kept_err) })
        }
        Ended::Cancelled => Err(Error::Cancelled { program }),
    }
}

/// Runs a program with the streams of this process as its own: a terminal, if there is one, is the program's until it
/// ends. It stays in this process's group, so that the terminal's keys reach it. Cancelled, it is asked to end, unless it
/// was told by its terminal already.
///
/// # Errors
/// When it cannot be started or watched.
pub async fn run_attached(command: &Command, cancel: &CancellationToken) -> Result<Exit, Error> {
    use std::io::IsTerminal as _;
    let mut prepared = prepare(command);
    prepared.stdin(Stdio::inherit()).stdout(Stdio::inherit()).stderr(Stdio::inherit());
    let mut child = launch(prepared, command)?;
    let lost = |source: io::Error| Error::Lost { program: command.name(), source };
    let ended = tokio::select! {
        ended = child.wait() => ended,
        () = cancel.cancelled() => {
            let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
            if let Some(pid) = pid.filter(|_| !io::stdin().is_terminal()) {
                // It was not waited for yet, so the number is its own.
                let _ = rustix::process::kill_process(pid, Signal::TERM);
            }
            child.wait().await
        }
    };
    Ok(Exit::from(ended.map_err(lost)?))
}

fn spawn(command: &Command) -> Result<tokio::process::Child, Error> {
    let mut prepared = prepare(command);
    prepared
        .process_group(0)
        .stdin(if command.stdin.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    launch(prepared, command)
}

/// The program with its arguments, variables and folder.
fn prepare(command: &Command) -> tokio::process::Command {
    let mut prepared = tokio::process::Command::new(&command.program);
    prepared.args(&command.args).env_clear().envs(&command.env);
    if let Some(directory) = &command.directory {
        prepared.current_dir(directory);
    }
    die_with_parent(&mut prepared);
    prepared
}

fn launch(mut prepared: tokio::process::Command, command: &Command) -> Result<tokio::process::Child, Error> {
    prepared.spawn().map_err(|source| {
        let program = command.name();
        match &command.directory {
            Some(directory) if !directory.is_dir() => Error::NoDirectory { program, directory: directory.clone() },
            _ if source.kind() == io::ErrorKind::NotFound => Error::NotFound { program },
            _ => Error::Start { program, source },
        }
    })
}

/// Has the kernel kill the program when the thread that starts it ends, so that `kill -9` leaves nothing behind.
#[expect(unsafe_code, reason = "the parent-death signal can only be set between fork and exec")]
fn die_with_parent(command: &mut tokio::process::Command) {
    let parent = rustix::process::getpid();
    let before_exec = move || {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        // The parent may have died before the line above.
        if rustix::process::getppid() == Some(parent) { Ok(()) } else { Err(io::ErrorKind::Interrupted.into()) }
    };
    // SAFETY: the closure makes two system calls (prctl, getppid), allocates nothing and takes no lock.
    unsafe { command.pre_exec(before_exec) };
}

/// A process group of ours; killed when dropped before [`Group::over`].
struct Group {
    leader: Pid,
    ours: bool,
}

impl Group {
    fn of(child: &tokio::process::Child) -> io::Result<Self> {
        let leader = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let leader = leader.ok_or_else(|| io::Error::other("the process has no id"))?;
        Ok(Self { leader, ours: true })
    }

    fn signal(&self, signal: Signal) {
        // The only failure is a group without processes, which is what the signal is for.
        let _ = rustix::process::kill_process_group(self.leader, signal);
    }

    /// Asks to end.
    fn terminate(&self, reach: Reach) {
        match reach {
            Reach::Group => self.signal(Signal::TERM),
            Reach::Descendants => {
                for pid in descendants(self.leader.as_raw_nonzero().get().unsigned_abs()) {
                    if let Some(identity) = Identity::of(pid) {
                        // One that ended meanwhile did what it was to be asked.
                        let _ = identity.signal(Signal::TERM);
                    }
                }
            }
        }
    }

    /// The leader was waited for: its number may mean another group from now on.
    fn over(mut self) {
        self.ours = false;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if self.ours {
            self.signal(Signal::KILL);
        }
    }
}

async fn feed(stdin: Option<tokio::process::ChildStdin>, command: &Command) {
    if let (Some(mut stdin), Some(bytes)) = (stdin, &command.stdin) {
        // A program need not read all it is given; its exit code tells whether it minded.
        let _ = stdin.write_all(bytes).await;
        if let Some((path, from)) = &command.then_file {
            let _ = send_file(path, *from, &mut stdin).await;
        }
        if command.then_input {
            let _ = send_input(&mut stdin).await;
        }
        let _ = stdin.shutdown().await;
    }
}

/// Writes a file from an offset on.
///
/// # Errors
/// When it cannot be read, or the other end reads no more.
pub async fn send_file(
    path: &std::path::Path,
    from: u64,
    to: &mut (impl tokio::io::AsyncWrite + Unpin),
) -> io::Result<()> {
    let mut file = tokio::fs::File::open(path).await?;
    file.seek(io::SeekFrom::Start(from)).await?;
    let mut buffer = vec![0_u8; 256 * 1024];
    loop {
        match file.read(&mut buffer).await? {
            0 => return Ok(()),
            count => to.write_all(&buffer[..count]).await?,
        }
    }
}

/// Writes what this process is given on its standard input, as it comes, until its end.
///
/// # Errors
/// When it cannot be read, or the other end reads no more.
pub async fn send_input(to: &mut (impl tokio::io::AsyncWrite + Unpin)) -> io::Result<()> {
    let mut input = tokio::io::stdin();
    let mut buffer = vec![0_u8; 64 * 1024];
    loop {
        match input.read(&mut buffer).await? {
            0 => return Ok(()),
            count => {
                to.write_all(&buffer[..count]).await?;
                to.flush().await?;
            }
        }
    }
}

async fn pump(
    source: Option<impl AsyncRead + Unpin>,
    kept: &mut Captured,
    stream: Stream,
    watch: &Mutex<&mut dyn Watch>,
) {
    let Some(mut source) = source else { return };
    let mut buffer = vec![0_u8; 16 * 1024];
    while let Ok(count) = source.read(&mut buffer).await {
        if count == 0 {
            break;
        }
        kept.push(&buffer[..count]);
        if let Ok(mut watch) = watch.lock() {
            watch.bytes(stream, &buffer[..count]);
        }
    }
}

/// The processes that descend from one, itself left out, parents before their children. A process whose parent ended
/// belongs to whoever adopted it.
#[must_use]
pub fn descendants(of: u32) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for pid in identity::pids() {
        if let Some(stat) = Stat::of(pid).filter(Stat::lives) {
            children.entry(stat.parent).or_default().push(pid);
        }
    }
    let mut found = Vec::new();
    let mut next = vec![of];
    while let Some(parent) = next.pop() {
        for child in children.remove(&parent).unwrap_or_default() {
            found.push(child);
            next.push(child);
        }
    }
    found
}

#[cfg(test)]
mod tests;
