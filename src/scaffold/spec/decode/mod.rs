//! From located trees to the types of the spec: structure, keys, names and types.
//!
//! A part that cannot be understood is reported and left out; what the parts mean together is checked
//! afterwards, in `check`, by the same rules that a spec from an agent has to pass.

pub(super) mod contract;
pub(super) mod domains;
pub(super) mod events;
pub(super) mod models;
pub(super) mod project;
mod types;

use std::collections::{BTreeMap, HashSet};
use std::fmt::Display;
use std::str::FromStr;

use super::check::MAX_ENTRIES;
use super::problem::{MAX_PROBLEMS, Place, Problem, shown};
use super::tree::{Entry, Node, Pos, Value};
use crate::domain::names::InvalidName;
use crate::domain::suggest::{nearest, one_of};

/// A value on its way to a type: where it stands, under which name and path.
#[derive(Debug, Clone)]
pub(super) struct At<'a> {
    pub file: &'a str,
    pub path: String,
    pub name: &'a str,
    pub key_pos: Pos,
    pub pos: Pos,
    pub node: &'a Node,
}

impl<'a> At<'a> {
    pub(super) fn root(file: &'a str, path: &str, node: &'a Node) -> Self {
        Self { file, path: path.to_owned(), name: "", key_pos: node.pos, pos: node.pos, node }
    }

    fn child(&self, entry: &'a Entry) -> Self {
        Self {
            file: self.file,
            path: join(&self.path, &entry.key),
            name: &entry.key,
            key_pos: entry.key_pos,
            pos: entry.shown_pos(),
            node: &entry.node,
        }
    }

    fn item(&self, index: usize, node: &'a Node) -> Self {
        Self {
            file: self.file,
            path: join(&self.path, &index.to_string()),
            name: self.name,
            key_pos: node.pos,
            pos: node.pos,
            node,
        }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self.node.value, Value::Null)
    }
}

pub(super) fn join(path: &str, segment: &str) -> String {
    if path.is_empty() { segment.to_owned() } else { format!("{path}.{segment}") }
}

/// The known keys of a map.
pub(super) struct Fields<'a>(Vec<At<'a>>);

impl<'a> Fields<'a> {
    pub(super) fn get(&self, key: &str) -> Option<&At<'a>> {
        self.0.iter().find(|at| at.name == key)
    }
}

/// What reading finds beside the values.
#[derive(Default)]
pub(super) struct Report {
    pub problems: Vec<Problem>,
    /// For each file the paths that are accepted but are no part of the spec, so that writing would lose them.
    pub unwritten: BTreeMap<String, Vec<String>>,
    /// What a person should know though nothing is wrong.
    pub notes: Vec<String>,
    /// Maps of which every entry was refused, so that they only look empty.
    pub emptied: HashSet<String>,
}

impl Report {
    pub(super) fn add(&mut self, file: &str, pos: Pos, path: &str, reason: impl Into<String>, hint: Option<String>) {
        self.problems.push(Problem {
            place: Some(Place { file: file.to_owned(), line: pos.line, column: pos.column }),
            path: path.to_owned(),
            reason: reason.into(),
            suggestion: hint,
        });
    }

    pub(super) fn value(&mut self, at: &At, reason: impl Into<String>) {
        self.add(at.file, at.pos, &at.path, reason, None);
    }

    pub(super) fn value_hint(&mut self, at: &At, reason: impl Into<String>, hint: Option<String>) {
        self.add(at.file, at.pos, &at.path, reason, hint);
    }

    pub(super) fn key(&mut self, at: &At, reason: impl Into<String>) {
        self.add(at.file, at.key_pos, &at.path, reason, None);
    }

    /// Remembers that the value is accepted, checked and then not part of the spec.
    pub(super) fn not_written(&mut self, at: &At) {
        self.unwritten.entry(at.file.to_owned()).or_default().push(at.path.clone());
    }

    pub(super) fn note(&mut self, at: &At, text: &str) {
        self.notes.push(format!("{}:{}: {} {text}", at.file, at.key_pos.line, shown(&at.path)));
    }

    pub(super) fn expected(&mut self, at: &At, what: &str) {
        if !matches!(at.node.value, Value::Broken) {
            self.value(at, format!("expected {what}, found {}", at.node.kind()));
        }
    }

    /// The entries of a map.
    pub(super) fn entries<'a>(&mut self, at: &At<'a>) -> Option<Vec<At<'a>>> {
        if let Value::Map { entries, .. } = &at.node.value {
            return Some(entries.iter().map(|entry| at.child(entry)).collect());
        }
        self.expected(at, "a map");
        None
    }

    /// The entries of a map whose keys are known.
    pub(super) fn fields<'a>(&mut self, at: &At<'a>, known: &[&str]) -> Option<Fields<'a>> {
        let entries = self.entries(at)?;
        for entry in entries.iter().filter(|entry| !known.contains(&entry.name)) {
            let all = || known.iter().copied();
            let hint = (self.problems.len() < MAX_PROBLEMS)
                .then(|| nearest(entry.name, all()).unwrap_or_else(|| format!("known here: {}", one_of(all()))));
            self.add(entry.file, entry.key_pos, &entry.path, format!("unknown key `{}`", shown(entry.name)), hint);
        }
        Some(Fields(entries))
    }

    /// The entries of a map that may only be so large. One more is read, for the rule to refuse.
    pub(super) fn bounded<'a>(&mut self, at: &At<'a>) -> Vec<At<'a>> {
        let mut entries = self.entries(at).unwrap_or_default();
        entries.truncate(MAX_ENTRIES + 1);
        entries
    }

    /// The items of a list.
    pub(super) fn items<'a>(&mut self, at: &At<'a>) -> Option<Vec<At<'a>>> {
        if let Value::List { items, .. } = &at.node.value {
            return Some(items.iter().enumerate().map(|(index, node)| at.item(index, node)).collect());
        }
        self.expected(at, "a list");
        None
    }

    pub(super) fn text<'a>(&mut self, at: &At<'a>) -> Option<&'a str> {
        match &at.node.value {
            Value::Text(text) => Some(text),
            Value::Bool(_) | Value::Number(_) => {
                let found = at.node.kind();
                let hint = Some("put the value in quotes".to_owned());
                self.value_hint(at, format!("expected a text, found {found}"), hint);
                None
            }
            _ => {
                self.expected(at, "a text");
                None
            }
        }
    }

    /// A text for people: trimmed, never empty.
    pub(super) fn prose(&mut self, at: &At) -> Option<String> {
        let text = self.text(at)?.trim();
        if text.is_empty() {
            self.value(at, "it is empty");
            return None;
        }
        Some(text.to_owned())
    }

    pub(super) fn boolean(&mut self, at: &At) -> Option<bool> {
        match &at.node.value {
            Value::Bool(value) => Some(*value),
            Value::Text(text) => {
                let hint = match text.to_lowercase().as_str() {
                    "yes" | "on" | "y" | "true" => Some("write `true`".to_owned()),
                    "no" | "off" | "n" | "false" => Some("write `false`".to_owned()),
                    _ => None,
                };
                self.value_hint(at, "expected `true` or `false`, found a text", hint);
                None
            }
            _ => {
                self.expected(at, "`true` or `false`");
                None
            }
        }
    }

    pub(super) fn number(&mut self, at: &At) -> Option<serde_json::Number> {
        if let Value::Number(number) = &at.node.value {
            return Some(number.clone());
        }
        self.expected(at, "a number");
        None
    }

    /// A whole number from 0.
    pub(super) fn whole<T: TryFrom<u64>>(&mut self, at: &At) -> Option<T> {
        let Value::Number(number) = &at.node.value else {
            self.expected(at, "a whole number");
            return None;
        };
        let value = number.as_u64().and_then(|value| T::try_from(value).ok());
        if value.is_none() {
            self.value(at, "expected a whole number from 0 that is not too large");
        }
        value
    }

    /// A name, by its own rules.
    pub(super) fn named<T: FromStr<Err = InvalidName>>(&mut self, at: &At) -> Option<T> {
        let text = self.text(at)?;
        match text.parse() {
            Ok(name) => Some(name),
            Err(error) => {
                self.value(at, error.to_string());
                None
            }
        }
    }

    /// The key of an entry as a name.
    pub(super) fn key_named<T: FromStr<Err = InvalidName>>(&mut self, at: &At) -> Option<T> {
        match at.name.parse() {
            Ok(name) => Some(name),
            Err(error) => {
                self.key(at, error.to_string());
                None
            }
        }
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&mut self, at: &At, what: &str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(at)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let all = || words.iter().map(|(word, _)| *word);
            let hint = nearest(text, all()).or_else(|| Some(format!("write {}", one_of(all()))));
            self.value_hint(at, format!("unknown {what} `{}`", shown(text)), hint);
        }
        found
    }

    /// The value of a key that must be there.
    pub(super) fn needed<'f, 'a>(
        &mut self,
        fields: &'f Fields<'a>,
        of: &At,
        key: &str,
        hint: impl Display,
    ) -> Option<&'f At<'a>> {
        let found = fields.get(key);
        if found.is_none() {
            self.missing(of, key, hint);
        }
        found
    }

    pub(super) fn missing(&mut self, at: &At, key: &str, hint: impl Display) {
        self.add(at.file, at.key_pos, &at.path, format!("`{key}` is missing"), Some(hint.to_string()));
    }
}
