//! Descriptions made from known structures, and what must be understood of them.
//!
//! Nouns and properties are partly words of the lexicon, often in another role than there, and partly words nobody
//! listed: what stands where must count, not which word it is. The choice is the same in every run.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::*;
use crate::domain::spec::Reference;

/// How many descriptions are made of each template.
const ROUNDS: usize = 60;

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

/// A noun: its forms, and the models it may become. English: one, many. Russian: one, many, of one, of many, with many.
type Noun = (&'static [&'static str], &'static str);
/// A property: how it is said alone and after `with`, its name and type (`-`: any).
type Word = (&'static str, &'static str, &'static str, &'static str);

const EN_NOUNS: &[Noun] = &[
    (&["customer", "customers"], "Customer"),
    (&["book", "books"], "Book"),
    (&["visit", "visits"], "Visit"),
    (&["set", "sets"], "Set"),
    (&["link", "links"], "Link"),
    (&["card", "cards"], "Card"),
    (&["plan", "plans"], "Plan"),
    (&["class", "classes"], "Course Class"),
    (&["step", "steps"], "Step"),
    (&["pet", "pets"], "Pet"),
    (&["owner", "owners"], "Owner"),
    (&["repair", "repairs"], "Repair"),
    (&["bike", "bikes"], "Bike"),
    (&["exercise", "exercises"], "Exercise"),
    (&["workout", "workouts"], "Workout"),
    (&["room", "rooms"], "Room"),
    (&["booking", "bookings"], "Booking"),
    (&["comment", "comments"], "Comment"),
    (&["task", "tasks"], "Task"),
    (&["employee", "employees"], "Employee"),
    (&["project", "projects"], "Project"),
    (&["invoice", "invoices"], "Invoice"),
    (&["photo", "photos"], "Photo"),
    (&["level", "levels"], "Level"),
    (&["report", "reports"], "Report"),
    (&["gizmo", "gizmos"], "Gizmo"),
    (&["harness", "harnesses"], "Harness"),
    (&["quorum", "quorums"], "Quorum"),
    (&["turbine", "turbines"], "Turbine"),
    (&["kiln", "kilns"], "Kiln"),
    (&["gantry", "gantries"], "Gantry"),
    (&["loom", "looms"], "Loom"),
    (&["batch", "batches"], "Batch"),
    (&["sundial", "sundials"], "Sundial"),
    (&["apiary", "apiaries"], "Apiary"),
    (&["fossil", "fossils"], "Fossil"),
];

const EN_WORDS: &[Word] = &[
    ("name", "", "name", "string"),
    ("title", "", "title", "string"),
    ("price", "", "price", "money"),
    ("date", "", "date", "date"),
    ("weight", "", "weight", "-"),
    ("color", "", "color", "string"),
    ("email", "", "email", "email"),
    ("phone", "", "phone", "string"),
    ("quantity", "", "quantity", "int"),
    ("capacity", "", "capacity", "int"),
    ("description", "", "description", "text"),
    ("due date", "", "due_date", "date"),
    ("brand", "", "brand", "-"),
    ("serial number", "", "serial_number", "string"),
    ("muscle group", "", "muscle_group", "-"),
    ("duration", "", "duration", "-"),
    ("reason", "", "reason", "string"),
    ("cost", "", "cost", "money"),
    ("reps", "", "reps", "int"),
    ("sets", "", "sets", "-"),
    ("visits", "", "visits", "-"),
    ("position", "", "position", "-"),
    ("location", "", "location", "-"),
    ("plan", "", "plan", "-"),
    ("team", "", "team", "-"),
    ("torque", "", "torque", "-"),
    ("viscosity", "", "viscosity", "-"),
    ("blade length", "", "blade_length", "-"),
    ("wingspan", "", "wingspan", "-"),
    ("polarity", "", "polarity", "-"),
    ("grip", "", "grip", "-"),
];

/// Nouns that a bare mention cannot tell from properties.
const AMBIGUOUS: &[&str] = &["sets", "levels", "steps", "photos", "reports", "комнаты", "планы"];

const EN_TITLES: &[&str] = &[
    "Vet clinic",
    "Workout tracker",
    "Bike shop",
    "Garage",
    "Meeting room booking system",
    "Acme",
    "Wind farm",
    "Small CRM",
    "Our studio",
    "Gym app",
];

const RU_NOUNS: &[Noun] = &[
    (&["клиент", "клиенты", "клиента", "клиентов", "клиентами"], "Client"),
    (&["книга", "книги", "книги", "книг", "книгами"], "Book"),
    (&["комната", "комнаты", "комнаты", "комнат", "комнатами"], "Room"),
    (&["визит", "визиты", "визита", "визитов", "визитами"], "Appointment Visit"),
    (&["упражнение", "упражнения", "упражнения", "упражнений", "упражнениями"], "Exercise"),
    (&["тренировка", "тренировки", "тренировки", "тренировок", "тренировками"], "Workout"),
    (&["задача", "задачи", "задачи", "задач", "задачами"], "Task"),
    (&["сотрудник", "сотрудники", "сотрудника", "сотрудников", "сотрудниками"], "Employee"),
    (&["карточка", "карточки", "карточки", "карточек", "карточками"], "Card"),
    (&["проект", "проекты", "проекта", "проектов", "проектами"], "Project"),
    (&["велосипед", "велосипеды", "велосипеда", "велосипедов", "велосипедами"], "Bike"),
    (&["план", "планы", "плана", "планов", "планами"], "Plan"),
    (&["этап", "этапы", "этапа", "этапов", "этапами"], "Milestone"),
    (&["лопасть", "лопасти", "лопасти", "лопастей", "лопастями"], "Lopast"),
    (&["турбина", "турбины", "турбины", "турбин", "турбинами"], "Turbina Turbin"),
    (&["улей", "ульи", "улья", "ульев", "ульями"], "Hive"),
    (&["вагонетка", "вагонетки", "вагонетки", "вагонеток", "вагонетками"], "Vagonetka"),
    (&["станок", "станки", "станка", "станков", "станками"], "Equipment Machine"),
    (&["шлюз", "шлюзы", "шлюза", "шлюзов", "шлюзами"], "Shlyuz"),
];

const RU_WORDS: &[Word] = &[
    ("название", "названием", "title", "string"),
    ("цена", "ценой", "price", "money"),
    ("дата", "датой", "date", "date"),
    ("вес", "весом", "weight", "-"),
    ("цвет", "цветом", "color", "string"),
    ("телефон", "телефоном", "phone", "string"),
    ("количество", "количеством", "quantity", "int"),
    ("вместимость", "вместимостью", "capacity", "int"),
    ("описание", "описанием", "description", "text"),
    ("серийный номер", "серийным номером", "serial_number", "string"),
    ("длительность", "длительностью", "duration", "-"),
    ("причина", "причиной", "reason", "string"),
    ("адрес", "адресом", "address", "string"),
    ("бренд", "брендом", "brand", "-"),
    ("размах", "размахом", "razmakh", "-"),
    ("вязкость", "вязкостью", "vyazkost", "-"),
    ("полярность", "полярностью", "polyarnost", "-"),
];

const RU_TITLES: &[&str] = &[
    "Ветклиника",
    "Дневник тренировок",
    "Мастерская",
    "Система бронирования переговорок",
    "Ромашка",
    "Учёт в цеху",
    "Наш склад",
    "Приложение для зала",
];

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
}

fn plain(words: &[Word]) -> Option<Vec<Expected>> {
    Some(
        words
            .iter()
            .map(|word| Expected { name: word.2.to_owned(), ty: word.3.to_owned(), ..Expected::default() })
            .collect(),
    )
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
        let free: Vec<Word> = words
            .iter()
            .filter(|word| {
                !nouns.iter().any(|noun| noun.0.contains(&word.0))
                    && !(word.0 == "visits"
                        && nouns.iter().any(|noun| ["pet", "customer", "employee"].contains(&noun.0[0])))
            })
            .copied()
            .collect();
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
        Want { noun: self.nouns[at], fields: plain(&self.words[at]) }
    }

    fn bare(&self, at: usize) -> Want {
        Want { noun: self.nouns[at], fields: None }
    }

    fn case(&self, text: String, described: usize, links: &[(usize, usize)]) -> Case {
        Case { text, wants: (0..described).map(|at| self.want(at)).collect(), links: links.to_vec() }
    }

    fn status(&self, text: String, values: &str) -> Case {
        let mut want = self.want(0);
        if let Some(fields) = &mut want.fields {
            fields.push(Expected { name: "status".to_owned(), ty: values.to_owned(), ..Expected::default() });
        }
        Case { text, wants: vec![want], links: Vec::new() }
    }
}

fn english(kind: &str, fill: &Fill, dice: &mut Dice) -> Case {
    let (a, b, c) = (fill.many(0), fill.many(1), fill.many(2));
    let (one, other) = (fill.one(0), fill.one(1));
    let wish =
        dice.one(&["I need to keep", "I want to track", "We need to store", "Track", "Store", "I'd like to record"]);
    match kind {
        "with" => fill.case(format!("{a} {}", fill.with(0)), 1, &[]),
        "parentheses" => fill.case(format!("{a} ({})", fill.list(0)), 1, &[]),
        "colon" => {
            let name = if one == "project" || AMBIGUOUS.contains(&a) { a } else { dice.one(&[a, one]) };
            fill.case(format!("{}: {}", Fill::upper(name), fill.list(0)), 1, &[])
        }
        "have" => fill.case(format!("{} have {}.", Fill::upper(a), fill.listed(0)), 1, &[]),
        "each has" => fill.case(format!("Each {one} has {}.", fill.listed(0)), 1, &[]),
        "two with" => fill.case(format!("{a} {}, {b} {}", fill.with(0), fill.with(1)), 2, &[]),
        "two with and" => fill.case(format!("{a} {}, and {b} {}", fill.with(0), fill.with(1)), 2, &[]),
        "semicolons" => {
            let mut case = fill.case(format!("{a} {}; {b} {}; {c}", fill.with(0), fill.with(1)), 2, &[]);
            case.wants.push(fill.bare(2));
            case
        }
        "title with" => fill.case(
            format!("{}: {a} {}, {b} {}, {c} {}", fill.title, fill.with(0), fill.with(1), fill.with(2)),
            3,
            &[],
        ),
        "title parentheses" => fill.case(
            format!("{}: {a} ({}), {b} ({}), {c} ({})", fill.title, fill.list(0), fill.list(1), fill.list(2)),
            3,
            &[],
        ),
        "title bare" => {
            let text = format!("{}: {a} {}, {b}, {c}", fill.title, fill.with(0));
            let mut case = fill.case(text, 1, &[]);
            case.wants.extend([fill.bare(1), fill.bare(2)]);
            case
        }
        "have many" => fill.case(
            format!(
                "{} {}. {} have many {b}. {} have {}.",
                Fill::upper(a),
                fill.with(0),
                Fill::upper(a),
                Fill::upper(b),
                fill.listed(1)
            ),
            2,
            &[(1, 0)],
        ),
        "have with" => {
            let mut case = fill.case(format!("{a} have {b} {}", fill.with(1)), 2, &[(1, 0)]);
            case.wants[0] = fill.bare(0);
            case
        }
        "chain" => {
            let mut case =
                fill.case(format!("{}: {a} have {b}, {b} have {c} {}", fill.title, fill.with(2)), 3, &[(1, 0), (2, 1)]);
            case.wants[0] = fill.bare(0);
            case.wants[1] = fill.bare(1);
            case
        }
        "belong" => fill.case(format!("{a} {}; {b} {}; {b} belong to {a}", fill.with(0), fill.with(1)), 2, &[(1, 0)]),
        "each belongs" => fill.case(
            format!(
                "There are {a} and {b}. Each {one} has {}. Each {other} has {} and belongs to a {one}.",
                fill.listed(0),
                fill.listed(1)
            ),
            2,
            &[(1, 0)],
        ),
        "their" => fill.case(
            format!(
                "I run a small place. {wish} {a} ({}), their {b} ({}) and {c} {}",
                fill.list(0),
                fill.list(1),
                fill.with(2)
            ),
            3,
            &[(1, 0)],
        ),
        "and their" => fill.case(
            format!(
                "API for {a} and their {b}. {} have {}. {} have {}.",
                Fill::upper(a),
                fill.listed(0),
                Fill::upper(b),
                fill.listed(1)
            ),
            2,
            &[(1, 0)],
        ),
        "of" => fill.case(format!("{a} {}; {b} of {a} {}", fill.with(0), fill.with(1)), 2, &[(1, 0)]),
        "possessive" => fill.case(format!("{a} {}; {one}'s {b} {}", fill.with(0), fill.with(1)), 2, &[(1, 0)]),
        "status colon" => fill.status(
            format!("{a} {} and status: new, active, done", fill.with(0).replace(" and ", ", ")),
            "new|active|done",
        ),
        "status bar" => fill
            .status(format!("{a} {} and status (low|mid|high)", fill.with(0).replace(" and ", ", ")), "low|mid|high"),
        "status parentheses" => fill.status(
            format!("{}: {a} ({}, status: open, paused, closed)", fill.title, fill.list(0)),
            "open|paused|closed",
        ),
        "optional" => {
            let words = &fill.words[0];
            let mut case = fill.case(
                format!("{a} with {}, {} (optional) and {} (unique)", words[0].0, "alias", "tail number"),
                1,
                &[],
            );
            case.wants[0].fields = plain(&words[..1]);
            if let Some(fields) = &mut case.wants[0].fields {
                fields.push(Expected { name: "alias".into(), ty: "-".into(), optional: true, unique: false });
                fields.push(Expected { name: "tail_number".into(), ty: "-".into(), optional: false, unique: true });
            }
            case
        }
        "optional before" => {
            let words = &fill.words[0];
            let mut case = fill.case(
                format!("{wish} {a} with {}, unique {} and optional {}", words[0].0, "code", "nickname"),
                1,
                &[],
            );
            case.wants[0].fields = plain(&words[..1]);
            if let Some(fields) = &mut case.wants[0].fields {
                fields.push(Expected { name: "code".into(), ty: "-".into(), optional: false, unique: true });
                fields.push(Expected { name: "nickname".into(), ty: "-".into(), optional: true, unique: false });
            }
            case
        }
        "api for" => fill.case(format!("API for {a} {}", fill.with(0)), 1, &[]),
        "wish" => fill.case(format!("{wish} {a} {}, and {b} {}", fill.with(0), fill.with(1)), 2, &[]),
        "bullets" => {
            let (x, y) = if dice.roll(2) == 0 {
                (format!("{}: {}", Fill::upper(a), fill.list(0)), format!("{}: {}", Fill::upper(b), fill.list(1)))
            } else {
                (format!("{a} {}", fill.with(0)), format!("{b} ({})", fill.list(1)))
            };
            let marks = dice.one(&[["- ", "- "], ["* ", "* "], ["1. ", "2. "]]);
            fill.case(format!("{}:\n{}{x}\n{}{y}\n", fill.title, marks[0], marks[1]), 2, &[])
        }
        "lines" => {
            let [one, other] = [(one, a), (other, b)].map(|(one, many)| if one == "apiary" { many } else { one });
            let lines = |at: usize| fill.alone(at).iter().map(|word| format!("- {word}\n")).collect::<String>();
            fill.case(format!("{}:\n{}\n{}:\n{}", Fill::upper(one), lines(0), Fill::upper(other), lines(1)), 2, &[])
        }
        "sentences" => fill.case(
            format!(
                "{}. {} have {}. {} have {}.",
                fill.title,
                Fill::upper(a),
                fill.listed(0),
                Fill::upper(b),
                fill.listed(1)
            ),
            2,
            &[],
        ),
        _ => {
            let last = dice.one(&[
                "Export to CSV.",
                "Search by name.",
                "Weekly report.",
                "I want to export everything to CSV.",
            ]);
            let mut words = fill.words[0].clone();
            words.retain(|word| word.0 != "name");
            words.insert(0, EN_WORDS[0]);
            let fill = Fill { words: vec![words, fill.words[1].clone()], nouns: fill.nouns.clone(), ..*fill };
            fill.case(format!("{} {}, {b} {}. {last}", Fill::upper(a), fill.with(0), fill.with(1)), 2, &[])
        }
    }
}

fn russian(kind: &str, fill: &Fill, dice: &mut Dice) -> Case {
    let (a, b, c) = (fill.many(0), fill.many(1), fill.many(2));
    let (one, other) = (fill.one(0), fill.one(1));
    let wish = dice.one(&["Нужно хранить", "Хочу вести", "Надо учитывать", "Нужен сервис, чтобы хранить"]);
    match kind {
        "with" => fill.case(format!("{a} {}", fill.with(0)), 1, &[]),
        "parentheses" => fill.case(format!("{a} ({})", fill.list(0)), 1, &[]),
        "colon" => {
            let name = if one == "проект" { a } else { dice.one(&[a, one]) };
            fill.case(format!("{}: {}", Fill::upper(name), fill.list(0)), 1, &[])
        }
        "have" => fill.case(format!("У {} есть {}.", fill.of(0), fill.listed(0)), 1, &[]),
        "two with" => fill.case(format!("{a} {}, {b} {}", fill.with(0), fill.with(1)), 2, &[]),
        "semicolons" => {
            let mut case = fill.case(format!("{a} {}; {b} {}; {c}", fill.with(0), fill.with(1)), 2, &[]);
            case.wants.push(fill.bare(2));
            case
        }
        "title with" => fill.case(
            format!("{}: {a} {}, {b} {}, {c} {}", fill.title, fill.with(0), fill.with(1), fill.with(2)),
            3,
            &[],
        ),
        "title parentheses" => fill.case(
            format!("{}: {a} ({}), {b} ({}), {c} ({})", fill.title, fill.list(0), fill.list(1), fill.list(2)),
            3,
            &[],
        ),
        "title bare" => {
            let mut case = fill.case(format!("{}: {a} {}, {b}, {c}", fill.title, fill.with(0)), 1, &[]);
            case.wants.extend([fill.bare(1), fill.bare(2)]);
            case
        }
        "have many" => fill.case(
            format!(
                "{} ({}), {b} ({}). У {} много {}.",
                Fill::upper(a),
                fill.list(0),
                fill.list(1),
                fill.of(0),
                fill.nouns[1].0[3]
            ),
            2,
            &[(1, 0)],
        ),
        "their" => fill.case(
            format!("{wish} {a} ({}), их {b} ({}) и {c} ({})", fill.list(0), fill.list(1), fill.list(2)),
            3,
            &[(1, 0)],
        ),
        "status" => fill.status(
            format!("{a} {}, статус: новый, в работе, готов", fill.with(0).replace(" и ", ", ")),
            "new|in_progress|done",
        ),
        "status parentheses" => fill.status(
            format!("{}: {a} ({}, статус: новый, в работе, готов)", fill.title, fill.list(0)),
            "new|in_progress|done",
        ),
        "optional" => {
            let words = &fill.words[0];
            let mut case = fill.case(
                format!("{}: {}, почта (необязательно), код (уникальный)", Fill::upper(a), words[0].0),
                1,
                &[],
            );
            case.wants[0].fields = plain(&words[..1]);
            if let Some(fields) = &mut case.wants[0].fields {
                fields.push(Expected { name: "email".into(), ty: "email".into(), optional: true, unique: false });
                fields.push(Expected { name: "code".into(), ty: "-".into(), optional: false, unique: true });
            }
            case
        }
        "api for" => fill.case(format!("API для {}: {}", fill.nouns[0].0[3], fill.list(0)), 1, &[]),
        "wish" => fill.case(format!("{wish} {a} ({}) и {b} ({})", fill.list(0), fill.list(1)), 2, &[]),
        "bullets" => {
            let marks = dice.one(&[["- ", "- "], ["* ", "* "], ["1. ", "2. "]]);
            fill.case(
                format!(
                    "{}:\n{}{}: {}\n{}{b} ({})\n",
                    fill.title,
                    marks[0],
                    Fill::upper(a),
                    fill.list(0),
                    marks[1],
                    fill.list(1)
                ),
                2,
                &[],
            )
        }
        "lines" => {
            let lines = |at: usize| fill.alone(at).iter().map(|word| format!("- {word}\n")).collect::<String>();
            fill.case(format!("{}:\n{}\n{}:\n{}", Fill::upper(one), lines(0), Fill::upper(other), lines(1)), 2, &[])
        }
        _ => fill.case(
            format!(
                "{}. У {} есть {}. У {} есть {}. Выгрузка в CSV.",
                fill.title,
                fill.of(0),
                fill.listed(0),
                fill.of(1),
                fill.listed(1)
            ),
            2,
            &[],
        ),
    }
}

const ENGLISH: &[&str] = &[
    "with",
    "parentheses",
    "colon",
    "have",
    "each has",
    "two with",
    "two with and",
    "semicolons",
    "title with",
    "title parentheses",
    "title bare",
    "have many",
    "have with",
    "chain",
    "belong",
    "each belongs",
    "their",
    "and their",
    "of",
    "possessive",
    "status colon",
    "status bar",
    "status parentheses",
    "optional",
    "optional before",
    "api for",
    "wish",
    "bullets",
    "lines",
    "sentences",
    "actions",
];
const RUSSIAN: &[&str] = &[
    "with",
    "parentheses",
    "colon",
    "have",
    "two with",
    "semicolons",
    "title with",
    "title parentheses",
    "title bare",
    "have many",
    "their",
    "status",
    "status parentheses",
    "optional",
    "api for",
    "wish",
    "bullets",
    "lines",
    "sentences",
];

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
                let case = if is_russian { russian(kind, &fill, &mut dice) } else { english(kind, &fill, &mut dice) };
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
