//! The identity that what is said is encrypted for: without it the bot does not begin, and while it cannot be used nothing
//! of what was said is lost.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cgo::domain::chat::BotId;
use cgo::domain::user::Role;
use cgo::ops::chats::Chats;

use super::house::House;
use super::server::{BOT, TOKEN, Telegram};
use crate::support::env::{TestEnv, until};

impl House {
    /// The file with the identity.
    fn identity(&self) -> PathBuf {
        self.with(async |app| {
            Chats::of(&app.context, BotId(BOT)).prepare().await.expect("an identity");
            app.context.vault.path().to_owned()
        })
    }

    fn waiting(&self) -> u64 {
        self.with(async |app| Chats::of(&app.context, BotId(BOT)).waiting().await.unwrap())
    }

    /// How often something was noted.
    fn times(&self, words: &str) -> usize {
        self.noted().iter().filter(|line| line.contains(words)).count()
    }
}

fn set_mode(file: &Path, mode: u32) {
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// A house in whose store something waits that Bo, who is 8, has said: it was taken and could not be answered.
fn waiting_house(text: &str) -> (House, Telegram) {
    let (house, telegram, bot) = House::of_bo(Role::Member);
    telegram.change(|world| world.floods.insert(8, Instant::now() + Duration::from_hours(1)));
    telegram.say(8, text);
    telegram
        .wait("it is at work on it", |world| world.asked.iter().any(|asked| asked.body["chat_id"] == 8).then_some(()));
    bot.kill();
    telegram.change(|world| world.floods.clear());
    assert_eq!((house.waiting(), telegram.chat(8).len()), (1, 0));
    (house, telegram)
}

#[test]
fn while_others_may_read_the_identity_nothing_is_taken_and_nothing_is_lost() {
    let (house, telegram, bot) = House::of_bo(Role::Member);
    telegram.say(8, "/projects");
    telegram.hear(8, "There are no projects yet");
    let identity = house.identity();
    set_mode(&identity, 0o644);
    let said = telegram.say(8, "/language en");
    until("it is noted", || house.times("others may read") > 0);
    let asked = telegram.count("getUpdates");
    telegram.wait("it is tried again", |world| {
        (world.asked.iter().filter(|one| one.method == "getUpdates").count() > asked + 1).then_some(())
    });
    assert_eq!(telegram.chat(8).len(), 1, "it answers what it cannot keep");
    set_mode(&identity, 0o600);
    telegram.hear_after(8, said, "English it is.");
    telegram.say(8, "/runs");
    telegram.hear_after(8, said, "There are no runs yet");
    house.settled();
    bot.kill();
    assert_eq!(house.times("others may read"), 1, "{:?}", house.noted());
    assert_eq!(house.times("Reach"), 0, "Telegram was in reach all the time: {:?}", house.noted());
    assert_eq!(telegram.chat(8).len(), 3);
    telegram.assert_content();
}

#[test]
fn what_waits_is_dealt_with_once_the_identity_is_put_back() {
    let (house, telegram) = waiting_house("/projects");
    let (identity, other) = (house.identity(), House::new());
    let kept = identity.with_extension("kept");
    std::fs::rename(&identity, &kept).unwrap();
    std::fs::copy(other.identity(), &identity).unwrap();
    let bot = house.open();
    until("it is noted", || house.times("is encrypted for") > 0);
    assert_eq!((house.waiting(), telegram.chat(8).len()), (1, 0));
    assert_eq!(house.times("as a line of its own"), 1, "what to do is told: {:?}", house.noted());
    std::fs::rename(&kept, &identity).unwrap();
    telegram.hear(8, "There are no projects yet");
    house.settled();
    bot.kill();
    assert_eq!(telegram.chat(8).len(), 1, "nobody is told of a trouble that is over");
    telegram.assert_content();
}

#[test]
fn who_said_what_can_never_be_read_is_told_so_and_what_follows_is_dealt_with() {
    let (house, telegram) = waiting_house("/projects");
    house.sql("update telegram_update set body = substr(body, 1, 100) where state = 'queued'");
    let bot = house.open();
    let told = telegram.hear(8, "Something went wrong on my side");
    telegram.say(8, "/language en");
    telegram.hear_after(8, told.id, "English it is.");
    house.settled();
    bot.kill();
    assert_eq!(house.times("ask for it to be said once more"), 1, "{:?}", house.noted());
    assert_eq!(telegram.chat(8).len(), 2);
    telegram.assert_content();
}

#[test]
fn without_the_identity_that_is_needed_serving_is_refused_with_what_to_do() {
    let telegram = Telegram::start();
    let mut env = TestEnv::new();
    env.set("CGO_TELEGRAM_API", telegram.api());
    env.set("CGO_TELEGRAM_TOKEN", TOKEN);
    env.ok(["serve", "--telegram", "--keep-token"]);
    let asked = || (telegram.count("getUpdates"), telegram.count("getMe"));
    let before = asked();
    let refused = |code: i32, words: &[&str]| {
        let ran = env.run(["serve", "--telegram", "--health", "off", "--check-every", "0"]);
        assert_eq!(ran.code, Some(code), "{}\n{}", ran.stdout, ran.stderr);
        for word in words {
            assert!(ran.stderr.contains(word), "`{word}` is missing in: {}", ran.stderr);
        }
    };
    let identity = env.home().join(".config/cgo/identity.txt");
    let kept = identity.with_extension("kept");
    std::fs::rename(&identity, &kept).unwrap();
    refused(4, &["is not there", "put the file back", "CGO_IDENTITY"]);
    assert!(!identity.exists(), "a new identity hides that the old one is lost");
    std::fs::rename(&kept, &identity).unwrap();
    set_mode(&identity, 0o644);
    refused(1, &["others may read", "chmod 600"]);
    assert_eq!(asked(), before, "nothing is taken that cannot be kept");
}
