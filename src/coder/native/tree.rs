//! The workspace as git sees it: its files, what changed, a commit, and the way back to the last one.
//!
//! Everything goes through the repository itself and an index of cgo's own, so that nothing that was run in the
//! workspace can act on the reader: no hook, no setting of the worktree, no prepared index.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};
use tokio_util::sync::CancellationToken;

use super::super::committed;
use super::super::evidence::Git;
use super::super::sandbox::git;
use super::super::verdict::Objection;
use crate::exec::{self, Command};

/// Output kept of a command whose whole answer is needed, in bytes.
const ANSWER: usize = 64 << 20;
/// The trailer that carries the effect's key.
pub(super) const TRAILER: &str = "Cgo-Effect";
/// Settings for reading and writing files, beside those of every git here.
const SETTINGS: [&str; 10] = [
    "core.attributesFile=/dev/null",
    "core.autocrlf=false",
    "core.eol=lf",
    "core.safecrlf=false",
    "core.symlinks=true",
    "core.fsync=loose-object,pack,reference",
    "core.fsyncMethod=batch",
    "core.quotePath=false",
    "submodule.recurse=false",
    "protocol.allow=never",
];

/// Why the tree could not be read or brought where it belongs.
#[derive(Debug)]
pub(super) enum Trouble {
    /// git.
    Git(exec::Error),
    /// A file or folder.
    Disk(PathBuf, std::io::Error),
    /// The branch is not what it should be.
    Branch { branch: String, workspace: PathBuf, reason: String },
}

impl From<exec::Error> for Trouble {
    fn from(error: exec::Error) -> Self {
        Self::Git(error)
    }
}

/// A path that differs from the tip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    /// Below the workspace.
    pub(super) path: String,
    /// The mode it has now; 0 when it is gone.
    pub(super) mode: u32,
}

/// What a commit would hold.
#[derive(Debug)]
pub(super) struct Staged {
    /// The id of the tree.
    pub(super) tree: String,
    /// What differs from the tip.
    pub(super) changes: Vec<Change>,
}

/// A workspace on a branch.
pub(super) struct Tree {
    workspace: PathBuf,
    /// The repository.
    directory: PathBuf,
    /// What belongs to this checkout: HEAD and the index.
    own: PathBuf,
    branch: String,
    /// cgo's own folder.
    scratch: PathBuf,
    tip: String,
    /// Work of an attempt is brought to an end also when the attempt is cancelled.
    never: CancellationToken,
}

impl Tree {
    /// The workspace, whose branch must descend from the base.
    pub(super) async fn open(workspace: &Path, branch: &str, base: &str, scratch: &Path) -> Result<Self, Trouble> {
        let given = workspace;
        let no = |reason: &str| Trouble::Branch {
            branch: branch.to_owned(),
            workspace: given.to_owned(),
            reason: reason.to_owned(),
        };
        let workspace = workspace.canonicalize().map_err(|error| Trouble::Disk(workspace.to_owned(), error))?;
        let directory = git::directory(&workspace).ok_or_else(|| no("it is no checkout of a repository"))?;
        let entry = workspace.join(".git");
        let own = match std::fs::read_to_string(&entry) {
            Ok(text) => workspace.join(text.trim().trim_start_matches("gitdir: ")),
            Err(_) => directory.clone(),
        };
        let mut tree = Self {
            workspace,
            directory,
            own,
            branch: branch.to_owned(),
            scratch: scratch.to_owned(),
            tip: String::new(),
            never: CancellationToken::new(),
        };
        if std::fs::read_to_string(tree.own.join("HEAD")).unwrap_or_default().trim() != tree.head() {
            return Err(no("it is on another branch"));
        }
        tree.tip = tree.branch_tip().await?.ok_or_else(|| no("there is no such branch"))?;
        let base = format!("{base}^{{commit}}");
        let base = tree.git("base", &["rev-parse", "--verify", "--quiet", &base]);
        let base = tree.says(base).await?.ok_or_else(|| no("its base is no commit here"))?;
        let tip = tree.tip.clone();
        if tree.says(tree.git("base", &["merge-base", "--is-ancestor", &base, &tip])).await?.is_none() {
            return Err(no("it does not descend from its base"));
        }
        Ok(tree)
    }

    /// The commit the branch is at.
    pub(super) fn tip(&self) -> &str {
        &self.tip
    }

    pub(super) fn workspace(&self) -> &Path {
        &self.workspace
    }

    fn head(&self) -> String {
        format!("ref: refs/heads/{}", self.branch)
    }

    fn git(&self, index: &str, args: &[&str]) -> Command {
        let index = if index == "own" { self.own.join("index") } else { self.scratch.join(index) };
        let git = Git { directory: self.directory.clone(), workspace: &self.workspace, index, cancel: &self.never };
        let settings: Vec<&str> = SETTINGS.iter().flat_map(|setting| ["-c", *setting]).collect();
        let command = git.command(&[&settings, args].concat());
        let command = command.env("GIT_ATTR_NOSYSTEM", "1").env("GIT_TERMINAL_PROMPT", "0");
        command.env("GIT_NO_LAZY_FETCH", "1").env("GIT_OPTIONAL_LOCKS", "0").keep(ANSWER)
    }

    /// The tests that what [`Self::stage`] found takes away, as an objection.
    pub(super) async fn tests_gone(&self, base: &str, staged: &Staged) -> Result<Option<Objection>, Trouble> {
        let index = self.scratch.join("next");
        let git = Git { directory: self.directory.clone(), workspace: &self.workspace, index, cancel: &self.never };
        Ok(committed::tests(&git, base, &staged.tree).await?)
    }

    /// The answer of a command that may say no.
    async fn says(&self, command: Command) -> Result<Option<String>, Trouble> {
        let output = exec::run(&command, &self.never).await?;
        Ok(output.exit.success().then(|| output.stdout.text().trim().to_owned()))
    }

    /// The answer of a command that must work.
    async fn ask(&self, command: Command) -> Result<String, Trouble> {
        Ok(exec::run_ok(&command, &self.never).await?.stdout.text())
    }

    async fn branch_tip(&self) -> Result<Option<String>, Trouble> {
        let name = format!("refs/heads/{}^{{commit}}", self.branch);
        self.says(self.git("base", &["rev-parse", "--verify", "--quiet", &name])).await
    }

    /// The index that remembers what files looked like when they were last read.
    async fn seen(&self) -> Result<(), Trouble> {
        let _ = std::fs::remove_file(self.scratch.join("seen.lock"));
        if !self.scratch.join("seen").exists() {
            let tip = self.tip.clone();
            self.ask(self.git("seen", &["read-tree", &tip])).await?;
        }
        // Says no when something differs.
        self.says(self.git("seen", &["update-index", "-q", "--refresh"])).await?;
        Ok(())
    }

    /// The files that are there and not ignored, in order.
    pub(super) async fn files(&self) -> Result<Vec<String>, Trouble> {
        self.seen().await?;
        let list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
        let all = self.ask(self.git("seen", &list)).await?;
        let there = |path: &&str| std::fs::symlink_metadata(self.workspace.join(path)).is_ok();
        let mut files: Vec<String> = parts(&all).filter(there).map(str::to_owned).collect();
        files.sort();
        files.dedup();
        Ok(files)
    }

    /// The paths that differ from the tip, in order.
    pub(super) async fn changed(&self) -> Result<Vec<String>, Trouble> {
        self.seen().await?;
        let mut paths = Vec::new();
        let differ = ["diff-files", "-z", "--name-only", "--ignore-submodules=all"];
        for question in [differ.as_slice(), &["ls-files", "-z", "--others", "--exclude-standard"]] {
            paths.extend(parts(&self.ask(self.git("seen", question)).await?).map(str::to_owned));
        }
        paths.sort();
        Ok(paths)
    }

    /// Reads every file anew: what a commit of the workspace would hold.
    pub(super) async fn stage(&self) -> Result<Staged, Trouble> {
        let _ = std::fs::remove_file(self.scratch.join("next"));
        let tip = self.tip.clone();
        self.ask(self.git("next", &["read-tree", &tip])).await?;
        self.ask(self.git("next", &["add", "--all", "--", "."])).await?;
        let tree = self.ask(self.git("next", &["write-tree"])).await?.trim().to_owned();
        let raw = ["diff-index", "--cached", "--raw", "-z", "--no-renames", &tip];
        let raw = self.ask(self.git("next", &raw)).await?;
        let mut records = parts(&raw);
        let mut changes = Vec::new();
        while let (Some(about), Some(path)) = (records.next(), records.next()) {
            let mode = about.split(' ').nth(1).and_then(|mode| u32::from_str_radix(mode, 8).ok()).unwrap_or(0);
            changes.push(Change { path: path.to_owned(), mode });
        }
        Ok(Staged { tree, changes })
    }

    /// What [`Self::stage`] found, as a difference without context; none when it is too long to look at.
    pub(super) async fn difference(&self) -> Result<Option<String>, Trouble> {
        let tip = self.tip.clone();
        let diff = ["diff-index", "--cached", "-p", "-U0", "--no-color", "--no-ext-diff", "--no-textconv", &tip];
        let output = exec::run_ok(&self.git("next", &diff), &self.never).await?;
        Ok((output.stdout.left_out() == 0).then(|| output.stdout.text()))
    }

    /// Commits what [`Self::stage`] found, which may be what the tip holds already.
    pub(super) async fn commit(
        &mut self,
        staged: &Staged,
        message: &str,
        effect: Option<&str>,
        at: Option<i64>,
    ) -> Result<(), Trouble> {
        let mut text = message.trim().to_owned();
        if let Some(effect) = effect {
            text = format!("{text}\n\n{TRAILER}: {effect}");
        }
        let mut command = self.git("next", &["commit-tree", "-p", &self.tip, &staged.tree]).stdin(text + "\n");
        for role in ["AUTHOR", "COMMITTER"] {
            command = command.env(format!("GIT_{role}_NAME"), "cgo").env(format!("GIT_{role}_EMAIL"), "cgo@localhost");
            if let Some(at) = at {
                command = command.env(format!("GIT_{role}_DATE"), format!("@{at} +0000"));
            }
        }
        let commit = self.ask(command).await?.trim().to_owned();
        self.point(&commit).await?;
        self.tip = commit;
        self.settle().await
    }

    async fn point(&self, commit: &str) -> Result<(), Trouble> {
        let name = format!("refs/heads/{}", self.branch);
        let reason = "cgo";
        // Only what runs in the workspace could have moved it, and nothing does now.
        let lock = self.directory.join(format!("{name}.lock"));
        let _ = std::fs::remove_file(lock);
        self.ask(self.git("next", &["update-ref", "-m", reason, &name, commit])).await?;
        Ok(())
    }

    /// Puts the branch back to where it belongs if something that was run has moved it or left it.
    pub(super) async fn guard(&self) -> Result<Moved, Trouble> {
        let mut moved = Moved::No;
        if self.branch_tip().await?.as_deref() != Some(&self.tip) {
            self.point(&self.tip).await?;
            moved = Moved::Yes;
        }
        let head = self.own.join("HEAD");
        let is_file = std::fs::symlink_metadata(&head).is_ok_and(|about| about.is_file());
        if !is_file || std::fs::read_to_string(&head).unwrap_or_default().trim() != self.head() {
            replace(&head, &format!("{}\n", self.head()))?;
            moved = Moved::Yes;
        }
        if moved == Moved::Yes {
            self.settle().await?;
        }
        Ok(moved)
    }

    /// The checkout's own index agrees with the tip again, and what is remembered of files is forgotten.
    async fn settle(&self) -> Result<(), Trouble> {
        for file in ["seen", "seen.lock"] {
            let _ = std::fs::remove_file(self.scratch.join(file));
        }
        let _ = std::fs::remove_file(self.own.join("index.lock"));
        let tip = self.tip.clone();
        self.ask(self.git("own", &["read-tree", &tip])).await?;
        self.says(self.git("own", &["update-index", "-q", "--refresh"])).await?;
        Ok(())
    }

    /// Files as they are in the tip; those that are not there go.
    pub(super) async fn put_back(&self, paths: &[String]) -> Result<(), Trouble> {
        let _ = std::fs::remove_file(self.scratch.join("next"));
        let tip = self.tip.clone();
        self.ask(self.git("next", &["read-tree", &tip])).await?;
        for path in paths {
            let there = self.git("next", &["--literal-pathspecs", "ls-files", "--error-unmatch", "--", path]);
            if self.says(there).await?.is_some() {
                self.ask(self.git("next", &["checkout-index", "--force", "--quiet", "--", path])).await?;
            } else {
                self.ask(self.git("next", &["--literal-pathspecs", "clean", "-ffdq", "--", path])).await?;
            }
        }
        Ok(())
    }

    /// The workspace as the tip has it. What git ignores stays.
    pub(super) async fn restore(&self) -> Result<(), Trouble> {
        self.guard().await?;
        let _ = std::fs::remove_file(self.scratch.join("next"));
        let tip = self.tip.clone();
        self.ask(self.git("next", &["read-tree", &tip])).await?;
        self.ask(self.git("next", &["checkout-index", "--force", "--all", "--quiet"])).await?;
        self.ask(self.git("next", &["clean", "-ffdq"])).await?;
        self.settle().await
    }
}

/// A new file in the place of whatever is there, which is not followed.
fn replace(path: &Path, text: &str) -> Result<(), Trouble> {
    let failed = |error: std::io::Error| Trouble::Disk(path.to_owned(), error);
    let beside = path.with_extension("cgo-new");
    let _ = std::fs::remove_file(&beside);
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::openat(CWD, &beside, flags, Mode::from_raw_mode(0o644));
    let mut file = std::fs::File::from(file.map_err(|errno| failed(errno.into()))?);
    file.write_all(text.as_bytes()).and_then(|()| std::fs::rename(&beside, path)).map_err(failed)
}

/// Whether a branch was moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moved {
    Yes,
    No,
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split('\0').filter(|part| !part.is_empty())
}
