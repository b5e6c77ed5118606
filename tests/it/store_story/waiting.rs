//! Runs that wait: asks, answers, and moves without a lease.

use cgo::domain::diagnose::{Diagnose as _, Kind};
use cgo::domain::run::{Answer, Ask, Batch, Lease, Question, Run, RunStatus, Wait};
use cgo::store::{Error, Runs, Store};

use super::{ODD, Place, ask_id, at, event, leased_run, on_both, run_id};

on_both!(
    a_question_is_kept_as_asked_and_answered_once,
    an_answer_to_a_run_that_no_longer_waits_is_refused,
    of_many_answers_one_wins,
    a_run_is_moved_only_from_where_it_was_seen,
    what_nobody_answered_in_time_is_found_while_its_run_waits_for_a_person,
);

fn ask(run: &Run, number: u32, wait: Wait) -> Ask {
    let question = |id: &str, choices: &[&str]| Question {
        id: id.to_owned(),
        text: ODD.to_owned(),
        choices: choices.iter().map(|&choice| choice.to_owned()).collect(),
        assumption: Some("\0 is fine in JSON".to_owned()),
    };
    Ask {
        id: ask_id(number),
        run: run.id.clone(),
        wait,
        questions: vec![question("a", &[]), question("b", &["yes", "no"])],
        answer: None,
        created_at: at(3),
        deadline: Some(at(50)),
    }
}

fn answer(by: &str) -> Answer {
    Answer { approved: true, texts: vec![ODD.to_owned(), "\0".to_owned()], by: by.to_owned(), at: at(100) }
}

pub(super) async fn waiting_run(store: &Store, number: u32, status: RunStatus, wait: Wait) -> (Run, Lease, Ask) {
    let (run, lease) = leased_run(store, number).await;
    let ask = ask(&run, number, wait);
    let batch = Batch {
        events: vec![event(1)],
        status: Some((status, Some("asks".to_owned()))),
        ask: Some(ask.clone()),
        ..Batch::default()
    };
    store.append(&lease, &run.id, &batch, at(3)).await.unwrap();
    (run, lease, ask)
}

async fn a_question_is_kept_as_asked_and_answered_once(place: &Place) {
    let store = place.open().await;
    let waits = [
        (RunStatus::WaitingInput, Wait::Input),
        (RunStatus::WaitingApproval, Wait::Approval),
        (RunStatus::WaitingSecret, Wait::Secret),
        (RunStatus::WaitingCapacity, Wait::Capacity),
    ];
    for (number, (status, wait)) in (1..).zip(waits) {
        let (run, _, ask) = waiting_run(&store, number, status, wait).await;
        assert_eq!(store.ask(&ask.id).await.unwrap().as_ref(), Some(&ask));
        assert_eq!(store.open_ask(&run.id).await.unwrap().as_ref(), Some(&ask));
        store.answer(&ask.id, &answer("ann"), &event(2)).await.unwrap();
        let row = store.run(&run.id).await.unwrap().unwrap();
        assert_eq!((row.status, row.reason, row.seq), (RunStatus::Queued, None, 2));
        assert_eq!(store.events(&run.id, 1, 9).await.unwrap(), [event(2)]);
        assert_eq!(store.ask(&ask.id).await.unwrap().unwrap().answer, Some(answer("ann")));
        assert_eq!(store.open_ask(&run.id).await.unwrap(), None);
        let error = store.answer(&ask.id, &answer("bob"), &event(3)).await.unwrap_err();
        assert_eq!(error.to_string(), "the question was answered already by ann");
        assert!(matches!(error, Error::AlreadyAnswered { at: when, .. } if when == at(100)));
        assert_eq!(store.ask(&ask.id).await.unwrap().unwrap().answer, Some(answer("ann")));
    }
    assert_eq!(store.ask(&ask_id(9)).await.unwrap(), None);
    assert_eq!(store.open_ask(&run_id(9)).await.unwrap(), None);
    let error = store.answer(&ask_id(9), &answer("ann"), &event(1)).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { what: "question", .. }), "{error}");
}

async fn an_answer_to_a_run_that_no_longer_waits_is_refused(place: &Place) {
    let store = place.open().await;
    let (run, lease, ask) = waiting_run(&store, 1, RunStatus::WaitingInput, Wait::Input).await;
    // Its event was made before someone else's.
    let error = store.answer(&ask.id, &answer("ann"), &event(3)).await.unwrap_err();
    assert!(matches!(error, Error::Conflict { .. }), "{error}");
    // It waits for something else.
    let other = Batch { events: vec![event(2)], status: Some((RunStatus::WaitingApproval, None)), ..Batch::default() };
    store.append(&lease, &run.id, &other, at(4)).await.unwrap();
    let error = store.answer(&ask.id, &answer("ann"), &event(3)).await.unwrap_err();
    assert!(matches!(error, Error::Conflict { .. }), "{error}");
    // It was cancelled.
    store.move_run(&run.id, RunStatus::WaitingApproval, RunStatus::Cancelled, None, &event(3), at(5)).await.unwrap();
    assert_eq!(store.open_ask(&run.id).await.unwrap(), None);
    let error = store.answer(&ask.id, &answer("ann"), &event(4)).await.unwrap_err();
    assert!(matches!(error, Error::IllegalMove(_)), "{error}");
    assert_eq!(store.ask(&ask.id).await.unwrap().unwrap().answer, None);
    assert_eq!(store.run(&run.id).await.unwrap().unwrap().seq, 3);
}

async fn of_many_answers_one_wins(place: &Place) {
    let store = place.open().await;
    let (run, _, ask) = waiting_run(&store, 1, RunStatus::WaitingInput, Wait::Input).await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..6 {
        let (other, id) = (place.open().await, ask.id.clone());
        tasks.spawn(async move {
            let by = format!("person {number}");
            other.answer(&id, &answer(&by), &event(2)).await.map(|()| by)
        });
    }
    let (mut winners, mut told) = (Vec::new(), Vec::new());
    for outcome in tasks.join_all().await {
        match outcome {
            Ok(by) => winners.push(by),
            Err(Error::AlreadyAnswered { by, .. }) => told.push(by),
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!((winners.len(), told.len()), (1, 5));
    assert!(told.iter().all(|by| *by == winners[0]), "{told:?} {winners:?}");
    assert_eq!(store.events(&run.id, 0, 9).await.unwrap().len(), 2);
}

async fn a_run_is_moved_only_from_where_it_was_seen(place: &Place) {
    let store = place.open().await;
    let (run, _, _) = waiting_run(&store, 1, RunStatus::WaitingInput, Wait::Input).await;
    let moved = async |expected, to, seq| store.move_run(&run.id, expected, to, Some(ODD), &event(seq), at(9)).await;
    let error = moved(RunStatus::Queued, RunStatus::Cancelled, 2).await.unwrap_err();
    assert_eq!(error.to_string(), format!("run `{}` changed meanwhile: expected queued, found waiting_input", run.id));
    assert_eq!(error.kind(), Kind::User);
    let error = moved(RunStatus::WaitingInput, RunStatus::Cancelled, 3).await.unwrap_err();
    assert!(matches!(error, Error::Conflict { .. }), "{error}");
    assert_eq!(store.run(&run.id).await.unwrap().unwrap().seq, 1);
    moved(RunStatus::WaitingInput, RunStatus::Cancelled, 2).await.unwrap();
    let row = store.run(&run.id).await.unwrap().unwrap();
    assert_eq!((row.status, row.reason.as_deref(), row.seq), (RunStatus::Cancelled, Some(ODD), 2));
    assert_eq!(row.updated_at, at(9));
    let error =
        store.move_run(&run_id(9), RunStatus::Queued, RunStatus::Cancelled, None, &event(1), at(0)).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { what: "run", .. }), "{error}");
}

async fn what_nobody_answered_in_time_is_found_while_its_run_waits_for_a_person(place: &Place) {
    let store = place.open().await;
    let mut asks = Vec::new();
    let waits = [
        (RunStatus::WaitingInput, Wait::Input),
        (RunStatus::WaitingApproval, Wait::Approval),
        (RunStatus::WaitingSecret, Wait::Secret),
        (RunStatus::WaitingInput, Wait::Input),
    ];
    for (number, (status, wait)) in (1..).zip(waits) {
        asks.push(waiting_run(&store, number, status, wait).await.2);
    }
    let found = async |now| store.overdue_asks(at(now)).await.unwrap();
    assert_eq!(found(49).await, []);
    assert_eq!(found(50).await, [asks[0].clone(), asks[1].clone(), asks[3].clone()], "a secret comes when it comes");
    store.answer(&asks[0].id, &answer("ann"), &event(2)).await.unwrap();
    let end = (RunStatus::WaitingInput, RunStatus::Cancelled);
    store.move_run(&asks[3].run, end.0, end.1, None, &event(2), at(60)).await.unwrap();
    assert_eq!(found(70).await, [asks[1].clone()]);
}
