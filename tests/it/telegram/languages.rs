//! The language of a conversation: the one a person has chosen, else the one they write in, else that of their program.

use cgo::domain::run::{Ask, Batch, RunStatus, Wait};
use cgo::domain::spec::Language;
use cgo::domain::user::Role;
use cgo::graph::progress::{Event, Failure};
use cgo::ops::{runs, users};
use cgo::pipeline::Ended;
use cgo::store::Incidents as _;

use super::commands::append;
use super::house::House;
use crate::notify::incident;
use crate::support::env::until;

/// Two words of a text that follow each other in English. Commands of cgo are in no language.
fn english(text: &str) -> Option<String> {
    let is_word = |word: &str| word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_lowercase());
    text.lines().find_map(|line| {
        let said = line.split("cgo ").next().unwrap_or_default();
        let words: Vec<&str> = said.split_whitespace().collect();
        let ends = ['.', ',', ':', ';', '!', '?'];
        let pair = words.windows(2).find(|pair| is_word(pair[0]) && is_word(pair[1].trim_end_matches(ends)));
        pair.map(|pair| pair.join(" "))
    })
}

#[test]
fn the_language_is_the_persons_own_choice() {
    let house = House::new();
    house.admit(7, "Анна", Role::Member);
    let telegram = house.telegram.clone();
    let bot = house.open();
    telegram.say(7, "/projects");
    telegram.hear(7, "Проектов пока нет");
    telegram.say(7, "/language");
    let asks = telegram.hear(7, "На каком языке?");
    let press = telegram.press(7, &asks, "English");
    telegram.shown(&press);
    telegram.hear(7, "English it is.");
    bot.kill();
    let _bot = house.open();
    telegram.say(7, "/projects");
    telegram.hear(7, "There are no projects yet");
    // What is chosen is stronger than what is written.
    let after = telegram.say(7, "API для заметок с заголовком и текстом");
    telegram.hear_after(7, after, "waits for its turn");
    telegram.assert_content();
}

#[test]
fn who_writes_a_sentence_is_answered_in_its_language_whatever_their_program_speaks() {
    let (house, telegram, bot) = House::of_bo(Role::Member);
    // A command says nothing of it: the program speaks English.
    telegram.say(8, "/projects");
    telegram.hear(8, "There are no projects yet");
    let after = telegram.say(8, "API для заметок с заголовком и текстом");
    let shown = telegram.hear_after(8, after, "ждёт очереди");
    assert_eq!(shown.labels(), ["Отменить"]);
    // The conversation stays in it, across a kill and for buttons.
    house.settled();
    bot.kill();
    let _bot = house.open();
    let after = telegram.say(8, "/projects");
    telegram.hear_after(8, after, "Проектов пока нет");
    let press = telegram.press(8, &shown, "Отменить");
    telegram.shown(&press);
    let sure = telegram.hear_after(8, after, "Отменить run-");
    assert_eq!(sure.labels()[1], "Нет");
    // Until they write a sentence in another one.
    let after = telegram.say(8, "a recipes API with title and text");
    telegram.hear_after(8, after, "waits for its turn");
    let after = telegram.say(8, "/projects");
    telegram.hear_after(8, after, "There are no projects yet");
    telegram.assert_content();
}

#[test]
fn a_language_the_bot_has_no_words_in_is_answered_in_english() {
    let house = House::new();
    house.admit(7, "Jörg", Role::Member);
    let telegram = house.telegram.clone();
    let _bot = house.open();
    let after = telegram.say(7, "ein Dienst für Notizen mit Titel und Text");
    let shown = telegram.hear_after(7, after, "waits for its turn");
    assert_eq!(shown.labels(), ["Cancel"]);
    let chosen = house.with(async |app| users::by_name(&app.context, "Jörg").await.unwrap().language);
    assert_eq!(chosen, None, "what is written chooses nothing for good");
    // A stranger, too, is refused in words they can read.
    telegram.say(97, "make me a shelf of books");
    telegram.hear(97, "I do not know you");
    telegram.assert_content();
}

#[test]
fn what_goes_wrong_is_told_in_the_language_of_the_chat_with_what_to_do() {
    let house = House::new();
    house.admit(7, "Анна", Role::Admin);
    house.project(7, "notes");
    house.with(async |app| {
        app.context.store.open_incident(&incident(&app.context, "notes: down")).await.unwrap();
    });
    let telegram = house.telegram.clone();
    let _bot = house.open();
    for (said, read) in [
        ("/project shelf", "Проекта shelf нет.\nДальше: выберите из этих: notes"),
        ("/project Полка", "полка — не имя проекта: оно начинается с буквы a-z, например notes-api"),
        ("/cancel run-000000000000", "Запуска run-000000000000 нет.\nДальше: cgo run list"),
        ("/rollback notes", "У проекта notes нет версии, к которой можно вернуться.\nДальше: cgo deploy notes"),
        ("/deploy notes", "На машине, где работает cgo, нет "),
    ] {
        let after = telegram.say(7, said);
        telegram.hear_after(7, after, read);
    }
    let after = telegram.say(7, "/stop notes");
    let sure = telegram.hear_after(7, after, "Остановить notes?");
    let press = telegram.press(7, &sure, "Да");
    telegram.shown(&press);
    telegram.hear_after(7, sure.id, "Так не получится: проект notes не развёрнут\nДальше: cgo deploy notes");
    let after = telegram.say(7, "/incidents");
    let broken = telegram.hear_after(7, after, "• Служба не работает — `notes` does not work");
    let press = telegram.press(7, &broken, "`notes`");
    telegram.shown(&press);
    telegram.hear_after(7, broken.id, "Служба не работает — `notes` does not work\nstatus 500");
    telegram.assert_content();
}

#[test]
fn nothing_of_a_conversation_in_russian_is_english_however_its_runs_end() {
    assert_eq!(english("🚫 книги — cancelled by Анна").as_deref(), Some("cancelled by"));
    let house = House::new();
    house.admit(7, "Анна", Role::Member);
    let telegram = house.telegram.clone();
    let _bot = house.open();
    let cancelled = house.begin(7, 7, "сделай мне сервис");
    assert!(matches!(house.drive(&cancelled, "never"), Ended::Waiting(Ask { wait: Wait::Input, .. })));
    telegram.hear(7, "Вопрос 1 из 2");
    telegram.say(7, "книги с названием и автором");
    let second = telegram.hear(7, "Вопрос 2 из 2");
    let press = telegram.press(7, &second, "HTTP API");
    telegram.shown(&press);
    until("the run to go on", || house.status(&cancelled) == RunStatus::Queued);
    assert!(matches!(house.drive(&cancelled, "architect"), Ended::Interrupted));
    telegram.hear(7, "ждёт очереди: работа прервана");
    let after = telegram.say(7, "/cancel");
    let sure = telegram.hear_after(7, after, "Отменить");
    let press = telegram.press(7, &sure, "Да");
    telegram.shown(&press);
    let result = telegram.hear(7, "🚫");
    assert!(result.text.contains("Отменено\nотменил(а) Анна"), "{}", result.text);
    let after = telegram.say(7, "/runs");
    let list = telegram.hear_after(7, after, "Запуски");
    let press = telegram.press(7, &list, "");
    telegram.shown(&press);
    telegram.hear_after(7, list.id, "отменил(а) Анна");

    let after = telegram.say(7, "/new API для заметок с заголовком");
    telegram.hear_after(7, after, "🛠");
    house.with(async |app| {
        let all = runs::list(&app.context, 10).await.unwrap();
        let failed = all.into_iter().map(|view| view.run.id).find(|id| *id != cancelled).expect("a second run");
        let hint = Some("run `cgo agent set tester is_active true`".to_owned());
        let failure = Failure { hint, ..Failure::new("agent `tester` is switched off", 1) };
        let status = Some((RunStatus::Failed, Some(failure.reason.clone())));
        let events = [Event::TakenUp { by: "a test".to_owned() }, Event::Failed(failure)];
        append(&app.context, &failed, &events, Batch { status, ..Batch::default() }).await;
    });
    let failed = telegram.hear_after(7, after, "Не получилось");
    let why = "Причина: агент `tester` выключен\nДальше: выполните `cgo agent set tester is_active true`";
    assert!(failed.text.contains(why), "{}", failed.text);
    for sent in telegram.chat(7) {
        for text in sent.before.iter().chain([&sent.text]).chain(&sent.labels()) {
            assert_eq!(english(text), None, "{text}");
        }
    }
    telegram.assert_content();
}

#[test]
fn an_incident_is_told_and_taken_back_in_the_language_a_person_has_chosen() {
    let house = House::new();
    house.admit(7, "Анна", Role::Admin);
    let telegram = house.telegram.clone();
    telegram.change(|world| world.chats.extend([7]));
    let opened = house.with(async |app| {
        let anna = users::by_name(&app.context, "Анна").await.unwrap();
        let wishes = users::Wishes { language: Some(Language::Ru), ..users::Wishes::default() };
        users::set(&app.context, &anna, wishes).await.unwrap();
        let opened = incident(&app.context, "notes: down");
        app.context.store.open_incident(&opened).await.unwrap()
    });
    house.tell();
    telegram.hear(7, "🚨 Служба не работает — `notes` does not work");
    house.with(async |app| {
        let now = app.context.now();
        app.context.store.resolve_incident(&opened.id, "it answers again", now).await.unwrap();
    });
    house.tell();
    telegram.hear(7, "💚 Устранено: Служба не работает — `notes` does not work");
    telegram.assert_content();
}
