//! Relations between models: those that were stated, those that such models usually have, and what keeps them valid.

use std::collections::HashSet;

use super::build::main_thing;
use super::draft::{Draft, Id, Link};
use super::fields::FieldSet;
use super::lexicon::lexicon;
use super::wording::{say, with_article};
use crate::domain::spec::{FieldType, Language, OnDelete, Reference, RelationKind};

/// Turns stated, usual and implied relations into fields.
pub(super) fn relate(
    draft: &Draft,
    kept: &[Id],
    names: &[String],
    sets: &mut [FieldSet],
    language: Language,
    assumptions: &mut Vec<String>,
) {
    let place = |id: Id| kept.iter().position(|kept| *kept == id);
    for weak in [false, true] {
        for link in draft.links.iter().filter(|link| link.weak == weak) {
            let (Some(from), Some(to)) = (place(link.from), place(link.to)) else { continue };
            if from == to || (weak && related(sets, names, from, to)) {
                continue;
            }
            add_link(link, names, sets, from, to);
        }
        if !weak {
            wished(names, sets);
            usual_relations(names, sets, language, assumptions);
        }
    }
    orphans(draft, kept, names, sets, language, assumptions);
    break_circles(names, sets);
}

fn add_link(link: &Link, names: &[String], sets: &mut [FieldSet], from: usize, to: usize) {
    let tables = lexicon();
    let target = &names[to];
    let usual = sets[from].relations.iter().find(|relation| relation.model == *target);
    let part =
        tables.model(&names[from]).is_some_and(|at| tables.entity(at).is_part()) || usual.is_some_and(|u| u.required);
    let optional = link.optional.unwrap_or(false);
    let on_delete = match (optional, part) {
        (true, _) => OnDelete::SetNull,
        (false, true) => OnDelete::Cascade,
        (false, false) => OnDelete::Restrict,
    };
    let name = link.name.clone().or_else(|| usual.map(|usual| usual.name.clone()));
    sets[from].refer(target, name, link.kind, optional && link.kind != RelationKind::ManyToMany, on_delete);
}

/// Whether two models already refer to each other.
fn related(sets: &[FieldSet], names: &[String], a: usize, b: usize) -> bool {
    sets[a].refers_to(&names[b]) || sets[b].refers_to(&names[a])
}

/// A property whose word is also a model refers to it.
fn wished(names: &[String], sets: &mut [FieldSet]) {
    for at in 0..sets.len() {
        for (field, model) in std::mem::take(&mut sets[at].wishes) {
            let Some(to) = names.iter().position(|name| *name == model).filter(|to| *to != at) else { continue };
            let Some(known) = sets[at].fields.iter().position(|known| known.name.as_str() == field) else { continue };
            let removed = sets[at].fields.remove(known);
            if !related(sets, names, at, to) {
                let on_delete = if removed.optional { OnDelete::SetNull } else { OnDelete::Restrict };
                sets[at].refer(&model, None, RelationKind::ManyToOne, removed.optional, on_delete);
            }
        }
    }
}

/// The relations such models usually have, where both are there and nothing else was said.
fn usual_relations(names: &[String], sets: &mut [FieldSet], language: Language, assumptions: &mut Vec<String>) {
    let mut assumed = Vec::new();
    for at in 0..sets.len() {
        for relation in std::mem::take(&mut sets[at].relations) {
            let Some(to) = names.iter().position(|name| *name == relation.model) else { continue };
            if to == at || related(sets, names, at, to) {
                continue;
            }
            let on_delete = if relation.required { OnDelete::Cascade } else { OnDelete::SetNull };
            let optional = !relation.required && relation.kind != RelationKind::ManyToMany;
            sets[at].refer(&relation.model, Some(relation.name), relation.kind, optional, on_delete);
            let (one, other) = (&names[at], &names[to]);
            assumed.push(match relation.kind {
                RelationKind::ManyToMany => say(
                    language,
                    format!("{one} and {other} are many to many"),
                    format!("{one} и {other} связаны «многие ко многим»"),
                ),
                RelationKind::ManyToOne | RelationKind::OneToOne if relation.required => say(
                    language,
                    format!("each {one} belongs to {}", with_article(other)),
                    format!("каждый {one} относится к одному {other}"),
                ),
                RelationKind::ManyToOne | RelationKind::OneToOne => say(
                    language,
                    format!("each {one} may belong to {}", with_article(other)),
                    format!("каждый {one} может относиться к {other}"),
                ),
            });
        }
    }
    if !assumed.is_empty() {
        assumptions.push(assumed.join("; "));
    }
}

/// Tags and categories that nothing refers to are those of the main thing.
fn orphans(
    draft: &Draft,
    kept: &[Id],
    names: &[String],
    sets: &mut [FieldSet],
    language: Language,
    assumptions: &mut Vec<String>,
) {
    const SORTS: &[&str] = &["Tag", "Category", "Genre", "Topic", "Folder", "Skill", "Ingredient", "Collection"];
    let tables = lexicon();
    let Some(main) = main_thing(draft, kept).and_then(|main| kept.iter().position(|id| *id == main)) else { return };
    for at in 0..names.len() {
        let alone = (0..names.len()).all(|other| other == at || !related(sets, names, at, other));
        if at == main || !alone || !SORTS.contains(&names[at].as_str()) {
            continue;
        }
        let shared = tables.model(&names[at]).is_some_and(|entry| tables.entity(entry).is_shared());
        let kind = if shared { RelationKind::ManyToMany } else { RelationKind::ManyToOne };
        sets[main].refer(&names[at], None, kind, !shared, OnDelete::SetNull);
        let (one, other) = (&names[main], &names[at]);
        assumptions.push(if shared {
            say(
                language,
                format!("{one} and {other} are many to many"),
                format!("{one} и {other} связаны «многие ко многим»"),
            )
        } else {
            say(
                language,
                format!("each {one} may belong to {}", with_article(other)),
                format!("каждый {one} может относиться к {other}"),
            )
        });
    }
}

/// Required references must not lead back to where they started.
fn break_circles(names: &[String], sets: &mut [FieldSet]) {
    for start in 0..names.len() {
        let mut stack = vec![(start, Vec::<usize>::new())];
        let mut seen = HashSet::new();
        let mut circle = false;
        while let Some((at, _)) = stack.pop() {
            for to in required(names, &sets[at]) {
                if to == start {
                    circle = true;
                } else if seen.insert(to) {
                    stack.push((to, Vec::new()));
                }
            }
        }
        if circle {
            for field in &mut sets[start].fields {
                if let FieldType::Ref(reference) = &mut field.ty
                    && reference.kind != RelationKind::ManyToMany
                {
                    field.optional = true;
                    reference.on_delete = OnDelete::SetNull;
                }
            }
        }
    }
}

fn required(names: &[String], set: &FieldSet) -> Vec<usize> {
    set.fields
        .iter()
        .filter(|field| !field.optional)
        .filter_map(|field| match &field.ty {
            FieldType::Ref(Reference { model, kind, .. }) if *kind != RelationKind::ManyToMany => {
                names.iter().position(|name| name == model.as_str())
            }
            _ => None,
        })
        .collect()
}
