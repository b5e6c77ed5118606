//! Understanding of short project descriptions in English and Russian, without a model.
//!
//! A text goes through fixed steps: `tokens` → `phrases` (the longest known phrases, statements, list items) →
//! `read` (a draft of things, properties and relations) → `build` (models that satisfy the spec's rules). What words
//! mean stands in the tables under `lexicon/`; the rules know grammar, not examples. The result is deterministic and
//! takes milliseconds; text past a limit is not read, and that is said. It writes no domains: the operations follow
//! from the models (`Spec::standard_domains`). Start reading at [`understand`], then `read`.

mod build;
mod classes;
mod draft;
mod features;
mod fields;
mod gaps;
mod keys;
mod lexicon;
mod links;
mod named;
mod naming;
mod noun;
mod outcome;
mod own_words;
mod phrases;
mod props;
mod qualify;
mod questions;
mod read;
mod spelling;
mod stem;
mod things;
mod tokens;
mod values;
mod wording;

#[cfg(test)]
mod tests;

pub use named::{Named, named};
pub use questions::opens_question;

use serde::{Deserialize, Serialize};

use crate::domain::spec::{Language, Module, Spec};

/// What was understood of a description.
#[derive(Debug, Clone, PartialEq)]
pub struct Understanding {
    /// The language of the text, which every text below is in.
    pub language: Language,
    /// The project, without domains; none when there is nothing to go on.
    pub spec: Option<Spec>,
    /// The modules that were asked for, backend first; more than the spec's when some are not built yet.
    pub modules_wanted: Vec<Module>,
    /// What was decided without being said, one sentence each.
    pub assumptions: Vec<String>,
    /// What was asked for and is not built.
    pub gaps: Vec<Gap>,
    /// What to ask, at most three; blocking ones only when there is no spec.
    pub questions: Vec<Question>,
    /// What the text is.
    pub intent: Intent,
}

/// Something that was asked for and is not built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// What it is, as the person would recognise it.
    pub what: String,
    /// Why it is not built.
    pub why: String,
    /// What a model would add.
    pub model_would_add: String,
}

/// A question to the person who wrote the description.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// What an [`Answer`] refers to.
    pub id: String,
    /// The question.
    pub text: String,
    /// Answers to choose from; empty for a free one.
    pub choices: Vec<String>,
    /// What is assumed when it stays unanswered; none when nothing can be assumed.
    pub assumption: Option<String>,
    /// Nothing can be built without an answer.
    pub blocking: bool,
}

/// An answer to a question of an earlier round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The question's id.
    pub question: String,
    /// What was answered.
    pub text: String,
}

/// What a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent {
    /// A description of a project, be it a vague one.
    NewProject,
    /// A question about the tool.
    Question,
    /// A greeting.
    Greeting,
    /// Neither.
    Other,
}

/// Understands a description, together with the answers given so far.
#[must_use]
pub fn understand(text: &str, answers: &[Answer]) -> Understanding {
    outcome::of(text, answers)
}
