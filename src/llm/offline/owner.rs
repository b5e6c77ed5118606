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
    Stop,
    Start,
    Rollback,
    Logs,
    Status,
}

impl Wish {
    /// The intent that says it.
    fn intent(self) -> &'static str {
        match self {
            Self::Change => "update_project",
            Self::Deploy => "deploy",
            Self::Stop => "stop",
            Self::Start => "start",
            Self::Rollback => "rollback",
            Self::Logs => "logs",
            Self::Status => "status",
        }
    }
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
const STOP: &[&str] = &["stop", "halt", "останови", "остановите", "остановить", "выключи", "выключите", "выключить"];
const START: &[&str] = &["start", "запусти", "запустите", "запустить"];
const BACK: &[&str] = &["rollback", "revert", "откати", "откатите", "откатить", "откат"];
const RETURN: &[&str] = &["верни", "верните", "вернуть", "вернись", "вернуться"];
const SHOW: &[&str] = &["show", "see", "give", "покажи", "покажите", "показать", "дай"];
const LOGS: &[&str] = &["log", "logs", "лог", "логи", "журнал"];
const POLITE: &[&str] = &["please", "пожалуйста", "and", "а", "и"];

/// The words of a text, bare.
fn words(text: &str) -> Vec<String> {
    let bare = |word: &str| word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    text.split_whitespace().map(bare).filter(|word| !word.is_empty()).collect()
}

/// An operation on a project that runs, other than a deployment. A text that describes something opens in other ways, or
/// goes on for longer, or has fields after a colon.
fn operation(text: &str) -> Option<Wish> {
    const LONGEST: usize = 10;
    let said: Vec<String> = words(text).into_iter().skip_while(|word| POLITE.contains(&word.as_str())).collect();
    let (opening, rest) = said.split_first()?;
    if text.contains(':') || said.len() > LONGEST {
        return None;
    }
    let opens = |words: &[&str]| words.contains(&opening.as_str());
    let has = |words: &[&str]| rest.iter().any(|word| words.contains(&word.as_str()));
    let is_before = |word: &String| {
        ["верси", "релиз", "выпуск", "прошл", "прежн", "предыдущ"].iter().any(|stem| word.starts_with(stem))
            || ["назад", "было"].contains(&word.as_str())
    };
    if opens(STOP) || (opens(&["shut"]) && has(&["down"])) {
        Some(Wish::Stop)
    } else if opens(START) {
        Some(Wish::Start)
    } else if opens(BACK) || (opens(&["roll", "go"]) && has(&["back"])) || (opens(RETURN) && rest.iter().any(is_before))
    {
        Some(Wish::Rollback)
    } else if (opens(SHOW) && has(LOGS)) || opens(&["logs", "логи", "лог"]) {
        Some(Wish::Logs)
    } else if opens(SHOW) && has(STATUS) {
        Some(Wish::Status)
    } else {
        None
    }
}

/// Whether an operation is meant of something that is there: its project is named, or so little is said that it can be
/// nothing else. `start` alone may begin anything.
fn is_meant(wish: Wish, text: &str, named: bool) -> bool {
    const FEW: usize = 4;
    match wish {
        Wish::Change | Wish::Deploy | Wish::Status => true,
        Wish::Start => named,
        Wish::Stop | Wish::Rollback | Wish::Logs => named || words(text).len() <= FEW,
    }
}

fn wish(text: &str) -> Option<Wish> {
    let first = words(text);
    let opening = first.iter().take(3).find(|word| !POLITE.contains(&word.as_str()));
    let opens = |words: &[&str]| opening.is_some_and(|word| words.contains(&word.as_str()));
    if let Some(wish) = operation(text) {
        return Some(wish);
    }
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
    let named = named(&said, &projects);
    if !is_meant(wish, text, named.is_some()) {
        return next_of(request, &[listed, intent("new_project")]);
    }
    let about = named.or_else(|| about(task, &projects));
    let calls = match (wish, about) {
        (Wish::Status, None) => vec![listed, intent("status")],
        // There is nothing that could be changed, or stopped.
        (Wish::Change | Wish::Stop | Wish::Rollback | Wish::Logs, None) if projects.is_empty() => {
            vec![listed, intent("new_project")]
        }
        (_, None) => vec![listed, ("ask_user", json!({ "questions": [which(task.state.language(), &projects)] }))],
        (Wish::Deploy, Some(project)) => vec![
            listed,
            ("activate_project", json!({ "project": project })),
            ("check_ready_to_deploy", json!({})),
            intent("deploy"),
        ],
        (_, Some(project)) => {
            vec![listed, ("activate_project", json!({ "project": project })), intent(wish.intent())]
        }
    };
    next_of(request, &calls)
}

/// The project that is named, in what was said last if in several.
fn named<'p>(said: &[&str], projects: &[(&'p str, &str)]) -> Option<&'p str> {
    let names = |text: &str, name: &str| {
        let is_part = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
        text.to_lowercase().split(|c: char| !is_part(c)).any(|word| word == name)
    };
    let titled = |text: &str, title: &str| !title.is_empty() && text.to_lowercase().contains(&title.to_lowercase());
    let found = said.iter().rev().find_map(|text| {
        let by_name = projects.iter().find(|(name, _)| names(text, name));
        by_name.or_else(|| projects.iter().find(|(_, title)| titled(text, title)))
    });
    found.map(|(name, _)| *name)
}

/// The project that is meant where none is named: the one talked about last, else the only one.
fn about<'p>(task: &Task, projects: &[(&'p str, &str)]) -> Option<&'p str> {
    let last = || {
        let last = task.earlier.iter().rev().find_map(|earlier| earlier.project.as_ref())?;
        projects.iter().find(|(name, _)| *name == last.as_str())
    };
    let only = || match projects {
        [only] => Some(only),
        _ => None,
    };
    last().or_else(only).map(|(name, _)| *name)
}

fn which(language: Language, projects: &[(&str, &str)]) -> Value {
    let text = match language {
        Language::En => "Which project do you mean?",
        Language::Ru => "О каком проекте речь?",
    };
    let names: Vec<&str> = projects.iter().map(|(name, _)| *name).collect();
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
            ("show the status of notes", Some(Wish::Status)),
            ("покажи статус", Some(Wish::Status)),
            ("stop notes", Some(Wish::Stop)),
            ("Please shut notes down", Some(Wish::Stop)),
            ("останови notes", Some(Wish::Stop)),
            ("Пожалуйста, выключи заметки", Some(Wish::Stop)),
            ("start notes again", Some(Wish::Start)),
            ("запусти notes", Some(Wish::Start)),
            ("roll back notes", Some(Wish::Rollback)),
            ("roll notes back to the release before", Some(Wish::Rollback)),
            ("откати notes", Some(Wish::Rollback)),
            ("верни прошлую версию notes", Some(Wish::Rollback)),
            ("верни как было", Some(Wish::Rollback)),
            ("show me the log of notes", Some(Wish::Logs)),
            ("logs notes", Some(Wish::Logs)),
            ("покажи журнал notes", Some(Wish::Logs)),
            ("логи", Some(Wish::Logs)),
            ("a notes API with title and body", None),
            ("трекер задач: задача: название, срок", None),
            ("a deploy log: deployments with date, author and status", None),
            ("stop words: word, language", None),
            ("журнал посещений с датой и учеником", None),
            ("верни долг: учёт долгов с суммой и сроком", None),
            ("logs of trips with date, place, distance, driver, car, fuel and notes", None),
        ] {
            assert_eq!(wish(text), wanted, "{text}");
        }
    }

    #[test]
    fn an_operation_is_of_a_project_that_is_named_or_of_what_else_it_could_be() {
        for (text, named, meant) in [
            ("stop notes", true, true),
            ("останови его", false, true),
            ("stop list of words with a reason and a date", false, false),
            ("roll back", false, true),
            ("start notes", true, true),
            ("start a notes API", false, false),
            ("покажи лог", false, true),
            ("show logs of visits with date and guest", false, false),
        ] {
            assert_eq!(is_meant(wish(text).unwrap(), text, named), meant, "{text}");
        }
    }
}
