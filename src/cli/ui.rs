//! How cgo talks: the answer to standard output, the talk to standard error, colours only where they help.

use std::borrow::Cow;
use std::io::{IsTerminal, Write};
use std::sync::OnceLock;

use comfy_table::{ContentArrangement, Table, presets};
use console::{Term, truncate_str};

use super::args::Global;
use crate::domain::redact::Secrets;

/// Colours of words that stand by themselves too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Good.
    Good,
    /// Bad.
    Bad,
    /// To be noticed.
    Notice,
    /// Beside the point.
    Faint,
    /// Stands out.
    Strong,
}

/// The terminal, or what stands in for it.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct Ui {
    /// The answer is JSON.
    pub json: bool,
    /// No progress.
    pub quiet: bool,
    /// Confirmations and stated assumptions are taken.
    pub yes: bool,
    /// A person can be asked.
    pub interactive: bool,
    /// Standard error is a terminal.
    pub live: bool,
    color_out: bool,
    color_err: bool,
    /// What is not shown, once it is known.
    secrets: OnceLock<Secrets>,
}

impl Ui {
    /// From the flags and what the streams are.
    #[must_use]
    pub fn new(global: &Global) -> Self {
        let plain = global.no_color || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
        let out = std::io::stdout().is_terminal();
        let err = std::io::stderr().is_terminal();
        Self {
            json: global.json,
            quiet: global.quiet,
            yes: global.yes,
            interactive: std::io::stdin().is_terminal() && err && !global.json,
            live: err && !global.quiet && !dumb,
            color_out: out && !plain && !dumb,
            color_err: err && !plain && !dumb,
            secrets: OnceLock::new(),
        }
    }

    /// From now on these secrets are not shown: their handles are.
    pub fn hide(&self, secrets: &Secrets) {
        // A second store of the same process knows the same ones.
        let _ = self.secrets.set(secrets.clone());
    }

    fn clean<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.secrets.get().map_or(Cow::Borrowed(text), |secrets| secrets.clean(text))
    }

    /// Writes the answer. A reader that went away is no error.
    pub fn answer(&self, text: &str) {
        let text = &*self.clean(text);
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(text.as_bytes());
        if !text.ends_with('\n') && !text.is_empty() {
            let _ = out.write_all(b"\n");
        }
        let _ = out.flush();
    }

    /// Writes a line of talk, unless it is not wanted.
    pub fn say(&self, text: &str) {
        if !self.quiet {
            self.tell(text);
        }
    }

    /// Writes a line that is always wanted: warnings and errors.
    pub fn tell(&self, text: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{}", self.clean(text));
    }

    /// A word in the answer, with its colour where there are colours.
    #[must_use]
    pub fn tone(&self, tone: Tone, text: &str) -> String {
        paint(self.color_out, tone, text)
    }

    /// A word in the talk, with its colour where there are colours.
    #[must_use]
    pub fn tone_err(&self, tone: Tone, text: &str) -> String {
        paint(self.color_err, tone, text)
    }

    /// A text cut to what a line of the answer has room for beside so many other columns.
    #[must_use]
    pub fn fitted(text: &str, others: usize) -> String {
        const LEAST: usize = 20;
        let width = Term::stdout().size_checked().map_or(120, |(_, columns)| usize::from(columns));
        truncate_str(text, width.saturating_sub(others).max(LEAST), "…").into_owned()
    }
}

fn paint(on: bool, tone: Tone, text: &str) -> String {
    if !on {
        return text.to_owned();
    }
    let code = match tone {
        Tone::Good => "32",
        Tone::Bad => "31",
        Tone::Notice => "33",
        Tone::Faint => "2",
        Tone::Strong => "1",
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

/// A table for people: headings, no frame.
#[must_use]
pub fn table(headings: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(headings.iter().map(|heading| (*heading).to_uppercase()));
    for row in rows {
        table.add_row(row);
    }
    let text: Vec<String> =
        table.to_string().lines().map(|line| line.trim_end().trim_start_matches(' ').to_owned()).collect();
    text.join("\n")
}
