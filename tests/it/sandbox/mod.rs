//! The sandbox of coding agents, with the real bubblewrap: what a program tries, and what it gets.
//!
//! All of it runs as whoever runs the tests, and, when that is root, once more as a user without privileges.

mod repository;

use std::io::Read as _;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use cgo::coder::sandbox::{self, Hidden, Job, Limits, Mode, Network, Ran, Sandbox, Stopped};
use cgo::exec::Exit;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::support::env::{copy_program, missing, until};

/// Set for the second run of these tests, which is another user's.
const SECOND: &str = "CGO_TEST_SECOND_USER";
/// That user.
const NOBODY: u32 = 65534;

/// A sandbox with a workspace, and a place outside it.
struct Box {
    sandbox: Sandbox,
    folder: TempDir,
    runtime: tokio::runtime::Runtime,
    job: Job,
}

fn helper() -> PathBuf {
    std::env::var_os(SECOND).map_or_else(|| env!("CARGO_BIN_EXE_cgo").into(), PathBuf::from)
}

impl Box {
    /// None where there is no bubblewrap.
    fn new() -> Option<Self> {
        Self::with(Mode::Bubblewrap)
    }

    fn with(mode: Mode) -> Option<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let sandbox = match runtime.block_on(Sandbox::with_helper(mode, helper(), &CancellationToken::new())) {
            Ok(sandbox) => sandbox,
            Err(error) => {
                missing(&format!("a working bubblewrap ({error})"));
                return None;
            }
        };
        let folder = tempfile::tempdir().expect("a folder for the test");
        for name in ["work", "home", "outside"] {
            std::fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        let limits = Limits { wall: Duration::from_mins(1), grace: Duration::from_secs(1), ..Limits::default() };
        let job = Job {
            program: "bash".into(),
            args: vec![],
            workspace: folder.path().join("work"),
            home: folder.path().join("home"),
            git: None,
            read_only: vec![],
            sealed: vec![],
            hidden: Hidden::default(),
            path: vec![],
            env: std::collections::BTreeMap::default(),
            network: Network::None,
            limits,
        };
        Some(Self { sandbox, folder, runtime, job })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, script: &str) -> Ran {
        self.run_until(script, &CancellationToken::new())
    }

    fn run_until(&self, script: &str, cancel: &CancellationToken) -> Ran {
        let mut job = self.job.clone();
        job.args = vec!["-c".into(), script.into()];
        self.runtime.block_on(self.sandbox.run(&job, cancel, &mut |_, _| ())).expect("the sandbox runs the program")
    }

    /// What a script says, errors included and in their place, that must come to its end.
    fn says(&self, script: &str) -> String {
        let ran = self.run(&format!("exec 2>&1; {script}"));
        assert_eq!(ran.stopped, None, "{}", ran.stdout.text());
        ran.stdout.text()
    }
}

/// Seconds that nobody waits for and that no other test, nor the same one as another user, sleeps at the same time.
fn nap(of: u32) -> String {
    format!("9876{of}.{}", std::process::id())
}

/// Whether a process runs whose command line has this word.
fn runs(word: &str) -> bool {
    cgo::exec::identity::pids().into_iter().any(|pid| {
        std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| {
            line.split(|byte| *byte == 0).any(|argument| argument == word.as_bytes())
                && cgo::exec::identity::Identity::of(pid).is_some()
        })
    })
}

#[test]
fn the_operators_files_and_variables_are_not_there() {
    let Some(place) = Box::new() else { return };
    let secret = place.path("outside/id_ed25519");
    std::fs::write(&secret, "KEY-OF-THE-OPERATOR").unwrap();
    let home = std::env::home_dir().unwrap_or_else(|| "/root".into());
    let script = format!(
        "cat {0}; cat ../outside/id_ed25519; ls -A {1} {1}/.ssh {1}/.config {1}/.local/share/cgo /root /home/*; \
         cat /etc/shadow /etc/ssh/*; ls /var/run /run/docker.sock /sys /mnt /srv; cat /proc/{2}/environ",
        secret.display(),
        home.display(),
        std::process::id()
    );
    let said = place.says(&script);
    assert!(!said.contains("KEY-OF"), "{said}");
    let quiet = place.run(&format!("exec 2>/dev/null; {script}")).stdout.text();
    assert_eq!(quiet.replace("/home/agent:\n", "").trim(), "", "something was read");

    let names = "env | cut -d= -f1 | sort | tr '\\n' ' '";
    let wanted = "CGO_SANDBOX HOME LANG PATH PWD SHLVL TERM TMPDIR USER _ ";
    assert_eq!(place.says(names), wanted);
    let first = place.says("tr '\\0' '\\n' </proc/1/environ | cut -d= -f1 | sort | tr '\\n' ' '");
    assert!(first.is_empty() || wanted.starts_with(&first[..11]) && !first.contains("CARGO"), "{first}");
    // Only what runs inside is seen: bubblewrap's first process and the script with what it calls.
    let seen = place.says("ls /proc | grep -c '^[0-9]'");
    assert!(seen.trim().parse::<u32>().is_ok_and(|count| count < 10), "{seen}");
    assert_eq!(place.says("id -u; hostname").replace('\n', " "), "1000 sandbox ");
}

#[test]
fn what_is_asked_for_is_there_to_read_and_not_to_write() {
    let Some(mut place) = Box::new() else { return };
    std::fs::write(place.path("outside/tool"), "#!/bin/sh\necho tool ran $GIVEN\n").unwrap();
    std::fs::set_permissions(place.path("outside/tool"), std::fs::Permissions::from_mode(0o755)).unwrap();
    place.job.read_only = vec![place.path("outside")];
    place.job.path = vec![place.path("outside")];
    place.job.env.insert("GIVEN".into(), "a $b 'c'".into());
    let said = place.says("tool; echo x > $(command -v tool) || echo refused; echo kept > ~/left; pwd; touch made");
    assert!(said.starts_with("tool ran a $b 'c'\n") && said.contains("refused"), "{said}");
    assert!(said.ends_with(&format!("{}\n", place.path("work").canonicalize().unwrap().display())), "{said}");
    assert_eq!(std::fs::read_to_string(place.path("home/left")).unwrap(), "kept\n");
    assert!(place.path("work/made").exists());
}

#[test]
fn nothing_outside_the_workspace_can_be_written() {
    let Some(place) = Box::new() else { return };
    let outside = place.path("outside");
    std::fs::write(outside.join("file"), "before").unwrap();
    std::os::unix::fs::symlink(&outside, place.path("work/link")).unwrap();
    std::os::unix::fs::symlink(outside.join("file"), place.path("work/file")).unwrap();
    let script = format!(
        "echo after > file; echo after > link/file; echo after > link/new; echo after > ../outside/new; \
         echo after > {0}/new; mkdir -p {0} && echo after > {0}/new; ln {0}/file hard && echo after > hard; \
         ln /usr/bin/env hard2 && echo after >> hard2; touch /new /usr/new /etc/new /dev/new /run/new /home/new; \
         mount -t tmpfs none /usr; unshare -U true; (exec 3>>/proc/sys/kernel/core_pattern) && echo opened; \
         (exec 3>/proc/sysrq-trigger) && echo opened; \
         find / -xdev -writable ! -type l ! -path '/proc/*' ! -path '/dev/*' 2>/dev/null",
        outside.display()
    );
    let ran = place.run(&script);
    assert_eq!(std::fs::read_to_string(outside.join("file")).unwrap(), "before", "{}", ran.stderr.text());
    assert!(!outside.join("new").exists());
    // The root is a file system of its own, with places of the sandbox only, and itself read-only.
    assert!(!ran.stdout.text().contains("opened"), "{}", ran.stdout.text());
    for path in ["/new", "/usr/new", "/etc/new", "/run/new", "/home/new"] {
        assert!(!Path::new(path).exists() && ran.stderr.text().contains(&format!("'{path}'")), "{path}");
    }
}

/// Talks to an address from Python: what came back, or what went wrong.
fn talk(address: &str) -> String {
    format!(
        "python3 -c 'import socket\ns = socket.create_connection((\"127.0.0.1\", {address}), 5)\n\
         s.sendall(b\"ask\")\ns.shutdown(1)\nprint(s.recv(99).decode())' 2>&1 | tail -n 1"
    )
}

/// Answers everybody until the tests end; the port.
fn server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut asked = String::new();
            let _ = stream.read_to_string(&mut asked);
            let _ = std::io::Write::write_all(&mut stream, b"the host answers");
        }
    });
    port
}

#[test]
fn the_network_is_out_of_reach_unless_it_is_allowed() {
    let Some(mut place) = Box::new() else { return };
    let (open, other) = (server(), server());
    let abstract_name = format!("cgo-test-{}", std::process::id());
    let _socket = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&abstract_name).unwrap()).unwrap();
    let knock = format!(
        "python3 -c 'import socket\ns = socket.socket(socket.AF_UNIX)\ns.connect(\"\\0{abstract_name}\")\n\
         print(\"connected\")' 2>&1 | tail -n 1"
    );
    let resolve = "getent hosts example.com || echo unresolved; ls /sys/class/net 2>&1; cat /proc/net/dev | wc -l";

    assert!(place.says(&talk(&open.to_string())).contains("refused"));
    assert!(place.says(&knock).contains("refused"));
    let said = place.says(resolve);
    assert!(said.contains("unresolved") && said.trim().ends_with('3'), "more than a loopback: {said}");

    place.job.network = Network::Only(([127, 0, 0, 1], open).into());
    assert_eq!(place.says(&talk(&open.to_string())), "the host answers\n");
    assert!(place.says(&talk(&other.to_string())).contains("refused"));
    assert!(place.says(&knock).contains("refused"));
    assert_eq!(place.run("exit 7").exit, Some(Exit::Code(7)));
    assert_eq!(place.run("kill -9 $$").exit, Some(Exit::Code(137)));

    place.job.network = Network::Full;
    assert_eq!(place.says(&talk(&other.to_string())), "the host answers\n");
}

#[test]
fn a_fork_bomb_ends_the_run() {
    for mode in [Mode::Bubblewrap, Mode::Off] {
        let Some(mut place) = Box::with(mode) else { return };
        place.job.limits.processes = 80;
        // A bomb of 511 shells: what a fault of the sandbox lets through must not take the machine along.
        let nap = nap(1);
        let bomb = format!(
            "bomb() {{ [ $1 = 0 ] || {{ bomb $(($1 - 1)) | bomb $(($1 - 1)) & }}; sleep {nap}; }}; bomb 8; wait"
        );
        let ran = place.run(&bomb);
        assert_eq!(ran.stopped, Some(Stopped::Processes), "{mode:?}");
        assert!(!runs(&nap), "{mode:?}: a process survived");
    }
}

#[test]
fn a_memory_bomb_ends_the_run() {
    let Some(mut place) = Box::new() else { return };
    place.job.limits.memory = 200 << 20;
    // One process meets its own limit; many small ones meet that of all.
    let one = place.says("python3 -c 'x = bytearray(400 << 20)' 2>&1 | tail -n 1");
    assert!(one.contains("MemoryError"), "{one}");
    let many = "for i in 1 2 3 4 5 6; do python3 -c 'import time\nx = bytearray(b\"x\") * (60 << 20)\n\
                time.sleep(60)' & done; wait";
    let ran = place.run(many);
    assert_eq!(ran.stopped, Some(Stopped::Memory), "{}", ran.stderr.text());
    assert!(ran.took < Duration::from_secs(40));
}

#[test]
fn a_full_disk_is_the_programs_own() {
    let Some(mut place) = Box::new() else { return };
    place.job.limits.file_size = 4 << 20;
    place.job.limits.disk = 40 << 20;
    place.job.limits.scratch = 8 << 20;
    // One file, and the places in memory.
    let said = place.says(
        "head -c 20M /dev/zero > one; stat -c %s one; head -c 3M /dev/zero > /tmp/a; head -c 3M /dev/zero > /tmp/b; \
         head -c 3M /dev/zero > /tmp/c || echo full; head -c 1K /dev/zero > /dev/shm/x && echo there; rm one",
    );
    assert!(said.contains("4194304\n") && said.contains("full\n") && said.ends_with("there\n"), "{said}");
    // Many files.
    let ran = place.run("i=0; while :; do i=$((i+1)); head -c 1M /dev/urandom > f$i; done");
    assert_eq!(ran.stopped, Some(Stopped::Disk));
    assert!(ran.took < Duration::from_secs(40));
}

#[test]
fn output_without_end_ends_the_run_and_little_of_it_is_kept() {
    let Some(mut place) = Box::new() else { return };
    place.job.limits.output = 100 << 20;
    place.job.limits.keep = 10_000;
    let ran = place.run("yes 'a line of output that goes on and on'");
    assert_eq!(ran.stopped, Some(Stopped::Output));
    assert!(ran.written > 100 << 20, "{}", ran.written);
    assert!(ran.stdout.bytes().len() < 11_000);
    assert_eq!(ran.exit, None);
}

#[test]
fn a_program_that_ignores_the_request_to_end_is_killed() {
    let Some(mut place) = Box::new() else { return };
    place.job.limits.wall = Duration::from_millis(500);
    let begun = Instant::now();
    let nap = nap(2);
    let ran = place.run(&format!("trap '' TERM INT HUP; while :; do sleep {nap}; done"));
    assert_eq!(ran.stopped, Some(Stopped::Wall));
    assert!(begun.elapsed() >= Duration::from_millis(1500), "it had no time to end by itself");
    until("the program's end", || !runs(&nap));
    // One that heeds it has the time to say so, with the way to the meter open or not.
    for network in [Network::None, Network::Only(([127, 0, 0, 1], 9999).into())] {
        place.job.network = network;
        let ran = place.run(&format!("trap 'echo asked; exit 0' TERM; echo up; sleep {nap} & wait"));
        assert_eq!((ran.stopped, ran.stdout.text().as_str()), (Some(Stopped::Wall), "up\nasked\n"));
    }
}

#[test]
fn silence_and_a_cancelled_token_end_the_run() {
    let Some(mut place) = Box::new() else { return };
    place.job.limits.idle = Some(Duration::from_millis(600));
    let nap = nap(3);
    let ran = place.run(&format!("for i in 1 2 3 4 5; do echo $i; sleep 0.2; done; sleep {nap}"));
    assert_eq!((ran.stopped, ran.stdout.text().as_str()), (Some(Stopped::Idle), "1\n2\n3\n4\n5\n"));
    let cancel = CancellationToken::new();
    let from_output = cancel.clone();
    let mut job = place.job.clone();
    job.args = vec!["-c".into(), format!("echo up; sleep {nap}").into()];
    let mut on_bytes = |_, _: &[u8]| from_output.cancel();
    let ran = place.runtime.block_on(place.sandbox.run(&job, &cancel, &mut on_bytes)).unwrap();
    assert_eq!((ran.stopped, ran.exit), (Some(Stopped::Cancelled), None));
    assert!(!runs(&nap));
}

#[test]
fn a_daemon_does_not_outlive_the_run() {
    for mode in [Mode::Bubblewrap, Mode::Off] {
        let Some(place) = Box::with(mode) else { return };
        let nap = nap(4);
        let said = place.says(&format!(
            "(setsid setsid sh -c 'trap \"\" TERM HUP; exec >/dev/null 2>&1; while :; do sleep {nap}; done' &) ; \
             sleep 0.3; echo left",
        ));
        assert_eq!(said, "left\n");
        assert!(!runs(&nap), "{mode:?}: the daemon lives");
    }
}

#[test]
fn a_run_that_is_dropped_leaves_nothing() {
    let Some(place) = Box::new() else { return };
    let mut job = place.job.clone();
    let nap = nap(5);
    job.args = vec!["-c".into(), format!("echo up; sleep {nap} & sleep {nap}").into()];
    let cancel = CancellationToken::new();
    place.runtime.block_on(async {
        let (up, mut is_up) = tokio::sync::mpsc::unbounded_channel();
        let mut on_bytes = move |_, _: &[u8]| {
            let _ = up.send(());
        };
        tokio::select! {
            _ = place.sandbox.run(&job, &cancel, &mut on_bytes) => panic!("it ended"),
            _ = is_up.recv() => {}
        }
    });
    until("the end of what was started", || !runs(&nap));
}

#[test]
fn what_is_sealed_is_read_and_not_written() {
    let Some(mut place) = Box::new() else { return };
    let (work, outside) = (place.path("work"), place.path("outside"));
    std::fs::create_dir_all(work.join("app/.venv")).unwrap();
    std::fs::write(outside.join("shared.pyc"), "compiled\n").unwrap();
    std::fs::hard_link(outside.join("shared.pyc"), work.join("app/.venv/m.pyc")).unwrap();
    place.job.sealed = vec![work.join("app/.venv"), work.join("not/there")];
    let said = place.says(
        "cat app/.venv/m.pyc; echo evil > app/.venv/m.pyc; chmod 777 app/.venv/m.pyc; rm -rf app/.venv; \
         mv app/.venv gone; touch app/.venv/new; touch app/mine && echo tried",
    );
    assert!(said.starts_with("compiled\n") && said.ends_with("tried\n"), "{said}");
    assert_eq!(std::fs::read_to_string(outside.join("shared.pyc")).unwrap(), "compiled\n", "{said}");
    assert!(work.join("app/mine").exists() && !work.join("app/.venv/new").exists());
    // A link in its place lets in nothing.
    std::fs::write(outside.join("key"), "of the operator").unwrap();
    std::fs::remove_dir_all(work.join("app/.venv")).unwrap();
    std::os::unix::fs::symlink(&outside, work.join("app/.venv")).unwrap();
    assert!(!place.says("cat app/.venv/key; echo end").contains("of the operator"));
}

#[test]
fn programs_of_root_give_nothing() {
    let Some(place) = Box::new() else { return };
    let copy = place.path("work/id");
    copy_program("/usr/bin/id", &copy);
    let _ = chown(&copy, Some(0), Some(0));
    std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o6755)).unwrap();
    assert_eq!(place.says("./id -u; ./id -ru"), "1000\n1000\n");
    let status = place.says("grep -E '^(CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs)' /proc/self/status | tr -d '\\t'");
    let none = "0000000000000000";
    assert_eq!(status, format!("CapPrm:{none}\nCapEff:{none}\nCapBnd:{none}\nCapAmb:{none}\nNoNewPrivs:1\n"));
    assert!(!place.says("ls -l $(command -v su sudo mount passwd); su -c id 2>&1; sudo -n id 2>&1").contains("uid=0"));
}

#[test]
fn without_walls_the_environment_is_still_an_allow_list() {
    let Some(mut place) = Box::with(Mode::Off) else { return };
    place.job.env.insert("GIVEN".into(), "yes".into());
    let names = place.says("env | cut -d= -f1 | sort | tr '\\n' ' '; echo; echo $HOME; ulimit -n");
    let home = place.path("home").canonicalize().unwrap();
    let wanted = "CGO_SANDBOX GIVEN HOME LANG PATH PWD SHLVL TERM TMPDIR USER _ \n";
    assert_eq!(names, format!("{wanted}{}\n{}\n", home.display(), Limits::default().open_files));
}

#[test]
fn folders_that_hold_too_much_are_refused() {
    let Some(place) = Box::new() else { return };
    for (name, workspace) in [("root", PathBuf::from("/")), ("the parent", place.folder.path().to_owned())] {
        let job = Job { workspace, ..place.job.clone() };
        let refused = place.runtime.block_on(place.sandbox.run(&job, &CancellationToken::new(), &mut |_, _| ()));
        assert!(matches!(refused, Err(sandbox::Error::Path { .. })), "{name}: {refused:?}");
    }
    let job = Job { program: "no-such-program".into(), args: vec![], ..place.job.clone() };
    let ran = place.runtime.block_on(place.sandbox.run(&job, &CancellationToken::new(), &mut |_, _| ())).unwrap();
    assert_eq!(ran.exit, Some(Exit::Code(127)));
    assert!(ran.stderr.text().contains("no-such-program"), "{}", ran.stderr.text());
}

#[test]
fn all_of_it_holds_for_a_user_without_privileges() {
    if std::env::var_os(SECOND).is_some() {
        return;
    }
    if !rustix::process::geteuid().is_root() {
        println!("skipped: these tests run without privileges already");
        return;
    }
    // The folder of the build may be root's alone.
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let (tests, cgo) = (folder.path().join("tests"), folder.path().join("cgo"));
    copy_program(std::env::current_exe().unwrap(), &tests);
    copy_program(env!("CARGO_BIN_EXE_cgo"), &cgo);
    let temporary = folder.path().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    chown(&temporary, Some(NOBODY), Some(NOBODY)).unwrap();
    let id = NOBODY.to_string();
    let mut second = Command::new("setpriv");
    second.args(["--reuid", &id, "--regid", &id, "--clear-groups", "--inh-caps=-all"]).arg(&tests);
    second.args(["sandbox::", "--test-threads", "2"]).current_dir("/").env_clear();
    for (name, value) in std::env::vars_os().filter(|(name, _)| name == "CGO_TEST_REQUIRE_ALL") {
        second.env(name, value);
    }
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let output = second
        .env("PATH", path)
        .env("HOME", "/nonexistent")
        .env("TMPDIR", &temporary)
        .env(SECOND, &cgo)
        .output()
        .expect("setpriv runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("test result: ok") && !said.contains(" 0 passed"), "{said}");
}
