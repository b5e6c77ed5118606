//! Lists of properties and of values.

use super::super::draft::{Id, Prop};
use super::super::lexicon::{Class, Classes, lexicon};
use super::super::noun::NounPhrase;
use super::super::phrases::{ATTRIBUTES, Chunk, Item, Joint, TYPES, items};
use super::super::things::{self, Weight};
use super::super::tokens::Kind;
use super::super::{props, qualify, values};
use super::words::is_noise;
use super::{Mode, Reader};
use crate::domain::names::ModelName;
use crate::domain::spec::{FieldType, RelationKind};

/// Properties whose words are followed by their values.
const ENUMS: &[&str] = &[
    "status",
    "stage",
    "priority",
    "severity",
    "kind",
    "level",
    "gender",
    "frequency",
    "period",
    "payment_method",
    "season",
];

impl Reader {
    /// One entry of a list of properties.
    pub(super) fn prop_item(&mut self, item: &Item, chunks: &[Chunk], have: bool) {
        let before: Vec<&Chunk> =
            chunks.iter().take_while(|c| c.is_any(ATTRIBUTES) || is_noise(c) || c.is(Class::Fields)).collect();
        let start = before.len();
        if let Some(prop) = qualify::limit_named(&chunks[start..]) {
            let owner = self.owner_of(&prop, item);
            self.draft.prop(owner, prop);
            return;
        }
        if self.completes_date(item, &chunks[start..]) {
            return;
        }
        let np = NounPhrase::read(&chunks[start..]);
        if np.is_empty() {
            self.qualify_last(chunks);
            return;
        }
        let mut tail_from = (start + np.taken).min(chunks.len());
        let counts =
            np.head().is_some_and(|head| matches!(head.key.as_str(), "number" | "count" | "quantity" | "amount"));
        if counts && chunks.get(tail_from).is_some_and(|chunk| chunk.is(Class::Of)) {
            let counted = NounPhrase::read(&chunks[tail_from + 1..]);
            if let Some(prop) = props::count_of(&counted) {
                tail_from += 1 + counted.taken;
                let mut prop = prop;
                qualify::qualify(&mut prop, &chunks[tail_from..]);
                let owner = self.owner_of(&prop, item);
                self.draft.prop(owner, prop);
                return;
            }
        }
        let (np, typed) = split_type(np);
        let mut tail: Vec<Chunk> = chunks[..start].to_vec();
        tail.extend(typed);
        tail.extend_from_slice(&chunks[tail_from..]);
        let (np, scale) = split_scale(np);
        let Some(head) = np.head().cloned() else { return };
        let colon = tail.iter().position(|c| c.punct(':') || c.punct('-') || c.punct('=') || opens_values(c));
        let said = props::said_type(&tail[colon.unwrap_or(0)..]).is_some()
            || item.groups.iter().any(|(_, group)| qualify::only_qualifies(group) && props::said_type(group).is_some());
        let related = !said && self.names_related(&np, &head, have, item.joint == Joint::Start);
        if related {
            self.related(&np, item);
            return;
        }
        if np.nouns.iter().any(is_forbidden) {
            return;
        }
        let Some(np) = self.without_own_name(np, &head, said) else { return };
        if self.asks && !np.nouns.iter().any(Chunk::has_noun_sense) {
            return;
        }
        let Some(mut prop) = props::prop(&np) else { return };
        if prop.listed.is_none() || prop.ty == Some(FieldType::Bool) {
            qualify::shaped_by_words_around(&mut prop, self.led_by_is && item.joint != Joint::Start, &tail);
        }
        if matches!(prop.name.as_str(), "id" | "created_at" | "updated_at") {
            // Every record has them.
            return;
        }
        self.take_a_seat(&mut prop, &np);
        qualify::qualify(&mut prop, &tail);
        let owner = self.owner_of(&prop, item);
        let mut group_values = said_in_groups(&mut prop, &item.groups);
        group_values.extend(scale);
        let after = colon.map_or(&tail[..0], |at| &tail[at + 1..]);
        let following = if after.is_empty() { value_after(&np, &tail) } else { None };
        let names_type = after.iter().any(|c| c.is(Class::TypeEnum));
        let begins =
            (!after.is_empty() && !qualify::only_qualifies(after) && !said) || following.is_some() || names_type;
        let at = self.draft.prop(owner, prop);
        if group_values.len() > 1 {
            for (nth, choice) in group_values.into_iter().enumerate() {
                self.add_value(owner, at, nth == 0, &choice);
            }
            self.finish_values();
        } else if begins {
            self.owner = owner;
            self.mode = Mode::Values { at };
            let source: Vec<Chunk> = match following {
                Some(chunk) => vec![chunk],
                None => after.iter().filter(|c| !c.is(Class::TypeEnum)).cloned().collect(),
            };
            self.first_value(owner, at, &source);
            for (_, group) in &item.groups {
                for inner in items(group) {
                    if let Some(choice) = values::choice(&inner.chunks) {
                        self.add_value(owner, at, false, &choice);
                    }
                }
            }
        }
    }

    /// `product name` of a product is its name; a product of a product is the product, and no property.
    fn without_own_name(&mut self, mut np: NounPhrase, head: &Chunk, said: bool) -> Option<NounPhrase> {
        let Some(owner) = self.owner else { return Some(np) };
        let model = self.draft.things[owner].model.clone();
        let is_own = |noun: &Chunk| {
            // `дневник: запись, дата`: the entry of a diary, not an appointment.
            (model == "Entry" && noun.key == "запис")
                || noun.senses.entity.is_some_and(|at| lexicon().entity(at).model == model)
        };
        if np.nouns.len() > 1 && head.senses.field.is_some() && np.others().any(is_own) {
            np.nouns = vec![head.clone()];
        } else if np.nouns.len() == 1 && is_own(head) && !said {
            let name = crate::domain::inflect::snake_case(&model);
            if self.draft.usual(owner, &name) {
                self.draft.prop(Some(owner), Prop { name, ..Prop::default() });
            }
            return None;
        }
        Some(np)
    }

    /// The `место` of a ticket is a seat, the `мест` of a table are seats.
    fn take_a_seat(&self, prop: &mut Prop, np: &NounPhrase) {
        let Some(owner) = self.owner.filter(|_| prop.listed == Some("location") && np.nouns.len() == 1) else { return };
        let usual = ["seat", "seats"].into_iter().find(|name| self.draft.usual(owner, name));
        if let Some(entry) = usual.and_then(|name| lexicon().field(name)) {
            entry.name.clone_into(&mut prop.name);
            prop.listed = Some(entry.name);
            props::apply_type(prop, entry.ty);
        }
    }

    /// `closing date and time`: the day of before, to the minute. `дата выдачи и возврата`: another day.
    fn completes_date(&mut self, item: &Item, chunks: &[Chunk]) -> bool {
        let ([only], Joint::And, Some(owner)) = (chunks, item.joint, self.owner.or(self.current)) else { return false };
        let Some(last) = self.draft.things[owner].props.last_mut() else { return false };
        let Some(name) = last.name.strip_suffix("_date").map(str::to_owned) else { return false };
        if last.ty != Some(FieldType::Date) {
            return false;
        }
        if matches!(only.lower.as_str(), "time" | "время" | "временем" | "времени") {
            last.name = format!("{name}_at");
            last.ty = Some(FieldType::Datetime);
            return true;
        }
        let key = format!("дат {}", only.key);
        let Some(senses) = lexicon().get(&key).filter(|senses| senses.field.is_some()) else { return false };
        let day = Chunk { key, senses: *senses, ..only.clone() };
        let Some(mut prop) = props::prop(&NounPhrase { nouns: vec![day], taken: 1, ..NounPhrase::default() }) else {
            return false;
        };
        prop.description = Some(format!("Дата {}", only.lower));
        self.draft.prop(Some(owner), prop);
        true
    }

    /// Whether an entry of a list of properties names a thing of its own.
    fn names_related(&self, np: &NounPhrase, head: &Chunk, have: bool, opening: bool) -> bool {
        let has_field = head.senses.field.is_some();
        if self.strict {
            let thing = head.senses.entity.is_some() && !has_field;
            let related = || self.owner.zip(head.senses.entity).is_some_and(|(id, at)| self.usually_related(id, at));
            let list = matches!(props::prop(np).and_then(|prop| prop.ty), Some(FieldType::List(_)));
            let shared = thing && head.senses.entity.is_some_and(|at| lexicon().entity(at).is_shared());
            let known =
                self.is_declared(head) || (!list && (self.things_only || (thing && have) || shared || related()));
            return np.many || (head.plural && known);
        }
        let is_list = has_field && matches!(props::prop(np).and_then(|prop| prop.ty), Some(FieldType::List(_)));
        if is_list && !np.many && self.owner.is_some() {
            return false;
        }
        if head.senses.entity.is_none() {
            return np.many && have && !has_field && head.is_unknown() && (head.plural || head.cyrillic);
        }
        let plural = head.plural || np.many;
        let free = self.owner.is_none() && !has_field;
        np.many || free || (plural && (!has_field || self.is_also_thing(np, have && opening)))
    }

    /// Whether one of them usually refers to one of the other.
    pub(super) fn usually_has(&self, id: Id, other: Id) -> bool {
        let end = format!(">{}", self.draft.things[other].model);
        let fields = self.draft.things[id].entry.map_or("", |at| lexicon().entity(at).fields);
        fields.split(',').any(|field| field.trim().ends_with(&end)) || (id != other && self.names(id, other))
    }

    /// Whether it usually has a property by that name: a book has an author.
    fn names(&self, id: Id, other: Id) -> bool {
        self.draft.usual(id, &crate::domain::inflect::snake_case(&self.draft.things[other].model))
    }

    /// Whether such things usually refer to each other.
    fn usually_related(&self, id: Id, other: u16) -> bool {
        let tables = lexicon();
        let other = tables.entity(other);
        let refers = |fields: &str, model: &str| {
            fields.split(',').any(|field| field.rsplit(['>', '*']).next() == Some(model) && field.contains(['>', '*']))
        };
        let Some(entry) = self.draft.things[id].entry.map(|at| tables.entity(at)) else { return false };
        refers(entry.fields, other.model) || refers(other.fields, entry.model)
    }

    /// Whether a plural that is also a property is meant as a thing: it is one elsewhere, or `X have Ys`.
    pub(super) fn is_also_thing(&self, np: &NounPhrase, have: bool) -> bool {
        let Some(entry) = np.head().and_then(|head| head.senses.entity).map(|at| lexicon().entity(at)) else {
            return false;
        };
        let elsewhere = self.draft.find(entry.model).is_some_and(|id| self.draft.things[id].score > 1);
        have || elsewhere
            || !matches!(
                entry.model,
                "Note"
                    | "Photo"
                    | "Document"
                    | "File"
                    | "Discount"
                    | "Contact"
                    | "Video"
                    | "Skill"
                    | "Hobby"
                    | "Location"
                    | "Seat"
                    | "Address"
            )
    }

    /// Whose property it is: the list's owner, or a thing the list just named that usually has it.
    fn owner_of(&mut self, prop: &Prop, item: &Item) -> Option<Id> {
        let (Some(recent), Some(owner)) = (self.recent, self.owner) else { return self.owner };
        let (recents, owners) = (self.draft.usual(recent, &prop.name), self.draft.usual(owner, &prop.name));
        if recents != owners {
            self.sticky = recents;
        } else if !self.sticky && item.joint == Joint::Start {
            self.sticky = false;
        }
        Some(if self.sticky { recent } else { owner })
    }

    /// A list of properties named a thing: a relation of its owner.
    fn related(&mut self, np: &NounPhrase, item: &Item) {
        let tables = lexicon();
        let Some(owner) = self.owner else {
            let id = things::thing(&mut self.draft, np, Weight { known: 3, unknown: 2 });
            if let Some(id) = id {
                self.draft.things[id].listed = true;
                self.current = Some(id);
                if let Some((_, group)) = item.groups.first() {
                    self.group_of_thing(id, group);
                }
            }
            return;
        };
        let owner_model = self.draft.things[owner].model.clone();
        let head_model = np.head().and_then(|head| head.senses.entity).map(|at| tables.entity(at).model);
        let id = if head_model == Some("Item") {
            let own = ["Item", "Line"]
                .iter()
                .map(|end| format!("{owner_model}{end}"))
                .find_map(|name| tables.model(&name).map(|at| (name, at)));
            let (name, entry) = own.map_or_else(|| (format!("{owner_model}Item"), None), |(name, at)| (name, Some(at)));
            if ModelName::parse(&name).is_err() {
                return;
            }
            Some(self.draft.thing(&name, entry, &np.surface(), 3))
        } else if self.strict || np.head().is_some_and(Chunk::is_unknown) {
            self.entity(np)
        } else {
            things::thing(&mut self.draft, np, Weight { known: 3, unknown: 2 })
        };
        let Some(id) = id else { return };
        self.saw(id);
        if id == owner {
            if let Some((_, group)) = item.groups.first() {
                self.group_of_thing(id, group);
            }
            return;
        }
        let refers =
            |from: Id, to: Id, reader: &Self| {
                let model = &reader.draft.things[to].model;
                reader.draft.things[from].entry.is_some_and(|at| {
                    tables.entity(at).fields.split(',').any(|field| {
                        field.trim().split('>').next_back().is_some_and(|m| m == model && field.contains('>'))
                    })
                })
            };
        let classifies = self.draft.things[id].entry.is_some_and(|at| tables.entity(at).is_classifier());
        let target = self.draft.things[id].model.clone();
        if tables.companions.iter().any(|companion| companion.of == owner_model && companion.when == target) {
            // Orders and dishes meet in the lines of an order.
            self.recent = Some(id);
            return;
        }
        let people = self.is_person(id) && !self.is_person(owner) && !np.one && np.head().is_some_and(|h| h.plural);
        let known = refers(id, owner, self) || refers(owner, id, self);
        let (from, to, kind) = if (people && !known) || self.is_shared(id) {
            (owner, id, RelationKind::ManyToMany)
        } else if refers(id, owner, self) {
            (id, owner, RelationKind::ManyToOne)
        } else if np.one
            || (classifies && !np.many)
            || (!np.many && refers(owner, id, self))
            || (!np.many && !np.head().is_some_and(|h| h.plural))
        {
            (owner, id, RelationKind::ManyToOne)
        } else {
            (id, owner, RelationKind::ManyToOne)
        };
        let optional = (from == owner).then_some(true);
        self.link(from, to, kind, optional, false);
        self.recent = Some(id);
        self.sticky = false;
        if let Some((_, group)) = item.groups.first() {
            self.group_of_thing(id, group);
        }
    }

    /// `…, optional`: says something of the property before it.
    fn qualify_last(&mut self, chunks: &[Chunk]) {
        if let Some(owner) = self.owner
            && let Some(prop) = self.draft.things[owner].props.last_mut()
        {
            qualify::qualify(prop, chunks);
        }
    }
}

/// `status can be open or closed`.
fn opens_values(chunk: &Chunk) -> bool {
    const WORDS: &[&str] = &[
        "can be",
        "may be",
        "one of",
        "is either",
        "either",
        "is one of",
        "может быть",
        "один из",
        "одно из",
        "одна из",
        "бывает",
    ];
    WORDS.contains(&chunk.lower.as_str()) && !chunk.has_noun_sense()
}

pub(super) fn values_know(chunks: &[Chunk]) -> bool {
    let key = chunks.iter().map(|c| c.key.as_str()).collect::<Vec<_>>().join(" ");
    lexicon().get(&key).is_some_and(|senses| senses.value.is_some())
}

/// What stands in parentheses after a property: its limits are noted, its values returned.
fn said_in_groups(prop: &mut Prop, groups: &[(usize, Vec<Chunk>)]) -> Vec<values::Choice> {
    let mut found: Vec<values::Choice> = Vec::new();
    for (_, group) in groups {
        if is_yes_or_no(group) {
            if prop.ty != Some(FieldType::Bool) {
                props::retype(prop, FieldType::Bool);
                prop.default = Some(serde_json::json!(false));
            }
            continue;
        }
        let qualifies = group.iter().any(|c| c.is_any(ATTRIBUTES) || c.is(Class::Default));
        // `(single, double, suite)`: values, although one of them is also the name of a type.
        let states_type = qualifies
            || qualify::only_qualifies(group)
            || !items(group).iter().any(|item| item.chunks.iter().all(|c| c.is_unknown() || c.senses.value.is_some()));
        if states_type && (qualify::only_qualifies(group) || qualifies || group.iter().any(|c| c.is_any(TYPES))) {
            qualify::qualify(prop, group);
        }
        let inner = items(group);
        let enough = inner.len() > 1 || prop.listed.is_some_and(|name| ENUMS.contains(&name));
        let nothing_said =
            !states_type || props::said_type(group).is_none() || group.iter().any(|c| c.is(Class::TypeEnum));
        if enough && nothing_said && !group.iter().any(|c| c.kind == Kind::Number && c.joined) {
            found.extend(
                inner
                    .iter()
                    .filter(|i| !states_type || !qualify::only_qualifies(&i.chunks) || values_know(&i.chunks))
                    .filter_map(|i| values::choice(&i.chunks)),
            );
        }
    }
    found
}

/// `yes/no`, `да, нет`: a flag.
fn is_yes_or_no(group: &[Chunk]) -> bool {
    let words: Vec<&str> = group.iter().filter(|c| c.kind == Kind::Word).map(|c| c.lower.as_str()).collect();
    let (yes, no) = (["yes", "y", "да", "true"], ["no", "n", "нет", "false"]);
    match words[..] {
        [one] => matches!(
            one,
            "yes/no" | "yes or no" | "yes no" | "да/нет" | "да нет" | "да или нет" | "true/false" | "true false"
        ),
        [one, other] => (yes.contains(&one) && no.contains(&other)) || (no.contains(&one) && yes.contains(&other)),
        _ => false,
    }
}

/// Secrets are not kept as plain text.
fn is_forbidden(head: &Chunk) -> bool {
    matches!(
        head.key.as_str(),
        "password" | "парол" | "passwd" | "password hash" | "пин код" | "pin code" | "secret key"
    )
}

/// `status new/done`: a value right after the property's word.
fn value_after(np: &NounPhrase, tail: &[Chunk]) -> Option<Chunk> {
    let head = np.head()?;
    let field = head.senses.field.map(|at| lexicon().fields[usize::from(at)].name)?;
    let first = tail.first().filter(|_| ENUMS.contains(&field))?;
    (first.senses.value.is_some() && !first.is_any(ATTRIBUTES)).then(|| first.clone())
}

/// `name string`, `price decimal`: a type's name at the end of the phrase is no part of the name.
fn split_type(np: NounPhrase) -> (NounPhrase, Vec<Chunk>) {
    const SURE: Classes = Classes::of(&[
        Class::TypeInt,
        Class::TypeFloat,
        Class::TypeDecimal,
        Class::TypeString,
        Class::TypeText,
        Class::TypeBool,
        Class::TypeDatetime,
        Class::TypeUuid,
        Class::TypeJson,
        Class::TypeDate,
        Class::TypeMoney,
    ]);
    let mut np = np;
    let mut types = Vec::new();
    // `priority low/medium/high`: what follows the property's word is its first value.
    let is_enum =
        |noun: &Chunk| noun.senses.field.is_some_and(|at| ENUMS.contains(&lexicon().fields[usize::from(at)].name));
    if let Some(at) = (1..np.nouns.len()).find(|at| {
        is_enum(&np.nouns[at - 1])
            && (np.nouns[*at].senses.value.is_some() || matches!(np.nouns[at - 1].lower.as_str(), "type" | "kind"))
            && np.nouns[*at].senses.field.is_none()
            && !np.nouns[*at].joined
    }) {
        types.extend(np.nouns.drain(at..));
        return (np, types);
    }
    while np.nouns.len() > 1
        && np.nouns.last().is_some_and(|last| last.is_any(SURE) && last.ident.is_none() && !last.joined)
    {
        let last = np.nouns.last().is_some_and(|last| {
            let named = props::named_type(last);
            // `birth date`, `phone number`, `note text` are names.
            let ambiguous = last.senses.field.is_some();
            let first_is_whole = np.nouns[0].senses.field.is_some();
            named.is_some() && (!ambiguous || first_is_whole)
        });
        if !last {
            break;
        }
        types.extend(np.nouns.pop());
    }
    (np, types)
}

/// `level A1-C2`: the levels of a language from one to the other.
fn split_scale(mut np: NounPhrase) -> (NounPhrase, Vec<values::Choice>) {
    const LEVELS: &[&str] = &["a1", "a2", "b1", "b2", "c1", "c2"];
    let place = |noun: &Chunk| LEVELS.iter().position(|level| *level == noun.lower);
    if let [.., from, to] = &np.nouns[..]
        && let (Some(from), Some(to)) = (place(from), place(to))
        && from < to
        && np.nouns.len() > 2
    {
        np.nouns.truncate(np.nouns.len() - 2);
        let choice = |level: &&str| values::Choice { value: (*level).to_owned(), label: None };
        return (np, LEVELS[from..=to].iter().map(choice).collect());
    }
    (np, Vec::new())
}
