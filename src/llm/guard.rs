//! The egress filter: nothing that a model is asked holds the value of a secret.
//!
//! It stands outside of everything that keeps or sends a question, so a cassette has the same clean text as the
//! provider. What an external coding agent sends passes the metering proxy, which asks [`body`].

use std::rc::Rc;

use serde::Deserialize as _;
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
    let clean = Request::deserialize(&value).map_err(|error| Error::Permanent {
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

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use futures_util::FutureExt as _;
    use serde_json::json;

    use super::*;
    use crate::domain::names::AgentName;
    use crate::domain::redact::Handle;
    use crate::llm::{Message, Reply, Schema, ToolSpec};

    const VALUE: &str = "sk-canary\"/1";

    /// Keeps what it was asked.
    #[derive(Default)]
    struct Listener(RefCell<Vec<Request>>);

    impl Provider for Listener {
        fn name(&self) -> &'static str {
            "listener"
        }

        fn complete<'a>(&'a self, request: &'a Request, _: OnText<'a>) -> ReplyFuture<'a> {
            self.0.borrow_mut().push(request.clone());
            Box::pin(async { Ok(Reply::text("heard")) })
        }
    }

    fn ask(mode: Mode, messages: Vec<Message>, description: &str) -> (Result<Reply, Error>, Vec<Request>) {
        let secrets = Secrets::new(mode);
        assert!(secrets.add(&Handle::new("shop", "KEY"), VALUE));
        let listener = Rc::new(Listener::default());
        let guarded = Guarded { inner: listener.clone(), secrets };
        let tool = ToolSpec {
            name: "read".to_owned(),
            description: description.to_owned(),
            parameters: Schema::new(json!({})),
        };
        let request = Request {
            agent: AgentName::parse("developer").unwrap(),
            model: String::new(),
            temperature: 0.0,
            max_tokens: 10,
            messages,
            tools: vec![tool],
        };
        let answered = guarded.complete(&request, &|_| {}).now_or_never().expect("it answers at once");
        let heard = listener.0.borrow().clone();
        (answered, heard)
    }

    fn leaking() -> Vec<Message> {
        let content = json!({ "file": format!("KEY={VALUE}\n") }).to_string();
        let call = Reply::call("c1", "read", &json!({ "path": format!("/{VALUE}") })).message();
        vec![
            Message::User { content: format!("use {VALUE}") },
            call,
            Message::Tool { call_id: "c1".to_owned(), name: "read".to_owned(), content },
        ]
    }

    #[test]
    fn a_model_is_told_the_handle_wherever_the_value_stood() {
        let (answered, heard) = ask(Mode::Replace, leaking(), VALUE);
        assert!(answered.is_ok());
        let text = serde_json::to_string(&heard).unwrap();
        assert!(!text.contains("canary"), "{text}");
        assert_eq!(text.matches("secret://shop/KEY").count(), 4, "{text}");
    }

    #[test]
    fn in_strict_mode_nothing_is_asked_and_the_place_is_named() {
        let (answered, heard) = ask(Mode::Strict, leaking()[1..].to_vec(), "d");
        assert_eq!(heard, []);
        let error = answered.unwrap_err().to_string();
        assert!(error.contains("`secret://shop/KEY` stands in message 1") && !error.contains("canary"), "{error}");
        let (answered, _) = ask(Mode::Strict, leaking()[2..].to_vec(), "d");
        assert!(answered.unwrap_err().to_string().contains("the result of `read`"));
        let clean = vec![Message::User { content: "hello".to_owned() }];
        assert!(ask(Mode::Strict, clean, "d").0.is_ok());
    }

    #[test]
    fn the_body_of_an_agent_stays_json() {
        let secrets = Secrets::default();
        assert!(secrets.add(&Handle::new("shop", "KEY"), VALUE));
        let asked = json!({ "messages": [{ "content": format!("a {VALUE}") }] });
        let body = body(&secrets, asked.to_string().into_bytes()).unwrap();
        let heard: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(heard["messages"][0]["content"], "a secret://shop/KEY");
    }
}
