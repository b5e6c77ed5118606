//! Which files a project has, and what fills each of them.

use serde::Serialize;
use serde_json::{Value, json};

use super::facts::{Facts, ModelFacts};
use super::migration;
use super::names::digest;
use super::python::{Code, Imports, docstring, literal, natural, one_line};
use super::schema::Schema;
use super::templates::fill;
use super::{Error, File, Owner, Rendered, checks, factories, operations, queries, shapes, tables};
use crate::domain::spec::{FieldType, Spec};
use crate::scaffold::spec as spec_files;

/// Where the backend lives.
pub const BACKEND: &str = "services/backend";
/// What the last migration left.
pub const SCHEMA: &str = "services/backend/migrations/schema.json";
/// The migrations.
pub const VERSIONS: &str = "services/backend/migrations/versions";

/// A rendered project, with the schema its database has.
pub struct Project {
    pub rendered: Rendered,
    pub schema: Schema,
}

/// The parts of the shared code that this project needs.
#[derive(Default, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "one flag for each part of the shared code")]
struct Uses {
    line: bool,
    email: bool,
    url: bool,
    moment: bool,
    time: bool,
    money: bool,
    decimal: bool,
    exact: bool,
    export: bool,
    summary: bool,
    redirect: bool,
}

#[derive(Serialize)]
struct ModelView {
    name: String,
    table: String,
    doc: String,
    words_plural: String,
}

struct Files {
    files: Vec<File>,
}

impl Files {
    fn add(&mut self, owner: Owner, path: impl Into<String>, contents: String) {
        self.files.push(File { path: path.into(), contents, executable: false, owner });
    }

    fn fixed(&mut self, owner: Owner, path: &str, context: &Value) -> Result<(), Error> {
        self.add(owner, path, fill(path, context)?);
        Ok(())
    }
}

/// The files that people own, filled once.
const WRITTEN: &[&str] = &[
    ".dockerignore",
    ".editorconfig",
    ".env.example",
    ".github/workflows/ci.yml",
    ".gitignore",
    "AGENTS.md",
    "Makefile",
    "README.md",
    "cgo.yaml",
    "compose.yaml",
    "services/backend/Dockerfile",
    "services/backend/alembic.ini",
    "services/backend/app/__init__.py",
    "services/backend/app/controllers/__init__.py",
    "services/backend/app/main.py",
    "services/backend/app/settings.py",
    "services/backend/env.contract.yaml",
    "services/backend/migrations/env.py",
    "services/backend/migrations/script.py.mako",
    "services/backend/pyproject.toml",
    "services/backend/requirements-dev.lock",
    "services/backend/requirements.lock",
    "services/backend/tests/__init__.py",
    "services/backend/tests/conftest.py",
    "services/backend/tests/test_app.py",
];

/// The generated files that every project has.
const GENERATED: &[&str] = &[
    "__init__.py",
    "controllers/__init__.py",
    "core/__init__.py",
    "core/columns.py",
    "core/crud.py",
    "core/database.py",
    "core/health.py",
    "core/inputs.py",
    "core/listing.py",
    "core/logs.py",
    "core/problems.py",
    "filters/__init__.py",
    "models/__init__.py",
    "routers/__init__.py",
    "schemas/__init__.py",
];

impl Project {
    /// Renders the project of a spec.
    pub fn of(spec: &Spec) -> Result<Self, Error> {
        if let Some(module) = spec.modules.iter().find(|module| !module.is_built()) {
            return Err(Error::Module { module: *module });
        }
        let spec = &complete(spec)?;
        let facts = Facts::of(spec)?;
        let schema = Schema::of(&facts);
        let mut files = Files { files: Vec::new() };
        for (path, text) in spec_files::files(spec) {
            files.add(Owner::Written, path, text);
        }
        let title = one_line(&spec.project.title);
        let project = json!({ "name": spec.project.name, "title": title, "description": spec.project.description });
        let uses = uses(&facts);
        let models = models_init(&facts);
        let common = json!({
            "project": project,
            "uses": uses,
            "imports": inputs_imports(&uses),
            "models": !facts.models.is_empty(),
            "models_init_import": models.0,
            "models_all": models.1,
            "routers": routers(&facts),
            "tour": tour(&facts),
        });
        for path in WRITTEN {
            files.fixed(Owner::Written, path, &common)?;
        }
        for path in GENERATED {
            files.fixed(Owner::Generated, &format!("{BACKEND}/app/generated/{path}"), &common)?;
        }
        for (wanted, name) in [(uses.export, "exports"), (uses.summary, "summary"), (uses.redirect, "links")] {
            if wanted {
                files.fixed(Owner::Generated, &format!("{BACKEND}/app/generated/core/{name}.py"), &common)?;
            }
        }
        for model in &facts.models {
            model_files(&facts, model, &schema, &mut files)?;
        }
        for domain in facts.domains {
            let view = operations::view(&facts, domain)?;
            let context = json!({ "domain": view });
            for folder in ["controllers", "routers"] {
                let text = fill(&format!("{BACKEND}/app/generated/{folder}/_domain.py"), &context)?;
                files.add(Owner::Generated, format!("{BACKEND}/app/generated/{folder}/{}.py", domain.name), text);
            }
            let text = fill(&format!("{BACKEND}/app/controllers/_domain.py"), &context)?;
            files.add(Owner::Written, format!("{BACKEND}/app/controllers/{}.py", domain.name), text);
            if let Some(checks) = checks::domain(&facts, domain)? {
                let text = fill(&format!("{BACKEND}/tests/generated/_domain.py"), &json!({ "domain": checks }))?;
                files.add(Owner::Generated, format!("{BACKEND}/tests/generated/test_{}.py", domain.name), text);
            }
        }
        let made = factories::view(&facts);
        for path in ["__init__.py", "factories.py", "test_schema.py"] {
            let path = format!("{BACKEND}/tests/generated/{path}");
            files.fixed(Owner::Generated, &path, &json!({ "factories": made, "models": !facts.models.is_empty() }))?;
        }
        match first_migration(&schema)? {
            Some(text) => files.add(Owner::Written, format!("{VERSIONS}/0001_initial.py"), text),
            None => files.add(Owner::Written, format!("{VERSIONS}/.gitkeep"), String::new()),
        }
        files.add(Owner::Written, SCHEMA, schema_text(&schema));
        files.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { rendered: Rendered { files: files.files }, schema })
    }
}

/// The spec as its files will say it: with the usual domains where there are none yet, in the order of reading.
fn complete(spec: &Spec) -> Result<Spec, Error> {
    let mut spec = spec.clone();
    if spec.domains.is_empty() {
        spec.domains = spec.standard_domains()?;
    }
    spec_files::canonical(&mut spec);
    Ok(spec)
}

/// The text of `schema.json`.
pub fn schema_text(schema: &Schema) -> String {
    let mut text = serde_json::to_string_pretty(schema).expect("a schema has only text keys");
    text.push('\n');
    text
}

/// A short name for a schema, by which a migration says what it leads to.
pub fn schema_digest(schema: &Schema) -> String {
    digest(schema_text(schema).as_bytes())[..16].to_owned()
}

/// The migration that makes the first tables; none when there are no tables.
fn first_migration(schema: &Schema) -> Result<Option<String>, Error> {
    let empty = Schema { version: schema.version, tables: Vec::new() };
    let Some(steps) = migration::between(&empty, schema) else { return Ok(None) };
    migration_text("0001", None, "the first tables", schema, &steps).map(Some)
}

/// The text of a migration.
pub fn migration_text(
    revision: &str,
    follows: Option<&str>,
    title: &str,
    schema: &Schema,
    steps: &migration::Steps,
) -> Result<String, Error> {
    let body = json!({
        "revision": literal(revision),
        "follows": follows.map_or_else(|| "None".to_owned(), literal),
        "title": title.replace('_', " "),
        "digest": schema_digest(schema),
        "upgrade": steps.upgrade,
        "downgrade": steps.downgrade,
        "notes": steps.notes.iter().map(|note| one_line(&note.text)).collect::<Vec<_>>(),
        "lost": steps.notes.iter().filter(|note| note.destructive).map(|note| one_line(&note.text)).collect::<Vec<_>>(),
        "fills": steps.upgrade.iter().chain(&steps.downgrade).any(|step| step.starts_with(migration::FILL)),
        "uses_sa": steps.upgrade.iter().chain(&steps.downgrade).any(|step| step.contains("sa.") || step.starts_with(migration::FILL)),
    });
    fill(&format!("{VERSIONS}/_migration.py"), &body)
}

fn model_files(facts: &Facts<'_>, model: &ModelFacts<'_>, schema: &Schema, files: &mut Files) -> Result<(), Error> {
    let about = model.model.description.as_deref().filter(|text| !one_line(text).is_empty());
    let words = model.words();
    let view = ModelView {
        name: model.name.to_owned(),
        table: model.table.clone(),
        doc: about.map_or_else(|| docstring(&format!("One {words}."), 4), |text| docstring(text, 4)),
        words_plural: model.words_plural(),
    };
    let context = json!({
        "model": view,
        "table": tables::view(facts, model, schema)?,
        "shapes": shapes::view(facts, model)?,
        "query": queries::view(facts, model)?,
    });
    for folder in ["models", "schemas", "filters"] {
        let text = fill(&format!("{BACKEND}/app/generated/{folder}/_model.py"), &context)?;
        files.add(Owner::Generated, format!("{BACKEND}/app/generated/{folder}/{}.py", model.table), text);
    }
    Ok(())
}

fn uses(facts: &Facts<'_>) -> Uses {
    fn note(ty: &FieldType, uses: &mut Uses) {
        match ty {
            FieldType::String => uses.line = true,
            FieldType::Email => uses.email = true,
            FieldType::Url => uses.url = true,
            FieldType::Datetime => uses.moment = true,
            FieldType::Time => uses.time = true,
            FieldType::Money => uses.money = true,
            FieldType::Decimal => uses.decimal = true,
            FieldType::List(of) => note(of, uses),
            FieldType::Dict(of) => {
                uses.line = true;
                note(of, uses);
            }
            _ => {}
        }
    }
    let mut uses = Uses { moment: !facts.models.is_empty(), ..Uses::default() };
    for model in &facts.models {
        model.columns.iter().for_each(|column| {
            note(&column.field.ty, &mut uses);
            uses.exact |= matches!(column.field.ty, FieldType::Money | FieldType::Decimal);
        });
        uses.export |= model.exported;
        uses.summary |= model.summarized;
        uses.redirect |= model.link.is_some();
    }
    for param in facts.domains.iter().flat_map(|domain| &domain.operations).flat_map(|operation| &operation.params) {
        note(&param.ty, &mut uses);
    }
    uses
}

fn inputs_imports(uses: &Uses) -> String {
    let mut imports = Imports::default();
    imports.name("typing", "Annotated").name("typing", "Any").module("pydantic", Some("_p"));
    if uses.moment || uses.time {
        imports.module("datetime", Some("_dt"));
    }
    if uses.money || uses.decimal {
        imports.module("decimal", Some("_decimal"));
    }
    if uses.email {
        imports.module("re", None);
    }
    if uses.url {
        imports.module("urllib.parse", None);
    }
    imports.lay(0)
}

/// The import and the `__all__` of the package of models.
fn models_init(facts: &Facts<'_>) -> (String, String) {
    let mut imports = Imports::default();
    let mut names: Vec<&str> = facts.models.iter().map(|model| model.table.as_str()).collect();
    names.sort_by_key(|name| natural(name));
    for name in &names {
        imports.name("app.generated.models", name);
    }
    let all = Code::list(names.iter().map(|name| Code::atom(literal(name))).collect());
    (imports.lay(0), all.lay(0, "__all__ = ".len()))
}

#[derive(Serialize)]
struct Routers {
    imports: String,
    list: String,
}

fn routers(facts: &Facts<'_>) -> Option<Routers> {
    let mut imports = Imports::default();
    let mut domains: Vec<_> = facts.domains.iter().collect();
    domains.sort_by_key(|domain| domain.prefix.split('/').nth(1).is_none_or(|part| part.starts_with('{')));
    for domain in &domains {
        imports.name("app.generated.routers", domain.name.as_str());
    }
    let items: Vec<Code> = domains.iter().map(|domain| Code::atom(format!("{}.ROUTER", domain.name))).collect();
    let list = match items.as_slice() {
        [] => return None,
        [only] => format!("({},)", only.flat()),
        _ => Code::Group { open: "(".to_owned(), items, close: ")".to_owned() }.lay(0, "ROUTERS = ".len()),
    };
    Some(Routers { imports: imports.lay(0), list })
}

/// The operations, for README: method, path, what it does.
fn tour(facts: &Facts<'_>) -> Vec<Value> {
    facts
        .domains
        .iter()
        .flat_map(|domain| domain.operations.iter().map(move |operation| (domain, operation)))
        .map(|(domain, operation)| {
            json!({
                "method": operation.rest.method.as_str(),
                "path": format!("{}{}", domain.prefix, operation.rest.path),
                "name": operation.name.as_str().replace('_', " "),
            })
        })
        .collect()
}
