//! Answers that come as one body.

use std::time::Duration;

use cgo::domain::money::Usd;
use cgo::llm::{Finish, Refusal, Reply, Trouble};
use serde_json::{Value, json};

use super::super::server::Outcome::{Incomplete, Ok, Permanent, Retry, ToolError};
use super::super::server::{Answer, Row, answer, row, whole};
use super::{ARGUMENTS, UPSTREAM, always, call, calling, completion, hi, looks, one, said, with};

pub fn answers_with_calls() -> Vec<Row> {
    let whole_call = || call("c1", &json!(ARGUMENTS));
    let without =
        |field: &str| calling(&json!([with(whole_call(), |call| drop(call.as_object_mut().unwrap().remove(field)))]));
    vec![
        row(
            "2",
            whole(&calling(&json!([call("c1", &json!("{\"q\":\"1\"}")), call("c2", &json!("{\"q\":\"2\"}"))]))),
            Ok,
            |reply| {
                reply.tool_calls.iter().map(|call| call.id.as_str()).eq(["c1", "c2"])
                    && reply.finish == Finish::ToolCalls
            },
        ),
        row(
            "3",
            whole(&with(calling(&json!([whole_call()])), |value| {
                value["choices"][0]["message"].as_object_mut().unwrap().remove("content");
            })),
            Ok,
            |reply| looks(reply) && reply.content.is_none(),
        ),
        row("4", whole(&calling(&json!([call("c1", &json!({ "q": "x" }))]))), Ok, looks),
        row("5", whole(&calling(&json!([call("c1", &json!(""))]))), Ok, |reply| {
            one(reply).parsed().is_ok_and(|value| value == json!({}))
        }),
        row("6", whole(&calling(&json!([call("c1", &json!("{\"q\": \"x"))]))), ToolError, |reply| {
            let call = one(reply);
            call.arguments == "{\"q\": \"x" && call.parsed().unwrap_err().to_string().contains("column 8")
        }),
        row("7", whole(&without("id")), Ok, looks),
        row(
            "8",
            whole(&calling(&json!([call("", &json!("{}")), call("a", &json!("{}")), call("a", &json!("{}"))]))),
            Ok,
            |reply| reply.tool_calls.len() == 3 && reply.tool_calls[1].id == "a",
        ),
        row("9", whole(&without("type")), Ok, looks),
        row(
            "10",
            whole(&with(calling(&json!([whole_call()])), |value| value["choices"][0]["finish_reason"] = json!("stop"))),
            Ok,
            |reply| looks(reply) && reply.finish == Finish::ToolCalls,
        ),
        row("24", whole(&with(said("hi"), |value| value["choices"][0]["message"]["tool_calls"] = Value::Null)), Ok, hi),
        row("25", whole(&with(said("hi"), |value| value["choices"][0]["message"]["tool_calls"] = json!([]))), Ok, hi),
        row(
            "26",
            whole(&calling(
                &json!([{ "id": "c1", "type": "builtin_function", "function": { "name": "look", "arguments": "{}" } }]),
            )),
            ToolError,
            |reply| one(reply).name == "builtin_function:look",
        ),
        row(
            "28",
            whole(&with(calling(&json!([whole_call()])), |value| {
                value["choices"][0]["message"]["content"] = json!("let me look");
            })),
            Ok,
            |reply| looks(reply) && reply.content.as_deref() == Some("let me look"),
        ),
    ]
}

pub fn answers_with_words() -> Vec<Row> {
    let finished = |reason: Value| whole(&completion(&json!({ "role": "assistant", "content": "hi" }), &reason));
    let used = |usage: Value| whole(&with(said("hi"), |value| value["usage"] = usage));
    let shaped = |change: fn(&mut Value)| whole(&with(said("hi"), change));
    let estimated = |reply: &Reply| hi(reply) && reply.usage.estimated;
    vec![
        row("1", whole(&said("hi")), Ok, |reply| {
            hi(reply) && reply.finish == Finish::Stop && !reply.usage.estimated && reply.usage.input_tokens == 30
        }),
        row("11", finished(Value::Null), Ok, |reply| hi(reply) && reply.finish == Finish::Missing),
        row("12 eos_token", finished(json!("eos_token")), Ok, |reply| hi(reply) && reply.finish == Finish::Stop),
        row("12 end_turn", finished(json!("end_turn")), Ok, |reply| hi(reply) && reply.finish == Finish::Stop),
        row("12 max_tokens", finished(json!("max_tokens")), Ok, |reply| hi(reply) && reply.finish == Finish::Length),
        row("12 other", finished(json!("planets_aligned")), Ok, |reply| {
            hi(reply) && reply.finish == Finish::Other("planets_aligned".to_owned())
        }),
        row("13", shaped(|value| drop(value.as_object_mut().unwrap().remove("usage"))), Ok, estimated),
        row("14", used(Value::Null), Ok, estimated),
        row("14 zero", used(json!({ "prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0 })), Ok, estimated),
        row(
            "15",
            used(
                json!({ "prompt_tokens": 30, "completion_tokens": 7, "cost": 0.0031, "prompt_tokens_details": null, "completion_tokens_details": null }),
            ),
            Ok,
            |reply| hi(reply) && reply.usage.cost == Usd::from_dollars(0.0031) && !reply.usage.estimated,
        ),
        row("16", shaped(|value| value["choices"] = json!([])), UPSTREAM, always),
        row("17", whole(&json!({ "error": { "message": "Provider returned error", "code": 502 } })), UPSTREAM, always),
        row("17 words", whole(&json!({ "error": "something broke" })), UPSTREAM, always),
        row(
            "17 rate",
            whole(&json!({ "error": { "message": "slow down", "code": 429 } })),
            Retry(Trouble::RateLimited, None),
            always,
        ),
        row("17 key", whole(&json!({ "error": { "message": "no", "code": 401 } })), Permanent(Refusal::Key), always),
        row(
            "17 choice",
            shaped(|value| value["choices"][0]["error"] = json!({ "code": 503, "message": "gone" })),
            Retry(Trouble::Overloaded, None),
            always,
        ),
        row(
            "18",
            shaped(|value| {
                value["choices"][0]["message"]["content"] =
                    json!([{ "type": "text", "text": "h" }, { "type": "text", "text": "i" }]);
            }),
            Ok,
            hi,
        ),
        row(
            "19 reasoning_content",
            shaped(|value| value["choices"][0]["message"]["reasoning_content"] = json!("hm")),
            Ok,
            |reply| hi(reply) && reply.reasoning.as_deref() == Some("hm"),
        ),
        row("19 reasoning", shaped(|value| value["choices"][0]["message"]["reasoning"] = json!("hm")), Ok, |reply| {
            hi(reply) && reply.reasoning.as_deref() == Some("hm") && reply.replay.is_none()
        }),
        row(
            "19 details",
            shaped(|value| {
                value["choices"][0]["message"]["reasoning_details"] =
                    json!([{ "type": "reasoning.encrypted", "data": "x" }]);
            }),
            Ok,
            |reply| hi(reply) && reply.replay.is_some(),
        ),
        row(
            "20",
            shaped(|value| {
                value["id"] = Value::Null;
                value["created"] = json!(1.5);
            }),
            Ok,
            hi,
        ),
        row(
            "21",
            shaped(|value| {
                for name in ["model", "object", "created"] {
                    value.as_object_mut().unwrap().remove(name);
                }
            }),
            Ok,
            hi,
        ),
        row("22", shaped(|value| drop(value["choices"][0]["message"].as_object_mut().unwrap().remove("role"))), Ok, hi),
        row("23", shaped(|value| value["service_tier"] = json!("platinum")), Ok, hi),
        row("27", finished(json!("error")), UPSTREAM, always),
    ]
}

#[expect(clippy::too_many_lines, reason = "a table")]
pub fn failures() -> Vec<Row> {
    let json = |status, body: &Value| answer(status, &body.to_string()).header("content-type", "application/json");
    let page = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>";
    let rate = json(429, &json!({ "error": { "message": "slow down", "code": "rate_limit_exceeded" } }));
    let limited = |after: u64| Retry(Trouble::RateLimited, Some(Duration::from_millis(after)));
    let quota = json!({ "error": { "message": "You exceeded your current quota", "type": "insufficient_quota", "code": "insufficient_quota" } });
    vec![
        row("30", answer(502, page).header("content-type", "text/html"), UPSTREAM, always),
        row("31 seconds", rate.clone().header("retry-after", "7"), limited(7000), always),
        row(
            "31 date",
            rate.clone()
                .header("date", "Sun, 06 Nov 1994 08:49:00 GMT")
                .header("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"),
            limited(37_000),
            always,
        ),
        row("31 ms", rate.header("retry-after-ms", "250"), limited(250), always),
        row("31 quota", json(429, &quota).header("retry-after", "7"), Permanent(Refusal::Money), always),
        row("32", answer(200, ""), UPSTREAM, always),
        row(
            "33",
            Answer {
                pieces: vec![b"\n".to_vec(), b"\r\n  \n".to_vec(), said("hi").to_string().into_bytes()],
                ..whole(&json!({}))
            },
            Ok,
            hi,
        ),
        row(
            "34",
            json(400, &json!({ "error": { "message": "bad", "code": 400 } })),
            Permanent(Refusal::Request),
            always,
        ),
        row(
            "35",
            json(
                503,
                &json!([{ "error": { "code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE" } }]),
            ),
            Retry(Trouble::Overloaded, None),
            always,
        ),
        row(
            "36",
            json(404, &json!({ "error": "model 'm-1' not found, try pulling it first" })),
            Permanent(Refusal::Model),
            always,
        ),
        row(
            "37",
            json(
                422,
                &json!({ "detail": [{ "loc": ["body", "messages"], "msg": "field required", "type": "value_error.missing" }] }),
            ),
            Permanent(Refusal::Request),
            always,
        ),
        row(
            "38",
            json(529, &json!({ "error": { "message": "overloaded" } })),
            Retry(Trouble::Overloaded, None),
            always,
        ),
        row(
            "402",
            json(402, &json!({ "error": { "message": "Insufficient credits", "code": 402 } })),
            Permanent(Refusal::Money),
            always,
        ),
        row(
            "context",
            json(400, &json!({ "error": { "message": "too long", "code": "context_length_exceeded" } })),
            Permanent(Refusal::Context),
            always,
        ),
        row("html 200", answer(200, "<!doctype html><title>Sign in</title>"), Permanent(Refusal::Endpoint), always),
        row(
            "redirect",
            answer(307, "").header("location", "https://elsewhere.example/v1?key=1"),
            Permanent(Refusal::Endpoint),
            always,
        ),
        row(
            "length in a call",
            whole(&with(calling(&json!([call("c1", &json!(ARGUMENTS))])), |value| {
                value["choices"][0]["finish_reason"] = json!("length");
            })),
            Incomplete,
            always,
        ),
        row(
            "length in a call after a text",
            whole(&with(calling(&json!([call("c1", &json!(ARGUMENTS))])), |value| {
                value["choices"][0]["message"]["content"] = json!("so");
                value["choices"][0]["finish_reason"] = json!("length");
            })),
            Incomplete,
            always,
        ),
        row(
            "length before a word",
            whole(&completion(&json!({ "role": "assistant", "content": "" }), &json!("length"))),
            Incomplete,
            always,
        ),
        row(
            "limit met in secret",
            whole(&with(calling(&json!([call("c1", &json!(ARGUMENTS))])), |value| {
                value["usage"]["completion_tokens"] = json!(500);
            })),
            Incomplete,
            always,
        ),
        row(
            "filtered",
            whole(&completion(&json!({ "role": "assistant", "content": null }), &json!("content_filter"))),
            Permanent(Refusal::Filtered),
            always,
        ),
        row(
            "refusal",
            whole(&completion(&json!({ "role": "assistant", "content": null, "refusal": "no" }), &json!("stop"))),
            Ok,
            |reply| reply.finish == Finish::Filtered,
        ),
    ]
}
