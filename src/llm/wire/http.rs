//! One question over HTTP: a POST, its timers and limits, and what comes back in pieces.
//!
//! The key travels in a header and nowhere else: no redirect is followed, and every text that leaves this module has
//! the key replaced by stars. Nothing is tried twice here.

use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Method, Url};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout, timeout_at};

use super::super::{Error, Refusal, Trouble, Usage};
use super::fault::{Fault, Who};
use super::json::Json;
use super::{text, wait};
use crate::domain::provider::Endpoint;
use crate::net::{self, Key, cause, is_loopback, speaks_no_tls};

/// The longest answer, in bytes; a streamed token takes about 300.
const ANSWER_LIMIT: usize = 64 * 1024 * 1024;
/// How much of an error's body is read, in bytes.
const FAULT_LIMIT: usize = 64 * 1024;
/// How long an error's body is waited for.
const FAULT_TIME: Duration = Duration::from_secs(5);

/// How long to wait for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timers {
    /// For a connection.
    pub connect: Duration,
    /// From the question to the head of the answer.
    pub first_byte: Duration,
    /// Between two pieces of an answer; keep-alives count.
    pub idle: Duration,
    /// Between two pieces that say something; keep-alives do not count.
    pub progress: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_mins(2),
            idle: Duration::from_mins(1),
            progress: Duration::from_mins(5),
        }
    }
}

/// How an endpoint wants its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// `authorization: Bearer …`.
    Bearer,
    /// `x-api-key: …`.
    ApiKey,
}

/// One endpoint, ready to be asked.
#[derive(Debug)]
pub struct Http {
    client: reqwest::Client,
    address: Url,
    headers: HeaderMap,
    key: Option<Key>,
    missing_key: bool,
    who: Who,
    timers: Timers,
    turns: Semaphore,
}

impl Http {
    /// Sets a client up for an endpoint. `path` is what follows its address.
    ///
    /// # Errors
    /// When the address is none, or the key cannot be sent.
    pub fn new(
        provider: &str,
        endpoint: &Endpoint,
        path: &str,
        key: Option<Key>,
        auth: Auth,
        timers: Timers,
    ) -> Result<Self, Error> {
        let key = key.filter(|key| !key.is_empty());
        let who = Who { provider: provider.to_owned(), key_env: endpoint.key_env.clone() };
        let address = address(&endpoint.url, path, path).map_err(|why| {
            let reason = format!("the url of `{provider}` {why}");
            who.refusal(Refusal::Endpoint, reason)
        })?;
        let loopback = is_loopback(&address);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(key) = &key {
            let (name, prefix) = match auth {
                Auth::Bearer => (AUTHORIZATION, "Bearer "),
                Auth::ApiKey => (HeaderName::from_static("x-api-key"), ""),
            };
            let value = key.header(prefix).map_err(|_| Error::Permanent {
                refusal: Refusal::Key,
                reason: "the key holds characters that no key has".to_owned(),
                hint: Some("store the key again, without line breaks or quotes".to_owned()),
                usage: Usage::default(),
            })?;
            headers.insert(name, value);
        }
        let client = net::client(&address, timers.connect).map_err(|error| {
            let reason = format!("no client can be set up for `{provider}`: {}", cause(&error));
            Error::Permanent { refusal: Refusal::Endpoint, reason, hint: None, usage: Usage::default() }
        })?;
        let missing_key = key.is_none() && endpoint.key_env.is_some() && !loopback;
        let turns = Semaphore::new(endpoint.at_once.get().into());
        Ok(Self { client, address, headers, key, missing_key, who, timers, turns })
    }

    /// Whose endpoint it is.
    #[must_use]
    pub fn who(&self) -> &Who {
        &self.who
    }

    /// The machine that answers, in lower case.
    #[must_use]
    pub fn host(&self) -> &str {
        self.address.host_str().unwrap_or_default()
    }

    /// Adds a header to every question.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        self
    }

    /// Asks once, when it is this question's turn; the body is JSON, and made then. `asked` is what the question costs when
    /// it arrives and no answer does.
    ///
    /// # Errors
    /// When no head of an answer comes; any status is an answer.
    pub async fn post(
        &self,
        body: impl FnOnce() -> Vec<u8>,
        streamed: bool,
        asked: Usage,
    ) -> Result<Incoming<'_>, Error> {
        if self.missing_key {
            let reason = format!("`{}` needs a key and there is none", self.who.provider);
            return Err(self.who.refusal(Refusal::Key, reason));
        }
        let turn = self.turns.acquire().await.expect("nobody closes it");
        let accept = if streamed { "text/event-stream, application/json" } else { "application/json" };
        let mut request = reqwest::Request::new(Method::POST, self.address.clone());
        request.headers_mut().clone_from(&self.headers);
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static(accept));
        *request.body_mut() = Some(body().into());
        match timeout(self.timers.first_byte, self.client.execute(request)).await {
            Ok(Ok(response)) => Ok(Incoming {
                http: self,
                _turn: turn,
                asked,
                received: 0,
                progress_at: Instant::now(),
                after: wait::of_headers(response.headers()),
                response,
            }),
            Ok(Err(error)) => Err(self.unsent(&error, asked)),
            Err(_) => {
                let reason = format!(
                    "`{}` at {} sent nothing within {}",
                    self.who.provider,
                    self.shown(),
                    seconds(self.timers.first_byte)
                );
                Err(retry(Trouble::Timeout, reason, asked))
            }
        }
    }

    fn unsent(&self, error: &reqwest::Error, asked: Usage) -> Error {
        let cause = self.clean(&cause(error));
        let at = format!("{cause} ({})", self.shown());
        if !error.is_connect() {
            return retry(Trouble::Network, format!("the connection broke before an answer came: {at}"), asked);
        }
        if error.is_timeout() {
            let reason = format!("no connection to {} within {}", self.shown(), seconds(self.timers.connect));
            return retry(Trouble::Network, reason, Usage::default());
        }
        if speaks_no_tls(error) {
            return self.who.refusal(Refusal::Endpoint, format!("no secure connection can be made: {at}"));
        }
        retry(Trouble::Network, at, Usage::default())
    }

    /// The address as people may see it: it may hold keys after the question mark.
    fn shown(&self) -> String {
        let mut shown = self.address.clone();
        shown.set_query(None);
        self.clean(shown.as_str())
    }

    /// A foreign text on one line, without the key.
    #[must_use]
    pub fn clean(&self, foreign: &str) -> String {
        text::line(&self.hide(foreign))
    }

    fn hide(&self, foreign: &str) -> String {
        self.key.as_ref().map_or_else(|| foreign.to_owned(), |key| key.hide_in(foreign))
    }

    /// What a fault that came inside an answer means, without the key.
    #[must_use]
    pub fn fault(&self, mut fault: Fault) -> Error {
        fault.message = self.clean(&fault.message);
        fault.error(&self.who)
    }

    /// An answer that came as one body, as JSON that says nothing of a fault.
    ///
    /// # Errors
    /// When it is none: empty, a page, no JSON, or a fault in an answer's clothes.
    pub fn whole<'a>(&self, body: &'a str) -> Result<Json<'a>, Error> {
        let body = body.trim_start_matches('\u{feff}').trim();
        if body.is_empty() {
            return Err(self.no_answer("the body is empty"));
        }
        if text::is_page(body) {
            let reason = format!("`{}` answers with a page: {}", self.who.provider, self.clean(&text::page(body)));
            return Err(self.who.refusal(Refusal::Endpoint, reason));
        }
        let value: Json<'a> =
            serde_json::from_str(body).map_err(|error| self.no_answer(&format!("the body is not JSON ({error})")))?;
        match Fault::inside(&value) {
            Some(fault) => Err(self.fault(fault)),
            None => Ok(value),
        }
    }

    /// The provider sent what is no answer.
    #[must_use]
    pub fn no_answer(&self, why: &str) -> Error {
        retry(
            Trouble::Upstream,
            format!("`{}` sent no answer: {}", self.who.provider, self.clean(why)),
            Usage::default(),
        )
    }
}

/// An answer on its way.
#[derive(Debug)]
pub struct Incoming<'a> {
    http: &'a Http,
    /// Others wait for it until the answer is taken.
    _turn: SemaphorePermit<'a>,
    response: reqwest::Response,
    after: Option<Duration>,
    asked: Usage,
    received: usize,
    progress_at: Instant,
}

impl Incoming<'_> {
    /// The status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// The answer says of itself that it is a page for people.
    #[must_use]
    pub fn is_page(&self) -> bool {
        let kind = self.response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        kind.is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("text/html"))
    }

    /// The piece before said something.
    pub fn progressed(&mut self) {
        self.progress_at = Instant::now();
    }

    /// The next piece; none at the end.
    ///
    /// # Errors
    /// When it breaks off, pauses for too long, or is too long.
    pub async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let timers = &self.http.timers;
        let provider = &self.http.who.provider;
        let stalled_at = self.progress_at + timers.progress;
        let stalled = || {
            let reason = format!("`{provider}` sent nothing but signs of life for {}", seconds(timers.progress));
            retry(Trouble::Timeout, reason, self.asked)
        };
        if Instant::now() >= stalled_at {
            return Err(stalled());
        }
        let idle_at = Instant::now() + timers.idle;
        match timeout_at(idle_at.min(stalled_at), self.response.chunk()).await {
            Ok(Ok(Some(bytes))) => {
                self.received += bytes.len();
                if self.received > ANSWER_LIMIT {
                    let reason = format!("`{provider}` sent more than {} MB", ANSWER_LIMIT / 1024 / 1024);
                    return Err(Error::Incomplete { reason, usage: self.asked });
                }
                Ok(Some(bytes.to_vec()))
            }
            Ok(Ok(None)) => Ok(None),
            Ok(Err(error)) => {
                let reason = format!("the answer of `{provider}` broke off: {}", self.http.clean(&cause(&error)));
                Err(retry(Trouble::Network, reason, self.asked))
            }
            Err(_) if stalled_at <= idle_at => Err(stalled()),
            Err(_) => {
                let reason = format!("the answer of `{provider}` paused for {}", seconds(timers.idle));
                Err(retry(Trouble::Timeout, reason, self.asked))
            }
        }
    }

    /// What an answer with a status of failure says. The status holds whatever becomes of the body.
    pub async fn refused(mut self) -> Fault {
        let mut body = Vec::new();
        let by = Instant::now() + FAULT_TIME;
        while let Ok(Ok(Some(piece))) = timeout_at(by, self.chunk()).await {
            body.extend_from_slice(&piece);
            if body.len() >= FAULT_LIMIT {
                break;
            }
        }
        body.truncate(FAULT_LIMIT);
        let body = self.http.hide(&String::from_utf8_lossy(&body));
        let mut fault = Fault::read(self.status(), self.after, &body);
        if let Some(to) = self.response.headers().get(LOCATION).filter(|_| self.response.status().is_redirection()) {
            let to = String::from_utf8_lossy(to.as_bytes());
            let to = to.split('?').next().unwrap_or_default();
            fault.message = format!("it redirects to {}", self.http.clean(to));
        }
        fault
    }

    /// The endpoint that answers.
    #[must_use]
    pub fn http(&self) -> &Http {
        self.http
    }
}

fn retry(trouble: Trouble, reason: String, usage: Usage) -> Error {
    Error::Retry { trouble, after: None, reason, usage }
}

/// The address of `path` at an endpoint, whether or not the path of its questions was written with its own address.
///
/// # Errors
/// In words that follow the name of the address, when it is none.
pub fn address(url: &str, questions: &str, path: &str) -> Result<Url, &'static str> {
    let mut address = Url::parse(url.trim()).map_err(|_| "is no address such as `https://api.example.com/v1`")?;
    if !matches!(address.scheme(), "http" | "https") || address.host_str().is_none() {
        return Err("begins with neither `http://` nor `https://`");
    }
    if !address.username().is_empty() || address.password().is_some() {
        return Err("holds a name or a password, which belong into the key");
    }
    address.set_fragment(None);
    let base = address.path().trim_end_matches('/');
    let base = base.strip_suffix(questions).unwrap_or(base).trim_end_matches('/').to_owned();
    address.set_path(&format!("{base}{path}"));
    Ok(address)
}

fn seconds(time: Duration) -> String {
    if time.subsec_millis() == 0 { format!("{} s", time.as_secs()) } else { format!("{} ms", time.as_millis()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_with_and_without_their_path() {
        for (url, asked) in [
            ("https://api.example.com/v1", "https://api.example.com/v1/chat/completions"),
            ("https://api.example.com/v1/", "https://api.example.com/v1/chat/completions"),
            ("https://api.example.com/v1/chat/completions", "https://api.example.com/v1/chat/completions"),
            ("http://localhost:1234", "http://localhost:1234/chat/completions"),
            ("https://x.example/d/m?api-version=1", "https://x.example/d/m/chat/completions?api-version=1"),
        ] {
            let address = |path| address(url, "/chat/completions", path).unwrap().to_string();
            assert_eq!(address("/chat/completions"), asked);
            assert_eq!(address("/models"), asked.replace("/chat/completions", "/models"));
        }
        for url in ["", "api.example.com/v1", "ftp://x/v1", "http://me:pass@x/v1", "unix:/run/x"] {
            assert!(address(url, "/messages", "/messages").is_err(), "{url}");
        }
    }
}
