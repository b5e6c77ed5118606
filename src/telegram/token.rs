//! The bot's token: where it comes from, and whether it can be one.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::api::Error;
use crate::domain::chat::BotId;
use crate::domain::redact::Handle;
use crate::domain::secret::Secret;
use crate::net::Key;
use crate::ops::chats::Chats;
use crate::ops::{Context, operator};

/// The variable with the token.
pub const VARIABLE: &str = "CGO_TELEGRAM_TOKEN";
/// The variable that names a file with the token.
pub const FILE_VARIABLE: &str = "CGO_TELEGRAM_TOKEN_FILE";
/// The name the token is kept under.
pub const KEPT_AS: &str = "TELEGRAM_TOKEN";
/// The longest file that is read.
const LONGEST_FILE: u64 = 4096;
/// The fewest characters after the colon; Telegram's own have 35.
const SECRET: usize = 30;

/// A token and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// It; prints as stars.
    pub key: Key,
    /// Where it came from, in words.
    pub from: String,
}

impl Token {
    /// A token from somewhere, if it can be one.
    ///
    /// # Errors
    /// [`Error::BadToken`], which shows nothing of it.
    pub fn parse(text: &str, from: impl Into<String>) -> Result<Self, Error> {
        let from = from.into();
        let wrong = |why| Err(Error::BadToken { from: from.clone(), why });
        let text = text.trim();
        if text.is_empty() {
            return wrong("it is empty");
        }
        let Some((number, secret)) = text.split_once(':') else { return wrong("it has no colon") };
        if number.is_empty() || number.len() > 15 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return wrong("digits stand before its colon");
        }
        if !secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
            return wrong("after its colon stand letters, digits, `-` and `_` only");
        }
        if secret.len() < SECRET {
            return wrong("it is too short: the end is missing");
        }
        Ok(Self { key: Key::new(text), from })
    }

    /// The token of the environment, of a file, or the one that is kept in the store: the first there is. This process
    /// knows it as a secret from then on.
    ///
    /// # Errors
    /// [`Error::NoToken`], [`Error::BadToken`], [`Error::TokenFile`], and when the one that is kept cannot be read.
    pub async fn find(context: &Context, env: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let given = |name: &str| env(name).filter(|value| !value.trim().is_empty());
        let token = if let Some(text) = given(VARIABLE) {
            Self::parse(&text, VARIABLE)?
        } else if let Some(path) = given(FILE_VARIABLE) {
            Self::parse(&read(Path::new(path.trim()))?, format!("`{}`", path.trim()))?
        } else if let Some(kept) = operator::secret(context, KEPT_AS).await? {
            Self::parse(kept.reveal(), "the store")?
        } else {
            return Err(Error::NoToken);
        };
        let handle = Handle::of_operator(KEPT_AS);
        let _ = context.secrets.add(&handle, token.key.reveal());
        Ok(token)
    }

    /// Keeps the token in the store, encrypted, where it is found when no other is named. From then on no invitation
    /// leads to another bot that was talked over before.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub async fn keep(&self, context: &Context) -> Result<(), Error> {
        let value = Secret::new(self.key.reveal().to_owned());
        operator::set_secret(context, KEPT_AS, &value).await?;
        Ok(Chats::of(context, BotId(self.bot())).forget_other_names().await?)
    }

    /// The bot's number, which stands in the token.
    #[must_use]
    pub fn bot(&self) -> i64 {
        self.key.reveal().split(':').next().and_then(|number| number.parse().ok()).unwrap_or(0)
    }
}

fn read(path: &Path) -> Result<String, Error> {
    let fail = |source| Error::TokenFile { path: path.to_owned(), source };
    let mut text = String::new();
    File::open(path).map_err(fail)?.take(LONGEST_FILE).read_to_string(&mut text).map_err(fail)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_token_is_refused_without_being_shown() {
        let secret = "AAE-canary_canary_canary_canary_can";
        assert_eq!(Token::parse(&format!(" 123456:{secret}\n"), "x").unwrap().bot(), 123_456);
        for bad in [
            String::new(),
            secret.to_owned(),
            format!(":{secret}"),
            format!("bot123456:{secret}"),
            format!("123456:{secret}/getMe"),
            "123456:AAE-canary".to_owned(),
            format!("123456:{secret}\n654321:{secret}"),
        ] {
            let error = Token::parse(&bad, "x").unwrap_err();
            assert!(!format!("{error:?} {error}").contains("canary"), "{error:?}");
        }
    }
}
