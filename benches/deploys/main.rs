//! What cgo's own work takes in a deployment, and how soon a release is gone back from.
//!
//! `cargo bench --bench deploys`, as root or with sudo; a real OpenSSH server in namespaces of its own, a small service in
//! Python, Caddy. Two figures, each of the whole program as people call it:
//!
//! - `cgo deploy PROJECT --bake 0` of a commit that was tested before, beside an Ansible play that does the same steps
//!   (`same.yml`: pipelining, one persistent connection, the smallest facts), in turns, nine times after one that is not
//!   counted. From cgo's time what the host's journal says of its steps `build`, `gate` and `drain` is taken off, from
//!   the line that a step begins to the one that it is done, read every millisecond; everything else counts, also what the
//!   play does not do: starting the program, its own journal and store, the question whether the archive is there, Caddy's
//!   configuration, the probe of the live address. The play has neither build nor transfer, gate and drain, so that
//!   nothing is taken off there. Goal: 0.1 of the play's time.
//! - `cgo deploy PROJECT --rollback` while the release before still runs, twenty-one times, each after a deployment that
//!   is being baked: from the start of the command to its end, when visitors get the release before (which is asked).
//!   Goal: 95 of 100 within a second.
//!
//! With `--lines` each line of the host's journal is printed with the time it came.

#[path = "../support/mod.rs"]
mod support;
#[path = "../../tests/it/support/mod.rs"]
#[allow(dead_code, reason = "the tests' surroundings: more than is needed here")]
mod surroundings;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cgo::domain::host::HostKey;
use cgo::domain::server::ServerEvent;
use cgo::domain::time::Timestamp;
use cgo::store::{Servers as _, Store};
use serde_json::json;
use support::{median, milliseconds};
use surroundings::env::{TestEnv, get, until};
use surroundings::service::{SERVICE, serve_less};
use surroundings::sshd::{Sshd, client_key};

const ROUNDS: usize = 9;
const ROLLBACKS: usize = 21;
/// What is the same whoever does it.
const LEFT_OUT: [&str; 3] = ["build", "gate", "drain"];
const PLAY: &str = include_str!("same.yml");

/// A server with a project that serves.
struct Ground {
    env: TestEnv,
    sshd: Sshd,
    url: String,
}

impl Ground {
    fn new() -> Option<Self> {
        let sshd = Sshd::start()?;
        let (env, shared) = (TestEnv::deploying(), sshd.folder().join("lib"));
        std::fs::create_dir(&shared).expect("a folder");
        // What is written there is seen from here.
        sshd.root(&format!("mount --bind '{}' /var/lib", shared.display()));
        let key = client_key().to_str().expect("it is text");
        let fingerprint = HostKey::parse(&sshd.host_key()).expect("a key").fingerprint().to_string();
        env.ok(["servers", "add", "web", &sshd.at("root"), "--key", key, "--fingerprint", &fingerprint]);
        let url = format!("sqlite:{}", env.data().join("cgo.db").display());
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(async {
            let store = Store::open(&url).await.expect("it was made");
            let server = store.server_by_handle("web").await.expect("it answers").expect("it was added");
            let now = Timestamp(server.updated_at.0 + 1);
            store.move_server(&server.id, |_| ServerEvent::TakenAsReady, now).await.expect("it is written");
        });
        env.ok(["project", "new", "a notes API with title and body", "--no-deploy"]);
        let folder = env.work().join("notes-api");
        serve_less(&folder);
        let made = env.json(["deploy", "notes-api", "--server", "web", "--bake", "0"]);
        let url = made["url"].as_str().expect("it serves").to_owned();
        Some(Self { env, sshd, url })
    }

    fn operations(&self) -> PathBuf {
        self.sshd.folder().join("lib/cgo/apps/notes-api/production/ops")
    }

    fn serves(&self) -> String {
        let ready: serde_json::Value = serde_json::from_str(&get(&format!("{}/ready", self.url)).1).unwrap_or_default();
        ready["release"].as_str().unwrap_or_default().to_owned()
    }
}

fn timed(command: &mut Command) -> Duration {
    let begun = Instant::now();
    let output = command.stdin(Stdio::null()).output().expect("it starts");
    let took = begun.elapsed();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{command:?}\n{said}{}", String::from_utf8_lossy(&output.stderr));
    took
}

/// When each line came into the journals below a folder, as long as it is not told to stop.
fn watched(operations: &Path, stop: &AtomicBool) -> Vec<(Instant, String)> {
    let mut lines = Vec::new();
    let journals = || -> Vec<PathBuf> {
        let folders = std::fs::read_dir(operations).expect("it is there").flatten();
        folders.map(|folder| folder.path().join("journal")).collect()
    };
    let before = journals();
    let (mut journal, mut seen) = (None, 0);
    while !stop.load(Ordering::Relaxed) {
        let new = || journals().into_iter().find(|path| !before.contains(path) && path.exists());
        journal = journal.or_else(new);
        if let Some(text) = journal.as_ref().and_then(|path| std::fs::read_to_string(path).ok()) {
            let now = Instant::now();
            let whole = text.matches('\n').count();
            lines.extend(text.lines().take(whole).skip(seen).map(|line| (now, line.to_owned())));
            seen = whole;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    lines
}

/// How long steps took, by the journal.
fn took(lines: &[(Instant, String)], step: &str) -> Duration {
    let mut begun = None;
    let mut sum = Duration::ZERO;
    for (at, line) in lines {
        let line: serde_json::Value = serde_json::from_str(line).expect("it is JSON");
        match (line["step"] == step, line["mark"].as_str()) {
            (true, Some("intent")) => begun = Some(*at),
            (true, Some("done")) => sum += begun.take().map_or(Duration::ZERO, |begun| *at - begun),
            _ => {}
        }
    }
    sum
}

/// A deployment: how long it took, and how long those steps of it that are left out.
fn deployed(ground: &Ground) -> (Duration, [Duration; 3]) {
    let stop = Arc::new(AtomicBool::new(false));
    let watch = {
        let (stop, operations) = (Arc::clone(&stop), ground.operations());
        std::thread::spawn(move || watched(&operations, &stop))
    };
    let begun = Instant::now();
    let all = timed(&mut ground.env.command(["deploy", "notes-api", "--bake", "0"]));
    stop.store(true, Ordering::Relaxed);
    let lines = watch.join().expect("it reads");
    if std::env::args().any(|argument| argument == "--lines") {
        for (at, line) in &lines {
            println!("{:>8.1} ms  {line}", milliseconds(*at - begun));
        }
        println!("{:>8.1} ms  the end", milliseconds(all));
    }
    (all, LEFT_OUT.map(|step| took(&lines, step)))
}

/// The play, and what it plays on.
struct Play<'a> {
    ground: &'a Ground,
    made: usize,
}

impl<'a> Play<'a> {
    fn new(ground: &'a Ground) -> Self {
        let folder = ground.env.work();
        std::fs::write(folder.join("same.yml"), PLAY).expect("a file");
        let host: serde_json::Value =
            serde_json::from_str(&ground.env.ok(["servers", "inventory", "--host", "web"]).stdout).expect("it is JSON");
        let all = json!({ "all": { "hosts": { "web": host } } });
        std::fs::write(folder.join("hosts.json"), all.to_string()).expect("a file");
        std::fs::write(ground.sshd.folder().join("serve.py"), SERVICE).expect("a file");
        ground.sshd.root(
            "mkdir -p /var/lib/play/releases /var/lib/play/slots/blue /var/lib/play/slots/green /var/lib/play/active",
        );
        Self { ground, made: 0 }
    }

    fn run(&mut self) -> Duration {
        self.made += 1;
        let (slot, old) = if self.made % 2 == 1 { ("blue", "green") } else { ("green", "blue") };
        let port = if slot == "blue" { 31_771 } else { 31_772 };
        let release = format!("rel-{:012}", self.made);
        let env = format!("export RELEASE='{release}' HOST='127.0.0.1' PORT='{port}'\n");
        let launch = format!("exec setsid python3 -u {}/serve.py\n", self.ground.sshd.folder().display());
        let given = json!({
            "base": "/var/lib/play", "release": release, "slot": slot, "old": old, "port": port, "env": env, "launch": launch,
        });
        let folder = self.ground.env.work();
        let inner = self.ground.env.command(["--version"]);
        let mut command = Command::new("ansible-playbook");
        command.env_clear().envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.envs([("LC_ALL", "C.UTF-8"), ("ANSIBLE_PIPELINING", "True"), ("ANSIBLE_INVENTORY_ENABLED", "yaml")]);
        command.current_dir(&folder).args(["-i", "hosts.json", "same.yml", "-e", &given.to_string()]);
        let time = timed(&mut command);
        let answers = format!("curl -fsS --noproxy '*' http://127.0.0.1:{port}/");
        until("the play's release", || self.ground.sshd.root(&format!("{answers} || true")).contains(&release));
        time
    }
}

fn orchestration(ground: &Ground) {
    let mut play = Play::new(ground);
    let (mut whole, mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut steps: [Vec<Duration>; 3] = Default::default();
    for round in 0..=ROUNDS {
        let (all, left_out) = deployed(ground);
        let own = all.saturating_sub(left_out.iter().sum());
        let other = play.run();
        if round > 0 {
            ratios.push(Duration::from_secs_f64(own.as_secs_f64() / other.as_secs_f64()));
            whole.push(all);
            ours.push(own);
            theirs.push(other);
            for (times, time) in steps.iter_mut().zip(left_out) {
                times.push(time);
            }
        }
    }
    println!("a deployment to one server: {ROUNDS} rounds in turns, medians");
    println!("  cgo deploy, whole              {:>8.1} ms", milliseconds(median(whole)));
    for (step, times) in LEFT_OUT.iter().zip(steps) {
        println!("    of it {step:<23}  {:>8.1} ms", milliseconds(median(times)));
    }
    println!("  cgo deploy without them        {:>8.1} ms", milliseconds(median(ours)));
    println!("  ansible-playbook, the same     {:>8.1} ms", milliseconds(median(theirs)));
    println!("  ratio                          {:>8.3}       goal: 0.1 at most", median(ratios).as_secs_f64());
}

fn rollbacks(ground: &Ground) {
    let mut times: Vec<Duration> = (0..ROLLBACKS)
        .map(|_| {
            let before = ground.serves();
            let going = ground.env.start(["deploy", "notes-api", "--bake", "60"]);
            until("the new release", || !["", before.as_str()].contains(&ground.serves().as_str()));
            let time = timed(&mut ground.env.command(["deploy", "notes-api", "--rollback"]));
            assert_eq!(ground.serves(), before);
            assert_eq!(going.end().code, Some(7));
            time
        })
        .collect();
    times.sort_unstable();
    let late = times[(times.len() * 95).div_ceil(100) - 1];
    println!("going back while the release before still runs: {ROLLBACKS} times");
    println!("  median                         {:>8.1} ms", milliseconds(median(times.clone())));
    println!("  95 of 100 within               {:>8.1} ms    goal: 1000 at most", milliseconds(late));
    println!("  the longest                    {:>8.1} ms", milliseconds(times[times.len() - 1]));
}

fn main() {
    let Some(ground) = Ground::new() else {
        println!("skipped: no OpenSSH server can be started here");
        return;
    };
    orchestration(&ground);
    rollbacks(&ground);
    ground.env.ok(["project", "remove", "notes-api", "--yes"]);
}
