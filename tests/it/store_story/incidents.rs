//! Incidents: one open for a cause, whoever reports it; resolved once; a new one after that.

use cgo::domain::ids::IncidentId;
use cgo::domain::incident::{Incident, IncidentKind, IncidentStatus, cause};
use cgo::store::{Error, Incidents, Projects, Runs, Store};

use super::{ODD, Place, at, on_both, placed_project, run};

on_both!(
    an_incident_is_opened_once_for_a_cause_and_resolved_once,
    reports_that_race_open_one_incident,
    an_incident_refers_to_what_is_there_and_goes_with_its_project,
);

fn incident(number: u32, ms: i64) -> Incident {
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
    let again = store.open_incident(&incident(2, 20)).await.unwrap();
    let want = Incident { reports: 2, details: "report 2".to_owned(), updated_at: at(20), ..first.clone() };
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
    store.remove_project(&project.id).await.unwrap();
    assert_eq!(store.open_incidents().await.unwrap(), []);
    let error = store.open_incident(&whole).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { what: "project", .. }), "{error}");
}
