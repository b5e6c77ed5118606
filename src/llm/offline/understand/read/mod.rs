//! Reading: statement by statement, item by item, from left to right.
//!
//! The reader keeps what a person would keep in mind: what is being talked about, and whether the next word in
//! the list is a thing, a property or a value. It fills a [`Draft`] and judges nothing; `build` does.

mod listed;
mod lists;
mod opening;
mod relate;
mod structure;
mod valued;
mod walk;
pub(super) mod words;

use std::collections::HashSet;

use super::draft::{Draft, Id, Link, Prop};
use super::features::{Ability, ability};
use super::lexicon::{Class, EntityEntry, lexicon};
use super::noun::NounPhrase;
use super::phrases::{Chunk, Item, Joint, Statement, items};
use super::props;
use super::things::{self, Weight};
use crate::domain::spec::{FieldType, RelationKind};
use words::{is_login, is_marker, is_noise, is_verb_at, lists_props, tally, without_gaps};

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
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
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
    /// The structure says that it is one of properties.
    pending_strict: bool,
    /// How far the last thing of a list with bullets stood from the start of its line.
    indent: Option<usize>,
    /// The verb of the item before, for `create, edit and delete notes`.
    verb: Verb,
    /// The list of values is written with slashes.
    slash: bool,
    /// The item asks (`who booked`, `кто забронировал`): its unknown words are no things.
    asks: bool,
    /// `is` or `was` opens the item: `is vegan`.
    pub led_by_is: bool,
    /// A row of sentences of one property each: `Name. Phone. Birthday.`.
    row: bool,
    /// `X belongs to Y`: what the item before related, for `and Z`.
    relation: Option<(Id, RelationKind)>,
    /// The things of the statement, for `many-to-many between …`.
    seen: Vec<Id>,
    /// The structure says that properties are listed.
    pub strict: bool,
    /// They follow `has`.
    pub has: bool,
    /// They are in the Russian case that follows `с`.
    pub instrumental: bool,
    /// They are all things themselves.
    pub things_only: bool,
    /// The statement follows a semicolon.
    semicolon: bool,
    /// The keys of words that stand where only a thing can stand.
    declared: HashSet<String>,
}

/// Whether a statement is one property and nothing else.
fn is_property(list: &[Item]) -> bool {
    let [item] = list else { return false };
    let np = NounPhrase::read(&item.chunks);
    np.taken == item.chunks.len()
        && !np.many
        && np.head().is_some_and(|head| head.senses.field.is_some() && (head.senses.entity.is_none() || !head.plural))
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
            pending_strict: false,
            indent: None,
            verb: Verb::None,
            slash: false,
            asks: false,
            led_by_is: false,
            row: false,
            relation: None,
            seen: Vec::new(),
            strict: false,
            has: false,
            instrumental: false,
            things_only: false,
            semicolon: false,
            declared: HashSet::new(),
        }
    }

    /// Reads all statements.
    pub(super) fn read(&mut self, statements: &[Statement]) {
        self.declare(statements);
        for (at, statement) in statements.iter().enumerate() {
            self.statement(statement, &statements[at + 1..]);
        }
    }

    fn statement(&mut self, statement: &Statement, next: &[Statement]) {
        let nests = |indent: usize| next.first().and_then(|next| next.bullet).is_some_and(|below| below > indent);
        if self.pending.is_none() && statement.bullet.is_some_and(nests) {
            self.pending = Some((Mode::Things, None, true));
            self.indent = statement.bullet;
        }
        match self.pending {
            Some((Mode::Things, _, _))
                if statement.bullet > self.indent && self.indent.is_some() && self.current.is_some() =>
            {
                // Deeper than the thing above it: a property of that thing.
                (self.mode, self.owner, self.top) = (Mode::Props, self.current, false);
            }
            Some((mode, owner, top))
                if statement.bullet.is_some() || (statement.new_line && !statement.after_blank) =>
            {
                (self.mode, self.owner, self.top) = (mode, owner, top);
                if mode == Mode::Things {
                    self.indent = statement.bullet;
                }
                self.strict = mode == Mode::Props && self.pending_strict;
            }
            _ => {
                self.pending = None;
                self.strict = false;
                self.mode = Mode::Open;
                self.owner = None;
                self.top = false;
            }
        }
        self.closed = false;
        self.recent = None;
        self.sticky = false;
        self.verb = Verb::None;
        self.relation = None;
        self.seen.clear();
        let list = items(&statement.chunks);
        self.slash = false;
        self.semicolon = statement.after_semicolon;
        if self.introduces(statement) {
            return;
        }
        self.open_list(&list, statement, next);
        for (at, item) in list.iter().enumerate().take(200) {
            let rest = &list[at + 1..];
            if !self.structured(item, rest, next) {
                self.item(item, rest, next);
            }
        }
        let ends_in_colon = statement.chunks.last().is_some_and(|chunk| chunk.punct(':') || chunk.punct('-'));
        if ends_in_colon && next.first().is_some_and(|next| next.new_line) {
            self.pending = Some((self.mode, self.owner, self.top || self.mode == Mode::Things));
            self.pending_strict = self.strict;
        }
        if statement.chunks.iter().any(|chunk| chunk.is(Class::M2m)) {
            self.seen.dedup();
            if let [from, to, ..] = self.seen[..] {
                self.draft.link(Link {
                    from,
                    to,
                    kind: RelationKind::ManyToMany,
                    optional: None,
                    name: None,
                    weak: false,
                });
            }
        }
    }

    /// `Contacts app. Name, phone, birthday.`: a sentence of properties alone.
    fn open_list(&mut self, list: &[Item], statement: &Statement, next: &[Statement]) {
        if self.mode == Mode::Open && is_property(list) {
            let goes_on = statement.after_semicolon && self.current.is_some();
            let row = next.iter().take(2).filter(|next| is_property(&items(&next.chunks))).count() == 2;
            if goes_on || row || self.row {
                let owner = self.current.or_else(|| self.domain_thing());
                if owner.is_some() {
                    self.open_props(owner);
                    self.row = !statement.after_semicolon;
                    return;
                }
            }
        }
        self.row = false;
        let plain = list.len() > 2
            && list.iter().all(|item| !item.chunks.iter().any(|c| is_marker(c) || c.punct(':') || c.is_plain_verb()));
        if self.mode != Mode::Open || !plain {
            return;
        }
        let (mut as_things, mut as_props) = (0, 0);
        for item in list {
            tally(&item.chunks, &mut as_things, &mut as_props);
        }
        if as_props > 1 && as_props > as_things {
            let owner = self.current.or_else(|| self.domain_thing());
            if owner.is_some() {
                self.open_props(owner);
            }
        }
    }

    fn item(&mut self, item: &Item, rest: &[Item], next: &[Statement]) {
        if let [login] = &item.chunks[..]
            && is_login(login)
            && self.mode == Mode::Props
        {
            self.draft.plain.push(login.span);
            let mut prop = Prop { name: "login".to_owned(), ..Prop::default() };
            if login.cyrillic {
                prop.description = Some("Логин".to_owned());
            }
            self.draft.prop(self.owner, prop);
            return;
        }
        if let Some(prop) = props::who_did(&item.chunks)
            && let Some(owner) = self.owner.or(self.current).filter(|_| !matches!(self.mode, Mode::Values { .. }))
        {
            self.draft.prop(Some(owner), prop);
            return;
        }
        let other_way = item.chunks.first().is_some_and(|first| first.is(Class::Neg)) && item.chunks.len() <= 2;
        if other_way && matches!(item.joint, Joint::And | Joint::Slash) && !matches!(self.mode, Mode::Values { .. }) {
            // `cancelled or not`, `оплачено/не оплачено`: a flag.
            let owner = self.owner.or(self.current);
            let props = owner.map_or(&mut self.draft.loose, |id| &mut self.draft.things[id].props);
            if let Some(last) = props.last_mut().filter(|last| matches!(last.ty, None | Some(FieldType::String))) {
                last.ty = Some(FieldType::Bool);
                last.default = Some(serde_json::json!(false));
                return;
            }
        }
        let Some(left) = without_gaps(&item.chunks) else { return };
        let mut chunks: &[Chunk] = &left;
        let mut skip = chunks.iter().take_while(|chunk| is_noise(chunk)).count();
        if matches!(self.mode, Mode::Values { .. }) && skip == chunks.len() && chunks.len() == 1 {
            // `yes, no, maybe`, `dog, cat, other`: small words are values too.
            skip = 0;
        }
        self.asks =
            chunks[..skip].iter().any(|chunk| chunk.is(Class::Conj) || (chunk.is(Class::Pron) && chunk.cyrillic));
        self.led_by_is = chunks[..skip].last().is_some_and(|last| matches!(last.lower.as_str(), "is" | "was"));
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
        let kept = (self.strict || chunks[0].is(Class::Belong)) && chunks.iter().any(|chunk| self.is_declared(chunk));
        if let Some((found, at)) = ability(chunks).filter(|_| !kept)
            && self.able(found, at, chunks, item, rest)
        {
            return;
        }
        if self.related_too(item, chunks) {
            return;
        }
        self.relation = None;
        let plain = !chunks.iter().enumerate().any(|(at, chunk)| is_marker(chunk) || is_verb_at(chunks, at));
        if self.mode == Mode::Props && plain {
            if !self.strict && self.leaves_inner_list(item, chunks) {
                self.mode = Mode::Things;
            } else {
                self.prop_item(item, chunks, self.strict && self.has);
                self.closed |= item.joint == Joint::And;
                return;
            }
        }
        self.walk(item, chunks, rest, next);
    }

    /// After `a, b and c` of an inner list, or at a thing that is no property, the outer list goes on.
    fn leaves_inner_list(&self, item: &Item, chunks: &[Chunk]) -> bool {
        let np = NounPhrase::read(chunks);
        if let Some(head) = np.head().filter(|head| head.senses.entity.is_some() && item.joint != Joint::Start) {
            // `orders (number, total)` after the properties of another thing, `order: total` after `orders`.
            let described = item.groups.iter().any(|(_, group)| lists_props(group));
            if (described && !np.many) || self.is_described_again(head, chunks.get(np.taken)) {
                return true;
            }
        }
        if !self.top || item.joint == Joint::Start || self.owner.is_none() {
            return false;
        }
        let np = NounPhrase::read(chunks);
        let Some(head) = np.head() else { return false };
        let both = head.senses.field.is_some() && head.plural && self.is_also_thing(&np, false);
        let thing_only = head.senses.entity.is_some() && (head.senses.field.is_none() || both);
        let record =
            head.senses.field.is_none() && head.senses.entity.is_some_and(|at| lexicon().entity(at).is_dated());
        if record && item.joint == Joint::Comma && !np.one {
            return true;
        }
        let parted = self.closed && item.joint == Joint::Comma;
        thing_only
            && !np.many
            && (parted || (head.plural && item.joint == Joint::Comma && !chunks.iter().any(|c| c.punct(':'))))
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
        if self.mode == Mode::Props
            && chunks.len() == 1
            && matches!(chunks[0].lower.as_str(), "summary" | "report" | "отчет")
        {
            return false;
        }
        let before = &chunks[..at];
        let apart = before.iter().rposition(|chunk| is_marker(chunk) || chunk.is(Class::In) || chunk.is(Class::To));
        let (prefix, near) = before.split_at(apart.map_or(0, |cut| cut + 1));
        if prefix.iter().any(Chunk::has_noun_sense) {
            let cut =
                prefix.len() - prefix.iter().rev().take_while(|chunk| is_marker(chunk) || chunk.is(Class::To)).count();
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
        // `totals by category`: what is counted is in categories.
        if let (Some(group), Some(of)) = (target, self.current)
            && group != of
            && !self.has_prop(of, group)
            && self.entry_is(group, EntityEntry::is_classifier)
        {
            self.draft.things[group].score = self.draft.things[group].score.max(2);
            self.link(of, group, RelationKind::ManyToOne, Some(true), false);
            target = None;
        }
        match found {
            Ability::Export => self.draft.exports.push(target),
            Ability::Summary => self.draft.summaries.push(target.or(self.current)),
            Ability::Notify | Ability::BuiltIn | Ability::Redirect => {}
        }
        // `find recipes by ingredient` says something of recipes even though finding is built in.
        !(found == Ability::BuiltIn && chunks.len() > 1 && at == 0)
    }

    pub(super) fn link(&mut self, from: Id, to: Id, kind: RelationKind, optional: Option<bool>, weak: bool) {
        self.draft.link(Link { from, to, kind, optional: optional.filter(|o| *o), name: None, weak });
    }

    /// Whether it is one of the properties that were named.
    fn has_prop(&self, of: Id, what: Id) -> bool {
        let model = &self.draft.things[what].model;
        self.draft.things[of].props.iter().any(|prop| prop.thing.as_ref() == Some(model))
    }

    pub(super) fn entry_is(&self, id: Id, test: impl Fn(&EntityEntry) -> bool) -> bool {
        self.draft.things[id].entry.is_some_and(|at| test(lexicon().entity(at)))
    }

    pub(super) fn is_person(&self, id: Id) -> bool {
        self.entry_is(id, EntityEntry::is_person)
    }

    pub(super) fn is_role(&self, id: Id) -> bool {
        self.entry_is(id, EntityEntry::is_role)
    }

    pub(super) fn is_shared(&self, id: Id) -> bool {
        self.entry_is(id, EntityEntry::is_shared)
    }

    /// The statement's things in order; `relate` adds those it meets.
    pub(super) fn saw(&mut self, id: Id) {
        self.seen.push(id);
    }
}
