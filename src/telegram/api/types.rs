//! What comes from Telegram, cut down to what cgo looks at. What is not looked at is not kept: these are what the store
//! holds until it is dealt with, so their form stays.

use frankenstein::types::{self, CallbackQuery, ChatMember, ChatType, MaybeInaccessibleMessage};
use frankenstein::updates::{Update, UpdateContent};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Its number.
    pub id: i64,
    /// What it says; none for what cgo does not look at.
    pub what: Option<Incoming>,
}

/// What an update says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Incoming {
    /// A message.
    Message(Message),
    /// A message that was changed.
    Edited(Message),
    /// A button was pressed.
    Callback(Callback),
    /// The bot may write to this chat: it was let in, or is blocked no more.
    Opened(Chat),
    /// A group has become another chat.
    Moved {
        /// The group.
        chat: Chat,
        /// The number of the other one.
        to: i64,
    },
}

/// A message of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its number.
    pub id: i64,
    /// Where it was said.
    pub chat: Chat,
    /// Who said it.
    pub from: User,
    /// What was said, also under a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// A file that came with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<Document>,
    /// The message it replies to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<i64>,
    /// That message is the bot's own.
    #[serde(default)]
    pub reply_to_bot: bool,
}

/// A button was pressed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callback {
    /// Its id, for the answer.
    pub id: String,
    /// Who pressed it.
    pub from: User,
    /// The chat of the message the button is under.
    pub chat: Chat,
    /// That message.
    pub message: i64,
    /// What the button carries.
    pub data: String,
}

/// A chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chat {
    /// Its number.
    pub id: i64,
    /// What sort of chat.
    pub kind: ChatKind,
}

/// What sort of chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChatKind {
    /// Of one person and the bot.
    Private,
    /// Of several.
    Group,
}

/// A person, or a bot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Its number.
    pub id: i64,
    /// The name people read.
    pub name: String,
    /// The language of the person's program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its size in bytes, where Telegram says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

impl Incoming {
    /// The chat it was said in.
    #[must_use]
    pub fn chat(&self) -> Chat {
        match self {
            Self::Message(message) | Self::Edited(message) => message.chat,
            Self::Callback(callback) => callback.chat,
            Self::Opened(chat) | Self::Moved { chat, .. } => *chat,
        }
    }
}

/// The longest name of a person that is kept, in characters.
const NAME: usize = 64;
/// What is looked at in a message. The rest is gone before it is read: a mark or a gift of a new kind costs nobody a word.
const KEPT: [&str; 10] = [
    "message_id",
    "date",
    "chat",
    "from",
    "sender_chat",
    "text",
    "caption",
    "document",
    "reply_to_message",
    "migrate_to_chat_id",
];

fn cut_down(message: &mut Value) {
    let Some(message) = message.as_object_mut() else { return };
    message.retain(|key, _| KEPT.contains(&key.as_str()));
    if let Some(replied) = message.get_mut("reply_to_message").and_then(Value::as_object_mut) {
        replied.retain(|key, _| matches!(key.as_str(), "message_id" | "date" | "chat" | "from"));
    }
}

fn user(user: types::User) -> Option<User> {
    if user.is_bot {
        // Bots do not talk to bots: two of them would never end.
        return None;
    }
    let name = format!("{} {}", user.first_name, user.last_name.unwrap_or_default());
    let name = crate::net::text::line(&name).chars().take(NAME).collect();
    Some(User { id: user.id.try_into().ok()?, name, language: user.language_code })
}

fn chat(chat: &types::Chat) -> Option<Chat> {
    let kind = match chat.type_field {
        ChatType::Private => ChatKind::Private,
        ChatType::Group | ChatType::Supergroup => ChatKind::Group,
        ChatType::Channel => return None,
    };
    Some(Chat { id: chat.id, kind })
}

fn message(message: types::Message, bot: i64) -> Option<Message> {
    if message.sender_chat.is_some() {
        // Said in the name of a chat: nobody knows by whom.
        return None;
    }
    let document = message.document.map(|document| Document {
        id: document.file_id,
        name: document.file_name.unwrap_or_default(),
        size: document.file_size,
    });
    let replied = message.reply_to_message;
    let author = replied.as_ref().and_then(|replied| replied.from.as_ref()).and_then(|user| user.id.try_into().ok());
    Some(Message {
        id: message.message_id.into(),
        chat: chat(&message.chat)?,
        from: user(*message.from?)?,
        text: message.text.or(message.caption),
        document,
        reply_to: replied.map(|replied| replied.message_id.into()),
        reply_to_bot: author == Some(bot),
    })
}

fn callback(callback: CallbackQuery) -> Option<Callback> {
    let (under, message) = match callback.message? {
        MaybeInaccessibleMessage::Message(message) => (chat(&message.chat)?, message.message_id),
        MaybeInaccessibleMessage::InaccessibleMessage(message) => (chat(&message.chat)?, message.message_id),
    };
    Some(Callback {
        id: callback.id,
        from: user(callback.from)?,
        chat: under,
        message: message.into(),
        data: callback.data?,
    })
}

/// Whether somebody of this standing is in the chat.
fn is_in(member: &ChatMember) -> bool {
    match member {
        ChatMember::Creator(_) | ChatMember::Administrator(_) | ChatMember::Member(_) => true,
        ChatMember::Restricted(restricted) => restricted.is_member,
        ChatMember::Left(_) | ChatMember::Kicked(_) => false,
    }
}

impl Received {
    /// Reads one update; none when it has not even a number.
    #[must_use]
    pub fn read(mut update: Value, bot: i64) -> Option<Self> {
        let id = update.get("update_id")?.as_i64()?;
        for place in ["/message", "/edited_message", "/callback_query/message"] {
            update.pointer_mut(place).into_iter().for_each(cut_down);
        }
        let content = serde_json::from_value::<Update>(update).ok().map(|update| update.content);
        let what = content.and_then(|content| match content {
            UpdateContent::Message(said) => match said.migrate_to_chat_id {
                Some(to) => chat(&said.chat).map(|chat| Incoming::Moved { chat, to }),
                None => message(*said, bot).map(Incoming::Message),
            },
            UpdateContent::EditedMessage(said) => message(*said, bot).map(Incoming::Edited),
            UpdateContent::CallbackQuery(pressed) => callback(*pressed).map(Incoming::Callback),
            UpdateContent::MyChatMember(change) if is_in(&change.new_chat_member) => {
                chat(&change.chat).map(Incoming::Opened)
            }
            _ => None,
        });
        Some(Self { id, what })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(from: &Value, more: &Value) -> Value {
        let mut message =
            json!({ "message_id": 5, "date": 1, "chat": { "id": 7, "type": "private" }, "from": from, "text": "hi" });
        if let (Some(message), Some(more)) = (message.as_object_mut(), more.as_object()) {
            message.extend(more.clone());
        }
        json!({ "update_id": 9, "message": message })
    }

    #[test]
    fn updates_nobody_can_be_asked_about_are_numbers_only() {
        let ann = json!({ "id": 7, "is_bot": false, "first_name": "Ann\u{202e}\n", "language_code": "ru" });
        let read = |value: &Value| Received::read(value.clone(), 1).unwrap();
        let Some(Incoming::Message(message)) = read(&said(&ann, &json!({}))).what else { panic!("a message") };
        assert_eq!((message.from.name.as_str(), message.text.as_deref()), ("Ann", Some("hi")));
        for (from, more) in [
            (Value::Null, json!({})),
            (json!({ "id": 8, "is_bot": true, "first_name": "B" }), json!({})),
            (json!({ "id": "8", "is_bot": false }), json!({})),
            (ann.clone(), json!({ "sender_chat": { "id": -5, "type": "channel" } })),
            (ann.clone(), json!({ "chat": { "id": -5, "type": "channel" } })),
        ] {
            assert_eq!(read(&said(&from, &more)).what, None, "{from} {more}");
        }
        assert_eq!(read(&json!({ "update_id": 3, "poll": {} })), Received { id: 3, what: None });
        assert_eq!(Received::read(json!({ "message": {} }), 1), None);
    }

    #[test]
    fn a_chat_that_opens_and_a_group_that_moves_are_told_from_those_that_close() {
        let bot = json!({ "id": 1, "is_bot": true, "first_name": "cgo" });
        let ann = json!({ "id": 7, "is_bot": false, "first_name": "Ann" });
        let read = |status: &str| {
            let change = json!({
                "chat": { "id": 7, "type": "private" }, "from": ann, "date": 1,
                "old_chat_member": { "user": bot, "status": "left" },
                "new_chat_member": { "user": bot, "status": status, "until_date": 0 },
            });
            Received::read(json!({ "update_id": 9, "my_chat_member": change }), 1).unwrap().what
        };
        assert_eq!(read("member"), Some(Incoming::Opened(Chat { id: 7, kind: ChatKind::Private })));
        assert_eq!((read("kicked"), read("left")), (None, None));
        let group = json!({ "chat": { "id": -5, "type": "group" }, "migrate_to_chat_id": -1_005, "text": null });
        let moved = Received::read(said(&ann, &group), 1).unwrap().what;
        assert_eq!(moved, Some(Incoming::Moved { chat: Chat { id: -5, kind: ChatKind::Group }, to: -1_005 }));
    }

    #[test]
    fn a_reply_to_the_bot_is_told_from_one_to_a_person() {
        let ann = json!({ "id": 7, "is_bot": false, "first_name": "Ann" });
        for (author, to_bot) in [(1, true), (2, false)] {
            let author = json!({ "id": author, "is_bot": to_bot, "first_name": "A" });
            let chat = json!({ "id": 7, "type": "private" });
            let more = json!({ "reply_to_message": { "message_id": 4, "date": 1, "chat": chat, "from": author } });
            let Some(Incoming::Message(message)) = Received::read(said(&ann, &more), 1).unwrap().what else {
                panic!("a message")
            };
            assert_eq!((message.reply_to, message.reply_to_bot), (Some(4), to_bot));
        }
    }

    #[test]
    fn what_is_newer_than_this_program_costs_nobody_a_word() {
        let ann = json!({ "id": 7, "is_bot": false, "first_name": "Ann", "is_new_thing": 5 });
        let more = json!({
            "entities": [{ "type": "thing_of_next_year", "offset": 0, "length": 2 }],
            "gift": { "of": "a new kind" }, "new_thing": [1],
        });
        let Some(Incoming::Message(message)) = Received::read(said(&ann, &more), 1).unwrap().what else {
            panic!("a message")
        };
        assert_eq!(message.text.as_deref(), Some("hi"));
        let under = json!({
            "message_id": 5, "date": 1, "chat": { "id": 7, "type": "private" }, "text": "?",
            "entities": [{ "type": "thing_of_next_year" }], "reply_markup": { "new": 1 },
        });
        let press = json!({ "id": "1", "from": ann, "chat_instance": "1", "data": "d", "message": under });
        let pressed = Received::read(json!({ "update_id": 9, "callback_query": press }), 1).unwrap().what;
        assert!(matches!(pressed, Some(Incoming::Callback(Callback { message: 5, .. }))), "{pressed:?}");
    }
}
