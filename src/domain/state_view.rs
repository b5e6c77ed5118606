//! What is read off a state: the person's language, and whether something came to be known.

use super::spec::Language;
use super::state::{ProjectState, Role};

impl ProjectState {
    /// Whether it holds something that `other` does not: anything but what was said, what went wrong, and how often.
    #[must_use]
    pub fn brings_more_than(&self, other: &Self) -> bool {
        let bare = |state: &Self| Self {
            messages: Vec::new(),
            errors: Vec::new(),
            current_agent: None,
            engineering_iterations: 0,
            review_feedback: None,
            ..state.clone()
        };
        bare(self) != bare(other)
    }

    /// The language of the person: the spec's, else that of the first thing they said.
    #[must_use]
    pub fn language(&self) -> Language {
        if let Some(spec) = &self.project_spec {
            return spec.project.language;
        }
        let said = self.messages.iter().find(|message| message.role == Role::User);
        said.map_or(Language::En, |message| Language::of(&message.content))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::state::Message;

    fn said(text: &str) -> ProjectState {
        let message = Message { role: Role::User, agent: None, content: text.to_owned() };
        ProjectState { messages: vec![message], ..ProjectState::default() }
    }

    #[test]
    fn the_language_is_the_one_the_person_wrote_in() {
        assert_eq!(said("журнал обращений, API на FastAPI").language(), Language::Ru);
        assert_eq!(said("a shop called Магазин with orders").language(), Language::En);
        assert_eq!(ProjectState::default().language(), Language::En);
    }

    #[test]
    fn talk_errors_and_counting_bring_nothing_and_facts_do() {
        let mut state = said("x");
        state.errors.push("it failed".to_owned());
        state.engineering_iterations = 2;
        assert!(!state.brings_more_than(&ProjectState::default()));
        state.deployed_url = Some("http://x".to_owned());
        assert!(state.brings_more_than(&ProjectState::default()));
    }
}
