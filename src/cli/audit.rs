//! `cgo audit`: what was done to a project on its server, and whether what is written there was changed.

use schemars::JsonSchema;
use serde::Serialize;

use super::Session;
use super::outcome::{Answer, Failure, Outcome};
use super::ui::{Tone, Ui, table};
use crate::domain::diagnose::Kind;
use crate::domain::names::ProjectName;
use crate::ops::operating::{self, Audit, Entry};
use crate::ops::projects;

/// `cgo audit`.
///
/// # Errors
/// [`Failure`].
pub async fn run(session: &Session<'_>, project: &ProjectName) -> Result<Outcome, Failure> {
    let app = session.app().await?;
    let project = projects::by_name(&app.context, project).await?;
    let servers = operating::audit(&app.context, &project, &session.cancel).await?;
    Ok(Outcome::of(session.ui, &Audited { project: project.name, servers }))
}

/// What `cgo audit` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Audited {
    project: ProjectName,
    /// What each of its servers wrote down.
    servers: Vec<Audit>,
}

fn row(entry: &Entry) -> Vec<String> {
    let change = match (entry.from.as_str(), entry.to.as_str()) {
        (from, "") => from.to_owned(),
        ("", to) => to.to_owned(),
        (from, to) => format!("{from} → {to}"),
    };
    let Entry { ts, actor, op, action, result, .. } = entry.clone();
    vec![ts, actor, action, change, result, op]
}

impl Answer for Audited {
    const NAME: &'static str = "audit";

    fn text(&self, ui: &Ui) -> String {
        let mut out = String::new();
        for Audit { server, trail } in &self.servers {
            if !trail.entries.is_empty() {
                let rows = trail.entries.iter().map(row).collect();
                out += &table(&["when", "who", "action", "change", "result", "run"], rows);
                out += "\n";
            }
            for line in &trail.cut {
                out += &format!("line {line} was cut off while it was written\n");
            }
            let (project, count) = (&self.project, trail.entries.len());
            out += &match &trail.broken {
                Some(broken) => {
                    let word = ui.tone(Tone::Bad, "broken");
                    format!("{project} on {server}: the chain is {word} at line {}: {}\n", broken.line, broken.reason)
                }
                None if count == 0 => format!("{project} on {server}: nothing is written down yet\n"),
                None => {
                    format!("{project} on {server}: {count} actions, the chain is {}\n", ui.tone(Tone::Good, "whole"))
                }
            };
        }
        out
    }

    fn exit(&self) -> u8 {
        let broken = self.servers.iter().any(|audit| audit.trail.broken.is_some());
        if broken { Kind::User.exit_code() } else { 0 }
    }
}
