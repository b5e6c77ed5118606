//! A project's folder as a git repository, through the `git` program.
//!
//! Every command names the repository and its work tree, so a repository around the folder is never meant by
//! mistake. Nothing the user or the machine configured takes part (hooks, templates, signing, line ends, ignore
//! files, `GIT_*` variables) but the user's name and address. A commit carries the key of the effect it is, as a
//! trailer, so that after a crash it can be looked for before it is made again. Nothing here talks to a remote.
//! [`lock`] deals with lock files that a killed git left behind, [`export`] with the files of a commit.

pub mod error;
mod export;
mod lock;

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

pub use error::Error;

use crate::exec::{self, Command, Exit, Output};

/// The branch a new repository begins on.
pub const BRANCH: &str = "main";
/// The trailer that carries the effect's key.
pub const TRAILER: &str = "Cgo-Effect";
/// How long one git command may take.
const DEADLINE: Duration = Duration::from_secs(120);
/// Output kept of a command whose whole answer is needed, in bytes.
const ANSWER_LIMIT: usize = 64 * 1024 * 1024;

/// Settings that win over those of the repository itself.
const SETTINGS: [&str; 24] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.excludesFile=/dev/null",
    "core.attributesFile=/dev/null",
    "core.autocrlf=false",
    "core.eol=lf",
    "core.safecrlf=false",
    "core.symlinks=true",
    "core.bare=false",
    "core.commentChar=#",
    // A commit that was reported is there after a power cut.
    "core.fsync=loose-object,pack,reference",
    "core.fsyncMethod=batch",
    "commit.gpgSign=false",
    "commit.cleanup=whitespace",
    "i18n.commitEncoding=UTF-8",
    "i18n.logOutputEncoding=UTF-8",
    "log.showSignature=false",
    "color.ui=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "submodule.recurse=false",
    "advice.addEmbeddedRepo=false",
    "protocol.allow=never",
    "init.defaultRefFormat=files",
];

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
    /// there is one commit for a key. `author` defaults to the user's own name in git, else to cgo. Where nothing
    /// changed since the newest commit, no commit is made.
    ///
    /// # Errors
    /// [`Error::BadKey`], [`Error::NoGit`], [`Error::Busy`], [`Error::ForeignLock`], [`Error::Git`], [`Error::Io`].
    pub async fn commit_all(
        &self,
        message: &str,
        key: &str,
        author: Option<&Author>,
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
        let committer = self.user(cancel).await?;
        let author = author.unwrap_or(&committer);
        let text = format!("{}\n\n{TRAILER}: {key}\n", message.trim_end());
        let commit = self
            .git("commit")
            .args(["--quiet", "--no-verify", "--no-gpg-sign", "--allow-empty", "--allow-empty-message", "--file=-"])
            .env("GIT_AUTHOR_NAME", &author.name)
            .env("GIT_AUTHOR_EMAIL", &author.email)
            .env("GIT_COMMITTER_NAME", &committer.name)
            .env("GIT_COMMITTER_EMAIL", &committer.email)
            .stdin(text);
        self.ask("commit", commit, cancel).await?;
        writing.done();
        let made = self.head(cancel).await?;
        made.map(|sha| Commit { sha, origin: Origin::Made })
            .ok_or_else(|| Error::Answer { command: "commit", what: "no commit came of it".to_owned() })
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

    /// Who the user is to git: the only thing that is taken from the user's settings. Settings that cannot be read
    /// count as none.
    async fn user(&self, cancel: &CancellationToken) -> Result<Author, Error> {
        let mut query = Command::new("git").directory(&self.folder).deadline(DEADLINE).env("LC_ALL", "C");
        if let Some(folder) = std::env::var_os("XDG_CONFIG_HOME") {
            query = query.env("XDG_CONFIG_HOME", folder);
        }
        let query = query.arg(joined("--git-dir=", &self.git_dir)).args([
            "config",
            "--includes",
            "--null",
            "--get-regexp",
            "^user\\.(name|email)$",
        ]);
        let output = self.run("config", &query, cancel).await?;
        let mut author = Author { name: "cgo".to_owned(), email: "cgo@localhost".to_owned() };
        if output.exit.success() {
            let usable = |value: &str| value.chars().any(char::is_alphanumeric);
            for entry in output.stdout.text().split('\0') {
                match entry.split_once('\n') {
                    Some(("user.name", name)) if usable(name) => author.name = name.to_owned(),
                    Some(("user.email", email)) if usable(email) => author.email = email.to_owned(),
                    _ => {}
                }
            }
        }
        Ok(author)
    }

    /// A git command on this repository and no other.
    fn git(&self, command: &'static str) -> Command {
        self.git_on(&self.folder, command)
    }

    /// A git command on this repository's commits and the files of another folder.
    fn git_on(&self, work_tree: &Path, command: &'static str) -> Command {
        base()
            .arg(joined("--git-dir=", &self.git_dir))
            .arg(joined("--work-tree=", work_tree))
            .arg(command)
            .directory(work_tree)
    }

    async fn run(&self, name: &'static str, command: &Command, cancel: &CancellationToken) -> Result<Output, Error> {
        self.finish(name, exec::run(command, cancel).await)
    }

    /// Runs a command that must succeed.
    async fn ask(&self, name: &'static str, command: Command, cancel: &CancellationToken) -> Result<String, Error> {
        self.answer(name, command, cancel).await.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Like [`Self::ask`], for an answer that may hold other bytes than text.
    async fn answer(&self, name: &'static str, command: Command, cancel: &CancellationToken) -> Result<Vec<u8>, Error> {
        let command = command.keep(ANSWER_LIMIT);
        let output = self.finish(name, exec::run_ok(&command, cancel).await)?;
        if output.stdout.left_out() > 0 {
            return Err(Error::Answer { command: name, what: format!("it is longer than {ANSWER_LIMIT} bytes") });
        }
        Ok(output.stdout.bytes())
    }

    fn finish(&self, command: &'static str, result: Result<Output, exec::Error>) -> Result<Output, Error> {
        result.map_err(|source| match source {
            exec::Error::NotFound { .. } => Error::NoGit,
            source => Error::Git { command, folder: self.folder.clone(), source },
        })
    }

    fn failed(&self, command: &'static str, output: &Output) -> Error {
        let source = exec::Error::Failed { program: "git".to_owned(), exit: output.exit, evidence: output.evidence() };
        Error::Git { command, folder: self.folder.clone(), source }
    }
}

/// `git` without anything that was configured outside the repository.
fn base() -> Command {
    let mut command = Command::new("git")
        .deadline(DEADLINE)
        .env("LC_ALL", "C")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_ATTR_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_NO_LAZY_FETCH", "1")
        .args(["--no-pager", "--literal-pathspecs", "--no-replace-objects"]);
    for setting in SETTINGS {
        command = command.args(["-c", setting]);
    }
    command
}

async fn check_version(cancel: &CancellationToken) -> Result<(), Error> {
    let output = exec::run_ok(&base().arg("--version"), cancel).await.map_err(|source| match source {
        exec::Error::NotFound { .. } => Error::NoGit,
        source => Error::Git { command: "--version", folder: PathBuf::from("."), source },
    })?;
    let text = output.stdout.text();
    let found = text.trim().strip_prefix("git version ").unwrap_or(text.trim()).to_owned();
    let mut numbers = found.split(['.', ' ']).map_while(|part| part.parse::<u32>().ok());
    let (major, minor) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if (major, minor) >= (2, 28) { Ok(()) } else { Err(Error::GitTooOld { found }) }
}

fn check_key(key: &str) -> Result<(), Error> {
    let fits = !key.is_empty() && key.len() <= 200 && key.trim() == key && !key.chars().any(char::is_control);
    if fits { Ok(()) } else { Err(Error::BadKey { key: key.chars().take(80).flat_map(char::escape_debug).collect() }) }
}

fn joined(option: &str, path: &Path) -> std::ffi::OsString {
    let mut argument = std::ffi::OsString::from(option);
    argument.push(path);
    argument
}

fn os(bytes: &[u8]) -> &OsStr {
    std::os::unix::ffi::OsStrExt::from_bytes(bytes)
}

fn io_error(doing: &'static str, path: &Path, source: io::Error) -> Error {
    Error::Io { doing, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests;
