//! Two programs that ask for the updates of one bot: each hears of the other, however much is said, and one of them gives
//! up.

use cgo::domain::chat::Noted;
use cgo::domain::user::Role;
use cgo::telegram::Error;
use serde_json::{Value, json};

use super::house::{AtWork, House, settings};
use super::server::{Reply, TOKEN, Telegram, Turn};
use crate::serve::{Serving, block};
use crate::support::env::{TestEnv, get, until};

const COMPETES: &str = "another program asks for the updates of this bot";

/// What Telegram answers to the older one of two that ask.
fn refused() -> Turn {
    Turn::Says(Reply::bad(
        409,
        "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
    ))
}

impl House {
    /// A house with Bo in it, who is 8, and a bot that is talked with over this Telegram.
    fn beside(telegram: &Telegram) -> Self {
        let house = Self { telegram: telegram.clone(), ..Self::new() };
        house.admit(8, "Bo", Role::Member);
        house
    }

    /// The bot at work, which gives up after the other was noticed so often.
    fn bearing(&self, competitors: u32) -> AtWork {
        self.open_with(|settings| settings.patience.competitors = competitors)
    }

    /// What was noted about whether people can be talked with.
    fn reached(&self) -> Vec<Noted> {
        let notes = self.notes.lock().expect("no panic here");
        let about = |noted: &&Noted| matches!(noted, Noted::OutOfReach(_) | Noted::InReach);
        notes.iter().map(|(_, noted)| noted).filter(about).cloned().collect()
    }
}

/// Waits until somebody listens.
fn listens(telegram: &Telegram) {
    telegram.wait("it listens", |world| world.asked.iter().any(|asked| asked.method == "getUpdates").then_some(()));
}

#[test]
fn what_is_heard_in_between_does_not_hide_the_other_program() {
    let house = House::new();
    for _ in 0..4 {
        house.telegram.turn("getUpdates", refused());
        house.telegram.turn("getUpdates", Turn::Says(Reply::good(&json!([]))));
    }
    assert_eq!(house.bearing(3).end().unwrap_err(), COMPETES);
    assert_eq!(house.reached(), [Noted::OutOfReach(COMPETES.to_owned())], "it is said at once, and once");
}

#[test]
fn a_connection_that_breaks_and_is_back_does_not_hide_it_either() {
    let house = House::new();
    let busy = Turn::Says(Reply::bad(502, "Bad Gateway"));
    for turn in [refused(), busy, Turn::Says(Reply::good(&json!([])))] {
        house.telegram.turn("getUpdates", turn);
    }
    let bot = house.open();
    until("all of it to be noted", || house.reached().len() == 3);
    bot.kill();
    let reached = house.reached();
    let competes = Noted::OutOfReach(COMPETES.to_owned());
    assert!(reached[0] == competes && reached[2] == competes, "{reached:?}");
    assert!(matches!(&reached[1], Noted::OutOfReach(why) if why.contains("502")), "{reached:?}");
}

#[test]
fn of_two_that_ask_while_people_talk_one_gives_up_and_the_other_goes_on() {
    let telegram = Telegram::start();
    let (first, second) = (House::beside(&telegram), House::beside(&telegram));
    let _patient = second.bearing(u32::MAX);
    listens(&telegram);
    let gives_up = first.bearing(3);
    for _ in 0..20 {
        telegram.say(8, "/help");
        telegram.taken();
    }
    assert_eq!(gives_up.end().unwrap_err(), COMPETES);
    let competes = Noted::OutOfReach(COMPETES.to_owned());
    assert_eq!(first.reached(), std::slice::from_ref(&competes));
    assert_eq!(second.reached(), [competes]);
    let after = telegram.say(8, "/projects");
    telegram.hear_after(8, after, "There are no projects yet");
    telegram.assert_content();
}

#[test]
fn a_program_that_waits_for_updates_is_seen_before_a_token_is_kept() {
    let telegram = Telegram::start();
    let house = House::beside(&telegram);
    let bot = house.bearing(u32::MAX);
    listens(&telegram);
    let wanted = settings(&telegram, "/nonexistent".into());
    let seen = block(cgo::telegram::check(&wanted)).unwrap_err();
    assert!(matches!(seen, Error::OtherPoller), "{seen}");
    bot.kill();
    // What nobody takes hides nobody, and waits on.
    telegram.say(8, "/help");
    block(cgo::telegram::check(&wanted)).unwrap();
    let _bot = house.open();
    telegram.hear(8, "/projects");
    telegram.assert_content();
}

#[test]
fn health_shows_that_another_program_asks() {
    let telegram = Telegram::start();
    let mut env = TestEnv::new();
    env.set("CGO_TELEGRAM_API", telegram.api());
    env.set("CGO_TELEGRAM_TOKEN", TOKEN);
    let mut serving = Serving::start(&env, &["--telegram"]);
    serving.wait("talking", |_| true);
    listens(&telegram);
    let house = House::beside(&telegram);
    let bot = house.bearing(u32::MAX);
    let said = serving.wait("trouble", |line| line["what"] == "talking over Telegram");
    assert_eq!(said["text"], COMPETES, "{said}");
    let (status, body) = get(&format!("http://{}/health", serving.address));
    let health: Value = serde_json::from_str(&body).expect("health is JSON");
    assert_eq!((status, &health["trouble"]["talking over Telegram"]), (200, &COMPETES.into()), "{health}");
    bot.kill();
    serving.stop();
}
