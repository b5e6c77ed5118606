//! `cgo project new`: reads what was given, drives the run, asks what the run asks, and tells what came of it.

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::Session;
use super::args::ProjectNew;
use super::given::{self, Wanted};
use super::outcome::{Answer, Failure, Outcome};
use super::progress::duration;
use super::run;
use super::ui::{Tone, Ui};
use crate::app::App;
use crate::domain::diagnose::Kind;
use crate::domain::names::{AgentName, ProjectName, RepositoryName};
use crate::domain::placement::Wish;
use crate::domain::run::{NewProject, Request, TapeMode};
use crate::domain::sharing::{Place, Visibility};
use crate::domain::spec::Language;
use crate::domain::state::NotBuilt;
use crate::ops::{github, servers, services, specs};
use crate::pipeline::report::Summary;
use crate::pipeline::runner;

const WANTED: Wanted = Wanted {
    what: "the description",
    no: "no description was given",
    question: "What should the project do?",
    hint: "say what the project keeps, for instance: cgo project new \"a notes API with title and body\"",
    shorten: "shorten it, or write a spec and pass it with --spec",
};

/// `cgo project new`.
///
/// # Errors
/// [`Failure`] with the next command.
pub async fn new(session: &Session<'_>, args: ProjectNew) -> Result<Outcome, Failure> {
    let request = request(session, &args).await?;
    let app = session.app().await?;
    if let Some(Wish::On(names)) = &request.server {
        for name in names {
            servers::by_handle(&app.context, name.as_str()).await?;
        }
    }
    let github = match &request.github {
        Some(place) => Some(shared_at(session, &app, place, request.name.as_ref()).await?),
        None => None,
    };
    if args.dry_run {
        return Box::pin(dry_run(session, &app, request, github)).await;
    }
    let replays = request.cassette.as_ref().is_some_and(|cassette| cassette.mode != TapeMode::Record);
    if !replays {
        let choice = (&request.models, request.coders);
        runner::check(&app.context, &app.models, &app.coders, choice, &session.cancel).await?;
    }
    let run = runner::begin(&app.context, Request::NewProject(Box::new(request))).await?;
    Ok(Outcome::of(session.ui, &Created(run::drive(session, &app, &run.id).await?)))
}

/// Where the project would be shared, once it is known that it can be.
async fn shared_at(
    session: &Session<'_>,
    app: &App,
    place: &Place,
    project: Option<&ProjectName>,
) -> Result<Hosted, Failure> {
    let name = match (&place.name, project) {
        (None, Some(project)) => Some(RepositoryName::parse(project.as_str()).map_err(crate::ops::Error::from)?),
        (name, _) => name.clone(),
    };
    let place = Place { name, ..place.clone() };
    let owner = github::check(&app.context, &place, &session.cancel).await?;
    let name = place.name.map(|name| name.to_string());
    Ok(Hosted { owner: owner.map(|owner| owner.to_string()), name, visibility: place.visibility })
}

async fn request(session: &Session<'_>, args: &ProjectNew) -> Result<NewProject, Failure> {
    let here = std::env::current_dir().map_err(|error| {
        Failure::new(
            Kind::User,
            format!("the current folder is not there: {error}"),
            Some("change to another folder".to_owned()),
        )
    })?;
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| here.join(path));
    if let Some(until) = &args.until {
        let nodes = runner::nodes().map_err(runner::Error::from)?;
        if !nodes.contains(until) {
            let names: Vec<&str> = nodes.iter().map(AgentName::as_str).collect();
            return Err(Failure::usage(
                format!("`{until}` is not a node of the pipeline"),
                format!("the nodes are {}", names.join(", ")),
            ));
        }
    }
    let told = args.text.is_some() || args.file.is_some() || args.spec.is_some();
    if let Some(file) = args.tape.replay.as_deref().filter(|_| !told) {
        // What was asked for is on the cassette.
        let folder = args.dir.as_deref().map(absolute);
        return run::recorded(session, file, &here, folder, run::tape(&args.tape)).await;
    }
    let spec = args.spec.as_deref().map(|path| read_spec(&absolute(path))).transpose()?;
    let text = if spec.is_some() {
        String::new()
    } else {
        given::text(session, &WANTED, args.text.as_deref(), args.file.as_deref()).await?
    };
    let folder = args.dir.as_deref().map(|path| absolute(path).display().to_string());
    let visibility = if args.share.public { Visibility::Public } else { Visibility::Private };
    Ok(NewProject {
        text,
        name: args.name.clone(),
        folder,
        parent: here.display().to_string(),
        spec,
        until: args.until.clone(),
        deploy: !args.no_deploy,
        server: args.server.clone(),
        github: args.share.github.clone().map(|place| Place { visibility, ..place }),
        assume: session.ui.yes,
        open: false,
        earlier: Vec::new(),
        models: args.team.models(),
        coders: args.team.coders(),
        cassette: run::tape(&args.tape),
    })
}

fn read_spec(path: &Path) -> Result<String, Failure> {
    let spec = specs::read(path)?;
    Ok(serde_json::to_string(&spec).expect("a spec has text keys only"))
}

/// A repository at GitHub that would be made.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Hosted {
    /// Whose it would be; none when GitHub did not say whose the token is.
    owner: Option<String>,
    /// Its name.
    name: Option<String>,
    /// Who would see it.
    visibility: Visibility,
}

/// What `--dry-run` shows.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Plan {
    /// The project's name.
    project: String,
    /// Its title.
    title: String,
    /// The folder that would be made.
    folder: String,
    /// The models, each with its fields in words.
    models: Vec<String>,
    /// The files that would be written.
    files: Vec<String>,
    /// The port it would be served at, if nobody takes it before.
    port: Option<u16>,
    /// The repository at GitHub that would be made; none when the project stays on this machine.
    github: Option<Hosted>,
    /// The steps that would follow.
    steps: Vec<String>,
    /// What was assumed.
    assumptions: Vec<String>,
    /// What was asked for and would not be built.
    not_built: Vec<NotBuilt>,
}

impl Answer for Plan {
    const NAME: &'static str = "project.new.plan";

    fn text(&self, ui: &Ui) -> String {
        let mut out = format!("{} would be made in {}\n", ui.tone(Tone::Strong, &self.project), self.folder);
        for model in &self.models {
            out.push_str(&format!("  {model}\n"));
        }
        out.push_str(&format!("Files ({}):\n", self.files.len()));
        for file in &self.files {
            out.push_str(&format!("  {file}\n"));
        }
        if let Some(Hosted { owner, name, visibility }) = &self.github {
            let parts: Vec<&str> = owner.iter().chain(name).map(String::as_str).collect();
            out.push_str(&format!("On GitHub: {} ({})\n", parts.join("/"), seen_by(&EN, *visibility)));
        }
        out.push_str("Then:\n");
        for step in &self.steps {
            out.push_str(&format!("  {step}\n"));
        }
        remarks(&mut out, &self.assumptions, &self.not_built, Language::En);
        out.push_str("Nothing was changed.\n");
        out
    }
}

/// Plans in a store that forgets everything: the same pipeline up to the spec, which touches nothing else.
async fn dry_run(
    session: &Session<'_>,
    real: &App,
    mut request: NewProject,
    github: Option<Hosted>,
) -> Result<Outcome, Failure> {
    let app = App::in_memory(session.settings).await?;
    let last = runner::last(&Request::NewProject(Box::new(request.clone())));
    let last = last.unwrap_or_else(|| AgentName::parse("documenter").expect("a constant name"));
    let brainstorm = AgentName::parse("brainstorm").expect("a constant name");
    let graph = runner::graph().map_err(runner::Error::from)?;
    let steps = graph
        .definition()
        .nodes
        .iter()
        .filter(|(name, node)| {
            let follows = graph.reaches(&brainstorm, name) && (**name == last || graph.reaches(name, &last));
            follows && node.agent.is_some() && (github.is_some() || name.as_str() != "publish")
        })
        .map(|(name, node)| format!("{name}: {}", node.label))
        .collect();
    let deploys = graph.reaches(&AgentName::parse("zavhoz").expect("a constant name"), &last);
    request.until = Some(brainstorm);
    let run = runner::begin(&app.context, Request::NewProject(Box::new(request))).await?;
    let summary = run::drive(session, &app, &run.id).await?;
    let state = runner::progress(&app.context, &run.id).await?.state;
    let mut spec = state.project_spec.ok_or_else(|| Failure::new(Kind::Internal, "the plan has no spec", None))?;
    if spec.domains.is_empty() {
        spec.domains = spec.standard_domains().map_err(crate::ops::Error::from)?;
    }
    let files = specs::files(&spec)?;
    let port = if deploys { services::likely_port(&real.context).await? } else { None };
    let plan = Plan {
        project: spec.project.name.to_string(),
        title: spec.project.title.clone(),
        folder: summary.folder.unwrap_or_default(),
        models: summary.models,
        files,
        port,
        github: github
            .map(|hosted| Hosted { name: hosted.name.or_else(|| Some(spec.project.name.to_string())), ..hosted }),
        steps,
        assumptions: summary.assumptions,
        not_built: summary.not_built,
    };
    Ok(Outcome::of(session.ui, &plan))
}

/// What a finished run of `cgo project new` answers.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Created(pub Summary);

/// Who sees a repository, in words.
fn seen_by(words: &Words, visibility: Visibility) -> &'static str {
    match visibility {
        Visibility::Private => words.private,
        Visibility::Public => words.public,
    }
}

struct Words {
    live: &'static str,
    docs: &'static str,
    folder: &'static str,
    commits: &'static str,
    private: &'static str,
    public: &'static str,
    tests: &'static str,
    passed: &'static str,
    failed: &'static str,
    server: &'static str,
    changed: &'static str,
    models: &'static str,
    time: &'static str,
    next: &'static str,
    not_verified: &'static str,
    assumed: &'static str,
    not_built: &'static str,
    would_add: &'static str,
}

const EN: Words = Words {
    live: "Live at",
    docs: "API docs",
    folder: "Folder",
    commits: "Commits",
    private: "private",
    public: "public",
    tests: "Tests",
    passed: "passed",
    failed: "failed",
    server: "Server",
    changed: "Changed",
    models: "Models",
    time: "Time",
    next: "Next",
    not_verified: "Not verified",
    assumed: "Assumed",
    not_built: "Not built",
    would_add: "a model would add",
};
const RU: Words = Words {
    live: "Работает",
    docs: "Описание API",
    folder: "Папка",
    commits: "Коммиты",
    private: "закрытый",
    public: "открытый",
    tests: "Тесты",
    passed: "прошло",
    failed: "не прошло",
    server: "Сервер",
    changed: "Изменено",
    models: "Модели",
    time: "Время",
    next: "Дальше",
    not_verified: "Не проверено",
    assumed: "Принято без вопроса",
    not_built: "Не сделано",
    would_add: "модель добавила бы",
};

fn words(language: Language) -> &'static Words {
    match language {
        Language::En => &EN,
        Language::Ru => &RU,
    }
}

impl Answer for Created {
    const NAME: &'static str = "project.new";

    fn text(&self, ui: &Ui) -> String {
        summary_text(&self.0, ui)
    }
}

/// What a finished run of `cgo project update` answers.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Updated(pub Summary);

impl Answer for Updated {
    const NAME: &'static str = "project.update";

    fn text(&self, ui: &Ui) -> String {
        summary_text(&self.0, ui)
    }
}

fn summary_text(summary: &Summary, ui: &Ui) -> String {
    let words = words(summary.language);
    if let Some(answer) = &summary.answer {
        return format!("{answer}\n");
    }
    let mut out = String::new();
    let name = summary.project.as_ref().map_or("", |name| name.as_str());
    let title = summary.title.as_deref().unwrap_or_default();
    out.push_str(&format!("\n{}  {}\n\n", ui.tone(Tone::Strong, name), ui.tone(Tone::Faint, title)));
    let mut rows: Vec<(&str, String)> = Vec::new();
    if let Some(url) = &summary.url {
        rows.push((words.live, ui.tone(Tone::Good, url)));
    }
    if let Some(docs) = &summary.docs_url {
        rows.push((words.docs, docs.clone()));
    }
    if let Some(folder) = &summary.folder {
        rows.push((words.folder, folder.clone()));
    }
    if let Some(github) = &summary.github {
        let seen = github.visibility.map(|visibility| format!(" ({})", seen_by(words, visibility)));
        rows.push(("GitHub", format!("{}{}", github.html_url, seen.unwrap_or_default())));
    }
    if let Some(tests) = &summary.tests {
        let failed = if tests.failed > 0 { format!(", {} {}", tests.failed, words.failed) } else { String::new() };
        rows.push((words.tests, format!("{} {}{failed}", tests.passed, words.passed)));
    }
    if !summary.commits.is_empty() {
        let short: Vec<&str> = summary.commits.iter().map(|commit| &commit[..commit.len().min(10)]).collect();
        rows.push((words.commits, short.join(" ")));
    }
    if let Some(server) = &summary.server {
        rows.push((words.server, server.clone()));
    }
    let stages: Vec<String> = summary.stages.iter().map(|stage| format!("{} {}", stage.node, span(stage.ms))).collect();
    rows.push((words.time, format!("{} ({})", span(summary.ms), stages.join(", "))));
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, value) in rows {
        let pad = " ".repeat(width - name.chars().count());
        out.push_str(&format!("  {name}{pad}  {value}\n"));
    }
    list(&mut out, words.changed, &summary.changes);
    list(&mut out, words.models, &summary.models);
    remarks(&mut out, &summary.assumptions, &summary.not_built, summary.language);
    list(&mut out, words.not_verified, &summary.not_verified);
    list(&mut out, words.next, &summary.next);
    out
}

fn span(ms: i64) -> String {
    duration(std::time::Duration::from_millis(u64::try_from(ms).unwrap_or(0)))
}

fn list(out: &mut String, heading: &str, lines: &[String]) {
    if !lines.is_empty() {
        out.push_str(&format!("\n{heading}:\n"));
        for line in lines {
            out.push_str(&format!("  {line}\n"));
        }
    }
}

fn remarks(out: &mut String, assumptions: &[String], not_built: &[NotBuilt], language: Language) {
    let words = words(language);
    list(out, words.assumed, assumptions);
    let lines: Vec<String> = not_built
        .iter()
        .map(|gap| format!("{}: {}; {}: {}", gap.what, gap.why, words.would_add, gap.model_would_add))
        .collect();
    list(out, words.not_built, &lines);
}
