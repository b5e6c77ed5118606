//! Structure before words: what stands before `with`, `has`, a list in parentheses or a colon is a thing, whatever
//! else the word may mean; what is listed there are its properties.
//!
//! The lexicon is asked only where the structure leaves a choice. Items without such a structure are read as before.

use super::super::draft::Link;
use super::super::lexicon::Class;
use super::super::noun::NounPhrase;
use super::super::phrases::{Chunk, Item, Joint, Statement, items};
use super::super::things;
use super::opening::{Opening, Opens, field_only, is_plain_field, is_theirs};
use super::words::{is_noise, is_verb_at};
use super::{Id, Mode, Reader};
use crate::domain::inflect::snake_case;
use crate::domain::spec::RelationKind;

/// What a colon at the start of a statement follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    Title,
    Thing,
    Unclear,
}

/// Counts the entries of a list that are things and those that are properties.
fn votes<'a>(entries: impl Iterator<Item = &'a [Chunk]>) -> (usize, usize, usize) {
    let (mut as_things, mut as_props, mut all) = (0, 0, 0);
    for chunks in entries {
        let skip = chunks.iter().take_while(|chunk| is_noise(chunk)).count();
        if chunks[..skip].iter().any(|chunk| chunk.is(Class::Conj)) {
            continue;
        }
        let np = NounPhrase::read(&chunks[skip..]);
        let Some(head) = np.head() else { continue };
        all += 1;
        if head.plural && head.senses.field.is_none() {
            as_things += 1;
        } else if !(head.plural && head.senses.entity.is_some()) {
            as_props += 1;
        }
    }
    (as_things, as_props, all)
}

impl Reader {
    /// Notes every word that stands where only a thing can stand.
    pub(super) fn declare(&mut self, statements: &[Statement]) {
        for statement in statements {
            let list = items(&statement.chunks);
            for item in &list {
                let parts = std::iter::once(item.clone()).chain(colon_of(item).map(|at| shifted(item, at + 1)));
                for part in parts {
                    let mut rest = Some(part);
                    while let Some(opening) = rest.as_ref().and_then(|item| self.opening(item)) {
                        self.declared.extend(opening.np.head().map(|head| head.key.clone()));
                        rest = rest.filter(|_| opening.how != Opens::Group).map(|item| shifted(&item, opening.from));
                    }
                }
                if let Some(at) = item.chunks.iter().position(|chunk| chunk.is(Class::Belong)) {
                    let object = NounPhrase::read(&item.chunks[at + 1..]);
                    let subject = NounPhrase::read(&item.chunks[..at]);
                    for np in [object, subject] {
                        self.declared.extend(np.head().filter(|head| !field_only(head)).map(|head| head.key.clone()));
                    }
                }
                if let Some(at) = item.chunks.iter().position(|chunk| chunk.is(Class::Many)) {
                    let np = NounPhrase::read(&item.chunks[at..]);
                    let follows = at > 0 && (item.chunks[at - 1].is(Class::Have) || item.chunks[0].is(Class::AtU));
                    self.declared.extend(np.head().filter(|head| follows && head.plural).map(|head| head.key.clone()));
                }
            }
        }
    }

    /// Whether the text uses that word as a thing.
    pub(super) fn is_declared(&self, head: &Chunk) -> bool {
        self.declared.contains(&head.key)
    }

    /// Reads an item whose structure says what it is. False when it says nothing.
    pub(super) fn structured(&mut self, item: &Item, rest: &[Item], next: &[Statement]) -> bool {
        if matches!(self.mode, Mode::Values { .. }) && self.opening(item).is_none() {
            return false;
        }
        if item.joint == Joint::Start
            && let Some(colon) = colon_of(item)
        {
            return self.at_colon(colon, item, rest, next);
        }
        if let Some(opening) = self.opening(item) {
            return self.open(&opening, item, rest, next);
        }
        let alone = item.joint == Joint::Start && rest.is_empty() && self.semicolon;
        self.goes_on(item, rest, next) || self.bare(item, alone)
    }

    /// A thing without a word about it: after a list that is over, or one that is described elsewhere.
    fn bare(&mut self, item: &Item, alone: bool) -> bool {
        let skip = item.chunks.iter().take_while(|chunk| is_noise(chunk)).count();
        let first = NounPhrase::read(&item.chunks[skip..]);
        let end = item.chunks.len();
        let start = self.phrase_start(item, end);
        let mut opening = Opening::of(NounPhrase::read(&item.chunks[start..]), end);
        let whole = start + opening.np.taken == end
            && item.groups.is_empty()
            && !item.chunks[..start].iter().any(|chunk| chunk.is(Class::AtU))
            && (start <= skip || self.lead(&mut opening, item, start).is_some());
        let np = if whole { &opening.np } else { &first };
        let Some(head) = np.head() else { return false };
        let apart = item.joint == Joint::Comma || (item.joint == Joint::And && self.closed && !self.instrumental);
        let leaves = self.strict && apart && self.leaves(head);
        if leaves {
            self.strict = false;
            (self.mode, self.top, self.owner) = (Mode::Things, true, None);
        }
        let known = self.is_declared(head) && self.mode != Mode::Props;
        let after = alone && head.plural && !field_only(head) && self.draft.things.iter().any(|thing| thing.described);
        let verb = start <= skip && (skip..end).any(|at| is_verb_at(&item.chunks, at) && np.nouns.len() > 1);
        let project = things::names_project(np) && !(head.plural && head.words == 1);
        let listed = self.mode == Mode::Things && project != things::names_project(np);
        let too = self.relation.is_some() && item.joint == Joint::And;
        if !whole || verb || project || too || !(leaves || listed || (!self.strict && (known || after))) {
            return false;
        }
        let before = self.current;
        for np in &opening.projects {
            things::project(&mut self.draft, np);
        }
        let Some(id) = self.entity(np) else { return false };
        self.draft.things[id].listed = true;
        if item.chunks.iter().any(is_theirs)
            && let Some(owner) = before.filter(|owner| *owner != id)
        {
            self.link(id, owner, RelationKind::ManyToOne, None, false);
        }
        (self.mode, self.top, self.owner, self.current) = (Mode::Things, true, None, Some(id));
        self.saw(id);
        true
    }

    /// Whether a word after a comma is no part of the list of properties before it: the list has had its `and`, or
    /// the word is not in the case of the others (`с весом, шлюзы`).
    fn leaves(&self, head: &Chunk) -> bool {
        const WITH: &[&str] = &["ом", "ем", "ой", "ей", "ью", "ами", "ями", "ым", "им", "ии", "ми"];
        let thing = head.senses.entity.is_some() && head.senses.field.is_none();
        let kind = if self.instrumental { !WITH.iter().any(|end| head.lower.ends_with(end)) } else { self.closed };
        kind && !field_only(head) && (head.plural || (thing && self.instrumental))
    }

    /// `workouts belong to members`, `has name and price`: what is said of a thing that was named.
    fn goes_on(&mut self, item: &Item, rest: &[Item], next: &[Statement]) -> bool {
        let chunks = &item.chunks;
        let noise = chunks.iter().take_while(|chunk| is_noise(chunk)).count();
        if let Some(has) = chunks.get(noise).filter(|c| c.is(Class::Have) && !c.has_noun_sense())
            && let Some(id) = self.current
            && item.joint != Joint::Start
            && !has.cyrillic
            && noise + 1 < chunks.len()
        {
            self.open_props(Some(id));
            (self.strict, self.has, self.top, self.instrumental) = (true, true, false, false);
            self.draft.things[id].described = true;
            self.relation = None;
            let tail = shifted(item, noise + 1);
            if !self.structured(&tail, rest, next) {
                self.item(&tail, rest, next);
            }
            return true;
        }
        let Some(at) = chunks.iter().position(|c| c.is(Class::Belong) && !c.has_noun_sense()) else { return false };
        let start = self.phrase_start(item, at);
        let np = NounPhrase::read(&chunks[start..at]);
        let lead = chunks[..start].iter().all(is_noise);
        let sure = np.head().is_some_and(|head| self.is_declared(head) || (head.plural && !field_only(head)));
        if at == 0 || !lead || np.taken < at - start || !sure {
            return false;
        }
        let Some(id) = self.entity(&np) else { return false };
        self.saw(id);
        (self.current, self.owner, self.mode, self.strict) = (Some(id), None, Mode::Open, false);
        self.item(&shifted(item, at), rest, next);
        true
    }

    /// The thing that a phrase names, where only a thing can stand.
    pub(super) fn entity(&mut self, np: &NounPhrase) -> Option<Id> {
        things::certain(&mut self.draft, np)
    }

    fn open(&mut self, opening: &Opening, item: &Item, rest: &[Item], next: &[Statement]) -> bool {
        let outer = self.owner.filter(|_| self.strict && self.has && item.joint == Joint::Start);
        let before = self.current;
        for np in &opening.projects {
            things::project(&mut self.draft, np);
        }
        let Some(id) = self.entity(&in_nominative(&opening.np, item)) else { return false };
        let owner = match &opening.of {
            Some(np) => self.entity(np),
            None if opening.theirs => before,
            None => outer,
        };
        if let Some(owner) = owner.filter(|owner| *owner != id) {
            if opening.pair {
                self.pair(id, owner);
            } else if opening.theirs && self.usually_has(owner, id) {
                // `books, their authors`: a book has an author.
                self.link(owner, id, RelationKind::ManyToOne, None, false);
            } else {
                self.link(id, owner, RelationKind::ManyToOne, None, false);
            }
            self.saw(owner);
        }
        self.saw(id);
        self.open_props(Some(id));
        self.relation = None;
        let all = std::iter::once(&shifted(item, opening.from)).chain(rest).cloned().collect::<Vec<_>>();
        self.things_only = opening.how != Opens::Group && self.lists_things(&all);
        (self.strict, self.has, self.top) = (true, opening.how == Opens::Have, false);
        self.instrumental = opening.how == Opens::With && item.chunks[opening.from - 1].cyrillic;
        self.draft.things[id].described = true;
        if opening.how == Opens::Group {
            let group = item.groups.iter().find(|(at, _)| *at == opening.from);
            let inner = group.map(|(_, group)| items(group)).unwrap_or_default();
            for (at, item) in inner.iter().enumerate() {
                self.item(item, &inner[at + 1..], &[]);
            }
            self.strict = false;
            (self.mode, self.top, self.owner, self.current) = (Mode::Things, true, None, Some(id));
            let tail = &item.chunks[opening.from..];
            if !tail.is_empty() {
                let after = Item { joint: Joint::Comma, chunks: tail.to_vec(), groups: Vec::new() };
                self.item(&after, rest, next);
            }
            return true;
        }
        let tail = shifted(item, opening.from);
        if !self.structured(&tail, rest, next) {
            self.item(&tail, rest, next);
        }
        true
    }

    /// `a chat with rooms and messages`: every entry up to the next list is a thing.
    fn lists_things(&self, all: &[Item]) -> bool {
        let over = |at: &usize| {
            self.opening(&all[*at]).is_some()
                || (*at > 1 && all[*at].joint == Joint::Comma && all[*at - 1].joint == Joint::And)
        };
        let until = (0..all.len()).find(over).unwrap_or(all.len());
        !all[..until].is_empty()
            && all[..until].iter().all(|item| {
                let skip = item.chunks.iter().take_while(|chunk| is_noise(chunk)).count();
                let np = NounPhrase::read(&item.chunks[skip..]);
                np.head().is_some_and(|head| head.plural && head.senses.entity.is_some())
            })
    }

    /// `matches between two teams`: each refers to two of them.
    fn pair(&mut self, from: Id, to: Id) {
        let sides = if self.draft.things[from].model == "Match" { ["home", "away"] } else { ["first", "second"] };
        let end = snake_case(&self.draft.things[to].model);
        for side in sides {
            self.draft.link(Link {
                from,
                to,
                kind: RelationKind::ManyToOne,
                optional: None,
                name: Some(format!("{side}_{end}")),
                weak: false,
            });
        }
    }

    /// `Title: books with …`, `Book: title, author`.
    fn at_colon(&mut self, colon: usize, item: &Item, rest: &[Item], next: &[Statement]) -> bool {
        let start = self.phrase_start(item, colon);
        let tail = shifted(item, colon + 1);
        let mut opening = Opening::of(NounPhrase::read(&item.chunks[start..colon]), colon);
        let whole = start + opening.np.taken == colon
            && !opening.np.is_empty()
            && self.lead(&mut opening, item, start).is_some()
            && opening.of.is_none();
        let np = opening.np;
        let inner = item.groups.iter().all(|(at, _)| *at > colon);
        match self.before_colon(&np, start > 0, whole && inner, &tail, rest, next) {
            Before::Unclear => false,
            Before::Thing => {
                for np in &opening.projects {
                    things::project(&mut self.draft, np);
                }
                let Some(id) = self.entity(&in_nominative(&np, item)) else { return false };
                self.saw(id);
                self.open_props(Some(id));
                (self.strict, self.has, self.top, self.instrumental) = (true, false, false, false);
                self.things_only = false;
                self.draft.things[id].described = true;
                if !tail.chunks.is_empty() && !self.structured(&tail, rest, next) {
                    self.item(&tail, rest, next);
                }
                true
            }
            Before::Title => {
                self.title(&item.chunks[..colon]);
                (self.mode, self.top, self.owner) = (Mode::Things, true, None);
                if !tail.chunks.is_empty() && !self.structured(&tail, rest, next) {
                    self.item(&tail, rest, next);
                }
                true
            }
        }
    }

    fn before_colon(
        &self,
        np: &NounPhrase,
        led: bool,
        whole: bool,
        tail: &Item,
        rest: &[Item],
        next: &[Statement],
    ) -> Before {
        let head = np.head().filter(|_| whole);
        if head.is_some_and(|head| field_only(head) && !head.plural && !self.is_declared(head))
            && !tail.chunks.is_empty()
        {
            return Before::Unclear;
        }
        let below: Vec<Item> = if tail.chunks.is_empty() {
            next.iter().take_while(|below| below.bullet.is_some()).flat_map(|below| items(&below.chunks)).collect()
        } else {
            Vec::new()
        };
        let all: Vec<&Item> =
            std::iter::once(tail).filter(|tail| !tail.chunks.is_empty()).chain(rest).chain(&below).collect();
        let several = below.iter().filter(|item| is_plain_field(&item.chunks)).count() > 1;
        let opens = |item: &&Item| {
            let head = |at: usize| {
                let many = item.chunks[at - 1].plural && several;
                many || !is_plain_field(&item.chunks[..at])
            };
            self.opening(item).is_some() || (item.joint == Joint::Start && colon_of(item).is_some_and(head))
        };
        let first = all.iter().position(opens);
        let plain = &all[..first.unwrap_or(all.len())];
        let (as_things, as_props, counted) = votes(plain.iter().map(|item| &item.chunks[..]));
        let fields = plain.iter().filter(|item| is_plain_field(&item.chunks)).count();
        let names = head.is_some_and(|head| {
            self.is_declared(head)
                || (!(things::names_project(np) && np.nouns.len() > 1)
                    && !(head.senses.app.is_some()
                        && head.senses.entity.is_none()
                        && !(head.plural && head.words == 1))
                    && (head.plural
                        || head.senses.entity.is_some()
                        || (np.nouns.len() == 1 && fields > usize::from(!tail.chunks.is_empty()))))
        });
        if names && as_things == 0 && as_props > 0 && counted > 1 && (!led || as_props == counted) {
            return Before::Thing;
        }
        if first.is_some() && (first == Some(0) || as_props == 0) {
            return Before::Title;
        }
        Before::Unclear
    }

    /// What the whole is called: nothing in it is kept for that alone.
    fn title(&mut self, chunks: &[Chunk]) {
        let known = self.draft.things.len();
        let heads = self.draft.heads.len();
        let item = Item { joint: Joint::Start, chunks: chunks.to_vec(), groups: Vec::new() };
        self.item(&item, &[], &[]);
        for thing in self.draft.things.iter_mut().skip(known) {
            thing.heading = true;
            thing.titled = true;
        }
        let np = NounPhrase::read(&chunks[self.phrase_start(&item, chunks.len())..]);
        let names = np.head().is_some_and(|head| {
            let own = np.nouns.len() > 1 && !head.cyrillic;
            !head.is(Class::Entities) && (own || !self.is_declared(head))
        });
        if self.draft.heads.len() == heads && heads == 0 && names {
            self.draft.heads.push((np, None));
        }
        self.current = None;
    }

    /// `I run a bike shop.`: who speaks, not what is kept.
    pub(super) fn introduces(&mut self, statement: &Statement) -> bool {
        const VERBS: &[&str] = &["run", "own", "have", "am", "manage", "держу", "есть"];
        let chunks = &statement.chunks;
        let whole = NounPhrase::read(chunks);
        let names = things::names_project(&whole) && whole.taken == chunks.len() && statement.bullet.is_none();
        if names && self.draft.things.is_empty() && !self.declared.is_empty() && !self.is_declared(&chunks[0]) {
            self.title(chunks);
            return true;
        }
        let speaks = chunks.first().is_some_and(|c| matches!(c.lower.as_str(), "i" | "we" | "у"));
        let Some(at) = chunks.iter().take(3).position(|c| VERBS.contains(&c.lower.as_str())) else { return false };
        let np = NounPhrase::read(&chunks[at + 1..]);
        let one = np.head().is_some_and(|head| !head.plural);
        if !speaks || !one || at + 1 + np.taken < chunks.len() {
            return false;
        }
        self.title(&chunks[at + 1..]);
        true
    }
}

/// `у шлюза`, `API для вагонеток`: an unlisted word of Russian in the nominative.
fn in_nominative(np: &NounPhrase, item: &Item) -> NounPhrase {
    let genitive = item.chunks.iter().any(|chunk| chunk.is(Class::AtU) || (chunk.is(Class::For) && chunk.cyrillic));
    let mut np = np.clone();
    let at = np.head_index();
    if let Some(head) = np.nouns.get_mut(at).filter(|head| genitive && head.cyrillic && head.is_unknown()) {
        const ENDS: &[(&str, &str)] = &[("ток", "тка"), ("чек", "чка"), ("шек", "шка"), ("ы", "а"), ("а", "")];
        let changed = ENDS.iter().find_map(|(end, other)| Some(format!("{}{other}", head.lower.strip_suffix(end)?)));
        head.lower = changed.unwrap_or_else(|| head.lower.clone());
    }
    np
}

/// The colon that may part a title from the rest.
fn colon_of(item: &Item) -> Option<usize> {
    item.chunks.iter().position(|chunk| chunk.punct(':') || chunk.punct('-')).filter(|at| *at > 0)
}

/// The item from that chunk on.
fn shifted(item: &Item, from: usize) -> Item {
    let groups = item.groups.iter().filter(|(at, _)| *at >= from).map(|(at, group)| (at - from, group.clone()));
    Item { joint: Joint::Start, chunks: item.chunks[from..].to_vec(), groups: groups.collect() }
}
