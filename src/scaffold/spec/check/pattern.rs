//! The regular expressions a spec may hold: those that Python's `re` and Rust's `regex` read alike.
//!
//! No look-around, back-references, inline flags or named groups. The size is bounded, because Pydantic
//! compiles patterns when the generated code is imported and refuses large ones.

const MAX_LENGTH: usize = 200;
const MAX_DEPTH: usize = 20;
/// The expanded size: one for a character, more for classes of Unicode characters. Far below the limit of the
/// compiled form, which is where Rust's `regex` gives up.
const MAX_COST: u64 = 20_000;
const WORD_COST: u64 = 100;
const CLASS_COST: u64 = 10;

/// Why a pattern is refused.
pub(super) fn check(pattern: &str) -> Result<(), String> {
    if pattern.is_empty() {
        return Err("the pattern is empty".to_owned());
    }
    if pattern.chars().count() > MAX_LENGTH {
        return Err(format!("the pattern is longer than {MAX_LENGTH} characters"));
    }
    if pattern.chars().any(char::is_control) {
        return Err("the pattern has control characters; write `\\n` or `\\t`".to_owned());
    }
    let mut reader = Reader { rest: pattern.chars().collect(), at: 0, depth: 0 };
    let cost = reader.alternatives()?;
    match reader.peek() {
        Some(_) => Err("the pattern closes a `)` that it does not open".to_owned()),
        None if cost > MAX_COST => Err("the pattern repeats too much".to_owned()),
        None => Ok(()),
    }
}

struct Reader {
    rest: Vec<char>,
    at: usize,
    depth: usize,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.rest.get(self.at).copied()
    }

    fn take(&mut self) -> Option<char> {
        let next = self.peek();
        self.at += usize::from(next.is_some());
        next
    }

    fn accept(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn alternatives(&mut self) -> Result<u64, String> {
        let mut cost = 0_u64;
        loop {
            while !matches!(self.peek(), None | Some('|' | ')')) {
                cost = cost.saturating_add(self.repeated()?);
            }
            if !self.accept('|') {
                return Ok(cost);
            }
        }
    }

    fn repeated(&mut self) -> Result<u64, String> {
        let (cost, repeatable) = self.atom()?;
        let times = match self.peek() {
            Some('*' | '+' | '?') => {
                self.at += 1;
                2
            }
            Some('{') => self.counted()?,
            _ => return Ok(cost),
        };
        if !repeatable {
            return Err("the pattern repeats something that has no width".to_owned());
        }
        self.accept('?');
        if matches!(self.peek(), Some('*' | '+' | '?' | '{')) {
            return Err("the pattern repeats a repetition; put the first one in `(?:…)`".to_owned());
        }
        Ok(cost.saturating_mul(times))
    }

    fn counted(&mut self) -> Result<u64, String> {
        let wrong = || "`{` in the pattern begins no count such as `{2}`, `{2,}` or `{2,5}`; write `\\{`".to_owned();
        self.at += 1;
        let least = self.digits().ok_or_else(wrong)?;
        let mut most = least;
        if self.accept(',') {
            most = self.digits().unwrap_or(least + 1);
        }
        if !self.accept('}') {
            return Err(wrong());
        }
        if most < least {
            return Err(format!("`{{{least},{most}}}` in the pattern counts backwards"));
        }
        if most > 1000 {
            return Err("the pattern counts beyond 1000".to_owned());
        }
        Ok(most.max(1))
    }

    fn digits(&mut self) -> Option<u64> {
        let mut number = None;
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(10)) {
            number = Some(number.unwrap_or(0_u64).saturating_mul(10).saturating_add(u64::from(digit)));
            self.at += 1;
        }
        number
    }

    /// One thing that may be repeated: its cost, and whether repeating it means something.
    fn atom(&mut self) -> Result<(u64, bool), String> {
        match self.take() {
            Some('(') => self.group(),
            Some('[') => self.class().map(|cost| (cost, true)),
            Some('\\') => self.escape(),
            Some('^' | '$') => Ok((1, false)),
            Some('.') => Ok((CLASS_COST, true)),
            Some(c @ ('*' | '+' | '?' | '{')) => Err(format!("`{c}` in the pattern repeats nothing; write `\\{c}`")),
            Some(c @ ('}' | ']')) => Err(format!("`{c}` in the pattern closes nothing; write `\\{c}`")),
            _ => Ok((1, true)),
        }
    }

    fn group(&mut self) -> Result<(u64, bool), String> {
        if self.accept('?') && !self.accept(':') {
            return Err("groups in a pattern are `(…)` or `(?:…)` only".to_owned());
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("the pattern nests more than {MAX_DEPTH} groups"));
        }
        let cost = self.alternatives()?;
        if !self.accept(')') {
            return Err("the pattern opens a `(` that it does not close".to_owned());
        }
        self.depth -= 1;
        Ok((cost.max(1), cost > 0))
    }

    fn escape(&mut self) -> Result<(u64, bool), String> {
        match self.take() {
            Some('w' | 'W') => Ok((WORD_COST, true)),
            Some('d' | 'D' | 's' | 'S') => Ok((CLASS_COST, true)),
            Some('b' | 'B') => Ok((CLASS_COST, false)),
            Some('n' | 't' | 'r') => Ok((1, true)),
            Some(c) if c.is_ascii_punctuation() && !matches!(c, '<' | '>') => Ok((1, true)),
            Some(c) => Err(format!("`\\{}` in the pattern does not mean the same everywhere", c.escape_debug())),
            None => Err("the pattern ends with `\\`".to_owned()),
        }
    }

    fn class(&mut self) -> Result<u64, String> {
        let negated = self.accept('^');
        let (mut cost, mut before, mut empty) = (if negated { CLASS_COST } else { 1 }, None, true);
        loop {
            let single = match self.take() {
                None => return Err("the pattern opens a `[` that it does not close".to_owned()),
                Some(']') if empty => return Err("`[]` in the pattern matches nothing; write `\\]`".to_owned()),
                Some(']') => return Ok(cost),
                Some('[') => return Err("`[` stands in a class of the pattern; write `\\[`".to_owned()),
                Some(c @ ('&' | '~' | '|')) if self.peek() == Some(c) => {
                    return Err(format!("`{c}{c}` in a class of the pattern does not mean the same everywhere"));
                }
                Some('-') if !empty && self.peek() != Some(']') => {
                    let from: char = before.ok_or("`-` stands in the middle of a class of the pattern; write `\\-`")?;
                    let to = self.take().unwrap_or(']');
                    let to = if to == '\\' { self.class_escape(&mut cost)? } else { Some(to) };
                    match to.filter(|to| !matches!(to, '[' | '-')) {
                        Some(to) if from <= to => {
                            cost += if to.is_ascii() { 0 } else { CLASS_COST };
                            None
                        }
                        Some(to) => return Err(format!("`{from}-{to}` in the pattern counts backwards")),
                        None => return Err("a range in a class of the pattern has no end".to_owned()),
                    }
                }
                Some('\\') => self.class_escape(&mut cost)?,
                Some(c) => {
                    cost += u64::from(!c.is_ascii());
                    Some(c)
                }
            };
            before = single;
            empty = false;
        }
    }

    /// The character an escape stands for, or none for a class such as `\d`.
    fn class_escape(&mut self, cost: &mut u64) -> Result<Option<char>, String> {
        let at = self.at;
        let (added, repeatable) = self.escape()?;
        if !repeatable {
            return Err("`\\b` in a class of the pattern does not mean the same everywhere".to_owned());
        }
        *cost = cost.saturating_add(added);
        Ok(match self.rest[at] {
            'w' | 'W' | 'd' | 'D' | 's' | 'S' => None,
            'n' => Some('\n'),
            't' => Some('\t'),
            'r' => Some('\r'),
            c => Some(c),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn the_usual_patterns_pass() {
        for good in [
            "^[a-z0-9]+(-[a-z0-9]+)*$",
            r"^\+?\d{7,15}$",
            r"^[A-Z]{2}-\d{4}$",
            "a|b",
            "(?:ab)?c*?",
            r"^[\w.-]{1,50}$",
            r"[^\]\[-]",
            "ж+",
            "[-a]",
            "[a-]",
            r"^#[0-9a-fA-F]{6}$",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn what_one_engine_would_refuse_is_refused() {
        for bad in [
            "",
            "(",
            ")",
            "[",
            "a{2,1}",
            "a**",
            "a*+",
            "*a",
            "(?=a)",
            "(?P<n>a)",
            r"\1",
            r"(a)\1",
            "[]",
            "[a",
            "[z-a]",
            "[[:alpha:]]",
            "[a&&b]",
            "[a--b]",
            r"\Z",
            r"\z",
            r"\p{L}",
            "a{",
            "a{x}",
            "a{1001}",
            "^*",
            r"a\",
            "(?i)a",
            "a}",
            "a]",
            r"\<",
            "((a{100}){100}){100}",
            r"\w{1000}",
            "[a-b-c]",
            "(?:[!-~¡-ÿа-я一-龥]{1000}){19}",
            r"[\d-z]",
            "()*",
        ] {
            assert!(check(bad).is_err(), "{bad} was accepted");
        }
        assert!(check(&"(".repeat(5000)).is_err());
        assert!(check(&"(".repeat(150)).is_err());
    }
}
