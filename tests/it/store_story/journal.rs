//! Runs and what they append: order, fences, effects, snapshots, forks.

use cgo::domain::diagnose::{Diagnose as _, Kind};
use cgo::domain::names::ProjectName;
use cgo::domain::project::Project;
use cgo::domain::run::{Batch, EffectMark, EffectRow, EventRow, Lease, NewProject, Request, Run, RunStatus};
use cgo::domain::user::{Role, User};
use cgo::store::{Error, Leases, Projects, RunFilter, Runs, Store, Users};

use super::people::person;
use super::{ODD, Place, alive, at, event, holder, leased_run, on_both, placed_project, project, run, run_id};

on_both!(
    runs_are_kept_as_given_and_listed_newest_first,
    runs_are_those_of_whose_project_it_is_or_of_who_asked_and_come_in_parts,
    a_batch_is_written_whole_and_read_back,
    events_follow_without_a_gap_or_nothing_is_written,
    a_stale_fence_writes_nothing,
    a_run_that_is_over_stays_as_it_is,
    an_effect_that_is_done_stays_done,
    a_fork_takes_the_past_along_and_leaves_its_origin_untouched,
    two_processes_that_append_to_one_run_do_not_both_win,
    an_unknown_status_of_a_run_is_named,
);

async fn stored(store: &Store, run: &Run) -> Run {
    store.run(&run.id).await.unwrap().unwrap()
}

fn events(seqs: std::ops::RangeInclusive<u64>) -> Batch {
    Batch { events: seqs.map(event).collect(), ..Batch::default() }
}

fn effect(run: &Run, key: &str, mark: EffectMark, ms: i64) -> EffectRow {
    EffectRow {
        key: key.to_owned(),
        run: run.id.clone(),
        kind: "git_commit".to_owned(),
        mark,
        args: ODD.to_owned(),
        result: (mark == EffectMark::Done).then(|| format!("{{\"key\":\"{key}\"}}")),
        at: at(ms),
    }
}

async fn runs_are_kept_as_given_and_listed_newest_first(place: &Place) {
    let store = place.open().await;
    let (notes, _) = placed_project(&store, 1, "notes").await;
    let mut first = run(1);
    first.project = Some(notes.id.clone());
    first.reason = Some(ODD.to_owned());
    first.request = Request::NewProject(Box::new(NewProject {
        text: ODD.to_owned(),
        name: Some(ProjectName::parse("notes").unwrap()),
        folder: None,
        parent: "/srv".to_owned(),
        spec: Some("{\"a\":\"\\u0000\"}".to_owned()),
        until: None,
        deploy: true,
        server: None,
        github: Some("octo-org/notes".parse().unwrap()),
        assume: false,
        open: false,
        earlier: Vec::new(),
        models: cgo::domain::provider::ModelChoice { provider: Some("ollama".to_owned()), ..Default::default() },
        coders: cgo::domain::coder::CoderChoice {
            coder: Some(cgo::domain::coder::Coder::Codex),
            sandbox: Some(cgo::domain::coder::Walls::Off),
        },
        cassette: None,
    }));
    let mut second = run(2);
    second.status = RunStatus::Running;
    second.forked_from = Some((first.id.clone(), 7));
    let mut third = run(3);
    third.status = RunStatus::WaitingInput;
    for run in [&first, &second, &third] {
        store.create_run(run).await.unwrap();
        assert_eq!(stored(&store, run).await, *run);
    }
    let error = store.create_run(&first).await.unwrap_err();
    assert!(matches!(error, Error::IdTaken { what: "run", .. }), "{error}");
    assert_eq!(store.run(&run_id(9)).await.unwrap(), None);

    let list = async |filter: RunFilter| {
        let runs = store.runs(&filter).await.unwrap();
        runs.into_iter().map(|run| run.id).collect::<Vec<_>>()
    };
    let all = RunFilter::default();
    let ids = [third.id.clone(), second.id.clone(), first.id.clone()];
    assert_eq!(list(all.clone()).await, ids);
    assert_eq!(list(RunFilter { limit: 1, ..all.clone() }).await, ids[..1]);
    assert_eq!(list(RunFilter { project: Some(notes.id.clone()), ..all.clone() }).await, ids[2..]);
    let statuses = vec![RunStatus::Queued, RunStatus::WaitingInput];
    assert_eq!(list(RunFilter { statuses, ..all.clone() }).await, [third.id.clone(), first.id.clone()]);
    let prefix = |text: &str| RunFilter { id_prefix: Some(text.to_owned()), ..RunFilter::default() };
    assert_eq!(list(prefix("run-")).await, ids);
    assert_eq!(list(prefix(second.id.as_str())).await, ids[1..2]);
    assert_eq!(list(prefix("%")).await, []);
    assert_eq!(list(prefix("' or 1=1 --")).await, []);
}

async fn runs_are_those_of_whose_project_it_is_or_of_who_asked_and_come_in_parts(place: &Place) {
    let store = place.open().await;
    let (anna, bob) = (person(1, "Anna", Role::Member), person(2, "Bob", Role::Member));
    for user in [&anna, &bob] {
        store.create_user(user).await.unwrap();
    }
    let hers = Project { owner: Some(anna.id.clone()), ..project(1, "hers") };
    let operators = project(2, "operators");
    for project in [&hers, &operators] {
        store.create_project(project).await.unwrap();
    }
    // Whose a run is: its project's owner's, whoever asked for it; without a project theirs who asked.
    let of = |number, project: Option<&Project>, asked_by: Option<&User>| Run {
        project: project.map(|project| project.id.clone()),
        asked_by: asked_by.map(|user| user.id.clone()),
        ..run(number)
    };
    for run in [
        of(1, None, Some(&anna)),
        of(2, Some(&hers), Some(&bob)),
        of(3, Some(&operators), Some(&anna)),
        of(4, None, None),
        of(5, Some(&hers), None),
        of(6, None, Some(&bob)),
    ] {
        store.create_run(&run).await.unwrap();
    }
    let list = async |owner: Option<&User>, skip, limit| {
        let owner = owner.map(|user| user.id.clone());
        let filter = RunFilter { owner, skip, limit, ..RunFilter::default() };
        let listed = store.runs(&filter).await.unwrap().into_iter().map(|run| run.id).collect::<Vec<_>>();
        (listed, store.count_runs(&filter).await.unwrap())
    };
    let ids = |numbers: &[u32]| numbers.iter().copied().map(run_id).collect::<Vec<_>>();
    assert_eq!(list(None, 0, 9).await, (ids(&[6, 5, 4, 3, 2, 1]), 6));
    assert_eq!(list(Some(&anna), 0, 9).await, (ids(&[5, 2, 1]), 3));
    assert_eq!(list(Some(&bob), 0, 9).await, (ids(&[6]), 1));
    assert_eq!(list(Some(&anna), 0, 2).await, (ids(&[5, 2]), 3));
    assert_eq!(list(Some(&anna), 2, 2).await, (ids(&[1]), 3));
    assert_eq!(list(Some(&anna), 3, 2).await, (ids(&[]), 3));
    let running = RunFilter { statuses: vec![RunStatus::Running], ..RunFilter::default() };
    assert_eq!(store.count_runs(&running).await.unwrap(), 0);
}

async fn a_batch_is_written_whole_and_read_back(place: &Place) {
    let store = place.open().await;
    let (notes, _) = placed_project(&store, 1, "notes").await;
    let (work, lease) = leased_run(&store, 1).await;
    let mut batch = events(1..=3);
    batch.events[1].body = ODD.repeat(1000);
    batch.events[1].kind = ODD.into();
    batch.effects = vec![effect(&work, "b", EffectMark::Intended, 1), effect(&work, "a", EffectMark::Failed, 2)];
    batch.snapshot = Some((3, ODD.to_owned()));
    batch.status = Some((RunStatus::Running, Some("busy".to_owned())));
    batch.project = Some(notes.id.clone());
    let appended = store.append(&lease, &work.id, &batch, at(50)).await.unwrap();
    assert_eq!(appended.cancel_wanted_by, None);

    let row = stored(&store, &work).await;
    assert_eq!((row.seq, row.status, row.updated_at), (3, RunStatus::Running, at(50)));
    assert_eq!((row.reason.as_deref(), row.project.as_ref()), (Some("busy"), Some(&notes.id)));
    assert_eq!(store.events(&work.id, 0, 100).await.unwrap(), batch.events);
    assert_eq!(store.events(&work.id, 1, 1).await.unwrap(), batch.events[1..2]);
    assert_eq!(store.events(&work.id, 3, 100).await.unwrap(), []);
    assert_eq!(store.events(&work.id, u64::MAX, 100).await.unwrap(), []);
    assert_eq!(store.events(&run_id(9), 0, 100).await.unwrap(), []);
    assert_eq!(store.snapshot(&work.id).await.unwrap(), Some((3, ODD.to_owned())));
    assert_eq!(store.effects(&work.id).await.unwrap(), batch.effects);
    assert_eq!(store.effect("b").await.unwrap().as_ref(), Some(&batch.effects[0]));
    assert_eq!(store.effect("c").await.unwrap(), None);

    // What a batch leaves out stays; an empty one asks without writing.
    store.append(&lease, &work.id, &events(4..=4), at(60)).await.unwrap();
    let row = stored(&store, &work).await;
    assert_eq!((row.seq, row.status, row.reason.as_deref()), (4, RunStatus::Running, Some("busy")));
    assert_eq!(row.project.as_ref(), Some(&notes.id));
    assert_eq!(store.cancel_wanted_by(&work.id).await.unwrap(), None);
    store.request_cancel(&work.id, ODD, at(70)).await.unwrap();
    store.request_cancel(&work.id, "somebody later", at(70)).await.unwrap();
    assert_eq!(store.cancel_wanted_by(&work.id).await.unwrap().as_deref(), Some(ODD), "the first one is told of");
    let appended = store.append(&lease, &work.id, &Batch::default(), at(80)).await.unwrap();
    assert_eq!(appended.cancel_wanted_by.as_deref(), Some(ODD));
    assert_eq!(stored(&store, &work).await.updated_at, at(70));
    let batch = Batch { status: Some((RunStatus::Queued, None)), snapshot: Some((4, "4".to_owned())), ..events(5..=5) };
    store.append(&lease, &work.id, &batch, at(90)).await.unwrap();
    assert_eq!(stored(&store, &work).await.reason, None);
    assert_eq!(store.snapshot(&work.id).await.unwrap(), Some((4, "4".to_owned())));

    // The journal of the next run begins at its own beginning.
    let (next, lease) = leased_run(&store, 2).await;
    store.append(&lease, &next.id, &events(1..=1), at(1)).await.unwrap();
    assert_eq!(store.events(&next.id, 0, 9).await.unwrap(), [event(1)]);
    assert_eq!(store.events(&work.id, 4, 9).await.unwrap(), [event(5)]);
}

async fn events_follow_without_a_gap_or_nothing_is_written(place: &Place) {
    let store = place.open().await;
    let (work, lease) = leased_run(&store, 1).await;
    store.append(&lease, &work.id, &events(1..=2), at(1)).await.unwrap();
    let mut gap = events(3..=3);
    gap.events.push(event(5));
    gap.effects = vec![effect(&work, "a", EffectMark::Intended, 1)];
    gap.status = Some((RunStatus::Running, None));
    let error = store.append(&lease, &work.id, &gap, at(2)).await.unwrap_err();
    assert_eq!(error.to_string(), format!("an event numbered 5 cannot follow event 3 of run `{}`", work.id));
    for seqs in [2..=2, 4..=4, 0..=0] {
        let error = store.append(&lease, &work.id, &events(seqs), at(2)).await.unwrap_err();
        assert!(matches!(error, Error::OutOfOrder { newest: 2, .. }), "{error}");
    }
    assert_eq!(store.events(&work.id, 0, 9).await.unwrap(), events(1..=2).events);
    assert_eq!(store.effects(&work.id).await.unwrap(), []);
    assert_eq!(stored(&store, &work).await.status, RunStatus::Queued);
    let error = store.append(&lease, &run_id(9), &events(1..=1), at(2)).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { what: "run", .. }), "{error}");
}

async fn a_stale_fence_writes_nothing(place: &Place) {
    let store = place.open().await;
    let (work, stale) = leased_run(&store, 1).await;
    // Expired is good enough while nobody took it.
    store.append(&stale, &work.id, &events(1..=1), at(5000)).await.unwrap();
    let fresh = store.acquire(&stale.resource, &holder(2), "other", 1000, at(5000), &alive).await.unwrap();
    assert_eq!(fresh.fence, stale.fence + 1);

    let refused = async |lease: &Lease| {
        let error = store.append(lease, &work.id, &events(2..=2), at(5001)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Locked);
        error.to_string()
    };
    let taken = format!("`run:{}` is no longer ours: process 2 on fra1 took it over", work.id);
    assert_eq!(refused(&stale).await, taken);
    let error = store.append(&stale, &work.id, &Batch::default(), at(5001)).await.unwrap_err();
    assert!(matches!(error, Error::FenceLost { .. }), "{error}");
    // Neither the right fence of another holder nor the right holder of another fence will do.
    refused(&Lease { holder: stale.holder.clone(), ..fresh.clone() }).await;
    refused(&Lease { fence: stale.fence, ..fresh.clone() }).await;
    refused(&Lease { resource: "run:none".to_owned(), ..fresh.clone() }).await;
    assert_eq!(store.events(&work.id, 0, 9).await.unwrap(), [event(1)]);
    store.append(&fresh, &work.id, &events(2..=2), at(5002)).await.unwrap();
    store.release(&fresh).await.unwrap();
    assert_eq!(refused(&fresh).await, format!("`run:{}` is no longer ours: it was released", work.id));
}

async fn a_run_that_is_over_stays_as_it_is(place: &Place) {
    let store = place.open().await;
    for (number, over) in [(1, RunStatus::Succeeded), (2, RunStatus::Failed), (3, RunStatus::Cancelled)] {
        let (work, lease) = leased_run(&store, number).await;
        let end = Batch { status: Some((over, None)), ..events(1..=1) };
        store.append(&lease, &work.id, &end, at(1)).await.unwrap();
        let again = Batch { status: Some((RunStatus::Running, None)), ..events(2..=2) };
        let error = store.append(&lease, &work.id, &again, at(2)).await.unwrap_err();
        assert!(matches!(error, Error::IllegalMove(_)), "{error}");
        let error = store.request_cancel(&work.id, "me", at(2)).await.unwrap_err();
        assert!(matches!(error, Error::IllegalMove(_)), "{error}");
        let moved = store.move_run(&work.id, over, RunStatus::Queued, None, &event(2), at(2)).await.unwrap_err();
        assert!(matches!(moved, Error::IllegalMove(_)), "{moved}");
        let row = stored(&store, &work).await;
        assert_eq!((row.status, row.seq), (over, 1));
    }
    let error = store.request_cancel(&run_id(9), "me", at(2)).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { what: "run", .. }), "{error}");
}

async fn an_effect_that_is_done_stays_done(place: &Place) {
    let store = place.open().await;
    let (work, lease) = leased_run(&store, 1).await;
    let mark = async |mark, ms| {
        let effects = vec![effect(&work, "k", mark, ms)];
        store.append(&lease, &work.id, &Batch { effects, ..Batch::default() }, at(ms)).await
    };
    for (step, ms) in [(EffectMark::Intended, 1), (EffectMark::Failed, 2), (EffectMark::Intended, 3)] {
        mark(step, ms).await.unwrap();
        assert_eq!(store.effect("k").await.unwrap(), Some(effect(&work, "k", step, ms)));
    }
    mark(EffectMark::Done, 4).await.unwrap();
    for step in EffectMark::ALL {
        let error = mark(step, 5).await.unwrap_err();
        assert!(matches!(error, Error::Conflict { .. }), "{error}");
    }
    assert_eq!(store.effect("k").await.unwrap(), Some(effect(&work, "k", EffectMark::Done, 4)));
}

async fn a_fork_takes_the_past_along_and_leaves_its_origin_untouched(place: &Place) {
    let store = place.open().await;
    let (work, lease) = leased_run(&store, 1).await;
    let batch = Batch { snapshot: Some((2, "two".to_owned())), ..events(1..=2) };
    store.append(&lease, &work.id, &batch, at(1)).await.unwrap();
    let effects = vec![effect(&work, "early", EffectMark::Done, 2), effect(&work, "open", EffectMark::Intended, 2)];
    store.append(&lease, &work.id, &Batch { effects, ..events(3..=3) }, at(2)).await.unwrap();
    let effects = vec![effect(&work, "open", EffectMark::Done, 3)];
    let status = Some((RunStatus::Failed, Some("no".to_owned())));
    store.append(&lease, &work.id, &Batch { effects, status, ..events(4..=5) }, at(3)).await.unwrap();
    let before = (
        stored(&store, &work).await,
        store.events(&work.id, 0, 99).await.unwrap(),
        store.effects(&work.id).await.unwrap(),
        store.snapshot(&work.id).await.unwrap(),
    );

    store.fork_run(&work.id, 3, &run(2)).await.unwrap();
    let fork = store.run(&run_id(2)).await.unwrap().unwrap();
    assert_eq!((fork.status, fork.seq, fork.forked_from), (RunStatus::Queued, 3, Some((work.id.clone(), 3))));
    assert_eq!(store.events(&fork.id, 0, 99).await.unwrap(), before.1[..3]);
    assert_eq!(store.snapshot(&fork.id).await.unwrap(), Some((2, "two".to_owned())));
    let early = EffectRow { run: fork.id.clone(), ..effect(&work, "early", EffectMark::Done, 2) };
    assert_eq!(store.effects(&fork.id).await.unwrap(), [early]);
    assert_eq!(store.effect("early").await.unwrap().unwrap().run, work.id);

    store.fork_run(&work.id, 1, &run(3)).await.unwrap();
    assert_eq!(store.snapshot(&run_id(3)).await.unwrap(), None);
    assert_eq!(store.effects(&run_id(3)).await.unwrap(), []);
    let lease = store.acquire("run:3", &holder(3), "3", 1000, at(0), &alive).await.unwrap();
    store.append(&lease, &run_id(3), &events(2..=4), at(9)).await.unwrap();
    store.fork_run(&work.id, 0, &run(4)).await.unwrap();
    assert_eq!(store.events(&run_id(4), 0, 99).await.unwrap(), []);

    let error = store.fork_run(&work.id, 6, &run(5)).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { what: "event", .. }), "{error}");
    let error = store.fork_run(&run_id(9), 0, &run(5)).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { what: "run", .. }), "{error}");
    let error = store.fork_run(&work.id, 1, &run(2)).await.unwrap_err();
    assert!(matches!(error, Error::IdTaken { what: "run", .. }), "{error}");
    assert_eq!(store.run(&run_id(5)).await.unwrap(), None);

    assert_eq!(stored(&store, &work).await, before.0);
    assert_eq!(store.events(&work.id, 0, 99).await.unwrap(), before.1);
    assert_eq!(store.effects(&work.id).await.unwrap(), before.2);
    assert_eq!(store.snapshot(&work.id).await.unwrap(), before.3);
}

async fn two_processes_that_append_to_one_run_do_not_both_win(place: &Place) {
    let store = place.open().await;
    let (work, lease) = leased_run(&store, 1).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (other, lease, id) = (place.open().await, lease.clone(), work.id.clone());
        tasks.spawn(async move {
            let mut won = 0;
            while won < 1000 {
                let seq = other.run(&id).await.unwrap().unwrap().seq + 1;
                if seq > 40 {
                    return won;
                }
                match other.append(&lease, &id, &events(seq..=seq), at(1)).await {
                    Ok(_) => won += 1,
                    Err(Error::OutOfOrder { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            won
        });
    }
    let won: Vec<i32> = tasks.join_all().await;
    assert_eq!(won.iter().sum::<i32>(), 40, "{won:?}");
    assert_eq!(store.events(&work.id, 0, 99).await.unwrap(), events(1..=40).events);
}

async fn an_unknown_status_of_a_run_is_named(place: &Place) {
    let store = place.open().await;
    let (work, lease) = leased_run(&store, 1).await;
    place.meddle("update run set status = 'napping'").await;
    for error in [
        store.run(&work.id).await.unwrap_err(),
        store.append(&lease, &work.id, &events(1..=1), at(1)).await.unwrap_err(),
        store.request_cancel(&work.id, "me", at(1)).await.unwrap_err(),
    ] {
        assert_eq!(error.to_string(), "the store holds `napping` in `run.status`, which cgo does not know");
    }
    place.meddle("update run set status = 'running', seq = -1, request = '{}'").await;
    let error = store.run(&work.id).await.unwrap_err();
    assert!(matches!(&error, Error::Corrupt { column, .. } if column == "request"), "{error}");
    let error = store.append(&lease, &work.id, &events(1..=1), at(1)).await.unwrap_err();
    assert!(matches!(&error, Error::Corrupt { column, value, .. } if column == "seq" && value == "-1"), "{error}");
}

/// The bar is half a kilobyte for a step with a patch of 200 bytes, however long the run is: what a snapshot holds is
/// replaced, not added.
#[tokio::test]
async fn two_thousand_steps_take_half_a_kilobyte_each() {
    const STEPS: u64 = 2_000;
    let place = Place::sqlite();
    let file = place.url.strip_prefix("sqlite:").unwrap().to_owned();
    let size = || std::fs::metadata(&file).unwrap().len();
    place.open().await.close().await;
    let empty = size();
    let store = place.open().await;
    let (run, lease) = leased_run(&store, 1).await;
    for step in 1..=STEPS {
        let body = |bytes: usize| format!("{{\"step\":{step:06},\"patch\":\"{}\"}}", "x".repeat(bytes - 26));
        let events = vec![
            EventRow { kind: "node_started".to_owned(), body: body(60), ..event(2 * step - 1) },
            EventRow { kind: "node_finished".to_owned(), body: body(260), ..event(2 * step) },
        ];
        let snapshot = step.is_multiple_of(100).then(|| (2 * step, "s".repeat(20_000)));
        let batch = Batch { events, snapshot, status: Some((RunStatus::Running, None)), ..Batch::default() };
        store.append(&lease, &run.id, &batch, at(3)).await.unwrap();
    }
    store.close().await;
    let each = (size() - empty) / STEPS;
    println!("{each} bytes a step");
    assert!(each <= 512, "{each} bytes a step");
}
