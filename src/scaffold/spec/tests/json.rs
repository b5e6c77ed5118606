//! The rules over specs that come as JSON, which can say what no YAML map can.

use serde_json::{Value, json};

use super::super::{canonical, check as rules, files, single_file};
use super::check;
use crate::domain::spec::{Feature, Module, Spec};

fn spec(value: Value) -> Spec {
    serde_json::from_value(value).expect("a spec")
}

fn found(value: Value) -> Vec<String> {
    rules(&spec(value)).iter().map(ToString::to_string).collect()
}

fn library(models: &Value, domains: &Value, features: &Value) -> Value {
    json!({
        "project": {"name": "library", "title": "Library", "description": ""},
        "modules": ["backend"],
        "models": models, "domains": domains, "features": features,
    })
}

fn book() -> Value {
    json!({"name": "Book", "fields": [{"name": "title", "type": "string"}]})
}

fn ping(name: &str, path: &str) -> Value {
    json!({"name": name, "rest": {"method": "GET", "path": path, "status": 200}})
}

#[test]
fn what_stands_twice_is_refused() {
    let mut twice = book();
    twice["fields"] = json!([{"name": "title", "type": "string"}, {"name": "title", "type": "int"}]);
    twice["variants"] = json!([{"name": "Short"}, {"name": "Short"}]);
    let domain = json!({"name": "extra", "prefix": "/extra", "operations": [ping("a", "/a"), ping("a", "/b")]});
    let mut value = library(&json!([twice, book()]), &json!([domain, domain]), &json!([]));
    value["modules"] = json!(["backend", "backend"]);
    assert_eq!(
        found(value),
        [
            "modules.1: the module `backend` stands here twice",
            "models.Book.fields.title: the field `title` stands here twice",
            "models.Book: the model `Book` stands here twice",
            "models.Book.variants.Short: the variant `Short` stands here twice",
            "domains.extra.operations.a: the operation `a` stands here twice",
            "domains.extra: the domain `extra` stands here twice",
            "domains.extra.operations.a.rest.path: `GET /extra/a` is the same route as `extra.a`",
            "domains.extra.operations.a.rest.path: `GET /extra/b` is the same route as `extra.a`",
        ]
    );
}

#[test]
fn features_and_operations_agree() {
    let features = json!([{"export_csv": {"model": "Book"}}, {"summary": {"model": "Novel"}}]);
    assert_eq!(
        found(library(&json!([book()]), &json!([]), &features)),
        ["features.1.model: there is no model `Novel`"]
    );
    let domain = json!({"name": "extra", "prefix": "/extra", "operations": [ping("a", "")]});
    let features = json!([{"export_csv": {"model": "Book"}}]);
    assert_eq!(
        found(library(&json!([book()]), &json!([domain]), &features)),
        ["features.0: no operation carries out this feature"]
    );
    let mut spec = spec(library(&json!([book()]), &json!([]), &features));
    spec.domains = spec.standard_domains().unwrap();
    spec.features.clear();
    let lines: Vec<String> = rules(&spec).iter().map(ToString::to_string).collect();
    assert_eq!(lines, ["features: an operation carries out `export_csv`, which is not listed"]);
    spec.modules = vec![Module::TelegramBot, Module::Backend];
    canonical(&mut spec);
    assert_eq!(spec.modules, [Module::Backend, Module::TelegramBot]);
    assert!(matches!(spec.features[..], [Feature::ExportCsv { .. }]));
    assert_eq!(rules(&spec), []);
}

#[test]
fn large_specs_are_refused_without_a_closer_look() {
    let models: Vec<Value> =
        (0..201).map(|n| json!({"name": format!("M{n}"), "fields": [{"name": "a", "type": "int"}]})).collect();
    assert_eq!(found(library(&json!(models), &json!([]), &json!([]))), ["models: more than 200 models"]);
    let fields: Vec<Value> = (0..201).map(|n| json!({"name": format!("f{n}"), "type": "int"})).collect();
    let model = json!({"name": "Wide", "fields": fields});
    assert_eq!(found(library(&json!([model]), &json!([]), &json!([]))), ["models.Wide.fields: more than 200 fields"]);
}

#[test]
fn names_that_are_too_long_for_the_database_are_refused() {
    let long = format!("A{}", "b".repeat(49));
    let many = json!({"name": long, "fields": [{"name": "title", "type": "string"}]});
    let reason = format!(
        "models.{long}: in code it makes names such as `summarize_{}s`, which are too long",
        long.to_lowercase()
    );
    assert_eq!(found(library(&json!([many]), &json!([]), &json!([]))), [reason]);
    let name = format!("A{}", "b".repeat(35));
    let field = "c".repeat(40);
    let link = json!({"name": field, "type": {"ref": {"model": "Book", "kind": "many_to_many"}}});
    let model = json!({"name": name, "fields": [link]});
    let lines = found(library(&json!([book(), model]), &json!([]), &json!([])));
    assert!(lines[0].ends_with("would have a name longer than 63 characters"), "{lines:?}");
}

#[test]
fn an_empty_default_is_no_default() {
    let model = json!({"name": "Book", "fields": [{"name": "title", "type": "string", "default": null}]});
    assert_eq!(spec(library(&json!([model]), &json!([]), &json!([]))).models[0].fields[0].default, None);
    let mut spec = spec(library(&json!([book()]), &json!([]), &json!([])));
    spec.models[0].fields[0].default = Some(Value::Null);
    assert_eq!(rules(&spec)[0].to_string(), "models.Book.fields.title.default: the default must be a text");
}

#[test]
fn writing_does_not_panic_on_specs_that_break_every_rule() {
    let mut value = library(&json!([{"name": "Empty", "fields": []}]), &json!([]), &json!([]));
    value["project"]["title"] = json!("\u{0}\u{2028}\"\\ #: ");
    value["project"]["description"] = json!("\n a\n\tb \n");
    value["domains"] = json!([{"name": "none", "prefix": "", "operations": []}]);
    let spec = spec(value);
    assert!(!rules(&spec).is_empty());
    let error = check(files(&spec).into_iter().collect()).unwrap_err();
    assert!(error.problems.iter().all(|problem| !problem.reason.starts_with("not YAML")), "{error}");
}

#[test]
fn foreign_line_ends_and_a_byte_order_mark_do_no_harm() {
    let text = "project: {name: notes}\nmodels:\n  Note:\n    fields: {text: text}\n";
    let plain = single_file("spec.yaml", text).unwrap().spec;
    assert_eq!(single_file("spec.yaml", &text.replace('\n', "\r\n")).unwrap().spec, plain);
    assert_eq!(single_file("spec.yaml", &format!("\u{feff}{text}")).unwrap().spec, plain);
    let json = r#"{"project": {"name": "notes"}, "models": {"Note": {"fields": {"text": "text"}}}}"#;
    assert_eq!(single_file("spec.json", json).unwrap().spec, plain);
}
