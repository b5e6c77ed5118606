//! What comes from Telegram, cut down to what cgo looks at. What is not looked at is not kept.

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
        }
    }
}

/// The longest name of a person that is kept, in characters.
const NAME: usize = 64;

fn user(value: &Value) -> Option<User> {
    if value.get("is_bot").and_then(Value::as_bool).unwrap_or(true) {
        // Bots do not talk to bots: two of them would never end.
        return None;
    }
    let part = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
    let name = format!("{} {}", part("first_name"), part("last_name"));
    let name = crate::net::text::line(&name).chars().take(NAME).collect();
    let language = value.get("language_code").and_then(Value::as_str).map(str::to_owned);
    Some(User { id: value.get("id")?.as_i64()?, name, language })
}

fn chat(value: &Value) -> Option<Chat> {
    let kind = match value.get("type")?.as_str()? {
        "private" => ChatKind::Private,
        "group" | "supergroup" => ChatKind::Group,
        _ => return None,
    };
    Some(Chat { id: value.get("id")?.as_i64()?, kind })
}

fn message(value: &Value, bot: i64) -> Option<Message> {
    let from = user(value.get("from")?)?;
    if value.get("sender_chat").is_some() {
        // Said in the name of a chat: nobody knows by whom.
        return None;
    }
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let document = value.get("document").and_then(|document| {
        Some(Document {
            id: document.get("file_id")?.as_str()?.to_owned(),
            name: document.get("file_name").and_then(Value::as_str).unwrap_or_default().to_owned(),
            size: document.get("file_size").and_then(Value::as_u64),
        })
    });
    let replied = value.get("reply_to_message");
    Some(Message {
        id: value.get("message_id")?.as_i64()?,
        chat: chat(value.get("chat")?)?,
        from,
        text: text("text").or_else(|| text("caption")),
        document,
        reply_to: replied.and_then(|replied| replied.get("message_id")?.as_i64()),
        reply_to_bot: replied.and_then(|replied| replied.get("from")?.get("id")?.as_i64()) == Some(bot),
    })
}

fn callback(value: &Value) -> Option<Callback> {
    let under = value.get("message")?;
    Some(Callback {
        id: value.get("id")?.as_str()?.to_owned(),
        from: user(value.get("from")?)?,
        chat: chat(under.get("chat")?)?,
        message: under.get("message_id")?.as_i64()?,
        data: value.get("data")?.as_str()?.to_owned(),
    })
}

impl Received {
    /// Reads one update; none when it has not even a number.
    #[must_use]
    pub fn read(value: &Value, bot: i64) -> Option<Self> {
        let id = value.get("update_id")?.as_i64()?;
        let read = |key: &str| value.get(key).and_then(|value| message(value, bot));
        let what = read("message")
            .map(Incoming::Message)
            .or_else(|| read("edited_message").map(Incoming::Edited))
            .or_else(|| value.get("callback_query").and_then(callback).map(Incoming::Callback));
        Some(Self { id, what })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(from: &Value, more: &Value) -> Value {
        let mut message =
            json!({ "message_id": 5, "chat": { "id": 7, "type": "private" }, "from": from, "text": "hi" });
        if let (Some(message), Some(more)) = (message.as_object_mut(), more.as_object()) {
            message.extend(more.clone());
        }
        json!({ "update_id": 9, "message": message })
    }

    #[test]
    fn updates_nobody_can_be_asked_about_are_numbers_only() {
        let ann = json!({ "id": 7, "is_bot": false, "first_name": "Ann\u{202e}\n", "language_code": "ru" });
        let read = |value: &Value| Received::read(value, 1).unwrap();
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
        assert_eq!(Received::read(&json!({ "message": {} }), 1), None);
    }

    #[test]
    fn a_reply_to_the_bot_is_told_from_one_to_a_person() {
        let ann = json!({ "id": 7, "is_bot": false, "first_name": "Ann" });
        for (author, to_bot) in [(1, true), (2, false)] {
            let more = json!({ "reply_to_message": { "message_id": 4, "from": { "id": author } } });
            let Some(Incoming::Message(message)) = Received::read(&said(&ann, &more), 1).unwrap().what else {
                panic!("a message")
            };
            assert_eq!((message.reply_to, message.reply_to_bot), (Some(4), to_bot));
        }
    }
}
