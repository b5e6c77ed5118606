//! A project's own checks: its dependencies installed, its linter and tests run on the newest commit.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use regex_lite::Regex;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{Context, Error, deploy, repository};
use crate::domain::last_words::tell_full_disk;
use crate::domain::manifest::Manifest;
use crate::domain::project::Project;
use crate::domain::source::Source;
use crate::domain::state::TestResults;
use crate::domain::time::Timestamp;
use crate::store::{Deployments as _, Runs as _};
use crate::workspace::checks::{self, Check, Verdict};
pub use crate::workspace::checks::{Bare, Ground, Running};
pub use crate::workspace::python::Sharing;
use crate::workspace::python::{self, Source as Came, Toolchain};

/// How long one check may take.
const LIMIT: Duration = Duration::from_mins(15);
/// The project's own environment, in the folder of its service.
const ENVIRONMENT: &str = ".venv";
/// The name of the check that counts tests.
const TESTS: &str = "tests";

/// An environment that was provided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installed {
    /// Its folder.
    pub environment: PathBuf,
    /// Where it came from, in words.
    pub came: String,
    /// The folder of the Python it builds on.
    pub python: PathBuf,
}

/// Installs the project's locked dependencies in its own environment. What is there already is recognised in
/// milliseconds, so it may be repeated. Where others may write in the folder, the environment shares nothing with those
/// that are kept.
///
/// # Errors
/// When Python is missing or the packages cannot be had.
pub async fn install(
    context: &Context,
    project: &Project,
    sharing: Sharing,
    note: &dyn Fn(&str),
    cancel: &CancellationToken,
) -> Result<Installed, Error> {
    let manifest = deploy::manifest(Path::new(&project.folder))?;
    let (_, service) = deploy::service(&manifest);
    let folder = Path::new(&project.folder).join(service.workdir.as_str());
    let toolchain = Toolchain::of_machine(cancel).await?;
    let installer = toolchain.installer.name();
    note(&format!("dependencies by {installer}"));
    let environment = folder.join(ENVIRONMENT);
    // The release will want the first of them alone, and then finds it in the cache.
    let locks = [&service.python.lock, &service.python.dev_lock].map(|lock| folder.join(lock.as_str()));
    let cache = context.environments().sharing(sharing);
    let provided = cache.provide(&toolchain, &locks, &environment, &mut |_| (), cancel).await?;
    let came = match provided.source {
        Came::Present => "present already".to_owned(),
        Came::Cache => "from the cache".to_owned(),
        Came::Installed => format!("installed by {installer}"),
    };
    note(&format!("dependencies {came}"));
    let python = toolchain.interpreter.executable;
    let python = python.ancestors().nth(2).unwrap_or(&python).to_owned();
    Ok(Installed { environment, came, python })
}

/// The first line of a folder's lock files that pins no published package by its hash, such as a path or an address:
/// who wrote it would decide what an installer runs. None when all of them do.
///
/// # Errors
/// When cgo.yaml cannot be read.
pub fn foreign_requirement(folder: &Path) -> Result<Option<String>, Error> {
    let manifest = deploy::manifest(folder)?;
    let (_, service) = deploy::service(&manifest);
    let locks = [&service.python.lock, &service.python.dev_lock];
    let texts = locks.map(|lock| folder.join(service.workdir.as_str()).join(lock.as_str()));
    let mut texts = texts.iter().filter_map(|lock| std::fs::read_to_string(lock).ok());
    Ok(texts.find_map(|text| foreign_line(&text)))
}

fn foreign_line(lock: &str) -> Option<String> {
    static PINNED: LazyLock<Regex> = LazyLock::new(|| {
        let shape = r"^[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9._, -]*\])? ?== ?[A-Za-z0-9][A-Za-z0-9.!+_-]*( ?;[^#@]*?)?( --hash=sha(256|384|512):[0-9a-f]+)+$";
        Regex::new(shape).expect("a constant that is tested")
    });
    let joined = lock.replace("\\\r\n", " ").replace("\\\n", " ");
    let lines = joined.lines().map(|line| {
        let line = line.split_once(" #").map_or(line, |(line, _)| line).trim();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    });
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).find(|line| !PINNED.is_match(line))
}

/// What the checks of a commit came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Checked {
    /// Everything passed, tests among it.
    Verified(TestResults),
    /// The product is wrong.
    Wrong {
        /// What the tests said up to there, with the last lines.
        results: TestResults,
        /// In one line.
        what: String,
    },
    /// Nothing is known about the product.
    CouldNotTest {
        /// In one line.
        reason: String,
        /// The last lines.
        tail: Vec<String>,
    },
}

impl Checked {
    /// Whether both say the same of the product, in whatever words.
    #[must_use]
    pub fn agrees(&self, other: &Self) -> bool {
        let counts = |results: &TestResults| (results.passed, results.failed, results.skipped, results.commit.clone());
        match (self, other) {
            (Self::Verified(one), Self::Verified(another)) => counts(one) == counts(another),
            (Self::Wrong { results: one, what }, Self::Wrong { results: another, what: said }) => {
                counts(one) == counts(another) && what == said
            }
            (Self::CouldNotTest { reason, .. }, Self::CouldNotTest { reason: said, .. }) => reason == said,
            _ => false,
        }
    }

    /// In the words of the run's cassette, where that holds checks at the same place which came to the same: what is
    /// logged and drawn by chance in tests is said to models, and would make each replay another run.
    #[must_use]
    pub fn as_recorded(self, source: &dyn Source, what: &str) -> Self {
        if !source.is_taped() {
            return self;
        }
        let told = source.recorded(what).and_then(|told| serde_json::from_str::<Self>(&told).ok());
        if told.is_none() && !source.replays() {
            source.fact(what, &serde_json::to_string(&self).expect("results have text keys only"));
        }
        told.filter(|told| told.agrees(&self)).unwrap_or(self)
    }
}

/// The newest commit, which must be what is in the folder; or why it cannot be tested.
///
/// # Errors
/// When the folder cannot be read or the work was interrupted.
pub async fn newest(project: &Project, cancel: &CancellationToken) -> Result<Result<String, Checked>, Error> {
    let head = repository::head(project, cancel).await?;
    Ok(match repository::changes(project, cancel).await?.first() {
        None => Ok(head.as_str().to_owned()),
        Some(file) => Err(Checked::CouldNotTest {
            reason: format!("`{file}` is not committed, and only a commit can be tested"),
            tail: Vec::new(),
        }),
    })
}

/// Runs the checks that `cgo.yaml` lists on the newest commit, in the project's folder and with the operator's rights:
/// for what cgo generates and people write.
///
/// # Errors
/// When the folder cannot be read or the work was interrupted.
pub async fn run(project: &Project, note: &dyn Fn(&str), cancel: &CancellationToken) -> Result<Checked, Error> {
    let folder = Path::new(&project.folder);
    match newest(project, cancel).await? {
        Ok(head) => {
            let manifest = deploy::manifest(folder)?;
            match look(&manifest, folder, &head, &Bare, note, cancel).await? {
                // Linters and tests write, too.
                Checked::CouldNotTest { tail, .. } if tell_full_disk(&tail) => {
                    let (_, service) = deploy::service(&manifest);
                    Err(python::Error::DiskFull { folder: folder.join(service.workdir.as_str()) }.into())
                }
                checked => Ok(checked),
            }
        }
        Err(untested) => Ok(untested),
    }
}

/// What the tests said of a commit since a moment, by a run that deployed it; none when none of them tested it well.
///
/// # Errors
/// When the store fails.
pub async fn known(
    context: &Context,
    project: &Project,
    commit: &str,
    since: Timestamp,
) -> Result<Option<TestResults>, Error> {
    for deployment in context.store.deployments(&project.id).await? {
        if deployment.commit != commit {
            continue;
        }
        for effect in context.store.effects(&deployment.run).await? {
            let result = effect.result.as_deref().filter(|_| effect.kind == "run_tests" && effect.at >= since);
            if let Some(Ok(Checked::Verified(results))) = result.map(serde_json::from_str)
                && results.commit == commit
            {
                return Ok(Some(results));
            }
        }
    }
    Ok(None)
}

/// Runs a project's checks on the files of a folder as they are. `commit` is what they are called in the results.
///
/// # Errors
/// When the work was interrupted or a check cannot be prepared.
pub async fn look(
    manifest: &Manifest,
    folder: &Path,
    commit: &str,
    ground: &dyn Ground,
    note: &dyn Fn(&str),
    cancel: &CancellationToken,
) -> Result<Checked, Error> {
    let (_, service) = deploy::service(manifest);
    let workdir = folder.join(service.workdir.as_str());
    let environment = workdir.join(ENVIRONMENT);
    let mut results =
        TestResults { passed: 0, failed: 0, skipped: 0, output: String::new(), commit: commit.to_owned() };
    let mut tested = false;
    for check in &service.checks {
        note(check.name.as_str());
        let argv = check.command.arguments();
        let command = Check { folder: &workdir, environment: &environment, argv, deadline: LIMIT, ground };
        let (verdict, tail) = if check.name.as_str() == TESTS {
            let report = checks::run_tests(&command, cancel).await?;
            results.passed += report.counts.passed;
            results.failed += report.counts.failed + report.counts.errors;
            results.skipped += report.counts.skipped;
            tested = true;
            (report.verdict, report.tail)
        } else {
            let report = checks::run_linter(&command, cancel).await?;
            (report.verdict, report.tail)
        };
        match verdict {
            Verdict::Passed => {}
            Verdict::ProductWrong { reason } => {
                results.output = tail.join("\n");
                return Ok(Checked::Wrong { results, what: format!("`{}`: {reason}", check.name) });
            }
            Verdict::NothingVerified { reason } | Verdict::CouldNotTest { reason } => {
                return Ok(Checked::CouldNotTest { reason: format!("`{}`: {reason}", check.name), tail });
            }
        }
    }
    if tested {
        Ok(Checked::Verified(results))
    } else {
        Ok(Checked::CouldNotTest { reason: format!("cgo.yaml has no check named `{TESTS}`"), tail: Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_published_packages_that_are_pinned_by_their_hash_are_a_coders_to_ask_for() {
        let hash = format!("--hash=sha256:{}", "0a".repeat(32));
        let good = format!(
            "# by a tool\n\nfastapi==0.115.0 \\\n    {hash} \\\n    {hash}\n    # via -r in\nuvicorn[standard]==0.30.1 ; \
             python_version >= \"3.10\" \\\n    {hash}\n"
        );
        assert_eq!(foreign_line(&good), None);
        for line in [
            format!("evil @ file:///w/evil.tar.gz {hash}"),
            format!("./evil.tar.gz {hash}"),
            format!("/w/evil-1.0.tar.gz {hash}"),
            format!("https://example.com/evil.whl {hash}"),
            format!("evil==1.0 ; a @ file:///x {hash}"),
            "--extra-index-url https://example.com/simple".to_owned(),
            "-e .".to_owned(),
            "-r other.txt".to_owned(),
            "evil==1.0".to_owned(),
            "evil".to_owned(),
        ] {
            assert!(foreign_line(&format!("{good}{line}\n")).is_some(), "{line}");
        }
    }

    #[test]
    fn checks_agree_when_they_came_to_the_same_whatever_was_logged() {
        let results = |failed, output: &str| TestResults {
            passed: 3,
            failed,
            skipped: 0,
            output: output.to_owned(),
            commit: "c0ffee".to_owned(),
        };
        let wrong = |failed, output| Checked::Wrong { results: results(failed, output), what: "tests failed".into() };
        assert!(wrong(1, "at 10:00").agrees(&wrong(1, "at 10:01")));
        assert!(!wrong(1, "").agrees(&wrong(2, "")) && !wrong(0, "").agrees(&Checked::Verified(results(0, ""))));
        let untested = |reason: &str| Checked::CouldNotTest { reason: reason.to_owned(), tail: Vec::new() };
        assert!(untested("a").agrees(&untested("a")) && !untested("a").agrees(&untested("b")));
    }
}
