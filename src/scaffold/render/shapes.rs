//! The Pydantic classes of a model: what callers send and get.

use std::collections::BTreeSet;

use serde::Serialize;

use super::Error;
use super::facts::{Column, Facts, ModelFacts};
use super::python::{Code, assign, docstring, literal, one_line};
use super::typing::{Scope, choice_name, choices, literal_type};
use crate::domain::spec::{Field, FieldType, Shape, Variant};

/// What the template of a model's schemas needs.
#[derive(Serialize)]
pub struct ShapesView {
    imports: String,
    literals: Vec<String>,
    classes: Vec<ClassView>,
}

#[derive(Serialize)]
struct ClassView {
    name: String,
    base: &'static str,
    doc: String,
    fields: Vec<String>,
}

/// The class that stands for a shape's model in a request or an answer, and the table of its module.
pub fn class_for(facts: &Facts<'_>, name: &str, direction: Direction) -> Result<(String, String), Error> {
    for model in &facts.models {
        if name == model.name {
            let suffix = if direction == Direction::Input { "Create" } else { "Read" };
            return Ok((format!("{name}{suffix}"), model.table.clone()));
        }
    }
    for model in &facts.models {
        let Some(suffix) = name.strip_prefix(model.name) else { continue };
        if matches!((suffix, direction), ("Create" | "Update", Direction::Input) | ("Read", Direction::Output)) {
            return Ok((name.to_owned(), model.table.clone()));
        }
        if model.model.variants.iter().any(|variant| variant.name.as_str() == suffix) {
            let both = direction == Direction::Output && used_variants(facts, Direction::Input).contains(name);
            return Ok((if both { format!("{name}Read") } else { name.to_owned() }, model.table.clone()));
        }
    }
    Err(Error::UnknownModel { model: name.to_owned() })
}

/// Which way a value travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the caller.
    Input,
    /// To the caller.
    Output,
}

/// The model or variant a shape names.
pub fn named(shape: &Shape) -> &str {
    match shape {
        Shape::One(name) | Shape::List(name) | Shape::Page(name) => name.as_str(),
    }
}

fn used_variants(facts: &Facts<'_>, direction: Direction) -> BTreeSet<String> {
    facts
        .domains
        .iter()
        .flat_map(|domain| &domain.operations)
        .filter_map(|operation| match direction {
            Direction::Input => operation.input.as_ref(),
            Direction::Output => operation.output.as_ref(),
        })
        .map(|shape| named(shape).to_owned())
        .collect()
}

/// Describes the classes of a model.
pub fn view(facts: &Facts<'_>, model: &ModelFacts<'_>) -> Result<ShapesView, Error> {
    let mut scope = Scope::of(model);
    scope.inputs();
    let mut literals = Vec::new();
    for field in &model.model.fields {
        if let Some(values) = choices(&field.ty) {
            scope.imports.name("typing", "Literal");
            let name = choice_name(model.name, field);
            literals.push(literal_type(&name, values.iter().map(ToString::to_string)));
        }
    }
    let words = model.words();
    let variant = |name: &str| model.model.variants.iter().find(|variant| variant.name.as_str() == name);
    let about = model.model.description.clone().unwrap_or_default();
    let mut classes = vec![
        read_class(model, &format!("{}Read", model.name), variant("Read"), &mut scope, &describe(&about, &words)),
        create_class(model, variant("Create"), &mut scope)?,
        update_class(model, variant("Update"), &mut scope),
    ];
    let (sent, got) = (used_variants(facts, Direction::Input), used_variants(facts, Direction::Output));
    for variant in &model.model.variants {
        let suffix = variant.name.as_str();
        if matches!(suffix, "Read" | "Create" | "Update") {
            continue;
        }
        let name = format!("{}{suffix}", model.name);
        let doc = format!("The {} form of {words}.", super::words_of(suffix));
        if sent.contains(&name) {
            classes.push(input_variant(model, &name, variant, &mut scope, &doc)?);
        }
        if got.contains(&name) {
            let name = if sent.contains(&name) { format!("{name}Read") } else { name };
            classes.push(read_class(model, &name, Some(variant), &mut scope, &doc));
        }
    }
    if model.summarized {
        classes.extend(summary_classes(model, &mut scope));
    }
    let mut names = BTreeSet::new();
    for class in &classes {
        if !names.insert(class.name.clone()) || facts.models.iter().any(|other| other.name == class.name) {
            return Err(Error::Collision { name: class.name.clone(), place: format!("the schemas of {}", model.name) });
        }
    }
    if classes.iter().flat_map(|class| &class.fields).any(|field| field.contains("_p.")) {
        scope.imports.module("pydantic", Some("_p"));
    }
    Ok(ShapesView { imports: scope.imports.lay(0), literals, classes })
}

fn describe(text: &str, words: &str) -> String {
    if one_line(text).is_empty() { format!("One {words}.") } else { text.to_owned() }
}

/// The article before a word.
pub fn article(words: &str) -> &'static str {
    if words.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

fn class(name: String, base: &'static str, doc: &str, fields: Vec<String>) -> ClassView {
    ClassView { name, base, doc: docstring(doc, 4), fields }
}

fn read_class(
    model: &ModelFacts<'_>,
    name: &str,
    variant: Option<&Variant>,
    scope: &mut Scope,
    doc: &str,
) -> ClassView {
    let int = scope.builtin("int");
    let mut fields = vec![format!("id: {int}")];
    for column in &model.columns {
        if excluded(column.field.name.as_str(), variant) {
            continue;
        }
        let field = column.field;
        let ty = scope.output(&field.ty, &choice_name(model.name, field));
        let optional = if field.optional { " | None" } else { "" };
        fields.push(lay_field(&format!("{}: {ty}{optional}", column.name), description(column), Value::None));
    }
    for members in &model.members {
        if !excluded(members.field.name.as_str(), variant) {
            let list = scope.builtin("list");
            let items = members.field.description.as_deref().map(about).into_iter().collect();
            fields.push(lay_field(&format!("{}: {list}[{int}]", members.ids), items, Value::None));
        }
    }
    let moment = scope.stored(&FieldType::Datetime);
    fields.push(format!("created_at: {moment}"));
    fields.push(format!("updated_at: {moment}"));
    class(name.to_owned(), "_inputs.Output", doc, fields)
}

/// What a field is when it is left out.
enum Value {
    /// It has to be there.
    None,
    /// This Python value.
    Default(String),
    /// Nothing changes.
    Unchanged,
}

fn lay_field(head: &str, mut items: Vec<Code>, value: Value) -> String {
    let call = match value {
        Value::None if items.is_empty() => return head.to_owned(),
        Value::None => "_p.Field",
        Value::Default(value) if items.is_empty() && !value.starts_with(['[', '{']) => {
            return assign(head, &Code::atom(value), 4);
        }
        Value::Default(value) => {
            items.insert(0, Code::atom(format!("default={value}")));
            "_p.Field"
        }
        Value::Unchanged => "_inputs.unchanged",
    };
    assign(head, &Code::call(call, items), 4)
}

fn about(text: &str) -> Code {
    Code::atom(literal(text)).after("description=")
}

fn description(column: &Column<'_>) -> Vec<Code> {
    column.field.description.as_deref().map(about).into_iter().collect()
}

fn excluded(name: &str, variant: Option<&Variant>) -> bool {
    variant.is_some_and(|variant| variant.exclude.iter().any(|field| field.as_str() == name))
}

fn loosened(name: &str, variant: Option<&Variant>) -> bool {
    variant.is_some_and(|variant| variant.optional.iter().any(|field| field.as_str() == name))
}

fn create_class(model: &ModelFacts<'_>, variant: Option<&Variant>, scope: &mut Scope) -> Result<ClassView, Error> {
    let fields = input_fields(model, variant, scope, true)?;
    let words = model.words();
    let doc = format!("A new {words}.");
    Ok(class(format!("{}Create", model.name), "_inputs.Input", &doc, fields))
}

fn input_variant(
    model: &ModelFacts<'_>,
    name: &str,
    variant: &Variant,
    scope: &mut Scope,
    doc: &str,
) -> Result<ClassView, Error> {
    Ok(class(name.to_owned(), "_inputs.Input", doc, input_fields(model, Some(variant), scope, false)?))
}

fn input_fields(
    model: &ModelFacts<'_>,
    variant: Option<&Variant>,
    scope: &mut Scope,
    skip_readonly: bool,
) -> Result<Vec<String>, Error> {
    let mut fields = Vec::new();
    for column in &model.columns {
        let field = column.field;
        let name = field.name.as_str();
        if excluded(name, variant) || (skip_readonly && field.readonly) {
            continue;
        }
        let (ty, mut items) = input_type(model, column, scope);
        let loose = field.optional || loosened(name, variant) || (skip_readonly && model.is_link_key(field));
        let value = match &field.default {
            Some(default) => Value::Default(scope.value(&field.ty, default)?),
            None if loose => Value::Default("None".to_owned()),
            None => Value::None,
        };
        items.extend(description(column));
        let optional = if loose { " | None" } else { "" };
        fields.push(lay_field(&format!("{}: {ty}{optional}", column.name), items, value));
    }
    for members in &model.members {
        let name = members.field.name.as_str();
        if excluded(name, variant) || (skip_readonly && members.field.readonly) {
            continue;
        }
        let ty = format!("{}[_inputs.RecordId]", scope.builtin("list"));
        let items = member_items(members.field);
        fields.push(lay_field(&format!("{}: {ty}", members.ids), items, Value::Default("[]".to_owned())));
    }
    Ok(fields)
}

fn update_class(model: &ModelFacts<'_>, variant: Option<&Variant>, scope: &mut Scope) -> ClassView {
    let mut fields = Vec::new();
    for column in &model.columns {
        let field = column.field;
        if excluded(field.name.as_str(), variant) || field.readonly {
            continue;
        }
        let (ty, mut items) = input_type(model, column, scope);
        items.extend(description(column));
        fields.push(if field.optional {
            lay_field(&format!("{}: {ty} | None", column.name), items, Value::Default("None".to_owned()))
        } else {
            lay_field(&format!("{}: {ty}", column.name), items, Value::Unchanged)
        });
    }
    for members in &model.members {
        if excluded(members.field.name.as_str(), variant) || members.field.readonly {
            continue;
        }
        let ty = format!("{}[_inputs.RecordId]", scope.builtin("list"));
        let items = member_items(members.field);
        fields.push(lay_field(&format!("{}: {ty}", members.ids), items, Value::Unchanged));
    }
    let words = model.words();
    let doc = format!("What changes in {} {words}; a field that is left out stays as it is.", article(&words));
    class(format!("{}Update", model.name), "_inputs.Input", &doc, fields)
}

fn input_type(model: &ModelFacts<'_>, column: &Column<'_>, scope: &mut Scope) -> (String, Vec<Code>) {
    let field = column.field;
    let ty = scope.input(&field.ty, &choice_name(model.name, field));
    let mut items = scope.limits(&field.ty, &field.bounds);
    if model.is_link_key(field) && field.bounds.pattern.is_none() {
        items.push(Code::atom("pattern=\"^[A-Za-z0-9_-]+$\""));
    }
    (ty, items)
}

/// The limits and the description of a many-to-many field.
fn member_items(field: &Field) -> Vec<Code> {
    std::iter::once(Code::atom("max_length=1000")).chain(field.description.as_deref().map(about)).collect()
}

/// The columns a summary adds up.
pub fn summed<'m>(model: &'m ModelFacts<'_>) -> impl Iterator<Item = &'m Column<'m>> {
    model.columns.iter().filter(|column| {
        column.target.is_none()
            && matches!(column.field.ty, FieldType::Int | FieldType::Float | FieldType::Decimal | FieldType::Money)
    })
}

fn summary_classes(model: &ModelFacts<'_>, scope: &mut Scope) -> [ClassView; 2] {
    scope.imports.alias("app.generated.core", "summary", "_summary");
    let mut group = Vec::new();
    for column in summed(model) {
        let mut plain = Scope::default();
        let ty = plain.stored(&column.field.ty);
        scope.stored(&column.field.ty);
        group.push(format!("{}_sum: {ty}", column.name));
    }
    let name = model.name;
    let many = model.words_plural();
    [
        class(
            format!("{name}Group"),
            "_summary.Group",
            &format!("A group of {many}: how many there are, and what their numbers add up to."),
            group,
        ),
        class(
            format!("{name}Summary"),
            "_inputs.Output",
            &format!("The {many} in groups, and all of them together."),
            vec!["group_by: str".to_owned(), format!("items: list[{name}Group]"), format!("total: {name}Group")],
        ),
    ]
}
