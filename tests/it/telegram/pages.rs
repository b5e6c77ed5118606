//! What does not fit on a phone comes in pages that are turned in their place: lists, what a command is for, choices.

use cgo::domain::chat::{BotId, ChatId, Followed, PersonId};
use cgo::domain::ids::RunId;
use cgo::domain::money::Usd;
use cgo::domain::run::{Question, RunStatus, Wait};
use cgo::domain::spec::Language;
use cgo::domain::user::Role;
use cgo::ops::chats::Chats;
use cgo::ops::runs;
use cgo::pipeline::runner;

use super::house::House;
use super::lists::spent;
use super::server::{BOT, Sent, Telegram};
use crate::users::{new_project, waiting_for};

/// More than fit on a page, and more than fit under a message.
const MANY: usize = 60;

impl House {
    fn projects(&self, owner: i64, count: usize) {
        for number in 0..count {
            self.project(owner, &format!("shelf-{number:02}"));
        }
    }

    /// Runs of a person, begun at a terminal, newest last.
    fn runs(&self, person: i64, count: usize) -> Vec<RunId> {
        self.with(async |app| {
            let theirs = House::person(&app.context, person).await;
            let mut begun = Vec::new();
            for number in 0..count {
                let request = new_project(&theirs, &format!("an API for number {number}"));
                begun.push(runner::create(&theirs, request).await.unwrap().id);
            }
            begun
        })
    }
}

/// Turns all pages of a message, from the first; the labels of the buttons that were on them, in their order.
fn turned(telegram: &Telegram, first: &Sent, pages: usize) -> Vec<String> {
    let mut labels = Vec::new();
    for page in 1..=pages {
        let here = format!("{page} of {pages}");
        let shown = telegram.wait(&format!("page {here} in its place"), |world| {
            world.messages.iter().find(|sent| sent.id == first.id && sent.labels().contains(&here)).cloned()
        });
        let turns = ["‹", "›", here.as_str()];
        labels.extend(shown.labels().into_iter().filter(|label| !turns.contains(&label.as_str())));
        assert_eq!(shown.labels().contains(&"‹".to_owned()), page > 1, "{:?}", shown.labels());
        if page < pages {
            let press = telegram.press(8, &shown, "›");
            assert_eq!(telegram.shown(&press).text, None);
        } else {
            assert!(!shown.labels().contains(&"›".to_owned()), "{:?}", shown.labels());
        }
    }
    labels
}

fn as_it_stands(telegram: &Telegram, message: &Sent) -> Sent {
    telegram.chat(message.chat).into_iter().find(|sent| sent.id == message.id).expect("it is there")
}

#[test]
fn the_project_a_command_is_for_is_chosen_among_sixty() {
    let house = House::new();
    house.admit(8, "Bo", Role::Member);
    house.admit(10, "Cy", Role::Member);
    house.projects(8, MANY);
    let telegram = house.telegram.clone();
    let _bot = house.open();
    telegram.say(8, "/stop");
    let asked = telegram.hear(8, "Which project?");
    let all: Vec<String> = (0..MANY).map(|number| format!("shelf-{number:02}")).collect();
    let mut offered = turned(&telegram, &asked, MANY.div_ceil(8));
    offered.sort();
    assert_eq!(offered, all);
    assert_eq!(telegram.chat(8).len(), 1, "pages are turned in their place");
    let last = as_it_stands(&telegram, &asked);
    let name = last.labels()[0].clone();
    let press = telegram.press(8, &last, &name);
    telegram.shown(&press);
    telegram.hear(8, &format!("Stop {name}?"));

    // A page that there is not is the last one; what is no list of ours means nothing.
    let gone = telegram.forge(8, &last, "l:stop:999");
    assert_eq!(telegram.shown(&gone).text, None);
    let nonsense = telegram.forge(8, &last, "l:destroy:0");
    assert!(telegram.shown(&nonsense).text.unwrap().starts_with("That button is not one of mine"));
    // Whoever presses sees their own, also under what is another's.
    let others = telegram.forge(10, &last, "l:stop:0");
    assert_eq!(telegram.shown(&others).text, None);
    telegram.hear_after(8, last.id, "There are no projects yet");
    assert_eq!(as_it_stands(&telegram, &asked).labels(), last.labels());
    telegram.assert_content();
}

#[test]
fn runs_are_listed_and_chosen_to_be_cancelled_however_many_there_are() {
    let house = House::new();
    house.admit(8, "Bo", Role::Member);
    house.admit(10, "Cy", Role::Member);
    house.runs(10, 3);
    let begun = house.runs(8, MANY);
    // What another has begun meanwhile takes no place on a page.
    house.runs(10, 3);
    house.with(async |app| {
        let chats = Chats::of(&app.context, BotId(BOT));
        for run in &begun {
            let followed = Followed::begun(run.clone(), ChatId(8), PersonId(8), Language::En);
            chats.follow(&followed).await.unwrap();
        }
    });
    let telegram = house.telegram.clone();
    telegram.change(|world| world.chats.insert(8));
    let _bot = house.open();
    let mut all: Vec<String> = begun.iter().map(|run| format!("{run}: waits for its turn")).collect();
    all.sort();
    let sorted = |mut labels: Vec<String>| {
        labels.sort();
        labels
    };
    let pages = MANY.div_ceil(8);
    let after = telegram.say(8, "/runs");
    let listed = telegram.hear_after(8, after, "Runs");
    assert_eq!(sorted(turned(&telegram, &listed, pages)), all);
    let after = telegram.say(8, "/cancel");
    let asked = telegram.hear_after(8, after, "Which run?");
    assert_eq!(sorted(turned(&telegram, &asked, pages)), all);
    let last = as_it_stands(&telegram, &asked);
    let press = telegram.press(8, &last, &last.labels()[0]);
    telegram.shown(&press);
    let sure = telegram.hear_after(8, asked.id, "Cancel run-");
    assert!(last.labels()[0].starts_with(sure.text.trim_start_matches("⚠️ Cancel ").trim_end_matches('?')), "{sure:?}");
    telegram.assert_content();
}

/// A run of Bo's that waits for the answer to a question with many choices.
fn which_shelf(house: &House, text: &str) -> (RunId, Vec<String>) {
    let choices: Vec<String> = (0..MANY).map(|number| format!("shelf-{number:02}")).collect();
    let question =
        Question { id: "shelf".to_owned(), text: text.to_owned(), choices: choices.clone(), assumption: None };
    let run = house.with(async |app| {
        let theirs = House::person(&app.context, 8).await;
        waiting_for(&theirs, new_project(&theirs, "shelves"), Wait::Input, question).await.0.id
    });
    (run, choices)
}

#[test]
fn the_choices_of_a_question_are_turned_and_answered_until_it_is_answered() {
    let house = House::new();
    house.admit(8, "Bo", Role::Member);
    house.admit(10, "Cy", Role::Member);
    let (run, choices) = which_shelf(&house, "Which shelf?");
    let telegram = house.telegram.clone();
    telegram.change(|world| world.chats.insert(8));
    house.tell();
    let _bot = house.open();
    let asked = telegram.hear(8, "Which shelf?");
    house.settled();
    assert_eq!(turned(&telegram, &asked, MANY.div_ceil(8)), choices);
    let last = as_it_stands(&telegram, &asked);
    let back = last.data("‹");
    let foreign = telegram.forge(10, &last, &back);
    assert_eq!(telegram.shown(&foreign).text.as_deref(), Some("You may not do that"));
    let chosen = last.labels()[0].clone();
    let press = telegram.press(8, &last, &chosen);
    assert_eq!(telegram.shown(&press).text.as_deref(), Some(chosen.as_str()));
    house.settled();
    assert_eq!(house.status(&run), RunStatus::Queued);
    let stale = telegram.forge(8, &last, &back);
    assert_eq!(telegram.shown(&stale).text.as_deref(), Some("That was answered already."));
    assert!(as_it_stands(&telegram, &asked).labels().is_empty(), "an answered question has no buttons");
    let answers = house.with(async |app| {
        let events = runs::events(&app.context, &run, 0).await.unwrap();
        events.into_iter().filter(|event| event.kind == "answered").map(|event| event.body).collect::<Vec<_>>()
    });
    assert!(answers.len() == 1 && answers[0].contains(&chosen), "{answers:?}");
    telegram.assert_content();
}

#[test]
fn a_question_longer_than_a_message_comes_in_several_the_last_of_which_has_its_choices() {
    let house = House::new();
    house.admit(8, "Bo", Role::Member);
    let lines: Vec<String> = (0..400).map(|at| format!("{at}. a *shelf* of_[jars] (no. {at})! `x` \\ ёж 🫙")).collect();
    let text = lines.join("\n");
    assert!(text.encode_utf16().count() > 3 * 4096);
    let (run, choices) = which_shelf(&house, &text);
    let telegram = house.telegram.clone();
    telegram.change(|world| world.chats.insert(8));
    house.tell();
    let bot = house.open();
    let last = telegram.hear(8, &lines[lines.len() - 1]);
    house.settled();
    let parts: Vec<Sent> = telegram.chat(8).into_iter().filter(|sent| sent.text.contains("[jars]")).collect();
    let (end, before) = parts.split_last().expect("there are some");
    assert!(parts.len() > 3 && end.id == last.id && parts[0].text.starts_with('❓'), "{parts:?}");
    assert!(before.iter().all(|sent| sent.labels().is_empty()), "only the last can be answered by a button");
    let told: Vec<&str> =
        parts.iter().flat_map(|sent| sent.text.lines()).filter(|line| line.contains("[jars]")).collect();
    assert_eq!(told, lines, "every line is there, once and whole");

    assert_eq!(turned(&telegram, end, MANY.div_ceil(8)), choices);
    let shown = as_it_stands(&telegram, end);
    assert_eq!(shown.text, end.text, "turning the choices leaves the question as it is");
    let chosen = shown.labels()[0].clone();
    let press = telegram.press(8, &shown, &chosen);
    assert_eq!(telegram.shown(&press).text.as_deref(), Some(chosen.as_str()));
    house.settled();
    assert_eq!(house.status(&run), RunStatus::Queued);
    bot.kill();
    assert!(as_it_stands(&telegram, end).labels().is_empty(), "an answered question has no buttons");
    let asked = telegram.chat(8).into_iter().filter(|sent| sent.text.contains("[jars]")).count();
    assert_eq!(asked, parts.len(), "it is asked once");
    telegram.assert_content();
}

#[test]
fn costs_come_in_pages_with_what_all_have_cost_on_the_first() {
    let house = House::new();
    house.admit(8, "Bo", Role::Member);
    house.projects(8, 10);
    house.with(async |app| {
        let bo = House::person(&app.context, 8).await;
        for number in 0..10 {
            spent(&bo, Some(&format!("shelf-{number:02}")), Usd::from_billionths(2_500_000_000)).await;
        }
    });
    let telegram = house.telegram.clone();
    let _bot = house.open();
    telegram.say(8, "/cost");
    let first = telegram.hear(8, "Costs of models");
    let lines = |sent: &Sent| sent.text.matches("• shelf-").count();
    assert!(first.text.contains("In all: $25.00") && lines(&first) == 7, "{}", first.text);
    turned(&telegram, &first, 2);
    let last = as_it_stands(&telegram, &first);
    assert!(last.text.starts_with("Costs of models") && lines(&last) == 3, "{}", last.text);
    telegram.assert_content();
}
