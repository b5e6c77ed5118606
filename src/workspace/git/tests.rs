use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command as Std;

use std::time::Duration;

use tempfile::TempDir;

use super::worktree::Merged;
use super::*;

#[path = "../../../tests/it/support/git.rs"]
mod helper;

use helper::git;

fn go() -> CancellationToken {
    CancellationToken::new()
}

async fn repository() -> (TempDir, Repository) {
    let home = tempfile::tempdir().unwrap();
    let repository = Repository::init_or_open(&home.path().join("a ünï/проект"), &go()).await.unwrap();
    (home, repository)
}

fn write(repository: &Repository, name: &str, text: &str) {
    let path = repository.folder().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[tokio::test]
async fn a_folder_becomes_a_repository_with_one_commit_for_a_key() {
    let (_home, repository) = repository().await;
    assert_eq!(repository.head(&go()).await.unwrap(), None);
    assert_eq!(repository.find_commit_by_effect("run-1:commit", &go()).await.unwrap(), None);
    write(&repository, "src/заметки и.txt", "x\r\ny\n");
    assert_eq!(repository.changed_files(&go()).await.unwrap()[0].path, Path::new("src/заметки и.txt"));
    let first = repository.commit_all("# scaffold the project\n\nbody\n", "run-1:commit", None, &go()).await.unwrap();
    assert_eq!(first.origin, Origin::Made);
    assert!(repository.is_clean(&go()).await.unwrap());
    write(&repository, "later", "z");
    let again = repository.commit_all("scaffold", "run-1:commit", None, &go()).await.unwrap();
    assert_eq!(again, Commit { sha: first.sha.clone(), origin: Origin::Found });
    assert_eq!(repository.head(&go()).await.unwrap(), Some(first.sha.clone()));
    let message = git(repository.folder(), &["log", "-1", "--format=%B"]);
    assert_eq!(message, "# scaffold the project\n\nbody\n\nCgo-Effect: run-1:commit");
    assert_eq!(git(repository.folder(), &["symbolic-ref", "HEAD"]), "refs/heads/main");
    assert_eq!(git(repository.folder(), &["show", "HEAD:src/заметки и.txt"]), "x\r\ny");
    let second = repository.commit_all("implement", "run-1:implement", None, &go()).await.unwrap();
    assert_ne!(second.sha, first.sha);
    assert_eq!(repository.find_commit_by_effect("run-1:commit", &go()).await.unwrap(), Some(first.sha));
}

#[tokio::test]
async fn nothing_new_is_no_new_commit_but_an_empty_project_still_gets_one() {
    let (_home, repository) = repository().await;
    let empty = repository.commit_all("begin", "a", None, &go()).await.unwrap();
    assert_eq!(empty.origin, Origin::Made);
    let same = repository.commit_all("go on", "b", None, &go()).await.unwrap();
    assert_eq!(same, Commit { sha: empty.sha, origin: Origin::Unchanged });
}

#[tokio::test]
async fn a_key_is_found_only_as_a_whole_and_only_in_the_trailer() {
    let (_home, repository) = repository().await;
    write(&repository, "a", "1");
    repository.commit_all("says Cgo-Effect: k1\nin its text", "k10", None, &go()).await.unwrap();
    assert_eq!(repository.find_commit_by_effect("k1", &go()).await.unwrap(), None);
    git(repository.folder(), &["checkout", "--quiet", "-b", "side"]);
    write(&repository, "b", "1");
    let side = repository.commit_all("on a branch", "k1", None, &go()).await.unwrap();
    git(repository.folder(), &["checkout", "--quiet", "main"]);
    assert_eq!(repository.find_commit_by_effect("k1", &go()).await.unwrap(), Some(side.sha));
    for bad in ["", " k", "a\nCgo-Effect: b", "\u{7}", &"k".repeat(201)] {
        assert!(matches!(repository.find_commit_by_effect(bad, &go()).await, Err(Error::BadKey { .. })), "{bad:?}");
    }
}

#[tokio::test]
async fn the_author_is_named_and_ignored_files_stay_out() {
    let (_home, repository) = repository().await;
    write(&repository, ".gitignore", "secret.env\n");
    write(&repository, "secret.env", "K=v");
    let author = Author { name: "Ада".to_owned(), email: "ada@example.org".to_owned() };
    repository.commit_all("begin", "k", Some(&Stamp { author, at: 1_700_000_000 }), &go()).await.unwrap();
    assert_eq!(
        git(repository.folder(), &["log", "-1", "--format=%an <%ae> %at %ct"]),
        "Ада <ada@example.org> 1700000000 1700000000"
    );
    assert_eq!(git(repository.folder(), &["ls-files"]), ".gitignore");
}

#[tokio::test]
async fn a_repository_around_the_folder_is_not_meant() {
    let home = tempfile::tempdir().unwrap();
    git(home.path(), &["init", "--quiet"]);
    let folder = home.path().join("inner");
    fs::create_dir(&folder).unwrap();
    assert!(matches!(Repository::open(&folder), Err(Error::NotARepository { .. })));
    let inner = Repository::init_or_open(&folder, &go()).await.unwrap();
    write(&inner, "a", "1");
    inner.commit_all("begin", "k", None, &go()).await.unwrap();
    assert_eq!(git(&folder, &["rev-list", "--count", "HEAD"]), "1");
    assert_eq!(git(home.path(), &["rev-list", "--count", "--all"]), "0");
    assert!(Repository::open(&folder).is_ok());
}

#[tokio::test]
async fn what_the_repository_itself_configures_runs_no_program() {
    let (home, repository) = repository().await;
    let trap = home.path().join("trap");
    let witness = home.path().join("witness");
    fs::write(&trap, format!("#!/bin/sh\ntouch '{}'\nexit 1\n", witness.display())).unwrap();
    fs::set_permissions(&trap, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let hooks = repository.folder().join(".git/hooks");
    fs::create_dir_all(&hooks).unwrap();
    for hook in
        ["pre-commit", "commit-msg", "prepare-commit-msg", "post-commit", "reference-transaction", "post-index-change"]
    {
        fs::copy(&trap, hooks.join(hook)).unwrap();
    }
    let path = trap.to_str().unwrap();
    for (key, value) in [
        ("core.fsmonitor", path),
        ("gpg.program", path),
        ("commit.gpgSign", "true"),
        ("core.editor", path),
        ("core.autocrlf", "true"),
        ("commit.template", "/nonexistent"),
        ("log.showSignature", "true"),
    ] {
        git(repository.folder(), &["config", key, value]);
    }
    write(&repository, "a", "1\n");
    let made = repository.commit_all("begin", "k", None, &go()).await.unwrap();
    assert_eq!(made.origin, Origin::Made);
    assert!(repository.is_clean(&go()).await.unwrap());
    repository.export(&made.sha, &home.path().join("out"), &go()).await.unwrap();
    assert!(!witness.exists(), "a program the repository names was run");
}

#[tokio::test]
async fn locks_of_a_killed_git_go_when_they_are_ours_and_stay_when_they_are_not() {
    let (_home, repository) = repository().await;
    write(&repository, "a", "1");
    let lock = repository.folder().join(".git/index.lock");
    fs::write(&lock, "").unwrap();
    let error = repository.commit_all("begin", "k", None, &go()).await.unwrap_err();
    assert!(matches!(&error, Error::ForeignLock { lock: named } if *named == lock), "{error}");
    assert!(lock.exists());
    fs::write(repository.folder().join(".git/cgo-writes"), "1").unwrap();
    fs::write(repository.folder().join(".git/refs/heads/main.lock"), "").unwrap();
    repository.commit_all("begin", "k", None, &go()).await.unwrap();
    assert!(!lock.exists() && !repository.folder().join(".git/cgo-writes").exists());
}

#[tokio::test]
async fn an_interrupted_beginning_is_completed() {
    let (_home, repository) = repository().await;
    fs::remove_file(repository.folder().join(".git/config")).unwrap();
    fs::write(repository.folder().join(".git/config.lock"), "").unwrap();
    fs::write(repository.folder().join(".git/cgo-writes"), "1").unwrap();
    assert!(matches!(Repository::open(repository.folder()), Err(Error::NotARepository { .. })));
    let again = Repository::init_or_open(repository.folder(), &go()).await.unwrap();
    write(&again, "a", "1");
    again.commit_all("begin", "k", None, &go()).await.unwrap();
}

#[tokio::test]
async fn a_living_git_is_waited_for_and_not_robbed_of_its_lock() {
    let (_home, repository) = repository().await;
    write(&repository, "a", "1");
    let lock = repository.folder().join(".git/index.lock");
    fs::write(&lock, "").unwrap();
    fs::write(repository.folder().join(".git/cgo-writes"), "1").unwrap();
    let mut living = Std::new("git")
        .args(["cat-file", "--batch"])
        .current_dir(repository.folder())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    // A lock is made by a git that runs; this one may be about to.
    while fs::read(format!("/proc/{}/cmdline", living.id())).unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let (token, key) = (go(), "k");
    let commit = repository.commit_all("begin", key, None, &token);
    tokio::pin!(commit);
    tokio::select! {
        done = &mut commit => panic!("the lock of a living git was taken: {done:?}"),
        () = tokio::time::sleep(Duration::from_millis(300)) => assert!(lock.exists()),
    }
    living.kill().unwrap();
    living.wait().unwrap();
    commit.await.unwrap();
}

#[tokio::test]
async fn an_export_holds_the_commits_files_and_nothing_else() {
    let (home, repository) = repository().await;
    write(&repository, "app/main.py", "1\n");
    write(&repository, ".gitattributes", "app export-ignore\n");
    write(&repository, "run.sh", "#!/bin/sh\n");
    fs::set_permissions(repository.folder().join("run.sh"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();
    symlink("app/main.py", repository.folder().join("inside")).unwrap();
    let sha = repository.commit_all("begin", "k", None, &go()).await.unwrap().sha;
    write(&repository, "app/main.py", "2\n");
    write(&repository, "untracked", "x");
    let into = home.path().join("releases/a b");
    fs::create_dir_all(home.path().join("releases/.a b.cgo-export/left")).unwrap();
    repository.export(&sha, &into, &go()).await.unwrap();
    assert_eq!(fs::read_to_string(into.join("inside")).unwrap(), "1\n");
    assert!(!into.join(".git").exists() && !into.join("untracked").exists() && !into.join("left").exists());
    assert_eq!(
        fs::metadata(into.join("run.sh")).unwrap().permissions(),
        fs::metadata(repository.folder().join("run.sh")).unwrap().permissions()
    );
    let others: Vec<_> = fs::read_dir(home.path().join("releases")).unwrap().collect();
    assert_eq!(others.len(), 1, "something temporary stayed: {others:?}");
    // Again: what is there is left, also when an environment stands beside it; what differs is refused.
    fs::create_dir(into.join(".venv")).unwrap();
    repository.export(&sha, &into, &go()).await.unwrap();
    fs::write(into.join("app/main.py"), "3\n").unwrap();
    let (again, never) = (home.path().join("releases/again"), go());
    let three = [(); 3].map(|()| repository.export(&sha, &again, &never));
    for done in futures_util::future::join_all(three).await {
        done.expect("each waits for its turn");
    }
    assert!(matches!(repository.export(&sha, &into, &go()).await, Err(Error::ExportExists { .. })));
    let unknown = Sha::parse(&"0".repeat(40)).unwrap();
    assert!(matches!(repository.export(&unknown, &into, &go()).await, Err(Error::NoCommit { .. })));
}

#[tokio::test]
async fn links_that_lead_out_of_an_export_are_refused() {
    for (number, links) in [
        vec![("a", "/etc/passwd")],
        vec![("a", "../outside")],
        vec![("deep/a", "../../missing")],
        vec![("d", "."), ("deep/a", "../d/../../outside")],
        vec![("a", "missing/../../outside")],
    ]
    .into_iter()
    .enumerate()
    {
        let (home, repository) = repository().await;
        fs::write(home.path().join("outside"), "").unwrap();
        for (link, target) in &links {
            let path = repository.folder().join(link);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            symlink(target, path).unwrap();
        }
        let sha = repository.commit_all("begin", "k", None, &go()).await.unwrap().sha;
        let into = home.path().join("out");
        let result = repository.export(&sha, &into, &go()).await;
        assert!(matches!(result, Err(Error::LinkLeaves { .. })), "case {number} {links:?}: {result:?}");
        assert!(!into.exists());
    }
}

#[tokio::test]
async fn a_cancelled_command_says_it_was_interrupted() {
    use crate::domain::diagnose::{Diagnose as _, Kind};
    let (_home, repository) = repository().await;
    let token = go();
    token.cancel();
    assert_eq!(repository.head(&token).await.unwrap_err().kind(), Kind::Interrupted);
}

#[test]
fn only_full_ids_are_commits() {
    for bad in ["", "main", "HEAD", "abc123", &"g".repeat(40), &"A".repeat(40), "--all"] {
        assert!(Sha::parse(bad).is_err(), "{bad:?} was accepted");
    }
    assert!(Sha::parse(&"0f".repeat(20)).is_ok() && Sha::parse(&"0f".repeat(32)).is_ok());
}

#[tokio::test]
async fn a_worktree_is_a_repository_like_any_other() {
    let (home, repository) = repository().await;
    write(&repository, "a", "1");
    let first = repository.commit_all("begin", "k1", None, &go()).await.unwrap();
    let folder = home.path().join("tree");
    git(repository.folder(), &["worktree", "add", "--quiet", "-b", "task", folder.to_str().unwrap()]);
    let tree = Repository::open(&folder).unwrap();
    write(&tree, "b", "2");
    let second = tree.commit_all("go on", "k2", None, &go()).await.unwrap();
    assert_eq!(repository.head(&go()).await.unwrap(), Some(first.sha));
    assert_eq!(repository.find_commit_by_effect("k2", &go()).await.unwrap(), Some(second.sha));
    assert!(tree.is_clean(&go()).await.unwrap() && repository.is_clean(&go()).await.unwrap());
}

#[tokio::test]
async fn a_failure_says_what_git_said() {
    let (_home, repository) = repository().await;
    fs::write(repository.folder().join(".git/HEAD"), "rubbish").unwrap();
    let error = repository.commit_all("begin", "k", None, &go()).await.unwrap_err();
    assert!(error.to_string().contains(": fatal: "), "{error}");
}

#[tokio::test]
async fn a_folder_of_another_user_is_no_obstacle() {
    let (_home, repository) = repository().await;
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root can give a folder away");
        return;
    }
    write(&repository, "a", "1");
    for path in [repository.folder().to_owned(), repository.folder().join(".git")] {
        std::os::unix::fs::chown(path, Some(65534), Some(65534)).unwrap();
    }
    let made = repository.commit_all("begin", "k", None, &go()).await.unwrap();
    assert_eq!(repository.find_commit_by_effect("k", &go()).await.unwrap(), Some(made.sha));
}

#[tokio::test]
async fn work_beside_the_folder_is_merged_or_told_what_it_conflicts_with() {
    let (home, repository) = repository().await;
    write(&repository, "shared.txt", "one\n");
    let base = repository.commit_all("base", "k:base", None, &go()).await.unwrap().sha;
    let mut tips = Vec::new();
    for name in ["left", "right"] {
        let folder = home.path().join("beside").join(name);
        let branch = format!("cgo/run-1/{name}/work");
        let place = repository.add_worktree(&folder, &branch, &base, &go()).await.unwrap();
        // A second time: what the first attempt left is gone.
        write(&place, "litter.txt", "x");
        let place = repository.add_worktree(&folder, &branch, &base, &go()).await.unwrap();
        assert!(!folder.join("litter.txt").exists());
        write(&place, "shared.txt", &format!("{name}\n"));
        write(&place, &format!("{name}.txt"), "mine\n");
        tips.push(place.commit_all(name, &format!("k:{name}"), None, &go()).await.unwrap().sha);
        repository.remove_worktree(&folder, &go()).await.unwrap();
    }
    let [left, right] = [&tips[0], &tips[1]];
    assert!(!repository.holds(left, &go()).await.unwrap());
    let at = repository.add_worktree(&home.path().join("merge"), "cgo/run-1/merge/work", &base, &go()).await.unwrap();
    assert_eq!(at.merge(left, "Merge left", "k:m1", None, &go()).await.unwrap(), Merged::At(left.clone()));
    let conflict = at.merge(right, "Merge right", "k:m2", None, &go()).await.unwrap();
    assert_eq!(conflict, Merged::Conflict(vec!["shared.txt".to_owned()]));
    assert!(at.is_clean(&go()).await.unwrap());
    assert!(repository.difference(left, right, &go()).await.unwrap().contains("+right"));
    assert!(repository.fast_forward(left, &go()).await.unwrap());
    assert!(repository.folder().join("left.txt").is_file());
    assert!(!repository.fast_forward(right, &go()).await.unwrap());
    repository.remove_worktree(&home.path().join("merge"), &go()).await.unwrap();
    repository.drop_branches("cgo/run-1", &go()).await.unwrap();
    assert_eq!(git(repository.folder(), &["branch", "--format=%(refname:short)"]), "main");
}

#[tokio::test]
async fn places_are_made_and_taken_away_side_by_side() {
    let (home, repository) = repository().await;
    write(&repository, "a", "1");
    let base = repository.commit_all("begin", "k", None, &go()).await.unwrap().sha;
    let beside = (0..8).map(|number| {
        let (folder, base) = (home.path().join(format!("place{number}")), base.clone());
        let repository = Repository::open(repository.folder()).unwrap();
        async move {
            for _ in 0..4 {
                let branch = format!("cgo/run-1/{number}/work");
                let place = repository.add_worktree(&folder, &branch, &base, &go()).await?;
                assert!(place.folder().join("a").is_file());
                repository.remove_worktree(&folder, &go()).await?;
                repository.drop_branches(&format!("cgo/run-1/{number}"), &go()).await?;
            }
            Ok::<(), Error>(())
        }
    });
    for one in futures_util::future::join_all(beside).await {
        one.unwrap();
    }
}

#[tokio::test]
async fn a_merge_of_what_does_not_conflict_is_one_commit_with_its_key() {
    let (home, repository) = repository().await;
    write(&repository, "a.txt", "one\n");
    let base = repository.commit_all("base", "k:base", None, &go()).await.unwrap().sha;
    let at = repository.add_worktree(&home.path().join("w"), "cgo/r/t/work", &base, &go()).await.unwrap();
    write(&at, "b.txt", "two\n");
    let beside = at.commit_all("beside", "k:beside", None, &go()).await.unwrap().sha;
    write(&repository, "c.txt", "three\n");
    repository.commit_all("meanwhile", "k:meanwhile", None, &go()).await.unwrap();
    let merged = repository.merge(&beside, "Merge t: two", "k:merge", None, &go()).await.unwrap();
    assert_eq!(Some(merged), repository.head(&go()).await.unwrap().map(Merged::At));
    assert_eq!(git(repository.folder(), &["log", "-1", "--format=%B"]), "Merge t: two\n\nCgo-Effect: k:merge");
    assert_eq!(
        repository.find_commit_by_effect("k:merge", &go()).await.unwrap(),
        repository.head(&go()).await.unwrap()
    );
    assert!(repository.folder().join("b.txt").is_file());
}

#[tokio::test]
async fn commits_of_a_person_are_made_again_in_every_byte() {
    let ((_one, one), (_two, two)) = (repository().await, repository().await);
    let stamp = Stamp { author: Author { name: "cgo".to_owned(), email: "c@localhost".to_owned() }, at: 1_700_000_000 };
    for repository in [&one, &two] {
        write(repository, "a", "1\n");
        repository.commit_all("begin", "k", Some(&stamp), &go()).await.unwrap();
    }
    let base = one.head(&go()).await.unwrap().unwrap();
    assert_eq!(one.export_since(&base, BRANCH, &go()).await.unwrap(), "");
    write(&one, "a", "2\n");
    write(&one, "папка/б", "3\n");
    let made = one.commit_all("Правка", "k2", None, &go()).await.unwrap();
    let stream = one.export_since(&base, BRANCH, &go()).await.unwrap();
    two.import(&stream, BRANCH, &go()).await.unwrap();
    assert_eq!(two.head(&go()).await.unwrap(), Some(made.sha));
    assert!(two.is_clean(&go()).await.unwrap());
    assert_eq!(fs::read_to_string(two.folder().join("папка/б")).unwrap(), "3\n");
}
