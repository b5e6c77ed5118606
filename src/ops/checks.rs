//! A project's own checks: its dependencies installed, its linter and tests run on the newest commit.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{Context, Error, deploy, repository};
use crate::domain::manifest::Manifest;
use crate::domain::project::Project;
use crate::domain::state::TestResults;
use crate::workspace::checks::{self, Check, Verdict};
pub use crate::workspace::checks::{Bare, Ground, Running};
use crate::workspace::python::{Search, Source, Toolchain};

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
/// milliseconds, so it may be repeated.
///
/// # Errors
/// When Python is missing or the packages cannot be had.
pub async fn install(
    context: &Context,
    project: &Project,
    note: &dyn Fn(&str),
    cancel: &CancellationToken,
) -> Result<Installed, Error> {
    let manifest = deploy::manifest(Path::new(&project.folder))?;
    let (_, service) = deploy::service(&manifest);
    let folder = Path::new(&project.folder).join(service.workdir.as_str());
    let toolchain = Toolchain::find(&Search::from_env(), cancel).await?;
    let installer = toolchain.installer.name();
    note(&format!("dependencies by {installer}"));
    let environment = folder.join(ENVIRONMENT);
    // The release will want the first of them alone, and then finds it in the cache.
    let locks = [&service.python.lock, &service.python.dev_lock].map(|lock| folder.join(lock.as_str()));
    let provided = context.environments().provide(&toolchain, &locks, &environment, &mut |_| (), cancel).await?;
    let came = match provided.source {
        Source::Present => "present already".to_owned(),
        Source::Cache => "from the cache".to_owned(),
        Source::Installed => format!("installed by {installer}"),
    };
    note(&format!("dependencies {came}"));
    let python = toolchain.interpreter.executable;
    let python = python.ancestors().nth(2).unwrap_or(&python).to_owned();
    Ok(Installed { environment, came, python })
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

/// Runs the checks that `cgo.yaml` lists on the newest commit, which must be what is in the folder.
///
/// # Errors
/// When the folder cannot be read or the work was interrupted.
pub async fn run(project: &Project, note: &dyn Fn(&str), cancel: &CancellationToken) -> Result<Checked, Error> {
    let head = repository::head(project, cancel).await?;
    if let Some(file) = repository::changes(project, cancel).await?.first() {
        let reason = format!("`{file}` is not committed, and only a commit can be tested");
        return Ok(Checked::CouldNotTest { reason, tail: Vec::new() });
    }
    let folder = Path::new(&project.folder);
    look(&deploy::manifest(folder)?, folder, head.as_str(), &Bare, note, cancel).await
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
