//! Text for people in a chat: what is bold or code is part of the value, so that nothing a person or a model wrote can be
//! taken for a mark, and a message is cut where it may be cut.
//!
//! [`Text::pages`] is the only way to the API's own spelling, MarkdownV2.

/// The longest message, in UTF-16 code units. The API counts what is left after reading the marks; counting them too is
/// on the safe side.
pub const LONGEST: usize = 4096;
/// A place to cut is looked for in the last part of a page: one in so many.
const BREAK_WITHIN: usize = 3;

/// A piece of text.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Span {
    Plain(String),
    Bold(String),
    Italic(String),
    /// Within a line.
    Code(String),
    /// Lines as they are.
    Block(String),
    Link {
        label: String,
        url: String,
    },
}

/// A text with marks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text(Vec<Span>);

/// One message's worth of it, in two spellings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// As MarkdownV2.
    pub marked: String,
    /// Without marks.
    pub plain: String,
}

/// The text as a person may see it: without control characters, and without those that change the direction of what
/// follows or hide in it.
fn visible(text: &str) -> String {
    text.chars()
        .filter(|c| match c {
            '\n' | '\t' => true,
            '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => {
                false
            }
            other => !other.is_control(),
        })
        .collect()
}

impl Text {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A text without marks.
    #[must_use]
    pub fn of(text: impl AsRef<str>) -> Self {
        Self::new().plain(text)
    }

    fn with(mut self, text: &str, span: impl FnOnce(String) -> Span) -> Self {
        let text = visible(text);
        if !text.is_empty() {
            self.push(span(text));
        }
        self
    }

    /// Neighbours of one sort are one: the end of italic text and the beginning of more would read as an underline.
    fn push(&mut self, span: Span) {
        match (self.0.last_mut(), span) {
            (Some(Span::Plain(text)), Span::Plain(more))
            | (Some(Span::Bold(text)), Span::Bold(more))
            | (Some(Span::Italic(text)), Span::Italic(more)) => text.push_str(&more),
            (_, span) => self.0.push(span),
        }
    }

    /// Adds text as it is.
    #[must_use]
    pub fn plain(self, text: impl AsRef<str>) -> Self {
        self.with(text.as_ref(), Span::Plain)
    }

    /// Adds bold text.
    #[must_use]
    pub fn bold(self, text: impl AsRef<str>) -> Self {
        self.with(text.as_ref(), Span::Bold)
    }

    /// Adds italic text.
    #[must_use]
    pub fn italic(self, text: impl AsRef<str>) -> Self {
        self.with(text.as_ref(), Span::Italic)
    }

    /// Adds code within a line.
    #[must_use]
    pub fn code(self, text: impl AsRef<str>) -> Self {
        self.with(text.as_ref(), Span::Code)
    }

    /// Adds lines of code or of a log.
    #[must_use]
    pub fn block(self, text: impl AsRef<str>) -> Self {
        let text = text.as_ref().trim_matches('\n');
        self.with(text, Span::Block)
    }

    /// Adds a link; text alone when the address is none of the web.
    #[must_use]
    pub fn link(self, label: impl AsRef<str>, url: impl AsRef<str>) -> Self {
        let url = visible(url.as_ref());
        let web = (url.starts_with("https://") || url.starts_with("http://")) && !url.contains(char::is_whitespace);
        if !web {
            return self.plain(label);
        }
        if visible(label.as_ref()).trim().is_empty() {
            return self.plain(url);
        }
        self.with(label.as_ref(), |label| Span::Link { label, url })
    }

    /// Ends the line.
    #[must_use]
    pub fn line(self) -> Self {
        self.plain("\n")
    }

    /// Adds another text.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        for span in other.0 {
            self.push(span);
        }
        self
    }

    /// There is nothing a person could read.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.words().trim().is_empty()
    }

    /// The text without marks.
    #[must_use]
    pub fn words(&self) -> String {
        self.0.iter().map(Span::words).collect()
    }

    /// The messages it takes, each no longer than [`LONGEST`]. Code is cut only where it does not fit into a message of
    /// its own, and then between lines if it can be.
    #[must_use]
    pub fn pages(&self) -> Vec<Page> {
        let mut pages = Pages { done: Vec::new(), marked: String::new(), plain: String::new(), taken: 0 };
        for span in &self.0 {
            let mut rest = Some(span.clone());
            while let Some(span) = rest.take() {
                let room = LONGEST - pages.taken;
                if span.length() <= room {
                    pages.add(&span);
                } else if span.is_whole() && pages.taken > 0 {
                    pages.turn();
                    rest = Some(span);
                } else if let Some((head, tail)) = span.cut(room) {
                    pages.add(&head);
                    pages.turn();
                    rest = tail;
                } else if pages.taken > 0 {
                    pages.turn();
                    rest = Some(span);
                } else {
                    // A link that is longer than a message: its words alone.
                    rest = Some(Span::Plain(span.words()));
                }
            }
        }
        pages.turn();
        pages.done
    }
}

struct Pages {
    done: Vec<Page>,
    marked: String,
    plain: String,
    taken: usize,
}

impl Pages {
    fn add(&mut self, span: &Span) {
        span.write(&mut self.marked);
        self.plain.push_str(&span.words());
        self.taken += span.length();
    }

    fn turn(&mut self) {
        self.taken = 0;
        let (marked, plain) = (std::mem::take(&mut self.marked), std::mem::take(&mut self.plain));
        // Telegram refuses a message of spaces.
        if !plain.trim().is_empty() {
            self.done.push(Page { marked, plain });
        }
    }
}

impl Span {
    fn words(&self) -> String {
        match self {
            Self::Plain(text) | Self::Bold(text) | Self::Italic(text) | Self::Code(text) => text.clone(),
            Self::Block(text) => format!("\n{text}\n"),
            Self::Link { label, url } if label == url => url.clone(),
            Self::Link { label, url } => format!("{label} ({url})"),
        }
    }

    /// It loses its meaning in two pieces.
    fn is_whole(&self) -> bool {
        !matches!(self, Self::Plain(_))
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Plain(text) | Self::Bold(text) | Self::Italic(text) | Self::Code(text) | Self::Block(text) => {
                Some(text)
            }
            Self::Link { .. } => None,
        }
    }

    fn with(&self, text: &str) -> Self {
        let text = text.to_owned();
        match self {
            Self::Plain(_) | Self::Link { .. } => Self::Plain(text),
            Self::Bold(_) => Self::Bold(text),
            Self::Italic(_) => Self::Italic(text),
            Self::Code(_) => Self::Code(text),
            Self::Block(_) => Self::Block(text),
        }
    }

    /// What the marks around it take.
    fn around(&self) -> usize {
        match self {
            Self::Plain(_) => 0,
            Self::Bold(_) | Self::Italic(_) | Self::Code(_) => 2,
            Self::Block(_) => 10,
            Self::Link { url, .. } => 4 + url.chars().map(|c| units(c, needs_escape_in_url(c))).sum::<usize>(),
        }
    }

    fn escapes(&self, character: char) -> bool {
        match self {
            Self::Code(_) | Self::Block(_) => matches!(character, '`' | '\\'),
            Self::Plain(_) | Self::Bold(_) | Self::Italic(_) | Self::Link { .. } => needs_escape(character),
        }
    }

    fn length(&self) -> usize {
        let text = match self {
            Self::Link { label, .. } => label,
            _ => self.text().unwrap_or_default(),
        };
        // Without marks a link is its label and its address in brackets.
        let plain = if let Self::Link { .. } = self { self.words().encode_utf16().count() } else { 0 };
        (self.around() + text.chars().map(|c| units(c, self.escapes(c))).sum::<usize>()).max(plain)
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Plain(text) => marked(out, "", text, "", self),
            Self::Bold(text) => marked(out, "*", text, "*", self),
            Self::Italic(text) => marked(out, "_", text, "_", self),
            Self::Code(text) => marked(out, "`", text, "`", self),
            // The line end after the first fence says that no language is named.
            Self::Block(text) => marked(out, "\n```\n", text, "\n```\n", self),
            Self::Link { label, url } => {
                marked(out, "[", label, "](", self);
                for character in url.chars() {
                    if needs_escape_in_url(character) {
                        out.push('\\');
                    }
                    out.push(character);
                }
                out.push(')');
            }
        }
    }

    /// A head that takes no more than `room`, and what is left; none when not even one character fits.
    fn cut(&self, room: usize) -> Option<(Self, Option<Self>)> {
        let text = self.text()?;
        let room = room.checked_sub(self.around())?;
        let (mut taken, mut end) = (0, 0);
        for (at, character) in text.char_indices() {
            let units = units(character, self.escapes(character));
            if taken + units > room {
                break;
            }
            taken += units;
            end = at + character.len_utf8();
        }
        if end == 0 {
            return None;
        }
        let least = end - end / BREAK_WITHIN;
        let at = |found: Option<usize>| found.map(|at| at + 1).filter(|at| *at >= least);
        let end = at(text[..end].rfind('\n')).or_else(|| at(text[..end].rfind(' '))).unwrap_or(end);
        let (head, tail) = text.split_at(end);
        let tail = if matches!(self, Self::Block(_)) { tail } else { tail.trim_start_matches(['\n', ' ']) };
        Some((self.with(head), (!tail.is_empty()).then(|| self.with(tail))))
    }
}

fn marked(out: &mut String, open: &str, text: &str, close: &str, span: &Span) {
    out.push_str(open);
    for character in text.chars() {
        if span.escapes(character) {
            out.push('\\');
        }
        out.push(character);
    }
    out.push_str(close);
}

fn units(character: char, escaped: bool) -> usize {
    character.len_utf16() + usize::from(escaped)
}

fn needs_escape(character: char) -> bool {
    matches!(
        character,
        '_' | '*'
            | '['
            | ']'
            | '('
            | ')'
            | '~'
            | '`'
            | '>'
            | '#'
            | '+'
            | '-'
            | '='
            | '|'
            | '{'
            | '}'
            | '.'
            | '!'
            | '\\'
    )
}

fn needs_escape_in_url(character: char) -> bool {
    matches!(character, ')' | '\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_special_and_the_backslash_is_escaped_by_where_it_stands() {
        let text = Text::of("a_b*c\\d.").bold("x!").code("y`\\z.").link("s(1)", "https://x.y/(a)");
        let pages = text.pages();
        assert_eq!(pages.len(), 1);
        assert_eq!(pages[0].marked, "a\\_b\\*c\\\\d\\.*x\\!*`y\\`\\\\z.`[s\\(1\\)](https://x.y/(a\\))");
        assert_eq!(pages[0].plain, "a_b*c\\d.x!y`\\z.s(1) (https://x.y/(a))");
    }

    #[test]
    fn what_cannot_be_seen_does_not_get_through_and_nothing_is_no_message() {
        assert_eq!(Text::of("a\u{0}b\u{202e}c\u{1b}[1m\r\n").words(), "abc[1m\n");
        assert_eq!(Text::of(" \n ").bold("").pages(), Vec::new());
        assert_eq!(Text::new().link("x", "javascript:alert(1)").pages()[0].marked, "x");
        assert_eq!(Text::new().link(" \u{202e}", "http://x.y").pages()[0].plain, "http://x.y");
    }

    #[test]
    fn code_goes_to_the_next_message_whole_and_a_long_one_is_cut_between_lines() {
        let lines = (0..100).map(|at| format!("line {at}\n")).collect::<Vec<_>>().concat();
        let text = Text::of("w".repeat(4000)).block(&lines).plain("end");
        let pages = text.pages();
        assert_eq!(pages.len(), 2);
        assert!(pages[1].marked.starts_with("\n```\nline 0\n") && pages[1].marked.ends_with("line 99\n```\nend"));
        let long = (0..2000).map(|at| format!("line {at}\n")).collect::<Vec<_>>().concat();
        for page in Text::new().block(&long).pages() {
            assert!(page.marked.starts_with("\n```\nline ") && page.marked.ends_with("\n```\n"), "{}", page.marked);
            assert!(page.marked.encode_utf16().count() <= LONGEST);
        }
    }

    #[test]
    fn an_escape_and_a_pair_of_surrogates_are_not_cut() {
        for page in Text::of(".".repeat(5000)).pages() {
            assert_eq!(page.marked.chars().filter(|c| *c == '\\').count() * 2, page.marked.len());
        }
        let pages = Text::of("🦀".repeat(5000)).pages();
        assert!(pages.iter().all(|page| page.marked.encode_utf16().count() <= LONGEST));
        assert_eq!(pages.iter().map(|page| page.marked.chars().count()).sum::<usize>(), 5000);
    }
}
