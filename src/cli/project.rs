//! `cgo project`: projects listed, shown, stopped, started, removed, and their generated code renewed.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use super::Session;
use super::args::Project as Args;
use super::operate;
use super::outcome::{Answer, Failure, Outcome};
use super::prompt::{self, Said};
use super::run_answers::when;
use super::ui::{Tone, Ui, table};
use crate::app::App;
use crate::domain::deployment::Deployment;
use crate::domain::diagnose::Kind;
use crate::domain::names::ProjectName;
use crate::domain::project::Project;
use crate::ops::live::{self, Live};
use crate::ops::removal::{self, Removal};
use crate::ops::services;
use crate::ops::specs::{self, Generated};
use crate::ops::{deploy, projects};
use crate::pipeline::runner;

/// `cgo project …`, but for `new`.
///
/// # Errors
/// [`Failure`] with the next command.
pub async fn run(session: &Session<'_>, args: Args) -> Result<Outcome, Failure> {
    let app = session.app().await?;
    let context = &app.context;
    let ui = session.ui;
    match args {
        Args::List => {
            let mut rows = Vec::new();
            for project in projects::list(context).await? {
                let live = live::live(context, &project).await?;
                rows.push(Row { project, live });
            }
            Ok(Outcome::of(ui, &Projects { projects: rows }))
        }
        Args::Show { project } => {
            let project = projects::by_name(context, &project).await?;
            let live = live::live(context, &project).await?;
            let releases = deploy::releases(context, &project).await?.iter().map(ReleaseRow::of).collect();
            Ok(Outcome::of(ui, &Shown { project, live, releases }))
        }
        Args::Logs { project, follow, lines } => logs(session, &app, &project, follow, lines).await,
        Args::Stop { project } => {
            let project = projects::by_name(context, &project).await?;
            services::stop(context, &project, &session.cancel).await?;
            moved(session, &app, &project.name).await
        }
        Args::Start { project } => {
            let project = projects::by_name(context, &project).await?;
            services::start(context, &project, &session.cancel).await?;
            moved(session, &app, &project.name).await
        }
        Args::Remove { project, folder, dry_run } => remove(session, &app, &project, folder, dry_run).await,
        Args::Generate { project, force, dry_run, detailed_exit_code } => {
            let folder = match project {
                None => PathBuf::from("."),
                Some(text) => match ProjectName::parse(&text) {
                    Ok(name) if !PathBuf::from(&text).is_dir() => {
                        PathBuf::from(projects::by_name(context, &name).await?.folder)
                    }
                    _ => PathBuf::from(text),
                },
            };
            let generated = specs::generate(&folder, force, dry_run)?;
            Ok(Outcome::of(ui, &Regenerated { dry_run, detailed_exit_code, generated }))
        }
        Args::Exec { project, command } => operate::exec(session, &app, &project, &command).await,
        Args::Maintenance { project, wanted } => operate::maintenance(session, &app, &project, wanted).await,
        Args::New(_) | Args::Update(_) => unreachable!("each has its own file"),
    }
}

async fn moved(session: &Session<'_>, app: &App, name: &ProjectName) -> Result<Outcome, Failure> {
    let project = projects::by_name(&app.context, name).await?;
    let live = live::live(&app.context, &project).await?;
    Ok(Outcome::of(session.ui, &Moved { project: project.name, live }))
}

async fn logs(
    session: &Session<'_>,
    app: &App,
    name: &ProjectName,
    follow: bool,
    lines: usize,
) -> Result<Outcome, Failure> {
    let project = projects::by_name(&app.context, name).await?;
    if follow {
        let ui = session.ui.clone();
        let mut print = move |line: &str| ui.answer(line);
        services::follow_logs(&app.context, &project, lines, &session.cancel, &mut print).await?;
        return Ok(Outcome::raw(String::new()));
    }
    let lines = services::logs(&app.context, &project, lines, &session.cancel).await?;
    Ok(Outcome::of(session.ui, &Logs { project: project.name, lines }))
}

async fn remove(
    session: &Session<'_>,
    app: &App,
    name: &ProjectName,
    folder: bool,
    dry_run: bool,
) -> Result<Outcome, Failure> {
    let project = projects::by_name(&app.context, name).await?;
    let removal = removal::plan(&app.context, &project, folder).await?;
    if dry_run {
        return Ok(Outcome::of(session.ui, &Removed { project: project.name, removal, done: false }));
    }
    let question = format!("Remove project `{}`: {}?", project.name, removal.words());
    let again = format!("run `cgo project remove {}` when it may go", project.name);
    match prompt::confirm(session, question).await {
        Some(Said::Answer(true)) => {}
        Some(Said::Answer(false) | Said::Nothing) => {
            return Err(Failure::new(Kind::User, "nothing was removed", Some(again)));
        }
        Some(Said::Interrupted) => {
            return Err(Failure::new(Kind::Interrupted, "interrupted, nothing was removed", Some(again)));
        }
        None => {
            return Err(Failure::new(
                Kind::Person,
                format!("removing project `{}` would destroy: {}", project.name, removal.words()),
                Some(format!("run `cgo project remove {} --yes`", project.name)),
            ));
        }
    }
    let cancelled = runner::cancelled(&app.context.person.name);
    removal::remove(&app.context, &project, &removal, &cancelled).await?;
    Ok(Outcome::of(session.ui, &Removed { project: project.name, removal, done: true }))
}

/// One project of the list.
#[derive(Debug, Serialize, JsonSchema)]
struct Row {
    #[serde(flatten)]
    project: Project,
    live: Live,
}

/// What `cgo project list` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Projects {
    projects: Vec<Row>,
}

impl Answer for Projects {
    const NAME: &'static str = "project.list";

    fn text(&self, ui: &Ui) -> String {
        if self.projects.is_empty() {
            return "no projects yet; begin with `cgo project new \"a notes API with title and body\"`".to_owned();
        }
        let rows = self
            .projects
            .iter()
            .map(|row| {
                let tone = if row.live.serves { Tone::Good } else { Tone::Notice };
                vec![
                    row.project.name.to_string(),
                    ui.tone(tone, &row.live.words),
                    row.live.url.clone().unwrap_or_else(|| "-".to_owned()),
                    row.project.folder.clone(),
                ]
            })
            .collect();
        table(&["project", "status", "url", "folder"], rows)
    }
}

/// One release, for people and scripts.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ReleaseRow {
    release: String,
    status: String,
    commit: String,
    created_at: crate::domain::time::Timestamp,
    reason: Option<String>,
}

impl ReleaseRow {
    /// From the store's record.
    #[must_use]
    pub fn of(deployment: &Deployment) -> Self {
        Self {
            release: deployment.release.to_string(),
            status: deployment.status.as_str().to_owned(),
            commit: deployment.commit.clone(),
            created_at: deployment.created_at,
            reason: deployment.reason.clone(),
        }
    }
}

/// Releases as a table.
#[must_use]
pub fn releases_table(releases: &[ReleaseRow]) -> String {
    if releases.is_empty() {
        return "no releases\n".to_owned();
    }
    let rows = releases
        .iter()
        .map(|row| {
            let commit: String = row.commit.chars().take(10).collect();
            let reason = row.reason.clone().unwrap_or_default();
            vec![row.release.clone(), row.status.clone(), commit, when(row.created_at), reason]
        })
        .collect();
    table(&["release", "status", "commit", "begun", "reason"], rows) + "\n"
}

/// What `cgo project show` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Shown {
    #[serde(flatten)]
    project: Project,
    live: Live,
    releases: Vec<ReleaseRow>,
}

impl Answer for Shown {
    const NAME: &'static str = "project.show";

    fn text(&self, ui: &Ui) -> String {
        let project = &self.project;
        let modules: Vec<&str> = project.modules.iter().map(|module| module.as_str()).collect();
        let mut out = format!("{}  {}\n", ui.tone(Tone::Strong, project.name.as_str()), project.title);
        let mut row = |name: &str, value: &str| out.push_str(&format!("  {name:<8} {value}\n"));
        row("status", &self.live.words);
        if let Some(url) = &self.live.url {
            row("url", url);
        }
        row("folder", &project.folder);
        row("modules", &modules.join(", "));
        row("begun", &when(project.created_at));
        if let Some(problem) = &self.live.problem {
            row("problem", problem);
        }
        out.push('\n');
        out.push_str(&releases_table(&self.releases));
        out
    }
}

/// What `cgo project logs` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Logs {
    project: ProjectName,
    lines: Vec<String>,
}

impl Answer for Logs {
    const NAME: &'static str = "project.logs";

    fn text(&self, _: &Ui) -> String {
        self.lines.join("\n")
    }
}

/// What `cgo project stop` and `start` answer.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Moved {
    project: ProjectName,
    live: Live,
}

impl Answer for Moved {
    const NAME: &'static str = "project.moved";

    fn text(&self, _: &Ui) -> String {
        let url =
            self.live.url.as_ref().filter(|_| self.live.serves).map(|url| format!(" at {url}")).unwrap_or_default();
        format!("{}: {}{url}", self.project, self.live.words)
    }
}

/// What `cgo project remove` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Removed {
    project: ProjectName,
    #[serde(flatten)]
    removal: Removal,
    done: bool,
}

impl Answer for Removed {
    const NAME: &'static str = "project.remove";

    fn text(&self, _: &Ui) -> String {
        let words = self.removal.words();
        let kept = if self.removal.folder.is_none() { "; its folder stays" } else { "" };
        if self.done {
            format!("{}: removed {words}{kept}", self.project)
        } else {
            format!("{}: would remove {words}{kept}\nNothing was changed.", self.project)
        }
    }
}

/// What `cgo project generate` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Regenerated {
    dry_run: bool,
    #[serde(skip)]
    detailed_exit_code: bool,
    #[serde(flatten)]
    generated: Generated,
}

impl Answer for Regenerated {
    const NAME: &'static str = "project.generate";

    fn text(&self, _: &Ui) -> String {
        let mut lines: Vec<String> = self.generated.changes.clone();
        lines.extend(self.generated.notes.iter().map(|note| format!("note: {note}")));
        if self.generated.changes.is_empty() {
            lines.push("nothing to change: the generated code follows from the spec".to_owned());
        } else if self.dry_run {
            lines.push("Nothing was changed.".to_owned());
        }
        lines.join("\n")
    }

    fn exit(&self) -> u8 {
        if self.detailed_exit_code && !self.generated.changes.is_empty() { 3 } else { 0 }
    }
}
