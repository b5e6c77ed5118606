//! Names that are different in the spec and the same in the code or the database.

use std::collections::{BTreeMap, HashSet};

use super::Check;
use crate::domain::inflect::pascal_case;
use crate::domain::names::{Identifier, PYTHON_KEYWORDS};
use crate::domain::spec::{FieldType, RelationKind};

/// The database cuts names after so many bytes, and the generated code refuses to make longer ones.
const MAX_TABLE: usize = 63;

impl Check<'_> {
    pub(super) fn names(&mut self) {
        self.code_names();
        self.classes();
        self.tables();
    }

    fn code_names(&mut self) {
        let mut taken: BTreeMap<String, &str> = BTreeMap::new();
        for model in &self.spec.models {
            let path = format!("models.{}", model.name);
            let (one, many) = (model.name.snake(), model.name.plural_snake());
            if PYTHON_KEYWORDS.contains(&one.as_str()) {
                let hint = format!("try `{}Entry`", model.name);
                self.key_hint(path, format!("in code it is `{one}`, a word of Python's own"), hint);
                continue;
            }
            if Identifier::parse(&format!("summarize_{many}")).is_err() || Identifier::parse(&many).is_err() {
                self.key(path, format!("in code it makes names such as `summarize_{many}`, which are too long"));
                continue;
            }
            let other = [&one, &many].into_iter().find_map(|name| Some((name, *taken.get(name)?)));
            if let Some((name, other)) = other.filter(|(_, other)| *other != model.name.as_str()) {
                let reason = format!("in code it makes the name `{name}`, and so does `{other}`");
                self.key_hint(path, reason, "rename one of the two".to_owned());
            }
            taken.entry(one).or_insert(model.name.as_str());
            taken.entry(many).or_insert(model.name.as_str());
        }
    }

    /// Each model, each of its forms and each of its enumerations is a class.
    fn classes(&mut self) {
        let mut classes: BTreeMap<String, (String, String)> = BTreeMap::new();
        for model in &self.spec.models {
            classes.insert(model.name.to_string(), (format!("models.{}", model.name), "the model".to_owned()));
        }
        let mut done = HashSet::new();
        for model in self.spec.models.iter().filter(|model| done.insert(&model.name)) {
            let path = format!("models.{}", model.name);
            for usual in ["Create", "Update"] {
                let what = format!("the {usual} form of `{}`", model.name);
                self.class(&mut classes, format!("{}{usual}", model.name), &path, what);
            }
            let mut seen = Vec::new();
            for variant in &model.variants {
                let path = format!("{path}.variants.{}", variant.name);
                if seen.contains(&&variant.name) {
                    self.key(path, format!("the variant `{}` stands here twice", variant.name));
                } else if !matches!(variant.name.as_str(), "Create" | "Update") {
                    let what = format!("a variant of `{}`", model.name);
                    self.class(&mut classes, format!("{}{}", model.name, variant.name), &path, what);
                }
                seen.push(&variant.name);
            }
            for field in model.fields.iter().filter(|field| matches!(field.ty, FieldType::Enum(_))) {
                let path = format!("{path}.fields.{}", field.name);
                let what = format!("the values of `{}.{}`", model.name, field.name);
                self.class(&mut classes, format!("{}{}", model.name, pascal_case(field.name.as_str())), &path, what);
            }
        }
    }

    fn class(&mut self, taken: &mut BTreeMap<String, (String, String)>, name: String, path: &str, what: String) {
        let Some((other_path, other)) = taken.get(&name) else {
            taken.insert(name, (path.to_owned(), what));
            return;
        };
        let reason = format!("the class `{name}` is {other} and {what} at once");
        let path = if other == "the model" { other_path.clone() } else { path.to_owned() };
        self.key_hint(path, reason, "rename one of the two".to_owned());
    }

    /// Tables of models and of many-to-many relations.
    fn tables(&mut self) {
        let mut tables: BTreeMap<String, String> = BTreeMap::new();
        for model in &self.spec.models {
            let table = model.name.plural_snake();
            let owner = format!("the table of `{}`", model.name);
            tables.entry(table).or_insert(owner);
        }
        for model in &self.spec.models {
            for field in &model.fields {
                let FieldType::Ref(reference) = &field.ty else { continue };
                if reference.kind != RelationKind::ManyToMany {
                    continue;
                }
                let path = format!("models.{}.fields.{}", model.name, field.name);
                let owner = format!("the table of `{}.{}`", model.name, field.name);
                let (one, many) = (model.name.snake(), model.name.plural_snake());
                for table in [format!("{one}_{}", field.name), format!("{many}_{}", field.name)] {
                    if table.len() > MAX_TABLE {
                        let reason =
                            format!("its table `{table}` would have a name longer than {MAX_TABLE} characters");
                        self.key(path.clone(), reason);
                        break;
                    }
                    match tables.get(&table) {
                        Some(other) if *other != owner => {
                            let reason = format!("its table would be `{table}`, which is {other}");
                            self.key_hint(path.clone(), reason, "rename the field".to_owned());
                        }
                        _ => {
                            tables.insert(table, owner.clone());
                        }
                    }
                }
            }
        }
    }
}
