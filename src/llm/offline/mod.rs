//! The provider that needs no account: answers as each agent would, through the same tool calls as a model.
//!
//! It sees what a model sees, the task and the results of earlier calls, and decides the next call from them alone.
//! Understanding a description is in [`mod@understand`]; what needs real judgement it does not pretend to have.

pub mod change;
mod owner;
pub mod understand;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Error, OnText, Provider, Reply, ReplyFuture, Request};
use crate::domain::request::Earlier;
use crate::domain::spec::{Language, Spec};
use crate::domain::state::{self, Message, ProjectState, Role};
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
    #[serde(default)]
    open: bool,
    #[serde(default)]
    earlier: Vec<Earlier>,
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
        "product_owner" => return Ok(owner::product_owner(request, &task)),
        "brainstorm" => return Ok(brainstorm(request, &task)),
        "architect" => vec![("write_domains", json!({})), ("create_repository", json!({})), ("plan", plan(&task))],
        "developer" if task.state.review_feedback.is_some() => {
            vec![("report_blocked", json!({ "reason": "the tests fail, and the offline provider writes no code" }))]
        }
        "developer" => vec![("generate_project", json!({}))],
        "tester" => vec![("install_dependencies", json!({})), ("run_tests", json!({}))],
        "probe" => vec![("probe_service", json!({}))],
        "documenter" => return Ok(owner::documenter(request, &task)),
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

/// What the person said, oldest first.
fn users_words(messages: &[Message]) -> impl Iterator<Item = &str> {
    messages.iter().filter(|message| message.role == Role::User).map(|message| message.content.as_str())
}

/// The description: the first thing the person said.
fn description(state: &ProjectState) -> &str {
    users_words(&state.messages).next().unwrap_or_default()
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

fn brainstorm(request: &Request, task: &Task) -> Reply {
    if let (Some(state::Intent::UpdateProject), Some(spec)) = (task.state.po_intent, &task.state.project_spec) {
        return update(request, task, spec);
    }
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

/// The answers that say to go on without what was not understood.
const LEAVE_OUT: [&str; 6] = ["leave it out", "skip", "no", "пропусти", "без этого", "нет"];

/// Changes the spec of a project that exists, or asks what is meant.
fn update(request: &Request, task: &Task, spec: &Spec) -> Reply {
    let language = Language::of(description(&task.state));
    let said: Vec<&str> = users_words(&task.state.messages).collect();
    let mut whole = change::Changes::default();
    let mut so_far = spec.clone();
    for text in said.iter().filter(|text| !is_ruling(text)) {
        let more = change::changes(&so_far, text);
        so_far = so_far.edited(&more.edits).unwrap_or(so_far);
        whole.edits.extend(more.edits);
        whole.assumptions.extend(more.assumptions);
        whole.gaps.extend(more.gaps);
        // What was asked about before is said anew by now.
        whole.unclear = more.unclear;
    }
    let left_out = said.last().is_some_and(|text| LEAVE_OUT.contains(&text.trim().to_lowercase().as_str()));
    if !whole.edits.is_empty() && (whole.unclear.is_empty() || task.assume || left_out) {
        let left = whole.unclear.into_iter().filter(|_| task.assume);
        let assumptions: Vec<String> = whole.assumptions.into_iter().chain(left).collect();
        let not_built: Vec<Value> = whole.gaps.iter().map(gap).collect();
        let edits = json!({ "edits": whole.edits, "assumptions": assumptions, "not_built": not_built });
        return next_of(request, &[("edit_spec", edits)]);
    }
    let mut reasons = whole.unclear;
    reasons.extend(whole.gaps.iter().map(|gap| format!("{}: {}", gap.what, gap.why)));
    let example = spec.models.first().map_or("Note", |model| model.name.as_str());
    let (text, leave) = match language {
        Language::En => (
            format!(
                "What should be different? For example: add a due date to {example}; remove body from {example}; rename title to name; add comments with author and text to {example}"
            ),
            "leave it out",
        ),
        Language::Ru => (
            format!(
                "Что изменить? Например: добавь срок к {example}; убери описание из {example}; переименуй title в name"
            ),
            "без этого",
        ),
    };
    let reasons = if reasons.is_empty() { String::new() } else { format!("{}. ", reasons.join("; ")) };
    let choices: Vec<&str> = if whole.edits.is_empty() { Vec::new() } else { vec![leave] };
    let question =
        json!({ "id": "what_changes", "text": format!("{reasons}{text}"), "choices": choices, "assumption": null });
    next_of(request, &[("ask_user", json!({ "questions": [question] }))])
}

/// A bare yes or no, or a word that goes on: it answers a question and wishes for nothing.
fn is_ruling(text: &str) -> bool {
    let text = text.trim().to_lowercase();
    LEAVE_OUT.contains(&text.as_str()) || ["yes", "y", "да", "д"].contains(&text.as_str())
}

fn gap(gap: &understand::Gap) -> Value {
    json!({ "what": gap.what, "why": gap.why, "model_would_add": gap.model_would_add })
}

fn proposal(understood: Understanding, chosen_name: Option<&str>) -> Option<Value> {
    let mut spec = serde_json::to_value(understood.spec?).expect("a spec has text keys only");
    if let Some(name) = chosen_name {
        spec["project"]["name"] = json!(name);
    }
    let not_built: Vec<Value> = understood.gaps.iter().map(gap).collect();
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
