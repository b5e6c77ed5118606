//! Relations that verbs and phrases state: `belongs to`, `is assigned to`, `enrol in`, `у автора`.

use super::super::lexicon::{Class, lexicon};
use super::super::noun::NounPhrase;
use super::super::phrases::{Chunk, Item, Joint};
use super::super::things::{self, Weight};
use super::Reader;
use super::walk::Walk;
use super::words::is_noise;
use crate::domain::spec::RelationKind;

impl Reader {
    /// `X belongs to Y`, `X is assigned to Y`, `X enrol in Y`. False when nothing related follows.
    pub(super) fn meet_relation(&mut self, walk: &mut Walk<'_>) -> bool {
        let chunk = &walk.chunks[walk.at];
        let Some(subject) = walk.subject.or(self.current) else { return false };
        let tail = walk.tail();
        let np = NounPhrase::read(tail);
        let names_thing = np.head().is_some_and(|head| {
            head.senses.entity.is_some()
                || self.is_declared(head)
                || (head.senses.field.is_none() && head.senses.app.is_none())
        });
        if chunk.is(Class::Assigned) {
            let to = (!np.is_empty())
                .then(|| things::thing(&mut self.draft, &np, Weight { known: 2, unknown: 2 }))
                .flatten();
            self.raise(subject);
            self.assign(subject, to);
            walk.at += 1 + np.taken;
            return true;
        }
        if np.is_empty() || !names_thing {
            return false;
        }
        let plural_unknown =
            np.head().is_some_and(Chunk::is_unknown) && chunk.is(Class::Enrol) && !np.head().is_some_and(|h| h.plural);
        if plural_unknown {
            return false;
        }
        let object = match np.head().filter(|head| self.is_declared(head)) {
            Some(_) => self.entity(&np),
            None => things::thing(&mut self.draft, &np, Weight { known: 2, unknown: 2 }),
        };
        let Some(object) = object else { return false };
        if object == subject {
            return false;
        }
        self.raise(subject);
        let usually_one = self.entry_is(subject, |entry| {
            let model = self.draft.things[object].model.as_str();
            entry.fields.split(',').any(|field| !field.contains('*') && field.ends_with(&format!(">{model}")))
        });
        let single = np.head().is_some_and(|head| !head.plural) && np.det;
        let many = np.many || (chunk.is(Class::Belong) && self.is_shared(object) && !usually_one && !single);
        let kind = if chunk.is(Class::Enrol) || many { RelationKind::ManyToMany } else { RelationKind::ManyToOne };
        self.link(subject, object, kind, None, false);
        self.relation = Some((subject, kind));
        self.saw(object);
        self.current = Some(subject);
        walk.subject = Some(subject);
        walk.at += 1 + np.taken;
        true
    }

    /// `…, and a doctor` after `belongs to a patient`. False when the item says something else.
    pub(super) fn related_too(&mut self, item: &Item, chunks: &[Chunk]) -> bool {
        let Some((subject, kind)) = self.relation.filter(|_| item.joint == Joint::And) else { return false };
        let np = NounPhrase::read(chunks);
        let thing_only = np.head().is_some_and(|head| head.senses.entity.is_some());
        if !thing_only || np.taken < chunks.len() || !item.groups.is_empty() {
            return false;
        }
        let Some(object) = things::thing(&mut self.draft, &np, Weight { known: 2, unknown: 0 }) else { return false };
        if object != subject {
            self.link(subject, object, kind, None, false);
            self.saw(object);
        }
        self.current = Some(subject);
        true
    }

    /// `у автора много книг`, `у каждого клиента есть имя`, `для каждой книги хранить название`.
    pub(super) fn meet_possessor(&mut self, walk: &mut Walk<'_>, item: &Item) {
        let tail = walk.tail();
        let mut np = NounPhrase::read(tail);
        // `у сделки сумма и этап`: the owner ends with its head.
        let head = np.head_index();
        if let Some(place) = np.nouns.get(head).and_then(|head| tail.iter().position(|chunk| chunk.span == head.span)) {
            np.nouns.truncate(head + 1);
            np.taken = place + 1;
        }
        let whole = walk.chunks;
        if np.is_empty() {
            walk.at += 1;
            return;
        }
        // `у автора много книг`: the quantity ends the first phrase.
        let owner = match np.head().filter(|head| self.is_declared(head)) {
            Some(_) => self.entity(&np),
            None => things::thing(&mut self.draft, &np, Weight { known: 3, unknown: 2 }),
        };
        let Some(owner) = owner else {
            walk.at += 1;
            return;
        };
        let rest = &whole[(walk.at + 1 + np.taken).min(whole.len())..];
        let skip = rest
            .iter()
            .take_while(|chunk| {
                !chunk.is(Class::Many)
                    && (is_noise(chunk)
                        || chunk.is(Class::Have)
                        || chunk.is_plain_verb()
                        || chunk.punct('-')
                        || chunk.punct(':'))
            })
            .count();
        self.open_props(Some(owner));
        let tail = &rest[skip..];
        if !tail.is_empty() {
            let inner = Item { joint: Joint::Start, chunks: tail.to_vec(), groups: item.groups.clone() };
            self.prop_item(&inner, tail, true);
        }
        walk.at = whole.len();
    }

    /// Someone is made responsible for a record.
    pub(super) fn assign(&mut self, from: usize, to: Option<usize>) {
        let to = to.unwrap_or_else(|| self.draft.thing("Employee", lexicon().model("Employee"), "employee", 2));
        if to == from {
            return;
        }
        let thing = &mut self.draft.things[to];
        thing.score = thing.score.max(2);
        self.link(from, to, RelationKind::ManyToOne, Some(true), false);
    }

    /// The object of `assign`: a person gets the current record, a record is what a person gets.
    pub(super) fn meet_assignee(&mut self, walk: &mut Walk<'_>, np: &NounPhrase, person: bool) {
        let Some(id) = things::thing(&mut self.draft, np, Weight { known: 2, unknown: 0 }) else { return };
        if person {
            if let Some(from) = walk.subject.or(self.current).filter(|from| *from != id) {
                self.assign(from, Some(id));
            }
        } else if walk.subject.is_some_and(|subject| self.is_person(subject)) {
            // `managers assign tasks`: the manager acts, the task is what is given.
            walk.subject = Some(id);
            self.current = Some(id);
        } else {
            match walk.subject {
                // `assign tags to notes`.
                Some(what) if what != id => {
                    let kind = if self.is_shared(what) { RelationKind::ManyToMany } else { RelationKind::ManyToOne };
                    self.link(id, what, kind, Some(true), false);
                }
                _ => {
                    walk.subject = Some(id);
                    self.current = Some(id);
                }
            }
        }
    }

    /// A thing that takes part in a relation is kept.
    pub(super) fn raise(&mut self, id: usize) {
        let thing = &mut self.draft.things[id];
        thing.score = thing.score.max(2);
    }
}
