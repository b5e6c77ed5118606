//! What a run came to, told from its journal: nothing here is remembered elsewhere.

use schemars::JsonSchema;
use serde::Serialize;

use super::runner::{self, Error};
use crate::domain::ids::RunId;
use crate::domain::names::ProjectName;
use crate::domain::run::{EventRow, Run, RunStatus};
use crate::domain::sharing::{Shared, Visibility};
use crate::domain::spec::{FieldType, Language, Spec};
use crate::domain::spec_change::SpecChange;
use crate::domain::state::{Change, Intent, NotBuilt, ProjectState, Role, TestResults};
use crate::graph::progress::Event;
use crate::ops::{Context, github, runs};

/// How long one stage took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Stage {
    /// The node.
    pub node: String,
    /// What happened there.
    pub label: String,
    /// Milliseconds from its first start to its last end.
    pub ms: i64,
}

/// A repository at GitHub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Hosted {
    /// `owner/name`.
    pub full_name: String,
    /// The page people open.
    pub html_url: String,
    /// Who was to see it, where the command said so.
    pub visibility: Option<Visibility>,
    /// The commit that was pushed last, in full, where the command asked for it.
    pub commit: Option<String>,
}

/// A run's result.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Summary {
    /// The run.
    pub run: RunId,
    /// How it stands.
    pub status: RunStatus,
    /// The project, once there is one.
    pub project: Option<ProjectName>,
    /// The name people read.
    pub title: Option<String>,
    /// The address a probe got an answer from; none when nothing was deployed.
    pub url: Option<String>,
    /// The API's documentation.
    pub docs_url: Option<String>,
    /// The project's folder.
    pub folder: Option<String>,
    /// What a question about how things stand was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// What of the spec of a project that existed is different now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
    /// The models, each with its fields in words.
    pub models: Vec<String>,
    /// The commits of the run, oldest first, in full.
    pub commits: Vec<String>,
    /// Where it is at GitHub; none when it is only on this machine.
    pub github: Option<Hosted>,
    /// What the project's own tests said; none when they were not run.
    pub tests: Option<TestResults>,
    /// The server it was put on.
    pub server: Option<String>,
    /// What was assumed.
    pub assumptions: Vec<String>,
    /// What was asked for and is not built.
    pub not_built: Vec<NotBuilt>,
    /// What nobody checked.
    pub not_verified: Vec<String>,
    /// What was not as it should be, and stopped nothing.
    pub warnings: Vec<String>,
    /// How long each stage took.
    pub stages: Vec<Stage>,
    /// Milliseconds in all.
    pub ms: i64,
    /// Commands one may want next.
    pub next: Vec<String>,
    /// The language of the person.
    pub language: Language,
}

/// Summarises a run from its journal.
///
/// # Errors
/// When the journal cannot be read.
pub async fn summary(context: &Context, run: &Run) -> Result<Summary, Error> {
    let state = runner::progress(context, &run.id).await?.state;
    let events = runs::events(context, &run.id, 0).await?;
    let spec = state.project_spec.as_ref();
    let name = state.current_project.as_ref().map(|project| project.name.clone());
    let intent = state.project_intent.clone();
    let ms = events.last().map_or(0, |last| last.at.since(events[0].at)) - waited(&events);
    Ok(Summary {
        run: run.id.clone(),
        status: run.status,
        title: spec.map(|spec| spec.project.title.clone()),
        docs_url: state.deployed_url.as_ref().map(|url| format!("{url}/docs")),
        url: state.deployed_url.clone(),
        folder: state.current_project.as_ref().map(|project| project.folder.clone()),
        answer: answer(&state),
        changes: changes(&events, &state),
        models: spec.map(models).unwrap_or_default(),
        commits: state.repo_info.as_ref().map(|repo| repo.commits.clone()).unwrap_or_default(),
        github: hosted(&state),
        tests: state.test_results.clone(),
        server: state.allocated_resources.values().next().map(|place| place.server_handle.clone()),
        assumptions: intent.as_ref().map(|intent| intent.assumptions.clone()).unwrap_or_default(),
        not_built: intent.map(|intent| intent.not_built).unwrap_or_default(),
        not_verified: not_verified(&state),
        warnings: state.errors.clone(),
        stages: stages(&events)?,
        ms,
        next: next(&state, run),
        language: state.language(),
        project: name,
    })
}

/// What the documenter answered to a question.
fn answer(state: &ProjectState) -> Option<String> {
    let last = state.messages.iter().rfind(|message| message.role == Role::Assistant && message.agent.is_some())?;
    (state.po_intent == Some(Intent::Status)).then(|| last.content.clone())
}

/// What is different in the spec of a project that existed: since the run began with it, or took it over.
fn changes(events: &[EventRow], now: &ProjectState) -> Vec<String> {
    let mut specs = events.iter().filter_map(|row| match serde_json::from_str::<Event>(&row.body).ok()? {
        Event::Created { state } => state.project_spec,
        Event::NodeFinished { patch, .. } => patch.into_iter().find_map(|change| match change {
            Change::ProjectSpec(spec) => Some(*spec),
            _ => None,
        }),
        _ => None,
    });
    let existed = now.po_intent == Some(Intent::UpdateProject);
    let (Some(before), Some(after)) = (specs.next().filter(|_| existed), &now.project_spec) else { return Vec::new() };
    SpecChange::between(&before, after).iter().map(|change| change.words(now.language())).collect()
}

fn hosted(state: &ProjectState) -> Option<Hosted> {
    let info = state.repo_info.as_ref().filter(|info| github::place_of(info).is_some())?;
    let sharing = state.sharing.as_ref();
    let commit = match sharing.and_then(|sharing| sharing.outcome.clone()) {
        Some(Shared::Pushed(commit)) => Some(commit),
        Some(Shared::Failed(_)) | None => None,
    };
    let visibility = sharing.map(|sharing| sharing.place.visibility);
    Some(Hosted { full_name: info.full_name.clone(), html_url: info.html_url.clone(), visibility, commit })
}

fn models(spec: &Spec) -> Vec<String> {
    spec.models
        .iter()
        .map(|model| {
            let fields: Vec<String> = model
                .fields
                .iter()
                .map(|field| {
                    let optional = if field.optional { "?" } else { "" };
                    let kind = match &field.ty {
                        FieldType::Ref(reference) => format!(" → {}", reference.model),
                        FieldType::Enum(values) => {
                            format!(" ({})", values.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join("|"))
                        }
                        _ => String::new(),
                    };
                    format!("{}{optional}{kind}", field.name)
                })
                .collect();
            format!("{}: {}", model.name, fields.join(", "))
        })
        .collect()
}

fn not_verified(state: &ProjectState) -> Vec<String> {
    let mut list = Vec::new();
    let language = state.language();
    match (&state.test_results, language) {
        (None, Language::En) => list.push("the project's own tests were not run".to_owned()),
        (None, Language::Ru) => list.push("тесты самого проекта не запускались".to_owned()),
        (Some(results), _) if results.skipped == 0 => {}
        (Some(results), Language::En) => list.push(format!("{} tests were skipped", results.skipped)),
        (Some(results), Language::Ru) => list.push(format!("пропущено тестов: {}", results.skipped)),
    }
    if state.deployed_url.is_none() {
        list.push(match language {
            Language::En => "nothing was deployed, so no live service was probed".to_owned(),
            Language::Ru => "ничего не развёрнуто, поэтому работающий сервис не проверялся".to_owned(),
        });
    }
    list
}

fn next(state: &ProjectState, run: &Run) -> Vec<String> {
    let Some(project) = &state.current_project else {
        return vec![format!("cgo run show {}", run.id)];
    };
    if let Some(command) = state.po_intent.and_then(|intent| operation(intent, &project.name)) {
        return vec![command];
    }
    let mut commands = Vec::new();
    match (&run.status, &state.deployed_url) {
        (RunStatus::Succeeded, Some(url)) => {
            let path =
                state.project_spec.as_ref().and_then(|spec| spec.domains.first()).map(|domain| domain.prefix.as_str());
            commands.push(format!("curl {url}{}", path.unwrap_or("/health")));
            commands.push(format!("cgo project logs {} -f", project.name));
            commands.push(format!("cgo deploy {}", project.name));
            commands.push(format!("cgo project stop {}", project.name));
        }
        (RunStatus::Succeeded, None) => {
            commands.push(format!("cd {}", project.folder));
            commands.push(format!("cgo deploy {}", project.name));
        }
        _ => commands.push(format!("cgo run show {}", run.id)),
    }
    commands
}

/// The command that does an operation that was asked for in words.
fn operation(intent: Intent, name: &ProjectName) -> Option<String> {
    match intent {
        Intent::Stop => Some(format!("cgo project stop {name}")),
        Intent::Start => Some(format!("cgo project start {name}")),
        Intent::Rollback => Some(format!("cgo deploy {name} --rollback")),
        Intent::Logs => Some(format!("cgo project logs {name}")),
        Intent::NewProject
        | Intent::UpdateProject
        | Intent::Deploy
        | Intent::Maintenance
        | Intent::Activate
        | Intent::Status => None,
    }
}

/// Milliseconds the run waited for a person, or lay still between two processes.
fn waited(events: &[EventRow]) -> i64 {
    events
        .windows(2)
        .filter(|pair| matches!(pair[1].kind.as_str(), "answered" | "taken_up"))
        .map(|pair| pair[1].at.since(pair[0].at))
        .sum()
}

/// The stages in the order they began. A node visited twice counts from its first start to its last end, waiting
/// for a person left out.
fn stages(events: &[EventRow]) -> Result<Vec<Stage>, Error> {
    let graph = runner::graph()?;
    let mut open: Vec<(u32, String, i64)> = Vec::new();
    let mut stages: Vec<Stage> = Vec::new();
    for row in events {
        match serde_json::from_str::<Event>(&row.body) {
            Ok(Event::NodeStarted { visit, node, .. }) => {
                let label = graph.node(&node).map(|node| node.label.clone()).unwrap_or_default();
                if !stages.iter().any(|stage| stage.node == node.as_str()) {
                    stages.push(Stage { node: node.to_string(), label, ms: 0 });
                }
                open.push((visit, node.to_string(), row.at.0));
            }
            Ok(Event::NodeFinished { visit, .. } | Event::Asked { visit, .. }) => {
                if let Some(at) = open.iter().position(|(other, _, _)| *other == visit) {
                    let (_, node, began) = open.swap_remove(at);
                    if let Some(stage) = stages.iter_mut().find(|stage| stage.node == node) {
                        stage.ms += row.at.0 - began;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(stages)
}
