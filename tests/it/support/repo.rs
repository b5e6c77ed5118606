//! Repositories with a worktree, and the sandbox that coders work in.

use std::path::Path;
use std::process::Command;

use cgo::coder::sandbox::{Mode, Sandbox};
use tokio_util::sync::CancellationToken;

use super::env::{missing, tools_are_here};

/// What git says; it must succeed.
pub fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut git = Command::new("git");
    git.args(["-c", "user.name=t", "-c", "user.email=t@localhost"]).args(arguments).current_dir(folder);
    let output = git.env("GIT_CONFIG_GLOBAL", "/dev/null").output().expect("git runs");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Makes a repository whose first commit, on `main`, has these files.
pub fn begin(folder: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    git(folder, &["init", "-q", "-b", "main"]);
    git(folder, &["add", "-A"]);
    git(folder, &["commit", "-q", "-m", "base"]);
}

/// Adds a worktree on a new branch at `main`.
pub fn worktree(repository: &Path, tree: &Path, branch: &str) {
    git(repository, &["worktree", "add", "-q", "-b", branch, tree.to_str().expect("a path of text"), "main"]);
}

/// A sandbox with walls, and the runtime it was made in. None where git, Python or a working bubblewrap is missing.
pub fn sandbox() -> Option<(tokio::runtime::Runtime, Sandbox)> {
    if !tools_are_here() {
        return None;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let helper = env!("CARGO_BIN_EXE_cgo").into();
    match runtime.block_on(Sandbox::with_helper(Mode::Bubblewrap, helper, &CancellationToken::new())) {
        Ok(sandbox) => Some((runtime, sandbox)),
        Err(error) => {
            missing(&format!("a working bubblewrap ({error})"));
            None
        }
    }
}

/// Whether coders can work here: git, Python and bubblewrap.
pub fn coders_can_work() -> bool {
    if !tools_are_here() {
        return false;
    }
    let there = Command::new("bwrap").arg("--version").output().is_ok();
    if !there {
        missing("bubblewrap");
    }
    there
}
