//! Notices over Telegram. What is said of a run that a chat follows anyway is not said there twice.

use std::sync::Arc;

use tokio::sync::Notify;

use super::api::Error;
use super::markup::Text;
use super::questions::{self, Prompt};
use super::sender::{Outgoing, Sender};
use crate::domain::chat::{ChatId, Copy, Followed, PersonId};
use crate::domain::notice::NoticeKind;
use crate::domain::user::User;
use crate::ops::chats::Chats;
use crate::ops::notify::{Channel, Delivering, Letter, Receipt, Undelivered};

/// Tells people in their chats.
#[derive(Debug, Clone)]
pub struct Notifier {
    pub(super) sender: Arc<Sender>,
    pub(super) chats: Chats,
    pub(super) look: Arc<Notify>,
}

impl Notifier {
    async fn tell(&self, letter: &Letter) -> Result<Receipt, Error> {
        let Ok(chat) = letter.address.parse().map(ChatId) else {
            return Err(Error::NoChat { said: "it has no number".to_owned() });
        };
        if let Some(followed) = self.follower(letter, chat).await?.filter(|followed| followed.chat == chat) {
            return Ok(Receipt { message: followed.message.map(|number| number.to_string()) });
        }
        let mut text = Text::of(mark(letter.notice.kind)).bold(&letter.title);
        for line in &letter.lines {
            text = text.line().plain(line);
        }
        let mut message = Outgoing::of(text);
        let ask = letter.ask.as_ref().filter(|_| letter.notice.kind == NoticeKind::Approval);
        if let Some(ask) = ask {
            message = message.row(questions::ruling(letter.language, &self.chats.press_of(&ask.id).await?));
        }
        let number = self.bring(letter, chat, &message).await?;
        if let Some(ask) = ask {
            let (ask, run) = (ask.id.clone(), ask.run.clone());
            self.chats.put_prompt(chat, number, &Prompt::Answer(ask.clone()).spelled()).await?;
            self.chats.put_copy(&Copy { ask, run, chat, message: number, language: letter.language }).await?;
            self.look.notify_one();
        }
        Ok(Receipt { message: Some(number.to_string()) })
    }

    /// A new message, or the one before in its new words.
    async fn bring(&self, letter: &Letter, chat: ChatId, message: &Outgoing) -> Result<i64, Error> {
        if let Some(previous) = letter.previous.as_ref().and_then(|number| number.parse().ok())
            && self.sender.edit(chat, previous, message).await?
        {
            return Ok(previous);
        }
        let sent = self.sender.send(chat, message).await?;
        sent.ok_or_else(|| Error::Blocked { said: "it takes no messages".to_owned() })
    }

    /// Who follows the run of a letter. A run that needs somebody is followed from then on, so that it can be answered.
    async fn follower(&self, letter: &Letter, chat: ChatId) -> Result<Option<Followed>, Error> {
        let Some(run) = &letter.run else { return Ok(None) };
        let known = self.chats.follower(&run.id).await?;
        let asks = matches!(
            letter.notice.kind,
            NoticeKind::Question | NoticeKind::Approval | NoticeKind::Secret | NoticeKind::Capacity
        );
        if known.is_some() || !asks || letter.person.is_none() {
            return Ok(known);
        }
        let followed = Followed {
            run: run.id.clone(),
            chat,
            person: PersonId(chat.0),
            language: letter.language,
            message: None,
            shown: None,
            asked: None,
            over: false,
        };
        self.chats.follow(&followed).await?;
        self.look.notify_one();
        Ok(self.chats.follower(&run.id).await?)
    }
}

fn mark(kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::RunSucceeded => "✅ ",
        NoticeKind::RunFailed | NoticeKind::RunStuck => "❌ ",
        NoticeKind::RunCancelled => "🚫 ",
        NoticeKind::Question | NoticeKind::Approval | NoticeKind::Secret | NoticeKind::Capacity => "❓ ",
        NoticeKind::IncidentOpened => "🚨 ",
        NoticeKind::IncidentClosed => "💚 ",
    }
}

impl Channel for Notifier {
    fn name(&self) -> &'static str {
        "telegram"
    }

    fn reaches(&self, user: &User) -> Option<String> {
        user.chat.map(|chat| chat.to_string())
    }

    fn edits(&self) -> bool {
        true
    }

    fn deliver<'a>(&'a self, letter: &'a Letter) -> Delivering<'a> {
        Box::pin(async move {
            self.tell(letter).await.map_err(|error| match error {
                Error::Flood { after } => Undelivered::Later { why: error.to_string(), after: Some(after) },
                error if error.is_unreachable() => Undelivered::Never { why: error.to_string() },
                error => Undelivered::Later { why: crate::domain::diagnose::told(&error), after: None },
            })
        })
    }
}
