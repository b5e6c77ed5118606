//! The operations of one domain.

use super::types::typed;
use super::{At, Fields, Report};
use crate::domain::names::{FieldName, Identifier, ModelName};
use crate::domain::spec::{
    Action, Domain, FieldType, Method, Operation, Param, ParamSource, RedirectFields, Rest, Shape,
};
use crate::domain::suggest::{nearest, one_of};
use crate::scaffold::spec::problem::shown;
use crate::scaffold::spec::tree::Value;

/// The words for actions; `redirect` has fields of its own.
pub(in crate::scaffold::spec) const ACTIONS: [&str; 8] =
    ["list", "create", "get", "update", "delete", "export_csv", "summary", "redirect"];
const METHODS: [(&str, Method); 5] = [
    ("GET", Method::Get),
    ("POST", Method::Post),
    ("PUT", Method::Put),
    ("PATCH", Method::Patch),
    ("DELETE", Method::Delete),
];
const SOURCES: [(&str, ParamSource); 2] = [("path", ParamSource::Path), ("query", ParamSource::Query)];

/// The events an operation names, for checking against `events.yaml`.
pub(in crate::scaffold::spec) struct OperationEvents<'a> {
    pub at: At<'a>,
    pub has_input: bool,
    pub has_output: bool,
    /// Models that are named by an operation without HTTP, which is not part of the spec.
    pub models: Vec<(At<'a>, ModelName)>,
}

/// A domain as its file says it, and what refers to events.
pub(in crate::scaffold::spec) struct Decoded<'a> {
    pub domain: Option<Domain>,
    /// Every operation's key, the refused ones among them; none where there is no map of operations.
    pub operations: Option<Vec<&'a str>>,
    pub events: Vec<OperationEvents<'a>>,
}

/// The map of one domain: a file under `spec/`, or an entry of `domains:`.
pub(in crate::scaffold::spec) fn domain<'a>(report: &mut Report, name: Option<Identifier>, at: &At<'a>) -> Decoded<'a> {
    let mut decoded = Decoded { domain: None, operations: None, events: Vec::new() };
    let Some(parts) = report.fields(at, &["domain", "config", "operations"]) else { return decoded };
    if let (Some(at), Some(name)) = (parts.get("domain"), &name)
        && let Some(text) = report.text(at)
        && text != name.as_str()
    {
        let hint = Some(format!("write `domain: {name}`, or leave it out"));
        report.value_hint(at, format!("the file's name says `{name}`, not `{}`", shown(text)), hint);
    }
    let (prefix, tags) =
        parts.get("config").filter(|at| !at.is_null()).map_or_else(Default::default, |at| config(report, at));
    let before = report.problems.len();
    let entries = match parts.get("operations") {
        Some(at) if !at.is_null() => {
            let entries = report.bounded(at);
            matches!(at.node.value, Value::Map { .. }).then_some(entries)
        }
        Some(_) => Some(Vec::new()),
        None => {
            report.missing(at, "operations", "write something like `operations: {list_books: {…}}`");
            None
        }
    };
    decoded.operations = entries.as_ref().map(|entries| entries.iter().map(|entry| entry.name).collect());
    let entries = entries.unwrap_or_default();
    let mut operations = Vec::new();
    for entry in &entries {
        let before = report.problems.len();
        let operation = operation(report, entry, &mut decoded.events);
        operations.extend(operation.filter(|_| report.problems.len() == before));
    }
    if report.problems.len() > before {
        report.emptied.insert(format!("{}.operations.*", at.path));
    } else if operations.is_empty() && !entries.is_empty() {
        return decoded;
    }
    decoded.domain = name.map(|name| Domain { name, prefix, tags, operations });
    decoded
}

fn config(report: &mut Report, at: &At) -> (String, Vec<String>) {
    let rest = report.fields(at, &["rest"]).and_then(|parts| parts.get("rest").cloned());
    let Some(rest) = rest.filter(|at| !at.is_null()) else { return Default::default() };
    let Some(parts) = report.fields(&rest, &["prefix", "tags"]) else { return Default::default() };
    let prefix = parts.get("prefix").and_then(|at| report.text(at)).unwrap_or_default().to_owned();
    let tags = parts.get("tags").and_then(|at| report.items(at)).unwrap_or_default();
    (prefix, tags.iter().filter_map(|at| report.prose(at)).collect())
}

const OPERATION_KEYS: [&str; 9] =
    ["action", "model", "redirect", "description", "input", "output", "params", "rest", "events"];

fn operation<'a>(report: &mut Report, at: &At<'a>, events: &mut Vec<OperationEvents<'a>>) -> Option<Operation> {
    let name = report.key_named(at);
    let parts = report.fields(at, &OPERATION_KEYS)?;
    let model: Option<ModelName> = parts.get("model").and_then(|at| report.named(at));
    let action = action(report, &parts, model.as_ref());
    let description = parts.get("description").and_then(|at| report.prose(at));
    let rest = if given(&parts, "events").is_some() {
        parts.get("rest")
    } else {
        report.needed(&parts, at, "rest", "write something like `rest: {method: GET, path: \"\"}`")
    };
    let rest = rest.and_then(|rest| self::rest(report, rest, action.as_ref()));
    let (input, output) = (given(&parts, "input"), given(&parts, "output"));
    let params = parts.get("params").filter(|at| !at.is_null()).and_then(|at| report.items(at)).unwrap_or_default();
    let params = params.iter().filter_map(|item| param(report, item)).collect();
    let shapes = [input, output].map(|at| at.and_then(|at| shape(report, at)));
    if let Some(of) = given(&parts, "events") {
        report.not_written(of);
        let mut models = Vec::new();
        if parts.get("rest").is_none() {
            report.note(at, "has no `rest`: it is checked and not generated");
            for (at, shape) in [input, output].into_iter().zip(&shapes) {
                if let (Some(at), Some(Shape::One(name) | Shape::List(name) | Shape::Page(name))) = (at, shape) {
                    models.push((at.clone(), name.clone()));
                }
            }
        }
        let (has_input, has_output) = (input.is_some(), output.is_some());
        events.push(OperationEvents { at: of.clone(), has_input, has_output, models });
    }
    let [input, output] = shapes;
    Some(Operation { name: name?, action, model, description, input, output, params, rest: rest? })
}

fn given<'f, 'a>(parts: &'f Fields<'a>, key: &str) -> Option<&'f At<'a>> {
    parts.get(key).filter(|at| !at.is_null())
}

fn action(report: &mut Report, parts: &Fields, model: Option<&ModelName>) -> Option<Action> {
    let words = ACTIONS.map(|word| (word, word));
    let word = parts.get("action").and_then(|at| report.word(at, "action", &words));
    match (word, parts.get("redirect")) {
        (Some("redirect"), Some(at)) => return redirect(report, at, model).map(Action::Redirect),
        (Some("redirect"), None) => {
            if let Some(at) = parts.get("action") {
                let hint = Some("write something like `redirect: {key: code, target: address}`".to_owned());
                report.value_hint(at, "a redirect needs the fields it works with", hint);
            }
            return None;
        }
        (_, Some(at)) => report.key(at, "`redirect` belongs to `action: redirect`"),
        (_, None) => {}
    }
    match word? {
        "list" => Some(Action::List),
        "create" => Some(Action::Create),
        "get" => Some(Action::Get),
        "update" => Some(Action::Update),
        "delete" => Some(Action::Delete),
        "export_csv" => Some(Action::ExportCsv),
        "summary" => Some(Action::Summary),
        _ => None,
    }
}

fn redirect(report: &mut Report, at: &At, model: Option<&ModelName>) -> Option<RedirectFields> {
    let parts = report.fields(at, &["key", "target", "counter", "expires"])?;
    for key in ["key", "target"] {
        if parts.get(key).is_none() {
            report.missing(at, key, format!("write `{key}:` with the name of a field"));
        }
    }
    let mut name = |key: &str| given(&parts, key).and_then(|at| report.named::<FieldName>(at));
    let (key, target, counter, expires) = (name("key"), name("target"), name("counter"), name("expires"));
    Some(RedirectFields { model: model?.clone(), key: key?, target: target?, counter, expires })
}

fn rest(report: &mut Report, at: &At, action: Option<&Action>) -> Option<Rest> {
    let parts = report.fields(at, &["method", "path", "status"])?;
    let method = report
        .needed(&parts, at, "method", format!("write {}", one_of(METHODS.iter().map(|(word, _)| *word))))
        .and_then(|at| report.word(at, "method", &METHODS));
    let path = given(&parts, "path").and_then(|at| report.text(at)).unwrap_or_default().to_owned();
    let status = given(&parts, "status").map(|at| report.whole(at));
    let usual =
        || if matches!(action, Some(Action::Redirect(_))) { Some(307) } else { method.map(Method::default_status) };
    Some(Rest { method: method?, path, status: status.unwrap_or_else(usual)? })
}

/// `Book`, `list[Book]` or `page[Book]`.
fn shape(report: &mut Report, at: &At) -> Option<Shape> {
    let text = report.text(at)?.trim();
    let inside = |head: &str| text.strip_prefix(head)?.strip_suffix(']').map(str::trim);
    let (name, wrap): (&str, fn(ModelName) -> Shape) = if let Some(name) = inside("list[").or_else(|| inside("List[")) {
        (name, Shape::List)
    } else if let Some(name) = inside("page[") {
        (name, Shape::Page)
    } else {
        (text, Shape::One)
    };
    if name.contains('[') {
        let near = |head: &str| ["list", "page"].into_iter().find(|word| nearest(head, [*word]).is_some());
        let found = text.split_once('[').and_then(|(head, rest)| Some((near(head.trim())?, rest)));
        let hint = found.map(|(word, rest)| format!("did you mean `{word}[{}`?", shown(rest)));
        let hint = hint.or_else(|| Some("write `Book`, `list[Book]` or `page[Book]`".to_owned()));
        report.value_hint(at, format!("`{}` is no model", shown(text)), hint);
        return None;
    }
    match name.parse() {
        Ok(name) => Some(wrap(name)),
        Err(error) => {
            report.value(at, error.to_string());
            None
        }
    }
}

fn param(report: &mut Report, at: &At) -> Option<Param> {
    if let Value::Text(_) = at.node.value {
        let (name, source) = (report.named(at)?, ParamSource::Path);
        return Some(Param { name, ty: FieldType::String, required: true, source, default: None });
    }
    let parts = report.fields(at, &["name", "type", "source", "required", "default"])?;
    let name: Option<Identifier> =
        report.needed(&parts, at, "name", "write the parameter's name").and_then(|name| report.named(name));
    let (ty, inner) = match given(&parts, "type") {
        Some(at) if matches!(&at.node.value, Value::Text(text) if text == "str") => (FieldType::String, None),
        Some(at) => typed(report, at).map(|typed| (typed.ty, typed.default))?,
        None => (FieldType::String, None),
    };
    let source = given(&parts, "source").map(|at| report.word(at, "source", &SOURCES));
    let default = parts.get("default").map(|at| at.node.to_json()).filter(|value| !value.is_null()).or(inner);
    let required = given(&parts, "required").map(|at| report.boolean(at));
    let name = name?;
    Some(Param {
        source: source.unwrap_or(Some(ParamSource::Path))?,
        required: required.unwrap_or(Some(default.is_none()))?,
        name,
        ty,
        default,
    })
}
