//! Reading what an answer used while it passes.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::money::Usd;

/// The longest event, and the longest answer that is no stream, that are read; longer ones pass and are estimated.
const READ: usize = 16 << 20;

/// Tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Of the request, cached ones included.
    pub input: u64,
    /// Of these, read from the provider's cache.
    pub cached: u64,
    /// Of these, written to the provider's cache.
    pub cache_write: u64,
    /// Of the answer.
    pub output: u64,
    /// Some of it is not the provider's word.
    pub estimated: bool,
}

impl Usage {
    /// All of them.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.input + self.output
    }

    pub(super) fn add(&mut self, other: Self) {
        self.input += other.input;
        self.cached += other.cached;
        self.cache_write += other.cache_write;
        self.output += other.output;
        self.estimated |= other.estimated;
    }
}

/// Tokens of a text of so many bytes, never none.
pub(super) fn estimate(bytes: u64) -> u64 {
    bytes.div_ceil(4).max(1)
}

/// What an answer is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Chat,
    Responses,
    Messages,
    /// Nothing is used by it.
    Free,
}

/// How an answer comes, whatever was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Nothing but blanks came yet: some send them for as long as they think.
    Unknown,
    Events,
    Whole,
}

/// What an answer came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Total {
    pub(super) usage: Usage,
    /// What the endpoint itself says it costs.
    pub(super) cost: Option<Usd>,
    /// It came to its end, and says of no failure.
    pub(super) whole: bool,
}

/// Reads an answer as it passes.
pub(super) struct Reader {
    shape: Shape,
    form: Form,
    pending: Vec<u8>,
    too_long: bool,
    input: Option<u64>,
    cached: u64,
    cache_write: u64,
    output: Option<u64>,
    cost: Option<Usd>,
    /// Bytes of text in what came, for an estimate.
    text: u64,
    said: Said,
}

/// What an answer said of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Nothing,
    Complete,
    Failed,
}

impl Reader {
    pub(super) fn new(shape: Shape) -> Self {
        Self {
            shape,
            form: Form::Unknown,
            pending: Vec::new(),
            too_long: false,
            input: None,
            cached: 0,
            cache_write: 0,
            output: None,
            cost: None,
            text: 0,
            said: Said::Nothing,
        }
    }

    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        if self.form == Form::Unknown {
            bytes = bytes.trim_ascii_start();
            let Some(first) = bytes.first() else { return };
            self.form = if *first == b'{' { Form::Whole } else { Form::Events };
        }
        let events = self.form == Form::Events;
        for part in bytes.split_inclusive(|byte| events && *byte == b'\n') {
            if self.pending.len() + part.len() > READ {
                self.too_long = true;
                self.pending.clear();
            } else if !self.too_long {
                self.pending.extend_from_slice(part);
            }
            if events && part.ends_with(b"\n") {
                self.line();
            }
        }
    }

    /// A failure that was told stays one.
    fn complete(&mut self) {
        if self.said == Said::Nothing {
            self.said = Said::Complete;
        }
    }

    fn line(&mut self) {
        let line = std::mem::take(&mut self.pending);
        if std::mem::take(&mut self.too_long) {
            return;
        }
        let Some(data) = line.strip_prefix(b"data:") else { return };
        let data = data.trim_ascii();
        if data == b"[DONE]" {
            self.complete();
        } else if let Ok(event) = serde_json::from_slice::<Value>(data) {
            self.event(&event);
        }
    }

    /// The end of the answer: what it came to. `input` is the estimate of the request.
    pub(super) fn finish(&mut self, input: u64) -> Total {
        if self.form != Form::Whole {
            self.line();
        } else if let Ok(answer) = serde_json::from_slice::<Value>(&self.pending) {
            self.complete();
            self.answer(&answer);
        } else {
            self.text += self.pending.len() as u64;
        }
        if self.shape == Shape::Free {
            return Total { usage: Usage::default(), cost: None, whole: true };
        }
        let estimated = self.input.is_none() || self.output.is_none();
        let output = self.output.unwrap_or_else(|| estimate(self.text));
        let usage = Usage {
            input: self.input.unwrap_or(input),
            cached: self.cached,
            cache_write: self.cache_write,
            output,
            estimated,
        };
        Total { usage, cost: self.cost, whole: self.said == Said::Complete }
    }

    fn event(&mut self, event: &Value) {
        match self.shape {
            Shape::Free => {}
            Shape::Chat => {
                self.chat_usage(&event["usage"]);
                for choice in event["choices"].as_array().into_iter().flatten() {
                    self.text_of(&choice["delta"]);
                    if choice["finish_reason"].is_string() {
                        self.complete();
                    }
                }
                if event["error"].is_object() {
                    self.said = Said::Failed;
                }
            }
            Shape::Responses => match event["type"].as_str().unwrap_or_default() {
                "response.completed" | "response.incomplete" => {
                    self.complete();
                    self.input_output(&event["response"]["usage"], false);
                }
                "response.failed" | "error" => {
                    self.said = Said::Failed;
                    self.input_output(&event["response"]["usage"], false);
                }
                kind if kind.rsplit('.').next() == Some("delta") => self.text += length(&event["delta"]),
                _ => {}
            },
            Shape::Messages => match event["type"].as_str().unwrap_or_default() {
                "message_start" => {
                    let usage = &event["message"]["usage"];
                    self.input_output(usage, true);
                    // The number at the beginning is not the one at the end.
                    self.output = None;
                }
                "message_delta" => {
                    self.output = event["usage"]["output_tokens"].as_u64().or(self.output);
                    if event["usage"]["input_tokens"].is_u64() {
                        self.input_output(&event["usage"], true);
                    }
                }
                "content_block_delta" => {
                    for name in ["text", "partial_json", "thinking"] {
                        self.text += length(&event["delta"][name]);
                    }
                }
                "message_stop" => self.complete(),
                "error" => self.said = Said::Failed,
                _ => {}
            },
        }
    }

    fn answer(&mut self, answer: &Value) {
        match self.shape {
            Shape::Free => {}
            Shape::Chat => {
                self.chat_usage(&answer["usage"]);
                for choice in answer["choices"].as_array().into_iter().flatten() {
                    self.text_of(&choice["message"]);
                }
            }
            Shape::Responses => {
                self.input_output(&answer["usage"], false);
                self.text += length_of_all(&answer["output"]);
            }
            Shape::Messages => {
                self.input_output(&answer["usage"], true);
                self.text += length_of_all(&answer["content"]);
            }
        }
        if answer["error"].is_object() {
            self.said = Said::Failed;
        }
    }

    fn chat_usage(&mut self, usage: &Value) {
        if usage.is_object() {
            self.cost_of(usage);
            self.input = usage["prompt_tokens"].as_u64().or(self.input);
            self.output = usage["completion_tokens"].as_u64().or(self.output);
            self.cached = usage["prompt_tokens_details"]["cached_tokens"].as_u64().unwrap_or(self.cached);
        }
    }

    fn cost_of(&mut self, usage: &Value) {
        self.cost = usage["cost"].as_f64().and_then(Usd::from_dollars).or(self.cost);
    }

    /// Anthropic counts what the cache holds apart, OpenAI counts it in.
    fn input_output(&mut self, usage: &Value, apart: bool) {
        self.cost_of(usage);
        let Some(input) = usage["input_tokens"].as_u64() else { return };
        self.output = usage["output_tokens"].as_u64();
        if apart {
            self.cached = usage["cache_read_input_tokens"].as_u64().unwrap_or(self.cached);
            self.cache_write = usage["cache_creation_input_tokens"].as_u64().unwrap_or(self.cache_write);
            self.input = Some(input + self.cached + self.cache_write);
        } else {
            self.cached = usage["input_tokens_details"]["cached_tokens"].as_u64().unwrap_or(0);
            self.input = Some(input);
        }
    }

    fn text_of(&mut self, message: &Value) {
        for name in ["content", "reasoning_content", "reasoning"] {
            self.text += length(&message[name]);
        }
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            self.text += length(&call["function"]["arguments"]) + length(&call["function"]["name"]);
        }
    }
}

fn length(value: &Value) -> u64 {
    value.as_str().map_or(0, |text| text.len() as u64)
}

fn length_of_all(value: &Value) -> u64 {
    match value {
        Value::String(text) => text.len() as u64,
        Value::Array(parts) => parts.iter().map(length_of_all).sum(),
        Value::Object(fields) => fields.values().map(length_of_all).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(shape: Shape, text: &str) -> Total {
        let mut reader = Reader::new(shape);
        // As a network cuts it.
        for part in text.as_bytes().chunks(7) {
            reader.push(part);
        }
        reader.finish(50)
    }

    fn read(shape: Shape, text: &str) -> (Usage, bool) {
        let Total { usage, whole, .. } = total(shape, text);
        (usage, whole)
    }

    #[test]
    fn the_usage_of_each_wire_is_read_from_its_stream() {
        let chat = "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}\n\n\
                    data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":3,\
                    \"prompt_tokens_details\":{\"cached_tokens\":4}}}\n\ndata: [DONE]\n\n";
        let usage = Usage { input: 9, cached: 4, output: 3, ..Usage::default() };
        assert_eq!(read(Shape::Chat, chat), (usage, true));
        let responses = "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"usage\":\
                         {\"input_tokens\":9,\"output_tokens\":3,\"input_tokens_details\":{\"cached_tokens\":4}}}}\n\n";
        assert_eq!(read(Shape::Responses, responses), (usage, true));
        let messages = "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":5,\
                        \"cache_read_input_tokens\":4,\"cache_creation_input_tokens\":2,\"output_tokens\":1}}}\r\n\r\n\
                        data: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":3}}\r\n\r\n\
                        data: {\"type\":\"message_stop\"}\r\n\r\n";
        let usage = Usage { input: 11, cached: 4, cache_write: 2, output: 3, estimated: false };
        assert_eq!(read(Shape::Messages, messages), (usage, true));
    }

    #[test]
    fn what_gives_no_usage_is_estimated_and_what_breaks_off_is_not_whole() {
        let cut = "data: {\"choices\":[{\"delta\":{\"content\":\"twelve bytes\"}}]}\n\ndata: {\"choi";
        let usage = Usage { input: 50, output: 3, estimated: true, ..Usage::default() };
        assert_eq!(read(Shape::Chat, cut), (usage, false));
        // The first number of an answer that breaks off is not what it wrote.
        let cut = "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":5,\"output_tokens\":1}}}\n\n\
                   data: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"twelve bytes\"}}\n\n";
        let usage = Usage { input: 5, output: 3, estimated: true, ..Usage::default() };
        assert_eq!(read(Shape::Messages, cut), (usage, false));
        let (usage, whole) = read(Shape::Chat, "{\"choices\":[]}");
        assert!(usage.estimated && usage.output == 1 && whole);
        assert!(!read(Shape::Chat, "<html>").1);
        let error = "data: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n";
        assert!(!read(Shape::Messages, error).1);
    }

    #[test]
    fn an_answer_is_read_as_what_it_is_whatever_was_asked_for() {
        let whole = "  \n \r\n        {\"choices\":[{\"message\":{\"content\":\"hi\"}}],\n \"usage\":{\"prompt_tokens\":9,\
                     \"completion_tokens\":3}}\n";
        let usage = Usage { input: 9, output: 3, ..Usage::default() };
        assert_eq!(read(Shape::Chat, whole), (usage, true));
        let events = "\n: thinking\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":3}}\n\n\
                      data: [DONE]\n\n";
        assert_eq!(read(Shape::Chat, events), (usage, true));
        assert!(!read(Shape::Chat, " \n ").1);
    }

    #[test]
    fn what_an_endpoint_says_an_answer_costs_is_read() {
        let told = |text: &str| total(Shape::Chat, text).cost.map(Usd::billionths);
        let whole = "{\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":3,\"cost\":0.00125}}";
        assert_eq!(told(whole), Some(1_250_000));
        assert_eq!(told(&format!("data: {whole}\n\ndata: [DONE]\n\n")), Some(1_250_000));
        assert_eq!(told(&whole.replace("0.00125", "null")), None);
    }
}
