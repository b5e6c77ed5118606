//! Caddy in front of applications: how traffic moves ([`switch`]), how its configuration changes ([`config`]), what keeps
//! it running ([`running`]), and certificates ([`acme`]). With the real Caddy and, for certificates, Pebble; on this
//! machine and on hosts over SSH.

pub(crate) mod acme;
mod config;
mod running;
mod switch;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};

use std::time::Duration;

use cgo::domain::host::Rights;
use cgo::domain::names::ProjectName;
use cgo::remote::caddy::{self, At, Base, Caddy, Site};
use cgo::remote::host::local::Local;
use cgo::remote::host::steps::{self, Step, StepState};
use cgo::remote::host::{Host, Script};
use cgo::remote::runtime::PerSlot;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::hosts::Linked;
use crate::support::env::{kill_processes_of, missing};
use crate::support::sshd::Sshd;

fn never() -> CancellationToken {
    CancellationToken::new()
}

/// Whether there is a Caddy.
fn here() -> bool {
    let there = std::process::Command::new("caddy").arg("version").output().is_ok_and(|output| output.status.success());
    if !there {
        missing("caddy (Debian: apt-get install caddy)");
    }
    there
}

/// Ports that no other test of this process uses, below those that the system hands out.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id().wrapping_mul(211) % 11_000).unwrap();
    loop {
        let port = 20_000 + (first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed))) % 12_000;
        if std::net::TcpListener::bind(("0.0.0.0", port)).is_ok() {
            return port;
        }
    }
}

/// Where a test works: a host, a folder on it that the test sees too, and the address it is reached at.
struct Ground<'a> {
    host: &'a dyn Host,
    folder: PathBuf,
    root: String,
    address: String,
    rights: Rights,
    base: Base,
}

/// Ends what was started in a folder, and removes it.
struct Swept(tempfile::TempDir);

impl Drop for Swept {
    fn drop(&mut self) {
        // Whoever starts others is among the first, and does not start any more in the second round.
        kill_processes_of(self.0.path());
        kill_processes_of(self.0.path());
    }
}

fn folder() -> Swept {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
    Swept(folder)
}

impl<'a> Ground<'a> {
    fn new(host: &'a dyn Host, folder: &Path, address: &str) -> Self {
        let root = folder.join("cgo").display().to_string();
        let rights = if rustix::process::geteuid().is_root() { Rights::Root } else { Rights::Plain };
        let base = Base { http_port: Some(free_port()), https_port: Some(free_port()), ..Base::default() };
        Self { host, folder: folder.to_owned(), root, address: address.to_owned(), rights, base }
    }

    fn caddy(&self) -> Caddy<'_> {
        Caddy::of(self.host, &self.root, self.rights).unwrap()
    }

    /// A site on a port of its own.
    #[expect(clippy::unused_self, reason = "it is for Caddy on this ground")]
    fn site(&self, app: &str) -> Site {
        Site {
            app: ProjectName::parse(app).unwrap(),
            at: At::Port(free_port()),
            ports: PerSlot { blue: free_port(), green: free_port() },
            health: "/health".to_owned(),
            ready: "/ready".to_owned(),
            max_body_mb: Some(1),
            snippet: None,
        }
    }

    /// Raises or lowers the flag that keeps visitors out of a site.
    async fn maintenance(&self, site: &Site, flag: &str) {
        let text = "caddy_flag \"$1\" maintenance \"$2\"";
        let script = Script::new("change a flag", text).with(cgo::remote::caddy::FUNCTIONS);
        let script = script.arg(Site::flags(&self.root, &site.app)).arg(flag);
        self.host.run_ok(&script, &never()).await.unwrap();
    }

    /// Where visitors reach a site.
    fn reach(&self, site: &Site) -> SocketAddr {
        let At::Port(port) = site.at else { panic!("it has a name") };
        format!("{}:{port}", self.address).parse().unwrap()
    }

    /// Has Caddy run, and a site of it.
    async fn served(&self, app: &str) -> Site {
        let site = self.site(app);
        self.caddy().ensure(&self.base, &never()).await.unwrap();
        assert!(self.caddy().apply(&site, &never()).await.unwrap().changed);
        site
    }

    /// Has an application listen on a port of the host; returns the step it runs as.
    async fn app(&self, name: &str, port: u16) -> Step {
        std::fs::write(self.folder.join("app.py"), include_str!("app.py")).unwrap();
        let args = [self.folder.join("app.py"), self.folder.clone()].map(|path| path.display().to_string());
        let [file, folder] = args;
        let text = "if [ -x /usr/bin/python3 ]; then exec /usr/bin/python3 \"$@\"; fi; exec python3 \"$@\"";
        let script = Script::new("serve", text).args([file, name.to_owned(), port.to_string(), folder]);
        let step = Step { folder: self.folder.join(format!("step-{name}-{port}")).display().to_string(), script };
        steps::start(self.host, &step, Duration::ZERO, &never()).await.unwrap();
        let script = Script::new(
            "wait for it",
            "i=0; until (exec 3<>\"/dev/tcp/127.0.0.1/$1\") 2>/dev/null || \
             awk -v port=\"$(printf %04X \"$1\")\" '$4 == \"0A\" && $2 ~ \":\" port \"$\" { found = 1 } END { exit !found }' \
             /proc/net/tcp; do i=$((i+1)); [ $i -lt 300 ] || exit 1; sleep 0.1; done",
        );
        self.host.run_ok(&script.arg(port.to_string()), &never()).await.unwrap();
        step
    }

    /// Kills an application as it would be by the system.
    async fn kill(&self, step: &Step) {
        let look = steps::look(self.host, &step.folder, 0, std::time::Duration::ZERO, &never()).await.unwrap();
        let StepState::Running { pid } = look.state else { panic!("{look:?}") };
        let script = Script::new("kill", "kill -9 \"-$1\"").arg(pid.to_string());
        self.host.run_ok(&script, &never()).await.unwrap();
    }

    /// Raises or lowers a flag, as a deploy does.
    async fn flag(&self, site: &Site, name: &str, on: bool) {
        let script = Script::new("flip", "caddy_flag \"$@\"").with(caddy::FUNCTIONS).args([
            Site::flags(&self.root, &site.app),
            name.to_owned(),
            if on { "on" } else { "off" }.to_owned(),
        ]);
        self.host.run_ok(&script, &never()).await.unwrap();
    }

    async fn sh(&self, text: &'static str, args: &[&str]) -> String {
        let script = Script::new("look", text).args(args.iter().map(|arg| (*arg).to_owned()));
        self.host.run_ok(&script, &never()).await.unwrap().text()
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Runs a test on this machine, and on a host over SSH.
fn on_both(test: &impl AsyncFn(&Ground)) {
    if !here() {
        return;
    }
    let swept = folder();
    runtime().block_on(test(&Ground::new(&Local, swept.0.path(), "127.0.0.1")));
    drop(swept);
    over_ssh(&async |_, ground| test(ground).await);
}

/// Runs a test on a host over SSH, as root.
fn over_ssh(test: &impl AsyncFn(&Sshd, &Ground)) {
    if !here() {
        return;
    }
    let Some(sshd) = Sshd::start() else { return };
    let linked = Linked::to(&sshd, "root");
    let folder = folder();
    let ground = Ground { rights: Rights::Root, ..Ground::new(linked.host(), folder.0.path(), &sshd.address) };
    runtime().block_on(test(&sshd, &ground));
}

/// A client that keeps its connection and never tries twice.
pub struct Client {
    pub stream: BufReader<TcpStream>,
    name: String,
}

pub struct Got {
    pub status: u16,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Got {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Client {
    pub async fn to(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), name: address.to_string() })
    }

    /// Sends a request; `more` are lines of its head.
    pub async fn send(&mut self, line: &str, more: &str) -> io::Result<()> {
        let head = format!("{line} HTTP/1.1\r\nHost: {}\r\n{more}\r\n", self.name);
        self.stream.get_mut().write_all(head.as_bytes()).await
    }

    /// Reads the head of an answer.
    pub async fn head(&mut self) -> io::Result<Got> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if line.trim().is_empty() {
                break;
            }
            lines.push(line.trim().to_owned());
        }
        let status = lines[0].split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
        let headers = lines[1..].iter().filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(key, value)| (key.to_lowercase(), value.to_owned())).collect();
        Ok(Got { status, headers, body: Vec::new() })
    }

    pub async fn get(&mut self, path: &str) -> io::Result<Got> {
        self.send(&format!("GET {path}"), "").await?;
        self.rest().await
    }

    /// Reads an answer.
    async fn rest(&mut self) -> io::Result<Got> {
        let mut got = self.head().await?;
        let size = got.headers.get("content-length").and_then(|size| size.parse().ok()).unwrap_or(0);
        got.body = vec![0; size];
        self.stream.read_exact(&mut got.body).await?;
        Ok(got)
    }
}

/// Asks once over a connection of its own.
async fn get(address: SocketAddr, path: &str) -> io::Result<Got> {
    Client::to(address).await?.get(path).await
}
