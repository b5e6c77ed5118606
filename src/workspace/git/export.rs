//! The files of one commit, in a folder of their own.

use std::fs::{self, File};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::command::joined;
use super::{Error, Repository, Sha, io_error};
use crate::exec::{self, Exit};
use crate::workspace::turn::{self, Missed};

/// How long others may be at work in a folder before it is given up; each git of theirs has a deadline of two minutes.
const TURN: Duration = Duration::from_mins(10);

impl Repository {
    /// Writes the commit's files to the folder `into`, which appears whole or not at all; its parents are made. What
    /// the commit says about archives (`export-ignore`, `export-subst`) is not heeded: all files are there, as they
    /// were tested. Submodules become empty folders. May be repeated: a folder that holds exactly these files, and
    /// perhaps others beside them, is left as it is.
    ///
    /// # Errors
    /// [`Error::NoCommit`], [`Error::LinkLeaves`] when a symbolic link leads out of the folder,
    /// [`Error::ExportExists`], [`Error::Io`], [`Error::Git`].
    pub async fn export(&self, sha: &Sha, into: &Path, cancel: &CancellationToken) -> Result<(), Error> {
        let object = format!("{sha}^{{commit}}");
        let found = self.run("cat-file", &self.git("cat-file").args(["-e", &object]), cancel).await?;
        if !found.exit.success() {
            return Err(Error::NoCommit { folder: self.folder.clone(), sha: sha.to_string() });
        }
        let into = std::path::absolute(into).map_err(|source| io_error("find the folder", into, source))?;
        let (Some(parent), Some(name)) = (into.parent(), into.file_name()) else {
            return Err(Error::ExportExists { into, sha: sha.to_string() });
        };
        fs::create_dir_all(parent).map_err(|source| io_error("make the folder", parent, source))?;
        // What is written now is not written to the repository.
        let there = |error| match error {
            Error::DiskFull { .. } => Error::DiskFull { folder: parent.to_owned() },
            other => other,
        };
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        let _turn = self.turn("checkout-index", parent, cancel).await?;
        let index = Removed(parent.join(joined_name(&hidden, ".cgo-index")));
        index.clear()?;
        index.outlive_lock().await?;
        let read = self.git("read-tree").arg(sha.as_str()).env("GIT_INDEX_FILE", &index.0);
        self.ask("read-tree", read, cancel).await.map_err(there)?;
        if into.symlink_metadata().is_ok() {
            return self.check_export(sha, &into, &index.0, cancel).await;
        }
        let staged = Removed(parent.join(joined_name(&hidden, ".cgo-export")));
        staged.clear()?;
        fs::create_dir(&staged.0).map_err(|source| io_error("make the folder", &staged.0, source))?;
        let mut prefix = joined("--prefix=", &staged.0);
        prefix.push("/");
        let checkout = self
            .git_on(&staged.0, "checkout-index")
            .args(["--all", "--force"])
            .arg(prefix)
            .env("GIT_INDEX_FILE", &index.0);
        self.ask("checkout-index", checkout, cancel).await.map_err(there)?;
        check_links(&staged.0)?;
        fs::rename(&staged.0, &into).map_err(|source| io_error("move the files to", &into, source))
    }

    /// Waits until nobody else is at work in a folder: two exports into one at the same moment would take each other's
    /// files away. The turn lasts as long as the file is open.
    pub(super) async fn turn(
        &self,
        command: &'static str,
        folder: &Path,
        cancel: &CancellationToken,
    ) -> Result<File, Error> {
        let failed = |source| io_error("lock the folder", folder, source);
        let open = File::open(folder).map_err(failed)?;
        let program = || "git".to_owned();
        let source = match turn::hold(&open, TURN, cancel).await {
            Ok(()) => return Ok(open),
            Err(Missed::Io(source)) => return Err(failed(source)),
            Err(Missed::Interrupted) => exec::Error::Cancelled { program: program() },
            Err(Missed::TimedOut) => exec::Error::Deadline { program: program(), after: TURN, evidence: Vec::new() },
        };
        Err(Error::Git { command, folder: self.folder.clone(), source })
    }

    /// Whether the folder holds every file of the index as it is.
    async fn check_export(
        &self,
        sha: &Sha,
        into: &Path,
        index: &Path,
        cancel: &CancellationToken,
    ) -> Result<(), Error> {
        let differs = || Error::ExportExists { into: into.to_owned(), sha: sha.to_string() };
        if !into.is_dir() {
            return Err(differs());
        }
        let on = |command| self.git_on(into, command).env("GIT_INDEX_FILE", index);
        self.run("update-index", &on("update-index").args(["-q", "--refresh"]), cancel).await?;
        let output =
            self.run("diff-files", &on("diff-files").args(["--quiet", "--ignore-submodules=all"]), cancel).await?;
        match output.exit {
            Exit::Code(0) => Ok(()),
            Exit::Code(1) => Err(differs()),
            _ => Err(self.failed("diff-files", &output)),
        }
    }
}

fn joined_name(name: &std::ffi::OsStr, ending: &str) -> std::ffi::OsString {
    let mut joined = name.to_owned();
    joined.push(ending);
    joined
}

/// A temporary file or folder, removed in the end and, where a killed process left it, before.
struct Removed(PathBuf);

/// How long a git that outlived the process that began it may take to end.
const ORPHAN: Duration = Duration::from_secs(2);

impl Removed {
    /// Git's lock beside the file: one that a killed git left is removed, one that a git still holds is waited for.
    async fn outlive_lock(&self) -> Result<(), Error> {
        let lock = self.lock();
        let begun = Instant::now();
        while lock.exists() {
            if begun.elapsed() >= ORPHAN {
                return fs::remove_file(&lock).map_err(|source| io_error("remove", &lock, source));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    fn lock(&self) -> PathBuf {
        let mut lock = self.0.clone().into_os_string();
        lock.push(".lock");
        PathBuf::from(lock)
    }

    fn clear(&self) -> Result<(), Error> {
        let result = match self.0.symlink_metadata() {
            Ok(found) if found.is_dir() => fs::remove_dir_all(&self.0),
            Ok(_) => fs::remove_file(&self.0),
            Err(_) => Ok(()),
        };
        result.map_err(|source| io_error("remove", &self.0, source))
    }
}

impl Drop for Removed {
    fn drop(&mut self) {
        // What stays is removed by the next export to the same place.
        let _ = self.clear();
        let _ = fs::remove_file(self.lock());
    }
}

/// Refuses symbolic links that lead out of the folder.
fn check_links(root: &Path) -> Result<(), Error> {
    let real_root = root.canonicalize().map_err(|source| io_error("find", root, source))?;
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).map_err(|source| io_error("read", &folder, source))?;
        for entry in entries {
            let entry = entry.map_err(|source| io_error("read", &folder, source))?;
            let path = entry.path();
            let kind = entry.file_type().map_err(|source| io_error("look at", &path, source))?;
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_symlink() {
                let target = fs::read_link(&path).map_err(|source| io_error("read the link", &path, source))?;
                let link = path.strip_prefix(root).unwrap_or(&path);
                let inside = !target.is_absolute()
                    && match path.canonicalize() {
                        Ok(real) => real.starts_with(&real_root),
                        Err(_) => stays_inside(link, &target),
                    };
                if !inside {
                    return Err(Error::LinkLeaves {
                        link: link.display().to_string(),
                        target: target.display().to_string(),
                    });
                }
            }
        }
    }
    Ok(())
}

/// Whether a link that leads nowhere yet stays below the root by its words: `..` only at its beginning, where it
/// cannot climb through another link, and no more of them than there are folders above the link.
fn stays_inside(link: &Path, target: &Path) -> bool {
    let depth = link.components().count().saturating_sub(1);
    let climbs = target.components().take_while(|part| *part == Component::ParentDir).count();
    climbs <= depth && target.components().skip(climbs).all(|part| part != Component::ParentDir)
}
