//! A migration or a build that hangs is ended after its time, says so, and what served serves on.

use std::time::Duration;

use cgo::domain::deployment::Driver;
use cgo::domain::diagnose::{Diagnose as _, Kind};
use cgo::domain::names::ProjectName;
use cgo::remote::engine::Error;
use cgo::remote::engine::phase::Phase;
use cgo::remote::host::local::Local;
use cgo::remote::image;

use super::Stage;
use crate::support::docker::Docker;
use crate::support::env::until_async;

/// Time enough for what does not hang.
const LONG: Duration = Duration::from_mins(1);
const SHORT: Duration = Duration::from_secs(2);
/// The same where a container is begun first.
const SHORT_IN_CONTAINER: Duration = Duration::from_secs(10);

/// Nothing that waits for that long runs any more.
async fn gone(stage: &Stage<'_>, seconds: &str) {
    let none = async || stage.shell(&format!("pgrep -fx 'sleep {seconds}' || echo none")).await.trim() == "none";
    until_async("what hung has ended", none).await;
}

/// One that takes no hint is ended all the same, once what it said was heard.
async fn migration_is_ended(stage: &mut Stage<'_>, within: Duration, seconds: &str) {
    let first = stage.deploy("ok").await.unwrap();
    let usual = stage.migrate.clone();
    let hangs = format!("echo locking the table; trap '' TERM; sleep {seconds}; sleep {seconds}");
    stage.migrate = ["sh", "-c", &hangs].map(str::to_owned).to_vec();
    stage.migrate_within = within;
    let refused = stage.deploy("ok").await.unwrap_err();
    assert_eq!(refused.kind(), Kind::User, "{refused}");
    let Error::Migration { cause, evidence, .. } = &refused else { panic!("{refused}") };
    assert_eq!(*cause, format!("its migration did not end within {} s, and was ended", within.as_secs()));
    assert!(evidence.iter().any(|line| line.contains("locking the table")), "{evidence:?}");
    assert!(stage.answers().await.unwrap().starts_with(first.release.as_str()), "the old one serves");
    gone(stage, seconds).await;
    assert!(stage.survey().await.held.is_none(), "it is free for the next");
    (stage.migrate, stage.migrate_within) = (usual, LONG);
    let next = stage.deploy("ok").await.unwrap();
    assert!(stage.answers().await.unwrap().starts_with(next.release.as_str()));
}

#[test]
fn of_processes() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    runtime.block_on(async {
        let mut stage = Stage::new(&Local, folder.path());
        migration_is_ended(&mut stage, SHORT, "98711").await;
        let before = stage.answers().await;

        // What takes connections and never answers: an index of packages that hangs.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let at = silent.local_addr().unwrap();
        let sum = "0".repeat(64);
        stage.lock = format!("slow @ http://{at}/slow-1.0-py3-none-any.whl --hash=sha256:{sum}\n");
        stage.build_within = SHORT;
        let refused = stage.deploy("ok").await.unwrap_err();
        let Error::Build { cause, .. } = &refused else { panic!("{refused}") };
        assert_eq!(*cause, format!("its dependencies were not installed within {} s", SHORT.as_secs()));
        assert_eq!(stage.answers().await, before);
        stage.end().await;
    });
}

#[test]
fn of_containers() {
    let Some(docker) = Docker::shared() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    runtime.block_on(async {
        let mut stage = Stage::new(&Local, folder.path());
        stage.driver = Driver::Container;
        stage.name = ProjectName::parse(&format!("shop-{:08x}", rand::random::<u32>())).unwrap();
        migration_is_ended(&mut stage, SHORT_IN_CONTAINER, "98712").await;
        let mine = docker.ok(["ps", "--all", "--quiet", "--filter", &format!("label=cgo.app={}", stage.name)]);
        assert_eq!(mine.lines().count(), 1, "only what serves: {mine}");

        (stage.recipe, stage.build_within) = ("RUN echo compiling; sleep 98713\n", SHORT_IN_CONTAINER);
        let late = format!("within {} s", SHORT_IN_CONTAINER.as_secs());
        for here in [false, true] {
            stage.here = here;
            let plan = stage.plan().await;
            let refused = stage.try_image(&plan).await.unwrap_err();
            assert_eq!(refused.kind(), Kind::User, "{refused}");
            assert!(refused.to_string().starts_with("the image was not built on `"), "{refused}");
            assert!(refused.to_string().ends_with(&late), "{refused}");
            assert!(matches!(&refused, image::Error::Slow { evidence, .. } if !evidence.is_empty()), "{refused:?}");
            gone(&stage, "98713").await;
        }
        (stage.here, stage.recipe, stage.build_within) = (false, "", LONG);
        let plan = stage.plan().await;
        stage.phase(&plan, Phase::Build, "ok").await.unwrap();
        stage.end().await;
    });
}
