//! What is taken up where somebody left it: a switch after a power cut, an operation that nobody brought to its end, a
//! migration whose runner is gone; and that nothing is left lying that should not be.

use std::cell::Cell;
use std::time::Duration;

use cgo::domain::deployment::{Driver, Slot};
use cgo::domain::diagnose::{Diagnose as _, Kind};
use cgo::domain::names::ProjectName;
use cgo::remote::engine::operate::Work;
use cgo::remote::engine::phase::{Given, Phase};
use cgo::remote::engine::plan::Plan;
use cgo::remote::engine::survey::ReleaseSeen;
use cgo::remote::engine::{Error, Report};
use cgo::remote::host::Script;
use cgo::remote::host::local::Local;
use cgo::remote::host::steps::{self, Step};
use cgo::remote::image;

use super::kill::arm;
use super::{Stage, never};
use crate::hosts::{on_both, over_ssh};
use crate::support::docker::Docker;
use crate::support::env::until_async;
use crate::support::sshd::Sshd;

/// Has the lease run out.
const PASS_TIME: &str = "sed -i 's/^expires\\t.*/expires\\t1/' lease";

/// Some phases of a deployment, all of which end well.
async fn go(stage: &Stage<'_>, plan: &Plan, phases: &[Phase], mode: &str) {
    for phase in phases {
        stage.phase(plan, *phase, mode).await.unwrap();
    }
}

/// A deployment that has switched, and whose lease has run out before it was brought to its end.
async fn left(stage: &Stage<'_>, mode: &str) -> Plan {
    let plan = stage.plan().await;
    go(stage, &plan, &[Phase::Build, Phase::Stage, Phase::Switch], mode).await;
    stage.shell(PASS_TIME).await;
    plan
}

/// How the release of a deployment stands.
async fn release(stage: &Stage<'_>, plan: &Plan) -> ReleaseSeen {
    let seen = stage.survey().await;
    seen.releases.into_iter().find(|seen| seen.id == plan.release.as_str()).expect("it is there")
}

/// Switches to a release whose next question is its last, and cuts the power while it is baked. How the switch ends that
/// is taken up then.
async fn cut_in_its_bake(sshd: &Sshd, stage: &Stage<'_>, plan: &Plan) -> Result<Report, Error> {
    go(stage, plan, &[Phase::Build, Phase::Stage], "dies").await;
    sshd.write("how", "power");
    sshd.write("fault", "\"step\":\"bake\",\"mark\":\"intent\"");
    let struck = sshd.folder().join("struck");
    let boot = format!(": >'{0}/shared/die'; sh '{1}/bin/keep' --boot '{1}'", stage.app().folder(), stage.root);
    let strikes = async {
        until_async("its bake", async || struck.exists()).await;
        std::fs::remove_file(&struck).unwrap();
        sshd.power_cycle(&boot);
    };
    tokio::join!(stage.phase(plan, Phase::Switch, "dies"), strikes).0
}

#[test]
fn a_release_that_does_not_come_through_a_power_cut_in_its_bake_is_gone_back_from() {
    over_ssh(&async |sshd, linked| {
        let folder = sshd.folder().to_owned();
        let mut stage = Stage::new(linked.host(), &folder);
        arm(sshd);

        // The first one has none before it: its deployment stays open until it is well again.
        let first = stage.plan().await;
        let open = cut_in_its_bake(sshd, &stage, &first).await.unwrap_err();
        assert_eq!(open.kind(), Kind::Unknown, "{open}");
        let told = open.evidence().join("\n");
        assert!(told.contains("its process ended") && told.contains("; there is no release to go back to"), "{told}");
        stage.shell("rm shared/die").await;
        let goes_on = async || stage.phase(&first, Phase::Switch, "dies").await.is_ok();
        until_async("it is well again", goes_on).await;
        go(&stage, &first, &[Phase::Finish], "dies").await;

        let good = stage.deploy("ok").await.unwrap();
        stage.bake = Duration::from_secs(30);
        let plan = stage.plan().await;
        let reverted = cut_in_its_bake(sshd, &stage, &plan).await.unwrap_err();
        assert_eq!((reverted.kind(), reverted.kind().exit_code()), (Kind::Reverted, 7), "{reverted}");
        assert!(reverted.to_string().contains("its process ended"), "{reverted}");
        let serves = async || stage.answers().await.is_some_and(|said| said.starts_with(good.release.as_str()));
        until_async("the one before serves", serves).await;
        let dead = release(&stage, &plan).await;
        assert!(dead.status == "bad" && dead.reason.contains("its process ended"), "{dead:?}");
        let seen = stage.survey().await;
        assert_eq!((seen.held, seen.left), (None, None));
        assert_eq!(seen.slots.iter().filter(|slot| slot.state == "running").count(), 1);
        assert_eq!(good.slot, Slot::Green);
        assert_eq!(stage.shell("ls active").await, "green", "nothing is left of the bake");
    });
}

#[test]
fn a_release_that_somebody_left_is_gone_back_from_when_it_is_dead_and_gone_on_with_when_it_is_not() {
    on_both(&async |host, folder| {
        let stage = Stage::new(host, folder);
        let first = stage.deploy("ok").await.unwrap();
        let dead = left(&stage, "dies").await;
        // It ends with each question from here on.
        stage.shell(": >shared/die").await;
        assert_eq!(stage.ask(dead.port).await, None);
        // This one was planned for the slot that is gone back to.
        let refused = stage.deploy("ok").await.unwrap_err();
        assert_eq!(refused.kind(), Kind::Locked, "{refused}");
        assert!(refused.to_string().contains("slot blue serves visitors"), "{refused}");
        assert!(stage.answers().await.unwrap().starts_with(first.release.as_str()));
        assert_eq!(stage.shell("grep -c started slots/blue/log").await, "1", "the one before ran throughout");
        assert_eq!(stage.ask(dead.port).await, None);
        let dead = release(&stage, &dead).await;
        assert!(dead.status == "bad" && dead.reason.contains("its process ended"), "{dead:?}");
        stage.shell("rm shared/die").await;
        let second = stage.deploy("ok").await.unwrap();
        assert!(stage.answers().await.unwrap().starts_with(second.release.as_str()));

        // One that was ended from without, as by a reboot, is started and is well.
        let ended = left(&stage, "ok").await;
        let slot = ended.slot;
        let count = format!("grep -c started slots/{}/log", slot.as_str());
        let starts: u32 = stage.shell(&count).await.parse().unwrap();
        let kill = format!("cd slots/{}; kill -9 $(cut -d' ' -f1 keeper) $(cut -d' ' -f1 child)", slot.as_str());
        stage.shell(&kill).await;
        let next = stage.plan().await;
        assert_eq!(next.slot, slot.other());
        go(&stage, &next, &[Phase::Lease], "ok").await;
        assert_eq!(release(&stage, &ended).await.status, "good");
        assert_eq!(stage.shell(&count).await, (starts + 1).to_string());
        assert!(stage.answers().await.unwrap().starts_with(ended.release.as_str()));
        go(&stage, &next, &[Phase::Build, Phase::Stage, Phase::Switch, Phase::Finish], "ok").await;
        stage.end().await;
    });
}

#[test]
fn a_bake_that_was_cut_off_lets_nobody_in_before_the_gate() {
    on_both(&async |host, folder| {
        let stage = Stage::new(host, folder);
        stage.deploy("ok").await.unwrap();
        let flag = folder.join("cgo/apps/shop/production/active/bake");

        // Somebody was killed right before visitors were sent over.
        let cut = stage.plan().await;
        go(&stage, &cut, &[Phase::Build, Phase::Stage], "ok").await;
        stage.shell(&format!(": >active/bake; : >ops/{}/flipping; {PASS_TIME}", cut.op)).await;
        let plan = stage.plan().await;
        go(&stage, &plan, &[Phase::Lease], "dies").await;
        assert!(!flag.exists(), "it is settled");
        assert_eq!(stage.ask(cut.port).await, None);

        stage.shell(": >active/bake").await;
        go(&stage, &plan, &[Phase::Build], "dies").await;
        let launch = stage.launch(&plan, "dies");
        let given = Given { launch: Some(&launch), build: None };
        let at_start = Cell::new(None);
        let looks = |text: &str| {
            if text == "starting the release" {
                at_start.set(Some(flag.exists()));
            }
        };
        stage.app().phase(&plan, Phase::Stage, given, &looks, &never()).await.unwrap();
        assert_eq!(at_start.get(), Some(false), "before the candidate starts");

        stage.shell(": >active/bake; : >shared/die").await;
        let refused = stage.phase(&plan, Phase::Switch, "dies").await.unwrap_err();
        assert_eq!(refused.kind(), Kind::Gate, "{refused}");
        assert!(!flag.exists(), "it is undone");
        stage.shell("rm shared/die").await;
        stage.end().await;
    });
}

#[test]
fn what_somebody_left_is_settled_after_a_hold_too() {
    on_both(&async |host, folder| {
        let stage = Stage::new(host, folder);
        stage.deploy("ok").await.unwrap();
        let plan = left(&stage, "ok").await;
        for why in ["the fair is on", "the fair goes on"] {
            stage.app().operate(Work::Hold, "ben", why, &never()).await.unwrap();
        }
        assert_eq!(stage.survey().await.held.unwrap().purpose, "the fair goes on");
        assert!(stage.app().operate(Work::Unhold, "ben", "", &never()).await.unwrap());
        assert_eq!(stage.survey().await.left.unwrap().op, plan.op.as_str());
        let next = stage.plan().await;
        let report = stage.phase(&next, Phase::Lease, "ok").await.unwrap();
        assert_eq!(report.notes, [format!("settling operation {}, which anna on laptop left", plan.op)]);
        assert_eq!(release(&stage, &plan).await.status, "good");
        go(&stage, &next, &[Phase::Build, Phase::Stage, Phase::Switch, Phase::Finish], "ok").await;
        // Nothing is left for the next one.
        stage.app().operate(Work::Hold, "ben", "the fair", &never()).await.unwrap();
        stage.app().operate(Work::Unhold, "ben", "", &never()).await.unwrap();
        let seen = stage.survey().await;
        assert_eq!((seen.held, seen.left), (None, None));
        stage.end().await;
    });
}

/// Says when there are two of it at once, and ends when it is told to.
const COUNTED: &str = r#"mkdir "$SHARED/now" || echo again >>"$SHARED/twice"
until [ -e "$SHARED/go" ]; do sleep 0.05; done
rmdir "$SHARED/now"
echo migrated >>"$SHARED/migrations""#;

#[test]
fn a_migration_whose_runner_is_killed_goes_on_and_is_not_begun_beside_itself() {
    on_both(&async |host, folder| {
        let mut stage = Stage::new(host, folder);
        stage.migrate = ["sh", "-c", COUNTED].map(str::to_owned).to_vec();
        let plan = stage.plan().await;
        go(&stage, &plan, &[Phase::Build], "ok").await;
        let (app, launch, cancel) = (stage.app(), stage.launch(&plan, "ok"), never());
        let given = Given { launch: Some(&launch), build: None };
        let waits = Cell::new(false);
        let hears = |text: &str| waits.set(waits.get() || text == "waiting for a migration that was begun before");
        let there = async |name: &str| stage.shell(&format!("[ ! -e shared/{name} ] || echo yes")).await == "yes";
        let kills = async {
            until_async("the migration", async || there("now").await).await;
            // Its script and what keeps that; the migration is none of their group.
            let kill = format!("kill -9 -$(cut -d' ' -f1 ops/{}/steps/stage-0/pid)", plan.op);
            stage.shell(&kill).await;
            until_async("the next try", async || waits.get() || there("twice").await).await;
            stage.shell(": >shared/go").await;
        };
        let (staged, ()) = tokio::join!(app.phase(&plan, Phase::Stage, given, &hears, &cancel), kills);
        staged.unwrap();
        assert!(!there("twice").await, "never two at once");
        assert_eq!(stage.shell("cat shared/migrations").await, "migrated", "what ended well is not done again");
        go(&stage, &plan, &[Phase::Switch, Phase::Finish], "ok").await;
        stage.end().await;
    });
}

#[test]
fn what_was_cut_off_on_its_way_to_a_step_goes_when_that_is_begun() {
    on_both(&async |host, folder| {
        let at = folder.join("step");
        std::fs::create_dir(&at).unwrap();
        // No process has such a number.
        let cut = at.join("input.99999999");
        std::fs::write(&cut, "a secret").unwrap();
        let step = Step { folder: at.display().to_string(), script: Script::new("a test", "true") };
        let ended = steps::run(host, &step, Duration::from_secs(20), &mut |_| (), &never()).await.unwrap();
        assert_eq!((ended.code, cut.exists()), (Some(0), false));
    });
}

/// An application of this test alone, in the engine that is everybody's.
fn in_containers(folder: &std::path::Path) -> Stage<'static> {
    let mut stage = Stage::new(&Local, folder);
    stage.driver = Driver::Container;
    stage.name = ProjectName::parse(&format!("shop-{:08x}", rand::random::<u32>())).unwrap();
    stage
}

#[test]
fn what_has_a_name_of_ours_and_is_not_ours_is_neither_taken_nor_removed() {
    let Some(docker) = Docker::shared() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    runtime.block_on(async {
        let stage = in_containers(folder.path());
        let volume = format!("cgo-{}-production", stage.name);
        let container = format!("{volume}-blue");
        let made: [(&str, &str, &[&str]); 2] = [
            ("volume", &volume, &["volume", "create", &volume]),
            ("container", &container, &["create", "--name", &container, docker.base(), "true"]),
        ];
        for (sort, name, make) in made {
            docker.ok(make);
            let refused = stage.deploy("ok").await.unwrap_err();
            assert_eq!(refused.kind(), Kind::Preflight, "{refused}");
            let words = format!("a {sort} named {name} is there that cgo has not made: rename or remove it");
            assert!(refused.to_string().ends_with(&words), "{refused}");
            stage.end().await;
            docker.ok([sort, "inspect", name]);
            docker.ok([sort, "rm", name]);
        }
    });
}

#[test]
fn a_build_that_fails_leaves_no_container() {
    let Some(docker) = Docker::shared() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    runtime.block_on(async {
        let mut stage = in_containers(folder.path());
        let mark = format!("broken-{:08x}", rand::random::<u32>());
        stage.recipe = Box::leak(format!("RUN echo {mark} && false\n").into_boxed_str());
        let plan = stage.plan().await;
        let refused = stage.try_image(&plan).await.unwrap_err();
        assert!(matches!(refused, image::Error::Build { .. }), "{refused}");
        let left = docker.ok(["ps", "--all", "--no-trunc", "--format", "{{.Command}}"]);
        assert!(!left.contains(&mark), "{left}");
    });
}
