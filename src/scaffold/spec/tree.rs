//! YAML as a tree in which every key and value knows its line and column.
//!
//! Built from parser events, so that one reading can report every duplicate key, alias and tag there is.
//! Aliases, anchors and tags are refused: a spec file needs none, and an alias can make a small file huge.

use std::collections::HashMap;

use serde_json::{Number, Value as Json};
use serde_yaml::granit_parser::{Event, Parser, ScalarStyle, Span, StrInput, StructureStyle, options};

use super::problem::{MAX_PROBLEMS, shown};

/// How deep lists and maps may be nested, each. A spec needs about ten levels.
const MAX_NESTING: usize = 32;
/// How many keys and values one file may have.
const MAX_NODES: usize = 100_000;
/// How long a key may be, in bytes.
const MAX_KEY: usize = 200;

/// A line and a column, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pos {
    pub line: u32,
    pub column: u32,
}

impl Pos {
    pub(super) const START: Self = Self { line: 1, column: 1 };

    fn of(span: &Span) -> Self {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self { line: number(span.start.line()), column: number(span.start.col()).saturating_add(1) }
    }
}

/// A value and where it begins.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub pos: Pos,
    pub value: Value,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List {
        items: Vec<Node>,
        flow: bool,
    },
    Map {
        entries: Vec<Entry>,
        flow: bool,
    },
    /// Something already reported; whoever meets it says nothing more.
    Broken,
}

/// A key of a map with its value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub key: String,
    pub key_pos: Pos,
    pub node: Node,
}

impl Entry {
    /// Where a problem with the value is shown: at the value where it stands beside its key, else at the key.
    pub(super) fn shown_pos(&self) -> Pos {
        match &self.node.value {
            Value::Null | Value::List { flow: false, .. } | Value::Map { flow: false, .. } => self.key_pos,
            _ => self.node.pos,
        }
    }
}

impl Node {
    /// What the value is, for "expected …, found …".
    pub(super) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null | Value::Broken => "nothing",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::Text(_) => "a text",
            Value::List { .. } => "a list",
            Value::Map { .. } => "a map",
        }
    }

    /// The entry of that key, if this is a map.
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            Value::Map { entries, .. } => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// The value without its positions.
    pub(super) fn to_json(&self) -> Json {
        match &self.value {
            Value::Null | Value::Broken => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Number(value) => Json::Number(value.clone()),
            Value::Text(value) => Json::String(value.clone()),
            Value::List { items, .. } => Json::Array(items.iter().map(Self::to_json).collect()),
            Value::Map { entries, .. } => {
                Json::Object(entries.iter().map(|entry| (entry.key.clone(), entry.node.to_json())).collect())
            }
        }
    }
}

/// What one file holds.
pub(super) struct Tree {
    /// The document; none where the file cannot be parsed.
    pub root: Option<Node>,
    /// What is wrong with it as YAML: place, path, reason.
    pub faults: Vec<(Pos, String, String)>,
    /// The comments without `#`, in order.
    pub comments: Vec<String>,
}

/// Parses one document.
pub(super) fn parse(text: &str) -> Tree {
    let options = options! {
        flow_nesting_limit: MAX_NESTING,
        block_nesting_limit: MAX_NESTING,
        max_buffered_comment_events: 100_000,
        disallow_directives: true,
        emit_unresolved_aliases: true,
    };
    let parser = Parser::new_from_str_with_options(text, options);
    let mut builder =
        Builder { parser, faults: Vec::new(), comments: Vec::new(), path: Vec::new(), nodes: 0, end: Pos::START };
    let root = match builder.document() {
        Ok(root) => Some(root),
        Err((pos, reason)) => {
            builder.fault(pos, reason);
            None
        }
    };
    Tree { root, faults: builder.faults, comments: builder.comments }
}

struct Builder<'a> {
    parser: Parser<'a, StrInput<'a>>,
    faults: Vec<(Pos, String, String)>,
    comments: Vec<String>,
    path: Vec<String>,
    nodes: usize,
    end: Pos,
}

type Stop = (Pos, String);

impl<'a> Builder<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Pos), Stop> {
        loop {
            match self.parser.next_event() {
                Some(Ok((Event::Comment(text, _), _))) => self.comments.push(text.trim().to_owned()),
                Some(Ok((event, span))) => {
                    self.end = Pos::of(&span);
                    return Ok((event, self.end));
                }
                Some(Err(error)) => {
                    let marker = Span::empty(*error.marker());
                    return Err((Pos::of(&marker), format!("not YAML: {}", shown(&error.info()))));
                }
                None => return Ok((Event::StreamEnd, self.end)),
            }
        }
    }

    fn document(&mut self) -> Result<Node, Stop> {
        let mut root = None;
        loop {
            let (event, pos) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(root.unwrap_or(Node { pos: Pos::START, value: Value::Null })),
                Event::StreamStart | Event::DocumentEnd => {}
                Event::DocumentStart(..) if root.is_some() => {
                    return Err((pos, "a second document; a spec file holds one".to_owned()));
                }
                Event::DocumentStart(..) => {
                    let (event, pos) = self.next()?;
                    root = Some(self.node(event, pos)?);
                }
                _ => return Err((pos, "not YAML: something stands outside of the document".to_owned())),
            }
        }
    }

    fn fault(&mut self, pos: Pos, reason: String) {
        if self.faults.len() <= MAX_PROBLEMS {
            self.faults.push((pos, self.path.join("."), reason));
        }
    }

    fn refuse(&mut self, pos: Pos, what: &str) -> Value {
        self.fault(pos, format!("{what} not used in spec files; write the value itself"));
        Value::Broken
    }

    fn node(&mut self, event: Event<'a>, pos: Pos) -> Result<Node, Stop> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err((pos, format!("more than {MAX_NODES} values in one file")));
        }
        let value = match event {
            Event::Alias(_) | Event::UnresolvedAlias(_) => self.refuse(pos, "aliases are"),
            Event::Scalar(_, _, _, Some(_)) => self.refuse(pos, "tags are"),
            Event::Scalar(_, _, anchor, None) if anchor != 0 => self.refuse(pos, "anchors are"),
            Event::Scalar(text, ScalarStyle::Plain, _, None) => plain(&text),
            Event::Scalar(text, ..) => Value::Text(text.into_owned()),
            Event::SequenceStart(style, anchor, tag) => {
                let items = self.items()?;
                match (anchor, tag) {
                    (0, None) => Value::List { items, flow: style == StructureStyle::Flow },
                    (0, Some(_)) => self.refuse(pos, "tags are"),
                    _ => self.refuse(pos, "anchors are"),
                }
            }
            Event::MappingStart(style, anchor, tag) => {
                let entries = self.entries()?;
                match (anchor, tag) {
                    (0, None) => Value::Map { entries, flow: style == StructureStyle::Flow },
                    (0, Some(_)) => self.refuse(pos, "tags are"),
                    _ => self.refuse(pos, "anchors are"),
                }
            }
            _ => return Err((pos, "not YAML: a value is missing".to_owned())),
        };
        Ok(Node { pos, value })
    }

    fn items(&mut self) -> Result<Vec<Node>, Stop> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, pos) => items.push(self.node(event, pos)?),
            }
        }
    }

    fn entries(&mut self) -> Result<Vec<Entry>, Stop> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut lines: HashMap<String, u32> = HashMap::new();
        loop {
            let (event, key_pos) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(entries);
            }
            let key = match &event {
                Event::Scalar(text, _, 0, None) if text.len() <= MAX_KEY => Some(text.to_string()),
                _ => None,
            };
            if key.is_none() {
                self.fault(key_pos, format!("a key must be a plain text of at most {MAX_KEY} characters"));
                self.node(event, key_pos)?;
            }
            self.path.push(key.clone().unwrap_or_default());
            if let Some(line) = key.as_ref().and_then(|key| lines.get(key)) {
                let reason =
                    format!("`{}` stands here twice, first in line {line}", shown(&self.path[self.path.len() - 1]));
                self.fault(key_pos, reason);
            }
            let (event, pos) = self.next()?;
            let node = self.node(event, pos)?;
            self.path.pop();
            let Some(key) = key.filter(|key| !lines.contains_key(key)) else { continue };
            lines.insert(key.clone(), key_pos.line);
            entries.push(Entry { key, key_pos, node });
        }
    }
}

/// The value of an unquoted text, by the core schema of YAML 1.2.
pub(super) fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    number(text).map_or_else(|| Value::Text(text.to_owned()), Value::Number)
}

fn number(text: &str) -> Option<Number> {
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = body.split_once(['e', 'E']).map_or((body, None), |(m, e)| (m, Some(e)));
    let (whole, fraction) = mantissa.split_once('.').map_or((mantissa, None), |(w, f)| (w, Some(f)));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let exponent_ok = exponent.is_none_or(|text| {
        let text = text.strip_prefix(['-', '+']).unwrap_or(text);
        !text.is_empty() && digits(text)
    });
    let some_digit = !whole.is_empty() || fraction.is_some_and(|text| !text.is_empty());
    if !(digits(whole) && fraction.is_none_or(digits) && exponent_ok && some_digit) {
        return None;
    }
    let signed = text.strip_prefix('+').unwrap_or(text);
    if fraction.is_none() && exponent.is_none() {
        if let Ok(value) = signed.parse::<i64>() {
            return Some(value.into());
        }
        if let Ok(value) = signed.parse::<u64>() {
            return Some(value.into());
        }
    }
    signed.parse::<f64>().ok().and_then(Number::from_f64)
}
