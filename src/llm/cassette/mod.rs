//! Cassettes: everything a run was told from outside, in one file, so that it can be told again without a network.
//!
//! A [`Tape`] is a cassette at work. Recording, it writes down each call of a model under the hash of what was asked,
//! each reading of the run's clock, what of the machine shows in what is made, and what a person said. Replaying, it
//! gives all of that back, and chance is drawn from the recorded seed. It is the run's
//! [`Source`]. What it does not hold: what the run does itself, such as tests that are
//! run; that is done again.
//!
//! The file grows by whole lines, each written at once, so a killed process leaves a cassette that can be read and
//! recorded on. [`mod@line`] is the format, [`portable`] makes texts the same on every machine, [`difference`] says how a
//! question differs from the recorded ones, [`provider`] stands in the place of a model.

pub mod difference;
mod file;
pub mod line;
pub mod portable;
pub mod provider;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Deserialize as _;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Error, Refusal, Reply, Request, Usage};
use crate::domain::diagnose::{Advice, Diagnose, Kind};
use crate::domain::redact::Secrets;
use crate::domain::source::Source;
use crate::domain::state::ProjectState;
use crate::domain::time::Timestamp;
use file::Recording;
use line::{Call, Line, Person, Told, VERSION};
use portable::Portable;

pub use crate::domain::run::TapeMode as Mode;

/// Why a cassette cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CassetteError {
    /// There is a file already.
    #[error("`{path}` is there already, and a recording does not overwrite")]
    There {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read or written.
    #[error("cannot {doing} the cassette `{path}`")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is none.
    #[error("`{path}` is no cassette: line {line} {reason}")]
    Format {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Why.
        reason: String,
    },
    /// Another version of the format.
    #[error("`{path}` is a cassette of format {found}, and this cgo reads format {VERSION}")]
    Version {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
}

impl Diagnose for CassetteError {
    fn kind(&self) -> Kind {
        match self {
            Self::There { .. } => Kind::Usage,
            Self::Io { .. } | Self::Format { .. } | Self::Version { .. } => Kind::User,
        }
    }

    fn advice(&self) -> Option<Advice> {
        Some(Advice::Do(match self {
            Self::There { .. } => "name another file, or remove this one".to_owned(),
            Self::Io { .. } => "look whether the folder is there and may be written to".to_owned(),
            Self::Format { .. } | Self::Version { .. } => "record it again with --record".to_owned(),
        }))
    }
}

#[derive(Debug, Default)]
struct Inner {
    moments: HashMap<String, Timestamp>,
    facts: BTreeMap<String, String>,
    messages: HashMap<String, Value>,
    tools: HashMap<String, Value>,
    calls: Vec<Call>,
    /// Calls by key, in order.
    by_key: HashMap<String, Vec<usize>>,
    /// How often each key was asked in this process.
    used: HashMap<String, usize>,
    /// Calls whose answers were given by a loose replay.
    given: BTreeSet<usize>,
    persons: HashMap<String, Person>,
    latest: i64,
    recording: Option<Recording>,
}

/// A cassette at work.
#[derive(Debug)]
pub struct Tape {
    path: PathBuf,
    mode: Mode,
    seed: String,
    request: Value,
    portable: Portable,
    secrets: Secrets,
    clock: fn() -> Timestamp,
    inner: Mutex<Inner>,
}

/// What a tape works with besides its file.
#[derive(Debug)]
pub struct Surroundings {
    /// Makes texts the same on every machine.
    pub portable: Portable,
    /// Kept out of the file.
    pub secrets: Secrets,
    /// The clock, while recording.
    pub clock: fn() -> Timestamp,
}

impl Tape {
    /// Begins a cassette for a request.
    ///
    /// # Errors
    /// [`CassetteError::There`], [`CassetteError::Io`].
    pub fn record(path: &Path, request: &Value, seed: u128, around: Surroundings) -> Result<Self, CassetteError> {
        let recording = Recording::begin(path)?;
        let mut request = request.clone();
        Portable::each(&mut request, &|text| around.portable.outward(text));
        let tape = Self {
            path: path.to_owned(),
            mode: Mode::Record,
            seed: format!("{seed:032x}"),
            request,
            portable: around.portable,
            secrets: around.secrets,
            clock: around.clock,
            inner: Mutex::new(Inner { recording: Some(recording), ..Inner::default() }),
        };
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let first =
            Line::Cassette { version: VERSION, cgo: version, seed: tape.seed.clone(), request: tape.request.clone() };
        tape.write(&mut tape.inner(), &first);
        tape.check_written()?;
        Ok(tape)
    }

    /// Takes a cassette up: to record on after a pause, or to replay it.
    ///
    /// # Errors
    /// [`CassetteError`].
    pub fn open(path: &Path, mode: Mode, around: Surroundings) -> Result<Self, CassetteError> {
        let read = file::read(path)?;
        let mut inner = Inner::default();
        for line in read.lines {
            inner.take(line);
        }
        if mode == Mode::Record {
            inner.recording = Some(Recording::go_on(path, read.whole)?);
        }
        Ok(Self {
            path: path.to_owned(),
            mode,
            seed: read.seed,
            request: read.request,
            portable: around.portable,
            secrets: around.secrets,
            clock: around.clock,
            inner: Mutex::new(inner),
        })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was asked for, as it is here.
    #[must_use]
    pub fn request(&self) -> Value {
        let mut request = self.request.clone();
        Portable::each(&mut request, &|text| self.portable.homeward(text));
        request
    }

    /// What is done with it.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether everything could be written so far.
    ///
    /// # Errors
    /// The first failure.
    pub fn check_written(&self) -> Result<(), CassetteError> {
        match self.inner().recording.as_mut().and_then(|recording| recording.failed.take()) {
            None => Ok(()),
            Some(source) => Err(CassetteError::Io { doing: "write to", path: self.path.clone(), source }),
        }
    }

    fn write(&self, inner: &mut Inner, line: &Line) {
        if let Some(recording) = &mut inner.recording {
            let text = serde_json::to_string(line).expect("a line has text keys only");
            recording.write(&self.secrets.clean(&text));
        }
    }

    /// What a person said to that question.
    #[must_use]
    pub fn said(&self, ask: &str) -> Option<Person> {
        let inner = self.inner();
        let person = inner.persons.get(ask)?.clone();
        let texts = person.texts.iter().map(|text| self.portable.homeward(text)).collect();
        Some(Person { texts, ..person })
    }

    /// Writes down what a person said.
    pub fn note_person(&self, mut person: Person) {
        for text in &mut person.texts {
            *text = self.portable.outward(text);
        }
        let mut inner = self.inner();
        self.write(&mut inner, &Line::Person(person.clone()));
        inner.persons.insert(person.ask.clone(), person);
    }

    /// A request in the form that is the same on every machine, with its hash.
    fn canonical(&self, provider: &str, request: &Request) -> (Value, String) {
        let mut value = json!({
            "agent": request.agent, "provider": provider, "model": request.model,
            "temperature": request.temperature, "max_tokens": request.max_tokens,
            "tools": request.tools, "messages": request.messages,
        });
        Portable::each(&mut value, &|text| self.portable.outward(text));
        sort(&mut value);
        let key = hash(&value, 16);
        (value, key)
    }

    /// Writes down a call.
    fn note_call(&self, provider: &str, request: &Request, outcome: &Result<Reply, Error>) {
        let Some(told) = Told::of(outcome) else { return };
        let mut told = serde_json::to_value(told).expect("an outcome has text keys only");
        Portable::each(&mut told, &|text| self.portable.outward(text));
        let outcome: Told = Told::deserialize(&told).expect("only texts were changed");
        let (value, key) = self.canonical(provider, request);
        let mut inner = self.inner();
        let mut messages = Vec::new();
        for says in value["messages"].as_array().into_iter().flatten() {
            let id = hash(says, 6);
            if !inner.messages.contains_key(&id) {
                self.write(&mut inner, &Line::Message { id: id.clone(), says: says.clone() });
                inner.messages.insert(id.clone(), says.clone());
            }
            messages.push(id);
        }
        let tools = hash(&value["tools"], 6);
        if !inner.tools.contains_key(&tools) {
            self.write(&mut inner, &Line::Tools { id: tools.clone(), are: value["tools"].clone() });
            inner.tools.insert(tools.clone(), value["tools"].clone());
        }
        // Asked before by a process that did not live to use the answer.
        let instead = !inner.used.contains_key(&key) && inner.by_key.contains_key(&key);
        let call = Call {
            key: key.clone(),
            instead,
            agent: request.agent.clone(),
            provider: provider.to_owned(),
            model: request.model.clone(),
            temperature: request.temperature,
            max_tokens: request.max_tokens,
            tools,
            messages,
            outcome,
        };
        let call = Line::Call(Box::new(call));
        self.write(&mut inner, &call);
        *inner.used.entry(key).or_default() += 1;
        inner.take(call);
    }

    /// An earlier process of the run was given the agent's next answer: a loose replay does not give it again.
    pub fn was_told(&self, agent: &str) {
        let mut inner = self.inner();
        while let Some(next) = inner.next_of(agent) {
            inner.given.insert(next);
            if inner.calls[next].outcome.is_kept() {
                break;
            }
        }
    }

    /// What came of a call when it was recorded.
    ///
    /// # Errors
    /// The recorded one; [`Refusal::Unrecorded`] when nobody asked this.
    fn told(&self, provider: &str, request: &Request) -> Result<Reply, Error> {
        let (value, key) = self.canonical(provider, request);
        let mut inner = self.inner();
        let nth = inner.used.get(&key).copied().unwrap_or(0);
        let exact = inner.by_key.get(&key).and_then(|calls| calls.get(nth)).copied();
        let found = match (exact, self.mode) {
            (Some(found), _) => Some(found),
            (None, Mode::Loose) => inner.next_of(request.agent.as_str()),
            (None, Mode::Strict | Mode::Record) => None,
        };
        let Some(found) = found else { return Err(self.unrecorded(&inner, &value, &key, nth)) };
        inner.used.insert(key, nth + 1);
        inner.given.insert(found);
        let mut told = serde_json::to_value(&inner.calls[found].outcome).expect("an outcome has text keys only");
        drop(inner);
        Portable::each(&mut told, &|text| self.portable.homeward(text));
        let told: Told = Told::deserialize(&told).expect("only texts were changed");
        told.outcome(provider, &request.agent)
    }

    fn unrecorded(&self, inner: &Inner, asked: &Value, key: &str, nth: usize) -> Error {
        let agent = asked["agent"].as_str().unwrap_or_default();
        let cassette = self.path.display();
        let nearest = inner
            .calls
            .iter()
            .enumerate()
            .map(|(number, call)| (number, inner.whole(call)))
            .max_by_key(|(number, call)| (difference::likeness(asked, call), std::cmp::Reverse(*number)));
        let mut reason = match nearest {
            None => format!("the cassette `{cassette}` holds no call of a model, and agent `{agent}` asks for one"),
            Some(_) if nth > 0 => format!(
                "agent `{agent}` asks the same for the {} time, and the cassette `{cassette}` has {nth} answers to it",
                nth + 1
            ),
            Some((number, call)) => {
                let (what, lines) = difference::describe(asked, &call);
                let mut text = format!(
                    "agent `{agent}` asks what the cassette `{cassette}` does not hold; next to call {} (`{}`): {what}",
                    number + 1,
                    inner.calls[number].key
                );
                for line in lines {
                    write!(text, "\n{line}").expect("a string takes any text");
                }
                text
            }
        };
        if nth == 0 {
            write!(reason, "\nthe question's own key is `{key}`").expect("a string takes any text");
        }
        let reason = self.secrets.clean(&reason).into_owned();
        let hint = "record it again with --record, or pass --loose to take the next answer of the agent".to_owned();
        Error::Permanent { refusal: Refusal::Unrecorded, reason, hint: Some(hint), usage: Usage::default() }
    }
}

impl Inner {
    fn take(&mut self, line: Line) {
        match line {
            Line::Cassette { .. } => {}
            Line::Moment { of, at } => {
                self.latest = self.latest.max(at.0);
                self.moments.insert(of, at);
            }
            Line::Fact { of, is } => {
                self.facts.insert(of, is);
            }
            Line::Message { id, says } => {
                self.messages.insert(id, says);
            }
            Line::Tools { id, are } => {
                self.tools.insert(id, are);
            }
            Line::Call(call) => {
                let calls = self.by_key.entry(call.key.clone()).or_default();
                if call.instead {
                    calls.clear();
                }
                calls.push(self.calls.len());
                self.calls.push(*call);
            }
            Line::Person(person) => {
                self.persons.insert(person.ask.clone(), person);
            }
        }
    }

    /// The first call of the same agent whose answer was not given yet.
    fn next_of(&self, agent: &str) -> Option<usize> {
        let of = |call: &Call| call.agent.as_str() == agent;
        (0..self.calls.len()).find(|number| of(&self.calls[*number]) && !self.given.contains(number))
    }

    /// A call with its conversation, as it was hashed.
    fn whole(&self, call: &Call) -> Value {
        let messages: Vec<&Value> = call.messages.iter().filter_map(|id| self.messages.get(id)).collect();
        json!({
            "agent": call.agent, "provider": call.provider, "model": call.model, "temperature": call.temperature,
            "max_tokens": call.max_tokens, "tools": self.tools.get(&call.tools), "messages": messages,
        })
    }
}

impl Source for Tape {
    fn moment(&self, what: fmt::Arguments<'_>) -> Timestamp {
        let what = what.to_string();
        let mut inner = self.inner();
        if self.replays() {
            if let Some(at) = inner.moments.get(&what).copied() {
                inner.latest = inner.latest.max(at.0);
                return at;
            }
            // The run came where the recorded one did not: time goes on, the same way in every replay.
            inner.latest += 1;
            return Timestamp(inner.latest);
        }
        let at = (self.clock)();
        self.write(&mut inner, &Line::Moment { of: what, at });
        at
    }

    fn chance(&self, what: fmt::Arguments<'_>) -> u32 {
        let mut hash = Sha256::new();
        hash.update(self.seed.as_bytes());
        hash.update([0]);
        hash.update(what.to_string().as_bytes());
        hash.finalize()[..4].iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
    }

    fn fact(&self, what: &str, here: &str) -> String {
        let mut inner = self.inner();
        if let Some(is) = inner.facts.get(what) {
            return self.portable.homeward(is);
        }
        if !self.replays() {
            let is = self.portable.outward(here);
            self.write(&mut inner, &Line::Fact { of: what.to_owned(), is: is.clone() });
            inner.facts.insert(what.to_owned(), is);
        }
        here.to_owned()
    }

    fn recorded(&self, what: &str) -> Option<String> {
        let inner = self.inner();
        inner.facts.get(what).map(|is| self.portable.homeward(is))
    }

    fn portable<'t>(&self, text: &'t str) -> Cow<'t, str> {
        Cow::Owned(self.portable.outward(text))
    }

    fn learn(&self, state: &ProjectState) {
        self.portable.learn(state);
    }

    fn is_taped(&self) -> bool {
        true
    }

    fn replays(&self) -> bool {
        self.mode != Mode::Record
    }
}

/// Puts the names of every object in order.
fn sort(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.sort_keys();
            fields.values_mut().for_each(sort);
        }
        Value::Array(items) => items.iter_mut().for_each(sort),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The first bytes of a value's hash, in hexadecimal.
fn hash(value: &Value, bytes: usize) -> String {
    let digest = Sha256::digest(value.to_string().as_bytes());
    digest[..bytes].iter().fold(String::with_capacity(bytes * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes any text");
        text
    })
}

#[cfg(test)]
mod tests;
