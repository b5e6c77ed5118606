//! `cgo serve` at its worst moments: told to stop while the store hangs, killed during the last attempt at a run.

use std::io::Read as _;

use cgo::domain::notice::NoticeKind;
use cgo::ops::queue::{self, Queued};
use cgo::store::{Notices as _, Queue as _};
use sqlx::ConnectOptions as _;

use crate::serve::{Serving, app, block, enqueue, with_silent_model};
use crate::support::env::{TestEnv, tools_are_here};

#[test]
fn it_stops_in_time_while_the_store_is_locked_and_what_it_left_goes_on_later() {
    if !tools_are_here() {
        return;
    }
    let mut env = TestEnv::new();
    let silent = with_silent_model(&mut env);
    let run = enqueue(&env, "a notes API with title", "brainstorm");
    let mut serving = Serving::start(&env, &[]);
    serving.wait("run_says", |line| line["what"] == "node_started");
    let (mut asked, _) = silent.accept().expect("the model is asked");
    asked.read_exact(&mut [0]).expect("it is asked something");
    let url = format!("sqlite:{}", env.data().join("cgo.db").display());
    let said = block(async {
        let options: sqlx::sqlite::SqliteConnectOptions = url.parse().expect("a URL");
        let mut connection = options.connect().await.expect("the store opens");
        sqlx::query("begin immediate").execute(&mut connection).await.expect("it is locked");
        let said = serving.stop();
        sqlx::query("rollback").execute(&mut connection).await.expect("it is free");
        said
    });
    assert!(said.contains("the store does not answer") && said.contains("\"stopped\""), "{said}");
    let mut again = Serving::start(&env, &[]);
    again.wait("run_taken", |line| line["run"] == run.as_str());
    again.stop();
}

#[test]
fn a_run_whose_last_attempt_was_killed_is_told_of_once() {
    let env = TestEnv::new();
    let run = enqueue(&env, "a notes API with title", "brainstorm");
    block(async {
        let app = app(&env).await;
        let queued = queue::list(&app.context).await.expect("the store answers").remove(0);
        let last = Queued { attempts: queue::ATTEMPTS - 1, ..queued };
        queue::take(&app.context, last).await.expect("it is taken up");
        app.context.store.clone().close().await;
    });
    let mut serving = Serving::start(&env, &[]);
    serving.wait("run_stuck", |line| line["run"] == run.as_str());
    serving.stop();
    let again = env.ok(["serve", "--once", "--json", "--check-every", "0"]).stdout;
    assert!(!again.contains("run_stuck") && !again.contains("run_taken"), "{again}");
    block(async {
        let app = app(&env).await;
        let owed = app.context.store.owed_notices().await.expect("the store answers");
        let about = |notice: &cgo::domain::notice::Notice| (notice.kind, notice.run.clone());
        assert_eq!(owed.iter().map(about).collect::<Vec<_>>(), [(NoticeKind::RunStuck, Some(run))]);
        let left = app.context.store.queued_runs().await.expect("the store answers");
        assert_eq!(left.len(), 1, "a person can take it up again");
        app.context.store.clone().close().await;
    });
}
