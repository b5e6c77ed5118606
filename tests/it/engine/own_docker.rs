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
use crate::images::{DOCKERD, host};
use crate::support::docker::Docker;
use crate::support::env::until_async;

/// The client, whose engine is killed, and started again, right after it ran a container.
const CLIENT: &str = "#!/bin/sh\n/usr/bin/docker \"$@\"\ncode=$?\n[ \"$1\" = run ] && [ -e HERE/strike ] || exit $code\nrm HERE/strike\n\
                      sh HERE/kill\nsh HERE/start\necho 'error during connect: unexpected EOF' >&2\nexit 125\n";

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
    sshd.write(
        "kill",
        "pid=$(cat /run/docker-own.pid); kill -9 $pid; while kill -0 $pid 2>/dev/null; do sleep 0.1; done\n",
    );
    let start = DOCKERD.replace("FOLDER", &here);
    sshd.write("start", &format!("{start}\nuntil /usr/bin/docker version >/dev/null 2>&1; do sleep 0.1; done\n"));
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
        sshd.write("strike", "");
        let second = stage.deploy("ok").await.unwrap();
        assert!(!folder.join("strike").exists(), "it was struck");
        assert!(stage.answers().await.unwrap().starts_with(second.release.as_str()));
        let count = format!("docker ps --all --quiet --filter label=cgo.app={} | wc -l", stage.name);
        assert_eq!(stage.shell(&count).await, "1");

        // It is down: nothing is begun, and nothing that runs is touched.
        sshd.root(&format!("sh {here}/kill"));
        let seen = stage.survey().await;
        assert_eq!(seen.missing, ["container engine that answers (docker, podman)"]);
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
        let serves = async || stage.answers().await.is_some_and(|said| said.starts_with(second.release.as_str()));
        until_async("what served serves again", serves).await;
        let third = stage.deploy("ok").await.unwrap();
        assert!(stage.answers().await.unwrap().starts_with(third.release.as_str()));
        stage.end().await;
    });
}
