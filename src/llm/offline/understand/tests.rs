//! The fixtures, the invariants every understanding keeps, and texts nobody would write.

mod grammar;

use std::collections::HashSet;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::domain::names::{EnumValue, FieldName, ProjectName};
use crate::domain::spec::{Feature, Field, FieldType, Model, RelationKind};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fixture {
    text: String,
    /// The project's name; `-` when nothing can be built and a question must be asked.
    name: String,
    #[serde(default)]
    models: Vec<String>,
    #[serde(default)]
    features: Vec<String>,
    #[serde(default)]
    modules: Vec<Module>,
    #[serde(default)]
    gaps: Vec<String>,
}

fn type_text(ty: &FieldType) -> String {
    match ty {
        FieldType::Enum(values) => values.iter().map(EnumValue::as_str).collect::<Vec<_>>().join("|"),
        FieldType::Ref(to) if to.kind == RelationKind::ManyToMany => format!("*{}", to.model),
        FieldType::Ref(to) => format!(">{}", to.model),
        FieldType::List(of) => format!("list<{}>", type_text(of)),
        FieldType::Dict(of) => format!("dict<{}>", type_text(of)),
        plain => format!("{plain:?}").to_lowercase(),
    }
}

/// `Book: title string, isbn string!, author >Author, note text?`.
fn model_text(model: &Model) -> String {
    let mut out = format!("{}:", model.name);
    for (nth, field) in model.fields.iter().enumerate() {
        let separator = if nth == 0 { "" } else { "," };
        let _ = write!(out, "{separator} {} {}", field.name, type_text(&field.ty));
        out.push_str(if field.optional { "?" } else { "" });
        out.push_str(if field.unique { "!" } else { "" });
        out.push_str(if field.readonly { " readonly" } else { "" });
        if let Some(default) = &field.default {
            let _ = write!(out, " ={}", default.as_str().map_or_else(|| default.to_string(), str::to_owned));
        }
    }
    out
}

fn feature_text(feature: &Feature) -> String {
    match feature {
        Feature::ExportCsv { model } => format!("csv {model}"),
        Feature::Summary { model } => format!("summary {model}"),
        Feature::Redirect(fields) => format!(
            "redirect {} {}>{} {} {}",
            fields.model,
            fields.key,
            fields.target,
            fields.counter.as_ref().map_or("-", FieldName::as_str),
            fields.expires.as_ref().map_or("-", FieldName::as_str)
        ),
    }
}

/// Everything that must hold whatever was said.
fn check(text: &str, told: &Understanding) {
    let shown: String = text.chars().take(200).collect();
    assert!(told.questions.len() <= 3, "{shown:?}: too many questions");
    assert_eq!(told.modules_wanted.first(), Some(&Module::Backend), "{shown:?}");
    let Some(spec) = &told.spec else {
        assert!(told.questions.iter().any(|question| question.blocking), "{shown:?}: no spec and nothing asked");
        return;
    };
    assert!(told.questions.iter().all(|question| !question.blocking), "{shown:?}");
    assert!(spec.domains.is_empty());
    assert!(!spec.models.is_empty(), "{shown:?}");
    assert!(!spec.project.title.trim().is_empty() && !spec.project.title.contains(char::is_control), "{shown:?}");
    assert!(!spec.project.description.contains(char::is_control), "{shown:?}");
    let modules: HashSet<_> = spec.modules.iter().collect();
    assert_eq!(modules.len(), spec.modules.len(), "{shown:?}: a module twice");
    spec.standard_domains().unwrap_or_else(|error| panic!("{shown:?}: {error}"));
    let mut names = HashSet::new();
    for model in &spec.models {
        assert!(names.insert(model.name.snake()), "{shown:?}: {} twice", model.name);
        assert!(names.insert(model.name.plural_snake()), "{shown:?}: the plural of {} is taken", model.name);
        check_model(&shown, spec, model);
    }
    for feature in &spec.features {
        let (model, fields) = match feature {
            Feature::ExportCsv { model } | Feature::Summary { model } => (model, Vec::new()),
            Feature::Redirect(fields) => {
                let wanted =
                    [Some(&fields.key), Some(&fields.target), fields.counter.as_ref(), fields.expires.as_ref()];
                (&fields.model, wanted.into_iter().flatten().collect())
            }
        };
        let model =
            spec.models.iter().find(|known| known.name == *model).unwrap_or_else(|| panic!("{shown:?}: {feature:?}"));
        assert!(fields.iter().all(|field| model.field(field.as_str()).is_some()), "{shown:?}: {feature:?}");
    }
    check_circles(&shown, spec);
    // It survives the trip through its file format.
    let json = serde_json::to_string(spec).expect("a spec is serializable");
    assert_eq!(serde_json::from_str::<Spec>(&json).expect("and readable"), *spec, "{shown:?}");
}

fn check_model(shown: &str, spec: &Spec, model: &Model) {
    assert!(!model.fields.is_empty(), "{shown:?}: {} has no fields", model.name);
    let mut fields = HashSet::new();
    for field in &model.fields {
        assert!(fields.insert(field.name.as_str()), "{shown:?}: {}.{} twice", model.name, field.name);
        assert!(!(field.optional && field.default.is_some()), "{shown:?}: {}.{}", model.name, field.name);
        assert!(
            !field.readonly || field.optional || field.default.is_some(),
            "{shown:?}: {}.{}",
            model.name,
            field.name
        );
        if let FieldType::Ref(to) = &field.ty {
            assert!(spec.models.iter().any(|known| known.name == to.model), "{shown:?}: {}.{}", model.name, field.name);
            assert!(
                !fields.contains(format!("{}_id", field.name).as_str()),
                "{shown:?}: {}.{}",
                model.name,
                field.name
            );
        }
        check_values(shown, field);
    }
}

fn check_values(shown: &str, field: &Field) {
    let bounds = &field.bounds;
    let numeric = matches!(field.ty, FieldType::Int | FieldType::Float | FieldType::Decimal | FieldType::Money);
    let textual = matches!(field.ty, FieldType::String | FieldType::Text);
    assert!(
        numeric || (bounds.ge.is_none() && bounds.gt.is_none() && bounds.le.is_none()),
        "{shown:?}: {}",
        field.name
    );
    assert!(textual || (bounds.min_length.is_none() && bounds.max_length.is_none()), "{shown:?}: {}", field.name);
    assert!(textual || bounds.pattern.is_none(), "{shown:?}: {}", field.name);
    if let (Some(least), Some(most)) = (&bounds.ge, &bounds.le) {
        assert!(least.as_f64() <= most.as_f64(), "{shown:?}: {}", field.name);
    }
    if let (Some(least), Some(most)) = (bounds.min_length, bounds.max_length) {
        assert!(least <= most, "{shown:?}: {}", field.name);
    }
    if let FieldType::Enum(values) = &field.ty {
        let distinct: HashSet<_> = values.iter().collect();
        assert!(values.len() > 1 && distinct.len() == values.len(), "{shown:?}: {}", field.name);
        if let Some(default) = &field.default {
            assert!(values.iter().any(|value| Some(value.as_str()) == default.as_str()), "{shown:?}: {}", field.name);
        }
    }
}

fn check_circles(shown: &str, spec: &Spec) {
    let required = |from: &str| -> Vec<String> {
        let model = spec.models.iter().find(|model| model.name.as_str() == from);
        let fields = model.into_iter().flat_map(|model| &model.fields).filter(|field| !field.optional);
        fields
            .filter_map(|field| match &field.ty {
                FieldType::Ref(to) if to.kind != RelationKind::ManyToMany => Some(to.model.to_string()),
                _ => None,
            })
            .collect()
    };
    for model in &spec.models {
        let mut open = required(model.name.as_str());
        let mut seen = HashSet::new();
        while let Some(next) = open.pop() {
            assert_ne!(next, model.name.as_str(), "{shown:?}: {} needs itself", model.name);
            if seen.insert(next.clone()) {
                open.extend(required(&next));
            }
        }
    }
}

fn fixtures() -> Vec<Fixture> {
    serde_yaml::from_str(include_str!("fixtures/descriptions.yaml")).expect("the fixtures are YAML")
}

#[test]
fn every_description_of_the_table_is_understood_as_it_says() {
    let mut wrong = String::new();
    for fixture in fixtures() {
        let told = understand(&fixture.text, &[]);
        check(&fixture.text, &told);
        let spec = told.spec.as_ref();
        let found = (
            spec.map_or("-".to_owned(), |spec| spec.project.name.to_string()),
            spec.map(|spec| spec.models.iter().map(model_text).collect::<Vec<_>>()).unwrap_or_default(),
            spec.map(|spec| spec.features.iter().map(feature_text).collect::<Vec<_>>()).unwrap_or_default(),
            told.modules_wanted[1..].to_vec(),
            told.gaps.iter().map(|gap| gap.what.clone()).collect::<Vec<_>>(),
        );
        let wanted = (fixture.name, fixture.models, fixture.features, fixture.modules, fixture.gaps);
        if found != wanted {
            let _ = writeln!(wrong, "{}\n  wanted {wanted:#?}\n  found {found:#?}", fixture.text);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn the_table_holds_the_fifteen_examples_and_enough_of_both_languages() {
    let all = fixtures();
    let russian = all.iter().filter(|fixture| understand(&fixture.text, &[]).language == Language::Ru).count();
    assert!(russian >= 36 && all.len() - russian >= 36, "{russian} of {}", all.len());
}

#[test]
fn limits_and_patterns_come_from_the_words() {
    let told = understand(
        "Members: name (required, up to 120 chars), age, rating 1-5, phone, level from 1 to 10, discount percent, salary",
        &[],
    );
    let spec = told.spec.expect("it names things");
    let field =
        |name: &str| spec.models[0].field(name).unwrap_or_else(|| panic!("no {name}: {}", model_text(&spec.models[0])));
    assert_eq!(field("name").bounds.max_length, Some(120));
    assert_eq!(field("age").bounds.le, Some(150.into()));
    assert_eq!(
        (field("rating").bounds.ge.clone(), field("rating").bounds.le.clone()),
        (Some(1.into()), Some(5.into()))
    );
    assert_eq!((field("level").ty.clone(), field("level").bounds.le.clone()), (FieldType::Int, Some(10.into())));
    assert!(field("phone").bounds.pattern.is_some());
    assert_eq!(field("salary").ty, FieldType::Money);
}

#[test]
fn russian_words_stay_in_descriptions() {
    let spec =
        understand("Задачи: название, статус (новый, в работе, закрыт), закорючка", &[]).spec.expect("it names things");
    let status = spec.models[0].field("status").expect("a status");
    assert_eq!(status.description.as_deref(), Some("Статус: new — новый, in_progress — в работе, closed — закрыт"));
    assert_eq!(status.default, Some("new".into()));
    assert_eq!(
        spec.models[0].field("zakoryuchka").and_then(|field| field.description.clone()).as_deref(),
        Some("Закорючка")
    );
}

#[test]
fn models_are_called_as_the_person_calls_them() {
    let told = understand("cats with name and breed; vets; visits of cats with date", &[]);
    let spec = told.spec.expect("it names things");
    let names: Vec<&str> = spec.models.iter().map(|model| model.name.as_str()).collect();
    assert_eq!(names, ["Cat", "Vet", "Visit"]);
    assert!(
        told.assumptions.iter().all(|said| !said.contains("Doctor") && !said.contains("Pet")),
        "{:?}",
        told.assumptions
    );
    let both = understand("visits and appointments of patients with date", &[]).spec.expect("it names things");
    assert!(both.models.iter().any(|model| model.name.as_str() == "Appointment"), "two words for one thing");
}

#[test]
fn what_was_misspelt_is_said() {
    let told = understand("custmers with name and emial", &[]);
    assert_eq!(told.assumptions[..2], ["`custmers` was read as `customers`", "`emial` was read as `email`"]);
    assert_eq!(told.spec.map(|spec| spec.project.title).as_deref(), Some("Customers"));
}

#[test]
fn secrets_are_not_kept_and_that_is_said() {
    for text in ["users with email and password", "Хранилище паролей: сайт, логин, пароль"]
    {
        let told = understand(text, &[]);
        let spec = told.spec.expect("it names things");
        assert!(spec.models.iter().all(|model| model.field("password").is_none()), "{text}");
        assert!(told.gaps.iter().any(|gap| gap.what.contains("secrets") || gap.what.contains("секретов")), "{text}");
    }
}

#[test]
fn reserved_words_make_other_names() {
    let spec =
        understand("Lessons: title, class, from, items, metadata, model_year int", &[]).spec.expect("it names things");
    for field in &spec.models[0].fields {
        assert!(FieldName::parse(field.name.as_str()).is_ok());
    }
    assert!(
        spec.models[0].field("class_name").is_some() || spec.models[0].field("group").is_some(),
        "{}",
        model_text(&spec.models[0])
    );
}

#[test]
fn names_are_taken_from_the_text_or_made_from_it() {
    for (text, name, title) in [
        ("An app called \"Book Nook\": books with title", "book-nook", "Book Nook"),
        ("Сервис под названием «Мой склад»: товары и поставки", "moy-sklad", "Мой склад"),
        ("Job board called HireMe: companies post vacancies", "hireme", "HireMe"),
        ("Проект называется Орбита. Спутники с названием и высотой", "orbita", "Орбита"),
        ("books with a field called title and year", "books", "Books"),
        ("Учёт личных финансов: доходы, расходы", "personal-finance", "Учёт личных финансов"),
    ] {
        let spec = understand(text, &[]).spec.unwrap_or_else(|| panic!("{text}"));
        assert_eq!((spec.project.name.as_str(), spec.project.title.as_str()), (name, title), "{text}");
    }
}

#[test]
fn negation_counts() {
    let told = understand("notes with title and text, no frontend, without telegram bot and without auth", &[]);
    assert_eq!(told.modules_wanted, [Module::Backend]);
    assert!(told.gaps.is_empty(), "{:?}", told.gaps);
    let told = understand("Заметки с заголовком, без бота, без сайта и без авторизации", &[]);
    assert_eq!(told.modules_wanted, [Module::Backend]);
    assert!(told.gaps.is_empty(), "{:?}", told.gaps);
}

#[test]
fn vague_texts_lead_to_questions_that_answers_settle() {
    let vague = "need a bot like the competitor's but better, cheap, by Friday";
    let first = understand(vague, &[]);
    assert!(first.spec.is_none());
    let question = &first.questions[0];
    assert!(question.blocking && question.assumption.is_none());
    let answer = Answer { question: question.id.clone(), text: "books with title and author".to_owned() };
    let settled = understand(vague, &[answer]);
    let spec = settled.spec.as_ref().expect("the answer names books");
    assert_eq!(model_text(&spec.models[0]), "Book: title string, author string");
    assert_eq!(settled.modules_wanted, [Module::Backend, Module::TelegramBot]);
    check(vague, &settled);
}

#[test]
fn each_round_asks_differently() {
    let mut answers: Vec<Answer> = Vec::new();
    let mut asked = HashSet::new();
    for _ in 0..3 {
        let told = understand("сделай красиво", &answers);
        let question = told.questions.iter().find(|question| question.blocking).expect("still nothing to go on");
        assert!(asked.insert(question.id.clone()), "{} again", question.id);
        assert!(question.text.chars().any(|c| ('а'..='я').contains(&c)));
        answers.push(Answer { question: question.id.clone(), text: "не знаю".to_owned() });
    }
    let kind =
        understand("make me an app", &[Answer { question: "pick_kind".to_owned(), text: "a to-do list".to_owned() }]);
    assert_eq!(kind.spec.map(|spec| spec.models[0].name.to_string()).as_deref(), Some("Task"));
}

#[test]
fn texts_that_are_no_descriptions_are_told_apart() {
    for (text, intent) in [
        ("hi", Intent::Greeting),
        ("Привет!", Intent::Greeting),
        ("what can you do?", Intent::Question),
        ("сколько стоит?", Intent::Question),
        ("asdfgh", Intent::Other),
        ("", Intent::Other),
        ("   \n\t", Intent::Other),
        ("make me an app", Intent::NewProject),
        ("сделай мне бота", Intent::NewProject),
        ("notes with title", Intent::NewProject),
    ] {
        assert_eq!(understand(text, &[]).intent, intent, "{text:?}");
    }
}

#[test]
fn what_was_assumed_is_said_in_the_language_of_the_text() {
    let told = understand("Small CRM: clients, deals, reminders. Users can add notes to deals.", &[]);
    let all = told.assumptions.join("\n");
    assert!(all.contains("no fields were named for Client"), "{all}");
    assert!(all.contains("each Reminder may belong to a Client"), "{all}");
    assert!(all.contains("Users"), "{all}");
    let told = understand("Касса: товары, чек", &[]);
    assert!(
        told.assumptions.iter().all(|text| text.chars().any(|c| ('а'..='я').contains(&c))),
        "{:?}",
        told.assumptions
    );
}

#[test]
fn a_megabyte_is_bounded_and_said() {
    for unit in [
        "notes with title, ",
        "я",
        "a_",
        "((((",
        "1.2-3 ",
        "\u{0}\u{7}x\n",
        "у автора много книг. ",
        "- a\n  - b\n",
        "Aa",
    ] {
        let text = unit.repeat(1_000_000 / unit.len());
        let start = Instant::now();
        let told = understand(&text, &[]);
        assert!(start.elapsed() < Duration::from_secs(3), "{unit:?} took {:?}", start.elapsed());
        assert!(told.assumptions.iter().any(|said| said.contains("12000")), "{unit:?}");
        check(&text, &told);
    }
}

#[test]
fn the_same_text_gives_the_same_understanding() {
    for fixture in fixtures() {
        assert_eq!(understand(&fixture.text, &[]), understand(&fixture.text, &[]));
    }
}

fn words() -> impl Strategy<Value = String> {
    const WORDS: &[&str] = &[
        "notes|books|authors|clients|users|orders|items|each order|a user|hives|status|price|due date|email",
        "title|tags|categories|with|has many|have|belongs to|and|,|:|;|.|(|)|\n- |\n\n|new|done|optional",
        "unique|string|int|decimal(10,2)|list of strings|up to 20 chars|1-5|default 0|can|add|assign|to|for|by",
        "report|export to CSV|without|called|API|bot|app|tracker|id|class|заметки|книги|у автора|много",
        "принадлежит|клиенту|статус|новый|в работе|цена|срок|с|и|у|есть|по|категориям|отчёт|выгрузка|бот",
        "сервис|учёт|кто|не|без|назначить|сотрудника|дроны|имя|-|/|many-to-many|fields|entities|поля|model",
        "models|from|Item|Order|created_at|счётчик|short link|redirect",
    ];
    let words: Vec<&str> = WORDS.iter().flat_map(|line| line.split('|')).collect();
    prop::collection::vec(prop::sample::select(words), 1..40).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_gives_a_valid_understanding(text in any::<String>()) {
        check(&text, &understand(&text, &[]));
    }

    #[test]
    fn any_composition_of_the_grammar_gives_a_valid_spec(text in words(), more in words()) {
        let told = understand(&text, &[]);
        check(&text, &told);
        let answers = [Answer { question: "what_it_keeps".to_owned(), text: more }];
        check(&text, &understand(&text, &answers));
    }

    #[test]
    fn a_thing_with_named_fields_always_has_them(
        thing in prop::sample::select(&["books", "hives", "clients", "orders", "drones", "projects", "patients"][..]),
        fields in prop::sample::subsequence(&["title", "price", "email", "weight", "url", "phone", "age", "color", "year"][..], 2..6),
    ) {
        let text = format!("{thing} with {} and {}", fields[..fields.len() - 1].join(", "), fields[fields.len() - 1]);
        let told = understand(&text, &[]);
        check(&text, &told);
        let spec = told.spec.expect("it names a thing");
        for field in fields {
            prop_assert!(spec.models[0].field(field).is_some(), "{}: {}", text, model_text(&spec.models[0]));
        }
    }

    #[test]
    fn names_made_of_any_text_are_valid_or_none(text in any::<String>()) {
        if let Some(name) = super::naming::project_name(&text) {
            prop_assert!(ProjectName::parse(name.as_str()).is_ok());
        }
    }
}
