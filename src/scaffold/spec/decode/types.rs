//! The types of fields and parameters, in their short and long forms.

use super::{At, Report};
use crate::domain::names::EnumValue;
use crate::domain::spec::FieldType;
use crate::domain::suggest::nearest;
use crate::scaffold::spec::problem::shown;
use crate::scaffold::spec::tree::Value;

/// The types that need no more than their name.
pub(in crate::scaffold::spec) const SIMPLE: [(&str, FieldType); 13] = [
    ("int", FieldType::Int),
    ("string", FieldType::String),
    ("text", FieldType::Text),
    ("bool", FieldType::Bool),
    ("float", FieldType::Float),
    ("decimal", FieldType::Decimal),
    ("money", FieldType::Money),
    ("date", FieldType::Date),
    ("time", FieldType::Time),
    ("datetime", FieldType::Datetime),
    ("uuid", FieldType::Uuid),
    ("email", FieldType::Email),
    ("url", FieldType::Url),
];

/// Words of other languages and libraries, with what cgo calls them.
const SYNONYMS: [(&str, &str); 20] = [
    ("str", "string"),
    ("varchar", "string"),
    ("char", "string"),
    ("phone", "string"),
    ("integer", "int"),
    ("bigint", "int"),
    ("long", "int"),
    ("boolean", "bool"),
    ("number", "float"),
    ("double", "float"),
    ("real", "float"),
    ("numeric", "decimal"),
    ("price", "money"),
    ("timestamp", "datetime"),
    ("guid", "uuid"),
    ("uri", "url"),
    ("array", "list[string]"),
    ("list", "list[string]"),
    ("dict", "dict[string, string]"),
    ("json", "dict[string, string]"),
];

/// A type with what its long form may say beside it.
pub(in crate::scaffold::spec) struct Typed {
    pub ty: FieldType,
    pub optional: bool,
    pub default: Option<serde_json::Value>,
}

impl From<FieldType> for Typed {
    fn from(ty: FieldType) -> Self {
        Self { ty, optional: false, default: None }
    }
}

/// A type in its short form (a text) or its long form (a map with `type`).
pub(in crate::scaffold::spec) fn typed(report: &mut Report, at: &At) -> Option<Typed> {
    match &at.node.value {
        Value::Text(text) => short(report, at, text).map(Typed::from),
        Value::Map { .. } => long(report, at),
        _ => {
            report.expected(at, "a type such as `string`");
            None
        }
    }
}

fn short(report: &mut Report, at: &At, text: &str) -> Option<FieldType> {
    let text = text.trim();
    if let Some(ty) = simple(text) {
        return Some(ty);
    }
    let inside = |head: &str| text.strip_prefix(head)?.strip_suffix(']').map(str::trim);
    if let Some(item) = inside("list[") {
        let item = item_type(report, at, item)?;
        return Some(FieldType::List(Box::new(item)));
    }
    if let Some((key, value)) = inside("dict[").and_then(|inside| inside.split_once(',')) {
        dict_key(report, at, key.trim());
        let value = item_type(report, at, value.trim())?;
        return Some(FieldType::Dict(Box::new(value)));
    }
    if let Some(inner) = inside("optional[") {
        let hint = format!("write `type: {}` and `optional: true`", shown(inner));
        report.value_hint(at, "`optional` is no type", Some(hint));
        return None;
    }
    unknown(report, at, text);
    None
}

fn simple(text: &str) -> Option<FieldType> {
    SIMPLE.iter().find(|(word, _)| *word == text).map(|(_, ty)| ty.clone())
}

fn item_type(report: &mut Report, at: &At, text: &str) -> Option<FieldType> {
    if text.contains('[') {
        report.value(at, "lists and maps hold simple values only");
        return None;
    }
    let found = simple(text);
    if found.is_none() {
        unknown(report, at, text);
    }
    found
}

fn dict_key(report: &mut Report, at: &At, text: &str) {
    if !matches!(text, "str" | "string") {
        let reason = format!("the keys of a map are texts, not `{}`", shown(text));
        report.value_hint(at, reason, Some("write `dict[string, …]`".to_owned()));
    }
}

fn unknown(report: &mut Report, at: &At, text: &str) {
    let synonym = SYNONYMS.iter().find(|(word, _)| *word == text.to_lowercase()).map(|(_, ours)| *ours);
    let words = SIMPLE.iter().map(|(word, _)| *word);
    let hint = if text == "enum" {
        Some("write `type: {type: enum, values: [first, second]}`".to_owned())
    } else if let Some(ours) = synonym {
        Some(format!("did you mean `{ours}`?"))
    } else if let Some(near) = nearest(text, words.clone()) {
        Some(near)
    } else if text.starts_with(|c: char| c.is_ascii_uppercase()) {
        Some(format!("for a relation to another model, write `ref: {}`", shown(text)))
    } else {
        Some(format!("the types are {}", words.collect::<Vec<_>>().join(", ")))
    };
    report.value_hint(at, format!("unknown type `{}`", shown(text)), hint);
}

fn long(report: &mut Report, at: &At) -> Option<Typed> {
    let Some(kind) = at.node.entry("type").map(|entry| at.child(entry)) else {
        report.missing(at, "type", "write something like `{type: list, of: string}`");
        return None;
    };
    match report.text(&kind)? {
        "list" => {
            let fields = report.fields(at, &["type", "of"])?;
            let item = inner(report, at, &fields, "of")?;
            Some(FieldType::List(Box::new(item)).into())
        }
        "dict" => {
            let fields = report.fields(at, &["type", "key", "value"])?;
            if let Some(key) = fields.get("key")
                && let Some(typed) = typed_key(report, key)
            {
                dict_key(report, key, &typed);
            }
            let value = inner(report, at, &fields, "value")?;
            Some(FieldType::Dict(Box::new(value)).into())
        }
        "optional" => {
            let fields = report.fields(at, &["type", "of"])?;
            let Some(of) = fields.get("of") else {
                report.missing(at, "of", "write something like `{type: optional, of: string}`");
                return None;
            };
            let inside = typed(report, of)?;
            Some(Typed { optional: true, ..inside })
        }
        "enum" => {
            let fields = report.fields(at, &["type", "values", "default"])?;
            let Some(values) = fields.get("values") else {
                report.missing(at, "values", "write something like `values: [first, second]`");
                return None;
            };
            let ty = enumeration(report, values)?;
            let default = fields.get("default").map(|at| at.node.to_json()).filter(|value| !value.is_null());
            Some(Typed { ty, optional: false, default })
        }
        text => {
            let fields = report.fields(at, &["type"]);
            let ty = short(report, &kind, text);
            fields.and(ty).map(Typed::from)
        }
    }
}

fn typed_key(report: &mut Report, at: &At) -> Option<String> {
    match at.node.entry("type") {
        Some(entry) => report.text(&at.child(entry)).map(str::to_owned),
        None => report.text(at).map(str::to_owned),
    }
}

fn inner(report: &mut Report, at: &At, fields: &super::Fields, key: &str) -> Option<FieldType> {
    let Some(inner) = fields.get(key) else {
        report.missing(at, key, format!("write something like `{key}: string`"));
        return None;
    };
    let inside = typed(report, inner)?;
    if inside.optional || inside.default.is_some() {
        report.value(inner, "the values of a list or a map are neither optional nor have a default");
        return None;
    }
    if matches!(inside.ty, FieldType::List(_) | FieldType::Dict(_)) {
        report.value(inner, "lists and maps hold simple values only");
        return None;
    }
    Some(inside.ty)
}

/// The values of an enumeration.
pub(in crate::scaffold::spec) fn enumeration(report: &mut Report, at: &At) -> Option<FieldType> {
    let items = report.items(at)?;
    let before = report.problems.len();
    let values: Vec<EnumValue> = items.iter().filter_map(|item| report.named(item)).collect();
    (report.problems.len() == before).then_some(FieldType::Enum(values))
}
