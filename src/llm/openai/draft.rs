//! An answer as it comes together. Whole answers and streams go through the same few doors, so that what holds for
//! one holds for the other: a failure inside it fails it, and a call that met the limit of tokens is never handed on.

use serde_json::{Value, json};

use super::super::wire::fault::Fault;
use super::super::wire::http::Http;
use super::super::wire::json::{Json, member};
use super::super::wire::receive::{Assembly, Step};
use super::super::wire::sse::Event;
use super::super::wire::text;
use super::super::wire::transcript::name_calls;
use super::super::{Error, Finish, OnText, Refusal, Reply, Request, Usage};
use super::calls::Calls;
use super::usage;

/// What has come so far.
pub struct Draft<'a> {
    http: &'a Http,
    on_text: OnText<'a>,
    content: String,
    refused: String,
    reasoning: String,
    reasoning_content: String,
    details: Vec<Value>,
    calls: Calls,
    finish: String,
    usage: Option<Usage>,
    choices: bool,
}

impl<'a> Draft<'a> {
    /// The beginning of an answer.
    #[must_use]
    pub fn new(http: &'a Http, on_text: OnText<'a>) -> Self {
        Self {
            http,
            on_text,
            content: String::new(),
            refused: String::new(),
            reasoning: String::new(),
            reasoning_content: String::new(),
            details: Vec::new(),
            calls: Calls::default(),
            finish: String::new(),
            usage: None,
            choices: false,
        }
    }

    /// Takes an answer that came as one body.
    ///
    /// # Errors
    /// When it is none.
    pub fn take_body(&mut self, body: &[u8]) -> Result<(), Error> {
        let body = String::from_utf8_lossy(body);
        let value = self.http.whole(&body)?;
        self.take_usage(&value);
        let choices = member(&value, "choices").and_then(Json::as_array);
        let Some(choice) = choices.and_then(|choices| choices.first()) else {
            return Err(self.http.no_answer("it holds no choices"));
        };
        self.take_choice(choice)?;
        let message = member(choice, "message").filter(|message| message.is_object());
        let Some(message) = message else {
            return Err(self.http.no_answer("its choice holds no message"));
        };
        self.take_text(message);
        match member(message, "tool_calls") {
            None | Some(Json::Null) => {}
            Some(Json::Array(calls)) => calls.iter().for_each(|call| self.calls.take_whole(call)),
            Some(_) => return Err(self.http.no_answer("its tool calls are no list")),
        }
        if let Some(call) = member(message, "function_call").filter(|call| call.is_object() && self.calls.is_empty()) {
            self.calls.take_whole(&Json::Object(vec![("function", call.clone())].into()));
        }
        Ok(())
    }

    fn take_usage(&mut self, value: &Json<'_>) {
        if let Some(told) = member(value, "usage").and_then(usage::told) {
            self.usage = Some(told);
        }
    }

    fn take_choice(&mut self, choice: &Json<'_>) -> Result<(), Error> {
        self.choices = true;
        if let Some(fault) = Fault::inside(choice) {
            return Err(self.http.fault(fault));
        }
        if let Some(reason) = member(choice, "finish_reason").and_then(Json::as_str).filter(|reason| !reason.is_empty())
        {
            reason.clone_into(&mut self.finish);
        }
        Ok(())
    }

    /// Takes what is said in a message or a piece of one; whether anything is.
    fn take_text(&mut self, message: &Json<'_>) -> bool {
        let mut said = false;
        let (spoken, mut thought) = parts(member(message, "content"));
        if !spoken.is_empty() {
            (self.on_text)(&spoken);
            self.content.push_str(&spoken);
            said = true;
        }
        if let Some(refusal) = member(message, "refusal").and_then(Json::as_str) {
            self.refused.push_str(refusal);
            said |= !refusal.is_empty();
        }
        if let Some(reasoning) = member(message, "reasoning_content").and_then(Json::as_str) {
            self.reasoning_content.push_str(reasoning);
            thought.push_str(reasoning);
        } else if let Some(reasoning) = member(message, "reasoning").and_then(Json::as_str) {
            thought.push_str(reasoning);
        }
        for detail in member(message, "reasoning_details").and_then(Json::as_array).into_iter().flatten() {
            said = true;
            self.take_detail(detail.into());
        }
        said |= !thought.is_empty();
        self.reasoning.push_str(&thought);
        said
    }

    /// Thoughts that are sent back: pieces of the same one are put together again.
    fn take_detail(&mut self, detail: Value) {
        let same = |last: &Value| {
            let equal = |name: &str| last.get(name) == detail.get(name);
            detail.get("index").is_some() && equal("index") && equal("type")
        };
        let Some(last) = self.details.last_mut().filter(|last| same(last)).and_then(Value::as_object_mut) else {
            self.details.push(detail);
            return;
        };
        let Value::Object(detail) = detail else { return };
        for (name, value) in detail {
            match (name.as_str(), last.get_mut(&name), &value) {
                ("text" | "summary" | "data", Some(Value::String(begun)), Value::String(more)) => begun.push_str(more),
                (_, _, Value::Null) => {}
                _ => {
                    last.insert(name, value);
                }
            }
        }
    }

    /// What the call used, as far as it is known.
    #[must_use]
    pub fn usage(&self, input: u64) -> Usage {
        let texts = [&self.content, &self.refused, &self.reasoning];
        let said: u64 = texts.into_iter().filter(|text| !text.is_empty()).map(|said| text::tokens(said)).sum();
        usage::complete(self.usage, input, said + self.calls.tokens())
    }

    /// The answer, when it may be used.
    ///
    /// # Errors
    /// When the endpoint failed in it, or it broke off where nothing of it counts.
    pub fn finish(self, request: &Request, model: &str, input: u64) -> Result<Reply, Error> {
        let reported = self.usage.map_or(0, |usage| usage.output_tokens);
        let mut usage = self.usage(input);
        if usage.output_tokens == 0 {
            usage.output_tokens = 1;
            usage.estimated = true;
        }
        let nothing = self.content.is_empty() && self.calls.is_empty();
        let fail = |error: Error| Err(error.charged(usage));
        let incomplete = |reason: &str| {
            let reason = format!("{reason}: its limit is {} tokens", request.max_tokens);
            Err(Error::Incomplete { reason, usage })
        };
        if !self.choices {
            return fail(self.http.no_answer("it holds no choices"));
        }
        let Some(mut finish) = finish_of(&self.finish) else {
            return fail(self.http.no_answer(&format!("it ended with `{}`", self.finish)));
        };
        match finish {
            Finish::Length if !self.calls.is_empty() => return incomplete("it broke off within a call of a tool"),
            Finish::Length if nothing => return incomplete("it broke off before it said anything"),
            Finish::Filtered if !self.calls.is_empty() => {
                return incomplete("the filter broke it off within a call of a tool");
            }
            Finish::Filtered if nothing && self.refused.is_empty() => {
                let reason = format!("`{}` gave nothing but `{}`", self.http.who().provider, self.finish);
                return fail(self.http.who().refusal(Refusal::Filtered, reason));
            }
            Finish::Missing if nothing && self.refused.is_empty() => {
                return fail(self.http.no_answer("it is empty and gives no reason for its end"));
            }
            _ => {}
        }
        // Some servers say `tool_calls` where the limit broke the call off.
        if !self.calls.is_empty() && reported >= u64::from(request.max_tokens) {
            return incomplete("it broke off within a call of a tool");
        }
        if !self.calls.is_empty() && finish != Finish::Missing {
            finish = Finish::ToolCalls;
        }
        let (mut tool_calls, extras) = self.calls.finish();
        name_calls(&mut tool_calls, request.messages.len());
        let content = if self.content.is_empty() && !self.refused.is_empty() {
            finish = Finish::Filtered;
            Some(self.refused)
        } else {
            Some(self.content).filter(|content| !content.is_empty())
        };
        let mut replay = json!({});
        if !self.details.is_empty() {
            replay["reasoning_details"] = Value::Array(self.details);
        }
        if !tool_calls.is_empty() && !self.reasoning_content.is_empty() {
            replay["reasoning_content"] = json!(self.reasoning_content);
        }
        if extras.iter().any(|extra| !extra.is_null()) {
            replay["extra_content"] = Value::Array(extras);
        }
        let replay = (replay != json!({})).then(|| {
            replay["model"] = json!(model);
            json!({ "openai": replay })
        });
        let reasoning = Some(self.reasoning).filter(|reasoning| !reasoning.is_empty());
        Ok(Reply { content, tool_calls, reasoning, replay, finish, usage })
    }
}

impl Assembly for Draft<'_> {
    fn take(&mut self, event: &Event) -> Result<Step, Error> {
        let data = event.data.trim();
        if data == "[DONE]" {
            return Ok(Step::Over);
        }
        if data.is_empty() {
            return Ok(Step::Alive);
        }
        let value: Json<'_> = serde_json::from_str(data)
            .map_err(|error| self.http.no_answer(&format!("an event is not JSON ({error})")))?;
        self.take_usage(&value);
        let failed = || {
            (event.name == "error")
                .then(|| Fault::inside(&Json::Object(vec![("error", value.clone())].into())))
                .flatten()
        };
        if let Some(fault) = Fault::inside(&value).or_else(failed) {
            return Err(self.http.fault(fault));
        }
        let mut step = Step::Alive;
        let choices = member(&value, "choices").and_then(Json::as_array);
        let first = |choice: &&Json<'_>| member(choice, "index").and_then(Json::as_u64).unwrap_or(0) == 0;
        for choice in choices.into_iter().flatten().filter(first) {
            self.take_choice(choice)?;
            let Some(delta) = member(choice, "delta").or_else(|| member(choice, "message")) else { continue };
            let mut said = self.take_text(delta);
            match member(delta, "tool_calls") {
                None | Some(Json::Null) => {}
                Some(Json::Array(calls)) => {
                    for call in calls {
                        said |= self.calls.take_piece(call);
                    }
                }
                Some(_) => return Err(self.http.no_answer("its tool calls are no list")),
            }
            if let Some(call) = member(delta, "function_call").filter(|call| call.is_object()) {
                said |= self
                    .calls
                    .take_piece(&Json::Object(vec![("index", 0_u64.into()), ("function", call.clone())].into()));
            }
            if said {
                step = Step::Progress;
            }
        }
        Ok(if self.finish.is_empty() { step } else { Step::Whole })
    }
}

/// The text of a content, which may be a list of parts, and the thoughts in it.
fn parts(content: Option<&Json<'_>>) -> (String, String) {
    let mut said = String::new();
    let mut thought = String::new();
    match content {
        Some(Json::Str(text)) => said.push_str(text),
        Some(Json::Array(list)) => {
            for part in list {
                if let Some(text) = part.as_str().or_else(|| member(part, "text").and_then(Json::as_str)) {
                    said.push_str(text);
                } else if let Some(thinking) = member(part, "thinking") {
                    let (text, _) = parts(Some(thinking));
                    thought.push_str(&text);
                }
            }
        }
        _ => {}
    }
    (said, thought)
}

/// The reason for an end, by every name in use; none when the end is a failure.
fn finish_of(reason: &str) -> Option<Finish> {
    Some(match reason.to_ascii_lowercase().as_str() {
        "" => Finish::Missing,
        "stop" | "eos" | "eos_token" | "end_turn" | "stop_sequence" | "complete" | "completed" | "end" => Finish::Stop,
        "tool_calls" | "tool_call" | "tool_use" | "function_call" => Finish::ToolCalls,
        "length" | "max_tokens" | "max_output_tokens" | "model_length" | "max_length" => Finish::Length,
        "content_filter" | "safety" | "recitation" | "prohibited_content" | "blocklist" => Finish::Filtered,
        "error" | "malformed_function_call" | "network_error" | "abort" | "insufficient_system_resource" => {
            return None;
        }
        _ => Finish::Other(reason.to_owned()),
    })
}
