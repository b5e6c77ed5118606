//! From text to tokens: words in lower case with their key, numbers, punctuation, line breaks and bullets.
//!
//! Control characters become spaces, dashes and quotes are unified, words joined by a hyphen, an underscore or
//! an inner capital become several words that remember their common spelling. No meaning is attached here;
//! `phrases` does that.

use super::stem::{is_cyrillic, key, lower};

/// The most characters of a description that are read; the rest adds nothing that a person would name.
pub(super) const MAX_CHARS: usize = 12_000;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Letters and digits.
    Word,
    /// Digits, with at most one point.
    Number,
    /// One of `, : ( ) / - = ! ?`; the end of a sentence is `.`, a semicolon `;`.
    Punct(char),
    /// The end of a line.
    Break,
    /// An empty line.
    Blank,
    /// The mark of a list item.
    Bullet,
}

/// One token.
#[derive(Debug, Clone)]
pub(super) struct Token {
    /// What it is.
    pub kind: Kind,
    /// As it was written.
    pub surface: String,
    /// In lower case, `ё` as `е`.
    pub lower: String,
    /// The key of all its forms.
    pub key: String,
    /// In Cyrillic.
    pub cyrillic: bool,
    /// Written together with the token before it.
    pub joined: bool,
    /// With `'s` or `s'`.
    pub possessive: bool,
    /// Where it stands in the text, in characters; of a bullet, in its line.
    pub span: (usize, usize),
    /// The `snake_case` spelling of a group of joined words that was written as an identifier; on its first word.
    pub ident: Option<String>,
}

impl Token {
    fn mark(kind: Kind) -> Self {
        Self {
            kind,
            surface: String::new(),
            lower: String::new(),
            key: String::new(),
            cyrillic: false,
            joined: false,
            possessive: false,
            span: (0, 0),
            ident: None,
        }
    }

    /// A word of that spelling.
    pub(super) fn word(surface: &str) -> Self {
        let lower = lower(surface);
        let key = key(&lower);
        let cyrillic = is_cyrillic(surface);
        Self {
            kind: Kind::Word,
            surface: surface.to_owned(),
            lower,
            key,
            cyrillic,
            joined: false,
            possessive: false,
            span: (0, 0),
            ident: None,
        }
    }
}

/// The text that will be read, and whether it was longer than that.
#[must_use]
pub(super) fn bounded(text: &str) -> (&str, bool) {
    match text.char_indices().nth(MAX_CHARS) {
        Some((at, _)) => (&text[..at], true),
        None => (text, false),
    }
}

/// Splits a text. `known` tells whether a word with inner capitals is known as a whole, and stays one word.
#[must_use]
pub(super) fn tokenize(text: &str, known: &dyn Fn(&str) -> bool) -> Vec<Token> {
    let letters: Vec<char> = text.chars().map(unify).collect();
    let mut out: Vec<Token> = Vec::with_capacity(letters.len() / 4 + 4);
    let mut at = 0;
    let mut line_start = true;
    while at < letters.len() {
        let c = letters[at];
        let next = letters.get(at + 1).copied().unwrap_or(' ');
        let marks = out.len();
        if c == '\n' {
            out.push(Token::mark(if line_start && !out.is_empty() { Kind::Blank } else { Kind::Break }));
            line_start = true;
            at += 1;
            continue;
        }
        if c.is_whitespace() {
            at += 1;
            continue;
        }
        if line_start {
            line_start = false;
            if let Some(width) = bullet(&letters[at..]) {
                let indent = at - letters[..at].iter().rposition(|c| *c == '\n').map_or(0, |end| end + 1);
                out.push(Token { span: (indent, indent + 1), ..Token::mark(Kind::Bullet) });
                at += width;
                continue;
            }
        }
        if c.is_alphanumeric() {
            at = word(&letters, at, known, &mut out);
            continue;
        }
        match c {
            ',' | ':' | '(' | ')' | ';' => out.push(Token::mark(Kind::Punct(c))),
            '[' | '{' => out.push(Token::mark(Kind::Punct('('))),
            ']' | '}' => out.push(Token::mark(Kind::Punct(')'))),
            '.' | '!' | '?' | '…' => out.push(Token::mark(Kind::Punct('.'))),
            '/' | '|' | '→' => out.push(Token::mark(Kind::Punct('/'))),
            '-' | '=' if next == '>' => {
                // `new -> paid -> done`: one after the other.
                out.push(Token::mark(Kind::Punct('/')));
                at += 1;
            }
            '=' => out.push(Token::mark(Kind::Punct('='))),
            '-' if next.is_whitespace() => out.push(Token::mark(Kind::Punct('-'))),
            '&' | '+' => out.push(Token::word("and")),
            _ => {}
        }
        if let Some(mark) = out.get_mut(marks) {
            mark.span = (at, at + 1);
        }
        at += 1;
    }
    out
}

fn unify(c: char) -> char {
    match c {
        '\n' | '\r' | '\u{2028}' | '\u{2029}' | '\u{85}' => '\n',
        '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' => '-',
        '’' | '‘' | 'ʼ' | '`' => '\'',
        '，' | '、' => ',',
        '：' => ':',
        '；' => ';',
        '。' => '.',
        c if c.is_control() || c == '\u{feff}' || c == '\u{200b}' => ' ',
        c => c,
    }
}

/// The width of a list mark at the start of a line: `-`, `*`, `•`, `1.`, `2)`, `[ ]`.
fn bullet(rest: &[char]) -> Option<usize> {
    let blank_after = |width: usize| rest.get(width).is_none_or(|c| c.is_whitespace());
    match rest[0] {
        '-' | '*' | '•' | '·' | '◦' | '▪' | '●' | '#' | '>' | '+' => {
            let width = rest.iter().take_while(|c| **c == rest[0]).count();
            (blank_after(width) || matches!(rest[0], '•' | '●' | '▪')).then_some(width)
        }
        c if c.is_ascii_digit() => {
            let digits = rest.iter().take_while(|c| c.is_ascii_digit()).count();
            (digits < 3 && matches!(rest.get(digits), Some('.' | ')')) && blank_after(digits + 1)).then_some(digits + 1)
        }
        _ => None,
    }
}

/// Reads one word, or a group of joined ones, and returns where it ended.
fn word(letters: &[char], start: usize, known: &dyn Fn(&str) -> bool, out: &mut Vec<Token>) -> usize {
    let mut at = start;
    let mut parts: Vec<String> = Vec::new();
    let mut underscores = false;
    let mut owns = false;
    loop {
        let mut part = String::new();
        while at < letters.len() {
            let c = letters[at];
            let next_is_word = letters.get(at + 1).is_some_and(|c| c.is_alphanumeric());
            if c.is_alphanumeric() {
                part.push(c);
            } else if c == '\'' && next_is_word {
                let possessive =
                    letters.get(at + 1) == Some(&'s') && letters.get(at + 2).is_none_or(|c| !c.is_alphanumeric());
                if possessive {
                    owns = true;
                    at += 1;
                }
            } else if c == '\'' && part.ends_with('s') {
                owns = true;
                break;
            } else {
                break;
            }
            at += 1;
        }
        parts.push(part);
        let joint = letters.get(at).copied().unwrap_or(' ');
        let goes_on = letters.get(at + 1).is_some_and(|c| c.is_alphanumeric());
        let digits = parts.last().is_some_and(|part| part.chars().all(|c| c.is_ascii_digit()));
        if goes_on && (matches!(joint, '-' | '_') || (joint == '.' && (digits || lower_after(letters, at)))) {
            underscores |= joint == '_';
            if joint == '.' && digits && letters[at + 1].is_ascii_digit() {
                let fraction: String = letters[at + 1..].iter().take_while(|c| c.is_ascii_digit()).collect();
                at += 1 + fraction.len();
                if let Some(last) = parts.last_mut() {
                    last.push('.');
                    last.push_str(&fraction);
                }
                break;
            }
            at += 1;
            continue;
        }
        break;
    }
    let sign = match letters.get(at) {
        Some('+') => Some("plus"),
        Some('-') => Some("minus"),
        _ => None,
    };
    let short = parts.len() == 1 && parts[0].len() <= 2 && parts[0].bytes().all(|b| b.is_ascii_uppercase());
    if let Some(sign) =
        sign.filter(|_| short && letters.get(at + 1).is_none_or(|c| !c.is_whitespace() && !c.is_alphanumeric()))
    {
        // `A+, A-`: the sign belongs to the letter.
        parts.push(sign.to_owned());
        at += 1;
    }
    // A word past any dictionary's length is noise, and would only slow the rest down.
    let parts: Vec<String> = parts.into_iter().filter(|part| part.len() <= 160).take(8).collect();
    let mut words: Vec<String> = Vec::new();
    let mut camel = false;
    for part in &parts {
        let pieces = camel_pieces(part);
        if pieces.len() > 1 && !known(&lower(part)) {
            camel = true;
            words.extend(pieces);
        } else {
            words.push(part.clone());
        }
    }
    let ident = (words.len() > 1 && (underscores || camel) && words.iter().all(|w| w.is_ascii()))
        .then(|| words.join("_").to_ascii_lowercase());
    for (nth, word) in words.iter().enumerate() {
        let mut token = Token::word(word);
        if word.starts_with(|c: char| c.is_ascii_digit()) && word.chars().all(|c| c.is_ascii_digit() || c == '.') {
            token.kind = Kind::Number;
        }
        token.joined = nth > 0;
        token.possessive = owns;
        token.span = (start, at);
        if nth == 0 {
            token.ident.clone_from(&ident);
        }
        out.push(token);
    }
    at
}

fn lower_after(letters: &[char], at: usize) -> bool {
    letters.get(at + 1).is_some_and(|c| c.is_lowercase())
}

/// `dueDate` → `due`, `Date`; a word in capitals or in one case stays whole.
fn camel_pieces(word: &str) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    let mut before_lower = false;
    for c in word.chars() {
        if pieces.is_empty() || (before_lower && c.is_ascii_uppercase()) {
            pieces.push(String::new());
        }
        before_lower = c.is_ascii_lowercase();
        if let Some(last) = pieces.last_mut() {
            last.push(c);
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        tokenize(text, &|_| false)
            .into_iter()
            .map(|t| if t.kind == Kind::Word { t.lower } else { format!("{:?}", t.kind) })
            .collect()
    }

    #[test]
    fn hyphens_underscores_and_capitals_join_words() {
        assert_eq!(words("to-do dueDate is_done"), ["to", "do", "due", "date", "is", "done"]);
        let tokens = tokenize("dueDate is_done", &|_| false);
        assert_eq!(tokens[0].ident.as_deref(), Some("due_date"));
        assert_eq!(tokens[2].ident.as_deref(), Some("is_done"));
    }

    #[test]
    fn a_listed_form_has_the_key_of_the_same_words_in_a_text() {
        for form in [
            "to-do list",
            "driver's license",
            "don't need",
            "т.д",
            "54-фз",
            "Дата приёма",
            "e-mail",
            "QR codes",
            "bit.ly",
            "or/and",
        ] {
            let keys: Vec<String> = tokenize(form, &|_| true)
                .into_iter()
                .filter(|token| matches!(token.kind, Kind::Word | Kind::Number))
                .map(|token| token.key)
                .collect();
            let mut key = String::new();
            super::super::lexicon::phrase_key(form, &mut key);
            assert_eq!(key, keys.join(" "), "{form}");
        }
    }

    #[test]
    fn bullets_breaks_and_numbers_are_told_apart() {
        assert_eq!(words("A:\n- b\n2) c"), ["a", "Punct(':')", "Break", "Bullet", "b", "Break", "Bullet", "c"]);
        assert_eq!(
            words("decimal(10,2) 3.5"),
            ["decimal", "Punct('(')", "Number", "Punct(',')", "Number", "Punct(')')", "Number"]
        );
    }

    #[test]
    fn a_possessive_is_the_word_itself() {
        assert_eq!(words("competitor's don't"), ["competitor", "dont"]);
    }
}
