//! The language of a conversation: the one a person has chosen, else the one they write in, else that of their program.

use cgo::domain::spec::Language;
use cgo::domain::user::Role;
use cgo::ops::users;
use cgo::store::Incidents as _;

use super::house::House;
use crate::notify::incident;

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
