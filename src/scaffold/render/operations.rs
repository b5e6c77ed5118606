//! The controller and the routes of a domain.

use serde::Serialize;

use super::Error;
use super::answers::Response;
use super::facts::{Facts, class_of};
use super::python::{Code, Imports, docstring, literal, one_line};
use super::shapes::{Direction, class_for, named};
use super::typing::Scope;
use crate::domain::names::PYTHON_KEYWORDS;
use crate::domain::spec::{Domain, FieldType, Operation, Param, ParamSource, Shape};

/// What the templates of a domain need.
#[derive(Serialize)]
pub struct DomainView {
    pub name: String,
    pub words: String,
    pub class: String,
    router: String,
    pub controller_imports: String,
    pub router_imports: String,
    pub stub_imports: String,
    constants: Vec<String>,
    operations: Vec<OperationView>,
}

#[derive(Serialize)]
pub struct OperationView {
    name: String,
    doc: String,
    route_doc: String,
    decorator: String,
    route: String,
    call: String,
    method: String,
    body: Vec<String>,
    stub: bool,
}

/// One argument of a route and of the controller's method.
pub struct Argument {
    pub name: String,
    route_type: String,
    method_type: String,
    default: Option<String>,
}

impl Argument {
    pub fn new(name: &str, route_type: &str, method_type: &str) -> Self {
        Self {
            name: name.to_owned(),
            route_type: route_type.to_owned(),
            method_type: method_type.to_owned(),
            default: None,
        }
    }
}

/// What one operation comes to, before it is put into words.
pub struct Parts {
    pub doc: String,
    pub arguments: Vec<Argument>,
    pub body: Vec<String>,
    pub response: Response,
    /// What the controller's method returns.
    pub returns: String,
}

/// Collects what a domain's modules import while its operations are described.
pub struct Builder<'f, 's> {
    pub facts: &'f Facts<'s>,
    pub domain: &'f Domain,
    pub controller: Imports,
    pub router: Imports,
    stub: Imports,
    pub constants: Vec<String>,
}

/// The names in braces of a path.
pub fn path_names(path: &str) -> Vec<&str> {
    path.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name)).collect()
}

/// Describes a domain.
pub fn view(facts: &Facts<'_>, domain: &Domain) -> Result<DomainView, Error> {
    let class = class_of(domain);
    let mut builder = Builder {
        facts,
        domain,
        controller: Imports::default(),
        router: Imports::default(),
        stub: Imports::default(),
        constants: Vec::new(),
    };
    builder.controller.name("app.generated.core.database", "Db");
    builder
        .router
        .name("typing", "Annotated")
        .name("fastapi", "APIRouter")
        .name("fastapi", "Depends")
        .name("app.generated.core.problems", "RESPONSES")
        .name(&format!("app.controllers.{}", domain.name), &format!("{class}Controller"));
    builder.stub.alias(
        &format!("app.generated.controllers.{}", domain.name),
        &format!("{class}Operations"),
        "Generated",
    );
    let mut ordered: Vec<&Operation> = domain.operations.iter().collect();
    ordered
        .sort_by_key(|operation| operation.rest.path.split('/').map(|part| part.starts_with('{')).collect::<Vec<_>>());
    let operations =
        ordered.into_iter().map(|operation| builder.operation(operation)).collect::<Result<Vec<_>, _>>()?;
    let mut items = Vec::new();
    if !domain.prefix.is_empty() {
        items.push(Code::atom(literal(&domain.prefix)).after("prefix="));
    }
    let tags = if domain.tags.is_empty() { vec![domain.name.as_str().replace('_', " ")] } else { domain.tags.clone() };
    items.push(Code::list(tags.iter().map(|tag| Code::atom(literal(tag))).collect()).after("tags="));
    items.push(Code::atom("responses=RESPONSES"));
    Ok(DomainView {
        name: domain.name.to_string(),
        words: domain.name.as_str().replace('_', " "),
        class,
        router: Code::call("ROUTER = APIRouter", items).lay(0, 0),
        controller_imports: builder.controller.lay(0),
        router_imports: builder.router.lay(0),
        stub_imports: builder.stub.lay(0),
        constants: builder.constants,
        operations,
    })
}

impl Builder<'_, '_> {
    fn operation(&mut self, operation: &Operation) -> Result<OperationView, Error> {
        match &operation.action {
            Some(action) => self.action(operation, action),
            None => self.custom(operation),
        }
    }

    pub fn wrong(&self, operation: &Operation, reason: &str) -> Error {
        Error::Operation { operation: format!("{}.{}", self.domain.name, operation.name), reason: reason.to_owned() }
    }

    /// The class of the body, imported where it is named.
    pub fn input(&mut self, operation: &Operation, usual: &str) -> Result<String, Error> {
        let wanted = operation.input.as_ref().map_or(usual, |shape| named(shape));
        let (class, table) = class_for(self.facts, wanted, Direction::Input)?;
        let module = format!("app.generated.schemas.{table}");
        self.controller.name(&module, &class);
        self.router.name(&module, &class);
        if operation.action.is_none() {
            self.stub.name(&module, &class);
        }
        Ok(match &operation.input {
            Some(Shape::List(_) | Shape::Page(_)) => format!("list[{class}]"),
            _ => class,
        })
    }

    /// An operation whose code is written by hand.
    fn custom(&mut self, operation: &Operation) -> Result<OperationView, Error> {
        let mut scope = Scope::default();
        let path = format!("{}{}", self.domain.prefix, operation.rest.path);
        let in_path = path_names(&path);
        let mut arguments = Vec::new();
        for name in &in_path {
            if PYTHON_KEYWORDS.contains(name) {
                return Err(self.wrong(operation, &format!("the path parameter `{name}` is a word of Python")));
            }
            let declared = operation.params.iter().find(|param| param.name.as_str() == *name);
            let ty = declared.map_or_else(
                || if name.ends_with("_id") { FieldType::Int } else { FieldType::String },
                |param| param.ty.clone(),
            );
            arguments.push(argument(name, &ty, None, true, &mut scope)?);
        }
        let mut taken: Vec<&str> = in_path.clone();
        taken.extend(operation.params.iter().map(|param| param.name.as_str()));
        if operation.input.is_some() {
            let class = self.input(operation, "")?;
            arguments.push(Argument::new(free_name("data", &taken), &class, &class));
        }
        let query = |param: &&Param| param.source == ParamSource::Query && !in_path.contains(&param.name.as_str());
        let (required, optional): (Vec<&Param>, Vec<&Param>) =
            operation.params.iter().filter(query).partition(|param| param.required && param.default.is_none());
        for param in required.into_iter().chain(optional) {
            let needed = param.required && param.default.is_none();
            arguments.push(argument(param.name.as_str(), &param.ty, param.default.as_ref(), needed, &mut scope)?);
        }
        let choices = operation.params.iter().any(|param| matches!(param.ty, FieldType::Enum(_)));
        for imports in [&mut self.controller, &mut self.router, &mut self.stub] {
            for (module, alias) in [("datetime", "_dt"), ("decimal", "_decimal"), ("uuid", "_uuid")] {
                if arguments.iter().any(|argument| argument.method_type.contains(&format!("{alias}."))) {
                    imports.module(module, Some(alias));
                }
            }
            if choices {
                imports.name("typing", "Literal");
            }
        }
        let response = Response::of(self.facts, operation)?;
        if response.returns == "Any" {
            self.stub.name("typing", "Any");
        }
        self.controller.alias("app.generated.core", "problems", "_problems");
        self.stub.alias("app.generated.core", "problems", "_problems");
        let body = vec![
            Code::call(
                "raise _problems.not_written",
                vec![
                    Code::atom(literal(operation.name.as_str())),
                    Code::atom(literal(&format!("app/controllers/{}.py", self.domain.name))),
                ],
            )
            .lay(8, 0),
        ];
        let words = operation.name.as_str().replace('_', " ");
        let doc = format!("{}{}.", words[..1].to_uppercase(), &words[1..]);
        let returns = response.returns.clone();
        Ok(self.finish(operation, Parts { doc, arguments, body, response, returns }))
    }

    /// Puts an operation into words, and imports what every operation of its sort needs.
    pub fn finish(&mut self, operation: &Operation, parts: Parts) -> OperationView {
        let Parts { doc, arguments, body, response, returns: method_returns } = parts;
        if let Some((class, table)) = &response.class {
            self.router.name(&format!("app.generated.schemas.{table}"), class);
        }
        if response.settings.iter().any(|item| item.flat().contains("Page[")) {
            self.router.name("app.generated.core.listing", "Page");
        }
        if response.returns == "Any" {
            self.router.name("typing", "Any");
        }
        if method_returns.contains("Any") {
            self.controller.name("typing", "Any");
        }
        if arguments.iter().any(|argument| argument.route_type.contains("_inputs.")) {
            self.router.alias("app.generated.core", "inputs", "_inputs");
        }
        let names: Vec<&str> = arguments.iter().map(|argument| argument.name.as_str()).collect();
        let controller = if names.contains(&"controller") { "controller_" } else { "controller" };
        let method = operation.rest.method.as_str().to_lowercase();
        let mut settings = vec![Code::atom(literal(&operation.rest.path))];
        if operation.rest.status != 200 {
            settings.push(Code::atom(format!("status_code={}", operation.rest.status)));
        }
        settings.extend(response.settings);
        let described = operation.description.as_deref().filter(|text| !one_line(text).is_empty());
        let typed = |name: &str, ty: &str, default: Option<&String>| {
            Code::atom(default.map_or_else(|| format!("{name}: {ty}"), |value| format!("{name}: {ty} = {value}")))
        };
        let route_items = std::iter::once(Code::atom(format!("{controller}: _Controller")))
            .chain(arguments.iter().map(|a| typed(&a.name, &a.route_type, a.default.as_ref())))
            .collect();
        let method_items = std::iter::once(Code::atom("self"))
            .chain(arguments.iter().map(|a| typed(&a.name, &a.method_type, a.default.as_ref())))
            .collect();
        let name = operation.name.as_str();
        let def = |items, returns: &str, indent| {
            Code::Group { open: format!("def {name}("), items, close: format!(") -> {returns}:") }.lay(indent, 0)
        };
        let passed = names.iter().map(|name| Code::atom(*name)).collect();
        let returns = if response.returns == "None" { "" } else { "return " };
        OperationView {
            name: name.to_owned(),
            doc: docstring(described.unwrap_or(&doc), 8),
            route_doc: docstring(described.unwrap_or(&doc), 4),
            decorator: Code::call(format!("@ROUTER.{method}"), settings).lay(0, 0),
            route: def(route_items, &response.returns, 0),
            call: Code::call(format!("{returns}{controller}.{name}"), passed).lay(4, 0),
            method: def(method_items, &method_returns, 4),
            body,
            stub: operation.action.is_none(),
        }
    }
}

/// A name for the body that no parameter has.
pub fn free_name(wanted: &'static str, taken: &[&str]) -> &'static str {
    if taken.contains(&wanted) { "body_" } else { wanted }
}

fn argument(
    name: &str,
    ty: &FieldType,
    default: Option<&serde_json::Value>,
    required: bool,
    scope: &mut Scope,
) -> Result<Argument, Error> {
    let (mut route_type, mut method_type) = match ty {
        FieldType::Enum(values) => {
            let values: Vec<String> = values.iter().map(|value| literal(value.as_str())).collect();
            let choice = format!("Literal[{}]", values.join(", "));
            (choice.clone(), choice)
        }
        FieldType::String | FieldType::Email | FieldType::Url => (scope.input(&FieldType::Text, ""), scope.stored(ty)),
        other => (scope.input(other, ""), scope.stored(other)),
    };
    let default = default.map(|value| scope.value(ty, value)).transpose()?;
    if !required && default.is_none() {
        route_type.push_str(" | None");
        method_type.push_str(" | None");
    }
    let default = default.or_else(|| (!required).then(|| "None".to_owned()));
    Ok(Argument { name: name.to_owned(), route_type, method_type, default })
}
