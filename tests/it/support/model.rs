//! A model's endpoint for tests: speaks HTTP by hand, so that it can break off where it likes, and is strict about what
//! it is sent.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// The endpoint's key.
pub const KEY: &str = "sk-real-upstream-key-1234567890";

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    pub path: String,
    pub body: Value,
    pub headers: Vec<(String, String)>,
}

/// What the endpoint does with a request.
pub enum Answer {
    /// A whole JSON answer. One that may pass asks for seven seconds.
    Json(u16, Value),
    /// Text of any kind, with these lines in its head.
    Text(u16, &'static str, String),
    /// Server-sent events to the end.
    Events(Vec<String>),
    /// Server-sent events, and then the connection is gone.
    Cut(Vec<String>),
    /// Nothing, for as long as the test goes on.
    Silence,
}

/// A running endpoint.
pub struct Model {
    port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
}

type Script = dyn Fn(&Asked, usize) -> Answer + Send + Sync;

impl Model {
    /// An endpoint that answers each request, and its number from 0, by a script.
    pub fn new(script: impl Fn(&Asked, usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (script, log): (Arc<Script>, _) = (Arc::new(script), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (script, log) = (Arc::clone(&script), Arc::clone(&log));
                std::thread::spawn(move || while serve(&stream, script.as_ref(), &log).is_some() {});
            }
        });
        Self { port, asked }
    }

    /// The address, without `/v1`.
    pub fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no test panics here").clone()
    }
}

/// One event of a stream.
pub fn data(value: &Value) -> String {
    format!("data: {value}\n\n")
}

/// Serves one request; none when the connection is over.
fn serve(stream: &TcpStream, script: &Script, log: &Mutex<Vec<Asked>>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let header = |wanted: &str| headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    let length = header("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let authorized = header("authorization") == Some(&format!("Bearer {KEY}")) || header("x-api-key") == Some(KEY);
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let asked = Asked { path, body, headers };
    let number = {
        let mut log = log.lock().ok()?;
        log.push(asked.clone());
        log.len() - 1
    };
    let wrong = if !authorized {
        Some((401, format!("Incorrect API key provided: {KEY}")))
    } else if asked.path != "/v1/models" && !(asked.body["model"].is_string()) {
        Some((400, "no model".to_owned()))
    } else {
        None
    };
    let answer = match wrong {
        Some((status, text)) => Answer::Json(status, serde_json::json!({"error": {"message": text}})),
        None => script(&asked, number),
    };
    let mut out = stream;
    match answer {
        Answer::Json(status, value) => {
            let may_pass = status == 429 || status >= 500;
            let wait = if may_pass { "retry-after: 7\r\n" } else { "" };
            whole(out, status, &format!("content-type: application/json\r\n{wait}"), &value.to_string())?;
        }
        Answer::Text(status, lines, text) => whole(out, status, lines, &text)?,
        Answer::Events(events) => {
            stream_of(out, &events)?;
            out.write_all(b"0\r\n\r\n").ok()?;
        }
        Answer::Cut(events) => {
            stream_of(out, &events)?;
            let _ = stream.shutdown(std::net::Shutdown::Both);
            return None;
        }
        Answer::Silence => {
            // Until the other side gives up.
            let _ = out.read(&mut [0]);
            return None;
        }
    }
    Some(())
}

fn whole(mut out: &TcpStream, status: u16, lines: &str, body: &str) -> Option<()> {
    let length = body.len();
    let answer =
        format!("HTTP/1.1 {status} Status\r\n{lines}content-length: {length}\r\nset-cookie: a={KEY}\r\n\r\n{body}");
    out.write_all(answer.as_bytes()).ok()
}

fn stream_of(mut out: &TcpStream, events: &[String]) -> Option<()> {
    out.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n").ok()?;
    for event in events {
        out.write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes()).ok()?;
    }
    Some(())
}
