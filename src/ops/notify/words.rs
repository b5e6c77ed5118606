//! What people are told, in their language.

use super::super::Context;
use super::faults;
use crate::domain::incident::{Incident, IncidentStatus};
use crate::domain::notice::NoticeKind;
use crate::domain::project::Project;
use crate::domain::run::{Ask, RequestKind, Run};
use crate::domain::spec::Language;

/// The most lines a letter says more.
const LINES: usize = 12;

/// What a letter is about.
pub(super) struct About<'a> {
    pub(super) kind: NoticeKind,
    /// What happened before, that nobody was told of yet.
    pub(super) before: &'a [NoticeKind],
    pub(super) run: Option<&'a Run>,
    pub(super) ask: Option<&'a Ask>,
    pub(super) project: Option<&'a Project>,
    pub(super) incident: Option<&'a Incident>,
}

/// Title and lines, without secrets.
pub(super) fn of(context: &Context, about: &About<'_>, language: Language) -> (String, Vec<String>) {
    let title = title(about, language);
    let mut lines: Vec<String> = Vec::new();
    match about.kind {
        NoticeKind::Question | NoticeKind::Approval | NoticeKind::Secret | NoticeKind::Capacity => {
            let questions = about.ask.map(|ask| ask.questions.as_slice()).unwrap_or_default();
            lines.extend(questions.iter().flat_map(|question| question.text.lines().map(str::to_owned)));
        }
        NoticeKind::RunFailed | NoticeKind::RunCancelled | NoticeKind::RunStuck => {
            let reason = |run: &Run| Some(faults::reason(run.status, run.reason.as_ref()?, language));
            lines.extend(about.run.and_then(reason));
        }
        NoticeKind::IncidentOpened => {
            lines.extend(about.incident.iter().flat_map(|incident| incident.details.lines().map(str::to_owned)));
        }
        NoticeKind::IncidentClosed => {
            lines.extend(about.incident.and_then(|incident| incident.resolution.clone()));
        }
        NoticeKind::RunSucceeded => {}
    }
    lines.retain(|line| !line.trim().is_empty());
    lines.truncate(LINES);
    let clean = |text: String| context.secrets.clean(&text).into_owned();
    (clean(title), lines.into_iter().map(clean).collect())
}

/// The project, or the run while it has none.
fn name(about: &About<'_>) -> String {
    let asked = about.run.and_then(|run| run.request.project().map(ToString::to_string));
    let project = about.project.map(|project| project.name.to_string()).or(asked);
    match (project, about.run) {
        (Some(name), _) => format!("`{name}`"),
        (None, Some(run)) => format!("`{}`", run.id),
        (None, None) => String::new(),
    }
}

fn title(about: &About<'_>, language: Language) -> String {
    let name = name(about);
    let incident = about.incident.map(|incident| incident.told(language)).unwrap_or_default();
    // What is over is not told as if it went on, however late it is told that it began.
    let was = if about.kind == NoticeKind::IncidentOpened {
        about.incident.is_some_and(|incident| incident.status == IncidentStatus::Resolved)
    } else {
        about.before.contains(&NoticeKind::IncidentOpened)
    };
    let request = about.run.map(|run| run.request.kind());
    match (language, about.kind) {
        (Language::En, NoticeKind::RunSucceeded) => match request {
            Some(RequestKind::Deploy) => format!("{name}: the new release serves"),
            Some(RequestKind::Rollback) => format!("{name}: the release before serves again"),
            Some(RequestKind::Update) => format!("{name}: changed"),
            Some(RequestKind::NewProject) | None => format!("{name}: done"),
        },
        (Language::En, NoticeKind::RunFailed) => match request {
            Some(RequestKind::Deploy | RequestKind::Rollback) => format!("{name}: the deployment failed"),
            Some(RequestKind::Update) => format!("{name}: the change failed"),
            Some(RequestKind::NewProject) | None => format!("{name}: failed"),
        },
        (Language::En, NoticeKind::RunCancelled) => format!("{name}: cancelled"),
        (Language::En, NoticeKind::Question) => format!("{name}: a question"),
        (Language::En, NoticeKind::Approval) => format!("{name}: an approval is needed"),
        (Language::En, NoticeKind::Secret) => format!("{name}: a secret is needed"),
        (Language::En, NoticeKind::Capacity) => format!("{name}: waits for room on a server"),
        (Language::En, NoticeKind::RunStuck) => format!("{name}: cannot go on by itself"),
        (Language::En, NoticeKind::IncidentOpened | NoticeKind::IncidentClosed) if was => {
            format!("was broken, works again: {incident}")
        }
        (Language::En, NoticeKind::IncidentOpened) => format!("broken: {incident}"),
        (Language::En, NoticeKind::IncidentClosed) => format!("works again: {incident}"),
        (Language::Ru, NoticeKind::RunSucceeded) => match request {
            Some(RequestKind::Deploy) => format!("{name}: новая версия работает"),
            Some(RequestKind::Rollback) => format!("{name}: снова работает прежняя версия"),
            Some(RequestKind::Update) => format!("{name}: изменено"),
            Some(RequestKind::NewProject) | None => format!("{name}: готово"),
        },
        (Language::Ru, NoticeKind::RunFailed) => match request {
            Some(RequestKind::Deploy | RequestKind::Rollback) => format!("{name}: выкладка не удалась"),
            Some(RequestKind::Update) => format!("{name}: изменить не удалось"),
            Some(RequestKind::NewProject) | None => format!("{name}: не получилось"),
        },
        (Language::Ru, NoticeKind::RunCancelled) => format!("{name}: отменено"),
        (Language::Ru, NoticeKind::Question) => format!("{name}: есть вопрос"),
        (Language::Ru, NoticeKind::Approval) => format!("{name}: нужно одобрение"),
        (Language::Ru, NoticeKind::Secret) => format!("{name}: нужен секрет"),
        (Language::Ru, NoticeKind::Capacity) => format!("{name}: ждёт места на сервере"),
        (Language::Ru, NoticeKind::RunStuck) => format!("{name}: само дальше не пойдёт"),
        (Language::Ru, NoticeKind::IncidentOpened | NoticeKind::IncidentClosed) if was => {
            format!("Было и устранено: {incident}")
        }
        (Language::Ru, NoticeKind::IncidentOpened) => incident,
        (Language::Ru, NoticeKind::IncidentClosed) => format!("Устранено: {incident}"),
    }
}
