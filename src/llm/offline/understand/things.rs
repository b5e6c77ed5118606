//! Things and the project as a whole: what a noun phrase stands for.
//!
//! A head such as `API` or `учёт` names the project, and what stands around it is what the project keeps; any
//! other head names a thing of its own, in the lexicon or not.

use super::draft::{Draft, Id, Link};
use super::lexicon::{AppEntry, lexicon};
use super::noun::{NounPhrase, is_adjective};
use super::own_words;
use super::phrases::Chunk;
use super::stem::{key, lower, nominative};
use crate::domain::inflect::{pascal_case, singular, snake_case};
use crate::domain::names::ModelName;
use crate::domain::spec::RelationKind;

/// The most things a description may name; more is no description.
const MAX_THINGS: usize = 40;

/// How sure a mention makes a thing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weight {
    /// For a word of the lexicon.
    pub known: u32,
    /// For any other word; 0 refuses it.
    pub unknown: u32,
}

/// Organisations, which act as people do.
const ACTORS: &[&str] =
    &["Company", "Restaurant", "Team", "School", "Hotel", "Hospital", "Store", "Club", "Department"];

/// Whether such things act: people, and organisations.
pub(super) fn acts(chunk: &Chunk) -> bool {
    chunk
        .senses
        .entity
        .map(|at| lexicon().entity(at))
        .is_some_and(|entry| entry.is_person() || ACTORS.contains(&entry.model))
}

/// The app a chunk names.
pub(super) fn app_of(chunk: &Chunk) -> Option<&'static AppEntry> {
    chunk.senses.app.map(|at| &lexicon().apps[usize::from(at)])
}

/// Whether the phrase names the project rather than a thing.
pub(super) fn names_project(np: &NounPhrase) -> bool {
    let Some(head) = np.head() else { return false };
    if app_of(head).is_none() {
        return false;
    }
    if head.senses.field.is_some() && head.senses.entity.is_none() && np.nouns.len() == 1 && np.many {
        return false;
    }
    match head.senses.entity {
        None => true,
        Some(_) => !head.plural && !np.each && !np.many,
    }
}

/// The thing a noun phrase names, noted with that weight.
pub(super) fn thing(draft: &mut Draft, np: &NounPhrase, weight: Weight) -> Option<Id> {
    if draft.things.len() >= MAX_THINGS {
        return np.head()?.senses.entity.and_then(|at| draft.find(lexicon().entity(at).model));
    }
    let forced = weight.known >= 3 && np.nouns.len() == 1 && np.head().is_some_and(|head| head.senses.entity.is_some());
    if names_project(np) && !forced {
        return project(draft, np);
    }
    let tables = lexicon();
    let head = np.head()?;
    if let Some(at) = head.senses.entity {
        let entry = tables.entity(at);
        if entry.model == "Item"
            && let Some(own) =
                draft.things.iter().rposition(|thing| thing.model.ends_with("Item") && thing.model.len() > 4)
        {
            // `orders have items; each item has a quantity`: the same items.
            return Some(own);
        }
        let compound = compound_model(np, head);
        let id = match compound {
            Some(model) => draft.thing(&model, Some(at), &np.surface(), weight.known),
            None => draft.thing(entry.model, Some(at), &np.surface(), weight.known),
        };
        note_word(draft, id, head);
        let others: Vec<u16> = np.others().filter_map(|noun| noun.senses.entity).filter(|other| *other != at).collect();
        for other in others {
            let owner = tables.entity(other);
            if let Some(to) = draft.find(owner.model) {
                let (from, to) = if entry.is_classifier() || entry.is_shared() { (to, id) } else { (id, to) };
                let kind = if entry.is_shared() { RelationKind::ManyToMany } else { RelationKind::ManyToOne };
                draft.link(Link { from, to, kind, optional: Some(true), name: None, weak: true });
            }
        }
        return Some(id);
    }
    if head.senses.field.is_some() || weight.unknown == 0 {
        return None;
    }
    let model = unknown_model(np)?;
    // `expense reports … each report`: the same reports.
    let longer = |thing: &super::draft::Thing| thing.model.len() > model.len() && thing.model.ends_with(&model);
    if let Some(known) =
        draft.things.iter().position(longer).filter(|_| np.nouns.len() == 1 && draft.find(&model).is_none())
    {
        draft.things[known].score = draft.things[known].score.max(weight.unknown);
        return Some(known);
    }
    Some(draft.thing(&model, None, &np.surface(), weight.unknown))
}

/// The thing that a phrase names where only a thing can stand, whatever else its words may mean.
pub(super) fn certain(draft: &mut Draft, np: &NounPhrase) -> Option<Id> {
    let head = np.head()?;
    if head.senses.entity.is_some() {
        let plain = NounPhrase { many: np.many || np.nouns.len() > 1, ..np.clone() };
        return thing(draft, &plain, Weight { known: 3, unknown: 3 });
    }
    if draft.things.len() >= MAX_THINGS {
        return None;
    }
    // Another form of a word that named a thing before.
    let known = draft.things.iter().position(|thing| thing.entry.is_none() && key(&lower(&thing.word)) == head.key);
    if let Some(known) = known.filter(|_| head.cyrillic && np.nouns.len() == 1) {
        draft.things[known].score = 3;
        return Some(known);
    }
    let model = named_model(np, head).or_else(|| {
        let alone = NounPhrase { nouns: vec![head.clone()], ..NounPhrase::default() };
        named_model(&alone, head)
    })?;
    Some(draft.thing(&model, None, &np.surface(), 3))
}

/// Notes by which word a listed thing was named; a word that could not name a model counts as the lexicon's.
fn note_word(draft: &mut Draft, id: Id, head: &Chunk) {
    let word = own_words::of(head).unwrap_or_else(|| snake_case(&draft.things[id].model));
    let thing = &mut draft.things[id];
    if !thing.own_words.contains(&word) {
        thing.own_words.push(word);
    }
}

/// A thing that is told apart from another of the same head: `work orders` beside `orders`. Only when the
/// modifier is itself a listed word of English that is no adjective, and the head is a general one.
fn compound_model(np: &NounPhrase, head: &Chunk) -> Option<String> {
    const GENERAL: &[&str] =
        &["Item", "Group", "Card", "Plan", "Place", "Section", "Location", "Room", "Result", "Batch"];
    let entry = lexicon().entity(head.senses.entity?);
    if !GENERAL.contains(&entry.model) || head.words > 1 || np.nouns.len() != 2 || head.cyrillic {
        return None;
    }
    let other = np.others().next()?;
    if other.senses.app.is_some() || other.plural {
        return None;
    }
    let model = format!("{}{}", pascal_case(&other.lower.replace(' ', "_")), entry.model);
    ModelName::parse(&model).ok().map(|_| model)
}

/// The model name of words the lexicon does not list.
fn unknown_model(np: &NounPhrase) -> Option<String> {
    let head = np.head()?;
    let participle = head.lower.ends_with("ed") && !head.lower.ends_with("eed") && head.lower.len() > 4;
    if participle || head.lower.chars().count() < 3 || head.words > 3 || !head.senses.classes.is_empty() {
        return None;
    }
    named_model(np, head)
}

/// The model name of those words.
fn named_model(np: &NounPhrase, head: &Chunk) -> Option<String> {
    let tables = lexicon();
    let words: Vec<String> = if head.cyrillic {
        vec![tables.english(&head.key, &nominative(&head.lower))]
    } else {
        let mut words: Vec<String> = np
            .nouns
            .iter()
            .filter(|noun| noun.span == head.span || (noun.senses.app.is_none() && noun.senses.classes.is_empty()))
            .filter(|noun| !noun.cyrillic)
            .filter(|noun| !english_adjective(noun))
            .map(|noun| noun.lower.replace(' ', "_"))
            .collect();
        if let Some(last) = words.last_mut() {
            *last = singular(last);
        }
        let from = words.len().saturating_sub(3);
        words.split_off(from)
    };
    let mut model = pascal_case(&words.join("_"));
    if ModelName::parse(&model).is_err() && !head.cyrillic {
        // `parking session`: the head alone is taken, with its modifiers it is not.
        let all: Vec<String> = np.nouns.iter().map(|noun| noun.lower.replace(' ', "_")).collect();
        model = pascal_case(&singular(&all.join("_")));
        if ModelName::parse(&model).is_err() {
            model.push_str("Entry");
        }
    }
    (model.len() <= 36 && ModelName::parse(&format!("{model}X")).is_ok()).then_some(model)
}

fn english_adjective(chunk: &Chunk) -> bool {
    const ENDINGS: &[&str] = &["able", "ible", "ful", "less", "ous", "ly", "ish", "ive"];
    chunk.is_unknown() && ENDINGS.iter().any(|end| chunk.lower.ends_with(end) && chunk.lower.len() > end.len() + 3)
}

/// Notes what the project is called, and the thing that its name says it keeps.
pub(super) fn project(draft: &mut Draft, np: &NounPhrase) -> Option<Id> {
    let tables = lexicon();
    let head = np.head()?;
    let app = app_of(head)?;
    if draft.heads.len() < 8 {
        draft.heads.push((np.clone(), head.senses.app));
    }
    let keeps = !app.suffix.is_empty() && !matches!(app.suffix, "api" | "bot") || app.name == "accounting" || np.many;
    let by_head = head.senses.entity.filter(|_| head.plural);
    // A Russian complement follows its head; an English modifier stands closest to it at the end.
    let mut others: Vec<&Chunk> = np.others().collect();
    if !head.cyrillic {
        others.reverse();
    }
    let own_domain = !app.models.is_empty() && app.name != "booking";
    let found = others
        .iter()
        .find(|noun| noun.senses.entity.is_some() && app_of(noun).is_none_or(|a| a.models.is_empty() || noun.plural));
    if let Some(at) = by_head {
        let id = draft.thing(tables.entity(at).model, Some(at), &head.surface, 2);
        note_word(draft, id, head);
        draft.things[id].heading = true;
        return Some(id);
    }
    if let Some(noun) = found.filter(|_| !own_domain) {
        let at = noun.senses.entity?;
        let entry = tables.entity(at);
        // `recipe app` keeps recipes; `company website` and `client portal` are for a company and for clients.
        let whose = entry.is_person() || ACTORS.contains(&entry.model) || app.name == "site";
        let score = if (keeps || noun.plural || !whose) && !entry.is_role() { 2 } else { 1 };
        let fresh = draft.find(entry.model).is_none();
        let id = draft.thing(entry.model, Some(at), &noun.surface, score);
        note_word(draft, id, noun);
        draft.things[id].heading |= fresh;
        return Some(id);
    }
    let unknown = NounPhrase {
        nouns: np.others().filter(|noun| noun.is_unknown() && !is_adjective(noun) && !noun.joined).cloned().collect(),
        ..NounPhrase::default()
    };
    if own_domain || unknown.is_empty() || np.others().any(|noun| noun.senses.field.is_some() || app_of(noun).is_some())
    {
        return None;
    }
    let model = unknown_model(&unknown)?;
    let plural = unknown.nouns.iter().any(|noun| noun.plural);
    let score = match (keeps, plural) {
        (true, true) => 2,
        (true, false) | (false, true) => 1,
        (false, false) => 0,
    };
    if score == 0 {
        return None;
    }
    let fresh = draft.find(&model).is_none();
    let id = draft.thing(&model, None, &unknown.surface(), score);
    draft.things[id].heading |= fresh;
    Some(id)
}
