//! Generated code of many specs, under the linter and the formatter that a generated project checks itself with.
//!
//! What is laid out here is what a project's first commit is judged by: a name or a text that is one character longer
//! must not make a fresh project fail its own checks.

use std::collections::HashSet;
use std::path::Path;
use std::process::Command;

use cgo::domain::names::{EnumValue, FieldName, ModelName, ProjectName};
use cgo::domain::spec::{
    Field, FieldType, Language, Model, Module, OnDelete, ProjectMeta, Reference, RelationKind, Spec,
};
use cgo::scaffold::{render, spec};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use crate::descriptions::understood;
use crate::support::env::{TestEnv, tools_are_here};

/// Specs made up, besides those of the descriptions.
const MADE_UP: usize = 150;
const WORDS: &[&str] = &[
    "a1",
    "tag",
    "name",
    "order",
    "muscle",
    "group",
    "customer",
    "shipment",
    "registration",
    "temperature",
    "x",
    "measurement",
    "of",
    "responsibility",
    "status",
    "set",
    "data",
    "list",
    "type",
    "class",
    "news",
    "series",
    "id2",
];

#[test]
fn generated_code_of_any_spec_passes_the_checks_of_its_project() {
    if !tools_are_here() {
        return;
    }
    let env = TestEnv::new();
    env.ok(["project", "new", "notes with a title", "--no-deploy", "--name", "tools"]);
    let python = env.work().join("tools/services/backend/.venv/bin/python");
    let all = env.home().join("all");
    let (mut count, mut seen) = (0, HashSet::new());
    for mut spec in understood().into_iter().map(|(_, spec)| spec).chain(made_up()) {
        spec.modules.retain(|module| module.is_built());
        if !spec::check(&spec).is_empty() {
            continue;
        }
        count += 1;
        for file in render::render(&spec).unwrap().files {
            let is_python = Path::new(&file.path).extension().is_some_and(|extension| extension == "py");
            // One of each is enough, but every project needs its settings.
            if is_python && !seen.insert(file.contents.clone()) {
                continue;
            }
            let path = all.join(count.to_string()).join(&file.path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, &file.contents).unwrap();
        }
    }
    assert!(count > 200, "only {count} specs were good");
    // A module that is not written twice is the project's own all the same.
    let own = "lint.isort.known-first-party = ['app', 'tests']";
    passes(&python, &all, &["check", "--no-cache", "--config", own]);
    passes(&python, &all, &["format", "--check"]);
}

fn passes(python: &Path, folder: &Path, check: &[&str]) {
    let mut command = Command::new(python);
    command.args(["-m", "ruff"]).args(check).args(["--diff", "."]).current_dir(folder);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let said: Vec<&str> = said.lines().take(80).collect();
    assert!(output.status.success(), "{check:?}: {}\n{}", said.join("\n"), String::from_utf8_lossy(&output.stderr));
}

/// Specs of all sorts of names, texts, types and relations; the same ones at every run.
fn made_up() -> Vec<Spec> {
    let mut runner = TestRunner::deterministic();
    let strategy = a_spec();
    (0..MADE_UP)
        .filter_map(|_| {
            let mut spec = strategy.new_tree(&mut runner).unwrap().current();
            spec.domains = spec.standard_domains().ok()?;
            Some(spec)
        })
        .collect()
}

fn a_spec() -> impl Strategy<Value = Spec> {
    let text = |most: usize| prop::collection::vec(any::<prop::sample::Index>(), 1..most);
    (text(12), text(40), prop::collection::btree_map(a_name(3, true), fields(), 1..5)).prop_map(
        |(title, description, models)| {
            let words =
                |picks: &[prop::sample::Index]| picks.iter().map(|pick| *pick.get(WORDS)).collect::<Vec<_>>().join(" ");
            let mut models: Vec<Model> = models
                .into_iter()
                .filter_map(|(name, fields)| {
                    Some(Model { name: ModelName::parse(&name).ok()?, description: None, fields, variants: Vec::new() })
                })
                .collect();
            relate(&mut models);
            Spec {
                project: ProjectMeta {
                    name: ProjectName::parse("made-up").unwrap(),
                    title: words(&title),
                    description: words(&description),
                    language: Language::En,
                },
                modules: vec![Module::Backend],
                models,
                domains: Vec::new(),
                features: Vec::new(),
            }
        },
    )
}

/// Every model but the first points to the one before it, in a way its name chooses.
fn relate(models: &mut [Model]) {
    for at in 1..models.len() {
        let target = models[at - 1].name.clone();
        let kind = [RelationKind::ManyToOne, RelationKind::ManyToMany, RelationKind::OneToOne]
            [models[at].name.as_str().len() % 3];
        let name = if kind == RelationKind::ManyToMany { target.plural_snake() } else { target.snake() };
        let Ok(name) = FieldName::parse(&name) else { continue };
        if models[at].fields.iter().any(|field| field.name == name) {
            continue;
        }
        let reference = Reference { model: target, kind, on_delete: OnDelete::default() };
        models[at].fields.push(Field::new(name, FieldType::Ref(reference)));
    }
}

/// A name of a few words, `PascalCase` or `snake_case`.
fn a_name(most: usize, pascal: bool) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(WORDS), 1..=most).prop_map(move |words| {
        if !pascal {
            return words.join("_");
        }
        words.iter().map(|word| word[..1].to_uppercase() + &word[1..]).collect()
    })
}

fn fields() -> impl Strategy<Value = Vec<Field>> {
    prop::collection::btree_map(a_name(4, false), (a_type(), any::<[bool; 3]>()), 1..9).prop_map(|fields| {
        fields
            .into_iter()
            .filter_map(|(name, (ty, [optional, unique, described]))| {
                let mut field = Field::new(FieldName::parse(&name).ok()?, ty);
                field.optional = optional;
                field.unique = unique && matches!(field.ty, FieldType::String | FieldType::Email | FieldType::Int);
                field.description = described.then(|| format!("What the {} says, and \"why\".", name.repeat(2)));
                Some(field)
            })
            .collect()
    })
}

fn a_type() -> impl Strategy<Value = FieldType> {
    let plain = prop::sample::select(vec![
        FieldType::Int,
        FieldType::Float,
        FieldType::Decimal,
        FieldType::Money,
        FieldType::String,
        FieldType::Text,
        FieldType::Bool,
        FieldType::Date,
        FieldType::Time,
        FieldType::Datetime,
        FieldType::Uuid,
        FieldType::Email,
        FieldType::Url,
    ]);
    let values = prop::collection::btree_set(a_name(3, false), 1..9)
        .prop_map(|values| FieldType::Enum(values.iter().filter_map(|value| EnumValue::parse(value).ok()).collect()));
    let list = prop::sample::select(vec![FieldType::String, FieldType::Int, FieldType::Date])
        .prop_map(|ty| FieldType::List(Box::new(ty)));
    let dict = Just(FieldType::Dict(Box::new(FieldType::String)));
    prop_oneof![6 => plain, 2 => values, 1 => list, 1 => dict]
}
