//! The question as chat completions take it. It is spelled straight from the conversation: nothing of it is copied.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value};

use super::super::wire::transcript::{Answer, Turn, transcript};
use super::super::{Request, Schema};
use super::dialect::Dialect;

/// The body of a question.
#[derive(Serialize)]
pub struct Body<'a> {
    model: &'a str,
    messages: Vec<Message<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Tool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Include>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
struct Include {
    include: bool,
}

#[derive(Serialize)]
struct Tool<'a> {
    r#type: &'static str,
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    description: &'a str,
    parameters: &'a Schema,
}

#[derive(Serialize)]
#[serde(tag = "role", rename_all = "snake_case")]
enum Message<'a> {
    System {
        content: Cow<'a, str>,
    },
    User {
        content: Cow<'a, str>,
    },
    Tool {
        tool_call_id: Cow<'a, str>,
        content: &'a str,
    },
    Assistant {
        content: Option<&'a str>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tool_calls: Vec<Call<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reasoning_details: Option<&'a Value>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reasoning_content: Option<&'a str>,
    },
}

#[derive(Serialize)]
struct Call<'a> {
    id: Cow<'a, str>,
    r#type: &'static str,
    function: Called<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_content: Option<&'a Value>,
}

#[derive(Serialize)]
struct Called<'a> {
    name: Cow<'a, str>,
    arguments: Cow<'a, str>,
}

impl Body<'_> {
    /// Whether the question has that parameter.
    #[must_use]
    pub fn has(&self, parameter: &str) -> bool {
        serde_json::to_value(self).is_ok_and(|body| body.get(parameter).is_some())
    }
}

/// The body of a question.
#[must_use]
pub fn body<'a>(request: &'a Request, model: &'a str, streamed: bool, dialect: &Dialect) -> Body<'a> {
    let tools = request.tools.iter().map(|tool| {
        let function = Function { name: &tool.name, description: &tool.description, parameters: &tool.parameters };
        Tool { r#type: "function", function }
    });
    let limit = |name: &str, wanted: bool| (wanted && dialect.takes(name)).then_some(request.max_tokens);
    Body {
        model,
        messages: messages(request, model, dialect),
        tools: tools.collect(),
        max_completion_tokens: limit("max_completion_tokens", dialect.completion_tokens),
        max_tokens: limit("max_tokens", !dialect.completion_tokens),
        temperature: dialect.takes("temperature").then_some(request.temperature),
        stream: streamed.then_some(true),
        stream_options: (streamed && dialect.takes("stream_options")).then_some(StreamOptions { include_usage: true }),
        usage: dialect.tells_cost.then_some(Include { include: true }),
    }
}

fn messages<'a>(request: &'a Request, model: &str, dialect: &Dialect) -> Vec<Message<'a>> {
    let transcript = transcript(&request.messages);
    let mut messages = Vec::with_capacity(transcript.turns.len() + 1);
    if !transcript.system.is_empty() {
        messages.push(Message::System { content: transcript.system });
    }
    for turn in transcript.turns {
        match turn {
            Turn::User(texts) => messages.push(Message::User { content: joined(texts) }),
            Turn::Assistant(answer) => messages.push(assistant(answer, model, dialect)),
            Turn::Results(outcomes) => messages.extend(
                outcomes
                    .into_iter()
                    .map(|outcome| Message::Tool { tool_call_id: outcome.id, content: outcome.content }),
            ),
        }
    }
    messages
}

/// Texts as one, with an empty line between two.
fn joined(mut texts: Vec<Cow<'_, str>>) -> Cow<'_, str> {
    if texts.len() == 1 { texts.remove(0) } else { Cow::Owned(texts.join("\n\n")) }
}

fn assistant<'a>(answer: Answer<'a>, model: &str, dialect: &Dialect) -> Message<'a> {
    let replay = replayed(&answer, model);
    let told = |name: &str| replay.and_then(|replay| replay.get(name));
    let extras = told("extra_content").and_then(Value::as_array);
    let thought = (dialect.wants_reasoning && !answer.calls.is_empty())
        .then(|| told("reasoning_content").and_then(Value::as_str).unwrap_or_default());
    let calls = answer.calls.into_iter().enumerate().map(|(index, call)| Call {
        id: call.id,
        r#type: "function",
        function: Called { name: call.name, arguments: call.arguments },
        extra_content: extras.and_then(|extras| extras.get(index)).filter(|extra| !extra.is_null()),
    });
    Message::Assistant {
        content: answer.content,
        tool_calls: calls.collect(),
        reasoning_details: told("reasoning_details"),
        reasoning_content: thought,
    }
}

/// What this model at this endpoint wants back with an answer.
fn replayed<'a>(answer: &Answer<'a>, model: &str) -> Option<&'a Map<String, Value>> {
    let replay = answer.replay?.get("openai")?.as_object()?;
    (replay.get("model").and_then(Value::as_str) == Some(model)).then_some(replay)
}
