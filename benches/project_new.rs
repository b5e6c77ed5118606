//! What cgo itself costs in a whole `cgo project new`: time that is nobody else's, processor time, memory.
//!
//! `cargo bench --bench project_new [-- cold]`. A notes API is made, tested, deployed and probed for real, five times
//! in empty homes with a cache of dependencies that one more run has filled before; each is stopped afterwards.
//! `cold` shows a run with an empty cache, too. The homes are removed at the very end: a file system without a journal
//! avoids the numbers of files removed within the last minutes, and making files takes ten times as long meanwhile.
//!
//! Every millisecond the process is looked at in `/proc`, and the time since the last look goes to one of these:
//! - a program it started is alive (git, Python, pytest …): that program's;
//! - else a thread of the copying pool runs or waits for the disk: copying dependencies from the cache, in pip's place;
//! - else one of its threads runs or waits for the disk: orchestration;
//! - else it sleeps, and the supervisor is there: waiting for the service. Without a supervisor: orchestration.
//!
//! A program that has ended and was not waited for is no longer alive. Memory is the process's own high-water mark
//! (`VmHWM`), processor time its own without its children's, in the kernel's steps of 10 ms.

mod support;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{median, milliseconds};

const TIMES: usize = 5;
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// The unit of processor time in `/proc` is a hundredth of a second on every Linux there is.
const TICK: Duration = Duration::from_millis(10);
const DESCRIPTION: &str = "A notes API with title and body";

/// Where the time of one run went.
#[derive(Default)]
struct Spent {
    wall: Duration,
    programs: Duration,
    copying: Duration,
    waiting: Duration,
    own: Duration,
    processor: Duration,
    /// In kilobytes.
    memory: u64,
    /// Two at a time count for both.
    by_program: BTreeMap<String, Duration>,
    by_stage: BTreeMap<String, Duration>,
}

/// `/proc/…/stat`: the name, and what follows it from the state on.
fn stat(path: &Path) -> Option<(String, Vec<String>)> {
    let text = fs::read_to_string(path).ok()?;
    let (head, rest) = text.rsplit_once(')')?;
    let name = head.split_once('(')?.1.to_owned();
    Some((name, rest.split_whitespace().map(str::to_owned).collect()))
}

/// What a child is, by its command line; none when it has ended. One that is ending has no command line any more.
fn program(pid: &str) -> Option<String> {
    let (name, fields) = stat(Path::new(&format!("/proc/{pid}/stat")))?;
    if matches!(fields[0].as_str(), "Z" | "X") {
        return None;
    }
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words: Vec<String> =
        line.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
    let base = |word: &str| word.rsplit('/').next().unwrap_or_default().to_owned();
    let first = base(&words[0]);
    if first.is_empty() {
        return Some(format!("ending: {name}"));
    }
    if !first.starts_with("python") {
        // Between fork and exec a child still has its parent's.
        let supervises = words.get(1).is_some_and(|word| word == "supervise");
        return Some(if first == "cgo" && !supervises { "starting one".to_owned() } else { first });
    }
    let module = words.iter().position(|word| word == "-m").and_then(|at| words.get(at + 1));
    let script = words.iter().skip(1).find(|word| !word.starts_with('-')).filter(|word| word.starts_with('/'));
    Some(module.cloned().or(script.map(|path| base(path))).unwrap_or(first))
}

/// Who has the time of this moment.
#[derive(Default)]
struct Look {
    programs: Vec<String>,
    supervisor: bool,
    copies: bool,
    works: bool,
}

fn look(process: &Path) -> Look {
    let mut look = Look::default();
    for task in fs::read_dir(process.join("task")).into_iter().flatten().flatten() {
        for pid in fs::read_to_string(task.path().join("children")).unwrap_or_default().split_whitespace() {
            match program(pid) {
                Some(name) if name == "cgo" => look.supervisor = true,
                Some(name) => look.programs.push(name),
                None => {}
            }
        }
        let Some((name, fields)) = stat(&task.path().join("stat")) else { continue };
        if matches!(fields[0].as_str(), "R" | "D") {
            look.works = true;
            look.copies |= name.starts_with("tokio-");
        }
    }
    look
}

fn memory(process: &Path) -> Option<u64> {
    let status = fs::read_to_string(process.join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

fn cgo(home: &Path, cache: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cgo"));
    command.args(arguments).current_dir(home).env_clear().stdin(Stdio::null());
    for (name, value) in std::env::vars() {
        if name == "PATH" || name.starts_with("PIP_") || name.starts_with("UV_") || name.starts_with("SSL_CERT_") {
            command.env(name, value);
        }
    }
    command.env("HOME", home).env("CGO_CACHE", cache);
    command
}

/// Makes one project, looks at cgo meanwhile, and stops what was started.
fn make(home: &Path, cache: &Path) -> Spent {
    let (answer, talk) = (home.join("answer.json"), home.join("talk"));
    let mut spent = Spent::default();
    let begun = Instant::now();
    let mut child = cgo(home, cache, &["project", "new", DESCRIPTION, "--name", "notes", "--json"])
        .stdout(File::create(&answer).expect("the folder takes it"))
        .stderr(File::create(&talk).expect("the folder takes it"))
        .spawn()
        .expect("cgo starts");
    let process = PathBuf::from(format!("/proc/{}", child.id()));
    let (mut last, mut supervised) = (begun, false);
    // It is waited for at the end only, so that the last figures can be read.
    while let Some((_, fields)) = stat(&process.join("stat")) {
        if fields[0] == "Z" {
            let ticks = |at: usize| fields[at].parse::<u32>().unwrap_or_default();
            spent.processor = TICK * (ticks(11) + ticks(12));
            break;
        }
        let look = look(&process);
        let now = Instant::now();
        let passed = now - last;
        last = now;
        supervised |= look.supervisor;
        *match () {
            () if !look.programs.is_empty() => &mut spent.programs,
            () if look.copies => &mut spent.copying,
            () if look.works || !supervised => &mut spent.own,
            () => &mut spent.waiting,
        } += passed;
        for name in look.programs {
            *spent.by_program.entry(name).or_default() += passed;
        }
        spent.memory = spent.memory.max(memory(&process).unwrap_or_default());
        std::thread::sleep(LOOK_EVERY);
    }
    spent.wall = begun.elapsed();
    let status = child.wait().expect("it ends");
    let stopped = cgo(home, cache, &["project", "stop", "notes"]).output().expect("cgo starts");
    let talk = fs::read_to_string(&talk).unwrap_or_default();
    assert!(status.success() && stopped.status.success(), "{status}: {talk}");
    let answer: Value = serde_json::from_slice(&fs::read(&answer).expect("it was written")).expect("an answer is JSON");
    for stage in answer["data"]["stages"].as_array().expect("an answer has stages") {
        let name = stage["node"].as_str().unwrap_or_default().to_owned();
        spent.by_stage.insert(name, Duration::from_millis(stage["ms"].as_u64().unwrap_or_default()));
    }
    spent
}

fn show(what: &str, time: Duration, goal: &str) {
    println!("  {what:<34} {:>9.1} ms  {goal}", milliseconds(time));
}

fn show_all(runs: &[Spent]) {
    let of = |part: &dyn Fn(&Spent) -> Duration| median(runs.iter().map(part).collect());
    show("wall time", of(&|run| run.wall), "");
    show("programs it started", of(&|run| run.programs), "");
    show("copying dependencies", of(&|run| run.copying), "");
    show("waiting for the service", of(&|run| run.waiting), "");
    show("orchestration: all the rest", of(&|run| run.own), "goal: under 150 ms");
    show("its own processor time", of(&|run| run.processor), "");
    let mut memory: Vec<u64> = runs.iter().map(|run| run.memory).collect();
    memory.sort_unstable();
    let (middle, most) = (memory[memory.len() / 2], memory[memory.len() - 1]);
    println!("  {:<34} {middle:>9} kB  goal: under 40 MB; {most} kB at most", "peak memory");
    for (title, part) in [
        ("by program", (|run: &Spent| run.by_program.clone()) as fn(&Spent) -> BTreeMap<String, Duration>),
        ("by stage, from the journal", |run| run.by_stage.clone()),
    ] {
        println!("  {title}:");
        let mut times: BTreeMap<String, Vec<Duration>> = BTreeMap::new();
        for (name, time) in runs.iter().flat_map(part) {
            times.entry(name).or_default().push(time);
        }
        for (name, times) in times {
            show(&format!("  {name}"), median(times), "");
        }
    }
}

fn main() {
    let homes: Vec<_> = (0..TIMES + 2).map(|_| tempfile::tempdir().expect("a folder")).collect();
    if std::env::args().any(|argument| argument == "cold") {
        println!("project new, nothing cached, one run");
        let home = homes[0].path();
        show_all(&[make(home, &home.join("cache"))]);
    }
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache");
    make(homes[1].path(), &cache);
    let runs: Vec<Spent> = homes[2..].iter().map(|home| make(home.path(), &cache)).collect();
    println!("project new, dependencies cached, medians of {TIMES} runs");
    show_all(&runs);
}
