//! What cgo does as the first program inside: takes its limits, opens the way to the meter, becomes the program.
//!
//! It is cgo's own program under the name [`NAME`], started by the sandbox alone:
//! `cgo sandboxed [--join FILE]… [--limit NAME=NUMBER]… [--forward ADDRESS SOCKET] -- PROGRAM ARGUMENT…`.

use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit};
use tokio::net::{TcpListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};

/// The name under which cgo does this.
pub const NAME: &str = "sandboxed";
/// Exit codes as a shell gives them.
const CANNOT_RUN: u8 = 126;
const NOT_FOUND: u8 = 127;

/// Does the work when the command line says so; none when it is for someone else.
#[must_use]
pub fn main() -> Option<ExitCode> {
    let mut words = std::env::args_os().skip(1);
    if words.next()? != NAME {
        return None;
    }
    let code = Plan::of(words).and_then(Plan::act).unwrap_or_else(|error| {
        eprintln!("cgo {NAME}: {error}");
        ExitCode::from(if error.kind() == io::ErrorKind::NotFound { NOT_FOUND } else { CANNOT_RUN })
    });
    Some(code)
}

struct Plan {
    join: Vec<PathBuf>,
    limits: Vec<(Resource, u64)>,
    forward: Option<(SocketAddr, PathBuf)>,
    program: OsString,
    args: Vec<OsString>,
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}

fn about(what: impl std::fmt::Display) -> impl FnOnce(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{what}: {error}"))
}

impl Plan {
    fn of(mut words: impl Iterator<Item = OsString>) -> io::Result<Self> {
        let mut plan = Self { join: vec![], limits: vec![], forward: None, program: OsString::new(), args: vec![] };
        loop {
            let mut next = || words.next().ok_or_else(|| wrong("a word is missing"));
            match next()?.to_str() {
                Some("--join") => plan.join.push(next()?.into()),
                Some("--limit") => plan.limits.push(limit(&next()?).ok_or_else(|| wrong("no such limit"))?),
                Some("--forward") => {
                    let address = next()?.to_str().and_then(|text| text.parse().ok());
                    plan.forward = Some((address.ok_or_else(|| wrong("no such address"))?, next()?.into()));
                }
                Some("--") => {
                    plan.program = next()?;
                    plan.args = words.collect();
                    return Ok(plan);
                }
                _ => return Err(wrong("no such word")),
            }
        }
    }

    fn act(self) -> io::Result<ExitCode> {
        for file in &self.join {
            std::fs::write(file, std::process::id().to_string()).map_err(about(file.display()))?;
        }
        for &(resource, value) in &self.limits {
            let now = rustix::process::getrlimit(resource);
            let value = now.maximum.map_or(value, |most| most.min(value));
            rustix::process::setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) })?;
        }
        let mut command = std::process::Command::new(&self.program);
        command.args(&self.args);
        let name = self.program.to_string_lossy().into_owned();
        match self.forward {
            None => Err(about(name)(command.exec())),
            Some((address, socket)) => {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                runtime.block_on(beside(address, socket, command.into(), name))
            }
        }
    }
}

fn limit(word: &OsString) -> Option<(Resource, u64)> {
    let (name, value) = word.to_str()?.split_once('=')?;
    let resource = match name {
        "data" => Resource::Data,
        "fsize" => Resource::Fsize,
        "nofile" => Resource::Nofile,
        "cpu" => Resource::Cpu,
        "core" => Resource::Core,
        "nproc" => Resource::Nproc,
        _ => return None,
    };
    Some((resource, value.parse().ok()?))
}

/// Runs the program with the way to the meter open beside it.
async fn beside(
    address: SocketAddr,
    socket: PathBuf,
    mut command: tokio::process::Command,
    name: String,
) -> io::Result<ExitCode> {
    let listener = TcpListener::bind(address).await.map_err(about(address))?;
    // A request to end is for the program; this one ends with it.
    let _kept = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?];
    let mut child = command.spawn().map_err(about(name))?;
    let forward = async {
        loop {
            let Ok((mut near, _)) = listener.accept().await else {
                tokio::task::yield_now().await;
                continue;
            };
            let socket = socket.clone();
            tokio::spawn(async move {
                if let Ok(mut far) = UnixStream::connect(socket).await {
                    let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                }
            });
        }
    };
    let status = tokio::select! {
        status = child.wait() => status?,
        never = forward => never,
    };
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}
