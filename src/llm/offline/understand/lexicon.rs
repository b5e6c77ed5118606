//! What words mean: the tables under `lexicon/`, read once, found by the key of a word or a phrase.
//!
//! The tables are plain lines so that reading them costs a few milliseconds at most; their formats stand at
//! their heads. A word may have several senses (a `category` is a thing and a property); the readers choose.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use super::classes::CLASSES;
pub(super) use super::classes::{Class, Classes};
use super::keys::Keys;
use super::stem::{is_cyrillic, key, lower, push_key, transliterate, verb_key};
use super::tokens::Token;

/// The most words a listed phrase has.
pub(super) const MAX_PHRASE: usize = 6;

/// Endings of the listed forms of Russian verbs.
const VERB_FORMS: &[&str] = &[
    "ть", "ти", "ет", "ют", "ут", "ит", "ят", "ай", "айте", "ем", "им", "ал", "ил", "али", "или", "ала", "ила", "ешь",
    "ишь", "ся",
];
const VERB_ENDS: &[&str] = &["ть", "ти", "ет", "ют", "ут", "ит", "ят"];

/// Every sense of a word or phrase.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Senses {
    /// Index into [`Lexicon::entities`].
    pub entity: Option<u16>,
    /// Index into [`Lexicon::fields`].
    pub field: Option<u16>,
    /// Index into [`Lexicon::apps`].
    pub app: Option<u16>,
    /// Index into [`Lexicon::values`].
    pub value: Option<u16>,
    /// Index into [`Lexicon::gloss`].
    pub gloss: Option<u16>,
    /// Index into [`Lexicon::gaps`].
    pub gap: Option<u16>,
    /// Function words and verbs.
    pub classes: Classes,
}

/// A kind of thing projects keep.
#[derive(Debug)]
pub(super) struct EntityEntry {
    /// The model's name.
    pub model: &'static str,
    /// Flags of the table.
    pub flags: &'static str,
    /// Its name in Russian.
    pub ru: &'static str,
    /// Its usual fields, in the table's notation.
    pub fields: &'static str,
}

impl EntityEntry {
    fn flag(&self, flag: char) -> bool {
        self.flags.split('~').next().is_some_and(|flags| flags.contains(flag))
    }
    /// Others point to it.
    pub(super) fn is_classifier(&self) -> bool {
        self.flag('c')
    }
    /// Many-to-many by nature.
    pub(super) fn is_shared(&self) -> bool {
        self.flag('s')
    }
    /// A role of people rather than a record.
    pub(super) fn is_role(&self) -> bool {
        self.flag('r')
    }
    /// A person.
    pub(super) fn is_person(&self) -> bool {
        self.flag('p')
    }
    /// A dated record that is reported and exported.
    pub(super) fn is_dated(&self) -> bool {
        self.flag('d')
    }
    /// A part of something else.
    pub(super) fn is_part(&self) -> bool {
        self.flag('k')
    }
    /// The group of near-synonyms it is in.
    pub(super) fn group(&self) -> Option<&'static str> {
        self.flags.split_once('~').map(|(_, group)| group.trim())
    }
}

/// A property of things.
#[derive(Debug)]
pub(super) struct FieldEntry {
    /// The field's name.
    pub name: &'static str,
    /// Type and flags, in the table's notation.
    pub ty: &'static str,
}

/// What a project is called as a whole.
#[derive(Debug)]
pub(super) struct AppEntry {
    /// Its name in English.
    pub name: &'static str,
    /// The end of the project's name, or empty.
    pub suffix: &'static str,
    /// The models of its domain.
    pub models: Vec<&'static str>,
}

/// Something that is asked for and not built.
#[derive(Debug)]
pub(super) struct GapEntry {
    /// Its id.
    pub id: &'static str,
    /// What it is, in English.
    pub en: &'static str,
    /// What it is, in Russian.
    pub ru: &'static str,
}

/// A model that comes with another one: `OrderItem` with `Order` and `Product`.
#[derive(Debug)]
pub(super) struct Companion {
    /// The model that is there.
    pub of: &'static str,
    /// The model that comes with it.
    pub model: &'static str,
    /// The other model that must be there.
    pub when: &'static str,
}

/// All tables.
#[derive(Debug, Default)]
pub(super) struct Lexicon {
    map: Keys<Senses>,
    pub(super) entities: Vec<EntityEntry>,
    pub(super) fields: Vec<FieldEntry>,
    pub(super) apps: Vec<AppEntry>,
    pub(super) values: Vec<&'static str>,
    pub(super) gloss: Vec<&'static str>,
    pub(super) gaps: Vec<GapEntry>,
    pub(super) companions: Vec<Companion>,
    by_model: HashMap<&'static str, u16>,
    by_field: HashMap<&'static str, u16>,
    /// The key that is being made, to make each in the same place.
    key: String,
}

static LEXICON: LazyLock<Lexicon> = LazyLock::new(Lexicon::read);

/// The tables, read on first use.
pub(super) fn lexicon() -> &'static Lexicon {
    &LEXICON
}

fn rows(table: &'static str) -> impl Iterator<Item = &'static str> {
    table.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn columns(row: &'static str) -> Vec<&'static str> {
    row.split(" | ").map(str::trim).collect()
}

fn index(len: usize) -> u16 {
    u16::try_from(len).unwrap_or(u16::MAX)
}

impl Lexicon {
    fn read() -> Self {
        let mut out = Self { map: Keys::with_room(), ..Self::default() };
        out.read_words(include_str!("lexicon/words.txt"), ',');
        out.read_words(include_str!("lexicon/verbs.txt"), ',');
        out.read_entities();
        for row in rows(include_str!("lexicon/fields.txt")) {
            if let [name, en, ru, ty] = columns(row)[..] {
                let at = index(out.fields.len());
                out.fields.push(FieldEntry { name, ty });
                out.by_field.entry(name).or_insert(at);
                out.add_forms(&[en, ru], |senses| _ = senses.field.get_or_insert(at));
            }
        }
        for row in rows(include_str!("lexicon/apps.txt")) {
            if let [name, en, ru, suffix, models] = columns(row)[..] {
                let at = index(out.apps.len());
                let list = |text: &'static str| text.split(", ").filter(|m| *m != "-").collect();
                let suffix = if suffix == "-" { "" } else { suffix };
                out.apps.push(AppEntry { name, suffix, models: list(models) });
                out.add_forms(&[en, ru], |senses| _ = senses.app.get_or_insert(at));
            }
        }
        for row in rows(include_str!("lexicon/values.txt")) {
            if let [value, ru] = columns(row)[..] {
                let at = index(out.values.len());
                out.values.push(value);
                out.add_forms(&[ru], |senses| _ = senses.value.get_or_insert(at));
                out.add_form(value, |senses| _ = senses.value.get_or_insert(at));
            }
        }
        for row in rows(include_str!("lexicon/glossary.txt")) {
            if let [english, ru] = columns(row)[..] {
                let at = index(out.gloss.len());
                out.gloss.push(english);
                out.add_forms(&[ru], |senses| _ = senses.gloss.get_or_insert(at));
            }
        }
        for row in rows(include_str!("lexicon/gaps.txt")) {
            if let [id, en, ru, what_en, what_ru] = columns(row)[..] {
                let at = index(out.gaps.len());
                out.gaps.push(GapEntry { id, en: what_en, ru: what_ru });
                out.add_forms(&[en, ru], |senses| _ = senses.gap.get_or_insert(at));
            }
        }
        out
    }

    fn read_entities(&mut self) {
        for row in rows(include_str!("lexicon/entities.txt")) {
            if let Some(rest) = row.strip_prefix("+ ") {
                if let [of, model, when] = rest.split(' ').collect::<Vec<_>>()[..] {
                    self.companions.push(Companion { of, model, when });
                }
                continue;
            }
            if let [head, en, ru, fields] = columns(row)[..] {
                let at = index(self.entities.len());
                let (model, flags) = head.split_once(' ').unwrap_or((head, ""));
                let first = |forms: &'static str| forms.split(';').next().unwrap_or_default().trim();
                self.entities.push(EntityEntry { model, flags, ru: first(ru), fields });
                self.by_model.insert(model, at);
                self.add_forms(&[en, ru], |senses| _ = senses.entity.get_or_insert(at));
            }
        }
    }

    fn read_words(&mut self, table: &'static str, separator: char) {
        for row in rows(table) {
            let Some((name, forms)) = row.split_once(':') else { continue };
            let Some((_, class)) = CLASSES.iter().find(|(known, _)| *known == name) else { continue };
            let verb = matches!(class, Class::Make | Class::Use | Class::Assign);
            let acts = verb || *class == Class::Own;
            for form in forms.split(separator).map(str::trim).filter(|form| !form.is_empty()) {
                self.add_form(form, |senses| senses.classes.insert(*class));
                if acts && is_cyrillic(form) && !form.contains(' ') && VERB_ENDS.iter().any(|end| form.ends_with(end)) {
                    self.add_key(&verb_key(form).unwrap_or_default(), |senses| senses.classes.insert(*class));
                }
                if verb && form.is_ascii() {
                    for inflected in english_verb_forms(form) {
                        self.add_form(&inflected, |senses| senses.classes.insert(*class));
                    }
                }
            }
        }
    }

    fn add_forms(&mut self, columns: &[&'static str], set: impl Fn(&mut Senses)) {
        for form in columns.iter().flat_map(|forms| forms.split(';')).map(str::trim).filter(|form| !form.is_empty()) {
            self.add_form(form, &set);
        }
    }

    fn add_form(&mut self, form: &str, set: impl Fn(&mut Senses)) {
        let mut key = std::mem::take(&mut self.key);
        phrase_key(form, &mut key);
        self.add_key(&key, set);
        self.key = key;
    }

    fn add_key(&mut self, key: &str, set: impl Fn(&mut Senses)) {
        if !key.is_empty() {
            set(self.map.entry(key));
        }
    }

    /// The senses of a phrase, by the keys of its words.
    pub(super) fn get(&self, key: &str) -> Option<&Senses> {
        self.map.get(key)
    }

    /// The senses of a word as a form of a listed Russian verb.
    pub(super) fn verb(&self, lower: &str) -> Option<&Senses> {
        VERB_FORMS.iter().any(|end| lower.ends_with(end)).then(|| self.map.get(&verb_key(lower)?)).flatten()
    }

    /// Whether a lower-case word is listed at all.
    pub(super) fn knows(&self, word: &str) -> bool {
        self.map.get(&key(word)).is_some()
    }

    /// Whether a word of a text is listed, alone or as a form of a verb.
    pub(super) fn knows_word(&self, token: &Token) -> bool {
        self.map.get(&token.key).is_some()
            || self.map.get(&token.lower).is_some()
            || (token.cyrillic && self.verb(&token.lower).is_some())
    }

    /// Whether the word is a part of any listed phrase.
    pub(super) fn has_part(&self, word: &str) -> bool {
        self.map.iter().any(|(key, _)| key.len() > word.len() && key.split(' ').any(|part| part == word))
    }

    /// The keys of single words that name a thing, a property or a project, or relate them.
    pub(super) fn words(&self) -> impl Iterator<Item = &str> {
        let names = |senses: &Senses| {
            senses.entity.is_some() || senses.field.is_some() || senses.app.is_some() || senses.classes.has(Class::Make)
        };
        self.map.iter().filter(move |(key, senses)| !key.contains([' ', ':']) && names(senses)).map(|(key, _)| key)
    }

    /// The entry of that model.
    pub(super) fn model(&self, name: &str) -> Option<u16> {
        self.by_model.get(name).copied()
    }

    /// The entry of that field.
    pub(super) fn field(&self, name: &str) -> Option<&FieldEntry> {
        self.by_field.get(name).map(|at| &self.fields[usize::from(*at)])
    }

    /// The entity at that index.
    pub(super) fn entity(&self, at: u16) -> &EntityEntry {
        &self.entities[usize::from(at)]
    }

    /// The English word for a part of a compound name, by its key.
    pub(super) fn english(&self, key: &str, lower: &str) -> String {
        let senses = self.get(key);
        if let Some(gloss) = senses.and_then(|senses| senses.gloss) {
            return self.gloss[usize::from(gloss)].to_owned();
        }
        if let Some(field) = senses.and_then(|senses| senses.field) {
            return self.fields[usize::from(field)].name.to_owned();
        }
        if let Some(entity) = senses.and_then(|senses| senses.entity) {
            return crate::domain::inflect::snake_case(self.entity(entity).model);
        }
        transliterate(lower)
    }
}

/// Writes the key of a phrase: the keys of its words, cut as `tokens` cuts them but without the rest of its work, for
/// thousands of forms are read at the start.
pub(super) fn phrase_key(form: &str, out: &mut String) {
    out.clear();
    for part in form.split(|c: char| !is_letter(c) && c != '\'').filter(|part| !part.is_empty()) {
        let part = part.strip_suffix("'s").unwrap_or(part);
        let plain = part.chars().all(|c| matches!(c, 'a'..='z' | 'а'..='я' | '0'..='9'));
        let word = if plain { Cow::Borrowed(part) } else { Cow::Owned(lower(part).replace('\'', "")) };
        if !out.is_empty() {
            out.push(' ');
        }
        push_key(&word, out);
    }
}

/// The letters and digits of the tables.
fn is_letter(c: char) -> bool {
    matches!(c, 'a'..='z' | 'а'..='я' | 'ё' | 'A'..='Z' | 'А'..='Я' | 'Ё' | '0'..='9')
}

fn english_verb_forms(base: &str) -> Vec<String> {
    let (verb, rest) = base.split_once(' ').map_or((base, String::new()), |(verb, rest)| (verb, format!(" {rest}")));
    let stem = verb.strip_suffix('e').filter(|stem| !stem.ends_with(['e', 'o'])).unwrap_or(verb);
    let mut forms = vec![format!("{stem}ing{rest}")];
    if verb.ends_with(['s', 'x', 'z']) || verb.ends_with("ch") || verb.ends_with("sh") {
        forms.push(format!("{verb}es{rest}"));
    } else if let Some(stem) = verb.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u'])) {
        forms.push(format!("{stem}ies{rest}"));
    } else {
        forms.push(format!("{verb}s{rest}"));
    }
    if let Some(last) = stem.chars().last().filter(|c| matches!(c, 'n' | 't' | 'p' | 'g' | 'l')) {
        forms.push(format!("{stem}{last}ing{rest}"));
    }
    forms
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_row_of_every_table_is_read() {
        let tables = lexicon();
        let count = |table: &'static str| rows(table).filter(|row| !row.starts_with('+')).count();
        assert_eq!(tables.entities.len(), count(include_str!("lexicon/entities.txt")));
        assert_eq!(tables.fields.len(), count(include_str!("lexicon/fields.txt")));
        assert_eq!(tables.apps.len(), count(include_str!("lexicon/apps.txt")));
        assert_eq!(tables.values.len(), count(include_str!("lexicon/values.txt")));
        assert_eq!(tables.gloss.len(), count(include_str!("lexicon/glossary.txt")));
        assert_eq!(tables.gaps.len(), count(include_str!("lexicon/gaps.txt")));
        for row in rows(include_str!("lexicon/words.txt")).chain(rows(include_str!("lexicon/verbs.txt"))) {
            let name = row.split(':').next().unwrap();
            assert!(CLASSES.iter().any(|(known, _)| *known == name), "{name}");
        }
    }

    #[test]
    fn every_key_is_found_by_its_hash() {
        let tables = lexicon();
        for (key, _) in tables.map.iter() {
            assert!(tables.get(key).is_some(), "{key} shares its hash with another key");
        }
        let distinct: HashSet<&str> = tables.map.iter().map(|(key, _)| key).collect();
        assert_eq!(distinct.len(), tables.map.iter().count());
    }

    #[test]
    fn models_are_listed_once_and_apps_name_listed_models() {
        let tables = lexicon();
        let mut seen = HashSet::new();
        for entity in &tables.entities {
            assert!(seen.insert(entity.model), "{} is listed twice", entity.model);
        }
        for app in &tables.apps {
            for model in &app.models {
                assert!(tables.model(model).is_some(), "{}: no model {model}", app.name);
            }
        }
        for companion in &tables.companions {
            for model in [companion.of, companion.model, companion.when] {
                assert!(tables.model(model).is_some(), "no model {model}");
            }
        }
    }
}
