//! What an operation answers: the class in the documentation, and what the functions return.

use super::Error;
use super::facts::{Facts, ModelFacts};
use super::python::Code;
use super::shapes::{Direction, class_for, named};
use crate::domain::spec::{Operation, Shape};

/// What an operation answers.
pub struct Response {
    /// Arguments of the route's decorator.
    pub settings: Vec<Code>,
    /// What the route's function says it returns.
    pub returns: String,
    /// The class to import for it, and the table of its module.
    pub class: Option<(String, String)>,
}

impl Response {
    /// A response made by the controller itself.
    pub fn made(class: &str, more: Option<Code>) -> Self {
        let mut settings = vec![Code::atom(format!("response_class={class}"))];
        settings.extend(more);
        Self { settings, returns: "Any".to_owned(), class: None }
    }

    /// No content.
    pub fn nothing() -> Self {
        Self { settings: Vec::new(), returns: "None".to_owned(), class: None }
    }

    /// What Pydantic makes of the named type.
    pub fn model(name: &str) -> Self {
        Self { settings: vec![Code::atom(format!("response_model={name}"))], returns: "Any".to_owned(), class: None }
    }

    /// What the operation itself says.
    pub fn of(facts: &Facts<'_>, operation: &Operation) -> Result<Self, Error> {
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
    pub fn record(facts: &Facts<'_>, operation: &Operation, model: &ModelFacts<'_>) -> Result<Self, Error> {
        if operation.output.is_some() {
            return Self::of(facts, operation);
        }
        let (class, table) = class_for(facts, model.name, Direction::Output)?;
        Ok(Self { class: Some((class.clone(), table)), ..Self::model(&class) })
    }

    /// The answer of a list: a page of the shape's class, or of the model's own.
    pub fn page(facts: &Facts<'_>, operation: &Operation, model: &ModelFacts<'_>) -> Result<Self, Error> {
        let wanted = operation.output.as_ref().map_or(model.name, |shape| named(shape));
        let (class, table) = class_for(facts, wanted, Direction::Output)?;
        Ok(Self { class: Some((class.clone(), table)), ..Self::model(&format!("Page[{class}]")) })
    }
}
