//! YAML for people: short maps on one line, everything that might be misread in quotes.
//!
//! What is written reads the same by YAML 1.1 (as in Python) and by YAML 1.2.

use std::fmt::Write as _;

use serde_json::Value as Json;

/// How wide a line with a short map may be.
const WIDTH: usize = 100;

/// A value to be written.
pub(super) enum Yaml {
    /// A text, quoted where necessary.
    Text(String),
    /// A number, true, false or null, as it is.
    Bare(String),
    List(Vec<Yaml>),
    /// On one line where it fits.
    Short(Vec<(String, Yaml)>),
    /// One key a line.
    Map(Vec<(String, Yaml)>),
    /// One key a line, with an empty line between the entries.
    Spaced(Vec<(String, Yaml)>),
}

impl Yaml {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(super) fn json(value: &Json) -> Self {
        match value {
            Json::String(text) => Self::Text(text.clone()),
            Json::Number(number) => Self::Bare(number_text(number)),
            Json::Null | Json::Bool(_) => Self::Bare(value.to_string()),
            Json::Array(items) => Self::List(items.iter().map(Self::json).collect()),
            Json::Object(entries) => {
                Self::Short(entries.iter().map(|(key, value)| (key.clone(), Self::json(value))).collect())
            }
        }
    }
}

/// YAML 1.1 takes a number with an exponent for a text unless it has a point and a sign.
pub(super) fn number_text(number: &serde_json::Number) -> String {
    let text = number.to_string();
    let Some((mantissa, exponent)) = text.split_once('e') else { return text };
    let point = if mantissa.contains('.') { "" } else { ".0" };
    let sign = if exponent.starts_with(['-', '+']) { "" } else { "+" };
    format!("{mantissa}{point}e{sign}{exponent}")
}

/// A document with its header comment.
pub(super) fn document(header: &str, root: &Yaml) -> String {
    let mut out = format!("# {header}\n");
    block(&mut out, root, 0);
    out
}

fn block(out: &mut String, value: &Yaml, indent: usize) {
    let (entries, spaced) = match value {
        Yaml::Map(entries) | Yaml::Short(entries) => (entries, false),
        Yaml::Spaced(entries) => (entries, true),
        other => {
            let _ = writeln!(out, "{}", flow(other));
            return;
        }
    };
    for (index, (key, value)) in entries.iter().enumerate() {
        if spaced && index > 0 {
            out.push('\n');
        }
        let _ = write!(out, "{:indent$}{}:", "", scalar(key, false));
        entry(out, value, indent);
    }
}

/// What follows `key:`.
fn entry(out: &mut String, value: &Yaml, indent: usize) {
    let room = WIDTH.saturating_sub(out.len() - out.rfind('\n').map_or(0, |at| at + 1));
    match value {
        Yaml::Text(text) => match literal(text) {
            Some(lines) => {
                out.push_str(" |-\n");
                for line in lines {
                    let indent = if line.is_empty() { 0 } else { indent + 2 };
                    let _ = writeln!(out, "{:indent$}{line}", "");
                }
            }
            None => {
                let _ = writeln!(out, " {}", scalar(text, false));
            }
        },
        Yaml::Bare(text) => {
            let _ = writeln!(out, " {text}");
        }
        Yaml::List(items) if !fits(value, room) && !items.is_empty() => {
            out.push('\n');
            list(out, items, indent + 2);
        }
        Yaml::Short(_) if fits(value, room) => {
            let _ = writeln!(out, " {}", flow(value));
        }
        Yaml::Map(entries) | Yaml::Spaced(entries) | Yaml::Short(entries) if !entries.is_empty() => {
            out.push('\n');
            block(out, value, indent + 2);
        }
        _ => {
            let _ = writeln!(out, " {}", flow(value));
        }
    }
}

fn list(out: &mut String, items: &[Yaml], indent: usize) {
    for item in items {
        let _ = write!(out, "{:indent$}-", "");
        match item {
            Yaml::Map(entries) if !entries.is_empty() => {
                let mut inner = String::new();
                block(&mut inner, item, indent + 2);
                out.push(' ');
                out.push_str(inner.trim_start_matches(' '));
            }
            Yaml::Text(text) => {
                let _ = writeln!(out, " {}", scalar(text, false));
            }
            _ => {
                let _ = writeln!(out, " {}", flow(item));
            }
        }
    }
}

/// Whether a value stands on the rest of a line.
fn fits(value: &Yaml, room: usize) -> bool {
    let plain = match value {
        Yaml::List(items) => items.iter().all(|item| !matches!(item, Yaml::Map(_) | Yaml::Spaced(_))),
        _ => true,
    };
    plain && flow(value).chars().count() < room
}

fn flow(value: &Yaml) -> String {
    match value {
        Yaml::Text(text) => scalar(text, true),
        Yaml::Bare(text) => text.clone(),
        Yaml::List(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Yaml::Short(entries) | Yaml::Map(entries) | Yaml::Spaced(entries) => {
            let entries = entries.iter().map(|(key, value)| format!("{}: {}", scalar(key, true), flow(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
    }
}

/// The lines of a text that reads well as a block of its own.
fn literal(text: &str) -> Option<Vec<&str>> {
    let good =
        |line: &str| !line.starts_with([' ', '\t']) && !line.ends_with([' ', '\t']) && !line.chars().any(needs_escape);
    let lines: Vec<&str> = text.split('\n').collect();
    let ends_well = !text.starts_with('\n') && !text.ends_with('\n');
    (lines.len() > 1 && ends_well && lines.iter().all(|line| good(line))).then_some(lines)
}

fn needs_escape(c: char) -> bool {
    c.is_control() || matches!(c, '\u{a0}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// Words that YAML 1.1 or 1.2 takes for something other than a text.
const WORDS: [&str; 10] = ["true", "false", "yes", "no", "on", "off", "y", "n", "null", "none"];

/// A text, plain where nobody could misread it.
fn scalar(text: &str, in_flow: bool) -> String {
    let starts = text
        .starts_with(|c: char| c.is_ascii_alphabetic() || (c.is_alphabetic() && ('\u{400}'..'\u{530}').contains(&c)));
    let inner = |c: char| {
        c.is_ascii_alphanumeric()
            || ('\u{400}'..'\u{530}').contains(&c)
            || matches!(c, ' ' | '_' | '.' | '-' | '/' | '(' | ')' | ';' | '!' | '?' | '+' | '=' | '%' | '@')
            || (!in_flow && matches!(c, ',' | '[' | ']'))
    };
    let plain =
        starts && text.chars().all(inner) && !text.ends_with(' ') && !WORDS.contains(&text.to_lowercase().as_str());
    if plain { text.to_owned() } else { quoted(text) }
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if needs_escape(c) => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
