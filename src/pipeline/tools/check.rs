//! Testing the project: its dependencies, its linter, its own tests.

use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::build::short;
use super::{Context, Output, Tool, ToolError, WorldEffect};
use crate::domain::project::Project;
use crate::domain::run::RequestKind;
use crate::domain::state::{Change, EngineeringStatus, TestResults};
use crate::ops::{self, deploy, projects, repository};
use crate::workspace::checks::{self, Check, Verdict};
use crate::workspace::python::{Search, Source, Toolchain};

/// How often engineering goes round before a person is asked.
const ITERATIONS: u32 = 3;
/// How long one check may take.
const LIMIT: Duration = Duration::from_secs(900);
/// The project's own environment, in the folder of its service.
const ENVIRONMENT: &str = ".venv";

/// Takes no arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// The tools of this file.
#[must_use]
pub fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "install_dependencies",
            "Install the project's locked dependencies in its own environment.",
            WorldEffect::Changes,
            |context, args| Box::pin(install_dependencies(context, args)),
        ),
        Tool::new(
            "run_tests",
            "Run the project's linter and tests on its newest commit and record what they say.",
            WorldEffect::Changes,
            |context, args| Box::pin(run_tests(context, args)),
        ),
    ]
}

async fn project(context: &Context<'_>) -> Result<Project, ToolError> {
    projects::by_id(context.ops, &context.project()?.id).await.map_err(|error| ToolError::of(&error))
}

async fn install_dependencies(context: &Context<'_>, _: Nothing) -> Result<Output, ToolError> {
    let project = project(context).await?;
    let installed = context
        .effect(
            "install_dependencies",
            json!({ "folder": project.folder }),
            // What is there is recognised by the installation itself, in milliseconds.
            async |_| Ok(None),
            async |_| install(context, &project).await,
        )
        .await?;
    Ok(json!({ "environment": installed.environment, "source": installed.source }).into())
}

#[derive(Serialize, Deserialize)]
struct Installed {
    environment: PathBuf,
    source: Source,
}

async fn install(context: &Context<'_>, project: &Project) -> Result<Installed, ops::Error> {
    let manifest = deploy::manifest(Path::new(&project.folder))?;
    let (_, service) = deploy::service(&manifest);
    let folder = Path::new(&project.folder).join(service.workdir.as_str());
    let toolchain = Toolchain::find(&Search::from_env(), context.cancel).await?;
    let installer = toolchain.installer.name();
    (context.notes)(&format!("dependencies by {installer}"));
    let environment = folder.join(ENVIRONMENT);
    let lock = folder.join(service.python.dev_lock.as_str());
    let provided =
        context.ops.environments().provide(&toolchain, &[lock], &environment, &mut |_| (), context.cancel).await?;
    let came = match provided.source {
        Source::Present => "present already".to_owned(),
        Source::Cache => "from the cache".to_owned(),
        Source::Installed => format!("installed by {installer}"),
    };
    (context.notes)(&format!("dependencies {came}"));
    Ok(Installed { environment, source: provided.source })
}

/// What the checks said, as it is kept in the journal.
#[derive(Serialize, Deserialize)]
enum Said {
    Verified(TestResults),
    Wrong { results: TestResults, what: String },
    CouldNotTest { reason: String, tail: Vec<String> },
}

async fn run_tests(context: &Context<'_>, _: Nothing) -> Result<Output, ToolError> {
    let project = project(context).await?;
    let said = context.remember("run_tests", json!({ "folder": project.folder }), async || check(context, &project).await).await?;
    match said {
        Said::Verified(results) => {
            (context.notes)(&format!("{} passed at {}", results.passed, short(&results.commit)));
            if context.state.repo_info.as_ref().is_some_and(|repo| repo.commits.last() != Some(&results.commit)) {
                // A person committed in between: what is tested is what is deployed.
                let mut repo = context.state.repo_info.clone().expect("just seen");
                repo.commits.push(results.commit.clone());
                context.change(Change::RepoInfo(repo));
            }
            context.change(Change::TestResults(results.clone()));
            context.change(Change::EngineeringStatus(EngineeringStatus::Done));
            context.change(Change::ReviewFeedback(None));
            Ok(json!({ "passed": results.passed, "skipped": results.skipped }).into())
        }
        Said::Wrong { results, what } if context.run.request.kind() != RequestKind::NewProject => {
            let evidence = results.output.lines().map(str::to_owned).collect();
            Err(ToolError::failed(format!("{what}; nothing was deployed"), 1, evidence))
        }
        Said::Wrong { results, what } => {
            let round = context.state.engineering_iterations + 1;
            (context.notes)(&what);
            context.change(Change::EngineeringIterations(round));
            context.change(Change::EngineeringStatus(EngineeringStatus::Working));
            context.change(Change::ReviewFeedback(Some(format!("{what}\n{}", results.output))));
            context.change(Change::Errors(what.clone()));
            context.change(Change::TestResults(results));
            if round >= ITERATIONS {
                context.change(Change::NeedsHumanApproval(Some(format!(
                    "{what} after {round} rounds; mend the project in its folder, commit, and approve to test it again"
                ))));
            }
            Ok(json!({ "wrong": what, "round": round }).into())
        }
        Said::CouldNotTest { reason, tail } => Err(ToolError::failed(format!("the project could not be tested: {reason}"), 1, tail)),
    }
}

async fn check(context: &Context<'_>, project: &Project) -> Result<Said, ops::Error> {
    let folder = Path::new(&project.folder);
    let head = repository::head(project, context.cancel).await?;
    let changes = repository::changes(project, context.cancel).await?;
    if let Some(file) = changes.first() {
        let reason = format!("`{file}` is not committed, and only a commit can be tested");
        return Ok(Said::CouldNotTest { reason, tail: Vec::new() });
    }
    let manifest = deploy::manifest(folder)?;
    let (_, service) = deploy::service(&manifest);
    let workdir = folder.join(service.workdir.as_str());
    let environment = workdir.join(ENVIRONMENT);
    let mut results =
        TestResults { passed: 0, failed: 0, skipped: 0, output: String::new(), commit: head.as_str().to_owned() };
    let mut tested = false;
    for check in &service.checks {
        (context.notes)(check.name.as_str());
        let command =
            Check { folder: &workdir, environment: &environment, argv: check.command.arguments(), deadline: LIMIT };
        let (verdict, tail) = if check.name.as_str() == "tests" {
            let report = checks::run_tests(&command, context.cancel).await?;
            results.passed += report.counts.passed;
            results.failed += report.counts.failed + report.counts.errors;
            results.skipped += report.counts.skipped;
            tested = true;
            (report.verdict, report.tail)
        } else {
            let report = checks::run_linter(&command, context.cancel).await?;
            (report.verdict, report.tail)
        };
        match verdict {
            Verdict::Passed => {}
            Verdict::ProductWrong { reason } => {
                results.output = tail.join("\n");
                return Ok(Said::Wrong { results, what: format!("`{}`: {reason}", check.name) });
            }
            Verdict::NothingVerified { reason } | Verdict::CouldNotTest { reason } => {
                return Ok(Said::CouldNotTest { reason: format!("`{}`: {reason}", check.name), tail });
            }
        }
    }
    if tested {
        Ok(Said::Verified(results))
    } else {
        Ok(Said::CouldNotTest { reason: "cgo.yaml has no check named `tests`".to_owned(), tail: Vec::new() })
    }
}
