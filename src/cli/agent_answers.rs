//! What `cgo agent` answers.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use similar::TextDiff;

use super::outcome::Answer;
use super::run_answers::when;
use super::ui::{Ui, table};
use crate::domain::agent::AgentVersion;
use crate::domain::names::AgentName;
use crate::ops::agents;
use crate::pipeline::trial;

/// What is different, as a patch.
pub(super) fn diff(older: &AgentVersion, newer: &AgentVersion) -> String {
    let (from, to) = (format!("{} {}", older.agent, older.version), format!("{} {}", newer.agent, newer.version));
    TextDiff::from_lines(&older.text, &newer.text).unified_diff().header(&from, &to).to_string()
}

/// One agent of the list.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Row {
    pub(super) agent: AgentName,
    pub(super) version: u32,
    pub(super) engine: Value,
    pub(super) provider: String,
    pub(super) active: bool,
    pub(super) description: String,
    pub(super) problem: Option<String>,
}

impl Row {
    pub(super) fn of(version: &AgentVersion, default: &str) -> Self {
        let parsed = agents::parse(&version.agent, &version.text);
        let problem = parsed.as_ref().err().map(ToString::to_string);
        let agent = parsed.ok();
        Self {
            agent: version.agent.clone(),
            version: version.version,
            engine: agent.as_ref().map_or(Value::Null, |agent| json!(agent.engine)),
            provider: agent.as_ref().and_then(|agent| agent.provider.clone()).unwrap_or_else(|| default.to_owned()),
            active: agent.as_ref().is_some_and(|agent| agent.is_active),
            description: agent.map(|agent| agent.description).unwrap_or_default(),
            problem,
        }
    }
}

/// What `cgo agent list` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Listed {
    pub(super) agents: Vec<Row>,
}

impl Answer for Listed {
    const NAME: &'static str = "agent.list";

    fn text(&self, _: &Ui) -> String {
        let rows = self
            .agents
            .iter()
            .map(|row| {
                let engine = row.engine.as_str().unwrap_or("broken").to_owned();
                let engine = if engine == "model" { format!("model ({})", row.provider) } else { engine };
                let about = row.problem.clone().unwrap_or_else(|| row.description.clone());
                let active = if row.active { "yes" } else { "no" };
                vec![row.agent.to_string(), row.version.to_string(), engine, active.to_owned(), about]
            })
            .collect();
        table(&["agent", "version", "engine", "active", "what it does"], rows)
    }
}

/// What `cgo agent show` answers: the file, byte for byte.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct File(pub(super) AgentVersion);

impl Answer for File {
    const NAME: &'static str = "agent.show";

    fn text(&self, _: &Ui) -> String {
        self.0.text.clone()
    }
}

/// What a command that stores a version answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Stored {
    pub(super) agent: AgentName,
    pub(super) version: u32,
    pub(super) changed: bool,
}

impl Stored {
    pub(super) fn of(stored: &AgentVersion, before: u32) -> Self {
        Self { agent: stored.agent.clone(), version: stored.version, changed: stored.version != before }
    }

    fn line(&self) -> String {
        if self.changed {
            format!("{}: version {} stored", self.agent, self.version)
        } else {
            format!("{}: unchanged, version {}", self.agent, self.version)
        }
    }
}

impl Answer for Stored {
    const NAME: &'static str = "agent.stored";

    fn text(&self, _: &Ui) -> String {
        self.line()
    }
}

/// What `cgo agent diff` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Diff {
    pub(super) agent: AgentName,
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) diff: String,
}

impl Answer for Diff {
    const NAME: &'static str = "agent.diff";

    fn text(&self, _: &Ui) -> String {
        if self.diff.is_empty() {
            format!("versions {} and {} of {} are the same", self.from, self.to, self.agent)
        } else {
            self.diff.clone()
        }
    }
}

/// One version in a history.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Version {
    pub(super) version: u32,
    pub(super) origin: String,
    pub(super) created_at: crate::domain::time::Timestamp,
}

impl Version {
    pub(super) fn of(version: &AgentVersion) -> Self {
        Self { version: version.version, origin: version.origin.clone(), created_at: version.created_at }
    }
}

/// What `cgo agent history` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct History {
    pub(super) agent: AgentName,
    pub(super) versions: Vec<Version>,
}

impl Answer for History {
    const NAME: &'static str = "agent.history";

    fn text(&self, _: &Ui) -> String {
        let rows = self
            .versions
            .iter()
            .map(|version| vec![version.version.to_string(), when(version.created_at), version.origin.clone()])
            .collect();
        table(&["version", "stored", "origin"], rows)
    }
}

/// What `cgo agent export` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Exported {
    pub(super) files: Vec<String>,
}

impl Answer for Exported {
    const NAME: &'static str = "agent.export";

    fn text(&self, _: &Ui) -> String {
        self.files.join("\n")
    }
}

/// What `cgo agent import` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Imported {
    pub(super) dry_run: bool,
    pub(super) agents: Vec<Stored>,
}

impl Answer for Imported {
    const NAME: &'static str = "agent.import";

    fn text(&self, _: &Ui) -> String {
        let mut lines: Vec<String> = self.agents.iter().map(Stored::line).collect();
        if self.dry_run {
            lines.push("Nothing was changed.".to_owned());
        }
        lines.join("\n")
    }
}

/// What `cgo agent test` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Tested {
    pub(super) agent: AgentName,
    #[serde(flatten)]
    pub(super) trial: trial::Trial,
}

impl Answer for Tested {
    const NAME: &'static str = "agent.test";

    fn text(&self, _: &Ui) -> String {
        let mut lines = Vec::new();
        let mut told = 0;
        for call in &self.trial.calls {
            if call.turn != told {
                told = call.turn;
                let spent = self.trial.by_turn.get(told as usize - 1).map(spent_words).unwrap_or_default();
                lines.push(format!("turn {told}{spent}"));
            }
            lines.push(format!("  {}", call.tool));
            let arguments = serde_json::to_string_pretty(&call.arguments).expect("arguments have text keys only");
            lines.extend(arguments.lines().map(|line| format!("    {line}")));
            if let Some(refused) = &call.refused {
                lines.push(format!("    refused: {refused}"));
            }
            if let Some(found) = &call.found {
                lines.push(format!("    found: {found}"));
            }
        }
        if let Some(closing) = &self.trial.closing {
            lines.push(format!("says: {closing}"));
        }
        let who = match (self.trial.provider.as_str(), self.trial.model.as_str()) {
            (provider, "") => provider.to_owned(),
            (provider, model) => format!("{provider}/{model}"),
        };
        lines.push(format!(
            "{} turns, {} calls, asked of {who}{}; nothing was changed",
            self.trial.turns,
            self.trial.calls.len(),
            spent_words(&self.trial.spent)
        ));
        lines.join("\n")
    }
}

/// What asking used and cost, in words; nothing where no model was asked.
fn spent_words(spent: &trial::Spent) -> String {
    if spent.calls == 0 {
        return String::new();
    }
    let cached = if spent.cached_tokens > 0 { format!(" ({} cached)", spent.cached_tokens) } else { String::new() };
    let cost = match (spent.unpriced, spent.estimated) {
        (true, _) => "nobody knows the price".to_owned(),
        (false, true) => format!("about {}", spent.cost),
        (false, false) => spent.cost.to_string(),
    };
    format!(": {} tokens in{cached}, {} out, {cost}", spent.input_tokens, spent.output_tokens)
}
