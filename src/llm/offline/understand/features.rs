//! Abilities beyond keeping records, and the modules a person asks for.
//!
//! Only words are recognised here; which model an export or a report is about is decided in `build`, when it is
//! known which models there are.

use super::lexicon::Class;
use super::phrases::Chunk;
use super::tokens::Kind;
use crate::domain::spec::Module;

/// An ability that an item asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ability {
    /// The list as CSV.
    Export,
    /// Counts and sums.
    Summary,
    /// Messages to people.
    Notify,
    /// A short link's visit.
    Redirect,
    /// What every service has anyway: search, filters, pages.
    BuiltIn,
}

const WORDS: &[(Ability, &[&str])] = &[
    (
        Ability::Export,
        &[
            "export",
            "exporting",
            "csv",
            "download",
            "downloadable",
            "выгрузк",
            "экспорт",
            "выгружа",
            "экспортирова",
            "выгруз",
            "скачива",
        ],
    ),
    (
        Ability::Summary,
        &[
            "report",
            "reporting",
            "summary",
            "statistic",
            "stat",
            "analytic",
            "totals",
            "chart",
            "graph",
            "отчет",
            "отчетн",
            "сводк",
            "статистик",
            "аналитик",
            "итогов",
            "график",
            "диаграмм",
            "отчетик",
            "breakdown",
            "leaderboard",
        ],
    ),
    (
        Ability::Notify,
        &[
            "notify",
            "notification",
            "notifying",
            "уведомлен",
            "уведомля",
            "оповещен",
            "оповеща",
            "напомина",
            "напомн",
            "push",
            "newsletter",
            "рассылк",
            "remind",
            "alerting",
        ],
    ),
    (Ability::Redirect, &["redirect", "redirection", "redirecting", "редирект", "перенаправлен", "перенаправля"]),
    (
        Ability::BuiltIn,
        &[
            "pagination",
            "paging",
            "search",
            "filter",
            "filtering",
            "sorting",
            "searching",
            "поиск",
            "фильтр",
            "фильтрац",
            "сортировк",
            "пагинац",
            "swagger",
            "documentation",
            "docs",
            "test",
            "тест",
            "документац",
            "validation",
            "валидац",
        ],
    ),
];

/// The first word that asks for an ability, and where it stands.
pub(super) fn ability(chunks: &[Chunk]) -> Option<(Ability, usize)> {
    chunks.iter().enumerate().find_map(|(at, chunk)| {
        if chunk.kind != Kind::Word || (chunk.senses.entity.is_some() && chunk.words > 1) {
            return None;
        }
        let first = chunk.key.split(' ').next().unwrap_or_default();
        let found = WORDS.iter().find(|(_, words)| words.contains(&first) || words.contains(&chunk.lower.as_str()))?;
        if found.0 == Ability::BuiltIn && chunk.senses.entity.is_some() {
            return None;
        }
        let before = at.checked_sub(1).and_then(|before| chunks.get(before));
        let counted = before.is_some_and(|before| before.is(Class::Many) || before.is(Class::Each));
        if counted && found.0 == Ability::Summary && chunk.key == "report" {
            // `an employee submits many reports; each report has items`: records of their own.
            return None;
        }
        // `график` and `тесты` are things too; as the object of a summary they are not meant.
        Some((found.0, at))
    })
}

const TELEGRAM: &[&str] = &["telegram", "телеграм", "телеграмм", "тг", "tg", "телег", "тележк", "телеграме", "телеге"];
const FRONTEND: &[&str] = &[
    "website",
    "site",
    "frontend",
    "front",
    "ui",
    "landing",
    "dashboard",
    "webpage",
    "gui",
    "spa",
    "react",
    "vue",
    "сайт",
    "фронтенд",
    "фронт",
    "лендинг",
    "дашборд",
    "админк",
    "веб-интерфейс",
    "сайтик",
    "интерфейс",
    "html",
];
const FRONTEND_PHRASES: &[&str] = &[
    "web page",
    "web site",
    "web app",
    "web application",
    "web interface",
    "landing page",
    "admin panel",
    "web ui",
    "user interface",
    "веб интерфейс",
    "веб приложен",
    "веб страниц",
    "веб сайт",
    "админ панел",
    "web form",
    "веб форм",
    "на сайт",
];

/// The modules beside the backend that the words ask for, and whether a bot was only implied to be Telegram's.
pub(super) fn modules(chunks: &[Chunk], website_is_a_field: bool) -> (Vec<Module>, bool) {
    let mut wanted = Vec::new();
    let mut implied_telegram = false;
    let text: Vec<&str> = chunks.iter().flat_map(|chunk| chunk.key.split(' ')).collect();
    let has_telegram = text.iter().any(|word| TELEGRAM.contains(word));
    for (at, chunk) in chunks.iter().enumerate() {
        if chunk.kind != Kind::Word || negated(chunks, at) {
            continue;
        }
        let words: Vec<&str> = chunk.key.split(' ').collect();
        let bot = words.iter().any(|word| matches!(*word, "bot" | "chatbot" | "бот" | "чатбот" | "ботик" | "tgbot"));
        if bot || words.iter().any(|word| TELEGRAM.contains(word)) {
            implied_telegram |= bot && !has_telegram;
            wanted.push(Module::TelegramBot);
        }
        if words.iter().any(|word| WORDS[2].1.contains(word)) || chunk.senses.gap.is_some_and(is_sending) {
            wanted.push(Module::Notifications);
        }
        let next = chunks.get(at + 1).map_or("", |next| next.key.as_str());
        let pair = format!("{} {next}", chunk.key);
        let phrase = FRONTEND_PHRASES.iter().any(|phrase| chunk.key == *phrase || pair == *phrase);
        let single =
            words.len() == 1 && FRONTEND.contains(&words[0]) && !(website_is_a_field && chunk.senses.field.is_some());
        if phrase || single {
            wanted.push(Module::Frontend);
        }
    }
    wanted.sort_unstable();
    wanted.dedup();
    (wanted, implied_telegram)
}

fn is_sending(gap: u16) -> bool {
    super::lexicon::lexicon().gaps[usize::from(gap)].id == "sending"
}

/// Whether a negation stands shortly before, in the same list entry.
pub(super) fn negated(chunks: &[Chunk], at: usize) -> bool {
    chunks[..at]
        .iter()
        .rev()
        .take(4)
        .take_while(|chunk| chunk.kind == Kind::Word && !chunk.is(Class::With) && !chunk.is(Class::Conj))
        .any(|chunk| chunk.is(Class::Neg))
        || chunks.get(at + 1).is_some_and(|chunk| chunk.is(Class::Neg) && chunk.words > 1)
}
