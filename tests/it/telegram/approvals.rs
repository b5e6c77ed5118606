//! Approvals by button: asked of those who may give them, given once, and told when they were accepted, not before.

use cgo::domain::chat::{BotId, ChatId};
use cgo::domain::run::{RunStatus, Wait};
use cgo::domain::spec::Language;
use cgo::domain::user::Role;
use cgo::ops::chats::Chats;
use cgo::ops::{runs, users};
use cgo::pipeline::runner;

use super::house::House;
use super::server::{BOT, Reply, Turn};

impl House {
    /// Names those who approve in the settings.
    fn approvers(&self, names: &str) {
        let folder = self.folder.path().join(".config/cgo");
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("config.yaml"), format!("approvers: [{names}]\n")).expect("a file");
    }
}

#[test]
fn those_who_may_approve_are_asked_too_and_the_one_who_asked_is_refused_with_the_reason() {
    let house = House::new();
    house.approvers("Cy, Di");
    house.admit(8, "Bo", Role::Member);
    house.admit(10, "Cy", Role::Admin);
    house.admit(11, "Di", Role::Admin);
    house.with(async |app| {
        let di = users::by_name(&app.context, "Di").await.unwrap();
        let russian = users::Wishes { language: Some(Language::Ru), ..users::Wishes::default() };
        users::set(&app.context, &di, russian).await.unwrap();
    });
    let telegram = house.telegram.clone();
    telegram.change(|world| world.chats.extend([10, 11]));
    let bot = house.open();
    let run = house.begin(8, 8, "/new a notes API with title");
    house.wait_for(&run, Wait::Approval, "spend $5?");
    let own = telegram.hear(8, "spend $5?");
    house.tell();
    let (first, second) = (telegram.hear(10, "spend $5?"), telegram.hear(11, "spend $5?"));
    assert_eq!(first.labels(), ["Approve", "Reject"]);
    let data = second.data("Одобрить");
    let press = telegram.press(8, &own, "Approve");
    let shown = telegram.shown(&press);
    assert_eq!(shown.text.as_deref(), Some("You may not approve or reject that. These may: Cy, Di"));
    assert!(shown.window);
    telegram.say(8, "approve");
    telegram.hear_after(8, own.id, "These may: Cy, Di");
    assert!(!telegram.chat(8).iter().any(|sent| sent.text.contains("Approved")), "it says what did not happen");
    assert_eq!(house.status(&run), RunStatus::WaitingApproval);

    let press = telegram.press(10, &first, "Approve");
    assert_eq!(telegram.shown(&press).text.as_deref(), Some("Approved"));
    telegram.hear(10, "Approved");
    assert_eq!(house.status(&run), RunStatus::Queued);
    telegram.wait("every card says that it was answered", |world| {
        let says = |id: i64, words: &str| {
            world.messages.iter().any(|sent| sent.id == id && sent.text.contains(words) && sent.labels().is_empty())
        };
        (says(first.id, "Approved by Cy") && says(second.id, "Одобрил(а) Cy") && says(own.id, "spend")).then_some(())
    });
    let late = telegram.forge(11, &second, &data);
    assert_eq!(telegram.shown(&late).text.as_deref(), Some("На это уже ответили."));
    house.settled();
    bot.kill();
    let approved = house.with(async |app| {
        let events = runs::events(&app.context, &run, 0).await.unwrap();
        events.into_iter().filter(|event| event.kind == "answered").map(|event| event.body).collect::<Vec<_>>()
    });
    assert!(approved.len() == 1 && approved[0].contains("\"Cy\""), "{approved:?}");
    telegram.assert_content();
}

#[test]
fn who_is_asked_by_a_copy_answers_in_words_too_and_with_a_command_that_names_no_run() {
    let house = House::new();
    house.approvers("Cy");
    house.admit(8, "Bo", Role::Member);
    house.admit(10, "Cy", Role::Admin);
    let telegram = house.telegram.clone();
    telegram.change(|world| world.chats.insert(10));
    let bot = house.open();
    let run = house.begin(8, 8, "/new a notes API with title");
    house.wait_for(&run, Wait::Approval, "spend $5?");
    telegram.hear(8, "spend $5?");
    house.tell();
    telegram.hear(10, "spend $5?");
    let after = telegram.say(10, "approve");
    telegram.hear_after(10, after, "Approved");
    telegram.hear(10, "Approved by Cy");
    assert_eq!(house.status(&run), RunStatus::Queued);
    house.settled();
    // Dealt with once more, after a kill, it is still an answer: it was the second thing that was said.
    let again = house.with(async |app| {
        let chats = Chats::of(&app.context, BotId(BOT));
        chats.answered_by(ChatId(10), 1001).await.unwrap()
    });
    assert_eq!(again.expect("the question").run, run);

    house.wait_for(&run, Wait::Approval, "spend $9?");
    telegram.hear(8, "spend $9?");
    house.tell();
    telegram.hear(10, "spend $9?");
    let after = telegram.say(10, "/reject");
    telegram.hear_after(10, after, "Rejected");
    assert_eq!(house.status(&run), RunStatus::Cancelled);
    house.settled();
    bot.kill();
    assert_eq!(house.only_run(), run, "an answer began a run");
    telegram.assert_content();
}

#[test]
fn a_press_for_a_run_that_was_cancelled_is_told_so_and_not_that_it_was_answered() {
    let house = House::new();
    house.admit(8, "Bo", Role::Member);
    house.admit(7, "Анна", Role::Admin);
    let telegram = house.telegram.clone();
    let bot = house.open();
    let run = house.begin(-77, 8, "/new a notes API with title");
    house.wait_for(&run, Wait::Approval, "go on?");
    let asked = telegram.hear(-77, "go on?");
    let data = asked.data("Approve");
    house.with(async |app| {
        let run = runs::find(&app.context, run.as_str()).await.unwrap();
        runs::cancel(&app.context, &run, runner::cancelled("a terminal")).await.unwrap();
    });
    for (person, words) in
        [(8, "That is not needed any more. The run: cancelled"), (7, "Это больше не нужно. Запуск: отменён")]
    {
        let late = telegram.forge(person, &asked, &data);
        assert_eq!(telegram.shown(&late).text.as_deref(), Some(words));
    }
    house.settled();
    bot.kill();
    telegram.assert_content();
}

#[test]
fn a_press_that_comes_to_nothing_leaves_no_button_waiting() {
    let (house, telegram, bot) = House::of_bo(Role::Member);
    let run = house.begin(8, 8, "/new a notes API with title");
    house.wait_for(&run, Wait::Approval, "go on?");
    let asked = telegram.hear(8, "go on?");
    house.settled();
    house.sql("update ask set wait = 'nonsense'");
    let press = telegram.press(8, &asked, "Approve");
    telegram.shown(&press);
    let told = telegram.hear_after(8, asked.id, "restore a copy of the store");
    // Not even that can be said in the chat: the window says it.
    telegram.turn("sendMessage", Turn::Says(Reply::bad(400, "Bad Request: no")));
    let press = telegram.press(8, &asked, "Approve");
    telegram.wait("the window", |world| {
        let shown = world.presses.get(&press).cloned().flatten()?;
        (shown.window && shown.text?.starts_with("Something went wrong on my side")).then_some(())
    });
    bot.kill();
    assert!(!telegram.chat(8).iter().any(|sent| sent.id > told.id), "it was said in the window alone");
    telegram.assert_content();
}
