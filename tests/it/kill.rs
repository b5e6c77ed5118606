//! `kill -9` at every boundary of the journal: what is resumed ends in the same state, with nothing done twice.
//!
//! Debug builds end themselves at the boundary that `CGO_TEST_CRASH_AT` names: before a commit, after it, and after
//! an effect before its result is on record.

use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use crate::support::env::{TestEnv, figure, get, tools_are_here};

const DESCRIPTION: &str = "a notes API with title";

/// The state of a run without what differs from run to run: ids, hashes, folders, and the port, which other tests may
/// hold meanwhile.
fn essence(env: &TestEnv, run: &str) -> Value {
    let shown = env.json(["run", "show", run]);
    let port = shown["state"]["allocated_resources"]["backend"]["port"].as_u64().unwrap().to_string();
    let text = env.stable(&shown["state"].to_string()).replace(&port, "0");
    let mut state: Value = serde_json::from_str(&text).unwrap();
    state["test_results"]["output"] = json!("");
    json!({ "status": shown["status"], "run_status": shown["run"]["status"], "state": state })
}

/// Everything that must be there exactly once after a project was made.
fn assert_once(env: &TestEnv, at: u64) {
    let projects = env.json(["project", "list"]);
    let projects = projects["projects"].as_array().unwrap();
    assert_eq!(projects.len(), 1, "crash {at}: {projects:?}");
    let name = projects[0]["name"].as_str().unwrap();
    assert_eq!(projects[0]["live"]["serves"], true, "crash {at}: {projects:?}");

    let folders: Vec<_> = std::fs::read_dir(env.work()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(folders.len(), 1, "crash {at}: one folder, not {folders:?}");

    let folder = env.work().join(name);
    let log = Command::new("git")
        .args(["log", "--format=%(trailers:key=Cgo-Effect,valueonly)%x00"])
        .current_dir(&folder)
        .output()
        .unwrap();
    let log = String::from_utf8(log.stdout).unwrap();
    let mut keys: Vec<&str> = log.split('\0').map(str::trim).filter(|key| !key.is_empty()).collect();
    assert_eq!(keys.len(), 2, "crash {at}: one commit a step, not {keys:?}");
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 2, "crash {at}: an effect was committed twice");

    let servers = env.json(["servers", "list"]);
    assert_eq!(servers["servers"][0]["ports"].as_array().unwrap().len(), 1, "crash {at}: one port");

    let (supervisors, services) = processes(env, name);
    assert_eq!((supervisors, services), (1, 1), "crash {at}: one supervisor and one service");

    let shown = env.json(["project", "show", name]);
    let releases = shown["releases"].as_array().unwrap();
    let active = releases.iter().filter(|release| release["status"] == "active").count();
    assert_eq!((releases.len(), active), (1, 1), "crash {at}: one release, not {releases:?}");
    let url = projects[0]["live"]["url"].as_str().unwrap();
    assert_eq!(get(&format!("{url}/health")).0, 200, "crash {at}");
}

/// How many supervisors and services of the project there are.
fn processes(env: &TestEnv, name: &str) -> (usize, usize) {
    let app = env.data().join("servers/local/apps").join(name).display().to_string();
    let mut counts = (0, 0);
    for pid in cgo::exec::identity::pids() {
        let Ok(line) = std::fs::read(format!("/proc/{pid}/cmdline")) else { continue };
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(&app) {
            if line.contains(" supervise ") {
                counts.0 += 1;
            } else if line.contains("uvicorn") {
                counts.1 += 1;
            }
        }
    }
    counts
}

#[test]
fn a_run_killed_at_any_boundary_is_resumed_to_the_same_end_with_nothing_done_twice() {
    if !tools_are_here() {
        return;
    }
    let (expected, boundaries) = {
        let mut env = TestEnv::deploying();
        let count = env.home().join("count");
        env.set("CGO_TEST_CRASH_COUNT", count.display().to_string());
        let made = env.json(["project", "new", DESCRIPTION]);
        env.unset("CGO_TEST_CRASH_COUNT");
        let boundaries: u64 = std::fs::read_to_string(count).unwrap().parse().unwrap();
        assert_once(&env, 0);
        (essence(&env, made["run"].as_str().unwrap()), boundaries)
    };
    assert!(boundaries > 20, "only {boundaries} boundaries were passed");
    let next = AtomicU64::new(1);
    let boundary = || {
        let at = next.fetch_add(1, Ordering::Relaxed);
        (at <= boundaries).then_some(at)
    };
    // Most of the time each waits for processes to start and to end.
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| std::iter::from_fn(boundary).for_each(|at| resumed_after(at, &expected)));
        }
    });
    figure(&format!("killed and resumed at {boundaries} of {boundaries} boundaries"));
}

/// Kills a run at a boundary, resumes it, and looks at what came of it.
fn resumed_after(at: u64, expected: &Value) {
    let mut env = TestEnv::deploying();
    env.set("CGO_TEST_CRASH_AT", at.to_string());
    let killed = env.run(["project", "new", DESCRIPTION]);
    assert_eq!(killed.code, None, "crash {at} did not happen: {}", killed.stderr);
    env.unset("CGO_TEST_CRASH_AT");
    let runs = env.json(["run", "list"]);
    let id = runs["runs"][0]["id"].as_str().expect("the run was on record before it began").to_owned();
    if runs["runs"][0]["status"] != "succeeded" {
        let resumed = env.run(["run", "resume"]);
        assert_eq!(resumed.code, Some(0), "crash {at}: {}\n{}", resumed.stdout, resumed.stderr);
    }
    assert_once(&env, at);
    assert_eq!(essence(&env, &id), *expected, "crash {at} ends in another state");
}
