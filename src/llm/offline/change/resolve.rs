//! What words of a wish mean in a spec that stands: its models, their fields.

use super::clauses::{PLACES, bare};
use crate::domain::inflect::snake_case;
use crate::domain::names::FieldName;
use crate::domain::spec::{Field, Model, Spec};
use crate::llm::offline::understand::{named, understand};

/// The model a phrase names.
pub(super) fn model<'s>(spec: &'s Spec, phrase: &str) -> Option<&'s Model> {
    let said = named(phrase);
    if said.keys.is_empty() {
        return None;
    }
    let same = |model: &&Model| {
        said.model == Some(model.name.as_str())
            || named(&snake_case(model.name.as_str()).replace('_', " ")).keys == said.keys
    };
    spec.models.iter().find(same).or_else(|| {
        // A word that no dictionary has is spelled as it was when the model was made.
        let read = (said.keys.len() == 1 && !phrase.is_ascii()).then(|| understand(phrase, &[]).spec).flatten()?;
        let [only] = &read.models[..] else { return None };
        spec.models.iter().find(|model| model.name == only.name)
    })
}

/// The field of a model that a phrase names.
pub(super) fn field<'m>(model: &'m Model, phrase: &str) -> Option<&'m Field> {
    let said = named(&without_noise(phrase)).keys;
    let spelled = said.join("_");
    let direct = model.fields.iter().find(|field| {
        let name = field.name.as_str();
        name == spelled || named(&name.replace('_', " ")).keys == said
    });
    direct.or_else(|| {
        let [read] = &fields(model, &without_noise(phrase))[..] else { return None };
        model.field(read.name.as_str())
    })
}

/// A property that nobody has.
const LEAD: &str = "zzz";

/// The fields that a list of properties describes.
pub(super) fn fields(model: &Model, listed: &str) -> Vec<Field> {
    let whole = read(model, listed);
    let items = items(listed);
    if whole.len() >= items.len() || listed.contains([':', '/']) {
        return whole;
    }
    // Read together, some have hidden others.
    items.iter().flat_map(|item| read(model, item)).collect()
}

/// What commas and `and` separate, outside of parentheses.
pub(super) fn items(listed: &str) -> Vec<String> {
    let mut items = vec![String::new()];
    let mut depth = 0_usize;
    for word in listed.split_whitespace() {
        let item = items.last_mut().expect("there is one");
        let joins = depth == 0 && ["and", "и"].contains(&word);
        depth = (depth + word.matches('(').count()).saturating_sub(word.matches(')').count());
        if !joins {
            item.push_str(if item.is_empty() { "" } else { " " });
            item.push_str(word.strip_suffix(',').filter(|_| depth == 0).unwrap_or(word));
        }
        if depth == 0 && (joins || word.ends_with(',')) {
            items.push(String::new());
        }
    }
    items.retain(|item| !item.is_empty());
    items
}

fn read(model: &Model, listed: &str) -> Vec<Field> {
    // What is listed after a first property is a property, too, and none is added that was not named.
    let text = format!("{}: {LEAD}, {}", snake_case(model.name.as_str()).replace('_', " "), without_noise(listed));
    let Some(read) = understand(&text, &[]).spec else { return Vec::new() };
    let own = read.models.into_iter().find(|read| read.name == model.name);
    own.into_iter().flat_map(|model| model.fields).filter(|field| field.name.as_str() != LEAD).collect()
}

/// The phrase without `a field called`, `поле`, quotes.
pub(super) fn without_noise(phrase: &str) -> String {
    const NOISE: &[&str] = &[
        "a",
        "an",
        "the",
        "new",
        "field",
        "fields",
        "column",
        "columns",
        "property",
        "called",
        "named",
        "поле",
        "поля",
        "новое",
        "новые",
        "колонку",
        "свойство",
        "called:",
        "too",
        "тоже",
        "please",
        "пожалуйста",
        "field:",
        "поле:",
    ];
    let kept: Vec<&str> =
        phrase.split_whitespace().filter(|word| !NOISE.contains(&word.to_lowercase().as_str())).collect();
    kept.join(" ").replace(['"', '«', '»', '`', '“', '”'], "")
}

/// What a clause is about, cut off it: `due date` and `tasks` of `due date to tasks`, `tasks due date` or `задачам срок`.
pub(super) fn target<'s>(spec: &'s Spec, rest: &str) -> (String, Option<&'s Model>) {
    let words: Vec<&str> = rest.split_whitespace().collect();
    for at in (1..words.len()).rev() {
        if !PLACES.contains(&bare(words[at]).as_str()) {
            continue;
        }
        if let Some(model) = model(spec, &words[at + 1..].join(" ")) {
            return (words[..at].join(" "), Some(model));
        }
    }
    for width in (1..=2.min(words.len().saturating_sub(1))).rev() {
        let next = bare(words[width]);
        if ["with", "с", "со", "having"].contains(&next.as_str()) || words[width - 1].ends_with([',', ':']) {
            continue;
        }
        if let Some(model) = model(spec, &words[..width].join(" ")) {
            return (words[width..].join(" "), Some(model));
        }
    }
    (rest.to_owned(), None)
}

/// The models that have a field of that name.
pub(super) fn owners<'s>(spec: &'s Spec, phrase: &str) -> Vec<(&'s Model, FieldName)> {
    spec.models.iter().filter_map(|model| field(model, phrase).map(|field| (model, field.name.clone()))).collect()
}
