//! The whole of it: `cgo serve --telegram` as people run it, from a sentence in a chat to a running service, and what is
//! done with that; killed in the middle.

use std::fs::File;
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::server::{BOT, Reply, Sent, TOKEN, Telegram, Turn};
use crate::support::env::{TestEnv, get, tools_are_here};

/// A process that serves.
pub struct Serving(Child);

impl Serving {
    pub fn start(env: &TestEnv, log: &str) -> Self {
        let said = File::create(env.home().join(log)).expect("a file for what it says");
        let arguments = ["serve", "--telegram", "--json", "--health", "off", "--check-every", "0", "--jobs", "4"];
        let mut command = env.signalled(arguments);
        command.stdout(Stdio::from(said.try_clone().expect("one file"))).stderr(Stdio::from(said));
        Self(command.spawn().expect("the program starts"))
    }

    pub fn kill(mut self) {
        kill_process(Pid::from_child(&self.0), Signal::KILL).expect("it runs");
        self.0.wait().expect("it ends");
    }

    pub fn stop(mut self) {
        kill_process(Pid::from_child(&self.0), Signal::TERM).expect("it runs");
        assert_eq!(self.0.wait().expect("it ends").code(), Some(0));
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A home in which projects are deployed and the bot has its token.
pub fn environment(telegram: &Telegram) -> TestEnv {
    let mut env = TestEnv::deploying();
    env.set("CGO_TELEGRAM_API", telegram.api());
    env.set("CGO_TELEGRAM_TOKEN", TOKEN);
    env
}

/// Waits for the result of a run after a message: a failure is told at once.
pub fn result(telegram: &Telegram, chat: i64, after: i64) -> Sent {
    let sent = telegram.wait("the result of a run", |world| {
        let ends = |sent: &&Sent| {
            sent.chat == chat && sent.id > after && ["🎉", "❌", "🚫"].iter().any(|mark| sent.text.starts_with(mark))
        };
        world.messages.iter().find(ends).cloned()
    });
    assert!(sent.text.starts_with("🎉"), "{}", sent.text);
    sent
}

/// Waits until something is seen to be under way, or done, in a run that was begun after a message.
fn begun(telegram: &Telegram, after: i64) {
    telegram.wait("a stage", |world| {
        let shows = |sent: &&Sent| {
            sent.chat == 7 && sent.id > after && ["⏳", "✅", "🎉"].iter().any(|mark| sent.text.contains(mark))
        };
        world.messages.iter().find(shows).map(drop)
    });
}

#[test]
fn a_sentence_in_a_chat_becomes_a_service_that_is_deployed_anew_and_gone_back_from_across_kill_9() {
    if !tools_are_here() {
        return;
    }
    let telegram = Telegram::start();
    let env = environment(&telegram);
    env.ok(["users", "add", "Анна", "--identity", "telegram:7", "--role", "member"]);
    let serving = Serving::start(&env, "first.log");
    telegram.say(7, "API для заметок с заголовком и текстом");
    begun(&telegram, 0);
    serving.kill();
    let serving = Serving::start(&env, "second.log");
    let built = result(&telegram, 7, 0);
    let url = built.text.split_whitespace().find(|word| word.starts_with("http://")).expect("an address").to_owned();
    assert_eq!(get(&format!("{url}/health")).0, 200, "{}", built.text);
    assert!(built.text.contains("Тесты:"), "{}", built.text);
    assert!(!built.labels().contains(&"Открыть".to_owned()), "a phone cannot open {url}");
    let press = telegram.press(7, &built, "Журнал");
    telegram.shown(&press);
    let log = telegram.hear_after(7, built.id, "startup complete");
    let press = telegram.press(7, &built, "Изменить");
    telegram.shown(&press);
    telegram.hear_after(7, log.id, "Что изменить");
    let press = telegram.press(7, &built, "Развернуть снова");
    telegram.shown(&press);
    let again = result(&telegram, 7, built.id);
    let name = again.text.split_whitespace().nth(1).expect("a name").to_owned();
    // A change without a word about what it is of: the product owner knows from what was said before.
    telegram.say(7, "добавь срок");
    begun(&telegram, again.id);
    serving.kill();
    let serving = Serving::start(&env, "third.log");
    let changed = result(&telegram, 7, again.id);
    assert!(changed.text.contains("Изменено") && changed.text.contains("due_date"), "{}", changed.text);
    assert!(get(&format!("{url}/openapi.json")).1.contains("due_date"));
    let again = changed;
    telegram.say(7, &format!("/rollback {name}"));
    let sure = telegram.hear_after(7, again.id, &name);
    assert!(sure.labels().iter().any(|label| label.contains(&name)), "{sure:?}");
    let press = telegram.press(7, &sure, "Да");
    telegram.shown(&press);
    begun(&telegram, sure.id);
    serving.kill();
    let serving = Serving::start(&env, "fourth.log");
    result(&telegram, 7, sure.id);
    telegram.say(7, &format!("/project {name}"));
    telegram.hear_after(7, sure.id, &url);
    serving.stop();
    let results = telegram.chat(7).into_iter().filter(|sent| sent.text.starts_with("🎉")).count();
    assert_eq!(results, 4);
    for log in ["first.log", "second.log", "third.log", "fourth.log"] {
        let said = std::fs::read_to_string(env.home().join(log)).expect("it is text");
        assert!(!said.contains("canary"), "the token stands in the log: {said}");
    }
    telegram.assert_content();
}

#[test]
fn a_bot_that_cannot_be_used_ends_serving_with_the_reason_and_the_next_step() {
    let telegram = Telegram::start();
    let mut env = TestEnv::new();
    let serve = ["serve", "--telegram", "--health", "off", "--check-every", "0"];
    let none = env.run(serve);
    assert!(none.stderr.contains("has no token") && none.stderr.contains("@BotFather"), "{}", none.stderr);
    assert_eq!(none.code, Some(1));
    env.set("CGO_TELEGRAM_API", telegram.api());
    env.set("CGO_TELEGRAM_TOKEN", "123:short-canary");
    let short = env.run(serve);
    assert!(short.stderr.contains("CGO_TELEGRAM_TOKEN") && !short.stderr.contains("canary"), "{}", short.stderr);
    env.set("CGO_TELEGRAM_TOKEN", TOKEN);
    let hook = |url: &str| telegram.change(|world| url.clone_into(&mut world.webhook));
    hook("https://hooks.example.com/x");
    let hooked = env.run(serve);
    assert!(hooked.stderr.contains("cgo serve --telegram --drop-webhook"), "{}", hooked.stderr);
    assert_eq!(hooked.code, Some(1));
    hook("");
    env.ok(["serve", "--telegram", "--keep-token"]);
    hook("https://hooks.example.com/x");
    env.unset("CGO_TELEGRAM_TOKEN");
    let kept = env.run(serve);
    assert!(kept.stderr.contains("--drop-webhook"), "the token in the store is found: {}", kept.stderr);
    assert!(!format!("{}{}", hooked.stdout, hooked.stderr).contains("canary"));
}

#[test]
fn a_token_is_kept_once_telegram_has_accepted_it_and_never_before() {
    let telegram = Telegram::start();
    let mut env = TestEnv::new();
    env.set("CGO_TELEGRAM_API", telegram.api());
    let (serve, keep) = (["serve", "--telegram", "--health", "off"], ["serve", "--telegram", "--keep-token"]);
    let refused = |env: &TestEnv, code: i32, words: [&str; 2]| {
        let ran = env.run(keep);
        assert_eq!(ran.code, Some(code), "{}\n{}", ran.stdout, ran.stderr);
        assert!(words.iter().all(|word| ran.stderr.contains(word)), "{words:?}: {}", ran.stderr);
        assert!(!ran.stderr.contains("canary"), "{}", ran.stderr);
    };
    env.set("CGO_TELEGRAM_TOKEN", format!("{BOT}:AAE-canary_of_somebody_else_entirely_____"));
    refused(&env, 1, ["Telegram refuses the bot's token from CGO_TELEGRAM_TOKEN", "@BotFather"]);
    env.set("CGO_TELEGRAM_TOKEN", TOKEN);
    telegram.change(|world| world.competitor = true);
    refused(&env, 5, ["another program asks for the updates of this bot", "stop the other program"]);
    telegram.change(|world| {
        world.competitor = false;
        world.webhook = "https://hooks.example.com/x".to_owned();
    });
    refused(&env, 1, ["go to a webhook at hooks.example.com", "--drop-webhook"]);
    env.unset("CGO_TELEGRAM_TOKEN");
    let none = env.run(serve);
    assert!(none.stderr.contains("has no token"), "one that was refused was kept: {}", none.stderr);

    env.set("CGO_TELEGRAM_TOKEN", TOKEN);
    env.ok(keep.into_iter().chain(["--drop-webhook"]));
    assert_eq!(telegram.world().webhook, "");
    env.unset("CGO_TELEGRAM_TOKEN");
    telegram.turn("getMe", Turn::Says(Reply::bad(401, "Unauthorized")));
    let kept = env.run(serve);
    assert!(kept.stderr.contains("Telegram refuses the bot's token from the store"), "{}", kept.stderr);
    telegram.assert_content();
}
