//! Lists, files, branches and workflow runs, as they stand in real repositories.

use cgo::domain::names::{BranchName, OwnerName};
use cgo::github::Error;
use cgo::github::contents::Entry;
use cgo::github::runs::Verdict;
use serde_json::json;

use super::api::{client, go, named};
use super::pushing::Folder;
use super::routes::ORGANIZATION;
use super::server::{GitHub, Reply, Turn};
use crate::support::env::tools_are_here;
use crate::support::git::git;

#[tokio::test]
async fn lists_go_on_over_their_pages_and_say_when_they_were_cut() {
    if !tools_are_here() {
        return;
    }
    let github = GitHub::start();
    let client = client(&github.access());
    for number in 0..105 {
        let name = format!("mona/r{number:03}");
        let shown = json!({ "full_name": name, "private": false, "html_url": github.base() + "/x", "clone_url": github.base() + "/x.git" });
        github.world().repositories.insert(name, shown);
    }
    github.add("octo-org/theirs", "");
    let all = client.repositories(None, 200, &go()).await.unwrap();
    assert_eq!((all.items.len(), all.more), (106, false));
    let some = client.repositories(None, 102, &go()).await.unwrap();
    assert_eq!((some.items.len(), some.more), (102, true));
    let asked = github.lines().len();
    let first = client.repositories(None, 100, &go()).await.unwrap();
    assert_eq!((first.items.len(), first.more, github.lines().len() - asked), (100, true, 1));
    let of = |name: &str| OwnerName::parse(name).unwrap();
    assert_eq!(client.repositories(Some(&of("mona")), 200, &go()).await.unwrap().items.len(), 105);
    let theirs = client.repositories(Some(&of(ORGANIZATION)), 200, &go()).await.unwrap();
    assert_eq!(theirs.items[0].full_name, "octo-org/theirs");
    assert_eq!(client.repositories(Some(&of("nobody")), 5, &go()).await.unwrap().items, []);

    let stranger = GitHub::start();
    let away = format!("<{}/user/repos?page=2>; rel=\"next\"", stranger.base());
    let page = json!([{ "full_name": "a/b", "private": true, "html_url": github.base() + "/x", "clone_url": github.base() + "/x.git" }]);
    github.turn("GET /user/repos", Turn::Says(Reply::json(200, &page).header("link", &away)));
    let error = client.repositories(None, 200, &go()).await.unwrap_err();
    assert!(matches!(error, Error::Elsewhere { .. }), "{error:?}");
    assert_eq!(stranger.lines(), Vec::<String>::new());
    github.assert_content();
}

#[tokio::test]
async fn files_folders_and_branches_are_read_as_they_are() {
    if !tools_are_here() {
        return;
    }
    let github = GitHub::start();
    let client = client(&github.access());
    let bare = github.add("mona/notes-api", "");
    let name = named("mona/notes-api");
    let empty = client.tree(&name, "HEAD", &go()).await.unwrap_err();
    assert_eq!(empty, Error::Empty { full_name: "mona/notes-api".to_owned() });
    let main = BranchName::parse("main").unwrap();
    assert_eq!(client.branch(&name, &main, &go()).await.unwrap(), None);

    let folder = Folder::new().await;
    let text = "привет\n".repeat(40);
    folder.write("app/main.py", &text);
    folder.write("app/deep/x.txt", "");
    folder.write("big.bin", &"x".repeat(1024 * 1024 + 1));
    let sha = folder.commit("begin").await;
    let to = bare.display().to_string();
    git(folder.path(), &["push", "--quiet", &to, "HEAD:main", "HEAD:feature/x"]);

    let found = client.contents(&name, "app/main.py", None, &go()).await.unwrap();
    assert_eq!(found, Entry::File { size: text.len() as u64, bytes: text.into_bytes() });
    let listed = client.contents(&name, "app", Some("feature/x"), &go()).await.unwrap();
    assert_eq!(listed, Entry::Folder { entries: vec!["deep/".to_owned(), "main.py".to_owned()] });
    let long = client.contents(&name, "big.bin", Some(sha.as_str()), &go()).await.unwrap();
    assert_eq!(long, Entry::TooLong { size: 1024 * 1024 + 1 });
    for missing in ["nothing", "../../../user", "app/../../../../user"] {
        let error = client.contents(&name, missing, None, &go()).await.unwrap_err();
        assert_eq!(error, Error::NotFound { what: format!("file `{missing}` in `mona/notes-api`") });
    }
    assert!(!github.lines().contains(&"GET /user".to_owned()), "a path leaves its repository");
    let tree = client.tree(&name, "feature/x", &go()).await.unwrap();
    assert_eq!(tree.files, ["app/deep/x.txt", "app/main.py", "big.bin"]);
    let branches = client.branches(&name, 50, &go()).await.unwrap();
    let names: Vec<(&str, &str)> =
        branches.items.iter().map(|branch| (branch.name.as_str(), branch.sha.as_str())).collect();
    assert_eq!(names, [("feature/x", sha.as_str()), ("main", sha.as_str())]);
    let feature = BranchName::parse("feature/x").unwrap();
    assert_eq!(client.branch(&name, &feature, &go()).await.unwrap().as_deref(), Some(sha.as_str()));
    let private = client.repository(&named("mona/hidden"), &go()).await.unwrap_err();
    assert!(private.to_string().ends_with("or the token has no access to it"), "{private}");
    github.assert_content();
}

#[tokio::test]
async fn workflows_speak_for_the_commit_they_ran_on() {
    if !tools_are_here() {
        return;
    }
    let github = GitHub::start();
    let client = client(&github.access());
    github.add("mona/notes-api", "");
    let name = named("mona/notes-api");
    let (sha, other) = ("a".repeat(40), "b".repeat(40));
    let run = |id: u64, sha: &str, status: &str, conclusion: Option<&str>| json!({ "id": id, "workflow_id": 7, "name": "CI", "event": "push", "status": status, "conclusion": conclusion, "html_url": github.base() + "/runs", "head_sha": sha, "a_new_field": {} });
    let nothing = client.checks(&name, &sha, &go()).await.unwrap();
    assert_eq!((nothing.verdict, nothing.runs.len()), (Verdict::NotVerified, 0));
    github.world().runs =
        vec![run(1, &sha, "completed", Some("failure")), run(2, &other, "completed", Some("success"))];
    assert_eq!(client.checks(&name, &sha, &go()).await.unwrap().verdict, Verdict::Failed);
    github.world().runs.push(run(3, &sha, "in_progress", None));
    assert_eq!(client.checks(&name, &sha, &go()).await.unwrap().verdict, Verdict::Running, "the newer run counts");
    github.world().runs[2] = run(3, &sha, "completed", Some("success"));
    assert_eq!(client.checks(&name, &sha, &go()).await.unwrap().verdict, Verdict::Passed);
    github.assert_content();
}
