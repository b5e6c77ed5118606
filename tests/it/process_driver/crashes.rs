//! Killed at any moment: supervisors, releases, commands. What should run runs once, and nobody else is touched.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use cgo::domain::deployment::Slot::{Blue, Green};
use cgo::exec::identity::Identity;
use cgo::remote::error::Error;
use cgo::remote::runtime::{Runtime as _, SlotState, Supervision};

use super::harness::{App, kill, lives, name, python_is_here, until};

#[tokio::test]
async fn a_new_supervisor_adopts_what_a_killed_one_left() {
    if !python_is_here() {
        return;
    }
    let app = App::new();
    app.deploy(Blue, 1).await;
    app.start(Green, 2, "graceful").await;
    let before = (app.slot(Blue).await.process, app.slot(Green).await.process);
    for report in ["kept", "damaged", "removed"] {
        let supervisor = app.supervisor().await;
        kill(supervisor, "-KILL");
        until("the supervisor is gone", || async { !lives(supervisor) }).await;
        let status = app.status().await;
        assert_eq!(status.supervisor, Supervision::Dead);
        assert_eq!(status.slots.blue.state, SlotState::Unsupervised);
        assert!(!status.serves());
        match report {
            "damaged" => fs::write(app.root().join("status.json"), "{\"format\": 1, ").unwrap(),
            "removed" => fs::remove_file(app.root().join("status.json")).unwrap(),
            _ => {}
        }
        app.runtime.start_all().await.unwrap();
        assert_ne!(app.supervisor().await, supervisor);
        assert_eq!((app.slot(Blue).await.process, app.slot(Green).await.process), before, "report {report}");
        app.assert_runs(&[Blue, Green]).await;
        assert_eq!(app.get("/"), name(1));
    }
    // An adopted process is watched, restarted and stopped like one of its own.
    let blue = before.0.unwrap().pid;
    kill(blue, "-KILL");
    until("it is restarted", || async { app.slot(Blue).await.process.is_some_and(|process| process.pid != blue) })
        .await;
    app.runtime.stop(Green).await.unwrap();
    app.assert_runs(&[Blue]).await;
    app.runtime.stop_all().await.unwrap();
    assert_eq!(app.processes(), (vec![], vec![]));
}

#[tokio::test]
async fn a_release_that_died_unseen_is_started_again() {
    if !python_is_here() {
        return;
    }
    let app = App::new();
    app.deploy(Blue, 1).await;
    let (supervisor, release) = (app.supervisor().await, app.slot(Blue).await.process.unwrap().pid);
    kill(supervisor, "-KILL");
    until("the supervisor is gone", || async { !lives(supervisor) }).await;
    kill(release, "-KILL");
    until("the release is gone", || async { !lives(release) }).await;
    assert_eq!(app.slot(Blue).await.state, SlotState::Stopped);
    app.runtime.start_all().await.unwrap();
    app.gate(Blue).await.unwrap();
    assert_eq!(app.get("/"), name(1));
    app.assert_runs(&[Blue]).await;
}

#[tokio::test]
async fn a_foreign_process_with_a_recorded_number_is_never_touched() {
    if !python_is_here() {
        return;
    }
    let app = App::new();
    app.deploy(Blue, 1).await;
    app.runtime.stop_all().await.unwrap();
    let mut bystander = Command::new("sleep").arg("3600").spawn().unwrap();
    let real = Identity::of(bystander.id()).unwrap();
    // Its number, but of a process that began earlier, or in an earlier boot.
    let forged = [
        Identity { started: real.started - 1, ..real.clone() },
        Identity { boot_id: "00000000-0000-0000-0000-000000000000".to_owned(), ..real.clone() },
    ];
    for identity in forged {
        let path = app.root().join("status.json");
        let mut status: serde_json::Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        status["supervisor"] = serde_json::to_value(&identity).unwrap();
        status["slots"]["blue"]["process"] = serde_json::to_value(&identity).unwrap();
        status["slots"]["blue"]["state"] = "running".into();
        fs::write(&path, status.to_string()).unwrap();
        fs::write(app.root().join("supervisor.lock"), serde_json::to_vec(&identity).unwrap()).unwrap();
        assert_eq!(app.slot(Blue).await.process, None, "a foreign process was taken for ours");
        app.runtime.start_all().await.unwrap();
        app.gate(Blue).await.unwrap();
        app.runtime.stop_all().await.unwrap();
        assert!(real.is_alive(), "a foreign process was killed");
    }
    bystander.kill().unwrap();
    bystander.wait().unwrap();
}

#[tokio::test]
async fn a_damaged_wish_is_named_and_what_runs_goes_on() {
    if !python_is_here() {
        return;
    }
    let app = App::new();
    app.deploy(Blue, 1).await;
    let path = app.root().join("desired.json");
    let good = fs::read_to_string(&path).unwrap();
    for damage in ["", "{", &good.replace("\"format\": 1", "\"format\": 99"), &good.replace("\"up\"", "\"upp\"")] {
        fs::write(&path, damage).unwrap();
        match app.runtime.inspect().await.unwrap_err() {
            Error::Damaged { path: named, .. } => assert_eq!(named, path),
            other => panic!("{other}"),
        }
        assert!(matches!(app.runtime.stop(Green).await.unwrap_err(), Error::Damaged { .. }));
        kill(app.processes().0[0], "-HUP");
        assert_eq!(app.get("/"), name(1));
    }
    until("the supervisor says so", || async {
        fs::read_to_string(app.root().join("status.json")).unwrap().contains("desired.json` is damaged")
    })
    .await;
    fs::write(&path, good).unwrap();
    app.deploy(Green, 2).await;
    assert_eq!(app.get("/"), name(2));
}

#[tokio::test]
async fn a_folder_that_is_removed_by_hand_leaves_no_process_behind() {
    if !python_is_here() {
        return;
    }
    let app = App::new();
    app.deploy(Blue, 1).await;
    // The supervisor may write into it meanwhile.
    until("the folder is gone", || async { fs::remove_dir_all(app.root()).is_ok() || !app.root().exists() }).await;
    until("everything has ended", || async { app.processes() == (vec![], vec![]) }).await;
}

#[tokio::test]
async fn sigterm_stops_everything_and_nothing_is_forgotten() {
    if !python_is_here() {
        return;
    }
    let app = App::new();
    app.deploy(Blue, 1).await;
    kill(app.supervisor().await, "-TERM");
    until("everything has ended", || async { app.processes() == (vec![], vec![]) }).await;
    assert_eq!(app.status().await.supervisor, Supervision::Dead);
    app.runtime.start_all().await.unwrap();
    app.gate(Blue).await.unwrap();
    assert_eq!(app.get("/"), name(1));
}

/// What a command is given to do when this test binary stands in for it.
const ORDER: &str = "CGO_TEST_ORDER";

#[tokio::test]
async fn stands_in_for_a_command_that_is_killed() {
    let Ok(order) = std::env::var(ORDER) else { return };
    let order: serde_json::Value = serde_json::from_str(&order).unwrap();
    let text = |key: &str| order[key].as_str().unwrap().to_owned();
    let port = |key: &str| u16::try_from(order[key].as_u64().unwrap()).unwrap();
    let folder = std::path::PathBuf::from(text("folder"));
    let runtime = App::runtime(&folder.join("app"), port("public"));
    let launch = cgo::remote::runtime::Launch {
        release: text("release").parse().unwrap(),
        directory: folder,
        argv: order["argv"].as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()).collect(),
        env: std::collections::BTreeMap::new(),
        port: port("port"),
        stop_timeout: Duration::from_millis(700),
    };
    let slot = if text("slot") == "blue" { Blue } else { Green };
    runtime.start(slot, &launch).await.unwrap();
    runtime.flip(slot).await.unwrap();
    runtime.stop(slot.other()).await.unwrap();
}

/// The command that deploys a release, as a process of its own.
fn command(app: &App, slot: cgo::domain::deployment::Slot, number: u32) -> Command {
    let launch = app.launch(slot, number, "graceful");
    let order = serde_json::json!({
        "folder": app.folder.path(), "public": app.public, "port": launch.port, "slot": slot.as_str(),
        "release": launch.release, "argv": launch.argv,
    });
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["process_driver::crashes::stands_in_for_a_command_that_is_killed", "--exact"])
        .env(ORDER, order.to_string())
        .stdout(Stdio::null());
    command
}

#[tokio::test]
async fn a_command_that_is_killed_at_any_moment_and_repeated_has_one_outcome() {
    if !python_is_here() {
        return;
    }
    let app = App::new();
    for round in 0..16_u32 {
        let slot = if round % 2 == 0 { Blue } else { Green };
        let mut killed = command(&app, slot, round).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(u64::from(round) * 12)).await;
        killed.kill().unwrap();
        killed.wait().unwrap();
        // What a supervisor starts bears its name for the moment before it becomes the release.
        until("there is one supervisor at most", || async { app.processes().0.len() <= 1 }).await;
        let repeated = command(&app, slot, round).status().unwrap();
        assert!(repeated.success(), "round {round}");
        app.assert_runs(&[slot]).await;
        app.gate(slot).await.unwrap();
        assert_eq!(app.get("/"), name(round));
    }
}

#[tokio::test]
async fn a_supervisor_that_is_killed_at_any_moment_never_doubles_a_release() {
    if !python_is_here() {
        return;
    }
    let app = App::new();
    app.deploy(Blue, 1).await;
    for round in 0..20_u64 {
        let runtime = app.runtime.clone();
        let launch = app.launch(Green, u32::try_from(round).unwrap() + 2, "graceful");
        let starting = tokio::spawn(async move { runtime.start(Green, &launch).await });
        tokio::time::sleep(Duration::from_millis(round * 2)).await;
        for pid in app.processes().0 {
            kill(pid, "-KILL");
            until("the supervisor is gone", || async { !lives(pid) }).await;
        }
        // The command starts another one when it was still waiting; else the next command does.
        starting.await.unwrap().unwrap();
        app.runtime.start_all().await.unwrap();
        app.assert_runs(&[Blue, Green]).await;
    }
    assert_eq!(app.get("/"), name(1));
}

#[tokio::test]
async fn ten_commands_at_once_start_one_supervisor() {
    if !python_is_here() {
        return;
    }
    let app = App::new();
    let commands: Vec<_> = (0..10).map(|_| command(&app, Blue, 1).spawn().unwrap()).collect();
    for mut command in commands {
        assert!(command.wait().unwrap().success());
    }
    app.assert_runs(&[Blue]).await;
    app.gate(Blue).await.unwrap();
    assert_eq!(app.get("/"), name(1));
}

#[tokio::test]
async fn a_supervisor_inherits_nothing_from_the_command() {
    if !python_is_here() {
        return;
    }
    let app = App::new();
    let command = command(&app, Blue, 1);
    let held = app.folder.path().join("held");
    // A descriptor as a shell or a CI job leaves it open, without close-on-exec.
    let mut shell = Command::new("sh");
    shell.arg("-c").arg("exec \"$0\" \"$@\" 9>\"$HELD\"").arg(command.get_program()).args(command.get_args());
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("HELD", &held);
    assert!(shell.stdout(Stdio::null()).status().unwrap().success());
    assert!(held.exists());
    for pid in [app.supervisor().await, app.slot(Blue).await.process.unwrap().pid] {
        let open = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().map(|entry| fs::read_link(entry.unwrap().path()));
        let open: Vec<_> = open.filter_map(Result::ok).collect();
        assert!(open.iter().all(|target| *target != held), "process {pid} holds {open:?}");
    }
}
