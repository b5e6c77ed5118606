//! What a cassette holds: one JSON text a line, in the order in which it happened.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::{Error, Refusal, Reply, Trouble, Usage};
use crate::domain::names::AgentName;
use crate::domain::time::Timestamp;

/// The format this version writes and reads.
pub const VERSION: u32 = 1;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Line {
    /// The first one.
    Cassette {
        /// See [`VERSION`].
        version: u32,
        /// The version of cgo that wrote it.
        cgo: String,
        /// All chance comes from it.
        seed: String,
        /// What was asked for.
        request: Value,
    },
    /// A reading of the clock.
    Moment {
        /// The place that read it.
        of: String,
        /// What it read, in milliseconds since 1970.
        at: Timestamp,
    },
    /// Something that was as it was on the machine.
    Fact {
        /// The place that asked.
        of: String,
        /// What it was.
        is: String,
    },
    /// A message of conversations; it stands here once.
    Message {
        /// Its name in calls.
        id: String,
        /// The message.
        says: Value,
    },
    /// The tools of conversations; they stand here once.
    Tools {
        /// Their name in calls.
        id: String,
        /// The tools.
        are: Value,
    },
    /// A question to a model, and what came of it.
    Call(Box<Call>),
    /// What a person said to a run that waited.
    Person(Person),
}

/// A question to a model, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// The hash of the canonical request.
    pub key: String,
    /// It takes the place of those before it with the same key: the process that asked them died before it could use
    /// the answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub instead: bool,
    /// Who asked.
    pub agent: AgentName,
    /// Who was asked.
    pub provider: String,
    /// The model; empty for the provider's own.
    pub model: String,
    /// How freely it chose.
    pub temperature: f64,
    /// The most tokens of the answer.
    pub max_tokens: u32,
    /// The tools it might call.
    pub tools: String,
    /// The conversation.
    pub messages: Vec<String>,
    /// What came of it.
    pub outcome: Told,
}

/// What a person said to a run that waited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// The question's id.
    pub ask: String,
    /// Given, or refused.
    pub approved: bool,
    /// The answers.
    pub texts: Vec<String>,
    /// Who.
    pub by: String,
    /// What they had committed meanwhile: a stream for `git fast-import`; empty for nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub commits: String,
}

/// An answer, or why there was none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Told {
    /// The answer.
    Reply(Reply),
    /// Asking again might have helped.
    Retry {
        /// What kind of trouble.
        trouble: Trouble,
        /// How long the provider wanted to be left alone, in milliseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<u64>,
        /// In words.
        reason: String,
        /// What it used.
        usage: Usage,
    },
    /// Asking again would not have helped.
    Permanent {
        /// What kind of refusal.
        refusal: Refusal,
        /// In words.
        reason: String,
        /// What to do.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
        /// What it used.
        usage: Usage,
    },
    /// The answer broke off.
    Incomplete {
        /// In words.
        reason: String,
        /// What it used.
        usage: Usage,
    },
    /// The provider could make nothing of it.
    Unanswerable {
        /// Why.
        reason: String,
    },
}

impl Told {
    /// Whether the run remembers it, so that it is not asked again when the run goes on.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        match self {
            Self::Reply(_) | Self::Incomplete { .. } => true,
            Self::Permanent { refusal, .. } => *refusal == Refusal::Context,
            Self::Retry { .. } | Self::Unanswerable { .. } => false,
        }
    }

    /// What is kept of an outcome; nothing of a question that was withdrawn.
    #[must_use]
    pub fn of(outcome: &Result<Reply, Error>) -> Option<Self> {
        Some(match outcome {
            Ok(reply) => Self::Reply(reply.clone()),
            Err(Error::Retry { trouble, after, reason, usage }) => Self::Retry {
                trouble: *trouble,
                after: after.map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX)),
                reason: reason.clone(),
                usage: *usage,
            },
            Err(Error::Permanent { refusal, reason, hint, usage }) => {
                Self::Permanent { refusal: *refusal, reason: reason.clone(), hint: hint.clone(), usage: *usage }
            }
            Err(Error::Incomplete { reason, usage }) => Self::Incomplete { reason: reason.clone(), usage: *usage },
            Err(Error::Unanswerable { reason, .. }) => Self::Unanswerable { reason: reason.clone() },
            Err(Error::Cancelled) => return None,
        })
    }

    /// The outcome again.
    ///
    /// # Errors
    /// When it was one.
    pub fn outcome(self, provider: &str, agent: &AgentName) -> Result<Reply, Error> {
        match self {
            Self::Reply(reply) => Ok(reply),
            Self::Retry { trouble, after, reason, usage } => {
                Err(Error::Retry { trouble, after: after.map(Duration::from_millis), reason, usage })
            }
            Self::Permanent { refusal, reason, hint, usage } => Err(Error::Permanent { refusal, reason, hint, usage }),
            Self::Incomplete { reason, usage } => Err(Error::Incomplete { reason, usage }),
            Self::Unanswerable { reason } => {
                Err(Error::Unanswerable { provider: provider.to_owned(), agent: agent.clone(), reason })
            }
        }
    }
}
