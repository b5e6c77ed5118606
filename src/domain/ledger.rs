//! What calls of models cost: an entry is reserved before the call, at the most it may cost, and settled after it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::RunId;
use super::money::Usd;
use super::names::AgentName;
use super::time::Timestamp;

/// One call of a model, or one attempt of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Names the call in its run: the place of the call and the number of the attempt.
    pub key: String,
    /// The run.
    pub run: RunId,
    /// The visit it belongs to.
    pub visit: u32,
    /// The agent that asked.
    pub agent: AgentName,
    /// Who was asked.
    pub provider: String,
    /// The model.
    pub model: String,
    /// Tokens of the question, those from the provider's cache included.
    pub input_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
    /// Tokens of the question that came from the provider's cache.
    pub cached_tokens: u64,
    /// What it cost; before it is settled, the most it may.
    pub cost: Usd,
    /// How sure that is.
    pub standing: Standing,
    /// When it was last written.
    pub at: Timestamp,
}

/// How sure an entry's cost is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The call is under way, or was cut off by a crash: it may cost so much.
    Reserved,
    /// Counted by the provider.
    Settled,
    /// Counted from the texts: the provider said nothing.
    Estimated,
    /// Nobody knows the price; the cost is not in it.
    Unpriced,
    /// Answered from a cassette: nobody was asked, and it costs nothing.
    Replayed,
}

impl Standing {
    /// Every standing.
    pub const ALL: [Self; 5] = [Self::Reserved, Self::Settled, Self::Estimated, Self::Unpriced, Self::Replayed];

    /// The standing as the store and JSON spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::Settled => "settled",
            Self::Estimated => "estimated",
            Self::Unpriced => "unpriced",
            Self::Replayed => "replayed",
        }
    }
}

/// What entries are added up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// The project.
    Project,
    /// The run.
    Run,
    /// The agent.
    Agent,
    /// The model.
    Model,
    /// The day, in UTC.
    Day,
}

/// Entries that are the same in one dimension, added up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Total {
    /// What they have in common; empty for calls without a project.
    pub of: String,
    /// How many calls.
    pub calls: u64,
    /// Tokens of the questions.
    pub input_tokens: u64,
    /// Tokens of the answers.
    pub output_tokens: u64,
    /// Tokens of the questions that came from caches.
    pub cached_tokens: u64,
    /// What they cost.
    pub cost: Usd,
    /// How many of the calls have a cost that is only estimated, or reserved.
    pub estimated: u64,
    /// How many of the calls have no known price.
    pub unpriced: u64,
    /// How many of the calls were answered from a cassette.
    pub replayed: u64,
}
