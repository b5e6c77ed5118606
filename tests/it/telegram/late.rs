//! What comes too late: buttons that are asked twice and links that take a secret are good for a quarter of an hour.

use cgo::domain::run::{NOBODY, RunStatus, Wait};
use cgo::domain::spec::Language;
use cgo::domain::user::Role;
use cgo::ops::secrets::links::{self, Refused};
use cgo::ops::{runs, users};
use cgo::pipeline::tape::{self, Told};
use tokio_util::sync::CancellationToken;

use super::house::House;
use super::server::Sent;
use crate::support::env::until;

/// The token of the link in a message.
fn token(card: &Sent) -> String {
    let link = card.text.split_whitespace().find(|word| word.contains("/secret/")).expect("a link");
    link.rsplit('/').next().expect("a token").to_owned()
}

impl House {
    fn submit(&self, token: &str) -> Result<(), Refused> {
        let values = [("API_TOKEN".to_owned(), b"a value".to_vec())].into();
        self.with(async |app| links::submit(&app.context, token, values).await.map(drop))
    }
}

#[test]
fn a_yes_that_comes_too_late_does_nothing_and_says_so() {
    let (house, telegram, bot) = House::of_bo(Role::Member);
    let run = house.begin(8, 8, "/new a notes API with title");
    telegram.say(8, "/cancel");
    let sure = telegram.hear(8, "Cancel run-");
    house.settled();
    house.sql("update telegram_button set expires_at = 1");
    for label in ["Yes", "No"] {
        let press = telegram.press(8, &sure, label);
        let shown = telegram.shown(&press);
        assert_eq!((shown.text.as_deref(), shown.window), (Some("That was too long ago. Ask again."), true), "{label}");
    }
    assert_eq!(house.status(&run), RunStatus::Queued);
    // Asked again it is good again.
    telegram.say(8, "/cancel");
    let anew = telegram.hear_after(8, sure.id, "Cancel run-");
    let press = telegram.press(8, &anew, "Yes");
    telegram.shown(&press);
    telegram.hear_after(8, anew.id, "is cancelled");
    assert_eq!(house.status(&run), RunStatus::Cancelled);
    house.settled();
    bot.kill();
    telegram.assert_content();
}

#[test]
fn an_approval_whose_deadline_has_passed_is_not_given_any_more_and_the_run_ends() {
    let (house, telegram, bot) = House::of_bo(Role::Member);
    let run = house.begin(8, 8, "/new a notes API with title");
    house.wait_for(&run, Wait::Approval, "spend $5?");
    let before = telegram.hear(8, "spend $5?");
    assert!(!before.text.contains("UTC"), "{}", before.text);
    house.sql("update ask set deadline = 86400000");
    let press = telegram.press(8, &before, "Approve");
    let shown = telegram.shown(&press);
    let words = "An answer was waited for until 1970-01-02 00:00 UTC.";
    assert_eq!((shown.text.as_deref(), shown.window), (Some(words), true));
    assert_eq!(house.status(&run), RunStatus::WaitingApproval);
    let told = house.with(async |app| {
        let overdue = runs::overdue(&app.context).await.unwrap();
        assert_eq!(overdue.len(), 1);
        tape::time_is_up(&app.context, &overdue[0], &CancellationToken::new()).await.unwrap()
    });
    assert_eq!(told, Told::Refused { by: NOBODY.to_owned() });
    assert_eq!(house.status(&run), RunStatus::Cancelled);
    telegram.wait("the buttons are gone", |world| {
        world.messages.iter().any(|sent| sent.id == before.id && sent.labels().is_empty()).then_some(())
    });
    house.settled();
    bot.kill();
    telegram.assert_content();
}

#[test]
fn a_link_that_has_ended_takes_nothing_and_the_button_under_it_brings_a_new_one() {
    let mut house = House::new();
    house.page = Some("https://cgo.example.com");
    house.admit(8, "Bo", Role::Member);
    house.project(8, "notes");
    let telegram = house.telegram.clone();
    telegram.change(|world| world.chats.insert(8));
    let run = house.needs_secret(8);
    house.tell();
    let bot = house.open();
    let card = telegram.hear(8, "A secret is needed");
    assert!(card.text.contains("Open this page within 15 minutes"), "{}", card.text);
    house.settled();
    house.sql("update secret_link set expires_at = 1");
    assert!(matches!(house.submit(&token(&card)), Err(Refused::Over)));
    assert_eq!(house.status(&run), RunStatus::WaitingSecret);
    let press = telegram.press(8, &card, "It is set");
    telegram.shown(&press);
    let anew = telegram.hear_after(8, card.id, "A secret is needed");
    assert_ne!(token(&anew), token(&card));
    house.submit(&token(&anew)).expect("the new one is good");
    assert!(matches!(house.submit(&token(&anew)), Err(Refused::Used)), "once");
    let press = telegram.press(8, &anew, "It is set");
    telegram.shown(&press);
    until("the run to go on", || house.status(&run) == RunStatus::Queued);
    house.settled();
    bot.kill();
    telegram.assert_content();
}

#[test]
fn a_link_that_leads_to_the_machine_itself_says_that_it_opens_only_there() {
    for (person, asked, opens) in [
        (8, "A secret is needed", "This page opens only on the machine where cgo serves"),
        (7, "Нужен секрет", "Эта страница откроется только на машине, где работает cgo"),
    ] {
        let mut house = House::new();
        house.page = Some("http://127.0.0.1:7717");
        house.admit(person, "Bo", Role::Member);
        house.project(person, "notes");
        let telegram = house.telegram.clone();
        telegram.change(|world| world.chats.insert(person));
        house.with(async |app| {
            let bo = users::by_name(&app.context, "Bo").await.unwrap();
            let language = if person == 7 { Language::Ru } else { Language::En };
            let wishes = users::Wishes { language: Some(language), ..users::Wishes::default() };
            users::set(&app.context, &bo, wishes).await.unwrap();
        });
        house.needs_secret(person);
        house.tell();
        let _bot = house.open();
        let card = telegram.hear(person, asked);
        assert!(card.text.contains(opens) && !token(&card).is_empty(), "{}", card.text);
        telegram.assert_content();
    }
}
