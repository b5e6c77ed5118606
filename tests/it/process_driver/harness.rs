//! An application in a folder of its own, with small Python programs as releases; nothing of it outlives the test.

use std::collections::BTreeMap;
use std::fs;
use std::future::Future;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use cgo::domain::deployment::Slot;
use cgo::domain::ids::ReleaseId;
use cgo::domain::time::Timestamp;
use cgo::exec::identity::Stat;
use cgo::remote::gate::{GateOptions, GateReport, wait_healthy};
use cgo::remote::process::ProcessRuntime;
use cgo::remote::runtime::{AppStatus, Launch, Runtime as _, SlotStatus, Supervision};
use cgo::remote::{gate, ports};
use tokio_util::sync::CancellationToken;

pub const PATIENCE: Duration = Duration::from_secs(20);

/// The interpreter itself, not a script that stands in for it and starts processes of its own.
pub fn python() -> Option<&'static str> {
    static FOUND: OnceLock<Option<String>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let asked = std::process::Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output();
        asked.ok().map(|output| String::from_utf8(output.stdout).unwrap().trim().to_owned())
    });
    found.as_deref()
}

/// Whether the programs the test needs are here. Without them it is skipped, or fails where all must run.
pub fn python_is_here() -> bool {
    let found = python().is_some();
    if !found {
        assert!(std::env::var_os("CGO_TEST_REQUIRE_ALL").is_none(), "python3 is missing");
        eprintln!("skipped: python3 is missing");
    }
    found
}

pub struct App {
    pub folder: tempfile::TempDir,
    pub runtime: ProcessRuntime,
    pub public: u16,
    pub blue: u16,
    pub green: u16,
}

/// A port nobody listens on, below those that systems hand out, never twice from one test run.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let base = 10_000 + u16::try_from(std::process::id() % 90).unwrap() * 200;
    loop {
        // In pairs: a release that takes the wrong port takes the next one.
        let port = base + NEXT.fetch_add(2, Ordering::SeqCst) % 6000;
        if ports::can_bind((Ipv4Addr::LOCALHOST, port).into()).is_ok() {
            return port;
        }
    }
}

impl App {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("app.py"), include_str!("app.py")).unwrap();
        let (public, blue, green) = (free_port(), free_port(), free_port());
        let runtime = Self::runtime(&folder.path().join("app"), public);
        Self { folder, runtime, public, blue, green }
    }

    pub fn runtime(root: &Path, public: u16) -> ProcessRuntime {
        ProcessRuntime::new(root, (Ipv4Addr::LOCALHOST, public).into())
            .supervised_by([env!("CARGO_BIN_EXE_cgo"), "supervise"])
            .draining_for(Duration::from_secs(3))
    }

    pub fn root(&self) -> PathBuf {
        self.folder.path().join("app")
    }

    pub fn port(&self, slot: Slot) -> u16 {
        match slot {
            Slot::Blue => self.blue,
            Slot::Green => self.green,
        }
    }

    /// A release in a slot; its number names it.
    pub fn launch(&self, slot: Slot, number: u32, mode: &str) -> Launch {
        let script = self.folder.path().join("app.py").display().to_string();
        let port = self.port(slot);
        Launch {
            release: release(number),
            directory: self.folder.path().to_owned(),
            argv: vec![python().unwrap().into(), script, mode.into(), port.to_string(), name(number)],
            env: BTreeMap::from([("SECRET".to_owned(), " $a 'b' \"c\" \\ #d\né ".to_owned())]),
            port,
            stop_timeout: Duration::from_millis(700),
        }
    }

    pub async fn start(&self, slot: Slot, number: u32, mode: &str) -> SlotStatus {
        self.runtime.start(slot, &self.launch(slot, number, mode)).await.unwrap()
    }

    /// What a deploy does: start, gate, switch, drain and stop the old one.
    pub async fn deploy(&self, slot: Slot, number: u32) -> GateReport {
        self.start(slot, number, "graceful").await;
        let report = self.gate(slot).await.unwrap();
        self.runtime.flip(slot).await.unwrap();
        self.runtime.drain(slot.other(), Duration::from_secs(3)).await.unwrap();
        self.runtime.stop(slot.other()).await.unwrap();
        report
    }

    pub async fn gate(&self, slot: Slot) -> Result<GateReport, gate::Error> {
        self.gate_within(slot, Duration::from_secs(20)).await
    }

    pub async fn gate_within(&self, slot: Slot, deadline: Duration) -> Result<GateReport, gate::Error> {
        let options = GateOptions { deadline, ..GateOptions::new("app.example", "/health") };
        wait_healthy(&self.runtime, slot, &options, &CancellationToken::new()).await
    }

    pub async fn status(&self) -> AppStatus {
        self.runtime.inspect().await.unwrap().unwrap()
    }

    pub async fn slot(&self, slot: Slot) -> SlotStatus {
        self.status().await.slots.get(slot).clone()
    }

    pub async fn supervisor(&self) -> u32 {
        match self.status().await.supervisor {
            Supervision::Running(identity) => identity.pid,
            other => panic!("the supervisor is {other:?}"),
        }
    }

    /// The body of a GET through the public port.
    pub fn get(&self, path: &str) -> String {
        let (head, body) = get(self.public, path).unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}\n{body}");
        body
    }

    /// The processes that have this application's folder among their arguments and live: (supervisors, releases).
    pub fn processes(&self) -> (Vec<u32>, Vec<u32>) {
        let folder = self.folder.path().to_str().unwrap();
        let arguments = |pid: u32| fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let pids = cgo::exec::identity::pids().into_iter().filter(|pid| Stat::of(*pid).is_some_and(|it| it.lives()));
        let ours = pids.filter_map(|pid| {
            let text = String::from_utf8_lossy(&arguments(pid)).into_owned();
            text.contains(folder).then_some((pid, text))
        });
        let (supervisors, releases): (Vec<_>, Vec<_>) = ours.partition(|(_, text)| text.contains("\0supervise\0"));
        let numbers = |found: Vec<(u32, String)>| found.into_iter().map(|(pid, _)| pid).collect();
        (numbers(supervisors), numbers(releases))
    }

    /// There is one supervisor, and these releases and no others run.
    pub async fn assert_runs(&self, slots: &[Slot]) {
        let (supervisors, mut releases) = self.processes();
        assert_eq!(supervisors.len(), 1, "supervisors: {supervisors:?}");
        let mut reported = Vec::new();
        for slot in slots {
            reported.push(self.slot(*slot).await.process.expect("it runs").pid);
        }
        releases.sort_unstable();
        reported.sort_unstable();
        assert_eq!(releases, reported, "other processes run than are reported");
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let (supervisors, _) = self.processes();
        for pid in supervisors {
            kill(pid, "-KILL");
        }
        let (_, releases) = self.processes();
        for pid in releases {
            kill(pid, "-KILL");
        }
        if std::thread::panicking() {
            let log = fs::read_to_string(self.root().join("supervisor.log")).unwrap_or_default();
            eprintln!("--- supervisor.log\n{log}");
        }
    }
}

pub fn release(number: u32) -> ReleaseId {
    ReleaseId::new(Timestamp(1_800_000_000_000), number)
}

pub fn name(number: u32) -> String {
    format!("release-{number}")
}

pub fn kill(pid: u32, signal: &str) {
    let _ = std::process::Command::new("kill")
        .args([signal, &pid.to_string()])
        .stderr(std::process::Stdio::null())
        .status();
}

pub fn lives(pid: u32) -> bool {
    Stat::of(pid).is_some_and(|stat| stat.lives())
}

/// A GET over a connection of its own: the head and the body.
pub fn get(port: u16, path: &str) -> std::io::Result<(String, String)> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: app.example\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    Ok((head.to_owned(), body.to_owned()))
}

/// Waits until something is so.
pub async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
