//! `env.contract.yaml`: one fragment for each service and one for `infra`, merged by key.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{At, Fields, Report};
use crate::domain::suggest::nearest;
use crate::scaffold::spec::contract::{EnvContract, EnvEntry, EnvSource, Environment};
use crate::scaffold::spec::problem::shown;
use crate::scaffold::spec::tree::{Pos, Value};

const ENVIRONMENTS: [(&str, Environment); 5] = [
    ("local", Environment::Local),
    ("development", Environment::Development),
    ("test", Environment::Test),
    ("staging", Environment::Staging),
    ("production", Environment::Production),
];

#[derive(Clone, Copy, PartialEq)]
enum Source {
    UserSecret,
    GeneratedSecret,
    Allocation,
    Derived,
    Literal,
}

const SOURCES: [(&str, Source); 5] = [
    ("user_secret", Source::UserSecret),
    ("generated_secret", Source::GeneratedSecret),
    ("allocation", Source::Allocation),
    ("derived", Source::Derived),
    ("literal", Source::Literal),
];

/// The contract while its fragments are read.
#[derive(Default)]
pub(in crate::scaffold::spec) struct Merge {
    pub contract: EnvContract,
    pub places: BTreeMap<String, (String, Pos)>,
}

/// One fragment. `owner` is the folder's name, `services` are the names a consumer may have.
pub(in crate::scaffold::spec) fn fragment(
    report: &mut Report,
    root: &At,
    owner: &str,
    services: &[&str],
    merge: &mut Merge,
) {
    let Some(parts) = report.fields(root, &["version", "owner", "entries"]) else { return };
    super::project::version(report, &parts, "1");
    match parts.get("owner") {
        Some(at) => {
            if let Some(text) = report.text(at)
                && text != owner
            {
                let reason = format!("the owner is the folder `{owner}`, not `{}`", shown(text));
                report.value_hint(at, reason, Some(format!("write `owner: {owner}`")));
            }
        }
        None => report.missing(root, "owner", format!("write `owner: {owner}`")),
    }
    let Some(entries) = parts.get("entries").filter(|at| !at.is_null()) else { return };
    for at in report.entries(entries).unwrap_or_default() {
        let before = report.problems.len();
        check_key(report, &at);
        let found = entry(report, &at, services);
        let Some(found) = found.filter(|_| report.problems.len() == before) else { continue };
        match merge.contract.entries.get(at.name) {
            Some(other) if *other != found => {
                let (file, pos) = &merge.places[at.name];
                let reason = format!("`{}` is declared differently in {file}:{}", at.name, pos.line);
                report.add(
                    at.file,
                    at.key_pos,
                    &at.path,
                    reason,
                    Some("declare it once, or in the same words".to_owned()),
                );
            }
            Some(_) => {}
            None => {
                merge.places.insert(at.name.to_owned(), (at.file.to_owned(), at.key_pos));
                merge.contract.entries.insert(at.name.to_owned(), found);
            }
        }
    }
}

fn check_key(report: &mut Report, at: &At) {
    let good = at.name.len() <= 100
        && at.name.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
        && at.name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    if !good {
        let upper: String =
            at.name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
        let hint = upper.starts_with(|c: char| c.is_ascii_uppercase()).then(|| format!("write `{}`", shown(&upper)));
        let reason = format!("`{}` is not a variable's name: it has A-Z, 0-9 and _ only", shown(at.name));
        report.add(at.file, at.key_pos, &at.path, reason, hint);
    }
}

fn entry(report: &mut Report, at: &At, services: &[&str]) -> Option<EnvEntry> {
    const KEYS: [&str; 9] =
        ["source", "environments", "consumers", "required", "description", "sensitive", "service", "resource", "value"];
    let parts = report.fields(at, &KEYS)?;
    let source = report
        .needed(&parts, at, "source", "write `user_secret`, `generated_secret`, `allocation`, `derived` or `literal`")
        .and_then(|at| report.word(at, "source", &SOURCES));
    let hint = "write something like `environments: [development, production]`";
    let mut environments: Vec<Environment> = Vec::new();
    if let Some(at) = report.needed(&parts, at, "environments", hint) {
        let items = report.items(at)?;
        if items.is_empty() {
            report.value(at, "a variable belongs to at least one environment");
        }
        environments.extend(items.iter().filter_map(|item| report.word(item, "environment", &ENVIRONMENTS)));
    }
    environments.sort_unstable();
    environments.dedup();
    let consumers = consumers(report, &parts, services);
    let required = report
        .needed(&parts, at, "required", "write `required: true` or `required: false`")
        .and_then(|at| report.boolean(at));
    let description = parts.get("description").filter(|at| !at.is_null()).and_then(|at| report.prose(at));
    let source = source?;
    let sensitive = sensitive(report, &parts, source);
    let source = details(report, at, &parts, source, services)?;
    if source == EnvSource::UserSecret {
        if consumers.is_empty() {
            report.missing(at, "consumers", "a secret from a person names the services that read it");
        }
        if description.is_none() {
            report.missing(at, "description", "say what the person is asked for");
        }
    }
    Some(EnvEntry { source, environments, consumers, required: required?, description, sensitive })
}

fn consumers(report: &mut Report, parts: &Fields, services: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let items = parts.get("consumers").filter(|at| !at.is_null()).and_then(|at| report.items(at));
    for item in items.unwrap_or_default() {
        let Some(name) = report.text(&item) else { continue };
        if !services.contains(&name) {
            let reason = format!("there is no service `{}`", shown(name));
            report.value_hint(&item, reason, nearest(name, services.iter().copied()));
        }
        found.push(name.to_owned());
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn sensitive(report: &mut Report, parts: &Fields, source: Source) -> bool {
    let given = parts.get("sensitive").and_then(|at| report.boolean(at).map(|value| (at, value)));
    match (source, given) {
        (Source::UserSecret | Source::GeneratedSecret, Some((at, false))) => {
            report.value(at, "a secret is always sensitive");
            true
        }
        (Source::UserSecret | Source::GeneratedSecret, _) => true,
        (Source::Derived | Source::Literal, Some((at, true))) => {
            let hint = Some("use `user_secret` or `generated_secret`".to_owned());
            report.value_hint(at, "a derived or literal value is never sensitive", hint);
            false
        }
        (Source::Derived | Source::Literal, _) => false,
        (Source::Allocation, given) => given.is_some_and(|(_, value)| value),
    }
}

fn details(report: &mut Report, at: &At, parts: &Fields, source: Source, services: &[&str]) -> Option<EnvSource> {
    let fitting: &[&str] = match source {
        Source::Allocation => &["service", "resource"],
        Source::Literal => &["value"],
        Source::UserSecret | Source::GeneratedSecret | Source::Derived => &[],
    };
    for key in ["service", "resource", "value"].iter().filter(|key| !fitting.contains(key)) {
        if let Some(part) = parts.get(key) {
            report.key(part, format!("`{key}` does not belong to this source"));
        }
    }
    match source {
        Source::UserSecret => Some(EnvSource::UserSecret),
        Source::GeneratedSecret => Some(EnvSource::GeneratedSecret),
        Source::Derived => Some(EnvSource::Derived),
        Source::Allocation => {
            let mut part = |key: &str| parts.get(key).filter(|at| !at.is_null()).map(|at| report.prose(at));
            let (service, resource) = (part("service"), part("resource"));
            if service.is_none() && resource.is_none() {
                report.missing(at, "service", "an allocation names a `service` or a `resource`");
            }
            let service = service.flatten();
            if let (Some(name), Some(at)) = (&service, parts.get("service"))
                && !services.contains(&name.as_str())
            {
                let hint = nearest(name, services.iter().copied());
                report.value_hint(at, format!("there is no service `{}`", shown(name)), hint);
            }
            Some(EnvSource::Allocation { service, resource: resource.flatten() })
        }
        Source::Literal => {
            let Some(value) = parts.get("value") else {
                report.missing(at, "value", "a literal stands here: `value: …`");
                return None;
            };
            if !matches!(value.node.value, Value::Text(_) | Value::Number(_) | Value::Bool(_)) {
                report.expected(value, "a text, a number, or true or false");
                return None;
            }
            let json: Json = value.node.to_json();
            if json.as_str().is_some_and(|text| text.contains('\0')) {
                report.value(value, "a variable cannot hold a zero byte");
            }
            Some(EnvSource::Literal { value: json })
        }
    }
}
