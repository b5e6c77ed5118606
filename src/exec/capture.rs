//! Keeping a bounded part of what a program writes, and cutting it into lines.

use std::collections::VecDeque;
use std::sync::LazyLock;

use regex_lite::{Captures, Regex};

/// The longest line that is passed on whole, in bytes.
pub const MAX_LINE: usize = 8 * 1024;

/// The beginning and the end of a stream; what lies between is counted, not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    half: usize,
    left_out: u64,
}

impl Captured {
    /// Nothing yet; at most `keep` bytes later.
    #[must_use]
    pub fn new(keep: usize) -> Self {
        Self { head: Vec::new(), tail: VecDeque::new(), half: keep / 2, left_out: 0 }
    }

    /// Adds bytes at the end.
    pub fn push(&mut self, bytes: &[u8]) {
        let (first, rest) = bytes.split_at(bytes.len().min(self.half - self.head.len()));
        self.head.extend_from_slice(first);
        self.tail.extend(rest);
        let excess = self.tail.len().saturating_sub(self.half);
        self.tail.drain(..excess);
        self.left_out += excess as u64;
    }

    /// Bytes between the beginning and the end that were not kept.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// What was kept; a gap is marked by a line of its own.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut all = self.head.clone();
        if self.left_out > 0 {
            all.extend_from_slice(format!("\n... {} bytes left out ...\n", self.left_out).as_bytes());
        }
        all.extend(&self.tail);
        all
    }

    /// Like [`Self::bytes`], as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    /// The last lines that say something, oldest first, without control characters.
    #[must_use]
    pub fn last_lines(&self, count: usize) -> Vec<String> {
        let text = self.text();
        let lines: Vec<String> = text.lines().map(clean_line).filter(|line| !line.trim().is_empty()).collect();
        lines[lines.len().saturating_sub(count)..].to_vec()
    }
}

/// The line without terminal escape sequences and control characters; a tab becomes a space, and more than 500
/// characters are cut.
#[must_use]
pub fn clean_line(line: &str) -> String {
    let mut clean = String::new();
    let mut characters = line.chars().peekable();
    let mut count = 0;
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' => skip_escape(&mut characters),
            '\t' => clean.push(' '),
            // Direction overrides make a line read as something it is not.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            other if other.is_control() => {}
            other => clean.push(other),
        }
        count += 1;
        if count == 500 && characters.peek().is_some() {
            clean.push('…');
            break;
        }
    }
    clean
}

/// Skips the rest of an escape sequence: CSI up to its final byte, OSC up to its terminator, else one character.
fn skip_escape(characters: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match characters.next() {
        Some('[') => {
            characters.by_ref().find(|character| ('\u{40}'..='\u{7e}').contains(character));
        }
        Some(']') => {
            characters.by_ref().find(|character| matches!(character, '\u{7}' | '\u{1b}'));
            characters.next_if_eq(&'\\');
        }
        _ => {}
    }
}

/// Cuts a stream into lines. A lone carriage return ends a line too, so that progress is seen as it comes.
#[derive(Debug, Default)]
pub struct Lines {
    pending: Vec<u8>,
    cut: bool,
}

impl Lines {
    /// Takes bytes and passes on the lines they complete.
    pub fn push(&mut self, bytes: &[u8], say: &mut dyn FnMut(&str)) {
        for &byte in bytes {
            if byte == b'\n' || byte == b'\r' {
                self.end(say);
            } else if self.pending.len() < MAX_LINE {
                self.pending.push(byte);
            } else {
                self.cut = true;
            }
        }
    }

    /// Passes on a last line that had no end.
    pub fn finish(&mut self, say: &mut dyn FnMut(&str)) {
        self.end(say);
    }

    fn end(&mut self, say: &mut dyn FnMut(&str)) {
        if !self.pending.is_empty() {
            let mut line = String::from_utf8_lossy(&self.pending).into_owned();
            if std::mem::take(&mut self.cut) {
                line.push('…');
            }
            say(&line);
            self.pending.clear();
        }
    }
}

/// Text without what differs from one run of the same program to the next: the seconds that tests took, and where in
/// memory an object was. Models are told such text, and the same question has to stay the same.
#[must_use]
pub fn lasting(text: &str) -> String {
    static SECONDS: LazyLock<Regex> = LazyLock::new(|| {
        let words = r"\bin [0-9]+(\.[0-9]+)? ?s\b( \([0-9:]+\))?|\b[0-9]+\.[0-9]+s( +)(setup|call|teardown)\b";
        Regex::new(words).expect("a constant that is tested")
    });
    static PLACES: LazyLock<Regex> =
        LazyLock::new(|| Regex::new("\\b0x[0-9a-fA-F]{8,}\\b").expect("a constant that is tested"));
    let text = SECONDS.replace_all(text, |found: &Captures<'_>| match found.get(4) {
        Some(phase) => format!("… s {}", phase.as_str()),
        None => "in … s".to_owned(),
    });
    PLACES.replace_all(&text, "0x…").into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_and_the_end_are_kept_and_the_gap_is_counted() {
        let mut captured = Captured::new(8);
        for part in [&b"0123"[..], b"45", b"6789", b"ab"] {
            captured.push(part);
        }
        assert_eq!(captured.text(), "0123\n... 4 bytes left out ...\n89ab");
        assert_eq!(captured.left_out(), 4);
    }

    #[test]
    fn a_short_stream_is_kept_as_it_is() {
        let mut captured = Captured::new(8);
        captured.push(b"a\nb\n");
        assert_eq!(captured.text(), "a\nb\n");
        assert_eq!(captured.last_lines(1), ["b"]);
    }

    #[test]
    fn lines_are_found_across_reads_and_long_ones_are_cut() {
        let mut lines = Lines::default();
        let mut seen = Vec::new();
        for part in [&b"on"[..], b"e\r\ntwo\rthr", b"ee", &vec![b'x'; 2 * MAX_LINE], b"\nlast"] {
            lines.push(part, &mut |line| seen.push(line.to_owned()));
        }
        lines.finish(&mut |line| seen.push(line.to_owned()));
        assert_eq!(seen[..2], ["one", "two"]);
        assert_eq!(seen[2].chars().count(), MAX_LINE + 1);
        assert_eq!(seen[3], "last");
    }

    #[test]
    fn escape_sequences_and_control_characters_are_removed() {
        assert_eq!(clean_line("\u{1b}[31mred\u{1b}[0m\tx\u{7}\u{202e}y\u{1b}]0;title\u{7}z"), "red xyz");
        assert_eq!(clean_line(&"x".repeat(600)).chars().count(), 501);
    }

    #[test]
    fn what_differs_from_run_to_run_is_left_out() {
        for (text, told) in [
            ("== 1 failed, 34 passed in 0.52s ==", "== 1 failed, 34 passed in … s =="),
            ("3 passed in 62.10s (0:01:02)", "3 passed in … s"),
            ("1 passed in 3s", "1 passed in … s"),
            ("0.50s call     tests/a.py::test", "… s call     tests/a.py::test"),
            ("<object at 0x7f3a9c2d1e50> in list in 5", "<object at 0x…> in list in 5"),
            ("assert 0x10 in 3sets", "assert 0x10 in 3sets"),
        ] {
            assert_eq!(lasting(text), told);
        }
    }
}
