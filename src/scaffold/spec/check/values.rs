//! Rules for types, bounds and defaults.

use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use serde_json::{Number, Value};

use super::{Check, pattern};
use crate::domain::spec::{Bounds, Field, FieldType};
use crate::scaffold::spec::problem::shown;

const MAX_VALUES: usize = 200;
/// The most characters or items a bound may name.
const MAX_COUNT: u32 = 10_000_000;
/// A `string` without a bound of its own.
const SHORT_TEXT: u32 = 200;

impl Check<'_> {
    pub(super) fn type_rules(&mut self, path: &str, ty: &FieldType) {
        match ty {
            FieldType::List(inner) | FieldType::Dict(inner) => {
                if matches!(**inner, FieldType::List(_) | FieldType::Dict(_) | FieldType::Ref(_)) {
                    self.add(path.to_owned(), "lists and maps hold simple values only");
                } else {
                    self.type_rules(path, inner);
                }
            }
            FieldType::Enum(values) => {
                let path = format!("{path}.type.values");
                if values.is_empty() {
                    self.add(path.clone(), "an enumeration has at least one value");
                }
                if values.len() > MAX_VALUES {
                    self.add(path.clone(), format!("more than {MAX_VALUES} values"));
                }
                let mut seen: Vec<(String, &str)> = Vec::new();
                for (index, value) in values.iter().enumerate() {
                    let path = format!("{path}.{index}");
                    let member = in_code(value.as_str());
                    match seen.iter().find(|(name, _)| *name == member) {
                        Some((_, other)) if *other == value.as_str() => {
                            self.add(path, format!("the value `{value}` stands here twice"));
                        }
                        Some((_, other)) => {
                            self.add(path, format!("in code, the values `{other}` and `{value}` have the same name"));
                        }
                        None => seen.push((member, value.as_str())),
                    }
                }
            }
            _ => {}
        }
    }

    pub(super) fn bounds(&mut self, path: &str, field: &Field) {
        let bounds = &field.bounds;
        let numbers = [("ge", &bounds.ge), ("gt", &bounds.gt), ("le", &bounds.le), ("lt", &bounds.lt)];
        let numeric = matches!(field.ty, FieldType::Int | FieldType::Float | FieldType::Decimal | FieldType::Money);
        for (key, number) in numbers {
            let Some(number) = number else { continue };
            let path = format!("{path}.{key}");
            if !numeric {
                self.add(path, format!("`{key}` is for numbers; this is {}", named(&field.ty)));
            } else if field.ty == FieldType::Int && number.as_i64().is_none() {
                self.add(path, "an `int` is bounded by whole numbers of 64 bits");
            } else if number.as_f64().is_some_and(|value| value.abs() > largest(&field.ty)) {
                self.add(path, format!("the number is too large for {}", named(&field.ty)));
            }
        }
        if numeric {
            self.number_range(path, bounds, &field.ty);
        }
        let counted = matches!(
            field.ty,
            FieldType::String
                | FieldType::Text
                | FieldType::Email
                | FieldType::Url
                | FieldType::List(_)
                | FieldType::Dict(_)
        );
        for (key, count) in [("min_length", bounds.min_length), ("max_length", bounds.max_length)] {
            let path = format!("{path}.{key}");
            match count {
                Some(_) if !counted => {
                    self.add(path, format!("`{key}` is for texts and lists; this is {}", named(&field.ty)));
                }
                Some(count) if count > MAX_COUNT => self.add(path, format!("more than {MAX_COUNT}")),
                Some(0) if key == "max_length" => self.add(path, "nothing but an empty value would fit"),
                _ => {}
            }
        }
        let most = bounds.max_length.or((field.ty == FieldType::String).then_some(SHORT_TEXT));
        if let (Some(least), Some(most)) = (bounds.min_length, most)
            && least > most
            && counted
        {
            let reason = match bounds.max_length {
                Some(_) => format!("`min_length` {least} is more than `max_length` {most}"),
                None => format!("a `string` has at most {most} characters unless `max_length` says otherwise"),
            };
            self.add(format!("{path}.min_length"), reason);
        }
        if let Some(text) = &bounds.pattern {
            let path = format!("{path}.pattern");
            if !matches!(field.ty, FieldType::String | FieldType::Text) {
                self.add(path, format!("`pattern` is for `string` and `text`; this is {}", named(&field.ty)));
            } else if let Err(reason) = pattern::check(text) {
                self.add(path, reason);
            }
        }
    }

    fn number_range(&mut self, path: &str, bounds: &Bounds, ty: &FieldType) {
        for (one, other, keys) in [(&bounds.ge, &bounds.gt, ["ge", "gt"]), (&bounds.le, &bounds.lt, ["le", "lt"])] {
            if one.is_some() && other.is_some() {
                let reason = format!("`{}` and `{}` bound the same side; leave one out", keys[0], keys[1]);
                return self.add(format!("{path}.{}", keys[1]), reason);
            }
        }
        let low = bounds.ge.as_ref().map(|n| ("ge", n, false)).or(bounds.gt.as_ref().map(|n| ("gt", n, true)));
        let high = bounds.le.as_ref().map(|n| ("le", n, false)).or(bounds.lt.as_ref().map(|n| ("lt", n, true)));
        let Some((high_key, high, high_open)) = high else { return };
        let Some((low_key, low, low_open)) = low else {
            if *ty == FieldType::Money && high.as_f64().is_some_and(|value| value < 0.0 || (value == 0.0 && high_open))
            {
                let hint = format!("add a `ge` below {high}");
                self.hint(
                    format!("{path}.{high_key}"),
                    "`money` is never negative unless `ge` or `gt` says so",
                    Some(hint),
                );
            }
            return;
        };
        let fits = match (low.as_i64(), high.as_i64()) {
            (Some(low), Some(high)) if *ty == FieldType::Int => {
                i128::from(low) + i128::from(low_open) <= i128::from(high) - i128::from(high_open)
            }
            _ => match (low.as_f64(), high.as_f64()) {
                (Some(low), Some(high)) => low < high || (low <= high && !low_open && !high_open),
                _ => true,
            },
        };
        if !fits {
            self.add(
                format!("{path}.{low_key}"),
                format!("no number fits: `{low_key}` {low} contradicts `{high_key}` {high}"),
            );
        }
    }

    pub(super) fn default(&mut self, path: &str, field: &Field) {
        let Some(value) = &field.default else { return };
        if let Err(reason) = fits(&field.ty, value).and_then(|()| within(field, value)) {
            self.add(format!("{path}.default"), reason);
        }
    }
}

/// The value's name as a member of a Python enumeration.
fn in_code(value: &str) -> String {
    value.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

fn named(ty: &FieldType) -> &'static str {
    match ty {
        FieldType::Int => "an `int`",
        FieldType::Float => "a `float`",
        FieldType::Decimal => "a `decimal`",
        FieldType::Money => "`money`",
        FieldType::String => "a `string`",
        FieldType::Text => "a `text`",
        FieldType::Bool => "a `bool`",
        FieldType::Date => "a `date`",
        FieldType::Time => "a `time`",
        FieldType::Datetime => "a `datetime`",
        FieldType::Uuid => "a `uuid`",
        FieldType::Email => "an `email`",
        FieldType::Url => "a `url`",
        FieldType::Enum(_) => "an `enum`",
        FieldType::List(_) => "a list",
        FieldType::Dict(_) => "a map",
        FieldType::Ref(_) => "a relation",
    }
}

fn largest(ty: &FieldType) -> f64 {
    match ty {
        FieldType::Decimal | FieldType::Money => 999_999_999_999.0,
        _ => f64::MAX,
    }
}

/// Whether a value is of a type.
pub(super) fn fits(ty: &FieldType, value: &Value) -> Result<(), String> {
    let text = |what: &str| value.as_str().ok_or_else(|| format!("the default must be {what}"));
    match ty {
        FieldType::Int => value.as_i64().map(drop).ok_or_else(|| "the default must be a whole number".to_owned()),
        FieldType::Float => value.as_f64().map(drop).ok_or_else(|| "the default must be a number".to_owned()),
        FieldType::Decimal => exact(value, 12, 6),
        FieldType::Money => exact(value, 12, 2),
        FieldType::Bool => value.as_bool().map(drop).ok_or_else(|| "the default must be `true` or `false`".to_owned()),
        FieldType::String => match text("a text")? {
            text if text.chars().any(char::is_control) => Err("the default of a `string` is one line".to_owned()),
            _ => Ok(()),
        },
        FieldType::Text => match text("a text")? {
            text if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) => {
                Err("the default has control characters".to_owned())
            }
            _ => Ok(()),
        },
        FieldType::Email => email(text("an e-mail address")?),
        FieldType::Url => url(text("an address")?),
        FieldType::Date => when(is_date(text("a date")?), "the default must be a date such as `2026-01-31`"),
        FieldType::Time => when(is_time(text("a time")?), "the default must be a time such as `18:30:00`"),
        FieldType::Datetime => when(
            is_datetime(text("a moment")?),
            "the default must be a moment with its time zone, such as `2026-01-31T18:30:00Z`",
        ),
        FieldType::Uuid => when(is_uuid(text("a uuid")?), "the default must be a uuid in its usual form"),
        FieldType::Enum(values) => {
            let text = text("one of the values")?;
            if values.iter().any(|value| value.as_str() == text) {
                return Ok(());
            }
            Err(format!("the default `{}` is not one of the values", shown(text)))
        }
        FieldType::List(inner) => match value {
            Value::Array(items) => items.iter().try_for_each(|item| fits(inner, item)),
            _ => Err("the default must be a list".to_owned()),
        },
        FieldType::Dict(inner) => match value {
            Value::Object(entries) => entries.values().try_for_each(|item| fits(inner, item)),
            _ => Err("the default must be a map".to_owned()),
        },
        FieldType::Ref(_) => Err("a relation has no default".to_owned()),
    }
}

fn when(good: bool, reason: &str) -> Result<(), String> {
    if good { Ok(()) } else { Err(reason.to_owned()) }
}

/// A decimal number with so many digits before and after the point.
fn exact(value: &Value, before: usize, after: usize) -> Result<(), String> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => return Err("the default must be a number".to_owned()),
    };
    let body = text.strip_prefix('-').unwrap_or(&text);
    let (whole, fraction) = body.split_once('.').unwrap_or((body, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return Err("the default must be a number without an exponent".to_owned());
    }
    if whole.trim_start_matches('0').len() > before || fraction.trim_end_matches('0').len() > after {
        return Err(format!("the default has more than {before} digits before or {after} after the point"));
    }
    Ok(())
}

fn email(text: &str) -> Result<(), String> {
    let good = text.split_once('@').is_some_and(|(name, host)| {
        let labels = || host.split('.');
        let label = |text: &str| {
            !text.is_empty()
                && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
                && !text.starts_with('-')
                && !text.ends_with('-')
        };
        !name.is_empty()
            && name.len() <= 64
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+'))
            && !name.starts_with('.')
            && !name.ends_with('.')
            && !name.contains("..")
            && labels().count() > 1
            && labels().all(label)
            && host.len() <= 250
    });
    when(good, "the default must be an e-mail address")
}

fn url(text: &str) -> Result<(), String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let good = rest.is_some_and(|rest| {
        rest.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text
                .chars()
                .all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}'))
    });
    when(good, "the default must be an address that begins with `http://` or `https://`")
}

/// The text has digits where the form has `0`, and the same characters elsewhere.
fn shaped(text: &str, form: &str) -> bool {
    text.len() == form.len()
        && text.bytes().zip(form.bytes()).all(|(c, f)| if f == b'0' { c.is_ascii_digit() } else { c == f })
}

fn is_date(text: &str) -> bool {
    shaped(text, "0000-00-00") && Date::from_str(text).is_ok_and(|date| date.year() > 0)
}

fn is_time(text: &str) -> bool {
    (shaped(text, "00:00") || shaped(text, "00:00:00")) && !text.ends_with(":60") && Time::from_str(text).is_ok()
}

fn is_datetime(text: &str) -> bool {
    let Some((date, time)) = text.split_once('T') else { return false };
    let Some(at) = time.find(['Z', '+', '-']) else { return false };
    let (time, zone) = time.split_at(at);
    is_date(date)
        && shaped(time, "00:00:00")
        && is_time(time)
        && (zone == "Z" || shaped(&zone[1..], "00:00"))
        && Timestamp::from_str(text).is_ok()
}

fn is_uuid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && parts.iter().all(|part| part.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Whether a default of the right type keeps the field's own bounds.
fn within(field: &Field, value: &Value) -> Result<(), String> {
    let bounds = &field.bounds;
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) if matches!(field.ty, FieldType::Decimal | FieldType::Money) => text.parse().ok(),
        _ => None,
    };
    if let Some(number) = number {
        let outside = |key: &str, bound: &Option<Number>, bad: fn(f64, f64) -> bool| match bound {
            Some(bound) if bound.as_f64().is_some_and(|bound| bad(number, bound)) => {
                Err(format!("the default {value} is outside of `{key}` {bound}"))
            }
            _ => Ok(()),
        };
        outside("ge", &bounds.ge, |n, bound| n < bound)?;
        outside("gt", &bounds.gt, |n, bound| n <= bound)?;
        outside("le", &bounds.le, |n, bound| n > bound)?;
        outside("lt", &bounds.lt, |n, bound| n >= bound)?;
        if field.ty == FieldType::Money && number < 0.0 && bounds.ge.is_none() && bounds.gt.is_none() {
            return Err("`money` is never negative unless `ge` or `gt` says so".to_owned());
        }
    }
    let count = match value {
        Value::String(text) if !matches!(field.ty, FieldType::Decimal | FieldType::Money) => text.chars().count(),
        Value::Array(items) => items.len(),
        Value::Object(entries) => entries.len(),
        _ => return Ok(()),
    };
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    let most = bounds.max_length.or((field.ty == FieldType::String).then_some(SHORT_TEXT));
    if let Some(least) = bounds.min_length.filter(|least| count < *least) {
        return Err(format!("the default is shorter than `min_length` {least}"));
    }
    match most.filter(|most| count > *most) {
        Some(most) => Err(format!("the default is longer than {most}")),
        None => Ok(()),
    }
}
