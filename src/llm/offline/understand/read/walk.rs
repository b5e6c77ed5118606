//! One item from left to right: nouns, verbs, prepositions and the words that relate them.

use super::super::lexicon::{Class, EntityEntry, lexicon};
use super::super::noun::NounPhrase;
use super::super::phrases::{Chunk, Item, Joint, Statement};
use super::super::props;
use super::super::things::{self, Weight};
use super::super::tokens::Kind;
use super::words::{is_marker, is_period, is_relative, is_verb_at, lists_props, tail_has_noun};
use super::{Id, Mode, Reader, Verb};
use crate::domain::spec::{FieldType, RelationKind};

/// Where one word of an item leads.
pub(super) struct Walk<'a> {
    pub chunks: &'a [Chunk],
    pub at: usize,
    pub verb: Verb,
    pub prep: Option<Class>,
    pub subject: Option<Id>,
    /// A property stood where a subject does.
    pub prop: Option<NounPhrase>,
    /// The noun phrase read last.
    pub last: Option<NounPhrase>,
    /// The project itself was named.
    pub project: bool,
    /// `entities`, `models` went before.
    pub entities: bool,
    /// `to it`, `к ним` went before.
    pub to_it: bool,
}

impl<'a> Walk<'a> {
    /// The chunks after the current one.
    pub(super) fn tail(&self) -> &'a [Chunk] {
        &self.chunks[(self.at + 1).min(self.chunks.len())..]
    }
}

impl Reader {
    pub(super) fn walk(&mut self, item: &Item, chunks: &[Chunk], rest: &[Item], next: &[Statement]) {
        let verb = if item.joint == Joint::And && !matches!(self.mode, Mode::Things) { self.verb } else { Verb::None };
        let mut walk = Walk {
            chunks,
            at: 0,
            verb,
            prep: None,
            subject: None,
            prop: None,
            last: None,
            project: false,
            entities: false,
            to_it: false,
        };
        while walk.at < chunks.len() {
            let chunk = &chunks[walk.at];
            let tail = &chunks[walk.at + 1..];
            if chunk.kind != Kind::Word {
                if chunk.punct(':') || chunk.punct('-') || chunk.punct('=') {
                    self.after_colon(&mut walk, item, rest, next);
                    return;
                }
                walk.at += 1;
            } else if is_verb_at(chunks, walk.at)
                && !(walk.at == 0 && self.mode == Mode::Props && chunk.has_noun_sense())
            {
                self.meet_verb(&mut walk);
            } else if walk.at > 0 && chunks[walk.at - 1].kind == Kind::Word && is_relative(chunk) {
                // `cars that come in`: a clause about them, up to what they have.
                let ends = |chunk: &Chunk| is_marker(chunk) || chunk.punct(':') || chunk.punct('-');
                let next = chunks[walk.at + 1..].iter().position(ends);
                walk.at = next.map_or(chunks.len(), |next| walk.at + 1 + next);
            } else if chunk.is(Class::Neg) {
                return;
            } else if chunk.is(Class::Fields) && !chunk.has_noun_sense() {
                self.open_props(walk.subject.or(self.current));
                walk.at += 1;
                let from = walk.at + usize::from(chunks.get(walk.at).is_some_and(|c| c.punct(':')));
                self.rest_as_prop(item, &chunks[from..], false);
                return;
            } else if chunk.is(Class::Entities) && walk.subject.is_none() && (chunk.plural || !chunk.has_noun_sense()) {
                self.mode = Mode::Things;
                self.top = true;
                walk.entities = true;
                walk.at += 1;
            } else if chunk.is(Class::With) || (chunk.is(Class::Have) && !chunk.has_noun_sense()) {
                if chunk.cyrillic && chunk.lower == "с" && !tail_has_noun(tail) {
                    walk.at += 1;
                    continue;
                }
                if self.meet_with(&mut walk, item, chunk.is(Class::Have)) {
                    return;
                }
            } else if chunk.is(Class::Values) && walk.prop.is_some() {
                self.begin_values(&walk, tail);
                return;
            } else if chunk.is(Class::Belong) || chunk.is(Class::Assigned) || chunk.is(Class::Enrol) {
                if !self.meet_relation(&mut walk) {
                    walk.at += 1;
                }
            } else if chunk.is(Class::AtU) && walk.at == 0 {
                self.meet_possessor(&mut walk, item);
                if walk.at >= chunks.len() {
                    return;
                }
            } else if let Some(prep) =
                [Class::For, Class::By, Class::Of, Class::In, Class::To].into_iter().find(|c| chunk.is(*c))
            {
                walk.prep = Some(prep);
                walk.at += 1;
            } else if chunk.is(Class::Each)
                && tail.first().is_some_and(|next| next.is(Class::With) || next.is(Class::Have))
            {
                walk.subject = self.recent.or(self.current);
                walk.at += 1;
            } else {
                let until = (walk.at + 1..chunks.len()).find(|at| is_verb_at(chunks, *at)).unwrap_or(chunks.len());
                let np = NounPhrase::read(&chunks[walk.at..until]);
                if np.is_empty() {
                    if chunk.is(Class::Pron) {
                        walk.to_it = walk.prep.is_some();
                        walk.prep = None;
                    }
                    walk.at += np.taken.max(1);
                } else {
                    self.meet_noun(&mut walk, &np, item);
                    walk.last = Some(np.clone());
                    walk.at += np.taken.max(1);
                }
            }
        }
        self.verb = walk.verb;
        if let Some((_, group)) = item.groups.first()
            && let Some(thing) = walk.subject
        {
            self.group_of_thing(thing, group);
        }
    }

    fn meet_verb(&mut self, walk: &mut Walk<'_>) {
        let chunk = &walk.chunks[walk.at];
        walk.verb = if chunk.is(Class::Assign) {
            Verb::Assign
        } else if chunk.is(Class::Own) && walk.subject.is_some() && !chunk.is(Class::Make) {
            Verb::Own
        } else if chunk.is(Class::Make) {
            Verb::Make
        } else {
            Verb::Use
        };
        walk.prep = None;
        walk.at += 1;
        if walk.verb == Verb::Assign {
            let names_person = walk.chunks[walk.at..]
                .iter()
                .any(|c| c.senses.entity.is_some_and(|at| lexicon().entity(at).is_person()));
            if let (false, Some(from)) = (names_person, self.current) {
                self.assign(from, None);
            }
        }
    }

    /// A noun phrase on the way.
    fn meet_noun(&mut self, walk: &mut Walk<'_>, np: &NounPhrase, item: &Item) {
        // `для клиники`: one clinic, though `клиники` alone would be several.
        let one = walk.prep == Some(Class::For) && walk.project;
        let singular = one.then(|| np.with_singular_head()).flatten();
        let np = singular.as_ref().unwrap_or(np);
        let Some(head) = np.head() else { return };
        let person = head.senses.entity.map(|at| lexicon().entity(at)).filter(|entry| entry.is_person());
        let role = person.is_some_and(EntityEntry::is_role);
        let has_prop = head.senses.field.is_some();
        let acts = walk.verb == Verb::None
            && walk.prep.is_none()
            && person.is_some()
            && walk.chunks[walk.at + np.taken..].iter().take(2).any(|c| c.is(Class::Modal) || c.is(Class::To));
        let prop_only = has_prop && head.senses.entity.is_none() && !things::names_project(np);
        let both_as_prop = has_prop
            && head.senses.entity.is_some()
            && !head.plural
            && !np.many
            && !np.each
            && !item.groups.iter().any(|(_, group)| lists_props(group))
            && !self.is_described_again(head, walk.chunks.get(walk.at + np.taken))
            && !(self.top && np.nouns.len() > 1 && head.cyrillic)
            && item.joint != Joint::Start
            && walk.verb == Verb::None
            && self.current.is_some();
        if prop_only || (both_as_prop && walk.prep.is_none()) {
            self.meet_prop(walk, np, item);
            return;
        }
        let groups =
            head.senses.entity.map(|at| lexicon().entity(at)).is_some_and(|e| e.is_classifier() || e.is_shared());
        let by_group = groups && walk.verb != Verb::Use && walk.subject.is_some();
        if walk.prep == Some(Class::By) && (is_period(head) || has_prop) && !by_group {
            self.meet_prop(walk, np, item);
            return;
        }
        if walk.verb == Verb::Assign {
            self.meet_assignee(walk, np, person.is_some());
            return;
        }
        let weight = self.weight(walk, np, head, acts);
        if role && (acts || walk.prep == Some(Class::For)) && !self.draft.roles.contains(&np.surface()) {
            self.draft.roles.push(np.surface());
        }
        let is_project = things::names_project(np);
        let found = things::thing(&mut self.draft, np, weight);
        walk.project |= is_project;
        let Some(id) = found else { return };
        if self.mode == Mode::Things && !is_project {
            self.draft.things[id].listed = true;
        }
        if self.relate_noun(walk, np, head, id) {
            return;
        }
        let of_subject = walk.prep == Some(Class::Of) && !walk.project;
        if let Some(subject) = walk.subject.filter(|subject| of_subject && *subject != id) {
            self.link(subject, id, RelationKind::ManyToOne, Some(true), true);
        }
        let from = walk.chunks[..walk.at].last().is_some_and(|c| matches!(c.lower.as_str(), "от" | "from"));
        let qualifies = (of_subject || from || matches!(walk.prep, Some(Class::By | Class::For | Class::In)))
            && walk.subject.is_some();
        if !qualifies {
            walk.subject = Some(id);
        }
        self.seen.push(id);
        let only_acts = acts || (walk.verb == Verb::None && role && self.mode != Mode::Things);
        if !only_acts && !qualifies {
            self.current = Some(id);
        }
    }

    /// What several people take part in.
    fn is_joined(&self, id: Id) -> bool {
        const JOINED: &[&str] =
            &["Course", "Event", "Lesson", "Vacancy", "Flight", "Tour", "Talk", "Club", "Group", "Tournament", "Trip"];
        JOINED.contains(&self.draft.things[id].model.as_str())
    }

    /// `…, order: total, date`, `address has street`: a thing that is kept already, and what it has.
    pub(super) fn is_described_again(&self, head: &Chunk, next: Option<&Chunk>) -> bool {
        let kept = || head.senses.entity.and_then(|at| self.draft.find(lexicon().entity(at).model));
        next.is_some_and(|next| next.punct(':') || next.is(Class::Have))
            && kept().is_some_and(|id| self.draft.things[id].score > 1)
    }

    /// How sure the place of a noun phrase makes it a thing.
    fn weight(&self, walk: &Walk<'_>, np: &NounPhrase, head: &Chunk, acts: bool) -> Weight {
        let entry = head.senses.entity.map(|at| lexicon().entity(at));
        let person = entry.is_some_and(EntityEntry::is_person);
        let role = entry.is_some_and(EntityEntry::is_role);
        let audience = person && matches!(walk.verb, Verb::None | Verb::Use);
        let place = !head.plural && walk.project && walk.verb == Verb::None;
        let kept = 1 + u32::from(np.det || head.plural);
        let (known, unknown) = match (walk.prep, walk.verb) {
            (Some(Class::For), _) if audience || place => (1, 0),
            (Some(Class::For), _) => (2, u32::from(head.plural)),
            (Some(Class::Of), _) => (2, u32::from(walk.project) * (1 + u32::from(head.plural))),
            (Some(Class::By), _) | (Some(_), Verb::Make) | (None, Verb::Use) => (1, 0),
            (Some(_), _) => (u32::from(!walk.project), 0),
            (None, Verb::Make) if role => (1, 0),
            (None, Verb::Make) => (2, kept),
            (None, Verb::Own) => (3, kept),
            (None, _) if acts => (2 - u32::from(role), 0),
            (None, _) if self.mode == Mode::Open && walk.verb == Verb::None => (2, 1),
            (None, _) => (3, 2),
        };
        Weight { known, unknown: if self.asks { 0 } else { unknown } }
    }

    /// Relates a thing to what stood before it. True when that is all it was there for.
    fn relate_noun(&mut self, walk: &Walk<'_>, np: &NounPhrase, head: &Chunk, id: Id) -> bool {
        match (walk.verb, walk.subject, walk.prep) {
            (Verb::Make | Verb::Assign, _, None) if walk.to_it && self.is_shared(id) => {
                if let Some(current) = self.current.filter(|current| *current != id) {
                    self.link(current, id, RelationKind::ManyToMany, None, false);
                    return true;
                }
            }
            (_, Some(subject), None | Some(Class::To | Class::For))
                if np.many && walk.verb != Verb::None && self.is_person(subject) && self.is_joined(id) =>
            {
                // `members can book many classes`: and a class has many members.
                self.link(subject, id, RelationKind::ManyToMany, None, false);
            }
            (Verb::Use | Verb::Own, Some(subject), None) if np.many && subject != id && !self.is_role(subject) => {
                self.link(id, subject, RelationKind::ManyToOne, Some(true), false);
            }
            (Verb::Own, Some(subject), None)
                if subject != id && walk.chunks[..walk.at].last().is_some_and(|verb| verb.lower == "form") =>
            {
                // `participants form teams`: each is in one.
                self.raise(subject);
                self.link(subject, id, RelationKind::ManyToOne, Some(true), false);
            }
            (Verb::Own | Verb::Make, Some(subject), None) if subject != id && self.is_person(subject) => {
                let event = self.entry_is(id, EntityEntry::is_dated);
                let role = self.is_role(subject);
                self.link(id, subject, RelationKind::ManyToOne, Some(role || !event), role);
            }
            (_, Some(subject), Some(Class::By)) if subject != id => {
                let shared = self.is_shared(id);
                let kind = if shared { RelationKind::ManyToMany } else { RelationKind::ManyToOne };
                let weak = walk.verb == Verb::Use;
                self.link(subject, id, kind, Some(true), weak);
                if !weak && self.draft.things[id].entry.is_some_and(|at| lexicon().entity(at).is_classifier()) {
                    self.draft.things[id].score = 2;
                }
            }
            _ => {}
        }
        let part = walk.subject.filter(|subject| *subject != id && self.entry_is(*subject, EntityEntry::is_part));
        if let (Some(part), Some(Class::In | Class::For | Class::To)) = (part, walk.prep)
            && !things::acts(head)
        {
            // `comments on ideas`.
            self.draft.things[id].score = self.draft.things[id].score.max(2);
            self.link(part, id, RelationKind::ManyToOne, None, false);
        }
        let from_someone = walk.prep == Some(Class::In)
            && walk.chunks[..walk.at]
                .iter()
                .rev()
                .find(|c| !c.is_light())
                .is_some_and(|c| matches!(c.lower.as_str(), "from" | "от"));
        if let Some(subject) = walk.subject.filter(|subject| from_someone && *subject != id && things::acts(head)) {
            self.draft.things[id].score = 2;
            self.link(subject, id, RelationKind::ManyToOne, Some(true), self.is_role(id));
        }
        false
    }

    /// A property where a thing could stand: `status`, or `by title` after a verb.
    fn meet_prop(&mut self, walk: &mut Walk<'_>, np: &NounPhrase, item: &Item) {
        let Some(head) = np.head() else { return };
        let used = walk.verb == Verb::Use || walk.prep == Some(Class::By);
        if is_period(head) && walk.prep.is_some() {
            return;
        }
        if used {
            let owner = walk.subject.or(self.current);
            if let (Some(mut prop), Some(owner)) = (props::prop(np), owner) {
                let known = prop.listed.is_some() && prop.thing.is_none();
                let flag = matches!(prop.ty, Some(FieldType::Bool));
                if known
                    && (flag || walk.prep == Some(Class::By))
                    && !matches!(prop.name.as_str(), "date" | "name" | "title")
                {
                    prop.implied = true;
                    prop.listed.unwrap_or_default().clone_into(&mut prop.name);
                    prop.optional |= !flag;
                    self.draft.prop(Some(owner), prop);
                }
            }
            return;
        }
        let followed = walk.chunks[walk.at + np.taken..].first();
        let opens = followed.is_some_and(|c| {
            c.punct(':') || c.punct('-') || c.punct('=') || c.is(Class::Values) || c.is(Class::Have) || c.is(Class::Be)
        });
        // `status of the order`, `статус заказа`: said of another thing.
        let of = walk
            .chunks
            .get(walk.at + np.taken)
            .filter(|c| c.is(Class::Of))
            .map(|_| NounPhrase::read(&walk.chunks[walk.at + np.taken + 1..]));
        if let Some(of) = of.filter(|of| of.head().is_some_and(|head| head.senses.entity.is_some())) {
            if let (Some(owner), Some(prop)) =
                (things::thing(&mut self.draft, &of, Weight { known: 2, unknown: 0 }), props::prop(np))
            {
                self.draft.prop(Some(owner), prop);
            }
            walk.at += np.taken + 1 + of.taken;
            return;
        }
        let companion = np
            .others()
            .filter_map(|noun| noun.senses.entity)
            .find_map(|at| self.draft.find(lexicon().entity(at).model))
            .filter(|_| self.mode != Mode::Props);
        if let Some(owner) = companion {
            walk.subject = Some(owner);
            self.current = Some(owner);
        }
        let own = np.head().cloned().map(|head| NounPhrase { nouns: vec![head], ..np.clone() });
        let np = own.as_ref().filter(|_| companion.is_some()).unwrap_or(np);
        walk.prop = Some(np.clone());
        let on_date = walk.prep == Some(Class::In)
            && walk.subject.is_some()
            && walk.chunks[..walk.at].last().is_some_and(|c| c.lower == "на");
        if !opens && (walk.prep.is_none() || on_date) && np.head().is_some_and(|head| !head.surface.is_empty()) {
            let mut owner = walk.subject.or(self.current);
            if walk.verb == Verb::Make
                && let Some(person) = owner.filter(|id| self.is_person(*id))
            {
                if let Some(record) = props::prop(np).and_then(|prop| self.record_of(person, &prop.name)) {
                    // `employees log hours on projects`: a record of who, how many and on what.
                    let on = NounPhrase::read(&walk.chunks[(walk.at + np.taken + 1).min(walk.chunks.len())..]);
                    let on = on.head().filter(|head| head.plural && head.senses.entity.is_some()).map(|_| on.clone());
                    if let Some(what) = on.and_then(|on| self.entity(&on)) {
                        self.link(record, what, RelationKind::ManyToOne, None, false);
                    }
                    walk.at = walk.chunks.len();
                    return;
                }
                owner = None;
            }
            if let (Some(prop), Some(id), None) = (props::prop(np), owner, companion) {
                let fits = |id: Id| {
                    self.draft.usual(id, &prop.name)
                        || prop.name.rsplit('_').next().is_some_and(|last| self.draft.usual(id, last))
                };
                if !fits(id) && self.entry_is(id, EntityEntry::is_classifier) {
                    let main = self.draft.things.iter().position(|thing| {
                        thing.score > 1 && thing.entry.is_some_and(|at| !lexicon().entity(at).is_classifier())
                    });
                    owner = main.or(owner);
                } else if !fits(id) {
                    owner = self.seen.iter().rev().copied().find(|seen| fits(*seen)).or(owner);
                }
            }
            let mode = self.mode;
            let kept = self.owner;
            self.owner = owner;
            self.prop_item(item, &walk.chunks[walk.at..], false);
            if !matches!(self.mode, Mode::Values { .. }) {
                self.mode = mode;
                self.owner = kept;
            }
            walk.at = walk.chunks.len();
        }
    }

    /// The kind of record that holds such a number of such people, kept from now on.
    fn record_of(&mut self, person: Id, field: &str) -> Option<Id> {
        let tables = lexicon();
        let whose = format!(">{}", self.draft.things[person].model);
        let at = tables.entities.iter().position(|entry| {
            let numbers = entry.fields.split(',').map(str::trim).any(|usual| {
                usual.split_once(':').is_some_and(|(name, ty)| name == field && ty.starts_with("decimal"))
            });
            entry.is_dated() && numbers && entry.fields.split(',').any(|usual| usual.ends_with(&whose))
        })?;
        let model = tables.entities[at].model;
        let id = self.draft.thing(model, tables.model(model), model, 3);
        self.draft.things[id].listed = true;
        self.draft.things[person].score = 3;
        self.link(id, person, RelationKind::ManyToOne, None, false);
        Some(id)
    }

    /// `with`, `has`: properties or parts follow. False when the project was meant, and the item goes on.
    fn meet_with(&mut self, walk: &mut Walk<'_>, item: &Item, have: bool) -> bool {
        let tail = &walk.chunks[walk.at + 1..];
        let np = NounPhrase::read(tail);
        if things::names_project(&np)
            && np.head().is_some_and(|head| head.senses.entity.is_none() && head.senses.field.is_none())
        {
            // `a service with an API: …`: still the project.
            things::project(&mut self.draft, &np);
            walk.project = true;
            walk.at += 1 + np.taken;
            return false;
        }
        let subject = walk.subject.or(if walk.project {
            self.only_domain_thing()
        } else {
            self.current.filter(|_| walk.prop.is_none())
        });
        if walk.prop.is_some() && walk.subject.is_none() {
            if have {
                self.begin_values(walk, tail);
                return true;
            }
            // `note with text`: the word in front is a thing after all.
            if let Some(np) = walk.prop.clone() {
                let known = np.head().and_then(|head| head.senses.entity).is_some();
                let id = known.then(|| things::thing(&mut self.draft, &np, Weight { known: 2, unknown: 0 })).flatten();
                self.open_props(id.or(self.current));
                self.rest_as_prop(item, tail, false);
                return true;
            }
        }
        if let Some(id) = subject
            && (have || walk.subject.is_some())
            && !walk.project
            && matches!(walk.verb, Verb::None | Verb::Make | Verb::Own)
        {
            let plain_role = self.is_role(id) && !tail_has_noun(tail);
            let unknown_pair = self.draft.things[id].entry.is_none() && !tail.iter().any(Chunk::has_noun_sense);
            if !plain_role && !unknown_pair {
                let thing = &mut self.draft.things[id];
                thing.score = thing.score.max(if thing.entry.is_none() { 2 } else { 3 });
            }
        }
        let colon = tail.iter().position(|chunk| chunk.punct(':'));
        let thing_only = np.head().is_some_and(|head| head.senses.entity.is_some() && head.senses.field.is_none());
        self.open_props(subject);
        if let (Some(colon), Some(_), true) = (colon, subject, thing_only) {
            // `deals with property: object, price`: the colon is about the deals.
            self.rest_as_prop(item, &tail[..colon], have);
            walk.subject = subject;
            walk.at += 1 + colon;
            return false;
        }
        self.rest_as_prop(item, tail, have);
        true
    }
}
