//! Properties: the name, type and limits of a field, from the words that name it.
//!
//! The type comes from what was said (`age int`, `decimal(10,2)`), else from the lexicon by the whole phrase or
//! by its head, else from the shape of the word; what remains is a short text.

use serde_json::{Number, json};

use super::draft::Prop;
use super::lexicon::{Class, FieldEntry, lexicon};
use super::noun::{NounPhrase, is_adjective};
use super::phrases::{Chunk, TYPES};
use super::qualify::unit_type;
use super::stem::{nominative, transliterate};
use crate::domain::inflect::singular;
use crate::domain::names::EnumValue;
use crate::domain::spec::{Bounds, FieldType};

/// The pattern of a telephone number.
pub(super) const PHONE: &str = r"^\+?[0-9][0-9 ()\-]{4,18}$";

/// Reads a type in the notation of the lexicon into a property.
pub(super) fn apply_type(prop: &mut Prop, notation: &str) {
    for (nth, word) in notation.split(' ').enumerate() {
        if nth == 0 {
            prop.ty = Some(base_type(prop, word));
        } else if let Some((flag, value)) = word.split_once('=') {
            let number = value.parse::<i64>().ok().map(Number::from);
            match flag {
                "ge" if value == "neg" => prop.bounds.ge = Some(Number::from(-999_999_999_999_i64)),
                "ge" => prop.bounds.ge = number,
                "gt" => prop.bounds.gt = number,
                "le" => prop.bounds.le = number,
                "max" => prop.bounds.max_length = value.parse().ok(),
                "pattern" => prop.bounds.pattern = Some(PHONE.to_owned()),
                "default" => prop.default = serde_json::from_str(value).ok(),
                _ => {}
            }
        } else if word == "optional" {
            prop.optional = true;
        } else if word == "unique" {
            prop.unique = true;
        }
    }
}

fn base_type(prop: &mut Prop, word: &str) -> FieldType {
    let zero = || Some(Number::from(0));
    match word {
        "int" => FieldType::Int,
        "float" => FieldType::Float,
        "decimal" => FieldType::Decimal,
        "money" => FieldType::Money,
        "text" => FieldType::Text,
        "bool" => FieldType::Bool,
        "date" => FieldType::Date,
        "time" => FieldType::Time,
        "datetime" => FieldType::Datetime,
        "email" => FieldType::Email,
        "url" => FieldType::Url,
        "uuid" => FieldType::Uuid,
        "list" => FieldType::List(Box::new(FieldType::String)),
        "textlist" => FieldType::List(Box::new(FieldType::Text)),
        "percent" => {
            prop.bounds.ge = zero();
            prop.bounds.le = Some(Number::from(100));
            FieldType::Decimal
        }
        "minutes" => {
            prop.bounds.ge = zero();
            FieldType::Int
        }
        "counter" => {
            prop.bounds.ge = zero();
            prop.default = Some(json!(0));
            prop.readonly = true;
            FieldType::Int
        }
        values if values.contains('|') => {
            let default = values.starts_with('=');
            let values: Vec<EnumValue> =
                values.trim_start_matches('=').split('|').filter_map(|value| EnumValue::parse(value).ok()).collect();
            if default {
                prop.default = values.first().map(|value| json!(value.as_str()));
            }
            FieldType::Enum(values)
        }
        _ => FieldType::String,
    }
}

/// The type that a type's name means.
pub(super) fn named_type(chunk: &Chunk) -> Option<FieldType> {
    const NAMES: &[(Class, FieldType)] = &[
        (Class::TypeInt, FieldType::Int),
        (Class::TypeFloat, FieldType::Float),
        (Class::TypeDecimal, FieldType::Decimal),
        (Class::TypeText, FieldType::Text),
        (Class::TypeBool, FieldType::Bool),
        (Class::TypeDatetime, FieldType::Datetime),
        (Class::TypeDate, FieldType::Date),
        (Class::TypeTime, FieldType::Time),
        (Class::TypeMoney, FieldType::Money),
        (Class::TypeEmail, FieldType::Email),
        (Class::TypeUrl, FieldType::Url),
        (Class::TypeUuid, FieldType::Uuid),
        (Class::TypeString, FieldType::String),
    ];
    if chunk.is(Class::TypeList) {
        return Some(FieldType::List(Box::new(FieldType::String)));
    }
    if chunk.is(Class::TypeJson) {
        return Some(FieldType::Dict(Box::new(FieldType::String)));
    }
    NAMES.iter().find(|(class, _)| chunk.is(*class)).map(|(_, ty)| ty.clone())
}

/// The type said by these chunks, as in `list of integers`.
pub(super) fn said_type(chunks: &[Chunk]) -> Option<FieldType> {
    let at = chunks.iter().position(|chunk| chunk.is_any(TYPES) && !chunk.is(Class::TypeEnum))?;
    let ty = named_type(&chunks[at])?;
    if let FieldType::List(_) = ty
        && let Some(of) = chunks[at + 1..].iter().find_map(named_type).filter(|of| !matches!(of, FieldType::List(_)))
    {
        return Some(FieldType::List(Box::new(of)));
    }
    Some(ty)
}

/// Gives a property a type that was said, keeping what is known of the word where the two agree.
pub(super) fn retype(prop: &mut Prop, ty: FieldType) {
    let agree = prop.ty.as_ref() == Some(&ty) || (prop.ty == Some(FieldType::Decimal) && ty == FieldType::Float);
    if !agree {
        let both_text = matches!(prop.ty, None | Some(FieldType::String)) && ty == FieldType::String;
        let both_number = matches!(prop.ty, Some(FieldType::Int | FieldType::Decimal | FieldType::Float))
            && matches!(ty, FieldType::Int | FieldType::Decimal | FieldType::Float);
        if !both_text && !both_number {
            prop.bounds = Bounds::default();
            prop.default = None;
        }
        prop.thing = None;
    }
    prop.ty = Some(ty);
    prop.spoken = true;
}

/// The property that a noun phrase names.
pub(super) fn prop(np: &NounPhrase) -> Option<Prop> {
    let flag = np.nouns.iter().find(|noun| field_entry(noun).is_some_and(|entry| entry.ty.starts_with("bool")));
    let marks = |noun: &Chunk| {
        matches!(noun.key.as_str(), "отметк" | "флаг" | "признак" | "галочк" | "flag" | "mark" | "checkbox")
    };
    if let Some(flag) = flag.filter(|_| np.nouns.len() == 2 && np.nouns.iter().any(marks)) {
        return prop(&NounPhrase { nouns: vec![flag.clone()], ..np.clone() });
    }
    if let Some((unit, named)) = np.nouns.split_last()
        && let Some(ty) = unit_type(unit).filter(|_| !named.is_empty())
        && unit.senses.field.is_none_or(|_| !unit.cyrillic)
    {
        // `weight kg`: the unit says the type, and is no name in Russian.
        let measured = NounPhrase { nouns: named.to_vec(), ..np.clone() };
        let mut out = prop(&measured)?;
        if !unit.cyrillic {
            out.name = format!("{}_{}", out.name, snake(&unit.lower));
        }
        if !matches!(out.ty, Some(FieldType::Int | FieldType::Decimal | FieldType::Float | FieldType::Money)) {
            out.ty = Some(ty);
            out.bounds = Bounds { ge: Some(Number::from(0)), ..Bounds::default() };
            out.default = None;
        }
        return Some(out);
    }
    if let [several, list] = &np.nouns[..]
        && several.plural
        && matches!(list.lower.as_str(), "list" | "lists")
    {
        let mut out = prop(&NounPhrase { nouns: vec![several.clone()], ..np.clone() })?;
        out.ty = Some(FieldType::List(Box::new(FieldType::String)));
        out.bounds = Bounds::default();
        out.default = None;
        return Some(out);
    }
    let head = np.head()?;
    let mut out = Prop { thing: thing_of(np), ..Prop::default() };
    let russian = np.nouns.iter().any(|noun| noun.cyrillic);
    let entry = field_entry(head);
    if let Some(entry) = entry {
        out.listed = Some(entry.name);
        apply_type(&mut out, entry.ty);
    }
    if out.ty == Some(FieldType::Url) && head.plural && head.words == 1 && np.nouns.len() == 1 {
        // `photos`: several of them.
        out.ty = Some(FieldType::List(Box::new(FieldType::Url)));
    }
    out.name = if russian { russian_name(np, entry) } else { english_name(np, entry) };
    if let Some(ident) = np.nouns.first().and_then(|noun| noun.ident.clone())
        && np.nouns[1..].iter().all(|noun| noun.joined)
    {
        out.name = ident;
    }
    if russian {
        out.description = Some(capitalized(&np.surface()));
    }
    if entry.is_none() {
        out.ty = shape(np, &out.name);
        if matches!(out.ty, Some(FieldType::Int)) {
            out.bounds.ge = Some(Number::from(0));
        }
        if matches!(out.ty, Some(FieldType::Bool)) {
            out.default = Some(json!(false));
        }
    } else if np.nouns.len() > 1 {
        out.unique = false;
        if matches!(entry.map(|entry| entry.name), Some("amount")) && np.others().all(Chunk::is_unknown) {
            // `honey amount` is no money.
            out.ty = Some(FieldType::Decimal);
            out.bounds.ge = Some(Number::from(0));
        }
    }
    (!out.name.is_empty()).then_some(out)
}

/// `number of players` → `player_count`.
pub(super) fn count_of(np: &NounPhrase) -> Option<Prop> {
    let head = np.head().filter(|head| !head.cyrillic)?;
    let name = format!("{}_count", singular(&snake(&head.lower)));
    let mut out = Prop { name, ..Prop::default() };
    apply_type(&mut out, "int ge=0");
    Some(out)
}

/// `who booked it`, `кто подписал` → `booked_by`, `signed_by`.
pub(super) fn who_did(chunks: &[Chunk]) -> Option<Prop> {
    const DONE: &[(&str, &str)] = &[
        ("забронировал", "booked_by"),
        ("подписал", "signed_by"),
        ("создал", "created_by"),
        ("выдал", "issued_by"),
        ("принял", "accepted_by"),
        ("заказал", "ordered_by"),
        ("оплатил", "paid_by"),
        ("взял", "taken_by"),
    ];
    let (who, did) = match chunks {
        [who, did] => (who, did),
        [who, did, it] if it.is(Class::Det) || it.is(Class::Pron) => (who, did),
        _ => return None,
    };
    let name = match who.lower.as_str() {
        "who" if did.lower.ends_with("ed") || did.lower == "made" => format!("{}_by", snake(&did.lower)),
        "кто" => DONE.iter().find(|(word, _)| did.lower == *word).map(|(_, name)| (*name).to_owned())?,
        _ => return None,
    };
    let description = who.cyrillic.then(|| format!("Кто {}", did.lower));
    Some(Prop { name, ty: Some(FieldType::String), description, ..Prop::default() })
}

fn thing_of(np: &NounPhrase) -> Option<String> {
    let only = np.nouns.len() == 1 || np.others().all(|noun| is_adjective(noun) || noun.is_unknown());
    let head = np.head().filter(|_| only)?;
    head.senses.entity.map(|at| lexicon().entity(at).model.to_owned())
}

pub(super) fn field_entry(chunk: &Chunk) -> Option<&'static FieldEntry> {
    let tables = lexicon();
    if chunk.lower == "seat" {
        // A seat is named, seats are counted, and the key is one.
        return tables.field("seat");
    }
    if matches!(chunk.lower.as_str(), "room" | "комната" | "комнату" | "комнатой" | "комнате")
    {
        return tables.field("room_name");
    }
    chunk.senses.field.map(|at| &tables.fields[usize::from(at)])
}

/// `Дата доставки` → `delivery_date`.
fn russian_name(np: &NounPhrase, entry: Option<&FieldEntry>) -> String {
    let tables = lexicon();
    let Some(head) = np.head() else { return String::new() };
    let base = if let Some(entry) = entry {
        entry.name.to_owned()
    } else {
        let english = tables.english(&head.key, &nominative(&head.lower));
        if head.cyrillic { english } else { snake(&head.lower) }
    };
    let companions: Vec<String> = np
        .others()
        .filter(|noun| field_entry(noun).is_none_or(|entry| !entry.ty.starts_with("bool")))
        .filter(|noun| !noun.is_plain_verb() && noun.senses.app.is_none_or(|_| noun.senses.entity.is_some()))
        .filter_map(|noun| {
            let listed =
                tables.get(&noun.key).is_some_and(|s| s.gloss.is_some() || s.entity.is_some() || s.field.is_some());
            if noun.cyrillic && !listed && is_adjective(noun) {
                return None;
            }
            Some(if noun.cyrillic { tables.english(&noun.key, &nominative(&noun.lower)) } else { snake(&noun.lower) })
        })
        .take(2)
        .collect();
    let tail = match base.as_str() {
        "quantity" if !companions.is_empty() => "count",
        other => other,
    };
    if companions.is_empty() { base } else { format!("{}_{tail}", companions.join("_")) }
}

/// The person's own word where it makes a good name, else the lexicon's.
fn english_name(np: &NounPhrase, entry: Option<&FieldEntry>) -> String {
    const SHORT: &[&str] = &["age", "sku", "url", "vin", "sex", "fee", "key", "bio", "tax", "ip", "row", "day", "gpa"];
    let words: Vec<String> = np
        .nouns
        .iter()
        .filter(|noun| !noun.is_plain_verb())
        .flat_map(|noun| noun.lower.split(' '))
        .map(snake)
        .filter(|word| !word.is_empty())
        .collect();
    let own = words.join("_");
    let Some(entry) = entry else {
        return if np.many || words.len() > 4 {
            words.iter().rev().take(3).rev().cloned().collect::<Vec<_>>().join("_")
        } else {
            own
        };
    };
    let small = |word: &String| {
        matches!(
            word.as_str(),
            "of" | "in"
                | "to"
                | "the"
                | "and"
                | "or"
                | "s"
                | "e"
                | "how"
                | "when"
                | "from"
                | "by"
                | "if"
                | "who"
                | "whom"
        )
    };
    let abbreviation = words.len() == 1 && own.len() <= 3 && !SHORT.contains(&own.as_str());
    let is_when = matches!(entry.ty.split(' ').next(), Some("date" | "datetime" | "time"));
    let good_when = ["date", "day", "time", "at", "on", "deadline", "birthday", "start", "end"]
        .iter()
        .any(|end| words.last().is_some_and(|last| last.ends_with(end)));
    let counter = entry.ty == "counter";
    if np.nouns.len() == 1
        && (abbreviation
            || counter
            || (words.iter().any(small) && !(is_when && good_when && !words.iter().any(|word| word == "of")))
            || (is_when && !good_when)
            || words.len() > 3)
    {
        return entry.name.to_owned();
    }
    if crate::domain::names::FIELD_RESERVED.contains(&own.as_str()) {
        return entry.name.to_owned();
    }
    let own =
        own.strip_suffix("_flag").filter(|_| entry.ty.starts_with("bool")).map_or_else(|| own.clone(), str::to_owned);
    match own.as_str() {
        "" | "mail" | "telephone" | "phone_number" | "telephone_number" => entry.name.to_owned(),
        _ if np.nouns.len() == 1 && own == singular(entry.name) => entry.name.to_owned(),
        _ => own,
    }
}

fn snake(word: &str) -> String {
    let spaced: String = word.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { ' ' }).collect();
    if word.is_ascii() { spaced.split_whitespace().collect::<Vec<_>>().join("_") } else { transliterate(word) }
}

/// The type that the shape of an unlisted name suggests.
fn shape(np: &NounPhrase, name: &str) -> Option<FieldType> {
    let last = name.rsplit('_').next().unwrap_or_default();
    let first = name.split('_').next().unwrap_or_default();
    let head = np.head()?;
    if matches!(first, "is" | "has" | "was") || matches!(last, "flag") {
        return Some(FieldType::Bool);
    }
    match last {
        "at" if name.contains('_') => Some(FieldType::Datetime),
        "on" if name.contains('_') => Some(FieldType::Date),
        "count" | "number" | "age" if name.contains('_') && last != "number" => Some(FieldType::Int),
        "description" | "text" | "notes" => Some(FieldType::Text),
        "url" | "link" => Some(FieldType::Url),
        "date" => Some(FieldType::Date),
        _ if head.key.starts_with("дат") => Some(FieldType::Date),
        _ => None,
    }
}

/// The text with its first letter in upper case.
pub(super) fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
