//! Understanding what a person wants to be different in a project that exists, in English and Russian, without a model.
//!
//! A wish is cut into clauses; what their words mean in the spec is found in `resolve`; properties and things are read
//! by [`understand`], as in a description. What is not understood is said, never guessed at: a living project is at stake.

mod clauses;
mod resolve;

use super::understand::{Gap, named, understand};
use crate::domain::inflect::snake_case;
use crate::domain::names::{EnumValue, FieldName};
use crate::domain::spec::{Field, FieldType, Language, Model, OnDelete, Reference, RelationKind, Spec};
use crate::domain::spec_edit::Edit;
use clauses::{Clause, Verb};

/// What was understood of a wish.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Changes {
    /// The changes of the spec, in order.
    pub edits: Vec<Edit>,
    /// What was decided without being said, one sentence each.
    pub assumptions: Vec<String>,
    /// What was asked for and is not built.
    pub gaps: Vec<Gap>,
    /// What was not understood or cannot be done, one sentence each.
    pub unclear: Vec<String>,
}

/// Whether a text opens as a wish for a change of something that exists.
#[must_use]
pub fn is_wish(text: &str) -> bool {
    clauses::opens_with_verb(text)
}

/// Understands a wish about a project.
#[must_use]
pub fn changes(spec: &Spec, text: &str) -> Changes {
    let mut reader = Reader { spec: spec.clone(), language: Language::of(text), out: Changes::default() };
    for clause in clauses::clauses(&without_name(spec, text)) {
        reader.read(&clause);
    }
    reader.out
}

/// The text without the project's name, which says where, not what: `add tags to notes-api`, `notes-api: add tags`.
fn without_name(spec: &Spec, text: &str) -> String {
    let lines = text.lines().map(|line| {
        let mut kept: Vec<&str> = Vec::new();
        for word in line.split_whitespace() {
            if clauses::bare(word) != spec.project.name.as_str() {
                kept.push(word);
                continue;
            }
            let led = |word: &&&str| {
                let word = clauses::bare(word);
                clauses::PLACES.contains(&word.as_str())
                    || ["project", "the", "проект", "проекте", "проекту"].contains(&word.as_str())
            };
            while kept.last().as_ref().is_some_and(led) {
                kept.pop();
            }
        }
        kept.join(" ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

struct Reader {
    /// The spec with what was understood so far.
    spec: Spec,
    language: Language,
    out: Changes,
}

impl Reader {
    fn say(&self, en: String, ru: String) -> String {
        match self.language {
            Language::En => en,
            Language::Ru => ru,
        }
    }

    fn edit(&mut self, edit: Edit) {
        match self.spec.edited(std::slice::from_ref(&edit)) {
            Ok(spec) => {
                self.spec = spec;
                self.out.edits.push(edit);
            }
            Err(impossible) => self.out.unclear.push(impossible.to_string()),
        }
    }

    fn unclear(&mut self, clause: &Clause) {
        let said =
            self.say(format!("\"{}\" was not understood", clause.whole), format!("непонятно: «{}»", clause.whole));
        self.out.unclear.push(said);
    }

    fn read(&mut self, clause: &Clause) {
        let before = (self.out.edits.len(), self.out.unclear.len(), self.out.gaps.len());
        match clause.verb {
            Verb::Add => self.add(clause),
            Verb::Remove => self.remove(clause),
            Verb::Rename => self.rename(clause),
            Verb::Make => self.make(clause),
            Verb::State => self.state(clause),
        }
        if before == (self.out.edits.len(), self.out.unclear.len(), self.out.gaps.len()) {
            self.unclear(clause);
        }
    }

    /// The model a clause is about, and what it says beside that.
    fn about(&self, clause: &Clause) -> (String, Option<Model>) {
        let place: Vec<&str> = clause.before.split_whitespace().skip(1).collect();
        if let Some(model) = resolve::model(&self.spec, &place.join(" ")) {
            return (clause.rest.clone(), Some(model.clone()));
        }
        let (rest, model) = resolve::target(&self.spec, &clause.rest);
        (rest, model.cloned())
    }

    fn add(&mut self, clause: &Clause) {
        let (what, model) = self.about(clause);
        if self.add_value(clause) || self.add_ability(&what, model.as_ref()) {
            return;
        }
        let only = match &self.spec.models[..] {
            [only] => Some(only.clone()),
            _ => None,
        };
        let model = model.or(only);
        for object in objects(&self.spec, &what) {
            let before = (self.out.edits.len(), self.out.unclear.len(), self.out.gaps.len());
            self.add_object(clause, model.as_ref(), &object);
            if before == (self.out.edits.len(), self.out.unclear.len(), self.out.gaps.len()) {
                self.unclear(&Clause { whole: object.text, ..clause.clone() });
            }
        }
    }

    fn add_object(&mut self, clause: &Clause, model: Option<&Model>, object: &Object) {
        match (object.sort, model) {
            // What is said of neither is known of both: tags are shared, comments belong to one.
            (Sort::Thing, Some(model)) if self.relate(model, &object.text) => {}
            (Sort::Thing | Sort::Described, _) => {
                self.add_thing(&object.text, model);
            }
            (Sort::Properties, Some(model)) => self.add_fields(clause, model, &object.text),
            (Sort::Properties, None) if self.add_thing(&object.text, None) => {}
            (Sort::Properties, None) => self.which(clause),
        }
    }

    /// Nobody said of which model.
    fn which(&mut self, clause: &Clause) {
        let models: Vec<&str> = self.spec.models.iter().map(|model| model.name.as_str()).collect();
        let models = models.join(", ");
        let said = self.say(
            format!("\"{}\" does not say to what: {models}", clause.whole),
            format!("«{}»: непонятно, к чему: {models}", clause.whole),
        );
        self.out.unclear.push(said);
    }

    /// `add archived to status`: another value of a fixed set.
    fn add_value(&mut self, clause: &Clause) -> bool {
        let words: Vec<&str> = clause.rest.split_whitespace().collect();
        let Some(at) = words.iter().rposition(|word| clauses::PLACES.contains(&clauses::bare(word).as_str())) else {
            return false;
        };
        let place = words[at + 1..].join(" ");
        if resolve::model(&self.spec, &place).is_some() {
            return false;
        }
        let owners = resolve::owners(&self.spec, &place);
        let [(model, name)] = &owners[..] else { return false };
        let Some(field) = model.field(name.as_str()) else { return false };
        let FieldType::Enum(values) = &field.ty else { return false };
        let mut values = values.clone();
        let noise = ["value", "values", "option", "status", "значение", "статус", "a", "the"];
        let said = words[..at].join(" ");
        let new = said.split([',', '/']).flat_map(|part| part.split(" and ")).flat_map(|part| part.split(" и "));
        for value in new {
            let kept: Vec<String> =
                value.split_whitespace().map(clauses::bare).filter(|word| !noise.contains(&word.as_str())).collect();
            let read = resolve::fields(model, &format!("{name} (x1, {})", kept.join(" ")));
            let spelled = read.into_iter().find_map(|field| match field.ty {
                FieldType::Enum(values) => values.into_iter().nth(1),
                _ => None,
            });
            let value = spelled.or_else(|| EnumValue::parse(&kept.join("_")).ok());
            values.extend(value.filter(|value| !values.contains(value)).into_iter().collect::<Vec<_>>());
        }
        let (model, field) = (model.name.clone(), Field { ty: FieldType::Enum(values), ..field.clone() });
        if self.spec.models.iter().any(|known| known.name == model && known.fields.contains(&field)) {
            return false;
        }
        self.edit(Edit::SetField { model, field });
        true
    }

    /// Export, summaries.
    fn add_ability(&mut self, what: &str, model: Option<&Model>) -> bool {
        let about = model.or(self.spec.models.first());
        let Some(model) = about else { return false };
        let word = snake_case(model.name.as_str()).replace('_', " ");
        let Some(first) = model.fields.first() else { return false };
        let described = format!("{word}: {}. {what} for {word}", first.name.as_str().replace('_', " "));
        let described = match self.language {
            Language::En => described,
            Language::Ru => format!("{word}: {}. {what} {word}", first.name.as_str().replace('_', " ")),
        };
        let Some(read) = understand(&described, &[]).spec else { return false };
        let features: Vec<_> = read
            .features
            .into_iter()
            .filter(|feature| feature.model() == &model.name && !self.spec.features.contains(feature))
            .collect();
        let any = !features.is_empty();
        for feature in features {
            self.edit(Edit::AddFeature { feature });
        }
        any
    }

    /// A thing of its own, which belongs to the one it is added to.
    fn add_thing(&mut self, what: &str, to: Option<&Model>) -> bool {
        let read = understand(what, &[]);
        let gaps = !read.gaps.is_empty();
        self.out.gaps.extend(read.gaps);
        let Some(spec) = read.spec else { return gaps };
        let known = |name: &str| self.spec.models.iter().any(|model| model.name.as_str() == name);
        let new: Vec<Model> = spec.models.into_iter().filter(|model| !known(model.name.as_str())).collect();
        let names: Vec<String> = new.iter().map(|model| model.name.to_string()).collect();
        let all = |name: &str| known(name) || names.iter().any(|new| new == name);
        let mut added = Vec::new();
        for mut model in new {
            model.fields.retain(|field| match &field.ty {
                FieldType::Ref(reference) => all(reference.model.as_str()),
                _ => true,
            });
            if model.fields.is_empty() {
                continue;
            }
            let points = |to: &Model| {
                model.fields.iter().any(|field| matches!(&field.ty, FieldType::Ref(r) if r.model == to.name))
            };
            if let Some(to) = to.filter(|to| added.is_empty() && !points(to))
                && let Ok(name) = FieldName::parse(&snake_case(to.name.as_str()))
            {
                // A `note` of its own is no reference to a `Note`.
                let taken = model.field(name.as_str()).is_some();
                let other = FieldName::parse(&format!("parent_{name}")).ok().filter(|_| taken);
                let name = other.unwrap_or(name);
                let reference =
                    Reference { model: to.name.clone(), kind: RelationKind::ManyToOne, on_delete: OnDelete::Cascade };
                let said = self.say(
                    format!("each `{}` belongs to one `{}` and goes with it", model.name, to.name),
                    format!("`{}` относится к одному `{}` и удаляется вместе с ним", model.name, to.name),
                );
                self.out.assumptions.push(said);
                model.fields.push(Field::new(name, FieldType::Ref(reference)));
            }
            added.push(model);
        }
        let any = !added.is_empty();
        for model in added {
            self.edit(Edit::AddModel { model });
        }
        any || gaps
    }

    fn add_fields(&mut self, clause: &Clause, model: &Model, listed: &str) {
        let read = resolve::fields(model, listed);
        if read.len() < resolve::items(listed).len() && !listed.contains([':', '/']) {
            let gaps = understand(listed, &[]).gaps;
            if gaps.is_empty() {
                self.unclear(clause);
            }
            self.out.gaps.extend(gaps);
        }
        for field in read {
            self.add_field(model, field);
        }
    }

    fn add_field(&mut self, model: &Model, mut field: Field) {
        if model.field(field.name.as_str()).is_some() {
            let said = self.say(
                format!("`{}` has `{}` already", model.name, field.name),
                format!("у `{}` уже есть `{}`", model.name, field.name),
            );
            self.out.unclear.push(said);
            return;
        }
        if let FieldType::Ref(reference) = &field.ty
            && !self.spec.models.iter().any(|known| known.name == reference.model)
        {
            field.ty = FieldType::String;
        }
        let many = matches!(&field.ty, FieldType::Ref(reference) if reference.kind == RelationKind::ManyToMany);
        let has_value = field.default.is_some()
            || many
            || matches!(field.ty, FieldType::Bool | FieldType::List(_) | FieldType::Dict(_));
        if !field.optional && !has_value {
            // What is there already has no value for it.
            field.optional = true;
            let said = self.say(
                format!("`{}` of `{}` may be empty: what is there already has none", field.name, model.name),
                format!("`{}` у `{}` может быть пустым: у того, что уже есть, его нет", field.name, model.name),
            );
            self.out.assumptions.push(said);
        }
        self.edit(Edit::AddField { model: model.name.clone(), field });
    }

    fn remove(&mut self, clause: &Clause) {
        let (what, model) = self.about(clause);
        if model.is_none()
            && let Some(gone) = resolve::model(&self.spec, &resolve::without_noise(&what))
        {
            let model = gone.name.clone();
            return self.remove_model(model);
        }
        let listed = what.replace(" and ", ",").replace(" и ", ",");
        for phrase in listed.split(',').filter(|phrase| !phrase.trim().is_empty()) {
            let owners: Vec<_> = match &model {
                Some(model) => resolve::field(model, phrase)
                    .map(|field| (model.name.clone(), field.name.clone()))
                    .into_iter()
                    .collect(),
                None => resolve::owners(&self.spec, phrase)
                    .into_iter()
                    .map(|(model, field)| (model.name.clone(), field))
                    .collect(),
            };
            match &owners[..] {
                [(model, field)] => self.edit(Edit::RemoveField { model: model.clone(), field: field.clone() }),
                [] => {
                    let phrase = phrase.trim();
                    let said = self
                        .say(format!("there is no `{phrase}` to remove"), format!("нет «{phrase}», удалять нечего"));
                    self.out.unclear.push(said);
                }
                _ => self.which(clause),
            }
        }
    }

    /// A model goes with the references to it.
    fn remove_model(&mut self, model: crate::domain::names::ModelName) {
        let pointing: Vec<_> = self
            .spec
            .references()
            .filter(|(from, _, to)| **to == model && **from != model)
            .map(|(from, field, _)| (from.clone(), field.clone()))
            .collect();
        for (from, field) in pointing {
            self.edit(Edit::RemoveField { model: from, field });
        }
        self.edit(Edit::RemoveModel { model });
    }

    fn rename(&mut self, clause: &Clause) {
        let (what, model) = self.about(clause);
        let words: Vec<&str> = what.split_whitespace().collect();
        let Some(at) =
            words.iter().position(|word| ["to", "into", "as", "в", "на"].contains(&clauses::bare(word).as_str()))
        else {
            return;
        };
        let (old, new) = (words[..at].join(" "), resolve::without_noise(&words[at + 1..].join(" ")));
        let owners: Vec<(Model, FieldName)> = match &model {
            Some(model) => {
                resolve::field(model, &old).map(|field| (model.clone(), field.name.clone())).into_iter().collect()
            }
            None => {
                resolve::owners(&self.spec, &old).into_iter().map(|(model, field)| (model.clone(), field)).collect()
            }
        };
        let [(model, field)] = &owners[..] else { return self.which(clause) };
        let spelled = new.to_lowercase().replace([' ', '-'], "_");
        let read = resolve::fields(model, &new).into_iter().next().map(|field| field.name);
        let Some(to) = FieldName::parse(&spelled).ok().or(read) else { return };
        self.edit(Edit::RenameField { model: model.name.clone(), field: field.clone(), to });
    }

    /// `make title unique`, `сделай срок обязательным`.
    fn make(&mut self, clause: &Clause) {
        let Some((head, last)) = clause.rest.rsplit_once(' ') else { return };
        let (phrase, model) = self.about(&Clause { rest: head.to_owned(), ..clause.clone() });
        let last = clauses::bare(last);
        let starts = |stems: &[&str]| stems.iter().any(|stem| last.starts_with(stem));
        let unique = starts(&["unique", "уникальн"]);
        let optional = starts(&["optional", "необязательн"]);
        let required = starts(&["required", "mandatory", "обязательн"]);
        if !(unique || optional || required) {
            return;
        }
        let owners: Vec<(Model, FieldName)> = match &model {
            Some(model) => {
                resolve::field(model, &phrase).map(|field| (model.clone(), field.name.clone())).into_iter().collect()
            }
            None => {
                resolve::owners(&self.spec, &phrase).into_iter().map(|(model, field)| (model.clone(), field)).collect()
            }
        };
        let [(model, name)] = &owners[..] else { return self.which(clause) };
        let Some(field) = model.field(name.as_str()) else { return };
        let changed = Field {
            unique: field.unique || unique,
            optional: if required { false } else { field.optional || optional },
            ..field.clone()
        };
        if changed != *field {
            self.edit(Edit::SetField { model: model.name.clone(), field: changed });
        }
    }

    /// Things that a model gets many of.
    fn relate(&mut self, model: &Model, things: &str) -> bool {
        let word = snake_case(model.name.as_str()).replace('_', " ");
        let before = self.out.edits.len();
        self.describe(&match self.language {
            Language::En => format!("each {word} has many {things}"),
            Language::Ru => format!("у каждого {word} есть {things}"),
        });
        self.out.edits.len() > before
    }

    /// `every task has a due date`: what is new about models that are there.
    fn state(&mut self, clause: &Clause) {
        self.describe(&clause.rest);
    }

    fn describe(&mut self, text: &str) {
        let read = understand(text, &[]);
        self.out.gaps.extend(read.gaps);
        let Some(described) = read.spec else { return };
        let models = self.spec.models.clone();
        let (known, new): (Vec<Model>, Vec<Model>) =
            described.models.into_iter().partition(|model| models.iter().any(|known| known.name == model.name));
        if known.is_empty() {
            return;
        }
        for mut model in new {
            model.fields.retain(|field| match &field.ty {
                FieldType::Ref(reference) => models.iter().any(|known| known.name == reference.model),
                _ => true,
            });
            if !model.fields.is_empty() {
                self.edit(Edit::AddModel { model });
            }
        }
        for described in known {
            let Some(model) = models.iter().find(|model| model.name == described.name) else { continue };
            for field in described.fields.into_iter().filter(|field| model.field(field.name.as_str()).is_none()) {
                self.add_field(model, field);
            }
        }
    }
}

/// Something that is added.
struct Object {
    sort: Sort,
    text: String,
}

/// What it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    /// Properties of a model.
    Properties,
    /// A thing of its own: `comments`. A `comment` is a property.
    Thing,
    /// One with properties: `comments with author and text`.
    Described,
}

/// What a clause adds, each for itself. What follows a thing with properties is one of them.
fn objects(spec: &Spec, what: &str) -> Vec<Object> {
    let mut objects: Vec<Object> = Vec::new();
    for item in resolve::items(what) {
        let (head, opens) = head(&item);
        let said = named(&head);
        let is_known = resolve::model(spec, &head).is_some();
        let is_thing = said.plural && said.model.is_some() && !is_known;
        let sort = match opens {
            Some(Opens::With) if said.keys.len() <= 2 && !is_known => Sort::Described,
            Some(Opens::Colon) if is_thing => Sort::Described,
            None if is_thing => Sort::Thing,
            _ => Sort::Properties,
        };
        match objects.last_mut() {
            Some(last) if sort != Sort::Described && last.sort == Sort::Described => {
                last.text = format!("{}, {item}", last.text);
            }
            Some(last) if sort == Sort::Properties && last.sort == Sort::Properties => {
                last.text = format!("{}, {item}", last.text);
            }
            _ => objects.push(Object { sort, text: item }),
        }
    }
    objects
}

/// What begins the properties of a thing.
enum Opens {
    With,
    Colon,
}

/// What stands before the properties of a phrase: `comments` of `comments with author`.
fn head(item: &str) -> (String, Option<Opens>) {
    let mut head = Vec::new();
    let mut opens = None;
    for word in item.split_whitespace().take_while(|word| !word.starts_with('(')) {
        if ["with", "having", "that", "с", "со", "where"].contains(&clauses::bare(word).as_str()) {
            opens = Some(Opens::With);
            break;
        }
        head.push(word.trim_end_matches(':'));
        if word.ends_with(':') {
            opens = Some(Opens::Colon);
            break;
        }
    }
    (resolve::without_noise(&head.join(" ")), opens)
}

#[cfg(test)]
mod tests;
