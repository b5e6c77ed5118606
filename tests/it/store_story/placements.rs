//! Places of a project, chosen and written in one transaction, given up with their project.

use cgo::domain::ids::ServerId;
use cgo::domain::placement::{Reason, Refusal, Reservation};
use cgo::domain::project::Project;
use cgo::domain::server::PortPurpose;
use cgo::store::{Error, Placements, Ports, Projects, Servers, Store};

use super::{Place, at, local, on_both, project};

on_both!(
    a_project_has_the_places_that_were_chosen_and_leaves_its_ports_when_it_moves,
    of_projects_that_race_for_the_last_room_one_gets_it,
    a_place_goes_with_its_project_and_keeps_its_server,
);

async fn server(store: &Store, number: u32, handle: &str) -> ServerId {
    let wanted = cgo::domain::server::Server { handle: handle.to_owned(), ..local(number) };
    store.ensure_server(&wanted).await.unwrap().id
}

async fn there(store: &Store, number: u32, name: &str) -> Project {
    let project = project(number, name);
    store.create_project(&project).await.unwrap();
    project
}

fn no_room() -> Vec<Refusal> {
    vec![Refusal { server: "web".to_owned(), reason: Reason::Memory { needed_mb: 2, available_mb: 1 } }]
}

async fn a_project_has_the_places_that_were_chosen_and_leaves_its_ports_when_it_moves(place: &Place) {
    let store = place.open().await;
    let (one, two) = (server(&store, 1, "one").await, server(&store, 2, "two").await);
    let shop = there(&store, 1, "shop").await;
    let put = async |to: &[ServerId], ms: i64| {
        let choice = |_: &[Reservation]| Ok(to.to_vec());
        store.place(&shop.id, &[two.clone(), one.clone()], 10, 20, &choice, at(ms)).await.unwrap().unwrap()
    };
    let first = put(std::slice::from_ref(&one), 1).await;
    let want = Reservation {
        project: shop.id.clone(),
        server: one.clone(),
        memory_mb: 10,
        disk_mb: 20,
        is_serving: false,
        created_at: at(1),
    };
    assert_eq!(first, std::slice::from_ref(&want));
    store.reserve_port(&one, &shop.id, "backend", PortPurpose::Public.into(), &[].into(), at(2)).await.unwrap();
    let again = put(std::slice::from_ref(&one), 3).await;
    assert_eq!(again, std::slice::from_ref(&want), "the same place since the same moment");
    assert_eq!(store.ports(&one).await.unwrap().len(), 1);
    let both = put(&[two.clone(), one.clone()], 4).await;
    let places: Vec<_> = both.iter().map(|placed| (&placed.server, placed.created_at)).collect();
    assert_eq!(places, [(&one, at(1)), (&two, at(4))]);
    assert_eq!(store.ports(&one).await.unwrap().len(), 1);
    let moved = put(std::slice::from_ref(&two), 5).await;
    assert_eq!(moved, &both[1..]);
    assert_eq!(store.ports(&one).await.unwrap(), [], "a port was left behind");
    assert_eq!(store.placements().await.unwrap(), moved);

    let refused = store.place(&shop.id, std::slice::from_ref(&one), 99, 99, &|_| Err(no_room()), at(5)).await.unwrap();
    assert_eq!(refused, Err(no_room()));
    assert_eq!(store.placements_of(&shop.id).await.unwrap(), moved);
    let missing =
        store.place(&project(9, "none").id, std::slice::from_ref(&one), 1, 1, &|_| Ok(vec![one.clone()]), at(6)).await;
    assert!(matches!(missing, Err(Error::NotFound { what: "project", .. })), "{missing:?}");
    let gone = store.place(&shop.id, &[], 1, 1, &|_| Ok(vec![local(9).id]), at(6)).await;
    assert!(matches!(gone, Err(Error::NotFound { what: "server", .. })), "{gone:?}");
}

async fn of_projects_that_race_for_the_last_room_one_gets_it(place: &Place) {
    let stores = [place.open().await, place.open().await];
    let web = server(&stores[0], 1, "web").await;
    let mut projects = Vec::new();
    for number in 1..=4 {
        projects.push(there(&stores[0], number, &format!("shop-{number}")).await);
    }
    // Room for one: whoever sees a reservation is refused.
    let choice = |reserved: &[Reservation]| if reserved.is_empty() { Ok(vec![web.clone()]) } else { Err(no_room()) };
    let servers = [web.clone()];
    let race = projects
        .iter()
        .zip(stores.iter().cycle())
        .map(|(project, store)| store.place(&project.id, &servers, 1, 1, &choice, at(1)));
    let placed: Vec<_> = futures_util::future::join_all(race).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(placed.iter().filter(|placed| placed.is_ok()).count(), 1, "{placed:?}");
    assert_eq!(stores[1].placements().await.unwrap().len(), 1);
}

async fn a_place_goes_with_its_project_and_keeps_its_server(place: &Place) {
    let store = place.open().await;
    let web = server(&store, 1, "web").await;
    let shop = there(&store, 1, "shop").await;
    store.place(&shop.id, std::slice::from_ref(&web), 1, 1, &|_| Ok(vec![web.clone()]), at(1)).await.unwrap().unwrap();
    let kept = store.remove_server(&web, at(2)).await.unwrap_err();
    assert!(matches!(kept, Error::ServerInUse { projects: 1, .. }), "{kept}");
    store.remove_project(&shop.id, at(2)).await.unwrap();
    assert_eq!(store.placements_of(&shop.id).await.unwrap(), []);
    store.remove_server(&web, at(3)).await.unwrap();
    assert_eq!(store.server(&web).await.unwrap(), None);
}
