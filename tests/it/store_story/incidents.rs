//! Incidents: one open for a cause, whoever reports it; resolved once; a new one after that.

use cgo::domain::ids::IncidentId;
use cgo::domain::incident::{Incident, IncidentEvent, IncidentEventKind, IncidentKind, IncidentStatus, cause};
use cgo::store::{Error, Incidents, Projects, Runs, Store};

use super::{ODD, Place, at, on_both, placed_project, run};

on_both!(
    an_incident_is_opened_once_for_a_cause_and_resolved_once,
    reports_that_race_open_one_incident,
    an_incident_refers_to_what_is_there_and_goes_with_its_project,
    what_was_tried_is_kept_in_order_and_bounded_for_the_cause,
);

pub(super) fn incident(number: u32, ms: i64) -> Incident {
    Incident {
        id: IncidentId::new(at(0), number),
        cause: cause(IncidentKind::ServiceDown, None, None, Some("backend"), ""),
        kind: IncidentKind::ServiceDown,
        project: None,
        server: None,
        service: Some("backend".to_owned()),
        title: ODD.to_owned(),
        details: format!("report {number}"),
        status: IncidentStatus::Open,
        reports: 1,
        run: None,
        resolution: None,
        created_at: at(ms),
        updated_at: at(ms),
    }
}

async fn an_incident_is_opened_once_for_a_cause_and_resolved_once(place: &Place) {
    let store = place.open().await;
    let first = store.open_incident(&incident(1, 10)).await.unwrap();
    assert_eq!(first, incident(1, 10));
    let worse = "it ends in 5 days, no longer in 6".to_owned();
    let again = store.open_incident(&Incident { title: worse.clone(), ..incident(2, 20) }).await.unwrap();
    let want =
        Incident { reports: 2, title: worse, details: "report 2".to_owned(), updated_at: at(20), ..first.clone() };
    assert_eq!(again, want, "the second report counts up at the first");
    assert_eq!(store.incident(&incident(2, 0).id).await.unwrap(), None);
    assert_eq!(store.open_incident_of(&first.cause).await.unwrap(), Some(want.clone()));

    let other = Incident { cause: "other title=x".to_owned(), kind: IncidentKind::Other, ..incident(3, 5) };
    store.open_incident(&other).await.unwrap();
    assert_eq!(store.open_incidents().await.unwrap(), [other.clone(), want]);

    store.resolve_incident(&first.id, ODD, at(30)).await.unwrap();
    let resolved = store.incident(&first.id).await.unwrap().unwrap();
    assert_eq!((resolved.status, resolved.resolution.as_deref()), (IncidentStatus::Resolved, Some(ODD)));
    assert_eq!(resolved.updated_at, at(30));
    let error = store.resolve_incident(&first.id, "again", at(31)).await.unwrap_err();
    assert!(matches!(error, Error::Conflict { .. }), "{error}");
    let error = store.resolve_incident(&incident(9, 0).id, "x", at(31)).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { what: "incident", .. }), "{error}");
    assert_eq!(store.open_incidents().await.unwrap(), [other]);

    let anew = store.open_incident(&incident(4, 40)).await.unwrap();
    assert_eq!((anew.id, anew.reports), (incident(4, 0).id, 1), "what is over stays over");
    let taken = Incident { cause: "new".to_owned(), ..incident(1, 50) };
    let error = store.open_incident(&taken).await.unwrap_err();
    assert!(matches!(error, Error::IdTaken { what: "incident", .. }), "{error}");
    for kind in IncidentKind::ALL {
        let of = Incident { cause: kind.as_str().to_owned(), kind, ..incident(100 + kind as u32, 60) };
        assert_eq!(store.open_incident(&of).await.unwrap().kind, kind);
    }
}

async fn reports_that_race_open_one_incident(place: &Place) {
    let stores: Vec<Store> = vec![place.open().await, place.open().await];
    let report = async |store: &Store, number: u32| store.open_incident(&incident(number, 1)).await.unwrap();
    let (a, b) = (&stores[0], &stores[1]);
    let (one, two, three, four) = tokio::join!(report(a, 1), report(b, 2), report(a, 3), report(b, 4));
    let ids = [&one.id, &two.id, &three.id, &four.id];
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(stores[0].open_incidents().await.unwrap()[0].reports, 4);
}

async fn an_incident_refers_to_what_is_there_and_goes_with_its_project(place: &Place) {
    let store = place.open().await;
    let (project, server) = placed_project(&store, 1, "notes").await;
    let work = run(1);
    store.create_run(&work).await.unwrap();
    let whole = Incident {
        project: Some(project.id.clone()),
        server: Some(server.id.clone()),
        run: Some(work.id.clone()),
        ..incident(1, 0)
    };
    assert_eq!(store.open_incident(&whole).await.unwrap(), whole);
    store.remove_project(&project.id, at(9)).await.unwrap();
    assert_eq!(store.open_incidents().await.unwrap(), []);
    let error = store.open_incident(&whole).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { what: "project", .. }), "{error}");
}

async fn what_was_tried_is_kept_in_order_and_bounded_for_the_cause(place: &Place) {
    let stores = [place.open().await, place.open().await];
    let store = &stores[0];
    let first = store.open_incident(&incident(1, 10)).await.unwrap();
    let event = |kind, ms: i64| IncidentEvent { at: at(ms), kind, words: format!("{ODD} {ms}") };
    let restart = |ms: i64| event(IncidentEventKind::Restart, ms);
    let bound = |since: i64| Some((2, at(since)));
    assert!(store.note_incident(&first.id, &event(IncidentEventKind::Seen, 10), None).await.unwrap());
    assert!(store.note_incident(&first.id, &restart(11), bound(0)).await.unwrap());
    store.resolve_incident(&first.id, "over", at(12)).await.unwrap();

    let second = store.open_incident(&incident(2, 20)).await.unwrap();
    let (ids, newer) = (second.id.clone(), restart(21));
    let race = stores.iter().cycle().take(4).map(|store| store.note_incident(&ids, &newer, bound(0)));
    let taken = futures_util::future::join_all(race).await;
    assert_eq!(taken.into_iter().filter(|taken| *taken.as_ref().unwrap()).count(), 1, "one was left of two");
    assert!(!store.note_incident(&ids, &restart(22), bound(11)).await.unwrap());
    assert!(store.note_incident(&ids, &restart(23), bound(12)).await.unwrap(), "the first is long over");
    assert!(store.note_incident(&ids, &event(IncidentEventKind::Outcome, 24), bound(0)).await.unwrap());

    assert_eq!(store.incident_events(&first.id).await.unwrap(), [event(IncidentEventKind::Seen, 10), restart(11)]);
    let kinds: Vec<_> = store.incident_events(&ids).await.unwrap().into_iter().map(|event| event.kind).collect();
    let wanted = [IncidentEventKind::Restart, IncidentEventKind::Restart, IncidentEventKind::Outcome];
    assert_eq!(kinds, wanted);
    let newest = store.incidents(1).await.unwrap();
    assert_eq!(newest[0].id, ids);
    let error = store.note_incident(&incident(9, 0).id, &restart(1), None).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { what: "incident", .. }), "{error}");
}
