//! Agents as data: who does what, with which tools, and whom they may hand over to.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::names::AgentName;
use super::state::Field;
use super::time::Timestamp;

/// One agent, as its file says. Files are checked against `schemas/agent.schema.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "cgo agent")]
pub struct Agent {
    /// The id, also the file's stem.
    pub id: AgentName,
    /// The name people read.
    pub name: String,
    /// One line: what the agent is for.
    pub description: String,
    /// Whether a model decides, or rules in code do.
    pub engine: Engine,
    /// The provider its model is asked from; absent for the one of the settings, which is `offline` at first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The model's name at the provider; empty for the provider's default.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub model: String,
    /// How freely the model chooses, 0 to 2.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 2.0))]
    pub temperature: f64,
    /// The most tokens of one answer.
    #[serde(default = "default_max_tokens")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_tokens: u32,
    /// The most turns (answers with tool calls) of one visit.
    #[serde(default = "default_max_turns")]
    #[schemars(range(min = 1, max = 200))]
    pub max_turns: u32,
    /// The most money of the agent in a run, over all its visits, in US dollars; absent for no limit of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0))]
    pub budget: Option<f64>,
    /// Whether the agent takes part.
    #[serde(default = "yes")]
    pub is_active: bool,
    /// The tools it may call, by name.
    #[serde(default)]
    pub tools: Vec<AgentName>,
    /// The agents it may hand over to.
    #[serde(default)]
    pub handoffs: Vec<AgentName>,
    /// The fields of the state it sees.
    #[serde(default)]
    pub reads: BTreeSet<Field>,
    /// The fields of the state it may change.
    #[serde(default)]
    pub writes: BTreeSet<Field>,
    /// What the model is told about its part.
    pub system_prompt: String,
}

fn default_max_tokens() -> u32 {
    4096
}
fn default_max_turns() -> u32 {
    20
}
fn yes() -> bool {
    true
}

/// Who decides for an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// A model, through its provider.
    Model,
    /// Rules in code: same tools, same state, no model.
    Rules,
}

/// One stored version of an agent's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AgentVersion {
    /// The agent.
    pub agent: AgentName,
    /// Counts from 1 for each agent.
    pub version: u32,
    /// The file's text, byte for byte.
    pub text: String,
    /// Where it came from: `built-in`, `edit`, `set`, `rollback to 3`, `import`.
    pub origin: String,
    /// When it was stored.
    pub created_at: Timestamp,
}
