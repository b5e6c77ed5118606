//! One client of one Bot API with one token: a question, its timers, and what came of it.

use std::fmt;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::error::Error;
use super::types::Received;
use crate::net::{self, Key, text};
use crate::telegram::token::Token;

/// The longest answer, in bytes: a hundred updates of the longest texts take about 2 MB.
const ANSWER_LIMIT: usize = 16 * 1024 * 1024;
/// How many updates are asked for at once: the most there are.
const BATCH: u32 = 100;
/// The kinds of updates cgo looks at.
const KINDS: [&str; 3] = ["message", "edited_message", "callback_query"];

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

/// The buttons under a message, row by row, as the API takes them.
pub type Keyboard = Value;

/// Who the bot is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Me {
    /// Its number.
    pub id: i64,
    /// Its name, without the `@`.
    pub username: String,
}

/// A client of one Bot API.
pub struct Client {
    http: reqwest::Client,
    api: Url,
    token: Token,
    timers: Timers,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("api", &self.api.as_str()).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Envelope {
    ok: bool,
    #[serde(default)]
    result: Option<Box<RawValue>>,
    #[serde(default)]
    error_code: i64,
    #[serde(default)]
    description: String,
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Deserialize, Default)]
struct Parameters {
    #[serde(default)]
    retry_after: Option<u64>,
    #[serde(default)]
    migrate_to_chat_id: Option<i64>,
}

#[derive(Deserialize)]
struct Sent {
    message_id: i64,
}

#[derive(Deserialize)]
struct Webhook {
    #[serde(default)]
    url: String,
}

#[derive(Deserialize)]
struct File {
    file_path: Option<String>,
    #[serde(default)]
    file_size: Option<u64>,
}

impl Client {
    /// Sets a client up; nobody is asked yet.
    ///
    /// # Errors
    /// [`Error::BadAddress`].
    pub fn new(api: &str, token: Token, timers: Timers) -> Result<Self, Error> {
        let api = address(api)?;
        let http = net::client(&api, timers.connect)
            .map_err(|error| Error::Network { said: text::line(&net::cause(&error)), sent: false })?;
        Ok(Self { http, api, token, timers })
    }

    /// Who the bot is.
    ///
    /// # Errors
    /// [`Error::TokenRefused`], and as every question.
    pub async fn me(&self) -> Result<Me, Error> {
        self.ask("getMe", &json!({})).await
    }

    /// Where updates go instead of here; none when they come here.
    ///
    /// # Errors
    /// As every question.
    pub async fn webhook(&self) -> Result<Option<String>, Error> {
        let webhook: Webhook = self.ask("getWebhookInfo", &json!({})).await?;
        Ok(Some(webhook.url).filter(|url| !url.is_empty()))
    }

    /// Has updates come here again. Those that wait are kept.
    ///
    /// # Errors
    /// As every question.
    pub async fn delete_webhook(&self) -> Result<(), Error> {
        let _: bool = self.ask("deleteWebhook", &json!({ "drop_pending_updates": false })).await?;
        Ok(())
    }

    /// The updates from a number on; those before it are never sent again. Waits for some as long as `hold`.
    ///
    /// # Errors
    /// [`Error::OtherPoller`], [`Error::WebhookSet`], and as every question.
    pub async fn updates(&self, from: i64, bot: i64, hold: Duration) -> Result<Vec<Received>, Error> {
        let body = json!({
            "offset": from, "limit": BATCH, "timeout": hold.as_secs(), "allowed_updates": KINDS,
        });
        let values: Vec<Value> = self.ask_within("getUpdates", &body, hold + self.timers.answer).await?;
        Ok(values.iter().filter_map(|value| Received::read(value, bot)).collect())
    }

    /// Sends a message; returns its number.
    ///
    /// # Errors
    /// As every question.
    pub async fn send(
        &self,
        chat: i64,
        words: &str,
        marks: bool,
        keyboard: Option<&Keyboard>,
        reply_to: Option<i64>,
    ) -> Result<i64, Error> {
        let mut body = json!({ "chat_id": chat, "text": words, "link_preview_options": { "is_disabled": true } });
        if marks {
            body["parse_mode"] = json!("MarkdownV2");
        }
        if let Some(keyboard) = keyboard {
            body["reply_markup"] = keyboard.clone();
        }
        if let Some(message) = reply_to {
            body["reply_parameters"] = json!({ "message_id": message, "allow_sending_without_reply": true });
        }
        let sent: Sent = self.ask("sendMessage", &body).await?;
        Ok(sent.message_id)
    }

    /// Changes a message; without a keyboard its buttons go.
    ///
    /// # Errors
    /// [`Error::Same`], [`Error::Gone`], and as every question.
    pub async fn edit(
        &self,
        chat: i64,
        message: i64,
        words: &str,
        marks: bool,
        keyboard: Option<&Keyboard>,
    ) -> Result<(), Error> {
        let mut body = json!({
            "chat_id": chat, "message_id": message, "text": words, "link_preview_options": { "is_disabled": true },
        });
        if marks {
            body["parse_mode"] = json!("MarkdownV2");
        }
        if let Some(keyboard) = keyboard {
            body["reply_markup"] = keyboard.clone();
        }
        let _: Value = self.ask("editMessageText", &body).await?;
        Ok(())
    }

    /// Takes the buttons off a message.
    ///
    /// # Errors
    /// As [`Self::edit`].
    pub async fn take_buttons(&self, chat: i64, message: i64) -> Result<(), Error> {
        let body = json!({ "chat_id": chat, "message_id": message, "reply_markup": { "inline_keyboard": [] } });
        let _: Value = self.ask("editMessageReplyMarkup", &body).await?;
        Ok(())
    }

    /// Deletes a message.
    ///
    /// # Errors
    /// [`Error::Gone`], and as every question.
    pub async fn delete(&self, chat: i64, message: i64) -> Result<(), Error> {
        let _: bool = self.ask("deleteMessage", &json!({ "chat_id": chat, "message_id": message })).await?;
        Ok(())
    }

    /// Shows that the bot is at work, for five seconds.
    ///
    /// # Errors
    /// As every question.
    pub async fn typing(&self, chat: i64) -> Result<(), Error> {
        let _: bool = self.ask("sendChatAction", &json!({ "chat_id": chat, "action": "typing" })).await?;
        Ok(())
    }

    /// Ends the waiting of a button that was pressed; a text is shown over the chat, or in a window to be closed.
    ///
    /// # Errors
    /// [`Error::Gone`] when it was pressed too long ago, and as every question.
    pub async fn answer_press(&self, id: &str, words: Option<&str>, window: bool) -> Result<(), Error> {
        let mut body = json!({ "callback_query_id": id });
        if let Some(words) = words {
            body["text"] = json!(words);
            body["show_alert"] = json!(window);
        }
        let _: bool = self.ask("answerCallbackQuery", &body).await?;
        Ok(())
    }

    /// Registers the commands that are shown to people of a language; all others without one.
    ///
    /// # Errors
    /// As every question.
    pub async fn set_commands(&self, commands: &[(&str, &str)], language: Option<&str>) -> Result<(), Error> {
        let rows: Vec<Value> =
            commands.iter().map(|(name, about)| json!({ "command": name, "description": about })).collect();
        let mut body = json!({ "commands": rows });
        if let Some(language) = language {
            body["language_code"] = json!(language);
        }
        let _: bool = self.ask("setMyCommands", &body).await?;
        Ok(())
    }

    /// The bytes of a file a person sent.
    ///
    /// # Errors
    /// [`Error::TooLarge`], and as every question.
    pub async fn file(&self, id: &str, limit: usize) -> Result<Vec<u8>, Error> {
        let file: File = self.ask("getFile", &json!({ "file_id": id })).await?;
        if file.file_size.is_some_and(|size| size > limit as u64) {
            return Err(Error::TooLarge { limit });
        }
        let path = file.file_path.unwrap_or_default();
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
            let said = self.clean(&String::from_utf8_lossy(&bytes));
            Err(if status >= 500 {
                Error::Upstream { code: i64::from(status), said }
            } else {
                Error::Refused { method: "file", code: i64::from(status), said }
            })
        };
        self.within(self.timers.answer, load).await
    }

    async fn ask<T: serde::de::DeserializeOwned>(&self, method: &'static str, body: &Value) -> Result<T, Error> {
        self.ask_within(method, body, self.timers.answer).await
    }

    async fn ask_within<T: serde::de::DeserializeOwned>(
        &self,
        method: &'static str,
        body: &Value,
        limit: Duration,
    ) -> Result<T, Error> {
        let url = self.url(&format!("bot{}/{method}", self.token.key.reveal()));
        let request = self.http.post(url).header(CONTENT_TYPE, "application/json").body(body.to_string());
        let asked = async {
            let response = request.send().await.map_err(|error| self.broken(&error))?;
            let status = i64::from(response.status().as_u16());
            Ok((status, self.body(response, ANSWER_LIMIT).await?))
        };
        let (status, bytes) = self.within(limit, asked).await?;
        let envelope: Envelope = serde_json::from_slice(&bytes).map_err(|_| self.foreign(status, &bytes))?;
        if !envelope.ok {
            return Err(self.refusal(method, &envelope));
        }
        let result = envelope.result.ok_or_else(|| self.foreign(status, &bytes))?;
        serde_json::from_str(result.get()).map_err(|error| Error::NotTelegram {
            said: format!("its answer to {method} is of another form ({error})"),
        })
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
    fn refusal(&self, method: &'static str, envelope: &Envelope) -> Error {
        let said = self.clean(&envelope.description);
        let words = said.to_lowercase();
        let has = |part: &str| words.contains(part);
        if let Some(to) = envelope.parameters.migrate_to_chat_id {
            return Error::Moved { to };
        }
        match envelope.error_code {
            401 | 404 => Error::TokenRefused { from: self.token.from.clone(), said },
            403 => Error::Blocked { said },
            409 if has("webhook") => Error::WebhookSet { host: None },
            409 => Error::OtherPoller,
            429 => Error::Flood { after: Duration::from_secs(envelope.parameters.retry_after.unwrap_or(1)) },
            400 if has("chat not found") || has("peer_id_invalid") || has("user not found") => Error::NoChat { said },
            400 if has("can't parse entities") => Error::Entities { said },
            400 if has("not modified") => Error::Same,
            400 if has("query is too old") || has("not found") || has("can't be edited") || has("can't be deleted") => {
                Error::Gone { said }
            }
            code @ 500.. => Error::Upstream { code, said },
            code => Error::Refused { method, code, said },
        }
    }

    fn foreign(&self, status: i64, bytes: &[u8]) -> Error {
        let body = String::from_utf8_lossy(bytes);
        let said = if text::is_page(&body) { text::page(&body) } else { body.into_owned() };
        let said = self.clean(&said);
        // A server in between that fails says so in its own words.
        if status >= 500 { Error::Upstream { code: status, said } } else { Error::NotTelegram { said } }
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

    /// The token.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.token.key
    }

    /// How long to wait for what.
    #[must_use]
    pub fn timers(&self) -> Timers {
        self.timers
    }
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
}
