//! `cgo spec`: a project's spec checked, formatted and shown.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use super::Session;
use super::args::Spec as Args;
use super::outcome::{Answer, Failure, Outcome};
use super::ui::Ui;
use crate::domain::spec::Spec;
use crate::ops::specs;

/// `cgo spec …`.
///
/// # Errors
/// [`Failure`] with every problem of the spec.
pub fn run(session: &Session<'_>, args: Args) -> Result<Outcome, Failure> {
    let here = |path: Option<PathBuf>| path.unwrap_or_else(|| PathBuf::from("."));
    match args {
        Args::Check { path } => {
            let spec = specs::read(&here(path))?;
            Ok(Outcome::of(session.ui, &Checked { models: spec.models.len(), operations: operations(&spec) }))
        }
        Args::Fmt { path, check } => format(session, &here(path), check),
        Args::Show { path } => Ok(Outcome::of(session.ui, &Shown { spec: specs::read(&here(path))? })),
    }
}

fn operations(spec: &Spec) -> usize {
    spec.domains.iter().map(|domain| domain.operations.len()).sum()
}

fn format(session: &Session<'_>, folder: &Path, check: bool) -> Result<Outcome, Failure> {
    let formatted = specs::format(folder, !check)?;
    Ok(Outcome::of(session.ui, &Formatted { check, changed: formatted.0, kept: formatted.1 }))
}

/// What `cgo spec check` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Checked {
    models: usize,
    operations: usize,
}

impl Answer for Checked {
    const NAME: &'static str = "spec.check";

    fn text(&self, _: &Ui) -> String {
        format!("the spec is right: {} models, {} operations", self.models, self.operations)
    }
}

/// What `cgo spec fmt` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Formatted {
    check: bool,
    changed: Vec<String>,
    kept: Vec<String>,
}

impl Answer for Formatted {
    const NAME: &'static str = "spec.fmt";

    fn text(&self, _: &Ui) -> String {
        let verb = if self.check { "would change" } else { "changed" };
        let mut lines: Vec<String> = self.changed.iter().map(|file| format!("{verb}: {file}")).collect();
        lines.extend(self.kept.iter().map(|file| format!("not reformatted: {file}")));
        if lines.is_empty() {
            lines.push("nothing to change".to_owned());
        }
        lines.join("\n")
    }

    fn exit(&self) -> u8 {
        if self.check && !self.changed.is_empty() { 3 } else { 0 }
    }
}

/// What `cgo spec show` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Shown {
    spec: Spec,
}

impl Answer for Shown {
    const NAME: &'static str = "spec.show";

    fn text(&self, _: &Ui) -> String {
        let mut out = format!("{}  {}\n", self.spec.project.name, self.spec.project.title);
        for (path, text) in specs::texts(&self.spec) {
            out.push_str(&format!("\n--- {path}\n{text}"));
        }
        out
    }
}
