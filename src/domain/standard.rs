//! The operations a model gets without anybody asking: create, read, update, delete, and its features.

use super::inflect::plural;
use super::names::{FieldName, Identifier, InvalidName, ModelName};
use super::spec::{Action, Domain, Feature, FieldType, Method, Operation, RelationKind, Rest, Shape, Spec};

impl Spec {
    /// One domain for each model, with the usual operations and those its features ask for.
    ///
    /// # Errors
    /// [`InvalidName`] when a model's name makes no valid file or function name.
    pub fn standard_domains(&self) -> Result<Vec<Domain>, InvalidName> {
        self.models.iter().map(|model| standard_domain(&model.name, &self.features)).collect()
    }

    /// The foreign keys, as (model, field, target), that point from one model to another.
    pub fn references(&self) -> impl Iterator<Item = (&ModelName, &FieldName, &ModelName)> {
        self.models.iter().flat_map(|model| {
            model.fields.iter().filter_map(move |field| match &field.ty {
                FieldType::Ref(reference) if reference.kind != RelationKind::ManyToMany => {
                    Some((&model.name, &field.name, &reference.model))
                }
                _ => None,
            })
        })
    }
}

fn standard_domain(model: &ModelName, features: &[Feature]) -> Result<Domain, InvalidName> {
    let one = model.snake();
    let many = plural(&one);
    let operation =
        |name: String, action: Action, rest: (Method, &str, u16), input: Option<&str>, output: Option<Shape>| {
            Ok::<_, InvalidName>(Operation {
                name: Identifier::parse(&name)?,
                action: Some(action),
                model: Some(model.clone()),
                description: None,
                input: input.map(|suffix| ModelName::parse(&format!("{model}{suffix}")).map(Shape::One)).transpose()?,
                output,
                params: Vec::new(),
                rest: Rest { method: rest.0, path: rest.1.to_owned(), status: rest.2 },
            })
        };
    let record = || Some(Shape::One(model.clone()));
    let mut operations = vec![
        operation(
            format!("list_{many}"),
            Action::List,
            (Method::Get, "", 200),
            None,
            Some(Shape::Page(model.clone())),
        )?,
        operation(format!("create_{one}"), Action::Create, (Method::Post, "", 201), Some("Create"), record())?,
    ];
    for feature in features {
        match feature {
            Feature::ExportCsv { model: of } if of == model => {
                operations.push(operation(
                    format!("export_{many}"),
                    Action::ExportCsv,
                    (Method::Get, "/export.csv", 200),
                    None,
                    None,
                )?);
            }
            Feature::Summary { model: of } if of == model => {
                operations.push(operation(
                    format!("summarize_{many}"),
                    Action::Summary,
                    (Method::Get, "/summary", 200),
                    None,
                    None,
                )?);
            }
            Feature::Redirect(fields) if &fields.model == model => {
                let path = format!("/{{{}}}/open", fields.key);
                operations.push(operation(
                    format!("open_{one}"),
                    Action::Redirect(fields.clone()),
                    (Method::Get, &path, 307),
                    None,
                    None,
                )?);
            }
            Feature::ExportCsv { .. } | Feature::Summary { .. } | Feature::Redirect(_) => {}
        }
    }
    let by_id = format!("/{{{one}_id}}");
    operations.extend([
        operation(format!("get_{one}"), Action::Get, (Method::Get, &by_id, 200), None, record())?,
        operation(format!("update_{one}"), Action::Update, (Method::Patch, &by_id, 200), Some("Update"), record())?,
        operation(format!("delete_{one}"), Action::Delete, (Method::Delete, &by_id, 204), None, None)?,
    ]);
    Ok(Domain {
        name: Identifier::parse(&many)?,
        prefix: format!("/{}", many.replace('_', "-")),
        tags: vec![many.replace('_', " ")],
        operations,
    })
}
