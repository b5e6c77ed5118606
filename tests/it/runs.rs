//! Runs as people handle them: watched, forked, cancelled, approved, rejected.

use std::process::{Command, Stdio};

use crate::support::env::{TestEnv, get, tools_are_here, until};

#[test]
fn a_run_is_watched_forked_and_cancelled() {
    if !tools_are_here() {
        return;
    }
    let env = TestEnv::new();
    let made = env.json(["project", "new", "a notes API with title", "--until", "brainstorm"]);
    let id = made["run"].as_str().unwrap().to_owned();
    assert_eq!(made["status"], "succeeded");
    assert_eq!(std::fs::read_dir(env.work()).unwrap().count(), 0, "the spec alone needs no folder");

    let watched = env.ok(["run", "watch", &id]);
    assert!(watched.stdout.contains("node_finished") && watched.stdout.contains("succeeded"), "{}", watched.stdout);
    let lines = env.ok(["run", "watch", &id, "--json"]).stdout;
    assert!(lines.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{lines}");

    let before = env.json(["run", "show", &id]);
    let none = env.run(["run", "fork", &id, "--at", "999"]);
    assert_eq!(none.code, Some(1), "{}", none.stderr);
    let at =
        before["events"].as_array().unwrap().iter().position(|event| event["kind"] == "node_finished").unwrap() + 1;
    let forked = env.json(["run", "fork", &id, "--at", &at.to_string()]);
    let fork = forked["run"].as_str().unwrap().to_owned();
    assert_eq!(env.json(["run", "show", &id]), before, "forking touched the run");
    assert_eq!(env.json(["run", "show", &fork])["run"]["status"], "queued");

    env.ok(["run", "cancel", &fork]);
    assert_eq!(env.json(["run", "show", &fork])["run"]["status"], "cancelled");
    let over = env.run(["run", "resume", &fork]);
    assert_eq!(over.code, Some(1), "{}", over.stderr);
    let again = env.run(["run", "cancel", &fork]);
    assert_eq!(again.code, Some(1), "{}", again.stderr);
    assert!(again.stderr.contains("cancelled"), "{}", again.stderr);

    let second = env.json(["run", "fork", &id, "--at", &at.to_string()])["run"].as_str().unwrap().to_owned();
    let resumed = env.json(["run", "resume", &second]);
    assert_eq!(resumed["models"], made["models"], "a fork goes on to the same spec");
    let explained = env.ok(["explain", &second]).stdout;
    assert!(explained.contains("done"), "{explained}");
}

/// Breaks a test of the project and commits it, after its code was generated and before it is tested.
fn interrupted_and_broken(env: &TestEnv) -> String {
    let child = env
        .command(["project", "new", "a notes API with title"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let folder = env.work().join("notes-api");
    let commits = || {
        let output = Command::new("git").args(["rev-list", "--count", "HEAD"]).current_dir(&folder).output();
        output.is_ok_and(|output| output.stdout == b"2\n")
    };
    until("the generated commit", || folder.exists() && commits());
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(130));
    std::fs::write(folder.join("services/backend/tests/test_mine.py"), "def test_mine() -> None:\n    assert 1 == 2\n")
        .unwrap();
    commit(env, "Break it");
    env.json(["run", "list"])["runs"][0]["id"].as_str().unwrap().to_owned()
}

fn commit(env: &TestEnv, message: &str) {
    for arguments in [&["add", "-A"][..], &["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", message]] {
        let status = Command::new("git").args(arguments).current_dir(env.work().join("notes-api")).status().unwrap();
        assert!(status.success());
    }
}

#[test]
fn failing_tests_ask_a_person_and_an_approval_tests_again() {
    if !tools_are_here() {
        return;
    }
    let env = TestEnv::deploying();
    let id = interrupted_and_broken(&env);
    let asked = env.run(["run", "resume", &id]);
    assert_eq!(asked.code, Some(4), "{}\n{}", asked.stdout, asked.stderr);
    assert!(asked.stderr.contains(&format!("cgo run approve {id}")), "{}", asked.stderr);
    let shown = env.json(["run", "show", &id]);
    assert_eq!(shown["run"]["status"], "waiting_approval");
    assert_eq!(shown["state"]["test_results"]["failed"], 1, "{shown}");
    let early = env.run(["run", "resume", &id]);
    assert_eq!(early.code, Some(4), "a run that waits does not go on by itself: {}", early.stderr);

    std::fs::remove_file(env.work().join("notes-api/services/backend/tests/test_mine.py")).unwrap();
    commit(&env, "Mend it");
    let made = env.json(["run", "approve", &id]);
    assert_eq!(made["tests"]["failed"], 0, "{made}");
    assert_eq!(get(&format!("{}/health", made["url"].as_str().unwrap())).0, 200);
    assert_eq!(
        made["commits"].as_array().unwrap().last(),
        made["tests"].get("commit"),
        "what was tested is what was deployed"
    );
    let late = env.run(["run", "approve", &id]);
    assert_eq!(late.code, Some(1), "{}", late.stderr);
}

#[test]
fn a_run_is_cancelled_in_the_middle_of_work_that_would_never_end() {
    if !tools_are_here() {
        return;
    }
    let env = TestEnv::deploying();
    env.ok(["project", "new", "a notes API with title", "--no-deploy"]);
    // A process that can be seen from here wherever the tests run.
    let mark = format!("never-ends-{}", env.home().file_name().unwrap().display());
    let test = format!(
        "import subprocess\nimport sys\n\n\ndef test_mine() -> None:\n    subprocess.run([sys.executable, \"-c\", \"import signal; signal.pause()  # {mark}\"], check=False)\n"
    );
    let is_at_work = || {
        cgo::exec::identity::pids().into_iter().any(|pid| {
            std::fs::read(format!("/proc/{pid}/cmdline"))
                .is_ok_and(|line| String::from_utf8_lossy(&line).contains(&mark))
        })
    };
    std::fs::write(env.work().join("notes-api/services/backend/tests/test_mine.py"), test).unwrap();
    commit(&env, "Never end");
    let working = env.start(["deploy", "notes-api"]);
    until("the test to be at work", is_at_work);
    let id = env.json(["run", "list"])["runs"][0]["id"].as_str().unwrap().to_owned();
    let shown = env.ok(["run", "show", &id]).stdout;
    assert!(shown.lines().any(|line| line.starts_with("  at work on ") && line.ends_with("tester")), "{shown}");
    let said = env.ok(["run", "cancel", &id]).stdout;
    assert!(said.contains("is being cancelled"), "{said}");
    until("the run to be cancelled", || env.json(["run", "show", &id])["run"]["status"] == "cancelled");
    let ended = working.end();
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let by = cgo::app::user();
    assert!(ended.stderr.contains(&format!("error: run `{id}` was cancelled by {by}")), "{}", ended.stderr);
    until("the test to end", || !is_at_work());
    let shown = env.ok(["run", "show", &id]).stdout;
    assert!(shown.contains("  left unfinished: tester\n"), "{shown}");
    assert_eq!(env.run(["run", "resume", &id]).code, Some(1), "a run that is over went on");
}

#[test]
fn a_rejection_ends_the_run_and_nothing_is_deployed() {
    if !tools_are_here() {
        return;
    }
    let env = TestEnv::deploying();
    let id = interrupted_and_broken(&env);
    assert_eq!(env.run(["run", "resume", &id]).code, Some(4));
    env.ok(["run", "reject", &id, "--reason", "not worth it"]);
    assert_eq!(env.json(["run", "show", &id])["run"]["status"], "cancelled");
    let project = env.json(["project", "show", "notes-api"]);
    assert_eq!((&project["live"]["serves"], project["releases"].as_array().unwrap().len()), (&false.into(), 0));
}
