//! The way to one Bot API with one token: a question, its timers, and what came of it.

use std::ffi::OsStr;
use std::fmt::{self, Debug};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use frankenstein::AsyncTelegramApi;
use frankenstein::response::ErrorResponse;
use reqwest::Url;
use reqwest::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::fs::{self, File};
use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

use super::error::Error;
use crate::net::{self, text};
use crate::telegram::token::Token;

/// Telegram's own machine, which has no files here.
const TELEGRAM: &str = "api.telegram.org";
/// The longest answer, in bytes: a hundred updates of the longest texts take about 2 MB.
const ANSWER_LIMIT: usize = 16 * 1024 * 1024;

/// What is said where the bot may read and not write, in small letters.
const MUTED: [&str; 5] = [
    "not enough rights to send",
    "have no rights to send a message",
    "need administrator rights",
    "chat_write_forbidden",
    "topic_closed",
];

/// How long to wait for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timers {
    /// For a connection.
    pub connect: Duration,
    /// For the whole answer to anything but a request for updates.
    pub answer: Duration,
    /// How long Telegram holds back an answer while there are no updates.
    pub poll: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), answer: Duration::from_secs(30), poll: Duration::from_secs(50) }
    }
}

/// The way to one Bot API.
pub(super) struct Transport {
    http: reqwest::Client,
    api: Url,
    token: Token,
    pub timers: Timers,
}

impl Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").field("api", &self.api.as_str()).finish_non_exhaustive()
    }
}

/// What all answers begin with.
#[derive(Deserialize)]
struct Verdict {
    ok: bool,
}

impl Transport {
    /// # Errors
    /// [`Error::BadAddress`].
    pub fn new(api: &str, token: Token, timers: Timers) -> Result<Self, Error> {
        let api = address(api)?;
        let http = net::client(&api, timers.connect)
            .map_err(|error| Error::Network { said: text::line(&net::cause(&error)), sent: false })?;
        Ok(Self { http, api, token, timers })
    }

    /// Asks for something that may take so long.
    ///
    /// # Errors
    /// As every question.
    pub async fn ask<T: DeserializeOwned>(&self, method: &str, body: String, limit: Duration) -> Result<T, Error> {
        let url = self.url(&format!("bot{}/{method}", self.token.key.reveal()));
        let request = self.http.post(url).header(CONTENT_TYPE, "application/json").body(body);
        let asked = async {
            let response = request.send().await.map_err(|error| self.broken(&error))?;
            let status = response.status().as_u16();
            Ok((status, self.body(response, ANSWER_LIMIT).await?))
        };
        let (status, bytes) = self.within(limit, asked).await?;
        let verdict: Verdict = serde_json::from_slice(&bytes).map_err(|_| self.foreign(status, &bytes))?;
        if !verdict.ok {
            let refused = refusal(&bytes).ok_or_else(|| self.foreign(status, &bytes))?;
            return Err(self.refused(method, &refused));
        }
        serde_json::from_slice(&bytes).map_err(|error| Error::NotTelegram {
            said: self.clean(&format!("its answer to {method} is of another form ({error})")),
        })
    }

    /// Whether a path is one that a Bot API server of one's own names: below a folder that is called by the bot's token, as
    /// it is there alone. No other file of this machine is read for it.
    fn is_own_file(&self, path: &Path) -> bool {
        let token = OsStr::new(self.token.key.reveal());
        let parts: Vec<Component<'_>> = path.components().collect();
        self.api.host_str() != Some(TELEGRAM)
            && path.is_absolute()
            && parts.contains(&Component::Normal(token))
            && !parts.contains(&Component::ParentDir)
    }

    /// The bytes of a file, from where Telegram says it is: below its own address, or, where a server of one's own was
    /// started with `--local`, on this machine.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::LocalFile`], and as every question.
    pub async fn load(&self, path: &str, limit: usize) -> Result<Vec<u8>, Error> {
        if self.is_own_file(Path::new(path)) {
            let read = read_here(Path::new(path), limit).await;
            // The name of a folder on the way is the token.
            return read.map_err(|source| Error::LocalFile { path: self.clean(path), source })?;
        }
        let plain = !path.is_empty() && !path.starts_with('/') && !path.split('/').any(|part| part == "..");
        if !plain {
            return Err(Error::NotTelegram { said: "it names no file to load".to_owned() });
        }
        let url = self.url(&format!("file/bot{}/{path}", self.token.key.reveal()));
        let load = async {
            let response = self.http.get(url).send().await.map_err(|error| self.broken(&error))?;
            let status = response.status().as_u16();
            let bytes = self.body(response, limit).await?;
            if status == 200 {
                return Ok(bytes);
            }
            let (code, said) = (u64::from(status), self.clean(&String::from_utf8_lossy(&bytes)));
            Err(if status >= 500 {
                Error::Upstream { code, said }
            } else {
                Error::Refused { method: "file".to_owned(), code, said }
            })
        };
        self.within(self.timers.answer, load).await
    }

    async fn within<T>(&self, limit: Duration, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let late = || Error::Network { said: format!("nothing came within {} s", limit.as_secs()), sent: true };
        timeout(limit, work).await.map_err(|_| late())?
    }

    async fn body(&self, mut response: reqwest::Response, limit: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| self.broken(&error))? {
            bytes.extend_from_slice(&piece);
            if bytes.len() > limit {
                return Err(Error::TooLarge { limit });
            }
        }
        Ok(bytes)
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.api.clone();
        url.set_path(&format!("{}/{path}", self.api.path().trim_end_matches('/')));
        url
    }

    /// What was refused, by who acts next. The API says most of it in words only; they are read here and nowhere else.
    fn refused(&self, method: &str, refused: &ErrorResponse) -> Error {
        let said = self.clean(&refused.description);
        let words = said.to_lowercase();
        let has = |part: &str| words.contains(part);
        if let Some(to) = refused.parameters.and_then(|more| more.migrate_to_chat_id) {
            return Error::Moved { to };
        }
        let after = refused.parameters.and_then(|more| more.retry_after).unwrap_or(1);
        match refused.error_code {
            401 | 404 => Error::TokenRefused { from: self.token.from.clone(), said },
            403 => Error::Blocked { said },
            409 if has("webhook") => Error::WebhookSet { host: None },
            409 => Error::OtherPoller,
            429 => Error::Flood { after: Duration::from_secs(after.into()) },
            400 if has("chat not found") || has("peer_id_invalid") || has("user not found") => Error::NoChat { said },
            400 if MUTED.iter().any(|words| has(words)) => Error::Blocked { said },
            400 if has("can't parse entities") => Error::Entities { said },
            400 if has("not modified") => Error::Same,
            400 if has("query is too old") || has("not found") || has("can't be edited") => Error::Gone { said },
            code @ 500.. => Error::Upstream { code, said },
            code => Error::Refused { method: method.to_owned(), code, said },
        }
    }

    fn foreign(&self, status: u16, bytes: &[u8]) -> Error {
        let body = String::from_utf8_lossy(bytes);
        let said = if text::is_page(&body) { text::page(&body) } else { body.into_owned() };
        let said = self.clean(&said);
        // A server in between that fails says so in its own words.
        if status >= 500 { Error::Upstream { code: status.into(), said } } else { Error::NotTelegram { said } }
    }

    fn broken(&self, error: &reqwest::Error) -> Error {
        let said = self.clean(&net::cause(error));
        if error.is_connect() && net::speaks_no_tls(error) {
            let address = self.clean(self.api.as_str());
            return Error::BadAddress { address, why: format!("makes no secure connection: {said}") };
        }
        Error::Network { said, sent: !error.is_connect() }
    }

    /// A foreign text on one line, without the token.
    fn clean(&self, foreign: &str) -> String {
        text::line(&self.token.key.hide_in(foreign))
    }
}

#[async_trait]
impl AsyncTelegramApi for Transport {
    type Error = Error;

    async fn request<Params, Output>(&self, method: &str, params: Option<Params>) -> Result<Output, Error>
    where
        Params: Serialize + Debug + Send,
        Output: DeserializeOwned,
    {
        let body = params.map_or_else(|| "{}".to_owned(), |params| json!(params).to_string());
        self.ask(method, body, self.timers.answer).await
    }

    async fn request_with_form_data<Params, Output>(
        &self,
        method: &str,
        _: Params,
        _: Vec<(&str, PathBuf)>,
    ) -> Result<Output, Error>
    where
        Params: Serialize + Debug + Send,
        Output: DeserializeOwned,
    {
        Err(Error::SendsNoFiles { method: method.to_owned() })
    }
}

/// The bytes of a file on this machine; what is no file, such as a pipe that nobody ends, is not opened.
async fn read_here(path: &Path, limit: usize) -> io::Result<Result<Vec<u8>, Error>> {
    if !fs::metadata(path).await?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
    }
    let mut bytes = Vec::new();
    File::open(path).await?.take(limit as u64 + 1).read_to_end(&mut bytes).await?;
    Ok(if bytes.len() > limit { Err(Error::TooLarge { limit }) } else { Ok(bytes) })
}

/// Why something was refused; none when that is not said as the Bot API says it.
fn refusal(bytes: &[u8]) -> Option<ErrorResponse> {
    let mut said: Value = serde_json::from_slice(bytes).ok()?;
    // The longest wait there is a type for is eighteen hours; who is told to wait longer is told so again.
    if let Some(after) = said.pointer_mut("/parameters/retry_after").filter(|after| after.is_u64()) {
        *after = json!(after.as_u64().unwrap_or_default().min(u16::MAX.into()));
    }
    serde_json::from_value(said).ok()
}

/// The address of a Bot API: secure, or on this machine. Its own server runs beside the program, without TLS.
fn address(given: &str) -> Result<Url, Error> {
    let wrong = |why: &str| Error::BadAddress {
        address: text::line(given.split(['?', '#', '@']).next_back().unwrap_or_default()),
        why: why.to_owned(),
    };
    let url = Url::parse(given.trim()).map_err(|_| wrong("is no address such as https://api.telegram.org"))?;
    if url.host_str().is_none() || !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("does not begin with https://"));
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("holds more than a machine and a path"));
    }
    if url.scheme() == "http" && !net::is_loopback(&url) {
        return Err(wrong("is not secure: everybody on the way could read the bot's token"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_goes_only_where_nobody_can_read_it() {
        for good in ["https://api.telegram.org", "http://127.0.0.1:8081", "https://bots.example.com/api/"] {
            assert!(address(good).is_ok(), "{good}");
        }
        for bad in ["", "api.telegram.org", "ftp://x", "http://bots.example.com", "https://me:secret@x.example"] {
            let error = address(bad).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
        }
    }

    fn transport() -> Transport {
        let token = Token::parse("123456:AAE-canary_canary_canary_canary_can", "a test").unwrap();
        Transport::new("http://127.0.0.1:9", token, Timers::default()).unwrap()
    }

    #[tokio::test]
    async fn a_path_of_this_machine_is_read_for_no_server_that_is_not_ones_own() {
        let token = Token::parse("123456:AAE-canary_canary_canary_canary_can", "a test").unwrap();
        let telegram = Transport::new("https://api.telegram.org", token, Timers::default()).unwrap();
        let there = telegram.load("/etc/hostname", 1 << 20).await.unwrap_err();
        assert!(matches!(there, Error::NotTelegram { .. }), "{there:?}");
        let folder = "/123456:AAE-canary_canary_canary_canary_can";
        for elsewhere in ["/etc/hostname".to_owned(), format!("{folder}/../etc/hostname")] {
            let refused = transport().load(&elsewhere, 1 << 20).await.unwrap_err();
            assert!(matches!(refused, Error::NotTelegram { .. }), "{refused:?}");
        }
        for path in [format!("/nonexistent{folder}/a.txt"), folder.to_owned()] {
            let here = transport().load(&path, 1 << 20).await.unwrap_err();
            assert!(matches!(here, Error::LocalFile { .. }), "{here:?}");
            assert!(!format!("{here:?} {here}").contains("canary"), "{here:?}");
        }
    }

    #[test]
    fn a_wait_longer_than_there_is_a_number_for_is_still_a_wait() {
        let refused =
            |body: &Value| transport().refused("setMyCommands", &refusal(body.to_string().as_bytes()).unwrap());
        let long = json!({
            "ok": false, "error_code": 429, "description": "Too Many Requests", "parameters": { "retry_after": 86_400 },
        });
        assert!(matches!(refused(&long), Error::Flood { after } if after.as_secs() == 65_535));
        let moved = json!({
            "ok": false, "error_code": 400, "description": "Bad Request: group chat was upgraded",
            "parameters": { "migrate_to_chat_id": -1_002_003_004_005_i64 },
        });
        assert!(matches!(refused(&moved), Error::Moved { to: -1_002_003_004_005 }));
        assert!(refusal(br#"{ "ok": false }"#).is_none());
    }

    #[test]
    fn a_chat_in_which_the_bot_may_not_write_takes_no_messages_like_one_that_is_blocked() {
        let refused = |words: &str| {
            let body = json!({ "ok": false, "error_code": 400, "description": format!("Bad Request: {words}") });
            transport().refused("sendMessage", &refusal(body.to_string().as_bytes()).unwrap())
        };
        for words in [
            "not enough rights to send text messages to the chat",
            "have no rights to send a message",
            "need administrator rights in the channel chat",
            "CHAT_WRITE_FORBIDDEN",
            "TOPIC_CLOSED",
        ] {
            let error = refused(words);
            assert!(matches!(&error, Error::Blocked { said } if said.contains(words)), "{error:?}");
            assert!(error.is_unreachable(), "{words}");
        }
        for words in ["message text is empty", "not enough rights to pin a message", "BUTTON_DATA_INVALID"] {
            assert!(matches!(refused(words), Error::Refused { .. }), "{words}");
        }
    }

    #[tokio::test]
    async fn the_token_is_in_no_debug_and_in_no_error() {
        let transport = transport();
        let error = transport.get_me().await.unwrap_err();
        assert!(matches!(error, Error::Network { sent: false, .. }), "{error:?}");
        let sends = transport.request_with_form_data::<_, Value>("sendPhoto", (), Vec::new()).await.unwrap_err();
        let said = format!("{transport:?} {error:?} {error} {sends:?} {sends}");
        assert!(!said.contains("canary"), "{said}");
    }
}
