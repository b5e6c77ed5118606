//! What a few words name, on their own.

use super::lexicon::{Class, lexicon};
use super::phrases::{Chunk, chunks};
use super::tokens::{Kind, tokenize};

/// What a phrase names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The keys of its words, the same for all their forms; articles left out.
    pub keys: Vec<String>,
    /// The model that the lexicon has for the whole phrase.
    pub model: Option<&'static str>,
    /// More than one of it.
    pub plural: bool,
}

/// What a phrase names.
#[must_use]
pub fn named(phrase: &str) -> Named {
    let tables = lexicon();
    let tokens = tokenize(phrase, &|word| tables.knows(word));
    let whole = chunks(&tokens);
    let of_use = |chunk: &&Chunk| {
        let passed = [Class::Det, Class::Each, Class::All, Class::Many, Class::Entities].map(|class| chunk.is(class));
        chunk.kind == Kind::Word && (chunk.has_noun_sense() || !passed.contains(&true))
    };
    let words: Vec<&Chunk> = whole.iter().filter(of_use).collect();
    let model = match words.as_slice() {
        [only] => only.senses.entity.map(|entry| tables.entity(entry).model),
        _ => None,
    };
    Named {
        keys: words.iter().flat_map(|chunk| chunk.key.split(' ')).map(str::to_owned).collect(),
        model,
        plural: words.last().is_some_and(|chunk| chunk.plural),
    }
}
