//! The migration from one schema to another, as a module for Alembic.
//!
//! The text needs nothing of the application, so old migrations stay as they were. Tables are changed with
//! `batch_alter_table`, because SQLite can change little in place. What loses data, or cannot be done for a table
//! that has rows, is done and noted.

use serde::Serialize;

use super::ddl::{fill_sql, one_of, postgres_type, type_code};
use super::python::{Code, literal};
use super::schema::{Column, ColumnType, ForeignKey, Schema, Table};

/// The helper of a migration that gives a value to rows which have none; the template brings it where it is called.
pub const FILL: &str = "_fill";

/// Something a person should know before a migration runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// One line.
    pub text: String,
    /// Data is lost.
    pub destructive: bool,
}

/// The two directions of a migration.
#[derive(Debug, Clone, PartialEq)]
pub struct Steps {
    /// The body of `upgrade()`.
    pub upgrade: Vec<String>,
    /// The body of `downgrade()`.
    pub downgrade: Vec<String>,
    /// What is lost or may fail on the way up.
    pub notes: Vec<Note>,
    /// A few words for the file's name.
    pub slug: String,
}

/// The migration between two schemas; none when they are the same to a database.
#[must_use]
pub fn between(old: &Schema, new: &Schema) -> Option<Steps> {
    let mut up = Writer::default();
    up.write(old, new);
    if up.statements.is_empty() {
        return None;
    }
    let mut down = Writer::default();
    down.write(new, old);
    let slug = match up.changes.as_slice() {
        [only] => only.clone(),
        _ => "changes".to_owned(),
    };
    Some(Steps { upgrade: up.statements, downgrade: down.statements, notes: up.notes, slug })
}

#[derive(Default)]
struct Writer {
    statements: Vec<String>,
    notes: Vec<Note>,
    changes: Vec<String>,
}

impl Writer {
    fn write(&mut self, old: &Schema, new: &Schema) {
        let added: Vec<&Table> = new.tables.iter().filter(|table| old.table(&table.name).is_none()).collect();
        let removed: Vec<&Table> = old.tables.iter().filter(|table| new.table(&table.name).is_none()).collect();
        let (order, deferred) = in_order(&added);
        for table in order {
            let later: Vec<&str> =
                deferred.iter().filter(|(of, _)| *of == table.name).map(|(_, column)| column.name.as_str()).collect();
            self.create_table(table, &later);
            self.changes.push(format!("add_{}", table.name));
        }
        for (table, column) in &deferred {
            if let Some(key) = &column.foreign_key {
                self.batch(table, &[create_foreign_key(&column.name, key)]);
            }
        }
        for table in &new.tables {
            if let Some(before) = old.table(&table.name) {
                self.alter_table(before, table);
            }
        }
        let (order, deferred) = in_order(&removed);
        for (table, column) in &deferred {
            if let Some(key) = &column.foreign_key {
                self.batch(table, &[drop_constraint(&key.name, "foreignkey")]);
            }
        }
        for table in order.into_iter().rev() {
            self.statements.push(format!("op.drop_table({})", literal(&table.name)));
            self.changes.push(format!("drop_{}", table.name));
            self.note(format!("the table `{}` is dropped with its rows", table.name), true);
        }
    }

    fn note(&mut self, text: String, destructive: bool) {
        self.notes.push(Note { text, destructive });
    }

    fn create_table(&mut self, table: &Table, without_key: &[&str]) {
        let mut items = vec![string(&table.name)];
        if !table.association {
            items.push(Code::atom(
                "sa.Column(\"id\", sa.BigInteger().with_variant(sa.Integer(), \"sqlite\"), primary_key=True)",
            ));
        }
        items.extend(table.columns.iter().map(|column| column_code(column, column.nullable, table.association)));
        if !table.association {
            for name in ["created_at", "updated_at"] {
                items.push(Code::atom(format!("sa.Column(\"{name}\", sa.DateTime(timezone=True), nullable=False)")));
            }
        }
        for column in &table.columns {
            if let Some(key) = column.foreign_key.as_ref().filter(|_| !without_key.contains(&column.name.as_str())) {
                items.push(Code::call(
                    "sa.ForeignKeyConstraint",
                    vec![
                        Code::list(vec![string(&column.name)]),
                        Code::list(vec![string(&format!("{}.id", key.table))]),
                        string(&key.name).after("name="),
                        string(&key.on_delete).after("ondelete="),
                    ],
                ));
            }
            if let Some(name) = &column.unique {
                items.push(Code::call("sa.UniqueConstraint", vec![string(&column.name), string(name).after("name=")]));
            }
            if let Some(check) = &column.check {
                items.push(Code::call(
                    "sa.CheckConstraint",
                    vec![one_of("sa", &column.name, &check.values), string(&check.name).after("name=")],
                ));
            }
        }
        self.statements.push(exploded("op.create_table", &items));
        for column in &table.columns {
            if let Some(index) = &column.index {
                let items = vec![string(index), string(&table.name), Code::list(vec![string(&column.name)])];
                self.statements.push(Code::call("op.create_index", items).lay(4, 0));
            }
        }
    }

    /// Changes one table in two batches: what goes and comes first, what needs filled rows after.
    fn alter_table(&mut self, old: &Table, new: &Table) {
        let table = &new.name;
        let (mut first, mut fills, mut second) = (Vec::new(), Vec::new(), Vec::new());
        for before in &old.columns {
            let after = new.column(&before.name);
            drop_attachments(before, after, &mut first);
            if after.is_none() {
                first.push(Code::call("batch.drop_column", vec![string(&before.name)]));
                self.changes.push(format!("drop_{table}_{}", before.name));
                self.note(format!("the column `{table}.{}` is dropped with its values", before.name), true);
            }
        }
        for after in &new.columns {
            match old.column(&after.name) {
                None => {
                    self.changes.push(format!("add_{table}_{}", after.name));
                    first.push(Code::call("batch.add_column", vec![column_code(after, true, false)]));
                    if !after.nullable {
                        self.fill(table, after, &mut fills);
                        second.push(alter_column(after, &[("nullable", "False")]));
                    }
                    add_attachments(None, after, &mut second);
                }
                Some(before) => {
                    self.alter_column(table, before, after, &mut first, &mut fills, &mut second);
                    if before.unique.is_none() && after.unique.is_some() {
                        self.changes.push(format!("make_{table}_{}_unique", after.name));
                        self.note(format!("rows that share a `{table}.{}` stop the migration", after.name), false);
                    }
                    add_attachments(Some(before), after, &mut second);
                }
            }
        }
        self.batch(table, &first);
        self.statements.extend(fills);
        self.batch(table, &second);
    }

    fn alter_column(
        &mut self,
        table: &str,
        before: &Column,
        after: &Column,
        first: &mut Vec<Code>,
        fills: &mut Vec<String>,
        second: &mut Vec<Code>,
    ) {
        if before.ty != after.ty {
            let mut items = vec![
                string(&after.name),
                Code::atom(type_code("sa", before.ty)).after("existing_type="),
                Code::atom(type_code("sa", after.ty)).after("type_="),
                Code::atom(if before.nullable { "True" } else { "False" }).after("existing_nullable="),
            ];
            let widened = matches!((before.ty, after.ty), (ColumnType::String(from), ColumnType::String(to)) if from <= to)
                || matches!((before.ty, after.ty), (ColumnType::String(_), ColumnType::Text));
            if !widened {
                let target = literal(&format!("\"{}\"::{}", after.name, postgres_type(after.ty)));
                items.push(Code::atom(target).after("postgresql_using="));
                self.note(
                    format!(
                        "the type of `{table}.{}` changes; values that do not fit stop the migration or lose digits",
                        after.name
                    ),
                    true,
                );
            }
            self.changes.push(format!("change_{table}_{}", after.name));
            first.push(Code::call("batch.alter_column", items));
        }
        if before.nullable != after.nullable {
            if after.nullable {
                self.changes.push(format!("make_{table}_{}_optional", after.name));
                second.push(alter_column(after, &[("nullable", "True")]));
            } else {
                self.changes.push(format!("make_{table}_{}_required", after.name));
                self.fill(table, after, fills);
                second.push(alter_column(after, &[("nullable", "False")]));
            }
        }
        if let (Some(from), Some(to)) = (&before.check, &after.check) {
            for value in from.values.iter().filter(|value| !to.values.contains(value)) {
                self.note(
                    format!("rows whose `{table}.{}` is `{value}` stop the migration: that value is gone", after.name),
                    false,
                );
            }
            if from != to {
                self.changes.push(format!("change_{table}_{}_values", after.name));
            }
        }
    }

    fn fill(&mut self, table: &str, column: &Column, fills: &mut Vec<String>) {
        let Some(value) = column.fill.as_ref().and_then(|fill| fill_sql(column.ty, fill)) else {
            self.note(
                format!(
                    "`{table}.{}` is required, and rows that are there already have no value for it: give them one first",
                    column.name
                ),
                false,
            );
            return;
        };
        let items = vec![string(table), string(&column.name), value];
        fills.push(Code::call(FILL, items).lay(4, 0));
        self.note(
            format!(
                "rows that are there already get `{}` as `{table}.{}`",
                column.fill.as_deref().unwrap_or_default(),
                column.name
            ),
            false,
        );
    }

    fn batch(&mut self, table: &str, items: &[Code]) {
        if items.is_empty() {
            return;
        }
        let lines: Vec<String> = items.iter().map(|item| format!("        {}", item.lay(8, 0))).collect();
        self.statements.push(format!("with op.batch_alter_table({}) as batch:\n{}", literal(table), lines.join("\n")));
    }
}

fn drop_attachments(before: &Column, after: Option<&Column>, steps: &mut Vec<Code>) {
    if let Some(index) = &before.index
        && after.and_then(|column| column.index.as_ref()) != Some(index)
    {
        steps.push(Code::call("batch.drop_index", vec![string(index)]));
    }
    if let Some(name) = &before.unique
        && after.and_then(|column| column.unique.as_ref()) != Some(name)
    {
        steps.push(drop_constraint(name, "unique"));
    }
    if let Some(key) = &before.foreign_key
        && after.and_then(|column| column.foreign_key.as_ref()) != Some(key)
    {
        steps.push(drop_constraint(&key.name, "foreignkey"));
    }
    if let Some(check) = &before.check
        && after.and_then(|column| column.check.as_ref()) != Some(check)
    {
        steps.push(drop_constraint(&check.name, "check"));
    }
}

fn add_attachments(before: Option<&Column>, after: &Column, steps: &mut Vec<Code>) {
    if let Some(check) = &after.check
        && before.and_then(|column| column.check.as_ref()) != Some(check)
    {
        let items = vec![string(&check.name), one_of("sa", &after.name, &check.values)];
        steps.push(Code::call("batch.create_check_constraint", items));
    }
    if let Some(key) = &after.foreign_key
        && before.and_then(|column| column.foreign_key.as_ref()) != Some(key)
    {
        steps.push(create_foreign_key(&after.name, key));
    }
    if let Some(name) = &after.unique
        && before.and_then(|column| column.unique.as_ref()) != Some(name)
    {
        let items = vec![string(name), Code::list(vec![string(&after.name)])];
        steps.push(Code::call("batch.create_unique_constraint", items));
    }
    if let Some(index) = &after.index
        && before.and_then(|column| column.index.as_ref()) != Some(index)
    {
        let items = vec![string(index), Code::list(vec![string(&after.name)])];
        steps.push(Code::call("batch.create_index", items));
    }
}

/// Tables so ordered that each stands after those it points to, and the keys that have to wait because of a cycle.
fn in_order<'t>(tables: &[&'t Table]) -> (Vec<&'t Table>, Vec<(&'t str, &'t Column)>) {
    let mut left: Vec<&'t Table> = tables.to_vec();
    let (mut order, mut deferred): (Vec<&'t Table>, Vec<(&'t str, &'t Column)>) = (Vec::new(), Vec::new());
    while !left.is_empty() {
        let waits = |table: &Table, column: &Column| {
            column
                .foreign_key
                .as_ref()
                .is_some_and(|key| key.table != table.name && left.iter().any(|other| other.name == key.table))
        };
        let next = left.iter().position(|table| !table.columns.iter().any(|column| waits(table, column)));
        let at = next.or_else(|| {
            left.iter().position(|table| table.columns.iter().all(|column| column.nullable || !waits(table, column)))
        });
        let at = at.unwrap_or(0);
        if next.is_none() {
            let table = left[at];
            deferred.extend(
                table.columns.iter().filter(|column| waits(table, column)).map(|column| (table.name.as_str(), column)),
            );
        }
        order.push(left.remove(at));
    }
    (order, deferred)
}

/// The foreign keys, as (table, column), that close a cycle of tables and so come after all tables are there.
pub fn closing_keys(schema: &Schema) -> Vec<(&str, &str)> {
    let tables: Vec<&Table> = schema.tables.iter().collect();
    in_order(&tables).1.into_iter().map(|(table, column)| (table, column.name.as_str())).collect()
}

fn string(text: &str) -> Code {
    Code::atom(literal(text))
}

fn exploded(head: &str, items: &[Code]) -> String {
    let lines: Vec<String> = items.iter().map(|item| format!("        {},\n", item.lay(8, 1))).collect();
    format!("{head}(\n{}    )", lines.concat())
}

fn create_foreign_key(column: &str, key: &ForeignKey) -> Code {
    Code::call(
        "batch.create_foreign_key",
        vec![
            string(&key.name),
            string(&key.table),
            Code::list(vec![string(column)]),
            Code::atom("[\"id\"]"),
            string(&key.on_delete).after("ondelete="),
        ],
    )
}

fn drop_constraint(name: &str, sort: &str) -> Code {
    Code::call("batch.drop_constraint", vec![string(name), string(sort).after("type_=")])
}

fn alter_column(column: &Column, settings: &[(&str, &str)]) -> Code {
    let mut items = vec![string(&column.name), Code::atom(type_code("sa", column.ty)).after("existing_type=")];
    items.extend(settings.iter().map(|(name, value)| Code::atom(format!("{name}={value}"))));
    Code::call("batch.alter_column", items)
}

fn column_code(column: &Column, nullable: bool, key: bool) -> Code {
    let mut items = vec![string(&column.name), Code::atom(type_code("sa", column.ty))];
    items.push(Code::atom(if key {
        "primary_key=True"
    } else if nullable {
        "nullable=True"
    } else {
        "nullable=False"
    }));
    Code::call("sa.Column", items)
}
