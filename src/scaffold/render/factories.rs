//! The generated factories: for each model a good body, and a way to store a record.

use serde::Serialize;

use super::facts::{Facts, ModelFacts};
use super::python::{Code, Imports, literal};
use super::sample;

/// What the template of the factories needs.
#[derive(Serialize)]
pub struct FactoriesView {
    imports: String,
    models: Vec<FactoryView>,
}

#[derive(Serialize)]
struct FactoryView {
    class: String,
    name: String,
    words: String,
    body: String,
    numbered: bool,
    /// Column and the expression that makes what it points to.
    related: Vec<(String, String)>,
}

/// Whether records of a model can be made up for tests: every required field has a sample, in it and in what it needs.
pub fn can_be_made(facts: &Facts<'_>, model: &ModelFacts<'_>) -> bool {
    model.columns.iter().all(|column| {
        let field = column.field;
        if field.optional || field.readonly {
            return true;
        }
        match &column.target {
            Some(target) => facts.model(&target.model).is_ok_and(|other| can_be_made(facts, other)),
            None => sample::good(model, field).is_some(),
        }
    })
}

/// Describes the factories of all models.
pub fn view(facts: &Facts<'_>) -> FactoriesView {
    let mut imports = Imports::default();
    let mut models = Vec::new();
    for model in facts.models.iter().filter(|model| can_be_made(facts, model)) {
        imports
            .name("typing", "Any")
            .name("sqlalchemy.orm", "Session")
            .name("app.generated.core", "crud")
            .name("app.generated.core", "inputs")
            .name(&format!("app.generated.models.{}", model.table), model.name)
            .name(&format!("app.generated.schemas.{}", model.table), &format!("{}Create", model.name));
        let mut items = Vec::new();
        let mut related = Vec::new();
        for column in model.columns.iter().filter(|column| !column.field.readonly) {
            let value = match &column.target {
                Some(_) if column.field.optional => continue,
                Some(target) => {
                    related.push((column.name.clone(), format!("make_{}(db).id", target.model.snake())));
                    continue;
                }
                None => match sample::good(model, column.field) {
                    Some(value) => value,
                    None => continue,
                },
            };
            items.push(value.after(&format!("{}: ", literal(&column.name))));
        }
        items.push(Code::atom("**changes"));
        let body = Code::Group { open: "return {".to_owned(), items, close: "}".to_owned() }.lay(4, 0);
        if body.contains("datetime.") {
            imports.module("datetime", None);
        }
        if body.contains("uuid.UUID(") {
            imports.module("uuid", None);
        }
        let numbered = used_numbers(&body);
        if numbered {
            imports.module("itertools", None);
        }
        models.push(FactoryView {
            class: model.name.to_owned(),
            name: model.model.name.snake(),
            words: model.words(),
            body,
            numbered,
            related,
        });
    }
    FactoriesView { imports: imports.lay(0), models }
}

/// Whether a text names the variable `number`; names of fields, which it may hold as text, have none of these forms.
pub fn used_numbers(text: &str) -> bool {
    let forms = ["{number", "=number)", "+ number", "[number %", "(number ", ": number,", ": number}"];
    forms.iter().any(|form| text.contains(form))
}
