//! A deployment that is cut off at each of its steps, in each way there is, comes to its end when it is begun again.
//!
//! The host's `sync` is put in the way: the engine calls it after each line of its journal, and it strikes at the line
//! that is wanted. Nothing of cgo knows of it.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use cgo::domain::deployment::{Driver, Slot};
use cgo::domain::diagnose::{Diagnose as _, Kind};
use cgo::remote::engine::Error;
use cgo::remote::engine::operate::Work;
use cgo::remote::engine::phase::Phase;
use cgo::remote::engine::plan::Plan;
use cgo::remote::image::Sort;
use rustix::process::{Signal, kill_process};

use super::{Stage, never};
use crate::hosts::Linked;
use crate::support::docker::Docker;
use crate::support::env::{copy_program, figure, until_async};
use crate::support::sshd::Sshd;

const SYNC: &str = r#"#!/bin/sh
"$(dirname "$0")/sync.real" "$@" || exit
here=FOLDER
[ -s "$here/fault" ] || exit 0
for file; do
    case $file in
    */journal)
        case $(tail -n 1 "$file") in
        *"$(cat "$here/fault")"*)
            how=$(cat "$here/how")
            rm "$here/fault"
            : >"$here/struck"
            case $how in
            runner) kill -9 0 ;;
            power) sleep 1000 ;;
            # It does not go on before somebody has seen it.
            none) n=0; while [ -e "$here/struck" ] && [ $n -lt 1000 ]; do n=$((n + 1)); sleep 0.01; done ;;
            full)
                until mount -o "remount,size=$(df -Pk $here/cgo | awk 'NR > 1 { print $3 }')k" none $here/cgo; do :; done
                ;;
            esac
            ;;
        esac
        ;;
    esac
done
exit 0
"#;

/// How long a release has to pass its gate: several hosts share the processors of one machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// What is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// The script that does the work on the host.
    Runner,
    /// The host's power.
    Power,
    /// cgo itself.
    Cli,
    /// The connection.
    Link,
    /// All room on its disk.
    Room,
}

/// Every step of a deployment, with the phase it is a step of.
const STEPS: [(Phase, &str); 12] = [
    (Phase::Build, "build"),
    (Phase::Stage, "lease"),
    (Phase::Stage, "prepare"),
    (Phase::Stage, "migrate"),
    (Phase::Stage, "start"),
    (Phase::Stage, "gate"),
    (Phase::Switch, "flip"),
    (Phase::Switch, "drain"),
    (Phase::Switch, "bake"),
    (Phase::Finish, "retire"),
    (Phase::Finish, "prune"),
    (Phase::Finish, "unlease"),
];

const PHASES: [Phase; 4] = [Phase::Build, Phase::Stage, Phase::Switch, Phase::Finish];

async fn go(stage: &Stage<'_>, plan: &Plan) -> Result<(), Error> {
    for phase in PHASES {
        stage.phase(plan, phase, "ok").await?;
    }
    Ok(())
}

/// Deploys with something cut off at a line of the journal, begins again where cgo itself was, and tells what is not as
/// it should be then.
async fn strike(sshd: &Sshd, stage: &Stage<'_>, linked: &Linked, at: &str, how: How) -> Result<(), String> {
    let plan = stage.plan().await;
    let word = match how {
        How::Runner => "runner",
        How::Power => "power",
        How::Cli | How::Link => "none",
        How::Room => "full",
    };
    sshd.write("how", word);
    sshd.write("fault", at);
    let struck = sshd.folder().join("struck");
    let strikes = async {
        until_async(at, async || struck.exists()).await;
        std::fs::remove_file(&struck).unwrap();
    };
    let work = go(stage, &plan);
    let ended = match how {
        How::Runner => tokio::join!(work, strikes).0,
        How::Power => {
            let boot = match stage.driver {
                // What a machine forgets when it goes down is gone; its engine is there when it answers again.
                Driver::Container => format!(
                    "rm -rf /run/docker-own.pid /run/docker-own /run/docker.sock 2>/dev/null; {}; \
                     n=0; until docker version >/dev/null 2>&1 || [ $n -ge 300 ]; do n=$((n + 1)); sleep 0.1; done",
                    crate::images::dockerd(sshd)
                ),
                // A host that has no keeper yet starts nothing.
                Driver::Process | Driver::Systemd => {
                    format!("[ ! -e '{0}/bin/keep' ] || sh '{0}/bin/keep' --boot '{0}'", stage.root)
                }
            };
            tokio::join!(work, async {
                strikes.await;
                sshd.power_cycle(&boot);
            })
            .0
        }
        How::Link => {
            tokio::join!(work, async {
                strikes.await;
                // It may be gone with the end of the work.
                let _ = kill_process(linked.master(), Signal::KILL);
            })
            .0
        }
        How::Cli => {
            tokio::select! {
                biased;
                () = strikes => {}
                ended = work => return Err(format!("it ended before it was struck: {ended:?}")),
            }
            go(stage, &plan).await
        }
        How::Room => {
            let (ended, ()) = tokio::join!(work, strikes);
            if let Err(error) = ended {
                full(stage, &plan, &error).await?;
            }
            sshd.root(&format!("mount -o remount,size=64m none '{}'", stage.root));
            go(stage, &plan).await
        }
    };
    ended.map_err(|error| format!("{error}: {:?}", error.evidence()))?;
    let seen = stage.survey().await;
    if seen.serving != Some((plan.slot, plan.release.to_string())) {
        return Err(format!("{:?} serves, not {}", seen.serving, plan.release));
    }
    if seen.held.is_some() || seen.left.is_some() {
        return Err(format!("the lease is still there: {:?} {:?}", seen.held, seen.left));
    }
    if !stage.answers().await.is_some_and(|said| said.starts_with(plan.release.as_str())) {
        return Err("the release does not answer".to_owned());
    }
    let running = seen.slots.iter().filter(|slot| slot.state == "running").count();
    let name = &stage.name;
    let (processes, migrated) = match stage.driver {
        Driver::Container => (
            stage.shell(&format!("docker ps --all --quiet --filter label=cgo.app={name} | wc -l")).await,
            stage
                .shell(&format!(
                    "wc -l <$(docker volume inspect -f '{{{{.Mountpoint}}}}' cgo-{name}-production)/migrations"
                ))
                .await,
        ),
        Driver::Process | Driver::Systemd => {
            (stage.shell("pgrep -f 'python3 -u main.py' | wc -l").await, stage.shell("wc -l <shared/migrations").await)
        }
    };
    if running != 1 || processes != "1" {
        return Err(format!("{running} slots run with {processes} processes: {:?}", seen.slots));
    }
    if migrated != stage.made.get().to_string() {
        // One that ends on a full disk cannot say so, and is run again; any other is run once, whatever was cut off.
        if how != How::Room || !at.contains("migrate\",\"mark\":\"intent") {
            return Err(format!("{migrated} migrations for {} releases", stage.made.get()));
        }
    }
    Ok(())
}

/// What is not as it should be after a deployment that came to nothing for want of room.
async fn full(stage: &Stage<'_>, plan: &Plan, error: &Error) -> Result<(), String> {
    let kind = error.kind();
    let told = format!("{error} {}", error.evidence().join(" "));
    let names_it = ["full", "takes nothing", "No space left"].iter().any(|words| told.contains(words));
    if !matches!(kind, Kind::Preflight | Kind::Unknown) || !names_it {
        return Err(format!("a full disk is told as {kind:?}: {told}"));
    }
    let seen = stage.survey().await;
    let Some((_, serving)) = &seen.serving else { return Err("nothing serves".to_owned()) };
    let said = stage.answers().await.unwrap_or_default();
    if !said.starts_with(serving.as_str()) {
        return Err(format!("on a full disk {serving} is to serve, and `{said}` answers"));
    }
    if kind != Kind::Unknown && serving == plan.release.as_str() {
        return Err(format!("it serves, and yet: {error}"));
    }
    Ok(())
}

/// A strike: what is cut off, at which step, and whether when it begins or when it is done.
type Strike = (How, &'static str, &'static str);

/// A strike of some sorts at each step.
fn each(ways: &[(How, &'static str)]) -> Vec<Strike> {
    ways.iter().flat_map(|(how, mark)| STEPS.iter().map(move |(_, step)| (*how, *step, *mark))).collect()
}

/// Puts what strikes in the place of the host's `sync`.
pub(super) fn arm(sshd: &Sshd) {
    let folder = sshd.folder();
    let real = sshd.root("command -v sync");
    copy_program(real.trim(), folder.join("sync.real"));
    let here = folder.display().to_string();
    sshd.write("sync", &SYNC.replace("FOLDER", &here).replace("$(dirname \"$0\")", &here));
    std::fs::set_permissions(folder.join("sync"), std::fs::Permissions::from_mode(0o755)).unwrap();
    sshd.root(&format!("mount --bind '{here}/sync' '{}'", real.trim()));
}

/// Deploys under each strike, one after the other on one host; how often, and what did not come to its end.
fn converge(sshd: &Sshd, stage: &Stage<'_>, linked: &Linked, strikes: &[Strike]) -> (usize, Vec<String>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    arm(sshd);
    let mut failed = Vec::new();
    let mut tried = 0;
    runtime.block_on(async {
        stage.deploy("ok").await.unwrap();
        for (how, step, mark) in strikes {
            let at = format!("\"step\":\"{step}\",\"mark\":\"{mark}\"");
            tried += 1;
            if let Err(why) = strike(sshd, stage, linked, &at, *how).await {
                let failure = format!("{how:?} at {step} {mark}: {why}");
                // The others are tried where nothing of it is left, or not at all.
                if let Err(error) = afresh(sshd, stage).await {
                    failed.push(format!("{failure}; nothing was tried after it: {error}: {:?}", error.evidence()));
                    break;
                }
                failed.push(failure);
            }
        }
    });
    (tried, failed)
}

/// Takes away what a strike left that came to no good end, and deploys anew.
async fn afresh(sshd: &Sshd, stage: &Stage<'_>) -> Result<(), Error> {
    sshd.root(&format!("rm -f '{0}/fault' '{0}/struck'", sshd.folder().display()));
    // A disk that was made small has no room to try anything.
    sshd.root(&format!("! mountpoint -q '{0}' || mount -o remount,size=64m none '{0}'", stage.root));
    // What still goes on has it; nobody waits for that here.
    sshd.root(&format!("rm -f '{}/lease'", stage.app().folder()));
    stage.app().operate(Work::Remove, "a test", "the next try", &never()).await?;
    stage.made.set(0);
    stage.deploy("ok").await.map(drop)
}

/// Gives the applications of a host a disk of their own, where that is to be full once.
fn disk(sshd: &Sshd, strikes: &[Strike]) {
    if strikes.iter().any(|(how, ..)| *how == How::Room) {
        let folder = sshd.folder().display();
        sshd.root(&format!("mkdir -p '{folder}/cgo' && mount -t tmpfs -o size=64m none '{folder}/cgo'"));
    }
}

/// The same with processes, on a host of its own.
fn of_processes(strikes: &[Strike]) -> (usize, Vec<String>) {
    let Some(sshd) = Sshd::start() else { return (0, Vec::new()) };
    let folder = sshd.folder().to_owned();
    disk(&sshd, strikes);
    let linked = Linked::to(&sshd, "root");
    let mut stage = Stage::new(linked.host(), &folder);
    stage.deadline = PATIENCE;
    converge(&sshd, &stage, &linked, strikes)
}

/// The same with containers, in an engine of the host's own.
fn of_containers(strikes: &[Strike]) -> (usize, Vec<String>) {
    let Some(docker) = Docker::shared() else { return (0, Vec::new()) };
    let Some((sshd, linked)) = crate::images::host(Sort::Docker) else { return (0, Vec::new()) };
    let folder = sshd.folder().to_owned();
    disk(&sshd, strikes);
    docker.ok(["save", "--output", folder.join("base.tar").to_str().unwrap(), docker.base()]);
    sshd.root(&format!("docker load --input '{}/base.tar'", folder.display()));
    let mut stage = Stage::new(linked.host(), &folder);
    (stage.driver, stage.deadline) = (Driver::Container, PATIENCE);
    converge(&sshd, &stage, &linked, strikes)
}

/// Tells how many deployments converged, and takes none that did not.
fn told(outcomes: Vec<(usize, Vec<String>)>) {
    let tried: usize = outcomes.iter().map(|(tried, _)| tried).sum();
    let failed: Vec<String> = outcomes.into_iter().flat_map(|(_, failed)| failed).collect();
    if tried > 0 {
        figure(&format!("converged {} of {tried}: {} %", tried - failed.len(), (tried - failed.len()) * 100 / tried));
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

/// Strikes on several hosts at once.
fn on_hosts(hosts: &[&[(How, &'static str)]], of: fn(&[Strike]) -> (usize, Vec<String>)) {
    told(std::thread::scope(|scope| {
        let works: Vec<_> = hosts.iter().map(|ways| scope.spawn(|| of(&each(ways)))).collect();
        works.into_iter().map(|work| work.join().unwrap()).collect()
    }));
}

#[test]
fn a_deployment_that_is_cut_off_anywhere_converges() {
    on_hosts(
        &[
            &[(How::Runner, "intent")],
            &[(How::Runner, "done")],
            &[(How::Power, "intent"), (How::Cli, "intent")],
            &[(How::Link, "intent"), (How::Cli, "done")],
        ],
        of_processes,
    );
}

#[test]
fn a_deployment_that_finds_no_room_says_so_and_converges() {
    // When a step begins there is no room for it; when it is done, none to say so. Some change more than others.
    let strikes = each(&[(How::Room, "intent"), (How::Room, "done")]);
    let told_late = |step: &str| matches!(step, "lease" | "prepare" | "migrate" | "flip" | "bake" | "retire");
    let strikes: Vec<Strike> =
        strikes.into_iter().filter(|(_, step, mark)| *mark == "intent" || told_late(step)).collect();
    told(vec![of_processes(&strikes)]);
}

#[test]
fn a_deployment_of_containers_that_is_cut_off_anywhere_converges() {
    on_hosts(
        &[
            &[(How::Cli, "intent"), (How::Link, "intent")],
            &[(How::Runner, "intent"), (How::Room, "intent")],
            &[(How::Power, "intent")],
        ],
        of_containers,
    );
}

#[test]
fn what_somebody_left_is_settled_by_the_next_deployment() {
    crate::hosts::on_both(&async |host, folder| {
        let stage = Stage::new(host, folder);
        let first = stage.deploy("ok").await.unwrap();
        // Staged, and left: as long as the lease lasts nobody else may deploy; then it is undone.
        let left = stage.plan().await;
        for phase in [Phase::Build, Phase::Stage] {
            stage.phase(&left, phase, "ok").await.unwrap();
        }
        let refused = stage.deploy("ok").await.unwrap_err();
        let Error::Held { held, .. } = &refused else { panic!("{refused}") };
        assert_eq!((held.op.as_str(), held.owner.as_str()), (left.op.as_str(), "anna on laptop"));
        assert!(held.seconds_left.is_some_and(|left| left <= 60));
        let pass_time = "sed -i 's/^expires\\t.*/expires\\t1/' lease";
        stage.shell(pass_time).await;
        let second = stage.deploy("ok").await.unwrap();
        assert_eq!((first.slot, second.slot), (Slot::Blue, Slot::Green));
        // Who was away must not go on: the newer release stays.
        let stale = stage.phase(&left, Phase::Switch, "ok").await.unwrap_err();
        assert!(matches!(stale, Error::Superseded { .. }), "{stale}");
        assert!(stage.answers().await.unwrap().starts_with(second.release.as_str()));

        // Switched, and left: the next one finishes it first.
        let left = stage.plan().await;
        for phase in [Phase::Build, Phase::Stage, Phase::Switch] {
            stage.phase(&left, phase, "ok").await.unwrap();
        }
        stage.shell(pass_time).await;
        let last = stage.deploy("ok").await.unwrap();
        assert_eq!(last.slot, left.slot.other());
        let seen = stage.survey().await;
        assert!(seen.releases.iter().any(|seen| seen.id == left.release.as_str() && seen.status == "good"), "{seen:?}");
        assert_eq!(seen.slots.iter().filter(|slot| slot.state == "running").count(), 1);
        stage.end().await;
    });
}

#[test]
fn an_interrupted_deployment_takes_back_what_it_began_and_can_go_on() {
    crate::hosts::on_both(&async |host, folder| {
        let stage = Stage::new(host, folder);
        let first = stage.deploy("ok").await.unwrap();
        let plan = stage.plan().await;
        let (launch, build) = (stage.launch(&plan, "hangs"), stage.archive().await);
        let given = cgo::remote::engine::phase::Given { launch: Some(&launch), build: Some(&build) };
        stage.app().phase(&plan, Phase::Build, given, &|_| (), &never()).await.unwrap();
        // More often than what breaks is begun anew.
        for _ in 0..6 {
            let cancel = never();
            let at_gate = |text: &str| {
                if text == "waiting for its health gate" {
                    cancel.cancel();
                }
            };
            let ended = stage.app().phase(&plan, Phase::Stage, given, &at_gate, &cancel).await.unwrap_err();
            assert!(matches!(ended, Error::Interrupted { .. }), "{ended}");
            assert_eq!(stage.ask(plan.port).await, None);
            assert!(stage.answers().await.unwrap().starts_with(first.release.as_str()));
            let seen = stage.survey().await;
            assert_eq!((seen.held, seen.left), (None, None));
        }
        // Whoever goes on wants it again, though somebody did not.
        for phase in [Phase::Stage, Phase::Switch, Phase::Finish] {
            stage.phase(&plan, phase, "ok").await.unwrap();
        }
        assert!(stage.answers().await.unwrap().starts_with(plan.release.as_str()));
        stage.end().await;
    });
}
