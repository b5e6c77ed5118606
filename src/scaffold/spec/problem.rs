//! What is wrong with a spec, and where. Values are shown escaped and shortened: they come from anybody.

use std::fmt;

use serde::Serialize;

use crate::domain::diagnose::{Advice, Diagnose, Kind};

/// How many problems one reading reports; a file that is wrong throughout says no more with thousands.
pub(super) const MAX_PROBLEMS: usize = 200;

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The file, relative to the project's folder, with `/` between the parts.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

/// One thing that is wrong with a spec.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Where it stands; absent for a spec that came as JSON.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// The path through the spec, such as `models.Book.fields.isbn`. Empty for a whole file.
    pub path: String,
    /// What is wrong: a lowercase fragment.
    pub reason: String,
    /// What would do, such as "did you mean `string`?".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Place { file, line, column }) = &self.place {
            write!(f, "{}:{line}:{column}: ", shown(file))?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", shown(&self.path))?;
        }
        f.write_str(&self.reason)?;
        if let Some(suggestion) = &self.suggestion {
            write!(f, "; {suggestion}")?;
        }
        Ok(())
    }
}

/// A spec that cannot be used, with everything that is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the spec has {}:\n{}", counted(.problems.len()), lines(.problems))]
pub struct Invalid {
    /// Every problem, in the order of the files and lines. Never empty.
    pub problems: Vec<Problem>,
}

impl Diagnose for Invalid {
    fn kind(&self) -> Kind {
        Kind::User
    }

    fn advice(&self) -> Option<Advice> {
        Some(Advice::Do("put the spec right, then run `cgo spec check`".to_owned()))
    }
}

impl Invalid {
    /// Sorts the problems by place and cuts them to [`MAX_PROBLEMS`].
    pub(super) fn new(mut problems: Vec<Problem>) -> Self {
        problems.sort_by(|left, right| left.place.cmp(&right.place));
        problems.dedup();
        if problems.len() > MAX_PROBLEMS {
            let more = problems.len() - MAX_PROBLEMS;
            problems.truncate(MAX_PROBLEMS);
            problems.push(Problem {
                place: None,
                path: String::new(),
                reason: format!("{more} more problems are not shown"),
                suggestion: None,
            });
        }
        Self { problems }
    }
}

fn counted(count: usize) -> String {
    if count == 1 { "one problem".to_owned() } else { format!("{count} problems") }
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// A text for a message: control characters escaped, at most 80 characters.
pub(super) fn shown(text: &str) -> String {
    let escape = |c: char| if c.is_control() { c.escape_debug().collect::<String>() } else { c.to_string() };
    let mut out: String = text.chars().take(80).map(escape).collect();
    if text.chars().nth(80).is_some() {
        out.push('…');
    }
    out
}
