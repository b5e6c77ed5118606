//! A project on several servers, which serve the same release or go back together, and several projects on one.

use std::cell::Cell;
use std::path::Path;
use std::time::Duration;

use cgo::domain::diagnose::Diagnose as _;
use cgo::domain::ids::{ReleaseId, RunId};
use cgo::domain::names::ProjectName;
use cgo::domain::request::Rollout;
use cgo::domain::run::{Request, Run, RunStatus};
use cgo::ops;
use cgo::ops::deploy::remote::{self, Fleet};
use cgo::ops::servers::place;
use cgo::remote::host::ssh;
use cgo::store::{Runs as _, Store};
use rustix::process::Signal;
use serde_json::Value;

use super::never;
use super::shop::{Shop, run_out};
use super::whole::{git, ground, packages, server};
use crate::placement::Desk;
use crate::support::env::{TestEnv, get, until};
use crate::support::projects::on_record;
use crate::support::sshd::Sshd;

/// What each server serves, by the server.
fn serving(env: &TestEnv) -> Vec<(String, String)> {
    on_each(env, "notes-api")
}

fn on_each(env: &TestEnv, project: &str) -> Vec<(String, String)> {
    let status = env.json(["deploy", project, "--status"]);
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
    let last = follow(env, "notes-api", &hosts.iter().collect::<Vec<_>>());
    assert_eq!(serving(env), all(&last));
}

/// Deploys after one that was left, once its leases have run out; the release.
fn follow(env: &TestEnv, project: &str, hosts: &[&Sshd]) -> String {
    let next = || {
        for host in hosts {
            run_out(host, project);
        }
        env.run(["deploy", project, "--bake", "0", "--json"])
    };
    let mut ended = next();
    let since = std::time::Instant::now();
    while ended.code == Some(5) && since.elapsed() < Duration::from_mins(1) {
        ended = next();
    }
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
    let last: Value = serde_json::from_str(&ended.stdout).unwrap();
    last["data"]["release"].as_str().unwrap().to_owned()
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

/// Ends the SSH server of a host and every connection to it. What runs there runs on.
fn hang_up(host: &Sshd) {
    host.root(
        "for at in /proc/[0-9]*; do read -r name <$at/comm || continue; \
         case $name in sshd*) kill ${at#/proc/} ;; esac; done; true",
    );
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
    hang_up(&hosts[2]);
    let unreachable = env.run(["deploy", "notes-api", "--bake", "0"]);
    assert_eq!(unreachable.code, Some(1), "{}", unreachable.stderr);
    assert!(unreachable.stderr.contains("cannot reach `west`"), "{}", unreachable.stderr);
    hosts[2].serve("");
    assert_eq!(serving(&env), mixed, "nothing was begun");

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

/// A shop on three servers, of which its own comes last, and where each is visited. In this order, so that who deploys goes
/// first.
fn on_three() -> Option<([Sshd; 2], Shop, [String; 3])> {
    let shop = Shop::open()?;
    let others = [Sshd::start()?, Sshd::start()?];
    for (name, host) in ["east", "north"].into_iter().zip(&others) {
        server(&shop.env, host, name);
    }
    shop.env.ok(["deploy", "shop", "--server", "east,north,web", "--bake", "0"]);
    let status = shop.env.json(["deploy", "shop", "--status"]);
    let url = |at: usize| status["servers"][at]["url"].as_str().unwrap_or_else(|| panic!("{status}")).to_owned();
    let urls = [url(0), url(1), url(2)];
    Some((others, shop, urls))
}

/// Deploys the shop to its three servers, one after the other, by one who waits for none of them for long; what came of
/// it. `hears` is told what is told to whoever watches.
async fn impatiently(shop: &Shop, hears: &dyn Fn(&str)) -> (ReleaseId, Result<(), ops::Error>) {
    let mut desk = Desk::new().await;
    desk.context.store = Store::open(&format!("sqlite:{}", shop.env.data().join("cgo.db").display())).await.unwrap();
    desk.context.cache = shop.env.home().join("cache");
    let (context, cancel) = (&desk.context, never());
    let project = ops::projects::by_name(context, &ProjectName::parse("shop").unwrap()).await.unwrap();
    let places = place::of_project(context, &project, &cancel).await.unwrap();
    let rollout = Rollout { bake: Some(0), parallel: Some(1), ..Rollout::default() };
    let request =
        Request::Deploy { project: project.name.clone(), sandbox: None, server: None, rollout, cassette: None };
    let now = context.now();
    let run = Run {
        id: RunId::new(now, ops::random()),
        project: None,
        request,
        status: RunStatus::Queued,
        reason: None,
        asked_by: None,
        forked_from: None,
        seq: 0,
        created_at: now,
        updated_at: now,
    };
    context.store.create_run(&run).await.unwrap();
    let commit = crate::support::repo::git(&shop.folder, &["rev-parse", "HEAD"]);
    let planned = remote::plan(context, &project, &places, &run, &commit, &cancel).await;
    let mut plans = planned.unwrap().plans;
    for plan in &mut plans {
        plan.host.patience = Duration::from_secs(3);
    }
    let fleet = Fleet::new(context, &project, &places, &plans, rollout, &cancel);
    fleet.hosts()[0].note().await.unwrap();
    let built = fleet.build(hears).await.unwrap();
    let rolled = fleet.roll(&built.servers, hears).await.map(drop);
    for place in &places {
        ssh::forget(place.server.id.as_str());
    }
    let release = plans[0].host.release.clone();
    context.store.clone().close().await;
    (release, rolled)
}

#[test]
fn a_server_that_goes_dark_at_the_switch_has_the_others_go_back() {
    let Some((_others, shop, urls)) = on_three() else { return };
    let first = get(&format!("{}/", urls[0])).1;
    shop.commit("The second");
    // Asked anew at its gate, it is about to switch: that goes on there, whoever listens.
    let gates = Cell::new(0);
    let dark = |text: &str| {
        if text == "web: waiting for its health gate" {
            gates.set(gates.get() + 1);
            if gates.get() == 2 {
                hang_up(&shop.host);
                shop.host.root("ip link set eth0 down");
            }
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (second, rolled) = runtime.block_on(impatiently(&shop, &dark));
    let failed = rolled.unwrap_err();
    assert_eq!(failed.kind().exit_code(), 8, "{failed}");
    let said = failed.to_string();
    for words in [
        "it is not known how the deployment on `web` ended",
        "what served before serves on east, north",
        "it is not known what serves on web (",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    for url in &urls[..2] {
        assert_eq!(get(&format!("{url}/")), (200, first.clone()), "{url}");
    }

    // When it answers again the same command has all of them serve the same.
    shop.host.root("ip link set eth0 up");
    shop.host.serve("");
    until("its switch", || get(&format!("{}/", urls[2])).1 == second.as_str());
    let last = follow(&shop.env, "shop", &[&shop.host]);
    let same = ["east", "north", "web"].map(|server| (server.to_owned(), last.clone()));
    assert_eq!(on_each(&shop.env, "shop"), same);
}

#[test]
fn a_server_that_cannot_be_reached_is_left_out_by_name_where_a_part_will_do() {
    let Some((_others, shop, urls)) = on_three() else { return };
    let first = get(&format!("{}/", urls[0])).1;
    shop.commit("The second");
    hang_up(&shop.host);
    let partial = shop.env.run(["deploy", "shop", "--bake", "0", "--allow-partial"]);
    assert_eq!(partial.code, Some(8), "{}", partial.stderr);
    assert!(partial.stderr.contains("serves on east, north, not on web (cannot reach `web`"), "{}", partial.stderr);
    let answers = urls.map(|url| get(&format!("{url}/")).1);
    assert!(answers[0] != first && answers[0] == answers[1] && answers[2] == first, "{answers:?}");
    shop.host.serve("");
    let mixed = shop.env.json(["deploy", "shop", "--status"])["words"].as_str().unwrap().to_owned();
    assert!(mixed.starts_with("different releases: east "), "{mixed}");
}

#[test]
fn two_projects_are_deployed_to_one_server_at_once() {
    let Some(shop) = Shop::open() else { return };
    // Another one, of the same files.
    git(&shop.env.work(), &["clone", "-q", "shop", "mall"]);
    let folder = shop.env.work().join("mall");
    let manifest = std::fs::read_to_string(folder.join("cgo.yaml")).unwrap();
    std::fs::write(folder.join("cgo.yaml"), manifest.replace("name: shop", "name: mall")).unwrap();
    git(&folder, &["commit", "-qam", "A mall"]);
    on_record(&shop.env, "mall", "Mall", &folder);
    for round in ["first", "second"] {
        let both = ["shop", "mall"].map(|name| shop.env.start(["deploy", name, "--bake", "0", "--json"]));
        let made = both.map(|going| {
            let ended = going.end();
            assert_eq!(ended.code, Some(0), "{round}: {}\n{}", ended.stdout, ended.stderr);
            let mut made: Value = serde_json::from_str(&ended.stdout).unwrap();
            made["data"].take()
        });
        assert_ne!(made[0]["url"], made[1]["url"]);
        for made in made {
            let (url, release) = (made["url"].as_str().unwrap(), made["release"].as_str().unwrap());
            assert_eq!(get(&format!("{url}/")), (200, release.to_owned()), "{round}: {made}");
        }
        assert_eq!(shop.host.root("pgrep -fc 'python -u app.py' || :").trim(), "2", "{round}");
    }
}
