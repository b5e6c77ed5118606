//! Releases in containers of the real Docker Engine, and of Podman.

use std::time::Duration;

use cgo::domain::deployment::Driver;
use cgo::domain::diagnose::{Diagnose as _, Kind};
use cgo::domain::names::ProjectName;
use cgo::remote::engine::operate::Work;
use cgo::remote::engine::{App, Error};
use cgo::remote::host::local::Local;
use cgo::remote::image::Sort;

use super::{Stage, never};
use crate::support::docker::Docker;

/// What the engine has of an application, by its label.
fn left(docker: &Docker, app: &ProjectName) -> String {
    let filter = format!("label=cgo.app={app}");
    ["ps --all --quiet", "network ls --quiet", "volume ls --quiet", "image ls --quiet"]
        .map(|what| docker.ok(what.split(' ').chain(["--filter", &filter])))
        .join("")
}

#[test]
fn releases_in_containers_follow_one_another_and_leave_nothing() {
    let Some(docker) = Docker::shared() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    runtime.block_on(async {
        let mut stage = Stage::new(&Local, folder.path());
        stage.driver = Driver::Container;
        // The engine is everybody's: the name is this test's alone.
        stage.name = ProjectName::parse(&format!("shop-{:08x}", rand::random::<u32>())).unwrap();
        let first = stage.deploy("ok").await.unwrap();
        let said = stage.answers().await.unwrap();
        assert_eq!(said, format!("{} it's $HOME \\ \"all\"", first.release), "values arrive byte for byte");
        let container = format!("cgo-{}-production-blue", stage.name);
        let shown = docker.ok(["inspect", &container]);
        for wanted in [
            "\"HostIp\": \"127.0.0.1\"",
            "\"Memory\": 268435456",
            "no-new-privileges",
            "\"max-size\": \"10m\"",
            "unless-stopped",
        ] {
            assert!(shown.contains(wanted), "{wanted}: {shown}");
        }

        let second = stage.deploy("ok").await.unwrap();
        assert!(stage.answers().await.unwrap().starts_with(second.release.as_str()));
        assert_eq!(stage.ask(first.port).await, None, "the old one has ended");

        // A candidate that takes more memory than it may, and one that ends.
        for (mode, sort, words) in [("eats", "oom", "its limit is 256 MB"), ("exits", "crashed", "exit code 3")] {
            let refused = stage.deploy(mode).await.unwrap_err();
            assert_eq!(refused.kind(), Kind::Gate, "{refused}");
            let Error::Gate { sort: said, cause, evidence, .. } = refused else { unreachable!() };
            assert!(said == sort && cause.contains(words), "{mode}: {said}: {cause}");
            assert!(evidence.iter().any(|line| line.contains(&format!("started as {mode}"))), "{evidence:?}");
            assert!(stage.answers().await.unwrap().starts_with(second.release.as_str()));
        }
        // What accepts connections there is the engine, whatever listens inside.
        for (mode, sort, words) in [
            ("elsewhere", "port", "instead of port"),
            ("inside", "address", "there it has to listen on 0.0.0.0:"),
            ("slow", "slow", "it boots slowly"),
            ("deaf", "broken", "it broke the connection off"),
        ] {
            let Error::Gate { sort: said, cause, .. } = stage.deploy(mode).await.unwrap_err() else { panic!("{mode}") };
            assert!(said == sort && cause.contains(words), "{mode}: {said}: {cause}");
            assert!(stage.answers().await.unwrap().starts_with(second.release.as_str()));
        }
        // A command in the container, as the release sees it; one that was left ends there, too.
        let text = "cat; echo \"$RELEASE $SHARED\"; echo told >&2; exit 7";
        let (out, err, code) = super::operator::exec(&stage, &["sh", "-c", text], "given\n").await;
        assert_eq!((out, err.as_str(), code), (format!("given\n{} /data\n", second.release), "told\n", Some(7)));
        super::operator::leave(&stage).await;
        let container = format!("cgo-{}-production-green", stage.name);
        let ended = async || !docker.ok(["top", &container]).contains("sleep 1000");
        crate::support::env::until_async("its end", ended).await;
        // Another driver would not know what runs.
        let process = App { driver: Some(Driver::Process), ..stage.app() };
        assert_eq!(process.survey("none", &never()).await.unwrap().driver, Some(Driver::Container));

        assert!(stage.app().operate(Work::Stop, "anna", "", &never()).await.unwrap());
        assert_eq!(stage.answers().await, None);
        assert!(stage.app().operate(Work::Start, "anna", "", &never()).await.unwrap());
        crate::support::env::until_async("it answers", async || stage.answers().await.is_some()).await;
        assert!(stage.app().log(5, &never()).await.unwrap().iter().any(|line| line == "started as ok"));
        stage.end().await;
        assert_eq!(left(docker, &stage.name), "", "nothing of it is left in the engine");
    });
}

#[test]
fn releases_in_containers_of_podman_follow_one_another_and_leave_nothing() {
    let Some(docker) = Docker::shared() else { return };
    let Some((sshd, linked)) = crate::images::host(Sort::Podman) else { return };
    let folder = sshd.folder().to_owned();
    docker.ok(["save", "--output", folder.join("base.tar").to_str().unwrap(), docker.base()]);
    sshd.root(&format!("podman load --input '{}/base.tar'", folder.display()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut stage = Stage::new(linked.host(), &folder);
        (stage.driver, stage.sort) = (Driver::Container, Sort::Podman);
        // It takes its time on a machine that has much to do.
        stage.deadline = Duration::from_mins(1);
        let first = stage.deploy("ok").await.unwrap();
        let said = stage.answers().await.unwrap();
        assert_eq!(said, format!("{} it's $HOME \\ \"all\"", first.release), "values arrive byte for byte");
        let container = format!("cgo-{}-production-blue", stage.name);
        let shown = sshd.root(&format!("podman inspect {container}"));
        for wanted in ["\"HostIp\": \"127.0.0.1\"", "\"Memory\": 268435456", "no-new-privileges"] {
            assert!(shown.contains(wanted), "{wanted}: {shown}");
        }

        // One that is built here is sent, and follows.
        stage.here = true;
        let second = stage.deploy("ok").await.unwrap();
        assert!(stage.answers().await.unwrap().starts_with(second.release.as_str()));
        assert_eq!(stage.ask(first.port).await, None, "the old one has ended");
        for (mode, sort, words) in [("eats", "oom", "its limit is 256 MB"), ("exits", "crashed", "exit code 3")] {
            let refused = stage.deploy(mode).await.unwrap_err();
            let Error::Gate { sort: said, cause, evidence, .. } = refused else { panic!("{refused}") };
            assert!(said == sort && cause.contains(words), "{mode}: {said}: {cause}");
            assert!(evidence.iter().any(|line| line.contains(&format!("started as {mode}"))), "{evidence:?}");
            assert!(stage.answers().await.unwrap().starts_with(second.release.as_str()));
        }

        assert!(stage.app().operate(Work::Stop, "anna", "", &never()).await.unwrap());
        assert_eq!(stage.answers().await, None);
        assert!(stage.app().operate(Work::Start, "anna", "", &never()).await.unwrap());
        crate::support::env::until_async("it answers", async || stage.answers().await.is_some()).await;
        stage.end().await;
        let filter = format!("--filter label=cgo.app={}", stage.name);
        let left = ["ps --all", "network ls", "volume ls"]
            .map(|what| sshd.root(&format!("podman {what} --quiet {filter}")))
            .join("");
        assert_eq!(left, "", "nothing of it is left in the engine");
    });
}
