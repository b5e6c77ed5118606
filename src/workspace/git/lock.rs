//! Lock files that a killed git left behind.
//!
//! Git refuses to work while `index.lock` exists, and a `kill -9` leaves it for ever. Before cgo has git write, it
//! notes so beside the repository's own files; a lock found later is cgo's when that note is there, and is removed only
//! when no git process works in the repository. Every other lock is somebody else's and stays.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Error, Repository, io_error, os};
use crate::exec::identity;

/// The note's name, in the repository's own folder.
const NOTE: &str = "cgo-writes";
/// How long to wait for another git to finish.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// While it exists, git writes for cgo. Dropped without [`Writing::done`], the note stays, because locks may stay.
pub(super) struct Writing {
    note: Option<PathBuf>,
}

impl Writing {
    /// Git came back: whatever lock appears from now on is not cgo's.
    pub(super) fn done(self) {
        // A note that stays only means that a later lock may be taken for ours once no git lives.
        if let Some(note) = &self.note {
            let _ = fs::remove_file(note);
        }
    }
}

impl Repository {
    /// Waits for other git processes, removes what a killed git of ours left, and notes that cgo writes.
    pub(super) async fn begin_writing(&self) -> Result<Writing, Error> {
        if self.git_dir.is_file() {
            // A worktree: its locks are in the main repository, whose own commands deal with them.
            return Ok(Writing { note: None });
        }
        let note = self.git_dir.join(NOTE);
        let begun = Instant::now();
        while let Some(lock) = self.locks().into_iter().next() {
            if let Some(pid) = self.living_git() {
                if begun.elapsed() > PATIENCE {
                    return Err(Error::Busy { folder: self.folder.clone(), pid });
                }
                tokio::time::sleep(LOOK_EVERY).await;
            } else if !lock.exists() {
                // Its owner finished between the two looks.
            } else if note.exists() {
                match fs::remove_file(&lock) {
                    Err(source) if source.kind() != io::ErrorKind::NotFound => {
                        return Err(io_error("remove", &lock, source));
                    }
                    _ => {}
                }
            } else {
                return Err(Error::ForeignLock { lock });
            }
        }
        fs::create_dir_all(&self.git_dir).map_err(|source| io_error("make the folder", &self.git_dir, source))?;
        fs::write(&note, std::process::id().to_string()).map_err(|source| io_error("write", &note, source))?;
        Ok(Writing { note: Some(note) })
    }

    fn locks(&self) -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> = ["index.lock", "HEAD.lock", "config.lock", "packed-refs.lock"]
            .iter()
            .map(|name| self.git_dir.join(name))
            .filter(|path| path.exists())
            .collect();
        if let Ok(entries) = fs::read_dir(self.git_dir.join("refs/heads")) {
            let locks = entries.filter_map(|entry| Some(entry.ok()?.path()));
            found.extend(locks.filter(|path| path.extension().is_some_and(|extension| extension == "lock")));
        }
        found
    }

    /// A git process that names this repository or runs in its folder.
    fn living_git(&self) -> Option<u32> {
        identity::pids().into_iter().find(|pid| {
            let process = Path::new("/proc").join(pid.to_string());
            let Ok(line) = fs::read(process.join("cmdline")) else { return false };
            let mut arguments = line.split(|byte| *byte == 0);
            let program = Path::new(os(arguments.next().unwrap_or_default())).file_name().map(OsStrExt::as_bytes);
            if !program.is_some_and(|name| name == b"git" || name.starts_with(b"git-")) {
                return false;
            }
            let git_dir = self.git_dir.as_os_str().as_bytes();
            arguments.any(|argument| argument.strip_prefix(b"--git-dir=") == Some(git_dir))
                || fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd.starts_with(&self.folder))
        })
    }
}
