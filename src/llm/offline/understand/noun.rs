//! Noun phrases: which words belong together, and which of them is the head.
//!
//! A Russian phrase begins with its head after its adjectives, an English one ends with it. What the phrase stands
//! for is decided in `things` and `props`.

use super::lexicon::{Class, lexicon};
use super::phrases::{Chunk, VERBS};
use super::tokens::Kind;

/// A noun phrase: its nouns in order, and what qualified them.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct NounPhrase {
    /// The head and its companions, in the order in which they stand.
    pub nouns: Vec<Chunk>,
    /// `many`, `several`, `list of`.
    pub many: bool,
    /// `each`, `every`.
    pub each: bool,
    /// `one`.
    pub one: bool,
    /// An article or a possessive.
    pub det: bool,
    /// How many chunks it took.
    pub taken: usize,
}

impl NounPhrase {
    /// Reads a noun phrase at the start of the chunks.
    pub(super) fn read(chunks: &[Chunk]) -> Self {
        let mut out = Self::default();
        if let [only] = chunks
            && only.senses.field.is_some()
            && only.is(Class::Wish)
        {
            // `make, model`: in a list it is no wish.
            return Self { nouns: vec![only.clone()], taken: 1, ..out };
        }
        for (at, chunk) in chunks.iter().enumerate() {
            if chunk.lower == "that" && !out.nouns.is_empty() {
                break;
            }
            if chunk.is_light() {
                if !out.nouns.is_empty() && (chunk.is(Class::Each) || chunk.is(Class::Many)) {
                    break;
                }
                out.many |= chunk.is(Class::Many);
                out.each |= chunk.is(Class::Each);
                out.one |= chunk.is(Class::One);
                out.det |= chunk.is(Class::Det);
            } else if chunk.is_noun_like() {
                let verb_inside = !out.nouns.is_empty() && chunk.is_any(VERBS) && chunk.senses.entity.is_none();
                if verb_inside && chunk.senses.field.is_none() && chunk.senses.app.is_none() {
                    break;
                }
                out.nouns.push(chunk.clone());
            } else if chunk.kind == Kind::Number && !out.nouns.is_empty() {
                // `top 10 books`: the number says nothing about the noun; at the end it is a limit.
                continue;
            } else if chunk.kind == Kind::Number {
                out.many = true;
            } else {
                break;
            }
            out.taken = at + 1;
        }
        out
    }

    /// Whether it has no noun.
    pub(super) fn is_empty(&self) -> bool {
        self.nouns.is_empty()
    }

    /// The head: the first noun of a Russian phrase, the last of an English one.
    pub(super) fn head_index(&self) -> usize {
        let russian = self.nouns.iter().any(|noun| noun.cyrillic);
        if !russian {
            return self.nouns.len().saturating_sub(1);
        }
        self.nouns.iter().position(|noun| !is_adjective(noun) && !self.is_doing(noun)).unwrap_or(0)
    }

    /// `выполнение поручений`: a verb in the clothes of a noun, before the noun it is about.
    fn is_doing(&self, noun: &Chunk) -> bool {
        let verbal = ["ние", "ния", "нию", "нием"].iter().any(|end| noun.lower.ends_with(end));
        let about = self.nouns.last().is_some_and(|last| last.span != noun.span && last.senses.entity.is_some());
        noun.cyrillic && verbal && about && noun.senses.entity.is_none() && noun.senses.app.is_none() && is_flag(noun)
    }

    /// The head chunk.
    pub(super) fn head(&self) -> Option<&Chunk> {
        self.nouns.get(self.head_index())
    }

    /// The phrase with its head in the singular, where its Russian form may be a genitive.
    pub(super) fn with_singular_head(&self) -> Option<Self> {
        let head = self.head().filter(|head| head.cyrillic && head.plural && head.lower.ends_with(['и', 'ы']))?;
        let mut out = self.clone();
        let at = out.head_index();
        out.nouns[at] = Chunk { plural: false, ..head.clone() };
        Some(out)
    }

    /// The nouns without the head, in order.
    pub(super) fn others(&self) -> impl Iterator<Item = &Chunk> {
        let head = self.head_index();
        self.nouns.iter().enumerate().filter(move |(at, _)| *at != head).map(|(_, noun)| noun)
    }

    /// The words as they were written.
    pub(super) fn surface(&self) -> String {
        self.nouns.iter().map(|noun| noun.surface.as_str()).collect::<Vec<_>>().join(" ")
    }
}

fn is_flag(noun: &Chunk) -> bool {
    noun.senses.field.is_some_and(|at| lexicon().fields[usize::from(at)].ty.starts_with("bool"))
}

/// Whether an unlisted Russian word has the ending of an adjective.
pub(super) fn is_adjective(chunk: &Chunk) -> bool {
    chunk.cyrillic && !chunk.has_noun_sense() && chunk.words == 1 && has_adjective_ending(&chunk.lower)
}

/// Whether a Russian word ends as adjectives do, and not as nouns in `-ние` do.
pub(super) fn has_adjective_ending(word: &str) -> bool {
    const ENDINGS: &[&str] = &[
        "ый", "ий", "ой", "ая", "яя", "ое", "ее", "ые", "ие", "ого", "его", "ому", "ему", "ым", "им", "ых", "их", "ую",
        "юю", "ыми", "ими",
    ];
    const NOUNS: &[&str] = &["ние", "ния", "ний", "тие", "ствие", "ием", "ний"];
    word.chars().count() > 4
        && ENDINGS.iter().any(|end| word.ends_with(end))
        && !NOUNS.iter().any(|end| word.ends_with(end))
}
