//! The edge table of chat completions: what endpoints send, and what has to come of it.

mod streamed;
mod whole;

use cgo::domain::provider::Wire;
use cgo::llm::{Refusal, Reply, ToolCall, Trouble};
use serde_json::{Value, json};

use super::server::{self, Outcome, Row, Server, after, answer, outcome, question, run};
use streamed::streamed;
use whole::{answers_with_calls, answers_with_words, failures};

fn completion(message: &Value, finish: &Value) -> Value {
    json!({
        "id": "x-1", "object": "chat.completion", "created": 1_700_000_000, "model": "m-1",
        "choices": [{ "index": 0, "message": message, "finish_reason": finish }],
        "usage": { "prompt_tokens": 30, "completion_tokens": 7, "total_tokens": 37 },
    })
}

fn said(text: &str) -> Value {
    completion(&json!({ "role": "assistant", "content": text }), &json!("stop"))
}

fn calling(calls: &Value) -> Value {
    completion(&json!({ "role": "assistant", "content": null, "tool_calls": calls }), &json!("tool_calls"))
}

fn call(id: &str, arguments: &Value) -> Value {
    json!({ "id": id, "type": "function", "function": { "name": "look", "arguments": arguments } })
}

fn with(mut value: Value, change: impl FnOnce(&mut Value)) -> Value {
    change(&mut value);
    value
}

fn one(reply: &Reply) -> &ToolCall {
    assert_eq!(reply.tool_calls.len(), 1, "{reply:?}");
    &reply.tool_calls[0]
}

fn always(_: &Reply) -> bool {
    true
}

fn hi(reply: &Reply) -> bool {
    reply.content.as_deref() == Some("hi") && reply.tool_calls.is_empty()
}

fn looks(reply: &Reply) -> bool {
    let call = one(reply);
    call.name == "look" && call.parsed().is_ok_and(|value| value == json!({ "q": "x" }))
}

const ARGUMENTS: &str = r#"{"q":"x"}"#;

const UPSTREAM: Outcome = Outcome::Retry(Trouble::Upstream, None);

fn nothing_wrong(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} rows came out wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn every_whole_answer_of_the_table_comes_out_right_also_when_a_stream_was_asked_for() {
    for asked in [false, true] {
        let rows = [answers_with_calls(), answers_with_words(), failures()].into_iter().flatten().collect();
        nothing_wrong(&run(Wire::Openai, rows, asked, server::whole(&said("done"))).await);
    }
}

#[tokio::test]
async fn every_stream_of_the_table_comes_out_right_also_when_none_was_asked_for() {
    for asked in [true, false] {
        nothing_wrong(&run(Wire::Openai, streamed(), asked, server::whole(&said("done"))).await);
    }
}

#[tokio::test]
async fn every_stream_comes_out_the_same_in_the_smallest_pieces() {
    let rows = streamed().into_iter().map(|row| Row { answer: row.answer.in_pieces_of(1), ..row });
    nothing_wrong(&run(Wire::Openai, rows.collect(), true, server::whole(&said("done"))).await);
}

#[tokio::test]
async fn the_table_is_whole() {
    let numbers: Vec<&str> = [answers_with_calls(), answers_with_words(), failures(), streamed()]
        .iter()
        .flatten()
        .map(|row| row.number.split(' ').next().unwrap_or_default())
        .collect();
    let wanted = (1..=38).filter(|number| *number != 29).map(|number| number.to_string());
    let missing: Vec<String> = wanted
        .chain((1..=21).map(|number| format!("s{number:02}")))
        .filter(|number| !numbers.contains(&number.as_str()))
        .collect();
    assert_eq!(missing, Vec::<String>::new());
}

#[tokio::test]
async fn a_parameter_that_is_refused_is_left_out_once_and_for_all() {
    let refused = |parameter: &str| {
        let error =
            json!({ "message": "not supported with this model", "param": parameter, "code": "unsupported_parameter" });
        answer(400, &json!({ "error": error }).to_string())
    };
    let answers =
        vec![refused("max_tokens"), refused("temperature"), refused("stream_options"), server::whole(&said("hi"))];
    let server = Server::start(Wire::Openai, answers).await;
    let provider = server.provider(true);
    provider.complete(&question(), &|_| {}).await.unwrap();
    provider.complete(&question(), &|_| {}).await.unwrap();
    let requests = server.requests();
    assert_eq!(requests.len(), 5, "the second question is asked in the way that was learned");
    let last = &requests[4];
    assert_eq!(last["max_completion_tokens"], 500);
    for gone in ["max_tokens", "temperature", "stream_options"] {
        assert!(last.get(gone).is_none(), "{last}");
    }
    assert_eq!(requests[0]["temperature"], 0.5);
    let always = Server::start(Wire::Openai, vec![refused("temperature")]).await;
    let answered = always.provider(true).complete(&question(), &|_| {}).await;
    assert_eq!(outcome(&answered), Outcome::Permanent(Refusal::Request));
    assert_eq!(always.requests().len(), 2, "the same refusal is learned from once");
}

#[tokio::test]
async fn thinking_models_are_asked_in_their_way_at_once() {
    let server = Server::start(Wire::Openai, vec![server::whole(&said("hi"))]).await;
    let mut request = question();
    request.model = "openai/o3-mini".to_owned();
    server.provider(false).complete(&request, &|_| {}).await.unwrap();
    let sent = &server.requests()[0];
    assert!(sent.get("temperature").is_none() && sent.get("max_tokens").is_none(), "{sent}");
    assert_eq!(sent["max_completion_tokens"], 500);
}

#[tokio::test]
async fn what_a_provider_wants_back_goes_back_to_the_same_model_alone() {
    let details = json!([{ "type": "reasoning.text", "text": "hm", "signature": "s", "index": 0 }]);
    let mut value = calling(&json!([call("c1", &json!(ARGUMENTS))]));
    value["choices"][0]["message"]["reasoning_details"] = details.clone();
    value["choices"][0]["message"]["tool_calls"][0]["extra_content"] =
        json!({ "google": { "thought_signature": "t" } });
    let server = Server::start(Wire::Openai, vec![server::whole(&value), server::whole(&said("hi"))]).await;
    let provider = server.provider(false);
    let reply = provider.complete(&question(), &|_| {}).await.unwrap();
    let mut next = after(&question(), &reply);
    provider.complete(&next, &|_| {}).await.unwrap();
    next.model = "another".to_owned();
    provider.complete(&next, &|_| {}).await.unwrap();
    let requests = server.requests();
    let told = |at: usize| requests[at]["messages"][2].clone();
    assert_eq!(told(1)["reasoning_details"], details);
    assert_eq!(told(1)["tool_calls"][0]["extra_content"]["google"]["thought_signature"], "t");
    assert!(told(2).get("reasoning_details").is_none() && told(2)["tool_calls"][0].get("extra_content").is_none());
}
