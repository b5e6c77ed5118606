//! Opening: what is made, what is left alone, and what an error says.

use std::error::Error as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use cgo::domain::diagnose::{Advice, Diagnose as _, Kind};
use cgo::store::{Error, Projects, Servers, Store};

use super::{Place, local, on_both, placed_project, project};
use crate::support::postgres::{PASSWORD, Postgres, USER};

on_both!(
    a_store_is_there_again_after_it_was_closed,
    four_that_open_a_fresh_store_at_once_all_get_it,
    a_newer_schema_is_refused_with_both_versions,
);

async fn a_store_is_there_again_after_it_was_closed(place: &Place) {
    let store = place.open().await;
    let (notes, _) = placed_project(&store, 1, "notes").await;
    let url = store.url();
    let clone = store.clone();
    store.close().await;
    assert!(clone.projects().await.is_err());
    let store = Store::open(&url).await.unwrap();
    assert_eq!(store.projects().await.unwrap(), [notes]);
}

async fn four_that_open_a_fresh_store_at_once_all_get_it(place: &Place) {
    let opening = (1..=4).map(|number| async move {
        let store = Store::open(&place.url).await.unwrap();
        store.ensure_server(&local(number)).await.unwrap()
    });
    let servers = futures_util::future::join_all(opening).await;
    assert!(servers.iter().all(|server| *server == servers[0]), "{servers:?}");
}

async fn a_newer_schema_is_refused_with_both_versions(place: &Place) {
    place.open().await.close().await;
    if place.server.is_some() {
        place
            .meddle(
                "insert into _cgo_migrations (version, description, success, checksum, execution_time) \
                 values (2099010101, 'from the future', true, '', 0)",
            )
            .await;
    } else {
        place.meddle("pragma user_version = 2099010101").await;
    }
    let error = Store::open(&place.url).await.unwrap_err();
    assert!(matches!(error, Error::Newer { found: 2_099_010_101, .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("has schema 2099010101; this cgo knows schemas up to 2026"), "{text}");
    assert_eq!((error.kind(), error.advice()), (Kind::User, Some(Advice::Do("update cgo".to_owned()))));
}

/// The path of a SQLite place's file.
fn file(place: &Place) -> PathBuf {
    PathBuf::from(place.url.strip_prefix("sqlite:").unwrap())
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn the_files_of_a_store_are_for_its_user_alone() {
    let place = Place::sqlite();
    let store = place.open().await;
    store.create_project(&project(1, "notes")).await.unwrap();
    let file = file(&place);
    assert_eq!(mode(file.parent().unwrap()), 0o700);
    let names: Vec<_> = std::fs::read_dir(file.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(names.len() >= 3, "{names:?}");
    for name in names {
        assert_eq!(mode(&name), 0o600, "{}", name.display());
    }
    let header = std::fs::read(&file).unwrap();
    assert_eq!(header[18..20], [2, 2], "the file is not in WAL mode");
    store.close().await;
    assert!(!file.with_extension("db-wal").exists());
}

#[tokio::test]
async fn a_store_in_memory_works_like_any_other() {
    let store = Store::open("sqlite::memory:").await.unwrap();
    let (notes, _) = placed_project(&store, 1, "notes").await;
    assert_eq!(store.projects().await.unwrap(), [notes]);
    assert_eq!(store.url(), "sqlite::memory:");
    assert_eq!(Store::open("sqlite::memory:").await.unwrap().projects().await.unwrap(), []);
}

#[tokio::test]
async fn a_damaged_file_is_named_and_left_as_it_is() {
    let place = Place::sqlite();
    let file = file(&place);
    std::fs::create_dir(file.parent().unwrap()).unwrap();
    let garbage = b"this is not a database, it is a letter to my aunt. ".repeat(200);
    std::fs::write(&file, &garbage).unwrap();
    let error = Store::open(&place.url).await.unwrap_err();
    assert!(matches!(&error, Error::Damaged { path, .. } if *path == file), "{error}");
    assert_eq!(error.to_string(), format!("the store `{}` is damaged: file is not a database", file.display()));
    let Some(Advice::Do(advice)) = error.advice() else { panic!("no advice") };
    assert!(advice.contains("restore a copy") && advice.contains("mv "), "{advice}");
    assert_eq!(std::fs::read(&file).unwrap(), garbage);
    assert_eq!(std::fs::read_dir(file.parent().unwrap()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_file_that_was_cut_short_is_damaged_too() {
    let place = Place::sqlite();
    let store = place.open().await;
    placed_project(&store, 1, "notes").await;
    store.close().await;
    let file = file(&place);
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..6000]).unwrap();
    let error = match Store::open(&place.url).await {
        Ok(store) => store.projects().await.unwrap_err(),
        Err(error) => error,
    };
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
    assert_eq!(std::fs::read(&file).unwrap(), whole[..6000]);
}

#[tokio::test]
async fn a_database_of_another_program_is_left_alone() {
    let place = Place::sqlite();
    let file = file(&place);
    std::fs::create_dir(file.parent().unwrap()).unwrap();
    std::fs::write(&file, b"").unwrap();
    place.meddle("create table bookmarks (url text)").await;
    let before = std::fs::read(&file).unwrap();
    let error = Store::open(&place.url).await.unwrap_err();
    assert!(matches!(error, Error::Foreign { .. }), "{error}");
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

#[tokio::test]
async fn an_empty_file_becomes_a_store() {
    let place = Place::sqlite();
    std::fs::create_dir(file(&place).parent().unwrap()).unwrap();
    std::fs::write(file(&place), b"").unwrap();
    assert_eq!(place.open().await.projects().await.unwrap(), []);
}

#[tokio::test]
async fn places_that_cannot_be_opened_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let blocked = folder.path().join("file");
    std::fs::write(&blocked, "").unwrap();
    for (path, reason) in [
        (folder.path().to_owned(), "it is not a file"),
        (blocked.join("cgo.db"), "Not a directory"),
        (PathBuf::from("/proc/cgo-no-such/cgo.db"), "No such file or directory"),
        (PathBuf::from("/dev/full"), "it is not a file"),
    ] {
        let error = Store::open(path.to_str().unwrap()).await.unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, Error::CannotOpen { .. }), "{text}");
        assert!(text.starts_with(&format!("cannot open the store `{}`: {reason}", path.display())), "{text}");
        assert_eq!(error.kind(), Kind::Preflight);
    }
}

/// An error with its chain and its debug form: all that could ever be shown.
fn everything(error: &Error) -> String {
    let mut text = format!("{error} {error:?} {:?}", error.advice());
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text} {cause} {cause:?}");
        source = cause.source();
    }
    text
}

#[tokio::test]
async fn a_server_that_is_not_there_or_refuses_is_told_without_the_password() {
    let Some(server) = Postgres::shared() else { return };
    server.user().await;
    let database = server.database().await;
    let port = server.port();
    let open = async |address: String| {
        let error = Store::open(&address).await.unwrap_err();
        let text = everything(&error);
        assert!(!text.contains("hunter2"), "{text}");
        error
    };
    let error = open(format!("postgres://{USER}:hunter2-wrong@127.0.0.1:{port}/{database}")).await;
    assert_eq!(
        error.to_string(),
        format!(
            "the store `postgres://{USER}:***@127.0.0.1:{port}/{database}` refuses to be opened: \
             password authentication failed for user \"{USER}\""
        )
    );
    assert_eq!(error.kind(), Kind::User);
    let error = open(format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{port}/no_such")).await;
    assert!(matches!(error, Error::Refused { .. }), "{error}");
    // The right password, and no right to make tables.
    let error = open(format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{port}/{database}")).await;
    assert!(matches!(error, Error::ReadOnly { .. }), "{error}");
    let error = open(format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{port}/{database}?sslmode=require")).await;
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");

    let started = std::time::Instant::now();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = open(format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{free}/x")).await;
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert_eq!(error.kind(), Kind::Preflight);
    let error = open(format!("postgres://{USER}:{PASSWORD}@no-such-host.invalid/x")).await;
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert!(started.elapsed().as_secs() < 5, "a refused connection was waited for");
    for address in [format!("postgres://me:{PASSWORD}@host:notaport/x"), format!("postgres://me:{PASSWORD}@[::1/x")] {
        let error = open(address).await;
        assert!(matches!(error, Error::InvalidUrl { .. }), "{error}");
        assert_eq!(error.kind(), Kind::Usage);
    }
}
