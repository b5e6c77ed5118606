//! The product owner and the answers to questions, without a model: which of a few things a message in a chat wants, and
//! of which project.

use serde_json::{Value, json};

use super::change;
use super::understand::opens_question;
use super::{Task, next_of, users_words};
use crate::domain::spec::Language;
use crate::llm::{Reply, Request};

/// What a message wants of a project that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Change,
    Deploy,
    Status,
}

const DEPLOY: &[&str] = &[
    "deploy",
    "redeploy",
    "release",
    "ship",
    "выложи",
    "выложить",
    "перевыложи",
    "задеплой",
    "задеплоить",
    "разверни",
    "деплой",
];
const STATUS: &[&str] = &["status", "статус", "состояние"];

fn wish(text: &str) -> Option<Wish> {
    let first: Vec<String> = text
        .split_whitespace()
        .take(3)
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase())
        .collect();
    let opening = first.iter().find(|word| !["please", "пожалуйста", "and", "а", "и"].contains(&word.as_str()));
    let opens = |words: &[&str]| opening.is_some_and(|word| words.contains(&word.as_str()));
    if change::is_wish(text) {
        return Some(Wish::Change);
    }
    if opens(DEPLOY) {
        return Some(Wish::Deploy);
    }
    let asks = text.trim_end().ends_with('?') && opening.is_some_and(|word| opens_question(word));
    (opens(STATUS) || asks).then_some(Wish::Status)
}

/// The product owner's next call.
pub(super) fn product_owner(request: &Request, task: &Task) -> Reply {
    let said: Vec<&str> = users_words(&task.state.messages).collect();
    let text = said.first().copied().unwrap_or_default();
    let summary: String = if text.is_empty() {
        "a project from a spec".to_owned()
    } else {
        text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect()
    };
    let intent = |name: &str| ("set_intent", json!({ "intent": name, "summary": summary }));
    let Some(wish) = wish(text).filter(|_| task.open) else {
        return next_of(request, &[intent("new_project")]);
    };
    let listed = ("list_projects", json!({}));
    let Some((_, projects)) = request.results().next() else { return next_of(request, &[listed]) };
    let projects: Value = serde_json::from_str(projects).unwrap_or_default();
    let projects: Vec<(&str, &str)> = projects["projects"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|project| Some((project["name"].as_str()?, project["title"].as_str().unwrap_or_default())))
        .collect();
    let about = about(task, &said, &projects);
    let calls = match (wish, about) {
        (Wish::Status, None) => vec![listed, intent("status")],
        (Wish::Status, Some(project)) => {
            vec![listed, ("activate_project", json!({ "project": project })), intent("status")]
        }
        // There is nothing that could be changed.
        (Wish::Change, None) if projects.is_empty() => vec![listed, intent("new_project")],
        (_, None) => vec![listed, ("ask_user", json!({ "questions": [which(task.state.language(), &projects)] }))],
        (Wish::Change, Some(project)) => {
            vec![listed, ("activate_project", json!({ "project": project })), intent("update_project")]
        }
        (Wish::Deploy, Some(project)) => vec![
            listed,
            ("activate_project", json!({ "project": project })),
            ("check_ready_to_deploy", json!({})),
            intent("deploy"),
        ],
    };
    next_of(request, &calls)
}

/// The project that is meant: the one that is named, else the one talked about last, else the only one.
fn about<'p>(task: &Task, said: &[&str], projects: &[(&'p str, &str)]) -> Option<&'p str> {
    let names = |text: &str, name: &str| {
        let is_part = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
        text.to_lowercase().split(|c: char| !is_part(c)).any(|word| word == name)
    };
    let titled = |text: &str, title: &str| !title.is_empty() && text.to_lowercase().contains(&title.to_lowercase());
    let named = said.iter().rev().find_map(|text| {
        let by_name = projects.iter().find(|(name, _)| names(text, name));
        by_name.or_else(|| projects.iter().find(|(_, title)| titled(text, title)))
    });
    let last = || {
        let last = task.earlier.iter().rev().find_map(|earlier| earlier.project.as_ref())?;
        projects.iter().find(|(name, _)| *name == last.as_str())
    };
    let only = || match projects {
        [only] => Some(only),
        _ => None,
    };
    named.or_else(last).or_else(only).map(|(name, _)| *name)
}

fn which(language: Language, projects: &[(&str, &str)]) -> Value {
    let text = match language {
        Language::En => "Which project do you mean?",
        Language::Ru => "О каком проекте речь?",
    };
    let names: Vec<&str> = projects.iter().take(8).map(|(name, _)| *name).collect();
    json!({ "id": "which_project", "text": text, "choices": names, "assumption": null })
}

/// The documenter's next call: the report, or the answer to a question about how things stand.
pub(super) fn documenter(request: &Request, task: &Task) -> Reply {
    if task.state.po_intent != Some(crate::domain::state::Intent::Status) {
        return next_of(request, &[("write_report", json!({}))]);
    }
    let looks: Vec<(&str, Value)> = match &task.state.current_project {
        Some(project) => vec![("get_project_status", json!({ "project": project.name }))],
        None => vec![("list_projects", json!({})), ("list_active_incidents", json!({}))],
    };
    let seen: Vec<Value> =
        request.results().map(|(_, content)| serde_json::from_str(content).unwrap_or_default()).collect();
    if seen.len() < looks.len() {
        return next_of(request, &looks);
    }
    let text = match &task.state.current_project {
        Some(_) => project_stands(&seen[0], task.state.language()),
        None => all_stand(&seen[0], &seen[1], task.state.language()),
    };
    let told = looks.into_iter().chain([("write_report", json!({ "text": text }))]).collect::<Vec<_>>();
    next_of(request, &told)
}

fn project_stands(status: &Value, language: Language) -> String {
    let text = |key: &str| status[key].as_str().unwrap_or_default();
    let count = |key: &str| status[key].as_array().map_or(0, Vec::len);
    let mut lines = vec![format!("`{}`: {}", text("name"), text("stands"))];
    if let Some(url) = status["url"].as_str() {
        lines.push(url.to_owned());
    }
    if let Some(problem) = status["problem"].as_str() {
        lines.push(problem.to_owned());
    }
    let (incidents, runs) = (count("incidents"), count("unfinished_runs"));
    lines.push(match language {
        Language::En => format!("Open incidents: {incidents}. Unfinished runs: {runs}."),
        Language::Ru => format!("Открытых инцидентов: {incidents}. Незаконченных запусков: {runs}."),
    });
    lines.join("\n")
}

fn all_stand(projects: &Value, incidents: &Value, language: Language) -> String {
    let projects = projects["projects"].as_array().cloned().unwrap_or_default();
    let mut lines: Vec<String> = projects
        .iter()
        .map(|project| {
            let text = |key: &str| project[key].as_str().unwrap_or_default();
            format!("`{}` ({}): {}", text("name"), text("title"), text("status"))
        })
        .collect();
    if lines.is_empty() {
        lines.push(match language {
            Language::En => {
                "There are no projects yet. Describe one, for example: a notes API with title and body".to_owned()
            }
            Language::Ru => "Проектов ещё нет. Опишите, что нужно, например: заметки с заголовком и текстом".to_owned(),
        });
    }
    let open = incidents["incidents"].as_array().map_or(0, Vec::len);
    if open > 0 {
        lines.push(match language {
            Language::En => format!("Open incidents: {open}."),
            Language::Ru => format!("Открытых инцидентов: {open}."),
        });
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_message_wants_is_told_from_how_it_opens() {
        for (text, wanted) in [
            ("add tags to notes", Some(Wish::Change)),
            ("Пожалуйста, убери текст из заметок", Some(Wish::Change)),
            ("deploy notes-api", Some(Wish::Deploy)),
            ("выложи заметки", Some(Wish::Deploy)),
            ("status", Some(Wish::Status)),
            ("how are things?", Some(Wish::Status)),
            ("a notes API with title and body", None),
            ("трекер задач: задача: название, срок", None),
            ("a deploy log: deployments with date, author and status", None),
        ] {
            assert_eq!(wish(text), wanted, "{text}");
        }
    }
}
