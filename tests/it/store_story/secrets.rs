//! Encrypted secrets: one for a project and name, the first that is made up stays, and they go with their project.

use cgo::domain::manifest::EnvName;
use cgo::domain::secret::{Exposure, Kept, Leak, Origin};
use cgo::store::{Error, ProjectSecrets, Projects};

use super::{ODD, Place, at, on_both, placed_project, project};

on_both!(
    a_secret_is_put_replaced_and_taken_out,
    one_that_is_made_up_twice_at_once_is_made_once,
    secrets_go_with_their_project_and_need_one,
    that_a_value_was_seen_is_kept_until_it_is_put_anew,
);

fn kept(project: u32, name: &str, sealed: &str, ms: i64) -> Kept {
    Kept {
        project: super::project(project, "notes").id,
        name: EnvName::try_from(name.to_owned()).unwrap(),
        origin: Origin::Given,
        key: "age1key".to_owned(),
        sealed: sealed.to_owned(),
        exposed: None,
        created_at: at(ms),
        updated_at: at(ms),
    }
}

async fn a_secret_is_put_replaced_and_taken_out(place: &Place) {
    let store = place.open().await;
    let (project, _) = placed_project(&store, 1, "notes").await;
    let first = kept(1, "MAIL_KEY", ODD, 10);
    assert!(store.put_secret(&first).await.unwrap());
    let other = Kept { origin: Origin::Generated, ..kept(1, "A_KEY", "b", 11) };
    assert!(store.put_secret(&other).await.unwrap());
    assert_eq!(store.secret(&project.id, &first.name).await.unwrap(), Some(first.clone()));
    let anew = Kept { key: "age1other".to_owned(), ..kept(1, "MAIL_KEY", "second", 20) };
    assert!(!store.put_secret(&anew).await.unwrap());
    let want = Kept { created_at: at(10), ..anew };
    assert_eq!(store.secrets(&project.id).await.unwrap(), [other.clone(), want]);
    assert!(store.remove_secret(&project.id, &first.name).await.unwrap());
    assert!(!store.remove_secret(&project.id, &first.name).await.unwrap());
    assert_eq!(store.secrets(&project.id).await.unwrap(), [other]);
}

async fn one_that_is_made_up_twice_at_once_is_made_once(place: &Place) {
    let (a, b) = (place.open().await, place.open().await);
    placed_project(&a, 1, "notes").await;
    let (one, two) = (kept(1, "KEY", "one", 1), kept(1, "KEY", "two", 2));
    let (first, second) = tokio::join!(a.keep_secret(&one), b.keep_secret(&two));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first, second);
    assert_eq!(a.keep_secret(&kept(1, "KEY", "three", 3)).await.unwrap(), first, "a redeploy changed it");
}

async fn secrets_go_with_their_project_and_need_one(place: &Place) {
    let store = place.open().await;
    for put in [
        store.put_secret(&kept(1, "KEY", "x", 0)).await.map(drop),
        store.keep_secret(&kept(1, "KEY", "x", 0)).await.map(drop),
    ] {
        let error = put.unwrap_err();
        assert!(matches!(error, Error::NotFound { what: "project", .. }), "{error}");
    }
    store.create_project(&project(1, "notes")).await.unwrap();
    store.put_secret(&kept(1, "KEY", "x", 0)).await.unwrap();
    store.remove_project(&project(1, "notes").id, at(9)).await.unwrap();
    assert_eq!(store.secrets(&project(1, "notes").id).await.unwrap(), []);
    store.create_project(&project(2, "notes")).await.unwrap();
    assert_eq!(store.secrets(&project(2, "notes").id).await.unwrap(), [], "a name was inherited");
}

async fn that_a_value_was_seen_is_kept_until_it_is_put_anew(place: &Place) {
    let store = place.open().await;
    placed_project(&store, 1, "notes").await;
    let exposed = Some(Exposure { at: at(7), how: Leak::Message });
    let seen = Kept { exposed, ..kept(1, "KEY", "one", 5) };
    store.put_secret(&seen).await.unwrap();
    assert_eq!(store.secrets(&seen.project).await.unwrap(), std::slice::from_ref(&seen));
    store.put_secret(&kept(1, "KEY", "two", 9)).await.unwrap();
    assert_eq!(store.secrets(&seen.project).await.unwrap()[0].exposed, None);
}
