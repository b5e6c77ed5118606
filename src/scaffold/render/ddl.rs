//! Types and values in the words of SQLAlchemy and of SQL, for migrations and tables alike.

use super::python::{Code, literal};
use super::schema::ColumnType;

/// The condition that a column has one of these values.
pub fn one_of(module: &str, column: &str, values: &[String]) -> Code {
    let values = values.iter().map(|value| Code::atom(literal(value))).collect();
    Code::call(format!("{module}.column({}).in_", literal(column)), vec![Code::list(values)])
}

/// The type in SQLAlchemy's words, without any of the application's own.
pub fn type_code(module: &str, ty: ColumnType) -> String {
    match ty {
        ColumnType::Integer => format!("{module}.BigInteger()"),
        ColumnType::Float => format!("{module}.Double()"),
        ColumnType::Exact(digits, scale) => {
            format!("{module}.Numeric({digits}, {scale}).with_variant({module}.BigInteger(), \"sqlite\")")
        }
        ColumnType::String(length) => format!("{module}.String({length})"),
        ColumnType::Text => format!("{module}.Text()"),
        ColumnType::Boolean => format!("{module}.Boolean()"),
        ColumnType::Date => format!("{module}.Date()"),
        ColumnType::Time => format!("{module}.Time()"),
        ColumnType::Moment => format!("{module}.DateTime(timezone=True)"),
        ColumnType::Uuid => format!("{module}.Uuid()"),
        ColumnType::Json => format!("{module}.JSON()"),
    }
}

/// The type in the words of PostgreSQL.
pub fn postgres_type(ty: ColumnType) -> String {
    match ty {
        ColumnType::Integer => "bigint".to_owned(),
        ColumnType::Float => "double precision".to_owned(),
        ColumnType::Exact(digits, scale) => format!("numeric({digits}, {scale})"),
        ColumnType::String(length) => format!("varchar({length})"),
        ColumnType::Text => "text".to_owned(),
        ColumnType::Boolean => "boolean".to_owned(),
        ColumnType::Date => "date".to_owned(),
        ColumnType::Time => "time".to_owned(),
        ColumnType::Moment => "timestamptz".to_owned(),
        ColumnType::Uuid => "uuid".to_owned(),
        ColumnType::Json => "json".to_owned(),
    }
}

/// A value as an SQL literal that both databases read, as the text given to `literal_column`.
pub fn fill_sql(ty: ColumnType, value: &str) -> Option<Code> {
    let quoted = |text: &str| Code::atom(literal(&format!("'{}'", text.replace('\'', "''"))));
    Some(match ty {
        ColumnType::Integer | ColumnType::Float | ColumnType::Boolean => Code::atom(literal(value)),
        ColumnType::Exact(_, scale) => {
            let units = units(value, scale)?;
            if units == 0 {
                Code::atom("\"0\"")
            } else {
                let (sqlite, other) = (literal(&units.to_string()), literal(value));
                Code::atom(format!("{sqlite} if op.get_bind().dialect.name == \"sqlite\" else {other}"))
            }
        }
        ColumnType::Uuid => quoted(&value.replace('-', "")),
        ColumnType::Time if value.len() == 8 => quoted(&format!("{value}.000000")),
        ColumnType::Moment => quoted(&moment_text(value)?),
        ColumnType::String(_) | ColumnType::Text | ColumnType::Date | ColumnType::Time | ColumnType::Json => {
            quoted(value)
        }
    })
}

/// A moment as SQLite keeps it: UTC, with a space and microseconds.
fn moment_text(value: &str) -> Option<String> {
    let value = value.replacen(' ', "T", 1);
    let moment: jiff::Timestamp = value.parse().or_else(|_| format!("{value}Z").parse()).ok()?;
    Some(moment.strftime("%Y-%m-%d %H:%M:%S.%6f").to_string())
}

/// A decimal number in its smallest units.
fn units(value: &str, scale: u32) -> Option<i128> {
    let (sign, digits) = value.strip_prefix('-').map_or((1, value), |rest| (-1, rest));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let scale = scale as usize;
    if part.len() > scale || !whole.chars().chain(part.chars()).all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    format!("{whole}{part:0<scale$}").parse::<i128>().ok().map(|units| sign * units)
}
