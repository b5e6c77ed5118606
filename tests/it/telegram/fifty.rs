//! Fifty conversations at once with `cgo serve` as people run it, which is killed in the middle of each of them.

use std::time::{Duration, Instant};

use cgo::domain::run::RunStatus;
use cgo::domain::user::{Identity, Role, UserName};
use cgo::ops::{projects, runs, users};

use super::house::House;
use super::server::{Sent, Telegram};
use super::whole::{Serving, environment};
use crate::serve::{app, block};
use crate::support::env::{TestEnv, tools_are_here};

/// People who are asked two questions about a new project and have it built and deployed.
const BUILDING: [i64; 2] = [1, 3];
/// How soon after it was sent a message is noted: one that is younger when the process is killed may be sent again.
const NOTED: Duration = Duration::from_secs(1);
/// How soon after the process was killed all that it had sent has arrived.
const ARRIVED: Duration = Duration::from_millis(300);

/// People who have a project deployed anew, and are asked which.
fn choosing() -> impl Iterator<Item = i64> {
    (1..=12).map(|number| number * 2)
}

/// People who are asked what they want, and give up.
fn leaving() -> impl Iterator<Item = i64> {
    (13..=24).map(|number| number * 2)
}

/// People who ask how things stand.
fn asking() -> impl Iterator<Item = i64> {
    (25..=48).map(|number| number * 2)
}

/// Those of them who ask when the others were heard.
fn asking_last() -> impl Iterator<Item = i64> {
    asking().filter(|person| *person >= 74)
}

fn everybody() -> impl Iterator<Item = i64> {
    BUILDING.into_iter().chain(choosing()).chain(leaving()).chain(asking())
}

/// Lets them in; those who choose have two projects each, nobody else has any.
fn seed(env: &TestEnv) {
    block(async {
        let app = app(env).await;
        for person in everybody() {
            let name = UserName::parse(&format!("P{person}")).unwrap();
            users::add(&app.context, name, Role::Member, vec![Identity::Telegram(person)], None).await.unwrap();
        }
        for person in choosing() {
            let own = House::person(&app.context, person).await;
            for name in [format!("left-{person}"), format!("right-{person}")] {
                House::own(&own, &name, "", &env.work().join(&name)).await;
            }
        }
        app.context.store.clone().close().await;
    });
}

fn is_result(sent: &Sent) -> bool {
    ["🎉", "❌", "🚫", "There are no projects yet"].iter().any(|mark| sent.text.starts_with(mark))
}

fn is_question(sent: &Sent) -> bool {
    sent.text.contains("Which project do you mean?") || sent.text.contains("1 of 2") || sent.text.contains("1 из 2")
}

fn is_doubt(sent: &Sent) -> bool {
    sent.text.contains("Cancel run-")
}

/// In how many of these chats there is such a message.
fn have(telegram: &Telegram, people: impl Iterator<Item = i64>, such: fn(&Sent) -> bool) -> usize {
    let world = telegram.world();
    people.filter(|person| world.messages.iter().any(|sent| sent.chat == *person && such(sent))).count()
}

fn wait_for(telegram: &Telegram, what: &str, count: usize, people: fn() -> Vec<i64>, such: fn(&Sent) -> bool) {
    telegram.wait(&format!("{what} in {count} chats"), |world| {
        let has = |person: &i64| world.messages.iter().any(|sent| sent.chat == *person && such(sent));
        (people().iter().filter(|person| has(person)).count() >= count).then_some(())
    });
}

/// The messages of a sort in a chat; one that was on its way when the process was killed may be there twice.
fn told(telegram: &Telegram, person: i64, kills: &[Instant], such: impl Fn(&Sent) -> bool) -> usize {
    let sent: Vec<Sent> = telegram.chat(person).into_iter().filter(such).collect();
    let on_its_way = |sent: &Sent| kills.iter().any(|kill| sent.at <= *kill + ARRIVED && sent.at + NOTED > *kill);
    // The last of several stays; each one before it was cut off.
    sent.iter().rev().skip(1).filter(|sent| !on_its_way(sent)).count() + usize::from(!sent.is_empty())
}

/// Each message is one run that is over as it should be, and nobody has more or less than they asked for.
fn once(env: &TestEnv) {
    block(async {
        let app = app(env).await;
        assert_eq!(runs::list(&app.context, 1000).await.unwrap().len(), 50, "each message is one run");
        for person in everybody() {
            let own = House::person(&app.context, person).await;
            let all = runs::list(&own, 1000).await.unwrap();
            let wanted = match person {
                1 | 3 | 50.. => RunStatus::Succeeded,
                2..=24 => RunStatus::Failed,
                _ => RunStatus::Cancelled,
            };
            assert_eq!(all.iter().map(|view| view.run.status).collect::<Vec<_>>(), [wanted], "{person}");
            let has = projects::list(&own).await.unwrap().len();
            let wanted = match person {
                1 | 3 => 1,
                2..=24 => 2,
                _ => 0,
            };
            assert_eq!(has, wanted, "{person}");
        }
        app.context.store.clone().close().await;
    });
}

/// Nobody was told anything twice, but for what was on its way when the process was killed, nor of what is another's.
fn each_is_told_once(telegram: &Telegram, kills: &[Instant]) {
    for person in everybody() {
        assert_eq!(told(telegram, person, kills, |sent| sent.text.starts_with("🛠")), 1, "{person}: how far it is");
        let questions = usize::from(person < 50);
        assert_eq!(told(telegram, person, kills, is_question), questions, "{person}: questions");
        assert_eq!(told(telegram, person, kills, is_result), 1, "{person}: results");
        let others = telegram.chat(person).iter().any(|sent| {
            choosing().filter(|other| *other != person).any(|other| sent.text.contains(&format!("left-{other}\n")))
        });
        assert!(!others, "{person} is told of what is another's");
    }
}

#[test]
fn fifty_conversations_go_on_to_their_end_across_kill_9_and_nothing_is_done_twice() {
    if !tools_are_here() {
        return;
    }
    let telegram = Telegram::start();
    let env = environment(&telegram);
    seed(&env);
    let mut kills = Vec::new();
    let mut kill = |serving: Serving| {
        kills.push(Instant::now());
        serving.kill();
    };
    let ask = |person| telegram.say(person, "How are things?");
    for person in everybody() {
        match person {
            1 | 3 => telegram.say(person, "сделай мне сервис"),
            2..=24 => telegram.say(person, "deploy it"),
            26..=48 => telegram.say(person, "make me a service"),
            ..74 => ask(person),
            _ => 0,
        };
    }
    assert_eq!(everybody().count(), 50);
    // Killed when some are told that something happens, and some were not heard yet.
    let serving = Serving::start(&env, "first.log");
    telegram.wait("the first chats", |world| (world.messages.len() >= 15).then_some(()));
    kill(serving);
    // Killed when some wait for an answer, some are at work, and others stand in the queue or were not heard yet.
    let serving = Serving::start(&env, "second.log");
    wait_for(&telegram, "a question", 8, || everybody().collect(), is_question);
    for person in asking_last() {
        ask(person);
    }
    kill(serving);
    assert!(have(&telegram, asking(), is_result) < 24, "nobody waits for an answer");
    // Killed when all who are asked something are.
    let serving = Serving::start(&env, "third.log");
    let asked = || BUILDING.into_iter().chain(choosing()).chain(leaving()).collect();
    wait_for(&telegram, "a question", 26, asked, is_question);
    kill(serving);
    // They answer while nobody listens: by a button, in words, or not at all.
    let question = |person| telegram.chat(person).into_iter().rfind(is_question).expect("a question");
    let mut presses = Vec::new();
    for person in choosing() {
        if person % 4 == 0 {
            telegram.say(person, &format!("left-{person}"));
        } else {
            presses.push(telegram.press(person, &question(person), &format!("left-{person}")));
        }
    }
    for person in leaving() {
        telegram.say(person, "/cancel");
    }
    for person in BUILDING {
        telegram.say(
            person,
            if person == 1 {
                "книги с названием и автором"
            } else {
                "заметки с заголовком"
            },
        );
    }
    // Killed when some of that was heard.
    let serving = Serving::start(&env, "fourth.log");
    // Who leaves is asked whether they mean it.
    wait_for(&telegram, "whether they leave", 12, || leaving().collect(), is_doubt);
    for person in leaving() {
        let doubt = telegram.chat(person).into_iter().rfind(is_doubt).expect("it was asked");
        presses.push(telegram.press(person, &doubt, "Yes"));
    }
    wait_for(&telegram, "the end", 4, || choosing().chain(leaving()).collect(), is_result);
    kill(serving);
    let serving = Serving::start(&env, "fifth.log");
    for person in BUILDING {
        let second = telegram.hear(person, "Вопрос 2 из 2");
        presses.push(telegram.press(person, &second, "HTTP API"));
    }
    for press in &presses {
        telegram.shown(press);
    }
    wait_for(&telegram, "the end", 50, || everybody().collect(), is_result);
    telegram.taken();
    serving.stop();
    once(&env);
    each_is_told_once(&telegram, &kills);
    telegram.assert_content();
}
