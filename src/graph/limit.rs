//! Limits of money as a run knows them: whose each is, and how a question about one is named. What a person allows
//! counts for the limit they were asked about and for no other.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::domain::names::AgentName;
use crate::domain::time::Timestamp;

/// What the id of a question about money begins with.
const QUESTION: &str = "budget:";

/// Whose limit it is. Spelled `run`, `agent:developer`, `project` and `day:2026-11-21`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Whose {
    /// The run's.
    Run,
    /// An agent's, in all its visits of the run.
    Agent(AgentName),
    /// The project's, in all its runs.
    Project,
    /// That of a day in UTC, for all runs and trials of it.
    Day(Date),
}

/// A text that says nobody's limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not whose limit something is")]
pub struct Nobodys(String);

impl Whose {
    /// The id of the question about it.
    #[must_use]
    pub fn question(&self) -> String {
        format!("{QUESTION}{self}")
    }

    /// The limit a question is about; none for one that does not say, as those
    /// that were asked before limits were told apart.
    #[must_use]
    pub fn of_question(id: &str) -> Option<Self> {
        id.strip_prefix(QUESTION)?.parse().ok()
    }
}

impl fmt::Display for Whose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run => f.write_str("run"),
            Self::Agent(agent) => write!(f, "agent:{agent}"),
            Self::Project => f.write_str("project"),
            Self::Day(day) => write!(f, "day:{day}"),
        }
    }
}

impl FromStr for Whose {
    type Err = Nobodys;
    fn from_str(text: &str) -> Result<Self, Nobodys> {
        let whose = match text.split_once(':') {
            None if text == "run" => Some(Self::Run),
            None if text == "project" => Some(Self::Project),
            Some(("agent", name)) => AgentName::parse(name).ok().map(Self::Agent),
            Some(("day", day)) => day.parse().ok().map(Self::Day),
            _ => None,
        };
        whose.ok_or_else(|| Nobodys(text.chars().take(40).collect()))
    }
}

impl TryFrom<String> for Whose {
    type Error = Nobodys;
    fn try_from(text: String) -> Result<Self, Nobodys> {
        text.parse()
    }
}

impl From<Whose> for String {
    fn from(whose: Whose) -> Self {
        whose.to_string()
    }
}

/// The day of a moment, in UTC.
#[must_use]
pub fn day_of(at: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(jiff::Timestamp::from_millisecond(at.0).unwrap_or_default()).date()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_says_whose_limit_it_is_about_and_the_questions_of_before_say_nothing() {
        let day = day_of(Timestamp(1_800_000_000_000));
        assert_eq!(day.to_string(), "2027-01-15");
        let developer = Whose::Agent(AgentName::parse("developer").unwrap());
        for (whose, id) in [
            (Whose::Run, "budget:run"),
            (developer, "budget:agent:developer"),
            // An agent may be called so, too.
            (Whose::Agent(AgentName::parse("project").unwrap()), "budget:agent:project"),
            (Whose::Project, "budget:project"),
            (Whose::Day(day), "budget:day:2027-01-15"),
        ] {
            assert_eq!(whose.question(), id);
            assert_eq!(Whose::of_question(id), Some(whose));
        }
        for id in ["budget", "budget:", "budget:day:tomorrow", "budget:agent:", "budget:developer", "approve", "run"] {
            assert_eq!(Whose::of_question(id), None, "{id}");
        }
    }
}
