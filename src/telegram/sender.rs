//! Messages out: in pages, with buttons, at the pace Telegram allows, and plain where it cannot read the marks.
//!
//! A chat that takes no messages is noted in the store and left alone until something comes from there; what is critical
//! is tried all the same. A group that has become another chat is noted too.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use frankenstein::types::{ForceReply, InlineKeyboardButton, InlineKeyboardMarkup, ReplyMarkup};
use tokio::time::Instant;

use super::api::{Client, Error, Sound};
use super::markup::{Page, Text};
use crate::domain::chat::ChatId;
use crate::ops::chats::Chats;

/// The most bytes a button may carry.
pub const CARRIED: usize = 64;
/// The most characters of a button's words: more do not fit on a phone.
const LABEL: usize = 40;
/// How often a message is tried that does not get through.
const TRIES: u32 = 4;
/// How often Telegram may ask for patience before a message is given up for now.
const PATIENCE: u32 = 6;
/// The longest wait after which a press is still answered; one that waited longer is gone soon.
const PRESS_WAITS: Duration = Duration::from_secs(3);

/// A button under a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Button {
    /// Its words.
    pub label: String,
    /// What it does.
    pub act: Act,
}

/// What a button does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Tells the bot this.
    Tell(String),
    /// Opens an address.
    Open(String),
}

/// A message to be sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outgoing {
    /// What it says.
    pub text: Text,
    /// The buttons, row by row.
    pub rows: Vec<Vec<Button>>,
    /// The message it replies to.
    pub reply_to: Option<i64>,
    /// The person's program opens a reply to it.
    pub wants_reply: bool,
    /// Whether it makes itself heard.
    pub sound: Sound,
}

impl Button {
    /// A button that tells the bot something.
    #[must_use]
    pub fn tell(label: impl AsRef<str>, data: impl Into<String>) -> Self {
        Self { label: shortened(label.as_ref()), act: Act::Tell(data.into()) }
    }

    /// A button that opens an address; none for an address that a phone cannot open.
    #[must_use]
    pub fn open(label: impl AsRef<str>, url: &str) -> Option<Self> {
        let parsed = reqwest::Url::parse(url).ok()?;
        let host = parsed.host_str()?;
        let outside =
            matches!(parsed.scheme(), "http" | "https") && host.contains('.') && !crate::net::is_loopback(&parsed);
        outside.then(|| Self { label: shortened(label.as_ref()), act: Act::Open(url.to_owned()) })
    }
}

/// The words of a button: on one line, and no more than fit.
fn shortened(label: &str) -> String {
    let line = crate::net::text::line(label);
    if line.chars().count() <= LABEL {
        return line;
    }
    line.chars().take(LABEL - 1).chain(['…']).collect()
}

impl Outgoing {
    /// A message of text alone.
    #[must_use]
    pub fn of(text: Text) -> Self {
        Self { text, ..Self::default() }
    }

    /// With one more row of buttons; an empty one is none.
    #[must_use]
    pub fn row(mut self, buttons: impl IntoIterator<Item = Button>) -> Self {
        let row: Vec<Button> = buttons.into_iter().collect();
        if !row.is_empty() {
            self.rows.push(row);
        }
        self
    }

    fn buttons(&self) -> Option<InlineKeyboardMarkup> {
        let button = |button: &Button| {
            let labelled = InlineKeyboardButton::builder().text(button.label.as_str());
            match &button.act {
                Act::Tell(data) => {
                    debug_assert!(!data.is_empty() && data.len() <= CARRIED, "{data}");
                    labelled.callback_data(data.as_str()).build()
                }
                Act::Open(url) => labelled.url(url.as_str()).build(),
            }
        };
        let rows: Vec<Vec<_>> = self.rows.iter().map(|row| row.iter().map(button).collect()).collect();
        (!rows.is_empty()).then(|| InlineKeyboardMarkup::builder().inline_keyboard(rows).build())
    }

    fn keyboard(&self) -> Option<ReplyMarkup> {
        let reply = || ForceReply::builder().force_reply(true).selective(true).build();
        let buttons = self.buttons().map(ReplyMarkup::InlineKeyboardMarkup);
        buttons.or_else(|| self.wants_reply.then(|| ReplyMarkup::ForceReply(reply())))
    }
}

/// Until when nothing is sent.
#[derive(Debug, Default)]
struct Pace {
    everywhere: Option<Instant>,
    chats: HashMap<i64, Instant>,
}

/// Sends for one bot.
#[derive(Debug)]
pub struct Sender {
    client: Client,
    chats: Chats,
    pace: Mutex<Pace>,
}

impl Sender {
    /// A sender that was never asked for patience.
    #[must_use]
    pub fn new(client: Client, chats: Chats) -> Self {
        Self { client, chats, pace: Mutex::default() }
    }

    /// The client.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Sends a message; returns the number of its last part, which has the buttons. None when the chat takes no messages:
    /// that is noted, and no error. To a group that has become another chat it is sent there.
    ///
    /// # Errors
    /// When it does not get through.
    pub async fn send(&self, chat: ChatId, message: &Outgoing) -> Result<Option<i64>, Error> {
        if self.chats.unreachable(chat).await?.is_some() {
            return Ok(None);
        }
        match self.post(chat, message).await {
            Err(Error::Moved { to }) => self.post(ChatId(to), message).await,
            sent => sent,
        }
    }

    /// As [`Self::send`], also to a chat of which is noted that it takes no messages: it may take them again.
    ///
    /// # Errors
    /// When it does not get through.
    pub async fn insist(&self, chat: ChatId, message: &Outgoing) -> Result<Option<i64>, Error> {
        let noted = self.chats.unreachable(chat).await?.is_some();
        let sent = match self.post(chat, message).await {
            Err(Error::Moved { to }) => self.post(ChatId(to), message).await?,
            sent => sent?,
        };
        if noted && sent.is_some() {
            self.chats.set_unreachable(chat, None).await?;
        }
        Ok(sent)
    }

    /// As [`Self::insist`], but to this chat and no other.
    ///
    /// # Errors
    /// [`Error::Moved`] when the group has become another chat: that is noted, and what is kept of it stands there from
    /// then on. When it does not get through.
    pub(super) async fn post(&self, chat: ChatId, message: &Outgoing) -> Result<Option<i64>, Error> {
        let (pages, keyboard) = (message.text.pages(), message.keyboard());
        let mut sent = None;
        for (at, page) in pages.iter().enumerate() {
            let keyboard = keyboard.as_ref().filter(|_| at + 1 == pages.len());
            let reply_to = message.reply_to.filter(|_| at == 0);
            match self.send_page(chat.0, page, keyboard, reply_to, message.sound).await {
                Ok(number) => sent = Some(number),
                Err(Error::Moved { to }) => {
                    self.chats.moved(chat, ChatId(to)).await?;
                    return Err(Error::Moved { to });
                }
                Err(error) if error.is_unreachable() => {
                    self.chats.set_unreachable(chat, Some(&error.to_string())).await?;
                    return Ok(None);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(sent)
    }

    async fn send_page(
        &self,
        chat: i64,
        page: &Page,
        keyboard: Option<&ReplyMarkup>,
        reply_to: Option<i64>,
        sound: Sound,
    ) -> Result<i64, Error> {
        let marked = async || self.client.send(chat, &page.marked, true, keyboard, reply_to, sound).await;
        let plain = async || self.client.send(chat, &page.plain, false, keyboard, reply_to, sound).await;
        match self.paced(chat, marked).await {
            Err(Error::Entities { .. }) => self.paced(chat, plain).await,
            other => other,
        }
    }

    /// Changes a message to another one of a single page; what does not fit is left out. It is tried once: who changes a
    /// message again and again can do it later. False when the message is gone or the chat takes none; that the group has
    /// become another chat, which has none of its messages, is noted.
    ///
    /// # Errors
    /// [`Error::Flood`] while it is too early, and when it does not get through.
    pub async fn edit(&self, chat: ChatId, number: i64, message: &Outgoing) -> Result<bool, Error> {
        if let Some(left) = self.left(chat.0) {
            return Err(Error::Flood { after: left });
        }
        let Some(page) = message.text.pages().into_iter().next() else { return Ok(true) };
        let keyboard = message.buttons();
        let mut edited = self.client.edit(chat.0, number, &page.marked, true, keyboard.as_ref()).await;
        if let Err(Error::Entities { .. }) = edited {
            edited = self.client.edit(chat.0, number, &page.plain, false, keyboard.as_ref()).await;
        }
        self.edited(chat, edited).await
    }

    /// Changes the buttons under a message to those of another one; its text stays. Else as [`Self::edit`].
    ///
    /// # Errors
    /// As [`Self::edit`].
    pub async fn edit_buttons(&self, chat: ChatId, number: i64, message: &Outgoing) -> Result<bool, Error> {
        if let Some(left) = self.left(chat.0) {
            return Err(Error::Flood { after: left });
        }
        let edited = self.client.edit_buttons(chat.0, number, message.buttons().as_ref()).await;
        self.edited(chat, edited).await
    }

    /// What came of changing a message; what it says about the chat is noted.
    async fn edited(&self, chat: ChatId, edited: Result<(), Error>) -> Result<bool, Error> {
        match edited {
            Ok(()) | Err(Error::Same) => Ok(true),
            Err(Error::Gone { .. }) => Ok(false),
            Err(Error::Moved { to }) => {
                self.chats.moved(chat, ChatId(to)).await?;
                Ok(false)
            }
            Err(error) if error.is_unreachable() => {
                self.chats.set_unreachable(chat, Some(&error.to_string())).await?;
                Ok(false)
            }
            Err(Error::Flood { after }) => {
                self.hold(chat.0, after);
                Err(Error::Flood { after })
            }
            Err(error) => Err(error),
        }
    }

    /// Shows that the bot is at work; that it could not is nobody's concern.
    pub async fn typing(&self, chat: ChatId) {
        if self.left(chat.0).is_none()
            && let Err(Error::Flood { after }) = self.client.typing(chat.0).await
        {
            self.hold(chat.0, after);
        }
    }

    /// Ends the waiting of a button that was pressed. One that was pressed too long ago needs no answer. What is to be
    /// shown in a window is said in the chat where Telegram wants it to be left alone for too long.
    ///
    /// # Errors
    /// When it does not get through.
    pub async fn answer_press(&self, chat: ChatId, id: &str, words: Option<&str>, window: bool) -> Result<(), Error> {
        let shown = words.map(|words| words.chars().take(190).collect::<String>());
        let mut answered = self.client.answer_press(id, shown.as_deref(), window).await;
        if let Err(Error::Flood { after }) = answered {
            self.hold(chat.0, after);
            if after <= PRESS_WAITS {
                tokio::time::sleep(after).await;
                answered = self.client.answer_press(id, shown.as_deref(), window).await;
            }
        }
        match answered {
            Ok(()) | Err(Error::Gone { .. } | Error::Refused { .. }) => Ok(()),
            Err(Error::Flood { after }) => {
                self.hold(chat.0, after);
                match words.filter(|_| window) {
                    Some(words) => Box::pin(self.send(chat, &Outgoing::of(Text::of(words)))).await.map(drop),
                    None => Ok(()),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// The bytes of a file that somebody sent in a chat.
    ///
    /// # Errors
    /// [`Error::TooLarge`], and when it does not get through.
    pub async fn file(&self, chat: ChatId, id: &str, limit: usize) -> Result<Vec<u8>, Error> {
        self.paced(chat.0, async || self.client.file(id, limit).await).await
    }

    /// Deletes a message. True when nobody can read it there any more; a bot may not delete what others say in a group
    /// that does not let it.
    pub async fn delete(&self, chat: ChatId, number: i64) -> bool {
        let deleted = self.paced(chat.0, async || self.client.delete(chat.0, number).await).await;
        matches!(deleted, Ok(()) | Err(Error::Gone { .. }))
    }

    /// Takes the buttons off a message, or leaves them: who presses them is told.
    pub async fn take_buttons(&self, chat: ChatId, number: i64) {
        if self.left(chat.0).is_none()
            && let Err(Error::Flood { after }) = self.client.edit_buttons(chat.0, number, None).await
        {
            self.hold(chat.0, after);
        }
    }

    /// Asks until there is an answer, or no sense in asking; waits where Telegram wants it.
    async fn paced<T>(&self, chat: i64, ask: impl AsyncFn() -> Result<T, Error>) -> Result<T, Error> {
        let (mut floods, mut tries) = (0, 0);
        loop {
            while let Some(left) = self.left(chat) {
                tokio::time::sleep(left).await;
            }
            match ask().await {
                Err(Error::Flood { after }) => {
                    self.hold(chat, after);
                    if floods == PATIENCE {
                        return Err(Error::Flood { after });
                    }
                    floods += 1;
                }
                Err(moved @ Error::Moved { .. }) => return Err(moved),
                Err(error) if error.may_pass() && tries < TRIES => {
                    tries += 1;
                    tokio::time::sleep(Duration::from_millis(150 << tries)).await;
                }
                other => return other,
            }
        }
    }

    fn hold(&self, chat: i64, after: Duration) {
        let mut pace = self.pace.lock().expect("nobody panics with this lock");
        let (now, until) = (Instant::now(), Instant::now() + after);
        pace.chats.retain(|_, until| *until > now);
        // Telegram does not say whether one chat or all are meant: two chats at once are all.
        if pace.chats.keys().any(|other| *other != chat) {
            pace.everywhere = pace.everywhere.max(Some(until));
        }
        pace.chats.insert(chat, until);
    }

    /// How long nothing may be sent to a chat.
    pub(super) fn left(&self, chat: i64) -> Option<Duration> {
        let pace = self.pace.lock().expect("nobody panics with this lock");
        let until = pace.everywhere.max(pace.chats.get(&chat).copied())?;
        Some(until.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_button_opens_only_what_a_phone_can_open_and_its_words_fit() {
        assert!(Button::open("x", "https://notes.example.com/").is_some());
        for bad in ["http://127.0.0.1:8000", "http://localhost:1", "javascript:alert(1)", "http://box/", ""] {
            assert_eq!(Button::open("x", bad), None, "{bad}");
        }
        let button = Button::tell("a\nb\u{202e}".repeat(100), "x");
        assert_eq!(button.label.chars().count(), LABEL);
        assert!(button.label.starts_with("a ba b"), "{}", button.label);
    }
}
