//! Takes an answer as it comes: as events where it is a stream, as a whole where it is none.
//!
//! What was asked for does not decide, the bytes do: servers answer whole to a question for a stream, and the other
//! way round.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::super::{Error, Trouble, Usage};
use super::http::Incoming;
use super::sse::{Event, Malformed, Parser};

/// How long the tail of an answer is waited for once its end was told: the count of tokens comes last.
const TAIL: Duration = Duration::from_secs(5);

/// What an event did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A sign of life.
    Alive,
    /// It said something.
    Progress,
    /// The answer is whole; something about it may follow.
    Whole,
    /// Nothing follows.
    Over,
}

/// An answer that is put together from events.
pub trait Assembly {
    /// Takes the next event.
    ///
    /// # Errors
    /// When the answer fails.
    fn take(&mut self, event: &Event) -> Result<Step, Error>;
}

/// How an answer came.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// As one body; empty when nothing came.
    Body(Vec<u8>),
    /// As events, which the assembly has taken.
    Events,
}

/// Receives an answer.
///
/// # Errors
/// When it breaks off, pauses for too long, is too long, or the assembly fails.
pub async fn receive(incoming: &mut Incoming<'_>, assembly: &mut dyn Assembly) -> Result<Received, Error> {
    let mut head = Vec::new();
    let first = loop {
        let Some(piece) = incoming.chunk().await? else { return Ok(Received::Body(head)) };
        head.extend_from_slice(&piece);
        // Blank lines keep a connection alive while the model thinks.
        let blank = head.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        head.drain(..blank);
        let text = head.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&head);
        if let Some(first) = text.first().filter(|byte| !byte.is_ascii_whitespace()) {
            break *first;
        }
    };
    if matches!(first, b'{' | b'[' | b'<' | b'"') || incoming.is_page() {
        incoming.progressed();
        while let Some(piece) = incoming.chunk().await? {
            if piece.iter().any(|byte| !byte.is_ascii_whitespace()) {
                incoming.progressed();
            }
            head.extend_from_slice(&piece);
        }
        return Ok(Received::Body(head));
    }
    events(incoming, assembly, head).await?;
    Ok(Received::Events)
}

async fn events(incoming: &mut Incoming<'_>, assembly: &mut dyn Assembly, head: Vec<u8>) -> Result<(), Error> {
    let mut parser = Parser::default();
    let mut piece = head;
    let mut whole_by: Option<Instant> = None;
    loop {
        for event in parser.feed(&piece).map_err(|why| malformed(incoming, why))? {
            match assembly.take(&event)? {
                Step::Alive => {}
                Step::Progress => {
                    incoming.progressed();
                    whole_by = whole_by.map(|_| Instant::now() + TAIL);
                }
                Step::Whole => whole_by = Some(Instant::now() + TAIL),
                Step::Over => return Ok(()),
            }
        }
        let next = match whole_by {
            None => incoming.chunk().await?,
            // What goes wrong after the end was told takes nothing from the answer.
            Some(by) => timeout_at(by, incoming.chunk()).await.ok().and_then(Result::ok).flatten(),
        };
        match next {
            Some(next) => piece = next,
            None => break,
        }
    }
    let last = parser.finish().map_err(|why| malformed(incoming, why))?;
    let last = last.filter(|event| event.data.trim() == "[DONE]" || is_json(&event.data));
    let step = last.map(|event| assembly.take(&event)).transpose();
    if whole_by.is_some() || matches!(step?, Some(Step::Whole | Step::Over)) {
        return Ok(());
    }
    let reason = format!("the answer of `{}` ended before it was whole", incoming.http().who().provider);
    Err(Error::Retry { trouble: Trouble::Network, after: None, reason, usage: Usage::default() })
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

fn malformed(incoming: &Incoming<'_>, why: Malformed) -> Error {
    incoming.http().no_answer(&why.to_string())
}
