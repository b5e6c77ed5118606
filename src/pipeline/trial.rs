//! One agent alone on one input: the calls it would make. Nothing is changed; results are made up as "done".

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::models::{Chosen, Models};
use super::runner::Error;
use super::tools::Registry;
use crate::domain::names::AgentName;
use crate::domain::provider::ModelChoice;
use crate::domain::state::{Message as Said, ProjectState, Role};
use crate::llm::{Message, Request};
use crate::ops::{self, Context, agents};

/// One call an agent made.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Call {
    /// The turn, from 1.
    pub turn: u32,
    /// The tool.
    pub tool: String,
    /// The arguments; text where they are no JSON.
    pub arguments: Value,
    /// Why the call would be refused before it acts.
    pub refused: Option<String>,
}

/// What an agent did with an input.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Trial {
    /// How often it was asked.
    pub turns: u32,
    /// Its calls, in order.
    pub calls: Vec<Call>,
    /// What it said at the end.
    pub closing: Option<String>,
}

/// The names of all tools.
#[must_use]
pub fn tool_names() -> BTreeSet<AgentName> {
    Registry::default().iter().map(|tool| tool.name.clone()).collect()
}

/// Lets an agent work on an input without a run.
///
/// # Errors
/// When there is no such agent, or it cannot answer.
pub async fn run(context: &Context, models: &Models, name: &AgentName, input: &str) -> Result<Trial, Error> {
    let agent = agents::current(context, name).await?;
    let registry = Registry::default();
    let Chosen { provider, model, .. } = models.of(&agent, &ModelChoice::default())?;
    let mut state = ProjectState::default();
    state.messages.push(Said { role: Role::User, agent: None, content: input.to_owned() });
    let task = json!({ "node": agent.id, "request": "new_project", "state": state, "assume": true });
    let mut messages =
        vec![Message::System { content: agent.system_prompt.clone() }, Message::User { content: task.to_string() }];
    let mut trial = Trial { turns: 0, calls: Vec::new(), closing: None };
    while trial.turns < agent.max_turns {
        trial.turns += 1;
        let request = Request {
            agent: agent.id.clone(),
            model: model.clone(),
            temperature: agent.temperature,
            max_tokens: agent.max_tokens,
            messages: messages.clone(),
            tools: registry.specs(&agent.tools),
        };
        let reply = provider.complete(&request, &|_| {}).await.map_err(|error| {
            Error::Ops(ops::Error::Usage {
                what: error.to_string(),
                hint: "give it an input it has a part in, or run the whole pipeline with `cgo project new`".to_owned(),
            })
        })?;
        if reply.tool_calls.is_empty() {
            trial.closing = reply.content;
            break;
        }
        messages.push(reply.message());
        for call in reply.tool_calls {
            let known = registry.find(&call.name).is_some_and(|tool| agent.tools.contains(&tool.name));
            let parsed = call.parsed();
            let refused = match (&parsed, known) {
                (_, false) => Some(format!("there is no tool `{}` for this agent", call.name)),
                (Err(error), true) => Some(format!("the arguments are not JSON: {error}")),
                (Ok(_), true) => None,
            };
            let asks = call.name == "ask_user";
            let result = refused.as_ref().map_or_else(|| json!({ "ok": true }), |reason| json!({ "error": reason }));
            messages.push(Message::Tool { call_id: call.id, name: call.name.clone(), content: result.to_string() });
            let arguments = parsed.unwrap_or(Value::String(call.arguments));
            trial.calls.push(Call { turn: trial.turns, tool: call.name, arguments, refused });
            if asks {
                return Ok(trial);
            }
        }
    }
    Ok(trial)
}
