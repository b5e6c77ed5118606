//! What nobody expects: strangers, forged presses, texts of every sort, others' bots, a thousand messages, and a process
//! that is killed again and again.

use cgo::domain::chat::BotId;
use cgo::domain::run::Request;
use cgo::domain::user::Role;
use cgo::ops::chats::Chats;
use cgo::ops::{runs, users};
use serde_json::{Value, json};

use super::house::House;
use super::server::{BOT, NAME};
use crate::support::env::TestEnv;

#[test]
fn a_stranger_learns_their_id_and_nothing_else_and_is_counted() {
    let (house, telegram, bot) = House::of_bo(Role::Admin);
    telegram.say(8, "/projects");
    let own = telegram.hear(8, "no projects");
    for text in ["hello", "/projects", "/new a notes API", "/runs", "/start nonsense", "/agents"] {
        telegram.say(99, text);
    }
    house.settled();
    // A stranger presses a button of somebody else, which they cannot see.
    let press = telegram.forge(99, &own, "l:runs:0");
    assert!(telegram.shown(&press).window);
    house.settled();
    bot.kill();
    let told = telegram.chat(99);
    assert_eq!(told.len(), 3, "answered a few times, then counted only: {told:?}");
    assert!(told.iter().all(|sent| sent.text.contains("99") && sent.text.contains("cgo users invite")));
    house.with(async |app| {
        let strangers = users::list(&app.context).await.unwrap().strangers;
        assert_eq!(strangers.len(), 1);
        assert!(strangers[0].attempts >= 6, "{strangers:?}");
        assert!(runs::list(&app.context, 10).await.unwrap().is_empty(), "a stranger began a run");
    });
    telegram.assert_content();
}

#[test]
fn an_invitation_lets_one_person_in_once() {
    let house = House::new();
    let mut env = TestEnv::new();
    env.set("CGO_DATA", house.folder.path().join("data").display().to_string());
    let first = env.json(["users", "invite"]);
    assert_eq!(first["link"], Value::Null, "nothing was talked over yet");
    let telegram = house.telegram.clone();
    let _bot = house.open();
    telegram.say(99, "/start");
    telegram.hear(99, "99");
    let said = env.ok(["users", "invite"]).stdout;
    let link = said.lines().next().expect("a link");
    let code = link.strip_prefix(&format!("https://t.me/{NAME}?start=")).expect("it leads to the bot");
    assert!(said.contains(&format!("or send the bot `/start {code}`")), "{said}");
    let other = env.json(["users", "invite"]);
    assert_eq!(other["link"], format!("https://t.me/{NAME}?start={}", other["code"].as_str().unwrap()));
    // Who opens the link sends what it carries.
    telegram.say(20, &format!("/start {code}"));
    telegram.hear(20, "Welcome, Person 20");
    telegram.say(22, &format!("/start {code}"));
    telegram.hear(22, "That invitation was used already.\nI do not know you. Your id is 22.");
    telegram.say(23, &format!("/start {code}"));
    telegram.hear(23, "Этим приглашением уже воспользовались.");
    telegram.say(24, "/start nonsense");
    telegram.hear(24, "There is no such invitation.");
    house.sql("update invitation set expires_at = 1");
    telegram.say(26, &format!("/start {}", other["code"].as_str().unwrap()));
    telegram.hear(26, "That invitation has ended.");
    telegram.say(20, "/projects");
    telegram.hear(20, "no projects");
    telegram.assert_content();
}

#[test]
fn messages_of_every_odd_sort_are_answered_or_let_be_and_nothing_ends_the_bot() {
    let (house, telegram, bot) = House::of_bo(Role::Member);
    for more in [
        json!({ "sticker": { "file_id": "x" } }),
        json!({ "voice": { "file_id": "x", "duration": 1 } }),
        json!({ "location": { "latitude": 1.0, "longitude": 2.0 } }),
        json!({ "text": "x".repeat(200_000) }),
        json!({ "text": "a\u{0}b\u{1b}[2J" }),
        json!({ "text": "\u{202e}\u{200b}" }),
        json!({ "document": { "file_id": "../../etc/passwd", "file_unique_id": "u", "file_name": "../../x.txt" } }),
        json!({ "document": { "file_id": "x", "file_unique_id": "u", "file_name": "virus.exe" } }),
        json!({ "document": { "file_id": "x", "file_unique_id": "u" } }),
        json!({ "text": "/" }),
        json!({ "text": "/nonsense" }),
        json!({ "text": "/project ../../etc" }),
        json!({ "text": "/project *_[](`" }),
        json!({ "text": "/cancel run-000000000000" }),
        json!({ "text": "/approve '; drop table run; --" }),
        json!({ "text": "/rollback x y z" }),
        json!({ "text": "/update x" }),
        json!({ "text": "/language klingon" }),
        json!({ "text": "/cost" }),
        json!({ "text": "/servers" }),
        json!({
            "reply_to_message": {
                "message_id": 1, "date": 1, "chat": { "id": 8, "type": "private" },
                "from": { "id": BOT, "is_bot": true, "first_name": "cgo" },
            },
            "text": "/help",
        }),
    ] {
        telegram.send(8, &more);
    }
    let ann = json!({ "id": 8, "is_bot": false, "first_name": "Ann" });
    let private = json!({ "id": 8, "type": "private" });
    for odd in [
        json!({ "message": { "message_id": 900_001, "date": 1, "chat": private, "text": "no sender" } }),
        json!({ "message": { "message_id": 900_002, "date": 1, "chat": private, "from": { "id": 5, "is_bot": true, "first_name": "B" }, "text": "/help" } }),
        json!({ "message": { "message_id": 900_003, "date": 1, "chat": { "id": -5, "type": "channel" }, "from": ann, "text": "/help" } }),
        json!({ "edited_message": { "message_id": 900_004, "date": 1, "chat": private, "from": ann, "text": "changed my mind" } }),
        json!({ "callback_query": { "id": "gone", "chat_instance": "1", "from": ann, "data": "x:1" } }),
        json!({ "callback_query": { "id": "none", "chat_instance": "1", "from": ann, "message": { "message_id": 1, "date": 1, "chat": private } } }),
        Value::Null,
    ] {
        if odd.is_object() {
            telegram.update(odd);
        }
    }
    telegram.say(8, "/language en");
    telegram.hear(8, "English it is.");
    telegram.hear(8, "I read messages as they are first sent");
    house.settled();
    bot.kill();
    let said: Vec<String> = telegram.chat(8).into_iter().map(|sent| sent.text).collect();
    for words in ["I read text and files", "That is too long", "character in it that cannot be shown", "not virus.exe"]
    {
        assert!(said.iter().any(|text| text.contains(words)), "{words} in {said:#?}");
    }
    assert!(telegram.chat(-5).is_empty(), "it spoke in a channel");
    assert!(!house.noted().iter().any(|line| line.contains("could not be dealt with")), "{:?}", house.noted());
    let world = telegram.world();
    // A file that is not there is Telegram's word, all else is the bot's.
    assert_eq!(world.violations, Vec::<String>::new());
}

#[test]
fn a_member_sees_nothing_of_what_is_anothers_in_any_list_or_by_its_name() {
    let house = House::new();
    house.admit(8, "Bo", Role::Member);
    house.admit(10, "Cy", Role::Member);
    let telegram = house.telegram.clone();
    let _bot = house.open();
    telegram.say(8, "make a shelf of secret jam recipes with title");
    let shown = telegram.hear(8, "secret jam");
    let run = house.with(async |app| runs::list(&app.context, 10).await.unwrap()[0].run.id.to_string());
    for text in ["/runs".to_owned(), format!("/cancel {run}"), format!("/approve {run}"), "/cancel".to_owned()] {
        telegram.say(10, &text);
    }
    let (look, cancel) =
        (telegram.forge(10, &shown, &format!("r:{run}")), telegram.forge(10, &shown, &format!("c:{run}")));
    telegram.shown(&look);
    telegram.shown(&cancel);
    telegram.say(10, "/language en");
    telegram.hear(10, "English it is.");
    let said: Vec<String> = telegram.chat(10).into_iter().map(|sent| sent.text).collect();
    assert!(!said.iter().any(|text| text.contains("jam") || text.contains("cancelled")), "{said:?}");
    let status = house.with(async |app| runs::find(&app.context, &run).await.unwrap().status);
    assert_eq!(status.as_str(), "queued");
    telegram.assert_content();
}

#[test]
fn in_a_group_only_the_rights_of_the_sender_count_and_only_what_is_meant_for_the_bot() {
    let (house, telegram, _bot) = House::of_bo(Role::Member);
    telegram.say_in(-77, 8, "what a nice day");
    telegram.say_in(-77, 98, "make a notes API with title");
    telegram.say_in(-77, 8, "/help@SomeOtherBot");
    telegram.say_in(-77, 98, "/runs");
    telegram.hear(-77, "I do not know you");
    telegram.say_in(-77, 8, "@CgoTestBot a notes API with title");
    telegram.hear(-77, "a notes API with title");
    telegram.say_in(-77, 8, "/language@cgotestbot en");
    telegram.hear(-77, "English it is.");
    let all = house.with(async |app| runs::list(&app.context, 10).await.unwrap());
    assert_eq!(all.len(), 1);
    let Request::NewProject(new) = &all[0].run.request else { panic!("a new project") };
    assert_eq!(new.text, "a notes API with title");
    telegram.assert_content();
}

#[test]
fn a_thousand_messages_of_twenty_chats_are_answered_in_their_order() {
    const CHATS: i64 = 20;
    let house = House::new();
    for chat in 1..=CHATS {
        house.admit(chat * 2, &format!("P{chat}"), Role::Member);
    }
    let telegram = house.telegram.clone();
    for number in 0..1000 {
        telegram.say((number % CHATS + 1) * 2, &format!("/project name-{number}"));
    }
    let _bot = house.open();
    telegram.wait("a thousand answers", |world| (world.messages.len() >= 1000).then_some(()));
    telegram.taken();
    for chat in 1..=CHATS {
        let said: Vec<String> = telegram.chat(chat * 2).into_iter().map(|sent| sent.text).collect();
        let wanted: Vec<String> =
            (0..1000).filter(|number| number % CHATS + 1 == chat).map(|n| format!("`name-{n}`")).collect();
        assert_eq!(said.len(), wanted.len(), "chat {chat}");
        for (said, wanted) in said.iter().zip(&wanted) {
            assert!(said.contains(wanted.as_str()), "{said} is not about {wanted}");
        }
    }
    let world = telegram.world();
    assert_eq!(world.messages.len(), 1000);
    assert_eq!(world.violations, Vec::<String>::new());
}

#[test]
fn killed_again_and_again_it_begins_each_run_once_and_forgets_none() {
    const RUNS: usize = 24;
    let house = House::new();
    for person in 0..4 {
        house.admit(100 + person * 2, &format!("P{person}"), Role::Member);
    }
    let telegram = house.telegram.clone();
    for number in 0..RUNS {
        let person = 100 + i64::try_from(number % 4).unwrap() * 2;
        telegram.say(person, &format!("/new a notes API with title and field number{number}"));
    }
    let mut kills = 0;
    loop {
        let bot = house.open();
        let before = telegram.world().asked.len();
        // After so many requests it is cut off, each time somewhere else.
        telegram.wait("it is at work, or done", |world| {
            let more = world.asked.iter().skip(before).filter(|asked| asked.method != "setMyCommands").count();
            let polls = world.asked.iter().skip(before).filter(|asked| asked.method == "getUpdates").count();
            (more > 4 + kills % 5 || polls > 1).then_some(())
        });
        bot.kill();
        kills += 1;
        let left = house.with(async |app| Chats::of(&app.context, BotId(BOT)).waiting().await.unwrap());
        let begun = house.with(async |app| runs::list(&app.context, 100).await.unwrap().len());
        if left == 0 && begun >= RUNS {
            break;
        }
        assert!(kills < 500, "{left} are left after {kills} kills, {begun} are begun");
    }
    let mut texts: Vec<String> = house.with(async |app| {
        let all = runs::list(&app.context, 100).await.unwrap();
        let text = |view: &runs::RunView| match &view.run.request {
            Request::NewProject(new) => new.text.clone(),
            _ => String::new(),
        };
        all.iter().map(text).collect()
    });
    assert_eq!(texts.len(), RUNS);
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), RUNS, "a run was begun twice");
    assert!(kills > 2, "it was hardly ever killed");
}
