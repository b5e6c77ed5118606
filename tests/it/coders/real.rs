//! Real agents through the runner: the installed program, the real sandbox, the real meter, a stand-in model.

use std::path::PathBuf;
use std::time::Duration;

use cgo::coder::adapters;
use cgo::coder::verdict::Verdict;
use serde_json::json;

use super::super::support::env::missing;
use super::super::support::model::{Answer, Model, data};
use super::{Bench, git};

/// Where real agents are, for the tests below: folders with programs, and what these need, separated by colons.
fn named(agent: &str) -> Option<(Vec<PathBuf>, Vec<PathBuf>)> {
    let list = |what: &str| {
        let value = std::env::var_os(format!("CGO_TEST_{}_{what}", agent.to_uppercase()))?;
        // The system's own programs are there anyway.
        Some(std::env::split_paths(&value).filter(|path| !path.starts_with("/usr")).collect())
    };
    Some((list("PATH")?, list("NEEDS").unwrap_or_default()))
}

/// A model that has work.txt written by whatever way the agent offers, and then a report.
fn obliging() -> Model {
    Model::new(|asked, _| {
        let body = asked.body.to_string();
        let nonce = body
            .split("nonce")
            .nth(1)
            .and_then(|rest| rest.split(|c: char| !c.is_ascii_hexdigit()).find(|word| word.len() == 32));
        let script = format!(
            "echo work > work.txt && git add -A && git commit -qm work; printf '{{\"nonce\": \"{}\", \"status\": \"done\", \"summary\": \"written\"}}' > .cgo/report.json",
            nonce.unwrap_or_default()
        );
        if asked.path == "/v1/responses" {
            let done = body.contains("function_call_output");
            let usage = json!({"input_tokens": 30, "output_tokens": 10, "total_tokens": 40});
            let item = if done {
                json!({"type": "message", "role": "assistant", "id": "m1", "content": [{"type": "output_text", "text": "written"}]})
            } else {
                let names: Vec<&str> = asked.body["tools"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(|tool| tool["name"].as_str())
                    .collect();
                let (name, arguments) = if names.contains(&"exec_command") {
                    ("exec_command", json!({"cmd": script}))
                } else {
                    ("shell", json!({"command": ["bash", "-c", script]}))
                };
                json!({"type": "function_call", "id": "f1", "call_id": "c1", "name": name, "arguments": arguments.to_string()})
            };
            Answer::Events(vec![
                format!(
                    "event: response.created\n{}",
                    data(&json!({"type": "response.created", "response": {"id": "r1"}}))
                ),
                format!(
                    "event: response.output_item.done\n{}",
                    data(&json!({"type": "response.output_item.done", "output_index": 0, "item": item}))
                ),
                format!(
                    "event: response.completed\n{}",
                    data(&json!({"type": "response.completed", "response": {"id": "r1", "usage": usage}}))
                ),
            ])
        } else {
            let text = "work.txt\n```\nwork\n```\n";
            let usage = json!({"prompt_tokens": 30, "completion_tokens": 10, "total_tokens": 40});
            let tools: Vec<&str> = asked.body["tools"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|tool| tool["function"]["name"].as_str())
                .collect();
            let done = body.contains("\"role\":\"tool\"");
            let delta = if tools.contains(&"bash") && !done {
                json!({"role": "assistant", "tool_calls": [{"index": 0, "id": "c1", "type": "function",
                        "function": {"name": "bash", "arguments": json!({"command": script, "description": "work"}).to_string()}}]})
            } else {
                json!({"role": "assistant", "content": text})
            };
            let finish = if delta["tool_calls"].is_array() { "tool_calls" } else { "stop" };
            if asked.body["stream"] == true {
                Answer::Events(vec![
                    data(
                        &json!({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m-1", "choices": [{"index": 0, "delta": delta, "finish_reason": null}]}),
                    ),
                    data(
                        &json!({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m-1", "choices": [{"index": 0, "delta": {}, "finish_reason": finish}], "usage": usage}),
                    ),
                    "data: [DONE]\n\n".to_owned(),
                ])
            } else {
                Answer::Json(
                    200,
                    json!({"id": "x", "object": "chat.completion", "created": 1, "model": "m-1",
                        "choices": [{"index": 0, "message": delta, "finish_reason": finish}], "usage": usage}),
                )
            }
        }
    })
}

#[test]
fn real_agents_write_and_commit_through_the_meter_in_the_sandbox() {
    let mut ran = Vec::new();
    for agent in ["aider", "codex", "opencode"] {
        let Some((path, needs)) = named(agent) else { continue };
        let Some(bench) = Bench::new() else { return };
        let mut attempt = bench.attempt();
        attempt.read_only = [path.clone(), needs].concat();
        attempt.path = path;
        attempt.limits.wall = Duration::from_mins(3);
        attempt.limits.idle = Some(Duration::from_mins(2));
        let finished = bench.run(adapters::by_name(agent).unwrap(), &attempt, &obliging(), false);
        let raw = std::fs::read_to_string(&finished.raw).unwrap();
        assert!(matches!(finished.verdict, Verdict::Unverified(_)), "{agent}: {finished:?}\n{raw}");
        assert!(finished.standing.requests > 0 && finished.standing.cost > 0);
        let tree = &attempt.workspace;
        assert_eq!(git(tree, &["show", &format!("{}:work.txt", attempt.branch)]), "work");
        ran.push(agent);
    }
    if !ran.contains(&"aider") {
        missing("a real aider, named by CGO_TEST_AIDER_PATH,");
    }
    if !ran.contains(&"codex") && !ran.contains(&"opencode") {
        missing("a real agent from npm, named by CGO_TEST_CODEX_PATH or CGO_TEST_OPENCODE_PATH,");
    }
}
