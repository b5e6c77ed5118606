//! Pushing to git's own server over HTTP, with the token where it belongs and nowhere else.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use cgo::domain::diagnose::{Diagnose as _, Kind};
use cgo::domain::names::BranchName;
use cgo::net::Key;
use cgo::workspace::git::push::{Pushed, Refusal, Remote};
use cgo::workspace::git::{Error, Repository, Sha};
use tempfile::TempDir;

use super::api::go;
use super::server::{BASIC, GitHub, Reply, TOKEN, Turn};
use crate::support::env::tools_are_here;
use crate::support::git::git;

/// A project's folder.
pub struct Folder {
    home: TempDir,
    repository: Repository,
}

impl Folder {
    pub async fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let repository = Repository::init_or_open(&home.path().join("a ünï/проект"), &go()).await.unwrap();
        Self { home, repository }
    }

    pub fn path(&self) -> &Path {
        self.repository.folder()
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub async fn commit(&self, key: &str) -> Sha {
        self.repository.commit_all("work", key, None, &go()).await.unwrap().sha
    }

    fn scratch(&self) -> PathBuf {
        self.home.path().join("scratch/push")
    }

    async fn push(&self, remote: &Remote, sha: &Sha, branch: &str) -> Result<Pushed, Error> {
        let branch = BranchName::parse(branch).unwrap();
        self.repository.push(remote, sha, &branch, &self.scratch(), &go()).await
    }

    async fn stands(&self, remote: &Remote, branch: &str) -> Option<Sha> {
        let branch = BranchName::parse(branch).unwrap();
        self.repository.remote_branch(remote, &branch, &self.scratch(), &go()).await.unwrap()
    }
}

fn remote(github: &GitHub, name: &str) -> Remote {
    Remote::new(&format!("{}/{name}.git", github.base()), Key::new(TOKEN)).unwrap()
}

fn why(pushed: Result<Pushed, Error>) -> Refusal {
    let error = pushed.unwrap_err();
    assert!(!format!("{error} {error:?} {:?}", error.advice()).contains(TOKEN), "{error:?}");
    match error {
        Error::Remote { why, .. } => why,
        other => panic!("{other:?}"),
    }
}

/// Every file under a folder with its bytes.
pub fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if kind.is_dir() {
            found.extend(files(&path));
        } else if kind.is_file() {
            found.push((path.clone(), std::fs::read(&path).unwrap()));
        }
    }
    found
}

/// The token is in no file of a folder, in no spelling.
pub fn assert_clean(folder: &Path) {
    for (path, bytes) in files(folder) {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(TOKEN) && !text.contains(BASIC), "the token stands in {}", path.display());
    }
}

/// A hook on the server's side.
fn hook(bare: &Path, script: &str) {
    let hook = bare.join("hooks/pre-receive");
    std::fs::create_dir_all(bare.join("hooks")).unwrap();
    std::fs::write(&hook, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn a_commit_is_pushed_once_and_the_token_is_in_no_argument_and_no_file() {
    if !tools_are_here() {
        return;
    }
    let github = GitHub::start();
    github.add("mona/notes-api", "");
    let (folder, remote) = (Folder::new().await, remote(&github, "mona/notes-api"));
    // Longer than what git sends in one piece.
    let numbers: Vec<String> = (0..200_000_u64).map(|number| (number * 7_919_777).to_string()).collect();
    folder.write("long", &numbers.join("\n"));
    folder.write(".github/workflows/ci.yml", "on: push\n");
    let first = folder.commit("k1").await;
    assert_eq!(folder.stands(&remote, "main").await, None);
    assert_eq!(folder.push(&remote, &first, "main").await.unwrap(), Pushed::Moved);
    assert_eq!(folder.stands(&remote, "main").await.as_ref(), Some(&first));
    assert_eq!(folder.push(&remote, &first, "main").await.unwrap(), Pushed::Unchanged);
    folder.write("b", "2");
    let second = folder.commit("k2").await;
    assert_eq!(folder.push(&remote, &second, "main").await.unwrap(), Pushed::Moved);
    assert_eq!(folder.push(&remote, &second, "feature/заметки").await.unwrap(), Pushed::Moved);
    let bare = github.bare("mona/notes-api");
    assert_eq!(git(&bare, &["rev-parse", "main", "feature/заметки"]), format!("{second}\n{second}"));
    assert!(!folder.scratch().exists(), "what git worked in stays");
    assert_clean(folder.home.path());
    assert_clean(&bare);
    assert!(github.world().gits > 0, "no git was seen at work, so nobody looked at its arguments");
    github.assert_content();

    folder.repository.set_origin(&remote, &go()).await.unwrap();
    assert_eq!(git(folder.path(), &["remote", "get-url", "origin"]), remote.url());
    git(folder.path(), &["remote", "set-url", "origin", "https://example.com/mine.git"]);
    folder.repository.set_origin(&remote, &go()).await.unwrap();
    assert_eq!(git(folder.path(), &["remote", "get-url", "origin"]), "https://example.com/mine.git");
}

#[tokio::test]
async fn what_others_pushed_is_never_overwritten() {
    if !tools_are_here() {
        return;
    }
    let github = GitHub::start();
    github.add("mona/notes-api", "");
    let remote = remote(&github, "mona/notes-api");
    let theirs = Folder::new().await;
    theirs.write("a", "theirs");
    let their_sha = theirs.commit("k").await;
    theirs.push(&remote, &their_sha, "main").await.unwrap();
    let ours = Folder::new().await;
    ours.write("a", "ours");
    let our_sha = ours.commit("k").await;
    assert_eq!(why(ours.push(&remote, &our_sha, "main").await), Refusal::NotFastForward);
    assert_eq!(ours.stands(&remote, "main").await, Some(their_sha));
    // Back to an older commit is no way forward either.
    theirs.write("b", "more");
    let newer = theirs.commit("k2").await;
    theirs.push(&remote, &newer, "main").await.unwrap();
    let older = Sha::parse(&git(theirs.path(), &["rev-parse", "HEAD~1"])).unwrap();
    assert_eq!(why(theirs.push(&remote, &older, "main").await), Refusal::NotFastForward);
    assert_eq!(theirs.stands(&remote, "main").await, Some(newer));
    let unknown = Sha::parse(&"0".repeat(40)).unwrap();
    assert!(matches!(ours.push(&remote, &unknown, "main").await, Err(Error::NoCommit { .. })));
    github.assert_content();
}

#[tokio::test]
async fn refusals_of_the_server_are_told_apart() {
    if !tools_are_here() {
        return;
    }
    let github = GitHub::start();
    let bare = github.add("mona/notes-api", "");
    let (folder, good) = (Folder::new().await, remote(&github, "mona/notes-api"));
    folder.write("a", "1");
    let sha = folder.commit("k").await;
    let wrong = Remote::new(good.url(), Key::new("ghp_wrong0000000000")).unwrap();
    assert_eq!(why(folder.push(&wrong, &sha, "main").await), Refusal::Key);
    assert_eq!(why(folder.push(&remote(&github, "mona/missing"), &sha, "main").await), Refusal::NotFound);
    for (script, want) in [
        ("echo 'error: GH006: Protected branch update failed for refs/heads/main.' >&2; exit 1", Refusal::Protected),
        (
            "echo 'error: GH013: Repository rule violations found' >&2; echo '- GITHUB PUSH PROTECTION' >&2; exit 1",
            Refusal::Secret,
        ),
        ("echo 'error: GH001: Large files detected.' >&2; exit 1", Refusal::TooLarge),
        ("exit 1", Refusal::Declined),
    ] {
        hook(&bare, script);
        assert_eq!(why(folder.push(&good, &sha, "main").await), want, "{script}");
    }
    std::fs::remove_file(bare.join("hooks/pre-receive")).unwrap();
    let info = "GET /mona/notes-api.git/info/refs";
    let stranger = GitHub::start();
    let away = Reply::text(301, "").header("location", &format!("{}/mona/notes-api.git/info/refs", stranger.base()));
    for (reply, want) in [
        (Reply::text(403, "Permission to mona/notes-api.git denied to mona."), Refusal::Forbidden),
        (Reply::text(503, ""), Refusal::Unreachable),
        (away, Refusal::Moved),
    ] {
        github.turn(info, Turn::Says(reply));
        assert_eq!(why(folder.push(&good, &sha, "main").await), want);
    }
    assert_eq!(stranger.lines(), Vec::<String>::new(), "neither the token nor the commit goes elsewhere");
    assert_eq!(folder.push(&good, &sha, "main").await.unwrap(), Pushed::Moved);
    github.assert_content();
}

#[tokio::test]
async fn a_push_without_an_answer_is_unknown_and_asking_tells() {
    if !tools_are_here() {
        return;
    }
    let github = GitHub::start();
    github.add("mona/notes-api", "");
    let (folder, remote) = (Folder::new().await, remote(&github, "mona/notes-api"));
    folder.write("a", "1");
    let sha = folder.commit("k").await;
    let line = "POST /mona/notes-api.git/git-receive-pack";
    github.turn(line, Turn::Breaks);
    let error = folder.push(&remote, &sha, "main").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unknown, "{error:?}");
    assert_eq!(folder.stands(&remote, "main").await, None);
    github.turn(line, Turn::DoesAndBreaks);
    assert_eq!(why(folder.push(&remote, &sha, "main").await), Refusal::Unknown);
    assert_eq!(folder.stands(&remote, "main").await.as_ref(), Some(&sha));
    assert_eq!(folder.push(&remote, &sha, "main").await.unwrap(), Pushed::Unchanged);
    github.assert_content();
}

#[tokio::test]
async fn nothing_the_repository_configures_takes_part_in_a_push() {
    if !tools_are_here() {
        return;
    }
    let (github, thief) = (GitHub::start(), GitHub::start());
    github.add("mona/notes-api", "");
    thief.add("mona/notes-api", "");
    let (folder, remote) = (Folder::new().await, remote(&github, "mona/notes-api"));
    folder.write("a", "1");
    let sha = folder.commit("k").await;
    let (trap, witness) = (folder.home.path().join("trap"), folder.home.path().join("witness"));
    std::fs::write(&trap, format!("#!/bin/sh\nenv > '{}'\nexit 1\n", witness.display())).unwrap();
    std::fs::set_permissions(&trap, std::fs::Permissions::from_mode(0o755)).unwrap();
    let hooks = folder.path().join(".git/hooks");
    std::fs::create_dir_all(&hooks).unwrap();
    for name in ["pre-push", "reference-transaction"] {
        std::fs::copy(&trap, hooks.join(name)).unwrap();
    }
    let trap = trap.to_str().unwrap();
    for (key, value) in [
        (format!("url.{}/.insteadOf", thief.base()), format!("{}/", github.base())),
        (format!("url.{}/.pushInsteadOf", thief.base()), format!("{}/", github.base())),
        ("http.proxy".to_owned(), thief.base()),
        ("http.extraHeader".to_owned(), "x-stolen: 1".to_owned()),
        ("http.followRedirects".to_owned(), "true".to_owned()),
        ("credential.helper".to_owned(), trap.to_owned()),
        (format!("credential.{}.helper", github.base()), trap.to_owned()),
        ("core.askPass".to_owned(), trap.to_owned()),
        ("core.fsmonitor".to_owned(), trap.to_owned()),
        ("push.default".to_owned(), "matching".to_owned()),
        ("push.gpgSign".to_owned(), "true".to_owned()),
        ("gpg.program".to_owned(), trap.to_owned()),
    ] {
        git(folder.path(), &["config", &key, &value]);
    }
    assert_eq!(folder.push(&remote, &sha, "main").await.unwrap(), Pushed::Moved);
    assert!(!witness.exists(), "{}", std::fs::read_to_string(&witness).unwrap_or_default());
    assert_eq!(thief.lines(), Vec::<String>::new());
    assert!(github.world().asked.iter().all(|asked| asked.header("x-stolen").is_none()));
    github.assert_content();
}
