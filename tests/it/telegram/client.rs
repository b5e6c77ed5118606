//! The bot's beginning, its updates, and the pace of its messages.

use std::time::{Duration, Instant};

use cgo::domain::chat::{BotId, ChatId};
use cgo::domain::diagnose::Diagnose as _;
use cgo::domain::user::Role;
use cgo::ops::chats::Chats;
use cgo::telegram::{Error, Token};
use serde_json::json;

use super::house::{House, settings};
use super::server::{Asked, BOT, NAME, Reply, TOKEN, Telegram, Turn};

async fn checked(telegram: &Telegram, change: impl FnOnce(&mut cgo::telegram::Settings)) -> Result<String, Error> {
    let mut settings = settings(telegram, "/nonexistent".into());
    change(&mut settings);
    cgo::telegram::check(&settings).await
}

#[tokio::test]
async fn each_reason_why_a_bot_cannot_be_used_has_its_own_words_and_advice() {
    let telegram = Telegram::start();
    assert_eq!(checked(&telegram, |_| {}).await.unwrap(), NAME);
    let stranger = format!("{BOT}:AAE-canary_of_somebody_else_entirely_____");
    let refused = checked(&telegram, |settings| settings.token = Token::parse(&stranger, "a test").unwrap()).await;
    telegram.change(|world| world.webhook = "https://user:canary@hooks.example.com/canary".to_owned());
    let webhook = checked(&telegram, |_| {}).await;
    assert!(checked(&telegram, |settings| settings.drop_webhook = true).await.is_ok());
    telegram.change(|world| world.competitor = true);
    let competitor = checked(&telegram, |_| {}).await;
    telegram.change(|world| world.competitor = false);
    telegram.turn("getMe", Turn::Says(Reply { status: 200, body: b"<html><title>A router</title></html>".to_vec() }));
    let router = checked(&telegram, |_| {}).await;
    let mut told = Vec::new();
    for (error, words) in [
        (refused, "Telegram refuses the bot's token from a test"),
        (webhook, "the bot's updates go to a webhook at hooks.example.com"),
        (competitor, "another program asks for the updates of this bot"),
        (router, "this is no answer of Telegram's: A router"),
        (Token::parse("700700", "a file").map(|_| String::new()), "what a file holds is no token of a bot"),
    ] {
        let error = error.unwrap_err();
        let text = error.to_string();
        assert!(text.contains(words), "{text}");
        assert!(!format!("{text} {error:?}").contains("canary"), "{error:?}");
        told.push(error.advice().expect("each has a next step").words());
    }
    told.sort();
    told.dedup();
    assert_eq!(told.len(), 5, "{told:?}");
    telegram.assert_content();
}

#[test]
fn updates_of_an_unknown_kind_and_connections_that_break_lose_nothing() {
    let house = House::new();
    house.admit(8, "Bo", Role::Member);
    let telegram = house.telegram.clone();
    telegram.turn("getUpdates", Turn::Breaks);
    telegram.turn("getUpdates", Turn::DoesAndBreaks);
    telegram.turn("getUpdates", Turn::Says(Reply::bad(502, "Bad Gateway")));
    telegram.turn("getUpdates", Turn::Says(Reply { status: 502, body: b"<html>nginx</html>".to_vec() }));
    for odd in [json!({ "poll": { "id": "1" } }), json!({ "message": { "chat": 5 } }), json!({ "new_thing": [] })] {
        telegram.update(odd);
    }
    telegram.say(8, "/help");
    telegram.update(json!({ "message_reaction": {} }));
    let bot = house.open();
    telegram.hear(8, "/projects");
    telegram.taken();
    house.settled();
    bot.kill();
    assert_eq!(telegram.chat(8).len(), 1);
    telegram.assert_content();
}

#[test]
fn a_second_program_that_does_not_go_away_ends_the_first_with_the_reason() {
    let house = House::new();
    house.telegram.change(|world| world.competitor = true);
    let error = house.open().end().unwrap_err();
    assert_eq!(error, "another program asks for the updates of this bot");
    assert!(house.telegram.count("getUpdates") > 3, "it was given some time");
}

#[test]
fn a_chat_that_is_told_to_wait_waits_and_keeps_no_other_from_talking() {
    let house = House::new();
    for (person, name) in [(8, "Bo"), (10, "Cy")] {
        house.admit(person, name, Role::Member);
    }
    let telegram = house.telegram.clone();
    let until = Instant::now() + Duration::from_secs(3);
    telegram.change(|world| {
        world.chats.insert(8);
        world.floods.insert(8, until);
    });
    telegram.say(8, "/help");
    telegram.say(10, "/help");
    let _bot = house.open();
    let other = telegram.hear(10, "/projects");
    let late = telegram.hear(8, "/projects");
    assert!(late.at >= until, "it was not left alone");
    assert!(other.at < late.at, "one chat kept another waiting");
    let asked = telegram.world().asked.iter().filter(|asked| asked.method == "sendMessage").count();
    assert!(asked <= 5, "it asked {asked} times in 3 s");
    telegram.assert_content();
}

#[test]
fn when_two_chats_have_to_wait_all_do() {
    let house = House::new();
    for (person, name) in [(8, "Bo"), (10, "Cy"), (12, "Di")] {
        house.admit(person, name, Role::Member);
    }
    let telegram = house.telegram.clone();
    let _bot = house.open();
    telegram.wait("it listens", |world| world.asked.iter().any(|asked| asked.method == "getUpdates").then_some(()));
    let until = Instant::now() + Duration::from_secs(5);
    telegram.change(|world| {
        for chat in [8, 10] {
            world.chats.insert(chat);
            world.floods.insert(chat, until);
        }
    });
    telegram.say(8, "/help");
    telegram.say(10, "/help");
    telegram.wait("both are refused", |world| {
        let asked = |chat: i64| world.asked.iter().any(|asked| asked.body["chat_id"] == chat);
        (asked(8) && asked(10)).then_some(())
    });
    let before = telegram.world().asked.len();
    // A third one, to which Telegram itself would say nothing against writing.
    telegram.say(12, "/help");
    telegram.taken();
    assert!(Instant::now() < until, "the two are still waiting when the third speaks");
    telegram.hear(8, "/projects");
    telegram.hear(10, "/projects");
    let third = telegram.hear(12, "/projects");
    assert!(third.at >= until, "the third was written to while all had to wait");
    let world = telegram.world();
    let early = |asked: &&Asked| asked.body["chat_id"] == 12 && asked.at < until;
    assert_eq!(world.asked.iter().filter(early).count(), 0, "something was asked for the third");
    let sent = world.asked[before..].iter().filter(|asked| asked.method == "sendMessage" && asked.at < until);
    assert!(sent.count() <= 2, "messages went out while all had to wait");
}

#[test]
fn what_telegram_cannot_read_is_said_once_more_without_marks() {
    let house = House::new();
    house.admit(8, "Bo", Role::Member);
    let telegram = house.telegram.clone();
    telegram.turn("sendMessage", Turn::Says(Reply::bad(400, "Bad Request: can't parse entities: nonsense")));
    telegram.say(8, "/help");
    let _bot = house.open();
    assert!(!telegram.hear(8, "/projects").marked);
    telegram.say(8, "/help");
    let second = telegram.wait("a second answer", |world| world.messages.get(1).cloned());
    assert!(second.marked);
}

#[test]
fn a_chat_that_takes_no_messages_is_noted_and_left_alone_until_it_speaks() {
    let house = House::new();
    house.admit(8, "Bo", Role::Member);
    house.admit(10, "Cy", Role::Member);
    let telegram = house.telegram.clone();
    for person in [8, 10] {
        telegram.say(person, "/help");
        telegram.say(person, "/help");
    }
    telegram.change(|world| {
        world.blocked.insert(8);
        world.chats.remove(&10);
    });
    let bot = house.open();
    telegram.taken();
    house.settled();
    bot.kill();
    house.with(async |app| {
        let chats = Chats::of(&app.context, BotId(BOT));
        for (person, wanted) in [(8, "blocked by the user"), (10, "chat not found")] {
            let why = chats.unreachable(ChatId(person)).await.unwrap();
            assert!(why.as_ref().is_some_and(|why| why.contains(wanted)), "{person}: {why:?}");
        }
    });
    telegram.change(|world| world.blocked.clear());
    telegram.say(8, "/help");
    telegram.say(10, "/help");
    let _bot = house.open();
    telegram.hear(8, "/projects");
    telegram.hear(10, "/projects");
}

#[test]
fn who_was_asked_for_patience_too_often_still_asks_at_no_earlier_time_than_it_was_told() {
    let (house, telegram, bot) = House::of_bo(Role::Member);
    for seconds in [0, 0, 0, 0, 0, 0, 2] {
        telegram.turn("sendMessage", Turn::Says(Reply::flood(seconds)));
    }
    telegram.say(8, "/help");
    telegram.hear(8, "/projects");
    house.settled();
    bot.kill();
    let world = telegram.world();
    let asked: Vec<Instant> =
        world.asked.iter().filter(|asked| asked.method == "sendMessage").map(|asked| asked.at).collect();
    assert_eq!(asked.len(), 8, "one message, refused seven times");
    assert!(asked[7] - asked[6] >= Duration::from_secs(2), "it asked after {:?}", asked[7] - asked[6]);
}

#[test]
fn what_telegram_wants_waited_for_is_dealt_with_however_often_it_says_so() {
    const FLOODS: usize = 100;
    let (house, telegram, bot) = House::of_bo(Role::Member);
    for _ in 0..FLOODS {
        telegram.turn("sendMessage", Turn::Says(Reply::flood(0)));
    }
    telegram.say(8, "/help");
    telegram.hear(8, "/projects");
    house.settled();
    bot.kill();
    assert_eq!(telegram.chat(8).len(), 1, "nobody hears that something went wrong: {:?}", telegram.chat(8));
    assert_eq!(telegram.count("sendMessage"), FLOODS + 1);
    telegram.assert_content();
}

#[test]
fn a_refusal_of_a_press_is_shown_a_little_later_or_said_in_the_chat() {
    let (house, telegram, bot) = House::of_bo(Role::Member);
    telegram.say(8, "/language");
    let asked = telegram.hear(8, "Which language?");
    telegram.turn("answerCallbackQuery", Turn::Says(Reply::flood(1)));
    let press = telegram.forge(8, &asked, "l:destroy:0");
    assert!(telegram.shown(&press).text.is_some_and(|text| text.starts_with("That button is not one of mine")));
    telegram.turn("answerCallbackQuery", Turn::Says(Reply::flood(4)));
    telegram.forge(8, &asked, "l:destroy:0");
    telegram.hear_after(8, asked.id, "That button is not one of mine");
    house.settled();
    bot.kill();
    assert_eq!(telegram.count("answerCallbackQuery"), 3, "it was asked again after a short wait alone");
    telegram.assert_content();
}

#[test]
fn a_file_is_asked_for_again_when_telegram_wants_to_be_left_alone() {
    let (house, telegram, bot) = House::of_bo(Role::Member);
    telegram.turn("getFile", Turn::Says(Reply::flood(2)));
    telegram.send_file(8, "idea.txt", b"a recipes API with title and text");
    telegram.hear(8, "a recipes API with title and text");
    house.settled();
    bot.kill();
    let world = telegram.world();
    let asked: Vec<Instant> =
        world.asked.iter().filter(|asked| asked.method == "getFile").map(|asked| asked.at).collect();
    assert_eq!(asked.len(), 2);
    assert!(asked[1] - asked[0] >= Duration::from_secs(2), "it asked after {:?}", asked[1] - asked[0]);
}

#[test]
fn commands_are_registered_in_both_languages_however_often_that_fails_at_first() {
    let house = House::new();
    let (breaks, busy) = (Turn::Breaks, Turn::Says(Reply::bad(502, "Bad Gateway")));
    for turn in [busy, breaks, Turn::Says(Reply::flood(1))] {
        house.telegram.turn("setMyCommands", turn);
    }
    let _bot = house.open();
    house.telegram.wait("the commands", |world| (world.commands.len() == 2).then_some(()));
    let world = house.telegram.world();
    let names = |language: &str| -> Vec<String> {
        world.commands[language].iter().map(|command| command["command"].as_str().unwrap().to_owned()).collect()
    };
    for name in [
        "start",
        "help",
        "new",
        "projects",
        "project",
        "update",
        "deploy",
        "rollback",
        "stop",
        "servers",
        "incidents",
        "runs",
        "approve",
        "reject",
        "cancel",
        "agents",
        "cost",
        "language",
    ] {
        assert!(names("").iter().any(|known| known == name), "{name}");
    }
    assert_eq!(names(""), names("ru"));
    drop(world);
    house.telegram.assert_content();
}

#[test]
fn the_token_comes_from_the_environment_a_file_or_the_store_and_stands_in_none_of_them_in_the_open() {
    let house = House::new();
    let file = house.folder.path().join("token");
    std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
    house.with(async |app| {
        let context = &app.context;
        assert!(matches!(Token::find(context, |_| None).await, Err(Error::NoToken)));
        let named = |name: &str| (name == "CGO_TELEGRAM_TOKEN_FILE").then(|| file.display().to_string());
        assert_eq!(Token::find(context, named).await.unwrap().bot(), BOT);
        let missing = |name: &str| (name == "CGO_TELEGRAM_TOKEN_FILE").then(|| "/nonexistent/token".to_owned());
        assert!(matches!(Token::find(context, missing).await, Err(Error::TokenFile { .. })));
        Token::parse(TOKEN, "a test").unwrap().keep(context).await.unwrap();
        let kept = Token::find(context, |_| None).await.unwrap();
        assert_eq!((kept.bot(), kept.from.as_str()), (BOT, "the store"));
        let given = Token::find(context, |name| (name == "CGO_TELEGRAM_TOKEN").then(|| TOKEN.to_owned())).await;
        assert_eq!(given.unwrap().from, "CGO_TELEGRAM_TOKEN");
        assert!(context.secrets.clean(&format!("at bot{TOKEN}/getMe")).find("canary").is_none());
    });
    for entry in std::fs::read_dir(house.folder.path().join("data")).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(6).any(|window| window == b"canary"), "the token stands in the store");
    }
}
