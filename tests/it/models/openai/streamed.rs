//! Answers that come as events.

use cgo::domain::money::Usd;
use cgo::llm::{Finish, Reply, Trouble};
use serde_json::{Value, json};

use super::super::server::Outcome::{Incomplete, Ok, Retry};
use super::super::server::{Ending, Row, raw_stream, row, stream, told};
use super::{ARGUMENTS, UPSTREAM, always, hi, looks, one, with};

fn delta(delta: &Value) -> Value {
    json!({ "id": "x", "object": "chat.completion.chunk", "choices": [{ "index": 0, "delta": delta, "finish_reason": null }] })
}

fn end(reason: &str) -> Value {
    json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": reason }] })
}

fn piece(value: &Value) -> Value {
    delta(&json!({ "tool_calls": [value] }))
}

#[expect(clippy::too_many_lines, reason = "a table")]
pub fn streamed() -> Vec<Row> {
    let h = delta(&json!({ "role": "assistant", "content": "h" }));
    let i = delta(&json!({ "content": "i" }));
    let begin = |index: u64, id: &str, name: &str| {
        piece(&json!({ "index": index, "id": id, "type": "function", "function": { "name": name, "arguments": "" } }))
    };
    let more = |index: u64, arguments: &str| piece(&json!({ "index": index, "function": { "arguments": arguments } }));
    let calls = end("tool_calls");
    let error = json!({ "error": { "code": 502, "message": "Provider disconnected" } });
    let plain = |text: &str| raw_stream(text);
    let words = format!("data: {h}\n\ndata: {i}\n\ndata: {}\n\ndata: [DONE]\n\n", end("stop"));
    let broken = Retry(Trouble::Network, None);
    let two = |reply: &Reply| {
        reply
            .tool_calls
            .iter()
            .map(|call| (call.name.as_str(), call.arguments.as_str()))
            .eq([("look", ARGUMENTS), ("list", "{}")])
    };
    let cut = |events: &[&Value]| raw_stream(&told(events.iter().copied()));
    vec![
        row("s01", stream(&[h.clone(), i.clone(), end("stop")]), Ok, |reply| {
            hi(reply) && reply.finish == Finish::Stop && reply.usage.estimated
        }),
        row(
            "s02",
            stream(&[begin(0, "c1", "look"), more(0, "{\"q\":"), more(0, "\"x\"}"), calls.clone()]),
            Ok,
            |reply| looks(reply) && one(reply).id == "c1",
        ),
        row(
            "s03",
            stream(&[
                begin(0, "c1", "look"),
                begin(1, "c2", "list"),
                more(0, "{\"q\":"),
                more(1, "{"),
                more(0, "\"x\"}"),
                more(1, "}"),
                calls.clone(),
            ]),
            Ok,
            two,
        ),
        row(
            "s04",
            stream(&[
                piece(&json!({ "id": "c1", "function": { "name": "look", "arguments": "{\"q\":" } })),
                piece(&json!({ "function": { "arguments": "\"x\"}" } })),
                piece(&json!({ "id": "c2", "function": { "name": "list", "arguments": "{}" } })),
                calls.clone(),
            ]),
            Ok,
            two,
        ),
        row(
            "s05",
            stream(&[
                piece(&json!({ "index": 0, "id": "c1", "function": { "name": "look", "arguments": ARGUMENTS } })),
                piece(&json!({ "index": 0, "id": "c2", "function": { "name": "list", "arguments": "{}" } })),
                calls.clone(),
            ]),
            Ok,
            two,
        ),
        row(
            "s05 no ids",
            stream(&[
                piece(&json!({ "index": 0, "function": { "name": "look", "arguments": ARGUMENTS } })),
                piece(&json!({ "index": 0, "function": { "name": "list", "arguments": {} } })),
                calls.clone(),
            ]),
            Ok,
            two,
        ),
        row(
            "s06",
            stream(&[
                begin(0, "c1", "look"),
                piece(&json!({ "index": 0, "id": "c1", "function": { "name": "look", "arguments": "{\"q\":" } })),
                piece(&json!({ "index": 0, "id": "c1", "function": { "name": "look", "arguments": "\"x\"}" } })),
                calls.clone(),
            ]),
            Ok,
            looks,
        ),
        row(
            "s07",
            stream(&[
                begin(0, "c1", "look"),
                piece(&json!({ "index": 0, "id": "", "function": { "name": "", "arguments": ARGUMENTS } })),
                calls.clone(),
            ]),
            Ok,
            looks,
        ),
        row("s08", plain(&format!(": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\n{words}")), Ok, hi),
        row("s09", cut(&[&h, &i, &end("stop")]), Ok, hi),
        row("s09 cut", cut(&[&h, &i, &end("stop")]).ending(Ending::Cut), Ok, hi),
        row(
            "s10",
            stream(&[
                h.clone(),
                with(error.clone(), |value| {
                    value["choices"] = json!([{ "index": 0, "delta": { "content": "" }, "finish_reason": "error" }]);
                }),
            ]),
            UPSTREAM,
            always,
        ),
        row(
            "s11",
            plain(&format!("data: {}\n\n", json!({ "error": { "code": 429, "message": "slow down" } }))),
            Retry(Trouble::RateLimited, None),
            always,
        ),
        row("s11 named", plain("event: error\ndata: {\"message\":\"boom\"}\n\n"), UPSTREAM, always),
        row("s12", cut(&[&h, &i]), broken, always),
        row("s12 cut", cut(&[&h, &i]).ending(Ending::Cut), broken, always),
        row("s13", cut(&[&begin(0, "c1", "look"), &more(0, ARGUMENTS)]), broken, always),
        row("s13 cut", cut(&[&begin(0, "c1", "look"), &more(0, "{\"q\":")]).ending(Ending::Cut), broken, always),
        row(
            "s14",
            stream(&[
                with(h.clone(), |value| value["choices"][0]["finish_reason"] = json!("")),
                i.clone(),
                end("stop"),
            ]),
            Ok,
            hi,
        ),
        row("s15", plain(&words.replace("data: ", "data:")), Ok, hi),
        row("s16", plain(&words.replace('\n', "\r\n")), Ok, hi),
        row("s16 cr", plain(&words.replace('\n', "\r")), Ok, hi),
        row(
            "s17",
            plain(&words.replace("\"h\"", "\"приве\"").replace("\"i\"", "\"т 🙂\"")).in_pieces_of(3),
            Ok,
            |reply| reply.content.as_deref() == Some("привет 🙂"),
        ),
        row(
            "s18 finishing",
            stream(&[
                h.clone(),
                i.clone(),
                with(end("stop"), |value| value["usage"] = json!({ "prompt_tokens": 9, "completion_tokens": 2 })),
            ]),
            Ok,
            |reply| hi(reply) && reply.usage.input_tokens == 9 && !reply.usage.estimated,
        ),
        row(
            "s18 later",
            stream(&[
                with(h.clone(), |value| value["usage"] = Value::Null),
                i.clone(),
                end("stop"),
                json!({ "choices": [], "usage": { "prompt_tokens": 9, "completion_tokens": 2, "cost": 0.5 } }),
            ]),
            Ok,
            |reply| hi(reply) && reply.usage.output_tokens == 2 && reply.usage.cost == Usd::from_dollars(0.5),
        ),
        row(
            "s19",
            stream(&[
                begin(0, "c1", "look"),
                piece(&json!({ "index": 0, "id": null, "function": { "name": null, "arguments": null } })),
                more(0, ARGUMENTS),
                calls.clone(),
            ]),
            Ok,
            looks,
        ),
        row(
            "s20",
            stream(&[
                delta(&json!({ "role": null, "content": null, "tool_calls": null })),
                delta(&json!({ "role": "assistant", "content": "hi", "tool_calls": [] })),
                end("stop"),
            ]),
            Ok,
            hi,
        ),
        row("s21", stream(&[begin(0, "c1", "look"), more(0, "{\"q\":\"build\"}"), end("length")]), Incomplete, always),
        row(
            "s21 cut text",
            stream(&[begin(0, "c1", "look"), more(0, "{\"q\":[\"build\",\"test\""), end("length")]),
            Incomplete,
            always,
        ),
        row("no end but DONE", stream(&[h.clone(), i.clone()]), Ok, |reply| {
            hi(reply) && reply.finish == Finish::Missing
        }),
        row("nothing but DONE", stream(&[]), UPSTREAM, always),
        row("no JSON", plain("data: hello\n\n"), UPSTREAM, always),
        row(
            "signed call",
            stream(&[
                piece(
                    &json!({ "index": 0, "id": "c1", "function": { "name": "look", "arguments": ARGUMENTS }, "extra_content": { "google": { "thought_signature": "s" } } }),
                ),
                calls,
            ]),
            Ok,
            |reply| looks(reply) && reply.replay.is_some(),
        ),
    ]
}
