//! Models behind one trait: messages and tools in, text and tool calls out.
//!
//! A provider knows nothing of runs, stores or the world; whoever calls it runs the tools and records the call.
//! Now there is [`offline`], which needs no account; providers that reach a real model implement the same trait.

pub mod offline;

use std::future::Future;
use std::pin::Pin;

use serde::{Deserialize, Serialize};

use crate::domain::names::AgentName;

/// One question to a model: everything it may know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The agent that asks.
    pub agent: AgentName,
    /// The model's name at the provider; empty for its default.
    pub model: String,
    /// How freely it chooses, 0 to 2.
    pub temperature: f64,
    /// The most tokens of the answer.
    pub max_tokens: u32,
    /// The conversation so far.
    pub messages: Vec<Message>,
    /// The tools it may call.
    pub tools: Vec<ToolSpec>,
}

/// One message of a conversation with a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "role")]
pub enum Message {
    /// What the model is.
    System {
        /// The text.
        content: String,
    },
    /// What it is asked.
    User {
        /// The text.
        content: String,
    },
    /// What it answered.
    Assistant {
        /// The text; none when it only called tools.
        content: Option<String>,
        /// The calls, in order.
        tool_calls: Vec<ToolCall>,
    },
    /// What a call came to.
    Tool {
        /// The call.
        call_id: String,
        /// The tool.
        name: String,
        /// The result, or what was wrong with the call.
        content: String,
    },
}

/// A tool a model may call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// Its name.
    pub name: String,
    /// What it does, for the model.
    pub description: String,
    /// The JSON Schema of its arguments.
    pub parameters: serde_json::Value,
}

/// A call of a tool. The arguments are as the model wrote them: they are checked where the tool is run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Names the call in its result.
    pub id: String,
    /// The tool.
    pub name: String,
    /// The arguments, as JSON text.
    pub arguments: String,
}

/// What a model answered.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Reply {
    /// The text; none when it only called tools.
    pub content: Option<String>,
    /// The calls, in order.
    pub tool_calls: Vec<ToolCall>,
    /// What it cost.
    pub usage: Usage,
}

/// What a call used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the request.
    pub input_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
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
}

/// A call under way.
pub type ReplyFuture<'a> = Pin<Box<dyn Future<Output = Result<Reply, Error>> + Send + 'a>>;

/// Something that answers as an agent.
pub trait Provider: Send + Sync {
    /// The provider's name in agent files.
    fn name(&self) -> &str;
    /// Answers once. May be dropped at any time; asking again is safe.
    fn complete<'a>(&'a self, request: &'a Request) -> ReplyFuture<'a>;
}

impl Request {
    /// Calls whose results are in the conversation, newest last: (tool, result).
    pub fn results(&self) -> impl Iterator<Item = (&str, &str)> {
        self.messages.iter().filter_map(|message| match message {
            Message::Tool { name, content, .. } => Some((name.as_str(), content.as_str())),
            Message::System { .. } | Message::User { .. } | Message::Assistant { .. } => None,
        })
    }

    /// The first thing the model was asked: the task.
    #[must_use]
    pub fn task(&self) -> &str {
        self.messages
            .iter()
            .find_map(|message| match message {
                Message::User { content } => Some(content.as_str()),
                Message::System { .. } | Message::Assistant { .. } | Message::Tool { .. } => None,
            })
            .unwrap_or_default()
    }
}

impl Reply {
    /// An answer in words.
    #[must_use]
    pub fn text(content: impl Into<String>) -> Self {
        Self { content: Some(content.into()), ..Self::default() }
    }

    /// An answer that calls one tool.
    #[must_use]
    pub fn call(id: impl Into<String>, name: &str, arguments: &serde_json::Value) -> Self {
        let call = ToolCall { id: id.into(), name: name.to_owned(), arguments: arguments.to_string() };
        Self { tool_calls: vec![call], ..Self::default() }
    }
}
