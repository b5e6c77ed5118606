//! Events and what services consume of each other: checked, though cgo's spec does not carry them yet.

use std::collections::BTreeMap;

use super::domains::OperationEvents;
use super::{At, Report};
use crate::domain::names::{Identifier, ModelName};
use crate::domain::suggest::nearest;
use crate::scaffold::spec::problem::shown;

/// What `events.yaml` declares: for each event whether it is published.
pub(in crate::scaffold::spec) type Events<'a> = BTreeMap<&'a str, bool>;

/// Knows the models of the spec, with their forms, the refused ones among them.
pub(in crate::scaffold::spec) struct Models<'a>(pub Vec<&'a str>);

impl Models<'_> {
    fn check(&self, report: &mut Report, at: &At) {
        if let Some(name) = report.named::<ModelName>(at) {
            self.known(report, at, &name);
        }
    }

    fn known(&self, report: &mut Report, at: &At, name: &ModelName) {
        if !self.0.contains(&name.as_str()) {
            let hint = nearest(name.as_str(), self.0.iter().copied());
            report.value_hint(at, format!("there is no model `{name}`"), hint);
        }
    }
}

/// The document `events.yaml`.
pub(in crate::scaffold::spec) fn events<'a>(report: &mut Report, root: &At<'a>, models: &Models) -> Events<'a> {
    let mut events = Events::new();
    if root.is_null() {
        return events;
    }
    let Some(parts) = report.fields(root, &["version", "events"]) else { return events };
    super::project::version(report, &parts, "2");
    let Some(at) = parts.get("events").filter(|at| !at.is_null()) else { return events };
    for entry in report.entries(at).unwrap_or_default() {
        report.key_named::<Identifier>(&entry);
        let Some(parts) = report.fields(&entry, &["message", "publish", "subscribe", "description"]) else { continue };
        match parts.get("message") {
            Some(at) => models.check(report, at),
            None => report.missing(&entry, "message", "write the name of a model"),
        }
        let mut flag = |key: &str| parts.get(key).map(|at| report.boolean(at));
        let (publish, subscribe) = (flag("publish"), flag("subscribe"));
        let set = |flag: Option<Option<bool>>| flag.is_some_and(|value| value != Some(false));
        if !set(publish) && !set(subscribe) {
            report.key(&entry, "an event is published, subscribed to, or both");
        }
        if let Some(at) = parts.get("description") {
            report.prose(at);
        }
        events.insert(entry.name, set(publish));
    }
    events
}

/// The `events:` of an operation.
pub(in crate::scaffold::spec) fn operation(
    report: &mut Report,
    of: &OperationEvents,
    events: &Events,
    models: &Models,
) {
    const KEYS: [&str; 4] = ["subscribe", "publish_on_success", "publish_on_error", "message_model"];
    for (at, name) in &of.models {
        models.known(report, at, name);
    }
    let Some(parts) = report.fields(&of.at, &KEYS) else { return };
    if parts.get("subscribe").is_none() && parts.get("publish_on_success").is_none() {
        report.key(&of.at, "events need `subscribe` or `publish_on_success`");
    }
    for key in ["subscribe", "publish_on_success", "publish_on_error"] {
        let Some(at) = parts.get(key) else { continue };
        let Some(name) = report.named::<Identifier>(at) else { continue };
        match events.get(name.as_str()) {
            None => {
                let hint = nearest(name.as_str(), events.keys().copied())
                    .or_else(|| Some("declare it in shared/spec/events.yaml".to_owned()));
                report.value_hint(at, format!("there is no event `{name}`"), hint);
            }
            Some(false) if key != "subscribe" => {
                let hint = Some("write `publish: true` in shared/spec/events.yaml".to_owned());
                report.value_hint(at, format!("the event `{name}` is not published"), hint);
            }
            Some(_) => {}
        }
    }
    let message = parts.get("message_model");
    if let Some(at) = message {
        models.check(report, at);
    }
    if let Some(at) = parts.get("subscribe").filter(|_| !of.has_input && message.is_none()) {
        report.key(at, "an operation that subscribes needs an `input`");
    }
    if let Some(at) = parts.get("publish_on_success").filter(|_| !of.has_output && message.is_none()) {
        report.key(at, "an operation that publishes needs an `output`");
    }
}

/// The document `manifest.yaml`. `known` has the operations of each domain, where they could be read.
pub(in crate::scaffold::spec) fn manifest(
    report: &mut Report,
    root: &At,
    known: &BTreeMap<(String, String), Option<Vec<String>>>,
) {
    if root.is_null() {
        return;
    }
    let Some(parts) = report.fields(root, &["version", "service", "consumes"]) else { return };
    super::project::version(report, &parts, "2");
    if let Some(at) = parts.get("service") {
        report.text(at);
    }
    let Some(consumes) = parts.get("consumes").filter(|at| !at.is_null()) else { return };
    for item in report.items(consumes).unwrap_or_default() {
        let Some(parts) = report.fields(&item, &["service", "domain", "operations"]) else { continue };
        let mut part = |key: &str, of: &str| {
            report.needed(&parts, &item, key, of).and_then(|at| report.text(at).map(str::to_owned))
        };
        let (service, domain) = (part("service", "write `service: backend`"), part("domain", "write a domain's name"));
        let (Some(service), Some(domain)) = (service, domain) else { continue };
        let key = (service, domain);
        let Some(operations) = known.get(&key) else {
            let (service, domain) = key;
            let all: Vec<String> = known.keys().map(|(service, domain)| format!("{service}/{domain}")).collect();
            let wanted = format!("{service}/{domain}");
            let hint = nearest(&wanted, all.iter().map(String::as_str));
            report.value_hint(&item, format!("there is no domain `{}`", shown(&wanted)), hint);
            continue;
        };
        let (Some(at), Some(operations)) = (parts.get("operations").filter(|at| !at.is_null()), operations) else {
            continue;
        };
        for item in report.items(at).unwrap_or_default() {
            let Some(name) = report.text(&item) else { continue };
            if !operations.iter().any(|operation| operation == name) {
                let hint = nearest(name, operations.iter().map(String::as_str));
                let reason = format!("there is no operation `{}` in `{}`", shown(name), shown(&key.1));
                report.value_hint(&item, reason, hint);
            }
        }
    }
}
