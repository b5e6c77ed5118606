//! Foreign text as a person may read it, and the size of text for a model.

use super::super::{Message, Request};

/// How many characters of a foreign text are shown.
const SHOWN: usize = 300;

/// The text on one line: no control characters, no escape sequences, white space as single spaces, cut.
#[must_use]
pub fn line(text: &str) -> String {
    let mut clean = String::new();
    let mut count = 0;
    let mut characters = text.chars().peekable();
    let mut space = false;
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' => {
                // A sequence ends at its first letter.
                while characters.next().is_some_and(|next| !next.is_ascii_alphabetic()) {}
            }
            other if other.is_whitespace() => space = true,
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => {}
            other if other.is_control() => {}
            other => {
                if count >= SHOWN {
                    clean.push('…');
                    break;
                }
                if space && !clean.is_empty() {
                    clean.push(' ');
                    count += 1;
                }
                space = false;
                clean.push(other);
                count += 1;
            }
        }
    }
    clean
}

/// What a page of HTML says: its title, else its text without tags.
#[must_use]
pub fn page(html: &str) -> String {
    let lower = html.to_ascii_lowercase();
    let title = lower.find("<title").and_then(|at| {
        let begin = at + lower[at..].find('>')? + 1;
        let end = begin + lower[begin..].find("</title")?;
        Some(line(&html[begin..end]))
    });
    title.filter(|title| !title.is_empty()).unwrap_or_else(|| {
        let mut inside = false;
        let bare: String = html
            .chars()
            .map(|character| match character {
                '<' => {
                    inside = true;
                    ' '
                }
                '>' => {
                    inside = false;
                    ' '
                }
                _ if inside => ' ',
                other => other,
            })
            .collect();
        line(&bare)
    })
}

/// Whether a body is a page for people rather than an answer for programs.
#[must_use]
pub fn is_page(body: &str) -> bool {
    body.trim_start_matches('\u{feff}').trim_start().starts_with('<')
}

/// About how many tokens a text has; never less than is true for common models by much, and never none.
#[must_use]
pub fn tokens(text: &str) -> u64 {
    let ascii = text.bytes().filter(u8::is_ascii).count() as u64;
    let other = text.chars().filter(|character| !character.is_ascii()).count() as u64;
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
        .map(|tool| tokens(&tool.name) + tokens(&tool.description) + tokens(&tool.parameters.to_string()))
        .sum();
    request.messages.iter().map(message_tokens).sum::<u64>() + tools
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_text_becomes_one_clean_line() {
        assert_eq!(line("\u{1b}[31mred\u{1b}[0m\r\n\t line\u{7} \u{202e}two"), "red line two");
        assert_eq!(line(&"x".repeat(1000)).chars().count(), SHOWN + 1);
    }

    #[test]
    fn a_page_is_named_by_its_title_or_its_words() {
        assert_eq!(page("<html><head><TITLE>502 Bad\nGateway</TITLE></head>"), "502 Bad Gateway");
        assert_eq!(page("<html><body><h1>Not  found</h1></body>"), "Not found");
        assert!(is_page("\u{feff}\n<!doctype html>") && !is_page("{\"a\":\"<\"}"));
    }

    #[test]
    fn every_text_has_tokens_and_cyrillic_has_more() {
        assert_eq!(tokens(""), 1);
        assert_eq!(tokens("four char tok"), 4);
        assert_eq!(tokens("привет"), 3);
    }
}
