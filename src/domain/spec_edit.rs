//! Small changes of a spec, as data. Each says what it changes; whether the whole makes sense is checked afterwards by
//! `scaffold::spec`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::names::{FieldName, Identifier, ModelName};
use super::spec::{Action, Domain, Feature, Field, Language, Model, Operation, RedirectFields, Spec};

/// One change of a spec.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Edit {
    /// Changes what the project is called and what it is for; what is absent stays.
    SetProject {
        /// The name people read.
        #[serde(default)]
        title: Option<String>,
        /// What it is for.
        #[serde(default)]
        description: Option<String>,
        /// The language of reports.
        #[serde(default)]
        language: Option<Language>,
    },
    /// Adds a model, with its standard operations where operations are written already.
    AddModel {
        /// The model.
        model: Model,
    },
    /// Removes a model with its operations and features.
    RemoveModel {
        /// Its name.
        model: ModelName,
    },
    /// Adds a field to a model.
    AddField {
        /// The model.
        model: ModelName,
        /// The field.
        field: Field,
    },
    /// Replaces the field of the same name.
    SetField {
        /// The model.
        model: ModelName,
        /// The field as it is to be.
        field: Field,
    },
    /// Removes a field from a model and its variants.
    RemoveField {
        /// The model.
        model: ModelName,
        /// The field's name.
        field: FieldName,
    },
    /// Renames a field, also where variants and short links name it. Data of a living project is not carried over.
    RenameField {
        /// The model.
        model: ModelName,
        /// The field's name.
        field: FieldName,
        /// Its new name.
        to: FieldName,
    },
    /// Adds an ability, with its operation where operations are written already.
    AddFeature {
        /// The ability.
        feature: Feature,
    },
    /// Removes an ability with its operation.
    RemoveFeature {
        /// The ability.
        feature: Feature,
    },
    /// Adds a domain with its operations.
    AddDomain {
        /// The domain.
        domain: Domain,
    },
    /// Removes a domain with its operations.
    RemoveDomain {
        /// Its name.
        domain: Identifier,
    },
    /// Adds an operation to a domain.
    AddOperation {
        /// The domain.
        domain: Identifier,
        /// The operation.
        operation: Operation,
    },
    /// Replaces the operation of the same name.
    SetOperation {
        /// The domain.
        domain: Identifier,
        /// The operation as it is to be.
        operation: Operation,
    },
    /// Removes an operation.
    RemoveOperation {
        /// The domain.
        domain: Identifier,
        /// The operation's name.
        operation: Identifier,
    },
}

/// A change that cannot be made, in one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Impossible(String);

fn no(what: &str, name: &str, known: impl Iterator<Item = String>) -> Impossible {
    let known: Vec<String> = known.collect();
    let known = if known.is_empty() { "there are none".to_owned() } else { format!("there are {}", known.join(", ")) };
    Impossible(format!("there is no {what} `{name}`; {known}"))
}

fn twice(what: &str, name: &str) -> Impossible {
    Impossible(format!("there is a {what} `{name}` already"))
}

impl Spec {
    /// The spec with changes made in order, all of them or none.
    ///
    /// # Errors
    /// [`Impossible`] with the number of the change, from 1, and what it names in vain.
    pub fn edited(&self, edits: &[Edit]) -> Result<Self, Impossible> {
        let mut next = self.clone();
        for (at, edit) in edits.iter().enumerate() {
            next.edit(edit).map_err(|Impossible(reason)| Impossible(format!("change {}: {reason}", at + 1)))?;
        }
        Ok(next)
    }

    fn edit(&mut self, edit: &Edit) -> Result<(), Impossible> {
        match edit {
            Edit::SetProject { title, description, language } => {
                self.project.title.clone_from(title.as_ref().unwrap_or(&self.project.title.clone()));
                self.project.description.clone_from(description.as_ref().unwrap_or(&self.project.description.clone()));
                self.project.language = language.unwrap_or(self.project.language);
            }
            Edit::AddModel { model } => {
                if self.models.iter().any(|present| present.name == model.name) {
                    return Err(twice("model", model.name.as_str()));
                }
                self.models.push(model.clone());
                if !self.domains.is_empty() {
                    self.add_standard(&model.name)?;
                }
            }
            Edit::RemoveModel { model } => {
                self.model_mut(model)?;
                self.models.retain(|present| present.name != *model);
                self.features.retain(|feature| feature.model() != model);
                for domain in &mut self.domains {
                    domain.operations.retain(|operation| operation.model.as_ref() != Some(model));
                }
                self.domains.retain(|domain| !domain.operations.is_empty());
            }
            Edit::AddField { model, field } => {
                let model = self.model_mut(model)?;
                if model.field(field.name.as_str()).is_some() {
                    return Err(twice("field", field.name.as_str()));
                }
                model.fields.push(field.clone());
            }
            Edit::SetField { model, field } => *self.field_mut(model, &field.name)? = field.clone(),
            Edit::RemoveField { model, field } => {
                self.field_mut(model, field)?;
                let model = self.model_mut(model)?;
                model.fields.retain(|present| present.name != *field);
                for variant in &mut model.variants {
                    variant.exclude.retain(|name| name != field);
                    variant.optional.retain(|name| name != field);
                }
            }
            Edit::RenameField { model, field, to } => self.rename_field(model, field, to)?,
            Edit::AddFeature { feature } => {
                if self.features.contains(feature) {
                    return Err(Impossible("there is such an ability already".to_owned()));
                }
                let model = feature.model().clone();
                self.model_mut(&model)?;
                self.features.push(feature.clone());
                if !self.domains.is_empty() {
                    self.add_standard(&model)?;
                }
            }
            Edit::RemoveFeature { feature } => {
                let before = self.features.len();
                self.features.retain(|present| present != feature);
                if self.features.len() == before {
                    return Err(Impossible("there is no such ability".to_owned()));
                }
                let model = feature.model();
                for domain in &mut self.domains {
                    domain.operations.retain(|operation| {
                        operation.model.as_ref() != Some(model)
                            || !operation.action.as_ref().is_some_and(|action| does(action, feature))
                    });
                }
            }
            Edit::AddDomain { domain } => {
                if self.domains.iter().any(|present| present.name == domain.name) {
                    return Err(twice("domain", domain.name.as_str()));
                }
                self.domains.push(domain.clone());
            }
            Edit::RemoveDomain { domain } => {
                self.domain_mut(domain)?;
                self.domains.retain(|present| present.name != *domain);
            }
            Edit::AddOperation { domain, operation } => {
                let domain = self.domain_mut(domain)?;
                if domain.operations.iter().any(|present| present.name == operation.name) {
                    return Err(twice("operation", operation.name.as_str()));
                }
                domain.operations.push(operation.clone());
            }
            Edit::SetOperation { domain, operation } => {
                let at = self.operation_at(domain, &operation.name)?;
                self.domain_mut(domain)?.operations[at] = operation.clone();
            }
            Edit::RemoveOperation { domain, operation } => {
                let at = self.operation_at(domain, operation)?;
                self.domain_mut(domain)?.operations.remove(at);
            }
        }
        Ok(())
    }

    fn model_mut(&mut self, name: &ModelName) -> Result<&mut Model, Impossible> {
        match self.models.iter().position(|model| model.name == *name) {
            Some(at) => Ok(&mut self.models[at]),
            None => Err(no("model", name.as_str(), self.models.iter().map(|model| model.name.to_string()))),
        }
    }

    fn field_mut(&mut self, model: &ModelName, name: &FieldName) -> Result<&mut Field, Impossible> {
        let model = self.model_mut(model)?;
        match model.fields.iter().position(|field| field.name == *name) {
            Some(at) => Ok(&mut model.fields[at]),
            None => Err(no("field", name.as_str(), model.fields.iter().map(|field| field.name.to_string()))),
        }
    }

    fn domain_mut(&mut self, name: &Identifier) -> Result<&mut Domain, Impossible> {
        match self.domains.iter().position(|domain| domain.name == *name) {
            Some(at) => Ok(&mut self.domains[at]),
            None => Err(no("domain", name.as_str(), self.domains.iter().map(|domain| domain.name.to_string()))),
        }
    }

    fn operation_at(&mut self, domain: &Identifier, name: &Identifier) -> Result<usize, Impossible> {
        let operations = &self.domain_mut(domain)?.operations;
        let names = operations.iter().map(|operation| operation.name.to_string());
        operations
            .iter()
            .position(|operation| operation.name == *name)
            .ok_or_else(|| no("operation", name.as_str(), names))
    }

    /// The standard operations of a model that its domain does not have, each before the one it precedes: a path with a
    /// word, such as an export's, is never reached after one with an id.
    fn add_standard(&mut self, model: &ModelName) -> Result<(), Impossible> {
        let standard = self.standard_domains().map_err(|error| Impossible(error.to_string()))?;
        let at = self.models.iter().position(|present| present.name == *model);
        let Some(wanted) = at.and_then(|at| standard.into_iter().nth(at)) else { return Ok(()) };
        match self.domains.iter_mut().find(|domain| domain.name == wanted.name) {
            None => self.domains.push(wanted),
            Some(present) => {
                for (nth, operation) in wanted.operations.iter().enumerate() {
                    let find = |name: &Identifier| present.operations.iter().position(|other| other.name == *name);
                    if find(&operation.name).is_some() {
                        continue;
                    }
                    let next = wanted.operations[nth + 1..].iter().find_map(|later| find(&later.name));
                    present.operations.insert(next.unwrap_or(present.operations.len()), operation.clone());
                }
            }
        }
        Ok(())
    }

    fn rename_field(&mut self, model: &ModelName, field: &FieldName, to: &FieldName) -> Result<(), Impossible> {
        if self.model_mut(model)?.field(to.as_str()).is_some() {
            return Err(twice("field", to.as_str()));
        }
        self.field_mut(model, field)?.name = to.clone();
        let rename = |name: &mut FieldName| {
            if name == field {
                *name = to.clone();
            }
        };
        for variant in &mut self.model_mut(model)?.variants {
            variant.exclude.iter_mut().chain(&mut variant.optional).for_each(rename);
        }
        let in_features = self.features.iter_mut().filter_map(|feature| match feature {
            Feature::Redirect(fields) => Some(fields),
            Feature::ExportCsv { .. } | Feature::Summary { .. } => None,
        });
        let operations = self.domains.iter_mut().flat_map(|domain| &mut domain.operations);
        let in_actions = operations.filter_map(|operation| match &mut operation.action {
            Some(Action::Redirect(fields)) => Some(fields),
            _ => None,
        });
        let of_model = |fields: &&mut RedirectFields| fields.model == *model;
        for fields in in_features.chain(in_actions).filter(of_model) {
            let optional = [&mut fields.counter, &mut fields.expires].into_iter().flatten();
            [&mut fields.key, &mut fields.target].into_iter().chain(optional).for_each(rename);
        }
        Ok(())
    }
}

fn does(action: &Action, feature: &Feature) -> bool {
    match (action, feature) {
        (Action::ExportCsv, Feature::ExportCsv { .. }) | (Action::Summary, Feature::Summary { .. }) => true,
        (Action::Redirect(of), Feature::Redirect(fields)) => of == fields,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec() -> Spec {
        let mut spec: Spec = serde_json::from_value(json!({
            "project": { "name": "notes-api", "title": "Notes", "description": "" },
            "modules": ["backend"],
            "models": [{
                "name": "Link",
                "fields": [
                    { "name": "code", "type": "string", "unique": true },
                    { "name": "target", "type": "url" },
                    { "name": "visits", "type": "int" }
                ],
                "variants": [{ "name": "Short", "exclude": ["visits"] }]
            }],
            "features": [{ "redirect": { "model": "Link", "key": "code", "target": "target", "counter": "visits" } }]
        }))
        .unwrap();
        spec.domains = spec.standard_domains().unwrap();
        spec
    }

    fn edits(value: serde_json::Value) -> Vec<Edit> {
        serde_json::from_value(value).unwrap()
    }

    fn operations(spec: &Spec) -> Vec<String> {
        spec.domains.iter().flat_map(|domain| &domain.operations).map(|operation| operation.name.to_string()).collect()
    }

    #[test]
    fn a_new_model_and_a_new_ability_bring_their_operations() {
        let next = spec()
            .edited(&edits(json!([
                { "op": "add_model", "model": { "name": "Tag", "fields": [{ "name": "name", "type": "string" }] } },
                { "op": "add_feature", "feature": { "export_csv": { "model": "Tag" } } },
                { "op": "set_project", "title": "Links" }
            ])))
            .unwrap();
        let names = operations(&next);
        for name in ["list_tags", "create_tag", "export_tags", "open_link"] {
            assert!(names.iter().any(|present| present == name), "{name} of {names:?}");
        }
        let later = next
            .edited(&edits(json!([{ "op": "add_feature", "feature": { "export_csv": { "model": "Link" } } }])))
            .unwrap();
        let names = operations(&later);
        let place = |name: &str| names.iter().position(|present| present == name).unwrap();
        assert!(place("export_links") < place("get_link"), "a path with a word comes before one with an id: {names:?}");
        assert_eq!((next.project.title.as_str(), next.models.len()), ("Links", 2));
        let back = next
            .edited(&edits(json!([
                { "op": "remove_feature", "feature": { "export_csv": { "model": "Tag" } } },
                { "op": "remove_model", "model": "Tag" },
                { "op": "set_project", "title": "Notes" }
            ])))
            .unwrap();
        assert_eq!(back, spec());
    }

    #[test]
    fn a_renamed_field_is_renamed_everywhere() {
        let next = spec()
            .edited(&edits(json!([{ "op": "rename_field", "model": "Link", "field": "visits", "to": "clicks" }])))
            .unwrap();
        let text = serde_json::to_string(&next).unwrap();
        assert!(!text.contains("visits") && text.matches("clicks").count() == 4, "{text}");
    }

    #[test]
    fn what_is_named_in_vain_is_told_with_what_there_is_and_nothing_is_changed() {
        let before = spec();
        for (edit, words) in [
            (json!({ "op": "remove_model", "model": "Book" }), "no model `Book`; there are Link"),
            (
                json!({ "op": "remove_field", "model": "Link", "field": "title" }),
                "no field `title`; there are code, target",
            ),
            (json!({ "op": "remove_operation", "domain": "links", "operation": "fly" }), "no operation `fly`"),
            (
                json!({ "op": "add_field", "model": "Link", "field": { "name": "code", "type": "text" } }),
                "field `code` already",
            ),
        ] {
            let error = before.edited(&edits(json!([{ "op": "set_project", "title": "X" }, edit]))).unwrap_err();
            assert!(error.to_string().starts_with("change 2: ") && error.to_string().contains(words), "{error}");
        }
        assert_eq!(before, spec());
        assert!(serde_json::from_value::<Edit>(json!({ "op": "remove_model", "model": "Link", "x": 1 })).is_err());
    }
}
