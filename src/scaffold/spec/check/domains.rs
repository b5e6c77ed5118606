//! Rules for operations: what an action needs, which shapes fit, which parameters are declared.

use std::collections::HashSet;

use super::Check;
use super::routes::placeholders;
use super::values::fits;
use crate::domain::names::ModelName;
use crate::domain::spec::{Action, Domain, FieldType, Method, Model, Operation, Param, ParamSource, Shape};
use crate::domain::suggest::{nearest, one_of};

const MAX_LINE: usize = 500;
const MAX_TAGS: usize = 20;
/// Names that the functions around an operation use themselves.
const OWN_PARAMS: [&str; 10] =
    ["session", "body", "payload", "request", "response", "controller", "router", "db", "broker", "data"];
/// Stems beside the domains' files.
const OWN_STEMS: [&str; 1] = ["manifest"];

/// What an action is over HTTP: methods, statuses, and the form of its input.
struct Usual {
    word: &'static str,
    methods: &'static [Method],
    statuses: &'static [u16],
    input: Option<&'static str>,
    output: Output,
    by_id: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Output {
    Nothing,
    One,
    Page,
}

fn usual(action: &Action) -> Usual {
    let of = |word, methods, statuses, input, output, by_id| Usual { word, methods, statuses, input, output, by_id };
    match action {
        Action::List => of("list", &[Method::Get], &[200], None, Output::Page, false),
        Action::Create => of("create", &[Method::Post], &[201, 200], Some("Create"), Output::One, false),
        Action::Get => of("get", &[Method::Get], &[200], None, Output::One, true),
        Action::Update => of("update", &[Method::Patch, Method::Put], &[200], Some("Update"), Output::One, true),
        Action::Delete => of("delete", &[Method::Delete], &[204], None, Output::Nothing, true),
        Action::ExportCsv => of("export_csv", &[Method::Get], &[200], None, Output::Nothing, false),
        Action::Summary => of("summary", &[Method::Get], &[200], None, Output::Nothing, false),
        Action::Redirect(_) => of("redirect", &[Method::Get], &[307, 308, 301, 302, 303], None, Output::Nothing, false),
    }
}

impl Check<'_> {
    pub(super) fn domains(&mut self, path: &str, domains: &[Domain]) {
        let mut seen = HashSet::new();
        for domain in domains {
            let path = format!("{path}.{}", domain.name);
            if !seen.insert(&domain.name) {
                self.key(path, format!("the domain `{}` stands here twice", domain.name));
                continue;
            }
            if OWN_STEMS.contains(&domain.name.as_str()) {
                self.key(path, format!("`{}` is another file's name", domain.name));
                continue;
            }
            self.domain(&path, domain);
        }
        self.routes(path, domains);
    }

    fn domain(&mut self, path: &str, domain: &Domain) {
        let rest = format!("{path}.config.rest");
        let good = self.path_form(&format!("{rest}.prefix"), &domain.prefix, true);
        if domain.tags.len() > MAX_TAGS {
            self.add(format!("{rest}.tags"), format!("more than {MAX_TAGS} tags"));
        }
        for (index, tag) in domain.tags.iter().enumerate() {
            self.line(format!("{rest}.tags.{index}"), tag, 100);
        }
        let operations = format!("{path}.operations");
        if domain.operations.is_empty() && !(self.declared)(&format!("{operations}.*")) {
            self.key(operations, "a domain has at least one operation");
        }
        let mut seen = HashSet::new();
        for operation in &domain.operations {
            let path = format!("{path}.operations.{}", operation.name);
            if !seen.insert(&operation.name) {
                self.key(path, format!("the operation `{}` stands here twice", operation.name));
                continue;
            }
            if let Some(text) = &operation.description {
                self.line(format!("{path}.description"), text, MAX_LINE);
            }
            let well_formed = self.path_form(&format!("{path}.rest.path"), &operation.rest.path, false);
            let full = (good && well_formed).then(|| format!("{}{}", domain.prefix, operation.rest.path));
            self.shapes(&path, operation);
            match &operation.action {
                Some(action) => self.action(&path, operation, action, full.as_deref()),
                None => self.stub(&path, operation, full.as_deref()),
            }
        }
    }

    /// Input and output name models or forms of models that exist.
    fn shapes(&mut self, path: &str, operation: &Operation) {
        if let Some(shape) = &operation.input {
            let path = format!("{path}.input");
            match shape {
                Shape::One(name) => self.form(path, name),
                Shape::List(_) | Shape::Page(_) => {
                    self.add(path, "an input is one record; wrap a list in a model of its own");
                }
            }
        }
        if let Some(Shape::One(name) | Shape::List(name) | Shape::Page(name)) = &operation.output {
            self.form(format!("{path}.output"), name);
        }
    }

    fn form(&mut self, path: String, name: &ModelName) {
        if self.forms.contains(name.as_str()) || self.maybe_declared(name) {
            return;
        }
        let hint = nearest(name.as_str(), self.forms.iter().map(String::as_str));
        self.hint(path, format!("there is no model `{name}`"), hint);
    }

    /// The name may be a form of a model that is written and could not be read.
    fn maybe_declared(&self, name: &ModelName) -> bool {
        let name = name.as_str();
        (1..=name.len()).any(|end| {
            let (model, form) = name.split_at(end);
            let path = format!("models.{model}");
            (self.declared)(&path)
                && match self.model(model) {
                    None => form.is_empty() || matches!(form, "Create" | "Update"),
                    Some(_) => !form.is_empty() && (self.declared)(&format!("{path}.variants.{form}")),
                }
        })
    }

    fn action(&mut self, path: &str, operation: &Operation, action: &Action, full: Option<&str>) {
        let usual = usual(action);
        let word = usual.word;
        let Some(name) = &operation.model else {
            let hint = "write `model:` with the name of a model".to_owned();
            return self.hint(format!("{path}.action"), format!("`{word}` needs a model to work on"), hint);
        };
        let rest = &operation.rest;
        if !usual.methods.contains(&rest.method) {
            let methods = one_of(usual.methods.iter().map(|method| method.as_str()));
            let reason = format!("`{word}` is not a {}", rest.method.as_str());
            self.hint(format!("{path}.rest.method"), reason, format!("write {methods}"));
        }
        if !usual.statuses.contains(&rest.status) {
            let statuses: Vec<String> = usual.statuses.iter().map(u16::to_string).collect();
            let reason = format!("`{word}` does not answer {}", rest.status);
            let hint = format!("write {}", one_of(statuses.iter().map(String::as_str)));
            self.hint(format!("{path}.rest.status"), reason, hint);
        }
        if !operation.params.is_empty() {
            let reason = format!("`{word}` brings its own parameters");
            self.hint(format!("{path}.params"), reason, "leave `params` out".to_owned());
        }
        let Some(model) = self.known_model(format!("{path}.model"), name.as_str()) else { return };
        self.action_shapes(path, operation, model, &usual);
        let own = match action {
            Action::Redirect(fields) => {
                if fields.model != *name {
                    self.add(format!("{path}.redirect"), format!("it works on `{}`, not `{name}`", fields.model));
                }
                self.redirect(&format!("{path}.redirect"), fields);
                Some(fields.key.to_string())
            }
            _ => usual.by_id.then(|| format!("{}_id", name.snake())),
        };
        let Some(full) = full else { return };
        let found = placeholders(full);
        if found != own.as_deref().into_iter().collect::<Vec<_>>() {
            let reason = match &own {
                Some(own) => format!("the path of `{word}` has one parameter, `{{{own}}}`"),
                None => format!("the path of `{word}` has no parameters"),
            };
            self.add(format!("{path}.rest.path"), reason);
        }
    }

    fn action_shapes(&mut self, path: &str, operation: &Operation, model: &Model, usual: &Usual) {
        let word = usual.word;
        let wanted = usual.input.map(|form| format!("{}{form}", model.name));
        let given = match &operation.input {
            Some(Shape::One(name)) => Some(name.as_str()),
            Some(Shape::List(_) | Shape::Page(_)) => return,
            None => None,
        };
        if given != wanted.as_deref() {
            match wanted {
                Some(form) => {
                    let hint = format!("write `input: {form}`");
                    self.hint(format!("{path}.input"), format!("`{word}` takes `{form}`"), hint);
                }
                None => self.add(format!("{path}.input"), format!("`{word}` takes no input")),
            }
        }
        let (kind, name) = match &operation.output {
            None => (Output::Nothing, None),
            Some(Shape::One(name)) => (Output::One, Some(name)),
            Some(Shape::Page(name)) => (Output::Page, Some(name)),
            Some(Shape::List(_)) => {
                let hint = (usual.output == Output::Page).then(|| format!("write `page[{}]`", model.name));
                return self.hint(format!("{path}.output"), format!("`{word}` does not answer a plain list"), hint);
            }
        };
        let own = name.is_none_or(|name| {
            forms_of(model).any(|form| form == name.as_str()) || !self.forms.contains(name.as_str())
        });
        if kind != usual.output || !own {
            let (reason, hint) = match usual.output {
                Output::Nothing => (format!("`{word}` has no output of a model"), "leave `output` out".to_owned()),
                Output::One => {
                    (format!("`{word}` answers a `{}`", model.name), format!("write `output: {}`", model.name))
                }
                Output::Page => (
                    format!("`{word}` answers a page of `{}`", model.name),
                    format!("write `output: page[{}]`", model.name),
                ),
            };
            self.hint(format!("{path}.output"), reason, hint);
        }
    }

    /// An operation whose code a person writes.
    fn stub(&mut self, path: &str, operation: &Operation, full: Option<&str>) {
        if operation.model.is_some() {
            self.hint(
                format!("{path}.model"),
                "`model` belongs to an action",
                "add `action:`, or leave it out".to_owned(),
            );
        }
        let rest = &operation.rest;
        if matches!(rest.method, Method::Get | Method::Delete) && operation.input.is_some() {
            self.add(format!("{path}.input"), format!("a {} sends no input", rest.method.as_str()));
        }
        let at_status = || format!("{path}.rest.status");
        if !(200..=399).contains(&rest.status) {
            self.add(at_status(), format!("{} is not a status of success: those are 200 to 399", rest.status));
        } else if matches!(rest.status, 204 | 205 | 304) && operation.output.is_some() {
            self.add(at_status(), format!("an answer with status {} has no output", rest.status));
        } else if rest.status >= 300 && operation.output.is_some() {
            self.add(at_status(), format!("an answer with status {} leads elsewhere and has no output", rest.status));
        }
        let mut seen = HashSet::new();
        for (index, param) in operation.params.iter().enumerate() {
            let path = format!("{path}.params.{index}");
            if seen.insert(&param.name) {
                self.param(&path, param, full);
            } else {
                self.add(path, format!("the parameter `{}` stands here twice", param.name));
            }
        }
        let Some(full) = full else { return };
        let mut seen = HashSet::new();
        for name in placeholders(full) {
            let at = format!("{path}.rest.path");
            if !seen.insert(name) {
                self.add(at, format!("the path has `{{{name}}}` twice"));
            } else if !operation.params.iter().any(|param| param.name.as_str() == name) {
                let hint = format!("add `- {{name: {name}, type: int}}` to `params`");
                self.hint(at, format!("the path's parameter `{name}` is not declared"), hint);
            }
        }
    }

    fn param(&mut self, path: &str, param: &Param, full: Option<&str>) {
        let name = param.name.as_str();
        if OWN_PARAMS.contains(&name) {
            let hint = format!("try `{name}_value`");
            self.hint(format!("{path}.name"), format!("the generated code uses `{name}` itself"), hint);
        }
        match &param.ty {
            FieldType::List(_) | FieldType::Dict(_) | FieldType::Ref(_) => {
                self.add(format!("{path}.type"), "a parameter is of a simple type: no list, map or relation");
            }
            ty => {
                self.type_rules(path, ty);
                if let Some(value) = &param.default
                    && let Err(reason) = fits(ty, value)
                {
                    self.add(format!("{path}.default"), reason);
                }
            }
        }
        let in_path = full.map(|full| placeholders(full).contains(&name));
        match (param.source, in_path) {
            (ParamSource::Path, Some(false)) => {
                let hint = format!("write `{{{name}}}` in the path, or `source: query`");
                self.hint(path.to_owned(), format!("the path has no parameter `{name}`"), hint);
            }
            (ParamSource::Query, Some(true)) => {
                let hint = "write `source: path`".to_owned();
                self.hint(format!("{path}.source"), format!("`{name}` stands in the path"), hint);
            }
            _ => {}
        }
        if param.source == ParamSource::Path && (!param.required || param.default.is_some()) {
            self.add(path.to_owned(), "a parameter in the path is always required and has no default");
        } else if param.required && param.default.is_some() {
            let hint = "leave `required` out".to_owned();
            self.hint(format!("{path}.required"), "a required parameter has no default", hint);
        }
    }
}

/// The model's own name and its forms, as operations name them.
pub(in crate::scaffold::spec) fn forms_of(model: &Model) -> impl Iterator<Item = String> {
    let usual = ["", "Create", "Update"].into_iter().map(|form| format!("{}{form}", model.name));
    usual.chain(model.variants.iter().map(|variant| format!("{}{}", model.name, variant.name)))
}
