//! The methods of the Bot API that cgo uses: which parameters they take, and what they do.

use std::time::Instant;

use serde_json::{Value, json};

use super::{BOT, NAME, Reply, Sent, Shown, TOKEN, World, markdown};

/// The sort of a parameter's value.
#[derive(Clone, Copy)]
enum Sort {
    Int,
    Text,
    Bool,
    Texts,
    Keyboard,
    Reply,
    Preview,
    Commands,
}

const MUST: bool = true;
const MAY: bool = false;

/// The parameters of a method; none for one that there is not.
fn parameters(method: &str) -> Option<&'static [(&'static str, Sort, bool)]> {
    use Sort::{Bool, Commands, Int, Keyboard, Preview, Text, Texts};
    Some(match method {
        "getMe" | "getWebhookInfo" => &[],
        "deleteWebhook" => &[("drop_pending_updates", Bool, MAY)],
        "getUpdates" => {
            &[("offset", Int, MAY), ("limit", Int, MAY), ("timeout", Int, MAY), ("allowed_updates", Texts, MAY)]
        }
        "sendMessage" => &[
            ("chat_id", Int, MUST),
            ("text", Text, MUST),
            ("parse_mode", Text, MAY),
            ("disable_notification", Bool, MAY),
            ("reply_markup", Keyboard, MAY),
            ("reply_parameters", Sort::Reply, MAY),
            ("link_preview_options", Preview, MAY),
        ],
        "editMessageText" => &[
            ("chat_id", Int, MUST),
            ("message_id", Int, MUST),
            ("text", Text, MUST),
            ("parse_mode", Text, MAY),
            ("reply_markup", Keyboard, MAY),
            ("link_preview_options", Preview, MAY),
        ],
        "editMessageReplyMarkup" => {
            &[("chat_id", Int, MUST), ("message_id", Int, MUST), ("reply_markup", Keyboard, MAY)]
        }
        "deleteMessage" => &[("chat_id", Int, MUST), ("message_id", Int, MUST)],
        "sendChatAction" => &[("chat_id", Int, MUST), ("action", Text, MUST)],
        "answerCallbackQuery" => &[("callback_query_id", Text, MUST), ("text", Text, MAY), ("show_alert", Bool, MAY)],
        "setMyCommands" => &[("commands", Commands, MUST), ("language_code", Text, MAY)],
        "getFile" => &[("file_id", Text, MUST)],
        _ => return None,
    })
}

fn fits(sort: Sort, value: &Value) -> bool {
    match sort {
        Sort::Int => value.is_i64(),
        Sort::Text => value.is_string(),
        Sort::Bool => value.is_boolean(),
        Sort::Texts => value.as_array().is_some_and(|all| all.iter().all(Value::is_string)),
        Sort::Keyboard | Sort::Reply | Sort::Preview => value.is_object(),
        Sort::Commands => value.as_array().is_some(),
    }
}

/// Looks at the parameters of a request; the refusal when they are wrong, which is the bot's fault.
pub fn check(world: &mut World, method: &str, body: &Value) -> Option<Reply> {
    let Some(known) = parameters(method) else {
        world.violations.push(format!("there is no method {method}"));
        return Some(Reply::bad(404, "Not Found"));
    };
    let mut wrong = None;
    for (name, value) in body.as_object().into_iter().flatten() {
        match known.iter().find(|(known, ..)| known == name) {
            None => wrong = Some(format!("{method} has no parameter {name}")),
            Some((_, sort, _)) if !fits(*sort, value) => wrong = Some(format!("{method}: {name} is {value}")),
            Some(_) => {}
        }
    }
    let missing = known.iter().find(|(name, _, must)| *must && body.get(name).is_none());
    if let Some((name, ..)) = missing {
        wrong = Some(format!("{method} lacks {name}"));
    }
    let wrong = wrong?;
    world.violations.push(wrong.clone());
    Some(Reply::bad(400, &format!("Bad Request: {wrong}")))
}

/// Does what is asked, and answers.
pub fn answer(world: &mut World, method: &str, body: &Value) -> Reply {
    if let Some(refused) = check(world, method, body) {
        return refused;
    }
    let done = match method {
        "getMe" => Ok(json!({ "id": BOT, "is_bot": true, "first_name": "cgo", "username": NAME })),
        "getWebhookInfo" => Ok(json!({ "url": world.webhook, "pending_update_count": world.updates.len() })),
        "deleteWebhook" => {
            world.webhook.clear();
            Ok(json!(true))
        }
        "sendMessage" => send(world, body),
        "editMessageText" => edit(world, body),
        "editMessageReplyMarkup" => edit_keyboard(world, body),
        "deleteMessage" => delete(world, body),
        "sendChatAction" => reach(world, body)
            .and_then(|_| if body["action"] == "typing" { Ok(json!(true)) } else { bad("wrong action") }),
        "answerCallbackQuery" => answer_press(world, body),
        "setMyCommands" => set_commands(world, body),
        "getFile" => file(world, body),
        _ => bad("not here"),
    };
    match done {
        Ok(result) => Reply::good(&result),
        Err(refused) => refused,
    }
}

fn bad(why: &str) -> Result<Value, Reply> {
    Err(refused(why))
}

fn refused(why: &str) -> Reply {
    Reply::bad(400, &format!("Bad Request: {why}"))
}

/// The chat a request names, when it can be written to.
fn reach(world: &World, body: &Value) -> Result<i64, Reply> {
    let chat = body["chat_id"].as_i64().unwrap_or_default();
    if !world.chats.contains(&chat) {
        return Err(refused("chat not found"));
    }
    if let Some(to) = world.moved.get(&chat) {
        return Err(Reply::moved(*to));
    }
    if world.blocked.contains(&chat) {
        return Err(Reply::bad(403, "Forbidden: bot was blocked by the user"));
    }
    if let Some(until) = world.floods.get(&chat) {
        let left = until.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            return Err(Reply::flood(left.as_secs() + 1));
        }
    }
    Ok(chat)
}

/// The text people read. Marks that make no sense are the bot's fault, unless the test has said that it expects some.
fn text(world: &mut World, body: &Value) -> Result<String, Reply> {
    let raw = body["text"].as_str().unwrap_or_default();
    let text = match body["parse_mode"].as_str() {
        None => raw.to_owned(),
        Some("MarkdownV2") => match markdown::read(raw) {
            Ok(read) => read.text,
            Err(why) => {
                if !world.wrong_marks {
                    world.violations.push(format!("can't parse entities: {why}: {raw}"));
                }
                return Err(refused(&format!("can't parse entities: {why}")));
            }
        },
        Some(_) => return Err(refused("unsupported parse_mode")),
    };
    if text.trim().is_empty() {
        return Err(refused("message text is empty"));
    }
    if text.encode_utf16().count() > 4096 {
        return Err(refused("message is too long"));
    }
    Ok(text)
}

/// The buttons of a request, checked as Telegram checks them.
fn keyboard(world: &mut World, body: &Value) -> Result<Value, Reply> {
    let Some(markup) = body.get("reply_markup") else { return Ok(Value::Null) };
    if markup.get("force_reply").is_some() {
        return Ok(markup.clone());
    }
    let wrong = |world: &mut World, why: &str| {
        world.violations.push(format!("{why}: {markup}"));
        Err(refused(why))
    };
    let Some(rows) = markup["inline_keyboard"].as_array() else {
        return wrong(world, "object expected as reply markup");
    };
    let mut count = 0;
    for row in rows {
        let Some(row) = row.as_array().filter(|row| !row.is_empty() && row.len() <= 8) else {
            return wrong(world, "a row of buttons has one to eight");
        };
        for button in row {
            count += 1;
            if button["text"].as_str().is_none_or(|text| text.trim().is_empty()) {
                return wrong(world, "inline keyboard button text is empty");
            }
            let keys: Vec<&String> = button.as_object().into_iter().flatten().map(|(key, _)| key).collect();
            if keys.len() != 2 {
                return wrong(world, "a button does one thing");
            }
            if let Some(data) = button.get("callback_data") {
                if data.as_str().is_none_or(|data| data.is_empty() || data.len() > 64) {
                    return wrong(world, "BUTTON_DATA_INVALID");
                }
            } else if button["url"].as_str().is_none_or(|url| {
                let host = url.split("://").nth(1).unwrap_or_default().split(['/', ':']).next().unwrap_or_default();
                !url.starts_with("http") || !host.contains('.')
            }) {
                return wrong(world, "BUTTON_URL_INVALID");
            }
        }
    }
    if count > 100 {
        return wrong(world, "there are more than 100 buttons");
    }
    Ok(markup.clone())
}

fn send(world: &mut World, body: &Value) -> Result<Value, Reply> {
    let chat = reach(world, body)?;
    if let Some(why) = world.muted.get(&chat) {
        return bad(why);
    }
    let text = text(world, body)?;
    let keyboard = keyboard(world, body)?;
    if let Some(to) = body["reply_parameters"]["message_id"].as_i64() {
        let there = world.said.contains(&(chat, to))
            || world.messages.iter().any(|sent| sent.chat == chat && sent.id == to && !sent.deleted);
        if !there && body["reply_parameters"]["allow_sending_without_reply"] != true {
            return bad("message to be replied not found");
        }
    }
    let id = world.next_message;
    world.next_message += 1;
    let marked = body.get("parse_mode").is_some();
    world.messages.push(Sent {
        chat,
        id,
        text,
        before: Vec::new(),
        edits: Vec::new(),
        at: Instant::now(),
        keyboard,
        marked,
        silent: body["disable_notification"] == true,
        deleted: false,
    });
    Ok(json!({ "message_id": id, "date": 1, "chat": { "id": chat, "type": "private" } }))
}

fn own(world: &mut World, body: &Value, why: &str) -> Result<usize, Reply> {
    let chat = reach(world, body)?;
    let id = body["message_id"].as_i64().unwrap_or_default();
    let found = world.messages.iter().position(|sent| sent.chat == chat && sent.id == id && !sent.deleted);
    found.ok_or_else(|| refused(why))
}

fn edit(world: &mut World, body: &Value) -> Result<Value, Reply> {
    let at = own(world, body, "message to edit not found")?;
    let text = text(world, body)?;
    let keyboard = keyboard(world, body)?;
    let sent = &mut world.messages[at];
    if sent.text == text && sent.keyboard == keyboard {
        return bad("message is not modified: specified new message content and reply markup are exactly the same");
    }
    let before = std::mem::replace(&mut sent.text, text);
    sent.before.push(before);
    sent.edits.push(Instant::now());
    sent.keyboard = keyboard;
    Ok(json!({ "message_id": sent.id }))
}

fn edit_keyboard(world: &mut World, body: &Value) -> Result<Value, Reply> {
    let at = own(world, body, "message to edit not found")?;
    let keyboard = keyboard(world, body)?;
    let sent = &mut world.messages[at];
    let empty = |keyboard: &Value| keyboard["inline_keyboard"].as_array().is_none_or(Vec::is_empty);
    if sent.keyboard == keyboard || (empty(&sent.keyboard) && empty(&keyboard)) {
        return bad("message is not modified: specified new message content and reply markup are exactly the same");
    }
    sent.keyboard = keyboard;
    Ok(json!({ "message_id": sent.id }))
}

fn delete(world: &mut World, body: &Value) -> Result<Value, Reply> {
    let chat = reach(world, body)?;
    let id = body["message_id"].as_i64().unwrap_or_default();
    if world.said.contains(&(chat, id)) && world.undeletable.contains(&chat) {
        return bad("message can't be deleted");
    }
    if world.said.contains(&(chat, id)) {
        if !world.deleted.insert((chat, id)) {
            return bad("message to delete not found");
        }
        return Ok(json!(true));
    }
    let at = own(world, body, "message to delete not found")?;
    world.messages[at].deleted = true;
    Ok(json!(true))
}

fn answer_press(world: &mut World, body: &Value) -> Result<Value, Reply> {
    let id = body["callback_query_id"].as_str().unwrap_or_default();
    let text = body["text"].as_str().map(str::to_owned);
    if text.as_ref().is_some_and(|text| text.encode_utf16().count() > 200) {
        return bad("MESSAGE_TOO_LONG");
    }
    match world.presses.get_mut(id) {
        None => bad("query is too old and response timeout expired or query ID is invalid"),
        Some(shown) => {
            *shown = Some(Shown { text, window: body["show_alert"] == true });
            Ok(json!(true))
        }
    }
}

fn set_commands(world: &mut World, body: &Value) -> Result<Value, Reply> {
    let commands = body["commands"].as_array().cloned().unwrap_or_default();
    for command in &commands {
        let name = command["command"].as_str().unwrap_or_default();
        let about = command["description"].as_str().unwrap_or_default().chars().count();
        let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !plain || !(1..=32).contains(&name.len()) || !(1..=256).contains(&about) {
            world.violations.push(format!("BOT_COMMAND_INVALID: {command}"));
            return bad("BOT_COMMAND_INVALID");
        }
    }
    world.commands.insert(body["language_code"].as_str().unwrap_or_default().to_owned(), commands);
    Ok(json!(true))
}

fn file(world: &mut World, body: &Value) -> Result<Value, Reply> {
    let id = body["file_id"].as_str().unwrap_or_default();
    let Some(bytes) = world.files.get(id) else { return bad("invalid file_id") };
    match &world.local {
        None => Ok(json!({ "file_id": id, "file_unique_id": id, "file_size": bytes.len(), "file_path": id })),
        // How long it is is not said: whoever reads it has to look.
        Some(folder) => {
            let folder = folder.join(TOKEN).join("documents");
            let path = folder.join(id);
            std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, bytes)).expect("a file");
            Ok(json!({ "file_id": id, "file_unique_id": id, "file_path": path.display().to_string() }))
        }
    }
}
