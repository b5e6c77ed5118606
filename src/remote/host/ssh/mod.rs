//! Another machine as a host, over one SSH connection that many commands share.
//!
//! The connection is kept by a master, the `ssh` of this machine, which stays for ten minutes after its last command, so
//! that the next one, of this process or another, costs no new login. Commands are opened through its socket by the
//! `openssh` crate (native multiplexing, which tells a command that was never opened from one that was killed). The
//! rules: at most eight commands at once on a connection; every call has a limit of its own; a master that does not
//! answer is replaced, and what was not begun yet is begun on the new one; what was begun is never begun again here.
//!
//! The client's environment is the usual allow-list and the agent's socket. The agent is asked for authentication and is
//! never forwarded. Keys are read by `ssh` alone.

mod control;
mod refusal;

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use openssh::{Child, Session, Stdio};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{Mutex, Semaphore};
use tokio_util::sync::CancellationToken;

use super::frame::Frame;
use super::script::{COMMAND, nonce};
use super::{EVIDENCE_LINES, Ended, Error, Host, Payload, Refusal, Script, Stream};
use crate::domain::diagnose::Advice;
use crate::domain::host::{Destination, HostKey};
use crate::exec::capture::Captured;
use crate::exec::{self, Command, identity};
use control::{Control, Known, socket};
use refusal::Said;

/// Commands at once on one connection: sshd takes ten, and other processes may use the same connection.
const AT_ONCE: usize = 8;
/// How long a login may take; the connection alone has ten seconds of it.
const DIAL: Duration = Duration::from_secs(30);
/// How long a host has to open a command.
const OPEN: Duration = Duration::from_secs(10);
/// How long the master, a process of this machine, has to say that it lives.
const ALIVE: Duration = Duration::from_secs(5);
/// How long a program of this machine may take that does next to nothing.
const LOCAL_LIMIT: Duration = Duration::from_secs(10);
/// How often a connection is tried when it may come to be in a moment.
const TRIES: u32 = 3;
/// How often a command is opened on a new master before it is given up.
const MASTERS: u32 = 3;

/// Who logs in where, and with what.
#[derive(Debug, Clone)]
pub struct Login {
    /// The account and the host.
    pub destination: Destination,
    /// The file of the private key; none for what the agent and the configuration offer.
    pub key: Option<PathBuf>,
    /// The user's own SSH configuration, which may say how the host is reached.
    pub configuration: Option<PathBuf>,
}

/// A machine reached over SSH.
pub struct Ssh {
    name: String,
    /// What its folder on this machine is called; unique on it.
    id: String,
    login: Login,
    pinned: HostKey,
    permits: Semaphore,
    master: Mutex<Option<Arc<Master>>>,
}

/// A connection, kept by a process of its own.
struct Master {
    folder: PathBuf,
    session: Arc<Session>,
}

impl Ssh {
    /// A server by its name and id. Nothing is connected before the first script.
    #[must_use]
    pub fn new(name: impl Into<String>, id: impl Into<String>, login: Login, pinned: HostKey) -> Self {
        Self {
            name: name.into(),
            id: id.into(),
            login,
            pinned,
            permits: Semaphore::new(AT_ONCE),
            master: Mutex::new(None),
        }
    }

    /// The process that keeps the connection, once there is one.
    #[must_use]
    pub fn master(&self) -> Option<u32> {
        let folder = Control::present(&self.id)?.current()?;
        keeper(&folder).map(|pid| pid.as_raw_nonzero().get().unsigned_abs())
    }

    /// The master in use; dials where there is none.
    async fn connected(&self, cancel: &CancellationToken) -> Result<Arc<Master>, Error> {
        let mut slot = self.master.lock().await;
        if let Some(master) = &*slot {
            return Ok(Arc::clone(master));
        }
        let control = Control::of(&self.id)?;
        let folder = match control.current() {
            Some(folder) => folder,
            None => self.dial(&control, cancel).await?,
        };
        let session = Arc::new(Session::resume_mux(socket(&folder).into_boxed_path(), None));
        let master = Arc::new(Master { folder, session });
        *slot = Some(Arc::clone(&master));
        Ok(master)
    }

    /// Logs in, and returns the folder of the new master.
    async fn dial(&self, control: &Control, cancel: &CancellationToken) -> Result<PathBuf, Error> {
        usable(self.login.key.as_deref())?;
        let mut tried = 1;
        loop {
            let configuration = control.configure(&self.login, &Known::Pinned(&self.pinned.to_string()))?;
            let folder = control.fresh()?;
            let log = folder.join("log");
            let command = client(&configuration, &log, &self.login)
                .arg("-S")
                .arg(socket(&folder))
                .args(["-M", "-f", "-N", "--"])
                .arg(&self.login.destination.host);
            let refused = match launch(&command, &log, &self.name, cancel).await? {
                None => {
                    control.use_master(&folder)?;
                    return Ok(folder);
                }
                Some(log) => refusal::read(&log, &self.login),
            };
            let _ = std::fs::remove_dir_all(&folder);
            let cause = match refused {
                Said::HostKey => return Err(self.other_key(cancel).await?),
                Said::Refused(cause) => cause,
            };
            if !cause.is_passing() || tried >= TRIES {
                let cause = refusal::explain(cause, cancel).await;
                return Err(Error::Connect { host: self.name.clone(), to: self.login.destination.clone(), cause });
            }
            tried += 1;
            tokio::time::sleep(Duration::from_millis(rand::random_range(100..500))).await;
        }
    }

    /// The error for a host that does not prove itself with the pinned key.
    async fn other_key(&self, cancel: &CancellationToken) -> Result<Error, Error> {
        let offered = offered_key(&self.name, &self.id, &self.login, cancel).await?;
        let (host, pinned) = (self.name.clone(), self.pinned.fingerprint());
        Ok(Error::HostKeyChanged { host, pinned, offered: offered.fingerprint() })
    }

    /// A master did not do what it should: the next command gets another one. One that does not even say that it lives
    /// is ended; others end by themselves when nobody uses them.
    async fn abandon(&self, master: &Arc<Master>) {
        let mut slot = self.master.lock().await;
        if slot.as_ref().is_some_and(|current| Arc::ptr_eq(current, master)) {
            *slot = None;
        }
        drop(slot);
        if let Some(control) = Control::present(&self.id) {
            control.forget(&master.folder);
        }
        if tokio::time::timeout(ALIVE, master.session.check()).await.is_err()
            && let Some(pid) = keeper(&master.folder)
        {
            // A stopped process takes no other signal.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }

    /// Opens the one command on the connection. Until the document is sent nothing runs but the shell that waits for it,
    /// so whatever fails here may be tried again.
    async fn open(
        &self,
        script: &Script,
        cancel: &CancellationToken,
    ) -> Result<(Arc<Master>, Child<Arc<Session>>), Error> {
        let begun = tokio::time::Instant::now();
        let mut masters = 0;
        loop {
            let master = self.connected(cancel).await?;
            let opened = tokio::select! {
                opened = tokio::time::timeout(OPEN, opened(&master.session)) => opened,
                () = cancel.cancelled() => return Err(self.cancelled(script)),
            };
            match opened {
                Ok(Ok(child)) => return Ok((master, child)),
                Ok(Err(openssh::Error::SshMux(error))) if is_full(&error) && begun.elapsed() < script.deadline => {
                    // The connection carries as many commands as sshd allows, some of them of other processes.
                    let pause = Duration::from_millis(rand::random_range(20..120));
                    tokio::time::sleep(pause).await;
                }
                Ok(Err(_)) | Err(_) => {
                    self.abandon(&master).await;
                    masters += 1;
                    if masters >= MASTERS {
                        return Err(Error::Deadline {
                            host: self.name.clone(),
                            what: script.what,
                            after: begun.elapsed(),
                        });
                    }
                }
            }
        }
    }

    fn cancelled(&self, script: &Script) -> Error {
        Error::Cancelled { host: self.name.clone(), what: script.what }
    }

    async fn have_run(
        &self,
        script: &Script,
        pass: &mut (dyn FnMut(Stream, &[u8]) + Send),
        cancel: &CancellationToken,
    ) -> Result<Ended, Error> {
        let nonce = nonce();
        let document = script.document(&nonce)?;
        let _permit = tokio::select! {
            permit = self.permits.acquire() => permit.expect("it is never closed"),
            () = cancel.cancelled() => return Err(self.cancelled(script)),
        };
        let (master, mut child) = self.open(script, cancel).await?;
        let (stdin, stdout, stderr) = (child.stdin().take(), child.stdout().take(), child.stderr().take());
        let (mut out, mut err) = (Frame::new(&nonce), Frame::new(&nonce));
        let (mut before, mut kept) = (Captured::new(4096), Captured::new(script.keep));
        // Both streams are passed on to one who listens to both.
        let pass = std::sync::Mutex::new(pass);
        let passed = |stream, bytes: &[u8]| (pass.lock().unwrap_or_else(PoisonError::into_inner))(stream, bytes);
        let talk = async {
            let heard = async {
                tokio::join!(
                    pump(stdout, |bytes| out.push(bytes, &mut |bytes| passed(Stream::Stdout, bytes))),
                    pump(stderr, |bytes| {
                        if !err.begun() {
                            before.push(bytes);
                        }
                        err.push(bytes, &mut |bytes| {
                            kept.push(bytes);
                            passed(Stream::Stderr, bytes);
                        });
                    }),
                )
            };
            tokio::pin!(heard);
            // A script that has ended reads no more, however much there would be.
            tokio::select! {
                _ = &mut heard => {}
                () = feed(stdin, &document, &script.payload) => {
                    heard.await;
                }
            }
            child.wait().await
        };
        let status = tokio::select! {
            ended = tokio::time::timeout(script.deadline, talk) => ended,
            () = cancel.cancelled() => return Err(self.cancelled(script)),
        };
        let code = out.finish(&mut |bytes| passed(Stream::Stdout, bytes));
        err.finish(&mut |bytes| {
            kept.push(bytes);
            passed(Stream::Stderr, bytes);
        });
        if let Some(code) = code {
            return Ok(Ended { code, stderr: kept });
        }
        let (host, what) = (self.name.clone(), script.what);
        match status {
            Err(_) => {
                self.abandon(&master).await;
                Err(Error::Deadline { host, what, after: script.deadline })
            }
            Ok(status) if !out.begun() && shell_ended(&status) => {
                let mut printed = before;
                printed.push(b"\n");
                printed.push(&out.before());
                let evidence = printed.last_lines(EVIDENCE_LINES);
                Err(Error::NoShell { host, user: self.login.destination.user.clone(), evidence })
            }
            Ok(_) => {
                self.abandon(&master).await;
                Err(Error::Lost { host, what })
            }
        }
    }
}

impl Host for Ssh {
    fn name(&self) -> &str {
        &self.name
    }

    fn exchange<'a>(
        &'a self,
        script: &'a Script,
        pass: &'a mut (dyn FnMut(Stream, &[u8]) + Send),
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<Ended, Error>> {
        Box::pin(self.have_run(script, pass, cancel))
    }
}

async fn opened(session: &Arc<Session>) -> Result<Child<Arc<Session>>, openssh::Error> {
    let mut command = Arc::clone(session).arc_raw_command(COMMAND);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().await
}

/// Whether sshd refused a command because the connection carries as many as it allows.
fn is_full(error: &dyn std::error::Error) -> bool {
    error.to_string().contains("open refused by peer")
}

/// Whether the login shell ended by itself, as far as that can be told.
fn shell_ended(status: &Result<ExitStatus, openssh::Error>) -> bool {
    matches!(status, Ok(_) | Err(openssh::Error::Remote(_)))
}

async fn feed(stdin: Option<openssh::ChildStdin>, document: &[u8], payload: &Payload) {
    let Some(mut stdin) = stdin else { return };
    // A script need not read all it is given; its exit code tells whether it minded.
    let _ = async {
        stdin.write_all(document).await?;
        match payload {
            Payload::None => {}
            Payload::Bytes(bytes) => stdin.write_all(bytes).await?,
            Payload::File { path, from } => exec::send_file(path, *from, &mut stdin).await?,
            Payload::Input => exec::send_input(&mut stdin).await?,
        }
        stdin.shutdown().await
    }
    .await;
}

async fn pump(source: Option<impl AsyncRead + Unpin>, mut take: impl FnMut(&[u8])) {
    let Some(mut source) = source else { return };
    let mut buffer = vec![0_u8; 64 * 1024];
    while let Ok(count) = source.read(&mut buffer).await {
        if count == 0 {
            break;
        }
        take(&buffer[..count]);
    }
}

/// The client with what every call has in common.
fn client(configuration: &Path, log: &Path, login: &Login) -> Command {
    let mut command =
        Command::new("ssh").arg("-F").arg(configuration).arg("-E").arg(log).deadline(DIAL).leaves_daemon();
    if let Some(agent) = std::env::var_os("SSH_AUTH_SOCK") {
        command = command.env("SSH_AUTH_SOCK", agent);
    }
    if let Some(port) = login.destination.port {
        command = command.arg("-p").arg(port.to_string());
    }
    command.arg("-l").arg(&login.destination.user)
}

/// Runs the client; none when it succeeds, else what it says.
async fn launch(
    command: &Command,
    log: &Path,
    host: &str,
    cancel: &CancellationToken,
) -> Result<Option<String>, Error> {
    const WHAT: &str = "let us in";
    match exec::run(command, cancel).await {
        Ok(output) if output.exit.success() => Ok(None),
        Ok(output) => {
            // Wrong options are said on standard error, before there is a log.
            Ok(Some(std::fs::read_to_string(log).unwrap_or_default() + &output.stderr.text()))
        }
        Err(exec::Error::NotFound { .. }) => Err(Error::NoClient { program: "ssh" }),
        Err(exec::Error::Deadline { .. }) => Ok(Some("the login timed out".to_owned())),
        Err(exec::Error::Cancelled { .. }) => Err(Error::Cancelled { host: host.to_owned(), what: WHAT }),
        Err(other) => Err(other.into()),
    }
}

/// Whether the key is a file that `ssh` will read.
///
/// # Errors
/// [`Error::Key`].
pub fn usable(key: Option<&Path>) -> Result<(), Error> {
    use std::os::unix::fs::MetadataExt as _;
    let Some(path) = key else { return Ok(()) };
    let refused =
        |reason: &str, mend: Advice| Err(Error::Key { path: path.to_owned(), reason: reason.to_owned(), mend });
    let other = || Advice::Do("name the file of a private key with --key".to_owned());
    match std::fs::metadata(path) {
        Err(error) => refused(&error.to_string(), other()),
        Ok(found) if !found.is_file() => refused("it is no file", other()),
        Ok(_) if path.extension().is_some_and(|ending| ending == "pub") => {
            let private = path.with_extension("");
            refused("it is the public half", Advice::Do(format!("name the private one: --key {}", private.display())))
        }
        Ok(found) if found.mode() & 0o077 != 0 => {
            refused("others may read it, so SSH refuses it", Advice::Run(format!("chmod 600 {}", path.display())))
        }
        Ok(_) if rustix::fs::access(path, rustix::fs::Access::READ_OK).is_err() => {
            refused("it may not be read", Advice::Run(format!("ls -l {}", path.display())))
        }
        Ok(_) => Ok(()),
    }
}

/// The key a host offers, whatever is pinned. Nobody logs in, and nothing is kept.
///
/// # Errors
/// When the host cannot be reached.
pub async fn offered_key(name: &str, id: &str, login: &Login, cancel: &CancellationToken) -> Result<HostKey, Error> {
    let control = Control::of(id)?;
    let folder = control.fresh()?;
    let (known, log) = (folder.join("known_hosts"), folder.join("log"));
    let told = async {
        let configuration = control.configure(login, &Known::Learn(&known))?;
        let command = client(&configuration, &log, login)
            .args(["-S", "none", "-T", "-n", "--"])
            .arg(&login.destination.host)
            .arg("true");
        let mut tried = 1;
        loop {
            let said = launch(&command, &log, name, cancel).await?.unwrap_or_default();
            // The key is written down once the host has proved it, before anything is said about logins.
            let line = std::fs::read_to_string(&known).unwrap_or_default();
            let key = line.lines().next().and_then(|line| HostKey::parse(line.split_once(' ')?.1.trim()));
            if let Some(key) = key {
                return Ok(key);
            }
            let cause = match refusal::read(&said, login) {
                Said::Refused(cause) => cause,
                Said::HostKey => Refusal::Other("the host does not prove the key it offers".to_owned()),
            };
            if !cause.is_passing() || tried >= TRIES {
                return Err(Error::Connect { host: name.to_owned(), to: login.destination.clone(), cause });
            }
            tried += 1;
            let _ = std::fs::remove_file(&log);
            tokio::time::sleep(Duration::from_millis(rand::random_range(100..500))).await;
        }
    }
    .await;
    let _ = std::fs::remove_dir_all(folder);
    told
}

/// Ends the connections to a server and removes all that this machine keeps for them. What runs detached there runs on.
pub fn forget(id: &str) {
    let Some(control) = Control::present(id) else { return };
    for folder in control.masters() {
        if let Some(pid) = keeper(&folder) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
    }
    control.remove();
}

/// The process that keeps a master: a client whose title or arguments name its socket.
fn keeper(folder: &Path) -> Option<rustix::process::Pid> {
    let name = socket(folder);
    let name = name.as_os_str().as_encoded_bytes();
    identity::pids().into_iter().find_map(|pid| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let ours = line.starts_with(b"ssh") && line.windows(name.len()).any(|window| window == name);
        ours.then(|| rustix::process::Pid::from_raw(i32::try_from(pid).ok()?)).flatten()
    })
}
