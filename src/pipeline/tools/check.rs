//! Testing the project: its dependencies, its linter, its own tests. A project that a coder wrote some of is tested behind
//! the walls it was written behind.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::build::short;
use super::code::{Ended, stopped};
use super::{Context, Output, Tool, ToolError, WorldEffect};
use crate::domain::approval::Reason;
use crate::domain::project::Project;
use crate::domain::run::RequestKind;
use crate::domain::state::{Change, EngineeringStatus, TestResults};
use crate::domain::time::Timestamp;
use crate::graph::recorder::Effect;
use crate::ops::checks::{self, Checked, Sharing};
use crate::ops::{self, projects, repository};
use crate::pipeline::coding::attempt::Work;

/// How often engineering goes round before a person is asked.
const ITERATIONS: u32 = 3;

/// For how long what tests said of a commit is not asked again, in milliseconds: a day.
const KNOWN_FOR: i64 = 24 * 60 * 60 * 1000;

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
    if known(context, &project).await?.is_some() {
        return Ok(json!({ "needed": false }).into());
    }
    let installed = context
        .repeat(
            "install_dependencies",
            json!({ "folder": project.folder }),
            // What is there is recognised by the installation itself, in milliseconds.
            async |_| checks::install(context.ops, &project, Sharing::Links, context.notes, context.cancel).await,
        )
        .await?;
    // Where they came from is for people: it differs from machine to machine.
    Ok(json!({ "environment": installed.environment }).into())
}

/// What the tests said of the newest commit when it was deployed within [`KNOWN_FOR`], for a deployment of the same
/// once more; none when they have to run. What a cassette is to hold always runs.
async fn known(context: &Context<'_>, project: &Project) -> Result<Option<TestResults>, ToolError> {
    if context.run.request.kind() != RequestKind::Deploy || context.ops.source.is_taped() {
        return Ok(None);
    }
    let of = |error: ops::Error| ToolError::of(&error);
    let Ok(head) = checks::newest(project, context.cancel).await.map_err(of)? else { return Ok(None) };
    let since = Timestamp(context.run.created_at.0.saturating_sub(KNOWN_FOR));
    checks::known(context.ops, project, &head, since).await.map_err(of)
}

async fn run_tests(context: &Context<'_>, _: Nothing) -> Result<Output, ToolError> {
    let project = project(context).await?;
    let args = json!({ "folder": project.folder });
    let place = format!("run_tests at {}", context.place);
    let in_its_words = |checked: Checked| checked.as_recorded(&*context.ops.source, &place);
    let said = if repository::is_coded(&project) {
        let spec = context.state.project_spec.as_ref();
        let of = |error: ops::Error| ToolError::of(&error);
        let work = Work::new(context.visit, &project, spec, context.cancel).map_err(of)?;
        let check = async || work.check(context.notes).await.map(in_its_words).map_err(Ended);
        let checked = context.recorder.remember(context.place, Effect::new("run_tests", &args), check).await;
        checked.map_err(stopped)?
    } else if let Some(results) = known(context, &project).await? {
        // Kept as another kind of effect: only tests that ran are remembered by those to come.
        context.remember("tests_known", args, async || Ok(Checked::Verified(results))).await?
    } else {
        let check = async || {
            // There already, unless a person has committed since nothing had to be installed.
            checks::install(context.ops, &project, Sharing::Links, &|_| (), context.cancel).await?;
            checks::run(&project, context.notes, context.cancel).await.map(in_its_words)
        };
        context.remember("run_tests", args, check).await?
    };
    match said {
        Checked::Verified(results) => {
            (context.notes)(&format!("{} passed at {}", results.passed, short(&results.commit)));
            if context.state.repo_info.is_some() {
                // A person may have committed in between: what is tested is what is deployed.
                context.change(Change::RepoCommit(results.commit.clone()));
            }
            context.change(Change::TestResults(results.clone()));
            context.change(Change::EngineeringStatus(EngineeringStatus::Done));
            context.change(Change::ReviewFeedback(None));
            Ok(json!({ "passed": results.passed, "skipped": results.skipped }).into())
        }
        Checked::Wrong { results, what }
            if !matches!(context.run.request.kind(), RequestKind::NewProject | RequestKind::Update) =>
        {
            let evidence = results.output.lines().map(str::to_owned).collect();
            Err(ToolError::failed(format!("{what}; nothing was deployed"), 1, evidence))
        }
        Checked::Wrong { results, what } => {
            let round = context.state.engineering_iterations + 1;
            (context.notes)(&what);
            context.change(Change::EngineeringIterations(round));
            context.change(Change::EngineeringStatus(EngineeringStatus::Working));
            context.change(Change::ReviewFeedback(Some(format!("{what}\n{}", results.output))));
            context.change(Change::Errors(what.clone()));
            if round >= ITERATIONS {
                let reason = Reason::StillWrong { what: &what, results: &results, rounds: round };
                context.change(Change::NeedsHumanApproval(Some(reason.words(context.state.language()))));
            }
            context.change(Change::TestResults(results));
            Ok(json!({ "wrong": what, "round": round }).into())
        }
        Checked::CouldNotTest { reason, tail } => {
            Err(ToolError::failed(format!("the project could not be tested: {reason}"), 1, tail))
        }
    }
}
