//! A container engine that goes away: on a host with a Docker Engine of its own, whose images are built on this machine.

use std::os::unix::fs::PermissionsExt as _;

use cgo::domain::deployment::Driver;
use cgo::domain::diagnose::{Diagnose as _, Kind};
use cgo::domain::names::ProjectName;
use cgo::remote::engine::Error;
use cgo::remote::engine::operate::Work;
use cgo::remote::engine::phase::{Given, Phase};
use cgo::remote::image::Sort;

use super::{Stage, never};
use crate::images::{dockerd, host};
use crate::support::docker::Docker;
use crate::support::env::until_async;

/// The client, whose engine is killed, and started again, right after it ran a container.
const CLIENT: &str = "#!/bin/sh\n/usr/bin/docker \"$@\"\ncode=$?\n[ -e HERE/strike ] || exit $code\n\
                      case \" $* \" in *\" $(cat HERE/strike) \"*) ;; *) exit $code ;; esac\nrm HERE/strike\n\
                      sh HERE/kill TERM\nsh HERE/start\necho 'error during connect: unexpected EOF' >&2\nexit 125\n";

/// Ends what was built of an application in the engine of this machine.
struct Built(&'static Docker, ProjectName);

impl Drop for Built {
    fn drop(&mut self) {
        let ids = self.0.run(["image", "ls", "--quiet", "--filter", &format!("label=cgo.app={}", self.1)]);
        for id in String::from_utf8_lossy(&ids.stdout).lines() {
            self.0.run(["image", "rm", "--force", id]);
        }
    }
}

#[test]
fn an_engine_that_restarts_or_is_down_leaves_one_release_that_serves() {
    let Some(docker) = Docker::shared() else { return };
    let Some((sshd, linked)) = host(Sort::Docker) else { return };
    let folder = sshd.folder().to_owned();
    let here = folder.display().to_string();
    std::fs::create_dir(folder.join("bin")).unwrap();
    sshd.write("bin/docker", &CLIENT.replace("HERE", &here));
    std::fs::set_permissions(folder.join("bin/docker"), std::fs::Permissions::from_mode(0o755)).unwrap();
    // The first process of the host waits for nobody: what was killed keeps its number, and is taken to run.
    sshd.write(
        "kill",
        "pid=$(cat /run/docker-own.pid)\nkill -$1 $pid\n\
         n=0; while [ $n -lt 600 ] && read -r line </proc/$pid/stat && case ${line##*) } in Z*) false ;; esac; do \
         n=$((n + 1)); sleep 0.1; done\n\
         rm -f /run/docker-own.pid /run/docker-own/containerd/containerd.pid\n",
    );
    let start = dockerd(&sshd);
    let wait = "n=0; until /usr/bin/docker version >/dev/null 2>&1 || [ $n -ge 300 ]; do n=$((n + 1)); sleep 0.1; done";
    sshd.write("start", &format!("{start}\n{wait}\n"));
    sshd.serve(&format!("SetEnv PATH={here}/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut stage = Stage::new(linked.host(), &folder);
        stage.driver = Driver::Container;
        stage.here = true;
        stage.name = ProjectName::parse(&format!("shop-{:08x}", rand::random::<u32>())).unwrap();
        let _built = Built(docker, stage.name.clone());
        let first = stage.deploy("ok").await.unwrap();
        assert!(stage.answers().await.unwrap().starts_with(first.release.as_str()), "built here, it runs there");

        // It restarts in the midst of a start: one container, of the new release.
        sshd.write("strike", &format!("start cgo-{}-production-green", stage.name));
        let second = stage.deploy("ok").await.unwrap();
        assert!(!folder.join("strike").exists(), "it was struck");
        assert!(stage.answers().await.unwrap().starts_with(second.release.as_str()));
        let count = format!("docker ps --all --quiet --filter label=cgo.app={} | wc -l", stage.name);
        assert_eq!(stage.shell(&count).await, "1");

        // In the midst of a migration: nothing is known against the release, and the same deployment goes on.
        sshd.write("strike", "start --attach");
        let plan = stage.plan().await;
        stage.phase(&plan, Phase::Build, "ok").await.unwrap();
        let refused = stage.phase(&plan, Phase::Stage, "ok").await.unwrap_err();
        assert_eq!(refused.kind(), Kind::Preflight, "{refused}");
        assert!(refused.to_string().contains("went away while it migrated"), "{refused}");
        let serves = async || stage.answers().await.is_some_and(|said| said.starts_with(second.release.as_str()));
        until_async("what served serves again", serves).await;
        for phase in [Phase::Stage, Phase::Switch, Phase::Finish] {
            stage.phase(&plan, phase, "ok").await.unwrap();
        }
        let second = plan;

        // It is down: nothing is begun, and nothing that runs is touched.
        sshd.root(&format!("sh {here}/kill KILL"));
        let seen = stage.survey().await;
        assert_eq!(seen.missing, ["container engine that answers (docker)"], "not the other one that is there");
        assert_eq!(seen.active().unwrap().state, "unknown");
        let plan = stage.plan().await;
        let launch = stage.launch(&plan, "ok");
        let given = Given { launch: Some(&launch), build: None };
        let refused = stage.app().phase(&plan, Phase::Stage, given, &|_| (), &never()).await.unwrap_err();
        assert_eq!(refused.kind(), Kind::Preflight, "{refused}");
        assert!(matches!(&refused, Error::Preflight { cause, .. } if cause.contains("container engine")), "{refused}");
        assert!(
            stage.app().operate(Work::Stop, "anna", "", &never()).await.is_err(),
            "what cannot be stopped is not said to be"
        );
        assert_eq!(stage.shell("pgrep -f 'python3 -u main.py' | wc -l").await, "2", "it runs, below its init");
        stage.shell("rm -f stopped").await;

        sshd.root(&format!("sh {here}/start"));
        // An engine that was killed ends what ran under it, and leaves it at that.
        assert!(stage.app().operate(Work::Start, "anna", "", &never()).await.unwrap());
        let serves = async || stage.answers().await.is_some_and(|said| said.starts_with(second.release.as_str()));
        until_async("what served serves again when it is started", serves).await;
        let third = stage.deploy("ok").await.unwrap();
        assert!(stage.answers().await.unwrap().starts_with(third.release.as_str()));
        stage.end().await;
    });
}
