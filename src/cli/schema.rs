//! The JSON Schemas under `schemas/`: made from the types, kept current by a test.

use schemars::{JsonSchema, schema_for};
use serde_json::{Value, json};

use super::outcome::Answer;
use super::{
    agent_answers, audit, deploy, explain, incidents, lock, operate, project, project_new, project_update, provision,
    run_answers, secrets, servers, setup, spec, users,
};
use crate::domain::agent::Agent;
use crate::domain::manifest::Manifest;
use crate::domain::spec::Spec;
use crate::domain::state::ProjectState;
use crate::pipeline::runner;

/// Every schema: file name and contents.
#[must_use]
pub fn all() -> Vec<(String, Value)> {
    let mut schemas = vec![
        ("agent.schema.json".to_owned(), of::<Agent>()),
        ("graph.schema.json".to_owned(), of::<runner::Definition>()),
        ("manifest.schema.json".to_owned(), of::<Manifest>()),
        ("spec.schema.json".to_owned(), of::<Spec>()),
        ("state.schema.json".to_owned(), of::<ProjectState>()),
        ("error.json".to_owned(), error()),
    ];
    schemas.extend([
        answer::<super::cost::Costs>(),
        answer::<project_new::Created>(),
        answer::<project_new::Plan>(),
        answer::<project_new::Updated>(),
        answer::<project_update::Plan>(),
        answer::<project::Projects>(),
        answer::<project::Shown>(),
        answer::<project::Logs>(),
        answer::<project::Moved>(),
        answer::<project::Removed>(),
        answer::<project::Regenerated>(),
        answer::<run_answers::Runs>(),
        answer::<run_answers::Shown>(),
        answer::<run_answers::Moved>(),
        answer::<run_answers::Forked>(),
        answer::<deploy::Deployed>(),
        answer::<deploy::Recalled>(),
        answer::<deploy::DeployPlan>(),
        answer::<deploy::Status>(),
        answer::<incidents::Listed>(),
        answer::<incidents::Shown>(),
        answer::<incidents::Checked>(),
        answer::<incidents::Resolved>(),
        answer::<incidents::Recovered>(),
        answer::<secrets::Done>(),
        answer::<secrets::Listed>(),
        answer::<secrets::Got>(),
        answer::<secrets::Removed>(),
        answer::<secrets::Rotated>(),
        answer::<users::Listed>(),
        answer::<users::Changed>(),
        answer::<users::Invited>(),
        answer::<lock::LockState>(),
        answer::<audit::Audited>(),
        answer::<operate::MaintenanceState>(),
        answer::<servers::Servers>(),
        answer::<servers::Added>(),
        answer::<servers::Shown>(),
        answer::<servers::Checked>(),
        answer::<servers::Trusted>(),
        answer::<servers::Moved>(),
        answer::<servers::Removed>(),
        answer::<provision::Provisioned>(),
        answer::<provision::ProvisionPlan>(),
        answer::<agent_answers::Listed>(),
        answer::<agent_answers::File>(),
        answer::<agent_answers::Stored>(),
        answer::<agent_answers::Diff>(),
        answer::<agent_answers::History>(),
        answer::<agent_answers::Exported>(),
        answer::<agent_answers::Imported>(),
        answer::<agent_answers::Tested>(),
        answer::<spec::Checked>(),
        answer::<spec::Formatted>(),
        answer::<spec::Shown>(),
        answer::<explain::Explanation>(),
        answer::<setup::Initialised>(),
        answer::<setup::Doctor>(),
        answer::<setup::SettingsListing>(),
        answer::<setup::ExitCodes>(),
    ]);
    schemas
}

fn of<T: JsonSchema>() -> Value {
    schema_for!(T).to_value()
}

/// The envelope of a command's answer.
fn answer<A: Answer>() -> (String, Value) {
    let mut data = of::<A>();
    let definitions = data.as_object_mut().and_then(|object| object.remove("$defs"));
    if let Some(object) = data.as_object_mut() {
        object.remove("$schema");
    }
    let mut envelope = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": format!("cgo.{}/1", A::NAME),
        "type": "object",
        "required": ["schema", "ok", "data"],
        "additionalProperties": false,
        "properties": {
            "schema": { "const": format!("cgo.{}/1", A::NAME) },
            "ok": { "type": "boolean" },
            "data": data,
        },
    });
    if let (Some(definitions), Some(object)) = (definitions, envelope.as_object_mut()) {
        object.insert("$defs".to_owned(), definitions);
    }
    (format!("{}.json", A::NAME), envelope)
}

/// The envelope of a failure.
fn error() -> Value {
    let text_or_none = json!({ "type": ["string", "null"] });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "cgo.error/1",
        "type": "object",
        "required": ["schema", "ok", "error"],
        "additionalProperties": false,
        "properties": {
            "schema": { "const": "cgo.error/1" },
            "ok": { "const": false },
            "error": {
                "type": "object",
                "required": ["code", "message", "hint", "step", "host", "evidence"],
                "additionalProperties": false,
                "properties": {
                    "code": { "enum": ["usage", "failed", "person_needed", "locked", "gate_failed", "preflight", "unknown", "interrupted", "internal"] },
                    "message": { "type": "string" },
                    "hint": text_or_none,
                    "step": text_or_none,
                    "host": text_or_none,
                    "evidence": { "type": "array", "items": { "type": "string" } },
                },
            },
        },
    })
}
