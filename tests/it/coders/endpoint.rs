//! What the model of a stand-in does.

use serde_json::json;

use super::super::support::model::{Answer, Model, data};

/// What an endpoint does.
#[derive(Clone, Copy)]
pub enum Endpoint {
    Good,
    Status(u16),
    Cut,
    WrongKey,
    /// Not even the head of an answer comes.
    Silent,
    /// It calls a tool first, by its name and with those arguments, and then is good.
    Calls(&'static str, &'static str),
}

impl Endpoint {
    pub fn model(self) -> Model {
        Model::new(move |asked, number| match self {
            Self::Calls(name, arguments) if number == 0 => call(&asked.path, name, arguments),
            Self::Good | Self::WrongKey | Self::Calls(..) => good(&asked.path),
            Self::Status(status) => Answer::Json(status, json!({"error": {"message": "no"}})),
            Self::Cut => Answer::Cut(vec![data(&json!({"choices": [{"delta": {"content": "and"}}]}))]),
            Self::Silent => Answer::Silence,
        })
    }
}

/// An answer in words.
pub fn good(path: &str) -> Answer {
    let usage = json!({"input_tokens": 30, "output_tokens": 10});
    Answer::Events(match path {
        "/v1/messages" => vec![
            data(&json!({"type": "message_start", "message": {"usage": usage}})),
            data(&json!({"type": "message_delta", "usage": {"output_tokens": 10}})),
            data(&json!({"type": "message_stop"})),
        ],
        "/v1/responses" => vec![data(&json!({"type": "response.completed", "response": {"usage": usage}}))],
        _ => vec![
            data(&json!({"choices": [{"delta": {"content": "and"}, "finish_reason": "length"}],
                "usage": {"prompt_tokens": 30, "completion_tokens": 10}})),
            "data: [DONE]\n\n".to_owned(),
        ],
    })
}

/// An answer that calls a tool.
fn call(path: &str, name: &str, arguments: &str) -> Answer {
    let usage = json!({"input_tokens": 30, "output_tokens": 10});
    let events = match path {
        "/v1/messages" => vec![
            json!({"type": "message_start", "message": {"usage": usage}}),
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "c1", "name": name}}),
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": arguments}}),
            json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 10}}),
            json!({"type": "message_stop"}),
        ],
        "/v1/responses" => vec![
            json!({"type": "response.output_item.done", "output_index": 0,
                "item": {"type": "function_call", "id": "f1", "call_id": "c1", "name": name, "arguments": arguments}}),
            json!({"type": "response.completed", "response": {"usage": usage}}),
        ],
        _ => vec![
            json!({"choices": [{"index": 0, "finish_reason": null, "delta": {"tool_calls": [{"index": 0, "id": "c1",
                "type": "function", "function": {"name": name, "arguments": arguments}}]}}]}),
            json!({"choices": [{"index": 0, "finish_reason": "tool_calls", "delta": {}}],
                "usage": {"prompt_tokens": 30, "completion_tokens": 10}}),
        ],
    };
    Answer::Events(events.iter().map(data).collect())
}
