//! Telling what was done.

use schemars::JsonSchema;
use std::future::ready;

use serde::Deserialize;
use serde_json::json;

use super::{Context, Output, Tool, WorldEffect};
use crate::domain::sharing::Shared;
use crate::domain::spec::Language;
use crate::domain::state::{Change, Message, ProjectState, Role};
use crate::ops::github;

/// Writes the report.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WriteReport {
    /// The text; absent for one made from the state.
    #[serde(default)]
    text: Option<String>,
}

/// The tools of this file.
#[must_use]
pub fn tools() -> Vec<Tool> {
    vec![Tool::new(
        "write_report",
        "Write the report that closes the run. Without a text, one is made from the state.",
        WorldEffect::Changes,
        |context, args| Box::pin(ready(Ok(write_report(context, args)))),
    )]
}

fn write_report(context: &Context<'_>, args: WriteReport) -> Output {
    let content = args.text.unwrap_or_else(|| report(context.state));
    context.change(Change::Messages(Message { role: Role::Assistant, agent: Some(context.node.clone()), content }));
    json!({ "ok": true }).into()
}

/// The report in the person's language, from what the state shows and nothing else.
pub(super) fn report(state: &ProjectState) -> String {
    let russian = state.language() == Language::Ru;
    let say = |en: String, ru: String| if russian { ru } else { en };
    let name = state.current_project.as_ref().map_or("", |project| project.name.as_str());
    let mut lines = Vec::new();
    lines.push(match &state.deployed_url {
        Some(url) => say(format!("`{name}` works at {url}."), format!("`{name}` работает: {url}.")),
        None => {
            say(format!("`{name}` is built; nothing was deployed."), format!("`{name}` собран; ничего не развёрнуто."))
        }
    });
    if let Some(url) =
        state.repo_info.as_ref().filter(|info| github::place_of(info).is_some()).map(|info| &info.html_url)
    {
        lines.push(say(format!("It is on GitHub: {url}."), format!("На GitHub: {url}.")));
    }
    if let Some(Shared::Failed(reason)) = state.sharing.as_ref().and_then(|sharing| sharing.outcome.as_ref()) {
        lines.push(say(format!("It is not on GitHub: {reason}"), format!("На GitHub его нет: {reason}")));
    }
    match &state.test_results {
        Some(results) => lines.push(say(
            format!("{} tests passed, {} failed, {} skipped.", results.passed, results.failed, results.skipped),
            format!("Тесты: прошло {}, не прошло {}, пропущено {}.", results.passed, results.failed, results.skipped),
        )),
        None => lines
            .push(say("Not verified: no tests were run.".to_owned(), "Не проверено: тесты не запускались.".to_owned())),
    }
    if let Some(intent) = &state.project_intent {
        lines.extend(intent.assumptions.iter().map(|text| say(format!("Assumed: {text}"), format!("Принято: {text}"))));
        lines.extend(intent.not_built.iter().map(|gap| {
            say(format!("Not built: {} ({})", gap.what, gap.why), format!("Не сделано: {} ({})", gap.what, gap.why))
        }));
    }
    lines.extend(state.errors.iter().map(|error| say(format!("Noticed: {error}"), format!("Замечено: {error}"))));
    lines.join("\n")
}
