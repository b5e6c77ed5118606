//! Work beside a project's folder: a linked worktree on a branch of its own, merged when it holds.

use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::{Error, Repository, Sha, Stamp, TRAILER, check_key, io_error, os};
use crate::exec::Exit;

/// What a merge came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merged {
    /// The branch holds both now, at this commit.
    At(Sha),
    /// Both changed the same places of these files; nothing was merged.
    Conflict(Vec<String>),
}

impl Repository {
    /// Checks a commit out in a folder of its own, on a branch that begins there anew. What an earlier attempt left
    /// of either is dropped.
    ///
    /// # Errors
    /// [`Error::NoGit`], [`Error::Io`], [`Error::Git`].
    pub async fn add_worktree(
        &self,
        folder: &Path,
        branch: &str,
        at: &Sha,
        cancel: &CancellationToken,
    ) -> Result<Self, Error> {
        let _turn = self.turn("worktree", &self.git_dir, cancel).await?;
        self.take_worktree_away(folder, cancel).await?;
        if let Some(parent) = folder.parent() {
            std::fs::create_dir_all(parent).map_err(|source| io_error("make the folder", parent, source))?;
        }
        let add = self.git("worktree").args(["add", "--quiet", "--force", "-B", branch]).arg(folder).arg(at.as_str());
        self.ask("worktree", add, cancel).await?;
        Self::open(folder)
    }

    /// Removes a folder with the worktrees in it, or the worktree it is. Branches stay. May be repeated, and beside
    /// others: git's own `prune` would take away what is just being made for another worktree.
    ///
    /// # Errors
    /// [`Error::NoGit`], [`Error::Io`], [`Error::Git`].
    pub async fn remove_worktree(&self, folder: &Path, cancel: &CancellationToken) -> Result<(), Error> {
        // Git reads what there is of every worktree, and fails over one that is only half there.
        let turn = if self.git_dir.exists() { Some(self.turn("worktree", &self.git_dir, cancel).await?) } else { None };
        let taken = self.take_worktree_away(folder, cancel).await;
        drop(turn);
        taken
    }

    async fn take_worktree_away(&self, folder: &Path, cancel: &CancellationToken) -> Result<(), Error> {
        let real = folder.canonicalize().ok();
        remove(folder)?;
        if !self.git_dir.is_dir() {
            return self.ask("worktree", self.git("worktree").args(["prune"]), cancel).await.map(|_| ());
        }
        let Ok(entries) = std::fs::read_dir(self.git_dir.join("worktrees")) else { return Ok(()) };
        for entry in entries.flatten() {
            let Ok(place) = std::fs::read_to_string(entry.path().join("gitdir")) else { continue };
            let place = Path::new(place.trim_end());
            if place.starts_with(folder) || real.as_ref().is_some_and(|real| place.starts_with(real)) {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Lets the index call tracked files unchanged whatever stands in their place; their names.
    ///
    /// # Errors
    /// [`Error::NoGit`], [`Error::Busy`], [`Error::ForeignLock`], [`Error::Git`].
    pub async fn overlook(
        &self,
        which: impl Fn(&str) -> bool,
        cancel: &CancellationToken,
    ) -> Result<Vec<String>, Error> {
        let files = self.answer("ls-files", self.git("ls-files").args(["-z", "--cached"]), cancel).await?;
        let files = String::from_utf8_lossy(&files);
        let meant: Vec<String> = files.split_terminator('\0').filter(|file| which(file)).map(str::to_owned).collect();
        if meant.is_empty() {
            return Ok(meant);
        }
        let writing = self.begin_writing().await?;
        let update = self.git("update-index").args(["--skip-worktree", "-z", "--stdin"]).stdin(meant.join("\0") + "\0");
        self.ask("update-index", update, cancel).await?;
        writing.done();
        Ok(meant)
    }

    /// Whether the newest commit is this one or comes after it.
    ///
    /// # Errors
    /// [`Error::NoGit`], [`Error::Git`].
    pub async fn holds(&self, commit: &Sha, cancel: &CancellationToken) -> Result<bool, Error> {
        let command = self.git("merge-base").args(["--is-ancestor", commit.as_str(), "HEAD"]);
        let output = self.run("merge-base", &command, cancel).await?;
        match output.exit {
            Exit::Code(0) => Ok(true),
            // 128: the commit is not there at all.
            Exit::Code(1 | 128) => Ok(false),
            _ => Err(self.failed("merge-base", &output)),
        }
    }

    /// Merges a commit into the branch in work, with the effect's key as a trailer; where nothing happened on the
    /// branch since the commit's beginning, the branch simply moves there. Without a `stamp` it is the user's, made now.
    /// May be repeated.
    ///
    /// # Errors
    /// [`Error::BadKey`], [`Error::NoGit`], [`Error::Busy`], [`Error::ForeignLock`], [`Error::Git`].
    pub async fn merge(
        &self,
        commit: &Sha,
        message: &str,
        key: &str,
        stamp: Option<&Stamp>,
        cancel: &CancellationToken,
    ) -> Result<Merged, Error> {
        check_key(key)?;
        let head = async || {
            let head = self.head(cancel).await?;
            head.ok_or_else(|| Error::Answer { command: "merge", what: "the branch has no commit".to_owned() })
        };
        if self.holds(commit, cancel).await? || self.fast_forward(commit, cancel).await? {
            return head().await.map(Merged::At);
        }
        let author = match stamp {
            Some(stamp) => stamp.author.clone(),
            None => self.user(cancel).await?,
        };
        let text = format!("{}\n\n{TRAILER}: {key}\n", message.trim_end());
        let mut merge = self
            .git("merge")
            .args(["--quiet", "--no-ff", "--no-verify", "--no-gpg-sign", "--no-rerere-autoupdate", "-m", &text])
            .arg(commit.as_str())
            .env("GIT_AUTHOR_NAME", &author.name)
            .env("GIT_AUTHOR_EMAIL", &author.email)
            .env("GIT_COMMITTER_NAME", &author.name)
            .env("GIT_COMMITTER_EMAIL", &author.email);
        if let Some(stamp) = stamp {
            let at = format!("@{} +0000", stamp.at);
            merge = merge.env("GIT_AUTHOR_DATE", &at).env("GIT_COMMITTER_DATE", &at);
        }
        let writing = self.begin_writing().await?;
        let output = self.run("merge", &merge, cancel).await?;
        if output.exit.success() {
            writing.done();
            return head().await.map(Merged::At);
        }
        let unmerged = self.git("diff").args(["--name-only", "--diff-filter=U", "-z", "--no-ext-diff"]);
        let files = self.answer("diff", unmerged, cancel).await?;
        let files: Vec<String> = files
            .split(|byte| *byte == 0)
            .filter(|name| !name.is_empty())
            .map(|name| os(name).to_string_lossy().into_owned())
            .collect();
        if files.is_empty() {
            return Err(self.failed("merge", &output));
        }
        self.ask("merge", self.git("merge").args(["--abort"]), cancel).await?;
        writing.done();
        Ok(Merged::Conflict(files))
    }

    /// Moves the branch in work, and its files, to a commit that comes after the newest one; whether it could.
    ///
    /// # Errors
    /// [`Error::NoGit`], [`Error::Busy`], [`Error::ForeignLock`], [`Error::Git`] where a file that is not committed is
    /// in the way.
    pub async fn fast_forward(&self, to: &Sha, cancel: &CancellationToken) -> Result<bool, Error> {
        let command = self.git("merge-base").args(["--is-ancestor", "HEAD", to.as_str()]);
        let output = self.run("merge-base", &command, cancel).await?;
        match output.exit {
            Exit::Code(0) => {}
            Exit::Code(1) => return Ok(false),
            _ => return Err(self.failed("merge-base", &output)),
        }
        let writing = self.begin_writing().await?;
        self.ask("merge", self.git("merge").args(["--quiet", "--ff-only", to.as_str()]), cancel).await?;
        writing.done();
        Ok(true)
    }

    /// What a commit changed since it left another's line, as a patch.
    ///
    /// # Errors
    /// [`Error::NoGit`], [`Error::Git`].
    pub async fn difference(&self, from: &Sha, to: &Sha, cancel: &CancellationToken) -> Result<String, Error> {
        let diff = self.git("diff").args(["--no-ext-diff", "--no-color", &format!("{from}...{to}")]);
        self.ask("diff", diff, cancel).await
    }

    /// Drops every branch below a name, like `cgo/RUN`.
    ///
    /// # Errors
    /// [`Error::NoGit`], [`Error::Git`].
    pub async fn drop_branches(&self, below: &str, cancel: &CancellationToken) -> Result<(), Error> {
        let list = self.git("for-each-ref").args(["--format=%(refname:short)"]).arg(format!("refs/heads/{below}/"));
        let names = self.ask("for-each-ref", list, cancel).await?;
        let names: Vec<&str> = names.lines().collect();
        if !names.is_empty() {
            let _turn = self.turn("branch", &self.git_dir, cancel).await?;
            self.ask("branch", self.git("branch").args(["--quiet", "-D", "--"]).args(names), cancel).await?;
        }
        Ok(())
    }
}

/// Removes a folder, if it is there.
fn remove(folder: &Path) -> Result<(), Error> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io_error("remove the folder", folder, error)),
        _ => Ok(()),
    }
}
