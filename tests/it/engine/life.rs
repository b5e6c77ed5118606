//! What a release goes through when all is well, and the ways of an operator.

use std::time::Duration;

use cgo::domain::deployment::Slot;
use cgo::domain::diagnose::Diagnose as _;
use cgo::remote::engine::Error;
use cgo::remote::engine::operate::Work;
use cgo::remote::engine::phase::{Given, Phase};
use rustix::process::Signal;
use serde_json::Value;

use super::kill::arm;
use super::shop::{BASE, Shop};
use super::{CANARY, Stage, never};
use crate::hosts::{Linked, on_both, over_ssh};
use crate::support::env::{get, until, until_async};
use crate::support::sshd::Sshd;

#[test]
fn releases_follow_one_another_and_older_ones_are_gone_back_to() {
    on_both(&async |host, folder| {
        let stage = Stage::new(host, folder);
        let nothing = stage.survey().await;
        assert_eq!((nothing.serving.clone(), nothing.unwritable.clone(), nothing.missing), (None, None, vec![]));

        let first = stage.deploy("ok").await.unwrap();
        assert_eq!(first.slot, Slot::Blue);
        let said = stage.answers().await.unwrap();
        assert_eq!(said, format!("{} it's $HOME \\ \"all\"", first.release), "values arrive byte for byte");

        let second = stage.deploy("ok").await.unwrap();
        assert_eq!(second.slot, Slot::Green);
        assert!(stage.answers().await.unwrap().starts_with(second.release.as_str()));
        assert_eq!(stage.ask(first.port).await, None, "the old one has ended");
        let seen = stage.survey().await;
        assert_eq!(seen.held, None);
        assert_eq!(seen.left, None);
        assert_eq!(seen.releases.iter().map(|release| release.status.as_str()).collect::<Vec<_>>(), ["good", "good"]);

        // What a release is told in confidence stands in one file for each slot, for its owner only, and in no argument.
        let find = format!("grep -rlF {CANARY} ../../.. | sort; stat -c %a slots/*/env");
        let told = stage.shell(&find).await;
        let slots = "../../../apps/shop/production/slots";
        assert_eq!(told, format!("{slots}/blue/env\n{slots}/green/env\n600\n600"));
        let (one, two) = CANARY.split_at(7);
        let count =
            format!("cat /proc/[0-9]*/cmdline | tr '\\0' '\\n' | awk -v a={one} -v b={two} 'index($0, a b)' | wc -l");
        assert_eq!(stage.shell(&count).await, "0");

        // Back, without a build and without a migration.
        let mut back = stage.plan_of(first.release.clone()).await;
        back.bake = Duration::ZERO;
        for phase in [Phase::Stage, Phase::Switch, Phase::Finish] {
            stage.phase(&back, phase, "ok").await.unwrap();
        }
        assert!(stage.answers().await.unwrap().starts_with(first.release.as_str()));
        assert_eq!(stage.shell("cat shared/migrations").await, "migrated\nmigrated", "once for each release");
        stage.end().await;
    });
}

#[test]
fn a_phase_told_twice_happens_once() {
    on_both(&async |host, folder| {
        let stage = Stage::new(host, folder);
        let plan = stage.plan().await;
        for phase in [Phase::Build, Phase::Stage, Phase::Switch, Phase::Finish] {
            let one = stage.phase(&plan, phase, "ok").await.unwrap();
            assert_eq!(stage.phase(&plan, phase, "ok").await.unwrap(), one, "{phase:?}");
        }
        let count = format!("grep -c '\"step\":\"start\",\"mark\":\"intent\"' ops/{}/journal", plan.op);
        assert_eq!(stage.shell(&count).await, "2", "once staged, once looked at before the switch");
        assert_eq!(stage.shell("grep -c started slots/blue/log").await, "1");
        stage.end().await;
    });
}

#[test]
fn what_is_stopped_starts_again_and_an_application_that_is_held_is_left_alone() {
    on_both(&async |host, folder| {
        let stage = Stage::new(host, folder);
        let app = stage.app();
        assert!(!app.operate(Work::Stop, "anna", "", &never()).await.unwrap(), "there is nothing to stop");
        let plan = stage.deploy("ok").await.unwrap();
        assert!(app.operate(Work::Stop, "anna", "", &never()).await.unwrap());
        let seen = stage.survey().await;
        assert!(seen.stopped && seen.active().unwrap().state != "running");
        assert_eq!(stage.ask(plan.port).await, None);
        assert!(app.operate(Work::Start, "anna", "", &never()).await.unwrap());
        until_async("it answers", async || stage.answers().await.is_some()).await;
        assert_eq!(app.log(5, &never()).await.unwrap(), ["started as ok"]);

        app.operate(Work::Hold, "anna", "the fair is on", &never()).await.unwrap();
        let refused = stage.deploy("ok").await.unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!("`{}` is taken: anna (the fair is on), until it is released", host.name())
        );
        let refused = app.operate(Work::Stop, "ben", "", &never()).await.unwrap_err();
        assert!(refused.to_string().contains("the fair is on"), "{refused}");
        // Who holds it says why, and gives it free; others only by force.
        app.operate(Work::Hold, "anna", "the fair goes on", &never()).await.unwrap();
        for work in [Work::Hold, Work::Unhold] {
            let refused = app.operate(work, "ben", "mine", &never()).await.unwrap_err();
            assert!(refused.to_string().contains("anna (the fair goes on)"), "{work:?}: {refused}");
        }
        assert!(app.operate(Work::Unhold, "anna", "", &never()).await.unwrap());
        assert!(!app.operate(Work::Break, "ben", "", &never()).await.unwrap(), "there is none any more");
        app.operate(Work::Hold, "anna", "the fair is on", &never()).await.unwrap();
        assert!(app.operate(Work::Break, "ben", "", &never()).await.unwrap());
        stage.deploy("ok").await.unwrap();
        let audit = stage.shell("cut -d, -f4 audit.jsonl | tr -d '\\n'").await;
        let wanted = ["lease", "flip", "stop", "start", "hold", "hold", "unhold", "hold", "unhold", "lease", "flip"];
        let wanted: String = wanted.map(|action| format!("\"action\":\"{action}\"")).concat();
        assert!(audit.starts_with(&wanted), "{audit}");
        stage.end().await;
    });
}

#[test]
fn a_restart_leaves_nothing_that_says_it_was_stopped_whatever_comes_of_it() {
    on_both(&async |host, folder| {
        let stage = Stage::new(host, folder);
        let app = stage.app();
        let restart = async || app.operate(Work::Restart, "anna", "", &never()).await;
        let answers = async || until_async("it answers", async || stage.answers().await.is_some()).await;
        assert!(!restart().await.unwrap(), "there is nothing to restart");
        let plan = stage.deploy("ok").await.unwrap();
        let before = stage.shell("cat slots/blue/child").await;
        assert!(restart().await.unwrap());
        answers().await;
        assert_ne!(stage.shell("cat slots/blue/child").await, before);

        // What keeps its process is out of order: the release ends, and does not begin.
        stage.shell("mv ../../../bin/keep ../../../bin/kept && echo 'exit 1' >../../../bin/keep").await;
        let failed = restart().await.unwrap_err();
        assert!(failed.to_string().contains("cannot restart the application"), "{failed}");
        let seen = stage.survey().await;
        assert_ne!(seen.active().unwrap().state, "running");
        assert_eq!((seen.stopped, seen.serving), (false, Some((Slot::Blue, plan.release.to_string()))));
        stage.shell("mv ../../../bin/kept ../../../bin/keep").await;
        assert!(restart().await.unwrap());
        answers().await;

        app.operate(Work::Hold, "anna", "the fair is on", &never()).await.unwrap();
        let refused = restart().await.unwrap_err();
        assert!(refused.to_string().contains("the fair is on"), "{refused}");
        let audit = stage.shell("cut -d, -f4 audit.jsonl | tr -d '\\n'").await;
        let wanted = ["lease", "flip", "stop", "start", "stop", "stop", "start", "hold"];
        assert_eq!(audit, wanted.map(|action| format!("\"action\":\"{action}\"")).concat());
        app.operate(Work::Break, "anna", "", &never()).await.unwrap();
        stage.end().await;
    });
}

/// What a round of looking found, whatever it found: the causes that stand, by their ids.
fn standing(shop: &Shop) -> Vec<String> {
    let ran = shop.env.run(["incidents", "check", "--json"]);
    let answer: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.stderr));
    let all = ["opened", "standing"].into_iter().flat_map(|sort| answer["data"][sort].as_array().cloned().unwrap());
    all.filter(|it| it["kind"] == "service_down" && it["project"].is_string())
        .map(|it| it["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_recovery_that_is_killed_between_its_stop_and_its_start_leaves_what_is_found_broken() {
    let Some(shop) = Shop::open() else { return };
    let (url, release) = shop.deploy();
    shop.host.root(&format!(": >{BASE}/shared/sick"));
    let found = standing(&shop);
    assert_eq!(found.len(), 1, "{found:?}");
    // What keeps a process is out of order, and its host waits a while for it.
    shop.host.root("mv /var/lib/cgo/bin/keep /var/lib/cgo/bin/kept && echo 'exit 1' >/var/lib/cgo/bin/keep");
    let going = shop.env.start(["incidents", "recover", &found[0]]);
    until("its stop", || shop.host.root("pgrep -fc 'python -u app.py' || :").trim() == "0");
    going.signal(Signal::KILL);
    assert_eq!(going.end().code, None);
    let project = shop.env.json(["project", "list"])["projects"][0].clone();
    assert_eq!((project["name"].as_str(), project["status"].as_str()), (Some("shop"), Some("deployed")), "{project}");
    assert_eq!(shop.host.root(&format!("ls {BASE} | grep -cx stopped || :")).trim(), "0");
    assert_eq!(standing(&shop), found, "nobody takes it for stopped on purpose");

    shop.host.root("mv /var/lib/cgo/bin/kept /var/lib/cgo/bin/keep");
    let mended = shop.env.json(["incidents", "recover", &found[0]]);
    assert_eq!(mended["incident"]["status"], "resolved", "{mended}");
    assert_eq!(get(&format!("{url}/")), (200, release));
}

/// Whoever ends it hears at once that nothing is known; there it goes on, and is found.
#[test]
fn a_deployment_that_is_interrupted_while_its_host_is_out_of_reach_is_left_open() {
    over_ssh(&async |sshd, linked| {
        let folder = sshd.folder().to_owned();
        let stage = Stage::new(linked.host(), &folder);
        stage.deploy("ok").await.unwrap();
        let plan = stage.plan().await;
        stage.phase(&plan, Phase::Build, "ok").await.unwrap();
        let launch = stage.launch(&plan, "ok");
        let given = Given { launch: Some(&launch), build: None };
        let cancel = never();
        let dark = |text: &str| {
            if text == "migrating" {
                sshd.root("ip link set eth0 down");
                cancel.cancel();
            }
        };
        let begun = std::time::Instant::now();
        let left = stage.app().phase(&plan, Phase::Stage, given, &dark, &cancel).await.unwrap_err();
        assert!(matches!(&left, Error::Unknown { evidence, .. } if !evidence.is_empty()), "{left:?}");
        assert_eq!(left.kind().exit_code(), 10);
        assert!(begun.elapsed() < stage.patience, "the host is not waited for");
        sshd.root("ip link set eth0 up");
        for phase in [Phase::Stage, Phase::Switch, Phase::Finish] {
            stage.phase(&plan, phase, "ok").await.unwrap();
        }
        assert!(stage.answers().await.unwrap().starts_with(plan.release.as_str()));
        stage.end().await;
    });
}

#[test]
fn a_way_back_counts_from_what_serves_also_where_that_was_never_noted() {
    let Some(shop) = Shop::open() else { return };
    let (url, first) = shop.deploy();
    shop.commit("The second");
    let (_, second) = shop.deploy();
    // Killed when visitors were sent to it, and never gone on with: its server ends the work by itself.
    arm(&shop.host);
    shop.commit("The third");
    shop.host.write("how", "none");
    shop.host.write("fault", "\"step\":\"retire\",\"mark\":\"intent\"");
    let struck = shop.host.folder().join("struck");
    let going = shop.env.start(["deploy", "shop", "--bake", "0"]);
    until("its last phase", || struck.exists());
    going.signal(Signal::KILL);
    assert_eq!(going.end().code, None);
    std::fs::remove_file(&struck).unwrap();
    until("the end of the work", || shop.env.json(["lock", "status", "shop"])["servers"][0]["held"].is_null());
    let third = get(&format!("{url}/")).1;
    assert!(third != first && third != second, "{third}");
    let noted = |release: &str| {
        let status = shop.env.json(["deploy", "shop", "--status"]);
        let all = status["releases"].as_array().unwrap().clone();
        all.iter().find(|it| it["release"] == release).map(|it| it["status"].as_str().unwrap().to_owned()).unwrap()
    };
    assert_eq!((noted(&second).as_str(), noted(&third).as_str()), ("active", "pending"));

    let planned = shop.env.ok(["deploy", "shop", "--rollback", "--dry-run"]).stdout;
    assert!(planned.contains(&format!("take release {second} as it was built")), "{planned}");
    assert_eq!((noted(&second).as_str(), noted(&third).as_str()), ("retired", "active"));
    let back = shop.env.json(["deploy", "shop", "--rollback", "--bake", "0"]);
    assert_eq!(back["release"], second.as_str());
    assert_eq!(shop.whole(&url), Ok(second));
}

#[test]
fn what_another_application_shares_stays_when_one_goes() {
    on_both(&async |host, folder| {
        let mut other = Stage::new(host, folder);
        other.name = cgo::domain::names::ProjectName::parse("other").unwrap();
        let stage = Stage::new(host, folder);
        let first = stage.deploy("ok").await.unwrap();
        other.deploy("ok").await.unwrap();
        let second = stage.deploy("ok").await.unwrap();
        assert_eq!(
            stage.shell("ls ../../../environments | grep -v lock | wc -l").await,
            "1",
            "one environment for all"
        );
        let app = other.app();
        assert!(app.operate(Work::Remove, "a test", "", &never()).await.unwrap());
        assert!(stage.answers().await.unwrap().starts_with(second.release.as_str()));
        let back = stage.plan_of(first.release.clone()).await;
        for phase in [Phase::Stage, Phase::Switch, Phase::Finish] {
            stage.phase(&back, phase, "ok").await.unwrap();
        }
        assert!(stage.answers().await.unwrap().starts_with(first.release.as_str()));
        stage.end().await;
    });
}

#[test]
fn only_the_newest_good_releases_are_kept() {
    on_both(&async |host, folder| {
        let stage = Stage::new(host, folder);
        let mut made = Vec::new();
        for _ in 0..6 {
            made.push(stage.deploy("ok").await.unwrap().release.to_string());
        }
        let seen = stage.survey().await;
        let kept: Vec<String> = seen.releases.into_iter().map(|release| release.id).collect();
        made.reverse();
        assert_eq!(kept, made[..4], "the one that serves and three more");
        stage.end().await;
    });
}

#[test]
fn what_cron_has_of_others_stays() {
    use std::os::unix::fs::PermissionsExt as _;
    let Some(sshd) = Sshd::start() else { return };
    let folder = sshd.folder().to_owned();
    let here = folder.display();
    let cron = format!(
        "#!/bin/sh\ncase $1 in -l) [ -s {here}/tab ] || {{ echo 'no crontab for root' >&2; exit 1; }}; cat {here}/tab ;;\n\
         -) cat >{here}/tab.new; mv {here}/tab.new {here}/tab ;; esac\n"
    );
    std::fs::create_dir(folder.join("bin")).unwrap();
    sshd.write("bin/crontab", &cron);
    std::fs::set_permissions(folder.join("bin/crontab"), std::fs::Permissions::from_mode(0o755)).unwrap();
    sshd.write("tab", "# mine\n5 4 * * * /bin/true\n");
    sshd.serve(&format!("SetEnv PATH={here}/bin:/usr/local/bin:/usr/bin:/bin"));
    let linked = Linked::to(&sshd, "root");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stage = Stage::new(linked.host(), &folder);
        for _ in 0..2 {
            stage.deploy("ok").await.unwrap();
        }
        let tab = std::fs::read_to_string(folder.join("tab")).unwrap();
        let ours = format!("@reboot sh '{0}/bin/keep' --boot '{0}'", stage.root);
        assert_eq!(tab, format!("# mine\n5 4 * * * /bin/true\n{ours}\n"));
        stage.end().await;
        assert_eq!(std::fs::read_to_string(folder.join("tab")).unwrap(), "# mine\n5 4 * * * /bin/true\n");
    });
}
