//! What becomes of the repository of a workspace: what is committed inside arrives, and nothing else is done to it.

use std::path::PathBuf;

use cgo::coder::sandbox::{Hidden, Taken};
use cgo::exec::Exit;
use tokio_util::sync::CancellationToken;

use super::super::models::pipeline::files;
use super::super::support::repo::{self, git};
use super::Box;

impl Box {
    /// A repository in a place outside, and a worktree of it to work in whose commits can be taken in.
    fn worktree(&mut self, files: &[(&str, &str)]) -> (PathBuf, PathBuf) {
        let (main, tree) = (self.path("outside/main"), self.path("tree"));
        std::fs::create_dir(&main).expect("a folder");
        repo::begin(&main, files);
        repo::worktree(&main, &tree, "cgo/run1/task");
        self.job.workspace.clone_from(&tree);
        self.job.git = Some(self.path("git"));
        (main, tree)
    }

    /// Brings the branch of the worktree, which is at that commit, to where it was left.
    fn take_in(&self, base: &str) -> Taken {
        let taking = self.sandbox.take_in(&self.job, base, self.folder.path());
        self.runtime.block_on(taking).expect("git runs")
    }
}

#[test]
fn an_agent_in_a_worktree_commits_to_its_branch_and_sets_no_trap() {
    let Some(mut place) = Box::new() else { return };
    let (main, tree) = place.worktree(&[("README.md", "# A project\n")]);
    let base = git(&main, &["rev-parse", "main"]);
    git(&main, &["branch", "cgo/run/other"]);
    let config = std::fs::read_to_string(main.join(".git/config")).unwrap();
    let script = format!(
        "git config --global user.name a; git config --global user.email a@b; \
         echo work > done.txt && git add -A && git commit -qm work && echo committed; \
         main={0}/.git; own=$(git rev-parse --git-dir); \
         echo evil > $main/hooks/post-checkout; git config --file $main/config core.fsmonitor evil; \
         git config core.hooksPath evil; git update-ref refs/heads/main HEAD; git branch -f cgo/run/other HEAD; \
         git update-ref -d refs/heads/cgo/run/other; echo x > $main/HEAD; echo x > $main/packed-refs; \
         mv $main $main.old; rm -rf $main/hooks; mkdir $main/evil; echo /tmp > $own/commondir; rm -f $own/commondir; \
         mv $own/gitdir $own/g; echo gitdir: /tmp > .git; rm -f .git; mv .git .g; \
         echo /tmp > $main/objects/info/alternates; echo tried",
        main.display()
    );
    let said = place.says(&script);
    assert!(said.contains("committed\n") && said.contains("tried"), "{said}");
    assert_eq!(git(&main, &["rev-parse", "main", "cgo/run/other", "cgo/run1/task"]), [&*base; 3].join("\n"), "{said}");
    assert_eq!(place.take_in(&base), Taken::Whole);
    assert_eq!(git(&main, &["rev-parse", "main", "cgo/run/other"]), [&*base; 2].join("\n"), "{said}");
    assert_eq!(git(&main, &["log", "--format=%s", "cgo/run1/task"]), "work\nbase");
    assert_eq!(std::fs::read_to_string(main.join(".git/config")).unwrap(), config);
    assert!(!main.join(".git/hooks/post-checkout").exists());
    assert!(!main.join(".git/objects/info/alternates").exists());
    assert_eq!(git(&tree, &["status", "--porcelain"]), "", "the worktree is not what it was");
    // A branch that shares its folder with every other branch would open them all.
    git(&tree, &["checkout", "-q", "-b", "loose"]);
    let refused = place.runtime.block_on(place.sandbox.run(&place.job, &CancellationToken::new(), &mut |_, _| ()));
    assert!(refused.unwrap_err().to_string().contains("no folder of its own"));
}

#[test]
fn whatever_is_done_to_a_repository_inside_it_stays_whole_and_gets_what_is_committed() {
    const SCRIPT: &str = "export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
main=$(git rev-parse --git-common-dir)
file() { o=$(git rev-parse $1); echo ${o:0:2}/${o:2}; }
forge() {
    mkdir -p $(dirname $1); rm -f $1
    python3 -c 'import sys, zlib; open(sys.argv[1], \"wb\").write(zlib.compress(b\"blob 5\\0evil\\n\"))' $1
}
";
    let Some(mut place) = Box::new() else { return };
    let (main, tree) = place.worktree(&[("README.md", "# A project\n")]);
    git(&main, &["commit", "-q", "--allow-empty", "-m", "later"]);
    git(&tree, &["merge", "-q", "--ff-only", "main"]);
    let base = git(&main, &["rev-parse", "main"]);
    let all = || {
        let mut all = files(&main);
        all.sort();
        all
    };
    let before = all();
    let said = place.says(&format!(
        "{SCRIPT}blob=$(file HEAD:README.md)
         for at in $main/objects /run/cgo/objects; do chmod -R u+w $at; rm -rf $at/*; forge $at/$blob; done
         rm -rf $main/refs/heads/main $main/refs/tags $main/logs/HEAD $main/hooks $main/info $main/packed-refs $main/HEAD
         git show HEAD:README.md
         echo work > done.txt && git add -A && git commit -qm work && echo committed"
    ));
    assert!(said.contains("evil\n") && said.ends_with("committed\n"), "{said}");
    assert!(all() == before, "something of the repository was written: {said}");
    assert_eq!(place.take_in(&base), Taken::Whole);
    let whole = || {
        assert_eq!(git(&main, &["fsck", "--full", "--no-dangling"]), "");
        assert_eq!(git(&main, &["log", "--format=%s", "cgo/run1/task"]), "work\nlater\nbase");
        assert_eq!(git(&main, &["show", "cgo/run1/task:README.md", "cgo/run1/task:done.txt"]), "# A project\nwork");
        assert_eq!(git(&main, &["status", "--porcelain"]) + &git(&tree, &["status", "--porcelain"]), "");
    };
    whole();

    // A commit stays out whose file is another one than it says, and so does a branch that is gone.
    let tip = git(&main, &["rev-parse", "cgo/run1/task"]);
    place.says(&format!(
        "{SCRIPT}echo more > more.txt; git add -A; git commit -qm more; rm more.txt; forge $main/objects/$(file HEAD:more.txt)"
    ));
    assert_eq!(place.take_in(&tip), Taken::Not);
    whole();
    place.says(&format!("{SCRIPT}rm -rf $main/objects/?? $main/refs/heads/cgo"));
    assert_eq!(place.take_in(&tip), Taken::Not);
    whole();
}

#[test]
fn what_git_wrote_is_gone_with_a_program_whose_commits_nobody_wants() {
    let Some(mut place) = Box::new() else { return };
    let (main, _) = place.worktree(&[("README.md", "# A project\n")]);
    place.job.git = None;
    let tip = "git log -1 --format=%s; git symbolic-ref HEAD";
    assert!(!place.run(tip).strayed);
    for change in
        ["git -c user.name=a -c user.email=a@b commit -q --allow-empty -m more", "git checkout -q -b cgo/run1/x"]
    {
        let ran = place.run(change);
        assert!(ran.strayed && ran.exit == Some(Exit::Code(0)), "{change}: {}", ran.stderr.text());
        assert_eq!(place.says(tip), "base\nrefs/heads/cgo/run1/task\n");
    }
    assert_eq!(git(&main, &["log", "--all", "--format=%s"]), "base");
}

#[test]
fn an_agent_in_a_clone_cannot_change_its_settings_or_hooks() {
    let Some(place) = Box::new() else { return };
    let work = place.path("work");
    git(&work, &["init", "-q", "-b", "main"]);
    let said = place.says(
        "git -c user.name=a -c user.email=a@b commit -q --allow-empty -m one && echo committed; \
         git config core.fsmonitor evil; echo evil > .git/hooks/pre-commit; mv .git .g; mkdir .git; mv .git/hooks x; \
         rm -rf .git/config; echo tried",
    );
    assert!(said.starts_with("committed\n") && said.ends_with("tried\n"), "{said}");
    assert_eq!(git(&work, &["log", "--format=%s"]), "one");
    assert!(!std::fs::read_to_string(work.join(".git/config")).unwrap().contains("evil"));
    assert!(!work.join(".git/hooks/pre-commit").exists());
}

#[test]
fn a_clone_is_led_to_no_settings_but_its_own() {
    let Some(place) = Box::new() else { return };
    let (work, tree) = (place.path("work"), place.path("tree"));
    repo::begin(&work, &[("README.md", "# A project\n")]);
    repo::worktree(&work, &tree, "cgo/run1/task");
    let said = place.says(
        "git init -q --bare evil; git -C evil config core.fsmonitor evil && echo made; \
         for at in .git .git/worktrees/tree; do \
         echo $PWD/evil > $at/commondir; rm -f $at/commondir; mv $at/commondir x; ln -sf $PWD/evil $at/commondir; \
         cp evil/config $at/config.worktree; done; rm -rf .git/worktrees; mv .git/worktrees y; \
         git -c user.name=a -c user.email=a@b commit -q --allow-empty -m one && echo committed",
    );
    assert!(said.starts_with("made\n") && said.ends_with("committed\n"), "{said}");
    for folder in [&work, &tree] {
        let own = git(folder, &["rev-parse", "--path-format=absolute", "--git-common-dir"]);
        assert_eq!(std::fs::canonicalize(own).unwrap(), work.join(".git").canonicalize().unwrap(), "{said}");
        assert!(!git(folder, &["config", "--list"]).contains("fsmonitor"), "{said}");
        assert_eq!(git(folder, &["fsck", "--no-dangling"]), "", "{said}");
    }
    assert_eq!(std::fs::read(work.join(".git/config.worktree")).unwrap(), b"");
    assert_eq!(git(&work, &["log", "--format=%s"]), "one\nbase");
    // One that leads elsewhere already is not let in.
    std::fs::write(work.join(".git/commondir"), format!("{}\n", work.join("evil").display())).unwrap();
    let refused = place.runtime.block_on(place.sandbox.run(&place.job, &CancellationToken::new(), &mut |_, _| ()));
    assert!(refused.unwrap_err().to_string().contains("the settings of another repository"));
}

#[test]
fn files_of_secrets_are_empty_and_their_names_stay_what_they_are() {
    const FILES: [(&str, &str); 5] = [
        (".env", "TOKEN=of-the-operator\n"),
        ("services/a/.env.production", "TOKEN=of-the-operator\n"),
        ("deploy/prod.env", "TOKEN=of-the-operator\n"),
        (".env.example", "TOKEN=name\n"),
        ("a.py", "a = 1\n"),
    ];
    let Some(mut place) = Box::new() else { return };
    let (main, tree) = place.worktree(&FILES);
    let base = git(&main, &["rev-parse", "main"]);
    let opened = cgo::workspace::git::Repository::open(&tree).unwrap();
    let never = CancellationToken::new();
    let secrets = place.runtime.block_on(opened.overlook(cgo::domain::secret_files::is_hidden, &never)).unwrap();
    place.job.hidden = Hidden::of(&tree, &secrets);
    let said = place.says(
        "cat .env services/a/.env.production deploy/prod.env; python3 -c 'print(open(\".env\").read())'; \
         cat .env.example; cp .env b; cat b; rm b; ln .env c && cat c; echo x > .env; rm -f .env; mv .env d; \
         mv services moved && cat moved/a/.env.production; mv moved services; git status --porcelain; \
         export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b; \
         echo b = 2 >> a.py; git add -A && git commit -qm work && echo committed",
    );
    assert!(said.contains("TOKEN=name") && said.ends_with("committed\n"), "{said}");
    assert!(!said.contains("of-the-operator"), "{said}");
    let moved = "mv services moved; mkdir services; echo done";
    assert_eq!(place.says(moved), "done\n");
    let said = place.says("cat moved/a/.env.production; rm -r services; echo OWN=1 > own.env; cat own.env; rm own.env");
    assert_eq!(said, "OWN=1\n");
    place.says("mv moved services");
    assert_eq!(place.take_in(&base), Taken::Whole);
    assert_eq!(git(&tree, &["ls-files", "-v", ".env", "a.py"]), "S .env\nH a.py");
    // Outside, and in what was committed, they are what they were.
    for (path, text) in FILES.iter().take(3) {
        assert_eq!(&std::fs::read_to_string(tree.join(path)).unwrap(), text, "{path}");
        assert_eq!(git(&main, &["show", &format!("cgo/run1/task:{path}")]), text.trim(), "{path}");
    }
    assert_eq!(git(&main, &["show", "--name-only", "--format=", "cgo/run1/task"]), "a.py");
}
