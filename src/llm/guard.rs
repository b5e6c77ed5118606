//! The egress filter: nothing that a model is asked holds the value of a secret.
//!
//! It stands outside of everything that keeps or sends a question, so a cassette has the same clean text as the
//! provider. What an external coding agent sends passes the metering proxy, which asks [`body`].

use std::rc::Rc;

use serde_json::Value;

use super::{Error, OnText, Provider, Refusal, ReplyFuture, Request, Usage};
use crate::domain::redact::{Leak, Mode, Secrets};

/// A provider that is told no secret.
pub struct Guarded {
    /// Who is asked.
    pub inner: Rc<dyn Provider>,
    /// What it must not be told.
    pub secrets: Secrets,
}

impl Provider for Guarded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn fallback(&self) -> Option<&str> {
        self.inner.fallback()
    }

    fn replays(&self) -> bool {
        self.inner.replays()
    }

    fn complete<'a>(&'a self, request: &'a Request, on_text: OnText<'a>) -> ReplyFuture<'a> {
        Box::pin(async move {
            match clean(&self.secrets, request)? {
                None => self.inner.complete(request, on_text).await,
                Some(clean) => self.inner.complete(&clean, on_text).await,
            }
        })
    }
}

/// The request without secrets; none when there are none in it.
fn clean(secrets: &Secrets, request: &Request) -> Result<Option<Request>, Error> {
    let redactor = secrets.redactor();
    if redactor.is_empty() {
        return Ok(None);
    }
    let text = serde_json::to_vec(request).expect("a request has text keys only");
    if redactor.find(&text).is_none() {
        return Ok(None);
    }
    let mut value = serde_json::to_value(request).expect("a request has text keys only");
    let mut found = None;
    for (number, message) in value["messages"].as_array_mut().into_iter().flatten().enumerate() {
        if let Some(handle) = redactor.value(message) {
            found.get_or_insert_with(|| {
                let of = match (message["role"].as_str(), message["name"].as_str()) {
                    (Some("tool"), Some(name)) => format!("the result of `{name}`"),
                    (role, _) => format!("what the {} says", role.unwrap_or("conversation")),
                };
                Leak { handle: handle.clone(), place: format!("message {} ({of}) to a model", number + 1) }
            });
        }
    }
    if let Some(handle) = redactor.value(&mut value["tools"]) {
        found.get_or_insert_with(|| Leak { handle: handle.clone(), place: "the description of a tool".to_owned() });
    }
    if secrets.mode() == Mode::Strict
        && let Some(leak) = found
    {
        return Err(refused(&leak));
    }
    let clean = serde_json::from_value(value).map_err(|error| Error::Permanent {
        refusal: Refusal::Secret,
        reason: format!("a request makes no sense without the secrets in it: {error}"),
        hint: None,
        usage: Usage::default(),
    })?;
    Ok(Some(clean))
}

fn refused(leak: &Leak) -> Error {
    Error::Permanent {
        refusal: Refusal::Secret,
        reason: leak.to_string(),
        hint: Some(format!("keep the value of `{}` out of files and outputs that agents read", leak.handle)),
        usage: Usage::default(),
    }
}

/// What an external agent asks, without secrets: JSON stays JSON.
///
/// # Errors
/// In strict mode: which secret stood where, in words.
pub fn body(secrets: &Secrets, body: Vec<u8>) -> Result<Vec<u8>, String> {
    let redactor = secrets.redactor();
    let Some(handle) = redactor.find(&body) else { return Ok(body) };
    if secrets.mode() == Mode::Strict {
        let leak = Leak { handle: handle.clone(), place: "a request of a coding agent".to_owned() };
        return Err(leak.to_string());
    }
    Ok(match serde_json::from_slice::<Value>(&body) {
        Ok(mut value) => {
            redactor.value(&mut value);
            value.to_string().into_bytes()
        }
        Err(_) => redactor.bytes(&body).into_owned(),
    })
}
