//! The size of text for a model, beside foreign text as a person may read it.

use serde::Serialize;

use super::super::{Message, Request, Usage};
pub use crate::net::text::{is_page, line, page};

/// About how many tokens a text has; never less than is true for common models by much, and never none.
#[must_use]
pub fn tokens(text: &str) -> u64 {
    if text.is_ascii() {
        return (text.len() as u64).div_ceil(4).max(1);
    }
    let (mut ascii, mut other) = (0_u64, 0_u64);
    for byte in text.bytes() {
        ascii += u64::from(byte < 0x80);
        // The first byte of a longer character.
        other += u64::from(byte >= 0xc0);
    }
    (ascii.div_ceil(4) + other.div_ceil(2)).max(1)
}

/// About how many tokens a message has.
#[must_use]
pub fn message_tokens(message: &Message) -> u64 {
    /// What the roles and borders of a message take.
    const FRAME: u64 = 4;
    FRAME
        + match message {
            Message::System { content } | Message::User { content } | Message::Tool { content, .. } => tokens(content),
            Message::Assistant { content, tool_calls, replay } => {
                let said = content.as_deref().map_or(0, tokens);
                let called: u64 =
                    tool_calls.iter().map(|call| FRAME + tokens(&call.name) + tokens(&call.arguments)).sum();
                let replayed = replay.as_ref().map_or(0, |replay| tokens(&replay.to_string()));
                (said + called).max(replayed)
            }
        }
}

/// About how many tokens a question has: its conversation and its tools.
#[must_use]
pub fn request_tokens(request: &Request) -> u64 {
    let tools: u64 = request
        .tools
        .iter()
        .map(|tool| tokens(&tool.name) + tokens(&tool.description) + tokens(tool.parameters.text()))
        .sum();
    request.messages.iter().map(message_tokens).sum::<u64>() + tools
}

/// The body of a question as it is sent, spelled in one piece of memory. `asked` says how long it is, about.
///
/// # Panics
/// When a map in it has keys that are no texts.
#[must_use]
pub fn spelled(body: &impl Serialize, asked: &Usage) -> Vec<u8> {
    let about = usize::try_from(asked.input_tokens).unwrap_or_default().saturating_mul(4);
    let mut bytes = Vec::with_capacity((about + about / 8).clamp(1 << 10, 1 << 20));
    serde_json::to_writer(&mut bytes, body).expect("a question has text keys only, and memory takes everything");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_has_tokens_and_cyrillic_has_more() {
        assert_eq!(tokens(""), 1);
        assert_eq!(tokens("four char tok"), 4);
        assert_eq!(tokens("привет"), 3);
    }
}
