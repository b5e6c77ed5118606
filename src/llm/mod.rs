//! Models behind one trait: messages and tools in, text and tool calls out.
//!
//! A provider knows nothing of runs, stores or the world; whoever calls it runs the tools and records the call. It
//! asks once: trying again is decided in one place, [`mod@retry`], from the class of the [`Error`].
//! [`offline`] needs no account; [`openai`] and [`anthropic`] speak to real models over [`wire`].

pub mod anthropic;
pub mod cassette;
pub mod compact;
mod error;
pub mod guard;
pub mod offline;
pub mod openai;
pub mod price;
pub mod retry;
mod schema;
pub mod wire;

use std::future::Future;
use std::pin::Pin;

use serde::{Deserialize, Serialize};

use crate::domain::money::Usd;
use crate::domain::names::AgentName;
pub use error::{Error, Refusal, Trouble};
pub use schema::Schema;

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
        /// See [`Reply::replay`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replay: Option<serde_json::Value>,
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
    pub parameters: Schema,
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

impl ToolCall {
    /// The arguments as JSON. A model may write none at all for a tool without any.
    ///
    /// # Errors
    /// When they are not JSON; the error names the position. They are never mended.
    pub fn parsed(&self) -> Result<serde_json::Value, serde_json::Error> {
        serde_json::from_str(if self.arguments.trim().is_empty() { "{}" } else { &self.arguments })
    }
}

/// What a model answered.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Reply {
    /// The text; none when it only called tools.
    pub content: Option<String>,
    /// The calls, in order. Their ids are unique within the reply.
    pub tool_calls: Vec<ToolCall>,
    /// What it thought before, where the provider tells; for people, never sent back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<String>,
    /// What the provider wants back untouched with this answer, such as signed thoughts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<serde_json::Value>,
    /// Why it ended.
    #[serde(default)]
    pub finish: Finish,
    /// What it cost.
    pub usage: Usage,
}

/// Why an answer ended.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// The model had said everything.
    #[default]
    Stop,
    /// It called tools.
    ToolCalls,
    /// The limit of tokens cut its text off.
    Length,
    /// The provider's filter cut its text off.
    Filtered,
    /// The provider gave no reason, though the answer is whole.
    Missing,
    /// Another reason, in the provider's words.
    Other(String),
}

/// What a call used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the request, with those from and into the cache.
    pub input_tokens: u64,
    /// Tokens of the answer, with those it thought with.
    pub output_tokens: u64,
    /// Tokens of the request that the provider had in its cache.
    #[serde(default)]
    pub cached_tokens: u64,
    /// Tokens of the request that it put into its cache.
    #[serde(default)]
    pub cache_write_tokens: u64,
    /// What the provider itself says it costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Usd>,
    /// The provider did not say: counted from the texts.
    #[serde(default)]
    pub estimated: bool,
}

/// A call under way.
pub type ReplyFuture<'a> = Pin<Box<dyn Future<Output = Result<Reply, Error>> + 'a>>;

/// Told the pieces of an answer's text as they come. What it was told counts for nothing when the call fails.
pub type OnText<'a> = &'a dyn Fn(&str);

/// Something that answers as an agent.
pub trait Provider {
    /// The provider's name in agent files.
    fn name(&self) -> &str;
    /// The model that is asked in the place of one that keeps failing.
    fn fallback(&self) -> Option<&str> {
        None
    }
    /// What it answers was answered before, and costs nothing.
    fn replays(&self) -> bool {
        false
    }
    /// Asks once. May be dropped at any time; asking again is safe, and may cost again.
    fn complete<'a>(&'a self, request: &'a Request, on_text: OnText<'a>) -> ReplyFuture<'a>;
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
    /// The answer as a message of the conversation.
    #[must_use]
    pub fn message(&self) -> Message {
        Message::Assistant {
            content: self.content.clone(),
            tool_calls: self.tool_calls.clone(),
            replay: self.replay.clone(),
        }
    }

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
