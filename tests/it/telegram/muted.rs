//! Where the bot may not write, and what Telegram refuses for no reason that is known: neither is tried for ever, and
//! neither keeps what comes next from anybody.

use cgo::domain::chat::{BotId, ChatId, Followed};
use cgo::domain::ids::RunId;
use cgo::domain::run::{Ask, RunStatus, Wait};
use cgo::domain::user::Role;
use cgo::ops::chats::Chats;
use cgo::ops::runs;
use cgo::pipeline::{Ended, runner};

use super::conversation::progress;
use super::house::House;
use super::server::{BOT, Telegram};
use crate::support::env::until;

const GROUP: i64 = -77;

/// How often something was sent to a chat, or tried to be.
fn sent_to(telegram: &Telegram, chat: i64) -> usize {
    let sends = |asked: &&super::server::Asked| asked.method == "sendMessage" && asked.body["chat_id"] == chat;
    telegram.world().asked.iter().filter(sends).count()
}

fn is_noted_as_closed(house: &House, chat: i64) -> bool {
    house.with(async |app| Chats::of(&app.context, BotId(BOT)).unreachable(ChatId(chat)).await.unwrap().is_some())
}

fn followed(house: &House, run: &RunId) -> Followed {
    house.with(async |app| Chats::of(&app.context, BotId(BOT)).follower(run).await.unwrap().expect("it is followed"))
}

/// Waits until another chat, which it can write to, was told of three steps of a run there: each run was looked at as
/// often meanwhile.
fn looks_three_times(house: &House) {
    let before = house.with(async |app| runs::list(&app.context, 10).await.unwrap());
    house.telegram.say(10, "/new a recipes API with title");
    let shown = progress(house, 10);
    let after = house.with(async |app| runs::list(&app.context, 10).await.unwrap());
    let new = after.into_iter().map(|view| view.run.id).find(|id| before.iter().all(|view| view.run.id != *id));
    let run = new.expect("a run of the other");
    house.wait_for(&run, Wait::Approval, "may it?");
    let asked = house.telegram.hear_after(10, shown.id, "may it?");
    let press = house.telegram.press(10, &asked, "Approve");
    house.telegram.shown(&press);
    house.telegram.hear_after(10, asked.id, "Approved");
    house.with(async |app| {
        let run = runs::find(&app.context, run.as_str()).await.unwrap();
        runs::cancel(&app.context, &run, runner::cancelled("root")).await.unwrap();
    });
    house.telegram.hear_after(10, asked.id, "🚫");
}

#[test]
fn a_group_in_which_the_bot_may_not_write_is_left_alone_until_something_comes_from_there() {
    let house = House::new();
    house.admit(8, "Bo", Role::Member);
    house.admit(10, "Cy", Role::Member);
    let telegram = house.telegram.clone();
    telegram.change(|world| world.muted.insert(GROUP, "not enough rights to send text messages to the chat"));
    let _bot = house.open();
    telegram.say_in(GROUP, 8, "/new make me a service");
    until("it is noted that the group takes no messages", || is_noted_as_closed(&house, GROUP));
    let run = house.only_run();
    assert!(matches!(house.drive(&run, "never"), Ended::Waiting(Ask { wait: Wait::Input, .. })));
    looks_three_times(&house);
    assert_eq!(sent_to(&telegram, GROUP), 1, "it is tried again and again");
    assert!(!house.noted().iter().any(|line| line.contains("Trouble")), "{:?}", house.noted());
    // It may write again, and something is said there.
    telegram.change(|world| world.muted.clear());
    telegram.say_in(GROUP, 8, "/runs@CgoTestBot");
    progress(&house, GROUP);
    telegram.hear(GROUP, "Question 1 of 2");
    assert!(!is_noted_as_closed(&house, GROUP));
    telegram.assert_content();
}

#[test]
fn what_telegram_refuses_for_no_known_reason_is_noted_and_tried_again_only_with_something_new() {
    let house = House::new();
    house.admit(8, "Bo", Role::Member);
    house.admit(10, "Cy", Role::Member);
    let telegram = house.telegram.clone();
    telegram.change(|world| world.muted.insert(8, "SOMETHING_NEW_OF_NEXT_YEAR"));
    let _bot = house.open();
    telegram.say(8, "/new make me a service");
    let refused = || house.noted().iter().filter(|line| line.contains("SOMETHING_NEW_OF_NEXT_YEAR")).count();
    until("it is noted", || refused() > 0);
    let run = house.only_run();
    assert!(matches!(house.drive(&run, "never"), Ended::Waiting(Ask { wait: Wait::Input, .. })));
    until("the question counts as put", || followed(&house, &run).asked.is_some());
    // Neither how far it is nor what it asks has arrived, and both stay as they are.
    let tried = sent_to(&telegram, 8);
    assert_eq!(refused(), tried, "each is noted");
    looks_three_times(&house);
    assert_eq!(sent_to(&telegram, 8), tried, "it is tried again and again");
    assert_eq!(house.status(&run), RunStatus::WaitingInput);
    // What comes next is told as soon as it can be.
    telegram.change(|world| world.muted.clear());
    house.with(async |app| {
        let run = runs::find(&app.context, run.as_str()).await.unwrap();
        runs::cancel(&app.context, &run, runner::cancelled("root")).await.unwrap();
    });
    telegram.hear(8, "🚫");
    until("it is over", || followed(&house, &run).over);
    telegram.assert_content();
}
