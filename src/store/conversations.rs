//! What the bots are called that are talked over, what chats follow and are asked, and what the buttons and replies in
//! them mean.

use super::engine::{Row, args, locking, transaction};
use super::{Error, Store};
use crate::domain::chat::{BotId, Button, Card, ChatId, Copy, Followed, PersonId};
use crate::domain::ids::{AskId, RunId};
use crate::domain::spec::Language;
use crate::domain::time::Timestamp;

/// What can be done with the conversations of a store.
pub trait Conversations {
    /// Keeps what a bot is called, and that it was the last one that was talked over.
    fn name_bot(&self, bot: BotId, name: &str, at: Timestamp) -> impl Future<Output = Result<(), Error>> + Send;
    /// What the bot is called that was talked over last.
    fn last_bot(&self) -> impl Future<Output = Result<Option<String>, Error>> + Send;
    /// Forgets what all bots but this one are called.
    fn forget_other_names(&self, bot: BotId) -> impl Future<Output = Result<(), Error>> + Send;

    /// Why a chat cannot be written to; none when it can.
    fn unreachable(&self, bot: BotId, chat: ChatId) -> impl Future<Output = Result<Option<String>, Error>> + Send;
    /// Keeps whether a chat can be written to.
    fn set_unreachable(
        &self,
        bot: BotId,
        chat: ChatId,
        why: Option<&str>,
        at: Timestamp,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Takes what a chat follows and is asked to another one, which has none of its messages, and has those who are told
    /// in it told there. Done twice, nothing more happens.
    fn move_chat(
        &self,
        bot: BotId,
        from: ChatId,
        to: ChatId,
        at: Timestamp,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Begins to follow a run. One that is followed stays as it is.
    ///
    /// # Errors
    /// [`Error::NotFound`] without that run.
    fn follow(&self, bot: BotId, followed: &Followed, at: Timestamp) -> impl Future<Output = Result<(), Error>> + Send;
    /// Keeps what was shown of a run, unless it is over.
    fn note_followed(
        &self,
        bot: BotId,
        followed: &Followed,
        at: Timestamp,
    ) -> impl Future<Output = Result<(), Error>> + Send;
    /// The runs whose result was not told yet, oldest first.
    fn followed(&self, bot: BotId) -> impl Future<Output = Result<Vec<Followed>, Error>> + Send;
    /// Who follows a run.
    fn follower(&self, bot: BotId, run: &RunId) -> impl Future<Output = Result<Option<Followed>, Error>> + Send;

    /// The runs a person had begun in a chat, newest first.
    fn last_followed(
        &self,
        bot: BotId,
        chat: ChatId,
        person: PersonId,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<RunId>, Error>> + Send;

    /// The language of the run a person had begun last in a chat.
    fn last_language(
        &self,
        bot: BotId,
        chat: ChatId,
        person: PersonId,
    ) -> impl Future<Output = Result<Option<Language>, Error>> + Send;

    /// Keeps a question before it is put. One that is there stays as it is.
    fn put_card(&self, bot: BotId, card: &Card, at: Timestamp) -> impl Future<Output = Result<(), Error>> + Send;
    /// A question.
    fn card(&self, bot: BotId, ask: &AskId) -> impl Future<Output = Result<Option<Card>, Error>> + Send;
    /// The open questions of a chat, oldest first.
    fn open_cards(&self, bot: BotId, chat: ChatId) -> impl Future<Output = Result<Vec<Card>, Error>> + Send;
    /// The question put to a chat, by its own card or by a copy, to which an update of that chat is part of what was said.
    fn card_answered_by(
        &self,
        bot: BotId,
        chat: ChatId,
        update: i64,
    ) -> impl Future<Output = Result<Option<Card>, Error>> + Send;
    /// Keeps a question's message, what was said and whether it is closed, if `before` is what was said until now. False
    /// when it is not. A message that is known stays so where `card` has none: it was read before that was sent.
    fn note_card(
        &self,
        bot: BotId,
        card: &Card,
        before: &str,
        at: Timestamp,
    ) -> impl Future<Output = Result<bool, Error>> + Send;

    /// Keeps an approval that is asked for in one more chat; a newer message takes the place of an older one.
    fn put_copy(&self, bot: BotId, copy: &Copy, at: Timestamp) -> impl Future<Output = Result<(), Error>> + Send;
    /// The chats in which a run asks for an approval beside its own.
    fn copies(&self, bot: BotId, run: &RunId) -> impl Future<Output = Result<Vec<Copy>, Error>> + Send;
    /// The approvals that are asked for in a chat beside the one that follows the run, oldest first.
    fn copies_in(&self, bot: BotId, chat: ChatId) -> impl Future<Output = Result<Vec<Copy>, Error>> + Send;
    /// Forgets one of them.
    fn forget_copy(&self, bot: BotId, copy: &Copy) -> impl Future<Output = Result<(), Error>> + Send;

    /// Keeps a button.
    fn put_button(&self, bot: BotId, button: &Button, at: Timestamp) -> impl Future<Output = Result<(), Error>> + Send;
    /// A button, as it was before this press; used up by this update from then on, if nobody was first.
    fn press(
        &self,
        bot: BotId,
        nonce: &str,
        chat: ChatId,
        person: PersonId,
        update: i64,
        at: Timestamp,
    ) -> impl Future<Output = Result<Option<Button>, Error>> + Send;
    /// Has what this update used up work again.
    fn free_button(&self, bot: BotId, update: i64, at: Timestamp) -> impl Future<Output = Result<(), Error>> + Send;
    /// Keeps what a reply to a message means.
    fn put_prompt(
        &self,
        bot: BotId,
        chat: ChatId,
        message: i64,
        action: &str,
        at: Timestamp,
    ) -> impl Future<Output = Result<(), Error>> + Send;
    /// What a reply to a message means, if it means something.
    fn prompt(
        &self,
        bot: BotId,
        chat: ChatId,
        message: i64,
    ) -> impl Future<Output = Result<Option<String>, Error>> + Send;
    /// Forgets buttons that ended before a moment, and what replies to messages of before it mean.
    fn forget_buttons(&self, bot: BotId, before: Timestamp) -> impl Future<Output = Result<(), Error>> + Send;
}

fn language_of(text: &str) -> Option<Language> {
    [Language::En, Language::Ru].into_iter().find(|language| language.as_str() == text)
}

fn followed(row: &Row) -> Result<Followed, Error> {
    let row = row.of("telegram_run");
    Ok(Followed {
        run: row.parsed(0, |text| RunId::parse(text).ok())?,
        chat: ChatId(row.int(1)?),
        person: PersonId(row.int(2)?),
        language: row.parsed(3, language_of)?,
        message: row.maybe_int(4)?,
        shown: row.maybe_text(5)?,
        asked: row.maybe_parsed(6, |text| AskId::parse(text).ok())?,
        over: row.bool(7)?,
    })
}

fn card(row: &Row) -> Result<Card, Error> {
    let row = row.of("telegram_question");
    Ok(Card {
        ask: row.parsed(0, |text| AskId::parse(text).ok())?,
        run: row.parsed(1, |text| RunId::parse(text).ok())?,
        chat: ChatId(row.int(2)?),
        message: row.maybe_int(3)?,
        said: row.text(4)?,
        closed: row.bool(5)?,
    })
}

fn copy(row: &Row) -> Result<Copy, Error> {
    let row = row.of("telegram_copy");
    Ok(Copy {
        ask: row.parsed(0, |text| AskId::parse(text).ok())?,
        run: row.parsed(1, |text| RunId::parse(text).ok())?,
        chat: ChatId(row.int(2)?),
        message: row.int(3)?,
        language: row.parsed(4, language_of)?,
    })
}

fn button(row: &Row) -> Result<Button, Error> {
    let row = row.of("telegram_button");
    Ok(Button {
        nonce: row.text(0)?,
        chat: ChatId(row.int(1)?),
        person: PersonId(row.int(2)?),
        action: row.text(3)?,
        used_by: row.maybe_int(4)?,
        expires_at: row.time(5)?,
    })
}

impl Conversations for Store {
    async fn name_bot(&self, bot: BotId, name: &str, at: Timestamp) -> Result<(), Error> {
        transaction!(self, |tx| {
            tx.execute(
                "insert into telegram_name (bot_id, name, created_at, updated_at) values ($1, $2, $3, $3) \
                 on conflict (bot_id) do update set name = excluded.name, updated_at = excluded.updated_at",
                args![bot.0, name, at],
            )
            .await
            .map(drop)
        })
    }

    async fn last_bot(&self) -> Result<Option<String>, Error> {
        let sql = "select name from telegram_name order by updated_at desc, bot_id limit 1";
        self.find(sql, args![], |row| row.of("telegram_name").text(0)).await
    }

    async fn forget_other_names(&self, bot: BotId) -> Result<(), Error> {
        transaction!(self, |tx| {
            tx.execute("delete from telegram_name where bot_id <> $1", args![bot.0]).await.map(drop)
        })
    }

    async fn unreachable(&self, bot: BotId, chat: ChatId) -> Result<Option<String>, Error> {
        let sql = "select unreachable from telegram_chat where bot_id = $1 and chat_id = $2";
        let found = self.find(sql, args![bot.0, chat.0], |row| row.of("telegram_chat").maybe_text(0)).await?;
        Ok(found.flatten())
    }

    async fn set_unreachable(&self, bot: BotId, chat: ChatId, why: Option<&str>, at: Timestamp) -> Result<(), Error> {
        transaction!(self, |tx| {
            tx.execute(
                "insert into telegram_chat (bot_id, chat_id, unreachable, created_at, updated_at) \
                 values ($1, $2, $3, $4, $4) on conflict (bot_id, chat_id) \
                 do update set unreachable = excluded.unreachable, updated_at = excluded.updated_at",
                args![bot.0, chat.0, why, at],
            )
            .await
            .map(drop)
        })
    }

    async fn move_chat(&self, bot: BotId, from: ChatId, to: ChatId, at: Timestamp) -> Result<(), Error> {
        transaction!(self, |tx| {
            // The message of one that is over says that its result was told.
            tx.execute(
                "update telegram_run set message_id = null, shown = null, asked = null \
                 where bot_id = $1 and chat_id = $2 and not over",
                args![bot.0, from.0],
            )
            .await?;
            tx.execute(
                "update telegram_run set chat_id = $3, updated_at = $4 where bot_id = $1 and chat_id = $2",
                args![bot.0, from.0, to.0, at],
            )
            .await?;
            tx.execute(
                "update telegram_question set chat_id = $3, message_id = null, updated_at = $4 \
                 where bot_id = $1 and chat_id = $2",
                args![bot.0, from.0, to.0, at],
            )
            .await?;
            tx.execute("update person set chat = $2, updated_at = $3 where chat = $1", args![from.0, to.0, at])
                .await
                .map(drop)
        })
    }

    async fn follow(&self, bot: BotId, followed: &Followed, at: Timestamp) -> Result<(), Error> {
        transaction!(self, |tx| {
            if tx.row("select 1 from run where id = $1", args![followed.run.as_str()]).await?.is_none() {
                return Err(Error::NotFound { what: "run", id: followed.run.to_string() });
            }
            tx.execute(
                "insert into telegram_run (bot_id, run_id, chat_id, person_id, language, message_id, shown, asked, \
                 over, created_at, updated_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10) \
                 on conflict (bot_id, run_id) do nothing",
                args![
                    bot.0,
                    followed.run.as_str(),
                    followed.chat.0,
                    followed.person.0,
                    followed.language.as_str(),
                    followed.message,
                    followed.shown.as_deref(),
                    followed.asked.as_ref().map(AskId::as_str),
                    followed.over,
                    at,
                ],
            )
            .await
            .map(drop)
        })
    }

    async fn note_followed(&self, bot: BotId, followed: &Followed, at: Timestamp) -> Result<(), Error> {
        transaction!(self, |tx| {
            tx.execute(
                "update telegram_run set message_id = $3, shown = $4, asked = $5, over = $6, updated_at = $7 \
                 where bot_id = $1 and run_id = $2 and not over",
                args![
                    bot.0,
                    followed.run.as_str(),
                    followed.message,
                    followed.shown.as_deref(),
                    followed.asked.as_ref().map(AskId::as_str),
                    followed.over,
                    at,
                ],
            )
            .await
            .map(drop)
        })
    }

    async fn followed(&self, bot: BotId) -> Result<Vec<Followed>, Error> {
        self.list(
            "select run_id, chat_id, person_id, language, message_id, shown, asked, over \
             from telegram_run where bot_id = $1 and not over order by created_at, run_id",
            args![bot.0],
            followed,
        )
        .await
    }

    async fn follower(&self, bot: BotId, run: &RunId) -> Result<Option<Followed>, Error> {
        self.find(
            "select run_id, chat_id, person_id, language, message_id, shown, asked, over \
             from telegram_run where bot_id = $1 and run_id = $2",
            args![bot.0, run.as_str()],
            followed,
        )
        .await
    }

    async fn last_followed(&self, bot: BotId, chat: ChatId, person: PersonId, limit: u32) -> Result<Vec<RunId>, Error> {
        self.list(
            "select run_id from telegram_run where bot_id = $1 and chat_id = $2 and person_id = $3 \
             order by created_at desc, run_id desc limit $4",
            args![bot.0, chat.0, person.0, i64::from(limit)],
            |row| row.of("telegram_run").parsed(0, |text| RunId::parse(text).ok()),
        )
        .await
    }

    async fn last_language(&self, bot: BotId, chat: ChatId, person: PersonId) -> Result<Option<Language>, Error> {
        self.find(
            "select language from telegram_run where bot_id = $1 and chat_id = $2 and person_id = $3 \
             order by created_at desc, run_id desc limit 1",
            args![bot.0, chat.0, person.0],
            |row| row.of("telegram_run").parsed(0, language_of),
        )
        .await
    }

    async fn put_card(&self, bot: BotId, card: &Card, at: Timestamp) -> Result<(), Error> {
        transaction!(self, |tx| {
            tx.execute(
                "insert into telegram_question (bot_id, ask_id, run_id, chat_id, message_id, said, closed, \
                 created_at, updated_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $8) \
                 on conflict (bot_id, ask_id) do nothing",
                args![
                    bot.0,
                    card.ask.as_str(),
                    card.run.as_str(),
                    card.chat.0,
                    card.message,
                    &card.said,
                    card.closed,
                    at,
                ],
            )
            .await
            .map(drop)
        })
    }

    async fn card(&self, bot: BotId, ask: &AskId) -> Result<Option<Card>, Error> {
        self.find(
            "select ask_id, run_id, chat_id, message_id, said, closed from telegram_question \
             where bot_id = $1 and ask_id = $2",
            args![bot.0, ask.as_str()],
            card,
        )
        .await
    }

    async fn open_cards(&self, bot: BotId, chat: ChatId) -> Result<Vec<Card>, Error> {
        self.list(
            "select ask_id, run_id, chat_id, message_id, said, closed from telegram_question \
             where bot_id = $1 and chat_id = $2 and not closed order by created_at, ask_id",
            args![bot.0, chat.0],
            card,
        )
        .await
    }

    async fn card_answered_by(&self, bot: BotId, chat: ChatId, update: i64) -> Result<Option<Card>, Error> {
        self.find(
            // What a reply to the message of a copy means is kept for longer than the copy.
            "select ask_id, run_id, chat_id, message_id, said, closed from telegram_question \
             where bot_id = $1 and said like $3 and (chat_id = $2 or exists (select 1 from telegram_prompt \
             where telegram_prompt.bot_id = $1 and telegram_prompt.chat_id = $2 \
             and telegram_prompt.action like '%' || telegram_question.ask_id || '%')) \
             order by created_at desc, ask_id limit 1",
            args![bot.0, chat.0, format!("%{{\"update\":{update},%").as_str()],
            card,
        )
        .await
    }

    async fn note_card(&self, bot: BotId, card: &Card, before: &str, at: Timestamp) -> Result<bool, Error> {
        transaction!(self, |tx| {
            let changed = tx
                .execute(
                    "update telegram_question set message_id = coalesce($3, message_id), said = $4, closed = $5, \
                     updated_at = $6 where bot_id = $1 and ask_id = $2 and said = $7",
                    args![bot.0, card.ask.as_str(), card.message, &card.said, card.closed, at, before],
                )
                .await?;
            Ok(changed > 0)
        })
    }

    async fn put_copy(&self, bot: BotId, copy: &Copy, at: Timestamp) -> Result<(), Error> {
        transaction!(self, |tx| {
            tx.execute(
                "insert into telegram_copy (bot_id, ask_id, run_id, chat_id, message_id, language, created_at, \
                 updated_at) values ($1, $2, $3, $4, $5, $6, $7, $7) on conflict (bot_id, ask_id, chat_id) \
                 do update set message_id = excluded.message_id, updated_at = excluded.updated_at",
                args![
                    bot.0,
                    copy.ask.as_str(),
                    copy.run.as_str(),
                    copy.chat.0,
                    copy.message,
                    copy.language.as_str(),
                    at,
                ],
            )
            .await
            .map(drop)
        })
    }

    async fn copies(&self, bot: BotId, run: &RunId) -> Result<Vec<Copy>, Error> {
        self.list(
            "select ask_id, run_id, chat_id, message_id, language from telegram_copy \
             where bot_id = $1 and run_id = $2 order by ask_id, chat_id",
            args![bot.0, run.as_str()],
            copy,
        )
        .await
    }

    async fn copies_in(&self, bot: BotId, chat: ChatId) -> Result<Vec<Copy>, Error> {
        self.list(
            "select ask_id, run_id, chat_id, message_id, language from telegram_copy \
             where bot_id = $1 and chat_id = $2 order by created_at, ask_id",
            args![bot.0, chat.0],
            copy,
        )
        .await
    }

    async fn forget_copy(&self, bot: BotId, copy: &Copy) -> Result<(), Error> {
        transaction!(self, |tx| {
            tx.execute(
                "delete from telegram_copy where bot_id = $1 and ask_id = $2 and chat_id = $3",
                args![bot.0, copy.ask.as_str(), copy.chat.0],
            )
            .await
            .map(drop)
        })
    }

    async fn put_button(&self, bot: BotId, button: &Button, at: Timestamp) -> Result<(), Error> {
        transaction!(self, |tx| {
            tx.execute(
                "insert into telegram_button (nonce, bot_id, chat_id, person_id, action, used_by, expires_at, \
                 created_at, updated_at) values ($1, $2, $3, $4, $5, null, $6, $7, $7)",
                args![&button.nonce, bot.0, button.chat.0, button.person.0, &button.action, button.expires_at, at],
            )
            .await
            .map(drop)
        })
    }

    async fn press(
        &self,
        bot: BotId,
        nonce: &str,
        chat: ChatId,
        person: PersonId,
        update: i64,
        at: Timestamp,
    ) -> Result<Option<Button>, Error> {
        transaction!(self, |tx| {
            let row = tx
                .row(
                    locking!(
                        "select nonce, chat_id, person_id, action, used_by, expires_at \
                         from telegram_button where bot_id = $1 and nonce = $2"
                    ),
                    args![bot.0, nonce],
                )
                .await?;
            let Some(found) = row.as_ref().map(button).transpose()? else { return Ok(None) };
            tx.execute(
                "update telegram_button set used_by = $3, updated_at = $6 where bot_id = $1 and nonce = $2 \
                 and chat_id = $4 and person_id = $5 and used_by is null and expires_at > $6",
                args![bot.0, nonce, update, chat.0, person.0, at],
            )
            .await?;
            Ok(Some(found))
        })
    }

    async fn free_button(&self, bot: BotId, update: i64, at: Timestamp) -> Result<(), Error> {
        transaction!(self, |tx| {
            let sql = "update telegram_button set used_by = null, updated_at = $3 where bot_id = $1 and used_by = $2";
            tx.execute(sql, args![bot.0, update, at]).await.map(drop)
        })
    }

    async fn put_prompt(
        &self,
        bot: BotId,
        chat: ChatId,
        message: i64,
        action: &str,
        at: Timestamp,
    ) -> Result<(), Error> {
        transaction!(self, |tx| {
            tx.execute(
                "insert into telegram_prompt (bot_id, chat_id, message_id, action, created_at) \
                 values ($1, $2, $3, $4, $5) on conflict (bot_id, chat_id, message_id) \
                 do update set action = excluded.action",
                args![bot.0, chat.0, message, action, at],
            )
            .await
            .map(drop)
        })
    }

    async fn prompt(&self, bot: BotId, chat: ChatId, message: i64) -> Result<Option<String>, Error> {
        self.find(
            "select action from telegram_prompt where bot_id = $1 and chat_id = $2 and message_id = $3",
            args![bot.0, chat.0, message],
            |row| row.of("telegram_prompt").text(0),
        )
        .await
    }

    async fn forget_buttons(&self, bot: BotId, before: Timestamp) -> Result<(), Error> {
        transaction!(self, |tx| {
            tx.execute("delete from telegram_button where bot_id = $1 and expires_at < $2", args![bot.0, before])
                .await?;
            tx.execute("delete from telegram_prompt where bot_id = $1 and created_at < $2", args![bot.0, before])
                .await
                .map(drop)
        })
    }
}
