//! A Telegram on this machine: its Bot API, which is strict about what it is asked. The test puts in what people say and
//! press, and reads or waits for what the bot says.

pub mod markdown;
mod methods;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// The token the server takes; no log, error or store may hold it.
pub const TOKEN: &str = "700700:AAE-canary_5f1c0b7e2a94d83611_0b7e2a94d8";
/// The bot's number.
pub const BOT: i64 = 700_700;
/// The bot's name.
pub const NAME: &str = "CgoTestBot";
/// What the loading of a file is called, among the methods: for its turns, and in what was asked.
pub const FILE: &str = "file";
/// How long something is waited for that has to come.
const LONG: Duration = Duration::from_mins(2);

/// An answer: the status and the body.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn good(result: &Value) -> Self {
        Self { status: 200, body: json!({ "ok": true, "result": result }).to_string().into_bytes() }
    }

    pub fn bad(code: u16, description: &str) -> Self {
        let body = json!({ "ok": false, "error_code": code, "description": description });
        Self { status: code, body: body.to_string().into_bytes() }
    }

    pub fn flood(seconds: u64) -> Self {
        let body = json!({
            "ok": false, "error_code": 429, "description": format!("Too Many Requests: retry after {seconds}"),
            "parameters": { "retry_after": seconds },
        });
        Self { status: 429, body: body.to_string().into_bytes() }
    }

    pub fn moved(to: i64) -> Self {
        let body = json!({
            "ok": false, "error_code": 400,
            "description": "Bad Request: group chat was upgraded to a supergroup chat",
            "parameters": { "migrate_to_chat_id": to },
        });
        Self { status: 400, body: body.to_string().into_bytes() }
    }
}

/// What happens instead of the usual, once.
#[derive(Debug, Clone)]
pub enum Turn {
    /// This is answered, and nothing is done.
    Says(Reply),
    /// Nothing is done, and the connection breaks.
    Breaks,
    /// It is done, and the connection breaks in the middle of the answer.
    DoesAndBreaks,
    /// It is done, and the answer comes later.
    DoesAndAnswersAfter(Duration),
}

/// A message of the bot.
#[derive(Debug, Clone)]
pub struct Sent {
    pub chat: i64,
    pub id: i64,
    /// What people read now.
    pub text: String,
    /// What it said before, oldest first, each with when it was changed.
    pub before: Vec<String>,
    pub edits: Vec<Instant>,
    pub at: Instant,
    pub keyboard: Value,
    pub marked: bool,
    pub silent: bool,
    pub deleted: bool,
}

impl Sent {
    /// The labels of the buttons under it.
    pub fn labels(&self) -> Vec<String> {
        self.buttons().iter().filter_map(|button| Some(button["text"].as_str()?.to_owned())).collect()
    }

    fn buttons(&self) -> Vec<Value> {
        let rows = self.keyboard["inline_keyboard"].as_array().cloned().unwrap_or_default();
        rows.iter().flat_map(|row| row.as_array().cloned().unwrap_or_default()).collect()
    }

    /// What the button whose label begins so carries.
    pub fn data(&self, label: &str) -> String {
        let found = self.buttons().into_iter().find(|button| {
            button["text"].as_str().is_some_and(|text| text.starts_with(label)) && button["callback_data"].is_string()
        });
        let found = found.unwrap_or_else(|| panic!("no button `{label}` under {:?}: {:?}", self.text, self.labels()));
        found["callback_data"].as_str().unwrap_or_default().to_owned()
    }
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    pub body: Value,
    pub at: Instant,
}

/// What was shown to somebody who pressed a button.
#[derive(Debug, Clone)]
pub struct Shown {
    pub text: Option<String>,
    pub window: bool,
}

/// What the server knows.
#[derive(Default)]
pub struct World {
    updates: VecDeque<Value>,
    next_update: i64,
    next_message: i64,
    next_press: i64,
    /// The number of the newest request for updates: an older one ends when a newer comes.
    poll: u64,
    pub messages: Vec<Sent>,
    /// Messages of people, by chat.
    pub said: BTreeSet<(i64, i64)>,
    pub deleted: BTreeSet<(i64, i64)>,
    /// Chats in which the bot may not delete what people say.
    pub undeletable: BTreeSet<i64>,
    pub chats: BTreeSet<i64>,
    pub blocked: BTreeSet<i64>,
    /// Chats to which nothing can be sent, with what is said to that.
    pub muted: BTreeMap<i64, &'static str>,
    /// Groups that have become others.
    pub moved: BTreeMap<i64, i64>,
    pub presses: BTreeMap<String, Option<Shown>>,
    pub files: BTreeMap<String, Vec<u8>>,
    /// The folder of a server that was started with `--local`: it puts files there, and names them as they lie there.
    pub local: Option<PathBuf>,
    /// Texts whose marks make no sense are expected, and no violation.
    pub wrong_marks: bool,
    pub webhook: String,
    pub competitor: bool,
    pub commands: BTreeMap<String, Vec<Value>>,
    pub asked: Vec<Asked>,
    pub violations: Vec<String>,
    pub turns: BTreeMap<String, VecDeque<Turn>>,
    /// Chats in which sending has to wait until then.
    pub floods: BTreeMap<i64, Instant>,
}

struct Shared {
    world: Mutex<World>,
    changed: Condvar,
}

/// The server. Its threads end with the process.
#[derive(Clone)]
pub struct Telegram {
    port: u16,
    shared: Arc<Shared>,
}

impl Telegram {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let world = World { next_update: 1000, next_message: 1, next_press: 1, ..World::default() };
        let telegram = Self { port, shared: Arc::new(Shared { world: Mutex::new(world), changed: Condvar::new() }) };
        let shared = Arc::clone(&telegram.shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || while serve(&shared, &stream).is_some() {});
            }
        });
        telegram
    }

    pub fn api(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.shared.world.lock().expect("no test panics while it looks")
    }

    /// Changes something about the world.
    pub fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let done = change(&mut self.world());
        self.shared.changed.notify_all();
        done
    }

    /// What happens instead, the next time this is asked.
    pub fn turn(&self, method: &str, turn: Turn) {
        self.change(|world| world.turns.entry(method.to_owned()).or_default().push_back(turn));
    }

    /// Puts an update in as it is, under the next number; returns that.
    pub fn update(&self, mut update: Value) -> i64 {
        self.change(|world| {
            let number = world.next_update;
            world.next_update += 1;
            update["update_id"] = json!(number);
            world.updates.push_back(update);
            number
        })
    }

    /// A group becomes another chat, which has none of its messages.
    pub fn migrate(&self, from: i64, to: i64) {
        self.change(|world| {
            world.chats.insert(to);
            world.moved.insert(from, to);
        });
    }

    /// Telegram says in a group that it has become another chat.
    pub fn say_moved(&self, from: i64, to: i64) {
        self.update(json!({ "message": {
            "message_id": 900_000, "date": 1_800_000_000, "chat": { "id": from, "type": "group", "title": "Team" },
            "from": { "id": 8, "is_bot": false, "first_name": "Person 8" }, "migrate_to_chat_id": to,
        } }));
    }

    /// Somebody has blocked the bot, and lets it write again.
    pub fn unblock(&self, person: i64) {
        self.change(|world| world.blocked.remove(&person));
        let bot = json!({ "id": BOT, "is_bot": true, "first_name": "cgo" });
        self.update(json!({ "my_chat_member": {
            "chat": private(person), "date": 1_800_000_000,
            "from": { "id": person, "is_bot": false, "first_name": format!("Person {person}") },
            "old_chat_member": { "user": bot, "status": "kicked", "until_date": 0 },
            "new_chat_member": { "user": bot, "status": "member" },
        } }));
    }

    fn message(&self, chat: &Value, person: i64, more: &Value) -> i64 {
        let number = self.change(|world| {
            let number = world.next_message;
            world.next_message += 1;
            let chat = chat["id"].as_i64().unwrap_or_default();
            world.chats.insert(chat);
            world.said.insert((chat, number));
            number
        });
        let mut message = json!({
            "message_id": number, "date": 1_800_000_000, "chat": chat,
            "from": { "id": person, "is_bot": false, "first_name": format!("Person {person}"), "language_code": language(person) },
        });
        for (key, value) in more.as_object().into_iter().flatten() {
            message[key] = value.clone();
        }
        self.update(json!({ "message": message }));
        number
    }

    /// Somebody says something in their own chat; the message's number.
    pub fn say(&self, person: i64, text: &str) -> i64 {
        self.send(person, &json!({ "text": text }))
    }

    /// Somebody sends something in their own chat.
    pub fn send(&self, person: i64, more: &Value) -> i64 {
        self.message(&private(person), person, more)
    }

    /// Somebody says something in a group.
    pub fn say_in(&self, group: i64, person: i64, text: &str) -> i64 {
        self.message(&json!({ "id": group, "type": "supergroup", "title": "Team" }), person, &json!({ "text": text }))
    }

    /// Somebody replies to a message of the bot.
    pub fn reply(&self, person: i64, to: &Sent, text: &str) -> i64 {
        let replied = json!({ "message_id": to.id, "date": 1, "chat": private(to.chat), "from": { "id": BOT, "is_bot": true, "first_name": "cgo" } });
        self.send(person, &json!({ "text": text, "reply_to_message": replied }))
    }

    /// Somebody replies to a message of the bot in a group.
    pub fn reply_in(&self, group: i64, person: i64, to: &Sent, text: &str) -> i64 {
        let chat = json!({ "id": group, "type": "supergroup", "title": "Team" });
        let replied = json!({ "message_id": to.id, "date": 1, "chat": chat, "from": { "id": BOT, "is_bot": true, "first_name": "cgo" } });
        self.message(&chat, person, &json!({ "text": text, "reply_to_message": replied }))
    }

    /// Somebody sends a file.
    pub fn send_file(&self, person: i64, name: &str, bytes: &[u8]) -> i64 {
        let document = self.file(name, bytes);
        self.send(person, &json!({ "document": document }))
    }

    /// Somebody sends a file to a group.
    pub fn send_file_in(&self, group: i64, person: i64, name: &str, bytes: &[u8], caption: &str) -> i64 {
        let chat = json!({ "id": group, "type": "supergroup", "title": "Team" });
        let document = self.file(name, bytes);
        self.message(&chat, person, &json!({ "document": document, "caption": caption }))
    }

    /// A file as a message names it.
    fn file(&self, name: &str, bytes: &[u8]) -> Value {
        let id = format!("file{}", self.world().next_message);
        self.change(|world| world.files.insert(id.clone(), bytes.to_vec()));
        json!({ "file_id": id, "file_unique_id": format!("{id}u"), "file_name": name, "file_size": bytes.len() })
    }

    /// Somebody presses the button whose label begins so; the id of the press.
    pub fn press(&self, person: i64, under: &Sent, label: &str) -> String {
        self.forge(person, under, &under.data(label))
    }

    /// Somebody presses a button that carries this, whether there is one or not.
    pub fn forge(&self, person: i64, under: &Sent, data: &str) -> String {
        let id = self.change(|world| {
            let id = format!("press{}", world.next_press);
            world.next_press += 1;
            world.presses.insert(id.clone(), None);
            id
        });
        let chat = if under.chat > 0 { private(under.chat) } else { json!({ "id": under.chat, "type": "supergroup" }) };
        self.update(json!({ "callback_query": {
            "id": id, "chat_instance": "1", "data": data,
            "from": { "id": person, "is_bot": false, "first_name": format!("Person {person}"), "language_code": language(person) },
            "message": { "message_id": under.id, "date": 1, "chat": chat, "from": { "id": BOT, "is_bot": true, "first_name": "cgo" } },
        } }));
        id
    }

    /// Waits until something is so, and returns what it is.
    pub fn wait<T>(&self, what: &str, mut find: impl FnMut(&World) -> Option<T>) -> T {
        let end = Instant::now() + LONG;
        let mut world = self.world();
        loop {
            if let Some(found) = find(&world) {
                return found;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let said: Vec<String> =
                    world.messages.iter().map(|sent| format!("{} #{}: {}", sent.chat, sent.id, sent.text)).collect();
                drop(world);
                panic!("{what} did not come; the bot said:\n{}", said.join("\n---\n"));
            }
            world = self.shared.changed.wait_timeout(world, left).expect("no test panics while it looks").0;
        }
    }

    /// Waits until a message with these words is in a chat, after the message of that number.
    pub fn hear_after(&self, chat: i64, after: i64, words: &str) -> Sent {
        self.wait(&format!("`{words}` in {chat} after {after}"), |world| {
            let fits =
                |sent: &&Sent| sent.chat == chat && sent.id > after && !sent.deleted && sent.text.contains(words);
            world.messages.iter().find(fits).cloned()
        })
    }

    /// Waits until a message with these words is in a chat.
    pub fn hear(&self, chat: i64, words: &str) -> Sent {
        self.hear_after(chat, 0, words)
    }

    /// Waits until a press was answered; what was shown.
    pub fn shown(&self, press: &str) -> Shown {
        self.wait(&format!("an answer to {press}"), |world| world.presses.get(press).cloned().flatten())
    }

    /// Waits until the bot has taken every update: Telegram keeps none for it.
    pub fn taken(&self) {
        self.wait("that all updates are taken", |world| world.updates.is_empty().then_some(()));
    }

    /// The messages of a chat, as they stand.
    pub fn chat(&self, chat: i64) -> Vec<Sent> {
        self.world().messages.iter().filter(|sent| sent.chat == chat && !sent.deleted).cloned().collect()
    }

    /// How often something was asked for a chat since a moment.
    pub fn asked_for(&self, chat: i64, since: Instant) -> usize {
        let about = |asked: &&Asked| asked.at >= since && asked.body["chat_id"] == chat;
        self.world().asked.iter().filter(about).count()
    }

    pub fn count(&self, method: &str) -> usize {
        self.world().asked.iter().filter(|asked| asked.method == method).count()
    }

    /// The bot broke no rule.
    pub fn assert_content(&self) {
        let world = self.world();
        assert_eq!(world.violations, Vec::<String>::new());
    }
}

fn private(person: i64) -> Value {
    json!({ "id": person, "type": "private", "first_name": format!("Person {person}") })
}

/// People with odd numbers have a Russian program.
fn language(person: i64) -> &'static str {
    if person % 2 == 1 { "ru" } else { "en" }
}

/// Serves one request; none when the connection is over.
fn serve(shared: &Shared, stream: &TcpStream) -> Option<()> {
    let (line, body) = read(stream)?;
    let mut words = line.split(' ');
    let (verb, path) = (words.next()?, words.next()?);
    if let Some(file) = path.strip_prefix(&format!("/file/bot{TOKEN}/")) {
        return load(shared, stream, file);
    }
    let Some((token, method)) = path.strip_prefix("/bot").and_then(|path| path.split_once('/')) else {
        return write(stream, 404, "application/json", &Reply::bad(404, "Not Found").body);
    };
    if token != TOKEN {
        return write(stream, 401, "application/json", &Reply::bad(401, "Unauthorized").body);
    }
    let parsed: Value = serde_json::from_slice(&body).unwrap_or_default();
    let (turn, done) = {
        let mut world = shared.world.lock().ok()?;
        if verb != "POST" || !parsed.is_object() {
            world.violations.push(format!("{line} with {}", String::from_utf8_lossy(&body)));
        }
        world.asked.push(Asked { method: method.to_owned(), body: parsed.clone(), at: Instant::now() });
        let turn = world.turns.get_mut(method).and_then(VecDeque::pop_front);
        // Whoever sees that it was asked may change the world: what is done with it was done before.
        let is_done_now = method != "getUpdates" && !matches!(turn, Some(Turn::Says(_) | Turn::Breaks));
        let done = is_done_now.then(|| methods::answer(&mut world, method, &parsed));
        (turn, done)
    };
    shared.changed.notify_all();
    let reply = match turn {
        Some(Turn::Says(reply)) => reply,
        Some(Turn::Breaks) => {
            let _ = stream.shutdown(Shutdown::Both);
            return None;
        }
        does => {
            let reply = match done {
                Some(done) => done,
                None => updates(shared, stream, &parsed)?,
            };
            shared.changed.notify_all();
            if let Some(Turn::DoesAndAnswersAfter(time)) = does {
                std::thread::sleep(time);
            } else if does.is_some() {
                // The head and half of the body come, and then nothing.
                let _ = write_part(stream, reply.status, &reply.body);
                let _ = stream.shutdown(Shutdown::Both);
                return None;
            }
            reply
        }
    };
    write(stream, reply.status, "application/json", &reply.body)
}

/// Serves the bytes of a file, as [`FILE`] has its turns. A server with `--local` serves none.
fn load(shared: &Shared, stream: &TcpStream, file: &str) -> Option<()> {
    let (turn, found) = {
        let mut world = shared.world.lock().ok()?;
        world.asked.push(Asked { method: FILE.to_owned(), body: json!({ "file": file }), at: Instant::now() });
        if world.local.is_some() {
            world.violations.push(format!("{file} was asked for, which lies where its path says"));
        }
        let found = world.files.get(file).filter(|_| world.local.is_none()).cloned();
        (world.turns.get_mut(FILE).and_then(VecDeque::pop_front), found)
    };
    shared.changed.notify_all();
    let (status, kind, body) = match (&turn, found) {
        (Some(Turn::Says(reply)), _) => (reply.status, "application/json", reply.body.clone()),
        (_, Some(bytes)) => (200, "application/octet-stream", bytes),
        (_, None) => (404, "application/json", Reply::bad(404, "Not Found").body),
    };
    match turn {
        None | Some(Turn::Says(_)) => return write(stream, status, kind, &body),
        Some(Turn::DoesAndAnswersAfter(time)) => {
            std::thread::sleep(time);
            return write(stream, status, kind, &body);
        }
        Some(Turn::DoesAndBreaks) => {
            let _ = write_part(stream, status, &body);
        }
        Some(Turn::Breaks) => {}
    }
    let _ = stream.shutdown(Shutdown::Both);
    None
}

/// Answers a request for updates when there are some, or when it has waited long enough.
fn updates(shared: &Shared, stream: &TcpStream, body: &Value) -> Option<Reply> {
    let mut world = shared.world.lock().ok()?;
    if let Some(refused) = methods::check(&mut world, "getUpdates", body) {
        return Some(refused);
    }
    if !world.webhook.is_empty() {
        return Some(Reply::bad(
            409,
            "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
        ));
    }
    world.poll += 1;
    let own = world.poll;
    shared.changed.notify_all();
    let offset = body["offset"].as_i64().unwrap_or(0);
    // Those before the offset are confirmed, and never sent again.
    while world.updates.front().is_some_and(|update| update["update_id"].as_i64().unwrap_or(0) < offset) {
        world.updates.pop_front();
    }
    shared.changed.notify_all();
    let limit = usize::try_from(body["limit"].as_i64().unwrap_or(100)).unwrap_or(100);
    let end = Instant::now() + Duration::from_secs(body["timeout"].as_u64().unwrap_or(0));
    loop {
        if world.competitor || world.poll != own {
            return Some(Reply::bad(
                409,
                "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
            ));
        }
        // Of what becomes of itself a bot hears only when it asks for it.
        let asks = body["allowed_updates"].as_array().is_some_and(|kinds| kinds.contains(&json!("my_chat_member")));
        let heard = |update: &&Value| asks || update.get("my_chat_member").is_none();
        let ready: Vec<Value> = world.updates.iter().filter(heard).take(limit).cloned().collect();
        let left = end.saturating_duration_since(Instant::now());
        if !ready.is_empty() || left.is_zero() {
            return Some(Reply::good(&json!(ready)));
        }
        // One whose program is gone is asked for nobody.
        let tick = left.min(Duration::from_millis(200));
        world = shared.changed.wait_timeout(world, tick).ok()?.0;
        if is_gone(stream) {
            return None;
        }
    }
}

fn is_gone(stream: &TcpStream) -> bool {
    let _ = stream.set_nonblocking(true);
    let gone = matches!(stream.peek(&mut [0]), Ok(0));
    let _ = stream.set_nonblocking(false);
    gone
}

fn read(stream: &TcpStream) -> Option<(String, Vec<u8>)> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok().filter(|count| *count > 0)?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((line.trim_end().to_owned(), body))
}

fn write(mut stream: &TcpStream, status: u16, kind: &str, body: &[u8]) -> Option<()> {
    let head = format!("HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), body].concat()).ok()
}

fn write_part(mut stream: &TcpStream, status: u16, body: &[u8]) -> Option<()> {
    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), &body[..body.len() / 2]].concat()).ok()
}
