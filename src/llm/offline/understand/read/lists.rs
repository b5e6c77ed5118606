//! Where lists begin: after a colon, after `with`, in parentheses, under a heading.

use super::super::draft::Prop;
use super::super::lexicon::{Class, lexicon};
use super::super::noun::NounPhrase;
use super::super::phrases::{Chunk, Item, Joint, Statement, items};
use super::super::qualify;
use super::super::things;
use super::super::tokens::Kind;
use super::walk::Walk;
use super::words::{is_noise, tally};
use super::{Id, Mode, Reader};
use crate::domain::spec::FieldType;

impl Reader {
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

    pub(super) fn rest_as_prop(&mut self, item: &Item, tail: &[Chunk], have: bool) {
        let skip = tail.iter().take_while(|chunk| is_noise(chunk) && !chunk.is(Class::Many)).count();
        self.asks = tail[..skip].iter().any(|chunk| chunk.is(Class::Conj));
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

    pub(super) fn after_colon(&mut self, walk: &mut Walk<'_>, item: &Item, rest: &[Item], next: &[Statement]) {
        let tail = &walk.chunks[walk.at + 1..];
        if walk.prop.is_some() {
            self.begin_values(walk, tail);
            return;
        }
        let (mut as_things, mut as_props) = (0, 0);
        let first = NounPhrase::read(&tail[tail.iter().take_while(|chunk| is_noise(chunk)).count()..]);
        let names = |noun: &Chunk| noun.senses.entity.is_some() || noun.senses.app.is_some();
        let opens_another = tail.iter().any(|chunk| chunk.punct(':') || chunk.punct('-'))
            && first.head().is_some_and(|head| names(head) && (head.senses.field.is_none() || head.plural));
        if walk.subject.is_none_or(|id| self.draft.things[id].props.is_empty() && self.draft.things[id].entry.is_none())
            && opens_another
        {
            // `Garage: repairs of my car — date, cost`: what follows is about the repairs.
            if let Some(id) = walk.subject {
                self.draft.things[id].heading = true;
            }
            self.mode = Mode::Things;
            self.top = true;
            let inner = Item { joint: Joint::Start, chunks: tail.to_vec(), groups: item.groups.clone() };
            self.item(&inner, rest, next);
            return;
        }
        tally(tail, &mut as_things, &mut as_props);
        let singular_things = |item: &Item| {
            let np = NounPhrase::read(&item.chunks);
            np.head().is_none_or(|head| head.senses.entity.is_none() || !head.plural)
        };
        for item in rest {
            tally(&item.chunks, &mut as_things, &mut as_props);
        }
        if tail.is_empty() {
            for below in next.iter().take_while(|below| below.new_line).take(12) {
                tally(&below.chunks, &mut as_things, &mut as_props);
            }
        }
        if walk.entities {
            (as_things, as_props) = (1, 0);
        }
        let plural = walk.last.as_ref().and_then(NounPhrase::head).is_some_and(|head| head.plural);
        let own = Item { joint: Joint::Start, chunks: tail.to_vec(), groups: Vec::new() };
        let singular = singular_things(&own) && rest.iter().all(singular_things);
        if plural && !walk.project && (1..10).contains(&as_things) && as_props > 0 && singular {
            // `bookings: client, service, date`: each has one of them.
            as_props = as_props.max(as_things + 1);
        }
        match walk.subject {
            Some(id) if as_props > as_things || (as_props == as_things && !walk.project) => {
                let thing = &mut self.draft.things[id];
                thing.score = thing.score.max(2);
                self.open_props(Some(id));
                self.rest_as_prop(item, tail, false);
            }
            subject => {
                let named = walk
                    .last
                    .clone()
                    .filter(|np| np.nouns.len() == 1 && np.head().is_some_and(|head| head.senses.entity.is_some()));
                let model = match named {
                    _ if as_props <= as_things || subject.is_some() => None,
                    // `tool: name, price` is about tools, though a tool may be a whole project.
                    Some(np) => np.head().and_then(|head| head.senses.entity).map(|at| {
                        self.draft.heads.pop();
                        self.draft.thing(lexicon().entity(at).model, Some(at), &np.surface(), 2)
                    }),
                    None => self.domain_thing(),
                };
                if model.is_some() {
                    self.open_props(model);
                    self.rest_as_prop(item, tail, false);
                    return;
                }
                self.mode = Mode::Things;
                self.top = true;
                self.current = subject.or_else(|| self.only_domain_thing()).or(self.current);
                if let Some(thing) = subject.map(|id| &mut self.draft.things[id]).filter(|thing| thing.props.is_empty())
                {
                    thing.heading = true;
                    thing.titles = true;
                    if let Some(np) = walk.last.take().filter(|_| !walk.project && self.draft.heads.is_empty()) {
                        self.draft.heads.push((np, None));
                    }
                }
                let inner = Item { joint: Joint::Start, chunks: tail.to_vec(), groups: item.groups.clone() };
                self.item(&inner, rest, next);
            }
        }
    }

    /// The one model of a domain that has no other: a to-do list keeps tasks.
    pub(super) fn only_domain_thing(&mut self) -> Option<Id> {
        let models = self.draft.heads.iter().flat_map(|(np, _)| np.nouns.iter()).filter_map(things::app_of);
        let mut models = models.flat_map(|app| app.models.iter());
        let (only, None) = (models.next()?, models.next()) else { return None };
        Some(self.draft.thing(only, lexicon().model(only), only, 2))
    }

    /// The first model of the domain that the project's name tells.
    pub(super) fn domain_thing(&mut self) -> Option<Id> {
        let tables = lexicon();
        let model = self
            .draft
            .heads
            .iter()
            .flat_map(|(np, _)| np.nouns.iter())
            .filter_map(things::app_of)
            .find_map(|app| app.models.first().copied())?;
        Some(self.draft.thing(model, tables.model(model), model, 2))
    }

    /// Properties, or values, in parentheses after a thing.
    pub(super) fn group_of_thing(&mut self, thing: Id, group: &[Chunk]) {
        let inner = items(group);
        let (mut as_things, mut as_props) = (0, 0);
        for item in &inner {
            tally(&item.chunks, &mut as_things, &mut as_props);
        }
        if as_props == 0 {
            self.limit_of_thing(thing, group);
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

    /// `grades (from 1 to 5)`: the limits of the number that such a thing usually has.
    fn limit_of_thing(&mut self, thing: Id, group: &[Chunk]) {
        let usual = self.draft.things[thing].entry.map(|at| lexicon().entity(at).fields).unwrap_or_default();
        let number = usual.split(',').map(str::trim).find_map(|field| {
            let (name, ty) = field.split_once(':')?;
            ty.starts_with("int").then(|| name.trim_end_matches('?').to_owned())
        });
        let ranged = group.iter().any(|chunk| chunk.kind == Kind::Number) && qualify::only_qualifies(group);
        if let Some(name) = number.filter(|_| ranged) {
            let mut prop = Prop { name, ty: Some(FieldType::Int), implied: true, ..Prop::default() };
            qualify::qualify(&mut prop, group);
            self.draft.prop(Some(thing), prop);
        }
    }
}
