//! The operations that the generated code does by itself: lists, records, files, summaries, short links.

use super::Error;
use super::answers::Response;
use super::facts::ModelFacts;
use super::operations::{Argument, Builder, OperationView, Parts, free_name, path_names};
use super::python::{Code, literal};
use super::queries::{has_own_date, moment_column};
use super::shapes::{article, summed};
use crate::domain::spec::{Action, Operation, RedirectFields};

impl Builder<'_, '_> {
    /// Describes an operation with an action.
    pub fn action(&mut self, operation: &Operation, action: &Action) -> Result<OperationView, Error> {
        let name = operation.model.as_ref().ok_or_else(|| self.wrong(operation, "an action needs a model"))?;
        let facts = self.facts;
        let model = facts.model(name)?;
        let path = format!("{}{}", self.domain.prefix, operation.rest.path);
        let names = path_names(&path);
        let wanted = usize::from(matches!(action, Action::Get | Action::Update | Action::Delete | Action::Redirect(_)));
        if names.len() != wanted {
            let reason = format!("its path has {} parameters, its action needs {wanted}", names.len());
            return Err(self.wrong(operation, &reason));
        }
        self.controller.name(&format!("app.generated.models.{}", model.table), model.name);
        let key = names.first().copied().unwrap_or_default();
        let parts = match action {
            Action::List => self.list(operation, model)?,
            Action::Create => self.create(operation, model)?,
            Action::Get | Action::Update | Action::Delete => self.one(operation, action, model, key)?,
            Action::ExportCsv => self.export(model),
            Action::Summary => self.summary(model),
            Action::Redirect(fields) => self.redirect(operation, model, fields, key)?,
        };
        Ok(self.finish(operation, parts))
    }

    fn list(&mut self, operation: &Operation, model: &ModelFacts<'_>) -> Result<Parts, Error> {
        let query = self.query(model, "Query");
        let [select, ordered] = selection(model);
        Ok(Parts {
            doc: format!("Return a page of {}.", model.words_plural()),
            arguments: vec![query],
            body: vec![select, ordered, "return _listing.page(self._db, ordered, query)".to_owned()],
            response: Response::page(self.facts, operation, model)?,
            returns: "dict[str, Any]".to_owned(),
        })
    }

    fn create(&mut self, operation: &Operation, model: &ModelFacts<'_>) -> Result<Parts, Error> {
        let class = model.name;
        let input = self.input(operation, &format!("{class}Create"))?;
        self.controller.alias("app.generated.core", "crud", "_crud");
        self.controller.alias("app.generated.core", "inputs", "_inputs");
        let body = match model.link.as_ref().and_then(|link| model.column(link.key.as_str())) {
            None => vec![format!("return _crud.create(self._db, {class}, _inputs.everything(data))")],
            Some(key) => {
                self.controller.alias("app.generated.core", "links", "_links");
                let name = literal(&key.name);
                let mut items = vec![Code::atom("self._db"), Code::atom(format!("{class}.{}", key.name))];
                let bounds = &key.field.bounds;
                let length = 7.max(bounds.min_length.unwrap_or(0)).min(bounds.max_length.unwrap_or(200));
                if length != 7 {
                    items.push(Code::atom(format!("length={length}")));
                }
                vec![
                    "values = _inputs.everything(data)".to_owned(),
                    format!("if values.get({name}) is None:"),
                    Code::call(format!("    values[{name}] = _links.new_key"), items).lay(8, 0),
                    format!("return _crud.create(self._db, {class}, values)"),
                ]
            }
        };
        let words = model.words();
        Ok(Parts {
            doc: format!("Add {} {words}.", article(&words)),
            arguments: vec![Argument::new("data", &input, &input)],
            body,
            response: Response::record(self.facts, operation, model)?,
            returns: class.to_owned(),
        })
    }

    /// Reading, changing or removing one record.
    fn one(
        &mut self,
        operation: &Operation,
        action: &Action,
        model: &ModelFacts<'_>,
        key: &str,
    ) -> Result<Parts, Error> {
        let (class, words) = (model.name, model.words());
        self.controller.alias("app.generated.core", "crud", "_crud");
        let mut arguments = vec![Argument::new(key, "_inputs.RecordId", "int")];
        let mut items = vec![Code::atom("self._db"), Code::atom(class), Code::atom(key)];
        let (verb, head) = match action {
            Action::Update => {
                let input = self.input(operation, &format!("{class}Update"))?;
                self.controller.alias("app.generated.core", "inputs", "_inputs");
                let data = Argument::new(free_name("data", &[key]), &input, &input);
                items.push(Code::atom(format!("_inputs.given({})", data.name)));
                arguments.push(data);
                ("Change", "return _crud.update")
            }
            Action::Delete => ("Remove", "_crud.delete"),
            _ => ("Return", "return _crud.fetch"),
        };
        let removes = *action == Action::Delete;
        Ok(Parts {
            doc: format!("{verb} one {words}."),
            arguments,
            body: vec![Code::call(head, items).lay(8, 0)],
            response: if removes { Response::nothing() } else { Response::record(self.facts, operation, model)? },
            returns: if removes { "None" } else { class }.to_owned(),
        })
    }

    fn export(&mut self, model: &ModelFacts<'_>) -> Parts {
        let query = self.query(model, "ExportQuery");
        self.controller.alias("app.generated.core", "exports", "_exports");
        self.controller.name("fastapi.responses", "StreamingResponse");
        self.router.name("fastapi.responses", "StreamingResponse");
        self.export_columns(model);
        let [select, ordered] = selection(model);
        let items = ["records", &export_constant(model), &literal(&format!("{}.csv", model.table))].map(Code::atom);
        Parts {
            doc: format!("Return the {} as a CSV file.", model.words_plural()),
            arguments: vec![query],
            body: vec![
                select,
                ordered,
                "records = self._db.scalars(ordered.execution_options(yield_per=500))".to_owned(),
                Code::call("return _exports.csv_response", items.to_vec()).lay(8, 0),
            ],
            response: Response::made(
                "StreamingResponse",
                Some(Code::atom("responses={200: {\"content\": {\"text/csv\": {}}}}")),
            ),
            returns: "StreamingResponse".to_owned(),
        }
    }

    fn summary(&mut self, model: &ModelFacts<'_>) -> Parts {
        let query = self.query(model, "SummaryQuery");
        self.controller.alias("app.generated.core", "summary", "_summary");
        let schema = format!("{}Summary", model.name);
        self.router.name(&format!("app.generated.schemas.{}", model.table), &schema);
        let [select, _] = selection(model);
        Parts {
            doc: format!("Count the {} and sum their numbers, by period or by field.", model.words_plural()),
            arguments: vec![query],
            body: summary_body(model, select),
            response: Response::model(&schema),
            returns: "dict[str, Any]".to_owned(),
        }
    }

    fn redirect(
        &mut self,
        operation: &Operation,
        model: &ModelFacts<'_>,
        fields: &RedirectFields,
        key: &str,
    ) -> Result<Parts, Error> {
        self.controller.alias("app.generated.core", "links", "_links");
        self.controller.name("fastapi.responses", "RedirectResponse");
        self.router.name("fastapi.responses", "RedirectResponse");
        let words = model.words();
        Ok(Parts {
            doc: format!("Redirect to the address of {} {words}.", article(&words)),
            arguments: vec![Argument::new(key, "_inputs.Text", "str")],
            body: self.redirect_body(operation, model, fields, key)?,
            response: Response::made("RedirectResponse", None),
            returns: "RedirectResponse".to_owned(),
        })
    }

    /// The query parameters of a list, imported where they are named.
    fn query(&mut self, model: &ModelFacts<'_>, suffix: &str) -> Argument {
        let class = format!("{}{suffix}", model.name);
        let filters = format!("app.generated.filters.{}", model.table);
        self.controller.alias("app.generated.core", "listing", "_listing");
        self.controller.name(&filters, &conditions(model)).name(&filters, &class);
        self.router.name("fastapi", "Query").name(&filters, &class);
        Argument::new("query", &format!("Annotated[{class}, Query()]"), &class)
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
}

fn conditions(model: &ModelFacts<'_>) -> String {
    format!("{}_CONDITIONS", model.model.name.snake().to_uppercase())
}

/// The two lines that select a model's records and put them in order.
fn selection(model: &ModelFacts<'_>) -> [String; 2] {
    let call = |head: &str, items: [&str; 3]| Code::call(head, items.map(Code::atom).to_vec()).lay(8, 0);
    [
        call("statement = _listing.select", [model.name, "query", &conditions(model)]),
        call("ordered = _listing.ordered", ["statement", model.name, "query.sort"]),
    ]
}

fn export_constant(model: &ModelFacts<'_>) -> String {
    format!("_{}_COLUMNS", model.model.name.snake().to_uppercase())
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
        items: summed(model).map(|column| Code::atom(format!("\"{0}_sum\": {class}.{0}", column.name))).collect(),
        close: "}".to_owned(),
    };
    body.push(sums.lay(8, 0));
    let items = ["self._db", "statement", "query.group_by", &format!("{class}.{moment}"), "sums"].map(Code::atom);
    body.push(Code::call("return _summary.summarize", items.to_vec()).lay(8, 0));
    body
}
