//! Values for the generated tests: good ones, and bad ones of every sort.

use super::facts::ModelFacts;
use super::pattern;
use super::python::{Code, literal};
use crate::domain::spec::{Bounds, Field, FieldType};

/// A good value as a Python expression; it may use the variable `number`, which no two calls share.
///
/// `None` when no value can be made up, which only an unusual pattern can cause.
pub fn good(model: &ModelFacts<'_>, field: &Field) -> Option<Code> {
    let bounds = &field.bounds;
    if let Some(pattern) = shape(model, field) {
        return matching(pattern, field).map(|values| one_of(&values));
    }
    if model.is_link_end(field) {
        let day = field.ty == FieldType::Date;
        return Some(Code::atom(if day { "\"2999-01-01\"" } else { "\"2999-01-01T00:00:00Z\"" }));
    }
    let unique = field.unique;
    let words = field.name.as_str().replace('_', " ");
    if let (FieldType::Enum(values), true) = (&field.ty, unique) {
        return Some(one_of(&values.iter().map(ToString::to_string).collect::<Vec<_>>()));
    }
    let value = match &field.ty {
        FieldType::String | FieldType::Text => text(&words, bounds, unique, field.ty == FieldType::String),
        FieldType::Email if unique => "f\"name{number}@example.com\"".to_owned(),
        FieldType::Url if unique => "f\"https://example.com/{number}\"".to_owned(),
        FieldType::Uuid if unique => "str(uuid.UUID(int=number))".to_owned(),
        FieldType::Date if unique => "(datetime.date(2024, 1, 1) + datetime.timedelta(days=number)).isoformat()".to_owned(),
        FieldType::Datetime if unique => {
            "(datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(hours=number)).isoformat()".to_owned()
        }
        FieldType::Time if unique => "datetime.time(number // 60 % 24, number % 60).isoformat()".to_owned(),
        FieldType::Int | FieldType::Float if unique => match least(bounds, field) {
            0 => "number".to_owned(),
            from => format!("{from} + number"),
        },
        FieldType::Decimal | FieldType::Money if unique => match least(bounds, field) {
            0 => "f\"{number}.00\"".to_owned(),
            from => format!("f\"{{{from} + number}}.00\""),
        },
        other => simple(other, bounds, field)?,
    };
    Some(Code::atom(value))
}

/// One of several texts, another one for each `number`.
fn one_of(values: &[String]) -> Code {
    if let [only] = values {
        return Code::atom(literal(only));
    }
    Code::Group {
        open: "[".to_owned(),
        items: values.iter().map(|value| Code::atom(literal(value))).collect(),
        close: format!("][number % {}]", values.len()),
    }
}

/// The pattern a field's values follow, if there is one; the key of a short link has its own.
fn shape<'f>(model: &ModelFacts<'_>, field: &'f Field) -> Option<&'f str> {
    field.bounds.pattern.as_deref().or_else(|| model.is_link_key(field).then_some("[a-z]{5}[0-9]{3}"))
}

/// Texts that follow a pattern: several where they have to differ, none where too few were found.
fn matching(pattern: &str, field: &Field) -> Option<Vec<String>> {
    let bounds = &field.bounds;
    let least = bounds.min_length.unwrap_or(0) as usize;
    let most = bounds.max_length.unwrap_or(200) as usize;
    let wanted = if field.unique { 12 } else { 1 };
    let found: Vec<String> = pattern::samples(pattern, least, wanted * 4)
        .into_iter()
        .filter(|text| (least..=most).contains(&text.chars().count()))
        .take(wanted)
        .collect();
    (found.len() == wanted).then_some(found)
}

fn text(words: &str, bounds: &Bounds, unique: bool, short: bool) -> String {
    let least = bounds.min_length.unwrap_or(0) as usize;
    let most = bounds.max_length.map_or(if short { 200 } else { usize::MAX }, |most| most as usize);
    if unique {
        if most >= words.len() + 8 {
            let pad = least.saturating_sub(words.len() + 1);
            return if pad > 0 {
                format!("f\"{words} {{number:0>{pad}}}\"")
            } else {
                format!("f\"{words} {{number}}\"")
            };
        }
        let digits = u32::try_from(most.min(9)).unwrap_or(9);
        let width = least.max(1);
        return format!("f\"{{number % {}:0>{width}}}\"", 10_u64.pow(digits));
    }
    let mut value: String = words.chars().take(most).collect();
    while value.chars().count() < least {
        value.push('x');
    }
    literal(&value)
}

/// A whole number within the bounds from which one can count upwards.
fn least(bounds: &Bounds, field: &Field) -> i64 {
    let floor = |number: &serde_json::Number| number.as_i64().or_else(|| number.as_f64().map(ceil));
    let at_least = bounds.ge.as_ref().and_then(floor);
    let above = bounds.gt.as_ref().and_then(floor).map(|number| number.saturating_add(1));
    if let Some(from) = at_least.or(above) {
        return from;
    }
    let most = bounds.le.as_ref().or(bounds.lt.as_ref()).and_then(floor);
    match most {
        Some(most) if most < 1000 && field.ty != FieldType::Money => most.saturating_sub(1000),
        _ => 0,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "bounds of test values; saturates")]
fn ceil(number: f64) -> i64 {
    number.ceil() as i64
}

fn simple(ty: &FieldType, bounds: &Bounds, field: &Field) -> Option<String> {
    let floor = least(bounds, field);
    let inside = |wanted: i64| {
        let most = bounds.le.as_ref().or(bounds.lt.as_ref()).and_then(serde_json::Number::as_f64);
        let in_range = |number: i64| {
            #[expect(clippy::cast_precision_loss, reason = "only compared with a bound")]
            most.is_none_or(|most| if bounds.le.is_some() { number as f64 <= most } else { (number as f64) < most })
        };
        if wanted >= floor && in_range(wanted) { wanted } else { floor }
    };
    Some(match ty {
        FieldType::Int => inside(7).to_string(),
        FieldType::Float => fraction(bounds).unwrap_or_else(|| format!("{}.0", inside(7))),
        FieldType::Decimal | FieldType::Money => {
            fraction(bounds).map_or_else(|| format!("\"{}.00\"", inside(12)), |text| format!("\"{text}\""))
        }
        FieldType::String => literal("text"),
        FieldType::Text => literal("a longer text"),
        FieldType::Bool => "True".to_owned(),
        FieldType::Date => "\"2024-05-06\"".to_owned(),
        FieldType::Time => "\"07:08:09\"".to_owned(),
        FieldType::Datetime => "\"2024-05-06T07:08:09Z\"".to_owned(),
        FieldType::Uuid => "\"6f1e7a52-0f0b-4c9e-9d1c-2f6a7b8c9d0e\"".to_owned(),
        FieldType::Email => "\"name@example.com\"".to_owned(),
        FieldType::Url => "\"https://example.com/page\"".to_owned(),
        FieldType::Enum(values) => literal(values.first()?.as_str()),
        FieldType::List(of) => {
            let item = simple(of, &Bounds::default(), &Field::new(field.name.clone(), (**of).clone()))?;
            let count = bounds.min_length.unwrap_or(1).max(1).min(bounds.max_length.unwrap_or(u32::MAX));
            if count == 1 { format!("[{item}]") } else { format!("[{item}] * {count}") }
        }
        FieldType::Dict(of) => {
            let item = simple(of, &Bounds::default(), &Field::new(field.name.clone(), (**of).clone()))?;
            let count = bounds.min_length.unwrap_or(1);
            if count <= 1 {
                format!("{{\"key\": {item}}}")
            } else {
                format!("{{f\"key {{at}}\": {item} for at in range({count})}}")
            }
        }
        FieldType::Ref(_) => return None,
    })
}

/// A number between bounds that leave no room for a whole one.
fn fraction(bounds: &Bounds) -> Option<String> {
    let from = bounds.ge.as_ref().or(bounds.gt.as_ref())?.as_f64()?;
    let to = bounds.le.as_ref().or(bounds.lt.as_ref())?.as_f64()?;
    if from.ceil() < to && from.ceil() > from || to - from > 1.0 {
        return None;
    }
    Some(format!("{:.2}", f64::midpoint(from, to)))
}

/// Bad values of a field as Python expressions; each has to be refused with 422.
pub fn bad(model: &ModelFacts<'_>, field: &Field) -> Vec<String> {
    let bounds = &field.bounds;
    let mut values = match &field.ty {
        FieldType::Int => vec!["\"many\"", "2**63", "1.5"],
        FieldType::Float => vec!["\"many\""],
        FieldType::Decimal => vec!["\"many\"", "\"1.1234567\""],
        FieldType::Money => vec!["\"many\"", "\"1.234\""],
        FieldType::String => vec!["5", "\"two\\nlines\""],
        FieldType::Text => vec!["5", "\"a\\x00b\""],
        FieldType::Bool => vec!["\"perhaps\""],
        FieldType::Date => vec!["\"31.12.2024\"", "\"2024-02-30\""],
        FieldType::Time => vec!["\"25:00\""],
        FieldType::Datetime => vec!["\"tomorrow\"", "\"2024-05-06T07:08:09\""],
        FieldType::Uuid => vec!["\"not-a-uuid\""],
        FieldType::Email => vec!["\"nobody\"", "\"a b@example.com\""],
        FieldType::Url => vec!["\"ftp://example.com\"", "\"javascript:alert(1)\""],
        FieldType::Enum(_) => vec!["\"?\""],
        FieldType::List(_) => vec!["\"text\""],
        FieldType::Dict(_) => vec!["\"text\"", "[]"],
        FieldType::Ref(_) => vec!["\"text\"", "0"],
    }
    .into_iter()
    .map(str::to_owned)
    .collect::<Vec<_>>();
    let exact = matches!(field.ty, FieldType::Decimal | FieldType::Money);
    let quote = |text: String| if exact { literal(&text) } else { text };
    if matches!(field.ty, FieldType::Int | FieldType::Float) || exact {
        let shift = |number: &serde_json::Number, by: i64| {
            number.as_i64().map_or_else(
                || number.as_f64().map(|n| format!("{:.1}", if by < 0 { n.floor() - 1.0 } else { n.ceil() + 1.0 })),
                |n| n.checked_add(by).map(|n| n.to_string()),
            )
        };
        if let Some(value) = bounds.ge.as_ref().and_then(|ge| shift(ge, -1)) {
            values.push(quote(value));
        }
        if let Some(value) = &bounds.gt {
            values.push(quote(value.to_string()));
        }
        if let Some(value) = bounds.le.as_ref().and_then(|le| shift(le, 1)) {
            values.push(quote(value));
        }
        if let Some(value) = &bounds.lt {
            values.push(quote(value.to_string()));
        }
        if field.ty == FieldType::Money && bounds.ge.is_none() && bounds.gt.is_none() {
            values.push("\"-0.01\"".to_owned());
        }
    }
    let longest = bounds.max_length.or((field.ty == FieldType::String).then_some(200));
    if let (Some(longest), FieldType::String | FieldType::Text) = (longest, &field.ty) {
        values.push(format!("\"x\" * {}", longest.saturating_add(1)));
    }
    if matches!(field.ty, FieldType::String | FieldType::Text) && bounds.min_length.unwrap_or(0) > 0 {
        values.push("\"\"".to_owned());
    }
    if model.is_link_key(field) && bounds.pattern.is_none() {
        values.push("\"a/b\"".to_owned());
    }
    if !field.optional && !model.is_link_key(field) {
        values.push("None".to_owned());
    }
    values
}
