//! The health gate names the cause, and fails as fast as the cause allows.

use std::time::{Duration, Instant};

use cgo::domain::deployment::Slot::{Blue, Green};
use cgo::domain::diagnose::{Diagnose as _, Kind};
use cgo::exec::Exit;
use cgo::remote::gate::{Cause, Error, GateFailure, GateOptions, wait_healthy};
use cgo::remote::runtime::Runtime as _;
use tokio_util::sync::CancellationToken;

use super::harness::{App, name, python, python_is_here};

/// Starts a release beside one that serves, and has it fail its gate.
async fn failure(mode: &str, deadline: Duration) -> (App, GateFailure) {
    let app = App::new();
    app.deploy(Blue, 1).await;
    app.start(Green, 2, mode).await;
    let error = app.gate_within(Green, deadline).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Gate);
    assert_eq!(app.get("/"), name(1), "the old release does not serve any more");
    match error {
        Error::Unhealthy { slot: Green, failure } => (app, *failure),
        other => panic!("{other}"),
    }
}

const SOON: Duration = Duration::from_secs(3);
const LATE: Duration = Duration::from_secs(15);

#[tokio::test]
async fn a_crash_fails_at_once_with_its_exit_code_and_last_lines() {
    if !python_is_here() {
        return;
    }
    let begun = Instant::now();
    let (_app, failure) = failure("exit3", Duration::from_mins(1)).await;
    assert_eq!(failure.cause, Cause::Crashed { exit: Some(Exit::Code(3)) });
    assert_eq!(failure.cause.to_string(), "its process ended with exit code 3");
    assert_eq!(failure.evidence.last().unwrap(), "Traceback: no module named notes");
    assert!(begun.elapsed() < Duration::from_secs(5), "took {:?}", begun.elapsed());
}

#[tokio::test]
async fn a_crash_between_two_good_answers_fails() {
    if !python_is_here() {
        return;
    }
    let (_app, failure) = failure("dies_soon", LATE).await;
    assert_eq!(failure.cause, Cause::Crashed { exit: Some(Exit::Code(9)) });
}

#[tokio::test]
async fn a_release_that_listens_nowhere_or_elsewhere_is_told_where() {
    if !python_is_here() {
        return;
    }
    let (app, never) = failure("silent", SOON).await;
    assert_eq!(never.cause, Cause::NeverListened { port: app.green });
    let (app, wrong) = failure("wrong_port", SOON).await;
    let listens_on = vec![([127, 0, 0, 1], app.green + 1).into()];
    assert_eq!(wrong.cause, Cause::WrongPort { port: app.green, listens_on });
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        eprintln!("skipped: this machine has no IPv6");
        return;
    }
    let (app, wrong) = failure("ipv6", SOON).await;
    let asked_at = ([127, 0, 0, 1], app.green).into();
    let listens_on = vec![([0, 0, 0, 0, 0, 0, 0, 1], app.green).into()];
    assert_eq!(wrong.cause, Cause::WrongAddress { asked_at, listens_on });
}

#[tokio::test]
async fn bad_answers_are_named() {
    if !python_is_here() {
        return;
    }
    let (_app, bad) = failure("broken", SOON).await;
    assert_eq!(bad.cause, Cause::BadStatus { status: 500, body: "no such table: notes".to_owned() });
    let begun = Instant::now();
    let (_app, redirect) = failure("redirect", Duration::from_mins(1)).await;
    assert_eq!(redirect.cause, Cause::Redirect { status: 301, location: "https://example.org/".to_owned() });
    assert!(begun.elapsed() < Duration::from_secs(5), "a redirect does not go away by waiting");
    let (_app, flapped) = failure("flap", SOON).await;
    assert!(matches!(flapped.cause, Cause::Flapped { good: 1.., .. }), "{}", flapped.cause);
    let (_app, hangs) = failure("hang", SOON).await;
    assert!(matches!(hangs.cause, Cause::Timeout { .. }), "{}", hangs.cause);
}

#[tokio::test]
async fn a_program_that_does_not_exist_is_named() {
    if !python_is_here() {
        return;
    }
    let app = App::new();
    let mut launch = app.launch(Blue, 1, "normal");
    launch.argv[0] = "no-such-program-here".to_owned();
    app.runtime.start(Blue, &launch).await.unwrap();
    match app.gate(Blue).await.unwrap_err() {
        Error::Unhealthy { failure, .. } => {
            let reason = "there is no program `no-such-program-here`".to_owned();
            assert_eq!(failure.cause, Cause::NotStarted { reason });
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn somebody_elses_good_answers_do_not_count() {
    if !python_is_here() {
        return;
    }
    let app = App::new();
    // The candidate never listens, and another application answers on its port.
    app.start(Blue, 1, "silent").await;
    let script = app.folder.path().join("app.py");
    let mut other = std::process::Command::new(python().unwrap())
        .args([script.as_os_str(), "normal".as_ref(), app.blue.to_string().as_ref(), "foreign".as_ref()])
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let outcome = app.gate(Blue).await;
    other.kill().unwrap();
    let pid = other.id();
    other.wait().unwrap();
    match outcome.unwrap_err() {
        Error::Unhealthy { failure, .. } => match failure.cause {
            Cause::ForeignListener { by: Some(by), .. } => assert_eq!(by.pid, pid),
            other => panic!("{other}"),
        },
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_slow_boot_is_waited_for() {
    if !python_is_here() {
        return;
    }
    let app = App::new();
    app.start(Blue, 1, "slow_boot").await;
    let report = app.gate(Blue).await.unwrap();
    assert!(report.took_ms >= 1500, "{report:?}");
    assert!(report.took_ms < 4000, "{report:?}");
}

#[tokio::test]
async fn a_gate_can_be_interrupted() {
    if !python_is_here() {
        return;
    }
    let app = App::new();
    app.start(Blue, 1, "hang").await;
    let cancel = CancellationToken::new();
    let options = GateOptions::new("app.example", "/health");
    let begun = Instant::now();
    let (outcome, ()) = tokio::join!(wait_healthy(&app.runtime, Blue, &options, &cancel), async {
        tokio::task::yield_now().await;
        cancel.cancel();
    });
    assert!(matches!(outcome, Err(Error::Cancelled)));
    assert!(begun.elapsed() < Duration::from_secs(1), "took {:?}", begun.elapsed());
}
