//! How surely people are told: of what is stuck, in chats that were blocked, in quiet hours, in groups that become others.

use std::time::Instant;

use cgo::domain::chat::{BotId, ChatId, Followed};
use cgo::domain::ids::RunId;
use cgo::domain::run::{Ask, Wait};
use cgo::domain::user::{QuietHours, Role};
use cgo::ops::chats::Chats;
use cgo::ops::notify::Delivered;
use cgo::ops::users::{self, Wishes};
use cgo::ops::{Context, queue, runs};
use cgo::pipeline::{Ended, runner};
use cgo::store::{Delivery, DeliveryStatus, Incidents as _, Notices as _};

use super::conversation::progress;
use super::house::House;
use super::server::BOT;
use crate::notify::{hurry, incident};
use crate::support::env::until;

impl House {
    /// Ends a run from a terminal; the notice that is owed for that.
    fn end(&self, run: &RunId) -> String {
        self.with(async |app| {
            let before = runs::find(&app.context, run.as_str()).await.unwrap();
            runs::cancel(&app.context, &before, runner::cancelled("root")).await.unwrap();
            let after = runs::find(&app.context, run.as_str()).await.unwrap();
            format!("{run}:{}", after.seq)
        })
    }

    fn follower(&self, run: &RunId) -> Followed {
        self.with(async |app| chats(&app.context).follower(run).await.unwrap().expect("a chat follows it"))
    }

    fn wishes(&self, name: &str, wishes: Wishes) {
        self.with(async |app| {
            let user = users::by_name(&app.context, name).await.unwrap();
            users::set(&app.context, &user, wishes).await.unwrap();
        });
    }

    fn is_flagged(&self, chat: i64) -> bool {
        self.with(async |app| chats(&app.context).unreachable(ChatId(chat)).await.unwrap().is_some())
    }

    /// What is owed for a notice is due now; how it stands.
    fn hurry(&self, notice: &str) -> Delivery {
        self.with(async |app| hurry(&app.context, notice).await.remove(0))
    }

    fn delivery(&self, notice: &str) -> Delivery {
        self.with(async |app| app.context.store.deliveries(notice).await.unwrap().remove(0))
    }
}

fn chats(context: &Context) -> Chats {
    Chats::of(context, BotId(BOT))
}

#[test]
fn a_run_that_is_stuck_is_told_in_the_chat_that_began_it_and_to_who_did() {
    let house = House::new();
    house.admit(8, "Bo", Role::Member);
    let telegram = house.telegram.clone();
    telegram.change(|world| world.chats.extend([8, -77]));
    let _bot = house.open();
    for chat in [8, -77] {
        telegram.say_in(chat, 8, "/new a notes API with title");
        let shown = progress(&house, chat);
        house.settled();
        let notice = house.with(async |app| {
            let all = chats(&app.context).followed().await.unwrap();
            let followed = all.into_iter().find(|followed| followed.chat == ChatId(chat)).unwrap();
            let all = queue::list(&app.context).await.unwrap();
            let queued = all.into_iter().find(|queued| queued.run.id == followed.run).unwrap();
            queue::give_up(&app.context, &queued).await.unwrap();
            format!("{}:{}:stuck", queued.run.id, queued.run.seq)
        });
        assert_eq!(house.tell(), Delivered { arrived: 1, problems: Vec::new() });
        telegram.hear_after(chat, shown.id, "cannot go on by itself");
        let own = telegram.hear_after(8, shown.id, "cannot go on by itself");
        let delivery = house.delivery(&notice);
        assert_eq!((delivery.status, delivery.message), (DeliveryStatus::Delivered, Some(own.id.to_string())));
        let said = telegram.chat(chat).into_iter().filter(|sent| sent.id > shown.id).count();
        assert_eq!(said, 1, "once in {chat}");
    }
    telegram.assert_content();
}

#[test]
fn a_notice_has_arrived_when_what_says_the_same_has_and_has_the_number_of_that_message() {
    let (house, telegram, bot) = House::of_bo(Role::Member);
    telegram.say(8, "/new make me a service");
    progress(&house, 8);
    house.settled();
    bot.kill();
    let run = house.only_run();
    assert!(matches!(house.drive(&run, "never"), Ended::Waiting(Ask { wait: Wait::Input, .. })));
    let question = house.with(async |app| {
        let run = runs::find(&app.context, run.as_str()).await.unwrap();
        format!("{}:{}", run.id, run.seq)
    });
    let booked = |notice: &str, words: &str, over: bool| {
        assert_eq!(house.tell(), Delivered::default(), "nobody has told it, and nothing has failed");
        let owed = house.hurry(notice);
        assert_eq!((owed.status, owed.message, owed.problem), (DeliveryStatus::Owed, None, None));
        let bot = house.open();
        let told = telegram.hear(8, words);
        until("it is noted", || {
            let followed = house.follower(&run);
            followed.over == over && followed.asked.is_some()
        });
        house.settled();
        assert_eq!(house.tell(), Delivered { arrived: 1, problems: Vec::new() });
        bot.kill();
        let arrived = house.delivery(notice);
        assert_eq!((arrived.status, arrived.message), (DeliveryStatus::Delivered, Some(told.id.to_string())));
    };
    booked(&question, "Question 1 of 2", false);
    booked(&house.end(&run), "🚫", true);
    assert_eq!(telegram.chat(8).len(), 3, "how far it is, the question, the result: {:?}", telegram.chat(8));
    telegram.assert_content();
}

#[test]
fn what_nobody_tells_elsewhere_is_told_by_its_notice_in_the_end() {
    let (house, telegram, bot) = House::of_bo(Role::Member);
    telegram.say(8, "/new a notes API with title");
    progress(&house, 8);
    house.settled();
    bot.kill();
    let notice = house.end(&house.only_run());
    for _ in 0..4 {
        assert_eq!(house.tell(), Delivered::default());
        house.hurry(&notice);
    }
    assert_eq!(house.tell().arrived, 1);
    assert!(telegram.hear(8, "🚫").text.contains("cancelled"));
    telegram.assert_content();
}

#[test]
fn an_end_that_its_notice_tells_is_told_in_the_language_of_its_person() {
    let house = House::new();
    house.admit(7, "Анна", Role::Member);
    let telegram = house.telegram.clone();
    let bot = house.open();
    telegram.say(7, "/new API для заметок с заголовком");
    progress(&house, 7);
    house.settled();
    bot.kill();
    let notice = house.end(&house.only_run());
    for _ in 0..4 {
        assert_eq!(house.tell(), Delivered::default());
        house.hurry(&notice);
    }
    assert_eq!(house.tell().arrived, 1);
    let told = telegram.hear(7, "🚫").text;
    assert!(told.contains("отменено") && told.contains("отменил(а) "), "{told}");
    assert!(!told.contains("cancelled"), "{told}");
    telegram.assert_content();
}

#[test]
fn a_result_for_a_chat_that_takes_no_messages_is_kept_until_it_does() {
    let (house, telegram, bot) = House::of_bo(Role::Member);
    telegram.say(8, "/new a notes API with title");
    progress(&house, 8);
    house.settled();
    let run = house.only_run();
    let blocked_at = Instant::now();
    telegram.change(|world| world.blocked.insert(8));
    let notice = house.end(&run);
    until("it is noted that the chat takes no messages", || house.is_flagged(8));
    let told = house.tell();
    assert!(told.problems[0].contains("takes no messages"), "{told:?}");
    assert_eq!(house.delivery(&notice).message, None, "it is not booked as delivered");
    bot.kill();
    let polls = telegram.count("getUpdates");
    let _bot = house.open();
    telegram.wait("it listens again", |world| {
        (world.asked.iter().filter(|asked| asked.method == "getUpdates").count() > polls).then_some(())
    });
    assert!(!house.follower(&run).over);
    assert!(telegram.asked_for(8, blocked_at) <= 2, "it was not left alone");
    telegram.unblock(8);
    let result = telegram.hear(8, "🚫");
    until("it is noted", || house.follower(&run).over);
    assert_eq!(house.follower(&run).message, Some(result.id));
    let trouble = |line: &String| line.contains(run.as_str()) && line.contains("Trouble");
    assert!(!house.noted().iter().any(trouble), "{:?}", house.noted());
    telegram.assert_content();
}

#[test]
fn what_is_critical_is_tried_again_in_a_chat_that_takes_no_messages() {
    let house = House::new();
    house.admit(8, "Bo", Role::Admin);
    let telegram = house.telegram.clone();
    telegram.change(|world| {
        world.chats.insert(8);
        world.blocked.insert(8);
    });
    let opened = house.with(async |app| {
        let opened = incident(&app.context, "a cause");
        app.context.store.open_incident(&opened).await.unwrap()
    });
    let notice = format!("{}:incident_opened", opened.id);
    let begun = Instant::now();
    for tried in 1..=2 {
        assert_eq!(house.tell().arrived, 0);
        assert!(house.is_flagged(8));
        let owed = house.hurry(&notice);
        assert_eq!((owed.status, owed.attempts), (DeliveryStatus::Owed, tried));
        assert!(owed.due_at.since(owed.updated_at) >= 60 * 60 * 1000, "not at once: {owed:?}");
        assert_eq!(telegram.asked_for(8, begun), tried as usize, "Telegram is asked each time");
    }
    // They let it write again, and say nothing.
    telegram.change(|world| world.blocked.clear());
    assert_eq!(house.tell(), Delivered { arrived: 1, problems: Vec::new() });
    telegram.hear(8, "🚨");
    assert!(!house.is_flagged(8), "what is not critical is told there again, too");
    telegram.assert_content();
}

#[test]
fn in_quiet_hours_a_run_is_told_without_a_sound_but_who_answers_hears_what_comes_next() {
    let house = House::new();
    house.admit(8, "Bo", Role::Member);
    house.admit(10, "Cy", Role::Member);
    // All day but a minute twelve hours from now.
    let now = house.with(async |app| app.context.now());
    let minute = u16::try_from(now.0.div_euclid(60_000).rem_euclid(1440)).unwrap();
    let (from, to) = ((minute + 721) % 1440, (minute + 720) % 1440);
    let quiet = Some(Some(QuietHours { from, to, zone: "UTC".to_owned() }));
    house.wishes("Bo", Wishes { quiet, ..Wishes::default() });
    let telegram = house.telegram.clone();
    let _bot = house.open();
    telegram.say(8, "/new make me a service");
    assert!(progress(&house, 8).silent);
    let run = house.only_run();
    house.drive(&run, "never");
    assert!(telegram.hear(8, "Question 1 of 2").silent);
    house.settled();
    telegram.say(8, "books with title");
    assert!(!telegram.hear(8, "Question 2 of 2").silent);
    house.end(&run);
    assert!(telegram.hear(8, "🚫").silent);
    telegram.say(10, "/new a notes API with title");
    assert!(!progress(&house, 10).silent, "whose hours are not quiet hears it");
    telegram.assert_content();
}

#[test]
fn a_run_is_followed_where_its_group_has_gone_whoever_says_so_first() {
    const GROUPS: [i64; 3] = [-77, -100_077, -100_078];
    let house = House::new();
    house.admit(8, "Bo", Role::Member);
    house.wishes("Bo", Wishes { chat: Some(Some(GROUPS[0])), ..Wishes::default() });
    let telegram = house.telegram.clone();
    let _bot = house.open();
    telegram.say_in(GROUPS[0], 8, "/new make me a service");
    progress(&house, GROUPS[0]);
    house.settled();
    let run = house.only_run();
    // It finds out when it is refused.
    let moved_at = Instant::now();
    telegram.migrate(GROUPS[0], GROUPS[1]);
    assert!(matches!(house.drive(&run, "never"), Ended::Waiting(Ask { wait: Wait::Input, .. })));
    telegram.hear(GROUPS[1], "Question 1 of 2");
    progress(&house, GROUPS[1]);
    house.settled();
    assert!(telegram.asked_for(GROUPS[0], moved_at) <= 2, "it asks in vain again and again");
    // It is told, while the run stands still.
    telegram.migrate(GROUPS[1], GROUPS[2]);
    telegram.say_moved(GROUPS[1], GROUPS[2]);
    telegram.hear(GROUPS[2], "Question 1 of 2");
    house.settled();
    house.end(&run);
    telegram.hear(GROUPS[2], "🚫");
    until("it is noted", || house.follower(&run).over);
    assert_eq!(house.follower(&run).chat, ChatId(GROUPS[2]));
    let told = house.with(async |app| users::by_name(&app.context, "Bo").await.unwrap().chat);
    assert_eq!(told, Some(GROUPS[2]), "who is told in the group is told there");
    let trouble = |line: &String| line.contains(run.as_str()) && line.contains("Trouble");
    assert!(!house.noted().iter().any(trouble), "{:?}", house.noted());
    telegram.assert_content();
}
