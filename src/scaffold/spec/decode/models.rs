//! The models, their fields and their variants.

use super::types::{enumeration, typed};
use super::{At, Fields, Report};
use crate::domain::names::FieldName;
use crate::domain::spec::{Bounds, Field, FieldType, Model, OnDelete, Reference, RelationKind, Variant};
use crate::domain::suggest::one_of;
use crate::scaffold::spec::tree::Value;

/// The fields every model has: `id`, `created_at`, `updated_at`.
pub(in crate::scaffold::spec) const IMPLICIT: [&str; 3] = ["id", "created_at", "updated_at"];

const RELATIONS: [(&str, RelationKind); 3] = [
    ("many_to_one", RelationKind::ManyToOne),
    ("one_to_one", RelationKind::OneToOne),
    ("many_to_many", RelationKind::ManyToMany),
];
const ON_DELETE: [(&str, OnDelete); 3] =
    [("restrict", OnDelete::Restrict), ("cascade", OnDelete::Cascade), ("set_null", OnDelete::SetNull)];

pub(in crate::scaffold::spec) fn relation_word(kind: RelationKind) -> &'static str {
    RELATIONS.iter().find(|(_, value)| *value == kind).map_or("many_to_one", |(word, _)| word)
}

pub(in crate::scaffold::spec) fn on_delete_word(action: OnDelete) -> &'static str {
    ON_DELETE.iter().find(|(_, value)| *value == action).map_or("restrict", |(word, _)| word)
}

/// The map under `models:`.
pub(in crate::scaffold::spec) fn models(report: &mut Report, at: &At) -> Vec<Model> {
    let entries = if at.is_null() { Vec::new() } else { report.bounded(at) };
    entries.iter().filter_map(|entry| model(report, entry)).collect()
}

fn model(report: &mut Report, at: &At) -> Option<Model> {
    let name = report.key_named(at);
    let parts = report.fields(at, &["description", "fields", "variants"])?;
    let description = parts.get("description").and_then(|at| report.prose(at));
    let mut fields = Vec::new();
    let before = report.problems.len();
    if let Some(at) = report.needed(&parts, at, "fields", "write something like `fields: {title: string}`") {
        for entry in report.bounded(at) {
            if IMPLICIT.contains(&entry.name) {
                implicit(report, &entry);
            } else {
                fields.extend(field(report, &entry));
            }
        }
    }
    if report.problems.len() > before {
        report.emptied.insert(format!("{}.fields.*", at.path));
    }
    let variants = match parts.get("variants") {
        Some(at) if !at.is_null() => report.bounded(at),
        _ => Vec::new(),
    };
    let variants = variants.iter().filter_map(|entry| variant(report, entry)).collect();
    Some(Model { name: name?, description, fields, variants })
}

/// `id` and the two times may stand in a model as service-template writes them; they mean what every model has anyway.
fn implicit(report: &mut Report, at: &At) {
    let types: &[&str] = if at.name == "id" { &["int", "uuid"] } else { &["datetime"] };
    let before = report.problems.len();
    if let Value::Map { .. } = &at.node.value {
        let Some(parts) = report.fields(at, &["type", "readonly", "description"]) else { return };
        let fits = |at: &At| matches!(&at.node.value, Value::Text(text) if types.contains(&text.as_str()));
        let readonly = |at: &At| matches!(at.node.value, Value::Bool(true));
        if parts.get("type").is_some_and(fits) && parts.get("readonly").is_some_and(readonly) {
            return;
        }
    }
    if report.problems.len() == before {
        let hint = format!("leave it out, or write `{{type: {}, readonly: true}}`", types[0]);
        let reason = format!(
            "every model has `{}` already; it can only be {} and readonly",
            at.name,
            one_of(types.iter().copied())
        );
        report.add(at.file, at.key_pos, &at.path, reason, Some(hint));
    }
}

fn variant(report: &mut Report, at: &At) -> Option<Variant> {
    let name = report.key_named(at)?;
    if at.is_null() {
        return Some(Variant { name, exclude: Vec::new(), optional: Vec::new() });
    }
    let parts = report.fields(at, &["exclude", "optional"])?;
    let usual = matches!(at.name, "Create" | "Update");
    let mut names = |key: &str| -> Vec<FieldName> {
        let items = parts.get(key).filter(|at| !at.is_null()).and_then(|at| report.items(at)).unwrap_or_default();
        let mut names = Vec::new();
        for item in items {
            match &item.node.value {
                Value::Text(text) if IMPLICIT.contains(&text.as_str()) => {
                    if !usual {
                        report.value(&item, format!("`{text}` is part of every form of a record"));
                    }
                }
                _ => names.extend(report.named::<FieldName>(&item)),
            }
        }
        names
    };
    let exclude = names("exclude");
    let optional = names("optional");
    Some(Variant { name, exclude, optional })
}

const FIELD_KEYS: [&str; 18] = [
    "type",
    "values",
    "ref",
    "relation",
    "on_delete",
    "optional",
    "unique",
    "index",
    "readonly",
    "default",
    "ge",
    "gt",
    "le",
    "lt",
    "min_length",
    "max_length",
    "pattern",
    "description",
];

fn field(report: &mut Report, at: &At) -> Option<Field> {
    let before = report.problems.len();
    let name: Option<FieldName> = report.key_named(at);
    let mut found = match &at.node.value {
        Value::Map { .. } => long(report, at),
        Value::Text(_) => typed(report, at).map(|typed| (typed.ty, typed.optional, typed.default, None)),
        _ => {
            report.expected(at, "a type such as `string`, or a map with `type` or `ref`");
            None
        }
    }
    .and_then(|(ty, optional, default, parts)| {
        let mut field = Field { optional, default, ..Field::new(name?, ty) };
        if let Some(parts) = parts {
            details(report, &parts, &mut field);
        }
        Some(field)
    });
    if report.problems.len() > before {
        found = None;
    }
    found
}

type Long<'a> = (FieldType, bool, Option<serde_json::Value>, Option<Fields<'a>>);

fn long<'a>(report: &mut Report, at: &At<'a>) -> Option<Long<'a>> {
    let parts = report.fields(at, &FIELD_KEYS)?;
    let (ty, optional, default) = match (parts.get("type"), parts.get("ref")) {
        (Some(_), Some(reference)) => {
            report.key(reference, "a field has either a `type` or a `ref`, not both");
            return None;
        }
        (None, None) => {
            report.missing(at, "type", "write something like `type: string`, or `ref: Author` for a relation");
            return None;
        }
        (Some(kind), None) => {
            for part in ["relation", "on_delete"].iter().filter_map(|key| parts.get(key)) {
                report.key(part, format!("`{}` belongs to a relation, which has `ref` instead of `type`", part.name));
            }
            match (&kind.node.value, parts.get("values")) {
                (Value::Text(text), Some(values)) if text == "enum" => (enumeration(report, values)?, false, None),
                (_, values) => {
                    if let Some(values) = values {
                        report.key(values, "`values` belongs to the type `enum`");
                    }
                    let typed = typed(report, kind)?;
                    (typed.ty, typed.optional, typed.default)
                }
            }
        }
        (None, Some(reference)) => {
            let model = report.named(reference);
            let kind = parts.get("relation").map(|at| report.word(at, "relation", &RELATIONS));
            let on_delete = parts.get("on_delete").map(|at| report.word(at, "on_delete", &ON_DELETE));
            let reference = Reference {
                model: model?,
                kind: kind.flatten().unwrap_or_default(),
                on_delete: on_delete.flatten().unwrap_or_default(),
            };
            (FieldType::Ref(reference), false, None)
        }
    };
    Some((ty, optional, default, Some(parts)))
}

fn details(report: &mut Report, parts: &Fields, field: &mut Field) {
    let mut flag = |key: &str| parts.get(key).and_then(|at| report.boolean(at)).unwrap_or(false);
    field.optional |= flag("optional");
    field.unique = flag("unique");
    field.index = flag("index");
    field.readonly = flag("readonly");
    if let Some(at) = parts.get("default") {
        let value = at.node.to_json();
        if !value.is_null() && field.default.as_ref().is_some_and(|inner| *inner != value) {
            report.value(at, "the type names another default");
        }
        if value.is_null() && !field.optional && !matches!(at.node.value, Value::Broken) {
            let hint = Some("leave it out, or write `optional: true`".to_owned());
            report.value_hint(at, "a field that is not optional has no empty default", hint);
        }
        field.default = Some(value).filter(|value| !value.is_null()).or(field.default.take());
    }
    let mut number = |key: &str| parts.get(key).and_then(|at| report.number(at));
    let (ge, gt, le, lt) = (number("ge"), number("gt"), number("le"), number("lt"));
    let mut length = |key: &str| parts.get(key).and_then(|at| report.whole(at));
    let (min_length, max_length) = (length("min_length"), length("max_length"));
    let pattern = parts.get("pattern").and_then(|at| report.text(at)).map(str::to_owned);
    field.bounds = Bounds { ge, gt, le, lt, min_length, max_length, pattern };
    field.description = parts.get("description").and_then(|at| report.prose(at));
}
