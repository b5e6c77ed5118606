//! What is given up because Telegram wants to be left alone for too long: that is said, and a button works once more.

use std::time::Duration;

use cgo::domain::user::Role;

use super::house::{AtWork, House};
use super::server::{Reply, Telegram, Turn};

/// How often a message is tried in a row while Telegram wants to be left alone.
const TRIED: usize = 7;

/// A house with Bo in it, and a bot that lets itself be put off once: each time is a tenth of a second at least.
fn impatient() -> (House, Telegram, AtWork) {
    let house = House::new();
    house.admit(8, "Bo", Role::Member);
    let bot = house.open_with(|settings| settings.patience.put_off = Duration::from_millis(150));
    let telegram = house.telegram.clone();
    (house, telegram, bot)
}

/// Telegram wants to be left alone until the answer to something is given up.
fn refuse_until_given_up(telegram: &Telegram) {
    for _ in 0..2 * TRIED {
        telegram.turn("sendMessage", Turn::Says(Reply::flood(0)));
    }
}

#[test]
fn what_telegram_puts_off_for_too_long_is_given_up_and_said_to_be() {
    let (house, telegram, bot) = impatient();
    refuse_until_given_up(&telegram);
    telegram.say(8, "/help");
    telegram.say(8, "/projects");
    let told = telegram.hear(8, "Something went wrong on my side; it is on record under 1000.");
    telegram.hear_after(8, told.id, "There are no projects yet");
    house.settled();
    bot.kill();
    assert_eq!(telegram.count("sendMessage"), 2 * TRIED + 2);
    let given_up = house.noted().iter().filter(|line| line.contains("wants to be left alone")).count();
    assert_eq!(given_up, 1, "{:?}", house.noted());
    telegram.assert_content();
}

#[test]
fn what_a_button_was_pressed_for_can_be_asked_for_again_when_it_was_given_up() {
    let (house, telegram, _bot) = impatient();
    house.project(8, "notes");
    telegram.say(8, "/stop notes");
    let sure = telegram.hear(8, "Stop notes?");
    refuse_until_given_up(&telegram);
    let given_up = telegram.press(8, &sure, "No");
    telegram.wait("the window that says so", |world| {
        let shown = world.presses.get(&given_up).cloned().flatten()?;
        (shown.window && shown.text?.starts_with("Something went wrong on my side")).then_some(())
    });
    // The buttons are gone by now; whoever still sees them may press.
    let again = telegram.press(8, &sure, "No");
    assert_eq!(telegram.shown(&again).text, None);
    telegram.hear_after(8, sure.id, "Nothing was changed.");
    let used = telegram.press(8, &sure, "No");
    assert_eq!(telegram.shown(&used).text.as_deref(), Some("That was pressed already."));
    telegram.assert_content();
}
