//! Texts as they would be on any machine: folders and ports by what they are for.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{PoisonError, RwLock};

use serde_json::Value;

use crate::domain::state::ProjectState;

/// What begins and ends the name that stands for something of this machine.
const MARKS: (&str, &str) = ("<<", ">>");
/// The name of the project's folder.
const PROJECT: &str = "project";

/// The surroundings of a run, by what they are for.
#[derive(Debug, Default)]
pub struct Portable {
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// Path and name, the longest path first.
    folders: Vec<(String, String)>,
    ports: BTreeMap<u16, String>,
}

impl Known {
    fn folder(&mut self, name: &str, path: &str) {
        let path = path.trim_end_matches('/');
        if path.is_empty() || self.folders.iter().any(|(known, called)| known == path && called == PROJECT) {
            return;
        }
        self.folders.retain(|(known, called)| known != path && called != name);
        self.folders.push((path.to_owned(), name.to_owned()));
        self.folders.sort_by(|(a, _), (b, _)| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    }
}

impl Portable {
    /// Folders by their names; others are learned.
    #[must_use]
    pub fn new<'a>(folders: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        let mut known = Known::default();
        for (name, path) in folders {
            known.folder(name, &path);
        }
        Self { known: RwLock::new(known) }
    }

    /// Learns the project's folder and ports.
    pub fn learn(&self, state: &ProjectState) {
        if state.current_project.is_none() && state.allocated_resources.is_empty() {
            return;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(project) = &state.current_project {
            known.folder(PROJECT, &project.folder);
        }
        for (key, place) in &state.allocated_resources {
            known.ports.insert(place.port, key.clone());
        }
    }

    /// The text as it would be anywhere.
    #[must_use]
    pub fn outward(&self, text: &str) -> String {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut out = text.to_owned();
        for (path, name) in &known.folders {
            if out.contains(path.as_str()) {
                out = swap(&out, path, &format!("{}{name}{}", MARKS.0, MARKS.1), is_whole_path);
            }
        }
        for (port, name) in &known.ports {
            let digits = port.to_string();
            if out.contains(&digits) {
                out = swap(&out, &digits, &format!("{}port:{name}{}", MARKS.0, MARKS.1), is_port);
            }
        }
        out
    }

    /// The text as it is here.
    #[must_use]
    pub fn homeward(&self, text: &str) -> String {
        if !text.contains(MARKS.0) {
            return text.to_owned();
        }
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut out = text.to_owned();
        for (path, name) in &known.folders {
            out = out.replace(&format!("{}{name}{}", MARKS.0, MARKS.1), path);
        }
        for (port, name) in &known.ports {
            let mut mark = String::new();
            write!(mark, "{}port:{name}{}", MARKS.0, MARKS.1).expect("a string takes any text");
            // A number that stands for itself was a number before.
            out = out.replace(&mark, &port.to_string());
        }
        out
    }

    /// Every text in a value, changed.
    pub fn each(value: &mut Value, change: &impl Fn(&str) -> String) {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
            Value::String(text) => *text = change(text),
            Value::Array(items) => items.iter_mut().for_each(|item| Self::each(item, change)),
            Value::Object(fields) => fields.values_mut().for_each(|item| Self::each(item, change)),
        }
    }
}

/// Replaces what stands whole.
fn swap(text: &str, from: &str, to: &str, whole: fn(&str, &str) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = 0;
    while let Some(at) = text[rest..].find(from).map(|at| at + rest) {
        let end = at + from.len();
        out.push_str(&text[rest..at]);
        out.push_str(if whole(&text[..at], &text[end..]) { to } else { from });
        rest = end;
    }
    out.push_str(&text[rest..]);
    out
}

/// Neither the end of a longer path nor the beginning of a longer name.
fn is_whole_path(before: &str, after: &str) -> bool {
    let in_name = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-');
    let mut after = after.chars();
    let ends = match after.next() {
        Some('.') => !after.next().is_some_and(in_name),
        Some(next) => !in_name(next),
        None => true,
    };
    ends && !before.chars().next_back().is_some_and(|last| in_name(last) || matches!(last, '.' | '/'))
}

/// A number that is said to be a port: in an address, as a field, in words.
fn is_port(before: &str, after: &str) -> bool {
    let said =
        [":", "port ", "port\":", "port\\\":", "port\": ", "PORT=", "порт "].iter().any(|word| before.ends_with(word));
    said && !after.starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::state::Allocation;

    #[test]
    fn folders_and_ports_are_named_and_come_back() {
        let portable = Portable::new([("home", "/srv/me".to_owned()), ("parent", "/srv/me/work".to_owned())]);
        let mut state = ProjectState::default();
        let place = Allocation {
            server_handle: "local".to_owned(),
            server_ip: "127.0.0.1".to_owned(),
            port: 8000,
            service_name: "backend".to_owned(),
        };
        state.allocated_resources.insert("backend".to_owned(), place);
        portable.learn(&state);
        let text = r#"{"port":8000} http://127.0.0.1:8000/ 80001 8000 rows /srv/me/work/x.py /srv/me /srv/meta /srv/me.bak, in /srv/me."#;
        let told = portable.outward(text);
        assert_eq!(
            told,
            r#"{"port":<<port:backend>>} http://127.0.0.1:<<port:backend>>/ 80001 8000 rows <<parent>>/x.py <<home>> /srv/meta /srv/me.bak, in <<home>>."#
        );
        assert_eq!(portable.homeward(&told), text);
    }
}
