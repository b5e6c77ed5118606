//! The example descriptions, through the whole pipeline up to their own tests.

use cgo::domain::spec::Spec;

use crate::support::env::{TestEnv, tools_are_here};

/// A description, and what the result must speak of.
const EXAMPLES: &[(&str, &[&str])] = &[
    ("A notes API with title and body.", &["Note: title, body"]),
    (
        "To-do list with categories and a due date; show what is done and what is open.",
        &["Category", "due_date", "done"],
    ),
    ("Учёт личных финансов: доходы, расходы, категории, выгрузка в CSV.", &["Income", "Expense", "Category", "amount"]),
    ("Small CRM: clients, deals with amount and stage, reminders.", &["Client", "Deal", "amount", "stage", "Reminder"]),
    ("Касса: товары, корзина, скидки, чек, отчёт за день.", &["Product", "Cart", "Discount", "Receipt"]),
    (
        "Журнал обращений: завести звонок, назначить сотрудника, статус (новый, в работе, закрыт).",
        &["Call", "Employee", "new|in_progress|closed"],
    ),
    ("Call log for support: create a call, assign it, status, weekly report.", &["Call", "status"]),
    ("Short-link service with API: create, redirect, click counts, expiry.", &["Link", "clicks", "expires_at"]),
    ("Сервис коротких ссылок: создать, перейти, счётчик, срок жизни.", &["Link", "clicks", "expires_at"]),
    (
        "Flashcards: decks with cards, question and answer, next review date.",
        &["Deck", "Card", "question", "answer", "next_review"],
    ),
    ("Recipes with ingredients and steps; find recipes by ingredient.", &["Recipe", "Ingredient", "Step"]),
    ("Склад: товары, остатки, поставщики, поставки.", &["Product", "Supplier", "Supply"]),
    (
        "Library: authors have many books, books have ISBN (unique), year, optional description.",
        &["Author", "Book", "isbn", "year", "description?"],
    ),
    ("Бот-заметки в Telegram", &["Note", "бот в Telegram"]),
];

#[test]
fn every_example_becomes_a_tested_project() {
    if !tools_are_here() {
        return;
    }
    let env = TestEnv::new();
    for (text, wanted) in EXAMPLES {
        let made = env.json(["project", "new", text, "--no-deploy", "--yes"]);
        assert!(made["tests"]["passed"].as_u64().unwrap() > 0 && made["tests"]["failed"] == 0, "{text}: {made}");
        let said = format!("{} {}", made["models"], made["not_built"]).to_lowercase();
        for word in *wanted {
            assert!(said.contains(&word.to_lowercase()), "{text}\nsays nothing of `{word}`: {said}");
        }
    }
}

#[test]
fn every_understood_description_passes_the_check_of_specs() {
    for (text, mut spec) in understood() {
        spec.modules.retain(|module| module.is_built());
        let problems: Vec<String> = cgo::scaffold::spec::check(&spec).iter().map(ToString::to_string).collect();
        assert!(problems.is_empty(), "{text}: {problems:?}");
        cgo::scaffold::render::render(&spec).unwrap_or_else(|error| panic!("{text}: {error}"));
    }
}

/// The descriptions of the understanding's own table, and the specs they become, with their operations.
pub fn understood() -> Vec<(String, Spec)> {
    let text = include_str!("../../src/llm/offline/understand/fixtures/descriptions.yaml");
    let table: serde_json::Value = serde_yaml::from_str(text).unwrap();
    let mut texts = Vec::new();
    gather(&table, &mut texts);
    assert!(texts.len() > 150, "only {} descriptions were found", texts.len());
    let spec = |text: &str| {
        let mut spec = cgo::llm::offline::understand::understand(text, &[]).spec?;
        spec.domains = spec.standard_domains().unwrap_or_else(|error| panic!("{text}: {error}"));
        Some(spec)
    };
    texts.into_iter().filter_map(|text| Some((text.to_owned(), spec(text)?))).collect()
}

/// The values of every `text` in a table.
fn gather<'a>(value: &'a serde_json::Value, texts: &mut Vec<&'a str>) {
    match value {
        serde_json::Value::Array(items) => items.iter().for_each(|item| gather(item, texts)),
        serde_json::Value::Object(entries) => {
            texts.extend(entries.get("text").and_then(serde_json::Value::as_str));
            entries.values().for_each(|item| gather(item, texts));
        }
        _ => {}
    }
}

#[test]
fn a_spec_can_take_the_place_of_a_description() {
    if !tools_are_here() {
        return;
    }
    let env = TestEnv::new();
    let made = env.json([
        "project",
        "new",
        "books with title, authors with name; books belong to authors",
        "--no-deploy",
        "--name",
        "first",
    ]);
    let spec = env.work().join("spec");
    copy_spec(&env.work().join("first"), &spec);
    let again = env.json(["project", "new", "--spec", "spec", "--no-deploy", "--name", "second"]);
    assert_eq!(made["models"], again["models"]);
    let show = env.json(["spec", "show", "second"]);
    assert_eq!(show["spec"]["models"], env.json(["spec", "show", "first"])["spec"]["models"]);
}

fn copy_spec(from: &std::path::Path, to: &std::path::Path) {
    for file in ["services.yml", "shared/spec/models.yaml"] {
        std::fs::create_dir_all(to.join(file).parent().unwrap()).unwrap();
        std::fs::copy(from.join(file), to.join(file)).unwrap();
    }
}
