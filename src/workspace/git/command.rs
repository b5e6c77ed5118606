//! How git is run: on one repository, with nothing that was configured elsewhere.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Author, Error, Repository};
use crate::domain::last_words::tell_full_disk;
use crate::exec::{self, Command, Output};

/// How long one git command may take.
const DEADLINE: Duration = Duration::from_mins(2);
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

impl Repository {
    /// Who the user is to git: the only thing that is taken from the user's settings. Settings that cannot be read
    /// count as none.
    ///
    /// # Errors
    /// [`Error::NoGit`], [`Error::Git`].
    pub async fn user(&self, cancel: &CancellationToken) -> Result<Author, Error> {
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
                    Some(("user.name", name)) if usable(name) => name.clone_into(&mut author.name),
                    Some(("user.email", email)) if usable(email) => email.clone_into(&mut author.email),
                    _ => {}
                }
            }
        }
        Ok(author)
    }

    /// A git command on this repository and no other.
    pub(super) fn git(&self, command: &'static str) -> Command {
        self.git_on(&self.folder, command)
    }

    /// A git command on this repository's commits and the files of another folder.
    pub(super) fn git_on(&self, work_tree: &Path, command: &'static str) -> Command {
        base()
            .arg(joined("--git-dir=", &self.git_dir))
            .arg(joined("--work-tree=", work_tree))
            .arg(command)
            .directory(work_tree)
    }

    pub(super) async fn run(
        &self,
        name: &'static str,
        command: &Command,
        cancel: &CancellationToken,
    ) -> Result<Output, Error> {
        self.finish(name, exec::run(command, cancel).await)
    }

    /// Runs a command that must succeed.
    pub(super) async fn ask(
        &self,
        name: &'static str,
        command: Command,
        cancel: &CancellationToken,
    ) -> Result<String, Error> {
        self.answer(name, command, cancel).await.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Like [`Self::ask`], for an answer that may hold other bytes than text.
    pub(super) async fn answer(
        &self,
        name: &'static str,
        command: Command,
        cancel: &CancellationToken,
    ) -> Result<Vec<u8>, Error> {
        let command = command.keep(ANSWER_LIMIT);
        let output = self.finish(name, exec::run_ok(&command, cancel).await)?;
        if output.stdout.left_out() > 0 {
            return Err(Error::Answer { command: name, what: format!("it is longer than {ANSWER_LIMIT} bytes") });
        }
        Ok(output.stdout.bytes())
    }

    pub(super) fn finish(&self, command: &'static str, result: Result<Output, exec::Error>) -> Result<Output, Error> {
        result.map_err(|source| match source {
            exec::Error::NotFound { .. } => Error::NoGit,
            exec::Error::Failed { evidence, .. } if tell_full_disk(&evidence) => {
                Error::DiskFull { folder: self.folder.clone() }
            }
            source => Error::Git { command, folder: self.folder.clone(), source },
        })
    }

    pub(super) fn failed(&self, command: &'static str, output: &Output) -> Error {
        let source = exec::Error::Failed { program: "git".to_owned(), exit: output.exit, evidence: output.evidence() };
        Error::Git { command, folder: self.folder.clone(), source }
    }
}

/// `git` without anything that was configured outside the repository.
pub(super) fn base() -> Command {
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

pub(super) async fn check_version(cancel: &CancellationToken) -> Result<(), Error> {
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

pub(super) fn joined(option: &str, path: &Path) -> OsString {
    let mut argument = OsString::from(option);
    argument.push(path);
    argument
}
