//! What is read off a state: the person's language, and whether something came to be known.

use super::spec::Language;
use super::state::{ProjectState, Role};

impl ProjectState {
    /// Whether it holds something that `other` does not: anything but what was said, what went wrong, and how often.
    #[must_use]
    pub fn brings_more_than(&self, other: &Self) -> bool {
        let Self {
            messages: _,
            current_project,
            project_spec,
            project_intent,
            po_intent,
            allocated_resources,
            repo_info,
            sharing,
            project_complexity,
            architect_complete,
            tasks,
            engineering_status,
            review_feedback: _,
            engineering_iterations: _,
            test_results,
            needs_human_approval,
            human_approval_reason,
            server_to_provision,
            is_incident_recovery,
            provisioning_result,
            current_agent: _,
            errors: _,
            deployed_url,
        } = self;
        *current_project != other.current_project
            || *project_spec != other.project_spec
            || *project_intent != other.project_intent
            || *po_intent != other.po_intent
            || *allocated_resources != other.allocated_resources
            || *repo_info != other.repo_info
            || *sharing != other.sharing
            || *project_complexity != other.project_complexity
            || *architect_complete != other.architect_complete
            || *tasks != other.tasks
            || *engineering_status != other.engineering_status
            || *test_results != other.test_results
            || *needs_human_approval != other.needs_human_approval
            || *human_approval_reason != other.human_approval_reason
            || *server_to_provision != other.server_to_provision
            || *is_incident_recovery != other.is_incident_recovery
            || *provisioning_result != other.provisioning_result
            || *deployed_url != other.deployed_url
    }

    /// The language of the person: the one they plainly speak in the first thing they said, else the spec's.
    #[must_use]
    pub fn language(&self) -> Language {
        let said = self.messages.iter().find(|message| message.role == Role::User);
        let said = said.map(|message| message.content.as_str());
        let spec = self.project_spec.as_ref().map(|spec| spec.project.language);
        said.and_then(Language::spoken).or(spec).or_else(|| said.map(Language::of)).unwrap_or_default()
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
        let project = serde_json::json!({ "name": "shelf", "title": "Полка", "description": "", "language": "ru" });
        let spec: crate::domain::spec::Spec =
            serde_json::from_value(serde_json::json!({ "project": project, "modules": ["backend"] })).unwrap();
        let of_russian = |text: &str| ProjectState { project_spec: Some(spec.clone()), ..said(text) }.language();
        assert_eq!((of_russian("add a due date"), of_russian("+ due_date")), (Language::En, Language::Ru));
    }

    #[test]
    fn a_language_is_spoken_in_sentences_and_not_in_names() {
        for russian in
            ["готово", "останови notes-api", "сделай бота, репозиторий: ghp_canarycanarycanary", "API для заметок"]
        {
            assert_eq!(Language::spoken(russian), Some(Language::Ru), "{russian}");
        }
        for other in ["a notes API with title", "ein Dienst für Notizen", "a shop called Магазин with orders"] {
            assert_eq!(Language::spoken(other), Some(Language::En), "{other}");
        }
        for nothing in ["", "notes-api", "HTTP API", "run-3k8d0xq7m2v1 ok", "+ due_date", "42 7 9"] {
            assert_eq!(Language::spoken(nothing), None, "{nothing}");
        }
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
