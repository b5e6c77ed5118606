//! The person's own words for models: a text that speaks of trainers gets `Trainer`, though the lexicon files them
//! under `Coach`.
//!
//! It is the last step of all: until then every rule finds a kind of thing under one name. A word that is used beside
//! another one for the same kind, a plural without a singular, or a name that is taken changes nothing.

use super::draft::Draft;
use super::lexicon::lexicon;
use super::phrases::Chunk;
use crate::domain::inflect::{pascal_case, plural, singular, snake_case};
use crate::domain::names::{FieldName, ModelName};
use crate::domain::spec::{Feature, FieldType, Model, RelationKind};

/// Words that say less than the name in the lexicon, or are no name for one record.
const POOR: &[&str] = &[
    "good",
    "goods",
    "stuff",
    "thing",
    "staff",
    "people",
    "human",
    "auto",
    "rent",
    "personnel",
    "clothes",
    "docs",
    "faq",
    "trivia",
    "merchandise",
    "cattle",
    "livestock",
    "paper",
    "kind",
    "type",
    "good",
    "wiki",
    "fuel",
    "sleep",
    "mood",
    "estate",
    "hardware",
    "stock",
    "selling",
    "presence",
    "assignment",
    "executor",
    "assignee",
    "class",
    "todo",
    "correspondence",
    "vocabulary",
    "maintenance",
    "training",
    "schedule",
    "score",
    "mark",
    "note",
    "part",
    "history",
    "cost",
    "lending",
    "borrowing",
    "posting",
    "record",
    "entry",
    "metric",
    "studies",
    "master",
];

/// The word of a mention, if it could name a model.
pub(super) fn of(head: &Chunk) -> Option<String> {
    let word = singular(&head.lower);
    let plain = !head.cyrillic && head.words == 1 && word.len() > 2 && word.bytes().all(|b| b.is_ascii_lowercase());
    let one_of_many = plural(&word) != word;
    (plain && one_of_many && !POOR.contains(&word.as_str())).then_some(word)
}

/// The models that get another name: from, to.
pub(super) fn renames(draft: &Draft, models: &[Model]) -> Vec<(String, String)> {
    let mut out: Vec<(String, String)> = Vec::new();
    for model in models {
        let Some(thing) = draft.find(model.name.as_str()).map(|id| &draft.things[id]) else { continue };
        let [word] = &thing.own_words[..] else { continue };
        let new = pascal_case(word);
        let canonical = thing.entry.is_some_and(|at| lexicon().entity(at).model == thing.model);
        let taken = |name: &str| {
            let (one, many) = (snake_case(name), plural(&snake_case(name)));
            models.iter().any(|other| {
                let known = [other.name.snake(), other.name.plural_snake()];
                known.contains(&one) || known.contains(&many)
            }) || out.iter().any(|(_, to)| to == name)
        };
        if canonical && new != thing.model && ModelName::parse(&new).is_ok() && !taken(&new) {
            out.push((thing.model.clone(), new));
        }
    }
    out
}

/// Gives the models, their relations and features the new names. A relation keeps its field's name where a new one
/// would not do.
pub(super) fn apply(renames: &[(String, String)], models: &mut [Model], features: &mut [Feature]) {
    let to = |name: &ModelName| {
        let (_, new) = renames.iter().find(|(from, _)| from == name.as_str())?;
        ModelName::parse(new).ok()
    };
    for model in models.iter_mut() {
        let taken: Vec<FieldName> = model.fields.iter().map(|field| field.name.clone()).collect();
        for field in &mut model.fields {
            let FieldType::Ref(reference) = &mut field.ty else { continue };
            let Some(new) = to(&reference.model) else { continue };
            let (old_name, new_name) = match reference.kind {
                RelationKind::ManyToMany => (reference.model.plural_snake(), new.plural_snake()),
                RelationKind::ManyToOne | RelationKind::OneToOne => (reference.model.snake(), new.snake()),
            };
            if field.name.as_str() == old_name
                && let Ok(name) = FieldName::parse(&new_name)
                && !taken.contains(&name)
            {
                field.name = name;
            }
            reference.model = new;
        }
        if let Some(new) = to(&model.name) {
            model.name = new;
        }
    }
    for feature in features {
        let model = match feature {
            Feature::ExportCsv { model } | Feature::Summary { model } => model,
            Feature::Redirect(fields) => &mut fields.model,
        };
        if let Some(new) = to(model) {
            *model = new;
        }
    }
}

/// The same sentence with the new names.
pub(super) fn in_text(renames: &[(String, String)], text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut word = String::new();
    for c in text.chars().chain([' ']) {
        if c.is_alphanumeric() {
            word.push(c);
            continue;
        }
        let new = renames.iter().find(|(from, _)| *from == word).map_or(word.as_str(), |(_, to)| to);
        out.push_str(new);
        out.push(c);
        word.clear();
    }
    out.pop();
    out
}
