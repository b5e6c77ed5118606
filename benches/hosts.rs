//! What many hosts, and far ones, cost.
//!
//! `cargo bench --bench hosts [-- checks]`, as root or with sudo. Two comparisons, with real OpenSSH servers:
//!
//! - `cgo servers check` over twenty hosts, each behind a proxy of its own that holds every byte back for 25 ms each way,
//!   so that a round trip takes 50 ms; nine times after one that logs in, and as often without the proxies' delay. All
//!   twenty hosts are on this machine and have no container engine: what their looks cost its processors is part of both.
//!   The goal is two round trips and 300 ms for all of them. One host alone shows what a look takes where the others have
//!   processors of their own. What cgo itself uses of the processors is shown as well, from
//!   `/proc/self/stat`: its children are those that were waited for, and the connections' masters are none of them.
//! - setting up a server that is set up already: `cgo servers provision` beside an Ansible playbook of the same content
//!   (pipelining, one persistent connection, modules of ansible-core), in turns, five times after one that is not counted.
//!   The machine is a bare Debian that cgo has set up before. The goal is 0.05 of Ansible's time.

mod support;
#[path = "../tests/it/support/mod.rs"]
#[allow(dead_code, reason = "the tests' surroundings: more than is needed here")]
mod surroundings;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cgo::domain::host::HostKey;
use support::{median, milliseconds};
use surroundings::env::TestEnv;
use surroundings::machine::Machine;
use surroundings::sshd::{Sshd, client_key};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const HOSTS: usize = 20;
const CHECKS: usize = 9;
const ONE_WAY: Duration = Duration::from_millis(25);
const ROUNDS: usize = 5;

/// What the playbook says is what the steps say.
const PLAYBOOK: &str = include_str!("hosts/equal.yml");

fn main() {
    checks();
    if std::env::args().all(|word| word != "checks") {
        second_runs();
    }
}

/// Passes bytes on, each so much later. The delay may change while it runs.
async fn proxy(listener: TcpListener, to: (String, u16), delay: Arc<AtomicU64>) {
    while let Ok((near, _)) = listener.accept().await {
        let Ok(far) = TcpStream::connect((to.0.as_str(), to.1)).await else { continue };
        let _ = (near.set_nodelay(true), far.set_nodelay(true));
        let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
        tokio::spawn(later(near_in, far_out, Arc::clone(&delay)));
        tokio::spawn(later(far_in, near_out, Arc::clone(&delay)));
    }
}

async fn later(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    delay: Arc<AtomicU64>,
) {
    let (send, mut receive) = tokio::sync::mpsc::channel::<(tokio::time::Instant, Vec<u8>)>(1024);
    let reading = async move {
        let mut buffer = vec![0_u8; 64 * 1024];
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            let due = tokio::time::Instant::now() + Duration::from_millis(delay.load(Ordering::Relaxed));
            if send.send((due, buffer[..count].to_vec())).await.is_err() {
                break;
            }
        }
    };
    let writing = async move {
        while let Some((due, bytes)) = receive.recv().await {
            tokio::time::sleep_until(due).await;
            if to.write_all(&bytes).await.is_err() {
                break;
            }
        }
    };
    tokio::join!(reading, writing);
}

/// Starts a proxy for each host in a thread of its own; their ports.
fn proxies(hosts: &[Sshd], delay: &Arc<AtomicU64>) -> Vec<u16> {
    let listeners: Vec<_> =
        hosts.iter().map(|_| std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port is free")).collect();
    let ports = listeners.iter().map(|listener| listener.local_addr().expect("it is bound").port()).collect();
    let to: Vec<_> = hosts.iter().map(|host| (host.address.clone(), host.port)).collect();
    let delay = Arc::clone(delay);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let mut tasks = tokio::task::JoinSet::new();
            for (listener, to) in listeners.into_iter().zip(to) {
                listener.set_nonblocking(true).expect("it can be");
                let listener = TcpListener::from_std(listener).expect("it is one");
                tasks.spawn(proxy(listener, to, Arc::clone(&delay)));
            }
            tasks.join_all().await;
        });
    });
    ports
}

fn add(env: &TestEnv, name: &str, destination: &str, host_key: &str) {
    let fingerprint = HostKey::parse(host_key).expect("a key").fingerprint().to_string();
    let key = client_key().display().to_string();
    env.ok(["servers", "add", name, destination, "--key", &key, "--fingerprint", &fingerprint]);
}

fn timed(command: &mut Command) -> Duration {
    let begun = Instant::now();
    let output = command.stdin(Stdio::null()).output().expect("it starts");
    let took = begun.elapsed();
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
    took
}

/// Processor time of the programs this one has waited for, in the kernel's steps of 10 ms.
fn children() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").expect("it is Linux");
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: u32 = fields[13..15].iter().map(|field| field.parse::<u32>().expect("a number")).sum();
    Duration::from_millis(10) * ticks
}

fn checks() {
    let hosts: Vec<Sshd> = (0..HOSTS).map_while(|_| Sshd::start()).collect();
    if hosts.len() < HOSTS {
        println!("servers check: skipped, no OpenSSH servers can be started here");
        return;
    }
    for host in &hosts {
        for engine in ["docker", "podman"] {
            host.hide(engine);
        }
    }
    let delay = Arc::new(AtomicU64::new(0));
    let ports = proxies(&hosts, &delay);
    let env = TestEnv::new();
    let names: Vec<String> = (0..HOSTS).map(|at| format!("web-{at}")).collect();
    for ((host, port), name) in hosts.iter().zip(&ports).zip(&names) {
        add(&env, name, &format!("root@127.0.0.1:{port}"), &host.host_key());
    }
    let check = || timed(env.command(["servers", "check"]).args(&names));
    let (mut near, mut far) = (Vec::new(), Vec::new());
    check();
    let before = children();
    for _ in 0..CHECKS {
        for (times, one_way) in [(&mut near, Duration::ZERO), (&mut far, ONE_WAY)] {
            delay.store(u64::try_from(one_way.as_millis()).expect("short"), Ordering::Relaxed);
            times.push(check());
        }
    }
    let own = children().saturating_sub(before) / u32::try_from(2 * CHECKS).expect("few");
    let alone = (0..CHECKS).map(|_| timed(&mut env.command(["servers", "check", "web-0"]))).collect();
    delay.store(0, Ordering::Relaxed);
    let (near, far) = (milliseconds(median(near)), milliseconds(median(far)));
    let trip = milliseconds(ONE_WAY) * 2.0;
    println!("servers check: {HOSTS} hosts on this machine, {CHECKS} rounds, connections stand");
    println!("  at a round trip of 0 ms        {near:>8.1} ms median");
    println!("  at a round trip of {trip:.0} ms       {far:>8.1} ms median    goal: {:.0} at most", 2.0 * trip + 300.0);
    println!("  one of them alone, at that     {:>8.1} ms median", milliseconds(median(alone)));
    println!("  cgo's own processor time       {:>8.1} ms for {HOSTS}", milliseconds(own));
    println!("  round trips                    {:>8.2}", (far - near) / trip);
}

fn second_runs() {
    let Some(machine) = Machine::start() else {
        println!("second set-up: skipped, no bare machine can be made here");
        return;
    };
    let env = TestEnv::new();
    add(&env, "web", &machine.at("root"), &machine.host_key());
    env.ok(["servers", "provision", "web", "--yes", "--engine", "podman"]);
    let folder = env.work();
    let (book, inventory) = (folder.join("equal.yml"), folder.join("hosts.json"));
    std::fs::write(&book, PLAYBOOK).expect("a file");
    let hosts: serde_json::Value =
        serde_json::from_str(&env.ok(["servers", "inventory", "--host", "web"]).stdout).expect("it is JSON");
    let all = serde_json::json!({ "all": { "hosts": { "web": hosts } } });
    std::fs::write(&inventory, all.to_string()).expect("a file");
    let ansible = || {
        let inner = env.command(["--version"]);
        let mut command = Command::new("ansible-playbook");
        command.env_clear().envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.envs([("LC_ALL", "C.UTF-8"), ("ANSIBLE_PIPELINING", "True"), ("ANSIBLE_INVENTORY_ENABLED", "yaml")]);
        command.current_dir(Path::new(&folder)).arg("-i").arg(&inventory).arg(&book);
        command
    };
    let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let mine = timed(&mut env.command(["servers", "provision", "web"]));
        let other = timed(&mut ansible());
        if round > 0 {
            ratios.push(Duration::from_secs_f64(mine.as_secs_f64() / other.as_secs_f64()));
            ours.push(mine);
            theirs.push(other);
        }
    }
    let changed = ansible().output().expect("it ran before");
    let changed = String::from_utf8_lossy(&changed.stdout).contains("changed=0");
    println!(
        "second set-up: {ROUNDS} rounds in turns; the playbook changes {}",
        if changed { "nothing" } else { "something" }
    );
    println!("  cgo servers provision          {:>8.1} ms median", milliseconds(median(ours)));
    println!("  ansible-playbook               {:>8.1} ms median", milliseconds(median(theirs)));
    println!("  ratio                          {:>8.3} median      goal: 0.05 at most", median(ratios).as_secs_f64());
}
