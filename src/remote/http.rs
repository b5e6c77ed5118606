//! One GET, as a probe needs it: no redirect is followed, no more than the beginning of the body is read.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt as _, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, HOST, LOCATION, USER_AGENT};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::exec::capture::clean_line;

/// How much of a body is read, in bytes.
pub(super) const BODY_LIMIT: usize = 4 * 1024;
/// How many characters of a body are shown.
const BODY_SHOWN: usize = 200;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Where it sends the client instead.
    pub location: Option<String>,
    /// The beginning of the body on one line, without control characters.
    pub body: String,
    /// From the first packet to the last byte that was read.
    pub took: Duration,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoAnswer {
    /// Nobody listens there.
    Refused,
    /// It took too long.
    Timeout,
    /// Somebody listens and does not speak HTTP, or ends the connection.
    Broken(String),
}

/// Asks once.
pub async fn get(address: SocketAddr, host: &str, path: &str, timeout: Duration) -> Result<Answer, NoAnswer> {
    let begun = Instant::now();
    let answer = tokio::time::timeout(timeout, ask(address, host, path)).await.unwrap_or(Err(NoAnswer::Timeout))?;
    Ok(Answer { took: begun.elapsed(), ..answer })
}

async fn ask(address: SocketAddr, host: &str, path: &str) -> Result<Answer, NoAnswer> {
    let stream = TcpStream::connect(address).await.map_err(|error| match error.kind() {
        io::ErrorKind::ConnectionRefused => NoAnswer::Refused,
        io::ErrorKind::TimedOut => NoAnswer::Timeout,
        _ => NoAnswer::Broken(error.to_string()),
    })?;
    let request = Request::get(path)
        .header(HOST, host)
        .header(USER_AGENT, concat!("cgo/", env!("CARGO_PKG_VERSION")))
        .header(ACCEPT, "*/*")
        .body(Empty::<Bytes>::new())
        .map_err(|error| NoAnswer::Broken(error.to_string()))?;
    let broken = |error: hyper::Error| NoAnswer::Broken(cause(&error));
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(broken)?;
        let (head, mut body) = response.into_parts();
        let mut bytes = Vec::new();
        while bytes.len() < BODY_LIMIT {
            let Some(frame) = body.frame().await else { break };
            if let Some(data) = frame.map_err(broken)?.data_ref() {
                bytes.extend_from_slice(&data[..data.len().min(BODY_LIMIT - bytes.len())]);
            }
        }
        let location = head.headers.get(LOCATION).map(|value| clean_line(&String::from_utf8_lossy(value.as_bytes())));
        Ok(Answer { status: head.status.as_u16(), location, body: shown(&bytes), took: Duration::ZERO })
    };
    tokio::pin!(exchange);
    tokio::select! {
        answer = &mut exchange => answer,
        // The connection ends first when the body's last bytes came with its end.
        _ = connection => exchange.await,
    }
}

/// The beginning of a body on one line, without control characters.
pub(super) fn shown(bytes: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(bytes).lines().map(clean_line).collect::<Vec<_>>().join(" ");
    text.chars().take(BODY_SHOWN).collect()
}

/// The innermost reason, which is the one that says something.
fn cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
