//! The question as chat completions take it.

use serde_json::{Map, Value, json};

use super::super::Request;
use super::super::wire::transcript::{Answer, Turn, schema, transcript};
use super::dialect::Dialect;

/// The body of a question.
#[must_use]
pub fn body(request: &Request, model: &str, streamed: bool, dialect: &Dialect) -> Value {
    let mut body = json!({ "model": model, "messages": messages(request, model, dialect) });
    if !request.tools.is_empty() {
        let tools = request.tools.iter().map(|tool| {
            json!({
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": schema(&tool.parameters),
                },
            })
        });
        body["tools"] = tools.collect();
    }
    let limit = if dialect.completion_tokens { "max_completion_tokens" } else { "max_tokens" };
    if dialect.takes(limit) {
        body[limit] = json!(request.max_tokens);
    }
    if dialect.takes("temperature") {
        body["temperature"] = json!(request.temperature);
    }
    if streamed {
        body["stream"] = json!(true);
        if dialect.takes("stream_options") {
            body["stream_options"] = json!({ "include_usage": true });
        }
    }
    if dialect.tells_cost {
        body["usage"] = json!({ "include": true });
    }
    body
}

fn messages(request: &Request, model: &str, dialect: &Dialect) -> Vec<Value> {
    let transcript = transcript(&request.messages);
    let mut messages = Vec::new();
    if !transcript.system.is_empty() {
        messages.push(json!({ "role": "system", "content": transcript.system }));
    }
    for turn in &transcript.turns {
        match turn {
            Turn::User(texts) => messages.push(json!({ "role": "user", "content": texts.join("\n\n") })),
            Turn::Assistant(answer) => messages.push(assistant(answer, model, dialect)),
            Turn::Results(outcomes) => messages.extend(
                outcomes
                    .iter()
                    .map(|outcome| json!({ "role": "tool", "tool_call_id": outcome.id, "content": outcome.content })),
            ),
        }
    }
    messages
}

fn assistant(answer: &Answer<'_>, model: &str, dialect: &Dialect) -> Value {
    let replay = replayed(answer, model);
    let mut message = json!({ "role": "assistant", "content": answer.content });
    if !answer.calls.is_empty() {
        let extras = replay.and_then(|replay| replay.get("extra_content")?.as_array());
        let calls = answer.calls.iter().enumerate().map(|(index, call)| {
            let mut told = json!({
                "id": call.id,
                "type": "function",
                "function": { "name": call.name, "arguments": call.arguments },
            });
            if let Some(extra) = extras.and_then(|extras| extras.get(index)).filter(|extra| !extra.is_null()) {
                told["extra_content"] = extra.clone();
            }
            told
        });
        message["tool_calls"] = calls.collect();
    }
    if let Some(details) = replay.and_then(|replay| replay.get("reasoning_details")) {
        message["reasoning_details"] = details.clone();
    }
    if dialect.wants_reasoning && !answer.calls.is_empty() {
        let thought = replay.and_then(|replay| replay.get("reasoning_content")).and_then(Value::as_str);
        message["reasoning_content"] = json!(thought.unwrap_or_default());
    }
    message
}

/// What this model at this endpoint wants back with an answer.
fn replayed<'a>(answer: &Answer<'a>, model: &str) -> Option<&'a Map<String, Value>> {
    let replay = answer.replay?.get("openai")?.as_object()?;
    (replay.get("model").and_then(Value::as_str) == Some(model)).then_some(replay)
}
