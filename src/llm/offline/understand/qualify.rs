//! What stands around a property's name: limits, defaults, units, `optional`, `is`, `at`.

use serde_json::{Number, Value, json};

use super::draft::Prop;
use super::lexicon::Class;
use super::noun::NounPhrase;
use super::phrases::{ATTRIBUTES, Chunk, TYPES};
use super::props::{apply_type, field_entry, prop, retype, said_type};
use super::tokens::Kind;
use crate::domain::spec::{Bounds, FieldType};

/// Reads what stands around a property's name: `optional`, `unique`, `up to 120 chars`, `1-5`, `default 0`, a type.
pub(super) fn qualify(prop: &mut Prop, chunks: &[Chunk]) {
    if let Some(ty) = said_type(chunks) {
        retype(prop, ty);
    }
    let unit = chunks.windows(2).find_map(|pair| unit_type(&pair[1]).filter(|_| pair[0].is(Class::In)));
    if let Some(unit) = unit.filter(|unit| prop.ty == Some(FieldType::Money) && *unit != FieldType::Money) {
        // `amount in grams` is no money.
        prop.ty = Some(unit);
    }
    let number = |at: usize| chunks.get(at).filter(|chunk| chunk.kind == Kind::Number).map(|chunk| chunk.lower.clone());
    for (at, chunk) in chunks.iter().enumerate() {
        let negated = at > 0 && chunks[at - 1].is(Class::Neg);
        if chunk.is(Class::Optional) {
            prop.optional = true;
        } else if chunk.is(Class::Required) {
            prop.required = !negated;
            prop.optional = negated;
        } else if chunk.is(Class::Unique) && !negated {
            prop.unique = true;
            prop.unique_said = true;
        } else if chunk.is(Class::Readonly) {
            prop.readonly = true;
        } else if chunk.is(Class::Default) {
            if let Some(next) = chunks[at + 1..].iter().find(|next| !next.is(Class::Be) && !next.punct('=')) {
                set_default(prop, next);
            }
        } else if chunk.is(Class::UpTo) && number(at + 1).is_some() {
            let lengths = chunks.get(at + 2).is_some_and(|unit| unit.is(Class::Chars));
            set_limit(prop, number(at + 1).as_deref(), lengths, true);
        } else if chunk.is(Class::AtLeast) && number(at + 1).is_some() {
            let lengths = chunks.get(at + 2).is_some_and(|unit| unit.is(Class::Chars));
            set_limit(prop, number(at + 1).as_deref(), lengths, false);
        } else if chunk.kind == Kind::Number {
            let far = chunks.get(at + 1).is_some_and(|to| to.is(Class::To) || to.is(Class::UpTo) || to.punct('-'));
            let near = chunks.get(at + 1).is_some_and(|next| next.kind == Kind::Number && next.joined);
            if far || near {
                set_limit(prop, number(at).as_deref(), false, false);
                set_limit(prop, number(at + 1 + usize::from(far)).as_deref(), false, true);
            } else if chunks.get(at + 1).is_some_and(|unit| unit.is(Class::Chars)) {
                set_limit(prop, number(at).as_deref(), true, true);
            }
        }
    }
}

fn set_limit(prop: &mut Prop, number: Option<&str>, length: bool, most: bool) {
    let Some(number) = number.and_then(|text| text.parse::<i64>().ok()) else { return };
    let numeric = matches!(prop.ty, Some(FieldType::Int | FieldType::Float | FieldType::Decimal | FieldType::Money));
    let ranked = matches!(prop.ty, Some(FieldType::Enum(_)) | None) && !length;
    if numeric || ranked {
        if ranked {
            prop.ty = Some(FieldType::Int);
            prop.default = None;
        }
        let limit = Some(Number::from(number));
        if most {
            prop.bounds.le = limit;
        } else {
            prop.bounds.ge = limit;
        }
    } else if matches!(prop.ty, None | Some(FieldType::String | FieldType::Text))
        && let Ok(number) = u32::try_from(number)
        && (1..=100_000).contains(&number)
    {
        if most {
            prop.bounds.max_length = Some(number);
        } else {
            prop.bounds.min_length = Some(number);
        }
    }
}

fn set_default(prop: &mut Prop, chunk: &Chunk) {
    let word = chunk.lower.as_str();
    prop.default = match &prop.ty {
        Some(FieldType::Bool) => match word {
            "true" | "yes" | "on" | "да" => Some(json!(true)),
            "false" | "no" | "off" | "нет" => Some(json!(false)),
            _ => prop.default.take(),
        },
        Some(FieldType::Int) => word.parse::<i64>().ok().map(Value::from),
        Some(FieldType::Enum(_)) => {
            super::values::choice(std::slice::from_ref(chunk)).map(|choice| json!(choice.value))
        }
        Some(FieldType::String) | None if !chunk.surface.is_empty() => Some(json!(chunk.surface)),
        _ => None,
    };
}

/// Whether chunks only qualify: no name of their own.
pub(super) fn only_qualifies(chunks: &[Chunk]) -> bool {
    !chunks.is_empty()
        && chunks.iter().all(|chunk| {
            chunk.kind == Kind::Number
                || matches!(chunk.kind, Kind::Punct(_))
                || chunk.is_any(ATTRIBUTES)
                || chunk.is_any(TYPES)
                || chunk.is(Class::UpTo)
                || chunk.is(Class::AtLeast)
                || chunk.is(Class::Chars)
                || chunk.is(Class::To)
                || chunk.is(Class::Be)
                || chunk.is(Class::Neg)
                || chunk.is(Class::In)
                || chunk.is(Class::Of)
        })
}

/// `min players`, `max price`: a limit that is a property of its own.
pub(super) fn limit_named(chunks: &[Chunk]) -> Option<Prop> {
    let lead = match chunks.first()?.lower.as_str() {
        "min" | "minimum" | "минимум" | "минимальное" => "min",
        "max" | "maximum" | "максимум" | "максимальное" => "max",
        _ => return None,
    };
    let np = NounPhrase::read(&chunks[1..]);
    let head = np.head().filter(|head| !head.cyrillic && np.taken > 0)?;
    let mut out = prop(&np)?;
    out.name = format!("{lead}_{}", out.name);
    out.thing = None;
    if field_entry(head).is_none() || out.ty.is_none() {
        apply_type(&mut out, "int ge=0");
    }
    qualify(&mut out, &chunks[(1 + np.taken).min(chunks.len())..]);
    Some(out)
}

/// What small words around an unlisted name say of its type: `is used`, `recorded at`, `owned or not`, `in days`.
pub(super) fn shaped_by_words_around(prop: &mut Prop, is: bool, after: &[Chunk]) {
    let next = after.iter().find(|chunk| chunk.kind == Kind::Word && !chunk.is_any(ATTRIBUTES));
    let alone = after.iter().filter(|chunk| chunk.kind == Kind::Word && !chunk.is_any(ATTRIBUTES)).count() == 1;
    let when = next.filter(|chunk| alone && !chunk.joined).map(|chunk| chunk.lower.as_str());
    if let Some(word @ ("at" | "on")) = when {
        prop.name = format!("{}_{word}", prop.name);
        prop.ty = Some(if word == "at" { FieldType::Datetime } else { FieldType::Date });
        prop.bounds = Bounds::default();
        prop.default = None;
    } else if when == Some("by") {
        prop.name = format!("{}_by", prop.name);
        prop.ty = Some(FieldType::String);
        prop.default = None;
    } else if let Some(unit) = next.filter(|chunk| chunk.is(Class::In)).and_then(|_| after.last()).and_then(unit_type)
        && prop.ty.is_none()
    {
        prop.ty = Some(unit);
        prop.bounds.ge = Some(Number::from(0));
    } else if is && prop.ty.is_none() {
        prop.name = format!("is_{}", prop.name);
        prop.ty = Some(FieldType::Bool);
        prop.default = Some(json!(false));
    }
}

/// The type of what is measured in that unit.
pub(super) fn unit_type(chunk: &Chunk) -> Option<FieldType> {
    match chunk.lower.as_str() {
        "days" | "hours" | "minutes" | "seconds" | "weeks" | "months" | "years" | "pieces" | "pcs" | "mins"
        | "secs" | "min" | "sec" | "ms" | "днях" | "часах" | "минутах" | "секундах" | "неделях" | "месяцах"
        | "годах" | "штуках" | "шт" | "мин" | "сек" => Some(FieldType::Int),
        "kg"
        | "g"
        | "grams"
        | "kilograms"
        | "km"
        | "m"
        | "cm"
        | "mm"
        | "meters"
        | "metres"
        | "miles"
        | "feet"
        | "inches"
        | "liters"
        | "litres"
        | "l"
        | "ml"
        | "m2"
        | "hectares"
        | "acres"
        | "tons"
        | "tonnes"
        | "celsius"
        | "degrees"
        | "percent"
        | "kw"
        | "kwh"
        | "volts"
        | "кг"
        | "г"
        | "граммах"
        | "килограммах"
        | "км"
        | "м"
        | "см"
        | "мм"
        | "метрах"
        | "литрах"
        | "л"
        | "мл"
        | "м2"
        | "га"
        | "гектарах"
        | "тоннах"
        | "т"
        | "градусах"
        | "процентах" => Some(FieldType::Decimal),
        "usd" | "eur" | "gbp" | "dollars" | "euros" | "rubles" | "рублях" | "долларах" | "евро" | "руб" => {
            Some(FieldType::Money)
        }
        _ => None,
    }
}
