//! Leases, and the races of several pools and processes.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use cgo::domain::diagnose::{Advice, Diagnose as _, Kind};
use cgo::domain::run::{Batch, Holder, Lease};
use cgo::domain::server::PortPurpose;
use cgo::store::{Error, Leases, Ports, Runs, Servers, Store};
use sqlx::{ConnectOptions as _, Executor as _, Row as _};

use super::{Place, alive, at, event, holder, leased_run, local, on_both, placed_project};

on_both!(
    a_lease_has_one_holder_and_its_fence_only_grows,
    losing_the_race_does_not_free_the_winners_lease,
    of_many_that_race_for_a_lease_one_wins,
    pools_that_race_for_ports_leave_no_gap_and_share_none,
    processes_that_open_a_fresh_store_at_once_and_race_for_ports_share_none,
);

async fn a_lease_has_one_holder_and_its_fence_only_grows(place: &Place) {
    let store = place.open().await;
    let (ann, bob) = (holder(1), holder(2));
    let acquire = async |holder: &Holder, ms| store.acquire("project:notes", holder, "work", 100, at(ms), &alive).await;
    let first = acquire(&ann, 0).await.unwrap();
    assert_eq!((first.fence, first.expires_at, &first.holder), (1, at(100), &ann));
    let error = acquire(&bob, 50).await.unwrap_err();
    assert_eq!(error.to_string(), "`project:notes` is held by process 1 on fra1 for work");
    assert_eq!(error.kind(), Kind::Locked);
    assert!(matches!(&error, Error::LeaseHeld { lease } if **lease == first), "{error}");

    let again = acquire(&ann, 60).await.unwrap();
    assert_eq!((again.fence, again.expires_at), (1, at(160)));
    let renewed = store.renew(&again, 200, at(70)).await.unwrap();
    assert_eq!((renewed.fence, renewed.expires_at), (1, at(270)));
    assert_eq!(store.lease("project:notes").await.unwrap().as_ref(), Some(&renewed));

    // Expired: renewed while nobody took it, and taken by the next.
    let renewed = store.renew(&renewed, 10, at(500)).await.unwrap();
    let second = acquire(&bob, 510).await.unwrap();
    assert_eq!((second.fence, &second.holder), (2, &bob));
    let error = store.renew(&renewed, 10, at(520)).await.unwrap_err();
    assert!(matches!(&error, Error::FenceLost { holder: Some(holder), .. } if **holder == bob), "{error}");

    // Held by a process that is dead.
    let dead = |holder: &Holder| holder.pid == 2;
    let run = super::run_id(1);
    let third = store.acquire("project:notes", &ann, run.as_str(), 100, at(520), &dead).await.unwrap();
    assert_eq!(third.fence, 3);
    let error = acquire(&bob, 530).await.unwrap_err();
    assert_eq!(error.advice(), Some(Advice::Run(format!("cgo run watch {run}"))));

    let other = store.acquire("a", &bob, "", i64::MAX, at(0), &alive).await.unwrap();
    assert_eq!(store.leases().await.unwrap(), [other, third.clone()]);
    store.release(&third).await.unwrap();
    assert_eq!(store.lease("project:notes").await.unwrap(), None);
    assert_eq!(store.lease("nothing").await.unwrap(), None);
    assert_eq!(store.leases().await.unwrap().len(), 1);
    assert!(matches!(store.renew(&third, 1, at(530)).await, Err(Error::FenceLost { holder: None, .. })));
    assert_eq!(acquire(&ann, 540).await.unwrap().fence, 4);
}

async fn losing_the_race_does_not_free_the_winners_lease(place: &Place) {
    let store = place.open().await;
    let stale = store.acquire("x", &holder(1), "", 10, at(0), &alive).await.unwrap();
    let fresh = store.acquire("x", &holder(2), "", 10, at(10), &alive).await.unwrap();
    store.release(&stale).await.unwrap();
    store.release(&Lease { holder: stale.holder.clone(), ..fresh.clone() }).await.unwrap();
    store.release(&Lease { fence: stale.fence, ..fresh.clone() }).await.unwrap();
    store.release(&Lease { resource: "y".to_owned(), ..fresh.clone() }).await.unwrap();
    assert_eq!(store.lease("x").await.unwrap(), Some(fresh));
}

async fn of_many_that_race_for_a_lease_one_wins(place: &Place) {
    let mut tasks = tokio::task::JoinSet::new();
    for pid in 1..=8 {
        let store = place.open().await;
        tasks.spawn(async move { store.acquire("run:1", &holder(pid), "", 1000, at(0), &alive).await });
    }
    let outcomes = tasks.join_all().await;
    let winners: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).collect();
    assert_eq!(winners.len(), 1);
    for error in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
        assert!(matches!(error, Error::LeaseHeld { lease } if **lease == *winners[0]), "{error}");
    }
}

async fn reserve(store: &Store, number: u32, count: u32) -> Vec<u16> {
    let (project, server) = placed_project(store, number, &format!("notes-{number}")).await;
    let listening = BTreeSet::from([8005]);
    let mut ports = Vec::new();
    for service in 0..count {
        let service = format!("service-{service}");
        let reserved =
            store.reserve_port(&server.id, &project.id, &service, PortPurpose::Public.into(), &listening, at(0)).await;
        ports.push(reserved.unwrap().port);
    }
    ports
}

fn check_ports(mut ports: Vec<u16>, count: u16) {
    ports.sort_unstable();
    let expected: Vec<u16> = (8000..=8000 + count).filter(|port| *port != 8005).collect();
    assert_eq!(ports, expected);
}

async fn pools_that_race_for_ports_leave_no_gap_and_share_none(place: &Place) {
    let mut tasks = tokio::task::JoinSet::new();
    for number in 1..=4 {
        let store = place.open().await;
        tasks.spawn(async move { reserve(&store, number, 20).await });
    }
    check_ports(tasks.join_all().await.concat(), 80);
}

const CHILD_URL: &str = "CGO_TEST_STORE_CHILD_URL";
const CHILD_NUMBER: &str = "CGO_TEST_STORE_CHILD_NUMBER";

/// The other side of the race between processes; does nothing in a run of its own.
#[tokio::test]
async fn a_process_of_the_race_reserves_its_ports() {
    let (Ok(url), Ok(number)) = (std::env::var(CHILD_URL), std::env::var(CHILD_NUMBER)) else { return };
    let store = Store::open(&url).await.unwrap();
    reserve(&store, number.parse().unwrap(), 20).await;
    store.close().await;
}

async fn processes_that_open_a_fresh_store_at_once_and_race_for_ports_share_none(place: &Place) {
    let (_, module) = module_path!().split_once("::").unwrap();
    let children: Vec<_> = (1..=4)
        .map(|number| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", &format!("{module}::a_process_of_the_race_reserves_its_ports"), "--nocapture"])
                .env(CHILD_URL, &place.url)
                .env(CHILD_NUMBER, number.to_string())
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
        assert!(said.contains("1 passed"), "{said}");
    }
    let store = place.open().await;
    let server = store.ensure_server(&local(9)).await.unwrap();
    let ports = store.ports(&server.id).await.unwrap();
    check_ports(ports.iter().map(|port| port.port).collect(), 80);
}

#[tokio::test]
async fn a_transaction_that_is_given_up_for_anothers_sake_is_tried_again() {
    let Some(place) = Place::postgres().await else { return };
    let store = place.open().await;
    let (run, lease) = leased_run(&store, 1).await;
    let options: sqlx::postgres::PgConnectOptions = place.url.parse().unwrap();
    let (mut other, mut watcher) = (options.connect().await.unwrap(), options.connect().await.unwrap());
    // Only the store's session looks for deadlocks in time, so it is the one that is given up.
    other.execute("set deadlock_timeout = '1min'; begin; select 1 from run for update").await.unwrap();
    let append = tokio::spawn(async move {
        let batch = Batch { events: vec![event(1)], ..Batch::default() };
        store.append(&lease, &run.id, &batch, at(1)).await
    });
    // The append has the lease's row and waits for the run's.
    let waits = "select exists (select 1 from pg_stat_activity where wait_event_type = 'Lock' \
                 and datname = current_database())";
    while !watcher.fetch_one(waits).await.unwrap().get::<bool, _>(0) {
        tokio::task::yield_now().await;
    }
    other.execute("select 1 from lease for update").await.unwrap();
    other.execute("commit").await.unwrap();
    append.await.unwrap().unwrap();
}
