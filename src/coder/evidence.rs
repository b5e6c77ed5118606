//! What git and the side channel say, read so that nothing the agent left behind can act on the reader.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::committed;
use super::event::cut;
use super::sandbox::git;
use super::verdict::{Branch, Objection, Report};
use crate::exec::{self, Command};

/// The folder of the side channel in the workspace; it ignores itself.
pub(super) const FOLDER: &str = ".cgo";
/// The report in it.
pub(super) const REPORT: &str = ".cgo/report.json";
/// The largest report.
const REPORT_SIZE: u64 = 64 << 10;

/// What the agent left on the side channel. A link is no report, nor is one without the nonce.
pub(super) fn report(workspace: &Path, nonce: &str) -> Option<Report> {
    let flags = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    let folder = rustix::fs::openat(CWD, workspace, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    let open = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = File::from(rustix::fs::openat2(folder.ok()?, REPORT, open, Mode::empty(), flags).ok()?);
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut text = Vec::new();
    file.take(REPORT_SIZE).read_to_end(&mut text).ok()?;
    let value: Value = serde_json::from_slice(&text).ok()?;
    (value["nonce"] == nonce).then(|| Report {
        done: value["status"] == "done",
        summary: cut(value["summary"].as_str().unwrap_or_default()),
    })
}

/// git on the repository itself, with nothing taken from the workspace.
pub(super) struct Git<'a> {
    pub(super) directory: PathBuf,
    pub(super) workspace: &'a Path,
    pub(super) index: PathBuf,
    pub(super) cancel: &'a CancellationToken,
}

impl Git<'_> {
    pub(super) fn command(&self, args: &[&str]) -> Command {
        let mut directory = std::ffi::OsString::from("--git-dir=");
        directory.push(&self.directory);
        let mut tree = std::ffi::OsString::from("--work-tree=");
        tree.push(self.workspace);
        let mut command = Command::new("git").directory(self.workspace).arg(directory).arg(tree);
        for setting in
            ["core.hooksPath=/dev/null", "core.fsmonitor=false", "core.excludesFile=/dev/null", "core.bare=false"]
        {
            command = command.args(["-c", setting]);
        }
        let command = command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        command.env("GIT_INDEX_FILE", &self.index).env("LC_ALL", "C").deadline(Duration::from_mins(2)).args(args)
    }

    async fn says(&self, args: &[&str]) -> Result<Option<String>, exec::Error> {
        let output = exec::run(&self.command(args), self.cancel).await?;
        Ok(output.exit.success().then(|| output.stdout.text().trim().to_owned()))
    }
}

/// What a repository holds after an attempt.
pub(super) struct Held {
    pub(super) branch: Branch,
    /// Nothing is uncommitted.
    pub(super) clean: bool,
    /// Why its commits are kept out.
    pub(super) objection: Option<Objection>,
}

impl Held {
    /// No branch that could be looked at.
    pub(super) fn nothing() -> Self {
        Self { branch: Branch::Missing, clean: false, objection: None }
    }
}

/// What the repository holds after an attempt. `scratch` is a folder the agent cannot write.
pub(super) async fn repository(
    workspace: &Path,
    branch: &str,
    base: &str,
    litter: &[&str],
    scratch: &Path,
) -> Result<Held, exec::Error> {
    // What an attempt came to is looked at also when it was cancelled.
    let cancel = CancellationToken::new();
    let Some(directory) = git::directory(workspace) else { return Ok(Held::nothing()) };
    let git = Git { directory, workspace, index: scratch.join("index"), cancel: &cancel };
    let name = format!("refs/heads/{branch}^{{commit}}");
    let Some(tip) = git.says(&["rev-parse", "--verify", "--quiet", &name]).await? else {
        return Ok(Held::nothing());
    };
    // The index is read anew from the commit: the agent's own may call changed files unchanged.
    let mut clean = git.says(&["read-tree", &tip]).await?.is_some();
    for question in [
        ["diff", "--name-only", "--no-ext-diff", "--ignore-submodules=all"].as_slice(),
        &[["ls-files", "--others", "--exclude-standard"].as_slice(), litter].concat(),
    ] {
        clean &= git.says(question).await?.is_some_and(|text| text.is_empty());
    }
    let branch = if tip == base {
        Branch::Unmoved
    } else if git.says(&["merge-base", "--is-ancestor", base, &tip]).await?.is_none() {
        Branch::Elsewhere
    } else if git.says(&["diff", "--quiet", "--no-ext-diff", base, &tip]).await?.is_some() {
        Branch::Empty(tip)
    } else {
        Branch::Moved(tip)
    };
    let objection = match &branch {
        Branch::Empty(tip) | Branch::Moved(tip) => committed::look(&git, base, tip).await?,
        Branch::Missing | Branch::Unmoved | Branch::Elsewhere => None,
    };
    Ok(Held { branch, clean, objection })
}
