//! Models behind chat completions: OpenAI and everybody who speaks like it.
//!
//! `request` writes the question, `dialect` holds what an endpoint takes otherwise, `draft` puts
//! the answer together, whole or in pieces, by the same rules. What a failure means is in [`super::wire::fault`].

mod calls;
mod dialect;
mod draft;
mod request;
mod usage;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::wire::fault::Fault;
use super::wire::http::{Auth, Http};
use super::wire::receive::{Received, receive};
use super::wire::{Key, Timers, text};
use super::{Error, OnText, Provider, Refusal, Reply, ReplyFuture, Request, Usage};
use crate::domain::provider::Endpoint;
use dialect::Dialect;
use draft::Draft;

/// What follows an endpoint's address.
const PATH: &str = "/chat/completions";

/// A provider that speaks chat completions.
#[derive(Debug)]
pub struct Openai {
    name: String,
    endpoint: Endpoint,
    http: Http,
    /// What was learned about each model; lasts as long as the provider.
    dialects: Mutex<BTreeMap<String, Dialect>>,
}

impl Openai {
    /// A provider of that name at an endpoint.
    ///
    /// # Errors
    /// When the endpoint's address is none, or the key cannot be sent.
    pub fn new(name: &str, endpoint: &Endpoint, key: Option<Key>, timers: Timers) -> Result<Self, Error> {
        let http = Http::new(name, endpoint, PATH, key, Auth::Bearer, timers)?;
        Ok(Self { name: name.to_owned(), endpoint: endpoint.clone(), http, dialects: Mutex::default() })
    }

    fn dialect(&self, model: &str) -> Dialect {
        let dialects = self.dialects.lock().unwrap_or_else(PoisonError::into_inner);
        dialects.get(model).cloned().unwrap_or_else(|| Dialect::of(self.http.host(), model))
    }

    /// Learns from a refusal; whether asking again in the new way makes sense.
    fn learns(&self, model: &str, fault: &Fault, sent: &dyn Fn(&str) -> bool) -> bool {
        let mut dialect = self.dialect(model);
        let adapted = dialect.adapt(fault, sent);
        if adapted {
            self.dialects.lock().unwrap_or_else(PoisonError::into_inner).insert(model.to_owned(), dialect);
        }
        adapted
    }

    async fn ask(&self, request: &Request, on_text: OnText<'_>) -> Result<Reply, Error> {
        let model = if request.model.is_empty() { &self.endpoint.model } else { &request.model };
        if model.is_empty() {
            let reason = format!("no model is named for agent `{}` at `{}`", request.agent, self.name);
            return Err(self.http.who().refusal(Refusal::Model, reason));
        }
        let asked = Usage { input_tokens: text::request_tokens(request), estimated: true, ..Usage::default() };
        loop {
            let dialect = self.dialect(model);
            let streamed = self.endpoint.stream && dialect.takes("stream");
            let body = || text::spelled(&request::body(request, model, streamed, &dialect), &asked);
            let mut incoming = self.http.post(body, streamed, asked).await?;
            if !(200..300).contains(&incoming.status()) {
                let fault = incoming.refused().await;
                let sent = |parameter: &str| request::body(request, model, streamed, &dialect).has(parameter);
                if self.learns(model, &fault, &sent) {
                    continue;
                }
                return Err(self.http.fault(fault));
            }
            let mut draft = Draft::new(&self.http, on_text);
            let received = receive(&mut incoming, &mut draft).await;
            let used = |draft: &Draft<'_>, error: Error| error.charged(draft.usage(asked.input_tokens));
            match received {
                Ok(Received::Body(body)) => {
                    if let Err(error) = draft.take_body(&body) {
                        return Err(used(&draft, error));
                    }
                }
                Ok(Received::Events) => {}
                Err(error) => return Err(used(&draft, error)),
            }
            return draft.finish(request, model, asked.input_tokens);
        }
    }
}

impl Provider for Openai {
    fn name(&self) -> &str {
        &self.name
    }

    fn fallback(&self) -> Option<&str> {
        self.endpoint.fallback.as_deref()
    }

    fn complete<'a>(&'a self, request: &'a Request, on_text: OnText<'a>) -> ReplyFuture<'a> {
        Box::pin(self.ask(request, on_text))
    }
}
