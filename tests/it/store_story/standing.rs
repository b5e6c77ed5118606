//! Where servers stand: each move with what causes it, in one transaction, and none that is not allowed.

use cgo::domain::host::Facts;
use cgo::domain::ids::ServerId;
use cgo::domain::placement::{Reason, Refusal, Reservation};
use cgo::domain::server::{PortPurpose, SILENT_AFTER, SILENT_FOR_MS, Server, ServerEvent, ServerStatus};
use cgo::domain::time::Timestamp;
use cgo::store::{Error, Placements, Ports, Projects, Seen, Servers, Store};

use super::{Place, at, local, on_both, project};

on_both!(
    a_server_is_in_use_from_its_first_project_to_its_last,
    a_server_is_unreachable_after_several_silent_looks_and_back_after_a_good_one,
    silent_looks_within_a_moment_are_one_short_outage,
    looks_that_fail_and_find_something_make_no_dead_server,
    out_of_use_it_takes_no_project_and_comes_back_as_what_it_carries,
    moves_that_are_not_allowed_change_nothing,
);

async fn server(store: &Store, number: u32, status: ServerStatus) -> ServerId {
    let wanted = Server { handle: format!("web-{number}"), status, ..local(number) };
    store.ensure_server(&wanted).await.unwrap().id
}

async fn stands(store: &Store, id: &ServerId) -> ServerStatus {
    store.server(id).await.unwrap().unwrap().status
}

/// Puts a project on servers.
async fn put(store: &Store, number: u32, servers: &[&ServerId]) -> Result<Vec<Reservation>, Vec<Refusal>> {
    let servers: Vec<ServerId> = servers.iter().copied().cloned().collect();
    let choice = |_: &[Reservation]| Ok(servers.clone());
    store.place(&project(number, "shop").id, &servers, 1, 1, &choice, at(3)).await.unwrap()
}

async fn projects(store: &Store, count: u32) {
    for number in 1..=count {
        store.create_project(&project(number, &format!("shop-{number}"))).await.unwrap();
    }
}

fn facts() -> Facts {
    crate::placement::facts(1000)
}

async fn look(store: &Store, id: &ServerId, problem: Option<&str>, facts: Option<Facts>) -> ServerStatus {
    look_at(store, id, next(store, id).await, problem, facts).await
}

/// When the next look comes that counts.
async fn next(store: &Store, id: &ServerId) -> Timestamp {
    let last = store.checks().await.unwrap().into_iter().find(|(server, _)| server == id);
    last.map_or(at(4), |(_, checked)| checked.at).plus_ms(SILENT_FOR_MS)
}

async fn look_at(
    store: &Store,
    id: &ServerId,
    at: Timestamp,
    problem: Option<&str>,
    facts: Option<Facts>,
) -> ServerStatus {
    let seen = Seen { server: id.clone(), at, problem: problem.map(str::to_owned), facts };
    store.note_checks(&[seen]).await.unwrap();
    stands(store, id).await
}

async fn a_server_is_in_use_from_its_first_project_to_its_last(place: &Place) {
    let store = place.open().await;
    let (one, two) = (server(&store, 1, ServerStatus::Ready).await, server(&store, 2, ServerStatus::Ready).await);
    projects(&store, 2).await;
    put(&store, 1, &[&one]).await.unwrap();
    assert_eq!((stands(&store, &one).await, stands(&store, &two).await), (ServerStatus::InUse, ServerStatus::Ready));
    // A project that moves leaves one empty and fills the other.
    put(&store, 1, &[&two]).await.unwrap();
    assert_eq!((stands(&store, &one).await, stands(&store, &two).await), (ServerStatus::Ready, ServerStatus::InUse));
    put(&store, 2, &[&two]).await.unwrap();
    store.remove_project(&project(1, "shop").id, at(5)).await.unwrap();
    assert_eq!(stands(&store, &two).await, ServerStatus::InUse, "another project is there");
    store.remove_project(&project(2, "shop").id, at(6)).await.unwrap();
    let empty = store.server(&two).await.unwrap().unwrap();
    assert_eq!((empty.status, empty.updated_at), (ServerStatus::Ready, at(6)));
    // A port is a place, too.
    projects(&store, 1).await;
    store
        .reserve_port(&one, &project(1, "shop").id, "api", PortPurpose::Public.into(), &[].into(), at(7))
        .await
        .unwrap();
    assert_eq!(stands(&store, &one).await, ServerStatus::InUse);
}

async fn a_server_is_unreachable_after_several_silent_looks_and_back_after_a_good_one(place: &Place) {
    let store = place.open().await;
    let web = server(&store, 1, ServerStatus::Ready).await;
    let raw = server(&store, 2, ServerStatus::PendingSetup).await;
    projects(&store, 1).await;
    for id in [&web, &raw] {
        let before = stands(&store, id).await;
        for _ in 1..SILENT_AFTER {
            assert_eq!(look(&store, id, Some("no route"), None).await, before, "one failed look is no dead server");
        }
        // A good one in between begins the count anew.
        assert_eq!(look(&store, id, None, Some(facts())).await, before);
        for _ in 1..SILENT_AFTER {
            assert_eq!(look(&store, id, Some("no route"), None).await, before);
        }
        assert_eq!(look(&store, id, Some("no route"), None).await, ServerStatus::Unreachable);
        assert_eq!(look(&store, id, Some("no route"), None).await, ServerStatus::Unreachable);
        assert_eq!(look(&store, id, None, Some(facts())).await, before, "it comes back as what it was");
    }
    // One that carries a project comes back in use.
    put(&store, 1, &[&web]).await.unwrap();
    for _ in 0..SILENT_AFTER {
        look(&store, &web, Some("no route"), None).await;
    }
    assert_eq!(stands(&store, &web).await, ServerStatus::Unreachable);
    assert_eq!(look(&store, &web, None, Some(facts())).await, ServerStatus::InUse);
}

async fn silent_looks_within_a_moment_are_one_short_outage(place: &Place) {
    let store = place.open().await;
    let web = server(&store, 1, ServerStatus::Ready).await;
    let begun = at(10);
    for after in (0..10).map(|number| number * (SILENT_FOR_MS - 1) / 9) {
        let stands = look_at(&store, &web, begun.plus_ms(after), Some("no route"), None).await;
        assert_eq!(stands, ServerStatus::Ready, "after {after} ms");
    }
    let lasting = look_at(&store, &web, begun.plus_ms(SILENT_FOR_MS), Some("no route"), None).await;
    assert_eq!(lasting, ServerStatus::Unreachable);
    // What was not answered while it was out of use does not count once it is back.
    store.move_server(&web, |_| ServerEvent::Withdrawn, at(11)).await.unwrap();
    for _ in 0..=SILENT_AFTER {
        look(&store, &web, Some("no route"), None).await;
    }
    assert_eq!(store.move_server(&web, ServerEvent::Returned, at(12)).await.unwrap(), ServerStatus::Ready);
    assert_eq!(look(&store, &web, Some("no route"), None).await, ServerStatus::Ready);
}

async fn looks_that_fail_and_find_something_make_no_dead_server(place: &Place) {
    let store = place.open().await;
    let web = server(&store, 1, ServerStatus::Ready).await;
    for _ in 0..=SILENT_AFTER {
        assert_eq!(look(&store, &web, Some("its disk is full"), Some(facts())).await, ServerStatus::Ready);
    }
    // Nor do they count for the silent one that comes next.
    assert_eq!(look(&store, &web, Some("no route"), None).await, ServerStatus::Ready);
    assert_eq!(store.checks().await.unwrap()[0].1.failures, SILENT_AFTER + 2);
}

async fn out_of_use_it_takes_no_project_and_comes_back_as_what_it_carries(place: &Place) {
    let store = place.open().await;
    let web = server(&store, 1, ServerStatus::Ready).await;
    projects(&store, 1).await;
    for (into, status, back) in [
        (ServerEvent::Withdrawn, ServerStatus::Maintenance, ServerStatus::Ready),
        (ServerEvent::Kept, ServerStatus::Reserved, ServerStatus::Ready),
    ] {
        let event: fn(_) -> _ =
            if into == ServerEvent::Kept { |_| ServerEvent::Kept } else { |_| ServerEvent::Withdrawn };
        assert_eq!(store.move_server(&web, event, at(5)).await.unwrap(), status);
        // The choice was made before: what counts is where it stands when that is written.
        let refused = put(&store, 1, &[&web]).await.unwrap_err();
        assert_eq!(refused, [Refusal { server: "web-1".to_owned(), reason: Reason::NotReady { status } }]);
        assert_eq!(store.placements().await.unwrap(), []);
        for _ in 0..=SILENT_AFTER {
            assert_eq!(look(&store, &web, Some("no route"), None).await, status, "what is on purpose stays");
        }
        look(&store, &web, None, Some(facts())).await;
        let event: fn(_) -> _ = if into == ServerEvent::Kept { |_| ServerEvent::Freed } else { ServerEvent::Returned };
        assert_eq!(store.move_server(&web, event, at(6)).await.unwrap(), back);
    }
    put(&store, 1, &[&web]).await.unwrap();
    store.move_server(&web, |_| ServerEvent::Withdrawn, at(7)).await.unwrap();
    assert_eq!(store.move_server(&web, ServerEvent::Returned, at(8)).await.unwrap(), ServerStatus::InUse);
    store.move_server(&web, |_| ServerEvent::Withdrawn, at(9)).await.unwrap();
    store.remove_project(&project(1, "shop").id, at(10)).await.unwrap();
    assert_eq!(stands(&store, &web).await, ServerStatus::Maintenance);
    assert_eq!(store.move_server(&web, ServerEvent::Returned, at(11)).await.unwrap(), ServerStatus::Ready);
    // One that was never set up does not become ready by a detour.
    let raw = server(&store, 2, ServerStatus::Error).await;
    store.move_server(&raw, |_| ServerEvent::Withdrawn, at(12)).await.unwrap();
    assert_eq!(store.move_server(&raw, ServerEvent::Returned, at(13)).await.unwrap(), ServerStatus::PendingSetup);
}

async fn moves_that_are_not_allowed_change_nothing(place: &Place) {
    let store = place.open().await;
    let web = server(&store, 1, ServerStatus::Ready).await;
    projects(&store, 1).await;
    put(&store, 1, &[&web]).await.unwrap();
    let before = store.server(&web).await.unwrap();
    let refused = store.move_server(&web, |_| ServerEvent::Kept, at(9)).await.unwrap_err();
    assert!(matches!(refused, Error::ServerMove { .. }), "{refused:?}");
    let said = cgo::domain::diagnose::told(&refused);
    assert!(said.contains("web-1") && said.contains("in use cannot be reserved"), "{said}");
    assert_eq!(store.server(&web).await.unwrap(), before);
    let busy = server(&store, 2, ServerStatus::Provisioning).await;
    for event in [(|_| ServerEvent::Withdrawn) as fn(_) -> _, |_| ServerEvent::Kept, ServerEvent::Returned] {
        assert!(matches!(store.move_server(&busy, event, at(9)).await, Err(Error::ServerMove { .. })));
    }
    assert_eq!(stands(&store, &busy).await, ServerStatus::Provisioning);
    // Whoever sets it up has it by a lease, not by where it stands: one that a dead process left can be removed.
    store.remove_server(&busy, at(9)).await.unwrap();
    assert_eq!(store.server(&busy).await.unwrap(), None);
    // Two at once: one has the say.
    let free = server(&store, 3, ServerStatus::Ready).await;
    let other = place.open().await;
    let (a, b) = tokio::join!(
        store.move_server(&free, |_| ServerEvent::Kept, at(9)),
        other.move_server(&free, |_| ServerEvent::Withdrawn, at(9)),
    );
    let (won, lost) = match (a, b) {
        (Ok(won), Err(lost)) | (Err(lost), Ok(won)) => (won, lost),
        both => panic!("{both:?}"),
    };
    assert!(matches!(lost, Error::ServerMove { .. }), "{lost:?}");
    assert_eq!(stands(&store, &free).await, won);
}
