//! A person's machine for one test: an empty home, a working folder, and the program. What was started in it is
//! stopped with it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::disk::Disk;

/// Stores of different tests do not know each other: each test that deploys has ports of its own, and there are no more
/// at once than a small machine can bear.
static DEPLOYING: (Mutex<Vec<u16>>, Condvar) = (Mutex::new(Vec::new()), Condvar::new());
/// How many tests deploy at once.
const AT_ONCE: u16 = 3;
/// How many public ports each has.
const PORTS: u16 = 40;

/// Ports that no other test deploys to, given back when it is dropped.
struct Turn(u16);

impl Turn {
    fn take() -> Self {
        let (taken, freed) = &DEPLOYING;
        let taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = freed
            .wait_while(taken, |taken| taken.len() >= usize::from(AT_ONCE))
            .unwrap_or_else(PoisonError::into_inner);
        let turn = (0..AT_ONCE).find(|turn| !taken.contains(turn)).expect("one is free");
        taken.push(turn);
        Self(turn)
    }

    /// The range, as the program takes it; away from the first ports, which are for tests and people who say nothing.
    fn ports(&self) -> String {
        let first = 9000 + self.0 * PORTS;
        format!("{first}-{}", first + PORTS - 1)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let (taken, freed) = &DEPLOYING;
        taken.lock().unwrap_or_else(PoisonError::into_inner).retain(|turn| *turn != self.0);
        freed.notify_one();
    }
}

/// A home and a working folder.
pub struct TestEnv {
    home: TempDir,
    vars: BTreeMap<String, String>,
    /// Seen by the programs of this test alone.
    disk: Option<Disk>,
    _turn: Option<Turn>,
}

/// A command at work.
pub struct Started(Child);

impl Started {
    pub fn signal(&self, signal: Signal) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.0), signal).expect("it runs");
    }

    /// Waits for the next line of its answer.
    pub fn line(&mut self) -> String {
        use std::io::BufRead as _;
        let out = self.0.stdout.as_mut().expect("it is piped");
        let mut line = String::new();
        // One byte at a time: what follows the line is for `end`.
        std::io::BufReader::with_capacity(1, out).read_line(&mut line).expect("an answer is text");
        line
    }

    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Waits for its end.
    pub fn end(self) -> Ran {
        Ran::of(&self.0.wait_with_output().expect("the program ends"))
    }
}

/// What a command came to.
#[derive(Debug)]
pub struct Ran {
    pub stdout: String,
    pub stderr: String,
    /// None when a signal ended it.
    pub code: Option<i32>,
}

/// The cache of dependencies, shared by all tests so that packages are installed once.
pub fn shared_cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache")
}

/// Whether git and Python are here. Without them a test is skipped, or fails where all must run.
pub fn tools_are_here() -> bool {
    let there = |program: &str| {
        Command::new(program)
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    for program in ["git", "python3"] {
        if !there(program) {
            missing(program);
            return false;
        }
    }
    true
}

/// Says a figure, also where what tests print is kept back.
pub fn figure(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Copies a program that is going to be run. Another program does it: what this one has open for writing, children that
/// other tests start at that moment may hold, and a program that is held so cannot be run.
pub fn copy_program(from: impl AsRef<Path>, to: impl AsRef<Path>) {
    let copied = Command::new("cp").arg(from.as_ref()).arg(to.as_ref()).status();
    assert!(copied.expect("cp starts").success(), "{} is not copied", from.as_ref().display());
}

/// A test is skipped for want of something, or fails where all must run.
pub fn missing(what: &str) {
    assert!(std::env::var_os("CGO_TEST_REQUIRE_ALL").is_none(), "{what} is missing");
    println!("skipped: {what} is missing");
}

impl TestEnv {
    /// An empty home, for tests that deploy nothing.
    pub fn new() -> Self {
        Self::with(None)
    }

    /// An empty home, for tests that deploy; a few at a time.
    pub fn deploying() -> Self {
        let turn = Turn::take();
        let ports = turn.ports();
        let mut env = Self::with(Some(turn));
        env.set("CGO_PORTS", ports);
        env
    }

    fn with(turn: Option<Turn>) -> Self {
        let home = tempfile::tempdir().expect("a folder for the test");
        std::fs::create_dir(home.path().join("work")).expect("a working folder");
        std::fs::create_dir(home.path().join("run")).expect("a folder for sockets");
        Self { home, vars: BTreeMap::new(), disk: None, _turn: turn }
    }

    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.vars.insert(name.to_owned(), value.into());
    }

    pub fn unset(&mut self, name: &str) {
        self.vars.remove(name);
    }

    /// Mounts a disk that can be filled on a folder of the home. False where that cannot be done.
    pub fn mount(&mut self, folder: &str) -> bool {
        let folder = self.home().join(folder);
        std::fs::create_dir_all(&folder).expect("a folder of the home");
        self.disk = Disk::on(&folder);
        self.disk.is_some()
    }

    /// The disk that was mounted.
    pub fn disk(&self) -> &Disk {
        self.disk.as_ref().expect("a disk was mounted")
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    pub fn work(&self) -> PathBuf {
        self.home.path().join("work")
    }

    pub fn data(&self) -> PathBuf {
        self.home.path().join(".local/share/cgo")
    }

    /// The program with these arguments, in the working folder, with an environment of its own.
    pub fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut words = self.disk.as_ref().map(|disk| disk.entrance(&self.work())).unwrap_or_default();
        words.push(env!("CARGO_BIN_EXE_cgo").into());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(arguments).current_dir(self.work()).env_clear().stdin(Stdio::null());
        for (name, value) in std::env::vars() {
            if name == "PATH" || name.starts_with("PIP_") || name.starts_with("UV_") || name.starts_with("SSL_CERT_") {
                command.env(name, value);
            }
        }
        command.env("HOME", self.home()).env("CGO_CACHE", shared_cache()).env("TZ", "UTC").env("COLUMNS", "100");
        command.env("XDG_RUNTIME_DIR", self.home().join("run"));
        command.envs(&self.vars);
        command
    }

    /// The program with the usual answers to signals, also when the tests run where some are kept off.
    pub fn signalled<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let inner = self.command(arguments);
        let mut command = Command::new("env");
        command.args(["--default-signal", "--"]).arg(inner.get_program()).args(inner.get_args());
        command.current_dir(self.work()).env_clear().stdin(Stdio::null());
        command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command
    }

    /// Starts the program; what it says is read by [`Started::end`].
    pub fn start<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Started {
        let mut command = self.signalled(arguments);
        Started(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts"))
    }

    /// Runs the program to its end.
    pub fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Ran {
        Ran::of(&self.command(arguments).output().expect("the program starts"))
    }

    /// Runs the program with something on its standard input.
    pub fn run_with_input<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>, input: &[u8]) -> Ran {
        use std::io::Write as _;
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        // A program that refuses early closes its end; that is for it to decide.
        let _ = child.stdin.take().expect("it is piped").write_all(input);
        Ran::of(&child.wait_with_output().expect("the program ends"))
    }

    /// Runs the program, which must succeed.
    pub fn ok<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Ran {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(0), "stdout:\n{}\nstderr:\n{}", ran.stdout, ran.stderr);
        ran
    }

    /// Runs the program with `--json`, which must succeed; the answer's data.
    pub fn json<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Value {
        let arguments = arguments.into_iter().map(|argument| argument.as_ref().to_owned()).chain(["--json".into()]);
        let ran = self.ok(arguments.collect::<Vec<_>>());
        let mut envelope: Value = serde_json::from_str(&ran.stdout).expect("an answer is JSON");
        envelope["data"].take()
    }

    /// A text with this test's folders, ids, hashes and times replaced, so that it can be compared.
    pub fn stable(&self, text: &str) -> String {
        let mut out = text.replace(&self.home().display().to_string(), "HOME");
        out = out.replace(&shared_cache().display().to_string(), "CACHE");
        words(&out)
    }
}

impl Drop for TestEnv {
    fn drop(&mut self) {
        let listed = self.run(["project", "list", "--json"]);
        let projects = serde_json::from_str::<Value>(&listed.stdout).unwrap_or_default();
        for project in projects["data"]["projects"].as_array().into_iter().flatten() {
            if let Some(name) = project["name"].as_str() {
                self.run(["project", "stop", name]);
            }
        }
        // A project whose record is damaged or missing leaves its supervisor; the test's home names it.
        kill_processes_of(self.home());
    }
}

/// Ends every process whose command line names a folder.
pub fn kill_processes_of(folder: &Path) {
    let folder = folder.display().to_string();
    for pid in cgo::exec::identity::pids() {
        let Ok(line) = std::fs::read(format!("/proc/{pid}/cmdline")) else { continue };
        if String::from_utf8_lossy(&line).contains(&folder)
            && let Some(identity) = cgo::exec::identity::Identity::of(pid)
            && pid != std::process::id()
        {
            let _ = identity.signal(rustix::process::Signal::KILL);
        }
    }
}

impl Ran {
    pub fn of(output: &Output) -> Self {
        Self {
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            code: output.status.code(),
        }
    }
}

/// Replaces ids (`run-…`), commit hashes and durations.
fn words(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_ascii_alphanumeric()) {
        out.push_str(&rest[..at]);
        let end = rest[at..]
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'))
            .map_or(rest.len(), |end| at + end);
        let word = &rest[at..end];
        rest = &rest[end..];
        let is_id = ["run-", "rel-", "prj-", "ask-"].iter().any(|prefix| word.starts_with(prefix) && word.len() == 16);
        let is_hash = (word.len() == 10 || word.len() == 40) && word.chars().all(|c| c.is_ascii_hexdigit());
        if is_id {
            out.push_str(&word[..4]);
            out.push_str("ID");
        } else if is_hash {
            out.push_str("COMMIT");
        } else {
            out.push_str(word);
        }
    }
    out.push_str(rest);
    out
}

/// Waits until something is so.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_mins(3), "{what} did not come to be");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Like [`until`], where asking takes time.
pub async fn until_async(what: &str, is_so: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < Duration::from_mins(3), "{what} did not come to be");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Asks an address once: status and body.
pub fn get(url: &str) -> (u16, String) {
    request("GET", url, None)
}

/// Sends one request over a connection of its own: status and body.
pub fn request(method: &str, url: &str, json: Option<&str>) -> (u16, String) {
    use std::io::{Read as _, Write as _};
    let rest = url.strip_prefix("http://").expect("a plain address");
    let (host, path) = rest.split_once('/').map_or((rest, String::new()), |(host, path)| (host, path.to_owned()));
    let Ok(mut stream) = std::net::TcpStream::connect(host) else { return (0, String::new()) };
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a constant");
    let body = json.unwrap_or_default();
    let head = format!(
        "{method} /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut answer = Vec::new();
    if stream.write_all(head.as_bytes()).is_err() || stream.read_to_end(&mut answer).is_err() {
        return (0, String::new());
    }
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    (status, answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
}
