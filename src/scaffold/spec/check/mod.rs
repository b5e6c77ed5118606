//! What the parts of a spec mean together: the rules that make generated code parse, import and start.
//!
//! The same rules hold for files and for specs that agents send; only the places differ.

mod domains;
mod models;
mod names;
mod pattern;
mod routes;
mod values;

use std::collections::HashSet;

pub(super) use domains::forms_of;

use super::problem::shown;
use crate::domain::spec::{Action, Domain, Feature, FieldType, Model, Module, RedirectFields, Spec};
use crate::domain::suggest::nearest;

/// The most models, fields of a model, domains, and operations of a domain.
pub(super) const MAX_ENTRIES: usize = 200;
const MAX_VARIANTS: usize = 20;
const MAX_TITLE: usize = 100;
const MAX_DESCRIPTION: usize = 20_000;

/// A broken rule, by its path through the spec.
pub(super) struct Finding {
    pub path: String,
    /// The name itself is wrong, rather than what it stands for.
    pub key: bool,
    pub reason: String,
    pub suggestion: Option<String>,
}

/// The rules at work. `declared` says whether a path is written in the files though it could not be read:
/// what points there is not reported a second time.
pub(super) struct Check<'a> {
    spec: &'a Spec,
    declared: &'a dyn Fn(&str) -> bool,
    /// The models' names and those of their forms.
    forms: HashSet<String>,
    found: Vec<Finding>,
}

/// Every rule over the whole spec.
pub(super) fn spec(spec: &Spec, declared: &dyn Fn(&str) -> bool) -> Vec<Finding> {
    let mut check = Check::new(spec, declared);
    if !check.small_enough("domains", &spec.domains) {
        return check.found;
    }
    check.project();
    check.models();
    check.names();
    check.domains("domains", &spec.domains);
    check.features();
    check.found
}

/// The rules for the domains of a service that is not the backend.
pub(super) fn other_domains(
    spec: &Spec,
    declared: &dyn Fn(&str) -> bool,
    path: &str,
    domains: &[Domain],
) -> Vec<Finding> {
    let mut check = Check::new(spec, declared);
    if check.small_enough(path, domains) {
        check.domains(path, domains);
    }
    check.found
}

/// The features that the operations carry out, in their order.
#[must_use]
pub fn derive_features(domains: &[Domain]) -> Vec<Feature> {
    let mut features = Vec::new();
    for operation in domains.iter().flat_map(|domain| &domain.operations) {
        let model = || operation.model.clone();
        let feature = match &operation.action {
            Some(Action::ExportCsv) => model().map(|model| Feature::ExportCsv { model }),
            Some(Action::Summary) => model().map(|model| Feature::Summary { model }),
            Some(Action::Redirect(fields)) => Some(Feature::Redirect(fields.clone())),
            _ => None,
        };
        features.extend(feature.filter(|feature| !features.contains(feature)));
    }
    features
}

impl<'a> Check<'a> {
    fn new(spec: &'a Spec, declared: &'a dyn Fn(&str) -> bool) -> Self {
        let forms = spec.models.iter().flat_map(forms_of).collect();
        Self { spec, declared, forms, found: Vec::new() }
    }

    /// What is too large is reported alone, without looking at the rest.
    fn small_enough(&mut self, path: &str, domains: &[Domain]) -> bool {
        let spec = self.spec;
        let mut limit = |path: String, count: usize, most: usize, what: &str| {
            if count > most {
                self.key(path, format!("more than {most} {what}"));
            }
        };
        limit("models".to_owned(), spec.models.len(), MAX_ENTRIES, "models");
        for model in spec.models.iter().take(MAX_ENTRIES) {
            limit(format!("models.{}.fields", model.name), model.fields.len(), MAX_ENTRIES, "fields");
            limit(format!("models.{}.variants", model.name), model.variants.len(), MAX_VARIANTS, "variants");
        }
        limit(path.to_owned(), domains.len(), MAX_ENTRIES, "domains");
        for domain in domains.iter().take(MAX_ENTRIES) {
            let count = domain.operations.len();
            limit(format!("{path}.{}.operations", domain.name), count, MAX_ENTRIES, "operations");
        }
        self.found.is_empty()
    }

    fn add(&mut self, path: String, reason: impl Into<String>) {
        self.found.push(Finding { path, key: false, reason: reason.into(), suggestion: None });
    }

    fn hint(&mut self, path: String, reason: impl Into<String>, hint: impl Into<Option<String>>) {
        self.found.push(Finding { path, key: false, reason: reason.into(), suggestion: hint.into() });
    }

    fn key(&mut self, path: String, reason: impl Into<String>) {
        self.found.push(Finding { path, key: true, reason: reason.into(), suggestion: None });
    }

    fn key_hint(&mut self, path: String, reason: impl Into<String>, hint: String) {
        self.found.push(Finding { path, key: true, reason: reason.into(), suggestion: Some(hint) });
    }

    fn model(&self, name: &str) -> Option<&'a Model> {
        self.spec.models.iter().find(|model| model.name.as_str() == name)
    }

    fn line(&mut self, path: String, text: &str, most: usize) {
        if text.trim().is_empty() {
            self.add(path, "it is empty");
        } else if text.trim() != text {
            self.add(path, "it begins or ends with a space");
        } else if text.chars().any(char::is_control) {
            self.add(path, "it must be one line without control characters");
        } else if text.chars().count() > most {
            self.add(path, format!("it is longer than {most} characters"));
        }
    }

    fn project(&mut self) {
        let project = &self.spec.project;
        self.line("project.title".to_owned(), &project.title, MAX_TITLE);
        let description = &project.description;
        let path = || "project.description".to_owned();
        if description.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
            self.add(path(), "it has control characters");
        } else if description.chars().count() > MAX_DESCRIPTION {
            self.add(path(), format!("it is longer than {MAX_DESCRIPTION} characters"));
        } else if description.trim() != description {
            self.add(path(), "it begins or ends with a space or an empty line");
        }
        let modules = &self.spec.modules;
        let path = || "modules".to_owned();
        if modules.is_empty() {
            self.hint(path(), "a project has at least one module", "add `backend`".to_owned());
            return;
        }
        for (index, module) in modules.iter().enumerate() {
            if modules[..index].contains(module) {
                self.add(format!("modules.{index}"), format!("the module `{module}` stands here twice"));
            }
        }
        if modules.contains(&Module::Backend) {
            return;
        }
        if modules.contains(&Module::Notifications) {
            self.hint(path(), "`notifications` works with a backend only", "add `backend`".to_owned());
        }
        if !self.spec.domains.is_empty() {
            self.hint(path(), "operations need a backend", "add `backend`".to_owned());
        }
    }

    fn features(&mut self) {
        let features = &self.spec.features;
        let derived = derive_features(&self.spec.domains);
        for (index, feature) in features.iter().enumerate() {
            let path = format!("features.{index}");
            if features[..index].contains(feature) {
                self.add(path, "the feature stands here twice");
                continue;
            }
            // The operation that carries a feature out is checked itself, with a better place.
            if derived.contains(feature) {
                continue;
            }
            match feature {
                _ if !self.spec.domains.is_empty() => self.add(path, "no operation carries out this feature"),
                Feature::ExportCsv { model } | Feature::Summary { model } => {
                    self.known_model(format!("{path}.model"), model.as_str());
                }
                Feature::Redirect(fields) => self.redirect(&path, fields),
            }
        }
        for feature in derived.iter().filter(|feature| !features.contains(feature)) {
            let name = match feature {
                Feature::ExportCsv { .. } => "export_csv",
                Feature::Summary { .. } => "summary",
                Feature::Redirect(_) => "redirect",
            };
            self.add("features".to_owned(), format!("an operation carries out `{name}`, which is not listed"));
        }
    }

    /// Reports a model that does not exist.
    fn known_model(&mut self, path: String, name: &str) -> Option<&'a Model> {
        let found = self.model(name);
        if found.is_none() && !(self.declared)(&format!("models.{name}")) {
            let hint = nearest(name, self.spec.models.iter().map(|model| model.name.as_str()));
            self.hint(path, format!("there is no model `{}`", shown(name)), hint);
        }
        found
    }

    /// The field a redirect works with, if it exists and is of a fitting type.
    fn redirect_field(&mut self, path: String, model: &Model, name: &str, types: &[FieldType], what: &str) {
        match model.field(name) {
            None if (self.declared)(&format!("models.{}.fields.{name}", model.name)) => {}
            None => {
                let hint = nearest(name, model.fields.iter().map(|field| field.name.as_str()));
                self.hint(path, format!("`{}` has no field `{name}`", model.name), hint);
            }
            Some(field) if !types.contains(&field.ty) => {
                self.add(path, format!("the field `{name}` must be {what}"));
            }
            Some(_) => {}
        }
    }

    fn redirect(&mut self, path: &str, fields: &RedirectFields) {
        let Some(model) = self.known_model(format!("{path}.model"), fields.model.as_str()) else { return };
        let at = |part: &str| format!("{path}.{part}");
        self.redirect_field(at("key"), model, fields.key.as_str(), &[FieldType::String], "a `string`");
        if model.field(fields.key.as_str()).is_some_and(|field| field.ty == FieldType::String && !field.unique) {
            let hint = format!("write `unique: true` in models.{}.fields.{}", model.name, fields.key);
            self.hint(at("key"), format!("the field `{}` must be unique", fields.key), hint);
        }
        if model.field(fields.key.as_str()).is_some_and(|field| field.default.is_some()) {
            self.add(at("key"), format!("the field `{}` is made up when none is given: it has no default", fields.key));
        }
        self.redirect_field(at("target"), model, fields.target.as_str(), &[FieldType::Url], "a `url`");
        if model.field(fields.target.as_str()).is_some_and(|field| field.optional) {
            self.add(at("target"), format!("the field `{}` must not be optional", fields.target));
        }
        if let Some(counter) = &fields.counter {
            self.redirect_field(at("counter"), model, counter.as_str(), &[FieldType::Int], "an `int`");
        }
        if let Some(expires) = &fields.expires {
            self.redirect_field(at("expires"), model, expires.as_str(), &[FieldType::Datetime], "a `datetime`");
            if model.field(expires.as_str()).is_some_and(|field| field.ty == FieldType::Datetime && !field.optional) {
                self.hint(
                    at("expires"),
                    format!("the field `{expires}` must be optional"),
                    "write `optional: true`".to_owned(),
                );
            }
        }
    }
}
