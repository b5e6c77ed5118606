//! Taking over what exists: looking at a folder, making it the run's project, asking for secrets, readiness.
//!
//! A model names secrets and says what they are for. It never sees a value, and no value passes through here: a person
//! sets it with a command of their own (`cgo secrets set`) and lets the run go on.

use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::projects::{current, named, take};
use super::{Context, Output, Tool, ToolError, WorldEffect};
use crate::domain::manifest::EnvName;
use crate::domain::names::ProjectName;
use crate::domain::project::Project;
use crate::domain::run::{Question, Wait};
use crate::domain::spec::Language;
use crate::domain::state::{Change, Role};
use crate::ops::activation::{self, Readiness};
use crate::ops::secrets::{self, Format, Variable};
use crate::ops::{repository, specs};

/// Names a folder.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Inspect {
    /// The absolute path, as the person wrote it; absent for the folder of this run's project.
    #[serde(default)]
    folder: Option<String>,
}

/// Takes a project over.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Activate {
    /// A project that is on record.
    #[serde(default)]
    project: Option<ProjectName>,
    /// The absolute path of a folder with a repository, as the person wrote it.
    #[serde(default)]
    folder: Option<String>,
}

/// Asks for a secret.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SaveSecret {
    /// The variable, as the environment contract names it.
    name: EnvName,
    /// What it is for and where the person gets it, in the person's language.
    purpose: String,
    /// What the value has to look like.
    #[serde(default)]
    format: Format,
}

/// Names a project.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Which {
    /// The project; absent for the one this run works on.
    #[serde(default)]
    project: Option<ProjectName>,
}

/// The tools of this file.
#[must_use]
pub fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "inspect_repository",
            "Look at a folder with a repository: its services, checks, environment contract, missing secrets, and what stands in the way of a deployment. Only folders of this machine; one at a forge has to be cloned first.",
            WorldEffect::Reads,
            |context, args| Box::pin(inspect_repository(context, args)),
        ),
        Tool::new(
            "activate_project",
            "Make an existing project, or a folder with a repository and a cgo.yaml, the project of this run. Inspect a folder first.",
            WorldEffect::Changes,
            |context, args| Box::pin(activate_project(context, args)),
        ),
        Tool::new(
            "save_project_secret",
            "Ask the person to set a secret that the environment contract names, and wait until it is set. You never see the value; never ask for one in words.",
            WorldEffect::Changes,
            |context, args| Box::pin(save_project_secret(context, args)),
        ),
        Tool::new(
            "check_ready_to_deploy",
            "Check everything a deployment needs: a clean commit, cgo.yaml, secrets, generated code, a server. Each finding says what mends it.",
            WorldEffect::Reads,
            |context, args| Box::pin(check_ready_to_deploy(context, args)),
        ),
    ]
}

/// A folder may be looked at when the person named it, or when it is the project's own.
fn folder<'a>(context: &'a Context<'_>, wanted: Option<&'a String>) -> Result<&'a Path, ToolError> {
    let own = context.state.current_project.as_ref().map(|project| &project.folder);
    let Some(path) = wanted.or(own) else {
        return Err(ToolError::refused("there is no project yet: name the folder"));
    };
    let mut said = context.state.messages.iter().filter(|message| message.role == Role::User);
    let known = own == Some(path) || said.any(|message| message.content.contains(path.trim_end_matches('/')));
    if !Path::new(path).is_absolute() || !known {
        return Err(ToolError::refused(
            "only a folder that the person named is looked at, by its absolute path as they wrote it; ask for it",
        ));
    }
    Ok(Path::new(path))
}

async fn inspect_repository(context: &Context<'_>, args: Inspect) -> Result<Output, ToolError> {
    let path = folder(context, args.folder.as_ref())?;
    let seen = context.look("inspect_repository", json!({ "folder": path }), async || {
        let seen = activation::inspect(context.ops, path, context.cancel).await?;
        Ok(serde_json::to_value(seen).expect("an inspection has text keys only"))
    });
    Ok(seen.await?.into())
}

async fn activate_project(context: &Context<'_>, args: Activate) -> Result<Output, ToolError> {
    let known = match (&args.project, &args.folder) {
        (Some(_), None) => Some(named(context, args.project.as_ref()).await?),
        (None, Some(_)) => None,
        _ => return Err(ToolError::refused("name either a `project` on record or a `folder`")),
    };
    let project: Project = if let Some(project) = known {
        project
    } else {
        let path = folder(context, args.folder.as_ref())?;
        let prepared = context.look("prepare_project", json!({ "folder": path }), async || {
            let project = activation::prepare(context.ops, path).await?;
            Ok(serde_json::to_value(project).expect("a project has text keys only"))
        });
        Project::deserialize(&prepared.await?)
            .map_err(|error| ToolError::refused(format!("the project cannot be read back: {error}")))?
    };
    if let Some(present) = context.state.current_project.as_ref().filter(|present| present.id != project.id) {
        return Err(ToolError::refused(format!("this run works on project `{}` already", present.name)));
    }
    take(context, &project, "activate_project").await?;
    context.change(Change::CurrentProject(current(&project)));
    context.change(Change::RepoInfo(repository::info(&project)));
    let spec = specs::of_project(&project).ok();
    let models: Vec<String> = spec.iter().flat_map(|spec| &spec.models).map(|model| model.name.to_string()).collect();
    if let Some(spec) = spec {
        context.change(Change::ProjectSpec(Box::new(spec)));
    }
    (context.notes)(&format!("{} in {}", project.name, project.folder));
    Ok(json!({ "project": project.name, "folder": project.folder, "status": project.status, "models": models }).into())
}

async fn save_project_secret(context: &Context<'_>, args: SaveSecret) -> Result<Output, ToolError> {
    let project = named(context, None).await?;
    let name = args.name.as_str();
    let state = context.look("secret_state", json!({ "name": name, "format": args.format }), async || {
        let variables = secrets::variables(context.ops, &project.name, Path::new(&project.folder)).await?;
        let asked: Vec<String> =
            variables.iter().filter(|of| of.source == "user_secret").map(|of| of.name.clone()).collect();
        let value = secrets::value(context.ops, &project, &args.name).await?;
        let problem = value.as_ref().map(|value| args.format.problem(value, context.state.language()));
        Ok(json!({ "declared": asked.iter().any(|of| of == name), "asked": asked, "problem": problem, "set": value.is_some() }))
    });
    let state = state.await?;
    if state["declared"] != json!(true) {
        return Err(ToolError::refused(format!(
            "the environment contract of `{}` has no `user_secret` named `{name}`, so no service would get it; it names {}",
            project.name, state["asked"]
        )));
    }
    if state["set"] == json!(true) && state["problem"].is_null() {
        return Ok(json!({ "name": name, "set": true }).into());
    }
    let problem = state["problem"].as_str().map(str::to_owned);
    let question = ask_for(context, &project, name, &args.purpose, problem.as_deref());
    Ok(Output { ask: Some((Wait::Secret, vec![question])), ..Output::default() })
}

/// The question for a secret: the command that sets it, and the one that goes on.
fn ask_for(context: &Context<'_>, project: &Project, name: &str, purpose: &str, problem: Option<&str>) -> Question {
    let set = format!("cgo secrets set {} {name}", project.name);
    let command = format!("cgo run resume {}", context.run.id);
    let purpose = purpose.trim();
    let text = match (context.state.language(), problem) {
        (Language::En, None) => {
            format!("`{name}` is needed: {purpose}. Set it with `{set}`, then run `{command}`")
        }
        (Language::En, Some(problem)) => {
            format!("`{name}` is set, but {problem} ({purpose}). Set it anew with `{set}`, then run `{command}`")
        }
        (Language::Ru, None) => {
            format!("Нужна переменная `{name}`: {purpose}. Задайте её: `{set}`, затем выполните `{command}`")
        }
        (Language::Ru, Some(problem)) => {
            format!(
                "Переменная `{name}` задана, но не подходит: {problem} ({purpose}). Задайте её заново: `{set}`, затем выполните `{command}`"
            )
        }
    };
    Question { id: name.to_owned(), text, choices: Vec::new(), assumption: None }
}

/// Waits for the secrets a deployment needs, if some are missing.
pub(super) async fn wait_for_secrets(context: &Context<'_>, project: &Project) -> Result<Option<Output>, ToolError> {
    let missing: Vec<Variable> = secrets::missing(context.ops, project).await.map_err(|error| ToolError::of(&error))?;
    if missing.is_empty() {
        return Ok(None);
    }
    let unsaid = match context.state.language() {
        Language::En => "the service does not start without it",
        Language::Ru => "без неё служба не запустится",
    };
    let mut questions = Vec::new();
    for variable in &missing {
        let purpose = variable.description.as_deref().unwrap_or(unsaid);
        questions.push(ask_for(context, project, &variable.name, purpose.trim_end_matches('.'), None));
    }
    Ok(Some(Output { ask: Some((Wait::Secret, questions)), ..Output::default() }))
}

async fn check_ready_to_deploy(context: &Context<'_>, args: Which) -> Result<Output, ToolError> {
    let project = named(context, args.project.as_ref()).await?;
    let looked = context.look("check_ready_to_deploy", json!({ "project": project.id }), async || {
        let all: Vec<Readiness> = activation::readiness(context.ops, &project, context.cancel).await?;
        Ok(json!({ "ready": all.iter().all(|one| one.ok), "checks": all }))
    });
    let mut content: Value = looked.await?;
    let commit = content["checks"].as_array().and_then(|checks| {
        checks.iter().find(|check| check["name"] == "commit" && check["ok"] == json!(true))?["found"].as_str()
    });
    let tested = context.state.test_results.as_ref();
    let passed = tested
        .is_some_and(|results| results.failed == 0 && results.passed > 0 && Some(results.commit.as_str()) == commit);
    content["tested"] = json!(if passed {
        "this commit passed its tests"
    } else {
        "not verified: this commit was not tested in this run"
    });
    Ok(content.into())
}
