//! The processes that take part: the server that answers as a model, the floor, LangGraph, and cgo's own side.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

/// The core that those who are compared run on; the server has the others.
const CORE: &str = "0";

/// Where everything is.
pub struct Kit {
    llmstub: PathBuf,
    floor: PathBuf,
    bodies: PathBuf,
    script: PathBuf,
    python: Option<PathBuf>,
}

impl Kit {
    /// Finds the kit, or says what to install.
    pub fn find(folder: &Path, python: Option<PathBuf>) -> Result<Self, String> {
        let built = |name: &str| -> Result<PathBuf, String> {
            let targets =
                [std::env::var_os("CGO_BENCH_TARGET").map(PathBuf::from), Some(folder.join("perfkit/target"))];
            let found = targets.into_iter().flatten().map(|target| target.join("release").join(name));
            found.into_iter().find(|path| path.is_file()).ok_or_else(|| {
                format!(
                    "`{name}` is not built: run `cargo build --release` in `{}`, and name its target folder with \
                     CGO_BENCH_TARGET when it is elsewhere",
                    folder.join("perfkit").display()
                )
            })
        };
        let there = |name: &str| -> Result<PathBuf, String> {
            let path = folder.join(name);
            if path.is_file() { Ok(path) } else { Err(format!("`{}` is not there", path.display())) }
        };
        if let Some(python) = &python {
            let packages = "import langgraph, langchain_openai, aiohttp, orjson, langgraph.checkpoint.sqlite.aio";
            let found = Command::new(python).args(["-c", packages]).stderr(Stdio::null()).status();
            if !found.is_ok_and(|status| status.success()) {
                return Err(format!(
                    "LangGraph is not there for `{0}`: run `{0} -m pip install langgraph langgraph-checkpoint-sqlite \
                     langchain-openai aiohttp orjson`",
                    python.display()
                ));
            }
        }
        Ok(Self {
            llmstub: built("llmstub")?,
            floor: built("floor")?,
            bodies: there("perfkit/bodies.jsonl")?,
            script: there("lg_bench.py")?,
            python,
        })
    }

    /// Starts the server on a free port.
    pub fn stub(&self) -> Stub {
        let mut child = Command::new(&self.llmstub)
            .args(["--addr", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut line).expect("it says where");
        let address = line.trim().rsplit(' ').next().expect("the address is last").to_owned();
        Stub { child, address }
    }

    fn pinned(program: &Path) -> Command {
        let mut command = Command::new("taskset");
        command.args(["-c", CORE]).arg(program);
        command
    }

    /// The floor: the same requests in a bare loop.
    pub fn floor(&self, stub: &Stub, runs: usize, at_once: usize, store: &str, mode: &str) -> Value {
        told(&mut self.floor_command(stub, runs, at_once, store, mode))
    }

    /// The same as a command.
    pub fn floor_command(&self, stub: &Stub, runs: usize, at_once: usize, store: &str, mode: &str) -> Command {
        let mut command = Self::pinned(&self.floor);
        command.args(["run", &stub.address]).arg(&self.bodies);
        command.args([&runs.to_string(), &at_once.to_string(), store, mode]);
        command
    }

    /// LangGraph, when there is a Python for it.
    pub fn langgraph(&self, stub: &Stub, mode: &str, variant: &str, checkpoints: &str) -> Option<Command> {
        let mut command = Self::pinned(self.python.as_deref()?);
        command.arg(&self.script).args([mode, "--variant", variant, "--ckpt", checkpoints, "--durability", "sync"]);
        command.args(["--base-url", &format!("http://{}/v1", stub.address)]);
        Some(command)
    }

    /// cgo: this program with other arguments.
    pub fn cgo(mode: &str, stub: &Stub, store: &Path) -> Command {
        let mut command = Self::pinned(&std::env::current_exe().expect("this program has a path"));
        command.arg(mode).arg(&stub.address).arg(store);
        command
    }
}

/// Runs a program to its end; its line of JSON.
pub fn told(command: &mut Command) -> Value {
    let ran = command.stderr(Stdio::inherit()).output().expect("it starts");
    assert!(ran.status.success(), "{command:?}: {}", ran.status);
    let text = String::from_utf8(ran.stdout).expect("it prints text");
    let line = text.lines().rfind(|line| line.starts_with('{'));
    line.and_then(|line| serde_json::from_str(line).ok()).unwrap_or_else(|| panic!("{command:?} said: {text}"))
}

/// A party that stays, and does runs when it is told a number.
pub struct Serving {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Serving {
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
        let input = child.stdin.take().expect("it is piped");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut this = Self { child, input, output };
        assert_eq!(this.line(), "ready");
        this
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("it answers");
        line.trim().to_owned()
    }

    /// Does so many runs: the median latency and the CPU time a run, in milliseconds.
    pub fn runs(&mut self, count: usize) -> (f64, f64) {
        writeln!(self.input, "{count}").expect("it listens");
        let said: Value = serde_json::from_str(&self.line()).expect("it answers with JSON");
        (number(&said, "lat_med_ms"), number(&said, "cpu_ms_per_run"))
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn number(value: &Value, name: &str) -> f64 {
    value[name].as_f64().unwrap_or_else(|| panic!("no `{name}` in {value}"))
}

/// The server.
pub struct Stub {
    child: Child,
    pub address: String,
}

impl Stub {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn ask(&self, method: &str, path: &str) -> Value {
        let mut stream = TcpStream::connect(&self.address).expect("the server listens");
        write!(stream, "{method} {path} HTTP/1.1\r\nhost: stub\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
            .expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        serde_json::from_str(answer.split("\r\n\r\n").nth(1).expect("an answer has a body")).expect("it is JSON")
    }

    /// Starts a process; the milliseconds from before its start to its first request, and to its end.
    pub fn first_request(&self, command: &mut Command) -> (f64, f64) {
        self.ask("POST", "/_reset");
        let begun = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
        let status = command.stdout(Stdio::null()).status().expect("it starts");
        let ended = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
        let killed = std::os::unix::process::ExitStatusExt::signal(&status) == Some(9);
        assert!(status.success() || killed, "{command:?}: {status}");
        let first = self.ask("GET", "/_stats")["first_ns"].as_u64().expect("a time");
        let first = Duration::from_nanos(first).saturating_sub(begun);
        (first.as_secs_f64() * 1e3, ended.saturating_sub(begun).as_secs_f64() * 1e3)
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
