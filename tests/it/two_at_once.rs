//! Two commands that change one project at the same time: one works, the other is told who does, and nothing is left
//! half done.

use insta::assert_snapshot;
use rustix::process::Signal;

use crate::support::env::{Started, TestEnv, get, tools_are_here, until};

/// A project that serves; its address.
fn deployed(env: &TestEnv) -> String {
    let made = env.json(["project", "new", "a notes API with title"]);
    made["url"].as_str().unwrap().to_owned()
}

/// A deployment that holds the project; its run.
fn deploying(env: &TestEnv) -> (Started, String) {
    let before = env.json(["run", "list"])["runs"].as_array().unwrap().len();
    let child = env.start(["deploy", "notes-api"]);
    let mut newest = serde_json::Value::Null;
    until("a deployment at work", || {
        let runs = env.json(["run", "list"])["runs"].take();
        newest = runs[0].clone();
        runs.as_array().unwrap().len() > before && newest["status"] == "running"
    });
    (child, newest["id"].as_str().unwrap().to_owned())
}

#[test]
fn while_a_project_is_deployed_nothing_else_changes_it() {
    if !tools_are_here() {
        return;
    }
    let env = TestEnv::deploying();
    let url = deployed(&env);
    let (deploy, run) = deploying(&env);
    let pid = deploy.pid().to_string();
    let stable = |text: &str| {
        let host = cgo::exec::identity::me().host;
        env.stable(&text.replace(&format!("process {pid} on {host}"), "process PID on HOST"))
    };
    let remove = env.run(["project", "remove", "notes-api", "--yes"]);
    assert_snapshot!(format!("{}exit {}", stable(&remove.stderr), remove.code.unwrap()), @r##"
    error: `project:notes-api` is held by process PID on HOST for run-ID
    hint: run `cgo run watch run-ID`
    exit 5
    "##);
    assert!(remove.stderr.contains(&run), "{remove:?}");
    for other in [&["project", "stop", "notes-api"][..], &["project", "start", "notes-api"], &["deploy", "notes-api"]] {
        let ran = env.run(other);
        assert_eq!(ran.code, Some(5), "{other:?}: {ran:?}");
        assert!(ran.stderr.contains(&format!("held by process {pid}")), "{other:?}: {ran:?}");
    }
    let done = deploy.end();
    assert_eq!(done.code, Some(0), "the deployment suffered from what was refused: {done:?}");
    assert_eq!(get(&format!("{url}/health")).0, 200);
    let shown = env.json(["project", "show", "notes-api"]);
    let active = shown["releases"].as_array().unwrap().iter().filter(|release| release["status"] == "active").count();
    assert_eq!(active, 1, "{shown}");

    // What was refused is not left to be resumed, and works now.
    let resume = env.run(["run", "resume"]);
    assert_eq!((resume.code, resume.stderr.contains("no run can be resumed")), (Some(1), true), "{resume:?}");
    env.ok(["project", "remove", "notes-api", "--yes"]);
    assert_eq!(get(&url).0, 0);
}

#[test]
fn a_deployment_and_a_removal_at_the_same_moment_leave_a_project_or_none() {
    if !tools_are_here() {
        return;
    }
    let env = TestEnv::deploying();
    let url = deployed(&env);
    let deploy = env.start(["deploy", "notes-api"]);
    let remove = env.start(["project", "remove", "notes-api", "--yes"]);
    let (deploy, remove) = (deploy.end(), remove.end());
    let projects = env.json(["project", "list"])["projects"].as_array().unwrap().len();
    match (deploy.code, remove.code) {
        (Some(0), Some(5)) => {
            assert_eq!((projects, get(&format!("{url}/health")).0), (1, 200));
        }
        (Some(1 | 5), Some(0)) => {
            assert_eq!((projects, get(&url).0), (0, 0));
            assert!(!env.data().join("servers/local/apps/notes-api/production").exists());
        }
        _ => panic!("{deploy:?}\n{remove:?}"),
    }
    // The removal may have cancelled the run before it was taken up.
    let told = deploy.stderr.contains("notes-api") || deploy.stderr.contains("is over: it was cancelled");
    assert!(deploy.code == Some(0) || told, "{deploy:?}");
}

#[test]
fn a_project_being_made_is_not_removed_under_its_maker() {
    if !tools_are_here() {
        return;
    }
    let env = TestEnv::new();
    let child = env.start(["project", "new", "a notes API with title", "--no-deploy"]);
    until("the repository", || env.work().join("notes-api/services.yml").exists());
    let refused = env.run(["project", "remove", "notes-api", "--folder", "--yes"]);
    assert_eq!(refused.code, Some(5), "{refused:?}");
    let taken = env.json(["run", "list"])["runs"][0]["id"].as_str().unwrap().to_owned();
    let resume = env.run(["run", "resume", &taken]);
    assert_eq!(resume.code, Some(5), "{resume:?}");
    assert!(resume.stderr.contains(&format!("cgo run watch {taken}")), "{resume:?}");
    child.signal(Signal::INT);
    let stopped = child.end();
    assert_eq!(stopped.code, Some(130), "what was refused stopped the run: {stopped:?}");
    assert_eq!(env.json(["run", "resume"])["status"], "succeeded");
}
