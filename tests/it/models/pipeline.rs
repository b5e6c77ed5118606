//! The whole pipeline with models behind it: the program as people run it, against an endpoint that checks every
//! question and answers as a good model would.

use cgo::domain::money::Usd;
use cgo::domain::names::AgentName;
use cgo::domain::provider::Wire;
use cgo::llm::offline::Offline;
use cgo::llm::{Message, Provider as _, Reply, Request, ToolCall};
use futures_util::FutureExt as _;
use serde_json::{Value, json};

use super::server::{Answer, KEY, Server, answer, stream};
use crate::support::env::{Ran, TestEnv, tools_are_here};

/// The tokens that each question is said to have.
pub const ASKED: u64 = 1000;
/// The tokens that each answer is said to have.
pub const ANSWERED: u64 = 100;

/// A question as it came over the wire: its task, and the conversation.
pub fn asked(question: &Value) -> (Value, Request) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let calls = |message: &Value| -> Vec<ToolCall> {
        let calls = message["tool_calls"].as_array().cloned().unwrap_or_default();
        let call = |call: &Value| ToolCall {
            id: text(&call["id"]),
            name: text(&call["function"]["name"]),
            arguments: text(&call["function"]["arguments"]),
        };
        calls.iter().map(call).collect()
    };
    let messages: Vec<Message> = question["messages"]
        .as_array()
        .expect("the question was checked")
        .iter()
        .map(|message| match message["role"].as_str().unwrap_or_default() {
            "system" => Message::System { content: text(&message["content"]) },
            "user" => Message::User { content: text(&message["content"]) },
            "tool" => Message::Tool {
                call_id: text(&message["tool_call_id"]),
                name: String::new(),
                content: text(&message["content"]),
            },
            _ => Message::Assistant {
                content: message["content"].as_str().map(str::to_owned),
                tool_calls: calls(message),
                replay: None,
            },
        })
        .collect();
    let task = messages.iter().find_map(|message| match message {
        Message::User { content } => serde_json::from_str::<Value>(content).ok(),
        _ => None,
    });
    let task = task.expect("the first thing said is the task");
    let node = task["node"].as_str().expect("the task names its node");
    let request = Request {
        agent: AgentName::parse(node).expect("a node has a name"),
        model: String::new(),
        temperature: 0.0,
        max_tokens: 1,
        messages,
        tools: Vec::new(),
    };
    (task, request)
}

/// An answer as it goes over the wire.
pub fn spoken(reply: &Reply) -> Answer {
    counted(reply, &json!({ "prompt_tokens": ASKED, "completion_tokens": ANSWERED }))
}

/// The same with what it used as the endpoint says it.
pub fn counted(reply: &Reply, usage: &Value) -> Answer {
    let mut events =
        vec![json!({ "choices": [{ "index": 0, "delta": { "role": "assistant", "content": reply.content } }] })];
    for (index, call) in reply.tool_calls.iter().enumerate() {
        let (head, rest) = call.arguments.split_at(
            call.arguments.len() / 2 - usize::from(!call.arguments.is_char_boundary(call.arguments.len() / 2)),
        );
        let delta = |function: Value, id: Value| json!({ "choices": [{ "index": 0, "delta": { "tool_calls": [{ "index": index, "id": id, "type": "function", "function": function }] } }] });
        events.push(delta(json!({ "name": call.name, "arguments": head }), json!(call.id)));
        events.push(delta(json!({ "arguments": rest }), Value::Null));
    }
    let finish = if reply.tool_calls.is_empty() { "stop" } else { "tool_calls" };
    events.push(json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": finish }] }));
    events.push(json!({ "choices": [], "usage": usage }));
    stream(&events)
}

/// Thinks as the offline provider does.
pub fn offline(request: &Request) -> Reply {
    Offline.complete(request, &|_| {}).now_or_never().expect("it thinks at once").expect("it knows")
}

/// Thinks as the offline provider does; the question and the answer go over the wire.
pub fn thought(question: &Value) -> Answer {
    spoken(&offline(&asked(question).1))
}

/// A home whose settings name the server as provider `mine`; a million tokens cost 3 and 15 dollars.
pub fn home(server: &Server, price: bool) -> TestEnv {
    at_home(TestEnv::new(), server, price)
}

/// Lets a home's settings name the server as provider `mine`.
pub fn at_home(mut env: TestEnv, server: &Server, price: bool) -> TestEnv {
    let price = if price { "    price: { input: 3, output: 15 }\n" } else { "" };
    let settings = format!(
        "providers:\n  mine:\n    wire: openai\n    url: http://{}/v1\n    key_env: MINE_KEY\n    model: m-1\n{price}",
        server.address
    );
    std::fs::create_dir_all(env.home().join(".config/cgo")).unwrap();
    std::fs::write(env.home().join(".config/cgo/config.yaml"), settings).unwrap();
    env.set("MINE_KEY", KEY);
    env
}

/// Runs the program beside the server, which lives in this runtime.
pub async fn run(env: &TestEnv, arguments: &[String]) -> Ran {
    let mut command = env.command(arguments);
    let output = tokio::task::spawn_blocking(move || command.output().expect("the program starts"));
    Ran::of(&output.await.expect("it does not panic"))
}

pub(super) fn new(more: &[&str]) -> Vec<String> {
    let all = ["project", "new", "a notes API with title and body", "--no-deploy", "--provider", "mine"];
    all.iter().chain(more).map(|argument| (*argument).to_owned()).collect()
}

pub(super) fn totals(env: &TestEnv, by: &str) -> Vec<Value> {
    env.json(["cost", "--by", by])["totals"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_model_takes_a_description_to_a_tested_project_and_the_bill_is_right() {
    if !tools_are_here() {
        return;
    }
    let server = Server::thinking(Wire::Openai, thought).await;
    let env = home(&server, true);
    let ran = run(&env, &new(&[])).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let asked = server.requests().len() as u64;
    let all = totals(&env, "project");
    assert_eq!((all.len(), all[0]["of"].as_str()), (1, Some("notes-api")));
    assert_eq!(all[0]["calls"], asked);
    assert_eq!((&all[0]["input_tokens"], &all[0]["output_tokens"]), (&json!(asked * ASKED), &json!(asked * ANSWERED)));
    // 1000 tokens for 3 and 100 for 15 dollars a million.
    let one = Usd::from_billionths(4_500_000);
    let cost: Usd = serde_json::from_value(all[0]["cost"].clone()).unwrap();
    assert_eq!(cost, (0..asked).map(|_| one).sum());
    assert_eq!((&all[0]["estimated"], &all[0]["unpriced"]), (&json!(0), &json!(0)));
    let agents = totals(&env, "agent");
    assert!(agents.iter().any(|agent| agent["of"] == "brainstorm") && agents.len() > 3, "{agents:?}");
    assert_eq!(totals(&env, "model")[0]["of"], "mine/m-1");
    assert_eq!(totals(&env, "day").len(), 1);
    let said = env.ok(["cost"]);
    assert!(said.stdout.contains("notes-api") && said.stdout.contains("in all"), "{}", said.stdout);
    // The dearest has the longest bar, and every other a shorter one that is there.
    let said = env.ok(["cost", "--by", "agent"]).stdout;
    let bars: Vec<usize> = said.lines().map(|line| line.matches('▇').count()).filter(|bar| *bar > 0).collect();
    assert!(bars.len() == agents.len() && bars.is_sorted_by(|a, b| a >= b) && bars[0] > bars[bars.len() - 1], "{said}");
    for (file, bytes) in files(env.home()) {
        assert!(!String::from_utf8_lossy(&bytes).contains(KEY), "the key stands in {}", file.display());
    }
}

/// Every file under a folder that a person may read, but dependencies.
pub fn files(folder: &std::path::Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() && !path.ends_with(".venv") {
            found.extend(files(&path));
        } else if kind.is_file() {
            found.push((path.clone(), std::fs::read(&path).unwrap()));
        }
    }
    found
}

#[tokio::test]
async fn a_wrong_key_is_tried_once_and_its_variable_is_named() {
    let server = Server::thinking(Wire::Openai, thought).await;
    let mut env = home(&server, true);
    env.set("MINE_KEY", "sk-wrong");
    let ran = run(&env, &new(&[])).await;
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("MINE_KEY") && ran.stderr.contains("cgo run resume"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("sk-wrong"), "{}", ran.stderr);
    assert_eq!(server.requests().len(), 1);
    assert_eq!(std::fs::read_dir(env.work()).unwrap().count(), 0);

    let mut env = home(&server, true);
    env.unset("MINE_KEY");
    let ran = run(&env, &new(&[])).await;
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("MINE_KEY is not set"), "{}", ran.stderr);
    assert_eq!(env.json(["run", "list"])["runs"].as_array().unwrap().len(), 0);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn past_its_budget_a_run_waits_with_the_figures_and_an_approval_lets_it_go_on_where_it_was() {
    if !tools_are_here() {
        return;
    }
    let server = Server::thinking(Wire::Openai, thought).await;
    // The longest answer of an agent is reserved before each call, up to 8192 tokens.
    let env = home(&server, true);
    let mut ran = run(&env, &new(&["--budget", "0.15"])).await;
    let mut approvals = 0;
    while ran.code == Some(4) {
        assert!(ran.stderr.contains("has spent $") && ran.stderr.contains("of $"), "{}", ran.stderr);
        let runs = env.json(["run", "list"]);
        assert_eq!(runs["runs"][0]["status"], "waiting_approval", "{runs}");
        let id = runs["runs"][0]["id"].as_str().unwrap().to_owned();
        approvals += 1;
        assert!(approvals < 5, "{}", ran.stderr);
        ran = run(&env, &["run".to_owned(), "approve".to_owned(), id]).await;
    }
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(approvals > 0, "the budget was never met");
    let plain = home(&server, true);
    let again = run(&plain, &new(&[])).await;
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert_eq!(totals(&env, "run")[0]["calls"], totals(&plain, "run")[0]["calls"], "calls were repeated");
}

#[tokio::test]
async fn a_model_of_unknown_price_is_asked_only_when_that_is_allowed() {
    if !tools_are_here() {
        return;
    }
    let server = Server::thinking(Wire::Openai, thought).await;
    let env = home(&server, false);
    let ran = run(&env, &new(&[])).await;
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("what model `m-1` costs") && ran.stderr.contains("--allow-unpriced"), "{}", ran.stderr);
    assert_eq!(server.requests().len(), 0);
    let env = home(&server, false);
    let ran = run(&env, &new(&["--allow-unpriced"])).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let all = totals(&env, "project");
    assert_eq!(all[0]["unpriced"], all[0]["calls"]);
    let said = env.ok(["cost"]);
    assert!(said.stdout.contains("nobody knows their price"), "{}", said.stdout);
}

/// A run that this provider stops must say why, what mends it and which command goes on; it can be resumed.
async fn stops_and_says(env: &TestEnv, why: &str, hint: &str) {
    let ran = run(env, &new(&[])).await;
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains(why) && ran.stderr.contains(hint), "{why}, {hint}: {}", ran.stderr);
    assert!(!ran.stderr.contains("<html") && !ran.stderr.contains("<title"), "a page is shown: {}", ran.stderr);
    let runs = env.json(["run", "list"]);
    assert_eq!(runs["runs"][0]["status"], "queued", "{runs}");
    let resume = format!("cgo run resume {}", runs["runs"][0]["id"].as_str().expect("a run has an id"));
    assert!(ran.stderr.contains(&resume), "{resume}: {}", ran.stderr);
}

#[tokio::test]
async fn an_endpoint_that_talks_html_or_is_gone_leaves_a_run_that_can_be_resumed() {
    let (no_endpoint, url) = ("this is no endpoint for models: `mine`", "check the url of provider `mine`");
    for (status, said) in [(404, "answered 404"), (200, "answers with a page: Sign in")] {
        let page = move |_: &Value| {
            answer(status, "<html><title>Sign in</title><body>nginx</body></html>").header("content-type", "text/html")
        };
        let server = Server::thinking(Wire::Openai, page).await;
        stops_and_says(&home(&server, true), &format!("{no_endpoint} {said}"), url).await;
        assert_eq!(server.requests().len(), 1, "asking again would not help");
    }
    let server = Server::thinking(Wire::Openai, thought).await;
    let env = home(&server, true);
    drop(server);
    stops_and_says(&env, "no connection to the provider", "when it answers again").await;
}

#[tokio::test]
async fn a_model_that_the_provider_does_not_have_is_asked_once_and_another_can_be_named() {
    let error = json!({ "error": { "message": "The model `m-1` does not exist", "code": "model_not_found" } });
    let missing = move |_: &Value| answer(404, &error.to_string()).header("content-type", "application/json");
    let server = Server::thinking(Wire::Openai, missing).await;
    let hint = "name a model that `mine` has, for the agent or for the provider";
    stops_and_says(&home(&server, true), "the provider has no such model: `mine` answered 404", hint).await;
    assert_eq!(server.requests().len(), 1, "asking again would not help");
}

#[tokio::test]
async fn past_the_budget_of_an_agents_file_the_run_waits_and_names_the_agent() {
    if !tools_are_here() {
        return;
    }
    let server = Server::thinking(Wire::Openai, thought).await;
    let env = home(&server, true);
    env.ok(["agent", "set", "architect", "budget", "0.05"]);
    let mut ran = run(&env, &new(&[])).await;
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("agent `architect` has spent $") && ran.stderr.contains("of $0.0500"),
        "{}",
        ran.stderr
    );
    let mut approvals = 0;
    while ran.code == Some(4) {
        assert!(ran.stderr.contains("agent `architect` has spent $"), "{}", ran.stderr);
        let runs = env.json(["run", "list"]);
        assert_eq!(runs["runs"][0]["status"], "waiting_approval", "{runs}");
        let id = runs["runs"][0]["id"].as_str().expect("a run has an id").to_owned();
        approvals += 1;
        assert!(approvals < 8, "{}", ran.stderr);
        ran = run(&env, &["run".to_owned(), "approve".to_owned(), id]).await;
    }
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}
