//! `cgo cost`: what models cost, added up and drawn.

use schemars::JsonSchema;
use serde::Serialize;

use super::Session;
use super::args::{Cost as Args, CostBy};
use super::outcome::{Answer, Failure, Outcome};
use super::ui::{Tone, Ui, table};
use crate::domain::ledger::{Dimension, Total};
use crate::domain::money::Usd;
use crate::ops::costs;

/// The columns of the longest bar.
const BAR: u64 = 24;

/// `cgo cost`.
///
/// # Errors
/// [`Failure`] when the project or the run is not there.
pub async fn run(session: &Session<'_>, args: Args) -> Result<Outcome, Failure> {
    let app = session.app().await?;
    let by = match args.by {
        CostBy::Project => Dimension::Project,
        CostBy::Run => Dimension::Run,
        CostBy::Agent => Dimension::Agent,
        CostBy::Model => Dimension::Model,
        CostBy::Day => Dimension::Day,
    };
    let of = costs::Of { project: args.project, run: args.run, days: args.days };
    let totals = costs::totals(&app.context, by, of).await?;
    let total = totals.iter().map(|total| total.cost).sum();
    Ok(Outcome::of(session.ui, &Costs { by, totals, total }))
}

/// What `cgo cost` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Costs {
    /// What the totals are by.
    by: Dimension,
    /// The dearest first; days in their order.
    totals: Vec<Total>,
    /// All of them together.
    total: Usd,
}

impl Answer for Costs {
    const NAME: &'static str = "cost";

    fn text(&self, ui: &Ui) -> String {
        if self.totals.is_empty() {
            return "no model was asked for money yet".to_owned();
        }
        let most = self.totals.iter().map(|total| total.cost.billionths()).max().unwrap_or(0).max(1);
        let rows = self
            .totals
            .iter()
            .map(|total| {
                let of = if total.of.is_empty() { "(no project)" } else { &total.of };
                let width = (total.cost.billionths().saturating_mul(BAR)).div_ceil(most);
                let bar = "▇".repeat(usize::try_from(width).unwrap_or(0));
                vec![
                    of.to_owned(),
                    total.calls.to_string(),
                    total.input_tokens.to_string(),
                    total.output_tokens.to_string(),
                    total.cost.to_string(),
                    ui.tone(Tone::Faint, &bar),
                ]
            })
            .collect();
        let by = match self.by {
            Dimension::Project => "project",
            Dimension::Run => "run",
            Dimension::Agent => "agent",
            Dimension::Model => "model",
            Dimension::Day => "day",
        };
        let mut out = table(&[by, "calls", "tokens in", "tokens out", "cost", ""], rows);
        out.push_str(&format!("\n\n{} in all", ui.tone(Tone::Strong, &self.total.to_string())));
        let estimated: u64 = self.totals.iter().map(|total| total.estimated).sum();
        let unpriced: u64 = self.totals.iter().map(|total| total.unpriced).sum();
        let replayed: u64 = self.totals.iter().map(|total| total.replayed).sum();
        if estimated > 0 {
            out.push_str(&format!("; {estimated} calls are estimated: the provider did not count them"));
        }
        if unpriced > 0 {
            out.push_str(&format!("; {unpriced} calls are not in it: nobody knows their price"));
        }
        if replayed > 0 {
            out.push_str(&format!("; {replayed} calls cost nothing: a cassette answered them"));
        }
        out
    }
}
