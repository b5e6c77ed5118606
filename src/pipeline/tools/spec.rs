//! The spec: proposed as a whole, read, and changed in small typed steps. Every result is checked before it counts.

use schemars::JsonSchema;
use std::future::ready;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Context, Output, Tool, ToolError, WorldEffect};
use crate::domain::names::ModelName;
use crate::domain::run::{Question, RequestKind, Wait};
use crate::domain::spec::{Language, Module, Spec};
use crate::domain::spec_change::SpecChange;
use crate::domain::spec_edit::Edit;
use crate::domain::state::{Change, CurrentProject, Field, Intent, NotBuilt, ProjectIntent, Role};
use crate::ops::projects;

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

/// Reads the spec.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ReadSpec {
    /// Only this model, with its operations and abilities; absent for everything.
    #[serde(default)]
    model: Option<ModelName>,
}

/// Changes the spec.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct EditSpec {
    /// The changes, made in order, all of them or none.
    edits: Vec<Edit>,
    /// What was assumed because the person does not say it.
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
            "propose_spec",
            "Propose the whole spec of the project, with what was assumed and what is not built. It is checked; mend what is refused and propose again.",
            WorldEffect::Changes,
            |context, args| Box::pin(propose_spec(context, args)),
        ),
        Tool::new(
            "read_spec",
            "Read the spec as it stands: everything, or one model with its operations and abilities.",
            WorldEffect::Reads,
            |context, args| Box::pin(ready(read_spec(context, &args))),
        ),
        Tool::new(
            "edit_spec",
            "Change models, fields, abilities and operations of the spec in small steps. The result is checked as a whole; nothing changes when it is refused. A new model or ability brings its standard operations. When records of a living project would be lost, the person is asked by itself.",
            WorldEffect::Changes,
            |context, args| Box::pin(ready(edit_spec(context, args))),
        ),
    ]
}

fn current<'a>(context: &'a Context<'_>) -> Result<&'a Spec, ToolError> {
    context.state.project_spec.as_ref().ok_or_else(|| ToolError::refused("there is no spec yet"))
}

async fn propose_spec(context: &Context<'_>, args: ProposeSpec) -> Result<Output, ToolError> {
    let ProposeSpec { mut spec, mut assumptions, mut not_built } = args;
    let later: Vec<Module> = spec.modules.iter().copied().filter(|module| !module.is_built()).collect();
    for module in later {
        spec.modules.retain(|kept| *kept != module);
        not_built.push(projects::module_comes_later(module, spec.project.language));
    }
    if !spec.modules.contains(&Module::Backend) {
        spec.modules.insert(0, Module::Backend);
    }
    super::check_spec(&spec)?;
    if let Some(before) = &context.state.project_spec
        && let Some(asks) = keeping_data(context, before, &spec, &mut assumptions)?
    {
        return Ok(asks);
    }
    let (project, note) = super::projects::establish(context, &spec).await?;
    spec.project.name = project.name.clone();
    assumptions.extend(note);
    context.change(Change::CurrentProject(project.clone()));
    context.change(Change::ProjectIntent(ProjectIntent {
        summary: spec.project.title.clone(),
        assumptions,
        not_built,
    }));
    let models: Vec<&str> = spec.models.iter().map(|model| model.name.as_str()).collect();
    (context.notes)(&format!("{}: {}", project.name, models.join(", ")));
    let CurrentProject { name, folder, .. } = project;
    context.change(Change::ProjectSpec(Box::new(spec)));
    Ok(json!({ "project": name, "folder": folder }).into())
}

fn read_spec(context: &Context<'_>, args: &ReadSpec) -> Result<Output, ToolError> {
    let spec = current(context)?;
    let Some(name) = &args.model else {
        return Ok(serde_json::to_value(spec).expect("a spec has text keys only").into());
    };
    let Some(model) = spec.models.iter().find(|model| model.name == *name) else {
        let names: Vec<&str> = spec.models.iter().map(|model| model.name.as_str()).collect();
        return Err(ToolError::refused(format!("there is no model `{name}`; there are {}", names.join(", "))));
    };
    let of_model = |operation: &&crate::domain::spec::Operation| operation.model.as_ref() == Some(name);
    let domains: Vec<Value> = spec
        .domains
        .iter()
        .filter(|domain| domain.operations.iter().any(|operation| of_model(&operation)))
        .map(|domain| {
            let operations: Vec<_> = domain.operations.iter().filter(of_model).collect();
            json!({ "name": domain.name, "prefix": domain.prefix, "operations": operations })
        })
        .collect();
    let pointing: Vec<String> =
        spec.references().filter(|(.., to)| *to == name).map(|(from, field, _)| format!("{from}.{field}")).collect();
    Ok(json!({ "model": model, "domains": domains, "features": spec.features, "pointed_to_by": pointing }).into())
}

fn edit_spec(context: &Context<'_>, args: EditSpec) -> Result<Output, ToolError> {
    if args.edits.is_empty() {
        return Err(ToolError::refused("there is no change among `edits`"));
    }
    let before = current(context)?;
    let spec = before.edited(&args.edits).map_err(|error| ToolError::refused(error.to_string()))?;
    super::check_spec(&spec)?;
    if spec == *before {
        return Ok(json!({ "changed": false }).into());
    }
    let language = context.state.language();
    let mut assumptions = args.assumptions;
    if let Some(asks) = keeping_data(context, before, &spec, &mut assumptions)? {
        return Ok(asks);
    }
    let operations: usize = spec.domains.iter().map(|domain| domain.operations.len()).sum();
    let models: Vec<String> = spec.models.iter().map(|model| model.name.to_string()).collect();
    let words: Vec<String> = SpecChange::between(before, &spec).iter().map(|change| change.words(language)).collect();
    (context.notes)(&words.join("; "));
    if context.agent.writes.contains(&Field::ProjectIntent) {
        let summary = words.join("; ");
        let mut intent = ProjectIntent { summary, assumptions, not_built: args.not_built };
        if let Some(present) = context.state.project_intent.clone() {
            intent.summary = present.summary;
            intent.assumptions.splice(0..0, present.assumptions);
            intent.not_built.splice(0..0, present.not_built);
        }
        context.change(Change::ProjectIntent(intent));
    }
    context.change(Change::ProjectSpec(Box::new(spec)));
    Ok(json!({ "changed": true, "models": models, "operations": operations }).into())
}

/// Sees to it that no records of a living project are lost that a person wants to keep: asks for what nobody was asked
/// yet, and takes it among what was assumed where no questions are wanted.
fn keeping_data(
    context: &Context<'_>,
    before: &Spec,
    after: &Spec,
    assumptions: &mut Vec<String>,
) -> Result<Option<Output>, ToolError> {
    let is_new = context.run.request.kind() == RequestKind::NewProject;
    if is_new && context.state.po_intent != Some(Intent::UpdateProject) {
        return Ok(None);
    }
    let language = context.state.language();
    let losses: Vec<String> = SpecChange::between(before, after)
        .iter()
        .filter(|change| change.loses_data())
        .map(|change| change.words(language))
        .collect();
    match permission(context, language, &losses) {
        Permission::Given => Ok(None),
        Permission::Assumed => {
            assumptions.extend(losses);
            Ok(None)
        }
        Permission::Refused => {
            let kept = losses.join("; ");
            Err(ToolError::refused(format!("the person said no to this, so leave it out: {kept}")))
        }
        Permission::Open(question) => {
            Ok(Some(Output { ask: Some((Wait::Input, vec![question])), ..Output::default() }))
        }
    }
}

/// Whether records may be lost.
enum Permission {
    /// Nothing is lost, or the person has said yes.
    Given,
    /// The person wants no questions.
    Assumed,
    /// The person has said no.
    Refused,
    /// Nobody was asked yet.
    Open(Question),
}

/// What the person said to losing just that. The question is the tool's own, so no agent can word it otherwise.
fn permission(context: &Context<'_>, language: Language, losses: &[String]) -> Permission {
    if losses.is_empty() {
        return Permission::Given;
    }
    if context.run.request.assumes() {
        return Permission::Assumed;
    }
    let project = context.state.current_project.as_ref().map_or("", |project| project.name.as_str());
    let (text, yes, no) = match language {
        Language::En => (format!("This loses data of `{project}`: {}. Do it?", losses.join("; ")), "yes", "no"),
        Language::Ru => (format!("Данные `{project}` пропадут: {}. Сделать?", losses.join("; ")), "да", "нет"),
    };
    let said = &context.state.messages;
    let asked = said.iter().rposition(|message| message.role == Role::Assistant && message.content == text);
    let answer = asked.and_then(|at| said[at..].iter().find(|message| message.role == Role::User));
    match answer.map(|message| message.content.trim().to_lowercase()) {
        None => Permission::Open(Question {
            id: "loses_data".to_owned(),
            text,
            choices: vec![yes.to_owned(), no.to_owned()],
            assumption: None,
        }),
        Some(answer) if ["yes", "y", "да", "д"].contains(&answer.as_str()) => Permission::Given,
        Some(_) => Permission::Refused,
    }
}
