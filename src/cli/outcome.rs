//! What a command comes to: an answer that is both a text and JSON, or an error with its next command.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::ui::{Tone, Ui};
use crate::config;
use crate::domain::diagnose::{Advice, Diagnose, Kind};
use crate::ops;
use crate::pipeline::{runner, trial};

/// What a command answers. Its JSON has the schema `schemas/NAME.json`.
pub trait Answer: Serialize + JsonSchema {
    /// The command, as in `cgo.<command>/1`.
    const NAME: &'static str;
    /// The answer for people.
    fn text(&self, ui: &Ui) -> String;
    /// The exit code; not always 0 although there is an answer.
    fn exit(&self) -> u8 {
        0
    }
}

/// An answer, ready to be written.
#[derive(Debug)]
pub struct Outcome {
    text: String,
    exit: u8,
    revealed: bool,
}

impl Outcome {
    /// Makes ready what a command answers.
    #[must_use]
    pub fn of<A: Answer>(ui: &Ui, answer: &A) -> Self {
        let exit = answer.exit();
        let text = if ui.json {
            enveloped(A::NAME, exit, serde_json::to_value(answer).expect("an answer has text keys only"))
        } else {
            answer.text(ui)
        };
        Self { text, exit, revealed: false }
    }

    /// The same, as it is: somebody asked for the secret in it.
    #[must_use]
    pub fn revealed(self) -> Self {
        Self { revealed: true, ..self }
    }

    /// A text that is the same with and without `--json`: scripts and pictures.
    #[must_use]
    pub fn raw(text: String) -> Self {
        Self { text, exit: 0, revealed: false }
    }

    /// Nothing more to say: what was streamed is the answer.
    #[must_use]
    pub fn streamed(exit: u8) -> Self {
        Self { text: String::new(), exit, revealed: false }
    }

    /// The same as one line, after a stream of lines.
    #[must_use]
    pub fn on_one_line(self) -> Self {
        let text = serde_json::from_str::<Value>(&self.text).map_or(self.text, |value| value.to_string());
        Self { text, ..self }
    }

    /// Writes it, and tells the exit code.
    #[must_use]
    pub fn finish(&self, ui: &Ui) -> u8 {
        if self.revealed {
            super::secrets::write_revealed(&self.text);
        } else {
            ui.answer(&self.text);
        }
        self.exit
    }
}

/// An answer as JSON.
fn enveloped(name: &str, exit: u8, data: Value) -> String {
    let mut envelope = json!({ "schema": schema(name), "ok": exit == 0 || exit == 3 });
    envelope["data"] = data;
    serde_json::to_string_pretty(&envelope).expect("a value is JSON")
}

fn schema(name: &str) -> String {
    format!("cgo.{name}/1")
}

/// Why a command came to nothing.
#[derive(Debug)]
pub struct Failure {
    /// Who has to act.
    pub kind: Kind,
    /// In one line, what follows "error:".
    pub message: String,
    /// The causes, outermost first.
    pub causes: Vec<String>,
    /// Lines that show what happened.
    pub evidence: Vec<String>,
    /// What to do next.
    pub hint: Option<String>,
    /// Another exit code than the kind's.
    pub exit: Option<u8>,
    /// The step it happened at.
    pub step: Option<String>,
    /// The server it happened on.
    pub host: Option<String>,
}

impl Failure {
    /// A failure in words.
    #[must_use]
    pub fn new(kind: Kind, message: impl Into<String>, hint: Option<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            causes: Vec::new(),
            evidence: Vec::new(),
            hint,
            exit: None,
            step: None,
            host: None,
        }
    }

    /// Wrong usage.
    #[must_use]
    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message, Some(hint.into()))
    }

    pub(super) fn from_error(
        error: &(dyn Diagnose + 'static),
        source: Option<&(dyn std::error::Error + 'static)>,
    ) -> Self {
        let mut causes = Vec::new();
        let mut cause = source;
        while let Some(inner) = cause {
            causes.push(inner.to_string());
            cause = inner.source();
        }
        let message = error.to_string();
        causes.retain(|cause| *cause != message);
        causes.dedup();
        Self {
            kind: error.kind(),
            message,
            causes,
            evidence: Vec::new(),
            hint: error.advice().map(Advice::words),
            exit: None,
            step: None,
            host: None,
        }
    }

    /// The exit code.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        self.exit.unwrap_or_else(|| self.kind.exit_code())
    }

    fn code(&self) -> &'static str {
        match self.kind {
            Kind::Usage => "usage",
            Kind::User => "failed",
            Kind::Person => "person_needed",
            Kind::Locked => "locked",
            Kind::Gate => "gate_failed",
            Kind::Reverted => "reverted",
            Kind::Partial => "partial",
            Kind::Preflight => "preflight",
            Kind::Unknown => "unknown",
            Kind::Interrupted => "interrupted",
            Kind::Internal => "internal",
        }
    }

    /// It as JSON.
    #[must_use]
    pub fn envelope(&self) -> Value {
        let mut message = self.message.clone();
        for cause in &self.causes {
            message.push_str(": ");
            message.push_str(cause);
        }
        let error = json!({
            "code": self.code(), "message": message, "hint": self.hint, "step": self.step, "host": self.host,
            "evidence": self.evidence,
        });
        json!({ "schema": schema("error"), "ok": false, "error": error })
    }

    /// Writes it, and tells the exit code.
    #[must_use]
    pub fn finish(&self, ui: &Ui) -> u8 {
        if ui.json {
            ui.answer(&serde_json::to_string_pretty(&self.envelope()).expect("an error has text keys only"));
            return self.exit_code();
        }
        let mut lines = vec![format!("{} {}", ui.tone_err(Tone::Bad, "error:"), self.message)];
        lines.extend(self.causes.iter().map(|cause| format!("  caused by: {cause}")));
        lines.extend(self.evidence.iter().map(|line| format!("  | {line}")));
        if let Some(hint) = &self.hint {
            lines.push(format!("{} {hint}", ui.tone_err(Tone::Notice, "hint:")));
        }
        ui.tell(&lines.join("\n"));
        self.exit_code()
    }
}

impl From<ops::Error> for Failure {
    fn from(error: ops::Error) -> Self {
        let mut failure = Self::from_error(&error, std::error::Error::source(&error));
        failure.evidence = error.evidence().to_vec();
        failure.host = error.host().map(str::to_owned);
        failure.step = error.step().map(str::to_owned);
        failure
    }
}

impl From<runner::Error> for Failure {
    fn from(error: runner::Error) -> Self {
        match error {
            runner::Error::Ops(error) => error.into(),
            other => Self::from_error(&other, std::error::Error::source(&other)),
        }
    }
}

impl From<trial::Error> for Failure {
    fn from(error: trial::Error) -> Self {
        match error {
            trial::Error::Ops(error) => error.into(),
            other => Self::from_error(&other, std::error::Error::source(&other)),
        }
    }
}

impl From<config::Error> for Failure {
    fn from(error: config::Error) -> Self {
        Self::from_error(&error, std::error::Error::source(&error))
    }
}
