//! Models behind the Messages API of Anthropic.
//!
//! `request` writes the question with its marks for the cache, `draft` puts the answer together. Signed
//! thoughts go back untouched with the answer they belong to, see [`super::Reply::replay`].

mod draft;
mod request;

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::wire::fault::Fault;
use super::wire::http::{Auth, Http};
use super::wire::receive::{Received, receive};
use super::wire::{Key, Timers, text};
use super::{Error, OnText, Provider, Refusal, Reply, ReplyFuture, Request, Usage};
use crate::domain::provider::Endpoint;
use draft::Draft;

/// What follows an endpoint's address.
const PATH: &str = "/messages";
/// The version of the API this speaks.
const VERSION: &str = "2023-06-01";

/// A provider that speaks the Messages API.
#[derive(Debug)]
pub struct Anthropic {
    name: String,
    endpoint: Endpoint,
    http: Http,
    /// The models that take no temperature, as they said; kept as long as the provider.
    without_temperature: Mutex<BTreeSet<String>>,
}

impl Anthropic {
    /// A provider of that name at an endpoint.
    ///
    /// # Errors
    /// When the endpoint's address is none, or the key cannot be sent.
    pub fn new(name: &str, endpoint: &Endpoint, key: Option<Key>, timers: Timers) -> Result<Self, Error> {
        let http =
            Http::new(name, endpoint, PATH, key, Auth::ApiKey, timers)?.with_header("anthropic-version", VERSION);
        Ok(Self { name: name.to_owned(), endpoint: endpoint.clone(), http, without_temperature: Mutex::default() })
    }

    fn takes_temperature(&self, model: &str) -> bool {
        !self.without_temperature.lock().unwrap_or_else(PoisonError::into_inner).contains(model)
    }

    /// Learns from a refusal; whether asking again in the new way makes sense.
    fn learns(&self, model: &str, fault: &Fault) -> bool {
        fault.unsupported(&["temperature"]).is_some()
            && self.without_temperature.lock().unwrap_or_else(PoisonError::into_inner).insert(model.to_owned())
    }

    async fn ask(&self, request: &Request, on_text: OnText<'_>) -> Result<Reply, Error> {
        let model = if request.model.is_empty() { &self.endpoint.model } else { &request.model };
        if model.is_empty() {
            let reason = format!("no model is named for agent `{}` at `{}`", request.agent, self.name);
            return Err(self.http.who().refusal(Refusal::Model, reason));
        }
        let asked = Usage { input_tokens: text::request_tokens(request), estimated: true, ..Usage::default() };
        loop {
            let streamed = self.endpoint.stream;
            let body =
                || text::spelled(&request::body(request, model, streamed, self.takes_temperature(model)), &asked);
            let mut incoming = self.http.post(body, streamed, asked).await?;
            if !(200..300).contains(&incoming.status()) {
                let fault = incoming.refused().await;
                if self.learns(model, &fault) {
                    continue;
                }
                return Err(self.http.fault(fault));
            }
            let mut draft = Draft::new(&self.http, on_text);
            let received = match receive(&mut incoming, &mut draft).await {
                Ok(Received::Body(body)) => draft.take_body(&body),
                Ok(Received::Events) => Ok(()),
                Err(error) => Err(error),
            };
            return match received {
                Ok(()) => draft.finish(request, model, asked.input_tokens),
                Err(error) => Err(error.charged(draft.usage(asked.input_tokens))),
            };
        }
    }
}

impl Provider for Anthropic {
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
