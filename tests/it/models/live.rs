//! What people see of a model at work: on the terminal of the run, and from another process.

use std::process::Stdio;

use cgo::domain::provider::Wire;
use rexpect::session::spawn_command;
use serde_json::{Value, json};

use super::pipeline::{home, new, run, thought};
use super::server::{Ending, Server, raw_stream, told};
use crate::support::env::until;

#[test]
fn the_text_of_a_model_is_seen_as_it_comes_and_its_call_from_another_process() {
    let said = json!({ "choices": [{ "index": 0, "delta": { "content": "First of all\nI think of notes" } }] });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let hangs = move |_: &Value| raw_stream(&told([&said])).ending(Ending::Hangs);
    let server = runtime.block_on(Server::thinking(Wire::Openai, hangs));
    let env = home(&server, true);
    // The server answers while this thread waits for what is on the terminal.
    std::thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
    let mut command = env.command(new(&[]));
    command.env("TERM", "xterm").stdin(Stdio::inherit());
    let mut session = spawn_command(command, Some(60_000)).unwrap();
    session.exp_string("I think of notes").unwrap();

    let mut id = None;
    until("the run", || {
        id = env.json(["run", "list"])["runs"][0]["id"].as_str().map(str::to_owned);
        id.is_some()
    });
    let mut watching = env.start(["run", "watch", &id.unwrap(), "--json"]);
    let mut lines: Vec<Value> = Vec::new();
    let has = |lines: &[Value], kind: &str| lines.iter().position(|line| line["kind"] == kind);
    while has(&lines, "model_call").is_none() || has(&lines, "node_started").is_none() {
        lines.push(serde_json::from_str(&watching.line()).unwrap());
    }
    let call = &lines[has(&lines, "model_call").unwrap()]["model_call"];
    assert_eq!(
        (&call["standing"], &call["model"], &call["agent"]),
        (&json!("reserved"), &json!("m-1"), &json!("product_owner"))
    );
    assert!(!lines.iter().any(|line| line.to_string().contains("I think of notes")), "the text was kept: {lines:?}");
}

#[tokio::test]
async fn calls_of_models_and_turns_stand_between_the_events_with_tokens_and_money() {
    let server = Server::thinking(Wire::Openai, thought).await;
    let env = home(&server, true);
    let arguments: Vec<String> =
        new(&["--until", "brainstorm"]).into_iter().filter(|argument| argument != "--no-deploy").collect();
    let ran = run(&env, &arguments).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let asked = server.requests().len();
    let watched = env.run(["run", "watch", "--json"]);
    let lines: Vec<Value> = watched.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let calls: Vec<&Value> = lines.iter().filter(|line| line["kind"] == "model_call").collect();
    assert_eq!(calls.len(), asked);
    for call in &calls {
        let call = &call["model_call"];
        assert_eq!(
            (&call["input_tokens"], &call["output_tokens"], &call["standing"]),
            (&json!(1000), &json!(100), &json!("settled"))
        );
    }
    let turns: Vec<&Value> = lines.iter().filter(|line| line["kind"] == "turn").collect();
    assert!(turns.iter().any(|turn| turn["turn"]["tool_calls"][0] == "propose_spec"), "{turns:?}");
    assert_eq!(lines.last().unwrap()["kind"], "succeeded");
    let plain = env.run(["run", "watch"]).stdout;
    assert!(plain.contains("m-1 answered: 1000 + 100 tokens, $0.0045; the run $"), "{plain}");
    assert!(plain.contains("brainstorm  turn 1: calls propose_spec"), "{plain}");
}
