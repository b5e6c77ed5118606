//! What happens within a visit, as it happens: for people who watch, and for traces.
//!
//! The pieces of a model's text are for the eyes only: they are kept nowhere, and what was said counts for nothing
//! when the call fails.

use std::cell::RefCell;
use std::fmt;
use std::time::{Duration, Instant};

use crate::domain::money::Usd;
use crate::llm::{Error, Trouble, Usage};

/// One thing that happens.
#[derive(Debug, Clone, Copy)]
pub enum Activity<'a> {
    /// A model is asked.
    Asked {
        /// The turn of the visit, from 1.
        turn: u32,
        /// Who is asked.
        provider: &'a str,
        /// The model; empty for the provider's own choice.
        model: &'a str,
    },
    /// A piece of its text came.
    Said(&'a str),
    /// An attempt came to nothing; another follows, or none.
    Failed {
        /// Counts from 1.
        attempt: u32,
        /// Why, in words that may be the provider's.
        reason: &'a str,
        /// What sort of reason.
        class: &'static str,
        /// How long is waited before the next; none when there is no next one of the same model.
        again: Option<Duration>,
    },
    /// The question is over.
    Answered {
        /// What it used, failed attempts not included.
        usage: Usage,
        /// What it cost, failed attempts included.
        cost: Usd,
        /// What the run has cost so far, reservations included.
        spent: Usd,
        /// `answered`, or the sort of failure.
        outcome: &'static str,
    },
    /// A tool is called.
    Called {
        /// Its name; none for one that does not exist.
        tool: Option<&'a str>,
    },
    /// The call is over.
    Returned {
        /// What came of it.
        outcome: &'static str,
        /// Whether that is as it should be.
        good: bool,
    },
    /// The world is about to be changed.
    Acts {
        /// The kind of effect.
        effect: &'a str,
    },
    /// It was, or was not.
    Acted {
        /// Whether it was.
        good: bool,
    },
}

/// The sort of a model's failure, in a few fixed words.
#[must_use]
pub fn class(error: &Error) -> &'static str {
    match error {
        Error::Retry { trouble: Trouble::RateLimited, .. } => "rate_limited",
        Error::Retry { trouble: Trouble::Overloaded, .. } => "overloaded",
        Error::Retry { trouble: Trouble::Upstream, .. } => "upstream",
        Error::Retry { trouble: Trouble::Network, .. } => "network",
        Error::Retry { trouble: Trouble::Timeout, .. } => "timeout",
        Error::Permanent { .. } => "refused",
        Error::Incomplete { .. } => "incomplete",
        Error::Unanswerable { .. } => "unanswerable",
        Error::Cancelled => "cancelled",
    }
}

/// How often a text that grows is shown.
const SHOWN_EVERY: Duration = Duration::from_millis(250);
/// The most characters of a text that are shown.
const SHOWN: usize = 160;

/// The text a model is saying, as people see it: its last line, now and then.
#[derive(Debug, Default)]
pub struct Speech {
    state: RefCell<(String, Option<Instant>)>,
}

impl Speech {
    /// Takes a piece; the line to show, when it is time to show one.
    #[must_use]
    pub fn take(&self, piece: &str) -> Option<String> {
        let mut state = self.state.borrow_mut();
        let (line, shown_at) = &mut *state;
        for character in piece.chars() {
            match character {
                '\n' | '\r' if line.trim().is_empty() => line.clear(),
                // The next line takes the place of this one with its first character.
                '\n' | '\r' => line.push('\n'),
                _ => {
                    if line.ends_with('\n') {
                        line.clear();
                    }
                    if line.chars().count() < SHOWN && !character.is_control() {
                        line.push(character);
                    }
                }
            }
        }
        let text = line.trim();
        let due = shown_at.is_none_or(|at| at.elapsed() >= SHOWN_EVERY);
        if !due || text.is_empty() {
            return None;
        }
        *shown_at = Some(Instant::now());
        Some(text.to_owned())
    }

    /// Another answer begins.
    pub fn clear(&self) {
        self.state.borrow_mut().0.clear();
    }
}

/// Tokens and money on one line: `1.2k + 340 tokens, $0.0123`.
#[derive(Debug, Clone, Copy)]
pub struct Bill {
    /// Tokens of questions.
    pub input: u64,
    /// Tokens of answers.
    pub output: u64,
    /// What they cost.
    pub cost: Usd,
}

impl fmt::Display for Bill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |number: u64| match number {
            0..10_000 => number.to_string(),
            _ => format!("{}.{}k", number / 1000, number % 1000 / 100),
        };
        write!(f, "{} + {} tokens", count(self.input), count(self.output))?;
        if self.cost > Usd::ZERO {
            write!(f, ", {}", self.cost)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_text_that_grows_the_last_line_is_shown_and_not_too_often() {
        let speech = Speech::default();
        assert_eq!(speech.take("\n\n"), None);
        assert_eq!(speech.take("I will look"), Some("I will look".to_owned()));
        assert_eq!(speech.take(" at it.\nThen"), None, "just shown");
        speech.state.borrow_mut().1 = None;
        assert_eq!(speech.take(" I write\u{1b}[31m"), Some("Then I write[31m".to_owned()));
        speech.state.borrow_mut().1 = None;
        let long = "x".repeat(1000);
        assert_eq!(speech.take(&long).unwrap().chars().count(), SHOWN);
        speech.clear();
        speech.state.borrow_mut().1 = None;
        assert_eq!(speech.take("new\n"), Some("new".to_owned()));
    }

    #[test]
    fn a_bill_names_money_only_when_there_is_some() {
        let bill = Bill { input: 12_345, output: 99, cost: Usd::ZERO };
        assert_eq!(bill.to_string(), "12.3k + 99 tokens");
        assert!(Bill { cost: "0.5".parse().unwrap(), ..bill }.to_string().starts_with("12.3k + 99 tokens, $0.5"));
    }
}
