//! The database schema a spec asks for, as data: what migrations are computed from.
//!
//! It is kept in the project as `migrations/schema.json`, so that a later spec can be compared with what the last
//! migration left. It says nothing of Python.

use serde::{Deserialize, Serialize};

use super::facts::{Column as ColumnFacts, Facts, Members};
use super::names::short;
use crate::domain::spec::{FieldType, OnDelete};

/// All tables.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// The version of this format.
    pub version: u32,
    /// The tables, in the order of the spec.
    pub tables: Vec<Table>,
}

/// One table. Every table but an association has `id`, `created_at` and `updated_at`, which are not listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Joins two tables: its columns are its primary key and nothing else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub association: bool,
    /// Its own columns.
    pub columns: Vec<Column>,
}

/// One column with everything that hangs on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    #[serde(rename = "type")]
    pub ty: ColumnType,
    /// May be empty.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nullable: bool,
    /// The name of its unique constraint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unique: Option<String>,
    /// The name of its index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,
    /// What it points to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foreign_key: Option<ForeignKey>,
    /// The values it may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<Check>,
    /// What rows get that were there before the column, as text; nothing when no value would do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fill: Option<String>,
}

/// The sorts of column, as the databases know them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// 64 bits.
    Integer,
    /// Binary floating point.
    Float,
    /// Exact, with (digits, digits after the point).
    Exact(u32, u32),
    /// Text of at most so many characters.
    String(u32),
    /// Text.
    Text,
    /// Yes or no.
    Boolean,
    /// A day.
    Date,
    /// A time of day.
    Time,
    /// A moment.
    Moment,
    /// A UUID.
    Uuid,
    /// A list or a map.
    Json,
}

/// A reference to another table's id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForeignKey {
    /// The constraint's name.
    pub name: String,
    /// The table pointed to.
    pub table: String,
    /// `RESTRICT`, `CASCADE` or `SET NULL`.
    pub on_delete: String,
}

/// A closed set of values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// The constraint's name.
    pub name: String,
    /// The values.
    pub values: Vec<String>,
}

impl Schema {
    /// The schema that a spec asks for.
    pub fn of(facts: &Facts<'_>) -> Self {
        let table_of = |name: &crate::domain::names::ModelName| name.plural_snake();
        let mut tables = Vec::new();
        for model in &facts.models {
            let columns = model.columns.iter().map(|column| column_of(&model.table, column, &table_of)).collect();
            tables.push(Table { name: model.table.clone(), association: false, columns });
        }
        for model in &facts.models {
            for members in &model.members {
                tables.push(association(&model.table, members, &table_of(&members.target)));
            }
        }
        Self { version: 1, tables }
    }

    /// The table of that name.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }
}

impl Table {
    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// The words of SQL for what happens to a row when the one it points to goes.
pub fn on_delete_sql(on_delete: OnDelete) -> &'static str {
    match on_delete {
        OnDelete::Restrict => "RESTRICT",
        OnDelete::Cascade => "CASCADE",
        OnDelete::SetNull => "SET NULL",
    }
}

/// The column type of a field.
pub fn column_type(ty: &FieldType, max_length: Option<u32>) -> ColumnType {
    match ty {
        FieldType::Int | FieldType::Ref(_) => ColumnType::Integer,
        FieldType::Float => ColumnType::Float,
        FieldType::Decimal => ColumnType::Exact(18, 6),
        FieldType::Money => ColumnType::Exact(14, 2),
        FieldType::String => ColumnType::String(max_length.unwrap_or(200)),
        FieldType::Text => ColumnType::Text,
        FieldType::Bool => ColumnType::Boolean,
        FieldType::Date => ColumnType::Date,
        FieldType::Time => ColumnType::Time,
        FieldType::Datetime => ColumnType::Moment,
        FieldType::Uuid => ColumnType::Uuid,
        FieldType::Email => ColumnType::String(254),
        FieldType::Url => ColumnType::String(2000),
        FieldType::Enum(_) => ColumnType::String(60),
        FieldType::List(_) | FieldType::Dict(_) => ColumnType::Json,
    }
}

fn column_of(
    table: &str,
    column: &ColumnFacts<'_>,
    table_of: &impl Fn(&crate::domain::names::ModelName) -> String,
) -> Column {
    let field = column.field;
    let name = &column.name;
    let named = |prefix: &str| short(&format!("{prefix}_{table}_{name}"));
    Column {
        name: name.clone(),
        ty: column_type(&field.ty, field.bounds.max_length),
        nullable: field.optional,
        unique: column.unique().then(|| named("uq")),
        index: column.indexed().then(|| named("ix")),
        foreign_key: column.target.as_ref().map(|target| ForeignKey {
            name: named("fk"),
            table: table_of(&target.model),
            on_delete: on_delete_sql(target.on_delete).to_owned(),
        }),
        check: match &field.ty {
            FieldType::Enum(values) => Some(Check {
                name: named("ck"),
                values: values.iter().map(|value| value.as_str().to_owned()).collect(),
            }),
            _ => None,
        },
        fill: fill(column),
    }
}

/// The value that rows get which are older than a required column.
fn fill(column: &ColumnFacts<'_>) -> Option<String> {
    let field = column.field;
    if column.unique() || column.target.is_some() {
        return None;
    }
    if let Some(default) = &field.default {
        return Some(match default {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        });
    }
    let bounds = &field.bounds;
    let above = |number: &serde_json::Number| {
        number
            .as_i64()
            .map_or_else(|| number.as_f64().map(|n| (n.floor() + 1.0).to_string()), |n| Some((n + 1).to_string()))
    };
    let least = bounds.ge.as_ref().map(ToString::to_string).or_else(|| bounds.gt.as_ref().and_then(above));
    Some(match &field.ty {
        FieldType::Int | FieldType::Float | FieldType::Decimal | FieldType::Money => {
            least.unwrap_or_else(|| "0".to_owned())
        }
        FieldType::String | FieldType::Text => String::new(),
        FieldType::Bool => "false".to_owned(),
        FieldType::Date => "1970-01-01".to_owned(),
        FieldType::Time => "00:00:00".to_owned(),
        FieldType::Datetime => "1970-01-01 00:00:00".to_owned(),
        FieldType::Enum(values) => values.first()?.as_str().to_owned(),
        FieldType::List(_) => "[]".to_owned(),
        FieldType::Dict(_) => "{}".to_owned(),
        FieldType::Email => "unknown@example.invalid".to_owned(),
        FieldType::Url => "https://example.invalid/".to_owned(),
        FieldType::Uuid => "00000000-0000-0000-0000-000000000000".to_owned(),
        FieldType::Ref(_) => return None,
    })
}

fn association(own_table: &str, members: &Members<'_>, other_table: &str) -> Table {
    let key = |column: &str, points_to: &str, index: bool| Column {
        name: column.to_owned(),
        ty: ColumnType::Integer,
        nullable: false,
        unique: None,
        index: index.then(|| short(&format!("ix_{}_{column}", members.table))),
        foreign_key: Some(ForeignKey {
            name: short(&format!("fk_{}_{column}", members.table)),
            table: points_to.to_owned(),
            on_delete: "CASCADE".to_owned(),
        }),
        check: None,
        fill: None,
    };
    Table {
        name: members.table.clone(),
        association: true,
        columns: vec![key(&members.own_column, own_table, false), key(&members.other_column, other_table, true)],
    }
}
