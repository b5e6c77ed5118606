//! Reading: statement by statement, item by item, from left to right.
//!
//! The reader keeps what a person would keep in mind: what is being talked about, and whether the next word in
//! the list is a thing, a property or a value. It fills a [`Draft`] and judges nothing; `build` does.

mod listed;
mod relate;

use super::draft::{Draft, Id, Link};
use super::features::{Ability, ability};
use super::lexicon::{Class, Classes, lexicon};
use super::phrases::{Chunk, Item, Joint, NounPhrase, Statement, VERBS, items};
use super::props;
use super::things::{self, Weight};
use super::tokens::Kind;
use crate::domain::spec::RelationKind;

/// What the next word of a list is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Anything.
    Open,
    /// Things of the project.
    Things,
    /// Properties of the owner.
    Props,
    /// Values of a property of the owner.
    Values {
        /// Place of the property.
        at: usize,
    },
}

/// What verb the words before belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    None,
    Make,
    Use,
    Assign,
    Own,
}

/// The reader and what it keeps in mind.
pub(super) struct Reader {
    /// What has been read.
    pub draft: Draft,
    /// What the list is of.
    pub mode: Mode,
    /// Whose properties are read; none for a project without a thing yet.
    pub owner: Option<Id>,
    /// The thing the list of properties named last.
    pub recent: Option<Id>,
    /// Properties go to `recent` now.
    pub sticky: bool,
    /// The thing talked about.
    pub current: Option<Id>,
    /// Inside a list of things after a colon.
    pub top: bool,
    /// The inner list has had its `and`.
    pub closed: bool,
    /// A list that goes on in the lines below.
    pending: Option<(Mode, Option<Id>, bool)>,
    /// The verb of the item before, for `create, edit and delete notes`.
    verb: Verb,
    /// The things of the statement, for `many-to-many between …`.
    seen: Vec<Id>,
}

/// Where one word of an item leads.
struct Walk<'a> {
    chunks: &'a [Chunk],
    at: usize,
    verb: Verb,
    prep: Option<Class>,
    subject: Option<Id>,
    /// A property stood where a subject does.
    prop: Option<NounPhrase>,
    /// The project itself was named.
    project: bool,
    /// `to it`, `к ним` went before.
    to_it: bool,
}

impl Reader {
    pub(super) fn new() -> Self {
        Self {
            draft: Draft::default(),
            mode: Mode::Open,
            owner: None,
            recent: None,
            sticky: false,
            current: None,
            top: false,
            closed: false,
            pending: None,
            verb: Verb::None,
            seen: Vec::new(),
        }
    }

    /// Reads all statements.
    pub(super) fn read(&mut self, statements: &[Statement]) {
        for (at, statement) in statements.iter().enumerate() {
            self.statement(statement, &statements[at + 1..]);
        }
    }

    fn statement(&mut self, statement: &Statement, next: &[Statement]) {
        match self.pending {
            Some((mode, owner, top)) if statement.bullet || (statement.new_line && !statement.after_blank) => {
                (self.mode, self.owner, self.top) = (mode, owner, top);
            }
            _ => {
                self.pending = None;
                self.mode = Mode::Open;
                self.owner = None;
                self.top = false;
            }
        }
        self.closed = false;
        self.recent = None;
        self.sticky = false;
        self.verb = Verb::None;
        self.seen.clear();
        let list = items(&statement.chunks);
        for (at, item) in list.iter().enumerate().take(200) {
            self.item(item, &list[at + 1..], next);
        }
        let ends_in_colon = statement.chunks.last().is_some_and(|chunk| chunk.punct(':') || chunk.punct('-'));
        if ends_in_colon && next.first().is_some_and(|next| next.new_line) {
            self.pending = Some((self.mode, self.owner, self.top || self.mode == Mode::Things));
        }
        if statement.chunks.iter().any(|chunk| chunk.is(Class::M2m)) {
            self.seen.dedup();
            if let [from, to, ..] = self.seen[..] {
                self.draft.link(Link { from, to, kind: RelationKind::ManyToMany, optional: None, name: None, weak: false });
            }
        }
    }

    fn item(&mut self, item: &Item, rest: &[Item], next: &[Statement]) {
        let Some(mut chunks) = without_gaps(&item.chunks) else { return };
        let skip = chunks.iter().take_while(|chunk| is_noise(chunk)).count();
        chunks = &chunks[skip..];
        if chunks.is_empty() {
            if let (Some(owner), Some((_, group))) = (self.current, item.groups.first()) {
                self.group_of_thing(owner, group);
            }
            return;
        }
        if let Mode::Values { at } = self.mode {
            if self.value_item(at, item, chunks) {
                return;
            }
            self.mode = if self.top { Mode::Things } else { Mode::Props };
        }
        if let Some((found, at)) = ability(chunks)
            && self.able(found, at, chunks, item, rest)
        {
            return;
        }
        let plain = !chunks.iter().enumerate().any(|(at, chunk)| is_marker(chunk) || is_verb_at(chunks, at));
        if self.mode == Mode::Props && plain {
            if self.leaves_inner_list(item, chunks) {
                self.mode = Mode::Things;
            } else {
                self.prop_item(item, chunks, false);
                self.closed |= item.joint == Joint::And;
                return;
            }
        }
        self.walk(item, chunks, rest, next);
    }

    /// After `a, b and c` of an inner list, or at a thing that is no property, the outer list goes on.
    fn leaves_inner_list(&self, item: &Item, chunks: &[Chunk]) -> bool {
        if !self.top || item.joint == Joint::Start || self.owner.is_none() {
            return false;
        }
        let np = NounPhrase::read(chunks);
        let Some(head) = np.head() else { return false };
        let both = head.senses.field.is_some() && head.plural && self.is_also_thing(&np, false);
        let thing_only = head.senses.entity.is_some() && (head.senses.field.is_none() || both);
        let parted = self.closed && item.joint == Joint::Comma;
        thing_only && !np.many && (parted || (head.plural && item.joint == Joint::Comma && !chunks.iter().any(|c| c.punct(':'))))
    }

    /// An item that asks for an ability. False when the word is meant otherwise.
    fn able(&mut self, found: Ability, at: usize, chunks: &[Chunk], item: &Item, rest: &[Item]) -> bool {
        let with = chunks[at + 1..].iter().position(|chunk| chunk.is(Class::With) || chunk.is(Class::Have));
        let own_props = with.is_some_and(|with| {
            NounPhrase::read(&chunks[at + 2 + with..]).head().is_some_and(|head| head.senses.field.is_some())
        });
        if own_props || (chunks.get(at + 1).is_some_and(|next| next.punct(':')) && self.top) {
            return false;
        }
        // In a list of properties the word may be one: `notes with title and summary`.
        if self.mode == Mode::Props && chunks.len() == 1 && matches!(chunks[0].lower.as_str(), "summary" | "report" | "отчет") {
            return false;
        }
        let before = &chunks[..at];
        let apart = before.iter().rposition(|chunk| is_marker(chunk) || chunk.is(Class::In) || chunk.is(Class::To));
        let (prefix, near) = before.split_at(apart.map_or(0, |cut| cut + 1));
        if prefix.iter().any(Chunk::has_noun_sense) {
            let cut = prefix.len() - prefix.iter().rev().take_while(|chunk| is_marker(chunk) || chunk.is(Class::To)).count();
            self.walk(item, &prefix[..cut], rest, &[]);
        }
        let mut target = None;
        for part in [near, &chunks[at + 1..]] {
            let mut from = 0;
            while from < part.len() && target.is_none() {
                let np = NounPhrase::read(&part[from..]);
                if !np.is_empty() && np.head().is_some_and(|head| head.senses.entity.is_some()) {
                    target = things::thing(&mut self.draft, &np, Weight { known: 1, unknown: 0 });
                }
                from += np.taken.max(1);
            }
        }
        match found {
            Ability::Export => self.draft.exports.push(target),
            Ability::Summary => self.draft.summaries.push(target.or(self.current)),
            Ability::Notify | Ability::BuiltIn | Ability::Redirect => {}
        }
        // `find recipes by ingredient` says something of recipes even though finding is built in.
        !(found == Ability::BuiltIn && chunks.len() > 1)
    }

    fn walk(&mut self, item: &Item, chunks: &[Chunk], rest: &[Item], next: &[Statement]) {
        let verb = if item.joint == Joint::And && !matches!(self.mode, Mode::Things) { self.verb } else { Verb::None };
        let mut walk = Walk { chunks, at: 0, verb, prep: None, subject: None, prop: None, project: false, to_it: false };
        while walk.at < chunks.len() {
            let chunk = &chunks[walk.at];
            let tail = &chunks[walk.at + 1..];
            if chunk.kind != Kind::Word {
                if chunk.punct(':') || chunk.punct('-') || chunk.punct('=') {
                    self.after_colon(&mut walk, item, rest, next);
                    return;
                }
                walk.at += 1;
            } else if is_verb_at(chunks, walk.at) && !(walk.at == 0 && self.mode == Mode::Props && chunk.has_noun_sense()) {
                self.meet_verb(&mut walk);
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
            } else if let Some(prep) = [Class::For, Class::By, Class::Of, Class::In, Class::To].into_iter().find(|c| chunk.is(*c)) {
                walk.prep = Some(prep);
                walk.at += 1;
            } else if chunk.is(Class::Each) && tail.first().is_some_and(|next| next.is(Class::With) || next.is(Class::Have)) {
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
        let Some(head) = np.head() else { return };
        let person = head.senses.entity.map(|at| lexicon().entity(at)).filter(|entry| entry.is_person());
        let role = person.is_some_and(super::lexicon::EntityEntry::is_role);
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
            && item.joint != Joint::Start
            && walk.verb == Verb::None
            && self.current.is_some();
        if prop_only || (both_as_prop && walk.prep.is_none()) {
            self.meet_prop(walk, np, item);
            return;
        }
        let groups = head.senses.entity.map(|at| lexicon().entity(at)).is_some_and(|e| e.is_classifier() || e.is_shared());
        let by_group = groups && walk.verb != Verb::Use && walk.subject.is_some();
        if walk.prep == Some(Class::By) && (is_period(head) || has_prop) && !by_group {
            self.meet_prop(walk, np, item);
            return;
        }
        if walk.verb == Verb::Assign {
            self.meet_assignee(walk, np, person.is_some());
            return;
        }
        let bare = self.mode == Mode::Open && walk.verb == Verb::None;
        let weight = match (walk.prep, walk.verb) {
            (Some(Class::For), Verb::None | Verb::Use) if person.is_some() => Weight { known: 1, unknown: 0 },
            (Some(Class::For), Verb::None) if np.det && !head.plural && walk.project => Weight { known: 1, unknown: 0 },
            (Some(Class::For), _) => Weight { known: 2, unknown: u32::from(head.plural) },
            (Some(Class::By), _) => Weight { known: 1, unknown: 0 },
            (Some(Class::Of), _) => Weight { known: 2, unknown: u32::from(walk.project) + u32::from(head.plural && walk.project) },
            (Some(_), Verb::Make) => Weight { known: 1, unknown: 0 },
            (Some(_), _) => Weight { known: u32::from(!walk.project), unknown: 0 },
            (None, Verb::Make) if role => Weight { known: 1, unknown: 0 },
            (None, Verb::Make) => Weight { known: 2, unknown: 1 + u32::from(np.det || head.plural) },
            (None, Verb::Own) => Weight { known: 2, unknown: 1 + u32::from(np.det || head.plural) },
            (None, Verb::Use) => Weight { known: 1, unknown: 0 },
            (None, _) if acts && role => Weight { known: 1, unknown: 0 },
            (None, _) if acts => Weight { known: 2, unknown: 0 },
            (None, _) if bare => Weight { known: 2, unknown: 1 },
            (None, _) => Weight { known: 3, unknown: 2 },
        };
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
        match (walk.verb, walk.subject, walk.prep) {
            (Verb::Make | Verb::Assign, _, None) if walk.to_it && self.is_shared(id) => {
                if let Some(current) = self.current.filter(|current| *current != id) {
                    self.link(current, id, RelationKind::ManyToMany, None, false);
                    return;
                }
            }
            (Verb::Use | Verb::Own, Some(subject), None) if np.many && subject != id && !self.is_role(subject) => {
                self.link(id, subject, RelationKind::ManyToOne, Some(true), false);
            }
            (Verb::Own | Verb::Make, Some(subject), None) if subject != id && self.is_person(subject) => {
                self.link(id, subject, RelationKind::ManyToOne, Some(self.is_role(subject)), self.is_role(subject));
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
        let qualifies = matches!(walk.prep, Some(Class::By | Class::For | Class::In)) && walk.subject.is_some();
        if !qualifies {
            walk.subject = Some(id);
        }
        self.seen.push(id);
        if !acts && !qualifies && !(walk.verb == Verb::None && role && self.mode != Mode::Things) {
            self.current = Some(id);
        }
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
                let flag = matches!(prop.ty, Some(crate::domain::spec::FieldType::Bool));
                if known && (flag || walk.prep == Some(Class::By)) && !matches!(prop.name.as_str(), "date" | "name" | "title") {
                    prop.implied = true;
                    prop.name = prop.listed.unwrap_or_default().to_owned();
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
        let of = walk.chunks.get(walk.at + np.taken).filter(|c| c.is(Class::Of)).map(|_| NounPhrase::read(&walk.chunks[walk.at + np.taken + 1..]));
        if let Some(of) = of.filter(|of| of.head().is_some_and(|head| head.senses.entity.is_some())) {
            if let (Some(owner), Some(prop)) = (things::thing(&mut self.draft, &of, Weight { known: 2, unknown: 0 }), props::prop(np)) {
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
        if !opens && walk.prep.is_none() && np.head().is_some_and(|head| !head.surface.is_empty()) {
            let mut owner = walk.subject.or(self.current);
            if let (Some(prop), Some(id), None) = (props::prop(np), owner, companion) {
                let fits = |id: Id| {
                    self.draft.usual(id, &prop.name) || prop.name.rsplit('_').next().is_some_and(|last| self.draft.usual(id, last))
                };
                if !fits(id) {
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

    /// `with`, `has`: properties or parts follow. False when the project was meant, and the item goes on.
    fn meet_with(&mut self, walk: &mut Walk<'_>, item: &Item, have: bool) -> bool {
        let tail = &walk.chunks[walk.at + 1..];
        let np = NounPhrase::read(tail);
        if things::names_project(&np) && np.head().is_some_and(|head| head.senses.entity.is_none() && head.senses.field.is_none()) {
            // `a service with an API: …`: still the project.
            things::project(&mut self.draft, &np);
            walk.project = true;
            walk.at += 1 + np.taken;
            return false;
        }
        let subject = walk.subject.or(if walk.project { self.only_domain_thing() } else { self.current.filter(|_| walk.prop.is_none()) });
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
        self.open_props(subject);
        self.rest_as_prop(item, tail, have);
        true
    }

    /// What follows is a list of properties of that thing.
    pub(super) fn open_props(&mut self, owner: Option<Id>) {
        self.mode = Mode::Props;
        self.owner = owner;
        self.recent = None;
        self.sticky = false;
        self.closed = false;
        if owner.is_some() {
            self.current = owner;
        }
    }

    fn rest_as_prop(&mut self, item: &Item, tail: &[Chunk], have: bool) {
        let skip = tail.iter().take_while(|chunk| is_noise(chunk) && !chunk.is(Class::Many)).count();
        let tail = &tail[skip..];
        if !tail.is_empty() {
            let shift = item.chunks.len() - tail.len();
            let shifted = Item {
                joint: Joint::Start,
                chunks: tail.to_vec(),
                groups: item.groups.iter().map(|(at, group)| (at.saturating_sub(shift), group.clone())).collect(),
            };
            self.prop_item(&shifted, tail, have);
        }
    }

    fn after_colon(&mut self, walk: &mut Walk<'_>, item: &Item, rest: &[Item], next: &[Statement]) {
        let tail = &walk.chunks[walk.at + 1..];
        if walk.prop.is_some() {
            self.begin_values(walk, tail);
            return;
        }
        let (mut as_things, mut as_props) = (0, 0);
        tally(tail, &mut as_things, &mut as_props);
        for item in rest {
            tally(&item.chunks, &mut as_things, &mut as_props);
        }
        if tail.is_empty() {
            for below in next.iter().take_while(|below| below.new_line).take(12) {
                tally(&below.chunks, &mut as_things, &mut as_props);
            }
        }
        match walk.subject {
            Some(id) if as_props > as_things || (as_props == as_things && !walk.project) => {
                let thing = &mut self.draft.things[id];
                thing.score = thing.score.max(2);
                self.open_props(Some(id));
                self.rest_as_prop(item, tail, false);
            }
            subject => {
                let model = if as_props > as_things && subject.is_none() { self.domain_thing() } else { None };
                if model.is_some() {
                    self.open_props(model);
                    self.rest_as_prop(item, tail, false);
                    return;
                }
                self.mode = Mode::Things;
                self.top = true;
                self.current = subject.or(self.current);
                let inner = Item { joint: Joint::Start, chunks: tail.to_vec(), groups: item.groups.clone() };
                self.item(&inner, rest, next);
            }
        }
    }

    /// The one model of a domain that has no other: a to-do list keeps tasks.
    fn only_domain_thing(&mut self) -> Option<Id> {
        let models = self.draft.heads.iter().flat_map(|(np, _)| np.nouns.iter()).filter_map(things::app_of);
        let mut models = models.flat_map(|app| app.models.iter());
        let (only, None) = (models.next()?, models.next()) else { return None };
        Some(self.draft.thing(only, lexicon().model(only), only, 2))
    }

    /// The first model of the domain that the project's name tells.
    fn domain_thing(&mut self) -> Option<Id> {
        let tables = lexicon();
        let model = self.draft.heads.iter().flat_map(|(np, _)| np.nouns.iter()).filter_map(things::app_of).find_map(|app| app.models.first().copied())?;
        Some(self.draft.thing(model, tables.model(model), model, 2))
    }

    /// Properties, or values, in parentheses after a thing.
    fn group_of_thing(&mut self, thing: Id, group: &[Chunk]) {
        let inner = items(group);
        let (mut as_things, mut as_props) = (0, 0);
        for item in &inner {
            tally(&item.chunks, &mut as_things, &mut as_props);
        }
        if as_props == 0 {
            return;
        }
        let kept = (self.mode, self.owner, self.recent, self.sticky, self.closed, self.top, self.current);
        self.open_props(Some(thing));
        self.top = false;
        for (at, item) in inner.iter().enumerate() {
            self.item(item, &inner[at + 1..], &[]);
        }
        (self.mode, self.owner, self.recent, self.sticky, self.closed, self.top, self.current) = kept;
        let thing = &mut self.draft.things[thing];
        thing.score = thing.score.max(2);
    }

    pub(super) fn link(&mut self, from: Id, to: Id, kind: RelationKind, optional: Option<bool>, weak: bool) {
        self.draft.link(Link { from, to, kind, optional: optional.filter(|o| *o), name: None, weak });
    }

    fn entry_is(&self, id: Id, test: impl Fn(&super::lexicon::EntityEntry) -> bool) -> bool {
        self.draft.things[id].entry.is_some_and(|at| test(lexicon().entity(at)))
    }

    pub(super) fn is_person(&self, id: Id) -> bool {
        self.entry_is(id, super::lexicon::EntityEntry::is_person)
    }

    pub(super) fn is_role(&self, id: Id) -> bool {
        self.entry_is(id, super::lexicon::EntityEntry::is_role)
    }

    pub(super) fn is_shared(&self, id: Id) -> bool {
        self.entry_is(id, super::lexicon::EntityEntry::is_shared)
    }

    /// The statement's things in order; `relate` adds those it meets.
    pub(super) fn saw(&mut self, id: Id) {
        self.seen.push(id);
    }
}

impl<'a> Walk<'a> {
    /// The chunks after the current one.
    fn tail(&self) -> &'a [Chunk] {
        &self.chunks[(self.at + 1).min(self.chunks.len())..]
    }
}


/// The chunks up to the first one that asks for something not built; none if nothing of use stands before it.
fn without_gaps(chunks: &[Chunk]) -> Option<&[Chunk]> {
    let Some(at) = chunks.iter().position(|chunk| chunk.senses.gap.is_some() && !chunk.has_noun_sense()) else {
        return Some(chunks);
    };
    let mut kept = &chunks[..at];
    while let Some((last, before)) = kept.split_last() {
        if last.kind == Kind::Word && (is_marker(last) || is_noise(last) || last.is_plain_verb() || last.is(Class::In) || last.is(Class::For) || last.is(Class::By)) {
            kept = before;
        } else {
            break;
        }
    }
    kept.iter().any(Chunk::has_noun_sense).then_some(kept)
}

/// Words that open an item without saying anything.
pub(super) fn is_noise(chunk: &Chunk) -> bool {
    const NOISE: Classes = Classes::of(&[Class::Wish, Class::Conj, Class::Pron, Class::Be, Class::Det, Class::Filler, Class::Modal]);
    chunk.kind == Kind::Word && chunk.is_any(NOISE) && !chunk.has_noun_sense() && !chunk.is(Class::Have) && !chunk.is(Class::With)
        && !chunk.is_any(VERBS)
}

/// Words that relate what stands before them to what follows.
pub(super) fn is_marker(chunk: &Chunk) -> bool {
    const MARKERS: Classes =
        Classes::of(&[Class::With, Class::Have, Class::Belong, Class::Assigned, Class::Enrol, Class::Fields, Class::Entities, Class::AtU]);
    chunk.kind == Kind::Word && chunk.is_any(MARKERS) && !chunk.has_noun_sense()
}

fn tail_has_noun(tail: &[Chunk]) -> bool {
    tail.iter().any(Chunk::is_noun_like)
}

fn is_period(chunk: &Chunk) -> bool {
    matches!(
        chunk.key.as_str(),
        "day" | "week" | "month" | "year" | "hour" | "date" | "period" | "quarter" | "today" | "ден" | "дням" | "дн" | "недел"
            | "месяц" | "год" | "дат" | "период" | "квартал" | "час" | "врем" | "time" | "сутк"
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
        let follows = chunks.get(at + 1).is_some_and(|next| next.is_noun_like() || next.is_light());
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
    let each_acts = owns
        && chunk.plural
        && before.is_some_and(|c| !c.plural && things::acts(c))
        && chunks.get(at + 1).is_some_and(|next| next.is(Class::Det) || next.is(Class::Many));
    let commands = before.is_none_or(|c| c.is_any(VERBS) && !c.has_noun_sense())
        && !chunk.plural
        && chunks.get(at + 1).is_some_and(|next| {
            next.is(Class::Det) || next.is(Class::Each) || next.is(Class::All) || next.is(Class::Pron)
        });
    led || person_acts || each_acts || commands
}

/// Counts whether a list entry looks like a thing or like a property.
fn tally(chunks: &[Chunk], as_things: &mut usize, as_props: &mut usize) {
    let skip = chunks.iter().take_while(|chunk| is_noise(chunk)).count();
    let chunks = &chunks[skip..];
    if chunks.is_empty() {
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
    let typed = chunks[np.taken..].iter().any(|chunk| chunk.is_any(super::phrases::ATTRIBUTES) || chunk.punct(':'));
    match (head.senses.entity.is_some(), head.senses.field.is_some()) {
        (true, false) => *as_things += if np.many { 0 } else { 1 },
        (false, true) => *as_props += 1,
        (true, true) if head.plural && !np.many => *as_things += 1,
        (true, true) => *as_props += 1,
        (false, false) if typed => *as_props += 1,
        (false, false) => {}
    }
}
