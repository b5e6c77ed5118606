//! A project's folder as a git repository, through the `git` program.
//!
//! Every command names the repository and its work tree, so a repository around the folder is never meant by
//! mistake. Nothing the user or the machine configured takes part (hooks, templates, signing, line ends, ignore
//! files, `GIT_*` variables) but the user's name and address. A commit carries the key of the effect it is, as a
//! trailer, so that after a crash it can be looked for before it is made again. Only [`push`] talks to a remote, and
//! only to the one it is given. The module `command` says how git is run, `lock` deals with lock files that a killed
//! git left behind, `export` with the files of a commit, `worktree` with work on branches beside the folder.

mod command;
pub mod error;
mod export;
mod lock;
pub mod push;
pub mod worktree;

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

pub use error::Error;

use command::{base, check_version};

use crate::exec::{self, Exit};

/// The branch a new repository begins on.
pub const BRANCH: &str = "main";
/// The trailer that carries the effect's key.
pub const TRAILER: &str = "Cgo-Effect";
/// The full id of a commit, in lowercase hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sha(String);

impl Sha {
    /// Parses a full commit id; short ones and names of branches are none.
    ///
    /// # Errors
    /// [`Error::BadSha`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let full = matches!(text.len(), 40 | 64);
        if full && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::BadSha { text: text.chars().take(80).flat_map(char::escape_debug).collect() })
        }
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Sha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A person or program that a commit names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// The name.
    pub name: String,
    /// The mail address.
    pub email: String,
}

/// Who makes a commit and when, where that is not the user of this machine now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// Author and committer.
    pub author: Author,
    /// Seconds since 1970.
    pub at: i64,
}

/// What [`Repository::commit_all`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The commit that holds the folder's files.
    pub sha: Sha,
    /// How it came about.
    pub origin: Origin,
}

/// How a commit came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It was made now.
    Made,
    /// An earlier attempt at the same effect had made it.
    Found,
    /// Nothing had changed since the newest commit, so that one is it.
    Unchanged,
}

/// A file that differs from the newest commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedFile {
    /// Its path, relative to the folder.
    pub path: PathBuf,
    /// The two letters of `git status --porcelain`; `??` for a new file.
    pub status: String,
}

/// A folder that is the top of a git repository.
#[derive(Debug, Clone)]
pub struct Repository {
    folder: PathBuf,
    git_dir: PathBuf,
}

impl Repository {
    /// Opens the folder's repository, or makes the folder and begins a repository in it, on branch [`BRANCH`]. A
    /// repository that surrounds the folder does not count. May be repeated, also after a crash in the middle.
    ///
    /// # Errors
    /// [`Error::NoGit`], [`Error::GitTooOld`], [`Error::Busy`], [`Error::ForeignLock`], [`Error::Io`], [`Error::Git`].
    pub async fn init_or_open(folder: &Path, cancel: &CancellationToken) -> Result<Self, Error> {
        std::fs::create_dir_all(folder).map_err(|source| io_error("make the folder", folder, source))?;
        let repository = Self::at(folder)?;
        if repository.is_there() {
            return Ok(repository);
        }
        check_version(cancel).await?;
        let writing = repository.begin_writing().await?;
        let branch = format!("--initial-branch={BRANCH}");
        let folder = repository.folder.clone();
        let init = base().args(["init", "--quiet", "--template=", &branch, "--"]).arg(&folder).directory(&folder);
        repository.finish("init", exec::run_ok(&init, cancel).await)?;
        writing.done();
        Ok(repository)
    }

    /// Opens the folder's repository.
    ///
    /// # Errors
    /// [`Error::NotARepository`], also where only a folder around it is one; [`Error::Io`].
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let repository = Self::at(folder)?;
        if repository.is_there() { Ok(repository) } else { Err(Error::NotARepository { folder: folder.to_owned() }) }
    }

    fn at(folder: &Path) -> Result<Self, Error> {
        let folder = folder.canonicalize().map_err(|source| io_error("find the folder", folder, source))?;
        Ok(Self { git_dir: folder.join(".git"), folder })
    }

    /// A `git init` that was killed leaves a part of these; running it again completes them. A `.git` file points to
    /// the repository of a worktree.
    fn is_there(&self) -> bool {
        let complete = ["HEAD", "config", "objects", "refs"].iter().all(|name| self.git_dir.join(name).exists());
        self.git_dir.is_file() || (complete && !self.git_dir.join("config.lock").exists())
    }

    /// The folder, as an absolute path.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The newest commit of the branch in work; `None` before the first.
    ///
    /// # Errors
    /// [`Error::NoGit`], [`Error::Git`].
    pub async fn head(&self, cancel: &CancellationToken) -> Result<Option<Sha>, Error> {
        let command = self.git("rev-parse").args(["--verify", "--quiet", "HEAD^{commit}"]);
        let output = self.run("rev-parse", &command, cancel).await?;
        match output.exit {
            Exit::Code(0) => Sha::parse(output.stdout.text().trim_end()).map(Some),
            Exit::Code(1) => Ok(None),
            _ => Err(self.failed("rev-parse", &output)),
        }
    }

    /// The commit of this effect, looked for in everything the repository's branches and tags reach; the newest where
    /// there are several.
    ///
    /// # Errors
    /// [`Error::BadKey`], [`Error::NoGit`], [`Error::Git`].
    pub async fn find_commit_by_effect(&self, key: &str, cancel: &CancellationToken) -> Result<Option<Sha>, Error> {
        check_key(key)?;
        let command = self
            .git("log")
            .args(["--all", "--fixed-strings", &format!("--grep={TRAILER}: {key}"), "--no-show-signature"])
            .arg(format!("--format=%H%x00%(trailers:key={TRAILER},valueonly,unfold,separator=%x00)%x00%x00"));
        let answer = self.ask("log", command, cancel).await?;
        for record in answer.split("\0\0") {
            let mut parts = record.trim_start_matches('\n').split('\0');
            let sha = parts.next().unwrap_or_default();
            if parts.any(|value| value.trim_end_matches('\n') == key) {
                return Sha::parse(sha).map(Some);
            }
        }
        Ok(None)
    }

    /// Commits all of the folder's files that are not ignored, with the effect's key as a trailer; may be repeated:
    /// there is one commit for a key. Without a `stamp` it carries the user's own name in git, else cgo's, and this
    /// moment. Where nothing changed since the newest commit, no commit is made.
    ///
    /// # Errors
    /// [`Error::BadKey`], [`Error::NoGit`], [`Error::Busy`], [`Error::ForeignLock`], [`Error::Git`], [`Error::Io`].
    pub async fn commit_all(
        &self,
        message: &str,
        key: &str,
        stamp: Option<&Stamp>,
        cancel: &CancellationToken,
    ) -> Result<Commit, Error> {
        if let Some(sha) = self.find_commit_by_effect(key, cancel).await? {
            return Ok(Commit { sha, origin: Origin::Found });
        }
        let writing = self.begin_writing().await?;
        self.ask("add", self.git("add").args(["--all", "--", "."]), cancel).await?;
        if let Some(sha) = self.head(cancel).await? {
            let difference = self.git("diff-index").args(["--cached", "--quiet", sha.as_str(), "--"]);
            let output = self.run("diff-index", &difference, cancel).await?;
            match output.exit {
                Exit::Code(0) => {
                    writing.done();
                    return Ok(Commit { sha, origin: Origin::Unchanged });
                }
                Exit::Code(1) => {}
                _ => return Err(self.failed("diff-index", &output)),
            }
        }
        let author = match stamp {
            Some(stamp) => stamp.author.clone(),
            None => self.user(cancel).await?,
        };
        let text = format!("{}\n\n{TRAILER}: {key}\n", message.trim_end());
        let mut commit = self
            .git("commit")
            .args(["--quiet", "--no-verify", "--no-gpg-sign", "--allow-empty", "--allow-empty-message", "--file=-"])
            .env("GIT_AUTHOR_NAME", &author.name)
            .env("GIT_AUTHOR_EMAIL", &author.email)
            .env("GIT_COMMITTER_NAME", &author.name)
            .env("GIT_COMMITTER_EMAIL", &author.email)
            .stdin(text);
        if let Some(stamp) = stamp {
            let at = format!("@{} +0000", stamp.at);
            commit = commit.env("GIT_AUTHOR_DATE", &at).env("GIT_COMMITTER_DATE", &at);
        }
        self.ask("commit", commit, cancel).await?;
        writing.done();
        let made = self.head(cancel).await?;
        made.map(|sha| Commit { sha, origin: Origin::Made })
            .ok_or_else(|| Error::Answer { command: "commit", what: "no commit came of it".to_owned() })
    }

    /// Names a remote `origin`, for people who use git in the folder. One that is named already stays.
    ///
    /// # Errors
    /// [`Error::NoGit`], [`Error::Busy`], [`Error::ForeignLock`], [`Error::Git`].
    pub async fn set_origin(&self, remote: &push::Remote, cancel: &CancellationToken) -> Result<(), Error> {
        let query = self.git("config").args(["--local", "--get", "remote.origin.url"]);
        if self.run("config", &query, cancel).await?.exit == Exit::Code(0) {
            return Ok(());
        }
        let writing = self.begin_writing().await?;
        self.ask("remote", self.git("remote").args(["add", "--", "origin", remote.url()]), cancel).await?;
        writing.done();
        Ok(())
    }

    /// The commits after `base`, as a stream for [`Self::import`]; empty where there are none.
    ///
    /// # Errors
    /// [`Error::NoGit`], [`Error::Git`], [`Error::Answer`] when a file in them is no text.
    pub async fn export_since(&self, base: &Sha, branch: &str, cancel: &CancellationToken) -> Result<String, Error> {
        if self.head(cancel).await?.as_ref() == Some(base) {
            return Ok(String::new());
        }
        let range = format!("{base}..refs/heads/{branch}");
        let command = self.git("fast-export").args([
            "--reference-excluded-parents",
            "--signed-tags=strip",
            "--reencode=no",
            &range,
        ]);
        let stream = self.answer("fast-export", command, cancel).await?;
        String::from_utf8(stream).map_err(|_| Error::Answer {
            command: "fast-export",
            what: "a commit holds a file that is no text".to_owned(),
        })
    }

    /// Makes the commits of a stream again, the same in every byte, and brings the folder to the newest of them.
    ///
    /// # Errors
    /// [`Error::NoGit`], [`Error::Git`].
    pub async fn import(&self, stream: &str, branch: &str, cancel: &CancellationToken) -> Result<(), Error> {
        self.ask(
            "fast-import",
            self.git("fast-import").args(["--quiet", "--done"]).stdin(format!("{stream}done\n")),
            cancel,
        )
        .await?;
        self.ask("reset", self.git("reset").args(["--quiet", "--hard", branch]), cancel).await?;
        Ok(())
    }

    /// The files of a commit with a comment `cgo: irreversible: REASON` on a line of its own, each with its first reason.
    /// Texts for people, which may tell of such a line, are left out.
    ///
    /// # Errors
    /// [`Error::NoGit`], [`Error::Git`] when there is no such commit, [`Error::Answer`].
    pub async fn irreversible(&self, commit: &Sha, cancel: &CancellationToken) -> Result<Vec<(String, String)>, Error> {
        const LINE: &str = "^[[:space:]]*(#|--|//)[[:space:]]*cgo: irreversible";
        let command = self.git("grep").args(["-I", "-z", "--max-count=1", "-E", "-e", LINE, commit.as_str()]);
        let output = self.run("grep", &command, cancel).await?;
        match output.exit {
            Exit::Code(0) => {}
            // There is none; a commit that is not there is another code.
            Exit::Code(1) => return Ok(Vec::new()),
            _ => return self.answer("grep", command, cancel).await.map(|_| Vec::new()),
        }
        let text = output.stdout.text();
        let marks = text.lines().filter_map(|line| {
            let (path, said) = line.split_once('\0')?;
            let path = path.split_once(':').map_or(path, |(_, path)| path);
            if Path::new(path).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("md")) {
                return None;
            }
            let (_, reason) = said.split_once("cgo: irreversible")?;
            let reason = reason.trim_start_matches(':').trim();
            let reason = if reason.is_empty() { "it cannot be undone" } else { reason };
            Some((path.to_owned(), reason.to_owned()))
        });
        Ok(marks.collect())
    }

    /// The files that differ from the newest commit, new ones with them, ignored ones not.
    ///
    /// # Errors
    /// [`Error::NoGit`], [`Error::Git`], [`Error::Answer`].
    pub async fn changed_files(&self, cancel: &CancellationToken) -> Result<Vec<ChangedFile>, Error> {
        let command = self.git("status").args(["--porcelain=v1", "-z", "--untracked-files=all", "--no-renames"]);
        let output = self.answer("status", command, cancel).await?;
        output
            .split(|byte| *byte == 0)
            .filter(|record| !record.is_empty())
            .map(|record| match record {
                [first, second, b' ', path @ ..] => Ok(ChangedFile {
                    path: PathBuf::from(os(path)),
                    status: [char::from(*first), char::from(*second)].iter().collect(),
                }),
                _ => Err(Error::Answer { command: "status", what: String::from_utf8_lossy(record).into_owned() }),
            })
            .collect()
    }

    /// Whether the folder holds exactly the newest commit.
    ///
    /// # Errors
    /// As [`Self::changed_files`].
    pub async fn is_clean(&self, cancel: &CancellationToken) -> Result<bool, Error> {
        Ok(self.changed_files(cancel).await?.is_empty())
    }
}

fn check_key(key: &str) -> Result<(), Error> {
    let fits = !key.is_empty() && key.len() <= 200 && key.trim() == key && !key.chars().any(char::is_control);
    if fits { Ok(()) } else { Err(Error::BadKey { key: key.chars().take(80).flat_map(char::escape_debug).collect() }) }
}

fn os(bytes: &[u8]) -> &OsStr {
    std::os::unix::ffi::OsStrExt::from_bytes(bytes)
}

fn io_error(doing: &'static str, path: &Path, source: io::Error) -> Error {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::DiskFull { folder: path.to_owned() },
        _ => Error::Io { doing, path: path.to_owned(), source },
    }
}

#[cfg(test)]
mod tests;
