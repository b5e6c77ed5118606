//! Python text that the formatter and the linter have nothing to say about: literals, docstrings, layout, imports.
//!
//! It knows nothing of models. The layout follows the rules of `ruff format` at 120 columns: what fits
//! stays on one line, what does not is written one item a line with a trailing comma.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// The line length that the generated project asks of its formatter.
pub const LINE: usize = 120;

/// A Python string literal, quoted as the formatter would.
#[must_use]
pub fn literal(text: &str) -> String {
    let double = text.matches('"').count();
    let single = text.matches('\'').count();
    let quote = if double > single { '\'' } else { '"' };
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for letter in text.chars() {
        if letter == quote {
            out.push('\\');
            out.push(letter);
        } else {
            escape(letter, &mut out);
        }
    }
    out.push(quote);
    out
}

/// `NAME = "text"` at the top level, in parentheses where only so it fits a line.
pub fn constant(name: &str, text: &str) -> String {
    let value = literal(text);
    let line = format!("{name} = {value}");
    if width(&line) > LINE && 4 + width(&value) <= LINE { format!("{name} = (\n    {value}\n)") } else { line }
}

fn escape(letter: char, out: &mut String) {
    match letter {
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        letter if is_invisible(letter) => {
            let code = u32::from(letter);
            let _ = match code {
                0..=0xff => write!(out, "\\x{code:02x}"),
                0x100..=0xffff => write!(out, "\\u{code:04x}"),
                _ => write!(out, "\\U{code:08x}"),
            };
        }
        letter => out.push(letter),
    }
}

/// Control characters, and those that turn the direction of text, join or hide it.
#[must_use]
pub fn is_invisible(letter: char) -> bool {
    letter.is_control()
        || matches!(u32::from(letter),
            0xa0 | 0xad | 0x61c | 0x180e | 0x2000..=0x200f | 0x2028..=0x202f | 0x205f..=0x206f | 0x3000
            | 0xfe00..=0xfe0f | 0xfeff | 0xfff0..=0xfffb | 0xe0000..=0xe0fff)
}

/// Text on one line: every run of white space or invisible characters is one space.
#[must_use]
pub fn one_line(text: &str) -> String {
    text.split(|letter: char| letter.is_whitespace() || is_invisible(letter))
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The inside of a docstring at the given indent: one line where it fits, else a wrapped paragraph.
#[must_use]
pub fn docstring(text: &str, indent: usize) -> String {
    let mut text = one_line(text).replace('\\', "\\\\").replace("\"\"\"", "'''");
    if text.is_empty() {
        text.push_str("No description.");
    }
    if !text.ends_with(['.', '!', '?', '…', ':', ';']) {
        text.push('.');
    }
    if text.starts_with('"') {
        text.insert(0, ' ');
    }
    if indent + 6 + width(&text) <= LINE {
        return text;
    }
    let pad = " ".repeat(indent);
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last_mut().expect("the list is never empty");
        if !last.is_empty() && indent + 3 + width(last) + 1 + width(word) > LINE {
            lines.push(word.to_owned());
        } else {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    format!("{}\n{pad}", lines.join(&format!("\n{pad}")))
}

/// The columns a text takes on a screen.
#[must_use]
pub fn width(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    text.chars()
        .map(|letter| if u32::from(letter) >= 0x1100 && !matches!(u32::from(letter), 0x2000..=0x2e7f) { 2 } else { 1 })
        .sum()
}

/// Puts the parameters of a `def` or `class` line that is too long on lines of their own.
#[must_use]
pub fn wrap_heads(text: &str) -> String {
    if text.lines().all(|line| line.len() <= LINE || width(line) <= LINE) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 100);
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end_matches('\n');
        let indent = bare.len() - bare.trim_start().len();
        let is_head = bare.trim_start().starts_with("def ") || bare.trim_start().starts_with("class ");
        match (bare.find('('), bare.rfind(')')) {
            (Some(open), Some(close)) if is_head && width(bare) > LINE && bare.ends_with(':') => {
                let items = bare[open + 1..close].split(", ").map(Code::atom).collect();
                let head = bare[indent..=open].to_owned();
                let laid = Code::Group { open: head, items, close: bare[close..].to_owned() }.lay(indent, 0);
                let _ = writeln!(out, "{}{laid}", &bare[..indent]);
            }
            _ => out.push_str(line),
        }
    }
    out
}

/// A piece of Python that can be laid out on one line or on several.
#[derive(Debug, Clone)]
pub enum Code {
    /// Text that stays on one line.
    Atom(String),
    /// Items between an opening text (`f(`, `name=[`) and a closing bracket.
    Group {
        /// Everything up to and with the opening bracket.
        open: String,
        /// What stands between the brackets.
        items: Vec<Code>,
        /// The closing bracket and what follows it.
        close: String,
    },
}

impl Code {
    /// Text that stays on one line.
    pub fn atom(text: impl Into<String>) -> Self {
        Self::Atom(text.into())
    }

    /// A call, `head(items)`.
    pub fn call(head: impl AsRef<str>, items: Vec<Self>) -> Self {
        Self::Group { open: format!("{}(", head.as_ref()), items, close: ")".to_owned() }
    }

    /// A list, `[items]`.
    #[must_use]
    pub fn list(items: Vec<Self>) -> Self {
        Self::Group { open: "[".to_owned(), items, close: "]".to_owned() }
    }

    /// The same with a text before it, such as `name=` or `"key": `.
    #[must_use]
    pub fn after(self, prefix: &str) -> Self {
        match self {
            Self::Atom(text) => Self::Atom(format!("{prefix}{text}")),
            Self::Group { open, items, close } => Self::Group { open: format!("{prefix}{open}"), items, close },
        }
    }

    /// Everything on one line.
    #[must_use]
    pub fn flat(&self) -> String {
        match self {
            Self::Atom(text) => text.clone(),
            Self::Group { open, items, close } => {
                format!("{open}{}{close}", items.iter().map(Self::flat).collect::<Vec<_>>().join(", "))
            }
        }
    }

    /// The layout at `indent`, where `reserved` more columns of the last line are taken by what follows.
    #[must_use]
    pub fn lay(&self, indent: usize, reserved: usize) -> String {
        let flat = self.flat();
        match self {
            Self::Group { open, items, close } if !items.is_empty() && indent + width(&flat) + reserved > LINE => {
                let inner = " ".repeat(indent + 4);
                let mut out = format!("{open}\n");
                for item in items {
                    let _ = writeln!(out, "{inner}{},", item.lay(indent + 4, 1));
                }
                let _ = write!(out, "{}{close}", " ".repeat(indent));
                out
            }
            _ => flat,
        }
    }
}

/// `name = value`. What even a value on lines of its own would not fit a line stays on one, out of the formatter's reach:
/// its ways with names longer than a line are many.
#[must_use]
pub fn assign(name: &str, value: &Code, indent: usize) -> String {
    let whole = value.clone().after(&format!("{name} = "));
    let head = match &whole {
        Code::Group { open, items, .. } if !items.is_empty() => width(open),
        Code::Group { .. } | Code::Atom(_) => width(&whole.flat()),
    };
    if indent + head <= LINE { whole.lay(indent, 0) } else { format!("{}  # fmt: skip", whole.flat()) }
}

/// The imports of a module, in the order the linter wants.
#[derive(Debug, Default)]
pub struct Imports {
    plain: BTreeSet<(Section, SortKey, String)>,
    from: BTreeMap<FromKey, Vec<(String, Option<String>)>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Section {
    Standard,
    ThirdParty,
    FirstParty,
}

/// Where a `from` statement stands: section, module, its name; names with an alias stand alone.
type FromKey = (Section, SortKey, String, Option<SortKey>);

/// Text split into runs of digits and other letters, so that `a2` stands before `a10`.
type SortKey = Vec<(u64, String)>;

/// The key by which names are ordered the way people count.
#[must_use]
pub fn natural(text: &str) -> SortKey {
    let mut parts: SortKey = Vec::new();
    let mut digits = false;
    for letter in text.to_lowercase().chars() {
        let is_digit = letter.is_ascii_digit();
        if is_digit != digits || parts.is_empty() {
            parts.push((0, String::new()));
            digits = is_digit;
        }
        parts.last_mut().expect("one was just pushed").1.push(letter);
    }
    for (number, text) in &mut parts {
        if text.starts_with(|letter: char| letter.is_ascii_digit()) {
            *number = text.parse().unwrap_or(u64::MAX);
            text.insert(0, '0');
        }
    }
    parts
}

fn section(module: &str) -> Section {
    match module.split('.').next().unwrap_or_default() {
        "app" | "tests" => Section::FirstParty,
        "fastapi" | "pydantic" | "pydantic_core" | "sqlalchemy" | "starlette" | "pytest" | "alembic" => {
            Section::ThirdParty
        }
        _ => Section::Standard,
    }
}

impl Imports {
    /// `import module as alias`.
    pub fn module(&mut self, module: &str, alias: Option<&str>) -> &mut Self {
        let text = alias.map_or_else(|| format!("import {module}"), |alias| format!("import {module} as {alias}"));
        self.plain.insert((section(module), natural(module), text));
        self
    }

    /// `from module import name`; names of one module share a statement.
    pub fn name(&mut self, module: &str, name: &str) -> &mut Self {
        let names = self.from.entry((section(module), natural(module), module.to_owned(), None)).or_default();
        if !names.iter().any(|(known, _)| known == name) {
            names.push((name.to_owned(), None));
        }
        self
    }

    /// `from module import name as alias`, a statement of its own.
    pub fn alias(&mut self, module: &str, name: &str, alias: &str) -> &mut Self {
        let key = (section(module), natural(module), module.to_owned(), Some(natural(name)));
        self.from.insert(key, vec![(name.to_owned(), Some(alias.to_owned()))]);
        self
    }

    /// The import lines; sections are apart by an empty line.
    #[must_use]
    pub fn lay(&self, indent: usize) -> String {
        let pad = " ".repeat(indent);
        let mut sections = Vec::new();
        for section in [Section::Standard, Section::ThirdParty, Section::FirstParty] {
            let mut lines: Vec<String> = self
                .plain
                .iter()
                .filter(|(of, ..)| *of == section)
                .map(|(_, _, text)| format!("{pad}{text}"))
                .collect();
            for ((of, _, module, _), names) in &self.from {
                if *of == section {
                    lines.push(format!("{pad}{}", from_import(module, names, indent)));
                }
            }
            if !lines.is_empty() {
                sections.push(lines.join("\n"));
            }
        }
        sections.join("\n\n")
    }
}

fn from_import(module: &str, names: &[(String, Option<String>)], indent: usize) -> String {
    if let [(name, Some(alias))] = names {
        let flat = format!("from {module} import {name} as {alias}");
        let pad = " ".repeat(indent);
        return if indent + flat.len() <= LINE {
            flat
        } else {
            format!("from {module} import (\n{pad}    {name} as {alias},\n{pad})")
        };
    }
    let mut names: Vec<&str> = names.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_by_key(|name| (member_kind(name), natural(name)));
    let flat = format!("from {module} import {}", names.join(", "));
    if indent + flat.len() <= LINE {
        return flat;
    }
    let pad = " ".repeat(indent);
    let lines: String = names.iter().fold(String::new(), |mut lines, name| {
        let _ = writeln!(lines, "{pad}    {name},");
        lines
    });
    format!("from {module} import (\n{lines}{pad})")
}

fn member_kind(name: &str) -> u8 {
    if name.len() > 1 && !name.contains(|letter: char| letter.is_ascii_lowercase()) {
        0
    } else if name.starts_with(|letter: char| letter.is_ascii_uppercase()) {
        1
    } else {
        2
    }
}
