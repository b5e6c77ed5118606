//! Writing a spec as files. The same spec gives the same bytes.

use serde_json::{Number, Value as Json};

use super::decode::domains::ACTIONS;
use super::decode::models::{on_delete_word, relation_word};
use super::decode::project::SERVICES as KNOWN_SERVICES;
use super::source::{MODELS, SERVICES};
use super::yaml::{Yaml, document, number_text};
use crate::domain::spec::{
    Action, Domain, Field, FieldType, Language, Model, OnDelete, Operation, Param, ParamSource, ProjectMeta,
    RelationKind, Shape, Spec,
};

pub(super) const HEADERS: [&str; 4] = [
    "What the project is called and which services it has. Check with `cgo spec check`.",
    "What the project keeps. After a change: `cgo spec check`, then `cgo project generate`.",
    "What can be done. After a change: `cgo spec check`, then `cgo project generate`.",
    "A whole project, for `cgo project new --spec`.",
];

type Entries = Vec<(String, Yaml)>;

fn put(entries: &mut Entries, key: &str, value: Yaml) {
    entries.push((key.to_owned(), value));
}

/// The files of a spec, as (path, text), in the order of their paths.
///
/// Reading them gives the spec back, in the order of [`canonical`](super::canonical). Features are not written:
/// they are in the operations that carry them out. What is not part of a spec (events, manifests, environment
/// contracts) is not written either, so files with it stay as they are.
#[must_use]
pub fn files(spec: &Spec) -> Vec<(String, String)> {
    let mut root = vec![("version".to_owned(), Yaml::Bare("2".to_owned()))];
    put(&mut root, "project", project(&spec.project));
    put(&mut root, "services", services(spec));
    let mut files = vec![(SERVICES.to_owned(), document(HEADERS[0], &Yaml::Spaced(root)))];
    if !spec.models.is_empty() {
        let root = Yaml::Map(vec![("models".to_owned(), models(&spec.models))]);
        files.push((MODELS.to_owned(), document(HEADERS[1], &root)));
    }
    for domain in &spec.domains {
        let path = format!("services/backend/spec/{}.yaml", domain.name);
        files.push((path, document(HEADERS[2], &self::domain(domain))));
    }
    files.sort();
    files
}

/// The spec as one document, which [`single_file`](super::single_file) reads.
#[must_use]
pub fn one_file(spec: &Spec) -> String {
    let mut root = vec![("version".to_owned(), Yaml::Bare("2".to_owned()))];
    put(&mut root, "project", project(&spec.project));
    let modules = spec.modules.iter().map(|module| Yaml::text(module.as_str()));
    put(&mut root, "modules", Yaml::List(modules.collect()));
    put(&mut root, "models", models(&spec.models));
    let domains = spec.domains.iter().map(|domain| (domain.name.to_string(), self::domain(domain)));
    let domains: Entries = domains.collect();
    if !domains.is_empty() {
        put(&mut root, "domains", Yaml::Spaced(domains));
    }
    document(HEADERS[3], &Yaml::Spaced(root))
}

fn project(meta: &ProjectMeta) -> Yaml {
    let mut entries = Entries::new();
    put(&mut entries, "name", Yaml::text(meta.name.as_str()));
    put(&mut entries, "title", Yaml::text(&meta.title));
    if !meta.description.is_empty() {
        put(&mut entries, "description", Yaml::text(&meta.description));
    }
    let language = match meta.language {
        Language::En => "en",
        Language::Ru => "ru",
    };
    put(&mut entries, "language", Yaml::text(language));
    Yaml::Map(entries)
}

fn services(spec: &Spec) -> Yaml {
    let services = KNOWN_SERVICES.iter().filter(|service| spec.modules.contains(&service.module));
    Yaml::List(
        services
            .map(|service| {
                let mut entries = Entries::new();
                put(&mut entries, "name", Yaml::text(service.name));
                put(&mut entries, "type", Yaml::text(service.kind));
                put(&mut entries, "description", Yaml::text(service.description));
                Yaml::Map(entries)
            })
            .collect(),
    )
}

fn models(models: &[Model]) -> Yaml {
    Yaml::Spaced(models.iter().map(|model| (model.name.to_string(), self::model(model))).collect())
}

fn model(model: &Model) -> Yaml {
    let mut entries = Entries::new();
    if let Some(text) = &model.description {
        put(&mut entries, "description", Yaml::text(text));
    }
    let fields = model.fields.iter().map(|field| (field.name.to_string(), self::field(field)));
    put(&mut entries, "fields", Yaml::Map(fields.collect()));
    if !model.variants.is_empty() {
        let variants = model.variants.iter().map(|variant| {
            let mut entries = Entries::new();
            for (key, names) in [("exclude", &variant.exclude), ("optional", &variant.optional)] {
                if !names.is_empty() {
                    put(&mut entries, key, Yaml::List(names.iter().map(|name| Yaml::text(name.as_str())).collect()));
                }
            }
            (variant.name.to_string(), Yaml::Short(entries))
        });
        put(&mut entries, "variants", Yaml::Map(variants.collect()));
    }
    Yaml::Map(entries)
}

fn field(field: &Field) -> Yaml {
    let mut entries = Entries::new();
    match &field.ty {
        FieldType::Ref(reference) => {
            put(&mut entries, "ref", Yaml::text(reference.model.as_str()));
            if reference.kind != RelationKind::ManyToOne {
                put(&mut entries, "relation", Yaml::text(relation_word(reference.kind)));
            }
            if reference.on_delete != OnDelete::Restrict {
                put(&mut entries, "on_delete", Yaml::text(on_delete_word(reference.on_delete)));
            }
        }
        ty => put(&mut entries, "type", type_of(ty)),
    }
    for (set, key) in
        [(field.optional, "optional"), (field.unique, "unique"), (field.index, "index"), (field.readonly, "readonly")]
    {
        if set {
            put(&mut entries, key, Yaml::Bare("true".to_owned()));
        }
    }
    default(&mut entries, field.default.as_ref());
    let bounds = &field.bounds;
    let bare = |number: &Number| Yaml::Bare(number_text(number));
    for (key, number) in [("ge", &bounds.ge), ("gt", &bounds.gt), ("le", &bounds.le), ("lt", &bounds.lt)] {
        if let Some(number) = number {
            put(&mut entries, key, bare(number));
        }
    }
    for (key, count) in [("min_length", bounds.min_length), ("max_length", bounds.max_length)] {
        if let Some(count) = count {
            put(&mut entries, key, Yaml::Bare(count.to_string()));
        }
    }
    for (key, text) in [("pattern", &bounds.pattern), ("description", &field.description)] {
        if let Some(text) = text {
            put(&mut entries, key, Yaml::text(text));
        }
    }
    shortest(entries)
}

/// `{type: T}` is written as `T`.
fn shortest(mut entries: Entries) -> Yaml {
    match &entries[..] {
        [(key, Yaml::Text(_))] if key == "type" => entries.remove(0).1,
        _ => Yaml::Short(entries),
    }
}

fn default(entries: &mut Entries, value: Option<&Json>) {
    if let Some(value) = value {
        put(entries, "default", Yaml::json(value));
    }
}

fn type_of(ty: &FieldType) -> Yaml {
    match simple(ty) {
        Some(text) => Yaml::text(text),
        None => long(ty),
    }
}

fn long(ty: &FieldType) -> Yaml {
    let mut entries = Entries::new();
    match ty {
        FieldType::List(inner) => {
            put(&mut entries, "type", Yaml::text("list"));
            put(&mut entries, "of", type_of(inner));
        }
        FieldType::Dict(inner) => {
            put(&mut entries, "type", Yaml::text("dict"));
            put(&mut entries, "key", Yaml::text("string"));
            put(&mut entries, "value", type_of(inner));
        }
        FieldType::Enum(values) => {
            put(&mut entries, "type", Yaml::text("enum"));
            put(&mut entries, "values", Yaml::List(values.iter().map(|value| Yaml::text(value.as_str())).collect()));
        }
        other => put(&mut entries, "type", Yaml::text(simple(other).unwrap_or_default())),
    }
    Yaml::Short(entries)
}

/// The short form, where a type has one.
fn simple(ty: &FieldType) -> Option<String> {
    let word = match ty {
        FieldType::Int => "int",
        FieldType::Float => "float",
        FieldType::Decimal => "decimal",
        FieldType::Money => "money",
        FieldType::String => "string",
        FieldType::Text => "text",
        FieldType::Bool => "bool",
        FieldType::Date => "date",
        FieldType::Time => "time",
        FieldType::Datetime => "datetime",
        FieldType::Uuid => "uuid",
        FieldType::Email => "email",
        FieldType::Url => "url",
        FieldType::List(inner) => return simple(inner).map(|inner| format!("list[{inner}]")),
        FieldType::Dict(inner) => return simple(inner).map(|inner| format!("dict[string, {inner}]")),
        FieldType::Enum(_) | FieldType::Ref(_) => return None,
    };
    Some(word.to_owned())
}

fn domain(domain: &Domain) -> Yaml {
    let mut entries = Entries::new();
    let mut rest = Entries::new();
    if !domain.prefix.is_empty() {
        put(&mut rest, "prefix", Yaml::text(&domain.prefix));
    }
    if !domain.tags.is_empty() {
        put(&mut rest, "tags", Yaml::List(domain.tags.iter().map(Yaml::text).collect()));
    }
    if !rest.is_empty() {
        put(&mut entries, "config", Yaml::Map(vec![("rest".to_owned(), Yaml::Short(rest))]));
    }
    let operations = domain.operations.iter().map(|operation| (operation.name.to_string(), self::operation(operation)));
    put(&mut entries, "operations", Yaml::Spaced(operations.collect()));
    Yaml::Spaced(entries)
}

fn action_word(action: &Action) -> &'static str {
    let index = match action {
        Action::List => 0,
        Action::Create => 1,
        Action::Get => 2,
        Action::Update => 3,
        Action::Delete => 4,
        Action::ExportCsv => 5,
        Action::Summary => 6,
        Action::Redirect(_) => 7,
    };
    ACTIONS[index]
}

fn operation(operation: &Operation) -> Yaml {
    let mut entries = Entries::new();
    if let Some(text) = &operation.description {
        put(&mut entries, "description", Yaml::text(text));
    }
    if let Some(action) = &operation.action {
        put(&mut entries, "action", Yaml::text(action_word(action)));
    }
    if let Some(model) = &operation.model {
        put(&mut entries, "model", Yaml::text(model.as_str()));
    }
    if let Some(Action::Redirect(fields)) = &operation.action {
        let mut redirect = Entries::new();
        let given = [("key", Some(&fields.key)), ("target", Some(&fields.target))];
        for (key, name) in
            given.into_iter().chain([("counter", fields.counter.as_ref()), ("expires", fields.expires.as_ref())])
        {
            if let Some(name) = name {
                put(&mut redirect, key, Yaml::text(name.as_str()));
            }
        }
        put(&mut entries, "redirect", Yaml::Short(redirect));
    }
    for (key, shape) in [("input", &operation.input), ("output", &operation.output)] {
        match shape {
            Some(Shape::One(name)) => put(&mut entries, key, Yaml::text(name.as_str())),
            Some(Shape::List(name)) => put(&mut entries, key, Yaml::text(format!("list[{name}]"))),
            Some(Shape::Page(name)) => put(&mut entries, key, Yaml::text(format!("page[{name}]"))),
            None => {}
        }
    }
    if !operation.params.is_empty() {
        put(&mut entries, "params", Yaml::List(operation.params.iter().map(param).collect()));
    }
    let rest = &operation.rest;
    let mut rest_entries = Entries::new();
    put(&mut rest_entries, "method", Yaml::text(rest.method.as_str()));
    put(&mut rest_entries, "path", Yaml::text(&rest.path));
    let redirects = matches!(operation.action, Some(Action::Redirect(_)));
    if rest.status != rest.method.default_status() || redirects {
        put(&mut rest_entries, "status", Yaml::Bare(rest.status.to_string()));
    }
    put(&mut entries, "rest", Yaml::Short(rest_entries));
    Yaml::Map(entries)
}

fn param(param: &Param) -> Yaml {
    let in_path = param.source == ParamSource::Path;
    if in_path && param.required && param.default.is_none() && param.ty == FieldType::String {
        return Yaml::text(param.name.as_str());
    }
    let mut entries = Entries::new();
    put(&mut entries, "name", Yaml::text(param.name.as_str()));
    put(&mut entries, "type", type_of(&param.ty));
    put(&mut entries, "source", Yaml::text(if in_path { "path" } else { "query" }));
    if param.required == param.default.is_some() {
        put(&mut entries, "required", Yaml::Bare(param.required.to_string()));
    }
    default(&mut entries, param.default.as_ref());
    Yaml::Short(entries)
}
