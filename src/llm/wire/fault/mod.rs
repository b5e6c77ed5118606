//! What a provider's failure means: one reading of every body that is in use, one table from it to a class.
//!
//! The status decides unless the body names a code, and foreign words are looked at only where no provider gives
//! codes: whether a conversation is too long, whether money or a model is missing.

mod class;

use std::time::Duration;

use super::json::{Json, member};
use super::{text, wait};
pub use class::{Class, Who};

/// A failure as the provider tells it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fault {
    /// The status; for a failure inside an answer, the one it would have had.
    pub status: u16,
    /// The status the body names.
    pub number: Option<u16>,
    /// The provider's code, where it is a word.
    pub code: String,
    /// The provider's type.
    pub kind: String,
    /// The parameter it is about.
    pub param: String,
    /// In words.
    pub message: String,
    /// How long to wait.
    pub after: Option<Duration>,
    /// The body is a page for people.
    pub page: bool,
}

impl Fault {
    /// Reads the body of an answer with a status of failure.
    #[must_use]
    pub fn read(status: u16, after: Option<Duration>, body: &str) -> Self {
        let mut fault = Self { status, after, ..Self::default() };
        if text::is_page(body) {
            fault.page = true;
            fault.message = text::page(body);
        } else if let Ok(value) = serde_json::from_str::<Json<'_>>(body.trim()) {
            fault.take(&value);
        }
        if fault.message.is_empty() {
            fault.message = text::line(body);
        }
        fault
    }

    /// The failure inside an answer that claims to be one, if there is one.
    #[must_use]
    pub fn inside(value: &Json<'_>) -> Option<Self> {
        let error = member(value, "error").filter(|error| !is_nothing(error));
        let typed = || {
            let is_error = |name| member(value, name).and_then(Json::as_str) == Some("error");
            (is_error("object") || is_error("type")).then_some(value)
        };
        let value = if error.is_some() { value } else { typed()? };
        let mut fault = Self::default();
        fault.take(value);
        fault.status = fault.number.unwrap_or(match (fault.kind.as_str(), fault.code.as_str()) {
            ("overloaded_error", _) => 529,
            ("rate_limit_error", _) | (_, "rate_limit_exceeded" | "RESOURCE_EXHAUSTED") => 429,
            ("authentication_error", _) | (_, "invalid_api_key") => 401,
            ("permission_error", _) => 403,
            ("not_found_error", _) => 404,
            ("request_too_large", _) => 413,
            ("timeout_error", _) => 504,
            ("invalid_request_error", _) => 400,
            ("billing_error", _) => 402,
            _ => 502,
        });
        if fault.message.is_empty() {
            fault.message = text::line(&value.to_string());
        }
        Some(fault)
    }

    /// Takes what a body says, in whichever of the shapes in use.
    fn take(&mut self, value: &Json<'_>) {
        let word = |value: &Json<'_>| match value {
            Json::Str(word) => word.to_string(),
            Json::Number(number) => number.to_string(),
            _ => String::new(),
        };
        match value {
            Json::Array(list) => list.iter().take(1).for_each(|first| self.take(first)),
            Json::Str(message) => self.message = text::line(message),
            Json::Object(_) => {
                // The inner object says more than what is around it.
                // Gemini has the number in `code` and the word in `status`, the others the word in `code`.
                for said in ["code", "status"].into_iter().filter_map(|name| member(value, name)).map(word) {
                    match said.parse::<u16>() {
                        Ok(number) if (400..600).contains(&number) => self.number = Some(number),
                        _ if !said.is_empty() => self.code = said,
                        _ => {}
                    }
                }
                for (name, slot) in [("type", &mut self.kind), ("param", &mut self.param)] {
                    if let Some(said) = member(value, name).map(word).filter(|said| !said.is_empty()) {
                        *slot = said;
                    }
                }
                if let Some(message) = member(value, "message").map(word).filter(|said| !said.is_empty()) {
                    self.message = text::line(&message);
                }
                if let Some(error) = member(value, "error").filter(|error| !is_nothing(error)) {
                    self.take(error);
                }
                if let Some(detail) = member(value, "detail") {
                    self.take_detail(detail);
                }
                if let Some(metadata) = member(value, "metadata") {
                    self.take_metadata(metadata);
                }
                let details = member(value, "details").and_then(Json::as_array);
                let delay = details.into_iter().flatten().find_map(|detail| member(detail, "retryDelay")?.as_str());
                self.after = self.after.or_else(|| delay.and_then(wait::span));
            }
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
        }
    }

    /// FastAPI: a sentence, or a list of fields with what is wrong with each.
    fn take_detail(&mut self, detail: &Json<'_>) {
        match detail {
            Json::Array(list) => {
                if let Some(first) = list.first() {
                    let place: Vec<&str> = member(first, "loc")
                        .and_then(Json::as_array)
                        .into_iter()
                        .flatten()
                        .filter_map(Json::as_str)
                        .collect();
                    let message = member(first, "msg").and_then(Json::as_str).unwrap_or("it is wrong");
                    place.last().copied().unwrap_or_default().clone_into(&mut self.param);
                    member(first, "type").and_then(Json::as_str).unwrap_or_default().clone_into(&mut self.kind);
                    self.message = text::line(&format!("{}: {message}", place.join(".")));
                }
            }
            other => self.take(other),
        }
    }

    /// OpenRouter: what the provider behind it said.
    fn take_metadata(&mut self, metadata: &Json<'_>) {
        let raw = match member(metadata, "raw") {
            Some(Json::Str(raw)) => raw.to_string(),
            Some(raw @ Json::Object(_)) => raw.to_string(),
            _ => String::new(),
        };
        if member(metadata, "reasons").is_some() {
            "content_filter".clone_into(&mut self.code);
        }
        if !raw.is_empty() {
            self.message = text::line(&format!("{}: {raw}", self.message));
        }
    }
}

/// `null`, `false` and nothing inside: some answers carry an empty `error`.
fn is_nothing(error: &Json<'_>) -> bool {
    match error {
        Json::Null | Json::Bool(false) => true,
        Json::Str(text) => text.is_empty(),
        Json::Object(fields) => fields.is_empty(),
        Json::Array(_) | Json::Bool(true) | Json::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_body_in_use_is_read() {
        for (body, code, message) in [
            (r#"{"error":{"message":"no","type":"t","param":null,"code":"c"}}"#, "c", "no"),
            (r#"{"error":{"code":502,"message":"bad gateway"}}"#, "", "bad gateway"),
            (r#"[{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT"}}]"#, "INVALID_ARGUMENT", "no"),
            (r#"{"error":"model 'x' not found"}"#, "", "model 'x' not found"),
            (r#"{"detail":"Not Found"}"#, "", "Not Found"),
            (r#"{"detail":[{"loc":["body","n"],"msg":"extra","type":"extra_forbidden"}]}"#, "", "body.n: extra"),
            (r#"{"object":"error","message":"too much","code":400}"#, "", "too much"),
            ("<html><title>502 Bad Gateway</title>", "", "502 Bad Gateway"),
            ("upstream\nis  down", "", "upstream is down"),
            ("", "", ""),
        ] {
            let fault = Fault::read(400, None, body);
            assert_eq!((fault.code.as_str(), fault.message.as_str()), (code, message), "{body}");
        }
    }
}
