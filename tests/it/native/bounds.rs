//! What a model must not do: it is refused, or undone, and told why.

use cgo::coder::native::Task;
use cgo::coder::verdict::{Class, Verdict};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{Bench, CALC, Script, Tests, done, edit, git, mend};

#[test]
fn generated_files_stay_as_they_are_whatever_changes_them() {
    let Some(bench) = Bench::new() else { return };
    let script = Script::calls(&[
        ("edit", edit("app/generated/base.py", "class Base: ...", "class Base: pass")),
        ("write", json!({ "path": "app/generated/more.py", "content": "x = 1\n" })),
        ("remove", json!({ "path": ".cgo/generated.json" })),
        (
            "run",
            json!({ "command": "echo 'x = 1' > app/generated/base.py; echo > app/generated/more.py; rm .cgo/generated.json" }),
        ),
        mend(),
        done(),
    ]);
    let finished = bench.run(&script);
    assert!(matches!(finished.verdict, Verdict::Success(_)), "{:?}", finished.evidence);
    let results = script.results();
    for result in &results[..2] {
        assert!(
            result.contains("generated from the spec and edits are lost; code by hand goes into `app/controllers/`"),
            "{result}"
        );
    }
    assert!(results[2].contains("cgo keeps its own records there"), "{}", results[2]);
    assert_eq!(results[3].matches("Put back: ").count(), 3, "{}", results[3]);
    assert!(!results[3].contains("Files changed by it"), "{}", results[3]);
    assert_eq!(git(&bench.tree(), &["diff", "--name-only", "main"]), "calc.py");
    assert_eq!(bench.read("app/generated/base.py"), "class Base: ...\n");
}

#[test]
fn paths_that_lead_out_and_links_and_secrets_are_refused() {
    let Some(bench) = Bench::new() else { return };
    std::fs::write(bench.folder.path().join("outside.txt"), "of the operator").unwrap();
    let script = Script::calls(&[
        ("read", json!({ "path": "../outside.txt" })),
        ("read", json!({ "path": "/etc/passwd" })),
        ("write", json!({ "path": "app/../../x", "content": "x" })),
        ("edit", edit(".git", "gitdir", "x")),
        ("run", json!({ "command": "ln -s /etc/passwd passwd; ln -s .. up; printf 'KEY=real' > .env; ls -A" })),
        ("read", json!({ "path": "passwd" })),
        ("read", json!({ "path": "up/outside.txt" })),
        ("write", json!({ "path": "up/written", "content": "x" })),
        ("read", json!({ "path": ".env" })),
        ("search", json!({ "pattern": "KEY|root:|operator" })),
        ("read", json!({ "path": ".env.example" })),
        ("blocked", json!({ "reason": "enough" })),
    ]);
    let finished = bench.run(&script);
    assert_eq!(finished.verdict, Verdict::Blocked("enough".to_owned()), "{:?}", script.results());
    let results = script.results();
    for (at, words) in [
        (0, "must not contain `..`"),
        (1, "nothing outside can be reached"),
        (2, "must not contain `..`"),
        (3, "the repository's own data"),
        (5, "symbolic link"),
        (6, "symbolic link"),
        (7, "symbolic link"),
        (8, "looks like a file of secrets"),
    ] {
        assert!(results[at].starts_with("error: ") && results[at].contains(words), "{at}: {}", results[at]);
    }
    assert!(
        results[9].ends_with("1 match in 1 of 12 files") && results[9].starts_with(".env.example:1: KEY=name"),
        "{}",
        results[9]
    );
    assert!(results[10].contains("KEY=name"), "{}", results[10]);
    assert!(!bench.folder.path().join("written").exists() && !bench.folder.path().join("x").exists());
}

#[test]
fn a_commit_with_what_looks_like_a_secret_is_refused_until_it_is_gone() {
    let Some(bench) = Bench::new() else { return };
    let key = format!("{}{}", "AKIA", "Q3EGRHTJ5KLM7NPV");
    let script = Script::calls(&[
        mend(),
        ("write", json!({ "path": "config.py", "content": format!("KEY = '{key}'\n") })),
        done(),
        ("run", json!({ "command": "rm config.py; echo A=1 > .env" })),
        ("check", json!({})),
        ("run", json!({ "command": "rm .env; ln -s /etc/hosts hosts" })),
        done(),
        (
            "run",
            json!({ "command": "rm hosts; git init -q sub && touch sub/x && git -C sub -c user.name=a -c user.email=a@b add x && git -C sub -c user.name=a -c user.email=a@b commit -qm x" }),
        ),
        done(),
        ("run", json!({ "command": "rm -r sub" })),
        done(),
    ]);
    let finished = bench.run(&script);
    assert!(matches!(finished.verdict, Verdict::Success(_)), "{:?} {:?}", finished.evidence, script.results());
    let results = script.results();
    assert!(
        results[2].contains("it seems to hold secrets: config.py:1: an AWS access key") && !results[2].contains(&key)
    );
    assert!(results[4].contains(".env looks like a file of secrets"), "{}", results[4]);
    assert!(results[6].contains("hosts is a link that leads out"), "{}", results[6]);
    assert!(results[8].contains("sub is a git repository of its own"), "{}", results[8]);
    assert_eq!(finished.commits.len(), 1);
    assert!(!git(&bench.tree(), &["log", "-p", "cgo/run/task"]).contains(&key));

    let script =
        Script::calls(&[("write", json!({ "path": "config.py", "content": format!("KEY = '{key}'\n") })), done()]);
    let finished = bench.run(&script);
    assert_eq!(finished.verdict, Verdict::Failed(Class::Agent));
    assert!(finished.evidence.failed.unwrap().contains("config.py:1: an AWS access key"));
    assert!(!bench.tree().join("config.py").exists());
}

#[test]
fn the_branch_is_where_cgo_put_it_whatever_a_command_does_to_git() {
    let Some(bench) = Bench::new() else { return };
    let me = "git -c user.name=m -c user.email=m@localhost";
    let script = Script::calls(&[
        mend(),
        ("run", json!({ "command": format!("{me} commit -qam mine && git log -1 --format=%s") })),
        (
            "run",
            json!({ "command": format!("git checkout -q -b cgo/run/elsewhere; {me} commit -q --allow-empty -m x; git symbolic-ref HEAD") }),
        ),
        (
            "run",
            json!({ "command": "printf '#!/bin/sh\\ntouch /tmp/hooked\\n' > .git/hooks/pre-commit; git config core.fsmonitor 'touch x'; echo '*.py filter=evil' > .gitattributes" }),
        ),
        (
            "run",
            json!({ "command": "rm .gitattributes; touch $(git rev-parse --git-dir)/index.lock; git status --short" }),
        ),
        done(),
    ]);
    let finished = bench.run(&script);
    assert_eq!(finished.verdict, Verdict::Success(bench.tip()), "{:?}", finished.evidence);
    let results = script.results();
    assert!(results[1].contains("mine\nThe branch was put back"), "{}", results[1]);
    assert!(results[2].contains("refs/heads/cgo/run/elsewhere\nThe branch was put back"), "{}", results[2]);
    assert_eq!(git(&bench.tree(), &["log", "--format=%an %s", "main.."]), "cgo Mend the sum in calc.py");
    assert_eq!(bench.read("calc.py"), CALC.replace("a - b", "a + b"));
}

#[test]
fn a_command_that_destroys_the_repository_destroys_what_it_sees_of_it() {
    let Some(bench) = Bench::new() else { return };
    let destroy =
        "main=$(git rev-parse --git-common-dir); rm -rf $main/objects/* $main/refs/* $main/worktrees/*; git log";
    let script = Script::calls(&[
        ("run", json!({ "command": destroy })),
        ("run", json!({ "command": "git log -1 --format=%s" })),
        mend(),
        done(),
    ]);
    let finished = bench.run(&script);
    assert_eq!(finished.verdict, Verdict::Success(bench.tip()), "{:?}", finished.evidence);
    let results = script.results();
    assert!(results[0].contains("fatal: ") && results[0].contains("The branch was put back"), "{}", results[0]);
    assert_eq!(results[1], "exit code 0\nbase");
    assert_eq!(git(&bench.main(), &["fsck", "--full", "--no-dangling"]), "");
    assert_eq!(git(&bench.main(), &["log", "--format=%s", "cgo/run/task"]), "Mend the sum in calc.py\nbase");
}

#[test]
fn hooks_of_the_repository_do_not_run_and_a_clone_does_as_well_as_a_worktree() {
    use std::os::unix::fs::PermissionsExt as _;
    let Some(bench) = Bench::new() else { return };
    let clone = bench.folder.path().join("clone");
    git(bench.folder.path(), &["clone", "-q", "main", "clone"]);
    git(&clone, &["checkout", "-q", "-b", "cgo/run/task"]);
    let ran = bench.folder.path().join("a-hook-ran");
    let task = bench.task();
    for hooks in [clone.join(".git/hooks"), bench.main().join(".git/hooks")] {
        std::fs::create_dir_all(&hooks).unwrap();
        for name in ["pre-commit", "post-commit", "reference-transaction", "post-checkout", "post-index-change"] {
            let hook = hooks.join(name);
            std::fs::write(&hook, format!("#!/bin/sh\ntouch '{}'\n", ran.display())).unwrap();
            std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
    let script = Script::calls(&[("write", json!({ "path": "notes.md", "content": "# Notes\n" })), mend(), done()]);
    for (workspace, folder) in [(clone.clone(), "other"), (bench.tree(), "attempt")] {
        let folder = bench.folder.path().join(folder);
        let task = Task { workspace: workspace.clone(), folder, ..task.clone() };
        let checks = Tests { tree: workspace, ..Tests::new(&bench) };
        let finished = bench.try_run(&task, &script, &checks, &CancellationToken::new(), &mut |_| ()).unwrap();
        assert!(matches!(finished.verdict, Verdict::Success(_)), "{:?}", finished.evidence);
        assert!(!ran.exists(), "a hook ran in {}", task.workspace.display());
    }
    assert_eq!(git(&clone, &["status", "--porcelain", "--branch"]), "## cgo/run/task");
    assert_eq!(git(&clone, &["log", "--format=%an %s", "main.."]), "cgo Mend the sum in calc.py");
    git(&clone, &["checkout", "-q", "--detach"]);
    assert!(ran.exists(), "everybody else's git runs them");
}
