//! What the spec means for code: tables, columns, relations seen from both sides, names that do not collide.
//!
//! It decides names and kinds; how they look in Python is the business of the `view` modules.

use std::collections::BTreeSet;

use super::Error;
use super::names::short;
use crate::domain::inflect::{pascal_case, singular};
use crate::domain::names::ModelName;
use crate::domain::spec::{Action, Domain, Field, FieldType, Model, OnDelete, RedirectFields, RelationKind, Spec};

/// A spec with everything the renderer has to know worked out.
pub struct Facts<'s> {
    pub domains: &'s [Domain],
    pub models: Vec<ModelFacts<'s>>,
}

/// One model as a table and a class.
pub struct ModelFacts<'s> {
    pub model: &'s Model,
    pub name: &'s str,
    /// The table and the Python module: `order_lines`.
    pub table: String,
    pub columns: Vec<Column<'s>>,
    pub members: Vec<Members<'s>>,
    pub reverse: Vec<Reverse>,
    /// The short link this model is, if it is one.
    pub link: Option<RedirectFields>,
    pub exported: bool,
    pub summarized: bool,
}

/// A field that is a column; for a relation to one, `name` ends with `_id`.
pub struct Column<'s> {
    pub field: &'s Field,
    pub name: String,
    pub target: Option<Target>,
}

/// What a relation to one points to.
pub struct Target {
    pub model: ModelName,
    pub on_delete: OnDelete,
    pub one_to_one: bool,
    /// The attribute on the other side.
    pub back: String,
}

/// A many-to-many field.
pub struct Members<'s> {
    pub field: &'s Field,
    pub relation: String,
    /// The list of ids on input and output: `tag_ids`.
    pub ids: String,
    /// The filter by one of them: `tag_id`.
    pub id: String,
    pub target: ModelName,
    pub table: String,
    pub own_column: String,
    pub other_column: String,
    pub back: String,
}

/// A relation that another model declares, seen from this side.
pub struct Reverse {
    pub name: String,
    pub model: ModelName,
    pub kind: RelationKind,
    /// The attribute on the declaring model.
    pub field: String,
    /// The foreign key column, or the association table.
    pub through: String,
}

/// The name of a field in requests, answers and the table: `author_id` for a relation to one, `tag_ids` for one to many.
#[must_use]
pub fn wire_name(field: &Field) -> String {
    match &field.ty {
        FieldType::Ref(reference) if reference.kind == RelationKind::ManyToMany => {
            format!("{}_ids", singular(field.name.as_str()))
        }
        FieldType::Ref(_) => format!("{}_id", field.name),
        _ => field.name.to_string(),
    }
}

impl<'s> Facts<'s> {
    /// Works out the facts of a spec whose domains are written out.
    pub fn of(spec: &'s Spec) -> Result<Self, Error> {
        let mut models: Vec<ModelFacts<'s>> = Vec::with_capacity(spec.models.len());
        let mut tables: BTreeSet<String> = BTreeSet::new();
        for model in &spec.models {
            let table = model.name.plural_snake();
            if !tables.insert(table.clone()) {
                return Err(Error::Collision { name: table, place: format!("the tables, of model {}", model.name) });
            }
            models.push(ModelFacts::of(model, table, spec));
        }
        name_associations(&mut models, &mut tables);
        name_both_sides(&mut models)?;
        refuse_required_cycles(&models)?;
        Ok(Self { domains: &spec.domains, models })
    }

    /// The facts of a model.
    pub fn model(&self, name: &ModelName) -> Result<&ModelFacts<'s>, Error> {
        self.models
            .iter()
            .find(|facts| facts.model.name == *name)
            .ok_or_else(|| Error::UnknownModel { model: name.to_string() })
    }
}

impl<'s> ModelFacts<'s> {
    fn of(model: &'s Model, table: String, spec: &Spec) -> Self {
        let mut facts = Self {
            model,
            name: model.name.as_str(),
            table,
            columns: Vec::new(),
            members: Vec::new(),
            reverse: Vec::new(),
            link: None,
            exported: false,
            summarized: false,
        };
        for field in &model.fields {
            match &field.ty {
                FieldType::Ref(reference) if reference.kind == RelationKind::ManyToMany => {
                    let one = singular(field.name.as_str());
                    let own = model.name.snake();
                    let other = if one == own { format!("other_{one}") } else { one.clone() };
                    facts.members.push(Members {
                        field,
                        relation: field.name.to_string(),
                        ids: wire_name(field),
                        id: format!("{one}_id"),
                        target: reference.model.clone(),
                        table: String::new(),
                        own_column: format!("{own}_id"),
                        other_column: format!("{other}_id"),
                        back: String::new(),
                    });
                }
                FieldType::Ref(reference) => facts.columns.push(Column {
                    field,
                    name: wire_name(field),
                    target: Some(Target {
                        model: reference.model.clone(),
                        on_delete: reference.on_delete,
                        one_to_one: reference.kind == RelationKind::OneToOne,
                        back: String::new(),
                    }),
                }),
                _ => facts.columns.push(Column { field, name: field.name.to_string(), target: None }),
            }
        }
        for operation in spec.domains.iter().flat_map(|domain| &domain.operations) {
            if operation.model.as_ref() != Some(&model.name) {
                continue;
            }
            match &operation.action {
                Some(Action::ExportCsv) => facts.exported = true,
                Some(Action::Summary) => facts.summarized = true,
                Some(Action::Redirect(fields)) => facts.link = Some(fields.clone()),
                _ => {}
            }
        }
        facts
    }

    /// The column of that field or column name.
    pub fn column(&self, name: &str) -> Option<&Column<'s>> {
        self.columns.iter().find(|column| column.name == name || column.field.name.as_str() == name)
    }

    /// The model in words: `order line`.
    pub fn words(&self) -> String {
        self.model.name.snake().replace('_', " ")
    }

    /// Many of the model in words: `order lines`.
    pub fn words_plural(&self) -> String {
        self.table.replace('_', " ")
    }

    /// Whether the field is the key of a short link, which may be left out on input.
    pub fn is_link_key(&self, field: &Field) -> bool {
        self.link.as_ref().is_some_and(|link| link.key == field.name)
    }

    /// Whether the field is the moment at which a short link ends.
    pub fn is_link_end(&self, field: &Field) -> bool {
        self.link.as_ref().is_some_and(|link| link.expires.as_ref() == Some(&field.name))
    }
}

impl Column<'_> {
    /// Whether no two rows share the value.
    pub fn unique(&self) -> bool {
        self.field.unique || self.target.as_ref().is_some_and(|target| target.one_to_one)
    }

    /// Whether the column has an index that no unique constraint brings.
    pub fn indexed(&self) -> bool {
        !self.unique() && (self.field.index || self.target.is_some())
    }
}

fn name_associations(models: &mut [ModelFacts<'_>], tables: &mut BTreeSet<String>) {
    for facts in models {
        let own = facts.table.clone();
        for members in &mut facts.members {
            let mut table = short(&format!("{own}_{}", members.relation));
            while !tables.insert(table.clone()) {
                table = short(&format!("{table}_links"));
            }
            members.table = table;
        }
    }
}

/// Gives every relation an attribute on the other side, and checks that no class has two attributes of one name.
fn name_both_sides(models: &mut [ModelFacts<'_>]) -> Result<(), Error> {
    let mut taken: Vec<BTreeSet<String>> = Vec::with_capacity(models.len());
    for facts in models.iter() {
        let mut names: BTreeSet<String> = ["id", "created_at", "updated_at"].map(str::to_owned).into();
        let own = facts.columns.iter().flat_map(|column| {
            let relation = column.target.as_ref().map(|_| column.field.name.to_string());
            std::iter::once(column.name.clone()).chain(relation)
        });
        let lists = facts.members.iter().flat_map(|members| [members.relation.clone(), members.ids.clone()]);
        for name in own.chain(lists) {
            if !names.insert(name.clone()) {
                return Err(Error::Collision { name, place: format!("model {}", facts.name) });
            }
        }
        taken.push(names);
    }
    for at in 0..models.len() {
        let model = models[at].model;
        let (one, many) = (model.name.snake(), models[at].table.clone());
        for field in &model.fields {
            let FieldType::Ref(reference) = &field.ty else { continue };
            let other = models
                .iter()
                .position(|facts| facts.model.name == reference.model)
                .ok_or_else(|| Error::UnknownModel { model: reference.model.to_string() })?;
            let plain = if reference.kind == RelationKind::OneToOne { &one } else { &many };
            let mut back = plain.clone();
            if crate::domain::names::PYTHON_KEYWORDS.contains(&back.as_str()) || taken[other].contains(&back) {
                back = format!("{plain}_by_{}", field.name);
            }
            while !taken[other].insert(back.clone()) {
                back.push_str("_too");
            }
            let mut through = wire_name(field);
            for column in &mut models[at].columns {
                if std::ptr::eq(column.field, field)
                    && let Some(target) = &mut column.target
                {
                    target.back.clone_from(&back);
                }
            }
            for members in &mut models[at].members {
                if std::ptr::eq(members.field, field) {
                    members.back.clone_from(&back);
                    through.clone_from(&members.table);
                }
            }
            models[other].reverse.push(Reverse {
                name: back,
                model: model.name.clone(),
                kind: reference.kind,
                field: field.name.to_string(),
                through,
            });
        }
    }
    Ok(())
}

/// Records that need each other could never be created.
fn refuse_required_cycles(models: &[ModelFacts<'_>]) -> Result<(), Error> {
    fn visit<'m>(
        facts: &'m ModelFacts<'_>,
        models: &'m [ModelFacts<'_>],
        path: &mut Vec<&'m str>,
        done: &mut BTreeSet<&'m str>,
    ) -> Result<(), Error> {
        if done.contains(facts.name) {
            return Ok(());
        }
        if path.contains(&facts.name) {
            path.push(facts.name);
            return Err(Error::RequiredCycle { path: path.join(" → ") });
        }
        path.push(facts.name);
        for target in facts.columns.iter().filter(|column| !column.field.optional).filter_map(|c| c.target.as_ref()) {
            if let Some(next) = models.iter().find(|other| other.model.name == target.model) {
                visit(next, models, path, done)?;
            }
        }
        path.pop();
        done.insert(facts.name);
        Ok(())
    }
    let mut done = BTreeSet::new();
    models.iter().try_for_each(|facts| visit(facts, models, &mut Vec::new(), &mut done))
}

/// The class name of a domain: `order_lines` → `OrderLines`.
pub fn class_of(domain: &Domain) -> String {
    pascal_case(domain.name.as_str())
}
