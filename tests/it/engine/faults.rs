//! What goes wrong with a release, and what is said and left then.

use std::time::Duration;

use cgo::domain::diagnose::{Diagnose as _, Kind};
use cgo::remote::engine::Error;
use cgo::remote::engine::phase::{Given, Phase};

use super::{Stage, never};
use crate::hosts::{Linked, on_both};
use crate::support::sshd::Sshd;

#[test]
fn a_release_that_is_not_fit_is_told_by_its_cause_and_what_served_serves_on() {
    on_both(&async |host, folder| {
        let stage = Stage::new(host, folder);
        let good = stage.deploy("ok").await.unwrap();
        let port = stage.ports[1];
        for (mode, sort, words) in [
            ("exits", "crashed", "its process ended with exit code 3".to_owned()),
            ("lacks", "crashed", "it misses `SMTP_PASSWORD`, which is not set for it".to_owned()),
            ("slow", "slow", format!("it runs, and had not begun to listen on port {port} after 6 s")),
            ("redirects", "redirect", "a redirect (301) to https://shop.example.org/".to_owned()),
            ("refuses", "host", "it refuses the name it is asked as, shop.example.org".to_owned()),
            ("flaps", "flapped", "not three in a row".to_owned()),
            ("hangs", "timeout", "did not answer within 5 s".to_owned()),
            ("elsewhere", "port", format!("it listens on 127.0.0.1:{} instead of port {port}", port + 1000)),
            ("six", "address", format!("it listens on [::1]:{port} only")),
        ] {
            let refused = stage.deploy(mode).await.unwrap_err();
            assert_eq!(refused.kind(), Kind::Gate, "{mode}: {refused}");
            let Error::Gate { sort: said, cause, evidence, .. } = refused else { unreachable!() };
            assert_eq!(said, sort, "{mode}: {cause}");
            assert!(cause.contains(&words), "{mode}: {cause}");
            assert!(evidence.iter().any(|line| line == &format!("started as {mode}")), "{mode}: {evidence:?}");
            assert!(stage.answers().await.unwrap().starts_with(good.release.as_str()), "{mode}");
            assert_eq!(stage.ask(port).await, None, "{mode}: the candidate is gone");
        }
        let seen = stage.survey().await;
        assert_eq!(seen.held, None);
        let bad: Vec<_> = seen.releases.iter().filter(|release| release.status == "bad").collect();
        assert_eq!(bad.len(), 9);
        assert!(bad.iter().all(|release| !release.reason.is_empty()));
        // The next good one clears them away.
        stage.deploy("ok").await.unwrap();
        assert_eq!(stage.survey().await.releases.len(), 2);
        stage.end().await;
    });
}

#[test]
fn a_release_that_dies_while_it_is_baked_is_gone_back_from() {
    on_both(&async |host, folder| {
        let mut stage = Stage::new(host, folder);
        let good = stage.deploy("ok").await.unwrap();
        stage.bake = Duration::from_secs(30);
        let plan = stage.plan().await;
        for phase in [Phase::Build, Phase::Stage] {
            stage.phase(&plan, phase, "dies").await.unwrap();
        }
        // Its next question is its last.
        stage.shell(": >shared/die").await;
        let switched = stage.phase(&plan, Phase::Switch, "dies").await.unwrap_err();
        // It may have died before the switch already: then nothing was switched.
        assert!(matches!(switched.kind(), Kind::Gate), "{switched}");
        assert!(stage.answers().await.unwrap().starts_with(good.release.as_str()));
        stage.shell("rm shared/die").await;

        let plan = stage.plan().await;
        let (launch, build) = (stage.launch(&plan, "dies"), stage.archive().await);
        let given = Given { launch: Some(&launch), build: Some(&build) };
        let dies = |text: &str| {
            if text == "watching the release serve" {
                std::fs::write(folder.join("cgo/apps/shop/production/shared/die"), "").unwrap();
            }
        };
        let mut ended = Ok(cgo::remote::engine::Report::default());
        for phase in [Phase::Build, Phase::Stage, Phase::Switch] {
            ended = stage.app().phase(&plan, phase, given, &dies, &never()).await;
        }
        let reverted = ended.unwrap_err();
        assert_eq!(reverted.kind(), Kind::Reverted, "{reverted}");
        assert!(reverted.to_string().contains("its process ended with exit code 9"), "{reverted}");
        assert!(stage.answers().await.unwrap().starts_with(good.release.as_str()));
        assert_eq!(stage.survey().await.held, None);
        stage.end().await;
    });
}

#[test]
fn a_migration_that_fails_stops_everything_before_it_begins() {
    on_both(&async |host, folder| {
        let stage = Stage::new(host, folder);
        let plan = stage.plan().await;
        let (mut launch, build) = (stage.launch(&plan, "ok"), stage.archive().await);
        launch.migrate = Some(["sh", "-c", "echo 'no such table' >&2; exit 4"].map(str::to_owned).to_vec());
        let given = Given { launch: Some(&launch), build: Some(&build) };
        stage.app().phase(&plan, Phase::Build, given, &|_| (), &never()).await.unwrap();
        let failed = stage.app().phase(&plan, Phase::Stage, given, &|_| (), &never()).await.unwrap_err();
        assert_eq!(failed.to_string(), format!("on `{}` its migration ended with exit code 4", host.name()));
        assert_eq!((failed.kind(), failed.evidence()), (Kind::User, &["no such table".to_owned()][..]));
        assert!(stage.survey().await.serving.is_none());
        stage.end().await;
    });
}

#[test]
fn one_that_ignores_its_end_is_killed_and_that_is_told() {
    on_both(&async |host, folder| {
        let stage = Stage::new(host, folder);
        let old = stage.deploy("stubborn").await.unwrap();
        let plan = stage.plan().await;
        for phase in [Phase::Build, Phase::Stage, Phase::Switch] {
            stage.phase(&plan, phase, "ok").await.unwrap();
        }
        let report = stage.phase(&plan, Phase::Finish, "ok").await.unwrap();
        assert!(report.warnings.iter().any(|said| said.contains("did not end within 2 s")), "{report:?}");
        assert_eq!(stage.ask(old.port).await, None);
        stage.end().await;
    });
}

#[test]
fn a_disk_that_takes_no_file_is_named_and_nothing_is_left_half_done() {
    let Some(sshd) = Sshd::start() else { return };
    let folder = sshd.folder().to_owned();
    let disk = folder.join("cgo").display().to_string();
    sshd.root(&format!("mkdir '{disk}' && mount -t tmpfs -o size=64m none '{disk}'"));
    let linked = Linked::to(&sshd, "root");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stage = Stage::new(linked.host(), &folder);
        let good = stage.deploy("ok").await.unwrap();
        let mut serves = good.release;
        for (fault, cause, mended) in [
            (
                format!("mount --bind '{disk}' '{disk}' && mount -o remount,bind,ro '{disk}'"),
                "Read-only file system",
                format!("umount -l '{disk}'"),
            ),
            (
                format!(
                    "mount -o \"remount,nr_inodes=$(df -Pi '{disk}' | awk 'NR > 1 {{ print $3 }}')\" none '{disk}'"
                ),
                "no inodes are left",
                format!("mount -o remount,nr_inodes=100000 none '{disk}'"),
            ),
        ] {
            // Before it is begun, and in its midst.
            let plan = stage.plan().await;
            stage.phase(&plan, Phase::Build, "ok").await.unwrap();
            sshd.root(&fault);
            for phase in [Phase::Build, Phase::Stage] {
                let plan = if phase == Phase::Build { stage.plan().await } else { plan.clone() };
                let launch = stage.launch(&plan, "ok");
                let given = Given { launch: Some(&launch), build: None };
                let refused = stage.app().phase(&plan, phase, given, &|_| (), &never()).await.unwrap_err();
                assert_eq!(refused.kind(), Kind::Preflight, "{refused}");
                let said = refused.evidence().join("\n");
                assert!(said.contains(cause), "{refused}: {said}");
                assert!(stage.answers().await.unwrap().starts_with(serves.as_str()), "{fault}");
            }
            sshd.root(&mended);
            let seen = stage.survey().await;
            assert_eq!((seen.held, seen.left), (None, None));
            for phase in [Phase::Stage, Phase::Switch, Phase::Finish] {
                stage.phase(&plan, phase, "ok").await.unwrap();
            }
            assert!(stage.answers().await.unwrap().starts_with(plan.release.as_str()));
            serves = plan.release;
        }
        stage.end().await;
    });
}

/// What is lost with a host stays unknown, and nothing is called failed for it; when it is back, the same goes on.
#[test]
fn a_host_that_stays_out_of_reach_leaves_what_became_of_the_deployment_open() {
    crate::hosts::over_ssh(&async |sshd, linked| {
        let folder = sshd.folder().to_owned();
        let mut stage = Stage::new(linked.host(), &folder);
        stage.patience = Duration::from_secs(3);
        let good = stage.deploy("ok").await.unwrap();
        let plan = stage.plan().await;
        stage.phase(&plan, Phase::Build, "ok").await.unwrap();
        let launch = stage.launch(&plan, "ok");
        let given = Given { launch: Some(&launch), build: None };
        // Its power and its work stay; only the way to it goes.
        let dark = |text: &str| {
            if text == "migrating" {
                sshd.root("ip link set eth0 down");
            }
        };
        let lost = stage.app().phase(&plan, Phase::Stage, given, &dark, &never()).await.unwrap_err();
        assert_eq!(lost.kind(), Kind::Unknown, "{lost}");
        assert!(matches!(&lost, Error::Unknown { evidence, .. } if !evidence.is_empty()), "{lost:?}");
        assert_eq!(lost.kind().exit_code(), 10);
        sshd.root("ip link set eth0 up");
        for phase in [Phase::Stage, Phase::Switch, Phase::Finish] {
            stage.phase(&plan, phase, "ok").await.unwrap();
        }
        let said = stage.answers().await.unwrap();
        assert!(said.starts_with(plan.release.as_str()) && !said.starts_with(good.release.as_str()), "{said}");
        stage.end().await;
    });
}
