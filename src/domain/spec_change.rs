//! What changed from one spec to another, as people read it, and what of it loses data.

use super::names::{FieldName, Identifier, ModelName};
use super::spec::{Field, FieldType, Language, Spec};

/// One difference between two specs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpecChange {
    /// A model is new.
    ModelAdded(ModelName),
    /// A model is gone, and every record of it.
    ModelRemoved(ModelName),
    /// A field is new.
    FieldAdded(ModelName, FieldName),
    /// A field is gone, and every value of it.
    FieldRemoved(ModelName, FieldName),
    /// A field holds something else: values that do not fit are lost.
    FieldRetyped(ModelName, FieldName),
    /// Something else about a field: whether it may be absent, its limits, its default.
    FieldChanged(ModelName, FieldName),
    /// A model can be exported, counted, or visited as a short link.
    AbilityAdded(ModelName),
    /// It no longer can.
    AbilityRemoved(ModelName),
    /// There is logic to write by hand.
    LogicAdded(Identifier),
    /// Such logic is gone.
    LogicRemoved(Identifier),
    /// The project's title, description or language.
    Described,
}

impl SpecChange {
    /// What is different in `after`, models first.
    #[must_use]
    pub fn between(before: &Spec, after: &Spec) -> Vec<Self> {
        let mut changes = Vec::new();
        let find = |spec: &Spec, name: &ModelName| spec.models.iter().position(|model| model.name == *name);
        for model in &after.models {
            match find(before, &model.name) {
                None => changes.push(Self::ModelAdded(model.name.clone())),
                Some(at) => fields(&mut changes, &model.name, &before.models[at].fields, &model.fields),
            }
        }
        let gone = before.models.iter().filter(|model| find(after, &model.name).is_none());
        changes.extend(gone.map(|model| Self::ModelRemoved(model.name.clone())));
        let stays = |name: &ModelName| find(before, name).is_some() && find(after, name).is_some();
        let only = |here: &Spec, there: &Spec| {
            let mut models: Vec<ModelName> = here
                .features
                .iter()
                .filter(|feature| !there.features.contains(feature))
                .map(|feature| feature.model().clone())
                .filter(stays)
                .collect();
            models.dedup();
            models
        };
        changes.extend(only(after, before).into_iter().map(Self::AbilityAdded));
        changes.extend(only(before, after).into_iter().map(Self::AbilityRemoved));
        let logic = |spec: &Spec| -> Vec<Identifier> {
            let operations = spec.domains.iter().flat_map(|domain| &domain.operations);
            operations.filter(|operation| operation.action.is_none()).map(|operation| operation.name.clone()).collect()
        };
        let (old, new) = (logic(before), logic(after));
        changes.extend(new.iter().filter(|name| !old.contains(name)).cloned().map(Self::LogicAdded));
        changes.extend(old.iter().filter(|name| !new.contains(name)).cloned().map(Self::LogicRemoved));
        if before.project != after.project {
            changes.push(Self::Described);
        }
        changes
    }

    /// Whether records that are there lose something.
    #[must_use]
    pub fn loses_data(&self) -> bool {
        matches!(self, Self::ModelRemoved(_) | Self::FieldRemoved(..) | Self::FieldRetyped(..))
    }

    /// In a few words.
    #[must_use]
    pub fn words(&self, language: Language) -> String {
        let (en, ru) = match self {
            Self::ModelAdded(model) => (format!("`{model}` is new"), format!("новое: `{model}`")),
            Self::ModelRemoved(model) => {
                (format!("`{model}` is removed with all its records"), format!("`{model}` удаляется со всеми записями"))
            }
            Self::FieldAdded(model, field) => {
                (format!("`{model}` gets `{field}`"), format!("у `{model}` появляется `{field}`"))
            }
            Self::FieldRemoved(model, field) => (
                format!("`{field}` of `{model}` is removed with all its values"),
                format!("`{field}` у `{model}` удаляется со всеми значениями"),
            ),
            Self::FieldRetyped(model, field) => (
                format!("`{field}` of `{model}` gets another type; values that do not fit are lost"),
                format!("у `{field}` в `{model}` меняется тип; неподходящие значения пропадут"),
            ),
            Self::FieldChanged(model, field) => {
                (format!("`{field}` of `{model}` changes"), format!("`{field}` у `{model}` меняется"))
            }
            Self::AbilityAdded(model) => {
                (format!("`{model}` gets an ability"), format!("у `{model}` новая возможность"))
            }
            Self::AbilityRemoved(model) => {
                (format!("`{model}` loses an ability"), format!("у `{model}` убрана возможность"))
            }
            Self::LogicAdded(name) => (format!("`{name}` is new logic"), format!("новая логика: `{name}`")),
            Self::LogicRemoved(name) => (format!("`{name}` is removed"), format!("`{name}` удаляется")),
            Self::Described => ("its description changes".to_owned(), "меняется описание".to_owned()),
        };
        match language {
            Language::En => en,
            Language::Ru => ru,
        }
    }
}

fn fields(changes: &mut Vec<SpecChange>, model: &ModelName, before: &[Field], after: &[Field]) {
    let find = |fields: &[Field], name: &FieldName| fields.iter().position(|field| field.name == *name);
    for field in after {
        let name = field.name.clone();
        match find(before, &field.name).map(|at| &before[at]) {
            None => changes.push(SpecChange::FieldAdded(model.clone(), name)),
            Some(old) if narrows(&old.ty, &field.ty) => changes.push(SpecChange::FieldRetyped(model.clone(), name)),
            Some(old) if old != field => changes.push(SpecChange::FieldChanged(model.clone(), name)),
            Some(_) => {}
        }
    }
    let gone = before.iter().filter(|field| find(after, &field.name).is_none());
    changes.extend(gone.map(|field| SpecChange::FieldRemoved(model.clone(), field.name.clone())));
}

/// Whether values of the one type may have no place in the other.
fn narrows(before: &FieldType, after: &FieldType) -> bool {
    match (before, after) {
        (FieldType::Enum(old), FieldType::Enum(new)) => old.iter().any(|value| !new.contains(value)),
        (FieldType::String, FieldType::Text) | (FieldType::Int, FieldType::Decimal) => false,
        (FieldType::Ref(old), FieldType::Ref(new)) => old.model != new.model || old.kind != new.kind,
        (old, new) => old != new,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::spec_edit::Edit;

    fn spec() -> Spec {
        serde_json::from_value(serde_json::json!({
            "project": { "name": "notes", "title": "Notes", "description": "notes" },
            "modules": ["backend"],
            "models": [
                { "name": "Note", "fields": [
                    { "name": "title", "type": "string" }, { "name": "body", "type": "text" },
                    { "name": "status", "type": { "enum": ["new", "done"] } },
                ] },
                { "name": "Tag", "fields": [{ "name": "name", "type": "string" }] },
            ],
        }))
        .expect("a spec")
    }

    fn after(edits: serde_json::Value) -> Vec<SpecChange> {
        let edits: Vec<Edit> = serde_json::from_value(edits).expect("edits");
        SpecChange::between(&spec(), &spec().edited(&edits).expect("they can be made"))
    }

    #[test]
    fn a_spec_that_is_the_same_has_no_changes() {
        assert_eq!(SpecChange::between(&spec(), &spec()), []);
    }

    #[test]
    fn what_is_added_loses_nothing_and_what_is_removed_or_retyped_does() {
        let added = after(serde_json::json!([
            { "op": "add_field", "model": "Note", "field": { "name": "due", "type": "date", "optional": true } },
            { "op": "add_model", "model": { "name": "Comment", "fields": [{ "name": "text", "type": "text" }] } },
            { "op": "add_feature", "feature": { "export_csv": { "model": "Note" } } },
            { "op": "set_field", "model": "Note", "field": { "name": "title", "type": "text" } },
            { "op": "set_field", "model": "Note", "field": { "name": "status", "type": { "enum": ["new", "done", "late"] } } },
        ]));
        assert_eq!(added.len(), 5, "{added:?}");
        assert!(added.iter().all(|change| !change.loses_data()), "{added:?}");
        let lost = after(serde_json::json!([
            { "op": "remove_field", "model": "Note", "field": "body" },
            { "op": "set_field", "model": "Note", "field": { "name": "title", "type": "int" } },
            { "op": "set_field", "model": "Note", "field": { "name": "status", "type": { "enum": ["new"] } } },
            { "op": "remove_model", "model": "Tag" },
        ]));
        assert_eq!(lost.len(), 4, "{lost:?}");
        assert!(lost.iter().all(SpecChange::loses_data), "{lost:?}");
        let words: Vec<String> = lost.iter().map(|change| change.words(Language::En)).collect();
        assert!(words.contains(&"`Tag` is removed with all its records".to_owned()), "{words:?}");
    }

    #[test]
    fn a_renamed_field_is_one_gone_and_one_new() {
        let changes =
            after(serde_json::json!([{ "op": "rename_field", "model": "Note", "field": "body", "to": "text" }]));
        assert_eq!(changes.iter().filter(|change| change.loses_data()).count(), 1);
        assert_eq!(changes.len(), 2);
    }
}
