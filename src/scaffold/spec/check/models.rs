//! Rules for models, fields, variants and relations.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::Check;
use crate::domain::names::FieldName;
use crate::domain::spec::{Action, Field, FieldType, Model, OnDelete, Reference, RelationKind};
use crate::domain::suggest::nearest;

const MAX_LINE: usize = 500;

impl<'a> Check<'a> {
    pub(super) fn models(&mut self) {
        let mut seen = HashSet::new();
        for model in &self.spec.models {
            let path = format!("models.{}", model.name);
            if !seen.insert(&model.name) {
                self.key(path, format!("the model `{}` stands here twice", model.name));
                continue;
            }
            self.model_rules(&path, model);
        }
        self.cycles();
    }

    fn model_rules(&mut self, path: &str, model: &'a Model) {
        if let Some(text) = &model.description {
            self.line(format!("{path}.description"), text, MAX_LINE);
        }
        if model.fields.is_empty() && !(self.declared)(&format!("{path}.fields.*")) {
            self.key(format!("{path}.fields"), "a model has at least one field");
        }
        let mut seen = HashSet::new();
        for field in &model.fields {
            let path = format!("{path}.fields.{}", field.name);
            if seen.insert(&field.name) {
                self.field(&path, field);
            } else {
                self.key(path, format!("the field `{}` stands here twice", field.name));
            }
        }
        self.derived_columns(path, model);
        self.creatable(path, model);
        for variant in &model.variants {
            let path = format!("{path}.variants.{}", variant.name);
            self.variant_names(&format!("{path}.exclude"), model, &variant.exclude);
            self.variant_names(&format!("{path}.optional"), model, &variant.optional);
            if let Some(name) = variant.optional.iter().find(|name| variant.exclude.contains(name)) {
                self.add(format!("{path}.optional"), format!("`{name}` is left out, so it cannot be optional"));
            }
            if variant.name.as_str() == "Create" && self.has_action(model, &Action::Create) {
                for name in variant.exclude.iter().chain(&variant.optional) {
                    let needed = |field: &Field| !field.optional && field.default.is_none() && !field.readonly;
                    if model.field(name.as_str()).is_some_and(needed) && !self.made_up(model, name) {
                        self.add(path.clone(), format!("a new record cannot do without `{name}`"));
                    }
                }
            }
        }
    }

    fn variant_names(&mut self, path: &str, model: &Model, names: &[FieldName]) {
        for (index, name) in names.iter().enumerate() {
            let path = format!("{path}.{index}");
            if names[..index].contains(name) {
                self.add(path, format!("`{name}` stands here twice"));
            } else if model.field(name.as_str()).is_none()
                && !(self.declared)(&format!("models.{}.fields.{name}", model.name))
            {
                let hint = nearest(name.as_str(), model.fields.iter().map(|field| field.name.as_str()));
                self.hint(path, format!("`{}` has no field `{name}`", model.name), hint);
            }
        }
    }

    fn has_action(&self, model: &Model, action: &Action) -> bool {
        let operations = || self.spec.domains.iter().flat_map(|domain| &domain.operations);
        operations()
            .any(|operation| operation.model.as_ref() == Some(&model.name) && operation.action.as_ref() == Some(action))
    }

    /// The generated code gives a redirect's key a value of its own.
    fn made_up(&self, model: &Model, name: &FieldName) -> bool {
        let mut operations = self.spec.domains.iter().flat_map(|domain| &domain.operations);
        operations.any(|operation| {
            matches!(&operation.action, Some(Action::Redirect(fields)) if fields.model == model.name && fields.key == *name)
        })
    }

    fn creatable(&mut self, path: &str, model: &Model) {
        if !self.has_action(model, &Action::Create) {
            return;
        }
        for field in &model.fields {
            let many = matches!(&field.ty, FieldType::Ref(to) if to.kind == RelationKind::ManyToMany);
            if field.readonly
                && !field.optional
                && field.default.is_none()
                && !many
                && !self.made_up(model, &field.name)
            {
                self.hint(
                    format!("{path}.fields.{}", field.name),
                    "nobody can give a readonly field its first value",
                    "add a `default` or `optional: true`".to_owned(),
                );
            }
        }
    }

    fn field(&mut self, path: &str, field: &Field) {
        if let Some(text) = &field.description {
            self.line(format!("{path}.description"), text, MAX_LINE);
        }
        self.type_rules(path, &field.ty);
        self.bounds(path, field);
        self.default(path, field);
        let plain = matches!(field.ty, FieldType::List(_) | FieldType::Dict(_));
        for (set, key) in [(field.unique, "unique"), (field.index, "index")] {
            if set && plain {
                self.add(format!("{path}.{key}"), format!("a list or a map cannot be `{key}`"));
            }
        }
        if field.unique && field.default.is_some() {
            let hint = "leave one of the two out".to_owned();
            self.hint(format!("{path}.default"), "a unique field with a default fits one record only", hint);
        }
        if let FieldType::Ref(reference) = &field.ty {
            self.reference(path, field, reference);
        }
    }

    fn reference(&mut self, path: &str, field: &Field, reference: &Reference) {
        self.known_model(format!("{path}.ref"), reference.model.as_str());
        if reference.kind == RelationKind::ManyToMany {
            for (set, key) in [(field.unique, "unique"), (field.index, "index")] {
                if set {
                    self.add(format!("{path}.{key}"), format!("a many_to_many relation has no column to be `{key}`"));
                }
            }
            if reference.on_delete != OnDelete::Restrict {
                self.add(format!("{path}.on_delete"), "`on_delete` means nothing for many_to_many");
            }
            return;
        }
        if field.unique && reference.kind == RelationKind::ManyToOne {
            self.hint(
                format!("{path}.unique"),
                "a many_to_one relation cannot be unique",
                "write `relation: one_to_one`".to_owned(),
            );
        }
        if reference.on_delete == OnDelete::SetNull && !field.optional {
            self.hint(
                format!("{path}.on_delete"),
                "`set_null` needs a field that may be empty",
                "write `optional: true`".to_owned(),
            );
        }
    }

    /// A relation makes attributes beside its own: `author_id`, `tags_ids`, `tag_ids`.
    fn derived_columns(&mut self, path: &str, model: &Model) {
        let mut taken: BTreeMap<String, &FieldName> =
            model.fields.iter().map(|field| (field.name.to_string(), &field.name)).collect();
        for field in &model.fields {
            let FieldType::Ref(reference) = &field.ty else { continue };
            let derived: BTreeSet<String> = match reference.kind {
                RelationKind::ManyToMany => {
                    let one = crate::domain::inflect::singular(field.name.as_str());
                    [format!("{}_ids", field.name), format!("{one}_ids")].into()
                }
                RelationKind::ManyToOne | RelationKind::OneToOne => [format!("{}_id", field.name)].into(),
            };
            for name in derived {
                match taken.get(&name) {
                    Some(other) if **other != field.name => {
                        let own = name == other.as_str();
                        let shown = if own { other.as_str() } else { field.name.as_str() };
                        let also = if own { "a field of its own".to_owned() } else { format!("made by `{other}` too") };
                        let reason = format!("the relation `{}` makes `{name}`, which is {also}", field.name);
                        self.key_hint(format!("{path}.fields.{shown}"), reason, "leave one of the two out".to_owned());
                    }
                    _ => {
                        taken.insert(name, &field.name);
                    }
                }
            }
        }
    }

    /// Records that need each other can never be made.
    fn cycles(&mut self) {
        let needs = |model: &'a Model| {
            model.fields.iter().filter_map(|field| match &field.ty {
                FieldType::Ref(to) if to.kind != RelationKind::ManyToMany && !field.optional => {
                    Some((&field.name, to.model.as_str()))
                }
                _ => None,
            })
        };
        let mut reported: BTreeSet<&str> = BTreeSet::new();
        for model in &self.spec.models {
            let start = model.name.as_str();
            if reported.contains(start) {
                continue;
            }
            for (field, target) in needs(model) {
                let Some(way) = self.way(target, start, &needs) else { continue };
                reported.extend(way.iter().copied());
                let path = format!("models.{start}.fields.{field}");
                let (reason, hint) = if target == start {
                    (format!("every `{start}` needs another one before it"), "write `optional: true`")
                } else {
                    let names: Vec<String> = way.iter().map(|name| format!("`{name}`")).collect();
                    let reason =
                        format!("`{start}` needs {}, so neither can be the first", names.join(", which needs "));
                    (reason, "make one of the relations `optional: true`")
                };
                self.hint(path, reason, hint.to_owned());
                break;
            }
        }
    }

    /// The shortest chain of required references from one model to another, both included.
    fn way<I>(&self, from: &'a str, to: &'a str, needs: &impl Fn(&'a Model) -> I) -> Option<Vec<&'a str>>
    where
        I: Iterator<Item = (&'a FieldName, &'a str)>,
    {
        let mut came: BTreeMap<&str, Option<&str>> = BTreeMap::from([(from, None)]);
        let mut queue = std::collections::VecDeque::from([from]);
        while let Some(name) = queue.pop_front() {
            if name == to {
                let mut way = vec![name];
                while let Some(Some(before)) = way.last().and_then(|name| came.get(name)) {
                    way.push(before);
                }
                way.reverse();
                return Some(way);
            }
            for (_, next) in self.model(name).into_iter().flat_map(needs) {
                if let std::collections::btree_map::Entry::Vacant(entry) = came.entry(next) {
                    entry.insert(Some(name));
                    queue.push_back(next);
                }
            }
        }
        None
    }
}
