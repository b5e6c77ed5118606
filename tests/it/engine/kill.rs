//! A deployment that is cut off at each of its steps, in each way there is, comes to its end when it is begun again.
//!
//! The host's `sync` is put in the way: the engine calls it after each line of its journal, and it strikes at the line
//! that is wanted. Nothing of cgo knows of it.

use std::os::unix::fs::PermissionsExt as _;

use cgo::domain::deployment::Slot;
use cgo::remote::engine::Error;
use cgo::remote::engine::phase::Phase;
use cgo::remote::engine::plan::Plan;
use rustix::process::{Signal, kill_process};

use super::{Stage, never};
use crate::hosts::Linked;
use crate::support::env::until_async;
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
            esac
            ;;
        esac
        ;;
    esac
done
exit 0
"#;

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
            let boot = format!("sh '{0}/bin/keep' --boot '{0}'", stage.root);
            tokio::join!(work, async {
                strikes.await;
                // A host that has no keeper yet starts nothing.
                sshd.power_cycle(&format!("[ ! -e '{}/bin/keep' ] || {boot}", stage.root));
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
    let processes = stage.shell("pgrep -f 'python3 -u main.py' | wc -l").await;
    if running != 1 || processes != "1" {
        return Err(format!("{running} slots run with {processes} processes: {:?}", seen.slots));
    }
    let migrated = stage.shell("wc -l <shared/migrations").await;
    if migrated != stage.made.get().to_string() {
        // A migration that was cut off is run again by its own idempotence; one that ended never is.
        if !at.contains("migrate\",\"mark\":\"intent") {
            return Err(format!("{migrated} migrations for {} releases", stage.made.get()));
        }
    }
    Ok(())
}

/// Strikes at each step in some ways, on a host of its own; how often, and what did not come to its end.
fn converge(ways: &[(How, &str)]) -> (usize, Vec<String>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let Some(sshd) = Sshd::start() else { return (0, Vec::new()) };
    let folder = sshd.folder().to_owned();
    let real = sshd.root("command -v sync");
    std::fs::copy(real.trim(), folder.join("sync.real")).unwrap();
    std::fs::write(
        folder.join("sync"),
        SYNC.replace("FOLDER", &folder.display().to_string())
            .replace("$(dirname \"$0\")", &folder.display().to_string()),
    )
    .unwrap();
    std::fs::set_permissions(folder.join("sync"), std::fs::Permissions::from_mode(0o755)).unwrap();
    sshd.root(&format!("mount --bind '{}' '{}'", folder.join("sync").display(), real.trim()));
    let linked = Linked::to(&sshd, "root");
    let stage = Stage::new(linked.host(), &folder);
    let mut failed = Vec::new();
    let mut tried = 0;
    runtime.block_on(async {
        stage.deploy("ok").await.unwrap();
        for (how, mark) in ways {
            for (_, step) in STEPS {
                let at = format!("\"step\":\"{step}\",\"mark\":\"{mark}\"");
                tried += 1;
                if let Err(why) = strike(&sshd, &stage, &linked, &at, *how).await {
                    failed.push(format!("{how:?} at {step} {mark}: {why}"));
                    break;
                }
            }
        }
    });
    (tried, failed)
}

#[test]
fn a_deployment_that_is_cut_off_anywhere_converges() {
    let hosts: [&[(How, &str)]; 4] = [
        &[(How::Runner, "intent")],
        &[(How::Runner, "done")],
        &[(How::Power, "intent"), (How::Cli, "intent")],
        &[(How::Link, "intent"), (How::Cli, "done")],
    ];
    let outcomes: Vec<(usize, Vec<String>)> = std::thread::scope(|scope| {
        let works: Vec<_> = hosts.iter().map(|ways| scope.spawn(|| converge(ways))).collect();
        works.into_iter().map(|work| work.join().unwrap()).collect()
    });
    let tried: usize = outcomes.iter().map(|(tried, _)| tried).sum();
    let failed: Vec<String> = outcomes.into_iter().flat_map(|(_, failed)| failed).collect();
    if tried > 0 {
        println!("converged {} of {tried}: {} %", tried - failed.len(), (tried - failed.len()) * 100 / tried);
    }
    assert!(failed.is_empty(), "{failed:#?}");
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
fn an_interrupted_deployment_takes_back_what_it_began() {
    crate::hosts::on_both(&async |host, folder| {
        let stage = Stage::new(host, folder);
        let first = stage.deploy("ok").await.unwrap();
        let plan = stage.plan().await;
        let (launch, build) = (stage.launch(&plan, "hangs"), stage.archive().await);
        let given = cgo::remote::engine::phase::Given { launch: Some(&launch), build: Some(&build) };
        stage.app().phase(&plan, Phase::Build, given, &|_| (), &never()).await.unwrap();
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
        stage.end().await;
    });
}
