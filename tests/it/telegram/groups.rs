//! In groups: who answers, who sends files, and what strangers get there.

use cgo::domain::run::{Ask, Request, RunStatus, Wait};
use cgo::domain::user::Role;
use cgo::ops::{runs, users};
use cgo::pipeline::Ended;

use super::house::House;

const GROUP: i64 = -77;

#[test]
fn a_question_in_a_group_is_answered_by_a_reply_of_who_may_and_by_nothing_else() {
    let house = House::new();
    house.admit(8, "Bo", Role::Member);
    house.admit(10, "Cy", Role::Member);
    let telegram = house.telegram.clone();
    let _bot = house.open();
    let run = house.begin(GROUP, 8, "/new make me a service");
    assert!(matches!(house.drive(&run, "never"), Ended::Waiting(Ask { wait: Wait::Input, .. })));
    let asked = telegram.hear(GROUP, "Question 1 of 2");
    house.settled();
    // Talk among people is no answer.
    telegram.say_in(GROUP, 8, "notes with title");
    telegram.reply_in(GROUP, 10, &asked, "recipes with title");
    telegram.hear_after(GROUP, asked.id, "there is no run");
    let stranger = telegram.reply_in(GROUP, 98, &asked, "nothing at all");
    telegram.hear_after(GROUP, stranger, "I do not know you. Your id is 98");
    assert_eq!(house.status(&run), RunStatus::WaitingInput);
    telegram.reply_in(GROUP, 8, &asked, "books with author");
    let second = telegram.hear_after(GROUP, asked.id, "Question 2 of 2");
    let press = telegram.press(8, &second, "an HTTP API");
    telegram.shown(&press);
    house.settled();
    assert_eq!(house.status(&run), RunStatus::Queued);
    let answered = house.with(async |app| {
        let events = runs::events(&app.context, &run, 0).await.unwrap();
        events.into_iter().find(|event| event.kind == "answered").expect("it was answered").body
    });
    assert!(answered.contains("books with author") && answered.contains("\"by\":\"Bo\""), "{answered}");
    assert!(!answered.contains("recipes") && !answered.contains("nothing at all"), "{answered}");
    telegram.assert_content();
}

#[test]
fn a_file_in_a_group_is_taken_when_it_is_meant_for_the_bot_and_from_nobody_it_does_not_know() {
    let (house, telegram, _bot) = House::of_bo(Role::Member);
    let spec = "project: {name: jam-shelf, title: Jam}\nmodels:\n  Jar:\n    fields: {label: string}\n";
    telegram.send_file_in(GROUP, 8, "other.yaml", spec.as_bytes(), "for the team");
    telegram.send_file_in(GROUP, 98, "theirs.yaml", spec.as_bytes(), "@CgoTestBot build this");
    telegram.hear(GROUP, "I do not know you. Your id is 98");
    assert_eq!(telegram.count("getFile"), 0, "what is not for the bot, or a stranger's, is not read");
    telegram.send_file_in(GROUP, 8, "shelf.yaml", spec.as_bytes(), "@CgoTestBot");
    telegram.hear(GROUP, "🛠");
    let run = house.only_run();
    let request = house.with(async |app| runs::find(&app.context, run.as_str()).await.unwrap().request);
    let Request::NewProject(new) = request else { panic!("a new project") };
    assert!(new.spec.is_some_and(|spec| spec.contains("jam-shelf")));
    assert_eq!(telegram.count("getFile"), 1, "one file was read");
    telegram.assert_content();
}

#[test]
fn a_stranger_in_a_group_is_told_so_a_few_times_and_counted_and_begins_nothing() {
    let (house, telegram, bot) = House::of_bo(Role::Admin);
    for text in ["/projects", "@CgoTestBot a notes API with title", "/runs", "/help", "/new a notes API with title"] {
        telegram.say_in(GROUP, 98, text);
    }
    // What is not for the bot is no attempt.
    telegram.say_in(GROUP, 96, "a nice day");
    telegram.say_in(GROUP, 8, "/projects");
    telegram.hear(GROUP, "There are no projects yet");
    house.settled();
    bot.kill();
    let told = telegram.chat(GROUP).into_iter().filter(|sent| sent.text.contains("I do not know you")).count();
    assert_eq!(told, 3);
    house.with(async |app| {
        let strangers = users::list(&app.context).await.unwrap().strangers;
        let attempts: Vec<(String, u64)> =
            strangers.iter().map(|stranger| (stranger.identity.to_string(), stranger.attempts)).collect();
        assert_eq!(attempts, [("telegram:98".to_owned(), 5)]);
        assert!(runs::list(&app.context, 10).await.unwrap().is_empty());
    });
    telegram.assert_content();
}
