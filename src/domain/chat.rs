//! What is kept of conversations with a bot: what was said and waits, runs that are followed, questions, buttons.
//!
//! Plain records; what they mean in a conversation is the front end's business.

use serde::Serialize;

use super::ids::{AskId, RunId};
use super::spec::Language;
use super::time::Timestamp;

/// A bot, by the number its token begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BotId(pub i64);

/// A chat. Groups have negative numbers, a person's own chat has the person's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChatId(pub i64);

/// A person with an account at Telegram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonId(pub i64);

/// Something that was said to a bot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// Its number, which is its place in the order.
    pub id: i64,
    /// The chat it is dealt with in: those of one chat one after the other.
    pub chat: ChatId,
    /// It, as JSON; encrypted where it was taken from the store.
    pub body: String,
    /// When it was received.
    pub at: Timestamp,
}

/// A run that a chat follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// The run.
    pub run: RunId,
    /// The chat.
    pub chat: ChatId,
    /// Who asked for the run.
    pub person: PersonId,
    /// The language it is told in.
    pub language: Language,
    /// The message that shows how far it is; when it is over, the one that has told its result, if one has.
    pub message: Option<i64>,
    /// What that message shows.
    pub shown: Option<String>,
    /// The question that was put last.
    pub asked: Option<AskId>,
    /// Its result was told, or is told here no more.
    pub over: bool,
}

impl Followed {
    /// A run that a chat begins to follow: nothing was told of it there yet.
    #[must_use]
    pub fn begun(run: RunId, chat: ChatId, person: PersonId, language: Language) -> Self {
        Self { run, chat, person, language, message: None, shown: None, asked: None, over: false }
    }
}

/// A question of a run, as it is put to a chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// The question.
    pub ask: AskId,
    /// The run that asks.
    pub run: RunId,
    /// The chat.
    pub chat: ChatId,
    /// The message it stands in.
    pub message: Option<i64>,
    /// What was said so far, as JSON: objects that begin with the `update` that said it.
    pub said: String,
    /// It was answered, or its run is over.
    pub closed: bool,
}

/// An approval that is asked for in a chat beside the one that follows the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// The question.
    pub ask: AskId,
    /// The run that asks.
    pub run: RunId,
    /// The chat.
    pub chat: ChatId,
    /// The message it stands in.
    pub message: i64,
    /// The language it is put in.
    pub language: Language,
}

/// A button that works once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Button {
    /// What the press has to carry.
    pub nonce: String,
    /// The chat it was shown in.
    pub chat: ChatId,
    /// Who may press it.
    pub person: PersonId,
    /// What it does, as JSON.
    pub action: String,
    /// The update that pressed it.
    pub used_by: Option<i64>,
    /// When it stops working.
    pub expires_at: Timestamp,
}

/// What something is about, by its ids; never what was said.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct About {
    /// The number of what was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update: Option<i64>,
    /// The chat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chat: Option<i64>,
    /// The run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
}

impl From<&Queued> for About {
    fn from(update: &Queued) -> Self {
        Self { update: Some(update.id), chat: Some(update.chat.0), run: None }
    }
}

impl From<&Followed> for About {
    fn from(followed: &Followed) -> Self {
        Self { update: None, chat: Some(followed.chat.0), run: Some(followed.run.clone()) }
    }
}

/// What a bot notes for whoever watches it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Noted {
    /// Something that was said was dealt with.
    DealtWith,
    /// Somebody asked for a run.
    RunAsked,
    /// Something did not work: why.
    Trouble(String),
    /// Nobody can be talked with for now: why.
    OutOfReach(String),
    /// People can be talked with again.
    InReach,
}
