//! Releases as services of systemd: of the real one, on a machine that it runs, and beside a stand-in that keeps the
//! processes, reads the real unit and refuses what it does not know.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use cgo::domain::deployment::Driver;
use cgo::domain::diagnose::{Diagnose as _, Kind};
use cgo::domain::host::{Destination, HostKey};
use cgo::domain::ids::ReleaseId;
use cgo::remote::engine::operate::Work;
use cgo::remote::host::ssh::{self, Login, Ssh};

use super::values::{SPECIAL, migrate, seen};
use super::{Stage, never};
use crate::hosts::Linked;
use crate::support::booted::Booted;
use crate::support::env::until_async;
use crate::support::sshd::{Sshd, client_key};

/// A release that ends at once is refused while the one before serves on; that one stops, starts, and goes.
async fn stops_and_starts(stage: &Stage<'_>, serving: &ReleaseId) {
    let refused = stage.deploy("exits").await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Gate, "{refused}");
    assert!(refused.to_string().contains("exit code 3"), "{refused}");
    assert!(stage.answers().await.unwrap().starts_with(serving.as_str()));

    assert!(stage.app().operate(Work::Stop, "anna", "", &never()).await.unwrap());
    assert_eq!(stage.answers().await, None);
    assert!(stage.app().operate(Work::Start, "anna", "", &never()).await.unwrap());
    until_async("it answers", async || stage.answers().await.is_some()).await;
    stage.end().await;
}

#[test]
fn systemd_itself_keeps_releases_behind_its_walls() {
    let Some(machine) = Booted::start() else { return };
    let id = format!("test-{:08x}", rand::random::<u32>());
    let destination = Destination::parse(&format!("root@{}:22", machine.address)).unwrap();
    let login = Login { destination, key: Some(client_key().to_owned()), configuration: None };
    let host = Ssh::new("box", &id, login, HostKey::parse(&machine.host_key()).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut stage = Stage::new(&host, Path::new("/var/lib"));
        stage.driver = Driver::Systemd;
        assert_eq!(stage.survey().await.missing, Vec::<String>::new());
        let first = stage.deploy("ok").await.unwrap();
        let said = stage.answers().await.unwrap();
        assert_eq!(said, format!("{} it's $HOME \\ \"all\"", first.release), "values arrive byte for byte");
        let second = stage.deploy("ok").await.unwrap();
        assert!(stage.answers().await.unwrap().starts_with(second.release.as_str()));
        assert_eq!(stage.ask(first.port).await, None, "the old one has ended");
        let unit = |slot: &str| format!("cgo-shop-production@{slot}.service");
        let state = |what: &str| machine.run(&format!("systemctl {what}")).trim().to_owned();
        assert_eq!(state(&format!("is-active {} {}", unit("green"), unit("blue"))), "active\ninactive");
        assert_eq!(state(&format!("is-enabled {} {}", unit("green"), unit("blue"))), "enabled\ndisabled");

        // Its walls, seen from within: a process of the release writes to what it shares, and nowhere else.
        let pid = state(&format!("show -p MainPID --value {}", unit("green")));
        let within =
            |line: &str| machine.run(&format!("nsenter -t {pid} -m sh -c '{line} && echo yes || echo no' 2>/dev/null"));
        let shared = format!("{}/shared", stage.app().folder());
        for (line, wanted) in [
            (format!("touch {shared}/a"), "yes"),
            ("touch /tmp/a".to_owned(), "yes"),
            ("touch /etc/a".to_owned(), "no"),
            ("touch /root/a".to_owned(), "no"),
            (format!("touch {}/a", stage.root), "no"),
        ] {
            assert_eq!(within(&line).trim(), wanted, "{line}");
        }
        assert_eq!(machine.run("ls /tmp/a 2>/dev/null"), "", "its /tmp is its own");
        let status = machine
            .run(&format!("grep -E \"^(NoNewPrivs|CapEff|Seccomp):\" /proc/{pid}/status | tr -s \"\\t\\n\" \" \""));
        assert_eq!(status.trim(), "CapEff: 0000000000000000 NoNewPrivs: 1 Seccomp: 2");
        assert_eq!(state(&format!("show -p MemoryMax --value {}", unit("green"))), "268435456");

        // What it writes takes no more room than it should, whoever writes it.
        let log = format!("{}/slots/green/log", stage.app().folder());
        let kept = "cgo-shop-production-log@green.service";
        assert_eq!(state(&format!("is-active {kept}")), "active");
        machine.run(&format!("head -c 9000000 /dev/zero | tr \"\\0\" x >>{log}"));
        let sizes = format!("[ $(stat -c %s {log}) -lt 1000 ] && [ $(stat -c %s {log}.1) -gt 9000000 ] && echo yes");
        let aside = async || machine.run(&format!("{sizes} || true")).trim() == "yes";
        until_async("the log is bounded", aside).await;

        // One that ends is started again; a candidate that ends is told of, and what served serves on.
        machine.run(&format!("kill -9 {pid}"));
        let again = async || {
            let now = state(&format!("show -p MainPID --value {}", unit("green")));
            now != "0" && now != pid && stage.answers().await.is_some()
        };
        until_async("it runs again", again).await;
        stops_and_starts(&stage, &second.release).await;
        assert_eq!(machine.run("ls /etc/systemd/system | grep cgo-"), "");
    });
    ssh::forget(&id);
}

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
        stage.more = SPECIAL.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        stage.migrate = migrate();
        let first = stage.deploy("ok").await.unwrap();
        let seen = seen(&stage).await;
        for (name, value) in SPECIAL {
            assert_eq!(seen[name].as_str(), Some(value), "{name}");
        }
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
        assert!(unit.contains("Wants=network-online.target cgo-shop-production-log@%i.service\n"), "{unit}");
        assert!(!unit.contains(super::CANARY) && !unit.contains("Environment"), "{unit}");

        let second = stage.deploy("ok").await.unwrap();
        assert!(stage.answers().await.unwrap().starts_with(second.release.as_str()));
        assert_eq!(stage.ask(first.port).await, None, "the old one has ended");
        let enabled =
            |slot: &str| folder.join(format!("bin/systemd/cgo-shop-production@{slot}.service/enabled")).exists();
        assert!(enabled("green") && !enabled("blue"), "what serves is started with the machine, and nothing else");

        stops_and_starts(&stage, &second.release).await;
        assert_eq!(std::fs::read_dir(folder.join("units")).unwrap().count(), 0);
    });
}
