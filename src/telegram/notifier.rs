//! Notices over Telegram. What is said of a run that a chat follows anyway is not said there twice: such a notice has
//! arrived when that has.

use std::sync::Arc;

use tokio::sync::Notify;

use super::api::Error;
use super::cards;
use super::markup::Text;
use super::questions::Prompt;
use super::sender::{Outgoing, Sender};
use crate::domain::chat::{ChatId, Copy, Followed, PersonId};
use crate::domain::notice::{NoticeKind, Urgency};
use crate::domain::user::{Identity, User};
use crate::ops::chats::Chats;
use crate::ops::notify::{Channel, Delivering, Letter, Receipt, Undelivered};

/// How often it is waited for what a chat that follows a run is about to be told, before the notice is sent instead: for
/// about six minutes.
const WAITS: u32 = 4;

/// How far a chat that follows a run was told what a notice says.
enum Told {
    /// In this message.
    In(i64),
    /// It is about to be.
    Soon,
    /// It is not, and will not be.
    Not,
}

/// Tells people in their chats.
#[derive(Debug, Clone)]
pub struct Notifier {
    pub(super) sender: Arc<Sender>,
    pub(super) chats: Chats,
    pub(super) look: Arc<Notify>,
}

impl Notifier {
    /// None when it is about to be told to the chat because that follows the run.
    async fn tell(&self, letter: &Letter) -> Result<Option<Receipt>, Error> {
        let Ok(chat) = letter.address.parse().map(ChatId) else {
            return Err(Error::NoChat { said: "it has no number".to_owned() });
        };
        let receipt = |number: i64| Some(Receipt { message: Some(number.to_string()) });
        let follower = self.follower(letter, chat).await?;
        let here = follower.as_ref().filter(|followed| followed.chat == chat);
        let told = match here {
            Some(followed) => self.told(letter, followed).await?,
            None => Told::Not,
        };
        match told {
            Told::In(number) => return Ok(receipt(number)),
            Told::Soon if letter.tried < WAITS && self.chats.unreachable(chat).await?.is_none() => return Ok(None),
            Told::Soon | Told::Not => {}
        }
        let mut text = Text::of(mark(letter.notice.kind)).bold(&letter.title);
        for line in &letter.lines {
            text = text.line().plain(line);
        }
        let mut message = Outgoing::of(text);
        let ask = letter.ask.as_ref().filter(|_| letter.notice.kind == NoticeKind::Approval);
        if let Some(ask) = ask {
            message = message.row(cards::ruling(letter.language, &self.chats.press_of(&ask.id).await?));
        }
        // The chat that follows it was told all else of the run.
        if let Some(followed) = follower.as_ref().filter(|followed| followed.chat != chat && asked(letter, followed))
            && letter.notice.kind == NoticeKind::RunStuck
        {
            self.sender.send(followed.chat, &message).await?;
        }
        // The messages of a run that is followed here say something else, and stay.
        let previous = letter.previous.as_ref().filter(|_| here.is_none());
        let number = self.bring(letter.urgency, previous, chat, &message).await?;
        if let Some(ask) = ask {
            let (ask, run) = (ask.id.clone(), ask.run.clone());
            self.chats.put_prompt(chat, number, &Prompt::Answer(ask.clone()).spelled()).await?;
            self.chats.put_copy(&Copy { ask, run, chat, message: number, language: letter.language }).await?;
            self.look.notify_one();
        }
        Ok(receipt(number))
    }

    /// A new message, or the one before in its new words.
    async fn bring(
        &self,
        urgency: Urgency,
        previous: Option<&String>,
        chat: ChatId,
        message: &Outgoing,
    ) -> Result<i64, Error> {
        // Waited for here, one chat would keep others from being told.
        if let Some(after) = self.sender.left(chat.0) {
            return Err(Error::Flood { after });
        }
        if let Some(previous) = previous.and_then(|number| number.parse().ok())
            && self.sender.edit(chat, previous, message).await?
        {
            return Ok(previous);
        }
        let sent = match urgency {
            Urgency::Critical => self.sender.insist(chat, message).await?,
            Urgency::Normal => self.sender.send(chat, message).await?,
        };
        sent.ok_or_else(|| Error::Blocked { said: "it takes no messages".to_owned() })
    }

    /// How far the chat that follows the run was told what a letter says.
    async fn told(&self, letter: &Letter, followed: &Followed) -> Result<Told, Error> {
        Ok(match letter.notice.kind {
            NoticeKind::RunSucceeded | NoticeKind::RunFailed | NoticeKind::RunCancelled if followed.over => {
                followed.message.map_or(Told::Not, Told::In)
            }
            NoticeKind::RunSucceeded | NoticeKind::RunFailed | NoticeKind::RunCancelled => Told::Soon,
            NoticeKind::Question | NoticeKind::Approval | NoticeKind::Secret | NoticeKind::Capacity => {
                let card = match &letter.notice.ask {
                    Some(ask) => self.chats.card_of(ask).await?,
                    None => None,
                };
                let put = card.filter(|card| card.chat == followed.chat).and_then(|card| card.message);
                put.map_or(Told::Soon, Told::In)
            }
            // A run that is put down stands where it stood: who follows it sees nothing new.
            NoticeKind::RunStuck | NoticeKind::IncidentOpened | NoticeKind::IncidentClosed => Told::Not,
        })
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
        let followed = Followed::begun(run.id.clone(), chat, PersonId(chat.0), letter.language);
        self.chats.follow(&followed).await?;
        self.look.notify_one();
        Ok(self.chats.follower(&run.id).await?)
    }
}

/// Whether a letter is to whoever asked for a run that is followed.
fn asked(letter: &Letter, followed: &Followed) -> bool {
    let identity = Identity::Telegram(followed.person.0);
    letter.person.as_ref().is_some_and(|person| person.identities.contains(&identity))
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
            match self.tell(letter).await {
                Ok(receipt) => receipt.ok_or(Undelivered::Elsewhere),
                Err(error @ Error::Flood { after }) => {
                    Err(Undelivered::Later { why: error.to_string(), after: Some(after) })
                }
                Err(error) if error.is_unreachable() => Err(Undelivered::Never { why: error.to_string() }),
                Err(error) => Err(Undelivered::Later { why: crate::domain::diagnose::told(&error), after: None }),
            }
        })
    }
}
