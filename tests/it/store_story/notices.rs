//! Notices: owed with the change they are about or not at all, handed out once, kept until they are delivered.

use cgo::domain::notice::{Notice, NoticeKind, Urgency};
use cgo::domain::run::{Batch, RunStatus};
use cgo::store::{Delivery, DeliveryStatus, Incidents, Notices, Recipient, Runs};

use super::{Place, at, event, leased_run, on_both};

on_both!(
    a_notice_is_owed_with_its_change_or_not_at_all,
    a_notice_is_handed_out_once_and_its_deliveries_move_alone,
    incidents_owe_a_notice_when_they_open_and_when_they_close,
);

async fn a_notice_is_owed_with_its_change_or_not_at_all(place: &Place) {
    let store = place.open().await;
    let (run, lease) = leased_run(&store, 1).await;
    let batch = |seq, status| Batch {
        events: vec![event(seq)],
        status: Some((status, Some("why".to_owned()))),
        ..Batch::default()
    };
    store.append(&lease, &run.id, &batch(1, RunStatus::Running), at(1)).await.unwrap();
    assert_eq!(store.owed_notices().await.unwrap(), [], "that somebody works is no news");
    store.append(&lease, &run.id, &batch(3, RunStatus::Failed), at(2)).await.unwrap_err();
    assert_eq!(store.owed_notices().await.unwrap(), [], "what did not happen is not told");
    store.append(&lease, &run.id, &batch(2, RunStatus::Failed), at(3)).await.unwrap();
    let owed = store.owed_notices().await.unwrap();
    assert_eq!(owed, [Notice::of_run(NoticeKind::RunFailed, &run.id, 2, at(3))]);

    let (cancelled, _) = leased_run(&store, 2).await;
    let status = RunStatus::Cancelled;
    store.move_run(&cancelled.id, RunStatus::Queued, status, None, &event(1), at(4)).await.unwrap();
    let owed = store.owed_notices().await.unwrap();
    assert_eq!(owed.last(), Some(&Notice::of_run(NoticeKind::RunCancelled, &cancelled.id, 1, at(4))));
}

async fn a_notice_is_handed_out_once_and_its_deliveries_move_alone(place: &Place) {
    let store = place.open().await;
    let (run, _) = leased_run(&store, 1).await;
    let normal = Notice::of_run(NoticeKind::RunSucceeded, &run.id, 1, at(1));
    let critical = Notice { id: "c".to_owned(), urgency: Urgency::Critical, at: at(2), ..normal.clone() };
    for notice in [&normal, &critical, &normal] {
        store.owe(notice).await.unwrap();
    }
    assert_eq!(store.owed_notices().await.unwrap(), [normal.clone(), critical.clone()]);
    let at_address =
        |address: &str| Recipient { channel: "chat".to_owned(), address: address.to_owned(), person: None };
    let to = [at_address("1"), at_address("2")];
    for _ in 0..2 {
        store.hand_out(&normal, &to, at(5)).await.unwrap();
    }
    store.hand_out(&critical, &to[..1], at(6)).await.unwrap();
    assert_eq!(store.owed_notices().await.unwrap(), []);
    assert_eq!(store.due_deliveries("chat", at(4), 9).await.unwrap(), [], "not before they are due");
    let due = store.due_deliveries("chat", at(6), 9).await.unwrap();
    let seen: Vec<(&str, &str)> = due.iter().map(|due| (due.notice.id.as_str(), due.address.as_str())).collect();
    assert_eq!(seen, [("c", "1"), (normal.id.as_str(), "1"), (normal.id.as_str(), "2")], "critical ones first");
    assert_eq!(store.due_deliveries("mail", at(6), 9).await.unwrap(), []);

    let delivered = Delivery {
        status: DeliveryStatus::Delivered,
        attempts: 1,
        message: Some("m-1".to_owned()),
        updated_at: at(7),
        ..due[1].clone()
    };
    store.put_delivery(&delivered).await.unwrap();
    let put_off = Delivery { due_at: at(90), problem: Some("busy".to_owned()), ..due[2].clone() };
    store.put_delivery(&put_off).await.unwrap();
    assert_eq!(store.deliveries(&normal.id).await.unwrap(), [delivered.clone(), put_off]);
    let last = store.last_delivered("chat", "1", run.id.as_str()).await.unwrap();
    assert_eq!(last, Some(delivered));
    assert_eq!(store.last_delivered("chat", "2", run.id.as_str()).await.unwrap(), None);
    assert_eq!(store.due_deliveries("chat", at(8), 9).await.unwrap().len(), 1, "the critical one");

    assert_eq!(store.forget_notices(at(100)).await.unwrap(), 0, "what is owed is not forgotten");
    let given_up = |delivery: &Delivery| Delivery { status: DeliveryStatus::Dropped, ..delivery.clone() };
    store.put_delivery(&given_up(&due[2])).await.unwrap();
    assert_eq!(store.forget_notices(at(100)).await.unwrap(), 1);
    assert_eq!(store.deliveries(&normal.id).await.unwrap(), []);
}

async fn incidents_owe_a_notice_when_they_open_and_when_they_close(place: &Place) {
    let store = place.open().await;
    let incident = super::incidents::incident(1, 10);
    for _ in 0..2 {
        store.open_incident(&incident).await.unwrap();
    }
    let owed = store.owed_notices().await.unwrap();
    let opened = Notice::of_incident(NoticeKind::IncidentOpened, &incident.id, &incident.cause, None, at(10));
    assert_eq!(owed, [opened], "once, however often it is reported");
    assert_eq!(owed[0].urgency, Urgency::Critical);
    store.resolve_incident(&incident.id, "over", at(20)).await.unwrap();
    store.resolve_incident(&incident.id, "again", at(21)).await.unwrap_err();
    let kinds: Vec<NoticeKind> = store.owed_notices().await.unwrap().into_iter().map(|notice| notice.kind).collect();
    assert_eq!(kinds, [NoticeKind::IncidentOpened, NoticeKind::IncidentClosed]);
}
