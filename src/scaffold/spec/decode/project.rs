//! The project's name and its modules: `project:` with `services:` (as in `services.yml`) or `modules:`.

use super::{At, Fields, Report};
use crate::domain::names::ProjectName;
use crate::domain::spec::{Language, Module, ProjectMeta};
use crate::domain::suggest::{nearest, one_of};
use crate::scaffold::spec::problem::shown;
use crate::scaffold::spec::tree::Value;

/// A module as `services.yml` says it: name, type as written, other types it may have, description as written.
pub(in crate::scaffold::spec) struct Service {
    pub module: Module,
    pub name: &'static str,
    pub kind: &'static str,
    also: &'static [&'static str],
    pub description: &'static str,
}

pub(in crate::scaffold::spec) const SERVICES: [Service; 4] = [
    Service {
        module: Module::Backend,
        name: "backend",
        kind: "python-fastapi",
        also: &[],
        description: "HTTP API with its database",
    },
    Service {
        module: Module::TelegramBot,
        name: "tg_bot",
        kind: "python-faststream",
        also: &["python"],
        description: "Telegram bot in front of the backend",
    },
    Service {
        module: Module::Notifications,
        name: "notifications_worker",
        kind: "python-faststream",
        also: &["python"],
        description: "Worker that sends notifications",
    },
    Service {
        module: Module::Frontend,
        name: "frontend",
        kind: "node",
        also: &[],
        description: "Web page in front of the backend",
    },
];

/// Services that others may depend on without being listed.
const INFRASTRUCTURE: [&str; 2] = ["db", "redis"];
const CONDITIONS: [(&str, ()); 3] =
    [("service_started", ()), ("service_healthy", ()), ("service_completed_successfully", ())];

/// `version: 2`, where it is given.
pub(in crate::scaffold::spec) fn version(report: &mut Report, fields: &Fields, wanted: &str) {
    let Some(at) = fields.get("version") else { return };
    let found = match &at.node.value {
        Value::Text(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return report.expected(at, "a version"),
    };
    if found != wanted {
        report.value_hint(
            at,
            format!("version `{}` is not known to this cgo", shown(&found)),
            Some(format!("write `{wanted}`")),
        );
    }
}

pub(in crate::scaffold::spec) fn project(report: &mut Report, at: &At) -> Option<ProjectMeta> {
    let fields = report.fields(at, &["name", "title", "description", "language"])?;
    let name: Option<ProjectName> = report
        .needed(&fields, at, "name", "write something like `name: notes-api`")
        .and_then(|name| report.named(name));
    let title = fields.get("title").map(|at| report.prose(at));
    let description = fields.get("description").map(|at| report.text(at).map(|text| text.trim().to_owned()));
    let languages = [("en", Language::En), ("ru", Language::Ru)];
    let language = fields.get("language").map(|at| report.word(at, "language", &languages));
    let name = name?;
    Some(ProjectMeta {
        title: title.flatten().unwrap_or_else(|| name.to_string()),
        description: description.flatten().unwrap_or_default(),
        language: language.flatten().unwrap_or_default(),
        name,
    })
}

pub(in crate::scaffold::spec) fn modules(report: &mut Report, at: &At) -> Vec<Module> {
    let words = Module::ALL.map(|module| (module.as_str(), module));
    let mut found = Vec::new();
    for item in report.items(at).unwrap_or_default() {
        if let Some(module) = report.word(&item, "module", &words) {
            add(report, &item, &mut found, module);
        }
    }
    sorted(found)
}

pub(in crate::scaffold::spec) fn services(report: &mut Report, at: &At) -> Vec<Module> {
    let items = report.items(at).unwrap_or_default();
    let listed: Vec<&str> = items
        .iter()
        .filter_map(|item| match item.node.entry("name").map(|entry| &entry.node.value) {
            Some(Value::Text(name)) => Some(name.as_str()),
            _ => None,
        })
        .collect();
    let mut found = Vec::new();
    for item in &items {
        if let Some(module) = service(report, item, &listed) {
            add(report, item, &mut found, module);
        }
    }
    sorted(found)
}

fn add(report: &mut Report, at: &At, found: &mut Vec<Module>, module: Module) {
    if found.contains(&module) {
        report.value(at, format!("the module `{module}` stands here twice"));
    } else {
        found.push(module);
    }
}

fn sorted(mut found: Vec<Module>) -> Vec<Module> {
    found.sort_unstable();
    found
}

fn service(report: &mut Report, at: &At, listed: &[&str]) -> Option<Module> {
    const KEYS: [&str; 7] = ["name", "type", "description", "dev_template", "scaffold", "depends_on", "profiles"];
    let fields = report.fields(at, &KEYS)?;
    let names = || SERVICES.iter().map(|service| service.name);
    let name = report.needed(&fields, at, "name", format!("write {}", one_of(names())))?;
    let text = report.text(name)?;
    let service = SERVICES.iter().find(|service| service.name == text);
    if service.is_none() {
        let hint = nearest(text, names()).or_else(|| Some(format!("cgo builds {}", one_of(names()))));
        report.value_hint(name, format!("unknown service `{}`", shown(text)), hint);
    }
    if let (Some(at), Some(service)) = (fields.get("type"), service)
        && let Some(text) = report.text(at)
    {
        if service.also.contains(&text) {
            report.not_written(at);
        } else if text != service.kind {
            let reason = format!("the service `{}` is not of the type `{}`", service.name, shown(text));
            report.value_hint(at, reason, Some(format!("write `{}`", service.kind)));
        }
    }
    if let Some(at) = fields.get("description")
        && let Some(text) = report.prose(at)
        && service.is_some_and(|service| service.description != text)
    {
        report.not_written(at);
    }
    for at in ["dev_template", "scaffold"].iter().filter_map(|key| fields.get(key)) {
        report.boolean(at);
        report.not_written(at);
    }
    if let Some(at) = fields.get("depends_on") {
        depends_on(report, at, listed);
    }
    if let Some(at) = fields.get("profiles") {
        for profile in report.items(at).unwrap_or_default() {
            report.prose(&profile);
        }
        report.not_written(at);
    }
    service.map(|service| service.module)
}

fn depends_on(report: &mut Report, at: &At, listed: &[&str]) {
    report.not_written(at);
    if at.is_null() {
        return;
    }
    for entry in report.entries(at).unwrap_or_default() {
        if !listed.contains(&entry.name) && !INFRASTRUCTURE.contains(&entry.name) {
            let known = listed.iter().copied().chain(INFRASTRUCTURE);
            let hint = nearest(entry.name, known);
            let reason = format!("depends on `{}`, which is no service here", shown(entry.name));
            report.add(entry.file, entry.key_pos, &entry.path, reason, hint);
        }
        report.word(&entry, "condition", &CONDITIONS);
    }
}
