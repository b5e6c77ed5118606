//! Conversations with a bot as they are kept: what was said and waits, runs that chats follow, questions and buttons.
//!
//! What is said in them is the front end's; here stands what must survive it. What people say is encrypted for as long
//! as it waits to be dealt with: until then it may be a secret, and what a database has written once it keeps, in logs
//! and in versions of rows, for longer than anybody can tell. What came of it stands in plain: answers in [`Card::said`]
//! and in the journal, descriptions in the requests of runs.

use super::{Context, Error, approvals, operator, users};
use crate::domain::chat::{BotId, Button, Card, ChatId, Copy, Followed, PersonId, Queued};
use crate::domain::diagnose::{Advice, Diagnose, Kind};
use crate::domain::ids::{AskId, RunId};
use crate::domain::secret::Secret;
use crate::domain::spec::Language;
use crate::domain::time::Timestamp;
use crate::store::{Conversations as _, Updates as _};
use crate::vault::{self, Sealed};

/// Telegram numbers updates anew when none came for a week: a number that is older says nothing about what comes next.
const NUMBERS_LAST_MS: i64 = 6 * 24 * 60 * 60 * 1000;
/// How long it is remembered what was dealt with: longer than Telegram keeps it, which is a day.
const REMEMBERED_MS: i64 = 14 * 24 * 60 * 60 * 1000;
/// How long a button that works once can be pressed.
const BUTTONS_LAST_MS: i64 = 15 * 60 * 1000;

/// The conversations of one bot.
#[derive(Debug, Clone)]
pub struct Chats {
    context: Context,
    bot: BotId,
}

/// What came of a press of a button that works once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pressed {
    /// It does this now, as JSON.
    Acts(String),
    /// There is no such button in this chat: it was forged, or is long over.
    Unknown,
    /// It is another person's.
    Foreign,
    /// It was pressed before.
    Used,
    /// It was pressed too late.
    Late,
}

/// Something that was said cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("what was said cannot be read")]
pub struct Unread(#[source] vault::Error);

impl Unread {
    /// It can be read as soon as the identity is as it was.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        !matches!(self.0, vault::Error::Damaged { .. })
    }
}

impl Diagnose for Unread {
    fn kind(&self) -> Kind {
        self.0.kind()
    }

    fn advice(&self) -> Option<Advice> {
        match &self.0 {
            vault::Error::Missing { path, .. } => Some(Advice::Do(format!(
                "put the file back from a copy at `{}`; if it is lost, ask for it to be said once more",
                path.display()
            ))),
            vault::Error::OtherKey { path, .. } => Some(Advice::Do(format!(
                "add that identity to `{}` as a line of its own; if it is lost, ask for it to be said once more",
                path.display()
            ))),
            vault::Error::Damaged { .. } => Some(Advice::Do("ask for it to be said once more".to_owned())),
            other => other.advice(),
        }
    }
}

/// A link that opens the chat with a bot and brings it an invitation's code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvitationLink {
    /// Its address.
    pub url: String,
    /// The bot's name, without the `@`.
    pub bot: String,
}

/// The link for an invitation's code, to the bot that was talked over last; none while no bot is known.
///
/// # Errors
/// When the store fails.
pub async fn invitation_link(context: &Context, code: &str) -> Result<Option<InvitationLink>, Error> {
    let bot = context.store.last_bot().await?;
    Ok(bot.map(|bot| InvitationLink { url: format!("https://t.me/{bot}?start={code}"), bot }))
}

impl Chats {
    /// Those of a bot.
    #[must_use]
    pub fn of(context: &Context, bot: BotId) -> Self {
        Self { context: context.clone(), bot }
    }

    /// Keeps what the bot is called, for links that lead to it. A name no link can carry is not kept.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn note_name(&self, name: &str) -> Result<(), Error> {
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Ok(());
        }
        Ok(self.context.store.name_bot(self.bot, name, self.context.now()).await?)
    }

    /// Forgets what other bots are called: this one has taken their place, and no link leads to them any more.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn forget_other_names(&self) -> Result<(), Error> {
        Ok(self.context.store.forget_other_names(self.bot).await?)
    }

    /// Sees to it that what is said can be encrypted, before anything is: the identity is made here or never.
    ///
    /// # Errors
    /// [`Error::Vault`] when the one that is needed is not there or cannot be used, and when the store fails.
    pub async fn prepare(&self) -> Result<(), Error> {
        operator::prepare_vault(&self.context).await
    }

    /// The number to ask for next; 0 where every number may come.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn next_update(&self) -> Result<i64, Error> {
        let known = self.context.store.next_update(self.bot).await?;
        let fresh = known.filter(|(_, at)| self.context.now().since(*at) < NUMBERS_LAST_MS);
        Ok(fresh.map_or(0, |(next, _)| next))
    }

    /// Takes what was said, encrypted, and the number to ask for next, at once. What was received before is not received
    /// again.
    ///
    /// # Errors
    /// [`Error::Vault`] when it cannot be encrypted, and when the store fails; then nothing was taken.
    pub async fn receive(&self, next: i64, updates: &[Queued]) -> Result<(), Error> {
        let sealed = updates.iter().map(|update| self.sealed(update)).collect::<Result<Vec<_>, _>>()?;
        Ok(self.context.store.receive(self.bot, next, &sealed, self.context.now()).await?)
    }

    /// What the vault calls something that was said.
    fn label(&self, update: i64) -> String {
        format!("telegram {} {update}", self.bot.0)
    }

    fn sealed(&self, update: &Queued) -> Result<Queued, Error> {
        let said = Secret::new(update.body.clone());
        let Sealed { key, text } = self.context.vault.seal(&self.label(update.id), &said)?;
        Ok(Queued { body: format!("{key}\n{text}"), ..update.clone() })
    }

    /// What was said, as JSON, of something that was taken.
    ///
    /// # Errors
    /// [`Unread`], whether for now or for good.
    pub fn said(&self, update: &Queued) -> Result<Secret, Unread> {
        match update.body.split_once('\n') {
            Some((key, text)) if key.starts_with("age1") => {
                let sealed = Sealed { key: key.to_owned(), text: text.to_owned() };
                self.context.vault.open(&self.label(update.id), &sealed).map_err(Unread)
            }
            // A cgo before this one took it.
            _ => Ok(Secret::new(update.body.clone())),
        }
    }

    /// What is to be dealt with first in each chat, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn heads(&self) -> Result<Vec<Queued>, Error> {
        Ok(self.context.store.heads(self.bot).await?)
    }

    /// What is to be dealt with next in a chat.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn head(&self, chat: ChatId) -> Result<Option<Queued>, Error> {
        Ok(self.context.store.head(self.bot, chat).await?)
    }

    /// How much waits to be dealt with.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn waiting(&self) -> Result<u64, Error> {
        Ok(self.context.store.waiting(self.bot).await?)
    }

    /// Something is dealt with; its text is kept no longer.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn dealt_with(&self, update: i64) -> Result<(), Error> {
        Ok(self.context.store.dealt_with(self.bot, update, self.context.now()).await?)
    }

    /// Forgets what is old enough to be forgotten.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn forget(&self) -> Result<(), Error> {
        let before = self.context.now().plus_ms(-REMEMBERED_MS);
        self.context.store.forget_updates(self.bot, before).await?;
        Ok(self.context.store.forget_buttons(self.bot, before).await?)
    }

    /// Why a chat cannot be written to; none when it can.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn unreachable(&self, chat: ChatId) -> Result<Option<String>, Error> {
        Ok(self.context.store.unreachable(self.bot, chat).await?)
    }

    /// Keeps that a chat cannot be written to, or that it can again.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn set_unreachable(&self, chat: ChatId, why: Option<&str>) -> Result<(), Error> {
        Ok(self.context.store.set_unreachable(self.bot, chat, why, self.context.now()).await?)
    }

    /// A group has become another chat: what it follows and is asked is told and asked there from now on, in new messages.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn moved(&self, from: ChatId, to: ChatId) -> Result<(), Error> {
        Ok(self.context.store.move_chat(self.bot, from, to, self.context.now()).await?)
    }

    /// Has a chat follow a run. One that is followed already stays with its chat.
    ///
    /// # Errors
    /// When the run is not there or the store fails.
    pub async fn follow(&self, followed: &Followed) -> Result<(), Error> {
        Ok(self.context.store.follow(self.bot, followed, self.context.now()).await?)
    }

    /// Keeps what was shown of a run.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn note_followed(&self, followed: &Followed) -> Result<(), Error> {
        Ok(self.context.store.note_followed(self.bot, followed, self.context.now()).await?)
    }

    /// The runs whose result was not told yet, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn followed(&self) -> Result<Vec<Followed>, Error> {
        Ok(self.context.store.followed(self.bot).await?)
    }

    /// Who follows a run.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn follower(&self, run: &RunId) -> Result<Option<Followed>, Error> {
        Ok(self.context.store.follower(self.bot, run).await?)
    }

    /// The runs a person had begun in a chat, newest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn last_runs(&self, chat: ChatId, person: PersonId, limit: u32) -> Result<Vec<RunId>, Error> {
        Ok(self.context.store.last_followed(self.bot, chat, person, limit).await?)
    }

    /// The language in which a person last had something begun in a chat.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn last_language(&self, chat: ChatId, person: PersonId) -> Result<Option<Language>, Error> {
        Ok(self.context.store.last_language(self.bot, chat, person).await?)
    }

    /// Keeps a question before it is put, unless it is kept already; returns what is kept.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn card(&self, card: Card) -> Result<Card, Error> {
        self.context.store.put_card(self.bot, &card, self.context.now()).await?;
        Ok(self.context.store.card(self.bot, &card.ask).await?.unwrap_or(card))
    }

    /// The question of that id.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn card_of(&self, ask: &AskId) -> Result<Option<Card>, Error> {
        Ok(self.context.store.card(self.bot, ask).await?)
    }

    /// The open questions of a chat, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn open_cards(&self, chat: ChatId) -> Result<Vec<Card>, Error> {
        Ok(self.context.store.open_cards(self.bot, chat).await?)
    }

    /// The question that an update of a chat has answered there, or a part of it, open or not.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn answered_by(&self, chat: ChatId, update: i64) -> Result<Option<Card>, Error> {
        Ok(self.context.store.card_answered_by(self.bot, chat, update).await?)
    }

    /// Keeps how a question stands, if what was said until now is `before`. False when somebody else said something.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn note_card(&self, card: &Card, before: &str) -> Result<bool, Error> {
        Ok(self.context.store.note_card(self.bot, card, before, self.context.now()).await?)
    }

    /// What the buttons of a question carry.
    ///
    /// # Errors
    /// When there is no such question.
    pub async fn press_of(&self, ask: &AskId) -> Result<approvals::Press, Error> {
        approvals::press(&self.context, ask).await
    }

    /// Keeps that an approval is asked for in one more chat.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn put_copy(&self, copy: &Copy) -> Result<(), Error> {
        Ok(self.context.store.put_copy(self.bot, copy, self.context.now()).await?)
    }

    /// The chats in which a run asks for an approval beside its own.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn copies(&self, run: &RunId) -> Result<Vec<Copy>, Error> {
        Ok(self.context.store.copies(self.bot, run).await?)
    }

    /// The approvals that are asked for in a chat beside the one that follows the run, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn copies_in(&self, chat: ChatId) -> Result<Vec<Copy>, Error> {
        Ok(self.context.store.copies_in(self.bot, chat).await?)
    }

    /// Forgets one of them.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn forget_copy(&self, copy: &Copy) -> Result<(), Error> {
        Ok(self.context.store.forget_copy(self.bot, copy).await?)
    }

    /// Makes a button that works once, for one person in one chat; returns what its press has to carry.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn button(&self, chat: ChatId, person: PersonId, action: String) -> Result<String, Error> {
        let nonce = users::code();
        let expires_at = self.context.now().plus_ms(BUTTONS_LAST_MS);
        let button = Button { nonce: nonce.clone(), chat, person, action, used_by: None, expires_at };
        self.context.store.put_button(self.bot, &button, self.context.now()).await?;
        Ok(nonce)
    }

    /// Presses such a button in the name of an update. The same update may press again: it was cut short.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn press(&self, nonce: &str, chat: ChatId, person: PersonId, update: i64) -> Result<Pressed, Error> {
        let now: Timestamp = self.context.now();
        let found = self.context.store.press(self.bot, nonce, chat, person, update, now).await?;
        Ok(match found {
            None => Pressed::Unknown,
            Some(button) if button.chat != chat => Pressed::Unknown,
            Some(button) if button.person != person => Pressed::Foreign,
            Some(button) if button.used_by == Some(update) => Pressed::Acts(button.action),
            Some(button) if button.used_by.is_some() => Pressed::Used,
            Some(button) if button.expires_at <= now => Pressed::Late,
            Some(button) => Pressed::Acts(button.action),
        })
    }

    /// What was pressed in the name of an update was not done: it can be pressed again.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn release(&self, update: i64) -> Result<(), Error> {
        Ok(self.context.store.free_button(self.bot, update, self.context.now()).await?)
    }

    /// Keeps what a reply to a message means.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn put_prompt(&self, chat: ChatId, message: i64, action: &str) -> Result<(), Error> {
        Ok(self.context.store.put_prompt(self.bot, chat, message, action, self.context.now()).await?)
    }

    /// What a reply to a message means, if it means something.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn prompt(&self, chat: ChatId, message: i64) -> Result<Option<String>, Error> {
        Ok(self.context.store.prompt(self.bot, chat, message).await?)
    }
}
