//! The loop over the wire: a real provider, and an endpoint on this machine that answers by a script.

use cgo::coder::native::{Ask, AskError, AskFuture, Error};
use cgo::coder::verdict::Verdict;
use cgo::domain::provider::{AT_ONCE, Endpoint, Wire};
use cgo::llm::openai::Openai;
use cgo::llm::wire::{Key, Timers};
use cgo::llm::{self, Provider, Refusal, Request};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::super::support::model::{Answer, KEY, Model, data};
use super::{Bench, CALC, Tests, edit};

/// A provider as the pipeline asks it, without its journal.
struct Provided(Openai);

impl Ask<String> for Provided {
    fn ask<'a>(&'a self, _: u32, request: &'a Request) -> AskFuture<'a, String> {
        Box::pin(async {
            self.0.complete(request, &|_| ()).await.map_err(|error| match error {
                llm::Error::Incomplete { reason, .. } => AskError::CutOff { reason },
                llm::Error::Permanent { refusal: Refusal::Context, reason, .. } => AskError::TooLong { reason },
                other => AskError::Stop(other.to_string()),
            })
        })
    }
}

fn provider(model: &Model) -> Provided {
    let endpoint = Endpoint {
        wire: Wire::Openai,
        url: format!("{}/v1", model.base()),
        key_env: None,
        model: "m-1".to_owned(),
        fallback: None,
        stream: true,
        at_once: AT_ONCE,
        price: None,
    };
    Provided(Openai::new("test", &endpoint, Some(Key::new(KEY)), Timers::default()).unwrap())
}

/// A call as a stream of events, its arguments in pieces.
fn call(number: usize, name: &str, arguments: &str, finish: &str) -> Answer {
    let chunk = |delta: Value, finish: Value| {
        data(&json!({ "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }] }))
    };
    let half = arguments.len() / 2;
    let piece = |text: &str| json!({ "tool_calls": [{ "index": 0, "function": { "arguments": text } }] });
    Answer::Events(vec![
        chunk(
            json!({ "role": "assistant", "content": null, "tool_calls": [{ "index": 0, "id": format!("call_{number}"), "type": "function", "function": { "name": name, "arguments": "" } }] }),
            Value::Null,
        ),
        chunk(piece(&arguments[..half]), Value::Null),
        chunk(piece(&arguments[half..]), Value::Null),
        chunk(json!({}), json!(finish)),
        data(&json!({ "choices": [], "usage": { "prompt_tokens": 50, "completion_tokens": 9 } })),
        "data: [DONE]\n\n".to_owned(),
    ])
}

#[test]
fn a_task_is_done_over_the_wire_and_what_is_cut_off_is_not_executed() {
    let Some(bench) = Bench::new() else { return };
    let model = Model::new(|_, number| match number {
        0 => call(0, "read", &json!({ "path": "calc.py" }).to_string(), "tool_calls"),
        1 => call(1, "run", "{\"command\": \"touch cut", "length"),
        2 => call(2, "run", "{\"command\": \"touch cut", "tool_calls"),
        3 => call(3, "edit", &edit("calc.py", "return a - b", "return a + b").to_string(), "tool_calls"),
        _ => call(number, "finish", "{\"summary\": \"Add.\"}", "stop"),
    });
    let finished = bench.run_task(&bench.task(), &provider(&model), &Tests::new(&bench));
    let asked = model.asked();
    assert_eq!(finished.verdict, Verdict::Success(bench.tip()), "{:?}", finished.evidence);
    assert_eq!((finished.turns, asked.len()), (5, 5));
    assert!(!bench.tree().join("cut").exists());
    let tools = asked[0].body["tools"].as_array().unwrap();
    let tools: Vec<&str> = tools.iter().filter_map(|tool| tool["function"]["name"].as_str()).collect();
    assert_eq!(tools, ["list", "search", "read", "edit", "write", "remove", "run", "check", "finish", "blocked"]);
    assert!(asked[2].body.to_string().contains("broke off at the limit"), "{}", asked[2].body);
    assert!(asked[3].body.to_string().contains("are not JSON, nothing was done"), "{}", asked[3].body);
    assert_eq!(bench.read("calc.py"), CALC.replace("a - b", "a + b"));
}

#[test]
fn a_refused_conversation_is_made_shorter_and_a_model_that_is_not_there_goes_back_to_the_caller() {
    let Some(bench) = Bench::new() else { return };
    let model = Model::new(|asked, number| match number {
        0..5 => {
            let command = format!("seq {number}000 {number}900");
            call(number, "run", &json!({ "command": command }).to_string(), "tool_calls")
        }
        5 => {
            let message = "This model's maximum context length is 9 tokens.";
            Answer::Json(400, json!({ "error": { "message": message, "code": "context_length_exceeded" } }))
        }
        6 if asked.body.to_string().contains("left out here to save space") => {
            call(6, "edit", &edit("calc.py", "return a - b", "return a + b").to_string(), "tool_calls")
        }
        7 => call(7, "finish", "{\"summary\": \"Add.\"}", "tool_calls"),
        _ => Answer::Json(404, json!({ "error": { "message": "no such model", "code": "model_not_found" } })),
    });
    let (task, provider, checks) = (bench.task(), provider(&model), Tests::new(&bench));
    let finished = bench.run_task(&task, &provider, &checks);
    assert_eq!(finished.verdict, Verdict::Success(bench.tip()), "{:?}", finished.evidence);
    let ended = bench.try_run(&task, &provider, &checks, &CancellationToken::new(), &mut |_| ());
    let Err(Error::Stopped(reason)) = ended else { panic!("a model that is not there is the end") };
    assert!(reason.contains("has no such model"), "{reason}");
    bench.is_settled();
}
