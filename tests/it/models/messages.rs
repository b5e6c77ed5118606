//! The whole pipeline over Anthropic's Messages API: the program as people run it, from the settings to the bill.

use cgo::domain::provider::Wire;
use cgo::llm::Reply;
use serde_json::{Value, json};

use super::pipeline::{ANSWERED, ASKED, asked, at_home, new, offline, run};
use super::server::{Answer, KEY, Server, raw_stream};
use crate::support::env::{TestEnv, tools_are_here};

/// A question of the Messages API in the shape of one of chat completions.
fn as_chat(question: &Value) -> Value {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut messages: Vec<Value> =
        list(&question["system"]).iter().map(|block| json!({ "role": "system", "content": block["text"] })).collect();
    for message in list(&question["messages"]) {
        let (mut text, mut calls) = (Value::Null, Vec::new());
        for block in list(&message["content"]) {
            match block["type"].as_str().unwrap_or_default() {
                "tool_result" => messages.push(json!({
                    "role": "tool", "tool_call_id": block["tool_use_id"], "content": block["content"],
                })),
                "tool_use" => calls.push(json!({
                    "id": block["id"],
                    "function": { "name": block["name"], "arguments": block["input"].to_string() },
                })),
                _ => text = block["text"].clone(),
            }
        }
        if !text.is_null() || !calls.is_empty() {
            messages.push(json!({ "role": message["role"], "content": text, "tool_calls": calls }));
        }
    }
    json!({ "messages": messages })
}

/// An answer as the Messages API streams it.
fn streamed(reply: &Reply) -> Answer {
    let start = json!({ "type": "message_start", "message": {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m-1", "content": [],
        "usage": { "input_tokens": ASKED, "output_tokens": 1 },
    }});
    let mut events = vec![start];
    let text = reply.content.iter().map(|text| {
        let delta = json!({ "type": "text_delta", "text": text });
        (json!({ "type": "text", "text": "" }), delta)
    });
    let calls = reply.tool_calls.iter().map(|call| {
        let delta = json!({ "type": "input_json_delta", "partial_json": call.arguments });
        (json!({ "type": "tool_use", "id": call.id, "name": call.name, "input": {} }), delta)
    });
    for (index, (block, delta)) in text.chain(calls).enumerate() {
        events.push(json!({ "type": "content_block_start", "index": index, "content_block": block }));
        events.push(json!({ "type": "content_block_delta", "index": index, "delta": delta }));
        events.push(json!({ "type": "content_block_stop", "index": index }));
    }
    let stop = if reply.tool_calls.is_empty() { "end_turn" } else { "tool_use" };
    events.push(json!({
        "type": "message_delta", "delta": { "stop_reason": stop, "stop_sequence": null },
        "usage": { "output_tokens": ANSWERED },
    }));
    events.push(json!({ "type": "message_stop" }));
    let told = |event: &Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default());
    raw_stream(&events.iter().map(told).collect::<String>())
}

/// Thinks as the offline provider does.
fn thought(question: &Value) -> Answer {
    streamed(&offline(&asked(&as_chat(question)).1))
}

/// A home whose settings name the server, which speaks the Messages API, as provider `mine`.
fn home(server: &Server) -> TestEnv {
    let env = at_home(TestEnv::new(), server, true);
    let file = env.home().join(".config/cgo/config.yaml");
    let settings = std::fs::read_to_string(&file).expect("it was written");
    std::fs::write(&file, settings.replace("wire: openai", "wire: anthropic")).expect("it can be written");
    env
}

#[tokio::test]
async fn a_model_of_the_messages_api_takes_a_description_to_a_tested_project() {
    if !tools_are_here() {
        return;
    }
    let server = Server::thinking(Wire::Anthropic, thought).await;
    let env = home(&server);
    let ran = run(&env, &new(&[])).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let asked = server.requests();
    let marked = asked.iter().filter(|question| question.to_string().contains("\"cache_control\"")).count();
    assert_eq!(marked, asked.len(), "each question says what of it is worth keeping");
    let (calls, cost) = (asked.len() as u64, env.json(["cost", "--by", "model"]));
    let all = &cost["totals"][0];
    assert_eq!((&all["of"], &all["calls"]), (&json!("mine/m-1"), &json!(calls)), "{cost}");
    assert_eq!((&all["input_tokens"], &all["output_tokens"]), (&json!(calls * ASKED), &json!(calls * ANSWERED)));
    assert_eq!((&all["estimated"], &all["unpriced"]), (&json!(0), &json!(0)));
    let shown = env.json(["run", "list"]).to_string();
    assert!(!shown.contains(KEY) && !ran.stderr.contains(KEY) && !ran.stdout.contains(KEY));
}

#[tokio::test]
async fn an_agent_that_speaks_another_protocol_than_the_provider_is_refused_before_a_run_begins() {
    let (messages, chat) = (
        Server::thinking(Wire::Anthropic, thought).await,
        Server::thinking(Wire::Openai, super::pipeline::thought).await,
    );
    for (env, coder, speaks) in [
        (home(&messages), "aider", "it speaks the OpenAI protocol"),
        (home(&messages), "codex", "it speaks the OpenAI protocol"),
        (at_home(TestEnv::new(), &chat, true), "claude", "it speaks the Anthropic protocol"),
    ] {
        let ran = run(&env, &new(&["--coder", coder])).await;
        assert_eq!(ran.code, Some(1), "{}", ran.stderr);
        let why = format!("coding agent `{coder}` cannot use provider `mine`: {speaks}");
        assert!(ran.stderr.contains(&why) && ran.stderr.contains("--provider"), "{}", ran.stderr);
        assert_eq!(env.json(["run", "list"])["runs"], json!([]), "no run was begun");
    }
    assert_eq!((messages.requests().len(), chat.requests().len()), (0, 0));
}
