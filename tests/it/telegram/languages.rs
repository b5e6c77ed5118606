//! The language of a conversation: the one a person has chosen, else the one they write in, else that of their program.

use cgo::domain::user::Role;
use cgo::ops::users;

use super::house::House;

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
