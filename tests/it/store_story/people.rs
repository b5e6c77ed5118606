//! People: names and identities belong to one, an admin is always left, invitations are used once, what somebody had goes
//! to the operator.

use cgo::domain::ids::{InvitationId, UserId};
use cgo::domain::project::Project;
use cgo::domain::run::Run;
use cgo::domain::spec::Language;
use cgo::domain::user::{Identity, Invitation, QuietHours, Role, User, UserName};
use cgo::store::{Error, Invited, Projects, Runs, SecretLink, SecretLinks, Users};

use super::{Place, at, on_both, project, run};

on_both!(
    people_are_kept_as_given_and_found_by_name_and_identity,
    a_name_and_an_identity_belong_to_one_person,
    an_admin_is_always_left_whoever_races,
    an_invitation_is_used_once_and_not_after_its_end,
    strangers_are_counted_and_the_oldest_forgotten,
    what_somebody_had_goes_to_the_operator,
    a_link_is_used_once_and_not_after_its_end,
);

pub(super) fn person(number: u32, name: &str, role: Role) -> User {
    User {
        id: UserId::new(at(0), number),
        name: UserName::parse(name).unwrap(),
        role,
        language: None,
        chat: None,
        quiet: None,
        identities: vec![Identity::Telegram(i64::from(number) + 100)],
        created_at: at(0),
        updated_at: at(0),
    }
}

async fn people_are_kept_as_given_and_found_by_name_and_identity(place: &Place) {
    let store = place.open().await;
    let anna = User {
        language: Some(Language::Ru),
        chat: Some(-1_001_234_567_890),
        quiet: QuietHours::parse("22:00-08:00", "Europe/Berlin"),
        identities: vec![Identity::Telegram(7), Identity::Telegram(i64::MAX)],
        ..person(1, "Анна \"A\" 👩", Role::Admin)
    };
    let bob = person(2, "Bob", Role::Member);
    for user in [&anna, &bob] {
        store.create_user(user).await.unwrap();
    }
    assert_eq!(store.users().await.unwrap(), [bob.clone(), anna.clone()]);
    assert_eq!(store.user(&anna.id).await.unwrap().as_ref(), Some(&anna));
    assert_eq!(store.user_by_name(&bob.name).await.unwrap().as_ref(), Some(&bob));
    assert_eq!(store.user_by_identity(&Identity::Telegram(i64::MAX)).await.unwrap().as_ref(), Some(&anna));
    assert_eq!(store.user_by_identity(&Identity::Telegram(8)).await.unwrap(), None);

    let moved = User { role: Role::Admin, language: Some(Language::En), chat: Some(5), updated_at: at(9), ..bob };
    store.update_user(&moved).await.unwrap();
    assert_eq!(store.user(&moved.id).await.unwrap(), Some(moved.clone()));
    store.remove_user(&anna.id).await.unwrap();
    assert_eq!(store.user_by_identity(&Identity::Telegram(7)).await.unwrap(), None, "who is removed is a stranger");
    let error = store.remove_user(&anna.id).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { what: "user", .. }), "{error}");
}

async fn a_name_and_an_identity_belong_to_one_person(place: &Place) {
    let store = place.open().await;
    store.create_user(&person(1, "Anna", Role::Admin)).await.unwrap();
    let same_name = store.create_user(&person(2, "Anna", Role::Member)).await.unwrap_err();
    assert!(matches!(&same_name, Error::PersonTaken { what: "name", by } if by == "Anna"), "{same_name}");
    let same_identity = User { identities: vec![Identity::Telegram(101)], ..person(3, "Eve", Role::Member) };
    let error = store.create_user(&same_identity).await.unwrap_err();
    assert!(matches!(&error, Error::PersonTaken { what: "identity", .. }), "{error}");
    assert_eq!(store.users().await.unwrap().len(), 1, "nothing is left of who was refused");
}

async fn an_admin_is_always_left_whoever_races(place: &Place) {
    let stores = [place.open().await, place.open().await];
    let (anna, bob) = (person(1, "Anna", Role::Admin), person(2, "Bob", Role::Admin));
    for user in [&anna, &bob] {
        stores[0].create_user(user).await.unwrap();
    }
    let demoted = User { role: Role::Member, ..bob.clone() };
    let (one, two) = tokio::join!(stores[0].remove_user(&anna.id), stores[1].update_user(&demoted));
    assert!(one.is_ok() != two.is_ok(), "one of them wins: {one:?} {two:?}");
    let refused = one.err().or(two.err()).unwrap();
    assert!(matches!(refused, Error::LastAdmin { .. }), "{refused}");
    let left = stores[0].users().await.unwrap();
    assert_eq!(left.iter().filter(|user| user.role == Role::Admin).count(), 1, "{left:?}");
}

async fn an_invitation_is_used_once_and_not_after_its_end(place: &Place) {
    let stores = [place.open().await, place.open().await];
    let store = &stores[0];
    let invitation = |number: u32, role, name: Option<&str>, until: i64| Invitation {
        id: InvitationId::new(at(0), number),
        role,
        name: name.map(|name| UserName::parse(name).unwrap()),
        by: "root".to_owned(),
        expires_at: at(until),
        created_at: at(i64::from(number)),
    };
    let (named, short) = (invitation(1, Role::Admin, Some("Anna"), 100), invitation(2, Role::Member, None, 50));
    store.invite(&named, "hash-1").await.unwrap();
    store.invite(&short, "hash-2").await.unwrap();
    assert_eq!(store.invitations(at(49)).await.unwrap(), [named.clone(), short]);
    assert_eq!(store.invitations(at(50)).await.unwrap(), [named]);

    let come = |number: u32| person(number, &format!("telegram {number}"), Role::Member);
    assert_eq!(store.redeem("hash-3", &come(1), at(1)).await.unwrap(), Err(Invited::Unknown));
    assert_eq!(store.redeem("hash-2", &come(1), at(50)).await.unwrap(), Err(Invited::Expired));
    let first = come(1);
    let second = come(2);
    let (one, two) =
        tokio::join!(stores[0].redeem("hash-1", &first, at(60)), stores[1].redeem("hash-1", &second, at(60)),);
    let (one, two) = (one.unwrap(), two.unwrap());
    let won = one.as_ref().or(two.as_ref()).unwrap();
    assert_eq!((won.role, won.name.as_str()), (Role::Admin, "Anna"), "the invitation says who they are");
    assert!(one == Err(Invited::Used) || two == Err(Invited::Used), "{one:?} {two:?}");
    assert_eq!(store.users().await.unwrap().len(), 1);
    assert_eq!(store.invitations(at(60)).await.unwrap(), []);
}

async fn strangers_are_counted_and_the_oldest_forgotten(place: &Place) {
    let store = place.open().await;
    let eve = Identity::Telegram(13);
    for times in 1..=3 {
        assert_eq!(store.count_stranger(&eve, "Eve", at(times)).await.unwrap(), times.cast_unsigned());
    }
    let seen = store.strangers().await.unwrap();
    assert_eq!((seen.len(), seen[0].attempts, seen[0].created_at, seen[0].updated_at), (1, 3, at(1), at(3)));
    for number in 1..=520 {
        store.count_stranger(&Identity::Telegram(1000 + number), "", at(10 + number)).await.unwrap();
    }
    let kept = store.strangers().await.unwrap();
    assert_eq!(kept.len(), 500, "a flood of strangers fills no disk");
    assert!(kept.iter().all(|stranger| stranger.identity != eve), "the oldest went first");
    store
        .create_user(&User { identities: vec![Identity::Telegram(1520)], ..person(1, "Anna", Role::Admin) })
        .await
        .unwrap();
    assert_eq!(store.strangers().await.unwrap().len(), 499, "who is let in is a stranger no more");
}

async fn what_somebody_had_goes_to_the_operator(place: &Place) {
    let store = place.open().await;
    let (admin, anna) = (person(1, "Root", Role::Admin), person(2, "Anna", Role::Member));
    for user in [&admin, &anna] {
        store.create_user(user).await.unwrap();
    }
    let notes = Project { owner: Some(anna.id.clone()), ..project(1, "notes") };
    store.create_project(&notes).await.unwrap();
    assert_eq!(store.project(&notes.id).await.unwrap().as_ref(), Some(&notes));
    let asked = Run { asked_by: Some(anna.id.clone()), ..run(1) };
    store.create_run(&asked).await.unwrap();
    assert_eq!(store.run(&asked.id).await.unwrap().as_ref(), Some(&asked));
    store.remove_user(&anna.id).await.unwrap();
    assert_eq!(store.project(&notes.id).await.unwrap().unwrap().owner, None);
    assert_eq!(store.run(&asked.id).await.unwrap().unwrap().asked_by, None);
    let refused = store.create_run(&Run { asked_by: Some(anna.id.clone()), ..run(2) }).await.unwrap_err();
    assert!(matches!(refused, Error::NotFound { what: "user", .. }), "{refused}");
    let late = Project { owner: Some(anna.id.clone()), ..project(2, "late") };
    store.create_project(&late).await.unwrap();
    assert_eq!(store.project(&late.id).await.unwrap().unwrap().owner, None, "nobody is left to own it");
}

async fn a_link_is_used_once_and_not_after_its_end(place: &Place) {
    let stores = [place.open().await, place.open().await];
    let notes = project(1, "notes");
    stores[0].create_project(&notes).await.unwrap();
    let link = |hash: &str, until: i64| SecretLink {
        token_hash: hash.to_owned(),
        project: notes.id.clone(),
        run: None,
        person: None,
        names: vec!["MAIL_KEY".to_owned().try_into().unwrap()],
        expires_at: at(until),
        used_at: None,
        created_at: at(0),
    };
    stores[0].put_link(&link("a", 100)).await.unwrap();
    assert_eq!(stores[0].secret_link("a").await.unwrap(), Some(link("a", 100)));
    let (one, two) = tokio::join!(stores[0].use_link("a", at(99)), stores[1].use_link("a", at(99)));
    assert!(one.unwrap() != two.unwrap(), "the first one wins");
    assert_eq!(stores[1].secret_link("a").await.unwrap().unwrap().used_at, Some(at(99)));
    stores[0].free_link("a", at(99)).await.unwrap();
    assert!(!stores[0].use_link("a", at(100)).await.unwrap(), "it has ended");
    assert!(!stores[0].use_link("b", at(1)).await.unwrap(), "there is none");
    let later = SecretLink { created_at: at(200_000_000), ..link("c", 300_000_000) };
    stores[0].put_link(&later).await.unwrap();
    assert_eq!(stores[0].secret_link("a").await.unwrap(), None, "what ended long ago is forgotten");
}
