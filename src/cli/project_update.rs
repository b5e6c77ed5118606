//! `cgo project update`: a wish about a project that exists becomes a change of its spec, its code and what serves.

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::Session;
use super::args::ProjectUpdate;
use super::given::{self, Wanted};
use super::outcome::{Answer, Failure, Outcome};
use super::project_new::Updated;
use super::run;
use super::ui::{Tone, Ui};
use crate::app::App;
use crate::domain::names::{AgentName, ProjectName};
use crate::domain::run::{Request, TapeMode, Update};
use crate::domain::state::NotBuilt;
use crate::ops::{changes, projects};
use crate::pipeline::{runner, tape};

const WANTED: Wanted = Wanted {
    what: "the wish",
    no: "nothing was said to be different",
    question: "What should be different?",
    hint: "say what should be different, for instance: cgo project update notes-api \"add a due date\"",
    shorten: "shorten it, or change the spec in the project's folder and run `cgo project generate`",
};

/// `cgo project update`.
///
/// # Errors
/// [`Failure`] with the next command.
pub async fn update(session: &Session<'_>, args: ProjectUpdate) -> Result<Outcome, Failure> {
    let app = session.app().await?;
    // What stands in the way is told before anybody has to think of a text.
    changes::changeable(&app.context, &args.project, &session.cancel).await?;
    let update = match &args.tape.replay {
        // What was asked for is on the cassette.
        Some(file) if args.text.is_none() && args.file.is_none() => recorded(&app, file, &args)?,
        _ => wished(session, &args).await?,
    };
    if update.cassette.as_ref().is_none_or(|cassette| cassette.mode == TapeMode::Record) {
        let choice = (&update.models, update.coders);
        runner::check(&app.context, &app.models, &app.coders, choice, &session.cancel).await?;
    }
    if args.dry_run {
        return Box::pin(dry_run(session, &app, update)).await;
    }
    let run = runner::begin(&app.context, Request::Update(Box::new(update))).await?;
    Ok(Outcome::of(session.ui, &Updated(run::drive(session, &app, &run.id).await?)))
}

async fn wished(session: &Session<'_>, args: &ProjectUpdate) -> Result<Update, Failure> {
    Ok(Update {
        project: args.project.clone(),
        text: given::text(session, &WANTED, args.text.as_deref(), args.file.as_deref()).await?,
        until: None,
        deploy: !args.no_deploy,
        assume: session.ui.yes,
        models: args.team.models(),
        coders: args.team.coders(),
        cassette: run::tape(&args.tape),
    })
}

/// What was wished for when a cassette was recorded.
fn recorded(app: &App, file: &Path, args: &ProjectUpdate) -> Result<Update, Failure> {
    let here = std::env::current_dir().unwrap_or_default();
    let (named, project) = (file.display(), &args.project);
    match tape::request(&app.context, file, &here)? {
        Request::Update(update) if update.project == *project => {
            Ok(Update { cassette: run::tape(&args.tape), ..*update })
        }
        Request::Update(update) => Err(Failure::usage(
            format!("`{named}` was recorded from a change of `{}`, not of `{project}`", update.project),
            format!("run `cgo project update {} --replay {named}`", update.project),
        )),
        Request::NewProject(_) | Request::Deploy { .. } | Request::Rollback { .. } => Err(Failure::usage(
            format!("`{named}` was not recorded from a change of a project"),
            format!("run `cgo run replay {named}`"),
        )),
    }
}

/// What `--dry-run` shows.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Plan {
    /// The project.
    project: ProjectName,
    /// What would be different in its spec.
    changes: Vec<String>,
    /// What was assumed.
    assumptions: Vec<String>,
    /// What was asked for and would not be built.
    not_built: Vec<NotBuilt>,
}

impl Answer for Plan {
    const NAME: &'static str = "project.update.plan";

    fn text(&self, ui: &Ui) -> String {
        let mut out = format!("{} would change:\n", ui.tone(Tone::Strong, self.project.as_str()));
        for change in &self.changes {
            out.push_str(&format!("  {change}\n"));
        }
        for (heading, lines) in [
            ("Assumed:", self.assumptions.clone()),
            ("Not built:", self.not_built.iter().map(|gap| format!("{}: {}", gap.what, gap.why)).collect()),
        ] {
            if !lines.is_empty() {
                out.push_str(&format!("{heading}\n"));
                out.extend(lines.iter().map(|line| format!("  {line}\n")));
            }
        }
        out.push_str("Nothing was changed.\n");
        out
    }
}

/// Plans in a store that forgets everything: the pipeline up to the changed spec, which touches nothing else.
async fn dry_run(session: &Session<'_>, real: &App, mut update: Update) -> Result<Outcome, Failure> {
    let app = App::in_memory(session.settings).await?;
    let project = projects::by_name(&real.context, &update.project).await?;
    projects::create(&app.context, &project).await?;
    // Nothing is lost by looking at it.
    (update.until, update.assume) = (Some(AgentName::parse("brainstorm").expect("a constant name")), true);
    let run = runner::begin(&app.context, Request::Update(Box::new(update))).await?;
    let summary = run::drive(session, &app, &run.id).await?;
    let plan = Plan {
        project: project.name,
        changes: summary.changes,
        assumptions: summary.assumptions,
        not_built: summary.not_built,
    };
    Ok(Outcome::of(session.ui, &plan))
}
