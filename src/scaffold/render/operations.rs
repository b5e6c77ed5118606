//! The controller and the routes of a domain.

use serde::Serialize;

use super::Error;
use super::facts::{Facts, ModelFacts, class_of};
use super::python::{Code, Imports, docstring, literal, one_line};
use super::queries::{has_own_date, moment_column};
use super::shapes::{Direction, article, class_for, named, summed};
use super::typing::Scope;
use crate::domain::names::PYTHON_KEYWORDS;
use crate::domain::spec::{Action, Domain, FieldType, Operation, Param, ParamSource, RedirectFields, Shape};

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
struct OperationView {
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
struct Argument {
    name: String,
    route_type: String,
    method_type: String,
    default: Option<String>,
}

impl Argument {
    fn new(name: &str, route_type: &str, method_type: &str) -> Self {
        Self {
            name: name.to_owned(),
            route_type: route_type.to_owned(),
            method_type: method_type.to_owned(),
            default: None,
        }
    }
}

struct Builder<'f, 's> {
    facts: &'f Facts<'s>,
    domain: &'f Domain,
    controller: Imports,
    router: Imports,
    stub: Imports,
    constants: Vec<String>,
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
    builder.stub.alias(&format!("app.generated.controllers.{}", domain.name), &format!("{class}Operations"), "Generated");
    let mut ordered: Vec<&Operation> = domain.operations.iter().collect();
    ordered.sort_by_key(|operation| operation.rest.path.split('/').map(|part| part.starts_with('{')).collect::<Vec<_>>());
    let operations = ordered.into_iter().map(|operation| builder.operation(operation)).collect::<Result<Vec<_>, _>>()?;
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

    fn wrong(&self, operation: &Operation, reason: &str) -> Error {
        Error::Operation { operation: format!("{}.{}", self.domain.name, operation.name), reason: reason.to_owned() }
    }

    fn action(&mut self, operation: &Operation, action: &Action) -> Result<OperationView, Error> {
        let name = operation.model.as_ref().ok_or_else(|| self.wrong(operation, "an action needs a model"))?;
        let facts = self.facts;
        let model = facts.model(name)?;
        let path = format!("{}{}", self.domain.prefix, operation.rest.path);
        let names = path_names(&path);
        let wanted = usize::from(matches!(action, Action::Get | Action::Update | Action::Delete | Action::Redirect(_)));
        if names.len() != wanted {
            return Err(self.wrong(operation, &format!("its path has {} parameters, its action needs {wanted}", names.len())));
        }
        let (words, many) = (model.words(), model.words_plural());
        let models = format!("app.generated.models.{}", model.table);
        let filters = format!("app.generated.filters.{}", model.table);
        let conditions = format!("{}_CONDITIONS", model.model.name.snake().to_uppercase());
        self.controller.name(&models, model.name);
        let query = |suffix: &str| {
            let class = format!("{}{suffix}", model.name);
            Argument::new("query", &format!("Annotated[{class}, Query()]"), &class)
        };
        let id = names.first().map(|name| Argument::new(name, "_inputs.RecordId", "int"));
        let class = model.name;
        let mut response = Response::record(self.facts, operation, model)?;
        let atoms = |names: &[&str]| names.iter().map(|name| Code::atom(*name)).collect::<Vec<_>>();
        let select = Code::call("statement = _listing.select", atoms(&[class, "query", &conditions])).lay(8, 0);
        let ordered = Code::call("ordered = _listing.ordered", atoms(&["statement", class, "query.sort"])).lay(8, 0);
        let (doc, arguments, body) = match action {
            Action::List => {
                self.list_imports(&filters, &format!("{class}Query"), &conditions);
                response = Response::page(self.facts, operation, model)?;
                let body = vec![
                    select,
                    ordered,
                    "return _listing.page(self._db, ordered, query)".to_owned(),
                ];
                (format!("Return a page of {many}."), vec![query("Query")], body)
            }
            Action::Create => {
                let input = self.input(operation, &format!("{class}Create"))?;
                self.crud();
                self.controller.alias("app.generated.core", "inputs", "_inputs");
                let body = self.create_body(model);
                (format!("Add {} {words}.", article(&words)), vec![Argument::new("data", &input, &input)], body)
            }
            Action::Get => {
                self.crud();
                let body = vec![Code::call("return _crud.fetch", atoms(&["self._db", class, names[0]])).lay(8, 0)];
                (format!("Return one {words}."), id.into_iter().collect(), body)
            }
            Action::Update => {
                let input = self.input(operation, &format!("{class}Update"))?;
                self.crud();
                self.controller.alias("app.generated.core", "inputs", "_inputs");
                let data = Argument::new(free_name("data", &names), &input, &input);
                let given = format!("_inputs.given({})", data.name);
                let body = vec![Code::call("return _crud.update", atoms(&["self._db", class, names[0], &given])).lay(8, 0)];
                (format!("Change one {words}."), id.into_iter().chain([data]).collect(), body)
            }
            Action::Delete => {
                self.crud();
                let body = vec![Code::call("_crud.delete", atoms(&["self._db", class, names[0]])).lay(8, 0)];
                response = Response::nothing();
                (format!("Remove one {words}."), id.into_iter().collect(), body)
            }
            Action::ExportCsv => {
                self.list_imports(&filters, &format!("{class}ExportQuery"), &conditions);
                self.controller.alias("app.generated.core", "exports", "_exports");
                self.router.name("fastapi.responses", "StreamingResponse");
                self.export_columns(model);
                response = Response {
                    settings: vec![
                        Code::atom("response_class=StreamingResponse"),
                        Code::atom("responses={200: {\"content\": {\"text/csv\": {}}}}"),
                    ],
                    returns: "Any".to_owned(),
                    class: None,
                };
                let body = vec![
                    select,
                    ordered,
                    "records = self._db.scalars(ordered.execution_options(yield_per=500))".to_owned(),
                    Code::call(
                        "return _exports.csv_response",
                        atoms(&["records", &export_constant(model), &literal(&format!("{}.csv", model.table))]),
                    )
                    .lay(8, 0),
                ];
                (format!("Return the {many} as a CSV file."), vec![query("ExportQuery")], body)
            }
            Action::Summary => {
                self.list_imports(&filters, &format!("{class}SummaryQuery"), &conditions);
                self.controller.alias("app.generated.core", "summary", "_summary");
                let schema = format!("{class}Summary");
                self.router.name(&format!("app.generated.schemas.{}", model.table), &schema);
                response = Response::model(&schema);
                let body = summary_body(model, select);
                (
                    format!("Count the {many} and sum their numbers, by period or by field."),
                    vec![query("SummaryQuery")],
                    body,
                )
            }
            Action::Redirect(fields) => {
                self.controller.alias("app.generated.core", "links", "_links");
                self.router.name("fastapi.responses", "RedirectResponse");
                response = Response {
                    settings: vec![Code::atom("response_class=RedirectResponse")],
                    returns: "Any".to_owned(),
                    class: None,
                };
                let body = self.redirect_body(operation, model, fields, names[0])?;
                (format!("Redirect to the address of {} {words}.", article(&words)), vec![Argument::new(names[0], "str", "str")], body)
            }
        };
        self.finish(operation, &doc, arguments, response, body)
    }

    fn list_imports(&mut self, filters: &str, query: &str, conditions: &str) {
        self.controller.alias("app.generated.core", "listing", "_listing");
        self.controller.name(filters, conditions).name(filters, query);
        self.router.name("fastapi", "Query").name(filters, query);
    }

    fn crud(&mut self) {
        self.controller.alias("app.generated.core", "crud", "_crud");
    }

    /// The class of the body, imported where it is named.
    fn input(&mut self, operation: &Operation, usual: &str) -> Result<String, Error> {
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

    fn create_body(&mut self, model: &ModelFacts<'_>) -> Vec<String> {
        let class = model.name;
        let Some(link) = &model.link else {
            return vec![format!("return _crud.create(self._db, {class}, _inputs.everything(data))")];
        };
        self.controller.alias("app.generated.core", "links", "_links");
        let key = literal(link.key.as_str());
        vec![
            "values = _inputs.everything(data)".to_owned(),
            format!("if values[{key}] is None:"),
            format!("    values[{key}] = _links.new_key(self._db, {class}.{})", link.key),
            format!("return _crud.create(self._db, {class}, values)"),
        ]
    }

    fn export_columns(&mut self, model: &ModelFacts<'_>) {
        let own = model.columns.iter().map(|column| column.name.as_str());
        let lists = model.members.iter().map(|members| members.ids.as_str());
        let names = std::iter::once("id").chain(own).chain(lists).chain(["created_at", "updated_at"]);
        let code = Code::Group {
            open: format!("{} = (", export_constant(model)),
            items: names.map(|name| Code::atom(literal(name))).collect(),
            close: ")".to_owned(),
        }
        .lay(0, 0);
        if !self.constants.contains(&code) {
            self.constants.push(code);
        }
    }

    fn redirect_body(
        &mut self,
        operation: &Operation,
        model: &ModelFacts<'_>,
        fields: &RedirectFields,
        parameter: &str,
    ) -> Result<Vec<String>, Error> {
        let class = model.name;
        let mut items = vec![Code::atom("self._db")];
        let column = |field: &str| -> Result<Code, Error> {
            model
                .column(field)
                .map(|column| Code::atom(format!("{class}.{}", column.name)))
                .ok_or_else(|| self.wrong(operation, &format!("{class} has no field `{field}`")))
        };
        items.push(column(fields.key.as_str())?);
        items.push(Code::atom(parameter));
        items.push(column(fields.target.as_str())?);
        if let Some(counter) = &fields.counter {
            items.push(column(counter.as_str())?.after("counter="));
        }
        if let Some(expires) = &fields.expires {
            items.push(column(expires.as_str())?.after("expires="));
        }
        Ok(vec![Code::call("return _links.follow", items).lay(8, 0)])
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
        self.finish(operation, &doc, arguments, response, body)
    }

    fn finish(
        &mut self,
        operation: &Operation,
        doc: &str,
        arguments: Vec<Argument>,
        response: Response,
        body: Vec<String>,
    ) -> Result<OperationView, Error> {
        if let Some((class, table)) = &response.class {
            self.router.name(&format!("app.generated.schemas.{table}"), class);
        }
        if response.settings.iter().any(|item| item.flat().contains("Page[")) {
            self.router.name("app.generated.core.listing", "Page");
        }
        if response.returns == "Any" {
            self.controller.name("typing", "Any");
            self.router.name("typing", "Any");
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
        let def = |items, indent| {
            Code::Group { open: format!("def {name}("), items, close: format!(") -> {}:", response.returns) }.lay(indent, 0)
        };
        let passed = names.iter().map(|name| Code::atom(*name)).collect();
        let returns = if response.returns == "None" { "" } else { "return " };
        Ok(OperationView {
            name: name.to_owned(),
            doc: docstring(described.unwrap_or(doc), 8),
            route_doc: docstring(described.unwrap_or(doc), 4),
            decorator: Code::call(format!("@ROUTER.{method}"), settings).lay(0, 0),
            route: def(route_items, 0),
            call: Code::call(format!("{returns}{controller}.{name}"), passed).lay(4, 0),
            method: def(method_items, 4),
            body,
            stub: operation.action.is_none(),
        })
    }
}

/// What an operation answers.
struct Response {
    settings: Vec<Code>,
    returns: String,
    class: Option<(String, String)>,
}

impl Response {
    fn nothing() -> Self {
        Self { settings: Vec::new(), returns: "None".to_owned(), class: None }
    }

    fn model(name: &str) -> Self {
        Self {
            settings: vec![Code::atom(format!("response_model={name}"))],
            returns: "Any".to_owned(),
            class: None,
        }
    }

    fn of(facts: &Facts<'_>, operation: &Operation) -> Result<Self, Error> {
        let Some(shape) = &operation.output else {
            let empty = operation.rest.status == 204;
            return Ok(if empty {
                Self::nothing()
            } else {
                Self { settings: Vec::new(), returns: "Any".to_owned(), class: None }
            });
        };
        let (class, table) = class_for(facts, named(shape), Direction::Output)?;
        let model = match shape {
            Shape::One(_) => class.clone(),
            Shape::List(_) => format!("list[{class}]"),
            Shape::Page(_) => format!("Page[{class}]"),
        };
        Ok(Self { class: Some((class, table)), ..Self::model(&model) })
    }

    /// The answer of an action on one record: the shape the operation names, or the model's own.
    fn record(facts: &Facts<'_>, operation: &Operation, model: &ModelFacts<'_>) -> Result<Self, Error> {
        if operation.output.is_some() {
            return Self::of(facts, operation);
        }
        let (class, table) = class_for(facts, model.name, Direction::Output)?;
        Ok(Self { class: Some((class.clone(), table)), ..Self::model(&class) })
    }

    /// The answer of a list: a page of the shape's class, or of the model's own.
    fn page(facts: &Facts<'_>, operation: &Operation, model: &ModelFacts<'_>) -> Result<Self, Error> {
        let wanted = operation.output.as_ref().map_or(model.name, |shape| named(shape));
        let (class, table) = class_for(facts, wanted, Direction::Output)?;
        Ok(Self { class: Some((class.clone(), table)), ..Self::model(&format!("Page[{class}]")) })
    }
}

fn free_name(wanted: &'static str, taken: &[&str]) -> &'static str {
    if taken.contains(&wanted) { "body_" } else { wanted }
}

fn export_constant(model: &ModelFacts<'_>) -> String {
    format!("_{}_COLUMNS", model.model.name.snake().to_uppercase())
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

fn summary_body(model: &ModelFacts<'_>, select: String) -> Vec<String> {
    let class = model.name;
    let moment = moment_column(model);
    let mut body = vec![select];
    let dates: Vec<String> = [("date_from", "first"), ("date_to", "last")]
        .into_iter()
        .filter(|(name, _)| has_own_date(model, name))
        .map(|(name, argument)| format!("{argument}=query.{name}"))
        .collect();
    if !dates.is_empty() {
        let mut items = vec![Code::atom("statement"), Code::atom(format!("{class}.{moment}"))];
        items.extend(dates.into_iter().map(Code::atom));
        body.push(Code::call("statement = _summary.between", items).lay(8, 0));
    }
    let sums = Code::Group {
        open: "sums = {".to_owned(),
        items: summed(model)
            .map(|column| Code::atom(format!("\"{0}_sum\": {class}.{0}", column.name)))
            .collect(),
        close: "}".to_owned(),
    };
    body.push(sums.lay(8, 0));
    let items = ["self._db", "statement", "query.group_by", &format!("{class}.{moment}"), "sums"].map(Code::atom);
    body.push(Code::call("return _summary.summarize", items.to_vec()).lay(8, 0));
    body
}
