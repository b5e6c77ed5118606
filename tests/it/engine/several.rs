//! A project on several servers, which serve the same release or go back together, by the command line.

use std::path::Path;

use rustix::process::Signal;
use serde_json::Value;

use super::whole::{git, ground, packages, server};
use crate::support::env::{TestEnv, get, until};
use crate::support::sshd::Sshd;

/// What each server serves, by the server.
fn serving(env: &TestEnv) -> Vec<(String, String)> {
    let status = env.json(["deploy", "notes-api", "--status"]);
    let text = |value: &Value| value.as_str().unwrap_or("none").to_owned();
    let servers = status["servers"].as_array().unwrap_or_else(|| panic!("{status}"));
    servers
        .iter()
        .map(|seen| {
            let (status, ready) = get(&format!("{}/ready", text(&seen["url"])));
            let release = text(&seen["release"]);
            assert!(status == 200 && ready.contains(&release), "{seen}: {ready}");
            (text(&seen["server"]), release)
        })
        .collect()
}

/// The release that visitors of a server get.
fn release_of(url: &str) -> String {
    let ready: Value = serde_json::from_str(&get(&format!("{url}/ready")).1).unwrap_or_default();
    ready["release"].as_str().unwrap_or_default().to_owned()
}

/// Whatever is cut off while the servers are switched, the deployment that comes next leaves all of them with the same
/// release.
fn cut_off_in_the_midst(env: &TestEnv, hosts: &[Sshd], commit: &dyn Fn(&str)) {
    let status = env.json(["deploy", "notes-api", "--status"]);
    let urls: Vec<String> =
        status["servers"].as_array().unwrap().iter().map(|it| it["url"].as_str().unwrap().to_owned()).collect();
    let begun = |bake: &str| {
        let before = release_of(&urls[0]);
        let started = env.start(["deploy", "notes-api", "--bake", bake, "--parallel", "1"]);
        until("the first server is switched", || {
            let now = release_of(&urls[0]);
            !now.is_empty() && now != before
        });
        (started, before)
    };
    let cable = |host: &Sshd, state: &str| host.root(&format!("ip link set eth0 {state}"));

    // A link that is dead for a while: the deployment waits for it, and goes on.
    commit("The link");
    let (going, before) = begun("1");
    cable(&hosts[2], "down");
    until("the second server is switched", || release_of(&urls[1]) != before);
    cable(&hosts[2], "up");
    let ended = going.end();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let serves = serving(env);
    assert_eq!(serves, all(&release_of(&urls[0])));
    assert_ne!(serves[0].1, before);

    // cgo is killed, and one link is dead at that: taken up again, the deployment ends on all of them.
    commit("The kill");
    let (going, _) = begun("4");
    cable(&hosts[2], "down");
    going.signal(Signal::KILL);
    going.end();
    cable(&hosts[2], "up");
    env.ok(["run", "resume"]);
    assert_eq!(serving(env), all(&release_of(&urls[0])));

    // Killed, and never taken up: once its leases have run out the next deployment has all of them.
    commit("The next one");
    let (going, _) = begun("1");
    going.signal(Signal::KILL);
    going.end();
    commit("Another one");
    let lease = "/var/lib/cgo/apps/notes-api/production/lease";
    let next = || {
        for host in hosts {
            // What goes on there holds it, whatever the time.
            host.root(&format!("[ ! -e {lease} ] || sed -i 's/^expires\\t.*/expires\\t1/' {lease}"));
        }
        env.run(["deploy", "notes-api", "--bake", "0", "--json"])
    };
    let mut ended = next();
    let since = std::time::Instant::now();
    while ended.code == Some(5) && since.elapsed() < std::time::Duration::from_mins(1) {
        ended = next();
    }
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
    let last: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(serving(env), all(last["data"]["release"].as_str().unwrap()));
}

/// What one domain for all of them comes to is told beforehand.
fn one_domain(env: &TestEnv, hosts: &[Sshd], folder: &Path) {
    let names = env.home().join("hosts");
    let lines = hosts.iter().map(|host| format!("{} notes.cgo-test.example notes.cgo-test.example.\n", host.address));
    std::fs::write(&names, format!("127.0.0.1 localhost\n{}", lines.collect::<String>())).unwrap();
    env.disk().cover("/etc/hosts", &names);
    let manifest = std::fs::read_to_string(folder.join("cgo.yaml")).unwrap();
    std::fs::write(folder.join("cgo.yaml"), format!("{manifest}domain: notes.cgo-test.example\n")).unwrap();
    git(folder, &["commit", "-qam", "Give it a name"]);
    let planned = env.ok(["deploy", "notes-api", "--dry-run"]).stdout;
    assert!(planned.contains("leads to 3 servers, each of which asks for a certificate of its own"), "{planned}");
    git(folder, &["reset", "-q", "--hard", "HEAD~1"]);
}

fn all(release: &str) -> Vec<(String, String)> {
    ["east", "north", "west"].map(|server| (server.to_owned(), release.to_owned())).to_vec()
}

#[test]
fn several_servers_serve_the_same_release_or_go_back_together() {
    let Some((east, mut env)) = ground() else { return };
    let (Some(north), Some(west)) = (Sshd::start(), Sshd::start()) else { return };
    let hosts = [east, north, west];
    if !env.mount("names") {
        return;
    }
    env.ok(["project", "new", "a notes API with title and body", "--no-deploy"]);
    let folder = env.work().join("notes-api");
    let main = folder.join("services/backend/app/main.py");
    for (name, host) in ["east", "north", "west"].into_iter().zip(&hosts) {
        server(&env, host, name);
        packages(host, &folder.join("services/backend/requirements.lock"));
    }
    let commit = |text: &str| {
        std::fs::write(folder.join("NOTES.md"), text).unwrap();
        git(&folder, &["add", "-A"]);
        git(&folder, &["commit", "-qm", text]);
    };

    let refused = env.run(["deploy", "notes-api", "--server", "east,local"]);
    assert!(refused.code == Some(2) && refused.stderr.contains("`local`"), "{}", refused.stderr);
    let made = env.json(["deploy", "notes-api", "--server", "west,east,north", "--bake", "0"]);
    let first = made["release"].as_str().unwrap().to_owned();
    assert_eq!(serving(&env), all(&first));
    let left_out = env.run(["deploy", "notes-api", "--server", "east"]);
    assert_eq!(left_out.code, Some(1), "{}", left_out.stderr);

    // One that cannot run it: visitors of the others, who had it for a moment, get what they had before.
    let code = std::fs::read_to_string(&main).unwrap();
    let begin = "    settings = settings or Settings()\n";
    let ends =
        format!("{begin}    if Path(\"/run/broken\").exists():\n        raise SystemExit(\"it is broken here\")\n");
    let code = code.replace("asynccontextmanager\n\n", "asynccontextmanager\nfrom pathlib import Path\n\n");
    std::fs::write(&main, code.replace(begin, &ends)).unwrap();
    commit("Look at the machine");
    hosts[1].root("touch /run/broken");
    let broken = env.run(["deploy", "notes-api", "--bake", "1", "--parallel", "1"]);
    assert_eq!(broken.code, Some(6), "{}", broken.stderr);
    assert!(broken.stderr.contains("it is broken here"), "{}", broken.stderr);
    assert!(broken.stderr.contains("what served before serves on east"), "{}", broken.stderr);
    assert_eq!(serving(&env), all(&first));
    for lock in env.json(["lock", "status", "notes-api"])["servers"].as_array().unwrap() {
        assert_eq!(lock["held"], Value::Null, "{lock}");
    }

    // The same where a part will do.
    commit("Again");
    let partial = env.run(["deploy", "notes-api", "--bake", "1", "--allow-partial"]);
    assert_eq!(partial.code, Some(8), "{}", partial.stderr);
    assert!(partial.stderr.contains("serves on east, west, not on north"), "{}", partial.stderr);
    let mixed = serving(&env);
    assert_eq!(mixed[1].1, first);
    assert!(mixed[0].1 != first && mixed[0].1 == mixed[2].1, "{mixed:?}");
    let words = env.json(["deploy", "notes-api", "--status"])["words"].as_str().unwrap().to_owned();
    assert!(words.starts_with("different releases: east "), "{words}");

    // One that is off: nothing is begun anywhere.
    hosts[1].root("rm /run/broken");
    hosts[2].root(
        "for at in /proc/[0-9]*; do read -r name <$at/comm || continue; \
         case $name in sshd*) kill ${at#/proc/} ;; esac; done; true",
    );
    let unreachable = env.run(["deploy", "notes-api", "--bake", "0"]);
    assert!(unreachable.stderr.contains("west"), "{}", unreachable.stderr);
    assert_ne!(unreachable.code, Some(0));
    hosts[2].serve("");

    // And all of them again, by the command that was repeated.
    commit("Whole again");
    let whole = env.json(["deploy", "notes-api", "--bake", "0"]);
    let last = whole["release"].as_str().unwrap().to_owned();
    assert_eq!(serving(&env), all(&last));
    let back = env.json(["deploy", "notes-api", "--rollback", &first, "--bake", "0"]);
    assert_eq!(back["release"], first.as_str());
    assert_eq!(serving(&env), all(&first));

    cut_off_in_the_midst(&env, &hosts, &commit);

    one_domain(&env, &hosts, &folder);
    let logs = env.ok(["project", "logs", "notes-api", "--lines", "3"]).stdout;
    assert!(logs.contains("east | ") && logs.contains("west | "), "{logs}");
    env.ok(["project", "remove", "notes-api", "--yes"]);
    for host in &hosts {
        assert_eq!(host.root("ls /var/lib/cgo/apps"), "");
    }
}
