//! Tokens, limits, failures, redirects, and repositories that are made once.

use std::time::Duration;

use cgo::domain::diagnose::{Diagnose as _, Kind};
use cgo::domain::names::{OwnerName, RepositoryName};
use cgo::domain::sharing::Visibility;
use cgo::github::repositories::Wanted;
use cgo::github::retry::Policy;
use cgo::github::{Access, Client, Error, FullName, Timers};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::routes::{LOGIN, ORGANIZATION};
use super::server::{GitHub, Reply, TOKEN, Turn};

pub fn go() -> CancellationToken {
    CancellationToken::new()
}

/// Quick where it waits of its own accord, patient where a busy machine is slow.
fn policy() -> Policy {
    let short = Duration::from_millis(2);
    Policy { attempts: 4, wait: short, longest: short, secondary: short, deadline: Duration::from_mins(2) }
}

pub fn client(access: &Access) -> Client {
    let long = Duration::from_secs(30);
    Client::with(access, Timers { connect: long, head: long, body: long }, policy()).expect("a client")
}

pub fn named(name: &str) -> FullName {
    name.parse().expect("a name")
}

fn wanted(owner: Option<&str>) -> Wanted {
    Wanted {
        owner: owner.map(|owner| OwnerName::parse(owner).unwrap()),
        name: RepositoryName::parse("notes-api").unwrap(),
        description: "Notes\tof \u{1b}[31mmine".to_owned(),
        visibility: Visibility::Private,
        mark: "prj-0123456789ab".to_owned(),
    }
}

/// Neither what an error says nor what it holds shows the token.
fn assert_silent(error: &Error) {
    let shown = format!("{error} {error:?} {:?}", error.advice());
    assert!(!shown.contains(TOKEN), "{shown}");
}

#[tokio::test]
async fn a_token_says_whose_it_is_and_what_it_may_do_where_github_tells() {
    let github = GitHub::start();
    let client = client(&github.access());
    let me = client.me(&go()).await.unwrap();
    assert_eq!((me.login.as_str(), me.expires_at), (LOGIN, None));
    assert_eq!(me.scopes, Some(vec!["repo".to_owned(), "workflow".to_owned()]));
    github.world().scopes = Some(String::new());
    assert_eq!(client.me(&go()).await.unwrap().scopes, Some(Vec::new()));
    github.world().scopes = None;
    let fine = client.me(&go()).await.unwrap();
    assert_eq!(fine.scopes, None);
    assert_eq!(fine.expires_at.as_deref(), Some("2027-01-31 00:00:00 UTC"));
    github.assert_content();
}

#[tokio::test]
async fn a_wrong_token_is_tried_once_and_its_variable_is_named() {
    let github = GitHub::start();
    for owner in [None, Some(ORGANIZATION)] {
        let before = github.lines().len();
        let client = client(&github.access_with("ghp_wrong0000000000"));
        let error = client.make_repository(&wanted(owner), &go()).await.unwrap_err();
        assert_eq!(error, Error::TokenRefused { variable: "GITHUB_TOKEN", said: "Bad credentials".to_owned() });
        assert!(!format!("{error} {error:?}").contains("ghp_wrong"), "{error:?}");
        assert_eq!(github.lines().len() - before, 1);
    }
    github.assert_content();
}

#[tokio::test]
async fn limits_that_end_soon_are_waited_for_and_others_are_told_at_once() {
    let github = GitHub::start();
    let client = client(&github.access());
    let said = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
    for reply in [
        Reply::refusal(403, said).header("retry-after", "0"),
        Reply::refusal(429, said),
        Reply::refusal(403, "You have triggered an abuse detection mechanism. Please retry your request again later."),
    ] {
        github.turn("GET /user", Turn::Says(reply));
    }
    client.me(&go()).await.unwrap();
    assert_eq!(github.count("GET /user"), 4, "three refusals are waited out");

    let used_up = Reply::refusal(403, "API rate limit exceeded for user ID 1.")
        .header("date", "Sun, 06 Nov 1994 08:49:37 GMT")
        .header("x-ratelimit-remaining", "0")
        .header("x-ratelimit-reset", "784115377");
    github.turn("GET /user", Turn::Says(used_up));
    let error = client.me(&go()).await.unwrap_err();
    let after = Some(Duration::from_secs(3601));
    assert!(
        matches!(&error, Error::RateLimited { secondary: false, after: found, .. } if *found == after),
        "{error:?}"
    );
    assert_eq!(github.count("GET /user"), 5, "an hour is not waited for");
    assert!(format!("{:?}", error.advice()).contains("3601 s"), "{:?}", error.advice());
    github.assert_content();
}

#[tokio::test]
async fn failures_that_pass_are_asked_about_again_and_those_that_stay_are_told_in_the_end() {
    let github = GitHub::start();
    let client = client(&github.access());
    let page = Reply::text(502, "<html><title>Unicorn! GitHub</title></html>");
    github.turn("GET /user", Turn::Says(page.clone()));
    github.turn("GET /user", Turn::Breaks);
    client.me(&go()).await.unwrap();
    assert_eq!(github.count("GET /user"), 3);
    for _ in 0..4 {
        github.turn("GET /user", Turn::Says(page.clone()));
    }
    let error = client.me(&go()).await.unwrap_err();
    assert_eq!(error, Error::Upstream { status: 502, said: "Unicorn! GitHub".to_owned() });
    assert_eq!(github.count("GET /user"), 7);
    github.assert_content();
}

#[tokio::test]
async fn what_is_not_github_is_told_from_it_and_a_token_that_comes_back_is_not_shown() {
    let github = GitHub::start();
    let client = client(&github.access());
    let rows = [
        Reply::text(200, "<html><title>Sign in to the network</title></html>"),
        Reply::json(200, &json!({ "hello": format!("Bearer {TOKEN}") })),
        Reply::json(200, &json!([])),
        Reply::text(404, "<html><title>404 Not Found</title></html>"),
    ];
    for reply in rows {
        github.turn("GET /user", Turn::Says(reply.clone()));
        let error = client.me(&go()).await.unwrap_err();
        assert!(matches!(error, Error::NotGitHub { .. }), "{reply:?}: {error:?}");
        assert_silent(&error);
    }
    for status in [400, 403, 418, 422] {
        github.turn("GET /user", Turn::Says(Reply::refusal(status, &format!("bad header: Bearer {TOKEN}"))));
        assert_silent(&client.me(&go()).await.unwrap_err());
    }
    github.assert_content();
}

#[tokio::test]
async fn a_repository_is_made_private_and_found_again_by_its_mark() {
    let github = GitHub::start();
    let client = client(&github.access());
    let made = client.make_repository(&wanted(None), &go()).await.unwrap();
    assert_eq!(made.full_name, "mona/notes-api");
    assert_eq!(made.description.as_deref(), Some("Notes of mine (cgo prj-0123456789ab)"));
    assert!(made.private);
    assert_eq!(client.make_repository(&wanted(None), &go()).await.unwrap(), made);
    assert_eq!(client.make_repository(&wanted(Some("MONA")), &go()).await.unwrap(), made, "letters differ by more");
    assert_eq!(github.count("POST /user/repos"), 1);

    let of_all = Wanted { visibility: Visibility::Public, ..wanted(Some(ORGANIZATION)) };
    let made = client.make_repository(&of_all, &go()).await.unwrap();
    assert_eq!((made.full_name.as_str(), made.private), ("octo-org/notes-api", false));
    let error = client.make_repository(&wanted(Some("strangers")), &go()).await.unwrap_err();
    assert_eq!(error, Error::NotFound { what: "organization `strangers`".to_owned() });
    github.assert_content();
}

#[tokio::test]
async fn the_name_of_somebody_elses_repository_is_taken_and_left_alone() {
    let github = GitHub::start();
    let client = client(&github.access());
    github.add("mona/notes-api", "another one (cgo prj-0123456789ac)");
    let error = client.make_repository(&wanted(None), &go()).await.unwrap_err();
    assert_eq!(error, Error::NameTaken { full_name: "mona/notes-api".to_owned() });
    assert_eq!(github.count("POST /user/repos"), 0);
    // The same where it is not seen before it is made.
    github.turn("GET /repos/mona/notes-api", Turn::Says(Reply::refusal(404, "Not Found")));
    let error = client.make_repository(&wanted(None), &go()).await.unwrap_err();
    assert_eq!(error, Error::NameTaken { full_name: "mona/notes-api".to_owned() });
    assert_eq!(github.count("POST /user/repos"), 1);
    github.assert_content();
}

#[tokio::test]
async fn a_repository_whose_making_got_no_answer_is_looked_for_and_not_made_twice() {
    let github = GitHub::start();
    let client = client(&github.access());
    github.turn("POST /user/repos", Turn::DoesAndBreaks);
    let made = client.make_repository(&wanted(None), &go()).await.unwrap();
    assert_eq!(made.full_name, "mona/notes-api");
    assert_eq!(github.count("POST /user/repos"), 1);

    let other = Wanted { name: RepositoryName::parse("other").unwrap(), ..wanted(None) };
    for turn in [Turn::Breaks, Turn::Says(Reply::text(504, "<html></html>"))] {
        let before = github.count("POST /user/repos");
        github.turn("POST /user/repos", turn);
        let error = client.make_repository(&other, &go()).await.unwrap_err();
        assert!(matches!(error, Error::Unknown { .. }), "{error:?}");
        assert_eq!(error.kind(), Kind::Unknown);
        assert_eq!(github.count("POST /user/repos"), before + 1, "what may have been done is not done again");
    }
    assert_eq!(client.make_repository(&other, &go()).await.unwrap().full_name, "mona/other");
    github.assert_content();
}

#[tokio::test]
async fn a_repository_that_moved_is_followed_on_the_same_machine_and_the_token_goes_to_no_other() {
    let github = GitHub::start();
    let stranger = GitHub::start();
    let client = client(&github.access());
    github.add("mona/new-name", "renamed (cgo prj-0123456789ab)");
    let id = github.world().repositories["mona/new-name"]["id"].as_u64().unwrap();
    github.world().moved.insert("mona/notes-api".to_owned(), id);
    let found = client.repository(&named("mona/notes-api"), &go()).await.unwrap();
    assert_eq!(found.full_name, "mona/new-name");
    // The mark says that it is the one, whatever it is called now.
    assert_eq!(client.make_repository(&wanted(None), &go()).await.unwrap().full_name, "mona/new-name");
    // Without it, the old name is free.
    github.world().repositories.get_mut("mona/new-name").unwrap()["description"] = json!("mine");
    assert_eq!(client.make_repository(&wanted(None), &go()).await.unwrap().full_name, "mona/notes-api");

    for status in [301, 302, 307, 308] {
        let away = Reply::refusal(status, "Moved").header("location", &format!("{}/user", stranger.base()));
        github.turn("GET /user", Turn::Says(away));
        let error = client.me(&go()).await.unwrap_err();
        assert!(matches!(&error, Error::Elsewhere { to } if to.starts_with(&stranger.base())), "{error:?}");
    }
    for _ in 0..4 {
        let round = Reply::refusal(301, "Moved").header("location", "/user");
        github.turn("GET /user", Turn::Says(round));
    }
    assert!(matches!(client.me(&go()).await.unwrap_err(), Error::NotGitHub { .. }));
    assert_eq!(stranger.lines(), Vec::<String>::new());
    github.assert_content();
}

#[tokio::test]
async fn addresses_on_another_machine_are_not_taken_from_an_answer() {
    let github = GitHub::start();
    let client = client(&github.access());
    github.add("mona/notes-api", "");
    for (field, url) in [("clone_url", "https://evil.example/mona/notes-api.git"), ("html_url", "javascript:alert(1)")]
    {
        let good = github.world().repositories["mona/notes-api"].clone();
        github.world().repositories.get_mut("mona/notes-api").unwrap()[field] = json!(url);
        let error = client.repository(&named("mona/notes-api"), &go()).await.unwrap_err();
        assert!(matches!(error, Error::Elsewhere { .. }), "{error:?}");
        github.world().repositories.insert("mona/notes-api".to_owned(), good);
    }
    github.assert_content();
}

#[tokio::test]
async fn an_archived_repository_of_the_project_takes_no_changes() {
    let github = GitHub::start();
    github.add("mona/notes-api", "(cgo prj-0123456789ab)");
    github.world().repositories.get_mut("mona/notes-api").unwrap()["archived"] = json!(true);
    let error = client(&github.access()).make_repository(&wanted(None), &go()).await.unwrap_err();
    assert_eq!(error, Error::Archived { full_name: "mona/notes-api".to_owned() });
}

#[tokio::test]
async fn a_question_that_nobody_wants_answered_any_more_ends_at_once() {
    let github = GitHub::start();
    let client = client(&github.access());
    github.turn("GET /user", Turn::Waits);
    let cancel = go();
    let asking = client.me(&cancel);
    let cancelling = async {
        while github.lines().is_empty() {
            tokio::task::yield_now().await;
        }
        cancel.cancel();
    };
    let (answer, ()) = tokio::join!(asking, cancelling);
    assert_eq!(answer.unwrap_err(), Error::Cancelled);
}

#[tokio::test]
async fn without_a_server_the_address_is_named() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let access = Access::from_env(&base, |_| Some(TOKEN.to_owned()));
    let error = client(&access).me(&go()).await.unwrap_err();
    assert!(matches!(&error, Error::Network { sent: false, .. }), "{error:?}");
    assert!(error.to_string().contains(&base), "{error}");
    assert_silent(&error);
}
