//! How Telegram reads `MarkdownV2`, written after its own server's reader and apart from cgo's writer: the text that is
//! left, or the words with which it is refused.

/// A mark that is open.
struct Open {
    kind: Kind,
    at: usize,
    begin: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bold,
    Italic,
    Underline,
    Strikethrough,
    Spoiler,
    Code,
    Pre,
    Link,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Bold => "Bold",
            Self::Italic => "Italic",
            Self::Underline => "Underline",
            Self::Strikethrough => "Strikethrough",
            Self::Spoiler => "Spoiler",
            Self::Code => "Code",
            Self::Pre => "PreCode",
            Self::Link => "TextUrl",
        }
    }
}

/// What a text says, and how many marks were read in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    pub text: String,
    pub entities: usize,
}

/// Reads a text.
pub fn read(text: &str) -> Result<Read, String> {
    let bytes = text.as_bytes();
    let next = |at: usize| bytes.get(at).copied().unwrap_or(0);
    let mut out: Vec<u8> = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    let mut entities = 0;
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        if byte == b'\\' && (1..=126).contains(&next(at + 1)) {
            out.push(next(at + 1));
            at += 2;
            continue;
        }
        let inside = open.last().map(|one| one.kind);
        let special = match inside {
            Some(Kind::Code | Kind::Pre) => byte == b'`',
            _ => b"_*[]()~`>#+-=|{}.!".contains(&byte),
        };
        if !special {
            out.push(byte);
            at += 1;
            continue;
        }
        let ends = match inside {
            Some(Kind::Bold) => byte == b'*',
            Some(Kind::Italic) => byte == b'_' && next(at + 1) != b'_',
            Some(Kind::Underline) => byte == b'_' && next(at + 1) == b'_',
            Some(Kind::Strikethrough) => byte == b'~',
            Some(Kind::Spoiler) => byte == b'|' && next(at + 1) == b'|',
            Some(Kind::Code) => byte == b'`',
            Some(Kind::Pre) => byte == b'`' && next(at + 1) == b'`' && next(at + 2) == b'`',
            Some(Kind::Link) => byte == b']',
            None => false,
        };
        if ends {
            let closed = open.pop().expect("something is open");
            match closed.kind {
                Kind::Underline | Kind::Spoiler => at += 1,
                Kind::Pre => at += 2,
                Kind::Link if next(at + 1) == b'(' => {
                    at += 2;
                    let begin = at;
                    while at < bytes.len() && bytes[at] != b')' {
                        at += if bytes[at] == b'\\' && (1..=126).contains(&next(at + 1)) { 2 } else { 1 };
                    }
                    if next(at) != b')' {
                        return Err(format!("Can't find end of a URL at byte offset {begin}"));
                    }
                }
                _ => {}
            }
            entities += usize::from(out.len() > closed.begin);
            at += 1;
            continue;
        }
        let begin = at;
        let kind = match byte {
            b'_' if next(at + 1) == b'_' => {
                at += 1;
                Kind::Underline
            }
            b'_' => Kind::Italic,
            b'*' => Kind::Bold,
            b'~' => Kind::Strikethrough,
            b'|' if next(at + 1) == b'|' => {
                at += 1;
                Kind::Spoiler
            }
            b'[' => Kind::Link,
            b'`' if next(at + 1) == b'`' && next(at + 2) == b'`' => {
                at += 2;
                let mut language = at + 1;
                while language < bytes.len() && !bytes[language].is_ascii_whitespace() && bytes[language] != b'`' {
                    language += 1;
                }
                if language > at + 1 && language < bytes.len() && bytes[language] != b'`' {
                    at = language - 1;
                }
                if next(at + 1) == b'\n' {
                    at += 1;
                }
                Kind::Pre
            }
            b'`' => Kind::Code,
            other => {
                let shown = char::from(other);
                return Err(format!("Character '{shown}' is reserved and must be escaped with the preceding '\\'"));
            }
        };
        if open.iter().any(|one| one.kind == kind) {
            return Err(format!("Can't parse entities: nested {} at byte offset {begin}", kind.name()));
        }
        open.push(Open { kind, at: begin, begin: out.len() });
        at += 1;
    }
    if let Some(left) = open.last() {
        return Err(format!("Can't find end of {} entity at byte offset {}", left.kind.name(), left.at));
    }
    let text = String::from_utf8(out).map_err(|_| "strings must be encoded in UTF-8".to_owned())?;
    Ok(Read { text, entities })
}

#[test]
fn it_refuses_what_telegram_refuses() {
    for bad in ["a.b", "a-b", "*a", "_a", "`a", "```\na``", "[a](b", "a!", "1>0", "(", "*a_b*", "_a__b_", "|x|"] {
        assert!(read(bad).is_err(), "{bad}");
    }
    for (good, text, entities) in [
        ("a\\.b", "a.b", 0),
        ("*a*_b_`c`", "abc", 3),
        ("```\na.b\n```x", "a.b\nx", 1),
        ("[a\\.](http://x/(\\))", "a.", 1),
        ("\\\\", "\\", 0),
        ("`a\\`b\\\\`", "a`b\\", 1),
        ("**", "", 0),
    ] {
        assert_eq!(read(good), Ok(Read { text: text.to_owned(), entities }), "{good}");
    }
}
