//! The query parameters of a model's list: filters, search, order.

use serde::Serialize;

use super::Error;
use super::facts::{Column, Facts, ModelFacts};
use super::python::{Code, assign, literal};
use super::typing::{Scope, choice_name, literal_type};
use crate::domain::spec::FieldType;

/// What the template of a model's filters needs.
#[derive(Serialize)]
pub struct QueryView {
    imports: String,
    sort: String,
    fields: Vec<String>,
    conditions: String,
    exported: bool,
    summary: Option<SummaryView>,
}

/// What the query of a summary adds.
#[derive(Serialize)]
struct SummaryView {
    literal: String,
    default: String,
    dates: Vec<String>,
}

/// One query parameter and what it compares.
pub struct Filter<'m> {
    /// The parameter.
    pub name: String,
    /// The type of a value.
    ty: &'m FieldType,
    choice: String,
    condition: Code,
    /// The column it compares, where it is one.
    pub column: Option<&'m Column<'m>>,
    /// How it compares.
    pub kind: FilterKind,
}

/// How a filter compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilterKind {
    /// This very value.
    Equal,
    /// From this value on.
    From,
    /// Up to this value.
    To,
    /// One of the related records.
    Member,
    /// Words in a text.
    Search,
}

const RESERVED: &[&str] = &["limit", "offset", "sort", "group_by"];

/// The period summary and range parameters work on: a required day or moment, else when the record was made.
pub fn moment_column(model: &ModelFacts<'_>) -> String {
    let dated = |optional: bool| {
        model.columns.iter().find(|column| {
            matches!(column.field.ty, FieldType::Date | FieldType::Datetime) && column.field.optional == optional
        })
    };
    dated(false).map_or_else(|| "created_at".to_owned(), |column| column.name.clone())
}

/// The texts that a search looks into.
fn searched<'m>(model: &'m ModelFacts<'_>) -> Vec<&'m str> {
    model
        .columns
        .iter()
        .filter(|column| {
            matches!(column.field.ty, FieldType::String | FieldType::Text | FieldType::Email | FieldType::Url)
        })
        .map(|column| column.name.as_str())
        .collect()
}

/// Every filter of a model, each under a name of its own; where names meet, the plain field wins.
pub fn filters<'m>(model: &'m ModelFacts<'_>) -> Vec<Filter<'m>> {
    let mut found: Vec<Filter<'m>> = Vec::new();
    let mut add = |filter: Filter<'m>| {
        if !RESERVED.contains(&filter.name.as_str()) && found.iter().all(|known| known.name != filter.name) {
            found.push(filter);
        }
    };
    let owner = model.name;
    for column in &model.columns {
        let comparable =
            !matches!(column.field.ty, FieldType::Text | FieldType::Datetime | FieldType::List(_) | FieldType::Dict(_));
        if comparable {
            add(Filter {
                name: column.name.clone(),
                ty: &column.field.ty,
                choice: choice_name(owner, column.field),
                condition: call("equals", [format!("{owner}.{}", column.name)]),
                column: Some(column),
                kind: FilterKind::Equal,
            });
        }
    }
    for members in &model.members {
        add(Filter {
            name: members.id.clone(),
            ty: &members.field.ty,
            choice: String::new(),
            condition: call("has", [format!("{owner}.{}", members.relation), format!("{}.id", members.target)]),
            column: None,
            kind: FilterKind::Member,
        });
    }
    for reverse in model.reverse.iter().filter(|reverse| reverse.kind == crate::domain::spec::RelationKind::ManyToMany)
    {
        add(Filter {
            name: format!("{}_id", reverse.model.snake()),
            ty: &FieldType::Int,
            choice: "RecordId".to_owned(),
            condition: call("has", [format!("{owner}.{}", reverse.name), format!("{}.id", reverse.model)]),
            column: None,
            kind: FilterKind::Member,
        });
    }
    let ranged = |ty: &FieldType| {
        matches!(
            ty,
            FieldType::Int
                | FieldType::Float
                | FieldType::Decimal
                | FieldType::Money
                | FieldType::Date
                | FieldType::Time
                | FieldType::Datetime
        )
    };
    let own = model
        .columns
        .iter()
        .filter(|column| ranged(&column.field.ty) && column.target.is_none())
        .map(|column| (column.name.as_str(), &column.field.ty, Some(column)));
    let made = ["created_at", "updated_at"].map(|name| (name, &FieldType::Datetime, None));
    for (name, ty, column) in own.chain(made) {
        for (suffix, function, kind) in [("from", "at_least", FilterKind::From), ("to", "at_most", FilterKind::To)] {
            add(Filter {
                name: format!("{name}_{suffix}"),
                ty,
                choice: String::new(),
                condition: call(function, [format!("{owner}.{name}")]),
                column,
                kind,
            });
        }
    }
    let texts = searched(model);
    if !texts.is_empty() {
        let name = if model.column("q").is_some() { "search" } else { "q" };
        add(Filter {
            name: name.to_owned(),
            ty: &FieldType::Text,
            choice: String::new(),
            condition: call("contains", texts.iter().map(|name| format!("{owner}.{name}"))),
            column: None,
            kind: FilterKind::Search,
        });
    }
    found
}

/// A call of one of the conditions that all lists share.
fn call(function: &str, arguments: impl IntoIterator<Item = String>) -> Code {
    Code::call(format!("_listing.{function}"), arguments.into_iter().map(Code::atom).collect())
}

/// The columns a list can be ordered by.
pub fn sortable<'m>(model: &'m ModelFacts<'_>) -> Vec<&'m str> {
    let own = model
        .columns
        .iter()
        .filter(|column| !matches!(column.field.ty, FieldType::List(_) | FieldType::Dict(_)))
        .map(|column| column.name.as_str());
    std::iter::once("id").chain(own).chain(["created_at", "updated_at"]).collect()
}

/// The fields a summary can group by, beside the periods.
pub fn grouping<'m>(model: &'m ModelFacts<'_>) -> Vec<&'m str> {
    model
        .columns
        .iter()
        .filter(|column| column.target.is_some() || matches!(column.field.ty, FieldType::Enum(_) | FieldType::Bool))
        .map(|column| column.name.as_str())
        .filter(|name| !["day", "week", "month"].contains(name))
        .collect()
}

/// Describes the query parameters of a model.
pub fn view(facts: &Facts<'_>, model: &ModelFacts<'_>) -> Result<QueryView, Error> {
    let filters = filters(model);
    let mut scope = Scope::with(filters.iter().map(|filter| filter.name.clone()));
    scope.imports.alias("app.generated.core", "listing", "_listing").name("typing", "Literal");
    scope.imports.name(&format!("app.generated.models.{}", model.table), model.name);
    let mut fields = Vec::new();
    for filter in &filters {
        let ty = match (filter.kind, filter.ty) {
            (FilterKind::Member, _) => {
                scope.inputs();
                "_inputs.RecordId".to_owned()
            }
            (_, FieldType::String | FieldType::Email | FieldType::Url) => scope.input(&FieldType::Text, ""),
            (_, FieldType::Enum(_)) => {
                scope.imports.name(&format!("app.generated.schemas.{}", model.table), &filter.choice);
                filter.choice.clone()
            }
            (_, ty) => scope.input(ty, &filter.choice),
        };
        fields.push(assign(&format!("{}: {ty} | None", filter.name), &Code::atom("None"), 4));
    }
    for members in &model.members {
        let other = facts.model(&members.target)?;
        scope.imports.name(&format!("app.generated.models.{}", other.table), other.name);
    }
    for reverse in &model.reverse {
        if filters.iter().any(|filter| filter.condition.flat().contains(&format!(", {}.id)", reverse.model))) {
            let other = facts.model(&reverse.model)?;
            scope.imports.name(&format!("app.generated.models.{}", other.table), other.name);
        }
    }
    let conditions = Code::Group {
        open: "{".to_owned(),
        items: filters
            .iter()
            .map(|filter| filter.condition.clone().after(&format!("{}: ", literal(&filter.name))))
            .collect(),
        close: "}".to_owned(),
    };
    let reserved = format!("{}_CONDITIONS: dict[str, _listing.Condition] = ", model.model.name.snake().to_uppercase());
    let sort = literal_type(
        &format!("_{}Sort", model.name),
        sortable(model).into_iter().flat_map(|name| [name.to_owned(), format!("-{name}")]),
    );
    let summary = model.summarized.then(|| summary(model, &filters, &mut scope));
    Ok(QueryView {
        imports: scope.imports.lay(0),
        sort,
        fields,
        conditions: conditions.after(&reserved).lay(0, 0),
        exported: model.exported,
        summary,
    })
}

fn summary(model: &ModelFacts<'_>, filters: &[Filter<'_>], scope: &mut Scope) -> SummaryView {
    let groups = ["day", "week", "month"].into_iter().chain(grouping(model)).map(str::to_owned);
    let mut dates = Vec::new();
    for name in ["date_from", "date_to"] {
        if filters.iter().all(|filter| filter.name != name) {
            let day = scope.stored(&FieldType::Date);
            dates.push(assign(&format!("{name}: {day} | None"), &Code::atom("None"), 4));
        }
    }
    SummaryView { literal: literal_type(&format!("_{}Grouping", model.name), groups), default: "day".to_owned(), dates }
}

/// Whether the summary of a model has a parameter of that name that no filter brings.
pub fn has_own_date(model: &ModelFacts<'_>, name: &str) -> bool {
    filters(model).iter().all(|filter| filter.name != name)
}
