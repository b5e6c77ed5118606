//! What has been read so far: things, their properties and relations, before they become a spec.
//!
//! A draft may still be wrong in every way a spec may not: `build` chooses what stays and makes it valid.

use serde_json::Value;

use super::lexicon::lexicon;
use super::noun::NounPhrase;
use crate::domain::spec::{Bounds, FieldType, RelationKind};

/// The place of a thing in the draft.
pub(super) type Id = usize;

/// A kind of thing that was mentioned.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Thing {
    /// The model's name.
    pub model: String,
    /// Its entry in the lexicon.
    pub entry: Option<u16>,
    /// The word that named it.
    pub word: String,
    /// Every English word that named it, in the singular.
    pub own_words: Vec<String>,
    /// How sure it is that the project keeps it: 2 is enough.
    pub score: u32,
    /// Its properties, in order.
    pub props: Vec<Prop>,
    /// It was only part of what the project as a whole is called.
    pub heading: bool,
    /// A list of things stands under it.
    pub titles: bool,
    /// It stood in a list of things without a word about its properties.
    pub listed: bool,
    /// Its properties were listed: it has no others.
    pub described: bool,
    /// It only stood in the title.
    pub titled: bool,
}

/// A property that was mentioned.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Prop {
    /// The field's name.
    pub name: String,
    /// Its type, if said or known.
    pub ty: Option<FieldType>,
    /// May be absent.
    pub optional: bool,
    /// Said to be required.
    pub required: bool,
    /// No two records share it.
    pub unique: bool,
    /// That was said, not looked up.
    pub unique_said: bool,
    /// Set by the service.
    pub readonly: bool,
    /// The value when none is given.
    pub default: Option<Value>,
    /// Its limits.
    pub bounds: Bounds,
    /// A line for people.
    pub description: Option<String>,
    /// The model the word also names.
    pub thing: Option<String>,
    /// The lexicon's name of the field.
    pub listed: Option<&'static str>,
    /// Its type was said, not looked up.
    pub spoken: bool,
    /// Only followed from what is done with it.
    pub implied: bool,
}

/// A relation that was mentioned.
#[derive(Debug, Clone)]
pub(super) struct Link {
    /// The model that gets the field.
    pub from: Id,
    /// The model it points to.
    pub to: Id,
    /// How many on each side.
    pub kind: RelationKind,
    /// Whether it may be absent, if said.
    pub optional: Option<bool>,
    /// The field's name, if said.
    pub name: Option<String>,
    /// Holds only if both models stay for other reasons.
    pub weak: bool,
}

/// Everything read so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Draft {
    /// The things.
    pub things: Vec<Thing>,
    /// Their relations.
    pub links: Vec<Link>,
    /// Properties of nothing in particular.
    pub loose: Vec<Prop>,
    /// What the project is called as a whole: the noun phrase, and its entry among the apps.
    pub heads: Vec<(NounPhrase, Option<u16>)>,
    /// CSV export of a thing, or of all.
    pub exports: Vec<Option<Id>>,
    /// A summary of a thing, or of the main one.
    pub summaries: Vec<Option<Id>>,
    /// Roles of people that act without being kept.
    pub roles: Vec<String>,
    /// Where words stand that ask for something not built, but only name a property: `login` of an account.
    pub plain: Vec<(usize, usize)>,
}

impl Draft {
    /// The thing of that model, made if it is new; the score is the best of all mentions.
    pub(super) fn thing(&mut self, model: &str, entry: Option<u16>, word: &str, score: u32) -> Id {
        if let Some(at) = self.find(model) {
            let thing = &mut self.things[at];
            thing.score = thing.score.max(score);
            return at;
        }
        self.things.push(Thing {
            model: model.to_owned(),
            entry,
            word: word.to_owned(),
            own_words: Vec::new(),
            score,
            props: Vec::new(),
            heading: false,
            titles: false,
            listed: false,
            described: false,
            titled: false,
        });
        self.things.len() - 1
    }

    /// The thing of that model.
    pub(super) fn find(&self, model: &str) -> Option<Id> {
        self.things.iter().position(|thing| thing.model == model)
    }

    /// Adds a property; a second mention completes the first.
    pub(super) fn prop(&mut self, owner: Option<Id>, prop: Prop) -> usize {
        let props = match owner {
            Some(owner) => &mut self.things[owner].props,
            None => &mut self.loose,
        };
        if let Some(at) = props.iter().position(|known| known.name == prop.name) {
            let known = &mut props[at];
            known.optional |= prop.optional;
            known.required |= prop.required;
            known.unique |= prop.unique;
            known.unique_said |= prop.unique_said;
            known.implied &= prop.implied;
            known.spoken |= prop.spoken;
            if known.bounds.is_empty() {
                known.bounds = prop.bounds;
            }
            if known.default.is_none() {
                known.default = prop.default;
            }
            if matches!(prop.ty, Some(FieldType::Enum(_))) || known.ty.is_none() {
                known.ty = prop.ty;
            }
            return at;
        }
        props.push(prop);
        props.len() - 1
    }

    /// The property at a place.
    pub(super) fn prop_mut(&mut self, owner: Option<Id>, at: usize) -> Option<&mut Prop> {
        match owner {
            Some(owner) => self.things.get_mut(owner)?.props.get_mut(at),
            None => self.loose.get_mut(at),
        }
    }

    /// Adds a relation; a second, stronger mention replaces a weak one.
    pub(super) fn link(&mut self, link: Link) {
        let same = |known: &Link| {
            (known.from == link.from && known.to == link.to) || (known.from == link.to && known.to == link.from)
        };
        if let Some(known) = self.links.iter_mut().find(|known| same(known) && known.name == link.name) {
            let both_ways = !known.weak
                && !link.weak
                && known.from == link.to
                && known.to == link.from
                && known.from != known.to
                && known.kind == RelationKind::ManyToOne
                && link.kind == RelationKind::ManyToOne;
            if both_ways {
                known.kind = RelationKind::ManyToMany;
                std::mem::swap(&mut known.from, &mut known.to);
            } else if known.weak || link.kind == RelationKind::ManyToMany {
                *known = link;
            }
            return;
        }
        self.links.push(link);
    }

    /// Whether the usual fields of a thing, or of a near-synonym, contain one of that name.
    pub(super) fn usual(&self, id: Id, field: &str) -> bool {
        let tables = lexicon();
        let Some(entry) = self.things[id].entry.map(|at| tables.entity(at)) else { return false };
        let group = entry.group();
        tables
            .entities
            .iter()
            .filter(|other| other.model == entry.model || (group.is_some() && other.group() == group))
            .any(|other| usual_names(other.fields).any(|name| name == field))
    }
}

/// The names in a list of usual fields.
pub(super) fn usual_names(fields: &str) -> impl Iterator<Item = &str> {
    fields.split(',').map(|field| field.trim().split(['?', ':', '=', '>', '*']).next().unwrap_or_default())
}
