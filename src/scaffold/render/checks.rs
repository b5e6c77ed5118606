//! The generated tests of a domain: one or more for each operation, with good input and bad.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Error;
use super::factories::{can_be_made, used_numbers};
use super::facts::{Facts, ModelFacts, class_of};
use super::operations::path_names;
use super::python::{Code, Imports, literal};
use super::queries::{FilterKind, filters, grouping};
use super::sample;
use super::shapes::summed;
use crate::domain::spec::{Action, Domain, FieldType, Operation, ParamSource};

/// What the template of a domain's tests needs.
#[derive(Serialize)]
pub struct DomainChecks {
    imports: String,
    words: String,
    tests: Vec<Check>,
}

/// The test of one operation, written by the macro that `kind` names.
#[derive(Serialize)]
struct Check {
    kind: &'static str,
    operation: String,
    path: String,
    path_args: String,
    method: String,
    status: u16,
    one: String,
    body: String,
    bad: Option<String>,
    required: Option<String>,
    unique: Vec<String>,
    relations: Vec<String>,
    lists: Vec<String>,
    filters: Option<String>,
    search: Option<SearchCheck>,
    field: Option<FieldCheck>,
    columns: Vec<String>,
    header: String,
    sums: Vec<String>,
    link: Option<LinkCheck>,
    class: String,
    module: String,
    route_key: String,
    integers: Vec<String>,
    restricting: Option<RestrictCheck>,
}

#[derive(Serialize)]
struct SearchCheck {
    parameter: String,
    field: String,
}

#[derive(Serialize)]
struct FieldCheck {
    name: String,
    value: String,
}

#[derive(Serialize)]
struct LinkCheck {
    key: String,
    target: String,
    counter: Option<String>,
    expires: Option<String>,
    past: String,
    made_up: bool,
}

#[derive(Serialize)]
struct RestrictCheck {
    make: String,
    column: String,
}

/// Describes the tests of a domain; none when nothing of it can be tested.
pub fn domain(facts: &Facts<'_>, domain: &Domain) -> Result<Option<DomainChecks>, Error> {
    let mut imports = Imports::default();
    let mut tests = Vec::new();
    let mut makeable: BTreeMap<&str, bool> = BTreeMap::new();
    for operation in &domain.operations {
        let check = match (&operation.action, &operation.model) {
            (Some(action), Some(model)) => {
                let model = facts.model(model)?;
                if !*makeable.entry(model.name).or_insert_with(|| can_be_made(facts, model)) {
                    continue;
                }
                action_check(facts, domain, operation, action, model)
            }
            _ => custom_check(domain, operation),
        };
        check.needs(&mut imports);
        tests.push(check);
    }
    if tests.is_empty() {
        return Ok(None);
    }
    Ok(Some(DomainChecks { imports: imports.lay(0), words: domain.name.as_str().replace('_', " "), tests }))
}

impl Check {
    fn new(kind: &'static str, domain: &Domain, operation: &Operation, one: &str) -> Self {
        let path = format!("{}{}", domain.prefix, operation.rest.path);
        Self {
            kind,
            operation: operation.name.to_string(),
            path: if path.is_empty() { "/".to_owned() } else { path.clone() },
            path_args: path,
            method: operation.rest.method.as_str().to_lowercase(),
            status: operation.rest.status,
            one: one.to_owned(),
            body: String::new(),
            bad: None,
            required: None,
            unique: Vec::new(),
            relations: Vec::new(),
            lists: Vec::new(),
            filters: None,
            search: None,
            field: None,
            columns: Vec::new(),
            header: String::new(),
            sums: Vec::new(),
            link: None,
            class: class_of(domain),
            module: domain.name.to_string(),
            route_key: String::new(),
            integers: Vec::new(),
            restricting: None,
        }
    }

    fn needs(&self, imports: &mut Imports) {
        imports.name("fastapi.testclient", "TestClient");
        if self.kind != "custom" {
            imports.name("sqlalchemy.orm", "Session");
        }
        if self.bad.is_some() {
            imports.module("pytest", None);
        }
        let factories = "tests.generated.factories";
        let (make, body) = (format!("make_{}", self.one), format!("body_of_{}", self.one));
        if self.kind == "export" {
            imports.module("csv", None);
        }
        match self.kind {
            "custom" => {}
            "create" => {
                imports.name(factories, &body);
            }
            _ => {
                imports.name(factories, &make);
            }
        }
        if let Some(restricting) = &self.restricting {
            imports.name(factories, &format!("make_{}", restricting.make));
        }
    }
}

fn custom_check(domain: &Domain, operation: &Operation) -> Check {
    let mut check = Check::new("custom", domain, operation, "");
    let path = check.path.clone();
    let integer = |name: &str| {
        operation
            .params
            .iter()
            .find(|param| param.name.as_str() == name)
            .map_or(name.ends_with("_id"), |param| param.ty == FieldType::Int && param.source == ParamSource::Path)
    };
    check.integers = path_names(&path).into_iter().filter(|name| integer(name)).map(str::to_owned).collect();
    if !check.integers.is_empty() {
        let mut filled = path.clone();
        for name in path_names(&path) {
            filled = filled
                .replace(&format!("{{{name}}}"), if check.integers.iter().any(|i| i == name) { "x" } else { "a" });
        }
        check.path_args = filled;
    }
    check
}

fn action_check(
    facts: &Facts<'_>,
    domain: &Domain,
    operation: &Operation,
    action: &Action,
    model: &ModelFacts<'_>,
) -> Check {
    let kind = match action {
        Action::List => "list",
        Action::Create => "create",
        Action::Get => "get",
        Action::Update => "update",
        Action::Delete => "delete",
        Action::ExportCsv => "export",
        Action::Summary => "summary",
        Action::Redirect(_) => "redirect",
    };
    let mut check = Check::new(kind, domain, operation, &model.model.name.snake());
    let form = if kind == "create" { "Create" } else { "Update" };
    let standard_input =
        operation.input.as_ref().is_none_or(|shape| super::shapes::named(shape) == format!("{}{form}", model.name))
            && !model.model.variants.iter().any(|variant| variant.name.as_str() == form);
    let standard_output = operation.output.as_ref().is_none_or(|shape| super::shapes::named(shape) == model.name)
        && !model.model.variants.iter().any(|variant| variant.name.as_str() == "Read");
    if let Some(parameter) = path_names(&check.path.clone()).first() {
        check.route_key = format!("{{{parameter}}}");
    }
    match action {
        Action::List => list_checks(model, &mut check, standard_output),
        Action::Create | Action::Update if standard_input => input_checks(model, &mut check),
        Action::Delete => {
            check.restricting = restricting(facts, model);
        }
        Action::ExportCsv => {
            let names = std::iter::once("id")
                .chain(model.columns.iter().map(|column| column.name.as_str()))
                .chain(model.members.iter().map(|members| members.ids.as_str()))
                .chain(["created_at", "updated_at"]);
            let header = Code::list(names.map(|name| Code::atom(literal(name))).collect());
            check.header = header.lay(4, "assert header == ".len());
            check.field = model
                .columns
                .iter()
                .find(|column| {
                    matches!(column.field.ty, FieldType::String | FieldType::Text)
                        && column.field.bounds.pattern.is_none()
                        && !model.is_link_key(column.field)
                        && !column.field.readonly
                        && column.field.bounds.max_length.unwrap_or(200) >= 5
                        && column.field.bounds.min_length.unwrap_or(0) <= 5
                })
                .map(|column| FieldCheck { name: column.name.clone(), value: "\"=1+1\"".to_owned() });
        }
        Action::Summary => {
            check.sums = summed(model).map(|column| format!("{}_sum", column.name)).collect();
            check.columns = grouping(model).into_iter().map(str::to_owned).collect();
        }
        Action::Redirect(fields) => {
            let name = |field: &str| model.column(field).map(|column| column.name.clone());
            let expires = fields.expires.as_ref().and_then(|field| model.column(field.as_str()));
            check.link = Some(LinkCheck {
                key: name(fields.key.as_str()).unwrap_or_default(),
                target: name(fields.target.as_str()).unwrap_or_default(),
                counter: fields.counter.as_ref().and_then(|field| name(field.as_str())),
                past: if expires.is_some_and(|column| column.field.ty == FieldType::Date) {
                    "\"2001-01-01\"".to_owned()
                } else {
                    "\"2001-01-01T00:00:00Z\"".to_owned()
                },
                expires: expires.filter(|column| !column.field.readonly).map(|column| column.name.clone()),
                made_up: model
                    .column(fields.key.as_str())
                    .is_some_and(|column| !column.field.readonly && column.field.bounds.pattern.is_none()),
            });
        }
        Action::Create | Action::Update | Action::Get => {}
    }
    check
}

fn list_checks(model: &ModelFacts<'_>, check: &mut Check, standard_output: bool) {
    if !standard_output {
        return;
    }
    let filters = filters(model);
    let given = |filter: &&super::queries::Filter<'_>| {
        filter.column.is_some_and(|column| {
            !(column.field.readonly || column.field.optional && column.target.is_some())
                && (column.target.is_some() || sample::good(model, column.field).is_some())
        })
    };
    let plain = [FilterKind::Equal, FilterKind::From, FilterKind::To];
    let pairs: Vec<Code> = filters
        .iter()
        .filter(|filter| plain.contains(&filter.kind))
        .filter(given)
        .filter_map(|filter| {
            let column = filter.column?;
            Some(Code::atom(literal(&column.name)).after(&format!("{}: ", literal(&filter.name))))
        })
        .collect();
    if !pairs.is_empty() {
        let dict = Code::Group { open: "{".to_owned(), items: pairs, close: "}".to_owned() };
        check.filters = Some(dict.lay(4, "filters = ".len()));
    }
    check.search = filters.iter().find(|filter| filter.kind == FilterKind::Search).and_then(|filter| {
        let column = model.columns.iter().find(|column| {
            matches!(column.field.ty, FieldType::String | FieldType::Text)
                && !column.field.readonly
                && !model.is_link_key(column.field)
                && column.field.bounds.pattern.is_none()
                && column.field.bounds.max_length.unwrap_or(200) >= 12
                && column.field.bounds.min_length.unwrap_or(0) <= 12
        })?;
        Some(SearchCheck { parameter: filter.name.clone(), field: column.name.clone() })
    });
}

fn input_checks(model: &ModelFacts<'_>, check: &mut Check) {
    let mut bad = Vec::new();
    let mut required = Vec::new();
    for column in model.columns.iter().filter(|column| !column.field.readonly) {
        let field = column.field;
        if field.default.is_none() && !field.optional && !model.is_link_key(field) {
            required.push(literal(&column.name));
        }
        for value in sample::bad(model, field) {
            bad.push(Code::atom(format!("({}, {value})", literal(&column.name))));
        }
        if column.target.is_some() {
            check.relations.push(column.name.clone());
        }
        let in_body = if column.target.is_some() { !field.optional } else { sample::good(model, field).is_some() };
        if column.unique() && in_body && field.ty != FieldType::Bool {
            check.unique.push(column.name.clone());
        }
    }
    for members in model.members.iter().filter(|members| !members.field.readonly) {
        bad.push(Code::atom(format!("({}, None)", literal(&members.ids))));
        check.lists.push(members.ids.clone());
    }
    check.bad = (!bad.is_empty()).then(|| {
        let names = Code::atom("(\"field\", \"value\")");
        Code::call("@pytest.mark.parametrize", vec![names, Code::list(bad)]).lay(0, 0)
    });
    if check.kind == "create" {
        let names = Code::list(required.into_iter().map(Code::atom).collect());
        check.required = Some(names.lay(4, "required = ".len())).filter(|names| names != "[]");
    } else {
        check.unique.clear();
        check.field = model
            .columns
            .iter()
            .filter(|column| !column.field.readonly && column.target.is_none())
            .find_map(|column| {
                Some(FieldCheck { name: column.name.clone(), value: sample::good(model, column.field)?.flat() })
            })
            .filter(|field| !used_numbers(&format!(": {},", field.value)) && !field.value.contains(" * "));
    }
}

/// A model that keeps records of this one from being deleted, if tests can make such a record.
fn restricting(facts: &Facts<'_>, model: &ModelFacts<'_>) -> Option<RestrictCheck> {
    facts.models.iter().filter(|other| other.name != model.name && can_be_made(facts, other)).find_map(|other| {
        let column = other.columns.iter().find(|column| {
            column.target.as_ref().is_some_and(|target| {
                target.model == model.model.name && target.on_delete == crate::domain::spec::OnDelete::Restrict
            }) && !column.field.readonly
        })?;
        Some(RestrictCheck { make: other.model.name.snake(), column: column.name.clone() })
    })
}
