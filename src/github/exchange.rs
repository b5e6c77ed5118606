//! One client of one API: a question, its timers and limits, redirects on the same machine, and asking again.

use std::fmt;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Method, Url};
use serde_json::Value;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::access::{Access, Token};
use super::answer::Answer;
use super::error::Error;
use super::fault::{self, Asked};
use super::retry::{Policy, Repeat};
use crate::domain::redact::Secrets;
use crate::net::{self, text};

/// The version of the API that is spoken.
pub const VERSION: &str = "2022-11-28";
/// What is taken when nothing else is asked for.
const JSON: &str = "application/vnd.github+json";
/// The longest answer, in bytes: a tree of 100,000 files takes about 7 MB.
const ANSWER_LIMIT: usize = 32 * 1024 * 1024;
/// How many redirects are followed.
const REDIRECTS: u32 = 3;

/// How long to wait for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timers {
    /// For a connection.
    pub connect: Duration,
    /// From the question to the head of the answer. GitHub itself gives up after 10 s.
    pub head: Duration,
    /// For the whole body.
    pub body: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), head: Duration::from_secs(30), body: Duration::from_mins(1) }
    }
}

/// A client of one API with one token.
pub struct Client {
    http: reqwest::Client,
    api: Url,
    headers: HeaderMap,
    token: Token,
    timers: Timers,
    policy: Policy,
    secrets: Secrets,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("api", &self.api.as_str()).finish_non_exhaustive()
    }
}

/// One question.
#[derive(Debug)]
pub(super) struct Question<'a> {
    pub method: Method,
    /// What follows the API's address, a segment each.
    pub path: &'a [&'a str],
    pub query: &'a [(&'a str, &'a str)],
    pub body: Option<Value>,
    /// The words of its errors: `create repository`.
    pub doing: &'a str,
    /// What is looked for: `` repository `octo/notes` ``.
    pub what: &'a str,
    /// What is taken instead of JSON.
    pub accept: Option<&'static str>,
}

impl<'a> Question<'a> {
    /// A question that only looks.
    pub fn get(path: &'a [&'a str], doing: &'a str, what: &'a str) -> Self {
        Self { method: Method::GET, path, query: &[], body: None, doing, what, accept: None }
    }

    fn repeat(&self) -> Repeat {
        if self.method == Method::GET { Repeat::Freely } else { Repeat::UnlessDone }
    }
}

impl Client {
    /// Sets a client up; nobody is asked yet.
    ///
    /// # Errors
    /// [`Error::NoToken`], [`Error::BadToken`], [`Error::BadAddress`].
    pub fn new(access: &Access) -> Result<Self, Error> {
        Self::with(access, Timers::default(), Policy::default())
    }

    /// Like [`Self::new`], with its own patience.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with(access: &Access, timers: Timers, policy: Policy) -> Result<Self, Error> {
        let token = access.token.clone().ok_or(Error::NoToken)?;
        let api = address(&access.api)?;
        let mut headers = HeaderMap::new();
        let bearer = token.key.header("Bearer ").map_err(|_| Error::BadToken { variable: token.variable })?;
        headers.insert(AUTHORIZATION, bearer);
        headers.insert(HeaderName::from_static("x-github-api-version"), HeaderValue::from_static(VERSION));
        let http = net::client(&api, timers.connect)
            .map_err(|error| Error::Network { said: text::line(&net::cause(&error)), sent: false })?;
        Ok(Self { http, api, headers, token, timers, policy, secrets: Secrets::default() })
    }

    /// The same client, which sends handles in the place of these secrets, whatever it is told to say.
    #[must_use]
    pub fn without(self, secrets: Secrets) -> Self {
        Self { secrets, ..self }
    }

    /// The token, for git.
    #[must_use]
    pub fn token(&self) -> &Token {
        &self.token
    }

    /// The machine people open in a browser and git clones from, with its port where it has one: `github.com` for
    /// `api.github.com`, the same machine for an Enterprise Server.
    #[must_use]
    pub fn web_host(&self) -> String {
        let host = self.api.host_str().unwrap_or_default();
        let web = match host.strip_prefix("api.") {
            Some(rest) if rest == "github.com" || rest.ends_with(".ghe.com") => rest,
            _ => host,
        };
        self.api.port().map_or_else(|| web.to_owned(), |port| format!("{web}:{port}"))
    }

    /// Whether an address that came from outside is on the machine of [`Self::web_host`], and holds no name or
    /// password.
    #[must_use]
    pub fn is_of_web_host(&self, url: &str) -> bool {
        Url::parse(url).is_ok_and(|url| {
            let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
            let host = format!("{}{port}", url.host_str().unwrap_or_default());
            let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
            url.scheme() == self.api.scheme() && host == self.web_host() && plain
        })
    }

    /// Asks until there is an answer of success, or no sense in asking. May be dropped at any time.
    ///
    /// # Errors
    /// The last [`Error`].
    pub(super) async fn ask(&self, question: &Question<'_>, cancel: &CancellationToken) -> Result<Answer, Error> {
        let mut url = self.api.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(question.path);
        }
        if !question.query.is_empty() {
            url.query_pairs_mut().extend_pairs(question.query);
        }
        self.ask_at(url, question, cancel).await
    }

    /// Like [`Self::ask`], at an address GitHub named.
    ///
    /// # Errors
    /// [`Error::Elsewhere`] when it is on another machine.
    pub(super) async fn ask_at(
        &self,
        url: Url,
        question: &Question<'_>,
        cancel: &CancellationToken,
    ) -> Result<Answer, Error> {
        if url.origin() != self.api.origin() {
            return Err(Error::Elsewhere { to: self.shown(&url) });
        }
        let end = Instant::now() + self.policy.deadline;
        let mut asked = 0;
        loop {
            asked += 1;
            let left = end.saturating_duration_since(Instant::now());
            let attempt = tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(Error::Cancelled),
                attempt = timeout(left, self.follow(url.clone(), question)) => attempt,
            };
            let error = match attempt {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => error,
                Err(_) => Error::Timeout { said: format!("{} s in all", self.policy.deadline.as_secs()) },
            };
            let left = end.saturating_duration_since(Instant::now());
            let Some(wait) = self.policy.next(&error, question.repeat(), asked, left, rand::random()) else {
                return Err(error);
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = cancel.cancelled() => return Err(Error::Cancelled),
            }
        }
    }

    /// Asks once, and follows redirects on the same machine.
    async fn follow(&self, mut url: Url, question: &Question<'_>) -> Result<Answer, Error> {
        for _ in 0..=REDIRECTS {
            let answer = self.once(&url, question).await?;
            let status = answer.status;
            if status / 100 == 2 {
                return Ok(answer);
            }
            let moved = match status {
                301 | 302 => question.method == Method::GET,
                307 | 308 => true,
                _ => false,
            };
            let to = answer.headers.get(LOCATION).and_then(|to| to.to_str().ok()).and_then(|to| url.join(to).ok());
            match to.filter(|_| moved) {
                Some(to) if to.origin() == self.api.origin() => url = to,
                Some(to) => return Err(Error::Elsewhere { to: self.shown(&to) }),
                None => return Err(self.refusal(&answer, question)),
            }
        }
        Err(Error::NotGitHub { said: "it redirects again and again".to_owned() })
    }

    fn refusal(&self, answer: &Answer, question: &Question<'_>) -> Error {
        let asked = Asked { doing: question.doing, what: question.what, variable: self.token.variable };
        let body = self.token.key.hide_in(&String::from_utf8_lossy(&answer.body));
        fault::read(answer.status, &answer.headers, &body, asked)
    }

    async fn once(&self, url: &Url, question: &Question<'_>) -> Result<Answer, Error> {
        let mut request = self
            .http
            .request(question.method.clone(), url.clone())
            .headers(self.headers.clone())
            .header(ACCEPT, question.accept.unwrap_or(JSON));
        if let Some(body) = &question.body {
            let mut body = body.clone();
            self.secrets.redactor().value(&mut body);
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        let head = timeout(self.timers.head, request.send()).await.map_err(|_| Error::Timeout {
            said: format!("{} sent nothing within {} s", self.shown(url), self.timers.head.as_secs()),
        })?;
        let mut response = head.map_err(|error| self.unsent(&error, url))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut body = Vec::new();
        let read = async {
            while let Some(piece) = response.chunk().await.map_err(|error| self.broken(&error))? {
                body.extend_from_slice(&piece);
                if body.len() > ANSWER_LIMIT {
                    let said = format!("it is longer than {} MB", ANSWER_LIMIT / 1024 / 1024);
                    return Err(Error::NotGitHub { said });
                }
            }
            Ok(())
        };
        timeout(self.timers.body, read)
            .await
            .map_err(|_| Error::Timeout { said: format!("the answer of {} stopped", self.shown(url)) })??;
        Ok(Answer { status, headers, body })
    }

    fn unsent(&self, error: &reqwest::Error, url: &Url) -> Error {
        let said = self.clean(&format!("{} ({})", net::cause(error), self.shown(url)));
        if error.is_connect() && net::speaks_no_tls(error) {
            let address = self.shown(&self.api);
            return Error::BadAddress { address, why: format!("makes no secure connection: {said}") };
        }
        Error::Network { said, sent: !error.is_connect() }
    }

    fn broken(&self, error: &reqwest::Error) -> Error {
        Error::Network { said: self.clean(&net::cause(error)), sent: true }
    }

    /// The address as people may see it.
    fn shown(&self, url: &Url) -> String {
        let mut shown = url.clone();
        shown.set_query(None);
        // Neither can fail: every address here has a machine.
        let _ = shown.set_username("");
        let _ = shown.set_password(None);
        self.clean(shown.as_str())
    }

    /// A foreign text on one line, without the token.
    pub(super) fn clean(&self, foreign: &str) -> String {
        text::line(&self.token.key.hide_in(foreign))
    }
}

/// The address of an API: secure, or on this machine.
fn address(given: &str) -> Result<Url, Error> {
    let wrong = |why: &str| {
        let shown = text::line(given.split(['?', '#']).next().unwrap_or_default());
        let shown = match (shown.split_once("://"), shown.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://***@{rest}"),
            _ => shown,
        };
        Error::BadAddress { address: shown, why: why.to_owned() }
    };
    let mut url = Url::parse(given.trim()).map_err(|_| wrong("is no address such as https://api.github.com"))?;
    if url.host_str().is_none() || !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("does not begin with https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("holds a name or a password"));
    }
    if url.scheme() == "http" && !net::is_loopback(&url) {
        return Err(wrong("is not secure: everybody on the way could read the token"));
    }
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    const API: &str = "https://api.github.com";

    fn client(api: &str) -> Result<Client, Error> {
        Client::new(&Access::from_env(api, |name| (name == "GH_TOKEN").then(|| "ghp_canary1234".to_owned())))
    }

    #[test]
    fn a_token_goes_only_where_nobody_can_read_it() {
        for good in [API, "https://ghe.example.com/api/v3/", "http://127.0.0.1:1", "http://localhost/api/v3"] {
            assert!(client(good).is_ok(), "{good}");
        }
        for bad in ["", "github.com", "ftp://x", "http://github.com", "https://me:secret@x.example/api/v3"] {
            let error = client(bad).map(|_| ()).unwrap_err();
            assert!(matches!(error, Error::BadAddress { .. }), "{bad}: {error:?}");
            assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
        }
        assert_eq!(Client::new(&Access::from_env(API, |_| None)).map(|_| ()).unwrap_err(), Error::NoToken);
        let odd = Access::from_env(API, |_| Some("ghp_a\nghp_b".to_owned()));
        assert_eq!(Client::new(&odd).map(|_| ()).unwrap_err(), Error::BadToken { variable: "GH_TOKEN" });
        assert!(!format!("{:?}", client(API).unwrap()).contains("canary"));
    }

    #[test]
    fn addresses_that_github_names_are_taken_on_its_own_machine_only() {
        let of = |api: &str| client(api).unwrap();
        assert_eq!(of(API).web_host(), "github.com");
        assert_eq!(of("https://api.acme.ghe.com").web_host(), "acme.ghe.com");
        assert_eq!(of("https://ghe.example.com/api/v3").web_host(), "ghe.example.com");
        assert_eq!(of("http://127.0.0.1:81").web_host(), "127.0.0.1:81");
        let github = of(API);
        assert!(github.is_of_web_host("https://github.com/o/r.git"));
        for bad in [
            "http://github.com/o/r.git",
            "https://github.com.evil.example/o/r.git",
            "https://me@github.com/o/r.git",
            "https://github.com:8443/o/r.git",
            "git@github.com:o/r.git",
            "file:///etc",
            "--upload-pack=x",
        ] {
            assert!(!github.is_of_web_host(bad), "{bad}");
        }
    }
}
