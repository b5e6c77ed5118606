//! `cgo deploy`: a new release, back to an older one, or how the deployment stands.

use std::cell::Cell;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::args::Deploy as Args;
use super::outcome::{Answer, Failure, Outcome};
use super::progress::duration;
use super::project::{ReleaseRow, releases_table};
use super::run::drive;
use super::ui::{Tone, Ui};
use super::{Session, lock};
use crate::app::App;
use crate::domain::coder::Walls;
use crate::domain::diagnose::Kind;
use crate::domain::ids::{ReleaseId, RunId};
use crate::domain::names::ProjectName;
use crate::domain::request::Rollout;
use crate::domain::run::{Request, RunStatus};
use crate::ops::{Context, deploy, live, placement, projects, runs};
use crate::pipeline::report::{Stage, Summary};
use crate::pipeline::{runner, tape};

/// `cgo deploy`.
///
/// # Errors
/// [`Failure`] with the next command.
pub async fn run(session: &Session<'_>, args: Args) -> Result<Outcome, Failure> {
    if args.ci {
        return Box::pin(super::ci::run(session, args)).await;
    }
    if let Some(at) = args.server.as_ref().and_then(super::args::Goal::at) {
        let hint = format!("run `cgo servers add NAME {at}` and name it, or deploy with --ci");
        return Err(Failure::usage(format!("`{at}` is no server that was added"), hint));
    }
    Box::pin(with(session, &session.app().await?, args)).await
}

/// The same with the parts of cgo.
///
/// # Errors
/// [`Failure`] with the next command.
pub(super) async fn with(session: &Session<'_>, app: &App, args: Args) -> Result<Outcome, Failure> {
    let context = &app.context;
    let told = args.tape.replay.as_deref().map(|file| recorded(context, file)).transpose()?;
    let project = match args.project.as_ref().or(told.as_ref().map(|(name, _)| name)) {
        Some(name) => projects::by_name(context, name).await?,
        None => projects::of_folder(context, None).await?,
    };
    if let Some((name, _)) = told.as_ref().filter(|(name, _)| *name != project.name) {
        return Err(Failure::usage(
            format!("the cassette was recorded from a deployment of `{name}`, not of `{}`", project.name),
            format!("leave the project out, or name `{name}`"),
        ));
    }
    if args.status {
        return status(session, app, &project.name).await;
    }
    if let (Some(None), false) = (&args.rollback, args.dry_run)
        && let Some(release) = deploy::remote::recall(context, &project, args.force, &session.cancel).await?
    {
        return Ok(Outcome::of(session.ui, &Recalled { project: project.name, release }));
    }
    let rollout =
        Rollout { bake: args.bake, parallel: args.parallel, allow_partial: args.allow_partial, force: args.force };
    let request = if let Some(release) = &args.rollback {
        deploy::check_rollback_of(context, &project, release.as_ref(), args.force).await?;
        Request::Rollback { project: project.name.clone(), release: release.clone(), rollout }
    } else {
        deploy::check_folder(&project, &session.cancel).await?;
        let cassette = super::run::tape(&args.tape);
        let sandbox = args.sandbox.or(told.and_then(|(_, sandbox)| sandbox));
        let server = args.server.as_ref().and_then(super::args::Goal::wish).cloned();
        placement::check(context, &project, server.as_ref()).await?;
        Request::Deploy { project: project.name.clone(), sandbox, server, rollout, cassette }
    };
    if args.dry_run {
        let plan = deploy::preview(context, &project, &request, &session.cancel).await?;
        return Ok(Outcome::of(session.ui, &DeployPlan { plan }));
    }
    let patience = args.wait.map(lock::patience);
    if let Some(patience) = patience {
        lock::until_free(session, context, &project, patience).await?;
    }
    let run = runner::begin(context, request).await?;
    // Told of the last attempt: waiting for another one may end otherwise.
    let refused = Cell::new(false);
    let attempt = async || {
        let driven = Box::pin(drive(session, app, &run.id));
        let driven = if args.ci { super::watch::along(session, app, &run.id, driven).await } else { driven.await };
        refused.set(driven.as_ref().is_err_and(|failure| failure.kind == Kind::Locked));
        driven
    };
    match lock::patiently(session, context, &project, patience, attempt).await {
        Ok(summary) => deployed(session, app, &summary).await,
        Err(failure) => {
            if refused.get() {
                withdraw(app, &run.id).await?;
            }
            Err(failure)
        }
    }
}

/// What was deployed when a cassette was recorded, and behind which walls it was tested.
fn recorded(context: &Context, file: &Path) -> Result<(ProjectName, Option<Walls>), Failure> {
    let here = std::env::current_dir().unwrap_or_default();
    match tape::request(context, file, &here)? {
        Request::Deploy { project, sandbox, .. } => Ok((project, sandbox)),
        Request::NewProject(_) | Request::Update(_) | Request::Rollback { .. } => Err(Failure::usage(
            format!("`{}` was not recorded from a deployment", file.display()),
            format!("run `cgo run replay {}`", file.display()),
        )),
    }
}

/// A deployment that was refused because another process has the project is not left to be resumed.
async fn withdraw(app: &App, run: &RunId) -> Result<(), Failure> {
    let run = runs::find(&app.context, run.as_str()).await?;
    let never_begun = run.status == RunStatus::Queued && run.seq == 1;
    if never_begun {
        runs::cancel(&app.context, &run, runner::cancelled(&app.context.person.name)).await?;
    }
    Ok(())
}

/// What a finished deployment answers.
///
/// # Errors
/// When the store cannot be read.
pub async fn deployed(session: &Session<'_>, app: &App, summary: &Summary) -> Result<Outcome, Failure> {
    let Some(name) = summary.project.clone() else {
        return Err(Failure::new(Kind::Internal, "the run has no project", None));
    };
    let project = projects::by_name(&app.context, &name).await?;
    let active = deploy::active(&app.context, &project).await?;
    let answer = Deployed {
        project: name,
        run: summary.run.clone(),
        release: active.as_ref().map(|deployment| deployment.release.clone()),
        commit: active.map(|deployment| deployment.commit),
        url: summary.url.clone(),
        tests_passed: summary.tests.as_ref().map(|tests| tests.passed),
        warnings: summary.warnings.clone(),
        stages: summary.stages.clone(),
        ms: summary.ms,
    };
    Ok(Outcome::of(session.ui, &answer))
}

/// What `cgo deploy` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Deployed {
    project: ProjectName,
    run: RunId,
    /// The release that serves.
    release: Option<ReleaseId>,
    /// The commit it was built from.
    commit: Option<String>,
    url: Option<String>,
    /// Tests of that commit that passed in this run; none when it was tested before.
    tests_passed: Option<u32>,
    /// What was not as it should be, and stopped nothing.
    warnings: Vec<String>,
    stages: Vec<Stage>,
    ms: i64,
}

impl Answer for Deployed {
    const NAME: &'static str = "deploy";

    fn text(&self, ui: &Ui) -> String {
        let release = self.release.as_ref().map_or("", |release| release.as_str());
        let commit = self.commit.as_deref().map_or("", |commit| &commit[..commit.len().min(10)]);
        let url = self.url.as_deref().unwrap_or("no address");
        let tests = self.tests_passed.map_or_else(String::new, |passed| format!(", {passed} tests passed"));
        let took = duration(std::time::Duration::from_millis(u64::try_from(self.ms).unwrap_or(0)));
        let mut out = format!(
            "{} serves release {release} of commit {commit}{tests}, in {took}\n  {}\n",
            ui.tone(Tone::Strong, self.project.as_str()),
            ui.tone(Tone::Good, url),
        );
        for warning in &self.warnings {
            out.push_str(&format!("  {} {warning}\n", ui.tone(Tone::Notice, "!")));
        }
        out
    }
}

/// What `cgo deploy --rollback` answers when the old release was still running.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Recalled {
    project: ProjectName,
    /// The release that serves again.
    release: String,
}

impl Answer for Recalled {
    const NAME: &'static str = "deploy.recalled";

    fn text(&self, ui: &Ui) -> String {
        let project = ui.tone(Tone::Strong, self.project.as_str());
        format!("{project} serves release {} again, which was still running\n", self.release)
    }
}

/// What `cgo deploy --dry-run` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DeployPlan {
    #[serde(flatten)]
    plan: deploy::Preview,
}

impl Answer for DeployPlan {
    const NAME: &'static str = "deploy.plan";

    fn text(&self, ui: &Ui) -> String {
        let mut out = format!("{}: commit {}\n", self.plan.project, self.plan.commit);
        for (number, step) in self.plan.steps.iter().enumerate() {
            out.push_str(&format!("  {}. {step}\n", number + 1));
        }
        if let Some(words) = &self.plan.certificate {
            out.push_str(&format!("  {words}\n"));
        }
        if !self.plan.obstacles.is_empty() {
            out.push_str("It would be stopped:\n");
        }
        for obstacle in &self.plan.obstacles {
            out.push_str(&format!("  {} {}\n", ui.tone(Tone::Notice, "!"), obstacle.what));
            if let Some(mend) = &obstacle.mend {
                out.push_str(&format!("    hint: {mend}\n"));
            }
        }
        out.push_str("Nothing was changed.\n");
        out
    }

    fn exit(&self) -> u8 {
        self.plan.obstacles.first().map_or(0, |obstacle| obstacle.exit_code)
    }
}

/// What `cgo deploy --status` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Status {
    #[serde(flatten)]
    live: live::Live,
    project: ProjectName,
    releases: Vec<ReleaseRow>,
}

async fn status(session: &Session<'_>, app: &App, name: &ProjectName) -> Result<Outcome, Failure> {
    let project = projects::by_name(&app.context, name).await?;
    let live = live::live(&app.context, &project).await?;
    let releases = deploy::releases(&app.context, &project).await?.iter().map(ReleaseRow::of).collect();
    Ok(Outcome::of(session.ui, &Status { live, project: project.name, releases }))
}

impl Answer for Status {
    const NAME: &'static str = "deploy.status";

    fn text(&self, ui: &Ui) -> String {
        let mut out = format!("{}  {}\n", ui.tone(Tone::Strong, self.project.as_str()), self.live.words);
        if let Some(url) = &self.live.url {
            out.push_str(&format!("  {url}\n"));
        }
        out.push_str(&releases_table(&self.releases));
        out
    }
}
