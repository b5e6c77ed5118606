//! A client of one bot: the methods cgo uses, and what of their answers it looks at.

use std::time::Duration;

use frankenstein::methods::{
    AnswerCallbackQueryParams, DeleteMessageParams, DeleteWebhookParams, EditMessageReplyMarkupParams,
    EditMessageTextParams, GetFileParams, GetUpdatesParams, SendChatActionParams, SendMessageParams,
    SetMyCommandsParams,
};
use frankenstein::response::MethodResponse;
use frankenstein::types::{
    AllowedUpdate, BotCommand, ChatAction, InlineKeyboardMarkup, LinkPreviewOptions, MessageId, ReplyMarkup,
    ReplyParameters,
};
use frankenstein::{AsyncTelegramApi as _, ParseMode};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::error::Error;
use super::transport::{Timers, Transport};
use super::types::Received;
use crate::telegram::token::Token;

/// How many updates are asked for at once: the most there are.
const BATCH: u32 = 100;
/// The kinds of updates cgo looks at.
const KINDS: [AllowedUpdate; 4] =
    [AllowedUpdate::Message, AllowedUpdate::EditedMessage, AllowedUpdate::CallbackQuery, AllowedUpdate::MyChatMember];

/// Who the bot is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Me {
    /// Its number.
    pub id: i64,
    /// Its name, without the `@`.
    pub username: String,
}

/// Whether a message makes itself heard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sound {
    /// As the person has it set.
    #[default]
    On,
    /// It lies there until somebody looks.
    Off,
}

/// Where updates go; the kinds that go there may be newer than this program.
#[derive(Deserialize)]
struct Webhook {
    #[serde(default)]
    url: String,
}

/// A client of one Bot API.
#[derive(Debug)]
pub struct Client {
    way: Transport,
}

impl Client {
    /// Sets a client up; nobody is asked yet.
    ///
    /// # Errors
    /// [`Error::BadAddress`].
    pub fn new(api: &str, token: Token, timers: Timers) -> Result<Self, Error> {
        Ok(Self { way: Transport::new(api, token, timers)? })
    }

    /// Who the bot is.
    ///
    /// # Errors
    /// [`Error::TokenRefused`], and as every question.
    pub async fn me(&self) -> Result<Me, Error> {
        let me = self.way.get_me().await?.result;
        let nobody = || Error::NotTelegram { said: "it says not who the bot is".to_owned() };
        Ok(Me { id: i64::try_from(me.id).map_err(|_| nobody())?, username: me.username.ok_or_else(nobody)? })
    }

    /// Where updates go instead of here; none when they come here.
    ///
    /// # Errors
    /// As every question.
    pub async fn webhook(&self) -> Result<Option<String>, Error> {
        let webhook: MethodResponse<Webhook> = self.way.request("getWebhookInfo", None::<()>).await?;
        Ok(Some(webhook.result.url).filter(|url| !url.is_empty()))
    }

    /// Has updates come here again. Those that wait are kept.
    ///
    /// # Errors
    /// As every question.
    pub async fn delete_webhook(&self) -> Result<(), Error> {
        self.way.delete_webhook(&DeleteWebhookParams { drop_pending_updates: Some(false) }).await.map(drop)
    }

    /// The updates from a number on; those before it are never sent again. Waits for some as long as `hold`.
    ///
    /// # Errors
    /// [`Error::OtherPoller`], [`Error::WebhookSet`], and as every question.
    pub async fn updates(&self, from: i64, bot: i64, hold: Duration) -> Result<Vec<Received>, Error> {
        let seconds = u32::try_from(hold.as_secs()).unwrap_or(u32::MAX);
        let params =
            GetUpdatesParams::builder().offset(from).limit(BATCH).timeout(seconds).allowed_updates(KINDS.into());
        let (body, limit) = (json!(params.build()).to_string(), hold + self.way.timers.answer);
        // One at a time: one of a new kind loses no other.
        let came: MethodResponse<Vec<Value>> = self.way.ask("getUpdates", body, limit).await?;
        Ok(came.result.into_iter().filter_map(|update| Received::read(update, bot)).collect())
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
        keyboard: Option<&ReplyMarkup>,
        reply_to: Option<i64>,
        sound: Sound,
    ) -> Result<i64, Error> {
        let reply = |message| {
            let reply = ReplyParameters::builder().message_id(number(message)?).allow_sending_without_reply(true);
            Ok::<_, Error>(reply.build())
        };
        let params = SendMessageParams::builder()
            .chat_id(chat)
            .text(words)
            .link_preview_options(LinkPreviewOptions::DISABLED)
            .maybe_parse_mode(marks.then_some(ParseMode::MarkdownV2))
            .maybe_disable_notification((sound == Sound::Off).then_some(true))
            .maybe_reply_markup(keyboard.cloned())
            .maybe_reply_parameters(reply_to.map(reply).transpose()?)
            .build();
        let sent: MethodResponse<MessageId> = self.way.request("sendMessage", Some(&params)).await?;
        Ok(sent.result.message_id.into())
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
        keyboard: Option<&InlineKeyboardMarkup>,
    ) -> Result<(), Error> {
        let params = EditMessageTextParams::builder()
            .chat_id(chat)
            .message_id(number(message)?)
            .text(words)
            .link_preview_options(LinkPreviewOptions::DISABLED)
            .maybe_parse_mode(marks.then_some(ParseMode::MarkdownV2))
            .maybe_reply_markup(keyboard.cloned())
            .build();
        let _: MethodResponse<IgnoredAny> = self.way.request("editMessageText", Some(&params)).await?;
        Ok(())
    }

    /// Changes the buttons under a message; without a keyboard they go. Its text stays.
    ///
    /// # Errors
    /// As [`Self::edit`].
    pub async fn edit_buttons(
        &self,
        chat: i64,
        message: i64,
        keyboard: Option<&InlineKeyboardMarkup>,
    ) -> Result<(), Error> {
        let none = || InlineKeyboardMarkup::builder().inline_keyboard(Vec::new()).build();
        let params = EditMessageReplyMarkupParams::builder()
            .chat_id(chat)
            .message_id(number(message)?)
            .reply_markup(keyboard.cloned().unwrap_or_else(none))
            .build();
        let _: MethodResponse<IgnoredAny> = self.way.request("editMessageReplyMarkup", Some(&params)).await?;
        Ok(())
    }

    /// Deletes a message.
    ///
    /// # Errors
    /// [`Error::Gone`], and as every question.
    pub async fn delete(&self, chat: i64, message: i64) -> Result<(), Error> {
        let params = DeleteMessageParams::builder().chat_id(chat).message_id(number(message)?).build();
        self.way.delete_message(&params).await.map(drop)
    }

    /// Shows that the bot is at work, for five seconds.
    ///
    /// # Errors
    /// As every question.
    pub async fn typing(&self, chat: i64) -> Result<(), Error> {
        let params = SendChatActionParams::builder().chat_id(chat).action(ChatAction::Typing).build();
        self.way.send_chat_action(&params).await.map(drop)
    }

    /// Ends the waiting of a button that was pressed; a text is shown over the chat, or in a window to be closed.
    ///
    /// # Errors
    /// [`Error::Gone`] when it was pressed too long ago, and as every question.
    pub async fn answer_press(&self, id: &str, words: Option<&str>, window: bool) -> Result<(), Error> {
        let params = AnswerCallbackQueryParams::builder()
            .callback_query_id(id)
            .maybe_text(words)
            .maybe_show_alert(words.map(|_| window))
            .build();
        self.way.answer_callback_query(&params).await.map(drop)
    }

    /// Registers the commands that are shown to people of a language; all others without one.
    ///
    /// # Errors
    /// As every question.
    pub async fn set_commands(&self, commands: &[(&str, &str)], language: Option<&str>) -> Result<(), Error> {
        let command = |(name, about): &(&str, &str)| BotCommand::builder().command(*name).description(*about).build();
        let commands = commands.iter().map(command).collect();
        let params = SetMyCommandsParams::builder().commands(commands).maybe_language_code(language).build();
        self.way.set_my_commands(&params).await.map(drop)
    }

    /// The bytes of a file a person sent.
    ///
    /// # Errors
    /// [`Error::TooLarge`], and as every question.
    pub async fn file(&self, id: &str, limit: usize) -> Result<Vec<u8>, Error> {
        let file = self.way.get_file(&GetFileParams::builder().file_id(id).build()).await?.result;
        if file.file_size.is_some_and(|size| size > limit as u64) {
            return Err(Error::TooLarge { limit });
        }
        self.way.load(&file.file_path.unwrap_or_default(), limit).await
    }

    /// How long to wait for what.
    #[must_use]
    pub fn timers(&self) -> Timers {
        self.way.timers
    }
}

/// The number of a message, as large as there are any.
fn number(message: i64) -> Result<i32, Error> {
    i32::try_from(message).map_err(|_| Error::Gone { said: format!("no message has the number {message}") })
}
