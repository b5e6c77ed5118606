//! What was said to a bot, in the order in which it is dealt with, and the number that is asked for next.
//!
//! [`Updates::receive`] is the heart: what was said and that number are written together.

use super::engine::{Row, args, transaction};
use super::{Error, Store};
use crate::domain::chat::{BotId, ChatId, Queued};
use crate::domain::time::Timestamp;

/// What can be done with what comes to the bots of a store.
pub trait Updates {
    /// The number a bot asks for next, and when something came last; none for a bot that never asked.
    fn next_update(&self, bot: BotId) -> impl Future<Output = Result<Option<(i64, Timestamp)>, Error>> + Send;
    /// Takes what was said, and the number to ask for next, in one transaction. What is there already stays as it is.
    fn receive(
        &self,
        bot: BotId,
        next: i64,
        updates: &[Queued],
        at: Timestamp,
    ) -> impl Future<Output = Result<(), Error>> + Send;
    /// The oldest that waits in each chat, oldest first.
    fn heads(&self, bot: BotId) -> impl Future<Output = Result<Vec<Queued>, Error>> + Send;
    /// The oldest that waits in a chat.
    fn head(&self, bot: BotId, chat: ChatId) -> impl Future<Output = Result<Option<Queued>, Error>> + Send;
    /// How many wait.
    fn waiting(&self, bot: BotId) -> impl Future<Output = Result<u64, Error>> + Send;
    /// Something that was said is dealt with. Only its number is kept.
    fn dealt_with(&self, bot: BotId, update: i64, at: Timestamp) -> impl Future<Output = Result<(), Error>> + Send;
    /// Forgets what was dealt with before a moment.
    fn forget_updates(&self, bot: BotId, before: Timestamp) -> impl Future<Output = Result<(), Error>> + Send;
}

fn queued(row: &Row) -> Result<Queued, Error> {
    let row = row.of("telegram_update");
    Ok(Queued { id: row.int(0)?, chat: ChatId(row.int(1)?), body: row.text(2)?, at: row.time(3)? })
}

impl Updates for Store {
    async fn next_update(&self, bot: BotId) -> Result<Option<(i64, Timestamp)>, Error> {
        self.find("select next_update, updated_at from telegram_bot where bot_id = $1", args![bot.0], |row| {
            let row = row.of("telegram_bot");
            Ok((row.int(0)?, row.time(1)?))
        })
        .await
    }

    async fn receive(&self, bot: BotId, next: i64, updates: &[Queued], at: Timestamp) -> Result<(), Error> {
        transaction!(self, |tx| {
            for update in updates {
                tx.execute(
                    "insert into telegram_update (bot_id, update_id, chat_id, body, state, created_at, updated_at) \
                     values ($1, $2, $3, $4, 'queued', $5, $5) on conflict (bot_id, update_id) do nothing",
                    args![bot.0, update.id, update.chat.0, &update.body, at],
                )
                .await?;
            }
            tx.execute(
                "insert into telegram_bot (bot_id, next_update, created_at, updated_at) values ($1, $2, $3, $3) \
                 on conflict (bot_id) do update set next_update = excluded.next_update, \
                 updated_at = excluded.updated_at",
                args![bot.0, next, at],
            )
            .await?;
            Ok(())
        })
    }

    async fn heads(&self, bot: BotId) -> Result<Vec<Queued>, Error> {
        self.list(
            "select u.update_id, u.chat_id, u.body, u.created_at from telegram_update u join \
             (select min(update_id) as first from telegram_update where bot_id = $1 and state = 'queued' \
             group by chat_id) h on h.first = u.update_id where u.bot_id = $1 order by u.update_id",
            args![bot.0],
            queued,
        )
        .await
    }

    async fn head(&self, bot: BotId, chat: ChatId) -> Result<Option<Queued>, Error> {
        self.find(
            "select update_id, chat_id, body, created_at from telegram_update \
             where bot_id = $1 and state = 'queued' and chat_id = $2 order by update_id limit 1",
            args![bot.0, chat.0],
            queued,
        )
        .await
    }

    async fn waiting(&self, bot: BotId) -> Result<u64, Error> {
        let sql = "select count(*) from telegram_update where bot_id = $1 and state = 'queued'";
        Ok(self.find(sql, args![bot.0], |row| row.of("telegram_update").number(0)).await?.unwrap_or(0))
    }

    async fn dealt_with(&self, bot: BotId, update: i64, at: Timestamp) -> Result<(), Error> {
        transaction!(self, |tx| {
            tx.execute(
                "update telegram_update set state = 'done', body = '', updated_at = $3 \
                 where bot_id = $1 and update_id = $2",
                args![bot.0, update, at],
            )
            .await
            .map(drop)
        })
    }

    async fn forget_updates(&self, bot: BotId, before: Timestamp) -> Result<(), Error> {
        transaction!(self, |tx| {
            let sql = "delete from telegram_update where bot_id = $1 and state = 'done' and updated_at < $2";
            tx.execute(sql, args![bot.0, before]).await.map(drop)
        })
    }
}
