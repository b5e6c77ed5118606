//! From a draft to models: which things stay, which fields they get, how they refer to each other.
//!
//! Everything the spec demands is made true here: valid and distinct names, references to models that exist, no
//! circle of required references, defaults of the right type. `fields` makes the fields; `mod` adds features.

use std::collections::HashSet;

use super::draft::{Draft, Id};
use super::fields::{FieldSet, usual_fields};
use super::lexicon::lexicon;
use super::links::relate;
use super::things::app_of;
use super::wording::{list, say};
use crate::domain::inflect::plural;
use crate::domain::names::{FieldName, ModelName};
use crate::domain::spec::{Field, FieldType, Language, Model};

/// The most models a project is given.
const MAX_MODELS: usize = 24;

/// The models, and what was assumed to make them.
pub(super) struct Built {
    /// The models, in the order in which they were described.
    pub models: Vec<Model>,
    /// What was assumed.
    pub assumptions: Vec<String>,
}

/// Makes the models of a draft. None when it names nothing to keep.
pub(super) fn models(draft: &mut Draft, language: Language) -> Option<Built> {
    let mut assumptions = Vec::new();
    let mut kept = select(draft, language, &mut assumptions);
    if kept.is_empty() {
        return None;
    }
    in_context(draft, &mut kept);
    attach_loose(draft, &kept);
    merge_synonyms(draft, &mut kept);
    drop_idle_headings(draft, &mut kept);
    drop_idle_roles(draft, &mut kept, language, &mut assumptions);
    companions(draft, &mut kept, language, &mut assumptions);
    make_distinct(draft, &mut kept);
    kept.truncate(MAX_MODELS);

    let names: Vec<String> = kept.iter().map(|id| draft.things[*id].model.clone()).collect();
    let mut sets: Vec<FieldSet> = Vec::new();
    let mut chosen_fields: Vec<String> = Vec::new();
    for id in &kept {
        let thing = &draft.things[*id];
        let set = usual_fields(thing, &names);
        if thing.props.iter().all(|prop| prop.implied) {
            let chosen: Vec<String> = set.fields.iter().map(|field| field.name.to_string()).collect();
            if !chosen.is_empty() {
                chosen_fields.push(format!("{} ({})", thing.model, chosen.join(", ")));
            }
        }
        sets.push(set);
    }
    if !chosen_fields.is_empty() {
        let shown = list(language, &chosen_fields);
        assumptions.push(say(
            language,
            format!("no fields were named for {shown}: these were chosen"),
            format!("поля не названы и выбраны за вас: {shown}"),
        ));
    }
    relate(draft, &kept, &names, &mut sets, language, &mut assumptions);
    let models = finish(draft, &kept, sets, language);
    Some(Built { models, assumptions })
}

/// The things that stay: those said clearly, else those said at all, else those of the domain.
fn select(draft: &mut Draft, language: Language, assumptions: &mut Vec<String>) -> Vec<Id> {
    let tables = lexicon();
    let sure: Vec<Id> = (0..draft.things.len()).filter(|id| draft.things[*id].score >= 2).collect();
    let told = sure.iter().any(|id| !draft.things[*id].heading || !draft.things[*id].props.is_empty());
    let domain: Vec<&'static str> = {
        let mut models: Vec<&'static str> = Vec::new();
        for app in draft.heads.iter().flat_map(|(np, _)| np.nouns.iter()).filter_map(app_of) {
            models.extend(app.models.iter().filter(|model| !models.contains(model)).copied().collect::<Vec<_>>());
        }
        models.truncate(7);
        models
    };
    if told {
        // `wine cellar: wines with region`: an unlisted word over the list only names it.
        let idle = |id: Id| {
            let thing = &draft.things[id];
            thing.heading
                && thing.entry.is_none()
                && thing.props.is_empty()
                && !draft.links.iter().any(|l| l.from == id || l.to == id)
        };
        return sure.into_iter().filter(|id| !idle(*id)).collect();
    }
    if !sure.is_empty() && domain.is_empty() {
        return sure;
    }
    // `landing page for my bakery`: a page about it keeps nothing of what a bakery keeps.
    let page_only = draft.heads.first().is_some_and(|(np, _)| {
        np.nouns.iter().any(|noun| ["landing", "лендинг", "визитк", "portfolio"].iter().any(|w| noun.lower.contains(w)))
    });
    if page_only && sure.is_empty() && draft.loose.is_empty() {
        return Vec::new();
    }
    if !domain.is_empty() {
        let names: Vec<String> = domain.iter().map(|model| (*model).to_owned()).collect();
        let narrowed = !draft.loose.is_empty() && draft.loose.len() > 2;
        let take = if narrowed || domain.len() == 1 { 1 } else { domain.len() };
        let mut kept = sure;
        for model in &domain[..take] {
            let id = draft.thing(model, tables.model(model), model, 2);
            if !kept.contains(&id) {
                kept.push(id);
            }
        }
        let mentioned = (0..draft.things.len()).filter(|id| {
            let thing = &draft.things[*id];
            thing.score > 0 && thing.entry.is_some_and(|at| !tables.entity(at).is_role()) && !kept.contains(id)
        });
        kept.extend(mentioned.collect::<Vec<_>>());
        if take > 1 {
            let shown = list(language, &names);
            assumptions.push(say(
                language,
                format!("the description does not say what is kept: {shown} were chosen as usual for it"),
                format!("в описании не сказано, что хранить: взято обычное для такого проекта — {shown}"),
            ));
        }
        return kept;
    }
    let weak: Vec<Id> = (0..draft.things.len())
        .filter(|id| {
            let thing = &draft.things[*id];
            let role = thing.entry.is_some_and(|at| tables.entity(at).is_role());
            let used = thing.score >= 1 && (thing.entry.is_some() || thing.heading || !thing.props.is_empty());
            used && !(role && thing.props.is_empty())
        })
        .collect();
    if !weak.is_empty() {
        let first = &draft.things[weak[0]];
        let people_only = weak.iter().all(|id| draft.things[*id].entry.is_some_and(|at| tables.entity(at).is_person()));
        if people_only && draft.loose.is_empty() && first.props.is_empty() && !first.heading {
            return Vec::new();
        }
        return weak;
    }
    if draft.loose.iter().filter(|prop| prop.listed.is_some()).count() >= 2 {
        let id = draft.thing("Entry", tables.model("Entry"), "entry", 2);
        assumptions.push(say(
            language,
            "no name was given for what is kept: it is called Entry",
            "не сказано, как называется то, что хранится: запись названа Entry",
        ));
        return vec![id];
    }
    Vec::new()
}

/// Words that mean something else beside others: deliveries from suppliers, `приход и расход` of a warehouse.
fn in_context(draft: &mut Draft, kept: &mut Vec<Id>) {
    let tables = lexicon();
    let has = |draft: &Draft, kept: &[Id], model: &str| kept.iter().any(|id| draft.things[*id].model == model);
    let warehouse =
        draft.heads.iter().flat_map(|(np, _)| np.nouns.iter()).filter_map(app_of).any(|app| app.name == "warehouse");
    if has(draft, kept, "Supplier") && !has(draft, kept, "Courier") && !has(draft, kept, "Supply") {
        for id in kept.iter().copied() {
            if draft.things[id].model == "Delivery" {
                draft.things[id].entry = tables.model("Supply");
            }
        }
    }
    let shows = ["Screening", "Event", "Flight", "Movie", "Seat", "Match"].iter().any(|model| has(draft, kept, model));
    let heading = draft.find("EventTicket").filter(|id| draft.things[*id].props.is_empty());
    if let (Some(heading), Some(_)) = (heading, draft.find("Ticket").filter(|_| shows)) {
        // `event tickets: events, tickets`: the heading is about the tickets below it.
        draft.things[heading].model.clear();
        kept.retain(|id| *id != heading);
    }
    let timesheet =
        draft.heads.iter().flat_map(|(np, _)| np.nouns.iter()).filter_map(app_of).any(|app| app.name == "timesheet");
    if let Some(entry) = draft.find("Entry").filter(|_| timesheet && draft.find("TimeEntry").is_none()) {
        "TimeEntry".clone_into(&mut draft.things[entry].model);
        draft.things[entry].entry = tables.model("TimeEntry");
        draft.things[entry].own_words.clear();
    }
    if has(draft, kept, "Recipe")
        && (has(draft, kept, "Patient") || has(draft, kept, "Doctor"))
        && let Some(recipe) = draft.find("Recipe").filter(|_| draft.find("Prescription").is_none())
    {
        "Prescription".clone_into(&mut draft.things[recipe].model);
        draft.things[recipe].own_words.clear();
        draft.things[recipe].entry = tables.model("Prescription");
    }
    if let Some(ticket) = draft.find("Ticket").filter(|_| shows && draft.find("EventTicket").is_none()) {
        "EventTicket".clone_into(&mut draft.things[ticket].model);
        draft.things[ticket].entry = tables.model("EventTicket");
    }
    if warehouse && has(draft, kept, "Income") && has(draft, kept, "Expense") {
        let moves = draft.thing("Movement", tables.model("Movement"), "movement", 2);
        draft.things[moves].listed = true;
        let first = kept.iter().position(|id| matches!(draft.things[*id].model.as_str(), "Income" | "Expense"));
        kept.retain(|id| !matches!(draft.things[*id].model.as_str(), "Income" | "Expense") && *id != moves);
        kept.insert(first.unwrap_or(kept.len()).min(kept.len()), moves);
    }
}

/// Properties of nothing in particular belong to the main thing.
fn attach_loose(draft: &mut Draft, kept: &[Id]) {
    let Some(main) = main_thing(draft, kept) else { return };
    for prop in std::mem::take(&mut draft.loose) {
        let owner =
            kept.iter().copied().find(|id| draft.usual(*id, &prop.name)).filter(|_| !draft.usual(main, &prop.name));
        draft.prop(Some(owner.unwrap_or(main)), prop);
    }
}

/// The thing the project is about: the first that is neither a classifier nor only a person.
pub(super) fn main_thing(draft: &Draft, kept: &[Id]) -> Option<Id> {
    let tables = lexicon();
    kept.iter()
        .copied()
        .find(|id| {
            draft.things[*id].entry.is_none_or(|at| {
                let entry = tables.entity(at);
                !entry.is_classifier() && !entry.is_person() && !entry.is_part() && !entry.is_shared()
            })
        })
        .or_else(|| kept.first().copied())
}

/// A heading such as `журнал обращений` and the `звонок` that is created are one thing.
fn merge_synonyms(draft: &mut Draft, kept: &mut Vec<Id>) {
    let tables = lexicon();
    let group = |draft: &Draft, id: Id| draft.things[id].entry.and_then(|at| tables.entity(at).group());
    let headings: Vec<Id> =
        kept.iter().copied().filter(|id| draft.things[*id].heading && draft.things[*id].props.is_empty()).collect();
    for heading in headings {
        let Some(name) = group(draft, heading) else { continue };
        let Some(other) = kept.iter().copied().find(|id| *id != heading && group(draft, *id) == Some(name)) else {
            continue;
        };
        for link in &mut draft.links {
            for end in [&mut link.from, &mut link.to] {
                if *end == heading {
                    *end = other;
                }
            }
        }
        kept.retain(|id| *id != heading);
    }
}

/// `wedding planner: guests with name`: what only names the project is no record, unless the others have to do with it.
fn drop_idle_headings(draft: &Draft, kept: &mut Vec<Id>) {
    let tables = lexicon();
    let refers = |from: Id, to: Id| {
        let model = draft.things[to].model.as_str();
        draft.things[from].entry.is_some_and(|at| {
            let relations = tables.entity(at).fields.split(',').filter(|field| field.contains(['>', '*']));
            relations.map(|field| field.rsplit(['>', '*']).next().unwrap_or_default().trim()).any(|to| to == model)
        })
    };
    let all = kept.clone();
    let told = |id: Id| draft.things[id].listed || !draft.things[id].props.is_empty();
    // `meeting room booking: rooms with capacity`: the title says nothing more than what stands below it.
    let main = all.iter().any(|id| {
        let thing = &draft.things[*id];
        let minor = |at| {
            let entry = tables.entity(at);
            entry.is_classifier() || entry.is_shared() || entry.is_person() || entry.is_part()
        };
        told(*id) && !thing.titled && !thing.entry.is_some_and(minor)
    });
    kept.retain(|id| {
        let thing = &draft.things[*id];
        let linked = draft
            .links
            .iter()
            .any(|link| (link.from == *id || link.to == *id) && all.contains(&link.from) && all.contains(&link.to));
        let usual =
            all.iter().any(|other| other != id && ((refers(*id, *other) && !thing.titles) || refers(*other, *id)));
        let others = all.iter().any(|other| other != id && told(*other));
        if thing.titled && !told(*id) && main {
            return false;
        }
        !(thing.heading && !told(*id) && others && !linked && !usual)
    });
}

/// People who only act are no records, unless something belongs to them.
fn drop_idle_roles(draft: &Draft, kept: &mut Vec<Id>, language: Language, assumptions: &mut Vec<String>) {
    let tables = lexicon();
    let before = kept.len();
    let mut idle: Vec<String> = Vec::new();
    let all = kept.clone();
    kept.retain(|id| {
        let thing = &draft.things[*id];
        let role = thing.entry.is_some_and(|at| tables.entity(at).is_role());
        let linked = draft.links.iter().any(|link| {
            !link.weak && (link.from == *id || link.to == *id) && all.contains(&link.from) && all.contains(&link.to)
        });
        let stays = !role || before == 1 || thing.listed || thing.heading || linked || !thing.props.is_empty();
        if !stays {
            idle.push(thing.word.clone());
        }
        stays
    });
    for role in &draft.roles {
        if !idle.contains(role) && !all.iter().any(|id| draft.things[*id].word == *role) {
            idle.push(role.clone());
        }
    }
    idle.dedup();
    if !idle.is_empty() {
        let shown = list(language, &idle);
        assumptions.push(say(
            language,
            format!("`{shown}` use the service and are not kept in it as records"),
            format!("«{shown}» пользуются сервисом, отдельные записи о них не ведутся"),
        ));
    }
}

/// `OrderItem` comes with `Order` and `Product`.
fn companions(draft: &mut Draft, kept: &mut Vec<Id>, language: Language, assumptions: &mut Vec<String>) {
    let tables = lexicon();
    let mut added: Vec<String> = Vec::new();
    let has = |draft: &Draft, kept: &[Id], model: &str| kept.iter().any(|id| draft.things[*id].model == model);
    for companion in &tables.companions {
        if !has(draft, kept, companion.of) || !has(draft, kept, companion.when) || has(draft, kept, companion.model) {
            continue;
        }
        let direct = draft.links.iter().any(|link| {
            let ends = [draft.things[link.from].model.as_str(), draft.things[link.to].model.as_str()];
            !link.weak && ends.contains(&companion.of) && ends.contains(&companion.when)
        });
        if direct {
            continue;
        }
        let id = draft.thing(companion.model, tables.model(companion.model), companion.model, 2);
        kept.push(id);
        added.push(companion.model.to_owned());
    }
    if !added.is_empty() {
        let shown = list(language, &added);
        assumptions.push(say(
            language,
            format!("{shown} added to hold what stands in it and how much of it"),
            format!("добавлено, чтобы хранить состав и количество: {shown}"),
        ));
    }
}

/// No two models share a table or a function name.
fn make_distinct(draft: &Draft, kept: &mut Vec<Id>) {
    let mut tables = HashSet::new();
    kept.retain(|id| {
        let Ok(name) = ModelName::parse(&draft.things[*id].model) else { return false };
        let one = name.snake();
        one != plural(&one) && tables.insert(one.clone()) && tables.insert(plural(&one))
    });
}

/// The last touch: every model has a field, and no field stands in the way of a relation's other side.
fn finish(draft: &Draft, kept: &[Id], sets: Vec<FieldSet>, language: Language) -> Vec<Model> {
    let tables = lexicon();
    let mut models: Vec<Model> = Vec::new();
    for (id, set) in kept.iter().zip(sets) {
        let thing = &draft.things[*id];
        let Ok(name) = ModelName::parse(&thing.model) else { continue };
        let mut fields = set.fields;
        if fields.is_empty()
            && let Ok(name) = FieldName::parse("name")
        {
            fields.push(Field::new(name, FieldType::String));
        }
        let description = match (language, thing.entry) {
            (Language::En, _) => None,
            (Language::Ru, Some(at)) if tables.entity(at).model == thing.model => {
                Some(super::props::capitalized(tables.entity(at).ru))
            }
            (Language::Ru, _) => Some(super::props::capitalized(&thing.word)),
        };
        models.push(Model { name, description, fields, variants: Vec::new() });
    }
    let mut taken: Vec<(String, HashSet<String>)> =
        models.iter().map(|model| (model.name.to_string(), HashSet::new())).collect();
    for model in &models {
        for field in &model.fields {
            if let FieldType::Ref(reference) = &field.ty
                && let Some((_, names)) = taken.iter_mut().find(|(name, _)| name == reference.model.as_str())
            {
                names.insert(model.name.plural_snake());
                names.insert(model.name.snake());
            }
        }
    }
    for (model, (_, taken)) in models.iter_mut().zip(&taken) {
        for field in &mut model.fields {
            let stands_in_way = !matches!(field.ty, FieldType::Ref(_)) && taken.contains(field.name.as_str());
            if stands_in_way && let Ok(name) = FieldName::parse(&format!("{}_text", field.name)) {
                field.name = name;
            }
        }
        let mut seen = HashSet::new();
        model.fields.retain(|field| seen.insert(field.name.clone()));
    }
    models
}
