//! Shows a run as it goes: a line a stage, living ones on a terminal, plain ones in a pipe.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use console::{Term, truncate_str};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::ui::{Tone, Ui};
use crate::domain::money::Usd;
use crate::domain::names::AgentName;
use crate::pipeline::activity::{Activity, Bill, Speech};
use crate::pipeline::runner::Watch;
use crate::pipeline::{NodeEnd, Observer};

/// The columns of a stage's name.
const LABEL: usize = 28;
/// The most columns of what a stage says.
const NOTE: usize = 100;

struct Row {
    label: String,
    began: Instant,
    note: String,
    bar: Option<ProgressBar>,
    /// What the model is saying.
    speech: Speech,
    /// What the visit has used so far.
    bill: Bill,
}

/// A watcher that draws.
pub struct Progress<'a> {
    ui: &'a Ui,
    bars: Option<MultiProgress>,
    rows: RefCell<BTreeMap<u32, Row>>,
    nodes: RefCell<BTreeMap<AgentName, u32>>,
}

impl<'a> Progress<'a> {
    /// Nothing drawn yet.
    #[must_use]
    pub fn new(ui: &'a Ui) -> Self {
        let bars = ui.live.then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(12)));
        Self { ui, bars, rows: RefCell::default(), nodes: RefCell::default() }
    }

    /// A line that does not wrap on the terminal it is drawn on.
    fn fitted(&self, line: &str) -> String {
        let width = self.bars.as_ref().and_then(|_| Term::stderr().size_checked()).map(|(_, columns)| columns.into());
        width.map_or_else(|| line.to_owned(), |width| truncate_str(line, width, "…").into_owned())
    }

    /// Takes unfinished lines off the screen, so that a question or an error stands alone.
    pub fn clear(&self) {
        for (_, row) in std::mem::take(&mut *self.rows.borrow_mut()) {
            if let Some(bar) = row.bar {
                bar.finish_and_clear();
            }
        }
    }
}

impl Observer for Progress<'_> {
    fn node_started(&self, visit: u32, node: &AgentName, label: &str) {
        let bar = self.bars.as_ref().map(|bars| {
            let style = ProgressStyle::with_template("{spinner:.cyan} {msg}").expect("a constant template");
            let bar = bars.add(ProgressBar::new_spinner().with_style(style));
            bar.set_message(label.to_owned());
            bar.enable_steady_tick(Duration::from_millis(90));
            bar
        });
        self.nodes.borrow_mut().insert(node.clone(), visit);
        let row = Row {
            label: label.to_owned(),
            began: Instant::now(),
            note: String::new(),
            bar,
            speech: Speech::default(),
            bill: Bill { input: 0, output: 0, cost: Usd::ZERO },
        };
        self.rows.borrow_mut().insert(visit, row);
    }

    fn node_finished(&self, visit: u32, _: &AgentName, ended: NodeEnd) {
        let Some(row) = self.rows.borrow_mut().remove(&visit) else { return };
        let mark = match ended {
            NodeEnd::Done => self.ui.tone_err(Tone::Good, "✓"),
            NodeEnd::Asks => self.ui.tone_err(Tone::Notice, "?"),
            NodeEnd::Failed => self.ui.tone_err(Tone::Bad, "✗"),
        };
        let took = self.ui.tone_err(Tone::Faint, &format!("{:>8}", duration(row.began.elapsed())));
        let mut note = if row.note.is_empty() { String::new() } else { format!("  {}", row.note) };
        if row.bill.input > 0 {
            note.push_str(&self.ui.tone_err(Tone::Faint, &format!("  ({})", row.bill)));
        }
        let line = self.fitted(&format!("{mark} {:<LABEL$} {took}{note}", row.label));
        match (row.bar, &self.bars) {
            (Some(bar), Some(bars)) => {
                bar.finish_and_clear();
                if bars.println(&line).is_err() {
                    self.ui.say(&line);
                }
            }
            _ => self.ui.say(&line),
        }
    }
}

impl Watch for Progress<'_> {
    fn note(&self, node: &AgentName, text: &str) {
        let text: String = text.chars().filter(|c| !c.is_control()).collect();
        let text = truncate_str(&text, NOTE, "…").into_owned();
        let visit = self.nodes.borrow().get(node).copied();
        let mut rows = self.rows.borrow_mut();
        if let Some(row) = visit.and_then(|visit| rows.get_mut(&visit)) {
            self.show(row, &text);
            row.note = text;
        }
    }

    fn activity(&self, visit: u32, _: &AgentName, _: &AgentName, activity: &Activity<'_>) {
        let mut rows = self.rows.borrow_mut();
        let Some(row) = rows.get_mut(&visit) else { return };
        match *activity {
            Activity::Asked { turn, provider, model } => {
                row.speech.clear();
                // Rules and the offline provider answer at once.
                if !model.is_empty() {
                    self.show(row, &format!("turn {turn}: asks {model} at {provider}"));
                }
            }
            Activity::Said(piece) => {
                if let Some(line) = row.speech.take(piece) {
                    self.show(row, &line);
                }
            }
            Activity::Failed { attempt, reason, again, .. } => {
                let then = again.map_or_else(String::new, |wait| format!("; again in {}", duration(wait)));
                self.show(row, &format!("attempt {attempt} failed: {reason}{then}"));
            }
            Activity::Answered { usage, cost, spent, .. } => {
                row.bill.input += usage.input_tokens;
                row.bill.output += usage.output_tokens;
                row.bill.cost += cost;
                if row.bill.input > 0 {
                    let all = if spent > Usd::ZERO { format!("; the run {spent}") } else { String::new() };
                    self.show(row, &format!("{}{all}", row.bill));
                }
            }
            Activity::Called { tool: Some(tool) } => self.show(row, &format!("calls {tool}")),
            Activity::Called { tool: None }
            | Activity::Returned { .. }
            | Activity::Acts { .. }
            | Activity::Acted { .. } => {}
        }
    }
}

impl Progress<'_> {
    /// What happens in a stage right now, beside its name; gone with the next thing.
    fn show(&self, row: &Row, text: &str) {
        if let Some(bar) = &row.bar {
            let text: String = text.chars().filter(|c| !c.is_control()).collect();
            let line =
                format!("{:<LABEL$} {}", row.label, self.ui.tone_err(Tone::Faint, &truncate_str(&text, NOTE, "…")));
            bar.set_message(line);
        }
    }
}

/// A duration for people: `840 ms`, `3.2 s`, `2 min 5 s`.
#[must_use]
pub fn duration(span: Duration) -> String {
    let ms = span.as_millis();
    if ms < 1000 {
        format!("{ms} ms")
    } else if ms < 60_000 {
        format!("{:.1} s", span.as_secs_f64())
    } else {
        format!("{} min {} s", ms / 60_000, ms / 1000 % 60)
    }
}
