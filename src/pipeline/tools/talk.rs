//! Finding out what is wanted: the intent, questions to the person, the spec.

use schemars::JsonSchema;
use std::future::ready;

use serde::Deserialize;
use serde_json::json;

use super::{Context, Output, Tool, ToolError, WorldEffect};
use crate::domain::run::{Question, Request, Wait};
use crate::domain::spec::{Module, Spec};
use crate::domain::state::{Change, CurrentProject, Intent, NotBuilt, ProjectIntent, Role};
use crate::ops::projects;

/// The most rounds of questions in one run.
const ROUNDS: usize = 3;
/// The most questions of one round.
const QUESTIONS: usize = 3;

/// Says what the person wants done.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SetIntent {
    /// What is wanted.
    intent: Intent,
    /// In one line, in the person's language.
    summary: String,
}

/// Asks the person.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AskUser {
    /// One to three questions.
    questions: Vec<Question>,
}

/// Proposes what is to be built.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ProposeSpec {
    /// The spec. Operations may be left out: the architect writes them.
    spec: Spec,
    /// What was assumed because the description does not say it.
    #[serde(default)]
    assumptions: Vec<String>,
    /// What was asked for and cannot be built.
    #[serde(default)]
    not_built: Vec<NotBuilt>,
}

/// The tools of this file.
#[must_use]
pub fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "set_intent",
            "Say what the person wants done. Call it once.",
            WorldEffect::Changes,
            |context, args| Box::pin(ready(Ok(set_intent(context, &args)))),
        ),
        Tool::new(
            "ask_user",
            "Ask the person one to three short questions and wait for the answers. At most three rounds in a run.",
            WorldEffect::Reads,
            |context, args| Box::pin(ready(ask_user(context, &args))),
        ),
        Tool::new(
            "propose_spec",
            "Propose the spec of the project, with what was assumed and what is not built. It is checked; mend what is refused and propose again.",
            WorldEffect::Changes,
            |context, args| Box::pin(propose_spec(context, args)),
        ),
    ]
}

fn set_intent(context: &Context<'_>, args: &SetIntent) -> Output {
    (context.notes)(&args.summary);
    context.change(Change::PoIntent(args.intent));
    json!({ "ok": true }).into()
}

fn ask_user(context: &Context<'_>, args: &AskUser) -> Result<Output, ToolError> {
    if args.questions.is_empty() || args.questions.len() > QUESTIONS {
        return Err(ToolError::refused(format!(
            "a round has one to {QUESTIONS} questions, not {}",
            args.questions.len()
        )));
    }
    let said = &context.state.messages;
    let rounds = said.windows(2).filter(|pair| pair[0].role == Role::Assistant && pair[1].role == Role::User).count();
    if rounds >= ROUNDS {
        let asked: Vec<&str> = args.questions.iter().map(|question| question.text.as_str()).collect();
        return Err(ToolError::refused(format!(
            "after {ROUNDS} rounds of questions there is still nothing to build from: {}",
            asked.join(" ")
        )));
    }
    Ok(Output { ask: Some((Wait::Input, args.questions.clone())), ..Output::default() })
}

async fn propose_spec(context: &Context<'_>, args: ProposeSpec) -> Result<Output, ToolError> {
    let ProposeSpec { mut spec, mut assumptions, mut not_built } = args;
    let Request::NewProject(new) = &context.run.request else {
        return Err(ToolError::refused("this run does not make a new project"));
    };
    let later: Vec<Module> = spec.modules.iter().copied().filter(|module| !module.is_built()).collect();
    for module in later {
        spec.modules.retain(|kept| *kept != module);
        not_built.push(projects::module_comes_later(module, spec.project.language));
    }
    if !spec.modules.contains(&Module::Backend) {
        spec.modules.insert(0, Module::Backend);
    }
    super::check_spec(&spec)?;
    let wanted = spec.project.name.clone();
    let (project, note) = context
        .remember("choose_name", json!({ "name": wanted }), async || projects::choose(context.ops, new, &spec).await)
        .await?;
    spec.project.name = project.name.clone();
    let created = context
        .effect(
            "create_project",
            json!({ "project": project.id }),
            async |_| projects::find(context.ops, &project.id).await.map(|found| found.map(|_| project.id.clone())),
            async |_| projects::create(context.ops, &project).await.map(|()| project.id.clone()),
        )
        .await?;
    context.recorder.set_project(created);
    context.leases.take_project(&project.name, context.run.id.as_str()).await.map_err(|error| ToolError::of(&error))?;
    assumptions.extend(note);
    context.change(Change::CurrentProject(CurrentProject {
        id: project.id.clone(),
        name: project.name.clone(),
        folder: project.folder.clone(),
    }));
    context.change(Change::ProjectIntent(ProjectIntent {
        summary: spec.project.title.clone(),
        assumptions,
        not_built,
    }));
    let models: Vec<&str> = spec.models.iter().map(|model| model.name.as_str()).collect();
    (context.notes)(&format!("{}: {}", project.name, models.join(", ")));
    let content = json!({ "project": project.name, "folder": project.folder });
    context.change(Change::ProjectSpec(Box::new(spec)));
    Ok(content.into())
}
