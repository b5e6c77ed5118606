//! Secrets that cgo knows, and texts without them.
//!
//! [`Secrets`] is the list of one process: whoever learns a value adds it under its handle, `secret://project/name`.
//! A [`Redactor`] is made of it and puts the handle wherever the value stands: as it is, in an address, in base64 (at
//! any alignment, both alphabets), in hexadecimal, and in JSON. [`Stream`] does the same for bytes that come in pieces.
//!
//! What it deliberately does not do: values of fewer than [`TELLING`] bytes are not looked for, because they would be
//! found everywhere ([`Secrets::add`] says so), and neither are values that were compressed, encrypted, split up or
//! turned around by somebody who means to hide them. [`dotenv`] says which lines of an environment are secrets.

pub mod dotenv;
mod forms;
mod search;

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use search::Search;
use serde_json::Value;

/// Values of fewer bytes are not looked for.
pub const TELLING: usize = 6;
/// Lines of a longer secret that are secrets of their own, such as those of a private key, are at least so long.
const LINE: usize = 16;

/// The name a secret goes by where its value must not stand.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle(String);

impl Handle {
    /// The handle of a project's secret.
    #[must_use]
    pub fn new(project: &str, name: &str) -> Self {
        // What stands in the place of a secret must fit into JSON, addresses and lines of text as it is.
        let plain = |text: &str| -> String {
            text.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect()
        };
        Self(format!("secret://{}/{}", plain(project), plain(name)))
    }

    /// The handle of a secret of the person who runs cgo.
    #[must_use]
    pub fn of_operator(name: &str) -> Self {
        Self::new("operator", name)
    }

    /// The handle as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What happens when a secret would leave for a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Its handle leaves.
    #[default]
    Replace,
    /// Nothing leaves, and the run fails.
    Strict,
}

/// A secret stood where it must not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the value of `{handle}` stands in {place}, and secrets are not told to models")]
pub struct Leak {
    /// Which.
    pub handle: Handle,
    /// Where, in words.
    pub place: String,
}

#[derive(Default)]
struct Known {
    values: Vec<(Handle, String)>,
    redactor: Option<Arc<Redactor>>,
}

/// The secrets one process knows. Clones share them.
#[derive(Clone, Default)]
pub struct Secrets {
    known: Arc<RwLock<Known>>,
    mode: Mode,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_list().entries(known.values.iter().map(|(handle, _)| handle.as_str())).finish()
    }
}

impl Secrets {
    /// None known yet.
    #[must_use]
    pub fn new(mode: Mode) -> Self {
        Self { mode, ..Self::default() }
    }

    /// What happens when one would leave.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Adds a value. False when it is too short to be looked for; then nothing hides it.
    #[must_use = "a value that is too short is not hidden"]
    pub fn add(&self, handle: &Handle, value: &str) -> bool {
        let value = value.trim();
        if value.len() < TELLING {
            return false;
        }
        let has = |known: &Known| known.values.iter().any(|(_, other)| other == value);
        if has(&self.known.read().unwrap_or_else(PoisonError::into_inner)) {
            return true;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if !has(&known) {
            known.values.push((handle.clone(), value.to_owned()));
            known.redactor = None;
        }
        true
    }

    /// Adds what is secret among variables: see [`dotenv::secrets_of`].
    pub fn add_variables<'a>(&self, project: &str, variables: impl IntoIterator<Item = (&'a str, &'a str)>) {
        for (name, value) in variables {
            for secret in dotenv::secrets_of(name, value) {
                // A value that is too short is none that could be hidden; `TELLING` says so.
                let _ = self.add(&Handle::new(project, name), secret);
            }
        }
    }

    /// What replaces the secrets known now. Made when the list has grown, else the same again.
    #[must_use]
    pub fn redactor(&self) -> Arc<Redactor> {
        if let Some(made) = &self.known.read().unwrap_or_else(PoisonError::into_inner).redactor {
            return Arc::clone(made);
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let made = Arc::new(Redactor::new(&known.values));
        known.redactor = Some(Arc::clone(&made));
        made
    }

    /// In strict mode, refuses a text that holds a secret.
    ///
    /// # Errors
    /// [`Leak`] with its handle and the place.
    pub fn check(&self, place: &str, text: &str) -> Result<(), Leak> {
        let redactor = self.redactor();
        match redactor.find(text.as_bytes()).filter(|_| self.mode == Mode::Strict) {
            None => Ok(()),
            Some(handle) => Err(Leak { handle: handle.clone(), place: place.to_owned() }),
        }
    }

    /// The text without secrets.
    #[must_use]
    pub fn clean<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.redactor().text(text)
    }
}

/// Puts handles in the place of secrets.
pub struct Redactor {
    handles: Vec<Handle>,
    search: Search,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.handles).finish()
    }
}

impl Redactor {
    fn new(values: &[(Handle, String)]) -> Self {
        let mut handles = Vec::with_capacity(values.len());
        let mut all = Vec::new();
        for (number, (handle, value)) in values.iter().enumerate() {
            handles.push(handle.clone());
            let lines = value.lines().map(str::trim).filter(|line| line.len() >= LINE && value.lines().count() > 1);
            // The markers around a key say nothing.
            for text in std::iter::once(value.as_str()).chain(lines.filter(|line| !line.starts_with("-----"))) {
                all.extend(forms::of(text, TELLING).into_iter().map(|form| (form, number)));
            }
        }
        Self { handles, search: Search::new(all) }
    }

    /// No secret is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.handles.is_empty()
    }

    /// The first secret in some bytes.
    #[must_use]
    pub fn find(&self, bytes: &[u8]) -> Option<&Handle> {
        self.search.next(bytes, 0).map(|found| &self.handles[found.owner])
    }

    /// Bytes without secrets.
    #[must_use]
    pub fn bytes<'b>(&self, bytes: &'b [u8]) -> Cow<'b, [u8]> {
        let mut out: Option<Vec<u8>> = None;
        let mut from = 0;
        while let Some(found) = self.search.next(bytes, from) {
            let out = out.get_or_insert_with(|| Vec::with_capacity(bytes.len()));
            out.extend_from_slice(&bytes[from..found.from]);
            out.extend_from_slice(self.handles[found.owner].as_str().as_bytes());
            from = found.to;
        }
        match out {
            None => Cow::Borrowed(bytes),
            Some(mut out) => {
                out.extend_from_slice(&bytes[from..]);
                Cow::Owned(out)
            }
        }
    }

    /// A text without secrets. One that is JSON stays JSON: the texts in it are cleaned, each for itself.
    #[must_use]
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.find(text.as_bytes()).is_none() {
            return Cow::Borrowed(text);
        }
        if text.starts_with(['{', '[', '"'])
            && let Ok(mut value) = serde_json::from_str::<Value>(text)
        {
            self.value(&mut value);
            return Cow::Owned(value.to_string());
        }
        self.plain(text)
    }

    fn plain<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.bytes(text.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            // Forms and handles are whole characters, so what is left between them is, too.
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// Cleans every text in a value, names with them. Returns the handle of the last one found.
    pub fn value(&self, value: &mut Value) -> Option<&Handle> {
        match value {
            Value::Null | Value::Bool(_) => None,
            Value::Number(number) => {
                let found = self.find(number.to_string().as_bytes())?;
                *value = Value::String(found.to_string());
                Some(found)
            }
            Value::String(text) => {
                let found = self.find(text.as_bytes())?;
                *text = self.text(text).into_owned();
                Some(found)
            }
            Value::Array(items) => items.iter_mut().fold(None, |found, item| self.value(item).or(found)),
            Value::Object(fields) => {
                let mut found = None;
                if fields.keys().any(|name| self.find(name.as_bytes()).is_some()) {
                    let old = std::mem::take(fields);
                    for (name, item) in old {
                        found = self.find(name.as_bytes()).or(found);
                        fields.insert(self.plain(&name).into_owned(), item);
                    }
                }
                fields.values_mut().fold(found, |found, item| self.value(item).or(found))
            }
        }
    }
}

/// Cleans bytes that come in pieces: a secret that is split over two of them is found.
#[derive(Debug)]
pub struct Stream {
    secrets: Secrets,
    held: Vec<u8>,
}

impl Stream {
    /// The beginning of a stream.
    #[must_use]
    pub fn new(secrets: Secrets) -> Self {
        Self { secrets, held: Vec::new() }
    }

    /// Takes a piece, and gives what is known to be clean. The last bytes, which may begin a secret, are held back.
    #[must_use]
    pub fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(piece);
        let redactor = self.secrets.redactor();
        let longest = redactor.search.longest;
        let decided = self.held.len().saturating_sub(longest);
        let mut out = Vec::with_capacity(self.held.len());
        let mut from = 0;
        let mut open = decided;
        while let Some(found) = redactor.search.next(&self.held, from) {
            if found.from >= decided {
                // What follows may make it a longer one.
                open = decided.min(found.from);
                break;
            }
            out.extend_from_slice(&self.held[from..found.from]);
            out.extend_from_slice(redactor.handles[found.owner].as_str().as_bytes());
            from = found.to;
        }
        let until = open.max(from);
        out.extend_from_slice(&self.held[from..until]);
        self.held.drain(..until);
        out
    }

    /// The end: what was held back.
    #[must_use]
    pub fn end(&mut self) -> Vec<u8> {
        let held = std::mem::take(&mut self.held);
        self.secrets.redactor().bytes(&held).into_owned()
    }
}

#[cfg(test)]
mod tests;
