//! What single words do in an item: noise, markers, verbs, periods.

use std::borrow::Cow;

use super::super::lexicon::{Class, Classes, lexicon};
use super::super::noun::NounPhrase;
use super::super::phrases::{ATTRIBUTES, Chunk, VERBS, items};
use super::super::things;
use super::super::tokens::Kind;

/// The chunks without what asks for something not built. A quality (`mobile`, `real-time`) leaves the rest as it
/// is; anything else takes the rest of its item with it, up to a colon. None if nothing of use is left.
pub(super) fn without_gaps(chunks: &[Chunk]) -> Option<Cow<'_, [Chunk]>> {
    const QUALITIES: &[&str] = &["realtime", "ai", "mobile", "i18n", "multitenant"];
    let Some(at) = chunks.iter().position(|chunk| chunk.senses.gap.is_some() && !chunk.has_noun_sense()) else {
        return Some(Cow::Borrowed(chunks));
    };
    let quality = chunks[at].senses.gap.is_some_and(|gap| QUALITIES.contains(&lexicon().gaps[usize::from(gap)].id));
    let mut before = &chunks[..at];
    while let Some((last, kept)) = before.split_last() {
        let leads = is_marker(last) || is_noise(last) || last.is_plain_verb();
        if last.kind == Kind::Word && (leads || last.is(Class::In) || last.is(Class::For) || last.is(Class::By)) {
            before = kept;
        } else {
            break;
        }
    }
    let colon = chunks[at..].iter().position(|chunk| chunk.punct(':')).map(|colon| at + colon);
    let after = if quality { &chunks[at + 1..] } else { colon.map_or(&chunks[..0], |colon| &chunks[colon..]) };
    let rest = without_gaps(after).map(Cow::into_owned).unwrap_or_default();
    let all: Vec<Chunk> = before.iter().cloned().chain(rest).collect();
    all.iter().any(Chunk::has_noun_sense).then_some(Cow::Owned(all))
}

/// Words that open an item without saying anything.
pub(in super::super) fn is_noise(chunk: &Chunk) -> bool {
    const NOISE: Classes =
        Classes::of(&[Class::Wish, Class::Conj, Class::Pron, Class::Be, Class::Det, Class::Filler, Class::Modal]);
    chunk.kind == Kind::Word
        && chunk.is_any(NOISE)
        && !chunk.has_noun_sense()
        && !chunk.is(Class::Have)
        && !chunk.is(Class::With)
        && !chunk.is_any(VERBS)
}

/// Words that relate what stands before them to what follows.
pub(in super::super) fn is_marker(chunk: &Chunk) -> bool {
    const MARKERS: Classes = Classes::of(&[
        Class::With,
        Class::Have,
        Class::Belong,
        Class::Assigned,
        Class::Enrol,
        Class::Fields,
        Class::Entities,
        Class::AtU,
    ]);
    chunk.kind == Kind::Word && chunk.is_any(MARKERS) && !chunk.has_noun_sense()
}

/// The name of an account, where properties are listed.
pub(super) fn is_login(chunk: &Chunk) -> bool {
    matches!(chunk.lower.as_str(), "login" | "логин")
}

/// Words that open a clause about the noun before them.
pub(super) fn is_relative(chunk: &Chunk) -> bool {
    matches!(
        chunk.lower.as_str(),
        "that" | "which" | "who" | "i" | "we" | "который" | "которая" | "которое" | "которые"
    )
}

pub(super) fn tail_has_noun(tail: &[Chunk]) -> bool {
    tail.iter().any(Chunk::is_noun_like)
}

pub(super) fn is_period(chunk: &Chunk) -> bool {
    matches!(
        chunk.key.as_str(),
        "day"
            | "week"
            | "month"
            | "year"
            | "hour"
            | "date"
            | "period"
            | "quarter"
            | "today"
            | "ден"
            | "дням"
            | "дн"
            | "недел"
            | "месяц"
            | "год"
            | "дат"
            | "период"
            | "квартал"
            | "час"
            | "врем"
            | "time"
            | "сутк"
    ) || matches!(chunk.lower.as_str(), "день" | "дням" | "дней" | "месяцам" | "годам" | "неделям" | "датам")
}

/// Whether the word at that place is used as a verb there.
pub(super) fn is_verb_at(chunks: &[Chunk], at: usize) -> bool {
    let chunk = &chunks[at];
    if chunk.kind != Kind::Word {
        return false;
    }
    let owns = chunk.is(Class::Own);
    if !chunk.is_any(VERBS) && !owns {
        return false;
    }
    let before = chunks[..at].iter().rev().find(|c| !c.is(Class::Filler) && !c.is(Class::Det));
    if owns && !chunk.is_any(VERBS) {
        let person = before.is_some_and(things::acts);
        let follows = chunks.get(at + 1).is_none_or(|next| next.is_noun_like() || next.is_light());
        return person && follows;
    }
    if !chunk.has_noun_sense() {
        // `учёт`, `ведение`: verbal nouns with no other sense still open what they are about.
        return true;
    }
    if chunk.cyrillic {
        return false;
    }
    let led = before.is_some_and(|c| c.is(Class::Modal) || c.is(Class::To) || (c.is(Class::Pron) && c.words == 1));
    let person_acts = owns
        && !chunk.plural
        && before.is_some_and(|c| c.plural && things::acts(c))
        && chunks.get(at + 1).is_some_and(|next| next.is_noun_like() || next.is_light());
    let makes = chunk.is(Class::Make)
        && !chunk.plural
        && before.is_some_and(|c| c.plural && things::acts(c))
        && chunks.get(at + 1).is_some_and(|next| next.plural && next.is_noun_like());
    let each_acts = owns
        && chunk.plural
        && before.is_some_and(|c| !c.plural && things::acts(c))
        && chunks.get(at + 1).is_some_and(|next| next.is(Class::Det) || next.is(Class::Many));
    let commands = before.is_none_or(|c| c.is_any(VERBS) && !c.has_noun_sense())
        && !chunk.plural
        && chunks.get(at + 1).is_some_and(|next| {
            next.is(Class::Det) || next.is(Class::Each) || next.is(Class::All) || next.is(Class::Pron)
        });
    let acts_on_it = before.is_some_and(things::acts) && chunks.get(at + 1).is_some_and(|next| next.is(Class::Pron));
    led || person_acts || makes || each_acts || commands || acts_on_it
}

/// Whether a group in parentheses lists properties of what stands before it, rather than values.
pub(super) fn lists_props(group: &[Chunk]) -> bool {
    let (mut as_things, mut as_props, mut values) = (0, 0, 0);
    for item in items(group) {
        values += usize::from(item.chunks.iter().all(|chunk| chunk.senses.value.is_some()));
        tally(&item.chunks, &mut as_things, &mut as_props);
    }
    as_props > 1 && as_props > as_things && as_props > values
}

/// Counts whether a list entry looks like a thing or like a property.
pub(super) fn tally(chunks: &[Chunk], as_things: &mut usize, as_props: &mut usize) {
    let skip = chunks.iter().take_while(|chunk| is_noise(chunk)).count();
    let chunks = &chunks[skip..];
    if chunks.is_empty() {
        return;
    }
    if chunks.len() == 1 && is_login(&chunks[0]) {
        *as_props += 1;
        return;
    }
    if chunks[0].is_plain_verb() {
        *as_things += 1;
        return;
    }
    if chunks.iter().skip(1).any(|chunk| is_marker(chunk) && !chunk.is(Class::AtU)) {
        // Whatever follows may be what this one has.
        *as_things += 10;
        return;
    }
    let np = NounPhrase::read(chunks);
    let Some(head) = np.head() else { return };
    let typed = chunks[np.taken..].iter().any(|chunk| chunk.is_any(ATTRIBUTES) || chunk.punct(':'));
    match (head.senses.entity.is_some(), head.senses.field.is_some()) {
        (true, false) => *as_things += usize::from(!np.many),
        (true, true) if head.plural && !np.many => *as_things += 1,
        (_, true) => *as_props += 1,
        (false, false) => *as_props += usize::from(typed),
    }
}
