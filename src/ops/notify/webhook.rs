//! A webhook: every notice as a POST of JSON, signed as <https://www.standardwebhooks.com> says when there is a secret.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use reqwest::header::CONTENT_TYPE;
use reqwest::{StatusCode, Url};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{Channel, Delivering, Letter, Receipt, Undelivered};
use crate::domain::secret::Secret;
use crate::domain::user::User;
use crate::net::{self, cause, wait};
use crate::ops::{Error, now};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(10);

/// A webhook.
#[derive(Debug)]
pub struct Webhook {
    client: reqwest::Client,
    url: Url,
    secret: Option<Secret>,
    patience: Duration,
}

impl Webhook {
    /// A webhook at an address; a secret signs what it gets.
    ///
    /// # Errors
    /// [`Error::Usage`] when the address is none.
    pub fn new(address: &str, secret: Option<Secret>) -> Result<Self, Error> {
        let wrong = |why: String| Error::Usage {
            what: format!("the webhook for notices is no address: {why}"),
            hint: "set `notify: { webhook: https://… }` in the settings file".to_owned(),
        };
        let url = Url::parse(address).map_err(|error| wrong(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(wrong("it begins with neither http:// nor https://".to_owned()));
        }
        let client = net::client(&url, CONNECT).map_err(|error| wrong(cause(&error)))?;
        Ok(Self { client, url, secret, patience: ANSWER })
    }

    /// How long an answer may take; ten seconds where nothing else is said.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    async fn post(&self, letter: &Letter) -> Result<Receipt, Undelivered> {
        let body = body(letter).to_string();
        let at = now().0.div_euclid(1000);
        let id = &letter.notice.id;
        let mut request = self
            .client
            .post(self.url.clone())
            .timeout(self.patience)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", at.to_string());
        if let Some(secret) = &self.secret {
            request = request.header("webhook-signature", signature(secret, id, at, &body));
        }
        // The address may hold a token: nothing of it is told.
        let later = |why: String, after| Undelivered::Later { why, after };
        let answer = request.body(body).send().await.map_err(|error| {
            let why =
                if error.is_timeout() { "it did not answer in time".to_owned() } else { cause(&error.without_url()) };
            later(why, None)
        })?;
        let status = answer.status();
        if status.is_success() {
            return Ok(Receipt { message: Some(id.clone()) });
        }
        let why = format!("it answered with status {}", status.as_u16());
        match status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
                Err(later(why, wait::of_headers(answer.headers())))
            }
            passing if passing.is_server_error() => Err(later(why, wait::of_headers(answer.headers()))),
            _ => Err(Undelivered::Never { why }),
        }
    }
}

/// What is sent.
fn body(letter: &Letter) -> Value {
    let notice = &letter.notice;
    json!({
        "schema": "cgo.notice/1",
        "id": notice.id,
        "kind": notice.kind,
        "urgency": notice.urgency,
        "subject": notice.subject,
        "at": notice.at,
        "count": letter.count,
        "title": letter.title,
        "lines": letter.lines,
        "project": letter.project.as_ref().map(|project| &project.name),
        "run": notice.run,
        "request": letter.run.as_ref().map(|run| run.request.kind()),
        "status": letter.run.as_ref().map(|run| run.status),
        "question": notice.ask,
        "incident": notice.incident,
    })
}

/// The header that shows who sent it: of id, moment and body.
fn signature(secret: &Secret, id: &str, at: i64, body: &str) -> String {
    let raw = secret.reveal();
    let key = raw.strip_prefix("whsec_").and_then(|coded| STANDARD.decode(coded).ok());
    let key = key.unwrap_or_else(|| raw.as_bytes().to_vec());
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key of any length will do");
    mac.update(format!("{id}.{at}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

impl Channel for Webhook {
    fn name(&self) -> &'static str {
        "webhook"
    }

    fn reaches(&self, _: &User) -> Option<String> {
        None
    }

    fn common(&self) -> Option<String> {
        Some(String::new())
    }

    fn edits(&self) -> bool {
        false
    }

    fn deliver<'a>(&'a self, letter: &'a Letter) -> Delivering<'a> {
        Box::pin(self.post(letter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_standard() {
        // The example of the Standard Webhooks specification's reference implementations.
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
        let body = "{\"test\": 2432232314}";
        let signed = signature(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn only_addresses_of_the_web_are_taken() {
        for bad in ["", "example.com", "file:///etc/passwd", "ftp://example.com/x"] {
            assert!(Webhook::new(bad, None).is_err(), "{bad}");
        }
        assert!(Webhook::new("http://127.0.0.1:1/hook", None).is_ok());
    }
}
