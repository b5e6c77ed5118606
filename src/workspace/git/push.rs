//! Bringing a commit to a remote over HTTPS, and asking a remote where a branch stands.
//!
//! Neither takes part in what the repository configures: git works in a bare repository of its own that only borrows
//! the objects, so no rewritten address, proxy, hook or helper of the project's sees the key. The key is in git's
//! environment, from where a helper hands it to git when the very machine it belongs to asks for it; it is in no
//! argument, address or file. Nothing is ever forced.

use std::path::Path;
use std::time::Duration;

use reqwest::Url;
use tokio_util::sync::CancellationToken;

use super::command::{base, joined};
use super::{Error, Repository, Sha, io_error, os};
use crate::domain::names::BranchName;
use crate::exec::{self, Command, Exit, Output};
use crate::net::{Key, is_loopback, text};

/// How long a push may take.
const DEADLINE: Duration = Duration::from_mins(10);
/// How many lines of each stream are looked at.
const LINES: usize = 60;
/// The variable the helper takes the key from.
const VARIABLE: &str = "CGO_GIT_PASSWORD";
/// The user name that goes with a token.
const USER: &str = "x-access-token";
/// Hands the key to git. The shell that runs it has `printf` built in, so no program is given the key.
const HELPER: &str =
    r#"!f() { test "$1" = get && printf 'username=%s\npassword=%s\n' "$CGO_GIT_USER" "$CGO_GIT_PASSWORD"; }; f"#;
/// Variables of cgo's own environment that say how to reach the network.
const NETWORK: [&str; 11] = [
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GIT_SSL_CAINFO",
];

/// A repository somewhere else.
#[derive(Debug, Clone)]
pub struct Remote {
    url: Url,
    key: Key,
}

/// Why a remote did not take a commit, or could not be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The remote has commits that this one does not build on.
    NotFastForward,
    /// The branch is protected, or a rule of the repository refuses the commit.
    Protected,
    /// The token may not change workflow files.
    WorkflowScope,
    /// The remote found a secret in a commit.
    Secret,
    /// A file is longer than the remote takes.
    TooLarge,
    /// The remote refuses it for another reason.
    Declined,
    /// The remote does not know the key.
    Key,
    /// The key is good, and not for this.
    Forbidden,
    /// It is not there, or the key may not see it.
    NotFound,
    /// It has moved.
    Moved,
    /// It cannot be reached.
    Unreachable,
    /// The connection broke, or it took too long: it may have arrived.
    Unknown,
}

impl Refusal {
    /// The refusal in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::NotFastForward => "it has commits that are not here",
            Self::Protected => "the branch is protected",
            Self::WorkflowScope => "the token may not change workflow files",
            Self::Secret => "it found a secret in a commit",
            Self::TooLarge => "a file is too large",
            Self::Declined => "it declined",
            Self::Key => "it refuses the token",
            Self::Forbidden => "the token may not push",
            Self::NotFound => "it is not there, or the token has no access to it",
            Self::Moved => "it has moved",
            Self::Unreachable => "it cannot be reached",
            Self::Unknown => "nobody knows whether it arrived",
        }
    }
}

/// What a push came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// The branch has moved to the commit.
    Moved,
    /// It stood there before.
    Unchanged,
}

impl Remote {
    /// A remote by its address and the key for it.
    ///
    /// # Errors
    /// [`Error::BadRemote`] unless the address is secure or on this machine, and holds no name or password.
    pub fn new(url: &str, key: Key) -> Result<Self, Error> {
        let parsed = Url::parse(url).ok().filter(|url| {
            let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
            plain && (url.scheme() == "https" || url.scheme() == "http" && is_loopback(url)) && url.fragment().is_none()
        });
        match parsed {
            Some(url) if key.header("").is_ok() && !key.is_empty() => Ok(Self { url, key }),
            Some(_) | None => Err(Error::BadRemote { url: key.hide_in(&text::line(url)) }),
        }
    }

    /// The address, which holds no key.
    #[must_use]
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// git in a bare repository, with the helper for this remote's machine and no other.
    fn git(&self, bare: &Path) -> Command {
        let mut command = base().deadline(DEADLINE).directory(bare);
        let scheme = self.url.scheme();
        let origin = self.url.origin().ascii_serialization();
        let mut all = vec![
            format!("protocol.{scheme}.allow=always"),
            "http.followRedirects=false".to_owned(),
            "credential.helper=".to_owned(),
            format!("credential.{origin}.helper={HELPER}"),
            "push.followTags=false".to_owned(),
            "push.negotiate=false".to_owned(),
            "core.bare=true".to_owned(),
        ];
        if is_loopback(&self.url) {
            all.push("http.proxy=".to_owned());
        }
        for setting in all {
            command = command.args(["-c", &setting]);
        }
        for name in NETWORK {
            if let Some(value) = std::env::var_os(name) {
                command = command.env(name, value);
            }
        }
        command
            .env("CGO_GIT_USER", USER)
            .env(VARIABLE, self.key.reveal())
            .env("HOME", bare)
            .arg(joined("--git-dir=", bare))
    }

    /// Runs git to its end; what it says of a failure becomes a [`Refusal`].
    async fn run(
        &self,
        name: &'static str,
        branch: &BranchName,
        command: &Command,
        cancel: &CancellationToken,
    ) -> Result<Output, Error> {
        let refused = |why, said| {
            let (url, branch) = (self.url().to_owned(), branch.to_string());
            Error::Remote { command: name, url, branch, why, said }
        };
        match exec::run(command, cancel).await {
            Ok(output) if output.exit.success() => Ok(output),
            Ok(output) => {
                let lines = [output.stdout.last_lines(LINES), output.stderr.last_lines(LINES)].concat();
                let lines: Vec<String> = lines.iter().map(|line| self.key.hide_in(line)).collect();
                Err(refused(reason(name, &lines), said(&lines)))
            }
            Err(exec::Error::NotFound { .. }) => Err(Error::NoGit),
            Err(error @ exec::Error::Deadline { .. }) => Err(refused(Refusal::Unknown, error.to_string())),
            Err(source) => Err(Error::Git { command: name, folder: Path::new(self.url()).to_owned(), source }),
        }
    }
}

/// What git's lines mean. They are those of git 2.28 and newer in English, and of GitHub.
fn reason(command: &str, lines: &[String]) -> Refusal {
    /// The first row of which a word is said; the more telling ones come first.
    const TABLE: [(Refusal, &[&str]); 12] = [
        (Refusal::WorkflowScope, &["without `workflow` scope", "without `workflows` permission"]),
        (Refusal::Secret, &["push protection", "secret scanning"]),
        (Refusal::TooLarge, &["gh001", "file size limit", "returned error: 413", "http 413"]),
        (Refusal::Protected, &["protected branch", "gh006", "gh013", "repository rule violations"]),
        (Refusal::NotFastForward, &["(non-fast-forward)", "(fetch first)", "(stale info)"]),
        (Refusal::Declined, &["[remote rejected]", "[rejected]"]),
        (
            Refusal::Key,
            &["authentication failed", "could not read username", "could not read password", "returned error: 401"],
        ),
        (Refusal::Forbidden, &["returned error: 403", "http 403", "permission to", "access not granted"]),
        (Refusal::NotFound, &["repository not found", "' not found", "returned error: 404"]),
        (Refusal::Moved, &["returned error: 301", "returned error: 302", "returned error: 307", "returned error: 308"]),
        // From here on it may have arrived.
        (Refusal::Unknown, &["rpc failed", "hung up unexpectedly", "unexpected disconnect"]),
        (Refusal::Unreachable, &["unable to access", "could not resolve", "failed to connect", "couldn't connect"]),
    ];
    let text = lines.join("\n").to_lowercase();
    let found = TABLE.iter().find(|(_, words)| words.iter().any(|word| text.contains(word))).map(|(why, _)| *why);
    match (found, command) {
        (Some(Refusal::Unknown) | None, "ls-remote") => Refusal::Unreachable,
        (found, _) => found.unwrap_or(Refusal::Unknown),
    }
}

/// The lines that say why: that of the branch, that of the remote, that of git.
fn said(lines: &[String]) -> String {
    let branch = lines.iter().find_map(|line| line.strip_prefix("!\t")?.split('\t').nth(1));
    let remote = lines.iter().find_map(|line| line.strip_prefix("remote: error: ")).or_else(|| {
        let mut spoken = lines.iter().filter_map(|line| line.strip_prefix("remote: "));
        spoken.find(|words| words.chars().any(char::is_alphabetic))
    });
    let git = lines.iter().find_map(|line| line.strip_prefix("fatal: "));
    let told: Vec<&str> = [branch, remote, git].into_iter().flatten().map(str::trim).take(2).collect();
    if told.is_empty() { text::line(&lines.join(" ")) } else { text::line(&told.join("; ")) }
}

impl Repository {
    /// Where a branch of a remote stands; none where there is no such branch. `scratch` is a folder for git to work in;
    /// it is made anew and removed.
    ///
    /// # Errors
    /// [`Error::Remote`], [`Error::NoGit`], [`Error::Io`], [`Error::Git`].
    pub async fn remote_branch(
        &self,
        remote: &Remote,
        branch: &BranchName,
        scratch: &Path,
        cancel: &CancellationToken,
    ) -> Result<Option<Sha>, Error> {
        let bare = Bare::new(scratch, "sha1", cancel).await?;
        let name = format!("refs/heads/{branch}");
        let command = remote.git(bare.folder).args(["ls-remote", "--refs", "--", remote.url(), &name]);
        let output = remote.run("ls-remote", branch, &command, cancel).await?;
        let text = output.stdout.text();
        let found = text.lines().find_map(|line| line.split_once('\t').filter(|(_, found)| *found == name));
        found.map(|(sha, _)| Sha::parse(sha)).transpose()
    }

    /// Brings a commit to a branch of a remote, which has it afterwards: the remote is asked. A branch that has
    /// commits this one does not build on is left as it is. May be repeated. `scratch` as in [`Self::remote_branch`].
    ///
    /// # Errors
    /// [`Error::Remote`] with the [`Refusal`]; [`Error::NoCommit`], [`Error::NoGit`], [`Error::Io`], [`Error::Git`].
    pub async fn push(
        &self,
        remote: &Remote,
        sha: &Sha,
        branch: &BranchName,
        scratch: &Path,
        cancel: &CancellationToken,
    ) -> Result<Pushed, Error> {
        let known = self.git("rev-parse").args(["--verify", "--quiet", &format!("{sha}^{{commit}}")]);
        let output = self.run("rev-parse", &known, cancel).await?;
        match output.exit {
            Exit::Code(0) => {}
            Exit::Code(1) => {
                return Err(Error::NoCommit { folder: self.folder.clone(), sha: sha.to_string() });
            }
            _ => return Err(self.failed("rev-parse", &output)),
        }
        let objects = self.answer("rev-parse", self.git("rev-parse").args(["--git-path", "objects"]), cancel).await?;
        let objects = self.folder.join(os(objects.strip_suffix(b"\n").unwrap_or(&objects)));
        let format = if sha.as_str().len() == 64 { "sha256" } else { "sha1" };
        let bare = Bare::new(scratch, format, cancel).await?;
        let spec = format!("{sha}:refs/heads/{branch}");
        let command = remote
            .git(bare.folder)
            .env("GIT_OBJECT_DIRECTORY", &objects)
            .args(["push", "--porcelain", "--no-verify", "--no-signed", "--no-follow-tags", "--recurse-submodules=no"])
            .args(["--", remote.url(), &spec]);
        let output = remote.run("push", branch, &command, cancel).await?;
        drop(bare);
        let text = output.stdout.text();
        let unchanged = text.lines().any(|line| line.starts_with("=\t"));
        let stands = self.remote_branch(remote, branch, scratch, cancel).await?;
        if stands.as_ref() == Some(sha) {
            return Ok(if unchanged { Pushed::Unchanged } else { Pushed::Moved });
        }
        Err(Error::Remote {
            command: "push",
            url: remote.url().to_owned(),
            branch: branch.to_string(),
            why: Refusal::Unknown,
            said: stands.map_or_else(|| "the branch is not there".to_owned(), |sha| format!("the branch is at {sha}")),
        })
    }
}

/// A bare repository with nothing in it, gone with this value.
struct Bare<'a> {
    folder: &'a Path,
}

impl<'a> Bare<'a> {
    async fn new(folder: &'a Path, format: &str, cancel: &CancellationToken) -> Result<Self, Error> {
        remove(folder)?;
        std::fs::create_dir_all(folder).map_err(|source| io_error("make the folder", folder, source))?;
        let bare = Self { folder };
        let init = base()
            .args(["init", "--quiet", "--bare", "--template=", &format!("--object-format={format}"), "--"])
            .arg(folder)
            .directory(folder);
        exec::run_ok(&init, cancel).await.map_err(|source| match source {
            exec::Error::NotFound { .. } => Error::NoGit,
            source => Error::Git { command: "init", folder: folder.to_owned(), source },
        })?;
        Ok(bare)
    }
}

impl Drop for Bare<'_> {
    fn drop(&mut self) {
        // What is left is removed by the next one.
        let _ = remove(self.folder);
    }
}

fn remove(folder: &Path) -> Result<(), Error> {
    match std::fs::remove_dir_all(folder) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(io_error("remove the folder", folder, source))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn what_github_says_of_a_push_is_understood() {
        let workflow = "!\tabc:refs/heads/main\t[remote rejected] (refusing to allow a Personal Access Token to create or update workflow `.github/workflows/ci.yml` without `workflow` scope)\nDone\nerror: failed to push some refs to 'https://github.com/o/r.git'";
        let rows = [
            (workflow, Refusal::WorkflowScope),
            (
                "!\ta:refs/heads/main\t[remote rejected] (refusing to allow a GitHub App to create or update workflow `.github/workflows/ci.yml` without `workflows` permission)",
                Refusal::WorkflowScope,
            ),
            (
                "!\ta:b\t[remote rejected] (protected branch hook declined)\nremote: error: GH006: Protected branch update failed for refs/heads/main.",
                Refusal::Protected,
            ),
            (
                "!\ta:b\t[remote rejected] (push declined due to repository rule violations)\nremote: error: GH013: Repository rule violations found for refs/heads/main.\nremote: - GITHUB PUSH PROTECTION",
                Refusal::Secret,
            ),
            (
                "!\ta:b\t[remote rejected] (pre-receive hook declined)\nremote: error: GH001: Large files detected.",
                Refusal::TooLarge,
            ),
            ("!\ta:b\t[rejected] (fetch first)", Refusal::NotFastForward),
            ("!\ta:b\t[remote rejected] (pre-receive hook declined)", Refusal::Declined),
            (
                "remote: Invalid username or token. Password authentication is not supported for Git operations.\nfatal: Authentication failed for 'https://github.com/o/r.git/'",
                Refusal::Key,
            ),
            (
                "remote: Permission to o/r.git denied to mona.\nfatal: unable to access 'https://github.com/o/r.git/': The requested URL returned error: 403",
                Refusal::Forbidden,
            ),
            (
                "remote: Repository not found.\nfatal: repository 'https://github.com/o/r.git/' not found",
                Refusal::NotFound,
            ),
            ("fatal: unable to access 'https://x/': The requested URL returned error: 301", Refusal::Moved),
            ("fatal: unable to access 'https://x/': Could not resolve host: x", Refusal::Unreachable),
            ("fatal: unable to access 'https://x/': The requested URL returned error: 503", Refusal::Unreachable),
            (
                "error: RPC failed; HTTP 502 curl 22 The requested URL returned error: 502\nfatal: the remote end hung up unexpectedly",
                Refusal::Unknown,
            ),
            ("something nobody has seen", Refusal::Unknown),
        ];
        for (text, want) in rows {
            assert_eq!(reason("push", &lines(text)), want, "{text}");
        }
        assert_eq!(reason("ls-remote", &lines("fatal: the remote end hung up unexpectedly")), Refusal::Unreachable);
        let words = said(&lines(workflow));
        assert!(words.starts_with("[remote rejected] (refusing to allow"), "{words}");
    }

    #[test]
    fn a_key_is_given_to_secure_addresses_without_a_name_only() {
        let remote = |url: &str| Remote::new(url, Key::new("ghp_canary1234"));
        assert!(remote("https://github.com/o/r.git").is_ok() && remote("http://127.0.0.1:1/o/r.git").is_ok());
        for bad in ["http://github.com/o/r.git", "https://me@github.com/o/r.git", "git@github.com:o/r", "/srv/r", ""] {
            assert!(matches!(remote(bad), Err(Error::BadRemote { .. })), "{bad}");
        }
        let error = remote("https://ghp_canary1234@github.com/o/r.git").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
        assert!(matches!(Remote::new("https://github.com/o/r.git", Key::new("a\nb")), Err(Error::BadRemote { .. })));
        assert!(!format!("{:?}", remote("https://github.com/o/r.git")).contains("canary"));
    }
}
