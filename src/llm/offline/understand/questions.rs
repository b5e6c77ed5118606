//! What to ask when the text says nothing to build on, and what the text was, if no description.

use super::lexicon::Class;
use super::phrases::Chunk;
use super::tokens::Kind;
use super::wording::say;
use super::{Answer, Intent, Question};
use crate::domain::spec::{Language, Module};

/// The questions of this round: each round asks differently, at most three at once.
pub(super) fn questions(answers: &[Answer], modules: &[Module], language: Language) -> Vec<Question> {
    const ROUNDS: &[&str] = &["what_it_keeps", "one_record", "pick_kind"];
    let asked = |id: &str| answers.iter().any(|answer| answer.question == id);
    let id = ROUNDS.iter().find(|id| !asked(id)).copied().unwrap_or("pick_kind");
    let mut out = vec![match id {
        "what_it_keeps" => Question {
            id: id.to_owned(),
            text: say(
                language,
                "What should it keep? Name the things and their properties, for example: books with title, author and year",
                "Что в нём хранить? Назовите вещи и их свойства, например: книги с названием, автором и годом",
            ),
            choices: Vec::new(),
            assumption: None,
            blocking: true,
        },
        "one_record" => Question {
            id: id.to_owned(),
            text: say(
                language,
                "Describe one record as you would fill in a form, for example: client: name, phone, date of visit",
                "Опишите одну запись так, будто заполняете форму, например: клиент: имя, телефон, дата визита",
            ),
            choices: Vec::new(),
            assumption: None,
            blocking: true,
        },
        _ => Question {
            id: id.to_owned(),
            text: say(language, "Which of these is nearest to what you need?", "Что из этого ближе всего к нужному?"),
            choices: kinds(language),
            assumption: None,
            blocking: true,
        },
    }];
    if modules.is_empty() && !asked("how_it_is_used") {
        out.push(Question {
            id: "how_it_is_used".to_owned(),
            text: say(language, "How will people use it?", "Как им будут пользоваться?"),
            choices: match language {
                Language::En => ["an HTTP API", "a Telegram bot", "a web page"].map(str::to_owned).to_vec(),
                Language::Ru => ["HTTP API", "бот в Telegram", "веб-страница"].map(str::to_owned).to_vec(),
            },
            assumption: Some(say(language, "an HTTP API only", "только HTTP API")),
            blocking: false,
        });
    }
    out
}

fn kinds(language: Language) -> Vec<String> {
    match language {
        Language::En => {
            ["notes", "a to-do list", "a small CRM", "personal finance", "a warehouse", "a library", "bookings"]
                .map(str::to_owned)
                .to_vec()
        }
        Language::Ru => ["заметки", "список дел", "CRM", "личные финансы", "склад", "библиотека", "бронирование"]
            .map(str::to_owned)
            .to_vec(),
    }
}

/// Whether a word opens a question.
#[must_use]
pub fn opens_question(word: &str) -> bool {
    const ASKS: &[&str] = &[
        "what",
        "how",
        "who",
        "why",
        "when",
        "where",
        "which",
        "can",
        "is",
        "are",
        "do",
        "does",
        "что",
        "как",
        "кто",
        "почему",
        "зачем",
        "когда",
        "где",
        "какие",
        "какой",
        "можно",
        "умеешь",
        "можешь",
        "сколько",
        "работает",
        "работают",
    ];
    ASKS.contains(&word)
}

/// What the text wants. Only a text that names nothing to keep can be anything but a new project.
pub(super) fn intent(text: &str, chunks: &[Chunk], asks_for_something: bool) -> Intent {
    const GREETINGS: &[&str] = &[
        "hi",
        "hello",
        "hey",
        "привет",
        "здравствуйте",
        "здравствуй",
        "добрый",
        "день",
        "yo",
        "good",
        "morning",
        "there",
        "хай",
    ];
    if asks_for_something {
        return Intent::NewProject;
    }
    let words: Vec<&Chunk> = chunks.iter().filter(|chunk| chunk.kind == Kind::Word).collect();
    let Some(first) = words.first() else { return Intent::Other };
    if words.len() <= 4 && words.iter().flat_map(|chunk| chunk.lower.split(' ')).all(|word| GREETINGS.contains(&word)) {
        return Intent::Greeting;
    }
    let wishes = words.iter().any(|chunk| chunk.is(Class::Wish) || chunk.senses.app.is_some());
    let opens = first.lower.split(' ').next().is_some_and(opens_question);
    if opens && (text.trim_end().ends_with('?') || !wishes) {
        return Intent::Question;
    }
    if wishes { Intent::NewProject } else { Intent::Other }
}
