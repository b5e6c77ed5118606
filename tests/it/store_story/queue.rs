//! The queue of runs: one run for a key, attempts that survive, runs that leave when they are over.

use cgo::domain::notice::{Notice, NoticeKind};
use cgo::domain::run::{Run, RunStatus};
use cgo::store::{Error, Notices, Queue, Queued, Runs};

use super::{ODD, Place, at, event, on_both, run, run_id};

on_both!(
    a_key_makes_one_run_whoever_races,
    a_run_in_the_queue_counts_attempts_and_leaves_when_it_is_over,
    the_buttons_of_a_question_carry_one_number,
);

async fn a_key_makes_one_run_whoever_races(place: &Place) {
    let stores = [place.open().await, place.open().await];
    let begun = |number: u32| Run { seq: 1, ..run(number) };
    let (first, second) = (begun(1), begun(2));
    let first_event = event(1);
    let (one, two) = tokio::join!(
        stores[0].begin_queued_run(&first, &first_event, Some(ODD)),
        stores[1].begin_queued_run(&second, &first_event, Some(ODD)),
    );
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one.id, two.id, "what is read twice makes one run");
    let again = stores[0].begin_queued_run(&begun(3), &first_event, Some(ODD)).await.unwrap();
    assert_eq!(again.id, one.id);
    assert_eq!(stores[1].run_of_key(ODD).await.unwrap(), Some(one.id));
    assert_eq!(stores[1].run_of_key("another").await.unwrap(), None);
    assert_eq!(stores[0].queued_runs().await.unwrap().len(), 1);
    for number in [4, 5] {
        stores[0].begin_queued_run(&begun(number), &first_event, None).await.unwrap();
    }
    assert_eq!(stores[0].queued_runs().await.unwrap().len(), 3, "without a key each is its own");
    assert_eq!(stores[0].events(&run_id(4), 0, 9).await.unwrap(), [first_event]);
}

async fn a_run_in_the_queue_counts_attempts_and_leaves_when_it_is_over(place: &Place) {
    let store = place.open().await;
    let work = Run { seq: 1, ..run(1) };
    store.begin_run(&work, &event(1)).await.unwrap();
    assert_eq!(store.queued_runs().await.unwrap(), [], "what a command makes is its own");
    store.queue_run(&work.id, at(5)).await.unwrap();
    let queued = store.queued_runs().await.unwrap().remove(0);
    let want = Queued { run: work.clone(), attempts: 0, due_at: at(5), problem: None, updated_at: at(5) };
    assert_eq!(queued, want);
    let tried = Queued { attempts: 3, due_at: at(90), problem: Some(ODD.to_owned()), updated_at: at(6), ..want };
    store.put_queued(&tried, None).await.unwrap();
    assert_eq!(store.queued_runs().await.unwrap(), std::slice::from_ref(&tried));
    assert_eq!(store.owed_notices().await.unwrap(), []);
    let notice = Notice::of_run(NoticeKind::RunStuck, &work.id, 1, at(7));
    for _ in 0..2 {
        store.put_queued(&Queued { attempts: 9, ..tried.clone() }, Some(&notice)).await.unwrap();
    }
    assert_eq!(store.queued_runs().await.unwrap()[0].attempts, 9);
    assert_eq!(store.owed_notices().await.unwrap(), [notice], "owed with the change, once");
    store.queue_run(&work.id, at(9)).await.unwrap();
    let again = store.queued_runs().await.unwrap().remove(0);
    assert_eq!((again.attempts, again.due_at, again.problem), (0, at(9), None), "a person wants it tried again");
    store.move_run(&work.id, RunStatus::Queued, RunStatus::Cancelled, None, &event(2), at(10)).await.unwrap();
    assert_eq!(store.queued_runs().await.unwrap(), []);
    let error = store.queue_run(&run_id(9), at(1)).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { what: "run", .. }), "{error}");
}

async fn the_buttons_of_a_question_carry_one_number(place: &Place) {
    let store = place.open().await;
    let (_, _, ask) =
        super::waiting::waiting_run(&store, 1, RunStatus::WaitingApproval, cgo::domain::run::Wait::Approval).await;
    assert_eq!(store.nonce_of(&ask.id).await.unwrap(), None);
    assert_eq!(store.ask_nonce(&ask.id, "one").await.unwrap().as_deref(), Some("one"));
    assert_eq!(store.ask_nonce(&ask.id, "two").await.unwrap().as_deref(), Some("one"), "the first one stays");
    assert_eq!(store.nonce_of(&ask.id).await.unwrap().as_deref(), Some("one"));
    assert_eq!(store.ask_nonce(&super::ask_id(9), "three").await.unwrap(), None);
}
