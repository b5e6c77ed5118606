//! From what a provider says to who acts next.

use super::super::super::{Error, Refusal, Trouble, Usage};
use super::super::wait;
use super::Fault;

/// Whose failure it is, for texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// The provider.
    pub provider: String,
    /// The variable its key comes from.
    pub key_env: Option<String>,
}

/// Who acts next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// It may pass.
    Trouble(Trouble),
    /// It will not.
    Refusal(Refusal),
}

impl Fault {
    /// The parameter the endpoint does not take, if that is what it says.
    #[must_use]
    pub fn unsupported<'a>(&self, parameters: &[&'a str]) -> Option<&'a str> {
        if !matches!(self.status, 400 | 422) {
            return None;
        }
        let codes = ["unsupported_parameter", "unsupported_value", "unknown_parameter", "extra_forbidden"];
        let words = [
            "unsupported",
            "not support",
            "unrecognized",
            "unknown",
            "unexpected",
            "extra inputs",
            "not permitted",
            "deprecated",
            "extra fields",
            "missing",
        ];
        let said = self.message.to_lowercase();
        let named = codes.iter().any(|code| self.code == *code || self.kind == *code);
        if !named && !words.iter().any(|word| said.contains(word)) {
            return None;
        }
        let exact = parameters.iter().find(|parameter| self.param == **parameter);
        // Longer names first: `max_tokens` is no part of `max_completion_tokens`, but the message may name both, the
        // wrong one first.
        let earliest = || {
            let places = parameters.iter().filter_map(|parameter| Some((place_of(&said, parameter)?, parameter)));
            places.min().map(|(_, parameter)| parameter)
        };
        exact.or_else(earliest).copied()
    }

    /// Who acts next.
    #[must_use]
    #[expect(clippy::match_same_arms, reason = "one line for each group of statuses, in their order")]
    pub fn class(&self) -> Class {
        let code = |names: &[&str]| names.iter().any(|name| self.code == *name || self.kind == *name);
        let said = self.message.to_lowercase();
        let says = |parts: &[&str]| parts.iter().any(|part| said.contains(part));
        let refusal = Class::Refusal;
        if code(&[
            "insufficient_quota",
            "billing_hard_limit_reached",
            "billing_not_active",
            "billing_error",
            "insufficient_credits",
        ]) {
            return refusal(Refusal::Money);
        }
        if code(&["content_filter", "content_policy_violation", "moderation_error"])
            || says(&["content management policy"])
        {
            return refusal(Refusal::Filtered);
        }
        if code(&[
            "context_length_exceeded",
            "exceed_context_size_error",
            "request_too_large",
            "string_above_max_length",
        ]) || self.status == 413
            || (self.may_be_too_long() && says(TOO_LONG))
            || (self.status == 429 && says(&["request too large"]))
        {
            return refusal(Refusal::Context);
        }
        if self.after.is_some() && matches!(self.status, 401..=403) {
            return Class::Trouble(Trouble::RateLimited);
        }
        let no_money = says(&[
            "credit balance",
            "insufficient balance",
            "insufficient credits",
            "insufficient funds",
            "usage limits",
        ]);
        match self.status {
            _ if self.status < 400 || self.status == 405 => refusal(Refusal::Endpoint),
            401 => refusal(Refusal::Key),
            402 => refusal(Refusal::Money),
            403 if self.page => refusal(Refusal::Endpoint),
            403 if no_money => refusal(Refusal::Money),
            403 => refusal(Refusal::Key),
            404 | 410 if self.page => refusal(Refusal::Endpoint),
            404 | 410 if code(&["model_not_found"]) || says(&["model", "no endpoints found"]) => {
                refusal(Refusal::Model)
            }
            404 | 410 => refusal(Refusal::Endpoint),
            408 => Class::Trouble(Trouble::Timeout),
            409 | 425 | 499 => Class::Trouble(Trouble::Upstream),
            429 if says(&["exceeded your current quota"])
                && self.after.is_none()
                && self.code != "RESOURCE_EXHAUSTED" =>
            {
                refusal(Refusal::Money)
            }
            429 => Class::Trouble(Trouble::RateLimited),
            498 | 503 | 529 => Class::Trouble(Trouble::Overloaded),
            504 | 524 => Class::Trouble(Trouble::Timeout),
            500.. if code(&["overloaded_error", "server_overloaded"]) => Class::Trouble(Trouble::Overloaded),
            501 | 505 => refusal(Refusal::Endpoint),
            500.. => Class::Trouble(Trouble::Upstream),
            _ if no_money => refusal(Refusal::Money),
            _ if code(&["invalid_api_key", "authentication_error"])
                || says(&["api key not valid", "invalid api key"]) =>
            {
                refusal(Refusal::Key)
            }
            _ if code(&["model_not_found"]) || (said.contains("model") && says(NO_MODEL)) => refusal(Refusal::Model),
            _ => refusal(Refusal::Request),
        }
    }

    fn may_be_too_long(&self) -> bool {
        matches!(self.status, 400 | 422 | 500..)
    }

    /// The error whoever asked gets.
    #[must_use]
    pub fn error(&self, who: &Who) -> Error {
        let said = if self.message.is_empty() { "nothing more" } else { &self.message };
        let reason = format!("`{}` answered {}: {said}", who.provider, self.status);
        match self.class() {
            Class::Trouble(trouble) => {
                let after = self.after.or_else(|| wait::of_sentence(&self.message));
                Error::Retry { trouble, after, reason, usage: Usage::default() }
            }
            Class::Refusal(Refusal::Request) if self.message.to_lowercase().contains("not support tools") => {
                let hint = Some("choose a model that can call tools".to_owned());
                Error::Permanent { refusal: Refusal::Request, reason, hint, usage: Usage::default() }
            }
            Class::Refusal(refusal) => who.refusal(refusal, reason),
        }
    }
}

/// How endpoints say that a conversation is too long, where they have no code for it: vLLM, Ollama, llama.cpp,
/// Anthropic, Bedrock, Gemini, xAI, Mistral, LiteLLM.
const TOO_LONG: &[&str] = &[
    "context length",
    "context window",
    "contextwindowexceeded",
    "prompt is too long",
    "prompt too long",
    "input is too long",
    "too many input tokens",
    "exceeds the maximum number of tokens",
    "exceed context limit",
    "exceeds the available context",
    "maximum prompt length",
    "maximum model length",
    "reduce the length of the messages",
    "too large for model with",
];

/// How endpoints say with status 400 that there is no such model.
const NO_MODEL: &[&str] =
    &["not found", "not exist", "no such", "not a valid model", "invalid model", "unknown model", "is not available"];

impl Who {
    /// A refusal, with what to do about it.
    #[must_use]
    pub fn refusal(&self, refusal: Refusal, reason: String) -> Error {
        let provider = &self.provider;
        let hint = match refusal {
            Refusal::Key => Some(match &self.key_env {
                Some(variable) => format!("set `{variable}` to a key that `{provider}` takes"),
                None => format!("give provider `{provider}` a key"),
            }),
            Refusal::Money => Some(format!("add money to the account at `{provider}`, or choose another provider")),
            Refusal::Model => Some(format!("name a model that `{provider}` has, for the agent or for the provider")),
            Refusal::Context => Some("give the agent a model that takes longer conversations".to_owned()),
            Refusal::Endpoint => Some(format!("check the url of provider `{provider}`")),
            Refusal::Filtered => Some("word it differently, or choose another model".to_owned()),
            Refusal::Request | Refusal::Secret | Refusal::Unrecorded => None,
        };
        Error::Permanent { refusal, reason, hint, usage: Usage::default() }
    }
}

/// Where a parameter is named in a text, as a word of its own.
fn place_of(said: &str, parameter: &str) -> Option<usize> {
    let part = |character: char| character.is_ascii_alphanumeric() || character == '_';
    said.match_indices(parameter)
        .map(|(at, _)| at)
        .find(|&at| !said[..at].ends_with(part) && !said[at + parameter.len()..].starts_with(part))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_way_to_say_that_a_conversation_is_too_long_is_known() {
        for (status, body) in [
            (400, r#"{"error":{"message":"too long","code":"context_length_exceeded"}}"#),
            (
                400,
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 210000 tokens > 200000 maximum"}}"#,
            ),
            (
                413,
                r#"{"type":"error","error":{"type":"request_too_large","message":"Request exceeds the maximum size"}}"#,
            ),
            (
                400,
                r#"{"object":"error","message":"This model's maximum context length is 8192 tokens. However, you requested 9000 tokens","type":"BadRequestError","code":400}"#,
            ),
            (400, r#"{"error":{"message":"This endpoint's maximum context length is 4096 tokens.","code":400}}"#),
            (400, r#"{"error":"the input length exceeds the context length"}"#),
            (
                400,
                r#"{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error"}}"#,
            ),
            (
                400,
                r#"[{"error":{"code":400,"message":"The input token count (1100000) exceeds the maximum number of tokens allowed (1048576).","status":"INVALID_ARGUMENT"}}]"#,
            ),
            (
                429,
                r#"{"error":{"message":"Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 50000.","code":"rate_limit_exceeded"}}"#,
            ),
            (500, r#"{"error":{"message":"litellm.ContextWindowExceededError: ..."}}"#),
        ] {
            assert_eq!(Fault::read(status, None, body).class(), Class::Refusal(Refusal::Context), "{body}");
        }
        let canceled = Fault::read(500, None, r#"{"error":"context canceled"}"#);
        assert_eq!(canceled.class(), Class::Trouble(Trouble::Upstream));
    }

    #[test]
    fn quota_money_and_rate_are_told_apart() {
        let class = |status, after, body| Fault::read(status, after, body).class();
        let quota = r#"{"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}}"#;
        assert_eq!(class(429, None, quota), Class::Refusal(Refusal::Money));
        let gemini = r#"[{"error":{"code":429,"message":"You exceeded your current quota","status":"RESOURCE_EXHAUSTED","details":[{"@type":"x/google.rpc.RetryInfo","retryDelay":"35s"}]}}]"#;
        let fault = Fault::read(429, None, gemini);
        assert_eq!((fault.class(), fault.after), (Class::Trouble(Trouble::RateLimited), Some(Duration::from_secs(35))));
        let low = r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the API"}}"#;
        assert_eq!(class(400, None, low), Class::Refusal(Refusal::Money));
        let wait = Some(Duration::from_secs(3));
        assert_eq!(class(402, None, "{}"), Class::Refusal(Refusal::Money));
        assert_eq!(class(402, wait, "{}"), Class::Trouble(Trouble::RateLimited));
        assert_eq!(class(401, wait, "{}"), Class::Trouble(Trouble::RateLimited));
    }

    #[test]
    fn a_parameter_that_is_not_taken_is_named() {
        let parameters = ["temperature", "max_tokens", "max_completion_tokens", "stream_options"];
        for (body, parameter) in [
            (
                r#"{"error":{"message":"Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.","param":"max_tokens","code":"unsupported_parameter"}}"#,
                Some("max_tokens"),
            ),
            (
                r#"{"error":{"message":"Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."}}"#,
                Some("max_tokens"),
            ),
            (
                r#"{"error":{"message":"Unsupported value: 'temperature' does not support 0 with this model.","param":"temperature","code":"unsupported_value"}}"#,
                Some("temperature"),
            ),
            (
                r#"{"detail":[{"type":"extra_forbidden","loc":["body","stream_options"],"msg":"Extra inputs are not permitted"}]}"#,
                Some("stream_options"),
            ),
            (
                r#"{"error":{"message":"max_tokens is too large: 999999","param":"max_tokens","code":"invalid_value"}}"#,
                None,
            ),
            (r#"{"error":{"message":"this model does not support tools"}}"#, None),
        ] {
            assert_eq!(Fault::read(400, None, body).unsupported(&parameters), parameter, "{body}");
        }
    }
}
