//! The SQLAlchemy class of a model.

use serde::Serialize;

use super::Error;
use super::ddl::one_of;
use super::facts::{Column, Facts, Members, ModelFacts, Reverse};
use super::migration::closing_keys;
use super::python::{Code, Imports, assign, literal};
use super::schema::{self, ColumnType, Table};
use super::typing::Scope;
use crate::domain::spec::RelationKind;

/// What the template of a model's table needs.
#[derive(Serialize)]
pub struct TableView {
    imports: String,
    type_checking: String,
    associations: Vec<String>,
    table_args: String,
    columns: Vec<String>,
    relationships: Vec<String>,
    members: Vec<MemberView>,
}

#[derive(Serialize)]
struct MemberView {
    ids: String,
    relation: String,
    property: String,
    list_type: String,
    int_type: String,
    words: String,
}

/// Describes a model's table.
pub fn view(facts: &Facts<'_>, model: &ModelFacts<'_>, schema: &schema::Schema) -> Result<TableView, Error> {
    let mut scope = Scope::of(model);
    scope.imports.name("app.generated.core.database", "Base");
    let table = schema.table(&model.table).ok_or_else(|| Error::UnknownModel { model: model.name.to_owned() })?;
    let mut related = Imports::default();
    let mut relationships = Vec::new();
    for column in &model.columns {
        if let Some(target) = &column.target {
            let other = facts.model(&target.model)?;
            if other.name != model.name {
                related.name(&format!("app.generated.models.{}", other.table), other.name);
            }
            relationships.push(to_one(model, column));
        }
    }
    for members in &model.members {
        let other = facts.model(&members.target)?;
        if other.name != model.name {
            related.name(&format!("app.generated.models.{}", other.table), other.name);
        }
        relationships.push(to_many(model, members, &mut scope));
    }
    for reverse in &model.reverse {
        let other = facts.model(&reverse.model)?;
        if other.name != model.name {
            related.name(&format!("app.generated.models.{}", other.table), other.name);
        }
        relationships.push(from_other(model, reverse, &mut scope));
    }
    let type_checking = related.lay(4);
    if !type_checking.is_empty() {
        scope.imports.name("typing", "TYPE_CHECKING");
    }
    if !relationships.is_empty() || !table.columns.is_empty() {
        scope.imports.alias("sqlalchemy", "orm", "_orm");
    }
    let associations: Vec<String> =
        model.members.iter().filter_map(|members| schema.table(&members.table)).map(association).collect();
    let args = table_args(table);
    let late = closing_keys(schema);
    let columns = table
        .columns
        .iter()
        .zip(&model.columns)
        .map(|(column, facts)| {
            let is_late = late.contains(&(table.name.as_str(), column.name.as_str()));
            mapped(column, facts, is_late, &mut scope)
        })
        .collect::<Result<Vec<_>, Error>>()?;
    if columns.iter().chain(&associations).any(|text| text.contains("_sa.")) || args.contains("_sa.") {
        scope.imports.module("sqlalchemy", Some("_sa"));
    }
    let members = model
        .members
        .iter()
        .map(|members| MemberView {
            ids: members.ids.clone(),
            relation: members.relation.clone(),
            property: scope.builtin("property"),
            list_type: scope.builtin("list"),
            int_type: scope.builtin("int"),
            words: members.relation.replace('_', " "),
        })
        .collect();
    Ok(TableView {
        imports: scope.imports.lay(0),
        type_checking,
        associations,
        table_args: args,
        columns,
        relationships,
        members,
    })
}

fn mapped(column: &schema::Column, facts: &Column<'_>, is_late: bool, scope: &mut Scope) -> Result<String, Error> {
    let field = facts.field;
    let ty = scope.stored(&field.ty);
    let mut items = vec![Code::atom(column_type(column.ty, scope))];
    if let Some(key) = &column.foreign_key {
        let mut arguments = foreign_key(key);
        if is_late {
            arguments.push(Code::atom("use_alter=True"));
        }
        items.push(Code::call("_sa.ForeignKey", arguments));
    }
    if let Some(default) = &field.default {
        let value = scope.value(&field.ty, default)?;
        let lambda = if column.ty == ColumnType::Json { "lambda: " } else { "" };
        items.push(Code::atom(format!("default={lambda}{value}")));
    }
    let optional = if field.optional { " | None" } else { "" };
    let head = format!("{}: _orm.Mapped[{ty}{optional}]", column.name);
    Ok(assign(&head, &Code::call("_orm.mapped_column", items), 4))
}

fn foreign_key(key: &schema::ForeignKey) -> Vec<Code> {
    vec![
        Code::atom(literal(&format!("{}.id", key.table))),
        Code::atom(literal(&key.name)).after("name="),
        Code::atom(literal(&key.on_delete)).after("ondelete="),
    ]
}

fn column_type(ty: ColumnType, scope: &mut Scope) -> String {
    match ty {
        ColumnType::Exact(digits, scale) => {
            scope.imports.name("app.generated.core.columns", "Exact");
            format!("Exact({digits}, {scale})")
        }
        ColumnType::Moment => {
            scope.imports.name("app.generated.core.columns", "UtcDateTime");
            "UtcDateTime".to_owned()
        }
        ColumnType::Json => "_sa.JSON(none_as_null=True)".to_owned(),
        ColumnType::String(length) => format!("_sa.String({length})"),
        ColumnType::Integer => "_sa.BigInteger".to_owned(),
        ColumnType::Float => "_sa.Double".to_owned(),
        ColumnType::Text => "_sa.Text".to_owned(),
        ColumnType::Boolean => "_sa.Boolean".to_owned(),
        ColumnType::Date => "_sa.Date".to_owned(),
        ColumnType::Time => "_sa.Time".to_owned(),
        ColumnType::Uuid => "_sa.Uuid".to_owned(),
    }
}

fn table_args(table: &Table) -> String {
    let mut items = Vec::new();
    for column in &table.columns {
        if let Some(name) = &column.unique {
            items.push(Code::call(
                "_sa.UniqueConstraint",
                vec![Code::atom(literal(&column.name)), Code::atom(literal(name)).after("name=")],
            ));
        }
        if let Some(name) = &column.index {
            items.push(Code::call("_sa.Index", vec![Code::atom(literal(name)), Code::atom(literal(&column.name))]));
        }
        if let Some(check) = &column.check {
            items.push(Code::call(
                "_sa.CheckConstraint",
                vec![one_of("_sa", &column.name, &check.values), Code::atom(literal(&check.name)).after("name=")],
            ));
        }
    }
    match items.as_slice() {
        [] => String::new(),
        [only] => {
            let flat = format!("({},)", only.flat());
            if flat.len() + 21 <= super::python::LINE { flat } else { format!("(\n        {},\n    )", only.lay(8, 1)) }
        }
        _ => Code::Group { open: "(".to_owned(), items, close: ")".to_owned() }.lay(4, 17),
    }
}

fn association(table: &Table) -> String {
    let mut items = vec![Code::atom(literal(&table.name)), Code::atom("Base.metadata")];
    let mut indexes = Vec::new();
    for column in &table.columns {
        let Some(key) = &column.foreign_key else { continue };
        items.push(Code::call(
            "_sa.Column",
            vec![
                Code::atom(literal(&column.name)),
                Code::atom("_sa.BigInteger"),
                Code::call("_sa.ForeignKey", foreign_key(key)),
                Code::atom("primary_key=True"),
            ],
        ));
        if let Some(index) = &column.index {
            indexes.push(Code::call("_sa.Index", vec![Code::atom(literal(index)), Code::atom(literal(&column.name))]));
        }
    }
    items.extend(indexes);
    Code::call(format!("{} = _sa.Table", table.name), items).lay(0, 0)
}

fn to_one(model: &ModelFacts<'_>, column: &Column<'_>) -> String {
    let Some(target) = &column.target else { return String::new() };
    let optional = if column.field.optional { " | None" } else { "" };
    let mut items = vec![
        Code::atom(format!("back_populates={}", literal(&target.back))),
        Code::atom(format!("foreign_keys=[{}]", column.name)),
    ];
    if target.model == model.model.name {
        items.push(Code::atom(format!("remote_side=\"{}.id\"", model.name)));
    }
    let head = format!("{}: _orm.Mapped[\"{}{optional}\"]", column.field.name, target.model);
    assign(&head, &Code::call("_orm.relationship", items), 4)
}

fn to_many(model: &ModelFacts<'_>, members: &Members<'_>, scope: &mut Scope) -> String {
    let mut items = vec![Code::atom(format!("secondary={}", literal(&members.table)))];
    items.extend(joins(
        model,
        members.target == model.model.name,
        &members.table,
        &members.own_column,
        &members.other_column,
    ));
    items.extend([
        Code::atom(format!("back_populates={}", literal(&members.back))),
        Code::atom(format!("order_by=\"{}.id\"", members.target)),
        Code::atom("lazy=\"selectin\""),
        Code::atom(format!("info={{\"ids\": {}}}", literal(&members.ids))),
    ]);
    let list = scope.builtin("list");
    let head = format!("{}: _orm.Mapped[{list}[\"{}\"]]", members.relation, members.target);
    assign(&head, &Code::call("_orm.relationship", items), 4)
}

/// The two joins that a many-to-many relation of a model with itself needs.
fn joins(model: &ModelFacts<'_>, to_itself: bool, table: &str, own: &str, other: &str) -> Vec<Code> {
    if !to_itself {
        return Vec::new();
    }
    vec![
        Code::atom(format!("primaryjoin=\"{}.id == {table}.c.{own}\"", model.name)),
        Code::atom(format!("secondaryjoin=\"{}.id == {table}.c.{other}\"", model.name)),
    ]
}

fn from_other(model: &ModelFacts<'_>, reverse: &Reverse, scope: &mut Scope) -> String {
    let mut items = Vec::new();
    let ty = match reverse.kind {
        RelationKind::OneToOne => format!("\"{} | None\"", reverse.model),
        RelationKind::ManyToOne | RelationKind::ManyToMany => {
            format!("{}[\"{}\"]", scope.builtin("list"), reverse.model)
        }
    };
    if reverse.kind == RelationKind::ManyToMany {
        items.push(Code::atom(format!("secondary={}", literal(&reverse.through))));
        if reverse.model == model.model.name
            && let Some(members) = model.members.iter().find(|members| members.table == reverse.through)
        {
            items.extend(joins(model, true, &members.table, &members.other_column, &members.own_column));
        }
        items.push(Code::atom(format!("back_populates={}", literal(&reverse.field))));
        items.push(Code::atom("passive_deletes=True"));
    } else {
        items.push(Code::atom(format!("back_populates={}", literal(&reverse.field))));
        items.push(Code::atom(format!("foreign_keys=\"{}.{}\"", reverse.model, reverse.through)));
        items.push(Code::atom("passive_deletes=\"all\""));
    }
    let head = format!("{}: _orm.Mapped[{ty}]", reverse.name);
    assign(&head, &Code::call("_orm.relationship", items), 4)
}
