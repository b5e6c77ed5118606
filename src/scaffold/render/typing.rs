//! Python types and values for the fields of a spec.
//!
//! A field may be called `str` or `list`; inside a class that has such a field the builtin is written
//! `_builtins.str`. Modules always come in under names that begin with an underscore, which no field can have.

use std::collections::BTreeSet;

use super::Error;
use super::facts::ModelFacts;
use super::python::{Code, Imports, literal};
use crate::domain::inflect::pascal_case;
use crate::domain::spec::{Bounds, Field, FieldType};

/// The names that hide builtins inside one class, and the imports its module needs.
#[derive(Default)]
pub struct Scope {
    hidden: BTreeSet<String>,
    /// What the types named so far need.
    pub imports: Imports,
}

impl Scope {
    /// A scope with these attribute names.
    pub fn with(names: impl IntoIterator<Item = String>) -> Self {
        Self { hidden: names.into_iter().collect(), imports: Imports::default() }
    }

    /// A scope with the attributes of a model.
    pub fn of(model: &ModelFacts<'_>) -> Self {
        Self::with(
            model
                .columns
                .iter()
                .map(|column| column.name.clone())
                .chain(model.members.iter().flat_map(|members| [members.ids.clone(), members.relation.clone()]))
                .chain(model.columns.iter().filter_map(|c| c.target.as_ref().map(|_| c.field.name.to_string())))
                .chain(model.reverse.iter().map(|reverse| reverse.name.clone())),
        )
    }

    /// The name by which a builtin is reached.
    pub fn builtin(&mut self, name: &str) -> String {
        if self.hidden.contains(name) {
            self.imports.module("builtins", Some("_builtins"));
            format!("_builtins.{name}")
        } else {
            name.to_owned()
        }
    }

    /// The type of a stored value, as the application sees it. Enumerations are plain text here.
    pub fn stored(&mut self, ty: &FieldType) -> String {
        match ty {
            FieldType::Int | FieldType::Ref(_) => self.builtin("int"),
            FieldType::Float => self.builtin("float"),
            FieldType::Decimal | FieldType::Money => {
                self.imports.module("decimal", Some("_decimal"));
                "_decimal.Decimal".to_owned()
            }
            FieldType::String | FieldType::Text | FieldType::Email | FieldType::Url | FieldType::Enum(_) => {
                self.builtin("str")
            }
            FieldType::Bool => self.builtin("bool"),
            FieldType::Date => self.datetime_type("date"),
            FieldType::Time => self.datetime_type("time"),
            FieldType::Datetime => self.datetime_type("datetime"),
            FieldType::Uuid => {
                self.imports.module("uuid", Some("_uuid"));
                "_uuid.UUID".to_owned()
            }
            FieldType::List(of) => {
                let of = self.stored(of);
                format!("{}[{of}]", self.builtin("list"))
            }
            FieldType::Dict(of) => {
                let of = self.stored(of);
                format!("{}[{}, {of}]", self.builtin("dict"), self.builtin("str"))
            }
        }
    }

    /// The type of a value in an answer.
    pub fn output(&mut self, ty: &FieldType, choice: &str) -> String {
        match ty {
            FieldType::Enum(_) => choice.to_owned(),
            FieldType::List(of) => {
                let of = self.output(of, choice);
                format!("{}[{of}]", self.builtin("list"))
            }
            FieldType::Dict(of) => {
                let of = self.output(of, choice);
                format!("{}[{}, {of}]", self.builtin("dict"), self.builtin("str"))
            }
            other => self.stored(other),
        }
    }

    /// The type of a value in a request: it refuses what could not be stored.
    pub fn input(&mut self, ty: &FieldType, choice: &str) -> String {
        let name = match ty {
            FieldType::Int => "Int",
            FieldType::Ref(_) => "RecordId",
            FieldType::Decimal => "Exact",
            FieldType::Money => "Money",
            FieldType::String => "Line",
            FieldType::Text => "Text",
            FieldType::Email => "Email",
            FieldType::Url => "Url",
            FieldType::Datetime => "Moment",
            FieldType::Time => "TimeOfDay",
            FieldType::Enum(_) => return choice.to_owned(),
            FieldType::Float | FieldType::Bool | FieldType::Date | FieldType::Uuid => return self.stored(ty),
            FieldType::List(of) => {
                let of = self.input(of, choice);
                return format!("{}[{of}]", self.builtin("list"));
            }
            FieldType::Dict(of) => {
                let of = self.input(of, choice);
                self.inputs();
                return format!("{}[_inputs.Line, {of}]", self.builtin("dict"));
            }
        };
        self.inputs();
        format!("_inputs.{name}")
    }

    /// Says that the module uses the shared input types.
    pub fn inputs(&mut self) {
        self.imports.alias("app.generated.core", "inputs", "_inputs");
    }

    fn datetime_type(&mut self, name: &str) -> String {
        self.imports.module("datetime", Some("_dt"));
        format!("_dt.{name}")
    }

    /// A default as Python.
    pub fn value(&mut self, ty: &FieldType, value: &serde_json::Value) -> Result<String, Error> {
        let wrong = || Error::Default { value: value.to_string(), ty: format!("{ty:?}").to_lowercase() };
        let text = || value.as_str().map(str::to_owned).ok_or_else(wrong);
        Ok(match ty {
            FieldType::Int if value.is_i64() => value.to_string(),
            FieldType::Float if value.is_number() => {
                let text = value.to_string();
                if text.contains(['.', 'e', 'E']) { text } else { format!("{text}.0") }
            }
            FieldType::Decimal | FieldType::Money => {
                let text = if value.is_number() { value.to_string() } else { text()? };
                self.stored(ty);
                format!("_decimal.Decimal({})", literal(&text))
            }
            FieldType::String | FieldType::Text | FieldType::Email | FieldType::Url | FieldType::Enum(_) => {
                literal(&text()?)
            }
            FieldType::Bool => if value.as_bool().ok_or_else(wrong)? { "True" } else { "False" }.to_owned(),
            FieldType::Date => {
                let day: jiff::civil::Date = text()?.parse().map_err(|_| wrong())?;
                self.stored(ty);
                format!("_dt.date({}, {}, {})", day.year(), day.month(), day.day())
            }
            FieldType::Time => {
                let time: jiff::civil::Time = text()?.parse().map_err(|_| wrong())?;
                self.stored(ty);
                if time.second() == 0 {
                    format!("_dt.time({}, {})", time.hour(), time.minute())
                } else {
                    format!("_dt.time({}, {}, {})", time.hour(), time.minute(), time.second())
                }
            }
            FieldType::Datetime => {
                let moment: jiff::Timestamp = text()?.parse().map_err(|_| wrong())?;
                self.stored(ty);
                let moment = moment.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string();
                format!("_dt.datetime.fromisoformat({})", literal(&moment))
            }
            FieldType::Uuid => {
                self.stored(ty);
                format!("_uuid.UUID({})", literal(&text()?))
            }
            FieldType::List(of) => {
                let items = value.as_array().ok_or_else(wrong)?;
                let items: Vec<String> = items.iter().map(|item| self.value(of, item)).collect::<Result<_, _>>()?;
                format!("[{}]", items.join(", "))
            }
            FieldType::Dict(of) => {
                let items = value.as_object().ok_or_else(wrong)?;
                let items: Vec<String> = items
                    .iter()
                    .map(|(key, item)| Ok(format!("{}: {}", literal(key), self.value(of, item)?)))
                    .collect::<Result<_, Error>>()?;
                format!("{{{}}}", items.join(", "))
            }
            FieldType::Int | FieldType::Float | FieldType::Ref(_) => return Err(wrong()),
        })
    }

    /// The limits of a field as keyword arguments of Pydantic's `Field`.
    pub fn limits(&mut self, ty: &FieldType, bounds: &Bounds) -> Vec<Code> {
        let mut items = Vec::new();
        let exact = matches!(ty, FieldType::Decimal | FieldType::Money);
        if *ty == FieldType::Money && bounds.ge.is_none() && bounds.gt.is_none() {
            items.push(Code::atom("ge=0"));
        }
        for (name, limit) in [("ge", &bounds.ge), ("gt", &bounds.gt), ("le", &bounds.le), ("lt", &bounds.lt)] {
            let Some(limit) = limit else { continue };
            let text = limit.to_string();
            if exact && text.contains(['.', 'e', 'E']) {
                self.stored(ty);
                items.push(Code::atom(format!("{name}=_decimal.Decimal(\"{text}\")")));
            } else {
                items.push(Code::atom(format!("{name}={text}")));
            }
        }
        if let Some(length) = bounds.min_length {
            items.push(Code::atom(format!("min_length={length}")));
        }
        let longest = bounds.max_length.or((*ty == FieldType::String).then_some(200));
        if let Some(length) = longest {
            items.push(Code::atom(format!("max_length={length}")));
        }
        if let Some(pattern) = &bounds.pattern {
            items.push(Code::atom(literal(&format!("^(?:{pattern})$"))).after("pattern="));
        }
        items
    }
}

/// The closed set of values inside a type, if there is one.
pub fn choices(ty: &FieldType) -> Option<&[crate::domain::names::EnumValue]> {
    match ty {
        FieldType::Enum(values) => Some(values),
        FieldType::List(of) | FieldType::Dict(of) => choices(of),
        _ => None,
    }
}

/// The name of the type with a field's values: `OrderStatusChoice`.
pub fn choice_name(model: &str, field: &Field) -> String {
    format!("{model}{}Choice", pascal_case(field.name.as_str()))
}

/// `Name = Literal["a", "b"]`.
pub fn literal_type(name: &str, values: impl IntoIterator<Item = String>) -> String {
    Code::Group {
        open: format!("{name} = Literal["),
        items: values.into_iter().map(|value| Code::atom(literal(&value))).collect(),
        close: "]".to_owned(),
    }
    .lay(0, 0)
}
