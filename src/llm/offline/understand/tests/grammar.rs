//! Descriptions made from known structures, and what must be understood of them.
//!
//! Nouns and properties are partly words of the lexicon, often in another role than there, and partly words nobody
//! listed: what stands where must count, not which word it is. The choice is the same in every run.

mod templates;
mod words;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::*;
use crate::domain::spec::Reference;
use templates::{ENGLISH, RUSSIAN, english, russian};
use words::{AMBIGUOUS, EN_NOUNS, EN_TITLES, EN_WORDS, Noun, RU_NOUNS, RU_TITLES, RU_WORDS, Word};

/// How many descriptions are made of each template.
const ROUNDS: usize = 40;

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.roll(of.len())]
    }

    /// That many different ones.
    fn some<T: Copy>(&mut self, of: &[T], many: usize) -> Vec<T> {
        let mut left: Vec<T> = of.to_vec();
        (0..many.min(of.len())).map(|_| left.remove(self.roll(left.len()))).collect()
    }
}

/// One model that is expected: its possible names, its fields (none: not looked at).
#[derive(Clone)]
struct Want {
    noun: Noun,
    fields: Option<Vec<Expected>>,
}

#[derive(Clone, Default)]
struct Expected {
    name: String,
    ty: String,
    optional: bool,
    unique: bool,
}

/// A description with what is expected of it; relations by the place of the models.
struct Case {
    text: String,
    wants: Vec<Want>,
    links: Vec<(usize, usize)>,
    /// The words leave open which side refers to the other.
    either: bool,
}

fn plain(words: &[Word]) -> Vec<Expected> {
    let expected = |word: &Word| Expected { name: word.2.to_owned(), ty: word.3.to_owned(), ..Expected::default() };
    words.iter().map(expected).collect()
}

/// `a, b and c`, with or without articles.
fn joined(parts: &[String], and: &str) -> String {
    match parts {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} {and} {last}", first.join(", ")),
    }
}

fn fits(noun: Noun, model: &str) -> bool {
    noun.1.split(' ').any(|name| name == model)
}

/// What is wrong with what was understood, if anything.
fn wrong(case: &Case) -> Option<String> {
    let told = understand(&case.text, &[]);
    check(&case.text, &told);
    let Some(spec) = &told.spec else { return Some("nothing".to_owned()) };
    let shown = || spec.models.iter().map(model_text).collect::<Vec<_>>().join(" | ");
    let mut places = Vec::new();
    for want in &case.wants {
        let Some(model) = spec.models.iter().find(|model| fits(want.noun, model.name.as_str())) else {
            return Some(format!("no {}: {}", want.noun.1, shown()));
        };
        places.push(model);
        let Some(fields) = &want.fields else { continue };
        let found: BTreeSet<&str> = model
            .fields
            .iter()
            .filter(|field| !matches!(field.ty, FieldType::Ref(_)))
            .map(|field| field.name.as_str())
            .collect();
        let wanted: BTreeSet<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        if found != wanted {
            return Some(format!("{}: wanted {wanted:?}: {}", want.noun.1, shown()));
        }
        for expected in fields {
            let field = model.field(&expected.name).unwrap();
            let ty = expected.ty == "-" || type_text(&field.ty) == expected.ty;
            if !ty || (expected.optional && !field.optional) || (expected.unique && !field.unique) {
                return Some(format!("{} is not {}: {}", expected.name, expected.ty, shown()));
            }
        }
    }
    if spec.models.len() != case.wants.len() {
        return Some(format!("other models: {}", shown()));
    }
    let refers = |from: usize, to: usize, kind: RelationKind| {
        let is = |to_: &Reference| to_.model == places[to].name && to_.kind == kind;
        places[from].fields.iter().any(|field| matches!(&field.ty, FieldType::Ref(to) if is(to)))
    };
    let related = |from: usize, to: usize| {
        refers(from, to, RelationKind::ManyToOne)
            || refers(from, to, RelationKind::ManyToMany)
            || refers(to, from, RelationKind::ManyToMany)
            || (case.either && refers(to, from, RelationKind::ManyToOne))
    };
    if let Some((from, to)) = case.links.iter().find(|(from, to)| !related(*from, *to)) {
        return Some(format!("no relation {} -> {}: {}", places[*from].name, places[*to].name, shown()));
    }
    None
}

/// What the templates are filled with.
struct Fill {
    nouns: Vec<Noun>,
    words: Vec<Vec<Word>>,
    title: &'static str,
    russian: bool,
}

impl Fill {
    fn new(dice: &mut Dice, russian: bool) -> Self {
        let (nouns, words, titles) =
            if russian { (RU_NOUNS, RU_WORDS, RU_TITLES) } else { (EN_NOUNS, EN_WORDS, EN_TITLES) };
        let mut nouns = dice.some(nouns, 3);
        nouns.sort_by_key(|noun| !AMBIGUOUS.contains(&noun.0[1]));
        if AMBIGUOUS.contains(&nouns[1].0[1]) {
            nouns.retain(|noun| !AMBIGUOUS.contains(&noun.0[1]));
            let more = if russian {
                [RU_NOUNS[0], RU_NOUNS[14], RU_NOUNS[13]]
            } else {
                [EN_NOUNS[0], EN_NOUNS[26], EN_NOUNS[27]]
            };
            let fresh: Vec<Noun> = more.into_iter().filter(|noun| !nouns.contains(noun)).collect();
            nouns.extend(fresh);
        }
        // A word is not a thing and a property of another in one text.
        let visited = nouns.iter().any(|noun| ["pet", "customer", "employee"].contains(&noun.0[0]));
        let taken = |word: &Word| nouns.iter().any(|noun| noun.0.contains(&word.0)) || (word.0 == "visits" && visited);
        let free: Vec<Word> = words.iter().filter(|word| !taken(word)).copied().collect();
        let words = (0..3)
            .map(|_| {
                let many = 2 + dice.roll(3);
                let mut some = dice.some(&free, many);
                if nouns.iter().any(|noun| AMBIGUOUS.contains(&noun.0[1])) && !some.iter().any(|w| w.2 == "price") {
                    some[0] = *free.iter().find(|word| word.2 == "price").unwrap();
                }
                some
            })
            .collect();
        Self { nouns, words, title: dice.one(titles), russian }
    }

    fn one(&self, at: usize) -> &'static str {
        self.nouns[at].0[0]
    }

    fn many(&self, at: usize) -> &'static str {
        self.nouns[at].0[1]
    }

    fn of(&self, at: usize) -> &'static str {
        self.nouns[at].0[2]
    }

    fn upper(text: &str) -> String {
        let mut letters = text.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    }

    fn alone(&self, at: usize) -> Vec<String> {
        self.words[at].iter().map(|word| word.0.to_owned()).collect()
    }

    /// `with a, b and c`.
    fn with(&self, at: usize) -> String {
        let parts: Vec<String> =
            self.words[at].iter().map(|word| if self.russian { word.1 } else { word.0 }.to_owned()).collect();
        let (with, and) = if self.russian { ("с", "и") } else { ("with", "and") };
        format!("{with} {}", joined(&parts, and))
    }

    fn list(&self, at: usize) -> String {
        self.alone(at).join(", ")
    }

    fn listed(&self, at: usize) -> String {
        joined(&self.alone(at), if self.russian { "и" } else { "and" })
    }

    fn want(&self, at: usize) -> Want {
        Want { noun: self.nouns[at], fields: Some(plain(&self.words[at])) }
    }

    fn bare(&self, at: usize) -> Want {
        Want { noun: self.nouns[at], fields: None }
    }

    fn case(&self, text: String, described: usize, links: &[(usize, usize)]) -> Case {
        Case { text, wants: (0..described).map(|at| self.want(at)).collect(), links: links.to_vec(), either: false }
    }

    fn status(&self, text: String, values: &str) -> Case {
        let mut want = self.want(0);
        if let Some(fields) = &mut want.fields {
            fields.push(Expected { name: "status".to_owned(), ty: values.to_owned(), ..Expected::default() });
        }
        Case { text, wants: vec![want], links: Vec::new(), either: false }
    }
}

#[test]
fn structure_counts_more_than_the_lexicon() {
    let mut rates = String::new();
    let mut all = true;
    for (kinds, is_russian) in [(ENGLISH, false), (RUSSIAN, true)] {
        for (nth, kind) in kinds.iter().enumerate() {
            let mut dice = Dice(7919 * (nth as u64 + 1) + u64::from(is_russian));
            let mut failed = Vec::new();
            for _ in 0..ROUNDS {
                let fill = Fill::new(&mut dice, is_russian);
                let mut case =
                    if is_russian { russian(kind, &fill, &mut dice) } else { english(kind, &fill, &mut dice) };
                case.either = kind.contains("their");
                if let Some(why) = wrong(&case) {
                    failed.push(format!("    {:?}\n      {why}", case.text));
                }
            }
            all &= failed.is_empty();
            let language = if is_russian { "ru" } else { "en" };
            let _ = writeln!(rates, "{language} {kind}: {} of {ROUNDS}", ROUNDS - failed.len());
            for why in failed.iter().take(6) {
                let _ = writeln!(rates, "{why}");
            }
        }
    }
    assert!(all, "{rates}");
}
