//! The provider that needs no account: answers as each agent would, through the same tool calls as a model.
//!
//! It sees what a model sees, the task and the results of earlier calls, and decides the next call from them alone.
//! Understanding a description is in [`mod@understand`]; what needs real judgement it does not pretend to have.

pub mod understand;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Error, OnText, Provider, Reply, ReplyFuture, Request};
use crate::domain::state::{Message, ProjectState, Role};
use understand::{Answer, Understanding, understand};

/// The offline provider.
#[derive(Debug, Default)]
pub struct Offline;

/// What an agent is told: the part of the pipeline and the state it may see.
#[derive(Debug, Deserialize)]
struct Task {
    node: String,
    state: ProjectState,
    #[serde(default)]
    given_spec: Option<Value>,
    #[serde(default)]
    chosen_name: Option<String>,
    #[serde(default)]
    assume: bool,
}

impl Provider for Offline {
    fn name(&self) -> &'static str {
        "offline"
    }

    fn complete<'a>(&'a self, request: &'a Request, _: OnText<'a>) -> ReplyFuture<'a> {
        Box::pin(async move { answer(request) })
    }
}

fn answer(request: &Request) -> Result<Reply, Error> {
    let unanswerable =
        |reason: String| Error::Unanswerable { provider: "offline".to_owned(), agent: request.agent.clone(), reason };
    let task: Task = serde_json::from_str(request.task())
        .map_err(|error| unanswerable(format!("the task is not readable ({error})")))?;
    let calls: Vec<(&str, Value)> = match task.node.as_str() {
        "product_owner" => product_owner(&task),
        "brainstorm" => return Ok(brainstorm(request, &task)),
        "architect" => vec![("write_domains", json!({})), ("create_repository", json!({})), ("plan", plan(&task))],
        "developer" if task.state.review_feedback.is_some() => {
            vec![("report_blocked", json!({ "reason": "the tests fail, and the offline provider writes no code" }))]
        }
        "developer" => vec![("generate_project", json!({}))],
        "tester" => vec![("install_dependencies", json!({})), ("run_tests", json!({}))],
        "probe" => vec![("probe_service", json!({}))],
        "documenter" => vec![("write_report", json!({}))],
        other => return Err(unanswerable(format!("it has no part in `{other}`"))),
    };
    Ok(next_of(request, &calls))
}

/// Goes through a list of calls, one a turn; a refused call ends the visit with its reason.
fn next_of(request: &Request, calls: &[(&str, Value)]) -> Reply {
    let results: Vec<_> = request.results().collect();
    if let Some((_, content)) = results.last().filter(|(_, content)| refused(content)) {
        return Reply::text(*content);
    }
    match calls.get(results.len()) {
        Some((name, arguments)) => Reply::call(format!("call_{}", results.len() + 1), name, arguments),
        None => Reply::text(results.last().map_or("done", |(_, content)| content)),
    }
}

fn refused(content: &str) -> bool {
    serde_json::from_str::<Value>(content).is_ok_and(|value| value.get("error").is_some())
}

/// The description: the first thing the person said.
fn description(state: &ProjectState) -> &str {
    state.messages.iter().find(|message| message.role == Role::User).map_or("", |message| message.content.as_str())
}

/// The person's answers: what was said after each question, matched in order.
fn answers(messages: &[Message]) -> Vec<Answer> {
    let mut questions = std::collections::VecDeque::new();
    let mut answers = Vec::new();
    for message in messages.iter().skip_while(|message| message.role != Role::User).skip(1) {
        match message.role {
            Role::Assistant => questions.push_back(message.content.as_str()),
            Role::User => answers.push(Answer {
                question: questions.pop_front().unwrap_or_default().to_owned(),
                text: message.content.clone(),
            }),
        }
    }
    answers
}

fn product_owner(task: &Task) -> Vec<(&'static str, Value)> {
    let text = description(&task.state);
    let summary = if text.is_empty() {
        "a project from a spec".to_owned()
    } else {
        text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect()
    };
    vec![("set_intent", json!({ "intent": "new_project", "summary": summary }))]
}

fn brainstorm(request: &Request, task: &Task) -> Reply {
    if let Some(spec) = &task.given_spec {
        return next_of(request, &[("propose_spec", json!({ "spec": spec, "assumptions": [], "not_built": [] }))]);
    }
    let understood = understand(description(&task.state), &answers(&task.state.messages));
    let questions: Vec<Value> = understood
        .questions
        .iter()
        .filter(|question| question.blocking || !task.assume)
        .filter(|question| question.blocking || understood.spec.is_none())
        .map(|question| {
            json!({
                "id": question.id,
                "text": question.text,
                "choices": question.choices,
                "assumption": question.assumption,
            })
        })
        .collect();
    match proposal(understood, task.chosen_name.as_deref()) {
        Some(proposal) if questions.is_empty() => next_of(request, &[("propose_spec", proposal)]),
        _ => next_of(request, &[("ask_user", json!({ "questions": questions }))]),
    }
}

fn proposal(understood: Understanding, chosen_name: Option<&str>) -> Option<Value> {
    let mut spec = serde_json::to_value(understood.spec?).expect("a spec has text keys only");
    if let Some(name) = chosen_name {
        spec["project"]["name"] = json!(name);
    }
    let not_built: Vec<Value> = understood
        .gaps
        .iter()
        .map(|gap| json!({ "what": gap.what, "why": gap.why, "model_would_add": gap.model_would_add }))
        .collect();
    Some(json!({ "spec": spec, "assumptions": understood.assumptions, "not_built": not_built }))
}

/// The tasks: generation does them all, so the work is simple.
fn plan(task: &Task) -> Value {
    let models = task.state.project_spec.iter().flat_map(|spec| &spec.models);
    let tasks: Vec<Value> = models
        .map(|model| json!({ "title": format!("Operations for {}", model.name), "done_when": "its generated tests pass" }))
        .collect();
    json!({ "complexity": "simple", "tasks": tasks })
}
