//! Attempts to set up a server: counted, bounded, and the newest one alone has a say.

use cgo::domain::host::{Access, Destination, HostKey};
use cgo::domain::ids::SetupId;
use cgo::domain::server::{Server, ServerEvent, ServerStatus};
use cgo::store::{Error, Servers, SetupEnd, Setups, Store};

use super::{Place, at, on_both};
use crate::placement::facts;

on_both!(
    attempts_are_counted_until_one_ends_well,
    a_late_end_of_an_older_attempt_changes_nothing,
    attempts_that_race_are_counted_apart,
);

fn setup(number: u32) -> SetupId {
    SetupId::new(at(0), number)
}

async fn server(store: &Store) -> Server {
    let mut server = super::local(7);
    "web".clone_into(&mut server.handle);
    server.status = ServerStatus::PendingSetup;
    let access = Access {
        server: server.id.clone(),
        destination: Destination::parse("root@web:2222").unwrap(),
        key: None,
        host_key: HostKey::parse("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKtXJaEtmyIHGLiyzPoBhnKsOzwKXtNSE1pLhqji6MDW")
            .unwrap(),
        rootless: false,
    };
    store.add_server(&server, &access, &facts(1)).await.unwrap();
    server
}

async fn stands(store: &Store) -> ServerStatus {
    store.server_by_handle("web").await.unwrap().unwrap().status
}

async fn attempts_are_counted_until_one_ends_well(place: &Place) {
    let store = place.open().await;
    let id = server(&store).await.id;
    let failed = SetupEnd::Failed("no room".to_owned());
    for number in 1..=3 {
        assert_eq!(store.begin_setup(&id, &setup(number), 3, false, at(1)).await.unwrap(), number);
        assert_eq!(stands(&store).await, ServerStatus::Provisioning);
        // Gone on with after it was killed, it is the same attempt.
        assert_eq!(store.begin_setup(&id, &setup(number + 10), 3, false, at(2)).await.unwrap(), number);
        let status = store.end_setup(&id, &setup(number + 10), &failed, at(3)).await.unwrap();
        assert_eq!((status, stands(&store).await), (ServerStatus::Error, ServerStatus::Error));
    }
    let used = store.begin_setup(&id, &setup(4), 3, false, at(4)).await.unwrap_err();
    assert!(matches!(used, Error::AttemptsUsed { attempts: 3, .. }), "{used:?}");
    assert!(used.to_string().contains("no room"), "{used}");
    assert_eq!(stands(&store).await, ServerStatus::Error);
    assert_eq!(store.begin_setup(&id, &setup(5), 3, true, at(5)).await.unwrap(), 1);
    let access = Destination::parse("cgo@web:2222").unwrap();
    let done = SetupEnd::Done { access: Some(access.clone()) };
    assert_eq!(store.end_setup(&id, &setup(5), &done, at(6)).await.unwrap(), ServerStatus::Ready);
    assert_eq!(store.accesses().await.unwrap()[0].destination, access);
    let newest = store.setup_of(&id).await.unwrap().unwrap();
    assert_eq!((newest.attempts, newest.ended, newest.problem), (0, true, None));
    assert_eq!(store.begin_setup(&id, &setup(6), 3, false, at(7)).await.unwrap(), 1);
    assert_eq!(store.end_setup(&id, &setup(6), &SetupEnd::Left, at(8)).await.unwrap(), ServerStatus::PendingSetup);
    store.remove_server(&id, at(9)).await.unwrap();
    assert_eq!(store.setup_of(&id).await.unwrap(), None);
    let gone = store.begin_setup(&id, &setup(7), 3, false, at(10)).await.unwrap_err();
    assert!(matches!(gone, Error::NotFound { .. }), "{gone:?}");
}

async fn a_late_end_of_an_older_attempt_changes_nothing(place: &Place) {
    let store = place.open().await;
    let id = server(&store).await.id;
    store.begin_setup(&id, &setup(1), 3, false, at(1)).await.unwrap();
    store.begin_setup(&id, &setup(2), 3, false, at(2)).await.unwrap();
    let late = store.end_setup(&id, &setup(1), &SetupEnd::Done { access: None }, at(3)).await.unwrap_err();
    assert!(matches!(late, Error::Superseded { .. }), "{late:?}");
    assert_eq!(stands(&store).await, ServerStatus::Provisioning);
    store.end_setup(&id, &setup(2), &SetupEnd::Failed("x".to_owned()), at(4)).await.unwrap();
    let twice = store.end_setup(&id, &setup(2), &SetupEnd::Done { access: None }, at(5)).await.unwrap_err();
    assert!(matches!(twice, Error::Superseded { .. }), "{twice:?}");
    store.move_server(&id, |_| ServerEvent::Withdrawn, at(6)).await.unwrap();
    let illegal = store.begin_setup(&id, &setup(3), 3, false, at(7)).await.unwrap_err();
    assert!(matches!(illegal, Error::ServerMove { .. }), "{illegal:?}");
    assert_eq!(store.setup_of(&id).await.unwrap().unwrap().id, setup(2), "a refused move counts nothing");
}

async fn attempts_that_race_are_counted_apart(place: &Place) {
    let (one, other) = (place.open().await, place.open().await);
    let id = server(&one).await.id;
    let failed = SetupEnd::Failed("x".to_owned());
    for round in 0..2 {
        let (first, second) = (setup(round * 2 + 1), setup(round * 2 + 2));
        let (a, b) = tokio::join!(
            one.begin_setup(&id, &first, 3, false, at(1)),
            other.begin_setup(&id, &second, 3, false, at(1)),
        );
        assert_eq!((a.unwrap(), b.unwrap()), (round + 1, round + 1), "an attempt that goes on is one");
        let (a, b) =
            tokio::join!(one.end_setup(&id, &first, &failed, at(2)), other.end_setup(&id, &second, &failed, at(2)),);
        assert_eq!([a.is_ok(), b.is_ok()].into_iter().filter(|ended| *ended).count(), 1, "one of them has the say");
    }
    assert_eq!(one.setup_of(&id).await.unwrap().unwrap().attempts, 2);
}
