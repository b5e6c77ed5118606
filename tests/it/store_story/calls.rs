//! The ledger of calls of models: reserved, settled once, added up in every way.

use cgo::domain::ids::{ProjectId, TrialId};
use cgo::domain::ledger::{Dimension, Entry, Standing, Total};
use cgo::domain::money::Usd;
use cgo::domain::names::AgentName;
use cgo::domain::run::{Batch, Run};
use cgo::store::{CallFilter, Calls, Runs};

use super::{ODD, Place, at, leased_run, on_both, placed_project};

on_both!(
    calls_are_settled_once_and_added_up_in_every_way,
    what_a_trial_cost_is_settled_once_and_added_up_with_the_rest,
    a_ledger_without_calls_is_empty
);

const DAY: i64 = 86_400_000;

fn entry(run: &Run, key: &str, agent: &str, cost: u64, standing: Standing, ms: i64) -> Entry {
    Entry {
        key: key.to_owned(),
        run: run.id.clone(),
        visit: 7,
        agent: AgentName::parse(agent).unwrap(),
        provider: "mine".to_owned(),
        model: ODD.to_owned(),
        input_tokens: 100,
        output_tokens: 10,
        cached_tokens: 1,
        cost: Usd::from_billionths(cost),
        standing,
        at: at(ms),
    }
}

async fn calls_are_settled_once_and_added_up_in_every_way(place: &Place) {
    let store = place.open().await;
    let (notes, _) = placed_project(&store, 1, "notes").await;
    let (first, first_lease) = leased_run(&store, 1).await;
    let (second, second_lease) = leased_run(&store, 2).await;
    let large = 9_000_000_000_000_000;
    let batch = Batch {
        project: Some(notes.id.clone()),
        calls: vec![
            entry(&first, "a", "tester", 500, Standing::Reserved, 10),
            entry(&first, "b", "architect", large, Standing::Settled, DAY + 1),
            entry(&first, "c", "tester", 0, Standing::Unpriced, DAY + 2),
        ],
        ..Batch::default()
    };
    store.append(&first_lease, &first.id, &batch, at(1)).await.unwrap();
    let settled =
        |cost, standing| Batch { calls: vec![entry(&first, "a", "tester", cost, standing, 20)], ..Batch::default() };
    store.append(&first_lease, &first.id, &settled(300, Standing::Estimated), at(2)).await.unwrap();
    // What is settled stays settled, also when a killed process comes too late with a reservation.
    store.append(&first_lease, &first.id, &settled(500, Standing::Reserved), at(3)).await.unwrap();
    let other = Batch { calls: vec![entry(&second, "a", "tester", 7, Standing::Settled, 30)], ..Batch::default() };
    store.append(&second_lease, &second.id, &other, at(4)).await.unwrap();

    let mut calls: Vec<_> = store
        .entries(&first.id, at(0))
        .await
        .unwrap()
        .into_iter()
        .map(|call| (call.key, call.visit, call.cost))
        .collect();
    calls.sort();
    let usd = Usd::from_billionths;
    let want = [("a", 300), ("b", large), ("c", 0)].map(|(key, cost)| (key.to_owned(), 7, usd(cost)));
    assert_eq!(calls, want);

    let all = CallFilter::default();
    let costs = async |by, filter: &CallFilter| -> Vec<(String, u64, Usd)> {
        let totals = store.totals(by, filter).await.unwrap();
        totals.into_iter().map(|total| (total.of, total.calls, total.cost)).collect()
    };
    let of = |of: &str, calls: u64, cost: u64| (of.to_owned(), calls, usd(cost));
    assert_eq!(costs(Dimension::Project, &all).await, [of("notes", 3, large + 300), of("", 1, 7)]);
    assert_eq!(
        costs(Dimension::Run, &all).await,
        [of(first.id.as_str(), 3, large + 300), of(second.id.as_str(), 1, 7)]
    );
    assert_eq!(costs(Dimension::Agent, &all).await, [of("architect", 1, large), of("tester", 3, 307)]);
    assert_eq!(costs(Dimension::Model, &all).await, [of(&format!("mine/{ODD}"), 4, large + 307)]);
    assert_eq!(costs(Dimension::Day, &all).await, [of("2027-01-15", 2, 307), of("2027-01-16", 2, large)]);
    let mine = CallFilter { project: Some(notes.id.clone()), ..CallFilter::default() };
    assert_eq!(costs(Dimension::Project, &mine).await, [of("notes", 3, large + 300)]);
    let one = CallFilter { whose: Some(second.id.to_string()), ..CallFilter::default() };
    assert_eq!(costs(Dimension::Agent, &one).await, [of("tester", 1, 7)]);
    let late = CallFilter { since: Some(at(DAY)), ..CallFilter::default() };
    let total = Total {
        of: "notes".to_owned(),
        calls: 2,
        input_tokens: 200,
        output_tokens: 20,
        cached_tokens: 2,
        cost: usd(large),
        estimated: 0,
        unpriced: 1,
        replayed: 0,
    };
    assert_eq!(store.totals(Dimension::Project, &late).await.unwrap(), [total]);
}

async fn what_a_trial_cost_is_settled_once_and_added_up_with_the_rest(place: &Place) {
    let store = place.open().await;
    let (run, lease) = leased_run(&store, 1).await;
    let trial = TrialId::new(at(5), 1);
    let of = |key: &str, cost, standing| entry(&run, key, "tester", cost, standing, 10);
    let batch = Batch { calls: vec![of("a", 5, Standing::Settled)], ..Batch::default() };
    store.append(&lease, &run.id, &batch, at(1)).await.unwrap();
    let reserved = [of("a", 500, Standing::Reserved), of("b", 70, Standing::Reserved)];
    store.charge_trial(&trial, &reserved).await.unwrap();
    store.charge_trial(&trial, &[of("a", 300, Standing::Settled)]).await.unwrap();
    store.charge_trial(&trial, &reserved[..1]).await.unwrap();
    let costs = async |by, filter: &CallFilter| -> Vec<(String, u64, u64)> {
        let totals = store.totals(by, filter).await.unwrap();
        totals.into_iter().map(|total| (total.of, total.cost.billionths(), total.estimated)).collect()
    };
    let own = CallFilter { whose: Some(trial.to_string()), ..CallFilter::default() };
    let all = CallFilter::default();
    assert_eq!(costs(Dimension::Run, &all).await, [(trial.to_string(), 370, 1), (run.id.to_string(), 5, 0)]);
    assert_eq!(costs(Dimension::Agent, &all).await, [("tester".to_owned(), 375, 1)]);
    assert_eq!(costs(Dimension::Project, &own).await, [(String::new(), 370, 1)]);
    assert_eq!(store.entries(&run.id, at(0)).await.unwrap().len(), 1, "a trial is no part of a run");
    let project = CallFilter { project: Some(ProjectId::new(at(1), 1)), ..CallFilter::default() };
    assert_eq!(costs(Dimension::Agent, &project).await, []);
}

async fn a_ledger_without_calls_is_empty(place: &Place) {
    let store = place.open().await;
    let (run, _) = leased_run(&store, 1).await;
    assert_eq!(store.totals(Dimension::Day, &CallFilter::default()).await.unwrap(), []);
    assert_eq!(store.entries(&run.id, at(0)).await.unwrap(), []);
}
