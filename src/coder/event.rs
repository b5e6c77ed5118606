//! What agents say while they work, in one vocabulary, and the reader of their streams.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The longest line that is read; a longer one is counted and forgotten.
const LINE: usize = 8 << 20;
/// How much of it people who watch see in one line, in characters.
const LINE_SHOWN: usize = 100;
/// How much of a text an event carries, in characters.
const TEXT: usize = 4000;

/// Something an agent said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum CoderEvent {
    /// The session can be resumed under this name.
    Session {
        /// The name.
        id: String,
    },
    /// It told something.
    Text {
        /// The words.
        text: String,
    },
    /// It uses a tool.
    Tool {
        /// The tool's name.
        name: String,
    },
    /// It was not allowed to do something.
    Denied {
        /// What.
        what: String,
    },
    /// It tries a request again.
    Retry,
    /// Something went wrong; it may go on.
    Problem {
        /// In its words.
        message: String,
    },
    /// It gave up.
    Failed {
        /// In its words.
        message: String,
    },
    /// It has made all the turns it may make.
    TurnLimit,
    /// It has spent all the money it was told to spend.
    Budget,
    /// It says that it is done.
    Finished,
}

impl CoderEvent {
    /// Words, cut to what an event carries.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Text { text: cut(text) }
    }

    /// A failure in words.
    #[must_use]
    pub fn failed(message: &str) -> Self {
        Self::Failed { message: cut(message) }
    }
}

impl CoderEvent {
    /// One line for people who watch; none for what tells them nothing.
    #[must_use]
    pub fn line(&self) -> Option<String> {
        let first = |text: &str| {
            let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
            let end = line.char_indices().nth(LINE_SHOWN).map_or(line.len(), |(at, _)| at);
            Some(line[..end].to_owned())
        };
        match self {
            Self::Text { text } => first(text),
            Self::Tool { name } => Some(format!("tool {name}")),
            Self::Denied { what } => Some(format!("not allowed: {what}")),
            Self::Retry => Some("asks its model again".to_owned()),
            Self::Problem { message } | Self::Failed { message } => first(message),
            Self::TurnLimit => Some("has made all its turns".to_owned()),
            Self::Budget => Some("has spent its money".to_owned()),
            Self::Session { .. } | Self::Finished => None,
        }
    }
}

/// The beginning of a text.
pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(TEXT) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// One line of a stream.
#[derive(Debug, Clone, PartialEq)]
pub enum Line {
    /// A JSON object.
    Json(Value),
    /// Anything else that says something.
    Plain(String),
    /// Too long to be read.
    TooLong,
}

/// Cuts a stream into lines, whatever comes.
#[derive(Debug, Default)]
pub struct Reader {
    pending: Vec<u8>,
    too_long: bool,
}

impl Reader {
    /// Takes bytes and passes on the lines they complete.
    pub fn push(&mut self, bytes: &[u8], each: &mut dyn FnMut(Line)) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.pending.len() + part.len() > LINE {
                self.too_long = true;
                self.pending.clear();
            } else if !self.too_long {
                self.pending.extend_from_slice(part);
            }
            if part.ends_with(b"\n") {
                self.end(each);
            }
        }
    }

    /// Passes on a last line without an end.
    pub fn end(&mut self, each: &mut dyn FnMut(Line)) {
        let line = std::mem::take(&mut self.pending);
        if std::mem::take(&mut self.too_long) {
            each(Line::TooLong);
            return;
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        match serde_json::from_str::<Value>(text) {
            Ok(value) if value.is_object() => each(Line::Json(value)),
            _ => each(Line::Plain(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_of_anything_is_read_to_its_end() {
        let mut reader = Reader::default();
        let mut lines = Vec::new();
        let long = format!("{{\"text\":\"{}\"}}\n", "x".repeat(2_000_000));
        let endless = "y".repeat(LINE + 10) + "\n";
        for part in
            [b"banner\n{\"a\":1}\n\xff\xfe\n[1]\n\n".as_slice(), long.as_bytes(), endless.as_bytes(), b"{\"cut\":"]
        {
            for piece in part.chunks(100_000) {
                reader.push(piece, &mut |line| lines.push(line));
            }
        }
        reader.end(&mut |line| lines.push(line));
        assert_eq!(lines[0], Line::Plain("banner".into()));
        assert_eq!(lines[1], Line::Json(serde_json::json!({"a": 1})));
        assert!(matches!(&lines[2], Line::Plain(text) if text.contains('\u{fffd}')));
        assert_eq!(lines[3], Line::Plain("[1]".into()));
        assert!(matches!(&lines[4], Line::Json(value) if value["text"].as_str().unwrap().len() == 2_000_000));
        assert_eq!(lines[5..], [Line::TooLong, Line::Plain("{\"cut\":".into())]);
    }
}
