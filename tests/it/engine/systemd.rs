//! Releases as services of systemd. It does not run the machines of tests, so a stand-in keeps the processes, reads the
//! real unit and refuses what it does not know; what only systemd itself can show, such as its walls, is not shown here.

use std::os::unix::fs::PermissionsExt as _;

use cgo::domain::deployment::Driver;
use cgo::domain::diagnose::{Diagnose as _, Kind};
use cgo::remote::engine::operate::Work;

use super::{Stage, never};
use crate::hosts::Linked;
use crate::support::env::until_async;
use crate::support::sshd::Sshd;

#[test]
fn services_follow_one_another_and_leave_no_unit() {
    let Some(sshd) = Sshd::start() else { return };
    let folder = sshd.folder().to_owned();
    let here = folder.display();
    std::fs::create_dir_all(folder.join("bin")).unwrap();
    std::fs::create_dir_all(folder.join("units")).unwrap();
    sshd.write("bin/systemctl", include_str!("systemctl.py"));
    std::fs::set_permissions(folder.join("bin/systemctl"), std::fs::Permissions::from_mode(0o755)).unwrap();
    sshd.root(&format!(
        "mkdir -p /run/systemd/system && mkdir -p /etc/systemd/system && mount --bind '{here}/units' /etc/systemd/system"
    ));
    sshd.serve(&format!("SetEnv PATH={here}/bin:/usr/local/bin:/usr/bin:/bin"));
    let linked = Linked::to(&sshd, "root");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut stage = Stage::new(linked.host(), &folder);
        stage.driver = Driver::Systemd;
        let first = stage.deploy("ok").await.unwrap();
        let said = stage.answers().await.unwrap();
        assert_eq!(said, format!("{} it's $HOME \\ \"all\"", first.release), "values arrive byte for byte");
        let unit = std::fs::read_to_string(folder.join("units/cgo-shop-production@.service")).unwrap();
        for wanted in [
            "LoadCredential=env:",
            "NoNewPrivileges=yes",
            "ProtectSystem=strict",
            "MemoryMax=256M",
            "Restart=on-failure",
            "StartLimitBurst=5",
            "CapabilityBoundingSet=\n",
        ] {
            assert!(unit.contains(wanted), "{wanted}: {unit}");
        }
        assert!(!unit.contains(super::CANARY) && !unit.contains("Environment"), "{unit}");

        let second = stage.deploy("ok").await.unwrap();
        assert!(stage.answers().await.unwrap().starts_with(second.release.as_str()));
        assert_eq!(stage.ask(first.port).await, None, "the old one has ended");
        let enabled =
            |slot: &str| folder.join(format!("bin/systemd/cgo-shop-production@{slot}.service/enabled")).exists();
        assert!(enabled("green") && !enabled("blue"), "what serves is started with the machine, and nothing else");

        let refused = stage.deploy("exits").await.unwrap_err();
        assert_eq!(refused.kind(), Kind::Gate, "{refused}");
        assert!(refused.to_string().contains("exit code 3"), "{refused}");
        assert!(stage.answers().await.unwrap().starts_with(second.release.as_str()));

        assert!(stage.app().operate(Work::Stop, "anna", "", &never()).await.unwrap());
        assert_eq!(stage.answers().await, None);
        assert!(stage.app().operate(Work::Start, "anna", "", &never()).await.unwrap());
        until_async("it answers", async || stage.answers().await.is_some()).await;
        stage.end().await;
        assert_eq!(std::fs::read_dir(folder.join("units")).unwrap().count(), 0);
    });
}
