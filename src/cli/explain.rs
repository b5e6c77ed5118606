//! `cgo explain`: why a run waits or failed, why a release did not serve, how a project stands.

use schemars::JsonSchema;
use serde::Serialize;

use super::Session;
use super::outcome::{Answer, Failure, Outcome};
use super::ui::Ui;
use crate::app::App;
use crate::domain::deployment::DeploymentStatus;
use crate::domain::ids::{ReleaseId, RunId};
use crate::domain::names::ProjectName;
use crate::domain::run::{EffectMark, RunStatus};
use crate::ops::servers::{self, ServerView};
use crate::ops::{deploy, live, placement, projects, runs};
use crate::pipeline::runner;

/// `cgo explain ID`.
///
/// # Errors
/// [`Failure`] when the id names nothing.
pub async fn run(session: &Session<'_>, id: &str) -> Result<Outcome, Failure> {
    let app = session.app().await?;
    if let Ok(release) = ReleaseId::parse(id) {
        return Ok(Outcome::of(session.ui, &of_release(&app, &release).await?));
    }
    if !id.starts_with(RunId::PREFIX)
        && let Ok(name) = ProjectName::parse(id)
        && projects::list(&app.context).await?.iter().any(|project| project.name == name)
    {
        return Ok(Outcome::of(session.ui, &of_project(&app, &name).await?));
    }
    if !id.starts_with(RunId::PREFIX)
        && let Some(view) = servers::list(&app.context).await?.into_iter().find(|view| view.server.handle == id)
    {
        return Ok(Outcome::of(session.ui, &of_server(session, &app, view).await?));
    }
    Ok(Outcome::of(session.ui, &of_run(&app, id).await?))
}

/// What `cgo explain` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Explanation {
    /// What is explained.
    subject: String,
    /// How it stands, in one line.
    stands: String,
    /// The facts, one a line.
    facts: Vec<String>,
    /// What to do next.
    next: Option<String>,
}

impl Answer for Explanation {
    const NAME: &'static str = "explain";

    fn text(&self, _: &Ui) -> String {
        let mut out = format!("{}: {}\n", self.subject, self.stands);
        for fact in &self.facts {
            out.push_str(&format!("  {fact}\n"));
        }
        if let Some(next) = &self.next {
            out.push_str(&format!("next: {next}\n"));
        }
        out
    }
}

async fn of_run(app: &App, id: &str) -> Result<Explanation, Failure> {
    let run = runs::find(&app.context, id).await?;
    let view = runs::view(&app.context, run).await?;
    let progress = runner::progress(&app.context, &view.run.id).await?;
    let id = &view.run.id;
    let mut facts: Vec<String> = Vec::new();
    facts.extend(view.run.reason.clone());
    facts.extend(view.ask.iter().flat_map(|ask| &ask.questions).map(|question| format!("asks: {}", question.text)));
    facts.extend(progress.active.values().map(|visit| format!("at work: {}", visit.node)));
    facts.extend(progress.pending.iter().map(|visit| format!("comes next: {}", visit.node)));
    facts.extend(progress.state.errors.iter().map(|error| format!("went wrong: {error}")));
    for effect in runs::effects(&app.context, id).await?.iter().filter(|effect| effect.mark != EffectMark::Done) {
        let meaning = match effect.mark {
            EffectMark::Intended => "begun; whether it happened is looked at when the run goes on",
            EffectMark::Repeatable => "begun; done again when the run goes on, which changes nothing done already",
            EffectMark::Failed => "tried, did not happen",
            EffectMark::Done => continue,
        };
        facts.push(format!("effect {}: {meaning}", effect.kind));
    }
    let (stands, next) = match (view.run.status, &view.worked_on_by) {
        (RunStatus::Running, Some(by)) => (format!("running, by {by}"), Some(format!("cgo run watch {id}"))),
        (RunStatus::Running, None) => (
            "its process ended in the middle; what it did is on record".to_owned(),
            Some(format!("cgo run resume {id}")),
        ),
        (RunStatus::Queued, _) => ("not at work; it can go on".to_owned(), Some(format!("cgo run resume {id}"))),
        (RunStatus::WaitingInput, _) => ("waits for an answer".to_owned(), Some(format!("cgo run answer {id} \"…\""))),
        (RunStatus::WaitingApproval, _) => ("waits for an approval".to_owned(), Some(format!("cgo run approve {id}"))),
        (RunStatus::WaitingSecret, _) => ("waits for a secret".to_owned(), Some(format!("cgo run resume {id}"))),
        (RunStatus::WaitingCapacity, _) => ("waits for room".to_owned(), Some(format!("cgo run resume {id}"))),
        (RunStatus::Succeeded, _) => ("done".to_owned(), None),
        (RunStatus::Failed, _) => ("failed".to_owned(), Some(format!("cgo run show {id}"))),
        (RunStatus::Cancelled, _) => ("cancelled".to_owned(), None),
    };
    Ok(Explanation { subject: format!("run {id}"), stands, facts, next })
}

/// Whether a server takes projects, and why not.
async fn of_server(session: &Session<'_>, app: &App, view: ServerView) -> Result<Explanation, Failure> {
    let reason = placement::why_not(&app.context, &view.server, &session.cancel).await?;
    let handle = &view.server.handle;
    let mut facts = vec![format!("status {}", view.server.status.as_str())];
    facts.push(format!("projects {}", view.projects));
    let (stands, next) = match reason {
        None => ("takes projects".to_owned(), None),
        Some(reason) => (format!("takes no project: {reason}"), Some(view.server.status.next_command(handle))),
    };
    Ok(Explanation { subject: format!("server {handle}"), stands, facts, next })
}

async fn of_release(app: &App, release: &ReleaseId) -> Result<Explanation, Failure> {
    let deployment = deploy::release(&app.context, release).await?;
    let stands = match deployment.status {
        DeploymentStatus::Pending => "being deployed, or left in the middle",
        DeploymentStatus::Active => "serves",
        DeploymentStatus::Retired => "served, and was replaced; can be gone back to",
        DeploymentStatus::Failed => "did not pass its gate and never served",
    };
    let mut facts = vec![format!("commit {}", deployment.commit), format!("slot {}", deployment.slot.as_str())];
    facts.extend(deployment.reason.clone());
    Ok(Explanation {
        subject: format!("release {release}"),
        stands: stands.to_owned(),
        facts,
        next: Some(format!("cgo run show {}", deployment.run)),
    })
}

async fn of_project(app: &App, name: &ProjectName) -> Result<Explanation, Failure> {
    let project = projects::by_name(&app.context, name).await?;
    let live = live::live(&app.context, &project).await?;
    let mut facts = Vec::new();
    facts.extend(live.url.as_ref().map(|url| format!("address {url}")));
    facts.extend(live.problem.clone());
    facts.push(format!("folder {}", project.folder));
    let unfinished = runs::unfinished(&app.context, &project.id).await?;
    facts.extend(unfinished.iter().map(|run| format!("run {} is {}", run.id, run.status.as_str().replace('_', " "))));
    let next = match unfinished.first() {
        _ if live.serves => None,
        Some(run) => Some(format!("cgo explain {}", run.id)),
        None if live.url.is_none() => Some(format!("cgo deploy {name}")),
        None => Some(format!("cgo project start {name}")),
    };
    Ok(Explanation { subject: format!("project {name}"), stands: live.words, facts, next })
}
