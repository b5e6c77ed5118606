//! No room: ports that are all taken, disks that are full. What is missing is named with the next command, nothing is
//! half made, and the run goes on once there is room.

use std::path::Path;
use std::process::Command;

use insta::assert_snapshot;
use rustix::process::Signal;
use serde_json::Value;
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, Row as _};

use crate::support::env::{Ran, TestEnv, get, tools_are_here, until};

/// The error with its hint, without the progress before it.
fn complaint(env: &TestEnv, ran: &Ran) -> String {
    let at = ran.stderr.find("error: ").unwrap_or_else(|| panic!("no error: {ran:?}"));
    format!("{}exit {}", env.stable(&ran.stderr[at..]), ran.code.unwrap())
}

fn newest_run(env: &TestEnv) -> Value {
    env.json(["run", "list"])["runs"][0].clone()
}

/// Runs statements on the store behind cgo's back; the answer of the last.
fn meddle(store: &Path, sql: &'static str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(store);
        let mut connection = options.connect().await.unwrap();
        let rows = connection.fetch_all(sql).await.unwrap();
        connection.close().await.unwrap();
        rows.last().and_then(|row| row.try_get(0).ok()).unwrap_or_default()
    })
}

#[test]
fn when_every_port_is_taken_the_run_waits_for_one_and_goes_on() {
    if !tools_are_here() {
        return;
    }
    let mut env = TestEnv::deploying();
    // No other test is given these.
    env.set("CGO_PORTS", "9900-9939");
    env.json(["project", "new", "pens with colour", "--until", "brainstorm", "--name", "hog"]);
    env.ok(["servers", "list"]);
    meddle(
        &env.data().join("cgo.db"),
        "with recursive free(port) as (select 9900 union all select port + 1 from free where port < 9939) \
         insert into port_reservation (server_id, port, project_id, service, purpose, created_at) \
         select server.id, port, project.id, 'service-' || port, 'public', 0 from free, server, project",
    );
    let refused = env.run(["project", "new", "books with title"]);
    assert!(refused.stdout.is_empty(), "{}", refused.stdout);
    assert_snapshot!(complaint(&env, &refused), @r##"
    error: no port from 9900 to 9939 is free on server `local`: 40 reserved, 0 in use by others
    hint: remove a project from the server with `cgo project remove NAME`, then run `cgo run resume run-ID`
    exit 9
    "##);
    assert_eq!(newest_run(&env)["status"], "queued");
    let ports = env.json(["servers", "list"])["servers"][0]["ports"].as_array().unwrap().len();
    assert_eq!(ports, 40, "a port was reserved all the same");

    let again = env.run(["run", "resume", "--json"]);
    let envelope: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!((again.code, &envelope["error"]["code"]), (Some(9), &"preflight".into()), "{envelope:#}");
    assert!(envelope["error"]["message"].as_str().unwrap().contains("no port from 9900 to 9939"), "{envelope:#}");
    assert!(envelope["error"]["hint"].as_str().unwrap().contains("cgo run resume run-"), "{envelope:#}");

    env.ok(["project", "remove", "hog", "--yes"]);
    let made = env.json(["run", "resume"]);
    assert_eq!(get(&format!("{}/health", made["url"].as_str().unwrap())).0, 200);
    assert_eq!(made["commits"].as_array().unwrap().len(), 2, "{made}");
}

#[test]
fn a_full_disk_below_the_store_is_named_and_the_store_stays_whole() {
    if !tools_are_here() {
        return;
    }
    let mut env = TestEnv::new();
    if !env.mount(".local") {
        return;
    }
    env.disk().fill();
    assert_snapshot!(complaint(&env, &env.run(["project", "list"])), @r##"
    error: no room is left for the store `sqlite:HOME/.local/share/cgo/cgo.db`
    hint: free some room there
    exit 9
    "##);
    env.disk().free();
    env.ok(["project", "list"]);
    env.disk().fill();
    assert_snapshot!(complaint(&env, &env.run(["project", "new", "a notes API with title"])), @r##"
    error: no room is left for the store `sqlite:HOME/.local/share/cgo/cgo.db`
    hint: free some room there
    exit 9
    "##);
    assert_eq!(std::fs::read_dir(env.work()).unwrap().count(), 0);

    env.disk().free();
    let child = env.start(["project", "new", "a notes API with title", "--no-deploy"]);
    until("the generated code", || env.work().join("notes-api/services/backend/app/main.py").exists());
    env.disk().fill();
    let stopped = child.end();
    assert_snapshot!(complaint(&env, &stopped), @r##"
    error: run `run-ID` cannot go on
      caused by: the journal cannot be written
      caused by: no room is left for the store `sqlite:HOME/.local/share/cgo/cgo.db`
    hint: free some room there, then run `cgo run resume run-ID`
    exit 9
    "##);

    env.disk().free();
    let copy = env.home().join("copy.db");
    let store = env.disk().seen(&env.data());
    std::fs::copy(store.join("cgo.db"), &copy).unwrap();
    std::fs::copy(store.join("cgo.db-wal"), env.home().join("copy.db-wal")).unwrap();
    assert_eq!(meddle(&copy, "pragma integrity_check"), "ok");
    let made = env.json(["run", "resume"]);
    assert_eq!((&made["status"], &made["tests"]["failed"]), (&"succeeded".into(), &0.into()), "{made}");
    assert_eq!(made["commits"].as_array().unwrap().len(), 2, "{made}");
}

/// A run that was interrupted as soon as something is there.
fn interrupted(env: &TestEnv, arguments: &[&str], what: &str, is_there: impl FnMut() -> bool) {
    let child = env.start(["project", "new", "a notes API with title"].iter().chain(arguments));
    until(what, is_there);
    child.signal(Signal::INT);
    let ran = child.end();
    assert_eq!(ran.code, Some(130), "{ran:?}");
}

/// How many commits a folder on the disk has; none before it is a repository.
fn commits(env: &TestEnv, folder: &Path) -> usize {
    let words = env.disk().entrance(folder);
    let mut git = Command::new(&words[0]);
    git.args(&words[1..]).args(["git", "rev-list", "--count", "HEAD"]);
    git.output().ok().and_then(|output| String::from_utf8(output.stdout).ok()?.trim().parse().ok()).unwrap_or(0)
}

#[test]
fn a_full_disk_below_the_project_is_named_and_the_run_goes_on_when_there_is_room() {
    if !tools_are_here() {
        return;
    }
    let mut env = TestEnv::new();
    if !env.mount("work") {
        return;
    }
    env.disk().fill();
    assert_snapshot!(complaint(&env, &env.run(["project", "new", "a notes API with title"])), @r##"
    error: the disk of `HOME/work` has 0 MB left; 300 MB are needed
    hint: free some room, or choose another folder with --dir
    exit 9
    "##);
    assert_eq!(std::fs::read_dir(env.disk().seen(&env.work())).unwrap().count(), 0);
    env.disk().free();

    for (name, done) in [("early", 1), ("late", 2)] {
        let folder = env.work().join(name);
        interrupted(&env, &["--no-deploy", "--name", name], "the commit", || commits(&env, &folder) >= done);
        env.disk().fill();
        let stopped = env.run(["run", "resume"]);
        let text = complaint(&env, &stopped);
        assert!(text.contains(&format!("`HOME/work/{name}/")), "{text}");
        assert!(text.contains("` is full") || text.contains("No space left on device"), "{text}");
        assert!(text.contains("hint: free some room there, then run `cgo run resume run-ID`"), "{text}");
        assert_eq!(stopped.code, Some(9), "{text}");
        let run = newest_run(&env);
        assert_eq!((&run["status"], &run["worked_on_by"]), (&"queued".into(), &Value::Null), "{run}");
        env.disk().free();
        let made = env.json(["run", "resume"]);
        assert_eq!((&made["status"], &made["tests"]["failed"]), (&"succeeded".into(), &0.into()), "{made}");
        assert_eq!(commits(&env, &folder), 2, "{name}");
    }
}

#[test]
fn a_full_disk_below_the_server_stops_the_deployment_and_it_goes_on_when_there_is_room() {
    if !tools_are_here() {
        return;
    }
    let mut env = TestEnv::deploying();
    if !env.mount(".local") {
        return;
    }
    env.set("CGO_STORE", format!("sqlite:{}", env.home().join("cgo.db").display()));
    env.json(["project", "new", "a notes API with title", "--no-deploy"]);
    env.disk().fill();
    let stopped = env.run(["deploy", "notes-api"]);
    let text = complaint(&env, &stopped);
    assert_eq!(stopped.code, Some(9), "{text}");
    assert!(text.contains("HOME/.local/share/cgo") && text.contains("then run `cgo run resume run-ID`"), "{text}");
    env.disk().free();
    let made = env.json(["run", "resume"]);
    assert_eq!(get(&format!("{}/health", made["url"].as_str().unwrap())).0, 200, "{made}");

    // The next deployment fails the same way: what serves goes on serving.
    env.disk().fill();
    let stopped = env.run(["deploy", "notes-api"]);
    assert_eq!(stopped.code, Some(9), "{stopped:?}");
    assert_eq!(get(&format!("{}/health", made["url"].as_str().unwrap())).0, 200, "{made}");
    env.disk().free();
    env.json(["run", "resume"]);
}
