//! An endpoint for models on this machine: checks the question, then answers by script, byte for byte.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cgo::domain::names::AgentName;
use cgo::domain::provider::{Endpoint, Wire};
use cgo::llm::anthropic::Anthropic;
use cgo::llm::openai::Openai;
use cgo::llm::wire::{Key, Timers};
use cgo::llm::{Error, Message, Provider, Refusal, Reply, Request, Schema, ToolSpec, Trouble};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::strict;

/// The key the server takes; no error may show it.
pub const KEY: &str = "sk-canary-8f3b1c77";

/// One scripted answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub pieces: Vec<Vec<u8>>,
    pub ending: Ending,
}

/// How an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// As it should.
    Whole,
    /// The connection is closed in the middle.
    Cut,
    /// Nothing more comes, the connection stays.
    Hangs,
    /// Not even the head comes.
    Silent,
    /// The last piece is sent again and again.
    Repeats,
}

pub fn answer(status: u16, body: &str) -> Answer {
    Answer { status, headers: Vec::new(), pieces: vec![body.as_bytes().to_vec()], ending: Ending::Whole }
}

pub fn whole(body: &Value) -> Answer {
    answer(200, &body.to_string()).header("content-type", "application/json")
}

/// A stream of events, each its own piece.
pub fn stream(events: &[Value]) -> Answer {
    raw_stream(&format!("{}data: [DONE]\n\n", told(events)))
}

/// An answer that makes one call.
pub fn one_call(id: &str, name: &str, arguments: &Value) -> Answer {
    let function = json!({ "name": name, "arguments": arguments.to_string() });
    let call = json!({ "index": 0, "id": id, "type": "function", "function": function });
    stream(&[
        json!({ "choices": [{ "index": 0, "delta": { "role": "assistant", "tool_calls": [call] } }] }),
        json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "tool_calls" }] }),
    ])
}

/// An answer in words.
pub fn words(text: &str) -> Answer {
    stream(&[
        json!({ "choices": [{ "index": 0, "delta": { "role": "assistant", "content": text } }] }),
        json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] }),
    ])
}

/// Events without their end.
pub fn told<'a>(events: impl IntoIterator<Item = &'a Value>) -> String {
    events.into_iter().fold(String::new(), |text, event| text + &format!("data: {event}\n\n"))
}

pub fn raw_stream(text: &str) -> Answer {
    let pieces = text.split_inclusive("\n\n").map(|piece| piece.as_bytes().to_vec()).collect();
    Answer { status: 200, headers: Vec::new(), pieces, ending: Ending::Whole }
        .header("content-type", "text/event-stream")
}

impl Answer {
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub fn ending(mut self, ending: Ending) -> Self {
        self.ending = ending;
        self
    }

    /// The same bytes in pieces of that size.
    pub fn in_pieces_of(mut self, size: usize) -> Self {
        self.pieces = self.pieces.concat().chunks(size).map(<[u8]>::to_vec).collect();
        self
    }
}

#[derive(Debug, Default)]
struct Seen {
    requests: Vec<Value>,
    violations: Vec<String>,
}

/// The server; it is gone with this value.
pub struct Server {
    pub address: String,
    wire: Wire,
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Answers in turn; the last answer is given again and again.
    pub async fn start(wire: Wire, answers: Vec<Answer>) -> Self {
        let mut turn = 0;
        Self::thinking(wire, move |_| {
            turn += 1;
            answers[(turn - 1).min(answers.len() - 1)].clone()
        })
        .await
    }

    /// Answers as the questions ask for.
    pub async fn thinking(wire: Wire, mut think: impl FnMut(&Value) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let Some((head, body)) = read(&mut stream).await else { continue };
                let body: Value = serde_json::from_slice(&body).unwrap_or_default();
                let checked = strict::check(wire, &head, &body);
                let answer = if checked.is_ok() { Some(think(&body)) } else { None };
                let mut seen = shared.lock().expect("no test panics while it looks");
                seen.requests.push(body);
                let answer = answer.unwrap_or_else(|| {
                    let Err(strict::Wrong { status, why }) = checked else { unreachable!("what is good was answered") };
                    if status == 400 {
                        seen.violations.push(why.clone());
                    }
                    super::server::answer(status, &json!({ "error": { "message": why } }).to_string())
                });
                drop(seen);
                open.spawn(async move { write(&mut stream, &answer).await });
            }
        });
        Self { address, wire, seen, task }
    }

    pub fn endpoint(&self, streamed: bool) -> Endpoint {
        let preset = match self.wire {
            Wire::Openai => "openai",
            Wire::Anthropic => "anthropic",
        };
        let preset = Endpoint::preset(preset).expect("a preset");
        Endpoint { url: format!("http://{}/v1", self.address), stream: streamed, model: "m-1".to_owned(), ..preset }
    }

    pub fn provider(&self, streamed: bool) -> Box<dyn Provider> {
        self.provider_with(&self.endpoint(streamed), KEY, timers())
    }

    pub fn provider_with(&self, endpoint: &Endpoint, key: &str, timers: Timers) -> Box<dyn Provider> {
        let key = Some(Key::new(key));
        match self.wire {
            Wire::Openai => Box::new(Openai::new("test", endpoint, key, timers).expect("a provider")),
            Wire::Anthropic => Box::new(Anthropic::new("test", endpoint, key, timers).expect("a provider")),
        }
    }

    /// The questions so far, when none of them broke a rule.
    pub fn requests(&self) -> Vec<Value> {
        let requests = self.seen.lock().expect("no test panics while it looks").requests.clone();
        assert_eq!(self.violations(), Vec::<String>::new(), "{:#?}", requests.last());
        requests
    }

    /// The rules that were broken.
    pub fn violations(&self) -> Vec<String> {
        self.seen.lock().expect("no test panics while it looks").violations.clone()
    }
}

async fn read(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 16 * 1024];
    let end = loop {
        let count = stream.read(&mut buffer).await.ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&buffer[..count]);
        if bytes[0] == 0x16 {
            // A client that begins a secure connection, answered as web servers do.
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n").await.ok()?;
            return None;
        }
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_string();
    let length = strict::header(&head, "content-length")?.parse::<usize>().ok()?;
    let mut body = bytes.split_off(end + 4);
    while body.len() < length {
        let count = stream.read(&mut buffer).await.ok().filter(|count| *count > 0)?;
        body.extend_from_slice(&buffer[..count]);
    }
    Some((head, body))
}

async fn write(stream: &mut TcpStream, answer: &Answer) -> std::io::Result<()> {
    if answer.ending == Ending::Silent {
        // Until the other side goes.
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await?;
        return Ok(());
    }
    let mut head =
        format!("HTTP/1.1 {} Scripted\r\nconnection: close\r\ntransfer-encoding: chunked\r\n", answer.status);
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await?;
    for piece in answer.pieces.iter().filter(|piece| !piece.is_empty()) {
        chunk(stream, piece).await?;
    }
    match answer.ending {
        Ending::Whole => stream.write_all(b"0\r\n\r\n").await?,
        Ending::Cut | Ending::Silent => {}
        Ending::Hangs => {
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await?;
        }
        Ending::Repeats => loop {
            chunk(stream, answer.pieces.last().expect("a piece to repeat")).await?;
            tokio::task::yield_now().await;
        },
    }
    stream.shutdown().await
}

async fn chunk(stream: &mut TcpStream, piece: &[u8]) -> std::io::Result<()> {
    stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await?;
    stream.write_all(piece).await?;
    stream.write_all(b"\r\n").await?;
    stream.flush().await
}

/// Short enough for a test, long enough for a busy machine.
pub fn timers() -> Timers {
    let long = Duration::from_secs(20);
    Timers { connect: long, first_byte: long, idle: long, progress: long }
}

/// A question with two tools.
pub fn question() -> Request {
    let tool = |name: &str| ToolSpec {
        name: name.to_owned(),
        description: "Looks.".to_owned(),
        parameters: Schema::new(json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Look",
            "type": "object",
            "properties": { "q": { "type": "string" } },
        })),
    };
    Request {
        agent: AgentName::parse("developer").expect("a name"),
        model: "m-1".to_owned(),
        temperature: 0.5,
        max_tokens: 500,
        messages: vec![
            Message::System { content: "You are terse.".to_owned() },
            Message::User { content: "What is the weather?".to_owned() },
        ],
        tools: vec![tool("look"), tool("list")],
    }
}

/// The conversation after an answer: every call has its result.
pub fn after(request: &Request, reply: &Reply) -> Request {
    let mut next = request.clone();
    next.messages.push(reply.message());
    next.messages.extend(reply.tool_calls.iter().map(|call| Message::Tool {
        call_id: call.id.clone(),
        name: call.name.clone(),
        content: "it rains".to_owned(),
    }));
    next
}

/// What an answer comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Ok,
    /// At least one call goes back to the model with the reason.
    ToolError,
    Retry(Trouble, Option<Duration>),
    Permanent(Refusal),
    Incomplete,
}

pub fn outcome(answered: &Result<Reply, Error>) -> Outcome {
    let tools = ["look", "list"];
    match answered {
        Ok(reply) => {
            let good = reply.tool_calls.iter().all(|call| call.parsed().is_ok() && tools.contains(&call.name.as_str()));
            if good { Outcome::Ok } else { Outcome::ToolError }
        }
        Err(Error::Retry { trouble, after, .. }) => Outcome::Retry(*trouble, *after),
        Err(Error::Permanent { refusal, .. }) => Outcome::Permanent(*refusal),
        Err(Error::Incomplete { .. }) => Outcome::Incomplete,
        Err(error @ (Error::Unanswerable { .. } | Error::Cancelled)) => panic!("{error}"),
    }
}

/// One row of a table: its number, the answer, what it comes to, and what else must hold of a reply.
pub struct Row {
    pub number: &'static str,
    pub answer: Answer,
    pub want: Outcome,
    pub check: fn(&Reply) -> bool,
}

pub fn row(number: &'static str, answer: Answer, want: Outcome, check: fn(&Reply) -> bool) -> Row {
    Row { number, answer, want, check }
}

/// Asks for every row, goes on with the conversation where there is a reply, and names the rows that came out wrong.
pub async fn run(wire: Wire, rows: Vec<Row>, streamed: bool, last: Answer) -> Vec<String> {
    let mut wrong = Vec::new();
    for Row { number, answer, want, check } in rows {
        let server = Server::start(wire, vec![answer, last.clone()]).await;
        let provider = server.provider(streamed);
        let request = question();
        let told = std::cell::RefCell::new(String::new());
        let answered = provider.complete(&request, &|piece| told.borrow_mut().push_str(piece)).await;
        let got = outcome(&answered);
        if got != want {
            wrong.push(format!("row {number}: {got:?} instead of {want:?}: {answered:?}"));
        }
        if format!("{answered:?} {provider_name}", provider_name = provider.name()).contains(KEY) {
            wrong.push(format!("row {number}: the key is shown"));
        }
        if let Ok(reply) = &answered {
            let mut ids: Vec<&str> = reply.tool_calls.iter().map(|call| call.id.as_str()).collect();
            ids.sort_unstable();
            ids.dedup();
            let unique = ids.len() == reply.tool_calls.len() && !ids.contains(&"");
            let paid = reply.usage.input_tokens > 0 && reply.usage.output_tokens > 0;
            let heard = reply.finish == cgo::llm::Finish::Filtered
                || *told.borrow() == reply.content.clone().unwrap_or_default();
            if !(check(reply) && unique && paid && heard) {
                wrong.push(format!("row {number}: {reply:?}, heard {:?}", told.borrow()));
            }
            let next = provider.complete(&after(&request, reply), &|_| {}).await;
            if let Err(error) = next {
                wrong.push(format!("row {number}: the conversation does not go on: {error}"));
            }
        }
        wrong
            .extend(server.violations().into_iter().map(|why| format!("row {number}: the question is refused: {why}")));
    }
    wrong
}
