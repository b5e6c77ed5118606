//! The edge table of the Messages API. Numbers as in the table of chat completions where the same can happen, `a…`
//! where it is the API's own.

use std::time::Duration;

use cgo::domain::provider::Wire;
use cgo::llm::{Finish, Message, Refusal, Reply, ToolCall, Trouble};
use serde_json::{Value, json};

use super::server::{Answer, Ending, Outcome, Row, Server, after, answer, question, raw_stream, row, run, whole};
use Outcome::{Incomplete, Ok, Permanent, Retry, ToolError};

fn message(content: &Value, stop: &Value) -> Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m-1", "content": content,
        "stop_reason": stop, "stop_sequence": null,
        "usage": { "input_tokens": 20, "cache_creation_input_tokens": 4, "cache_read_input_tokens": 6, "output_tokens": 7 },
    })
}

fn text(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

fn tool(id: &str, name: &str, input: &Value) -> Value {
    json!({ "type": "tool_use", "id": id, "name": name, "input": input })
}

fn thought() -> Value {
    json!({ "type": "thinking", "thinking": "hm", "signature": "sig-ABC==" })
}

fn said() -> Value {
    message(&json!([text("hi")]), &json!("end_turn"))
}

fn hi(reply: &Reply) -> bool {
    reply.content.as_deref() == Some("hi") && reply.tool_calls.is_empty()
}

fn one(reply: &Reply) -> &ToolCall {
    assert_eq!(reply.tool_calls.len(), 1, "{reply:?}");
    &reply.tool_calls[0]
}

fn looks(reply: &Reply) -> bool {
    let call = one(reply);
    call.name == "look" && call.parsed().is_ok_and(|value| value == json!({ "q": "x" }))
}

fn always(_: &Reply) -> bool {
    true
}

const UPSTREAM: Outcome = Retry(Trouble::Upstream, None);

fn answers() -> Vec<Row> {
    let ended = |stop: &str| whole(&message(&json!([text("hi")]), &json!(stop)));
    let x = json!({ "q": "x" });
    vec![
        row("1", whole(&said()), Ok, |reply| {
            let usage = reply.usage;
            hi(reply)
                && (usage.input_tokens, usage.cached_tokens, usage.cache_write_tokens, usage.output_tokens)
                    == (30, 6, 4, 7)
                && !usage.estimated
                && reply.finish == Finish::Stop
        }),
        row(
            "2",
            whole(&message(&json!([tool("t1", "look", &x), tool("t2", "list", &json!({}))]), &json!("tool_use"))),
            Ok,
            |reply| {
                reply.tool_calls.iter().map(|call| call.id.as_str()).eq(["t1", "t2"])
                    && reply.finish == Finish::ToolCalls
            },
        ),
        row(
            "7",
            whole(&message(&json!([{ "type": "tool_use", "name": "look", "input": x }]), &json!("tool_use"))),
            Ok,
            looks,
        ),
        row(
            "8",
            whole(&message(
                &json!([tool("t1", "look", &x), tool("t1", "look", &x), tool("", "look", &x)]),
                &json!("tool_use"),
            )),
            Ok,
            |reply| reply.tool_calls.len() == 3,
        ),
        row("10", whole(&message(&json!([tool("t1", "look", &x)]), &json!("end_turn"))), Ok, |reply| {
            looks(reply) && reply.finish == Finish::ToolCalls
        }),
        row("11", whole(&message(&json!([text("hi")]), &Value::Null)), Ok, |reply| {
            hi(reply) && reply.finish == Finish::Missing
        }),
        row("12 stop_sequence", ended("stop_sequence"), Ok, |reply| hi(reply) && reply.finish == Finish::Stop),
        row("12 other", ended("tired"), Ok, |reply| hi(reply) && reply.finish == Finish::Other("tired".to_owned())),
        row("13", whole(&json!({ "content": [text("hi")], "stop_reason": "end_turn" })), Ok, |reply| {
            hi(reply) && reply.usage.estimated
        }),
        row(
            "17",
            whole(&json!({ "type": "error", "error": { "type": "overloaded_error", "message": "Overloaded" } })),
            Retry(Trouble::Overloaded, None),
            always,
        ),
        row("19", whole(&message(&json!([thought(), text("hi")]), &json!("end_turn"))), Ok, |reply| {
            hi(reply) && reply.reasoning.as_deref() == Some("hm") && reply.replay.is_some()
        }),
        row("26", whole(&message(&json!([tool("t1", "rm", &x)]), &json!("tool_use"))), ToolError, always),
        row(
            "28",
            whole(&message(&json!([text("let me look"), tool("t1", "look", &x)]), &json!("tool_use"))),
            Ok,
            |reply| looks(reply) && reply.content.is_some(),
        ),
        row("a01 max_tokens", ended("max_tokens"), Ok, |reply| hi(reply) && reply.finish == Finish::Length),
        row(
            "a02 max_tokens in a call",
            whole(&message(&json!([tool("t1", "look", &x)]), &json!("max_tokens"))),
            Incomplete,
            always,
        ),
        row(
            "a02 max_tokens after a text and a call",
            whole(&message(&json!([text("so"), tool("t1", "look", &x)]), &json!("max_tokens"))),
            Incomplete,
            always,
        ),
        row(
            "a03 max_tokens in a thought",
            whole(&message(&json!([thought()]), &json!("max_tokens"))),
            Incomplete,
            always,
        ),
        row("a04 refusal", ended("refusal"), Permanent(Refusal::Filtered), always),
        row("a05 window", ended("model_context_window_exceeded"), Permanent(Refusal::Context), always),
        row("a06 pause_turn", ended("pause_turn"), Incomplete, always),
        row(
            "a07 hidden thought",
            whole(&message(
                &json!([{ "type": "redacted_thinking", "data": "x" }, tool("t1", "look", &x)]),
                &json!("tool_use"),
            )),
            Ok,
            looks,
        ),
    ]
}

fn failures() -> Vec<Row> {
    let error = |status, kind: &str, message: &str| {
        answer(
            status,
            &json!({ "type": "error", "error": { "type": kind, "message": message }, "request_id": "req_1" })
                .to_string(),
        )
    };
    vec![
        row("a10", error(401, "authentication_error", "invalid x-api-key"), Permanent(Refusal::Key), always),
        row("a11", error(403, "permission_error", "not allowed"), Permanent(Refusal::Key), always),
        row("a12", error(404, "not_found_error", "model: claude-nine"), Permanent(Refusal::Model), always),
        row("a13", error(404, "not_found_error", "Not Found"), Permanent(Refusal::Endpoint), always),
        row(
            "a14",
            error(413, "request_too_large", "Request exceeds the maximum size"),
            Permanent(Refusal::Context),
            always,
        ),
        row(
            "a15",
            error(400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
            Permanent(Refusal::Context),
            always,
        ),
        row(
            "a16",
            error(429, "rate_limit_error", "slow down").header("retry-after", "12"),
            Retry(Trouble::RateLimited, Some(Duration::from_secs(12))),
            always,
        ),
        row("a17", error(529, "overloaded_error", "Overloaded"), Retry(Trouble::Overloaded, None), always),
        row("a18", error(500, "api_error", "Internal server error"), UPSTREAM, always),
        row("a19", error(504, "timeout_error", "took too long"), Retry(Trouble::Timeout, None), always),
        row(
            "a20",
            error(400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
            Permanent(Refusal::Money),
            always,
        ),
        row("a21", error(402, "billing_error", "no"), Permanent(Refusal::Money), always),
        row(
            "a22",
            error(400, "invalid_request_error", "messages: roles must alternate"),
            Permanent(Refusal::Request),
            always,
        ),
        row("16", whole(&json!({ "type": "message" })), UPSTREAM, always),
        row("30", answer(502, "<html><title>502 Bad Gateway</title>"), UPSTREAM, always),
        row("32", answer(200, ""), UPSTREAM, always),
        row(
            "33",
            Answer { pieces: vec![b"\n\n".to_vec(), said().to_string().into_bytes()], ..whole(&json!({})) },
            Ok,
            hi,
        ),
        row("html 200", answer(200, "<!doctype html><title>Sign in</title>"), Permanent(Refusal::Endpoint), always),
    ]
}

fn event(value: &Value) -> String {
    format!("event: {}\ndata: {value}\n\n", value["type"].as_str().unwrap_or_default())
}

fn start() -> Value {
    json!({ "type": "message_start", "message": { "id": "msg_1", "role": "assistant", "content": [], "usage": { "input_tokens": 20, "cache_read_input_tokens": 6, "cache_creation_input_tokens": 4, "output_tokens": 1 } } })
}

fn begin(index: u64, block: &Value) -> Value {
    json!({ "type": "content_block_start", "index": index, "content_block": block })
}

fn delta(index: u64, kind: &str, field: &str, piece: &str) -> Value {
    json!({ "type": "content_block_delta", "index": index, "delta": { "type": kind, field: piece } })
}

fn end(stop: &str) -> Vec<Value> {
    vec![
        json!({ "type": "message_delta", "delta": { "stop_reason": stop, "stop_sequence": null }, "usage": { "output_tokens": 7 } }),
        json!({ "type": "message_stop" }),
    ]
}

fn events(parts: &[Vec<Value>]) -> Answer {
    raw_stream(&parts.iter().flatten().map(event).collect::<String>())
}

fn spoken() -> Vec<Value> {
    vec![
        start(),
        begin(0, &text("")),
        json!({ "type": "ping" }),
        delta(0, "text_delta", "text", "h"),
        delta(0, "text_delta", "text", "i"),
        json!({ "type": "content_block_stop", "index": 0 }),
    ]
}

fn called(pieces: &[&str]) -> Vec<Value> {
    let mut events = vec![start(), begin(0, &tool("t1", "look", &json!({})))];
    events.extend(pieces.iter().map(|piece| delta(0, "input_json_delta", "partial_json", piece)));
    events
}

fn streamed() -> Vec<Row> {
    let broken = Retry(Trouble::Network, None);
    let x = ["", "{\"q\":", "\"x\"}"];
    let error = |kind: &str| vec![json!({ "type": "error", "error": { "type": kind, "message": "no" } })];
    let thinking = vec![
        start(),
        begin(0, &json!({ "type": "thinking", "thinking": "", "signature": "" })),
        delta(0, "thinking_delta", "thinking", "h"),
        delta(0, "thinking_delta", "thinking", "m"),
        delta(0, "signature_delta", "signature", "sig-ABC=="),
        begin(1, &tool("t1", "look", &json!({}))),
        delta(1, "input_json_delta", "partial_json", "{\"q\":\"x\"}"),
    ];
    let two = vec![
        start(),
        begin(0, &tool("t1", "look", &json!({}))),
        begin(1, &tool("t2", "list", &json!({}))),
        delta(1, "input_json_delta", "partial_json", "{}"),
        delta(0, "input_json_delta", "partial_json", "{\"q\":\"x\"}"),
    ];
    vec![
        row("s01", events(&[spoken(), end("end_turn")]), Ok, |reply| {
            hi(reply) && reply.usage.input_tokens == 30 && reply.usage.output_tokens == 7 && !reply.usage.estimated
        }),
        row("s02", events(&[called(&x), end("tool_use")]), Ok, looks),
        row("s02 no arguments", events(&[called(&[]), end("tool_use")]), Ok, |reply| {
            one(reply).parsed().is_ok_and(|value| value == json!({}))
        }),
        row("s03", events(&[two, end("tool_use")]), Ok, |reply| {
            reply
                .tool_calls
                .iter()
                .map(|call| (call.name.as_str(), call.arguments.as_str()))
                .eq([("look", "{\"q\":\"x\"}"), ("list", "{}")])
        }),
        row("6", events(&[called(&["{\"q\": \"x"]), end("tool_use")]), ToolError, |reply| {
            one(reply).arguments == "{\"q\": \"x"
        }),
        row(
            "s08",
            raw_stream(&format!(
                ": hold on\n\n{}",
                [spoken(), end("end_turn")].concat().iter().map(event).collect::<String>()
            )),
            Ok,
            hi,
        ),
        row("s09", events(&[spoken(), end("end_turn")[..1].to_vec()]), Ok, hi),
        row("s09 cut", events(&[spoken(), end("end_turn")[..1].to_vec()]).ending(Ending::Cut), Ok, hi),
        row("s10", events(&[spoken(), error("overloaded_error")]), Retry(Trouble::Overloaded, None), always),
        row("s10 api", events(&[spoken(), error("api_error")]), UPSTREAM, always),
        row("s11", events(&[error("rate_limit_error")]), Retry(Trouble::RateLimited, None), always),
        row("s12", events(&[spoken()]), broken, always),
        row("s12 cut", events(&[spoken()]).ending(Ending::Cut), broken, always),
        row("s13", events(&[called(&x)]), broken, always),
        row("s13 cut", events(&[called(&x[..2])]).ending(Ending::Cut), broken, always),
        row(
            "s17",
            events(&[vec![start(), begin(0, &text("")), delta(0, "text_delta", "text", "привет 🙂")], end("end_turn")])
                .in_pieces_of(3),
            Ok,
            |reply| reply.content.as_deref() == Some("привет 🙂"),
        ),
        row("s21", events(&[called(&x), end("max_tokens")]), Incomplete, always),
        row("19", events(&[thinking, end("tool_use")]), Ok, |reply| {
            let content = &reply.replay.as_ref().unwrap()["anthropic"]["content"];
            looks(reply) && content[0] == thought() && content[1] == tool("t1", "look", &json!({ "q": "x" }))
        }),
        row(
            "a30 unknown events",
            events(&[
                vec![start(), json!({ "type": "news" }), begin(0, &text("hi")), delta(0, "aura_delta", "aura", "x")],
                end("end_turn"),
            ]),
            Ok,
            hi,
        ),
        row(
            "a31 lost block",
            events(&[vec![start(), delta(3, "text_delta", "text", "x")], end("end_turn")]),
            UPSTREAM,
            always,
        ),
        row("a32 refusal", events(&[spoken(), end("refusal")]), Permanent(Refusal::Filtered), always),
        row("a33 nothing", raw_stream("event: ping\ndata: {\"type\":\"ping\"}\n\n"), broken, always),
    ]
}

fn nothing_wrong(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} rows came out wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn every_whole_answer_of_the_table_comes_out_right_also_when_a_stream_was_asked_for() {
    for asked in [false, true] {
        let rows = [answers(), failures()].into_iter().flatten().collect();
        nothing_wrong(&run(Wire::Anthropic, rows, asked, whole(&said())).await);
    }
}

#[tokio::test]
async fn every_stream_of_the_table_comes_out_right_also_in_the_smallest_pieces() {
    nothing_wrong(&run(Wire::Anthropic, streamed(), true, whole(&said())).await);
    let rows = streamed().into_iter().map(|row| Row { answer: row.answer.in_pieces_of(1), ..row });
    nothing_wrong(&run(Wire::Anthropic, rows.collect(), false, whole(&said())).await);
}

#[tokio::test]
async fn a_long_conversation_is_told_in_turns_with_its_stable_ends_marked() {
    let server = Server::start(Wire::Anthropic, vec![whole(&said())]).await;
    let mut request = question();
    let call = |id: &str| ToolCall { id: id.to_owned(), name: "look".to_owned(), arguments: "{}".to_owned() };
    for _ in 0..3 {
        let answer = Reply { tool_calls: vec![call("call_1"), call("call_2")], ..Reply::default() };
        request = after(&request, &answer);
    }
    request.messages.push(Message::User { content: "And tomorrow?".to_owned() });
    server.provider(false).complete(&request, &|_| {}).await.unwrap();
    let sent = &server.requests()[0];
    let messages = sent["messages"].as_array().unwrap();
    let kinds: Vec<&str> =
        messages[6]["content"].as_array().unwrap().iter().map(|block| block["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["tool_result", "tool_result", "text"], "all results and what follows are one turn");
    let marked = |value: &Value| value.get("cache_control").is_some();
    assert!(marked(&sent["system"][0]) && marked(&sent["tools"][1]) && !marked(&sent["tools"][0]));
    assert!(marked(&messages[6]["content"][2]) && marked(&messages[4]["content"][1]));
    assert_eq!(sent.to_string().matches("cache_control").count(), 4);
}

#[tokio::test]
async fn signed_thoughts_go_back_untouched_to_the_model_that_signed_them_alone() {
    let blocks = json!([thought(), text("so"), tool("t1", "look", &json!({ "q": "x" }))]);
    let server =
        Server::start(Wire::Anthropic, vec![whole(&message(&blocks, &json!("tool_use"))), whole(&said())]).await;
    let provider = server.provider(false);
    let reply = provider.complete(&question(), &|_| {}).await.unwrap();
    let mut next = after(&question(), &reply);
    provider.complete(&next, &|_| {}).await.unwrap();
    next.model = "another".to_owned();
    provider.complete(&next, &|_| {}).await.unwrap();
    let requests = server.requests();
    assert_eq!(requests[1]["messages"][1]["content"], blocks);
    let plain = json!([text("so"), tool("t1", "look", &json!({ "q": "x" }))]);
    assert_eq!(requests[2]["messages"][1]["content"], plain);
}

#[tokio::test]
async fn a_model_that_takes_no_temperature_is_asked_without_from_then_on() {
    let error = json!({ "type": "invalid_request_error", "message": "`temperature` is deprecated for this model." });
    let refused = answer(400, &json!({ "type": "error", "error": error }).to_string());
    let server = Server::start(Wire::Anthropic, vec![refused, whole(&said())]).await;
    let provider = server.provider(false);
    provider.complete(&question(), &|_| {}).await.unwrap();
    provider.complete(&question(), &|_| {}).await.unwrap();
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    assert!(requests[2].get("temperature").is_none());
}
