//! What real endpoints refuse in a question.

use std::collections::BTreeSet;

use cgo::domain::provider::Wire;
use serde_json::Value;

use super::server::KEY;

/// Why a question is refused.
pub struct Wrong {
    pub status: u16,
    pub why: String,
}

impl From<String> for Wrong {
    fn from(why: String) -> Self {
        Self { status: 400, why }
    }
}

type Checked = Result<(), Wrong>;

pub fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .find_map(|(field, value)| field.eq_ignore_ascii_case(name).then_some(value.trim()))
}

fn holds(condition: bool, why: &str) -> Checked {
    if condition { Ok(()) } else { Err(Wrong::from(why.to_owned())) }
}

fn only(value: &Value, allowed: &[&str], place: &str) -> Checked {
    let Some(fields) = value.as_object() else { return Err(Wrong::from(format!("{place} is no object"))) };
    match fields.keys().find(|name| !allowed.contains(&name.as_str())) {
        Some(name) => Err(Wrong::from(format!("{place}: unknown field `{name}`"))),
        None => Ok(()),
    }
}

fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

fn says(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.trim().is_empty())
}

fn list<'a>(value: &'a Value, place: &str) -> Result<&'a Vec<Value>, Wrong> {
    value.as_array().ok_or_else(|| Wrong::from(format!("{place} is no list")))
}

/// Checks a question as the endpoint would.
pub fn check(wire: Wire, head: &str, body: &Value) -> Checked {
    let first = head.lines().next().unwrap_or_default();
    holds(!first.contains(KEY) && !body.to_string().contains(KEY), "the key stands outside its header")?;
    holds(header(head, "content-type") == Some("application/json"), "the content type is wrong")?;
    let (path, sent) = match wire {
        Wire::Openai => {
            ("/v1/chat/completions", header(head, "authorization").and_then(|value| value.strip_prefix("Bearer ")))
        }
        Wire::Anthropic => ("/v1/messages", header(head, "x-api-key")),
    };
    if first != format!("POST {path} HTTP/1.1") {
        return Err(Wrong { status: 404, why: format!("Not Found: {first}") });
    }
    if sent != Some(KEY) {
        return Err(Wrong { status: 401, why: format!("Incorrect API key provided: {}", sent.unwrap_or_default()) });
    }
    match wire {
        Wire::Openai => openai(body),
        Wire::Anthropic => {
            holds(header(head, "anthropic-version") == Some("2023-06-01"), "the version is missing")?;
            anthropic(body)
        }
    }
}

fn openai(body: &Value) -> Checked {
    let fields = [
        "model",
        "messages",
        "tools",
        "max_tokens",
        "max_completion_tokens",
        "temperature",
        "stream",
        "stream_options",
    ];
    only(body, &fields, "the question")?;
    holds(says(&body["model"]), "no model")?;
    holds(body.get("max_tokens").is_none() || body.get("max_completion_tokens").is_none(), "two limits of tokens")?;
    holds(body.get("stream_options").is_none() || body["stream"] == true, "stream_options without stream")?;
    if body.get("tools").is_some() {
        for tool in list(&body["tools"], "tools")? {
            only(tool, &["type", "function"], "a tool")?;
            only(&tool["function"], &["name", "description", "parameters"], "a function")?;
            schema(&tool["function"]["parameters"])?;
        }
    }
    let mut ids = BTreeSet::new();
    let mut open: Vec<&str> = Vec::new();
    for message in list(&body["messages"], "messages")? {
        let role = message["role"].as_str().unwrap_or_default();
        if role == "tool" {
            only(message, &["role", "tool_call_id", "content"], "a result")?;
            let id = message["tool_call_id"].as_str().unwrap_or_default();
            let place = open.iter().position(|open| *open == id);
            open.remove(place.ok_or_else(|| Wrong::from(format!("the result `{id}` has no call")))?);
            holds(says(&message["content"]), "an empty result")?;
            continue;
        }
        holds(open.is_empty(), "a call has no result")?;
        match role {
            "system" | "user" => {
                only(message, &["role", "content"], role)?;
                holds(says(&message["content"]), "an empty message")?;
            }
            "assistant" => {
                only(message, &["role", "content", "tool_calls", "reasoning_details"], role)?;
                let calls = message["tool_calls"].as_array().map(Vec::as_slice).unwrap_or_default();
                holds(message.get("content").is_some(), "content is left out")?;
                let silent = message["content"].is_null() && !calls.is_empty();
                holds(silent || says(&message["content"]), "an answer without text and calls, or with an empty text")?;
                for call in calls {
                    only(call, &["id", "type", "function", "extra_content"], "a call")?;
                    only(&call["function"], &["name", "arguments"], "a called function")?;
                    holds(call["type"] == "function", "a call is no function")?;
                    holds(call["function"]["name"].as_str().is_some_and(is_name), "the name of a called function")?;
                    let arguments = call["function"]["arguments"].as_str().unwrap_or_default();
                    let object = serde_json::from_str::<Value>(arguments).is_ok_and(|value| value.is_object());
                    holds(object, "the arguments are no object")?;
                    let id = call["id"].as_str().unwrap_or_default();
                    holds(is_name(id) && id.len() <= 40 && ids.insert(id.to_owned()), "the id of a call")?;
                    open.push(id);
                }
            }
            other => return Err(Wrong::from(format!("unknown role `{other}`"))),
        }
    }
    holds(open.is_empty(), "a call has no result")
}

fn schema(schema: &Value) -> Checked {
    holds(schema["type"] == "object" && schema["properties"].is_object(), "a schema is no object")?;
    holds(schema.get("$schema").is_none(), "a schema names its schema")
}

fn anthropic(body: &Value) -> Checked {
    only(body, &["model", "max_tokens", "messages", "system", "tools", "temperature", "stream"], "the question")?;
    holds(says(&body["model"]) && body["max_tokens"].is_u64(), "no model or no limit")?;
    let temperature = body.get("temperature").map_or(Some(0.0), Value::as_f64);
    holds(temperature.is_some_and(|value| (0.0..=1.0).contains(&value)), "the temperature")?;
    holds(body.to_string().matches("cache_control").count() <= 4, "more than four marks for the cache")?;
    for block in list(&body["system"], "system")? {
        only(block, &["type", "text", "cache_control"], "system")?;
        holds(says(&block["text"]), "an empty system prompt")?;
    }
    if body.get("tools").is_some() {
        for tool in list(&body["tools"], "tools")? {
            only(tool, &["name", "description", "input_schema", "cache_control"], "a tool")?;
            schema(&tool["input_schema"])?;
        }
    }
    let mut ids = BTreeSet::new();
    let mut open: BTreeSet<String> = BTreeSet::new();
    let mut before = "assistant";
    for message in list(&body["messages"], "messages")? {
        only(message, &["role", "content"], "a message")?;
        let role = message["role"].as_str().unwrap_or_default();
        holds(matches!((before, role), ("assistant", "user") | ("user", "assistant")), "roles do not alternate")?;
        before = if role == "user" { "user" } else { "assistant" };
        let blocks = list(&message["content"], "content")?;
        holds(!blocks.is_empty(), "an empty message")?;
        let mut results_are_over = false;
        for block in blocks {
            match (role, block["type"].as_str().unwrap_or_default()) {
                ("user", "tool_result") => {
                    only(block, &["type", "tool_use_id", "content", "cache_control"], "a result")?;
                    holds(!results_are_over, "a result after a text")?;
                    holds(open.remove(block["tool_use_id"].as_str().unwrap_or_default()), "a result without its call")?;
                }
                (_, "text") => {
                    results_are_over = true;
                    only(block, &["type", "text", "cache_control"], "a text")?;
                    holds(says(&block["text"]), "an empty text")?;
                }
                ("assistant", "thinking") => {
                    only(block, &["type", "thinking", "signature"], "a thought")?;
                    holds(block["signature"] == "sig-ABC==", "a thought was changed")?;
                }
                ("assistant", "redacted_thinking") => only(block, &["type", "data"], "a hidden thought")?,
                ("assistant", "tool_use") => {
                    only(block, &["type", "id", "name", "input"], "a call")?;
                    let id = block["id"].as_str().unwrap_or_default();
                    holds(is_name(id) && ids.insert(id.to_owned()), "the id of a call")?;
                    holds(block["name"].as_str().is_some_and(is_name) && block["input"].is_object(), "a call")?;
                    open.insert(id.to_owned());
                }
                (_, other) => return Err(Wrong::from(format!("a block `{other}` of {role}"))),
            }
        }
        holds(role == "assistant" || open.is_empty(), "a call has no result")?;
    }
    holds(before == "user", "the last message is the model's")
}
