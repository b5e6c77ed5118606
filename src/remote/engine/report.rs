//! What a script of the engine says about its work: lines that begin with `@`, fields between tabs.

use serde::{Deserialize, Serialize};

/// How a phase went, step by step.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// How the health gate was passed.
    pub gate: Option<Gate>,
    /// Visitors are sent to the release.
    pub flipped: bool,
    /// Requests that were cut off at the drain limit.
    pub cut: u64,
    /// What was not as it should be, and did not stop the work.
    pub warnings: Vec<String>,
    /// What was done beyond the plan, such as settling what somebody left.
    pub notes: Vec<String>,
    /// Releases that were removed.
    pub pruned: Vec<String>,
    /// What went wrong: its sort, and in words.
    pub cause: Option<(String, String)>,
    /// The last lines of what went wrong.
    pub evidence: Vec<String>,
    /// Who has the application.
    pub held: Option<Held>,
    /// The step that was begun last.
    pub step: Option<String>,
}

/// A health gate that was passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    /// Good answers.
    pub good: u32,
    /// How long it took, in whole seconds.
    pub seconds: u64,
}

/// Who has an application.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Held {
    /// The operation: a run, or `hold`.
    pub op: String,
    /// Who.
    pub owner: String,
    /// What for.
    pub purpose: String,
    /// Seconds until it ends unless it is renewed; none for one that lasts until it is released.
    pub seconds_left: Option<u64>,
    /// Since when, by the host's clock.
    pub since: String,
}

impl Held {
    pub(super) fn parse(fields: &[&str]) -> Self {
        let field = |at: usize| fields.get(at).copied().unwrap_or_default().to_owned();
        let seconds_left = fields.get(3).and_then(|left| left.parse().ok());
        Self { op: field(0), owner: field(1), purpose: field(2), seconds_left, since: field(4) }
    }
}

/// The fields of a line of ours; none for any other line.
pub(super) fn fields(line: &str) -> Option<(&str, Vec<&str>)> {
    let mut parts = line.strip_prefix('@')?.split('\t');
    Some((parts.next()?, parts.collect()))
}

impl Report {
    /// Takes a line; the text for somebody who watches, when there is one.
    pub(super) fn take(&mut self, line: &str) -> Option<String> {
        let (word, fields) = fields(line)?;
        let field = |at: usize| fields.get(at).copied().unwrap_or_default();
        match word {
            "mark" if field(1) == "intent" => {
                self.step = Some(field(0).to_owned());
                return words(field(0)).map(str::to_owned);
            }
            "note" => {
                self.notes.push(field(0).to_owned());
                return Some(field(0).to_owned());
            }
            "warning" => {
                self.warnings.push(field(0).to_owned());
                return Some(field(0).to_owned());
            }
            "gate" => {
                let gate = (field(0).parse().ok()).zip(field(1).parse().ok());
                self.gate = gate.map(|(good, seconds)| Gate { good, seconds });
            }
            "flipped" => self.flipped = true,
            "reverted" => self.flipped = false,
            "cut" => self.cut = field(0).parse().unwrap_or(0),
            "pruned" => self.pruned.push(field(0).to_owned()),
            "cause" => self.cause = Some((field(0).to_owned(), field(1).to_owned())),
            "evidence" => self.evidence.push(field(0).to_owned()),
            "held" | "stale" => self.held = Some(Held::parse(&fields)),
            _ => {}
        }
        None
    }
}

/// A step in words, where it takes long enough to be told.
fn words(step: &str) -> Option<&'static str> {
    Some(match step {
        "build" => "building the release",
        "migrate" => "migrating the database",
        "start" => "starting the release",
        "gate" => "waiting for its health gate",
        "drain" => "the old release finishes its requests",
        "bake" => "watching the release serve",
        "undo" => "taking it away again",
        _ => return None,
    })
}
