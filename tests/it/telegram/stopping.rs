//! Told to stop in the middle of talk, it ends within its time, and the next one says what is owed, once and in order.

use std::time::{Duration, Instant};

use super::server::{TOKEN, Telegram};
use crate::serve::Serving;
use crate::support::env::TestEnv;

#[test]
fn told_to_stop_while_telegram_asks_for_patience_it_ends_and_nothing_that_was_said_is_lost() {
    let telegram = Telegram::start();
    let mut env = TestEnv::new();
    env.set("CGO_TELEGRAM_API", telegram.api());
    env.set("CGO_TELEGRAM_TOKEN", TOKEN);
    env.ok(["users", "add", "Bo", "--identity", "telegram:8", "--role", "member"]);
    let serving = Serving::start(&env, &["--telegram"]);
    // What is said is taken, and cannot be answered for an hour.
    telegram.change(|world| world.floods.insert(8, Instant::now() + Duration::from_hours(1)));
    telegram.say(8, "/projects");
    telegram.say(8, "/runs");
    telegram.wait("it tries to answer", |world| {
        let tries = |asked: &super::server::Asked| asked.method == "sendMessage" && asked.body["chat_id"] == 8;
        world.asked.iter().any(tries).then_some(())
    });
    telegram.taken();
    // Within ten seconds, and well.
    serving.stop();
    telegram.say(8, "/servers");
    assert_eq!(telegram.chat(8).len(), 0);
    telegram.change(|world| world.floods.clear());
    let serving = Serving::start(&env, &["--telegram"]);
    telegram.hear(8, "Servers");
    telegram.taken();
    serving.stop();
    // All of it was said by now, also what would be said once more.
    let said: Vec<String> = telegram.chat(8).into_iter().map(|sent| sent.text).collect();
    let begin = ["There are no projects yet", "There are no runs yet", "Servers"];
    assert!(said.len() == 3 && said.iter().zip(begin).all(|(said, with)| said.starts_with(with)), "{said:#?}");
    telegram.assert_content();
}
