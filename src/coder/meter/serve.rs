//! Passing requests on.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll};

use futures_util::Stream;
use http_body_util::{BodyExt as _, Limited, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::account::{Account, Pending, Refusal};
use super::reply::{self, Body};
use super::usage::{Reader, Shape, Total, Usage};
use super::{Cap, Outcome, Shared, Wire};
use crate::llm::wire::fault::{Class, Fault};
use crate::llm::wire::{http, wait};
use crate::llm::{Refusal as Refused, Trouble};

/// The largest request.
const REQUEST: usize = 32 << 20;
/// The largest error of an upstream that is passed on.
const ERROR: usize = 256 << 10;
/// Connections at once, of all attempts.
const CONNECTIONS: usize = 512;
const VERSION: HeaderName = HeaderName::from_static("anthropic-version");
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// What of a request's headers goes on.
const REQUEST_HEADERS: [HeaderName; 5] =
    [CONTENT_TYPE, ACCEPT, VERSION, HeaderName::from_static("anthropic-beta"), HeaderName::from_static("openai-beta")];
/// What of an answer's headers comes back.
const ANSWER_HEADERS: [HeaderName; 4] =
    [CONTENT_TYPE, RETRY_AFTER, HeaderName::from_static("x-request-id"), HeaderName::from_static("request-id")];

/// Serves for ever.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if open.len() < CONNECTIONS => {
                let Ok((stream, _)) = accepted else { tokio::task::yield_now().await; continue };
                let shared = Arc::clone(&shared);
                open.spawn(async move {
                    let service = hyper::service::service_fn(|request| {
                        let shared = Arc::clone(&shared);
                        async move { Ok::<_, Infallible>(answer(&shared, request).await) }
                    });
                    // A connection that breaks is the agent's affair; what was under way is charged when it is dropped.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
            Some(_) = open.join_next() => {}
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Route {
    wire: Wire,
    shape: Shape,
    /// The path at the upstream, after its address.
    path: &'static str,
}

fn route(method: &Method, path: &str) -> Option<Route> {
    let short = path.strip_prefix("/v1").unwrap_or(path);
    let (wanted, wire, shape, path) = match short {
        "/chat/completions" => (Method::POST, Wire::Openai, Shape::Chat, "/chat/completions"),
        "/responses" => (Method::POST, Wire::Openai, Shape::Responses, "/responses"),
        "/models" => (Method::GET, Wire::Openai, Shape::Free, "/models"),
        "/messages" => (Method::POST, Wire::Anthropic, Shape::Messages, "/messages"),
        "/messages/count_tokens" => (Method::POST, Wire::Anthropic, Shape::Free, "/messages/count_tokens"),
        _ => return None,
    };
    (*method == wanted).then_some(Route { wire, shape, path })
}

/// The key of a request and its path without it.
fn key_and_path(request: &Request<Incoming>) -> (Option<String>, String) {
    let path = request.uri().path();
    if let Some((key, rest)) = path.strip_prefix('/').and_then(|path| path.split_once('/'))
        && key.starts_with("cgo-")
    {
        return (Some(key.to_owned()), format!("/{rest}"));
    }
    let text = |name: HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    let bearer = text(AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
    (text(API_KEY).or(bearer).map(str::to_owned), path.to_owned())
}

async fn answer(shared: &Shared, request: Request<Incoming>) -> Response<Body> {
    let (key, path) = key_and_path(&request);
    let route = route(request.method(), &path);
    let wire = route.map_or_else(|| if path.contains("messages") { Wire::Anthropic } else { Wire::Openai }, |r| r.wire);
    let no = |status, code: &str, message: &str| reply::error(wire, status, code, message);
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let port = shared.address.port();
    if host != format!("127.0.0.1:{port}") && host != format!("localhost:{port}") {
        return no(StatusCode::MISDIRECTED_REQUEST, "cgo_host", "this is not a proxy for other hosts");
    }
    let account =
        key.and_then(|key| shared.accounts.read().unwrap_or_else(PoisonError::into_inner).get(&key).map(Arc::clone));
    let Some(account) = account else {
        return no(StatusCode::UNAUTHORIZED, "cgo_key", "there is no attempt with this key");
    };
    let Some(route) = route.filter(|route| route.wire == account.terms.upstream.wire) else {
        return no(StatusCode::NOT_FOUND, "cgo_path", "this attempt's model has no such path");
    };
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, REQUEST).collect().await else {
        return no(StatusCode::PAYLOAD_TOO_LARGE, "cgo_size", "the request is too large or broke off");
    };
    let body = body.to_bytes().to_vec();
    let body = match &account.terms.filter {
        None => body,
        Some(filter) => match filter(body) {
            Ok(body) => body,
            Err(reason) => return no(StatusCode::FORBIDDEN, "cgo_egress", &reason),
        },
    };
    if route.shape == Shape::Free {
        // It costs nothing, and a loop of it is ended with all others.
        if let Some(cap) = account.standing().cap {
            return reply::capped(wire, cap);
        }
        return match send(shared, &account, route, &head.headers, body).await {
            Ok(upstream) => pass(upstream, account, None, Reader::new(Shape::Free)).await,
            Err(error) => error,
        };
    }
    let Ok(asked) = serde_json::from_slice::<Value>(&body) else {
        return no(StatusCode::BAD_REQUEST, "cgo_json", "the request is no JSON");
    };
    let model = asked["model"].as_str().unwrap_or_default();
    let most = ["max_tokens", "max_completion_tokens", "max_output_tokens"].iter().find_map(|n| asked[*n].as_u64());
    let mut pending = match account.admit(model, &body, most) {
        Ok(pending) => pending,
        Err(Refusal::Cap(cap)) => return reply::capped(wire, cap),
        Err(Refusal::Busy) => {
            return no(StatusCode::TOO_MANY_REQUESTS, "cgo_concurrency", "too many requests of this attempt at once");
        }
        Err(Refusal::UnknownModel) => {
            let known: Vec<&str> = account.terms.models.iter().map(|(name, _)| name.as_str()).collect();
            let message = format!("this attempt has no model of that name, it has: {}", known.join(", "));
            return no(StatusCode::NOT_FOUND, "cgo_model", &message);
        }
    };
    pending.sent = true;
    match send(shared, &account, route, &head.headers, body).await {
        Ok(upstream) => pass(upstream, account, Some(pending), Reader::new(route.shape)).await,
        Err(error) => {
            // It may have been read and answered; nobody will tell.
            let usage = Usage { input: pending.input, estimated: true, ..Usage::default() };
            pending.settle(Outcome::Failed, error.status().as_u16(), usage, None);
            error
        }
    }
}

/// Sends a request with the real key; the answer's head, or what the agent is told instead.
async fn send(
    shared: &Shared,
    account: &Arc<Account>,
    route: Route,
    headers: &HeaderMap,
    body: Vec<u8>,
) -> Result<reqwest::Response, Response<Body>> {
    let no = |status, code, message| Err(reply::error(route.wire, status, code, message));
    let upstream = &account.terms.upstream;
    let questions = match route.wire {
        Wire::Openai => "/chat/completions",
        Wire::Anthropic => "/messages",
    };
    let Ok(url) = http::address(&upstream.base, questions, route.path) else {
        return no(StatusCode::BAD_GATEWAY, "cgo_upstream", "the model's endpoint has no address");
    };
    let method = if route.path == "/models" { Method::GET } else { Method::POST };
    let mut request = shared.client.request(method, url).header(ACCEPT_ENCODING, "identity");
    let given = |name: &HeaderName| headers.get(name).filter(|value| goes_on(account, value));
    for name in REQUEST_HEADERS {
        if let Some(value) = given(&name) {
            request = request.header(name, value);
        }
    }
    request = match route.wire {
        Wire::Openai => request.bearer_auth(upstream.key.reveal()),
        Wire::Anthropic => {
            let request = request.header(API_KEY, upstream.key.reveal());
            if given(&VERSION).is_some() { request } else { request.header(VERSION, "2023-06-01") }
        }
    };
    tokio::select! {
        sent = request.body(body).send() => match sent {
            Ok(response) => Ok(response),
            // The error's own words may hold the address and what is in it.
            Err(_) => no(StatusCode::BAD_GATEWAY, "cgo_upstream", "the model's endpoint cannot be reached"),
        },
        () = tokio::time::sleep(account.terms.caps.silence) => {
            no(StatusCode::GATEWAY_TIMEOUT, "cgo_silence", "the model's endpoint does not answer")
        }
        () = account.over() => Err(reply::capped(route.wire, account.standing().cap.unwrap_or(Cap::Wall))),
    }
}

/// Whether a header's value goes on: one that the egress filter would change or refuse does not.
fn goes_on(account: &Account, value: &HeaderValue) -> bool {
    let value = value.as_bytes();
    account.terms.filter.as_ref().is_none_or(|filter| filter(value.to_vec()).is_ok_and(|clean| clean == value))
}

/// The head of an answer: what of the upstream's headers comes back.
fn head(upstream: &reqwest::Response, status: StatusCode) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = status;
    for name in ANSWER_HEADERS {
        if let Some(value) = upstream.headers().get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

/// Passes an answer on: a good one as it comes, an error when it is whole and without the key.
async fn pass(
    upstream: reqwest::Response,
    account: Arc<Account>,
    pending: Option<Pending>,
    reader: Reader,
) -> Response<Body> {
    let status = upstream.status();
    if !status.is_success() {
        return refuse(upstream, &account, pending).await;
    }
    let response = head(&upstream, status);
    let passing = Passing { status: status.as_u16(), reader, pending };
    let chunks = Chunks { stream: Box::pin(chunks(upstream, account, passing)) };
    response.map(|()| StreamBody::new(chunks).boxed_unsync())
}

/// Passes an error on. One that says that the key is not accepted ends the attempt.
async fn refuse(mut upstream: reqwest::Response, account: &Account, pending: Option<Pending>) -> Response<Body> {
    let mut body = Vec::new();
    while let Ok(Ok(Some(chunk))) = tokio::time::timeout(account.terms.caps.silence, upstream.chunk()).await {
        body.extend_from_slice(&chunk);
        if body.len() > ERROR {
            break;
        }
    }
    body.truncate(ERROR);
    let (text, key) = (String::from_utf8_lossy(&body).into_owned(), account.terms.upstream.key.reveal());
    let text = if key.is_empty() { text } else { text.replace(key, "***") };
    let mut status = upstream.status();
    let class = Fault::read(status.as_u16(), wait::of_headers(upstream.headers()), &text).class();
    if class == Class::Trouble(Trouble::RateLimited) {
        // Whatever it is called: agents take some of the names for the end.
        status = StatusCode::TOO_MANY_REQUESTS;
    }
    let no_key = class == Class::Refusal(Refused::Key);
    if no_key {
        account.trip(Cap::Unauthorized);
    }
    // It costs nothing where providers are concerned.
    if let Some(mut pending) = pending {
        pending.settle(Outcome::Failed, status.as_u16(), Usage::default(), None);
    }
    if no_key {
        let wire = account.terms.upstream.wire;
        return reply::error(wire, status, "cgo_upstream_key", "the model's endpoint does not accept cgo's key");
    }
    head(&upstream, status).map(|()| reply::whole(text))
}

/// An answer under way; when it is dropped it was cut, and is charged with what came.
struct Passing {
    status: u16,
    reader: Reader,
    pending: Option<Pending>,
}

impl Passing {
    fn end(&mut self, by_itself: bool) {
        if let Some(mut pending) = self.pending.take() {
            let Total { usage, cost, whole } = self.reader.finish(pending.input);
            let outcome = if by_itself && whole { Outcome::Served } else { Outcome::Cut };
            pending.settle(outcome, self.status, usage, cost);
        }
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        self.end(false);
    }
}

type Chunk = Result<Frame<Bytes>, io::Error>;

fn chunks(
    upstream: reqwest::Response,
    account: Arc<Account>,
    passing: Passing,
) -> impl Stream<Item = Chunk> + Send + 'static {
    futures_util::stream::unfold(Some((upstream, account, passing)), |state| async move {
        let (mut upstream, account, mut passing) = state?;
        let cut = |why: &'static str| Some((Err(io::Error::new(io::ErrorKind::ConnectionAborted, why)), None));
        tokio::select! {
            chunk = upstream.chunk() => match chunk {
                Ok(Some(bytes)) => {
                    passing.reader.push(&bytes);
                    Some((Ok(Frame::data(bytes)), Some((upstream, account, passing))))
                }
                Ok(None) => { passing.end(true); None }
                Err(_) => cut("the model's endpoint broke off"),
            },
            () = tokio::time::sleep(account.terms.caps.silence) => cut("the model's endpoint fell silent"),
            () = account.over() => cut("the attempt is over"),
        }
    })
}

/// The chunks of an answer.
struct Chunks {
    stream: Pin<Box<dyn Stream<Item = Chunk> + Send>>,
}

impl Stream for Chunks {
    type Item = Chunk;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Chunk>> {
        self.stream.as_mut().poll_next(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_paths_of_models_have_a_route() {
        assert_eq!(route(&Method::POST, "/v1/chat/completions").map(|route| route.path), Some("/chat/completions"));
        assert_eq!(route(&Method::POST, "/responses").map(|route| route.shape), Some(Shape::Responses));
        assert_eq!(route(&Method::POST, "/v1/messages").map(|route| route.path), Some("/messages"));
        for (method, path) in [
            (Method::GET, "/v1/chat/completions"),
            (Method::POST, "/v1/files"),
            (Method::POST, "/v1/../admin"),
            (Method::POST, "/v1/messages/batches"),
            (Method::DELETE, "/v1/models"),
        ] {
            assert_eq!(route(&method, path), None, "{path}");
        }
    }
}
