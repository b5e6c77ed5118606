//! Why there is no answer: by class, so that whoever asked knows who acts next.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Usage;
use crate::domain::diagnose::{Advice, Diagnose, Kind};
use crate::domain::names::AgentName;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// The request makes no sense to this provider.
    #[error("provider `{provider}` cannot answer for agent `{agent}`: {reason}")]
    Unanswerable {
        /// The provider.
        provider: String,
        /// The agent.
        agent: AgentName,
        /// Why.
        reason: String,
    },
    /// Asking again may help.
    #[error("{trouble}: {reason}")]
    Retry {
        /// What kind of trouble.
        trouble: Trouble,
        /// How long the provider wants to be left alone.
        after: Option<Duration>,
        /// In words, with the provider's own, cut and on one line.
        reason: String,
        /// What the failed call used all the same.
        usage: Usage,
    },
    /// Asking the same again will not help.
    #[error("{refusal}: {reason}")]
    Permanent {
        /// What kind of refusal.
        refusal: Refusal,
        /// In words, with the provider's own, cut and on one line.
        reason: String,
        /// What to do now, where that is known.
        hint: Option<String>,
        /// What the refused call used all the same.
        usage: Usage,
    },
    /// Whoever asked wants no answer any more.
    #[error("the question was withdrawn")]
    Cancelled,
    /// The answer broke off at a limit, in the middle of a tool's arguments or before any of it: nothing of it counts.
    #[error("the answer is incomplete: {reason}")]
    Incomplete {
        /// In words.
        reason: String,
        /// What it used all the same.
        usage: Usage,
    },
}

/// Trouble that may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// Too many requests, or tokens, a minute.
    RateLimited,
    /// The model has too much to do.
    Overloaded,
    /// The provider failed, or answered with what is no answer.
    Upstream,
    /// The connection could not be made or broke.
    Network,
    /// Nothing came within the time for it.
    Timeout,
}

/// What the provider will not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The key is missing, wrong or not allowed to.
    Key,
    /// The account has no money or quota left.
    Money,
    /// There is no such model.
    Model,
    /// The request is longer than the model takes.
    Context,
    /// The provider's filter refuses the content.
    Filtered,
    /// The endpoint is not one of the kind it is set up as.
    Endpoint,
    /// The request is wrong in some other way.
    Request,
    /// A secret stood in the request, so it was not sent.
    Secret,
    /// The cassette that stands in the place of the model does not hold it, or cannot be written.
    Unrecorded,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RateLimited => "the provider limits the rate",
            Self::Overloaded => "the model is overloaded",
            Self::Upstream => "the provider failed",
            Self::Network => "no connection to the provider",
            Self::Timeout => "the provider did not answer in time",
        })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key => "the provider refuses the key",
            Self::Money => "the provider's account has nothing left",
            Self::Model => "the provider has no such model",
            Self::Context => "the conversation is longer than the model takes",
            Self::Filtered => "the provider's filter refuses the content",
            Self::Endpoint => "this is no endpoint for models",
            Self::Request => "the provider refuses the request",
            Self::Secret => "the request was not sent",
            Self::Unrecorded => "the cassette has no answer",
        })
    }
}

impl Error {
    /// What the failed call used all the same.
    #[must_use]
    pub fn usage(&self) -> Usage {
        match self {
            Self::Retry { usage, .. } | Self::Incomplete { usage, .. } | Self::Permanent { usage, .. } => *usage,
            Self::Unanswerable { .. } | Self::Cancelled => Usage::default(),
        }
    }

    /// The same error, of a call that used so much.
    #[must_use]
    pub fn charged(mut self, used: Usage) -> Self {
        match &mut self {
            Self::Retry { usage, .. } | Self::Incomplete { usage, .. } | Self::Permanent { usage, .. } => *usage = used,
            Self::Unanswerable { .. } | Self::Cancelled => {}
        }
        self
    }
}

impl Diagnose for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Unanswerable { .. } => Kind::Internal,
            Self::Cancelled => Kind::Interrupted,
            Self::Retry { .. } | Self::Permanent { .. } | Self::Incomplete { .. } => Kind::User,
        }
    }

    fn advice(&self) -> Option<Advice> {
        match self {
            Self::Permanent { hint: Some(hint), .. } => Some(Advice::Do(hint.clone())),
            Self::Retry { .. } => Some(Advice::Do("run `cgo run resume` when it answers again".to_owned())),
            Self::Incomplete { .. } => Some(Advice::Do("raise `max_tokens` of the agent".to_owned())),
            Self::Permanent { .. } | Self::Unanswerable { .. } | Self::Cancelled => None,
        }
    }
}
