//! The question as the Messages API takes it.

use serde_json::{Value, json};

use super::super::Request;
use super::super::wire::transcript::{Answer, Turn, transcript};

/// The body of a question. At most four places are marked for the cache: the end of the tools, the end of the system
/// prompt, and the ends of the last two turns of the person, so that each question finds what the one before left.
#[must_use]
pub fn body(request: &Request, model: &str, streamed: bool, temperature: bool) -> Value {
    let transcript = transcript(&request.messages);
    let mut messages: Vec<Value> = Vec::new();
    for turn in &transcript.turns {
        match turn {
            Turn::User(texts) => {
                let blocks = texts.iter().map(|text| json!({ "type": "text", "text": text }));
                extend_user(&mut messages, blocks.collect());
            }
            Turn::Results(outcomes) => {
                let blocks = outcomes.iter().map(
                    |outcome| json!({ "type": "tool_result", "tool_use_id": outcome.id, "content": outcome.content }),
                );
                extend_user(&mut messages, blocks.collect());
            }
            Turn::Assistant(answer) => {
                messages.push(json!({ "role": "assistant", "content": assistant(answer, model) }));
            }
        }
    }
    for message in messages.iter_mut().rev().filter(|message| message["role"] == "user").take(2) {
        if let Some(last) = message["content"].as_array_mut().and_then(|blocks| blocks.last_mut()) {
            mark(last);
        }
    }
    let mut body = json!({ "model": model, "max_tokens": request.max_tokens, "messages": messages });
    if !transcript.system.is_empty() {
        let mut system = json!({ "type": "text", "text": transcript.system });
        mark(&mut system);
        body["system"] = json!([system]);
    }
    if !request.tools.is_empty() {
        let tools = request.tools.iter().map(
            |tool| json!({ "name": tool.name, "description": tool.description, "input_schema": tool.parameters.value() }),
        );
        let mut tools: Vec<Value> = tools.collect();
        tools.last_mut().map(mark);
        body["tools"] = Value::Array(tools);
    }
    if temperature {
        body["temperature"] = json!(request.temperature.clamp(0.0, 1.0));
    }
    if streamed {
        body["stream"] = json!(true);
    }
    body
}

/// Results and what the person says after them are one turn.
fn extend_user(messages: &mut Vec<Value>, blocks: Vec<Value>) {
    let last = messages.last_mut().filter(|message| message["role"] == "user");
    match last.and_then(|message| message["content"].as_array_mut()) {
        Some(begun) => begun.extend(blocks),
        None => messages.push(json!({ "role": "user", "content": blocks })),
    }
}

fn assistant(answer: &Answer<'_>, model: &str) -> Value {
    let replay = answer.replay.and_then(|replay| replay.get("anthropic"));
    // Signed thoughts are of use to the model that signed them alone.
    let own = replay.filter(|replay| replay["model"] == model).and_then(|replay| replay.get("content"));
    if let Some(content) = own {
        return content.clone();
    }
    let text = answer.content.map(|text| json!({ "type": "text", "text": text }));
    let calls = answer.calls.iter().map(|call| {
        let input: Value = serde_json::from_str(&call.arguments).unwrap_or_else(|_| json!({}));
        json!({ "type": "tool_use", "id": call.id, "name": call.name, "input": input })
    });
    text.into_iter().chain(calls).collect()
}

fn mark(block: &mut Value) {
    block["cache_control"] = json!({ "type": "ephemeral" });
}
