//! Agents whose engine is `rules`: the calls a specialist makes when no judgement is needed.
//!
//! They answer through the same trait as a model, so the executor, the tools and the journal are the same.

use serde_json::{Value, json};

use crate::llm::{Error, Message, OnText, Provider, Reply, ReplyFuture, Request};

/// Decides for zavhoz, devops and the reviewer without a model.
#[derive(Debug, Default)]
pub struct Rules;

impl Provider for Rules {
    fn name(&self) -> &'static str {
        "rules"
    }

    fn complete<'a>(&'a self, request: &'a Request, _: OnText<'a>) -> ReplyFuture<'a> {
        Box::pin(async move { answer(request) })
    }
}

/// The node of the visit, as the agent is told.
fn node(request: &Request) -> Option<String> {
    let task = request.messages.iter().find_map(|message| match message {
        Message::User { content } => Some(content),
        _ => None,
    })?;
    serde_json::from_str::<Value>(task).ok()?.get("node")?.as_str().map(str::to_owned)
}

fn answer(request: &Request) -> Result<Reply, Error> {
    let calls: &[(&str, Value)] = match request.agent.as_str() {
        "zavhoz" => &[("find_suitable_server", json!({})), ("allocate_port", json!({ "service": "backend" }))],
        "devops" if node(request).is_some_and(|node| node.starts_with("publish")) => &[("publish_project", json!({}))],
        "devops" => &[("deploy_service", json!({}))],
        "reviewer" => &[("merge_work", json!({}))],
        _ => {
            return Err(Error::Unanswerable {
                provider: "rules".to_owned(),
                agent: request.agent.clone(),
                reason: "there are no rules for it".to_owned(),
            });
        }
    };
    let results: Vec<(&str, &str)> = request.results().collect();
    if let Some((_, content)) = results.last()
        && serde_json::from_str::<Value>(content).is_ok_and(|value| value.get("error").is_some())
    {
        return Ok(Reply::text(*content));
    }
    Ok(match calls.get(results.len()) {
        Some((name, arguments)) => Reply::call(format!("call_{}", results.len() + 1), name, arguments),
        None => Reply::text("done"),
    })
}
