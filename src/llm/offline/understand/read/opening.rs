//! Openings: a phrase that names a thing, with what makes it one: `with`, `has`, or a list in parentheses after it.

use super::super::lexicon::{Class, Classes};
use super::super::noun::NounPhrase;
use super::super::phrases::{Chunk, Item, Joint, VERBS, items};
use super::super::qualify;
use super::super::things;
use super::super::tokens::Kind;
use super::Reader;
use super::words::{is_noise, is_verb_at};

/// Verbs that open a sentence though they are nouns too: `track gizmos with …`.
const IMPERATIVES: &[&str] = &["track", "store", "record", "log", "list", "keep", "save", "manage", "register"];

/// How a phrase is followed by what it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opens {
    With,
    Have,
    Group,
}

/// A thing, and where its list begins.
#[derive(Debug)]
pub(super) struct Opening {
    pub how: Opens,
    /// The phrase that names it.
    pub np: NounPhrase,
    /// `visits of pets`, `customer's bikes`: whose it is.
    pub of: Option<NounPhrase>,
    /// `between two teams`: two of those.
    pub pair: bool,
    /// `their bikes`: it belongs to what was named before.
    pub theirs: bool,
    /// Names of the project before it.
    pub projects: Vec<NounPhrase>,
    /// Where the list begins; of a group, where the item goes on.
    pub from: usize,
}

impl Opening {
    /// An opening of that phrase.
    pub(super) fn of(np: NounPhrase, from: usize) -> Self {
        Self { how: Opens::With, np, of: None, pair: false, theirs: false, projects: Vec::new(), from }
    }
}

/// Whether the word names a property and no thing.
pub(super) fn field_only(head: &Chunk) -> bool {
    head.senses.field.is_some() && head.senses.entity.is_none()
}

/// Whether the word can only be a property of something.
pub(super) fn is_plain_field(chunks: &[Chunk]) -> bool {
    let skip = chunks.iter().take_while(|chunk| is_noise(chunk)).count();
    let np = NounPhrase::read(&chunks[skip..]);
    np.head().is_some_and(|head| head.senses.field.is_some() && !(head.senses.entity.is_some() && head.plural))
}

/// `their`: of what was named before.
pub(super) fn is_theirs(chunk: &Chunk) -> bool {
    matches!(chunk.lower.as_str(), "their" | "его" | "ее" | "их")
}

/// `customer's bikes`: the first word is whose they are.
fn take_owner(opening: &mut Opening) {
    let nouns = &mut opening.np.nouns;
    if let Some(at) = nouns.iter().position(|noun| noun.possessive).filter(|at| at + 1 < nouns.len()) {
        let owner = nouns.drain(..=at).collect();
        opening.of = Some(NounPhrase { nouns: owner, ..NounPhrase::default() });
    }
}

impl Reader {
    /// The thing that an item opens a list of, if it does.
    pub(super) fn opening(&self, item: &Item) -> Option<Opening> {
        let chunks = &item.chunks[..];
        let word = |chunk: &Chunk| {
            (chunk.is(Class::With) || chunk.is(Class::Have)) && !chunk.has_noun_sense() && chunk.kind == Kind::Word
        };
        let colon = chunks.iter().position(|c| c.punct(':') || c.punct('=')).unwrap_or(chunks.len());
        let noun = |chunk: &Chunk| chunk.is_noun_like() || self.is_declared(chunk);
        let marked = (1..colon).find(|at| word(&chunks[*at]) && noun(&chunks[*at - 1]));
        let group = item.groups.iter().find(|(at, group)| *at > 0 && *at <= colon && !group.is_empty());
        let group = group.filter(|(at, _)| marked.is_none_or(|marked| *at <= marked));
        let (at, how) = match (group, marked) {
            (Some((at, _)), _) => (*at, Opens::Group),
            (None, Some(at)) if chunks[at].is(Class::Have) => (at, Opens::Have),
            (None, Some(at)) => (at, Opens::With),
            (None, None) => return None,
        };
        let start = self.phrase_start(item, at);
        let np = NounPhrase::read(&chunks[start..at]);
        if np.is_empty() || np.taken < at - start {
            return None;
        }
        let mut opening = Opening::of(np, if how == Opens::Group { at } else { at + 1 });
        (opening.how, opening.theirs) = (how, chunks[start..at].iter().any(is_theirs));
        self.lead(&mut opening, item, start)?;
        take_owner(&mut opening);
        let head = opening.np.head()?;
        let group = group.map(|(_, group)| &group[..]);
        let fits = if how == Opens::Group {
            self.is_described(&opening.np, head, group?)
        } else {
            self.is_subject(&opening.np, head, item, &chunks[opening.from..])
        };
        fits.then_some(opening)
    }

    /// Where the noun phrase that ends at that place begins.
    pub(super) fn phrase_start(&self, item: &Item, end: usize) -> usize {
        let chunks = &item.chunks[..];
        let mut start = end;
        while start > 0 {
            let before = &chunks[start - 1];
            let first = item.joint == Joint::Start
                && chunks[..start - 1].iter().all(is_noise)
                && IMPERATIVES.contains(&before.lower.as_str())
                && start < end;
            let noun = before.is_noun_like() || before.is_light() || (before.kind == Kind::Number && start < end);
            let declared = before.kind == Kind::Word && start == end && self.is_declared(before);
            if !(noun || declared) || first || (start < end && is_verb_at(chunks, start - 1)) {
                break;
            }
            start -= 1;
        }
        start
    }

    /// Reads what stands before the phrase; none when it is more than a wish, a verb or the project's name.
    pub(super) fn lead(&self, opening: &mut Opening, item: &Item, start: usize) -> Option<()> {
        const PASSED: Classes = Classes::of(&[
            Class::Wish,
            Class::To,
            Class::Modal,
            Class::Pron,
            Class::Conj,
            Class::Be,
            Class::Make,
            Class::For,
            Class::AtU,
            Class::Entities,
        ]);
        let chunks = &item.chunks[..start];
        let mut end = chunks.len();
        opening.pair = end > 1 && chunks[end - 1].lower == "between";
        if opening.pair {
            opening.np.nouns.retain(|noun| !matches!(noun.lower.as_str(), "two" | "2"));
        }
        if end > 1 && (chunks[end - 1].is(Class::Of) || opening.pair) {
            // `visits of pets with …`.
            let from = self.phrase_start(item, end - 1);
            let np = NounPhrase::read(&chunks[from..end - 1]);
            let thing = !things::names_project(&np) || np.head().is_some_and(|head| head.plural && head.words == 1);
            if !np.is_empty() && thing && np.taken == end - 1 - from {
                opening.of = Some(std::mem::replace(&mut opening.np, np));
                end = from;
            }
        }
        let mut at = 0;
        while at < end {
            let chunk = &chunks[at];
            if chunk.lower == "there" || is_noise(chunk) || is_verb_at(chunks, at) && !chunk.is(Class::Use) {
                at += 1;
                continue;
            }
            let np = NounPhrase::read(&chunks[at..end]);
            if things::names_project(&np) {
                at += np.taken;
                opening.projects.push(np);
            } else if chunk.kind == Kind::Word
                && ((chunk.is_any(PASSED) && !chunk.has_noun_sense())
                    || chunk.is(Class::Of)
                    || chunk.is_light()
                    || IMPERATIVES.contains(&chunk.lower.as_str()))
            {
                at += 1;
            } else {
                return None;
            }
        }
        Some(())
    }

    /// Whether a phrase before `with` or `has` names a thing.
    fn is_subject(&self, np: &NounPhrase, head: &Chunk, item: &Item, tail: &[Chunk]) -> bool {
        let tail_np = NounPhrase::read(&tail[tail.iter().take_while(|c| is_noise(c) && !c.is(Class::Many)).count()..]);
        if tail.first().is_some_and(|c| c.is(Class::Values)) || tail_np.is_empty() {
            return false;
        }
        if things::names_project(&tail_np)
            && tail_np.head().is_some_and(|head| !head.has_noun_sense() || !head.plural)
            && tail_np.head().is_some_and(|head| head.senses.entity.is_none() && head.senses.field.is_none())
        {
            return false;
        }
        if self.is_declared(head) || np.each || (item.chunks[0].is(Class::AtU) && !field_only(head)) {
            return true;
        }
        if head.is_any(VERBS) && !head.plural && !np.det {
            return false;
        }
        let plural = head.plural && head.words == 1;
        if head.senses.app.is_some()
            && !plural
            && !item.chunks[0].is(Class::AtU)
            && (head.senses.entity.is_none() || things::names_project(np))
        {
            return false;
        }
        let later = item.joint != Joint::Start;
        if field_only(head) {
            return head.plural && tail_np.head().is_some_and(|head| head.senses.value.is_none());
        }
        head.plural
            || (!later && (head.senses.entity.is_some() || np.det))
            || (later && head.senses.entity.is_some() && head.senses.field.is_none())
    }

    /// Whether a list in parentheses is about a thing, and lists its properties.
    fn is_described(&self, np: &NounPhrase, head: &Chunk, group: &[Chunk]) -> bool {
        let inner = items(group);
        let all = inner.iter().all(|item| {
            item.chunks.iter().all(|c| c.senses.value.is_some() || c.kind == Kind::Number)
                || qualify::only_qualifies(&item.chunks)
        });
        let fields = inner.iter().filter(|item| is_plain_field(&item.chunks)).count();
        let named = np.nouns.len() == 1 && (head.plural || fields > 1);
        if all || (things::names_project(np) && !self.is_declared(head) && !named) {
            return false;
        }
        if field_only(head) {
            let is_value = |item: &&Item| item.chunks.iter().all(|c| c.senses.value.is_some());
            return (head.plural || self.is_declared(head))
                && fields > 0
                && fields >= inner.iter().filter(is_value).count();
        }
        let own = head.plural || head.senses.entity.is_some() || self.is_declared(head);
        match (inner.len(), fields) {
            (1, _) => fields == 1 && own,
            (_, 0) => head.plural && inner.iter().all(|item| item.chunks.iter().all(|c| c.senses.value.is_none())),
            (_, _) => own || fields > 1,
        }
    }
}
