//! Enumerations: from the words of a person to values that code can use.

use super::lexicon::{Class, lexicon};
use super::noun::has_adjective_ending;
use super::phrases::Chunk;
use super::stem::transliterate;
use super::tokens::Kind;
use crate::domain::names::EnumValue;
use crate::domain::spec::FieldType;

/// One value and, where it was said in Russian, the words for it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Choice {
    /// The value in code.
    pub value: String,
    /// The words it stands for.
    pub label: Option<String>,
}

/// Reads one value from the chunks of an item.
#[must_use]
pub(super) fn choice(chunks: &[Chunk]) -> Option<Choice> {
    let spoken: Vec<&Chunk> = chunks.iter().filter(|chunk| matches!(chunk.kind, Kind::Word | Kind::Number)).collect();
    let leads = |at: usize| {
        let chunk = spoken[at];
        let small = chunk.is(Class::Values) || chunk.is(Class::Be) || chunk.is(Class::Have) || chunk.is(Class::Det);
        // The `A` of `A+` is no article, nor is an `A` alone.
        small && chunk.senses.value.is_none() && spoken.get(at + 1).is_some_and(|next| !next.joined)
    };
    let start = (0..spoken.len()).take_while(|at| leads(*at)).count();
    let words: Vec<&Chunk> = spoken[start..].iter().copied().take_while(|chunk| !chunk.is(Class::Default)).collect();
    if words.is_empty() || words.iter().map(|chunk| chunk.words).sum::<usize>() > 5 {
        return None;
    }
    let lower = words.iter().map(|chunk| chunk.lower.as_str()).collect::<Vec<_>>().join(" ");
    let key = words.iter().map(|chunk| chunk.key.as_str()).collect::<Vec<_>>().join(" ");
    let russian = words.iter().any(|chunk| chunk.cyrillic);
    let tables = lexicon();
    let listed = tables.get(&key).and_then(|senses| senses.value).map(|at| tables.values[usize::from(at)]);
    let value = match listed {
        Some(value) if russian => value.to_owned(),
        _ if russian => english(&words).unwrap_or_else(|| transliterate(&lower)),
        _ => lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()).collect::<Vec<_>>().join("_"),
    };
    let mut value = value;
    value.truncate(40);
    let value = value.trim_matches('_').to_owned();
    EnumValue::parse(&value).ok()?;
    Some(Choice { value, label: russian.then_some(lower) })
}

/// The English word for a value of one listed Russian word: `газ` → `gas`, `квартира` → `apartment`.
fn english(words: &[&Chunk]) -> Option<String> {
    let [word] = words else { return None };
    let tables = lexicon();
    let gloss = word.senses.gloss.map(|at| tables.gloss[usize::from(at)].to_owned());
    gloss.or_else(|| {
        word.senses
            .entity
            .filter(|_| !has_adjective_ending(&word.lower))
            .map(|at| crate::domain::inflect::snake_case(tables.entity(at).model))
    })
}

/// Adds a value to an enumeration type, or makes one of it.
pub(super) fn add(ty: &mut Option<FieldType>, fresh: bool, value: &str) -> bool {
    let Ok(value) = EnumValue::parse(value) else { return false };
    match ty {
        Some(FieldType::Enum(values)) if !fresh => {
            if values.len() >= 30 || values.contains(&value) {
                return false;
            }
            values.push(value);
        }
        _ => *ty = Some(FieldType::Enum(vec![value])),
    }
    true
}
