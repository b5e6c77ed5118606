//! Starting, stopping, restarting, reading, removing.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use cgo::domain::deployment::Slot::{Blue, Green};
use cgo::exec::Exit;
use cgo::remote::error::Error;
use cgo::remote::runtime::{Runtime as _, SlotState, Supervision, Which};
use cgo::remote::{ports, probe};
use tokio_util::sync::CancellationToken;

use super::harness::{App, free_port, get, kill, lives, name, python_is_here, until};

#[tokio::test]
async fn a_release_is_started_gated_and_serves_within_two_seconds() {
    if !python_is_here() {
        return;
    }
    let app = App::new();
    let begun = Instant::now();
    let report = app.deploy(Blue, 1).await;
    assert!(begun.elapsed() < Duration::from_secs(2), "took {:?}", begun.elapsed());
    assert!(report.asked >= 3);
    assert_eq!(app.get("/"), name(1));
    assert!(app.status().await.serves());
    app.assert_runs(&[Blue]).await;
    let probe = probe::get(&format!("http://127.0.0.1:{}/health", app.public), Duration::from_secs(5)).await.unwrap();
    assert_eq!((probe.is_good(), probe.body), (true, name(1)));
}

#[tokio::test]
async fn everything_done_twice_is_done_once() {
    if !python_is_here() {
        return;
    }
    let app = App::new();
    let first = app.start(Blue, 1, "normal").await;
    let again = app.start(Blue, 1, "normal").await;
    assert_eq!(first.process, again.process);
    for _ in 0..2 {
        app.runtime.flip(Blue).await.unwrap();
    }
    let desired = fs::read_to_string(app.root().join("desired.json")).unwrap();
    app.start(Blue, 1, "normal").await;
    app.runtime.flip(Blue).await.unwrap();
    app.runtime.start_all().await.unwrap();
    assert_eq!(fs::read_to_string(app.root().join("desired.json")).unwrap(), desired, "nothing was to be written");
    app.start(Green, 2, "normal").await;
    for _ in 0..2 {
        app.runtime.stop(Green).await.unwrap();
    }
    app.assert_runs(&[Blue]).await;
    for _ in 0..2 {
        app.runtime.stop_all().await.unwrap();
    }
    assert_eq!(app.processes(), (vec![], vec![]));
    assert_eq!(app.status().await.supervisor, Supervision::Stopped);
    assert!(get(app.public, "/").is_err(), "the public port is still open");
    for _ in 0..2 {
        app.runtime.start_all().await.unwrap();
    }
    app.gate(Blue).await.unwrap();
    assert_eq!(app.get("/"), name(1));
    app.assert_runs(&[Blue]).await;
    for _ in 0..2 {
        app.runtime.remove().await.unwrap();
    }
    assert_eq!(app.processes(), (vec![], vec![]));
    assert!(!app.root().exists());
    assert!(app.runtime.inspect().await.unwrap().is_none());
}

#[tokio::test]
async fn variables_arrive_byte_for_byte_and_only_they() {
    if !python_is_here() {
        return;
    }
    let app = App::new();
    app.deploy(Blue, 1).await;
    let seen: std::collections::BTreeMap<String, String> = serde_json::from_str(&app.get("/env")).unwrap();
    assert_eq!(seen["SECRET"], " $a 'b' \"c\" \\ #d\né ");
    assert!(!seen.keys().any(|name| name.starts_with("CARGO")), "{seen:?}");
    let env = fs::read_dir(app.root().join("slots/blue")).unwrap().map(|entry| entry.unwrap().path());
    let env: Vec<_> = env.filter(|path| path.to_string_lossy().contains("env-")).collect();
    assert_eq!(env.len(), 1);
    assert_eq!(fs::metadata(&env[0]).unwrap().permissions().mode() & 0o777, 0o600);
    for other in ["desired.json", "status.json", "supervisor.log", "slots/blue/log"] {
        let text = fs::read_to_string(app.root().join(other)).unwrap();
        assert!(!text.contains("$a 'b'"), "the secret is in {other}");
    }
}

#[tokio::test]
async fn a_changed_variable_is_a_new_launch_and_the_serving_slot_is_not_replaced() {
    if !python_is_here() {
        return;
    }
    let app = App::new();
    let first = app.start(Blue, 1, "normal").await;
    let mut launch = app.launch(Blue, 1, "normal");
    launch.env.insert("MORE".to_owned(), "1".to_owned());
    let second = app.runtime.start(Blue, &launch).await.unwrap();
    assert_ne!(first.process, second.process);
    app.assert_runs(&[Blue]).await;
    app.runtime.flip(Blue).await.unwrap();
    let refused = app.runtime.start(Blue, &app.launch(Blue, 1, "normal")).await.unwrap_err();
    assert!(matches!(refused, Error::Serves { slot: Blue }), "{refused}");
    let refused = app.runtime.stop(Blue).await.unwrap_err();
    assert!(matches!(refused, Error::Serves { slot: Blue }), "{refused}");
    let refused = app.runtime.flip(Green).await.unwrap_err();
    assert!(matches!(refused, Error::NotRunning { slot: Green, .. }), "{refused}");
}

#[tokio::test]
async fn a_release_that_dies_is_restarted_three_times_and_then_left_alone() {
    if !python_is_here() {
        return;
    }
    let app = App::new();
    app.deploy(Blue, 1).await;
    let first = app.slot(Blue).await.process.unwrap().pid;
    kill(first, "-KILL");
    until("it is restarted", || async { app.slot(Blue).await.process.is_some_and(|process| process.pid != first) })
        .await;
    let slot = app.slot(Blue).await;
    assert_eq!((slot.state, slot.restarted_at.len()), (SlotState::Running, 1));
    assert_eq!(slot.last_exit.unwrap().exit, Some(Exit::Signal(9)));
    until("it answers again", || async { get(app.public, "/").is_ok_and(|(head, _)| head.contains(" 200 ")) }).await;

    app.start(Green, 2, "exit3").await;
    until("green gives up", || async { app.slot(Green).await.state == SlotState::Failed }).await;
    let failed = app.slot(Green).await;
    assert_eq!((failed.restarted_at.len(), failed.process), (3, None));
    assert_eq!(failed.last_exit.unwrap().exit, Some(Exit::Code(3)));
    assert_eq!(app.get("/"), name(1));
    // Asked for again, it is tried again.
    app.start(Green, 2, "exit3").await;
    assert!(app.slot(Green).await.generation > failed.generation);
}

#[tokio::test]
async fn a_process_that_ignores_sigterm_is_killed_with_its_children() {
    if !python_is_here() {
        return;
    }
    let app = App::new();
    app.deploy(Blue, 1).await;
    for mode in ["ignore_term", "children", "escapes"] {
        app.start(Green, 2, mode).await;
        app.gate(Green).await.unwrap();
        app.runtime.stop(Green).await.unwrap();
        app.assert_runs(&[Blue]).await;
    }
    let log = fs::read_to_string(app.root().join("supervisor.log")).unwrap();
    assert!(log.contains("did not end when asked to"), "{log}");
    assert!(log.contains("killed what was left in the slot"), "{log}");
}

#[tokio::test]
async fn a_taken_port_is_named_with_its_holder_and_nothing_is_started() {
    if !python_is_here() {
        return;
    }
    let app = App::new();
    let me = std::process::id();
    for port in [app.public, app.blue] {
        let squatter = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
        match app.runtime.start(Blue, &app.launch(Blue, 1, "normal")).await.unwrap_err() {
            Error::PortTaken { port: named, by: Some(by) } => assert_eq!((named, by.pid), (port, me)),
            other => panic!("{other}"),
        }
        drop(squatter);
    }
    assert_eq!(app.processes(), (vec![], vec![]));
    app.deploy(Blue, 1).await;
}

#[tokio::test]
async fn a_public_port_that_was_lost_is_taken_up_again() {
    if !python_is_here() {
        return;
    }
    let app = App::new();
    app.deploy(Blue, 1).await;
    app.runtime.stop_all().await.unwrap();
    let squatter = std::net::TcpListener::bind(("127.0.0.1", app.public)).unwrap();
    let error = app.runtime.start_all().await.unwrap_err();
    assert!(matches!(error, Error::PortTaken { .. }), "{error}");
    let status = app.status().await;
    assert!(!status.serves() && status.problem.unwrap().contains(&app.public.to_string()));
    drop(squatter);
    until("it listens again", || async { app.status().await.listening }).await;
    app.gate(Blue).await.unwrap();
    assert_eq!(app.get("/"), name(1));
}

#[tokio::test]
async fn launches_that_cannot_work_are_refused_before_anything_is_written() {
    if !python_is_here() {
        return;
    }
    let app = App::new();
    let good = app.launch(Blue, 1, "normal");
    let mut bad = vec![good.clone(); 5];
    bad[0].argv.clear();
    bad[1].directory = "/no/such/folder".into();
    bad[2].port = app.public;
    bad[3].env.insert("A=B".to_owned(), String::new());
    bad[4].argv[1].push('\0');
    for launch in bad {
        let error = app.runtime.start(Blue, &launch).await.unwrap_err();
        assert!(matches!(error, Error::Launch { .. }), "{error}");
    }
    assert!(!app.root().join("desired.json").exists());
    assert!(matches!(app.runtime.start_all().await.unwrap_err(), Error::Nothing { .. }));
    app.runtime.stop_all().await.unwrap();
}

#[tokio::test]
async fn logs_are_bounded_followed_and_move_with_the_traffic() {
    if !python_is_here() {
        return;
    }
    let app = App::new();
    app.start(Blue, 1, "noisy").await;
    app.gate(Blue).await.unwrap();
    app.runtime.flip(Blue).await.unwrap();
    let log = app.root().join("slots/blue/log");
    until("the log is put aside", || async { fs::metadata(&log).unwrap().len() < 1_000_000 }).await;
    assert!(fs::metadata(app.root().join("slots/blue/log.1")).unwrap().len() <= 8 * 1024 * 1024);

    let cancel = CancellationToken::new();
    let (seen, mut lines) = tokio::sync::mpsc::unbounded_channel();
    let runtime = app.runtime.clone();
    let follower = tokio::spawn({
        let cancel = cancel.clone();
        async move { runtime.follow(Which::Active, 1, &cancel, &mut |line| seen.send(line.to_owned()).unwrap()).await }
    });
    assert_eq!(lines.recv().await.unwrap(), "x".repeat(99));
    app.deploy(Green, 2).await;
    let pid = app.slot(Green).await.process.unwrap().pid;
    kill(pid, "-KILL");
    until("the new release's line is seen", || {
        let line = lines.try_recv();
        async move { line.is_ok_and(|line| line.starts_with("release-2 boots")) }
    })
    .await;
    cancel.cancel();
    follower.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_supervisor_is_small_quiet_and_detached() {
    if !python_is_here() {
        return;
    }
    let app = App::new();
    app.deploy(Blue, 1).await;
    let pid = app.supervisor().await;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<u64> = stat[stat.rfind(')').unwrap() + 3..]
        .split(' ')
        .skip(1)
        .map(|field| field.trim().parse().unwrap_or(0))
        .collect();
    assert_eq!(fields[2], u64::from(pid), "it leads no session of its own");
    assert_eq!(fs::read_link(format!("/proc/{pid}/cwd")).unwrap().to_str(), Some("/"));
    let environment = fs::read_to_string(format!("/proc/{pid}/environ")).unwrap();
    assert!(!environment.contains("CARGO"), "{environment}");
    let stdin = fs::read_link(format!("/proc/{pid}/fd/0")).unwrap();
    assert_eq!(stdin.to_str(), Some("/dev/null"));
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let memory = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    let kilobytes: u64 = memory.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(kilobytes < 10 * 1024, "{memory}");
    assert!(lives(pid));
}

#[tokio::test]
async fn listening_ports_are_seen() {
    let port = free_port();
    assert!(!ports::listening().unwrap().contains(&port));
    let listener = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    assert!(ports::listening().unwrap().contains(&port));
    assert!(ports::can_bind(listener.local_addr().unwrap()).is_err());
}
