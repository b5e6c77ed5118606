//! An answer as it comes together: a list of blocks, whole or in pieces.

use serde_json::{Value, json};

use super::super::wire::fault::Fault;
use super::super::wire::http::Http;
use super::super::wire::json::Json;
use super::super::wire::receive::{Assembly, Step};
use super::super::wire::sse::Event;
use super::super::wire::text;
use super::super::wire::transcript::name_calls;
use super::super::{Error, Finish, OnText, Refusal, Reply, Request, ToolCall, Usage};

/// What has come so far.
pub struct Draft<'a> {
    http: &'a Http,
    on_text: OnText<'a>,
    blocks: Vec<Block>,
    stop: Option<String>,
    usage: Counts,
    begun: bool,
}

/// A block, and the text of its input where that came in pieces.
struct Block {
    value: Value,
    input: String,
}

/// The counts the endpoint told; the newest of each holds.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    fresh: Option<u64>,
    read: Option<u64>,
    written: Option<u64>,
    output: Option<u64>,
}

impl Counts {
    fn take(&mut self, usage: Option<&Value>) {
        let Some(usage) = usage else { return };
        let count = |name: &str, slot: &mut Option<u64>| *slot = usage.get(name).and_then(Value::as_u64).or(*slot);
        count("input_tokens", &mut self.fresh);
        count("cache_read_input_tokens", &mut self.read);
        count("cache_creation_input_tokens", &mut self.written);
        count("output_tokens", &mut self.output);
    }
}

impl<'a> Draft<'a> {
    /// The beginning of an answer.
    #[must_use]
    pub fn new(http: &'a Http, on_text: OnText<'a>) -> Self {
        Self { http, on_text, blocks: Vec::new(), stop: None, usage: Counts::default(), begun: false }
    }

    /// Takes an answer that came as one body.
    ///
    /// # Errors
    /// When it is none.
    pub fn take_body(&mut self, body: &[u8]) -> Result<(), Error> {
        let body = String::from_utf8_lossy(body);
        let value = Value::from(self.http.whole(&body)?);
        let Some(content) = value.get("content").and_then(Value::as_array) else {
            return Err(self.http.no_answer("it holds no content"));
        };
        self.begun = true;
        for block in content {
            if let Some(said) = block.get("text").and_then(Value::as_str) {
                (self.on_text)(said);
            }
            self.blocks.push(Block { value: block.clone(), input: String::new() });
        }
        self.stop = value.get("stop_reason").and_then(Value::as_str).map(str::to_owned);
        self.usage.take(value.get("usage"));
        Ok(())
    }

    fn text_of(&self, kind: &str, field: &str) -> Option<String> {
        let texts: Vec<&str> = self
            .blocks
            .iter()
            .filter(|block| block.value["type"] == kind)
            .filter_map(|block| block.value[field].as_str())
            .collect();
        Some(texts.concat()).filter(|text| !text.is_empty())
    }

    /// What the call used, as far as it is known.
    #[must_use]
    pub fn usage(&self, input: u64) -> Usage {
        let Counts { fresh, read, written, output } = self.usage;
        let cached_tokens = read.unwrap_or_default();
        let cache_write_tokens = written.unwrap_or_default();
        let told = fresh.unwrap_or_default() + cached_tokens + cache_write_tokens;
        let size = |block: &Block| text::tokens(&block.value.to_string()) + text::tokens(&block.input);
        let counted: u64 = self.blocks.iter().map(size).sum();
        // The first event counts a token or so; a stream that was cut told nothing after it.
        let whole = self.stop.is_some();
        let output_tokens = match output {
            Some(output) if output > 0 && whole => output,
            Some(output) => output.max(counted),
            None => counted,
        };
        Usage {
            input_tokens: if told == 0 { input.max(1) } else { told },
            output_tokens,
            cached_tokens,
            cache_write_tokens,
            cost: None,
            estimated: told == 0 || !whole || output.is_none_or(|output| output == 0),
        }
    }

    /// The answer, when it may be used.
    ///
    /// # Errors
    /// When the endpoint failed in it, or it broke off where nothing of it counts.
    pub fn finish(mut self, request: &Request, model: &str, input: u64) -> Result<Reply, Error> {
        let mut usage = self.usage(input);
        usage.output_tokens = usage.output_tokens.max(1);
        if !self.begun {
            return Err(self.http.no_answer("it holds no message").charged(usage));
        }
        let calls = self.blocks.iter().any(|block| block.value["type"] == "tool_use");
        let content = self.text_of("text", "text");
        let incomplete = |reason: &str| {
            let reason = format!("{reason}: its limit is {} tokens", request.max_tokens);
            Err(Error::Incomplete { reason, usage })
        };
        let who = self.http.who();
        let finish = match self.stop.as_deref().unwrap_or_default() {
            "max_tokens" if calls => return incomplete("it broke off within a call of a tool"),
            "max_tokens" if content.is_none() => return incomplete("it broke off before it said anything"),
            "max_tokens" => Finish::Length,
            "model_context_window_exceeded" => {
                let reason = format!("`{}` broke off where the model takes no more", who.provider);
                return Err(who.refusal(Refusal::Context, reason).charged(usage));
            }
            "refusal" => {
                let said = self.http.clean(content.as_deref().unwrap_or("nothing more"));
                let reason = format!("`{}` refuses to answer: {said}", who.provider);
                return Err(who.refusal(Refusal::Filtered, reason).charged(usage));
            }
            "pause_turn" => {
                let reason = format!("`{}` paused for a tool of its own, which it was not given", who.provider);
                return Err(Error::Incomplete { reason, usage });
            }
            "" if !calls && content.is_none() => {
                return Err(self.http.no_answer("it is empty and gives no reason for its end").charged(usage));
            }
            "" => Finish::Missing,
            _ if calls => Finish::ToolCalls,
            "end_turn" | "stop_sequence" | "tool_use" => Finish::Stop,
            other => Finish::Other(other.to_owned()),
        };
        let tool_calls = self.take_calls(request.messages.len());
        let reasoning = self.text_of("thinking", "thinking");
        let plain = |block: &Block| matches!(block.value["type"].as_str(), Some("text" | "tool_use"));
        let replay = (!self.blocks.iter().all(plain)).then(|| {
            let content: Vec<Value> = self.blocks.into_iter().map(|block| block.value).collect();
            json!({ "anthropic": { "model": model, "content": content } })
        });
        Ok(Reply { content, tool_calls, reasoning, replay, finish, usage })
    }

    /// The calls as the model wrote them; their blocks are made whole for when they are sent back.
    fn take_calls(&mut self, position: usize) -> Vec<ToolCall> {
        let mut blocks: Vec<&mut Block> =
            self.blocks.iter_mut().filter(|block| block.value["type"] == "tool_use").collect();
        let mut calls: Vec<ToolCall> = blocks
            .iter_mut()
            .map(|block| {
                let text = |name: &str| block.value[name].as_str().unwrap_or_default().to_owned();
                let (id, name) = (text("id"), text("name"));
                let arguments = if block.input.trim().is_empty() {
                    let input = &block.value["input"];
                    if input.is_null() { String::new() } else { input.to_string() }
                } else {
                    std::mem::take(&mut block.input)
                };
                block.value["input"] =
                    serde_json::from_str(&arguments).ok().filter(Value::is_object).unwrap_or_else(|| {
                        if arguments.is_empty() { json!({}) } else { json!({ "invalid_json": arguments }) }
                    });
                ToolCall { id, name, arguments }
            })
            .collect();
        name_calls(&mut calls, position);
        for (block, call) in blocks.iter_mut().zip(&calls) {
            block.value["id"] = json!(call.id);
        }
        calls
    }

    fn block(&mut self, value: &Value) -> Result<&mut Block, Error> {
        let index = value.get("index").and_then(Value::as_u64).and_then(|index| usize::try_from(index).ok());
        let http = self.http;
        index
            .and_then(|index| self.blocks.get_mut(index))
            .ok_or_else(|| http.no_answer("it continues a block that was never begun"))
    }

    fn take_delta(&mut self, value: &Value) -> Result<Step, Error> {
        let delta = &value["delta"];
        let (field, piece) = match delta["type"].as_str() {
            Some("text_delta") => ("text", &delta["text"]),
            Some("thinking_delta") => ("thinking", &delta["thinking"]),
            Some("signature_delta") => ("signature", &delta["signature"]),
            Some("input_json_delta") => ("input", &delta["partial_json"]),
            Some("citations_delta") => {
                let block = self.block(value)?;
                match &mut block.value["citations"] {
                    Value::Array(citations) => citations.push(delta["citation"].clone()),
                    other => *other = json!([delta["citation"]]),
                }
                return Ok(Step::Progress);
            }
            _ => return Ok(Step::Alive),
        };
        let piece = piece.as_str().unwrap_or_default();
        let block = self.block(value)?;
        if field == "input" {
            block.input.push_str(piece);
        } else if let Value::String(begun) = &mut block.value[field] {
            begun.push_str(piece);
        } else {
            block.value[field] = json!(piece);
        }
        if field == "text" {
            (self.on_text)(piece);
        }
        Ok(if piece.is_empty() { Step::Alive } else { Step::Progress })
    }
}

impl Assembly for Draft<'_> {
    fn take(&mut self, event: &Event) -> Result<Step, Error> {
        let data = event.data.trim();
        if data.is_empty() {
            return Ok(Step::Alive);
        }
        if data == "[DONE]" {
            return Ok(Step::Over);
        }
        let value: Json<'_> = serde_json::from_str(data)
            .map_err(|error| self.http.no_answer(&format!("an event is not JSON ({error})")))?;
        if let Some(fault) = Fault::inside(&value) {
            return Err(self.http.fault(fault));
        }
        let value = Value::from(value);
        match value["type"].as_str().unwrap_or(&event.name) {
            "message_start" => {
                self.begun = true;
                self.usage.take(value["message"].get("usage"));
                Ok(Step::Progress)
            }
            "content_block_start" => {
                let index = value["index"].as_u64().and_then(|index| usize::try_from(index).ok());
                if index != Some(self.blocks.len()) {
                    return Err(self.http.no_answer("its blocks come out of order"));
                }
                let block = value["content_block"].clone();
                if let Some(said) = block["text"].as_str().filter(|said| !said.is_empty()) {
                    (self.on_text)(said);
                }
                self.blocks.push(Block { value: block, input: String::new() });
                Ok(Step::Progress)
            }
            "content_block_delta" => self.take_delta(&value),
            "message_delta" => {
                self.usage.take(value.get("usage"));
                if let Some(stop) = value["delta"]["stop_reason"].as_str() {
                    self.stop = Some(stop.to_owned());
                    return Ok(Step::Whole);
                }
                Ok(Step::Progress)
            }
            "message_stop" => Ok(Step::Over),
            // Signs of life, ends of blocks, and what is yet to be invented.
            _ => Ok(Step::Alive),
        }
    }
}
